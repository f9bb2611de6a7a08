// SPDX-License-Identifier: Apache-2.0
/* Scalar floating point in single and double precision. Half precision stays
   in tier 0, but for conversions. */

#include "accel/soft/jit/em_fp.h"

/* Bit 22 of all these instructions tells the formats apart. */
static bool is_d(const struct insn *i)
{
    return BIT(i->word, 22);
}

static unsigned bits_of(const struct insn *i)
{
    return is_d(i) ? 64 : 32;
}

void fp_bail_unordered(struct tr *t, bool d, unsigned a, unsigned b)
{
    x64_vex_rr(&t->c, V_ARITH(fp_packed(d), V_UCOMIS), false, a, 0, b);
    t_bail(t, CC_P);
}

/* A number with anything above it. */
static unsigned operand(struct tr *t, const struct insn *i, unsigned n)
{
    return t_vget_part(t, bits_of(i), n);
}

static void put(struct tr *t, const struct insn *i, unsigned xmm)
{
    t_vstore_low(t, bits_of(i), i->rd, xmm);
}

/* An arithmetic result. */
static bool put_number(struct tr *t, const struct insn *i, unsigned xmm)
{
    fp_bail_unordered(t, is_d(i), xmm, xmm);
    put(t, i, xmm);
    return true;
}

/* Moves, which do not care for FPCR. */

static bool has_vex(const struct tr *t)
{
    return t->features & JIT_AVX2;
}

static bool em_FMOV(struct tr *t, const struct insn *i)
{
    if (!has_vex(t))
        return false;
    put(t, i, t_vget_low(t, bits_of(i), i->rn, 0));
    t->flags_kept = true;
    return true;
}

static bool em_FMOV_imm(struct tr *t, const struct insn *i)
{
    if (!has_vex(t))
        return false;
    t_vconst(t, 0, i->imm);
    put(t, i, 0);
    t->flags_kept = true;
    return true;
}

/* Through memory, which is always current, if no register has it. */
static bool from_v(struct tr *t, const struct insn *i, bool x, unsigned at)
{
    unsigned dst = t_dst(t, i->rd, RAX);
    int held = at ? -1 : t_vheld(t, x ? 64 : 32, i->rn);

    if (held >= 0)
        x64_vex_rr(&t->c, V_MOVD_FROM, x, (unsigned)held, 0, dst);
    else
        x64_load(&t->c, x, dst, RBP, CPU_V(i->rn) + (int32_t)at);
    t_put(t, i->rd, dst);
    t->flags_kept = true;
    return true;
}

EMITTER(FMOV_w_s, from_v(t, i, false, 0))
EMITTER(FMOV_x_d, from_v(t, i, true, 0))
EMITTER(FMOV_x_top, from_v(t, i, true, 8))

static bool em_FMOV_from_gpr(struct tr *t, const struct insn *i)
{
    bool x = is_d(i);

    if (!has_vex(t))
        return false;
    x64_vex_rr(&t->c, V_MOVD_TO, x, 0, 0, t_get(t, i->rn, RAX));
    put(t, i, 0);
    t->flags_kept = true;
    return true;
}

static bool em_FMOV_top_x(struct tr *t, const struct insn *i)
{
    if (!has_vex(t))
        return false;
    x64_vex_rri(&t->c, V_PINSRQ, true, 0, t_vget(t, i->rd),
                t_get(t, i->rn, RAX), 1);
    t_vstore(t, i->rd, 0);
    t->flags_kept = true;
    return true;
}

static bool em_FABS(struct tr *t, const struct insn *i)
{
    bool d = is_d(i);

    if (!has_vex(t))
        return false;
    t_vconst(t, 1, d ? INT64_MAX : INT32_MAX);
    x64_vex_rr(&t->c, V_AND, false, 0, 1, operand(t, i, i->rn));
    put(t, i, 0);
    t->flags_kept = true;
    return true;
}

static void flip_sign(struct tr *t, bool d, unsigned dst, unsigned src)
{
    t_vconst(t, 7, d ? 1ull << 63 : 1u << 31);
    x64_vex_rr(&t->c, V_XOR, false, dst, 7, src);
}

static bool em_FNEG(struct tr *t, const struct insn *i)
{
    if (!has_vex(t))
        return false;
    flip_sign(t, is_d(i), 0, t_vget_low(t, bits_of(i), i->rn, 0));
    put(t, i, 0);
    t->flags_kept = true;
    return true;
}

