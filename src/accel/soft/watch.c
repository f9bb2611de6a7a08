// SPDX-License-Identifier: Apache-2.0
/*
 * Watchpoints (Arm ARM D2.10). Watched pages stay out of the TLBs, so that
 * only accesses to them come here.
 */

#include "accel/soft/mmu_priv.h"
#include "accel/soft/step.h"

enum {
    WCR_E = 0,
    WCR_PAC = 1,
    WCR_LSC = 3,
    WCR_BAS = 5,
    WCR_SSC = 14,
    WCR_LBN = 16,
    WCR_WT = 20,
    WCR_MASK = 24
};
enum { MDSCR_KDE = 13, MDSCR_MDE = 15, OSLSR_OSLK = 1 };
enum { NUM_WATCH = 4 };
#define VA_MASK BITS(~0ull, 55, 0)

static uint64_t wcr(const struct cpu *cpu, unsigned n)
{
    return cpu->sys[SYS_DBGWCR0_EL1 + n];
}

/* The watched addresses as [first, last]; false: a reserved combination, which
   never matches. */
static bool range_of(const struct cpu *cpu, unsigned n, uint64_t *first,
                     uint64_t *last)
{
    uint64_t value = cpu->sys[SYS_DBGWVR0_EL1 + n] & VA_MASK & ~3ull;
    unsigned mask = BITS(wcr(cpu, n), WCR_MASK + 4, WCR_MASK);
    unsigned bas = BITS(wcr(cpu, n), WCR_BAS + 7, WCR_BAS);

    if (mask == 1 || mask == 2 || !bas)
        return false;
    if (mask) {
        *first = align_down(value, 1ull << mask);
        *last = *first + (1ull << mask) - 1;
        return bas == 0xff;
    }
    if (BIT(value, 2))
        bas &= 0xf;
    if (!bas)
        return false;
    *first = value + (unsigned)__builtin_ctz(bas);
    *last = value + 31 - (unsigned)__builtin_clz(bas);
    return true;
}

void mmu_debug_changed(struct cpu *cpu)
{
    struct mmu *m = cpu->mmu;
    bool had_any = m->num_watch != 0;
    bool enabled = BIT(cpu->sys[SYS_MDSCR_EL1], MDSCR_MDE) &&
                   !BIT(cpu->sys[SYS_OSLSR_EL1], OSLSR_OSLK);
    uint64_t first, last;

    m->num_watch = 0;
    for (unsigned n = 0; enabled && n < NUM_WATCH; n++) {
        if (BIT(wcr(cpu, n), WCR_E) && range_of(cpu, n, &first, &last))
            m->watch[m->num_watch++] = n;
    }
    if (had_any || m->num_watch)
        mmu_flush_all(cpu);
}

bool mmu_page_watched(const struct cpu *cpu, uint64_t va)
{
    uint64_t page = align_down(va & VA_MASK, 4096);
    uint64_t first, last;

    for (unsigned k = 0; k < cpu->mmu->num_watch; k++) {
        range_of(cpu, cpu->mmu->watch[k], &first, &last);
        if (first <= page + 4095 && page <= last)
            return true;
    }
    return false;
}

/* WT: only while the linked breakpoint matches CONTEXTIDR_EL1. */
static bool link_matches(const struct cpu *cpu, uint64_t control)
{
    return !BIT(control, WCR_WT) ||
           step_link_matches(cpu, BITS(control, WCR_LBN + 3, WCR_LBN));
}

/* Whether debug exceptions are enabled here, and this access's privilege and
   direction are looked at. */
static bool wants(const struct cpu *cpu, uint64_t control, unsigned acc)
{
    unsigned load_store = acc & ACC_ATOMIC ? 3 : acc & ACC_WRITE ? 2 : 1;
    unsigned privilege = mmu_is_unpriv(cpu, acc) ? 2 : 1;

    if (cpu->el == 1 &&
        (!BIT(cpu->sys[SYS_MDSCR_EL1], MDSCR_KDE) || BIT(cpu->daif, 3)))
        return false;
    return BITS(control, WCR_PAC + 1, WCR_PAC) & privilege &&
           BITS(control, WCR_LSC + 1, WCR_LSC) & load_store &&
           BITS(control, WCR_SSC + 1, WCR_SSC) < 2 &&
           link_matches(cpu, control);
}

/* The bytes of a doubleword may be watched with holes between. */
static bool byte_watched(const struct cpu *cpu, unsigned n, uint64_t va)
{
    unsigned mask = BITS(wcr(cpu, n), WCR_MASK + 4, WCR_MASK);
    uint64_t value = cpu->sys[SYS_DBGWVR0_EL1 + n] & VA_MASK & ~3ull;
    uint64_t first, last;

    range_of(cpu, n, &first, &last);
    if (va < first || va > last)
        return false;
    return mask || BIT(wcr(cpu, n), WCR_BAS + (va - value));
}

bool mmu_watch_hit(const struct cpu *cpu, uint64_t va, unsigned bytes,
                   unsigned acc, uint64_t *far)
{
    const struct mmu *m = cpu->mmu;

    if (acc & ACC_CACHE)
        return false;
    for (unsigned k = 0; k < m->num_watch; k++) {
        unsigned n = m->watch[k];

        if (!wants(cpu, wcr(cpu, n), acc))
            continue;
        for (unsigned b = 0; b < bytes; b++) {
            if (byte_watched(cpu, n, (va + b) & VA_MASK)) {
                *far = va + b;
                return true;
            }
        }
    }
    return false;
}
