// SPDX-License-Identifier: Apache-2.0
/* What emitters build upon: guest registers, flags, exits, memory. */

#include "accel/soft/jit/tr.h"

#include "accel/soft/jit/glue.h"
#include "accel/soft/jit/jit.h"
#include "accel/soft/jit/jump.h"
#include "accel/soft/jit/tr_group.h"
#include "accel/soft/jit/tr_span.h"
#include "accel/soft/jit/tr_vec.h"
#include "accel/soft/jit/translate.h"

#include "accel/soft/mmu.h"

struct tr_put t_put_here(const struct tr *t)
{
    return (struct tr_put){.reg = t->put_reg,
                           .g = t->put_g,
                           .any = t->put_end && t->c.p == t->put_end};
}

void t_put_again(struct tr *t, const struct tr_put *put)
{
    if (put->any)
        x64_load(&t->c, true, put->reg, RBP, CPU_X(put->g));
}

void t_start_again(struct tr *t, uint8_t *again, const struct tr_put *before)
{
    uint8_t *over;

    if (!before->any) {
        x64_jcc_to(&t->c, CC_E, again);
        return;
    }
    over = x64_jcc(&t->c, CC_NE);
    t_put_again(t, before);
    x64_jmp_to(&t->c, again);
    x64_here(&t->c, over);
}

void t_get_to(struct tr *t, bool w, unsigned dst, unsigned g)
{
    if (t->c.p == t->put_end && g == t->put_g)
        x64_mov(&t->c, w, dst, t->put_reg); /* it is still there */
    else if (g == REG_ZERO)
        x64_mov_imm(&t->c, dst, 0);
    else if (t_pinned(t, g) >= 0)
        x64_mov(&t->c, w, dst, (unsigned)t_pinned(t, g));
    else
        x64_load(&t->c, w, dst, RBP, CPU_X(g));
}

unsigned t_get(struct tr *t, unsigned g, unsigned scratch)
{
    if (t_pinned(t, g) >= 0)
        return (unsigned)t_pinned(t, g);
    t_get_to(t, true, scratch, g);
    return scratch;
}

void t_put(struct tr *t, unsigned g, unsigned reg)
{
    if (g == REG_SINK)
        return;
    if (t_pinned(t, g) >= 0) {
        x64_mov(&t->c, true, (unsigned)t_pinned(t, g), reg);
        return;
    }
    x64_store(&t->c, true, reg, RBP, CPU_X(g));
    t->put_end = t->c.p;
    t->put_reg = (uint8_t)reg;
    t->put_g = (uint8_t)g;
}

void t_alu(struct tr *t, bool w, enum x64_alu op, unsigned dst, unsigned g)
{
    if (g == REG_ZERO)
        x64_alu_ri(&t->c, w, op, dst, 0);
    else if (t_pinned(t, g) >= 0)
        x64_alu_rr(&t->c, w, op, dst, (unsigned)t_pinned(t, g));
    else
        x64_alu_rm(&t->c, w, op, dst, RBP, CPU_X(g));
}

static struct tr_bail *add_bail(struct tr *t, uint8_t *place)
{
    struct tr_bail *b;

    check(t->num_bails < TR_MAX_BAILS);
    b = &t->bails[t->num_bails++];
    *b = (struct tr_bail){
        .place = place, .idx = (uint16_t)t->idx, .before = t->insn_put};
    return b;
}

void t_bail(struct tr *t, enum x64_cc cc)
{
    uint8_t *place = x64_jcc(&t->c, cc);

    if (t->runs.open)
        t_run_bail(t, place);
    else
        add_bail(t, place);
}

uint8_t **t_tlb_bail(struct tr *t, uint8_t *place, bool write)
{
    struct tr_bail *b;

    if (t->runs.open)
        return t_run_test(t, place, write);
    b = add_bail(t, place);
    b->again = t->insn_start;
    b->write = write;
    return &b->place;
}

void t_pc_to(struct tr *t, unsigned dst, int64_t offset)
{
    x64_load(&t->c, true, dst, RBP, CPU(page_base));
    if (offset >= INT32_MIN && offset <= INT32_MAX) {
        x64_lea(&t->c, true, dst, dst, (int32_t)offset);
    } else {
        x64_mov_imm(&t->c, RCX, (uint64_t)offset);
        x64_lea_sib(&t->c, true, dst, dst, RCX, 0, 0);
    }
}

static void add_exit(struct tr *t, uint8_t *place, int64_t offset)
{
    check(t->num_exits < TR_MAX_EXITS);
    t->exits[t->num_exits++] = (struct tr_exit){
        .place = place, .target = offset, .idx = (uint16_t)t->idx};
}

