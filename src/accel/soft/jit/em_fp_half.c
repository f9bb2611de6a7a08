// SPDX-License-Identifier: Apache-2.0
/*
 * Half precision. It is computed in single precision and rounded once more:
 * 24 bits are enough for the sum, difference, product, quotient and root of
 * numbers of 11 bits to be rounded twice to what once would give. Of a fused
 * product and sum that is so unless the first result lies halfway between two
 * halves, or among the smallest: then it is tier 0's. Conversions of halves
 * (F16C) are there wherever FMA3 is. Conversions are em_fp_half_conv.c's, and
 * em_fp_est.c has the estimates.
 */

#include "accel/soft/jit/em_fp_half.h"

/* dst = halves of Vn as single precision: the lowest, four, or of eight those
   of a part. */
void half_widen(struct tr *t, unsigned lanes, unsigned part, unsigned dst,
                unsigned n)
{
    unsigned src = dst;

    if (lanes == 1)
        v_lowest(t, 1, dst, n);
    else if (part)
        v_opi(t, P_SHUFD, dst, 0, t_vget(t, n), 0xee);
    else
        src = t_vget_part(t, 64, n);
    v_op(t, V_CVTPH2PS, dst, 0, src);
}

/* One element in all lanes. */
static void widen_element(struct tr *t, const struct insn *i, unsigned dst)
{
    v_broadcast(t, 1, dst, (unsigned)(i->imm >> 3), i->imm & 7);
    v_op(t, V_CVTPH2PS, dst, 0, dst);
}

void half_bail_nan(struct tr *t, unsigned pp, unsigned a, unsigned b)
{
    if (pp == FP_SS)
        fp_bail_unordered(t, false, a, b);
    else
        fp_bail_lanes(t, false, a, b);
}

void fp_bail_tiny_half(struct tr *t, unsigned xmm)
{
    fp_abs_mask(t, false, X7);
    v_op(t, P_AND, X7, X7, xmm);
    fp_all_lanes(t, false, X6, 0x387fe000);
    v_op(t, P_SUBD, X7, X7, X6); /* below 0x2000: the last half ulp */
    v_shift(t, SHIFT_SRL, 2, X7, X7, 13);
    v_zero(t, X6);
    v_op(t, P_CMPEQD, X7, X7, X6);
    fp_bail_mask(t, X7);
}

/* Packed single precision to halves, or words to halfwords. */
void half_narrow(struct tr *t, unsigned x)
{
    fp_bail_tiny_half(t, x);
    x64_vex_rri(&t->c, V_CVTPS2PH, false, x, 0, x, 4);
}

static void narrow_words(struct tr *t, unsigned pack, unsigned x)
{
    v_zero(t, X7);
    v_op(t, pack, x, x, X7);
}

static void one_part(struct tr *t, const struct insn *i, half_op *op,
                     unsigned lanes, unsigned flags, unsigned part)
{
    half_widen(t, lanes, part, X1, i->rn);
    if (flags & HALF_ELEMENT)
        widen_element(t, i, X2);
    else if (!(flags & HALF_UNARY))
        half_widen(t, lanes, part, X2, i->rm);
    if (flags & HALF_FUSED)
        half_widen(t, lanes, part, X0, i->rd);
    op(t, lanes == 1 ? FP_SS : FP_PS);
    if (flags & HALF_MASK)
        narrow_words(t, P_PACKSSDW, X0);
    else if (flags & HALF_UINT)
        narrow_words(t, P_PACKUSDW, X0);
    else
        half_narrow(t, X0);
}

bool half_lanes(struct tr *t, const struct insn *i, half_op *op, unsigned lanes,
                unsigned flags)
{
    if (!half_plain(t))
        return false;
    one_part(t, i, op, lanes, flags, 0);
    if (lanes < 8) {
        t_vstore_low(t, 64, i->rd, X0);
        return true;
    }
    v_mov(t, X5, X0);
    one_part(t, i, op, lanes, flags, 1);
    v_op(t, P_UNPCKLQDQ, X0, X5, X0);
    t_vstore(t, i->rd, X0);
    return true;
}

#define BINARY(name, op)                            \
    static void h_##name(struct tr *t, unsigned pp) \
    {                                               \
        fp_op(t, pp, op, X0, X1, X2);               \
        half_bail_nan(t, pp, X0, X0);               \
    }
