// SPDX-License-Identifier: Apache-2.0
/* Translation tables; see tables.h. */

#include "tables.h"

enum { ARENA = 48 * 65536 };

static char arena[ARENA] __attribute__((aligned(65536)));
static uint64_t used;

void tables_reset(void)
{
    used = 0;
}

uint64_t table_page(unsigned shift)
{
    uint64_t size = 1ull << shift, at = (used + size - 1) & ~(size - 1);

    if (at + size > ARENA) {
        guest_fail(__FILE__, __LINE__, "no room for tables");
        guest_off();
    }
    used = at + size;
    for (uint64_t n = 0; n < size; n += 8)
        write64((uint64_t)arena + at + n, 0);
    return (uint64_t)arena + at;
}

/* The lowest VA bit that a level's index has. */
static unsigned level_shift(const struct tables *t, unsigned level)
{
    return t->shift + (3 - level) * (t->shift - 3);
}

unsigned tables_first_level(const struct tables *t)
{
    unsigned level = 3;

    while (level_shift(t, level) + t->shift - 3 < t->bits)
        level--;
    return level;
}

void tables_init(struct tables *t, unsigned shift, unsigned bits)
{
    *t = (struct tables){.shift = shift, .bits = bits};
    t->root = table_page(shift);
}

uint64_t *tables_entry(struct tables *t, uint64_t va, unsigned level)
{
    uint64_t table = t->root;

    va &= (1ull << t->bits) - 1;
    for (unsigned l = tables_first_level(t);; l++) {
        uint64_t index = va >> level_shift(t, l);
        uint64_t *entry;

        index &= (1ull << (t->shift - 3)) - 1;
        entry = (uint64_t *)table + index;
        if (l == level)
            return entry;
        if (!(*entry & 1))
            *entry = table_page(t->shift) | 3;
        table = *entry & 0xfffffffff000ull & ~((1ull << t->shift) - 1);
    }
}

void tables_map(struct tables *t, uint64_t va, uint64_t pa, unsigned level,
                uint64_t attr)
{
    *tables_entry(t, va, level) = pa | attr | (level == 3 ? 3 : 1);
}

void tables_identity(struct tables *t)
{
    unsigned level = 2; /* blocks of 2, 32 or 512 MiB */
    uint64_t step = 1ull << level_shift(t, level);

    for (uint64_t at = 0; at < 0x50000000; at += step)
        tables_map(t, at, at, level, PTE_DEVICE | PTE_AF | PTE_PXN | PTE_UXN);
    for (uint64_t at = RAM_BASE; at < RAM_BASE + 0x40000000; at += step)
        tables_map(t, at, at, level, PTE_RAM | PTE_UXN);
}

uint64_t tables_tcr(const struct tables *t, bool upper)
{
    static const uint64_t tg0[] = {0, 2, 1}, tg1[] = {2, 1, 3};
    unsigned granule = (t->shift - 12) / 2;
    uint64_t size = 64 - t->bits, half = size | 0x3500; /* SH, ORGN, IRGN */

    return upper ? half << 16 | tg1[granule] << 30 : half | tg0[granule] << 14;
}

void mmu_on(const struct tables *t, uint64_t tcr_more, uint64_t ttbr1)
{
    uint64_t tcr = tables_tcr(t, false) | tcr_more | 2ull << 32;

    if (!ttbr1)
        tcr |= 1 << 23; /* EPD1 */
    WRITE_SYS(mair_el1, MAIR_VALUE);
    WRITE_SYS(tcr_el1, tcr);
    WRITE_SYS(ttbr0_el1, t->root);
    WRITE_SYS(ttbr1_el1, ttbr1);
    DSB();
    ISB();
    __asm__ volatile("tlbi vmalle1\ndsb nsh\nisb" ::: "memory");
    WRITE_SYS(sctlr_el1, READ_SYS(sctlr_el1) | 0x1005);
    ISB();
}

void mmu_off(void)
{
    WRITE_SYS(sctlr_el1, READ_SYS(sctlr_el1) & ~0x1005ull);
    ISB();
    __asm__ volatile("tlbi vmalle1\ndsb nsh\nisb" ::: "memory");
}

static struct tables plain;

void mmu_plain(void)
{
    if (!plain.root) {
        tables_init(&plain, 12, 39);
        tables_identity(&plain);
    }
    mmu_on(&plain, 0, 0);
}
