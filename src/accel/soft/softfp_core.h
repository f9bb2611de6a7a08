// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What the softfp_*.c files share: the three formats, taking a number apart
 * (FPUnpackBase), putting one together (FPRoundBase) and NaNs. All is inline
 * and gets its format as a constant, so that each format becomes code of its
 * own.
 */

#include "accel/soft/softfp.h"
#include "base/macros.h"

#define FP_INLINE static inline __attribute__((always_inline))

/* A format: all of it, and its fraction field. The patterns travel in the low
   bits of a uint64_t. */
struct fp_fmt {
    unsigned bits, frac;
};
#define FP_FMT16 ((struct fp_fmt){16, 10})
#define FP_FMT32 ((struct fp_fmt){32, 23})
#define FP_FMT64 ((struct fp_fmt){64, 52})

enum fp_kind { FP_ZERO, FP_FINITE, FP_INF, FP_QNAN, FP_SNAN };

/* A number taken apart. If FINITE it is sig / 2^63 * 2^exp, bit 63 of sig
   set. */
struct fp_num {
    enum fp_kind kind;
    bool sign;
    int exp;
    uint64_t sig;
};

FP_INLINE void fp_raise(struct fp_env *env, uint32_t flags)
{
    env->fpsr |= flags;
}

FP_INLINE int fp_exp_max(struct fp_fmt f)
{
    return (1 << (f.bits - 1 - f.frac)) - 1;
}

FP_INLINE int fp_bias(struct fp_fmt f)
{
    return fp_exp_max(f) >> 1;
}

FP_INLINE uint64_t fp_sign_bit(struct fp_fmt f)
{
    return 1ull << (f.bits - 1);
}

FP_INLINE bool fp_sign(struct fp_fmt f, uint64_t a)
{
    return a >> (f.bits - 1) & 1;
}

FP_INLINE uint64_t fp_frac_mask(struct fp_fmt f)
{
    return (1ull << f.frac) - 1;
}

FP_INLINE uint64_t fp_zero(struct fp_fmt f, bool sign)
{
    return (uint64_t)sign << (f.bits - 1);
}

FP_INLINE uint64_t fp_inf(struct fp_fmt f, bool sign)
{
    return fp_zero(f, sign) | (uint64_t)fp_exp_max(f) << f.frac;
}

FP_INLINE uint64_t fp_max_normal(struct fp_fmt f, bool sign)
{
    return fp_inf(f, sign) - 1;
}

FP_INLINE uint64_t fp_quiet_bit(struct fp_fmt f)
{
    return 1ull << (f.frac - 1);
}

/* FPDefaultNaN */
FP_INLINE uint64_t fp_default_nan(struct fp_fmt f)
{
    return fp_inf(f, false) | fp_quiet_bit(f);
}

FP_INLINE bool fp_is_nan(struct fp_fmt f, uint64_t a)
{
    return (a & ~fp_sign_bit(f)) > fp_inf(f, false);
}

FP_INLINE bool fp_is_snan(struct fp_fmt f, uint64_t a)
{
    return fp_is_nan(f, a) && !(a & fp_quiet_bit(f));
}

FP_INLINE uint64_t fp_invalid(struct fp_fmt f, struct fp_env *env)
{
    fp_raise(env, FPSR_IOC);
    return fp_default_nan(f);
}

/* Does FPCR flush denormals of this format? */
FP_INLINE bool fp_flush(struct fp_fmt f, const struct fp_env *env)
{
    return env->fpcr & (f.bits == 16 ? FPCR_FZ16 : FPCR_FZ);
}

/* FPProcessNaN */
FP_INLINE uint64_t fp_nan(struct fp_fmt f, uint64_t a, struct fp_env *env)
{
    if (fp_is_snan(f, a))
        fp_raise(env, FPSR_IOC);
    return env->fpcr & FPCR_DN ? fp_default_nan(f) : a | fp_quiet_bit(f);
}

/* FPProcessNaNs: one of a, b is a NaN. */
FP_INLINE uint64_t fp_nan2(struct fp_fmt f, uint64_t a, uint64_t b,
                           struct fp_env *env)
{
    if (fp_is_snan(f, a))
        return fp_nan(f, a, env);
    if (fp_is_snan(f, b))
        return fp_nan(f, b, env);
    return fp_nan(f, fp_is_nan(f, a) ? a : b, env);
}

/* FPProcessNaNs3: one of them is a NaN. */
FP_INLINE uint64_t fp_nan3(struct fp_fmt f, uint64_t a, uint64_t b, uint64_t c,
                           struct fp_env *env)
{
    if (fp_is_snan(f, a))
        return fp_nan(f, a, env);
    if (fp_is_snan(f, b))
        return fp_nan(f, b, env);
    if (fp_is_snan(f, c))
        return fp_nan(f, c, env);
    if (fp_is_nan(f, a))
        return fp_nan(f, a, env);
    return fp_nan(f, fp_is_nan(f, b) ? b : c, env);
}

/* The pattern as FPUnpack sees it: denormals flushed if FPCR says so. Flushing
   half precision raises nothing. */
FP_INLINE uint64_t fp_squash(struct fp_fmt f, uint64_t a, struct fp_env *env)
{
    uint64_t mag = a & ~fp_sign_bit(f);

    if (likely(mag > fp_frac_mask(f)) || !mag || likely(!fp_flush(f, env)))
        return a;
    if (f.bits != 16)
        fp_raise(env, FPSR_IDC);
    return a & fp_sign_bit(f);
}

