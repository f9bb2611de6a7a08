// SPDX-License-Identifier: Apache-2.0
/*
 * Translations that change under CPUs that use them: code under a running
 * loop, data under a running copy. When the DSB behind a broadcast TLBI is
 * over, no CPU uses what was there before (Arm ARM D8.13).
 */

#include "tables.h"

#define WINDOW 0x4000000000ull
#define PAGE   4096ull
#define ADDR   0xfffffffff000ull
#define LAST   0xffffffffu

static unsigned cpus;
static struct tables shared;
static uint64_t frames[2];
static volatile uint32_t epoch __attribute__((aligned(64)));
static volatile uint32_t stale __attribute__((aligned(64)));
static volatile uint32_t rounds[32][16] __attribute__((aligned(64)));
static volatile uint32_t faults;

static void all(void (*fn)(unsigned))
{
    cpus = cpu_count();
    epoch = stale = faults = 0;
    for (unsigned n = 0; n < 32; n++)
        rounds[n][0] = 0;
    cpu_run_all(fn);
    guest_on_trap = NULL;
    CHECK_EQ(stale, 0);
}

/* Each TLBI waits for every running CPU: see code.c. */
static unsigned changes(void)
{
    return cpus > 2 ? 120 / cpus : 150;
}

static void wait_a_bit(void)
{
    for (volatile unsigned wait = 0; wait < 200; wait++)
        ;
}

/* One page, by every instruction that reaches the others and it. The range
   form has base, number and scale 0 (two pages), and a granule of 4 KiB. */
static void invalidate(unsigned way, uint64_t va)
{
    uint64_t arg = va >> 12 & 0xfffffffffff, range = 1ull << 46 | arg;

    __asm__ volatile("dsb ishst" ::: "memory");
    switch (way % 9) {
    case 0:
        __asm__ volatile("tlbi vae1is, %0" ::"r"(arg));
        break;
    case 1:
        __asm__ volatile("tlbi vaae1is, %0" ::"r"(arg));
        break;
    case 2:
        __asm__ volatile("tlbi vale1is, %0" ::"r"(arg));
        break;
    case 3:
        __asm__ volatile("tlbi vaale1is, %0" ::"r"(arg));
        break;
    case 4:
        __asm__ volatile("tlbi vmalle1is");
        break;
    case 5: /* RVAE1IS */
        __asm__ volatile("sys #0, c8, c2, #1, %0" ::"r"(range));
        break;
    case 6: /* VAE1OS */
        __asm__ volatile("sys #0, c8, c1, #1, %0" ::"r"(arg));
        break;
    case 7: /* RVALE1OS */
        __asm__ volatile("sys #0, c8, c5, #5, %0" ::"r"(range));
        break;
    default: /* VMALLE1OS */
        __asm__ volatile("sys #0, c8, c1, #0");
    }
    __asm__ volatile("dsb ish\nisb" ::: "memory");
}

static void set_page(unsigned way, uint64_t va, uint64_t desc)
{
    *(volatile uint64_t *)tables_entry(&shared, va, 3) = desc;
    invalidate(way, va);
}

/* Two pages that branch to each other directly: x0 epoch, x1 stale, x2 rounds.
   The first loops; the second, in two versions, says which it is; who changes
   from one to the other in its middle comes back all the same. */
__asm__(".balign 4096\n"
        "loop_page:\n"
        "mov x9, x30\n"
        "1: ldar w3, [x0]\n"
        "cmn w3, #1\n"
        "b.eq 2f\n"
        "bl version_0\n"
        "ldar w5, [x0]\n"
        "cmp w3, w5\n"
        "b.ne 3f\n"
        "tbnz w3, #0, 3f\n"
        "ubfx w6, w3, #1, #1\n"
        "cmp w4, w6\n"
        "b.eq 3f\n"
        "mov w7, #1\n"
        "ldadd w7, wzr, [x1]\n"
        "3: ldr w7, [x2]\n"
        "add w7, w7, #1\n"
        "str w7, [x2]\n"
        "b 1b\n"
        "2: ret x9\n"
        ".balign 4096\n"
        "version_0: mov w4, #0\n"
        "b 1f\n"
        "nop\n"
        "1: ret\n"
        ".balign 4096\n"
        "version_1: mov w4, #1\n"
        "b 1f\n"
        "nop\n"
        "1: ret\n"
        ".balign 4096\n"
        "endless: ldr w7, [x2]\n" /* a loop in one page */
        "add w7, w7, #1\n"
        "str w7, [x2]\n"
        "b endless\n"
        ".balign 4096\n"
        "endless_isb: ldr w7, [x2]\n"
        "isb\n"
        "add w7, w7, #1\n"
        "str w7, [x2]\n"
        "b endless_isb\n"
        ".balign 4096\n"
        "way_out: ret\n"
        "ret\n"
        "ret\n"
        "ret\n"
        "ret\n"
        ".balign 4096\n");
