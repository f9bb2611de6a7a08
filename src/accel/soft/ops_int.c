// SPDX-License-Identifier: Apache-2.0
/*
 * Integer data processing. PAIR(T, name) writes the _w and _x executors of a
 * row from one body; inside it T is uint32_t or uint64_t, and a result stored
 * to x[] is zero-extended as the architecture asks.
 */

#include <string.h>

#include "accel/soft/cpu.h"
#include "accel/soft/decode.h"
#include "isa_gen.h"

#define RN ((T)cpu->x[i->rn])
#define RM ((T)cpu->x[i->rm])
#define RA ((T)cpu->x[i->ra])
#define RD cpu->x[i->rd]

enum {
    FLAG_N = 1u << 31,
    FLAG_Z = 1 << 30,
    FLAG_C = 1 << 29,
    FLAG_V = 1 << 28
};

/* What imm= makes of the word. */

uint64_t imm_adr(uint32_t word, uint32_t offset)
{
    return offset +
           (uint64_t)sext64(BITS(word, 23, 5) << 2 | BITS(word, 30, 29), 21);
}

/* Relative to the block's page: a block does not leave its page. */
uint64_t imm_adrp(uint32_t word, uint32_t offset)
{
    (void)offset;
    return (uint64_t)sext64(BITS(word, 23, 5) << 2 | BITS(word, 30, 29), 21)
           << 12;
}

uint64_t imm_u12(uint32_t word, uint32_t offset)
{
    (void)offset;
    return BITS(word, 21, 10) << (BIT(word, 22) ? 12 : 0);
}

uint64_t imm_bitmask(uint32_t word, uint32_t offset)
{
    uint64_t mask = 0;

    (void)offset;
    a64_bit_masks(BIT(word, 22), BITS(word, 15, 10), BITS(word, 21, 16), true,
                  word >> 31 ? 64 : 32, &mask, NULL);
    return mask;
}

uint64_t imm_movz(uint32_t word, uint32_t offset)
{
    (void)offset;
    return BITS(word, 20, 5) << (16 * BITS(word, 22, 21));
}

uint64_t imm_movn(uint32_t word, uint32_t offset)
{
    uint64_t value = ~imm_movz(word, offset);

    return word >> 31 ? value : (uint32_t)value;
}

uint64_t imm_shift(uint32_t word, uint32_t offset)
{
    (void)offset;
    return BITS(word, 15, 10);
}

/* immr in bits 7:0, imms in bits 15:8. */
uint64_t imm_bfm(uint32_t word, uint32_t offset)
{
    (void)offset;
    return BITS(word, 21, 16) | BITS(word, 15, 10) << 8;
}

EXEC(ADR)
{
    RD = cpu->blk_pc + i->imm;
    return NEXT;
}

EXEC(ADRP)
{
    RD = (cpu->blk_pc & ~4095ull) + i->imm;
    return NEXT;
}

