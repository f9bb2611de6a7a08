// SPDX-License-Identifier: Apache-2.0
/* The generic timer (Arm ARM D11): both timers, their interrupts, sleeping. */

#include "gic.h"

enum { VIRT = 27, PHYS = 30, ENABLE = 1, IMASK = 2, ISTATUS = 4 };
#define MS 1000000ull

static volatile uint32_t ticks[32];
static volatile uint64_t came_at[32];
static volatile uint32_t last_intid;

static void stop_both(void)
{
    WRITE_SYS(cntv_ctl_el0, 0);
    WRITE_SYS(cntp_ctl_el0, 0);
    ISB();
}

static bool on_tick(unsigned kind, struct trap_frame *frame)
{
    uint32_t intid = (uint32_t)GET(ICC_IAR1);

    (void)kind;
    (void)frame;
    if (intid >= 1020)
        return true;
    last_intid = intid;
    came_at[cpu_index()] = counter();
    stop_both();
    SET(ICC_EOIR1, intid);
    __atomic_fetch_add(&ticks[cpu_index()], 1, __ATOMIC_SEQ_CST);
    return true;
}

static void begin(void)
{
    gic_begin();
    make_ready(VIRT);
    make_ready(PHYS);
    stop_both();
    guest_on_irq = on_tick;
    for (unsigned n = 0; n < 32; n++)
        ticks[n] = 0;
}

static void the_counters_agree_and_move(void)
{
    uint64_t first = READ_SYS(cntvct_el0), p, v;

    CHECK_EQ(READ_SYS(cntfrq_el0), 1000000000);
    for (unsigned n = 0; n < 1000; n++) {
        ISB();
        p = READ_SYS(cntpct_el0);
        ISB();
        v = READ_SYS(cntvct_el0);
        CHECK(p <= v && v - p < 60000ull * MS);
        CHECK(p >= first);
        first = v;
    }
}

static void status_is_the_comparison(void)
{
    begin();
    WRITE_SYS(cntv_cval_el0, counter() + 1000 * 1000 * MS);
    WRITE_SYS(cntv_ctl_el0, ENABLE | IMASK);
    ISB();
    CHECK_EQ(READ_SYS(cntv_ctl_el0), ENABLE | IMASK);
    WRITE_SYS(cntv_cval_el0, 0);
    ISB();
    CHECK_EQ(READ_SYS(cntv_ctl_el0), ENABLE | IMASK | ISTATUS);
    CHECK(!get_bit(ISPENDR, VIRT));
    WRITE_SYS(cntv_ctl_el0, ENABLE);
    ISB();
    CHECK(get_bit(ISPENDR, VIRT));
    WRITE_SYS(cntv_ctl_el0, 0);
    ISB();
    CHECK(!get_bit(ISPENDR, VIRT));
    CHECK_EQ(READ_SYS(cntv_ctl_el0) & 3, 0);
}

static void the_timer_value_counts_down(void)
{
    begin();
    uint64_t start = counter();

    WRITE_SYS(cntp_tval_el0, 1000 * MS);
    ISB();
    int32_t a = (int32_t)READ_SYS(cntp_tval_el0);
    uint64_t cval = READ_SYS(cntp_cval_el0);

    wait_ns(MS);
    int32_t b = (int32_t)READ_SYS(cntp_tval_el0);

    uint64_t took = counter() - start;

    CHECK(1000 * MS - a <= took);
    CHECK((uint32_t)a - (uint32_t)b >= MS);
    CHECK(cval - start >= 1000 * MS && cval - start <= 1000 * MS + took);
    CHECK_EQ(READ_SYS(cntp_cval_el0), cval);
    /* TVAL is signed: the condition has been met for a while. */
    WRITE_SYS(cntp_tval_el0, 0xfffffffffffff000);
    WRITE_SYS(cntp_ctl_el0, ENABLE | IMASK);
    ISB();
    CHECK_EQ(READ_SYS(cntp_ctl_el0), ENABLE | IMASK | ISTATUS);
    CHECK((int32_t)READ_SYS(cntp_tval_el0) < 0);
    CHECK_EQ(READ_SYS(cntp_tval_el0) >> 32, 0);
    stop_both();
}

