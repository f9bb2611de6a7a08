// SPDX-License-Identifier: Apache-2.0
/*
 * The JSON reader: white space, brackets, literals, strings and what their
 * faults are called (RFC 8259). Numbers are in json_number.c.
 */

#include "api/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/json_lex.h"
#include "base/macros.h"

/* What err_prefix may still put before our text without losing its end. */
enum { ERR_ROOM = 200 };

void json_init(struct json_reader *r, const char *text, size_t len)
{
    *r =
        (struct json_reader){.text = text, .len = len, .depth = JSON_MAX_DEPTH};
}

void json_release(struct json_reader *r)
{
    buf_release(&r->word);
    buf_release(&r->error);
}

/* ---- faults ---- */

__attribute__((format(printf, 4, 0))) static int
record(struct json_reader *r, size_t pos, bool has_place, const char *fmt,
       va_list ap)
{
    buf_clear(&r->error);
    r->error_pos = pos;
    r->has_place = has_place;
    return buf_vprintf(&r->error, fmt, ap) < 0 ? -ENOMEM : -EINVAL;
}

int json_fail(struct json_reader *r, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start(ap, fmt);
    rc = record(r, r->pos, true, fmt, ap);
    va_end(ap);
    return rc;
}

int json_fail_peek(struct json_reader *r, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start(ap, fmt);
    rc = record(r, MIN(r->pos + 1, r->len), true, fmt, ap);
    va_end(ap);
    return rc;
}

int json_fail_later(struct json_reader *r, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start(ap, fmt);
    rc = record(r, 0, false, fmt, ap);
    va_end(ap);
    return rc;
}

int json_place(struct json_reader *r, int rc)
{
    if (rc < 0 && !r->has_place) {
        r->error_pos = r->pos;
        r->has_place = true;
    }
    return rc;
}

static void put_place(const struct json_reader *r, char *out, size_t size)
{
    size_t line = 1, start = 0;

    out[0] = 0;
    if (!r->has_place)
        return;
    for (size_t n = 0; n < r->error_pos; n++) {
        if (r->text[n] == '\n') {
            line++;
            start = n + 1;
        }
    }
    snprintf(out, size, " at line %zu column %zu", line, r->error_pos - start);
}

const char *json_error(struct json_reader *r)
{
    char place[64];

    put_place(r, place, sizeof(place));
    r->has_place = false;
    buf_puts(&r->error, place);
    return r->error.failed ? "out of memory" : buf_text(&r->error);
}

int json_error_to(struct json_reader *r, int code, struct err *e)
{
    enum { ROOM = sizeof(((struct err *)0)->text) - ERR_ROOM };
    const char *text = buf_text(&r->error);
    char place[64];

    if (r->error.failed)
        return err_set(e, -ENOMEM, "out of memory");
    put_place(r, place, sizeof(place));
    if (r->error.len + strlen(place) < ROOM)
        return err_set(e, code, "%s%s", text, place);
    return err_set(e, code, "%.*s...%s", (int)(ROOM - sizeof(place)), text,
                   place);
}

/* ---- bytes ---- */

int json_byte(const struct json_reader *r)
{
    return r->pos < r->len ? (unsigned char)r->text[r->pos] : -1;
}

int json_take(struct json_reader *r)
{
    int c = json_byte(r);

    if (c >= 0)
        r->pos++;
    return c;
}

int json_peek(struct json_reader *r)
{
    for (;;) {
        int c = json_byte(r);

        if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
            return c;
        r->pos++;
    }
}

int json_end(struct json_reader *r)
{
    return json_peek(r) < 0 ? 0 : json_fail_peek(r, "trailing characters");
}

/* ---- literals ---- */

/* The rest of a literal whose first letter is consumed. */
static int literal(struct json_reader *r, const char *rest)
{
    for (; *rest; rest++) {
        int c = json_take(r);

        if (c < 0)
            return json_fail(r, "EOF while parsing a value");
        if (c != *rest)
            return json_fail(r, "expected ident");
    }
    return 0;
}

int json_literal(struct json_reader *r)
{
    int c = json_take(r);

    return literal(r, c == 'n' ? "ull" : c == 't' ? "rue" : "alse");
}

int json_null(struct json_reader *r)
{
    int rc;

    if (json_peek(r) != 'n')
        return 0;
    rc = json_literal(r);
    return rc < 0 ? rc : 1;
}

