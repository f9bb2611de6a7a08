// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of Advanced SIMD, two registers miscellaneous (vector and scalar)
 * and across lanes (Arm ARM C4.1). The narrowing ones are in em_simd_shift.c.
 */

#include "accel/soft/jit/jit.h"
#include "accel/soft/jit/simd.h"

#define KERN(name)                                                            \
    static void k_##name(struct tr *t, unsigned size, unsigned d, unsigned n, \
                         unsigned m)

KERN(not )
{
    v_not(t, X0, n, X4);
}

KERN(neg)
{
    v_zero(t, X4);
    v_op(t, p_sub[size], X0, X4, n);
}

KERN(abs)
{
    if (size < 3) {
        v_op(t, P_ABSB + size, X0, 0, n);
    } else {
        v_zero(t, X4);
        v_op(t, P_CMPGTQ, X4, X4, n);
        v_op(t, P_XOR, X0, n, X4);
        v_op(t, P_SUBQ, X0, X0, X4);
    }
}

KERN(cmgt0)
{
    v_zero(t, X4);
    v_op(t, p_cmpgt[size], X0, n, X4);
}

KERN(cmlt0)
{
    v_zero(t, X4);
    v_op(t, p_cmpgt[size], X0, X4, n);
}

KERN(cmeq0)
{
    v_zero(t, X4);
    v_op(t, p_cmpeq[size], X0, n, X4);
}

KERN(cmge0)
{
    k_cmlt0(t, size, d, n, m);
    v_not(t, X0, X0, X4);
}

KERN(cmle0)
{
    k_cmgt0(t, size, d, n, m);
    v_not(t, X0, X0, X4);
}

/* X4 and X5: the low and high nibbles of bytes. */
static void nibbles(struct tr *t, unsigned n)
{
    v_opk(t, P_AND, X4, n, K_BYTE_0F);
    v_shift(t, SHIFT_SRL, 1, X5, n, 4);
    v_opk(t, P_AND, X5, X5, K_BYTE_0F);
}

/* X0 and X5: what tables say of the low and high nibbles. */
static void by_nibbles(struct tr *t, unsigned n, enum simd_const low,
                       enum simd_const high)
{
    nibbles(t, n);
    v_opk(t, V_MOVUPS, X0, 0, low);
    v_op(t, P_SHUFB, X0, X0, X4);
    v_opk(t, V_MOVUPS, X4, 0, high);
    v_op(t, P_SHUFB, X5, X4, X5);
}

KERN(cnt)
{
    if (t->features & JIT_BITALG) {
        x64_evex_rr(&t->c, E_POPCNTB, false, 0, X0, 0, n);
        return;
    }
    by_nibbles(t, n, K_POPCOUNT4, K_POPCOUNT4);
    v_op(t, P_ADDB, X0, X0, X5);
}

void v_rbit8(struct tr *t, unsigned n)
{
    by_nibbles(t, n, K_RBIT_LOW4, K_RBIT_HIGH4);
    v_op(t, P_OR, X0, X0, X5);
}

KERN(rbit)
{
    v_rbit8(t, n);
}

/* Where the upper half of a lane (of log2 `size` bytes) counts as many zeroes
   as it has bits, those of the lower half come on top. */
static void join_clz(struct tr *t, unsigned size)
{
    v_shift(t, SHIFT_SRL, size, X4, X0, 4u << size);
    v_opk(t, P_AND, X0, X0, size == 1 ? K_WORD_FF : K_DWORD_FFFF);
    v_opk(t, p_cmpeq[size], X5, X4, size == 1 ? K_WORD_8 : K_DWORD_16);
    v_op(t, P_AND, X0, X0, X5);
    v_op(t, p_add[size], X0, X0, X4);
}

KERN(clz)
{
    by_nibbles(t, n, K_CLZ_LOW4, K_CLZ_HIGH4);
    v_op(t, P_MINUB, X0, X0, X5);
    for (unsigned k = 1; k <= size; k++)
        join_clz(t, k);
}

/* Bits below the sign equal to it: XOR with the next one and count zeroes. */
KERN(cls)
{
    v_op(t, p_add[size], X0, n, n);
    v_op(t, P_XOR, X0, X0, n);
    v_ones(t, X4);
    v_op(t, p_sub[size], X5, X4, X4);
    v_op(t, p_sub[size], X5, X5, X4); /* lanes of 1 */
    v_op(t, P_OR, X0, X0, X5);
    k_clz(t, size, d, X0, m);
}

static bool misc(struct tr *t, const struct insn *i, simd_kern *k,
                 unsigned size, unsigned q)
{
    unsigned n;

    if (!simd_ok(t))
        return false;
    n = t_vget(t, i->rn);
    k(t, size, X3, n, n);
    return v_put(t, i, q);
}

