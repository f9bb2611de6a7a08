// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of LD1 to LD4 and ST1 to ST4 (Arm ARM C4.1.66). Whole registers
 * move, and structures of several elements are taken apart and put together
 * by shuffles.
 */

#include "accel/soft/jit/vmem.h"

/* Rm = 31 steps by what was moved. rax holds the base still. */
static void post_index(struct tr *t, const struct insn *i, unsigned bytes,
                       bool post)
{
    unsigned dst = t_dst(t, i->rn, RAX);

    if (!post)
        return;
    if (i->rm == REG_ZERO)
        x64_lea(&t->c, true, dst, RAX, (int32_t)bytes);
    else
        x64_lea_sib(&t->c, true, dst, RAX, t_get(t, i->rm, RCX), 0, 0);
    t_put(t, i->rn, dst);
}

static unsigned vt(const struct insn *i, unsigned k)
{
    return (i->rd + k) & 31;
}

static void load_q(struct tr *t, unsigned x, int32_t disp)
{
    x64_vex_rm(&t->c, V_MOVUPS, false, x, 0, RDX, disp);
}

static void store_q(struct tr *t, unsigned x, int32_t disp)
{
    x64_vex_rm(&t->c, V_MOVUPS_ST, false, x, 0, RDX, disp);
}

/* Registers one after the other. */
static void move_runs(struct tr *t, const struct insn *i, unsigned regs,
                      bool write)
{
    unsigned log2 = SIMD_Q(i) ? 4 : 3;

    for (unsigned k = 0; k < regs; k++) {
        if (write)
            vmem_store(t, vt(i, k), log2, (int32_t)(k << log2));
        else
            vmem_load(t, vt(i, k), log2, (int32_t)(k << log2));
    }
}

/* Pairs: 16 bytes hold both registers' lower halves. */
static void load_pairs(struct tr *t, const struct insn *i, unsigned size)
{
    unsigned q = SIMD_Q(i), high = q ? X2 : X1;

    load_q(t, X1, 0);
    if (q)
        load_q(t, X2, 16);
    for (unsigned part = 0; part < 2; part++) {
        v_unzip(t, size, part, X0, X1, high, X4);
        if (!q)
            v_op(t, V_MOVQ, X0, 0, X0);
        t_vstore(t, vt(i, part), X0);
    }
}

static void store_pairs(struct tr *t, const struct insn *i, unsigned size)
{
    unsigned a = t_vget(t, vt(i, 0)), b = t_vget(t, vt(i, 1));

    v_op(t, p_unpckl[size], X0, a, b);
    store_q(t, X0, 0);
    if (!SIMD_Q(i))
        return;
    v_op(t, p_unpckh[size], X0, a, b);
    store_q(t, X0, 16);
}

/* X0 to X3 as the rows of a 4 by 4 matrix of words, turned; into X0, X1, X2,
   X3 through X4 to X7. */
static void turn32(struct tr *t)
{
    v_op(t, P_UNPCKLDQ, X4, X0, X1);
    v_op(t, P_UNPCKHDQ, X5, X0, X1);
    v_op(t, P_UNPCKLDQ, X6, X2, X3);
    v_op(t, P_UNPCKHDQ, X7, X2, X3);
    v_op(t, P_UNPCKLQDQ, X0, X4, X6);
    v_op(t, P_UNPCKHQDQ, X1, X4, X6);
    v_op(t, P_UNPCKLQDQ, X2, X5, X7);
    v_op(t, P_UNPCKHQDQ, X3, X5, X7);
}

/* Doublewords: the structures' halves alternate. */
static void split64(struct tr *t)
{
    v_op(t, P_UNPCKLQDQ, X4, X0, X2);
    v_op(t, P_UNPCKHQDQ, X5, X0, X2);
    v_op(t, P_UNPCKLQDQ, X2, X1, X3);
    v_op(t, P_UNPCKHQDQ, X3, X1, X3);
    v_mov(t, X0, X4);
    v_mov(t, X1, X5);
}

static void join64(struct tr *t)
{
    v_op(t, P_UNPCKLQDQ, X4, X0, X1);
    v_op(t, P_UNPCKLQDQ, X5, X2, X3);
    v_op(t, P_UNPCKHQDQ, X6, X0, X1);
    v_op(t, P_UNPCKHQDQ, X3, X2, X3);
    v_mov(t, X0, X4);
    v_mov(t, X1, X5);
    v_mov(t, X2, X6);
}

