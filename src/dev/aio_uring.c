// SPDX-License-Identifier: Apache-2.0
/* File I/O by io_uring: one system call a batch, none to learn of the end. */

#include <errno.h>
#include <liburing.h>
#include <string.h>

#include "base/heap.h"
#include "base/macros.h"
#include "dev/aio_engine.h"
#include "host/host.h"

struct uring {
    struct aio base;
    struct io_uring ring;
    bool has_ring;
    struct host_event event; /* the kernel signals it */
    struct worker_watch watch;
};

static struct uring *to_uring(struct aio *aio)
{
    return container_of(aio, struct uring, base);
}

/* The ring has a place for each of `depth` jobs, so there is one. */
static void uring_submit(struct aio *aio, struct aio_job *job)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&to_uring(aio)->ring);

    check(sqe);
    check(job->op != AIO_CALL);
    if (job->op == AIO_READ)
        io_uring_prep_readv(sqe, job->fd, job->iov, job->num_iov, job->offset);
    else if (job->op == AIO_WRITE)
        io_uring_prep_writev(sqe, job->fd, job->iov, job->num_iov, job->offset);
    else
        io_uring_prep_fsync(sqe, job->fd, 0);
    io_uring_sqe_set_data(sqe, job);
}

static bool reap_all(struct uring *u)
{
    struct io_uring_cqe *cqe;
    bool any = false;

    while (io_uring_peek_cqe(&u->ring, &cqe) == 0 && cqe) {
        struct aio_job *job = io_uring_cqe_get_data(cqe);

        job->result = cqe->res;
        io_uring_cqe_seen(&u->ring, cqe);
        aio_finish(&u->base, job);
        any = true;
    }
    return any;
}

/* -EINTR, -EAGAIN and -EBUSY pass; what was not taken stays in the ring. */
static void submit_all(struct uring *u)
{
    int rc;

    while (io_uring_sq_ready(&u->ring)) {
        rc = io_uring_submit(&u->ring);
        if (rc == -EAGAIN || rc == -EBUSY)
            rc = io_uring_submit_and_wait(&u->ring, 1);
        if (rc < 0 && rc != -EINTR && rc != -EAGAIN && rc != -EBUSY)
            break;
    }
}

/* What the host has in its cache is done when the submission returns: no signal
   for that. The second look is for what ended while signals were off. */
static void uring_start(struct aio *aio)
{
    struct uring *u = to_uring(aio);

    io_uring_cq_eventfd_toggle(&u->ring, false);
    submit_all(u);
    reap_all(u);
    if (!aio->under_way)
        return;
    io_uring_cq_eventfd_toggle(&u->ring, true);
    reap_all(u);
}

static void reap_event(void *ctx, unsigned ready)
{
    struct uring *u = ctx;

    (void)ready;
    host_event_drain(&u->event);
    if (reap_all(u))
        u->base.hooks.idle(u->base.hooks.ctx);
}

static void uring_drain(struct aio *aio)
{
    struct uring *u = to_uring(aio);
    struct io_uring_cqe *cqe;

    submit_all(u);
    if (io_uring_wait_cqe(&u->ring, &cqe) == 0)
        reap_all(u);
}

static void uring_free(struct aio *aio)
{
    struct uring *u = to_uring(aio);

    worker_watch_stop(aio->worker, &u->watch);
    if (u->has_ring)
        io_uring_queue_exit(&u->ring);
    host_event_close(&u->event);
    heap_free(u);
}

static const struct aio_engine uring_engine = {
    .submit = uring_submit,
    .start = uring_start,
    .drain = uring_drain,
    .free = uring_free,
};

static int open_ring(struct uring *u, struct err *e)
{
    int rc = io_uring_queue_init(u->base.depth, &u->ring, 0);

    if (rc < 0)
        return err_set(e, rc, "cannot set up io_uring: %s", strerror(-rc));
    u->has_ring = true;
    rc = host_event_open(&u->event, e);
    if (rc < 0)
        return rc;
    rc = io_uring_register_eventfd(&u->ring, u->event.rd);
    if (rc < 0)
        return err_set(e, rc, "cannot set up io_uring: %s", strerror(-rc));
    u->watch =
        (struct worker_watch){.fd = u->event.rd, .fn = reap_event, .ctx = u};
    return worker_watch_set(u->base.worker, &u->watch, WORKER_IN);
}

struct aio *aio_uring_new(const struct aio *proto, struct err *e)
{
    struct uring *u = heap_zalloc(sizeof(*u));

    if (!u) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    u->base = *proto;
    u->base.engine = &uring_engine;
    u->event = (struct host_event){-1, -1};
    if (open_ring(u, e) < 0) {
        uring_free(&u->base);
        return NULL;
    }
    return &u->base;
}
