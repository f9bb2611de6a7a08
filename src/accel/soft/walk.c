// SPDX-License-Identifier: Apache-2.0
/*
 * The stage 1 table walk of the EL1&0 regime (Arm ARM D8.2 to D8.5): three
 * granules, hierarchical permissions, hardware access flag and dirty state.
 * The contiguous bit is a hint and is ignored. Tables lie in RAM; a walk that
 * leaves it is an external abort. The guest's tables may be anything: a walk
 * ends after four levels whatever they hold.
 */

#include "accel/soft/mmu_priv.h"

enum {
    DESC_VALID = 0,
    DESC_TABLE = 1,
    DESC_AP1 = 6, /* unprivileged access */
    DESC_AP2 = 7, /* read-only */
    DESC_AF = 10,
    DESC_NG = 11,
    DESC_DBM = 51,
    DESC_PXN = 53,
    DESC_UXN = 54,
    DESC_PXN_TABLE = 59,
    DESC_UXN_TABLE = 60,
    DESC_AP_TABLE_USER = 61, /* APTable[0]: no unprivileged access */
    DESC_AP_TABLE_RO = 62
};

/* Other CPUs may change a descriptor between our reading and updating it; one
   that always does makes the guest retry by an access flag fault. */
enum { MAX_UPDATE_TRIES = 64 };

struct walk {
    struct cpu *cpu;
    const struct va_half *half;
    uint64_t va;
    unsigned acc;
    bool unpriv;
    struct mmu_result *out;

    /* The leaf, and what the tables above it took away. */
    uint64_t *where;
    gpa_t where_pa;
    uint64_t desc;
    unsigned level, shift;
    bool no_user, read_only, uxn, pxn;
};

uint8_t *mmu_ram(struct cpu *cpu, gpa_t pa, uint64_t bytes)
{
    const struct gmem_region *r = cpu->mmu->region;

    if (likely(r && gmem_region_has(r, pa - r->base) &&
               bytes <= r->bytes - (pa - r->base)))
        return r->host + (pa - r->base);
    for (unsigned n = 0; n < cpu->vm->ram->num_regions; n++) {
        r = &cpu->vm->ram->regions[n];
        if (gmem_region_has(r, pa - r->base) &&
            bytes <= r->bytes - (pa - r->base)) {
            cpu->mmu->region = r;
            return r->host + (pa - r->base);
        }
    }
    return NULL;
}

/* The byte the access is made to. A write to read-only memory leaves the CPU
   as one to a device does, as no memory listens at that address. */
static uint8_t *target(struct cpu *cpu, unsigned acc, struct mmu_result *out)
{
    uint8_t *host = mmu_ram(cpu, out->pa, 1);

    if (unlikely(host && cpu->mmu->region->read_only)) {
        out->writable = false;
        if (acc & ACC_WRITE && !(acc & ACC_CACHE))
            return NULL;
    }
    return host;
}

static bool fault(struct mmu_result *out, unsigned fsc)
{
    out->fault = true;
    out->fsc = fsc;
    return false;
}

static bool too_wide(const struct mmu *m, uint64_t pa)
{
    return pa >> m->out_bits != 0;
}

/* Descends to the leaf. False: the walk faulted. */
static bool find_leaf(struct walk *w)
{
    const struct va_half *h = w->half;
    unsigned stride = h->page_shift - 3;
    unsigned shift = h->page_shift + (3 - h->level) * stride;
    unsigned bits = h->va_bits - shift;
    gpa_t table = h->base;

    for (w->level = h->level;; w->level++) {
        gpa_t pa = table + ((w->va >> shift & ((1ull << bits) - 1)) << 3);

        w->where = (uint64_t *)(void *)mmu_ram(w->cpu, pa, 8);
        if (unlikely(!w->where))
            return fault(w->out, FSC_EXTERNAL_WALK + w->level);
        w->where_pa = pa;
        w->desc = __atomic_load_n(w->where, __ATOMIC_ACQUIRE);
        w->shift = shift;
        if (!BIT(w->desc, DESC_VALID))
            return fault(w->out, FSC_TRANSLATION + w->level);
        if (w->level == 3 || !BIT(w->desc, DESC_TABLE))
            return true;
        table = w->desc & BITS(~0ull, 47, 0) & ~0ull << h->page_shift;
        if (unlikely(too_wide(w->cpu->mmu, table)))
            return fault(w->out, FSC_ADDRESS_SIZE + w->level);
        if (!h->hpd) {
            w->no_user |= BIT(w->desc, DESC_AP_TABLE_USER);
            w->read_only |= BIT(w->desc, DESC_AP_TABLE_RO);
            w->uxn |= BIT(w->desc, DESC_UXN_TABLE);
            w->pxn |= BIT(w->desc, DESC_PXN_TABLE);
        }
        shift -= stride;
        bits = stride;
    }
}

/* D8.3.1: pages at level 3 only, blocks where the granule has them. */
static bool leaf_is_valid(const struct walk *w)
{
    if (w->level == 3)
        return BIT(w->desc, DESC_TABLE);
    return w->level == 2 || (w->level == 1 && w->half->page_shift == 12);
}

/* D8.4: whether the access may be made; sets what else the page allows. */
static bool permitted(struct walk *w, bool ap_read_only)
{
    const struct mmu *m = w->cpu->mmu;
    unsigned acc = w->acc;
    bool user = BIT(w->desc, DESC_AP1) && !w->no_user;
    bool writable = !ap_read_only && !w->read_only;
    bool pan = w->cpu->pan && !w->unpriv &&
               (acc & ACC_AT ? acc & ACC_AT_PAN : !(acc & ACC_CACHE));
    bool allowed, xn;

    w->out->is_user = user;
    if (w->unpriv) {
        allowed = user;
        xn = w->uxn || BIT(w->desc, DESC_UXN) || (m->wxn && user && writable);
        writable = writable && user;
    } else {
        allowed = !(pan && user);
        xn = w->pxn || BIT(w->desc, DESC_PXN) || (user && writable) ||
             (m->wxn && writable);
        writable = writable && allowed;
    }
    w->out->writable = writable;
    if (acc & ACC_EXEC)
        return !xn;
    return acc & ACC_WRITE ? writable : allowed;
}

