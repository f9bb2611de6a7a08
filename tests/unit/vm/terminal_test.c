// SPDX-License-Identifier: Apache-2.0
/* The host's end of the console on pipes and files of every temper. */

#include "vm/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/macros.h"
#include "dev/console.h"
#include "host/host.h"

struct fixture {
    uv_loop_t loop;
    struct console *console;
    struct console_rx rx;
    struct terminal *terminal;
    int in[2], out[2]; /* pipes: the test has in[1] and out[0] */
    atomic_uint arrived;
};

static void note_arrived(void *ctx)
{
    atomic_fetch_add(&((struct fixture *)ctx)->arrived, 1);
}

static int set_up(void **state)
{
    struct fixture *f = heap_zalloc(sizeof(*f));

    assert_non_null(f);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(pipe(f->in), 0);
    assert_int_equal(pipe(f->out), 0);
    f->console = console_new(NULL);
    f->rx = (struct console_rx){.arrived = note_arrived, .ctx = f};
    console_attach(f->console, &f->rx);
    console_open(f->console, &f->rx);
    *state = f;
    return 0;
}

static void stop(struct fixture *f)
{
    terminal_free(f->terminal);
    f->terminal = NULL;
    uv_run(&f->loop, UV_RUN_DEFAULT);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    stop(f);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    console_detach(f->console, &f->rx);
    console_free(f->console);
    for (unsigned n = 0; n < 2; n++) {
        close(f->in[n]);
        close(f->out[n]);
    }
    heap_free(f);
    return 0;
}

static void start_on(struct fixture *f, int in_fd, int out_fd,
                     enum terminal_input input)
{
    f->terminal =
        terminal_new(&f->loop, f->console,
                     &(struct terminal_opts){
                         .in_fd = in_fd, .out_fd = out_fd, .input = input},
                     NULL);
    assert_non_null(f->terminal);
}

static void start(struct fixture *f)
{
    start_on(f, f->in[0], f->out[1], TERMINAL_INPUT_ANY);
}

static void put(struct fixture *f, const char *text)
{
    for (; *text; text++)
        console_put(f->console, (uint8_t)*text);
}

/* Takes what there is within a minute until `count` items have come. */
static size_t take(struct fixture *f, uint16_t *items, size_t count)
{
    uint64_t end = host_mono_ns() + 60000000000u;
    size_t got = 0;

    while (got < count && host_mono_ns() < end) {
        size_t n = console_take(f->console, &f->rx, items + got, count - got);

        got += n;
        if (n == 0)
            usleep(1000);
    }
    return got;
}

static bool comes_within(struct fixture *f, uint64_t ms)
{
    uint64_t end = host_mono_ns() + ms * 1000000u;

    while (host_mono_ns() < end) {
        if (console_has_input(f->console, &f->rx))
            return true;
        usleep(1000);
    }
    return false;
}

/* Output may come in pieces. */
static void expect(struct fixture *f, const char *text)
{
    char buf[16];
    size_t got = 0;

    while (got < strlen(text)) {
        ssize_t n = read(f->out[0], buf + got, strlen(text) - got);

        assert_true(n > 0);
        got += (size_t)n;
    }
    assert_memory_equal(buf, text, got);
}

static void output_arrives_at_once(void **state)
{
    struct fixture *f = *state;

    put(f, "before ");
    start(f);
    expect(f, "before ");
    put(f, "after");
    expect(f, "after");
}

static void the_last_line_is_not_lost(void **state)
{
    struct fixture *f = *state;
    static char buf[24001]; /* fits a pipe, however it is cut */
    size_t got = 0;
    ssize_t n;

    start(f);
    for (unsigned k = 0; k < 4000; k++)
        put(f, "line.\n");
    stop(f);
    close(f->out[1]);
    f->out[1] = -1;
    while ((n = read(f->out[0], buf + got, sizeof(buf) - got)) > 0)
        got += (size_t)n;
    assert_int_equal(got, 24000);
}

static void *read_slowly(void *arg)
{
    static char buf[3000];
    size_t got = 0;
    ssize_t n;

    while ((n = read(*(int *)arg, buf, sizeof(buf))) > 0) {
        got += (size_t)n;
        usleep(1000);
    }
    return (void *)(uintptr_t)got;
}

