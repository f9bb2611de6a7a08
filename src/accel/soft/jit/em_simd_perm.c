// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of Advanced SIMD moves: copy, permute, extract, table lookup and
 * modified immediate (Arm ARM C4.1).
 */

#include "accel/soft/jit/jit.h"
#include "accel/soft/jit/simd.h"

/* imm5: the lowest set bit is log2 of the element's bytes, the bits above it
   the index. */
static unsigned copy_size(const struct insn *i)
{
    return (unsigned)__builtin_ctz(FIELD(i, 20, 16));
}

static unsigned copy_index(const struct insn *i)
{
    return FIELD(i, 20, 16) >> (copy_size(i) + 1);
}

static bool em_DUP_elem(struct tr *t, const struct insn *i)
{
    if (!simd_ok(t))
        return false;
    v_broadcast(t, copy_size(i), X0, i->rn, copy_index(i));
    return v_put(t, i, SIMD_Q(i));
}

static bool em_DUP_gen(struct tr *t, const struct insn *i)
{
    unsigned size = copy_size(i);

    if (!simd_ok(t))
        return false;
    if (i->rn == REG_ZERO) {
        v_zero(t, X0);
    } else {
        x64_vex_rr(&t->c, V_MOVD_TO, size == 3, X0, 0, t_get(t, i->rn, RAX));
        v_op(t, p_broadcast[size], X0, 0, X0);
    }
    return v_put(t, i, SIMD_Q(i));
}

/* A general register = the element, zero-extended. */
static void extract(struct tr *t, unsigned dst, unsigned n, unsigned size,
                    unsigned index)
{
    static const uint16_t op[4] = {P_EXTRB, P_EXTRW, P_EXTRD, P_EXTRD};

    if (index == 0 && size >= 2)
        x64_vex_rr(&t->c, V_MOVD_FROM, size == 3, t_vget_part(t, 64, n), 0,
                   dst);
    else
        x64_vex_rri(&t->c, op[size], size == 3, t_vget(t, n), 0, dst, index);
}

/* X0 = the element alone. INSERTPS zeroes what its low four bits name. */
static bool em_DUP_s(struct tr *t, const struct insn *i)
{
    unsigned size = copy_size(i), index = copy_index(i), n;

    if (!simd_ok(t))
        return false;
    if (size < 2) {
        extract(t, RAX, i->rn, size, index);
        x64_vex_rr(&t->c, V_MOVD_TO, false, X0, 0, RAX);
        return v_put(t, i, 1);
    }
    n = t_vget(t, i->rn);
    if (size == 2)
        v_opi(t, V_INSERTPS, X0, n, n, index << 6 | 0xe);
    else
        v_opi(t, P_SHIFTQ, SHIFTQ_SRLDQ, X0, n, 8 * index);
    return v_put(t, i, size == 2);
}

static bool em_umov(struct tr *t, const struct insn *i)
{
    unsigned dst = t_dst(t, i->rd, RAX);

    if (!simd_ok(t))
        return false;
    extract(t, dst, i->rn, copy_size(i), copy_index(i));
    t_put(t, i->rd, dst);
    return t->flags_kept = true;
}

static bool smov(struct tr *t, const struct insn *i, bool w)
{
    static const uint16_t op[3] = {0x1be, 0x1bf, 0x63};
    unsigned dst = t_dst(t, i->rd, RAX);

    if (!simd_ok(t))
        return false;
    extract(t, RAX, i->rn, copy_size(i), copy_index(i));
    x64_op_rr(&t->c, w, op[copy_size(i)], dst, RAX);
    t_put(t, i->rd, dst);
    return t->flags_kept = true;
}

EMITTER(SMOV_w, smov(t, i, false))
EMITTER(SMOV_x, smov(t, i, true))

/* X0 = Vd with a general register as one of its elements. */
static void insert(struct tr *t, const struct insn *i, unsigned size,
                   unsigned reg)
{
    static const uint16_t op[4] = {P_INSRB, P_INSRW, P_INSRD, P_INSRD};

    x64_vex_rri(&t->c, op[size], size == 3, X0, t_vget(t, i->rd), reg,
                copy_index(i));
}

