// SPDX-License-Identifier: Apache-2.0
/*
 * Entry and exits of translated code. Between C and blocks the guest registers
 * move between cpu->x[] and the machine's, and NZCV between cpu->nzcv and
 * cpu->hflags; nothing else is kept in two places.
 */

#include "accel/soft/jit/glue.h"

#include "accel/soft/jit/jump.h"
#include "accel/soft/jit/x64_vec.h"
#include "accel/soft/mmu.h"

enum { FRAME = 24 }; /* keeps rsp 16-byte aligned below six pushes */

static const uint8_t saved[] = {RBX, RBP, R12, R13, R14, R15};

static void move_guest_regs(struct x64 *c, const struct tr_regs *regs,
                            bool load)
{
    for (unsigned g = 0; g < REG_ZERO; g++) {
        int reg = regs->pinned[g];

        if (reg < 0)
            continue;
        if (load)
            x64_load(c, true, (unsigned)reg, RBP, CPU_X(g));
        else
            x64_store(c, true, (unsigned)reg, RBP, CPU_X(g));
    }
}

/* nzcv = hflags in the Arm's places. Clobbers rax, rcx, rdx. */
static void flags_to_arm(struct x64 *c)
{
    t_flags_to_arm(c);
    x64_store(c, false, RAX, RBP, CPU(nzcv));
}

static void flags_from_arm(struct x64 *c)
{
    x64_load(c, false, RAX, RBP, CPU(nzcv));
    x64_mov(c, false, RCX, RAX);
    x64_shift_imm(c, false, SH_SHR, RCX, 16);
    x64_alu_ri(c, false, ALU_AND, RCX, 0xc000);
    x64_mov(c, false, RDX, RAX);
    x64_shift_imm(c, false, SH_SHR, RDX, 21);
    x64_f7(c, false, 2, RDX); /* NOT */
    x64_alu_ri(c, false, ALU_AND, RDX, 0x100);
    x64_shift_imm(c, false, SH_SHR, RAX, 28);
    x64_alu_ri(c, false, ALU_AND, RAX, 1);
    x64_alu_rr(c, false, ALU_OR, RAX, RCX);
    x64_alu_rr(c, false, ALU_OR, RAX, RDX);
    x64_store(c, false, RAX, RBP, CPU(hflags));
}

void glue_push(struct x64 *c, unsigned reg)
{
    x64_rex(c, false, 0, 0, reg, false);
    x64_u8(c, 0x50 | (reg & 7));
}

void glue_pop(struct x64 *c, unsigned reg)
{
    x64_rex(c, false, 0, 0, reg, false);
    x64_u8(c, 0x58 | (reg & 7));
}

static void ret(struct x64 *c)
{
    x64_u8(c, 0xc3);
}

static void epilogue(struct x64 *c)
{
    x64_alu_ri(c, true, ALU_ADD, RSP, FRAME);
    for (unsigned n = sizeof(saved); n--;)
        glue_pop(c, saved[n]);
    ret(c);
}

/* rdi: cpu, rsi: where to begin */
static void make_enter(struct x64 *c, const struct tr_regs *regs)
{
    for (unsigned n = 0; n < sizeof(saved); n++)
        glue_push(c, saved[n]);
    x64_alu_ri(c, true, ALU_SUB, RSP, FRAME);
    x64_lea(c, true, RBP, RDI, CPU_BIAS);
    x64_load(c, true, R15, RBP, CPU(tlb));
    flags_from_arm(c);
    x64_mov(c, true, RAX, RSI);
    move_guest_regs(c, regs, true);
    x64_jmp_reg(c, RAX);
}

static void make_leave(struct x64 *c, const struct tr_regs *regs)
{
    x64_store(c, true, RAX, RBP, CPU(pc));
    move_guest_regs(c, regs, false);
    flags_to_arm(c);
    x64_mov_imm(c, RAX, 0);
    epilogue(c);
}

/* op qword [base + disp], which moves by the stack */
static void move_word(struct x64 *c, unsigned from, int32_t at, unsigned to,
                      int32_t disp)
{
    x64_u8(c, 0xff); /* push */
    x64_modrm_mem(c, 6, from, at);
    x64_u8(c, 0x8f); /* pop */
    x64_modrm_mem(c, 0, to, disp);
}

