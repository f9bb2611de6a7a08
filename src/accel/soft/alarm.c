// SPDX-License-Identifier: Apache-2.0
/*
 * The thread sleeps until the earliest deadline it has seen. A CPU wakes it
 * only for an earlier one; a later one is found when it wakes for nothing.
 */

#include "accel/soft/alarm.h"

#include <pthread.h>

#include "base/heap.h"
#include "base/log.h"
#include "host/host.h"

/* A CPU that was told and has not looked yet is told again after this. */
#define AGAIN_NS 1000000u

struct alarm {
    struct soft_vm *vm; /* borrowed */
    pthread_t thread;
    pthread_mutex_t lock;     /* the CPUs of the VM do not go away while held */
    struct host_waker *waker; /* owned */
    _Atomic uint64_t sleeps_until;
    _Atomic bool stop;
    bool has_thread;
};

/* When to look at this CPU again. */
static uint64_t look_at(struct cpu *cpu, uint64_t now)
{
    uint64_t deadline = cpu->timer_deadline_ns;

    if (atomic_load(&cpu->run_state) != RUN_GUEST)
        return UINT64_MAX; /* alarm_changed comes when it runs again */
    if (deadline > now)
        return deadline;
    cpu_attend(cpu, ATT_TIMER);
    return now + AGAIN_NS;
}

static uint64_t look_at_all(struct alarm *a)
{
    uint64_t now = host_mono_ns(), next = UINT64_MAX;

    pthread_mutex_lock(&a->lock);
    for (unsigned n = 0; n < a->vm->num_cpus; n++) {
        if (a->vm->cpus[n])
            next = MIN(next, look_at(a->vm->cpus[n], now));
    }
    pthread_mutex_unlock(&a->lock);
    return next;
}

static void *alarm_thread(void *arg)
{
    struct alarm *a = arg;

    log_thread_name("alarm");
    while (!atomic_load(&a->stop)) {
        uint64_t next;

        /* Whoever comes while this looks wakes it, needed or not. */
        atomic_store(&a->sleeps_until, UINT64_MAX);
        next = look_at_all(a);
        atomic_store(&a->sleeps_until, next);
        host_waker_wait(a->waker, next);
    }
    return NULL;
}

struct alarm *alarm_new(struct soft_vm *vm)
{
    struct alarm *a = heap_zalloc(sizeof(*a));

    if (!a)
        return NULL;
    a->vm = vm;
    pthread_mutex_init(&a->lock, NULL);
    a->sleeps_until = UINT64_MAX;
    a->waker = host_waker_new();
    a->has_thread =
        a->waker && host_thread_start(&a->thread, alarm_thread, a) == 0;
    if (!a->has_thread) {
        alarm_free(a);
        return NULL;
    }
    return a;
}

void alarm_free(struct alarm *a)
{
    if (!a)
        return;
    if (a->has_thread) {
        atomic_store(&a->stop, true);
        host_waker_wake(a->waker);
        pthread_join(a->thread, NULL);
    }
    host_waker_free(a->waker);
    pthread_mutex_destroy(&a->lock);
    heap_free(a);
}

void alarm_changed(struct alarm *a, uint64_t deadline_ns)
{
    if (a && deadline_ns < atomic_load(&a->sleeps_until))
        host_waker_wake(a->waker);
}

void alarm_lock(struct alarm *a)
{
    if (a)
        pthread_mutex_lock(&a->lock);
}

void alarm_unlock(struct alarm *a)
{
    if (a)
        pthread_mutex_unlock(&a->lock);
}
