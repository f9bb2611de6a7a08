// SPDX-License-Identifier: Apache-2.0
/* The pmem device: a file in memory, flushed when asked. */

#include "dev/pmem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/metrics.h"
#include "driver.h"
#include "host/host.h"

#define FAR_FROM   0x8000000000ull
#define FAR_TO     0x8000800000ull /* 8 MiB */
#define FILE_BYTES (3 * MIB + 100)
#define ANSWER_AT  (DATA_AT + 0x1000)
#define S          1000000000ull

static struct driver d;
static struct virtio_dev *dev;
static struct worker *worker;
static char path[64];
static int fd;

static struct pmem_setup setup_of(void)
{
    return (struct pmem_setup){
        .id = "p", .path = path, .from = FAR_FROM, .to = FAR_TO};
}

static int make_file(void **state)
{
    (void)state;
    strcpy(path, "/tmp/squib-pmem-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, FILE_BYTES), 0);
    worker = worker_new("test", NULL);
    assert_non_null(worker);
    driver_init(&d, 16);
    return 0;
}

static void begin(const struct pmem_setup *cfg)
{
    dev = pmem_new(cfg, worker, &d.ram, NULL);
    driver_attach(&d, dev);
    driver_start(&d, 0);
}

static int set_up(void **state)
{
    struct pmem_setup cfg = setup_of();

    make_file(state);
    begin(&cfg);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    heap_fail_after(-1);
    driver_release(&d);
    worker_free(worker);
    close(fd);
    unlink(path);
    return 0;
}

static uint64_t config64(unsigned offset)
{
    return rd(&d, 0x100 + offset) | (uint64_t)rd(&d, 0x104 + offset) << 32;
}

/* Offers a flush, the n-th, and says nothing. */
static void offer_flush(unsigned n)
{
    memset(at(&d, DATA_AT + 16 * n, 4), 0, 4);
    memset(at(&d, ANSWER_AT + 16 * n, 4), 0x5a, 4);
    driver_desc(&d, (uint16_t)(2 * n), DATA_AT + 16 * n, 4, D_NEXT,
                (uint16_t)(2 * n + 1));
    driver_desc(&d, (uint16_t)(2 * n + 1), ANSWER_AT + 16 * n, 4, D_WRITE, 0);
    driver_offer(&d, (uint16_t)(2 * n));
}

static uint32_t answer(unsigned n)
{
    uint32_t value;

    memcpy(&value, at(&d, ANSWER_AT + 16 * n, 4), 4);
    return value;
}

static uint64_t events_failed(void)
{
    return metric_get(&pmem_metrics_of(dev)->event_fails);
}

static void it_says_where_the_file_is_and_rounds_up(void **state)
{
    (void)state;
    assert_int_equal(config64(0), FAR_FROM);
    assert_int_equal(config64(8), 4 * MIB);
    assert_int_equal(config64(16), 0);
    assert_non_null(gmem_at(&d.ram, FAR_FROM, 4 * MIB));
    assert_null(gmem_at(&d.ram, FAR_FROM + 4 * MIB, 1));
}

static void what_was_written_is_in_the_file_after_a_flush(void **state)
{
    char buf[6] = "";

    (void)state;
    assert_true(gmem_write(&d.ram, FAR_FROM + 3 * MIB, "squib", 5));
    offer_flush(0);
    driver_notify(&d);
    driver_wait(&d, 1);
    assert_int_equal(answer(0), 0);
    assert_int_equal(driver_used_at(&d, 0).len, 4);
    assert_int_equal(pread(fd, buf, 5, 3 * MIB), 5);
    assert_string_equal(buf, "squib");
    assert_int_equal(d.interrupts, 1);
}

static void requests_at_one_time_are_answered_by_one_flush(void **state)
{
    const struct bucket_config one = {.size = 1, .refill_time_ms = 3600000};

    (void)state;
    pmem_set_limiter(dev, NULL, &one);
    for (unsigned n = 0; n < 7; n++)
        offer_flush(n);
    driver_notify(&d);
    driver_wait(&d, 7);
    for (unsigned n = 0; n < 7; n++)
        assert_int_equal(answer(n), 0);
    assert_int_equal(
        metric_get(&pmem_metrics_of(dev)->rate_limiter_throttled_events), 0);
}

static void the_limiter_counts_the_bytes_of_the_file(void **state)
{
    const struct bucket_config half = {.size = FILE_BYTES + FILE_BYTES / 2,
                                       .refill_time_ms = 100};
    uint64_t start = host_mono_ns();

    (void)state;
    pmem_set_limiter(dev, &half, NULL);
    for (unsigned n = 0; n < 3; n++) {
        offer_flush(n);
        driver_notify(&d);
        driver_wait(&d, (uint16_t)(n + 1));
    }
    assert_true(host_mono_ns() - start >= S / 10);
    assert_true(
        metric_get(&pmem_metrics_of(dev)->rate_limiter_throttled_events) >= 1);
    assert_true(metric_get(&pmem_metrics_of(dev)->rate_limiter_event_count) >=
                1);
}

static void a_reset_forgets_what_waits_for_tokens(void **state)
{
    const struct bucket_config one = {.size = 1, .refill_time_ms = 3600000};

    (void)state;
    pmem_set_limiter(dev, NULL, &one);
    offer_flush(0);
    driver_notify(&d);
    driver_wait(&d, 1);
    offer_flush(1);
    driver_notify(&d);
    wr(&d, 0x70, 0);
    assert_int_equal(answer(1), 0x5a5a5a5a);
    pmem_set_limiter(dev, NULL, &(struct bucket_config){0});
    driver_start(&d, 0);
    offer_flush(0);
    nanosleep(&(struct timespec){.tv_nsec = 120000000}, NULL);
    driver_notify(&d);
    driver_wait(&d, 1);
    assert_int_equal(answer(0), 0);
}

static void requests_of_another_type_or_shape_fail(void **state)
{
    (void)state;
    offer_flush(0);
    *(uint8_t *)at(&d, DATA_AT, 1) = 1;
    offer_flush(1);
    driver_desc(&d, 2, DATA_AT, 3, D_NEXT, 3); /* too short */
    offer_flush(2);
    driver_desc(&d, 5, ANSWER_AT, 3, D_WRITE, 0); /* no room */
    offer_flush(3);
    driver_desc(&d, 6, DATA_AT, 4, 0, 0); /* no answer */
    driver_notify(&d);
    driver_wait(&d, 4);
    assert_int_equal(answer(0), ~0u);
    assert_int_equal(driver_used_at(&d, 0).len, 4);
    for (unsigned n = 1; n < 4; n++)
        assert_int_equal(driver_used_at(&d, n).len, 0);
    assert_int_equal(events_failed(), 4);
}

static void an_answer_into_read_only_memory_stops_it(void **state)
{
    struct pmem_setup cfg = setup_of();

    (void)state;
    cfg.read_only = true;
    begin(&cfg);
    assert_non_null(gmem_at(&d.ram, FAR_FROM, 1));
    assert_null(gmem_at_rw(&d.ram, FAR_FROM, 1));
    offer_flush(0);
    driver_notify(&d);
    driver_wait(&d, 1);
    assert_int_equal(answer(0), 0);
    offer_flush(1);
    driver_desc(&d, 3, FAR_FROM, 4, D_WRITE, 0);
    driver_notify(&d);
    for (unsigned ms = 0; ms < 60000 && !(rd(&d, 0x70) & 64); ms++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(rd(&d, 0x70) & 64, 64);
}

/* Begins here: cmocka takes SIGBUS to itself before each test. */
static void a_file_that_shrinks_fails_its_flushes(void **state)
{
    struct pmem_setup cfg = setup_of();

    (void)state;
    begin(&cfg);
    assert_true(gmem_write(&d.ram, FAR_FROM + 3 * MIB, "squib", 5));
    assert_int_equal(ftruncate(fd, MIB), 0);
    assert_int_equal(*(char *)gmem_at(&d.ram, FAR_FROM + 3 * MIB, 1), 0);
    offer_flush(0);
    driver_notify(&d);
    driver_wait(&d, 1);
    assert_int_equal(answer(0), ~0u);
    assert_true(events_failed() >= 2);
    assert_int_equal(pmem_sync(dev, NULL), -EIO);
}

/* The rings of the driver, and what it hands over, in the file itself. */
static void the_device_works_on_what_is_in_its_own_file(void **state)
{
    (void)state;
    offer_flush(0);
    memset(gmem_at(&d.ram, FAR_FROM, 4), 0, 4);
    driver_desc(&d, 0, FAR_FROM, 4, D_NEXT, 1);
    driver_desc(&d, 1, FAR_FROM + 4 * MIB - 4, 4, D_WRITE, 0);
    memset(gmem_at(&d.ram, FAR_FROM + 4 * MIB - 4, 4), 1, 4);
    driver_notify(&d);
    driver_wait(&d, 1);
    assert_int_equal(*(uint32_t *)gmem_at(&d.ram, FAR_FROM + 4 * MIB - 4, 4),
                     0);
}

static void files_lie_one_behind_the_other(void **state)
{
    struct pmem_setup cfg = setup_of();
    struct virtio_dev *second;
    struct err e;

    (void)state;
    second = pmem_new(&cfg, worker, &d.ram, NULL);
    assert_non_null(second);
    assert_non_null(gmem_at(&d.ram, FAR_FROM + 4 * MIB, 4 * MIB));
    assert_null(pmem_new(&cfg, worker, &d.ram, &e));
    assert_int_equal(e.code, -ENOSPC);
    second->ops->free(second);
}

static void what_is_no_file_is_refused(void **state)
{
    struct pmem_setup cfg = setup_of();
    struct err e;

    (void)state;
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_null(pmem_new(&cfg, worker, &d.ram, &e));
    assert_string_equal(e.text, "Error backing file size is 0");
    cfg.path = "/nowhere/at/all";
    assert_null(pmem_new(&cfg, worker, &d.ram, &e));
    assert_string_equal(e.text, "Error accessing backing file: No such file or "
                                "directory (os error 2) /nowhere/at/all");
    cfg.path = "/tmp";
    cfg.read_only = true;
    assert_null(pmem_new(&cfg, worker, &d.ram, &e));
    cfg.path = "/dev/null";
    assert_null(pmem_new(&cfg, worker, &d.ram, &e));
    assert_int_equal(d.ram.num_regions, 1);
}

static void without_memory_there_is_no_device(void **state)
{
    struct pmem_setup cfg = setup_of();
    struct virtio_dev *made = NULL;
    struct err e;

    (void)state;
    for (long n = 0; n < 20 && !made; n++) {
        heap_fail_after(n);
        made = pmem_new(&cfg, worker, &d.ram, &e);
        heap_fail_after(-1);
        if (!made)
            assert_int_equal(d.ram.num_regions, 1);
    }
    assert_non_null(made);
    made->ops->free(made);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define BARE(f) cmocka_unit_test_setup_teardown(f, make_file, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_says_where_the_file_is_and_rounds_up),
        TEST(what_was_written_is_in_the_file_after_a_flush),
        TEST(requests_at_one_time_are_answered_by_one_flush),
        TEST(the_limiter_counts_the_bytes_of_the_file),
        TEST(a_reset_forgets_what_waits_for_tokens),
        TEST(requests_of_another_type_or_shape_fail),
        BARE(an_answer_into_read_only_memory_stops_it),
        BARE(a_file_that_shrinks_fails_its_flushes),
        TEST(the_device_works_on_what_is_in_its_own_file),
        TEST(files_lie_one_behind_the_other),
        BARE(what_is_no_file_is_refused),
        BARE(without_memory_there_is_no_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
