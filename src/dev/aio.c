// SPDX-License-Identifier: Apache-2.0
/* The choice of an engine, and what all of them do alike. */

#include "dev/aio.h"

#include <errno.h>
#include <unistd.h>

#include "base/macros.h"
#include "dev/aio_engine.h"
#include "host/host.h"

/* A write that takes as long has waited for a disk; then the worker stays away
   from writes for as many times that long. */
enum { SLOW_NS = 2000000, SLOW_TIMES = 16 };

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

void aio_run(struct aio_job *job)
{
    if (job->op == AIO_CALL) {
        job->result = job->call(job->ctx);
        return;
    }
    do {
        errno = 0;
        if (job->op == AIO_READ)
            job->result = preadv(job->fd, job->iov, (int)job->num_iov,
                                 (off_t)job->offset);
        else if (job->op == AIO_WRITE)
            job->result = pwritev(job->fd, job->iov, (int)job->num_iov,
                                  (off_t)job->offset);
        else
            job->result = fsync(job->fd);
    } while (job->result < 0 && errno == EINTR);
    if (job->result < 0)
        job->result = -errno;
}

uint64_t aio_writes_wait(uint64_t start_ns, uint64_t end_ns)
{
    uint64_t took = end_ns - start_ns;

    return took < SLOW_NS ? 0 : end_ns + took * SLOW_TIMES;
}

/* Hardly any file system of Linux takes writes to its cache without waiting, so
   io_uring has a thread of the kernel make each of them: one after the other,
   as a file has one lock. That costs a 1 MiB write half its time again, and a
   small one several times that. */
static bool write_here(struct aio *aio, struct aio_job *job)
{
    uint64_t start;

    if (job->op != AIO_WRITE || !job->cached || aio->slow_ones)
        return false;
    start = host_mono_ns();
    if (start < aio->writes_wait_ns)
        return false;
    aio_run(job);
    aio->writes_wait_ns = aio_writes_wait(start, host_mono_ns());
    aio->hooks.done(aio->hooks.ctx, job);
    return true;
}

static unsigned is_slow(const struct aio_job *job)
{
    return job->op == AIO_WRITE || job->op == AIO_FLUSH;
}

void aio_submit(struct aio *aio, struct aio_job *job)
{
    check(aio->under_way < aio->depth);
    if (write_here(aio, job))
        return;
    aio->under_way++;
    aio->slow_ones += is_slow(job);
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
    aio->slow_ones -= is_slow(job);
    aio->hooks.done(aio->hooks.ctx, job);
}
