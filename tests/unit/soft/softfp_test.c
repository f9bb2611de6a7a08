// SPDX-License-Identifier: Apache-2.0
/* Software floating point: against the host's FPU where both must agree, and
   against values worked out by hand where only the Arm ARM says. */

#include "accel/soft/softfp.h"

#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

enum { ROUNDS = 60000 };

static uint64_t seed = 0x5eed;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Patterns of every kind, many of them at an edge: few bits set in the
   fraction, exponents at the ends and near the bias. */
static uint64_t random_fp(unsigned bits, unsigned frac)
{
    uint64_t r = next_random(), f, e, emax = (1ull << (bits - 1 - frac)) - 1;

    f = next_random() & ((1ull << frac) - 1);
    switch (r >> 8 & 7) {
    case 0:
        f = 0;
        break;
    case 1:
        f = (1ull << frac) - 1;
        break;
    case 2:
        f = 1ull << r % frac;
        break;
    case 3:
        f &= ~0ull << r % frac;
        break;
    default:
        break;
    }
    switch (r >> 16 & 15) {
    case 0:
        e = 0;
        break;
    case 1:
        e = emax;
        break;
    case 2:
        e = 1 + (r >> 20) % 3;
        break;
    case 3:
        e = emax - 1 - (r >> 20) % 3;
        break;
    case 4:
    case 5:
        e = r >> 20 & emax;
        break;
    default:
        e = emax / 2 - 4 + (r >> 20) % 9;
        break;
    }
    return (r & 1) << (bits - 1) | e << frac | f;
}

static fp32 random32(void)
{
    return (fp32)random_fp(32, 23);
}

static fp64 random64(void)
{
    return random_fp(64, 52);
}

static fp16 random16(void)
{
    return (fp16)random_fp(16, 10);
}

static float as_float(fp32 a)
{
    float f;

    memcpy(&f, &a, sizeof(f));
    return f;
}

static double as_double(fp64 a)
{
    double d;

    memcpy(&d, &a, sizeof(d));
    return d;
}

static fp32 of_float(float f)
{
    fp32 a;

    memcpy(&a, &f, sizeof(a));
    return a;
}

static fp64 of_double(double d)
{
    fp64 a;

    memcpy(&a, &d, sizeof(a));
    return a;
}

static const int host_modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD,
                                 FE_TOWARDZERO};

static struct fp_env env_of(unsigned mode)
{
    return (struct fp_env){mode << FPCR_RMODE_SHIFT, 0};
}

static uint32_t host_flags(void)
{
    int f = fetestexcept(FE_ALL_EXCEPT);

    return (f & FE_INVALID ? FPSR_IOC : 0) | (f & FE_DIVBYZERO ? FPSR_DZC : 0) |
           (f & FE_OVERFLOW ? FPSR_OFC : 0) |
           (f & FE_UNDERFLOW ? FPSR_UFC : 0) | (f & FE_INEXACT ? FPSR_IXC : 0);
}

/* NaNs are checked elsewhere. A result that rounds up to the least normal
   number is tiny before rounding only. */
static void same64(const char *op, fp64 a, fp64 b, fp64 c, fp64 got,
                   uint32_t flags, fp64 want, uint32_t want_flags)
{
    if (isnan(as_double(want))) {
        if (isnan(as_double(got)) && flags == want_flags)
            return;
    } else if (got == want) {
        if ((got << 1) >> 1 == 0x0010000000000000)
            flags &= ~(uint32_t)FPSR_UFC, want_flags &= ~(uint32_t)FPSR_UFC;
        if (flags == want_flags)
            return;
    }
    fail_msg("%s(%#lx, %#lx, %#lx) = %#lx flags %#x, not %#lx %#x", op, a, b, c,
             got, flags, want, want_flags);
}

static void same32(const char *op, fp32 a, fp32 b, fp32 c, fp32 got,
                   uint32_t flags, fp32 want, uint32_t want_flags)
{
    if (isnan(as_float(want))) {
        if (isnan(as_float(got)) && flags == want_flags)
            return;
    } else if (got == want) {
        if ((got & 0x7fffffff) == 0x00800000)
            flags &= ~(uint32_t)FPSR_UFC, want_flags &= ~(uint32_t)FPSR_UFC;
        if (flags == want_flags)
            return;
    }
    fail_msg("%s(%#x, %#x, %#x) = %#x flags %#x, not %#x %#x", op, a, b, c, got,
             flags, want, want_flags);
}

