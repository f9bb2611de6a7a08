// SPDX-License-Identifier: Apache-2.0
/* Guest V registers between memory and the machine's. A write goes to memory at
   once, unless the register is written again before memory can be looked at;
   what is kept here saves the loads, and with them the wait for the store
   before. */

#include "accel/soft/jit/tr_vec.h"

#include <string.h>

#include "accel/soft/cpu.h"
#include "accel/soft/jit/jit.h"

enum { FIRST = 8, NONE = -1 };

static unsigned xmm_of(const struct tr *t, int r)
{
    return FIRST + ((unsigned)r ^ t->regs->vec_flip);
}

static unsigned slot_of(const struct tr *t, unsigned xmm)
{
    return (xmm - FIRST) ^ t->regs->vec_flip;
}

void t_vec_reset(struct tr *t)
{
    memset(&t->vec, 0, sizeof(t->vec));
    t->vec.idx = UINT32_MAX;
    t->vec.bail_floor = t->num_bails;
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
    while (v->first_bail > v->bail_floor &&
           t->bails[v->first_bail - 1].idx == t->idx)
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

/* The bails up to `end`, since it was filled, must fill it again. */
static void want(struct tr *t, int r, unsigned end)
{
    struct tr_vec_reg *reg = &t->vec.reg[r];

    for (; reg->since < end; reg->since++) {
        struct tr_bail *b = &t->bails[reg->since];

        b->reload |= (uint8_t)(1 << r);
        b->vreg[r] = (uint8_t)((reg->vreg - 1) | reg->valid / 64 << 5);
    }
}

/* The emitter has it until the end of the instruction, whose own bails need
   not fill it. */
static unsigned hand_out(struct tr *t, int r)
{
    struct tr_vec *v = &t->vec;

    want(t, r, v->first_bail);
    v->reg[r].used = ++v->clock;
    v->locked |= 1u << r;
    return xmm_of(t, r);
}

static void fill(struct tr *t, int r, unsigned n, unsigned valid, unsigned low)
{
    struct tr_vec *v = &t->vec;

    v->reg[r] = (struct tr_vec_reg){.vreg = (uint8_t)(n + 1),
                                    .valid = (uint8_t)valid,
                                    .low = (uint8_t)low,
                                    .since = (uint16_t)v->first_bail,
                                    .used = ++v->clock};
}

static void write_to_memory(struct tr *t, int r)
{
    struct tr_vec_reg *reg = &t->vec.reg[r];

    if (!reg->dirty)
        return;
    want(t, r, t->num_bails); /* of its writer: tier 0 has clobbered it */
    x64_vex_rm(&t->c, V_MOVUPS_ST, false, xmm_of(t, r), 0, RBP,
               CPU_V(reg->vreg - 1));
    reg->dirty = false;
}

void t_vec_flush(struct tr *t)
{
    for (int r = 0; r < TR_VEC_REGS; r++)
        write_to_memory(t, r);
}

/* Is Vn written again before anybody can see what this instruction writes? */
static bool is_passing(const struct tr *t, unsigned n)
{
    for (unsigned k = t->idx + 1; k < t->src->count; k++) {
        const struct insn *i = &t->src->insn[k];
        enum t_effect effect = t_effect(i->op);

        if (effect == T_ANYTHING)
            return false;
        if (effect == T_WRITES_V && i->rd == n)
            return true;
    }
    return false;
}

/* A register for something else: the one used longest ago. */
static int take(struct tr *t)
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
    write_to_memory(t, best);
    return best;
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

int t_vheld(struct tr *t, unsigned bits, unsigned n)
{
    int r;

    begin(t);
    r = find(t, n);
    return r != NONE && t->vec.reg[r].valid >= bits ? (int)hand_out(t, r) : -1;
}

unsigned t_vget_part(struct tr *t, unsigned bits, unsigned n)
{
    int r;

    begin(t);
    r = find(t, n);
    if (r != NONE && t->vec.reg[r].valid >= bits)
        return hand_out(t, r);
    if (r == NONE || t->vec.locked >> r & 1) {
        if (r != NONE)
            t->vec.reg[r].vreg = 0;
        r = take(t);
    }
    fill(t, r, n, bits, bits);
    load(t, bits, xmm_of(t, r), n);
    return hand_out(t, r);
}

unsigned t_vget(struct tr *t, unsigned n)
{
    return t_vget_part(t, 128, n);
}

unsigned t_vget_low(struct tr *t, unsigned bits, unsigned n, unsigned scratch)
{
    unsigned xmm = t_vget_part(t, bits, n);

    if (t->vec.reg[slot_of(t, xmm)].low <= bits)
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
    bool passing = is_passing(t, n);
    int r;

    begin(t);
    if (!passing)
        x64_vex_rm(&t->c, V_MOVUPS_ST, false, xmm, 0, RBP, CPU_V(n));
    r = find(t, n);
    if (r == NONE)
        r = take(t);
    fill(t, r, n, 128, bits);
    t->vec.reg[r].dirty = passing;
    x64_vex_rr(&t->c, V_MOVAPS, false, xmm_of(t, r), 0, xmm);
}

void t_vstore(struct tr *t, unsigned n, unsigned xmm)
{
    t_vstore_low(t, 128, n, xmm);
}

void t_vec_reload(struct tr *t, const struct tr_bail *bail)
{
    for (unsigned r = 0; r < TR_VEC_REGS; r++) {
        if (bail->reload >> r & 1)
            load(t, 64u * (bail->vreg[r] >> 5), xmm_of(t, (int)r),
                 bail->vreg[r] & 31);
    }
}

void t_vec_poison(struct tr *t)
{
    const unsigned both = JIT_POISON | JIT_AVX2;

    if ((t->features & both) != both)
        return;
    x64_vex_rr(&t->c, V_PCMPEQD, false, 0, 0, 0);
    x64_vex_shift(&t->c, V_PSHIFTD, 2, 0, 0, 10); /* no NaN: that would bail */
    for (unsigned xmm = 1; xmm < FIRST + TR_VEC_REGS; xmm++)
        x64_vex_rr(&t->c, V_MOVAPS, false, xmm, 0, 0);
}

bool t_vec_any(const struct tr *t)
{
    for (int r = 0; r < TR_VEC_REGS; r++) {
        if (t->vec.reg[r].vreg)
            return true;
    }
    return false;
}

void t_vec_hold(struct tr *t, struct tr_vec *held)
{
    for (int r = 0; r < TR_VEC_REGS; r++) {
        if (t->vec.reg[r].vreg)
            want(t, r, t->num_bails);
    }
    *held = t->vec;
}

void t_vec_resume(struct tr *t, const struct tr_vec *held)
{
    t->vec = *held;
    t->vec.idx = UINT32_MAX;
    t->vec.locked = 0;
    t->vec.bail_floor = t->num_bails;
    for (int r = 0; r < TR_VEC_REGS; r++)
        t->vec.reg[r].since = (uint16_t)t->num_bails;
}

void t_vec_want_all(struct tr *t)
{
    for (int r = 0; r < TR_VEC_REGS; r++) {
        if (t->vec.reg[r].vreg)
            want(t, r, t->num_bails);
    }
}

/* What is known of a register's upper bits holds at the end of every pass, as
   each executes the same instructions. */
void t_vec_restore(struct tr *t, const struct tr_vec *held)
{
    for (int r = 0; r < TR_VEC_REGS; r++) {
        const struct tr_vec_reg *h = &held->reg[r], *now = &t->vec.reg[r];

        if (!h->vreg)
            continue;
        if (now->vreg == h->vreg && now->valid >= h->valid &&
            now->low <= h->low)
            want(t, r, t->num_bails);
        else
            load(t, h->valid, xmm_of(t, r), h->vreg - 1u);
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
