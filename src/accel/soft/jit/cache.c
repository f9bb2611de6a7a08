// SPDX-License-Identifier: Apache-2.0
/* Blocks, pages, exits and links of one CPU's arena. */

#include "accel/soft/jit/cache.h"

#include "accel/soft/jit/translate.h"
#include "accel/soft/mmu.h"
#include "base/heap.h"
#include "host/host.h"

enum { HASH_BITS = 16, PAGE_HASH_BITS = 12 };
enum { META_SHARE = 2 }; /* the side tables may take half of the code's size */
enum { PIECE_BYTES = 256 << 10 /* of the pool */ };
enum { HOT_BITS = 13, HOT_WAYS = 4 /* places of one hash */ };
enum { MANY_SPLITS = 4 /* of a block: then its runs get copies */ };

struct jpage {
    struct jpage *next; /* in its hash chain */
    struct jpage *all;  /* in the list of all */
    gpa_t pa;
    uint32_t gen;
    struct jblock *blocks;
};

/* What is translated: instructions, and where they are. */
struct source {
    const struct block *blk;
    const struct trace_part *parts;
    unsigned num_parts;
};

/* There are many: places are offsets in the arena. */
struct jexit {
    uint32_t place;    /* the displacement; 0: tier 0 takes it */
    uint32_t unlinked; /* what it leads to when it is not linked */
    uint32_t late;     /* 0, or displacement to link if NZCV is wanted */
    uint32_t keep;     /* 0, or the code that is for that alone */
    uint32_t slot;     /* 0: within the page */
    uint32_t owner;    /* the block, in `meta` */
    bool has_guard;    /* a trace goes on there, by `inside` of the slot */
    uint32_t page;     /* the struct jpage it leaves from, in `meta` */
    int32_t target;    /* from the page's start */
    uint32_t next;     /* number + 1 of the next one linked to the same block */
};

/* Where blocks were hot once they are so from the start. */
struct hot_place {
    gpa_t pa;
    uint32_t mode;
    bool is_hot;
    uint64_t plain;     /* instructions that wore their spans out */
    struct jblock *old; /* to be replaced, or NULL */
};

/* A place of access with a span. */
struct jsite {
    uint32_t block;
    uint8_t idx;
};

struct jit_cache {
    struct host_code code;
    struct glue glue;
    struct tr_regs regs;
    unsigned features;
    bool count_insns, splits;
    uint64_t chaos;
    uint64_t start, used;  /* of code.rw: behind the glue; the first free */
    uint64_t own, granted; /* bytes: without the pool, with what is of it */
    _Atomic uint64_t *pool;
    uint8_t *meta; /* owned: blocks, pages, words */
    uint64_t meta_bytes, meta_used;
    struct jexit *exits; /* owned, lazily backed */
    uint32_t num_exits, max_exits;
    struct jblock *hash[1 << HASH_BITS];
    struct jpage *page_hash[1 << PAGE_HASH_BITS];
    struct jpage *pages;
    uint32_t epoch;
    struct jit_cache_stats stats;
    bool all_hot;
    struct hot_place hot[(1 << HOT_BITS) + HOT_WAYS - 1];
    struct jsite *sites; /* owned, lazily backed */
    uint32_t num_sites, max_sites;
    struct tr tr; /* scratch of the translation going on */
};

void jit_cache_set_regs(struct jit_cache *cache, const struct tr_regs *regs)
{
    struct x64 c = {.p = cache->code.rw,
                    .base = cache->code.rw,
                    .limit = cache->code.rw + cache->code.bytes};

    cache->regs = *regs;
    glue_make(&c, &cache->glue, &cache->regs, cache->features);
    cache->start = cache->used = (uint64_t)(c.p - c.base);
}

static int cache_map(struct jit_cache *cache, uint64_t bytes)
{
    if (host_code_init(&cache->code, bytes, NULL) < 0)
        return -1;
    cache->meta_bytes = bytes / META_SHARE;
    cache->max_exits = (uint32_t)(bytes / 64);
    cache->meta = host_reserve(cache->meta_bytes, NULL);
    cache->exits =
        host_reserve((uint64_t)cache->max_exits * sizeof(struct jexit), NULL);
    cache->max_sites = (uint32_t)(bytes / 64);
    cache->sites =
        host_reserve((uint64_t)cache->max_sites * sizeof(struct jsite), NULL);
    if (!cache->meta || !cache->exits || !cache->sites)
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

static bool take_piece(struct jit_cache *cache)
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
    host_unreserve(cache->meta, cache->meta_bytes);
    host_unreserve(cache->exits,
                   (uint64_t)cache->max_exits * sizeof(struct jexit));
    host_unreserve(cache->sites,
                   (uint64_t)cache->max_sites * sizeof(struct jsite));
    heap_free(cache);
}