void t_add_split(struct tr *t)
{
    add_exit(t, NULL, t_off(t));
    t->exits[t->num_exits - 1].is_split = true;
}

void t_leave_by(struct tr *t, unsigned n)
{
    x64_mov_imm(&t->c, RAX, t->first_exit + n);
    x64_jmp_to(&t->c, t->glue->link);
}

void t_leave_at(struct tr *t, int64_t offset)
{
    x64_mov_imm(&t->c, RAX, (uint32_t)offset);
    x64_jmp_to(&t->c, t->glue->leave_at);
}

/* Probes the jump cache. In line, because the host foresees where each of its
   indirect jumps goes. Not the mode: what of it can change under one TLB is
   seen to in jit.c. */
void t_exit_rax(struct tr *t)
{
    const uint8_t *probe = t->glue->probe;
    struct x64 *c = &t->c;

    x64_alu_mi(c, false, ALU_CMP, RBP, CPU(attention), 0);
    x64_jcc_to(c, CC_NE, t->glue->leave);
    x64_mov(c, false, RCX, RAX);
    x64_shift_imm(c, false, SH_SHL, RCX, 3);
    x64_alu_ri(c, false, ALU_AND, RCX, JUMP_MASK << 5);
    x64_alu_rm(c, true, ALU_ADD, RCX, RBP, CPU(jumps));
    x64_alu_rm(c, true, ALU_CMP, RAX, RCX, offsetof(struct jit_jump, pc));
    x64_jcc_to(c, CC_NE, probe);
    x64_load(c, false, RDX, R15, offsetof(struct tlb, tag));
    x64_alu_rm(c, false, ALU_CMP, RDX, RCX, offsetof(struct jit_jump, tag));
    x64_jcc_to(c, CC_NE, probe);
    x64_alu_ri(c, true, ALU_AND, RAX, -4096);
    x64_store(c, true, RAX, RBP, CPU(page_base));
    x64_jmp_mem(c, RCX, offsetof(struct jit_jump, host));
}

static void add_poll(struct tr *t, uint8_t *place, int64_t offset)
{
    check(t->num_polls < TR_MAX_EXITS);
    t->polls[t->num_polls++] =
        (struct tr_poll){.place = place, .target = offset};
}

/* A loop must notice when it is wanted elsewhere: ZF if it is not. */
static void test_attention(struct tr *t)
{
    x64_alu_mi(&t->c, false, ALU_CMP, RBP, CPU(attention), 0);
}

static void poll_attention(struct tr *t, int64_t offset)
{
    test_attention(t);
    add_poll(t, x64_jcc(&t->c, CC_NE), offset);
}

/* The first branch back to the block's start while V registers are held, or
   what was tested need not be tested again. */
static bool may_enter_loop(const struct tr *t, int64_t offset)
{
    return offset == t->parts->off && t->hot && !t->loop.found &&
           (t_vec_any(t) || t->loop.guarded) && !(t->features & JIT_ONE_PASS);
}

static bool enters_loop(struct tr *t, int64_t offset)
{
    struct tr_loop *loop = &t->loop;

    if (!may_enter_loop(t, offset))
        return false;
    loop->found = true;
    loop->idx = t->idx;
    loop->out = NULL;
    t_vec_hold(t, &loop->vec);
    return true;
}

static bool closes_loop(const struct tr *t, int64_t offset)
{
    return t->loop.second_pass && t->idx == t->loop.idx &&
           offset == t->parts->off;
}

static void go_round(struct tr *t)
{
    test_attention(t);
    x64_jcc_to(&t->c, CC_E, t->loop.top);
    add_poll(t, x64_jmp(&t->c), t->parts->off);
}

/* op with a memory operand at [rip + x]: the place of the displacement. */
static uint8_t *op_rip(struct x64 *c, unsigned op, unsigned reg)
{
    x64_opcode(c, op);
    x64_u8(c, (reg & 7) << 3 | 5);
    x64_u32(c, 0);
    return c->p - 4;
}

/* ZF: page_base is the slot's `from`, and the TLB's tag what it is compared
   with. Clobbers rax, rdx. */
static void test_slot(struct tr *t, uint8_t **tag, uint8_t **from)
{
    x64_load(&t->c, true, RAX, RBP, CPU(page_base));
    x64_u8(&t->c, 0x48);
    *from = op_rip(&t->c, 0x33, RAX); /* xor rax, [slot.from] */
    x64_load(&t->c, false, RDX, R15, offsetof(struct tlb, tag));
    *tag = op_rip(&t->c, 0x33, RDX); /* xor edx, [slot.tag] */
    x64_alu_rr(&t->c, true, ALU_OR, RAX, RDX);
}

/* To another page: eight instructions while the mapping holds, where the probe
   of the jump cache takes fourteen. */
