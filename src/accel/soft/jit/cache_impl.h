// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The cache's own state, for cache.c (the arena and its tables), cache_add.c
   (new blocks), cache_link.c (exits) and cache_hot.c (hot places) only. */

#include "accel/soft/jit/cache.h"
#include "accel/soft/jit/table.h"
#include "accel/soft/jit/translate.h"

enum { PAGE_HASH_BITS = 12 };
enum { HOT_BITS = 13, HOT_WAYS = 4 /* places of one hash */ };

struct jpage {
    struct jpage *next; /* in its hash chain */
    struct jpage *all;  /* in the list of all */
    gpa_t pa;
    uint32_t gen;
    struct jblock *blocks;
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
    bool was_taken;
    uint16_t idx;   /* of the instruction that leaves */
    uint32_t page;  /* the struct jpage it leaves from, in `meta` */
    int32_t target; /* from the page's start */
    uint32_t next;  /* number + 1 of the next one linked to the same block */
};

/* Where blocks were hot once they are so from the start. */
struct hot_place {
    gpa_t pa;
    uint32_t mode;
    bool is_hot;
    struct tr_mask plain; /* instructions that wore their spans out */
    struct jblock *old;   /* to be replaced, or NULL */
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
    uint64_t rw_backed, rx_backed, meta_backed, exits_backed; /* bytes */
    _Atomic uint64_t *pool;
    uint8_t *meta; /* owned: blocks, pages, words */
    uint64_t meta_bytes, meta_used;
    struct jexit *exits; /* owned, lazily backed */
    uint32_t num_exits, max_exits;
    struct jtable table; /* of the blocks that may be found */
    struct jpage *page_hash[1 << PAGE_HASH_BITS];
    struct jpage *pages;
    uint32_t epoch;
    struct jit_cache_stats stats;
    bool all_hot;
    const _Atomic uint32_t *clashes; /* borrowed: struct soft_vm */
    struct hot_place hot[(1 << HOT_BITS) + HOT_WAYS - 1];
    struct jsite *sites; /* owned, lazily backed */
    uint32_t num_sites, max_sites;
    struct tr tr; /* scratch of the translation going on */
};

static inline uint64_t cache_mix(uint64_t x)
{
    return x * 0x9e3779b97f4a7c15ull;
}

/* A block's number says where it is. */
static inline uint32_t cache_number_at(const struct jit_cache *cache,
                                       const void *at)
{
    return (uint32_t)(((const uint8_t *)at - cache->meta) / 8) + 1;
}

static inline uint32_t cache_next_number(const struct jit_cache *cache)
{
    return cache_number_at(cache, cache->meta + cache->meta_used);
}

static inline struct jblock *cache_block_at(const struct jit_cache *cache,
                                            uint32_t number)
{
    return (void *)(cache->meta + 8 * (uint64_t)(number - 1));
}

/* ---- cache.c ---- */

/* The block at pa, valid or not, or NULL. */
struct jblock *cache_look_up(const struct jit_cache *cache, gpa_t pa,
                             uint32_t mode);

/* From now on b is found. */
void cache_show(struct jit_cache *cache, const struct jblock *b);

/* The page of pa, made with that generation if need be. */
struct jpage *cache_page_of(struct jit_cache *cache, gpa_t pa, uint32_t gen);

/* Room was made sure of by has_room of cache_add.c. */
void *cache_meta_take(struct jit_cache *cache, uint64_t bytes);

/* Backs what the arena and its tables grow into. */
void cache_back(struct jit_cache *cache);

/* One more piece of the pool for the arena; false: there is none. */
bool cache_take_piece(struct jit_cache *cache);

/* Its bytes stay in the arena until the next flush; nobody gets there. */
void cache_forget(struct jit_cache *cache, struct jblock *b);

/* Are the words of the parts in one page what is there now? */
bool cache_is_same(const struct jblock *b, int32_t page, const uint8_t *host);

/* ---- cache_link.c ---- */

void cache_keep_exits(struct jit_cache *cache, const struct tr *t,
                      struct jblock *b);

/* Who was linked to b goes to C, to be linked anew. */
void cache_unlink(struct jit_cache *cache, struct jblock *b);

/* ---- cache_hot.c ---- */

/* What is known of the place, or NULL. */
struct hot_place *cache_hot_find(struct jit_cache *cache, gpa_t pa,
                                 uint32_t mode);

void cache_keep_sites(struct jit_cache *cache, const struct tr *t);

/* What still leads to the old block, which is forgotten, goes on in b. Nobody
   is inside of it, and only its start is ever reached. */
void cache_lead_to(struct jblock *old, const struct jblock *b);

/* The same of the block that b's place waits to have replaced, if any. */
void cache_replace_old(struct jit_cache *cache, const struct jblock *b);
