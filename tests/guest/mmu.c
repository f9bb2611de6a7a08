// SPDX-License-Identifier: Apache-2.0
/* Translation (Arm ARM D8): what is mapped is found, what is not faults as the
   architecture says, and what was invalidated is gone. */

#include "tables.h"

#define W            0x800000000ull /* a window of VAs, 32 GiB on; nothing else there */
#define IL           0x2000000ull
#define ESR(ec, iss) ((uint64_t)(ec) << 26 | IL | (iss))

enum {
    ADDRESS_SIZE = 0x00,
    TRANSLATION = 0x04,
    ACCESS_FLAG = 0x08,
    PERMISSION = 0x0c,
    WNR = 0x40,
    CM = 0x100
};
enum { IABORT = 0x21, DABORT = 0x25 };

static struct tables t;
static volatile uint64_t probe __attribute__((aligned(65536))) = 0x1234;

/* Fresh tables of a geometry, with the identity map. */
static void fresh(unsigned shift, unsigned bits)
{
    tables_reset();
    tables_init(&t, shift, bits);
    tables_identity(&t);
    trap_expect();
}

static void on(uint64_t tcr_more)
{
    mmu_on(&t, tcr_more, 0);
}

/* The ESR of one access, 0 if it went well. */
static uint64_t load(uint64_t va, uint64_t *value)
{
    struct trap *trap = trap_expect();
    uint64_t v = 0;

    __asm__ volatile("ldr %0, [%1]" : "+r"(v) : "r"(va) : "memory");
    if (value)
        *value = v;
    if (!trap->count)
        return 0;
    CHECK_EQ(trap->far, va);
    return trap->esr;
}

static uint64_t store(uint64_t va, uint64_t value)
{
    struct trap *trap = trap_expect();

    __asm__ volatile("str %0, [%1]" ::"r"(value), "r"(va) : "memory");
    if (!trap->count)
        return 0;
    CHECK_EQ(trap->far, va);
    return trap->esr;
}

static uint64_t read_ok(uint64_t va)
{
    uint64_t value;

    CHECK_EQ(load(va, &value), 0);
    return value;
}

static void sync(void)
{
    tlbi_all();
}

/* ---- geometry ---- */

static const struct {
    unsigned shift, bits;
} shapes[] = {{12, 36}, {12, 39}, {12, 40}, {12, 48}, {14, 36}, {14, 38},
              {14, 47}, {14, 48}, {16, 37}, {16, 42}, {16, 48}};
enum { NUM_SHAPES = sizeof(shapes) / sizeof(*shapes) };

static void all_granules_and_sizes(void)
{
    for (unsigned n = 0; n < NUM_SHAPES; n++) {
        unsigned shift = shapes[n].shift;
        uint64_t top = (1ull << shapes[n].bits) - (1ull << shift);

        fresh(shift, shapes[n].bits);
        tables_map(&t, W, (uint64_t)&probe, 3, PTE_RAM);
        tables_map(&t, top, (uint64_t)&probe, 3, PTE_RAM);
        on(0);
        probe = 100 + n;
        CHECK_EQ(read_ok(W), 100 + n);
        CHECK_EQ(read_ok(top), 100 + n);
        CHECK_EQ(store(top, 200 + n), 0);
        CHECK_EQ(probe, 200 + n);
        CHECK_EQ(load(W + (1ull << shift), NULL), ESR(DABORT, TRANSLATION | 3));
        CHECK_EQ(load(1ull << shapes[n].bits, NULL), ESR(DABORT, TRANSLATION));
        mmu_off();
    }
}

static void blocks(void)
{
    static const struct {
        unsigned shift, bits, level, size_shift;
    } cases[] = {
        {12, 39, 1, 30}, {12, 39, 2, 21}, {14, 47, 2, 25}, {16, 42, 2, 29}};

    for (unsigned n = 0; n < 4; n++) {
        uint64_t size = 1ull << cases[n].size_shift;
        uint64_t pa = (uint64_t)&probe & ~(size - 1);
        uint64_t va = W + 4 * size;

        fresh(cases[n].shift, cases[n].bits);
        tables_map(&t, va, pa, cases[n].level, PTE_RAM);
        on(0);
        CHECK_EQ(read_ok(va + ((uint64_t)&probe - pa)), probe);
        CHECK_EQ(load(va + size, NULL) & ~3ull, ESR(DABORT, TRANSLATION));
        CHECK_EQ(load(va - 8, NULL) & ~3ull, ESR(DABORT, TRANSLATION));
        mmu_off();
    }
}

static void contiguous_entries(void)
{
    static const struct {
        unsigned shift, bits, count;
    } cases[] = {{12, 39, 16}, {14, 47, 128}, {16, 42, 32}};

    for (unsigned n = 0; n < 3; n++) {
        uint64_t page = 1ull << cases[n].shift;
        uint64_t size = page * cases[n].count;
        uint64_t pa = (uint64_t)&probe & ~(size - 1);

        fresh(cases[n].shift, cases[n].bits);
        for (unsigned e = 0; e < cases[n].count; e++)
            tables_map(&t, W + e * page, pa + e * page, 3, PTE_RAM | PTE_CONT);
        on(0);
        CHECK_EQ(read_ok(W + ((uint64_t)&probe - pa)), probe);
        /* Another one of them, read through both maps. */
        CHECK_EQ(read_ok(W + page), read64(pa + page));
        CHECK_EQ(read_ok(W + size - 8), read64(pa + size - 8));
        mmu_off();
    }
}