static void exit_far(struct tr *t, int64_t offset)
{
    struct tr_exit *x = &t->exits[t->num_exits];
    int64_t pages = offset & ~4095ll;
    uint8_t *tag, *from;

    test_slot(t, &tag, &from);
    add_exit(t, x64_jcc(&t->c, CC_NE), offset);
    if (pages)
        x64_alu_mi(&t->c, true, ALU_ADD, RBP, CPU(page_base), (int32_t)pages);
    x->tag = tag;
    x->from = from;
    x->host = op_rip(&t->c, 0xff, 4); /* jmp [slot.host] */
}

/* Within the page. From another part's page_base follows, as the target's block
   counts from there. */
static void exit_in_page(struct tr *t, int64_t offset)
{
    int32_t page = trace_page((int32_t)t_off(t));

    if (page)
        x64_alu_mi(&t->c, true, ALU_ADD, RBP, CPU(page_base), page);
    add_exit(t, x64_jmp(&t->c), offset - page);
    t->exits[t->num_exits - 1].page = page;
}

static void leave_for(struct tr *t, int64_t offset)
{
    if (!t_is_ahead(t, t->idx, offset))
        poll_attention(t, offset);
    if (t_same_page(offset, t_off(t)))
        exit_in_page(t, offset);
    else
        exit_far(t, offset);
}

void t_fall_out(struct tr *t)
{
    leave_for(t, t_off(t) + 4);
}

void t_exit_to(struct tr *t, int64_t offset)
{
    if (closes_loop(t, offset)) {
        t_vec_restore(t, &t->loop.vec);
        go_round(t);
        return;
    }
    if (enters_loop(t, offset)) {
        t->loop.enter = x64_jmp(&t->c);
        return;
    }
    leave_for(t, offset);
}

/* Out of line. */
static struct tr_side *add_side(struct tr *t, enum tr_side_kind kind,
                                enum x64_cc cc, int64_t offset)
{
    struct tr_side *s = &t->sides[t->num_sides++];

    check(t->num_sides <= TR_MAX_EXITS);
    *s = (struct tr_side){.place = x64_jcc(&t->c, cc),
                          .offset = offset,
                          .idx = (uint16_t)t->idx,
                          .kind = (uint8_t)kind};
    return s;
}

/* Backward within the page, by a condition that is true. */
static void exit_back(struct tr *t, int64_t offset, bool pending)
{
    uint8_t *keep = pending ? t->c.p : NULL;

    if (pending)
        t_flags_keep(&t->c);
    test_attention(t);
    add_exit(t, x64_jcc(&t->c, CC_E), offset);
    t->exits[t->num_exits - 1].keep = keep;
    add_poll(t, x64_jmp(&t->c), offset);
}

static void exit_near(struct tr *t, enum x64_cc cc, int64_t offset)
{
    bool pending = t->flags_pending;
    uint8_t *not_taken;

    if (trace_page((int32_t)t_off(t)) ||
        (t->num_parts > 1 && !t_is_ahead(t, t->idx, offset))) {
        add_side(t, TR_SIDE_EXIT, cc, offset)->pending = pending;
    } else if (t_is_ahead(t, t->idx, offset)) {
        add_exit(t, x64_jcc(&t->c, cc), offset);
        t->exits[t->num_exits - 1].pending = pending;
    } else {
        not_taken = x64_jcc(&t->c, cc ^ 1);
        exit_back(t, offset, pending);
        x64_here(&t->c, not_taken);
    }
    if (pending)
        t_flags_settle(t);
}

/* Flags that the loop sets before it reads them are written on the way out. */
static void close_loop_if(struct tr *t, enum x64_cc cc)
{
    bool late = t->flags_pending && translate_sets_flags(t->src);
    uint8_t *out;

    if (t->flags_pending && !late)
        t_flags_keep(&t->c);
    t->flags_pending = false;
    t_vec_restore(t, &t->loop.vec);
    out = x64_jcc(&t->c, cc ^ 1);
    go_round(t);
    x64_here(&t->c, out);
    if (late)
        t_flags_keep(&t->c);
    x64_jmp_to(&t->c, t->loop.out);
}

void t_exit_if(struct tr *t, enum x64_cc cc, int64_t offset)
{
    uint8_t *not_taken;

    if (t_same_page(offset, t_off(t)) && !closes_loop(t, offset) &&
        !may_enter_loop(t, offset)) {
        exit_near(t, cc, offset);
        return;
    }
    if (closes_loop(t, offset)) {
        close_loop_if(t, cc);
        return;
    }
    if (t->flags_pending)
        t_flags_keep(&t->c);
    t->flags_pending = false;
    if (enters_loop(t, offset)) {
        t->loop.enter = x64_jcc(&t->c, cc);
        t->loop.out = t->c.p;
        return;
    }
    not_taken = x64_jcc(&t->c, cc ^ 1);
    t_exit_to(t, offset);
    x64_here(&t->c, not_taken);
}

