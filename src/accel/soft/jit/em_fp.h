// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What the emitters of floating point share. They work while FPCR is zero
 * (MODE_FP_PLAIN): the host then rounds as the guest wants. Cumulative flags
 * gather in MXCSR (fpsr.h). Whatever makes a NaN bails: which NaN, and the
 * invalid operations that the Arm ARM counts and the host does not, are tier
 * 0's to say. An operation that may raise a flag which the guest's would not is
 * made only once it is known not to.
 */

#include "accel/soft/cpu.h"
#include "accel/soft/jit/jit.h"
#include "accel/soft/jit/tr_vec.h"

/* May arithmetic be emitted at all? */
static inline bool fp_plain(const struct tr *t)
{
    return (t->features & JIT_AVX2) && (t->mode & MODE_FP_PLAIN);
}

/* The prefix by format. */
static inline unsigned fp_scalar(bool d)
{
    return d ? FP_SD : FP_SS;
}
static inline unsigned fp_packed(bool d)
{
    return d ? FP_PD : FP_PS;
}

/* dst = a op b, scalar: the rest of dst is a's. */
static inline void fp_op(struct tr *t, unsigned pp, unsigned op, unsigned dst,
                         unsigned a, unsigned b)
{
    x64_vex_rr(&t->c, V_ARITH(pp, op), false, dst, a, b);
}

static inline void fp_zero(struct tr *t, unsigned xmm)
{
    x64_vex_rr(&t->c, V_XOR, false, xmm, xmm, xmm);
}

/* Bails if a or b is a NaN, a signalling one being counted. Clobbers flags. */
void fp_bail_unordered(struct tr *t, bool d, unsigned a, unsigned b);

/* Bails if a lane of a is a NaN, or of b. Clobbers rax, xmm7, flags. */
void fp_bail_lanes(struct tr *t, bool d, unsigned a, unsigned b);

/* Bails unless all lanes of xmm are zero bits at their tops. */
void fp_bail_mask(struct tr *t, unsigned xmm);

/* All lanes: the sign bit; everything but the sign bit. Keep flags. */
void fp_sign_mask(struct tr *t, bool d, unsigned xmm);
void fp_abs_mask(struct tr *t, bool d, unsigned xmm);

/* All lanes of xmm = the bit pattern. Clobbers rax. */
void fp_all_lanes(struct tr *t, bool d, unsigned xmm, uint64_t bits);

/* Bails if a lane of xmm, single precision, might be rounded up to the smallest
   normal half: the host then sees no underflow, Arm does (before rounding).
   Clobbers rax, xmm6, xmm7. */
void fp_bail_tiny_half(struct tr *t, unsigned xmm);

/* NZCV = a compared with b, scalars; op: V_UCOMIS, V_COMIS. */
void fp_compare(struct tr *t, bool d, unsigned op, unsigned a, unsigned b);