static bool em_INS_gen(struct tr *t, const struct insn *i)
{
    if (!simd_ok(t))
        return false;
    insert(t, i, copy_size(i), t_get(t, i->rn, RAX));
    return v_put(t, i, 1);
}

static bool em_INS_elem(struct tr *t, const struct insn *i)
{
    unsigned size = copy_size(i), to = copy_index(i);
    unsigned from = FIELD(i, 14, 11) >> size, d, n;

    if (!simd_ok(t))
        return false;
    d = t_vget(t, i->rd);
    n = t_vget(t, i->rn);
    if (size < 2) {
        extract(t, RAX, i->rn, size, from);
        insert(t, i, size, RAX);
    } else if (size == 2) {
        v_opi(t, V_INSERTPS, X0, d, n, from << 6 | to << 4);
    } else {
        v_opi(t, P_SHUFPD, X0, to ? d : n, to ? n : d,
              to ? from << 1 : 2 | from);
    }
    return v_put(t, i, 1);
}

/* For operands of 8 bytes PUNPCKL gives ZIP1 in the lower half and ZIP2 in the
   upper. */
static bool zip(struct tr *t, const struct insn *i, unsigned part)
{
    unsigned size = SIMD_SIZE(i), q = SIMD_Q(i);

    if (!simd_ok(t))
        return false;
    v_op(t, (part && q ? p_unpckh : p_unpckl)[size], X0, t_vget(t, i->rn),
         t_vget(t, i->rm));
    if (part && !q)
        v_opi(t, P_SHUFD, X0, 0, X0, 0x4e);
    return v_put(t, i, q);
}

static bool uzp(struct tr *t, const struct insn *i, unsigned part)
{
    unsigned q = SIMD_Q(i), n, m;

    if (!simd_ok(t))
        return false;
    n = t_vget(t, i->rn);
    m = t_vget(t, i->rm);
    if (!q) {
        v_op(t, P_UNPCKLQDQ, X1, n, m);
        n = m = X1;
    }
    v_unzip(t, SIMD_SIZE(i), part, X0, n, m, X4);
    return v_put(t, i, q);
}

/* One operand moves by an element's width, then every second element of each
   is taken. */
static bool trn(struct tr *t, const struct insn *i, unsigned part)
{
    unsigned size = SIMD_SIZE(i), wide = size + 1, n, m;

    if (size == 3)
        return zip(t, i, part);
    if (!simd_ok(t))
        return false;
    n = t_vget(t, i->rn);
    m = t_vget(t, i->rm);
    v_shift(t, part ? SHIFT_SRL : SHIFT_SLL, wide, X1, part ? n : m,
            8u << size);
    if (part)
        n = X1;
    else
        m = X1;
    if (size == 0) {
        v_ones(t, X4);
        v_shift(t, SHIFT_SLL, 1, X4, X4, 8);
        v_opi(t, P_BLENDVB, X0, n, m, X4 << 4);
    } else {
        v_opi(t, size == 1 ? P_BLENDW : P_BLENDD, X0, n, m, 0xaa);
    }
    return v_put(t, i, SIMD_Q(i));
}

#define PERMUTE(NAME, f, part) EMITTER(NAME, f(t, i, part))
PERMUTE(ZIP1, zip, 0)
PERMUTE(ZIP2, zip, 1)
PERMUTE(UZP1, uzp, 0)
PERMUTE(UZP2, uzp, 1)
PERMUTE(TRN1, trn, 0)
PERMUTE(TRN2, trn, 1)

static bool em_EXT(struct tr *t, const struct insn *i)
{
    unsigned from = FIELD(i, 14, 11), q = SIMD_Q(i), n, m;

    if (!simd_ok(t))
        return false;
    n = t_vget(t, i->rn);
    m = t_vget(t, i->rm);
    if (q) {
        v_opi(t, P_ALIGNR, X0, m, n, from);
    } else {
        v_op(t, P_UNPCKLQDQ, X0, n, m);
        v_opi(t, P_SHIFTQ, SHIFTQ_SRLDQ, X0, X0, from);
    }
    return v_put(t, i, q);
}

/* X0 |= table register r looked up: its indices come down to 0..15, and adding
   0x70 gives all others the top bit, for which PSHUFB makes zero. X1 holds the
   indices, m, less 16 * r. */
