// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What the emitters of Advanced SIMD integer instructions (em_simd*.c) share:
 * opcodes by element size, constants, and the frame around a kernel.
 *
 * A kernel emits one lane-wise operation on whole registers, as the kernels of
 * tier 0 (lanes.h) compute it. Around it come the ways to fetch the operands
 * (vector, scalar, widened, one element repeated) and to store the result.
 */

#include "accel/soft/jit/simd_const.h"
#include "accel/soft/jit/tr_vec.h"
#include "base/macros.h"

#define SIMD_Q(i)    FIELD(i, 30, 30)
#define SIMD_SIZE(i) FIELD(i, 23, 22)

/* Operands are in X1 (n), X2 (m) and X3 (the old d), which a kernel only
   reads; it makes the result in X0 and may use X4 to X7. */
enum { X0, X1, X2, X3, X4, X5, X6, X7 };
typedef void simd_kern(struct tr *t, unsigned size, unsigned d, unsigned n,
                       unsigned m);

/* How a kernel wants to be called. */
enum {
    KERN_ACC = 1, /* reads the old d */
    KERN_SAT = 2, /* sets FPSR.QC and flags: unused lanes must be zeroes */
    KERN_WIDE = 4 /* for words and doublewords only; tier 0 does others */
};

#define P66(op)   VEX_OP(1, 1, op)
#define P6638(op) VEX_OP(1, 2, op)
#define P663A(op) VEX_OP(1, 3, op)
enum simd_op {
    P_MOVDQA = P66(0x6f),
    P_AND = P66(0xdb),
    P_ANDN = P66(0xdf), /* ~vvvv & rm */
    P_OR = P66(0xeb),
    P_XOR = P66(0xef),
    P_ADDB = P66(0xfc),
    P_ADDW = P66(0xfd),
    P_ADDD = P66(0xfe),
    P_ADDQ = P66(0xd4),
    P_SUBB = P66(0xf8),
    P_SUBW = P66(0xf9),
    P_SUBD = P66(0xfa),
    P_SUBQ = P66(0xfb),
    P_ADDSB = P66(0xec),
    P_ADDSW = P66(0xed),
    P_ADDUSB = P66(0xdc),
    P_ADDUSW = P66(0xdd),
    P_SUBSB = P66(0xe8),
    P_SUBSW = P66(0xe9),
    P_SUBUSB = P66(0xd8),
    P_SUBUSW = P66(0xd9),
    P_AVGB = P66(0xe0),
    P_AVGW = P66(0xe3),
    P_CMPEQB = P66(0x74),
    P_CMPEQW = P66(0x75),
    P_CMPEQD = P66(0x76),
    P_CMPEQQ = P6638(0x29),
    P_CMPGTB = P66(0x64),
    P_CMPGTW = P66(0x65),
    P_CMPGTD = P66(0x66),
    P_CMPGTQ = P6638(0x37),
    P_MAXSB = P6638(0x3c),
    P_MAXSW = P66(0xee),
    P_MAXSD = P6638(0x3d),
    P_MAXUB = P66(0xde),
    P_MAXUW = P6638(0x3e),
    P_MAXUD = P6638(0x3f),
    P_MINSB = P6638(0x38),
    P_MINSW = P66(0xea),
    P_MINSD = P6638(0x39),
    P_MINUB = P66(0xda),
    P_MINUW = P6638(0x3a),
    P_MINUD = P6638(0x3b),
    P_ABSB = P6638(0x1c),
    P_ABSW = P6638(0x1d),
    P_ABSD = P6638(0x1e),
    P_MULLW = P66(0xd5),
    P_MULHW = P66(0xe5),
    P_MULHUW = P66(0xe4),
    P_MULLD = P6638(0x40),
    P_MULDQ = P6638(0x28),
    P_MULUDQ = P66(0xf4),
    P_MULHRSW = P6638(0x0b),
    P_MADDWD = P66(0xf5),
    P_MADDUBSW = P6638(0x04), /* vvvv unsigned, rm signed */
    P_SADBW = P66(0xf6),
    P_SHIFTW = P66(0x71), /* by immediate: digit SHIFT_* */
    P_SHIFTD = P66(0x72),
    P_SHIFTQ = P66(0x73),
    P_SLLVD = P6638(0x47), /* w: quadwords */
    P_SRLVD = P6638(0x45),
    P_SRAVD = P6638(0x46),
    P_UNPCKLBW = P66(0x60),
    P_UNPCKLWD = P66(0x61),
    P_UNPCKLDQ = P66(0x62),
    P_UNPCKLQDQ = P66(0x6c),
    P_UNPCKHBW = P66(0x68),
    P_UNPCKHWD = P66(0x69),
    P_UNPCKHDQ = P66(0x6a),
    P_UNPCKHQDQ = P66(0x6d),
    P_PACKSSWB = P66(0x63),
    P_PACKSSDW = P66(0x6b),
    P_PACKUSWB = P66(0x67),
    P_PACKUSDW = P6638(0x2b),
    P_SHUFB = P6638(0x00),
    P_SHUFD = P66(0x70),
    P_SHUFLW = VEX_OP(3, 1, 0x70),
    P_SHUFHW = VEX_OP(2, 1, 0x70),
    P_SHUFPS = VEX_OP(0, 1, 0xc6),
    P_SHUFPD = P66(0xc6),
    P_ALIGNR = P663A(0x0f), /* vvvv:rm >> 8 * imm */
    P_BLENDW = P663A(0x0e),
    P_BLENDD = P663A(0x02),
    P_BLENDVB = P663A(0x4c), /* imm: mask << 4; vvvv where the mask is 0 */
    P_BLENDVPS = P663A(0x4a),
    P_BLENDVPD = P663A(0x4b),
    P_MOVSXBW = P6638(0x20),
    P_MOVSXWD = P6638(0x23),
    P_MOVSXDQ = P6638(0x25),
    P_MOVZXBW = P6638(0x30),
    P_MOVZXWD = P6638(0x33),
    P_MOVZXDQ = P6638(0x35),
    P_INSRB = P663A(0x20),
    P_INSRW = P66(0xc4),
    P_INSRD = P663A(0x22), /* w: quadword */
    P_EXTRB = P663A(0x14), /* reg is the xmm */
    P_EXTRW = P663A(0x15),
    P_EXTRD = P663A(0x16),
    P_BROADCASTB = P6638(0x78),
    P_BROADCASTW = P6638(0x79),
    P_BROADCASTD = P6638(0x58),
    P_BROADCASTQ = P6638(0x59),
    P_TEST = P6638(0x17),
    P_TESTPS = P6638(0x0e), /* sign bits only */
    P_TESTPD = P6638(0x0f),
    P_CLMULQDQ = P663A(0x44),
    P_AESENC = P6638(0xdc),
    P_AESENCLAST = P6638(0xdd),
    P_AESDECLAST = P6638(0xdf),
    P_AESIMC = P6638(0xdb)
};
/* Of AVX-512, for x64_evex_rr; what shifts with w. */
enum simd_evex {
    E_TERNLOGD = P663A(0x25), /* imm: by the bits of dst, vvvv and rm */
    E_POPCNTB = P6638(0x54),
    E_SRLVW = P6638(0x10),
    E_SRAVW = P6638(0x11),
    E_SLLVW = P6638(0x12),
    E_SRAVQ = P6638(0x46),
    E_SHIFTD = P66(0x72) /* by immediate: SHIFT_SRA of quadwords */
};

