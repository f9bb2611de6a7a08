// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of integer data processing. Results are made in the destination's
 * own register when it has one and no operand is still needed from it, else in
 * rax. 32-bit operations zero the upper half by themselves.
 */

#include "accel/soft/jit/em_int.h"

/* A register to make rd in that is not where `other` lives. */
static unsigned dst_not(const struct tr *t, const struct insn *i,
                        unsigned other)
{
    unsigned dst = t_dst(t, i->rd, RAX);

    return t_pinned(t, other) == (int)dst ? RAX : dst;
}

static bool fits_i32(uint64_t v)
{
    return (int64_t)v >= INT32_MIN && (int64_t)v <= INT32_MAX;
}

/* PC-relative and constants */

static bool em_adr(struct tr *t, const struct insn *i)
{
    unsigned dst = t_dst(t, i->rd, RAX);

    t_pc_to(t, dst, t_target(t));
    t_put(t, i->rd, dst);
    t->flags_kept = true;
    return true;
}

static bool em_adrp(struct tr *t, const struct insn *i)
{
    unsigned dst = t_dst(t, i->rd, RAX);

    t_pc_to(t, dst, trace_page((int32_t)t_off(t)) + (int64_t)i->imm);
    t_put(t, i->rd, dst);
    t->flags_kept = true;
    return true;
}

static bool em_mov_const(struct tr *t, const struct insn *i)
{
    t->flags_kept = true;
    if (i->rd == REG_SINK)
        return true;
    if (t_pinned(t, i->rd) >= 0) {
        x64_mov_imm(&t->c, (unsigned)t_pinned(t, i->rd), i->imm);
    } else if (fits_i32(i->imm)) {
        x64_store_imm(&t->c, true, RBP, CPU_X(i->rd), (int32_t)i->imm);
    } else {
        x64_mov_imm(&t->c, RAX, i->imm);
        t_put(t, i->rd, RAX);
    }
    return true;
}

static bool em_movk(struct tr *t, const struct insn *i)
{
    unsigned shift = 16 * FIELD(i, 22, 21);
    unsigned dst = t_dst(t, i->rd, RAX);

    t_get_to(t, int_is_x(i), dst, i->rd == REG_SINK ? REG_ZERO : i->rd);
    if (shift == 0) {
        x64_u8(&t->c, 0x66); /* mov r16, imm16 */
        x64_rex(&t->c, false, 0, 0, dst, false);
        x64_u8(&t->c, 0xb8 | (dst & 7));
        x64_u16(&t->c, (unsigned)i->imm);
    } else {
        x64_mov_imm(&t->c, RCX, ~(0xffffull << shift));
        x64_alu_rr(&t->c, int_is_x(i), ALU_AND, dst, RCX);
        x64_mov_imm(&t->c, RCX, i->imm);
        x64_alu_rr(&t->c, int_is_x(i), ALU_OR, dst, RCX);
    }
    t_put(t, i->rd, dst);
    return true;
}

/* Add, subtract and logic with an immediate. `set`: 0 no flags, 1 the carry is
   as on the Arm, 2 inverted. */
static bool alu_imm(struct tr *t, const struct insn *i, enum x64_alu op,
                    uint64_t imm, unsigned set)
{
    bool w = int_is_x(i);
    unsigned dst = t_dst(t, i->rd, RAX);

    if (set && i->rd == REG_SINK && op == ALU_SUB && fits_i32(imm)) {
        x64_alu_ri(&t->c, w, ALU_CMP, t_get(t, i->rn, RAX), (int32_t)imm);
        t_flags_set(t, true);
        return true;
    }
    if (set && i->rd == REG_SINK && op == ALU_AND && fits_i32(imm)) {
        unsigned a = t_get(t, i->rn, RAX);

        x64_op_rr(&t->c, w, 0xf7, 0, a); /* test a, imm */
        x64_u32(&t->c, (uint32_t)imm);
        t_flags_set(t, false);
        return true;
    }
    if (!set && op == ALU_ADD && fits_i32(imm) && i->rn != REG_ZERO) {
        x64_lea(&t->c, w, dst, t_get(t, i->rn, RAX), (int32_t)imm);
        t_put(t, i->rd, dst);
        t->flags_kept = true;
        return true;
    }
    t_get_to(t, w, dst, i->rn);
    if (fits_i32(imm) || (!w && imm <= UINT32_MAX)) {
        x64_alu_ri(&t->c, w, op, dst, (int32_t)imm);
    } else {
        x64_mov_imm(&t->c, RCX, imm);
        x64_alu_rr(&t->c, w, op, dst, RCX);
    }
    t_put(t, i->rd, dst);
    if (set)
        t_flags_set(t, set == 2);
    return true;
}

