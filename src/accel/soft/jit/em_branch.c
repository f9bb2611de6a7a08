// SPDX-License-Identifier: Apache-2.0
/* Emitters of branches. A conditional branch leaves the block when taken and
   goes on in it when not, or the other way round. */

#include "accel/soft/jit/tr.h"

static bool em_b(struct tr *t, const struct insn *i)
{
    const struct trace_part *next = t_next_part(t);

    (void)i;
    if (next) {
        t->flags_kept = t->flags_live;
        t_enter_part(t, next);
        return true;
    }
    t_exit_to(t, t_target(t));
    t->ended = true;
    return true;
}

/* Does nothing else up to the loop's end write X30? Any other register of that
   number counts as well: it makes no difference. */
static bool writes_link_alone(const struct tr *t)
{
    for (unsigned k = 0; k <= t->loop.idx; k++) {
        const struct insn *i = &t->src->insn[k];

        if (k != t->idx && i->op != OP_RET &&
            (i->op == OP_BL || i->rd == 30 || i->rn == 30 || i->rm == 30 ||
             i->ra == 30))
            return false;
    }
    return true;
}

static void link_register(struct tr *t)
{
    if (t->loop.second_pass && writes_link_alone(t))
        return; /* the first pass has */
    t_pc_to(t, RAX, t_off(t) + 4);
    t_put(t, 30, RAX);
}

static bool em_bl(struct tr *t, const struct insn *i)
{
    link_register(t);
    return em_b(t, i);
}

static bool has_conditional(const struct block *src)
{
    for (unsigned n = 0; n < src->count; n++) {
        if (trace_is_conditional(&src->insn[n]))
            return true;
    }
    return false;
}

static void branch_if(struct tr *t, enum x64_cc cc)
{
    const struct trace_part *next = t_next_part(t);

    if (!next) {
        t_exit_if(t, cc, t_target(t));
        return;
    }
    t_exit_if(t, cc ^ 1, t_other_way_at(t, t->idx));
    t_enter_part(t, next);
}

static bool em_b_cond(struct tr *t, const struct insn *i)
{
    unsigned cond = i->word & 15;
    enum x64_cc cc;

    if (cond >= 14)
        return em_b(t, i);
    cc = t_cond(t, cond);
    t->flags_kept = t->flags_live;
    branch_if(t, cc);
    return true;
}

static bool compare_branch(struct tr *t, const struct insn *i, enum x64_cc cc)
{
    bool w = i->word >> 31;
    struct tr_put put = t_put_here(t);
    int reg = t_pinned(t, i->rd);

    if (reg >= 0)
        x64_test(&t->c, w, (unsigned)reg, (unsigned)reg);
    else if (i->rd == REG_ZERO)
        x64_alu_rr(&t->c, false, ALU_XOR, RAX, RAX);
    else if (put.any && put.g == i->rd)
        x64_test(&t->c, w, put.reg, put.reg);
    else
        x64_alu_mi(&t->c, w, ALU_CMP, RBP, CPU_X(i->rd), 0);
    branch_if(t, cc);
    return true;
}

static bool em_cbz(struct tr *t, const struct insn *i)
{
    return compare_branch(t, i, CC_E);
}

static bool em_cbnz(struct tr *t, const struct insn *i)
{
    return compare_branch(t, i, CC_NE);
}

static bool test_branch(struct tr *t, const struct insn *i, enum x64_cc cc)
{
    unsigned bit = FIELD(i, 31, 31) << 5 | FIELD(i, 23, 19);

    /* bt r, imm: the bit goes to CF */
    unsigned reg = t_get(t, i->rd, RAX);

    x64_op_rr(&t->c, bit >= 32, 0x1ba, 4, reg);
    x64_u8(&t->c, bit);
    branch_if(t, cc);
    return true;
}

static bool em_tbz(struct tr *t, const struct insn *i)
{
    return test_branch(t, i, CC_AE);
}

static bool em_tbnz(struct tr *t, const struct insn *i)
{
    return test_branch(t, i, CC_B);
}

/* A trace that is made of it later wants to know whether it came that far. */
static void note_end(struct tr *t)
{
    if (t->hot || !has_conditional(t->src))
        return;
    x64_store_imm(&t->c, false, RBP,
                  CPU(ended) + 4 * (int32_t)(t->number % NUM_HEATS),
                  (int32_t)t->number);
    t->notes_end = true;
}

static bool em_br(struct tr *t, const struct insn *i)
{
    note_end(t);
    t_get_to(t, true, RAX, i->rn);
    t_exit_rax(t);
    t->ended = true;
    return true;
}

static bool em_ret(struct tr *t, const struct insn *i)
{
    const struct trace_part *next = t_next_part(t);

    if (!next)
        return em_br(t, i);
    t->flags_kept = t->flags_live;
    t_enter_part(t, next);
    return true;
}

static bool em_blr(struct tr *t, const struct insn *i)
{
    note_end(t);
    t_get_to(t, true, RDX, i->rn);
    link_register(t);
    x64_mov(&t->c, true, RAX, RDX);
    t_exit_rax(t);
    t->ended = true;
    return true;
}

const struct jit_emitter jit_branch_emitters[] = {
    {OP_B, em_b},
    {OP_BL, em_bl},
    {OP_B_cond, em_b_cond},
    {OP_CBZ_w, em_cbz},
    {OP_CBZ_x, em_cbz},
    {OP_CBNZ_w, em_cbnz},
    {OP_CBNZ_x, em_cbnz},
    {OP_TBZ, em_tbz},
    {OP_TBNZ, em_tbnz},
    {OP_BR, em_br},
    {OP_RET, em_ret},
    {OP_BLR, em_blr},
    {0, NULL},
};