BINARY(add, V_ADD)
BINARY(sub, V_SUB)
BINARY(mul, V_MUL)
BINARY(div, V_DIV)

static void h_nmul(struct tr *t, unsigned pp)
{
    h_mul(t, pp);
    t_vconst(t, X7, 1u << 31);
    v_op(t, P_XOR, X0, X0, X7);
}

static void h_abd(struct tr *t, unsigned pp)
{
    h_sub(t, pp);
    fp_abs_mask(t, false, X7);
    v_op(t, P_AND, X0, X0, X7);
}

static void h_sqrt(struct tr *t, unsigned pp)
{
    fp_op(t, pp, V_SQRT, X0, pp == FP_SS ? X1 : 0, X1);
    half_bail_nan(t, pp, X0, X0);
}

/* Both ways, for the zeros, as in em_fp.c. */
static void extreme(struct tr *t, unsigned pp, unsigned op, unsigned join)
{
    half_bail_nan(t, pp, X1, X2);
    fp_op(t, pp, op, X6, X1, X2);
    fp_op(t, pp, op, X7, X2, X1);
    v_op(t, join, X0, X6, X7);
}

static void h_max(struct tr *t, unsigned pp)
{
    extreme(t, pp, V_MAX, V_AND);
}

static void h_min(struct tr *t, unsigned pp)
{
    extreme(t, pp, V_MIN, V_OR);
}

/* Bails if a lane of X0 is halfway between two halves, or no more than the
   smallest normal one, but not zero. Clobbers X4, X6, X7. */
static void bail_doubtful(struct tr *t)
{
    fp_all_lanes(t, false, X6, 0x1fff);
    v_op(t, P_AND, X7, X0, X6);
    fp_all_lanes(t, false, X6, 0x1000);
    v_op(t, P_CMPEQD, X7, X7, X6);
    fp_abs_mask(t, false, X6);
    v_op(t, P_AND, X6, X6, X0);
    fp_all_lanes(t, false, X4, 0x38800001);
    v_op(t, P_CMPGTD, X4, X4, X6);
    v_op(t, P_OR, X7, X7, X4);
    v_zero(t, X4);
    v_op(t, P_CMPEQD, X4, X4, X6);
    v_op(t, P_ANDN, X7, X4, X7);
    fp_bail_mask(t, X7);
}

static void fused_op(struct tr *t, unsigned pp, enum v_fma op)
{
    x64_vex_rr(&t->c, V_FMA(op, pp == FP_SS), false, X0, X1, X2);
    half_bail_nan(t, pp, X0, X0);
    bail_doubtful(t);
}

static void h_mla(struct tr *t, unsigned pp)
{
    fused_op(t, pp, V_FMADD231);
}

static void h_mls(struct tr *t, unsigned pp)
{
    fused_op(t, pp, V_FNMADD231);
}

/* What makes a number of infinity times zero raises nothing then: where an
   operand is no finite number it is tier 0's. */
static void bail_infinite(struct tr *t)
{
    fp_abs_mask(t, false, X7);
    v_op(t, P_AND, X6, X7, X1);
    v_op(t, P_AND, X7, X7, X2);
    v_op(t, P_MAXSD, X7, X7, X6);
    fp_all_lanes(t, false, X6, 0x477fe000); /* 65504 */
    v_op(t, P_CMPGTD, X7, X7, X6);
    fp_bail_mask(t, X7);
}

static void h_mulx(struct tr *t, unsigned pp)
{
    bail_infinite(t);
    fp_op(t, pp, V_MUL, X0, X1, X2);
}

/* The steps of Newton's method, rounded once. */
static void step(struct tr *t, unsigned pp, uint64_t from)
{
    bail_infinite(t);
    if (pp == FP_SS)
        t_vconst(t, X0, from);
    else
        fp_all_lanes(t, false, X0, from);
    x64_vex_rr(&t->c, V_FMA(V_FNMADD231, pp == FP_SS), false, X0, X1, X2);
}

static void h_recps(struct tr *t, unsigned pp)
{
    step(t, pp, 0x40000000); /* 2 - a * b */
    bail_doubtful(t);
}

