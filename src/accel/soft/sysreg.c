// SPDX-License-Identifier: Apache-2.0
/* System registers: the table made of sysreg_list.inc, and the functions of
   those that are more than a word of state. */

#include "accel/soft/sysreg.h"

#include "accel/soft/fpsr.h"
#include "accel/soft/gic.h"
#include "accel/soft/mmu.h"
#include "accel/soft/step.h"
#include "accel/soft/timer.h"

enum { SCTLR_UMA = 9, SCTLR_DZE = 14, SCTLR_UCT = 15 };
enum { EL0PCTEN = 0, EL0VCTEN = 1, EL0VTEN = 8, EL0PTEN = 9 }; /* CNTKCTL */
enum { MDSCR_TDCC = 12 };

/* At EL0, with the SCTLR_EL1 bit that would allow it clear. */
static bool el0_without(const struct cpu *cpu, unsigned sctlr_bit)
{
    return cpu->el == 0 && !BIT(cpu->sys[SYS_SCTLR_EL1], sctlr_bit);
}

static bool el0_without_cntkctl(const struct cpu *cpu, unsigned bit)
{
    return cpu->el == 0 && !BIT(cpu->sys[SYS_CNTKCTL_EL1], bit);
}

#define READ(name)                         \
    static enum sysreg_result read_##name( \
        struct cpu *cpu, const struct sysreg_def *r, uint64_t *value)
#define WRITE(name)                         \
    static enum sysreg_result write_##name( \
        struct cpu *cpu, const struct sysreg_def *r, uint64_t value)

WRITE(nothing)
{
    return SYSREG_DONE;
}

/* Identity and caches */

READ(mpidr)
{
    /* Bit 31 is RES1; 16 CPUs a cluster, as an SGI's target list has it */
    *value = 1ull << 31 | (uint64_t)(cpu->index / 16) << 8 | cpu->index % 16;
    return SYSREG_DONE;
}

READ(ctr)
{
    if (el0_without(cpu, SCTLR_UCT))
        return SYSREG_TRAP;
    *value = SYSREG_CTR_EL0;
    return SYSREG_DONE;
}

/* DZP where DC ZVA would trap */
READ(dczid)
{
    *value = SYSREG_DCZID_EL0 | (uint64_t)el0_without(cpu, SCTLR_DZE) << 4;
    return SYSREG_DONE;
}

static uint64_t ccsidr(unsigned sets, unsigned ways)
{
    return (uint64_t)(sets - 1) << 13 | (ways - 1) << 3 | 2;
}

READ(ccsidr)
{
    switch (cpu->sys[SYS_CSSELR_EL1]) {
    case 0: /* L1 data, 64 KiB */
    case 1: /* L1 instruction */
        *value = ccsidr(256, 4);
        break;
    case 2: /* L2, 1 MiB */
        *value = ccsidr(2048, 8);
        break;
    case 4: /* L3, 32 MiB */
        *value = ccsidr(32768, 16);
        break;
    default: /* UNKNOWN */
        *value = 0;
    }
    return SYSREG_DONE;
}

READ(isr)
{
    *value = (uint64_t)cpu->irq_line << 7 | (uint64_t)cpu->fiq_line << 6;
    return SYSREG_DONE;
}

/* PSTATE */

READ(spsel)
{
    *value = cpu->spsel;
    return SYSREG_DONE;
}

WRITE(spsel)
{
    cpu_set_pstate(cpu, (cpu_pstate(cpu) & ~1ull) | (value & 1));
    return SYSREG_DONE;
}

READ(currentel)
{
    *value = (uint64_t)cpu->el << 2;
    return SYSREG_DONE;
}

READ(pan)
{
    *value = (uint64_t)cpu->pan << 22;
    return SYSREG_DONE;
}

WRITE(pan)
{
    cpu->pan = BIT(value, 22);
    mmu_context_changed(cpu);
    return SYSREG_DONE_END;
}

READ(uao)
{
    *value = (uint64_t)cpu->uao << 23;
    return SYSREG_DONE;
}