/* ---- faults ---- */

static void faults_name_their_level(void)
{
    fresh(12, 48);
    *tables_entry(&t, W + (1ull << 39), 0) = 0;
    *tables_entry(&t, W + (2ull << 30), 1) = 0;
    *tables_entry(&t, W + (3ull << 30), 2) = 0;
    *tables_entry(&t, W + (3ull << 30) + (1 << 21), 3) = 0;
    on(0);
    CHECK_EQ(load(W + (1ull << 39), NULL), ESR(DABORT, TRANSLATION | 0));
    CHECK_EQ(load(W + (2ull << 30), NULL), ESR(DABORT, TRANSLATION | 1));
    CHECK_EQ(load(W + (3ull << 30), NULL), ESR(DABORT, TRANSLATION | 2));
    CHECK_EQ(store(W + (3ull << 30) + (1 << 21), 0),
             ESR(DABORT, TRANSLATION | 3 | WNR));
    /* Not canonical, and the half that EPD1 has switched off. */
    CHECK_EQ(load(1ull << 50, NULL), ESR(DABORT, TRANSLATION));
    CHECK_EQ(load(0xffffffff00000000, NULL), ESR(DABORT, TRANSLATION));
    mmu_off();
}

static void reserved_descriptors_do_not_map(void)
{
    fresh(12, 48);
    *tables_entry(&t, 1ull << 39, 0) = RAM_BASE | PTE_RAM | 1; /* no blocks */
    *tables_entry(&t, W, 3) = (uint64_t)&probe | PTE_RAM | 1;
    on(0);
    CHECK_EQ(load(1ull << 39, NULL), ESR(DABORT, TRANSLATION | 0));
    CHECK_EQ(load(W, NULL), ESR(DABORT, TRANSLATION | 3));
    mmu_off();
}

static void addresses_beyond_the_bus_are_address_size_faults(void)
{
    fresh(12, 39);
    tables_map(&t, W, 1ull << 41, 3, PTE_RAM);
    *tables_entry(&t, W + (1ull << 30), 1) = 1ull << 42 | 3;
    on(0);
    CHECK_EQ(load(W, NULL), ESR(DABORT, ADDRESS_SIZE | 3));
    CHECK_EQ(load(W + (1ull << 30), NULL), ESR(DABORT, ADDRESS_SIZE | 1));
    mmu_off();
    /* TCR_EL1.IPS makes it smaller: 32 bits. */
    fresh(12, 39);
    tables_map(&t, W, 1ull << 32, 3, PTE_RAM);
    on(0);
    WRITE_SYS(tcr_el1, READ_SYS(tcr_el1) & ~(7ull << 32));
    tlbi_all();
    CHECK_EQ(load(W, NULL), ESR(DABORT, ADDRESS_SIZE | 3));
    mmu_off();
}

static void nothing_happened_before_a_fault(void)
{
    struct trap *trap;
    uint64_t base, other, va = W + 0x1000 - 4;

    fresh(12, 39);
    tables_map(&t, W, (uint64_t)&probe & ~0xfffull, 3, PTE_RAM);
    on(0);
    /* Write-back: the base is as it was. */
    trap = trap_expect();
    base = W + 0x1000;
    __asm__ volatile("ldr x9, [%0], #8" : "+r"(base)::"x9", "memory");
    CHECK_EQ(base, W + 0x1000);
    __asm__ volatile("stp x9, x9, [%0, #-16]!" : "+r"(base)::"memory");
    CHECK_EQ(trap->count, 1);
    CHECK_EQ(base, W + 0x1000 - 16);
    /* Over a page's end: the second page is the culprit. */
    trap = trap_expect();
    __asm__ volatile("ldr x9, [%0]" ::"r"(va) : "x9", "memory");
    CHECK_EQ(trap->count, 1);
    CHECK_EQ(trap->far, W + 0x1000);
    CHECK_EQ(trap->esr, ESR(DABORT, TRANSLATION | 3));
    trap = trap_expect();
    base = W + 0x1000 - 8;
    other = 5;
    __asm__ volatile("ldp x9, %1, [%0]\n"
                     : "+r"(base), "+r"(other)::"x9", "memory");
    CHECK_EQ(trap->count, 1);
    CHECK_EQ(trap->far, W + 0x1000);
    CHECK_EQ(base, W + 0x1000 - 8);
    mmu_off();
}

/* ---- permissions ---- */

/* EL0's code, copied to a page of its own. */
extern char user_load[], user_store[], user_end[], user_ldtr[];
__asm__(".pushsection .text\n.balign 64\n"
        "user_load: ldr x1, [x0]\nmov x0, x1\nsvc #1\n"
        "user_store: str x0, [x0]\nsvc #1\n"
        "user_end:\n.popsection");