extern char loop_page[], version_0[], version_1[];
extern char endless[], endless_isb[], way_out[];

static uint64_t pa(const void *p)
{
    return (uint64_t)p & ADDR;
}

static void make_tables(void)
{
    if (!shared.root) {
        tables_init(&shared, 12, 39);
        tables_identity(&shared);
        for (unsigned n = 0; n < 2; n++)
            frames[n] = table_page(12);
    }
}

/* A fault in the window while the owner has it unmapped: again. */
static bool try_again(unsigned kind, struct trap_frame *frame)
{
    uint64_t far = READ_SYS(far_el1);

    (void)frame;
    if (kind != 4 || far < WINDOW || far >= WINDOW + 16 * PAGE)
        return false;
    __atomic_fetch_add(&faults, 1, __ATOMIC_RELAXED);
    __asm__ volatile("yield");
    return true;
}

static void run_window(unsigned me)
{
    typedef void fn(volatile uint32_t *, volatile uint32_t *,
                    volatile uint32_t *);

    mmu_on(&shared, 0, 0);
    ((fn *)WINDOW)(&epoch, &stale, rounds[me]);
    mmu_off();
}

/* Odd epochs are those of change. */
static void alternate(bool break_first)
{
    mmu_on(&shared, 0, 0);
    for (uint32_t n = 0; n < changes(); n++) {
        uint32_t next = (n + 1) * 2;
        uint64_t page = pa(next & 2 ? version_1 : version_0);

        __atomic_store_n(&epoch, n * 2 + 1, __ATOMIC_RELEASE);
        if (break_first)
            set_page(n, WINDOW + PAGE, 0);
        set_page(n / 2, WINDOW + PAGE, page | PTE_RAM | 3);
        __atomic_store_n(&epoch, next, __ATOMIC_RELEASE);
        wait_a_bit();
    }
    __atomic_store_n(&epoch, LAST, __ATOMIC_RELEASE);
    mmu_off();
}

static void swap_code(unsigned me)
{
    if (me)
        run_window(me);
    else
        alternate(false);
}

static void swap_code_by_a_hole(unsigned me)
{
    if (me)
        run_window(me);
    else
        alternate(true);
}

static void code_is_remapped_under_a_running_loop(void)
{
    make_tables();
    tables_map(&shared, WINDOW, pa(loop_page), 3, PTE_RAM);
    tables_map(&shared, WINDOW + PAGE, pa(version_0), 3, PTE_RAM);
    all(swap_code);
    tables_map(&shared, WINDOW + PAGE, pa(version_0), 3, PTE_RAM);
    guest_on_trap = try_again;
    all(swap_code_by_a_hole);
}

static volatile uint32_t left;

static void endless_loop(unsigned me)
{
    if (me) {
        run_window(me);
        __atomic_fetch_add(&left, 1, __ATOMIC_RELAXED);
        return;
    }
    mmu_on(&shared, 0, 0);
    for (unsigned n = 1; n < cpus; n++)
        for (struct wait w = {0}; rounds[n][0] < 100; keep_waiting(&w))
            __asm__ volatile("yield");
    set_page(1, WINDOW, pa(way_out) | PTE_RAM | 3);
    wait_for(&left, cpus - 1);
    mmu_off();
}

/* The page that runs is itself taken away: the loop ends. */
static void a_running_loop_is_replaced(void)
{
    static char *const loops[] = {endless, endless_isb};

    if (cpu_count() < 2)
        return;
    make_tables();
    for (unsigned n = 0; n < 8; n++) {
        left = 0;
        tables_map(&shared, WINDOW, pa(loops[n % 2]), 3, PTE_RAM);
        all(endless_loop);
    }
}

/* ---- data ---- */

/* A page at a time, by pairs, vectors, structures, bytes, atomics and DC ZVA.
 */
static void fill(unsigned way, uint64_t to, uint64_t value)
{
    uint64_t end = to + PAGE;

    switch (way % 6) {
    case 0:
        for (; to < end; to += 16)
            __asm__ volatile("stp %0, %0, [%1]" ::"r"(value), "r"(to)
                             : "memory");
        break;
    case 1:
        __asm__ volatile("dup v0.2d, %2\n1: stp q0, q0, [%0], #32\n"
                         "cmp %0, %1\nb.ne 1b"
                         : "+r"(to)
                         : "r"(end), "r"(value)
                         : "memory", "cc");
        break;
    case 2:
        __asm__ volatile("dup v0.2d, %2\nmov v1.16b, v0.16b\n"
                         "1: st2 {v0.4s, v1.4s}, [%0], #32\n"
                         "cmp %0, %1\nb.ne 1b"
                         : "+r"(to)
                         : "r"(end), "r"(value)
                         : "memory", "cc");
        break;
    case 3:
        for (; to < end; to++)
            __asm__ volatile("strb %w0, [%1]" ::"r"(value), "r"(to) : "memory");
        break;
    case 4:
        for (; to < end; to += 8)
            __asm__ volatile("swp %0, x9, [%1]" ::"r"(value), "r"(to)
                             : "memory", "x9");
        break;
    default:
        for (uint64_t at = to; at < end; at += 64)
            __asm__ volatile("dc zva, %0" ::"r"(at) : "memory");
        for (uint64_t at = to; at < end; at += 8)
            __asm__ volatile("ldadd %0, x9, [%1]" ::"r"(value), "r"(at)
                             : "memory", "x9");
    }
}

