// SPDX-License-Identifier: Apache-2.0
/* Which way hot code goes, as far as its words say. */

#include "accel/soft/jit/trace.h"

#include "accel/soft/code_word.h"
#include "accel/soft/decode.h"
#include "accel/soft/jit/cache.h"
#include "accel/soft/mmu.h"
#include "accel/soft/sysreg.h"

enum { LINK = 30, MAX_CALLS = 6, MAX_REACH = 1 << 28 };
enum { MIN_CUT = 8 /* instructions of a part that ends for want of room */ };

bool trace_is_plain(const struct insn *i)
{
    const struct sysreg_def *r;

    switch (i->op) {
    case OP_WFE:
    case OP_WFI:
    case OP_SEV:
    case OP_SEVL:
    case OP_ISB:
    case OP_DSB:
    case OP_HVC:
    case OP_SMC:
    case OP_ERET:
        return false;
    case OP_SYS:
        return sys_is_clean((unsigned)i->imm) || sys_is_zva((unsigned)i->imm);
    case OP_MRS:
        r = &sysregs[i->imm];
        return r->plain_read_el < 2 || r->key == KEY_DAIF ||
               r->key == KEY_SP_EL0;
    case OP_MSR:
        r = &sysregs[i->imm];
        return r->plain_write_el < 2 || r->key == KEY_DAIF ||
               r->key == KEY_SP_EL0;
    default:
        return true;
    }
}

bool trace_may_have(const struct insn *i)
{
    switch (i->op) {
    case OP_MSR:
    case OP_MSR_SPSel:
    case OP_MSR_SSBS:
    case OP_MSR_DIT:
    case OP_MSR_DAIFSet:
    case OP_MSR_DAIFClr:
        return false;
    default:
        return trace_is_plain(i);
    }
}

bool trace_is_conditional(const struct insn *i)
{
    return a64_is_cond_branch(i) && (i->op != OP_B_cond || FIELD(i, 3, 0) < 14);
}

struct trace_part trace_start(const struct block *start)
{
    return (struct trace_part){.off = (int32_t)(start->pa & 4095),
                               .top = INT32_MIN,
                               .end = (uint16_t)start->count,
                               .way = TRACE_START,
                               .pa = start->pa};
}

/* ---- going on ---- */

struct call {
    int32_t entry; /* offset of the callee */
    int32_t back;
    unsigned part; /* its first */
};

struct builder {
    struct trace *trace;
    struct cpu *cpu;
    struct jit_cache *cache;
    uint64_t base; /* virtual address of the first part's page */
    const uint8_t *page[TRACE_MAX_PARTS]; /* each part's */
    struct call calls[MAX_CALLS];
    unsigned num_calls;
    bool is_known; /* X30 is what the last BL wrote */
};

static int32_t off_of(const struct trace_part *p, unsigned idx)
{
    return p->off + 4 * (int32_t)(idx - p->first);
}

static struct trace_part *last_part(struct trace *trace)
{
    return &trace->part[trace->num - 1];
}

/* Any V register of that number as well: it makes no difference. */
static bool may_write_link(const struct insn *i)
{
    return i->rd == LINK || i->rn == LINK || i->rm == LINK || i->ra == LINK;
}

static void follow_link(struct builder *b, const struct trace_part *p)
{
    for (unsigned n = p->first; n + 1u < p->end; n++) {
        if (may_write_link(&trace_block(b->trace)->insn[n]))
            b->is_known = false;
    }
}

/* Does the trace have the place since the call it is in? Then it goes round. */
static bool goes_round(const struct builder *b, int32_t off)
{
    unsigned first = b->num_calls ? b->calls[b->num_calls - 1].part : 0;

    for (unsigned n = first; n < b->trace->num; n++) {
        const struct trace_part *p = &b->trace->part[n];

        if (off >= p->off && off < off_of(p, p->end))
            return true;
    }
    return off == b->trace->part[0].off;
}

static bool is_recursive(const struct builder *b, int32_t off)
{
    for (unsigned n = 0; n < b->num_calls; n++) {
        if (b->calls[n].entry == off)
            return true;
    }
    return off == b->trace->part[0].off;
}

static bool is_within_reach(int64_t off)
{
    return off > -MAX_REACH && off < MAX_REACH;
}

/* The way that a direct branch at the end of the last part goes. */
static bool follow_jump(struct builder *b, const struct insn *i,
                        enum trace_way way, struct trace_part *next)
{
    const struct trace_part *p = last_part(b->trace);
    unsigned idx = p->end - 1u;
    int32_t at = off_of(p, idx);
    int64_t to = at + (int64_t)(i->imm - 4 * idx);

    if (!is_within_reach(to))
        return false;
    next->off = (int32_t)to;
    next->way = (uint8_t)way;
    if (i->op != OP_BL)
        return !goes_round(b, next->off);
    if (b->num_calls == MAX_CALLS || is_recursive(b, next->off))
        return false;
    b->calls[b->num_calls++] = (struct call){
        .entry = next->off, .back = at + 4, .part = b->trace->num};
    b->is_known = true;
    return true;
}

static bool follow_return(struct builder *b, const struct insn *i,
                          struct trace_part *next)
{
    if (i->rn != LINK || !b->num_calls)
        return false;
    next->off = b->calls[--b->num_calls].back;
    next->way = b->is_known ? TRACE_RETURN : TRACE_MAY_RETURN;
    b->is_known = false; /* of the call that it is in now */
    return true;
}