static void h_rsqrts(struct tr *t, unsigned pp)
{
    step(t, pp, 0x40400000); /* 3 - a * b, halved */
    fp_all_lanes(t, false, X7, 0x3f000000);
    fp_op(t, pp, V_MUL, X0, X0, X7);
    bail_doubtful(t);
}

static void compare(struct tr *t, unsigned pp, enum v_pred pred)
{
    x64_vex_rri(&t->c, V_ARITH(pp, V_CMP), false, X0, X1, X2, pred);
}

static void sizes(struct tr *t)
{
    fp_abs_mask(t, false, X7);
    v_op(t, P_AND, X1, X1, X7);
    v_op(t, P_AND, X2, X2, X7);
}

#define COMPARE(name, pred)                                \
    static void h_##name(struct tr *t, unsigned pp)        \
    {                                                      \
        compare(t, pp, pred);                              \
    }                                                      \
    static void h_##name##_zero(struct tr *t, unsigned pp) \
    {                                                      \
        v_zero(t, X2);                                     \
        compare(t, pp, pred);                              \
    }
#define COMPARE_ABS(name, pred)                           \
    static void h_##name##_abs(struct tr *t, unsigned pp) \
    {                                                     \
        sizes(t);                                         \
        compare(t, pp, pred);                             \
    }
COMPARE_ABS(ge, CMP_GE_S)
COMPARE_ABS(gt, CMP_GT_S)
COMPARE(eq, CMP_EQ_Q)
COMPARE(ge, CMP_GE_S)
COMPARE(gt, CMP_GT_S)

static void h_le_zero(struct tr *t, unsigned pp)
{
    v_zero(t, X2);
    compare(t, pp, CMP_LE_S);
}

static void h_lt_zero(struct tr *t, unsigned pp)
{
    v_zero(t, X2);
    compare(t, pp, CMP_LT_S);
}

static bool store_lowest(struct tr *t, const struct insn *i, unsigned x)
{
    v_opi(t, P_SHIFTQ, SHIFTQ_SLLDQ, X0, x, 14);
    v_opi(t, P_SHIFTQ, SHIFTQ_SRLDQ, X0, X0, 14);
    t_vstore_low(t, 64, i->rd, X0);
    return t->flags_kept = true;
}

/* Of pairs of halves in x: X0 = four results. */
static void of_pairs(struct tr *t, half_op *op, unsigned x)
{
    v_opk(t, P_AND, X1, x, K_DWORD_FFFF);
    v_op(t, P_PACKUSDW, X1, X1, X1);
    v_op(t, V_CVTPH2PS, X1, 0, X1);
    v_shift(t, SHIFT_SRL, 2, X2, x, 16);
    v_op(t, P_PACKUSDW, X2, X2, X2);
    v_op(t, V_CVTPH2PS, X2, 0, X2);
    op(t, FP_PS);
    half_narrow(t, X0);
}

/* Two halves to one (lanes 1), or two registers joined, pair by pair. */
static bool pairs(struct tr *t, const struct insn *i, half_op *op,
                  unsigned lanes)
{
    if (!half_plain(t))
        return false;
    if (lanes == 8) {
        of_pairs(t, op, t_vget(t, i->rn));
        v_mov(t, X5, X0);
        of_pairs(t, op, t_vget(t, i->rm));
        v_op(t, P_UNPCKLQDQ, X0, X5, X0);
        t_vstore(t, i->rd, X0);
        return true;
    }
    t_vload_low(t, lanes == 1 ? 32 : 64, X3, i->rn);
    if (lanes == 4)
        v_op(t, P_UNPCKLQDQ, X3, X3, t_vget_part(t, 64, i->rm));
    of_pairs(t, op, X3);
    t_vstore_low(t, 64, i->rd, X0);
    return true;
}

/* The largest or smallest of all lanes: what order they are asked in does not
   matter. Nothing is rounded. */
static bool across(struct tr *t, const struct insn *i, half_op *op,
                   unsigned lanes)
{
    static const uint8_t orders[] = {0xee, 0x55};

    if (!half_plain(t))
        return false;
    half_widen(t, 4, 0, lanes == 8 ? X1 : X0, i->rn);
    if (lanes == 8) {
        half_widen(t, 4, 1, X2, i->rn);
        op(t, FP_PS);
    }
    for (unsigned n = 0; n < ARRAY_LEN(orders); n++) {
        v_mov(t, X1, X0);
        v_opi(t, P_SHUFD, X2, 0, X0, orders[n]);
        op(t, FP_PS);
    }
    half_narrow(t, X0);
    store_lowest(t, i, X0);
    t->flags_kept = false;
    return true;
}

