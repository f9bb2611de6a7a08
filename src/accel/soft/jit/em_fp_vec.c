// SPDX-License-Identifier: Apache-2.0
/* Advanced SIMD floating point in single and double precision, and its scalar
   forms: arithmetic and comparison. */

#include "accel/soft/jit/em_fp_lanes.h"

void fp_bail_mask(struct tr *t, unsigned xmm)
{
    x64_vex_rr(&t->c, V_MOVMSKPS, false, RAX, 0, xmm);
    x64_test(&t->c, false, RAX, RAX);
    t_bail(t, CC_NE);
}

void fp_bail_lanes(struct tr *t, bool d, unsigned a, unsigned b)
{
    x64_vex_rri(&t->c, V_ARITH(fp_packed(d), V_CMP), false, 7, a, b, CMP_UNORD);
    fp_bail_mask(t, 7);
}

void fp_sign_mask(struct tr *t, bool d, unsigned xmm)
{
    x64_vex_rr(&t->c, V_PCMPEQD, false, xmm, xmm, xmm);
    x64_vex_shift(&t->c, d ? V_PSHIFTQ : V_PSHIFTD, 6, xmm, xmm, d ? 63 : 31);
}

void fp_abs_mask(struct tr *t, bool d, unsigned xmm)
{
    x64_vex_rr(&t->c, V_PCMPEQD, false, xmm, xmm, xmm);
    x64_vex_shift(&t->c, d ? V_PSHIFTQ : V_PSHIFTD, 2, xmm, xmm, 1);
}

void fp_all_lanes(struct tr *t, bool d, unsigned xmm, uint64_t bits)
{
    t_vconst(t, xmm, bits);
    if (d)
        x64_vex_rr(&t->c, V_MOVDDUP, false, xmm, 0, xmm);
    else
        x64_vex_rri(&t->c, V_PERMILPS, false, xmm, 0, xmm, 0);
}

void fp_bail_beyond(struct tr *t, const struct insn *i, unsigned xmm,
                    uint64_t lo, uint64_t hi)
{
    bool d = is_d(i);
    unsigned above = d ? V_PCMPGTQ : V_PCMPGTD;

    fp_abs_mask(t, d, 7);
    x64_vex_rr(&t->c, V_AND, false, 7, 7, xmm);
    fp_all_lanes(t, d, 6, hi);
    x64_vex_rr(&t->c, above, false, 6, 7, 6);
    if (lo) {
        fp_all_lanes(t, d, 5, lo);
        x64_vex_rr(&t->c, above, false, 5, 5, 7);
        x64_vex_rr(&t->c, V_OR, false, 6, 6, 5);
    }
    x64_vex_rr(&t->c, V_MOVMSKPS, false, RAX, 0, 6);
    if (bits_of(i) < 128)
        x64_alu_ri(&t->c, false, ALU_AND, RAX, bits_of(i) == 64 ? 3 : 1);
    else
        x64_test(&t->c, false, RAX, RAX);
    t_bail(t, CC_NE);
}

static bool arith(struct tr *t, const struct insn *i, unsigned op,
                  bool by_element)
{
    unsigned a, b;

    if (!fp_plain(t))
        return false;
    a = source(t, i, i->rn, 0);
    b = second(t, i, by_element, 1);
    fp_op(t, prefix(i), op, 0, a, b);
    return put_number(t, i, 0);
}

EMITTER(FADD, arith(t, i, V_ADD, false))
EMITTER(FSUB, arith(t, i, V_SUB, false))
EMITTER(FMUL, arith(t, i, V_MUL, false))
EMITTER(FMUL_elem, arith(t, i, V_MUL, true))

/* 0 / 0 in the lanes that are not there would count as invalid: they repeat
   the others. */
static bool em_FDIV(struct tr *t, const struct insn *i)
{
    if (bits_of(i) == 128)
        return arith(t, i, V_DIV, false);
    if (!fp_plain(t))
        return false;
    x64_vex_rr(&t->c, V_MOVDDUP, false, 0, 0, t_vget(t, i->rn));
    x64_vex_rr(&t->c, V_MOVDDUP, false, 1, 0, t_vget(t, i->rm));
    fp_op(t, prefix(i), V_DIV, 0, 0, 1);
    fp_bail_lanes(t, false, 0, 0);
    trim(t, i, 0);
    return put(t, i, 0);
}

static bool em_FSQRT(struct tr *t, const struct insn *i)
{
    if (!fp_plain(t))
        return false;
    fp_op(t, prefix(i), V_SQRT, 0, 0, source(t, i, i->rn, 1));
    return put_number(t, i, 0);
}

