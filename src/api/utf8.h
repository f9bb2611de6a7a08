// SPDX-License-Identifier: Apache-2.0
#pragma once

/* UTF-8 and how Rust describes what is not (RFC 3629; std::str::Utf8Error). */

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct utf8_fault {
    size_t at;
    unsigned bytes; /* 0: the text ends in the middle of a character */
};

bool utf8_check(const char *text, size_t len, struct utf8_fault *fault);
bool utf8_is_valid(const char *text, size_t len);

/* The character at `text`, which is valid; its bytes in *len. */
unsigned utf8_decode(const char *text, size_t *len);

/* Appends the text; what is not UTF-8 becomes U+FFFD. */
void utf8_put_lossy(struct buf *b, const char *text, size_t len);

/* Appends the text as Rust's {:?} prints a str, quotes included. */
void utf8_put_debug(struct buf *b, const char *text, size_t len);
