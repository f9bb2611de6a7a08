// SPDX-License-Identifier: Apache-2.0
/* The balloon from its driver's side, polite and hostile. */

#include "dev/balloon.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/metrics.h"
#include "driver.h"

enum { QUEUE_SIZE = 8, INFLATE = 0, DEFLATE = 1, PAGE = 4096 };

/* The rings of queue n: four KiB for each. */
#define RINGS_AT(n) (RAM_AT + 0x4000ull * (n))
#define PAGES_AT    (RAM_AT + 0x80000ull)
#define PFN(gpa)    ((uint32_t)((gpa) >> 12))

static struct driver d;
static struct virtio_dev *dev;
static uint16_t offered[5];
static unsigned written; /* bytes that the hook was told of */

static void note_written(void *ctx, gpa_t gpa, uint64_t len)
{
    (void)ctx;
    (void)gpa;
    written += (unsigned)len;
}

static void set_queue(unsigned n)
{
    const gpa_t at[] = {RINGS_AT(n), RINGS_AT(n) + 0x1000,
                        RINGS_AT(n) + 0x2000};

    memset(gmem_at(&d.ram, RINGS_AT(n), 0x3000), 0, 0x3000);
    offered[n] = 0;
    wr(&d, 0x30, n);
    wr(&d, 0x38, QUEUE_SIZE);
    for (unsigned i = 0; i < 3; i++) {
        wr(&d, 0x80 + 16 * i, (uint32_t)at[i]);
        wr(&d, 0x84 + 16 * i, (uint32_t)(at[i] >> 32));
    }
    wr(&d, 0x44, 1);
}

static void start(uint64_t features, unsigned queues)
{
    static const uint32_t steps[] = {0, 1, 3};

    for (unsigned n = 0; n < 3; n++)
        wr(&d, 0x70, steps[n]);
    for (unsigned page = 0; page < 2; page++) {
        wr(&d, 0x24, page);
        wr(&d, 0x20, (uint32_t)(features >> 32 * page));
    }
    wr(&d, 0x70, 11);
    for (unsigned n = 0; n < queues; n++)
        set_queue(n);
    wr(&d, 0x70, 15);
}

static void make(const struct balloon_options *opt)
{
    driver_init(&d, QUEUE_SIZE);
    dev = balloon_new(opt, NULL, &d.ram, NULL);
    driver_attach(&d, dev);
    gmem_set_hook(&d.ram, note_written, NULL);
    memset(&metrics.balloon, 0, sizeof(metrics.balloon));
    written = 0;
}

static const struct balloon_options all = {
    .amount_mib = 3,
    .deflate_on_oom = true,
    .stats_interval_s = 5,
    .hinting = true,
    .reporting = true,
};

static int set_up(void **state)
{
    (void)state;
    make(&all);
    start(~0ull, 5);
    return 0;
}

static int set_up_small(void **state)
{
    const struct balloon_options none = {.amount_mib = 0};

    (void)state;
    make(&none);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    driver_release(&d);
    return 0;
}

static void desc(unsigned q, uint16_t n, gpa_t addr, uint32_t len,
                 uint16_t flags)
{
    uint8_t *at = gmem_at(&d.ram, RINGS_AT(q) + 16u * n, 16);
    uint16_t next = (uint16_t)(n + 1);

    memcpy(at, &addr, 8);
    memcpy(at + 8, &len, 4);
    memcpy(at + 12, &flags, 2);
    memcpy(at + 14, &next, 2);
}

static void offer(unsigned q, uint16_t head)
{
    gpa_t avail = RINGS_AT(q) + 0x1000;

    put16(&d, avail + 4 + 2u * (offered[q] % QUEUE_SIZE), head);
    put16(&d, avail + 2, ++offered[q]);
    wr(&d, 0x50, q);
}

static unsigned used(unsigned q)
{
    return get16(&d, RINGS_AT(q) + 0x2002);
}

static void put32(gpa_t gpa, uint32_t value)
{
    memcpy(gmem_at(&d.ram, gpa, 4), &value, 4);
}

/* One buffer with these page numbers to that queue. */
static void send_pfns(unsigned q, const uint32_t *pfns, unsigned count)
{
    memcpy(gmem_at(&d.ram, DATA_AT, count * 4ull), pfns, count * 4ull);
    desc(q, 0, DATA_AT, count * 4, 0);
    offer(q, 0);
}

