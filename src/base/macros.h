// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Small words used everywhere. BUG and check() are for faults of our own and
 * abort in every build; a guest or an operator must not be able to reach them.
 */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#undef MIN /* a system header may have them */
#undef MAX
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define KIB (1024ull)
#define MIB (1024ull * KIB)
#define GIB (1024ull * MIB)

#define container_of(ptr, type, member) \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Bits hi..lo of x, as the Arm ARM writes x<hi:lo>. */
#define BITS(x, hi, lo) (((x) >> (lo)) & ((1ull << ((hi) - (lo)) << 1) - 1))
#define BIT(x, n)       (((x) >> (n)) & 1)

/* `align` is a power of two. */
static inline uint64_t align_down(uint64_t x, uint64_t align)
{
    return x & ~(align - 1);
}

static inline uint64_t align_up(uint64_t x, uint64_t align)
{
    return align_down(x + align - 1, align);
}

/* The low `bits` (1..64) of x as a signed number. */
static inline int64_t sext64(uint64_t x, unsigned bits)
{
    return (int64_t)(x << (64 - bits)) >> (64 - bits);
}

static inline uint64_t sat_add64(uint64_t a, uint64_t b)
{
    uint64_t r;

    return __builtin_add_overflow(a, b, &r) ? UINT64_MAX : r;
}

static inline uint64_t sat_mul64(uint64_t a, uint64_t b)
{
    uint64_t r;

    return __builtin_mul_overflow(a, b, &r) ? UINT64_MAX : r;
}

_Noreturn void bug_at(const char *file, int line, const char *what);
#define BUG(what) bug_at(__FILE__, __LINE__, what)
#define check(cond)            \
    do {                       \
        if (unlikely(!(cond))) \
            BUG(#cond);        \
    } while (0)

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "guest structures are read as they lie: little-endian hosts");
