// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Opcodes of the vector instructions the emitters use, for x64_vex_*, and the
 * little of EVEX that is needed. Names are Intel's; those of a family that has
 * ps, pd, ss and sd forms by the prefix take it as pp: FP_PS, FP_PD, FP_SS,
 * FP_SD.
 */

#include "accel/soft/jit/x64.h"

enum fp_pp { FP_PS, FP_PD, FP_SS, FP_SD };

#define V_ARITH(pp, op) VEX_OP((unsigned)(pp), 1u, (unsigned)(op))
enum v_arith {
    V_SQRT = 0x51,
    V_ADD = 0x58,
    V_MUL = 0x59,
    V_SUB = 0x5c,
    V_MIN = 0x5d,
    V_DIV = 0x5e,
    V_MAX = 0x5f,
    V_CMP = 0xc2 /* imm: enum v_pred */
};

/* Predicates of VCMP. */
enum v_pred {
    CMP_EQ_Q = 0,
    CMP_LT_S = 1,
    CMP_LE_S = 2,
    CMP_UNORD = 3,
    CMP_GE_S = 13,
    CMP_GT_S = 14
};

enum v_op {
    V_MOVUPS = VEX_OP(0, 1, 0x10),
    V_MOVUPS_ST = VEX_OP(0, 1, 0x11),
    V_MOVSS = VEX_OP(2, 1, 0x10), /* from memory: clears the rest */
    V_MOVSD = VEX_OP(3, 1, 0x10),
    V_MOVSS_ST = VEX_OP(2, 1, 0x11),
    V_MOVSD_ST = VEX_OP(3, 1, 0x11),
    V_MOVAPS = VEX_OP(0, 1, 0x28),
    V_MOVHPS_ST = VEX_OP(0, 1, 0x17),
    V_MOVLHPS = VEX_OP(0, 1, 0x16),
    V_MOVHPS = VEX_OP(0, 1, 0x16),    /* from memory: the upper half */
    V_MOVQ = VEX_OP(2, 1, 0x7e),      /* xmm to xmm: clears the upper half */
    V_MOVD_TO = VEX_OP(1, 1, 0x6e),   /* from a general register; w: 64 bits */
    V_MOVD_FROM = VEX_OP(1, 1, 0x7e), /* reg is the xmm */
    V_MOVDDUP = VEX_OP(3, 1, 0x12),
    V_MOVSHDUP = VEX_OP(2, 1, 0x16),
    V_MOVSLDUP = VEX_OP(2, 1, 0x12),
    V_UNPCKLPS = VEX_OP(0, 1, 0x14),
    V_UNPCKLPD = VEX_OP(1, 1, 0x14),
    V_UNPCKHPD = VEX_OP(1, 1, 0x15),
    V_SHUFPS = VEX_OP(0, 1, 0xc6),
    V_SHUFPD = VEX_OP(1, 1, 0xc6),
    V_AND = VEX_OP(0, 1, 0x54),
    V_ANDN = VEX_OP(0, 1, 0x55), /* ~vvvv & rm */
    V_OR = VEX_OP(0, 1, 0x56),
    V_XOR = VEX_OP(0, 1, 0x57),
    V_HADDPD = VEX_OP(1, 1, 0x7c),
    V_HADDPS = VEX_OP(3, 1, 0x7c),
    V_MOVMSKPS = VEX_OP(0, 1, 0x50),
    V_UCOMIS = 0x2e, /* V_ARITH(FP_PS or FP_PD, .): ss and sd */
    V_COMIS = 0x2f,
    V_CVTSI2F = 0x2a,  /* V_ARITH(FP_SS or FP_SD, .) */
    V_CVTTF2SI = 0x2c, /* truncating; 2d rounds by MXCSR */
    V_CVTF2SI = 0x2d,
    V_CVTF2F = 0x5a, /* to the other of s and d */
    V_CVTDQ2PS = VEX_OP(0, 1, 0x5b),
    V_CVTPS2DQ = VEX_OP(1, 1, 0x5b),
    V_CVTTPS2DQ = VEX_OP(2, 1, 0x5b),
    V_CVTPH2PS = VEX_OP(1, 2, 0x13),
    V_CVTPS2PH = VEX_OP(1, 3, 0x1d),
    V_ROUNDPS = VEX_OP(1, 3, 0x08),
    V_ROUNDPD = VEX_OP(1, 3, 0x09),
    V_ROUNDSS = VEX_OP(1, 3, 0x0a),
    V_ROUNDSD = VEX_OP(1, 3, 0x0b),
    V_INSERTPS = VEX_OP(1, 3, 0x21),
    V_PERMILPS = VEX_OP(1, 3, 0x04),
    V_PEXTRQ = VEX_OP(1, 3, 0x16), /* reg is the xmm; w: 64 bits */
    V_PINSRQ = VEX_OP(1, 3, 0x22),
    V_PSHUFD = VEX_OP(1, 1, 0x70),
    V_PCMPEQD = VEX_OP(1, 1, 0x76),
    V_PCMPEQQ = VEX_OP(1, 2, 0x29),
    V_PCMPGTD = VEX_OP(1, 1, 0x66),
    V_PCMPGTQ = VEX_OP(1, 2, 0x37),
    V_PSHIFTD = VEX_OP(1, 1, 0x72), /* /2 srl, /4 sra, /6 sll by imm: */
    V_PSHIFTQ = VEX_OP(1, 1, 0x73), /* x64_vex_shift; /3 srldq, /7 slldq */
    V_PTEST = VEX_OP(1, 2, 0x17)
};

