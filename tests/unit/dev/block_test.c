// SPDX-License-Identifier: Apache-2.0
/* Disks: what a driver asks, with all engines, and what hosts and hostile
   drivers do to them. */

#include "dev/block.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver.h"
#include "host/host.h"

enum {
    SECTORS = 64,
    T_IN = 0,
    T_OUT = 1,
    T_FLUSH = 4,
    T_ID = 8,
    T_DISCARD = 11
};
enum { OK = 0, IOERR = 1, UNSUPP = 2, NOT_WRITTEN = 0xee };

#define HEADER_AT DATA_AT
#define STATUS_AT (DATA_AT + 0x100)
#define BUFFER_AT (DATA_AT + 0x1000)

static struct driver d;
static struct virtio_dev *dev;
static struct worker *worker;
static char path[64];
static struct block_config cfg;

/* Byte n of sector s as the file has it at first. */
static uint8_t pattern(uint64_t s, unsigned n)
{
    return (uint8_t)(s * 7 + n);
}

static void make_file(const char *name, unsigned bytes)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    for (unsigned n = 0; n < bytes; n++)
        fputc(pattern(n / 512, n % 512), f);
    assert_int_equal(fclose(f), 0);
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static int start(unsigned bytes)
{
    snprintf(path, sizeof(path), "block-test-%d.img", (int)getpid());
    make_file(path, bytes);
    cfg.path = path;
    driver_init(&d, 64);
    dev = block_new(&cfg, worker, &d.ram, NULL);
    driver_attach(&d, dev);
    driver_start(&d, UINT64_MAX & ~VIRTIO_F_EVENT_IDX);
    return 0;
}

static int set_up(void **state)
{
    const struct block_config *given = *state;

    cfg = *given;
    worker = cfg.async ? worker_new("test", NULL) : NULL;
    return start(SECTORS * 512);
}

static int tear_down(void **state)
{
    (void)state;
    driver_release(&d);
    worker_free(worker);
    worker = NULL;
    unlink(path);
    return 0;
}

/* A request of the usual form; its data in BUFFER_AT. Its status. */
static void offer(uint32_t type, uint64_t sector, uint32_t bytes)
{
    uint32_t words[2] = {type, 0};
    uint16_t flags = type == T_IN || type == T_ID ? D_WRITE : 0;

    memcpy(at(&d, HEADER_AT, 8), words, 8);
    memcpy(at(&d, HEADER_AT + 8, 8), &sector, 8);
    *(uint8_t *)at(&d, STATUS_AT, 1) = NOT_WRITTEN;
    driver_desc(&d, 0, HEADER_AT, 16, D_NEXT, bytes ? 1 : 2);
    driver_desc(&d, 1, BUFFER_AT, bytes, flags | D_NEXT, 2);
    driver_desc(&d, 2, STATUS_AT, 1, D_WRITE, 0);
    driver_offer(&d, 0);
}

static struct used finish(void)
{
    uint16_t used = d.avail_idx;

    driver_notify(&d);
    driver_wait(&d, used);
    return driver_used_at(&d, used - 1u);
}

static uint8_t status(void)
{
    return *(uint8_t *)at(&d, STATUS_AT, 1);
}

static uint8_t ask(uint32_t type, uint64_t sector, uint32_t bytes)
{
    offer(type, sector, bytes);
    finish();
    return status();
}

static void file_has(uint64_t sector, const void *bytes, size_t len)
{
    char got[4096];
    int fd = open(path, O_RDONLY);

    assert_int_equal(pread(fd, got, len, (off_t)(sector * 512)), len);
    assert_memory_equal(got, bytes, len);
    close(fd);
}

static void a_read_gives_what_the_file_has(void **state)
{
    const uint8_t *buf = at(&d, BUFFER_AT, 2048);
    struct used used;

    (void)state;
    offer(T_IN, 3, 2048);
    used = finish();
    assert_int_equal(status(), OK);
    assert_int_equal(used.id, 0);
    assert_int_equal(used.len, 2049); /* the status is counted */
    for (unsigned n = 0; n < 2048; n++)
        assert_int_equal(buf[n], pattern(3 + n / 512, n % 512));
    assert_int_equal(metric_get(&block_metrics_of(dev)->read_count), 1);
    assert_int_equal(metric_get(&block_metrics_of(dev)->read_bytes), 2048);
    assert_true(d.interrupts > 0);
}