static void a_slow_reader_gets_everything(void **state)
{
    struct fixture *f = *state;
    pthread_t reader;
    void *got;

    pthread_create(&reader, NULL, read_slowly, &f->out[0]);
    start(f);
    for (unsigned k = 0; k < 200000; k++)
        assert_true(console_put(f->console, (uint8_t)k));
    stop(f);
    close(f->out[1]);
    f->out[1] = -1;
    pthread_join(reader, &got);
    assert_int_equal((uintptr_t)got, 200000);
}

static void nobody_reading_stops_neither_the_guest_nor_the_end(void **state)
{
    struct fixture *f = *state;
    uint64_t begin = host_mono_ns();

    start(f);
    for (unsigned k = 0; k < 1000000; k++)
        console_put(f->console, 'x');
    assert_true(console_lost(f->console) > 0);
    stop(f);
    assert_in_range(host_mono_ns() - begin, 900000000u, 60000000000u);
}

static void a_closed_pipe_does_no_harm(void **state)
{
    struct fixture *f = *state;
    uint16_t item;

    signal(SIGPIPE, SIG_DFL);
    close(f->out[0]);
    f->out[0] = -1;
    start(f);
    for (unsigned k = 0; k < 300000; k++)
        console_put(f->console, 'x');
    assert_int_equal(write(f->in[1], "a", 1), 1);
    assert_int_equal(take(f, &item, 1), 1);
    stop(f);
}

static void a_full_disk_does_no_harm(void **state)
{
    struct fixture *f = *state;
    int fd = open("/dev/full", O_WRONLY);

    if (fd < 0)
        skip();
    start_on(f, -1, fd, TERMINAL_INPUT_ANY);
    put(f, "nowhere to go");
    stop(f);
    close(fd);
}

static void closed_descriptors_do_no_harm(void **state)
{
    struct fixture *f = *state;

    start_on(f, 987, 988, TERMINAL_INPUT_ANY);
    put(f, "nowhere to go");
    stop(f);
    start_on(f, -1, -1, TERMINAL_INPUT_ANY);
    put(f, "nowhere to go");
    stop(f);
}

static void a_descriptor_that_others_made_nonblocking_works(void **state)
{
    struct fixture *f = *state;
    pthread_t reader;
    void *got;

    fcntl(f->out[1], F_SETFL, O_NONBLOCK);
    fcntl(f->in[0], F_SETFL, O_NONBLOCK);
    pthread_create(&reader, NULL, read_slowly, &f->out[0]);
    start(f);
    for (unsigned k = 0; k < 200000; k++)
        assert_true(console_put(f->console, (uint8_t)k));
    assert_int_equal(write(f->in[1], "a", 1), 1);
    assert_true(comes_within(f, 60000));
    stop(f);
    close(f->out[1]);
    f->out[1] = -1;
    pthread_join(reader, &got);
    assert_int_equal((uintptr_t)got, 200000);
}