static void fill(gpa_t gpa, unsigned pages)
{
    memset(gmem_at(&d.ram, gpa, (uint64_t)pages * PAGE), 0xaa,
           (size_t)pages * PAGE);
}

/* Pages that read as zero, and are not there. */
static bool is_gone(gpa_t gpa, unsigned pages)
{
    unsigned char there[64] = {0};

    assert_in_range(pages, 1, 64);
    assert_int_equal(
        mincore(gmem_at(&d.ram, gpa, 1), (size_t)pages * PAGE, there), 0);
    for (unsigned n = 0; n < pages; n++)
        if (there[n] & 1)
            return false;
    for (unsigned n = 0; n < pages * PAGE; n++)
        if (*(uint8_t *)gmem_at(&d.ram, gpa + n, 1))
            return false;
    return true;
}

static uint32_t config(unsigned offset)
{
    return rd(&d, 0x100 + offset);
}

/* --- config space and features --- */

static void features_and_queues_are_those_asked_for(void **state)
{
    (void)state;
    wr(&d, 0x14, 0);
    assert_int_equal(rd(&d, 0x10), 1 << 1 | 1 << 2 | 1 << 3 | 1 << 5);
    for (unsigned n = 0; n < 6; n++) {
        wr(&d, 0x30, n);
        assert_int_equal(rd(&d, 0x34), n < 5 ? VIRTQ_MAX_SIZE : 0);
    }
}

static void a_plain_one_has_two_queues_and_no_features(void **state)
{
    struct balloon_hinting h;
    struct balloon_status s;
    struct err e;

    (void)state;
    wr(&d, 0x14, 0);
    assert_int_equal(rd(&d, 0x10), 0);
    wr(&d, 0x30, 2);
    assert_int_equal(rd(&d, 0x34), 0);
    assert_int_equal(balloon_status(dev, &s, &e), -EINVAL);
    assert_string_equal(e.text,
                        "Received stats query when stats are disabled.");
    assert_int_equal(balloon_set_interval(dev, 1, &e), -EINVAL);
    assert_string_equal(e.text, "Statistics cannot be enabled/disabled after "
                                "activation.");
    assert_int_equal(balloon_hint_start(dev, true, &e), -EINVAL);
    assert_int_equal(balloon_hint_stop(dev, &e), -EINVAL);
    assert_int_equal(balloon_hint_status(dev, &h, &e), -EINVAL);
    assert_string_equal(e.text, "Attempting to use hinting when not enabled");
}

static void without_a_driver_nothing_can_be_asked_of_it(void **state)
{
    struct err e;

    (void)state;
    assert_int_equal(balloon_set_size(dev, 1, &e), -EAGAIN);
    assert_string_equal(e.text, "Device not activated yet.");
    assert_int_equal(balloon_set_size(dev, 1u << 24, &e), -ERANGE);
    assert_string_equal(e.text,
                        "Requested memory should be less than 16777215MiB");
    start(~0ull, 2);
    assert_int_equal(balloon_set_size(dev, 1, &e), 0);
    assert_int_equal(config(0), 256);
}

static void a_new_size_is_told_to_the_driver(void **state)
{
    uint32_t generation = rd(&d, 0xfc);

    (void)state;
    assert_int_equal(config(0), 3 * 256);
    d.interrupts = 0;
    assert_int_equal(balloon_set_size(dev, 7, NULL), 0);
    assert_int_equal(config(0), 7 * 256);
    assert_int_equal(d.interrupts, 1);
    assert_int_equal(rd(&d, 0x60) & 2, 2);
    assert_int_not_equal(rd(&d, 0xfc), generation);
}

static void only_the_actual_size_can_be_written(void **state)
{
    struct balloon_status s;

    (void)state;
    wr(&d, 0x100, 99);
    wr(&d, 0x104, 0x12345678);
    wr(&d, 0x108, 99);
    wr(&d, 0x10c, 99);
    mmio_bus_write(d.bus, DEVICE_AT + 0x107, 1, 0);
    mmio_bus_write(d.bus, DEVICE_AT + 0x100, 8, ~0ull << 32 | 1);
    assert_int_equal(config(0), 3 * 256);
    assert_int_equal(config(4), 0xffffffff);
    assert_int_equal(config(8), 0);
    assert_int_equal(config(12), 0);
    wr(&d, 0x104, 512);
    assert_int_equal(balloon_status(dev, &s, NULL), 0);
    assert_int_equal(s.actual_pages, 512);
    assert_int_equal(s.target_pages, 3 * 256);
}

