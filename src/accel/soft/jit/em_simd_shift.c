// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of Advanced SIMD shifts by immediate and of the narrowing and
 * widening moves, which are shifts by 0 (Arm ARM C4.1).
 */

#include "accel/soft/jit/jit.h"
#include "accel/soft/jit/simd.h"

/* As imm_shr and imm_shl leave it. */
#define IMM_SIZE(i)  ((unsigned)((i)->imm >> 8))
#define IMM_SHIFT(i) ((unsigned)((i)->imm & 0xff))

/* X0 = x shifted by n; d is the register's old value. */
typedef void shift_kern(struct tr *t, unsigned size, unsigned n, unsigned x,
                        unsigned d);

static void s_sshr(struct tr *t, unsigned size, unsigned n, unsigned x,
                   unsigned d)
{
    v_shr(t, true, size, X0, x, n, X4);
}

static void s_ushr(struct tr *t, unsigned size, unsigned n, unsigned x,
                   unsigned d)
{
    v_shr(t, false, size, X0, x, n, X4);
}

static void s_ssra(struct tr *t, unsigned size, unsigned n, unsigned x,
                   unsigned d)
{
    s_sshr(t, size, n, x, d);
    v_op(t, p_add[size], X0, d, X0);
}

static void s_usra(struct tr *t, unsigned size, unsigned n, unsigned x,
                   unsigned d)
{
    s_ushr(t, size, n, x, d);
    v_op(t, p_add[size], X0, d, X0);
}

static void s_srshr(struct tr *t, unsigned size, unsigned n, unsigned x,
                    unsigned d)
{
    v_shr_round(t, true, size, X0, x, n, X4);
}

static void s_urshr(struct tr *t, unsigned size, unsigned n, unsigned x,
                    unsigned d)
{
    v_shr_round(t, false, size, X0, x, n, X4);
}

static void s_srsra(struct tr *t, unsigned size, unsigned n, unsigned x,
                    unsigned d)
{
    s_srshr(t, size, n, x, d);
    v_op(t, p_add[size], X0, d, X0);
}

static void s_ursra(struct tr *t, unsigned size, unsigned n, unsigned x,
                    unsigned d)
{
    s_urshr(t, size, n, x, d);
    v_op(t, p_add[size], X0, d, X0);
}

static void s_shl(struct tr *t, unsigned size, unsigned n, unsigned x,
                  unsigned d)
{
    v_shl(t, size, X0, x, n);
}

/* Insert: X0's bits where X5 has ones, the old ones elsewhere. */
static void insert(struct tr *t, unsigned d)
{
    v_op(t, P_AND, X0, X0, X5);
    v_op(t, P_ANDN, X5, X5, d);
    v_op(t, P_OR, X0, X0, X5);
}

static void s_sri(struct tr *t, unsigned size, unsigned n, unsigned x,
                  unsigned d)
{
    s_ushr(t, size, n, x, d);
    v_ones(t, X5);
    v_shr(t, false, size, X5, X5, n, X4);
    insert(t, d);
}

static void s_sli(struct tr *t, unsigned size, unsigned n, unsigned x,
                  unsigned d)
{
    s_shl(t, size, n, x, d);
    v_ones(t, X5);
    v_shl(t, size, X5, X5, n);
    insert(t, d);
}

static bool shift(struct tr *t, const struct insn *i, shift_kern *k, bool acc,
                  unsigned size, unsigned q)
{
    unsigned d = X3, n;

    if (!simd_ok(t))
        return false;
    n = t_vget(t, i->rn);
    if (acc)
        d = t_vget(t, i->rd);
    k(t, size, IMM_SHIFT(i), n, d);
    return v_put(t, i, q);
}

