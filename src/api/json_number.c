// SPDX-License-Identifier: Apache-2.0
/* Numbers (RFC 8259, 6): integers as far as 64 bits go, doubles beyond. */

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_lex.h"
#include "base/macros.h"

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

bool json_is_number(const struct json_reader *r)
{
    return json_byte(r) == '-' || is_digit(json_byte(r));
}

static void skip_digits(struct json_reader *r)
{
    while (is_digit(json_byte(r)))
        r->pos++;
}

/* The integer part, after the sign. */
static int integer_part(struct json_reader *r, bool ignored)
{
    int c = json_take(r);

    if (c < 0 && !ignored)
        return json_fail(r, "EOF while parsing a value");
    if (!is_digit(c))
        return json_fail(r, "invalid number");
    if (c == '0' && is_digit(json_byte(r)))
        return json_fail_peek(r, "invalid number");
    skip_digits(r);
    return 0;
}

/* After the point. */
static int fraction(struct json_reader *r, bool ignored)
{
    if (is_digit(json_byte(r))) {
        skip_digits(r);
        return 0;
    }
    if (json_byte(r) < 0 && !ignored)
        return json_fail_peek(r, "EOF while parsing a value");
    return json_fail_peek(r, "invalid number");
}

/* After the `e`. An exponent beyond 31 bits is noticed digit by digit, since
   the place of `number out of range` depends on it. */
static int exponent(struct json_reader *r, bool ignored, bool is_zero)
{
    bool negative = json_byte(r) == '-';
    int32_t value = 0;
    int c;

    if (negative || json_byte(r) == '+')
        r->pos++;
    c = json_take(r);
    if (c < 0 && !ignored)
        return json_fail(r, "EOF while parsing a value");
    if (!is_digit(c))
        return json_fail(r, "invalid number");
    for (value = c - '0'; is_digit(json_byte(r));) {
        int digit = json_take(r) - '0';

        if (!__builtin_mul_overflow(value, 10, &value) &&
            !__builtin_add_overflow(value, digit, &value))
            continue;
        if (!ignored && !negative && !is_zero)
            return json_fail(r, "number out of range");
        skip_digits(r);
    }
    return 0;
}

/* The form of a number; *is_float says whether it has a point or exponent. */
static int form(struct json_reader *r, bool ignored, bool *is_float)
{
    size_t start = r->pos;
    int rc = integer_part(r, ignored);
    bool is_zero = true;

    *is_float = false;
    if (rc == 0 && json_byte(r) == '.') {
        *is_float = true;
        r->pos++;
        rc = fraction(r, ignored);
    }
    if (rc == 0 && (json_byte(r) == 'e' || json_byte(r) == 'E')) {
        *is_float = true;
        for (size_t n = start; n < r->pos; n++)
            is_zero = is_zero && (r->text[n] == '0' || r->text[n] == '.');
        r->pos++;
        rc = exponent(r, ignored, is_zero);
    }
    return rc;
}

int json_skip_number(struct json_reader *r)
{
    bool is_float;

    if (json_byte(r) == '-')
        r->pos++;
    return form(r, true, &is_float);
}

/* The digits as an unsigned number; false when 64 bits do not hold it. */
static bool to_u64(const char *s, size_t len, uint64_t *out)
{
    uint64_t value = 0;

    for (size_t n = 0; n < len; n++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s[n] - '0'), &value))
            return false;
    *out = value;
    return true;
}

static int to_double(struct json_reader *r, size_t start, double *out)
{
    struct buf digits = {0}; /* strtod wants its NUL */

    buf_put(&digits, r->text + start, r->pos - start);
    if (digits.failed)
        return json_fail(r, "out of memory");
    *out = strtod(digits.data, NULL);
    buf_release(&digits);
    return isinf(*out) ? json_fail(r, "number out of range") : 0;
}

int json_number(struct json_reader *r, struct json_number *out)
{
    bool negative = json_byte(r) == '-', is_float;
    size_t start = r->pos, digits;
    uint64_t value;
    int rc;

    r->pos += negative;
    digits = r->pos;
    rc = form(r, false, &is_float);
    if (rc < 0)
        return rc;
    *out = (struct json_number){.kind = JSON_NUM_F64};
    if (is_float || !to_u64(r->text + digits, r->pos - digits, &value) ||
        (negative && (value == 0 || value > (uint64_t)INT64_MAX + 1)))
        return to_double(r, start, &out->f64);
    out->kind = negative ? JSON_NUM_I64 : JSON_NUM_U64;
    out->u64 = value;
    out->i64 = (int64_t)(0 - value);
    return 0;
}

static void put_unexpected(struct buf *b, const struct json_number *n)
{
    if (n->kind == JSON_NUM_U64) {
        buf_printf(b, "integer `%" PRIu64 "`", n->u64);
    } else if (n->kind == JSON_NUM_I64) {
        buf_printf(b, "integer `%" PRId64 "`", n->i64);
    } else {
        buf_puts(b, "floating point `");
        json_put_double(b, n->f64);
        buf_putc(b, '`');
    }
}

int json_unsigned(struct json_reader *r, uint64_t max, const char *type,
                  uint64_t *value)
{
    int c = json_peek(r), rc;
    struct json_number n;
    struct buf it = {0};

    if (c < 0)
        return json_fail_peek(r, "EOF while parsing a value");
    if (!json_is_number(r))
        return json_wrong_type(r, type);
    rc = json_number(r, &n);
    if (rc < 0)
        return rc;
    if (n.kind == JSON_NUM_U64 && n.u64 <= max) {
        *value = n.u64;
        return 0;
    }
    put_unexpected(&it, &n);
    rc = json_fail(r, "invalid %s: %s, expected %s",
                   n.kind == JSON_NUM_F64 ? "type" : "value", buf_text(&it),
                   type);
    buf_release(&it);
    return rc;
}