/* FMA3, 231 order: reg = +-(vvvv * rm) +- reg. Scalar: the low lane only. */
enum v_fma {
    V_FMADD231 = 0xb8,
    V_FMSUB231 = 0xba,
    V_FNMADD231 = 0xbc,
    V_FNMSUB231 = 0xbe
};
#define V_FMA(op, scalar) VEX_OP(1u, 2u, (unsigned)(op) + ((scalar) ? 1u : 0u))

/* dst = src shifted by an immediate: op /digit of V_PSHIFTx. */
static inline void x64_vex_shift(struct x64 *c, unsigned vop, unsigned digit,
                                 unsigned dst, unsigned src, unsigned n)
{
    x64_vex_rri(c, vop, false, digit, dst, src, n);
}

/* The EVEX form without masks, of registers 0 to 15; l: 0 128 bits, 1 256, 2
   512. pp, map and opcode as in VEX_OP. */
static inline void x64_evex_rr(struct x64 *c, unsigned vop, bool w, unsigned l,
                               unsigned reg, unsigned vvvv, unsigned rm)
{
    unsigned pp = vop >> 12 & 3, map = vop >> 8 & 15;

    x64_u8(c, 0x62);
    x64_u8(c, (~reg >> 3 & 1) << 7 | 0x40 | (~rm >> 3 & 1) << 5 | 0x10 | map);
    x64_u8(c, (unsigned)w << 7 | (~vvvv & 15) << 3 | 4 | pp);
    x64_u8(c, l << 5 | 8);
    x64_u8(c, vop);
    x64_modrm_reg(c, reg, rm);
}

/* AVX-512 conversions, for x64_evex_rr. */
enum v_evex {
    E_CVTTF2USI = 0x78, /* V_ARITH(FP_SS or FP_SD, .); w: 64 bits */
    E_CVTUSI2F = 0x7b,
    E_CVTTPS2UDQ = VEX_OP(0, 1, 0x78),
    E_CVTUDQ2PS = VEX_OP(3, 1, 0x7a),
    E_CVTTPD2QQ = VEX_OP(1, 1, 0x7a), /* w */
    E_CVTTPD2UQQ = VEX_OP(1, 1, 0x78),
    E_CVTQQ2PD = VEX_OP(2, 1, 0xe6),
    E_CVTUQQ2PD = VEX_OP(2, 1, 0x7a)
};
