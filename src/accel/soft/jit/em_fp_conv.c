// SPDX-License-Identifier: Apache-2.0
/* Conversions of vector floating point in single and double precision, and of
   its scalar forms: to integral, to and from integers, between formats. */

#include "accel/soft/jit/em_fp_lanes.h"

/* To integral: the immediate of ROUND, 8 for no inexact flag. */
static void round_lanes(struct tr *t, const struct insn *i, unsigned imm,
                        unsigned dst, unsigned src)
{
    x64_vex_rri(&t->c, is_d(i) ? V_ROUNDPD : V_ROUNDPS, false, dst, 0, src,
                imm);
}

enum { ROUND_AWAY = 16 }; /* ours: to nearest, ties away */

/*
 * dst = a to nearest, ties away from zero: truncated, and 1 of the same sign
 * added where what was cut off is at least a half, which is compared as an
 * integer. All steps are exact; infinities and NaNs bail. dst is not xmm2 to
 * xmm4, a none of them either.
 */
static void round_away(struct tr *t, const struct insn *i, unsigned dst,
                       unsigned a)
{
    bool d = is_d(i);

    fp_bail_beyond(t, i, a, 0, fp_largest(d));
    round_lanes(t, i, 11, dst, a);
    fp_op(t, prefix(i), V_SUB, 2, a, dst);
    fp_abs_mask(t, d, 3);
    x64_vex_rr(&t->c, V_AND, false, 2, 2, 3);
    fp_all_lanes(t, d, 4, fp_power(d, -1) - 1);
    x64_vex_rr(&t->c, d ? V_PCMPGTQ : V_PCMPGTD, false, 2, 2, 4);
    x64_vex_rr(&t->c, V_ANDN, false, 3, 3, a); /* the sign */
    fp_all_lanes(t, d, 4, fp_power(d, 0));
    x64_vex_rr(&t->c, V_OR, false, 4, 4, 3);
    x64_vex_rr(&t->c, V_AND, false, 2, 2, 4);
    fp_op(t, prefix(i), V_ADD, dst, dst, 2);
    x64_vex_rr(&t->c, V_OR, false, dst, dst, 3); /* -0.3 becomes -0 */
    trim(t, i, dst);
}

static bool em_FRINTA(struct tr *t, const struct insn *i)
{
    if (!fp_plain(t))
        return false;
    round_away(t, i, 0, source(t, i, i->rn, 1));
    return put(t, i, 0);
}

/* xmm1 = a times 2 to the fbits, if that surely fits. */
static unsigned scale_up(struct tr *t, const struct insn *i, int fbits,
                         unsigned a)
{
    bool d = is_d(i);

    fp_bail_beyond(t, i, a, 0, fp_power(d, (d ? 63 : 31) - fbits) - 1);
    fp_all_lanes(t, d, 7, fp_power(d, fbits));
    fp_op(t, prefix(i), V_MUL, 1, a, 7);
    trim(t, i, 1);
    return 1;
}

#define RINT(letter, imm)                                            \
    static bool em_FRINT##letter(struct tr *t, const struct insn *i) \
    {                                                                \
        if (!fp_plain(t))                                            \
            return false;                                            \
        round_lanes(t, i, imm, 0, source(t, i, i->rn, 0));           \
        return put_number(t, i, 0);                                  \
    }
RINT(N, 8)
RINT(M, 9)
RINT(P, 10)
RINT(Z, 11)
RINT(X, 4)
RINT(I, 12)

/* To integers. What does not fit gives the smallest (unsigned: the largest)
   integer; those lanes bail, the ones that really are that too. */
static void bail_overflow(struct tr *t, const struct insn *i, bool is_unsigned)
{
    if (is_unsigned)
        x64_vex_rr(&t->c, V_PCMPEQD, false, 7, 7, 7);
    else
        fp_sign_mask(t, is_d(i), 7);
    x64_vex_rr(&t->c, is_d(i) ? V_PCMPEQQ : V_PCMPEQD, false, 7, 7, 0);
    fp_bail_mask(t, 7);
}

/* Bails if a lane's sign is set. */
static void bail_negative(struct tr *t, const struct insn *i, unsigned xmm)
{
    unsigned lanes = bits_of(i) == 128 ? 15 : bits_of(i) == 64 ? 3 : 1;

    x64_vex_rr(&t->c, V_MOVMSKPS, false, RAX, 0, xmm);
    x64_alu_ri(&t->c, false, ALU_AND, RAX, is_d(i) ? lanes & 10 : lanes);
    t_bail(t, CC_NE);
}

