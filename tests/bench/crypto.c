// SPDX-License-Identifier: Apache-2.0
/* The cipher instructions of either machine, the same results from both. */

#include "bench.h"

#include <string.h>

#if defined(__aarch64__)
#pragma GCC target("+crypto+crc")
#include <arm_acle.h>
#include <arm_neon.h>
#elif defined(__x86_64__)
#pragma GCC target("aes,pclmul,sha,sse4.2")
#include <immintrin.h>
#else
#error "no cipher instructions known for this machine"
#endif

enum { DATA_BYTES = 16384, AES_ROUNDS = 10 };

static uint8_t *data;
static uint8_t keys[AES_ROUNDS + 1][16];
static uint32_t sha_k[64];

static void crypto_setup(void)
{
    data = bench_memory(DATA_BYTES);
    bench_fill(data, DATA_BYTES);
    bench_fill(keys, sizeof(keys));
    bench_fill(sha_k, sizeof(sha_k));
}

#if defined(__aarch64__)

static NOINLINE void aes_pass(uint8_t *p)
{
    uint8x16_t k[AES_ROUNDS + 1];

    for (size_t n = 0; n <= AES_ROUNDS; n++)
        k[n] = vld1q_u8(keys[n]);
    for (size_t i = 0; i < DATA_BYTES; i += 32) {
        uint8x16_t a = vld1q_u8(p + i), b = vld1q_u8(p + i + 16);

        for (size_t n = 0; n < AES_ROUNDS - 1; n++) {
            a = vaesmcq_u8(vaeseq_u8(a, k[n]));
            b = vaesmcq_u8(vaeseq_u8(b, k[n]));
        }
        a = veorq_u8(vaeseq_u8(a, k[AES_ROUNDS - 1]), k[AES_ROUNDS]);
        b = veorq_u8(vaeseq_u8(b, k[AES_ROUNDS - 1]), k[AES_ROUNDS]);
        vst1q_u8(p + i, a);
        vst1q_u8(p + i + 16, b);
    }
}

static NOINLINE void sha_pass(uint32_t h[8], const uint8_t *p)
{
    uint32x4_t abcd = vld1q_u32(h), efgh = vld1q_u32(h + 4);

    for (size_t i = 0; i < DATA_BYTES; i += 64) {
        uint32x4_t abcd_was = abcd, efgh_was = efgh, w[4];

        for (size_t n = 0; n < 4; n++)
            w[n] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p + i + n * 16)));
        for (size_t n = 0; n < 16; n++) {
            uint32x4_t t = vaddq_u32(w[n % 4], vld1q_u32(sha_k + n * 4));
            uint32x4_t was = abcd;

            abcd = vsha256hq_u32(abcd, efgh, t);
            efgh = vsha256h2q_u32(efgh, was, t);
            w[n % 4] =
                vsha256su1q_u32(vsha256su0q_u32(w[n % 4], w[(n + 1) % 4]),
                                w[(n + 2) % 4], w[(n + 3) % 4]);
        }
        abcd = vaddq_u32(abcd, abcd_was);
        efgh = vaddq_u32(efgh, efgh_was);
    }
    vst1q_u32(h, abcd);
    vst1q_u32(h + 4, efgh);
}

static NOINLINE void multiply_pass(uint64_t sum[2], const uint8_t *p)
{
    uint64x2_t acc = vld1q_u64(sum);

    for (size_t i = 0; i < DATA_BYTES; i += 16) {
        poly64x2_t v = vreinterpretq_p64_u64(
            veorq_u64(acc, vreinterpretq_u64_u8(vld1q_u8(p + i))));
        uint64x2_t low = vreinterpretq_u64_p128(
            vmull_p64(vgetq_lane_p64(v, 0), vgetq_lane_p64(v, 1)));
        uint64x2_t high = vreinterpretq_u64_p128(vmull_high_p64(v, v));

        acc = veorq_u64(low, high);
    }
    vst1q_u64(sum, acc);
}

static uint32_t crc_word(uint32_t crc, uint64_t word)
{
    return __crc32cd(crc, word);
}

#else

