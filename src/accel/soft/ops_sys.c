// SPDX-License-Identifier: Apache-2.0
/* Hints, barriers, PSTATE, system registers and system instructions. */

#include "accel/soft/exc.h"
#include "accel/soft/idle.h"
#include "accel/soft/mem.h"
#include "accel/soft/sysreg.h"
#include "isa_gen.h"

enum {
    SCTLR_UMA = 9,
    SCTLR_DZE = 14,
    SCTLR_NTWI = 16,
    SCTLR_NTWE = 18,
    SCTLR_UCI = 26
};

static bool el0_without(const struct cpu *cpu, unsigned sctlr_bit)
{
    return cpu->el == 0 && !BIT(cpu->sys[SYS_SCTLR_EL1], sctlr_bit);
}

/* What follows may be decoded anew, and attention is paid first. */
static const struct insn *end_block(struct cpu *cpu, const struct insn *i)
{
    return cpu_jump(cpu, cpu_pc(cpu, i) + 4);
}

/* Hints. ISS of EC_WFX: CV = 1, COND = AL, TI. */

static const struct insn *trap_wfx(struct cpu *cpu, const struct insn *i,
                                   uint32_t ti)
{
    return exc_take(cpu, &(struct exc){.ec = EC_WFX,
                                       .iss = 1u << 24 | 0xeu << 20 | ti,
                                       .ret = cpu_pc(cpu, i)});
}

/* Both trap only where they would otherwise sleep. */
EXEC(WFI)
{
    if (el0_without(cpu, SCTLR_NTWI) && !cpu->irq_line && !cpu->fiq_line)
        return trap_wfx(cpu, i, 0);
    cpu_wfi(cpu);
    return end_block(cpu, i);
}

EXEC(WFE)
{
    if (el0_without(cpu, SCTLR_NTWE) && !cpu->event)
        return trap_wfx(cpu, i, 1);
    cpu_wfe(cpu);
    return end_block(cpu, i);
}

EXEC(SEV)
{
    cpu_sev(cpu);
    return NEXT;
}

EXEC(SEVL)
{
    cpu->event = true;
    return NEXT;
}

EXEC(HINT)
{
    return NEXT;
}

/* Barriers */

EXEC(CLREX)
{
    cpu->excl_size = 0;
    return NEXT;
}

EXEC(DSB)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    mmu_sync(cpu);
    return NEXT;
}

/* CRm<1:0>: 01 loads, 10 stores, 11 (and the reserved 00) all. Only the last
   orders a store with a later load, which needs more than acquire-release. */
EXEC(DMB)
{
    if (FIELD(i, 9, 8) == 1)
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    else if (FIELD(i, 9, 8) == 2)
        __atomic_thread_fence(__ATOMIC_RELEASE);
    else
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return NEXT;
}

EXEC(ISB)
{
    return end_block(cpu, i);
}

/* FEAT_FlagM */

EXEC(CFINV)
{
    cpu->nzcv ^= 1u << 29;
    return NEXT;
}

EXEC(RMIF)
{
    unsigned lsb = FIELD(i, 20, 15);
    uint64_t reg = cpu->x[i->rn];
    uint32_t mask = (uint32_t)FIELD(i, 3, 0) << 28;
    uint32_t flags = (uint32_t)(reg >> lsb | reg << (-lsb & 63)) << 28;

    cpu->nzcv = (cpu->nzcv & ~mask) | (flags & mask);
    return NEXT;
}

/* N and Z of the low `bits`, V where the bit above differs from the sign. */
static const struct insn *set_flags(struct cpu *cpu, const struct insn *i,
                                    unsigned bits)
{
    uint64_t reg = cpu->x[i->rn];
    uint32_t n = BIT(reg, bits - 1);
    uint32_t z = BITS(reg, bits - 1, 0) == 0;
    uint32_t v = BIT(reg, bits) ^ n;

    cpu->nzcv = (cpu->nzcv & 1u << 29) | n << 31 | z << 30 | v << 28;
    return NEXT;
}

EXEC(SETF8)
{
    return set_flags(cpu, i, 8);
}

EXEC(SETF16)
{
    return set_flags(cpu, i, 16);
}

/* MSR (immediate) */

