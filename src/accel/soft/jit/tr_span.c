// SPDX-License-Identifier: Apache-2.0
/* Tests of the TLB by spans. */

#include "accel/soft/jit/tr_span.h"

#include "accel/soft/mmu.h"

/* By size of the access; the first of each size is for all places whose base is
   SP. */
static unsigned number_for(struct tr *t, unsigned bytes)
{
    const struct tlb_span_size *s = tlb_span_sizes;
    unsigned *next;

    while (s->bytes < bytes)
        s++;
    if (t->src->insn[t->idx].rn == REG_SP)
        return s->first;
    next = &t->span_next[s - tlb_span_sizes];
    *next = *next % (s->count - 1u) + 1;
    return s->first + *next;
}

static int32_t span_at(unsigned number, bool write, size_t member)
{
    size_t half = write ? offsetof(struct tlb, w) : offsetof(struct tlb, r);

    return (int32_t)(half + offsetof(struct tlb_half, span) +
                     number * sizeof(struct tlb_span) + member);
}
#define SPAN(s, member) \
    span_at((s)->number, (s)->write, offsetof(struct tlb_span, member))

bool t_span_add(struct tr *t, unsigned va, unsigned bytes, bool write)
{
    struct tr_span *s = &t->spans[t->num_spans];

    if (!t->hot || t->runs.off || tr_mask_has(&t->plain, t->idx) ||
        t->num_spans == TR_MAX_SPANS)
        return false;
    t->num_spans++;
    *s = (struct tr_span){.again = t->insn_start,
                          .before = t->insn_put,
                          .number = (uint8_t)number_for(t, bytes),
                          .idx = (uint8_t)t->idx,
                          .bytes = (uint16_t)bytes,
                          .va = (uint8_t)va,
                          .write = write};
    x64_mov(&t->c, true, RDX, va);
    x64_alu_rm(&t->c, true, ALU_SUB, RDX, R15, SPAN(s, first));
    x64_alu_rm(&t->c, true, ALU_CMP, RDX, R15, SPAN(s, room));
    s->place = x64_jcc(&t->c, CC_A);
    x64_load(&t->c, true, RDX, R15, SPAN(s, add));
    s->back = t->c.p;
    s->fail = t_tlb_bail(t, NULL, write);
    return true;
}

static void finish(struct tr *t, unsigned n)
{
    const struct tr_span *s = &t->spans[n];

    x64_here(&t->c, s->place);
    x64_mov_imm(&t->c, RCX, t_span_arg(s->number, t->first_site + n));
    x64_call_to(&t->c, t->glue->span[s->write]);
    t_start_again(t, s->again, &s->before);
    *s->fail = t_tlb_test(t, s->va, s->bytes, s->write);
    x64_jmp_to(&t->c, s->back);
}

void t_span_finish(struct tr *t)
{
    for (unsigned n = 0; n < t->num_spans && t_has_room(t); n++)
        finish(t, n);
}
