// SPDX-License-Identifier: Apache-2.0
/* The arena of one CPU and what is in it: blocks and their pages. */

#include "accel/soft/jit/cache_impl.h"

#include "accel/soft/code_word.h"
#include "base/heap.h"
#include "host/host.h"

enum { META_SHARE = 2 }; /* the side tables may take half of the code's size */
enum { PIECE_BYTES = 256 << 10 /* of the pool */ };

void jit_cache_set_regs(struct jit_cache *cache, const struct tr_regs *regs)
{
    struct x64 c = {.p = cache->code.rw,
                    .base = cache->code.rw,
                    .limit = cache->code.rw + cache->code.bytes};

    cache->regs = *regs;
    glue_make(&c, &cache->glue, &cache->regs, cache->features);
    cache->start = cache->used = (uint64_t)(c.p - c.base);
}

/* The tables have room for what a translation may need at most, beyond what is
   used in the end: an arena of 64 KiB is not to be empty again for that. */
static int cache_map(struct jit_cache *cache, uint64_t bytes)
{
    if (host_code_init(&cache->code, bytes, NULL) < 0)
        return -1;
    cache->meta_bytes = bytes / META_SHARE;
    cache->max_exits = (uint32_t)(bytes / 64) + TR_MAX_EXITS;
    cache->meta = host_reserve(cache->meta_bytes, NULL);
    cache->exits =
        host_reserve((uint64_t)cache->max_exits * sizeof(struct jexit), NULL);
    cache->max_sites = (uint32_t)(bytes / 64) + TR_MAX_SPANS;
    cache->sites =
        host_reserve((uint64_t)cache->max_sites * sizeof(struct jsite), NULL);
    if (!cache->meta || !cache->exits || !cache->sites ||
        jtable_init(&cache->table) < 0)
        return -1;
    jit_cache_set_regs(cache, &tr_regs_usual);
    return 0;
}

struct jit_cache *jit_cache_new(uint64_t own, _Atomic uint64_t *pool,
                                unsigned features)
{
    struct jit_cache *cache = heap_zalloc(sizeof(*cache));

    if (!cache)
        return NULL;
    cache->features = features;
    cache->own = cache->granted = own;
    cache->pool = pool;
    if (cache_map(cache, own + align_down(*pool, PIECE_BYTES)) < 0) {
        jit_cache_free(cache);
        return NULL;
    }
    return cache;
}

static void give_back(struct jit_cache *cache)
{
    uint64_t taken = cache->granted - cache->own;

    cache->granted = cache->own;
    atomic_fetch_add(cache->pool, taken);
}

void cache_back(struct jit_cache *cache)
{
    struct host_code *code = &cache->code;

    host_back_ahead(code->rw, cache->granted, cache->used, &cache->rw_backed,
                    true);
    host_back_ahead(code->rx, cache->granted, cache->used, &cache->rx_backed,
                    false);
    host_back_ahead(cache->meta, cache->meta_bytes, cache->meta_used,
                    &cache->meta_backed, true);
    host_back_ahead(cache->exits, cache->max_exits * sizeof(struct jexit),
                    cache->num_exits * sizeof(struct jexit),
                    &cache->exits_backed, true);
}

bool cache_take_piece(struct jit_cache *cache)
{
    uint64_t left = atomic_load(cache->pool);

    do {
        if (left < PIECE_BYTES ||
            cache->code.bytes - cache->granted < PIECE_BYTES)
            return false;
    } while (
        !atomic_compare_exchange_weak(cache->pool, &left, left - PIECE_BYTES));
    cache->granted += PIECE_BYTES;
    return true;
}

void jit_cache_free(struct jit_cache *cache)
{
    if (!cache)
        return;
    give_back(cache);
    host_code_release(&cache->code);
    jtable_release(&cache->table);
    host_unreserve(cache->meta, cache->meta_bytes);
    host_unreserve(cache->exits,
                   (uint64_t)cache->max_exits * sizeof(struct jexit));
    host_unreserve(cache->sites,
                   (uint64_t)cache->max_sites * sizeof(struct jsite));
    heap_free(cache);
}

static uint32_t hash_of(gpa_t pa, uint32_t mode)
{
    return (uint32_t)(cache_mix(pa >> 2 ^ (uint64_t)mode << 40) >> 32);
}

static struct jpage **page_chain_of(struct jit_cache *cache, gpa_t base)
{
    return &cache->page_hash[cache_mix(base) >> (64 - PAGE_HASH_BITS)];
}

/* The tables are large, and a small arena is emptied often. */
static void empty_tables(struct jit_cache *cache)
{
    for (const struct jpage *p = cache->pages; p; p = p->all)
        *page_chain_of(cache, p->pa) = NULL;
    cache->pages = NULL;
    jtable_empty(&cache->table);
}

void jit_cache_flush(struct jit_cache *cache)
{
    empty_tables(cache);
    cache->used = cache->start;
    cache->meta_used = 0;
    cache->num_exits = cache->num_sites = 0;
    for (unsigned n = 0; n < ARRAY_LEN(cache->hot); n++)
        cache->hot[n].old = NULL;
    cache->epoch++;
    cache->stats.flushes++;
    if (cache->granted > cache->own) {
        host_code_discard(&cache->code, cache->own);
        cache->rw_backed = MIN(cache->rw_backed, cache->own);
        cache->rx_backed = cache->rw_backed;
        give_back(cache);
    }
}

