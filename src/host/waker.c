// SPDX-License-Identifier: Apache-2.0
/*
 * Sleep and wake on a mutex and a condition variable. Darwin's condition
 * variables know no monotonic clock but have a relative wait, Linux the other
 * way round: the only #if here.
 */

#include "host/host.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/heap.h"

struct host_waker {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool woken; /* under lock */
};

struct host_waker *host_waker_new(void)
{
    struct host_waker *w = heap_zalloc(sizeof(*w));
    pthread_condattr_t attr;

    if (!w)
        return NULL;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
#ifndef __APPLE__
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
    pthread_cond_init(&w->cond, &attr);
    pthread_condattr_destroy(&attr);
    return w;
}

void host_waker_free(struct host_waker *w)
{
    if (!w)
        return;
    pthread_cond_destroy(&w->cond);
    pthread_mutex_destroy(&w->lock);
    heap_free(w);
}

void host_waker_wake(struct host_waker *w)
{
    pthread_mutex_lock(&w->lock);
    w->woken = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

/* 0 when signalled (or spuriously), ETIMEDOUT when the time has come. */
static int wait_until(struct host_waker *w, uint64_t deadline_ns)
{
    struct timespec ts;
    uint64_t ns = deadline_ns;

#ifdef __APPLE__
    uint64_t now = host_mono_ns();

    ns = deadline_ns > now ? deadline_ns - now : 0;
#endif
    ts.tv_sec = (time_t)(ns / 1000000000u);
    ts.tv_nsec = (long)(ns % 1000000000u);
#ifdef __APPLE__
    return pthread_cond_timedwait_relative_np(&w->cond, &w->lock, &ts);
#else
    return pthread_cond_timedwait(&w->cond, &w->lock, &ts);
#endif
}

bool host_waker_wait(struct host_waker *w, uint64_t deadline_ns)
{
    bool woken;

    pthread_mutex_lock(&w->lock);
    while (!w->woken) {
        if (deadline_ns == UINT64_MAX)
            pthread_cond_wait(&w->cond, &w->lock);
        else if (wait_until(w, deadline_ns) == ETIMEDOUT)
            break;
    }
    woken = w->woken;
    w->woken = false;
    pthread_mutex_unlock(&w->lock);
    return woken;
}
