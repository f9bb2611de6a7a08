// SPDX-License-Identifier: Apache-2.0
/* The console from both ends: nothing waits, nothing of the input is lost. */

#include "dev/console.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/metrics.h"
#include "dev/rate_limiter.h"
#include "dev_fixture.h"
#include "host/host.h"

struct end {
    struct console *c;
    struct console_rx rx;
    unsigned arrived;
    unsigned out_waiting, in_wanted;
};

static void note_arrived(void *ctx)
{
    ((struct end *)ctx)->arrived++;
}

static void note_out(void *ctx)
{
    ((struct end *)ctx)->out_waiting++;
}

static void note_in(void *ctx)
{
    ((struct end *)ctx)->in_wanted++;
}

static void end_init(struct end *end, struct console *c)
{
    *end = (struct end){.c = c, .rx = {.arrived = note_arrived, .ctx = end}};
    console_attach(c, &end->rx);
}

static void hook(struct end *end)
{
    console_set_hooks(end->c, &(struct console_hooks){.out_waiting = note_out,
                                                      .in_wanted = note_in,
                                                      .ctx = end});
}

/* Items taken by `end`, as text. */
static const char *taken(struct end *end, size_t max)
{
    static char text[64];
    uint16_t items[sizeof(text)];
    size_t count = console_take(end->c, &end->rx, items, max);

    for (size_t n = 0; n < count; n++)
        text[n] = (char)items[n];
    text[count] = 0;
    return text;
}

static void output_comes_in_order_and_wakes_once(void **state)
{
    struct console *c = console_new(NULL);
    struct end a;

    (void)state;
    end_init(&a, c);
    hook(&a);
    console_put(c, 'a');
    console_put(c, 'b');
    assert_int_equal(a.out_waiting, 1);
    assert_string_equal(output(c), "ab");
    console_put(c, 'c');
    assert_int_equal(a.out_waiting, 1); /* it has not yet found it empty */
    assert_string_equal(output(c), "c");
    assert_string_equal(output(c), "");
    console_put(c, 'd');
    assert_int_equal(a.out_waiting, 2);
    console_free(c);
}

static void a_full_console_loses_output_and_counts(void **state)
{
    struct console *c = console_new(NULL);
    uint8_t byte;

    (void)state;
    for (size_t n = 0; n < CONSOLE_OUT_BYTES; n++)
        assert_true(console_put(c, (uint8_t)n));
    assert_false(console_put(c, 'x'));
    assert_int_equal(console_lost(c), 1);
    assert_int_equal(console_drain(c, &byte, 1), 1);
    assert_int_equal(byte, 0);
    assert_true(console_put(c, 'y'));
    console_free(c);
}

static void input_waits_until_somebody_takes_it(void **state)
{
    struct console *c = console_new(NULL);
    struct end a;

    (void)state;
    type(c, "early");
    end_init(&a, c);
    assert_true(console_has_input(c, &a.rx));
    console_open(c, &a.rx);
    assert_string_equal(taken(&a, 3), "ear");
    type(c, "!");
    assert_int_equal(a.arrived, 1);
    assert_string_equal(taken(&a, 60), "ly!");
    assert_false(console_has_input(c, &a.rx));
    console_free(c);
}

static void a_full_console_pushes_back_and_asks_again(void **state)
{
    struct console *c = console_new(NULL);
    uint16_t items[CONSOLE_IN_ITEMS + 10];
    struct end a;

    (void)state;
    memset(items, 0, sizeof(items));
    end_init(&a, c);
    hook(&a);
    console_open(c, &a.rx);
    assert_int_equal(console_feed(c, items, CONSOLE_IN_ITEMS + 10),
                     CONSOLE_IN_ITEMS);
    assert_int_equal(console_feed(c, items, 10), 0);
    assert_int_equal(console_take(c, &a.rx, items, CONSOLE_IN_ITEMS / 2 - 1),
                     CONSOLE_IN_ITEMS / 2 - 1);
    assert_int_equal(a.in_wanted, 0);
    console_take(c, &a.rx, items, 1);
    assert_int_equal(a.in_wanted, 1);
    console_take(c, &a.rx, items, 1);
    assert_int_equal(a.in_wanted, 1);
    assert_int_equal(console_feed(c, items, 10), 10);
    console_take(c, &a.rx, items, CONSOLE_IN_ITEMS);
    assert_int_equal(a.in_wanted, 1); /* it took all the last time */
    console_free(c);
}

