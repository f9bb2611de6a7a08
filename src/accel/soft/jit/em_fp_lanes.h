// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What the emitters of vector floating point (em_fp_vec.c, em_fp_conv.c) share.
 * Lanes that the arrangement has not are zero on the way in, so that they raise
 * no flags, and on the way out.
 */

#include "accel/soft/jit/em_fp.h"

static inline bool is_d(const struct insn *i)
{
    return BIT(i->word, 22);
}

/* Bit 28 tells the scalar forms, bit 30 the full vectors. */
static inline unsigned bits_of(const struct insn *i)
{
    if (BIT(i->word, 28))
        return is_d(i) ? 64 : 32;
    return BIT(i->word, 30) ? 128 : 64;
}

static inline bool is_scalar(const struct insn *i)
{
    return BIT(i->word, 28);
}

static inline unsigned prefix(const struct insn *i)
{
    return is_scalar(i) ? fp_scalar(is_d(i)) : fp_packed(is_d(i));
}

static inline unsigned source(struct tr *t, const struct insn *i, unsigned n,
                              unsigned scratch)
{
    return t_vget_low(t, bits_of(i), n, scratch);
}

/* Clears what is above the arrangement. */
static inline void trim(struct tr *t, const struct insn *i, unsigned xmm)
{
    if (bits_of(i) == 64)
        x64_vex_rr(&t->c, V_MOVQ, false, xmm, 0, xmm);
    else if (bits_of(i) == 32)
        x64_vex_rri(&t->c, V_INSERTPS, false, xmm, xmm, xmm, 0xe);
}

static inline bool put(struct tr *t, const struct insn *i, unsigned xmm)
{
    t_vstore_low(t, bits_of(i), i->rd, xmm);
    return true;
}

/* Of lanes, or of one. */
static inline void bail_if_nan(struct tr *t, const struct insn *i, unsigned a,
                               unsigned b)
{
    if (is_scalar(i))
        fp_bail_unordered(t, is_d(i), a, b);
    else
        fp_bail_lanes(t, is_d(i), a, b);
}

static inline bool put_number(struct tr *t, const struct insn *i, unsigned xmm)
{
    bail_if_nan(t, i, xmm, xmm);
    return put(t, i, xmm);
}

/* Vm's element in all lanes of the arrangement. */
static inline unsigned element(struct tr *t, const struct insn *i,
                               unsigned scratch)
{
    unsigned m = t_vget(t, (unsigned)(i->imm >> 3)), idx = i->imm & 7;

    if (is_scalar(i) && idx == 0)
        return m;
    if (is_d(i) && idx == 0)
        x64_vex_rr(&t->c, V_MOVDDUP, false, scratch, 0, m);
    else if (is_d(i))
        x64_vex_rr(&t->c, V_UNPCKHPD, false, scratch, m, m);
    else
        x64_vex_rri(&t->c, V_PERMILPS, false, scratch, 0, m, idx * 0x55);
    if (bits_of(i) == 64 && !is_scalar(i))
        trim(t, i, scratch);
    return scratch;
}

static inline unsigned second(struct tr *t, const struct insn *i,
                              bool by_element, unsigned scratch)
{
    return by_element ? element(t, i, scratch) : source(t, i, i->rm, scratch);
}

/* Bails unless lo <= |lane| <= hi, as bit patterns, in all lanes of the
   arrangement; lo 0: not looked at. No flags are raised. Clobbers rax, xmm5 to
   xmm7. */
void fp_bail_beyond(struct tr *t, const struct insn *i, unsigned xmm,
                    uint64_t lo, uint64_t hi);

/* The bit patterns of the largest number and of 2 to the n. */
static inline uint64_t fp_largest(bool d)
{
    return d ? 0x7fefffffffffffff : 0x7f7fffff;
}

static inline uint64_t fp_power(bool d, int n)
{
    return d ? (uint64_t)(1023 + n) << 52 : (uint64_t)(127 + n) << 23;
}
