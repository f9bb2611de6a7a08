// SPDX-License-Identifier: Apache-2.0
/*
 * Tier 1's loop: what translated code comes back to when it does not know
 * where to go on. A block's first executions are tier 0's; then it is
 * translated, entered, and its exits are linked as they are taken.
 */

#include "accel/soft/jit/jit.h"

#include <cpuid.h>
#include <errno.h>
#include <sched.h>

#include "accel/soft/decode.h"
#include "accel/soft/fpsr.h"
#include "accel/soft/interp.h"
#include "accel/soft/jit/cache.h"
#include "accel/soft/jit/debug.h"
#include "accel/soft/jit/em_fp_est.h"
#include "accel/soft/jit/jump.h"
#include "accel/soft/jit/simd_const.h"
#include "accel/soft/jit/translate.h"
#include "accel/soft/mmu.h"
#include "base/heap.h"

enum { RUNS_IN_TIER_0 = 3, NO_EXIT = 0, MISSED_BITS = 8 };
enum { ROOMY = 8 << 20 /* bytes of code that hardly ever are full */ };
enum { MAX_DOUBLINGS = 12, CHAOS_DOUBLINGS = 3 /* it means to translate */ };

struct jit {
    /* By whether FPCR is plain, as the probe does not look at the mode. What
       else of the mode can change under one TLB empties them. */
    struct jit_jumps jumps[2];
    uint32_t mode;           /* that cpu->jumps is for */
    struct jit_cache *cache; /* owned */
    uint32_t epoch;          /* of the cache when jumps was last emptied */
    uint64_t fallbacks[NUM_A64_OPS + 2];
    struct insn missed[1 << MISSED_BITS]; /* decoded for bails, by word */
    uint32_t runs_in_tier_0; /* of a block, before it is translated */
    uint64_t link_pc;        /* where the exit that wants a link leads to */
    uint64_t entries;        /* into translated code */
    uint64_t fills;          /* of the TLB, asked for by translated code */
    uint64_t cold;           /* blocks run by tier 0 */
    uint64_t lookups;        /* what no jump cache had */
    struct tier tier;
    uint64_t dice;             /* of chaos */
    FILE *perf_map;            /* owned, or NULL */
    struct lockstep *lockstep; /* owned, or NULL */
    struct trace trace;        /* the one that is made */
};

static bool os_saves_ymm(void)
{
    unsigned lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (lo & 6) == 6;
}

static bool os_saves_zmm(void)
{
    unsigned lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (lo & 0xe6) == 0xe6;
}

unsigned jit_host_features(void)
{
    unsigned a, b, c, d, c1, found = 0;

    if (!__get_cpuid(1, &a, &b, &c1, &d))
        return 0;
    if (c1 & bit_SSE4_2)
        found |= JIT_SSE42;
    if (__get_cpuid(0x80000001, &a, &b, &c, &d) && c & bit_ABM)
        found |= JIT_LZCNT;
    if (!(c1 & bit_OSXSAVE) || !os_saves_ymm() ||
        !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2))
        return found;
    found |= JIT_AVX2;
    if (b & bit_BMI && b & bit_BMI2)
        found |= JIT_BMI;
    if (c1 & bit_FMA)
        found |= JIT_FMA;
    if (c1 & bit_AES)
        found |= JIT_AES;
    if (c1 & bit_PCLMUL)
        found |= JIT_PCLMUL;
    if (b & bit_SHA)
        found |= JIT_SHA;
    if (b & bit_AVX512F && b & bit_AVX512VL && b & bit_AVX512BW &&
        b & bit_AVX512DQ && os_saves_zmm())
        found |= c & 1u << 12 ? JIT_AVX512 | JIT_BITALG : JIT_AVX512;
    return found;
}

bool jit_is_here(void)
{
    return true;
}

static void set_heat(struct cpu *cpu, uint32_t entries)
{
    for (unsigned n = 0; n < NUM_HEATS; n++)
        cpu->heat[n] = entries;
}

static uint32_t heat_to_be_hot(const struct jit *jit)
{
    return jit->tier.chaos ? TR_HOT_IN_CHAOS : TR_HOT;
}

