// SPDX-License-Identifier: Apache-2.0
/* Clients of the host that want to speak to the guest. */

#include "dev/vsock_host.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/macros.h"
#include "base/metrics.h"
#include "host/host.h"

enum { ACCEPTS_IN_A_ROW = 64, PAUSE_NS = 100000000 };

struct vsock_caller {
    struct vsock_host *host;           /* borrowed */
    struct vsock_caller *next, **self; /* who points here */
    struct worker_watch watch;         /* its fd is owned */
};

/* --- the line --- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word, or an empty one; moves *at behind it. */
static unsigned word(const char *line, unsigned len, unsigned *at,
                     const char **text)
{
    unsigned start;

    while (*at < len && is_blank(line[*at]))
        ++*at;
    start = *at;
    while (*at < len && !is_blank(line[*at]))
        ++*at;
    *text = line + start;
    return *at - start;
}

/* A decimal number of 32 bits; upstream's reader also takes a plus. */
static bool parse_port(const char *text, unsigned len, uint32_t *port)
{
    unsigned at = len > 1 && text[0] == '+';
    uint64_t value = 0;

    if (!len)
        return false;
    for (; at < len; at++) {
        if (text[at] < '0' || text[at] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[at] - '0');
        if (value > UINT32_MAX)
            return false;
    }
    *port = (uint32_t)value;
    return true;
}

bool vsock_host_parse(const char *line, unsigned len, uint32_t *port)
{
    static const char connect[] = "connect";
    const char *text;
    unsigned at = 0, word_len;

    if (!len || memchr(line, '\n', len) != line + len - 1)
        return false;
    word_len = word(line, len, &at, &text);
    if (word_len != sizeof(connect) - 1 ||
        strncasecmp(text, connect, word_len) != 0)
        return false;
    word_len = word(line, len, &at, &text);
    return parse_port(text, word_len, port);
}

static bool read_exactly(int fd, char *to, unsigned len)
{
    const struct iovec iov = {to, len};

    return host_socket_receive(fd, &iov, 1) == (int64_t)len;
}

static bool read_line(int fd, uint32_t *port)
{
    char line[VSOCK_LINE_MAX];
    unsigned len = VSOCK_LINE_MIN;

    if (!read_exactly(fd, line, len))
        return false;
    while (line[len - 1] != '\n' && len < sizeof(line))
        if (!read_exactly(fd, line + len++, 1))
            return false;
    return vsock_host_parse(line, len, port);
}

/* --- callers --- */

/* What comes back is its fd, which is the caller's now. */
static int forget(struct vsock_caller *c)
{
    int fd = c->watch.fd;

    worker_watch_stop(c->host->worker, &c->watch);
    *c->self = c->next;
    if (c->next)
        c->next->self = c->self;
    c->host->num_callers--;
    heap_free(c);
    return fd;
}

static void on_line(void *ctx, unsigned ready)
{
    struct vsock_caller *c = ctx;
    struct vsock_host *h = c->host;
    int fd = forget(c);
    uint32_t port;

    (void)ready;
    if (read_line(fd, &port)) {
        h->ask(h->ctx, fd, port);
        return;
    }
    metric_inc(&metrics.vsock.muxer_event_fails);
    close(fd);
}

/* Takes fd. */
static void add_caller(struct vsock_host *h, int fd)
{
    struct vsock_caller *c = NULL;

    if (h->num_callers < VSOCK_MAX_CALLERS && !h->is_full(h->ctx))
        c = heap_zalloc(sizeof(*c));
    if (!c) {
        close(fd);
        return;
    }
    c->host = h;
    c->watch = (struct worker_watch){.fd = fd, .fn = on_line, .ctx = c};
    c->next = h->callers;
    c->self = &h->callers;
    if (c->next)
        c->next->self = &c->next;
    h->callers = c;
    h->num_callers++;
    if (worker_watch_set(h->worker, &c->watch, WORKER_IN) < 0)
        close(forget(c));
}

/* --- the door --- */

static void on_caller(void *ctx, unsigned ready)
{
    struct vsock_host *h = ctx;
    int fd;

    (void)ready;
    for (unsigned n = 0; n < ACCEPTS_IN_A_ROW; n++) {
        fd = host_unix_accept(h->listener.fd);
        if (fd < 0)
            break;
        add_caller(h, fd);
    }
    if (fd >= 0 || fd == -EAGAIN || fd == -ECONNABORTED || fd == -EINTR)
        return;
    /* Out of descriptors, most likely: it would tell us so all the time. */
    metric_inc(&metrics.vsock.muxer_event_fails);
    worker_watch_stop(h->worker, &h->listener);
    worker_timer_set(h->worker, &h->pause, host_mono_ns() + PAUSE_NS);
}

static void after_pause(void *ctx)
{
    struct vsock_host *h = ctx;

    worker_watch_set(h->worker, &h->listener, WORKER_IN);
}

void vsock_host_init(struct vsock_host *h, struct worker *worker, int listener)
{
    h->worker = worker;
    h->listener =
        (struct worker_watch){.fd = listener, .fn = on_caller, .ctx = h};
    h->pause = (struct worker_timer){.fn = after_pause, .ctx = h};
}

int vsock_host_start(struct vsock_host *h)
{
    return worker_watch_set(h->worker, &h->listener, WORKER_IN);
}

void vsock_host_stop(struct vsock_host *h)
{
    worker_watch_stop(h->worker, &h->listener);
    worker_timer_stop(h->worker, &h->pause);
    while (h->callers)
        close(forget(h->callers));
}
