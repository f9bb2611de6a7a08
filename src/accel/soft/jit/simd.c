// SPDX-License-Identifier: Apache-2.0
/* Pieces and frames of SIMD emitters: see simd.h. */

#include "accel/soft/jit/simd.h"

#include "accel/soft/jit/jit.h"

const uint16_t p_add[4] = {P_ADDB, P_ADDW, P_ADDD, P_ADDQ};
const uint16_t p_sub[4] = {P_SUBB, P_SUBW, P_SUBD, P_SUBQ};
const uint16_t p_cmpeq[4] = {P_CMPEQB, P_CMPEQW, P_CMPEQD, P_CMPEQQ};
const uint16_t p_cmpgt[4] = {P_CMPGTB, P_CMPGTW, P_CMPGTD, P_CMPGTQ};
const uint16_t p_unpckl[4] = {P_UNPCKLBW, P_UNPCKLWD, P_UNPCKLDQ, P_UNPCKLQDQ};
const uint16_t p_unpckh[4] = {P_UNPCKHBW, P_UNPCKHWD, P_UNPCKHDQ, P_UNPCKHQDQ};
const uint16_t p_movsx[3] = {P_MOVSXBW, P_MOVSXWD, P_MOVSXDQ};
const uint16_t p_movzx[3] = {P_MOVZXBW, P_MOVZXWD, P_MOVZXDQ};
const uint16_t p_broadcast[4] = {P_BROADCASTB, P_BROADCASTW, P_BROADCASTD,
                                 P_BROADCASTQ};

void v_not(struct tr *t, unsigned dst, unsigned src, unsigned tmp)
{
    if (t->features & JIT_AVX512 && dst == src) {
        v_ternary(t, dst, dst, dst, 0x55);
        return;
    }
    v_ones(t, tmp);
    v_op(t, P_XOR, dst, src, tmp);
}

void v_shl(struct tr *t, unsigned size, unsigned dst, unsigned src, unsigned n)
{
    if (n == 0) {
        v_mov(t, dst, src);
    } else if (size == 0) {
        v_opk(t, P_AND, dst, src, K_LOW_BITS8 + n);
        v_shift(t, SHIFT_SLL, 1, dst, dst, n);
    } else {
        v_shift(t, SHIFT_SLL, size, dst, src, n);
    }
}

static void shr8(struct tr *t, bool sgn, unsigned dst, unsigned src, unsigned n)
{
    if (n > 7 && !sgn) {
        v_zero(t, dst);
        return;
    }
    n = n > 7 ? 7 : n;
    v_shift(t, SHIFT_SRL, 1, dst, src, n);
    v_opk(t, P_AND, dst, dst, K_LOW_BITS8 + n);
    if (sgn) { /* extends from where the sign is now */
        v_opk(t, P_XOR, dst, dst, K_SIGN8 + n);
        v_opk(t, P_SUBB, dst, dst, K_SIGN8 + n);
    }
}

void v_shr(struct tr *t, bool sgn, unsigned size, unsigned dst, unsigned src,
           unsigned n, unsigned tmp)
{
    if (n == 0) {
        v_mov(t, dst, src);
    } else if (size == 0) {
        shr8(t, sgn, dst, src, n);
    } else if (size == 3 && sgn && t->features & JIT_AVX512) {
        x64_evex_rr(&t->c, E_SHIFTD, true, 0, SHIFT_SRA, dst, src);
        x64_u8(&t->c, n > 63 ? 63 : n);
    } else if (size == 3 && sgn) {
        v_zero(t, tmp);
        v_op(t, P_CMPGTQ, tmp, tmp, src);
        v_op(t, P_XOR, dst, src, tmp);
        v_shift(t, SHIFT_SRL, 3, dst, dst, n);
        v_op(t, P_XOR, dst, dst, tmp);
    } else {
        v_shift(t, sgn ? SHIFT_SRA : SHIFT_SRL, size, dst, src, n);
    }
}

/* a = src >> (n - 1); half of it, rounded up, is a - (a >> 1). */
void v_shr_round(struct tr *t, bool sgn, unsigned size, unsigned dst,
                 unsigned src, unsigned n, unsigned tmp)
{
    unsigned half = tmp == X6 ? X5 : X6;

    v_shr(t, sgn, size, dst, src, n - 1, tmp);
    v_shr(t, sgn, size, half, dst, 1, tmp);
    v_op(t, p_sub[size], dst, dst, half);
}

void v_limit(struct tr *t, unsigned size, unsigned dst, unsigned x,
             unsigned tmp)
{
    v_zero(t, dst);
    v_op(t, p_cmpgt[size], dst, dst, x);
    v_ones(t, tmp);
    v_shr(t, false, size, tmp, tmp, 1, X7);
    v_op(t, P_XOR, dst, dst, tmp);
}