static void load_fours(struct tr *t, const struct insn *i, unsigned size)
{
    for (unsigned k = 0; k < 4; k++) {
        load_q(t, X0 + k, (int32_t)(16 * k));
        if (size < 2)
            v_opk(t, P_SHUFB, X0 + k, X0 + k, size ? K_SPLIT4_16 : K_SPLIT4_8);
    }
    if (size == 3)
        split64(t);
    else
        turn32(t);
    for (unsigned k = 0; k < 4; k++)
        t_vstore(t, vt(i, k), X0 + k);
}

static void store_fours(struct tr *t, const struct insn *i, unsigned size)
{
    for (unsigned k = 0; k < 4; k++)
        t_vload(t, X0 + k, vt(i, k));
    if (size == 3)
        join64(t);
    else
        turn32(t);
    for (unsigned k = 0; k < 4; k++) {
        if (size < 2)
            v_opk(t, P_SHUFB, X0 + k, X0 + k, size ? K_JOIN4_16 : K_SPLIT4_8);
        store_q(t, X0 + k, (int32_t)(16 * k));
    }
}

/* X0 = one of three, gathered from X1 to X3. */
static void gather(struct tr *t, enum simd_const k, unsigned pieces)
{
    for (unsigned p = 0; p < pieces; p++) {
        v_opk(t, P_SHUFB, p ? X4 : X0, X1 + p, k + p);
        if (p)
            v_op(t, P_OR, X0, X0, X4);
    }
}

/* Registers of 8 bytes lie in one piece and a half. */
static void load_threes(struct tr *t, const struct insn *i, unsigned size)
{
    unsigned q = SIMD_Q(i);

    load_q(t, X1, 0);
    if (q) {
        load_q(t, X2, 16);
        load_q(t, X3, 32);
    } else {
        x64_vex_rm(&t->c, V_MOVSD, false, X2, 0, RDX, 16);
    }
    for (unsigned r = 0; r < 3; r++) {
        gather(t, K_SPLIT3 + 9 * size + 3 * r, q ? 3 : 2);
        if (!q)
            v_op(t, V_MOVQ, X0, 0, X0);
        t_vstore(t, vt(i, r), X0);
    }
}

static void store_threes(struct tr *t, const struct insn *i, unsigned size)
{
    unsigned q = SIMD_Q(i);

    for (unsigned r = 0; r < 3; r++)
        t_vload(t, X1 + r, vt(i, r));
    for (unsigned k = 0; k < (q ? 3 : 2); k++) {
        gather(t, K_JOIN3 + 9 * size + 3 * k, 3);
        if (k == 1 && !q)
            x64_vex_rm(&t->c, V_MOVSD_ST, false, X0, 0, RDX, 16);
        else
            store_q(t, X0, (int32_t)(16 * k));
    }
}

/* Fours of 8 bytes: each piece holds half of every register. */
static void load_fours_low(struct tr *t, const struct insn *i, unsigned size)
{
    for (unsigned k = 0; k < 2; k++) {
        load_q(t, X0 + k, (int32_t)(16 * k));
        if (size < 2)
            v_opk(t, P_SHUFB, X0 + k, X0 + k, size ? K_SPLIT4_16 : K_SPLIT4_8);
    }
    v_op(t, P_UNPCKLDQ, X4, X0, X1);
    v_op(t, P_UNPCKHDQ, X5, X0, X1);
    for (unsigned k = 0; k < 4; k++) {
        if (k & 1)
            v_opi(t, P_SHIFTQ, SHIFTQ_SRLDQ, X0, X4 + k / 2, 8);
        else
            v_op(t, V_MOVQ, X0, 0, X4 + k / 2);
        t_vstore(t, vt(i, k), X0);
    }
}

static void store_fours_low(struct tr *t, const struct insn *i, unsigned size)
{
    v_op(t, P_UNPCKLDQ, X4, t_vget(t, vt(i, 0)), t_vget(t, vt(i, 1)));
    v_op(t, P_UNPCKLDQ, X5, t_vget(t, vt(i, 2)), t_vget(t, vt(i, 3)));
    v_op(t, P_UNPCKLQDQ, X0, X4, X5);
    v_op(t, P_UNPCKHQDQ, X1, X4, X5);
    for (unsigned k = 0; k < 2; k++) {
        if (size < 2)
            v_opk(t, P_SHUFB, X0 + k, X0 + k, size ? K_JOIN4_16 : K_SPLIT4_8);
        store_q(t, X0 + k, (int32_t)(16 * k));
    }
}

static void move_structures(struct tr *t, const struct insn *i, unsigned regs,
                            unsigned size, bool write)
{
    if (regs == 2)
        (write ? store_pairs : load_pairs)(t, i, size);
    else if (regs == 3)
        (write ? store_threes : load_threes)(t, i, size);
    else if (SIMD_Q(i))
        (write ? store_fours : load_fours)(t, i, size);
    else
        (write ? store_fours_low : load_fours_low)(t, i, size);
}

