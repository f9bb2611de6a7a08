// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * One stream between a port of the guest and a Unix socket of the host: its
 * states, its credit (virtio 1.2, 5.10.6.3), and what the host's socket would
 * not take yet. It knows neither queues nor other connections: each function
 * leaves in the connection what is to be done next, and the owner (vsock_mux.h)
 * does it.
 *
 *   host connects:   ASKING  -- RESPONSE of the guest --> OPEN
 *   guest connects:  CONNECTING -- the socket is there --> ANSWERING -->  OPEN
 *   OPEN -- the host has gone --> CLOSING;  everything --> DEAD
 *
 * On the worker's thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dev/vsock_packet.h"
#include "dev/worker.h"

enum {
    VSOCK_TIMEOUT_NS = 2000000000 /* for an answer, and for a shutdown's end */
};

enum vsock_conn_state {
    VSOCK_CONNECTING, /* the host's socket is not there yet */
    VSOCK_ANSWERING,  /* the guest has asked, our RESPONSE is due */
    VSOCK_ASKING,     /* our REQUEST is due, or under way */
    VSOCK_OPEN,
    VSOCK_CLOSING, /* the guest has been told that the host has gone */
    VSOCK_DEAD     /* nothing is left but an RST to send */
};

/* What the guest is to be sent, most urgent first. */
enum {
    VSOCK_DUE_RST = 1,
    VSOCK_DUE_REQUEST = 2,
    VSOCK_DUE_RESPONSE = 4,
    VSOCK_DUE_SHUTDOWN = 8,
    VSOCK_DUE_DATA = 16, /* the socket has something, or may have */
    VSOCK_DUE_CREDIT = 32
};

struct vsock_conn {
    uint32_t local_port, guest_port;
    enum vsock_conn_state state;
    int fd;           /* owned; -1: none */
    uint8_t due;      /* VSOCK_DUE_*, or-ed */
    uint8_t shutdown; /* what the guest will not do any more: VSOCK_NO_* */
    bool host_ended;  /* its last byte was read, the guest knows */
    bool host_gone;   /* it takes nothing any more: what comes is dropped */
    bool hung_up;     /* do not wait for the socket until something changes */
    bool asked_credit;
    bool over; /* the guest has sent an RST, or has been sent one: remove it */
    uint64_t deadline_ns; /* 0: none; it dies then */

    /* Bytes to the guest: sent, and what it says about its own buffer. */
    uint32_t sent, guest_buf_alloc, guest_fwd_cnt;
    /* Bytes from the guest: handed on, and what it has been told of that. */
    uint32_t fwd_cnt, told_fwd_cnt;

    /* What the socket did not take yet: a ring. */
    uint32_t head, held;
    uint8_t *buf;       /* owned */
    uint32_t buf_bytes; /* what the guest is told we can take: a promise */
};

/* The buffer is the only thing allocated: -ENOMEM. fd is -1. */
int vsock_conn_init(struct vsock_conn *c, uint32_t local_port,
                    uint32_t guest_port, uint32_t buf_bytes);
void vsock_conn_release(struct vsock_conn *c);

/* A client of the host wants the guest's port; takes fd. */
void vsock_conn_ask(struct vsock_conn *c, int fd);

/* The guest's REQUEST, and then the socket it asked for; takes fd. */
void vsock_conn_asked(struct vsock_conn *c, const struct vsock_header *hdr);
void vsock_conn_connected(struct vsock_conn *c, int fd);

/* A packet of the guest. */
void vsock_conn_take(struct vsock_conn *c, const struct vsock_packet *p);

/* Makes a packet of what is most urgent: type, op, len, flags and credit in
   p->hdr, the payload in p->data. False: nothing is due after all. */
bool vsock_conn_give(struct vsock_conn *c, struct vsock_packet *p);

/* The guest has not heard of all that was handed on. It may wait for that: how
   much it has under way is also its own business, and may be less than half of
   what we could take. */
bool vsock_conn_owes(const struct vsock_conn *c);
void vsock_conn_pay(struct vsock_conn *c);

/* It has nothing more for us: if it is owed much, it is told now. */
void vsock_conn_idle(struct vsock_conn *c);

/* What to wait for at the socket: WORKER_IN and _OUT, or-ed; negative: it is
   not to be watched. And what came of it. */
int vsock_conn_wants(const struct vsock_conn *c);
void vsock_conn_ready(struct vsock_conn *c, unsigned ready);

/* The end: the socket is closed, the guest gets an RST. */
void vsock_conn_kill(struct vsock_conn *c);
