// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of ordered accesses, exclusives and atomics. On x86 loads acquire
 * and stores release by themselves; only a store-release before a later
 * load-acquire needs a locked instruction, for which XCHG stands (2.3 ns; an
 * MFENCE would be 16). Misaligned addresses are tier 0's, which faults.
 */

#include "accel/soft/jit/em_atomic.h"

static void locked(struct tr *t)
{
    x64_u8(&t->c, 0xf0);
}

/* An opcode with reg and [rdx], of 1 << log2 bytes; `op` is that of the wide
   form, one less is the byte form. */
static void sized_mem(struct tr *t, unsigned log2, unsigned op, unsigned reg)
{
    x64_rex(&t->c, log2 == 3, reg, 0, RDX, log2 == 0);
    x64_opcode(&t->c, log2 == 0 ? op - 1 : op);
    x64_modrm_mem(&t->c, reg, RDX, 0);
}

void atomic_location(struct tr *t, const struct insn *i, unsigned log2,
                     bool write)
{
    if (i->rn == REG_SP)
        t_sp_check(t);
    t_get_to(t, true, RAX, i->rn);
    if (log2) {
        x64_u8(&t->c, 0xa8); /* test al, imm8 */
        x64_u8(&t->c, (1u << log2) - 1);
        t_bail(t, CC_NE);
    }
    t_tlb(t, 1u << log2, write);
}

/* dst = [rdx], zero-extended */
static void load_sized(struct tr *t, unsigned log2, unsigned dst)
{
    static const uint16_t ops[] = {0x1b6, 0x1b7, 0x8b, 0x8b};

    x64_op_rm(&t->c, log2 == 3, ops[log2], dst, RDX, 0);
}

static void zero_extend(struct tr *t, unsigned log2, unsigned reg)
{
    static const uint16_t ops[] = {0x1b6, 0x1b7, 0x8b};

    if (log2 == 3)
        return;
    x64_rex(&t->c, false, reg, 0, reg, log2 == 0);
    x64_opcode(&t->c, ops[log2]);
    x64_modrm_reg(&t->c, reg, reg);
}

static void operand_size(struct tr *t, unsigned log2)
{
    if (log2 == 1)
        x64_u8(&t->c, 0x66);
}

/* ---- meeting other CPUs ---- */

static bool may_meet(const struct tr *t)
{
    return t->features & JIT_SMP && t->num_clashes < TR_MAX_CLASHES;
}

/* NE: a clash, of what rax has. Goes on at `back`; NULL: behind the jump. */
static struct tr_clash *clash(struct tr *t, enum tr_clash_kind kind,
                              const uint8_t *back)
{
    struct tr_clash *k = &t->clashes_of[t->num_clashes++];

    check(t->num_clashes <= TR_MAX_CLASHES);
    *k = (struct tr_clash){.place = x64_jcc(&t->c, CC_NE),
                           .idx = (uint16_t)t->idx,
                           .kind = (uint8_t)kind};
    k->back = back ? back : t->c.p;
    return k;
}

/* Where the place's clashes are counted. */
static unsigned clash_slot(const struct tr *t)
{
    const struct trace_part *p = t_part(t, t->idx);
    uint64_t pa = p->pa + 4 * (t->idx - p->first);

    return pa / 4 * 0x9e3779b1u >> 22 & (NUM_CLASHES - 1);
}

static unsigned source(const struct insn *i)
{
    return i->rm == 31 ? REG_ZERO : i->rm;
}

/* [rdx] = rcx if it is rax, which becomes what it was. ZF. */
static void swap_if(struct tr *t, unsigned log2)
{
    locked(t);
    operand_size(t, log2);
    sized_mem(t, log2, 0x1b1, RCX); /* cmpxchg */
}

static void swap_regs(struct tr *t, const struct insn *i)
{
    t_get_to(t, true, RAX, source(i));
    t_get_to(t, true, RCX, i->rd);
    swap_if(t, i->word >> 30);
}

