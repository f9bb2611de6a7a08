// SPDX-License-Identifier: Apache-2.0
/* Emitters of bitfield moves, variable shifts, byte orders and counts of bits,
   and of CRC-32C, as in em_int.c. */

#include "accel/soft/jit/em_int.h"

/* A bitfield move that is an extension is one move, by ops[] for a byte, a
   halfword and a word; else false. */
static bool extend(struct tr *t, const struct insn *i, const uint16_t ops[3],
                   bool wide)
{
    unsigned r = i->imm & 63, s = (unsigned)(i->imm >> 8);
    unsigned op, src, dst = t_dst(t, i->rd, RAX);

    if (r != 0 || (s != 7 && s != 15 && s != 31))
        return false;
    op = ops[s == 7 ? 0 : s == 15 ? 1 : 2];
    src = t_get(t, i->rn, RAX);
    x64_rex(&t->c, wide, dst, 0, src, s == 7);
    x64_opcode(&t->c, op);
    x64_modrm_reg(&t->c, dst, src);
    t_put(t, i->rd, dst);
    t->flags_kept = true;
    return true;
}

/* Bitfield moves. The common aliases are one or two shifts. */
static bool em_ubfm(struct tr *t, const struct insn *i)
{
    bool w = int_is_x(i);
    unsigned bits = w ? 64 : 32, r = i->imm & 63, s = (unsigned)(i->imm >> 8);
    unsigned dst = t_dst(t, i->rd, RAX);

    if (extend(t, i, (const uint16_t[]){0x1b6, 0x1b7, 0x8b}, false))
        return true; /* UXTB, UXTH, UXTW */
    t_get_to(t, w, dst, i->rn);
    if (s >= r) { /* LSR, UBFX */
        if (s != bits - 1)
            x64_shift_imm(&t->c, w, SH_SHL, dst, bits - 1 - s);
        if (bits - 1 - s + r)
            x64_shift_imm(&t->c, w, SH_SHR, dst, bits - 1 - s + r);
    } else { /* LSL, UBFIZ */
        x64_shift_imm(&t->c, w, SH_SHL, dst, bits - 1 - s);
        if (r - 1 - s)
            x64_shift_imm(&t->c, w, SH_SHR, dst, r - 1 - s);
    }
    t_put(t, i->rd, dst);
    return true;
}

static bool em_sbfm(struct tr *t, const struct insn *i)
{
    bool w = int_is_x(i);
    unsigned bits = w ? 64 : 32, r = i->imm & 63, s = (unsigned)(i->imm >> 8);
    unsigned dst = t_dst(t, i->rd, RAX);

    if (extend(t, i, (const uint16_t[]){0x1be, 0x1bf, 0x63}, w))
        return true; /* SXTB, SXTH, SXTW */
    t_get_to(t, w, dst, i->rn);
    x64_shift_imm(&t->c, w, SH_SHL, dst, bits - 1 - s);
    x64_shift_imm(&t->c, w, SH_SAR, dst, s >= r ? bits - 1 - s + r : r - 1 - s);
    t_put(t, i->rd, dst);
    return true;
}

/* BFI and BFXIL: the field in rcx, the rest of rd in rax. */
static bool em_bfm(struct tr *t, const struct insn *i)
{
    bool w = int_is_x(i);
    unsigned bits = w ? 64 : 32, r = i->imm & 63, s = (unsigned)(i->imm >> 8);
    unsigned width = s >= r ? s - r + 1 : s + 1;
    unsigned lsb = s >= r ? 0 : bits - r;
    uint64_t field = width >= 64 ? ~0ull : (1ull << width) - 1;

    t_get_to(t, w, RCX, i->rn);
    if (s >= r && r)
        x64_shift_imm(&t->c, w, SH_SHR, RCX, r);
    x64_mov_imm(&t->c, RAX, field);
    x64_alu_rr(&t->c, w, ALU_AND, RCX, RAX);
    if (lsb)
        x64_shift_imm(&t->c, w, SH_SHL, RCX, lsb);
    x64_mov_imm(&t->c, RAX, w ? ~(field << lsb) : (uint32_t) ~(field << lsb));
    t_alu(t, w, ALU_AND, RAX, i->rd == REG_SINK ? REG_ZERO : i->rd);
    x64_alu_rr(&t->c, w, ALU_OR, RAX, RCX);
    t_put(t, i->rd, RAX);
    return true;
}

static bool em_extr(struct tr *t, const struct insn *i)
{
    bool w = int_is_x(i);
    unsigned n = FIELD(i, 15, 10);

    if (i->rn == i->rm) { /* ROR: SHRD would be microcode */
        unsigned dst = t_dst(t, i->rd, RAX);

        if (n)
            int_rotate(t, w, dst, i->rn, n);
        else
            t_get_to(t, w, dst, i->rn);
        t_put(t, i->rd, dst);
        return true;
    }
    t_get_to(t, w, RAX, i->rm);
    if (n) {
        x64_op_rr(&t->c, w, 0x1ac, t_get(t, i->rn, RCX), RAX); /* shrd */
        x64_u8(&t->c, n);
    }
    t_put(t, i->rd, RAX);
    return true;
}

