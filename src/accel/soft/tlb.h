// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * One TLB: its arrays, and beside them what the fast path need not see. Used
 * by mmu.c alone; belongs to one CPU.
 */

#include "accel/soft/mmu.h"

enum { TLB_CODES = 256, TLB_SPECIALS = 32, TLB_HUGE = 4 };

/* A page code was fetched from. */
struct tlb_code {
    uint64_t key; /* like tlb_half.key */
    uint8_t *host;
    gpa_t pa;
};

struct tlb_side {
    struct tlb_code code[TLB_CODES];
    bool used;      /* anything entered since the last flush */
    uint8_t halves; /* of which VA[55]: 1 low, 2 high */

    /* Pages code was fetched from since `tag` last moved, by hash: a TLBI of
       any other page leaves the jump caches alone. */
    uint64_t fetched[16];

    /* Leaves larger than 4 KiB that were entered: those up to 2 MiB by hash of
       their 2 MiB unit, larger ones by range; a TLBI of one of their pages
       drops all of them. */
    uint64_t big[16];
    struct {
        uint64_t first, count; /* pages of 4 KiB */
    } huge[TLB_HUGE];
    unsigned num_huge; /* TLB_HUGE + 1: too many, everything is one */

    /* In the privileged TLB: slots entered for pages that do not outlive a
       change of ASID or TTBR0 (in_context) or of PAN (user). */
    bool keeps_special;
    uint16_t special[TLB_SPECIALS];
    unsigned num_special; /* TLB_SPECIALS + 1: too many */
    bool has_user, has_context;

    bool has_global; /* in a bank: entries that an ASID does not own */
};

struct tlb *tlb_new(void);
void tlb_free(struct tlb *t);

/* `tag` is the new tag. */
void tlb_flush(struct tlb *t, uint32_t tag);
void tlb_flush_writes(struct tlb *t);
void tlb_retag(struct tlb *t, uint32_t tag);

/* Drops `count` pages from that of va on, and the whole of any larger leaf
   they are in. False: code was fetched from one, give it a new tag. */
bool tlb_drop(struct tlb *t, uint64_t va, uint64_t count);

/* Drops the special slots; false as above. */
bool tlb_drop_special(struct tlb *t);

void tlb_enter(struct tlb *t, uint64_t va, const struct mmu_result *res,
               bool write);
void tlb_enter_code(struct tlb *t, uint64_t va, const struct mmu_result *res);

static inline struct tlb_code *tlb_code_at(const struct tlb *t, uint64_t va)
{
    return &t->side->code[va >> 12 & (TLB_CODES - 1)];
}
