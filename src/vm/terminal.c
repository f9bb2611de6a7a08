// SPDX-License-Identifier: Apache-2.0
/* The reading and the writing thread between the console and the host. */

#include "vm/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/macros.h"
#include "dev/console.h"
#include "host/host.h"
#include "vm/tty_raw.h"

enum {
    PENDING_ITEMS = 64 * 1024, /* read but not yet taken by the console */
    READ_BYTES = 4096,
    WRITE_BYTES = 4096,
    BACKGROUND_MS =
        500,      /* how often a background job looks whether it is one */
    ESCAPE = 0x01 /* Ctrl-A */
};

static const uint64_t flush_ns = 1000000000;

static const char help[] = "\r\n"
                           "Ctrl-A x       stop the microVM and leave\r\n"
                           "Ctrl-A b       send a break to the serial port\r\n"
                           "Ctrl-A Ctrl-A  send Ctrl-A\r\n"
                           "Ctrl-A h       this help\r\n";

struct terminal {
    struct terminal_opts opts;
    struct console *console; /* borrowed */
    uv_async_t quit;
    atomic_bool closing; /* the threads shall end */
    bool is_tty;         /* of in_fd, and raw */
    bool has_quit, has_reader, has_writer, has_hooks; /* to be undone */

    /* The writing thread. */
    pthread_t writer;
    struct host_waker *out_waker, *written; /* owned; more, all written */
    struct pollfd out_poll;
    uint8_t out_buf[WRITE_BYTES];

    /* The reading thread. It sleeps in poll, and a byte in the pipe wakes it:
       the console wants input, or the end has come. */
    pthread_t reader;
    int wake[2];  /* owned; -1 */
    bool more;    /* the input has not ended */
    bool escaped; /* Ctrl-A was the last byte */
    size_t num_pending;
    uint16_t pending[PENDING_ITEMS];
    uint8_t in_buf[READ_BYTES];
};

/*
 * Both threads can be cancelled only where they may sleep for long, with no
 * lock held: between these two. What they point into then is in struct
 * terminal, not on their stacks: cancelling unwinds a stack in ways that the
 * address sanitizer does not follow. What has locals to point at is therefore
 * not inlined into who is cancelled.
 */
#define OFF_STACK static __attribute__((noinline))

OFF_STACK void cancel_on(void)
{
    int old;

    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
}

OFF_STACK void cancel_off(void)
{
    int old;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
}

static ssize_t may_cancel_read(int fd, void *buf, size_t bytes)
{
    ssize_t got;

    cancel_on();
    got = read(fd, buf, bytes);
    cancel_off();
    return got;
}

static ssize_t may_cancel_write(int fd, const void *buf, size_t bytes)
{
    ssize_t put;

    cancel_on();
    put = write(fd, buf, bytes);
    cancel_off();
    return put;
}

static void may_cancel_poll(struct pollfd *p)
{
    cancel_on();
    poll(p, 1, -1);
    cancel_off();
}

/* What cannot be written (no reader, a full disk) is dropped, and the next is
   tried again: the guest does not notice. */
static void write_all(struct terminal *t, size_t bytes)
{
    const uint8_t *from = t->out_buf;

    while (bytes > 0 && t->opts.out_fd >= 0) {
        ssize_t put = may_cancel_write(t->opts.out_fd, from, bytes);

        if (put > 0) {
            from += put;
            bytes -= (size_t)put;
        } else if (put < 0 && errno == EAGAIN) {
            /* Somebody made it non-blocking. */
            t->out_poll.fd = t->opts.out_fd;
            t->out_poll.events = POLLOUT;
            may_cancel_poll(&t->out_poll);
        } else if (put == 0 || errno != EINTR) {
            return;
        }
    }
}

static void *write_output(void *arg)
{
    struct terminal *t = arg;

    cancel_off();
    log_thread_name("console_out");
    for (;;) {
        bool last = atomic_load(&t->closing);
        size_t count = console_drain(t->console, t->out_buf, WRITE_BYTES);

        if (count > 0)
            write_all(t, count);
        else if (last)
            break;
        else
            host_waker_wait(t->out_waker, UINT64_MAX);
    }
    host_waker_wake(t->written);
    return NULL;
}

static void wake_writer(void *ctx)
{
    host_waker_wake(((struct terminal *)ctx)->out_waker);
}