/* Variable shifts: x86 takes the amount modulo the width as well. */
static bool shift_var(struct tr *t, const struct insn *i, enum x64_shift op)
{
    bool w = int_is_x(i);

    t_get_to(t, w, RAX, i->rn);
    t_get_to(t, false, RCX, i->rm);
    x64_shift_cl(&t->c, w, op, RAX);
    t_put(t, i->rd, RAX);
    return true;
}

static bool em_lslv(struct tr *t, const struct insn *i)
{
    return shift_var(t, i, SH_SHL);
}

static bool em_lsrv(struct tr *t, const struct insn *i)
{
    return shift_var(t, i, SH_SHR);
}

static bool em_asrv(struct tr *t, const struct insn *i)
{
    return shift_var(t, i, SH_SAR);
}

static bool em_rorv(struct tr *t, const struct insn *i)
{
    return shift_var(t, i, SH_ROR);
}

/* Byte orders and counts */

static bool em_rev(struct tr *t, const struct insn *i)
{
    bool w = int_is_x(i);
    unsigned dst = t_dst(t, i->rd, RAX);

    t_get_to(t, w, dst, i->rn);
    x64_bswap(&t->c, w, dst);
    t_put(t, i->rd, dst);
    t->flags_kept = true;
    return true;
}

static bool em_rev32(struct tr *t, const struct insn *i)
{
    t_get_to(t, true, RAX, i->rn);
    x64_bswap(&t->c, true, RAX);
    x64_shift_imm(&t->c, true, SH_ROR, RAX, 32);
    t_put(t, i->rd, RAX);
    return true;
}

static bool em_clz(struct tr *t, const struct insn *i)
{
    bool w = int_is_x(i);

    if (!(t->features & JIT_LZCNT))
        return false;
    t_get_to(t, w, RAX, i->rn);
    x64_u8(&t->c, 0xf3); /* lzcnt */
    x64_op_rr(&t->c, w, 0x1bd, RAX, RAX);
    t_put(t, i->rd, RAX);
    return true;
}

/* clz(x ^ x << 1 | 1): the run of equal bits below the sign */
static bool em_cls(struct tr *t, const struct insn *i)
{
    bool w = int_is_x(i);

    if (!(t->features & JIT_LZCNT))
        return false;
    t_get_to(t, w, RAX, i->rn);
    x64_mov(&t->c, w, RCX, RAX);
    x64_shift_imm(&t->c, w, SH_SHL, RCX, 1);
    x64_alu_rr(&t->c, w, ALU_XOR, RAX, RCX);
    x64_alu_ri(&t->c, w, ALU_OR, RAX, 1);
    x64_u8(&t->c, 0xf3);
    x64_op_rr(&t->c, w, 0x1bd, RAX, RAX);
    t_put(t, i->rd, RAX);
    return true;
}

/* crc32 r, r/m is CRC-32C; the other polynomial stays in tier 0. */
static bool em_crc32c(struct tr *t, const struct insn *i)
{
    unsigned size = FIELD(i, 11, 10), m;

    if (!(t->features & JIT_SSE42))
        return false;
    m = t_get(t, i->rm, RCX);
    t_get_to(t, false, RAX, i->rn);
    if (size == 1)
        x64_u8(&t->c, 0x66);
    x64_u8(&t->c, 0xf2);
    x64_rex(&t->c, size == 3, RAX, 0, m, size == 0);
    x64_u8(&t->c, 0x0f);
    x64_u8(&t->c, 0x38);
    x64_u8(&t->c, size == 0 ? 0xf0 : 0xf1);
    x64_modrm_reg(&t->c, RAX, m);
    x64_mov(&t->c, false, RAX, RAX);
    t_put(t, i->rd, RAX);
    return true;
}

/* clang-format off */
const struct jit_emitter jit_shift_emitters[] = {
    BOTH(UBFM, em_ubfm), BOTH(SBFM, em_sbfm), BOTH(BFM, em_bfm),
    BOTH(EXTR, em_extr), BOTH(LSLV, em_lslv), BOTH(LSRV, em_lsrv),
    BOTH(ASRV, em_asrv), BOTH(RORV, em_rorv), BOTH(REV, em_rev),
    {OP_REV32, em_rev32}, BOTH(CLZ, em_clz), BOTH(CLS, em_cls),
    {OP_CRC32CB, em_crc32c}, {OP_CRC32CH, em_crc32c}, {OP_CRC32CW, em_crc32c},
    {OP_CRC32CX, em_crc32c},
    {0, NULL},
};
/* clang-format on */
