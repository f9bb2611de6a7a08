// SPDX-License-Identifier: Apache-2.0
/*
 * GICv3: which interrupt goes to which CPU, and the CPU interfaces (Arm IHI
 * 0069, chapters 4 and 12.2). Register frames are in gic_mmio.c.
 *
 * An interrupt is shown to a CPU while it is pending and not active, enabled,
 * its group enabled in the distributor and in the CPU's interface, its priority
 * above the mask and its group priority above the running priority.
 */

#include "accel/soft/gic.h"

#include <string.h>

#include "accel/soft/gic_impl.h"
#include "accel/soft/sysreg.h"
#include "base/heap.h"
#include "host/host.h"

enum { INTID_NONE = 1023, INTID_SPECIAL = 1020 };
enum { CTLR_CBPR = 1, CTLR_EOIMODE = 2 };
enum { BPR0_MIN = 2, BPR1_MIN = 3 };
/* A3V, IDbits = 0 (16 bits), PRIbits = 4 (5 bits) */
enum { ICC_CTLR_FIXED = 1 << 15 | 4 << 8 };
enum { ICC_SRE_FIXED = 7 }; /* DIB, DFB, SRE: no legacy interface */

/* The highest priority pending interrupt of one CPU. */
struct candidate {
    unsigned intid; /* or INTID_NONE */
    uint8_t prio;
    bool group1;
};

struct gic *gic_new(struct soft_vm *vm)
{
    struct gic *gic = heap_zalloc(sizeof(*gic));

    if (!gic)
        return NULL;
    pthread_mutex_init(&gic->lock, NULL);
    gic->vm = vm;
    gic->num_cpus = MIN(vm->num_cpus, GIC_MAX_CPUS);
    for (unsigned n = 0; n < GIC_MAX_CPUS; n++)
        gic->redist[n].asleep = true;
    gic_reroute_locked(gic);
    return gic;
}

void gic_free(struct gic *gic)
{
    if (!gic)
        return;
    pthread_mutex_destroy(&gic->lock);
    heap_free(gic);
}

struct gic_bank *gic_bank_of(struct gic *gic, unsigned cpu, unsigned intid)
{
    return intid < 32 ? &gic->redist[cpu].bank : &gic->spi[intid / 32 - 1];
}

unsigned gic_cpu_by_affinity(const struct gic *gic, uint32_t affinity)
{
    uint32_t cpu = (affinity >> 8) * 16 + (affinity & 0xff);

    if ((affinity & 0xff) >= 16 || affinity >> 16 || cpu >= gic->num_cpus)
        return gic->num_cpus;
    return cpu;
}

/* Routing */

static bool takes_group(const struct cpu *cpu, bool group1)
{
    return cpu->icc[group1 ? ICC_IGRPEN1 : ICC_IGRPEN0] & 1;
}

/* 1 of N (GICD_IROUTER.Interrupt_Routing_Mode): the first CPU that is awake
   and takes the group; if none does, the first. */
static unsigned any_target(const struct gic *gic, bool group1)
{
    for (unsigned n = 0; n < gic->num_cpus; n++) {
        const struct gic_redist *r = &gic->redist[n];

        if (r->cpu && !r->asleep && takes_group(r->cpu, group1))
            return n;
    }
    return 0;
}

static uint32_t packed_affinity(uint64_t irouter)
{
    return (uint32_t)(BITS(irouter, 39, 32) << 24 | BITS(irouter, 23, 0));
}

void gic_reroute_locked(struct gic *gic)
{
    for (unsigned n = 0; n < gic->num_cpus; n++)
        memset(gic->redist[n].routed, 0, sizeof(gic->redist[n].routed));
    for (unsigned spi = 0; spi < GIC_SPIS; spi++) {
        uint64_t irouter = gic->irouter[spi];
        bool group1 = BIT(gic->spi[spi / 32].group1, spi % 32);
        unsigned cpu = BIT(irouter, 31)
                           ? any_target(gic, group1)
                           : gic_cpu_by_affinity(gic, packed_affinity(irouter));

        if (cpu < gic->num_cpus)
            gic->redist[cpu].routed[spi / 32] |= 1u << spi % 32;
    }
}

/* Priorities. The binary point N makes the group priority of bits 7 to N + 1,
   for group 1 (ICC_BPR1_EL1) of bits 7 to N (4.8, "Priority grouping"). */

