// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * One microVM from its configuration to its end, with the process's standard
 * input and output as its console. Runs the event loop on the calling thread.
 */

#include <stdbool.h>

#include "base/err.h"
#include "vm/config.h"

struct session_options {
    bool any_input;           /* take whatever standard input is, not only a
                                 terminal or FIFO, as Firecracker does */
    bool stats;               /* print the engine's counters to stderr */
    void (*on_started)(void); /* the guest runs; may be NULL */
    bool started;             /* answer: the guest has run */
};

/* 0 when the guest, or the person at the terminal, has ended it. Else a
   negative errno. */
int session_run(const struct vm_config *cfg, struct session_options *opt,
                struct err *e);