/* AddWithCarry(a, b, carry) with its flags; SUB is b inverted and carry 1. */
#define ADD_FLAGS(T, bits)                                                     \
    static inline T add_flags##bits(struct cpu *cpu, T a, T b, unsigned carry) \
    {                                                                          \
        T part = a + b;                                                        \
        T r = part + (T)carry;                                                 \
        bool c = part < a || r < part;                                         \
        bool v = (~(a ^ b) & (a ^ r)) >> (bits - 1);                           \
                                                                               \
        cpu->nzcv = (r >> (bits - 1) ? FLAG_N : 0) | (r == 0 ? FLAG_Z : 0) |   \
                    (c ? FLAG_C : 0) | (v ? FLAG_V : 0);                       \
        return r;                                                              \
    }                                                                          \
    static inline T logic_flags##bits(struct cpu *cpu, T r)                    \
    {                                                                          \
        cpu->nzcv = (r >> (bits - 1) ? FLAG_N : 0) | (r == 0 ? FLAG_Z : 0);    \
        return r;                                                              \
    }                                                                          \
    static inline T ror##bits(T x, unsigned n)                                 \
    {                                                                          \
        n &= bits - 1;                                                         \
        return n ? x >> n | x << (bits - n) : x;                               \
    }                                                                          \
    static inline T shifted##bits(T x, unsigned type, unsigned n)              \
    {                                                                          \
        switch (type) {                                                        \
        case 0:                                                                \
            return x << n;                                                     \
        case 1:                                                                \
            return x >> n;                                                     \
        case 2:                                                                \
            return (T)((int##bits##_t)x >> n);                                 \
        default:                                                               \
            return ror##bits(x, n);                                            \
        }                                                                      \
    }
ADD_FLAGS(uint32_t, 32)
ADD_FLAGS(uint64_t, 64)

/* clang-format off */
#define W_BODY(name, body) EXEC(name##_w) { typedef uint32_t T; body; return NEXT; }
#define X_BODY(name, body) EXEC(name##_x) { typedef uint64_t T; body; return NEXT; }

#define IMM ((T)i->imm)
/* clang-format on */

#define PAIR(name, expr)         \
    W_BODY(name, RD = (T)(expr)) \
    X_BODY(name, RD = (T)(expr))

PAIR(ADD_imm, RN + IMM)
PAIR(SUB_imm, RN - IMM)
W_BODY(ADDS_imm, RD = add_flags32(cpu, RN, IMM, 0))
X_BODY(ADDS_imm, RD = add_flags64(cpu, RN, IMM, 0))
W_BODY(SUBS_imm, RD = add_flags32(cpu, RN, ~IMM, 1))
X_BODY(SUBS_imm, RD = add_flags64(cpu, RN, ~IMM, 1))

PAIR(AND_imm, RN &IMM)
PAIR(ORR_imm, RN | IMM)
PAIR(EOR_imm, RN ^ IMM)
W_BODY(ANDS_imm, RD = logic_flags32(cpu, RN &IMM))
X_BODY(ANDS_imm, RD = logic_flags64(cpu, RN &IMM))

PAIR(MOVN, IMM)
PAIR(MOVZ, IMM)

static uint64_t movk(uint64_t old, const struct insn *i)
{
    unsigned shift = 16 * FIELD(i, 22, 21);

    return (old & ~(0xffffull << shift)) | i->imm;
}

EXEC(MOVK_w)
{
    RD = (uint32_t)movk(RD, i);
    return NEXT;
}

EXEC(MOVK_x)
{
    RD = movk(RD, i);
    return NEXT;
}

/* Bitfield moves: imms >= immr takes a field down to bit 0, else the low field
   goes up (C6.2, SBFM and friends; the aliases LSL, UBFX, SXTB... fall out). */
#define BITFIELD(T, bits, sfx)                                           \
    static inline T ubfm##bits(T x, unsigned r, unsigned s)              \
    {                                                                    \
        if (s >= r)                                                      \
            return (T)(x << (bits - 1 - s)) >> (bits - 1 - s + r);       \
        return (T)(x << (bits - 1 - s)) >> (bits - 1 - s) << (bits - r); \
    }                                                                    \
    EXEC(UBFM_##sfx)                                                     \
    {                                                                    \
        RD = ubfm##bits((T)cpu->x[i->rn], i->imm & 63, i->imm >> 8);     \
        return NEXT;                                                     \
    }                                                                    \
    EXEC(SBFM_##sfx)                                                     \
    {                                                                    \
        unsigned r = i->imm & 63, s = (unsigned)(i->imm >> 8);           \
        int##bits##_t top =                                              \
            (int##bits##_t)(T)((T)cpu->x[i->rn] << (bits - 1 - s));      \
                                                                         \
        RD = s >= r ? (T)(top >> (bits - 1 - s + r))                     \
                    : (T)((T)(top >> (bits - 1 - s)) << (bits - r));     \
        return NEXT;                                                     \
    }                                                                    \
    EXEC(BFM_##sfx)                                                      \
    {                                                                    \
        unsigned r = i->imm & 63, s = (unsigned)(i->imm >> 8);           \
        T mask = ubfm##bits((T)~0ull, r, s);                             \
                                                                         \
        RD = (T)((RD & ~mask) | ubfm##bits((T)cpu->x[i->rn], r, s));     \
        return NEXT;                                                     \
    }
BITFIELD(uint32_t, 32, w)
BITFIELD(uint64_t, 64, x)

EXEC(EXTR_w)
{
    uint64_t both = (cpu->x[i->rn] << 32) | (uint32_t)cpu->x[i->rm];

    RD = (uint32_t)(both >> FIELD(i, 15, 10));
    return NEXT;
}

EXEC(EXTR_x)
{
    unsigned n = FIELD(i, 15, 10);
    uint64_t low = cpu->x[i->rm];

    RD = n ? low >> n | cpu->x[i->rn] << (64 - n) : low;
    return NEXT;
}

#define LSL_W ((uint32_t)cpu->x[i->rm] << i->imm)
#define LSL_X (cpu->x[i->rm] << i->imm)
#define SHF_W shifted32((uint32_t)cpu->x[i->rm], FIELD(i, 23, 22), i->imm)
#define SHF_X shifted64(cpu->x[i->rm], FIELD(i, 23, 22), i->imm)

#define LOGIC(kind, M_W, M_X)                               \
    W_BODY(AND_##kind, RD = (T)(RN & M_W))                  \
    X_BODY(AND_##kind, RD = (T)(RN & M_X))                  \
    W_BODY(BIC_##kind, RD = (T)(RN & ~M_W))                 \
    X_BODY(BIC_##kind, RD = (T)(RN & ~M_X))                 \
    W_BODY(ORR_##kind, RD = (T)(RN | M_W))                  \
    X_BODY(ORR_##kind, RD = (T)(RN | M_X))                  \
    W_BODY(ORN_##kind, RD = (T)(RN | ~M_W))                 \
    X_BODY(ORN_##kind, RD = (T)(RN | ~M_X))                 \
    W_BODY(EOR_##kind, RD = (T)(RN ^ M_W))                  \
    X_BODY(EOR_##kind, RD = (T)(RN ^ M_X))                  \
    W_BODY(EON_##kind, RD = (T)(RN ^ ~M_W))                 \
    X_BODY(EON_##kind, RD = (T)(RN ^ ~M_X))                 \
    W_BODY(ANDS_##kind, RD = logic_flags32(cpu, RN & M_W))  \
    X_BODY(ANDS_##kind, RD = logic_flags64(cpu, RN & M_X))  \
    W_BODY(BICS_##kind, RD = logic_flags32(cpu, RN & ~M_W)) \
    X_BODY(BICS_##kind, RD = logic_flags64(cpu, RN & ~M_X))
LOGIC(lsl, LSL_W, LSL_X)
LOGIC(shift, SHF_W, SHF_X)

#define ARITH(kind, M_W, M_X)                                 \
    W_BODY(ADD_##kind, RD = (T)(RN + M_W))                    \
    X_BODY(ADD_##kind, RD = (T)(RN + M_X))                    \
    W_BODY(SUB_##kind, RD = (T)(RN - M_W))                    \
    X_BODY(SUB_##kind, RD = (T)(RN - M_X))                    \
    W_BODY(ADDS_##kind, RD = add_flags32(cpu, RN, M_W, 0))    \
    X_BODY(ADDS_##kind, RD = add_flags64(cpu, RN, M_X, 0))    \
    W_BODY(SUBS_##kind, RD = add_flags32(cpu, RN, ~(M_W), 1)) \
    X_BODY(SUBS_##kind, RD = add_flags64(cpu, RN, ~(M_X), 1))
ARITH(lsl, LSL_W, LSL_X)
ARITH(shift, SHF_W, SHF_X)

/* ExtendReg(): UXTB UXTH UXTW UXTX SXTB SXTH SXTW SXTX, then left by 0..4. */
static uint64_t extended(const struct cpu *cpu, const struct insn *i)
{
    uint64_t x = cpu->x[i->rm];
    unsigned option = FIELD(i, 15, 13), shift = FIELD(i, 12, 10);
    unsigned bits = 8u << (option & 3);

    if (option & 4)
        return (uint64_t)sext64(x, bits) << shift;
    return (bits == 64 ? x : x & ((1ull << bits) - 1)) << shift;
}

#define EXT_W ((uint32_t)extended(cpu, i))
#define EXT_X extended(cpu, i)
ARITH(ext, EXT_W, EXT_X)

#define CARRY (cpu->nzcv >> 29 & 1)
PAIR(ADC, RN + RM + CARRY)
PAIR(SBC, RN + ~RM + CARRY)
W_BODY(ADCS, RD = add_flags32(cpu, RN, RM, CARRY))
X_BODY(ADCS, RD = add_flags64(cpu, RN, RM, CARRY))
W_BODY(SBCS, RD = add_flags32(cpu, RN, ~RM, CARRY))
X_BODY(SBCS, RD = add_flags64(cpu, RN, ~RM, CARRY))

#define CONDITION cpu_cond(cpu, FIELD(i, 15, 12))
#define IMM5      ((T)FIELD(i, 20, 16))

#define CCMP(compare)  \
    if (CONDITION)     \
        (void)compare; \
    else               \
        cpu->nzcv = FIELD(i, 3, 0) << 28
W_BODY(CCMN_reg, CCMP(add_flags32(cpu, RN, RM, 0)))
X_BODY(CCMN_reg, CCMP(add_flags64(cpu, RN, RM, 0)))
W_BODY(CCMP_reg, CCMP(add_flags32(cpu, RN, ~RM, 1)))
X_BODY(CCMP_reg, CCMP(add_flags64(cpu, RN, ~RM, 1)))
W_BODY(CCMN_imm, CCMP(add_flags32(cpu, RN, IMM5, 0)))
X_BODY(CCMN_imm, CCMP(add_flags64(cpu, RN, IMM5, 0)))
W_BODY(CCMP_imm, CCMP(add_flags32(cpu, RN, ~IMM5, 1)))
X_BODY(CCMP_imm, CCMP(add_flags64(cpu, RN, ~IMM5, 1)))

PAIR(CSEL, CONDITION ? RN : RM)
PAIR(CSINC, CONDITION ? RN : RM + 1)
PAIR(CSINV, CONDITION ? RN : ~RM)
PAIR(CSNEG, CONDITION ? RN : (T)0 - RM)

static uint64_t swap_pairs(uint64_t x, uint64_t mask, unsigned n)
{
    return (x >> n & mask) | (x & mask) << n;
}

static uint64_t rev16(uint64_t x)
{
    return swap_pairs(x, 0x00ff00ff00ff00ffull, 8);
}

static uint64_t rbit(uint64_t x)
{
    x = swap_pairs(x, 0x5555555555555555ull, 1);
    x = swap_pairs(x, 0x3333333333333333ull, 2);
    x = swap_pairs(x, 0x0f0f0f0f0f0f0f0full, 4);
    return __builtin_bswap64(x);
}

W_BODY(RBIT, RD = rbit(RN) >> 32)
X_BODY(RBIT, RD = rbit(RN))
PAIR(REV16, rev16(RN))
W_BODY(REV, RD = __builtin_bswap32(RN))
X_BODY(REV, RD = __builtin_bswap64(RN))

EXEC(REV32)
{
    uint64_t x = __builtin_bswap64(cpu->x[i->rn]);

    RD = x >> 32 | x << 32;
    return NEXT;
}

static unsigned clz(uint64_t x)
{
    return x ? (unsigned)__builtin_clzll(x) : 64;
}

W_BODY(CLZ, RD = clz(RN) - 32)
X_BODY(CLZ, RD = clz(RN))
W_BODY(CLS, RD = clz((uint32_t)(RN ^ (T)((int32_t)RN >> 31))) - 33)
X_BODY(CLS, RD = clz(RN ^ (T)((int64_t)RN >> 63)) - 1)

/* Division by zero gives 0; the one signed overflow wraps. */
PAIR(UDIV, RM ? RN / RM : 0)
W_BODY(SDIV, RD = !RM                ? 0
                  : RM == UINT32_MAX ? (T)0 - RN
                                     : (uint32_t)((int32_t)RN / (int32_t)RM))
X_BODY(SDIV, RD = !RM                ? 0
                  : RM == UINT64_MAX ? (T)0 - RN
                                     : (uint64_t)((int64_t)RN / (int64_t)RM))

#define SHIFT_BY (RM & (sizeof(T) * 8 - 1))
PAIR(LSLV, RN << SHIFT_BY)
PAIR(LSRV, RN >> SHIFT_BY)
W_BODY(ASRV, RD = (uint32_t)((int32_t)RN >> SHIFT_BY))
X_BODY(ASRV, RD = (uint64_t)((int64_t)RN >> SHIFT_BY))
W_BODY(RORV, RD = ror32(RN, SHIFT_BY))
X_BODY(RORV, RD = ror64(RN, SHIFT_BY))

PAIR(MADD, RA + RN * RM)
PAIR(MSUB, RA - RN * RM)

static uint64_t smull(const struct cpu *cpu, const struct insn *i)
{
    return (uint64_t)((int64_t)(int32_t)cpu->x[i->rn] * (int32_t)cpu->x[i->rm]);
}

static uint64_t umull(const struct cpu *cpu, const struct insn *i)
{
    return (uint64_t)(uint32_t)cpu->x[i->rn] * (uint32_t)cpu->x[i->rm];
}

EXEC(SMADDL)
{
    RD = cpu->x[i->ra] + smull(cpu, i);
    return NEXT;
}

EXEC(SMSUBL)
{
    RD = cpu->x[i->ra] - smull(cpu, i);
    return NEXT;
}

EXEC(UMADDL)
{
    RD = cpu->x[i->ra] + umull(cpu, i);
    return NEXT;
}

EXEC(UMSUBL)
{
    RD = cpu->x[i->ra] - umull(cpu, i);
    return NEXT;
}

EXEC(SMULH)
{
    RD = (uint64_t)((__int128)(int64_t)cpu->x[i->rn] * (int64_t)cpu->x[i->rm] >>
                    64);
    return NEXT;
}

EXEC(UMULH)
{
    RD = (uint64_t)((unsigned __int128)cpu->x[i->rn] * cpu->x[i->rm] >> 64);
    return NEXT;
}

/* Reflected CRC-32 and CRC-32C, a nibble a step. */
static const uint32_t crc_nibble[2][16] = {
    {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
     0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
     0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c},
    {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
     0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
     0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75},
};

static uint32_t crc_step(uint32_t crc, uint64_t data, unsigned bytes, bool c)
{
    for (unsigned n = 0; n < 2 * bytes; n++) {
        crc ^= data & 15;
        data >>= 4;
        crc = crc >> 4 ^ crc_nibble[c][crc & 15];
    }
    return crc;
}

#define CRC(name, bytes, is_c)                                              \
    EXEC(name)                                                              \
    {                                                                       \
        RD = crc_step((uint32_t)cpu->x[i->rn], cpu->x[i->rm], bytes, is_c); \
        return NEXT;                                                        \
    }
CRC(CRC32B, 1, false)
CRC(CRC32H, 2, false)
CRC(CRC32W, 4, false)
CRC(CRC32X, 8, false)
CRC(CRC32CB, 1, true)
CRC(CRC32CH, 2, true)
CRC(CRC32CW, 4, true)
CRC(CRC32CX, 8, true)