enum { SHIFT_SRL = 2, SHIFT_SRA = 4, SHIFT_SLL = 6 };
enum { SHIFTQ_SRLDQ = 3, SHIFTQ_SLLDQ = 7 }; /* by bytes */

/* By log2 of the element's bytes. */
extern const uint16_t p_add[4], p_sub[4], p_cmpeq[4], p_cmpgt[4];
extern const uint16_t p_unpckl[4], p_unpckh[4];
extern const uint16_t p_movsx[3], p_movzx[3], p_broadcast[4];

static inline void v_op(struct tr *t, unsigned vop, unsigned dst, unsigned a,
                        unsigned b)
{
    x64_vex_rr(&t->c, vop, false, dst, a, b);
}

static inline void v_opi(struct tr *t, unsigned vop, unsigned dst, unsigned a,
                         unsigned b, unsigned imm)
{
    x64_vex_rri(&t->c, vop, false, dst, a, b, imm);
}

/* With a constant as the last operand. */
static inline void v_opk(struct tr *t, unsigned vop, unsigned dst, unsigned a,
                         enum simd_const k)
{
    x64_vex_rm(&t->c, vop, false, dst, a, RBP, CPU(simd_const[k]));
}

/* By the host's rules: no bytes, no arithmetic shift of quadwords. */
static inline void v_shift(struct tr *t, unsigned digit, unsigned size,
                           unsigned dst, unsigned src, unsigned n)
{
    x64_vex_rri(&t->c, P_SHIFTW + size - 1, false, digit, dst, src, n);
}

