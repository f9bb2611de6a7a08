// SPDX-License-Identifier: Apache-2.0
/*
 * Advanced SIMD moves: copy, permute, extract, table lookup and modified
 * immediate (Arm ARM C4.1).
 */

#include "accel/soft/lanes.h"

/* imm5: the lowest set bit is log2 of the element's bytes, the bits above it
   the index. */
static inline unsigned copy_size(const struct insn *i)
{
    return (unsigned)__builtin_ctz(FIELD(i, 20, 16));
}

static inline unsigned copy_index(const struct insn *i, unsigned size)
{
    return FIELD(i, 20, 16) >> (size + 1);
}

static inline uint64_t lane_get(const union vreg *v, unsigned size,
                                unsigned index)
{
    switch (size) {
    case 0:
        return v->b[index];
    case 1:
        return v->h[index];
    case 2:
        return v->s[index];
    default:
        return v->d[index];
    }
}

static inline void lane_set(union vreg *v, unsigned size, unsigned index,
                            uint64_t value)
{
    switch (size) {
    case 0:
        v->b[index] = (uint8_t)value;
        break;
    case 1:
        v->h[index] = (uint16_t)value;
        break;
    case 2:
        v->s[index] = (uint32_t)value;
        break;
    default:
        v->d[index] = value;
        break;
    }
}

/* The element in every lane of a doubleword. */
static inline uint64_t replicate(uint64_t e, unsigned size)
{
    switch (size) {
    case 0:
        return (e & 0xff) * 0x0101010101010101ull;
    case 1:
        return (e & 0xffff) * 0x0001000100010001ull;
    case 2:
        return (e & 0xffffffff) * 0x0000000100000001ull;
    default:
        return e;
    }
}

static inline const struct insn *dup(struct cpu *cpu, const struct insn *i,
                                     uint64_t e)
{
    uint64_t r = replicate(e, copy_size(i));

    cpu->v[i->rd] = (union vreg){.d = {r, SIMD_Q(i) ? r : 0}};
    return NEXT;
}

EXEC(DUP_elem)
{
    unsigned size = copy_size(i);

    return dup(cpu, i, lane_get(&cpu->v[i->rn], size, copy_index(i, size)));
}

EXEC(DUP_gen)
{
    return dup(cpu, i, cpu->x[i->rn]);
}

EXEC(DUP_s)
{
    unsigned size = copy_size(i);
    uint64_t e = lane_get(&cpu->v[i->rn], size, copy_index(i, size));

    cpu->v[i->rd] = (union vreg){.d = {e, 0}};
    return NEXT;
}

static inline uint64_t moved_out(const struct cpu *cpu, const struct insn *i)
{
    unsigned size = copy_size(i);

    return lane_get(&cpu->v[i->rn], size, copy_index(i, size));
}

EXEC(UMOV_w)
{
    cpu->x[i->rd] = moved_out(cpu, i);
    return NEXT;
}

EXEC(UMOV_x)
{
    cpu->x[i->rd] = moved_out(cpu, i);
    return NEXT;
}

EXEC(SMOV_w)
{
    cpu->x[i->rd] = (uint32_t)sext64(moved_out(cpu, i), 8u << copy_size(i));
    return NEXT;
}

EXEC(SMOV_x)
{
    cpu->x[i->rd] = (uint64_t)sext64(moved_out(cpu, i), 8u << copy_size(i));
    return NEXT;
}

EXEC(INS_gen)
{
    unsigned size = copy_size(i);

    lane_set(&cpu->v[i->rd], size, copy_index(i, size), cpu->x[i->rn]);
    return NEXT;
}

EXEC(INS_elem)
{
    unsigned size = copy_size(i);
    uint64_t e = lane_get(&cpu->v[i->rn], size, FIELD(i, 14, 11) >> size);

    lane_set(&cpu->v[i->rd], size, copy_index(i, size), e);
    return NEXT;
}

/* ZIP, UZP and TRN pick lane `from` of n:m for lane k of the result, `count`
   lanes a register. */
static inline unsigned from_zip(unsigned k, unsigned part, unsigned count)
{
    return part * count / 2 + k / 2 + (k & 1 ? count : 0);
}

static inline unsigned from_uzp(unsigned k, unsigned part, unsigned count)
{
    return 2 * k + part;
}

static inline unsigned from_trn(unsigned k, unsigned part, unsigned count)
{
    return (k & ~1u) + part + (k & 1 ? count : 0);
}

typedef unsigned permutation(unsigned k, unsigned part, unsigned count);

ALWAYS_INLINE void permute(uint8_t *out, const uint8_t *n, const uint8_t *m,
                           permutation *from, unsigned part, unsigned size,
                           unsigned count)
{
    const unsigned es = 1u << size;

    for (unsigned k = 0; k < count; k++) {
        unsigned f = from(k, part, count);
        const uint8_t *lane = f < count ? n + f * es : m + (f - count) * es;

        memcpy(out + k * es, lane, es);
    }
}

