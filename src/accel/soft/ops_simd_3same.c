// SPDX-License-Identifier: Apache-2.0
/*
 * Advanced SIMD, three registers of the same type, vector and scalar, and the
 * extension group (Arm ARM C4.1, "Advanced SIMD three same" and "extra").
 */

#include "accel/soft/lanes.h"

/* Halving without a wider type: a + b is 2(a & b) + (a ^ b), and a - b is
   (a ^ b) - 2(~a & b). */
KERNEL_S(shadd, (a & b) + ((a ^ b) >> 1))
KERNEL_U(uhadd, (a & b) + ((a ^ b) >> 1))
KERNEL_S(srhadd, (a | b) - ((a ^ b) >> 1))
KERNEL_U(urhadd, (a | b) - ((a ^ b) >> 1))
KERNEL_S(shsub, ((a ^ b) >> 1) - (~a & b))
KERNEL_U(uhsub, ((a ^ b) >> 1) - (~a & b))

KERNEL_S(cmgt, a > b ? -1 : 0)
KERNEL_U(cmhi, a > b ? -1 : 0)
KERNEL_S(cmge, a >= b ? -1 : 0)
KERNEL_U(cmhs, a >= b ? -1 : 0)
KERNEL_U(cmeq, a == b ? -1 : 0)
KERNEL_U(cmtst, (a & b) != 0 ? -1 : 0)

KERNEL_S(smax, a > b ? a : b)
KERNEL_U(umax, a > b ? a : b)
KERNEL_S(smin, a < b ? a : b)
KERNEL_U(umin, a < b ? a : b)

/* The product over {0,1} of two bytes, low half. */
static inline uint8_t poly_mul8(uint8_t a, uint8_t b)
{
    unsigned r = 0;

    for (unsigned bit = 0; bit < 8; bit++)
        r ^= -(b >> bit & 1u) & (unsigned)a << bit;
    return (uint8_t)r;
}
KERNEL_U(pmul, poly_mul8((uint8_t)a, (uint8_t)b))

KERNEL_U(and, a &b)
KERNEL_U(bic, a & ~b)
KERNEL_U(orr, a | b)
KERNEL_U(orn, a | ~b)
KERNEL_U(eor, a ^ b)
KERNEL_U(bsl, (c & a) | (~c & b))
KERNEL_U(bit, (c & ~b) | (a & b))
KERNEL_U(bif, (c & b) | (a & ~b))

/* Shifts by register: the count is the signed low byte of each lane, negative
   to the right; the rounding ones add half of the last bit shifted out. */
static inline int64_t shift_s(int64_t a, int sh, bool round)
{
    if (sh >= 64)
        return 0;
    if (sh >= 0)
        return (int64_t)((uint64_t)a << sh);
    if (sh <= -64)
        return round ? 0 : a >> 63;
    return (a >> -sh) + (round ? a >> (-sh - 1) & 1 : 0);
}

static inline uint64_t shift_u(uint64_t a, int sh, bool round)
{
    if (sh >= 64 || sh < -64)
        return 0;
    if (sh >= 0)
        return a << sh;
    if (sh == -64)
        return round ? a >> 63 : 0;
    return (a >> -sh) + (round ? a >> (-sh - 1) & 1 : 0);
}

static inline int64_t shift_sat_s(int64_t a, int sh, bool round, unsigned bits,
                                  uint32_t *qc)
{
    int64_t r;

    if (sh <= 0 || a == 0)
        return sh <= 0 ? shift_s(a, sh, round) : 0;
    r = sh < (int)bits ? sext64((uint64_t)a << sh, bits) : 0;
    if (sh < (int)bits && r >> sh == a)
        return r;
    *qc = FPSR_QC;
    r = (int64_t)(UINT64_MAX >> (65 - bits));
    return a < 0 ? -r - 1 : r;
}