static char user_page[65536] __attribute__((aligned(65536)));
#define USER_CODE (W + 0x10000000)

static void map_user_code(void)
{
    unsigned size = (unsigned)(user_end - user_load);

    for (unsigned n = 0; n < size; n += 4)
        write32((uint64_t)user_page + n, read32((uint64_t)user_load + n));
    tables_map(&t, USER_CODE, (uint64_t)user_page, 3,
               PTE_RAM | PTE_USER | PTE_RO | PTE_PXN);
    __asm__ volatile("ic iallu\ndsb sy\nisb" ::: "memory");
}

/* As load and store, at EL0; a good end is its SVC. */
static uint64_t user_try(char *code, uint64_t va)
{
    struct trap *trap = trap_expect();

    el0_run(USER_CODE + (uint64_t)(code - user_load), 0, 0, va);
    if (EC(trap->esr) == 0x15)
        return 0;
    CHECK_EQ(trap->far, va);
    return trap->esr;
}

/* One instruction fetch at EL1 or EL0 from a page that holds SVC. */
static bool fetch_hook(unsigned kind, struct trap_frame *frame)
{
    uint64_t ec = EC(READ_SYS(esr_el1));

    if (kind >= 8 || ec != IABORT)
        return false;
    frame->elr = frame->x[30];
    return true;
}

static uint64_t fetch(uint64_t va)
{
    struct trap *trap = trap_expect();

    guest_on_trap = fetch_hook;
    __asm__ volatile("blr %0" ::"r"(va) : "x30", "memory");
    guest_on_trap = NULL;
    if (!trap->count)
        return 0;
    CHECK_EQ(trap->far, va);
    CHECK_EQ(trap->elr, va);
    return trap->esr;
}

static uint64_t user_fetch(uint64_t va)
{
    struct trap *trap = trap_expect();

    el0_run(va, 0, 0, 0);
    return EC(trap->esr) == 0x15 ? 0 : trap->esr;
}

static char ret_page[65536] __attribute__((aligned(65536)));

static void permissions(void)
{
    enum { R1 = 1, W1 = 2, X1 = 4, R0 = 8, W0 = 16, X0 = 32 };
    /* D8.4.1: AP[2:1], PXN, UXN. Writable by EL0 is not executable by EL1. */
    static const struct {
        uint64_t attr;
        unsigned may;
    } cases[] = {
        {0, R1 | W1 | X1 | X0},
        {PTE_UXN, R1 | W1 | X1},
        {PTE_PXN | PTE_UXN, R1 | W1},
        {PTE_RO | PTE_UXN, R1 | X1},
        {PTE_RO | PTE_PXN, R1 | X0},
        {PTE_USER, R1 | W1 | R0 | W0 | X0},
        {PTE_USER | PTE_UXN, R1 | W1 | R0 | W0},
        {PTE_USER | PTE_RO, R1 | X1 | R0 | X0},
        {PTE_USER | PTE_RO | PTE_PXN, R1 | R0 | X0},
        {PTE_USER | PTE_RO | PTE_PXN | PTE_UXN, R1 | R0},
    };
    uint64_t fault = PERMISSION | 3;

    write32((uint64_t)ret_page, 0xd65f03c0);         /* RET */
    write32((uint64_t)ret_page + 0x100, 0xd4000021); /* SVC #1 */
    for (unsigned n = 0; n < sizeof(cases) / sizeof(*cases); n++) {
        unsigned may = cases[n].may;

        fresh(12, 39);
        map_user_code();
        tables_map(&t, W, (uint64_t)ret_page, 3, PTE_RAM | cases[n].attr);
        on(0);
        CHECK_EQ(load(W + 8, NULL), may & R1 ? 0 : ESR(DABORT, fault));
        CHECK_EQ(store(W + 8, 1), may & W1 ? 0 : ESR(DABORT, fault | WNR));
        CHECK_EQ(fetch(W), may & X1 ? 0 : ESR(IABORT, fault));
        CHECK_EQ(user_try(user_load, W + 8),
                 may & R0 ? 0 : ESR(DABORT - 1, fault));
        CHECK_EQ(user_try(user_store, W + 8),
                 may & W0 ? 0 : ESR(DABORT - 1, fault | WNR));
        CHECK_EQ(user_fetch(W + 0x100), may & X0 ? 0 : ESR(IABORT - 1, fault));
        mmu_off();
    }
}

