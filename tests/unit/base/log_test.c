// SPDX-License-Identifier: Apache-2.0
/* Which lines the log writes, where, and that it never waits. */

#include "base/log.h"

#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/heap.h"
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
    assert_true(log_enabled(LOG_WARN));
    assert_false(log_enabled(LOG_INFO));
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

/* A line of so many bytes of message: how long it came. To a file, for a host
   may give a pipe little room. */
static size_t log_long(size_t bytes)
{
    static char message[3 << 20], text[3 << 20];
    FILE *file = tmpfile();
    int kept = sink[1];
    size_t len;

    assert_non_null(file);
    sink[1] = fileno(file);
    configure(LOG_INFO, NULL);
    memset(message, 'x', bytes);
    message[bytes] = 0;
    log_info("%s", message);
    rewind(file);
    len = fread(text, 1, sizeof(text), file);
    assert_true(len > 0);
    assert_int_equal(text[len - 1], '\n');
    assert_ptr_equal(memchr(text, '\n', len), text + len - 1);
    sink[1] = kept;
    configure(LOG_INFO, NULL);
    fclose(file);
    return len;
}

static void a_long_message_is_written_whole(void **state)
{
    uint64_t missed = log_missed();
    size_t head;

    (void)state;
    configure(LOG_INFO, NULL);
    head = log_long(1) - 1;
    for (size_t n = 1900; n < 2100; n++)
        assert_int_equal(log_long(n), head + n);
    assert_int_equal(log_long(60000), head + 60000);
    assert_int_equal(log_missed(), missed);
}

static void without_memory_a_long_message_is_cut(void **state)
{
    size_t len;

    (void)state;
    configure(LOG_INFO, NULL);
    heap_fail_after(0);
    len = log_long(5000);
    heap_fail_after(-1);
    assert_in_range(len, 2000, 2048);
}

static void a_megabyte_is_the_most(void **state)
{
    char path[] = "/tmp/log-test-XXXXXX";
    int fd = mkstemp(path), kept = sink[1];

    (void)state;
    assert_true(fd >= 0);
    unlink(path);
    sink[1] = fd;
    configure(LOG_INFO, NULL);
    lseek(dup2(fd, sink[0]), 0, SEEK_SET);
    log_info("%*s", 2 << 20, "x");
    assert_in_range(lseek(fd, 0, SEEK_END), 1 << 20, (1 << 20) + 200);
    close(fd);
    sink[1] = kept;
}

static void a_raw_terminal_needs_a_carriage_return(void **state)
{
    char text[1000];
    int master, slave, kept = sink[1];
    struct termios t;
    size_t len = 0;
    ssize_t n;

    (void)state;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    tcgetattr(slave, &t);
    t.c_oflag &= (tcflag_t)~OPOST;
    tcsetattr(slave, TCSANOW, &t);
    sink[1] = slave;
    configure(LOG_INFO, NULL);
    log_raw_terminal(true);
    log_info("one");
    log_raw_terminal(false);
    log_info("two");
    do { /* what is written to one end takes a moment to the other */
        n = read(master, text + len, sizeof(text) - 1 - len);
        assert_true(n > 0);
        len += (size_t)n;
        text[len] = 0;
    } while (!strstr(text, "two\n"));
    assert_non_null(strstr(text, "one\r\n"));
    assert_non_null(strstr(text, "two\n"));
    close(master);
    close(slave);
    sink[1] = kept;
    configure(LOG_INFO, NULL);
    log_raw_terminal(true);
    log_info("a pipe is no terminal");
    log_raw_terminal(false);
    assert_null(strchr(logged(), '\r'));
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

/* Five seconds may be over in the middle of it, on a machine with other things
   to do: then anew. */
static unsigned taken_at_once(unsigned tries, uint32_t *suppressed)
{
    for (unsigned round = 0; round < 50; round++) {
        struct log_limit limit = {0};
        unsigned taken = log_limit_take(&limit);
        uint64_t window = limit.window_start_ns;

        for (unsigned n = 1; n < tries; n++)
            taken += log_limit_take(&limit);
        *suppressed = limit.suppressed;
        if (limit.window_start_ns == window)
            return taken;
    }
    return 0;
}

static void a_guest_gets_ten_lines_and_the_rest_is_counted(void **state)
{
    struct log_limit over = {.suppressed = 7, .in_window = 10};
    uint32_t suppressed;

    (void)state;
    configure(LOG_WARN, NULL);
    assert_int_equal(taken_at_once(10, &suppressed), 10);
    assert_int_equal(suppressed, 0);
    assert_int_equal(taken_at_once(1000, &suppressed), 10);
    assert_int_equal(suppressed, 990);
    assert_true(log_limit_take(&over));
    assert_non_null(
        strstr(logged(), "7 messages were suppressed due to rate limiting\n"));
    assert_int_equal(over.suppressed, 0);
    assert_int_equal(over.in_window, 1);
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
        TEST(a_long_message_is_written_whole),
        TEST(without_memory_a_long_message_is_cut),
        TEST(a_megabyte_is_the_most),
        TEST(a_raw_terminal_needs_a_carriage_return),
        TEST(a_log_file_is_opened_or_explained),
        TEST(a_guest_gets_ten_lines_and_the_rest_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