static unsigned group_shift(const struct cpu *cpu, bool group1)
{
    if (!group1 || cpu->icc[ICC_CTLR] & CTLR_CBPR)
        return (unsigned)cpu->icc[ICC_BPR0] + 1;
    return (unsigned)cpu->icc[ICC_BPR1];
}

static uint8_t group_priority(const struct cpu *cpu, struct candidate c)
{
    return c.prio & (uint8_t)(0xff << group_shift(cpu, c.group1));
}

/* Each bit of ICC_APxR0 is an active group priority; the lowest is highest. */
static unsigned running_priority(const struct cpu *cpu)
{
    uint32_t active = (uint32_t)(cpu->icc[ICC_AP0R0] | cpu->icc[ICC_AP1R0]);

    return active ? (unsigned)__builtin_ctz(active) << 3 : GIC_PRIO_IDLE;
}

static void consider_bank(const struct gic_bank *b, uint32_t shown,
                          unsigned first, struct candidate *best)
{
    for (; shown; shown &= shown - 1) {
        unsigned n = (unsigned)__builtin_ctz(shown);

        if (best->intid == INTID_NONE || b->prio[n] < best->prio) {
            best->intid = first + n;
            best->prio = b->prio[n];
            best->group1 = BIT(b->group1, n);
        }
    }
}

static uint32_t deliverable(const struct gic_bank *b, unsigned groups)
{
    uint32_t of_groups = (groups & GIC_GRP0 ? ~b->group1 : 0) |
                         (groups & GIC_GRP1 ? b->group1 : 0);

    return gic_pending(b) & b->enabled & ~b->active & of_groups;
}

static struct candidate highest_pending(const struct gic *gic, unsigned n)
{
    const struct gic_redist *r = &gic->redist[n];
    struct candidate best = {.intid = INTID_NONE, .prio = GIC_PRIO_IDLE};
    unsigned groups = gic->ctlr;

    if (!r->cpu || r->asleep)
        return best;
    if (!takes_group(r->cpu, false))
        groups &= ~(unsigned)GIC_GRP0;
    if (!takes_group(r->cpu, true))
        groups &= ~(unsigned)GIC_GRP1;
    if (!groups)
        return best;
    consider_bank(&r->bank, deliverable(&r->bank, groups), 0, &best);
    for (unsigned k = 0; k < GIC_SPI_BANKS; k++)
        consider_bank(&gic->spi[k],
                      deliverable(&gic->spi[k], groups) & r->routed[k],
                      32 + 32 * k, &best);
    return best;
}

/* Priority mask and preemption. */
static bool can_be_taken(const struct cpu *cpu, struct candidate c)
{
    return c.intid != INTID_NONE && c.prio < cpu->icc[ICC_PMR] &&
           group_priority(cpu, c) < running_priority(cpu);
}

/* The lines go first, then attention, then the look at run_state: idle.c. */
static void set_lines(struct cpu *cpu, bool irq, bool fiq)
{
    bool rises = (irq && !cpu->irq_line) || (fiq && !cpu->fiq_line);

    if (cpu->irq_line != irq)
        cpu->irq_line = irq;
    if (cpu->fiq_line != fiq)
        cpu->fiq_line = fiq;
    if (!rises)
        return;
    cpu_attend(cpu, ATT_IRQ);
    if (cpu->waker && cpu->run_state == RUN_WAITING)
        host_waker_wake(cpu->waker);
}

void gic_update_locked(struct gic *gic, unsigned n)
{
    struct cpu *cpu = gic->redist[n].cpu;
    struct candidate c = highest_pending(gic, n);
    bool taken;

    if (!cpu)
        return;
    taken = can_be_taken(cpu, c);
    set_lines(cpu, taken && c.group1, taken && !c.group1);
}

void gic_update_all_locked(struct gic *gic)
{
    for (unsigned n = 0; n < gic->num_cpus; n++)
        gic_update_locked(gic, n);
}

/* The CPU an SPI is routed to, or all its banks' owner. */
static void update_for_locked(struct gic *gic, unsigned cpu, unsigned intid)
{
    if (intid < 32) {
        gic_update_locked(gic, cpu);
        return;
    }
    for (unsigned n = 0; n < gic->num_cpus; n++) {
        if (BIT(gic->redist[n].routed[intid / 32 - 1], intid % 32))
            gic_update_locked(gic, n);
    }
}

/* Lines */

/* A rising edge of an edge-triggered interrupt makes it pending. */
static bool drive_locked(struct gic_bank *b, unsigned n, bool level)
{
    uint32_t bit = 1u << n;

    if (!!(b->line & bit) == level)
        return false;
    b->line ^= bit;
    if (level && b->edge & bit)
        b->latch |= bit;
    return true;
}