static void tables_can_take_permissions_away(void)
{
    uint64_t *table;

    fresh(12, 39);
    map_user_code();
    tables_map(&t, W, (uint64_t)&probe, 3, PTE_RAM | PTE_USER);
    table = tables_entry(&t, W, 2);
    *table |= 1ull << 62; /* APTable[1]: read-only */
    on(0);
    CHECK_EQ(store(W, 1), ESR(DABORT, PERMISSION | 3 | WNR));
    CHECK_EQ(load(W, NULL), 0);
    *table = (*table & ~(1ull << 62)) | 1ull << 61; /* none for EL0 */
    sync();
    CHECK_EQ(user_try(user_load, W), ESR(DABORT - 1, PERMISSION | 3));
    CHECK_EQ(store(W, 1), 0);
    *table = (*table & ~(1ull << 61)) | 1ull << 60; /* UXNTable */
    sync();
    CHECK_EQ(user_fetch(W), ESR(IABORT - 1, PERMISSION | 3));
    /* TCR_EL1.HPD0: all of that is ignored. */
    *table |= 3ull << 61;
    WRITE_SYS(tcr_el1, READ_SYS(tcr_el1) | 1ull << 41);
    sync();
    CHECK_EQ(store(W, 1), 0);
    CHECK_EQ(user_try(user_load, W), 0);
    mmu_off();
}

extern char __data_start[];

/* The code that runs must not be writable then, so the image's first block is
   mapped by pages. */
static void wxn_makes_writable_not_executable(void)
{
    uint64_t sctlr = READ_SYS(sctlr_el1), image = RAM_BASE + 0x200000;

    fresh(12, 39);
    write32((uint64_t)ret_page, 0xd65f03c0);
    tables_map(&t, W, (uint64_t)ret_page, 3, PTE_RAM | PTE_UXN);
    tables_map(&t, W + 0x1000, (uint64_t)ret_page, 3,
               PTE_RAM | PTE_UXN | PTE_RO);
    *tables_entry(&t, image, 2) = 0;
    for (uint64_t at = image; at < image + 0x200000; at += 0x1000)
        tables_map(&t, at, at, 3,
                   PTE_RAM | (at < (uint64_t)__data_start ? PTE_RO : 0));
    on(0);
    CHECK_EQ(fetch(W), 0);
    WRITE_SYS(sctlr_el1, READ_SYS(sctlr_el1) | 1 << 19);
    tlbi_all();
    CHECK_EQ(fetch(W), ESR(IABORT, PERMISSION | 3));
    CHECK_EQ(fetch(W + 0x1000), 0);
    CHECK_EQ(load(W, NULL), 0);
    CHECK_EQ(fetch((uint64_t)ret_page) | 3, ESR(IABORT, PERMISSION | 3));
    WRITE_SYS(sctlr_el1, READ_SYS(sctlr_el1) & ~(1ull << 19));
    tlbi_all();
    CHECK_EQ(fetch(W), 0);
    mmu_off();
    WRITE_SYS(sctlr_el1, sctlr);
    ISB();
}

static void set_pan(unsigned pan)
{
    if (pan)
        __asm__ volatile(".inst 0xd500419f" ::: "memory"); /* MSR PAN, #1 */
    else
        __asm__ volatile(".inst 0xd500409f" ::: "memory");
}

static void pan_keeps_the_kernel_out_of_user_pages(void)
{
    struct trap *trap;
    uint64_t value;

    fresh(12, 39);
    tables_map(&t, W, (uint64_t)&probe, 3, PTE_RAM | PTE_USER);
    tables_map(&t, W + 0x1000, (uint64_t)&probe, 3, PTE_RAM);
    on(0);
    WRITE_SYS(sctlr_el1, READ_SYS(sctlr_el1) | 1 << 23); /* SPAN */
    CHECK_EQ(load(W, NULL), 0);
    set_pan(1);
    CHECK_EQ(load(W, NULL), ESR(DABORT, PERMISSION | 3));
    CHECK_EQ(store(W, 1), ESR(DABORT, PERMISSION | 3 | WNR));
    CHECK_EQ(load(W + 0x1000, NULL), 0);
    /* LDTR is made for it. */
    trap = trap_expect();
    __asm__ volatile("ldtr %0, [%1]" : "=r"(value) : "r"(W));
    CHECK_EQ(trap->count, 0);
    CHECK_EQ(value, probe);
    set_pan(0);
    CHECK_EQ(load(W, NULL), 0);
    /* And it is EL0's for privileged pages; UAO makes it EL1's. */
    __asm__ volatile("ldtr x9, [%0]" ::"r"(W + 0x1000) : "x9");
    CHECK_EQ(trap->count, 1);
    CHECK_EQ(trap->esr, ESR(DABORT, PERMISSION | 3));
    __asm__ volatile(".inst 0xd500417f" ::: "memory"); /* MSR UAO, #1 */
    trap = trap_expect();
    __asm__ volatile("ldtr x9, [%0]" ::"r"(W + 0x1000) : "x9");
    CHECK_EQ(trap->count, 0);
    __asm__ volatile(".inst 0xd500407f" ::: "memory");
    mmu_off();
}

/* ---- hardware updates ---- */

