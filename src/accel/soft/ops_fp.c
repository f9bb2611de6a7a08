// SPDX-License-Identifier: Apache-2.0
/* Scalar floating point. A result of any format clears the rest of its V
   register. */

#include "accel/soft/cpu.h"
#include "accel/soft/softfp.h"
#include "isa_gen.h"

/* A row's three formats: its letter, which is also the lane of union vreg, and
   its size. */
#define FORMATS(row, ...) \
    row(h, 16, __VA_ARGS__) row(s, 32, __VA_ARGS__) row(d, 64, __VA_ARGS__)

#define SIGN(bits) (1ull << ((bits)-1))

static void put(struct cpu *cpu, const struct insn *i, uint64_t value)
{
    cpu->v[i->rd].d[0] = value;
    cpu->v[i->rd].d[1] = 0;
}

/* VFPExpandImm: sign, exponent NOT(b):b..b:cd, fraction efgh. */
static uint64_t expand_imm(unsigned imm8, unsigned bits, unsigned frac)
{
    unsigned exp_bits = bits - frac - 1;
    uint64_t b = BIT(imm8, 6);
    uint64_t exp = (b ^ 1) << (exp_bits - 1) |
                   (b ? ((1ull << (exp_bits - 3)) - 1) << 2 : 0) |
                   BITS(imm8, 5, 4);

    return (uint64_t)BIT(imm8, 7) << (bits - 1) | exp << frac |
           BITS(imm8, 3, 0) << (frac - 4);
}

uint64_t imm_fp8_h(uint32_t word, uint32_t offset)
{
    return expand_imm((unsigned)BITS(word, 20, 13), 16, 10);
}

uint64_t imm_fp8_s(uint32_t word, uint32_t offset)
{
    return expand_imm((unsigned)BITS(word, 20, 13), 32, 23);
}

uint64_t imm_fp8_d(uint32_t word, uint32_t offset)
{
    return expand_imm((unsigned)BITS(word, 20, 13), 64, 52);
}

