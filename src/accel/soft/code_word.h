// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The words of guest code, read while other CPUs and devices may write them.
 * Each word is read once and at once. memcmp() does not do that: the libc's
 * finds a byte that differs and reads it again to say which is less, and calls
 * words equal that never were.
 */

#include <stdint.h>

/* host: a multiple of 4. */
static inline uint32_t code_word(const uint8_t *host)
{
    return __atomic_load_n((const uint32_t *)(const void *)host,
                           __ATOMIC_RELAXED);
}

/* How many of the `count` words are what is at host, up to the first that is
   not. */
static inline unsigned code_same_words(const uint32_t *words,
                                       const uint8_t *host, unsigned count)
{
    unsigned n = 0;

    while (n < count && code_word(host + 4 * n) == words[n])
        n++;
    return n;
}