/* Arithmetic */

static void arith(struct tr *t, const struct insn *i, unsigned op)
{
    unsigned a = t_vget_low(t, bits_of(i), i->rn, 0);

    fp_op(t, fp_scalar(is_d(i)), op, 0, a, operand(t, i, i->rm));
}

#define ARITH(name, op)                                       \
    static bool em_##name(struct tr *t, const struct insn *i) \
    {                                                         \
        if (!fp_plain(t))                                     \
            return false;                                     \
        arith(t, i, op);                                      \
        return put_number(t, i, 0);                           \
    }
ARITH(FADD, V_ADD)
ARITH(FSUB, V_SUB)
ARITH(FMUL, V_MUL)
ARITH(FDIV, V_DIV)

static bool em_FNMUL(struct tr *t, const struct insn *i)
{
    if (!fp_plain(t))
        return false;
    arith(t, i, V_MUL);
    fp_bail_unordered(t, is_d(i), 0, 0);
    flip_sign(t, is_d(i), 0, 0);
    put(t, i, 0);
    return true;
}

static bool em_FSQRT(struct tr *t, const struct insn *i)
{
    if (!fp_plain(t))
        return false;
    fp_zero(t, 1);
    fp_op(t, fp_scalar(is_d(i)), V_SQRT, 0, 1, operand(t, i, i->rn));
    return put_number(t, i, 0);
}

/* The difference's sign goes after the check: a NaN bails first. */
static bool em_FABD(struct tr *t, const struct insn *i)
{
    if (!fp_plain(t))
        return false;
    arith(t, i, V_SUB);
    fp_bail_unordered(t, is_d(i), 0, 0);
    t_vconst(t, 1, is_d(i) ? INT64_MAX : INT32_MAX);
    x64_vex_rr(&t->c, V_AND, false, 0, 1, 0);
    put(t, i, 0);
    return true;
}

/* Neither sum nor product is rounded twice; without FMA3 it is tier 0's. */
static bool fused(struct tr *t, const struct insn *i, enum v_fma op)
{
    unsigned a, b;

    if (!fp_plain(t) || !(t->features & JIT_FMA))
        return false;
    t_vload_low(t, bits_of(i), 0, i->ra);
    a = operand(t, i, i->rn);
    b = operand(t, i, i->rm);
    x64_vex_rr(&t->c, V_FMA(op, true), is_d(i), 0, a, b);
    return put_number(t, i, 0);
}

EMITTER(FMADD, fused(t, i, V_FMADD231))
EMITTER(FMSUB, fused(t, i, V_FNMADD231))
EMITTER(FNMADD, fused(t, i, V_FNMSUB231))
EMITTER(FNMSUB, fused(t, i, V_FMSUB231))

/* The host's answer for two zeros is its second operand: ask both ways, and
   the zeros' signs meet in the AND or the OR. For other numbers both answers
   are the same. */
static bool min_max(struct tr *t, const struct insn *i, unsigned op,
                    unsigned join)
{
    unsigned a, b, pp = fp_scalar(is_d(i));

    if (!fp_plain(t))
        return false;
    a = t_vget_low(t, bits_of(i), i->rn, 0);
    b = t_vget_low(t, bits_of(i), i->rm, 1);
    fp_bail_unordered(t, is_d(i), a, b);
    fp_op(t, pp, op, 2, a, b);
    fp_op(t, pp, op, 3, b, a);
    x64_vex_rr(&t->c, join, false, 0, 2, 3);
    put(t, i, 0);
    return true;
}

EMITTER(FMAX, min_max(t, i, V_MAX, V_AND))
EMITTER(FMIN, min_max(t, i, V_MIN, V_OR))

/* Comparison */

/*
 * UCOMIS says unordered ZF = PF = CF = 1, less CF, equal ZF. The sum below is 0
 * for less, 1 for equal, 2 for greater, 128 for unordered; compared with 1 as a
 * byte it gives the Arm's N, Z and V, and the borrow is not C.
 */
