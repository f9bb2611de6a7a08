// SPDX-License-Identifier: Apache-2.0
/* Guest memory, with an eye on its edges. */

#include "mem/gmem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/macros.h"
#include "host/filemap.h"
#include "host/host.h"

#define RAM       0x80000000ull
#define RAM_BYTES (64 * MIB)
#define RAM_END   (RAM + RAM_BYTES)

static int setup(void **state)
{
    static struct gmem mem;

    gmem_init(&mem);
    *state = &mem;
    return gmem_add(&mem, RAM, RAM_BYTES, NULL);
}

static int teardown(void **state)
{
    heap_fail_after(-1);
    gmem_release(*state);
    return 0;
}

/* Pages of this process that are resident, in bytes. 0: unknown here. */
static uint64_t resident_bytes(void)
{
    unsigned long long size, resident;
    FILE *f = fopen("/proc/self/statm", "r");
    int n = 0;

    if (f) {
        n = fscanf(f, "%llu %llu", &size, &resident);
        fclose(f);
    }
    return n == 2 ? resident * host_page_bytes() : 0;
}

static void a_host_pointer_is_given_for_ram_and_nothing_else(void **state)
{
    struct gmem *mem = *state;
    uint8_t *first = gmem_at(mem, RAM, 1);

    assert_non_null(first);
    assert_ptr_equal(gmem_at(mem, RAM + 5, 10), first + 5);
    assert_ptr_equal(gmem_at(mem, RAM, RAM_BYTES), first);
    assert_ptr_equal(gmem_at(mem, RAM_END - 8, 8), first + RAM_BYTES - 8);
    assert_null(gmem_at(mem, RAM_END - 8, 9));
    assert_null(gmem_at(mem, RAM, RAM_BYTES + 1));
    assert_null(gmem_at(mem, RAM - 1, 1));
    assert_null(gmem_at(mem, RAM - 1, 2));
    assert_null(gmem_at(mem, RAM_END, 1));
    assert_null(gmem_at(mem, 0, 1));
}

static void a_range_that_wraps_around_is_not_ram(void **state)
{
    struct gmem *mem = *state;

    assert_null(gmem_at(mem, RAM, UINT64_MAX));
    assert_null(gmem_at(mem, RAM + 4096, UINT64_MAX - 100));
    assert_null(gmem_at(mem, UINT64_MAX, 1));
    assert_null(gmem_at(mem, UINT64_MAX, UINT64_MAX));
    assert_null(gmem_at(mem, RAM_END - 1, UINT64_MAX));
}

static void nothing_may_be_asked_for_inside_and_at_the_end(void **state)
{
    struct gmem *mem = *state;

    assert_non_null(gmem_at(mem, RAM, 0));
    assert_non_null(gmem_at(mem, RAM_END - 1, 0));
    assert_ptr_equal(gmem_at(mem, RAM_END, 0),
                     (uint8_t *)gmem_at(mem, RAM, 0) + RAM_BYTES);
    assert_null(gmem_at(mem, RAM_END + 1, 0));
    assert_null(gmem_at(mem, RAM - 1, 0));
    assert_null(gmem_at(mem, 0, 0));
}

static void memory_starts_as_zeroes_and_keeps_what_is_written(void **state)
{
    struct gmem *mem = *state;
    char buf[5] = "xxxx";

    assert_true(gmem_read(mem, RAM_END - 5, buf, 5));
    assert_memory_equal(buf, "\0\0\0\0\0", 5);
    assert_true(gmem_write(mem, RAM_END - 5, "squib", 5));
    assert_true(gmem_read(mem, RAM_END - 5, buf, 5));
    assert_memory_equal(buf, "squib", 5);
}

static void a_copy_that_leaves_ram_copies_nothing(void **state)
{
    struct gmem *mem = *state;
    char buf[8] = "before";

    assert_false(gmem_write(mem, RAM_END - 4, "squibs!", 8));
    assert_int_equal(*(char *)gmem_at(mem, RAM_END - 4, 1), 0);
    assert_false(gmem_read(mem, RAM_END - 4, buf, 8));
    assert_string_equal(buf, "before");
    assert_false(gmem_read(mem, RAM, buf, UINT64_MAX));
    assert_false(gmem_read(mem, UINT64_MAX - 3, buf, 8));
}

