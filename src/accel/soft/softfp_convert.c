// SPDX-License-Identifier: Apache-2.0
/* To integers, from integers and between formats. */

#include "accel/soft/softfp.h"
#include "accel/soft/softfp_core.h"

/* |n| * 2^scale as an integer and what is below it, of which 2^63 is one half
   and bit 0 sticky. The caller knows that it is below 2^64. */
FP_INLINE uint64_t split(struct fp_num n, int scale, uint64_t *rest)
{
    int shift = 63 - n.exp - scale;

    if (shift > 64) {
        *rest = 1;
        return 0;
    }
    if (shift == 64) {
        *rest = n.sig;
        return 0;
    }
    *rest = shift ? n.sig << (64 - shift) : 0;
    return n.sig >> shift;
}

/* FPRoundInt */
FP_INLINE uint64_t round_int(struct fp_fmt f, uint64_t a, enum fp_round mode,
                             bool exact, struct fp_env *env)
{
    struct fp_num n = fp_unpack(f, a, env);
    uint64_t rest, mag;
    int lz;

    if (fp_num_nan(n))
        return fp_nan(f, a, env);
    if (n.kind == FP_ZERO)
        return fp_zero(f, n.sign);
    if (n.kind == FP_INF || n.exp >= (int)f.frac)
        return a;
    mag = split(n, 0, &rest);
    mag += fp_round_up(mode, n.sign, mag & 1, rest, 1ull << 63);
    if (exact && rest)
        fp_raise(env, FPSR_IXC);
    if (!mag)
        return fp_zero(f, n.sign);
    lz = __builtin_clzll(mag);
    n.exp = 63 - lz;
    n.sig = mag << lz;
    return fp_round(f, n, env);
}

FP_INLINE uint64_t saturated(bool sign, unsigned width, bool is_unsigned,
                             struct fp_env *env)
{
    uint64_t ones = ~0ull >> (64 - width);

    fp_raise(env, FPSR_IOC);
    if (is_unsigned)
        return sign ? 0 : ones;
    return sign ? (ones >> 1) + 1 : ones >> 1;
}

/* FPToFixed: a NaN is 0 and invalid; what does not fit is the nearest that
   does, and invalid but not inexact. */
FP_INLINE uint64_t to_fixed(struct fp_fmt f, uint64_t a, unsigned width,
                            unsigned fbits, bool is_unsigned,
                            enum fp_round mode, struct fp_env *env)
{
    struct fp_num n = fp_unpack(f, a, env);
    uint64_t ones = ~0ull >> (64 - width), rest, mag, limit;

    if (fp_num_nan(n))
        fp_raise(env, FPSR_IOC);
    if (n.kind == FP_ZERO || fp_num_nan(n))
        return 0;
    if (n.kind == FP_INF || n.exp + (int)fbits > 63)
        return saturated(n.sign, width, is_unsigned, env);
    mag = split(n, (int)fbits, &rest);
    mag += fp_round_up(mode, n.sign, mag & 1, rest, 1ull << 63);
    limit = is_unsigned ? n.sign ? 0 : ones : (ones >> 1) + n.sign;
    if (mag > limit)
        return saturated(n.sign, width, is_unsigned, env);
    if (rest)
        fp_raise(env, FPSR_IXC);
    return (n.sign ? -mag : mag) & ones;
}

/* FixedToFP */
FP_INLINE uint64_t from_fixed(struct fp_fmt f, uint64_t a, unsigned fbits,
                              bool is_unsigned, enum fp_round mode,
                              struct fp_env *env)
{
    bool sign = !is_unsigned && a >> 63;
    uint64_t mag = sign ? -a : a;
    struct fp_num n = {FP_FINITE, sign, 0, 0};
    int lz;

    if (!mag)
        return fp_zero(f, false);
    lz = __builtin_clzll(mag);
    n.exp = 63 - lz - (int)fbits;
    n.sig = mag << lz;
    return fp_round_with(f, n, mode, fp_flush(f, env), false, env);
}

/* FPConvertNaN: the fraction's top bits, made quiet. */
FP_INLINE uint64_t convert_nan(struct fp_fmt from, struct fp_fmt to, uint64_t a)
{
    uint64_t frac = a & fp_frac_mask(from);

    frac = to.frac > from.frac ? frac << (to.frac - from.frac)
                               : frac >> (from.frac - to.frac);
    return fp_inf(to, fp_sign(from, a)) | fp_quiet_bit(to) | frac;
}

/* FPConvert. FZ16 has no say in it (FPUnpackCV, FPRoundCV), AHP has. */
FP_INLINE uint64_t convert(struct fp_fmt from, struct fp_fmt to, uint64_t a,
                           enum fp_round mode, struct fp_env *env)
{
    bool ahp = env->fpcr & FPCR_AHP, fz = env->fpcr & FPCR_FZ;
    bool to_ahp = to.bits == 16 && ahp;
    struct fp_num n = fp_unpack_with(from, a, from.bits != 16 && fz,
                                     from.bits == 16 && ahp, env);

    if (fp_num_nan(n)) {
        if (n.kind == FP_SNAN || to_ahp)
            fp_raise(env, FPSR_IOC);
        if (to_ahp)
            return fp_zero(to, n.sign);
        return env->fpcr & FPCR_DN ? fp_default_nan(to)
                                   : convert_nan(from, to, a);
    }
    if (n.kind == FP_ZERO)
        return fp_zero(to, n.sign);
    if (n.kind == FP_INF)
        return to_ahp ? fp_overflow(to, n.sign, mode, true, env)
                      : fp_inf(to, n.sign);
    return fp_round_with(to, n, mode, to.bits != 16 && fz, to_ahp, env);
}

#define DEFINE(n, f)                                                       \
    fp##n fp##n##_round_int(fp##n a, enum fp_round mode, bool exact,       \
                            struct fp_env *env)                            \
    {                                                                      \
        return (fp##n)round_int(f, a, mode, exact, env);                   \
    }                                                                      \
    uint64_t fp##n##_to_fixed(fp##n a, unsigned width, unsigned fbits,     \
                              bool is_unsigned, enum fp_round mode,        \
                              struct fp_env *env)                          \
    {                                                                      \
        return to_fixed(f, a, width, fbits, is_unsigned, mode, env);       \
    }                                                                      \
    fp##n fp##n##_from_fixed(uint64_t a, unsigned fbits, bool is_unsigned, \
                             enum fp_round mode, struct fp_env *env)       \
    {                                                                      \
        return (fp##n)from_fixed(f, a, fbits, is_unsigned, mode, env);     \
    }

DEFINE(16, FP_FMT16)
DEFINE(32, FP_FMT32)
DEFINE(64, FP_FMT64)

#define CONVERT(m, n)                                                       \
    fp##n fp##m##_to_fp##n(fp##m a, struct fp_env *env)                     \
    {                                                                       \
        return (fp##n)convert(FP_FMT##m, FP_FMT##n, a, fp_rmode(env), env); \
    }

CONVERT(16, 32)
CONVERT(16, 64)
CONVERT(32, 16)
CONVERT(32, 64)
CONVERT(64, 16)
CONVERT(64, 32)

fp32 fp64_to_fp32_odd(fp64 a, struct fp_env *env)
{
    return (fp32)convert(FP_FMT64, FP_FMT32, a, FP_RODD, env);
}
