// SPDX-License-Identifier: Apache-2.0
/* Code that changes: what the sequence of the Arm ARM (B2.4.4) promises, on
   the CPU that wrote it and on the others. */

#include "tables.h"

#define RET       0xd65f03c0u
#define NOP       0xd503201fu
#define ADD_1     0x91000400u                        /* ADD X0, X0, #1 */
#define MOV(n)    (0xd2800000u | (uint32_t)(n) << 5) /* MOV X0, #n */
#define B(words)  (0x14000000u | ((uint32_t)(words)&0x3ffffff))
#define BL(words) (0x94000000u | ((uint32_t)(words)&0x3ffffff))
#define ALIAS     0x900000000ull

typedef uint64_t code_fn(uint64_t x0);

static uint32_t area[4][16384] __attribute__((aligned(65536)));

static uint64_t run(const volatile uint32_t *at, uint64_t x0)
{
    return ((code_fn *)at)(x0);
}

static void publish(const volatile void *at)
{
    __asm__ volatile("dc cvau, %0\ndsb ish\nic ivau, %0\ndsb ish\nisb" ::"r"(at)
                     : "memory");
}

static void put(volatile uint32_t *at, uint32_t word)
{
    *at = word;
    publish(at);
}

static void a_function_is_rewritten_many_times(void)
{
    volatile uint32_t *f = area[0];

    put(f + 1, RET);
    for (unsigned n = 0; n < 2000; n++) {
        put(f, MOV(n));
        if (run(f, 0) != n)
            CHECK_EQ(run(f, 0), n);
    }
}

/* Hot, in a loop of its own, and then changed in its middle. */
static void a_hot_loop_is_changed(void)
{
    /* X1 counts: 1: ADD X0, X0, #n; SUBS X1, X1, #1; B.NE 1b; RET */
    volatile uint32_t *f = area[0] + 64;

    f[0] = 0xd2807d01; /* MOV X1, #1000 */
    f[1] = ADD_1;
    f[2] = 0xf1000421;
    f[3] = 0x54ffffc1;
    f[4] = RET;
    publish(f);
    for (unsigned n = 0; n < 50; n++) {
        unsigned by = 1 + n % 7;

        put(f + 1, 0x91000000 | by << 10);
        CHECK_EQ(run(f, 5), 5 + 1000 * by);
    }
}

static void each_instruction_of_a_page_in_turn(void)
{
    volatile uint32_t *f = area[1];

    for (unsigned n = 0; n < 1023; n++)
        f[n] = ADD_1;
    f[1023] = RET;
    __asm__ volatile("dsb ish\nic iallu\ndsb ish\nisb" ::: "memory");
    CHECK_EQ(run(f, 0), 1023);
    for (unsigned n = 0; n < 1023; n += 31) {
        put(f + n, NOP);
        CHECK_EQ(run(f, 0), 1022);
        put(f + n, ADD_1);
    }
    CHECK_EQ(run(f, 0), 1023);
}

static void code_over_the_end_of_a_page(void)
{
    volatile uint32_t *f = area[1] + 1022; /* two words on either side */

    for (unsigned n = 0; n < 3; n++)
        f[n] = MOV(n);
    f[3] = RET;
    publish(f);
    publish(f + 2);
    CHECK_EQ(run(f, 0), 2);
    for (unsigned n = 10; n < 60; n++) {
        put(f + 2, n & 1 ? NOP : MOV(n));
        CHECK_EQ(run(f, 0), n & 1 ? 1 : n);
    }
    put(f + 2, NOP);
    for (unsigned n = 0; n < 50; n++) {
        put(f + 1, MOV(n));
        CHECK_EQ(run(f, 0), n);
    }
}

static void all_at_once_by_iallu(void)
{
    for (unsigned n = 0; n < 200; n++) {
        for (unsigned p = 0; p < 3; p++) {
            area[p][0] = MOV(n + p);
            area[p][1] = RET;
        }
        if (n & 1)
            __asm__ volatile("dsb ish\nic iallu\ndsb ish\nisb" ::: "memory");
        else
            __asm__ volatile("dsb ish\nic ialluis\ndsb ish\nisb" ::: "memory");
        for (unsigned p = 0; p < 3; p++)
            CHECK_EQ(run(area[p], 0), n + p);
    }
}

/* The block that runs rewrites what follows it. */
static void code_that_changes_what_comes_next(void)
{
    for (unsigned n = 0; n < 100; n++) {
        uint64_t result;

        __asm__ volatile("adr x9, 1f\n"
                         "str %w1, [x9]\n"
                         "dc cvau, x9\n"
                         "dsb ish\n"
                         "ic ivau, x9\n"
                         "dsb ish\n"
                         "isb\n"
                         "1: mov x0, #9999\n"
                         "mov %0, x0"
                         : "=r"(result)
                         : "r"(MOV(n))
                         : "x0", "x9", "memory");
        CHECK_EQ(result, n);
    }
}

