// SPDX-License-Identifier: Apache-2.0
/* Sleep and wake: no wake is lost, and the time is kept. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/host.h"

enum { ROUNDS = 20000, MS = 1000000 };

static int set_up(void **state)
{
    *state = host_waker_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    host_waker_free(*state);
    host_waker_free(NULL);
    return 0;
}

static void a_wake_that_comes_first_is_not_lost(void **state)
{
    struct host_waker *w = *state;

    host_waker_wake(w);
    host_waker_wake(w); /* is one with the first */
    assert_true(host_waker_wait(w, UINT64_MAX));
    assert_false(host_waker_wait(w, 0));
}

static void a_wait_ends_when_its_time_has_come(void **state)
{
    uint64_t start = host_mono_ns();

    assert_false(host_waker_wait(*state, start + 10 * MS));
    assert_true(host_mono_ns() >= start + 10 * MS);
    assert_false(host_waker_wait(*state, start)); /* it is past */
    assert_false(host_waker_wait(*state, 0));
}

struct pair {
    struct host_waker *ping, *pong;
};

static void *answer(void *arg)
{
    struct pair *p = arg;

    for (unsigned n = 0; n < ROUNDS; n++) {
        host_waker_wait(p->ping, UINT64_MAX);
        host_waker_wake(p->pong);
    }
    return NULL;
}

/* One that is lost hangs here. */
static void two_threads_wake_each_other(void **state)
{
    struct pair p = {.ping = *state, .pong = host_waker_new()};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, answer, &p), 0);
    for (unsigned n = 0; n < ROUNDS; n++) {
        host_waker_wake(p.ping);
        assert_true(host_waker_wait(p.pong, UINT64_MAX));
    }
    pthread_join(thread, NULL);
    host_waker_free(p.pong);
}

static void there_is_a_cpu_to_run_on(void **state)
{
    (void)state;
    assert_true(host_cpus() >= 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_wake_that_comes_first_is_not_lost),
        T(a_wait_ends_when_its_time_has_come),
        T(two_threads_wake_each_other),
        cmocka_unit_test(there_is_a_cpu_to_run_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
