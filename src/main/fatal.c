// SPDX-License-Identifier: Apache-2.0
/* Signals that end the process leave a line in the log and an exit code. */

#include "main/fatal.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/metrics.h"

/* SI_CODE of a system call that a seccomp filter refused (Linux). */
enum { FROM_SECCOMP = 1, GIVE_UP_S = 2 };

static struct {
    int fd;
    bool is_tty;
    struct termios mode;
} terminal;

static int syscall_of(const siginfo_t *info)
{
#ifdef si_syscall /* Linux alone says which */
    if (info->si_code == FROM_SECCOMP)
        return info->si_syscall;
#endif
    (void)info;
    return 0;
}

static int code_of(int signal, const siginfo_t *info)
{
    switch (signal) {
    case SIGSYS:
        return info->si_code == FROM_SECCOMP ? EXIT_SIGSYS : EXIT_UNEXPECTED;
    case SIGBUS:
        return EXIT_SIGBUS;
    case SIGSEGV:
        return EXIT_SIGSEGV;
    case SIGXFSZ:
        return EXIT_SIGXFSZ;
    case SIGXCPU:
        return EXIT_SIGXCPU;
    case SIGHUP:
        return EXIT_SIGHUP;
    default:
        return EXIT_SIGILL;
    }
}

/* A background job that sets the mode gets SIGTTOU, which would stop us. */
static void restore_terminal(void)
{
    sigset_t ttou;

    if (!terminal.is_tty)
        return;
    sigemptyset(&ttou);
    sigaddset(&ttou, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &ttou, NULL);
    tcsetattr(terminal.fd, TCSANOW, &terminal.mode);
}

static void count(int signal)
{
    struct metric *m = signal == SIGBUS    ? &metrics.signals.sigbus
                       : signal == SIGSEGV ? &metrics.signals.sigsegv
                       : signal == SIGXFSZ ? &metrics.signals.sigxfsz
                       : signal == SIGXCPU ? &metrics.signals.sigxcpu
                       : signal == SIGPIPE ? &metrics.signals.sigpipe
                       : signal == SIGHUP  ? &metrics.signals.sighup
                       : signal == SIGILL  ? &metrics.signals.sigill
                                           : &metrics.seccomp.num_faults;

    metric_inc(m);
}

/* The log's formatting is not async-signal-safe in the letter: the thread may
   have been hit inside the C library. The alarm's default action ends us, and
   so does the signal itself if it comes again (SA_RESETHAND). */
static void on_fatal(int signal, siginfo_t *info, void *context)
{
    (void)context;
    alarm(GIVE_UP_S);
    restore_terminal();
    count(signal);
    if (signal == SIGSYS)
        log_error("Shutting down VM after intercepting a bad syscall (%d).",
                  syscall_of(info));
    else
        log_error("Shutting down VM after intercepting signal %d, code %d.",
                  signal, info->si_code);
    metrics_flush_fatal();
    _exit(code_of(signal, info));
}

/* One of our own checks failed, upstream's panic: nothing is logged, the
   sentence is on standard error. */
static void on_abort(int signal, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    alarm(GIVE_UP_S);
    restore_terminal();
    metric_set(&metrics.vmm.panic_count, 1);
    metrics_flush_fatal();
    raise(signal);
}

static void on_pipe(int signal, siginfo_t *info, void *context)
{
    (void)context;
    count(signal);
    log_error("Received signal %d, code %d.", signal, info->si_code);
}

static void install(int signal, void (*handler)(int, siginfo_t *, void *),
                    int flags)
{
    struct sigaction action = {.sa_sigaction = handler,
                               .sa_flags = SA_SIGINFO | flags};

    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, NULL);
}

void fatal_install(int fd)
{
    static const int signals[] = {SIGSYS,  SIGBUS, SIGSEGV, SIGXFSZ,
                                  SIGXCPU, SIGHUP, SIGILL};

    terminal.fd = fd;
    terminal.is_tty = tcgetattr(fd, &terminal.mode) == 0;
    tzset(); /* a line's time reads no file in a handler */
    for (size_t n = 0; n < ARRAY_LEN(signals); n++)
        install(signals[n], on_fatal, (int)SA_RESETHAND | SA_NODEFER);
    install(SIGABRT, on_abort, (int)SA_RESETHAND | SA_NODEFER);
    install(SIGPIPE, on_pipe, SA_RESTART);
}
