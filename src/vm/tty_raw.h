// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Raw mode of the terminal that squib was started on, and the way back, which
 * must be found on every exit: returning, exit(), a fatal signal, a crash, a
 * stop. Signals whose disposition is not the default one are left to whoever
 * set it. The state is the process's, as the terminal is: one at a time.
 */

#include <stdbool.h>

#include "base/err.h"

/* Whether this process may read and change the terminal now: false for a
   background job. True for terminals that do not control us. */
bool tty_is_foreground(int fd);

/* `fd` (borrowed) becomes raw, or will with tty_raw_resume if squib is in the
   background. -EBUSY if there is one already. */
int tty_raw_enter(int fd, struct err *e);

/* Back in the foreground: raw again. Any thread; does nothing if it is. */
void tty_raw_resume(void);

/* Restores the terminal and the signals. After tty_raw_enter, once. */
void tty_raw_leave(void);