static void the_access_flag(void)
{
    uint64_t *entry;

    for (unsigned n = 0; n < 3; n++) {
        fresh(12 + 2 * n, 42 - (n == 1));
        tables_map(&t, W, (uint64_t)&probe, 3, PTE_RAM & ~PTE_AF);
        entry = tables_entry(&t, W, 3);
        on(0);
        CHECK_EQ(load(W, NULL), ESR(DABORT, ACCESS_FLAG | 3));
        CHECK_EQ(*entry & PTE_AF, 0);
        mmu_off();
        on(TCR_HA);
        CHECK_EQ(load(W, NULL), 0);
        CHECK_EQ(*(volatile uint64_t *)entry & PTE_AF, PTE_AF);
        mmu_off();
    }
}

static void the_dirty_state(void)
{
    volatile uint64_t *entry;

    fresh(12, 39);
    tables_map(&t, W, (uint64_t)&probe, 3, PTE_RAM | PTE_RO | PTE_DBM);
    entry = tables_entry(&t, W, 3);
    on(TCR_HA);
    CHECK_EQ(store(W, 1), ESR(DABORT, PERMISSION | 3 | WNR));
    mmu_off();
    on(TCR_HA | TCR_HD);
    CHECK_EQ(load(W, NULL), 0);
    CHECK_EQ(*entry & PTE_RO, PTE_RO);
    CHECK_EQ(store(W, 0x77), 0);
    CHECK_EQ(*entry & PTE_RO, 0);
    CHECK_EQ(probe, 0x77);
    /* Clean again, and again marked. */
    *entry |= PTE_RO;
    sync();
    CHECK_EQ(load(W, NULL), 0);
    CHECK_EQ(*entry & PTE_RO, PTE_RO);
    CHECK_EQ(store(W, 0x78), 0);
    CHECK_EQ(*entry & PTE_RO, 0);
    /* Without DBM read-only is read-only. */
    *entry = (*entry | PTE_RO) & ~PTE_DBM;
    sync();
    CHECK_EQ(store(W, 0), ESR(DABORT, PERMISSION | 3 | WNR));
    mmu_off();
}

/* ---- TLBs ---- */

static uint64_t page_of[4]; /* each begins with its number */

static void make_pages(unsigned shift)
{
    for (unsigned n = 0; n < 4; n++) {
        page_of[n] = table_page(shift);
        write64(page_of[n], n);
    }
}

enum tlbi { ALL, ALL_IS, VA, VA_IS, VAA, VAL_IS, ASID, RANGE, RANGE_OS, NUM };

static void invalidate(enum tlbi how, uint64_t va, uint64_t asid)
{
    uint64_t by_va = (va >> 12 & 0xfffffffffff) | asid << 48;
    uint64_t range = (va >> 12 & 0x1fffffffff) | 1ull << 46 | asid << 48;

    __asm__ volatile("dsb ishst" ::: "memory");
    switch (how) {
    case ALL:
        __asm__ volatile("tlbi vmalle1" ::: "memory");
        break;
    case ALL_IS:
        __asm__ volatile("tlbi vmalle1is" ::: "memory");
        break;
    case VA:
        __asm__ volatile("tlbi vae1, %0" ::"r"(by_va) : "memory");
        break;
    case VA_IS:
        __asm__ volatile("tlbi vae1is, %0" ::"r"(by_va) : "memory");
        break;
    case VAA:
        __asm__ volatile("tlbi vaae1, %0" ::"r"(by_va) : "memory");
        break;
    case VAL_IS:
        __asm__ volatile("tlbi vale1is, %0" ::"r"(by_va) : "memory");
        break;
    case ASID:
        __asm__ volatile("tlbi aside1is, %0" ::"r"(asid << 48) : "memory");
        break;
    case RANGE: /* TLBI RVAE1IS, two pages */
        __asm__ volatile("sys #0, c8, c2, #1, %0" ::"r"(range) : "memory");
        break;
    default: /* TLBI RVAE1OS */
        __asm__ volatile("sys #0, c8, c5, #1, %0" ::"r"(range) : "memory");
    }
    __asm__ volatile("dsb ish\nisb" ::: "memory");
}

static void every_tlbi_does_its_work(void)
{
    fresh(12, 39);
    make_pages(12);
    tables_map(&t, W, page_of[0], 3, PTE_RAM | PTE_NG);
    on(0);
    WRITE_SYS(ttbr0_el1, t.root | 5ull << 48);
    ISB();
    for (unsigned n = 0; n < NUM * 3; n++) {
        unsigned next = (n + 1) % 4;

        CHECK_EQ(read_ok(W), n % 4);
        tables_map(&t, W, page_of[next], 3, PTE_RAM | PTE_NG);
        invalidate(n % NUM, W, 5);
        CHECK_EQ(read_ok(W), next);
    }
    /* Gone is gone. */
    *tables_entry(&t, W, 3) = 0;
    invalidate(VA_IS, W, 5);
    CHECK_EQ(load(W, NULL), ESR(DABORT, TRANSLATION | 3));
    mmu_off();
}

