// SPDX-License-Identifier: Apache-2.0
/*
 * Estimates: eight bits that the Arm ARM gives a formula for, looked up by the
 * topmost bits of the fraction (est_table). What is no normal number, or makes
 * none, bails; the rest raises no flags, whatever the rounding. Single and half
 * precision work in words, double precision in doublewords.
 */

#include "accel/soft/jit/em_fp_est.h"

#include "accel/soft/jit/em_fp_half.h"
#include "accel/soft/jit/em_fp_lanes.h"
#include "accel/soft/softfp.h"

static struct est_table estimates;

const void *est_table(void)
{
    return &estimates;
}

void est_table_fill(void)
{
    struct fp_env env = {0};

    for (uint32_t n = 0; n < ARRAY_LEN(estimates.recip); n++)
        estimates.recip[n] =
            fp32_recpe(fp_power(false, 0) | n << 15, &env) >> 15 & 0xff;
    for (uint32_t n = 0; n < ARRAY_LEN(estimates.root); n++) {
        estimates.root[n] =
            fp32_rsqrte((uint32_t)fp_power(false, -1) + (n << 15), &env) >> 15 &
            0xff;
        estimates.urecip[n] = fp_urecpe(n << 23);
        estimates.uroot[n] = fp_ursqrte(n << 23);
    }
}

/* A format: log2 of the bytes of the lanes it is worked in, and its own. */
struct format {
    unsigned size, frac, bias;
};
static const struct format half_format = {2, 10, 15};
static const struct format single_format = {2, 23, 127};
static const struct format double_format = {3, 52, 1023};

static uint64_t exponent(const struct format *f, unsigned n)
{
    return (uint64_t)n << f->frac;
}

static void all_lanes(struct tr *t, const struct format *f, unsigned x,
                      uint64_t bits)
{
    fp_all_lanes(t, f->size == 3, x, bits);
}

enum { E_GATHERDD = P6638(0x90), E_GATHERQD = P6638(0x91) };

/* dst = elements of a table by the lanes of index. Clobbers rax, X7. */
static void look_up(struct tr *t, unsigned size, size_t table, unsigned dst,
                    unsigned index)
{
    unsigned vop = size == 3 ? E_GATHERQD : E_GATHERDD;

    x64_load(&t->c, true, RAX, RBP, CPU(est_table));
    v_ones(t, X7);
    v_zero(t, dst);
    x64_vex(&t->c, vop, false, 0, dst, X7, index, RAX);
    x64_modrm_sib(&t->c, dst, RAX, index, 2, (int32_t)table);
    if (size == 3)
        v_op(t, P_MOVZXDQ, dst, 0, dst);
}

/* Bails unless lo <= exponent < lo + count in all lanes of X1; with a sign, if
   `positive`, never. X2 = the exponents, in place. */
static void bail_exponents(struct tr *t, const struct format *f, unsigned lo,
                           unsigned count, bool positive)
{
    uint64_t mask = exponent(f, 2 * f->bias + 1);

    if (positive)
        mask |= exponent(f, 2 * f->bias + 2);
    all_lanes(t, f, X7, mask);
    v_op(t, P_AND, X2, X7, X1);
    all_lanes(t, f, X7, exponent(f, lo));
    v_op(t, p_cmpgt[f->size], X6, X7, X2);
    all_lanes(t, f, X7, exponent(f, lo + count) - 1);
    v_op(t, p_cmpgt[f->size], X7, X2, X7);
    v_op(t, P_OR, X7, X7, X6);
    v_op(t, f->size == 3 ? P_TESTPD : P_TESTPS, X7, 0, X7);
    t_bail(t, CC_NE);
}

/* X3 = the fraction's topmost bits. */
static void take_index(struct tr *t, const struct format *f, unsigned bits)
{
    v_shift(t, SHIFT_SRL, f->size, X3, X1, f->frac - 8);
    all_lanes(t, f, X7, (1u << bits) - 1);
    v_op(t, P_AND, X3, X3, X7);
}

/* X0 = 1/X1, roughly: exponents that add up to twice the bias less one. */
static void recip(struct tr *t, const struct format *f)
{
    unsigned top = 2 * f->bias - 1;

    bail_exponents(t, f, 1, top - 1, false);
    take_index(t, f, 8);
    look_up(t, f->size, offsetof(struct est_table, recip), X0, X3);
    v_shift(t, SHIFT_SLL, f->size, X0, X0, f->frac - 8);
    all_lanes(t, f, X7, exponent(f, top));
    v_op(t, p_sub[f->size], X7, X7, X2);
    v_op(t, P_OR, X0, X0, X7);
    all_lanes(t, f, X7, exponent(f, 2 * f->bias + 2));
    v_op(t, P_AND, X7, X7, X1);
    v_op(t, P_OR, X0, X0, X7);
}

