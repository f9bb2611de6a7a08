// SPDX-License-Identifier: Apache-2.0
/* Half precision to integral, to and from integers and fixed point, and to and
   from other formats. As in em_fp_half.c it is single precision that works. */

#include "accel/soft/jit/em_fp_half.h"

/* To integral and to integers, as in em_fp_conv.c. */
enum { ROUND_N, ROUND_M, ROUND_P, ROUND_Z, ROUND_MXCSR, ROUND_QUIET = 8 };
enum { ROUND_A = 16 }; /* ours: to nearest, ties away */

static void round_to(struct tr *t, unsigned mode, unsigned dst, unsigned src)
{
    x64_vex_rri(&t->c, V_ROUNDPS, false, dst, 0, src, mode);
}

/* Half of the same sign added, and truncated: all sums are exact. Clobbers X6,
   X7. */
static void round_away(struct tr *t, unsigned dst, unsigned src)
{
    fp_sign_mask(t, false, X7);
    v_op(t, P_AND, X7, X7, src);
    fp_all_lanes(t, false, X6, 0x3f000000);
    v_op(t, P_OR, X7, X7, X6);
    fp_op(t, FP_PS, V_ADD, X7, src, X7);
    round_to(t, ROUND_Z | ROUND_QUIET, dst, X7);
}

static void round_quietly(struct tr *t, unsigned mode, unsigned dst,
                          unsigned src)
{
    if (mode == ROUND_A)
        round_away(t, dst, src);
    else
        round_to(t, mode | ROUND_QUIET, dst, src);
}

/* X1 times 2 to the n, which is exact: single precision has the range. */
static void scale(struct tr *t, unsigned x, int n)
{
    fp_all_lanes(t, false, X7, (uint64_t)(127 + n) << 23);
    fp_op(t, FP_PS, V_MUL, x, x, X7);
}

