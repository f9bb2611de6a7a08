// SPDX-License-Identifier: Apache-2.0
/*
 * Loads and stores of general registers. A register is written only after the
 * access went through. Where the architecture leaves it open (write-back to the
 * register that is loaded, a pair of equal registers) the value loaded last
 * wins.
 */

#include "accel/soft/ldst.h"
#include "isa_gen.h"

#define RD cpu->x[i->rd]

uint64_t imm_uoff(uint32_t word, uint32_t offset)
{
    (void)offset;
    return BITS(word, 21, 10) << (word >> 30);
}

uint64_t imm_soff9(uint32_t word, uint32_t offset)
{
    (void)offset;
    return (uint64_t)sext64(BITS(word, 20, 12), 9);
}

uint64_t imm_pair(uint32_t word, uint32_t offset)
{
    (void)offset;
    return (uint64_t)sext64(BITS(word, 21, 15), 7) << (word >> 31 ? 3 : 2);
}

uint64_t imm_regoff(uint32_t word, uint32_t offset)
{
    (void)offset;
    return BIT(word, 12) ? word >> 30 : 0; /* the shift */
}

/*
 * An executor is two functions: one that goes through as long as the TLB hits
 * and needs no stack for it, and one for all else, which starts anew. `va` is
 * where; the rest is what is done to the base when the access went through.
 */
#define COLD static __attribute__((noinline, cold)) const struct insn *

#define LOAD(name, bits, extend, acc, va_expr, ...)             \
    COLD slow_##name(struct cpu *cpu, const struct insn *i)     \
    {                                                           \
        uint##bits##_t v;                                       \
        uint64_t va;                                            \
                                                                \
        if (base_faults(cpu, i))                                \
            return exc_sp_align(cpu, i);                        \
        va = va_expr;                                           \
        if (!mem_read(cpu, i, va, &v, bits / 8, bits / 8, acc)) \
            return NULL;                                        \
        __VA_ARGS__;                                            \
        RD = (uint64_t)extend v;                                \
        return NEXT;                                            \
    }                                                           \
    EXEC(name)                                                  \
    {                                                           \
        uint64_t va = va_expr;                                  \
        const uint8_t *p;                                       \
        uint##bits##_t v;                                       \
                                                                \
        if (unlikely(!mem_hit_r(cpu, va, bits / 8, acc, &p) ||  \
                     base_faults(cpu, i)))                      \
            return slow_##name(cpu, i);                         \
        memcpy(&v, p, sizeof(v));                               \
        __VA_ARGS__;                                            \
        RD = (uint64_t)extend v;                                \
        return NEXT;                                            \
    }

#define STORE(name, bits, acc, va_expr, ...)                     \
    COLD slow_##name(struct cpu *cpu, const struct insn *i)      \
    {                                                            \
        uint##bits##_t v = (uint##bits##_t)RD;                   \
        uint64_t va;                                             \
                                                                 \
        if (base_faults(cpu, i))                                 \
            return exc_sp_align(cpu, i);                         \
        va = va_expr;                                            \
        if (!mem_write(cpu, i, va, &v, bits / 8, bits / 8, acc)) \
            return NULL;                                         \
        __VA_ARGS__;                                             \
        return NEXT;                                             \
    }                                                            \
    EXEC(name)                                                   \
    {                                                            \
        uint##bits##_t v = (uint##bits##_t)RD;                   \
        uint64_t va = va_expr;                                   \
        uint8_t *p;                                              \
                                                                 \
        if (unlikely(!mem_hit_w(cpu, va, bits / 8, acc, &p) ||   \
                     base_faults(cpu, i)))                       \
            return slow_##name(cpu, i);                          \
        memcpy(p, &v, sizeof(v));                                \
        __VA_ARGS__;                                             \
        return NEXT;                                             \
    }

