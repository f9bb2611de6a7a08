// SPDX-License-Identifier: Apache-2.0
/*
 * NZCV. A setter's flags are written to cpu->hflags only where somebody may
 * look: not when the block sets them again before it bails or leaves, and
 * behind a conditional branch only on the way that needs them. Whether the
 * taken way does is known when the exit is linked: tr_exit.
 */

#include "accel/soft/jit/tr.h"

#include "accel/soft/jit/tr_group.h"
#include "accel/soft/jit/translate.h"

/* lahf; seto al; mov [hflags], ax */
void t_flags_keep(struct x64 *c)
{
    x64_u8(c, 0x9f);
    x64_setcc(c, CC_O, RAX);
    x64_u8(c, 0x66);
    x64_op_rm(c, false, 0x89, RAX, RBP, CPU(hflags));
}

void t_flags_to_arm(struct x64 *c)
{
    x64_load(c, false, RAX, RBP, CPU(hflags));
    x64_mov(c, false, RCX, RAX);
    x64_alu_ri(c, false, ALU_AND, RCX, 0xc000);
    x64_shift_imm(c, false, SH_SHL, RCX, 16); /* N Z */
    x64_mov(c, false, RDX, RAX);
    x64_alu_ri(c, false, ALU_AND, RDX, 0x100);
    x64_alu_ri(c, false, ALU_XOR, RDX, 0x100);
    x64_shift_imm(c, false, SH_SHL, RDX, 21); /* C */
    x64_shift_imm(c, false, SH_SHL, RAX, 31);
    x64_shift_imm(c, false, SH_SHR, RAX, 3); /* V */
    x64_alu_rr(c, false, ALU_OR, RAX, RCX);
    x64_alu_rr(c, false, ALU_OR, RAX, RDX);
}

/* By instruction word, of those that t_effect knows. */
static bool sets_flags(uint32_t word)
{
    if ((word & 0x20000000) == 0)
        return false;
    return (word & 0x1f800000) == 0x11000000 || /* ADDS, SUBS: immediate */
           (word & 0x1f000000) == 0x0b000000 || /* registers */
           (word & 0x7f800000) == 0x72000000 || /* ANDS: immediate */
           (word & 0x7f000000) == 0x6a000000;   /* ANDS, BICS */
}

static bool reads_flags(uint32_t word)
{
    uint32_t kind = word & 0x1fe00000;

    return kind == 0x1a000000 || /* ADC, SBC */
           kind == 0x1a400000 || /* CCMP, CCMN */
           kind == 0x1a800000;   /* CSEL and kin */
}

/* FCCMP sets them on one of two ways. */
static bool sets_on_one_way(const struct insn *i)
{
    return (i->word & 0x5f200c00) == 0x1e200400;
}

/* Does the block set the flags from instruction k on, before it reads them or
   anybody else can? `faults`: but for who handles the fault of an access. */
static bool sets_first(const struct block *src, unsigned k, bool faults)
{
    for (; k < src->count; k++) {
        const struct insn *i = &src->insn[k];

        if (t_effect(i->op) == T_ANYTHING) {
            if (faults && (t_access(i->op)->bytes || t_is_indexed(i->op)))
                continue;
            return false;
        }
        if (reads_flags(i->word))
            return false;
        if (sets_flags(i->word))
            return true;
    }
    return false;
}

/* At EL1 a fault may go on elsewhere in the function, by a table of Linux's;
   at EL0 only a handler sees old flags: isa-deviations.md. */
bool translate_sets_flags(const struct block *src)
{
    return sets_first(src, 0, !(src->mode & MODE_EL1));
}

/* MOV of a register: it keeps the host's flags. */
static bool is_move(const struct insn *i)
{
    return (i->op == OP_ORR_lsl_x || i->op == OP_ORR_lsl_w) &&
           i->rn == REG_ZERO && !FIELD(i, 15, 10);
}

static bool branches_next(const struct tr *t)
{
    unsigned k = t->idx + 1;
    const struct insn *next;

    while (k < t->src->count && is_move(&t->src->insn[k]) &&
           translate_will_try(t, k))
        k++;
    next = &t->src->insn[k];
    return k < t->src->count && next->op == OP_B_cond &&
           (next->word & 15) < 14 && translate_will_try(t, k);
}