void gic_spi(struct gic *gic, unsigned intid, bool level)
{
    if (intid < 32 || intid >= GIC_INTIDS)
        return;
    gic_lock(gic);
    if (drive_locked(&gic->spi[intid / 32 - 1], intid % 32, level))
        update_for_locked(gic, 0, intid);
    gic_unlock(gic);
}

void gic_ppi(struct cpu *cpu, unsigned intid, bool level)
{
    struct gic *gic = cpu->vm->gic;
    struct gic_redist *r;

    if (!gic || cpu->index >= gic->num_cpus || intid < 16 || intid >= 32)
        return;
    r = &gic->redist[cpu->index];
    if (BIT(r->ppi_seen, intid) == level)
        return;
    r->ppi_seen ^= 1u << intid;
    gic_lock(gic);
    if (drive_locked(&r->bank, intid, level))
        gic_update_locked(gic, cpu->index);
    gic_unlock(gic);
}

/* CPU interface: reset, save, restore */

static void icc_reset(struct cpu *cpu)
{
    memset(cpu->icc, 0, sizeof(cpu->icc));
    cpu->icc[ICC_BPR0] = BPR0_MIN;
    cpu->icc[ICC_BPR1] = BPR1_MIN;
    cpu->icc[ICC_CTLR] = ICC_CTLR_FIXED;
    cpu->icc[ICC_SRE] = ICC_SRE_FIXED;
}

void gic_cpu_reset(struct cpu *cpu)
{
    struct gic *gic = cpu->vm->gic;
    struct gic_redist *r;

    if (!gic || cpu->index >= gic->num_cpus)
        return;
    r = &gic->redist[cpu->index];
    gic_lock(gic);
    r->cpu = cpu;
    r->asleep = true;
    r->bank = (struct gic_bank){.edge = 0xffff, .line = r->bank.line};
    icc_reset(cpu);
    gic_reroute_locked(gic);
    gic_update_all_locked(gic);
    gic_unlock(gic);
}

void gic_cpu_detach(struct cpu *cpu)
{
    struct gic *gic = cpu->vm->gic;

    if (!gic || cpu->index >= gic->num_cpus)
        return;
    gic_lock(gic);
    if (gic->redist[cpu->index].cpu == cpu)
        gic->redist[cpu->index].cpu = NULL;
    gic_reroute_locked(gic);
    gic_update_all_locked(gic);
    gic_unlock(gic);
}

/* What a write to, or a saved value of, a register of state leaves in it. */
static uint64_t icc_legal(enum icc_reg reg, uint64_t value)
{
    switch (reg) {
    case ICC_PMR:
        return value & GIC_PRIO_MASK;
    case ICC_BPR0:
        return MAX(value & 7, BPR0_MIN);
    case ICC_BPR1:
        return MAX(value & 7, BPR1_MIN);
    case ICC_CTLR:
        return ICC_CTLR_FIXED | (value & (CTLR_CBPR | CTLR_EOIMODE));
    case ICC_SRE:
        return ICC_SRE_FIXED;
    case ICC_IGRPEN0:
    case ICC_IGRPEN1:
        return value & 1;
    case ICC_AP0R0:
    case ICC_AP1R0:
        return value & 0xffffffff;
    case NUM_ICC_REGS:
        break;
    }
    return 0;
}

void gic_cpu_state_get(struct cpu *cpu, uint64_t icc[16])
{
    struct gic *gic = cpu->vm->gic;

    gic_lock(gic);
    memcpy(icc, cpu->icc, sizeof(cpu->icc));
    gic_unlock(gic);
}

void gic_cpu_state_set(struct cpu *cpu, const uint64_t icc[16])
{
    struct gic *gic = cpu->vm->gic;

    gic_lock(gic);
    memset(cpu->icc, 0, sizeof(cpu->icc));
    for (unsigned n = 0; n < NUM_ICC_REGS; n++)
        cpu->icc[n] = icc_legal(n, icc[n]);
    gic_reroute_locked(gic);
    gic_update_all_locked(gic);
    gic_unlock(gic);
}

/* CPU interface: the life of an interrupt */

/* ICC_IARx: the interrupt becomes active, and its priority the running one. A
   level-sensitive one that is still high stays pending below. */
