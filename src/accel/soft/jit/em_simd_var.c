// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of Advanced SIMD shifts by register, plain, rounding and saturating
 * (Arm ARM C7.2, "SSHL" and kin). The saturating ones of bytes and halfwords
 * are tier 0's.
 */

#include "accel/soft/jit/simd.h"

#include "accel/soft/jit/jit.h"

#define KERN(name)                                                            \
    static void k_##name(struct tr *t, unsigned size, unsigned d, unsigned n, \
                         unsigned m)

/*
 * Shifts by register: the count is the signed low byte of each lane. As an
 * unsigned number it is 128 or more where the shift goes right, and shifts
 * everything out to the left; the same holds for its negative the other way.
 */
static void counts(struct tr *t, unsigned size, unsigned m)
{
    static const uint8_t low_byte[] = {0, K_WORD_FF, K_DWORD_FF, K_QWORD_FF};

    v_opk(t, P_AND, X4, m, low_byte[size]);
    v_zero(t, X5);
    v_op(t, p_sub[size], X5, X5, m);
    v_opk(t, P_AND, X5, X5, low_byte[size]);
}

static void shift_var(struct tr *t, unsigned vop, unsigned size, unsigned dst,
                      unsigned src, unsigned by)
{
    static const struct {
        uint16_t vex, of_words;
    } ops[] = {{P_SLLVD, E_SLLVW}, {P_SRLVD, E_SRLVW}, {P_SRAVD, E_SRAVW}};

    for (unsigned n = 0; size == 1 && n < ARRAY_LEN(ops); n++) {
        if (ops[n].vex == vop)
            x64_evex_rr(&t->c, ops[n].of_words, true, 0, dst, src, by);
    }
    if (size > 1)
        x64_vex_rr(&t->c, vop, size == 3, dst, src, by);
}

static bool has_shifts(const struct tr *t, unsigned size)
{
    return size > 1 || (size == 1 && t->features & JIT_AVX512);
}

/* X0 = n >> X4 with the sign, whole for large counts. Clobbers X6. */
static void shift_right_s(struct tr *t, unsigned size, unsigned dst, unsigned n,
                          unsigned by)
{
    if (size < 3) {
        shift_var(t, P_SRAVD, size, dst, n, by);
        return;
    }
    if (t->features & JIT_AVX512) {
        x64_evex_rr(&t->c, E_SRAVQ, true, 0, dst, n, by);
        return;
    }
    v_zero(t, X6);
    v_op(t, P_CMPGTQ, X6, X6, n);
    v_op(t, P_XOR, X7, n, X6);
    shift_var(t, P_SRLVD, 3, dst, X7, by);
    v_op(t, P_XOR, dst, dst, X6);
}

/* by = by - 1: then what is shifted last is a - (a >> 1), which rounds. A count
   of 0 becomes the largest one. */
static void count_less_one(struct tr *t, unsigned size, unsigned by)
{
    v_ones(t, X6);
    v_op(t, p_add[size], by, by, X6);
}

static void round_half(struct tr *t, bool sgn, unsigned size, unsigned x)
{
    v_shr(t, sgn, size, X6, x, 1, X7);
    v_op(t, p_sub[size], x, x, X6);
}

/* Words and doublewords. */
static void shift_u(struct tr *t, bool round, unsigned size, unsigned n,
                    unsigned m)
{
    counts(t, size, m);
    shift_var(t, P_SLLVD, size, X0, n, X4);
    if (round)
        count_less_one(t, size, X5);
    shift_var(t, P_SRLVD, size, X5, n, X5);
    if (round)
        round_half(t, false, size, X5);
    v_op(t, P_OR, X0, X0, X5);
}

/* Right, with the sign; left where the count's sign, moved to the top of the
   lane, is zero. */
static void shift_s(struct tr *t, bool round, unsigned size, unsigned n,
                    unsigned m)
{
    counts(t, size, m);
    shift_var(t, P_SLLVD, size, X0, n, X4);
    if (round)
        count_less_one(t, size, X5);
    shift_right_s(t, size, X5, n, X5);
    if (round)
        round_half(t, true, size, X5);
    v_shift(t, SHIFT_SLL, size, X4, m, (8u << size) - 8);
    if (size == 1) { /* by whole words */
        v_shift(t, SHIFT_SRA, 1, X4, X4, 15);
        v_opi(t, P_BLENDVB, X0, X0, X5, X4 << 4);
        return;
    }
    v_opi(t, size == 2 ? P_BLENDVPS : P_BLENDVPD, X0, X0, X5, X4 << 4);
}