static uint64_t sum(uint64_t frame)
{
    uint64_t s = 0;

    for (uint64_t at = frame; at < frame + PAGE; at += 8)
        s = s * 31 + read64(at);
    return s;
}

static void copier(unsigned me)
{
    mmu_on(&shared, 0, 0);
    for (uint64_t n = 1; epoch != LAST; n++) {
        fill(me + (unsigned)n, WINDOW + 2 * PAGE, n * 0x0101010101010101);
        rounds[me][0]++;
    }
    mmu_off();
}

/* On a busy host the others may not have run at all while the page was away:
   it stays so until somebody noticed, or the test fails. */
static void wait_for_fault(void)
{
    struct wait w = {0};

    while (!faults)
        keep_waiting(&w);
}

/* Behind the DSB nothing is written to the frame any more. */
static void take_away(void)
{
    mmu_on(&shared, 0, 0);
    for (unsigned n = 0; n < changes(); n++) {
        uint64_t frame = frames[n & 1], before;

        wait_a_bit();
        set_page(n, WINDOW + 2 * PAGE,
                 n & 2 ? 0 : frame | PTE_RAM | PTE_RO | 3);
        before = sum(frame);
        for (unsigned again = 0; again < 4; again++)
            if (sum(frame) != before)
                stale++;
        if (cpus > 1)
            wait_for_fault();
        set_page(n, WINDOW + 2 * PAGE, frames[~n & 1] | PTE_RAM | 3);
    }
    epoch = LAST;
    mmu_off();
}

static void copy_and_take_away(unsigned me)
{
    if (me)
        copier(me);
    else
        take_away();
}

static void data_is_unmapped_under_a_running_copy(void)
{
    make_tables();
    tables_map(&shared, WINDOW + 2 * PAGE, frames[0], 3, PTE_RAM);
    guest_on_trap = try_again;
    all(copy_and_take_away);
    if (cpus > 1)
        CHECK(faults > 0);
}

/* Each reader copies a page of equal words out; the owner changes the page's
   words only while nobody has it mapped. */
static void read_whole(unsigned me)
{
    uint64_t words[8];

    if (me == 0) {
        mmu_on(&shared, 0, 0);
        for (unsigned n = 1; n < changes(); n++) {
            set_page(n, WINDOW + 3 * PAGE, 0);
            for (uint64_t at = 0; at < PAGE; at += 8)
                write64(frames[0] + at, n);
            set_page(n, WINDOW + 3 * PAGE, frames[0] | PTE_RAM | 3);
            wait_a_bit();
        }
        epoch = LAST;
        mmu_off();
        return;
    }
    mmu_on(&shared, 0, 0);
    while (epoch != LAST) {
        uint64_t at = WINDOW + 3 * PAGE, last = 0;

        for (; at < WINDOW + 4 * PAGE; at += 64) {
            __asm__ volatile(
                "ldp q0, q1, [%0]\nldp q2, q3, [%0, #32]\n"
                "stp q0, q1, [%1]\nstp q2, q3, [%1, #32]" ::"r"(at),
                "r"(words)
                : "memory");
            for (unsigned n = 0; n < 8; n++) {
                if (words[n] < last)
                    stale++; /* older than what was read before it */
                last = words[n];
            }
        }
    }
    mmu_off();
}

static void a_reader_never_goes_back(void)
{
    make_tables();
    for (uint64_t at = 0; at < PAGE; at += 8)
        write64(frames[0] + at, 0);
    tables_map(&shared, WINDOW + 3 * PAGE, frames[0], 3, PTE_RAM);
    guest_on_trap = try_again;
    all(read_whole);
}

#define TEST(fn) \
    {            \
#fn, fn  \
    }
const struct guest_test guest_tests[] = {
    TEST(code_is_remapped_under_a_running_loop),
    TEST(a_running_loop_is_replaced),
    TEST(data_is_unmapped_under_a_running_copy),
    TEST(a_reader_never_goes_back),
    {NULL, NULL},
};