/* rax: the PC, which `near` of the jump cache did not have. If `far` has it,
   it goes to `near`, and on there. */
static void make_probe(struct x64 *c, const uint8_t *leave)
{
    const int32_t far = offsetof(struct jit_jumps, far);

    x64_mov(c, false, RCX, RAX);
    x64_shift_imm(c, false, SH_SHR, RCX, 2);
    x64_mov(c, false, RDX, RCX);
    x64_shift_imm(c, false, SH_SHR, RDX, JUMP_FAR_MIX);
    x64_alu_ri(c, false, ALU_AND, RDX, JUMP_FAR_MIXED);
    x64_alu_rr(c, false, ALU_XOR, RCX, RDX);
    x64_alu_ri(c, false, ALU_AND, RCX, JUMP_FAR_MASK);
    x64_shift_imm(c, false, SH_SHL, RCX, 5);
    x64_alu_rm(c, true, ALU_ADD, RCX, RBP, CPU(jumps));
    x64_alu_rm(c, true, ALU_CMP, RAX, RCX,
               far + (int32_t)offsetof(struct jit_jump, pc));
    x64_jcc_to(c, CC_NE, leave);
    x64_load(c, false, RDX, R15, offsetof(struct tlb, tag));
    x64_alu_rm(c, false, ALU_CMP, RDX, RCX,
               far + (int32_t)offsetof(struct jit_jump, tag));
    x64_jcc_to(c, CC_NE, leave);
    x64_mov(c, false, RDX, RAX);
    x64_shift_imm(c, false, SH_SHL, RDX, 3);
    x64_alu_ri(c, false, ALU_AND, RDX, JUMP_MASK << 5);
    x64_alu_rm(c, true, ALU_ADD, RDX, RBP, CPU(jumps));
    for (int32_t n = 0; n < (int32_t)sizeof(struct jit_jump); n += 8)
        move_word(c, RCX, far + n, RDX, n);
    x64_alu_ri(c, true, ALU_AND, RAX, -4096);
    x64_store(c, true, RAX, RBP, CPU(page_base));
    x64_jmp_mem(c, RCX, far + (int32_t)offsetof(struct jit_jump, host));
}
static_assert(offsetof(struct jit_jumps, near) == 0, "as t_exit_rax takes it");

static void make_link(struct x64 *c, const struct tr_regs *regs)
{
    move_guest_regs(c, regs, false);
    x64_mov(c, false, RSI, RAX);
    flags_to_arm(c);
    x64_lea(c, false, RAX, RSI, 1);
    epilogue(c);
}

/* eax: what to add to the page's address */
static void make_leave_at(struct x64 *c, const struct tr_regs *regs)
{
    x64_op_rr(c, true, 0x63, RAX, RAX); /* movsxd */
    x64_alu_rm(c, true, ALU_ADD, RAX, RBP, CPU(page_base));
    make_leave(c, regs);
}

/* eax: the number of a block that has become hot; ecx: where it starts */
static void make_heat(struct x64 *c, const struct tr_regs *regs)
{
    x64_store(c, false, RAX, RBP, CPU(hot_block));
    x64_mov(c, false, RAX, RCX);
    make_leave_at(c, regs);
}

/* call [rbp + disp], from code that was itself called */
static void call_c(struct x64 *c, int32_t disp)
{
    x64_alu_ri(c, true, ALU_SUB, RSP, 8);
    x64_u8(c, 0xff);
    x64_modrm_mem(c, 2, RBP, disp);
    x64_alu_ri(c, true, ALU_ADD, RSP, 8);
}

/* rax: what an executor returned. Goes on behind the call if it did not say
   that control is elsewhere: then cpu->pc says where to, and C decides. */
