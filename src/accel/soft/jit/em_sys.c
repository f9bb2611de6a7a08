// SPDX-License-Identifier: Apache-2.0
/* Emitters of the few system instructions that run often. */

#include "accel/soft/jit/tr.h"
#include "accel/soft/sysreg.h"

static bool em_nop(struct tr *t, const struct insn *i)
{
    (void)i;
    t->flags_kept = true;
    return true;
}

/* Only a full barrier orders a store with a later load: a locked instruction
   on the stack, 2.2 ns against 16 of MFENCE. */
static bool em_dmb(struct tr *t, const struct insn *i)
{
    unsigned kind = FIELD(i, 9, 8);

    if (kind == 1 || kind == 2)
        return em_nop(t, i);
    x64_u8(&t->c, 0xf0); /* lock or dword [rsp], 0 */
    x64_u8(&t->c, 0x83);
    x64_modrm_mem(&t->c, ALU_OR, RSP, 0);
    x64_u8(&t->c, 0);
    return true;
}

/* Registers that are no more than a word of cpu->sys[]. */
static bool em_mrs(struct tr *t, const struct insn *i)
{
    const struct sysreg_def *r = &sysregs[i->imm];
    unsigned el = t->mode & MODE_EL1 ? 1 : 0;
    unsigned dst = t_dst(i->rd, RAX);

    if (el < r->plain_read_el)
        return false;
    x64_load(&t->c, true, dst, RBP, CPU(sys) + 8 * (int32_t)r->slot);
    t_put(t, i->rd, dst);
    t->flags_kept = true;
    return true;
}

static bool em_msr(struct tr *t, const struct insn *i)
{
    const struct sysreg_def *r = &sysregs[i->imm];
    unsigned el = t->mode & MODE_EL1 ? 1 : 0;

    if (el < r->plain_write_el || r->mask != ~0ull || r->ones)
        return false;
    x64_store(&t->c, true, t_get(t, i->rd, RAX), RBP,
              CPU(sys) + 8 * (int32_t)r->slot);
    t->flags_kept = true;
    return true;
}

static bool em_clrex(struct tr *t, const struct insn *i)
{
    (void)i;
    x64_u8(&t->c, 0xc6);
    x64_modrm_mem(&t->c, 0, RBP, CPU(excl_size));
    x64_u8(&t->c, 0);
    t->flags_kept = true;
    return true;
}

const struct jit_emitter jit_sys_emitters[] = {
    {OP_HINT, em_nop}, {OP_DMB, em_dmb},     {OP_MRS, em_mrs},
    {OP_MSR, em_msr},  {OP_CLREX, em_clrex}, {0, NULL},
};
