// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of Advanced SIMD, three registers of the same type, vector and
 * scalar (Arm ARM C4.1, "Advanced SIMD three same" and "extra").
 */

#include "accel/soft/jit/simd.h"

#include "accel/soft/jit/jit.h"

void k_add(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    v_op(t, p_add[size], X0, n, m);
}

void k_sub(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    v_op(t, p_sub[size], X0, n, m);
}

/* Bytes as halfwords: the odd ones make their product in place. */
static void mul8(struct tr *t, unsigned n, unsigned m)
{
    v_ones(t, X5);
    v_shift(t, SHIFT_SLL, 1, X5, X5, 8);
    v_op(t, P_AND, X5, X5, m);
    v_shift(t, SHIFT_SRL, 1, X4, n, 8);
    v_op(t, P_MULLW, X4, X4, X5);
    v_op(t, P_MULLW, X0, n, m);
    v_opk(t, P_AND, X0, X0, K_WORD_FF);
    v_op(t, P_OR, X0, X0, X4);
}

void k_mul(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    if (size == 0)
        mul8(t, n, m);
    else
        v_op(t, size == 1 ? P_MULLW : P_MULLD, X0, n, m);
}

void k_mla(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    k_mul(t, size, d, n, m);
    v_op(t, p_add[size], X0, d, X0);
}

void k_mls(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    k_mul(t, size, d, n, m);
    v_op(t, p_sub[size], X0, d, X0);
}

#define KERN_BY_SIZE(name, b, w, q)                                    \
    static const uint16_t p_##name[3] = {b, w, q};                     \
    void k_##name(struct tr *t, unsigned size, unsigned d, unsigned n, \
                  unsigned m)                                          \
    {                                                                  \
        v_op(t, p_##name[size], X0, n, m);                             \
    }
KERN_BY_SIZE(smax, P_MAXSB, P_MAXSW, P_MAXSD)
KERN_BY_SIZE(umax, P_MAXUB, P_MAXUW, P_MAXUD)
KERN_BY_SIZE(smin, P_MINSB, P_MINSW, P_MINSD)
KERN_BY_SIZE(umin, P_MINUB, P_MINUW, P_MINUD)

void k_sabd(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    v_op(t, p_smin[size], X4, n, m);
    v_op(t, p_smax[size], X0, n, m);
    v_op(t, p_sub[size], X0, X0, X4);
}

void k_uabd(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    v_op(t, p_umin[size], X4, n, m);
    v_op(t, p_umax[size], X0, n, m);
    v_op(t, p_sub[size], X0, X0, X4);
}

void k_saba(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    k_sabd(t, size, d, n, m);
    v_op(t, p_add[size], X0, d, X0);
}

void k_uaba(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    k_uabd(t, size, d, n, m);
    v_op(t, p_add[size], X0, d, X0);
}

/* Logic: size does not matter. */
#define KERN(name)                                                            \
    static void k_##name(struct tr *t, unsigned size, unsigned d, unsigned n, \
                         unsigned m)
KERN(and)
{
    v_op(t, P_AND, X0, n, m);
}

KERN(bic)
{
    v_op(t, P_ANDN, X0, m, n);
}

KERN(orr)
{
    v_op(t, P_OR, X0, n, m);
}

KERN(orn)
{
    v_not(t, X0, m, X4);
    v_op(t, P_OR, X0, X0, n);
}

KERN(eor)
{
    v_op(t, P_XOR, X0, n, m);
}

/* The bits of a where mask is one, of b where it is zero. */
static void select_bits(struct tr *t, unsigned mask, unsigned a, unsigned b)
{
    v_op(t, P_AND, X4, mask, a);
    v_op(t, P_ANDN, X0, mask, b);
    v_op(t, P_OR, X0, X0, X4);
}

/* In one step, of d, n and m. False: not on this host. */
static bool ternary(struct tr *t, unsigned d, unsigned n, unsigned m,
                    unsigned imm)
{
    if (!(t->features & JIT_AVX512))
        return false;
    v_mov(t, X0, d);
    v_ternary(t, X0, n, m, imm);
    return true;
}

KERN(bsl)
{
    if (!ternary(t, d, n, m, 0xca))
        select_bits(t, d, n, m);
}