static void asids_keep_apart(void)
{
    struct tables a, b;

    fresh(12, 39);
    make_pages(12);
    tables_init(&a, 12, 39);
    tables_init(&b, 12, 39);
    tables_identity(&a);
    tables_identity(&b);
    tables_map(&a, W, page_of[1], 3, PTE_RAM | PTE_NG);
    tables_map(&b, W, page_of[2], 3, PTE_RAM | PTE_NG);
    on(0);
    for (unsigned n = 0; n < 200; n++) {
        const struct tables *x = n & 1 ? &a : &b;
        uint64_t asid = (n & 1) + 2 * (n / 2 % 40);

        WRITE_SYS(ttbr0_el1, x->root | asid << 48);
        ISB();
        CHECK_EQ(read_ok(W), n & 1 ? 1 : 2);
    }
    /* Change a's page behind its back, invalidate only its ASID. */
    tables_map(&a, W, page_of[3], 3, PTE_RAM | PTE_NG);
    WRITE_SYS(ttbr0_el1, b.root | 2ull << 48);
    ISB();
    invalidate(ASID, 0, 1);
    CHECK_EQ(read_ok(W), 2);
    WRITE_SYS(ttbr0_el1, a.root | 1ull << 48);
    ISB();
    CHECK_EQ(read_ok(W), 3);
    mmu_off();
}

static void more_pages_than_any_tlb_has(void)
{
    enum { PAGES = 4096 };

    fresh(12, 39);
    make_pages(12);
    for (unsigned n = 0; n < PAGES; n++)
        tables_map(&t, W + n * 4096ull, page_of[n * 7 % 4], 3, PTE_RAM);
    on(0);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned n = 0; n < PAGES; n++) {
            if (read64(W + n * 4096ull) != n * 7 % 4)
                CHECK_EQ(n, PAGES);
        }
    }
    mmu_off();
}

/* Code that moves under a loop that runs through it. */
static void remapped_code_is_the_code_that_runs(void)
{
    typedef uint64_t fn(void);

    fresh(12, 39);
    make_pages(12);
    for (unsigned n = 0; n < 2; n++) {
        write32(page_of[n], 0xd2800000 | (n + 40) << 5); /* MOV X0, #n+40 */
        write32(page_of[n] + 4, 0xd65f03c0);
    }
    __asm__ volatile("ic iallu\ndsb sy\nisb" ::: "memory");
    tables_map(&t, W, page_of[0], 3, PTE_RAM);
    on(0);
    for (unsigned n = 0; n < 100; n++) {
        CHECK_EQ(((fn *)W)(), 40 + n % 2);
        tables_map(&t, W, page_of[(n + 1) % 2], 3, PTE_RAM);
        invalidate(n % NUM == ASID ? ALL : n % NUM, W, 0);
    }
    mmu_off();
}

/* ---- the upper half, tags ---- */

static void the_upper_half_has_its_own_tables(void)
{
    for (unsigned n = 0; n < NUM_SHAPES; n++) {
        struct tables up;
        uint64_t base = -(1ull << shapes[n].bits), value;
        uint64_t last = -(1ull << shapes[n].shift);

        fresh(12, 39);
        tables_init(&up, shapes[n].shift, shapes[n].bits);
        tables_map(&up, base, (uint64_t)&probe, 3, PTE_RAM);
        tables_map(&up, last, (uint64_t)&probe, 3, PTE_RAM);
        mmu_on(&t, tables_tcr(&up, true), up.root);
        probe = n + 500;
        CHECK_EQ(load(base, &value), 0);
        CHECK_EQ(value, n + 500);
        CHECK_EQ(load(last, &value), 0);
        CHECK_EQ(value, n + 500);
        CHECK_EQ(load(base - 8, NULL), ESR(DABORT, TRANSLATION));
        mmu_off();
    }
}

static void the_upper_half_can_be_closed_to_el0(void)
{
    struct tables up;
    uint64_t base = -(1ull << 39);

    fresh(12, 39);
    tables_init(&up, 12, 39);
    map_user_code();
    tables_map(&up, base, (uint64_t)&probe, 3, PTE_RAM | PTE_USER);
    mmu_on(&t, tables_tcr(&up, true), up.root);
    CHECK_EQ(user_try(user_load, base), 0);
    mmu_off();
    mmu_on(&t, tables_tcr(&up, true) | 1ull << 56, up.root); /* E0PD1 */
    CHECK_EQ(user_try(user_load, base), ESR(DABORT - 1, TRANSLATION));
    CHECK_EQ(load(base, NULL), 0);
    mmu_off();
}

static void the_top_byte_can_be_a_tag(void)
{
    uint64_t tagged = W | 0x5aull << 56;

    fresh(12, 39);
    tables_map(&t, W, (uint64_t)&probe, 3, PTE_RAM);
    on(0);
    CHECK_EQ(load(tagged, NULL), ESR(DABORT, TRANSLATION));
    mmu_off();
    on(1ull << 37); /* TBI0 */
    probe = 31;
    CHECK_EQ(read_ok(tagged), 31);
    CHECK_EQ(store(tagged, 32), 0);
    CHECK_EQ(read_ok(W), 32);
    CHECK_EQ(load(tagged + 0x1000, NULL), ESR(DABORT, TRANSLATION | 3));
    mmu_off();
}

/* ---- AT ---- */

