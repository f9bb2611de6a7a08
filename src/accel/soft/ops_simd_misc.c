// SPDX-License-Identifier: Apache-2.0
/*
 * Advanced SIMD, two registers miscellaneous (vector and scalar) and across
 * lanes (Arm ARM C4.1). The narrowing ones are in ops_simd_shift.c.
 */

#include "accel/soft/lanes.h"

/* Leading zeroes of an element that sits in the low `bits` of a. */
static inline unsigned clz_of(uint64_t a, unsigned bits)
{
    return a ? (unsigned)__builtin_clzll(a) - (64 - bits) : bits;
}

static inline uint8_t bit_reverse8(uint8_t a)
{
    a = (uint8_t)((a >> 4 & 0x0f) | (a & 0x0f) << 4);
    a = (uint8_t)((a >> 2 & 0x33) | (a & 0x33) << 2);
    return (uint8_t)((a >> 1 & 0x55) | (a & 0x55) << 1);
}

static inline unsigned popcount8(unsigned a)
{
    a -= a >> 1 & 0x55;
    a = (a & 0x33) + (a >> 2 & 0x33);
    return (a + (a >> 4)) & 0x0f;
}

KERNEL_U(clz, clz_of(a, ESIZE))
/* Bits below the sign equal to it: XOR with the sign and count again. */
KERNEL_U(cls, clz_of((elem_t)((a << 1 ^ a) & ~1ull) | 1u, ESIZE))
KERNEL_U(cnt, popcount8((unsigned)a))
KERNEL_U(not, ~a)
KERNEL_U(rbit, bit_reverse8((uint8_t)a))
KERNEL_S(abs, a < 0 ? 0u - (uelem_t)a : (uelem_t)a)
KERNEL_U(neg, 0u - a)
KERNEL_SAT_S(sqabs, a < 0 ? -(wide_t)a : (wide_t)a)
KERNEL_SAT_S(sqneg, -(wide_t)a)

/* The destination is of one signedness, the operand of the other. */
KERNEL_SAT_S(suqadd, (wide_t)c + (uelem_t)a)
KERNEL_SAT_U(usqadd, (wide_t)c + (selem_t)a)

KERNEL_S(cmgt0, a > 0 ? -1 : 0)
KERNEL_S(cmge0, a >= 0 ? -1 : 0)
KERNEL_S(cmeq0, a == 0 ? -1 : 0)
KERNEL_S(cmle0, a <= 0 ? -1 : 0)
KERNEL_S(cmlt0, a < 0 ? -1 : 0)

