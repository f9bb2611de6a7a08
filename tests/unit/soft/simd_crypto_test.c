// SPDX-License-Identifier: Apache-2.0
/* AES, SHA and PMULL against the vectors of FIPS 197 and FIPS 180. */

#include "simd_run.h"

#include <math.h>
#include <string.h>

/* Opcodes with all registers 0. */
enum {
    AESE = 0x4e284800,
    AESD = 0x4e285800,
    AESMC = 0x4e286800,
    AESIMC = 0x4e287800,
    SHA1C = 0x5e000000,
    SHA1P = 0x5e001000,
    SHA1M = 0x5e002000,
    SHA1SU0 = 0x5e003000,
    SHA256H = 0x5e004000,
    SHA256H2 = 0x5e005000,
    SHA256SU1 = 0x5e006000,
    SHA1H = 0x5e280800,
    SHA1SU1 = 0x5e281800,
    SHA256SU0 = 0x5e282800,
    ADD_4S = 0x4ea08400,
    EOR_16B = 0x6e201c00,
    PMULL_1Q = 0x0ee0e000,
    PMULL2_1Q = 0x4ee0e000
};

static uint8_t sub_byte(uint8_t a)
{
    struct cpu cpu;
    memset(&cpu, 0, sizeof(cpu));
    cpu.v[0].b[0] = a;
    run_word(&cpu, AESE | regs(0, 1, 0));
    return cpu.v[0].b[0];
}

/* FIPS 197 5.2, for AES-128. */
static void expand_key(const uint8_t key[16], uint8_t out[11][16])
{
    uint8_t w[44][4], rcon = 1;

    memcpy(w, key, 16);
    for (unsigned k = 4; k < 44; k++) {
        uint8_t t[4];

        memcpy(t, w[k - 1], 4);
        if (k % 4 == 0) {
            const uint8_t first = t[0];

            t[0] = sub_byte(t[1]) ^ rcon;
            t[1] = sub_byte(t[2]);
            t[2] = sub_byte(t[3]);
            t[3] = sub_byte(first);
            rcon = (uint8_t)(rcon << 1 ^ (rcon & 0x80 ? 0x1b : 0));
        }
        for (unsigned b = 0; b < 4; b++)
            w[k][b] = w[k - 4][b] ^ t[b];
    }
    memcpy(out, w, sizeof(w));
}

static const uint8_t aes_plain[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55,
                                      0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb,
                                      0xcc, 0xdd, 0xee, 0xff};
static const uint8_t aes_cipher[16] = {0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b,
                                       0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80,
                                       0x70, 0xb4, 0xc5, 0x5a};

static void aes_keys(uint8_t keys[11][16])
{
    uint8_t key[16];

    for (unsigned k = 0; k < 16; k++)
        key[k] = (uint8_t)k;
    expand_key(key, keys);
}

static void aes_encrypts_the_block_of_fips_197_c1(void **state)
{
    uint8_t keys[11][16];
    struct cpu cpu;

    (void)state;
    memset(&cpu, 0, sizeof(cpu));
    aes_keys(keys);
    memcpy(&cpu.v[3], aes_plain, 16);
    for (unsigned k = 0; k < 10; k++) {
        memcpy(&cpu.v[4], keys[k], 16);
        run_word(&cpu, AESE | regs(3, 4, 0));
        if (k < 9)
            run_word(&cpu, AESMC | regs(3, 3, 0));
    }
    memcpy(&cpu.v[4], keys[10], 16);
    run_word(&cpu, EOR_16B | regs(3, 3, 4));
    assert_memory_equal(&cpu.v[3], aes_cipher, 16);
}

static void aes_decrypts_what_it_encrypted(void **state)
{
    uint8_t keys[11][16];
    struct cpu cpu;

    (void)state;
    memset(&cpu, 0, sizeof(cpu));
    aes_keys(keys);
    memcpy(&cpu.v[3], aes_cipher, 16);
    for (unsigned k = 10; k > 0; k--) {
        memcpy(&cpu.v[4], keys[k], 16);
        if (k < 10)
            run_word(&cpu, AESIMC | regs(4, 4, 0));
        run_word(&cpu, AESD | regs(3, 4, 0));
        if (k > 1)
            run_word(&cpu, AESIMC | regs(3, 3, 0));
    }
    memcpy(&cpu.v[4], keys[0], 16);
    run_word(&cpu, EOR_16B | regs(3, 3, 4));
    assert_memory_equal(&cpu.v[3], aes_plain, 16);
}

/* The one block of "abc", as big-endian words. */
static void abc_block(struct cpu *cpu, unsigned v)
{
    memset(&cpu->v[v], 0, 64);
    cpu->v[v].s[0] = 0x61626380;
    cpu->v[v + 3].s[3] = 24;
}