/* Halfwords as words: the upper ones, then the lower ones. X1 to X3 are free,
   as operands of 128 bits are never in them. */
static void shift_var16(struct tr *t, bool sgn, bool round, unsigned n,
                        unsigned m)
{
    unsigned right = sgn ? SHIFT_SRA : SHIFT_SRL;
    void (*shift)(struct tr *, bool, unsigned, unsigned, unsigned) =
        sgn ? shift_s : shift_u;

    v_shift(t, right, 2, X1, n, 16);
    v_shift(t, SHIFT_SRL, 2, X2, m, 16);
    shift(t, round, 2, X1, X2);
    v_shift(t, SHIFT_SLL, 2, X3, X0, 16);
    v_shift(t, SHIFT_SLL, 2, X1, n, 16);
    v_shift(t, right, 2, X1, X1, 16);
    shift(t, round, 2, X1, m);
    v_opi(t, P_BLENDW, X0, X0, X3, 0xaa);
}

/*
 * Bytes as halfwords, the even and the odd ones: a product with 2 to the count
 * plus 8 leaves the result in its upper byte, whichever way the shift goes.
 * Half of the last bit is then 128. Counts from -8 to 7 find their power in
 * tables, others get 0; a sign shifted further stays what it is at -8.
 */
static void shift8(struct tr *t, bool sgn, bool round, unsigned n, unsigned m)
{
    unsigned right = sgn ? SHIFT_SRA : SHIFT_SRL;

    if (sgn && !round) {
        v_opk(t, P_MAXSB, X4, m, K_BYTE_F8);
        m = X4;
    }
    v_opk(t, P_ADDB, X4, m, K_BYTE_8);
    v_opk(t, P_ADDUSB, X4, X4, K_BYTE_70);
    v_opk(t, V_MOVUPS, X5, 0, K_POW2_LOW);
    v_opk(t, V_MOVUPS, X6, 0, K_POW2_HIGH);
    v_op(t, P_SHUFB, X5, X5, X4);
    v_op(t, P_SHUFB, X6, X6, X4);
    v_opk(t, P_AND, X1, X5, K_WORD_FF);
    v_shift(t, SHIFT_SLL, 1, X7, X6, 8);
    v_op(t, P_OR, X1, X1, X7); /* powers for the even bytes */
    v_shift(t, SHIFT_SRL, 1, X2, X5, 8);
    v_shift(t, SHIFT_SRL, 1, X6, X6, 8);
    v_shift(t, SHIFT_SLL, 1, X6, X6, 8);
    v_op(t, P_OR, X2, X2, X6);
    v_shift(t, SHIFT_SLL, 1, X3, n, 8);
    v_shift(t, right, 1, X3, X3, 8);
    v_shift(t, right, 1, X7, n, 8);
    v_op(t, P_MULLW, X0, X3, X1);
    v_op(t, P_MULLW, X7, X7, X2);
    if (round) {
        v_opk(t, P_ADDW, X0, X0, K_WORD_80);
        v_opk(t, P_ADDW, X7, X7, K_WORD_80);
    }
    v_shift(t, SHIFT_SRL, 1, X0, X0, 8);
    v_shift(t, SHIFT_SRL, 1, X7, X7, 8);
    v_shift(t, SHIFT_SLL, 1, X7, X7, 8);
    v_op(t, P_OR, X0, X0, X7);
}

#define KERN_SHIFT(name, sgn, round)          \
    KERN(name)                                \
    {                                         \
        if (size == 0)                        \
            shift8(t, sgn, round, n, m);      \
        else if (!has_shifts(t, size))        \
            shift_var16(t, sgn, round, n, m); \
        else if (sgn)                         \
            shift_s(t, round, size, n, m);    \
        else                                  \
            shift_u(t, round, size, n, m);    \
    }
