// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of loads and stores of general registers. The address is in rax or
 * in the base's own register, rdx is what to add to it; whatever is not a hit
 * on an aligned stack in ordinary RAM is tier 0's.
 */

#include "accel/soft/decode.h"
#include "accel/soft/jit/tr_group.h"
#include "accel/soft/jit/translate.h"
#include "accel/soft/jit/x64_vec.h"

/* What kind of access a row is. */
enum mode { OFF, POST, PRE, REG, UXTW, SXTW };

/* Where the access by an index register is: its address goes to rax. */
static struct t_place indexed(struct tr *t, const struct insn *i,
                              enum mode mode, unsigned log2, bool write)
{
    unsigned base, index = RCX;

    if (i->rn == REG_SP)
        t_sp_check(t);
    base = t_get(t, i->rn, RAX);
    if (mode == UXTW)
        t_get_to(t, false, RCX, i->rm);
    else if (mode == SXTW)
        x64_op_rr(&t->c, true, 0x63, RCX, t_get(t, i->rm, RCX));
    else
        index = t_get(t, i->rm, RCX);
    x64_lea_sib(&t->c, true, RAX, base, index, FIELD(i, 12, 12) ? log2 : 0, 0);
    t_tlb_add(t, RAX, 1u << log2, write);
    return (struct t_place){.va = RAX};
}

static struct t_place place(struct tr *t, const struct insn *i, enum mode mode,
                            unsigned bytes, bool write)
{
    t->sp_kept = mode == OFF || !(i->imm & 15);
    return t_place(t, i, mode == POST ? 0 : (int32_t)i->imm, bytes, write);
}

static void write_back(struct tr *t, const struct insn *i, enum mode mode,
                       const struct t_place *p)
{
    if (mode == PRE || mode == POST)
        t_write_back(t, i, p, (int32_t)i->imm);
}

/* How each width and extension is loaded: opcode and REX.W. */
struct load_op {
    uint16_t op;
    bool w;
    uint8_t log2;
};
enum load_kind { LB, LH, LW, LX, LSBX, LSHX, LSWX, LSBW, LSHW };
static const struct load_op load_ops[] = {
    [LB] = {0x1b6, false, 0},   [LH] = {0x1b7, false, 1},
    [LW] = {0x8b, false, 2},    [LX] = {0x8b, true, 3},
    [LSBX] = {0x1be, true, 0},  [LSHX] = {0x1bf, true, 1},
    [LSWX] = {0x63, true, 2},   [LSBW] = {0x1be, false, 0},
    [LSHW] = {0x1bf, false, 1},
};

/* rd = [p + disp] */
static void load_from(struct tr *t, unsigned rd, const struct load_op *op,
                      const struct t_place *p, int32_t disp)
{
    unsigned dst = t_dst(t, rd, RCX);

    x64_op_sib(&t->c, op->w, op->op, dst, p->va, RDX, 0, p->disp + disp);
    t_put(t, rd, dst);
}

/* [p + disp] = rd, 1 << log2 bytes of it */
static void store_to(struct tr *t, unsigned log2, unsigned rd,
                     const struct t_place *p, int32_t disp)
{
    unsigned reg = t_get(t, rd, RCX);

    if (log2 == 1)
        x64_u8(&t->c, 0x66);
    x64_rex(&t->c, log2 == 3, reg, RDX, p->va, log2 == 0);
    x64_u8(&t->c, log2 == 0 ? 0x88 : 0x89);
    x64_modrm_sib(&t->c, reg, p->va, RDX, 0, p->disp + disp);
}

/* Write-back comes last, unless what is loaded shall win (rd == rn). */
static bool load(struct tr *t, const struct insn *i, enum load_kind kind,
                 enum mode mode)
{
    const struct load_op *op = &load_ops[kind];
    struct t_place p = mode >= REG ? indexed(t, i, mode, op->log2, false)
                                   : place(t, i, mode, 1u << op->log2, false);

    load_from(t, i->rd, op, &p, 0);
    if (i->rd != i->rn)
        write_back(t, i, mode, &p);
    return true;
}

static bool store(struct tr *t, const struct insn *i, unsigned log2,
                  enum mode mode)
{
    struct t_place p = mode >= REG ? indexed(t, i, mode, log2, true)
                                   : place(t, i, mode, 1u << log2, true);

    store_to(t, log2, i->rd, &p, 0);
    write_back(t, i, mode, &p);
    return true;
}

/* A pair of registers that one vector move loads. Not from the stack, nor for
   stores: the host waits when a load needs two recent stores. */
static bool lies_beside(const struct tr *t, const struct insn *i)
{
    return t->features & JIT_AVX2 && i->rn != REG_SP && i->ra == i->rd + 1 &&
           i->ra < REG_SP && t_pinned(t, i->rd) < 0 && t_pinned(t, i->ra) < 0;
}

static bool is_ldp(const struct insn *i)
{
    return i->op == OP_LDPX_imm || i->op == OP_LDPX_post ||
           i->op == OP_LDPX_pre;
}