static void a_copy_of_nothing_needs_an_address_in_ram(void **state)
{
    struct gmem *mem = *state;
    char buf[1];

    assert_true(gmem_read(mem, RAM_END, buf, 0));
    assert_true(gmem_write(mem, RAM, buf, 0));
    assert_false(gmem_read(mem, RAM_END + 1, buf, 0));
    assert_false(gmem_write(mem, 0, buf, 0));
}

static void regions_are_sorted_and_gaps_are_not_ram(void **state)
{
    struct gmem *mem = *state;

    assert_int_equal(gmem_add(mem, 2 * RAM, MIB, NULL), 0);
    assert_int_equal(gmem_add(mem, RAM / 2, MIB, NULL), 0);
    assert_int_equal(mem->num_regions, 3);
    assert_int_equal(mem->regions[0].base, RAM / 2);
    assert_int_equal(mem->regions[1].base, RAM);
    assert_int_equal(mem->regions[2].base, 2 * RAM);
    assert_non_null(gmem_at(mem, 2 * RAM + MIB - 1, 1));
    assert_null(gmem_at(mem, RAM_END, 1));
    assert_null(gmem_at(mem, RAM, RAM + 1));
}

static void a_copy_may_cross_from_region_to_region(void **state)
{
    struct gmem *mem = *state;
    char buf[8];

    assert_int_equal(gmem_add(mem, RAM_END, MIB, NULL), 0);
    assert_null(gmem_at(mem, RAM_END - 4, 8));
    assert_true(gmem_write(mem, RAM_END - 4, "abcdefg", 8));
    assert_true(gmem_read(mem, RAM_END - 4, buf, 8));
    assert_string_equal(buf, "abcdefg");
    assert_string_equal(gmem_at(mem, RAM_END, 4), "efg");
}

static void overlapping_regions_are_refused(void **state)
{
    struct gmem *mem = *state;
    struct err e;

    assert_int_equal(gmem_add(mem, RAM, MIB, &e), -EINVAL);
    assert_non_null(strstr(e.text, "overlaps"));
    assert_int_equal(gmem_add(mem, RAM_END - MIB, 2 * MIB, &e), -EINVAL);
    assert_int_equal(gmem_add(mem, RAM - MIB, 2 * MIB, &e), -EINVAL);
    assert_int_equal(gmem_add(mem, RAM - MIB, 2 * RAM_BYTES, &e), -EINVAL);
    assert_int_equal(gmem_add(mem, RAM - MIB, MIB, &e), 0);
    assert_int_equal(gmem_add(mem, RAM_END, MIB, &e), 0);
}

static void crooked_and_wrapping_regions_are_refused(void **state)
{
    struct gmem *mem = *state;
    struct err e;

    assert_int_equal(gmem_add(mem, 0, 0, &e), -EINVAL);
    assert_int_equal(gmem_add(mem, 1, MIB, &e), -EINVAL);
    assert_int_equal(gmem_add(mem, 0, MIB + 1, &e), -EINVAL);
    assert_non_null(strstr(e.text, "whole host pages"));
    assert_int_equal(gmem_add(mem, 0 - MIB, 2 * MIB, &e), -EINVAL);
    assert_non_null(strstr(e.text, "wraps around"));
    assert_int_equal(gmem_add(mem, 0 - MIB, MIB, &e), -EINVAL);
    assert_int_equal(mem->num_regions, 1);
}

static void one_region_too_many_is_refused(void **state)
{
    struct gmem *mem = *state;
    struct err e;

    for (unsigned n = 1; n < GMEM_MAX_REGIONS; n++)
        assert_int_equal(gmem_add(mem, n * 2 * MIB, MIB, &e), 0);
    assert_int_equal(gmem_add(mem, 0, MIB, &e), -ENOSPC);
}

/* User emulation keeps a table of pages, and fills it for what is mapped. */
static void skip_under_emulation(void)
{
    if (getenv("SQUIB_TEST_EMULATED"))
        skip();
}

static void sixty_four_gib_cost_nothing_until_touched(void **state)
{
    struct gmem *mem = *state;
    uint64_t before = resident_bytes();

    skip_under_emulation();
    assert_int_equal(gmem_add(mem, 4 * GIB, 64 * GIB, NULL), 0);
    assert_true(gmem_write(mem, 68 * GIB - 1, "x", 1));
    assert_true(resident_bytes() < before + 4 * MIB);
}

