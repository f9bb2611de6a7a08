// SPDX-License-Identifier: Apache-2.0
/*
 * Scalar floating point. A compiler may fuse a multiplication and an addition
 * on one machine and not on another, so the checksums are made of values that
 * are exact either way, or are rounded to far fewer digits than they have.
 */

#include "bench.h"

#include <math.h>
#include <string.h>

enum { SIDE = 96, BODIES = 5 };

static double (*mat_a)[SIDE], (*mat_b)[SIDE], (*mat_c)[SIDE];

static void matmul_setup(void)
{
    size_t bytes = sizeof(double) * SIDE * SIDE;

    mat_a = bench_memory(bytes);
    mat_b = bench_memory(bytes);
    mat_c = bench_memory(bytes);
    for (size_t i = 0; i < SIDE; i++) {
        for (size_t k = 0; k < SIDE; k++) {
            mat_a[i][k] = (double)(bench_random() >> 50);
            mat_b[i][k] = (double)(bench_random() >> 50) - 5000;
        }
    }
}

static uint64_t matmul_run(uint64_t n)
{
    double sum = 0;

    while (n-- > 0) {
        for (size_t i = 0; i < SIDE; i++) {
            for (size_t j = 0; j < SIDE; j++) {
                double dot = 0;

                for (size_t k = 0; k < SIDE; k++)
                    dot += mat_a[i][k] * mat_b[k][j];
                mat_c[i][j] = dot;
            }
        }
        mat_a[n % SIDE][n % 7] += 1;
        sum += mat_c[n % SIDE][n % 11];
    }
    return (uint64_t)(int64_t)sum;
}

struct body {
    double at[3], v[3], mass;
};

static struct body bodies[BODIES];

static void nbody_setup(void)
{
    for (size_t n = 0; n < BODIES; n++) {
        for (size_t k = 0; k < 3; k++) {
            bodies[n].at[k] = (double)(bench_random() >> 54) / 64 * (double)n;
            bodies[n].v[k] = (double)(bench_random() >> 54) / 4096 - 0.125;
        }
        bodies[n].mass = n == 0 ? 40 : 0.01;
    }
}

static void nbody_step(double dt)
{
    for (size_t n = 0; n < BODIES; n++) {
        for (size_t m = n + 1; m < BODIES; m++) {
            struct body *a = &bodies[n], *b = &bodies[m];
            double d[3], square = 0, pull;

            for (size_t k = 0; k < 3; k++) {
                d[k] = a->at[k] - b->at[k];
                square += d[k] * d[k];
            }
            pull = dt / (square * sqrt(square) + 1e-3);
            for (size_t k = 0; k < 3; k++) {
                a->v[k] -= d[k] * b->mass * pull;
                b->v[k] += d[k] * a->mass * pull;
            }
        }
    }
    for (size_t n = 0; n < BODIES; n++)
        for (size_t k = 0; k < 3; k++)
            bodies[n].at[k] += dt * bodies[n].v[k];
}

static uint64_t nbody_run(uint64_t n)
{
    double energy = 0;

    while (n-- > 0)
        for (int i = 0; i < 1000; i++)
            nbody_step(1e-5);
    for (size_t i = 0; i < BODIES; i++)
        for (size_t k = 0; k < 3; k++)
            energy += bodies[i].mass * bodies[i].v[k] * bodies[i].v[k];
    return (uint64_t)llround(energy * 1e4);
}

/* Conversions, divisions, roots and comparisons; nothing to fuse. */
static uint64_t mix_run(uint64_t n)
{
    double sum = 0, most = 0;
    float small = 1;

    for (uint64_t i = 1; i <= n * 1000; i++) {
        double v = sqrt((double)i) / (double)(int64_t)(i | 1);

        if (v > most)
            most = v;
        sum += v;
        small = (float)((double)small / 1.0009765625 + (double)(i & 7));
        sum -= (double)(int32_t)small;
    }
    return (uint64_t)(int64_t)(sum * 256) + (uint64_t)(most * 65536);
}

#define FLOAT "float"

const struct row float_rows[] = {
    {"matmul_f64", FLOAT, "a product of 96x96 doubles", 20, matmul_setup,
     matmul_run},
    {"nbody", FLOAT, "five bodies that attract each other", 120, nbody_setup,
     nbody_run},
    {"fp_mix", FLOAT, "roots, divisions, conversions, comparisons", 1500, NULL,
     mix_run},
    {0},
};