static bool em_add_imm(struct tr *t, const struct insn *i)
{
    return alu_imm(t, i, ALU_ADD, i->imm, 0);
}

/* lea with the negative keeps flags and source apart */
static bool em_sub_imm(struct tr *t, const struct insn *i)
{
    return alu_imm(t, i, ALU_ADD, -i->imm, 0);
}

/* To subtract the negative sets the same flags, but for 0, and carry is then
   the borrow that is kept. */
static bool em_adds_imm(struct tr *t, const struct insn *i)
{
    return i->imm ? alu_imm(t, i, ALU_SUB, -i->imm, 2)
                  : alu_imm(t, i, ALU_ADD, 0, 1);
}

static bool em_subs_imm(struct tr *t, const struct insn *i)
{
    return alu_imm(t, i, ALU_SUB, i->imm, 2);
}

static bool em_and_imm(struct tr *t, const struct insn *i)
{
    return alu_imm(t, i, ALU_AND, i->imm, 0);
}

static bool em_orr_imm(struct tr *t, const struct insn *i)
{
    if (i->rn == REG_ZERO)
        return i->rd == REG_SP ? alu_imm(t, i, ALU_OR, i->imm, 0)
                               : em_mov_const(t, i);
    return alu_imm(t, i, ALU_OR, i->imm, 0);
}

static bool em_eor_imm(struct tr *t, const struct insn *i)
{
    return alu_imm(t, i, ALU_XOR, i->imm, 0);
}

static bool em_ands_imm(struct tr *t, const struct insn *i)
{
    return alu_imm(t, i, ALU_AND, i->imm, 1);
}

/* With a second register, shifted or extended into rcx when it is not plain. */

void int_rotate(struct tr *t, bool w, unsigned dst, unsigned g, unsigned n)
{
    if (!(t->features & JIT_BMI) || g == REG_ZERO) {
        t_get_to(t, w, dst, g);
        x64_shift_imm(&t->c, w, SH_ROR, dst, n);
        return;
    }
    if (t_pinned(t, g) >= 0)
        x64_vex_rr(&t->c, V_RORX, w, dst, 0, (unsigned)t_pinned(t, g));
    else
        x64_vex_rm(&t->c, V_RORX, w, dst, 0, RBP, CPU_X(g));
    x64_u8(&t->c, n);
}

/* rcx = rm, shifted by the instruction's type and amount. */
static void shifted_to_rcx(struct tr *t, const struct insn *i)
{
    static const uint8_t ops[] = {SH_SHL, SH_SHR, SH_SAR, SH_ROR};
    unsigned n = FIELD(i, 15, 10);

    if (n && FIELD(i, 23, 22) == 3) {
        int_rotate(t, int_is_x(i), RCX, i->rm, n);
        return;
    }
    t_get_to(t, int_is_x(i), RCX, i->rm);
    if (n)
        x64_shift_imm(&t->c, int_is_x(i), ops[FIELD(i, 23, 22)], RCX, n);
}