static void the_largest_guest_is_representable(void **state)
{
    struct gmem mem;
    struct err e = {.code = 0};
    int ret;

    (void)state;
    skip_under_emulation();
    gmem_init(&mem);
    ret = gmem_add(&mem, RAM, 1022 * GIB, &e);
    if (ret == 0) {
        assert_non_null(gmem_at(&mem, RAM + 1022 * GIB - 1, 1));
        assert_null(gmem_at(&mem, RAM + 1022 * GIB, 1));
    } else { /* a host may refuse, but says so */
        assert_int_equal(ret, -ENOMEM);
        assert_non_null(strstr(e.text, "1046528 MiB"));
    }
    gmem_release(&mem);
}

static void what_no_host_can_give_is_an_error(void **state)
{
    struct gmem *mem = *state;
    struct err e;

    assert_int_equal(gmem_add(mem, 4 * GIB, 1ull << 60, &e), -ENOMEM);
    assert_non_null(strstr(e.text, "cannot give the guest"));
    assert_int_equal(mem->num_regions, 1);
}

static void memory_may_be_released_twice(void **state)
{
    struct gmem mem;

    (void)state;
    gmem_init(&mem);
    gmem_release(&mem);
    assert_int_equal(gmem_add(&mem, RAM, MIB, NULL), 0);
    gmem_release(&mem);
    gmem_release(&mem);
    assert_null(gmem_at(&mem, RAM, 1));
}

/* Marks [RAM + at, + len) and expects pages first..last of `page`, alone. */
static void expect_marked(struct gmem *mem, uint64_t page, uint64_t at,
                          uint64_t len, uint64_t first, uint64_t last)
{
    gmem_mark_dirty(mem, RAM + at, len);
    for (uint64_t n = 0; n < RAM_BYTES / page; n++) {
        bool marked = gmem_take_dirty(mem, RAM + n * page + page - 1);

        assert_int_equal(marked, n >= first && n <= last);
        assert_false(gmem_take_dirty(mem, RAM + n * page));
    }
}

static void dirty_pages_are_those_a_write_touches(void **state)
{
    struct gmem *mem = *state;
    const uint64_t sizes[] = {4 * KIB, 16 * KIB, 2 * MIB};

    for (unsigned n = 0; n < ARRAY_LEN(sizes); n++) {
        uint64_t p = sizes[n];

        assert_int_equal(gmem_track_start(mem, p, NULL), 0);
        expect_marked(mem, p, 0, 1, 0, 0);
        expect_marked(mem, p, p - 1, 1, 0, 0);
        expect_marked(mem, p, p - 1, 2, 0, 1);
        expect_marked(mem, p, 3 * p, p, 3, 3);
        expect_marked(mem, p, 3 * p, p + 1, 3, 4);
        expect_marked(mem, p, RAM_BYTES - 1, 1, RAM_BYTES / p - 1,
                      RAM_BYTES / p - 1);
        expect_marked(mem, p, 0, RAM_BYTES, 0, RAM_BYTES / p - 1);
        expect_marked(mem, p, 5 * p, 17 * p, 5, 21);
    }
}

static void long_marks_cross_the_words_of_the_bitmap(void **state)
{
    struct gmem *mem = *state;
    uint64_t p = 16 * KIB;

    assert_int_equal(gmem_track_start(mem, p, NULL), 0);
    expect_marked(mem, p, 63 * p, 2 * p, 63, 64);
    expect_marked(mem, p, 64 * p, 64 * p, 64, 127);
    expect_marked(mem, p, 10 * p, 300 * p, 10, 309);
}

static void marks_outside_ram_are_ignored(void **state)
{
    struct gmem *mem = *state;
    uint64_t p = 2 * MIB, all = RAM_BYTES / p - 1;

    gmem_mark_dirty(mem, RAM, 1); /* tracking is off */
    assert_int_equal(gmem_track_start(mem, p, NULL), 0);
    assert_false(gmem_take_dirty(mem, RAM));
    assert_false(gmem_take_dirty(mem, RAM - 1));
    assert_false(gmem_take_dirty(mem, RAM_END));
    expect_marked(mem, p, 5, 0, 1, 0);
    expect_marked(mem, p, 0 - 1ull, 2, 0, 0);
    expect_marked(mem, p, 0 - 1ull, 1, 1, 0);
    expect_marked(mem, p, RAM_BYTES - 1, 2, all, all);
    expect_marked(mem, p, RAM_BYTES, MIB, 1, 0);
    expect_marked(mem, p, p, UINT64_MAX, 1, all);
    expect_marked(mem, p, 0 - RAM, UINT64_MAX, 0, all);
}

