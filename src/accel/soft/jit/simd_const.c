// SPDX-License-Identifier: Apache-2.0
/* The constants of translated SIMD code. */

#include "accel/soft/jit/simd_const.h"

#include <string.h>

#include "accel/soft/cpu.h"

static void fill8(union vreg *k, unsigned value)
{
    for (unsigned n = 0; n < 16; n++)
        k->b[n] = (uint8_t)value;
}

static void fill16(union vreg *k, unsigned value)
{
    for (unsigned n = 0; n < 8; n++)
        k->h[n] = (uint16_t)value;
}

static void fill32(union vreg *k, uint32_t value)
{
    for (unsigned n = 0; n < 4; n++)
        k->s[n] = value;
}

static void fill_numbers(union vreg *k)
{
    for (unsigned n = 0; n < 8; n++) {
        fill8(&k[K_LOW_BITS8 + n], 0xffu >> n);
        fill8(&k[K_SIGN8 + n], 0x80u >> n);
    }
    for (unsigned n = 0; n < 4; n++)
        fill8(&k[K_TABLE_END + n], 16 * n + 15);
    fill8(&k[K_BYTE_ONE], 1);
    fill8(&k[K_BYTE_0F], 0x0f);
    fill8(&k[K_BYTE_10], 0x10);
    fill8(&k[K_BYTE_70], 0x70);
    fill8(&k[K_BYTE_8], 8);
    fill8(&k[K_BYTE_F8], 0xf8);
    fill16(&k[K_WORD_ONE], 1);
    fill16(&k[K_WORD_8], 8);
    fill16(&k[K_WORD_80], 0x80);
    fill16(&k[K_WORD_FF], 0xff);
    fill16(&k[K_WORD_8000], 0x8000);
    fill32(&k[K_DWORD_16], 16);
    fill32(&k[K_DWORD_FF], 0xff);
    fill32(&k[K_DWORD_FFFF], 0xffff);
    k[K_QWORD_FF] = (union vreg){.d = {0xff, 0xff}};
}

/* Both in reverse: the polynomial has 33 bits, times its inverse it is 1 in the
   low 64. */
static void fill_crc(union vreg *k)
{
    const uint64_t p = 0x1db710641;
    uint64_t inverse = 0, rest = 1;

    for (unsigned n = 0; n < 64; n++) {
        if (!(rest >> n & 1))
            continue;
        inverse |= 1ull << n;
        rest ^= p << n;
    }
    k[K_CRC32] = (union vreg){.d = {inverse, p}};
}

/* Leading zeroes of a byte are the smaller one of what its nibbles say: the
   high one 8 if it is zero, the low one 4 and more. */
static void fill_nibbles(union vreg *k)
{
    for (unsigned n = 0; n < 16; n++) {
        k[K_POW2_LOW].b[n] = (uint8_t)(1u << n);
        k[K_POW2_HIGH].b[n] = (uint8_t)(1u << n >> 8);
    }
    for (unsigned n = 0; n < 16; n++) {
        unsigned zeroes = n ? (unsigned)__builtin_clz(n) - 28 : 4;
        unsigned turned = n >> 3 | (n >> 1 & 2) | (n << 1 & 4) | (n << 3 & 8);

        k[K_POPCOUNT4].b[n] = (uint8_t)__builtin_popcount(n);
        k[K_CLZ_HIGH4].b[n] = (uint8_t)(n ? zeroes : 8);
        k[K_CLZ_LOW4].b[n] = (uint8_t)(zeroes + 4);
        k[K_RBIT_HIGH4].b[n] = (uint8_t)turned;
        k[K_RBIT_LOW4].b[n] = (uint8_t)(turned << 4);
    }
}

static void fill_orders(union vreg *k)
{
    for (unsigned n = 0; n < 16; n++) {
        unsigned lane = n >> 1, byte = n & 1;

        k[K_REV64_8].b[n] = (uint8_t)(n ^ 7);
        k[K_REV32_8].b[n] = (uint8_t)(n ^ 3);
        k[K_REV16_8].b[n] = (uint8_t)(n ^ 1);
        k[K_EVEN8].b[n] = (uint8_t)(n < 8 ? 2 * n : 0x80);
        k[K_EVEN16].b[n] = (uint8_t)(n < 8 ? 4 * lane + byte : 0x80);
        k[K_SPLIT4_8].b[n] = (uint8_t)((n & 3) << 2 | n >> 2);
        k[K_SPLIT4_16].b[n] =
            (uint8_t)(((lane & 1) << 2 | lane >> 1) << 1 | byte);
        k[K_JOIN4_16].b[n] =
            (uint8_t)(((lane & 3) << 1 | lane >> 2) << 1 | byte);
    }
}

/* Byte b of element e of register r lies at (3e + r) elements and b bytes. */
static void fill_threes(union vreg *k, unsigned size)
{
    union vreg *split = &k[K_SPLIT3 + 9 * size], *join = &k[K_JOIN3 + 9 * size];

    memset(split, 0x80, 9 * sizeof(*split));
    memset(join, 0x80, 9 * sizeof(*join));
    for (unsigned r = 0; r < 3; r++) {
        for (unsigned n = 0; n < 16; n++) {
            unsigned byte = n & ((1u << size) - 1);
            unsigned at = (3 * (n >> size) + r) << size | byte;

            split[3 * r + at / 16].b[n] = at % 16;
            join[3 * (at / 16) + r].b[at % 16] = (uint8_t)n;
        }
    }
}

void simd_const_init(struct cpu *cpu)
{
    fill_numbers(cpu->simd_const);
    fill_nibbles(cpu->simd_const);
    fill_crc(cpu->simd_const);
    fill_orders(cpu->simd_const);
    for (unsigned size = 0; size < 4; size++)
        fill_threes(cpu->simd_const, size);
}
