// SPDX-License-Identifier: Apache-2.0
/* Emitters of the few system instructions that run often. */

#include "accel/soft/jit/em_flags.h"
#include "accel/soft/jit/tr.h"
#include "accel/soft/sysreg.h"
#include "accel/soft/timer.h"

static bool em_nop(struct tr *t, const struct insn *i)
{
    (void)i;
    t->flags_kept = true;
    return true;
}

static void lock_or_stack(struct tr *t)
{
    x64_u8(&t->c, 0xf0); /* lock or dword [rsp], 0 */
    x64_u8(&t->c, 0x83);
    x64_modrm_mem(&t->c, ALU_OR, RSP, 0);
    x64_u8(&t->c, 0);
}

/* Only a full barrier orders a store with a later load: a locked instruction
   on the stack, 2.2 ns against 16 of MFENCE. */
static bool em_dmb(struct tr *t, const struct insn *i)
{
    unsigned kind = FIELD(i, 9, 8);

    if (kind == 1 || kind == 2)
        return em_nop(t, i);
    lock_or_stack(t);
    return true;
}

/* Nothing posted to other CPUs since the last one: no more than a barrier. */
static bool em_dsb(struct tr *t, const struct insn *i)
{
    (void)i;
    x64_alu_mi(&t->c, false, ALU_CMP, RBP, CPU(wait_mask), 0);
    t_bail(t, CC_NE);
    lock_or_stack(t);
    return true;
}

static void compare_byte(struct tr *t, int32_t disp, unsigned imm)
{
    x64_u8(&t->c, 0x80);
    x64_modrm_mem(&t->c, ALU_CMP, RBP, disp);
    x64_u8(&t->c, imm);
}

/* What changes the context takes effect at once and ends its block; what is
   left is to pay attention and to break links into changed code. */
static bool em_isb(struct tr *t, const struct insn *i)
{
    (void)i;
    x64_alu_mi(&t->c, false, ALU_CMP, RBP, CPU(attention), 0);
    t_bail(t, CC_NE);
    compare_byte(t, CPU(code_changed), 0);
    t_bail(t, CC_NE);
    return true;
}

/* Identity. */
static bool mrs_const(struct tr *t, const struct insn *i)
{
    const struct sysreg_def *r = &sysregs[i->imm];
    bool el1 = t->mode & MODE_EL1;
    unsigned dst;

    if (!sysreg_is_const(r) || !(r->access & (el1 ? R_EL1 : R_EL0)))
        return false;
    dst = t_dst(t, i->rd, RAX);
    x64_mov_imm(&t->c, dst, r->ones);
    t_put(t, i->rd, dst);
    return true;
}

/* At EL1 nothing traps; these are more than a word of cpu->sys[]. */
static bool mrs_special(struct tr *t, const struct insn *i, unsigned key)
{
    unsigned dst = t_dst(t, i->rd, RAX);

    switch (key) {
    case KEY_CTR_EL0:
        x64_mov_imm(&t->c, dst, SYSREG_CTR_EL0);
        break;
    case KEY_DCZID_EL0:
        x64_mov_imm(&t->c, dst, SYSREG_DCZID_EL0);
        break;
    case KEY_CurrentEL:
        x64_mov_imm(&t->c, dst, 1 << 2);
        break;
    case KEY_CNTFRQ_EL0:
        x64_mov_imm(&t->c, dst, CNTFRQ_HZ);
        break;
    case KEY_SP_EL0: /* UNDEFINED while it is in use */
        compare_byte(t, CPU(spsel), 1);
        t_bail(t, CC_NE);
        x64_load(&t->c, true, dst, RBP, CPU(sp_el));
        break;
    case KEY_DAIF:
        x64_op_rm(&t->c, false, 0x1b6, dst, RBP, CPU(daif));
        x64_shift_imm(&t->c, false, SH_SHL, dst, 6);
        break;
    default:
        return false;
    }
    t_put(t, i->rd, dst);
    return true;
}

/* Registers that are no more than a word of cpu->sys[]. */
static bool em_mrs(struct tr *t, const struct insn *i)
{
    const struct sysreg_def *r = &sysregs[i->imm];
    unsigned el = t->mode & MODE_EL1 ? 1 : 0;
    unsigned dst;

    if (el < r->plain_read_el)
        return mrs_const(t, i) || (el == 1 && mrs_special(t, i, r->key)) ||
               em_mrs_flags(t, i, r->key);
    dst = t_dst(t, i->rd, RAX);
    x64_load(&t->c, true, dst, RBP, CPU(sys) + 8 * (int32_t)r->slot);
    t_put(t, i->rd, dst);
    t->flags_kept = true;
    return true;
}

/* Unmasking with an interrupt pending is tier 0's. */
static void bail_if_pending(struct tr *t)
{
    compare_byte(t, CPU(irq_line), 0);
    t_bail(t, CC_NE);
    compare_byte(t, CPU(fiq_line), 0);
    t_bail(t, CC_NE);
}

