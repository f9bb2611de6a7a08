// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * x86-64 machine code into a buffer. A pure function of its arguments: which
 * register holds what is the translator's business. The buffer's limit is
 * checked once a block by who owns it; an instruction is at most 15 bytes.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum x64_reg {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15
};

/* Condition codes, as in the low nibble of Jcc, SETcc and CMOVcc. */
enum x64_cc {
    CC_O,
    CC_NO,
    CC_B,
    CC_AE,
    CC_E,
    CC_NE,
    CC_BE,
    CC_A,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_GE,
    CC_LE,
    CC_G
};

/* The two-operand group: opcode of "op r, r/m" and /digit of "op r/m, imm". */
enum x64_alu {
    ALU_ADD,
    ALU_OR,
    ALU_ADC,
    ALU_SBB,
    ALU_AND,
    ALU_SUB,
    ALU_XOR,
    ALU_CMP
};
enum x64_shift { SH_ROL = 0, SH_ROR = 1, SH_SHL = 4, SH_SHR = 5, SH_SAR = 7 };

struct x64 {
    uint8_t *p;    /* where the next byte goes */
    uint8_t *base; /* of the buffer */
    uint8_t *limit;
};

static inline void x64_u8(struct x64 *c, unsigned v)
{
    *c->p++ = (uint8_t)v;
}

static inline void x64_u16(struct x64 *c, unsigned v)
{
    uint16_t u = (uint16_t)v;

    memcpy(c->p, &u, 2);
    c->p += 2;
}

static inline void x64_u32(struct x64 *c, uint32_t v)
{
    memcpy(c->p, &v, 4);
    c->p += 4;
}

static inline void x64_u64(struct x64 *c, uint64_t v)
{
    memcpy(c->p, &v, 8);
    c->p += 8;
}

/* REX for reg (ModRM.reg), index and base; w: 64 bits; byte: an 8-bit register
   operand that needs REX to mean SPL..DIL. */
static inline void x64_rex(struct x64 *c, bool w, unsigned reg, unsigned index,
                           unsigned base, bool byte)
{
    unsigned rex = 0x40 | (unsigned)w << 3 | (reg >> 3 & 1) << 2 |
                   (index >> 3 & 1) << 1 | (base >> 3 & 1);

    if (rex != 0x40 || byte)
        x64_u8(c, rex);
}