static void wake_reader(void *ctx)
{
    struct terminal *t = ctx;

    /* A full pipe has a wake-up in it already. */
    if (t->wake[1] >= 0 && write(t->wake[1], "", 1) < 0)
        return;
}

static void put_help(struct terminal *t)
{
    for (const char *s = help; *s; s++)
        console_put(t->console, (uint8_t)*s);
}

static void push(struct terminal *t, uint16_t item)
{
    t->pending[t->num_pending++] = item;
}

static void push_escaped(struct terminal *t, uint8_t byte)
{
    switch (byte) {
    case 'x':
        uv_async_send(&t->quit);
        break;
    case 'h':
    case '?':
        put_help(t);
        break;
    case 'b':
        push(t, CONSOLE_BREAK);
        break;
    case ESCAPE:
        push(t, ESCAPE);
        break;
    default:
        break;
    }
}

/* At most one item a byte: the caller has made room. */
static void push_bytes(struct terminal *t, const uint8_t *bytes, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        if (t->escaped) {
            t->escaped = false;
            push_escaped(t, bytes[n]);
        } else if (t->is_tty && bytes[n] == ESCAPE) {
            t->escaped = true;
        } else {
            push(t, bytes[n]);
        }
    }
}

static void feed_pending(struct terminal *t)
{
    size_t fed = console_feed(t->console, t->pending, t->num_pending);

    t->num_pending -= fed;
    memmove(t->pending, t->pending + fed,
            t->num_pending * sizeof(t->pending[0]));
}

/* False: there is nothing more to come, which is not the end of the VM. */
static bool read_some(struct terminal *t)
{
    size_t room = PENDING_ITEMS - t->num_pending;
    ssize_t got =
        may_cancel_read(t->opts.in_fd, t->in_buf, MIN(room, sizeof(t->in_buf)));

    if (got > 0) {
        push_bytes(t, t->in_buf, (size_t)got);
        return true;
    }
    if (got == 0)
        return false;
    if (errno == EIO && t->is_tty)
        return !tty_is_foreground(t->opts.in_fd); /* we were, a moment ago */
    return errno == EINTR || errno == EAGAIN;
}

static void empty_pipe(int fd)
{
    uint8_t buf[64];

    while (read(fd, buf, sizeof(buf)) > 0)
        ;
}

/* Whether to look at the input now: a background job must not, and what it
   finds when it is in the foreground again is no longer raw. */
static bool may_read(struct terminal *t)
{
    if (!t->is_tty)
        return true;
    if (!tty_is_foreground(t->opts.in_fd))
        return false;
    tty_raw_resume();
    return true;
}

/* Sleeps until there is something to read or the console wants it. */
OFF_STACK bool wait_for_input(struct terminal *t)
{
    bool may = t->more && may_read(t);
    bool room = t->num_pending < PENDING_ITEMS;
    struct pollfd p[2] = {
        {.fd = t->wake[0], .events = POLLIN},
        {.fd = may && room ? t->opts.in_fd : -1, .events = POLLIN},
    };

    if (poll(p, 2, t->more && !may ? BACKGROUND_MS : -1) <= 0)
        return false;
    if (p[0].revents)
        empty_pipe(t->wake[0]);
    return p[1].revents != 0;
}

static void *read_input(void *arg)
{
    struct terminal *t = arg;

    cancel_off();
    log_thread_name("console_in");
    while (!atomic_load(&t->closing)) {
        if (wait_for_input(t))
            t->more = read_some(t);
        feed_pending(t);
    }
    return NULL;
}

static void on_quit(uv_async_t *quit)
{
    struct terminal *t = quit->data;

    if (t->opts.on_quit && !atomic_load(&t->closing))
        t->opts.on_quit(t->opts.ctx);
}

static bool wants_input(const struct terminal_opts *opts)
{
    struct stat st;

    if (opts->input == TERMINAL_INPUT_NONE || opts->in_fd < 0 ||
        fstat(opts->in_fd, &st) < 0)
        return false;
    return opts->input == TERMINAL_INPUT_ANY || S_ISFIFO(st.st_mode) ||
           isatty(opts->in_fd);
}

/* Without signals, a write to a closed pipe is an error here, and a read by a
   background job, too. */
static int start_thread(pthread_t *thread, void *(*run)(void *),
                        struct terminal *t, struct err *e)
{
    int rc = host_thread_start(thread, run, t);