static void a_write_is_in_the_file(void **state)
{
    struct used used;

    (void)state;
    memset(at(&d, BUFFER_AT, 1024), 0x5a, 1024);
    offer(T_OUT, 10, 1024);
    used = finish();
    if (cfg.read_only) {
        assert_int_equal(status(), IOERR);
        return;
    }
    assert_int_equal(status(), OK);
    assert_int_equal(used.len, 1);
    file_has(10, at(&d, BUFFER_AT, 1024), 1024);
    assert_int_equal(metric_get(&block_metrics_of(dev)->write_bytes), 1024);
}

static void the_last_sector_is_the_last(void **state)
{
    (void)state;
    assert_int_equal(ask(T_IN, SECTORS - 1, 512), OK);
    assert_int_equal(ask(T_IN, SECTORS, 512), IOERR);
    assert_int_equal(ask(T_IN, SECTORS - 1, 1024), IOERR);
    assert_int_equal(ask(T_OUT, SECTORS, 512), IOERR);
    assert_int_equal(ask(T_IN, UINT64_MAX, 512), IOERR);
    assert_int_equal(ask(T_OUT, UINT64_MAX / 512, 512), IOERR);
    assert_int_equal(ask(T_IN, UINT64_MAX - 1, 1024), IOERR);
}

static void parts_of_a_sector_are_an_error(void **state)
{
    (void)state;
    assert_int_equal(ask(T_IN, 0, 511), IOERR);
    assert_int_equal(ask(T_IN, 0, 513), IOERR);
    assert_int_equal(ask(T_OUT, 0, 1), IOERR);
}

static void flush_is_done(void **state)
{
    (void)state;
    assert_int_equal(ask(T_FLUSH, 0, 0), OK);
    assert_int_equal(ask(T_FLUSH, 0, 512), OK);
    assert_int_equal(metric_get(&block_metrics_of(dev)->flush_count), 2);
}

static void the_id_is_the_files(void **state)
{
    char want[80];
    struct stat st;

    (void)state;
    assert_int_equal(stat(path, &st), 0);
    snprintf(want, sizeof(want), "%llu%llu%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_rdev, (unsigned long long)st.st_ino);
    offer(T_ID, 0, 20);
    assert_int_equal(finish().len, 21);
    assert_int_equal(status(), OK);
    assert_memory_equal(at(&d, BUFFER_AT, 20), want, MIN(strlen(want), 20));
    offer(T_ID, 0, 512);
    assert_int_equal(finish().len, 21);
    assert_int_equal(status(), OK);
}

static void an_id_without_room_for_it_is_an_error(void **state)
{
    static const uint32_t sizes[] = {0, 1, 19};
    const uint8_t *buf = at(&d, BUFFER_AT, 20);

    (void)state;
    memset(at(&d, BUFFER_AT, 20), NOT_WRITTEN, 20);
    for (unsigned n = 0; n < ARRAY_LEN(sizes); n++) {
        offer(T_ID, 0, sizes[n]);
        assert_int_equal(finish().len, 1);
        assert_int_equal(status(), IOERR);
        assert_int_equal(buf[0], NOT_WRITTEN);
    }
    assert_int_equal(metric_get(&block_metrics_of(dev)->execute_fails), 3);
}

static void what_it_does_not_know_it_says(void **state)
{
    static const uint32_t types[] = {2, 3, 5, 7, 9, 11, 13, 14, UINT32_MAX};
    unsigned asked = 0;

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(types); n++) {
        if (types[n] == T_DISCARD && cfg.discard)
            continue;
        assert_int_equal(ask(types[n], 0, 512), UNSUPP);
        asked++;
    }
    assert_int_equal(metric_get(&block_metrics_of(dev)->invalid_reqs_count),
                     asked);
    assert_int_equal(metric_get(&block_metrics_of(dev)->execute_fails), 0);
}

