// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * ChaCha20-Poly1305 (RFC 8439), for texts of some bytes that leave the process
 * and come back: nothing here is fast. A nonce must not come twice under a key.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AEAD_KEY = 32, AEAD_NONCE = 12, AEAD_TAG = 16, AEAD_AAD_MAX = 256 };

/* Encrypts `len` bytes in place and makes the tag. The sizes of key, nonce and
   tag are above; aad_len is at most AEAD_AAD_MAX. */
void aead_seal(const uint8_t *key, const uint8_t *nonce, const void *aad,
               size_t aad_len, uint8_t *text, size_t len, uint8_t *tag);

/* Decrypts in place; false, and the text is as it was: not sealed so. */
bool aead_open(const uint8_t *key, const uint8_t *nonce, const void *aad,
               size_t aad_len, uint8_t *text, size_t len, const uint8_t *tag);
