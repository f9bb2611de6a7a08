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
};

/* Both: NULL if the host will not have it, and why in *e. */
struct aio *aio_pool_new(const struct aio *proto, struct err *e);
struct aio *aio_uring_new(const struct aio *proto, struct err *e);

/* The job is done: for engines, on the worker's thread. */
void aio_finish(struct aio *aio, struct aio_job *job);
