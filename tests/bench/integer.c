// SPDX-License-Identifier: Apache-2.0
/* Integer work as compilers make it: tables, bits, sorting, pointers. */

#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { CRC_BYTES = 64 << 10, SIEVE_SIZE = 1 << 20, SORT_ITEMS = 50000 };
enum { HASH_SLOTS = 1 << 15, TREE_NODES = 20000 };

static uint8_t *text;
static uint32_t crc_table[256];

static void crc_setup(void)
{
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t c = n;

        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
        crc_table[n] = c;
    }
    text = bench_memory(CRC_BYTES);
    bench_fill(text, CRC_BYTES);
}

static uint64_t crc_run(uint64_t n)
{
    uint32_t crc = ~0u;

    while (n-- > 0)
        for (size_t i = 0; i < CRC_BYTES; i++)
            crc = crc_table[(crc ^ text[i]) & 0xff] ^ crc >> 8;
    return crc;
}

static uint8_t *composite;

static void sieve_setup(void)
{
    composite = bench_memory(SIEVE_SIZE);
}

static uint64_t sieve_run(uint64_t n)
{
    uint64_t primes = 0;

    while (n-- > 0) {
        memset(composite, 0, SIEVE_SIZE);
        for (size_t i = 2; i < SIEVE_SIZE; i++) {
            if (composite[i])
                continue;
            primes += i;
            for (size_t k = i * 2; k < SIEVE_SIZE; k += i)
                composite[k] = 1;
        }
    }
    return primes;
}

/* FIPS 180-4, 4.2.2 and 6.2.2, in plain C. */
static uint32_t sha_k[64];

static uint32_t rotr(uint32_t v, int n)
{
    return v >> n | v << (32 - n);
}

/* Any 64 constants make the same work; those of the standard need a table. */
static void sha_setup(void)
{
    crc_setup();
    for (int n = 0; n < 64; n++)
        sha_k[n] = (uint32_t)bench_random();
}

#define SHA_STEP(a, b, c, d, e, f, g, h, t)                          \
    do {                                                             \
        uint32_t t1 = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + \
                      ((e & f) ^ (~e & g)) + sha_k[t] + w[t];        \
                                                                     \
        d += t1;                                                     \
        h = t1 + (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) +          \
            ((a & b) ^ (a & c) ^ (b & c));                           \
    } while (0)

static void sha_block(uint32_t state[8], const uint8_t *p)
{
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    uint32_t w[64];

    for (int t = 0; t < 16; t++)
        w[t] = (uint32_t)p[t * 4] << 24 | (uint32_t)p[t * 4 + 1] << 16 |
               (uint32_t)p[t * 4 + 2] << 8 | p[t * 4 + 3];
    for (int t = 16; t < 64; t++) {
        uint32_t x = w[t - 15], y = w[t - 2];

        w[t] = w[t - 16] + (rotr(x, 7) ^ rotr(x, 18) ^ x >> 3) + w[t - 7] +
               (rotr(y, 17) ^ rotr(y, 19) ^ y >> 10);
    }
    for (int t = 0; t < 64; t += 8) {
        SHA_STEP(a, b, c, d, e, f, g, h, t);
        SHA_STEP(h, a, b, c, d, e, f, g, t + 1);
        SHA_STEP(g, h, a, b, c, d, e, f, t + 2);
        SHA_STEP(f, g, h, a, b, c, d, e, t + 3);
        SHA_STEP(e, f, g, h, a, b, c, d, t + 4);
        SHA_STEP(d, e, f, g, h, a, b, c, t + 5);
        SHA_STEP(c, d, e, f, g, h, a, b, t + 6);
        SHA_STEP(b, c, d, e, f, g, h, a, t + 7);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

static uint64_t sha_run(uint64_t n)
{
    uint32_t h[8] = {0};

    while (n-- > 0)
        for (size_t i = 0; i < CRC_BYTES; i += 64)
            sha_block(h, text + i);
    return bench_hash(h, sizeof(h));
}

static uint32_t *unsorted, *sorted;

static void sort_setup(void)
{
    unsorted = bench_memory(SORT_ITEMS * sizeof(*unsorted));
    sorted = bench_memory(SORT_ITEMS * sizeof(*sorted));
    for (size_t n = 0; n < SORT_ITEMS; n++)
        unsorted[n] = (uint32_t)(bench_random() >> 20);
}

static int compare(const void *a, const void *b)
{
    uint32_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static uint64_t sort_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        memcpy(sorted, unsorted, SORT_ITEMS * sizeof(*sorted));
        qsort(sorted, SORT_ITEMS, sizeof(*sorted), compare);
        sum = sum * 31 + sorted[n % SORT_ITEMS] + sorted[SORT_ITEMS / 2];
    }
    return sum;
}

struct node {
    struct node *child[2];
    uint64_t key;
};

static uint64_t tree_free(struct node *node)
{
    uint64_t sum;

    if (!node)
        return 0;
    sum = tree_free(node->child[0]) * 3 + node->key +
          tree_free(node->child[1]) * 5;
    free(node);
    return sum;
}

static uint64_t tree_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        struct node *root = NULL;

        for (size_t i = 0; i < TREE_NODES; i++) {
            struct node **at = &root;
            uint64_t key = bench_random();

            while (*at)
                at = &(*at)->child[key > (*at)->key];
            *at = calloc(1, sizeof(**at));
            if (!*at)
                bench_die("calloc");
            (*at)->key = key;
        }
        sum += tree_free(root);
    }
    return sum;
}

static uint64_t *slots;

static void hash_setup(void)
{
    slots = bench_memory(HASH_SLOTS * sizeof(*slots));
}

/* Open addressing, half full at the end of each round. */
static uint64_t hash_run(uint64_t n)
{
    uint64_t probes = 0;

    while (n-- > 0) {
        memset(slots, 0, HASH_SLOTS * sizeof(*slots));
        for (size_t i = 0; i < HASH_SLOTS / 2; i++) {
            uint64_t key = bench_random() | 1;
            size_t at = (size_t)(key * 0xd6e8feb86659fd93u >> 40);

            while (slots[at % HASH_SLOTS] && slots[at % HASH_SLOTS] != key) {
                at++;
                probes++;
            }
            slots[at % HASH_SLOTS] = key;
        }
    }
    return probes;
}

#define INTEGER "integer"

const struct row integer_rows[] = {
    {"crc_table", INTEGER, "CRC-32 with a table of bytes", 160, crc_setup,
     crc_run},
    {"sieve", INTEGER, "primes up to 2^20, a byte each", 12, sieve_setup,
     sieve_run},
    {"sha256", INTEGER, "SHA-256 in plain C", 100, sha_setup, sha_run},
    {"qsort", INTEGER, "the C library's qsort, 50,000 numbers", 5, sort_setup,
     sort_run},
    {"tree", INTEGER, "a binary tree of 20,000 allocated nodes", 5, NULL,
     tree_run},
    {"hash", INTEGER, "a hash table of 16,384 keys", 100, hash_setup, hash_run},
    {0},
};
