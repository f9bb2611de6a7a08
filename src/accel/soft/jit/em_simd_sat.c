// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of the rarer saturating instructions of Advanced SIMD: shifts by
 * immediate, additions of mixed signs, SQRDMLAH and SQRDMLSH; and of products
 * of polynomials of 8 bits.
 */

#include "accel/soft/jit/jit.h"
#include "accel/soft/jit/simd.h"

/* As imm_shl leaves it. */
#define IMM_SIZE(i)  ((unsigned)((i)->imm >> 8))
#define IMM_SHIFT(i) ((unsigned)((i)->imm & 0xff))

/* X0 = x shifted by n to the left; x may be X1. */
typedef void shift_kern(struct tr *t, unsigned size, unsigned n, unsigned x);

/* X4 = lanes that do not shift back to what they were. */
static void shift_and_back(struct tr *t, bool sgn, unsigned size, unsigned n,
                           unsigned x)
{
    v_shl(t, size, X0, x, n);
    v_shr(t, sgn, size, X4, X0, n, X5);
    v_op(t, p_cmpeq[size], X4, X4, x);
    v_not(t, X4, X4, X5);
}

static void s_uqshl(struct tr *t, unsigned size, unsigned n, unsigned x)
{
    shift_and_back(t, false, size, n, x);
    v_op(t, P_OR, X0, X0, X4);
    v_qc(t, X4);
}

static void s_sqshl(struct tr *t, unsigned size, unsigned n, unsigned x)
{
    shift_and_back(t, true, size, n, x);
    v_limit(t, size, X5, x, X6);
    v_opi(t, P_BLENDVB, X0, X0, X5, X4 << 4);
    v_qc(t, X4);
}

/* From signed to unsigned. */
static void s_sqshlu(struct tr *t, unsigned size, unsigned n, unsigned x)
{
    shift_and_back(t, false, size, n, x);
    v_op(t, P_OR, X0, X0, X4);
    v_zero(t, X5);
    v_op(t, p_cmpgt[size], X5, X5, x);
    v_op(t, P_ANDN, X0, X5, X0);
    v_op(t, P_OR, X4, X4, X5);
    v_qc(t, X4);
}

static bool shift(struct tr *t, const struct insn *i, shift_kern *k)
{
    unsigned q = SIMD_Q(i);

    if (!simd_ok(t))
        return false;
    k(t, IMM_SIZE(i), IMM_SHIFT(i), t_vget_low(t, q ? 128 : 64, i->rn, X1));
    v_put(t, i, q);
    t->flags_kept = false;
    return true;
}

static bool shift_scalar(struct tr *t, const struct insn *i, shift_kern *k)
{
    if (!simd_ok(t))
        return false;
    v_lowest(t, IMM_SIZE(i), X1, i->rn);
    k(t, IMM_SIZE(i), IMM_SHIFT(i), X1);
    v_put(t, i, 0);
    t->flags_kept = false;
    return true;
}