void fp_compare(struct tr *t, bool d, unsigned op, unsigned a, unsigned b)
{
    x64_vex_rr(&t->c, V_ARITH(fp_packed(d), op), false, a, 0, b);
    x64_setcc(&t->c, CC_AE, RAX);
    x64_setcc(&t->c, CC_A, RCX);
    x64_setcc(&t->c, CC_P, RDX);
    x64_op_rr(&t->c, false, 0x02, RAX, RCX); /* add al, cl */
    x64_u8(&t->c, 0xc0);                     /* shl dl, 7 */
    x64_modrm_reg(&t->c, SH_SHL, RDX);
    x64_u8(&t->c, 7);
    x64_op_rr(&t->c, false, 0x0a, RAX, RDX); /* or al, dl */
    x64_u8(&t->c, 0x3c);                     /* cmp al, 1 */
    x64_u8(&t->c, 1);
    t_flags_set(t, true);
}

static void compare_regs(struct tr *t, const struct insn *i, unsigned op)
{
    unsigned a = operand(t, i, i->rn);

    fp_compare(t, is_d(i), op, a, operand(t, i, i->rm));
}

/* COMIS counts quiet NaNs too, as FCMPE does. */
#define COMPARE(name, op)                                            \
    static bool em_##name(struct tr *t, const struct insn *i)        \
    {                                                                \
        if (!fp_plain(t))                                            \
            return false;                                            \
        compare_regs(t, i, op);                                      \
        return true;                                                 \
    }                                                                \
    static bool em_##name##_zero(struct tr *t, const struct insn *i) \
    {                                                                \
        if (!fp_plain(t))                                            \
            return false;                                            \
        fp_zero(t, 0);                                               \
        fp_compare(t, is_d(i), op, operand(t, i, i->rn), 0);         \
        return true;                                                 \
    }
COMPARE(FCMP, V_UCOMIS)
COMPARE(FCMPE, V_COMIS)

static bool cond_compare(struct tr *t, const struct insn *i, unsigned op)
{
    unsigned cond = FIELD(i, 15, 12), nzcv = FIELD(i, 3, 0);
    uint8_t *otherwise, *end;
    unsigned a, b;

    if (!fp_plain(t))
        return false;
    a = operand(t, i, i->rn);
    b = operand(t, i, i->rm);
    if (cond >= 14) {
        fp_compare(t, is_d(i), op, a, b);
        return true;
    }
    otherwise = x64_jcc(&t->c, t_cond(t, cond) ^ 1);
    fp_compare(t, is_d(i), op, a, b);
    end = x64_jmp(&t->c);
    x64_here(&t->c, otherwise);
    x64_store_imm(&t->c, false, RBP, CPU(hflags), t_hflags_of(nzcv));
    x64_here(&t->c, end);
    t->flags_live = t->flags_kept = false;
    return true;
}

EMITTER(FCCMP, cond_compare(t, i, V_UCOMIS))
EMITTER(FCCMPE, cond_compare(t, i, V_COMIS))

/* No branch: which of two numbers is wanted is often hard to foresee. */
static bool em_FCSEL(struct tr *t, const struct insn *i)
{
    unsigned cond = FIELD(i, 15, 12);
    enum x64_cc cc;

    if (!has_vex(t))
        return false;
    if (cond >= 14)
        return em_FMOV(t, i);
    cc = t_cond(t, cond);
    x64_load(&t->c, is_d(i), RAX, RBP, CPU_V(i->rm));
    x64_load(&t->c, is_d(i), RCX, RBP, CPU_V(i->rn));
    x64_cmov(&t->c, is_d(i), cc, RAX, RCX);
    x64_vex_rr(&t->c, V_MOVD_TO, is_d(i), 0, 0, RAX);
    put(t, i, 0);
    t->flags_kept = true;
    return true;
}

/* Between formats */

static bool em_FCVT_d_s(struct tr *t, const struct insn *i)
{
    if (!fp_plain(t))
        return false;
    fp_zero(t, 1);
    fp_op(t, FP_SS, V_CVTF2F, 0, 1, operand(t, i, i->rn));
    fp_bail_unordered(t, true, 0, 0);
    t_vstore_low(t, 64, i->rd, 0);
    return true;
}

static bool em_FCVT_s_d(struct tr *t, const struct insn *i)
{
    if (!fp_plain(t))
        return false;
    fp_zero(t, 1);
    fp_op(t, FP_SD, V_CVTF2F, 0, 1, operand(t, i, i->rn));
    fp_bail_unordered(t, false, 0, 0);
    t_vstore_low(t, 32, i->rd, 0);
    return true;
}

/* To integral */

enum { ROUND_N, ROUND_M, ROUND_P, ROUND_Z, ROUND_MXCSR, ROUND_QUIET = 8 };
enum { ROUND_A = 16 }; /* ours: to nearest, ties away */

