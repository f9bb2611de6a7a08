// SPDX-License-Identifier: Apache-2.0
/* The exits of translated blocks, and which block each is linked to. */

#include "accel/soft/jit/cache_impl.h"

#include "accel/soft/mmu.h"

enum { MANY_SPLITS = 4 /* of a block: then its runs get copies */ };

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

void cache_unlink(struct jit_cache *cache, struct jblock *b)
{
    while (b->incoming) {
        struct jexit *x = &cache->exits[b->incoming - 1];

        unpatch_exit(cache, x);
        b->incoming = x->next;
        x->next = 0;
        cache->stats.unlinks++;
    }
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
    return cache_page_of(cache, p->pa, UINT32_MAX);
}

static uint32_t meta_place(const struct jit_cache *cache, const void *p)
{
    return (uint32_t)((const uint8_t *)p - cache->meta);
}

void cache_keep_exits(struct jit_cache *cache, const struct tr *t,
                      struct jblock *b)
{
    uint32_t owner = meta_place(cache, b);

    b->first_exit = cache->num_exits;
    b->num_exits = t->num_exits;
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
            .idx = x->idx,
            .target = (int32_t)x->target};
    }
}

/* The block, or the one that is about to be replaced. */
static const struct jblock *block_at(struct jit_cache *cache, gpa_t pa,
                                     uint32_t mode)
{
    const struct jblock *b = cache_look_up(cache, pa, mode);
    const struct hot_place *h = b ? NULL : cache_hot_find(cache, pa, mode);

    return h ? h->old : b;
}

/* Was the end of the block ever come to, by no exit? */
static bool was_ended(const struct jit_cache *cache, const struct cpu *cpu,
                      const struct jblock *b)
{
    uint32_t number = cache_number_at(cache, b);

    return cpu->ended[number % NUM_HEATS] == number;
}

/* Where the end of the block has an exit, or notes that it was come to. */
static bool exits_say_taken(const struct jit_cache *cache,
                            const struct cpu *cpu, const struct jblock *b,
                            unsigned idx)
{
    bool here = false, behind = was_ended(cache, cpu, b);
    bool can_tell = b->notes_end;

    for (unsigned n = 0; n < b->num_exits; n++) {
        const struct jexit *x = &cache->exits[b->first_exit + n];

        here |= x->was_taken && x->idx == idx;
        behind |= x->was_taken && x->idx > idx;
        can_tell |= x->idx == b->count - 1;
    }
    return here && !behind && can_tell && !b->has_inner_loop;
}

bool jit_cache_is_taken(struct jit_cache *cache, const struct cpu *cpu,
                        gpa_t pa, unsigned idx)
{
    const struct jblock *b;

    if (cache->chaos)
        return cache_mix(cache->chaos ^ (pa + 4 * idx)) >> 62 == 0;
    b = block_at(cache, pa, cpu->mode);
    if (!b)
        return false;
    if (b->num_parts > 1)
        return b->parts[1].way == TRACE_TAKEN && b->parts->end == idx + 1;
    return exits_say_taken(cache, cpu, b, idx);
}

struct jblock *jit_cache_split(struct jit_cache *cache, uint32_t number,
                               bool *often)
{
    struct jexit *x = &cache->exits[number];
    struct jblock *b = owner_of(cache, x);

    if (x->place)
        return NULL;
    x->was_taken = true;
    cache->stats.splits++;
    *often = b->splits < MANY_SPLITS && ++b->splits == MANY_SPLITS;
    return b;
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
           cache_is_same(owner, trace_page(x->target), host);
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

    x->was_taken = true;
    if (cache->chaos && cache_mix(cache->chaos ^ number) >> 63)
        return; /* always or never */
    if (owner->is_forgotten)
        return; /* its first bytes may be another's now: cache_replace_old */
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
            cache_unlink(cache, b);
    }
}
