// SPDX-License-Identifier: Apache-2.0
/*
 * Raw mode and the way back. Output is not processed either: the guest says
 * where a line begins. The log is told, so that its own lines do.
 *
 * The handlers use only what POSIX allows in them: tcgetpgrp, getpgrp,
 * tcsetattr, sigaction, pthread_sigmask, nanosleep, raise.
 */

#include "vm/tty_raw.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"

/* What ends a process that does not handle it. SIGKILL cannot be caught. */
static const int fatal_signals[] = {
    SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGSEGV,  SIGBUS,  SIGILL,
    SIGFPE,  SIGABRT, SIGTRAP, SIGSYS,  SIGPIPE,  SIGALRM, SIGXCPU,
    SIGXFSZ, SIGUSR1, SIGUSR2, SIGPROF, SIGVTALRM};

/* Written before the handlers are installed, read by them. */
static struct {
    int fd;
    struct termios cooked, raw;
} tty;

static atomic_bool claimed; /* between enter and leave */
static atomic_bool is_raw;
static atomic_bool leaving;  /* nobody makes it raw again */
static atomic_uint stopping; /* nor now: that many handlers are at it */

static_assert(ATOMIC_BOOL_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
              "signal handlers use atomics");

/*
 * Whoever changes the modes holds this, with all signals blocked: a handler
 * that waits for it has never interrupted its holder. What a holder saw of
 * `leaving` and `stopping` is true until it has changed the modes.
 */
static atomic_flag changing = ATOMIC_FLAG_INIT;

static void change_begin(sigset_t *before)
{
    static const struct timespec moment = {.tv_nsec = 50000};
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
    while (atomic_flag_test_and_set(&changing))
        nanosleep(&moment, NULL);
}

static void change_end(const sigset_t *before)
{
    atomic_flag_clear(&changing);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

bool tty_is_foreground(int fd)
{
    pid_t group = tcgetpgrp(fd);

    return group < 0 || group == getpgrp();
}

/* In the background the modes are the shell's: not ours to change. */
static void restore(void)
{
    sigset_t before;

    change_begin(&before);
    if (atomic_exchange(&is_raw, false)) {
        log_raw_terminal(false);
        if (tty_is_foreground(tty.fd))
            tcsetattr(tty.fd, TCSANOW, &tty.cooked);
    }
    change_end(&before);
}

/* Whatever they were, or were thought to be. */
static void make_raw(void)
{
    sigset_t before;

    change_begin(&before);
    if (!atomic_load(&leaving) && !atomic_load(&stopping)) {
        bool ours = tty_is_foreground(tty.fd);

        atomic_store(&is_raw, ours);
        log_raw_terminal(ours);
        if (ours)
            tcsetattr(tty.fd, TCSANOW, &tty.raw);
    }
    change_end(&before);
}

/* What was to happen happens when the handler returns and the signal is no
   longer blocked; a fault happens again, at the same instruction. */
static void on_fatal(int sig)
{
    struct sigaction dfl = {.sa_handler = SIG_DFL};
    int saved_errno = errno;

    atomic_store(&leaving, true);
    restore();
    sigemptyset(&dfl.sa_mask);
    sigaction(sig, &dfl, NULL);
    raise(sig);
    errno = saved_errno;
}

static void handle(int sig, void (*handler)(int))
{
    struct sigaction sa = {.sa_handler = handler,
                           .sa_flags = SA_RESTART | SA_ONSTACK};

    sigfillset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
}

/* Another thread that looks at its input in between leaves the modes alone, and
   a second signal, which would stop us without asking, finds them restored. */
static void on_stop(int sig)
{
    struct sigaction dfl = {.sa_handler = SIG_DFL};
    int saved_errno = errno;
    sigset_t set, all;

    atomic_fetch_add(&stopping, 1);
    restore();
    sigemptyset(&dfl.sa_mask);
    sigaction(sig, &dfl, NULL);
    raise(sig);
    sigemptyset(&set);
    sigaddset(&set, sig);
    pthread_sigmask(SIG_UNBLOCK, &set, &all); /* stops here */
    pthread_sigmask(SIG_SETMASK, &all, NULL); /* the next waits its turn */
    handle(sig, on_stop);
    atomic_fetch_sub(&stopping, 1);
    make_raw();
    errno = saved_errno;
}

/* Also after SIGSTOP, of which we are not told: the shell has changed the
   modes behind our back, so they are set again without asking. */
static void on_continue(int sig)
{
    int saved_errno = errno;

    (void)sig;
    make_raw();
    errno = saved_errno;
}

static void catch_signal(int sig, void (*handler)(int))
{
    struct sigaction old;

    if (sigaction(sig, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
        handle(sig, handler);
}

static void release_signal(int sig, void (*handler)(int))
{
    struct sigaction sa;

    if (sigaction(sig, NULL, &sa) < 0 || sa.sa_handler != handler)
        return;
    sa.sa_handler = SIG_DFL;
    sa.sa_flags = 0;
    sigaction(sig, &sa, NULL);
}

/* For exit() without tty_raw_leave. */
static void restore_at_exit(void)
{
    if (!atomic_load(&claimed))
        return;
    atomic_store(&leaving, true);
    restore();
}

static int register_at_exit(void)
{
    static atomic_bool done;

    return atomic_exchange(&done, true) ? 0 : atexit(restore_at_exit);
}

static void raw_from(struct termios *t)
{
    t->c_iflag &= (tcflag_t) ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR |
                               IGNCR | ICRNL | IXON);
    t->c_oflag &= (tcflag_t)~OPOST;
    t->c_lflag &= (tcflag_t) ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    t->c_cflag &= (tcflag_t) ~(CSIZE | PARENB);
    t->c_cflag |= CS8;
    t->c_cc[VMIN] = 1;
    t->c_cc[VTIME] = 0;
}

int tty_raw_enter(int fd, struct err *e)
{
    if (atomic_exchange(&claimed, true))
        return err_set(e, -EBUSY, "a terminal is in use already");
    if (tcgetattr(fd, &tty.cooked) < 0 || register_at_exit() != 0) {
        int code = -errno;

        atomic_store(&claimed, false);
        return err_set(e, code, "cannot read the terminal's modes: %s",
                       strerror(-code));
    }
    tty.fd = fd;
    tty.raw = tty.cooked;
    raw_from(&tty.raw);
    atomic_store(&leaving, false);
    for (unsigned n = 0; n < ARRAY_LEN(fatal_signals); n++)
        catch_signal(fatal_signals[n], on_fatal);
    catch_signal(SIGTSTP, on_stop);
    catch_signal(SIGCONT, on_continue);
    make_raw();
    return 0;
}

void tty_raw_resume(void)
{
    if (!atomic_load(&is_raw) && !atomic_load(&stopping))
        make_raw();
}

void tty_raw_leave(void)
{
    atomic_store(&leaving, true);
    restore();
    release_signal(SIGCONT, on_continue);
    release_signal(SIGTSTP, on_stop);
    for (unsigned n = 0; n < ARRAY_LEN(fatal_signals); n++)
        release_signal(fatal_signals[n], on_fatal);
    atomic_store(&claimed, false);
}