/* volatile: nothing may be computed before the mode is set. */
#define AGAINST_HOST(bits, type, op, expr)                                     \
    do {                                                                       \
        fp##bits ua = random##bits(), ub = random##bits(),                     \
                 uc = random##bits(), got, want;                               \
        volatile type a = as_##type(ua), b = as_##type(ub), c = as_##type(uc), \
                      r;                                                       \
        struct fp_env env = env_of(mode);                                      \
        uint32_t flags;                                                        \
                                                                               \
        got = op;                                                              \
        fesetround(host_modes[mode]);                                          \
        feclearexcept(FE_ALL_EXCEPT);                                          \
        r = expr;                                                              \
        flags = host_flags();                                                  \
        fesetround(FE_TONEAREST);                                              \
        want = of_##type(r);                                                   \
        (void)a, (void)b, (void)c;                                             \
        same##bits(#op, ua, ub, uc, got, env.fpsr, want, flags);               \
    } while (0)

static void arithmetic_is_that_of_the_host(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4 * ROUNDS; n++) {
        unsigned mode = n % 4;

        AGAINST_HOST(64, double, fp64_add(ua, ub, &env), a + b);
        AGAINST_HOST(64, double, fp64_sub(ua, ub, &env), a - b);
        AGAINST_HOST(64, double, fp64_mul(ua, ub, &env), a *b);
        AGAINST_HOST(64, double, fp64_div(ua, ub, &env), a / b);
        AGAINST_HOST(64, double, fp64_sqrt(ua, &env), sqrt(a));
        AGAINST_HOST(32, float, fp32_add(ua, ub, &env), a + b);
        AGAINST_HOST(32, float, fp32_sub(ua, ub, &env), a - b);
        AGAINST_HOST(32, float, fp32_mul(ua, ub, &env), a *b);
        AGAINST_HOST(32, float, fp32_div(ua, ub, &env), a / b);
        AGAINST_HOST(32, float, fp32_sqrt(ua, &env), sqrtf(a));
    }
}

/* A NaN addend to infinity times zero is invalid to Arm, not to all hosts. */
static bool is_odd_one(double a, double b, double c)
{
    return isnan(c) && ((isinf(a) && b == 0) || (a == 0 && isinf(b)));
}

static void fused_multiply_add_is_that_of_the_host(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4 * ROUNDS; n++) {
        unsigned mode = n % 4;
        fp64 ua = random64(), ub = random64(), uc = random64();
        fp32 va = random32(), vb = random32(), vc = random32();
        volatile double a, b, c, r;
        volatile float fa, fb, fc, fr;
        struct fp_env env = env_of(mode);
        uint32_t flags;
        fp64 got = fp64_muladd(uc, ua, ub, &env);
        fp32 got32;

        a = as_double(ua), b = as_double(ub), c = as_double(uc);
        fesetround(host_modes[mode]);
        feclearexcept(FE_ALL_EXCEPT);
        r = fma(a, b, c);
        flags = host_flags();
        fesetround(FE_TONEAREST);
        if (!is_odd_one(a, b, c))
            same64("fma", ua, ub, uc, got, env.fpsr, of_double(r), flags);

        env = env_of(mode);
        got32 = fp32_muladd(vc, va, vb, &env);
        fa = as_float(va), fb = as_float(vb), fc = as_float(vc);
        fesetround(host_modes[mode]);
        feclearexcept(FE_ALL_EXCEPT);
        fr = fmaf(fa, fb, fc);
        flags = host_flags();
        fesetround(FE_TONEAREST);
        if (!is_odd_one((double)fa, (double)fb, (double)fc))
            same32("fmaf", va, vb, vc, got32, env.fpsr, of_float(fr), flags);
    }
}

