// SPDX-License-Identifier: Apache-2.0
/* Advanced SIMD on integers: what no vector form may get wrong. The values of
   every form are the differential tests' matter. */

#include "simd_run.h"

#include <string.h>

/* One instruction on V0 (destination, all ones before), V1 and V2. */
struct simd_case {
    const char *what;
    uint32_t word;
    uint64_t n[2], m[2], want[2];
    bool qc;
};

#define ONES (~0ull)
// clang-format off
static const struct simd_case cases[] = {
    {"add v0.16b does not carry between lanes", 0x4e228420,
     {0xff00ff7f80ff0102, 1}, {0x0100010180010304, ONES},
     {0x0000008000000406, 0xffffffffffffff00 }, false},
    {"add v0.8b clears the upper half", 0x0e228420,
     {1, 2}, {3, 4}, {4, 0}, false},
    {"add d0 clears the upper half", 0x5ee28420,
     {1, 2}, {ONES, 4}, {0, 0}, false},
    {"sqadd v0.8h saturates both ways", 0x4e620c20,
     {0x7fff800000010000, 0}, {0x0001ffff00017fff, 0},
     {0x7fff800000027fff, 0}, true},
    {"sqadd v0.4h leaves the upper half alone", 0x0e620c20,
     {1, 0x7fff}, {1, 0x7fff}, {2, 0}, false},
    {"uqsub v0.2d stops at zero", 0x6ee22c20,
     {1, ONES}, {2, 1}, {0, ONES - 1}, true},
    {"sqadd b0 looks at one byte", 0x5e220c20,
     {0x7f7f, 0}, {0x7f01, 0}, {0x7f, 0}, true},
    {"sqdmulh v0.4s of the lowest numbers", 0x4ea2b420,
     {0x8000000080000000, 0x40000000}, {0x8000000000000001, 0x40000000},
     {0x7fffffffffffffff, 0x20000000}, true},
    {"srshl v0.2d by -64 rounds to zero", 0x4ee25420,
     {ONES, 0x8000000000000000}, {0xc0, 0xc0}, {0, 0}, false},
    {"urshl v0.2d by -64 rounds the top bit", 0x6ee25420,
     {ONES, 0x7fffffffffffffff}, {0xc0, 0xc0}, {1, 0}, false},
    {"sqshl v0.2d past the top", 0x4ee24c20,
     {1, ONES}, {63, 64}, {0x7fffffffffffffff, 0x8000000000000000}, true},
    {"cmhi d0", 0x7ee23420, {ONES, 0}, {1, 0}, {ONES, 0}, false},
    {"bsl takes bits by the destination", 0x6e621c20,
     {0x1234, 5}, {0xffff, 6}, {0x1234, 5}, false},
    {"addp v0.4s", 0x4ea2bc20,
     {0x0000000200000001, 0x0000000400000003},
     {0x0000000600000005, 0x0000000800000007},
     {0x0000000700000003, 0x0000000f0000000b}, false},
    {"addp v0.8b", 0x0e22bc20,
     {0x0706050403020100, 9}, {0x0f0e0d0c0b0a0908, 9},
     {0x1d1915110d090501, 0}, false},
    {"sshr v0.4s by 32", 0x4f200420,
     {0x8000000000000001, 0x7fffffffffffffff}, {0, 0},
     {0xffffffff00000000, 0x00000000ffffffff}, false},
    {"ushr d0 by 64", 0x7f400420, {ONES, 1}, {0, 0}, {0, 0}, false},
    {"sri v0.2d by 64 changes nothing", 0x6f404420,
     {0, 0}, {0, 0}, {ONES, ONES}, false},
    {"sli v0.2d by 63", 0x6f7f5420,
     {0, 1}, {0, 0}, {0x7fffffffffffffff, ONES}, false},
    {"sqxtun v0.8b of negative numbers", 0x2e212820,
     {0xffff00ff01000080, 0}, {0, 0}, {0x00ffff80, 0}, true},
    {"xtn2 keeps the lower half", 0x4e212820,
     {0x1122334455667788, 0x99aabbccddeeff00}, {0, 0},
     {ONES, 0xaaccee0022446688}, false},
    {"smull2 v0.2d", 0x4ea2c020,
     {0, 0x80000000ffffffff}, {0, 0x8000000000000002},
     {0xfffffffffffffffe, 0x4000000000000000}, false},
    {"sqdmull s0", 0x5e62d020,
     {0x8000, 0}, {0x8000, 0}, {0x7fffffff, 0}, true},
    {"uaddlv h0, v1.16b", 0x6e303820,
     {ONES, ONES}, {0, 0}, {16 * 255, 0}, false},
    {"sminv s0, v1.4s", 0x4eb1a820,
     {0x8000000000000001, 5}, {0, 0}, {0x80000000, 0}, false},
    {"saddlp v0.1d", 0x0ea02820,
     {0xffffffff00000003, 7}, {0, 0}, {2, 0}, false},
    {"cls v0.4s", 0x4ea04820,
     {0xffffffff00000000, 0x4000000080000001}, {0, 0},
     {0x0000001f0000001f, 0}, false},
    {"rev32 v0.8h", 0x6e600820,
     {0x1111222233334444, 0x5555666677778888}, {0, 0},
     {0x2222111144443333, 0x6666555588887777}, false},
    {"zip1 v0.8b", 0x0e023820,
     {0x0706050403020100, 0}, {0x1716151413121110, 0},
     {0x1303120211011000, 0}, false},
    {"uzp2 v0.4s", 0x4e825820,
     {0x0000000100000000, 0x0000000300000002},
     {0x0000000500000004, 0x0000000700000006},
     {0x0000000300000001, 0x0000000700000005}, false},
    {"ext v0.8b by 3", 0x2e021820,
     {0x0706050403020100, 9}, {0x1716151413121110, 9},
     {0x1211100706050403, 0}, false},
    {"tbl clears what is out of range", 0x4e020020,
     {0x0706050403020100, 0x0f0e0d0c0b0a0908}, {0xff100f0e00010203, 0},
     {0x00000f0e00010203, 0}, false},
    {"tbx keeps what is out of range", 0x4e021020,
     {0, 0}, {0x1010101010101000, 0}, {0xffffffffffffff00, 0}, false},
    {"mul v0.8h by element h[7]", 0x4f728820,
     {0x0004000300020001, 0}, {0, 0x0003000000000000},
     {0x000c000900060003, 0}, false},
    {"movi v0.4s, msl 16", 0x4f00d6a0,
     {0, 0}, {0, 0}, {0x0015ffff0015ffff, 0x0015ffff0015ffff}, false},
    {"movi d0 by bytes", 0x2f05e540,
     {0, 0}, {0, 0}, {0xff00ff00ff00ff00, 0}, false},
    {"mvni v0.4h, lsl 8", 0x2f00a7e0,
     {0, 0}, {0, 0}, {0xe0ffe0ffe0ffe0ff, 0}, false},
    {"ins v0.b[15], v1.b[0]", 0x6e1f0420,
     {0x12, 0}, {0, 0}, {ONES, 0x12ffffffffffffff}, false},
    {"dup s0, v1.s[3]", 0x5e1c0420,
     {0, 0xabcd000000000000}, {0, 0}, {0xabcd0000, 0}, false},
};
// clang-format on

