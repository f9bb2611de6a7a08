// SPDX-License-Identifier: Apache-2.0
/*
 * The GIC's register frames (Arm IHI 0069, 12.8 to 12.11), as the guest sees
 * them and as save and restore do.
 *
 * The distributor and a redistributor's SGI frame share the offsets and the
 * meaning of the per-interrupt registers, so one set of functions serves both:
 * frame_read and frame_write, over banks of 32 interrupts.
 */

#include <errno.h>

#include "accel/soft/gic_impl.h"

enum {
    GICD_CTLR = 0x0000,
    GICD_TYPER = 0x0004,
    GICD_IIDR = 0x0008,
    GICD_TYPER2 = 0x000c,
    GICD_STATUSR = 0x0010,
    GICD_IROUTER = 0x6000, /* + 8 * INTID; from 32 on */
    GICD_IROUTER_END = GICD_IROUTER + 8 * GIC_INTIDS,

    GICR_CTLR = 0x0000,
    GICR_IIDR = 0x0004,
    GICR_TYPER = 0x0008,
    GICR_STATUSR = 0x0010,
    GICR_WAKER = 0x0014,
    GICR_SGI_BASE = 0x10000,

    ID_REGS = 0xffd0, /* to the frame's end */

    /* per interrupt, both frames */
    IGROUPR = 0x080,
    ISENABLER = 0x100,
    ICENABLER = 0x180,
    ISPENDR = 0x200,
    ICPENDR = 0x280,
    ISACTIVER = 0x300,
    ICACTIVER = 0x380,
    IPRIORITYR = 0x400,
    IPRIORITYR_END = 0x800,
    ICFGR = 0xc00,
    ICFGR_END = 0xd00,
    IGRPMODR = 0xd00,
    NSACR = 0xe00,
    NSACR_END = 0xf00
};

/* Our product, revision 0; implementer as in MIDR_EL1: nobody. */
enum { IIDR = 0x5b << 24 };
/* DS, ARE: fixed; with them, group enables in bits 1:0 */
enum { CTLR_FIXED = 1 << 6 | 1 << 4 };
enum { PROCESSOR_SLEEP = 1 << 1, CHILDREN_ASLEEP = 1 << 2 };
/* Interrupt_Routing_Mode and Aff3, Aff2, Aff1, Aff0 */
#define IROUTER_MASK 0xff80ffffffull

enum access_kind { BY_GUEST, BY_SAVE };

/* A register frame's banks: those of the distributor start with one that is
   not there (INTIDs 0 to 31 are the redistributors'). */
struct frame {
    struct gic *gic;
    struct gic_bank *bank[1 + GIC_SPI_BANKS];
    enum access_kind kind;
};

static struct frame dist_frame(struct gic *gic, enum access_kind kind)
{
    struct frame f = {.gic = gic, .kind = kind};

    for (unsigned n = 0; n < GIC_SPI_BANKS; n++)
        f.bank[1 + n] = &gic->spi[n];
    return f;
}

static struct frame sgi_frame(struct gic *gic, unsigned cpu,
                              enum access_kind kind)
{
    return (struct frame){
        .gic = gic, .bank = {&gic->redist[cpu].bank}, .kind = kind};
}

static struct gic_bank *bank_at(const struct frame *f, unsigned n)
{
    return n < ARRAY_LEN(f->bank) ? f->bank[n] : NULL;
}

/* CoreSight identification: PIDR2.ArchRev = 3 is what software looks at. */
static uint32_t id_reg(uint32_t offset)
{
    static const uint8_t ids[] = {
        0x40, 0,    0,    0,    /* PIDR4: 64 KiB frame; 5, 6, 7 */
        0,    0,    0x3b, 0,    /* PIDR0 to 3 */
        0x0d, 0xf0, 0x05, 0xb1, /* CIDR0 to 3 */
    };

    return ids[(offset - ID_REGS) / 4];
}

static bool is_id_reg(uint32_t offset)
{
    return offset >= ID_REGS && offset < 0x10000;
}

/* One bit an interrupt */

static uint32_t *config_word(struct gic_bank *b, unsigned class)
{
    switch (class) {
    case IGROUPR:
        return &b->group1;
    case ISENABLER:
    case ICENABLER:
        return &b->enabled;
    case ISACTIVER:
    case ICACTIVER:
        return &b->active;
    case ISPENDR:
    case ICPENDR:
        return &b->latch;
    default:
        return NULL;
    }
}

