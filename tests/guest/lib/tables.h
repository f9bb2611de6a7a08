// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Translation tables of all three granules, built by hand (Arm ARM D8). Tables
 * come out of an arena that tables_reset empties; nothing is freed one by one.
 */

#include "guest.h"

/* Descriptor bits. AttrIndx 0 is Normal write-back, 1 Device-nGnRE, 2 Normal
   non-cacheable. */
#define PTE_NORMAL (0ull << 2)
#define PTE_DEVICE (1ull << 2)
#define PTE_USER   (1ull << 6) /* AP[1] */
#define PTE_RO     (1ull << 7) /* AP[2] */
#define PTE_SH     (3ull << 8)
#define PTE_AF     (1ull << 10)
#define PTE_NG     (1ull << 11)
#define PTE_DBM    (1ull << 51)
#define PTE_CONT   (1ull << 52)
#define PTE_PXN    (1ull << 53)
#define PTE_UXN    (1ull << 54)
#define PTE_RAM    (PTE_NORMAL | PTE_SH | PTE_AF)
#define MAIR_VALUE 0x4404ffull

#define TCR_HA (1ull << 39)
#define TCR_HD (1ull << 40)

struct tables {
    unsigned shift; /* of the granule: 12, 14 or 16 */
    unsigned bits;  /* of a VA */
    uint64_t root;
};

void tables_reset(void);
uint64_t table_page(unsigned shift); /* one zeroed table */
void tables_init(struct tables *t, unsigned shift, unsigned bits);
unsigned tables_first_level(const struct tables *t);
/* The descriptor of va at a level, made on the way; level 3: a page. */
uint64_t *tables_entry(struct tables *t, uint64_t va, unsigned level);
/* Maps one block or page of that level. */
void tables_map(struct tables *t, uint64_t va, uint64_t pa, unsigned level,
                uint64_t attr);
/* RAM (1 GiB) and the devices, each at its own address, for EL1 alone; code in
   RAM may run. */
void tables_identity(struct tables *t);
/* T0SZ or T1SZ, granule, write-back walks, 40 bits of PA. */
uint64_t tables_tcr(const struct tables *t, bool upper);

/* Turns the MMU on with these for TTBR0, more bits for TCR and a value for
   TTBR1; and off. On the CPU that calls. */
void mmu_on(const struct tables *t, uint64_t tcr_more, uint64_t ttbr1);
void mmu_off(void);
/* For tests that only need Normal memory: identity, on this CPU. */
void mmu_plain(void);

static inline void tlbi_all(void)
{
    __asm__ volatile("dsb ishst\ntlbi vmalle1is\ndsb ish\nisb" ::: "memory");
}