/* X0 = X1 as words; bails for what does not fit a halfword. */
static void to_words(struct tr *t, unsigned mode, bool is_unsigned)
{
    unsigned src = X1;

    if (is_unsigned)
        fp_bail_mask(t, X1); /* before it can count as inexact */
    if (mode != ROUND_Z)
        round_quietly(t, mode, src = X0, X1);
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
        half_bail_nan(t, pp, X0, X0);                     \
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
TO_INT(A)

static void h_rintA(struct tr *t, unsigned pp)
{
    round_away(t, X0, X1);
    half_bail_nan(t, pp, X0, X0);
}

/* A vector's number of fraction bits. */
static int fraction(const struct tr *t)
{
    return (int)t->src->insn[t->idx].imm;
}

static void h_to_s_fix(struct tr *t, unsigned pp)
{
    (void)pp;
    scale(t, X1, fraction(t));
    to_words(t, ROUND_Z, false);
}

static void h_to_u_fix(struct tr *t, unsigned pp)
{
    (void)pp;
    scale(t, X1, fraction(t));
    to_words(t, ROUND_Z, true);
}

/* To a general register: every half that is a number fits, unless it is
   negative and must not be, or is scaled. */
static bool to_gpr(struct tr *t, const struct insn *i, unsigned mode,
                   bool is_unsigned, unsigned fbits)
{
    bool x = is_unsigned || BIT(i->word, 31);
    unsigned src = X1;

    if (!half_plain(t))
        return false;
    half_widen(t, 1, 0, X1, i->rn);
    if (is_unsigned) {
        x64_vex_rr(&t->c, V_MOVD_FROM, false, X1, 0, RAX);
        x64_test(&t->c, false, RAX, RAX);
        t_bail(t, CC_S);
    }
    if (fbits)
        scale(t, X1, (int)fbits);
    if (fbits && is_unsigned) { /* fits, but not the host's signed one? */
        x64_vex_rr(&t->c, V_MOVD_FROM, false, X1, 0, RAX);
        x64_alu_ri(&t->c, false, ALU_CMP, RAX, (127 + 63) << 23);
        t_bail(t, CC_AE);
    }
    if (mode != ROUND_Z)
        round_quietly(t, mode, src = X0, X1);
    x64_vex_rr(&t->c, V_ARITH(FP_SS, V_CVTTF2SI), x, RAX, 0, src);
    x64_alu_ri(&t->c, x, ALU_CMP, RAX, 1);
    t_bail(t, CC_O);
    if (fbits && is_unsigned && !BIT(i->word, 31)) {
        x64_mov(&t->c, false, RCX, RAX);
        x64_alu_rr(&t->c, true, ALU_CMP, RCX, RAX);
        t_bail(t, CC_NE);
    }
    if (mode != ROUND_Z)
        round_to(t, ROUND_Z, X0, X1);
    t_put(t, i->rd, RAX);
    return true;
}

/* Bails if rax, an integer to be divided, has more than single precision's
   24 bits: it must not be rounded twice. */
static void bail_long(struct tr *t, bool x, bool is_unsigned)
{
    const int32_t limit = 1 << 24;

    x64_lea(&t->c, x, RCX, RAX, is_unsigned ? 0 : limit);
    x64_alu_ri(&t->c, x, ALU_CMP, RCX, is_unsigned ? limit : 2 * limit);
    t_bail(t, CC_A);
}

/* From integers: those that single precision rounds are too large for halves.
 */
static bool from_gpr(struct tr *t, const struct insn *i, bool is_unsigned,
                     unsigned fbits)
{
    bool x = BIT(i->word, 31);

    if (!half_plain(t))
        return false;
    t_get_to(t, x, RAX, i->rn);
    if (fbits) {
        bail_long(t, x, is_unsigned);
    } else if (is_unsigned && x) {
        x64_test(&t->c, true, RAX, RAX);
        t_bail(t, CC_S);
    }
    v_zero(t, X1);
    x64_vex_rr(&t->c, V_ARITH(FP_SS, V_CVTSI2F), x || is_unsigned, X0, X1, RAX);
    if (fbits)
        scale(t, X0, -(int)fbits);
    half_narrow(t, X0);
    t_vstore_low(t, 64, i->rd, X0);
    return true;
}

static void from_halfwords(struct tr *t, const struct insn *i, unsigned lanes,
                           unsigned part, bool is_unsigned, bool fixed)
{
    if (lanes == 1) {
        v_lowest(t, 1, X0, i->rn);
        v_op(t, (is_unsigned ? p_movzx : p_movsx)[1], X0, 0, X0);
    } else {
        v_widen(t, !is_unsigned, 1, part, X0, i->rn);
    }
    v_op(t, V_CVTDQ2PS, X0, 0, X0);
    if (fixed)
        scale(t, X0, -fraction(t));
    half_narrow(t, X0);
}

static bool from_int(struct tr *t, const struct insn *i, unsigned lanes,
                     bool is_unsigned, bool fixed)
{
    if (!half_plain(t))
        return false;
    from_halfwords(t, i, lanes, 0, is_unsigned, fixed);
    if (lanes < 8) {
        t_vstore_low(t, 64, i->rd, X0);
        return true;
    }
    v_mov(t, X5, X0);
    from_halfwords(t, i, lanes, 1, is_unsigned, fixed);
    v_op(t, P_UNPCKLQDQ, X0, X5, X0);
    t_vstore(t, i->rd, X0);
    return true;
}

/* Between formats. */

static bool em_FCVT_s_h(struct tr *t, const struct insn *i)
{
    if (!half_plain(t))
        return false;
    half_widen(t, 1, 0, X0, i->rn);
    fp_bail_unordered(t, false, X0, X0);
    t_vstore_low(t, 32, i->rd, X0);
    return true;
}

static bool em_FCVT_d_h(struct tr *t, const struct insn *i)
{
    if (!half_plain(t))
        return false;
    half_widen(t, 1, 0, X1, i->rn);
    v_zero(t, X0);
    fp_op(t, FP_SS, V_CVTF2F, X0, X0, X1);
    fp_bail_unordered(t, true, X0, X0);
    t_vstore_low(t, 64, i->rd, X0);
    return true;
}

static bool em_FCVT_h_s(struct tr *t, const struct insn *i)
{
    if (!half_plain(t))
        return false;
    t_vload_low(t, 32, X0, i->rn);
    fp_bail_unordered(t, false, X0, X0);
    half_narrow(t, X0);
    t_vstore_low(t, 64, i->rd, X0);
    return true;
}

/* By way of single precision, if that is exact; when it is not, the flags that
   it raises are the conversion's as well. */
static bool em_FCVT_h_d(struct tr *t, const struct insn *i)
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
    half_narrow(t, X0);
    t_vstore_low(t, 64, i->rd, X0);
    return true;
}

