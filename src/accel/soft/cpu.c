// SPDX-License-Identifier: Apache-2.0
/* PSTATE, the stack pointer banks and reset of a soft vCPU. */

#include "accel/soft/cpu.h"

#include <string.h>

#include "accel/soft/block.h"
#include "accel/soft/gic.h"
#include "accel/soft/mmu.h"
#include "accel/soft/timer.h"

enum {
    SPSR_DIT = 24,
    SPSR_UAO = 23,
    SPSR_PAN = 22,
    SPSR_SS = 21,
    SPSR_IL = 20,
    SPSR_SSBS = 12,
    SPSR_DAIF = 6
};

/* RES1 bits of SCTLR_EL1 for this CPU, everything else off. */
#define SCTLR_RESET 0x30d00980u
/* OSLSR_EL1: OS lock implemented (OSLM = 0b10) and locked. */
#define OSLSR_RESET 0xau

uint64_t cpu_pc(const struct cpu *cpu, const struct insn *i)
{
    if (!cpu->blk)
        return cpu->pc;
    return cpu->blk_pc + 4 * (uint64_t)(i - cpu->blk->insn);
}

uint64_t cpu_pstate(const struct cpu *cpu)
{
    return (uint64_t)cpu->nzcv | (uint64_t)cpu->dit << SPSR_DIT |
           (uint64_t)cpu->uao << SPSR_UAO | (uint64_t)cpu->pan << SPSR_PAN |
           (uint64_t)cpu->ss << SPSR_SS | (uint64_t)cpu->il << SPSR_IL |
           (uint64_t)cpu->ssbs << SPSR_SSBS | (uint64_t)cpu->daif << SPSR_DAIF |
           (uint64_t)cpu->el << 2 | cpu->spsel;
}

static unsigned sp_bank(const struct cpu *cpu)
{
    return cpu->el == 1 && cpu->spsel;
}

void cpu_set_pstate(struct cpu *cpu, uint64_t spsr)
{
    bool context = cpu->el != BITS(spsr, 3, 2) ||
                   cpu->pan != BIT(spsr, SPSR_PAN) ||
                   cpu->uao != BIT(spsr, SPSR_UAO);

    cpu->sp_el[sp_bank(cpu)] = cpu->x[REG_SP];
    cpu->nzcv = (uint32_t)spsr & 0xf0000000u;
    cpu->dit = BIT(spsr, SPSR_DIT);
    cpu->uao = BIT(spsr, SPSR_UAO);
    cpu->pan = BIT(spsr, SPSR_PAN);
    cpu->ss = BIT(spsr, SPSR_SS);
    cpu->il = BIT(spsr, SPSR_IL);
    cpu->ssbs = BIT(spsr, SPSR_SSBS);
    cpu->daif = BITS(spsr, SPSR_DAIF + 3, SPSR_DAIF);
    cpu->el = BITS(spsr, 3, 2);
    cpu->spsel = BIT(spsr, 0);
    cpu->x[REG_SP] = cpu->sp_el[sp_bank(cpu)];
    cpu_mode_changed(cpu);
    if (context)
        mmu_context_changed(cpu);
    if (cpu->irq_line || cpu->fiq_line)
        cpu_attend(cpu, ATT_IRQ);
}

void cpu_mode_changed(struct cpu *cpu)
{
    unsigned fpen = BITS(cpu->sys[SYS_CPACR_EL1], 21, 20);
    bool fp_on = fpen == 3 || (fpen == 1 && cpu->el == 1);
    bool icache = BIT(cpu->sys[SYS_SCTLR_EL1], 12);

    cpu->mode = (cpu->el ? MODE_EL1 : 0) | (fp_on ? MODE_FP : 0) |
                (icache ? 0 : MODE_ALWAYS_CHECK) |
                (cpu->fp.fpcr == 0 ? MODE_FP_PLAIN : 0);
}

uint64_t cpu_sp_get(const struct cpu *cpu, unsigned el)
{
    return el == sp_bank(cpu) ? cpu->x[REG_SP] : cpu->sp_el[el];
}

void cpu_sp_set(struct cpu *cpu, unsigned el, uint64_t value)
{
    if (el == sp_bank(cpu))
        cpu->x[REG_SP] = value;
    else
        cpu->sp_el[el] = value;
}

void cpu_reset(struct cpu *cpu)
{
    memset(cpu->x, 0, sizeof(cpu->x));
    memset(cpu->v, 0, sizeof(cpu->v));
    memset(cpu->sys, 0, sizeof(cpu->sys));
    memset(cpu->sp_el, 0, sizeof(cpu->sp_el));
    memset(&cpu->fp, 0, sizeof(cpu->fp));
    memset(&cpu->mmio, 0, sizeof(cpu->mmio));
    cpu->exit_pending = false;
    cpu->event = false;
    cpu->excl_size = 0;
    cpu->sys[SYS_SCTLR_EL1] = SCTLR_RESET;
    cpu->sys[SYS_OSLSR_EL1] = OSLSR_RESET;
    cpu->blk = NULL;
    cpu->pc = 0;
    cpu->el = 1;
    cpu->spsel = 1;
    gic_cpu_reset(cpu);
    cpu_set_pstate(cpu, 0x3c5); /* EL1h, DAIF masked */
    mmu_reset(cpu);
    mmu_context_changed(cpu);
    timer_update(cpu);
}
