// SPDX-License-Identifier: Apache-2.0
/* The estimates of reciprocals and reciprocal square roots: eight bits, the
   same on every CPU because the Arm ARM gives the formula. */

#include "accel/soft/softfp.h"
#include "accel/soft/softfp_core.h"

/* RecipEstimate: a is 256..511, for 0.5 to 1; so is the result, for 1 to 2. */
static uint32_t recip_estimate(uint32_t a)
{
    return ((1u << 19) / (a * 2 + 1) + 1) / 2;
}

/* RecipSqrtEstimate: a is 128..511, for 0.25 to 1. */
static uint32_t recip_sqrt_estimate(uint32_t a)
{
    uint32_t b = 512;

    a = a < 256 ? a * 2 + 1 : (a | 1) * 2;
    while (a * (b + 1) * (b + 1) < 1u << 28)
        b++;
    return (b + 1) / 2;
}

uint32_t fp_urecpe(uint32_t a)
{
    return a >> 31 ? recip_estimate(a >> 23) << 23 : ~0u;
}

uint32_t fp_ursqrte(uint32_t a)
{
    return a >> 30 ? recip_sqrt_estimate(a >> 23) << 23 : ~0u;
}

/* FPRecipEstimate */
FP_INLINE uint64_t recpe(struct fp_fmt f, uint64_t a, struct fp_env *env)
{
    struct fp_num n = fp_unpack(f, a, env);
    int exp;
    uint64_t frac;

    if (fp_num_nan(n))
        return fp_nan(f, a, env);
    if (n.kind == FP_INF)
        return fp_zero(f, n.sign);
    if (n.kind == FP_ZERO) {
        fp_raise(env, FPSR_DZC);
        return fp_inf(f, n.sign);
    }
    if (n.exp < -fp_bias(f) - 1) /* 1/n is too large */
        return fp_overflow(f, n.sign, fp_rmode(env), false, env);
    if (n.exp >= fp_bias(f) - 1 && fp_flush(f, env)) {
        fp_raise(env, FPSR_UFC);
        return fp_zero(f, n.sign);
    }
    /* 256..511 has its leading bit; the two exponents below 1 are denormal */
    frac = (uint64_t)recip_estimate((uint32_t)(n.sig >> 55)) << (f.frac - 8);
    exp = fp_bias(f) - 1 - n.exp;
    if (exp > 0)
        return fp_zero(f, n.sign) | (frac + ((uint64_t)(exp - 1) << f.frac));
    return fp_zero(f, n.sign) | frac >> (1 - exp);
}

/* FPRSqrtEstimate */
FP_INLINE uint64_t rsqrte(struct fp_fmt f, uint64_t a, struct fp_env *env)
{
    struct fp_num n = fp_unpack(f, a, env);
    uint64_t est;
    int exp;

    if (fp_num_nan(n))
        return fp_nan(f, a, env);
    if (n.kind == FP_ZERO) {
        fp_raise(env, FPSR_DZC);
        return fp_inf(f, n.sign);
    }
    if (n.sign)
        return fp_invalid(f, env);
    if (n.kind == FP_INF)
        return fp_zero(f, false);
    /* n is 0.25..1 with an even exponent: 128..511 */
    est = recip_sqrt_estimate((uint32_t)(n.sig >> (n.exp & 1 ? 55 : 56)));
    exp = fp_bias(f) - 1 - (n.exp >> 1);
    return (est << (f.frac - 8)) + ((uint64_t)(exp - 1) << f.frac);
}

/* FPRecpX: the exponent inverted. */
FP_INLINE uint64_t recpx(struct fp_fmt f, uint64_t a, struct fp_env *env)
{
    struct fp_num n = fp_unpack(f, a, env);
    uint64_t exp_mask = fp_inf(f, false), exp = a & exp_mask;

    if (fp_num_nan(n))
        return fp_nan(f, a, env);
    return fp_zero(f, n.sign) |
           (exp ? ~exp & exp_mask : exp_mask - (1ull << f.frac));
}

#define DEFINE(n, f)                                  \
    fp##n fp##n##_recpe(fp##n a, struct fp_env *env)  \
    {                                                 \
        return (fp##n)recpe(f, a, env);               \
    }                                                 \
    fp##n fp##n##_rsqrte(fp##n a, struct fp_env *env) \
    {                                                 \
        return (fp##n)rsqrte(f, a, env);              \
    }                                                 \
    fp##n fp##n##_recpx(fp##n a, struct fp_env *env)  \
    {                                                 \
        return (fp##n)recpx(f, a, env);               \
    }

DEFINE(16, FP_FMT16)
DEFINE(32, FP_FMT32)
DEFINE(64, FP_FMT64)