static void conversions_are_those_of_the_host(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4 * ROUNDS; n++) {
        unsigned mode = n % 4;
        int64_t i = (int64_t)(next_random() >> next_random() % 64);
        int64_t si = next_random() & 1 ? -i : i;
        fp64 ua = random64(), wide;
        fp32 got;
        volatile double a = as_double(ua), d;
        volatile float r;
        struct fp_env env = env_of(mode);
        uint32_t flags;

        got = fp64_to_fp32(ua, &env);
        fesetround(host_modes[mode]);
        feclearexcept(FE_ALL_EXCEPT);
        r = (float)a;
        flags = host_flags();
        same32("narrow", (fp32)(ua >> 32), (fp32)ua, 0, got, env.fpsr,
               of_float(r), flags);
        env = env_of(mode);
        wide = fp32_to_fp64(got, &env);
        assert_true(isnan(as_double(wide)) ||
                    as_double(wide) == (double)as_float(got));
        assert_int_equal(env.fpsr, 0);

        feclearexcept(FE_ALL_EXCEPT);
        d = (double)si;
        flags = host_flags();
        env = env_of(mode);
        wide = fp64_from_fixed((uint64_t)si, 0, false, fp_rmode(&env), &env);
        same64("scvtf", (fp64)si, 0, 0, wide, env.fpsr, of_double(d), flags);
        feclearexcept(FE_ALL_EXCEPT);
        r = (float)(uint64_t)i;
        env = env_of(mode);
        got = fp32_from_fixed((uint64_t)i, 0, true, fp_rmode(&env), &env);
        assert_int_equal(got, of_float(r));
        fesetround(FE_TONEAREST);
    }
}

/* Called, not inlined: compilers' own code minds the nearest mode only. */
static double (*const volatile host_rint)(double) = rint;

static void rounding_to_integers_is_that_of_the_host(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4 * ROUNDS; n++) {
        unsigned mode = n % 4;
        fp64 ua = random64(), got;
        volatile double a = as_double(ua), r;
        struct fp_env env = env_of(mode);
        uint32_t flags;

        got = fp64_round_int(ua, fp_rmode(&env), true, &env);
        fesetround(host_modes[mode]);
        feclearexcept(FE_ALL_EXCEPT);
        r = host_rint(a);
        flags = host_flags();
        fesetround(FE_TONEAREST);
        same64("rint", ua, 0, 0, got, env.fpsr, of_double(r), flags);
        if (fabs(r) < 0x1p63) {
            env.fpsr = 0;
            assert_int_equal(
                fp64_to_fixed(ua, 64, 0, false, fp_rmode(&env), &env),
                (int64_t)r);
            assert_int_equal(env.fpsr, flags);
        }
        env = env_of(mode);
        assert_true(isnan(r) || fp64_round_int(ua, FP_RA, false, &env) ==
                                    of_double(round(a)));
        assert_int_equal(env.fpsr & FPSR_IXC, 0);
    }
}

static void comparisons_are_those_of_the_host(void **state)
{
    struct fp_env env = {0, 0};

    (void)state;
    for (unsigned n = 0; n < 4 * ROUNDS; n++) {
        fp32 ua = random32(), ub = n % 8 ? random32() : ua;
        float a = as_float(ua), b = as_float(ub);
        uint32_t nzcv = isunordered(a, b) ? 3 : a == b ? 6 : a < b ? 8 : 2;

        assert_int_equal(fp32_compare(ua, ub, false, &env), nzcv << 28);
        assert_int_equal(fp32_eq(ua, ub, &env), a == b);
        assert_int_equal(fp32_ge(ua, ub, &env), isgreaterequal(a, b));
        assert_int_equal(fp32_gt(ua, ub, &env), isgreater(a, b));
        if (!isunordered(a, b) && a != b) {
            assert_int_equal(fp32_max(ua, ub, &env), a > b ? ua : ub);
            assert_int_equal(fp32_minnm(ua, ub, &env), a < b ? ua : ub);
        }
    }
}

/* In double precision, sums and products of halves are exact, and quotients
   and roots can be rounded to odd: one rounding to half is left. */