static void a_chain_that_is_no_request_comes_back_empty(void **state)
{
    struct used used;

    (void)state;
    *(uint8_t *)at(&d, STATUS_AT, 1) = NOT_WRITTEN;
    driver_desc(&d, 0, HEADER_AT, 15, D_NEXT, 1); /* a short header */
    driver_desc(&d, 1, STATUS_AT, 1, D_WRITE, 0);
    driver_offer(&d, 0);
    used = finish();
    assert_int_equal(used.len, 0);
    driver_desc(&d, 0, HEADER_AT, 16, 0, 1); /* no status */
    driver_offer(&d, 0);
    used = finish();
    assert_int_equal(used.len, 0);
    driver_desc(&d, 0, STATUS_AT, 16, D_WRITE, 1); /* no header */
    driver_offer(&d, 0);
    used = finish();
    assert_int_equal(used.len, 0);
    driver_desc(&d, 0, HEADER_AT, 16, D_NEXT, 1);
    driver_desc(&d, 1, STATUS_AT, 0, D_WRITE, 0); /* an empty status */
    driver_offer(&d, 0);
    used = finish();
    assert_int_equal(used.len, 0);
    assert_int_equal(status(), NOT_WRITTEN);
    assert_int_equal(metric_get(&block_metrics_of(dev)->invalid_reqs_count), 4);
    assert_int_equal(ask(T_IN, 0, 512), OK);
}

/* 2.7.4: the driver may cut a request as it likes. */
static void buffers_may_be_cut_anywhere(void **state)
{
    uint32_t words[4] = {T_IN, 0, 5, 0};
    const uint8_t *buf = at(&d, BUFFER_AT, 2048);

    (void)state;
    memcpy(at(&d, HEADER_AT, 16), words, 16);
    driver_desc(&d, 0, HEADER_AT, 3, D_NEXT, 1);
    driver_desc(&d, 1, HEADER_AT + 3, 13, D_NEXT, 2);
    driver_desc(&d, 2, BUFFER_AT, 1, D_WRITE | D_NEXT, 3);
    driver_desc(&d, 3, BUFFER_AT + 1, 600, D_WRITE | D_NEXT, 4);
    driver_desc(&d, 4, BUFFER_AT + 601, 424, D_WRITE, 0); /* with the status */
    driver_offer(&d, 0);
    assert_int_equal(finish().len, 1025);
    assert_int_equal(buf[1024], OK);
    for (unsigned n = 0; n < 1024; n++)
        assert_int_equal(buf[n], pattern(5 + n / 512, n % 512));
}

static void a_file_that_shrinks_gives_errors(void **state)
{
    (void)state;
    assert_int_equal(truncate(path, 10 * 512 + 100), 0);
    assert_int_equal(ask(T_IN, 9, 512), OK);
    assert_int_equal(ask(T_IN, 10, 512), IOERR);
    assert_int_equal(ask(T_IN, 8, 2048), IOERR);
    assert_int_equal(ask(T_IN, 20, 512), IOERR);
    assert_int_equal(ask(T_IN, 0, 512), OK);
}

static void another_file_can_take_its_place(void **state)
{
    uint64_t sectors = 0;
    char other[80];
    struct err e = {0};

    (void)state;
    snprintf(other, sizeof(other), "%s.2", path);
    make_file(other, 100 * 512 + 5);
    assert_int_equal(block_set_path(dev, other, &e), 0);
    sectors = mmio_bus_read(d.bus, DEVICE_AT + 0x100, 8);
    assert_int_equal(sectors, 100);
    assert_int_equal(rd(&d, 0x60) & 2, 2);
    assert_int_equal(ask(T_IN, 99, 512), OK);
    unlink(other);
    assert_int_equal(block_set_path(dev, other, &e), -ENOENT);
    assert_non_null(strstr(e.text, "No such file or directory (os error 2)"));
    assert_int_equal(ask(T_IN, 99, 512), OK);
    assert_int_equal(metric_get(&block_metrics_of(dev)->update_count), 1);
    assert_int_equal(metric_get(&block_metrics_of(dev)->update_fails), 1);
}

static void a_reset_in_the_middle_leaves_nothing_behind(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 50; n++) {
        for (unsigned k = 0; k < 8; k++)
            offer(T_IN, k, 512);
        driver_notify(&d);
        wr(&d, 0x70, 0);
        memset(at(&d, USED_AT, 1024), 0xa5, 1024);
        worker_call(worker, nothing, NULL); /* it has come by */
        for (unsigned k = 0; k < 1024; k++)
            assert_int_equal(*(uint8_t *)at(&d, USED_AT + k, 1), 0xa5);
        driver_start(&d, 0);
    }
    assert_int_equal(ask(T_IN, 0, 512), OK);
}