/* dst = src rounded, zero above; xmm1 is cleared. */
static void round_to(struct tr *t, bool d, unsigned mode, unsigned dst,
                     unsigned src)
{
    fp_zero(t, 1);
    x64_vex_rri(&t->c, d ? V_ROUNDSD : V_ROUNDSS, false, dst, 1, src, mode);
}

/*
 * Ties away from zero: truncate, and add 1 of the same sign if what was cut
 * off is at least a half. All steps are exact; numbers too large to have a
 * fraction, for which one would not be, and infinities and NaNs bail. dst is
 * not xmm1 to xmm3, src none of them either.
 */
static void round_away(struct tr *t, bool d, unsigned dst, unsigned src)
{
    unsigned pp = fp_scalar(d);

    x64_vex_rr(&t->c, V_MOVD_FROM, d, src, 0, RAX);
    x64_alu_rr(&t->c, d, ALU_ADD, RAX, RAX); /* the sign goes */
    x64_mov_imm(&t->c, RCX, d ? 0x433ull << 53 : 150ull << 24);
    x64_alu_rr(&t->c, d, ALU_CMP, RAX, RCX);
    t_bail(t, CC_AE);
    round_to(t, d, ROUND_Z | ROUND_QUIET, dst, src);
    fp_op(t, pp, V_SUB, 2, src, dst); /* the fraction */
    t_vconst(t, 3, d ? 1ull << 63 : 1u << 31);
    x64_vex_rr(&t->c, V_ANDN, false, 2, 3, 2); /* its size */
    x64_vex_rr(&t->c, V_AND, false, 3, 3, src);
    t_vconst(t, 1, d ? 0x3fe0000000000000 : 0x3f000000);
    x64_vex_rri(&t->c, V_ARITH(pp, V_CMP), false, 2, 2, 1, CMP_GE_S);
    t_vconst(t, 1, d ? 0x3ff0000000000000 : 0x3f800000);
    x64_vex_rr(&t->c, V_AND, false, 2, 2, 1);
    x64_vex_rr(&t->c, V_OR, false, 2, 2, 3);
    fp_op(t, pp, V_ADD, dst, dst, 2);
    x64_vex_rr(&t->c, V_OR, false, dst, dst, 3); /* -0.3 becomes -0 */
}

static bool rint_by(struct tr *t, const struct insn *i, unsigned mode)
{
    unsigned a;

    if (!fp_plain(t))
        return false;
    a = operand(t, i, i->rn);
    if (mode == ROUND_A)
        round_away(t, is_d(i), 0, a);
    else
        round_to(t, is_d(i), mode, 0, a);
    return put_number(t, i, 0);
}

#define RINT(letter, mode) EMITTER(FRINT##letter, rint_by(t, i, mode))
RINT(N, ROUND_N | ROUND_QUIET)
RINT(P, ROUND_P | ROUND_QUIET)
RINT(M, ROUND_M | ROUND_QUIET)
RINT(Z, ROUND_Z | ROUND_QUIET)
RINT(A, ROUND_A)
RINT(X, ROUND_MXCSR)
RINT(I, ROUND_MXCSR | ROUND_QUIET)

/* To integers */

/* The host's answer to what does not fit is its smallest integer, and what
   really is that is left to tier 0 with it. */
static void to_signed(struct tr *t, bool d, bool x, unsigned src)
{
    x64_vex_rr(&t->c, V_ARITH(fp_scalar(d), V_CVTTF2SI), x, RAX, 0, src);
    x64_alu_ri(&t->c, x, ALU_CMP, RAX, 1);
    t_bail(t, CC_O);
}

/* Without AVX-512 what is negative, -0 too, or does not fit in 63 or 32 bits
   bails by its bits, before the host could count it as inexact. */
static void to_unsigned(struct tr *t, bool d, bool x, unsigned src)
{
    unsigned pp = fp_scalar(d);
    uint64_t limit = d ? (x ? 0x43eull << 52 : 0x41full << 52)
                       : (x ? 0xbeull << 23 : 0x9full << 23);

    if (t->features & JIT_AVX512) {
        x64_evex_rr(&t->c, V_ARITH(pp, E_CVTTF2USI), x, 0, RAX, 0, src);
        x64_alu_ri(&t->c, x, ALU_CMP, RAX, -1);
        t_bail(t, CC_E);
        return;
    }
    x64_vex_rr(&t->c, V_MOVD_FROM, d, src, 0, RAX);
    x64_mov_imm(&t->c, RCX, limit);
    x64_alu_rr(&t->c, d, ALU_CMP, RAX, RCX);
    t_bail(t, CC_AE);
    x64_vex_rr(&t->c, V_ARITH(pp, V_CVTTF2SI), true, RAX, 0, src);
}

