// SPDX-License-Identifier: Apache-2.0
/*
 * Advanced SIMD shifts by immediate, vector and scalar, and the narrowing and
 * widening moves of the miscellaneous group, which are shifts by 0 (Arm ARM
 * C4.1, "Advanced SIMD shift by immediate", "two-register miscellaneous").
 */

#include "accel/soft/lanes.h"

/* imm: log2 of the element's bytes (by the highest bit of immh) in bits 15:8,
   the shift in 7:0. */
static uint64_t shift_size(uint32_t word)
{
    return 31 - (unsigned)__builtin_clz((unsigned)BITS(word, 22, 19) | 1);
}

uint64_t imm_shr(uint32_t word, uint32_t offset)
{
    uint64_t size = shift_size(word);

    return size << 8 | ((16u << size) - BITS(word, 22, 16));
}

uint64_t imm_shl(uint32_t word, uint32_t offset)
{
    uint64_t size = shift_size(word);

    return size << 8 | (BITS(word, 22, 16) - (8u << size));
}

#define IMM_SIZE(i)  ((unsigned)((i)->imm >> 8))
#define IMM_SHIFT(i) ((unsigned)((i)->imm & 0xff))

/* sh is 1 to ESIZE to the right, 0 to ESIZE - 1 to the left. */
static inline int64_t shr_s(int64_t a, unsigned sh)
{
    return a >> (sh > 63 ? 63 : sh);
}

static inline uint64_t shr_u(uint64_t a, unsigned sh)
{
    return sh > 63 ? 0 : a >> sh;
}

static inline uint64_t mask_shr(unsigned bits, unsigned sh)
{
    return shr_u(UINT64_MAX >> (64 - bits), sh);
}

KERNEL_S(sshr, shr_s(a, sh))
KERNEL_U(ushr, shr_u(a, sh))
KERNEL_S(ssra, (uint64_t)c + (uint64_t)shr_s(a, sh))
KERNEL_U(usra, c + shr_u(a, sh))
KERNEL_S(srshr, shr_s(a, sh) + (a >> (sh - 1) & 1))
KERNEL_U(urshr, shr_u(a, sh) + (a >> (sh - 1) & 1))
KERNEL_S(srsra, (uint64_t)c + (uint64_t)(shr_s(a, sh) + (a >> (sh - 1) & 1)))
KERNEL_U(ursra, c + shr_u(a, sh) + (a >> (sh - 1) & 1))
KERNEL_U(sri, (c & ~mask_shr(ESIZE, sh)) | shr_u(a, sh))
KERNEL_U(shl, (uint64_t)a << sh)
KERNEL_U(sli, (c & ((1ull << sh) - 1)) | (uint64_t)a << sh)

static inline int64_t shl_sat_s(int64_t a, unsigned sh, unsigned bits,
                                uint32_t *qc)
{
    int64_t r = sext64((uint64_t)a << sh, bits);
    int64_t max = (int64_t)(UINT64_MAX >> (65 - bits));

    if (r >> sh == a)
        return r;
    *qc = FPSR_QC;
    return a < 0 ? -max - 1 : max;
}

static inline uint64_t shl_sat_u(uint64_t a, unsigned sh, unsigned bits,
                                 uint32_t *qc)
{
    uint64_t max = UINT64_MAX >> (64 - bits);

    if (a <= max >> sh)
        return a << sh;
    *qc = FPSR_QC;
    return max;
}

static inline uint64_t shl_sat_su(int64_t a, unsigned sh, unsigned bits,
                                  uint32_t *qc)
{
    if (a >= 0)
        return shl_sat_u((uint64_t)a, sh, bits, qc);
    *qc = FPSR_QC;
    return 0;
}

KERNEL_S(sqshl_imm, shl_sat_s(a, sh, ESIZE, &qc))
KERNEL_U(uqshl_imm, shl_sat_u(a, sh, ESIZE, &qc))
KERNEL_S(sqshlu, shl_sat_su(a, sh, ESIZE, &qc))

