// SPDX-License-Identifier: Apache-2.0
/*
 * Raw mode on a real (pseudo) terminal. The cast: this test holds the
 * terminal's other end; a "shell" is the session's leader; its "job", in a
 * process group of its own in the foreground, is a program with a terminal,
 * whose guest echoes what it is sent and obeys a few capital letters.
 */

#include "vm/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "base/macros.h"
#include "dev/console.h"
#include "host/host.h"
#include "vm/tty_raw.h"

enum { QUIT = 42, EXITED = 43, ENDED = 44 };

/* ---- the job ---- */

static struct console *job_console;
static struct console_rx job_rx;
static uv_loop_t job_loop;
static struct terminal *job_terminal;
static int job_status;

/* As a thread that reads, and reads again. */
static void *job_hammer(void *arg)
{
    for (;;)
        tty_raw_resume();
    return arg;
}

static void obey(uint16_t item)
{
    pthread_t thread;

    switch (item) {
    case 'H':
        host_thread_start(&thread, job_hammer, NULL);
        console_put(job_console, '!');
        break;
    case 'E':
        exit(EXITED);
    case 'A':
        abort();
    case 'S':
        raise(SIGSEGV);
        break;
    case CONSOLE_BREAK:
        for (const char *s = "<break>"; *s; s++)
            console_put(job_console, (uint8_t)*s);
        break;
    default:
        console_put(job_console, (uint8_t)item);
        break;
    }
}

static void job_deaf(void *ctx)
{
    (void)ctx;
}

static void job_arrived(void *ctx)
{
    uint16_t item;

    (void)ctx;
    while (console_take(job_console, &job_rx, &item, 1) == 1) {
        if (item == 'D') { /* the guest no longer reads */
            job_rx.arrived = job_deaf;
            return;
        }
        obey(item);
    }
}

static void job_quit(void *ctx)
{
    (void)ctx;
    job_status = QUIT;
    uv_stop(&job_loop);
}

static void job_tick(uv_timer_t *timer)
{
    (void)timer;
    job_status = ENDED; /* nobody ended it in two minutes */
    uv_stop(&job_loop);
}

/* `graceful`: SIGTERM is the job's own, as in a program that shuts down. */
static void job_sigterm(uv_signal_t *handle, int sig)
{
    (void)handle;
    (void)sig;
    uv_stop(&job_loop);
}

static _Noreturn void job_main(bool graceful)
{
    struct rlimit none = {0, 0};
    uv_timer_t timer;
    uv_signal_t term;

    /* The test's harness has handlers for crashes: not here. */
    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_DFL);
    setrlimit(RLIMIT_CORE, &none);
    uv_loop_init(&job_loop);
    uv_timer_init(&job_loop, &timer);
    uv_timer_start(&timer, job_tick, 120000, 0);
    if (graceful) {
        uv_signal_init(&job_loop, &term);
        uv_signal_start(&term, job_sigterm, SIGTERM);
        uv_unref((uv_handle_t *)&term);
    }
    job_console = console_new(NULL);
    job_rx.arrived = job_arrived;
    console_attach(job_console, &job_rx);
    console_open(job_console, &job_rx);
    job_terminal = terminal_new(
        &job_loop, job_console,
        &(struct terminal_opts){.in_fd = 0, .out_fd = 1, .on_quit = job_quit},
        NULL);
    if (!job_terminal)
        _exit(99);
    uv_run(&job_loop, UV_RUN_DEFAULT);
    terminal_free(job_terminal);
    _exit(job_status);
}

/* ---- the shell ---- */