static inline void v_zero(struct tr *t, unsigned x)
{
    v_op(t, P_XOR, x, x, x);
}

static inline void v_ones(struct tr *t, unsigned x)
{
    v_op(t, P_CMPEQD, x, x, x);
}

static inline void v_mov(struct tr *t, unsigned dst, unsigned src)
{
    if (dst != src)
        v_op(t, P_MOVDQA, dst, 0, src);
}

/* dst = what imm says of each bit of dst, a and b: AVX-512. */
static inline void v_ternary(struct tr *t, unsigned dst, unsigned a, unsigned b,
                             unsigned imm)
{
    x64_evex_rr(&t->c, E_TERNLOGD, false, 0, dst, a, b);
    x64_u8(&t->c, imm);
}

/* dst = ~src; tmp is another register. */
void v_not(struct tr *t, unsigned dst, unsigned src, unsigned tmp);

/* Elements shifted by n, up to their width to the right; dst may be src. */
void v_shl(struct tr *t, unsigned size, unsigned dst, unsigned src, unsigned n);
void v_shr(struct tr *t, bool sgn, unsigned size, unsigned dst, unsigned src,
           unsigned n, unsigned tmp);
/* The same with half of the last bit shifted out added: n is 1 or more. */
void v_shr_round(struct tr *t, bool sgn, unsigned size, unsigned dst,
                 unsigned src, unsigned n, unsigned tmp);

/* dst = the limit on the side of each lane's sign: the largest, or the
   smallest. tmp is another register. */
void v_limit(struct tr *t, unsigned size, unsigned dst, unsigned x,
             unsigned tmp);

/* Every second element of b:a, the lower one of each pair (part 0) or the
   upper; dst may be a or b. */
void v_unzip(struct tr *t, unsigned size, unsigned part, unsigned dst,
             unsigned a, unsigned b, unsigned tmp);

/* X0 = bytes of n, the bits of each in reverse. Clobbers X4, X5. */
void v_rbit8(struct tr *t, unsigned n);

/* FPSR.QC = 1 if x is not zero (if one of its sign bits is set). */
void v_qc(struct tr *t, unsigned x);
void v_qc_sign(struct tr *t, unsigned size, unsigned x);

/* dst = Vn, with the upper half zero unless q. */
static inline void v_lanes(struct tr *t, unsigned dst, unsigned n, unsigned q)
{
    t_vload_low(t, q ? 128 : 64, dst, n);
}

/* dst = a half of Vn, its elements twice as wide; one element of Vn in all
   lanes. */
void v_widen(struct tr *t, bool sgn, unsigned size, unsigned half, unsigned dst,
             unsigned n);
void v_broadcast(struct tr *t, unsigned size, unsigned dst, unsigned n,
                 unsigned index);

/* dst = the lowest element of Vn alone. */
void v_lowest(struct tr *t, unsigned size, unsigned dst, unsigned n);

/* Vd = X0, with the upper half zeroed unless q. Says that the host's flags are
   kept; kernels that clobbered them take it back. */
bool v_put(struct tr *t, const struct insn *i, unsigned q);

/* Vd<q> = the low half of X0: the "2" forms of narrowing instructions. */
bool v_put_half(struct tr *t, const struct insn *i);

/* The frames. False: not for this size, or the host has no AVX2. */
bool simd_vec(struct tr *t, const struct insn *i, simd_kern *k, unsigned size,
              unsigned flags);
bool simd_scalar_d(struct tr *t, const struct insn *i, simd_kern *k,
                   unsigned flags);

/* Scalars of the size field's width. */
bool simd_scalar_sat(struct tr *t, const struct insn *i, simd_kern *k,
                     unsigned flags);

static inline bool simd_ok(const struct tr *t)
{
    return t->features & JIT_AVX2;
}

/* Kernels that more than one file uses. */
simd_kern k_add, k_sub, k_mul, k_mla, k_mls, k_sabd, k_uabd, k_saba, k_uaba,
    k_smax, k_umax, k_smin, k_umin, k_sqadd, k_uqadd, k_sqsub, k_sqdmulh,
    k_sqrdmulh, k_sqrdmlah, k_sqrdmlsh, k_sdot, k_udot;