/* Characters that Rust's Debug does not show as they are. The long tail of
   unassigned code points is not repeated here. */
static bool is_unprintable(unsigned c)
{
    static const struct {
        unsigned lo, hi;
    } ranges[] = {
        {0x00, 0x1f},     {0x7f, 0xa0},     {0xad, 0xad},
        {0x300, 0x36f},   {0x1680, 0x1680}, {0x2000, 0x200f},
        {0x2028, 0x202f}, {0x205f, 0x206f}, {0x3000, 0x3000},
        {0xe000, 0xf8ff}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},
        {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0x10ffff},
    };

    for (size_t n = 0; n < ARRAY_LEN(ranges); n++)
        if (c >= ranges[n].lo && c <= ranges[n].hi)
            return true;
    return false;
}

/* One character of a checked UTF-8 text; returns its length. */
static size_t decode_utf8(const char *s, unsigned *out)
{
    const unsigned char *u = (const unsigned char *)s;

    if (u[0] < 0x80) {
        *out = u[0];
        return 1;
    }
    if (u[0] < 0xe0) {
        *out = (u[0] & 31u) << 6 | (u[1] & 63u);
        return 2;
    }
    if (u[0] < 0xf0) {
        *out = (u[0] & 15u) << 12 | (u[1] & 63u) << 6 | (u[2] & 63u);
        return 3;
    }
    *out = (u[0] & 7u) << 18 | (u[1] & 63u) << 12 | (u[2] & 63u) << 6 |
           (u[3] & 63u);
    return 4;
}

/* A string as Rust's Debug prints it. */
static void put_debug(struct buf *b, const char *s, size_t len)
{
    static const char from[] = "\"\\\n\r\t", to[] = "\"\\nrt";

    buf_putc(b, '"');
    for (size_t n = 0; n < len;) {
        unsigned c;
        size_t step = decode_utf8(s + n, &c);
        const char *at = c && c < 0x80 ? strchr(from, (int)c) : NULL;

        if (at)
            buf_printf(b, "\\%c", to[at - from]);
        else if (c == 0)
            buf_puts(b, "\\0");
        else if (is_unprintable(c))
            buf_printf(b, "\\u{%x}", c);
        else
            buf_put(b, s + n, step);
        n += step;
    }
    buf_putc(b, '"');
}

/* Reads a scalar to name it; a bracket is named where it stands. */
static int put_what_is_here(struct json_reader *r, struct buf *b)
{
    struct json_number n;
    int c = json_byte(r), rc;

    switch (c) {
    case 'n':
        buf_puts(b, "null");
        return json_literal(r);
    case 't':
    case 'f':
        buf_printf(b, "boolean `%s`", c == 't' ? "true" : "false");
        return json_literal(r);
    case '"':
        r->pos++;
        rc = json_string_body(r);
        buf_puts(b, "string ");
        if (rc == 0)
            put_debug(b, r->word.data, r->word.len);
        return rc;
    case '[':
    case '{':
        return buf_puts(b, c == '[' ? "sequence" : "map");
    default:
        if (!json_is_number(r))
            return json_fail_peek(r, "expected value");
        rc = json_number(r, &n);
        if (rc == 0)
            put_unexpected(b, &n);
        return rc;
    }
}

int json_wrong_type(struct json_reader *r, const char *what)
{
    struct buf it = {0};
    int rc = put_what_is_here(r, &it);

    if (rc == 0)
        rc = json_fail(r, "invalid type: %s, expected %s", buf_text(&it), what);
    buf_release(&it);
    return rc;
}

/* ---- writing ---- */

void json_put_string(struct buf *b, const char *s, size_t len)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";

    buf_putc(b, '"');
    for (size_t n = 0; n < len; n++) {
        const char *at = s[n] ? strchr(from, s[n]) : NULL;

        if (at)
            buf_printf(b, "\\%c", to[at - from]);
        else if ((unsigned char)s[n] < 0x20)
            buf_printf(b, "\\u%04x", (unsigned)s[n]);
        else
            buf_putc(b, s[n]);
    }
    buf_putc(b, '"');
}

/* The fewest digits that read back as the same double, and its exponent:
   value = 0.DIGITS * 10^point. */
static int shortest(double value, char *digits)
{
    char text[40];
    int precision = 0, point;
    char *e;
    size_t len;

    do
        snprintf(text, sizeof(text), "%.*e", precision, value);
    while (strtod(text, NULL) != value && ++precision < 17);
    e = strchr(text, 'e');
    point = (int)strtol(e + 1, NULL, 10) + 1;
    digits[0] = text[0];
    len = 1;
    for (char *c = text + 1; c < e; c++)
        if (*c != '.')
            digits[len++] = *c;
    while (len > 1 && digits[len - 1] == '0')
        len--;
    digits[len] = 0;
    return point;
}

void json_put_double(struct buf *b, double value)
{
    char digits[40];
    int len, point;

    if (signbit(value))
        buf_putc(b, '-');
    if (value == 0) {
        buf_puts(b, "0.0");
        return;
    }
    point = shortest(fabs(value), digits);
    len = (int)strlen(digits);
    if (point > 0 && point <= 16) {
        if (len <= point)
            buf_printf(b, "%s%.*s.0", digits, point - len, "0000000000000000");
        else
            buf_printf(b, "%.*s.%s", point, digits, digits + point);
    } else if (point > -5 && point <= 0) {
        buf_printf(b, "0.%.*s%s", -point, "0000", digits);
    } else {
        buf_printf(b, "%c%s%s", digits[0], len > 1 ? "." : "", digits + 1);
        buf_printf(b, "e%s%d", point > 0 ? "+" : "", point - 1);
    }
}