/* Of one source: `a` is it. */
#define ONE(t, bits, name, expr)         \
    EXEC(name##_##t)                     \
    {                                    \
        struct fp_env *env = &cpu->fp;   \
        fp##bits a = cpu->v[i->rn].t[0]; \
                                         \
        (void)env;                       \
        put(cpu, i, (fp##bits)(expr));   \
        return NEXT;                     \
    }
#define MOVE(t, bits, _)   ONE(t, bits, FMOV, a)
#define ABS(t, bits, _)    ONE(t, bits, FABS, a & ~SIGN(bits))
#define NEGATE(t, bits, _) ONE(t, bits, FNEG, a ^ SIGN(bits))
#define ROOT(t, bits, _)   ONE(t, bits, FSQRT, fp##bits##_sqrt(a, env))
#define RINT(t, bits, letter, mode, exact) \
    ONE(t, bits, FRINT##letter, fp##bits##_round_int(a, mode, exact, env))

FORMATS(MOVE, )
FORMATS(ABS, )
FORMATS(NEGATE, )
FORMATS(ROOT, )
FORMATS(RINT, N, FP_RN, false)
FORMATS(RINT, P, FP_RP, false)
FORMATS(RINT, M, FP_RM, false)
FORMATS(RINT, Z, FP_RZ, false)
FORMATS(RINT, A, FP_RA, false)
FORMATS(RINT, X, fp_rmode(env), true)
FORMATS(RINT, I, fp_rmode(env), false)

#define CONVERT(to, to_bits, from, from_bits)                     \
    EXEC(FCVT_##to##_##from)                                      \
    {                                                             \
        fp##from_bits a = cpu->v[i->rn].from[0];                  \
                                                                  \
        put(cpu, i, fp##from_bits##_to_fp##to_bits(a, &cpu->fp)); \
        return NEXT;                                              \
    }

CONVERT(h, 16, s, 32)
CONVERT(h, 16, d, 64)
CONVERT(s, 32, h, 16)
CONVERT(s, 32, d, 64)
CONVERT(d, 64, h, 16)
CONVERT(d, 64, s, 32)

#define IMMEDIATE(t, bits, _) \
    EXEC(FMOV_imm_##t)        \
    {                         \
        put(cpu, i, i->imm);  \
        return NEXT;          \
    }
FORMATS(IMMEDIATE, )

/* Of two, a and b. */
#define TWO(t, bits, name, fn, flip)                                       \
    EXEC(name##_##t)                                                       \
    {                                                                      \
        fp##bits a = cpu->v[i->rn].t[0], b = cpu->v[i->rm].t[0];           \
                                                                           \
        put(cpu, i, (fp##bits)(fp##bits##_##fn(a, b, &cpu->fp) ^ (flip))); \
        return NEXT;                                                       \
    }
#define NEGATED(t, bits, name, fn) TWO(t, bits, name, fn, SIGN(bits))

FORMATS(TWO, FADD, add, 0)
FORMATS(TWO, FSUB, sub, 0)
FORMATS(TWO, FMUL, mul, 0)
FORMATS(TWO, FDIV, div, 0)
FORMATS(TWO, FMAX, max, 0)
FORMATS(TWO, FMIN, min, 0)
FORMATS(TWO, FMAXNM, maxnm, 0)
FORMATS(TWO, FMINNM, minnm, 0)
FORMATS(NEGATED, FNMUL, mul)

/* Of three: the signs of the addend and of the first factor are turned before,
   which a NaN shows. */
#define THREE(t, bits, name, turn_addend, turn_factor)           \
    EXEC(name##_##t)                                             \
    {                                                            \
        fp##bits a = cpu->v[i->rn].t[0], b = cpu->v[i->rm].t[0], \
                 c = cpu->v[i->ra].t[0];                         \
                                                                 \
        a ^= (fp##bits)((turn_factor) ? SIGN(bits) : 0);         \
        c ^= (fp##bits)((turn_addend) ? SIGN(bits) : 0);         \
        put(cpu, i, fp##bits##_muladd(c, a, b, &cpu->fp));       \
        return NEXT;                                             \
    }

FORMATS(THREE, FMADD, false, false)
FORMATS(THREE, FMSUB, false, true)
FORMATS(THREE, FNMADD, true, true)
FORMATS(THREE, FNMSUB, true, false)

#define COMPARE(t, bits, name, signal)                                         \
    EXEC(name##_##t)                                                           \
    {                                                                          \
        cpu->nzcv = fp##bits##_compare(cpu->v[i->rn].t[0], cpu->v[i->rm].t[0], \
                                       signal, &cpu->fp);                      \
        return NEXT;                                                           \
    }                                                                          \
    EXEC(name##_zero_##t)                                                      \
    {                                                                          \
        cpu->nzcv =                                                            \
            fp##bits##_compare(cpu->v[i->rn].t[0], 0, signal, &cpu->fp);       \
        return NEXT;                                                           \
    }

FORMATS(COMPARE, FCMP, false)
FORMATS(COMPARE, FCMPE, true)

#define COND_COMPARE(t, bits, name, signal)                                \
    EXEC(name##_##t)                                                       \
    {                                                                      \
        if (cpu_cond(cpu, FIELD(i, 15, 12)))                               \
            cpu->nzcv = fp##bits##_compare(                                \
                cpu->v[i->rn].t[0], cpu->v[i->rm].t[0], signal, &cpu->fp); \
        else                                                               \
            cpu->nzcv = FIELD(i, 3, 0) << 28;                              \
        return NEXT;                                                       \
    }

FORMATS(COND_COMPARE, FCCMP, false)
FORMATS(COND_COMPARE, FCCMPE, true)

#define SELECT(t, bits, _)                               \
    EXEC(FCSEL_##t)                                      \
    {                                                    \
        bool holds = cpu_cond(cpu, FIELD(i, 15, 12));    \
                                                         \
        put(cpu, i, cpu->v[holds ? i->rn : i->rm].t[0]); \
        return NEXT;                                     \
    }
FORMATS(SELECT, )

/* Bits between V and general registers. */
#define TO_GPR(name, from)                  \
    EXEC(name)                              \
    {                                       \
        cpu->x[i->rd] = cpu->v[i->rn].from; \
        return NEXT;                        \
    }
#define FROM_GPR(name, type)              \
    EXEC(name)                            \
    {                                     \
        put(cpu, i, (type)cpu->x[i->rn]); \
        return NEXT;                      \
    }

TO_GPR(FMOV_gpr_h_w, h[0])
TO_GPR(FMOV_gpr_h_x, h[0])
TO_GPR(FMOV_w_s, s[0])
TO_GPR(FMOV_x_d, d[0])
TO_GPR(FMOV_x_top, d[1])
FROM_GPR(FMOV_h_gpr_w, uint16_t)
FROM_GPR(FMOV_h_gpr_x, uint16_t)
FROM_GPR(FMOV_s_w, uint32_t)
FROM_GPR(FMOV_d_x, uint64_t)

EXEC(FMOV_top_x)
{
    cpu->v[i->rd].d[1] = cpu->x[i->rn];
    return NEXT;
}

/* Numbers between them. to_fixed gives a W result without upper bits. */
#define TO_INT1(t, bits, name, width, fbits, is_unsigned, mode)               \
    EXEC(name)                                                                \
    {                                                                         \
        cpu->x[i->rd] = fp##bits##_to_fixed(cpu->v[i->rn].t[0], width, fbits, \
                                            is_unsigned, mode, &cpu->fp);     \
        return NEXT;                                                          \
    }
#define TO_INT(t, bits, letter, mode)                             \
    TO_INT1(t, bits, FCVT##letter##S_##t##_w, 32, 0, false, mode) \
    TO_INT1(t, bits, FCVT##letter##S_##t##_x, 64, 0, false, mode) \
    TO_INT1(t, bits, FCVT##letter##U_##t##_w, 32, 0, true, mode)  \
    TO_INT1(t, bits, FCVT##letter##U_##t##_x, 64, 0, true, mode)

FORMATS(TO_INT, N, FP_RN)
FORMATS(TO_INT, P, FP_RP)
FORMATS(TO_INT, M, FP_RM)
FORMATS(TO_INT, Z, FP_RZ)
FORMATS(TO_INT, A, FP_RA)

#define FBITS (64 - FIELD(i, 15, 10))
#define TO_FIXED(t, bits, _)                                      \
    TO_INT1(t, bits, FCVTZS_fix_##t##_w, 32, FBITS, false, FP_RZ) \
    TO_INT1(t, bits, FCVTZS_fix_##t##_x, 64, FBITS, false, FP_RZ) \
    TO_INT1(t, bits, FCVTZU_fix_##t##_w, 32, FBITS, true, FP_RZ)  \
    TO_INT1(t, bits, FCVTZU_fix_##t##_x, 64, FBITS, true, FP_RZ)
FORMATS(TO_FIXED, )

#define FROM_INT1(t, bits, name, type, fbits, is_unsigned)                   \
    EXEC(name)                                                               \
    {                                                                        \
        uint64_t a = (uint64_t)(type)cpu->x[i->rn];                          \
                                                                             \
        put(cpu, i,                                                          \
            fp##bits##_from_fixed(a, fbits, is_unsigned, fp_rmode(&cpu->fp), \
                                  &cpu->fp));                                \
        return NEXT;                                                         \
    }
#define FROM_INT(t, bits, middle, fbits)                            \
    FROM_INT1(t, bits, SCVTF##middle##t##_w, int32_t, fbits, false) \
    FROM_INT1(t, bits, SCVTF##middle##t##_x, int64_t, fbits, false) \
    FROM_INT1(t, bits, UCVTF##middle##t##_w, uint32_t, fbits, true) \
    FROM_INT1(t, bits, UCVTF##middle##t##_x, uint64_t, fbits, true)

FORMATS(FROM_INT, _, 0)
FORMATS(FROM_INT, _fix_, FBITS)