static void look_up(struct tr *t, const struct insn *i, unsigned r, unsigned m)
{
    if (r)
        v_opk(t, P_SUBB, X1, r == 1 ? m : X1, K_BYTE_10);
    v_opk(t, P_ADDUSB, X4, r ? X1 : m, K_BYTE_70);
    v_op(t, P_SHUFB, r ? X5 : X0, t_vget(t, (i->rn + r) & 31), X4);
    if (r)
        v_op(t, P_OR, X0, X0, X5);
}

static void table(struct tr *t, const struct insn *i)
{
    unsigned m = t_vget(t, i->rm);

    for (unsigned r = 0; r <= FIELD(i, 14, 13); r++)
        look_up(t, i, r, m);
}

static bool em_TBL(struct tr *t, const struct insn *i)
{
    if (!simd_ok(t))
        return false;
    table(t, i);
    return v_put(t, i, SIMD_Q(i));
}

static bool em_TBX(struct tr *t, const struct insn *i)
{
    unsigned m;

    if (!simd_ok(t))
        return false;
    table(t, i);
    m = t_vget(t, i->rm);
    v_opk(t, P_MINUB, X4, m, K_TABLE_END + FIELD(i, 14, 13));
    v_op(t, P_CMPEQB, X4, X4, m); /* within */
    v_opi(t, P_BLENDVB, X0, t_vget(t, i->rd), X0, X4 << 4);
    return v_put(t, i, SIMD_Q(i));
}

/* x = imm in both halves. */
static void load_imm(struct tr *t, unsigned x, uint64_t imm)
{
    if (imm == 0) {
        v_zero(t, x);
    } else if (imm == UINT64_MAX) {
        v_ones(t, x);
    } else {
        bool w = imm >> 32 != (uint32_t)imm;

        x64_mov_imm(&t->c, RAX, w ? imm : (uint32_t)imm);
        x64_vex_rr(&t->c, V_MOVD_TO, w, x, 0, RAX);
        v_op(t, w ? P_BROADCASTQ : P_BROADCASTD, x, 0, x);
    }
}

static bool em_movi(struct tr *t, const struct insn *i)
{
    unsigned q = SIMD_Q(i);

    if (!simd_ok(t))
        return false;
    load_imm(t, X0, i->imm);
    return v_put(t, i, q || i->imm == 0);
}

static bool logic_imm(struct tr *t, const struct insn *i, unsigned vop)
{
    if (!simd_ok(t))
        return false;
    load_imm(t, X0, i->imm);
    v_op(t, vop, X0, t_vget(t, i->rd), X0);
    return v_put(t, i, SIMD_Q(i));
}

static bool em_orr_imm(struct tr *t, const struct insn *i)
{
    return logic_imm(t, i, P_OR);
}

/* The record's immediate is inverted already. */
static bool em_bic_imm(struct tr *t, const struct insn *i)
{
    return logic_imm(t, i, P_AND);
}

#define E(NAME) EMITTER_ROW(NAME)
// clang-format off
const struct jit_emitter jit_simd_perm_emitters[] = {
    E(DUP_elem), E(DUP_gen), E(DUP_s), E(SMOV_w), E(SMOV_x), E(INS_gen),
    E(INS_elem), E(ZIP1), E(ZIP2), E(UZP1), E(UZP2), E(TRN1), E(TRN2), E(EXT),
    E(TBL), E(TBX),
    {OP_UMOV_w, em_umov}, {OP_UMOV_x, em_umov},
    {OP_MOVI_8, em_movi}, {OP_MOVI_16, em_movi}, {OP_MOVI_32, em_movi},
    {OP_MOVI_64, em_movi}, {OP_MOVI_msl, em_movi},
    {OP_MVNI_16, em_movi}, {OP_MVNI_32, em_movi},
    {OP_MVNI_msl, em_movi},
    {OP_ORR_imm_16, em_orr_imm}, {OP_ORR_imm_32, em_orr_imm},
    {OP_BIC_imm_16, em_bic_imm}, {OP_BIC_imm_32, em_bic_imm},
    {0, NULL},
};
// clang-format on
