// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The generic timer at EL1 (Arm ARM D11): physical (PPI 14, INTID 30) and
 * virtual (PPI 11, INTID 27) timers.
 *
 * The counters run at 1 GHz from host_mono_ns. Both count from the start of
 * the VM (cntvoff_ns); restore sets it so that they go on where they were.
 * Nothing ticks: timer_deadline_ns says when the interpreter next has to look,
 * which it does every few blocks and when it sleeps.
 */

#include "accel/soft/cpu.h"

#define CNTFRQ_HZ 1000000000u
enum { TIMER_PHYS_INTID = 30, TIMER_VIRT_INTID = 27 };

uint64_t timer_count(const struct cpu *cpu); /* CNTPCT_EL0 = CNTVCT_EL0 */

/* CNT{P,V}_{CTL,CVAL,TVAL}_EL0 by SYSREG_KEY; trap rules of CNTKCTL_EL1 are
   the caller's. False: not a timer register. */
bool timer_read(struct cpu *cpu, unsigned key, uint64_t *value);
bool timer_write(struct cpu *cpu, unsigned key, uint64_t value);

/* Compares with now: drives the PPIs, sets cpu->timer_deadline_ns. */
void timer_update(struct cpu *cpu);
