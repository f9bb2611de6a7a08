// SPDX-License-Identifier: Apache-2.0
/*
 * Raw mode and the way back. Output is not processed either: the guest says
 * where a line begins. The log is told, so that its own lines do.
 *
 * The handlers use only what POSIX allows in them: tcgetpgrp, getpgrp,
 * tcsetattr, sigaction, pthread_sigmask, raise.
 */

#include "vm/tty_raw.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
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
static atomic_bool leaving; /* nobody makes it raw again */

static_assert(ATOMIC_BOOL_LOCK_FREE == 2, "signal handlers use atomic_bool");

bool tty_is_foreground(int fd)
{
    pid_t group = tcgetpgrp(fd);

    return group < 0 || group == getpgrp();
}

/* In the background the modes are the shell's: not ours to change. */
static void restore(void)
{
    if (!atomic_exchange(&is_raw, false))
        return;
    log_raw_terminal(false);
    if (tty_is_foreground(tty.fd))
        tcsetattr(tty.fd, TCSANOW, &tty.cooked);
}

static void make_raw(void)
{
    if (atomic_load(&leaving) || !tty_is_foreground(tty.fd))
        return;
    atomic_store(&is_raw, true);
    log_raw_terminal(true);
    tcsetattr(tty.fd, TCSANOW, &tty.raw);
    /* A handler on another thread may have restored in between. */
    if (atomic_load(&leaving)) {
        atomic_store(&is_raw, true);
        restore();
    }
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

static void on_stop(int sig)
{
    struct sigaction dfl = {.sa_handler = SIG_DFL}, ours;
    int saved_errno = errno;
    sigset_t set, all;

    restore();
    sigemptyset(&dfl.sa_mask);
    sigaction(sig, &dfl, &ours);
    raise(sig);
    sigemptyset(&set);
    sigaddset(&set, sig);
    pthread_sigmask(SIG_UNBLOCK, &set, &all); /* stops here */
    pthread_sigmask(SIG_SETMASK, &all, NULL); /* the next waits its turn */
    sigaction(sig, &ours, NULL);
    make_raw();
    errno = saved_errno;
}

/* Also after SIGSTOP, of which we are not told: the shell has changed the
   modes behind our back, so they are set again without asking. */
static void on_continue(int sig)
{
    int saved_errno = errno;

    (void)sig;
    atomic_store(&is_raw, false);
    make_raw();
    errno = saved_errno;
}

static void catch_signal(int sig, void (*handler)(int))
{
    struct sigaction sa = {.sa_handler = handler}, old;

    if (sigaction(sig, NULL, &old) < 0 || old.sa_handler != SIG_DFL)
        return;
    sa.sa_flags = SA_RESTART | SA_ONSTACK;
    sigfillset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
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
    if (!atomic_load(&is_raw))
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
