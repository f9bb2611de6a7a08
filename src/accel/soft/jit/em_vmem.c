// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of loads and stores of SIMD and FP registers but for structures
 * (em_vstruct.c). As in em_mem.c, write-back comes last.
 */

#include "accel/soft/jit/vmem.h"

#include "accel/soft/jit/tr_group.h"

/* An instruction between xmm and memory: at va + rdx + disp, or with no va at
   rdx + disp. */
enum { NO_VA = RSP };

static void vex_at(struct tr *t, unsigned vop, unsigned xmm, unsigned va,
                   int32_t disp)
{
    if (va == NO_VA)
        x64_vex_rm(&t->c, vop, false, xmm, 0, RDX, disp);
    else
        x64_vex_sib(&t->c, vop, false, xmm, 0, va, RDX, disp);
}

static void load_at(struct tr *t, unsigned n, unsigned log2, unsigned va,
                    int32_t disp)
{
    static const unsigned ops[] = {0x1b6, 0x1b7, V_MOVSS, V_MOVSD, V_MOVUPS};

    if (log2 >= 2) {
        vex_at(t, ops[log2], X0, va, disp);
    } else {
        if (va == NO_VA)
            x64_op_rm(&t->c, false, ops[log2], RCX, RDX, disp);
        else
            x64_op_sib(&t->c, false, ops[log2], RCX, va, RDX, 0, disp);
        x64_vex_rr(&t->c, V_MOVD_TO, false, X0, 0, RCX);
    }
    t_vstore(t, n, X0);
}

static void store_at(struct tr *t, unsigned n, unsigned log2, unsigned va,
                     int32_t disp)
{
    static const unsigned ops[] = {P_EXTRB, P_EXTRW, V_MOVSS_ST, V_MOVSD_ST,
                                   V_MOVUPS_ST};

    vex_at(t, ops[log2], t_vget(t, n), va, disp);
    if (log2 < 2)
        x64_u8(&t->c, 0); /* the lane */
}

void vmem_load(struct tr *t, unsigned n, unsigned log2, int32_t disp)
{
    load_at(t, n, log2, NO_VA, disp);
}

void vmem_store(struct tr *t, unsigned n, unsigned log2, int32_t disp)
{
    store_at(t, n, log2, NO_VA, disp);
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

enum vmode { OFF, POST, PRE, REG };

static struct t_place place(struct tr *t, const struct insn *i, unsigned log2,
                            enum vmode mode, bool write, bool pair)
{
    unsigned bytes = (pair ? 2u : 1u) << log2;

    if (mode != REG) {
        t->sp_kept = mode == OFF || !(i->imm & 15);
        return t_place(t, i, mode == POST ? 0 : (int32_t)i->imm, bytes, write);
    }
    base_index(t, i, log2);
    t_tlb_add(t, RAX, bytes, write);
    return (struct t_place){.va = RAX};
}

/* One register, or with `pair` two. */
static bool access_v(struct tr *t, const struct insn *i, unsigned log2,
                     enum vmode mode, bool write, bool pair)
{
    void (*move)(struct tr *, unsigned, unsigned, unsigned, int32_t) =
        write ? store_at : load_at;
    struct t_place p;

    if (!simd_ok(t))
        return false;
    p = place(t, i, log2, mode, write, pair);
    move(t, i->rd, log2, p.va, p.disp);
    if (pair)
        move(t, i->ra, log2, p.va, p.disp + (1 << log2));
    if (mode == PRE || mode == POST)
        t_write_back(t, i, &p, (int32_t)i->imm);
    return true;
}

#define ONE(NAME, log2, mode, write, pair) \
    EMITTER(NAME, access_v(t, i, log2, mode, write, pair))
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
    t_pc_to(t, RAX, t_target(t));
    t_tlb(t, 1u << log2, false);
    vmem_load(t, i->rd, log2, 0);
    return true;
}

EMITTER(LDR_S_lit, literal(t, i, 2))
EMITTER(LDR_D_lit, literal(t, i, 3))
EMITTER(LDR_Q_lit, literal(t, i, 4))

#define E(NAME) EMITTER_ROW(NAME)
#define P(NAME) E(NAME##_imm), E(NAME##_np), E(NAME##_post), E(NAME##_pre)
// clang-format off
#define ALL(NAME)                                                 \
    E(NAME##_imm), E(NAME##_ur), E(NAME##_post), E(NAME##_pre),   \
    E(NAME##_reg), {OP_##NAME##_uxtw, em_##NAME##_reg},         \
    {OP_##NAME##_sxtw, em_##NAME##_reg}
const struct jit_emitter jit_vmem_emitters[] = {
    ALL(LDR_B), ALL(LDR_H), ALL(LDR_S), ALL(LDR_D), ALL(LDR_Q),
    ALL(STR_B), ALL(STR_H), ALL(STR_S), ALL(STR_D), ALL(STR_Q),
    P(LDP_S), P(LDP_D), P(LDP_Q), P(STP_S), P(STP_D), P(STP_Q),
    E(LDR_S_lit), E(LDR_D_lit), E(LDR_Q_lit),
    {0, NULL},
};

#define INDEXED(NAME) OP_##NAME##_reg, OP_##NAME##_uxtw, OP_##NAME##_sxtw
const uint16_t jit_vmem_indexed[] = {
    INDEXED(LDR_S), INDEXED(LDR_D), INDEXED(LDR_Q), INDEXED(STR_S),
    INDEXED(STR_D), INDEXED(STR_Q), 0,
};

#define A1(NAME, bytes, write)                                \
    {OP_##NAME##_imm, bytes, T_OFF, write, false, true, false},      \
    {OP_##NAME##_ur, bytes, T_OFF, write, false, true, false},       \
    {OP_##NAME##_post, bytes, T_POST, write, false, true, false},    \
    {OP_##NAME##_pre, bytes, T_PRE, write, false, true, false}
#define A2(NAME, bytes, write)                                \
    {OP_##NAME##_imm, bytes, T_OFF, write, true, true, false},       \
    {OP_##NAME##_np, bytes, T_OFF, write, true, true, false},        \
    {OP_##NAME##_post, bytes, T_POST, write, true, true, false},     \
    {OP_##NAME##_pre, bytes, T_PRE, write, true, true, false}
const struct t_access jit_vmem_accesses[] = {
    A1(LDR_S, 4, false), A1(LDR_D, 8, false), A1(LDR_Q, 16, false),
    A1(STR_S, 4, true), A1(STR_D, 8, true), A1(STR_Q, 16, true),
    A2(LDP_S, 8, false), A2(LDP_D, 16, false), A2(LDP_Q, 32, false),
    A2(STP_S, 8, true), A2(STP_D, 16, true), A2(STP_Q, 32, true),
    {0, 0, 0, false, false, false, false},
};
// clang-format on