static uint32_t bits_read(const struct frame *f, uint32_t offset)
{
    unsigned class = offset & ~0x7fu;
    struct gic_bank *b = bank_at(f, (offset & 0x7f) / 4);

    if (!b)
        return 0;
    if (f->kind == BY_GUEST && (class == ISPENDR || class == ICPENDR))
        return gic_pending(b);
    return *config_word(b, class);
}

static bool is_clearing(unsigned class)
{
    return class == ICENABLER || class == ICPENDR || class == ICACTIVER;
}

static void bits_write(const struct frame *f, uint32_t offset, uint32_t value)
{
    unsigned class = offset & ~0x7fu;
    struct gic_bank *b = bank_at(f, (offset & 0x7f) / 4);
    uint32_t *word = b ? config_word(b, class) : NULL;

    if (!word)
        return;
    if (is_clearing(class))
        *word &= f->kind == BY_GUEST ? ~value : ~0u;
    else if (class == IGROUPR || f->kind == BY_SAVE)
        *word = value;
    else
        *word |= value;
}

/* One byte an interrupt: `size` of 1 or 4 */

static uint8_t *prio_at(const struct frame *f, uint32_t intid)
{
    struct gic_bank *b = bank_at(f, intid / 32);

    return b ? &b->prio[intid % 32] : NULL;
}

static uint32_t prio_read(const struct frame *f, uint32_t offset, unsigned size)
{
    uint32_t value = 0;

    for (unsigned n = 0; n < size; n++) {
        uint8_t *prio = prio_at(f, offset - IPRIORITYR + n);

        if (prio)
            value |= (uint32_t)*prio << 8 * n;
    }
    return value;
}

static void prio_write(const struct frame *f, uint32_t offset, unsigned size,
                       uint32_t value)
{
    for (unsigned n = 0; n < size; n++) {
        uint8_t *prio = prio_at(f, offset - IPRIORITYR + n);

        if (prio)
            *prio = (uint8_t)(value >> 8 * n) & GIC_PRIO_MASK;
    }
}

/* Two bits an interrupt, of which the upper says edge; SGIs always are. */

static uint32_t cfg_read(const struct frame *f, uint32_t offset)
{
    unsigned n = (offset - ICFGR) / 4;
    struct gic_bank *b = bank_at(f, n / 2);
    uint32_t value = 0;

    for (unsigned k = 0; b && k < 16; k++)
        value |= (uint32_t)BIT(b->edge, n % 2 * 16 + k) << (2 * k + 1);
    return value;
}

static void cfg_write(const struct frame *f, uint32_t offset, uint32_t value)
{
    unsigned n = (offset - ICFGR) / 4;
    struct gic_bank *b = bank_at(f, n / 2);

    if (!b || (n == 0 && f->bank[0]))
        return;
    for (unsigned k = 0; k < 16; k++) {
        uint32_t bit = 1u << (n % 2 * 16 + k);

        b->edge = BIT(value, 2 * k + 1) ? b->edge | bit : b->edge & ~bit;
    }
}

static bool is_bits(uint32_t offset)
{
    return offset >= IGROUPR && offset < IPRIORITYR;
}

static bool is_prio(uint32_t offset)
{
    return offset >= IPRIORITYR && offset < IPRIORITYR_END;
}

static bool is_cfg(uint32_t offset)
{
    return offset >= ICFGR && offset < ICFGR_END;
}

static uint32_t frame_read(const struct frame *f, uint32_t offset,
                           unsigned size)
{
    if (is_prio(offset))
        return prio_read(f, offset, size);
    if (size != 4)
        return 0;
    if (is_bits(offset))
        return bits_read(f, offset);
    if (is_cfg(offset))
        return cfg_read(f, offset);
    return 0; /* IGRPMODR, NSACR: no such Security states */
}

static void frame_write(const struct frame *f, uint32_t offset, unsigned size,
                        uint32_t value)
{
    if (is_prio(offset))
        prio_write(f, offset, size, value);
    else if (size == 4 && is_bits(offset))
        bits_write(f, offset, value);
    else if (size == 4 && is_cfg(offset))
        cfg_write(f, offset, value);
}

/* Distributor */

/* 1-of-N supported, A3V, 10 bits of INTID, ITLinesNumber = 3 (128 INTIDs) */
static uint32_t dist_typer(void)
{
    return 1u << 24 | 9u << 19 | (GIC_INTIDS / 32 - 1);
}

static bool is_irouter(uint32_t offset)
{
    return offset >= GICD_IROUTER + 8 * 32 && offset < GICD_IROUTER_END;
}

