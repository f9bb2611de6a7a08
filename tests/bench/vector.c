// SPDX-License-Identifier: Apache-2.0
/* Loops that compilers turn into vector code (this file is built with -O3). */

#include "bench.h"

#include <string.h>

enum { ITEMS = 8192 };

static float *fx, *fy;
static uint8_t *ba, *bb, *bc;
static int16_t *ha, *hb;

static void float_setup(void)
{
    fx = bench_memory(ITEMS * sizeof(*fx));
    fy = bench_memory(ITEMS * sizeof(*fy));
    for (size_t n = 0; n < ITEMS; n++) {
        fx[n] = (float)(bench_random() >> 54);
        fy[n] = (float)(bench_random() >> 54);
    }
}

static NOINLINE void saxpy(float a, const float *restrict x, float *restrict y)
{
    for (size_t n = 0; n < ITEMS; n++)
        y[n] += a * x[n];
}

/* There and back: small whole numbers, exact in every order. */
static uint64_t saxpy_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        saxpy(n & 1 ? 3.0f : -3.0f, fx, fy);
        sum += (uint64_t)(int64_t)fy[n % ITEMS];
    }
    return sum;
}

static NOINLINE void scale(const float *restrict x, float *restrict y)
{
    for (size_t n = 0; n < ITEMS; n++) {
        float v = x[n] * 0.5f - 16.0f;

        y[n] = v < 0 ? -v : v > 200 ? 200 : v;
    }
}

static uint64_t clamp_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        scale(fx, fy);
        fx[n % ITEMS] += 2;
        sum += (uint64_t)(fy[n * 7 % ITEMS] * 2);
    }
    return sum;
}

static void bytes_setup(void)
{
    ba = bench_memory(ITEMS);
    bb = bench_memory(ITEMS);
    bc = bench_memory(ITEMS);
    bench_fill(ba, ITEMS);
    bench_fill(bb, ITEMS);
}

static NOINLINE uint32_t sad(const uint8_t *a, const uint8_t *b)
{
    uint32_t sum = 0;

    for (size_t n = 0; n < ITEMS; n++)
        sum += (uint32_t)(a[n] > b[n] ? a[n] - b[n] : b[n] - a[n]);
    return sum;
}

static uint64_t sad_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        sum += sad(ba, bb);
        ba[n % ITEMS] += 3;
    }
    return sum;
}

/* Two pictures laid over each other, with rounding. */
static NOINLINE void blend(const uint8_t *restrict a, const uint8_t *restrict b,
                           uint8_t *restrict c, unsigned alpha)
{
    for (size_t n = 0; n < ITEMS; n++)
        c[n] = (uint8_t)((a[n] * alpha + b[n] * (256 - alpha) + 128) >> 8);
}

static uint64_t blend_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        blend(ba, bb, bc, n & 0xff);
        sum += bc[n % ITEMS];
    }
    return sum;
}

static void dot_setup(void)
{
    ha = bench_memory(ITEMS * sizeof(*ha));
    hb = bench_memory(ITEMS * sizeof(*hb));
    bench_fill(ha, ITEMS * sizeof(*ha));
    bench_fill(hb, ITEMS * sizeof(*hb));
}

static NOINLINE uint32_t dot(const int16_t *a, const int16_t *b)
{
    uint32_t sum = 0;

    for (size_t n = 0; n < ITEMS; n++)
        sum += (uint32_t)(a[n] * b[n]);
    return sum;
}

static uint64_t dot_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        sum += dot(ha, hb);
        ha[n % ITEMS] ^= 5;
    }
    return sum;
}

#define VECTOR "vector"

const struct row vector_rows[] = {
    {"saxpy_f32", VECTOR, "y += a x, 8192 floats", 5000, float_setup,
     saxpy_run},
    {"clamp_f32", VECTOR, "scale, clamp, compare, 8192 floats", 3000,
     float_setup, clamp_run},
    {"sad_u8", VECTOR, "sum of differences, 8192 bytes", 10000, bytes_setup,
     sad_run},
    {"blend_u8", VECTOR, "weighted mean, 8192 bytes", 8000, bytes_setup,
     blend_run},
    {"dot_s16", VECTOR, "product of two rows of 8192 shorts", 10000, dot_setup,
     dot_run},
    {0},
};
