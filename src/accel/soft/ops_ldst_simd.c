// SPDX-License-Identifier: Apache-2.0
/* Loads and stores of SIMD and FP registers. A load of fewer than 16 bytes
   zeroes the rest of the register. */

#include <string.h>

#include "accel/soft/ldst.h"
#include "isa_gen.h"

#define VD (cpu->v[i->rd])

/* log2 of the bytes: size, and opc<1> for the 16-byte form. */
static unsigned v_log2(uint32_t word)
{
    return BIT(word, 23) ? 4 : word >> 30;
}

uint64_t imm_uoff_v(uint32_t word, uint32_t offset)
{
    (void)offset;
    return BITS(word, 21, 10) << v_log2(word);
}

uint64_t imm_pair_v(uint32_t word, uint32_t offset)
{
    (void)offset;
    return (uint64_t)sext64(BITS(word, 21, 15), 7) << (2 + (word >> 30));
}

uint64_t imm_regoff_v(uint32_t word, uint32_t offset)
{
    (void)offset;
    return BIT(word, 12) ? v_log2(word) : 0;
}

/* As in ops_ldst.c: the way that hits the TLB, and the way that starts anew. */
#define COLD static __attribute__((noinline, cold)) const struct insn *

#define V_LOAD(name, bytes, va_expr, ...)                        \
    COLD slow_##name(struct cpu *cpu, const struct insn *i)      \
    {                                                            \
        union vreg v = {.d = {0, 0}};                            \
        uint64_t va;                                             \
                                                                 \
        if (base_faults(cpu, i))                                 \
            return exc_sp_align(cpu, i);                         \
        va = va_expr;                                            \
        if (!mem_read(cpu, i, va, &v, bytes, bytes, ACC_READ))   \
            return NULL;                                         \
        VD = v;                                                  \
        __VA_ARGS__;                                             \
        return NEXT;                                             \
    }                                                            \
    EXEC(name)                                                   \
    {                                                            \
        uint64_t va = va_expr;                                   \
        const uint8_t *p;                                        \
                                                                 \
        if (unlikely(!mem_hit_r(cpu, va, bytes, ACC_READ, &p) || \
                     base_faults(cpu, i)))                       \
            return slow_##name(cpu, i);                          \
        VD = (union vreg){.d = {0, 0}};                          \
        memcpy(&VD, p, bytes);                                   \
        __VA_ARGS__;                                             \
        return NEXT;                                             \
    }

#define V_STORE(name, bytes, va_expr, ...)                        \
    COLD slow_##name(struct cpu *cpu, const struct insn *i)       \
    {                                                             \
        uint64_t va;                                              \
                                                                  \
        if (base_faults(cpu, i))                                  \
            return exc_sp_align(cpu, i);                          \
        va = va_expr;                                             \
        if (!mem_write(cpu, i, va, &VD, bytes, bytes, ACC_WRITE)) \
            return NULL;                                          \
        __VA_ARGS__;                                              \
        return NEXT;                                              \
    }                                                             \
    EXEC(name)                                                    \
    {                                                             \
        uint64_t va = va_expr;                                    \
        uint8_t *p;                                               \
                                                                  \
        if (unlikely(!mem_hit_w(cpu, va, bytes, ACC_WRITE, &p) || \
                     base_faults(cpu, i)))                        \
            return slow_##name(cpu, i);                           \
        memcpy(p, &VD, bytes);                                    \
        __VA_ARGS__;                                              \
        return NEXT;                                              \
    }

