// SPDX-License-Identifier: Apache-2.0
/* Decodes and writes objects by their tables. */

#include "api/schema.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/heap.h"
#include "base/macros.h"

static const struct {
    uint64_t max;
    const char *name;
} unsigneds[] = {
    [JSON_U8] = {UINT8_MAX, "u8"},        [JSON_U16] = {UINT16_MAX, "u16"},
    [JSON_U32] = {UINT32_MAX, "u32"},     [JSON_U64] = {UINT64_MAX, "u64"},
    [JSON_USIZE] = {UINT64_MAX, "usize"},
};

static uint64_t *given_mask(const struct json_schema *schema, void *obj)
{
    return (uint64_t *)(void *)((char *)obj + schema->given);
}

bool json_given(const struct json_schema *schema, const void *obj,
                size_t offset)
{
    uint64_t given;

    memcpy(&given, (const char *)obj + schema->given, sizeof(given));
    for (size_t n = 0; n < schema->num_fields; n++)
        if (schema->fields[n].offset == offset)
            return BIT(given, n);
    return false;
}

void json_set_given(const struct json_schema *schema, void *obj, size_t offset,
                    bool given)
{
    uint64_t *mask = given_mask(schema, obj);

    for (size_t n = 0; n < schema->num_fields; n++) {
        if (schema->fields[n].offset == offset)
            *mask = (*mask & ~(1ull << n)) | (uint64_t)given << n;
    }
}

/* ---- scalars in and out of a struct ---- */

static size_t kind_size(const struct json_field *f)
{
    switch (f->kind) {
    case JSON_BOOL:
        return sizeof(bool);
    case JSON_U8:
        return 1;
    case JSON_U16:
        return 2;
    case JSON_U32:
    case JSON_ENUM:
    case JSON_WORD:
        return 4;
    case JSON_U64:
    case JSON_USIZE:
        return 8;
    case JSON_STRING:
    case JSON_PATH:
        return sizeof(char *);
    case JSON_OBJECT:
        return f->object->size;
    case JSON_LIST:
        return sizeof(struct json_list);
    case JSON_TEXTS:
    case JSON_ANY:
    case JSON_RAW:
        return sizeof(struct json_span);
    }
    BUG("a field of no kind");
}

static bool is_scalar(const struct json_field *f)
{
    return f->kind <= JSON_USIZE || f->kind == JSON_ENUM ||
           f->kind == JSON_WORD;
}

/* Little-endian hosts: the low bytes come first. */
static void store(const struct json_field *f, void *at, uint64_t value)
{
    memcpy(at, &value, kind_size(f));
}

static uint64_t load(const struct json_field *f, const void *at)
{
    uint64_t value = 0;

    memcpy(&value, at, kind_size(f));
    return value;
}

static void set_defaults(const struct json_schema *schema, void *obj)
{
    memset(obj, 0, schema->size);
    for (size_t n = 0; n < schema->num_fields; n++) {
        const struct json_field *f = &schema->fields[n];

        if (is_scalar(f))
            store(f, (char *)obj + f->offset, f->value);
    }
}

/* ---- release ---- */

static void free_value(const struct json_field *f, void *at)
{
    struct json_list *list;
    char *string;

    switch (f->kind) {
    case JSON_STRING:
    case JSON_PATH:
        memcpy(&string, at, sizeof(string));
        heap_free(string);
        break;
    case JSON_OBJECT:
        json_free(f->object, at);
        break;
    case JSON_LIST:
        list = at;
        for (size_t n = 0; n < list->count; n++)
            free_value(f->element,
                       (char *)list->items + n * kind_size(f->element));
        heap_free(list->items);
        break;
    default:
        break;
    }
}

void json_free(const struct json_schema *schema, void *obj)
{
    for (size_t n = 0; n < schema->num_fields; n++)
        free_value(&schema->fields[n], (char *)obj + schema->fields[n].offset);
    memset(obj, 0, schema->size);
}

/* ---- texts ---- */

/* "`a` or `b`", "one of `a`, `b`, `c`": as serde lists what it expects. */
static void put_choice(struct buf *b, size_t n, size_t count, const char *name)
{
    if (n == 0 && count > 2)
        buf_puts(b, "one of ");
    else if (n > 0)
        buf_puts(b, count == 2 ? " or " : ", ");
    buf_printf(b, "`%s`", name);
}

