// SPDX-License-Identifier: Apache-2.0
/* JSON values in memory. */

#include "api/jvalue.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "api/json_lex.h"
#include "base/heap.h"
#include "base/macros.h"

void jvalue_release(struct jvalue *v)
{
    for (size_t n = 0; n < v->count; n++) {
        buf_release(&v->members[n].key);
        jvalue_release(&v->members[n].value);
    }
    heap_free(v->members);
    buf_release(&v->text);
    *v = (struct jvalue){.kind = JV_NULL};
}

/* ---- members ---- */

static int compare(const struct buf *a, const char *key, size_t len)
{
    int order = memcmp(buf_text(a), key, MIN(a->len, len));

    if (order)
        return order;
    return a->len < len ? -1 : a->len > len;
}

/* Where the key is, or belongs. */
static size_t find(const struct jvalue *v, const char *key, size_t len,
                   bool *there)
{
    size_t low = 0, high = v->count;

    *there = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = compare(&v->members[mid].key, key, len);

        if (order == 0) {
            *there = true;
            return mid;
        }
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct jvalue *jvalue_member(const struct jvalue *v, const char *key,
                                   size_t len)
{
    bool there;
    size_t n = v->kind == JV_OBJECT ? find(v, key, len, &there) : 0;

    return v->kind == JV_OBJECT && there ? &v->members[n].value : NULL;
}

/* A null member at `at`, NULL: out of memory. */
static struct jmember *insert(struct jvalue *v, size_t at)
{
    if (v->count == v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 4;
        void *more = heap_realloc(v->members, cap * sizeof(*v->members));

        if (!more)
            return NULL;
        v->members = more;
        v->cap = cap;
    }
    memmove(&v->members[at + 1], &v->members[at],
            (v->count - at) * sizeof(*v->members));
    v->count++;
    memset(&v->members[at], 0, sizeof(v->members[at]));
    return &v->members[at];
}

static struct jvalue *member_for(struct jvalue *v, const struct buf *key)
{
    bool there;
    size_t at = find(v, buf_text(key), key->len, &there);
    struct jmember *m;

    if (there)
        return &v->members[at].value;
    m = insert(v, at);
    if (!m || buf_put(&m->key, buf_text(key), key->len) < 0)
        return NULL;
    return &m->value;
}

static void remove_member(struct jvalue *v, const struct buf *key)
{
    bool there;
    size_t at = find(v, buf_text(key), key->len, &there);

    if (!there)
        return;
    buf_release(&v->members[at].key);
    jvalue_release(&v->members[at].value);
    v->count--;
    memmove(&v->members[at], &v->members[at + 1],
            (v->count - at) * sizeof(*v->members));
}

/* ---- reading ---- */

static int read_value(struct json_reader *r, struct jvalue *v);

static int no_memory(struct json_reader *r)
{
    return json_fail(r, "out of memory");
}

static int read_members(struct json_reader *r, struct jvalue *v)
{
    bool first = true;
    int rc;

    while ((rc = json_next_key(r, &first)) > 0) {
        struct jvalue *to = member_for(v, &r->word);

        if (!to)
            return no_memory(r);
        jvalue_release(to);
        rc = json_colon(r);
        if (rc == 0)
            rc = read_value(r, to);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int read_elements(struct json_reader *r, struct jvalue *v)
{
    bool first = true;
    int rc;

    while ((rc = json_next_element(r, &first)) > 0) {
        struct jmember *m = insert(v, v->count);

        if (!m)
            return no_memory(r);
        rc = read_value(r, &m->value);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int read_number(struct json_reader *r, struct jvalue *v)
{
    struct json_number n;
    int rc = json_number(r, &n);

    if (rc < 0)
        return rc;
    v->kind = JV_NUMBER;
    if (n.kind == JSON_NUM_U64)
        buf_printf(&v->text, "%" PRIu64, n.u64);
    else if (n.kind == JSON_NUM_I64)
        buf_printf(&v->text, "%" PRId64, n.i64);
    else
        json_put_double(&v->text, n.f64);
    return v->text.failed ? no_memory(r) : 0;
}

static int read_value(struct json_reader *r, struct jvalue *v)
{
    int c = json_peek(r), rc;

    switch (c) {
    case -1:
        return json_fail_peek(r, "EOF while parsing a value");
    case 'n':
    case 't':
    case 'f':
        v->kind = c == 'n' ? JV_NULL : JV_BOOL;
        v->truth = c == 't';
        return json_literal(r);
    case '"':
        rc = json_string(r, "a string");
        v->kind = JV_STRING;
        if (rc == 0 && buf_put(&v->text, buf_text(&r->word), r->word.len) < 0)
            return no_memory(r);
        return rc;
    case '{':
    case '[':
        v->kind = c == '{' ? JV_OBJECT : JV_ARRAY;
        rc = json_enter(r);
        if (rc < 0)
            return rc;
        return c == '{' ? json_leave_object(r, read_members(r, v))
                        : json_leave_array(r, read_elements(r, v));
    default:
        if (c == '-' || (c >= '0' && c <= '9'))
            return read_number(r, v);
        return json_fail_peek(r, "expected value");
    }
}

int jvalue_parse(struct jvalue *out, const char *text, size_t len,
                 struct err *e)
{
    struct json_reader r;
    int rc;

    *out = (struct jvalue){.kind = JV_NULL};
    json_init(&r, text, len);
    rc = read_value(&r, out);
    if (rc == 0)
        rc = json_end(&r);
    if (rc < 0) {
        json_error_to(&r, rc, e);
        jvalue_release(out);
    }
    json_release(&r);
    return rc;
}

/* ---- writing ---- */

static void write_members(struct buf *b, const struct jvalue *v)
{
    bool is_object = v->kind == JV_OBJECT;

    buf_putc(b, is_object ? '{' : '[');
    for (size_t n = 0; n < v->count; n++) {
        const struct jmember *m = &v->members[n];

        if (n)
            buf_putc(b, ',');
        if (is_object) {
            json_put_string(b, buf_text(&m->key), m->key.len);
            buf_putc(b, ':');
        }
        jvalue_write(b, &m->value);
    }
    buf_putc(b, is_object ? '}' : ']');
}

void jvalue_write(struct buf *b, const struct jvalue *v)
{
    switch (v->kind) {
    case JV_NULL:
        buf_puts(b, "null");
        break;
    case JV_BOOL:
        buf_puts(b, v->truth ? "true" : "false");
        break;
    case JV_NUMBER:
        buf_put(b, buf_text(&v->text), v->text.len);
        break;
    case JV_STRING:
        json_put_string(b, buf_text(&v->text), v->text.len);
        break;
    case JV_ARRAY:
    case JV_OBJECT:
        write_members(b, v);
        break;
    }
}

/* ---- merging ---- */

int jvalue_merge(struct jvalue *target, struct jvalue *patch)
{
    if (patch->kind != JV_OBJECT) {
        jvalue_release(target);
        *target = *patch;
        *patch = (struct jvalue){.kind = JV_NULL};
        return 0;
    }
    if (target->kind != JV_OBJECT) {
        jvalue_release(target);
        target->kind = JV_OBJECT;
    }
    for (size_t n = 0; n < patch->count; n++) {
        struct jmember *m = &patch->members[n];
        struct jvalue *to;

        if (m->value.kind == JV_NULL) {
            remove_member(target, &m->key);
            continue;
        }
        to = member_for(target, &m->key);
        if (!to || jvalue_merge(to, &m->value) < 0)
            return -ENOMEM;
    }
    return 0;
}