static void extended_to_rcx(struct tr *t, const struct insn *i, bool shift_too)
{
    static const uint16_t ops[] = {0x1b6, 0x1b7, 0x8b, 0x8b,
                                   0x1be, 0x1bf, 0x63, 0x8b};
    unsigned option = FIELD(i, 15, 13), shift = FIELD(i, 12, 10);
    bool wide = option == 3 || option >= 4; /* a 64-bit result */
    unsigned src = t_get(t, i->rm, RCX);
    unsigned op = ops[option];

    x64_rex(&t->c, wide, RCX, 0, src, op == 0x1b6 || op == 0x1be);
    x64_opcode(&t->c, op);
    x64_modrm_reg(&t->c, RCX, src);
    if (shift && shift_too)
        x64_shift_imm(&t->c, true, SH_SHL, RCX, shift);
}

/* rd = rn + index << n, by one LEA. */
static bool add_scaled(struct tr *t, const struct insn *i, unsigned index,
                       unsigned n)
{
    unsigned dst = t_dst(t, i->rd, RAX);

    x64_lea_sib(&t->c, int_is_x(i), dst, t_get(t, i->rn, RAX), index, n, 0);
    t_put(t, i->rd, dst);
    t->flags_kept = true;
    return true;
}

/* Begins rd = rn op something in rcx: rn is taken before that, where it does
   not replace it. */
static unsigned first_operand(struct tr *t, const struct insn *i)
{
    unsigned dst = t_dst(t, i->rd, RAX);

    if (dst == RAX)
        t_get_to(t, int_is_x(i), dst, i->rn);
    return dst;
}

/* rd = rn op rcx, begun by first_operand */
static bool alu_rcx(struct tr *t, const struct insn *i, unsigned dst,
                    enum x64_alu op, unsigned set)
{
    bool w = int_is_x(i);

    if (dst != RAX)
        t_get_to(t, w, dst, i->rn);
    x64_alu_rr(&t->c, w, op, dst, RCX);
    t_put(t, i->rd, dst);
    if (set)
        t_flags_set(t, set == 2);
    return true;
}

/* rd = rn & ~rcx, with BMI */
static bool and_not_rcx(struct tr *t, const struct insn *i, unsigned set)
{
    bool w = int_is_x(i);
    unsigned dst = t_dst(t, i->rd, RAX);

    if (i->rn == REG_ZERO || t_pinned(t, i->rn) >= 0)
        x64_vex_rr(&t->c, V_GANDN, w, dst, RCX, t_get(t, i->rn, RAX));
    else
        x64_vex_rm(&t->c, V_GANDN, w, dst, RCX, RBP, CPU_X(i->rn));
    t_put(t, i->rd, dst);
    if (set)
        t_flags_set(t, false);
    return true;
}

/* rd = rn op rm, rm as it is */
static bool alu_plain(struct tr *t, const struct insn *i, enum x64_alu op,
                      unsigned set)
{
    bool w = int_is_x(i);
    unsigned dst;

    if (!set && op == ALU_ADD && i->rn != REG_ZERO && i->rm != REG_ZERO) {
        dst = t_dst(t, i->rd, RAX);
        x64_lea_sib(&t->c, w, dst, t_get(t, i->rn, RAX), t_get(t, i->rm, RCX),
                    0, 0);
        t_put(t, i->rd, dst);
        t->flags_kept = true;
        return true;
    }
    if (set && i->rd == REG_SINK && (op == ALU_SUB || op == ALU_AND)) {
        unsigned a = t_get(t, i->rn, RAX);

        if (op == ALU_SUB)
            t_alu(t, w, ALU_CMP, a, i->rm);
        else
            x64_test(&t->c, w, a, t_get(t, i->rm, RCX));
        t_flags_set(t, set == 2);
        return true;
    }
    if (i->rd == i->rm && op != ALU_SUB && t_pinned(t, i->rd) >= 0) {
        dst = (unsigned)t_pinned(t, i->rd);
        t_alu(t, w, op, dst, i->rn);
    } else {
        dst = dst_not(t, i, i->rm);
        t_get_to(t, w, dst, i->rn);
        t_alu(t, w, op, dst, i->rm);
    }
    t_put(t, i->rd, dst);
    if (set)
        t_flags_set(t, set == 2);
    return true;
}

