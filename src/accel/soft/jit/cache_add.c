// SPDX-License-Identifier: Apache-2.0
/* Blocks that are translated and kept. */

#include "accel/soft/jit/cache_impl.h"

/* What is translated: instructions, and where they are. */
struct source {
    const struct block *blk;
    const struct trace_part *parts;
    unsigned num_parts;
};

static bool has_room(struct jit_cache *cache, unsigned count)
{
    uint64_t meta =
        sizeof(struct jblock) + count * sizeof(uint32_t) + 64 +
        TRACE_MAX_PARTS * (sizeof(struct jpage) + sizeof(struct trace_part));

    if (cache->meta_used + meta > cache->meta_bytes ||
        cache->num_exits + TR_MAX_EXITS > cache->max_exits ||
        cache->num_sites + TR_MAX_SPANS > cache->max_sites)
        return false;
    return jtable_make_room(&cache->table);
}

static const uint32_t *keep_words(struct jit_cache *cache,
                                  const struct block *src)
{
    uint32_t *words = cache_meta_take(cache, src->count * sizeof(*words));

    for (unsigned n = 0; n < src->count; n++)
        words[n] = src->insn[n].word;
    return words;
}

static const struct trace_part *keep_parts(struct jit_cache *cache,
                                           const struct source *from)
{
    uint64_t bytes = from->num_parts * sizeof(*from->parts);

    return memcpy(cache_meta_take(cache, bytes), from->parts, bytes);
}

static struct jblock *keep_block(struct jit_cache *cache,
                                 const struct source *from, uint32_t gen)
{
    const struct block *src = from->blk;
    struct jblock *b = cache_meta_take(cache, sizeof(*b));
    struct jpage *page = cache_page_of(cache, src->pa, gen);

    *b = (struct jblock){.page_next = page->blocks,
                         .page = page,
                         .pa = src->pa,
                         .mode = src->mode,
                         .gen = gen,
                         .count = src->count,
                         .sets_flags = translate_sets_flags(src),
                         .words = keep_words(cache, src),
                         .parts = keep_parts(cache, from),
                         .num_parts = from->num_parts};
    page->blocks = b;
    cache_show(cache, b);
    return b;
}

static bool translate(struct jit_cache *cache, const struct source *from,
                      bool copies)
{
    const struct block *src = from->blk;
    const struct hot_place *h = cache_hot_find(cache, src->pa, src->mode);
    struct tr *t = &cache->tr;

    t->c = (struct x64){.p = cache->code.rw + cache->used,
                        .base = cache->code.rw,
                        .limit = cache->code.rw + cache->granted};
    t->glue = &cache->glue;
    t->regs = &cache->regs;
    t->features = cache->features;
    t->mode = src->mode;
    t->src = src;
    t->parts = from->parts;
    t->num_parts = from->num_parts;
    t->flags_live = t->flags_pending = t->sp_aligned = t->ended = false;
    t->hot = cache->all_hot || h;
    t->copies = copies || h;
    t->plain = h ? h->plain : (struct tr_mask){{0}};
    t->clashes = cache->clashes;
    t->number = cache_next_number(cache);
    t->first_site = cache->num_sites;
    t->count_insns = cache->count_insns;
    t->chaos = cache->chaos;
    t->num_exits = t->num_bails = t->num_polls = 0;
    t->first_exit = cache->num_exits;
    return translate_block(t);
}

/* How much code a block becomes is known when it is made: where it does not
   fit, there is more from the pool, or all that is there goes. */
static bool make_code(struct jit_cache *cache, const struct source *from,
                      bool copies)
{
    cache_back(cache);
    while (!translate(cache, from, copies)) {
        if (cache_take_piece(cache))
            continue;
        if (cache->used == cache->start)
            return false;
        jit_cache_flush(cache);
    }
    return true;
}

static struct jblock *add(struct jit_cache *cache, const struct source *from,
                          uint32_t gen, bool copies)
{
    const struct tr *t = &cache->tr;
    unsigned count = from->blk->count;
    struct jblock *b;

    if (!has_room(cache, count))
        jit_cache_flush(cache);
    if (!has_room(cache, count) || !make_code(cache, from, copies))
        return NULL;
    b = keep_block(cache, from, gen);
    b->entry = t->entry;
    b->bytes = (uint32_t)(t->c.p - t->entry);
    b->has_inner_loop = t->loop.found;
    b->notes_end = t->notes_end;
    cache_keep_exits(cache, t, b);
    cache_keep_sites(cache, t);
    cache_replace_old(cache, b);
    cache->stats.blocks++;
    cache->stats.insns += count;
    cache->used = align_up((uint64_t)(t->c.p - t->c.base), 16);
    cache->stats.bytes = cache->used;
    return b;
}

static struct jblock *add_block(struct jit_cache *cache,
                                const struct block *src, uint32_t gen,
                                bool copies)
{
    struct trace_part start = trace_start(src);

    return add(cache, &(struct source){src, &start, 1}, gen, copies);
}

struct jblock *jit_cache_add(struct jit_cache *cache, const struct block *src,
                             uint32_t gen)
{
    return add_block(cache, src, gen, !cache->splits);
}

struct jblock *jit_cache_add_trace(struct jit_cache *cache,
                                   const struct trace *trace, uint32_t gen)
{
    const struct source from = {trace_insns(trace), trace->part, trace->num};

    return add(cache, &from, gen, true);
}

void jit_cache_copy_runs(struct jit_cache *cache, struct jblock *old,
                         const struct block *src, uint32_t gen)
{
    uint32_t epoch = cache->epoch;
    const struct jblock *b = add_block(cache, src, gen, true);

    if (!b || epoch != cache->epoch)
        return;
    cache_forget(cache, old);
    cache_lead_to(old, b);
}
