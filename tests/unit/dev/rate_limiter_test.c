// SPDX-License-Identifier: Apache-2.0
/* The rate limiter, with a clock that stands still until it is moved. */

#include "dev/rate_limiter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

#define MS 1000000ull

static struct rate_limiter rl;
static uint64_t now;

static void limit_bytes(uint64_t size, uint64_t burst, uint64_t refill_ms)
{
    const struct limiter_config cfg = {.bandwidth = {size, burst, refill_ms}};

    now = 1000 * MS;
    rate_limiter_init(&rl, &cfg, now);
}

static void limit_ops(uint64_t size, uint64_t burst, uint64_t refill_ms)
{
    const struct limiter_config cfg = {.ops = {size, burst, refill_ms}};

    now = 1000 * MS;
    rate_limiter_init(&rl, &cfg, now);
}

static bool take(uint64_t bytes)
{
    return rate_limiter_take(&rl, bytes, now);
}

static void without_buckets_everything_passes(void **state)
{
    static const struct bucket_config none[] = {
        {0, 0, 0}, {0, 5, 100}, {100, 5, 0}, {1, 0, UINT64_MAX}};

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(none); n++) {
        const struct limiter_config cfg = {none[n], none[n]};

        rate_limiter_init(&rl, &cfg, now);
        for (unsigned k = 0; k < 1000; k++)
            assert_true(take(UINT64_MAX));
    }
}

static void a_bucket_starts_full(void **state)
{
    (void)state;
    limit_bytes(1000, 0, 1000);
    assert_true(take(600));
    assert_true(take(400));
    assert_false(take(1));
}

static void who_is_refused_waits_a_tenth_of_a_second(void **state)
{
    (void)state;
    limit_bytes(1000, 0, 1); /* full again after 1 ms, and yet */
    assert_true(take(1000));
    assert_false(take(1));
    assert_true(rl.blocked_until == now + 100 * MS);
    now += 100 * MS - 1;
    assert_false(take(1));
    now++;
    assert_true(take(1000));
}

static void it_refills_in_proportion_to_time(void **state)
{
    (void)state;
    limit_bytes(1000, 0, 1000);
    assert_true(take(1000));
    assert_false(take(1));
    now += 100 * MS;
    assert_true(take(100));
    assert_false(take(1));
    now += 250 * MS;
    assert_true(take(250));
    assert_false(take(1));
}

/* 3 tokens in 1000 ms: no token may be lost to rounding, or come too early. */
static void no_time_is_lost_to_rounding(void **state)
{
    unsigned passed = 0;

    (void)state;
    limit_ops(3, 0, 1000);
    for (unsigned ms = 0; ms < 100000; ms += 101, now += 101 * MS)
        passed += take(0);
    assert_in_range(passed, 3 + 298, 3 + 300);
}

/* It is refilled only when it is found empty, as upstream's: so after a rest
   one bucket is there and another one is refilled, but no third. */
static void it_never_holds_more_than_its_size(void **state)
{
    (void)state;
    limit_bytes(1000, 0, 1000);
    now += 3600 * 1000 * MS;
    assert_true(take(1000));
    assert_true(take(1000));
    assert_false(take(1));
}

static void the_burst_is_spent_first_and_does_not_come_back(void **state)
{
    (void)state;
    limit_bytes(1000, 500, 1000);
    assert_true(take(300)); /* of the burst */
    assert_true(take(700)); /* 200 of the burst, 500 of the bucket */
    assert_true(take(500));
    assert_false(take(1));
    now += 10000 * MS;
    assert_true(take(1000));
    assert_false(take(1));
}

static void
a_request_larger_than_the_bucket_passes_and_is_paid_later(void **state)
{
    (void)state;
    limit_bytes(1000, 0, 1000);
    assert_true(take(3000)); /* 2000 too many: 2 s */
    assert_true(rl.blocked_until == now + 2000 * MS);
    assert_false(take(1));
    now += 2000 * MS - 1;
    assert_false(take(1));
    now++;
    assert_true(take(1));
}

