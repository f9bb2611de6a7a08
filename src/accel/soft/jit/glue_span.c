// SPDX-License-Identifier: Apache-2.0
/*
 * glue.span: moves a place's span to the page it wants. What the arrays of the
 * TLB say is all it goes by: neighbours of the page that are there with the
 * same addend join.
 */

#include "accel/soft/jit/glue.h"

#include "accel/soft/mmu.h"

/* Moves that come within so many cycles are not worth it: one costs some 150.
 */
enum { TOO_SOON = 4096, MAX_PAGES = 512 };

static const uint8_t kept[] = {RAX, RBX, RSI, RDI, R8, R9, R10};

struct half {
    int32_t key, add, span, used; /* displacements from r15 */
};

static struct half half_of(bool write)
{
    size_t at = write ? offsetof(struct tlb, w) : offsetof(struct tlb, r);

    return (struct half){
        .key = (int32_t)(at + offsetof(struct tlb_half, key)),
        .add = (int32_t)(at + offsetof(struct tlb_half, add)),
        .span = (int32_t)(at + offsetof(struct tlb_half, span)),
        .used = (int32_t)(at + offsetof(struct tlb_half, span_used)),
    };
}

#define SPAN(member) ((int32_t)offsetof(struct tlb_span, member))

/* rcx = slot of the page in reg */
static void slot(struct x64 *c, unsigned reg)
{
    x64_mov(c, false, RCX, reg);
    x64_shift_imm(c, false, SH_SHR, RCX, 12);
    x64_alu_ri(c, false, ALU_AND, RCX, TLB_ENTRIES - 1);
}

/* While the page at `at` is in the arrays with the addend in r8, `edge` goes a
   page on. at is edge, or r10, which is then edge less a page. */
static void grow(struct x64 *c, const struct half *h, unsigned edge, bool down)
{
    unsigned at = down ? R10 : edge;
    uint8_t *other_key, *other_add;
    const uint8_t *top;

    x64_mov_imm(c, RAX, MAX_PAGES);
    top = c->p;
    if (down)
        x64_lea(c, true, R10, edge, -4096);
    slot(c, at);
    x64_op_sib(c, true, 0x3b, at, R15, RCX, 3, h->key); /* cmp */
    other_key = x64_jcc(c, CC_NE);
    x64_op_sib(c, true, 0x3b, R8, R15, RCX, 3, h->add);
    other_add = x64_jcc(c, CC_NE);
    x64_alu_ri(c, true, down ? ALU_SUB : ALU_ADD, edge, 4096);
    x64_alu_ri(c, false, ALU_SUB, RAX, 1);
    x64_jcc_to(c, CC_NE, top);
    x64_here(c, other_key);
    x64_here(c, other_add);
}

/* rbx to r9: the page, what the span has beside it with the same addend, and
   more of that in the arrays. */
static void find_edges(struct x64 *c, const struct half *h)
{
    uint8_t *other_add, *not_above, *not_below, *up, *edges;

    x64_alu_rm(c, true, ALU_CMP, R8, RDI, SPAN(add));
    other_add = x64_jcc(c, CC_NE);
    x64_alu_rm(c, true, ALU_CMP, RBX, RDI, SPAN(end));
    not_above = x64_jcc(c, CC_NE);
    x64_load(c, true, RBX, RDI, SPAN(first));
    up = x64_jmp(c);
    x64_here(c, not_above);
    x64_alu_rm(c, true, ALU_CMP, R9, RDI, SPAN(first));
    not_below = x64_jcc(c, CC_NE);
    x64_load(c, true, R9, RDI, SPAN(end));
    grow(c, h, RBX, true);
    edges = x64_jmp(c);
    x64_here(c, other_add);
    x64_here(c, not_below);
    grow(c, h, RBX, true);
    x64_here(c, up);
    grow(c, h, R9, false);
    x64_here(c, edges);
}

/* Notes the place in esi for C, which shall look soon. rdi: the span. */
static void note_worn(struct x64 *c)
{
    uint8_t *full;

    x64_store_imm(c, false, RDI, SPAN(wear), 0);
    x64_load(c, false, RAX, RBP, CPU(num_worn));
    x64_alu_ri(c, false, ALU_CMP, RAX, NUM_WORN);
    full = x64_jcc(c, CC_AE);
    x64_op_sib(c, false, 0x89, RSI, RBP, RAX, 2, CPU(worn));
    x64_alu_mi(c, false, ALU_ADD, RBP, CPU(num_worn), 1);
    x64_u8(c, 0xf0); /* lock or */
    x64_alu_mi(c, false, ALU_OR, RBP, CPU(attention), ATT_WORN);
    x64_here(c, full);
}

