// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Taking exceptions to EL1 (Arm ARM D1.3, ESR_EL1 encodings D17.2.37). All of
 * these return NULL, so that an executor can `return exc_undef(cpu, i);`. The
 * preferred return address is the instruction of `i`, except for SVC.
 */

#include "accel/soft/cpu.h"

enum exc_class {
    EC_UNKNOWN = 0x00,
    EC_WFX = 0x01,
    EC_FP_ACCESS = 0x07,
    EC_ILLEGAL = 0x0e,
    EC_SVC64 = 0x15,
    EC_SYSREG = 0x18,
    EC_IABORT = 0x21,
    EC_PC_ALIGN = 0x22,
    EC_DABORT = 0x25,
    EC_SP_ALIGN = 0x26,
    EC_BREAKPOINT = 0x31,
    EC_STEP = 0x33,
    EC_WATCHPOINT = 0x35,
    EC_BRK64 = 0x3c
};

/* The general one. ec: of an exception from the same level; exc_take picks the
   lower level's form, one less, at EL0. far: written to
   FAR_EL1 when has_far. ret: the preferred return address. */
struct exc {
    enum exc_class ec;
    uint32_t iss; /* 25 bits */
    bool il16;    /* IL = 0 */
    bool has_far;
    uint64_t far;
    uint64_t ret;
};
const struct insn *exc_take(struct cpu *cpu, const struct exc *exc);

const struct insn *exc_undef(struct cpu *cpu, const struct insn *i);
const struct insn *exc_fp_access(struct cpu *cpu, const struct insn *i);
const struct insn *exc_svc(struct cpu *cpu, const struct insn *i, uint32_t imm);
const struct insn *exc_brk(struct cpu *cpu, const struct insn *i, uint32_t imm);
const struct insn *exc_sp_align(struct cpu *cpu, const struct insn *i);

/* A trapped MRS, MSR or SYS at EL0: EC 0x18, ISS made from the word. */
const struct insn *exc_sysreg(struct cpu *cpu, const struct insn *i);
/* ISS as for ISS_DABORT: the fault status code in bits 5:0, WnR in bit 6. */
const struct insn *exc_data_abort(struct cpu *cpu, const struct insn *i,
                                  uint64_t far, uint32_t iss);
const struct insn *exc_watchpoint(struct cpu *cpu, const struct insn *i,
                                  uint64_t far, uint32_t iss);

/* Between instructions: cpu->pc is where it would go on. */
void exc_insn_abort(struct cpu *cpu, uint64_t far, uint32_t iss);
void exc_pc_align(struct cpu *cpu);
void exc_illegal(struct cpu *cpu);
void exc_irq(struct cpu *cpu);
void exc_fiq(struct cpu *cpu);
void exc_step(struct cpu *cpu, bool stepped, bool was_load_exclusive);
void exc_breakpoint(struct cpu *cpu);

/* ERET, with the illegal-return rules of D1.3.4. */
const struct insn *exc_return(struct cpu *cpu, const struct insn *i);