/* At EL1, as above. */
static bool msr_special(struct tr *t, const struct insn *i, unsigned key)
{
    switch (key) {
    case KEY_DAIF:
        bail_if_pending(t);
        t_get_to(t, false, RAX, i->rd);
        x64_shift_imm(&t->c, false, SH_SHR, RAX, 6);
        x64_alu_ri(&t->c, false, ALU_AND, RAX, 15);
        x64_op_rm(&t->c, false, 0x88, RAX, RBP, CPU(daif));
        return true;
    case KEY_SP_EL0: /* UNDEFINED while it is in use */
        compare_byte(t, CPU(spsel), 1);
        t_bail(t, CC_NE);
        x64_store(&t->c, true, t_get(t, i->rd, RAX), RBP, CPU(sp_el));
        return true;
    default:
        return false;
    }
}

static bool em_msr(struct tr *t, const struct insn *i)
{
    const struct sysreg_def *r = &sysregs[i->imm];
    int32_t slot = CPU(sys) + 8 * (int32_t)r->slot;
    unsigned el = t->mode & MODE_EL1 ? 1 : 0;

    if (el < r->plain_write_el)
        return (el == 1 && msr_special(t, i, r->key)) ||
               em_msr_flags(t, i, r->key);
    if (r->ones)
        return false;
    if (r->mask == ~0ull) {
        x64_store(&t->c, true, t_get(t, i->rd, RAX), RBP, slot);
        t->flags_kept = true;
        return true;
    }
    x64_mov_imm(&t->c, RCX, r->mask);
    t_alu(t, true, ALU_AND, RCX, i->rd);
    x64_store(&t->c, true, RCX, RBP, slot);
    return true;
}

static bool daif_imm(struct tr *t, enum x64_alu op, unsigned imm)
{
    x64_u8(&t->c, 0x80);
    x64_modrm_mem(&t->c, op, RBP, CPU(daif));
    x64_u8(&t->c, imm);
    return true;
}

static bool em_daifset(struct tr *t, const struct insn *i)
{
    return t->mode & MODE_EL1 && daif_imm(t, ALU_OR, FIELD(i, 11, 8));
}

static bool em_daifclr(struct tr *t, const struct insn *i)
{
    if (!(t->mode & MODE_EL1))
        return false;
    bail_if_pending(t);
    return daif_imm(t, ALU_AND, ~FIELD(i, 11, 8) & 15);
}

/* DC ZVA: 64 bytes. At EL0 only where SCTLR_EL1.DZE allows it. */
static bool zero_block(struct tr *t, const struct insn *i)
{
    if (!(t->mode & MODE_EL1)) {
        x64_load(&t->c, false, RAX, RBP, CPU(sys) + 8 * SYS_SCTLR_EL1);
        x64_alu_ri(&t->c, false, ALU_AND, RAX, 1 << 14);
        t_bail(t, CC_E);
    }
    t_get_to(t, true, RAX, i->rd);
    x64_alu_ri(&t->c, true, ALU_AND, RAX, -64);
    t_tlb(t, 64, true);
    for (int32_t n = 0; n < 64; n += 8)
        x64_store_imm(&t->c, true, RDX, n, 0);
    return true;
}

/* Cleaning the cache is no more than a read that may fault. */
static bool em_sys(struct tr *t, const struct insn *i)
{
    if (sys_is_zva((unsigned)i->imm))
        return zero_block(t, i);
    if (!(t->mode & MODE_EL1) || !sys_is_clean((unsigned)i->imm))
        return false;
    t_get_to(t, true, RAX, i->rd);
    t_tlb(t, 1, false);
    return true;
}

static void store_byte(struct tr *t, int32_t disp, unsigned imm)
{
    x64_u8(&t->c, 0xc6);
    x64_modrm_mem(&t->c, 0, RBP, disp);
    x64_u8(&t->c, imm);
}

static bool em_clrex(struct tr *t, const struct insn *i)
{
    (void)i;
    store_byte(t, CPU(excl_size), 0);
    t->flags_kept = true;
    return true;
}

/* With the event there nothing is waited for, at any EL: the first WFE of each
   round of a kernel's wait, which SEVL comes before. Another CPU's event that
   comes between the two is one with that. */
static bool em_wfe(struct tr *t, const struct insn *i)
{
    (void)i;
    compare_byte(t, CPU(event), 0);
    t_bail(t, CC_E);
    store_byte(t, CPU(event), 0);
    return true;
}

static bool em_sevl(struct tr *t, const struct insn *i)
{
    (void)i;
    store_byte(t, CPU(event), 1);
    t->flags_kept = true;
    return true;
}

const struct jit_emitter jit_sys_emitters[] = {
    {OP_HINT, em_nop},
    {OP_WFE, em_wfe},
    {OP_SEVL, em_sevl},
    {OP_DMB, em_dmb},
    {OP_DSB, em_dsb},
    {OP_ISB, em_isb},
    {OP_MRS, em_mrs},
    {OP_MSR, em_msr},
    {OP_MSR_DAIFSet, em_daifset},
    {OP_MSR_DAIFClr, em_daifclr},
    {OP_SYS, em_sys},
    {OP_CLREX, em_clrex},
    {0, NULL},
};