static unsigned acknowledge_locked(struct gic *gic, struct cpu *cpu,
                                   bool group1)
{
    struct candidate c = highest_pending(gic, cpu->index);
    struct gic_bank *b;

    if (!can_be_taken(cpu, c) || c.group1 != group1)
        return INTID_NONE;
    b = gic_bank_of(gic, cpu->index, c.intid);
    b->latch &= ~(1u << c.intid % 32);
    b->active |= 1u << c.intid % 32;
    cpu->icc[group1 ? ICC_AP1R0 : ICC_AP0R0] |=
        1u << (group_priority(cpu, c) >> 3);
    gic_update_locked(gic, cpu->index);
    return c.intid;
}

/* An interrupt that could be taken but for mask and running priority. */
static unsigned highest_of_group(const struct gic *gic, const struct cpu *cpu,
                                 bool group1)
{
    struct candidate c = highest_pending(gic, cpu->index);

    return c.intid != INTID_NONE && c.group1 == group1 ? c.intid : INTID_NONE;
}

static void deactivate_locked(struct gic *gic, struct cpu *cpu, unsigned intid)
{
    if (intid >= GIC_INTIDS)
        return;
    gic_bank_of(gic, cpu->index, intid)->active &= ~(1u << intid % 32);
    update_for_locked(gic, cpu->index, intid);
}

/* ICC_EOIRx: drops the running priority and, unless EOImode says that
   ICC_DIR_EL1 will, ends the interrupt. A write that does not fit the last
   acknowledge is UNPREDICTABLE: it drops nothing of the other group. */
static void end_of_interrupt_locked(struct gic *gic, struct cpu *cpu,
                                    unsigned intid, bool group1)
{
    uint64_t *mine = &cpu->icc[group1 ? ICC_AP1R0 : ICC_AP0R0];
    uint64_t other = cpu->icc[group1 ? ICC_AP0R0 : ICC_AP1R0];

    if (intid >= INTID_SPECIAL)
        return;
    if (*mine && (!other || __builtin_ctzll(*mine) <= __builtin_ctzll(other)))
        *mine &= *mine - 1;
    if (!(cpu->icc[ICC_CTLR] & CTLR_EOIMODE) && intid < GIC_INTIDS &&
        BIT(gic_bank_of(gic, cpu->index, intid)->group1, intid % 32) == group1)
        deactivate_locked(gic, cpu, intid);
    gic_update_locked(gic, cpu->index);
}

/* With one Security state, ICC_SGI1R_EL1 reaches SGIs of both groups, the
   others those of group 0 (12.1.10, DS = 1). */
static void pend_sgi_locked(struct gic *gic, unsigned cpu, unsigned intid,
                            bool both)
{
    struct gic_bank *b = &gic->redist[cpu].bank;

    if (!both && BIT(b->group1, intid))
        return;
    b->latch |= 1u << intid;
    gic_update_locked(gic, cpu);
}

static void send_sgi_locked(struct gic *gic, struct cpu *from, uint64_t value,
                            bool both)
{
    unsigned intid = (unsigned)BITS(value, 27, 24);
    uint32_t cluster =
        (uint32_t)(BITS(value, 55, 48) << 24 | BITS(value, 39, 32) << 16 |
                   BITS(value, 23, 16) << 8);

    if (BIT(value, 40)) { /* IRM: all but the sender */
        for (unsigned n = 0; n < gic->num_cpus; n++) {
            if (n != from->index)
                pend_sgi_locked(gic, n, intid, both);
        }
        return;
    }
    if (BITS(value, 47, 44)) /* RS: Aff0 of 16 and up; there is none */
        return;
    for (unsigned bit = 0; bit < 16; bit++) {
        unsigned cpu = gic_cpu_by_affinity(gic, cluster | bit);

        if (BIT(value, bit) && cpu < gic->num_cpus)
            pend_sgi_locked(gic, cpu, intid, both);
    }
}

/* CPU interface: registers */

static uint64_t bpr1(const struct cpu *cpu)
{
    if (cpu->icc[ICC_CTLR] & CTLR_CBPR)
        return MIN(cpu->icc[ICC_BPR0] + 1, 7);
    return cpu->icc[ICC_BPR1];
}