WRITE(uao)
{
    cpu->uao = BIT(value, 23);
    mmu_context_changed(cpu);
    return SYSREG_DONE_END;
}

READ(nzcv)
{
    *value = cpu->nzcv;
    return SYSREG_DONE;
}

WRITE(nzcv)
{
    cpu->nzcv = (uint32_t)value & 0xf0000000u;
    return SYSREG_DONE;
}

READ(daif)
{
    if (el0_without(cpu, SCTLR_UMA))
        return SYSREG_TRAP;
    *value = (uint64_t)cpu->daif << 6;
    return SYSREG_DONE;
}

WRITE(daif)
{
    if (el0_without(cpu, SCTLR_UMA))
        return SYSREG_TRAP;
    cpu->daif = BITS(value, 9, 6);
    if (cpu->irq_line || cpu->fiq_line)
        cpu_attend(cpu, ATT_IRQ);
    return SYSREG_DONE_END;
}

READ(dit)
{
    *value = (uint64_t)cpu->dit << 24;
    return SYSREG_DONE;
}

WRITE(dit)
{
    cpu->dit = BIT(value, 24);
    return SYSREG_DONE;
}

READ(ssbs)
{
    *value = (uint64_t)cpu->ssbs << 12;
    return SYSREG_DONE;
}

WRITE(ssbs)
{
    cpu->ssbs = BIT(value, 12);
    return SYSREG_DONE;
}

/* UNDEFINED while it is the stack pointer in use (Arm ARM C5.2.22) */
READ(sp_el0)
{
    if (!cpu->spsel)
        return SYSREG_UNDEF;
    *value = cpu->sp_el[0];
    return SYSREG_DONE;
}

WRITE(sp_el0)
{
    if (!cpu->spsel)
        return SYSREG_UNDEF;
    cpu->sp_el[0] = value;
    return SYSREG_DONE;
}

READ(fpcr)
{
    *value = cpu->fp.fpcr;
    return cpu->mode & MODE_FP ? SYSREG_DONE : SYSREG_FP_TRAP;
}

WRITE(fpcr)
{
    uint32_t was;

    if (!(cpu->mode & MODE_FP))
        return SYSREG_FP_TRAP;
    cpu->fp.fpcr = (uint32_t)value & FPCR_MASK;
    was = cpu->mode;
    cpu_mode_changed(cpu);
    return cpu->mode == was ? SYSREG_DONE : SYSREG_DONE_END;
}

READ(fpsr)
{
    fpsr_gather(cpu);
    *value = cpu->fp.fpsr;
    return cpu->mode & MODE_FP ? SYSREG_DONE : SYSREG_FP_TRAP;
}

WRITE(fpsr)
{
    if (!(cpu->mode & MODE_FP))
        return SYSREG_FP_TRAP;
    fpsr_gather(cpu);
    cpu->fp.fpsr = (uint32_t)value & FPSR_MASK;
    return SYSREG_DONE;
}

/* Generic timer (Arm ARM D11.2.4: what EL0 may use is in CNTKCTL_EL1) */

READ(cntfrq)
{
    if (el0_without_cntkctl(cpu, EL0PCTEN) &&
        el0_without_cntkctl(cpu, EL0VCTEN))
        return SYSREG_TRAP;
    *value = CNTFRQ_HZ;
    return SYSREG_DONE;
}

READ(cntpct)
{
    if (el0_without_cntkctl(cpu, EL0PCTEN))
        return SYSREG_TRAP;
    *value = timer_count(cpu);
    return SYSREG_DONE;
}

READ(cntvct)
{
    if (el0_without_cntkctl(cpu, EL0VCTEN))
        return SYSREG_TRAP;
    *value = timer_count(cpu);
    return SYSREG_DONE;
}

/* CRm is 2 for the physical and 3 for the virtual timer. */
static bool timer_traps(const struct cpu *cpu, unsigned key)
{
    return el0_without_cntkctl(cpu, BITS(key, 6, 3) == 2 ? EL0PTEN : EL0VTEN);
}

