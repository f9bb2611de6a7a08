// SPDX-License-Identifier: Apache-2.0
#pragma once

/* What the engines of aio.h share. Only for aio*.c. */

#include "dev/aio.h"

struct aio_engine {
    void (*submit)(struct aio *aio, struct aio_job *job);
    void (*start)(struct aio *aio);
    void (*drain)(struct aio *aio);
    void (*free)(struct aio *aio);
};

struct aio {
    const struct aio_engine *engine;
    struct worker *worker; /* borrowed */
    struct aio_hooks hooks;
    unsigned depth;
    unsigned under_way;
    unsigned slow_ones;      /* of those, writes and flushes */
    uint64_t writes_wait_ns; /* until then writes are left to the engine */
};

/* Both: NULL if the host will not have it, and why in *e. */
struct aio *aio_pool_new(const struct aio *proto, struct err *e);
struct aio *aio_uring_new(const struct aio *proto, struct err *e);

/* What the job says, on the caller's thread. */
void aio_run(struct aio_job *job);

/* When writes may be made on the worker's thread again after one that has
   taken from start to end. */
uint64_t aio_writes_wait(uint64_t start_ns, uint64_t end_ns);

/* The job is done: for engines, on the worker's thread. */
void aio_finish(struct aio *aio, struct aio_job *job);
