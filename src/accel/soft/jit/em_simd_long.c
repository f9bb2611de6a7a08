// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of Advanced SIMD, three registers of different types (long and
 * wide), and both groups "by element" (Arm ARM C4.1).
 */

#include "accel/soft/jit/jit.h"
#include "accel/soft/jit/simd.h"

/* dst = the half of Vn that Q names, its elements twice as wide. */
static void widen(struct tr *t, const struct insn *i, bool sgn, unsigned dst,
                  unsigned n)
{
    v_widen(t, sgn, SIMD_SIZE(i), SIMD_Q(i), dst, n);
}

static bool long3(struct tr *t, const struct insn *i, bool sgn, bool wide,
                  simd_kern *k)
{
    unsigned n = X1;

    if (!simd_ok(t))
        return false;
    if (wide)
        n = t_vget(t, i->rn);
    else
        widen(t, i, sgn, X1, i->rn);
    widen(t, i, sgn, X2, i->rm);
    k(t, SIMD_SIZE(i) + 1, X3, n, X2);
    return v_put(t, i, 1);
}

#define LONG3(NAME, sgn, wide, k) \
    EMITTER(NAME##_v, long3(t, i, sgn, wide, k_##k))
LONG3(SADDL, true, false, add)
LONG3(UADDL, false, false, add)
LONG3(SADDW, true, true, add)
LONG3(UADDW, false, true, add)
LONG3(SSUBL, true, false, sub)
LONG3(USUBL, false, false, sub)
LONG3(SSUBW, true, true, sub)
LONG3(USUBW, false, true, sub)

/* The difference fits the narrow element as an unsigned number. */
static bool abd_long(struct tr *t, const struct insn *i, simd_kern *k, bool acc)
{
    unsigned size = SIMD_SIZE(i);

    if (!simd_ok(t))
        return false;
    k(t, size, X3, t_vget(t, i->rn), t_vget(t, i->rm));
    if (SIMD_Q(i))
        v_opi(t, P_SHUFD, X0, 0, X0, 0x4e);
    v_op(t, p_movzx[size], X0, 0, X0);
    if (acc)
        v_op(t, p_add[size + 1], X0, X0, t_vget(t, i->rd));
    return v_put(t, i, 1);
}

#define ABD_LONG(NAME, k, acc) EMITTER(NAME##_v, abd_long(t, i, k_##k, acc))
ABD_LONG(SABDL, sabd, false)
ABD_LONG(UABDL, uabd, false)
ABD_LONG(SABAL, sabd, true)
ABD_LONG(UABAL, uabd, true)

/* X0 = the long products of those halves of n and m that Q names; bytes are
   widened already. */
static void products(struct tr *t, bool sgn, unsigned size, unsigned q,
                     unsigned n, unsigned m)
{
    if (size == 0) {
        v_op(t, P_MULLW, X0, n, m);
    } else if (size == 1) {
        v_op(t, P_MULLW, X4, n, m);
        v_op(t, sgn ? P_MULHW : P_MULHUW, X0, n, m);
        v_op(t, q ? P_UNPCKHWD : P_UNPCKLWD, X0, X4, X0);
    } else {
        v_opi(t, P_SHUFD, X4, 0, n, q ? 0xfa : 0x50);
        v_opi(t, P_SHUFD, X5, 0, m, q ? 0xfa : 0x50);
        v_op(t, sgn ? P_MULDQ : P_MULUDQ, X0, X4, X5);
    }
}

/* dst = Vm<index> in every lane. 16-bit elements: index H:L:M, register
   Rm<3:0>; 32-bit: index H:L, register M:Rm. */
static void element(struct tr *t, const struct insn *i, unsigned dst)
{
    unsigned index = FIELD(i, 11, 11) << 1 | FIELD(i, 21, 21);

    if (SIMD_SIZE(i) == 1)
        v_broadcast(t, 1, dst, i->rm & 15, index << 1 | FIELD(i, 20, 20));
    else
        v_broadcast(t, 2, dst, i->rm, index);
}

enum { ACC_NONE, ACC_ADD, ACC_SUB };

static bool mul_long(struct tr *t, const struct insn *i, bool sgn,
                     unsigned accumulate, bool by_element)
{
    unsigned wide = SIMD_SIZE(i) + 1, n = X1, m = X2;

    if (!simd_ok(t))
        return false;
    if (SIMD_SIZE(i) == 0) {
        widen(t, i, sgn, X1, i->rn);
        widen(t, i, sgn, X2, i->rm);
    } else {
        n = t_vget(t, i->rn);
        if (by_element)
            element(t, i, X2);
        else
            m = t_vget(t, i->rm);
    }
    products(t, sgn, SIMD_SIZE(i), SIMD_Q(i), n, m);
    if (accumulate)
        v_op(t, (accumulate == ACC_ADD ? p_add : p_sub)[wide], X0,
             t_vget(t, i->rd), X0);
    return v_put(t, i, 1);
}

#define MUL_LONG(NAME, sgn, acc)                       \
    EMITTER(NAME##_v, mul_long(t, i, sgn, acc, false)) \
    EMITTER(NAME##_e, mul_long(t, i, sgn, acc, true))
MUL_LONG(SMULL, true, ACC_NONE)
MUL_LONG(UMULL, false, ACC_NONE)
MUL_LONG(SMLAL, true, ACC_ADD)
MUL_LONG(UMLAL, false, ACC_ADD)
MUL_LONG(SMLSL, true, ACC_SUB)
MUL_LONG(UMLSL, false, ACC_SUB)

/* Doubled, where only the product of the two most negative numbers saturates;
   it alone comes out as the most negative. */
static void double_products(struct tr *t, unsigned wide)
{
    v_op(t, p_add[wide], X0, X0, X0);
    v_ones(t, X4);
    v_shift(t, SHIFT_SLL, wide, X4, X4, wide == 2 ? 31 : 63);
    v_op(t, p_cmpeq[wide], X4, X4, X0);
    v_op(t, P_XOR, X0, X0, X4);
    v_qc(t, X4);
}

static bool mul_double(struct tr *t, const struct insn *i, simd_kern *k,
                       bool by_element)
{
    unsigned size = SIMD_SIZE(i), m = X2;

    if (!simd_ok(t))
        return false;
    if (by_element)
        element(t, i, X2);
    else
        m = t_vget(t, i->rm);
    products(t, true, size, SIMD_Q(i), t_vget(t, i->rn), m);
    double_products(t, size + 1);
    if (k) {
        v_mov(t, X2, X0);
        k(t, size + 1, X3, t_vget(t, i->rd), X2);
    }
    v_put(t, i, 1);
    t->flags_kept = false;
    return true;
}

/* One element, of zeroes above. */
static bool mul_double_scalar(struct tr *t, const struct insn *i, simd_kern *k,
                              bool by_element)
{
    unsigned size = SIMD_SIZE(i);

    if (!simd_ok(t))
        return false;
    v_lowest(t, size, X1, i->rn);
    if (by_element)
        element(t, i, X2);
    else
        t_vload(t, X2, i->rm);
    products(t, true, size, 0, X1, X2);
    double_products(t, size + 1);
    if (k) {
        v_mov(t, X2, X0);
        v_lowest(t, size + 1, X1, i->rd);
        k(t, size + 1, X3, X1, X2);
    }
    v_put(t, i, 0);
    t->flags_kept = false;
    return true;
}

static bool same_se(struct tr *t, const struct insn *i, simd_kern *k)
{
    if (!simd_ok(t))
        return false;
    v_lowest(t, SIMD_SIZE(i), X1, i->rn);
    v_lowest(t, SIMD_SIZE(i), X3, i->rd); /* not all read it */
    element(t, i, X2);
    k(t, SIMD_SIZE(i), X3, X1, X2);
    v_put(t, i, 0);
    t->flags_kept = false;
    return true;
}

#define SAME_SE(NAME, k) EMITTER(NAME##_se, same_se(t, i, k))
SAME_SE(SQDMULH, k_sqdmulh)
SAME_SE(SQRDMULH, k_sqrdmulh)
SAME_SE(SQRDMLAH, k_sqrdmlah)
SAME_SE(SQRDMLSH, k_sqrdmlsh)

#define MUL_DOUBLE_S(NAME, k)                            \
    EMITTER(NAME##_s, mul_double_scalar(t, i, k, false)) \
    EMITTER(NAME##_se, mul_double_scalar(t, i, k, true))
MUL_DOUBLE_S(SQDMULL, NULL)
MUL_DOUBLE_S(SQDMLAL, k_sqadd)
MUL_DOUBLE_S(SQDMLSL, k_sqsub)

#define MUL_DOUBLE(NAME, k)                       \
    EMITTER(NAME##_v, mul_double(t, i, k, false)) \
    EMITTER(NAME##_e, mul_double(t, i, k, true))
MUL_DOUBLE(SQDMULL, NULL)
MUL_DOUBLE(SQDMLAL, k_sqadd)
MUL_DOUBLE(SQDMLSL, k_sqsub)

/* By element, of one size. */
static bool same_e(struct tr *t, const struct insn *i, simd_kern *k,
                   unsigned flags)
{
    unsigned q = SIMD_Q(i), d = X3, n;

    if (!simd_ok(t))
        return false;
    n = t_vget_low(t, flags & KERN_SAT && !q ? 64 : 128, i->rn, X1);
    element(t, i, X2);
    if (flags & KERN_ACC)
        d = t_vget_low(t, flags & KERN_SAT && !q ? 64 : 128, i->rd, X3);
    k(t, SIMD_SIZE(i), d, n, X2);
    v_put(t, i, q);
    t->flags_kept = !(flags & KERN_SAT);
    return true;
}

#define SAME_E(NAME, k, flags) EMITTER(NAME##_e, same_e(t, i, k_##k, flags))
SAME_E(MUL, mul, 0)
SAME_E(MLA, mla, KERN_ACC)
SAME_E(MLS, mls, KERN_ACC)
SAME_E(SQDMULH, sqdmulh, KERN_SAT)
SAME_E(SQRDMULH, sqrdmulh, KERN_SAT)
SAME_E(SQRDMLAH, sqrdmlah, KERN_SAT | KERN_ACC)
SAME_E(SQRDMLSH, sqrdmlsh, KERN_SAT | KERN_ACC)
SAME_E(SDOT, sdot, KERN_ACC)
SAME_E(UDOT, udot, KERN_ACC)

#define V(NAME)  EMITTER_ROW(NAME##_v)
#define E(NAME)  EMITTER_ROW(NAME##_e)
#define S(NAME)  EMITTER_ROW(NAME##_s)
#define SE(NAME) EMITTER_ROW(NAME##_se)
#define VE(NAME) V(NAME), E(NAME)
// clang-format off
const struct jit_emitter jit_simd_long_emitters[] = {
    V(SADDL), V(UADDL), V(SADDW), V(UADDW), V(SSUBL), V(USUBL), V(SSUBW),
    V(USUBW), V(SABDL), V(UABDL), V(SABAL), V(UABAL),
    VE(SMULL), VE(UMULL), VE(SMLAL), VE(UMLAL), VE(SMLSL), VE(UMLSL),
    VE(SQDMULL), VE(SQDMLAL), VE(SQDMLSL), SE(SQDMULH), SE(SQRDMULH),
    S(SQDMULL), S(SQDMLAL), S(SQDMLSL), SE(SQDMULL), SE(SQDMLAL), SE(SQDMLSL),
    E(MUL), E(MLA), E(MLS), E(SQDMULH), E(SQRDMULH), E(SQRDMLAH), E(SQRDMLSH),
    SE(SQRDMLAH), SE(SQRDMLSH), E(SDOT), E(UDOT),
    {0, NULL},
};
// clang-format on