void t_flags_set(struct tr *t, bool inverted)
{
    const struct insn *i = &t->src->insn[t->idx];

    if (!inverted)
        x64_u8(&t->c, 0xf5); /* cmc */
    t->flags_live = t->flags_kept = true;
    if (!sets_on_one_way(i)) {
        t->flags_pending = branches_next(t);
        if (t->flags_pending || sets_first(t->src, t->idx + 1, false))
            return;
    }
    t_flags_keep(&t->c);
}

void t_flags_const(struct tr *t, enum x64_cc cc, unsigned nzcv)
{
    struct tr_flags_const *f = &t->consts[t->num_consts++];

    check(t->num_consts <= TR_MAX_CONSTS);
    f->place = x64_jcc(&t->c, cc);
    f->back = NULL;
    f->nzcv = (uint8_t)nzcv;
}

void t_flags_const_here(struct tr *t)
{
    if (t->num_consts && !t->consts[t->num_consts - 1].back)
        t->consts[t->num_consts - 1].back = t->c.p;
}

/* 127 + 1 overflows a byte, and SAHF leaves that alone. */
void t_flags_finish(struct tr *t)
{
    for (unsigned n = 0; n < t->num_consts && t_has_room(t); n++) {
        const struct tr_flags_const *f = &t->consts[n];
        uint32_t flags = (uint32_t)t_hflags_of(f->nzcv);

        x64_here(&t->c, f->place);
        x64_mov_imm(&t->c, RAX, (flags & 0xff00) | (flags & 1 ? 127 : 0));
        x64_u16(&t->c, 0x0104); /* add al, 1 */
        x64_u8(&t->c, 0x9e);    /* sahf */
        x64_jmp_to(&t->c, f->back);
    }
}

void t_flags_settle(struct tr *t)
{
    t->flags_pending = false;
    if (!sets_first(t->src, t->idx + 1, false))
        t_flags_keep(&t->c);
}

/* test byte [rbp + disp], imm */
static void test_byte(struct tr *t, int32_t disp, unsigned imm)
{
    x64_u8(&t->c, 0xf6);
    x64_modrm_mem(&t->c, 0, RBP, disp);
    x64_u8(&t->c, imm);
}

/* GE: N == V; GT: and not Z. */
static void test_order(struct tr *t, bool greater)
{
    x64_op_rm(&t->c, false, 0x1b6, RAX, RBP, CPU(hflags) + 1); /* movzx */
    if (greater) {
        x64_mov(&t->c, false, RCX, RAX);
        x64_alu_ri(&t->c, false, ALU_AND, RCX, 0x40);
    }
    x64_shift_imm(&t->c, false, SH_SHR, RAX, 7);
    x64_op_rm(&t->c, false, 0x32, RAX, RBP, CPU(hflags)); /* xor al, m */
    if (greater)
        x64_alu_rr(&t->c, false, ALU_OR, RAX, RCX);
    x64_test(&t->c, false, RAX, RAX);
}

/* From memory: the high byte is N Z . . . . . not-C, bit 0 of the low one V.
   Each way leaves ZF set when an even condition holds, or its contrary. */
enum x64_cc t_cond(struct tr *t, unsigned cond)
{
    static const uint8_t live[14] = {CC_E,  CC_NE, CC_AE, CC_B, CC_S,
                                     CC_NS, CC_O,  CC_NO, CC_A, CC_BE,
                                     CC_GE, CC_L,  CC_G,  CC_LE};
    const int32_t high = CPU(hflags) + 1;
    bool holds_if_zero = true;

    if (t->flags_live)
        return live[cond];
    switch (cond >> 1) {
    case 0:
        test_byte(t, high, 0x40);
        holds_if_zero = false;
        break;
    case 1:
        test_byte(t, high, 1);
        break;
    case 2:
        test_byte(t, high, 0x80);
        holds_if_zero = false;
        break;
    case 3:
        test_byte(t, CPU(hflags), 1);
        holds_if_zero = false;
        break;
    case 4: /* HI: C and not Z */
        test_byte(t, high, 0x41);
        break;
    default:
        test_order(t, cond >> 1 == 6);
        break;
    }
    return holds_if_zero != (cond & 1) ? CC_E : CC_NE;
}
