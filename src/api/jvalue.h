// SPDX-License-Identifier: Apache-2.0
#pragma once

/* JSON values in memory, as serde_json's: keys sorted, numbers normalised, a
   repeated key's last value counts. Bounded by the text they came from and by
   the reader's depth. */

#include <stddef.h>

#include "api/json.h"

enum jvalue_kind {
    JV_NULL,
    JV_BOOL,
    JV_NUMBER,
    JV_STRING,
    JV_ARRAY,
    JV_OBJECT
};

struct jmember;

struct jvalue {
    enum jvalue_kind kind;
    bool truth;
    struct buf text;         /* owned: a string, or a number as it is printed */
    struct jmember *members; /* owned: elements (no keys), or sorted by key */
    size_t count;
    size_t cap;
};

struct jmember {
    struct buf key; /* owned */
    struct jvalue value;
};

/* The whole text is one value. On failure nothing is left in *out. */
int jvalue_parse(struct jvalue *out, const char *text, size_t len,
                 struct err *e);
void jvalue_release(struct jvalue *v);                    /* leaves null */
void jvalue_write(struct buf *b, const struct jvalue *v); /* compact */

/* NULL: there is none. */
const struct jvalue *jvalue_member(const struct jvalue *v, const char *key,
                                   size_t len);

/* RFC 7396. Takes what it needs out of `patch`, which is still to be released.
   -ENOMEM leaves *target half merged: work on a copy. */
int jvalue_merge(struct jvalue *target, struct jvalue *patch);
