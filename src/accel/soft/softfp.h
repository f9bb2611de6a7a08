// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Floating point to the letter of the Arm ARM (shared pseudocode, "FP"
 * functions): every rounding mode, flush-to-zero, default NaN, NaN
 * propagation order, and the cumulative flags. Numbers are bit patterns.
 * Pure functions of their operands and of *env; no host FP is used.
 */

#include <stdbool.h>
#include <stdint.h>

enum fpcr_bits {
    FPCR_FZ16 = 1 << 19,
    FPCR_RMODE_SHIFT = 22, /* 0 RN, 1 RP, 2 RM, 3 RZ */
    FPCR_FZ = 1 << 24,
    FPCR_DN = 1 << 25,
    FPCR_AHP = 1 << 26,
    /* What MSR FPCR keeps; trap enables are RAZ/WI. */
    FPCR_MASK = FPCR_FZ16 | 3 << 22 | FPCR_FZ | FPCR_DN | FPCR_AHP
};

enum fpsr_bits {
    FPSR_IOC = 1 << 0,
    FPSR_DZC = 1 << 1,
    FPSR_OFC = 1 << 2,
    FPSR_UFC = 1 << 3,
    FPSR_IXC = 1 << 4,
    FPSR_IDC = 1 << 7,
    FPSR_QC = 1 << 27,
    FPSR_MASK = 0x0800009f
};

struct fp_env {
    uint32_t fpcr;
    uint32_t fpsr;
};

enum fp_round { FP_RN, FP_RP, FP_RM, FP_RZ, FP_RA /* ties away */, FP_RODD };

static inline enum fp_round fp_rmode(const struct fp_env *env)
{
    return (enum fp_round)(env->fpcr >> FPCR_RMODE_SHIFT & 3);
}

/* One set of functions a format; `uint16_t fp16_add(a, b, env)` and so on. */
#define SOFTFP_DECLARE(bits)                                                  \
    typedef uint##bits##_t fp##bits;                                          \
    fp##bits fp##bits##_add(fp##bits a, fp##bits b, struct fp_env *env);      \
    fp##bits fp##bits##_sub(fp##bits a, fp##bits b, struct fp_env *env);      \
    fp##bits fp##bits##_mul(fp##bits a, fp##bits b, struct fp_env *env);      \
    fp##bits fp##bits##_div(fp##bits a, fp##bits b, struct fp_env *env);      \
    fp##bits fp##bits##_sqrt(fp##bits a, struct fp_env *env);                 \
    fp##bits fp##bits##_muladd(fp##bits addend, fp##bits a, fp##bits b,       \
                               struct fp_env *env);                           \
    fp##bits fp##bits##_mulx(fp##bits a, fp##bits b, struct fp_env *env);     \
    fp##bits fp##bits##_min(fp##bits a, fp##bits b, struct fp_env *env);      \
    fp##bits fp##bits##_max(fp##bits a, fp##bits b, struct fp_env *env);      \
    fp##bits fp##bits##_minnm(fp##bits a, fp##bits b, struct fp_env *env);    \
    fp##bits fp##bits##_maxnm(fp##bits a, fp##bits b, struct fp_env *env);    \
    fp##bits fp##bits##_recpe(fp##bits a, struct fp_env *env);                \
    fp##bits fp##bits##_rsqrte(fp##bits a, struct fp_env *env);               \
    fp##bits fp##bits##_recpx(fp##bits a, struct fp_env *env);                \
    fp##bits fp##bits##_recps(fp##bits a, fp##bits b, struct fp_env *env);    \
    fp##bits fp##bits##_rsqrts(fp##bits a, fp##bits b, struct fp_env *env);   \
    /* FPCompare: NZCV in bits 31..28; signal: also quiet NaNs raise IOC. */  \
    uint32_t fp##bits##_compare(fp##bits a, fp##bits b, bool signal,          \
                                struct fp_env *env);                          \
    bool fp##bits##_eq(fp##bits a, fp##bits b, struct fp_env *env);           \
    bool fp##bits##_ge(fp##bits a, fp##bits b, struct fp_env *env);           \
    bool fp##bits##_gt(fp##bits a, fp##bits b, struct fp_env *env);           \
    /* FPRoundInt; exact: raise IXC. */                                       \
    fp##bits fp##bits##_round_int(fp##bits a, enum fp_round mode, bool exact, \
                                  struct fp_env *env);                        \
    /* FPToFixed to `width` (16, 32, 64) bits, `fbits` of them fraction. */   \
    uint64_t fp##bits##_to_fixed(fp##bits a, unsigned width, unsigned fbits,  \
                                 bool is_unsigned, enum fp_round mode,        \
                                 struct fp_env *env);                         \
    /* FixedToFP: the value is sign- or zero-extended to 64 bits already. */  \
    fp##bits fp##bits##_from_fixed(uint64_t a, unsigned fbits,                \
                                   bool is_unsigned, enum fp_round mode,      \
                                   struct fp_env *env);

SOFTFP_DECLARE(16)
SOFTFP_DECLARE(32)
SOFTFP_DECLARE(64)
#undef SOFTFP_DECLARE

/* FPConvert between formats, by FPCR's rounding mode; fp64_to_fp32_odd is
   FCVTXN's round to odd. */
fp32 fp16_to_fp32(fp16 a, struct fp_env *env);
fp64 fp16_to_fp64(fp16 a, struct fp_env *env);
fp16 fp32_to_fp16(fp32 a, struct fp_env *env);
fp64 fp32_to_fp64(fp32 a, struct fp_env *env);
fp16 fp64_to_fp16(fp64 a, struct fp_env *env);
fp32 fp64_to_fp32(fp64 a, struct fp_env *env);
fp32 fp64_to_fp32_odd(fp64 a, struct fp_env *env);

/* UnsignedRecipEstimate, UnsignedRSqrtEstimate. */
uint32_t fp_urecpe(uint32_t a);
uint32_t fp_ursqrte(uint32_t a);