static void each_timer_has_its_interrupt(void)
{
    begin();
    WRITE_SYS(cntv_tval_el0, 0);
    WRITE_SYS(cntv_ctl_el0, ENABLE);
    ISB();
    open_up();
    CHECK_EQ(ticks[0], 1);
    CHECK_EQ(last_intid, VIRT);
    WRITE_SYS(cntp_tval_el0, 0);
    WRITE_SYS(cntp_ctl_el0, ENABLE);
    ISB();
    open_up();
    CHECK_EQ(ticks[0], 2);
    CHECK_EQ(last_intid, PHYS);
}

static void a_masked_timer_stays_silent(void)
{
    begin();
    WRITE_SYS(cntv_tval_el0, 0);
    WRITE_SYS(cntv_ctl_el0, ENABLE | IMASK);
    ISB();
    wait_ns(2 * MS);
    open_up();
    CHECK_EQ(ticks[0], 0);
    WRITE_SYS(cntv_ctl_el0, ENABLE);
    ISB();
    open_up();
    CHECK_EQ(ticks[0], 1);
}

/* Sleeps until the timer; never early. */
static void sleep_once(unsigned me, uint64_t ns)
{
    uint64_t due = counter() + ns;
    uint32_t before = ticks[me];

    WRITE_SYS(cntv_cval_el0, due);
    WRITE_SYS(cntv_ctl_el0, ENABLE);
    ISB();
    while (ticks[me] == before) {
        __asm__ volatile("wfi" ::: "memory");
        open_up();
    }
    CHECK(came_at[me] >= due);
}

static void wfi_sleeps_until_the_timer(void)
{
    begin();
    for (unsigned n = 0; n < 20; n++)
        sleep_once(0, n * MS / 4);
}

static void a_running_loop_is_interrupted(void)
{
    begin();
    WRITE_SYS(cntv_tval_el0, 2 * MS);
    WRITE_SYS(cntv_ctl_el0, ENABLE);
    __asm__ volatile("msr daifclr, #2" ::: "memory");
    wait_for(&ticks[0], 1);
    __asm__ volatile("msr daifset, #2" ::: "memory");
}

static void wfi_wakes_for_a_masked_interrupt(void)
{
    begin();
    WRITE_SYS(cntv_tval_el0, MS);
    WRITE_SYS(cntv_ctl_el0, ENABLE);
    ISB();
    /* It may end for no reason (D1.6.2). */
    for (struct wait w = {0}; !get_bit(ISPENDR, VIRT); keep_waiting(&w))
        __asm__ volatile("wfi" ::: "memory");
    CHECK_EQ(ticks[0], 0);
    open_up();
    CHECK_EQ(ticks[0], 1);
}

static void wfe_does_not_sleep_for_ever(void)
{
    uint64_t start = counter();

    for (unsigned n = 0; n < 10; n++)
        __asm__ volatile("wfe" ::: "memory");
    CHECK(counter() - start < 60000ull * MS);
}

static void sleep_on_each(unsigned me)
{
    cpu_interface();
    make_ready(VIRT);
    for (unsigned n = 0; n < 10; n++)
        sleep_once(me, (n * 7 + me) % 16 * MS / 4);
    CHECK_EQ(ticks[me], 10);
}

static void every_cpu_has_its_own_timer(void)
{
    begin();
    cpu_run_all(sleep_on_each);
}

static volatile uint64_t latest;

static void race(unsigned me)
{
    (void)me;
    for (unsigned n = 0; n < 2000; n++) {
        uint64_t before = __atomic_load_n(&latest, __ATOMIC_ACQUIRE);
        uint64_t now = counter();

        if (now < before)
            CHECK(now >= before);
        __atomic_store_n(&latest, now, __ATOMIC_RELEASE);
    }
}

/* What another CPU has read of the counter is in the past (D11.1.2). */
static void time_is_the_same_on_all_cpus(void)
{
    latest = 0;
    cpu_run_all(race);
}

#define TEST(fn) \
    {            \
#fn, fn  \
    }
const struct guest_test guest_tests[] = {
    TEST(the_counters_agree_and_move),   TEST(status_is_the_comparison),
    TEST(the_timer_value_counts_down),   TEST(each_timer_has_its_interrupt),
    TEST(a_masked_timer_stays_silent),   TEST(wfi_sleeps_until_the_timer),
    TEST(a_running_loop_is_interrupted), TEST(wfi_wakes_for_a_masked_interrupt),
    TEST(wfe_does_not_sleep_for_ever),   TEST(every_cpu_has_its_own_timer),
    TEST(time_is_the_same_on_all_cpus),  {NULL, NULL},
};
