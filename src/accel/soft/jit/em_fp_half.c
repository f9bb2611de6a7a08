// SPDX-License-Identifier: Apache-2.0
/*
 * Half precision. It is computed in single precision and rounded once more:
 * 24 bits are enough for the sum, difference, product, quotient and root of
 * numbers of 11 bits to be rounded twice to what once would give. Of a fused
 * product and sum that is so unless the first result lies halfway between two
 * halves, or among the smallest: then it is tier 0's. Conversions of halves
 * (F16C) are there wherever FMA3 is. Estimates and their steps, fixed point,
 * ties away from zero, pairs and what goes across lanes are tier 0's.
 */

#include "accel/soft/jit/em_fp.h"
#include "accel/soft/jit/simd.h"

/* Four halves, as single precision, in X1, X2 and, if fused, X0; the result, no
   NaN, in X0. pp: of single precision, scalar or packed. */
typedef void half_op(struct tr *t, unsigned pp);

static bool half_plain(const struct tr *t)
{
    return fp_plain(t) && t->features & JIT_FMA;
}

/* dst = halves of Vn as single precision: the lowest, four, or of eight those
   of a part. */
static void widen(struct tr *t, unsigned lanes, unsigned part, unsigned dst,
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

static void bail_nan(struct tr *t, unsigned pp, unsigned a, unsigned b)
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
static void narrow_number(struct tr *t, unsigned x)
{
    fp_bail_tiny_half(t, x);
    x64_vex_rri(&t->c, V_CVTPS2PH, false, x, 0, x, 4);
}

static void narrow_words(struct tr *t, unsigned pack, unsigned x)
{
    v_zero(t, X7);
    v_op(t, pack, x, x, X7);
}

enum {
    HALF_UNARY = 1,
    HALF_ELEMENT = 2,
    HALF_FUSED = 4,
    HALF_MASK = 8, /* what comes out: words that fit halfwords, signed */
    HALF_UINT = 16 /* or unsigned */
};

static void one_part(struct tr *t, const struct insn *i, half_op *op,
                     unsigned lanes, unsigned flags, unsigned part)
{
    widen(t, lanes, part, X1, i->rn);
    if (flags & HALF_ELEMENT)
        widen_element(t, i, X2);
    else if (!(flags & HALF_UNARY))
        widen(t, lanes, part, X2, i->rm);
    if (flags & HALF_FUSED)
        widen(t, lanes, part, X0, i->rd);
    op(t, lanes == 1 ? FP_SS : FP_PS);
    if (flags & HALF_MASK)
        narrow_words(t, P_PACKSSDW, X0);
    else if (flags & HALF_UINT)
        narrow_words(t, P_PACKUSDW, X0);
    else
        narrow_number(t, X0);
}

static bool half(struct tr *t, const struct insn *i, half_op *op,
                 unsigned lanes, unsigned flags)
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
        bail_nan(t, pp, X0, X0);                    \
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
    bail_nan(t, pp, X0, X0);
}

