// SPDX-License-Identifier: Apache-2.0
/* Where an initrd goes in guests of all sizes. */

#include "machine/initrd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "machine/layout.h"

static const gpa_t kernel_end = DRAM_BASE + 20 * MIB;

static int make_file(void **state)
{
    static char path[64];
    int fd;

    snprintf(path, sizeof(path), "/tmp/squib-initrd-XXXXXX");
    fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    *state = path;
    return 0;
}

static int remove_file(void **state)
{
    return unlink(*state);
}

static void in_a_large_guest_it_starts_at_256_mib(void **state)
{
    gpa_t at;

    (void)state;
    assert_int_equal(initrd_place(GIB, kernel_end, 5 * MIB, &at, NULL), 0);
    assert_int_equal(at, DRAM_BASE + 256 * MIB);
}

static void behind_a_huge_kernel_it_keeps_its_distance(void **state)
{
    gpa_t at, end = DRAM_BASE + 255 * MIB + 1;

    (void)state;
    assert_int_equal(initrd_place(GIB, end, 5 * MIB, &at, NULL), 0);
    assert_int_equal(at, DRAM_BASE + 272 * MIB);
}

static void in_a_small_guest_it_lies_right_below_the_device_tree(void **state)
{
    gpa_t at;

    (void)state;
    assert_int_equal(initrd_place(128 * MIB, kernel_end, 5 * MIB, &at, NULL),
                     0);
    assert_int_equal(at, DRAM_BASE + 121 * MIB);
    assert_int_equal(initrd_place(64 * MIB, kernel_end, 5 * MIB + 1, &at, NULL),
                     0);
    assert_int_equal(at, DRAM_BASE + 57 * MIB - 64 * KIB);
}

static void a_guest_just_too_small_for_256_mib_places_by_need(void **state)
{
    gpa_t at;

    (void)state;
    assert_int_equal(initrd_place(263 * MIB, kernel_end, 5 * MIB, &at, NULL),
                     0);
    assert_int_equal(at, DRAM_BASE + 256 * MIB);
    assert_int_equal(initrd_place(262 * MIB, kernel_end, 5 * MIB, &at, NULL),
                     0);
    assert_int_equal(at, DRAM_BASE + 255 * MIB);
}

static void what_does_not_fit_is_told_how_much_ram_would_do(void **state)
{
    struct err e;
    gpa_t at;

    (void)state;
    assert_int_equal(initrd_place(64 * MIB, kernel_end, 50 * MIB, &at, &e),
                     -E2BIG);
    assert_string_equal(
        e.text, "Cannot load initrd due to an invalid memory configuration. "
                "The initrd takes 50 MiB, the kernel and what lies before it "
                "20 MiB, the device tree 2 MiB, the guest has 64 MiB; 73 MiB "
                "would do");
    assert_int_equal(initrd_place(73 * MIB, kernel_end, 50 * MIB, &at, &e), 0);
}

/* Every answer lies between kernel and device tree, on a page of the guest. */
static void every_place_given_is_a_good_one(void **state)
{
    (void)state;
    for (uint64_t ram = 0; ram < 600 * MIB; ram += 3 * MIB + 4096) {
        for (uint64_t bytes = 1; bytes < 400 * MIB; bytes = bytes * 3 + 1) {
            gpa_t at;

            if (initrd_place(ram, kernel_end, bytes, &at, NULL) < 0)
                continue;
            assert_true(at >= kernel_end);
            assert_true(at + bytes <= fdt_addr(ram));
            assert_int_equal(at % (64 * KIB), 0);
        }
    }
}

static void absurd_sizes_do_not_overflow(void **state)
{
    struct err e;
    gpa_t at;

    (void)state;
    assert_int_equal(initrd_place(GIB, kernel_end, INT64_MAX, &at, &e), -E2BIG);
    assert_int_equal(initrd_place(GIB, kernel_end, UINT64_MAX, &at, &e),
                     -E2BIG);
    assert_int_equal(initrd_place(0, kernel_end, 1, &at, &e), -E2BIG);
    assert_int_equal(initrd_place(DRAM_MAX_SIZE, kernel_end, GIB, &at, &e), 0);
}

static void the_file_is_copied_to_its_place(void **state)
{
    struct initrd_info info;
    struct gmem ram;
    FILE *f = fopen(*state, "wb");

    fputs("initrd!", f);
    fclose(f);
    gmem_init(&ram);
    gmem_add(&ram, DRAM_BASE, 64 * MIB, NULL);
    assert_int_equal(initrd_load(&ram, *state, kernel_end, &info, NULL), 0);
    assert_int_equal(info.start, DRAM_BASE + 62 * MIB - 64 * KIB);
    assert_int_equal(info.bytes, 7);
    assert_memory_equal(gmem_at(&ram, info.start, 8), "initrd!", 8);
    gmem_release(&ram);
}

static void bad_files_are_told_as_firecracker_does(void **state)
{
    struct initrd_info info;
    struct gmem ram;
    struct err e;

    gmem_init(&ram);
    gmem_add(&ram, DRAM_BASE, 64 * MIB, NULL);
    assert_int_equal(initrd_load(&ram, *state, kernel_end, &info, &e), -EINVAL);
    assert_non_null(strstr(e.text, "invalid image: /tmp/"));
    assert_non_null(strstr(e.text, "is empty"));
    assert_int_equal(truncate(*state, 1ll << 40), 0);
    assert_int_equal(initrd_load(&ram, *state, kernel_end, &info, &e), -E2BIG);
    assert_int_equal(initrd_load(&ram, "/tmp", kernel_end, &info, &e), -EISDIR);
    assert_int_equal(
        initrd_load(&ram, "/tmp/no/such/file", kernel_end, &info, &e), -ENOENT);
    assert_string_equal(
        e.text, "The initrd file cannot be opened due to invalid path or "
                "invalid permissions. No such file or directory (os error 2)");
    gmem_release(&ram);
}

#define TEST(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(in_a_large_guest_it_starts_at_256_mib),
        TEST(behind_a_huge_kernel_it_keeps_its_distance),
        TEST(in_a_small_guest_it_lies_right_below_the_device_tree),
        TEST(a_guest_just_too_small_for_256_mib_places_by_need),
        TEST(what_does_not_fit_is_told_how_much_ram_would_do),
        TEST(every_place_given_is_a_good_one),
        TEST(absurd_sizes_do_not_overflow),
        cmocka_unit_test_setup_teardown(the_file_is_copied_to_its_place,
                                        make_file, remove_file),
        cmocka_unit_test_setup_teardown(bad_files_are_told_as_firecracker_does,
                                        make_file, remove_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