READ(timer)
{
    if (timer_traps(cpu, r->key))
        return SYSREG_TRAP;
    return timer_read(cpu, r->key, value) ? SYSREG_DONE : SYSREG_UNDEF;
}

WRITE(timer)
{
    if (timer_traps(cpu, r->key))
        return SYSREG_TRAP;
    return timer_write(cpu, r->key, value) ? SYSREG_DONE : SYSREG_UNDEF;
}

READ(icc)
{
    return gic_icc_read(cpu, r->key, value) ? SYSREG_DONE : SYSREG_UNDEF;
}

WRITE(icc)
{
    return gic_icc_write(cpu, r->key, value) ? SYSREG_DONE : SYSREG_UNDEF;
}

/* Debug */

static void debug_changed(struct cpu *cpu)
{
    mmu_debug_changed(cpu);
    step_changed(cpu);
}

/* OSLSR_EL1.OSLK is bit 1. */
WRITE(oslar)
{
    cpu->sys[SYS_OSLSR_EL1] = 8 | (value & 1) << 1;
    debug_changed(cpu);
    return SYSREG_DONE_END;
}

/* Which tags there are; DBGCLAIMCLR_EL1 tells which are set. */
READ(claimset)
{
    *value = 0xff;
    return SYSREG_DONE;
}

READ(claimclr)
{
    *value = cpu->sys[SYS_DBGCLAIMCLR_EL1];
    return SYSREG_DONE;
}

WRITE(claimset)
{
    cpu->sys[SYS_DBGCLAIMCLR_EL1] |= value & 0xff;
    return SYSREG_DONE;
}

WRITE(claimclr)
{
    cpu->sys[SYS_DBGCLAIMCLR_EL1] &= ~value;
    return SYSREG_DONE;
}

static bool dcc_traps(const struct cpu *cpu)
{
    return cpu->el == 0 && BIT(cpu->sys[SYS_MDSCR_EL1], MDSCR_TDCC);
}

READ(dcc)
{
    *value = 0;
    return dcc_traps(cpu) ? SYSREG_TRAP : SYSREG_DONE;
}

WRITE(dcc)
{
    return dcc_traps(cpu) ? SYSREG_TRAP : SYSREG_DONE;
}

WRITE(slot)
{
    cpu->sys[r->slot] = (value & r->mask) | r->ones;
    switch ((enum sysreg_effect)r->effect) {
    case ON_WRITE_NOTHING:
        return SYSREG_DONE;
    case ON_WRITE_MODE:
        cpu_mode_changed(cpu);
        break;
    case ON_WRITE_CONTEXT:
        cpu_mode_changed(cpu);
        mmu_context_changed(cpu);
        break;
    case ON_WRITE_DEBUG:
        debug_changed(cpu);
        break;
    }
    return SYSREG_DONE_END;
}

READ(slot)
{
    *value = cpu->sys[r->slot];
    return SYSREG_DONE;
}

READ(const)
{
    *value = r->ones;
    return SYSREG_DONE;
}

/* The table */

enum {
    IDX_NONE,
    IDX_RAZ,
#define STATE(name, access, mask, ones, effect) IDX_##name,
#define CONST(name, ...)                        IDX_##name,
#define CALL(name, ...)                         IDX_##name,
#include "accel/soft/sysreg_list.inc"
#undef STATE
#undef CONST
#undef CALL
    NUM_IDX
};
static_assert(NUM_IDX <= 256, "index_of[] holds bytes");

#define PLAIN_READ(a)  ((a)&R_EL0 ? 0 : (a)&R_EL1 ? 1 : 2)
#define PLAIN_WRITE(a) ((a)&W_EL0 ? 0 : (a)&W_EL1 ? 1 : 2)