int json_bool(struct json_reader *r, bool *value)
{
    int c = json_peek(r);

    if (c < 0)
        return json_fail_peek(r, "EOF while parsing a value");
    if (c != 't' && c != 'f')
        return json_wrong_type(r, "a boolean");
    *value = c == 't';
    return json_literal(r);
}

/* ---- strings ---- */

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Four digits; all four are consumed before any is judged. */
static int hex_escape(struct json_reader *r, unsigned *out)
{
    unsigned value = 0;
    bool good = true;

    if (r->len - r->pos < 4) {
        r->pos = r->len;
        return json_fail(r, "EOF while parsing a string");
    }
    for (int n = 0; n < 4; n++) {
        int digit = hex_digit(json_take(r));

        good = good && digit >= 0;
        value = value << 4 | ((unsigned)digit & 15);
    }
    *out = value;
    return good ? 0 : json_fail(r, "invalid escape");
}

static void put_utf8(struct buf *b, unsigned c)
{
    if (c < 0x80) {
        buf_putc(b, (char)c);
        return;
    }
    if (c < 0x800) {
        buf_putc(b, (char)(0xc0 | c >> 6));
    } else {
        if (c < 0x10000) {
            buf_putc(b, (char)(0xe0 | c >> 12));
        } else {
            buf_putc(b, (char)(0xf0 | c >> 18));
            buf_putc(b, (char)(0x80 | (c >> 12 & 63)));
        }
        buf_putc(b, (char)(0x80 | (c >> 6 & 63)));
    }
    buf_putc(b, (char)(0x80 | (c & 63)));
}

/* After `\u`: one code point, of two escapes when the first is a surrogate. */
static int unicode_escape(struct json_reader *r)
{
    unsigned lead, trail;
    int rc = hex_escape(r, &lead);

    if (rc < 0)
        return rc;
    if (lead >= 0xdc00 && lead <= 0xdfff)
        return json_fail(r, "lone leading surrogate in hex escape");
    if (lead < 0xd800 || lead > 0xdbff) {
        put_utf8(&r->word, lead);
        return 0;
    }
    for (const char *next = "\\u"; *next; next++) {
        int c = json_take(r);

        if (c < 0)
            return json_fail(r, "EOF while parsing a string");
        if (c != *next)
            return json_fail(r, "unexpected end of hex escape");
    }
    rc = hex_escape(r, &trail);
    if (rc < 0)
        return rc;
    if (trail < 0xdc00 || trail > 0xdfff)
        return json_fail(r, "lone leading surrogate in hex escape");
    put_utf8(&r->word, 0x10000 + ((lead - 0xd800) << 10) + (trail - 0xdc00));
    return 0;
}

/* After a backslash. `keep` puts the meaning into r->word. */
static int escape(struct json_reader *r, bool keep)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = json_take(r);
    const char *at;
    unsigned ignored;

    if (c < 0)
        return json_fail(r, "EOF while parsing a string");
    if (c == 'u')
        return keep ? unicode_escape(r) : hex_escape(r, &ignored);
    at = c ? strchr(from, c) : NULL;
    if (!at)
        return json_fail(r, "invalid escape");
    if (keep)
        buf_putc(&r->word, to[at - from]);
    return 0;
}

/* Length of the well-formed UTF-8 sequence at s (Unicode table 3-7), or 0. */
static size_t utf8_len(const unsigned char *s, size_t len)
{
    unsigned lo = 0x80, hi = 0xbf;
    size_t n;

    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (s[0] == 0xe0)
        lo = 0xa0;
    else if (s[0] == 0xed)
        hi = 0x9f;
    else if (s[0] == 0xf0)
        lo = 0x90;
    else if (s[0] == 0xf4)
        hi = 0x8f;
    if (len < n || s[1] < lo || s[1] > hi)
        return 0;
    for (size_t k = 2; k < n; k++)
        if ((s[k] & 0xc0) != 0x80)
            return 0;
    return n;
}

bool json_is_utf8(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;

    for (size_t n = 0; n < len;) {
        size_t step = utf8_len(s + n, len - n);

        if (!step)
            return false;
        n += step;
    }
    return true;
}