static bool mov_reg(struct tr *t, const struct insn *i)
{
    unsigned dst = t_dst(t, i->rd, RAX);

    t->flags_kept = true;
    t_get_to(t, int_is_x(i), dst, i->rm);
    t_put(t, i->rd, dst);
    return true;
}

/* Shifted registers; `invert` for BIC, ORN, EON. */
static bool alu_shift(struct tr *t, const struct insn *i, enum x64_alu op,
                      bool invert, unsigned set)
{
    unsigned dst;

    if (op == ALU_OR && !invert && i->rn == REG_ZERO && !FIELD(i, 15, 10))
        return mov_reg(t, i);
    if (!invert && !FIELD(i, 15, 10))
        return alu_plain(t, i, op, set);
    if (op == ALU_ADD && !set && i->rn != REG_ZERO && i->rm != REG_ZERO &&
        FIELD(i, 23, 22) == 0 && FIELD(i, 15, 10) <= 3)
        return add_scaled(t, i, t_get(t, i->rm, RCX), FIELD(i, 15, 10));
    if (invert && op == ALU_AND && t->features & JIT_BMI) {
        shifted_to_rcx(t, i);
        return and_not_rcx(t, i, set);
    }
    dst = first_operand(t, i);
    shifted_to_rcx(t, i);
    if (invert)
        x64_f7(&t->c, int_is_x(i), 2, RCX);
    return alu_rcx(t, i, dst, op, set);
}

#define SHIFT_EMITTER(name, op, invert, set)                  \
    static bool em_##name(struct tr *t, const struct insn *i) \
    {                                                         \
        return alu_shift(t, i, op, invert, set);              \
    }
SHIFT_EMITTER(add_shift, ALU_ADD, false, 0)
SHIFT_EMITTER(sub_shift, ALU_SUB, false, 0)
SHIFT_EMITTER(adds_shift, ALU_ADD, false, 1)
SHIFT_EMITTER(subs_shift, ALU_SUB, false, 2)
SHIFT_EMITTER(and_shift, ALU_AND, false, 0)
SHIFT_EMITTER(bic_shift, ALU_AND, true, 0)
SHIFT_EMITTER(orr_shift, ALU_OR, false, 0)
SHIFT_EMITTER(orn_shift, ALU_OR, true, 0)
SHIFT_EMITTER(eor_shift, ALU_XOR, false, 0)
SHIFT_EMITTER(eon_shift, ALU_XOR, true, 0)
SHIFT_EMITTER(ands_shift, ALU_AND, false, 1)
SHIFT_EMITTER(bics_shift, ALU_AND, true, 1)

#define EXT_EMITTER(name, op, set)                            \
    static bool em_##name(struct tr *t, const struct insn *i) \
    {                                                         \
        unsigned dst = first_operand(t, i);                   \
                                                              \
        extended_to_rcx(t, i, true);                          \
        return alu_rcx(t, i, dst, op, set);                   \
    }
EXT_EMITTER(sub_ext, ALU_SUB, 0)
EXT_EMITTER(adds_ext, ALU_ADD, 1)
EXT_EMITTER(subs_ext, ALU_SUB, 2)

static bool em_add_ext(struct tr *t, const struct insn *i)
{
    unsigned shift = FIELD(i, 12, 10), dst;

    if (shift <= 3) {
        extended_to_rcx(t, i, false);
        return add_scaled(t, i, RCX, shift);
    }
    dst = first_operand(t, i);
    extended_to_rcx(t, i, true);
    return alu_rcx(t, i, dst, ALU_ADD, 0);
}