#define LOAD_FORMS(name, bits, extend)                                  \
    LOAD(name##_imm, bits, extend, ACC_READ, BASE + i->imm)             \
    LOAD(name##_ur, bits, extend, ACC_READ, BASE + i->imm)              \
    LOAD(name##_post, bits, extend, ACC_READ, BASE, BASE = va + i->imm) \
    LOAD(name##_pre, bits, extend, ACC_READ, BASE + i->imm, BASE = va)  \
    LOAD(name##_t, bits, extend, ACC_READ | ACC_UNPRIV, BASE + i->imm)  \
    LOAD(name##_reg, bits, extend, ACC_READ, BASE + OFFSET(uint64_t))   \
    LOAD(name##_uxtw, bits, extend, ACC_READ, BASE + OFFSET(uint32_t))  \
    LOAD(name##_sxtw, bits, extend, ACC_READ, BASE + OFFSET(int32_t))

#define STORE_FORMS(name, bits)                                   \
    STORE(name##_imm, bits, ACC_WRITE, BASE + i->imm)             \
    STORE(name##_ur, bits, ACC_WRITE, BASE + i->imm)              \
    STORE(name##_post, bits, ACC_WRITE, BASE, BASE = va + i->imm) \
    STORE(name##_pre, bits, ACC_WRITE, BASE + i->imm, BASE = va)  \
    STORE(name##_t, bits, ACC_WRITE | ACC_UNPRIV, BASE + i->imm)  \
    STORE(name##_reg, bits, ACC_WRITE, BASE + OFFSET(uint64_t))   \
    STORE(name##_uxtw, bits, ACC_WRITE, BASE + OFFSET(uint32_t))  \
    STORE(name##_sxtw, bits, ACC_WRITE, BASE + OFFSET(int32_t))

/* clang-format off */
LOAD_FORMS(LDRB, 8, )
LOAD_FORMS(LDRH, 16, )
LOAD_FORMS(LDRW, 32, )
LOAD_FORMS(LDRX, 64, )
LOAD_FORMS(LDRSBX, 8, (int64_t)(int8_t))
LOAD_FORMS(LDRSHX, 16, (int64_t)(int16_t))
LOAD_FORMS(LDRSWX, 32, (int64_t)(int32_t))
LOAD_FORMS(LDRSBW, 8, (uint32_t)(int8_t))
LOAD_FORMS(LDRSHW, 16, (uint32_t)(int16_t))
STORE_FORMS(STRB, 8)
STORE_FORMS(STRH, 16)
STORE_FORMS(STRW, 32)
STORE_FORMS(STRX, 64)
/* clang-format on */

/* Literals have no base register to check. */
#define LITERAL(name, bits, extend)                                    \
    EXEC(name)                                                         \
    {                                                                  \
        uint##bits##_t v;                                              \
                                                                       \
        if (unlikely(!mem_ld##bits(cpu, i, cpu->blk_pc + i->imm, &v))) \
            return NULL;                                               \
        RD = (uint64_t)extend v;                                       \
        return NEXT;                                                   \
    }
/* clang-format off */
LITERAL(LDRW_lit, 32, )
LITERAL(LDRX_lit, 64, )
LITERAL(LDRSWX_lit, 32, (int64_t)(int32_t))
/* clang-format on */

/* Prefetches are hints; they do not fault. */
EXEC(PRFM_imm)
{
    return NEXT;
}

EXEC(PRFM_reg)
{
    return NEXT;
}

EXEC(PRFM_lit)
{
    return NEXT;
}

EXEC(PRFUM)
{
    return NEXT;
}

#define PAIR_LOAD(name, bits, extend, va_expr, ...)                  \
    COLD slow_##name(struct cpu *cpu, const struct insn *i)          \
    {                                                                \
        uint##bits##_t v[2];                                         \
        uint64_t va;                                                 \
                                                                     \
        if (base_faults(cpu, i))                                     \
            return exc_sp_align(cpu, i);                             \
        va = va_expr;                                                \
        if (!mem_read(cpu, i, va, v, sizeof(v), bits / 8, ACC_READ)) \
            return NULL;                                             \
        __VA_ARGS__;                                                 \
        RD = (uint64_t)extend v[0];                                  \
        cpu->x[i->ra] = (uint64_t)extend v[1];                       \
        return NEXT;                                                 \
    }                                                                \
    EXEC(name)                                                       \
    {                                                                \
        uint64_t va = va_expr;                                       \
        const uint8_t *p;                                            \
        uint##bits##_t v, v2;                                        \
                                                                     \
        if (unlikely(!mem_hit_r(cpu, va, bits / 4, ACC_READ, &p) ||  \
                     base_faults(cpu, i)))                           \
            return slow_##name(cpu, i);                              \
        memcpy(&v, p, sizeof(v));                                    \
        memcpy(&v2, p + sizeof(v), sizeof(v));                       \
        __VA_ARGS__;                                                 \
        RD = (uint64_t)extend v;                                     \
        cpu->x[i->ra] = (uint64_t)extend v2;                         \
        return NEXT;                                                 \
    }

#define PAIR_STORE(name, bits, va_expr, ...)                           \
    COLD slow_##name(struct cpu *cpu, const struct insn *i)            \
    {                                                                  \
        uint##bits##_t v[2] = {(uint##bits##_t)RD,                     \
                               (uint##bits##_t)cpu->x[i->ra]};         \
        uint64_t va;                                                   \
                                                                       \
        if (base_faults(cpu, i))                                       \
            return exc_sp_align(cpu, i);                               \
        va = va_expr;                                                  \
        if (!mem_write(cpu, i, va, v, sizeof(v), bits / 8, ACC_WRITE)) \
            return NULL;                                               \
        __VA_ARGS__;                                                   \
        return NEXT;                                                   \
    }                                                                  \
    EXEC(name)                                                         \
    {                                                                  \
        uint##bits##_t v = (uint##bits##_t)RD;                         \
        uint##bits##_t v2 = (uint##bits##_t)cpu->x[i->ra];             \
        uint64_t va = va_expr;                                         \
        uint8_t *p;                                                    \
                                                                       \
        if (unlikely(!mem_hit_w(cpu, va, bits / 4, ACC_WRITE, &p) ||   \
                     base_faults(cpu, i)))                             \
            return slow_##name(cpu, i);                                \
        memcpy(p, &v, sizeof(v));                                      \
        memcpy(p + sizeof(v), &v2, sizeof(v));                         \
        __VA_ARGS__;                                                   \
        return NEXT;                                                   \
    }

#define PAIR_FORMS(kind, name, ...)                              \
    kind(name##_imm, __VA_ARGS__, BASE + i->imm)                 \
        kind(name##_post, __VA_ARGS__, BASE, BASE = va + i->imm) \
            kind(name##_pre, __VA_ARGS__, BASE + i->imm, BASE = va)
/* clang-format off */
PAIR_FORMS(PAIR_LOAD, LDPW, 32, )
PAIR_FORMS(PAIR_LOAD, LDPX, 64, )
PAIR_FORMS(PAIR_LOAD, LDPSWX, 32, (int64_t)(int32_t))
PAIR_FORMS(PAIR_STORE, STPW, 32)
PAIR_FORMS(PAIR_STORE, STPX, 64)
PAIR_LOAD(LDNPW, 32, , BASE + i->imm)
PAIR_LOAD(LDNPX, 64, , BASE + i->imm)
PAIR_STORE(STNPW, 32, BASE + i->imm)
PAIR_STORE(STNPX, 64, BASE + i->imm)
/* clang-format on */