static void add_reg(struct tr *t, const struct insn *i)
{
    unsigned log2 = i->word >> 30;

    t_get_to(t, true, RAX, i->rm);
    locked(t);
    operand_size(t, log2);
    sized_mem(t, log2, 0x1c1, RAX); /* xadd */
}

static void count_clash(struct tr *t)
{
    int32_t at = (int32_t)(offsetof(struct soft_vm, clashes) +
                           clash_slot(t) * sizeof(uint32_t));

    x64_load(&t->c, true, RCX, RBP, CPU(vm));
    x64_alu_mi(&t->c, false, ALU_ADD, RCX, at, 1);
}

/* It is made again, as an addition, which always comes through. */
static void finish_add(struct tr *t, const struct insn *i,
                       const struct tr_clash *k)
{
    uint8_t *at_once;

    count_clash(t);
    x64_call_to(&t->c, t->glue->wait);
    at_once = x64_jcc(&t->c, CC_NE);
    add_reg(t, i);
    x64_call_to(&t->c, t->glue->learn);
    x64_jmp_to(&t->c, k->back);
    x64_here(&t->c, at_once);
    add_reg(t, i);
    x64_jmp_to(&t->c, k->back);
}

/* It is made again. Not if it was from zero, which is how locks are taken: then
   a lock is held, and who waits for it here does so on top of all that its
   owner does about waiting. */
static void finish_swap(struct tr *t, const struct insn *i,
                        const struct tr_clash *k)
{
    t_get_to(t, true, RCX, source(i));
    x64_test(&t->c, i->word >> 30 == 3, RCX, RCX);
    x64_jcc_to(&t->c, CC_E, k->back);
    x64_call_to(&t->c, t->glue->wait);
    x64_jcc_to(&t->c, CC_NE, k->back);
    swap_regs(t, i);
    x64_jcc_to(&t->c, CC_E, k->back);
    x64_call_to(&t->c, t->glue->learn);
    x64_jmp_to(&t->c, k->back);
}

/* It begins anew with what is there after the wait. */
static void finish_load(struct tr *t, const struct insn *i,
                        const struct tr_clash *k)
{
    x64_call_to(&t->c, t->glue->wait);
    x64_jcc_to(&t->c, CC_NE, k->back);
    x64_u16(&t->c, 0x0d0f); /* prefetchw [rdx] */
    x64_modrm_mem(&t->c, 1, RDX, 0);
    load_sized(t, i->word >> 30, RAX);
    x64_call_to(&t->c, t->glue->learn);
    x64_jmp_to(&t->c, k->back);
}

static void finish_clash(struct tr *t, const struct tr_clash *k)
{
    const struct insn *i = &t->src->insn[k->idx];

    t->idx = k->idx;
    x64_here(&t->c, k->place);
    switch ((enum tr_clash_kind)k->kind) {
    case TR_CLASH_SWAP:
        finish_swap(t, i, k);
        break;
    case TR_CLASH_ADD:
        finish_add(t, i, k);
        break;
    case TR_CLASH_LOAD:
        finish_load(t, i, k);
        break;
    }
}

void t_clash_finish(struct tr *t)
{
    t->put_end = NULL;
    for (unsigned n = 0; n < t->num_clashes && t_has_room(t); n++)
        finish_clash(t, &t->clashes_of[n]);
}

/* ---- */

static bool em_ldar(struct tr *t, const struct insn *i)
{
    unsigned log2 = i->word >> 30, dst = t_dst(t, i->rd, RAX);

    atomic_location(t, i, log2, false);
    load_sized(t, log2, dst);
    t_put(t, i->rd, dst);
    return true;
}

static bool em_stlr(struct tr *t, const struct insn *i)
{
    unsigned log2 = i->word >> 30;

    atomic_location(t, i, log2, true);
    t_get_to(t, true, RAX, i->rd);
    operand_size(t, log2);
    sized_mem(t, log2, 0x87, RAX); /* xchg */
    return true;
}

