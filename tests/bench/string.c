// SPDX-License-Identifier: Apache-2.0
/* The C library's own code for strings. */

#include "bench.h"

#include <stdio.h>
#include <string.h>

enum { WORDS = 512, WORD_BYTES = 256 };

static char *words;

/* Strings of 0 to 255 letters. */
static void words_setup(void)
{
    words = bench_memory(WORDS * WORD_BYTES);
    for (size_t n = 0; n < WORDS; n++) {
        size_t length = (size_t)(bench_random() >> 30 & 0xff);

        for (size_t i = 0; i < length; i++)
            words[n * WORD_BYTES + i] =
                (char)('a' + (bench_random() >> 35) % 26);
    }
}

static uint64_t strlen_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0)
        for (size_t i = 0; i < WORDS; i++)
            sum += strlen(words + i * WORD_BYTES) * (i + n);
    return sum;
}

static uint64_t memchr_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        for (size_t i = 0; i < WORDS; i++) {
            const char *word = words + i * WORD_BYTES;
            const char *at = memchr(word, 'z' - (int)(n % 3), WORD_BYTES);

            sum += at ? (uint64_t)(at - word) : n;
        }
    }
    return sum;
}

static uint64_t strcmp_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        for (size_t i = 1; i < WORDS; i++) {
            const char *word = words + i * WORD_BYTES;

            sum += strcmp(word - WORD_BYTES, word) < 0;
            sum += strcmp(word, words + (i ^ (n & 1)) * WORD_BYTES) == 0;
        }
    }
    return sum;
}

static uint64_t snprintf_run(uint64_t n)
{
    uint64_t sum = 0;
    char line[128];

    while (n-- > 0) {
        int length = snprintf(line, sizeof(line), "%d: %s, %08llx (%5u%%) %c",
                              (int)(n * 7919), "some text",
                              (unsigned long long)n * 2654435761u,
                              (unsigned)n % 100, (int)('a' + n % 26));

        sum = sum * 31 + (uint64_t)length + (uint8_t)line[n % 24];
    }
    return sum;
}

#define STRINGS "strings"

const struct row string_rows[] = {
    {"strlen", STRINGS, "strlen of up to 255 bytes", 3000, words_setup,
     strlen_run},
    {"memchr", STRINGS, "memchr in 256 bytes", 3000, words_setup, memchr_run},
    {"strcmp", STRINGS, "strcmp of up to 255 bytes", 2000, words_setup,
     strcmp_run},
    {"snprintf", STRINGS, "snprintf of numbers and text", 100000, NULL,
     snprintf_run},
    {0},
};