static uint64_t irouter_read(const struct gic *gic, uint32_t offset,
                             unsigned size)
{
    uint64_t value = gic->irouter[(offset - GICD_IROUTER) / 8 - 32];

    return size == 8 ? value : (uint32_t)(value >> (offset & 4) * 8);
}

static void irouter_write(struct gic *gic, uint32_t offset, unsigned size,
                          uint64_t value)
{
    uint64_t *reg = &gic->irouter[(offset - GICD_IROUTER) / 8 - 32];

    if (size == 4) {
        unsigned shift = (offset & 4) * 8;

        value = (*reg & ~(0xffffffffull << shift)) | value << shift;
    }
    *reg = value & IROUTER_MASK;
}

static uint64_t dist_read_locked(struct gic *gic, uint32_t offset,
                                 unsigned size, enum access_kind kind)
{
    struct frame f = dist_frame(gic, kind);

    if (is_irouter(offset) && size >= 4)
        return irouter_read(gic, offset, size);
    if (size != 4)
        return size == 1 ? frame_read(&f, offset, size) : 0;
    if (is_id_reg(offset))
        return id_reg(offset);
    switch (offset) {
    case GICD_CTLR:
        return CTLR_FIXED | gic->ctlr;
    case GICD_TYPER:
        return dist_typer();
    case GICD_IIDR:
        return IIDR;
    default:
        return frame_read(&f, offset, size);
    }
}

static void dist_write_locked(struct gic *gic, uint32_t offset, unsigned size,
                              uint64_t value, enum access_kind kind)
{
    struct frame f = dist_frame(gic, kind);

    if (is_irouter(offset) && size >= 4)
        irouter_write(gic, offset, size, value);
    else if (offset == GICD_CTLR && size == 4)
        gic->ctlr = value & (GIC_GRP0 | GIC_GRP1);
    else if (size == 1 || size == 4)
        frame_write(&f, offset, size, (uint32_t)value);
    gic_reroute_locked(gic);
    gic_update_all_locked(gic);
}

/* Redistributor: RD_base, then SGI_base */

static uint64_t redist_typer(const struct gic *gic, unsigned cpu)
{
    uint64_t last = cpu == gic->num_cpus - 1;

    return (uint64_t)gic_affinity(cpu) << 32 | (uint64_t)cpu << 8 | last << 4;
}

static uint32_t waker_read(const struct gic_redist *r)
{
    return r->asleep ? PROCESSOR_SLEEP | CHILDREN_ASLEEP : 0;
}

static uint32_t rd_read(const struct gic *gic, unsigned cpu, uint32_t offset)
{
    if (is_id_reg(offset))
        return id_reg(offset);
    switch (offset) {
    case GICR_IIDR:
        return IIDR;
    case GICR_TYPER:
        return (uint32_t)redist_typer(gic, cpu);
    case GICR_TYPER + 4:
        return (uint32_t)(redist_typer(gic, cpu) >> 32);
    case GICR_WAKER:
        return waker_read(&gic->redist[cpu]);
    default:
        return 0; /* GICR_CTLR, and the registers of LPIs: there are none */
    }
}

static uint64_t redist_read_locked(struct gic *gic, unsigned cpu,
                                   uint32_t offset, unsigned size,
                                   enum access_kind kind)
{
    struct frame f = sgi_frame(gic, cpu, kind);

    if (offset >= GICR_SGI_BASE)
        return size == 1 || size == 4
                   ? frame_read(&f, offset - GICR_SGI_BASE, size)
                   : 0;
    if (offset == GICR_TYPER && size == 8)
        return redist_typer(gic, cpu);
    return size == 4 ? rd_read(gic, cpu, offset) : 0;
}

static void redist_write_locked(struct gic *gic, unsigned cpu, uint32_t offset,
                                unsigned size, uint64_t value,
                                enum access_kind kind)
{
    struct frame f = sgi_frame(gic, cpu, kind);

    if (offset == GICR_WAKER && size == 4) {
        gic->redist[cpu].asleep = value & PROCESSOR_SLEEP;
        gic_reroute_locked(gic);
        gic_update_all_locked(gic);
    } else if (offset >= GICR_SGI_BASE && (size == 1 || size == 4)) {
        frame_write(&f, offset - GICR_SGI_BASE, size, (uint32_t)value);
        gic_update_locked(gic, cpu);
    }
}

/* The guest's door. Unaligned accesses do not exist here. */

