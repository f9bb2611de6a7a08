// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Where clients of the host come in: a Unix socket on which each first says
 * "CONNECT PORT\n". The line is read in one go: ten bytes, the length of the
 * shortest one, then one by one to its end. Who has not written it all by then
 * is turned away, as upstream does. On the worker's thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dev/worker.h"

enum {
    VSOCK_MAX_CALLERS = 1024, /* those that have not said anything yet */
    VSOCK_LINE_MIN = 10,
    VSOCK_LINE_MAX = 32
};

struct vsock_caller;

struct vsock_host {
    struct worker *worker; /* borrowed */
    struct worker_watch listener;
    struct worker_timer pause;    /* no descriptors left: not so fast */
    struct vsock_caller *callers; /* owned; a list */
    unsigned num_callers;

    /* May one more come in? And one that wants a port; takes fd. */
    bool (*is_full)(void *ctx);
    void (*ask)(void *ctx, int fd, uint32_t port);
    void *ctx; /* borrowed */
};

/* The hooks are set by the owner. listener is borrowed. */
void vsock_host_init(struct vsock_host *h, struct worker *worker, int listener);

/* Opens the door: -ENOMEM. Until then callers wait outside. */
int vsock_host_start(struct vsock_host *h);

/* Closes it, and whoever has not got through. */
void vsock_host_stop(struct vsock_host *h);

/* The port in a line with its newline; false: it is no such line. */
bool vsock_host_parse(const char *line, unsigned len, uint32_t *port);