/* Without AVX-512: the host's signed integers, 64-bit lanes one by one. */
static void to_int_narrow(struct tr *t, const struct insn *i, bool is_unsigned,
                          unsigned src)
{
    const unsigned op = V_ARITH(FP_SD, V_CVTTF2SI);
    bool d = is_d(i);

    if (is_unsigned) {
        bail_negative(t, i, src);
        fp_bail_beyond(t, i, src, 0, fp_power(d, d ? 63 : 31) - 1);
    }
    if (!d) {
        x64_vex_rr(&t->c, V_CVTTPS2DQ, false, 0, 0, src);
        return;
    }
    x64_vex_rr(&t->c, op, true, RAX, 0, src);
    if (!is_scalar(i))
        x64_vex_rr(&t->c, V_UNPCKHPD, false, 3, src, src);
    x64_vex_rr(&t->c, V_MOVD_TO, true, 0, 0, RAX);
    if (is_scalar(i))
        return;
    x64_vex_rr(&t->c, op, true, RAX, 0, 3);
    x64_vex_rri(&t->c, V_PINSRQ, true, 0, 0, RAX, 1);
}

/* mode: of ROUND; 3 needs no rounding first. The second rounding is for the
   inexact flag (em_fp.c). */
static bool to_int(struct tr *t, const struct insn *i, unsigned mode,
                   bool is_unsigned)
{
    static const unsigned ops[2][2] = {{V_CVTTPS2DQ, E_CVTTPS2UDQ},
                                       {E_CVTTPD2QQ, E_CVTTPD2UQQ}};
    bool d = is_d(i), wide = t->features & JIT_AVX512;
    unsigned a, src;

    if (!fp_plain(t))
        return false;
    src = a = source(t, i, i->rn, 1);
    if (i->imm)
        src = a = scale_up(t, i, (int)i->imm, a);
    if (mode != 3) {
        src = 0;
        if (mode == ROUND_AWAY)
            round_away(t, i, 0, a);
        else
            round_lanes(t, i, mode | 8, 0, a);
    }
    if (wide && (d || is_unsigned))
        x64_evex_rr(&t->c, ops[d][is_unsigned], d, 0, 0, 0, src);
    else
        to_int_narrow(t, i, is_unsigned, src);
    bail_overflow(t, i, is_unsigned && wide);
    if (mode != 3)
        round_lanes(t, i, 3, 2, a);
    return put(t, i, 0);
}