static bool is_access(uint64_t offset, unsigned size, uint64_t bytes)
{
    return (size == 1 || size == 4 || size == 8) && !(offset & (size - 1)) &&
           offset < bytes;
}

uint64_t gicd_read(struct gic *gic, uint32_t offset, unsigned size)
{
    uint64_t value;

    if (!is_access(offset, size, GICD_BYTES))
        return 0;
    gic_lock(gic);
    value = dist_read_locked(gic, offset, size, BY_GUEST);
    gic_unlock(gic);
    return value;
}

void gicd_write(struct gic *gic, uint32_t offset, unsigned size, uint64_t value)
{
    if (!is_access(offset, size, GICD_BYTES))
        return;
    gic_lock(gic);
    dist_write_locked(gic, offset, size, value, BY_GUEST);
    gic_unlock(gic);
}

uint64_t gicr_read(struct gic *gic, uint64_t offset, unsigned size)
{
    uint64_t value;

    if (!is_access(offset, size, (uint64_t)GICR_BYTES * gic->num_cpus))
        return 0;
    gic_lock(gic);
    value = redist_read_locked(gic, (unsigned)(offset / GICR_BYTES),
                               (uint32_t)(offset % GICR_BYTES), size, BY_GUEST);
    gic_unlock(gic);
    return value;
}

void gicr_write(struct gic *gic, uint64_t offset, unsigned size, uint64_t value)
{
    if (!is_access(offset, size, (uint64_t)GICR_BYTES * gic->num_cpus))
        return;
    gic_lock(gic);
    redist_write_locked(gic, (unsigned)(offset / GICR_BYTES),
                        (uint32_t)(offset % GICR_BYTES), size, value, BY_GUEST);
    gic_unlock(gic);
}

/* Save and restore */

/* Per-interrupt registers of INTIDs first .. GIC_INTIDS or 32. */
static bool is_saved_frame(uint32_t offset, unsigned first, unsigned end)
{
    uint32_t word = (offset & 0x7f) / 4;

    if (is_bits(offset))
        return word >= first / 32 && word < end / 32;
    if (is_prio(offset))
        return offset - IPRIORITYR >= first && offset - IPRIORITYR < end;
    if (is_cfg(offset))
        return offset - ICFGR >= first / 4 && offset - ICFGR < end / 4;
    return false;
}

/* The size of a register that save and restore know, or 0. */
static unsigned saved_bytes(enum gic_space space, uint32_t offset)
{
    if (space == GIC_DIST) {
        if (is_irouter(offset))
            return offset & 7 ? 0 : 8;
        if (offset & 3)
            return 0;
        return offset <= GICD_STATUSR || is_id_reg(offset) ||
                       is_saved_frame(offset, 32, GIC_INTIDS)
                   ? 4
                   : 0;
    }
    if (offset & 3)
        return 0;
    if (offset == GICR_TYPER)
        return 8;
    if (offset >= GICR_SGI_BASE)
        return is_saved_frame(offset - GICR_SGI_BASE, 0, 32) ? 4 : 0;
    return offset == GICR_CTLR || offset == GICR_IIDR ||
                   offset == GICR_STATUSR || offset == GICR_WAKER ||
                   is_id_reg(offset)
               ? 4
               : 0;
}

static unsigned saved_register(const struct gic *gic, enum gic_space space,
                               unsigned cpu, uint32_t offset)
{
    if (space != GIC_DIST && (space != GIC_REDIST || cpu >= gic->num_cpus))
        return 0;
    return saved_bytes(space, offset);
}

int gic_state_get(struct gic *gic, enum gic_space space, unsigned cpu,
                  uint32_t offset, uint64_t *value)
{
    unsigned size = saved_register(gic, space, cpu, offset);

    if (!size)
        return -EINVAL;
    gic_lock(gic);
    *value = space == GIC_DIST
                 ? dist_read_locked(gic, offset, size, BY_SAVE)
                 : redist_read_locked(gic, cpu, offset, size, BY_SAVE);
    gic_unlock(gic);
    return 0;
}

int gic_state_set(struct gic *gic, enum gic_space space, unsigned cpu,
                  uint32_t offset, uint64_t value)
{
    unsigned size = saved_register(gic, space, cpu, offset);

    if (!size)
        return -EINVAL;
    gic_lock(gic);
    if (space == GIC_DIST)
        dist_write_locked(gic, offset, size, value, BY_SAVE);
    else
        redist_write_locked(gic, cpu, offset, size, value, BY_SAVE);
    gic_unlock(gic);
    return 0;
}