/* This move comes too soon after the last one, of any span: wear + 1; later:
   less 1, if any. Clobbers rax, rcx, rdx. */
static void wear(struct x64 *c)
{
    uint8_t *calm, *none, *done, *lasts;

    x64_u16(c, 0x310f); /* rdtsc */
    x64_mov(c, false, RCX, RAX);
    x64_alu_rm(c, false, ALU_SUB, RCX, RBP, CPU(span_when));
    x64_store(c, false, RAX, RBP, CPU(span_when));
    x64_alu_ri(c, false, ALU_CMP, RCX, TOO_SOON);
    calm = x64_jcc(c, CC_A);
    x64_alu_mi(c, false, ALU_ADD, RDI, SPAN(wear), 1);
    x64_alu_mi(c, false, ALU_CMP, RDI, SPAN(wear), TLB_SPAN_WORN);
    lasts = x64_jcc(c, CC_B);
    note_worn(c);
    done = x64_jmp(c);
    x64_here(c, calm);
    x64_alu_mi(c, false, ALU_CMP, RDI, SPAN(wear), 0);
    none = x64_jcc(c, CC_E);
    x64_alu_mi(c, false, ALU_SUB, RDI, SPAN(wear), 1);
    x64_here(c, none);
    x64_here(c, lasts);
    x64_here(c, done);
}

/* rdi = the span, esi = ecx, rdx = the VA */
static void find_span(struct x64 *c, const struct half *h)
{
    x64_mov(c, false, RSI, RCX);
    x64_op_rr(c, false, 0x1b6, RDI, RCX); /* movzx edi, cl */
    x64_op_rr(c, false, 0x69, RDI, RDI);  /* imul edi, edi, */
    x64_u32(c, sizeof(struct tlb_span));
    x64_lea_sib(c, true, RDI, R15, RDI, 0, h->span);
    x64_alu_rm(c, true, ALU_ADD, RDX, RDI, SPAN(first));
}

static void move_span(struct x64 *c, const struct half *h)
{
    x64_store(c, true, RBX, RDI, SPAN(first));
    x64_store(c, true, R9, RDI, SPAN(end));
    x64_store(c, true, R8, RDI, SPAN(add));
    x64_alu_rr(c, true, ALU_SUB, RDX, RBX);
    x64_alu_rr(c, true, ALU_SUB, R9, RBX);
    x64_load(c, false, RAX, RDI, SPAN(bytes));
    x64_alu_rr(c, true, ALU_SUB, R9, RAX);
    x64_store(c, true, R9, RDI, SPAN(room));
    x64_mov(c, false, RAX, RSI);
    x64_alu_ri(c, false, ALU_AND, RAX, 255);
    x64_op_rm(c, true, 0x1ab, RAX, R15, h->used); /* bts */
    x64_alu_mi(c, true, ALU_ADD, RBP, CPU(span_moves), 1);
}

/* ecx: t_span_arg; rdx: VA less the span's start. ZF: the address is in the
   span now. Clobbers rcx and rdx. */
void glue_make_span(struct x64 *c, bool write)
{
    struct half h = half_of(write);
    uint8_t *not_there, *done;

    for (unsigned n = 0; n < sizeof(kept); n++)
        glue_push(c, kept[n]);
    find_span(c, &h);
    slot(c, RDX);
    x64_op_sib(c, true, 0x8b, RAX, R15, RCX, 3, h.key);
    x64_alu_rr(c, true, ALU_XOR, RAX, RDX);
    x64_alu_ri(c, true, ALU_CMP, RAX, 4096);
    not_there = x64_jcc(c, CC_AE);
    x64_op_sib(c, true, 0x8b, R8, R15, RCX, 3, h.add);
    x64_mov(c, true, RBX, RDX);
    x64_alu_ri(c, true, ALU_AND, RBX, -4096);
    x64_lea(c, true, R9, RBX, 4096);
    find_edges(c, &h);
    move_span(c, &h);
    x64_mov(c, true, R8, RDX);
    wear(c);
    x64_alu_rr(c, true, ALU_CMP, R9, R8);
    x64_setcc(c, CC_B, RAX);
    done = x64_jmp(c);
    x64_here(c, not_there);
    x64_mov_imm(c, RAX, 1);
    x64_here(c, done);
    x64_u16(c, 0x01a8); /* test al, 1 */
    for (unsigned n = sizeof(kept); n--;)
        glue_pop(c, kept[n]);
    x64_u8(c, 0xc3);
}