static void many_requests_at_a_time_all_come_back(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned n = 0; n < 64; n++)
            offer(T_IN, n, 512);
        finish();
    }
    assert_int_equal(metric_get(&block_metrics_of(dev)->read_count), 50 * 64);
}

/* Requests of `bytes` at sector 0, all in one buffer. */
static unsigned interrupts_for(unsigned count, unsigned bytes)
{
    unsigned before = d.interrupts;

    for (unsigned n = 0; n < count; n++)
        offer(T_IN, 0, bytes);
    assert_int_equal(finish().len, bytes + 1);
    assert_int_equal(status(), OK);
    return d.interrupts - before;
}

static void the_driver_hears_early_of_what_took_long(void **state)
{
    char other[80];

    (void)state;
    snprintf(other, sizeof(other), "%s-2", path);
    make_file(other, 512 << 10);
    assert_int_equal(block_set_path(dev, other, NULL), 0);
    unlink(other);
    assert_int_equal(interrupts_for(4, 512), 1);
    assert_int_equal(interrupts_for(4, 256 << 10), 4);
    assert_int_equal(interrupts_for(3, 128 << 10), 2);
}

static void the_limiter_holds_requests_back(void **state)
{
    const struct bucket_config ops = {.size = 2, .refill_time_ms = 100};
    uint64_t start;

    (void)state;
    block_set_limiter(dev, NULL, &ops);
    if (!worker)
        return; /* nobody would wait */
    start = host_mono_ns();
    for (unsigned n = 0; n < 6; n++)
        offer(T_IN, n, 512);
    finish();
    assert_true(host_mono_ns() - start > 190000000); /* 2, 2 and 2 */
    assert_true(metric_get(&block_metrics_of(dev)->rate_limiter_event_count) >=
                1);
}

static void config_space_ends(void **state)
{
    (void)state;
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0x100, 8), SECTORS);
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0x104, 4), 0);
    assert_int_equal(rd(&d, 0x100 + 12), cfg.segments ? 126 : 0);
    assert_int_equal(rd(&d, 0x100 + 36), cfg.discard ? 1u << 22 : 0);
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0xff8, 8), 0);
}

/* Nobody answers between the offers: the device sees them all at once. */
static void what_is_left_and_what_goes_wrong_is_counted(void **state)
{
    const struct block_metrics *stats = block_metrics_of(dev);

    (void)state;
    for (unsigned n = 0; n < 3; n++)
        offer(T_IN, n, 512);
    finish();
    assert_int_equal(metric_get(&stats->remaining_reqs_count), 2 + 1 + 0);
    assert_int_equal(metric_get(&stats->cfg_fails), 0);
    rd(&d, 0x100 + 0x80);
    wr(&d, 0x100, 1);
    assert_int_equal(metric_get(&stats->cfg_fails), 2);
    assert_int_equal(metric_get(&stats->event_fails), 0);
    driver_offer(&d, 64); /* there is no such descriptor */
    driver_notify(&d);
    worker_call(worker, nothing, NULL);
    assert_int_equal(metric_get(&stats->event_fails), 1);
    assert_int_equal(metric_get(&stats->activate_fails), 0);
    driver_start(&d, 0);
    wr(&d, 0x70, 0);
    wr(&d, 0x70, 1);
    wr(&d, 0x70, 3);
    wr(&d, 0x70, 11);
    wr(&d, 0x38, 64);
    wr(&d, 0x90, 0); /* where no memory is */
    wr(&d, 0x94, 0);
    wr(&d, 0x44, 1);
    wr(&d, 0x70, 15);
    assert_int_equal(metric_get(&stats->activate_fails), 1);
}

static void the_features_are_those_asked_for(void **state)
{
    uint64_t want = 1ull << 29 | 1ull << 32 | (cfg.read_only ? 1u << 5 : 0) |
                    (cfg.writeback ? 1u << 9 : 0) |
                    (cfg.segments ? 1u << 2 : 0) | (cfg.discard ? 1u << 13 : 0);

    (void)state;
    assert_true(dev->offered == want);
}

