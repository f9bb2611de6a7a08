// SPDX-License-Identifier: Apache-2.0
/* Loads that wait for each other, and copies. */

#include "bench.h"

#include <string.h>

enum { LINE = 64, COPY_BYTES = 1 << 20, CHASE_STEPS = 10000 };

static void **chase_start;

/* One cycle through all lines in random order (Sattolo's shuffle). */
static void chase_setup(size_t bytes)
{
    uint8_t *base = bench_memory(bytes);
    size_t lines = bytes / LINE;
    uint32_t *next = bench_memory(lines * sizeof(*next));

    for (size_t n = 0; n < lines; n++)
        next[n] = (uint32_t)n;
    for (size_t n = lines - 1; n > 0; n--) {
        size_t other = (size_t)(bench_random() % n);
        uint32_t t = next[n];

        next[n] = next[other];
        next[other] = t;
    }
    for (size_t n = 0; n < lines; n++)
        *(void **)(void *)(base + n * LINE) = base + (size_t)next[n] * LINE;
    chase_start = (void **)(void *)base;
}

static void chase_16k_setup(void)
{
    chase_setup(16 << 10);
}

static void chase_2m_setup(void)
{
    chase_setup(2 << 20);
}

static void chase_32m_setup(void)
{
    chase_setup(32 << 20);
}

static uint64_t chase_run(uint64_t n)
{
    void **at = chase_start;

    while (n-- > 0)
        for (int i = 0; i < CHASE_STEPS; i++)
            at = *at;
    return (uint64_t)((uint8_t *)at - (uint8_t *)chase_start);
}

static uint8_t *from, *to;

static void copy_setup(void)
{
    from = bench_memory(COPY_BYTES);
    to = bench_memory(COPY_BYTES);
    bench_fill(from, COPY_BYTES);
}

static uint64_t copy_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        memcpy(to, from, COPY_BYTES);
        from[n % COPY_BYTES]++;
        sum += to[n * 31 % COPY_BYTES];
    }
    return sum;
}

static uint64_t set_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        memset(to, (int)(n & 0xff), COPY_BYTES);
        sum += to[n * 31 % COPY_BYTES];
    }
    return sum;
}

static uint64_t small_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        for (size_t i = 0; i < 1000; i++) {
            size_t bytes = i * 37 % 129;

            OPAQUE(bytes);
            memcpy(to + i % 64, from + i * 61 % 4096, bytes);
            sum += to[i % 97];
        }
    }
    return sum;
}

#define MEMORY "memory"

const struct row memory_rows[] = {
    {"chase_16k", MEMORY, "a chain of pointers in 16 KiB", 1500,
     chase_16k_setup, chase_run},
    {"chase_2m", MEMORY, "a chain of pointers in 2 MiB", 250, chase_2m_setup,
     chase_run},
    {"chase_32m", MEMORY, "a chain of pointers in 32 MiB", 30, chase_32m_setup,
     chase_run},
    {"memcpy_1m", MEMORY, "memcpy of 1 MiB", 400, copy_setup, copy_run},
    {"memset_1m", MEMORY, "memset of 1 MiB", 400, copy_setup, set_run},
    {"memcpy_small", MEMORY, "memcpy of up to 128 bytes", 2500, copy_setup,
     small_run},
    {0},
};