/* By a read, which may set an access flag for an access that is not made after
   all, but never marks a page dirty: a first write is left to tier 0. */
static unsigned fill_tlb(struct cpu *cpu, uint64_t va, unsigned write)
{
    const struct tlb_half *half = write ? &cpu->tlb->w : &cpu->tlb->r;
    struct mmu_result res;
    uint8_t *host;

    cpu->jit->fills++;
    mmu_access(cpu, va, ACC_READ, &res);
    return !tlb_hit(half, va, 1, &host);
}

/* Decoded as if alone in its block, whose address is then its own. */
static const struct insn *run_missed(struct cpu *cpu, const uint8_t *at)
{
    exec_fn *const *executors = cpu->fn_table;
    struct insn *i;
    uint32_t word;
    int32_t off;

    memcpy(&word, at, sizeof(word));
    memcpy(&off, at + sizeof(word), sizeof(off));
    i = &cpu->jit->missed[word * 0x9e3779b1u >> (32 - MISSED_BITS)];
    if (i->word != word || !i->fn)
        a64_decode(word, 0, cpu->mode & MODE_FP, i);
    cpu->blk_pc = cpu->page_base + (uint64_t)(int64_t)off;
    cpu->blk = (const void *)((const char *)i - offsetof(struct block, insn));
    cpu->misses++;
    return executors[i->op](cpu, i);
}

static void tell_helpers(struct cpu *cpu)
{
    static jit_fill_fn *const fill = fill_tlb;
    static jit_miss_fn *const miss = run_missed;

    memcpy(&cpu->fill, &fill, sizeof(fill));
    memcpy(&cpu->miss, &miss, sizeof(miss));
    cpu->fn_table = translate_fn_table();
}

struct jit *jit_new(struct cpu *cpu, uint64_t bytes, unsigned features)
{
    struct jit *jit = heap_zalloc(sizeof(*jit));

    if (!jit)
        return NULL;
    jit->runs_in_tier_0 = RUNS_IN_TIER_0;
    cpu->est_table = est_table();
    tell_helpers(cpu);
    simd_const_init(cpu);
    cpu->jumps = &jit->jumps[0];
    set_heat(cpu, TR_HOT);
    cpu->fallbacks = jit->fallbacks;
    cpu->wait_cycles = WAIT_LEAST;
    jit->cache = jit_cache_new(bytes, &cpu->vm->jit_pool, features);
    if (!jit->cache) {
        heap_free(jit);
        return NULL;
    }
    jit_cache_set_clashes(jit->cache, cpu->vm->clashes);
    /* Where code is forgotten often, tier 0 counts how often. */
    if (bytes + cpu->vm->jit_pool >= ROOMY)
        interp_stay_small(cpu->interp);
    return jit;
}

void jit_free(struct jit *jit)
{
    if (!jit)
        return;
    if (jit->perf_map)
        fclose(jit->perf_map);
    lockstep_free(jit->lockstep);
    jit_cache_free(jit->cache);
    heap_free(jit);
}

void jit_count_insns(struct jit *jit, bool on)
{
    jit_cache_count_insns(jit->cache, on);
}

int jit_set_tier(struct cpu *cpu, const struct tier *tier)
{
    struct jit *jit = cpu->jit;
    struct tr_regs regs;

    jit->tier = *tier;
    jit->dice = tier->chaos;
    jit->runs_in_tier_0 = tier->eager || tier->paranoid ? 0 : RUNS_IN_TIER_0;
    jit_cache_set_chaos(jit->cache, tier->chaos);
    set_heat(cpu, heat_to_be_hot(jit));
    jit_cache_all_hot(jit->cache, tier->eager || tier->paranoid ||
                                      tier->kind == TIER_LOCKSTEP);
    jit_cache_allow_splits(jit->cache, !tier->copies && !tier->paranoid &&
                                           tier->kind != TIER_LOCKSTEP);
    if (tier->regs) {
        tr_regs_draw(&regs, tier->regs);
        jit_cache_set_regs(jit->cache, &regs);
    }
    if (tier->perf_map && !jit->perf_map)
        jit->perf_map = perf_map_open();
    cpu->num_worn = tier->kind == TIER_LOCKSTEP ? NUM_WORN : 0; /* no more */
    if (tier->kind == TIER_LOCKSTEP && !jit->lockstep)
        jit->lockstep = lockstep_new(cpu, jit->cache);
    return tier->kind == TIER_LOCKSTEP && !jit->lockstep ? -ENOMEM : 0;
}

