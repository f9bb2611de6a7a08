// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Bytes that grow: texts are put together in one, files are read into one.
 * There is always a NUL after the last byte once something was put in. A put
 * that finds no memory marks the buffer as failed and everything after it is
 * dropped, so that only the end needs a check. One owner, one thread.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* owned; NULL while empty */
    size_t len;
    size_t cap;
    bool failed;
};

/* A buffer of zeros is an empty one. Any number of times. */
void buf_release(struct buf *b);

/* Empties it and keeps the memory; forgets a failure. */
void buf_clear(struct buf *b);

/* All of these: 0 or -ENOMEM. */
int buf_put(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* The text, never NULL. Borrowed until the next put. */
const char *buf_text(const struct buf *b);
