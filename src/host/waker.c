// SPDX-License-Identifier: Apache-2.0
/*
 * Sleep and wake. On Linux a futex: to wake who does not sleep is one exchange.
 * Elsewhere a mutex and a condition variable; Darwin's know no monotonic clock
 * but have a relative wait.
 */

#include "host/host.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "base/heap.h"

#ifdef __linux__

enum { WAKER_IDLE, WAKER_WOKEN, WAKER_SLEEPING };

struct host_waker {
    _Atomic uint32_t word; /* the futex: WAKER_ */
};

struct host_waker *host_waker_new(void)
{
    return heap_zalloc(sizeof(struct host_waker));
}

void host_waker_free(struct host_waker *w)
{
    heap_free(w);
}

void host_waker_wake(struct host_waker *w)
{
    if (atomic_exchange(&w->word, WAKER_WOKEN) == WAKER_SLEEPING)
        syscall(SYS_futex, &w->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* While the word says so; its bitset form takes a point in time. False: that
   has come. */
static bool sleep_on(struct host_waker *w, uint64_t deadline_ns)
{
    struct timespec ts = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                          .tv_nsec = (long)(deadline_ns % 1000000000u)};
    long rc = syscall(SYS_futex, &w->word, FUTEX_WAIT_BITSET_PRIVATE,
                      WAKER_SLEEPING, deadline_ns == UINT64_MAX ? NULL : &ts,
                      NULL, FUTEX_BITSET_MATCH_ANY);

    return rc == 0 || errno != ETIMEDOUT;
}

bool host_waker_wait(struct host_waker *w, uint64_t deadline_ns)
{
    uint32_t idle = WAKER_IDLE;

    if (atomic_compare_exchange_strong(&w->word, &idle, WAKER_SLEEPING)) {
        while (atomic_load(&w->word) == WAKER_SLEEPING &&
               sleep_on(w, deadline_ns))
            ;
    }
    return atomic_exchange(&w->word, WAKER_IDLE) == WAKER_WOKEN;
}

#else

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

#endif