#define TO_INT(letter, mode)                            \
    EMITTER(FCVT##letter##S, to_int(t, i, mode, false)) \
    EMITTER(FCVT##letter##U, to_int(t, i, mode, true))
TO_INT(N, 0)
TO_INT(M, 1)
TO_INT(P, 2)
TO_INT(Z, 3)
TO_INT(A, ROUND_AWAY)

/* From integers */

/* Without AVX-512 64-bit lanes go one by one. */
static void from_int64(struct tr *t, const struct insn *i)
{
    const unsigned op = V_ARITH(FP_SD, V_CVTSI2F);

    fp_zero(t, 1);
    x64_vex_rm(&t->c, op, true, 0, 1, RBP, CPU_V(i->rn));
    if (is_scalar(i))
        return;
    x64_vex_rm(&t->c, op, true, 1, 1, RBP, CPU_V(i->rn) + 8);
    x64_vex_rr(&t->c, V_UNPCKLPD, false, 0, 0, 1);
}

/* Scaling by a power of two is exact here. */
static void scale_down(struct tr *t, const struct insn *i, uint64_t fbits)
{
    if (is_d(i)) {
        t_vconst(t, 1, (1023 - fbits) << 52);
        x64_vex_rr(&t->c, V_MOVDDUP, false, 1, 0, 1);
    } else {
        t_vconst(t, 1, (127 - fbits) << 23);
        x64_vex_rri(&t->c, V_PERMILPS, false, 1, 0, 1, 0);
    }
    fp_op(t, prefix(i), V_MUL, 0, 0, 1);
}

static bool from_int(struct tr *t, const struct insn *i, bool is_unsigned)
{
    static const unsigned ops[2][2] = {{V_CVTDQ2PS, E_CVTUDQ2PS},
                                       {E_CVTQQ2PD, E_CVTUQQ2PD}};
    bool d = is_d(i), wide = t->features & JIT_AVX512;

    if (!fp_plain(t))
        return false;
    if (is_unsigned && !wide) { /* as a signed one */
        bail_negative(t, i, source(t, i, i->rn, 0));
        is_unsigned = false;
    }
    if (!d && !is_unsigned)
        x64_vex_rr(&t->c, V_CVTDQ2PS, false, 0, 0, source(t, i, i->rn, 0));
    else if (wide)
        x64_evex_rr(&t->c, ops[d][is_unsigned], d, 0, 0, 0,
                    source(t, i, i->rn, 0));
    else
        from_int64(t, i);
    if (i->imm)
        scale_down(t, i, i->imm);
    return put(t, i, 0);
}

EMITTER(SCVTF, from_int(t, i, false))
EMITTER(UCVTF, from_int(t, i, true))

/* Between formats. The forms with 2 (bit 30) take, or give, the upper half. */

static unsigned half_of(struct tr *t, const struct insn *i)
{
    unsigned a = t_vget(t, i->rn);

    if (!BIT(i->word, 30))
        return a;
    x64_vex_rr(&t->c, V_UNPCKHPD, false, 0, a, a);
    return 0;
}

static bool em_FCVTL_2d(struct tr *t, const struct insn *i)
{
    if (!fp_plain(t))
        return false;
    x64_vex_rr(&t->c, V_ARITH(FP_PS, V_CVTF2F), false, 0, 0, half_of(t, i));
    fp_bail_lanes(t, true, 0, 0);
    t_vstore(t, i->rd, 0);
    return true;
}

/* Whatever has FMA3 has the conversions of halves (F16C) as well. */
static bool em_FCVTL_4s(struct tr *t, const struct insn *i)
{
    if (!fp_plain(t) || !(t->features & JIT_FMA))
        return false;
    x64_vex_rr(&t->c, V_CVTPH2PS, false, 0, 0, half_of(t, i));
    fp_bail_lanes(t, false, 0, 0);
    t_vstore(t, i->rd, 0);
    return true;
}

/* xmm0: 64 bits, zero above. */
static bool put_half(struct tr *t, const struct insn *i)
{
    if (!BIT(i->word, 30)) {
        t_vstore_low(t, 64, i->rd, 0);
        return true;
    }
    x64_vex_rr(&t->c, V_MOVLHPS, false, 0, t_vget(t, i->rd), 0);
    t_vstore(t, i->rd, 0);
    return true;
}

static bool em_FCVTN_2s(struct tr *t, const struct insn *i)
{
    if (!fp_plain(t))
        return false;
    x64_vex_rr(&t->c, V_ARITH(FP_PD, V_CVTF2F), false, 0, 0, t_vget(t, i->rn));
    fp_bail_lanes(t, false, 0, 0);
    return put_half(t, i);
}

static bool em_FCVTN_4h(struct tr *t, const struct insn *i)
{
    unsigned a;

    if (!fp_plain(t) || !(t->features & JIT_FMA))
        return false;
    a = t_vget(t, i->rn);
    fp_bail_lanes(t, false, a, a);
    fp_bail_tiny_half(t, a);
    x64_vex_rri(&t->c, V_CVTPS2PH, false, a, 0, 0, 4);
    return put_half(t, i);
}

/* clang-format off */
#define VEC(row, emit) \
    {OP_##row##_2s, emit}, {OP_##row##_4s, emit}, {OP_##row##_2d, emit}
#define ONE(row, emit) {OP_##row##_1s, emit}, {OP_##row##_1d, emit}
#define ALL(row, emit) VEC(row, emit), ONE(row, emit)
const struct jit_emitter jit_fp_conv_emitters[] = {
    VEC(FRINTN, em_FRINTN),
    VEC(FRINTP, em_FRINTP),
    VEC(FRINTM, em_FRINTM),
    VEC(FRINTZ, em_FRINTZ),
    VEC(FRINTA, em_FRINTA),
    VEC(FRINTX, em_FRINTX),
    VEC(FRINTI, em_FRINTI),
    ALL(FCVTNS, em_FCVTNS),
    ALL(FCVTNU, em_FCVTNU),
    ALL(FCVTPS, em_FCVTPS),
    ALL(FCVTPU, em_FCVTPU),
    ALL(FCVTMS, em_FCVTMS),
    ALL(FCVTMU, em_FCVTMU),
    ALL(FCVTZS, em_FCVTZS),
    ALL(FCVTZU, em_FCVTZU),
    ALL(FCVTAS, em_FCVTAS),
    ALL(FCVTAU, em_FCVTAU),
    ALL(FCVTZS_fix, em_FCVTZS),
    ALL(FCVTZU_fix, em_FCVTZU),
    ALL(SCVTF, em_SCVTF),
    ALL(UCVTF, em_UCVTF),
    ALL(SCVTF_fix, em_SCVTF),
    ALL(UCVTF_fix, em_UCVTF),
    {OP_FCVTL_2d, em_FCVTL_2d},
    {OP_FCVTL2_2d, em_FCVTL_2d},
    {OP_FCVTL_4s, em_FCVTL_4s},
    {OP_FCVTL2_4s, em_FCVTL_4s},
    {OP_FCVTN_2s, em_FCVTN_2s},
    {OP_FCVTN2_4s, em_FCVTN_2s},
    {OP_FCVTN_4h, em_FCVTN_4h},
    {OP_FCVTN2_8h, em_FCVTN_4h},
    {0, NULL},
};
