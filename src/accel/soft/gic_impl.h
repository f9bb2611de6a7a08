// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The GIC's own state, for gic.c (delivery, CPU interfaces) and gic_mmio.c
   (register frames) only. All of it is under `lock`. */

#include <pthread.h>

#include "accel/soft/gic.h"

enum { GIC_MAX_CPUS = 32, GIC_SPI_BANKS = GIC_SPIS / 32 };
enum { GIC_PRIO_MASK = 0xf8, GIC_PRIO_IDLE = 0xff }; /* 5 bits of priority */
enum { GIC_GRP0 = 1, GIC_GRP1 = 2 };                 /* GICD_CTLR, bits 1:0 */

/* 32 interrupts; a bit each, bit n is INTID 32 * bank + n. */
struct gic_bank {
    uint32_t group1;
    uint32_t enabled;
    uint32_t latch; /* pending by edge, by SGI or by GICx_ISPENDR */
    uint32_t line;  /* input level */
    uint32_t active;
    uint32_t edge; /* else level-sensitive */
    uint8_t prio[32];
};

struct gic_redist {
    struct gic_bank bank;           /* SGIs and PPIs */
    bool asleep;                    /* GICR_WAKER.ProcessorSleep */
    struct cpu *cpu;                /* borrowed; NULL until its reset */
    uint32_t routed[GIC_SPI_BANKS]; /* SPIs that go here, of IROUTER */

    /* bank.line again, to be compared without the lock by the CPU's own
       thread, which alone drives PPIs. */
    uint32_t ppi_seen;
};

struct gic {
    pthread_mutex_t lock;
    struct soft_vm *vm; /* borrowed */
    unsigned num_cpus;
    uint32_t ctlr; /* GIC_GRP0 | GIC_GRP1 */
    struct gic_bank spi[GIC_SPI_BANKS];
    uint64_t irouter[GIC_SPIS];
    struct gic_redist redist[GIC_MAX_CPUS];
};

static inline uint32_t gic_pending(const struct gic_bank *b)
{
    return b->latch | (b->line & ~b->edge);
}

static inline void gic_lock(struct gic *gic)
{
    pthread_mutex_lock(&gic->lock);
}

static inline void gic_unlock(struct gic *gic)
{
    pthread_mutex_unlock(&gic->lock);
}

/* The bank of an INTID below GIC_INTIDS, as `cpu` sees it. */
struct gic_bank *gic_bank_of(struct gic *gic, unsigned cpu, unsigned intid);

/* Works out anew where SPIs go: after IROUTER, WAKER, or group enables. */
void gic_reroute_locked(struct gic *gic);

/* Works out anew what one CPU, or all, are shown. */
void gic_update_locked(struct gic *gic, unsigned n);
void gic_update_all_locked(struct gic *gic);

/* Affinity of CPU n: Aff1 = n / 16, Aff0 = n % 16. */
static inline uint32_t gic_affinity(unsigned cpu)
{
    return cpu / 16 << 8 | cpu % 16;
}

/* The CPU with this affinity (Aff3.Aff2.Aff1.Aff0, 32 bits), or num_cpus. */
unsigned gic_cpu_by_affinity(const struct gic *gic, uint32_t affinity);