/* Both ways, for the zeros, as in em_fp.c. */
static void extreme(struct tr *t, unsigned pp, unsigned op, unsigned join)
{
    bail_nan(t, pp, X1, X2);
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
    bail_nan(t, pp, X0, X0);
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

/* To integral and to integers, as in em_fp_conv.c. */
enum { ROUND_N, ROUND_M, ROUND_P, ROUND_Z, ROUND_MXCSR, ROUND_QUIET = 8 };

static void round_to(struct tr *t, unsigned mode, unsigned dst, unsigned src)
{
    x64_vex_rri(&t->c, V_ROUNDPS, false, dst, 0, src, mode);
}

/* X0 = X1 as words; bails for what does not fit a halfword. */
static void to_words(struct tr *t, unsigned mode, bool is_unsigned)
{
    unsigned src = X1;

    if (is_unsigned)
        fp_bail_mask(t, X1); /* before it can count as inexact */
    if (mode != ROUND_Z)
        round_to(t, mode | ROUND_QUIET, src = X0, X1);
    v_op(t, V_CVTTPS2DQ, X0, 0, src);
    v_op(t, is_unsigned ? P_PACKUSDW : P_PACKSSDW, X7, X0, X0);
    v_op(t, (is_unsigned ? p_movzx : p_movsx)[1], X7, 0, X7);
    v_op(t, P_CMPEQD, X7, X7, X0);
    v_not(t, X7, X7, X6);
    fp_bail_mask(t, X7);
    if (mode != ROUND_Z)
        round_to(t, ROUND_Z, X7, X1); /* the inexact flag */
}

#define RINT(letter, mode)                                \
    static void h_rint##letter(struct tr *t, unsigned pp) \
    {                                                     \
        round_to(t, mode, X0, X1);                        \
        bail_nan(t, pp, X0, X0);                          \
    }
RINT(N, ROUND_N | ROUND_QUIET)
RINT(M, ROUND_M | ROUND_QUIET)
RINT(P, ROUND_P | ROUND_QUIET)
RINT(Z, ROUND_Z | ROUND_QUIET)
RINT(X, ROUND_MXCSR)
RINT(I, ROUND_MXCSR | ROUND_QUIET)

#define TO_INT(letter)                                    \
    static void h_to_s##letter(struct tr *t, unsigned pp) \
    {                                                     \
        to_words(t, ROUND_##letter, false);               \
    }                                                     \
    static void h_to_u##letter(struct tr *t, unsigned pp) \
    {                                                     \
        to_words(t, ROUND_##letter, true);                \
    }
TO_INT(N)
TO_INT(M)
TO_INT(P)
TO_INT(Z)

/* To a general register: every half that is a number fits, unless it is
   negative and must not be. */
static bool to_gpr(struct tr *t, const struct insn *i, unsigned mode,
                   bool is_unsigned)
{
    bool x = is_unsigned || BIT(i->word, 31);
    unsigned src = X1;

    if (!half_plain(t))
        return false;
    widen(t, 1, 0, X1, i->rn);
    if (is_unsigned) {
        x64_vex_rr(&t->c, V_MOVD_FROM, false, X1, 0, RAX);
        x64_test(&t->c, false, RAX, RAX);
        t_bail(t, CC_S);
    }
    if (mode != ROUND_Z)
        round_to(t, mode | ROUND_QUIET, src = X0, X1);
    x64_vex_rr(&t->c, V_ARITH(FP_SS, V_CVTTF2SI), x, RAX, 0, src);
    x64_alu_ri(&t->c, x, ALU_CMP, RAX, 1);
    t_bail(t, CC_O);
    if (mode != ROUND_Z)
        round_to(t, ROUND_Z, X0, X1);
    t_put(t, i->rd, RAX);
    return true;
}

/* From integers: those that single precision rounds are too large for halves.
 */
static bool from_gpr(struct tr *t, const struct insn *i, bool is_unsigned)
{
    bool x = BIT(i->word, 31);

    if (!half_plain(t))
        return false;
    t_get_to(t, x, RAX, i->rn);
    if (is_unsigned && x) {
        x64_test(&t->c, true, RAX, RAX);
        t_bail(t, CC_S);
    }
    v_zero(t, X1);
    x64_vex_rr(&t->c, V_ARITH(FP_SS, V_CVTSI2F), x || is_unsigned, X0, X1, RAX);
    narrow_number(t, X0);
    t_vstore_low(t, 64, i->rd, X0);
    return true;
}

static void from_halfwords(struct tr *t, const struct insn *i, unsigned lanes,
                           unsigned part, bool is_unsigned)
{
    if (lanes == 1) {
        v_lowest(t, 1, X0, i->rn);
        v_op(t, (is_unsigned ? p_movzx : p_movsx)[1], X0, 0, X0);
    } else {
        v_widen(t, !is_unsigned, 1, part, X0, i->rn);
    }
    v_op(t, V_CVTDQ2PS, X0, 0, X0);
    narrow_number(t, X0);
}

static bool from_int(struct tr *t, const struct insn *i, unsigned lanes,
                     bool is_unsigned)
{
    if (!half_plain(t))
        return false;
    from_halfwords(t, i, lanes, 0, is_unsigned);
    if (lanes < 8) {
        t_vstore_low(t, 64, i->rd, X0);
        return true;
    }
    v_mov(t, X5, X0);
    from_halfwords(t, i, lanes, 1, is_unsigned);
    v_op(t, P_UNPCKLQDQ, X0, X5, X0);
    t_vstore(t, i->rd, X0);
    return true;
}

/* Scalars with an addend of their own. */
static bool fused_scalar(struct tr *t, const struct insn *i, enum v_fma op)
{
    if (!half_plain(t))
        return false;
    widen(t, 1, 0, X0, i->ra);
    widen(t, 1, 0, X1, i->rn);
    widen(t, 1, 0, X2, i->rm);
    fused_op(t, FP_SS, op);
    narrow_number(t, X0);
    t_vstore_low(t, 64, i->rd, X0);
    return true;
}

static bool e_FMADD(struct tr *t, const struct insn *i)
{
    return fused_scalar(t, i, V_FMADD231);
}

static bool e_FMSUB(struct tr *t, const struct insn *i)
{
    return fused_scalar(t, i, V_FNMADD231);
}

static bool e_FNMADD(struct tr *t, const struct insn *i)
{
    return fused_scalar(t, i, V_FNMSUB231);
}

static bool e_FNMSUB(struct tr *t, const struct insn *i)
{
    return fused_scalar(t, i, V_FMSUB231);
}

/* Moves and signs, which do not care for FPCR. */

static bool store_lowest(struct tr *t, const struct insn *i, unsigned x)
{
    v_opi(t, P_SHIFTQ, SHIFTQ_SLLDQ, X0, x, 14);
    v_opi(t, P_SHIFTQ, SHIFTQ_SRLDQ, X0, X0, 14);
    t_vstore_low(t, 64, i->rd, X0);
    return t->flags_kept = true;
}

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

static bool e_FMOV_h(struct tr *t, const struct insn *i)
{
    return simd_ok(t) && store_lowest(t, i, t_vget(t, i->rn));
}

static bool e_FMOV_imm_h(struct tr *t, const struct insn *i)
{
    if (!simd_ok(t))
        return false;
    t_vconst(t, X0, i->imm);
    t_vstore_low(t, 64, i->rd, X0);
    return t->flags_kept = true;
}

static bool e_FMOV_h_gpr(struct tr *t, const struct insn *i)
{
    if (!simd_ok(t))
        return false;
    x64_vex_rr(&t->c, V_MOVD_TO, false, X1, 0, t_get(t, i->rn, RAX));
    return store_lowest(t, i, X1);
}

static bool e_FMOV_gpr_h(struct tr *t, const struct insn *i)
{
    if (!simd_ok(t))
        return false;
    v_lowest(t, 1, X0, i->rn);
    x64_vex_rr(&t->c, V_MOVD_FROM, false, X0, 0, RAX);
    t_put(t, i->rd, RAX);
    return t->flags_kept = true;
}

/* Between formats. */

static bool e_FCVT_s_h(struct tr *t, const struct insn *i)
{
    if (!half_plain(t))
        return false;
    widen(t, 1, 0, X0, i->rn);
    fp_bail_unordered(t, false, X0, X0);
    t_vstore_low(t, 32, i->rd, X0);
    return true;
}

static bool e_FCVT_d_h(struct tr *t, const struct insn *i)
{
    if (!half_plain(t))
        return false;
    widen(t, 1, 0, X1, i->rn);
    v_zero(t, X0);
    fp_op(t, FP_SS, V_CVTF2F, X0, X0, X1);
    fp_bail_unordered(t, true, X0, X0);
    t_vstore_low(t, 64, i->rd, X0);
    return true;
}

static bool e_FCVT_h_s(struct tr *t, const struct insn *i)
{
    if (!half_plain(t))
        return false;
    t_vload_low(t, 32, X0, i->rn);
    fp_bail_unordered(t, false, X0, X0);
    narrow_number(t, X0);
    t_vstore_low(t, 64, i->rd, X0);
    return true;
}

/* By way of single precision, if that is exact; when it is not, the flags that
   it raises are the conversion's as well. */
static bool e_FCVT_h_d(struct tr *t, const struct insn *i)
{
    if (!half_plain(t))
        return false;
    t_vload_low(t, 64, X1, i->rn);
    fp_bail_unordered(t, true, X1, X1);
    v_zero(t, X2);
    fp_op(t, FP_SD, V_CVTF2F, X0, X2, X1);
    fp_op(t, FP_SS, V_CVTF2F, X2, X2, X0);
    x64_vex_rr(&t->c, V_ARITH(FP_PD, V_UCOMIS), false, X2, 0, X1);
    t_bail(t, CC_NE);
    narrow_number(t, X0);
    t_vstore_low(t, 64, i->rd, X0);
    return true;
}

static bool compare_scalar(struct tr *t, const struct insn *i, bool zero,
                           bool quiet)
{
    if (!half_plain(t))
        return false;
    widen(t, 1, 0, X1, i->rn);
    if (zero)
        v_zero(t, X2);
    else
        widen(t, 1, 0, X2, i->rm);
    fp_compare(t, false, quiet ? V_UCOMIS : V_COMIS, X1, X2);
    return true;
}

#define E(name, ...)                                         \
    static bool e_##name(struct tr *t, const struct insn *i) \
    {                                                        \
        return __VA_ARGS__;                                  \
    }
E(FCMP, compare_scalar(t, i, false, true))
E(FCMP_zero, compare_scalar(t, i, true, true))
E(FCMPE, compare_scalar(t, i, false, false))
E(FCMPE_zero, compare_scalar(t, i, true, false))

#define LANES(name, op, flags)             \
    E(name##_1h, half(t, i, op, 1, flags)) \
    E(name##_4h, half(t, i, op, 4, flags)) \
    E(name##_8h, half(t, i, op, 8, flags))
LANES(FADD, h_add, 0)
LANES(FSUB, h_sub, 0)
LANES(FMUL, h_mul, 0)
LANES(FMUL_elem, h_mul, HALF_ELEMENT)
LANES(FDIV, h_div, 0)
LANES(FSQRT, h_sqrt, HALF_UNARY)
LANES(FABD, h_abd, 0)
LANES(FMAX, h_max, 0)
LANES(FMIN, h_min, 0)
E(FNMUL, half(t, i, h_nmul, 1, 0))
E(FMLA_4h, half(t, i, h_mla, 4, HALF_FUSED))
E(FMLA_8h, half(t, i, h_mla, 8, HALF_FUSED))
E(FMLS_4h, half(t, i, h_mls, 4, HALF_FUSED))
E(FMLS_8h, half(t, i, h_mls, 8, HALF_FUSED))
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
LANES(FRINTN, h_rintN, HALF_UNARY)
LANES(FRINTM, h_rintM, HALF_UNARY)
LANES(FRINTP, h_rintP, HALF_UNARY)
LANES(FRINTZ, h_rintZ, HALF_UNARY)
LANES(FRINTX, h_rintX, HALF_UNARY)
LANES(FRINTI, h_rintI, HALF_UNARY)
#define TO_INTS(letter)                                            \
    LANES(FCVT##letter##S, h_to_s##letter, HALF_MASK | HALF_UNARY) \
    LANES(FCVT##letter##U, h_to_u##letter, HALF_UINT | HALF_UNARY) \
    E(FCVT##letter##S_gpr, to_gpr(t, i, ROUND_##letter, false))    \
    E(FCVT##letter##U_gpr, to_gpr(t, i, ROUND_##letter, true))
TO_INTS(N)
TO_INTS(M)
TO_INTS(P)
TO_INTS(Z)
#define FROM_INTS(name, is_unsigned)             \
    E(name##_1h, from_int(t, i, 1, is_unsigned)) \
    E(name##_4h, from_int(t, i, 4, is_unsigned)) \
    E(name##_8h, from_int(t, i, 8, is_unsigned)) \
    E(name##_gpr, from_gpr(t, i, is_unsigned))
FROM_INTS(SCVTF, false)
FROM_INTS(UCVTF, true)
E(FABS_h, by_mask(t, i, false, 1))
E(FABS_4h, by_mask(t, i, false, 4))
E(FABS_8h, by_mask(t, i, false, 8))
E(FNEG_h, by_mask(t, i, true, 1))
E(FNEG_4h, by_mask(t, i, true, 4))
E(FNEG_8h, by_mask(t, i, true, 8))

/* clang-format off */
#define VEC(row) {OP_##row##_4h, e_##row##_4h}, {OP_##row##_8h, e_##row##_8h}
#define ALL(row) VEC(row), {OP_##row##_1h, e_##row##_1h}
#define SCALAR(row, emit) {OP_##row##_h, emit}
#define RINTS(row) VEC(row), {OP_##row##_h, e_##row##_1h}
#define INTS(row) \
    ALL(row), {OP_##row##_h_w, e_##row##_gpr}, {OP_##row##_h_x, e_##row##_gpr}
const struct jit_emitter jit_fp_half_emitters[] = {
    VEC(FADD), VEC(FSUB), VEC(FMUL), VEC(FDIV), VEC(FSQRT), ALL(FABD),
    VEC(FMAX), VEC(FMIN), VEC(FMLA), VEC(FMLS), VEC(FABS), VEC(FNEG),
    /* they differ in NaNs only */
    {OP_FMAXNM_4h, e_FMAX_4h}, {OP_FMAXNM_8h, e_FMAX_8h},
    {OP_FMINNM_4h, e_FMIN_4h}, {OP_FMINNM_8h, e_FMIN_8h},
    ALL(FMUL_elem), ALL(FMLA_elem), ALL(FMLS_elem),
    ALL(FCMEQ), ALL(FCMGE), ALL(FCMGT), ALL(FACGE), ALL(FACGT),
    ALL(FCMEQ_zero), ALL(FCMGE_zero), ALL(FCMGT_zero), ALL(FCMLE_zero),
    ALL(FCMLT_zero),
    SCALAR(FADD, e_FADD_1h), SCALAR(FSUB, e_FSUB_1h), SCALAR(FMUL, e_FMUL_1h),
    SCALAR(FDIV, e_FDIV_1h), SCALAR(FSQRT, e_FSQRT_1h),
    SCALAR(FNMUL, e_FNMUL), SCALAR(FMAX, e_FMAX_1h), SCALAR(FMIN, e_FMIN_1h),
    SCALAR(FMAXNM, e_FMAX_1h), SCALAR(FMINNM, e_FMIN_1h),
    SCALAR(FMADD, e_FMADD), SCALAR(FMSUB, e_FMSUB), SCALAR(FNMADD, e_FNMADD),
    SCALAR(FNMSUB, e_FNMSUB), SCALAR(FABS, e_FABS_h), SCALAR(FNEG, e_FNEG_h),
    SCALAR(FMOV, e_FMOV_h), SCALAR(FMOV_imm, e_FMOV_imm_h),
    SCALAR(FCMP, e_FCMP), SCALAR(FCMP_zero, e_FCMP_zero),
    SCALAR(FCMPE, e_FCMPE), SCALAR(FCMPE_zero, e_FCMPE_zero),
    RINTS(FRINTN), RINTS(FRINTM), RINTS(FRINTP), RINTS(FRINTZ), RINTS(FRINTX),
    RINTS(FRINTI), INTS(FCVTNS), INTS(FCVTNU), INTS(FCVTMS), INTS(FCVTMU),
    INTS(FCVTPS), INTS(FCVTPU), INTS(FCVTZS), INTS(FCVTZU), INTS(SCVTF),
    INTS(UCVTF),
    {OP_FMOV_h_gpr_w, e_FMOV_h_gpr}, {OP_FMOV_h_gpr_x, e_FMOV_h_gpr},
    {OP_FMOV_gpr_h_w, e_FMOV_gpr_h}, {OP_FMOV_gpr_h_x, e_FMOV_gpr_h},
    {OP_FCVT_s_h, e_FCVT_s_h}, {OP_FCVT_d_h, e_FCVT_d_h},
    {OP_FCVT_h_s, e_FCVT_h_s}, {OP_FCVT_h_d, e_FCVT_h_d},
    {0, NULL},
};