/* Nothing is known to have gone on behind the branch. */
static bool is_taken(const struct builder *b, const struct trace_part *p,
                     unsigned n)
{
    const struct block *blk = trace_insns(b->trace);

    return trace_is_conditional(&blk->insn[n]) &&
           jit_cache_is_taken(b->cache, b->cpu, p->pa, n - p->first);
}

static bool follow(struct builder *b, struct trace_part *next)
{
    const struct trace_part *p = last_part(b->trace);
    const struct insn *i = &trace_block(b->trace)->insn[p->end - 1];

    switch (i->op) {
    case OP_B:
    case OP_BL:
        return follow_jump(b, i, TRACE_JUMP, next);
    case OP_RET:
        return follow_return(b, i, next);
    default:
        return is_taken(b, p, p->end - 1u) &&
               follow_jump(b, i, TRACE_TAKEN, next);
    }
}

/* The part's page, as another part has found it, or for the first time: then it
   is noted before its words are read. */
static bool find_page(struct builder *b, struct trace_part *next,
                      const uint8_t **page)
{
    uint64_t va = b->base + (uint64_t)(int64_t)trace_page(next->off);

    for (unsigned n = 0; n < b->trace->num; n++) {
        const struct trace_part *p = &b->trace->part[n];

        if (trace_page(p->off) != trace_page(next->off))
            continue;
        *page = b->page[n];
        next->pa = (p->pa & ~4095ull) | (next->off & 4095);
        return true;
    }
    next->is_new_page = true;
    if (!mmu_fetch_quietly(b->cpu, va, &next->pa, page))
        return false;
    mmu_code_hold(b->cpu->vm, next->pa);
    next->pa |= next->off & 4095;
    return true;
}

/* Back to the trace's start: what is behind it is the way out of a loop. */
static bool closes(const struct builder *b, const struct trace_part *p,
                   unsigned n)
{
    const struct insn *i = &trace_insns(b->trace)->insn[n];
    int64_t disp = (int64_t)(i->imm - 4 * n);

    return trace_is_conditional(i) &&
           off_of(p, n) + disp == b->trace->part[0].off;
}

/* False: it is not to be in a trace. */
static bool decode(struct builder *b, struct trace_part *next,
                   const uint8_t *page)
{
    struct block *blk = trace_block(b->trace);
    unsigned n = blk->count, at = (unsigned)next->off & 4095;
    bool end = false;

    next->first = (uint16_t)n;
    for (; n < TRACE_MAX_INSNS && at < 4096 && !end; n++, at += 4) {
        end = a64_decode(code_word(page + at), 4 * n, blk->mode & MODE_FP,
                         &blk->insn[n]) ||
              closes(b, next, n) || is_taken(b, next, n);
        if (!trace_may_have(&blk->insn[n]))
            return false;
    }
    next->end = (uint16_t)n;
    return end || n - next->first >= MIN_CUT;
}

static int32_t top_behind(const struct trace_part *p)
{
    return MAX(p->top, off_of(p, p->end - 1u));
}

static bool go_on(struct builder *b)
{
    struct trace *trace = b->trace;
    struct trace_part next = {.top = top_behind(last_part(trace))};
    const uint8_t *page;

    if (trace->num == TRACE_MAX_PARTS || !follow(b, &next) ||
        !find_page(b, &next, &page) || !decode(b, &next, page))
        return false;
    b->page[trace->num] = page;
    trace->part[trace->num++] = next;
    trace_block(trace)->count = next.end;
    follow_link(b, &next);
    return true;
}

static bool begin(struct builder *b, const struct block *start)
{
    struct block *blk = trace_block(b->trace);
    struct trace_part *p = b->trace->part;
    unsigned n = 0;
    bool end = false;

    b->trace->num = 1;
    *p = trace_start(start);
    *blk = *start;
    for (; n < start->count && !end; n++) {
        blk->insn[n] = start->insn[n];
        if (!trace_may_have(&start->insn[n]))
            return false;
        end = is_taken(b, p, n);
    }
    blk->count = n;
    p->end = (uint16_t)n;
    return true;
}

/* Does it come back to its start at its end? */
static bool is_loop(const struct builder *b)
{
    const struct trace_part *p = last_part(b->trace);
    unsigned idx = p->end - 1u;
    const struct insn *i = &trace_insns(b->trace)->insn[idx];
    int64_t to = off_of(p, idx) + (int64_t)(i->imm - 4 * idx);

    return closes(b, p, idx) || (i->op == OP_B && to == b->trace->part[0].off);
}

static bool is_behind_return(const struct trace_part *p)
{
    return p->way == TRACE_RETURN || p->way == TRACE_MAY_RETURN;
}

/* What is gained is gained by returns and by loops. What else the trace would
   have is better left to blocks of their own: fib, whose calls do not come back
   within 64 instructions, took 1.25 times as long with it. What is longer than
   a block can be is worth its translation only in a loop: gcc took 1.03 times
   as long with it. */
static void drop_the_rest(struct builder *b)
{
    struct trace *trace = b->trace;

    if (is_loop(b))
        return;
    while (trace->num > 1 && (!is_behind_return(last_part(trace)) ||
                              last_part(trace)->end > BLOCK_MAX_INSNS))
        trace->num--;
    trace_block(trace)->count = last_part(trace)->end;
}

bool trace_build(struct trace *trace, struct cpu *cpu, struct jit_cache *cache,
                 const struct block *start, const uint8_t *host)
{
    struct builder b = {
        .trace = trace, .cpu = cpu, .cache = cache, .base = cpu->pc & ~4095ull};

    b.page[0] = host - (start->pa & 4095);
    if (!begin(&b, start))
        return false;
    while (go_on(&b))
        ;
    drop_the_rest(&b);
    return trace->num > 1;
}