/* X0 = the root of 1/X1: the exponent's lowest bit is a part of the index. */
static void root(struct tr *t, const struct format *f)
{
    bail_exponents(t, f, 1, 2 * f->bias, true);
    take_index(t, f, 9);
    look_up(t, f->size, offsetof(struct est_table, root), X0, X3);
    v_shift(t, SHIFT_SLL, f->size, X0, X0, f->frac - 8);
    all_lanes(t, f, X7, exponent(f, 1));
    v_op(t, p_add[f->size], X2, X2, X7);
    v_shift(t, SHIFT_SRL, f->size, X2, X2, f->frac + 1);
    v_shift(t, SHIFT_SLL, f->size, X2, X2, f->frac);
    all_lanes(t, f, X7, exponent(f, (3 * f->bias - 1) / 2));
    v_op(t, p_sub[f->size], X7, X7, X2);
    v_op(t, P_OR, X0, X0, X7);
}

typedef void estimate_fn(struct tr *t, const struct format *f);

/* Lanes that the arrangement has not get what the lowest has. */
static bool estimate(struct tr *t, const struct insn *i, estimate_fn *fn)
{
    const struct format *f = is_d(i) ? &double_format : &single_format;
    unsigned bits = bits_of(i);

    if (!fp_plain(t))
        return false;
    if (bits == 128)
        t_vload(t, X1, i->rn);
    else
        v_op(t, p_broadcast[bits == 32 ? 2 : 3], X1, 0,
             t_vget_part(t, bits, i->rn));
    fn(t, f);
    trim(t, i, X0);
    return put(t, i, X0);
}

/* Four halves of a part, as words. */
static void estimate_part(struct tr *t, const struct insn *i, estimate_fn *fn,
                          unsigned lanes, unsigned part)
{
    if (lanes == 1)
        v_op(t, P_BROADCASTW, X1, 0, t_vget_part(t, 64, i->rn));
    else
        v_widen(t, false, 1, part, X1, i->rn);
    if (lanes == 1)
        v_op(t, P_MOVZXWD, X1, 0, X1);
    fn(t, &half_format);
    v_op(t, P_PACKUSDW, X0, X0, X0);
}

static bool estimate_half(struct tr *t, const struct insn *i, estimate_fn *fn,
                          unsigned lanes)
{
    if (!half_plain(t))
        return false;
    estimate_part(t, i, fn, lanes, 0);
    if (lanes == 8) {
        v_mov(t, X5, X0);
        estimate_part(t, i, fn, lanes, 1);
        v_op(t, P_UNPCKLQDQ, X0, X5, X0);
        t_vstore(t, i->rd, X0);
        return true;
    }
    v_opi(t, P_SHIFTQ, SHIFTQ_SLLDQ, X0, X0, 16 - 2 * lanes);
    v_opi(t, P_SHIFTQ, SHIFTQ_SRLDQ, X0, X0, 16 - 2 * lanes);
    t_vstore_low(t, 64, i->rd, X0);
    return true;
}

/* Of integers: by nine bits, to whole words. */
static bool estimate_u(struct tr *t, const struct insn *i, size_t table)
{
    if (!simd_ok(t))
        return false;
    v_shift(t, SHIFT_SRL, 2, X1, t_vget(t, i->rn), 23);
    look_up(t, 2, table, X0, X1);
    return v_put(t, i, SIMD_Q(i));
}

/* FRECPX: the exponent inverted, the fraction gone. A number that is not normal
   bails. */
static bool recpx(struct tr *t, const struct insn *i, const struct format *f)
{
    bool d = f->size == 3;
    uint64_t ones = exponent(f, 2 * f->bias + 1);

    if (!fp_plain(t))
        return false;
    if (f == &half_format)
        v_lowest(t, 1, X0, i->rn);
    else
        t_vload_low(t, d ? 64 : 32, X0, i->rn);
    x64_vex_rr(&t->c, V_MOVD_FROM, d, X0, 0, RAX);
    x64_mov_imm(&t->c, RCX, ones);
    x64_mov(&t->c, d, RDX, RAX);
    x64_alu_rr(&t->c, d, ALU_XOR, RAX, RCX);
    x64_alu_rr(&t->c, d, ALU_AND, RDX, RCX);
    t_bail(t, CC_E);
    x64_alu_rr(&t->c, d, ALU_CMP, RDX, RCX);
    t_bail(t, CC_E);
    x64_mov_imm(&t->c, RCX, ones | exponent(f, 2 * f->bias + 2));
    x64_alu_rr(&t->c, d, ALU_AND, RAX, RCX);
    x64_vex_rr(&t->c, V_MOVD_TO, d, X0, 0, RAX);
    t_vstore_low(t, 64, i->rd, X0);
    return true;
}

/*
 * FCVTXN: the nearest single is one unit too large, or not; then whatever is
 * not exact is made odd. X0 = lanes of X1, which are doubles that are zero or
 * whose nearest singles are normal numbers.
 */