#define AT(op, va)                                                   \
    ({                                                               \
        __asm__ volatile("at " op ", %0\nisb" ::"r"(va) : "memory"); \
        READ_SYS(par_el1);                                           \
    })

static void address_translation_instructions(void)
{
    uint64_t pa = (uint64_t)&probe, par;

    fresh(12, 39);
    tables_map(&t, W, pa, 3, PTE_RAM);
    tables_map(&t, W + 0x1000, pa, 3, PTE_RAM | PTE_USER | PTE_RO);
    tables_map(&t, W + 0x2000, UART_BASE, 3, PTE_DEVICE | PTE_AF);
    on(0);
    trap_expect();
    par = AT("s1e1r", W + 0x123);
    CHECK_EQ(par & 1, 0);
    CHECK_EQ(par & 0xfffffff000, pa);
    CHECK_EQ(par >> 56, 0xff); /* MAIR's byte */
    CHECK_EQ(par >> 7 & 3, 3); /* inner shareable */
    CHECK_EQ(AT("s1e1w", W) & 1, 0);
    CHECK_EQ(AT("s1e0r", W), 1 << 11 | (PERMISSION | 3) << 1 | 1);
    CHECK_EQ(AT("s1e0r", W + 0x1000) & 1, 0);
    CHECK_EQ(AT("s1e0w", W + 0x1000), 1 << 11 | (PERMISSION | 3) << 1 | 1);
    CHECK_EQ(AT("s1e1w", W + 0x1000), 1 << 11 | (PERMISSION | 3) << 1 | 1);
    CHECK_EQ(AT("s1e1r", W + 0x5000), 1 << 11 | (TRANSLATION | 3) << 1 | 1);
    par = AT("s1e1r", W + 0x2000);
    CHECK_EQ(par & 0xfffffff001, UART_BASE);
    CHECK_EQ(par >> 56, 0x04);
    /* AT S1E1RP heeds PAN, S1E1R does not. */
    set_pan(1);
    __asm__ volatile("sys #0, c7, c9, #0, %0\nisb" ::"r"(W + 0x1000)
                     : "memory");
    CHECK_EQ(READ_SYS(par_el1) & 0x7f, (PERMISSION | 3) << 1 | 1);
    CHECK_EQ(AT("s1e1r", W + 0x1000) & 1, 0);
    set_pan(0);
    CHECK_EQ(guest_last_trap[cpu_index()].count, 0);
    mmu_off();
}

/* ---- memory types ---- */

static void devices_want_alignment_and_memory_does_not(void)
{
    uint64_t value;
    struct trap *trap;

    fresh(12, 39);
    tables_map(&t, W, (uint64_t)&probe, 3, PTE_RAM);
    tables_map(&t, W + 0x1000, (uint64_t)&probe, 3, PTE_DEVICE | PTE_AF);
    on(0);
    *(volatile uint64_t *)(W + 8) = 0x8877665544332211;
    CHECK_EQ(load(W + 9, &value), 0);
    CHECK_EQ(value & 0xffffffffffffff, 0x88776655443322);
    CHECK_EQ(load(W + 0x1009, NULL), ESR(DABORT, 0x21));
    /* SCTLR_EL1.A: everywhere. */
    WRITE_SYS(sctlr_el1, READ_SYS(sctlr_el1) | 2);
    ISB();
    CHECK_EQ(load(W + 9, NULL), ESR(DABORT, 0x21));
    WRITE_SYS(sctlr_el1, READ_SYS(sctlr_el1) & ~2ull);
    ISB();
    CHECK_EQ(load(W + 9, NULL), 0);
    /* Exclusives and acquires: always. */
    trap = trap_expect();
    __asm__ volatile("ldxr x9, [%0]" ::"r"(W + 12) : "x9", "memory");
    CHECK_EQ(trap->esr, ESR(DABORT, 0x21));
    __asm__ volatile("ldar x9, [%0]" ::"r"(W + 12) : "x9", "memory");
    CHECK_EQ(trap->count, 2);
    __asm__ volatile("ldadd x9, x9, [%0]" ::"r"(W + 12) : "x9", "memory");
    CHECK_EQ(trap->count, 3);
    mmu_off();
}

static void zeroing_and_maintenance_fault_as_stores(void)
{
    struct trap *trap;

    fresh(12, 39);
    tables_map(&t, W, (uint64_t)&probe, 3, PTE_RAM);
    tables_map(&t, W + 0x1000, (uint64_t)&probe, 3, PTE_RAM | PTE_RO);
    on(0);
    probe = ~0ull;
    *(volatile uint64_t *)(W + 64) = 5;
    trap = trap_expect();
    __asm__ volatile("dc zva, %0" ::"r"(W + 20) : "memory");
    CHECK_EQ(probe, 0);
    CHECK_EQ(read_ok(W + 64), 5);
    trap = trap_expect();
    __asm__ volatile("dc zva, %0" ::"r"(W + 0x1000) : "memory");
    CHECK_EQ(trap->esr, ESR(DABORT, PERMISSION | 3 | WNR));
    __asm__ volatile("dc civac, %0" ::"r"(W + 0x5000) : "memory");
    CHECK_EQ(trap->esr, ESR(DABORT, TRANSLATION | 3 | WNR | CM));
    CHECK_EQ(trap->far, W + 0x5000);
    __asm__ volatile("ic ivau, %0" ::"r"(W + 0x5000) : "memory");
    CHECK_EQ(trap->esr, ESR(DABORT, TRANSLATION | 3 | WNR | CM));
    CHECK_EQ(trap->count, 3);
    mmu_off();
}

