// SPDX-License-Identifier: Apache-2.0
/* Several CPUs on one memory: atomics, exclusives, ordering, TLBI, events. */

#include "tables.h"

enum { ROUNDS = 2000 };

static unsigned cpus;
static volatile uint64_t counter64 __attribute__((aligned(64)));
static volatile uint32_t word __attribute__((aligned(64)));

static void all(void (*fn)(unsigned))
{
    cpus = cpu_count();
    mmu_plain(); /* makes the tables that all will share */
    cpu_run_all(fn);
}

static void add_lse(unsigned me)
{
    mmu_plain();
    for (unsigned n = 0; n < ROUNDS; n++)
        __asm__ volatile("ldadd %1, %2, [%0]" ::"r"(&counter64), "r"(1ull),
                         "r"((uint64_t)me)
                         : "memory");
}

static void add_exclusive(unsigned me)
{
    (void)me;
    mmu_plain();
    for (unsigned n = 0; n < ROUNDS; n++)
        __asm__ volatile("1: ldxr x9, [%0]\n"
                         "add x9, x9, #1\n"
                         "stxr w10, x9, [%0]\n"
                         "cbnz w10, 1b" ::"r"(&counter64)
                         : "x9", "x10", "memory");
}

static void add_cas(unsigned me)
{
    (void)me;
    mmu_plain();
    for (unsigned n = 0; n < ROUNDS; n++)
        __asm__ volatile("1: ldr x9, [%0]\n"
                         "mov x11, x9\n"
                         "add x10, x9, #1\n"
                         "casal x9, x10, [%0]\n"
                         "cmp x9, x11\n"
                         "b.ne 1b" ::"r"(&counter64)
                         : "x9", "x10", "x11", "cc", "memory");
}

static void add_by_any_means(unsigned me)
{
    static void (*const ways[])(unsigned) = {add_lse, add_exclusive, add_cas};

    ways[me % 3](me);
}

static void check_adds(void (*fn)(unsigned))
{
    counter64 = 0;
    all(fn);
    CHECK_EQ(counter64, (uint64_t)cpus * ROUNDS);
}

static void no_addition_is_lost(void)
{
    check_adds(add_lse);
    check_adds(add_exclusive);
    check_adds(add_cas);
    check_adds(add_by_any_means);
}

static volatile uint8_t bytes[64] __attribute__((aligned(64)));

/* Neighbours in one word must not disturb each other. */
static void add_byte(unsigned me)
{
    mmu_plain();
    for (unsigned n = 0; n < ROUNDS; n++) {
        if (n & 1)
            __asm__ volatile("1: ldxrb w9, [%0]\n"
                             "add w9, w9, #1\n"
                             "stxrb w10, w9, [%0]\n"
                             "cbnz w10, 1b" ::"r"(&bytes[me])
                             : "x9", "x10", "memory");
        else
            __asm__ volatile("ldaddb %w1, wzr, [%0]" ::"r"(&bytes[me]), "r"(1)
                             : "memory");
    }
}

static void bytes_are_alone(void)
{
    for (unsigned n = 0; n < 64; n++)
        bytes[n] = 0;
    all(add_byte);
    for (unsigned n = 0; n < cpus; n++)
        CHECK_EQ(bytes[n], (uint8_t)ROUNDS);
    CHECK_EQ(bytes[cpus], 0);
}

static volatile uint64_t pair[2] __attribute__((aligned(64)));
static volatile uint32_t torn;

/* Both halves count together; nobody may see them apart. */
static void add_pair(unsigned me)
{
    uint64_t a, b;

    mmu_plain();
    for (unsigned n = 0; n < ROUNDS; n++) {
        if (me & 1)
            __asm__ volatile("1: ldxp x9, x10, [%2]\n"
                             "mov %0, x9\nmov %1, x10\n"
                             "add x9, x9, #1\nadd x10, x10, #1\n"
                             "stxp w11, x9, x10, [%2]\n"
                             "cbnz w11, 1b"
                             : "=&r"(a), "=&r"(b)
                             : "r"(pair)
                             : "x9", "x10", "x11", "memory");
        else
            __asm__ volatile("ldxp x0, x1, [%2]\n"
                             "1: mov x6, x0\nmov x7, x1\n"
                             "add x2, x0, #1\nadd x3, x1, #1\n"
                             "caspal x0, x1, x2, x3, [%2]\n"
                             "cmp x0, x6\nccmp x1, x7, #0, eq\n"
                             "b.ne 1b\n"
                             "mov %0, x0\nmov %1, x1"
                             : "=&r"(a), "=&r"(b)
                             : "r"(pair)
                             : "x0", "x1", "x2", "x3", "x6", "x7", "cc",
                               "memory");
        if (a != b)
            __atomic_fetch_add(&torn, 1, __ATOMIC_RELAXED);
    }
}

static void pairs_are_whole(void)
{
    torn = 0;
    pair[0] = pair[1] = 0;
    all(add_pair);
    CHECK_EQ(torn, 0);
    CHECK_EQ(pair[0], (uint64_t)cpus * ROUNDS);
    CHECK_EQ(pair[1], (uint64_t)cpus * ROUNDS);
}