static void narrow_odd(struct tr *t)
{
    v_op(t, V_ARITH(FP_PD, V_CVTF2F), X0, 0, X1);
    x64_vex_rr(&t->c, V_ARITH(FP_PS, V_CVTF2F), false, X2, 0, X0);
    fp_abs_mask(t, true, X7);
    v_op(t, P_AND, X3, X7, X1);
    v_op(t, P_AND, X2, X2, X7);
    v_op(t, P_CMPGTQ, X4, X2, X3); /* too large: -1 */
    v_op(t, P_CMPEQQ, X3, X2, X3); /* exact */
    v_opi(t, P_SHUFPS, X4, X4, X4, 0x88);
    v_opi(t, P_SHUFPS, X3, X3, X3, 0x88);
    v_op(t, P_ADDD, X0, X0, X4);
    fp_all_lanes(t, false, X7, 1);
    v_op(t, P_ANDN, X3, X3, X7);
    v_op(t, P_OR, X0, X0, X3);
    v_op(t, V_MOVQ, X0, 0, X0);
}

/* Bails unless lanes of X1 are zero, or from the smallest normal single on to
   below the largest. */
static void bail_not_single(struct tr *t)
{
    fp_abs_mask(t, true, X7);
    v_op(t, P_AND, X7, X7, X1);
    v_zero(t, X6);
    v_op(t, P_CMPEQQ, X6, X6, X7);
    fp_all_lanes(t, true, X5, fp_power(true, -125));
    v_op(t, P_CMPGTQ, X5, X5, X7);
    v_op(t, P_ANDN, X6, X6, X5);
    fp_all_lanes(t, true, X5, fp_power(true, 127));
    v_op(t, P_CMPGTQ, X7, X7, X5);
    v_op(t, P_OR, X6, X6, X7);
    v_op(t, P_TESTPD, X6, 0, X6);
    t_bail(t, CC_NE);
}

static bool cvtxn(struct tr *t, const struct insn *i, unsigned bits)
{
    if (!fp_plain(t))
        return false;
    t_vload_low(t, bits, X1, i->rn);
    bail_not_single(t);
    narrow_odd(t);
    if (SIMD_Q(i) && bits == 128) {
        v_op(t, P_UNPCKLQDQ, X0, t_vget_part(t, 64, i->rd), X0);
        t_vstore(t, i->rd, X0);
    } else {
        t_vstore_low(t, 64, i->rd, X0);
    }
    return true;
}

EMITTER(FRECPE, estimate(t, i, recip))
EMITTER(FRSQRTE, estimate(t, i, root))
EMITTER(FRECPE_1h, estimate_half(t, i, recip, 1))
EMITTER(FRECPE_4h, estimate_half(t, i, recip, 4))
EMITTER(FRECPE_8h, estimate_half(t, i, recip, 8))
EMITTER(FRSQRTE_1h, estimate_half(t, i, root, 1))
EMITTER(FRSQRTE_4h, estimate_half(t, i, root, 4))
EMITTER(FRSQRTE_8h, estimate_half(t, i, root, 8))
EMITTER(URECPE, estimate_u(t, i, offsetof(struct est_table, urecip)))
EMITTER(URSQRTE, estimate_u(t, i, offsetof(struct est_table, uroot)))
EMITTER(FRECPX_1h, recpx(t, i, &half_format))
EMITTER(FRECPX_1s, recpx(t, i, &single_format))
EMITTER(FRECPX_1d, recpx(t, i, &double_format))
EMITTER(FCVTXN_v, cvtxn(t, i, 128))
EMITTER(FCVTXN_1s, cvtxn(t, i, 64))

/* clang-format off */
#define SD(row, emit) \
    {OP_##row##_2s, emit}, {OP_##row##_4s, emit}, {OP_##row##_2d, emit}, \
    {OP_##row##_1s, emit}, {OP_##row##_1d, emit}
const struct jit_emitter jit_fp_est_emitters[] = {
    SD(FRECPE, em_FRECPE), SD(FRSQRTE, em_FRSQRTE),
    HALF_ALL(FRECPE), HALF_ALL(FRSQRTE),
    {OP_URECPE_2s, em_URECPE}, {OP_URECPE_4s, em_URECPE},
    {OP_URSQRTE_2s, em_URSQRTE}, {OP_URSQRTE_4s, em_URSQRTE},
    {OP_FRECPX_1h, em_FRECPX_1h}, {OP_FRECPX_1s, em_FRECPX_1s},
    {OP_FRECPX_1d, em_FRECPX_1d}, {OP_FCVTXN_2s, em_FCVTXN_v},
    {OP_FCVTXN2_4s, em_FCVTXN_v}, {OP_FCVTXN_1s, em_FCVTXN_1s},
    {0, NULL},
};
/* clang-format on */