#define SHIFT_V(NAME, k)                                               \
    EXEC(NAME##_v)                                                     \
    {                                                                  \
        union vreg n = lanes_of(cpu, i->rn, SIMD_Q(i));                \
        return vec_op(cpu, i, k_##k, n, n, IMM_SIZE(i), IMM_SHIFT(i)); \
    }
#define SHIFT_S(NAME, k, size)                                  \
    EXEC(NAME##_s)                                              \
    {                                                           \
        union vreg n = cpu->v[i->rn];                           \
        return sca_op(cpu, i, k_##k, n, n, size, IMM_SHIFT(i)); \
    }
#define SHIFT_VS(NAME, k) SHIFT_V(NAME, k) SHIFT_S(NAME, k, 3)

SHIFT_VS(SSHR, sshr)
SHIFT_VS(USHR, ushr)
SHIFT_VS(SSRA, ssra)
SHIFT_VS(USRA, usra)
SHIFT_VS(SRSHR, srshr)
SHIFT_VS(URSHR, urshr)
SHIFT_VS(SRSRA, srsra)
SHIFT_VS(URSRA, ursra)
SHIFT_VS(SRI, sri)
SHIFT_VS(SHL, shl)
SHIFT_VS(SLI, sli)
SHIFT_V(SQSHL_imm, sqshl_imm)
SHIFT_V(UQSHL_imm, uqshl_imm)
SHIFT_V(SQSHLU, sqshlu)
SHIFT_S(SQSHL_imm, sqshl_imm, IMM_SIZE(i))
SHIFT_S(UQSHL_imm, uqshl_imm, IMM_SIZE(i))
SHIFT_S(SQSHLU, sqshlu, IMM_SIZE(i))

EXEC(SSHLL_v)
{
    union vreg n = widen_s(cpu->v[i->rn].d[SIMD_Q(i)], IMM_SIZE(i));
    union vreg d = {{0}};

    k_shl(&d, &n, &n, IMM_SIZE(i) + 1, IMM_SHIFT(i));
    cpu->v[i->rd] = d;
    return NEXT;
}

EXEC(USHLL_v)
{
    union vreg n = widen_u(cpu->v[i->rn].d[SIMD_Q(i)], IMM_SIZE(i));
    union vreg d = {{0}};

    k_shl(&d, &n, &n, IMM_SIZE(i) + 1, IMM_SHIFT(i));
    cpu->v[i->rd] = d;
    return NEXT;
}

/* SHLL: by the element's own size. */
EXEC(SHLL_v)
{
    union vreg n = widen_u(cpu->v[i->rn].d[SIMD_Q(i)], SIMD_SIZE(i));
    union vreg d = {{0}};

    k_shl(&d, &n, &n, SIMD_SIZE(i) + 1, 8u << SIMD_SIZE(i));
    cpu->v[i->rd] = d;
    return NEXT;
}

/* Narrowing: elements of twice `bits` become elements of `bits`. */
static inline int64_t half_up(int64_t a, unsigned sh)
{
    return (a >> sh) + (a >> (sh - 1) & 1);
}

static inline uint64_t half_up_u(uint64_t a, unsigned sh)
{
    return (a >> sh) + (a >> (sh - 1) & 1);
}

static inline uint64_t sat_s(int64_t a, unsigned bits, uint32_t *qc)
{
    int64_t max = (int64_t)(UINT64_MAX >> (65 - bits));
    int64_t r = a > max ? max : a < -max - 1 ? -max - 1 : a;

    if (r != a)
        *qc = FPSR_QC;
    return (uint64_t)r;
}

static inline uint64_t sat_u(uint64_t a, unsigned bits, uint32_t *qc)
{
    uint64_t max = UINT64_MAX >> (64 - bits);

    if (a <= max)
        return a;
    *qc = FPSR_QC;
    return max;
}

static inline uint64_t sat_su(int64_t a, unsigned bits, uint32_t *qc)
{
    if (a >= 0)
        return sat_u((uint64_t)a, bits, qc);
    *qc = FPSR_QC;
    return 0;
}

/* `e`: an expression of the element a, the shift sh, bits and &qc. */
#define NARROW_LANES(to, from, n_lanes, n_bits, e) \
    for (unsigned k = 0; k < (n_lanes); k++) {     \
        enum { bits = n_bits };                    \
        const int64_t a = n->s##from[k];           \
        const uint64_t u = n->from[k];             \
        (void)a, (void)u;                          \
        out.to[k] = (uint##n_bits##_t)(e);         \
    }                                              \
    break;
#define NARROW(name, e)                                                 \
    ALWAYS_INLINE uint64_t n_##name(const union vreg *n, unsigned size, \
                                    unsigned sh, uint32_t *qc)          \
    {                                                                   \
        union vreg out = {{0}};                                         \
        switch (size) {                                                 \
        case 0:                                                         \
            NARROW_LANES(b, h, 8, 8, e)                                 \
        case 1:                                                         \
            NARROW_LANES(h, s, 4, 16, e)                                \
        default:                                                        \
            NARROW_LANES(s, d, 2, 32, e)                                \
        }                                                               \
        return out.d[0];                                                \
    }

NARROW(shrn, u >> sh)
NARROW(rshrn, half_up_u(u, sh))
NARROW(sqshrn, sat_s(a >> sh, bits, qc))
NARROW(sqrshrn, sat_s(half_up(a, sh), bits, qc))
NARROW(uqshrn, sat_u(u >> sh, bits, qc))
NARROW(uqrshrn, sat_u(half_up_u(u, sh), bits, qc))
NARROW(sqshrun, sat_su(a >> sh, bits, qc))
NARROW(sqrshrun, sat_su(half_up(a, sh), bits, qc))

/* The lower half with the upper cleared, or the upper half alone ("2"). */
#define NARROW_V(NAME, n, size, shift)                        \
    EXEC(NAME##_v)                                            \
    {                                                         \
        unsigned q = SIMD_Q(i);                               \
        uint32_t qc = 0;                                      \
        uint64_t r = n_##n(&cpu->v[i->rn], size, shift, &qc); \
        cpu->v[i->rd].d[q] = r;                               \
        if (!q)                                               \
            cpu->v[i->rd].d[1] = 0;                           \
        cpu->fp.fpsr |= qc;                                   \
        return NEXT;                                          \
    }
#define NARROW_S(NAME, n, size, shift)                          \
    EXEC(NAME##_s)                                              \
    {                                                           \
        uint32_t qc = 0;                                        \
        union vreg v = lane0(cpu->v[i->rn], (size) + 1);        \
        uint64_t r = n_##n(&v, size, shift, &qc);               \
        cpu->v[i->rd] = lane0((union vreg){.d = {r, 0}}, size); \
        cpu->fp.fpsr |= qc;                                     \
        return NEXT;                                            \
    }
#define NARROW_VS(NAME, n)                       \
    NARROW_V(NAME, n, IMM_SIZE(i), IMM_SHIFT(i)) \
    NARROW_S(NAME, n, IMM_SIZE(i), IMM_SHIFT(i))

NARROW_V(SHRN, shrn, IMM_SIZE(i), IMM_SHIFT(i))
NARROW_V(RSHRN, rshrn, IMM_SIZE(i), IMM_SHIFT(i))
NARROW_VS(SQSHRN, sqshrn)
NARROW_VS(SQRSHRN, sqrshrn)
NARROW_VS(UQSHRN, uqshrn)
NARROW_VS(UQRSHRN, uqrshrn)
NARROW_VS(SQSHRUN, sqshrun)
NARROW_VS(SQRSHRUN, sqrshrun)

NARROW_V(XTN, shrn, SIMD_SIZE(i), 0)
NARROW_V(SQXTN, sqshrn, SIMD_SIZE(i), 0)
NARROW_V(UQXTN, uqshrn, SIMD_SIZE(i), 0)
NARROW_V(SQXTUN, sqshrun, SIMD_SIZE(i), 0)
NARROW_S(SQXTN, sqshrn, SIMD_SIZE(i), 0)
NARROW_S(UQXTN, uqshrn, SIMD_SIZE(i), 0)
NARROW_S(SQXTUN, sqshrun, SIMD_SIZE(i), 0)
