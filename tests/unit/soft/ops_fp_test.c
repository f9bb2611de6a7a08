// SPDX-License-Identifier: Apache-2.0
/* Floating-point instructions, one at a time: decoded and executed on a CPU
   that has nothing but registers. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "accel/soft/cpu.h"
#include "accel/soft/decode.h"

/* An instruction on V0 to V3 and X0, and what V0 is then. */
struct step {
    const char *text;
    uint32_t word;
    uint64_t v0[2], v1[2], v2[2];
    uint64_t want[2];
    uint32_t fpsr;
};

static struct cpu cpu;

static void run(uint32_t word)
{
    struct insn i[2];

    assert_non_null(a64_find(word));
    assert_false(a64_decode(word, 0, true, i));
    assert_ptr_equal(i[0].fn(&cpu, i), i + 1);
}

static void run_steps(const struct step *s, size_t n)
{
    for (; n; n--, s++) {
        memset(&cpu, 0, sizeof(cpu));
        memcpy(&cpu.v[0], s->v0, 16);
        memcpy(&cpu.v[1], s->v1, 16);
        memcpy(&cpu.v[2], s->v2, 16);
        run(s->word);
        if (memcmp(&cpu.v[0], s->want, 16) != 0 || cpu.fp.fpsr != s->fpsr)
            fail_msg("%s: %016lx:%016lx flags %#x", s->text, cpu.v[0].d[1],
                     cpu.v[0].d[0], cpu.fp.fpsr);
    }
}

#define S(hi, lo) ((uint64_t)(hi) << 32 | (lo))
#define JUNK      0xdeadbeefdeadbeef
#define ONE       0x3f800000u
#define TWO       0x40000000u
#define THREE     0x40400000u
#define FIVE      0x40a00000u
#define ONE_D     0x3ff0000000000000
#define TWO_D     0x4000000000000000

/* clang-format off */
static const struct step scalars[] = {
    {"fadd s0, s1, s2", 0x1e222820, {JUNK, JUNK}, {S(FIVE, ONE), JUNK},
     {TWO, JUNK}, {THREE, 0}, 0},
    {"fmov h0, #-1.5", 0x1eff1000, {JUNK, JUNK}, {0}, {0}, {0xbe00, 0}, 0},
    {"fnmul d0, d1, d2", 0x1e628820, {JUNK, JUNK}, {ONE_D, 0}, {TWO_D, 0},
     {TWO_D | 1ull << 63, 0}, 0},
    /* s3 is 0: s1 * s2 - s3 */
    {"fnmsub s0, s1, s2, s3", 0x1f228c20, {JUNK, JUNK}, {THREE, 0}, {ONE, 0},
     {THREE, 0}, 0},
    /* Z is clear */
    {"fcsel d0, d1, d2, ne", 0x1e621c20, {JUNK, JUNK}, {ONE_D, JUNK},
     {TWO_D, 0}, {ONE_D, 0}, 0},
    {"fcvtxn s0, d1", 0x7e616820, {JUNK, JUNK}, {ONE_D + 1, JUNK}, {0},
     {ONE + 1, 0}, FPSR_IXC},
    {"fabd h0, h1, h2", 0x7ec21420, {JUNK, JUNK}, {0x3c00, 0}, {0x4000, 0},
     {0x3c00, 0}, 0},
    {"fcmlt s0, s1, #0.0", 0x5ea0e820, {JUNK, JUNK}, {ONE | 1u << 31, 0}, {0},
     {0xffffffff, 0}, 0},
    {"faddp d0, v1.2d", 0x7e70d820, {JUNK, JUNK}, {ONE_D, ONE_D}, {0},
     {TWO_D, 0}, 0},
    {"ucvtf d0, d1, #64", 0x7f40e420, {JUNK, JUNK}, {1ull << 63, 0}, {0},
     {0x3fe0000000000000, 0}, 0},
};

