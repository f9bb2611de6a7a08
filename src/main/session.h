// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * One microVM from its start to its end, with the process's standard input and
 * output as its console, and the event loop it needs on the calling thread. The
 * functions are for that thread, but for session_wake.
 */

#include <stdbool.h>

#include "base/err.h"
#include "vm/config.h"

struct attached;
struct session;

struct session_options {
    bool any_input; /* take whatever standard input is, not only a terminal or
                       FIFO, as Firecracker does */
    bool stats;     /* print the engine's counters to stderr */

    /* On the loop's thread after session_wake; may be NULL. */
    void (*on_wake)(void *ctx);
    void *ctx; /* borrowed */
};

struct session *session_new(const struct session_options *opt, struct err *e);
void session_free(struct session *s); /* stops the VM; takes NULL */

/* Builds the VM and lets it run. What failed may be tried again. */
int session_start(struct session *s, const struct vm_config *cfg,
                  struct err *e);

/* The devices of the VM that runs, as vm_attached; NULL: none does. */
struct attached *session_attached(const struct session *s);

void session_pause(struct session *s);
void session_resume(struct session *s);

/* Runs the loop until the guest, the person at the terminal or session_give_up
   ends it: 0 or a negative errno. The VM has stopped then, and its console is
   written out. */
int session_wait(struct session *s, struct err *e);

/* session_wait returns this error soon. */
void session_give_up(struct session *s, const struct err *why);

void session_wake(struct session *s); /* any thread */

/* All of it, for who has nothing to do in between. */
int session_run(const struct vm_config *cfg, const struct session_options *opt,
                struct err *e);
