// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of loads and stores of SIMD and FP registers but for structures
 * (em_vstruct.c). As in em_mem.c: the address goes to rax, t_tlb makes rdx of
 * it or bails, write-back comes last.
 */

#include "accel/soft/jit/vmem.h"

/* [rdx + disp] to Vn, the rest of it zero; log2 of the bytes. */
void vmem_load(struct tr *t, unsigned n, unsigned log2, int32_t disp)
{
    switch (log2) {
    case 0:
    case 1:
        x64_op_rm(&t->c, false, log2 ? 0x1b7 : 0x1b6, RCX, RDX, disp);
        x64_vex_rr(&t->c, V_MOVD_TO, false, X0, 0, RCX);
        break;
    case 2:
        x64_vex_rm(&t->c, V_MOVSS, false, X0, 0, RDX, disp);
        break;
    case 3:
        x64_vex_rm(&t->c, V_MOVSD, false, X0, 0, RDX, disp);
        break;
    default:
        x64_vex_rm(&t->c, V_MOVUPS, false, X0, 0, RDX, disp);
        break;
    }
    t_vstore(t, n, X0);
}

void vmem_store(struct tr *t, unsigned n, unsigned log2, int32_t disp)
{
    unsigned x = t_vget(t, n);

    switch (log2) {
    case 0:
    case 1:
        x64_vex_rm(&t->c, log2 ? P_EXTRW : P_EXTRB, false, x, 0, RDX, disp);
        x64_u8(&t->c, 0);
        break;
    case 2:
        x64_vex_rm(&t->c, V_MOVSS_ST, false, x, 0, RDX, disp);
        break;
    case 3:
        x64_vex_rm(&t->c, V_MOVSD_ST, false, x, 0, RDX, disp);
        break;
    default:
        x64_vex_rm(&t->c, V_MOVUPS_ST, false, x, 0, RDX, disp);
        break;
    }
}

/* A misaligned SP may fault: tier 0 knows. */
static void check_base(struct tr *t, const struct insn *i)
{
    if (i->rn == REG_SP)
        t_sp_check(t);
}

void vmem_base(struct tr *t, const struct insn *i, int32_t disp)
{
    check_base(t, i);
    x64_lea(&t->c, true, RAX, t_get(t, i->rn, RAX), disp);
}

/* rax = base + offset register, extended and shifted as option and S say. */
static void base_index(struct tr *t, const struct insn *i, unsigned log2)
{
    unsigned option = FIELD(i, 15, 13), by = FIELD(i, 12, 12) ? log2 : 0;
    unsigned index = RCX, base;

    check_base(t, i);
    if (option == 2)
        t_get_to(t, false, RCX, i->rm);
    else if (option == 6)
        x64_op_rr(&t->c, true, 0x63, RCX, t_get(t, i->rm, RCX));
    else if (by == 4)
        t_get_to(t, true, RCX, i->rm);
    else
        index = t_get(t, i->rm, RCX);
    if (by == 4) {
        x64_shift_imm(&t->c, true, SH_SHL, RCX, 4);
        by = 0;
    }
    base = t_get(t, i->rn, RAX);
    x64_lea_sib(&t->c, true, RAX, base, index, by, 0);
}

/* rn = rax + disp */
static void write_back(struct tr *t, const struct insn *i, int32_t disp)
{
    unsigned dst = t_dst(i->rn, RAX);

    if (disp || dst != RAX)
        x64_lea(&t->c, true, dst, RAX, disp);
    t_put(t, i->rn, dst);
}

enum vmode { OFF, POST, PRE, REG };

/* One register, or with `pair` two. */
static bool access_v(struct tr *t, const struct insn *i, unsigned log2,
                     enum vmode mode, bool write, bool pair)
{
    unsigned bytes = 1u << log2;
    void (*move)(struct tr *, unsigned, unsigned, int32_t) =
        write ? vmem_store : vmem_load;

