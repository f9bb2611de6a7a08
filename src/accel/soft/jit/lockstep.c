// SPDX-License-Identifier: Apache-2.0
/*
 * Both tiers, block by block. Tier 0 runs a block dry (dry.h): its registers
 * and what it stored are kept, then all of it is undone. Tier 1 runs the block
 * for good, and what it left is compared. After a difference the block's
 * prefixes are run the same way, and the shortest that differs names the
 * instruction; if none does, a device wrote to memory in between.
 *
 * A loop may be translated as a whole. Tier 1 finds attention asked for, so
 * that it leaves at the loop's poll, after one round or two; tier 0 runs both
 * ways, and one of them must agree.
 *
 * Not compared: accesses to devices, and the instructions that do something to
 * the world outside of the registers and memory (is_plain). They are run once.
 */

#include <inttypes.h>

#include "accel/accel.h"
#include "accel/soft/decode.h"
#include "accel/soft/dry.h"
#include "accel/soft/fpsr.h"
#include "accel/soft/interp.h"
#include "accel/soft/jit/debug.h"
#include "accel/soft/jit/trace.h"
#include "accel/soft/mmu.h"
#include "accel/soft/sysreg.h"
#include "base/heap.h"

/* What an instruction can change of a CPU, but for attention and caches. */
struct regs {
    uint64_t x[32], pc, pstate, sp_el[2], excl[4];
    union vreg v[32];
    struct fp_env fp;
    uint64_t sys[NUM_SYSREGS];
    uint64_t insns, blocks;
};

struct decoded {
    uint32_t gen;
    bool is_valid, is_compared;
    union {
        struct block blk;
        uint8_t room[sizeof(struct block) +
                     (BLOCK_MAX_INSNS + 1) * sizeof(struct insn)];
    } u;
};

enum { DECODED_BITS = 10 };

struct outcome {
    struct regs regs;
    struct dry_run dry;
};

struct lockstep {
    struct cpu *cpu;
    struct jit_cache *cache;
    struct regs before, tier_1;
    struct outcome once, twice; /* tier 0's, by rounds of the block */
    bool has_twice;             /* the block leads to itself */
    struct decoded decoded[1 << DECODED_BITS];
    struct decoded prefix;
};

static void save(const struct cpu *cpu, struct regs *r)
{
    memcpy(r->x, cpu->x, sizeof(r->x));
    r->pc = cpu->pc;
    r->pstate = cpu_pstate(cpu);
    r->sp_el[0] = cpu_sp_get(cpu, 0);
    r->sp_el[1] = cpu_sp_get(cpu, 1);
    r->excl[0] = cpu->excl_size;
    r->excl[1] = cpu->excl_pa;
    memcpy(r->excl + 2, cpu->excl_val, sizeof(cpu->excl_val));
    memcpy(r->v, cpu->v, sizeof(r->v));
    r->fp = cpu->fp;
    memcpy(r->sys, cpu->sys, sizeof(r->sys));
    r->insns = cpu->insns;
    r->blocks = cpu->blocks;
}

static void restore(struct cpu *cpu, const struct regs *r)
{
    memcpy(cpu->sys, r->sys, sizeof(r->sys));
    cpu->fp = r->fp;
    cpu_set_pstate(cpu, r->pstate);
    memcpy(cpu->x, r->x, sizeof(r->x));
    cpu_sp_set(cpu, 0, r->sp_el[0]);
    cpu_sp_set(cpu, 1, r->sp_el[1]);
    cpu->pc = r->pc;
    cpu->excl_size = (uint8_t)r->excl[0];
    cpu->excl_pa = r->excl[1];
    memcpy(cpu->excl_val, r->excl + 2, sizeof(cpu->excl_val));
    memcpy(cpu->v, r->v, sizeof(r->v));
    cpu->insns = r->insns;
    cpu->blocks = r->blocks;
    mmu_context_changed(cpu);
}

/* A block of plain instructions, or of a single one that is not. */
static void decode(struct decoded *d, gpa_t pa, const uint8_t *host,
                   uint32_t mode, unsigned max)
{
    unsigned n = 0;

    block_decode(&d->u.blk, pa, host, mode, max);
    while (n < d->u.blk.count && trace_is_plain(&d->u.blk.insn[n])) {
        if (!trace_may_have(&d->u.blk.insn[n++]))
            break;
    }
    d->is_compared = n > 0;
    if (n < d->u.blk.count)
        block_decode(&d->u.blk, pa, host, mode, MAX(n, 1u));
    d->is_valid = true;
}