static bool em_swp(struct tr *t, const struct insn *i)
{
    unsigned log2 = i->word >> 30;

    atomic_location(t, i, log2, true);
    t_get_to(t, true, RAX, i->rm);
    operand_size(t, log2);
    sized_mem(t, log2, 0x87, RAX);
    zero_extend(t, log2, RAX);
    t_put(t, i->rd, RAX);
    return true;
}

/* What an addition is must be asked for to see a clash: by a load and a
   compare-and-swap. That takes longer, so hot code does it only where clashes
   were seen before it was hot. */
static bool watches_add(const struct tr *t)
{
    enum { MANY = TR_HOT / 256 };

    if (!may_meet(t) || !t->clashes)
        return false;
    return !t->hot || atomic_load_explicit(&t->clashes[clash_slot(t)],
                                           memory_order_relaxed) >= MANY;
}

static bool em_ldadd(struct tr *t, const struct insn *i)
{
    unsigned log2 = i->word >> 30;

    atomic_location(t, i, log2, true);
    if (watches_add(t)) {
        load_sized(t, log2, RAX);
        t_get_to(t, true, RCX, i->rm);
        x64_alu_rr(&t->c, true, ALU_ADD, RCX, RAX);
        swap_if(t, log2);
        clash(t, TR_CLASH_ADD, NULL);
    } else {
        add_reg(t, i);
    }
    zero_extend(t, log2, RAX);
    t_put(t, i->rd, RAX);
    return true;
}

static void swap_again(struct tr *t, const uint8_t *again)
{
    if (may_meet(t))
        clash(t, TR_CLASH_LOAD, again);
    else
        x64_jcc_to(&t->c, CC_NE, again);
}

/* The old value is wanted: a loop of compare-and-swap, with the new value in
   rcx. Without (STSET and its like): one locked instruction. */
static bool fetch_logic(struct tr *t, const struct insn *i, enum x64_alu op,
                        bool invert)
{
    unsigned log2 = i->word >> 30;
    uint8_t *again;

    atomic_location(t, i, log2, true);
    if (i->rd == REG_SINK) {
        t_get_to(t, true, RCX, i->rm);
        if (invert)
            x64_f7(&t->c, true, 2, RCX);
        locked(t);
        operand_size(t, log2);
        sized_mem(t, log2, op << 3 | 1, RCX);
        return true;
    }
    load_sized(t, log2, RAX);
    again = t->c.p;
    t_get_to(t, true, RCX, i->rm);
    if (invert)
        x64_f7(&t->c, true, 2, RCX);
    x64_alu_rr(&t->c, true, op, RCX, RAX);
    swap_if(t, log2);
    swap_again(t, again);
    zero_extend(t, log2, RAX);
    t_put(t, i->rd, RAX);
    return true;
}

EMITTER(ldclr, fetch_logic(t, i, ALU_AND, true))
EMITTER(ldset, fetch_logic(t, i, ALU_OR, false))
EMITTER(ldeor, fetch_logic(t, i, ALU_XOR, false))

/* The larger or the smaller one: cc, of the old value and the operand, says
   that the old one stays. */
static bool fetch_if(struct tr *t, const struct insn *i, enum x64_cc cc)
{
    unsigned log2 = i->word >> 30;
    uint8_t *again;

    atomic_location(t, i, log2, true);
    load_sized(t, log2, RAX);
    again = t->c.p;
    t_get_to(t, true, RCX, i->rm);
    operand_size(t, log2);
    x64_rex(&t->c, log2 == 3, RCX, 0, RAX, log2 == 0);
    x64_opcode(&t->c, log2 == 0 ? 0x38 : 0x39); /* cmp al, cl */
    x64_modrm_reg(&t->c, RCX, RAX);
    x64_cmov(&t->c, true, cc, RCX, RAX);
    swap_if(t, log2);
    swap_again(t, again);
    zero_extend(t, log2, RAX);
    t_put(t, i->rd, RAX);
    return true;
}

