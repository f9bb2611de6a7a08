// SPDX-License-Identifier: Apache-2.0
/*
 * Threads and signals. What is sent to the process, by a terminal or by kill,
 * goes to any thread that does not block it. Were there several, two of our
 * handlers could run at once: the one for Ctrl-Z while the last "fg" is still
 * making the terminal raw.
 */

#include <pthread.h>
#include <signal.h>

#include "base/macros.h"
#include "host/host.h"

/* What a thread brings upon itself, but for a write that cannot be, which is an
   error enough. Blocked, a fault would end the process
   without the handlers that restore the terminal and say why. */
static const int crashes[] = {SIGSEGV, SIGBUS,  SIGILL, SIGFPE,
                              SIGABRT, SIGTRAP, SIGSYS};

int host_thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    sigset_t mask, old;
    int rc;

    sigfillset(&mask);
    for (unsigned n = 0; n < ARRAY_LEN(crashes); n++)
        sigdelset(&mask, crashes[n]);
    pthread_sigmask(SIG_SETMASK, &mask, &old);
    rc = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -rc;
}