static struct decoded *decoded_at(struct lockstep *ls, gpa_t pa,
                                  const uint8_t *host, uint32_t gen)
{
    uint32_t mode = ls->cpu->mode;
    uint64_t h = (pa >> 2 ^ (uint64_t)mode << 40) * 0x9e3779b97f4a7c15ull;
    struct decoded *d = &ls->decoded[h >> (64 - DECODED_BITS)];

    if (d->is_valid && d->u.blk.pa == pa && d->u.blk.mode == mode &&
        d->gen == gen)
        return d;
    decode(d, pa, host, mode, BLOCK_MAX_INSNS);
    d->gen = gen;
    return d;
}

static void undo(struct lockstep *ls, const struct dry_run *dry)
{
    for (unsigned n = dry->num; n--;)
        memcpy(dry->store[n].host, dry->store[n].before, dry->store[n].bytes);
    restore(ls->cpu, &ls->before);
}

static void undo_longest(struct lockstep *ls)
{
    undo(ls, ls->has_twice ? &ls->twice.dry : &ls->once.dry);
}

/* Leaves everything as it was. */
static void run_rounds(struct lockstep *ls, const struct block *blk,
                       struct outcome *o, unsigned rounds)
{
    struct cpu *cpu = ls->cpu;
    struct dry_run *dry = &o->dry;

    dry->tlb = cpu->tlb;
    dry->tlb_unpriv = cpu->tlb_unpriv;
    dry->abandoned = false;
    dry->num = 0;
    cpu->tlb = cpu->tlb_unpriv = mmu_no_tlb(cpu);
    cpu->dry = dry;
    do
        interp_run_block(cpu, blk);
    while (--rounds && !dry->abandoned);
    cpu->dry = NULL;
    save(cpu, &o->regs);
    for (unsigned n = 0; n < dry->num; n++)
        memcpy(dry->store[n].after, dry->store[n].host, dry->store[n].bytes);
    undo(ls, dry);
}

/* False: something in it cannot be undone. */
static bool run_dry(struct lockstep *ls, const struct block *blk)
{
    run_rounds(ls, blk, &ls->once, 1);
    ls->has_twice =
        !ls->once.dry.abandoned && ls->once.regs.pc == ls->before.pc;
    if (ls->has_twice)
        run_rounds(ls, blk, &ls->twice, 2);
    return !ls->once.dry.abandoned &&
           !(ls->has_twice && ls->twice.dry.abandoned);
}

static void run_tier_1(struct lockstep *ls, const struct jblock *b)
{
    struct cpu *cpu = ls->cpu;
    uint32_t exit;

    cpu->page_base = cpu->pc & ~4095ull;
    cpu_attend(cpu, ATT_LOOK);
    exit = jit_cache_enter(ls->cache, cpu, b);
    atomic_fetch_and(&cpu->attention, ~(uint32_t)ATT_LOOK);
    if (exit)
        cpu->pc = cpu->page_base +
                  (uint64_t)jit_cache_exit_target(ls->cache, exit - 1);
    fpsr_gather(cpu);
    save(cpu, &ls->tier_1);
}

/* ---- comparing ---- */

struct difference {
    char name[32];
    uint64_t tier_0, tier_1;
};

static bool differ(struct difference *d, const char *name, int n, uint64_t a,
                   uint64_t b)
{
    if (a == b)
        return false;
    if (n < 0)
        snprintf(d->name, sizeof(d->name), "%s", name);
    else
        snprintf(d->name, sizeof(d->name), "%s%d", name, n);
    d->tier_0 = a;
    d->tier_1 = b;
    return true;
}

/* The underflow that translated code does not see (docs/isa-deviations.md,
   tininess): tier 0 alone has it. */
static uint64_t tiny(const struct regs *a, const struct regs *b)
{
    bool inexact = a->fp.fpsr & b->fp.fpsr & FPSR_IXC;

    return inexact ? a->fp.fpsr & ~b->fp.fpsr & FPSR_UFC : 0;
}

static bool registers_differ(const struct regs *a, const struct regs *b,
                             struct difference *d)
{
    for (unsigned n = 0; n < 31; n++) {
        if (differ(d, "x", (int)n, a->x[n], b->x[n]))
            return true;
    }
    for (unsigned n = 0; n < 32; n++) {
        if (differ(d, "low half of v", (int)n, a->v[n].d[0], b->v[n].d[0]) ||
            differ(d, "high half of v", (int)n, a->v[n].d[1], b->v[n].d[1]))
            return true;
    }
    for (unsigned n = 0; n < NUM_SYSREGS; n++) {
        if (differ(d, "system register ", (int)n, a->sys[n], b->sys[n]))
            return true;
    }
    return differ(d, "PC", -1, a->pc, b->pc) ||
           differ(d, "PSTATE", -1, a->pstate, b->pstate) ||
           differ(d, "SP_EL0", -1, a->sp_el[0], b->sp_el[0]) ||
           differ(d, "SP_EL1", -1, a->sp_el[1], b->sp_el[1]) ||
           differ(d, "monitor", -1, a->excl[0], b->excl[0]) ||
           differ(d, "FPCR", -1, a->fp.fpcr, b->fp.fpcr) ||
           differ(d, "FPSR", -1, a->fp.fpsr & ~tiny(a, b), b->fp.fpsr);
}