static void a_guest_write_through_gmem_is_tracked(void **state)
{
    struct gmem *mem = *state;
    char c;

    assert_int_equal(gmem_track_start(mem, 16 * KIB, NULL), 0);
    assert_true(gmem_read(mem, RAM, &c, 1));
    assert_false(gmem_take_dirty(mem, RAM));
    assert_true(gmem_write(mem, RAM + 16 * KIB, "x", 1));
    assert_true(gmem_take_dirty(mem, RAM + 16 * KIB));
    assert_false(gmem_take_dirty(mem, RAM));
}

static void starting_again_clears_and_stopping_forgets(void **state)
{
    struct gmem *mem = *state;

    assert_int_equal(gmem_track_start(mem, 16 * KIB, NULL), 0);
    gmem_mark_dirty(mem, RAM, RAM_BYTES);
    assert_int_equal(gmem_track_start(mem, 2 * MIB, NULL), 0);
    assert_false(gmem_take_dirty(mem, RAM));
    gmem_mark_dirty(mem, RAM, 1);
    gmem_track_stop(mem);
    assert_false(gmem_take_dirty(mem, RAM));
    gmem_mark_dirty(mem, RAM, 1);
    gmem_track_stop(mem);
}

static void a_region_added_late_is_tracked_as_well(void **state)
{
    struct gmem *mem = *state;

    assert_int_equal(gmem_track_start(mem, 2 * MIB, NULL), 0);
    assert_int_equal(gmem_add(mem, 4 * GIB, MIB, NULL), 0);
    gmem_mark_dirty(mem, 4 * GIB + 100, 1);
    assert_true(gmem_take_dirty(mem, 4 * GIB));
}

static void odd_tracking_pages_are_refused(void **state)
{
    struct gmem *mem = *state;
    const uint64_t odd[] = {0, 1, 2048, 4097, 12288, UINT64_MAX};
    struct err e;

    for (unsigned n = 0; n < ARRAY_LEN(odd); n++)
        assert_int_equal(gmem_track_start(mem, odd[n], &e), -EINVAL);
    assert_int_equal(gmem_track_start(mem, 1ull << 63, &e), 0);
    expect_marked(mem, RAM_BYTES, 5, 1, 0, 0);
}

static void without_memory_for_its_bits_tracking_stays_as_it_was(void **state)
{
    struct gmem *mem = *state;
    struct err e;

    assert_int_equal(gmem_add(mem, 4 * GIB, MIB, NULL), 0);
    for (long n = 0; n < 2; n++) {
        heap_fail_after(n);
        assert_int_equal(gmem_track_start(mem, 2 * MIB, &e), -ENOMEM);
        assert_int_equal(mem->track_shift, 0);
    }
    heap_fail_after(-1);
    assert_int_equal(gmem_track_start(mem, 2 * MIB, &e), 0);
    gmem_mark_dirty(mem, RAM, 1);
    heap_fail_after(1);
    assert_int_equal(gmem_track_start(mem, 16 * KIB, &e), -ENOMEM);
    assert_true(gmem_take_dirty(mem, RAM));
    heap_fail_after(0);
    assert_int_equal(gmem_add(mem, 8 * GIB, MIB, &e), -ENOMEM);
    assert_int_equal(mem->num_regions, 2);
}

/* ---- files ---- */

#define PMEM (512 * GIB)

static struct filemap *map_file(uint64_t file_bytes, bool read_only)
{
    FILE *file = tmpfile();
    struct filemap *map;

    assert_int_equal(ftruncate(fileno(file), (off_t)file_bytes), 0);
    assert_int_equal(pwrite(fileno(file), "squib", 5, 0), 5);
    map = filemap_new(fileno(file), file_bytes, 2 * MIB, read_only, NULL);
    assert_non_null(map);
    fclose(file);
    return map;
}