#define SHIFT(NAME, k)                \
    EMITTER(NAME##_v, shift(t, i, k)) \
    EMITTER(NAME##_s, shift_scalar(t, i, k))
SHIFT(SQSHL_imm, s_sqshl)
SHIFT(UQSHL_imm, s_uqshl)
SHIFT(SQSHLU, s_sqshlu)

/*
 * d plus n, one of them signed and the other not: with d's top bit flipped both
 * are of n's kind, and so is the sum.
 */
static void add_mixed(struct tr *t, unsigned size, simd_kern *k, unsigned d,
                      unsigned n)
{
    v_ones(t, X2);
    v_shl(t, size, X2, X2, (8u << size) - 1);
    v_op(t, P_XOR, X3, d, X2);
    k(t, size, X3, X3, n);
    v_ones(t, X2);
    v_shl(t, size, X2, X2, (8u << size) - 1);
    v_op(t, P_XOR, X0, X0, X2);
}

static bool mixed(struct tr *t, const struct insn *i, simd_kern *k)
{
    unsigned bits = SIMD_Q(i) ? 128 : 64, n, d;

    if (!simd_ok(t))
        return false;
    n = t_vget_low(t, bits, i->rn, X1);
    d = t_vget_low(t, bits, i->rd, X3);
    add_mixed(t, SIMD_SIZE(i), k, d, n);
    v_put(t, i, SIMD_Q(i));
    t->flags_kept = false;
    return true;
}

/* The lowest element: the others are made zero again. */
static bool mixed_scalar(struct tr *t, const struct insn *i, simd_kern *k)
{
    unsigned size = SIMD_SIZE(i), out = 16 - (1u << size);

    if (!simd_ok(t))
        return false;
    v_lowest(t, size, X1, i->rn);
    v_lowest(t, size, X3, i->rd);
    add_mixed(t, size, k, X3, X1);
    v_opi(t, P_SHIFTQ, SHIFTQ_SLLDQ, X0, X0, out);
    v_opi(t, P_SHIFTQ, SHIFTQ_SRLDQ, X0, X0, out);
    v_put(t, i, 1);
    t->flags_kept = false;
    return true;
}

#define MIXED(NAME, k)                \
    EMITTER(NAME##_v, mixed(t, i, k)) \
    EMITTER(NAME##_s, mixed_scalar(t, i, k))
MIXED(SUQADD, k_uqadd)
MIXED(USQADD, k_sqadd)

/* Halfwords as words: (d << 15) +- n * m, rounded, fits. */
static void mul_acc16(struct tr *t, const uint16_t *p_acc, unsigned d,
                      unsigned n, unsigned m)
{
    v_op(t, P_MULLW, X4, n, m);
    v_op(t, P_MULHW, X5, n, m);
    v_op(t, P_UNPCKLWD, X0, X4, X5);
    v_op(t, P_UNPCKHWD, X4, X4, X5);
    v_zero(t, X5);
    v_op(t, P_UNPCKLWD, X6, X5, d);
    v_op(t, P_UNPCKHWD, X7, X5, d);
    v_shift(t, SHIFT_SRA, 2, X6, X6, 1);
    v_shift(t, SHIFT_SRA, 2, X7, X7, 1);
    v_op(t, p_acc[2], X0, X6, X0);
    v_op(t, p_acc[2], X4, X7, X4);
    v_ones(t, X5);
    v_shift(t, SHIFT_SRL, 2, X5, X5, 31);
    v_shift(t, SHIFT_SLL, 2, X5, X5, 14);
    v_op(t, P_ADDD, X0, X0, X5);
    v_op(t, P_ADDD, X4, X4, X5);
    v_shift(t, SHIFT_SRA, 2, X0, X0, 15);
    v_shift(t, SHIFT_SRA, 2, X4, X4, 15);
    v_op(t, P_PACKSSDW, X5, X0, X4);
    v_op(t, P_UNPCKLWD, X6, X5, X5);
    v_op(t, P_UNPCKHWD, X7, X5, X5);
    v_shift(t, SHIFT_SRA, 2, X6, X6, 16);
    v_shift(t, SHIFT_SRA, 2, X7, X7, 16);
    v_op(t, P_XOR, X6, X6, X0);
    v_op(t, P_XOR, X7, X7, X4);
    v_op(t, P_OR, X6, X6, X7);
    v_mov(t, X0, X5);
    v_qc(t, X6);
}

/* Words, the even and the odd ones, as doublewords: (d << 31) +- n * m; then
   bits 62 to 31, unless bit 63 is another than bit 62. */
static void mul_acc32(struct tr *t, const uint16_t *p_acc, unsigned d,
                      unsigned n, unsigned m)
{
    v_ones(t, X7);
    v_shift(t, SHIFT_SRL, 2, X7, X7, 31);
    v_shift(t, SHIFT_SLL, 2, X7, X7, 30);
    v_op(t, P_MULDQ, X0, n, m);
    v_op(t, P_MULDQ, X4, d, X7);
    v_op(t, P_ADDQ, X4, X4, X4);
    v_op(t, p_acc[3], X0, X4, X0);
    v_shift(t, SHIFT_SRL, 3, X4, n, 32);
    v_shift(t, SHIFT_SRL, 3, X5, m, 32);
    v_op(t, P_MULDQ, X4, X4, X5);
    v_shift(t, SHIFT_SRL, 3, X5, d, 32);
    v_op(t, P_MULDQ, X5, X5, X7);
    v_op(t, P_ADDQ, X5, X5, X5);
    v_op(t, p_acc[3], X4, X5, X4);
    v_shift(t, SHIFT_SRL, 3, X7, X7, 32);
    v_op(t, P_ADDQ, X0, X0, X7);
    v_op(t, P_ADDQ, X4, X4, X7);
    v_shift(t, SHIFT_SRL, 3, X5, X0, 32);
    v_opi(t, P_BLENDD, X5, X5, X4, 0x0a);
    v_op(t, P_ADDQ, X0, X0, X0);
    v_op(t, P_ADDQ, X4, X4, X4);
    v_shift(t, SHIFT_SRL, 3, X0, X0, 32);
    v_opi(t, P_BLENDD, X0, X0, X4, 0x0a);
    v_op(t, P_XOR, X6, X0, X5);
    v_limit(t, 2, X4, X5, X7);
    v_opi(t, P_BLENDVPS, X0, X0, X4, X6 << 4);
    v_qc_sign(t, 2, X6);
}

void k_sqrdmlah(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    (size == 1 ? mul_acc16 : mul_acc32)(t, p_add, d, n, m);
}

void k_sqrdmlsh(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    (size == 1 ? mul_acc16 : mul_acc32)(t, p_sub, d, n, m);
}

#define MUL_ACC(NAME, k)                                                    \
    EMITTER(NAME##_v, simd_vec(t, i, k, SIMD_SIZE(i), KERN_SAT | KERN_ACC)) \
    EMITTER(NAME##_s, simd_scalar_sat(t, i, k, KERN_ACC))
MUL_ACC(SQRDMLAH, k_sqrdmlah)
MUL_ACC(SQRDMLSH, k_sqrdmlsh)

/* Polynomials: from m's top bit down, X0 = 2 X0 + n or without n. m, which is
   clobbered, has its bits at the top of the lanes. */
static void multiply(struct tr *t, unsigned size, unsigned n, unsigned m)
{
    v_zero(t, X0);
    v_zero(t, X4);
    for (unsigned bit = 0; bit < 8; bit++) {
        v_op(t, p_cmpgt[size], X5, X4, m);
        v_op(t, P_AND, X5, X5, n);
        if (bit)
            v_op(t, p_add[size], X0, X0, X0);
        v_op(t, P_XOR, X0, X0, X5);
        v_op(t, p_add[size], m, m, m);
    }
}

static bool em_PMUL_v(struct tr *t, const struct insn *i)
{
    if (!simd_ok(t))
        return false;
    t_vload(t, X2, i->rm);
    multiply(t, 0, t_vget(t, i->rn), X2);
    return v_put(t, i, SIMD_Q(i));
}

static bool em_PMULL_8(struct tr *t, const struct insn *i)
{
    if (!simd_ok(t))
        return false;
    v_widen(t, false, 0, SIMD_Q(i), X1, i->rn);
    v_widen(t, false, 0, SIMD_Q(i), X2, i->rm);
    v_shift(t, SHIFT_SLL, 1, X2, X2, 8);
    multiply(t, 1, X1, X2);
    return v_put(t, i, 1);
}

#define VS(NAME)                     \
    {OP_##NAME##_v, em_##NAME##_v},  \
    {                                \
        OP_##NAME##_s, em_##NAME##_s \
    }
// clang-format off
const struct jit_emitter jit_simd_sat_emitters[] = {
    VS(SQSHL_imm), VS(UQSHL_imm), VS(SQSHLU), VS(SUQADD), VS(USQADD),
    VS(SQRDMLAH), VS(SQRDMLSH), {OP_PMUL_v, em_PMUL_v},
    {OP_PMULL_8, em_PMULL_8},
    {0, NULL},
};
// clang-format on