KERN(bit)
{
    if (!ternary(t, d, n, m, 0xd8))
        select_bits(t, m, n, d);
}

KERN(bif)
{
    if (!ternary(t, d, n, m, 0xe4))
        select_bits(t, m, d, n);
}

KERN(cmeq)
{
    v_op(t, p_cmpeq[size], X0, n, m);
}

KERN(cmgt)
{
    v_op(t, p_cmpgt[size], X0, n, m);
}

KERN(cmge)
{
    if (size < 3) {
        v_op(t, p_smax[size], X0, n, m);
        v_op(t, p_cmpeq[size], X0, X0, n);
    } else {
        v_op(t, P_CMPGTQ, X0, m, n);
        v_not(t, X0, X0, X4);
    }
}

/* a >u b for doublewords, into X0: signed, with the top bits flipped. */
static void above64(struct tr *t, unsigned a, unsigned b)
{
    v_ones(t, X4);
    v_shift(t, SHIFT_SLL, 3, X4, X4, 63);
    v_op(t, P_XOR, X5, a, X4);
    v_op(t, P_XOR, X4, b, X4);
    v_op(t, P_CMPGTQ, X0, X5, X4);
}

KERN(cmhs)
{
    if (size < 3) {
        v_op(t, p_umax[size], X0, n, m);
        v_op(t, p_cmpeq[size], X0, X0, n);
    } else {
        above64(t, m, n);
        v_not(t, X0, X0, X4);
    }
}

KERN(cmhi)
{
    if (size < 3) {
        v_op(t, p_umin[size], X0, n, m);
        v_op(t, p_cmpeq[size], X0, X0, n);
        v_not(t, X0, X0, X4);
    } else {
        above64(t, n, m);
    }
}

KERN(cmtst)
{
    v_op(t, P_AND, X0, n, m);
    v_zero(t, X4);
    v_op(t, p_cmpeq[size], X0, X0, X4);
    v_not(t, X0, X0, X4);
}

/* a + b is 2(a & b) + (a ^ b), also 2(a | b) - (a ^ b); a - b is (a ^ b) -
   2(~a & b). */
static void half_xor(struct tr *t, bool sgn, unsigned size, unsigned n,
                     unsigned m)
{
    v_op(t, P_XOR, X4, n, m);
    v_shr(t, sgn, size, X4, X4, 1, X5);
}

static void halving_add(struct tr *t, bool sgn, unsigned size, unsigned n,
                        unsigned m)
{
    half_xor(t, sgn, size, n, m);
    v_op(t, P_AND, X0, n, m);
    v_op(t, p_add[size], X0, X0, X4);
}

static void halving_add_up(struct tr *t, bool sgn, unsigned size, unsigned n,
                           unsigned m)
{
    if (!sgn && size < 2) {
        v_op(t, size ? P_AVGW : P_AVGB, X0, n, m);
        return;
    }
    half_xor(t, sgn, size, n, m);
    v_op(t, P_OR, X0, n, m);
    v_op(t, p_sub[size], X0, X0, X4);
}

static void halving_sub(struct tr *t, bool sgn, unsigned size, unsigned n,
                        unsigned m)
{
    half_xor(t, sgn, size, n, m);
    v_op(t, P_ANDN, X0, n, m);
    v_op(t, p_sub[size], X0, X4, X0);
}

#define KERN_SIGNS(s, u, f)      \
    KERN(s)                      \
    {                            \
        f(t, true, size, n, m);  \
    }                            \
    KERN(u)                      \
    {                            \
        f(t, false, size, n, m); \
    }
KERN_SIGNS(shadd, uhadd, halving_add)
KERN_SIGNS(srhadd, urhadd, halving_add_up)
KERN_SIGNS(shsub, uhsub, halving_sub)

/* Bytes and halfwords, where the host saturates: vop, and plain to compare. */
static void saturate_small(struct tr *t, unsigned vop, unsigned plain,
                           unsigned n, unsigned m)
{
    v_op(t, vop, X0, n, m);
    v_op(t, plain, X4, n, m);
    v_op(t, P_XOR, X4, X4, X0);
    v_qc(t, X4);
}

/* X0 = a wrapped result, X4's signs: it overflowed. Then the limit on the side
   of n's sign. */