/* Is X30 the address of the part? ZF. */
static void test_return(struct tr *t, const struct trace_part *next)
{
    x64_load(&t->c, true, RAX, RBP, CPU(page_base));
    t_alu(t, true, ALU_SUB, RAX, 30);
    x64_alu_ri(&t->c, true, ALU_CMP, RAX, -next->off);
}

void t_enter_part(struct tr *t, const struct trace_part *next)
{
    bool is_guarded = next->is_new_page && !t->loop.second_pass;
    struct tr_guard guard;

    if (next->way == TRACE_MAY_RETURN) {
        test_return(t, next);
        add_side(t, TR_SIDE_RETURN, CC_NE, next->off);
    }
    if (is_guarded) {
        test_slot(t, &guard.inside, &guard.from);
        add_side(t, TR_SIDE_GUARD, CC_NE, next->off)->guard = guard;
        t->loop.guarded = true;
    }
    if (next->way == TRACE_MAY_RETURN || is_guarded)
        t->flags_kept = false;
}

static void finish_side(struct tr *t, const struct tr_side *s)
{
    uint8_t *keep;

    t->idx = s->idx;
    x64_here(&t->c, s->place);
    keep = s->pending ? t->c.p : NULL;
    if (keep)
        t_flags_keep(&t->c);
    if (s->kind == TR_SIDE_RETURN) {
        t_get_to(t, true, RAX, 30);
        t_exit_rax(t);
        return;
    }
    leave_for(t, s->offset);
    if (s->kind == TR_SIDE_GUARD)
        t->exits[t->num_exits - 1].guard = s->guard;
    else if (!t->exits[t->num_exits - 1].tag)
        t->exits[t->num_exits - 1].keep = keep;
}

void t_side_finish(struct tr *t)
{
    t->put_end = NULL;
    for (unsigned n = 0; n < t->num_sides && t_has_room(t); n++)
        finish_side(t, &t->sides[n]);
}

/* rcx = the slot of the VA. BEXTR is one step where there is BMI. */
void t_tlb_slot(struct tr *t, unsigned va)
{
    if (t->features & JIT_BMI) {
        x64_mov_imm(&t->c, RCX, 12 | TLB_BITS << 8);
        x64_vex_rr(&t->c, V_BEXTR, false, RCX, RCX, va);
        return;
    }
    x64_mov(&t->c, false, RCX, va);
    x64_shift_imm(&t->c, false, SH_SHR, RCX, 12);
    x64_alu_ri(&t->c, false, ALU_AND, RCX, TLB_ENTRIES - 1);
}

/* 7 instructions on a hit: key XOR va <= 4096 - bytes tests page, permission
   and page crossing at once (mmu.h). */
uint8_t *t_tlb_test(struct tr *t, unsigned va, unsigned bytes, bool write)
{
    int32_t side = write ? (int32_t)offsetof(struct tlb, w) : 0;
    uint8_t *place;

    t_tlb_slot(t, va);
    x64_op_sib(&t->c, true, 0x8b, RDX, R15, RCX, 3,
               side + (int32_t)offsetof(struct tlb_half, key));
    x64_alu_rr(&t->c, true, ALU_XOR, RDX, va);
    x64_alu_ri(&t->c, true, ALU_CMP, RDX, (int32_t)(4096 - bytes));
    place = x64_jcc(&t->c, CC_A);
    x64_op_sib(&t->c, true, 0x8b, RDX, R15, RCX, 3,
               side + (int32_t)offsetof(struct tlb_half, add));
    return place;
}

void t_tlb_add(struct tr *t, unsigned va, unsigned bytes, bool write)
{
    if (!t_span_add(t, va, bytes, write))
        t_tlb_bail(t, t_tlb_test(t, va, bytes, write), write);
}
static_assert(offsetof(struct tlb, r) == 0, "reads are at displacement 0");

void t_tlb(struct tr *t, unsigned bytes, bool write)
{
    t_tlb_add(t, RAX, bytes, write);
    x64_alu_rr(&t->c, true, ALU_ADD, RDX, RAX);
}

void t_sp_check(struct tr *t)
{
    unsigned sp;

    if (t->sp_aligned)
        return;
    sp = t_get(t, REG_SP, RAX);
    x64_rex(&t->c, false, 0, 0, sp, true);
    x64_u8(&t->c, 0xf6); /* test sp's low byte, 15 */
    x64_modrm_reg(&t->c, 0, sp);
    x64_u8(&t->c, 15);
    t_bail(t, CC_NE);
    t->sp_aligned = true;
}