/* --- inflate, deflate --- */

static void inflated_pages_go_back_to_the_host(void **state)
{
    const uint32_t pfns[] = {PFN(PAGES_AT) + 3, PFN(PAGES_AT) + 1,
                             PFN(PAGES_AT) + 2, PFN(PAGES_AT) + 9,
                             PFN(PAGES_AT) + 2};

    (void)state;
    fill(PAGES_AT, 16);
    send_pfns(INFLATE, pfns, ARRAY_LEN(pfns));
    assert_int_equal(used(INFLATE), 1);
    assert_true(is_gone(PAGES_AT + PAGE, 3));
    assert_true(is_gone(PAGES_AT + 9 * PAGE, 1));
    assert_false(is_gone(PAGES_AT, 1));
    assert_false(is_gone(PAGES_AT + 4 * PAGE, 1));
    assert_false(is_gone(PAGES_AT + 8 * PAGE, 1));
    assert_int_equal(metric_get(&metrics.balloon.inflate_count), 1);
    assert_int_equal(metric_get(&metrics.balloon.event_fails), 0);
}

static void what_goes_back_counts_as_written(void **state)
{
    const uint32_t pfns[] = {PFN(PAGES_AT), PFN(PAGES_AT) + 1};

    (void)state;
    assert_int_equal(gmem_track_start(&d.ram, PAGE, NULL), 0);
    written = 0;
    send_pfns(INFLATE, pfns, 2);
    assert_in_range(written, 2 * PAGE, 2 * PAGE + 100);
    assert_true(gmem_take_dirty(&d.ram, PAGES_AT));
    assert_true(gmem_take_dirty(&d.ram, PAGES_AT + PAGE));
    assert_false(gmem_take_dirty(&d.ram, PAGES_AT + 2 * PAGE));
}

static void deflated_pages_come_back_as_they_are(void **state)
{
    const uint32_t pfns[] = {PFN(PAGES_AT)};

    (void)state;
    fill(PAGES_AT, 1);
    send_pfns(DEFLATE, pfns, 1);
    assert_int_equal(used(DEFLATE), 1);
    assert_false(is_gone(PAGES_AT, 1));
    assert_int_equal(metric_get(&metrics.balloon.deflate_count), 1);
}

static void pages_outside_ram_are_counted_and_nothing_else(void **state)
{
    const uint32_t pfns[] = {0, UINT32_MAX, PFN(RAM_END), PFN(RAM_AT) - 1,
                             PFN(PAGES_AT)};

    (void)state;
    fill(PAGES_AT, 1);
    send_pfns(INFLATE, pfns, ARRAY_LEN(pfns));
    assert_int_equal(used(INFLATE), 1);
    assert_true(is_gone(PAGES_AT, 1));
    assert_int_equal(metric_get(&metrics.balloon.event_fails), 4);
    assert_int_equal(rd(&d, 0x70), 15);
}

/* A run that begins in RAM and ends behind it is not half done. */
static void a_run_across_the_end_of_ram_is_refused_whole(void **state)
{
    const uint32_t pfns[] = {PFN(RAM_END) - 1, PFN(RAM_END)};

    (void)state;
    fill(RAM_END - PAGE, 1);
    send_pfns(INFLATE, pfns, 2);
    assert_false(is_gone(RAM_END - PAGE, 1));
    assert_int_equal(metric_get(&metrics.balloon.event_fails), 1);
}

static void odd_buffers_are_counted(void **state)
{
    (void)state;
    desc(INFLATE, 0, DATA_AT, 7, 0); /* one page number, and some bytes */
    put32(DATA_AT, PFN(PAGES_AT));
    fill(PAGES_AT, 1);
    offer(INFLATE, 0);
    assert_true(is_gone(PAGES_AT, 1));
    desc(INFLATE, 1, DATA_AT, 8, D_WRITE);
    offer(INFLATE, 1);
    desc(INFLATE, 2, DATA_AT, 3, 0);
    offer(INFLATE, 2);
    assert_int_equal(used(INFLATE), 3);
    assert_int_equal(metric_get(&metrics.balloon.event_fails), 3);
}

