// SPDX-License-Identifier: Apache-2.0
/* Advanced SIMD floating point of one operand: rounding, conversion, estimates,
   comparison with zero, immediates. */

#include "accel/soft/ops_simd_fp.h"

/* Lane by lane: `a` of Vn. */
#define LANES(arr, bits, t, n, name, expr)   \
    EXEC(name##_##arr)                       \
    {                                        \
        union vreg r = {.d = {0, 0}};        \
        struct fp_env *env = &cpu->fp;       \
                                             \
        (void)env;                           \
        for (unsigned e = 0; e < (n); e++) { \
            fp##bits a = cpu->v[i->rn].t[e]; \
                                             \
            r.t[e] = (fp##bits)(expr);       \
        }                                    \
        cpu->v[i->rd] = r;                   \
        return NEXT;                         \
    }

#define ONE(arr, bits, t, n, name, fn) \
    LANES(arr, bits, t, n, name, FP(bits, fn)(a, env))
#define ABS(arr, bits, t, n, _) LANES(arr, bits, t, n, FABS, FP_ABS(bits, a))
#define NEG(arr, bits, t, n, _) LANES(arr, bits, t, n, FNEG, FP_NEG(bits, a))
#define RINT(arr, bits, t, n, letter, mode, exact) \
    LANES(arr, bits, t, n, FRINT##letter,          \
          FP(bits, round_int)(a, mode, exact, env))

VECTORS(ABS, )
VECTORS(NEG, )
VECTORS(ONE, FSQRT, sqrt)
ALL(ONE, FRECPE, recpe)
ALL(ONE, FRSQRTE, rsqrte)
SCALARS(ONE, FRECPX, recpx)
VECTORS(RINT, N, FP_RN, false)
VECTORS(RINT, P, FP_RP, false)
VECTORS(RINT, M, FP_RM, false)
VECTORS(RINT, Z, FP_RZ, false)
VECTORS(RINT, A, FP_RA, false)
VECTORS(RINT, X, fp_rmode(env), true)
VECTORS(RINT, I, fp_rmode(env), false)

#define ESTIMATE(arr, n, name, fn) LANES(arr, 32, s, n, name, fn(a))
ESTIMATE(2s, 2, URECPE, fp_urecpe)
ESTIMATE(4s, 4, URECPE, fp_urecpe)
ESTIMATE(2s, 2, URSQRTE, fp_ursqrte)
ESTIMATE(4s, 4, URSQRTE, fp_ursqrte)

#define COMPARE(arr, bits, t, n, name, fn) \
    LANES(arr, bits, t, n, name##_zero, FP_MASK(bits, FP(bits, fn)(a, 0, env)))
#define COMPARE_LESS(arr, bits, t, n, name, fn) \
    LANES(arr, bits, t, n, name##_zero, FP_MASK(bits, FP(bits, fn)(0, a, env)))

ALL(COMPARE, FCMEQ, eq)
ALL(COMPARE, FCMGE, ge)
ALL(COMPARE, FCMGT, gt)
ALL(COMPARE_LESS, FCMLE, ge)
ALL(COMPARE_LESS, FCMLT, gt)

/* Integers as wide as the lane. */
#define TO_INT1(arr, bits, t, n, name, fbits, is_unsigned, mode) \
    LANES(arr, bits, t, n, name,                                 \
          FP(bits, to_fixed)(a, bits, fbits, is_unsigned, mode, env))
#define TO_INT(arr, bits, t, n, letter, mode)                 \
    TO_INT1(arr, bits, t, n, FCVT##letter##S, 0, false, mode) \
    TO_INT1(arr, bits, t, n, FCVT##letter##U, 0, true, mode)
#define TO_FIXED(arr, bits, t, n, _)                                     \
    TO_INT1(arr, bits, t, n, FCVTZS_fix, (unsigned)i->imm, false, FP_RZ) \
    TO_INT1(arr, bits, t, n, FCVTZU_fix, (unsigned)i->imm, true, FP_RZ)

ALL(TO_INT, N, FP_RN)
ALL(TO_INT, P, FP_RP)
ALL(TO_INT, M, FP_RM)
ALL(TO_INT, Z, FP_RZ)
ALL(TO_INT, A, FP_RA)
ALL(TO_FIXED, )

#define FROM_INT1(arr, bits, t, n, name, fbits, is_unsigned, type)    \
    LANES(arr, bits, t, n, name,                                      \
          FP(bits, from_fixed)((uint64_t)(type)a, fbits, is_unsigned, \
                               fp_rmode(env), env))
#define FROM_INT(arr, bits, t, n, suffix, fbits)                           \
    FROM_INT1(arr, bits, t, n, SCVTF##suffix, fbits, false, int##bits##_t) \
    FROM_INT1(arr, bits, t, n, UCVTF##suffix, fbits, true, uint##bits##_t)

ALL(FROM_INT, , 0)
ALL(FROM_INT, _fix, (unsigned)i->imm)

/* immh:immb is between the element's size and twice that, which less it is the
   number of fraction bits. */
uint64_t imm_fbits(uint32_t word, uint32_t offset)
{
    uint64_t imm = BITS(word, 22, 16);

    return (imm >= 64 ? 128u : imm >= 32 ? 64u : 32u) - imm;
}

/* To half the width, into one half of Vd. The lower clears the upper. */
#define NARROW(name, from, to, n, base, fn)                         \
    EXEC(name)                                                      \
    {                                                               \
        union vreg r = {.d = {(base) ? cpu->v[i->rd].d[0] : 0, 0}}; \
                                                                    \
        for (unsigned e = 0; e < (n); e++)                          \
            r.to[(base) + e] = fn(cpu->v[i->rn].from[e], &cpu->fp); \
        cpu->v[i->rd] = r;                                          \
        return NEXT;                                                \
    }

NARROW(FCVTN_4h, s, h, 4, 0, fp32_to_fp16)
NARROW(FCVTN2_8h, s, h, 4, 4, fp32_to_fp16)
NARROW(FCVTN_2s, d, s, 2, 0, fp64_to_fp32)
NARROW(FCVTN2_4s, d, s, 2, 2, fp64_to_fp32)
NARROW(FCVTXN_1s, d, s, 1, 0, fp64_to_fp32_odd)
NARROW(FCVTXN_2s, d, s, 2, 0, fp64_to_fp32_odd)
NARROW(FCVTXN2_4s, d, s, 2, 2, fp64_to_fp32_odd)

/* To twice the width, from one half of Vn. */
#define WIDEN(name, from, to, n, base, fn)                          \
    EXEC(name)                                                      \
    {                                                               \
        union vreg r;                                               \
                                                                    \
        for (unsigned e = 0; e < (n); e++)                          \
            r.to[e] = fn(cpu->v[i->rn].from[(base) + e], &cpu->fp); \
        cpu->v[i->rd] = r;                                          \
        return NEXT;                                                \
    }

WIDEN(FCVTL_4s, h, s, 4, 0, fp16_to_fp32)
WIDEN(FCVTL2_4s, h, s, 4, 4, fp16_to_fp32)
WIDEN(FCVTL_2d, s, d, 2, 0, fp32_to_fp64)
WIDEN(FCVTL2_2d, s, d, 2, 2, fp32_to_fp64)

/* The scalar immediate's value in every lane. */
static uint32_t scalar_imm(uint32_t word)
{
    return (uint32_t)(BITS(word, 18, 16) << 5 | BITS(word, 9, 5)) << 13;
}

uint64_t imm_fp8v_h(uint32_t word, uint32_t offset)
{
    return imm_fp8_h(scalar_imm(word), offset) * 0x0001000100010001;
}

uint64_t imm_fp8v_s(uint32_t word, uint32_t offset)
{
    return imm_fp8_s(scalar_imm(word), offset) * 0x0000000100000001;
}

uint64_t imm_fp8v_d(uint32_t word, uint32_t offset)
{
    return imm_fp8_d(scalar_imm(word), offset);
}

#define IMMEDIATE(arr, upper)        \
    EXEC(FMOV_imm_##arr)             \
    {                                \
        cpu->v[i->rd].d[0] = i->imm; \
        cpu->v[i->rd].d[1] = upper;  \
        return NEXT;                 \
    }

IMMEDIATE(4h, 0)
IMMEDIATE(8h, i->imm)
IMMEDIATE(2s, 0)
IMMEDIATE(4s, i->imm)
IMMEDIATE(2d, i->imm)