uint32_t jit_cache_epoch(const struct jit_cache *cache)
{
    return cache->epoch;
}

void jit_cache_count_insns(struct jit_cache *cache, bool on)
{
    cache->count_insns = on;
}

void jit_cache_set_clashes(struct jit_cache *cache,
                           const _Atomic uint32_t *clashes)
{
    cache->clashes = clashes;
}

void jit_cache_all_hot(struct jit_cache *cache, bool on)
{
    cache->all_hot = on;
}

void jit_cache_allow_splits(struct jit_cache *cache, bool on)
{
    cache->splits = on;
}

void jit_cache_set_chaos(struct jit_cache *cache, uint64_t seed)
{
    cache->chaos = seed;
}

const struct jit_cache_stats *jit_cache_stats(const struct jit_cache *cache)
{
    return &cache->stats;
}

void *cache_meta_take(struct jit_cache *cache, uint64_t bytes)
{
    void *p = cache->meta + cache->meta_used;

    cache->meta_used += align_up(bytes, 8);
    return p;
}

struct jpage *cache_page_of(struct jit_cache *cache, gpa_t pa, uint32_t gen)
{
    gpa_t base = pa & ~4095ull;
    struct jpage **chain = page_chain_of(cache, base);
    struct jpage *p;

    for (p = *chain; p; p = p->next) {
        if (p->pa == base)
            return p;
    }
    p = cache_meta_take(cache, sizeof(*p));
    *p = (struct jpage){
        .next = *chain, .all = cache->pages, .pa = base, .gen = gen};
    *chain = cache->pages = p;
    return p;
}

void cache_show(struct jit_cache *cache, const struct jblock *b)
{
    jtable_add(&cache->table, hash_of(b->pa, b->mode),
               cache_number_at(cache, b));
}

void cache_forget(struct jit_cache *cache, struct jblock *b)
{
    struct jblock **p = &b->page->blocks;

    cache_unlink(cache, b);
    jtable_drop(&cache->table, hash_of(b->pa, b->mode),
                cache_number_at(cache, b));
    while (*p && *p != b)
        p = &(*p)->page_next;
    if (*p)
        *p = b->page_next;
    b->is_forgotten = true;
}

/* Which word of the parts in one page is another one now; b->count: none. */
static unsigned first_change(const struct jblock *b, int32_t page,
                             const uint8_t *host)
{
    for (unsigned n = 0; n < b->num_parts; n++) {
        const struct trace_part *p = &b->parts[n];
        unsigned count = p->end - p->first, same = count;

        if (trace_page(p->off) == page)
            same = code_same_words(&b->words[p->first], host + (p->off & 4095),
                                   count);
        if (same < count)
            return p->first + same;
    }
    return b->count;
}

bool cache_is_same(const struct jblock *b, int32_t page, const uint8_t *host)
{
    return first_change(b, page, host) == b->count;
}

struct jblock *cache_look_up(const struct jit_cache *cache, gpa_t pa,
                             uint32_t mode)
{
    const struct jtable *t = &cache->table;
    uint32_t hash = hash_of(pa, mode), at = jtable_first(t, hash);

    for (; t->entry[at].number; at = jtable_next(t, at)) {
        struct jblock *b;

        if (t->entry[at].hash != hash)
            continue;
        b = cache_block_at(cache, t->entry[at].number);
        if (b->pa == pa && b->mode == mode)
            return b;
    }
    return NULL;
}

struct jblock *jit_cache_find(struct jit_cache *cache, gpa_t pa, uint32_t mode,
                              const uint8_t *host, uint32_t gen)
{
    struct jblock *b = cache_look_up(cache, pa, mode);

    if (!b || b->gen == gen)
        return b;
    if (cache_is_same(b, 0, host - (pa & 4095))) {
        b->gen = gen;
        cache->stats.revalidated++;
        return b;
    }
    cache_forget(cache, b);
    cache->stats.stale++;
    return NULL;
}

bool jit_cache_verify(struct jit_cache *cache, struct jblock *b,
                      const uint8_t *host, unsigned *at)
{
    *at = first_change(b, 0, host - (b->pa & 4095));
    if (*at == b->count)
        return true;
    cache_forget(cache, b);
    cache->stats.stale++;
    return false;
}

static const uint8_t *executable(const struct jit_cache *cache,
                                 const uint8_t *writable)
{
    return cache->code.rx + (writable - cache->code.rw);
}

const uint8_t *jit_cache_host(const struct jit_cache *cache,
                              const struct jblock *b)
{
    return executable(cache, b->entry);
}

uint32_t jit_cache_enter(const struct jit_cache *cache, struct cpu *cpu,
                         const struct jblock *b)
{
    const uint8_t *enter = executable(cache, cache->glue.enter);
    glue_enter_fn *fn;

    memcpy(&fn, &enter, sizeof(fn));
    return fn(cpu, executable(cache, b->entry));
}
