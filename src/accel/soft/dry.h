// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * A run of tier 0 that is undone afterwards: lockstep's. While cpu->dry is set
 * the TLBs in use are empty, so that every access takes the slow way, which
 * looks into the real ones here and notes what it overwrites. An access to a
 * device cannot be undone: the run is abandoned before it.
 */

#include <string.h>

#include "accel/soft/cpu.h"

enum { DRY_MAX_STORES = 512, DRY_MAX_BYTES = 64 };

struct dry_run {
    struct tlb *tlb, *tlb_unpriv; /* the real ones; borrowed */
    bool abandoned;
    unsigned num;
    struct {
        uint8_t *host;
        unsigned bytes;
        uint8_t before[DRY_MAX_BYTES], after[DRY_MAX_BYTES];
    } store[DRY_MAX_STORES];
};

/* `bytes` at host are about to be written. False: too many. */
static inline bool dry_note(struct dry_run *dry, uint8_t *host, unsigned bytes)
{
    if (dry->num == DRY_MAX_STORES) {
        dry->abandoned = true;
        return false;
    }
    dry->store[dry->num].host = host;
    dry->store[dry->num].bytes = bytes;
    memcpy(dry->store[dry->num++].before, host, bytes);
    return true;
}

/* The TLB that an access would use if the run were not dry. */
static inline const struct tlb *dry_tlb(const struct cpu *cpu, bool unpriv)
{
    if (cpu->dry)
        return unpriv ? cpu->dry->tlb_unpriv : cpu->dry->tlb;
    return unpriv ? cpu->tlb_unpriv : cpu->tlb;
}
