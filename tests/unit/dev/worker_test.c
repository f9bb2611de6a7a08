// SPDX-License-Identifier: Apache-2.0
/* The I/O thread: what is posted is served, and where. */

#include "dev/worker.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/macros.h"
#include "host/host.h"

static struct worker *w;
static _Atomic unsigned count;
static pthread_t served_by;

static int set_up(void **state)
{
    (void)state;
    count = 0;
    w = worker_new("test", NULL);
    assert_non_null(w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    worker_free(w);
    return 0;
}

static void note(void *ctx)
{
    (void)ctx;
    served_by = pthread_self();
    count++;
}

static void wait_for(unsigned want)
{
    for (unsigned ms = 0; ms < 60000 && count < want; ms++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(count, want);
}

static void a_call_is_over_when_it_returns(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 1000; n++) {
        worker_call(w, note, NULL);
        assert_int_equal(count, n);
    }
    assert_false(pthread_equal(served_by, pthread_self()));
}

static void call_from_within(void *ctx)
{
    worker_call(w, note, ctx);
    worker_call(w, note, ctx);
}

static void a_call_from_the_worker_itself_does_not_wait(void **state)
{
    (void)state;
    worker_call(w, call_from_within, NULL);
    assert_int_equal(count, 2);
}

static void what_is_posted_is_served(void **state)
{
    struct worker_event event = {.fn = note};

    (void)state;
    for (unsigned n = 1; n < 200; n++) {
        worker_post(w, &event);
        wait_for(n);
    }
}

static struct worker_event both[2];

static void post_twice_and_cancel(void *ctx)
{
    (void)ctx;
    worker_post(w, &both[0]);
    worker_post(w, &both[0]);
    worker_post(w, &both[1]);
    worker_cancel(w, &both[1]);
    worker_cancel(w, &both[1]);
}

static void posted_twice_is_served_once_and_cancelled_not_at_all(void **state)
{
    (void)state;
    both[0] = both[1] = (struct worker_event){.fn = note};
    worker_call(w, post_twice_and_cancel, NULL);
    worker_call(w, note, NULL);
    assert_int_equal(count, 2);
    worker_post(w, &both[1]); /* it can be used again */
    wait_for(3);
}

static void *poster(void *ctx)
{
    struct worker_event event = {.fn = note};

    (void)ctx;
    for (unsigned n = 0; n < 2000; n++)
        worker_call(w, note, NULL);
    worker_post(w, &event);
    worker_call(w, note, NULL); /* the event is on our stack */
    return NULL;
}

static void many_threads_may_call(void **state)
{
    pthread_t threads[8];

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(threads); n++)
        assert_int_equal(pthread_create(&threads[n], NULL, poster, NULL), 0);
    for (unsigned n = 0; n < ARRAY_LEN(threads); n++)
        pthread_join(threads[n], NULL);
    assert_int_equal(count, 8 * 2002);
}

static struct worker_timer timers[3];
static uint64_t fired_ns;

static void on_timer(void *ctx)
{
    (void)ctx;
    fired_ns = host_mono_ns();
    count++;
}

static void set_timers(void *ctx)
{
    uint64_t now = *(uint64_t *)ctx;

    assert_int_equal(worker_timer_set(w, &timers[0], now + 1000000000000), 0);
    assert_int_equal(worker_timer_set(w, &timers[1], now + 1000000000000), 0);
    assert_int_equal(worker_timer_set(w, &timers[2], now + 20000000), 0);
    worker_timer_stop(w, &timers[0]);
    worker_timer_stop(w, &timers[0]);
    worker_timer_set(w, &timers[1], now + 10000000);
}

static void timers_fire_when_it_is_time(void **state)
{
    uint64_t now = host_mono_ns();

    (void)state;
    for (unsigned n = 0; n < 3; n++)
        timers[n] = (struct worker_timer){.fn = on_timer};
    worker_call(w, set_timers, &now);
    wait_for(2);
    assert_true(fired_ns >= now + 20000000);
}

static struct worker_watch watch;
static int fds[2];

static void on_ready(void *ctx, unsigned ready)
{
    char byte;

    (void)ctx;
    if (ready & WORKER_HUP && !(ready & WORKER_IN)) {
        worker_watch_stop(w, &watch);
        count += 1000;
        return;
    }
    assert_int_equal(read(watch.fd, &byte, 1), 1);
    count++;
}

static void watch_pipe(void *ctx)
{
    (void)ctx;
    watch = (struct worker_watch){.fd = fds[0], .fn = on_ready};
    assert_int_equal(worker_watch_set(w, &watch, WORKER_IN), 0);
}

static void stop_watch(void *ctx)
{
    (void)ctx;
    worker_watch_stop(w, &watch);
    worker_watch_stop(w, &watch);
}

