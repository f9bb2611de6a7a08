// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Advanced SIMD integer arithmetic, one kernel an operation: a loop over the
 * lanes of whole registers, for each element size. The executors in
 * ops_simd_*.c are the same kernels between different ways of fetching the
 * operands (vector, scalar, widened, one element repeated) and of storing the
 * result. A kernel returns FPSR_QC or 0.
 */

#include <string.h>

#include "accel/soft/cpu.h"
#include "isa_gen.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* d: the old destination, then the result. size: log2 of the element's bytes.
   sh: the shift by immediate, for those that have one. */
typedef uint32_t kernel(union vreg *d, const union vreg *n, const union vreg *m,
                        unsigned size, unsigned sh);

/* Instruction fields common to all of Advanced SIMD. */
#define SIMD_Q(i)    FIELD(i, 30, 30)
#define SIMD_SIZE(i) FIELD(i, 23, 22)

/* One loop: a, b and c are elements of n, m and the old d. ESIZE is the
   element's size in bits; wide_t is signed and holds any product. */
#define LANES(f, elem, uelem, selem, wide, bits, ...)           \
    {                                                           \
        typedef elem elem_t __attribute__((unused));            \
        typedef uelem uelem_t __attribute__((unused));          \
        typedef selem selem_t __attribute__((unused));          \
        typedef wide wide_t __attribute__((unused));            \
        enum { ESIZE = bits };                                  \
        for (unsigned k = 0; k < 128 / ESIZE; k++) {            \
            const elem_t a = n->f[k], b = m->f[k], c = d->f[k]; \
            (void)a, (void)b, (void)c, (void)sh;                \
            __VA_ARGS__                                         \
        }                                                       \
        break;                                                  \
    }

#define LANES_U(f, bits, wide, ...)                                     \
    LANES(f, uint##bits##_t, uint##bits##_t, int##bits##_t, wide, bits, \
          __VA_ARGS__)
#define LANES_S(f, bits, wide, ...)                                    \
    LANES(f, int##bits##_t, uint##bits##_t, int##bits##_t, wide, bits, \
          __VA_ARGS__)

#define KERNEL_HEAD(name)                                               \
    ALWAYS_INLINE uint32_t k_##name(union vreg *d, const union vreg *n, \
                                    const union vreg *m, unsigned size, \
                                    unsigned sh)

/* Lanes taken as unsigned and as signed. */
#define KERNEL_U(name, ...)                                            \
    KERNEL_HEAD(name)                                                  \
    {                                                                  \
        uint32_t qc = 0;                                               \
        switch (size) {                                                \
        case 0:                                                        \
            LANES_U(b, 8, int32_t, d->b[k] = (elem_t)(__VA_ARGS__);)   \
        case 1:                                                        \
            LANES_U(h, 16, int64_t, d->h[k] = (elem_t)(__VA_ARGS__);)  \
        case 2:                                                        \
            LANES_U(s, 32, int64_t, d->s[k] = (elem_t)(__VA_ARGS__);)  \
        default:                                                       \
            LANES_U(d, 64, __int128, d->d[k] = (elem_t)(__VA_ARGS__);) \
        }                                                              \
        return qc;                                                     \
    }

#define KERNEL_S(name, ...)                                              \
    KERNEL_HEAD(name)                                                    \
    {                                                                    \
        uint32_t qc = 0;                                                 \
        switch (size) {                                                  \
        case 0:                                                          \
            LANES_S(sb, 8, int32_t, d->sb[k] = (elem_t)(__VA_ARGS__);)   \
        case 1:                                                          \
            LANES_S(sh, 16, int64_t, d->sh[k] = (elem_t)(__VA_ARGS__);)  \
        case 2:                                                          \
            LANES_S(ss, 32, int64_t, d->ss[k] = (elem_t)(__VA_ARGS__);)  \
        default:                                                         \
            LANES_S(sd, 64, __int128, d->sd[k] = (elem_t)(__VA_ARGS__);) \
        }                                                                \
        return qc;                                                       \
    }

/* SignedSatQ and UnsignedSatQ of an expression that fits wide_t. */
#define SMAX_OF(bits) ((wide_t)(UINT64_MAX >> (65 - (bits))))
#define UMAX_OF(bits) ((wide_t)(UINT64_MAX >> (64 - (bits))))
#define SAT_STORE(lane, lo, hi, ...)                                  \
    const wide_t r = (__VA_ARGS__);                                   \
    const elem_t s = (elem_t)(r < (lo) ? (lo) : r > (hi) ? (hi) : r); \
    bad |= s != r;                                                    \
    lane = s;
