// SPDX-License-Identifier: Apache-2.0
#pragma once

/* What the emitters of half precision share: em_fp_half.c. */

#include "accel/soft/jit/em_fp.h"
#include "accel/soft/jit/simd.h"

/* Four halves, as single precision, in X1, X2 and, if fused, X0; the result, no
   NaN, in X0; X5 is kept. pp: of single precision, scalar or packed. */
typedef void half_op(struct tr *t, unsigned pp);

enum {
    HALF_UNARY = 1,
    HALF_ELEMENT = 2,
    HALF_FUSED = 4,
    HALF_MASK = 8, /* what comes out: words that fit halfwords, signed */
    HALF_UINT = 16 /* or unsigned */
};

static inline bool half_plain(const struct tr *t)
{
    return fp_plain(t) && t->features & JIT_FMA;
}

/* dst = halves of Vn as single precision: the lowest, four, or of eight those
   of a part. */
void half_widen(struct tr *t, unsigned lanes, unsigned part, unsigned dst,
                unsigned n);

/* Packed single precision to halves. Bails when the flags are in doubt. */
void half_narrow(struct tr *t, unsigned x);

void half_bail_nan(struct tr *t, unsigned pp, unsigned a, unsigned b);

/* An instruction of 1, 4 or 8 lanes. */
bool half_lanes(struct tr *t, const struct insn *i, half_op *op, unsigned lanes,
                unsigned flags);

#define LANES(name, op, flags)                         \
    EMITTER(name##_1h, half_lanes(t, i, op, 1, flags)) \
    EMITTER(name##_4h, half_lanes(t, i, op, 4, flags)) \
    EMITTER(name##_8h, half_lanes(t, i, op, 8, flags))

/* clang-format off */
#define HALF_VEC(row) \
    {OP_##row##_4h, em_##row##_4h}, {OP_##row##_8h, em_##row##_8h}
#define HALF_ALL(row) HALF_VEC(row), {OP_##row##_1h, em_##row##_1h}
/* clang-format on */
