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

/* Most of what it runs will soon be another tier's. Before it runs anything. */
void interp_stay_small(struct interp *in);

/* Runs until something must leave vcpu_run: an exit is pending (cpu->exit is
   filled), a kick, or `max_insns` instructions (then the exit is a kick, too).
   On the CPU's own thread. */
void interp_run(struct cpu *cpu, uint64_t max_insns);

/* Executes the one instruction at cpu->pc, with no interrupt before it. */
void interp_step(struct cpu *cpu);

/* Parts of the loop that tier 1's has, too. */

/* Does what cpu->attention asks for; false: vcpu_run must be left. */
bool interp_attend(struct cpu *cpu);

/* True after an exception: cpu->pc is misaligned or PSTATE.IL is set. */
bool interp_pc_is_bad(struct cpu *cpu);

/* The decoded block at pa; it can be run until the next call. */
struct block *interp_block(struct cpu *cpu, gpa_t pa, const uint8_t *host,
                           uint32_t gen);
void interp_run_block(struct cpu *cpu, const struct block *blk);

/* Runs one block from cpu->pc on. */
void interp_once(struct cpu *cpu);
