// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * 128-bit constants of translated code. They are kept in struct cpu, so that
 * code reaches them from the register it has anyway and holds no address.
 */

struct cpu;

enum simd_const {
    K_LOW_BITS8,                  /* 8: bytes of 0xff >> n */
    K_SIGN8 = K_LOW_BITS8 + 8,    /* 8: bytes of 0x80 >> n */
    K_TABLE_END = K_SIGN8 + 8,    /* 4: bytes of 16 * (n + 1) - 1 */
    K_BYTE_ONE = K_TABLE_END + 4, /* bytes of 1, 0x0f, 0x10, 0x70 */
    K_BYTE_0F,
    K_BYTE_10,
    K_BYTE_70,
    K_BYTE_8, /* bytes of 8 and -8 */
    K_BYTE_F8,
    K_POW2_LOW, /* 1 << n, n up to 15: the lower bytes, the upper ones */
    K_POW2_HIGH,
    K_WORD_ONE, /* 16-bit lanes of 1, 8, 0x80, 0xff, 0x8000 */
    K_WORD_8,
    K_WORD_80,
    K_WORD_FF,
    K_WORD_8000,
    K_DWORD_16, /* 32-bit lanes of 16, 0xff, 0xffff */
    K_DWORD_FF,
    K_DWORD_FFFF,
    K_QWORD_FF,
    K_POPCOUNT4, /* tables of nibbles, for PSHUFB */
    K_CLZ_HIGH4,
    K_CLZ_LOW4,
    K_RBIT_HIGH4,
    K_RBIT_LOW4,
    K_CRC32,   /* the inverse of CRC32's polynomial, and that */
    K_REV64_8, /* orders of bytes, for PSHUFB */
    K_REV32_8,
    K_REV16_8,
    K_EVEN8,
    K_EVEN16,
    K_SPLIT4_8,  /* four structures of four bytes into four of each */
    K_SPLIT4_16, /* two of four halfwords */
    K_JOIN4_16,  /* and back */
    /* For structures of three: the bytes of register r in 16-byte piece k, for
       elements of log2 `size` bytes, at K_SPLIT3 + 9 * size + 3 * r + k; and
       those of piece k in register r at K_JOIN3 + 9 * size + 3 * k + r. */
    K_SPLIT3,
    K_JOIN3 = K_SPLIT3 + 36,
    K_END = K_JOIN3 + 35,
    NUM_SIMD_CONST
};

void simd_const_init(struct cpu *cpu);
