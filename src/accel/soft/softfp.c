// SPDX-License-Identifier: Apache-2.0
/* Arithmetic and comparison. Function by function the shared pseudocode of the
   Arm ARM (J1.3, "FP"), with real numbers as 64-bit significands. */

#include "accel/soft/softfp.h"

#include "accel/soft/softfp_core.h"

typedef unsigned __int128 u128;

FP_INLINE uint64_t num_add(struct fp_fmt f, struct fp_num x, struct fp_num y,
                           struct fp_env *env)
{
    uint64_t small;
    int lz;

    if (x.exp < y.exp || (x.exp == y.exp && x.sig < y.sig)) {
        struct fp_num t = x;
        x = y;
        y = t;
    }
    /* Halved for the carry; ten bits below the fraction are left, so a sticky
       bit cannot reach the rounding bit when leading bits cancel. */
    small = fp_shr_sticky(y.sig >> 1, (unsigned)(x.exp - y.exp));
    x.sig >>= 1;
    x.sig = x.sign == y.sign ? x.sig + small : x.sig - small;
    if (!x.sig)
        return fp_cancelled(f, env);
    lz = __builtin_clzll(x.sig);
    x.sig <<= lz;
    x.exp += 1 - lz;
    return fp_round(f, x, env);
}

FP_INLINE uint64_t add_special(struct fp_fmt f, uint64_t a, uint64_t b,
                               struct fp_num x, struct fp_num y, bool negate,
                               struct fp_env *env)
{
    if (fp_num_nan(x) || fp_num_nan(y))
        return fp_nan2(f, a, b, env);
    y.sign ^= negate;
    if (x.kind == FP_INF && y.kind == FP_INF && x.sign != y.sign)
        return fp_invalid(f, env);
    if (x.kind == FP_INF)
        return fp_inf(f, x.sign);
    if (y.kind == FP_INF)
        return fp_inf(f, y.sign);
    if (y.kind == FP_FINITE)
        return negate ? b ^ fp_sign_bit(f) : b;
    if (x.kind == FP_FINITE)
        return a;
    return x.sign == y.sign ? fp_zero(f, x.sign) : fp_cancelled(f, env);
}

/* FPAdd, FPSub */
FP_INLINE uint64_t add(struct fp_fmt f, uint64_t a, uint64_t b, bool negate,
                       struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a, env), y = fp_unpack(f, b, env);

    if (unlikely(x.kind != FP_FINITE || y.kind != FP_FINITE))
        return add_special(f, a, b, x, y, negate, env);
    y.sign ^= negate;
    return num_add(f, x, y, env);
}

/* FPMul, FPMulX */
FP_INLINE uint64_t mul(struct fp_fmt f, uint64_t a, uint64_t b, bool extended,
                       struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a, env), y = fp_unpack(f, b, env);
    struct fp_num r = {FP_FINITE, x.sign != y.sign, x.exp + y.exp + 1, 0};
    u128 p;

    if (unlikely(x.kind != FP_FINITE || y.kind != FP_FINITE)) {
        if (fp_num_nan(x) || fp_num_nan(y))
            return fp_nan2(f, a, b, env);
        if (x.kind != FP_INF && y.kind != FP_INF)
            return fp_zero(f, r.sign);
        if (x.kind != FP_ZERO && y.kind != FP_ZERO)
            return fp_inf(f, r.sign);
        if (!extended)
            return fp_invalid(f, env);
        return fp_zero(f, r.sign) | (uint64_t)(fp_bias(f) + 1) << f.frac;
    }
    p = (u128)x.sig * y.sig;
    if (!(p >> 127)) {
        p <<= 1;
        r.exp--;
    }
    r.sig = (uint64_t)(p >> 64) | ((uint64_t)p != 0);
    return fp_round(f, r, env);
}

/* sig of x / y in 62 or more bits, the last one sticky; leading bit at 62 or
   61 (double), 39 or 38 (others: one division of 64 bits). */
FP_INLINE uint64_t div_sig(struct fp_fmt f, uint64_t x, uint64_t y)
{
    if (f.bits == 64) {
        u128 n = (u128)x << 62;
        uint64_t q = (uint64_t)(n / y);

        return q | ((u128)q * y != n);
    } else {
        uint64_t n = x >> 1, d = y >> 40, q = n / d;

        return q | (q * d != n);
    }
}

