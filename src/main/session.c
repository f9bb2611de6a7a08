// SPDX-License-Identifier: Apache-2.0
/* One microVM from its start to its end. */

#include "main/session.h"

#include "accel/accel.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/metrics.h"
#include "dev/console.h"
#include "vm/attach.h"
#include "vm/terminal.h"
#include "vm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <uv.h> /* after macros.h: it brings MIN and MAX of its own */

enum { FLUSH_MS = 60000 };

struct session {
    struct session_options opt;
    uv_loop_t loop;
    uv_async_t ended; /* rung by whoever sees the VM end */
    uv_async_t wake;
    uv_timer_t flush;
    struct console *console; /* owned, as the next two */
    struct terminal *terminal;
    struct vm *vm;
    int serial_fd; /* owned; -1: standard output */
    bool paused;
    bool quit;        /* the person at the terminal wants to leave */
    struct err error; /* of session_give_up */
};

/* On a vCPU's thread. */
static void on_end(void *ctx)
{
    struct session *s = ctx;

    uv_async_send(&s->ended);
}

static void on_ended(uv_async_t *async)
{
    struct session *s = container_of(async, struct session, ended);

    uv_stop(&s->loop);
}

static void on_quit(void *ctx)
{
    struct session *s = ctx;

    s->quit = true;
    uv_stop(&s->loop);
}

static void on_wake(uv_async_t *async)
{
    struct session *s = container_of(async, struct session, wake);

    if (s->opt.on_wake)
        s->opt.on_wake(s->opt.ctx);
}

/* As upstream: a VM that is paused does not write metrics by itself. */
static void on_flush(uv_timer_t *timer)
{
    struct session *s = container_of(timer, struct session, flush);

    if (!s->paused)
        metrics_flush();
}

void session_wake(struct session *s)
{
    uv_async_send(&s->wake);
}

/* ---- starting ---- */

static int open_serial(struct session *s, const char *path, struct err *e)
{
    if (!path)
        return 0;
    s->serial_fd = open(
        path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0666);
    if (s->serial_fd < 0)
        return err_set(e, -errno,
                       "cannot open serial_out_path %.200s: %s (os error %d)",
                       path, strerror(errno), errno);
    return 0;
}

static int start_terminal(struct session *s, struct err *e)
{
    const struct terminal_opts opts = {
        .in_fd = STDIN_FILENO,
        .out_fd = s->serial_fd >= 0 ? s->serial_fd : STDOUT_FILENO,
        .input =
            s->opt.any_input ? TERMINAL_INPUT_ANY : TERMINAL_INPUT_UPSTREAM,
        .on_quit = on_quit,
        .ctx = s,
    };

    s->terminal = terminal_new(&s->loop, s->console, &opts, e);
    return s->terminal ? 0 : -EIO;
}

/* The guest's last words go out before the console goes. */
static void drop_vm(struct session *s)
{
    terminal_free(s->terminal);
    vm_free(s->vm);
    console_free(s->console);
    if (s->serial_fd >= 0)
        close(s->serial_fd);
    s->terminal = NULL;
    s->vm = NULL;
    s->console = NULL;
    s->serial_fd = -1;
}

static int start(struct session *s, const struct vm_config *cfg, struct err *e)
{
    const struct bucket_config limit =
        bucket_config_of(&cfg->devices.serial.limit);
    int rc;

    s->console = console_new(e);
    if (!s->console)
        return -EIO;
    console_limit(s->console, &limit);
    s->vm = vm_new(cfg, s->console, on_end, s, e);
    if (!s->vm)
        return -EIO;
    rc = open_serial(s, cfg->devices.serial.out_path, e);
    if (rc == 0)
        rc = start_terminal(s, e);
    return rc < 0 ? rc : vm_start(s->vm, e);
}

int session_start(struct session *s, const struct vm_config *cfg, struct err *e)
{
    int rc = start(s, cfg, e);

    if (rc < 0)
        drop_vm(s);
    return rc;
}

