// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * All connections of a vsock device: which packet belongs to which, whose turn
 * it is to send, who has waited too long. On the worker's thread.
 *
 * What is due to the guest waits in a list of connections, each of which is in
 * it once, so it cannot overflow; only the RSTs for what is no connection have
 * a ring of fixed size.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "dev/vsock_conn.h"

enum { VSOCK_MAX_CONNS = 1023, VSOCK_MAX_RSTS = 256, VSOCK_BUCKETS = 1024 };

/* A packet of Linux has 64 KiB: with room for one of them the guest waits for
   our word after each. So few connections have room for four, and what a guest
   can make us hold is bounded: 88 MiB. What a connection has it keeps, since it
   may be under way. */
enum {
    VSOCK_BUF_SMALL = 65536,
    VSOCK_BUF_LARGE = 4 * VSOCK_BUF_SMALL,
    VSOCK_MAX_LARGE = 128
};

struct link {
    struct link *next, *prev; /* NULL: in no list */
};

/* Connections that wait, all of them for as long: who comes last has its turn
   last. */
struct vsock_line {
    struct link list;
    struct worker_timer timer; /* armed for the first one, or before that */
};

struct vsock_entry;

struct vsock_rst {
    uint32_t local_port, guest_port;
};

struct vsock_mux {
    struct worker *worker;         /* borrowed */
    char *path;                    /* owned; the guest's port P is at path_P */
    uint32_t last_port;            /* of ours, given to the last client */
    unsigned num_conns, num_large; /* the second are of the first */
    struct log_limit *guest_log;   /* borrowed */

    struct vsock_entry *buckets[VSOCK_BUCKETS];
    struct link due;        /* those with something to give, in turn */
    struct link connecting; /* those whose listener's queue was full */
    struct worker_timer retry;
    struct vsock_line waiting; /* those with a deadline */
    struct vsock_line owing;   /* those that owe credit */
    struct worker_watch crowd; /* its fd is owned; -1: there is none */
    uint64_t credit_ns;        /* how long little credit may be owed */

    struct vsock_rst rsts[VSOCK_MAX_RSTS]; /* a ring */
    unsigned first_rst, num_rsts;

    void (*rx_due)(void *ctx); /* there is something to give */
    void *ctx;                 /* borrowed */
};

/* Everything is zeroed before; -ENOMEM. path is copied. */
int vsock_mux_init(struct vsock_mux *m, struct worker *worker, const char *path,
                   uint64_t credit_ns, struct log_limit *guest_log);
void vsock_mux_release(struct vsock_mux *m);

/* Closes all connections; nobody is told. */
void vsock_mux_reset(struct vsock_mux *m);

bool vsock_mux_is_full(const struct vsock_mux *m);

/* A client of the host wants that port of the guest. Takes fd. */
void vsock_mux_ask(struct vsock_mux *m, int fd, uint32_t guest_port);

/* A packet of the guest. */
void vsock_mux_take(struct vsock_mux *m, const struct vsock_packet *p);

/* The next packet for the guest, in the room that it offers; false: none. The
   CIDs are left to the caller. */
bool vsock_mux_give(struct vsock_mux *m, struct vsock_packet *p);

/* The guest has no more for us, and may wait for credit. What is due to it then
   is for the caller to see. */
void vsock_mux_idle(struct vsock_mux *m);

/* Time has passed in which nobody could answer: all who wait begin anew. */
void vsock_mux_resumed(struct vsock_mux *m);

/* Something may be due. */
bool vsock_mux_has_due(const struct vsock_mux *m);
