// SPDX-License-Identifier: Apache-2.0
/* Exception entry to EL1 and return from it (Arm ARM D1.3). */

#include "accel/soft/exc.h"

#include "accel/soft/mmu.h"
#include "accel/soft/step.h"

enum { VECTOR_SYNC = 0, VECTOR_IRQ = 0x80, VECTOR_FIQ = 0x100 };
enum { SCTLR_SPAN = 23, SCTLR_DSSBS = 44 };

/* PSTATE of a handler: EL1h, DAIF masked; PAN as SCTLR_EL1.SPAN says. */
static void enter_el1(struct cpu *cpu, unsigned vector, uint64_t ret)
{
    uint64_t sctlr = cpu->sys[SYS_SCTLR_EL1];
    uint64_t old = cpu_pstate(cpu);
    bool pan = cpu->pan || !BIT(sctlr, SCTLR_SPAN);
    uint64_t now = (old & 0xf0000000u) | (uint64_t)cpu->dit << 24 |
                   (uint64_t)pan << 22 | BIT(sctlr, SCTLR_DSSBS) << 12 | 0x3c5;
    unsigned from = cpu->el == 0 ? 0x400 : cpu->spsel ? 0x200 : 0;

    cpu->sys[SYS_SPSR_EL1] = old;
    cpu->sys[SYS_ELR_EL1] = ret;
    cpu_set_pstate(cpu, now);
    cpu->pc = cpu->sys[SYS_VBAR_EL1] + from + vector;
}

/* Classes that tell a lower Exception level from the same one. */
static bool has_lower_form(enum exc_class ec)
{
    return ec == EC_IABORT || ec == EC_DABORT || ec == EC_BREAKPOINT ||
           ec == EC_STEP || ec == EC_WATCHPOINT;
}

const struct insn *exc_take(struct cpu *cpu, const struct exc *exc)
{
    uint64_t ec = exc->ec;

    if (cpu->el == 0 && has_lower_form(exc->ec))
        ec--;
    cpu->sys[SYS_ESR_EL1] =
        ec << 26 | (uint64_t)!exc->il16 << 25 | (exc->iss & 0x1ffffff);
    if (exc->has_far)
        cpu->sys[SYS_FAR_EL1] = exc->far;
    enter_el1(cpu, VECTOR_SYNC, exc->ret);
    return NULL;
}

static const struct insn *take_at(struct cpu *cpu, const struct insn *i,
                                  enum exc_class ec, uint32_t iss)
{
    return exc_take(cpu,
                    &(struct exc){.ec = ec, .iss = iss, .ret = cpu_pc(cpu, i)});
}

const struct insn *exc_undef(struct cpu *cpu, const struct insn *i)
{
    return take_at(cpu, i, EC_UNKNOWN, 0);
}

/* ISS: CV = 1, COND = AL (D17.2.37, exceptions from FP access). */
const struct insn *exc_fp_access(struct cpu *cpu, const struct insn *i)
{
    return take_at(cpu, i, EC_FP_ACCESS, 1u << 24 | 0xeu << 20);
}

const struct insn *exc_svc(struct cpu *cpu, const struct insn *i, uint32_t imm)
{
    uint64_t next = cpu_pc(cpu, i) + 4;

    cpu->ss = 0; /* SSAdvance(): the instruction itself has completed */
    return exc_take(cpu,
                    &(struct exc){.ec = EC_SVC64, .iss = imm, .ret = next});
}

const struct insn *exc_brk(struct cpu *cpu, const struct insn *i, uint32_t imm)
{
    return take_at(cpu, i, EC_BRK64, imm);
}

const struct insn *exc_sp_align(struct cpu *cpu, const struct insn *i)
{
    return take_at(cpu, i, EC_SP_ALIGN, 0);
}