struct attached *session_attached(const struct session *s)
{
    return s->vm ? vm_attached(s->vm) : NULL;
}

void session_pause(struct session *s)
{
    vm_pause(s->vm);
    s->paused = true;
}

void session_resume(struct session *s)
{
    vm_resume(s->vm);
    s->paused = false;
}

void session_give_up(struct session *s, const struct err *why)
{
    s->error = *why;
    uv_stop(&s->loop);
}

/* ---- ending ---- */

static void print_stats(const struct vm *vm)
{
    uint64_t value;
    const char *name;

    for (unsigned n = 0; (name = vm_stat(vm, n, &value)) != NULL; n++)
        fprintf(stderr, "%-32s %" PRIu64 "\n", name, value);
}

/* The lines are upstream's, whatever runs the guest. */
static void log_stopping(enum system_event event)
{
    log_info("Received KVM_SYSTEM_EVENT: type: %d, event: [0]", (int)event);
    log_info("Vmm is stopping.");
}

/* The VM has stopped: what came of it? */
static int outcome(const struct session *s, struct err *e)
{
    if (s->error.code)
        return err_set(e, s->error.code, "%s", s->error.text);
    switch (s->vm ? vm_end(s->vm) : VM_STOPPED) {
    case VM_OFF:
        log_stopping(SYSTEM_EVENT_OFF);
        return 0;
    case VM_RESET:
        log_stopping(SYSTEM_EVENT_RESET);
        return 0;
    case VM_FAILED:
        return err_set(e, -EIO, "%s", vm_end_error(s->vm));
    default:
        return s->quit ? 0 : err_set(e, -EIO, "the event loop ended early");
    }
}

int session_wait(struct session *s, struct err *e)
{
    uv_run(&s->loop, UV_RUN_DEFAULT);
    if (s->vm)
        vm_stop(s->vm);
    terminal_free(s->terminal);
    s->terminal = NULL;
    if (s->opt.stats && s->vm)
        print_stats(s->vm);
    return outcome(s, e);
}

/* ---- life ---- */

struct session *session_new(const struct session_options *opt, struct err *e)
{
    struct session *s = heap_zalloc(sizeof(*s));
    int rc;

    if (!s) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    s->opt = *opt;
    s->serial_fd = -1;
    rc = uv_loop_init(&s->loop);
    if (rc < 0) {
        err_set(e, rc, "cannot make an event loop: %s", uv_strerror(rc));
        heap_free(s);
        return NULL;
    }
    rc = uv_async_init(&s->loop, &s->ended, on_ended);
    if (rc == 0)
        rc = uv_async_init(&s->loop, &s->wake, on_wake);
    if (rc < 0) {
        err_set(e, rc, "cannot make an event loop: %s", uv_strerror(rc));
        heap_free(s); /* the loop's few descriptors go with the process */
        return NULL;
    }
    uv_timer_init(&s->loop, &s->flush);
    uv_timer_start(&s->flush, on_flush, FLUSH_MS, FLUSH_MS);
    uv_unref((uv_handle_t *)&s->flush);
    return s;
}

/* What is still open belongs to the terminal, which closes it as the loop
   runs its last rounds. */
static void close_loop(struct session *s)
{
    uv_close((uv_handle_t *)&s->ended, NULL);
    uv_close((uv_handle_t *)&s->wake, NULL);
    uv_close((uv_handle_t *)&s->flush, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);
}

void session_free(struct session *s)
{
    if (!s)
        return;
    drop_vm(s);
    close_loop(s);
    heap_free(s);
}

int session_run(const struct vm_config *cfg, const struct session_options *opt,
                struct err *e)
{
    struct session *s = session_new(opt, e);
    int rc;

    if (!s)
        return -EIO;
    rc = session_start(s, cfg, e);
    if (rc == 0)
        rc = session_wait(s, e);
    session_free(s);
    return rc;
}