#define MISC_V(NAME, k, size)                           \
    EXEC(NAME##_v)                                      \
    {                                                   \
        union vreg n = lanes_of(cpu, i->rn, SIMD_Q(i)); \
        return vec_op(cpu, i, k_##k, n, n, size, 0);    \
    }
#define MISC_S(NAME, k, size)                        \
    EXEC(NAME##_s)                                   \
    {                                                \
        union vreg n = cpu->v[i->rn];                \
        return sca_op(cpu, i, k_##k, n, n, size, 0); \
    }

MISC_V(CLZ, clz, SIMD_SIZE(i))
MISC_V(CLS, cls, SIMD_SIZE(i))
MISC_V(CNT, cnt, 0)
MISC_V(NOT, not, 3)
MISC_V(RBIT, rbit, 0)
MISC_V(ABS, abs, SIMD_SIZE(i))
MISC_V(NEG, neg, SIMD_SIZE(i))
MISC_V(SQABS, sqabs, SIMD_SIZE(i))
MISC_V(SQNEG, sqneg, SIMD_SIZE(i))
MISC_V(SUQADD, suqadd, SIMD_SIZE(i))
MISC_V(USQADD, usqadd, SIMD_SIZE(i))
MISC_V(CMGT_zero, cmgt0, SIMD_SIZE(i))
MISC_V(CMGE_zero, cmge0, SIMD_SIZE(i))
MISC_V(CMEQ_zero, cmeq0, SIMD_SIZE(i))
MISC_V(CMLE_zero, cmle0, SIMD_SIZE(i))
MISC_V(CMLT_zero, cmlt0, SIMD_SIZE(i))
MISC_S(ABS, abs, 3)
MISC_S(NEG, neg, 3)
MISC_S(SQABS, sqabs, SIMD_SIZE(i))
MISC_S(SQNEG, sqneg, SIMD_SIZE(i))
MISC_S(SUQADD, suqadd, SIMD_SIZE(i))
MISC_S(USQADD, usqadd, SIMD_SIZE(i))
MISC_S(CMGT_zero, cmgt0, 3)
MISC_S(CMGE_zero, cmge0, 3)
MISC_S(CMEQ_zero, cmeq0, 3)
MISC_S(CMLE_zero, cmle0, 3)
MISC_S(CMLT_zero, cmlt0, 3)

/* REVn: byte k of the result is byte k ^ flip of the operand. */
static inline const struct insn *rev(struct cpu *cpu, const struct insn *i,
                                     unsigned container)
{
    const union vreg n = lanes_of(cpu, i->rn, SIMD_Q(i));
    unsigned flip = container - (1u << SIMD_SIZE(i));
    union vreg d;

    for (unsigned k = 0; k < 16; k++)
        d.b[k] = n.b[k ^ flip];
    cpu->v[i->rd] = d;
    return NEXT;
}

EXEC(REV64_v)
{
    return rev(cpu, i, 8);
}

EXEC(REV32_v)
{
    return rev(cpu, i, 4);
}

EXEC(REV16_v)
{
    return rev(cpu, i, 2);
}

/* Adjacent lanes added into lanes of twice the size; d is what they go on. */
#define PAIRWISE_LONG(name, b_, h_, s_, wide)                                  \
    static inline void name(union vreg *d, const union vreg *n, unsigned size) \
    {                                                                          \
        switch (size) {                                                        \
        case 0:                                                                \
            for (unsigned k = 0; k < 8; k++)                                   \
                d->h[k] += (uint16_t)(n->b_[2 * k] + n->b_[2 * k + 1]);        \
            break;                                                             \
        case 1:                                                                \
            for (unsigned k = 0; k < 4; k++)                                   \
                d->s[k] += (uint32_t)(n->h_[2 * k] + n->h_[2 * k + 1]);        \
            break;                                                             \
        default:                                                               \
            for (unsigned k = 0; k < 2; k++)                                   \
                d->d[k] += (uint64_t)((wide)n->s_[2 * k] + n->s_[2 * k + 1]);  \
            break;                                                             \
        }                                                                      \
    }

PAIRWISE_LONG(add_pairs_s, sb, sh, ss, int64_t)
PAIRWISE_LONG(add_pairs_u, b, h, s, uint64_t)

#define LONG_PAIRS(NAME, add_pairs, accumulate)       \
    EXEC(NAME##_v)                                    \
    {                                                 \
        unsigned q = SIMD_Q(i);                       \
        const union vreg n = lanes_of(cpu, i->rn, q); \
        union vreg d = {{0}};                         \
        if (accumulate)                               \
            d = lanes_of(cpu, i->rd, q);              \
        add_pairs(&d, &n, SIMD_SIZE(i));              \
        cpu->v[i->rd] = d;                            \
        return NEXT;                                  \
    }

LONG_PAIRS(SADDLP, add_pairs_s, false)
LONG_PAIRS(UADDLP, add_pairs_u, false)
LONG_PAIRS(SADALP, add_pairs_s, true)
LONG_PAIRS(UADALP, add_pairs_u, true)

/* Across lanes. The sums are kept in 64 bits; the caller cuts them. */
#define ACROSS(name, b_, h_, s_, type, start, step)                 \
    static inline uint64_t name(const union vreg *n, unsigned size, \
                                unsigned bytes)                     \
    {                                                               \
        type acc = start;                                           \
        switch (size) {                                             \
        case 0:                                                     \
            for (unsigned k = 0; k < bytes; k++) {                  \
                const type e = n->b_[k];                            \
                acc = step;                                         \
            }                                                       \
            break;                                                  \
        case 1:                                                     \
            for (unsigned k = 0; k < bytes / 2; k++) {              \
                const type e = n->h_[k];                            \
                acc = step;                                         \
            }                                                       \
            break;                                                  \
        default:                                                    \
            for (unsigned k = 0; k < bytes / 4; k++) {              \
                const type e = n->s_[k];                            \
                acc = step;                                         \
            }                                                       \
            break;                                                  \
        }                                                           \
        return (uint64_t)acc;                                       \
    }

ACROSS(sum_s, sb, sh, ss, int64_t, 0, acc + e)
ACROSS(sum_u, b, h, s, uint64_t, 0, acc + e)
ACROSS(max_s, sb, sh, ss, int64_t, INT64_MIN, e > acc ? e : acc)
ACROSS(max_u, b, h, s, uint64_t, 0, e > acc ? e : acc)
ACROSS(min_s, sb, sh, ss, int64_t, INT64_MAX, e < acc ? e : acc)
ACROSS(min_u, b, h, s, uint64_t, UINT64_MAX, e < acc ? e : acc)

#define ACROSS_LANES(NAME, reduce, result_size)                             \
    EXEC(NAME)                                                              \
    {                                                                       \
        uint64_t r = reduce(&cpu->v[i->rn], SIMD_SIZE(i), 8u << SIMD_Q(i)); \
        cpu->v[i->rd] = lane0((union vreg){.d = {r, 0}}, result_size);      \
        return NEXT;                                                        \
    }

ACROSS_LANES(SADDLV, sum_s, SIMD_SIZE(i) + 1)
ACROSS_LANES(UADDLV, sum_u, SIMD_SIZE(i) + 1)
ACROSS_LANES(ADDV, sum_u, SIMD_SIZE(i))
ACROSS_LANES(SMAXV, max_s, SIMD_SIZE(i))
ACROSS_LANES(UMAXV, max_u, SIMD_SIZE(i))
ACROSS_LANES(SMINV, min_s, SIMD_SIZE(i))
ACROSS_LANES(UMINV, min_u, SIMD_SIZE(i))