/* Does instruction k write a register of the pair, as far as one can tell? */
static bool may_write(const struct tr *t, unsigned k, const struct insn *pair)
{
    const struct insn *i = &t->src->insn[k];
    const struct t_access *a = t_access(i->op);

    if (a64_is_cond_branch(i))
        return false;
    if (a->bytes) {
        if (a->index != T_OFF && (i->rn == pair->rd || i->rn == pair->ra))
            return true;
        return !a->write && !a->is_v &&
               (i->rd == pair->rd || i->rd == pair->ra ||
                (a->pair && (i->ra == pair->rd || i->ra == pair->ra)));
    }
    return t_effect(i->op) == T_ANYTHING || i->rd == pair->rd ||
           i->rd == pair->ra;
}

/* Behind the first branch to the block's own start; 0: there is none. */
static unsigned loop_end(const struct block *src)
{
    for (unsigned k = 0; k < src->count; k++) {
        const struct insn *i = &src->insn[k];

        if ((i->op == OP_B_cond || i->op == OP_CBNZ_x) && i->imm == 0)
            return k + 1;
    }
    return 0;
}

/* A pair of registers that one vector move stores: it must have been written by
   one as well, in this block or in its last turn. */
static bool lay_beside(const struct tr *t, const struct insn *i)
{
    unsigned end = loop_end(t->src), k = t->idx;

    if (!lies_beside(t, i) && i->rn != REG_SP)
        return false;
    do {
        const struct insn *p;

        if (k == 0 && t->idx >= end)
            return false;
        k = (k ? k : end) - 1;
        p = &t->src->insn[k];
        if (is_ldp(p) && p->rd == i->rd && p->ra == i->ra)
            return translate_will_try(t, k) && lies_beside(t, p);
        if (k != t->idx && may_write(t, k, i))
            return false;
    } while (k != t->idx);
    return false;
}

/* Pairs: one check for both. What is loaded may be the base: it goes last. */
static bool load_pair(struct tr *t, const struct insn *i, enum load_kind kind,
                      enum mode mode)
{
    const struct load_op *op = &load_ops[kind];
    struct t_place p = place(t, i, mode, 2u << op->log2, false);
    bool base_first = t_pinned(t, i->rd) == (int)p.va;

    if (kind == LX && lies_beside(t, i)) {
        x64_vex_sib(&t->c, V_MOVUPS, false, 0, 0, p.va, RDX, p.disp);
        x64_vex_rm(&t->c, V_MOVUPS_ST, false, 0, 0, RBP, CPU_X(i->rd));
    } else {
        if (!base_first)
            load_from(t, i->rd, op, &p, 0);
        load_from(t, i->ra, op, &p, 1 << op->log2);
        if (base_first)
            load_from(t, i->rd, op, &p, 0);
    }
    if (i->rd != i->rn && i->ra != i->rn)
        write_back(t, i, mode, &p);
    return true;
}

static bool store_pair(struct tr *t, const struct insn *i, unsigned log2,
                       enum mode mode)
{
    struct t_place p = place(t, i, mode, 2u << log2, true);

    if (log2 == 3 && lay_beside(t, i)) {
        x64_vex_rm(&t->c, V_MOVUPS, false, 0, 0, RBP, CPU_X(i->rd));
        x64_vex_sib(&t->c, V_MOVUPS_ST, false, 0, 0, p.va, RDX, p.disp);
    } else {
        store_to(t, log2, i->rd, &p, 0);
        store_to(t, log2, i->ra, &p, 1 << log2);
    }
    write_back(t, i, mode, &p);
    return true;
}

static bool load_literal(struct tr *t, const struct insn *i,
                         enum load_kind kind)
{
    const struct load_op *op = &load_ops[kind];
    const struct t_place p = {.va = RAX};

    t_pc_to(t, RAX, t_target(t));
    t_tlb_add(t, RAX, 1u << op->log2, false);
    load_from(t, i->rd, op, &p, 0);
    return true;
}

static bool em_nothing(struct tr *t, const struct insn *i)
{
    (void)i;
    t->flags_kept = true;
    return true;
}

