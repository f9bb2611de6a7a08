// SPDX-License-Identifier: Apache-2.0
/* Errors as a code and a sentence. */

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int code, const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return code;
    e->code = code;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    return code;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
    char old[sizeof(e->text)];
    va_list ap;
    size_t len;
    int n;

    if (!e)
        return 0;
    memcpy(old, e->text, sizeof(old));
    va_start(ap, fmt);
    n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    len = n < 0 ? 0 : (size_t)n;
    if (len < sizeof(e->text))
        snprintf(e->text + len, sizeof(e->text) - len, ": %s", old);
    return e->code;
}