static void come_back(struct x64 *c, const struct tr_regs *regs)
{
    uint8_t *fault;

    x64_test(c, true, RAX, RAX);
    fault = x64_jcc(c, CC_E);
    x64_load(c, true, R15, RBP, CPU(tlb));
    flags_from_arm(c);
    move_guest_regs(c, regs, true);
    ret(c);
    x64_here(c, fault);
    x64_alu_ri(c, true, ALU_ADD, RSP, 8);
    x64_mov_imm(c, RAX, 0);
    epilogue(c);
}

/* The instruction is told of behind the call. */
static void make_miss(struct x64 *c, const struct tr_regs *regs)
{
    move_guest_regs(c, regs, false);
    glue_pop(c, RSI);
    x64_lea(c, true, RAX, RSI, GLUE_INSN_BYTES);
    glue_push(c, RAX);
    flags_to_arm(c);
    x64_lea(c, true, RDI, RBP, -CPU_BIAS);
    call_c(c, CPU(miss));
    come_back(c, regs);
}

/* rax: the record. Comes back if the executor went on to the next one. */
static void make_fallback(struct x64 *c, const struct tr_regs *regs)
{
    move_guest_regs(c, regs, false);
    x64_mov(c, true, RSI, RAX);
    flags_to_arm(c);
    x64_lea(c, true, RDI, RBP, -CPU_BIAS);
    x64_op_rm(c, true, 0x63, RAX, RSI, offsetof(struct insn, off));
    x64_alu_rm(c, true, ALU_ADD, RAX, RBP, CPU(page_base));
    x64_store(c, true, RAX, RBP, CPU(blk_pc));
    x64_lea(c, true, RAX, RSI, -(int32_t)offsetof(struct block, insn));
    x64_store(c, true, RAX, RBP, CPU(blk));
    x64_op_rm(c, false, 0x1b7, RAX, RSI, offsetof(struct insn, op));
    x64_load(c, true, RCX, RBP, CPU(fallbacks));
    x64_rex(c, true, 0, RAX, RCX, false);
    x64_u8(c, 0xff); /* inc qword [rcx + rax * 8] */
    x64_modrm_sib(c, 0, RCX, RAX, 3, 0);
    x64_load(c, true, RCX, RBP, CPU(fn_table));
    x64_alu_ri(c, true, ALU_SUB, RSP, 8);
    x64_u8(c, 0xff); /* call [rcx + rax * 8] */
    x64_modrm_sib(c, 2, RCX, RAX, 3, 0);
    x64_alu_ri(c, true, ALU_ADD, RSP, 8);
    come_back(c, regs);
}

static void move_simd(struct x64 *c, unsigned features, bool load)
{
    if (!(features & JIT_AVX2))
        return; /* then nothing is kept there */
    for (unsigned n = 0; n < TR_VEC_REGS; n++)
        x64_vex_rm(c, load ? V_MOVUPS : V_MOVUPS_ST, false, 8 + n, 0, RBP,
                   CPU(simd_kept) + 16 * (int32_t)n);
}

/* rdx: the VA. ZF if C has entered its page. */
static void call_fill(struct x64 *c, const struct tr_regs *regs,
                      unsigned features, bool write)
{
    move_guest_regs(c, regs, false);
    move_simd(c, features, false);
    x64_lea(c, true, RDI, RBP, -CPU_BIAS);
    x64_mov(c, true, RSI, RDX);
    x64_mov_imm(c, RDX, write);
    call_c(c, CPU(fill));
    x64_test(c, false, RAX, RAX);
    move_simd(c, features, true);
    move_guest_regs(c, regs, true);
    ret(c);
}

/* dst = tlb_old_slot(va); keeps va, clobbers nothing else. */
static void old_slot(struct x64 *c, unsigned dst, unsigned va)
{
    x64_mov(c, true, dst, va);
    x64_shift_imm(c, true, SH_SHR, dst, 10);
    x64_alu_rr(c, true, ALU_XOR, dst, va);
    x64_shift_imm(c, true, SH_SHR, dst, 12);
    x64_alu_ri(c, false, ALU_AND, dst, TLB_OLD - 1);
}

/* Looks for the page of a failed test among those that were displaced: slot in
   rcx, key XOR va in rdx. If it is there, it goes to its slot, and the page
   that was in the slot to where it looks for itself. If not, C looks. Keeps
   what is pinned, and what emitters keep in xmm8 to xmm15. */