static volatile uint64_t inside;

static void lock_acquire(void)
{
    __asm__ volatile("sevl\n"
                     "1: wfe\n"
                     "2: ldaxr w9, [%0]\n"
                     "cbnz w9, 1b\n"
                     "stxr w9, %w1, [%0]\n"
                     "cbnz w9, 2b" ::"r"(&word),
                     "r"(1)
                     : "x9", "memory");
}

static void lock_release(void)
{
    __asm__ volatile("stlr wzr, [%0]" ::"r"(&word) : "memory");
}

static void in_turns(unsigned me)
{
    (void)me;
    mmu_plain();
    for (unsigned n = 0; n < ROUNDS / 4; n++) {
        lock_acquire();
        inside++;
        if (inside != 1)
            torn = 1;
        counter64++;
        inside--;
        lock_release();
    }
}

static void a_spin_lock_lets_one_in(void)
{
    word = torn = 0;
    inside = counter64 = 0;
    all(in_turns);
    CHECK_EQ(torn, 0);
    CHECK_EQ(counter64, (uint64_t)cpus * (ROUNDS / 4));
}

/* ---- litmus tests, by CPUs 0 and 1 ---- */

static volatile uint64_t lx __attribute__((aligned(64)));
static volatile uint64_t ly __attribute__((aligned(64)));
static volatile uint64_t saw[2];
static volatile uint32_t arrived __attribute__((aligned(64)));
static volatile uint32_t variant, forbidden;

static void barrier(unsigned target)
{
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    await(&arrived, target);
}

static void store_then_load(volatile uint64_t *mine, volatile uint64_t *other,
                            volatile uint64_t *result)
{
    uint64_t r;

    if (variant == 0)
        __asm__ volatile("str %3, [%1]\ndmb sy\nldr %0, [%2]"
                         : "=&r"(r)
                         : "r"(mine), "r"(other), "r"(1ull)
                         : "memory");
    else if (variant == 1)
        __asm__ volatile("stlr %3, [%1]\nldar %0, [%2]"
                         : "=&r"(r)
                         : "r"(mine), "r"(other), "r"(1ull)
                         : "memory");
    else
        __asm__ volatile("swpal %3, xzr, [%1]\nldar %0, [%2]"
                         : "=&r"(r)
                         : "r"(mine), "r"(other), "r"(1ull)
                         : "memory");
    *result = r;
}

static void store_buffer(unsigned me)
{
    mmu_plain();
    if (me > 1)
        return;
    for (unsigned n = 0; n < ROUNDS; n++) {
        barrier(n * 4 + 2);
        if (me == 0)
            store_then_load(&lx, &ly, &saw[0]);
        else
            store_then_load(&ly, &lx, &saw[1]);
        barrier(n * 4 + 4);
        if (me == 0) {
            if (!saw[0] && !saw[1])
                forbidden++;
            lx = ly = 0;
        }
    }
}

static void a_store_is_seen_before_the_load_behind_a_barrier(void)
{
    if (cpu_count() < 2)
        return;
    for (variant = 0; variant < 3; variant++) {
        arrived = forbidden = 0;
        lx = ly = 0;
        all(store_buffer);
        CHECK_EQ(forbidden, 0);
    }
}

static void message_passing(unsigned me)
{
    mmu_plain();
    if (me > 1)
        return;
    for (uint64_t n = 1; n <= ROUNDS * 4; n++) {
        uint64_t flag, data;

        if (me == 0) {
            if (variant == 0)
                __asm__ volatile(
                    "str %2, [%0]\ndmb ishst\nstr %2, [%1]" ::"r"(&lx),
                    "r"(&ly), "r"(n)
                    : "memory");
            else
                __asm__ volatile("str %2, [%0]\nstlr %2, [%1]" ::"r"(&lx),
                                 "r"(&ly), "r"(n)
                                 : "memory");
            continue;
        }
        if (variant == 0)
            __asm__ volatile("ldr %0, [%3]\ndmb ishld\nldr %1, [%2]"
                             : "=&r"(flag), "=&r"(data)
                             : "r"(&lx), "r"(&ly)
                             : "memory");
        else
            __asm__ volatile("ldapr %0, [%3]\nldr %1, [%2]"
                             : "=&r"(flag), "=&r"(data)
                             : "r"(&lx), "r"(&ly)
                             : "memory");
        if (data < flag)
            forbidden++;
    }
}

static void a_message_is_there_when_its_flag_is(void)
{
    if (cpu_count() < 2)
        return;
    for (variant = 0; variant < 2; variant++) {
        forbidden = 0;
        lx = ly = 0;
        all(message_passing);
        CHECK_EQ(forbidden, 0);
    }
}

/* ---- events ---- */

static void wait_for_event(unsigned me)
{
    if (me == 0) {
        wait_ns(2000000);
        word = 1;
        __asm__ volatile("dsb sy\nsev" ::: "memory");
        return;
    }
    while (!word)
        __asm__ volatile("wfe" ::: "memory");
}

static void sev_wakes_them_all(void)
{
    for (unsigned n = 0; n < 10; n++) {
        word = 0;
        all(wait_for_event);
    }
}