static void saturate_sign(struct tr *t, unsigned size, unsigned n)
{
    v_ones(t, X6);
    v_shift(t, SHIFT_SRL, size, X6, X6, 1);
    v_shr(t, true, size, X5, n, size == 2 ? 31 : 63, X7);
    v_op(t, P_XOR, X5, X5, X6);
    v_opi(t, size == 2 ? P_BLENDVPS : P_BLENDVPD, X0, X0, X5, X4 << 4);
    v_qc_sign(t, size, X4);
}

void k_sqadd(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    if (size < 2) {
        saturate_small(t, size ? P_ADDSW : P_ADDSB, p_add[size], n, m);
        return;
    }
    v_op(t, p_add[size], X0, n, m);
    v_op(t, P_XOR, X4, X0, n);
    v_op(t, P_XOR, X5, X0, m);
    v_op(t, P_AND, X4, X4, X5);
    saturate_sign(t, size, n);
}

void k_sqsub(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    if (size < 2) {
        saturate_small(t, size ? P_SUBSW : P_SUBSB, p_sub[size], n, m);
        return;
    }
    v_op(t, p_sub[size], X0, n, m);
    v_op(t, P_XOR, X4, X0, n);
    v_op(t, P_XOR, X5, n, m);
    v_op(t, P_AND, X4, X4, X5);
    saturate_sign(t, size, n);
}

void k_uqadd(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    if (size < 2) {
        saturate_small(t, size ? P_ADDUSW : P_ADDUSB, p_add[size], n, m);
    } else if (size == 2) { /* no more than what is left above n */
        v_not(t, X4, n, X5);
        v_op(t, P_MINUD, X4, X4, m);
        v_op(t, P_ADDD, X0, n, X4);
        v_op(t, P_XOR, X4, X4, m);
        v_qc(t, X4);
    } else {
        v_op(t, P_ADDQ, X6, n, m);
        above64(t, n, X6);
        v_mov(t, X4, X0);
        v_op(t, P_OR, X0, X0, X6);
        v_qc(t, X4);
    }
}

KERN(uqsub)
{
    if (size < 2) {
        saturate_small(t, size ? P_SUBUSW : P_SUBUSB, p_sub[size], n, m);
    } else if (size == 2) {
        v_op(t, P_MINUD, X4, n, m);
        v_op(t, P_SUBD, X0, n, X4);
        v_op(t, P_XOR, X4, X4, m);
        v_qc(t, X4);
    } else {
        v_op(t, P_SUBQ, X6, n, m);
        above64(t, m, n);
        v_mov(t, X4, X0);
        v_op(t, P_ANDN, X0, X0, X6);
        v_qc(t, X4);
    }
}

/* Only the product of the two most negative numbers saturates; it alone comes
   out as the most negative. */
static void saturate_double(struct tr *t, unsigned size)
{
    v_ones(t, X4);
    v_shift(t, SHIFT_SLL, size, X4, X4, size == 1 ? 15 : 31);
    v_op(t, p_cmpeq[size], X4, X4, X0);
    v_op(t, P_XOR, X0, X0, X4);
    v_qc(t, X4);
}

/* X0 = the upper halves of the doubled products of words. */
static void high_double32(struct tr *t, bool round, unsigned n, unsigned m)
{
    v_shift(t, SHIFT_SRL, 3, X4, n, 32);
    v_shift(t, SHIFT_SRL, 3, X5, m, 32);
    v_op(t, P_MULDQ, X4, X4, X5);
    v_op(t, P_MULDQ, X0, n, m);
    v_op(t, P_ADDQ, X4, X4, X4);
    v_op(t, P_ADDQ, X0, X0, X0);
    if (round) {
        v_ones(t, X5);
        v_shift(t, SHIFT_SRL, 3, X5, X5, 63);
        v_shift(t, SHIFT_SLL, 3, X5, X5, 31);
        v_op(t, P_ADDQ, X4, X4, X5);
        v_op(t, P_ADDQ, X0, X0, X5);
    }
    v_shift(t, SHIFT_SRL, 3, X0, X0, 32);
    v_opi(t, P_BLENDD, X0, X0, X4, 0x0a);
}