static void a_bucket_that_is_too_small_is_told_of(void **state)
{
    FILE *sink = tmpfile();
    char text[200] = "";

    (void)state;
    assert_non_null(sink);
    log_configure(&(struct log_config){
        .id = "t", .fd = fileno(sink), .level = LOG_ERROR});
    limit_bytes(1000, 0, 1000);
    assert_true(take(1000));
    assert_false(take(1));
    assert_true(fread(text, 1, sizeof(text) - 1, sink) == 0);
    limit_bytes(1000, 500, 1000);
    assert_true(take(3000)); /* 500 of them of the burst */
    log_configure(&(struct log_config){.id = "t", .fd = -1});
    rewind(sink);
    assert_true(fread(text, 1, sizeof(text) - 1, sink) > 0);
    assert_non_null(
        strstr(text, "] Consumed 2500 tokens from bucket of size 1000\n"));
    fclose(sink);
}

static void all_are_blocked_when_one_bucket_is_empty(void **state)
{
    const struct limiter_config cfg = {.bandwidth = {1000, 0, 1000},
                                       .ops = {100, 0, 1000}};

    (void)state;
    rate_limiter_init(&rl, &cfg, now = 5 * MS);
    assert_true(take(1000));
    assert_false(take(1));
    assert_false(take(0)); /* which takes no bytes */
    now += 100 * MS;
    assert_true(take(0));
}

static void an_operation_that_finds_no_bytes_is_given_back(void **state)
{
    const struct limiter_config cfg = {.bandwidth = {1000, 0, 1000000},
                                       .ops = {2, 0, 1000000}};

    (void)state;
    rate_limiter_init(&rl, &cfg, now = 5 * MS);
    assert_true(take(1000));
    assert_false(take(100));
    now += 100 * MS;
    assert_true(take(0)); /* the second of two */
    assert_false(take(0));
}

static void what_did_not_happen_can_be_given_back(void **state)
{
    (void)state;
    limit_bytes(1000, 0, 1000);
    assert_true(take(1000));
    rate_limiter_give_back(&rl, 1000);
    assert_true(take(1000));
    assert_false(take(1));
}

static void an_update_changes_only_what_it_names(void **state)
{
    const struct limiter_config cfg = {.bandwidth = {1000, 0, 1000},
                                       .ops = {2, 0, 1000}};
    const struct bucket_config larger = {5000, 0, 1000}, none = {0, 0, 0};

    (void)state;
    rate_limiter_init(&rl, &cfg, now = 5 * MS);
    assert_true(take(1000));
    rate_limiter_update(&rl, &larger, NULL, now);
    assert_true(take(5000)); /* full again; the second operation */
    assert_false(take(0));
    now += 100 * MS;
    rate_limiter_update(&rl, NULL, &none, now);
    for (unsigned n = 0; n < 100; n++)
        assert_true(take(0));
}

static void the_largest_numbers_do_not_overflow(void **state)
{
    (void)state;
    limit_bytes(UINT64_MAX, UINT64_MAX, UINT64_MAX / MS);
    assert_true(take(UINT64_MAX));
    assert_true(take(UINT64_MAX));
    assert_false(take(UINT64_MAX));
    now = UINT64_MAX;
    take(UINT64_MAX);
    limit_bytes(1, 0, UINT64_MAX / MS);
    assert_true(take(UINT64_MAX));
    assert_true(rl.blocked_until == UINT64_MAX);
    rate_limiter_give_back(&rl, UINT64_MAX);
}

static void a_clock_that_goes_back_gives_nothing(void **state)
{
    (void)state;
    limit_bytes(1000, 0, 1000);
    assert_true(take(1000));
    now -= 500 * MS;
    assert_false(take(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_buckets_everything_passes),
        cmocka_unit_test(a_bucket_starts_full),
        cmocka_unit_test(who_is_refused_waits_a_tenth_of_a_second),
        cmocka_unit_test(it_refills_in_proportion_to_time),
        cmocka_unit_test(no_time_is_lost_to_rounding),
        cmocka_unit_test(it_never_holds_more_than_its_size),
        cmocka_unit_test(the_burst_is_spent_first_and_does_not_come_back),
        cmocka_unit_test(
            a_request_larger_than_the_bucket_passes_and_is_paid_later),
        cmocka_unit_test(a_bucket_that_is_too_small_is_told_of),
        cmocka_unit_test(all_are_blocked_when_one_bucket_is_empty),
        cmocka_unit_test(an_operation_that_finds_no_bytes_is_given_back),
        cmocka_unit_test(what_did_not_happen_can_be_given_back),
        cmocka_unit_test(an_update_changes_only_what_it_names),
        cmocka_unit_test(the_largest_numbers_do_not_overflow),
        cmocka_unit_test(a_clock_that_goes_back_gives_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