static int unknown_field(struct json_reader *r, const struct json_schema *s)
{
    struct buf list = {0};
    int rc;

    for (size_t n = 0; n < s->num_fields; n++)
        put_choice(&list, n, s->num_fields, s->fields[n].name);
    rc = json_fail_later(r, "unknown field `%s`, %s%s", buf_text(&r->word),
                         s->num_fields ? "expected " : "there are no fields",
                         buf_text(&list));
    buf_release(&list);
    return rc;
}

static int unknown_variant(struct json_reader *r, const char *const *variants)
{
    struct buf list = {0};
    size_t count = 0;
    int rc;

    while (variants[count])
        count++;
    for (size_t n = 0; n < count; n++)
        put_choice(&list, n, count, variants[n]);
    rc = json_fail(r, "unknown variant `%s`, expected %s", buf_text(&r->word),
                   buf_text(&list));
    buf_release(&list);
    return rc;
}

/* ---- values ---- */

/* The string just read is exactly this one. */
static bool word_is(const struct json_reader *r, const char *s)
{
    return r->word.len == strlen(s) &&
           memcmp(r->word.data, s, r->word.len) == 0;
}

static int decode_string(struct json_reader *r, const struct json_field *f,
                         void *at)
{
    const char *what = f->kind == JSON_PATH ? "path string" : "a string";
    int rc = json_string(r, f->what ? f->what : what);
    struct err why;
    char *copy;

    if (rc < 0)
        return rc;
    if (f->accepts && !f->accepts(r->word.data, &why))
        return f->what ? json_fail(r, "%s", why.text)
                       : json_fail_later(r, "%s", why.text);
    if (memchr(r->word.data, 0, r->word.len))
        return json_fail(r, "NUL character in the value of `%s`", f->name);
    copy = heap_strdup(r->word.data);
    if (!copy)
        return json_fail(r, "out of memory");
    memcpy(at, &copy, sizeof(copy));
    return 0;
}

static int variant_name(struct json_reader *r, const struct json_field *f,
                        void *at)
{
    int rc = json_string(r, "variant identifier");

    if (rc < 0)
        return rc;
    for (uint32_t n = 0; f->variants[n]; n++) {
        if (word_is(r, f->variants[n])) {
            store(f, at, n);
            return 0;
        }
    }
    return unknown_variant(r, f->listed ? f->listed : f->variants);
}

/* serde also takes {"Variant": null}. */
static int variant_object(struct json_reader *r, const struct json_field *f,
                          void *at)
{
    int rc = json_enter(r);

    if (rc == 0)
        rc = variant_name(r, f, at);
    if (rc == 0)
        rc = json_colon(r);
    if (rc == 0 && json_peek(r) < 0)
        return json_fail_peek(r, "EOF while parsing a value");
    if (rc < 0)
        return rc;
    rc = json_null(r);
    if (rc == 0)
        return json_wrong_type(r, "unit");
    r->depth++;
    if (rc < 0)
        return rc;
    if (json_peek(r) < 0)
        return json_fail(r, "EOF while parsing an object");
    if (json_peek(r) != '}')
        return json_fail(r, "expected value");
    r->pos++;
    return 0;
}

static int decode_enum(struct json_reader *r, const struct json_field *f,
                       void *at)
{
    switch (json_peek(r)) {
    case -1:
        return json_fail_peek(r, "EOF while parsing a value");
    case '"':
        return variant_name(r, f, at);
    case '{':
        return variant_object(r, f, at);
    default:
        return json_fail_peek(r, "expected value");
    }
}

static int decode_word(struct json_reader *r, const struct json_field *f,
                       void *at)
{
    int rc = json_string(r, "a string");
    uint32_t value;

    if (rc < 0)
        return rc;
    if (!f->word(r->word.data, &value))
        return json_fail_later(r, "%s", f->complaint);
    store(f, at, value);
    return 0;
}

static int decode_value(struct json_reader *r, const struct json_field *f,
                        void *at);

static int decode_elements(struct json_reader *r, const struct json_field *f,
                           struct json_list *list)
{
    size_t size = kind_size(f->element), cap = 0;
    bool first = true;
    int rc;

    while ((rc = json_next_element(r, &first)) > 0) {
        char *item;

        if (list->count == cap) {
            void *more;

            cap = cap ? cap * 2 : 4;
            more = heap_realloc(list->items, cap * size);
            if (!more)
                return json_fail(r, "out of memory");
            list->items = more;
        }
        item = (char *)list->items + list->count * size;
        memset(item, 0, size);
        rc = decode_value(r, f->element, item);
        if (rc < 0)
            return rc;
        list->count++;
    }
    return rc;
}

