// SPDX-License-Identifier: Apache-2.0
/*
 * What a CPU does that met another one at an atomic: it waits, and leaves the
 * line to the other, which comes through many times meanwhile where each would
 * else fetch it from the other for every few. How long is learnt. It grows
 * while the CPU is disturbed again sooner than it waited, and the word moves
 * on; it shrinks when the CPU had a long time for itself. Where the word stays
 * as it is (a lock that is held), waiting is given up but for one time in
 * SELDOM.
 *
 * A compare-and-swap that is made again after the wait is one that was made
 * later: the guest cannot tell.
 */

#include "accel/soft/jit/glue.h"

enum { LEAST = WAIT_LEAST, MOST = 4096 /* cycles of the host */ };
enum { VAIN = 4 /* times in a row: seldom from then on */, SELDOM = 16 };

static void rdtsc(struct x64 *c)
{
    x64_u16(c, 0x310f);
}

static void ret(struct x64 *c)
{
    x64_u8(c, 0xc3);
}

/* Anybody there to wait for, and nobody who waits for this CPU? Else a jump. */
static void look_round(struct x64 *c, uint8_t *leave[2])
{
    x64_alu_mi(c, false, ALU_CMP, RBP, CPU(attention), 0);
    leave[0] = x64_jcc(c, CC_NE);
    x64_load(c, true, RCX, RBP, CPU(vm));
    x64_alu_mi(c, false, ALU_CMP, RCX, offsetof(struct soft_vm, num_awake), 1);
    leave[1] = x64_jcc(c, CC_LE);
}

/* A jump if waiting was in vain of late, but for one time of some. */
static uint8_t *look_back(struct x64 *c)
{
    uint8_t *useful, *leave;

    x64_alu_mi(c, false, ALU_CMP, RBP, CPU(wait_vain), VAIN);
    useful = x64_jcc(c, CC_B);
    x64_alu_mi(c, false, ALU_ADD, RBP, CPU(wait_vain), 1);
    x64_u8(c, 0xf6); /* test byte [wait_vain], imm8 */
    x64_modrm_mem(c, 0, RBP, CPU(wait_vain));
    x64_u8(c, SELDOM - 1);
    leave = x64_jcc(c, CC_NE);
    x64_here(c, useful);
    return leave;
}

/* ecx = how long, less if it was long ago. Clobbers rax, rdx. */
static void choose_time(struct x64 *c)
{
    uint8_t *soon;

    rdtsc(c);
    x64_load(c, false, RCX, RBP, CPU(wait_cycles));
    x64_alu_rm(c, false, ALU_SUB, RAX, RBP, CPU(waited_at));
    x64_lea_sib(c, false, RDX, RCX, RCX, 0, 0);
    x64_alu_rr(c, false, ALU_CMP, RAX, RDX);
    soon = x64_jcc(c, CC_BE);
    x64_shift_imm(c, false, SH_SHR, RCX, 2);
    x64_mov_imm(c, RAX, LEAST);
    x64_alu_rr(c, false, ALU_CMP, RCX, RAX);
    x64_cmov(c, false, CC_B, RCX, RAX);
    x64_store(c, false, RCX, RBP, CPU(wait_cycles));
    x64_here(c, soon);
}

/* For ecx cycles. Clobbers rax, rdx. */
static void pass_time(struct x64 *c)
{
    const uint8_t *again;

    rdtsc(c);
    x64_alu_rr(c, false, ALU_ADD, RCX, RAX);
    again = c->p;
    x64_u16(c, 0x90f3); /* pause */
    rdtsc(c);
    x64_store(c, false, RAX, RBP, CPU(waited_at));
    x64_alu_rr(c, false, ALU_SUB, RAX, RCX);
    x64_jcc_to(c, CC_S, again);
}

/* rax: what was found, rdx: where. ZF if it waited, with rax and rcx clobbered;
   otherwise rax is as it was. */
static void make_wait(struct x64 *c)
{
    uint8_t *leave[3];

    x64_store(c, true, RAX, RBP, CPU(wait_found));
    look_round(c, leave);
    leave[2] = look_back(c);
    glue_push(c, RDX);
    choose_time(c);
    pass_time(c);
    x64_alu_rr(c, false, ALU_CMP, RAX, RAX); /* ZF */
    glue_pop(c, RDX);
    ret(c);
    for (unsigned n = 0; n < ARRAY_LEN(leave); n++)
        x64_here(c, leave[n]);
    x64_test(c, true, RBP, RBP); /* not ZF */
    ret(c);
}

/* rax: what is found now. Clobbers rcx and the flags. */
static void make_learn(struct x64 *c)
{
    uint8_t *same, *most;

    x64_alu_rm(c, true, ALU_CMP, RAX, RBP, CPU(wait_found));
    same = x64_jcc(c, CC_E);
    x64_store_imm(c, false, RBP, CPU(wait_vain), 0);
    x64_load(c, false, RCX, RBP, CPU(wait_cycles));
    x64_alu_rr(c, false, ALU_ADD, RCX, RCX);
    x64_alu_ri(c, false, ALU_CMP, RCX, MOST);
    most = x64_jcc(c, CC_A);
    x64_store(c, false, RCX, RBP, CPU(wait_cycles));
    x64_here(c, most);
    ret(c);
    x64_here(c, same);
    x64_alu_mi(c, false, ALU_ADD, RBP, CPU(wait_vain), 1);
    x64_store_imm(c, false, RBP, CPU(wait_cycles), LEAST);
    ret(c);
}

void glue_make_wait(struct x64 *c, struct glue *glue)
{
    glue->wait = c->p;
    make_wait(c);
    glue->learn = c->p;
    make_learn(c);
}
