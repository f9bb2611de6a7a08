// SPDX-License-Identifier: Apache-2.0
/*
 * The interpreter's loop. Records are called one after the other; a jump cache
 * by virtual address finds the next block without a translation. An entry
 * holds while the TLB's tag does: every TLBI, context change and IC IVAU that
 * could matter moves it.
 */

#include "accel/soft/interp.h"

#include <stdatomic.h>
#include <string.h>

#include "accel/accel.h"
#include "accel/soft/block.h"
#include "accel/soft/exc.h"
#include "accel/soft/mmu.h"
#include "accel/soft/step.h"
#include "accel/soft/timer.h"
#include "base/heap.h"
#include "host/host.h"

enum { JUMP_BITS = 12, BLOCKS_PER_TIMER_LOOK = 256 };

struct jump {
    uint64_t pc;
    uint32_t tag; /* 0: empty */
    uint32_t mode;
    const struct block *blk;
};

struct interp {
    struct jump jumps[1 << JUMP_BITS];
    struct block_cache *cache; /* owned */
    uint32_t epoch;            /* of the cache when jumps was last emptied */
    union {
        struct block blk;
        uint8_t room[sizeof(struct block) + 2 * sizeof(struct insn)];
    } one; /* for interp_step */
};

struct interp *interp_new(void)
{
    struct interp *in = heap_zalloc(sizeof(*in));

    if (!in)
        return NULL;
    in->cache = block_cache_new();
    if (!in->cache) {
        heap_free(in);
        return NULL;
    }
    return in;
}

void interp_free(struct interp *in)
{
    if (!in)
        return;
    block_cache_free(in->cache);
    heap_free(in);
}

void interp_stay_small(struct interp *in)
{
    block_cache_stay_small(in->cache);
}

struct block *interp_block(struct cpu *cpu, gpa_t pa, const uint8_t *host,
                           uint32_t gen)
{
    struct interp *in = cpu->interp;
    struct block *blk = block_get(in->cache, pa, host, gen, cpu->mode);

    if (in->epoch != block_epoch(in->cache)) {
        memset(in->jumps, 0, sizeof(in->jumps));
        in->epoch = block_epoch(in->cache);
    }
    return blk;
}

/* NULL after an instruction abort was taken. */
static const struct block *lookup_slow(struct cpu *cpu, struct jump *j)
{
    const struct block *blk;
    const uint8_t *host;
    gpa_t pa;

    if (!mmu_fetch(cpu, cpu->pc, &pa, &host))
        return NULL;
    blk = interp_block(cpu, pa, host, mmu_code_hold(cpu->vm, pa));
    if (!(cpu->mode & MODE_ALWAYS_CHECK)) {
        *j = (struct jump){
            .pc = cpu->pc, .tag = cpu->tlb->tag, .mode = cpu->mode, .blk = blk};
    }
    return blk;
}

static inline const struct block *lookup(struct cpu *cpu)
{
    struct jump *j = &cpu->interp->jumps[cpu->pc >> 2 & ((1 << JUMP_BITS) - 1)];

    if (likely(j->pc == cpu->pc && j->tag == cpu->tlb->tag &&
               j->mode == cpu->mode))
        return j->blk;
    return lookup_slow(cpu, j);
}

static inline void run_block(struct cpu *cpu, const struct block *blk)
{
    const struct insn *i = blk->insn, *last;

    cpu->blk = blk;
    cpu->blk_pc = cpu->pc;
    do {
        last = i;
        i = i->fn(cpu, i);
    } while (likely(i != NULL));
    cpu->insns += (uint64_t)MIN(last - blk->insn + 1, (ptrdiff_t)blk->count);
    cpu->blocks++;
}

/* D1.3.5, D1.3.4: what is checked before an instruction is even fetched. */
bool interp_pc_is_bad(struct cpu *cpu)
{
    if (likely(!(cpu->pc & 3) && !cpu->il))
        return false;
    if (cpu->il)
        exc_illegal(cpu);
    else
        exc_pc_align(cpu);
    return true;
}