EXEC(MSR_UAO)
{
    if (cpu->el == 0)
        return exc_undef(cpu, i);
    cpu->uao = FIELD(i, 8, 8);
    mmu_context_changed(cpu);
    return end_block(cpu, i);
}

EXEC(MSR_PAN)
{
    if (cpu->el == 0)
        return exc_undef(cpu, i);
    cpu->pan = FIELD(i, 8, 8);
    mmu_context_changed(cpu);
    return end_block(cpu, i);
}

EXEC(MSR_SPSel)
{
    if (cpu->el == 0)
        return exc_undef(cpu, i);
    cpu_set_pstate(cpu, (cpu_pstate(cpu) & ~1ull) | FIELD(i, 8, 8));
    return NEXT;
}

EXEC(MSR_SSBS)
{
    cpu->ssbs = FIELD(i, 8, 8);
    return NEXT;
}

EXEC(MSR_DIT)
{
    cpu->dit = FIELD(i, 8, 8);
    return NEXT;
}

EXEC(MSR_DAIFSet)
{
    if (el0_without(cpu, SCTLR_UMA))
        return exc_sysreg(cpu, i);
    cpu->daif |= FIELD(i, 11, 8);
    return NEXT;
}

EXEC(MSR_DAIFClr)
{
    if (el0_without(cpu, SCTLR_UMA))
        return exc_sysreg(cpu, i);
    cpu->daif &= ~FIELD(i, 11, 8);
    if (!cpu->irq_line && !cpu->fiq_line)
        return NEXT; /* one that comes now raises attention by itself */
    cpu_attend(cpu, ATT_IRQ);
    return end_block(cpu, i);
}

/* MRS and MSR: the record holds an index into sysregs[]. */

uint64_t imm_sysreg(uint32_t word, uint32_t offset)
{
    (void)offset;
    return sysreg_find((unsigned)BITS(word, 20, 5));
}

static const struct insn *refuse(struct cpu *cpu, const struct insn *i,
                                 enum sysreg_result why)
{
    if (why == SYSREG_TRAP)
        return exc_sysreg(cpu, i);
    if (why == SYSREG_FP_TRAP)
        return exc_fp_access(cpu, i);
    return exc_undef(cpu, i);
}

EXEC(MRS)
{
    const struct sysreg_def *r = &sysregs[i->imm];
    enum sysreg_result result;
    uint64_t value;

    if (likely(r->plain_read_el <= cpu->el)) {
        cpu->x[i->rd] = cpu->sys[r->slot];
        return NEXT;
    }
    result = sysreg_read(cpu, r, &value);
    if (unlikely(result > SYSREG_DONE_END))
        return refuse(cpu, i, result);
    cpu->x[i->rd] = value;
    return NEXT;
}

EXEC(MSR)
{
    const struct sysreg_def *r = &sysregs[i->imm];
    enum sysreg_result result;

    if (likely(r->plain_write_el <= cpu->el)) {
        cpu->sys[r->slot] = (cpu->x[i->rd] & r->mask) | r->ones;
        return NEXT;
    }
    result = sysreg_write(cpu, r, cpu->x[i->rd]);
    if (result == SYSREG_DONE)
        return NEXT;
    if (result == SYSREG_DONE_END)
        return end_block(cpu, i);
    return refuse(cpu, i, result);
}

/* SYS: IC, DC, AT, TLBI (Arm ARM C5.3 to C5.5) */

#define SYS_KEY(op1, crn, crm, op2) SYSREG_KEY(1, op1, crn, crm, op2)
enum sys_key {
    IC_IALLUIS = SYS_KEY(0, 7, 1, 0),
    IC_IALLU = SYS_KEY(0, 7, 5, 0),
    IC_IVAU = SYS_KEY(3, 7, 5, 1),
    DC_IVAC = SYS_KEY(0, 7, 6, 1),
    DC_ISW = SYS_KEY(0, 7, 6, 2),
    DC_CSW = SYS_KEY(0, 7, 10, 2),
    DC_CISW = SYS_KEY(0, 7, 14, 2),
    DC_ZVA = SYS_KEY(3, 7, 4, 1),
    DC_CVAC = SYS_KEY(3, 7, 10, 1),
    DC_CVAU = SYS_KEY(3, 7, 11, 1),
    DC_CVAP = SYS_KEY(3, 7, 12, 1),
    DC_CIVAC = SYS_KEY(3, 7, 14, 1),
    AT_S1E1R = SYS_KEY(0, 7, 8, 0),
    AT_S1E1W = SYS_KEY(0, 7, 8, 1),
    AT_S1E0R = SYS_KEY(0, 7, 8, 2),
    AT_S1E0W = SYS_KEY(0, 7, 8, 3),
    AT_S1E1RP = SYS_KEY(0, 7, 9, 0),
    AT_S1E1WP = SYS_KEY(0, 7, 9, 1)
};