/* Scalars with an addend of their own. */
static bool fused_scalar(struct tr *t, const struct insn *i, enum v_fma op)
{
    if (!half_plain(t))
        return false;
    half_widen(t, 1, 0, X0, i->ra);
    half_widen(t, 1, 0, X1, i->rn);
    half_widen(t, 1, 0, X2, i->rm);
    fused_op(t, FP_SS, op);
    half_narrow(t, X0);
    t_vstore_low(t, 64, i->rd, X0);
    return true;
}

EMITTER(FMADD, fused_scalar(t, i, V_FMADD231))
EMITTER(FMSUB, fused_scalar(t, i, V_FNMADD231))
EMITTER(FNMADD, fused_scalar(t, i, V_FNMSUB231))
EMITTER(FNMSUB, fused_scalar(t, i, V_FMSUB231))

/* Moves and signs, which do not care for FPCR. */

static bool by_mask(struct tr *t, const struct insn *i, bool flip,
                    unsigned lanes)
{
    if (!simd_ok(t))
        return false;
    v_ones(t, X1);
    v_shift(t, flip ? SHIFT_SLL : SHIFT_SRL, 1, X1, X1, flip ? 15 : 1);
    v_op(t, flip ? P_XOR : P_AND, X0, X1, t_vget(t, i->rn));
    return lanes == 1 ? store_lowest(t, i, X0) : v_put(t, i, lanes == 8);
}

EMITTER(FMOV_h, simd_ok(t) && store_lowest(t, i, t_vget(t, i->rn)))

static bool em_FMOV_imm_h(struct tr *t, const struct insn *i)
{
    if (!simd_ok(t))
        return false;
    t_vconst(t, X0, i->imm);
    t_vstore_low(t, 64, i->rd, X0);
    return t->flags_kept = true;
}

static bool em_FMOV_h_gpr(struct tr *t, const struct insn *i)
{
    if (!simd_ok(t))
        return false;
    x64_vex_rr(&t->c, V_MOVD_TO, false, X1, 0, t_get(t, i->rn, RAX));
    return store_lowest(t, i, X1);
}

static bool em_FMOV_gpr_h(struct tr *t, const struct insn *i)
{
    if (!simd_ok(t))
        return false;
    v_lowest(t, 1, X0, i->rn);
    x64_vex_rr(&t->c, V_MOVD_FROM, false, X0, 0, RAX);
    t_put(t, i->rd, RAX);
    return t->flags_kept = true;
}

static bool compare_scalar(struct tr *t, const struct insn *i, bool zero,
                           bool quiet)
{
    if (!half_plain(t))
        return false;
    half_widen(t, 1, 0, X1, i->rn);
    if (zero)
        v_zero(t, X2);
    else
        half_widen(t, 1, 0, X2, i->rm);
    fp_compare(t, false, quiet ? V_UCOMIS : V_COMIS, X1, X2);
    return true;
}

/* X1 and X2; to widen them may count as invalid already. */
static void compare_halves(struct tr *t, unsigned op)
{
    v_op(t, V_CVTPH2PS, X1, 0, X1);
    v_op(t, V_CVTPH2PS, X2, 0, X2);
    fp_compare(t, false, op, X1, X2);
}

/* Both ways leave V registers where they are: operands are fetched first. */
static bool cond_compare(struct tr *t, const struct insn *i, unsigned op)
{
    unsigned cond = FIELD(i, 15, 12);
    uint8_t *otherwise, *end;

    if (!half_plain(t))
        return false;
    v_lowest(t, 1, X1, i->rn);
    v_lowest(t, 1, X2, i->rm);
    if (cond >= 14) {
        compare_halves(t, op);
        return true;
    }
    otherwise = x64_jcc(&t->c, t_cond(t, cond) ^ 1);
    compare_halves(t, op);
    end = x64_jmp(&t->c);
    x64_here(&t->c, otherwise);
    x64_store_imm(&t->c, false, RBP, CPU(hflags), t_hflags_of(FIELD(i, 3, 0)));
    x64_here(&t->c, end);
    t->flags_live = t->flags_kept = false;
    return true;
}