static void make_old(struct x64 *c, const struct tr_regs *regs,
                     unsigned features, bool write)
{
    int32_t side = write ? (int32_t)offsetof(struct tlb, w) : 0;
    int32_t key = side + (int32_t)offsetof(struct tlb_half, key);
    int32_t add = side + (int32_t)offsetof(struct tlb_half, add);
    int32_t old_key = side + (int32_t)offsetof(struct tlb_half, old_key);
    int32_t old_add = side + (int32_t)offsetof(struct tlb_half, old_add);
    uint8_t *crosses, *none, *was_empty;

    x64_alu_ri(c, true, ALU_CMP, RDX, 4096);
    crosses = x64_jcc(c, CC_B); /* the end of the page that is there; not ZF */
    glue_push(c, RBX);
    glue_push(c, RDI);
    x64_op_sib(c, true, 0x8b, RAX, R15, RCX, 3, key);
    x64_alu_rr(c, true, ALU_XOR, RDX, RAX); /* va */
    old_slot(c, RDI, RDX);
    x64_op_sib(c, true, 0x8b, RBX, R15, RDI, 3, old_key);
    x64_alu_rr(c, true, ALU_XOR, RDX, RBX);
    x64_alu_ri(c, true, ALU_CMP, RDX, 4096);
    none = x64_jcc(c, CC_AE);
    x64_op_sib(c, true, 0x8b, RDX, R15, RDI, 3, old_add);
    x64_op_sib(c, true, 0x89, RBX, R15, RCX, 3, key);
    x64_op_sib(c, true, 0x8b, RBX, R15, RCX, 3, add);
    x64_op_sib(c, true, 0x89, RDX, R15, RCX, 3, add);
    x64_mov(c, false, RDX, RAX); /* an empty slot has another slot's page */
    x64_shift_imm(c, false, SH_SHR, RDX, 12);
    x64_alu_ri(c, false, ALU_AND, RDX, TLB_ENTRIES - 1);
    x64_alu_rr(c, false, ALU_CMP, RDX, RCX);
    was_empty = x64_jcc(c, CC_NE);
    old_slot(c, RDI, RAX);
    x64_op_sib(c, true, 0x89, RAX, R15, RDI, 3, old_key);
    x64_op_sib(c, true, 0x89, RBX, R15, RDI, 3, old_add);
    x64_here(c, was_empty);
    glue_pop(c, RDI);
    glue_pop(c, RBX);
    x64_alu_rr(c, false, ALU_CMP, RAX, RAX); /* ZF */
    ret(c);
    x64_here(c, none);
    x64_alu_rr(c, true, ALU_XOR, RDX, RBX); /* va */
    glue_pop(c, RDI);
    glue_pop(c, RBX);
    call_fill(c, regs, features, write);
    x64_here(c, crosses);
    ret(c);
}

static uint8_t *align_here(struct x64 *c)
{
    while ((uintptr_t)c->p & 31)
        x64_u8(c, 0xcc);
    return c->p;
}

void glue_make(struct x64 *c, struct glue *glue, const struct tr_regs *regs,
               unsigned features)
{
    glue->enter = align_here(c);
    make_enter(c, regs);
    glue->leave = align_here(c);
    make_leave(c, regs);
    glue->probe = align_here(c);
    make_probe(c, glue->leave);
    glue->leave_at = align_here(c);
    make_leave_at(c, regs);
    glue->heat = align_here(c);
    make_heat(c, regs);
    glue->link = align_here(c);
    make_link(c, regs);
    glue->fallback = align_here(c);
    make_fallback(c, regs);
    glue->miss = align_here(c);
    make_miss(c, regs);
    glue->old[0] = align_here(c);
    make_old(c, regs, features, false);
    glue->old[1] = align_here(c);
    make_old(c, regs, features, true);
    for (unsigned write = 0; write < 2; write++) {
        glue->span[write] = align_here(c);
        glue_make_span(c, write);
    }
    align_here(c);
    glue_make_wait(c, glue);
    align_here(c);
}
