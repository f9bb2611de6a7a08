// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * An error on its way to a person: a negative errno and one sentence. It lives
 * on the caller's stack, never allocates, and is untouched on success.
 *
 * A function that can fail returns 0 or a negative errno (pointers: NULL) and
 * takes `struct err *e` last if the failure can reach a person. e may be NULL.
 */

struct err {
    int code;
    char text[1024];
};

/* Both return the code, so that `return err_set(...)` reads as one thought. */
int err_set(struct err *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "PREFIX: " before the sentence already there. */
int err_prefix(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
