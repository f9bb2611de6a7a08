// SPDX-License-Identifier: Apache-2.0
/* Memory that is written in one place and executed in another. */

#include "host/code.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "host/host.h"

enum { BYTES = 1 << 20 };

/* The line of /proc/self/maps that begins at `at`: its rights, and its name. */
static bool mapping_of(const uint8_t *at, char rights[8], char name[256])
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    bool found = false;

    assert_non_null(maps);
    while (!found && fgets(line, sizeof(line), maps)) {
        uintptr_t start;

        *name = '\0';
        found = sscanf(line, "%" SCNxPTR "-%*x %7s %*s %*s %*s %255s", &start,
                       rights, name) >= 2 &&
                start == (uintptr_t)at;
    }
    fclose(maps);
    return found;
}

static void what_is_written_in_one_view_is_read_in_the_other(void **state)
{
    struct host_code code;
    struct err e = {0};

    (void)state;
    assert_int_equal(host_code_init(&code, BYTES, &e), 0);
    assert_ptr_not_equal(code.rw, code.rx);
    memset(code.rw, 0x5a, BYTES);
    assert_memory_equal(code.rw, code.rx, BYTES);
    host_code_release(&code);
    host_code_release(&code);
    assert_null(code.rw);
}

/* User emulation does not do MADV_REMOVE. */
static void what_is_discarded_reads_as_zero(void **state)
{
    struct host_code code;

    (void)state;
    if (getenv("SQUIB_TEST_EMULATED"))
        skip();
    assert_int_equal(host_code_init(&code, BYTES, NULL), 0);
    memset(code.rw, 0x5a, BYTES);
    host_code_discard(&code, BYTES / 2);
    assert_int_equal(code.rx[BYTES / 2 - 1], 0x5a);
    assert_int_equal(code.rx[BYTES / 2], 0);
    assert_int_equal(code.rx[BYTES - 1], 0);
    code.rw[BYTES - 1] = 7;
    assert_int_equal(code.rx[BYTES - 1], 7);
    host_code_release(&code);
}

static bool maps_twice(void)
{
    void *at = mmap(NULL, BYTES, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    void *again = mremap(at, 0, BYTES, MREMAP_MAYMOVE);

    if (again != MAP_FAILED)
        munmap(again, BYTES);
    munmap(at, BYTES);
    return again != MAP_FAILED;
}

/* perf(1) asks /tmp/perf-PID.map about what /proc/PID/maps has under one of a
   few names, of which this is one. Not where the memory must be a file's. */
static void no_view_is_writable_and_executable_and_perf_knows_it(void **state)
{
    struct host_code code;
    char rights[8], name[256];

    (void)state;
    assert_int_equal(host_code_init(&code, BYTES, NULL), 0);
    assert_true(mapping_of(code.rw, rights, name));
    assert_string_equal(rights, "rw-s");
    assert_true(mapping_of(code.rx, rights, name));
    assert_string_equal(rights, "r-xs");
    assert_string_equal(name, maps_twice() ? "/dev/zero" : "/memfd:squib-code");
    host_code_release(&code);
}

static void what_is_backed_ahead_reads_the_same(void **state)
{
    uint64_t rw_backed = 0, rx_backed = 0;
    struct host_code code;

    (void)state;
    assert_int_equal(host_code_init(&code, BYTES, NULL), 0);
    for (uint64_t used = 0; used < BYTES; used += 4096) {
        host_back_ahead(code.rw, BYTES, used, &rw_backed, true);
        host_back_ahead(code.rx, BYTES, used, &rx_backed, false);
        assert_true(rw_backed > used && rw_backed <= BYTES);
        assert_int_equal(code.rx[used], 0);
        code.rw[used] = 5;
        assert_int_equal(code.rx[used], 5);
    }
    assert_int_equal(rw_backed, BYTES);
    host_back_ahead(code.rw, BYTES, BYTES, &rw_backed, true);
    assert_int_equal(rw_backed, BYTES);
    assert_int_equal(rx_backed, BYTES);
    host_code_release(&code);
}

static void memory_that_cannot_be_had_is_an_error(void **state)
{
    struct host_code code;
    struct err e = {0};

    (void)state;
    assert_true(host_code_init(&code, 1ull << 60, &e) < 0);
    assert_non_null(strstr(e.text, "cannot map memory for code"));
    assert_null(code.rw);
    assert_null(code.rx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_in_one_view_is_read_in_the_other),
        cmocka_unit_test(what_is_discarded_reads_as_zero),
        cmocka_unit_test(no_view_is_writable_and_executable_and_perf_knows_it),
        cmocka_unit_test(what_is_backed_ahead_reads_the_same),
        cmocka_unit_test(memory_that_cannot_be_had_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
