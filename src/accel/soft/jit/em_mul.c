// SPDX-License-Identifier: Apache-2.0
/* Emitters of multiplication and division, as in em_int.c. */

#include "accel/soft/jit/em_int.h"

/* rd = ra + rax, or ra - rax */
static bool accumulate(struct tr *t, const struct insn *i, bool w,
                       bool subtract)
{
    if (subtract) {
        t_get_to(t, w, RCX, i->ra);
        x64_alu_rr(&t->c, w, ALU_SUB, RCX, RAX);
        t_put(t, i->rd, RCX);
        return true;
    }
    if (i->ra != REG_ZERO)
        t_alu(t, w, ALU_ADD, RAX, i->ra);
    t_put(t, i->rd, RAX);
    return true;
}

static bool mul_acc(struct tr *t, const struct insn *i, bool subtract)
{
    bool w = int_is_x(i);

    t_get_to(t, w, RAX, i->rn);
    x64_op_rr(&t->c, w, 0x1af, RAX, t_get(t, i->rm, RCX)); /* imul */
    return accumulate(t, i, w, subtract);
}

static bool em_madd(struct tr *t, const struct insn *i)
{
    return mul_acc(t, i, false);
}

static bool em_msub(struct tr *t, const struct insn *i)
{
    return mul_acc(t, i, true);
}

/* rax = rn * rm of their low halves */
static bool mul_long(struct tr *t, const struct insn *i, bool is_signed,
                     bool subtract)
{
    if (is_signed) {
        x64_op_rr(&t->c, true, 0x63, RAX, t_get(t, i->rn, RAX)); /* movsxd */
        x64_op_rr(&t->c, true, 0x63, RCX, t_get(t, i->rm, RCX));
    } else {
        x64_op_rr(&t->c, false, 0x8b, RAX, t_get(t, i->rn, RAX));
        x64_op_rr(&t->c, false, 0x8b, RCX, t_get(t, i->rm, RCX));
    }
    x64_op_rr(&t->c, true, 0x1af, RAX, RCX);
    return accumulate(t, i, true, subtract);
}

static bool em_smaddl(struct tr *t, const struct insn *i)
{
    return mul_long(t, i, true, false);
}

static bool em_smsubl(struct tr *t, const struct insn *i)
{
    return mul_long(t, i, true, true);
}

static bool em_umaddl(struct tr *t, const struct insn *i)
{
    return mul_long(t, i, false, false);
}

static bool em_umsubl(struct tr *t, const struct insn *i)
{
    return mul_long(t, i, false, true);
}

static bool mul_high(struct tr *t, const struct insn *i, unsigned digit)
{
    unsigned m;

    t_get_to(t, true, RAX, i->rn);
    m = t_get(t, i->rm, RCX);
    x64_f7(&t->c, true, digit, m);
    t_put(t, i->rd, RDX);
    return true;
}

static bool em_umulh(struct tr *t, const struct insn *i)
{
    return mul_high(t, i, 4);
}

static bool em_smulh(struct tr *t, const struct insn *i)
{
    return mul_high(t, i, 5);
}

/* A divisor of zero (or, signed, minus one) is tier 0's business. */
static bool em_udiv(struct tr *t, const struct insn *i)
{
    bool w = int_is_x(i);
    unsigned m = t_get(t, i->rm, RCX);

    x64_test(&t->c, w, m, m);
    t_bail(t, CC_E);
    t_get_to(t, w, RAX, i->rn);
    x64_mov_imm(&t->c, RDX, 0);
    x64_f7(&t->c, w, 6, m);
    t_put(t, i->rd, RAX);
    return true;
}

static bool em_sdiv(struct tr *t, const struct insn *i)
{
    bool w = int_is_x(i);
    unsigned m = t_get(t, i->rm, RCX);

    x64_lea(&t->c, w, RAX, m, 1); /* 0 and -1 become 1 and 0 */
    x64_alu_ri(&t->c, w, ALU_CMP, RAX, 1);
    t_bail(t, CC_BE);
    t_get_to(t, w, RAX, i->rn);
    if (w)
        x64_u8(&t->c, 0x48);
    x64_u8(&t->c, 0x99); /* cdq, cqo */
    x64_f7(&t->c, w, 7, m);
    t_put(t, i->rd, RAX);
    return true;
}

/* clang-format off */
const struct jit_emitter jit_mul_emitters[] = {
    BOTH(MADD, em_madd), BOTH(MSUB, em_msub), {OP_SMADDL, em_smaddl},
    {OP_SMSUBL, em_smsubl}, {OP_UMADDL, em_umaddl}, {OP_UMSUBL, em_umsubl},
    {OP_UMULH, em_umulh}, {OP_SMULH, em_smulh}, BOTH(UDIV, em_udiv),
    BOTH(SDIV, em_sdiv),
    {0, NULL},
};
/* clang-format on */
