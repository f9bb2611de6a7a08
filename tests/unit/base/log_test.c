// SPDX-License-Identifier: Apache-2.0
/* Which lines the log writes, where, and that it never waits. */

#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"

static int sink[2]; /* a pipe: ours to read, the log's to write */

static int set_up(void **state)
{
    (void)state;
    return pipe(sink) < 0 || fcntl(sink[0], F_SETFL, O_NONBLOCK) < 0;
}

static int tear_down(void **state)
{
    const struct log_config off = {.fd = -1};

    (void)state;
    log_configure(&off);
    close(sink[0]);
    close(sink[1]);
    return 0;
}

static void configure(enum log_level level, const char *module)
{
    const struct log_config cfg = {.id = "vm",
                                   .fd = sink[1],
                                   .level = level,
                                   .show_level = true,
                                   .module = module};

    log_configure(&cfg);
}

/* What was logged since, or "". */
static const char *logged(void)
{
    static char text[8192];
    ssize_t n = read(sink[0], text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = 0;
    return text;
}

static void a_line_has_its_parts(void **state)
{
    const char *text;
    int day;

    (void)state;
    configure(LOG_INFO, NULL);
    log_info("%d guests", 3);
    text = logged();
    assert_int_equal(sscanf(text, "%*4d-%*2d-%2dT", &day), 1);
    assert_string_equal(text + 29, " [vm:main:INFO] 3 guests\n");
}

static void the_level_decides(void **state)
{
    (void)state;
    configure(LOG_WARN, NULL);
    log_info("unseen");
    assert_string_equal(logged(), "");
    log_warn("seen");
    assert_non_null(strstr(logged(), "[vm:main:WARN] seen\n"));
    configure(LOG_OFF, NULL);
    log_error("unseen");
    assert_string_equal(logged(), "");
}

static void the_module_decides(void **state)
{
    static const struct {
        const char *module;
        const char *file;
        bool seen;
    } rows[] = {
        {"dev", "../src/dev/rtc.c", true},
        {"dev/rtc", "../src/dev/rtc.c", true},
        {"dev::rtc", "../src/dev/rtc.c", true},
        {"squib::dev", "src/dev/rtc.c", true},
        {"", "src/dev/rtc.c", true},
        {"devices", "src/dev/rtc.c", false},
        {"dev::rtc.c", "src/dev/rtc.c", false},
        {"vm", "src/dev/rtc.c", false},
        {"dev:rtc", "src/dev/rtc.c", false},
        {"main", "/src/other/src/main/main.c", true},
    };

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        configure(LOG_INFO, rows[n].module);
        log_at(LOG_INFO, rows[n].file, 1, "line");
        assert_int_equal(*logged() != 0, rows[n].seen);
    }
}

static void a_full_sink_loses_lines_and_counts_them(void **state)
{
    uint64_t before = log_missed();

    (void)state;
    configure(LOG_INFO, NULL);
    for (int n = 0; n < 5000; n++)
        log_info("a line for nobody, made long enough to fill the pipe soon");
    assert_true(log_missed() > before);
    while (*logged())
        ;
    log_info("heard again");
    assert_non_null(strstr(logged(), "heard again\n"));
}

static void a_sink_without_a_reader_is_left_alone(void **state)
{
    uint64_t before = log_missed();

    (void)state;
    configure(LOG_INFO, NULL);
    close(sink[0]);
    log_info("a SIGPIPE would end this test");
    assert_true(log_missed() > before);
    sink[0] = dup(STDIN_FILENO); /* tear_down closes it */
}

static void a_long_message_is_cut(void **state)
{
    const char *text;
    char message[5000];

    (void)state;
    configure(LOG_INFO, NULL);
    memset(message, 'x', sizeof(message) - 1);
    message[sizeof(message) - 1] = 0;
    log_info("%s", message);
    text = logged();
    assert_true(strlen(text) > 2000 && strlen(text) <= 2048);
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void a_log_file_is_opened_or_explained(void **state)
{
    struct err e;
    int fd = log_open("/dev/null", &e);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_true(log_open("/nowhere/log", &e) < 0);
    assert_string_equal(e.text, "Failed to open target file: No such file or "
                                "directory (os error 2)");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_its_parts),
        TEST(the_level_decides),
        TEST(the_module_decides),
        TEST(a_full_sink_loses_lines_and_counts_them),
        TEST(a_sink_without_a_reader_is_left_alone),
        TEST(a_long_message_is_cut),
        TEST(a_log_file_is_opened_or_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