#define SHIFT(NAME, k, acc)                                            \
    EMITTER(NAME##_v, shift(t, i, s_##k, acc, IMM_SIZE(i), SIMD_Q(i))) \
    EMITTER(NAME##_s, shift(t, i, s_##k, acc, 3, 0))
SHIFT(SSHR, sshr, false)
SHIFT(USHR, ushr, false)
SHIFT(SSRA, ssra, true)
SHIFT(USRA, usra, true)
SHIFT(SRSHR, srshr, false)
SHIFT(URSHR, urshr, false)
SHIFT(SRSRA, srsra, true)
SHIFT(URSRA, ursra, true)
SHIFT(SHL, shl, false)
SHIFT(SRI, sri, true)
SHIFT(SLI, sli, true)

static bool shift_long(struct tr *t, const struct insn *i, bool sgn,
                       unsigned size, unsigned n)
{
    if (!simd_ok(t))
        return false;
    v_widen(t, sgn, size, SIMD_Q(i), X0, i->rn);
    v_shl(t, size + 1, X0, X0, n);
    return v_put(t, i, 1);
}

EMITTER(SSHLL_v, shift_long(t, i, true, IMM_SIZE(i), IMM_SHIFT(i)))
EMITTER(USHLL_v, shift_long(t, i, false, IMM_SIZE(i), IMM_SHIFT(i)))
EMITTER(SHLL_v, shift_long(t, i, false, SIMD_SIZE(i), 8u << SIMD_SIZE(i)))

/* Narrowing, from x to the lower half of X0. size: of the result. */
typedef void narrow_kern(struct tr *t, unsigned size, unsigned x);

static void n_low(struct tr *t, unsigned size, unsigned x)
{
    if (size == 2)
        v_opi(t, P_SHUFD, X0, 0, x, 0x08);
    else
        v_opk(t, P_SHUFB, X0, x, size ? K_EVEN16 : K_EVEN8);
}

/* Doublewords: X0 = the low words, X5 = the high ones. */
static void halves64(struct tr *t, unsigned x)
{
    v_opi(t, P_SHUFD, X0, 0, x, 0x08);
    v_opi(t, P_SHUFD, X5, 0, x, 0x0d);
}

static void qc_if_changed(struct tr *t, unsigned extend, unsigned x)
{
    v_op(t, extend, X4, 0, X0);
    v_op(t, P_XOR, X4, X4, x);
    v_qc(t, X4);
}

/* Where it does not fit, the limit by the sign of the high word. */
static void n_sat_s(struct tr *t, unsigned size, unsigned x)
{
    if (size < 2) {
        v_op(t, size ? P_PACKSSDW : P_PACKSSWB, X0, x, x);
        qc_if_changed(t, p_movsx[size], x);
        return;
    }
    halves64(t, x);
    v_shift(t, SHIFT_SRA, 2, X6, X0, 31);
    v_op(t, P_CMPEQD, X6, X6, X5); /* fits */
    v_shift(t, SHIFT_SRA, 2, X5, X5, 31);
    v_ones(t, X4);
    v_shift(t, SHIFT_SRL, 2, X4, X4, 1);
    v_op(t, P_XOR, X5, X5, X4);
    v_opi(t, P_BLENDVB, X0, X5, X0, X6 << 4);
    qc_if_changed(t, P_MOVSXDQ, x);
}

static void n_sat_u(struct tr *t, unsigned size, unsigned x)
{
    if (size < 2) {
        v_opk(t, size ? P_MINUD : P_MINUW, X5, x,
              size ? K_DWORD_FFFF : K_WORD_FF);
        v_op(t, size ? P_PACKUSDW : P_PACKUSWB, X0, X5, X5);
    } else {
        halves64(t, x);
        v_zero(t, X4);
        v_op(t, P_CMPEQD, X5, X5, X4);
        v_not(t, X5, X5, X4);
        v_op(t, P_OR, X0, X0, X5);
    }
    qc_if_changed(t, p_movzx[size], x);
}

/* From signed to unsigned. */
static void n_sat_su(struct tr *t, unsigned size, unsigned x)
{
    if (size < 2) {
        v_op(t, size ? P_PACKUSDW : P_PACKUSWB, X0, x, x);
    } else {
        halves64(t, x);
        v_zero(t, X4);
        v_op(t, P_CMPEQD, X6, X5, X4);
        v_not(t, X6, X6, X4);
        v_op(t, P_OR, X0, X0, X6);
        v_shift(t, SHIFT_SRA, 2, X5, X5, 31);
        v_op(t, P_ANDN, X0, X5, X0);
    }
    qc_if_changed(t, p_movzx[size], x);
}

enum { NARROW_SIGNED = 1, NARROW_ROUND = 2, NARROW_SAT = 4 };

static bool narrow(struct tr *t, const struct insn *i, narrow_kern *k,
                   unsigned flags, unsigned size, unsigned n)
{
    bool sgn = flags & NARROW_SIGNED;
    unsigned x;

    if (!simd_ok(t))
        return false;
    x = t_vget(t, i->rn);
    if (flags & NARROW_ROUND)
        v_shr_round(t, sgn, size + 1, X1, x, n, X4);
    else if (n)
        v_shr(t, sgn, size + 1, X1, x, n, X4);
    k(t, size, flags & NARROW_ROUND || n ? X1 : x);
    v_put_half(t, i);
    t->flags_kept = !(flags & NARROW_SAT);
    return true;
}

/* One element, which no other lane saturates. */
static bool narrow_scalar(struct tr *t, const struct insn *i, narrow_kern *k,
                          unsigned flags, unsigned size, unsigned n)
{
    bool sgn = flags & NARROW_SIGNED;

    if (!simd_ok(t))
        return false;
    v_lowest(t, size + 1, X1, i->rn);
    if (flags & NARROW_ROUND)
        v_shr_round(t, sgn, size + 1, X1, X1, n, X4);
    else
        v_shr(t, sgn, size + 1, X1, X1, n, X4);
    k(t, size, X1);
    v_put(t, i, 0);
    t->flags_kept = false;
    return true;
}

#define NARROW_S(NAME, k, flags, size, n) \
    EMITTER(NAME##_s, narrow_scalar(t, i, n_##k, flags, size, n))
#define NARROW(NAME, k, flags, size, n) \
    EMITTER(NAME##_v, narrow(t, i, n_##k, flags, size, n))
#define SHIFT_NARROW(NAME, k, flags) \
    NARROW(NAME, k, flags, IMM_SIZE(i), IMM_SHIFT(i))
SHIFT_NARROW(SHRN, low, 0)
SHIFT_NARROW(RSHRN, low, NARROW_ROUND)
SHIFT_NARROW(SQSHRN, sat_s, NARROW_SAT | NARROW_SIGNED)
SHIFT_NARROW(SQRSHRN, sat_s, NARROW_SAT | NARROW_SIGNED | NARROW_ROUND)
SHIFT_NARROW(UQSHRN, sat_u, NARROW_SAT)
SHIFT_NARROW(UQRSHRN, sat_u, NARROW_SAT | NARROW_ROUND)
SHIFT_NARROW(SQSHRUN, sat_su, NARROW_SAT | NARROW_SIGNED)
SHIFT_NARROW(SQRSHRUN, sat_su, NARROW_SAT | NARROW_SIGNED | NARROW_ROUND)
NARROW(XTN, low, 0, SIMD_SIZE(i), 0)
NARROW(SQXTN, sat_s, NARROW_SAT, SIMD_SIZE(i), 0)
NARROW(UQXTN, sat_u, NARROW_SAT, SIMD_SIZE(i), 0)
NARROW(SQXTUN, sat_su, NARROW_SAT, SIMD_SIZE(i), 0)

#define SHIFT_NARROW_S(NAME, k, flags) \
    NARROW_S(NAME, k, flags, IMM_SIZE(i), IMM_SHIFT(i))
SHIFT_NARROW_S(SQSHRN, sat_s, NARROW_SIGNED)
SHIFT_NARROW_S(SQRSHRN, sat_s, NARROW_SIGNED | NARROW_ROUND)
SHIFT_NARROW_S(UQSHRN, sat_u, 0)
SHIFT_NARROW_S(UQRSHRN, sat_u, NARROW_ROUND)
SHIFT_NARROW_S(SQSHRUN, sat_su, NARROW_SIGNED)
SHIFT_NARROW_S(SQRSHRUN, sat_su, NARROW_SIGNED | NARROW_ROUND)
NARROW_S(SQXTN, sat_s, 0, SIMD_SIZE(i), 0)
NARROW_S(UQXTN, sat_u, 0, SIMD_SIZE(i), 0)
NARROW_S(SQXTUN, sat_su, 0, SIMD_SIZE(i), 0)

/* The high half of each sum or difference. */
static bool high_half(struct tr *t, const struct insn *i, simd_kern *k,
                      bool round)
{
    unsigned size = SIMD_SIZE(i), bits = 8u << size;

    if (!simd_ok(t))
        return false;
    k(t, size + 1, X3, t_vget(t, i->rn), t_vget(t, i->rm));
    if (round) {
        v_ones(t, X4);
        v_shift(t, SHIFT_SRL, size + 1, X4, X4, 2 * bits - 1);
        v_shift(t, SHIFT_SLL, size + 1, X4, X4, bits - 1);
        v_op(t, p_add[size + 1], X0, X0, X4);
    }
    v_shift(t, SHIFT_SRL, size + 1, X1, X0, bits);
    n_low(t, size, X1);
    return v_put_half(t, i);
}

#define HIGH3(NAME, k, round) EMITTER(NAME##_v, high_half(t, i, k_##k, round))
HIGH3(ADDHN, add, false)
HIGH3(RADDHN, add, true)
HIGH3(SUBHN, sub, false)
HIGH3(RSUBHN, sub, true)

#define V(NAME) EMITTER_ROW(NAME##_v)
#define VS(NAME)                     \
    V(NAME),                         \
    {                                \
        OP_##NAME##_s, em_##NAME##_s \
    }
// clang-format off
const struct jit_emitter jit_simd_shift_emitters[] = {
    VS(SSHR), VS(USHR), VS(SSRA), VS(USRA), VS(SRSHR), VS(URSHR), VS(SRSRA),
    VS(URSRA), VS(SHL), VS(SRI), VS(SLI), V(SSHLL), V(USHLL), V(SHLL),
    V(SHRN), V(RSHRN), VS(SQSHRN), VS(SQRSHRN), VS(UQSHRN), VS(UQRSHRN),
    VS(SQSHRUN), VS(SQRSHRUN), V(XTN), VS(SQXTN), VS(UQXTN), VS(SQXTUN),
    V(ADDHN), V(RADDHN), V(SUBHN), V(RSUBHN),
    {0, NULL},
};
// clang-format on