LANES(FRINTN, h_rintN, HALF_UNARY)
LANES(FRINTM, h_rintM, HALF_UNARY)
LANES(FRINTP, h_rintP, HALF_UNARY)
LANES(FRINTZ, h_rintZ, HALF_UNARY)
LANES(FRINTX, h_rintX, HALF_UNARY)
LANES(FRINTI, h_rintI, HALF_UNARY)
LANES(FRINTA, h_rintA, HALF_UNARY)
#define TO_INTS(letter)                                                  \
    LANES(FCVT##letter##S, h_to_s##letter, HALF_MASK | HALF_UNARY)       \
    LANES(FCVT##letter##U, h_to_u##letter, HALF_UINT | HALF_UNARY)       \
    EMITTER(FCVT##letter##S_gpr, to_gpr(t, i, ROUND_##letter, false, 0)) \
    EMITTER(FCVT##letter##U_gpr, to_gpr(t, i, ROUND_##letter, true, 0))
TO_INTS(N)
TO_INTS(M)
TO_INTS(P)
TO_INTS(Z)
TO_INTS(A)
#define FBITS(i) (64 - FIELD(i, 15, 10))
#define TO_FIXED(name, op, is_unsigned, flags) \
    LANES(name, op, flags | HALF_UNARY)        \
    EMITTER(name##_gpr, to_gpr(t, i, ROUND_Z, is_unsigned, FBITS(i)))
TO_FIXED(FCVTZS_fix, h_to_s_fix, false, HALF_MASK)
TO_FIXED(FCVTZU_fix, h_to_u_fix, true, HALF_UINT)
#define FROM_INTS(name, is_unsigned, fixed)                   \
    EMITTER(name##_1h, from_int(t, i, 1, is_unsigned, fixed)) \
    EMITTER(name##_4h, from_int(t, i, 4, is_unsigned, fixed)) \
    EMITTER(name##_8h, from_int(t, i, 8, is_unsigned, fixed)) \
    EMITTER(name##_gpr, from_gpr(t, i, is_unsigned, fixed ? FBITS(i) : 0))
FROM_INTS(SCVTF, false, false)
FROM_INTS(UCVTF, true, false)
FROM_INTS(SCVTF_fix, false, true)
FROM_INTS(UCVTF_fix, true, true)

/* clang-format off */
#define RINTS(row) HALF_VEC(row), {OP_##row##_h, em_##row##_1h}
#define INTS(row) \
    HALF_ALL(row), \
    {OP_##row##_h_w, em_##row##_gpr}, {OP_##row##_h_x, em_##row##_gpr}
const struct jit_emitter jit_fp_half_conv_emitters[] = {
    RINTS(FRINTN), RINTS(FRINTM), RINTS(FRINTP), RINTS(FRINTZ), RINTS(FRINTX),
    RINTS(FRINTI), RINTS(FRINTA), INTS(FCVTNS), INTS(FCVTNU), INTS(FCVTMS),
    INTS(FCVTMU), INTS(FCVTPS), INTS(FCVTPU), INTS(FCVTZS), INTS(FCVTZU),
    INTS(FCVTAS), INTS(FCVTAU), INTS(SCVTF), INTS(UCVTF),
    INTS(FCVTZS_fix), INTS(FCVTZU_fix), INTS(SCVTF_fix), INTS(UCVTF_fix),
    {OP_FCVT_s_h, em_FCVT_s_h}, {OP_FCVT_d_h, em_FCVT_d_h},
    {OP_FCVT_h_s, em_FCVT_h_s}, {OP_FCVT_h_d, em_FCVT_h_d},
    {0, NULL},
};
/* clang-format on */
