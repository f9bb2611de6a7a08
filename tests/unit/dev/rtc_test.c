// SPDX-License-Identifier: Apache-2.0
/* The clock tells the host's time until the guest sets it. */

#include "dev/rtc.h"

#include <errno.h>

#include "base/metrics.h"
#include "dev_fixture.h"
#include "host/host.h"

enum { DR = 0, MR = 4, LR = 8, CR = 0xc, IMSC = 0x10, RIS = 0x14, ICR = 0x1c };

static struct guest g;

static int set_up(void **state)
{
    (void)state;
    guest_init(&g, NULL, rtc_new(NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guest_release(&g);
    return 0;
}

static uint64_t rd(unsigned reg)
{
    return guest_read(&g, reg, 4);
}

static void it_starts_with_the_hosts_time(void **state)
{
    uint64_t before = host_wall_s(), told = rd(DR);

    (void)state;
    assert_in_range(told, before, host_wall_s());
}

static void setting_it_moves_it_and_it_goes_on(void **state)
{
    static const uint32_t times[] = {0, 1000000, 0x7fffffff, 0xffffffff};

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(times); n++) {
        guest_write(&g, LR, 4, times[n]);
        assert_in_range((uint32_t)(rd(DR) - times[n]), 0, 5);
        assert_int_equal(rd(LR), times[n]);
    }
}

static void it_is_always_started(void **state)
{
    (void)state;
    guest_write(&g, CR, 4, 0);
    assert_int_equal(rd(CR), 1);
}

static void the_alarm_is_kept_but_never_rings(void **state)
{
    (void)state;
    guest_write(&g, MR, 4, rd(DR));
    guest_write(&g, IMSC, 4, 0xffffffff);
    guest_write(&g, ICR, 4, 1);
    assert_int_equal(rd(IMSC), 1);
    assert_int_equal(rd(RIS), 0);
    assert_int_equal(g.edges, 0);
    assert_int_equal(g.dev->missed_writes, 0);
}

static void it_names_itself_a_primecell_pl031(void **state)
{
    uint64_t periph = 0, cell = 0;

    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        periph |= rd(0xfe0 + 4 * n) << 8 * n;
        cell |= rd(0xff0 + 4 * n) << 8 * n;
    }
    assert_int_equal(periph, 0x00041031);
    assert_int_equal(cell, 0xb105f00d);
}

static void only_four_byte_accesses_get_through(void **state)
{
    uint64_t now = rd(DR);

    (void)state;
    for (unsigned size = 1; size <= 8; size *= 2) {
        if (size == 4)
            continue;
        assert_int_equal(guest_read(&g, DR, size), 0);
        guest_write(&g, LR, size, 0);
    }
    assert_int_equal(g.dev->missed_reads, 3);
    assert_int_equal(g.dev->missed_writes, 3);
    assert_in_range(rd(DR), now, now + 5);
}

static void what_does_not_exist_is_counted(void **state)
{
    (void)state;
    memset(&metrics.rtc, 0, sizeof(metrics.rtc));
    assert_int_equal(rd(0x20), 0);
    assert_int_equal(rd(ICR), 0); /* write only */
    guest_write(&g, DR, 4, 1);
    guest_write(&g, 0xfe0, 4, 1);
    assert_int_equal(g.dev->missed_reads, 2);
    assert_int_equal(g.dev->missed_writes, 2);
    guest_write(&g, LR, 2, 1); /* a width it has not */
    assert_int_equal(metric_get(&metrics.rtc.missed_read_count), 2);
    assert_int_equal(metric_get(&metrics.rtc.missed_write_count), 2);
    assert_int_equal(metric_get(&metrics.rtc.error_count), 5);
    guest_abuses(&g);
}

static void state_survives_a_snapshot(void **state)
{
    const struct mmio_ops *ops = g.dev->ops;
    uint8_t saved[64];

    (void)state;
    guest_write(&g, LR, 4, 1000);
    assert_true(fields_bytes(ops->fields, ops->num_fields) <= sizeof(saved));
    fields_pack(ops->fields, ops->num_fields, g.dev, saved);
    tear_down(NULL);
    set_up(NULL);
    fields_unpack(ops->fields, ops->num_fields, g.dev, saved);
    assert_in_range(rd(DR), 1000, 1005);
}

static void no_memory_is_an_error(void **state)
{
    struct err e;

    (void)state;
    heap_fail_after(0);
    assert_null(rtc_new(&e));
    assert_int_equal(e.code, -ENOMEM);
    heap_fail_after(-1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_starts_with_the_hosts_time),
        TEST(setting_it_moves_it_and_it_goes_on),
        TEST(it_is_always_started),
        TEST(the_alarm_is_kept_but_never_rings),
        TEST(it_names_itself_a_primecell_pl031),
        TEST(only_four_byte_accesses_get_through),
        TEST(what_does_not_exist_is_counted),
        TEST(state_survives_a_snapshot),
        TEST(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
