// SPDX-License-Identifier: Apache-2.0
/*
 * A vsock connection. Its bytes go from the guest's memory to the socket and
 * back without a copy of ours, but for those that the socket has no room for:
 * the credit that the guest has bounds them.
 */

#include "dev/vsock_conn.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/macros.h"
#include "base/metrics.h"
#include "host/host.h"

enum { CREDIT_MUCH = 16384 };

int vsock_conn_init(struct vsock_conn *c, uint32_t local_port,
                    uint32_t guest_port, uint32_t buf_bytes)
{
    *c = (struct vsock_conn){.local_port = local_port,
                             .guest_port = guest_port,
                             .buf_bytes = buf_bytes,
                             .fd = -1};
    c->buf = heap_alloc(buf_bytes);
    return c->buf ? 0 : -ENOMEM;
}

static void close_socket(struct vsock_conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

void vsock_conn_release(struct vsock_conn *c)
{
    close_socket(c);
    heap_free(c->buf);
    c->buf = NULL;
}

/* --- states --- */

static void die(struct vsock_conn *c)
{
    close_socket(c);
    c->state = VSOCK_DEAD;
    c->due = VSOCK_DUE_RST;
    c->held = 0;
    c->deadline_ns = 0;
}

void vsock_conn_kill(struct vsock_conn *c)
{
    if (c->state == VSOCK_DEAD)
        return;
    metric_inc(&metrics.vsock.conns_killed);
    die(c);
}

void vsock_conn_ask(struct vsock_conn *c, int fd)
{
    c->fd = fd;
    c->state = VSOCK_ASKING;
    c->due = VSOCK_DUE_REQUEST;
}

static void note_credit(struct vsock_conn *c, const struct vsock_header *hdr)
{
    c->guest_buf_alloc = hdr->buf_alloc;
    c->guest_fwd_cnt = hdr->fwd_cnt;
}

static void set_deadline(struct vsock_conn *c)
{
    c->deadline_ns = host_mono_ns() + VSOCK_TIMEOUT_NS;
}

void vsock_conn_asked(struct vsock_conn *c, const struct vsock_header *hdr)
{
    c->state = VSOCK_CONNECTING;
    note_credit(c, hdr);
    set_deadline(c);
}

void vsock_conn_connected(struct vsock_conn *c, int fd)
{
    c->fd = fd;
    c->state = VSOCK_ANSWERING;
    c->due = VSOCK_DUE_RESPONSE;
    c->deadline_ns = 0;
}

static void open_up(struct vsock_conn *c)
{
    c->state = VSOCK_OPEN;
    c->deadline_ns = 0;
}

/* The host has closed its end and everything from it has been read. */
static void say_goodbye(struct vsock_conn *c)
{
    c->host_gone = c->host_ended = true;
    c->held = 0;
    c->state = VSOCK_CLOSING;
    c->due = VSOCK_DUE_SHUTDOWN;
    close_socket(c);
    set_deadline(c);
}

/* Whether the guest takes what the host sends. */
static bool wants_data(const struct vsock_conn *c)
{
    return c->state == VSOCK_OPEN && !c->host_ended &&
           !(c->shutdown & VSOCK_NO_RECEIVE);
}

/* --- credit --- */

/* How much the guest can take. Its words may make no sense. */
static uint32_t credit(const struct vsock_conn *c)
{
    uint32_t in_flight = c->sent - c->guest_fwd_cnt;

    return in_flight < c->guest_buf_alloc ? c->guest_buf_alloc - in_flight : 0;
}

bool vsock_conn_owes(const struct vsock_conn *c)
{
    return c->state == VSOCK_OPEN && c->fwd_cnt != c->told_fwd_cnt &&
           !(c->due & VSOCK_DUE_CREDIT);
}

void vsock_conn_pay(struct vsock_conn *c)
{
    c->due |= VSOCK_DUE_CREDIT;
}

void vsock_conn_idle(struct vsock_conn *c)
{
    if (vsock_conn_owes(c) && c->fwd_cnt - c->told_fwd_cnt >= CREDIT_MUCH)
        vsock_conn_pay(c);
}

/* The guest hears of it when half is gone: it must not come to believe that we
   are full, nor be interrupted for each packet. */
static void forward(struct vsock_conn *c, uint32_t bytes)
{
    c->fwd_cnt += bytes;
    if (c->fwd_cnt - c->told_fwd_cnt >= c->buf_bytes / 2)
        c->due |= VSOCK_DUE_CREDIT;
}

/* --- to the host --- */

/* The host does not read any more, but what it wrote before it went may still
   be there for the guest: reading finds the end of that. */
static void host_has_gone(struct vsock_conn *c, int64_t error)
{
    if (error == -EPIPE) /* the signal that upstream would have had */
        metric_inc(&metrics.signals.sigpipe);
    forward(c, c->held);
    c->held = 0;
    c->host_gone = true;
    if (c->shutdown == VSOCK_NOTHING)
        die(c);
    else if (c->host_ended || (c->shutdown & VSOCK_NO_RECEIVE))
        say_goodbye(c);
    else
        c->due |= VSOCK_DUE_DATA;
}

/* All that the guest had to say is with the host. */
static void host_has_all(struct vsock_conn *c)
{
    if (c->shutdown == VSOCK_NOTHING)
        die(c);
    else if (c->shutdown & VSOCK_NO_SEND)
        shutdown(c->fd, SHUT_WR);
}

static void hold(struct vsock_conn *c, const struct vsock_packet *p,
                 uint32_t skip)
{
    uint32_t tail = (c->head + c->held) % c->buf_bytes;
    uint32_t len = p->hdr.len - skip, first = MIN(len, c->buf_bytes - tail);

    iov_read(p->data, p->num_data, skip, c->buf + tail, first);
    iov_read(p->data, p->num_data, skip + first, c->buf, len - first);
    c->held += len;
}

static void send_data(struct vsock_conn *c, const struct vsock_packet *p)
{
    int64_t n = 0;

    metric_add(&metrics.vsock.tx_bytes_count, p->hdr.len);
    if (c->host_gone || !p->hdr.len) {
        forward(c, p->hdr.len);
        return;
    }
    if (!c->held)
        n = host_socket_send(c->fd, p->data, p->num_data);
    if (n < 0 && n != -EAGAIN) {
        metric_inc(&metrics.vsock.tx_write_fails);
        forward(c, p->hdr.len);
        host_has_gone(c, n);
        return;
    }
    n = MAX(n, 0);
    if (p->hdr.len - (uint32_t)n > c->buf_bytes - c->held) {
        vsock_conn_kill(c); /* more than it had credit for */
        return;
    }
    forward(c, (uint32_t)n);
    if (n < p->hdr.len)
        hold(c, p, (uint32_t)n);
}

static void flush(struct vsock_conn *c)
{
    uint32_t first = MIN(c->held, c->buf_bytes - c->head);
    const struct iovec iov[] = {{c->buf + c->head, first},
                                {c->buf, c->held - first}};
    int64_t n = host_socket_send(c->fd, iov, 2);

    if (n < 0) {
        if (n == -EAGAIN)
            return;
        metric_inc(&metrics.vsock.tx_flush_fails);
        host_has_gone(c, n);
        return;
    }
    c->held -= (uint32_t)n;
    /* Begun anew, the ring does not touch more memory than it has held. */
    c->head = c->held ? (c->head + (uint32_t)n) % c->buf_bytes : 0;
    forward(c, (uint32_t)n);
    if (!c->held) {
        vsock_conn_idle(c);
        host_has_all(c);
    }
}

/* The guest took the call: the client hears its own port, then data. */
static void answer_client(struct vsock_conn *c)
{
    char line[24];
    int len = snprintf(line, sizeof(line), "OK %u\n", c->local_port);
    const struct iovec iov = {line, (size_t)len};

    open_up(c);
    if (host_socket_send(c->fd, &iov, 1) != len) /* nothing was in it before */
        host_has_gone(c, -EPIPE);
}

/* --- from the guest --- */

static void take_shutdown(struct vsock_conn *c, uint32_t flags)
{
    uint8_t before = c->shutdown;

    c->shutdown |= flags & VSOCK_NOTHING;
    if (c->shutdown == before)
        return;
    if (c->state == VSOCK_CLOSING) {
        if (c->shutdown == VSOCK_NOTHING)
            die(c);
        return;
    }
    if (flags & ~before & VSOCK_NO_RECEIVE)
        shutdown(c->fd, SHUT_RD);
    if (!c->held)
        host_has_all(c);
    else if (c->shutdown == VSOCK_NOTHING)
        set_deadline(c);
}

/* What makes no sense in this state is dropped. */
static void take_open(struct vsock_conn *c, const struct vsock_packet *p)
{
    switch (p->hdr.op) {
    case VSOCK_OP_RW:
        if (c->state == VSOCK_OPEN && !(c->shutdown & VSOCK_NO_SEND))
            send_data(c, p);
        break;
    case VSOCK_OP_SHUTDOWN:
        take_shutdown(c, p->hdr.flags);
        break;
    case VSOCK_OP_CREDIT_REQUEST:
        c->due |= VSOCK_DUE_CREDIT;
        break;
    default:
        break;
    }
}

void vsock_conn_take(struct vsock_conn *c, const struct vsock_packet *p)
{
    note_credit(c, &p->hdr);
    c->hung_up = false;
    if (credit(c))
        c->asked_credit = false;
    if (p->hdr.op == VSOCK_OP_RST)
        c->over = true;
    else if (c->state == VSOCK_ASKING && p->hdr.op == VSOCK_OP_RESPONSE)
        answer_client(c);
    else if (c->state == VSOCK_OPEN || c->state == VSOCK_CLOSING)
        take_open(c, p);
    if (wants_data(c) && !credit(c) && !c->asked_credit)
        c->due |= VSOCK_DUE_DATA; /* it will be asked for room */
}

/* --- to the guest --- */

/* A Unix socket that was shut down for writing ends as one that was closed. The
   guest may go on sending to the first kind only. */
static void host_ends(struct vsock_conn *c, struct vsock_packet *p)
{
    bool no_more = c->host_gone || host_hung_up(c->fd) ||
                   ((c->shutdown & VSOCK_NO_SEND) && !c->held);

    p->hdr.op = VSOCK_OP_SHUTDOWN;
    p->hdr.flags = no_more ? VSOCK_NOTHING : VSOCK_NO_SEND;
    c->host_ended = true;
    c->due &= (uint8_t)~VSOCK_DUE_DATA;
    if (no_more) {
        say_goodbye(c);
        c->due = 0;
    }
}

/* False: there was nothing to read. */
static bool receive(struct vsock_conn *c, struct vsock_packet *p)
{
    uint32_t len = MIN(p->room, credit(c));
    unsigned count = iov_cut(p->part, p->data, p->num_data, 0, len);
    int64_t n = host_socket_receive(c->fd, p->part, count);

    if (n == 0) {
        host_ends(c, p);
        return true;
    }
    if (n > 0) {
        p->hdr.op = VSOCK_OP_RW;
        p->hdr.len = (uint32_t)n;
        c->sent += (uint32_t)n;
        metric_add(&metrics.vsock.rx_bytes_count, (uint64_t)n);
    } else if (n != -EAGAIN) {
        metric_inc(&metrics.vsock.rx_read_fails);
        vsock_conn_kill(c);
        c->over = true;
        p->hdr.op = VSOCK_OP_RST;
        return true;
    }
    if (n < (int64_t)len) /* the next event says when there is more */
        c->due &= (uint8_t)~VSOCK_DUE_DATA;
    return n > 0;
}

static bool give_data(struct vsock_conn *c, struct vsock_packet *p)
{
    if (wants_data(c) && credit(c))
        return p->room && receive(c, p);
    c->due &= (uint8_t)~VSOCK_DUE_DATA;
    if (!wants_data(c) || c->asked_credit)
        return false;
    p->hdr.op = VSOCK_OP_CREDIT_REQUEST;
    c->asked_credit = true;
    return true;
}

/* What is due and is no data. */
static bool give_word(struct vsock_conn *c, struct vsock_packet *p)
{
    if (c->due & VSOCK_DUE_RST) {
        p->hdr.op = VSOCK_OP_RST;
        c->over = true;
    } else if (c->due & VSOCK_DUE_REQUEST) {
        p->hdr.op = VSOCK_OP_REQUEST;
        set_deadline(c);
    } else if (c->due & VSOCK_DUE_RESPONSE) {
        p->hdr.op = VSOCK_OP_RESPONSE;
        open_up(c);
    } else if (c->due & VSOCK_DUE_SHUTDOWN) {
        p->hdr.op = VSOCK_OP_SHUTDOWN;
        p->hdr.flags = VSOCK_NOTHING;
    } else {
        return false;
    }
    c->due = 0;
    return true;
}

bool vsock_conn_give(struct vsock_conn *c, struct vsock_packet *p)
{
    bool given;

    c->hung_up = false;
    p->hdr = (struct vsock_header){.type = VSOCK_TYPE_STREAM,
                                   .buf_alloc = c->buf_bytes,
                                   .fwd_cnt = c->fwd_cnt};
    given = give_word(c, p) || ((c->due & VSOCK_DUE_DATA) && give_data(c, p));
    if (!given && (c->due & VSOCK_DUE_CREDIT)) {
        p->hdr.op = VSOCK_OP_CREDIT_UPDATE;
        given = true;
    }
    if (!given)
        return false;
    c->due &= (uint8_t)~VSOCK_DUE_CREDIT;
    c->told_fwd_cnt = c->fwd_cnt;
    return true;
}

/* --- the socket --- */

int vsock_conn_wants(const struct vsock_conn *c)
{
    unsigned events = c->held ? WORKER_OUT : 0;

    if (c->fd < 0 || c->hung_up)
        return -1;
    if (wants_data(c) && credit(c) && !(c->due & VSOCK_DUE_DATA))
        events |= WORKER_IN;
    return (int)events;
}

void vsock_conn_ready(struct vsock_conn *c, unsigned ready)
{
    unsigned wants = (unsigned)MAX(vsock_conn_wants(c), 0);

    if ((wants & WORKER_OUT) && (ready & (WORKER_OUT | WORKER_HUP)))
        flush(c);
    if (c->fd >= 0 && (wants & WORKER_IN) && (ready & (WORKER_IN | WORKER_HUP)))
        c->due |= VSOCK_DUE_DATA;
    if (!(ready & WORKER_HUP) || wants)
        return;
    /* The host has gone, and we were waiting for something else. */
    if (c->state == VSOCK_OPEN && !wants_data(c))
        say_goodbye(c);
    else
        c->hung_up = true;
}