static fp64 made_odd(fp64 a, const struct fp_env *env)
{
    return a | ((env->fpsr & FPSR_IXC) != 0);
}

static void half_precision_is_double_rounded_once(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4 * ROUNDS; n++) {
        struct fp_env env = env_of(n % 4), zero = env_of(FP_RZ), want = env;
        fp16 a = random16(), b = random16(), c = random16(), got;
        fp64 da = fp16_to_fp64(a, &want), db = fp16_to_fp64(b, &want),
             dc = fp16_to_fp64(c, &want), r;

        if (isnan(as_double(da)) || isnan(as_double(db)) ||
            isnan(as_double(dc)))
            continue;
        assert_int_equal(fp64_to_fp16(da, &want), a);
        got = fp16_add(a, b, &env);
        r = fp64_add(da, db, &want);
        assert_int_equal(got, fp64_to_fp16(r, &want));
        got = fp16_mul(a, b, &env);
        r = fp64_mul(da, db, &want);
        assert_int_equal(got, fp64_to_fp16(r, &want));
        assert_int_equal(env.fpsr, want.fpsr);

        got = fp16_div(a, b, &env);
        r = made_odd(fp64_div(da, db, &zero), &zero);
        if (!isnan(as_double(r))) {
            want.fpsr |= zero.fpsr & FPSR_DZC;
            assert_int_equal(got, fp64_to_fp16(r, &want));
            assert_int_equal(env.fpsr, want.fpsr);
        }
        zero.fpsr = 0;
        got = fp16_sqrt(a, &env);
        r = made_odd(fp64_sqrt(da, &zero), &zero);
        assert_true(isnan(as_double(r)) || got == fp64_to_fp16(r, &want));
        zero.fpsr = 0;
        env = want = env_of(n % 4);
        got = fp16_muladd(c, a, b, &env);
        r = fp64_muladd(dc, da, db, &zero);
        /* an exact zero's sign is the rounding mode's */
        if (!isnan(as_double(r)) && as_double(r) != 0) {
            assert_int_equal(got, fp64_to_fp16(made_odd(r, &zero), &want));
            assert_int_equal(env.fpsr, want.fpsr);
        }
    }
}

struct vector {
    uint32_t fpcr;
    fp32 a, b, want;
    uint32_t flags;
};

#define NAN32  0x7fc00000u
#define SNAN32 0x7f800001u
#define INF32  0x7f800000u
#define MINUS  0x80000000u

typedef fp32 binary32(fp32 a, fp32 b, struct fp_env *env);

static void try_vectors(binary32 *op, const struct vector *v, size_t n)
{
    for (size_t k = 0; k < n; k++, v++) {
        struct fp_env env = {v->fpcr, 0};
        fp32 got = op(v->a, v->b, &env);

        if (got != v->want || env.fpsr != v->flags)
            fail_msg("%zu: (%#x, %#x) = %#x flags %#x, not %#x %#x", k, v->a,
                     v->b, got, env.fpsr, v->want, v->flags);
    }
}

static void nans_propagate_in_order(void **state)
{
    static const struct vector v[] = {
        {0, NAN32 | 5, NAN32 | 6, NAN32 | 5, 0},
        {0, NAN32 | 5, SNAN32, NAN32 | 1, FPSR_IOC},
        {0, SNAN32 | MINUS, SNAN32 | 2, NAN32 | MINUS | 1, FPSR_IOC},
        {0, 0x3f800000, NAN32 | 7, NAN32 | 7, 0},
        {FPCR_DN, 0x3f800000, NAN32 | 7, NAN32, 0},
        {FPCR_DN, SNAN32, NAN32 | 7, NAN32, FPSR_IOC},
        {FPCR_FZ, 1, NAN32 | 7, NAN32 | 7, FPSR_IDC},
        {0, INF32, INF32 | MINUS, NAN32, FPSR_IOC},
    };
    struct fp_env env = {0, 0};

    (void)state;
    try_vectors(fp32_add, v, ARRAY_LEN(v));
    assert_int_equal(fp32_muladd(NAN32 | 3, NAN32 | 4, SNAN32 | 8, &env),
                     NAN32 | 9);
    assert_int_equal(fp32_muladd(NAN32 | 3, NAN32 | 4, NAN32 | 5, &env),
                     NAN32 | 3);
    env.fpsr = 0;
    assert_int_equal(fp32_muladd(NAN32 | 3, INF32, 0, &env), NAN32);
    assert_int_equal(env.fpsr, FPSR_IOC);
    assert_int_equal(fp32_muladd(SNAN32 | 3, INF32, 0, &env), NAN32 | 3);
}

