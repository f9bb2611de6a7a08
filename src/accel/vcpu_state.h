// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The architectural state of one vCPU: one shape for all back ends, in the
 * architecture's own encodings, so that what one saved another can restore.
 */

#include <stdbool.h>
#include <stdint.h>

/* enum sysreg: SYS_SCTLR_EL1 and so on, the registers that hold state. */
#define SYSREG(name, op0, op1, crn, crm, op2) SYS_##name,
enum sysreg {
#include "accel/sysregs.inc"
    NUM_SYSREGS
};
#undef SYSREG

/* enum idreg: ID_MIDR_EL1 and so on, what the guest is told of its CPU. */
#define IDREG(name, op0, op1, crn, crm, op2) ID_##name,
enum idreg {
#include "accel/idregs.inc"
    NUM_IDREGS
};
#undef IDREG

struct vcpu_state {
    uint64_t x[31];
    uint64_t sp_el0;
    uint64_t sp_el1;
    uint64_t pc;
    uint64_t pstate; /* in the format of SPSR_EL1 */
    uint64_t v[32][2];
    uint32_t fpcr;
    uint32_t fpsr;
    uint64_t sys[NUM_SYSREGS];
    uint64_t icc[16]; /* enum icc_reg */
    uint64_t cntvct;  /* the virtual count when it was read; vcpu_set of vCPU 0
                         makes the VM go on from there */
    bool powered_off;

    /* vcpu_set makes these so as far as the back end and its host can, which
       may be not at all; a vcpu_get behind it tells. */
    uint64_t id[NUM_IDREGS];
};

/* The GIC CPU interface's own state (Arm IHI 0069, 12.2). */
enum icc_reg {
    ICC_PMR,
    ICC_BPR0,
    ICC_BPR1,
    ICC_CTLR,
    ICC_IGRPEN0,
    ICC_IGRPEN1,
    ICC_AP0R0,
    ICC_AP1R0,
    ICC_SRE,
    NUM_ICC_REGS
};

enum gic_space { GIC_DIST, GIC_REDIST }; /* the registers: gicregs.inc */

/* op0..op2 as MRS and MSR carry them in bits 20:5 of the instruction. */
#define SYSREG_KEY(op0, op1, crn, crm, op2) \
    ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