void k_sqdmulh(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    if (size == 1) {
        v_op(t, P_MULLW, X4, n, m);
        v_op(t, P_MULHW, X0, n, m);
        v_shift(t, SHIFT_SRL, 1, X4, X4, 15);
        v_op(t, P_ADDW, X0, X0, X0);
        v_op(t, P_OR, X0, X0, X4);
    } else {
        high_double32(t, false, n, m);
    }
    saturate_double(t, size);
}

void k_sqrdmulh(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    if (size == 1)
        v_op(t, P_MULHRSW, X0, n, m);
    else
        high_double32(t, true, n, m);
    saturate_double(t, size);
}

/* Four products of bytes into each word: as halfwords, even and odd ones. */
void k_udot(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    v_opk(t, P_AND, X4, n, K_WORD_FF);
    v_opk(t, P_AND, X5, m, K_WORD_FF);
    v_op(t, P_MADDWD, X0, X4, X5);
    v_shift(t, SHIFT_SRL, 1, X4, n, 8);
    v_shift(t, SHIFT_SRL, 1, X5, m, 8);
    v_op(t, P_MADDWD, X4, X4, X5);
    v_op(t, P_ADDD, X0, X0, d);
    v_op(t, P_ADDD, X0, X0, X4);
}

void k_sdot(struct tr *t, unsigned size, unsigned d, unsigned n, unsigned m)
{
    v_shift(t, SHIFT_SLL, 1, X4, n, 8);
    v_shift(t, SHIFT_SLL, 1, X5, m, 8);
    v_shift(t, SHIFT_SRA, 1, X4, X4, 8);
    v_shift(t, SHIFT_SRA, 1, X5, X5, 8);
    v_op(t, P_MADDWD, X0, X4, X5);
    v_shift(t, SHIFT_SRA, 1, X4, n, 8);
    v_shift(t, SHIFT_SRA, 1, X5, m, 8);
    v_op(t, P_MADDWD, X4, X4, X5);
    v_op(t, P_ADDD, X0, X0, d);
    v_op(t, P_ADDD, X0, X0, X4);
}

