// SPDX-License-Identifier: Apache-2.0
/* Session tokens: base64 of a nonce, the sealed time of expiry and its tag. */

#include "api/mmds_http.h"

#include <stdio.h>
#include <string.h>

#include "base/aead.h"
#include "base/heap.h"
#include "host/host.h"

enum { EXPIRY = 8, RAW = AEAD_NONCE + EXPIRY + AEAD_TAG, TEXT = RAW / 3 * 4 };
_Static_assert(RAW % 3 == 0, "no padding");
_Static_assert((int)TEXT <= (int)MMDS_TOKEN_MAX, "as upstream's");

struct mmds_tokens {
    uint8_t key[AEAD_KEY];
    char aad[96];
};

struct mmds_tokens *mmds_tokens_new(const char *id)
{
    struct mmds_tokens *t = heap_zalloc(sizeof(*t));

    if (!t)
        return NULL;
    host_random(t->key, sizeof(t->key));
    snprintf(t->aad, sizeof(t->aad), "microvmid=%s", id);
    return t;
}

void mmds_tokens_free(struct mmds_tokens *t)
{
    if (t)
        memset(t, 0, sizeof(*t));
    heap_free(t);
}

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode(const uint8_t *raw, char *text)
{
    for (size_t n = 0; n < RAW; n += 3) {
        uint32_t v =
            (uint32_t)raw[n] << 16 | (uint32_t)raw[n + 1] << 8 | raw[n + 2];

        for (int k = 3; k >= 0; k--) {
            text[k] = digits[v & 63];
            v >>= 6;
        }
        text += 4;
    }
    *text = 0;
}

static bool decode(const char *text, uint8_t *raw)
{
    for (size_t n = 0; n < TEXT; n += 4) {
        uint32_t v = 0;

        for (size_t k = 0; k < 4; k++) {
            const char *at = text[n + k] ? strchr(digits, text[n + k]) : NULL;

            if (!at)
                return false;
            v = v << 6 | (uint32_t)(at - digits);
        }
        *raw++ = (uint8_t)(v >> 16);
        *raw++ = (uint8_t)(v >> 8);
        *raw++ = (uint8_t)v;
    }
    return true;
}

void mmds_token_make(const struct mmds_tokens *t, uint32_t ttl_s,
                     uint64_t now_ms, char *text)
{
    uint64_t expiry = now_ms + ttl_s * 1000ull;
    uint8_t raw[RAW];

    host_random(raw, AEAD_NONCE);
    memcpy(raw + AEAD_NONCE, &expiry, EXPIRY);
    aead_seal(t->key, raw, t->aad, strlen(t->aad), raw + AEAD_NONCE, EXPIRY,
              raw + AEAD_NONCE + EXPIRY);
    encode(raw, text);
}

bool mmds_token_is_valid(const struct mmds_tokens *t, const char *text,
                         size_t len, uint64_t now_ms)
{
    uint64_t expiry;
    uint8_t raw[RAW];

    if (len != TEXT || !decode(text, raw) ||
        !aead_open(t->key, raw, t->aad, strlen(t->aad), raw + AEAD_NONCE,
                   EXPIRY, raw + AEAD_NONCE + EXPIRY))
        return false;
    memcpy(&expiry, raw + AEAD_NONCE, EXPIRY);
    return now_ms < expiry;
}