static void a_file_is_memory_like_any_other(void **state)
{
    struct gmem *mem = *state;
    char buf[6] = "";

    assert_int_equal(
        gmem_add_file(mem, PMEM, 2 * MIB, map_file(5, false), false, NULL), 0);
    assert_true(gmem_read(mem, PMEM, buf, 5));
    assert_string_equal(buf, "squib");
    assert_true(gmem_write(mem, PMEM + 2 * MIB - 1, buf, 1));
    assert_false(gmem_write(mem, PMEM + 2 * MIB - 1, buf, 2));
    assert_ptr_equal(gmem_at(mem, PMEM, 2 * MIB), gmem_at_rw(mem, PMEM, 1));
    gmem_mark_dirty(mem, PMEM, 1);
    assert_int_equal(gmem_track_start(mem, 4096, NULL), 0);
    assert_true(gmem_write(mem, PMEM, "x", 1));
    assert_true(gmem_take_dirty(mem, PMEM));
}

static void what_is_read_only_is_read_only(void **state)
{
    struct gmem *mem = *state;
    char buf[6] = "";

    assert_int_equal(
        gmem_add_file(mem, PMEM, 2 * MIB, map_file(5, true), true, NULL), 0);
    assert_true(gmem_read(mem, PMEM, buf, 5));
    assert_string_equal(buf, "squib");
    assert_non_null(gmem_at(mem, PMEM, 5));
    assert_null(gmem_at_rw(mem, PMEM, 5));
    assert_null(gmem_at_rw(mem, PMEM + 2 * MIB - 1, 1));
    assert_false(gmem_write(mem, PMEM, buf, 5));
    assert_non_null(gmem_at_rw(mem, RAM, 5));
    assert_null(gmem_at_rw(mem, 0, 1));
}

/* A write that begins in RAM and ends in what is read-only changes nothing. */
static void a_write_up_to_read_only_memory_writes_nothing(void **state)
{
    struct gmem *mem = *state;

    assert_int_equal(
        gmem_add_file(mem, RAM_END, 2 * MIB, map_file(5, true), true, NULL), 0);
    assert_false(gmem_write(mem, RAM_END - 2, "abcd", 4));
    assert_int_equal(*(char *)gmem_at(mem, RAM_END - 2, 1), 0);
}

static void a_file_in_the_wrong_place_is_refused_and_closed(void **state)
{
    struct gmem *mem = *state;
    struct err e;

    assert_int_equal(
        gmem_add_file(mem, RAM, 2 * MIB, map_file(5, false), false, &e),
        -EINVAL);
    assert_int_equal(mem->num_regions, 1);
}

/* ---- blocks ---- */

#define BLOCKS       (513 * GIB)
#define BLOCKS_BYTES (256 * MIB)

static void unplugged_blocks_are_not_ram(void **state)
{
    struct gmem *mem = *state;
    uint8_t *first;
    char x = 'x';

    assert_int_equal(gmem_add_blocks(mem, BLOCKS, BLOCKS_BYTES, 2 * MIB, NULL),
                     0);
    assert_null(gmem_at(mem, BLOCKS, 1));
    assert_false(gmem_write(mem, BLOCKS, &x, 1));
    assert_false(gmem_read(mem, BLOCKS, &x, 1));
    assert_int_equal(gmem_plug(mem, BLOCKS + 4 * MIB, 4 * MIB), 0);
    first = gmem_at(mem, BLOCKS + 4 * MIB, 4 * MIB);
    assert_non_null(first);
    assert_null(gmem_at(mem, BLOCKS + 4 * MIB, 4 * MIB + 1));
    assert_null(gmem_at(mem, BLOCKS + 4 * MIB - 1, 1));
    assert_null(gmem_at(mem, BLOCKS + 8 * MIB, 1));
    assert_non_null(gmem_at(mem, BLOCKS + 6 * MIB - 1, 2));
    assert_true(gmem_write(mem, BLOCKS + 8 * MIB - 1, &x, 1));
    assert_false(gmem_write(mem, BLOCKS + 8 * MIB - 1, "xy", 2));
    assert_int_equal(first[4 * MIB - 1], 'x');
    assert_int_equal(gmem_plugged(mem, BLOCKS, 4 * MIB), 0);
    assert_int_equal(gmem_plugged(mem, BLOCKS + 2 * MIB, 4 * MIB), 2 * MIB);
    assert_int_equal(gmem_plugged(mem, BLOCKS, BLOCKS_BYTES), 4 * MIB);
}

