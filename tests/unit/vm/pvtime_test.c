// SPDX-License-Identifier: Apache-2.0
/* Stolen time: a guest that asks for it reads it in its memory. */

#include "vm/pvtime.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/macros.h"
#include "host/host.h"
#include "machine/layout.h"

enum { VCPUS = 3 };

#define PAUSE_NS 190000000ull

static struct gmem ram;
static struct worker *w;
static struct pvtime *p;

static int set_up(void **state)
{
    (void)state;
    gmem_init(&ram);
    assert_int_equal(gmem_add(&ram, DRAM_BASE, 4 * MIB, NULL), 0);
    memset(gmem_at(&ram, DRAM_BASE, 4 * MIB), 0xff, 4 * MIB);
    w = worker_new("test", NULL);
    p = pvtime_new(&ram, VCPUS, w, NULL);
    assert_true(w && p);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    worker_free(w);
    pvtime_free(p);
    gmem_release(&ram);
    return 0;
}

static uint64_t stolen_ns(unsigned vcpu)
{
    const uint64_t *at = gmem_at(&ram, pvtime_addr(VCPUS, vcpu) + 8, 8);

    return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static void sleep_ms(unsigned ms)
{
    const struct timespec t = {.tv_sec = ms / 1000,
                               .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

static void who_asks_has_a_structure_of_zeros(void **state)
{
    static const uint8_t zeros[16];

    (void)state;
    assert_int_equal(pvtime_ask(p, 1), pvtime_addr(VCPUS, 1));
    assert_memory_equal(gmem_at(&ram, pvtime_addr(VCPUS, 1), 16), zeros, 16);
    assert_int_equal(stolen_ns(0), UINT64_MAX); /* nobody asked for this one */
    assert_int_equal(pvtime_ask(p, 1), pvtime_addr(VCPUS, 1));
    assert_int_equal(pvtime_ask(p, VCPUS), 0);
}

static void a_pause_is_stolen(void **state)
{
    uint64_t start = host_mono_ns();

    (void)state;
    pvtime_ask(p, 0);
    pvtime_ask(p, 2);
    pvtime_pause(p);
    pvtime_pause(p);
    sleep_ms(200);
    pvtime_resume(p);
    pvtime_resume(p);
    for (unsigned ms = 0; ms < 60000 && stolen_ns(2) < PAUSE_NS; ms += 10)
        sleep_ms(10); /* it waits for CPUs as well */
    assert_in_range(stolen_ns(0), PAUSE_NS, host_mono_ns() - start);
    assert_in_range(stolen_ns(2), PAUSE_NS, host_mono_ns() - start);
}

/* Stolen is only what this thread waited for a CPU. */
static void pauses_before_the_question_are_not(void **state)
{
    struct host_thread_times before = {0, 0}, after = {0, 0};
    int fd = host_thread_open();
    uint64_t stolen;

    (void)state;
    pvtime_pause(p);
    sleep_ms(100);
    pvtime_resume(p);
    pvtime_ask(p, 1);
    pvtime_pause(p);
    sleep_ms(100);
    pvtime_resume(p);
    host_thread_read(fd, &before);
    pvtime_ask(p, 0);
    for (unsigned ms = 0; ms < 60000 && stolen_ns(1) < PAUSE_NS / 2; ms += 10)
        sleep_ms(10); /* who asked before the second pause has that one */
    stolen = stolen_ns(0);
    host_thread_read(fd, &after);
    host_thread_close(fd);
    assert_true(stolen_ns(1) >= PAUSE_NS / 2);
    assert_in_range(stolen, 0, after.waited_ns - before.waited_ns);
}

static void no_room_is_no_stolen_time(void **state)
{
    (void)state;
    gmem_release(&ram);
    assert_int_equal(pvtime_ask(p, 0), 0);
}

static void no_memory_is_an_error(void **state)
{
    struct err e;

    (void)state;
    heap_fail_after(0);
    assert_null(pvtime_new(&ram, 1, w, &e));
    heap_fail_after(-1);
    assert_int_equal(e.code, -ENOMEM);
    pvtime_free(NULL);
}

static void the_host_says_how_long_a_thread_ran(void **state)
{
    struct host_thread_times a = {0, 0}, b = {0, 0};
    int fd = host_thread_open();
    uint64_t end = host_mono_ns() + 30000000, most = end + 60000000000;

    (void)state;
    host_thread_read(-1, &a);
    assert_int_equal(a.ran_ns, 0);
    if (fd < 0)
        skip();
    host_thread_read(fd, &a);
    do /* a host that is itself a guest may not have run either */
        host_thread_read(fd, &b);
    while (host_mono_ns() < end ||
           (a.ran_ns && host_mono_ns() < most &&
            b.ran_ns - a.ran_ns + b.waited_ns - a.waited_ns <= 10000000));
    host_thread_close(fd);
    assert_true(b.ran_ns >= a.ran_ns && b.waited_ns >= a.waited_ns);
    /* A host may keep no such numbers: then they are all zero. */
    assert_true(!a.ran_ns ||
                b.ran_ns - a.ran_ns + b.waited_ns - a.waited_ns > 10000000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_asks_has_a_structure_of_zeros),
        TEST(a_pause_is_stolen),
        TEST(pauses_before_the_question_are_not),
        TEST(no_room_is_no_stolen_time),
        TEST(no_memory_is_an_error),
        TEST(the_host_says_how_long_a_thread_ran),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