/* By opcode: registers in runs, and elements a structure. */
static const uint8_t runs[16] = {[2] = 4, [6] = 3, [7] = 1, [10] = 2};
static const uint8_t structure[16] = {[0] = 4, [4] = 3, [8] = 2};

static bool mult(struct tr *t, const struct insn *i, bool write, bool post)
{
    unsigned opcode = FIELD(i, 15, 12), size = FIELD(i, 11, 10);
    unsigned regs = runs[opcode] + structure[opcode];
    unsigned bytes = regs * (SIMD_Q(i) ? 16 : 8);

    if (!simd_ok(t))
        return false;
    vmem_base(t, i, 0);
    t_tlb(t, bytes, write);
    if (runs[opcode])
        move_runs(t, i, regs, write);
    else
        move_structures(t, i, regs, size, write);
    post_index(t, i, bytes, post);
    return true;
}

EMITTER(LD_mult, mult(t, i, false, false))
EMITTER(LD_mult_post, mult(t, i, false, true))
EMITTER(ST_mult, mult(t, i, true, false))
EMITTER(ST_mult_post, mult(t, i, true, true))

/* One structure to or from one lane, or to all of them. */
struct lane {
    unsigned regs, size, index;
    bool replicate;
};

static struct lane lane_of(const struct insn *i)
{
    unsigned opcode = FIELD(i, 15, 13), size = FIELD(i, 11, 10);
    unsigned all = SIMD_Q(i) << 3 | FIELD(i, 12, 12) << 2 | size;
    struct lane l = {.regs = ((opcode & 1) << 1 | FIELD(i, 21, 21)) + 1,
                     .size = opcode >> 1,
                     .replicate = opcode >> 1 == 3};

    if (l.replicate)
        l.size = size;
    else if (l.size == 2 && (size & 1))
        l.size = 3;
    l.index = all >> l.size;
    return l;
}

static void load_lane(struct tr *t, unsigned n, const struct lane *l,
                      int32_t disp)
{
    static const uint16_t ops[4] = {P_INSRB, P_INSRW, P_INSRD, P_INSRD};

    t_vload(t, X0, n);
    x64_vex_rm(&t->c, ops[l->size], l->size == 3, X0, X0, RDX, disp);
    x64_u8(&t->c, l->index);
    t_vstore(t, n, X0);
}

static void store_lane(struct tr *t, unsigned n, const struct lane *l,
                       int32_t disp)
{
    static const uint16_t ops[4] = {P_EXTRB, P_EXTRW, P_EXTRD, P_EXTRD};

    x64_vex_rm(&t->c, ops[l->size], l->size == 3, t_vget(t, n), 0, RDX, disp);
    x64_u8(&t->c, l->index);
}

static void load_all_lanes(struct tr *t, unsigned n, const struct lane *l,
                           unsigned q, int32_t disp)
{
    x64_vex_rm(&t->c, p_broadcast[l->size], false, X0, 0, RDX, disp);
    if (!q)
        v_op(t, V_MOVQ, X0, 0, X0);
    t_vstore(t, n, X0);
}

static bool one(struct tr *t, const struct insn *i, bool write, bool post)
{
    struct lane l = lane_of(i);

    if (!simd_ok(t))
        return false;
    vmem_base(t, i, 0);
    t_tlb(t, l.regs << l.size, write);
    for (unsigned k = 0; k < l.regs; k++) {
        int32_t disp = (int32_t)(k << l.size);

        if (write)
            store_lane(t, vt(i, k), &l, disp);
        else if (l.replicate)
            load_all_lanes(t, vt(i, k), &l, SIMD_Q(i), disp);
        else
            load_lane(t, vt(i, k), &l, disp);
    }
    post_index(t, i, l.regs << l.size, post);
    return true;
}

static bool em_load_one(struct tr *t, const struct insn *i)
{
    return one(t, i, false, false);
}

static bool em_load_one_post(struct tr *t, const struct insn *i)
{
    return one(t, i, false, true);
}

EMITTER(ST_one, one(t, i, true, false))
EMITTER(ST_one_post, one(t, i, true, true))

#define E(NAME) EMITTER_ROW(NAME)
const struct jit_emitter jit_vstruct_emitters[] = {
    E(LD_mult),
    E(LD_mult_post),
    E(ST_mult),
    E(ST_mult_post),
    {OP_LD_one, em_load_one},
    {OP_LD_one_post, em_load_one_post},
    {OP_LD_rep, em_load_one},
    {OP_LD_rep_post, em_load_one_post},
    E(ST_one),
    E(ST_one_post),
    {0, NULL},
};