static void a_million_page_numbers_are_done_in_slices(void **state)
{
    enum { BYTES = 0x60000 };
    const uint32_t numbers = BYTES / 4;

    (void)state;
    for (uint32_t n = 0; n < numbers; n++)
        put32(DATA_AT + 4 * n, PFN(RAM_END) - 1 - n % 8);
    fill(RAM_END - 8 * PAGE, 8);
    for (uint16_t n = 0; n < QUEUE_SIZE; n++)
        desc(INFLATE, n, DATA_AT, BYTES, n < QUEUE_SIZE - 1 ? D_NEXT : 0);
    offer(INFLATE, 0);
    /* Without a worker a device that is not done is called again at once. */
    assert_int_equal(used(INFLATE), 1);
    assert_int_equal(metric_get(&metrics.balloon.inflate_count),
                     QUEUE_SIZE * numbers / 1024);
    assert_true(is_gone(RAM_END - 8 * PAGE, 8));
}

static void a_broken_ring_stops_it(void **state)
{
    (void)state;
    desc(INFLATE, 0, RAM_END - 2, 4, 0);
    offer(INFLATE, 0);
    assert_int_equal(used(INFLATE), 0);
    assert_int_equal(rd(&d, 0x70), 15 | 64);
    start(~0ull, 5);
    assert_int_equal(rd(&d, 0x70), 15);
}

/* --- statistics --- */

struct __attribute__((packed)) stat {
    uint16_t tag;
    uint64_t value;
};

static void send_stats(uint16_t head, const struct stat *stats, uint32_t bytes)
{
    memcpy(gmem_at(&d.ram, DATA_AT, bytes), stats, bytes);
    desc(2, head, DATA_AT, bytes, 0);
    offer(2, head);
}

static void statistics_are_kept_and_the_buffer_with_them(void **state)
{
    const struct stat first[] = {{5, 1000}, {4, 600}, {77, 1}, {15, 9}};
    const struct stat then[] = {{4, 500}};
    struct balloon_status s;

    (void)state;
    send_stats(0, first, sizeof(first));
    assert_int_equal(used(2), 0);
    assert_int_equal(balloon_status(dev, &s, NULL), 0);
    assert_int_equal(s.stats.given, 1 << 4 | 1 << 5 | 1 << 15);
    assert_int_equal(s.stats.value[5], 1000);
    assert_int_equal(s.stats.value[15], 9);
    assert_int_equal(balloon_set_interval(dev, 9, NULL), 0);
    assert_int_equal(used(2), 1); /* asked for at once */
    send_stats(1, then, sizeof(then));
    assert_int_equal(balloon_status(dev, &s, NULL), 0);
    assert_int_equal(s.stats.value[4], 500);
    assert_int_equal(s.stats.value[5], 1000);
    assert_int_equal(metric_get(&metrics.balloon.stats_updates_count), 2);
    assert_int_equal(balloon_set_interval(dev, 0, NULL), -EINVAL);
    assert_int_equal(balloon_set_interval(dev, 9, NULL), 0);
}

static void half_an_entry_counts_as_a_failure(void **state)
{
    const struct stat stats[] = {{0, 11}, {1, 22}};
    struct balloon_status s;

    (void)state;
    send_stats(0, stats, sizeof(stats) - 1);
    assert_int_equal(metric_get(&metrics.balloon.stats_update_fails), 1);
    assert_int_equal(balloon_status(dev, &s, NULL), 0);
    assert_int_equal(s.stats.given, 1);
}

static void a_second_buffer_sends_the_first_one_back(void **state)
{
    const struct stat stats[] = {{0, 11}};

    (void)state;
    send_stats(0, stats, sizeof(stats));
    send_stats(1, stats, sizeof(stats));
    send_stats(2, stats, sizeof(stats));
    assert_int_equal(used(2), 2);
}

static void a_reset_forgets_what_the_guest_said(void **state)
{
    const struct stat stats[] = {{0, 11}};
    struct balloon_status s;

    (void)state;
    send_stats(0, stats, sizeof(stats));
    wr(&d, 0x104, 512);
    start(~0ull, 5);
    assert_int_equal(balloon_status(dev, &s, NULL), 0);
    assert_int_equal(s.stats.given, 0);
    assert_int_equal(s.actual_pages, 0);
    assert_int_equal(s.target_pages, 3 * 256);
    assert_int_equal(balloon_set_interval(dev, 9, NULL), 0);
    assert_int_equal(used(2), 0); /* the buffer went with the queue */
}

/* --- hints and reports --- */

