// SPDX-License-Identifier: Apache-2.0
/* One microVM from its configuration to its end. */

#include "main/session.h"

#include "base/log.h"
#include "base/macros.h"
#include "dev/console.h"
#include "vm/terminal.h"
#include "vm/vm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <uv.h> /* after macros.h: it brings MIN and MAX of its own */

struct session {
    uv_loop_t loop;
    uv_async_t ended; /* rung by whoever sees the VM end */
    struct console *console;
    struct terminal *terminal;
    struct vm *vm;
    bool quit; /* the person at the terminal wants to leave */
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

static int start_terminal(struct session *s, bool any_input, struct err *e)
{
    const struct terminal_opts opts = {
        .in_fd = STDIN_FILENO,
        .out_fd = STDOUT_FILENO,
        .input = any_input ? TERMINAL_INPUT_ANY : TERMINAL_INPUT_UPSTREAM,
        .on_quit = on_quit,
        .ctx = s,
    };

    s->terminal = terminal_new(&s->loop, s->console, &opts, e);
    return s->terminal ? 0 : -EIO;
}

static int start(struct session *s, const struct vm_config *cfg,
                 const struct session_options *opt, struct err *e)
{
    int rc;

    s->console = console_new(e);
    if (!s->console)
        return -EIO;
    s->vm = vm_new(cfg, s->console, on_end, s, e);
    if (!s->vm)
        return -EIO;
    rc = start_terminal(s, opt->any_input, e);
    return rc < 0 ? rc : vm_start(s->vm, e);
}

static void print_stats(const struct vm *vm)
{
    uint64_t value;
    const char *name;

    for (unsigned n = 0; (name = vm_stat(vm, n, &value)) != NULL; n++)
        fprintf(stderr, "%-32s %" PRIu64 "\n", name, value);
}

/* The VM has stopped: what came of it? */
static int outcome(const struct session *s, struct err *e)
{
    switch (vm_end(s->vm)) {
    case VM_OFF:
    case VM_RESET:
        log_info("Vmm is stopping.");
        return 0;
    case VM_FAILED:
        return err_set(e, -EIO, "%s", vm_end_error(s->vm));
    default:
        return s->quit ? 0 : err_set(e, -EIO, "the event loop ended early");
    }
}

static int run(struct session *s, const struct vm_config *cfg,
               struct session_options *opt, struct err *e)
{
    int rc = start(s, cfg, opt, e);

    if (rc < 0)
        return rc;
    opt->started = true;
    if (opt->on_started)
        opt->on_started();
    uv_run(&s->loop, UV_RUN_DEFAULT);
    vm_stop(s->vm);
    terminal_free(s->terminal); /* the guest's last words go out first */
    s->terminal = NULL;
    if (opt->stats)
        print_stats(s->vm);
    return outcome(s, e);
}

/* What is still open belongs to the terminal, which closes it as the loop
   runs its last rounds. */
static void close_loop(struct session *s)
{
    uv_close((uv_handle_t *)&s->ended, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);
}

int session_run(const struct vm_config *cfg, struct session_options *opt,
                struct err *e)
{
    struct session s = {0};
    int rc = uv_loop_init(&s.loop);

    if (rc < 0)
        return err_set(e, rc, "cannot make an event loop: %s", uv_strerror(rc));
    rc = uv_async_init(&s.loop, &s.ended, on_ended);
    if (rc < 0) {
        uv_loop_close(&s.loop);
        return err_set(e, rc, "cannot make an event loop: %s", uv_strerror(rc));
    }
    rc = run(&s, cfg, opt, e);
    terminal_free(s.terminal);
    vm_free(s.vm);
    close_loop(&s);
    console_free(s.console);
    return rc;
}