void v_unzip(struct tr *t, unsigned size, unsigned part, unsigned dst,
             unsigned a, unsigned b, unsigned tmp)
{
    switch (size) {
    case 0:
    case 1:
        if (part) {
            if (b != a)
                v_shift(t, SHIFT_SRL, size + 1, tmp, b, 8u << size);
            v_shift(t, SHIFT_SRL, size + 1, dst, a, 8u << size);
        } else {
            if (b != a)
                v_opk(t, P_AND, tmp, b, size ? K_DWORD_FFFF : K_WORD_FF);
            v_opk(t, P_AND, dst, a, size ? K_DWORD_FFFF : K_WORD_FF);
        }
        v_op(t, size ? P_PACKUSDW : P_PACKUSWB, dst, dst, a == b ? dst : tmp);
        break;
    case 2:
        v_opi(t, P_SHUFPS, dst, a, b, part ? 0xdd : 0x88);
        break;
    default:
        v_op(t, part ? P_UNPCKHQDQ : P_UNPCKLQDQ, dst, a, b);
        break;
    }
}

static void qc_unless_zero(struct tr *t)
{
    uint8_t *none = x64_jcc(&t->c, CC_E);

    x64_alu_mi(&t->c, false, ALU_OR, RBP, CPU(fp.fpsr), FPSR_QC);
    x64_here(&t->c, none);
}

void v_qc(struct tr *t, unsigned x)
{
    v_op(t, P_TEST, x, 0, x);
    qc_unless_zero(t);
}

void v_qc_sign(struct tr *t, unsigned size, unsigned x)
{
    v_op(t, size == 2 ? P_TESTPS : P_TESTPD, x, 0, x);
    qc_unless_zero(t);
}

void v_widen(struct tr *t, bool sgn, unsigned size, unsigned half, unsigned dst,
             unsigned n)
{
    unsigned vop = (sgn ? p_movsx : p_movzx)[size];

    if (half) {
        v_opi(t, P_SHUFD, dst, 0, t_vget(t, n), 0xee);
        v_op(t, vop, dst, 0, dst);
    } else {
        v_op(t, vop, dst, 0, t_vget_part(t, 64, n));
    }
}

void v_broadcast(struct tr *t, unsigned size, unsigned dst, unsigned n,
                 unsigned index)
{
    if (index == 0) {
        v_op(t, p_broadcast[size], dst, 0, t_vget_part(t, 64, n));
    } else if (size == 3) {
        v_opi(t, P_SHUFD, dst, 0, t_vget(t, n), 0xee);
    } else if (size == 2) {
        v_opi(t, P_SHUFD, dst, 0, t_vget(t, n), 0x55 * index);
    } else {
        v_opi(t, P_SHIFTQ, SHIFTQ_SRLDQ, dst, t_vget(t, n), index << size);
        v_op(t, p_broadcast[size], dst, 0, dst);
    }
}

bool v_put(struct tr *t, const struct insn *i, unsigned q)
{
    if (!q)
        v_op(t, V_MOVQ, X0, 0, X0);
    t_vstore_low(t, q ? 128 : 64, i->rd, X0);
    return t->flags_kept = true;
}

bool v_put_half(struct tr *t, const struct insn *i)
{
    if (!SIMD_Q(i))
        return v_put(t, i, 0);
    t_vload_low(t, 64, X4, i->rd);
    v_op(t, P_UNPCKLQDQ, X0, X4, X0);
    return v_put(t, i, 1);
}

static bool frame(struct tr *t, const struct insn *i, simd_kern *k,
                  unsigned size, unsigned flags, unsigned q)
{
    unsigned bits = flags & KERN_SAT && !q ? 64 : 128;
    unsigned d = X3, n = t_vget_low(t, bits, i->rn, X1), m = n;

    if (i->rm != i->rn)
        m = t_vget_low(t, bits, i->rm, X2);
    if (flags & KERN_ACC)
        d = t_vget_low(t, bits, i->rd, X3);
    k(t, size, d, n, m);
    v_put(t, i, q);
    t->flags_kept = !(flags & KERN_SAT);
    return true;
}

bool simd_vec(struct tr *t, const struct insn *i, simd_kern *k, unsigned size,
              unsigned flags)
{
    if (!simd_ok(t) || (size < 2 && flags & KERN_WIDE))
        return false;
    return frame(t, i, k, size, flags, SIMD_Q(i));
}

void v_lowest(struct tr *t, unsigned size, unsigned dst, unsigned n)
{
    if (size >= 2) {
        t_vload_low(t, 16u << (size - 1), dst, n);
        return;
    }
    v_opi(t, P_SHIFTQ, SHIFTQ_SLLDQ, dst, t_vget(t, n), 16 - (1u << size));
    v_opi(t, P_SHIFTQ, SHIFTQ_SRLDQ, dst, dst, 16 - (1u << size));
}

bool simd_scalar_sat(struct tr *t, const struct insn *i, simd_kern *k,
                     unsigned flags)
{
    unsigned size = SIMD_SIZE(i);

    if (!simd_ok(t) || (size < 2 && flags & KERN_WIDE))
        return false;
    v_lowest(t, size, X1, i->rn);
    v_lowest(t, size, X2, i->rm);
    if (flags & KERN_ACC)
        v_lowest(t, size, X3, i->rd);
    k(t, size, X3, X1, X2);
    v_put(t, i, 0); /* nothing comes of zeroes */
    t->flags_kept = false;
    return true;
}

bool simd_scalar_d(struct tr *t, const struct insn *i, simd_kern *k,
                   unsigned flags)
{
    return simd_ok(t) && frame(t, i, k, 3, flags, 0);
}
