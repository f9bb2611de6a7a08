// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The host's end of the console: standard input and output, or what stands for
 * them. On a terminal it is raw, and Ctrl-A is the escape key: Ctrl-A x leaves,
 * Ctrl-A h helps, Ctrl-A b sends a break, Ctrl-A Ctrl-A sends Ctrl-A.
 *
 * One thread reads, one writes, both with plain blocking calls: the file
 * descriptions are shared with others, who must not find them non-blocking
 * afterwards. See docs/console.md.
 */

#include "base/err.h"

struct console;
struct terminal;
struct uv_loop_s;

enum terminal_input {
    TERMINAL_INPUT_ANY,      /* whatever can be read */
    TERMINAL_INPUT_UPSTREAM, /* only a terminal or a FIFO, as Firecracker */
    TERMINAL_INPUT_NONE
};

struct terminal_opts {
    int in_fd, out_fd; /* borrowed; -1 or closed: none */
    enum terminal_input input;

    /* Ctrl-A x. On the loop's thread; may be NULL. */
    void (*on_quit)(void *ctx);
    void *ctx; /* borrowed */
};

/* On the loop's thread, as terminal_free. Starts at once; `console` is
   borrowed, and this is its only host's end. Does not keep the loop alive. */
struct terminal *terminal_new(struct uv_loop_s *loop, struct console *console,
                              const struct terminal_opts *opts, struct err *e);

/* Stops reading, writes what the guest has put out (waits for a slow reader
   for a second at most), restores the terminal. Takes NULL. The console may be
   freed then; the memory goes when the loop next runs. */
void terminal_free(struct terminal *t);
