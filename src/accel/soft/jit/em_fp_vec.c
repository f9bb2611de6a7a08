// SPDX-License-Identifier: Apache-2.0
/* Advanced SIMD floating point in single and double precision, and its scalar
   forms. Lanes that the arrangement has not are zero on the way in, so that
   they raise no flags, and on the way out. */

#include "accel/soft/jit/em_fp.h"

static bool is_d(const struct insn *i)
{
    return BIT(i->word, 22);
}

/* Bit 28 tells the scalar forms, bit 30 the full vectors. */
static unsigned bits_of(const struct insn *i)
{
    if (BIT(i->word, 28))
        return is_d(i) ? 64 : 32;
    return BIT(i->word, 30) ? 128 : 64;
}

static bool is_scalar(const struct insn *i)
{
    return BIT(i->word, 28);
}

static unsigned prefix(const struct insn *i)
{
    return is_scalar(i) ? fp_scalar(is_d(i)) : fp_packed(is_d(i));
}

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

static unsigned source(struct tr *t, const struct insn *i, unsigned n,
                       unsigned scratch)
{
    return t_vget_low(t, bits_of(i), n, scratch);
}

/* Clears what is above the arrangement. */
static void trim(struct tr *t, const struct insn *i, unsigned xmm)
{
    if (bits_of(i) == 64)
        x64_vex_rr(&t->c, V_MOVQ, false, xmm, 0, xmm);
    else if (bits_of(i) == 32)
        x64_vex_rri(&t->c, V_INSERTPS, false, xmm, xmm, xmm, 0xe);
}

static bool put(struct tr *t, const struct insn *i, unsigned xmm)
{
    t_vstore_low(t, bits_of(i), i->rd, xmm);
    return true;
}

/* Of lanes, or of one. */
static void bail_if_nan(struct tr *t, const struct insn *i, unsigned a,
                        unsigned b)
{
    if (is_scalar(i))
        fp_bail_unordered(t, is_d(i), a, b);
    else
        fp_bail_lanes(t, is_d(i), a, b);
}

static bool put_number(struct tr *t, const struct insn *i, unsigned xmm)
{
    bail_if_nan(t, i, xmm, xmm);
    return put(t, i, xmm);
}

/* Vm's element in all lanes of the arrangement. */
static unsigned element(struct tr *t, const struct insn *i, unsigned scratch)
{
    unsigned m = t_vget(t, (unsigned)(i->imm >> 3)), idx = i->imm & 7;

    if (is_scalar(i) && idx == 0)
        return m;
    if (is_d(i) && idx == 0)
        x64_vex_rr(&t->c, V_MOVDDUP, false, scratch, 0, m);
    else if (is_d(i))
        x64_vex_rr(&t->c, V_UNPCKHPD, false, scratch, m, m);
    else
        x64_vex_rri(&t->c, V_PERMILPS, false, scratch, 0, m, idx * 0x55);
    if (bits_of(i) == 64 && !is_scalar(i))
        trim(t, i, scratch);
    return scratch;
}