static bool em_FCSEL_h(struct tr *t, const struct insn *i)
{
    unsigned cond = FIELD(i, 15, 12);
    enum x64_cc cc;

    if (!simd_ok(t))
        return false;
    if (cond >= 14)
        return em_FMOV_h(t, i);
    cc = t_cond(t, cond);
    x64_op_rm(&t->c, false, 0x1b7, RAX, RBP, CPU_V(i->rm)); /* movzx */
    x64_op_rm(&t->c, false, 0x1b7, RCX, RBP, CPU_V(i->rn));
    x64_cmov(&t->c, false, cc, RAX, RCX);
    x64_vex_rr(&t->c, V_MOVD_TO, false, X0, 0, RAX);
    t_vstore_low(t, 64, i->rd, X0);
    return t->flags_kept = true;
}

EMITTER(FCMP, compare_scalar(t, i, false, true))
EMITTER(FCMP_zero, compare_scalar(t, i, true, true))
EMITTER(FCMPE, compare_scalar(t, i, false, false))
EMITTER(FCMPE_zero, compare_scalar(t, i, true, false))

LANES(FADD, h_add, 0)
LANES(FSUB, h_sub, 0)
LANES(FMUL, h_mul, 0)
LANES(FMUL_elem, h_mul, HALF_ELEMENT)
LANES(FDIV, h_div, 0)
LANES(FSQRT, h_sqrt, HALF_UNARY)
LANES(FABD, h_abd, 0)
LANES(FMAX, h_max, 0)
LANES(FMIN, h_min, 0)
EMITTER(FNMUL, half_lanes(t, i, h_nmul, 1, 0))
EMITTER(FMLA_4h, half_lanes(t, i, h_mla, 4, HALF_FUSED))
EMITTER(FMLA_8h, half_lanes(t, i, h_mla, 8, HALF_FUSED))
EMITTER(FMLS_4h, half_lanes(t, i, h_mls, 4, HALF_FUSED))
EMITTER(FMLS_8h, half_lanes(t, i, h_mls, 8, HALF_FUSED))
LANES(FMLA_elem, h_mla, HALF_FUSED | HALF_ELEMENT)
LANES(FMLS_elem, h_mls, HALF_FUSED | HALF_ELEMENT)
LANES(FCMEQ, h_eq, HALF_MASK)
LANES(FCMGE, h_ge, HALF_MASK)
LANES(FCMGT, h_gt, HALF_MASK)
LANES(FACGE, h_ge_abs, HALF_MASK)
LANES(FACGT, h_gt_abs, HALF_MASK)
LANES(FCMEQ_zero, h_eq_zero, HALF_MASK | HALF_UNARY)
LANES(FCMGE_zero, h_ge_zero, HALF_MASK | HALF_UNARY)
LANES(FCMGT_zero, h_gt_zero, HALF_MASK | HALF_UNARY)
LANES(FCMLE_zero, h_le_zero, HALF_MASK | HALF_UNARY)
LANES(FCMLT_zero, h_lt_zero, HALF_MASK | HALF_UNARY)
LANES(FMULX, h_mulx, 0)
LANES(FMULX_elem, h_mulx, HALF_ELEMENT)
LANES(FRECPS, h_recps, 0)
LANES(FRSQRTS, h_rsqrts, 0)
#define PAIRS(name, op)                    \
    EMITTER(name##_1h, pairs(t, i, op, 1)) \
    EMITTER(name##_4h, pairs(t, i, op, 4)) \
    EMITTER(name##_8h, pairs(t, i, op, 8))
#define ACROSS(name, op)                    \
    EMITTER(name##_4h, across(t, i, op, 4)) \
    EMITTER(name##_8h, across(t, i, op, 8))
PAIRS(FADDP, h_add)
PAIRS(FMAXP, h_max)
PAIRS(FMINP, h_min)
ACROSS(FMAXV, h_max)
ACROSS(FMINV, h_min)
EMITTER(FCCMP, cond_compare(t, i, V_UCOMIS))
EMITTER(FCCMPE, cond_compare(t, i, V_COMIS))
EMITTER(FABS_h, by_mask(t, i, false, 1))
EMITTER(FABS_4h, by_mask(t, i, false, 4))
EMITTER(FABS_8h, by_mask(t, i, false, 8))
EMITTER(FNEG_h, by_mask(t, i, true, 1))
EMITTER(FNEG_4h, by_mask(t, i, true, 4))
EMITTER(FNEG_8h, by_mask(t, i, true, 8))

/* clang-format off */
#define SCALAR(row, emit) {OP_##row##_h, emit}
const struct jit_emitter jit_fp_half_emitters[] = {
    HALF_VEC(FADD), HALF_VEC(FSUB), HALF_VEC(FMUL), HALF_VEC(FDIV), HALF_VEC(FSQRT), HALF_ALL(FABD),
    HALF_VEC(FMAX), HALF_VEC(FMIN), HALF_VEC(FMLA), HALF_VEC(FMLS), HALF_VEC(FABS), HALF_VEC(FNEG),
    /* they differ in NaNs only */
    {OP_FMAXNM_4h, em_FMAX_4h}, {OP_FMAXNM_8h, em_FMAX_8h},
    {OP_FMINNM_4h, em_FMIN_4h}, {OP_FMINNM_8h, em_FMIN_8h},
    HALF_ALL(FADDP), HALF_ALL(FMAXP), HALF_ALL(FMINP),
    {OP_FMAXNMP_4h, em_FMAXP_4h}, {OP_FMAXNMP_8h, em_FMAXP_8h},
    {OP_FMAXNMP_1h, em_FMAXP_1h}, {OP_FMINNMP_4h, em_FMINP_4h},
    {OP_FMINNMP_8h, em_FMINP_8h}, {OP_FMINNMP_1h, em_FMINP_1h},
    HALF_VEC(FMAXV), HALF_VEC(FMINV),
    {OP_FMAXNMV_4h, em_FMAXV_4h}, {OP_FMAXNMV_8h, em_FMAXV_8h},
    {OP_FMINNMV_4h, em_FMINV_4h}, {OP_FMINNMV_8h, em_FMINV_8h},
    HALF_ALL(FRECPS), HALF_ALL(FRSQRTS),
    HALF_ALL(FMULX), HALF_ALL(FMULX_elem),
    SCALAR(FCCMP, em_FCCMP), SCALAR(FCCMPE, em_FCCMPE), SCALAR(FCSEL, em_FCSEL_h),
    HALF_ALL(FMUL_elem), HALF_ALL(FMLA_elem), HALF_ALL(FMLS_elem),
    HALF_ALL(FCMEQ), HALF_ALL(FCMGE), HALF_ALL(FCMGT), HALF_ALL(FACGE), HALF_ALL(FACGT),
    HALF_ALL(FCMEQ_zero), HALF_ALL(FCMGE_zero), HALF_ALL(FCMGT_zero), HALF_ALL(FCMLE_zero),
    HALF_ALL(FCMLT_zero),
    SCALAR(FADD, em_FADD_1h), SCALAR(FSUB, em_FSUB_1h), SCALAR(FMUL, em_FMUL_1h),
    SCALAR(FDIV, em_FDIV_1h), SCALAR(FSQRT, em_FSQRT_1h),
    SCALAR(FNMUL, em_FNMUL), SCALAR(FMAX, em_FMAX_1h), SCALAR(FMIN, em_FMIN_1h),
    SCALAR(FMAXNM, em_FMAX_1h), SCALAR(FMINNM, em_FMIN_1h),
    SCALAR(FMADD, em_FMADD), SCALAR(FMSUB, em_FMSUB), SCALAR(FNMADD, em_FNMADD),
    SCALAR(FNMSUB, em_FNMSUB), SCALAR(FABS, em_FABS_h), SCALAR(FNEG, em_FNEG_h),
    SCALAR(FMOV, em_FMOV_h), SCALAR(FMOV_imm, em_FMOV_imm_h),
    SCALAR(FCMP, em_FCMP), SCALAR(FCMP_zero, em_FCMP_zero),
    SCALAR(FCMPE, em_FCMPE), SCALAR(FCMPE_zero, em_FCMPE_zero),
    {OP_FMOV_h_gpr_w, em_FMOV_h_gpr}, {OP_FMOV_h_gpr_x, em_FMOV_h_gpr},
    {OP_FMOV_gpr_h_w, em_FMOV_gpr_h}, {OP_FMOV_gpr_h_x, em_FMOV_gpr_h},
    {0, NULL},
};
