// SPDX-License-Identifier: Apache-2.0
/* File I/O by some threads that block in the worker's place. */

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/macros.h"
#include "dev/aio_engine.h"
#include "host/host.h"

enum { POOL_THREADS = 4 };

struct pool {
    struct aio base;
    pthread_t threads[POOL_THREADS];
    unsigned num_threads;
    struct worker_event reap;

    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t more;  /* todo is not empty, or quit */
    pthread_cond_t done_more;
    struct aio_job *todo, **todo_last;
    struct aio_job *done, **done_last;
    bool quit;
};

static struct pool *to_pool(struct aio *aio)
{
    return container_of(aio, struct pool, base);
}

static void append(struct aio_job ***last, struct aio_job *job)
{
    job->next = NULL;
    **last = job;
    *last = &job->next;
}

static struct aio_job *take_first(struct aio_job **first,
                                  struct aio_job ***last)
{
    struct aio_job *job = *first;

    if (job) {
        *first = job->next;
        if (!*first)
            *last = first;
    }
    return job;
}

/* NULL: it is time to go. */
static struct aio_job *next_todo(struct pool *p)
{
    struct aio_job *job;

    pthread_mutex_lock(&p->lock);
    while (!p->todo && !p->quit)
        pthread_cond_wait(&p->more, &p->lock);
    job = take_first(&p->todo, &p->todo_last);
    pthread_mutex_unlock(&p->lock);
    return job;
}

static void *pool_main(void *ctx)
{
    struct pool *p = ctx;
    struct aio_job *job;

    log_thread_name("squib disk");
    while ((job = next_todo(p)) != NULL) {
        aio_run(job);
        pthread_mutex_lock(&p->lock);
        append(&p->done_last, job);
        pthread_cond_signal(&p->done_more);
        pthread_mutex_unlock(&p->lock);
        if (p->base.worker)
            worker_post(p->base.worker, &p->reap);
    }
    return NULL;
}

static struct aio_job *next_done(struct pool *p)
{
    struct aio_job *job;

    pthread_mutex_lock(&p->lock);
    job = take_first(&p->done, &p->done_last);
    pthread_mutex_unlock(&p->lock);
    return job;
}

static bool reap_all(struct pool *p)
{
    struct aio_job *job;
    bool any = false;

    for (; (job = next_done(p)) != NULL; any = true)
        aio_finish(&p->base, job);
    return any;
}

static void reap_event(void *ctx)
{
    struct pool *p = ctx;

    if (reap_all(p))
        p->base.hooks.idle(p->base.hooks.ctx);
}

static void pool_submit(struct aio *aio, struct aio_job *job)
{
    struct pool *p = to_pool(aio);

    pthread_mutex_lock(&p->lock);
    append(&p->todo_last, job);
    pthread_cond_signal(&p->more);
    pthread_mutex_unlock(&p->lock);
}

static void pool_start(struct aio *aio)
{
    (void)aio; /* they have begun already */
}

static void pool_drain(struct aio *aio)
{
    struct pool *p = to_pool(aio);

    pthread_mutex_lock(&p->lock);
    while (!p->done)
        pthread_cond_wait(&p->done_more, &p->lock);
    pthread_mutex_unlock(&p->lock);
    reap_all(p);
}

static void pool_free(struct aio *aio)
{
    struct pool *p = to_pool(aio);

    pthread_mutex_lock(&p->lock);
    p->quit = true;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    for (unsigned n = 0; n < p->num_threads; n++)
        pthread_join(p->threads[n], NULL);
    worker_cancel(aio->worker, &p->reap);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->more);
    pthread_cond_destroy(&p->done_more);
    heap_free(p);
}

static const struct aio_engine pool_engine = {
    .submit = pool_submit,
    .start = pool_start,
    .drain = pool_drain,
    .free = pool_free,
};

/* One thread will do if the host gives no more. */
static int start_threads(struct pool *p)
{
    unsigned want = MIN(p->base.depth, (unsigned)POOL_THREADS);
    int rc = 0;

    while (p->num_threads < want && rc == 0) {
        rc = host_thread_start(&p->threads[p->num_threads], pool_main, p);
        p->num_threads += rc == 0;
    }
    return p->num_threads ? 0 : rc;
}

struct aio *aio_pool_new(const struct aio *proto, struct err *e)
{
    struct pool *p = heap_zalloc(sizeof(*p));
    int rc;

    if (!p) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    p->base = *proto;
    p->base.engine = &pool_engine;
    p->reap = (struct worker_event){.fn = reap_event, .ctx = p};
    p->todo_last = &p->todo;
    p->done_last = &p->done;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->more, NULL);
    pthread_cond_init(&p->done_more, NULL);
    rc = start_threads(p);
    if (rc < 0) {
        err_set(e, rc, "cannot start threads for the disk: %s", strerror(-rc));
        pool_free(&p->base);
        return NULL;
    }
    return &p->base;
}