static const struct step vectors[] = {
    {"fadd v0.2s, v1.2s, v2.2s", 0x0e22d420, {JUNK, JUNK},
     {S(ONE, ONE), JUNK}, {S(TWO, ONE), JUNK}, {S(THREE, TWO), 0}, 0},
    {"fmla v0.8h, v1.8h, v2.h[7]", 0x4f321820,
     {0x3c003c003c003c00, 0x3c003c003c003c00},
     {0x3c0040003c004000, 0x0000000000003c00}, {0, 0x4000ull << 48},
     {0x4200450042004500, 0x3c003c003c004200}, 0},
    {"fmls v0.4s, v1.4s, v2.s[3]", 0x4fa25820,
     {S(FIVE, FIVE), S(FIVE, FIVE)}, {S(ONE, TWO), S(TWO, ONE)},
     {0, S(TWO, 0)}, {S(THREE, ONE), S(ONE, THREE)}, 0},
    {"fcvtn v0.4h, v1.4s", 0x0e216820, {JUNK, JUNK},
     {S(ONE, TWO), S(THREE, FIVE)}, {0}, {0x420045003c004000, 0}, 0},
    {"fcvtn2 v0.8h, v1.4s", 0x4e216820, {JUNK, JUNK},
     {S(ONE, TWO), S(THREE, FIVE)}, {0}, {JUNK, 0x420045003c004000}, 0},
    {"fcvtl2 v0.2d, v1.4s", 0x4e617820, {JUNK, JUNK}, {0, S(ONE, TWO)}, {0},
     {TWO_D, ONE_D}, 0},
    {"fmaxv s0, v1.4s", 0x6e30f820, {JUNK, JUNK},
     {S(ONE, THREE), S(FIVE, TWO)}, {0}, {FIVE, 0}, 0},
    /* the pair of lower lanes is reduced first: its NaN survives */
    {"fmaxv s0, v1.4s of NaNs", 0x6e30f820, {JUNK, JUNK},
     {S(0x7fc00002, ONE), S(TWO, 0x7fc00001)}, {0}, {0x7fc00002, 0}, 0},
    {"faddp v0.4s, v1.4s, v2.4s", 0x6e22d420, {JUNK, JUNK},
     {S(ONE, TWO), S(ONE, ONE)}, {S(TWO, THREE), S(TWO, ONE)},
     {S(TWO, THREE), S(THREE, FIVE)}, 0},
    {"fcmgt v0.2d, v1.2d, #0.0", 0x4ee0c820, {JUNK, JUNK},
     {ONE_D, 0x7ff8000000000000}, {0}, {~0ull, 0}, FPSR_IOC},
    {"scvtf v0.4h, v1.4h, #16", 0x0f10e420, {JUNK, JUNK},
     {0x8000400000010000, JUNK}, {0}, {0xb800340001000000, 0}, 0},
    {"fmov v0.8h, #0.5", 0x4f03fc00, {0}, {0}, {0},
     {0x3800380038003800, 0x3800380038003800}, 0},
    {"fmov v0.2d, #-31.0", 0x6f05f7e0, {0}, {0}, {0},
     {0xc03f000000000000, 0xc03f000000000000}, 0},
    {"urecpe v0.2s, v1.2s", 0x0ea1c820, {JUNK, JUNK},
     {S(0x80000000, 1), JUNK}, {0}, {S(0xff800000, 0xffffffff), 0}, 0},
    {"frintx v0.2d, v1.2d", 0x6e619820, {JUNK, JUNK},
     {0x3ff8000000000000, TWO_D}, {0}, {TWO_D, TWO_D}, FPSR_IXC},
};
/* clang-format on */

static void a_scalar_result_clears_the_rest_of_its_register(void **state)
{
    (void)state;
    run_steps(scalars, ARRAY_LEN(scalars));
}

static void vectors_work_lane_by_lane(void **state)
{
    (void)state;
    run_steps(vectors, ARRAY_LEN(vectors));
}