/* A hole that is punched reads as zero. */
static void discarded_sectors_are_gone(void **state)
{
    struct {
        uint64_t sector;
        uint32_t count, flags;
    } seg = {.sector = 8, .count = 16};
    uint8_t zeros[512] = {0};
    uint8_t got;

    (void)state;
    memcpy(at(&d, BUFFER_AT, 16), &seg, 16);
    got = ask(T_DISCARD, 0, 16);
    if (!cfg.discard) {
        assert_int_equal(got, UNSUPP);
        return;
    }
    if (got == UNSUPP)
        skip(); /* the file system has no holes */
    assert_int_equal(got, OK);
    file_has(8, zeros, 512);
    file_has(23, zeros, 512);
    assert_int_equal(ask(T_DISCARD, 0, 15), IOERR);
    seg.flags = 1;
    memcpy(at(&d, BUFFER_AT, 16), &seg, 16);
    assert_int_equal(ask(T_DISCARD, 0, 16), UNSUPP);
    seg.flags = 0;
    seg.sector = UINT64_MAX;
    memcpy(at(&d, BUFFER_AT, 16), &seg, 16);
    assert_int_equal(ask(T_DISCARD, 0, 16), IOERR);
    assert_int_equal(ask(T_DISCARD, 0, 4096), IOERR);
}

static void a_full_disk_is_an_error(void **state)
{
    struct err e = {0};

    (void)state;
    if (cfg.read_only || access("/dev/full", W_OK) < 0)
        return;
    /* It is no disk, so it cannot be opened as one. */
    assert_int_equal(block_set_path(dev, "/dev/full", &e), -EINVAL);
}

static void what_is_no_disk_is_refused(void **state)
{
    struct block_config bad = cfg;
    struct err e = {0};

    (void)state;
    bad.path = "/no/such/file";
    assert_null(block_new(&bad, NULL, &d.ram, &e));
    assert_string_equal(e.text,
                        "Virtio backend error: Error manipulating the backing "
                        "file: No such file or directory (os error 2) "
                        "/no/such/file");
    bad.path = "/";
    bad.read_only = true;
    assert_int_equal(block_check(&bad, &e), -EINVAL);
    bad.path = path;
    assert_int_equal(block_check(&bad, &e), 0);
}

static void no_memory_is_an_error(void **state)
{
    struct virtio_dev *other = NULL;
    struct block_config plain = {.id = "disk", .path = path};
    struct err e = {0};
    long n;

    (void)state;
    for (n = 0; !other; n++) {
        heap_fail_after(n);
        other = block_new(&plain, NULL, &d.ram, &e);
        heap_fail_after(-1);
    }
    assert_int_equal(n, 4);
    other->ops->free(other);
}

static struct block_config sync_cfg = {.writeback = true, .segments = true};
static struct block_config async_cfg = {.async = true, .discard = true};
static struct block_config ro_cfg = {.read_only = true};

#define TEST(name, kind)                                           \
    {                                                              \
#name " (" #kind ")", name, set_up, tear_down, &kind##_cfg \
    }
#define BOTH(name) TEST(name, sync), TEST(name, async)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_read_gives_what_the_file_has),
        BOTH(a_write_is_in_the_file),
        TEST(a_write_is_in_the_file, ro),
        BOTH(the_last_sector_is_the_last),
        BOTH(parts_of_a_sector_are_an_error),
        BOTH(flush_is_done),
        TEST(flush_is_done, ro),
        BOTH(the_id_is_the_files),
        BOTH(an_id_without_room_for_it_is_an_error),
        BOTH(what_it_does_not_know_it_says),
        BOTH(a_chain_that_is_no_request_comes_back_empty),
        BOTH(buffers_may_be_cut_anywhere),
        BOTH(a_file_that_shrinks_gives_errors),
        BOTH(another_file_can_take_its_place),
        BOTH(a_reset_in_the_middle_leaves_nothing_behind),
        BOTH(many_requests_at_a_time_all_come_back),
        TEST(the_driver_hears_early_of_what_took_long, sync),
        BOTH(the_limiter_holds_requests_back),
        BOTH(config_space_ends),
        BOTH(what_is_left_and_what_goes_wrong_is_counted),
        BOTH(the_features_are_those_asked_for),
        TEST(the_features_are_those_asked_for, ro),
        BOTH(discarded_sectors_are_gone),
        BOTH(a_full_disk_is_an_error),
        TEST(what_is_no_disk_is_refused, sync),
        TEST(no_memory_is_an_error, sync),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