static bool fused(struct tr *t, const struct insn *i, enum v_fma op,
                  bool by_element)
{
    unsigned a, b;

    if (!fp_plain(t) || !(t->features & JIT_FMA))
        return false;
    t_vload_low(t, bits_of(i), 0, i->rd);
    a = source(t, i, i->rn, 1);
    b = second(t, i, by_element, 2);
    x64_vex_rr(&t->c, V_FMA(op, is_scalar(i)), is_d(i), 0, a, b);
    return put_number(t, i, 0);
}

EMITTER(FMLA, fused(t, i, V_FMADD231, false))
EMITTER(FMLS, fused(t, i, V_FNMADD231, false))
EMITTER(FMLA_elem, fused(t, i, V_FMADD231, true))
EMITTER(FMLS_elem, fused(t, i, V_FNMADD231, true))

/* What makes 2 (FMULX) or a constant of infinity times zero raises nothing
   then: where an operand is no finite number it is tier 0's. */
static bool finite_operands(struct tr *t, const struct insn *i, unsigned a,
                            unsigned b)
{
    bool d = is_d(i);

    fp_bail_beyond(t, i, a, 0, fp_largest(d));
    fp_bail_beyond(t, i, b, 0, fp_largest(d));
    return true;
}

static bool mulx(struct tr *t, const struct insn *i, bool by_element)
{
    unsigned a, b;

    if (!fp_plain(t))
        return false;
    a = source(t, i, i->rn, 0);
    b = second(t, i, by_element, 1);
    finite_operands(t, i, a, b);
    fp_op(t, prefix(i), V_MUL, 0, a, b);
    return put(t, i, 0);
}

EMITTER(FMULX, mulx(t, i, false))
EMITTER(FMULX_elem, mulx(t, i, true))

/* 2 - a * b, rounded once. */
static bool em_FRECPS(struct tr *t, const struct insn *i)
{
    unsigned a, b;

    if (!fp_plain(t) || !(t->features & JIT_FMA))
        return false;
    a = source(t, i, i->rn, 1);
    b = source(t, i, i->rm, 2);
    finite_operands(t, i, a, b);
    fp_all_lanes(t, is_d(i), 0, fp_power(is_d(i), 1));
    x64_vex_rr(&t->c, V_FMA(V_FNMADD231, is_scalar(i)), is_d(i), 0, a, b);
    trim(t, i, 0);
    return put(t, i, 0);
}

/* (3 - a * b) / 2, rounded once: half of a is exact if a is not very small. */
static bool em_FRSQRTS(struct tr *t, const struct insn *i)
{
    bool d = is_d(i);
    unsigned a, b;

    if (!fp_plain(t) || !(t->features & JIT_FMA))
        return false;
    a = source(t, i, i->rn, 1);
    b = source(t, i, i->rm, 2);
    fp_bail_beyond(t, i, a, fp_power(d, d ? -1020 : -124), fp_largest(d));
    fp_bail_beyond(t, i, b, 0, fp_largest(d));
    fp_all_lanes(t, d, 0, fp_power(d, -1));
    fp_op(t, prefix(i), V_MUL, 3, a, 0);
    fp_all_lanes(t, d, 0, fp_power(d, 0) | (d ? 1ull << 51 : 1u << 22));
    x64_vex_rr(&t->c, V_FMA(V_FNMADD231, is_scalar(i)), d, 0, 3, b);
    trim(t, i, 0);
    return put(t, i, 0);
}

/* Signs. They do not care for FPCR. */
static bool by_mask(struct tr *t, const struct insn *i, bool flip)
{
    if (!(t->features & JIT_AVX2))
        return false;
    if (flip)
        fp_sign_mask(t, is_d(i), 1);
    else
        fp_abs_mask(t, is_d(i), 1);
    x64_vex_rr(&t->c, flip ? V_XOR : V_AND, false, 0, 1, t_vget(t, i->rn));
    trim(t, i, 0);
    t->flags_kept = true;
    return put(t, i, 0);
}

EMITTER(FABS, by_mask(t, i, false))
EMITTER(FNEG, by_mask(t, i, true))

static bool em_FABD(struct tr *t, const struct insn *i)
{
    unsigned a;

    if (!fp_plain(t))
        return false;
    a = source(t, i, i->rn, 0);
    fp_op(t, prefix(i), V_SUB, 0, a, source(t, i, i->rm, 1));
    bail_if_nan(t, i, 0, 0);
    fp_abs_mask(t, is_d(i), 1);
    x64_vex_rr(&t->c, V_AND, false, 0, 0, 1);
    return put(t, i, 0);
}

/* Minimum and maximum of numbers, as in em_fp.c: both ways, for the zeros.
   Clobbers xmm6 and xmm7. */