static void the_top_half_moves_by_itself(void **state)
{
    (void)state;
    memset(&cpu, 0, sizeof(cpu));
    cpu.v[5].d[0] = 1;
    cpu.v[5].d[1] = 2;
    run(0x9eae00a4); /* fmov x4, v5.d[1] */
    assert_int_equal(cpu.x[4], 2);
    cpu.x[4] = 3;
    run(0x9eaf0085); /* fmov v5.d[1], x4 */
    assert_int_equal(cpu.v[5].d[0], 1);
    assert_int_equal(cpu.v[5].d[1], 3);
}

static void integers_saturate_at_the_register_width(void **state)
{
    (void)state;
    memset(&cpu, 0, sizeof(cpu));
    cpu.v[1].d[0] = 0xc1e0000000200000; /* -2^31 - 1 */
    cpu.x[0] = JUNK;
    run(0x1e780020); /* fcvtzs w0, d1 */
    assert_int_equal(cpu.x[0], 0x80000000);
    assert_int_equal(cpu.fp.fpsr, FPSR_IOC);
    cpu.v[1].s[0] = 0x3fc00000; /* 1.5 */
    run(0x9e19f020);            /* fcvtzu x0, s1, #4 */
    assert_int_equal(cpu.x[0], 24);
}

static void comparisons_set_the_flags(void **state)
{
    (void)state;
    memset(&cpu, 0, sizeof(cpu));
    cpu.v[1].d[0] = 0x7ff8000000000000;
    run(0x1e622030); /* fcmpe d1, d2 */
    assert_int_equal(cpu.nzcv, 3u << 28);
    assert_int_equal(cpu.fp.fpsr, FPSR_IOC);
    cpu.v[1].d[0] = 0x8000000080000000;
    run(0x1e202028); /* fcmp s1, #0.0 */
    assert_int_equal(cpu.nzcv, 6u << 28);
    run(0x1e610405); /* fccmp d0, d1, #5, eq: they are compared */
    assert_int_equal(cpu.nzcv, 2u << 28);
    run(0x1e610405); /* and now they are not */
    assert_int_equal(cpu.nzcv, 5u << 28);
}

static void reserved_encodings_are_undefined(void **state)
{
    static const uint32_t words[] = {
        0x1ea22820, /* FADD of the reserved format */
        0x1e224020, /* FCVT s, s */
        0x1e634020, /* BFCVT */
        0x1e7e0020, /* FJCVTZS */
        0x1e284020, /* FRINT32Z */
        0x1e190020, /* FCVTZU w with a scale of 0: 64 bits of fraction */
        0x9e260020, /* FMOV x, s */
        0x9eac0020, /* FMOV of the top half, rmode 01 only */
        0x0e62d420, /* FADD .1d */
        0x0fd19020, /* FMUL .1d by element */
        0x4ff19020, /* FMUL .2d by element with L set */
        0x0f40e420, /* SCVTF .1d, fixed point */
        0x4f08e420, /* SCVTF of bytes */
        0x0e22ec20, /* FMLAL */
        0x2e216820, /* FCVTXN from single */
        0x2e30f820, /* FMAXV .2s */
        0x4e70c820, /* FMAXNMV of halves with size 01 */
        0x2f00f400, /* FMOV .1d, immediate */
        0x6f00fc00, /* FMOV of halves with op set */
        0x2e42e420, /* FCMLA */
        0x0ee1c820, /* URECPE .1d */
    };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(words); k++) {
        if (a64_find(words[k]))
            fail_msg("%#x is %s", words[k], a64_find(words[k])->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scalar_result_clears_the_rest_of_its_register),
        cmocka_unit_test(vectors_work_lane_by_lane),
        cmocka_unit_test(the_top_half_moves_by_itself),
        cmocka_unit_test(integers_saturate_at_the_register_width),
        cmocka_unit_test(comparisons_set_the_flags),
        cmocka_unit_test(reserved_encodings_are_undefined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
