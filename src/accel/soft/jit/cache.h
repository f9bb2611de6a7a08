// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The translations of one CPU: where they are, which exits are linked to which
 * block, and what must be forgotten when code changes.
 *
 * Blocks are found by physical address and mode. Within a 4 KiB page exits are
 * linked for good: who runs in a page has it mapped, so such a link holds until
 * the code itself changes. To another page they hold while the TLB's tag does.
 * Then every link into a page whose generation moved is broken
 * (jit_cache_check), and a block is compared with memory before it runs again.
 *
 * When the arena is full all of it is forgotten. No other thread ever sees any
 * of this; CPUs share no more than the count of bytes that are left to all.
 */

#include "accel/soft/jit/glue.h"
#include "host/code.h"

struct jpage;

struct jblock {
    gpa_t pa;
    uint32_t mode;
    uint32_t gen;   /* of the page when the words were last compared */
    uint8_t *entry; /* in the writable view */
    struct jpage *page;
    struct jblock *page_next; /* in its page */
    uint32_t count;
    uint32_t incoming; /* number + 1 of the first exit linked here */
    uint32_t first_exit, num_exits;
    uint32_t bytes;
    uint8_t splits;        /* how often a run of it was split, at most 4 */
    bool sets_flags;       /* before it reads them: translate_sets_flags */
    bool is_forgotten;     /* not to be found any more */
    bool is_replaced;      /* its code begins with a jump elsewhere */
    bool has_inner_loop;   /* which it goes round by no exit */
    bool notes_end;        /* struct tr */
    const uint32_t *words; /* count of them, as translated */
    const struct trace_part *parts; /* of those */
    uint32_t num_parts;
};

struct jit_cache; /* owned by its CPU's jit */

/* own: bytes of code that this CPU may have whatever others do; pool: bytes
   that are nobody's. Who has used up its own takes pieces of the pool, and
   gives them back when it forgets everything. */
struct jit_cache *jit_cache_new(uint64_t own, _Atomic uint64_t *pool,
                                unsigned features);
void jit_cache_free(struct jit_cache *cache);
void jit_cache_flush(struct jit_cache *cache);
uint32_t jit_cache_epoch(const struct jit_cache *cache); /* moves at a flush */

/* The valid translation at pa, or NULL. host: the bytes there, gen: the
   generation of their page. */
struct jblock *jit_cache_find(struct jit_cache *cache, gpa_t pa, uint32_t mode,
                              const uint8_t *host, uint32_t gen);

/* Translates; may flush first. NULL only when the arena is too small. */
struct jblock *jit_cache_add(struct jit_cache *cache, const struct block *src,
                             uint32_t gen);
struct jblock *jit_cache_add_trace(struct jit_cache *cache,
                                   const struct trace *trace, uint32_t gen);

/* Is the block at pa worth a trace, when it is translated next? */
bool jit_cache_is_hot(struct jit_cache *cache, gpa_t pa, uint32_t mode);

/* Did nothing go on behind instruction `idx` of the block at pa, a conditional
   branch? A guess, by which exits were ever taken. */
bool jit_cache_is_taken(struct jit_cache *cache, const struct cpu *cpu,
                        gpa_t pa, unsigned idx);

/* The block, if exit `number` splits a run of it: tier 0 is to go on there.
   often: it is time for copies of its runs. */
struct jblock *jit_cache_split(struct jit_cache *cache, uint32_t number,
                               bool *often);

/* Puts a translation with copies in the place of `old`; src: its instructions
   anew. May flush first. */
void jit_cache_copy_runs(struct jit_cache *cache, struct jblock *old,
                         const struct block *src, uint32_t gen);

/* Exit `number` of glue.link, which was just taken to cpu->pc, goes to b from
   now on, if it may; to another page while the TLB's tag is what it is. If it
   leaves a trace at the border of a page, the trace goes on there, if that is
   what it was made of. */
void jit_cache_link(struct jit_cache *cache, uint32_t number, struct jblock *b,
                    const struct cpu *cpu);

/* The offset in the page that exit `number` leads to. */
int64_t jit_cache_exit_target(const struct jit_cache *cache, uint32_t number);

/* Some page's generation moved: breaks the links that may be stale. */
void jit_cache_check(struct jit_cache *cache, const struct soft_vm *vm);

/* Compares b with memory although nothing says that it changed. False: its word
 *at is another one now, and b is forgotten.
 */
bool jit_cache_verify(struct jit_cache *cache, struct jblock *b,
                      const uint8_t *host, unsigned *at);

/* Enters translated code. */
uint32_t jit_cache_enter(const struct jit_cache *cache, struct cpu *cpu,
                         const struct jblock *b);

/* Where a block's code is to be executed. */
const uint8_t *jit_cache_host(const struct jit_cache *cache,
                              const struct jblock *b);

/* Every block counts the instructions it has (cpu->insns). */
void jit_cache_count_insns(struct jit_cache *cache, bool on);

/* The assignment of registers, before the first translation. */
void jit_cache_set_regs(struct jit_cache *cache, const struct tr_regs *regs);

/* What all CPUs count of clashes, by hash of the place: em_atomic.c. */
void jit_cache_set_clashes(struct jit_cache *cache,
                           const _Atomic uint32_t *clashes);

/* Translates every block as if it were hot. */
void jit_cache_all_hot(struct jit_cache *cache, bool on);

/* Block `number` asks for it (cpu->hot_block): it is forgotten, and its place
   is hot from now on. Before anything else is done to the cache. The same when
   a site's span is worn out (cpu->worn), which goes without from now on. */
struct jblock *jit_cache_heat(struct jit_cache *cache, uint32_t number);
struct jblock *jit_cache_worn(struct jit_cache *cache, uint32_t site);

/* Whether a block that was forgotten for that is to be replaced: it need not
   prove again that it is worth a translation. */
bool jit_cache_is_due(struct jit_cache *cache, gpa_t pa, uint32_t mode);

/* A run gets copies only when it was split often. Without this each has them,
   and a block is left at its end or by an exception alone. */
void jit_cache_allow_splits(struct jit_cache *cache, bool on);

/* Refuses emitters and half of the links from now on. */
void jit_cache_set_chaos(struct jit_cache *cache, uint64_t seed);

struct jit_cache_stats {
    uint64_t blocks, insns, bytes, links, far_links, unlinks, flushes,
        revalidated, stale, hot, worn, splits;
};
const struct jit_cache_stats *jit_cache_stats(const struct jit_cache *cache);