struct min_max {
    unsigned op, join;
};
static const struct min_max fp_max = {V_MAX, V_AND}, fp_min = {V_MIN, V_OR};

static void min_max(struct tr *t, unsigned pp, const struct min_max *mm,
                    unsigned dst, unsigned a, unsigned b)
{
    fp_op(t, pp, mm->op, 6, a, b);
    fp_op(t, pp, mm->op, 7, b, a);
    x64_vex_rr(&t->c, mm->join, false, dst, 6, 7);
}

static bool min_max_lanes(struct tr *t, const struct insn *i,
                          const struct min_max *mm)
{
    unsigned a, b;

    if (!fp_plain(t))
        return false;
    a = source(t, i, i->rn, 0);
    b = source(t, i, i->rm, 1);
    fp_bail_lanes(t, is_d(i), a, b);
    min_max(t, prefix(i), mm, 0, a, b);
    return put(t, i, 0);
}

EMITTER(FMAX, min_max_lanes(t, i, &fp_max))
EMITTER(FMIN, min_max_lanes(t, i, &fp_min))

/* xmm0, xmm1 = the even and the odd ones of Vn's lanes and, above them, Vm's.
   The scalar forms have Vn's two lowest only. */
static void pairs(struct tr *t, const struct insn *i)
{
    unsigned n = t_vget(t, i->rn), m;

    if (is_scalar(i)) {
        if (is_d(i))
            x64_vex_rr(&t->c, V_UNPCKHPD, false, 1, n, n);
        else
            x64_vex_rr(&t->c, V_MOVSHDUP, false, 1, 0, n);
        t_vload_low(t, bits_of(i), 0, i->rn);
        trim(t, i, 1);
        return;
    }
    m = t_vget(t, i->rm);
    if (is_d(i)) {
        x64_vex_rr(&t->c, V_UNPCKLPD, false, 0, n, m);
        x64_vex_rr(&t->c, V_UNPCKHPD, false, 1, n, m);
    } else if (bits_of(i) == 128) {
        x64_vex_rri(&t->c, V_SHUFPS, false, 0, n, m, 0x88);
        x64_vex_rri(&t->c, V_SHUFPS, false, 1, n, m, 0xdd);
    } else {
        x64_vex_rr(&t->c, V_UNPCKLPS, false, 0, n, m);
        x64_vex_rr(&t->c, V_UNPCKHPD, false, 1, 0, 0);
        trim(t, i, 0);
        trim(t, i, 1);
    }
}

static bool em_FADDP(struct tr *t, const struct insn *i)
{
    if (!fp_plain(t))
        return false;
    pairs(t, i);
    fp_op(t, prefix(i), V_ADD, 0, 0, 1);
    return put_number(t, i, 0);
}

static bool min_max_pairs(struct tr *t, const struct insn *i,
                          const struct min_max *mm)
{
    if (!fp_plain(t))
        return false;
    pairs(t, i);
    bail_if_nan(t, i, 0, 1);
    min_max(t, prefix(i), mm, 0, 0, 1);
    return put(t, i, 0);
}

EMITTER(FMAXP, min_max_pairs(t, i, &fp_max))
EMITTER(FMINP, min_max_pairs(t, i, &fp_min))

/* Across four single lanes: of numbers any order will do. */
static bool min_max_across(struct tr *t, const struct insn *i,
                           const struct min_max *mm)
{
    unsigned a;

    if (!fp_plain(t))
        return false;
    a = t_vget(t, i->rn);
    fp_bail_lanes(t, false, a, a);
    x64_vex_rr(&t->c, V_UNPCKHPD, false, 1, a, a);
    min_max(t, FP_PS, mm, 0, a, 1);
    x64_vex_rr(&t->c, V_MOVSHDUP, false, 1, 0, 0);
    min_max(t, FP_PS, mm, 0, 0, 1);
    x64_vex_rri(&t->c, V_INSERTPS, false, 0, 0, 0, 0xe);
    t_vstore_low(t, 32, i->rd, 0);
    return true;
}

EMITTER(FMAXV, min_max_across(t, i, &fp_max))
EMITTER(FMINV, min_max_across(t, i, &fp_min))

/* Comparison. The host's predicates are as quiet as the Arm's: only EQ is. */
enum cmp_with { CMP_VM, CMP_ZERO, CMP_ABS };

static bool compare(struct tr *t, const struct insn *i, enum v_pred pred,
                    enum cmp_with with)
{
    unsigned a, b = 1;