const struct insn *exc_sysreg(struct cpu *cpu, const struct insn *i)
{
    uint32_t w = i->word;
    uint32_t iss =
        (uint32_t)(BITS(w, 20, 19) << 20 | BITS(w, 7, 5) << 17 |
                   BITS(w, 18, 16) << 14 | BITS(w, 15, 12) << 10 |
                   BITS(w, 4, 0) << 5 | BITS(w, 11, 8) << 1 | BIT(w, 21));

    return take_at(cpu, i, EC_SYSREG, iss);
}

static const struct insn *take_far(struct cpu *cpu, const struct insn *i,
                                   enum exc_class ec, uint64_t far,
                                   uint32_t iss)
{
    return exc_take(cpu, &(struct exc){.ec = ec,
                                       .iss = iss,
                                       .has_far = true,
                                       .far = far,
                                       .ret = cpu_pc(cpu, i)});
}

const struct insn *exc_data_abort(struct cpu *cpu, const struct insn *i,
                                  uint64_t far, uint32_t iss)
{
    return take_far(cpu, i, EC_DABORT, far, iss);
}

const struct insn *exc_watchpoint(struct cpu *cpu, const struct insn *i,
                                  uint64_t far, uint32_t iss)
{
    return take_far(cpu, i, EC_WATCHPOINT, far, iss);
}

static void take_here(struct cpu *cpu, enum exc_class ec, uint32_t iss)
{
    exc_take(cpu, &(struct exc){.ec = ec, .iss = iss, .ret = cpu->pc});
}

void exc_insn_abort(struct cpu *cpu, uint64_t far, uint32_t iss)
{
    exc_take(cpu, &(struct exc){.ec = EC_IABORT,
                                .iss = iss,
                                .has_far = true,
                                .far = far,
                                .ret = cpu->pc});
}

void exc_pc_align(struct cpu *cpu)
{
    exc_take(cpu, &(struct exc){.ec = EC_PC_ALIGN,
                                .has_far = true,
                                .far = cpu->pc,
                                .ret = cpu->pc});
}

void exc_illegal(struct cpu *cpu)
{
    take_here(cpu, EC_ILLEGAL, 0);
}

void exc_irq(struct cpu *cpu)
{
    enter_el1(cpu, VECTOR_IRQ, cpu->pc);
}

void exc_fiq(struct cpu *cpu)
{
    enter_el1(cpu, VECTOR_FIQ, cpu->pc);
}

/* ISS: ISV, EX, IFSC = 0b100010 debug. ISV is 0 if nothing was stepped. */
void exc_step(struct cpu *cpu, bool stepped, bool was_load_exclusive)
{
    take_here(cpu, EC_STEP,
              (uint32_t)stepped << 24 | (uint32_t)was_load_exclusive << 6 |
                  0x22);
}

void exc_breakpoint(struct cpu *cpu)
{
    take_here(cpu, EC_BREAKPOINT, 0x22);
}

/* D1.3.4: AArch32, EL2, EL3, M[1] set, and EL0 with SP_ELx are illegal here. */
static bool is_legal_return(uint64_t spsr)
{
    unsigned m = BITS(spsr, 4, 0);

    return m == 0x0 || m == 0x4 || m == 0x5;
}

const struct insn *exc_return(struct cpu *cpu, const struct insn *i)
{
    uint64_t spsr = cpu->sys[SYS_SPSR_EL1];
    uint64_t target = cpu->sys[SYS_ELR_EL1];

    (void)i;
    cpu->excl_size = 0;
    cpu->event = true;
    if (!is_legal_return(spsr)) {
        uint64_t keep = cpu_pstate(cpu) & ~0xf00003c0ull;

        cpu_set_pstate(cpu, keep | (spsr & 0xf00003c0u) | 1u << 20);
        return cpu_jump(cpu, target);
    }
    if (!step_keeps_ss(cpu, spsr))
        spsr &= ~(1ull << 21);
    cpu_set_pstate(cpu, spsr & 0xf1f013cfu);
    return cpu_jump(cpu, target);
}
