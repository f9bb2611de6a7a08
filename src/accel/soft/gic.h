// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * GICv3 (Arm IHI 0069): distributor, one redistributor a CPU, and the CPU
 * interfaces, which are system registers here. One security state (GICD_CTLR.DS
 * = 1), affinity routing always on, no LPIs, SPIs INTID 32 to 127.
 *
 * One lock guards all of it; every function may come from any thread. When the
 * answer for a CPU changes, its irq_line/fiq_line is set, attention raised and
 * the CPU woken.
 */

#include "accel/soft/cpu.h"

enum { GIC_SPIS = 96, GIC_INTIDS = 32 + GIC_SPIS };
enum { GICD_BYTES = 0x10000, GICR_BYTES = 0x20000 };

struct gic *gic_new(struct soft_vm *vm);
void gic_free(struct gic *gic);

/* CPU interface and redistributor. From the first reset until the detach,
   before it is freed, the GIC knows the CPU and may wake it. */
void gic_cpu_reset(struct cpu *cpu);
void gic_cpu_detach(struct cpu *cpu);

/* Input lines: SPIs by INTID; PPIs (16..31) of one CPU, by its own thread. */
void gic_spi(struct gic *gic, unsigned intid, bool level);
void gic_ppi(struct cpu *cpu, unsigned intid, bool level);

/* MMIO; offset into the distributor, or into the redistributors' window.
   Wrong sizes and reserved offsets read 0 and ignore writes. */
uint64_t gicd_read(struct gic *gic, uint32_t offset, unsigned size);
void gicd_write(struct gic *gic, uint32_t offset, unsigned size,
                uint64_t value);
uint64_t gicr_read(struct gic *gic, uint64_t offset, unsigned size);
void gicr_write(struct gic *gic, uint64_t offset, unsigned size,
                uint64_t value);

/* ICC_* system registers by SYSREG_KEY. False: UNDEFINED (no such register,
   wrong direction, or ICC_SRE_EL1.SRE rules). Called at EL1 only. */
bool gic_icc_read(struct cpu *cpu, unsigned key, uint64_t *value);
bool gic_icc_write(struct cpu *cpu, unsigned key, uint64_t value);

/* Save and restore: one register at a time, by architectural offset, 0 or
   -EINVAL: no such register. GICx_IS* have the whole state and set exactly
   what is written (ISPENDR: the latch, not the line); GICx_IC* read the same
   and ignore writes, as read-only registers do. Redistributor offsets: RD_base
   from 0, SGI_base from 0x10000. Input lines are not part of it: whoever
   drives them does so again. A CPU's reset clears its redistributor: make the
   CPUs first. */
int gic_state_get(struct gic *gic, enum gic_space space, unsigned cpu,
                  uint32_t offset, uint64_t *value);
int gic_state_set(struct gic *gic, enum gic_space space, unsigned cpu,
                  uint32_t offset, uint64_t value);
void gic_cpu_state_get(struct cpu *cpu, uint64_t icc[16]);
void gic_cpu_state_set(struct cpu *cpu, const uint64_t icc[16]);