static void only_whole_blocks_come_and_go(void **state)
{
    static const struct {
        uint64_t at, len;
    } bad[] = {
        {BLOCKS, 0},
        {BLOCKS, MIB},
        {BLOCKS + MIB, 2 * MIB},
        {BLOCKS - 2 * MIB, 4 * MIB},
        {BLOCKS + BLOCKS_BYTES, 2 * MIB},
        {BLOCKS + BLOCKS_BYTES - 2 * MIB, 4 * MIB},
        {BLOCKS, UINT64_MAX - 2 * MIB + 1},
        {RAM, 2 * MIB},
    };
    struct gmem *mem = *state;

    assert_int_equal(gmem_add_blocks(mem, BLOCKS, BLOCKS_BYTES, 2 * MIB, NULL),
                     0);
    for (unsigned n = 0; n < ARRAY_LEN(bad); n++) {
        assert_int_equal(gmem_plug(mem, bad[n].at, bad[n].len), -EINVAL);
        assert_int_equal(gmem_unplug(mem, bad[n].at, bad[n].len), -EINVAL);
    }
    assert_int_equal(gmem_plug(mem, BLOCKS, BLOCKS_BYTES), 0);
    assert_non_null(gmem_at(mem, BLOCKS, BLOCKS_BYTES));
}

static void regions_of_odd_blocks_are_refused(void **state)
{
    struct gmem *mem = *state;
    struct err e;

    assert_int_equal(gmem_add_blocks(mem, BLOCKS, BLOCKS_BYTES, 1024, &e),
                     -EINVAL);
    assert_int_equal(gmem_add_blocks(mem, BLOCKS, BLOCKS_BYTES, 3 * MIB, &e),
                     -EINVAL);
    assert_int_equal(gmem_add_blocks(mem, BLOCKS, 3 * MIB, 2 * MIB, &e),
                     -EINVAL);
    assert_int_equal(gmem_add_blocks(mem, BLOCKS + MIB, 2 * MIB, 2 * MIB, &e),
                     -EINVAL);
    assert_int_equal(mem->num_regions, 1);
}

static unsigned times_told;

static void count_unplugged(void *ctx, gpa_t gpa, uint64_t len)
{
    const struct gmem *mem = ctx;

    assert_int_equal(gpa, BLOCKS);
    assert_int_equal(len, 64 * MIB);
    assert_null(gmem_at(mem, gpa, 1));
    times_told++;
}

static void no_hook(void *ctx, gpa_t gpa, uint64_t len)
{
    (void)ctx;
    (void)gpa;
    (void)len;
}

/* A pointer from before stays good for who still has it. */
static void what_goes_is_told_of_and_given_back(void **state)
{
    struct gmem *mem = *state;
    uint64_t before;
    uint8_t *old;

    skip_under_emulation();
    assert_int_equal(gmem_add_blocks(mem, BLOCKS, BLOCKS_BYTES, 2 * MIB, NULL),
                     0);
    gmem_set_hook(mem, no_hook, mem);
    gmem_set_unplug_hook(mem, count_unplugged);
    assert_int_equal(gmem_plug(mem, BLOCKS, 64 * MIB), 0);
    before = resident_bytes();
    old = gmem_at(mem, BLOCKS, 64 * MIB);
    memset(old, 1, 64 * MIB);
    if (before)
        assert_true(resident_bytes() > before + 60 * MIB);
    times_told = 0;
    assert_int_equal(gmem_unplug(mem, BLOCKS, 64 * MIB), 0);
    assert_int_equal(times_told, 1);
    if (before)
        assert_true(resident_bytes() < before + 4 * MIB);
    old[0] = 2;
    assert_int_equal(gmem_plug(mem, BLOCKS, 2 * MIB), 0);
    assert_int_equal(*(uint8_t *)gmem_at(mem, BLOCKS, 1), 0);
}

/* Every second block, as a guest would do that wants to see us fall. */
static void
a_torn_region_does_not_use_up_the_mappings_of_a_process(void **state)
{
    struct gmem *mem = *state;
    uint64_t bytes = 256 * GIB;

    skip_under_emulation();
    assert_int_equal(gmem_add_blocks(mem, BLOCKS, bytes, 2 * MIB, NULL), 0);
    for (uint64_t at = 0; at < bytes; at += 4 * MIB) {
        assert_int_equal(gmem_plug(mem, BLOCKS + at, 2 * MIB), 0);
        *(char *)gmem_at(mem, BLOCKS + at, 1) = 1;
        assert_int_equal(gmem_unplug(mem, BLOCKS + at, 2 * MIB), 0);
    }
    assert_int_equal(gmem_plug(mem, BLOCKS, bytes), 0);
}