#define SAT_S(lane, ...) \
    SAT_STORE(lane, -SMAX_OF(ESIZE) - 1, SMAX_OF(ESIZE), __VA_ARGS__)
#define SAT_U(lane, ...) SAT_STORE(lane, 0, UMAX_OF(ESIZE), __VA_ARGS__)

#define KERNEL_SAT_S(name, ...)                                     \
    KERNEL_HEAD(name)                                               \
    {                                                               \
        uint32_t bad = 0;                                           \
        switch (size) {                                             \
        case 0:                                                     \
            LANES_S(sb, 8, int32_t, SAT_S(d->sb[k], __VA_ARGS__))   \
        case 1:                                                     \
            LANES_S(sh, 16, int64_t, SAT_S(d->sh[k], __VA_ARGS__))  \
        case 2:                                                     \
            LANES_S(ss, 32, int64_t, SAT_S(d->ss[k], __VA_ARGS__))  \
        default:                                                    \
            LANES_S(sd, 64, __int128, SAT_S(d->sd[k], __VA_ARGS__)) \
        }                                                           \
        return bad ? FPSR_QC : 0;                                   \
    }

#define KERNEL_SAT_U(name, ...)                                   \
    KERNEL_HEAD(name)                                             \
    {                                                             \
        uint32_t bad = 0;                                         \
        switch (size) {                                           \
        case 0:                                                   \
            LANES_U(b, 8, int32_t, SAT_U(d->b[k], __VA_ARGS__))   \
        case 1:                                                   \
            LANES_U(h, 16, int64_t, SAT_U(d->h[k], __VA_ARGS__))  \
        case 2:                                                   \
            LANES_U(s, 32, int64_t, SAT_U(d->s[k], __VA_ARGS__))  \
        default:                                                  \
            LANES_U(d, 64, __int128, SAT_U(d->d[k], __VA_ARGS__)) \
        }                                                         \
        return bad ? FPSR_QC : 0;                                 \
    }

/* 1u: uint16_t * uint16_t would be a signed int that overflows. */
KERNEL_U(add, a + b)
KERNEL_U(sub, a - b)
KERNEL_U(mul, 1u * a * b)
KERNEL_U(mla, c + 1u * a * b)
KERNEL_U(mls, c - 1u * a * b)

KERNEL_SAT_S(sqadd, (wide_t)a + b)
KERNEL_SAT_U(uqadd, (wide_t)a + b)
KERNEL_SAT_S(sqsub, (wide_t)a - b)
KERNEL_SAT_U(uqsub, (wide_t)a - b)

KERNEL_S(sabd, a > b ? (uelem_t)a - (uelem_t)b : (uelem_t)b - (uelem_t)a)
KERNEL_U(uabd, a > b ? a - b : b - a)
KERNEL_S(saba, (uelem_t)c +
                   (a > b ? (uelem_t)a - (uelem_t)b : (uelem_t)b - (uelem_t)a))
KERNEL_U(uaba, c + (a > b ? a - b : b - a))

/* The Arm ARM doubles the product and drops ESIZE bits; one bit less of both
   keeps 32-bit lanes inside 64 bits. */
KERNEL_SAT_S(sqdmulh, (wide_t)a *b >> (ESIZE - 1))
KERNEL_SAT_S(sqrdmulh,
             ((wide_t)a * b + ((wide_t)1 << (ESIZE - 2))) >> (ESIZE - 1))
KERNEL_SAT_S(sqrdmlah, (((wide_t)c * ((wide_t)1 << (ESIZE - 1))) +
                        (wide_t)a * b + ((wide_t)1 << (ESIZE - 2))) >>
                           (ESIZE - 1))
KERNEL_SAT_S(sqrdmlsh, (((wide_t)c * ((wide_t)1 << (ESIZE - 1))) -
                        (wide_t)a * b + ((wide_t)1 << (ESIZE - 2))) >>
                           (ESIZE - 1))

/* On widened lanes: the operands are half as wide as the product. */
KERNEL_SAT_S(sqdmull, (wide_t)a *b * 2)
ALWAYS_INLINE uint32_t k_sqdmlal(union vreg *d, const union vreg *n,
                                 const union vreg *m, unsigned size,
                                 unsigned sh)
{
    union vreg p = {{0}}, acc = *d;
    uint32_t qc = k_sqdmull(&p, n, m, size, sh);

    return qc | k_sqadd(d, &acc, &p, size, sh);
}