#define V_FORMS(kind, name, bytes)                                        \
    kind(name##_imm, bytes, BASE + i->imm)                                \
        kind(name##_ur, bytes, BASE + i->imm)                             \
            kind(name##_post, bytes, BASE, BASE = va + i->imm)            \
                kind(name##_pre, bytes, BASE + i->imm, BASE = va)         \
                    kind(name##_reg, bytes, BASE + OFFSET(uint64_t))      \
                        kind(name##_uxtw, bytes, BASE + OFFSET(uint32_t)) \
                            kind(name##_sxtw, bytes, BASE + OFFSET(int32_t))
V_FORMS(V_LOAD, LDR_B, 1)
V_FORMS(V_LOAD, LDR_H, 2)
V_FORMS(V_LOAD, LDR_S, 4)
V_FORMS(V_LOAD, LDR_D, 8)
V_FORMS(V_LOAD, LDR_Q, 16)
V_FORMS(V_STORE, STR_B, 1)
V_FORMS(V_STORE, STR_H, 2)
V_FORMS(V_STORE, STR_S, 4)
V_FORMS(V_STORE, STR_D, 8)
V_FORMS(V_STORE, STR_Q, 16)

#define V_LITERAL(name, bytes)                                                 \
    EXEC(name)                                                                 \
    {                                                                          \
        union vreg v = {.d = {0, 0}};                                          \
                                                                               \
        if (unlikely(!mem_read(cpu, i, cpu->blk_pc + i->imm, &v, bytes, bytes, \
                               ACC_READ)))                                     \
            return NULL;                                                       \
        VD = v;                                                                \
        return NEXT;                                                           \
    }
V_LITERAL(LDR_S_lit, 4)
V_LITERAL(LDR_D_lit, 8)
V_LITERAL(LDR_Q_lit, 16)

#define V_PAIR_LOAD(name, bytes, va_expr, ...)                             \
    EXEC(name)                                                             \
    {                                                                      \
        union vreg v[2] = {{.d = {0, 0}}, {.d = {0, 0}}};                  \
        uint8_t buf[2 * bytes];                                            \
        uint64_t va;                                                       \
                                                                           \
        if (unlikely(base_faults(cpu, i)))                                 \
            return exc_sp_align(cpu, i);                                   \
        va = va_expr;                                                      \
        if (unlikely(                                                      \
                !mem_read(cpu, i, va, buf, sizeof(buf), bytes, ACC_READ))) \
            return NULL;                                                   \
        memcpy(&v[0], buf, bytes);                                         \
        memcpy(&v[1], buf + bytes, bytes);                                 \
        VD = v[0];                                                         \
        cpu->v[i->ra] = v[1];                                              \
        __VA_ARGS__;                                                       \
        return NEXT;                                                       \
    }

#define V_PAIR_STORE(name, bytes, va_expr, ...)                              \
    EXEC(name)                                                               \
    {                                                                        \
        uint8_t buf[2 * bytes];                                              \
        uint64_t va;                                                         \
                                                                             \
        if (unlikely(base_faults(cpu, i)))                                   \
            return exc_sp_align(cpu, i);                                     \
        va = va_expr;                                                        \
        memcpy(buf, &VD, bytes);                                             \
        memcpy(buf + bytes, &cpu->v[i->ra], bytes);                          \
        if (unlikely(                                                        \
                !mem_write(cpu, i, va, buf, sizeof(buf), bytes, ACC_WRITE))) \
            return NULL;                                                     \
        __VA_ARGS__;                                                         \
        return NEXT;                                                         \
    }

#define V_PAIR_FORMS(kind, name, bytes)                        \
    kind(name##_imm, bytes, BASE + i->imm)                     \
        kind(name##_np, bytes, BASE + i->imm)                  \
            kind(name##_post, bytes, BASE, BASE = va + i->imm) \
                kind(name##_pre, bytes, BASE + i->imm, BASE = va)
V_PAIR_FORMS(V_PAIR_LOAD, LDP_S, 4)
V_PAIR_FORMS(V_PAIR_LOAD, LDP_D, 8)
V_PAIR_FORMS(V_PAIR_LOAD, LDP_Q, 16)
V_PAIR_FORMS(V_PAIR_STORE, STP_S, 4)
V_PAIR_FORMS(V_PAIR_STORE, STP_D, 8)
V_PAIR_FORMS(V_PAIR_STORE, STP_Q, 16)

/*
 * Structures. In memory they are `lanes` times `selem` elements, register by
 * register within a structure; LD1 of several registers is that many runs of
 * whole registers (selem 1, rpt registers).
 */
struct structs {
    unsigned rpt, selem, esize_log2, lanes;
};

static struct structs mult_shape(const struct insn *i)
{
    static const uint8_t rpt[16] = {
        [0] = 1, [2] = 4, [4] = 1, [6] = 3, [7] = 1, [8] = 1, [10] = 2};
    static const uint8_t selem[16] = {
        [0] = 4, [2] = 1, [4] = 3, [6] = 1, [7] = 1, [8] = 2, [10] = 1};
    unsigned opcode = FIELD(i, 15, 12), size = FIELD(i, 11, 10);

    return (struct structs){.rpt = rpt[opcode],
                            .selem = selem[opcode],
                            .esize_log2 = size,
                            .lanes = (FIELD(i, 30, 30) ? 16u : 8u) >> size};
}

static unsigned mult_bytes(const struct structs *s)
{
    return s->rpt * s->selem * s->lanes << s->esize_log2;
}

/* Walks the elements in memory order; load says which way they go. */
static void mult_move(struct cpu *cpu, const struct insn *i,
                      const struct structs *s, uint8_t *buf, bool load)
{
    unsigned bytes = 1u << s->esize_log2;

    for (unsigned r = 0; r < s->rpt; r++) {
        for (unsigned lane = 0; lane < s->lanes; lane++) {
            for (unsigned e = 0; e < s->selem; e++) {
                union vreg *v = &cpu->v[(i->rd + r + e) & 31];

                if (load)
                    memcpy(&v->b[lane * bytes], buf, bytes);
                else
                    memcpy(buf, &v->b[lane * bytes], bytes);
                buf += bytes;
            }
        }
    }
}

/* Rm = 31 steps by what was moved. */
static uint64_t post_step(const struct cpu *cpu, const struct insn *i,
                          unsigned bytes)
{
    return i->rm == REG_ZERO ? bytes : cpu->x[i->rm];
}

static const struct insn *load_mult(struct cpu *cpu, const struct insn *i,
                                    bool post)
{
    struct structs s = mult_shape(i);
    unsigned bytes = mult_bytes(&s);
    uint64_t va = BASE;
    uint8_t buf[64];

    if (base_faults(cpu, i))
        return exc_sp_align(cpu, i);
    if (!mem_read(cpu, i, va, buf, bytes, 1u << s.esize_log2, ACC_READ))
        return NULL;
    for (unsigned n = 0; n < s.rpt * s.selem; n++)
        memset(&cpu->v[(i->rd + n) & 31], 0, sizeof(cpu->v[0]));
    mult_move(cpu, i, &s, buf, true);
    if (post)
        BASE = va + post_step(cpu, i, bytes);
    return NEXT;
}

static const struct insn *store_mult(struct cpu *cpu, const struct insn *i,
                                     bool post)
{
    struct structs s = mult_shape(i);
    unsigned bytes = mult_bytes(&s);
    uint64_t va = BASE;
    uint8_t buf[64];

    if (base_faults(cpu, i))
        return exc_sp_align(cpu, i);
    mult_move(cpu, i, &s, buf, false);
    if (!mem_write(cpu, i, va, buf, bytes, 1u << s.esize_log2, ACC_WRITE))
        return NULL;
    if (post)
        BASE = va + post_step(cpu, i, bytes);
    return NEXT;
}

EXEC(LD_mult)
{
    return load_mult(cpu, i, false);
}

EXEC(LD_mult_post)
{
    return load_mult(cpu, i, true);
}

EXEC(ST_mult)
{
    return store_mult(cpu, i, false);
}

EXEC(ST_mult_post)
{
    return store_mult(cpu, i, true);
}

/* One structure to or from one lane of selem registers. */
struct lane {
    unsigned selem, esize_log2, index;
};

static struct lane lane_of(const struct insn *i)
{
    unsigned opcode = FIELD(i, 15, 13), size = FIELD(i, 11, 10);
    unsigned all = FIELD(i, 30, 30) << 3 | FIELD(i, 12, 12) << 2 | size;
    struct lane l = {.selem = ((opcode & 1) << 1 | FIELD(i, 21, 21)) + 1,
                     .esize_log2 = opcode >> 1};

    if (l.esize_log2 == 3) /* LDnR: the size field is the element's */
        l.esize_log2 = size;
    else if (l.esize_log2 == 2 && (size & 1))
        l.esize_log2 = 3;
    l.index = all >> l.esize_log2;
    return l;
}

static const struct insn *move_one(struct cpu *cpu, const struct insn *i,
                                   bool load, bool post)
{
    struct lane l = lane_of(i);
    unsigned bytes = 1u << l.esize_log2, total = l.selem * bytes;
    uint64_t va = BASE;
    uint8_t buf[32];

    if (base_faults(cpu, i))
        return exc_sp_align(cpu, i);
    if (load && !mem_read(cpu, i, va, buf, total, bytes, ACC_READ))
        return NULL;
    for (unsigned n = 0; n < l.selem; n++) {
        uint8_t *at = &cpu->v[(i->rd + n) & 31].b[l.index * bytes];

        if (load)
            memcpy(at, buf + n * bytes, bytes);
        else
            memcpy(buf + n * bytes, at, bytes);
    }
    if (!load && !mem_write(cpu, i, va, buf, total, bytes, ACC_WRITE))
        return NULL;
    if (post)
        BASE = va + post_step(cpu, i, total);
    return NEXT;
}

EXEC(LD_one)
{
    return move_one(cpu, i, true, false);
}

EXEC(LD_one_post)
{
    return move_one(cpu, i, true, true);
}

EXEC(ST_one)
{
    return move_one(cpu, i, false, false);
}

EXEC(ST_one_post)
{
    return move_one(cpu, i, false, true);
}

static const struct insn *load_rep(struct cpu *cpu, const struct insn *i,
                                   bool post)
{
    struct lane l = lane_of(i);
    unsigned bytes = 1u << l.esize_log2, total = l.selem * bytes;
    unsigned all = FIELD(i, 30, 30) ? 16 : 8;
    uint64_t va = BASE;
    uint8_t buf[32];

    if (base_faults(cpu, i))
        return exc_sp_align(cpu, i);
    if (!mem_read(cpu, i, va, buf, total, bytes, ACC_READ))
        return NULL;
    for (unsigned n = 0; n < l.selem; n++) {
        union vreg v = {.d = {0, 0}};

        for (unsigned at = 0; at < all; at += bytes)
            memcpy(&v.b[at], buf + n * bytes, bytes);
        cpu->v[(i->rd + n) & 31] = v;
    }
    if (post)
        BASE = va + post_step(cpu, i, total);
    return NEXT;
}

EXEC(LD_rep)
{
    return load_rep(cpu, i, false);
}

EXEC(LD_rep_post)
{
    return load_rep(cpu, i, true);
}
