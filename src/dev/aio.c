// SPDX-License-Identifier: Apache-2.0
/* The choice of an engine, and what all of them do alike. */

#include "dev/aio.h"

#include "base/macros.h"
#include "dev/aio_engine.h"

#ifndef HAVE_LIBURING
struct aio *aio_uring_new(const struct aio *proto, struct err *e)
{
    (void)proto;
    (void)e;
    return NULL;
}
#endif

struct aio *aio_new(struct worker *w, unsigned depth, bool threads,
                    const struct aio_hooks *hooks, struct err *e)
{
    const struct aio proto = {.worker = w, .hooks = *hooks, .depth = depth};
    struct aio *aio = threads ? NULL : aio_uring_new(&proto, NULL);

    return aio ? aio : aio_pool_new(&proto, e);
}

void aio_free(struct aio *aio)
{
    if (!aio)
        return;
    aio_drain(aio);
    aio->engine->free(aio);
}

void aio_submit(struct aio *aio, struct aio_job *job)
{
    check(aio->under_way < aio->depth);
    aio->under_way++;
    aio->engine->submit(aio, job);
}

void aio_start(struct aio *aio)
{
    if (aio->under_way)
        aio->engine->start(aio);
}

void aio_drain(struct aio *aio)
{
    if (!aio->under_way)
        return;
    while (aio->under_way)
        aio->engine->drain(aio);
    aio->hooks.idle(aio->hooks.ctx);
}

void aio_finish(struct aio *aio, struct aio_job *job)
{
    aio->under_way--;
    aio->hooks.done(aio->hooks.ctx, job);
}
