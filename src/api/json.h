// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * A JSON reader that pulls one value at a time out of a text in memory.
 *
 * Firecracker's clients compare error texts, line and column included, so this
 * reader refuses what serde_json refuses, with its words and at its place. A
 * place is a number of bytes: those consumed when the fault was noticed (the
 * byte merely looked at counts in some texts, see json_fail_peek). A few
 * faults get their place later, from the value that encloses them.
 *
 * All functions return 0 or a negative errno; after a failure the sentence is
 * in the reader and the reader is not used further. Depth is bounded by
 * JSON_MAX_DEPTH, memory by the length of the text.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { JSON_MAX_DEPTH = 128 };

struct json_reader {
    const char *text; /* borrowed */
    size_t len;
    size_t pos;      /* bytes consumed */
    unsigned depth;  /* levels that may still be entered, plus one */
    struct buf word; /* the string read last */
    struct buf error;
    size_t error_pos;
    bool has_place;
};

void json_init(struct json_reader *r, const char *text, size_t len);
void json_release(struct json_reader *r);

/* The whole sentence, with its ` at line L column C`; borrowed from r. */
const char *json_error(struct json_reader *r);

/* The same in *e, shortened in its middle when it is too long. Returns code. */
int json_error_to(struct json_reader *r, int code, struct err *e);

/* Skips white space; the next byte, not consumed, or -1 at the end. */
int json_peek(struct json_reader *r);

/* Nothing but white space may follow. */
int json_end(struct json_reader *r);

/* Records a fault: at what was consumed; one byte further; without a place. */
int json_fail(struct json_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int json_fail_peek(struct json_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int json_fail_later(struct json_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A fault without a place gets this one. Returns rc. */
int json_place(struct json_reader *r, int rc);

/* Consumes what stands here to say `invalid type: IT, expected WHAT`. */
int json_wrong_type(struct json_reader *r, const char *what);

enum json_number_kind { JSON_NUM_U64, JSON_NUM_I64, JSON_NUM_F64 };

struct json_number {
    enum json_number_kind kind; /* I64 only below zero; -0 is F64 */
    uint64_t u64;
    int64_t i64;
    double f64;
};

int json_bool(struct json_reader *r, bool *value);
/* `type` is Rust's name of the type, for the text. */
int json_unsigned(struct json_reader *r, uint64_t max, const char *type,
                  uint64_t *value);
/* Leaves the string in r->word, which lasts until the next one is read. It may
   hold NUL bytes. `what` is expected: "a string". */
int json_string(struct json_reader *r, const char *what);

/* 1: null was here and is consumed; 0: something else. */
int json_null(struct json_reader *r);

/* Objects and arrays. enter consumes the bracket; next_* say 1: there is
   another (and the key is in r->word, its colon consumed not), 0: the closing
   bracket is next. leave_*: rc is what the content came to; consumes the
   closing bracket, gives a fault without a place its place. */
int json_enter(struct json_reader *r);
int json_next_key(struct json_reader *r, bool *first);
int json_colon(struct json_reader *r);
int json_next_element(struct json_reader *r, bool *first);
int json_leave_object(struct json_reader *r, int rc);
int json_leave_array(struct json_reader *r, int rc);

struct json_span {
    const char *at; /* borrowed from the text */
    size_t len;
};

/* Any value, checked as a document of its own would be; or checked only as
   much as serde checks what it ignores (no depth limit: none is needed). */
int json_any(struct json_reader *r, struct json_span *span);
int json_skip(struct json_reader *r, struct json_span *span);

/* Appends a string as JSON, in quotes. */
void json_put_string(struct buf *b, const char *s, size_t len);

/* Appends a double as serde_json writes it: shortest digits that read back. */
void json_put_double(struct buf *b, double value);