static NOINLINE void aes_pass(uint8_t *p)
{
    __m128i k[AES_ROUNDS + 1];

    for (size_t n = 0; n <= AES_ROUNDS; n++)
        k[n] = _mm_loadu_si128((const __m128i *)(const void *)keys[n]);
    for (size_t i = 0; i < DATA_BYTES; i += 32) {
        __m128i *at = (__m128i *)(void *)(p + i);
        __m128i a = _mm_xor_si128(_mm_loadu_si128(at), k[0]);
        __m128i b = _mm_xor_si128(_mm_loadu_si128(at + 1), k[0]);

        for (size_t n = 1; n < AES_ROUNDS; n++) {
            a = _mm_aesenc_si128(a, k[n]);
            b = _mm_aesenc_si128(b, k[n]);
        }
        _mm_storeu_si128(at, _mm_aesenclast_si128(a, k[AES_ROUNDS]));
        _mm_storeu_si128(at + 1, _mm_aesenclast_si128(b, k[AES_ROUNDS]));
    }
}

static __m128i load_words(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* The instructions want the state as ABEF and CDGH, high to low. */
static NOINLINE void sha_pass(uint32_t h[8], const uint8_t *p)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i abef = _mm_set_epi32((int)h[0], (int)h[1], (int)h[4], (int)h[5]);
    __m128i cdgh = _mm_set_epi32((int)h[2], (int)h[3], (int)h[6], (int)h[7]);
    uint32_t out[8];

    for (size_t i = 0; i < DATA_BYTES; i += 64) {
        __m128i abef_was = abef, cdgh_was = cdgh, w[4];

        for (size_t n = 0; n < 4; n++)
            w[n] = _mm_shuffle_epi8(load_words(p + i + n * 16), swap);
        for (size_t n = 0; n < 16; n++) {
            __m128i t = _mm_add_epi32(w[n % 4], load_words(sha_k + n * 4));
            __m128i w3 = w[(n + 3) % 4];

            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, t);
            abef =
                _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(t, 0x0e));
            t = _mm_sha256msg1_epu32(w[n % 4], w[(n + 1) % 4]);
            t = _mm_add_epi32(t, _mm_alignr_epi8(w3, w[(n + 2) % 4], 4));
            w[n % 4] = _mm_sha256msg2_epu32(t, w3);
        }
        abef = _mm_add_epi32(abef, abef_was);
        cdgh = _mm_add_epi32(cdgh, cdgh_was);
    }
    _mm_storeu_si128((__m128i *)(void *)out, abef);
    _mm_storeu_si128((__m128i *)(void *)(out + 4), cdgh);
    h[0] = out[3], h[1] = out[2], h[4] = out[1], h[5] = out[0];
    h[2] = out[7], h[3] = out[6], h[6] = out[5], h[7] = out[4];
}

static NOINLINE void multiply_pass(uint64_t sum[2], const uint8_t *p)
{
    __m128i acc = load_words(sum);

    for (size_t i = 0; i < DATA_BYTES; i += 16) {
        __m128i v = _mm_xor_si128(acc, load_words(p + i));

        acc = _mm_xor_si128(_mm_clmulepi64_si128(v, v, 0x10),
                            _mm_clmulepi64_si128(v, v, 0x11));
    }
    _mm_storeu_si128((__m128i *)(void *)sum, acc);
}

static uint32_t crc_word(uint32_t crc, uint64_t word)
{
    return (uint32_t)_mm_crc32_u64(crc, word);
}

#endif

static uint64_t aes_run(uint64_t n)
{
    while (n-- > 0)
        aes_pass(data);
    return bench_hash(data, 256);
}

static uint64_t sha_run(uint64_t n)
{
    uint32_t h[8] = {1, 2, 3, 4, 5, 6, 7, 8};

    while (n-- > 0)
        sha_pass(h, data);
    return bench_hash(h, sizeof(h));
}

static uint64_t multiply_run(uint64_t n)
{
    uint64_t sum[2] = {1, 2};

    while (n-- > 0)
        multiply_pass(sum, data);
    return bench_hash(sum, sizeof(sum));
}

static uint64_t crc_run(uint64_t n)
{
    uint32_t crc = ~0u;

    while (n-- > 0) {
        for (size_t i = 0; i < DATA_BYTES; i += 8) {
            uint64_t word;

            memcpy(&word, data + i, 8);
            crc = crc_word(crc, word);
        }
    }
    return crc;
}

#define CRYPTO "crypto"

const struct row crypto_rows[] = {
    {"aes", CRYPTO, "AES-128 with the AES instructions", 2000, crypto_setup,
     aes_run},
    {"sha256_insn", CRYPTO, "SHA-256 with the SHA instructions", 1500,
     crypto_setup, sha_run},
    {"clmul", CRYPTO, "carry-less products, one after the other", 2500,
     crypto_setup, multiply_run},
    {"crc32c_insn", CRYPTO, "CRC-32C with the CRC instruction", 6000,
     crypto_setup, crc_run},
    {0},
};