static bool icc_read_locked(struct gic *gic, struct cpu *cpu, unsigned key,
                            uint64_t *value)
{
    switch (key) {
    case KEY_ICC_IAR0_EL1:
        *value = acknowledge_locked(gic, cpu, false);
        return true;
    case KEY_ICC_IAR1_EL1:
        *value = acknowledge_locked(gic, cpu, true);
        return true;
    case KEY_ICC_HPPIR0_EL1:
        *value = highest_of_group(gic, cpu, false);
        return true;
    case KEY_ICC_HPPIR1_EL1:
        *value = highest_of_group(gic, cpu, true);
        return true;
    case KEY_ICC_RPR_EL1:
        *value = running_priority(cpu);
        return true;
    case KEY_ICC_PMR_EL1:
        *value = cpu->icc[ICC_PMR];
        return true;
    case KEY_ICC_BPR0_EL1:
        *value = cpu->icc[ICC_BPR0];
        return true;
    case KEY_ICC_BPR1_EL1:
        *value = bpr1(cpu);
        return true;
    case KEY_ICC_CTLR_EL1:
        *value = cpu->icc[ICC_CTLR];
        return true;
    case KEY_ICC_SRE_EL1:
        *value = cpu->icc[ICC_SRE];
        return true;
    case KEY_ICC_IGRPEN0_EL1:
        *value = cpu->icc[ICC_IGRPEN0];
        return true;
    case KEY_ICC_IGRPEN1_EL1:
        *value = cpu->icc[ICC_IGRPEN1];
        return true;
    case KEY_ICC_AP0R0_EL1:
        *value = cpu->icc[ICC_AP0R0];
        return true;
    case KEY_ICC_AP1R0_EL1:
        *value = cpu->icc[ICC_AP1R0];
        return true;
    default:
        return false;
    }
}

static bool set_icc_locked(struct gic *gic, struct cpu *cpu, enum icc_reg reg,
                           uint64_t value)
{
    cpu->icc[reg] = icc_legal(reg, value);
    if (reg == ICC_IGRPEN0 || reg == ICC_IGRPEN1) {
        gic_reroute_locked(gic); /* 1 of N looks at it */
        gic_update_all_locked(gic);
    } else {
        gic_update_locked(gic, cpu->index);
    }
    return true;
}

static bool icc_write_locked(struct gic *gic, struct cpu *cpu, unsigned key,
                             uint64_t value)
{
    unsigned intid = (unsigned)BITS(value, 23, 0);

    switch (key) {
    case KEY_ICC_EOIR0_EL1:
        end_of_interrupt_locked(gic, cpu, intid, false);
        return true;
    case KEY_ICC_EOIR1_EL1:
        end_of_interrupt_locked(gic, cpu, intid, true);
        return true;
    case KEY_ICC_DIR_EL1:
        if (cpu->icc[ICC_CTLR] & CTLR_EOIMODE)
            deactivate_locked(gic, cpu, intid);
        return true;
    case KEY_ICC_SGI1R_EL1:
        send_sgi_locked(gic, cpu, value, true);
        return true;
    case KEY_ICC_SGI0R_EL1:
    case KEY_ICC_ASGI1R_EL1:
        send_sgi_locked(gic, cpu, value, false);
        return true;
    case KEY_ICC_PMR_EL1:
        return set_icc_locked(gic, cpu, ICC_PMR, value);
    case KEY_ICC_BPR0_EL1:
        return set_icc_locked(gic, cpu, ICC_BPR0, value);
    case KEY_ICC_BPR1_EL1:
        if (cpu->icc[ICC_CTLR] & CTLR_CBPR)
            return true;
        return set_icc_locked(gic, cpu, ICC_BPR1, value);
    case KEY_ICC_CTLR_EL1:
        return set_icc_locked(gic, cpu, ICC_CTLR, value);
    case KEY_ICC_SRE_EL1:
        return true;
    case KEY_ICC_IGRPEN0_EL1:
        return set_icc_locked(gic, cpu, ICC_IGRPEN0, value);
    case KEY_ICC_IGRPEN1_EL1:
        return set_icc_locked(gic, cpu, ICC_IGRPEN1, value);
    case KEY_ICC_AP0R0_EL1:
        return set_icc_locked(gic, cpu, ICC_AP0R0, value);
    case KEY_ICC_AP1R0_EL1:
        return set_icc_locked(gic, cpu, ICC_AP1R0, value);
    default:
        return false;
    }
}

bool gic_icc_read(struct cpu *cpu, unsigned key, uint64_t *value)
{
    struct gic *gic = cpu->vm->gic;
    bool known;

    gic_lock(gic);
    known = icc_read_locked(gic, cpu, key, value);
    gic_unlock(gic);
    return known;
}

bool gic_icc_write(struct cpu *cpu, unsigned key, uint64_t value)
{
    struct gic *gic = cpu->vm->gic;
    bool known;

    gic_lock(gic);
    known = icc_write_locked(gic, cpu, key, value);
    gic_unlock(gic);
    return known;
}
