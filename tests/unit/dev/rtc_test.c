// SPDX-License-Identifier: Apache-2.0
/* The clock tells the host's time until the guest sets it. */

#include "dev/rtc.h"

#include "base/metrics.h"
#include "host/host.h"
#include "one_device.h"

enum { DR = 0, MR = 4, LR = 8, CR = 0xc, IMSC = 0x10, RIS = 0x14, ICR = 0x1c };

static const unsigned width = 4;

static struct mmio_dev *make(struct console *c, struct err *e)
{
    (void)c;
    return rtc_new(e);
}

static void it_starts_with_the_hosts_time(void **state)
{
    uint64_t before = host_wall_s(), told = rd(DR);

    (void)state;
    assert_in_range(told, before, host_wall_s());
}

/* It was `from` at some time since `start`. */
static void expect_since(uint64_t start, uint32_t from)
{
    uint32_t past = (uint32_t)(rd(DR) - from);

    assert_in_range(past, 0, host_wall_s() - start);
}

static void setting_it_moves_it_and_it_goes_on(void **state)
{
    static const uint32_t times[] = {0, 1000000, 0x7fffffff, 0xffffffff};
    uint64_t start = host_wall_s();

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(times); n++) {
        wr(LR, times[n]);
        expect_since(start, times[n]);
        assert_int_equal(rd(LR), times[n]);
    }
}

static void it_is_always_started(void **state)
{
    (void)state;
    wr(CR, 0);
    assert_int_equal(rd(CR), 1);
}

static void the_alarm_is_kept_but_never_rings(void **state)
{
    (void)state;
    wr(MR, rd(DR));
    wr(IMSC, 0xffffffff);
    wr(ICR, 1);
    assert_int_equal(rd(IMSC), 1);
    assert_int_equal(rd(RIS), 0);
    assert_int_equal(g.edges, 0);
    assert_int_equal(g.dev->missed_writes, 0);
}

static void it_names_itself_a_primecell_pl031(void **state)
{
    (void)state;
    expect_primecell(0x00041031);
}

static void only_four_byte_accesses_get_through(void **state)
{
    uint64_t start = host_wall_s();

    (void)state;
    wr(LR, 1000);
    for (unsigned size = 1; size <= 8; size *= 2) {
        if (size == 4)
            continue;
        assert_int_equal(guest_read(&g, DR, size), 0);
        guest_write(&g, LR, size, 0);
    }
    assert_int_equal(g.dev->missed_reads, 3);
    assert_int_equal(g.dev->missed_writes, 3);
    expect_since(start, 1000);
}

static void what_does_not_exist_is_counted(void **state)
{
    (void)state;
    memset(&metrics.rtc, 0, sizeof(metrics.rtc));
    assert_int_equal(rd(0x20), 0);
    assert_int_equal(rd(ICR), 0); /* write only */
    wr(DR, 1);
    wr(0xfe0, 1);
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
    uint64_t start = host_wall_s();

    (void)state;
    wr(LR, 1000);
    go_through_a_snapshot();
    expect_since(start, 1000);
}

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
