// SPDX-License-Identifier: Apache-2.0
/* UTF-8: checking, repairing, printing. */

#include "api/utf8.h"

static unsigned char at(const char *text, size_t n)
{
    return (unsigned char)text[n];
}

/* The bytes a character beginning with c has, and the limits of its second
   one; 0: no character begins so. */
static unsigned char_len(unsigned char c, unsigned char *low,
                         unsigned char *high)
{
    *low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    *high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (c < 0x80)
        return 1;
    if (c < 0xc2)
        return 0;
    return c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
}

bool utf8_check(const char *text, size_t len, struct utf8_fault *fault)
{
    for (size_t n = 0; n < len;) {
        unsigned char low, high;
        unsigned count = char_len(at(text, n), &low, &high), k;

        *fault = (struct utf8_fault){.at = n, .bytes = 1};
        if (!count)
            return false;
        for (k = 1; k < count; k++) {
            if (n + k == len) {
                fault->bytes = 0;
                return false;
            }
            if (at(text, n + k) < low || at(text, n + k) > high) {
                fault->bytes = k;
                return false;
            }
            low = 0x80;
            high = 0xbf;
        }
        n += count;
    }
    return true;
}

bool utf8_is_valid(const char *text, size_t len)
{
    struct utf8_fault fault;

    return utf8_check(text, len, &fault);
}

unsigned utf8_decode(const char *text, size_t *len)
{
    unsigned char c = at(text, 0);
    unsigned value = c;

    *len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (*len > 1)
        value = c & (0x7fu >> *len);
    for (size_t n = 1; n < *len; n++)
        value = value << 6 | (at(text, n) & 0x3fu);
    return value;
}

void utf8_put_lossy(struct buf *b, const char *text, size_t len)
{
    struct utf8_fault fault;

    while (!utf8_check(text, len, &fault)) {
        size_t bad = fault.bytes ? fault.bytes : len - fault.at;

        buf_put(b, text, fault.at);
        buf_puts(b, "\xef\xbf\xbd");
        text += fault.at + bad;
        len -= fault.at + bad;
    }
    buf_put(b, text, len);
}

void utf8_put_debug(struct buf *b, const char *text, size_t len)
{
    buf_putc(b, '"');
    for (size_t n = 0; n < len; n++) {
        unsigned char c = at(text, n);

        if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c == '\n' || c == '\r' || c == '\t' || c == 0)
            buf_printf(b, "\\%c",
                       c == '\n'   ? 'n'
                       : c == '\r' ? 'r'
                       : c == '\t' ? 't'
                                   : '0');
        else if (c < 0x20 || c == 0x7f)
            buf_printf(b, "\\u{%x}", c);
        else
            buf_putc(b, (char)c);
    }
    buf_putc(b, '"');
}