static void describe(struct walk *w)
{
    const struct mmu *m = w->cpu->mmu;
    struct mmu_result *out = w->out;
    uint64_t offset = (1ull << w->shift) - 1;

    out->pa = (w->desc & BITS(~0ull, 47, 0) & ~offset) | (w->va & offset);
    out->host = target(w->cpu, w->acc, out);
    out->attr = m->mair >> 8 * BITS(w->desc, 4, 2);
    out->is_device = !(out->attr & 0xf0);
    out->shareability = BITS(w->desc, 9, 8);
    if (!BIT(m->sctlr, SCTLR_C) && !out->is_device)
        out->attr = 0x44; /* non-cacheable */
    out->leaf_shift = w->shift;
    out->is_global = !BIT(w->desc, DESC_NG);
    out->in_context = !out->is_global || !BIT(w->va, 55);
}

/* Writes the descriptor back with AF and dirty state. False: it changed
   meanwhile, walk again. A table in read-only memory takes none: an external
   abort, as for a table that is nowhere. */
static bool update(struct walk *w, uint64_t desc)
{
    if (desc == w->desc || w->acc & ACC_AT)
        return true;
    mmu_ram(w->cpu, w->where_pa, 8); /* that region is the last one asked for */
    if (unlikely(w->cpu->mmu->region->read_only))
        return !fault(w->out, FSC_EXTERNAL_WALK + w->level);
    gmem_mark_dirty(w->cpu->vm->ram, w->where_pa, sizeof(desc));
    return __atomic_compare_exchange_n(w->where, &w->desc, desc, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* False: walk again. */
static bool walk_once(struct walk *w)
{
    const struct mmu *m = w->cpu->mmu;
    bool dirty_managed, read_only;
    uint64_t desc;

    if (!find_leaf(w))
        return true;
    if (unlikely(!leaf_is_valid(w)))
        return !fault(w->out, FSC_TRANSLATION + w->level);
    if (unlikely(too_wide(m, w->desc & BITS(~0ull, 47, 0) &
                                 ~((1ull << w->shift) - 1))))
        return !fault(w->out, FSC_ADDRESS_SIZE + w->level);
    desc = w->desc;
    if (!BIT(desc, DESC_AF)) {
        if (!m->ha)
            return !fault(w->out, FSC_ACCESS_FLAG + w->level);
        desc |= 1ull << DESC_AF;
    }
    dirty_managed = m->hd && BIT(desc, DESC_DBM);
    read_only = BIT(desc, DESC_AP2) && !dirty_managed;
    if (!permitted(w, read_only))
        return !fault(w->out, FSC_PERMISSION + w->level);
    if (BIT(desc, DESC_AP2) && dirty_managed) {
        if (w->acc & ACC_WRITE && !(w->acc & ACC_CACHE))
            desc &= ~(1ull << DESC_AP2);
        else
            w->out->writable = false; /* not before it is marked */
    }
    if (!update(w, desc))
        return false;
    if (likely(!w->out->fault))
        describe(w);
    return true;
}

/* D8.1.1: stage 1 off. Data is Device-nGnRnE. */
static void translate_off(struct cpu *cpu, uint64_t va, unsigned acc,
                          struct mmu_result *out)
{
    unsigned top = cpu->mmu->half[BIT(va, 55)].tbi ? 55 : 63;

    if (BITS(va, top, PA_BITS)) {
        fault(out, FSC_ADDRESS_SIZE);
        return;
    }
    out->pa = BITS(va, PA_BITS - 1, 0);
    out->writable = true;
    out->host = target(cpu, acc, out);
    out->is_device = !(acc & ACC_EXEC);
    out->is_user = true;
    out->is_global = true;
    out->in_context = false;
    out->leaf_shift = 12;
    out->shareability = 2;
}

/* D8.2.3: the bits above the translated ones are all equal to VA[55]. */
static bool in_range(const struct va_half *h, uint64_t va)
{
    unsigned top = h->tbi ? 55 : 63;
    uint64_t high = BITS(va, top, h->va_bits);

    return high == (BIT(va, 55) ? BITS(~0ull, top, h->va_bits) : 0);
}

void mmu_translate(struct cpu *cpu, uint64_t va, unsigned acc, unsigned el,
                   struct mmu_result *out)
{
    const struct mmu *m = cpu->mmu;
    const struct va_half *h = &m->half[BIT(va, 55)];
    bool unpriv = el == 0 || (acc & ACC_UNPRIV && !cpu->uao);

    *out = (struct mmu_result){.fault = false};
    if (!m->is_on) {
        translate_off(cpu, va, acc, out);
        return;
    }
    if (!in_range(h, va) || h->is_disabled || (h->e0pd && unpriv)) {
        fault(out, FSC_TRANSLATION);
        return;
    }
    if (h->bad_base) {
        fault(out, FSC_ADDRESS_SIZE);
        return;
    }
    for (unsigned n = 0; n < MAX_UPDATE_TRIES; n++) {
        struct walk w = {.cpu = cpu,
                         .half = h,
                         .va = va,
                         .acc = acc,
                         .unpriv = unpriv,
                         .out = out};

        if (likely(walk_once(&w)))
            return;
    }
    fault(out, FSC_ACCESS_FLAG + 3);
}