/* FPDiv */
FP_INLINE uint64_t divide(struct fp_fmt f, uint64_t a, uint64_t b,
                          struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a, env), y = fp_unpack(f, b, env);
    struct fp_num r = {FP_FINITE, x.sign != y.sign, x.exp - y.exp, 0};
    int lz;

    if (unlikely(x.kind != FP_FINITE || y.kind != FP_FINITE)) {
        if (fp_num_nan(x) || fp_num_nan(y))
            return fp_nan2(f, a, b, env);
        if (x.kind == y.kind)
            return fp_invalid(f, env);
        if (x.kind == FP_ZERO || y.kind == FP_INF)
            return fp_zero(f, r.sign);
        if (x.kind != FP_INF)
            fp_raise(env, FPSR_DZC);
        return fp_inf(f, r.sign);
    }
    r.sig = div_sig(f, x.sig, y.sig);
    lz = __builtin_clzll(r.sig);
    r.sig <<= lz;
    /* a quotient of 1 has its bit at 62, or 39 */
    r.exp += (f.bits == 64 ? 1 : 24) - lz;
    return fp_round(f, r, env);
}

/* The square root of n, at least 2^30, and what is left over. */
static uint32_t sqrt32(uint32_t n, uint32_t *rem)
{
    uint32_t root = 0, bit = 1u << 30;

    for (; bit; bit >>= 2) {
        if (n >= root + bit) {
            n -= root + bit;
            root = root >> 1 | bit;
        } else {
            root >>= 1;
        }
    }
    *rem = n;
    return root;
}

/* Zimmermann, "Karatsuba Square Root": from the root of the upper half to that
   of the whole by one division. n is at least 2^62. */
static uint32_t sqrt64(uint64_t n, uint64_t *rem)
{
    uint32_t r;
    uint64_t s = sqrt32((uint32_t)(n >> 32), &r);
    uint64_t t = (uint64_t)r << 16 | BITS(n, 31, 16);
    uint64_t q = t / (2 * s), u = t % (2 * s);
    int64_t left = (int64_t)(u << 16 | BITS(n, 15, 0)) - (int64_t)(q * q);

    s = (s << 16) + q;
    if (left < 0) {
        left += 2 * (int64_t)s - 1;
        s--;
    }
    *rem = (uint64_t)left;
    return (uint32_t)s;
}

/* The root of n << 64, n at least 2^62; bit 0 is sticky. */
static uint64_t sqrt128(uint64_t n)
{
    uint64_t r, s = sqrt64(n, &r);
    u128 t = (u128)r << 32;
    u128 q = t / (2 * s), u = t % (2 * s);
    __int128 left = (__int128)(u << 32) - (__int128)(q * q);
    u128 root = ((u128)s << 32) + q;

    if (left < 0) {
        left += 2 * (__int128)root - 1;
        root--;
    }
    return (uint64_t)root | (left != 0);
}

/* FPSqrt */
FP_INLINE uint64_t root(struct fp_fmt f, uint64_t a, struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a, env);
    uint64_t rem;

    if (fp_num_nan(x))
        return fp_nan(f, a, env);
    if (x.kind == FP_ZERO)
        return fp_zero(f, x.sign);
    if (x.sign)
        return fp_invalid(f, env);
    if (x.kind == FP_INF)
        return fp_inf(f, false);
    /* x.sig * 2^-63, or half of it, with an even exponent; roots keep 63. */
    if (!(x.exp & 1))
        x.sig >>= 1;
    x.exp >>= 1;
    if (f.bits == 64) {
        x.sig = sqrt128(x.sig);
    } else {
        x.sig = (uint64_t)sqrt64(x.sig, &rem) << 32;
        x.sig |= rem != 0;
    }
    return fp_round(f, x, env);
}

/* A sum of 128 bits, of which bit 126 is worth 2^exp. */
struct wide {
    bool sign;
    int exp;
    u128 sig;
};

/* a + x * y * 2^scale for finite x and y, and a finite or zero. */
FP_INLINE uint64_t num_muladd(struct fp_fmt f, struct fp_num a, struct fp_num x,
                              struct fp_num y, int scale, struct fp_env *env)
{
    struct wide p = {x.sign != y.sign, x.exp + y.exp + 1,
                     (u128)x.sig * y.sig >> 1};
    struct wide c = {a.sign, a.exp, (u128)a.sig << 63};
    struct fp_num r;
    int lz;

    /* The product has 22 low zeros at least: the shifts lose nothing. */
    if (!(p.sig >> 126)) {
        p.sig <<= 1;
        p.exp--;
    }
    if (a.kind == FP_FINITE) {
        if (c.exp > p.exp || (c.exp == p.exp && c.sig > p.sig)) {
            struct wide t = p;
            p = c;
            c = t;
        }
        c.sig = fp_shr_sticky128(c.sig, (unsigned)(p.exp - c.exp));
        p.sig = p.sign == c.sign ? p.sig + c.sig : p.sig - c.sig;
        if (!p.sig)
            return fp_cancelled(f, env);
    }
    lz = p.sig >> 64 ? __builtin_clzll((uint64_t)(p.sig >> 64))
                     : 64 + __builtin_clzll((uint64_t)p.sig);
    p.sig <<= lz;
    r = (struct fp_num){FP_FINITE, p.sign, p.exp + 1 - lz + scale,
                        (uint64_t)(p.sig >> 64) | ((uint64_t)p.sig != 0)};
    return fp_round(f, r, env);
}