static void reported_pages_go_back_to_the_host(void **state)
{
    (void)state;
    fill(PAGES_AT, 20);
    desc(4, 0, PAGES_AT, 2 * PAGE, D_WRITE | D_NEXT);
    desc(4, 1, PAGES_AT + 8 * PAGE, 3 * PAGE, D_WRITE);
    offer(4, 0);
    assert_int_equal(used(4), 1);
    assert_true(is_gone(PAGES_AT, 2));
    assert_false(is_gone(PAGES_AT + 2 * PAGE, 1));
    assert_true(is_gone(PAGES_AT + 8 * PAGE, 3));
    assert_int_equal(metric_get(&metrics.balloon.free_page_report_freed),
                     5 * PAGE);
    assert_int_equal(metric_get(&metrics.balloon.free_page_report_fails), 0);
    assert_int_equal(metric_get(&metrics.balloon.free_page_report_count), 2);
}

static void parts_of_pages_stay(void **state)
{
    (void)state;
    fill(PAGES_AT, 4);
    desc(4, 0, PAGES_AT + 100, 3 * PAGE, D_WRITE);
    offer(4, 0);
    assert_false(is_gone(PAGES_AT, 1));
    assert_true(is_gone(PAGES_AT + PAGE, 2));
    assert_int_equal(*(uint8_t *)gmem_at(&d.ram, PAGES_AT + 3 * PAGE, 1), 0xaa);
}

static void send_command(uint16_t head, uint32_t cmd)
{
    put32(DATA_AT, cmd);
    desc(3, head, DATA_AT, 4, 0);
    offer(3, head);
}

static void send_hint(uint16_t head, gpa_t gpa)
{
    fill(gpa, 1);
    desc(3, head, gpa, PAGE, D_WRITE);
    offer(3, head);
}

static struct balloon_hinting hinting(void)
{
    struct balloon_hinting h = {0};

    assert_int_equal(balloon_hint_status(dev, &h, NULL), 0);
    return h;
}

static void a_run_of_hints_goes_from_start_to_done(void **state)
{
    (void)state;
    assert_int_equal(hinting().host_cmd, 0);
    assert_false(hinting().has_guest_cmd);
    assert_int_equal(balloon_hint_start(dev, true, NULL), 0);
    assert_int_equal(config(8), 2);
    send_hint(0, PAGES_AT); /* before the guest says that it has begun */
    assert_false(is_gone(PAGES_AT, 1));
    send_command(1, 2);
    assert_int_equal(hinting().guest_cmd, 2);
    send_hint(2, PAGES_AT);
    assert_true(is_gone(PAGES_AT, 1));
    send_command(3, 0);
    assert_int_equal(hinting().host_cmd, 1);
    assert_int_equal(hinting().guest_cmd, 0);
    assert_int_equal(config(8), 1);
    send_hint(4, PAGES_AT);
    assert_false(is_gone(PAGES_AT, 1));
    assert_int_equal(used(3), 5);
    assert_int_equal(metric_get(&metrics.balloon.free_page_hint_freed), PAGE);
    assert_int_equal(metric_get(&metrics.balloon.free_page_hint_count), 1);
}

static void each_run_has_a_number_of_its_own(void **state)
{
    (void)state;
    for (unsigned n = 2; n < 5; n++) {
        assert_int_equal(balloon_hint_start(dev, true, NULL), 0);
        assert_int_equal(hinting().host_cmd, n);
        assert_int_equal(balloon_hint_stop(dev, NULL), 0);
        assert_int_equal(hinting().host_cmd, 1);
    }
}

static void hints_of_an_older_run_are_ignored(void **state)
{
    (void)state;
    balloon_hint_start(dev, true, NULL);
    send_command(0, 2);
    balloon_hint_start(dev, true, NULL);
    send_hint(1, PAGES_AT);
    assert_false(is_gone(PAGES_AT, 1));
    send_command(2, 3);
    send_hint(3, PAGES_AT);
    assert_true(is_gone(PAGES_AT, 1));
}

static void a_run_may_wait_for_the_stop(void **state)
{
    (void)state;
    balloon_hint_start(dev, false, NULL);
    send_command(0, 2);
    send_command(1, 0);
    assert_int_equal(hinting().host_cmd, 2);
    assert_int_equal(balloon_hint_stop(dev, NULL), 0);
    assert_int_equal(config(8), 1);
}