KERN_SHIFT(ushl, false, false)
KERN_SHIFT(sshl, true, false)
KERN_SHIFT(urshl, false, true)
KERN_SHIFT(srshl, true, true)

/* Saturating. X0: shifted to the left; X5: to the right; `lost`: lanes that do
   not shift back to what they were, which counts for those shifted left. */
static void join_shifts(struct tr *t, unsigned size, unsigned m, unsigned lost)
{
    unsigned blend = size == 2 ? P_BLENDVPS : P_BLENDVPD;

    v_shift(t, SHIFT_SLL, size, X7, m, size == 2 ? 24 : 56);
    v_opi(t, blend, X0, X0, X5, X7 << 4);
    v_zero(t, X4);
    v_opi(t, blend, lost, lost, X4, X7 << 4);
    v_qc(t, lost);
}

static void shift_sat_u(struct tr *t, bool round, unsigned size, unsigned n,
                        unsigned m)
{
    counts(t, size, m);
    if (round)
        count_less_one(t, size, X5);
    shift_var(t, P_SRLVD, size, X5, n, X5);
    if (round)
        round_half(t, false, size, X5);
    shift_var(t, P_SLLVD, size, X0, n, X4);
    shift_var(t, P_SRLVD, size, X6, X0, X4);
    v_op(t, p_cmpeq[size], X6, X6, n);
    v_not(t, X6, X6, X4);
    v_op(t, P_OR, X0, X0, X6);
    join_shifts(t, size, m, X6);
}

static void shift_sat_s(struct tr *t, bool round, unsigned size, unsigned n,
                        unsigned m)
{
    counts(t, size, m);
    if (round)
        count_less_one(t, size, X5);
    shift_right_s(t, size, X5, n, X5);
    if (round)
        round_half(t, true, size, X5);
    shift_var(t, P_SLLVD, size, X0, n, X4);
    shift_right_s(t, size, X3, X0, X4);
    v_op(t, p_cmpeq[size], X3, X3, n);
    v_limit(t, size, X4, n, X6);
    v_opi(t, P_BLENDVB, X0, X4, X0, X3 << 4);
    v_not(t, X3, X3, X6);
    join_shifts(t, size, m, X3);
}

#define KERN_SAT_SHIFT(name, f, round) \
    KERN(name)                         \
    {                                  \
        f(t, round, size, n, m);       \
    }
KERN_SAT_SHIFT(uqshl, shift_sat_u, false)
KERN_SAT_SHIFT(uqrshl, shift_sat_u, true)
KERN_SAT_SHIFT(sqshl, shift_sat_s, false)
KERN_SAT_SHIFT(sqrshl, shift_sat_s, true)

#define SHIFT3(NAME, k)                                       \
    EMITTER(NAME##_v, simd_vec(t, i, k_##k, SIMD_SIZE(i), 0)) \
    EMITTER(NAME##_s, simd_scalar_d(t, i, k_##k, 0))
SHIFT3(USHL, ushl)
SHIFT3(SSHL, sshl)
SHIFT3(URSHL, urshl)
SHIFT3(SRSHL, srshl)

#define SAT_SHIFT3(NAME, k)                                            \
    EMITTER(NAME##_v,                                                  \
            simd_vec(t, i, k_##k, SIMD_SIZE(i), KERN_SAT | KERN_WIDE)) \
    EMITTER(NAME##_s, simd_scalar_sat(t, i, k_##k, KERN_WIDE))
SAT_SHIFT3(UQSHL, uqshl)
SAT_SHIFT3(UQRSHL, uqrshl)
SAT_SHIFT3(SQSHL, sqshl)
SAT_SHIFT3(SQRSHL, sqrshl)

#define VS(NAME)                     \
    {OP_##NAME##_v, em_##NAME##_v},  \
    {                                \
        OP_##NAME##_s, em_##NAME##_s \
    }
// clang-format off
const struct jit_emitter jit_simd_var_emitters[] = {
    VS(USHL), VS(SSHL), VS(URSHL), VS(SRSHL),
    VS(UQSHL), VS(UQRSHL), VS(SQSHL), VS(SQRSHL),
    {0, NULL},
};
// clang-format on