static void the_first_to_open_keeps_the_input(void **state)
{
    struct console *c = console_new(NULL);
    struct end a, b;

    (void)state;
    end_init(&a, c);
    end_init(&b, c);
    console_open(c, &a.rx);
    console_open(c, &b.rx);
    type(c, "1");
    assert_int_equal(a.arrived, 1);
    assert_int_equal(b.arrived, 0);
    assert_string_equal(taken(&b, 9), "");
    assert_string_equal(taken(&a, 9), "1");

    /* Closed for a moment, as Linux's 8250 does while it prints. */
    console_close(c, &a.rx);
    console_open(c, &a.rx);
    type(c, "2");
    assert_string_equal(taken(&a, 9), "2");
    console_free(c);
}

static void closing_gives_the_input_to_the_other(void **state)
{
    struct console *c = console_new(NULL);
    struct end a, b;

    (void)state;
    end_init(&a, c);
    end_init(&b, c);
    hook(&b);
    console_open(c, &a.rx);
    console_open(c, &b.rx);
    type(c, "x");
    console_close(c, &a.rx);
    assert_int_equal(b.in_wanted, 1); /* the host's end is asked to tell b */
    console_feed(c, NULL, 0);
    assert_int_equal(b.arrived, 1);
    assert_string_equal(taken(&b, 9), "x");
    console_free(c);
}

static void who_has_gone_is_not_called(void **state)
{
    struct console *c = console_new(NULL);
    struct end a, b;

    (void)state;
    end_init(&a, c);
    end_init(&b, c);
    console_open(c, &a.rx);
    console_detach(c, &a.rx);
    type(c, "x");
    assert_int_equal(a.arrived, 0);
    assert_int_equal(b.arrived, 1);
    assert_string_equal(taken(&b, 9), "x");
    console_set_hooks(c, NULL);
    console_put(c, 'x');
    console_free(c);
}

static void too_many_receivers_are_not_heard_of(void **state)
{
    struct console *c = console_new(NULL);
    struct end ends[6];

    (void)state;
    for (unsigned n = 0; n < 6; n++)
        end_init(&ends[n], c);
    type(c, "x");
    assert_int_equal(ends[3].arrived, 1);
    assert_int_equal(ends[5].arrived, 0);
    for (unsigned n = 0; n < 6; n++)
        console_detach(c, &ends[n].rx);
    console_free(c);
}

static void no_memory_is_an_error(void **state)
{
    struct err e;

    (void)state;
    for (long n = 0; n < 2; n++) {
        heap_fail_after(n);
        assert_null(console_new(&e));
        assert_int_equal(e.code, -ENOMEM);
    }
    heap_fail_after(-1);
    console_free(NULL);
}

enum { STREAM_BYTES = 300000 };

struct stream {
    struct console *c;
    struct console_rx rx;
    atomic_bool wanted;
};

static void stream_arrived(void *ctx)
{
    (void)ctx;
}

static void stream_wanted(void *ctx)
{
    atomic_store(&((struct stream *)ctx)->wanted, true);
}

static void *put_stream(void *arg)
{
    struct stream *s = arg;

    for (unsigned n = 0; n < STREAM_BYTES; n++) {
        while (!console_put(s->c, (uint8_t)(n % 251)))
            sched_yield();
    }
    return NULL;
}

static void *feed_stream(void *arg)
{
    struct stream *s = arg;
    uint16_t items[1000];
    unsigned fed = 0;

    while (fed < STREAM_BYTES) {
        size_t count = MIN(ARRAY_LEN(items), STREAM_BYTES - fed), took;

        for (unsigned n = 0; n < count; n++)
            items[n] = (uint16_t)((fed + n) % 251);
        took = console_feed(s->c, items, count);
        fed += (unsigned)took;
        while (took < count && !atomic_exchange(&s->wanted, false))
            sched_yield();
    }
    return NULL;
}

