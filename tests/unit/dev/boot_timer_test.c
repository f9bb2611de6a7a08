// SPDX-License-Identifier: Apache-2.0
/* One byte of 123 writes one line to the log, in Firecracker's words. */

#include "dev/boot_timer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "dev_fixture.h"
#include "host/host.h"

static struct guest g;
static FILE *sink;

static int set_up(void **state)
{
    struct boot_start start = {.mono_ns = host_mono_ns() - 1234567890,
                               .cpu_ns = 0};

    (void)state;
    sink = tmpfile();
    assert_non_null(sink);
    log_configure(
        &(struct log_config){.id = "t", .fd = fileno(sink), .level = LOG_INFO});
    guest_init(&g, NULL, boot_timer_new(start, NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guest_release(&g);
    log_configure(&(struct log_config){.id = "t", .fd = -1});
    fclose(sink);
    return 0;
}

/* How many lines of the log have `text` in them; `line` gets the last. */
static unsigned logged(const char *text, char *line)
{
    char buf[512];
    unsigned count = 0;

    rewind(sink);
    while (fgets(buf, sizeof(buf), sink)) {
        if (!strstr(buf, text))
            continue;
        count++;
        if (line)
            memcpy(line, buf, sizeof(buf));
    }
    return count;
}

static void the_line_has_firecrackers_form(void **state)
{
    unsigned long us, ms, cpu_us, cpu_ms;
    char line[512], again[512];

    (void)state;
    guest_write(&g, 0, 1, 123);
    assert_int_equal(logged("Guest-boot-time", line), 1);
    assert_int_equal(sscanf(strstr(line, "Guest"),
                            "Guest-boot-time = %lu us %lu ms, %lu CPU us %lu "
                            "CPU ms",
                            &us, &ms, &cpu_us, &cpu_ms),
                     4);
    snprintf(again, sizeof(again),
             "Guest-boot-time = %6lu us %lu ms, %6lu CPU us %lu CPU ms\n", us,
             ms, cpu_us, cpu_ms);
    assert_string_equal(strstr(line, "Guest"), again);
    assert_in_range(us, 1234567, 1234567 + 600000000);
    assert_int_equal(ms, us / 1000);
    assert_int_equal(cpu_ms, cpu_us / 1000);
}

static void other_accesses_are_only_counted(void **state)
{
    (void)state;
    guest_write(&g, 0, 1, 122);
    guest_write(&g, 1, 1, 123);
    guest_write(&g, 0, 4, 123);
    assert_int_equal(guest_read(&g, 0, 1), 0);
    assert_int_equal(guest_read(&g, 0, 4), 0);
    assert_int_equal(g.dev->missed_writes, 3);
    assert_int_equal(g.dev->missed_reads, 2);
    assert_int_equal(logged("Guest-boot-time", NULL), 0);
}

static void a_guest_cannot_flood_the_log(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 1000; n++)
        guest_write(&g, 0, 1, 123);
    assert_in_range(logged("Guest-boot-time", NULL), 1, 20);
    guest_abuses(&g);
}

static void a_start_in_the_future_is_no_time(void **state)
{
    struct boot_start start = {.mono_ns = UINT64_MAX, .cpu_ns = UINT64_MAX};
    char line[512];

    (void)state;
    guest_release(&g);
    guest_init(&g, NULL, boot_timer_new(start, NULL));
    guest_write(&g, 0, 1, 123);
    assert_int_equal(
        logged("Guest-boot-time =      0 us 0 ms,      0 CPU us 0 CPU ms",
               line),
        1);
}

static void no_memory_is_an_error(void **state)
{
    struct boot_start start = {0};
    struct err e;

    (void)state;
    heap_fail_after(0);
    assert_null(boot_timer_new(start, &e));
    assert_int_equal(e.code, -ENOMEM);
    heap_fail_after(-1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_line_has_firecrackers_form),
        TEST(other_accesses_are_only_counted),
        TEST(a_guest_cannot_flood_the_log),
        TEST(a_start_in_the_future_is_no_time),
        TEST(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