static inline void x64_modrm_reg(struct x64 *c, unsigned reg, unsigned rm)
{
    x64_u8(c, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* [base + disp] */
static inline void x64_modrm_mem(struct x64 *c, unsigned reg, unsigned base,
                                 int32_t disp)
{
    unsigned mod = disp == 0 && (base & 7) != RBP ? 0
                   : disp >= -128 && disp < 128   ? 1
                                                  : 2;

    x64_u8(c, mod << 6 | (reg & 7) << 3 | (base & 7));
    if ((base & 7) == RSP)
        x64_u8(c, 0x24);
    if (mod == 1)
        x64_u8(c, (unsigned)disp);
    else if (mod == 2)
        x64_u32(c, (uint32_t)disp);
}

/* [base + index << scale + disp]; index is not RSP */
static inline void x64_modrm_sib(struct x64 *c, unsigned reg, unsigned base,
                                 unsigned index, unsigned scale, int32_t disp)
{
    unsigned mod = disp == 0 && (base & 7) != RBP ? 0
                   : disp >= -128 && disp < 128   ? 1
                                                  : 2;

    x64_u8(c, mod << 6 | (reg & 7) << 3 | 4);
    x64_u8(c, scale << 6 | (index & 7) << 3 | (base & 7));
    if (mod == 1)
        x64_u8(c, (unsigned)disp);
    else if (mod == 2)
        x64_u32(c, (uint32_t)disp);
}

/* One-byte opcode or, from 0x100 on, 0F xx. */
static inline void x64_opcode(struct x64 *c, unsigned op)
{
    if (op >= 0x100)
        x64_u8(c, 0x0f);
    x64_u8(c, op);
}

static inline void x64_op_rr(struct x64 *c, bool w, unsigned op, unsigned reg,
                             unsigned rm)
{
    x64_rex(c, w, reg, 0, rm, false);
    x64_opcode(c, op);
    x64_modrm_reg(c, reg, rm);
}

static inline void x64_op_rm(struct x64 *c, bool w, unsigned op, unsigned reg,
                             unsigned base, int32_t disp)
{
    x64_rex(c, w, reg, 0, base, false);
    x64_opcode(c, op);
    x64_modrm_mem(c, reg, base, disp);
}

static inline void x64_op_sib(struct x64 *c, bool w, unsigned op, unsigned reg,
                              unsigned base, unsigned index, unsigned scale,
                              int32_t disp)
{
    x64_rex(c, w, reg, index, base, false);
    x64_opcode(c, op);
    x64_modrm_sib(c, reg, base, index, scale, disp);
}

static inline void x64_mov(struct x64 *c, bool w, unsigned dst, unsigned src)
{
    if (dst != src || !w)
        x64_op_rr(c, w, 0x8b, dst, src);
}

static inline void x64_load(struct x64 *c, bool w, unsigned dst, unsigned base,
                            int32_t disp)
{
    x64_op_rm(c, w, 0x8b, dst, base, disp);
}

static inline void x64_store(struct x64 *c, bool w, unsigned src, unsigned base,
                             int32_t disp)
{
    x64_op_rm(c, w, 0x89, src, base, disp);
}

/* The shortest way to a constant; flags survive (no XOR). */
static inline void x64_mov_imm(struct x64 *c, unsigned dst, uint64_t v)
{
    if (v <= UINT32_MAX) {
        x64_rex(c, false, 0, 0, dst, false);
        x64_u8(c, 0xb8 | (dst & 7));
        x64_u32(c, (uint32_t)v);
    } else if ((int64_t)v >= INT32_MIN && (int64_t)v < 0) {
        x64_rex(c, true, 0, 0, dst, false);
        x64_u8(c, 0xc7);
        x64_modrm_reg(c, 0, dst);
        x64_u32(c, (uint32_t)v);
    } else {
        x64_rex(c, true, 0, 0, dst, false);
        x64_u8(c, 0xb8 | (dst & 7));
        x64_u64(c, v);
    }
}

/* mov qword [base + disp], sign-extended imm32 */
static inline void x64_store_imm(struct x64 *c, bool w, unsigned base,
                                 int32_t disp, int32_t imm)
{
    x64_rex(c, w, 0, 0, base, false);
    x64_u8(c, 0xc7);
    x64_modrm_mem(c, 0, base, disp);
    x64_u32(c, (uint32_t)imm);
}

static inline void x64_lea(struct x64 *c, bool w, unsigned dst, unsigned base,
                           int32_t disp)
{
    x64_op_rm(c, w, 0x8d, dst, base, disp);
}

static inline void x64_lea_sib(struct x64 *c, bool w, unsigned dst,
                               unsigned base, unsigned index, unsigned scale,
                               int32_t disp)
{
    x64_op_sib(c, w, 0x8d, dst, base, index, scale, disp);
}

static inline void x64_alu_rr(struct x64 *c, bool w, enum x64_alu op,
                              unsigned dst, unsigned src)
{
    x64_op_rr(c, w, op << 3 | 3, dst, src);
}

static inline void x64_alu_rm(struct x64 *c, bool w, enum x64_alu op,
                              unsigned dst, unsigned base, int32_t disp)
{
    x64_op_rm(c, w, op << 3 | 3, dst, base, disp);
}

static inline void x64_alu_ri(struct x64 *c, bool w, enum x64_alu op,
                              unsigned dst, int32_t imm)
{
    bool small = imm >= -128 && imm < 128;

    x64_rex(c, w, 0, 0, dst, false);
    x64_u8(c, small ? 0x83 : 0x81);
    x64_modrm_reg(c, op, dst);
    if (small)
        x64_u8(c, (unsigned)imm);
    else
        x64_u32(c, (uint32_t)imm);
}

static inline void x64_alu_mi(struct x64 *c, bool w, enum x64_alu op,
                              unsigned base, int32_t disp, int32_t imm)
{
    bool small = imm >= -128 && imm < 128;

    x64_rex(c, w, 0, 0, base, false);
    x64_u8(c, small ? 0x83 : 0x81);
    x64_modrm_mem(c, op, base, disp);
    if (small)
        x64_u8(c, (unsigned)imm);
    else
        x64_u32(c, (uint32_t)imm);
}

static inline void x64_test(struct x64 *c, bool w, unsigned a, unsigned b)
{
    x64_op_rr(c, w, 0x85, b, a);
}

static inline void x64_shift_imm(struct x64 *c, bool w, enum x64_shift op,
                                 unsigned dst, unsigned n)
{
    x64_rex(c, w, 0, 0, dst, false);
    x64_u8(c, 0xc1);
    x64_modrm_reg(c, op, dst);
    x64_u8(c, n);
}

/* By CL. */
static inline void x64_shift_cl(struct x64 *c, bool w, enum x64_shift op,
                                unsigned dst)
{
    x64_rex(c, w, 0, 0, dst, false);
    x64_u8(c, 0xd3);
    x64_modrm_reg(c, op, dst);
}

static inline void x64_bswap(struct x64 *c, bool w, unsigned reg)
{
    x64_rex(c, w, 0, 0, reg, false);
    x64_u8(c, 0x0f);
    x64_u8(c, 0xc8 | (reg & 7));
}

/* The F7 group: 2 NOT, 3 NEG, 4 MUL, 5 IMUL, 6 DIV, 7 IDIV */
static inline void x64_f7(struct x64 *c, bool w, unsigned digit, unsigned rm)
{
    x64_rex(c, w, 0, 0, rm, false);
    x64_u8(c, 0xf7);
    x64_modrm_reg(c, digit, rm);
}

static inline void x64_setcc(struct x64 *c, enum x64_cc cc, unsigned dst)
{
    x64_rex(c, false, 0, 0, dst, dst >= 4);
    x64_u8(c, 0x0f);
    x64_u8(c, 0x90 | cc);
    x64_modrm_reg(c, 0, dst);
}

static inline void x64_cmov(struct x64 *c, bool w, enum x64_cc cc, unsigned dst,
                            unsigned src)
{
    x64_op_rr(c, w, 0x140 | cc, dst, src);
}

static inline void x64_jmp_mem(struct x64 *c, unsigned base, int32_t disp)
{
    x64_rex(c, false, 0, 0, base, false);
    x64_u8(c, 0xff);
    x64_modrm_mem(c, 4, base, disp);
}

static inline void x64_jmp_reg(struct x64 *c, unsigned reg)
{
    x64_rex(c, false, 0, 0, reg, false);
    x64_u8(c, 0xff);
    x64_modrm_reg(c, 4, reg);
}

/* Forward jumps: the place of the displacement, for x64_here. */
static inline uint8_t *x64_jcc(struct x64 *c, enum x64_cc cc)
{
    x64_u8(c, 0x0f);
    x64_u8(c, 0x80 | cc);
    x64_u32(c, 0);
    return c->p - 4;
}

static inline uint8_t *x64_jmp(struct x64 *c)
{
    x64_u8(c, 0xe9);
    x64_u32(c, 0);
    return c->p - 4;
}

static inline void x64_patch(uint8_t *at, const uint8_t *target)
{
    int32_t rel = (int32_t)(target - (at + 4));

    memcpy(at, &rel, 4);
}

static inline void x64_here(struct x64 *c, uint8_t *at)
{
    x64_patch(at, c->p);
}

/* Backward, to a known place. */
static inline void x64_jmp_to(struct x64 *c, const uint8_t *target)
{
    x64_patch(x64_jmp(c), target);
}

static inline void x64_call_to(struct x64 *c, const uint8_t *target)
{
    x64_u8(c, 0xe8);
    x64_u32(c, 0);
    x64_patch(c->p - 4, target);
}

static inline void x64_jcc_to(struct x64 *c, enum x64_cc cc,
                              const uint8_t *target)
{
    x64_patch(x64_jcc(c, cc), target);
}

/* lea dst, [rip + x]: the place of the displacement, for x64_patch. */
static inline uint8_t *x64_lea_rip(struct x64 *c, unsigned dst)
{
    x64_rex(c, true, dst, 0, 0, false);
    x64_u8(c, 0x8d);
    x64_u8(c, (dst & 7) << 3 | 5);
    x64_u32(c, 0);
    return c->p - 4;
}

/*
 * SSE, AVX and AVX-512VL through one door: `vex_*` with a packed opcode.
 * pp: 0 none, 1 66, 2 F3, 3 F2; map: 1 0F, 2 0F38, 3 0F3A; l: 0 128, 1 256.
 */
#define VEX_OP(pp, map, op) ((pp) << 12 | (map) << 8 | (op))

static inline void x64_vex(struct x64 *c, unsigned vop, bool w, unsigned l,
                           unsigned reg, unsigned vvvv, unsigned index,
                           unsigned base)
{
    unsigned pp = vop >> 12 & 3, map = vop >> 8 & 15;

    if (map == 1 && !w && !(index >> 3 & 1) && !(base >> 3 & 1)) {
        x64_u8(c, 0xc5);
        x64_u8(c, (~reg >> 3 & 1) << 7 | (~vvvv & 15) << 3 | l << 2 | pp);
    } else {
        x64_u8(c, 0xc4);
        x64_u8(c, (~reg >> 3 & 1) << 7 | (~index >> 3 & 1) << 6 |
                      (~base >> 3 & 1) << 5 | map);
        x64_u8(c, (unsigned)w << 7 | (~vvvv & 15) << 3 | l << 2 | pp);
    }
    x64_u8(c, vop);
}

/* Of general registers: x64_vex_rr with the control in vvvv. */
#define V_BEXTR VEX_OP(0, 2, 0xf7)
#define V_GANDN VEX_OP(0, 2, 0xf2) /* reg = ~vvvv & rm */
#define V_RORX  VEX_OP(3, 3, 0xf0) /* reg = rm rotated by an imm8 */

/* op reg, vvvv, rm (vvvv 0 where the instruction has two operands) */
static inline void x64_vex_rr(struct x64 *c, unsigned vop, bool w, unsigned reg,
                              unsigned vvvv, unsigned rm)
{
    x64_vex(c, vop, w, 0, reg, vvvv, 0, rm);
    x64_modrm_reg(c, reg, rm);
}

static inline void x64_vex_rm(struct x64 *c, unsigned vop, bool w, unsigned reg,
                              unsigned vvvv, unsigned base, int32_t disp)
{
    x64_vex(c, vop, w, 0, reg, vvvv, 0, base);
    x64_modrm_mem(c, reg, base, disp);
}

/* [base + index + disp] */
static inline void x64_vex_sib(struct x64 *c, unsigned vop, bool w,
                               unsigned reg, unsigned vvvv, unsigned base,
                               unsigned index, int32_t disp)
{
    x64_vex(c, vop, w, 0, reg, vvvv, index, base);
    x64_modrm_sib(c, reg, base, index, 0, disp);
}

static inline void x64_vex_rri(struct x64 *c, unsigned vop, bool w,
                               unsigned reg, unsigned vvvv, unsigned rm,
                               unsigned imm)
{
    x64_vex_rr(c, vop, w, reg, vvvv, rm);
    x64_u8(c, imm);
}
