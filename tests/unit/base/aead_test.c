// SPDX-License-Identifier: Apache-2.0
/* ChaCha20-Poly1305 against RFC 8439. */

#include "base/aead.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char sunscreen[] =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one "
    "tip for the future, sunscreen would be it.";

static void setup(uint8_t *key, uint8_t *nonce, uint8_t *text)
{
    static const uint8_t the_nonce[] = {7,    0,    0,    0,    0x40, 0x41,
                                        0x42, 0x43, 0x44, 0x45, 0x46, 0x47};

    for (int n = 0; n < AEAD_KEY; n++)
        key[n] = (uint8_t)(0x80 + n);
    memcpy(nonce, the_nonce, sizeof(the_nonce));
    memcpy(text, sunscreen, sizeof(sunscreen) - 1);
}

static const uint8_t aad[] = {0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1,
                              0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};

/* RFC 8439, 2.8.2. */
static void the_rfcs_example_comes_out(void **state)
{
    static const uint8_t first[] = {0xd3, 0x1a, 0x8d, 0x34, 0x64, 0x8e,
                                    0x60, 0xdb, 0x7b, 0x86, 0xaf, 0xbc};
    static const uint8_t want[] = {0x1a, 0xe1, 0x0b, 0x59, 0x4f, 0x09,
                                   0xe2, 0x6a, 0x7e, 0x90, 0x2e, 0xcb,
                                   0xd0, 0x60, 0x06, 0x91};
    uint8_t key[AEAD_KEY], nonce[AEAD_NONCE], tag[AEAD_TAG], text[200];

    (void)state;
    setup(key, nonce, text);
    aead_seal(key, nonce, aad, sizeof(aad), text, sizeof(sunscreen) - 1, tag);
    assert_memory_equal(text, first, sizeof(first));
    assert_memory_equal(tag, want, sizeof(want));
    assert_true(aead_open(key, nonce, aad, sizeof(aad), text,
                          sizeof(sunscreen) - 1, tag));
    assert_memory_equal(text, sunscreen, sizeof(sunscreen) - 1);
}

static void a_changed_bit_anywhere_is_seen(void **state)
{
    uint8_t key[AEAD_KEY], nonce[AEAD_NONCE], tag[AEAD_TAG], text[200];
    const size_t len = sizeof(sunscreen) - 1;

    (void)state;
    setup(key, nonce, text);
    aead_seal(key, nonce, aad, sizeof(aad), text, len, tag);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        text[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(aead_open(key, nonce, aad, sizeof(aad), text, len, tag));
        text[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * AEAD_TAG; bit++) {
        tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(aead_open(key, nonce, aad, sizeof(aad), text, len, tag));
        tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_false(aead_open(key, nonce, aad, sizeof(aad) - 1, text, len, tag));
    assert_true(aead_open(key, nonce, aad, sizeof(aad), text, len, tag));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfcs_example_comes_out),
        cmocka_unit_test(a_changed_bit_anywhere_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