ALWAYS_INLINE const struct insn *perm_op(struct cpu *cpu, const struct insn *i,
                                         permutation *from, unsigned part)
{
    const union vreg n = cpu->v[i->rn], m = cpu->v[i->rm];
    unsigned bytes = 8u << SIMD_Q(i);
    union vreg d = {{0}};

    switch (SIMD_SIZE(i)) {
    case 0:
        permute(d.b, n.b, m.b, from, part, 0, bytes);
        break;
    case 1:
        permute(d.b, n.b, m.b, from, part, 1, bytes / 2);
        break;
    case 2:
        permute(d.b, n.b, m.b, from, part, 2, bytes / 4);
        break;
    default:
        permute(d.b, n.b, m.b, from, part, 3, bytes / 8);
        break;
    }
    cpu->v[i->rd] = d;
    return NEXT;
}

#define PERMUTE(NAME, from, part)           \
    EXEC(NAME)                              \
    {                                       \
        return perm_op(cpu, i, from, part); \
    }

PERMUTE(ZIP1, from_zip, 0)
PERMUTE(ZIP2, from_zip, 1)
PERMUTE(UZP1, from_uzp, 0)
PERMUTE(UZP2, from_uzp, 1)
PERMUTE(TRN1, from_trn, 0)
PERMUTE(TRN2, from_trn, 1)

EXEC(EXT)
{
    unsigned bytes = 8u << SIMD_Q(i);
    union vreg d = {{0}};
    uint8_t cat[32];

    memcpy(cat, &cpu->v[i->rn], 16);
    memcpy(cat + bytes, &cpu->v[i->rm], 16);
    memcpy(&d, cat + FIELD(i, 14, 11), 16);
    if (!SIMD_Q(i))
        d.d[1] = 0;
    cpu->v[i->rd] = d;
    return NEXT;
}

/* TBL and TBX: len + 1 registers from Vn on, V0 after V31. */
static inline const struct insn *table_op(struct cpu *cpu, const struct insn *i,
                                          union vreg d)
{
    unsigned regs = FIELD(i, 14, 13) + 1, bytes = 8u << SIMD_Q(i);
    const union vreg m = cpu->v[i->rm];
    uint8_t table[64];

    for (unsigned r = 0; r < regs; r++)
        memcpy(table + 16 * r, &cpu->v[(i->rn + r) & 31], 16);
    for (unsigned k = 0; k < bytes; k++)
        if (m.b[k] < 16 * regs)
            d.b[k] = table[m.b[k]];
    if (bytes == 8)
        d.d[1] = 0;
    cpu->v[i->rd] = d;
    return NEXT;
}

EXEC(TBL)
{
    return table_op(cpu, i, (union vreg){{0}});
}

EXEC(TBX)
{
    return table_op(cpu, i, cpu->v[i->rd]);
}

/* AdvSIMDExpandImm (shared pseudocode), inverted for MVNI and BIC. */
static uint64_t byte_mask(uint64_t imm8)
{
    uint64_t r = 0;

    for (unsigned k = 0; k < 8; k++)
        if (imm8 >> k & 1)
            r |= 0xffull << 8 * k;
    return r;
}

uint64_t imm_simd(uint32_t word, uint32_t offset)
{
    uint64_t imm8 = BITS(word, 18, 16) << 5 | BITS(word, 9, 5);
    unsigned cmode = (unsigned)BITS(word, 15, 12), op = BIT(word, 29);
    uint64_t r;

    if (cmode < 8)
        r = replicate(imm8 << 8 * (cmode >> 1), 2);
    else if (cmode < 12)
        r = replicate(imm8 << 8 * (cmode >> 1 & 1), 1);
    else if (cmode == 12)
        r = replicate(imm8 << 8 | 0xff, 2);
    else if (cmode == 13)
        r = replicate(imm8 << 16 | 0xffff, 2);
    else
        return op ? byte_mask(imm8) : replicate(imm8, 0);
    return op ? ~r : r;
}

#define MOVE_IMM(NAME)                                                       \
    EXEC(NAME)                                                               \
    {                                                                        \
        cpu->v[i->rd] = (union vreg){.d = {i->imm, SIMD_Q(i) ? i->imm : 0}}; \
        return NEXT;                                                         \
    }

MOVE_IMM(MOVI_8)
MOVE_IMM(MOVI_16)
MOVE_IMM(MOVI_32)
MOVE_IMM(MOVI_64)
MOVE_IMM(MOVI_msl)
MOVE_IMM(MVNI_16)
MOVE_IMM(MVNI_32)
MOVE_IMM(MVNI_msl)

#define LOGIC_IMM(NAME, op)           \
    EXEC(NAME)                        \
    {                                 \
        cpu->v[i->rd].d[0] op i->imm; \
        cpu->v[i->rd].d[1] op i->imm; \
        if (!SIMD_Q(i))               \
            cpu->v[i->rd].d[1] = 0;   \
        return NEXT;                  \
    }

LOGIC_IMM(ORR_imm_16, |=)
LOGIC_IMM(ORR_imm_32, |=)
LOGIC_IMM(BIC_imm_16, &=)
LOGIC_IMM(BIC_imm_32, &=)