/* ---- garbage ---- */

static uint64_t seed = 88172645463325252ull;

static uint64_t random64(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Random tables that point at random places, in the upper half: each access
   must end, in a value or in a data abort. Only reads, so that what is mapped
   by chance survives. */
static void garbage_for_tables(void)
{
    for (unsigned n = 0; n < NUM_SHAPES; n++) {
        struct tables up;
        uint64_t size = 1ull << shapes[n].shift, pages[4];

        fresh(12, 39);
        tables_init(&up, shapes[n].shift, shapes[n].bits);
        pages[0] = up.root;
        for (unsigned p = 1; p < 4; p++)
            pages[p] = table_page(shapes[n].shift);
        for (unsigned p = 0; p < 4; p++) {
            for (uint64_t at = 0; at < size; at += 8) {
                uint64_t r = random64();

                if (r & 8) /* half of them look like real ones */
                    r = pages[r >> 4 & 3] | (r & 0xffe0000000000c03) | 3;
                write64(pages[p] + at, r);
            }
        }
        mmu_on(&t, tables_tcr(&up, true), up.root);
        for (unsigned k = 0; k < 3000; k++) {
            uint64_t va = -(1ull << shapes[n].bits) + (random64() >> 16);
            struct trap *trap = trap_expect();

            va |= -(1ull << shapes[n].bits);
            __asm__ volatile("ldrb w9, [%0]" ::"r"(va) : "x9", "memory");
            if (trap->count && (EC(trap->esr) != DABORT || trap->far != va))
                CHECK_EQ(trap->esr, DABORT);
        }
        mmu_off();
    }
}

/* Upper tables in places where there is no RAM. */
static void tables_that_are_nowhere(void)
{
    static const uint64_t places[] = {NO_DEVICE, UART_BASE & ~0xfffull,
                                      GICD_BASE, 0xfffffff000ull, 0};
    struct tables up = {.shift = 12, .bits = 39};

    fresh(12, 39);
    for (unsigned n = 0; n < 5; n++) {
        uint64_t esr;

        mmu_on(&t, tables_tcr(&up, true), places[n]);
        esr = load(-(1ull << 39), NULL);
        CHECK_EQ(EC(esr), DABORT);
        /* A translation fault or an external abort on the walk. */
        CHECK((esr & 0x3c) == 0x04 || (esr & 0x3c) == 0x14);
        mmu_off();
    }
}

static void permissions_on_every_cpu(unsigned me)
{
    (void)me;
    mmu_on(&t, 0, 0);
    for (unsigned n = 0; n < 200; n++) {
        if (load(W + 0x1000, NULL) != ESR(DABORT, TRANSLATION | 3) ||
            store(W, n) != ESR(DABORT, PERMISSION | 3 | WNR) || load(W, NULL))
            CHECK(!"a wrong fault");
    }
    mmu_off();
}

static void all_cpus_fault_at_once(void)
{
    fresh(12, 39);
    tables_map(&t, W, (uint64_t)&probe, 3, PTE_RAM | PTE_RO);
    cpu_run_all(permissions_on_every_cpu);
}

#define TEST(fn) \
    {            \
#fn, fn  \
    }
const struct guest_test guest_tests[] = {
    TEST(all_granules_and_sizes),
    TEST(blocks),
    TEST(contiguous_entries),
    TEST(faults_name_their_level),
    TEST(reserved_descriptors_do_not_map),
    TEST(addresses_beyond_the_bus_are_address_size_faults),
    TEST(nothing_happened_before_a_fault),
    TEST(permissions),
    TEST(tables_can_take_permissions_away),
    TEST(wxn_makes_writable_not_executable),
    TEST(pan_keeps_the_kernel_out_of_user_pages),
    TEST(the_access_flag),
    TEST(the_dirty_state),
    TEST(every_tlbi_does_its_work),
    TEST(asids_keep_apart),
    TEST(more_pages_than_any_tlb_has),
    TEST(remapped_code_is_the_code_that_runs),
    TEST(the_upper_half_has_its_own_tables),
    TEST(the_upper_half_can_be_closed_to_el0),
    TEST(the_top_byte_can_be_a_tag),
    TEST(address_translation_instructions),
    TEST(devices_want_alignment_and_memory_does_not),
    TEST(zeroing_and_maintenance_fault_as_stores),
    TEST(garbage_for_tables),
    TEST(tables_that_are_nowhere),
    TEST(all_cpus_fault_at_once),
    {NULL, NULL},
};