/* CF = C, or its inverse for SBB. */
static void carry_in(struct tr *t, bool inverted)
{
    if (t->flags_live) { /* the inverse is there */
        if (!inverted)
            x64_u8(&t->c, 0xf5);
        return;
    }
    x64_op_rm(&t->c, false, 0x1b6, RAX, RBP, CPU(hflags) + 1);
    x64_shift_imm(&t->c, false, SH_SHR, RAX, 1); /* bit 0 into CF */
    if (!inverted)
        x64_u8(&t->c, 0xf5);
}

static bool alu_carry(struct tr *t, const struct insn *i, enum x64_alu op,
                      unsigned set)
{
    bool w = int_is_x(i);

    carry_in(t, op == ALU_SBB);
    t_get_to(t, w, RAX, i->rn);
    t_alu(t, w, op, RAX, i->rm);
    t_put(t, i->rd, RAX);
    if (set)
        t_flags_set(t, set == 2);
    return true;
}

static bool em_adc(struct tr *t, const struct insn *i)
{
    return alu_carry(t, i, ALU_ADC, 0);
}

static bool em_sbc(struct tr *t, const struct insn *i)
{
    return alu_carry(t, i, ALU_SBB, 0);
}

static bool em_adcs(struct tr *t, const struct insn *i)
{
    return alu_carry(t, i, ALU_ADC, 1);
}

static bool em_sbcs(struct tr *t, const struct insn *i)
{
    return alu_carry(t, i, ALU_SBB, 2);
}

/* A compare under a condition. On the other way the cold part loads the host's
   flags, and both ways meet with NZCV in them. */
static bool cond_compare(struct tr *t, const struct insn *i, bool is_cmp,
                         bool has_imm)
{
    bool w = int_is_x(i);
    unsigned cond = FIELD(i, 15, 12), imm = FIELD(i, 20, 16);
    unsigned a;

    if (cond < 14)
        t_flags_const(t, t_cond(t, cond) ^ 1, FIELD(i, 3, 0));
    if (is_cmp) {
        a = t_get(t, i->rn, RAX);
        if (has_imm)
            x64_alu_ri(&t->c, w, ALU_CMP, a, (int32_t)imm);
        else
            t_alu(t, w, ALU_CMP, a, i->rm);
    } else {
        t_get_to(t, w, RAX, i->rn);
        if (has_imm)
            x64_alu_ri(&t->c, w, ALU_ADD, RAX, (int32_t)imm);
        else
            t_alu(t, w, ALU_ADD, RAX, i->rm);
        x64_u8(&t->c, 0xf5); /* cmc */
    }
    t_flags_const_here(t);
    t->put_end = NULL; /* two ways meet */
    t_flags_set(t, true);
    return true;
}

static bool em_ccmp_reg(struct tr *t, const struct insn *i)
{
    return cond_compare(t, i, true, false);
}

static bool em_ccmp_imm(struct tr *t, const struct insn *i)
{
    return cond_compare(t, i, true, true);
}

static bool em_ccmn_reg(struct tr *t, const struct insn *i)
{
    return cond_compare(t, i, false, false);
}

static bool em_ccmn_imm(struct tr *t, const struct insn *i)
{
    return cond_compare(t, i, false, true);
}

/* CSET and CSETM: 0 if cc, else 1 or -1. */
static bool cond_set(struct tr *t, const struct insn *i, enum x64_cc cc,
                     bool minus)
{
    unsigned dst = t_dst(t, i->rd, RAX);

    x64_setcc(&t->c, minus ? cc : cc ^ 1, RAX);
    x64_op_rr(&t->c, false, 0x1b6, dst, RAX); /* movzx */
    if (minus)
        x64_lea(&t->c, int_is_x(i), dst, dst, -1);
    t_put(t, i->rd, dst);
    return true;
}

/* rcx = what is chosen when the condition fails; moves only, so that the
   host's flags live on. NOT keeps them; NEG and INC are done by lea. */