/* The reader of both streams is slower than the writers. */
static void two_threads_lose_nothing_that_was_accepted(void **state)
{
    struct stream s = {.c = console_new(NULL)};
    unsigned out = 0, in = 0;
    pthread_t putter, feeder;

    (void)state;
    s.rx = (struct console_rx){.arrived = stream_arrived, .ctx = &s};
    console_attach(s.c, &s.rx);
    console_open(s.c, &s.rx);
    console_set_hooks(
        s.c, &(struct console_hooks){.in_wanted = stream_wanted, .ctx = &s});
    pthread_create(&putter, NULL, put_stream, &s);
    pthread_create(&feeder, NULL, feed_stream, &s);
    while (out < STREAM_BYTES || in < STREAM_BYTES) {
        uint8_t bytes[300];
        uint16_t items[100];
        size_t got = console_drain(s.c, bytes, sizeof(bytes));

        for (size_t n = 0; n < got; n++, out++)
            assert_int_equal(bytes[n], out % 251);
        got = console_take(s.c, &s.rx, items, ARRAY_LEN(items));
        for (size_t n = 0; n < got; n++, in++)
            assert_int_equal(items[n], in % 251);
    }
    pthread_join(putter, NULL);
    pthread_join(feeder, NULL);
    console_free(s.c);
}

static void a_limit_drops_what_is_too_much_and_says_nothing(void **state)
{
    const struct bucket_config limit = {
        .size = 100, .one_time_burst = 50, .refill_time_ms = 3600000};
    struct console *c = console_new(NULL);
    uint8_t bytes[300];
    uint64_t before = metric_get(&metrics.uart.rate_limiter_dropped_bytes);

    (void)state;
    console_limit(c, &limit);
    for (unsigned n = 0; n < 200; n++)
        assert_true(console_put(c, (uint8_t)n));
    assert_int_equal(console_drain(c, bytes, sizeof(bytes)), 150);
    assert_int_equal(bytes[149], 149);
    assert_int_equal(metric_get(&metrics.uart.rate_limiter_dropped_bytes),
                     before + 50);
    assert_int_equal(console_lost(c), 0);
    console_free(c);
}

/* Other limiters hold everybody back for 100 ms; this one does not. */
static void a_limit_lets_through_what_has_come_since(void **state)
{
    const struct bucket_config limit = {.size = 1000, .refill_time_ms = 1000};
    struct console *c = console_new(NULL);
    uint64_t end = host_mono_ns() + 100000000, start = host_mono_ns();
    uint8_t bytes[4096];
    size_t got;

    (void)state;
    console_limit(c, &limit);
    while (host_mono_ns() < end)
        console_put(c, 'x');
    for (unsigned n = 0; n < 2000; n++) /* we may not have run meanwhile */
        console_put(c, 'x');
    got = console_drain(c, bytes, sizeof(bytes));
    assert_in_range(got, 1050, 1002 + (host_mono_ns() - start) / 1000000);
    console_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_comes_in_order_and_wakes_once),
        cmocka_unit_test(a_full_console_loses_output_and_counts),
        cmocka_unit_test(input_waits_until_somebody_takes_it),
        cmocka_unit_test(a_full_console_pushes_back_and_asks_again),
        cmocka_unit_test(the_first_to_open_keeps_the_input),
        cmocka_unit_test(closing_gives_the_input_to_the_other),
        cmocka_unit_test(who_has_gone_is_not_called),
        cmocka_unit_test(too_many_receivers_are_not_heard_of),
        cmocka_unit_test(a_limit_drops_what_is_too_much_and_says_nothing),
        cmocka_unit_test(a_limit_lets_through_what_has_come_since),
        cmocka_unit_test(no_memory_is_an_error),
        cmocka_unit_test(two_threads_lose_nothing_that_was_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
