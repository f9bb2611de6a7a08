// SPDX-License-Identifier: Apache-2.0
/* Guest V registers between memory and the machine's. Every write goes to
   memory at once; what is kept here saves the loads, and with them the wait
   for the store before. */

#include "accel/soft/jit/tr_vec.h"

#include <string.h>

#include "accel/soft/cpu.h"

enum { FIRST = 8, NONE = -1 };

void t_vec_reset(struct tr *t)
{
    memset(&t->vec, 0, sizeof(t->vec));
    t->vec.idx = UINT32_MAX;
}

/* The first call for an instruction. */
static void begin(struct tr *t)
{
    struct tr_vec *v = &t->vec;

    if (v->idx == t->idx)
        return;
    v->idx = t->idx;
    v->locked = 0;
    v->first_bail = t->num_bails;
    while (v->first_bail && t->bails[v->first_bail - 1].idx == t->idx)
        v->first_bail--;
}

static int find(const struct tr *t, unsigned n)
{
    for (int r = 0; r < TR_VEC_REGS; r++) {
        if (t->vec.reg[r].vreg == n + 1)
            return r;
    }
    return NONE;
}

/* The emitter has it until the end of the instruction. The bails of the
   instructions since it was filled must fill it again. */
static unsigned hand_out(struct tr *t, int r)
{
    struct tr_vec *v = &t->vec;
    struct tr_vec_reg *reg = &v->reg[r];

    for (; reg->since < v->first_bail; reg->since++) {
        struct tr_bail *b = &t->bails[reg->since];

        b->reload |= (uint8_t)(1 << r);
        b->vreg[r] = (uint8_t)((reg->vreg - 1) | reg->valid / 64 << 5);
    }
    reg->used = ++v->clock;
    v->locked |= 1u << r;
    return FIRST + (unsigned)r;
}

/* A register to fill with Vn: the one used longest ago. */
static int take(struct tr *t, unsigned n, unsigned valid, unsigned low)
{
    struct tr_vec *v = &t->vec;
    int best = NONE;

    for (int r = 0; r < TR_VEC_REGS; r++) {
        if (v->locked >> r & 1)
            continue;
        if (best == NONE || v->reg[r].used < v->reg[best].used)
            best = r;
    }
    check(best != NONE);
    v->reg[best] = (struct tr_vec_reg){.vreg = (uint8_t)(n + 1),
                                       .valid = (uint8_t)valid,
                                       .low = (uint8_t)low,
                                       .since = (uint16_t)v->first_bail,
                                       .used = ++v->clock};
    return best;
}

/* What an emitter may still read stays as it is. */
static void forget(struct tr *t, unsigned n)
{
    int r = find(t, n);

    if (r != NONE)
        t->vec.reg[r] = (struct tr_vec_reg){.used = 0};
}

static void load(struct tr *t, unsigned bits, unsigned xmm, unsigned n)
{
    static const unsigned ops[] = {V_MOVSS, V_MOVSD, V_MOVUPS};

    x64_vex_rm(&t->c, ops[bits / 64], false, xmm, 0, RBP, CPU_V(n));
}

/* xmm = the low bits of src, zero above */
static void copy_low(struct tr *t, unsigned bits, unsigned xmm, unsigned src)
{
    if (bits == 64)
        x64_vex_rr(&t->c, V_MOVQ, false, xmm, 0, src);
    else
        x64_vex_rri(&t->c, V_INSERTPS, false, xmm, src, src, 0xe);
}

unsigned t_vget_part(struct tr *t, unsigned bits, unsigned n)
{
    int r;

    begin(t);
    r = find(t, n);
    if (r != NONE && t->vec.reg[r].valid >= bits)
        return hand_out(t, r);
    forget(t, n);
    r = take(t, n, bits, bits);
    load(t, bits, FIRST + (unsigned)r, n);
    return hand_out(t, r);
}

unsigned t_vget(struct tr *t, unsigned n)
{
    return t_vget_part(t, 128, n);
}

unsigned t_vget_low(struct tr *t, unsigned bits, unsigned n, unsigned scratch)
{
    unsigned xmm = t_vget_part(t, bits, n);

    if (t->vec.reg[xmm - FIRST].low <= bits)
        return xmm;
    copy_low(t, bits, scratch, xmm);
    return scratch;
}

void t_vload_low(struct tr *t, unsigned bits, unsigned xmm, unsigned n)
{
    unsigned src;

    begin(t);
    if (find(t, n) == NONE) { /* it will be written: no need to keep it */
        load(t, bits, xmm, n);
        return;
    }
    src = t_vget_low(t, bits, n, xmm);
    if (src != xmm)
        x64_vex_rr(&t->c, V_MOVAPS, false, xmm, 0, src);
}

void t_vload(struct tr *t, unsigned xmm, unsigned n)
{
    unsigned src = t_vget(t, n);

    x64_vex_rr(&t->c, V_MOVAPS, false, xmm, 0, src);
}

void t_vstore_low(struct tr *t, unsigned bits, unsigned n, unsigned xmm)
{
    int r;

    begin(t);
    x64_vex_rm(&t->c, V_MOVUPS_ST, false, xmm, 0, RBP, CPU_V(n));
    forget(t, n);
    r = take(t, n, 128, bits);
    x64_vex_rr(&t->c, V_MOVAPS, false, FIRST + (unsigned)r, 0, xmm);
}

void t_vstore(struct tr *t, unsigned n, unsigned xmm)
{
    t_vstore_low(t, 128, n, xmm);
}

void t_vec_reload(struct tr *t, const struct tr_bail *bail)
{
    for (unsigned r = 0; r < TR_VEC_REGS; r++) {
        if (bail->reload >> r & 1)
            load(t, 64u * (bail->vreg[r] >> 5), FIRST + r, bail->vreg[r] & 31);
    }
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