static bool memory_differs(const struct dry_run *dry, struct difference *d)
{
    for (unsigned n = 0; n < dry->num; n++) {
        for (unsigned k = 0; k < dry->store[n].bytes; k++) {
            if (differ(d, "memory byte ", (int)k, dry->store[n].after[k],
                       dry->store[n].host[k]))
                return true;
        }
    }
    return false;
}

static bool differs(const struct lockstep *ls, const struct outcome *o,
                    struct difference *d)
{
    return registers_differ(&o->regs, &ls->tier_1, d) ||
           memory_differs(&o->dry, d);
}

static bool outcomes_differ(const struct lockstep *ls, struct difference *d)
{
    return differs(ls, &ls->once, d) &&
           !(ls->has_twice && !differs(ls, &ls->twice, d));
}

/* ---- what to do about it ---- */

static void report(struct lockstep *ls, unsigned n, const struct difference *d)
{
    const struct block *blk = &ls->prefix.u.blk;
    char text[96];

    a64_print(blk->insn[n].word, text, sizeof(text));
    debug_stop(ls->cpu,
               "lockstep: %s is %#" PRIx64 " in tier 0, %#" PRIx64
               " in tier 1 after %08x %s at %#" PRIx64
               ", instruction %u of the block at physical %#" PRIx64,
               d->name, d->tier_0, d->tier_1, blk->insn[n].word, text,
               ls->before.pc + 4 * n, n, blk->pa);
}

/* The prefixes of the block that differed, from what was before it. */
static void bisect(struct lockstep *ls, const struct block *blk,
                   const uint8_t *host, uint32_t gen)
{
    struct difference d;

    for (unsigned n = 1; n <= blk->count; n++) {
        const struct jblock *b;

        undo_longest(ls);
        decode(&ls->prefix, blk->pa, host, blk->mode, n);
        b = jit_cache_add(ls->cache, &ls->prefix.u.blk, gen);
        if (!run_dry(ls, &ls->prefix.u.blk) || !b)
            continue;
        run_tier_1(ls, b);
        if (outcomes_differ(ls, &d)) {
            report(ls, n - 1, &d);
            return;
        }
    }
    jit_cache_flush(ls->cache); /* the prefixes are not to be found */
}

static struct jblock *translated(struct lockstep *ls, const struct block *blk,
                                 const uint8_t *host, uint32_t gen)
{
    struct jblock *b = jit_cache_find(ls->cache, blk->pa, blk->mode, host, gen);

    return b ? b : jit_cache_add(ls->cache, blk, gen);
}

static void run_one(struct lockstep *ls)
{
    struct cpu *cpu = ls->cpu;
    struct difference diff;
    const struct decoded *d;
    const struct jblock *b;
    const uint8_t *host;
    uint32_t gen;
    gpa_t pa;

    if (!mmu_fetch(cpu, cpu->pc, &pa, &host))
        return;
    gen = mmu_code_hold(cpu->vm, pa);
    d = decoded_at(ls, pa, host, gen);
    fpsr_gather(cpu);
    save(cpu, &ls->before);
    if (d->is_compared && !run_dry(ls, &d->u.blk)) {
        interp_run_block(cpu, &d->u.blk);
        return;
    }
    b = translated(ls, &d->u.blk, host, gen);
    if (!b) {
        interp_run_block(cpu, &d->u.blk);
        return;
    }
    run_tier_1(ls, b);
    if (d->is_compared && outcomes_differ(ls, &diff))
        bisect(ls, &d->u.blk, host, gen);
}

struct lockstep *lockstep_new(struct cpu *cpu, struct jit_cache *cache)
{
    struct lockstep *ls = heap_zalloc(sizeof(*ls));

    if (ls) {
        ls->cpu = cpu;
        ls->cache = cache;
    }
    return ls;
}

void lockstep_free(struct lockstep *ls)
{
    heap_free(ls);
}

void lockstep_run(struct lockstep *ls)
{
    struct cpu *cpu = ls->cpu;

    for (;;) {
        if (cpu->attention && !interp_attend(cpu))
            return;
        if (cpu->code_changed) {
            cpu->code_changed = false;
            jit_cache_check(ls->cache, cpu->vm);
        }
        if (interp_pc_is_bad(cpu))
            continue;
        if (cpu->mode & MODE_ALWAYS_CHECK)
            interp_once(cpu);
        else
            run_one(ls);
    }
}