const struct sysreg_def sysregs[] = {
    [IDX_NONE] = {"none", 0, 0, 2, 2, 0, 0, 0, 0, NULL, NULL},
    [IDX_RAZ] = {"RES0", 0, R_EL1, 2, 2, 0, 0, 0, 0, read_const, NULL},
#define STATE(name, access, mask, ones, effect)                  \
    [IDX_##name] = {#name,                                       \
                    KEY_##name,                                  \
                    access,                                      \
                    PLAIN_READ(access),                          \
                    ON_WRITE_##effect ? 2 : PLAIN_WRITE(access), \
                    ON_WRITE_##effect,                           \
                    SYS_##name,                                  \
                    mask,                                        \
                    ones,                                        \
                    read_slot,                                   \
                    write_slot},
#define CONST(name, op0, op1, crn, crm, op2, access, value)         \
    [IDX_##name] = {#name, KEY_##name, access,       2, 2, 0, 0, 0, \
                    value, read_const, write_nothing},
#define CALL(name, op0, op1, crn, crm, op2, access, read, write) \
    [IDX_##name] = {#name, KEY_##name, access, 2, 2, 0, 0, 0, 0, read, write},
#include "accel/soft/sysreg_list.inc"
#undef STATE
#undef CONST
#undef CALL
};
const unsigned num_sysregs = NUM_IDX;

/* Keys have bit 15 set: op0 is 2 or 3. */
static const uint8_t index_of[1 << 15] = {
#define ENTRY(name)                             [KEY_##name & 0x7fff] = IDX_##name,
#define STATE(name, access, mask, ones, effect) ENTRY(name)
#define CONST(name, ...)                        ENTRY(name)
#define CALL(name, ...)                         ENTRY(name)
#include "accel/soft/sysreg_list.inc"
#undef STATE
#undef CONST
#undef CALL
};

/* The space of ID registers: op0 3, op1 0, CRn 0, CRm 1 to 7. */
static bool is_id_space(unsigned key)
{
    return key >= SYSREG_KEY(3, 0, 0, 1, 0) && key <= SYSREG_KEY(3, 0, 0, 7, 7);
}

unsigned sysreg_find(unsigned key)
{
    unsigned idx = key & 0x8000 ? index_of[key & 0x7fff] : IDX_NONE;

    return idx == IDX_NONE && is_id_space(key) ? IDX_RAZ : idx;
}

bool sysreg_is_const(const struct sysreg_def *r)
{
    return r->read == read_const;
}

enum sysreg_result sysreg_read(struct cpu *cpu, const struct sysreg_def *r,
                               uint64_t *value)
{
    if (!(r->access & (cpu->el ? R_EL1 : R_EL0)))
        return SYSREG_UNDEF;
    return r->read(cpu, r, value);
}

enum sysreg_result sysreg_write(struct cpu *cpu, const struct sysreg_def *r,
                                uint64_t value)
{
    if (!(r->access & (cpu->el ? W_EL1 : W_EL0)))
        return SYSREG_UNDEF;
    return r->write(cpu, r, value);
}

/* The state of registers that are functions here. */
static uint64_t legal_call(enum sysreg reg, uint64_t value)
{
    switch (reg) {
    case SYS_CNTP_CTL_EL0:
    case SYS_CNTV_CTL_EL0:
        return value & 3; /* ISTATUS is made when read */
    case SYS_DBGCLAIMCLR_EL1:
        return value & 0xff;
    default:
        return value;
    }
}

uint64_t sysreg_legal(enum sysreg reg, uint64_t value)
{
    for (unsigned n = 0; n < num_sysregs; n++) {
        const struct sysreg_def *r = &sysregs[n];

        if (r->write == write_slot && r->slot == reg)
            return (value & r->mask) | r->ones;
    }
    return legal_call(reg, value);
}

void sysreg_load(struct cpu *cpu, const uint64_t sys[NUM_SYSREGS])
{
    for (unsigned n = 0; n < NUM_SYSREGS; n++)
        cpu->sys[n] = sysreg_legal(n, sys[n]);
    cpu_mode_changed(cpu);
    mmu_context_changed(cpu);
    debug_changed(cpu);
    timer_update(cpu);
}