#define VEC3(NAME, k, flags) \
    EMITTER(NAME##_v, simd_vec(t, i, k_##k, SIMD_SIZE(i), flags))
#define LOGIC3(NAME, k, flags) \
    EMITTER(NAME##_v, simd_vec(t, i, k_##k, 3, flags))
#define SCA3(NAME, k, flags) \
    EMITTER(NAME##_s, simd_scalar_d(t, i, k_##k, flags))

VEC3(ADD, add, 0)
VEC3(SUB, sub, 0)
VEC3(MUL, mul, 0)
VEC3(MLA, mla, KERN_ACC)
VEC3(MLS, mls, KERN_ACC)
VEC3(SHADD, shadd, 0)
VEC3(UHADD, uhadd, 0)
VEC3(SRHADD, srhadd, 0)
VEC3(URHADD, urhadd, 0)
VEC3(SHSUB, shsub, 0)
VEC3(UHSUB, uhsub, 0)
VEC3(SQADD, sqadd, KERN_SAT)
VEC3(UQADD, uqadd, KERN_SAT)
VEC3(SQSUB, sqsub, KERN_SAT)
VEC3(UQSUB, uqsub, KERN_SAT)
VEC3(SQDMULH, sqdmulh, KERN_SAT)
VEC3(SQRDMULH, sqrdmulh, KERN_SAT)
VEC3(CMGT, cmgt, 0)
VEC3(CMHI, cmhi, 0)
VEC3(CMGE, cmge, 0)
VEC3(CMHS, cmhs, 0)
VEC3(CMTST, cmtst, 0)
VEC3(CMEQ, cmeq, 0)
VEC3(SMAX, smax, 0)
VEC3(UMAX, umax, 0)
VEC3(SMIN, smin, 0)
VEC3(UMIN, umin, 0)
VEC3(SABD, sabd, 0)
VEC3(UABD, uabd, 0)
VEC3(SABA, saba, KERN_ACC)
VEC3(UABA, uaba, KERN_ACC)
VEC3(SDOT, sdot, KERN_ACC)
VEC3(UDOT, udot, KERN_ACC)
LOGIC3(AND, and, 0)
LOGIC3(BIC, bic, 0)
LOGIC3(ORN, orn, 0)
LOGIC3(EOR, eor, 0)
LOGIC3(BSL, bsl, KERN_ACC)
LOGIC3(BIT, bit, KERN_ACC)
LOGIC3(BIF, bif, KERN_ACC)
SCA3(ADD, add, 0)
SCA3(SUB, sub, 0)
SCA3(CMGT, cmgt, 0)
SCA3(CMHI, cmhi, 0)
SCA3(CMGE, cmge, 0)
SCA3(CMHS, cmhs, 0)
SCA3(CMTST, cmtst, 0)
SCA3(CMEQ, cmeq, 0)

/* ORR with both operands the same is MOV. */
static bool em_ORR_v(struct tr *t, const struct insn *i)
{
    unsigned bits = SIMD_Q(i) ? 128 : 64, n;

    if (!simd_ok(t) || i->rn != i->rm)
        return simd_vec(t, i, k_orr, 3, 0);
    n = t_vget_low(t, bits, i->rn, X0);
    t_vstore_low(t, bits, i->rd, n);
    return t->flags_kept = true;
}

/* Saturating scalars of any size. */
#define SAT_S(NAME, k) EMITTER(NAME##_s, simd_scalar_sat(t, i, k_##k, 0))
SAT_S(SQADD, sqadd)
SAT_S(UQADD, uqadd)
SAT_S(SQSUB, sqsub)
SAT_S(UQSUB, uqsub)
SAT_S(SQDMULH, sqdmulh)
SAT_S(SQRDMULH, sqrdmulh)

/* Pairwise: the lower elements of adjacent pairs of m:n, and the upper ones,
   are the operands. */
static bool pairwise(struct tr *t, const struct insn *i, simd_kern *k)
{
    unsigned size = SIMD_SIZE(i), q = SIMD_Q(i), n, m;

    if (!simd_ok(t))
        return false;
    n = t_vget(t, i->rn);
    m = t_vget(t, i->rm);
    if (!q) {
        v_op(t, P_UNPCKLQDQ, X1, n, m);
        n = m = X1;
    }
    v_unzip(t, size, 0, X3, n, m, X4);
    v_unzip(t, size, 1, X2, n, m, X4);
    k(t, size, X3, X3, X2);
    return v_put(t, i, q);
}

#define PAIR3(NAME, k) EMITTER(NAME##_v, pairwise(t, i, k_##k))
PAIR3(ADDP, add)
PAIR3(SMAXP, smax)
PAIR3(UMAXP, umax)
PAIR3(SMINP, smin)
PAIR3(UMINP, umin)

static bool em_ADDP_s(struct tr *t, const struct insn *i)
{
    unsigned n;

    if (!simd_ok(t))
        return false;
    n = t_vget(t, i->rn);
    v_opi(t, P_SHUFD, X0, 0, n, 0x4e);
    v_op(t, P_ADDQ, X0, X0, n);
    return v_put(t, i, 0);
}

#define V(NAME) EMITTER_ROW(NAME##_v)
#define S(NAME) EMITTER_ROW(NAME##_s)
// clang-format off
const struct jit_emitter jit_simd_emitters[] = {
    V(ADD), V(SUB), V(MUL), V(MLA), V(MLS), V(SHADD), V(UHADD), V(SRHADD),
    V(URHADD), V(SHSUB), V(UHSUB), V(SQADD), V(UQADD), V(SQSUB), V(UQSUB),
    V(SQDMULH), V(SQRDMULH), V(CMGT), V(CMHI), V(CMGE), V(CMHS), V(CMTST),
    V(CMEQ), V(SMAX), V(UMAX), V(SMIN), V(UMIN), V(SABD),
    V(UABD), V(SABA), V(UABA), V(SDOT), V(UDOT), V(AND), V(BIC), V(ORR),
    V(ORN), V(EOR), V(BSL), V(BIT), V(BIF), V(ADDP), V(SMAXP), V(UMAXP),
    V(SMINP), V(UMINP),
    S(ADD), S(SUB), S(CMGT), S(CMHI), S(CMGE), S(CMHS), S(CMTST), S(CMEQ),
    S(ADDP), S(SQADD), S(UQADD),
    S(SQSUB), S(UQSUB), S(SQDMULH), S(SQRDMULH),
    {0, NULL},
};
// clang-format on