FP_INLINE bool inf_times_zero(struct fp_num x, struct fp_num y)
{
    return (x.kind == FP_INF && y.kind == FP_ZERO) ||
           (x.kind == FP_ZERO && y.kind == FP_INF);
}

/* FPMulAdd when an operand is not FINITE, the product at least. */
FP_INLINE uint64_t muladd_special(struct fp_fmt f, uint64_t a, struct fp_num na,
                                  struct fp_num x, struct fp_num y,
                                  struct fp_env *env)
{
    bool sign = x.sign != y.sign;
    bool inf = x.kind == FP_INF || y.kind == FP_INF;

    if (inf_times_zero(x, y) || (inf && na.kind == FP_INF && na.sign != sign))
        return fp_invalid(f, env);
    if (inf)
        return fp_inf(f, sign);
    if (na.kind != FP_ZERO) /* infinite, or a product of zero is added */
        return a;
    return na.sign == sign ? fp_zero(f, sign) : fp_cancelled(f, env);
}

/* FPMulAdd */
FP_INLINE uint64_t muladd(struct fp_fmt f, uint64_t a, uint64_t b, uint64_t c,
                          struct fp_env *env)
{
    struct fp_num na = fp_unpack(f, a, env), x = fp_unpack(f, b, env),
                  y = fp_unpack(f, c, env);

    if (unlikely(fp_num_nan(na) || fp_num_nan(x) || fp_num_nan(y))) {
        if (na.kind == FP_QNAN && inf_times_zero(x, y))
            return fp_invalid(f, env);
        return fp_nan3(f, a, b, c, env);
    }
    if (unlikely(x.kind != FP_FINITE || y.kind != FP_FINITE ||
                 na.kind == FP_INF))
        return muladd_special(f, a, na, x, y, env);
    return num_muladd(f, na, x, y, 0, env);
}

/* FPRecipStepFused: 2 - a * b; FPRSqrtStepFused: (3 - a * b) / 2. */
FP_INLINE uint64_t step(struct fp_fmt f, uint64_t a, uint64_t b, bool is_sqrt,
                        struct fp_env *env)
{
    struct fp_num k = {FP_FINITE, false, 1, is_sqrt ? 3ull << 62 : 1ull << 63};
    struct fp_num x, y;
    int scale = is_sqrt ? -1 : 0;

    a ^= fp_sign_bit(f);
    x = fp_unpack(f, a, env);
    y = fp_unpack(f, b, env);
    if (fp_num_nan(x) || fp_num_nan(y))
        return fp_nan2(f, a, b, env);
    if (!inf_times_zero(x, y)) {
        if (x.kind == FP_INF || y.kind == FP_INF)
            return fp_inf(f, x.sign != y.sign);
        if (x.kind == FP_FINITE && y.kind == FP_FINITE)
            return num_muladd(f, k, x, y, scale, env);
    }
    k.exp += scale;
    return fp_round(f, k, env);
}

/* Numbers, zeros of both signs equal, in the order of these. */
FP_INLINE int64_t order(struct fp_fmt f, uint64_t a)
{
    int64_t mag = (int64_t)(a & ~fp_sign_bit(f));

    return fp_sign(f, a) ? -mag : mag;
}

/* FPMin, FPMax */
FP_INLINE uint64_t pick(struct fp_fmt f, uint64_t a, uint64_t b, bool is_min,
                        struct fp_env *env)
{
    int64_t x, y;

    a = fp_squash(f, a, env);
    b = fp_squash(f, b, env);
    if (unlikely(fp_is_nan(f, a) || fp_is_nan(f, b)))
        return fp_nan2(f, a, b, env);
    x = order(f, a);
    y = order(f, b);
    if (x == y) /* the same, or two zeros */
        return is_min ? a | b : a & b;
    return (x < y) == is_min ? a : b;
}

/* FPMinNum, FPMaxNum: a lone quiet NaN loses. */
FP_INLINE uint64_t pick_num(struct fp_fmt f, uint64_t a, uint64_t b,
                            bool is_min, struct fp_env *env)
{
    bool qa = fp_is_nan(f, a) && !fp_is_snan(f, a);
    bool qb = fp_is_nan(f, b) && !fp_is_snan(f, b);

    if (qa && !qb)
        a = fp_inf(f, !is_min);
    else if (qb && !qa)
        b = fp_inf(f, !is_min);
    return pick(f, a, b, is_min, env);
}

