// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * File I/O that does not hold up the worker: io_uring where the host has it,
 * some threads otherwise. All functions on the worker's thread.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "dev/worker.h"

enum aio_op {
    AIO_READ,
    AIO_WRITE,
    AIO_FLUSH,
    AIO_CALL /* anything that blocks; engines of threads only */
};

/* The owner keeps it and what it points to until it is done. */
struct aio_job {
    enum aio_op op;
    int fd;
    struct iovec *iov;
    unsigned num_iov;
    uint64_t offset;
    bool cached;                /* a write to a regular file: see aio_submit */
    int64_t (*call)(void *ctx); /* of AIO_CALL; what it returns is the result */
    void *ctx;                  /* borrowed */
    int64_t result;       /* bytes, perhaps too few, or a negative errno */
    struct aio_job *next; /* the engine's */
};

/* `done` gets each job, from aio_submit or later; `idle` comes after some, when
   no more are at hand, but not from aio_submit or aio_start. On the worker's
   thread. */
struct aio_hooks {
    void (*done)(void *ctx, struct aio_job *job);
    void (*idle)(void *ctx);
    void *ctx; /* borrowed */
};

struct aio;

/* For up to `depth` jobs at a time. threads: do not try io_uring. */
struct aio *aio_new(struct worker *w, unsigned depth, bool threads,
                    const struct aio_hooks *hooks, struct err *e);
void aio_free(struct aio *aio); /* drains; takes NULL */

/* There must be less than `depth` under way. What was submitted begins with
   aio_start at the latest. A cached write is done here and now as long as the
   host just copies such ones: to hand it over would cost as much again. */
void aio_submit(struct aio *aio, struct aio_job *job);
void aio_start(struct aio *aio);

/* Waits until everything is done, and calls `done` for it, `idle` once. */
void aio_drain(struct aio *aio);