/* What rounds otherwise than to zero is rounded silently, converted, and then
   rounded once more for the inexact flag, which a number that does not fit must
   not raise. */
/* xmm0 = src times 2 to the fbits, if that surely fits: by its bits, of which
   the sign counts as too large where there is none. */
static void scale_up(struct tr *t, const struct insn *i, bool is_unsigned,
                     unsigned src)
{
    int fbits = 64 - (int)FIELD(i, 15, 10), width = BIT(i->word, 31) ? 64 : 32;
    bool d = is_d(i);
    uint64_t limit = d ? (1023ull + (uint64_t)(width - 1 - fbits)) << 52
                       : (127ull + (uint64_t)(width - 1 - fbits)) << 23;

    x64_vex_rr(&t->c, V_MOVD_FROM, d, src, 0, RAX);
    if (!is_unsigned) {
        x64_alu_rr(&t->c, d, ALU_ADD, RAX, RAX);
        limit <<= 1;
    }
    x64_mov_imm(&t->c, RCX, limit);
    x64_alu_rr(&t->c, d, ALU_CMP, RAX, RCX);
    t_bail(t, CC_AE);
    t_vconst(t, 1,
             d ? (1023ull + (uint64_t)fbits) << 52
               : (127ull + (uint64_t)fbits) << 23);
    fp_op(t, fp_scalar(d), V_MUL, 0, src, 1);
}

static bool to_fixed(struct tr *t, const struct insn *i, bool is_unsigned)
{
    if (!fp_plain(t))
        return false;
    scale_up(t, i, is_unsigned, operand(t, i, i->rn));
    x64_vex_rr(&t->c, V_ARITH(fp_scalar(is_d(i)), V_CVTTF2SI),
               is_unsigned || BIT(i->word, 31), RAX, 0, 0);
    t_put(t, i->rd, RAX);
    return true;
}

EMITTER(FCVTZS_fix, to_fixed(t, i, false))
EMITTER(FCVTZU_fix, to_fixed(t, i, true))

static bool to_int(struct tr *t, const struct insn *i, unsigned mode,
                   bool is_unsigned)
{
    bool d = is_d(i), x = BIT(i->word, 31);
    unsigned a, src;

    if (!fp_plain(t))
        return false;
    src = a = operand(t, i, i->rn);
    if (mode != ROUND_Z) {
        src = 0;
        if (mode == ROUND_A)
            round_away(t, d, src, a);
        else
            round_to(t, d, mode | ROUND_QUIET, src, a);
    }
    if (is_unsigned)
        to_unsigned(t, d, x, src);
    else
        to_signed(t, d, x, src);
    if (mode != ROUND_Z)
        round_to(t, d, ROUND_Z, 0, a);
    t_put(t, i->rd, RAX);
    return true;
}