static void a_descriptor_is_watched_until_it_is_not(void **state)
{
    (void)state;
    assert_int_equal(pipe(fds), 0);
    worker_call(w, watch_pipe, NULL);
    assert_int_equal(write(fds[1], "ab", 2), 2);
    wait_for(2);
    worker_call(w, stop_watch, NULL);
    assert_int_equal(write(fds[1], "c", 1), 1);
    worker_call(w, note, NULL);
    assert_int_equal(count, 3);
    worker_call(w, watch_pipe, NULL);
    wait_for(4);
    close(fds[1]);
    wait_for(1004);
    close(fds[0]);
}

static struct worker_timer soon = {.fn = note};

static void set_timer_now(void *ctx)
{
    (void)ctx;
    worker_timer_set(w, &soon, host_mono_ns());
}

static void while_it_is_paused_only_calls_are_served(void **state)
{
    struct worker_event event = {.fn = note};

    (void)state;
    assert_int_equal(pipe(fds), 0);
    worker_call(w, watch_pipe, NULL);
    worker_pause(w, true);
    worker_pause(w, true);
    worker_post(w, &event);
    worker_call(w, set_timer_now, NULL);
    assert_int_equal(write(fds[1], "a", 1), 1);
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    assert_int_equal(count, 0);
    worker_call(w, note, NULL);
    assert_int_equal(count, 1);
    worker_pause(w, false);
    wait_for(4);
    worker_call(w, stop_watch, NULL);
    close(fds[0]);
    close(fds[1]);
    worker_pause(w, true); /* and so it ends */
}

static void watch_other_pipe(void *ctx)
{
    watch.fd = *(const int *)ctx;
    assert_int_equal(worker_watch_set(w, &watch, WORKER_IN), 0);
}

static void a_watch_may_go_on_with_another_descriptor(void **state)
{
    int others[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(pipe(others), 0);
    worker_call(w, watch_pipe, NULL);
    worker_call(w, watch_other_pipe, &others[0]);
    assert_int_equal(write(fds[1], "a", 1), 1);
    assert_int_equal(write(others[1], "b", 1), 1);
    wait_for(1);
    worker_call(w, note, NULL);
    assert_int_equal(count, 2);
    worker_call(w, watch_other_pipe, &fds[0]);
    wait_for(3);
    worker_call(w, stop_watch, NULL);
    for (unsigned n = 0; n < 2; n++) {
        close(fds[n]);
        close(others[n]);
    }
}

static void without_a_worker_all_happens_at_once(void **state)
{
    struct worker_event event = {.fn = note};

    (void)state;
    worker_post(NULL, &event);
    worker_call(NULL, note, NULL);
    worker_cancel(NULL, &event);
    worker_pause(NULL, true);
    assert_int_equal(count, 2);
    assert_true(pthread_equal(served_by, pthread_self()));
}

static void no_memory_is_an_error(void **state)
{
    struct worker *half = NULL;
    struct err e;
    long n;

    (void)state;
    for (n = 0; !half; n++) {
        heap_fail_after(n);
        half = worker_new("test", &e);
        heap_fail_after(-1);
    }
    assert_true(n > 2);
    worker_free(half);
    worker_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void note_ready(void *ctx, unsigned ready)
{
    (void)ready;
    note(ctx);
}

static void a_stepped_worker_works_when_told_to(void **state)
{
    struct worker_event event = {.fn = note};
    struct worker_timer bell = {.fn = note};
    struct worker_watch readable = {.fn = note_ready};
    int pipe_fds[2];

    (void)state;
    count = 0;
    w = worker_new_stepped(NULL);
    assert_non_null(w);
    assert_int_equal(pipe(pipe_fds), 0);
    readable.fd = pipe_fds[0];
    worker_call(w, note, NULL);
    assert_int_equal(count, 1); /* a call is never late */
    worker_post(w, &event);
    assert_int_equal(worker_timer_set(w, &bell, 1), 0);
    assert_int_equal(worker_watch_set(w, &readable, WORKER_IN), 0);
    assert_int_equal(count, 1);
    worker_step(w);
    assert_int_equal(count, 3);
    assert_int_equal(write(pipe_fds[1], "x", 1), 1);
    worker_step(w);
    assert_int_equal(count, 4);
    worker_watch_stop(w, &readable);
    worker_step(w);
    assert_int_equal(count, 4);
    worker_free(w);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_over_when_it_returns),
        TEST(a_call_from_the_worker_itself_does_not_wait),
        TEST(what_is_posted_is_served),
        TEST(posted_twice_is_served_once_and_cancelled_not_at_all),
        TEST(many_threads_may_call),
        TEST(timers_fire_when_it_is_time),
        TEST(a_descriptor_is_watched_until_it_is_not),
        TEST(while_it_is_paused_only_calls_are_served),
        TEST(a_watch_may_go_on_with_another_descriptor),
        TEST(without_a_worker_all_happens_at_once),
        cmocka_unit_test(a_stepped_worker_works_when_told_to),
        TEST(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
