// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of exclusive and compare-and-swap pairs. Two words are one location
 * of eight bytes; two doublewords are CMPXCHG16B's, which wants rbx and leaves
 * no register for the address: what lives there and in r11 (x19 and x4, as a
 * rule) stays in its place in memory meanwhile.
 */

#include "accel/soft/jit/em_atomic.h"

enum { SPARE = R11 };

static bool is_64(const struct insn *i)
{
    return BIT(i->word, 30);
}

/* rdx = host address of the pair */
static void pair_location(struct tr *t, const struct insn *i, bool write)
{
    atomic_location(t, i, is_64(i) ? 4 : 3, write);
}

static void move_saved(struct tr *t, unsigned reg, bool load)
{
    int g = tr_regs_guest(t->regs, reg);

    if (g >= 0)
        x64_op_rm(&t->c, true, load ? 0x8b : 0x89, reg, RBP, CPU_X(g));
}

static void save_two(struct tr *t)
{
    move_saved(t, SPARE, false);
    move_saved(t, RBX, false);
}

/* Keeps flags. */
static void restore_two(struct tr *t)
{
    move_saved(t, SPARE, true);
    move_saved(t, RBX, true);
}

/* t_get_to while they are away. */
static void get_saved(struct tr *t, bool w, unsigned dst, unsigned g)
{
    if (t_pinned(t, g) == SPARE || t_pinned(t, g) == RBX)
        x64_load(&t->c, w, dst, RBP, CPU_X(g));
    else
        t_get_to(t, w, dst, g);
}

/* dst = high : low, words */
static void join_words(struct tr *t, unsigned dst, unsigned low, unsigned high,
                       unsigned tmp)
{
    get_saved(t, false, dst, high);
    x64_shift_imm(&t->c, true, SH_SHL, dst, 32);
    get_saved(t, false, tmp, low);
    x64_alu_rr(&t->c, true, ALU_OR, dst, tmp);
}

/* lock cmpxchg8b of rcx at [r11], or cmpxchg16b of rcx:rbx */
static void compare_and_swap(struct tr *t, bool pair)
{
    x64_u8(&t->c, 0xf0);
    x64_rex(&t->c, true, pair ? 0 : RCX, 0, SPARE, false);
    x64_opcode(&t->c, pair ? 0x1c7 : 0x1b1);
    x64_modrm_mem(&t->c, pair ? 1 : RCX, SPARE, 0);
}

static bool em_ldxp(struct tr *t, const struct insn *i)
{
    pair_location(t, i, false);
    x64_load(&t->c, true, RAX, RDX, 0);
    x64_store(&t->c, true, RDX, RBP, CPU(excl_pa));
    x64_store(&t->c, true, RAX, RBP, CPU(excl_val[0]));
    if (is_64(i)) {
        x64_load(&t->c, true, RCX, RDX, 8);
        x64_store(&t->c, true, RCX, RBP, CPU(excl_val[1]));
    } else {
        x64_mov(&t->c, true, RCX, RAX);
        x64_shift_imm(&t->c, true, SH_SHR, RCX, 32);
        x64_mov(&t->c, false, RAX, RAX);
    }
    atomic_monitor(t, is_64(i) ? 16 : 8);
    t_put(t, i->rd, RAX);
    t_put(t, i->ra, RCX);
    return true;
}

static void swap_if_unchanged(struct tr *t, const struct insn *i)
{
    save_two(t);
    x64_mov(&t->c, true, SPARE, RDX);
    if (is_64(i)) {
        get_saved(t, true, RCX, i->ra);
        get_saved(t, true, RBX, i->rd);
        x64_load(&t->c, true, RDX, RBP, CPU(excl_val[1]));
    } else {
        join_words(t, RCX, i->rd, i->ra, RAX);
    }
    x64_load(&t->c, true, RAX, RBP, CPU(excl_val[0]));
    compare_and_swap(t, is_64(i));
    x64_setcc(&t->c, CC_NE, RAX);
    x64_op_rr(&t->c, false, 0x1b6, RAX, RAX); /* movzx eax, al */
    restore_two(t);
}

static bool em_stxp(struct tr *t, const struct insn *i)
{
    uint8_t *elsewhere[2], *done;

    pair_location(t, i, true);
    atomic_if_not_mine(t, is_64(i) ? 16 : 8, elsewhere);
    swap_if_unchanged(t, i);
    done = x64_jmp(&t->c);
    x64_here(&t->c, elsewhere[0]);
    x64_here(&t->c, elsewhere[1]);
    x64_mov_imm(&t->c, RAX, 1);
    x64_here(&t->c, done);
    atomic_monitor(t, 0);
    t_put(t, i->rm, RAX);
    return true;
}

static unsigned source(unsigned reg)
{
    return reg == 31 ? REG_ZERO : reg;
}

static unsigned target(unsigned reg)
{
    return reg == 31 ? REG_SINK : reg;
}

static bool em_casp(struct tr *t, const struct insn *i)
{
    unsigned s = i->rm, s2 = s + 1u, n = i->rd, n2 = n + 1u;

    pair_location(t, i, true);
    save_two(t);
    x64_mov(&t->c, true, SPARE, RDX);
    if (is_64(i)) {
        get_saved(t, true, RAX, source(s));
        get_saved(t, true, RDX, source(s2));
        get_saved(t, true, RCX, source(n2));
        get_saved(t, true, RBX, source(n));
    } else {
        join_words(t, RAX, source(s), source(s2), RDX);
        join_words(t, RCX, source(n), source(n2), RDX);
    }
    compare_and_swap(t, is_64(i));
    restore_two(t);
    if (!is_64(i)) {
        x64_mov(&t->c, true, RDX, RAX);
        x64_shift_imm(&t->c, true, SH_SHR, RDX, 32);
        x64_mov(&t->c, false, RAX, RAX);
    }
    t_put(t, target(s), RAX);
    t_put(t, target(s2), RDX);
    return true;
}

const struct jit_emitter jit_pair_emitters[] = {
    {OP_LDXP, em_ldxp},  {OP_LDAXP, em_ldxp}, {OP_STXP, em_stxp},
    {OP_STLXP, em_stxp}, {OP_CASP, em_casp},  {0, NULL},
};