static void flushing_is_as_fpcr_says(void **state)
{
    static const struct vector mul[] = {
        {FPCR_FZ, 1, 0x3f800000, 0, FPSR_IDC},
        {FPCR_FZ, 0x80000001, 0x3f800000, MINUS, FPSR_IDC},
        {FPCR_FZ, 0x00800000, 0x3f000000, 0, FPSR_UFC},
        {0, 0x00800000, 0x3f000000, 0x00400000, 0},
        {0, 0x00800001, 0x3f000000, 0x00400000, FPSR_UFC | FPSR_IXC},
        /* would round up to the least normal: tiny before rounding */
        {0, 0x3f7fffff, 0x00800000, 0x00800000, FPSR_UFC | FPSR_IXC},
        {FPCR_FZ, 0x3f7fffff, 0x00800000, 0, FPSR_UFC},
        {FPCR_FZ16, 1, 0x3f800000, 1, 0},
    };
    struct fp_env env = {FPCR_FZ16, 0};

    (void)state;
    try_vectors(fp32_mul, mul, ARRAY_LEN(mul));
    assert_int_equal(fp16_add(0x0001, 0x8002, &env), 0);
    assert_int_equal(env.fpsr, 0);
    assert_int_equal(fp16_mul(0x0400, 0x3800, &env), 0);
    assert_int_equal(env.fpsr, FPSR_UFC);
    env = (struct fp_env){FPCR_FZ16, 0};
    assert_int_equal(fp16_to_fp32(1, &env), 0x33800000);
    assert_int_equal(fp32_to_fp16(0x33800000, &env), 1);
    assert_int_equal(env.fpsr, 0);
    env.fpcr = FPCR_FZ;
    assert_int_equal(fp16_add(1, 1, &env), 2);
}

static void a_lone_quiet_nan_loses_to_a_number(void **state)
{
    static const struct vector maxnm[] = {
        {0, NAN32, 0x3f800000, 0x3f800000, 0},
        {0, 0xbf800000, NAN32 | 1, 0xbf800000, 0},
        {0, NAN32 | 2, NAN32 | 1, NAN32 | 2, 0},
        {0, SNAN32, 0x3f800000, NAN32 | 1, FPSR_IOC},
        {0, NAN32, SNAN32, NAN32 | 1, FPSR_IOC},
        {0, 0, MINUS, 0, 0},
    };
    static const struct vector min[] = {
        {0, 0, MINUS, MINUS, 0},
        {0, NAN32 | 2, 0x3f800000, NAN32 | 2, 0},
        {FPCR_FZ, 1, 2, 0, FPSR_IDC},
    };

    (void)state;
    try_vectors(fp32_maxnm, maxnm, ARRAY_LEN(maxnm));
    try_vectors(fp32_min, min, ARRAY_LEN(min));
}

static void multiply_extended_gives_two(void **state)
{
    static const struct vector v[] = {
        {0, INF32, MINUS, 0xc0000000, 0},
        {0, 0, INF32, 0x40000000, 0},
        {FPCR_FZ, 1, INF32, 0x40000000, FPSR_IDC},
    };

    (void)state;
    try_vectors(fp32_mulx, v, ARRAY_LEN(v));
}

