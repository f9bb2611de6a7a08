// SPDX-License-Identifier: Apache-2.0
/* malloc and friends, with a hook that lets tests make one of them fail. */

#include "base/heap.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static long fail_after = -1;

static bool must_fail(void)
{
    if (fail_after < 0)
        return false;
    return fail_after-- == 0;
}

void heap_fail_after(long n)
{
    fail_after = n;
}

void *heap_alloc(size_t bytes)
{
    return must_fail() ? NULL : malloc(bytes ? bytes : 1);
}

void *heap_zalloc(size_t bytes)
{
    return heap_calloc(1, bytes);
}

void *heap_calloc(size_t count, size_t bytes)
{
    if (must_fail())
        return NULL;
    return calloc(count ? count : 1, bytes ? bytes : 1);
}

void *heap_realloc(void *p, size_t bytes)
{
    return must_fail() ? NULL : realloc(p, bytes ? bytes : 1);
}

void *heap_zalloc_aligned(size_t align, size_t bytes)
{
    void *p;

    if (must_fail() || posix_memalign(&p, align, bytes ? bytes : 1) != 0)
        return NULL;
    memset(p, 0, bytes);
    return p;
}

char *heap_strdup(const char *s)
{
    size_t bytes = strlen(s) + 1;
    char *copy = heap_alloc(bytes);

    if (copy)
        memcpy(copy, s, bytes);
    return copy;
}

void heap_free(void *p)
{
    free(p);
}