static void forget_jumps(struct jit *jit)
{
    memset(jit->jumps, 0, sizeof(jit->jumps));
    jit->epoch = jit_cache_epoch(jit->cache);
}

void jit_flush(struct jit *jit)
{
    jit_cache_flush(jit->cache);
    forget_jumps(jit);
}

/* Has tier 0 run it often enough? Each time that its translation was forgotten
   it takes twice as often: where the arena is too small for what runs, most
   blocks are better not translated at all. */
static bool is_hot(const struct jit *jit, struct block *cold)
{
    return cold->heat++ >= jit->runs_in_tier_0 << cold->times;
}

static void was_translated(const struct jit *jit, struct block *cold)
{
    cold->heat = 0;
    if (cold->times < (jit->tier.chaos ? CHAOS_DOUBLINGS : MAX_DOUBLINGS))
        cold->times++;
}

/* At cpu->pc; where it is hot, with what it leads to. Not in `paranoid`, which
   compares each block with memory as it is entered. */
static struct jblock *translate_here(struct cpu *cpu, const struct block *cold,
                                     const uint8_t *host, uint32_t gen)
{
    struct jit *jit = cpu->jit;
    struct jblock *b = NULL;

    if (!jit->tier.paranoid &&
        jit_cache_is_hot(jit->cache, cold->pa, cold->mode) &&
        trace_build(&jit->trace, cpu, jit->cache, cold, host))
        b = jit_cache_add_trace(jit->cache, &jit->trace, gen);
    return b ? b : jit_cache_add(jit->cache, cold, gen);
}

static struct jit_jumps *jumps_of(struct cpu *cpu)
{
    return &cpu->jit->jumps[!!(cpu->mode & MODE_FP_PLAIN)];
}

static void note_jump(struct cpu *cpu, struct jblock *b)
{
    struct jit_jumps *jumps = jumps_of(cpu);

    *jump_far(jumps, cpu->pc) = *jump_near(jumps, cpu->pc) =
        (struct jit_jump){.pc = cpu->pc,
                          .tag = cpu->tlb->tag,
                          .mode = cpu->mode,
                          .host = jit_cache_host(cpu->jit->cache, b),
                          .blk = b};
}

/* Of the block at cpu->pc, or NULL. */
static struct jblock *find_noted(struct cpu *cpu)
{
    struct jit_jumps *jumps = jumps_of(cpu);
    struct jit_jump *near = jump_near(jumps, cpu->pc);
    const struct jit_jump *far = jump_far(jumps, cpu->pc);
    uint32_t tag = cpu->tlb->tag;

    if (likely(jump_is_for(near, cpu, tag)))
        return near->blk;
    if (!jump_is_for(far, cpu, tag))
        return NULL;
    *near = *far;
    return near->blk;
}

/* NULL: tier 0 has run something, or an abort was taken. */
static struct jblock *find_slow(struct cpu *cpu)
{
    struct jit *jit = cpu->jit;
    struct block *cold;
    struct jblock *b;
    const uint8_t *host;
    uint32_t gen;
    bool is_due;
    gpa_t pa;