static bool is_byte(struct gmem *mem, gpa_t gpa, char want)
{
    return *(char *)gmem_at(mem, gpa, 1) == want;
}

static void whole_pages_are_given_back_and_read_as_zero(void **state)
{
    struct gmem *mem = *state;
    uint64_t page = host_page_bytes();
    char *at;

    at = gmem_at(mem, RAM, 16 * page);
    memset(at, 7, (size_t)(16 * page));
    assert_int_equal(gmem_track_start(mem, page, NULL), 0);
    assert_int_equal(gmem_discard(mem, RAM + page + 1, 2 * page), 0);
    assert_true(is_byte(mem, RAM + 2 * page - 1, 7));
    assert_true(is_byte(mem, RAM + 2 * page, 0));
    assert_true(is_byte(mem, RAM + 3 * page - 1, 0));
    assert_true(is_byte(mem, RAM + 3 * page, 7));
    assert_false(gmem_take_dirty(mem, RAM + page));
    assert_true(gmem_take_dirty(mem, RAM + 2 * page));
    assert_false(gmem_take_dirty(mem, RAM + 3 * page));
    assert_int_equal(gmem_discard(mem, RAM + 10, page - 20), 0);
    assert_true(is_byte(mem, RAM + 10, 7));
    assert_int_equal(gmem_discard(mem, RAM, 0), 0);
    assert_int_equal(gmem_discard(mem, RAM, 16 * page), 0);
    assert_true(is_byte(mem, RAM, 0) && at == gmem_at(mem, RAM, 1));
}

static void only_plain_memory_is_given_back(void **state)
{
    struct gmem *mem = *state;
    uint64_t page = host_page_bytes();

    assert_int_equal(
        gmem_add_file(mem, PMEM, 2 * MIB, map_file(5, false), false, NULL), 0);
    *(char *)gmem_at(mem, RAM_END - page, 1) = 7;
    assert_int_equal(gmem_discard(mem, RAM_END - page, 2 * page), -EFAULT);
    assert_true(is_byte(mem, RAM_END - page, 7));
    assert_int_equal(gmem_discard(mem, RAM - page, page), -EFAULT);
    assert_int_equal(gmem_discard(mem, RAM + page, ~0ull), -EFAULT);
    assert_int_equal(gmem_discard(mem, PMEM, page), -EFAULT);
    assert_true(is_byte(mem, PMEM, 's'));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_host_pointer_is_given_for_ram_and_nothing_else),
        TEST(a_range_that_wraps_around_is_not_ram),
        TEST(nothing_may_be_asked_for_inside_and_at_the_end),
        TEST(memory_starts_as_zeroes_and_keeps_what_is_written),
        TEST(a_copy_that_leaves_ram_copies_nothing),
        TEST(a_copy_of_nothing_needs_an_address_in_ram),
        TEST(regions_are_sorted_and_gaps_are_not_ram),
        TEST(a_copy_may_cross_from_region_to_region),
        TEST(overlapping_regions_are_refused),
        TEST(crooked_and_wrapping_regions_are_refused),
        TEST(one_region_too_many_is_refused),
        TEST(sixty_four_gib_cost_nothing_until_touched),
        TEST(the_largest_guest_is_representable),
        TEST(what_no_host_can_give_is_an_error),
        TEST(memory_may_be_released_twice),
        TEST(dirty_pages_are_those_a_write_touches),
        TEST(long_marks_cross_the_words_of_the_bitmap),
        TEST(marks_outside_ram_are_ignored),
        TEST(a_guest_write_through_gmem_is_tracked),
        TEST(starting_again_clears_and_stopping_forgets),
        TEST(a_region_added_late_is_tracked_as_well),
        TEST(odd_tracking_pages_are_refused),
        TEST(without_memory_for_its_bits_tracking_stays_as_it_was),
        TEST(a_file_is_memory_like_any_other),
        TEST(what_is_read_only_is_read_only),
        TEST(a_write_up_to_read_only_memory_writes_nothing),
        TEST(a_file_in_the_wrong_place_is_refused_and_closed),
        TEST(unplugged_blocks_are_not_ram),
        TEST(only_whole_blocks_come_and_go),
        TEST(regions_of_odd_blocks_are_refused),
        TEST(what_goes_is_told_of_and_given_back),
        TEST(whole_pages_are_given_back_and_read_as_zero),
        TEST(only_plain_memory_is_given_back),
        TEST(a_torn_region_does_not_use_up_the_mappings_of_a_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
