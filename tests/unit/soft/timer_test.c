// SPDX-License-Identifier: Apache-2.0
/* The generic timer against the clock, and that no wake is lost. */

#include "accel/soft/timer.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "accel/soft/gic.h"
#include "accel/soft/idle.h"
#include "accel/soft/sysreg.h"
#include "host/host.h"

enum { MS = 1000000 };

static struct soft_vm vm;
static struct cpu *cpu;

static int set_up(void **state)
{
    (void)state;
    vm = (struct soft_vm){.num_cpus = 1, .cntvoff_ns = host_mono_ns()};
    vm.gic = gic_new(&vm);
    cpu = calloc(1, sizeof(*cpu));
    cpu->vm = &vm;
    vm.cpus[0] = cpu;
    cpu->waker = host_waker_new();
    gic_cpu_reset(cpu);
    timer_update(cpu);
    gicd_write(vm.gic, 0, 4, 3);
    gicr_write(vm.gic, 0x14, 4, 0);
    gicr_write(vm.gic, 0x10080, 4, ~0u);
    gicr_write(vm.gic, 0x10100, 4, ~0u);
    gic_icc_write(cpu, KEY_ICC_PMR_EL1, 0xf8);
    gic_icc_write(cpu, KEY_ICC_IGRPEN1_EL1, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gic_cpu_detach(cpu);
    host_waker_free(cpu->waker);
    free(cpu);
    gic_free(vm.gic);
    return 0;
}

static uint64_t get(unsigned key)
{
    uint64_t v = 0;

    assert_true(timer_read(cpu, key, &v));
    return v;
}

static void set(unsigned key, uint64_t value)
{
    assert_true(timer_write(cpu, key, value));
}

static uint64_t ack(void)
{
    uint64_t v = 0;

    gic_icc_read(cpu, KEY_ICC_IAR1_EL1, &v);
    return v;
}

static void a_timer_that_is_due_drives_its_interrupt(void **state)
{
    (void)state;
    static const unsigned keys[2][3] = {
        {KEY_CNTV_CTL_EL0, KEY_CNTV_CVAL_EL0, TIMER_VIRT_INTID},
        {KEY_CNTP_CTL_EL0, KEY_CNTP_CVAL_EL0, TIMER_PHYS_INTID},
    };

    for (unsigned n = 0; n < 2; n++) {
        set(keys[n][1], 0);
        assert_int_equal(get(keys[n][0]), 0); /* off: no ISTATUS */
        assert_false(cpu->irq_line);
        set(keys[n][0], 3);
        assert_int_equal(get(keys[n][0]), 7);
        assert_false(cpu->irq_line); /* IMASK */
        set(keys[n][0], 1);
        assert_int_equal(get(keys[n][0]), 5);
        assert_true(cpu->irq_line);
        assert_int_equal(ack(), keys[n][2]);
        set(keys[n][1], UINT64_MAX);
        gic_icc_write(cpu, KEY_ICC_EOIR1_EL1, keys[n][2]);
        assert_false(cpu->irq_line);
        assert_int_equal(get(keys[n][0]), 1);
        set(keys[n][0], 0);
    }
}

static void tval_counts_down_signed_from_cval(void **state)
{
    (void)state;
    uint64_t before = timer_count(cpu);
    uint32_t left;

    set(KEY_CNTV_TVAL_EL0, 100 * MS);
    left = (uint32_t)get(KEY_CNTV_TVAL_EL0);
    assert_in_range(100u * MS - left, 0, timer_count(cpu) - before);
    set(KEY_CNTV_TVAL_EL0, (uint32_t)-1000);
    assert_true((int32_t)get(KEY_CNTV_TVAL_EL0) <= -1000);
    assert_true(get(KEY_CNTV_CVAL_EL0) < timer_count(cpu));
    assert_int_equal(get(KEY_CNTV_TVAL_EL0) >> 32, 0);
}

static void the_deadline_is_the_next_of_both(void **state)
{
    (void)state;
    assert_true(cpu->timer_deadline_ns == UINT64_MAX);
    set(KEY_CNTV_CVAL_EL0, 3600ull * 1000 * MS);
    set(KEY_CNTV_CTL_EL0, 1);
    assert_int_equal(cpu->timer_deadline_ns,
                     vm.cntvoff_ns + 3600ull * 1000 * MS);
    set(KEY_CNTP_CVAL_EL0, 1800ull * 1000 * MS);
    set(KEY_CNTP_CTL_EL0, 1);
    assert_int_equal(cpu->timer_deadline_ns,
                     vm.cntvoff_ns + 1800ull * 1000 * MS);
    set(KEY_CNTP_CTL_EL0, 3);
    assert_int_equal(cpu->timer_deadline_ns,
                     vm.cntvoff_ns + 3600ull * 1000 * MS);
    set(KEY_CNTV_CVAL_EL0, UINT64_MAX); /* never, not wrapped to the past */
    assert_true(cpu->timer_deadline_ns == UINT64_MAX);
}

static void other_registers_are_not_the_timers(void **state)
{
    (void)state;
    uint64_t v;

    assert_false(timer_read(cpu, KEY_MIDR_EL1, &v));
    assert_false(timer_write(cpu, KEY_CNTFRQ_EL0, 1));
}

static void sleep_for_50_ms(void)
{
    uint64_t start = host_mono_ns();

    set(KEY_CNTV_TVAL_EL0, 50 * MS);
    set(KEY_CNTV_CTL_EL0, 1);
    cpu_wfi(cpu);
    assert_true(host_mono_ns() - start >= 50 * MS);
    assert_true(cpu->irq_line);
    assert_int_equal(cpu->run_state, RUN_GUEST);
    cpu_wfi(cpu); /* pending: returns at once */
}

static void wait_100_ms_in_wfe(void)
{
    uint64_t start = host_mono_ns();

    while (host_mono_ns() - start < 100 * MS)
        cpu_wfe(cpu);
}

static uint64_t thread_cpu_ns(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

/* The time of a CPU that it takes when nobody else wants that CPU: of many
   tries the one that was disturbed least, at most so much. */
static bool takes_less_than(uint64_t ns, void (*fn)(void))
{
    for (unsigned n = 0; n < 50; n++) {
        uint64_t before = thread_cpu_ns();

        fn();
        if (thread_cpu_ns() - before < ns)
            return true;
    }
    return false;
}

static void wfi_sleeps_until_the_timer_and_burns_nothing(void **state)
{
    (void)state;
    assert_true(takes_less_than(5 * MS, sleep_for_50_ms));
}

static void a_stale_wake_does_not_end_wfi(void **state)
{
    (void)state;
    uint64_t start = host_mono_ns();

    host_waker_wake(cpu->waker);
    set(KEY_CNTV_TVAL_EL0, 20 * MS);
    set(KEY_CNTV_CTL_EL0, 1);
    cpu_wfi(cpu);
    assert_true(host_mono_ns() - start >= 20 * MS);
}

enum { ROUNDS = 3000 };
static _Atomic unsigned served;

static void *interrupt_again_and_again(void *arg)
{
    (void)arg;
    for (unsigned n = 0; n < ROUNDS; n++) {
        gic_spi(vm.gic, 40, true);
        while (served == n)
            sched_yield();
    }
    return NULL;
}

/* A lost wake would hang here: nothing else ends the sleep. */
static void no_interrupt_is_slept_through(void **state)
{
    (void)state;
    pthread_t thread;

    served = 0;
    gicd_write(vm.gic, 0x84, 4, ~0u);
    gicd_write(vm.gic, 0x104, 4, ~0u);
    pthread_create(&thread, NULL, interrupt_again_and_again, NULL);
    while (served < ROUNDS) {
        cpu_wfi(cpu);
        assert_int_equal(ack(), 40);
        gic_spi(vm.gic, 40, false);
        gic_icc_write(cpu, KEY_ICC_EOIR1_EL1, 40);
        served++;
    }
    pthread_join(thread, NULL);
}

static void *kick(void *arg)
{
    cpu_attend(arg, ATT_KICK);
    host_waker_wake(((struct cpu *)arg)->waker);
    return NULL;
}

static void a_kick_ends_wfi(void **state)
{
    (void)state;
    pthread_t thread;

    pthread_create(&thread, NULL, kick, cpu);
    cpu_wfi(cpu);
    assert_true(cpu->attention & ATT_KICK);
    pthread_join(thread, NULL);
}

static void wfe_takes_the_event_and_never_sleeps_long(void **state)
{
    (void)state;
    uint64_t start = host_mono_ns();

    cpu_sev(cpu);
    assert_true(cpu->event);
    cpu_wfe(cpu);
    assert_false(cpu->event);
    for (unsigned n = 0; n < 100; n++)
        cpu_wfe(cpu);
    assert_true(host_mono_ns() - start < 60000ull * MS);
}

static void waiting_in_wfe_costs_little_in_the_long_run(void **state)
{
    (void)state;
    assert_true(takes_less_than(50 * MS, wait_100_ms_in_wfe));
}

/* As LDXR leaves it. */
static void watch(const void *at, uint64_t value, unsigned bytes)
{
    cpu->excl_pa = (uintptr_t)at;
    cpu->excl_val[0] = value;
    cpu->excl_size = (uint8_t)bytes;
}

static void
what_the_monitor_watches_is_an_event_when_it_is_written(void **state)
{
    (void)state;
    const uint64_t word = 0x8877665544332211;

    for (unsigned bytes = 1; bytes <= 16; bytes *= 2) {
        uint64_t value = bytes < 8 ? word & ((1ull << bytes * 8) - 1) : word;

        cpu->wfe_first_ns = cpu->wfe_last_ns = host_mono_ns();
        watch(&word, value, bytes);
        cpu_wfe(cpu);
        assert_int_equal(cpu->excl_size, bytes);
        assert_true(cpu->wfe_last_ns != 0);
        watch(&word, value ^ 1, bytes);
        cpu_wfe(cpu);
        assert_int_equal(cpu->excl_size, 0);
        assert_int_equal(cpu->wfe_last_ns, 0); /* it was not in vain */
    }
}

static void *write_word(void *arg)
{
    __atomic_store_n((uint32_t *)arg, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Were the write missed, this would go on for ever. */
static void a_wait_for_a_word_ends_when_another_thread_writes_it(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 100; n++) {
        uint32_t word = 0;
        pthread_t thread;

        watch(&word, 0, sizeof(word));
        pthread_create(&thread, NULL, write_word, &word);
        while (cpu->excl_size)
            cpu_wfe(cpu);
        assert_int_equal(word, 1);
        pthread_join(thread, NULL);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_timer_that_is_due_drives_its_interrupt),
        T(tval_counts_down_signed_from_cval),
        T(the_deadline_is_the_next_of_both),
        T(other_registers_are_not_the_timers),
        T(wfi_sleeps_until_the_timer_and_burns_nothing),
        T(a_stale_wake_does_not_end_wfi),
        T(no_interrupt_is_slept_through),
        T(a_kick_ends_wfi),
        T(wfe_takes_the_event_and_never_sleeps_long),
        T(waiting_in_wfe_costs_little_in_the_long_run),
        T(what_the_monitor_watches_is_an_event_when_it_is_written),
        T(a_wait_for_a_word_ends_when_another_thread_writes_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
