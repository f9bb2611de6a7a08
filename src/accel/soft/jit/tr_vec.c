// SPDX-License-Identifier: Apache-2.0
/* Guest V registers between memory and the machine's. */

#include "accel/soft/jit/tr_vec.h"

#include "accel/soft/cpu.h"

void t_vload(struct tr *t, unsigned xmm, unsigned n)
{
    x64_vex_rm(&t->c, V_MOVUPS, false, xmm, 0, RBP, CPU_V(n));
}

unsigned t_vget(struct tr *t, unsigned n)
{
    unsigned xmm = 8 + t->vec.next++ % TR_VEC_REGS;

    t_vload(t, xmm, n);
    return xmm;
}

void t_vstore(struct tr *t, unsigned n, unsigned xmm)
{
    x64_vex_rm(&t->c, V_MOVUPS_ST, false, xmm, 0, RBP, CPU_V(n));
}

void t_vload_low(struct tr *t, unsigned bits, unsigned xmm, unsigned n)
{
    static const unsigned ops[] = {V_MOVSS, V_MOVSD, V_MOVUPS};

    x64_vex_rm(&t->c, ops[bits / 64], false, xmm, 0, RBP, CPU_V(n));
}

unsigned t_vget_low(struct tr *t, unsigned bits, unsigned n, unsigned scratch)
{
    if (bits == 128)
        return t_vget(t, n);
    t_vload_low(t, bits, scratch, n);
    return scratch;
}

void t_vstore_low(struct tr *t, unsigned bits, unsigned n, unsigned xmm)
{
    (void)bits;
    t_vstore(t, n, xmm);
}

void t_vconst(struct tr *t, unsigned xmm, uint64_t low)
{
    if (low == 0) {
        x64_vex_rr(&t->c, V_XOR, false, xmm, xmm, xmm);
        return;
    }
    x64_mov_imm(&t->c, RAX, low);
    x64_vex_rr(&t->c, V_MOVD_TO, true, xmm, 0, RAX);
}