    jit->lookups++;
    if (!mmu_fetch(cpu, cpu->pc, &pa, &host))
        return NULL;
    gen = mmu_code_hold(cpu->vm, pa);
    b = jit_cache_find(jit->cache, pa, cpu->mode, host, gen);
    if (!b) {
        cold = interp_block(cpu, pa, host, gen);
        is_due = cold->times && jit_cache_is_due(jit->cache, pa, cpu->mode);
        if (!is_due && !is_hot(jit, cold)) {
            interp_run_block(cpu, cold);
            jit->cold++;
            return NULL;
        }
        b = translate_here(cpu, cold, host, gen);
        if (jit->epoch != jit_cache_epoch(jit->cache))
            forget_jumps(jit);
        if (!b) {
            interp_run_block(cpu, cold);
            return NULL;
        }
        if (!is_due)
            was_translated(jit, cold);
        perf_map_add(jit->perf_map, jit->cache, b, cpu->pc);
    }
    if (jit->tier.paranoid)
        return debug_verify(cpu, jit->cache, b, host) ? b : NULL;
    note_jump(cpu, b);
    return b;
}

/* Runs translated code from cpu->pc on as long as it finds its way itself.
   `exit` is the number + 1 of the exit that led here, to be linked. */
static void follow_mode(struct cpu *cpu)
{
    struct jit *jit = cpu->jit;

    if ((cpu->mode ^ jit->mode) & MODE_FP)
        forget_jumps(jit);
    cpu->jumps = jumps_of(cpu);
    jit->mode = cpu->mode;
}

/* The jump cache must not lead to it. */
static void forget_jumps_to(struct jit *jit, const struct jblock *b)
{
    for (unsigned n = 0; n < ARRAY_LEN(jit->jumps); n++)
        jumps_drop(&jit->jumps[n], b->pa, b);
}

/* What translated code asks the translator for, by numbers that a flush makes
   meaningless. */
static void serve_code(struct cpu *cpu)
{
    struct jit *jit = cpu->jit;

    if (cpu->hot_block) {
        cpu->heat[cpu->hot_block % NUM_HEATS] = heat_to_be_hot(jit);
        forget_jumps_to(jit, jit_cache_heat(jit->cache, cpu->hot_block));
    }
    cpu->hot_block = 0;
    if (!cpu->num_worn)
        return;
    for (unsigned n = 0; n < cpu->num_worn; n++)
        forget_jumps_to(jit, jit_cache_worn(jit->cache, cpu->worn[n] >> 8));
    cpu->num_worn = 0;
    atomic_fetch_and(&cpu->attention, ~(uint32_t)ATT_WORN);
}

/* Tier 0 goes on in the middle of the block, at cpu->pc. */
static void split(struct cpu *cpu, struct jblock *b, bool often)
{
    struct jit *jit = cpu->jit;
    const uint8_t *host;
    uint32_t gen;
    gpa_t pa;

    serve_code(cpu); /* before the copies, for which all may be flushed */
    if (!mmu_fetch(cpu, cpu->pc, &pa, &host))
        return;
    gen = mmu_code_hold(cpu->vm, pa);
    if (often && (b->pa ^ pa) < 4096 && b->mode == cpu->mode) {
        jit_cache_copy_runs(jit->cache, b,
                            interp_block(cpu, b->pa, host - (pa - b->pa), gen),
                            gen);
        if (jit->epoch != jit_cache_epoch(jit->cache))
            forget_jumps(jit);
        forget_jumps_to(jit, b);
    }
    interp_run_block(cpu, interp_block(cpu, pa, host, gen));
}

/* Of what translated code returned: exits that are no links are taken. */
static uint32_t take_exit(struct cpu *cpu, uint32_t next)
{
    struct jit *jit = cpu->jit;
    struct jblock *b;
    bool often;

    if (next == NO_EXIT)
        return NO_EXIT;
    cpu->pc =
        cpu->page_base + (uint64_t)jit_cache_exit_target(jit->cache, next - 1);
    jit->link_pc = cpu->pc;
    b = jit_cache_split(jit->cache, next - 1, &often);
    if (!b)
        return next;
    split(cpu, b, often);
    return NO_EXIT;
}