#define LOAD_FN(name, kind, mode)  EMITTER(name, load(t, i, kind, mode))
#define STORE_FN(name, log2, mode) EMITTER(name, store(t, i, log2, mode))
#define FORMS(FN, name, what)   \
    FN(name##_imm, what, OFF)   \
    FN(name##_ur, what, OFF)    \
    FN(name##_post, what, POST) \
    FN(name##_pre, what, PRE)   \
    FN(name##_reg, what, REG)   \
    FN(name##_uxtw, what, UXTW) \
    FN(name##_sxtw, what, SXTW)
FORMS(LOAD_FN, LDRB, LB)
FORMS(LOAD_FN, LDRH, LH)
FORMS(LOAD_FN, LDRW, LW)
FORMS(LOAD_FN, LDRX, LX)
FORMS(LOAD_FN, LDRSBX, LSBX)
FORMS(LOAD_FN, LDRSHX, LSHX)
FORMS(LOAD_FN, LDRSWX, LSWX)
FORMS(LOAD_FN, LDRSBW, LSBW)
FORMS(LOAD_FN, LDRSHW, LSHW)
FORMS(STORE_FN, STRB, 0)
FORMS(STORE_FN, STRH, 1)
FORMS(STORE_FN, STRW, 2)
FORMS(STORE_FN, STRX, 3)

#define LOAD_PAIR_FN(name, kind, mode) \
    EMITTER(name, load_pair(t, i, kind, mode))
#define STORE_PAIR_FN(name, log2, mode) \
    EMITTER(name, store_pair(t, i, log2, mode))
#define PAIR_FORMS(FN, name, what) \
    FN(name##_imm, what, OFF)      \
    FN(name##_post, what, POST)    \
    FN(name##_pre, what, PRE)
PAIR_FORMS(LOAD_PAIR_FN, LDPW, LW)
PAIR_FORMS(LOAD_PAIR_FN, LDPX, LX)
PAIR_FORMS(LOAD_PAIR_FN, LDPSWX, LSWX)
PAIR_FORMS(STORE_PAIR_FN, STPW, 2)
PAIR_FORMS(STORE_PAIR_FN, STPX, 3)

EMITTER(lit_w, load_literal(t, i, LW))
EMITTER(lit_x, load_literal(t, i, LX))
EMITTER(lit_sw, load_literal(t, i, LSWX))

/* clang-format off */
#define ROWS(name)                                                             \
    {OP_##name##_imm, em_##name##_imm}, {OP_##name##_ur, em_##name##_ur},      \
    {OP_##name##_post, em_##name##_post}, {OP_##name##_pre, em_##name##_pre},  \
    {OP_##name##_reg, em_##name##_reg}, {OP_##name##_uxtw, em_##name##_uxtw},  \
    {OP_##name##_sxtw, em_##name##_sxtw}
#define PAIR_ROWS(name)                                                        \
    {OP_##name##_imm, em_##name##_imm}, {OP_##name##_post, em_##name##_post},  \
    {OP_##name##_pre, em_##name##_pre}
const struct jit_emitter jit_mem_emitters[] = {
    ROWS(LDRB), ROWS(LDRH), ROWS(LDRW), ROWS(LDRX), ROWS(LDRSBX),
    ROWS(LDRSHX), ROWS(LDRSWX), ROWS(LDRSBW), ROWS(LDRSHW),
    ROWS(STRB), ROWS(STRH), ROWS(STRW), ROWS(STRX),
    PAIR_ROWS(LDPW), PAIR_ROWS(LDPX), PAIR_ROWS(LDPSWX),
    PAIR_ROWS(STPW), PAIR_ROWS(STPX),
    {OP_LDNPW, em_LDPW_imm}, {OP_LDNPX, em_LDPX_imm},
    {OP_STNPW, em_STPW_imm}, {OP_STNPX, em_STPX_imm},
    {OP_LDRW_lit, em_lit_w}, {OP_LDRX_lit, em_lit_x},
    {OP_LDRSWX_lit, em_lit_sw},
    {OP_PRFM_imm, em_nothing}, {OP_PRFM_reg, em_nothing},
    {OP_PRFM_lit, em_nothing}, {OP_PRFUM, em_nothing},
    {0, NULL},
};

#define INDEXED(name) OP_##name##_reg, OP_##name##_uxtw, OP_##name##_sxtw
const uint16_t jit_mem_indexed[] = {
    INDEXED(LDRB), INDEXED(LDRH), INDEXED(LDRW), INDEXED(LDRX),
    INDEXED(LDRSBX), INDEXED(LDRSHX), INDEXED(LDRSWX), INDEXED(LDRSBW),
    INDEXED(LDRSHW), INDEXED(STRB), INDEXED(STRH), INDEXED(STRW),
    INDEXED(STRX), 0,
};

#define ONE(name, bytes, write)                                                \
    {OP_##name##_imm, bytes, T_OFF, write, false, false, false},               \
    {OP_##name##_ur, bytes, T_OFF, write, false, false, false},                \
    {OP_##name##_post, bytes, T_POST, write, false, false, false},             \
    {OP_##name##_pre, bytes, T_PRE, write, false, false, false}
#define TWO(name, bytes, write)                                                \
    {OP_##name##_imm, bytes, T_OFF, write, true, false, false},                \
    {OP_##name##_post, bytes, T_POST, write, true, false, false},              \
    {OP_##name##_pre, bytes, T_PRE, write, true, false, false}
const struct t_access jit_mem_accesses[] = {
    ONE(LDRB, 1, false), ONE(LDRH, 2, false), ONE(LDRW, 4, false),
    ONE(LDRX, 8, false), ONE(LDRSBX, 1, false), ONE(LDRSHX, 2, false),
    ONE(LDRSWX, 4, false), ONE(LDRSBW, 1, false), ONE(LDRSHW, 2, false),
    ONE(STRB, 1, true), ONE(STRH, 2, true), ONE(STRW, 4, true),
    ONE(STRX, 8, true),
    TWO(LDPW, 8, false), TWO(LDPX, 16, false), TWO(LDPSWX, 8, false),
    TWO(STPW, 8, true), TWO(STPX, 16, true),
    {0, 0, 0, false, false, false, false},
};
/* clang-format on */