    if (!fp_plain(t))
        return false;
    a = source(t, i, i->rn, 0);
    if (with == CMP_ZERO)
        fp_zero(t, 1);
    else
        b = source(t, i, i->rm, 1);
    if (with == CMP_ABS) {
        fp_abs_mask(t, is_d(i), 2);
        x64_vex_rr(&t->c, V_AND, false, 0, a, 2);
        x64_vex_rr(&t->c, V_AND, false, 1, b, 2);
        a = 0;
        b = 1;
    }
    x64_vex_rri(&t->c, V_ARITH(prefix(i), V_CMP), false, 0, a, b, pred);
    if (!is_scalar(i))
        trim(t, i, 0); /* 0 is equal to 0 */
    t->flags_kept = true;
    return put(t, i, 0);
}

#define COMPARE(name, pred, with) EMITTER(name, compare(t, i, pred, with))
COMPARE(FCMEQ, CMP_EQ_Q, CMP_VM)
COMPARE(FCMGE, CMP_GE_S, CMP_VM)
COMPARE(FCMGT, CMP_GT_S, CMP_VM)
COMPARE(FACGE, CMP_GE_S, CMP_ABS)
COMPARE(FACGT, CMP_GT_S, CMP_ABS)
COMPARE(FCMEQ_zero, CMP_EQ_Q, CMP_ZERO)
COMPARE(FCMGE_zero, CMP_GE_S, CMP_ZERO)
COMPARE(FCMGT_zero, CMP_GT_S, CMP_ZERO)
COMPARE(FCMLE_zero, CMP_LE_S, CMP_ZERO)
COMPARE(FCMLT_zero, CMP_LT_S, CMP_ZERO)

static bool em_FMOV_imm(struct tr *t, const struct insn *i)
{
    bool full = BIT(i->word, 30);

    if (!(t->features & JIT_AVX2))
        return false;
    t_vconst(t, 0, i->imm);
    if (full)
        x64_vex_rr(&t->c, V_MOVDDUP, false, 0, 0, 0);
    t_vstore_low(t, full ? 128 : 64, i->rd, 0);
    t->flags_kept = true;
    return true;
}

/* clang-format off */
#define VEC(row, emit) \
    {OP_##row##_2s, emit}, {OP_##row##_4s, emit}, {OP_##row##_2d, emit}
#define ONE(row, emit) {OP_##row##_1s, emit}, {OP_##row##_1d, emit}
#define ALL(row, emit) VEC(row, emit), ONE(row, emit)
const struct jit_emitter jit_fp_vec_emitters[] = {
    VEC(FADD, em_FADD),
    VEC(FSUB, em_FSUB),
    VEC(FMUL, em_FMUL),
    VEC(FDIV, em_FDIV),
    VEC(FSQRT, em_FSQRT),
    VEC(FMLA, em_FMLA),
    VEC(FMLS, em_FMLS),
    ALL(FMULX, em_FMULX),
    ALL(FMULX_elem, em_FMULX_elem),
    ALL(FRECPS, em_FRECPS),
    ALL(FRSQRTS, em_FRSQRTS),
    VEC(FABS, em_FABS),
    VEC(FNEG, em_FNEG),
    ALL(FABD, em_FABD),
    ALL(FMUL_elem, em_FMUL_elem),
    ALL(FMLA_elem, em_FMLA_elem),
    ALL(FMLS_elem, em_FMLS_elem),
    VEC(FMAX, em_FMAX),
    VEC(FMIN, em_FMIN),
    VEC(FMAXNM, em_FMAX), /* they differ in NaNs only */
    VEC(FMINNM, em_FMIN),
    ALL(FADDP, em_FADDP),
    ALL(FMAXP, em_FMAXP),
    ALL(FMINP, em_FMINP),
    ALL(FMAXNMP, em_FMAXP),
    ALL(FMINNMP, em_FMINP),
    {OP_FMAXV_4s, em_FMAXV},
    {OP_FMINV_4s, em_FMINV},
    {OP_FMAXNMV_4s, em_FMAXV},
    {OP_FMINNMV_4s, em_FMINV},
    ALL(FCMEQ, em_FCMEQ),
    ALL(FCMGE, em_FCMGE),
    ALL(FCMGT, em_FCMGT),
    ALL(FACGE, em_FACGE),
    ALL(FACGT, em_FACGT),
    ALL(FCMEQ_zero, em_FCMEQ_zero),
    ALL(FCMGE_zero, em_FCMGE_zero),
    ALL(FCMGT_zero, em_FCMGT_zero),
    ALL(FCMLE_zero, em_FCMLE_zero),
    ALL(FCMLT_zero, em_FCMLT_zero),
    VEC(FMOV_imm, em_FMOV_imm),
    {OP_FMOV_imm_4h, em_FMOV_imm},
    {OP_FMOV_imm_8h, em_FMOV_imm},
    {0, NULL},
};