/* Up to the closing quote, which is consumed; r->word holds the meaning. */
int json_string_body(struct json_reader *r)
{
    buf_clear(&r->word);
    for (;;) {
        size_t start = r->pos;
        int c, rc;

        while (c = json_byte(r), c >= 0x20 && c != '"' && c != '\\')
            r->pos++;
        buf_put(&r->word, r->text + start, r->pos - start);
        if (c < 0)
            return json_fail(r, "EOF while parsing a string");
        r->pos++;
        if (c == '"')
            break;
        if (c != '\\')
            return json_fail(r, "control character (\\u0000-\\u001F) found "
                                "while parsing a string");
        rc = escape(r, true);
        if (rc < 0)
            return rc;
    }
    if (r->word.failed)
        return json_fail(r, "out of memory");
    if (!json_is_utf8(r->word.data, r->word.len))
        return json_fail(r, "invalid unicode code point");
    return 0;
}

int json_skip_string_body(struct json_reader *r)
{
    for (;;) {
        int c, rc;

        while (c = json_byte(r), c >= 0x20 && c != '"' && c != '\\')
            r->pos++;
        if (c < 0)
            return json_fail(r, "EOF while parsing a string");
        if (c < 0x20) /* seen, but not consumed: serde counts so here */
            return json_fail(r, "control character (\\u0000-\\u001F) found "
                                "while parsing a string");
        r->pos++;
        if (c == '"')
            return 0;
        rc = escape(r, false);
        if (rc < 0)
            return rc;
    }
}

int json_string(struct json_reader *r, const char *what)
{
    int c = json_peek(r);

    if (c < 0)
        return json_fail_peek(r, "EOF while parsing a value");
    if (c != '"')
        return json_wrong_type(r, what);
    r->pos++;
    return json_string_body(r);
}

/* ---- brackets ---- */

int json_enter(struct json_reader *r)
{
    if (--r->depth == 0)
        return json_fail_peek(r, "recursion limit exceeded");
    r->pos++;
    return 0;
}

/* To the next member or element: 1, 0 at the bracket that closes, or a negative
   errno with the text for what stands there. */
static int next_item(struct json_reader *r, bool *first, char closing,
                     const char *cut_off, const char *wanted)
{
    int c = json_peek(r);

    if (c == closing)
        return 0;
    if (c < 0)
        return json_fail_peek(r, "%s", cut_off);
    if (c == ',' && !*first) {
        r->pos++;
        c = json_peek(r);
    } else if (!*first) {
        return json_fail_peek(r, "%s", wanted);
    }
    *first = false;
    if (c < 0)
        return json_fail_peek(r, "EOF while parsing a value");
    if (c == closing)
        return json_fail_peek(r, "trailing comma");
    return 1;
}

int json_next_key(struct json_reader *r, bool *first)
{
    int rc = next_item(r, first, '}', "EOF while parsing an object",
                       "expected `,` or `}`");

    if (rc <= 0)
        return rc;
    if (json_peek(r) != '"')
        return json_fail_peek(r, "key must be a string");
    r->pos++;
    rc = json_string_body(r);
    return rc < 0 ? rc : 1;
}

int json_colon(struct json_reader *r)
{
    int c = json_peek(r);

    if (c < 0)
        return json_fail_peek(r, "EOF while parsing an object");
    if (c != ':')
        return json_fail_peek(r, "expected `:`");
    r->pos++;
    return 0;
}

int json_next_element(struct json_reader *r, bool *first)
{
    return next_item(r, first, ']', "EOF while parsing a list",
                     "expected `,` or `]`");
}

/* After a fault serde still tries the closing bracket, and only then asks
   where it stands: a fault without a place is placed behind it. */
int json_leave_object(struct json_reader *r, int rc)
{
    int c = json_peek(r);

    r->depth++;
    if (c == '}')
        r->pos++;
    if (rc < 0)
        return json_place(r, rc);
    if (c == '}')
        return 0;
    if (c < 0)
        return json_fail_peek(r, "EOF while parsing an object");
    if (c == ',')
        return json_fail_peek(r, "trailing comma");
    return json_fail_peek(r, "trailing characters");
}

int json_leave_array(struct json_reader *r, int rc)
{
    int c = json_peek(r), then = -1;

    r->depth++;
    if (c == ']' || c == ',')
        r->pos++;
    if (c == ',')
        then = json_peek(r);
    if (rc < 0)
        return json_place(r, rc);
    if (c == ']')
        return 0;
    if (c < 0)
        return json_fail_peek(r, "EOF while parsing a list");
    if (then == ']')
        return json_fail_peek(r, "trailing comma");
    return json_fail_peek(r, "trailing characters");
}
