// SPDX-License-Identifier: Apache-2.0
/* Bytes that grow. */

#include "base/buf.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/heap.h"

enum { FIRST_CAP = 64 };

void buf_release(struct buf *b)
{
    heap_free(b->data);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = 0;
}

/* Room for `more` bytes and the NUL after them. */
static int buf_reserve(struct buf *b, size_t more)
{
    size_t cap = b->cap ? b->cap : FIRST_CAP;
    size_t need;
    char *data;

    if (b->failed)
        return -ENOMEM;
    if (__builtin_add_overflow(b->len + 1, more, &need) || need > SIZE_MAX / 2)
        goto fail;
    if (need <= b->cap)
        return 0;
    while (cap < need)
        cap *= 2;
    data = heap_realloc(b->data, cap);
    if (!data)
        goto fail;
    b->data = data;
    b->cap = cap;
    return 0;

fail:
    b->failed = true;
    return -ENOMEM;
}

int buf_put(struct buf *b, const void *data, size_t len)
{
    if (buf_reserve(b, len) < 0)
        return -ENOMEM;
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = 0;
    return 0;
}

int buf_puts(struct buf *b, const char *s)
{
    return buf_put(b, s, strlen(s));
}

int buf_putc(struct buf *b, char c)
{
    return buf_put(b, &c, 1);
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0 || buf_reserve(b, (size_t)n) < 0) {
        b->failed = true;
        return -ENOMEM;
    }
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    b->len += (size_t)n;
    return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start(ap, fmt);
    rc = buf_vprintf(b, fmt, ap);
    va_end(ap);
    return rc;
}

const char *buf_text(const struct buf *b)
{
    return b->data ? b->data : "";
}
