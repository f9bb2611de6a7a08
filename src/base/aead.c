// SPDX-License-Identifier: Apache-2.0
/* ChaCha20 (RFC 8439, 2.3), Poly1305 (2.5) and both together (2.8). */

#include "base/aead.h"

#include <string.h>

#include "base/macros.h"

static uint32_t load32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v)); /* little-endian hosts */
    return v;
}

static uint32_t rotl(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static void quarter(uint32_t *s, int a, int b, int c, int d)
{
    s[a] += s[b];
    s[d] = rotl(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotl(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotl(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotl(s[b] ^ s[c], 7);
}

static void chacha_block(const uint8_t *key, const uint8_t *nonce,
                         uint32_t counter, uint8_t out[64])
{
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    uint32_t s[16];

    for (int n = 0; n < 8; n++)
        start[4 + n] = load32(key + 4 * n);
    start[12] = counter;
    for (int n = 0; n < 3; n++)
        start[13 + n] = load32(nonce + 4 * n);
    memcpy(s, start, sizeof(s));
    for (int round = 0; round < 10; round++) {
        for (int n = 0; n < 4; n++)
            quarter(s, n, 4 + n, 8 + n, 12 + n);
        for (int n = 0; n < 4; n++)
            quarter(s, n, 4 + (n + 1) % 4, 8 + (n + 2) % 4, 12 + (n + 3) % 4);
    }
    for (int n = 0; n < 16; n++)
        s[n] += start[n];
    memcpy(out, s, 64);
}

static void chacha_xor(const uint8_t *key, const uint8_t *nonce, uint8_t *text,
                       size_t len)
{
    uint8_t block[64];

    for (size_t n = 0; n < len; n++) {
        if (n % 64 == 0)
            chacha_block(key, nonce, (uint32_t)(1 + n / 64), block);
        text[n] ^= block[n % 64];
    }
}

/* ---- Poly1305: numbers modulo 2^130 - 5 in five limbs of 26 bits ---- */

enum { LIMB = 26, LIMB_MASK = (1 << LIMB) - 1 };

struct poly {
    uint64_t r[5], h[5];
};

/* 17 bytes: 16 of the message and the bit above them. */
static void to_limbs(const uint8_t *p, uint64_t *limbs)
{
    uint32_t w[4] = {load32(p), load32(p + 4), load32(p + 8), load32(p + 12)};

    limbs[0] = w[0] & LIMB_MASK;
    limbs[1] = ((uint64_t)w[1] << 32 | w[0]) >> 26 & LIMB_MASK;
    limbs[2] = ((uint64_t)w[2] << 32 | w[1]) >> 20 & LIMB_MASK;
    limbs[3] = ((uint64_t)w[3] << 32 | w[2]) >> 14 & LIMB_MASK;
    limbs[4] = (w[3] >> 8) | (uint64_t)p[16] << 24;
}

static void carry(uint64_t *h)
{
    for (int n = 0; n < 4; n++) {
        h[n + 1] += h[n] >> LIMB;
        h[n] &= LIMB_MASK;
    }
    h[0] += 5 * (h[4] >> LIMB);
    h[4] &= LIMB_MASK;
    h[1] += h[0] >> LIMB;
    h[0] &= LIMB_MASK;
}

/* h = (h + block) * r; products stay below 2^60. */
static void poly_block(struct poly *p, const uint8_t block[17])
{
    uint64_t m[5], product[5];

    to_limbs(block, m);
    for (int n = 0; n < 5; n++)
        m[n] += p->h[n];
    for (int n = 0; n < 5; n++) {
        product[n] = 0;
        for (int k = 0; k < 5; k++)
            product[n] += m[k] * (k <= n ? p->r[n - k] : 5 * p->r[5 + n - k]);
    }
    memcpy(p->h, product, sizeof(product));
    carry(p->h);
}

/* Zero-padded to blocks of 16, as the construction has it (2.8.1). */
static void poly_update(struct poly *p, const void *data, size_t len)
{
    const uint8_t *at = data;

    while (len) {
        uint8_t block[17] = {[16] = 1};
        size_t bytes = MIN(len, 16u);

        memcpy(block, at, bytes);
        poly_block(p, block);
        at += bytes;
        len -= bytes;
    }
}

static void poly_init(struct poly *p, const uint8_t key[32])
{
    uint8_t r[17] = {0};

    memcpy(r, key, 16);
    for (int n = 3; n < 16; n += 4)
        r[n] &= 15;
    for (int n = 4; n < 16; n += 4)
        r[n] &= 252;
    to_limbs(r, p->r);
    memset(p->h, 0, sizeof(p->h));
}

/* h modulo the prime, plus the second half of the key, modulo 2^128. */
static void poly_finish(struct poly *p, const uint8_t *s, uint8_t *tag)
{
    uint64_t g[5], add = 5, mask;
    uint64_t low, high, carry_out;

    carry(p->h);
    carry(p->h);
    for (int n = 0; n < 5; n++) {
        g[n] = p->h[n] + add;
        add = g[n] >> LIMB;
        g[n] &= LIMB_MASK;
    }
    mask = 0 - add; /* h + 5 reached 2^130: h was not below the prime */
    for (int n = 0; n < 5; n++)
        g[n] = (g[n] & mask) | (p->h[n] & ~mask);
    low = g[0] | g[1] << 26 | g[2] << 52;
    high = g[2] >> 12 | g[3] << 14 | g[4] << 40;
    memcpy(&add, s, 8);
    carry_out = low + add < low;
    low += add;
    memcpy(&add, s + 8, 8);
    high += add + carry_out;
    memcpy(tag, &low, 8);
    memcpy(tag + 8, &high, 8);
}

static void make_tag(const uint8_t *key, const uint8_t *nonce, const void *aad,
                     size_t aad_len, const uint8_t *text, size_t len,
                     uint8_t *tag)
{
    uint64_t lengths[2] = {aad_len, len};
    uint8_t one_time[64];
    struct poly p;

    chacha_block(key, nonce, 0, one_time);
    poly_init(&p, one_time);
    poly_update(&p, aad, aad_len);
    poly_update(&p, text, len);
    poly_update(&p, lengths, sizeof(lengths));
    poly_finish(&p, one_time + 16, tag);
}

void aead_seal(const uint8_t *key, const uint8_t *nonce, const void *aad,
               size_t aad_len, uint8_t *text, size_t len, uint8_t *tag)
{
    check(aad_len <= AEAD_AAD_MAX);
    chacha_xor(key, nonce, text, len);
    make_tag(key, nonce, aad, aad_len, text, len, tag);
}

bool aead_open(const uint8_t *key, const uint8_t *nonce, const void *aad,
               size_t aad_len, uint8_t *text, size_t len, const uint8_t *tag)
{
    uint8_t want[AEAD_TAG], differ = 0;

    make_tag(key, nonce, aad, aad_len, text, len, want);
    for (int n = 0; n < AEAD_TAG; n++)
        differ |= (uint8_t)(want[n] ^ tag[n]);
    if (differ)
        return false;
    chacha_xor(key, nonce, text, len);
    return true;
}
