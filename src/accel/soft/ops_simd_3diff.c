// SPDX-License-Identifier: Apache-2.0
/*
 * Advanced SIMD, three registers of different types (long, wide and narrow),
 * and both groups "by element" (Arm ARM C4.1). Long operations widen first and
 * then work on lanes of one size.
 */

#include "accel/soft/lanes.h"

/* The half that "2" forms (Q = 1) take their operands from. */
#define HALF(v) (v).d[SIMD_Q(i)]

#define LONG3(NAME, widen, k)                                           \
    EXEC(NAME##_v)                                                      \
    {                                                                   \
        unsigned size = SIMD_SIZE(i);                                   \
        return long_op(cpu, i, k_##k, widen(HALF(cpu->v[i->rn]), size), \
                       widen(HALF(cpu->v[i->rm]), size), size);         \
    }
#define WIDE3(NAME, widen, k)                                   \
    EXEC(NAME##_v)                                              \
    {                                                           \
        unsigned size = SIMD_SIZE(i);                           \
        return long_op(cpu, i, k_##k, cpu->v[i->rn],            \
                       widen(HALF(cpu->v[i->rm]), size), size); \
    }

LONG3(SADDL, widen_s, add)
LONG3(UADDL, widen_u, add)
WIDE3(SADDW, widen_s, add)
WIDE3(UADDW, widen_u, add)
LONG3(SSUBL, widen_s, sub)
LONG3(USUBL, widen_u, sub)
WIDE3(SSUBW, widen_s, sub)
WIDE3(USUBW, widen_u, sub)
LONG3(SABAL, widen_s, saba)
LONG3(UABAL, widen_u, uaba)
LONG3(SABDL, widen_s, sabd)
LONG3(UABDL, widen_u, uabd)
LONG3(SMLAL, widen_s, mla)
LONG3(UMLAL, widen_u, mla)
LONG3(SMLSL, widen_s, mls)
LONG3(UMLSL, widen_u, mls)
LONG3(SMULL, widen_s, mul)
LONG3(UMULL, widen_u, mul)
LONG3(SQDMLAL, widen_s, sqdmlal)
LONG3(SQDMLSL, widen_s, sqdmlsl)
LONG3(SQDMULL, widen_s, sqdmull)

/* Scalar: one element of `size` each, a result of twice that. */
#define LONG_SCALAR(NAME, suffix, m, k)                                 \
    EXEC(NAME##suffix)                                                  \
    {                                                                   \
        unsigned size = SIMD_SIZE(i);                                   \
        return sca_op(cpu, i, k_##k, widen_s(cpu->v[i->rn].d[0], size), \
                      widen_s((m).d[0], size), size + 1, 0);            \
    }

LONG_SCALAR(SQDMLAL, _s, cpu->v[i->rm], sqdmlal)
LONG_SCALAR(SQDMLSL, _s, cpu->v[i->rm], sqdmlsl)
LONG_SCALAR(SQDMULL, _s, cpu->v[i->rm], sqdmull)

/* The high half of each sum or difference. */
static inline uint64_t high_halves(const union vreg *v, unsigned size,
                                   bool round)
{
    union vreg out = {{0}};

    switch (size) {
    case 0:
        for (unsigned k = 0; k < 8; k++)
            out.b[k] = (uint8_t)((v->h[k] + (round ? 1u << 7 : 0)) >> 8);
        break;
    case 1:
        for (unsigned k = 0; k < 4; k++)
            out.h[k] = (uint16_t)((v->s[k] + (round ? 1u << 15 : 0)) >> 16);
        break;
    default:
        for (unsigned k = 0; k < 2; k++)
            out.s[k] = (uint32_t)((v->d[k] + (round ? 1u << 31 : 0)) >> 32);
        break;
    }
    return out.d[0];
}

#define HIGH3(NAME, k, round)                                   \
    EXEC(NAME##_v)                                              \
    {                                                           \
        unsigned q = SIMD_Q(i), size = SIMD_SIZE(i);            \
        union vreg r = {{0}};                                   \
        k_##k(&r, &cpu->v[i->rn], &cpu->v[i->rm], size + 1, 0); \
        cpu->v[i->rd].d[q] = high_halves(&r, size, round);      \
        if (!q)                                                 \
            cpu->v[i->rd].d[1] = 0;                             \
        return NEXT;                                            \
    }

HIGH3(ADDHN, add, false)
HIGH3(RADDHN, add, true)
HIGH3(SUBHN, sub, false)
HIGH3(RSUBHN, sub, true)

/* The product over {0,1}, low and high 64 bits; four bits of b at a time. */
static union vreg poly_mul64(uint64_t a, uint64_t b)
{
    unsigned __int128 multiple[16] = {0, a}, r = 0;

    for (unsigned k = 2; k < 16; k += 2) {
        multiple[k] = multiple[k / 2] << 1;
        multiple[k + 1] = multiple[k] ^ a;
    }
    for (int shift = 60; shift >= 0; shift -= 4)
        r = r << 4 ^ multiple[b >> shift & 15];
    return (union vreg){.d = {(uint64_t)r, (uint64_t)(r >> 64)}};
}

EXEC(PMULL_64)
{
    cpu->v[i->rd] = poly_mul64(HALF(cpu->v[i->rn]), HALF(cpu->v[i->rm]));
    return NEXT;
}

/* 8 to 16 bits; a widened operand has no bits above the eighth. */
KERNEL_U(pmull, ((b & 1 ? a : 0) ^ (b & 2 ? a * 2u : 0)) ^
                    ((b & 4 ? a * 4u : 0) ^ (b & 8 ? a * 8u : 0)) ^
                    ((b & 16 ? a * 16u : 0) ^ (b & 32 ? a * 32u : 0)) ^
                    ((b & 64 ? a * 64u : 0) ^ (b & 128 ? a * 128u : 0)))

EXEC(PMULL_8)
{
    return long_op(cpu, i, k_pmull, widen_u(HALF(cpu->v[i->rn]), 0),
                   widen_u(HALF(cpu->v[i->rm]), 0), 0);
}

/* Vm<index> in every lane. 16-bit elements: index H:L:M, register Rm<3:0>;
   32-bit: index H:L, register M:Rm. */
static inline union vreg element(const struct cpu *cpu, const struct insn *i,
                                 unsigned size)
{
    unsigned index = FIELD(i, 11, 11) << 1 | FIELD(i, 21, 21);
    union vreg r;

    if (size == 1) {
        uint16_t e = cpu->v[i->rm & 15].h[index << 1 | FIELD(i, 20, 20)];

        for (unsigned k = 0; k < 8; k++)
            r.h[k] = e;
    } else {
        uint32_t e = cpu->v[i->rm].s[index];

        for (unsigned k = 0; k < 4; k++)
            r.s[k] = e;
    }
    return r;
}

#define SAME_E(NAME, k)                                               \
    EXEC(NAME##_e)                                                    \
    {                                                                 \
        unsigned size = SIMD_SIZE(i);                                 \
        return vec_op(cpu, i, k_##k, lanes_of(cpu, i->rn, SIMD_Q(i)), \
                      element(cpu, i, size), size, 0);                \
    }
#define SAME_SE(NAME, k)                                                   \
    EXEC(NAME##_se)                                                        \
    {                                                                      \
        unsigned size = SIMD_SIZE(i);                                      \
        return sca_op(cpu, i, k_##k, cpu->v[i->rn], element(cpu, i, size), \
                      size, 0);                                            \
    }
#define LONG_E(NAME, widen, k)                                          \
    EXEC(NAME##_e)                                                      \
    {                                                                   \
        unsigned size = SIMD_SIZE(i);                                   \
        return long_op(cpu, i, k_##k, widen(HALF(cpu->v[i->rn]), size), \
                       widen(element(cpu, i, size).d[0], size), size);  \
    }

SAME_E(MLA, mla)
SAME_E(MLS, mls)
SAME_E(MUL, mul)
SAME_E(SQDMULH, sqdmulh)
SAME_E(SQRDMULH, sqrdmulh)
SAME_E(SQRDMLAH, sqrdmlah)
SAME_E(SQRDMLSH, sqrdmlsh)
SAME_E(SDOT, sdot)
SAME_E(UDOT, udot)
SAME_SE(SQDMULH, sqdmulh)
SAME_SE(SQRDMULH, sqrdmulh)
SAME_SE(SQRDMLAH, sqrdmlah)
SAME_SE(SQRDMLSH, sqrdmlsh)
LONG_E(SMLAL, widen_s, mla)
LONG_E(UMLAL, widen_u, mla)
LONG_E(SMLSL, widen_s, mls)
LONG_E(UMLSL, widen_u, mls)
LONG_E(SMULL, widen_s, mul)
LONG_E(UMULL, widen_u, mul)
LONG_E(SQDMLAL, widen_s, sqdmlal)
LONG_E(SQDMLSL, widen_s, sqdmlsl)
LONG_E(SQDMULL, widen_s, sqdmull)
LONG_SCALAR(SQDMLAL, _se, element(cpu, i, size), sqdmlal)
LONG_SCALAR(SQDMLSL, _se, element(cpu, i, size), sqdmlsl)
LONG_SCALAR(SQDMULL, _se, element(cpu, i, size), sqdmull)