static uint64_t mix(uint64_t x)
{
    return x * 0x9e3779b97f4a7c15ull;
}

static struct jblock **chain_of(struct jit_cache *cache, gpa_t pa,
                                uint32_t mode)
{
    return &cache
                ->hash[mix(pa >> 2 ^ (uint64_t)mode << 40) >> (64 - HASH_BITS)];
}

static struct jpage **page_chain_of(struct jit_cache *cache, gpa_t base)
{
    return &cache->page_hash[mix(base) >> (64 - PAGE_HASH_BITS)];
}

/* The tables are large, and a small arena is emptied often. */
static void empty_tables(struct jit_cache *cache)
{
    for (const struct jpage *p = cache->pages; p; p = p->all) {
        *page_chain_of(cache, p->pa) = NULL;
        for (const struct jblock *b = p->blocks; b; b = b->page_next)
            *chain_of(cache, b->pa, b->mode) = NULL;
    }
    cache->pages = NULL;
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

/* Room was made sure of by has_room. */
static void *meta_take(struct jit_cache *cache, uint64_t bytes)
{
    void *p = cache->meta + cache->meta_used;

    cache->meta_used += align_up(bytes, 8);
    return p;
}

static bool has_room(struct jit_cache *cache, unsigned count)
{
    uint64_t meta =
        sizeof(struct jblock) + count * sizeof(uint32_t) + 64 +
        TRACE_MAX_PARTS * (sizeof(struct jpage) + sizeof(struct trace_part));

    if (cache->meta_used + meta > cache->meta_bytes ||
        cache->num_exits + TR_MAX_EXITS > cache->max_exits ||
        cache->num_sites + TR_MAX_SPANS > cache->max_sites)
        return false;
    return true;
}

static struct hot_place *hot_slot(struct jit_cache *cache, gpa_t pa,
                                  uint32_t mode)
{
    return &cache->hot[mix(pa >> 2 ^ (uint64_t)mode << 40) >> (64 - HOT_BITS)];
}

/* What is known of the place, or NULL. */
static struct hot_place *hot_find(struct jit_cache *cache, gpa_t pa,
                                  uint32_t mode)
{
    struct hot_place *h = hot_slot(cache, pa, mode);

    for (unsigned n = 0; n < HOT_WAYS; n++) {
        if (h[n].is_hot && h[n].pa == pa && h[n].mode == mode)
            return &h[n];
    }
    return NULL;
}

/* Room for one more: what is forgotten there is no block that waits to be
   replaced, if that can be helped. */
static struct hot_place *hot_add(struct jit_cache *cache, gpa_t pa,
                                 uint32_t mode)
{
    struct hot_place *h = hot_slot(cache, pa, mode), *best = h;

    for (unsigned n = 0; n < HOT_WAYS && best->is_hot; n++) {
        if (!h[n].is_hot || (best->old && !h[n].old))
            best = &h[n];
    }
    *best = (struct hot_place){.pa = pa, .mode = mode, .is_hot = true};
    return best;
}

bool jit_cache_is_due(struct jit_cache *cache, gpa_t pa, uint32_t mode)
{
    const struct hot_place *h = hot_find(cache, pa, mode);

    return h && h->old;
}

bool jit_cache_is_hot(struct jit_cache *cache, gpa_t pa, uint32_t mode)
{
    return cache->all_hot || hot_find(cache, pa, mode);
}

static struct jpage *page_of(struct jit_cache *cache, gpa_t pa, uint32_t gen)
{
    gpa_t base = pa & ~4095ull;
    struct jpage **chain = page_chain_of(cache, base);
    struct jpage *p;

    for (p = *chain; p; p = p->next) {
        if (p->pa == base)
            return p;
    }
    p = meta_take(cache, sizeof(*p));
    *p = (struct jpage){
        .next = *chain, .all = cache->pages, .pa = base, .gen = gen};
    *chain = cache->pages = p;
    return p;
}

static struct jblock *owner_of(const struct jit_cache *cache,
                               const struct jexit *x)
{
    return (void *)(cache->meta + x->owner);
}

/* Where the target sets NZCV itself, what writes it for others is skipped: a
   stub that ends at `late`, or code in line that becomes two NOPs. */
static void patch_exit(const struct jit_cache *cache, const struct jexit *x,
                       const struct jblock *b)
{
    uint8_t *rw = cache->code.rw;
    static const uint8_t nops[T_KEEP_BYTES] = {0x0f, 0x1f, 0x84, 0,    0, 0,
                                               0,    0,    0x0f, 0x1f, 0};

    if (x->late && !b->sets_flags)
        x64_patch(rw + x->late, b->entry);
    else
        x64_patch(rw + x->place, b->entry);
    if (x->keep && b->sets_flags)
        memcpy(rw + x->keep, nops, sizeof(nops));
}

static void unpatch_exit(const struct jit_cache *cache, const struct jexit *x)
{
    uint8_t *rw = cache->code.rw;
    struct x64 c = {.p = rw + x->keep};

    if (owner_of(cache, x)->is_replaced)
        return; /* its first bytes are a jump now */
    x64_patch(rw + x->place, rw + x->unlinked);
    if (x->late)
        x64_patch(rw + x->late, rw + x->late + 4);
    if (x->keep)
        t_flags_keep(&c);
}

static void unlink_incoming(struct jit_cache *cache, struct jblock *b)
{
    while (b->incoming) {
        struct jexit *x = &cache->exits[b->incoming - 1];

        unpatch_exit(cache, x);
        b->incoming = x->next;
        x->next = 0;
        cache->stats.unlinks++;
    }
}

static void unhash(struct jit_cache *cache, const struct jblock *b)
{
    struct jblock **p = chain_of(cache, b->pa, b->mode);

    while (*p && *p != b)
        p = &(*p)->next;
    if (*p)
        *p = b->next;
}

/* Its bytes stay in the arena until the next flush; nobody gets there. */
static void forget(struct jit_cache *cache, struct jblock *b)
{
    struct jblock **p = &b->page->blocks;

    unlink_incoming(cache, b);
    unhash(cache, b);
    while (*p && *p != b)
        p = &(*p)->page_next;
    if (*p)
        *p = b->page_next;
    b->is_forgotten = true;
}

/* Are the words of the parts in one page what is there now? */
static bool is_same(const struct jblock *b, int32_t page, const uint8_t *host)
{
    for (unsigned n = 0; n < b->num_parts; n++) {
        const struct trace_part *p = &b->parts[n];

        if (trace_page(p->off) == page &&
            memcmp(&b->words[p->first], host + (p->off & 4095),
                   (p->end - p->first) * sizeof(uint32_t)) != 0)
            return false;
    }
    return true;
}

struct jblock *jit_cache_find(struct jit_cache *cache, gpa_t pa, uint32_t mode,
                              const uint8_t *host, uint32_t gen)
{
    struct jblock *b = *chain_of(cache, pa, mode);

    while (b && (b->pa != pa || b->mode != mode))
        b = b->next;
    if (!b || b->gen == gen)
        return b;
    if (is_same(b, 0, host - (pa & 4095))) {
        b->gen = gen;
        cache->stats.revalidated++;
        return b;
    }
    forget(cache, b);
    cache->stats.stale++;
    return NULL;
}

bool jit_cache_verify(struct jit_cache *cache, struct jblock *b,
                      const uint8_t *host, unsigned *at)
{
    if (is_same(b, 0, host - (b->pa & 4095)))
        return true;
    for (*at = 0; *at < b->parts->end; ++*at) {
        if (memcmp(&b->words[*at], host + 4 * *at, sizeof(*b->words)) != 0)
            break;
    }
    forget(cache, b);
    cache->stats.stale++;
    return false;
}

/* A block's number says where it is. */
static uint32_t next_number(const struct jit_cache *cache)
{
    return (uint32_t)(cache->meta_used / 8) + 1;
}

/* Slots of far exits still lead there: it goes to C, to be looked up. Nobody is
   inside of it, and only its start is ever reached. */
static void leave_from(const struct jit_cache *cache, struct jblock *b)
{
    struct x64 c = {.p = b->entry};

    x64_mov_imm(&c, RAX, b->pa & 4095);
    x64_jmp_to(&c, cache->glue.leave_at);
    b->is_replaced = true;
}

/* Its next translation is a hot one, which replaces it. */
static struct hot_place *make_hot(struct jit_cache *cache, struct jblock *b)
{
    struct hot_place *h = hot_find(cache, b->pa, b->mode);

    if (!h)
        h = hot_add(cache, b->pa, b->mode);
    if (!b->is_forgotten) {
        forget(cache, b);
        leave_from(cache, b);
        h->old = b;
    }
    return h;
}

static struct jblock *block_of(const struct jit_cache *cache, uint32_t number)
{
    return (void *)(cache->meta + 8 * (uint64_t)(number - 1));
}

struct jblock *jit_cache_heat(struct jit_cache *cache, uint32_t number)
{
    struct jblock *b = block_of(cache, number);

    make_hot(cache, b);
    cache->stats.hot++;
    return b;
}

struct jblock *jit_cache_worn(struct jit_cache *cache, uint32_t site)
{
    const struct jsite *s = &cache->sites[site];
    struct jblock *b = block_of(cache, s->block);

    make_hot(cache, b)->plain |= 1ull << s->idx;
    cache->stats.worn++;
    return b;
}

/* What still leads to the old block, which is forgotten, goes on in b. As in
   leave_from nobody is inside of it. */
static void lead_to(struct jblock *old, const struct jblock *b)
{
    struct x64 c = {.p = old->entry};

    x64_jmp_to(&c, b->entry);
    old->is_replaced = true;
}

static void replace_old(struct jit_cache *cache, const struct jblock *b)
{
    struct hot_place *h = hot_find(cache, b->pa, b->mode);

    if (!h || !h->old)
        return;
    lead_to(h->old, b);
    h->old = NULL;
}

static void keep_sites(struct jit_cache *cache, const struct tr *t)
{
    for (unsigned n = 0; n < t->num_spans; n++)
        cache->sites[cache->num_sites++] =
            (struct jsite){.block = t->number, .idx = t->spans[n].idx};
}

static const uint32_t *keep_words(struct jit_cache *cache,
                                  const struct block *src)
{
    uint32_t *words = meta_take(cache, src->count * sizeof(*words));

    for (unsigned n = 0; n < src->count; n++)
        words[n] = src->insn[n].word;
    return words;
}

static const struct trace_part *keep_parts(struct jit_cache *cache,
                                           const struct source *from)
{
    uint64_t bytes = from->num_parts * sizeof(*from->parts);

    return memcpy(meta_take(cache, bytes), from->parts, bytes);
}

static struct jblock *keep_block(struct jit_cache *cache,
                                 const struct source *from, uint32_t gen)
{
    const struct block *src = from->blk;
    struct jblock *b = meta_take(cache, sizeof(*b));
    struct jblock **chain = chain_of(cache, src->pa, src->mode);
    struct jpage *page = page_of(cache, src->pa, gen);

    *b = (struct jblock){.next = *chain,
                         .page_next = page->blocks,
                         .page = page,
                         .pa = src->pa,
                         .mode = src->mode,
                         .gen = gen,
                         .count = src->count,
                         .sets_flags = translate_sets_flags(src),
                         .words = keep_words(cache, src),
                         .parts = keep_parts(cache, from),
                         .num_parts = from->num_parts};
    *chain = page->blocks = b;
    return b;
}

static uint32_t place_of(const struct jit_cache *cache, const uint8_t *p)
{
    return p ? (uint32_t)(p - cache->code.rw) : 0;
}

/* The page of a part, to which other parts were linked or none yet. */
static const struct jpage *exit_page(struct jit_cache *cache,
                                     const struct jblock *b, int32_t page)
{
    const struct trace_part *p = b->parts;

    if (page == 0)
        return b->page;
    while (trace_page(p->off) != page)
        p++;
    return page_of(cache, p->pa, UINT32_MAX);
}

static uint32_t meta_place(const struct jit_cache *cache, const void *p)
{
    return (uint32_t)((const uint8_t *)p - cache->meta);
}

static void keep_exits(struct jit_cache *cache, const struct tr *t,
                       const struct jblock *b)
{
    uint32_t owner = meta_place(cache, b);

    for (unsigned n = 0; n < t->num_exits; n++) {
        const struct tr_exit *x = &t->exits[n];
        int32_t rel = 0;

        if (x->place)
            memcpy(&rel, x->place, sizeof(rel));
        cache->exits[cache->num_exits++] = (struct jexit){
            .place = place_of(cache, x->place),
            .unlinked = place_of(cache, x->place) + 4 + (uint32_t)rel,
            .late = place_of(cache, x->late),
            .keep = place_of(cache, x->keep),
            .slot = place_of(cache, x->slot),
            .has_guard = x->guard.inside != NULL,
            .page = meta_place(cache, exit_page(cache, b, x->page)),
            .owner = owner,
            .target = (int32_t)x->target};
    }
}

static bool translate(struct jit_cache *cache, const struct source *from,
                      bool copies)
{
    const struct block *src = from->blk;
    const struct hot_place *h = hot_find(cache, src->pa, src->mode);
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
    t->plain = h ? h->plain : 0;
    t->number = next_number(cache);
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
    while (!translate(cache, from, copies)) {
        if (take_piece(cache))
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
    keep_exits(cache, t, b);
    keep_sites(cache, t);
    replace_old(cache, b);
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

struct jblock *jit_cache_split(struct jit_cache *cache, uint32_t number,
                               bool *often)
{
    const struct jexit *x = &cache->exits[number];
    struct jblock *b = owner_of(cache, x);

    if (x->place)
        return NULL;
    cache->stats.splits++;
    *often = b->splits < MANY_SPLITS && ++b->splits == MANY_SPLITS;
    return b;
}

void jit_cache_copy_runs(struct jit_cache *cache, struct jblock *old,
                         const struct block *src, uint32_t gen)
{
    uint32_t epoch = cache->epoch;
    const struct jblock *b = add_block(cache, src, gen, true);

    if (!b || epoch != cache->epoch)
        return;
    forget(cache, old);
    lead_to(old, b);
}

int64_t jit_cache_exit_target(const struct jit_cache *cache, uint32_t number)
{
    return cache->exits[number].target;
}

/* The part that exit x of b leads to, or NULL. */
static const struct trace_part *part_at(const struct jblock *b, int32_t off)
{
    for (unsigned n = 1; n < b->num_parts; n++) {
        if (b->parts[n].off == off)
            return &b->parts[n];
    }
    return NULL;
}

/* Does what exit x leads to go on in its owner, as it was translated? */
static bool is_inside(const struct jit_cache *cache, const struct jexit *x,
                      const struct jblock *b, const struct soft_vm *vm)
{
    const struct jblock *owner = owner_of(cache, x);
    const struct trace_part *p = part_at(owner, x->target);
    const uint8_t *host = gmem_at(vm->ram, b->pa & ~4095ull, 4096);

    return x->has_guard && p && host && p->pa == b->pa &&
           is_same(owner, trace_page(x->target), host);
}

/* To another page: in the trace that is left there, or to b. */
static void link_far(struct jit_cache *cache, const struct jexit *x,
                     const struct jblock *b, const struct cpu *cpu)
{
    struct tr_slot slot = {.from = cpu->pc - (uint64_t)(int64_t)x->target,
                           .host = jit_cache_host(cache, b)};

    if (owner_of(cache, x)->mode != b->mode)
        return;
    if (is_inside(cache, x, b, cpu->vm))
        slot.inside = cpu->tlb->tag;
    else
        slot.tag = cpu->tlb->tag;
    memcpy(cache->code.rw + x->slot, &slot, sizeof(slot));
    cache->stats.far_links++;
}

void jit_cache_link(struct jit_cache *cache, uint32_t number, struct jblock *b,
                    const struct cpu *cpu)
{
    struct jexit *x = &cache->exits[number];
    const struct jblock *owner = owner_of(cache, x);

    if (cache->chaos && mix(cache->chaos ^ number) >> 63)
        return; /* always or never */
    if (owner->is_forgotten)
        return; /* its first bytes may be another's now: replace_old */
    if (x->slot) {
        link_far(cache, x, b, cpu);
        return;
    }
    if (meta_place(cache, b->page) != x->page || owner->mode != b->mode ||
        (int64_t)(b->pa & 4095) != x->target || x->next)
        return;
    for (uint32_t n = b->incoming; n; n = cache->exits[n - 1].next) {
        if (n - 1 == number)
            return;
    }
    patch_exit(cache, x, b);
    x->next = b->incoming;
    b->incoming = number + 1;
    cache->stats.links++;
}

void jit_cache_check(struct jit_cache *cache, const struct soft_vm *vm)
{
    for (struct jpage *p = cache->pages; p; p = p->all) {
        uint32_t gen = mmu_code_gen(vm, p->pa);

        if (gen == p->gen)
            continue;
        p->gen = gen;
        for (struct jblock *b = p->blocks; b; b = b->page_next)
            unlink_incoming(cache, b);
    }
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