static int decode_list(struct json_reader *r, const struct json_field *f,
                       struct json_list *list)
{
    int c = json_peek(r), rc;

    if (c < 0)
        return json_fail_peek(r, "EOF while parsing a value");
    if (c != '[')
        return json_wrong_type(r, "a sequence");
    rc = json_enter(r);
    if (rc < 0)
        return rc;
    return json_leave_array(r, decode_elements(r, f, list));
}

static int decode_pairs(struct json_reader *r)
{
    bool first = true;
    int rc;

    while ((rc = json_next_key(r, &first)) > 0) {
        rc = json_colon(r);
        if (rc == 0)
            rc = json_string(r, "a string");
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int decode_texts(struct json_reader *r, struct json_span *span)
{
    int c = json_peek(r), rc;

    if (c < 0)
        return json_fail_peek(r, "EOF while parsing a value");
    if (c != '{')
        return json_wrong_type(r, "a map");
    span->at = r->text + r->pos;
    rc = json_enter(r);
    if (rc < 0)
        return rc;
    rc = json_leave_object(r, decode_pairs(r));
    span->len = (size_t)(r->text + r->pos - span->at);
    return rc;
}

static int decode_value(struct json_reader *r, const struct json_field *f,
                        void *at)
{
    uint64_t value = 0;
    bool yes = false;
    int rc;

    switch (f->kind) {
    case JSON_BOOL:
        rc = json_bool(r, &yes);
        if (rc == 0)
            store(f, at, yes);
        return rc;
    case JSON_U8:
    case JSON_U16:
    case JSON_U32:
    case JSON_U64:
    case JSON_USIZE:
        rc = json_unsigned(r, unsigneds[f->kind].max, unsigneds[f->kind].name,
                           &value);
        if (rc == 0)
            store(f, at, value);
        return rc;
    case JSON_STRING:
    case JSON_PATH:
        return decode_string(r, f, at);
    case JSON_ENUM:
        return decode_enum(r, f, at);
    case JSON_WORD:
        return decode_word(r, f, at);
    case JSON_OBJECT:
        return json_decode(r, f->object, at);
    case JSON_LIST:
        return decode_list(r, f, at);
    case JSON_TEXTS:
        return decode_texts(r, at);
    case JSON_ANY:
        return json_any(r, at);
    case JSON_RAW:
        return json_skip(r, at);
    }
    BUG("a field of no kind");
}

/* ---- objects ---- */

static int decode_field(struct json_reader *r, const struct json_schema *s,
                        size_t n, void *out)
{
    const struct json_field *f = &s->fields[n];
    int rc;

    if (f->flags & JSON_NULLABLE) {
        rc = json_null(r);
        if (rc != 0)
            return MIN(rc, 0);
    }
    rc = decode_value(r, f, (char *)out + f->offset);
    if (rc == 0)
        *given_mask(s, out) |= 1ull << n;
    return rc;
}

static size_t find_field(const struct json_reader *r,
                         const struct json_schema *s)
{
    size_t n = 0;

    while (n < s->num_fields && !word_is(r, s->fields[n].name))
        n++;
    return n;
}

static int decode_member(struct json_reader *r, const struct json_schema *s,
                         void *out, uint64_t *seen)
{
    size_t n = find_field(r, s);
    struct json_span ignored;
    int rc;

    if (n == s->num_fields && !s->tolerant)
        return unknown_field(r, s);
    if (n < s->num_fields && BIT(*seen, n))
        return json_fail_later(r, "duplicate field `%s`", s->fields[n].name);
    rc = json_colon(r);
    if (rc < 0)
        return rc;
    if (n == s->num_fields)
        return json_skip(r, &ignored);
    *seen |= 1ull << n;
    return decode_field(r, s, n, out);
}

static int decode_map(struct json_reader *r, const struct json_schema *s,
                      void *out)
{
    uint64_t seen = 0;
    bool first = true;
    int rc;

    while ((rc = json_next_key(r, &first)) > 0) {
        rc = decode_member(r, s, out, &seen);
        if (rc < 0)
            break;
    }
    for (size_t n = 0; rc == 0 && n < s->num_fields; n++)
        if ((s->fields[n].flags & JSON_REQUIRED) && !BIT(seen, n))
            rc = json_fail_later(r, "missing field `%s`", s->fields[n].name);
    return rc;
}

/* An Option has no default by itself; those that are not written when they are
   not there have one. */
static bool has_default(const struct json_field *f)
{
    return !(f->flags & JSON_REQUIRED) &&
           (!(f->flags & JSON_NULLABLE) || (f->flags & JSON_OMIT));
}

/* serde takes a struct as an array of its fields, too. Only fields with an
   explicit default may be missing at its end. */
static int decode_array(struct json_reader *r, const struct json_schema *s,
                        void *out)
{
    bool first = true;

    for (size_t n = 0; n < s->num_fields; n++) {
        int rc = json_next_element(r, &first);

        if (rc > 0)
            rc = decode_field(r, s, n, out);
        else if (rc == 0 && !has_default(&s->fields[n]))
            rc = json_fail_later(
                r, "invalid length %zu, expected struct %s with %zu element%s",
                n, s->name, s->num_fields, s->num_fields == 1 ? "" : "s");
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int decode_struct(struct json_reader *r, const struct json_schema *s,
                         void *out)
{
    struct buf what = {0};
    int c = json_peek(r), rc;

    if (c < 0)
        return json_fail_peek(r, "EOF while parsing a value");
    if (c == '{' || c == '[') {
        rc = json_enter(r);
        if (rc < 0)
            return rc;
        return c == '{' ? json_leave_object(r, decode_map(r, s, out))
                        : json_leave_array(r, decode_array(r, s, out));
    }
    buf_printf(&what, "struct %s", s->name);
    rc = json_wrong_type(r, buf_text(&what));
    buf_release(&what);
    return rc;
}

int json_decode(struct json_reader *r, const struct json_schema *s, void *out)
{
    int rc;

    set_defaults(s, out);
    rc = decode_struct(r, s, out);
    if (rc < 0)
        json_free(s, out);
    return rc;
}

int json_decode_all(struct json_reader *r, const struct json_schema *schema,
                    void *out)
{
    int rc = json_decode(r, schema, out);

    if (rc == 0) {
        rc = json_end(r);
        if (rc < 0)
            json_free(schema, out);
    }
    return rc;
}

int json_parse(const char *text, size_t len, const struct json_schema *schema,
               void *out, struct err *e)
{
    struct json_reader r;
    int rc;

    json_init(&r, text, len);
    rc = json_decode_all(&r, schema, out);
    if (rc < 0)
        json_error_to(&r, rc, e);
    json_release(&r);
    return rc;
}

/* ---- writing ---- */

static void write_value(struct buf *b, const struct json_field *f,
                        const void *at);

static void write_list(struct buf *b, const struct json_field *f,
                       const struct json_list *list)
{
    size_t size = kind_size(f->element);

    buf_putc(b, '[');
    for (size_t n = 0; n < list->count; n++) {
        if (n)
            buf_putc(b, ',');
        write_value(b, f->element, (const char *)list->items + n * size);
    }
    buf_putc(b, ']');
}

static void write_value(struct buf *b, const struct json_field *f,
                        const void *at)
{
    const struct json_span *span;
    const char *string;

    switch (f->kind) {
    case JSON_BOOL:
        buf_puts(b, load(f, at) ? "true" : "false");
        break;
    case JSON_STRING:
    case JSON_PATH:
        memcpy(&string, at, sizeof(string));
        json_put_string(b, string ? string : "", string ? strlen(string) : 0);
        break;
    case JSON_ENUM:
        string = f->variants[load(f, at)];
        json_put_string(b, string, strlen(string));
        break;
    case JSON_OBJECT:
        json_write(b, f->object, at);
        break;
    case JSON_LIST:
        write_list(b, f, at);
        break;
    case JSON_TEXTS:
    case JSON_ANY:
    case JSON_RAW:
        span = at;
        buf_put(b, span->at, span->len);
        break;
    default:
        buf_printf(b, "%" PRIu64, load(f, at));
        break;
    }
}

void json_write(struct buf *b, const struct json_schema *s, const void *obj)
{
    char before = '{';

    for (size_t n = 0; n < s->num_fields; n++) {
        const struct json_field *f = &s->fields[n];
        bool given = json_given(s, obj, f->offset);

        if (!given && (f->flags & JSON_OMIT))
            continue;
        buf_putc(b, before);
        before = ',';
        json_put_string(b, f->name, strlen(f->name));
        buf_putc(b, ':');
        if (!given && (f->flags & JSON_NULLABLE))
            buf_puts(b, "null");
        else
            write_value(b, f, (const char *)obj + f->offset);
    }
    buf_puts(b, before == '{' ? "{}" : "}");
}
