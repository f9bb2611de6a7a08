// SPDX-License-Identifier: Apache-2.0
/* Advanced SIMD floating point of two or three operands, pairwise, across
   lanes and by element. */

#include "accel/soft/ops_simd_fp.h"

/* Lane by lane: `a` of Vn, `b` of Vm, `c` what Vd had. */
#define LANES(arr, bits, t, n, name, expr)                           \
    EXEC(name##_##arr)                                               \
    {                                                                \
        union vreg r = {.d = {0, 0}};                                \
        struct fp_env *env = &cpu->fp;                               \
                                                                     \
        for (unsigned e = 0; e < (n); e++) {                         \
            fp##bits a = cpu->v[i->rn].t[e], b = cpu->v[i->rm].t[e], \
                     c = cpu->v[i->rd].t[e];                         \
                                                                     \
            (void)c;                                                 \
            r.t[e] = expr;                                           \
        }                                                            \
        cpu->v[i->rd] = r;                                           \
        return NEXT;                                                 \
    }

#define TWO(arr, bits, t, n, name, fn) \
    LANES(arr, bits, t, n, name, FP(bits, fn)(a, b, env))

VECTORS(TWO, FADD, add)
VECTORS(TWO, FSUB, sub)
VECTORS(TWO, FMUL, mul)
VECTORS(TWO, FDIV, div)
VECTORS(TWO, FMAX, max)
VECTORS(TWO, FMIN, min)
VECTORS(TWO, FMAXNM, maxnm)
VECTORS(TWO, FMINNM, minnm)
ALL(TWO, FMULX, mulx)
ALL(TWO, FRECPS, recps)
ALL(TWO, FRSQRTS, rsqrts)

#define MULTIPLY_ADD(arr, bits, t, n, _) \
    LANES(arr, bits, t, n, FMLA, FP(bits, muladd)(c, a, b, env))
#define MULTIPLY_SUB(arr, bits, t, n, _) \
    LANES(arr, bits, t, n, FMLS, FP(bits, muladd)(c, FP_NEG(bits, a), b, env))
#define DIFFERENCE(arr, bits, t, n, _) \
    LANES(arr, bits, t, n, FABD, FP_ABS(bits, FP(bits, sub)(a, b, env)))

VECTORS(MULTIPLY_ADD, )
VECTORS(MULTIPLY_SUB, )
ALL(DIFFERENCE, )

#define COMPARE(arr, bits, t, n, name, fn) \
    LANES(arr, bits, t, n, name, FP_MASK(bits, FP(bits, fn)(a, b, env)))
#define COMPARE_ABS(arr, bits, t, n, name, fn) \
    LANES(arr, bits, t, n, name,               \
          FP_MASK(bits, FP(bits, fn)(FP_ABS(bits, a), FP_ABS(bits, b), env)))

ALL(COMPARE, FCMEQ, eq)
ALL(COMPARE, FCMGE, ge)
ALL(COMPARE, FCMGT, gt)
ALL(COMPARE_ABS, FACGE, ge)
ALL(COMPARE_ABS, FACGT, gt)

/* Neighbours, those of Vn below those of Vm. */
#define PAIRWISE(arr, bits, t, n, name, fn)                                  \
    EXEC(name##_##arr)                                                       \
    {                                                                        \
        const union vreg *vn = &cpu->v[i->rn], *vm = &cpu->v[i->rm];         \
        union vreg r = {.d = {0, 0}};                                        \
                                                                             \
        for (unsigned e = 0; e < (n) / 2; e++) {                             \
            r.t[e] = FP(bits, fn)(vn->t[2 * e], vn->t[2 * e + 1], &cpu->fp); \
            r.t[(n) / 2 + e] =                                               \
                FP(bits, fn)(vm->t[2 * e], vm->t[2 * e + 1], &cpu->fp);      \
        }                                                                    \
        cpu->v[i->rd] = r;                                                   \
        return NEXT;                                                         \
    }
/* The scalar form has one source: its two lowest lanes. */
#define PAIR(arr, bits, t, n, name, fn)                          \
    EXEC(name##_##arr)                                           \
    {                                                            \
        const union vreg *vn = &cpu->v[i->rn];                   \
        uint64_t r = FP(bits, fn)(vn->t[0], vn->t[1], &cpu->fp); \
                                                                 \
        cpu->v[i->rd].d[0] = r;                                  \
        cpu->v[i->rd].d[1] = 0;                                  \
        return NEXT;                                             \
    }
#define PAIRS(name, fn) VECTORS(PAIRWISE, name, fn) SCALARS(PAIR, name, fn)

PAIRS(FADDP, add)
PAIRS(FMAXP, max)
PAIRS(FMINP, min)
PAIRS(FMAXNMP, maxnm)
PAIRS(FMINNMP, minnm)

/* Reduce(): halves of halves, the lower half first. Which NaN survives shows
   the order. */
#define ACROSS(arr, bits, t, n, name, fn)                                    \
    EXEC(name##_##arr)                                                       \
    {                                                                        \
        union vreg r = cpu->v[i->rn];                                        \
                                                                             \
        for (unsigned left = (n) / 2; left; left /= 2) {                     \
            for (unsigned e = 0; e < left; e++)                              \
                r.t[e] = FP(bits, fn)(r.t[2 * e], r.t[2 * e + 1], &cpu->fp); \
        }                                                                    \
        cpu->v[i->rd].d[0] = r.t[0];                                         \
        cpu->v[i->rd].d[1] = 0;                                              \
        return NEXT;                                                         \
    }
#define REDUCTIONS(name, fn)       \
    ACROSS(4h, 16, h, 4, name, fn) \
    ACROSS(8h, 16, h, 8, name, fn) \
    ACROSS(4s, 32, s, 4, name, fn)

REDUCTIONS(FMAXV, max)
REDUCTIONS(FMINV, min)
REDUCTIONS(FMAXNMV, maxnm)
REDUCTIONS(FMINNMV, minnm)

/* H:L:M, H:L and H; above them the register, of which a half has 16. */
uint64_t imm_elem_h(uint32_t word, uint32_t offset)
{
    return BITS(word, 19, 16) << 3 | BIT(word, 11) << 2 | BITS(word, 21, 20);
}

uint64_t imm_elem_s(uint32_t word, uint32_t offset)
{
    return BITS(word, 20, 16) << 3 | BIT(word, 11) << 1 | BIT(word, 21);
}

uint64_t imm_elem_d(uint32_t word, uint32_t offset)
{
    return BITS(word, 20, 16) << 3 | BIT(word, 11);
}

#define ELEMENT(arr, bits, t, n, name, expr)                         \
    EXEC(name##_elem_##arr)                                          \
    {                                                                \
        fp##bits b = cpu->v[i->imm >> 3].t[i->imm & 7];              \
        union vreg r = {.d = {0, 0}};                                \
        struct fp_env *env = &cpu->fp;                               \
                                                                     \
        for (unsigned e = 0; e < (n); e++) {                         \
            fp##bits a = cpu->v[i->rn].t[e], c = cpu->v[i->rd].t[e]; \
                                                                     \
            (void)c;                                                 \
            r.t[e] = expr;                                           \
        }                                                            \
        cpu->v[i->rd] = r;                                           \
        return NEXT;                                                 \
    }
#define MLA_ELEMENT(arr, bits, t, n, _) \
    ELEMENT(arr, bits, t, n, FMLA, FP(bits, muladd)(c, a, b, env))
#define MLS_ELEMENT(arr, bits, t, n, _) \
    ELEMENT(arr, bits, t, n, FMLS, FP(bits, muladd)(c, FP_NEG(bits, a), b, env))
#define MUL_ELEMENT(arr, bits, t, n, name, fn) \
    ELEMENT(arr, bits, t, n, name, FP(bits, fn)(a, b, env))

ALL(MLA_ELEMENT, )
ALL(MLS_ELEMENT, )
ALL(MUL_ELEMENT, FMUL, mul)
ALL(MUL_ELEMENT, FMULX, mulx)
