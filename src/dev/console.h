// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The host's one console, which all UARTs of a machine share: a stream of
 * bytes out and a stream of bytes in. What is at the host's end of it (a
 * terminal, a file, a test) is not known here.
 *
 * Out: console_put never waits. What the host does not fetch in time is kept
 * up to CONSOLE_OUT_BYTES; after that bytes are lost, and counted.
 *
 * In: nothing is lost. console_feed takes what there is room for, and the host
 * keeps the rest until the `in_wanted` hook says that the guest has read. All
 * input goes to one UART, the holder. A UART becomes the holder when the guest
 * opens its receiver (enables its receive interrupt) while no other is open,
 * and remains it until the guest closes it and another one is open. While none
 * is open any UART may take input, so that guests that poll can read, too.
 *
 * Any thread may call any of it. Lock order: a device's lock before the
 * console's; hooks and receivers are called without the console's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { CONSOLE_OUT_BYTES = 256 * 1024, CONSOLE_IN_ITEMS = 4096 };

/* An item of input is a byte or this: the break condition of a serial line. */
enum { CONSOLE_BREAK = 0x100 };

struct console;

/* A UART's end. Embedded in the UART, which sets `arrived` and `ctx`. */
struct console_rx {
    /* There may be input to take. Any thread, no lock held. */
    void (*arrived)(void *ctx);
    void *ctx; /* borrowed */
    bool open; /* under the console's lock */
};

/* The host's end. Both are called on vCPU threads: they wake somebody up. */
struct console_hooks {
    void (*out_waiting)(void *ctx); /* console_drain has something to give */
    void (*in_wanted)(void *ctx);   /* console_feed has room again */
    void *ctx;                      /* borrowed */
};

struct console *console_new(struct err *e);
void console_free(struct console *c); /* after the UARTs and the host's end */

/* NULL: none. When it returns, no old hook is running. */
void console_set_hooks(struct console *c, const struct console_hooks *hooks);

/* For UARTs. `c` may be NULL: output vanishes, input never comes. At most 4
   receivers; a further one is not heard of. After console_detach `arrived` is
   not running and not called. Not to be called with a device's lock held. */
void console_attach(struct console *c, struct console_rx *rx);
void console_detach(struct console *c, struct console_rx *rx);

/* The guest has enabled or disabled this receiver. */
void console_open(struct console *c, struct console_rx *rx);
void console_close(struct console *c, struct console_rx *rx);

/* So many bytes of output in so much time; the others vanish, and are counted.
   A bucket of size 0 limits nothing. Before the guest runs. */
struct bucket_config;
void console_limit(struct console *c, const struct bucket_config *bytes);

/* False: no room, the byte is lost. */
bool console_put(struct console *c, uint8_t byte);

/* Moves up to `max` items of input to `items`; 0 if there is nothing for this
   receiver now. */
size_t console_take(struct console *c, struct console_rx *rx, uint16_t *items,
                    size_t max);

/* Whether console_take would give something. */
bool console_has_input(struct console *c, struct console_rx *rx);

/* For the host's end. Moves up to `max` bytes of output to `buf`; 0: there is
   none, and out_waiting is called when there is. */
size_t console_drain(struct console *c, uint8_t *buf, size_t max);

/* Takes the first of `items`, tells the receiver, returns how many it took.
   If these were not all, in_wanted is called when there is room. With no items
   it tells the receiver of what it has not taken yet. */
size_t console_feed(struct console *c, const uint16_t *items, size_t count);

/* Bytes of output lost because nobody fetched them. */
uint64_t console_lost(struct console *c);
