// SPDX-License-Identifier: Apache-2.0
/* Where code is hot, and what is replaced for that. */

#include "accel/soft/jit/cache_impl.h"

static struct hot_place *hot_slot(struct jit_cache *cache, gpa_t pa,
                                  uint32_t mode)
{
    return &cache->hot[cache_mix(pa >> 2 ^ (uint64_t)mode << 40) >>
                       (64 - HOT_BITS)];
}

struct hot_place *cache_hot_find(struct jit_cache *cache, gpa_t pa,
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
    const struct hot_place *h = cache_hot_find(cache, pa, mode);

    return h && h->old;
}

bool jit_cache_is_hot(struct jit_cache *cache, gpa_t pa, uint32_t mode)
{
    return cache->all_hot || cache_hot_find(cache, pa, mode);
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
    struct hot_place *h = cache_hot_find(cache, b->pa, b->mode);

    if (!h)
        h = hot_add(cache, b->pa, b->mode);
    if (!b->is_forgotten) {
        cache_forget(cache, b);
        leave_from(cache, b);
        h->old = b;
    }
    return h;
}

struct jblock *jit_cache_heat(struct jit_cache *cache, uint32_t number)
{
    struct jblock *b = cache_block_at(cache, number);

    make_hot(cache, b);
    cache->stats.hot++;
    return b;
}

struct jblock *jit_cache_worn(struct jit_cache *cache, uint32_t site)
{
    const struct jsite *s = &cache->sites[site];
    struct jblock *b = cache_block_at(cache, s->block);

    tr_mask_add(&make_hot(cache, b)->plain, s->idx);
    cache->stats.worn++;
    return b;
}

void cache_lead_to(struct jblock *old, const struct jblock *b)
{
    struct x64 c = {.p = old->entry};

    x64_jmp_to(&c, b->entry);
    old->is_replaced = true;
}

void cache_replace_old(struct jit_cache *cache, const struct jblock *b)
{
    struct hot_place *h = cache_hot_find(cache, b->pa, b->mode);

    if (!h || !h->old)
        return;
    cache_lead_to(h->old, b);
    h->old = NULL;
}

void cache_keep_sites(struct jit_cache *cache, const struct tr *t)
{
    for (unsigned n = 0; n < t->num_spans; n++)
        cache->sites[cache->num_sites++] =
            (struct jsite){.block = t->number, .idx = t->spans[n].idx};
}