static void sha1_of_abc(void **state)
{
    static const uint32_t k1[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc,
                                   0xca62c1d6};
    static const uint32_t op[4] = {SHA1C, SHA1P, SHA1M, SHA1P};
    static const uint32_t want[5] = {0xa9993e36, 0x4706816a, 0xba3e2571,
                                     0x7850c26c, 0x9cd0d89d};
    const union vreg h = {
        .s = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
    struct cpu cpu;

    (void)state;
    memset(&cpu, 0, sizeof(cpu));
    abc_block(&cpu, 8); /* schedule in V8..V11 */
    cpu.v[0] = cpu.v[2] = h;
    cpu.v[1].s[0] = 0xc3d2e1f0;
    for (unsigned g = 0; g < 20; g++) {
        unsigned w = 8 + g % 4;

        if (g >= 4) {
            run_word(&cpu, SHA1SU0 | regs(w, 8 + (g + 1) % 4, 8 + (g + 2) % 4));
            run_word(&cpu, SHA1SU1 | regs(w, 8 + (g + 3) % 4, 0));
        }
        for (unsigned k = 0; k < 4; k++)
            cpu.v[4].s[k] = k1[g / 5];
        run_word(&cpu, ADD_4S | regs(4, 4, w));
        run_word(&cpu, SHA1H | regs(5, 0, 0));
        run_word(&cpu, op[g / 5] | regs(0, 1, 4));
        cpu.v[1] = cpu.v[5];
    }
    run_word(&cpu, ADD_4S | regs(0, 0, 2));
    assert_memory_equal(&cpu.v[0], want, 16);
    assert_int_equal(cpu.v[1].s[0] + 0xc3d2e1f0, want[4]);
}

/* The first 32 bits of the fractional part of the cube root of prime p: a
   long double has 64 bits, the root needs 35. */
static uint32_t cube_root_bits(unsigned p)
{
    uint64_t r = (uint64_t)(cbrtl((long double)p) * 4294967296.0L);

    return (uint32_t)r;
}

static void sha256_of_abc(void **state)
{
    static const uint32_t want[8] = {0xba7816bf, 0x8f01cfea, 0x414140de,
                                     0x5dae2223, 0xb00361a3, 0x96177a9c,
                                     0xb410ff61, 0xf20015ad};
    const union vreg h0 = {
        .s = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a}};
    const union vreg h1 = {
        .s = {0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
    unsigned prime = 1;
    struct cpu cpu;

    (void)state;
    memset(&cpu, 0, sizeof(cpu));
    abc_block(&cpu, 8);
    cpu.v[0] = cpu.v[2] = h0;
    cpu.v[1] = cpu.v[3] = h1;
    for (unsigned g = 0; g < 16; g++) {
        unsigned w = 8 + g % 4;

        if (g >= 4) {
            run_word(&cpu, SHA256SU0 | regs(w, 8 + (g + 1) % 4, 0));
            run_word(&cpu,
                     SHA256SU1 | regs(w, 8 + (g + 2) % 4, 8 + (g + 3) % 4));
        }
        for (unsigned k = 0; k < 4; k++) {
            bool is_prime = false;

            while (!is_prime) {
                is_prime = ++prime > 1;
                for (unsigned q = 2; q < prime; q++)
                    is_prime = is_prime && prime % q;
            }
            cpu.v[4].s[k] = cube_root_bits(prime);
        }
        run_word(&cpu, ADD_4S | regs(4, 4, w));
        cpu.v[5] = cpu.v[0];
        run_word(&cpu, SHA256H | regs(0, 1, 4));
        run_word(&cpu, SHA256H2 | regs(1, 5, 4));
    }
    run_word(&cpu, ADD_4S | regs(0, 0, 2));
    run_word(&cpu, ADD_4S | regs(1, 1, 3));
    assert_memory_equal(&cpu.v[0], want, 16);
    assert_memory_equal(&cpu.v[1], want + 4, 16);
}

static void pmull_multiplies_polynomials_of_64_bits(void **state)
{
    struct cpu cpu;

    (void)state;
    memset(&cpu, 0, sizeof(cpu));
    /* (x^63 + x + 1)(x^63 + 1) = x^126 + x^64 + x + 1 */
    cpu.v[1].d[0] = 0x8000000000000003;
    cpu.v[2].d[0] = 0x8000000000000001;
    cpu.v[1].d[1] = 5; /* (x^2 + 1)^2 = x^4 + 1 */
    cpu.v[2].d[1] = 5;
    run_word(&cpu, PMULL_1Q | regs(0, 1, 2));
    assert_int_equal(cpu.v[0].d[0], 3);
    assert_int_equal(cpu.v[0].d[1], 0x4000000000000001);
    run_word(&cpu, PMULL2_1Q | regs(0, 1, 2));
    assert_int_equal(cpu.v[0].d[0], 17);
    assert_int_equal(cpu.v[0].d[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aes_encrypts_the_block_of_fips_197_c1),
        cmocka_unit_test(aes_decrypts_what_it_encrypted),
        cmocka_unit_test(sha1_of_abc),
        cmocka_unit_test(sha256_of_abc),
        cmocka_unit_test(pmull_multiplies_polynomials_of_64_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