    if (rc < 0)
        return err_set(e, rc, "cannot start a thread for the console: %s",
                       strerror(-rc));
    return 0;
}

static int start_writer(struct terminal *t, struct err *e)
{
    struct stat st;
    int ret;

    /* A closed descriptor may become somebody's disk later. */
    if (t->opts.out_fd >= 0 && fstat(t->opts.out_fd, &st) < 0)
        t->opts.out_fd = -1;
    t->out_waker = host_waker_new();
    t->written = host_waker_new();
    if (!t->out_waker || !t->written)
        return err_set(e, -ENOMEM, "out of memory");
    ret = start_thread(&t->writer, write_output, t, e);
    t->has_writer = ret == 0;
    return ret;
}

static int make_pipe(int fds[2], struct err *e)
{
    if (pipe(fds) < 0) {
        fds[0] = fds[1] = -1;
        return err_set(e, -errno, "cannot make a pipe: %s", strerror(errno));
    }
    for (unsigned n = 0; n < 2; n++) {
        fcntl(fds[n], F_SETFD, FD_CLOEXEC);
        fcntl(fds[n], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

static int start_reader(struct terminal *t, struct err *e)
{
    int ret = make_pipe(t->wake, e);

    t->more = true;
    if (ret < 0)
        return ret;
    if (isatty(t->opts.in_fd)) {
        ret = tty_raw_enter(t->opts.in_fd, e);
        if (ret < 0)
            return ret;
        t->is_tty = true;
    }
    ret = start_thread(&t->reader, read_input, t, e);
    t->has_reader = ret == 0;
    return ret;
}

static int start_quit(struct terminal *t, uv_loop_t *loop, struct err *e)
{
    int ret = uv_async_init(loop, &t->quit, on_quit);

    if (ret < 0)
        return err_set(e, ret, "cannot make a console: %s", uv_strerror(ret));
    t->has_quit = true;
    t->quit.data = t;
    uv_unref((uv_handle_t *)&t->quit);
    return 0;
}

struct terminal *terminal_new(struct uv_loop_s *loop, struct console *console,
                              const struct terminal_opts *opts, struct err *e)
{
    struct terminal *t = heap_zalloc(sizeof(*t));

    if (!t) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    t->opts = *opts;
    t->console = console;
    t->wake[0] = t->wake[1] = -1;
    if (start_quit(t, loop, e) < 0 || start_writer(t, e) < 0)
        goto fail;
    if (wants_input(opts) && start_reader(t, e) < 0)
        goto fail;
    console_set_hooks(console,
                      &(struct console_hooks){.out_waiting = wake_writer,
                                              .in_wanted = wake_reader,
                                              .ctx = t});
    t->has_hooks = true;
    wake_writer(t); /* what came before the hooks */
    wake_reader(t);
    return t;

fail:
    terminal_free(t);
    return NULL;
}

static void stop_reader(struct terminal *t)
{
    if (!t->has_reader)
        return;
    wake_reader(t);
    pthread_cancel(t->reader);
    pthread_join(t->reader, NULL);
}

static void stop_writer(struct terminal *t)
{
    if (!t->has_writer)
        return;
    wake_writer(t);
    if (!host_waker_wait(t->written, host_mono_ns() + flush_ns))
        pthread_cancel(t->writer); /* nobody reads what it writes */
    pthread_join(t->writer, NULL);
}

static void on_closed(uv_handle_t *quit)
{
    heap_free(quit->data);
}

void terminal_free(struct terminal *t)
{
    if (!t)
        return;
    atomic_store(&t->closing, true);
    stop_reader(t);
    stop_writer(t);
    if (t->has_hooks)
        console_set_hooks(t->console, NULL);
    if (t->is_tty)
        tty_raw_leave();
    if (console_lost(t->console) > 0)
        log_warn("%llu bytes of console output were lost: nobody read them",
                 (unsigned long long)console_lost(t->console));
    host_waker_free(t->out_waker);
    host_waker_free(t->written);
    for (unsigned n = 0; n < 2; n++) {
        if (t->wake[n] >= 0)
            close(t->wake[n]);
    }
    if (t->has_quit)
        uv_close((uv_handle_t *)&t->quit, on_closed);
    else
        heap_free(t);
}