static inline uint64_t shift_sat_u(uint64_t a, int sh, bool round,
                                   unsigned bits, uint32_t *qc)
{
    uint64_t max = UINT64_MAX >> (64 - bits);

    if (sh <= 0 || a == 0)
        return sh <= 0 ? shift_u(a, sh, round) : 0;
    if (sh < (int)bits && a <= max >> sh)
        return a << sh;
    *qc = FPSR_QC;
    return max;
}

KERNEL_S(sshl, shift_s(a, (int8_t)b, false))
KERNEL_U(ushl, shift_u(a, (int8_t)b, false))
KERNEL_S(srshl, shift_s(a, (int8_t)b, true))
KERNEL_U(urshl, shift_u(a, (int8_t)b, true))
KERNEL_S(sqshl, shift_sat_s(a, (int8_t)b, false, ESIZE, &qc))
KERNEL_U(uqshl, shift_sat_u(a, (int8_t)b, false, ESIZE, &qc))
KERNEL_S(sqrshl, shift_sat_s(a, (int8_t)b, true, ESIZE, &qc))
KERNEL_U(uqrshl, shift_sat_u(a, (int8_t)b, true, ESIZE, &qc))

#define VEC3(NAME, k)                                            \
    EXEC(NAME##_v)                                               \
    {                                                            \
        unsigned q = SIMD_Q(i);                                  \
        return vec_op(cpu, i, k_##k, lanes_of(cpu, i->rn, q),    \
                      lanes_of(cpu, i->rm, q), SIMD_SIZE(i), 0); \
    }

VEC3(SHADD, shadd)
VEC3(UHADD, uhadd)
VEC3(SQADD, sqadd)
VEC3(UQADD, uqadd)
VEC3(SRHADD, srhadd)
VEC3(URHADD, urhadd)
VEC3(SHSUB, shsub)
VEC3(UHSUB, uhsub)
VEC3(SQSUB, sqsub)
VEC3(UQSUB, uqsub)
VEC3(CMGT, cmgt)
VEC3(CMHI, cmhi)
VEC3(CMGE, cmge)
VEC3(CMHS, cmhs)
VEC3(SSHL, sshl)
VEC3(USHL, ushl)
VEC3(SQSHL, sqshl)
VEC3(UQSHL, uqshl)
VEC3(SRSHL, srshl)
VEC3(URSHL, urshl)
VEC3(SQRSHL, sqrshl)
VEC3(UQRSHL, uqrshl)
VEC3(SMAX, smax)
VEC3(UMAX, umax)
VEC3(SMIN, smin)
VEC3(UMIN, umin)
VEC3(SABD, sabd)
VEC3(UABD, uabd)
VEC3(SABA, saba)
VEC3(UABA, uaba)
VEC3(ADD, add)
VEC3(SUB, sub)
VEC3(CMTST, cmtst)
VEC3(CMEQ, cmeq)
VEC3(MLA, mla)
VEC3(MLS, mls)
VEC3(MUL, mul)
VEC3(SQDMULH, sqdmulh)
VEC3(SQRDMULH, sqrdmulh)
VEC3(SQRDMLAH, sqrdmlah)
VEC3(SQRDMLSH, sqrdmlsh)
VEC3(SDOT, sdot)
VEC3(UDOT, udot)

/* In these the size field is part of the opcode. */
#define VEC3_SIZE(NAME, k, size)                                             \
    EXEC(NAME##_v)                                                           \
    {                                                                        \
        return vec_op(cpu, i, k_##k, cpu->v[i->rn], cpu->v[i->rm], size, 0); \
    }

VEC3_SIZE(PMUL, pmul, 0)
VEC3_SIZE(AND, and, 3)
VEC3_SIZE(BIC, bic, 3)
VEC3_SIZE(ORR, orr, 3)
VEC3_SIZE(ORN, orn, 3)
VEC3_SIZE(EOR, eor, 3)
VEC3_SIZE(BSL, bsl, 3)
VEC3_SIZE(BIT, bit, 3)
VEC3_SIZE(BIF, bif, 3)

#define SCA3(NAME, k, size)                                                  \
    EXEC(NAME##_s)                                                           \
    {                                                                        \
        return sca_op(cpu, i, k_##k, cpu->v[i->rn], cpu->v[i->rm], size, 0); \
    }

SCA3(SQADD, sqadd, SIMD_SIZE(i))
SCA3(UQADD, uqadd, SIMD_SIZE(i))
SCA3(SQSUB, sqsub, SIMD_SIZE(i))
SCA3(UQSUB, uqsub, SIMD_SIZE(i))
SCA3(SQSHL, sqshl, SIMD_SIZE(i))
SCA3(UQSHL, uqshl, SIMD_SIZE(i))
SCA3(SQRSHL, sqrshl, SIMD_SIZE(i))
SCA3(UQRSHL, uqrshl, SIMD_SIZE(i))
SCA3(CMGT, cmgt, 3)
SCA3(CMHI, cmhi, 3)
SCA3(CMGE, cmge, 3)
SCA3(CMHS, cmhs, 3)
SCA3(SSHL, sshl, 3)
SCA3(USHL, ushl, 3)
SCA3(SRSHL, srshl, 3)
SCA3(URSHL, urshl, 3)
SCA3(ADD, add, 3)
SCA3(SUB, sub, 3)
SCA3(CMTST, cmtst, 3)
SCA3(CMEQ, cmeq, 3)
SCA3(SQDMULH, sqdmulh, SIMD_SIZE(i))
SCA3(SQRDMULH, sqrdmulh, SIMD_SIZE(i))
SCA3(SQRDMLAH, sqrdmlah, SIMD_SIZE(i))
SCA3(SQRDMLSH, sqrdmlsh, SIMD_SIZE(i))

/* Pairwise: adjacent elements of n:m, taken apart into even and odd ones, are
   the operands of the lane-wise operation. `total`: bytes of each register. */
static inline void unzip(const union vreg *n, const union vreg *m,
                         unsigned total, unsigned size, union vreg *even,
                         union vreg *odd)
{
    const unsigned es = 1u << size, count = total >> size;
    uint8_t cat[32];

    memcpy(cat, n, 16);
    memcpy(cat + total, m, 16);
    for (unsigned k = 0; k < count; k++) {
        memcpy(even->b + k * es, cat + 2 * k * es, es);
        memcpy(odd->b + k * es, cat + (2 * k + 1) * es, es);
    }
}

static void unzip_pairs(const struct cpu *cpu, const struct insn *i,
                        union vreg *even, union vreg *odd)
{
    const union vreg *n = &cpu->v[i->rn], *m = &cpu->v[i->rm];
    const unsigned total = 8u << SIMD_Q(i);

    *even = *odd = (union vreg){{0}};
    switch (SIMD_SIZE(i)) {
    case 0:
        unzip(n, m, total, 0, even, odd);
        break;
    case 1:
        unzip(n, m, total, 1, even, odd);
        break;
    case 2:
        unzip(n, m, total, 2, even, odd);
        break;
    default:
        unzip(n, m, total, 3, even, odd);
        break;
    }
}

#define PAIR3(NAME, k)                                            \
    EXEC(NAME##_v)                                                \
    {                                                             \
        union vreg even, odd;                                     \
        unzip_pairs(cpu, i, &even, &odd);                         \
        return vec_op(cpu, i, k_##k, even, odd, SIMD_SIZE(i), 0); \
    }

PAIR3(ADDP, add)
PAIR3(SMAXP, smax)
PAIR3(UMAXP, umax)
PAIR3(SMINP, smin)
PAIR3(UMINP, umin)

/* ADDP (scalar): the two doublewords of Vn. */
EXEC(ADDP_s)
{
    const union vreg n = cpu->v[i->rn];

    cpu->v[i->rd] = (union vreg){.d = {n.d[0] + n.d[1], 0}};
    return NEXT;
}