static bool cond_select(struct tr *t, const struct insn *i, bool invert,
                        bool plus_one)
{
    bool w = int_is_x(i);
    unsigned cond = FIELD(i, 15, 12);
    enum x64_cc cc;

    if (cond >= 14) {
        t_get_to(t, w, RAX, i->rn);
        t_put(t, i->rd, RAX);
        return t->flags_kept = true;
    }
    cc = t_cond(t, cond);
    t->flags_kept = t->flags_live;
    if (i->rn == REG_ZERO && i->rm == REG_ZERO && invert != plus_one)
        return cond_set(t, i, cc, invert);
    t_get_to(t, w, RCX, i->rm);
    if (invert)
        x64_f7(&t->c, w, 2, RCX); /* NOT */
    if (plus_one)
        x64_lea(&t->c, w, RCX, RCX, 1);
    if (i->rn == REG_ZERO) {
        x64_mov_imm(&t->c, RAX, 0);
        x64_cmov(&t->c, w, cc, RCX, RAX);
    } else if (t_pinned(t, i->rn) >= 0) {
        x64_cmov(&t->c, w, cc, RCX, (unsigned)t_pinned(t, i->rn));
    } else {
        x64_op_rm(&t->c, w, 0x140 | cc, RCX, RBP, CPU_X(i->rn));
    }
    t_put(t, i->rd, RCX);
    return true;
}

static bool em_csel(struct tr *t, const struct insn *i)
{
    return cond_select(t, i, false, false);
}

static bool em_csinc(struct tr *t, const struct insn *i)
{
    return cond_select(t, i, false, true);
}

static bool em_csinv(struct tr *t, const struct insn *i)
{
    return cond_select(t, i, true, false);
}

static bool em_csneg(struct tr *t, const struct insn *i)
{
    return cond_select(t, i, true, true);
}

/* clang-format off */
#define BOTH_SHIFT(name, fn) BOTH(name##_lsl, fn), BOTH(name##_shift, fn)
const struct jit_emitter jit_int_emitters[] = {
    {OP_ADR, em_adr}, {OP_ADRP, em_adrp}, BOTH(MOVZ, em_mov_const),
    BOTH(MOVN, em_mov_const), BOTH(MOVK, em_movk), BOTH(ADD_imm, em_add_imm),
    BOTH(SUB_imm, em_sub_imm), BOTH(ADDS_imm, em_adds_imm),
    BOTH(SUBS_imm, em_subs_imm), BOTH(AND_imm, em_and_imm),
    BOTH(ORR_imm, em_orr_imm), BOTH(EOR_imm, em_eor_imm),
    BOTH(ANDS_imm, em_ands_imm), BOTH_SHIFT(ADD, em_add_shift),
    BOTH_SHIFT(SUB, em_sub_shift), BOTH_SHIFT(ADDS, em_adds_shift),
    BOTH_SHIFT(SUBS, em_subs_shift), BOTH_SHIFT(AND, em_and_shift),
    BOTH_SHIFT(BIC, em_bic_shift), BOTH_SHIFT(ORR, em_orr_shift),
    BOTH_SHIFT(ORN, em_orn_shift), BOTH_SHIFT(EOR, em_eor_shift),
    BOTH_SHIFT(EON, em_eon_shift), BOTH_SHIFT(ANDS, em_ands_shift),
    BOTH_SHIFT(BICS, em_bics_shift), BOTH(ADD_ext, em_add_ext),
    BOTH(SUB_ext, em_sub_ext), BOTH(ADDS_ext, em_adds_ext),
    BOTH(SUBS_ext, em_subs_ext), BOTH(ADC, em_adc), BOTH(SBC, em_sbc),
    BOTH(ADCS, em_adcs), BOTH(SBCS, em_sbcs), BOTH(CCMP_reg, em_ccmp_reg),
    BOTH(CCMP_imm, em_ccmp_imm), BOTH(CCMN_reg, em_ccmn_reg),
    BOTH(CCMN_imm, em_ccmn_imm), BOTH(CSEL, em_csel), BOTH(CSINC, em_csinc),
    BOTH(CSINV, em_csinv), BOTH(CSNEG, em_csneg),
    {0, NULL},
};
/* clang-format on */
