// SPDX-License-Identifier: Apache-2.0
/* Atomics and locks, alone and with a second CPU that wants the same. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

static _Alignas(64) _Atomic uint64_t counter;
static _Alignas(64) _Atomic uint32_t started;
static _Alignas(64) pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Alignas(64) uint64_t guarded;

struct job {
    void (*work)(uint64_t n);
    uint64_t n;
};

/* Neither begins before both are on their CPUs. */
static void meet(void)
{
    atomic_fetch_add(&started, 1);
    while (atomic_load(&started) < 2)
        ;
}

static void *second(void *arg)
{
    const struct job *job = arg;

    meet();
    job->work(job->n);
    return NULL;
}

static void both(void (*work)(uint64_t n), uint64_t n)
{
    struct job job = {work, n};
    pthread_attr_t attr;
    pthread_t thread;
    cpu_set_t cpu;

    CPU_ZERO(&cpu);
    CPU_SET(bench_cpu(1), &cpu);
    pthread_attr_init(&attr);
    pthread_attr_setaffinity_np(&attr, sizeof(cpu), &cpu);
    if (pthread_create(&thread, &attr, second, &job) != 0)
        bench_die("pthread_create");
    meet();
    work(n);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attr);
}

static void add(uint64_t n)
{
    while (n-- > 0)
        atomic_fetch_add(&counter, 3);
}

static void swap(uint64_t n)
{
    while (n-- > 0) {
        uint64_t was = atomic_load_explicit(&counter, memory_order_relaxed);

        while (!atomic_compare_exchange_weak(&counter, &was, was + 5))
            ;
    }
}

static void lock(uint64_t n)
{
    while (n-- > 0) {
        pthread_mutex_lock(&mutex);
        guarded += 7;
        pthread_mutex_unlock(&mutex);
    }
}

static uint64_t total(void)
{
    return atomic_load(&counter) + guarded;
}

static uint64_t add_alone(uint64_t n)
{
    add(n);
    return total();
}

static uint64_t add_both(uint64_t n)
{
    both(add, n);
    return total();
}

static uint64_t swap_alone(uint64_t n)
{
    swap(n);
    return total();
}

static uint64_t swap_both(uint64_t n)
{
    both(swap, n);
    return total();
}

static uint64_t lock_alone(uint64_t n)
{
    lock(n);
    return total();
}

static uint64_t lock_both(uint64_t n)
{
    both(lock, n);
    return total();
}

static uint64_t join_each(uint64_t n)
{
    for (; n > 0; n--) {
        both(add, 1);
        atomic_store(&started, 0);
    }
    return total();
}

#define THREADS "threads"

const struct row thread_rows[] = {
    {"atomic_add", THREADS, "fetch-and-add, one thread", 2000000, NULL,
     add_alone},
    {"atomic_add_2", THREADS, "fetch-and-add, two CPUs", 500000, NULL,
     add_both},
    {"atomic_cas", THREADS, "compare-and-swap, one thread", 2000000, NULL,
     swap_alone},
    {"atomic_cas_2", THREADS, "compare-and-swap, two CPUs", 300000, NULL,
     swap_both},
    {"mutex", THREADS, "lock and unlock, one thread", 1000000, NULL,
     lock_alone},
    {"mutex_2", THREADS, "lock and unlock, two CPUs", 200000, NULL, lock_both},
    {"thread_join", THREADS, "start a thread, meet it, wait for it", 150, NULL,
     join_each},
    {0},
};