static void descriptors_stay_blocking(void **state)
{
    struct fixture *f = *state;

    start(f);
    put(f, "x");
    assert_int_equal(write(f->in[1], "a", 1), 1);
    assert_true(comes_within(f, 60000));
    assert_int_equal(fcntl(f->in[0], F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(f->out[1], F_GETFL) & O_NONBLOCK, 0);
    stop(f);
    assert_int_equal(fcntl(f->in[0], F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(f->out[1], F_GETFL) & O_NONBLOCK, 0);
}

enum { MUCH = 300000 };

static void *write_much(void *arg)
{
    struct fixture *f = arg;
    uint8_t buf[1000];

    for (unsigned done = 0; done < MUCH; done += 1000) {
        for (unsigned n = 0; n < 1000; n++)
            buf[n] = (uint8_t)((done + n) % 251);
        if (write(f->in[1], buf, 1000) != 1000)
            break;
    }
    return NULL;
}

static void input_waits_for_a_slow_guest(void **state)
{
    struct fixture *f = *state;
    static uint16_t items[MUCH];
    pthread_t writer;

    pthread_create(&writer, NULL, write_much, f);
    start(f);
    usleep(100000); /* all buffers between are full by now */
    assert_int_equal(take(f, items, MUCH), MUCH);
    for (unsigned n = 0; n < MUCH; n++)
        assert_int_equal(items[n], n % 251);
    pthread_join(writer, NULL);
}

static void the_end_of_input_is_not_the_end(void **state)
{
    struct fixture *f = *state;
    uint16_t items[6];

    start(f);
    assert_int_equal(write(f->in[1], "\001x last", 7), 7);
    close(f->in[1]);
    f->in[1] = -1;
    assert_int_equal(take(f, items, 6), 6);
    assert_int_equal(items[0], 1); /* no escape key in a pipe */
    put(f, "ok");
    expect(f, "ok");
}

static void no_input_is_harmless(void **state)
{
    struct fixture *f = *state;
    int fd = open("/dev/null", O_RDONLY);

    start_on(f, fd, f->out[1], TERMINAL_INPUT_ANY);
    assert_false(comes_within(f, 20));
    stop(f);
    start_on(f, f->in[0], f->out[1], TERMINAL_INPUT_NONE);
    assert_int_equal(write(f->in[1], "a", 1), 1);
    assert_false(comes_within(f, 50));
    stop(f);
    close(fd);
    fd = open("/", O_RDONLY);
    start_on(f, fd, f->out[1], TERMINAL_INPUT_ANY);
    assert_false(comes_within(f, 20));
    stop(f);
    close(fd);
}

static void upstreams_policy_takes_fifos_but_not_files(void **state)
{
    struct fixture *f = *state;
    FILE *file = tmpfile();

    assert_non_null(file);
    fputs("typed", file);
    rewind(file);
    start_on(f, fileno(file), f->out[1], TERMINAL_INPUT_UPSTREAM);
    assert_false(comes_within(f, 50));
    stop(f);
    start_on(f, fileno(file), f->out[1], TERMINAL_INPUT_ANY);
    assert_true(comes_within(f, 60000));
    stop(f);
    fclose(file);
    start_on(f, f->in[0], f->out[1], TERMINAL_INPUT_UPSTREAM);
    assert_int_equal(write(f->in[1], "a", 1), 1);
    assert_true(comes_within(f, 60000));
}

static void a_terminal_that_waits_for_input_ends_at_once(void **state)
{
    struct fixture *f = *state;
    uint64_t least = UINT64_MAX;

    for (unsigned n = 0; n < 20; n++) {
        uint64_t begin = host_mono_ns();

        start(f);
        stop(f);
        least = MIN(least, host_mono_ns() - begin);
    }
    assert_true(least < 900000000u); /* nobody had to give up waiting */
}

static void input_moves_when_its_receiver_closes(void **state)
{
    struct fixture *f = *state;
    struct console_rx other = {.arrived = note_arrived, .ctx = f};
    unsigned arrived;

    console_attach(f->console, &other);
    console_open(f->console, &other);
    start(f);
    assert_int_equal(write(f->in[1], "a", 1), 1);
    assert_true(comes_within(f, 60000));
    arrived = atomic_load(&f->arrived);
    console_close(f->console, &f->rx);
    for (unsigned n = 0; n < 60000 && atomic_load(&f->arrived) == arrived; n++)
        usleep(1000);
    assert_true(atomic_load(&f->arrived) > arrived);
    assert_true(console_has_input(f->console, &other));
    console_detach(f->console, &other);
}

static void no_memory_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct err e;
    long n;

    for (n = 0; !f->terminal; n++) {
        e.code = 0;
        heap_fail_after(n);
        f->terminal = terminal_new(
            &f->loop, f->console,
            &(struct terminal_opts){.in_fd = f->in[0], .out_fd = f->out[1]},
            &e);
        if (!f->terminal)
            assert_int_equal(e.code, -ENOMEM);
    }
    heap_fail_after(-1);
    assert_true(n > 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(output_arrives_at_once),
        TEST(the_last_line_is_not_lost),
        TEST(a_slow_reader_gets_everything),
        TEST(nobody_reading_stops_neither_the_guest_nor_the_end),
        TEST(a_closed_pipe_does_no_harm),
        TEST(a_full_disk_does_no_harm),
        TEST(closed_descriptors_do_no_harm),
        TEST(a_descriptor_that_others_made_nonblocking_works),
        TEST(descriptors_stay_blocking),
        TEST(input_waits_for_a_slow_guest),
        TEST(the_end_of_input_is_not_the_end),
        TEST(no_input_is_harmless),
        TEST(upstreams_policy_takes_fifos_but_not_files),
        TEST(a_terminal_that_waits_for_input_ends_at_once),
        TEST(input_moves_when_its_receiver_closes),
        TEST(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
