// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The only door to malloc. All of it may fail (NULL) and every caller checks:
 * tests make the n-th allocation fail and expect a clean error.
 */

#include <stddef.h>

void *heap_alloc(size_t bytes) __attribute__((malloc, warn_unused_result));
void *heap_zalloc(size_t bytes) __attribute__((malloc, warn_unused_result));

/* Zeroed; NULL when count * bytes does not fit a size_t. */
void *heap_calloc(size_t count, size_t bytes)
    __attribute__((malloc, warn_unused_result));
void *heap_realloc(void *p, size_t bytes) __attribute__((warn_unused_result));

/* Zeroed; `align` is a power of two and at least sizeof(void *). */
void *heap_zalloc_aligned(size_t align, size_t bytes)
    __attribute__((malloc, warn_unused_result));
char *heap_strdup(const char *s) __attribute__((malloc, warn_unused_result));
void heap_free(void *p);

/* Test hook: the allocation that follows `n` successful ones fails, once.
   Negative: off, which is the start state. Not for use with threads. */
void heap_fail_after(long n);