#define MISC_V(NAME, k, size) \
    EMITTER(NAME##_v, misc(t, i, k_##k, size, SIMD_Q(i)))
#define MISC_S(NAME, k)  EMITTER(NAME##_s, misc(t, i, k_##k, 3, 0))
#define MISC_VS(NAME, k) MISC_V(NAME, k, SIMD_SIZE(i)) MISC_S(NAME, k)
MISC_VS(NEG, neg)
MISC_VS(ABS, abs)
MISC_VS(CMGT_zero, cmgt0)
MISC_VS(CMGE_zero, cmge0)
MISC_VS(CMEQ_zero, cmeq0)
MISC_VS(CMLE_zero, cmle0)
MISC_VS(CMLT_zero, cmlt0)
MISC_V(NOT, not, 3)
MISC_V(CNT, cnt, 0)
MISC_V(RBIT, rbit, 0)
MISC_V(CLZ, clz, SIMD_SIZE(i))
MISC_V(CLS, cls, SIMD_SIZE(i))

/* Saturating: 0 - n, and (n ^ sign) - sign. */
static void negate_sat(struct tr *t, unsigned size, bool abs, unsigned n)
{
    v_zero(t, X1);
    if (abs) {
        v_op(t, p_cmpgt[size], X3, X1, n);
        v_op(t, P_XOR, X1, n, X3);
        n = X3;
    }
    k_sqsub(t, size, X3, X1, n);
}

static bool negate_vec(struct tr *t, const struct insn *i, bool abs)
{
    unsigned q = SIMD_Q(i);

    if (!simd_ok(t))
        return false;
    negate_sat(t, SIMD_SIZE(i), abs, t_vget_low(t, q ? 128 : 64, i->rn, X2));
    v_put(t, i, q);
    t->flags_kept = false;
    return true;
}

static bool negate_scalar(struct tr *t, const struct insn *i, bool abs)
{
    if (!simd_ok(t))
        return false;
    v_lowest(t, SIMD_SIZE(i), X2, i->rn);
    negate_sat(t, SIMD_SIZE(i), abs, X2);
    v_put(t, i, 0);
    t->flags_kept = false;
    return true;
}

#define NEGATE(NAME, abs)                    \
    EMITTER(NAME##_v, negate_vec(t, i, abs)) \
    EMITTER(NAME##_s, negate_scalar(t, i, abs))
NEGATE(SQNEG, false)
NEGATE(SQABS, true)

/* The halfwords of each doubleword in another order. */
static void shuffle16(struct tr *t, unsigned n, unsigned order)
{
    v_opi(t, P_SHUFLW, X0, 0, n, order);
    v_opi(t, P_SHUFHW, X0, 0, X0, order);
}

static bool rev(struct tr *t, const struct insn *i, unsigned container)
{
    static const uint8_t order8[4] = {0, K_REV16_8, K_REV32_8, K_REV64_8};
    unsigned size = SIMD_SIZE(i), n;

    if (!simd_ok(t))
        return false;
    n = t_vget(t, i->rn);
    if (size == 0)
        v_opk(t, P_SHUFB, X0, n, order8[container]);
    else if (size == 1)
        shuffle16(t, n, container == 3 ? 0x1b : 0xb1);
    else
        v_opi(t, P_SHUFD, X0, 0, n, 0xb1);
    return v_put(t, i, SIMD_Q(i));
}

EMITTER(REV64_v, rev(t, i, 3))
EMITTER(REV32_v, rev(t, i, 2))
EMITTER(REV16_v, rev(t, i, 1))

/* X0 = the sums of adjacent lanes of n, twice as wide. */
static void add_pairs_s(struct tr *t, unsigned size, unsigned n)
{
    if (size == 0) {
        v_opk(t, V_MOVUPS, X0, 0, K_BYTE_ONE);
        v_op(t, P_MADDUBSW, X0, X0, n);
    } else if (size == 1) {
        v_opk(t, P_MADDWD, X0, n, K_WORD_ONE);
    } else {
        v_opi(t, P_SHUFD, X0, 0, n, 0x08);
        v_opi(t, P_SHUFD, X4, 0, n, 0x0d);
        v_op(t, P_MOVSXDQ, X0, 0, X0);
        v_op(t, P_MOVSXDQ, X4, 0, X4);
        v_op(t, P_ADDQ, X0, X0, X4);
    }
}

static void add_pairs_u(struct tr *t, unsigned size, unsigned n)
{
    if (size == 0) {
        v_opk(t, P_MADDUBSW, X0, n, K_BYTE_ONE);
        return;
    }
    v_zero(t, X4);
    v_opi(t, P_BLENDW, X4, n, X4, size == 1 ? 0xaa : 0xcc);
    v_shift(t, SHIFT_SRL, size + 1, X0, n, 8u << size);
    v_op(t, p_add[size + 1], X0, X0, X4);
}

typedef void pairs_fn(struct tr *t, unsigned size, unsigned n);

static bool long_pairs(struct tr *t, const struct insn *i, pairs_fn *add,
                       bool accumulate)
{
    if (!simd_ok(t))
        return false;
    add(t, SIMD_SIZE(i), t_vget(t, i->rn));
    if (accumulate)
        v_op(t, p_add[SIMD_SIZE(i) + 1], X0, X0, t_vget(t, i->rd));
    return v_put(t, i, SIMD_Q(i));
}

#define LONG_PAIRS(NAME, add, accumulate) \
    EMITTER(NAME##_v, long_pairs(t, i, add, accumulate))
LONG_PAIRS(SADDLP, add_pairs_s, false)
LONG_PAIRS(UADDLP, add_pairs_u, false)
LONG_PAIRS(SADALP, add_pairs_s, true)
LONG_PAIRS(UADALP, add_pairs_u, true)

/* X0 = X0 op its upper half, and so on down to lanes of log2 `size` bytes:
   the lowest one is the result. */
static void reduce(struct tr *t, unsigned size, simd_kern *k,
                   unsigned lane_size)
{
    for (unsigned half = 8; half >= 1u << size; half >>= 1) {
        if (half == 8)
            v_opi(t, P_SHUFD, X3, 0, X0, 0x4e);
        else
            v_opi(t, P_SHIFTQ, SHIFTQ_SRLDQ, X3, X0, half);
        k(t, lane_size, X3, X0, X3);
    }
}

/* Vd = the lowest element of X0. */
static bool put_elem(struct tr *t, const struct insn *i, unsigned size)
{
    unsigned out = 16 - (1u << size);

    if (size == 3)
        return v_put(t, i, 0);
    v_opi(t, P_SHIFTQ, SHIFTQ_SLLDQ, X0, X0, out);
    v_opi(t, P_SHIFTQ, SHIFTQ_SRLDQ, X0, X0, out);
    return v_put(t, i, 1);
}

/* Half a register is doubled where zeroes would count. */
static bool minmax_across(struct tr *t, const struct insn *i, simd_kern *k)
{
    unsigned size = SIMD_SIZE(i);

    if (!simd_ok(t))
        return false;
    if (SIMD_Q(i))
        t_vload(t, X0, i->rn);
    else
        v_broadcast(t, 3, X0, i->rn, 0);
    reduce(t, size, k, size);
    return put_elem(t, i, size);
}

static bool add_across(struct tr *t, const struct insn *i, pairs_fn *pairs)
{
    unsigned size = SIMD_SIZE(i);

    if (!simd_ok(t))
        return false;
    if (pairs) {
        v_lanes(t, X1, i->rn, SIMD_Q(i));
        pairs(t, size, X1);
        size++;
    } else {
        v_lanes(t, X0, i->rn, SIMD_Q(i));
    }
    reduce(t, size, k_add, size);
    return put_elem(t, i, size);
}

#define ACROSS(NAME, f, arg) EMITTER(NAME, f(t, i, arg))
ACROSS(ADDV, add_across, NULL)
ACROSS(SADDLV, add_across, add_pairs_s)
ACROSS(UADDLV, add_across, add_pairs_u)
ACROSS(SMAXV, minmax_across, k_smax)
ACROSS(UMAXV, minmax_across, k_umax)
ACROSS(SMINV, minmax_across, k_smin)
ACROSS(UMINV, minmax_across, k_umin)

#define E(NAME) EMITTER_ROW(NAME)
#define V(NAME) EMITTER_ROW(NAME##_v)
#define VS(NAME)                     \
    V(NAME),                         \
    {                                \
        OP_##NAME##_s, em_##NAME##_s \
    }
// clang-format off
const struct jit_emitter jit_simd_misc_emitters[] = {
    VS(NEG), VS(ABS), VS(CMGT_zero), VS(CMGE_zero), VS(CMEQ_zero),
    VS(CMLE_zero), VS(CMLT_zero), V(NOT), V(CNT), V(RBIT), V(CLZ), V(CLS),
    VS(SQNEG), VS(SQABS), V(REV64), V(REV32), V(REV16), V(SADDLP), V(UADDLP), V(SADALP), V(UADALP),
    E(ADDV), E(SADDLV), E(UADDLV), E(SMAXV), E(UMAXV), E(SMINV), E(UMINV),
    {0, NULL},
};
// clang-format on