static void data_beside_code_leave_it_alone(void)
{
    volatile uint32_t *f = area[2];
    uint64_t sum = 0;

    put(f, ADD_1);
    put(f + 1, RET);
    for (unsigned n = 0; n < 3000; n++) {
        f[16 + n % 64] = n;
        sum = run(f, sum);
    }
    CHECK_EQ(sum, 3000);
}

/* However it was written. DC ZVA, the last way, is not for Device memory, as
   which all counts with the MMU off. */
static void store_by(unsigned ways)
{
    volatile uint32_t *f = area[3];

    for (unsigned n = 0; n < 90; n++) {
        uint64_t both = (uint64_t)RET << 32 | MOV(n), word = MOV(n);

        f[1] = RET;
        switch (n % ways) {
        case 0:
            __asm__ volatile("str %0, [%1]" ::"r"(both), "r"(f) : "memory");
            break;
        case 1:
            __asm__ volatile("stp %w0, %w2, [%1]" ::"r"(word), "r"(f), "r"(RET)
                             : "memory");
            break;
        case 2:
            __asm__ volatile("fmov d0, %0\nstr d0, [%1]" ::"r"(both), "r"(f)
                             : "memory");
            break;
        case 3:
            __asm__ volatile("1: ldxr w9, [%1]\nstxr w10, %w0, [%1]\n"
                             "cbnz w10, 1b" ::"r"(word),
                             "r"(f)
                             : "x9", "x10", "memory");
            break;
        case 4:
            __asm__ volatile("swpal %w0, w9, [%1]" ::"r"(word), "r"(f)
                             : "x9", "memory");
            break;
        case 5:
            __asm__ volatile(
                "fmov d0, %0\nfmov v0.d[1], %0\nst1 {v0.2d}, [%1]" ::"r"(both),
                "r"(f)
                : "memory");
            break;
        case 6:
            __asm__ volatile("stlr %w0, [%1]" ::"r"(word), "r"(f) : "memory");
            break;
        case 7:
            for (unsigned b = 0; b < 4; b++)
                ((volatile uint8_t *)f)[b] = (uint8_t)(word >> b * 8);
            break;
        default:
            __asm__ volatile("dc zva, %1\nldset %w0, w9, [%1]\n"
                             "str %w2, [%1, #4]" ::"r"(word),
                             "r"(f), "r"(RET)
                             : "x9", "memory");
        }
        publish(f);
        CHECK_EQ(run(f, 0), n);
    }
}

static void by_every_kind_of_store(void)
{
    store_by(8);
    mmu_plain();
    store_by(9);
    mmu_off();
}

/* One page at two addresses: invalidation by either reaches both (the
   instruction cache is physically tagged, CTR_EL0.L1Ip). */
static void aliases(void)
{
    static struct tables t;
    volatile uint32_t *f = area[0], *g;

    g = (volatile uint32_t *)(ALIAS + ((uint64_t)f & 0xffff));
    CHECK_EQ(READ_SYS(ctr_el0) >> 14 & 3, 3); /* PIPT */
    if (!t.root) {
        tables_init(&t, 16, 42);
        tables_identity(&t);
        tables_map(&t, ALIAS, (uint64_t)f & ~0xffffull, 3, PTE_RAM);
    }
    mmu_on(&t, 0, 0);
    put(f + 1, RET);
    for (unsigned n = 0; n < 100; n++) {
        put(n & 1 ? f : g, MOV(n));
        CHECK_EQ(run(f, 0), n);
        CHECK_EQ(run(g, 0), n);
    }
    mmu_off();
}

/* ---- other CPUs ---- */

/* Each publication waits for every running CPU; on a host of few cores that
   takes a while when there are many. */
static uint32_t versions;
static volatile uint32_t version, wrong;

static void all(void (*fn)(unsigned))
{
    unsigned cpus = cpu_count();

    versions = cpus > 2 ? 200 / cpus : 300;
    version = wrong = 0;
    mmu_plain(); /* makes the tables that all will share */
    cpu_run_all(fn);
    mmu_off();
    CHECK_EQ(wrong, 0);
}

static void call_for_ever(void)
{
    while (version <= versions) {
        uint32_t at_least = __atomic_load_n(&version, __ATOMIC_ACQUIRE);
        uint64_t got;

        if (at_least > versions)
            return;
        ISB();
        got = run(area[0], 0);
        if (got < at_least || got > versions + 1)
            __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
    }
}

