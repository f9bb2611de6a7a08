// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Objects of the API as tables. From one table come the decoder, the texts
 * about unknown, missing and repeated fields, the writer of GET answers, the
 * config file's reader and the release of what a decoded object owns.
 *
 * Strings are owned by the object, NUL-terminated; a string with a NUL inside
 * is refused. Spans (JSON_RAW, JSON_ANY) borrow from the text.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/json.h"

enum json_kind {
    JSON_BOOL, /* bool */
    JSON_U8,   /* uint8_t, and so on */
    JSON_U16,
    JSON_U32,
    JSON_U64,
    JSON_USIZE,  /* uint64_t */
    JSON_STRING, /* char * */
    JSON_PATH,   /* char *; differs in the text of a wrong type */
    JSON_ENUM,   /* uint32_t: index into `variants` */
    JSON_WORD,   /* uint32_t, by `word` */
    JSON_OBJECT, /* a struct, by `object` */
    JSON_LIST,   /* struct json_list, its elements by `element` */
    JSON_TEXTS,  /* struct json_span: an object whose values are strings */
    JSON_ANY,    /* struct json_span */
    JSON_RAW,    /* struct json_span, hardly checked */
};

enum json_flag {
    JSON_REQUIRED = 1, /* else it has a default */
    JSON_NULLABLE = 2, /* Rust's Option: null means absent */
    JSON_OMIT = 4,     /* written only when given */
};

struct json_schema;

struct json_list {
    void *items; /* owned */
    size_t count;
};

struct json_field {
    const char *name;
    enum json_kind kind;
    unsigned flags;
    size_t offset;
    uint64_t value;              /* default of numbers and enums */
    const char *const *variants; /* JSON_ENUM: NULL at the end */
    const char *const *listed;   /* or NULL: their order in texts, if another */
    const struct json_schema *object; /* JSON_OBJECT */
    const struct json_field *element; /* JSON_LIST; its offset is 0 */
    /* JSON_WORD: the meaning of a text, or false: `complaint` is the text. */
    bool (*word)(const char *text, uint32_t *out);
    const char *complaint;
    /* JSON_STRING: whether it is fine, else the sentence in *e. */
    bool (*accepts)(const char *text, struct err *e);
    /* JSON_STRING: what is expected, not "a string". Then serde itself knows
       the type, and what `accepts` says has its place behind the string. */
    const char *what;
};

/* At most 64 fields. */
struct json_schema {
    const char *name; /* as Rust names the struct: it is part of texts */
    const struct json_field *fields;
    size_t num_fields;
    size_t size;
    size_t given;  /* offset of a uint64_t: bit n, field n came, not null */
    bool tolerant; /* unknown fields are passed over */
};

#define JSON_SCHEMA(type, rust_name, table)                             \
    .name = rust_name, .fields = table, .num_fields = ARRAY_LEN(table), \
    .size = sizeof(type), .given = offsetof(type, given)

/* Decodes one object at r. `out` need not be initialised; on failure nothing
   is left in it. */
int json_decode(struct json_reader *r, const struct json_schema *schema,
                void *out);

/* The same; nothing may follow it. */
int json_decode_all(struct json_reader *r, const struct json_schema *schema,
                    void *out);

/* The whole text is one object. */
int json_parse(const char *text, size_t len, const struct json_schema *schema,
               void *out, struct err *e);

/* Frees what the object owns and zeroes it; an object of zeros is fine. */
void json_free(const struct json_schema *schema, void *obj);

/* Was this field, a member's offset, given? */
bool json_given(const struct json_schema *schema, const void *obj,
                size_t offset);

/* Sets or clears that. */
void json_set_given(const struct json_schema *schema, void *obj, size_t offset,
                    bool given);

/* Appends the object, compact. */
void json_write(struct buf *b, const struct json_schema *schema,
                const void *obj);