static void half_a_command_is_counted(void **state)
{
    (void)state;
    desc(3, 0, DATA_AT, 3, 0);
    offer(3, 0);
    assert_int_equal(metric_get(&metrics.balloon.free_page_hint_fails), 1);
    assert_false(hinting().has_guest_cmd);
    assert_int_equal(used(3), 1);
}

static void a_run_does_not_outlive_a_pause(void **state)
{
    (void)state;
    balloon_hint_start(dev, true, NULL);
    send_command(0, 2);
    virtio_dev_resumed(dev);
    assert_int_equal(hinting().host_cmd, 1);
    virtio_dev_resumed(dev);
    assert_int_equal(hinting().host_cmd, 1);
}

static void after_a_pause_the_command_is_done(void **state)
{
    (void)state;
    assert_int_equal(hinting().host_cmd, 0);
    virtio_dev_resumed(dev);
    assert_int_equal(hinting().host_cmd, 1);
    assert_int_equal(config(8), 1);
    assert_int_equal(balloon_hint_start(dev, true, NULL), 0);
    assert_int_equal(hinting().host_cmd, 2); /* runs count from there */
}

/* Without hinting the field is nobody's, and stays. */
static void without_hinting_a_pause_says_nothing(void **state)
{
    (void)state;
    start(1ull << 32, 2);
    assert_true(dev->active);
    virtio_dev_resumed(dev);
    assert_int_equal(config(8), 0);
}

/* The driver takes statistics and reporting only: its third and fourth queue
   are those. */
static void queues_of_features_not_taken_close_up(void **state)
{
    const struct stat stats[] = {{0, 11}};
    struct balloon_status s;

    (void)state;
    start(1ull << 32 | 1 << 1 | 1 << 5, 4);
    send_stats(0, stats, sizeof(stats));
    assert_int_equal(balloon_status(dev, &s, NULL), 0);
    assert_int_equal(s.stats.value[0], 11);
    fill(PAGES_AT, 1);
    desc(3, 0, PAGES_AT, PAGE, D_WRITE);
    offer(3, 0);
    assert_true(is_gone(PAGES_AT, 1));
    start(1ull << 32, 3);
    send_stats(0, stats, sizeof(stats)); /* nobody's queue */
    assert_int_equal(used(2), 0);
}

static void no_memory_for_it_is_an_error(void **state)
{
    struct err e;

    (void)state;
    heap_fail_after(0);
    assert_null(balloon_new(&all, NULL, &d.ram, &e));
    heap_fail_after(-1);
    assert_int_equal(e.code, -ENOMEM);
    assert_null(balloon_new(&(struct balloon_options){.amount_mib = UINT32_MAX},
                            NULL, &d.ram, &e));
    assert_int_equal(e.code, -ERANGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define SMALL(name) \
    cmocka_unit_test_setup_teardown(name, set_up_small, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(features_and_queues_are_those_asked_for),
        SMALL(a_plain_one_has_two_queues_and_no_features),
        SMALL(without_a_driver_nothing_can_be_asked_of_it),
        TEST(a_new_size_is_told_to_the_driver),
        TEST(only_the_actual_size_can_be_written),
        TEST(inflated_pages_go_back_to_the_host),
        TEST(what_goes_back_counts_as_written),
        TEST(deflated_pages_come_back_as_they_are),
        TEST(pages_outside_ram_are_counted_and_nothing_else),
        TEST(a_run_across_the_end_of_ram_is_refused_whole),
        TEST(odd_buffers_are_counted),
        TEST(a_million_page_numbers_are_done_in_slices),
        TEST(a_broken_ring_stops_it),
        TEST(statistics_are_kept_and_the_buffer_with_them),
        TEST(half_an_entry_counts_as_a_failure),
        TEST(a_second_buffer_sends_the_first_one_back),
        TEST(a_reset_forgets_what_the_guest_said),
        TEST(reported_pages_go_back_to_the_host),
        TEST(parts_of_pages_stay),
        TEST(a_run_of_hints_goes_from_start_to_done),
        TEST(each_run_has_a_number_of_its_own),
        TEST(hints_of_an_older_run_are_ignored),
        TEST(a_run_may_wait_for_the_stop),
        TEST(half_a_command_is_counted),
        TEST(a_run_does_not_outlive_a_pause),
        TEST(after_a_pause_the_command_is_done),
        SMALL(without_hinting_a_pause_says_nothing),
        TEST(queues_of_features_not_taken_close_up),
        TEST(no_memory_for_it_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
