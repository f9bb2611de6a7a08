// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Software step and hardware breakpoints (Arm ARM D2.8, D2.12): what a
 * debugger inside the guest needs. While any of it is on for a CPU, ATT_STEP
 * stays set and the interpreter goes one instruction at a time.
 */

#include "accel/soft/cpu.h"

/* After MDSCR_EL1, a breakpoint register or OSLAR_EL1 was written. */
void step_changed(struct cpu *cpu);

/* DebugExceptionReturnSS(): an ERET with this SPSR may set PSTATE.SS. */
bool step_keeps_ss(const struct cpu *cpu, uint64_t spsr);

/* What a breakpoint or a watchpoint is linked to, breakpoint n, is on and for
   the context that runs. */
bool step_link_matches(const struct cpu *cpu, unsigned n);

/* Debugging is on here and now: one instruction at a time. */
bool step_is_active(const struct cpu *cpu);

/* Before the instruction at cpu->pc: takes a pending step or breakpoint
   exception, or returns false. */
bool step_before(struct cpu *cpu);
/* After it: the step exception, unless there was another one. */
void step_after(struct cpu *cpu, bool was_load_exclusive);
