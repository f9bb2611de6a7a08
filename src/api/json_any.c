// SPDX-License-Identifier: Apache-2.0
/* Values nobody decodes: kept as text, or passed over. */

#include <errno.h>

#include "api/json_lex.h"

static int any_value(struct json_reader *r);

static int any_object(struct json_reader *r)
{
    bool first = true;
    int rc = json_enter(r);

    if (rc < 0)
        return rc;
    while ((rc = json_next_key(r, &first)) > 0) {
        rc = json_colon(r);
        if (rc == 0)
            rc = any_value(r);
        if (rc < 0)
            break;
    }
    return json_leave_object(r, rc);
}

static int any_array(struct json_reader *r)
{
    bool first = true;
    int rc = json_enter(r);

    if (rc < 0)
        return rc;
    while ((rc = json_next_element(r, &first)) > 0) {
        rc = any_value(r);
        if (rc < 0)
            break;
    }
    return json_leave_array(r, rc);
}

/* Recursion is as deep as json_enter lets it be. */
static int any_value(struct json_reader *r)
{
    struct json_number n;

    switch (json_peek(r)) {
    case -1:
        return json_fail_peek(r, "EOF while parsing a value");
    case 'n':
    case 't':
    case 'f':
        return json_literal(r);
    case '"':
        r->pos++;
        return json_string_body(r);
    case '{':
        return any_object(r);
    case '[':
        return any_array(r);
    default:
        if (json_is_number(r))
            return json_number(r, &n);
        return json_fail_peek(r, "expected value");
    }
}

int json_any(struct json_reader *r, struct json_span *span)
{
    int rc;

    json_peek(r);
    *span = (struct json_span){.at = r->text + r->pos};
    rc = any_value(r);
    span->len = (size_t)(r->text + r->pos - span->at);
    return rc;
}

/* One value as far as it goes without its content: 1 when a bracket opened. */
static int skip_head(struct json_reader *r)
{
    int c = json_peek(r);

    switch (c) {
    case -1:
        return json_fail_peek(r, "EOF while parsing a value");
    case 'n':
    case 't':
    case 'f':
        return json_literal(r);
    case '"':
        r->pos++;
        return json_skip_string_body(r);
    case '{':
    case '[':
        r->pos++;
        return 1;
    default:
        if (json_is_number(r))
            return json_skip_number(r);
        return json_fail_peek(r, "expected value");
    }
}

/* `"key":`, within an object. */
static int skip_key(struct json_reader *r)
{
    int c = json_peek(r), rc;

    if (c < 0)
        return json_fail_peek(r, "EOF while parsing an object");
    if (c != '"')
        return json_fail_peek(r, "key must be a string");
    r->pos++;
    rc = json_skip_string_body(r);
    return rc < 0 ? rc : json_colon(r);
}

/* Closes brackets from the innermost; returns 1 when another value follows
   in the one still open, 0 when none is open. */
static int skip_closings(struct json_reader *r, struct buf *open,
                         bool after_value)
{
    while (open->len) {
        char bracket = open->data[open->len - 1];
        int c = json_peek(r);

        if (c < 0)
            return json_fail_peek(r, "EOF while parsing %s",
                                  bracket == '[' ? "a list" : "an object");
        if (c == ',' && after_value) {
            r->pos++;
            return 1;
        }
        if (c != (bracket == '[' ? ']' : '}')) {
            if (!after_value)
                return 1;
            return json_fail_peek(r, "expected `,` or `%c`",
                                  bracket == '[' ? ']' : '}');
        }
        r->pos++;
        open->len--;
        after_value = true;
    }
    return 0;
}

static int skip_value(struct json_reader *r, struct buf *open)
{
    for (;;) {
        int rc = skip_head(r);

        if (rc < 0)
            return rc;
        if (rc > 0 && buf_putc(open, r->text[r->pos - 1]) < 0)
            return json_fail(r, "out of memory");
        rc = skip_closings(r, open, rc == 0);
        if (rc > 0 && open->data[open->len - 1] == '{')
            rc = skip_key(r) < 0 ? -EINVAL : 1;
        if (rc <= 0)
            return rc;
    }
}

int json_skip(struct json_reader *r, struct json_span *span)
{
    struct buf open = {0}; /* the brackets around us */
    int rc;

    json_peek(r);
    span->at = r->text + r->pos;
    rc = skip_value(r, &open);
    span->len = (size_t)(r->text + r->pos - span->at);
    buf_release(&open);
    return rc;
}
