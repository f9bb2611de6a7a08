// SPDX-License-Identifier: Apache-2.0
/* The entropy device fills what it is given. */

#include "dev/entropy.h"

#include "base/metrics.h"
#include "driver.h"

static struct driver d;
static struct virtio_dev *dev;

static int set_up_limited(struct limiter_config limiter)
{
    memset(&metrics.entropy, 0, sizeof(metrics.entropy));
    driver_init(&d, 16);
    dev = entropy_new(&limiter, NULL, &d.ram, NULL);
    driver_attach(&d, dev);
    driver_start(&d, 0);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_limited((struct limiter_config){0});
}

static int set_up_slow(void **state)
{
    (void)state;
    return set_up_limited((struct limiter_config){
        .bandwidth = {.size = 100, .refill_time_ms = 100000}});
}

static int tear_down(void **state)
{
    (void)state;
    driver_release(&d);
    return 0;
}

static unsigned zeros(gpa_t from, unsigned len)
{
    unsigned count = 0;

    for (unsigned n = 0; n < len; n++)
        count += *(uint8_t *)at(&d, from + n, 1) == 0;
    return count;
}

static void a_buffer_is_filled(void **state)
{
    (void)state;
    driver_desc(&d, 0, DATA_AT, 4096, D_WRITE, 0);
    driver_offer(&d, 0);
    driver_notify(&d);
    assert_int_equal(driver_used(&d), 1);
    assert_int_equal(driver_used_at(&d, 0).len, 4096);
    assert_in_range(zeros(DATA_AT, 4096), 0, 100);
    assert_int_equal(zeros(DATA_AT + 4096, 4096), 4096);
    assert_int_equal(d.interrupts, 1);
    assert_int_equal(metric_get(&metrics.entropy.entropy_bytes), 4096);
}

static void a_request_gets_64_kib_at_most(void **state)
{
    (void)state;
    driver_desc(&d, 0, DATA_AT, 60000, D_WRITE | D_NEXT, 1);
    driver_desc(&d, 1, DATA_AT + 60000, 60000, D_WRITE, 0);
    driver_offer(&d, 0);
    driver_notify(&d);
    assert_int_equal(driver_used_at(&d, 0).len, 65536);
    assert_int_equal(zeros(DATA_AT + 65536, 50000), 50000);
}

static void nothing_to_write_to_comes_back_empty(void **state)
{
    (void)state;
    driver_desc(&d, 0, DATA_AT, 64, 0, 0);
    driver_offer(&d, 0);
    driver_notify(&d);
    assert_int_equal(driver_used(&d), 1);
    assert_int_equal(driver_used_at(&d, 0).len, 0);
    assert_int_equal(zeros(DATA_AT, 64), 64);
    assert_int_equal(metric_get(&metrics.entropy.entropy_event_fails), 1);
}

static void a_buffer_outside_ram_stops_it(void **state)
{
    (void)state;
    driver_desc(&d, 0, RAM_END - 8, 16, D_WRITE, 0);
    driver_offer(&d, 0);
    driver_notify(&d);
    assert_int_equal(driver_used(&d), 0);
    assert_int_equal(rd(&d, 0x70), 15 | 64);
}

static void the_limiter_holds_it_back(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 3; n++) {
        driver_desc(&d, 0, DATA_AT, 50, D_WRITE, 0);
        driver_offer(&d, 0);
    }
    driver_notify(&d);
    assert_int_equal(driver_used(&d), 2);
    assert_int_equal(
        metric_get(&metrics.entropy.entropy_rate_limiter_throttled), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_buffer_is_filled),
        TEST(a_request_gets_64_kib_at_most),
        TEST(nothing_to_write_to_comes_back_empty),
        TEST(a_buffer_outside_ram_stops_it),
        cmocka_unit_test_setup_teardown(the_limiter_holds_it_back, set_up_slow,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