/* ---- exclusives: what breaks them ---- */

static void a_foreign_store_breaks_the_reservation(unsigned me)
{
    uint32_t failed;

    mmu_plain();
    if (me == 0) {
        __asm__ volatile("ldxr x9, [%0]" ::"r"(&lx) : "x9", "memory");
        barrier(2);
        barrier(4);
        __asm__ volatile("stxr %w0, %1, [%2]"
                         : "=&r"(failed)
                         : "r"(99ull), "r"(&lx)
                         : "memory");
        if (!failed)
            forbidden++;
    } else if (me == 1) {
        barrier(2);
        lx = 7;
        barrier(4);
    }
}

static void exclusives_notice_others(void)
{
    if (cpu_count() < 2)
        return;
    arrived = forbidden = 0;
    lx = 0;
    all(a_foreign_store_breaks_the_reservation);
    CHECK_EQ(forbidden, 0);
    CHECK_EQ(lx, 7);
}

static void exclusives_of_one_cpu(void)
{
    uint64_t failed, again, cleared;

    mmu_plain();
    __asm__ volatile("ldxr x9, [%3]\nstxr %w0, x9, [%3]\n"
                     "stxr %w1, x9, [%3]\n"
                     "ldxr x9, [%3]\nclrex\nstxr %w2, x9, [%3]"
                     : "=&r"(failed), "=&r"(again), "=&r"(cleared)
                     : "r"(&lx)
                     : "x9", "memory");
    CHECK_EQ((uint32_t)failed, 0);
    CHECK_EQ((uint32_t)again, 1);
    CHECK_EQ((uint32_t)cleared, 1);
    /* An exception's return clears the monitor (D1.3.4). */
    trap_expect();
    __asm__ volatile("ldxr x9, [%1]\nsvc #0\nstxr %w0, x9, [%1]"
                     : "=&r"(failed)
                     : "r"(&lx)
                     : "x9", "memory");
    CHECK_EQ((uint32_t)failed, 1);
    mmu_off();
}

/* ---- TLBI while the others run ---- */

#define WINDOW 0x4000000000ull /* of 39 bits, the upper half */
static struct tables shared;
static uint64_t frames[2];
static volatile uint32_t epoch, acked[32], stale;

/* Whatever the owner says is mapped must be what is read, as soon as the
   owner's DSB is over and says so. */
static void reader(unsigned me)
{
    mmu_on(&shared, 0, 0);
    while (epoch != 0xffffffff) {
        uint32_t before = __atomic_load_n(&epoch, __ATOMIC_ACQUIRE);
        uint64_t value = *(volatile uint64_t *)WINDOW;
        uint32_t after = __atomic_load_n(&epoch, __ATOMIC_ACQUIRE);

        if (before == after && !(before & 1) && value != (before >> 1 & 1))
            __atomic_fetch_add(&stale, 1, __ATOMIC_RELAXED);
        acked[me]++;
    }
}

static void owner(void)
{
    volatile uint64_t *entry = tables_entry(&shared, WINDOW, 3);

    mmu_on(&shared, 0, 0);
    /* Each TLBI waits for every running CPU: see code.c. */
    for (uint32_t n = 0; n < (cpus > 2 ? 120 / cpus : 300); n++) {
        uint32_t next = (n + 1) * 2;

        __atomic_store_n(&epoch, n * 2 + 1, __ATOMIC_RELEASE);
        *entry = frames[next >> 1 & 1] | PTE_RAM | 3;
        __asm__ volatile(
            "dsb ishst\ntlbi vaae1is, %0\ndsb ish\nisb" ::"r"(WINDOW >> 12)
            : "memory");
        __atomic_store_n(&epoch, next, __ATOMIC_RELEASE);
        for (volatile unsigned wait = 0; wait < 200; wait++)
            ;
    }
    __atomic_store_n(&epoch, 0xffffffff, __ATOMIC_RELEASE);
    mmu_off();
}

static void remap(unsigned me)
{
    if (me)
        reader(me);
    else
        owner();
}

static void a_broadcast_tlbi_is_over_at_the_dsb(void)
{
    tables_init(&shared, 12, 39);
    tables_identity(&shared);
    for (unsigned n = 0; n < 2; n++) {
        frames[n] = table_page(12);
        write64(frames[n], n);
    }
    tables_map(&shared, WINDOW, frames[0], 3, PTE_RAM);
    epoch = stale = 0;
    all(remap);
    CHECK_EQ(stale, 0);
}

#define TEST(fn) \
    {            \
#fn, fn  \
    }
const struct guest_test guest_tests[] = {
    TEST(no_addition_is_lost),
    TEST(bytes_are_alone),
    TEST(pairs_are_whole),
    TEST(a_spin_lock_lets_one_in),
    TEST(a_store_is_seen_before_the_load_behind_a_barrier),
    TEST(a_message_is_there_when_its_flag_is),
    TEST(sev_wakes_them_all),
    TEST(exclusives_notice_others),
    TEST(exclusives_of_one_cpu),
    TEST(a_broadcast_tlbi_is_over_at_the_dsb),
    {NULL, NULL},
};
