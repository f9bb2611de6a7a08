// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Tier 0: runs decoded blocks one record at a time. It is the oracle for the
 * other tiers and executes whatever they lack.
 */

#include "accel/soft/cpu.h"

/* NULL: out of memory. */
struct interp *interp_new(void);
void interp_free(struct interp *in);

/* Runs until something must leave vcpu_run: an exit is pending (cpu->exit is
   filled), a kick, or `max_insns` instructions (then the exit is a kick, too).
   On the CPU's own thread. */
void interp_run(struct cpu *cpu, uint64_t max_insns);

/* Executes the one instruction at cpu->pc, with no interrupt before it. */
void interp_step(struct cpu *cpu);
