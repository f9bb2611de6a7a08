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

static bool em_ldadd(struct tr *t, const struct insn *i)
{
    unsigned log2 = i->word >> 30;

    atomic_location(t, i, log2, true);
    t_get_to(t, true, RAX, i->rm);
    locked(t);
    operand_size(t, log2);
    sized_mem(t, log2, 0x1c1, RAX); /* xadd */
    zero_extend(t, log2, RAX);
    t_put(t, i->rd, RAX);
    return true;
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
    locked(t);
    operand_size(t, log2);
    sized_mem(t, log2, 0x1b1, RCX); /* cmpxchg */
    x64_jcc_to(&t->c, CC_NE, again);
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
    locked(t);
    operand_size(t, log2);
    sized_mem(t, log2, 0x1b1, RCX);
    x64_jcc_to(&t->c, CC_NE, again);
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
    unsigned rs = i->rm == 31 ? REG_ZERO : i->rm;

    atomic_location(t, i, log2, true);
    t_get_to(t, true, RAX, rs);
    t_get_to(t, true, RCX, i->rd);
    locked(t);
    operand_size(t, log2);
    sized_mem(t, log2, 0x1b1, RCX);
    zero_extend(t, log2, RAX);
    if (rs != REG_ZERO)
        t_put(t, rs, RAX);
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

    atomic_location(t, i, log2, true);
    atomic_if_not_mine(t, 1u << log2, elsewhere);
    x64_load(&t->c, true, RAX, RBP, CPU(excl_val));
    t_get_to(t, true, RCX, i->rd);
    locked(t);
    operand_size(t, log2);
    sized_mem(t, log2, 0x1b1, RCX);
    x64_setcc(&t->c, CC_NE, RAX);
    zero_extend(t, 0, RAX);
    done = x64_jmp(&t->c);
    x64_here(&t->c, elsewhere[0]);
    x64_here(&t->c, elsewhere[1]);
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