FP_INLINE struct fp_num fp_unpack_denormal(struct fp_fmt f, bool sign,
                                           uint64_t frac)
{
    int lz = __builtin_clzll(frac);

    return (struct fp_num){FP_FINITE, sign,
                           1 - fp_bias(f) - (int)f.frac + 63 - lz, frac << lz};
}

/* FPUnpackBase, with what FPCR says about it as arguments. */
FP_INLINE struct fp_num fp_unpack_with(struct fp_fmt f, uint64_t a, bool flush,
                                       bool ahp, struct fp_env *env)
{
    uint64_t frac = a & fp_frac_mask(f);
    int exp = a >> f.frac & fp_exp_max(f);
    bool sign = fp_sign(f, a);

    if (unlikely(!exp)) {
        if (frac && !flush)
            return fp_unpack_denormal(f, sign, frac);
        if (frac && f.bits != 16)
            fp_raise(env, FPSR_IDC);
        return (struct fp_num){FP_ZERO, sign, 0, 0};
    }
    if (unlikely(exp == fp_exp_max(f)) && !ahp) {
        enum fp_kind kind = !frac                    ? FP_INF
                            : frac & fp_quiet_bit(f) ? FP_QNAN
                                                     : FP_SNAN;
        return (struct fp_num){kind, sign, 0, 0};
    }
    return (struct fp_num){FP_FINITE, sign, exp - fp_bias(f),
                           1ull << 63 | frac << (63 - f.frac)};
}

/* FPUnpack */
FP_INLINE struct fp_num fp_unpack(struct fp_fmt f, uint64_t a,
                                  struct fp_env *env)
{
    return fp_unpack_with(f, a, fp_flush(f, env), false, env);
}

FP_INLINE bool fp_num_nan(struct fp_num n)
{
    return n.kind >= FP_QNAN;
}

/* Shift right; what falls out stays as bit 0. */
FP_INLINE uint64_t fp_shr_sticky(uint64_t x, unsigned n)
{
    if (n > 63)
        return x != 0;
    return x >> n | ((x & ((1ull << n) - 1)) != 0);
}

FP_INLINE unsigned __int128 fp_shr_sticky128(unsigned __int128 x, unsigned n)
{
    if (n > 127)
        return x != 0;
    return x >> n | ((x & (((unsigned __int128)1 << n) - 1)) != 0);
}

/* Is a magnitude whose last kept bit is `odd` and whose rest, of which `half`
   is one half, is `rest`, to be incremented? */
FP_INLINE bool fp_round_up(enum fp_round mode, bool sign, bool odd,
                           uint64_t rest, uint64_t half)
{
    switch (mode) {
    case FP_RN:
        return rest > half || (rest == half && odd);
    case FP_RP:
        return rest && !sign;
    case FP_RM:
        return rest && sign;
    case FP_RA:
        return rest >= half;
    default:
        return false;
    }
}

FP_INLINE bool fp_overflows_to_inf(enum fp_round mode, bool sign)
{
    return mode == FP_RN || (mode == FP_RP && !sign) || (mode == FP_RM && sign);
}

FP_INLINE uint64_t fp_overflow(struct fp_fmt f, bool sign, enum fp_round mode,
                               bool ahp, struct fp_env *env)
{
    if (ahp) { /* no infinity: the largest number, and it is invalid */
        fp_raise(env, FPSR_IOC);
        return fp_zero(f, sign) | (fp_sign_bit(f) - 1);
    }
    fp_raise(env, FPSR_OFC | FPSR_IXC);
    return fp_overflows_to_inf(mode, sign) ? fp_inf(f, sign)
                                           : fp_max_normal(f, sign);
}

/* FPRoundBase of sig / 2^63 * 2^exp, bit 63 of sig set; bit 0 may be sticky.
   Underflow is detected before rounding. */
FP_INLINE uint64_t fp_round_with(struct fp_fmt f, struct fp_num n,
                                 enum fp_round mode, bool flush, bool ahp,
                                 struct fp_env *env)
{
    const unsigned drop = 63 - f.frac;
    int biased = n.exp + fp_bias(f);
    uint64_t sig = n.sig, rest, mag;
    bool tiny = biased <= 0;

    if (unlikely(tiny)) {
        if (flush) {
            fp_raise(env, FPSR_UFC);
            return fp_zero(f, n.sign);
        }
        sig = fp_shr_sticky(sig, (unsigned)(1 - biased));
        biased = 1;
    }
    if (unlikely(biased > fp_exp_max(f)))
        return fp_overflow(f, n.sign, mode, ahp, env);
    rest = sig & ((1ull << drop) - 1);
    mag = sig >> drop;
    mag += fp_round_up(mode, n.sign, mag & 1, rest, 1ull << (drop - 1));
    if (mode == FP_RODD)
        mag |= rest != 0;
    /* The leading bit of sig counts one up in the exponent. */
    mag += (uint64_t)(biased - 1) << f.frac;
    if (unlikely(mag >= (ahp ? fp_sign_bit(f) : fp_inf(f, false))))
        return fp_overflow(f, n.sign, mode, ahp, env);
    if (rest)
        fp_raise(env, tiny ? FPSR_UFC | FPSR_IXC : FPSR_IXC);
    return fp_zero(f, n.sign) | mag;
}

/* FPRound with FPCR's mode */
FP_INLINE uint64_t fp_round(struct fp_fmt f, struct fp_num n,
                            struct fp_env *env)
{
    return fp_round_with(f, n, fp_rmode(env), fp_flush(f, env), false, env);
}

/* The sum of opposites: its sign depends on the rounding mode. */
FP_INLINE uint64_t fp_cancelled(struct fp_fmt f, const struct fp_env *env)
{
    return fp_zero(f, fp_rmode(env) == FP_RM);
}