static uint32_t run_translated(struct cpu *cpu, uint32_t exit)
{
    struct jit *jit = cpu->jit;
    uint32_t epoch = jit->epoch;
    struct jblock *b;

    if (cpu->mode != jit->mode)
        follow_mode(cpu);
    b = find_noted(cpu);
    if (!b)
        b = find_slow(cpu);
    if (!b)
        return NO_EXIT;
    if (exit != NO_EXIT && epoch == jit->epoch && cpu->pc == jit->link_pc &&
        !jit->tier.paranoid)
        jit_cache_link(jit->cache, exit - 1, b, cpu);
    cpu->page_base = cpu->pc & ~4095ull;
    jit->entries++;
    return take_exit(cpu, jit_cache_enter(jit->cache, cpu, b));
}

/* Now and then another thread's turn, and now and then all is forgotten. */
static bool chaos_flushed(struct jit *jit)
{
    unsigned throw;

    jit->dice ^= jit->dice << 13;
    jit->dice ^= jit->dice >> 7;
    jit->dice ^= jit->dice << 17;
    throw = jit->dice >> 32 & 0xfff;
    if (throw < 64)
        sched_yield();
    if (throw < 64 || throw >= 68)
        return false;
    jit_flush(jit);
    return true;
}

static void run_until_wanted(struct cpu *cpu)
{
    uint32_t exit = NO_EXIT;

    for (;;) {
        if (cpu->hot_block || cpu->num_worn)
            serve_code(cpu);
        if (cpu->attention && !interp_attend(cpu))
            return;
        if (cpu->code_changed) {
            cpu->code_changed = false;
            jit_cache_check(cpu->jit->cache, cpu->vm);
        }
        if (interp_pc_is_bad(cpu)) {
            exit = NO_EXIT;
            continue;
        }
        if (cpu->mode & MODE_ALWAYS_CHECK) {
            interp_once(cpu);
            exit = NO_EXIT;
            continue;
        }
        if (cpu->jit->tier.chaos && chaos_flushed(cpu->jit))
            exit = NO_EXIT;
        exit = run_translated(cpu, exit);
    }
}

void jit_run(struct cpu *cpu, uint64_t max_insns)
{
    if (max_insns != UINT64_MAX) {
        interp_run(cpu, max_insns); /* exact counts are tier 0's */
        return;
    }
    fpsr_enter();
    if (cpu->jit->lockstep)
        lockstep_run(cpu->jit->lockstep);
    else
        run_until_wanted(cpu);
    fpsr_gather(cpu);
}

static const struct {
    const char *name;
    size_t offset;
} cache_stats[] = {
    {"jit_blocks", offsetof(struct jit_cache_stats, blocks)},
    {"jit_insns", offsetof(struct jit_cache_stats, insns)},
    {"jit_bytes", offsetof(struct jit_cache_stats, bytes)},
    {"jit_links", offsetof(struct jit_cache_stats, links)},
    {"jit_far_links", offsetof(struct jit_cache_stats, far_links)},
    {"jit_unlinks", offsetof(struct jit_cache_stats, unlinks)},
    {"jit_flushes", offsetof(struct jit_cache_stats, flushes)},
    {"jit_revalidated", offsetof(struct jit_cache_stats, revalidated)},
    {"jit_stale", offsetof(struct jit_cache_stats, stale)},
    {"jit_hot", offsetof(struct jit_cache_stats, hot)},
    {"jit_worn", offsetof(struct jit_cache_stats, worn)},
    {"jit_splits", offsetof(struct jit_cache_stats, splits)},
};

const char *jit_stat(const struct jit *jit, unsigned index, uint64_t *value)
{
    if (index < ARRAY_LEN(cache_stats)) {
        const char *at = (const char *)jit_cache_stats(jit->cache);

        *value =
            *(const uint64_t *)(const void *)(at + cache_stats[index].offset);
        return cache_stats[index].name;
    }
    index -= ARRAY_LEN(cache_stats);
    if (index == 0) {
        *value = jit->entries;
        return "jit_entries";
    }
    if (index == 1) {
        *value = jit->cold;
        return "cold_blocks";
    }
    if (index == 2) {
        *value = jit->fills;
        return "tlb_fills";
    }
    if (index == 3) {
        *value = jit->lookups;
        return "jit_lookups";
    }
    return NULL;
}

uint64_t jit_fallbacks(const struct jit *jit, unsigned op)
{
    return jit->fallbacks[op];
}