static void steps_are_fused_and_know_infinity_times_zero(void **state)
{
    static const struct vector recps[] = {
        {0, INF32, 0, 0x40000000, 0},
        {0, 0x3f800000, 0x40000000, 0, 0}, /* 2 - 1 * 2 */
        {2 << FPCR_RMODE_SHIFT, 0x3f800000, 0x40000000, MINUS, 0},
        {0, INF32, 0x3f800000, INF32 | MINUS, 0},
        {0, NAN32 | 1, 0, NAN32 | MINUS | 1, 0},
        {0, 0x3f800001, 0x3f800001, 0x3f7ffffc, FPSR_IXC},
    };
    static const struct vector rsqrts[] = {
        {0, INF32, 0, 0x3fc00000, 0},
        {0, 0x3f800000, 0x3f800000, 0x3f800000, 0},
        {0, 0, 0x3f800000, 0x3fc00000, 0},
    };

    (void)state;
    try_vectors(fp32_recps, recps, ARRAY_LEN(recps));
    try_vectors(fp32_rsqrts, rsqrts, ARRAY_LEN(rsqrts));
}

static void estimates_are_the_formula_of_the_architecture(void **state)
{
    struct fp_env env = {0, 0};

    (void)state;
    assert_int_equal(fp32_recpe(0x3f800000, &env), 0x3f7f8000);
    assert_int_equal(fp32_rsqrte(0x3f800000, &env), 0x3f7f8000);
    assert_int_equal(fp32_rsqrte(0x40800000, &env), 0x3eff8000);
    assert_int_equal(fp64_recpe(0x4000000000000000, &env), 0x3fdff00000000000);
    assert_int_equal(fp_urecpe(0x80000000), 0xff800000);
    assert_int_equal(fp_urecpe(0x7fffffff), 0xffffffff);
    assert_int_equal(fp_ursqrte(0x40000000), 0xff800000);
    assert_int_equal(env.fpsr, 0);
    assert_int_equal(fp32_recpe(0, &env), INF32);
    assert_int_equal(env.fpsr, FPSR_DZC);
    env = env_of(FP_RZ);
    assert_int_equal(fp32_recpe(0x80000001, &env), 0xff7fffff);
    assert_int_equal(env.fpsr, FPSR_OFC | FPSR_IXC);
    env = (struct fp_env){FPCR_FZ, 0};
    assert_int_equal(fp32_recpe(0x7e800000, &env), 0);
    assert_int_equal(env.fpsr, FPSR_UFC);
    assert_int_equal(fp32_rsqrte(0xbf800000, &env), NAN32);
    assert_int_equal(env.fpsr, FPSR_UFC | FPSR_IOC);
    env = env_of(0);
    assert_int_equal(fp32_recpe(0x7e800000, &env), 0x007fc000);
    assert_int_equal(fp32_recpx(0x00000001, &env), 0x7f000000);
    assert_int_equal(fp32_recpx(0xff800000, &env), MINUS);
    assert_int_equal(fp16_recpx(0x3c01, &env), 0x4000);
}

static void estimates_are_near_the_truth(void **state)
{
    struct fp_env env = {0, 0};

    (void)state;
    for (unsigned n = 0; n < ROUNDS; n++) {
        float a = fabsf(as_float(random32()));

        if (!(a > 0x1p-120f && a < 0x1p120f))
            continue;
        assert_true(fabsf(as_float(fp32_recpe(of_float(a), &env)) * a - 1) <
                    0x1p-8f);
        assert_true(fabsf(as_float(fp32_rsqrte(of_float(a), &env)) * sqrtf(a) -
                          1) < 0x1p-8f);
    }
}

static void alternative_half_has_no_infinity(void **state)
{
    struct fp_env env = {FPCR_AHP, 0};

    (void)state;
    assert_int_equal(fp16_to_fp32(0x7c00, &env), 0x47800000);
    assert_int_equal(fp32_to_fp16(0x47800000, &env), 0x7c00);
    assert_int_equal(env.fpsr, 0);
    assert_int_equal(fp32_to_fp16(INF32 | MINUS, &env), 0xffff);
    assert_int_equal(env.fpsr, FPSR_IOC);
    env.fpsr = 0;
    assert_int_equal(fp32_to_fp16(0x48000000, &env), 0x7fff);
    assert_int_equal(env.fpsr, FPSR_IOC);
    env.fpsr = 0;
    assert_int_equal(fp32_to_fp16(NAN32 | MINUS, &env), 0x8000);
    assert_int_equal(env.fpsr, FPSR_IOC);
    /* arithmetic does not care */
    assert_int_equal(fp16_add(0x7c00, 0x3c00, &env), 0x7c00);
}