void interp_run_block(struct cpu *cpu, const struct block *blk)
{
    run_block(cpu, blk);
}

void interp_once(struct cpu *cpu)
{
    const struct block *blk = lookup(cpu);

    if (blk)
        run_block(cpu, blk);
}

void interp_step(struct cpu *cpu)
{
    struct block *one = &cpu->interp->one.blk;
    const uint8_t *host;
    gpa_t pa;

    if (interp_pc_is_bad(cpu) || !mmu_fetch(cpu, cpu->pc, &pa, &host))
        return;
    block_decode(one, pa, host, cpu->mode, 1);
    run_block(cpu, one);
}

/* LDXR, LDXP, LDAXR and their narrow forms; not CASP, which looks alike. */
static bool is_load_exclusive(uint32_t word)
{
    return (word & 0x3fc00000) == 0x08400000 &&
           (BIT(word, 31) || !BIT(word, 21));
}

static void debug_step(struct cpu *cpu)
{
    if (step_before(cpu) || !step_is_active(cpu))
        return;
    interp_step(cpu);
    if (!cpu->mmio.waiting)
        step_after(cpu, is_load_exclusive(cpu->interp->one.blk.insn->word));
}

static void take_interrupt(struct cpu *cpu)
{
    if (cpu->fiq_line && !(cpu->daif & 1))
        exc_fiq(cpu);
    else if (cpu->irq_line && !(cpu->daif & 2))
        exc_irq(cpu);
}

static void forget(struct cpu *cpu, uint32_t bits)
{
    atomic_fetch_and(&cpu->attention, ~bits);
}

static void look_at_timer(struct cpu *cpu)
{
    if (cpu->timer_deadline_ns != UINT64_MAX &&
        cpu->timer_deadline_ns <= host_mono_ns())
        timer_update(cpu);
}

static bool attend(struct cpu *cpu)
{
    uint32_t why = cpu->attention;

    if (why & ATT_EXIT) {
        forget(cpu, ATT_EXIT);
        cpu->exit_pending = false;
        return false;
    }
    if (why & ATT_KICK) {
        forget(cpu, ATT_KICK);
        cpu->exit->kind = EXIT_KICKED;
        return false;
    }
    if (why & ATT_WORK) {
        forget(cpu, ATT_WORK);
        mmu_do_work(cpu);
    }
    if (why & ATT_IRQ) {
        forget(cpu, ATT_IRQ);
        take_interrupt(cpu);
    }
    if (why & ATT_TIMER) {
        forget(cpu, ATT_TIMER);
        timer_update(cpu);
    }
    if (why & ATT_STEP) {
        forget(cpu, ATT_STEP);
        debug_step(cpu);
        step_changed(cpu);
    }
    return true;
}

/* While debugging is on, no block may be entered: all goes by steps, here. */
bool interp_attend(struct cpu *cpu)
{
    while (attend(cpu)) {
        if (likely(!step_is_active(cpu)))
            return true;
        look_at_timer(cpu);
    }
    return false;
}

void interp_run(struct cpu *cpu, uint64_t max_insns)
{
    uint64_t stop_at = sat_add64(cpu->insns, max_insns);
    unsigned until_look = 1;
    const struct block *blk;

    for (;;) {
        if (unlikely(--until_look == 0)) {
            look_at_timer(cpu);
            until_look = BLOCKS_PER_TIMER_LOOK;
        }
        if (unlikely(cpu->attention) && !interp_attend(cpu))
            return;
        if (unlikely(cpu->insns >= stop_at)) {
            cpu->exit->kind = EXIT_KICKED;
            return;
        }
        if (unlikely(interp_pc_is_bad(cpu)))
            continue;
        blk = lookup(cpu);
        if (unlikely(!blk))
            continue;
        if (unlikely(blk->count > stop_at - cpu->insns))
            interp_step(cpu);
        else
            run_block(cpu, blk);
    }
}