ALWAYS_INLINE uint32_t k_sqdmlsl(union vreg *d, const union vreg *n,
                                 const union vreg *m, unsigned size,
                                 unsigned sh)
{
    union vreg p = {{0}}, acc = *d;
    uint32_t qc = k_sqdmull(&p, n, m, size, sh);

    return qc | k_sqsub(d, &acc, &p, size, sh);
}

/* SDOT and UDOT: four products of bytes into each 32-bit lane. */
ALWAYS_INLINE uint32_t k_sdot(union vreg *d, const union vreg *n,
                              const union vreg *m, unsigned size, unsigned sh)
{
    for (unsigned k = 0; k < 16; k++)
        d->s[k / 4] += (uint32_t)(n->sb[k] * m->sb[k]);
    return 0;
}

ALWAYS_INLINE uint32_t k_udot(union vreg *d, const union vreg *n,
                              const union vreg *m, unsigned size, unsigned sh)
{
    for (unsigned k = 0; k < 16; k++)
        d->s[k / 4] += (uint32_t)(n->b[k] * m->b[k]);
    return 0;
}

/* A 64-bit half, its elements of `size` widened to twice that. */
ALWAYS_INLINE union vreg widen_u(uint64_t half, unsigned size)
{
    union vreg in = {.d = {half, 0}}, out = {{0}};

    switch (size) {
    case 0:
        for (unsigned k = 0; k < 8; k++)
            out.h[k] = in.b[k];
        break;
    case 1:
        for (unsigned k = 0; k < 4; k++)
            out.s[k] = in.h[k];
        break;
    default:
        for (unsigned k = 0; k < 2; k++)
            out.d[k] = in.s[k];
        break;
    }
    return out;
}

ALWAYS_INLINE union vreg widen_s(uint64_t half, unsigned size)
{
    union vreg in = {.d = {half, 0}}, out = {{0}};

    switch (size) {
    case 0:
        for (unsigned k = 0; k < 8; k++)
            out.sh[k] = in.sb[k];
        break;
    case 1:
        for (unsigned k = 0; k < 4; k++)
            out.ss[k] = in.sh[k];
        break;
    default:
        for (unsigned k = 0; k < 2; k++)
            out.sd[k] = in.ss[k];
        break;
    }
    return out;
}

/* The register with all but its lowest element, or half, cleared. */
ALWAYS_INLINE union vreg lane0(union vreg v, unsigned size)
{
    v.d[0] &= UINT64_MAX >> (64 - (8u << size));
    v.d[1] = 0;
    return v;
}

ALWAYS_INLINE union vreg lanes_of(const struct cpu *cpu, unsigned reg,
                                  unsigned q)
{
    union vreg v = cpu->v[reg];

    if (!q)
        v.d[1] = 0;
    return v;
}

/* Vector form: lanes of Q ? 16 : 8 bytes, the rest is written as zero. The
   unused lanes go in as zeroes, so that they never saturate. */
ALWAYS_INLINE const struct insn *vec_op(struct cpu *cpu, const struct insn *i,
                                        kernel *k, union vreg n, union vreg m,
                                        unsigned size, unsigned sh)
{
    unsigned q = SIMD_Q(i);
    union vreg d = lanes_of(cpu, i->rd, q);

    cpu->fp.fpsr |= k(&d, &n, &m, size, sh);
    if (!q)
        d.d[1] = 0;
    cpu->v[i->rd] = d;
    return NEXT;
}

/* Results of twice the operands' size always fill the register. */
ALWAYS_INLINE const struct insn *long_op(struct cpu *cpu, const struct insn *i,
                                         kernel *k, union vreg n, union vreg m,
                                         unsigned size)
{
    union vreg d = cpu->v[i->rd];

    cpu->fp.fpsr |= k(&d, &n, &m, size + 1, 0);
    cpu->v[i->rd] = d;
    return NEXT;
}

/* Scalar form: the lowest lane of `size`. */
ALWAYS_INLINE const struct insn *sca_op(struct cpu *cpu, const struct insn *i,
                                        kernel *k, union vreg n, union vreg m,
                                        unsigned size, unsigned sh)
{
    union vreg d = lane0(cpu->v[i->rd], size);

    n = lane0(n, size);
    m = lane0(m, size);
    cpu->fp.fpsr |= k(&d, &n, &m, size, sh);
    cpu->v[i->rd] = lane0(d, size);
    return NEXT;
}