static void conversions_keep_the_top_of_a_nan(void **state)
{
    struct fp_env env = {0, 0};

    (void)state;
    assert_int_equal(fp64_to_fp32(0xfff0000020000000, &env), 0xffc00001);
    assert_int_equal(env.fpsr, FPSR_IOC);
    assert_int_equal(fp16_to_fp64(0x7e01, &env), 0x7ff8040000000000);
    env.fpcr = FPCR_DN;
    assert_int_equal(fp16_to_fp64(0xfe01, &env), 0x7ff8000000000000);
}

static void round_to_odd_never_rounds_up(void **state)
{
    struct fp_env env = {0, 0};

    (void)state;
    assert_int_equal(fp64_to_fp32_odd(0x3ff0000000000001, &env), 0x3f800001);
    assert_int_equal(env.fpsr, FPSR_IXC);
    assert_int_equal(fp64_to_fp32_odd(0x7fe0000000000000, &env), 0x7f7fffff);
    assert_int_equal(env.fpsr, FPSR_IXC | FPSR_OFC);
    assert_int_equal(fp64_to_fp32_odd(0x0000000000000001, &env), 1);
}

static void fixed_point_saturates(void **state)
{
    static const struct {
        fp32 a;
        unsigned width, fbits;
        bool is_unsigned;
        uint64_t want;
        uint32_t flags;
    } v[] = {
        {0x4f000000, 32, 0, false, 0x7fffffff, FPSR_IOC},
        {0xcf000000, 32, 0, false, 0x80000000, 0},
        {0xcf000001, 32, 0, false, 0x80000000, FPSR_IOC},
        {0x4f000000, 32, 0, true, 0x80000000, 0},
        {0xbf800000, 32, 0, true, 0, FPSR_IOC},
        {0xbf000000, 64, 0, true, 0, FPSR_IXC},
        {INF32, 64, 0, true, ~0ull, FPSR_IOC},
        {INF32 | MINUS, 64, 0, false, 1ull << 63, FPSR_IOC},
        {NAN32, 64, 0, false, 0, FPSR_IOC},
        {0x3f800000, 64, 63, false, (1ull << 63) - 1, FPSR_IOC},
        {0x3f800000, 64, 63, true, 1ull << 63, 0},
        {0xbf800000, 32, 31, false, 0x80000000, 0},
        {0x00000001, 32, 32, true, 0, FPSR_IXC},
        {0xc7000000, 16, 0, false, 0x8000, 0},
        {0x47000000, 16, 0, false, 0x7fff, FPSR_IOC},
    };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(v); k++) {
        struct fp_env env = {0, 0};

        assert_int_equal(fp32_to_fixed(v[k].a, v[k].width, v[k].fbits,
                                       v[k].is_unsigned, FP_RZ, &env),
                         v[k].want);
        assert_int_equal(env.fpsr, v[k].flags);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_is_that_of_the_host),
        cmocka_unit_test(fused_multiply_add_is_that_of_the_host),
        cmocka_unit_test(conversions_are_those_of_the_host),
        cmocka_unit_test(rounding_to_integers_is_that_of_the_host),
        cmocka_unit_test(comparisons_are_those_of_the_host),
        cmocka_unit_test(half_precision_is_double_rounded_once),
        cmocka_unit_test(nans_propagate_in_order),
        cmocka_unit_test(flushing_is_as_fpcr_says),
        cmocka_unit_test(a_lone_quiet_nan_loses_to_a_number),
        cmocka_unit_test(multiply_extended_gives_two),
        cmocka_unit_test(steps_are_fused_and_know_infinity_times_zero),
        cmocka_unit_test(estimates_are_the_formula_of_the_architecture),
        cmocka_unit_test(estimates_are_near_the_truth),
        cmocka_unit_test(alternative_half_has_no_infinity),
        cmocka_unit_test(conversions_keep_the_top_of_a_nan),
        cmocka_unit_test(round_to_odd_never_rounds_up),
        cmocka_unit_test(fixed_point_saturates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
