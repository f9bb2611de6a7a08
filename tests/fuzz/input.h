// SPDX-License-Identifier: Apache-2.0
#pragma once

/* A fuzzer's bytes, taken one after the other. */

#include <stddef.h>
#include <stdint.h>

struct input {
    const uint8_t *data;
    size_t left;
};

/* Little-endian; what is not there is zero. */
static inline uint64_t take(struct input *in, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned n = 0; n < bytes && in->left; n++, in->left--)
        value |= (uint64_t)*in->data++ << 8 * n;
    return value;
}