    if (!simd_ok(t))
        return false;
    if (mode == REG)
        base_index(t, i, log2);
    else
        vmem_base(t, i, mode == POST ? 0 : (int32_t)i->imm);
    t_tlb(t, pair ? 2 * bytes : bytes, write);
    move(t, i->rd, log2, 0);
    if (pair)
        move(t, i->ra, log2, (int32_t)bytes);
    if (mode == PRE || mode == POST)
        write_back(t, i, mode == POST ? (int32_t)i->imm : 0);
    return true;
}

#define ONE(NAME, log2, mode, write, pair)                      \
    static bool emit_##NAME(struct tr *t, const struct insn *i) \
    {                                                           \
        return access_v(t, i, log2, mode, write, pair);         \
    }
#define SINGLE(name, log2, write)              \
    ONE(name##_imm, log2, OFF, write, false)   \
    ONE(name##_ur, log2, OFF, write, false)    \
    ONE(name##_post, log2, POST, write, false) \
    ONE(name##_pre, log2, PRE, write, false)   \
    ONE(name##_reg, log2, REG, write, false)
#define PAIR(name, log2, write)               \
    ONE(name##_imm, log2, OFF, write, true)   \
    ONE(name##_np, log2, OFF, write, true)    \
    ONE(name##_post, log2, POST, write, true) \
    ONE(name##_pre, log2, PRE, write, true)
SINGLE(LDR_B, 0, false)
SINGLE(LDR_H, 1, false)
SINGLE(LDR_S, 2, false)
SINGLE(LDR_D, 3, false)
SINGLE(LDR_Q, 4, false)
SINGLE(STR_B, 0, true)
SINGLE(STR_H, 1, true)
SINGLE(STR_S, 2, true)
SINGLE(STR_D, 3, true)
SINGLE(STR_Q, 4, true)
PAIR(LDP_S, 2, false)
PAIR(LDP_D, 3, false)
PAIR(LDP_Q, 4, false)
PAIR(STP_S, 2, true)
PAIR(STP_D, 3, true)
PAIR(STP_Q, 4, true)

/* The immediate counts from the block's start. */
static bool literal(struct tr *t, const struct insn *i, unsigned log2)
{
    if (!simd_ok(t))
        return false;
    t_pc_to(t, RAX, t->start + i->imm);
    t_tlb(t, 1u << log2, false);
    vmem_load(t, i->rd, log2, 0);
    return true;
}

static bool emit_LDR_S_lit(struct tr *t, const struct insn *i)
{
    return literal(t, i, 2);
}

static bool emit_LDR_D_lit(struct tr *t, const struct insn *i)
{
    return literal(t, i, 3);
}

static bool emit_LDR_Q_lit(struct tr *t, const struct insn *i)
{
    return literal(t, i, 4);
}

#define E(NAME)                \
    {                          \
        OP_##NAME, emit_##NAME \
    }
#define P(NAME) E(NAME##_imm), E(NAME##_np), E(NAME##_post), E(NAME##_pre)
// clang-format off
#define ALL(NAME)                                                 \
    E(NAME##_imm), E(NAME##_ur), E(NAME##_post), E(NAME##_pre),   \
    E(NAME##_reg), {OP_##NAME##_uxtw, emit_##NAME##_reg},         \
    {OP_##NAME##_sxtw, emit_##NAME##_reg}
const struct jit_emitter jit_vmem_emitters[] = {
    ALL(LDR_B), ALL(LDR_H), ALL(LDR_S), ALL(LDR_D), ALL(LDR_Q),
    ALL(STR_B), ALL(STR_H), ALL(STR_S), ALL(STR_D), ALL(STR_Q),
    P(LDP_S), P(LDP_D), P(LDP_Q), P(STP_S), P(STP_D), P(STP_Q),
    E(LDR_S_lit), E(LDR_D_lit), E(LDR_Q_lit),
    {0, NULL},
};
// clang-format on