#define TO_INT(letter, mode)                            \
    EMITTER(FCVT##letter##S, to_int(t, i, mode, false)) \
    EMITTER(FCVT##letter##U, to_int(t, i, mode, true))
TO_INT(N, ROUND_N)
TO_INT(P, ROUND_P)
TO_INT(M, ROUND_M)
TO_INT(Z, ROUND_Z)
TO_INT(A, ROUND_A)

/* From integers. scale: of a fixed-point number; the product is exact, as no
   result is near either end of the format's range. */
static bool from_int(struct tr *t, const struct insn *i, bool is_unsigned,
                     unsigned fbits)
{
    bool d = is_d(i), x = BIT(i->word, 31);
    unsigned src, pp = fp_scalar(d);

    if (!fp_plain(t))
        return false;
    src = t_get(t, i->rn, RAX);
    if (is_unsigned && !x) {
        x64_mov(&t->c, false, RAX, src);
        src = RAX;
        x = true;
    } else if (is_unsigned && !(t->features & JIT_AVX512)) {
        x64_test(&t->c, true, src, src);
        t_bail(t, CC_S);
    }
    fp_zero(t, 1);
    if (is_unsigned && (t->features & JIT_AVX512))
        x64_evex_rr(&t->c, V_ARITH(pp, E_CVTUSI2F), x, 0, 0, 1, src);
    else
        x64_vex_rr(&t->c, V_ARITH(pp, V_CVTSI2F), x, 0, 1, src);
    if (fbits) {
        t_vconst(t, 1, d ? (1023ull - fbits) << 52 : (127ull - fbits) << 23);
        fp_op(t, pp, V_MUL, 0, 0, 1);
    }
    put(t, i, 0);
    return true;
}

EMITTER(SCVTF, from_int(t, i, false, 0))
EMITTER(UCVTF, from_int(t, i, true, 0))
EMITTER(SCVTF_fix, from_int(t, i, false, 64 - FIELD(i, 15, 10)))
EMITTER(UCVTF_fix, from_int(t, i, true, 64 - FIELD(i, 15, 10)))

/* clang-format off */
#define SD(row, emit)     {OP_##row##_s, emit}, {OP_##row##_d, emit}
#define SD_WX(row, emit) \
    {OP_##row##_s_w, emit}, {OP_##row##_s_x, emit}, \
    {OP_##row##_d_w, emit}, {OP_##row##_d_x, emit}
const struct jit_emitter jit_fp_emitters[] = {
    SD(FMOV, em_FMOV),
    SD(FMOV_imm, em_FMOV_imm),
    {OP_FMOV_w_s, em_FMOV_w_s},
    {OP_FMOV_x_d, em_FMOV_x_d},
    {OP_FMOV_x_top, em_FMOV_x_top},
    {OP_FMOV_s_w, em_FMOV_from_gpr},
    {OP_FMOV_d_x, em_FMOV_from_gpr},
    {OP_FMOV_top_x, em_FMOV_top_x},
    SD(FABS, em_FABS),
    SD(FNEG, em_FNEG),
    SD(FSQRT, em_FSQRT),
    SD(FADD, em_FADD),
    SD(FSUB, em_FSUB),
    SD(FMUL, em_FMUL),
    SD(FDIV, em_FDIV),
    SD(FNMUL, em_FNMUL),
    {OP_FABD_1s, em_FABD},
    {OP_FABD_1d, em_FABD},
    SD(FMADD, em_FMADD),
    SD(FMSUB, em_FMSUB),
    SD(FNMADD, em_FNMADD),
    SD(FNMSUB, em_FNMSUB),
    SD(FMAX, em_FMAX),
    SD(FMIN, em_FMIN),
    SD(FMAXNM, em_FMAX), /* they differ in NaNs only */
    SD(FMINNM, em_FMIN),
    SD(FCMP, em_FCMP),
    SD(FCMP_zero, em_FCMP_zero),
    SD(FCMPE, em_FCMPE),
    SD(FCMPE_zero, em_FCMPE_zero),
    SD(FCCMP, em_FCCMP),
    SD(FCCMPE, em_FCCMPE),
    SD(FCSEL, em_FCSEL),
    {OP_FCVT_d_s, em_FCVT_d_s},
    {OP_FCVT_s_d, em_FCVT_s_d},
    SD(FRINTN, em_FRINTN),
    SD(FRINTP, em_FRINTP),
    SD(FRINTM, em_FRINTM),
    SD(FRINTZ, em_FRINTZ),
    SD(FRINTA, em_FRINTA),
    SD(FRINTX, em_FRINTX),
    SD(FRINTI, em_FRINTI),
    SD_WX(FCVTNS, em_FCVTNS),
    SD_WX(FCVTNU, em_FCVTNU),
    SD_WX(FCVTPS, em_FCVTPS),
    SD_WX(FCVTPU, em_FCVTPU),
    SD_WX(FCVTMS, em_FCVTMS),
    SD_WX(FCVTMU, em_FCVTMU),
    SD_WX(FCVTZS, em_FCVTZS),
    SD_WX(FCVTZU, em_FCVTZU),
    SD_WX(FCVTAS, em_FCVTAS),
    SD_WX(FCVTAU, em_FCVTAU),
    SD_WX(SCVTF, em_SCVTF),
    SD_WX(UCVTF, em_UCVTF),
    SD_WX(SCVTF_fix, em_SCVTF_fix),
    SD_WX(UCVTF_fix, em_UCVTF_fix),
    SD_WX(FCVTZS_fix, em_FCVTZS_fix),
    SD_WX(FCVTZU_fix, em_FCVTZU_fix),
    {0, NULL},
};