static unsigned second(struct tr *t, const struct insn *i, bool by_element,
                       unsigned scratch)
{
    return by_element ? element(t, i, scratch) : source(t, i, i->rm, scratch);
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

static bool e_FADD(struct tr *t, const struct insn *i)
{
    return arith(t, i, V_ADD, false);
}

static bool e_FSUB(struct tr *t, const struct insn *i)
{
    return arith(t, i, V_SUB, false);
}

static bool e_FMUL(struct tr *t, const struct insn *i)
{
    return arith(t, i, V_MUL, false);
}

static bool e_FMUL_elem(struct tr *t, const struct insn *i)
{
    return arith(t, i, V_MUL, true);
}

/* 0 / 0 in the lanes that are not there would count as invalid: they repeat
   the others. */
static bool e_FDIV(struct tr *t, const struct insn *i)
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

static bool e_FSQRT(struct tr *t, const struct insn *i)
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

static bool e_FMLA(struct tr *t, const struct insn *i)
{
    return fused(t, i, V_FMADD231, false);
}

static bool e_FMLS(struct tr *t, const struct insn *i)
{
    return fused(t, i, V_FNMADD231, false);
}

static bool e_FMLA_elem(struct tr *t, const struct insn *i)
{
    return fused(t, i, V_FMADD231, true);
}

static bool e_FMLS_elem(struct tr *t, const struct insn *i)
{
    return fused(t, i, V_FNMADD231, true);
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

static bool e_FABS(struct tr *t, const struct insn *i)
{
    return by_mask(t, i, false);
}

static bool e_FNEG(struct tr *t, const struct insn *i)
{
    return by_mask(t, i, true);
}

static bool e_FABD(struct tr *t, const struct insn *i)
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

static bool e_FMAX(struct tr *t, const struct insn *i)
{
    return min_max_lanes(t, i, &fp_max);
}

static bool e_FMIN(struct tr *t, const struct insn *i)
{
    return min_max_lanes(t, i, &fp_min);
}

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

static bool e_FADDP(struct tr *t, const struct insn *i)
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

static bool e_FMAXP(struct tr *t, const struct insn *i)
{
    return min_max_pairs(t, i, &fp_max);
}

static bool e_FMINP(struct tr *t, const struct insn *i)
{
    return min_max_pairs(t, i, &fp_min);
}

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

static bool e_FMAXV(struct tr *t, const struct insn *i)
{
    return min_max_across(t, i, &fp_max);
}

static bool e_FMINV(struct tr *t, const struct insn *i)
{
    return min_max_across(t, i, &fp_min);
}

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

#define COMPARE(name, pred, with)                            \
    static bool e_##name(struct tr *t, const struct insn *i) \
    {                                                        \
        return compare(t, i, pred, with);                    \
    }
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

/* To integral: the immediate of ROUND, 8 for no inexact flag. */
static void round_lanes(struct tr *t, const struct insn *i, unsigned imm,
                        unsigned dst, unsigned src)
{
    x64_vex_rri(&t->c, is_d(i) ? V_ROUNDPD : V_ROUNDPS, false, dst, 0, src,
                imm);
}

#define RINT(letter, imm)                                           \
    static bool e_FRINT##letter(struct tr *t, const struct insn *i) \
    {                                                               \
        if (!fp_plain(t))                                           \
            return false;                                           \
        round_lanes(t, i, imm, 0, source(t, i, i->rn, 0));          \
        return put_number(t, i, 0);                                 \
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

/* mode: of ROUND; 3 needs no rounding first. The second rounding is for the
   inexact flag (em_fp.c). */
static bool to_int(struct tr *t, const struct insn *i, unsigned mode,
                   bool is_unsigned)
{
    static const unsigned ops[2][2] = {{V_CVTTPS2DQ, E_CVTTPS2UDQ},
                                       {E_CVTTPD2QQ, E_CVTTPD2UQQ}};
    bool d = is_d(i), evex = d || is_unsigned;
    unsigned a, src;

    if (!fp_plain(t) || (evex && !(t->features & JIT_AVX512)))
        return false;
    src = a = source(t, i, i->rn, 1);
    if (mode != 3) {
        src = 0;
        round_lanes(t, i, mode | 8, 0, a);
    }
    if (evex)
        x64_evex_rr(&t->c, ops[d][is_unsigned], d, 0, 0, 0, src);
    else
        x64_vex_rr(&t->c, V_CVTTPS2DQ, false, 0, 0, src);
    bail_overflow(t, i, is_unsigned);
    if (mode != 3)
        round_lanes(t, i, 3, 2, a);
    return put(t, i, 0);
}

#define TO_INT(letter, mode)                                          \
    static bool e_FCVT##letter##S(struct tr *t, const struct insn *i) \
    {                                                                 \
        return to_int(t, i, mode, false);                             \
    }                                                                 \
    static bool e_FCVT##letter##U(struct tr *t, const struct insn *i) \
    {                                                                 \
        return to_int(t, i, mode, true);                              \
    }
TO_INT(N, 0)
TO_INT(M, 1)
TO_INT(P, 2)
TO_INT(Z, 3)

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

    if (!fp_plain(t) || (is_unsigned && !wide))
        return false;
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

static bool e_SCVTF(struct tr *t, const struct insn *i)
{
    return from_int(t, i, false);
}

static bool e_UCVTF(struct tr *t, const struct insn *i)
{
    return from_int(t, i, true);
}

/* Between formats. The forms with 2 (bit 30) take, or give, the upper half. */

static unsigned half_of(struct tr *t, const struct insn *i)
{
    unsigned a = t_vget(t, i->rn);

    if (!BIT(i->word, 30))
        return a;
    x64_vex_rr(&t->c, V_UNPCKHPD, false, 0, a, a);
    return 0;
}

static bool e_FCVTL_2d(struct tr *t, const struct insn *i)
{
    if (!fp_plain(t))
        return false;
    x64_vex_rr(&t->c, V_ARITH(FP_PS, V_CVTF2F), false, 0, 0, half_of(t, i));
    fp_bail_lanes(t, true, 0, 0);
    t_vstore(t, i->rd, 0);
    return true;
}

/* Whatever has FMA3 has the conversions of halves (F16C) as well. */
static bool e_FCVTL_4s(struct tr *t, const struct insn *i)
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

static bool e_FCVTN_2s(struct tr *t, const struct insn *i)
{
    if (!fp_plain(t))
        return false;
    x64_vex_rr(&t->c, V_ARITH(FP_PD, V_CVTF2F), false, 0, 0, t_vget(t, i->rn));
    fp_bail_lanes(t, false, 0, 0);
    return put_half(t, i);
}

static bool e_FCVTN_4h(struct tr *t, const struct insn *i)
{
    unsigned a;

    if (!fp_plain(t) || !(t->features & JIT_FMA))
        return false;
    a = t_vget(t, i->rn);
    fp_bail_lanes(t, false, a, a);
    x64_vex_rri(&t->c, V_CVTPS2PH, false, a, 0, 0, 4);
    return put_half(t, i);
}

static bool e_FMOV_imm(struct tr *t, const struct insn *i)
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
    VEC(FADD, e_FADD),
    VEC(FSUB, e_FSUB),
    VEC(FMUL, e_FMUL),
    VEC(FDIV, e_FDIV),
    VEC(FSQRT, e_FSQRT),
    VEC(FMLA, e_FMLA),
    VEC(FMLS, e_FMLS),
    VEC(FABS, e_FABS),
    VEC(FNEG, e_FNEG),
    ALL(FABD, e_FABD),
    ALL(FMUL_elem, e_FMUL_elem),
    ALL(FMLA_elem, e_FMLA_elem),
    ALL(FMLS_elem, e_FMLS_elem),
    VEC(FMAX, e_FMAX),
    VEC(FMIN, e_FMIN),
    VEC(FMAXNM, e_FMAX), /* they differ in NaNs only */
    VEC(FMINNM, e_FMIN),
    ALL(FADDP, e_FADDP),
    ALL(FMAXP, e_FMAXP),
    ALL(FMINP, e_FMINP),
    ALL(FMAXNMP, e_FMAXP),
    ALL(FMINNMP, e_FMINP),
    {OP_FMAXV_4s, e_FMAXV},
    {OP_FMINV_4s, e_FMINV},
    {OP_FMAXNMV_4s, e_FMAXV},
    {OP_FMINNMV_4s, e_FMINV},
    ALL(FCMEQ, e_FCMEQ),
    ALL(FCMGE, e_FCMGE),
    ALL(FCMGT, e_FCMGT),
    ALL(FACGE, e_FACGE),
    ALL(FACGT, e_FACGT),
    ALL(FCMEQ_zero, e_FCMEQ_zero),
    ALL(FCMGE_zero, e_FCMGE_zero),
    ALL(FCMGT_zero, e_FCMGT_zero),
    ALL(FCMLE_zero, e_FCMLE_zero),
    ALL(FCMLT_zero, e_FCMLT_zero),
    VEC(FRINTN, e_FRINTN),
    VEC(FRINTP, e_FRINTP),
    VEC(FRINTM, e_FRINTM),
    VEC(FRINTZ, e_FRINTZ),
    VEC(FRINTX, e_FRINTX),
    VEC(FRINTI, e_FRINTI),
    ALL(FCVTNS, e_FCVTNS),
    ALL(FCVTNU, e_FCVTNU),
    ALL(FCVTPS, e_FCVTPS),
    ALL(FCVTPU, e_FCVTPU),
    ALL(FCVTMS, e_FCVTMS),
    ALL(FCVTMU, e_FCVTMU),
    ALL(FCVTZS, e_FCVTZS),
    ALL(FCVTZU, e_FCVTZU),
    ALL(SCVTF, e_SCVTF),
    ALL(UCVTF, e_UCVTF),
    ALL(SCVTF_fix, e_SCVTF),
    ALL(UCVTF_fix, e_UCVTF),
    {OP_FCVTL_2d, e_FCVTL_2d},
    {OP_FCVTL2_2d, e_FCVTL_2d},
    {OP_FCVTL_4s, e_FCVTL_4s},
    {OP_FCVTL2_4s, e_FCVTL_4s},
    {OP_FCVTN_2s, e_FCVTN_2s},
    {OP_FCVTN2_4s, e_FCVTN_2s},
    {OP_FCVTN_4h, e_FCVTN_4h},
    {OP_FCVTN2_8h, e_FCVTN_4h},
    VEC(FMOV_imm, e_FMOV_imm),
    {OP_FMOV_imm_4h, e_FMOV_imm},
    {OP_FMOV_imm_8h, e_FMOV_imm},
    {0, NULL},
};