static void each_case_gives_what_the_arm_arm_says(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        const struct simd_case *c = &cases[k];
        struct cpu cpu;

        memset(&cpu, 0, sizeof(cpu));
        memset(&cpu.v[0], 0xff, 16);
        memcpy(&cpu.v[1], c->n, 16);
        memcpy(&cpu.v[2], c->m, 16);
        run_word(&cpu, c->word);
        if (memcmp(&cpu.v[0], c->want, 16))
            fail_msg("%s: %016llx_%016llx", c->what,
                     (unsigned long long)cpu.v[0].d[1],
                     (unsigned long long)cpu.v[0].d[0]);
        if (cpu.fp.fpsr != (c->qc ? FPSR_QC : 0))
            fail_msg("%s: FPSR %#x", c->what, cpu.fp.fpsr);
    }
}

static void lanes_move_to_general_registers(void **state)
{
    struct cpu cpu;

    (void)state;
    memset(&cpu, 0, sizeof(cpu));
    cpu.v[1].d[1] = 0x80ff000000000000;
    run_word(&cpu, 0x4e1f2c20); /* smov x0, v1.b[15] */
    assert_int_equal(cpu.x[0], 0xffffffffffffff80);
    run_word(&cpu, 0x0e1e2c20); /* smov w0, v1.h[7] */
    assert_int_equal(cpu.x[0], 0xffff80ff);
    run_word(&cpu, 0x4e183c20); /* umov x0, v1.d[1] */
    assert_int_equal(cpu.x[0], 0x80ff000000000000);
    run_word(&cpu, 0x0e1f3c3f); /* umov wzr, v1.b[15] */
    assert_int_equal(cpu.x[REG_ZERO], 0);
}

/* Encodings next to allocated ones that mean nothing. */
static const uint32_t reserved[] = {
    0x0ee28420, /* add v0.1d: size 3 without Q */
    0x4ee20420, /* shadd v0.2d */
    0x4ee29c20, /* mul v0.2d */
    0x6e629c20, /* pmul v0.8h */
    0x4e22b420, /* sqdmulh v0.16b */
    0x5e228420, /* add b0 */
    0x4e000420, /* dup with imm5 0 */
    0x0e080420, /* dup v0.1d */
    0x0e042c20, /* smov w0, v1.s[0] */
    0x0e083c20, /* umov w0, v1.d[0] */
    0x2e026020, /* ext v0.8b by 12 */
    0x0ec23820, /* zip1 v0.1d */
    0x4ee00820, /* rev64 v0.2d */
    0x6ea00820, /* rev32 v0.4s */
    0x4e601820, /* rev16 v0.8h */
    0x4e605820, /* cnt v0.8h */
    0x6ea05820, /* not or rbit of size 2 */
    0x0eb1b820, /* addv s0, v1.2s */
    0x4ef1b820, /* addv d0, v1.2d */
    0x0f400420, /* sshr v0.1d */
    0x4f408420, /* shrn of immh 8 */
    0x5f200420, /* sshr s0 */
    0x4f028020, /* mul v0.16b by element */
    0x4ee0c020, /* smull of size 3 */
    0x4ea2e020, /* pmull of size 2 */
    0x4ee29420, /* mla of size 3 */
    0x4e400020, /* tbl with op2 1 */
    0x4f000c00, /* movi with o2 1 */
    0x4e684800, /* aese of size 1 */
    0x5e007000, /* sha opcode 7 */
    0x5e283800, /* sha two-register opcode 3 */
};

static void reserved_encodings_are_undefined(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(reserved); k++)
        if (a64_find(reserved[k]))
            fail_msg("%#x is %s", reserved[k], a64_find(reserved[k])->name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_gives_what_the_arm_arm_says),
        cmocka_unit_test(lanes_move_to_general_registers),
        cmocka_unit_test(reserved_encodings_are_undefined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