/* Tells the test the job's process, then each time that it has stopped. */
static _Noreturn void shell_main(const char *tty, int news_fd, bool graceful,
                                 bool background)
{
    pid_t job;
    int fd, status;

    setsid();
    fd = open(tty, O_RDWR);
    ioctl(fd, TIOCSCTTY, 0);
    for (int n = 0; n < 3; n++)
        dup2(fd, n);
    signal(SIGTTOU, SIG_IGN);
    job = fork();
    if (job == 0) {
        setpgid(0, 0);
        if (!background)
            tcsetpgrp(0, getpid());
        job_main(graceful);
    }
    setpgid(job, job);
    do {
        if (write(news_fd, &job, sizeof(job)) != sizeof(job))
            _exit(98);
        while (waitpid(job, &status, WUNTRACED) < 0)
            ;
    } while (WIFSTOPPED(status));
    _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* ---- the test ---- */

static int master, slave, news;
static pid_t shell, job;

static bool tty_is_raw(void)
{
    struct termios t;

    assert_int_equal(tcgetattr(slave, &t), 0);
    return !(t.c_lflag & (ICANON | ECHO | ISIG));
}

static bool becomes_raw(bool wanted)
{
    for (unsigned n = 0; n < 60000 && tty_is_raw() != wanted; n++)
        usleep(1000);
    return tty_is_raw() == wanted;
}

static void begin(bool graceful, bool background)
{
    int news_pipe[2];
    const char *name;

    master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    name = ptsname(master);
    slave = open(name, O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    assert_int_equal(pipe(news_pipe), 0);
    assert_false(tty_is_raw());
    shell = fork();
    if (shell == 0)
        shell_main(name, news_pipe[1], graceful, background);
    close(news_pipe[1]);
    news = news_pipe[0];
    assert_int_equal(read(news, &job, sizeof(job)), sizeof(job));
}

static void begin_raw(bool graceful)
{
    begin(graceful, false);
    assert_true(becomes_raw(true));
}

/* How the job ended. */
static int end(void)
{
    int status;

    assert_int_equal(waitpid(shell, &status, 0), shell);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A SIGCONT that came before the job has stopped would be lost. */
static bool stops(void)
{
    struct pollfd p = {.fd = news, .events = POLLIN};
    pid_t who;

    return poll(&p, 1, 60000) == 1 &&
           read(news, &who, sizeof(who)) == sizeof(who) && who == job;
}

static void leave(void)
{
    close(news);
    close(master);
    close(slave);
}

static void keys(const char *text)
{
    assert_int_equal(write(master, text, strlen(text)), (ssize_t)strlen(text));
}

/* Whether `text` appears within a minute. */
static bool shows(const char *text)
{
    static char seen[65536];
    struct pollfd p = {.fd = master, .events = POLLIN};
    size_t len = 0;

    while (poll(&p, 1, 60000) > 0) {
        ssize_t got = read(master, seen + len, sizeof(seen) - 1 - len);

        if (got <= 0)
            return false;
        len += (size_t)got;
        seen[len] = 0;
        if (strstr(seen, text))
            return true;
    }
    return false;
}

static void keys_go_to_the_guest_one_by_one(void **state)
{
    (void)state;
    begin_raw(false);
    keys("a\003\032\r");
    assert_true(shows("a\003\032\r"));
    keys("\001x");
    assert_int_equal(end(), QUIT);
    assert_false(tty_is_raw());
    leave();
}

static void output_is_the_guests_own(void **state)
{
    struct termios t;

    (void)state;
    begin_raw(false);
    tcgetattr(slave, &t);
    assert_false(t.c_oflag & OPOST);
    keys("\001x");
    end();
    leave();
}

static void the_escape_key_can_be_sent_and_explained(void **state)
{
    (void)state;
    begin_raw(false);
    keys("\001\001!");
    assert_true(shows("\001!"));
    keys("\001b");
    assert_true(shows("<break>"));
    keys("\001h");
    assert_true(shows("Ctrl-A x"));
    keys("\001z;");
    assert_true(shows(";"));
    keys("\001x");
    assert_int_equal(end(), QUIT);
    leave();
}

static void one_can_leave_a_guest_that_does_not_read(void **state)
{
    (void)state;
    begin_raw(false);
    keys("D");
    for (unsigned n = 0; n < 100; n++) {
        char text[101];

        memset(text, 'x', 100);
        text[100] = 0;
        keys(text);
    }
    keys("\001x");
    assert_int_equal(end(), QUIT);
    assert_false(tty_is_raw());
    leave();
}

static void signals_end_it_and_restore_the_terminal(void **state)
{
    static const int signals[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGABRT,
                                  SIGSEGV, SIGBUS,  SIGUSR1, SIGFPE,  SIGPIPE};

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(signals); n++) {
        begin_raw(false);
        kill(job, signals[n]);
        assert_int_equal(end(), 128 + signals[n]);
        assert_false(tty_is_raw());
        leave();
    }
}

static void crashes_and_exits_restore_the_terminal(void **state)
{
    static const struct {
        const char *key;
        int status;
    } ways[] = {{"E", EXITED}, {"A", 128 + SIGABRT}, {"S", 128 + SIGSEGV}};

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(ways); n++) {
        begin_raw(false);
        keys(ways[n].key);
        assert_int_equal(end(), ways[n].status);
        assert_false(tty_is_raw());
        leave();
    }
}

static void a_program_may_handle_signals_itself(void **state)
{
    (void)state;
    begin_raw(true);
    kill(job, SIGTERM);
    assert_int_equal(end(), 0);
    assert_false(tty_is_raw());
    leave();
}

static void a_stopped_job_gives_the_terminal_back(void **state)
{
    (void)state;
    begin_raw(false);
    kill(job, SIGTSTP);
    assert_true(stops());
    assert_false(tty_is_raw());
    for (unsigned n = 0; n < 2; n++) {
        kill(job, SIGCONT);
        assert_true(becomes_raw(true));
        kill(job, SIGTSTP);
        assert_true(stops());
        assert_false(tty_is_raw());
    }
    kill(job, SIGCONT);
    assert_true(becomes_raw(true));
    keys("k");
    assert_true(shows("k"));
    keys("\001x");
    assert_int_equal(end(), QUIT);
    assert_false(tty_is_raw());
    leave();
}

static void a_thread_that_reads_does_not_take_it_back(void **state)
{
    (void)state;
    begin_raw(false);
    keys("H");
    assert_true(shows("!"));
    for (unsigned n = 0; n < 30; n++) {
        kill(job, SIGTSTP);
        assert_true(stops());
        assert_false(tty_is_raw());
        kill(job, SIGCONT);
        assert_true(becomes_raw(true));
    }
    kill(job, SIGTERM);
    assert_int_equal(end(), 128 + SIGTERM);
    assert_false(tty_is_raw());
    leave();
}

static void a_job_stopped_the_hard_way_is_raw_again(void **state)
{
    struct termios t;

    (void)state;
    begin_raw(false);
    kill(job, SIGSTOP);
    assert_true(stops());
    tcgetattr(slave, &t); /* what a shell does then */
    t.c_lflag |= ICANON | ECHO | ISIG;
    tcsetattr(slave, TCSANOW, &t);
    kill(job, SIGCONT);
    assert_true(becomes_raw(true));
    keys("\001x");
    assert_int_equal(end(), QUIT);
    assert_false(tty_is_raw());
    leave();
}

static void a_background_job_leaves_the_terminal_alone(void **state)
{
    (void)state;
    begin(false, true);
    usleep(200000);
    assert_false(tty_is_raw());
    kill(job, SIGTERM);
    assert_int_equal(end(), 128 + SIGTERM);
    assert_false(tty_is_raw());
    leave();
}

static void the_terminals_description_stays_blocking(void **state)
{
    (void)state;
    begin_raw(false);
    keys("k");
    assert_true(shows("k"));
    assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
    keys("\001x");
    end();
    assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
    leave();
}

static void one_terminal_at_a_time(void **state)
{
    struct err e;

    (void)state;
    news = -1;
    master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_int_equal(tty_raw_enter(slave, NULL), 0);
    assert_true(tty_is_raw());
    assert_int_equal(tty_raw_enter(slave, &e), -EBUSY);
    tty_raw_leave();
    assert_false(tty_is_raw());
    leave();
}

static void what_is_no_terminal_is_refused(void **state)
{
    struct err e;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(tty_raw_enter(fds[0], &e), -ENOTTY);
    close(fds[0]);
    close(fds[1]);
    one_terminal_at_a_time(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_go_to_the_guest_one_by_one),
        cmocka_unit_test(output_is_the_guests_own),
        cmocka_unit_test(the_escape_key_can_be_sent_and_explained),
        cmocka_unit_test(one_can_leave_a_guest_that_does_not_read),
        cmocka_unit_test(signals_end_it_and_restore_the_terminal),
        cmocka_unit_test(crashes_and_exits_restore_the_terminal),
        cmocka_unit_test(a_program_may_handle_signals_itself),
        cmocka_unit_test(a_stopped_job_gives_the_terminal_back),
        cmocka_unit_test(a_thread_that_reads_does_not_take_it_back),
        cmocka_unit_test(a_job_stopped_the_hard_way_is_raw_again),
        cmocka_unit_test(a_background_job_leaves_the_terminal_alone),
        cmocka_unit_test(the_terminals_description_stays_blocking),
        cmocka_unit_test(one_terminal_at_a_time),
        cmocka_unit_test(what_is_no_terminal_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