EMITTER(ldsmax, fetch_if(t, i, CC_G))
EMITTER(ldsmin, fetch_if(t, i, CC_L))
EMITTER(ldumax, fetch_if(t, i, CC_A))
EMITTER(ldumin, fetch_if(t, i, CC_B))

static bool em_cas(struct tr *t, const struct insn *i)
{
    unsigned log2 = i->word >> 30;

    atomic_location(t, i, log2, true);
    swap_regs(t, i);
    if (may_meet(t))
        clash(t, TR_CLASH_SWAP, NULL);
    zero_extend(t, log2, RAX);
    if (source(i) != REG_ZERO)
        t_put(t, i->rm, RAX);
    return true;
}

void atomic_monitor(struct tr *t, unsigned bytes)
{
    x64_u8(&t->c, 0xc6); /* mov byte [excl_size], imm8 */
    x64_modrm_mem(&t->c, 0, RBP, CPU(excl_size));
    x64_u8(&t->c, bytes);
}

void atomic_if_not_mine(struct tr *t, unsigned bytes, uint8_t *places[2])
{
    x64_u8(&t->c, 0x80); /* cmp byte [excl_size], imm8 */
    x64_modrm_mem(&t->c, ALU_CMP, RBP, CPU(excl_size));
    x64_u8(&t->c, bytes);
    places[0] = x64_jcc(&t->c, CC_NE);
    x64_alu_rm(&t->c, true, ALU_CMP, RDX, RBP, CPU(excl_pa));
    places[1] = x64_jcc(&t->c, CC_NE);
}

/* The monitor: where, what was there, how large. */
static bool em_ldxr(struct tr *t, const struct insn *i)
{
    unsigned log2 = i->word >> 30;

    atomic_location(t, i, log2, false);
    load_sized(t, log2, RAX);
    x64_store(&t->c, true, RDX, RBP, CPU(excl_pa));
    x64_store(&t->c, true, RAX, RBP, CPU(excl_val));
    atomic_monitor(t, 1u << log2);
    t_put(t, i->rd, RAX);
    return true;
}

static bool em_stxr(struct tr *t, const struct insn *i)
{
    unsigned log2 = i->word >> 30;
    uint8_t *elsewhere[2], *done;
    struct tr_clash *k = NULL;

    atomic_location(t, i, log2, true);
    atomic_if_not_mine(t, 1u << log2, elsewhere);
    x64_load(&t->c, true, RAX, RBP, CPU(excl_val));
    t_get_to(t, true, RCX, i->rd);
    swap_if(t, log2);
    if (may_meet(t))
        k = clash(t, TR_CLASH_LOAD, NULL);
    x64_setcc(&t->c, CC_NE, RAX);
    zero_extend(t, 0, RAX);
    done = x64_jmp(&t->c);
    x64_here(&t->c, elsewhere[0]);
    x64_here(&t->c, elsewhere[1]);
    if (k)
        k->back = t->c.p;
    x64_mov_imm(&t->c, RAX, 1);
    x64_here(&t->c, done);
    atomic_monitor(t, 0);
    t_put(t, i->rm, RAX);
    return true;
}

/* clang-format off */
const struct jit_emitter jit_atomic_emitters[] = {
    {OP_LDAR, em_ldar}, {OP_LDLAR, em_ldar}, {OP_LDAPR, em_ldar},
    {OP_STLR, em_stlr}, {OP_STLLR, em_stlr},
    {OP_SWP, em_swp}, {OP_LDADD, em_ldadd}, {OP_CAS, em_cas},
    {OP_LDCLR, em_ldclr}, {OP_LDSET, em_ldset}, {OP_LDEOR, em_ldeor},
    {OP_LDSMAX, em_ldsmax}, {OP_LDSMIN, em_ldsmin},
    {OP_LDUMAX, em_ldumax}, {OP_LDUMIN, em_ldumin},
    {OP_LDXR, em_ldxr}, {OP_LDAXR, em_ldxr},
    {OP_STXR, em_stxr}, {OP_STLXR, em_stxr},
    {0, NULL},
};
/* clang-format on */
