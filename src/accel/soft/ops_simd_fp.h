// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Advanced SIMD floating point by arrangement. `row` is a macro that makes the
 * function of one arrangement from its name, the size of an element, the lane
 * of union vreg and the number of lanes. A scalar instruction is one lane; what
 * the lanes do not fill of a destination becomes zero.
 */

#include "accel/soft/cpu.h"
#include "accel/soft/softfp.h"
#include "isa_gen.h"

#define VECTORS(row, ...)                                             \
    row(4h, 16, h, 4, __VA_ARGS__) row(8h, 16, h, 8, __VA_ARGS__)     \
        row(2s, 32, s, 2, __VA_ARGS__) row(4s, 32, s, 4, __VA_ARGS__) \
            row(2d, 64, d, 2, __VA_ARGS__)
#define SCALARS(row, ...)                                         \
    row(1h, 16, h, 1, __VA_ARGS__) row(1s, 32, s, 1, __VA_ARGS__) \
        row(1d, 64, d, 1, __VA_ARGS__)
#define ALL(row, ...) VECTORS(row, __VA_ARGS__) SCALARS(row, __VA_ARGS__)

/* The functions of one element size. */
#define FP(bits, fn)     fp##bits##_##fn
#define FP_SIGN(bits)    (1ull << ((bits)-1))
#define FP_ABS(bits, a)  ((fp##bits)((a) & ~FP_SIGN(bits)))
#define FP_NEG(bits, a)  ((fp##bits)((a) ^ FP_SIGN(bits)))
#define FP_MASK(bits, b) ((fp##bits)((b) ? ~0ull : 0))