/* FPCompare */
FP_INLINE uint32_t compare(struct fp_fmt f, uint64_t a, uint64_t b, bool signal,
                           struct fp_env *env)
{
    int64_t x, y;

    a = fp_squash(f, a, env);
    b = fp_squash(f, b, env);
    if (unlikely(fp_is_nan(f, a) || fp_is_nan(f, b))) {
        if (signal || fp_is_snan(f, a) || fp_is_snan(f, b))
            fp_raise(env, FPSR_IOC);
        return 3u << 28;
    }
    x = order(f, a);
    y = order(f, b);
    return (x == y ? 6u : x < y ? 8u : 2u) << 28;
}

/* FPCompareGE and FPCompareGT raise IOC for quiet NaNs too, EQ does not. */
#define DEFINE(n, f)                                                         \
    fp##n fp##n##_add(fp##n a, fp##n b, struct fp_env *env)                  \
    {                                                                        \
        return (fp##n)add(f, a, b, false, env);                              \
    }                                                                        \
    fp##n fp##n##_sub(fp##n a, fp##n b, struct fp_env *env)                  \
    {                                                                        \
        return (fp##n)add(f, a, b, true, env);                               \
    }                                                                        \
    fp##n fp##n##_mul(fp##n a, fp##n b, struct fp_env *env)                  \
    {                                                                        \
        return (fp##n)mul(f, a, b, false, env);                              \
    }                                                                        \
    fp##n fp##n##_mulx(fp##n a, fp##n b, struct fp_env *env)                 \
    {                                                                        \
        return (fp##n)mul(f, a, b, true, env);                               \
    }                                                                        \
    fp##n fp##n##_div(fp##n a, fp##n b, struct fp_env *env)                  \
    {                                                                        \
        return (fp##n)divide(f, a, b, env);                                  \
    }                                                                        \
    fp##n fp##n##_sqrt(fp##n a, struct fp_env *env)                          \
    {                                                                        \
        return (fp##n)root(f, a, env);                                       \
    }                                                                        \
    fp##n fp##n##_muladd(fp##n addend, fp##n a, fp##n b, struct fp_env *env) \
    {                                                                        \
        return (fp##n)muladd(f, addend, a, b, env);                          \
    }                                                                        \
    fp##n fp##n##_recps(fp##n a, fp##n b, struct fp_env *env)                \
    {                                                                        \
        return (fp##n)step(f, a, b, false, env);                             \
    }                                                                        \
    fp##n fp##n##_rsqrts(fp##n a, fp##n b, struct fp_env *env)               \
    {                                                                        \
        return (fp##n)step(f, a, b, true, env);                              \
    }                                                                        \
    fp##n fp##n##_min(fp##n a, fp##n b, struct fp_env *env)                  \
    {                                                                        \
        return (fp##n)pick(f, a, b, true, env);                              \
    }                                                                        \
    fp##n fp##n##_max(fp##n a, fp##n b, struct fp_env *env)                  \
    {                                                                        \
        return (fp##n)pick(f, a, b, false, env);                             \
    }                                                                        \
    fp##n fp##n##_minnm(fp##n a, fp##n b, struct fp_env *env)                \
    {                                                                        \
        return (fp##n)pick_num(f, a, b, true, env);                          \
    }                                                                        \
    fp##n fp##n##_maxnm(fp##n a, fp##n b, struct fp_env *env)                \
    {                                                                        \
        return (fp##n)pick_num(f, a, b, false, env);                         \
    }                                                                        \
    uint32_t fp##n##_compare(fp##n a, fp##n b, bool signal,                  \
                             struct fp_env *env)                             \
    {                                                                        \
        return compare(f, a, b, signal, env);                                \
    }                                                                        \
    bool fp##n##_eq(fp##n a, fp##n b, struct fp_env *env)                    \
    {                                                                        \
        return compare(f, a, b, false, env) == 6u << 28;                     \
    }                                                                        \
    bool fp##n##_ge(fp##n a, fp##n b, struct fp_env *env)                    \
    {                                                                        \
        uint32_t nzcv = compare(f, a, b, true, env);                         \
                                                                             \
        return nzcv == 6u << 28 || nzcv == 2u << 28;                         \
    }                                                                        \
    bool fp##n##_gt(fp##n a, fp##n b, struct fp_env *env)                    \
    {                                                                        \
        return compare(f, a, b, true, env) == 2u << 28;                      \
    }

DEFINE(16, FP_FMT16)
DEFINE(32, FP_FMT32)
DEFINE(64, FP_FMT64)