uint64_t imm_sys_key(uint32_t word, uint32_t offset)
{
    (void)offset;
    return BITS(word, 20, 5);
}

/* ISS of an abort by cache maintenance: CM, and WnR as always for it. */
static const struct insn *cache_abort(struct cpu *cpu, const struct insn *i,
                                      uint64_t va, uint32_t fsc)
{
    return exc_data_abort(cpu, i, va, 1u << 8 | 1u << 6 | fsc);
}

bool sys_is_zva(unsigned key)
{
    return key == DC_ZVA;
}

bool sys_is_clean(unsigned key)
{
    return key == DC_CVAC || key == DC_CVAU || key == DC_CVAP ||
           key == DC_CIVAC;
}

static const struct insn *ic_ivau(struct cpu *cpu, const struct insn *i,
                                  uint64_t va)
{
    struct mmu_result m;

    if (el0_without(cpu, SCTLR_UCI))
        return exc_sysreg(cpu, i);
    mmu_translate(cpu, va, ACC_READ | ACC_CACHE, cpu->el, &m);
    if (m.fault)
        return cache_abort(cpu, i, va, m.fsc);
    mmu_code_changed(cpu, m.pa);
    return NEXT;
}

/* Invalidation throws writes away, hence needs the right to write. */
static const struct insn *dc_ivac(struct cpu *cpu, const struct insn *i,
                                  uint64_t va)
{
    struct mmu_result m;

    mmu_translate(cpu, va, ACC_WRITE | ACC_CACHE, cpu->el, &m);
    return m.fault ? cache_abort(cpu, i, va, m.fsc) : NEXT;
}

static const struct insn *dc_clean(struct cpu *cpu, const struct insn *i,
                                   uint64_t va)
{
    if (el0_without(cpu, SCTLR_UCI))
        return exc_sysreg(cpu, i);
    return mem_cache_op(cpu, i, va) ? NEXT : NULL;
}

static const struct insn *dc_zva(struct cpu *cpu, const struct insn *i,
                                 uint64_t va)
{
    if (el0_without(cpu, SCTLR_DZE))
        return exc_sysreg(cpu, i);
    return mem_zero_block(cpu, i, va) ? NEXT : NULL;
}

/* Those that EL0 has not. */
static const struct insn *sys_el1(struct cpu *cpu, const struct insn *i,
                                  uint64_t arg)
{
    switch (i->imm) {
    case IC_IALLUIS:
        mmu_code_changed_all(cpu, true);
        return NEXT;
    case IC_IALLU:
        mmu_code_changed_all(cpu, false);
        return NEXT;
    case DC_IVAC:
        return dc_ivac(cpu, i, arg);
    case DC_ISW:
    case DC_CSW:
    case DC_CISW:
        return NEXT; /* memory is coherent */
    case AT_S1E1R:
    case AT_S1E1W:
    case AT_S1E0R:
    case AT_S1E0W:
    case AT_S1E1RP:
    case AT_S1E1WP:
        cpu->sys[SYS_PAR_EL1] = mmu_at(cpu, (unsigned)i->imm, arg);
        return NEXT;
    default:
        break;
    }
    if (FIELD(i, 15, 12) == 8 && mmu_tlbi(cpu, (unsigned)i->imm, arg))
        return NEXT;
    return exc_undef(cpu, i);
}

EXEC(SYS)
{
    uint64_t arg = cpu->x[i->rd];

    switch (i->imm) {
    case IC_IVAU:
        return ic_ivau(cpu, i, arg);
    case DC_ZVA:
        return dc_zva(cpu, i, arg);
    case DC_CVAC:
    case DC_CVAU:
    case DC_CVAP:
    case DC_CIVAC:
        return dc_clean(cpu, i, arg);
    default:
        return cpu->el ? sys_el1(cpu, i, arg) : exc_undef(cpu, i);
    }
}