static void rewrite(unsigned me)
{
    if (me) {
        if (me & 1)
            mmu_plain();
        call_for_ever();
        return;
    }
    for (uint32_t n = 1; n <= versions; n++) {
        put(area[0], MOV(n));
        __atomic_store_n(&version, n, __ATOMIC_RELEASE);
        for (volatile unsigned wait = 0; wait < 100; wait++)
            ;
    }
    __atomic_store_n(&version, versions + 1, __ATOMIC_RELEASE);
}

/* Several times: what runs becomes hot at one of the versions, which is all the
   same to what comes later. */
static void others_run_what_was_published(void)
{
    for (unsigned n = 0; n < 6; n++) {
        put(area[0], MOV(0));
        put(area[0] + 1, RET);
        all(rewrite);
    }
}

/* A branch is turned between two targets, which is allowed without any
   synchronisation (B2.2.5): always one of the two, never something else. */
static void flip(unsigned me)
{
    volatile uint32_t *f = area[1] + 100;

    for (unsigned n = 0; n < versions * 2; n++) {
        if (me == 0) {
            put(f, n & 1 ? B(2) : B(4));
        } else {
            uint64_t got = run(f, 0);

            if (got != 7 && got != 8)
                __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
        }
    }
}

static void a_branch_is_patched_under_others(void)
{
    volatile uint32_t *f = area[1] + 100;

    put(f, B(2));
    put(f + 2, MOV(7));
    put(f + 3, RET);
    put(f + 4, MOV(8));
    put(f + 5, RET);
    all(flip);
}

/* A loop that calls a function in another page, until that answers what is
   wanted: X0. The function is a branch to one of two answers. */
static volatile uint32_t loops_begun;

static void make_loop(volatile uint32_t *loop, volatile uint32_t *callee)
{
    loop[0] = 0xaa1e03ef; /* MOV X15, X30 */
    loop[1] = 0xaa0003e1; /* MOV X1, X0 */
    loop[2] = BL(callee - (loop + 2));
    loop[3] = 0xeb01001f; /* CMP X0, X1 */
    loop[4] = 0x54ffffc1; /* B.NE, to the BL */
    loop[5] = 0xd65f01e0; /* RET X15 */
    publish(loop);
    callee[0] = B(2);
    callee[2] = MOV(0);
    callee[3] = RET;
    callee[4] = MOV(1);
    callee[5] = RET;
    publish(callee);
}

/* The next change comes when the other has seen the one before: one, because
   it never waits. */
static void loop_or_patch(unsigned me)
{
    volatile uint32_t *loop = area[1] + 200, *callee = area[2] + 2048;
    uint32_t others = cpu_count() > 1;

    if (me > others)
        return;
    for (uint32_t n = 1; n <= 6; n++) {
        if (me) {
            __atomic_fetch_add(&loops_begun, 1, __ATOMIC_SEQ_CST);
            if (run(loop, n & 1) != (n & 1))
                __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
            continue;
        }
        await(&loops_begun, n * others);
        for (volatile unsigned wait = 0; wait < 50000; wait++)
            ;
        put(callee, n & 1 ? B(4) : B(2));
    }
}

static void a_loop_notices_that_its_callee_is_patched(void)
{
    loops_begun = 0;
    make_loop(area[1] + 200, area[2] + 2048);
    all(loop_or_patch);
}

/* Each CPU has code of its own in one page that all of them write. */
static void own_code(unsigned me)
{
    volatile uint32_t *f = area[2] + me * 32;

    put(f + 1, RET);
    for (unsigned n = 0; n < versions; n++) {
        put(f, MOV(n + me));
        if (run(f, 0) != n + me)
            __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
    }
}

static void all_write_and_run_in_one_page(void)
{
    all(own_code);
}

#define TEST(fn) \
    {            \
#fn, fn  \
    }
const struct guest_test guest_tests[] = {
    TEST(a_function_is_rewritten_many_times),
    TEST(a_hot_loop_is_changed),
    TEST(each_instruction_of_a_page_in_turn),
    TEST(code_over_the_end_of_a_page),
    TEST(all_at_once_by_iallu),
    TEST(code_that_changes_what_comes_next),
    TEST(data_beside_code_leave_it_alone),
    TEST(by_every_kind_of_store),
    TEST(aliases),
    TEST(others_run_what_was_published),
    TEST(a_branch_is_patched_under_others),
    TEST(a_loop_notices_that_its_callee_is_patched),
    TEST(all_write_and_run_in_one_page),
    {NULL, NULL},
};
