// SPDX-License-Identifier: Apache-2.0
/* Entering into and dropping from one TLB. */

#include "accel/soft/tlb.h"

#include <string.h>

#include "base/heap.h"

enum { UNIT_SHIFT = 21, UNIT_PAGES = 1 << (UNIT_SHIFT - 12) };
#define PAGE_MASK ((1ull << 44) - 1) /* VA[55:12]: the tag byte is ignored */

/* No address is there: bits 55 to 48 differ from each other. */
static void empty_span(struct tlb_span *s)
{
    s->first = s->end = 0x55ull << 48;
    s->room = 0;
    s->wear = 0;
}

const struct tlb_span_size tlb_span_sizes[TLB_SPAN_SIZES] = {
    {1, 0, 16},   {2, 16, 8},    {4, 24, 32},   {8, 56, 40},
    {16, 96, 32}, {32, 128, 24}, {64, 152, 16}, {512, 168, 24},
};
static_assert(168 + 24 == TLB_SPANS, "all are given");

static void make_spans(struct tlb_half *h)
{
    for (unsigned n = 0; n < TLB_SPAN_SIZES; n++) {
        const struct tlb_span_size *s = &tlb_span_sizes[n];

        for (unsigned k = s->first; k < s->first + s->count; k++) {
            empty_span(&h->span[k]);
            h->span[k].bytes = s->bytes;
        }
    }
}

struct tlb *tlb_new(void)
{
    struct tlb *t = heap_zalloc_aligned(64, sizeof(*t));

    if (!t)
        return NULL;
    t->side = heap_zalloc(sizeof(*t->side));
    if (!t->side) {
        heap_free(t);
        return NULL;
    }
    t->side->used = true;
    make_spans(&t->r);
    make_spans(&t->w);
    tlb_flush(t, 1);
    return t;
}

void tlb_free(struct tlb *t)
{
    if (!t)
        return;
    heap_free(t->side);
    heap_free(t);
}

static uint64_t page_of(uint64_t va)
{
    return va >> 12 & PAGE_MASK;
}

static void empty_old(struct tlb_half *h)
{
    for (unsigned n = 0; n < TLB_OLD; n++)
        h->old_key[n] = n ? 0 : 0x1000; /* of another slot */
}

/* Forgets those that have something of the `count` pages from `first` on. */
static void drop_spans(struct tlb_half *h, uint64_t first, uint64_t count)
{
    for (unsigned w = 0; w < ARRAY_LEN(h->span_used); w++) {
        for (uint64_t bits = h->span_used[w]; bits; bits &= bits - 1) {
            unsigned n = 64 * w + (unsigned)__builtin_ctzll(bits);
            struct tlb_span *s = &h->span[n];
            uint64_t pages = (s->end - s->first) >> 12;
            uint64_t from = page_of(s->first);

            if (((from - first) & PAGE_MASK) >= count &&
                ((first - from) & PAGE_MASK) >= pages)
                continue;
            empty_span(s);
            h->span_used[w] &= ~(1ull << (n & 63));
        }
    }
}

static void empty_spans(struct tlb_half *h)
{
    drop_spans(h, 0, PAGE_MASK + 1);
}

static void empty(struct tlb_half *h)
{
    for (unsigned n = 0; n < TLB_ENTRIES; n++)
        h->key[n] = tlb_empty_key(n);
    empty_old(h);
    empty_spans(h);
}

static void empty_code(struct tlb_side *s)
{
    for (unsigned n = 0; n < TLB_CODES; n++)
        s->code[n].key = tlb_empty_key(n);
    memset(s->fetched, 0, sizeof(s->fetched));
}

void tlb_flush(struct tlb *t, uint32_t tag)
{
    struct tlb_side *s = t->side;

    t->tag = tag;
    if (!s->used)
        return;
    empty(&t->r);
    empty(&t->w);
    empty_code(s);
    memset(s->big, 0, sizeof(s->big));
    s->num_huge = 0;
    s->num_special = 0;
    s->has_user = s->has_context = s->has_global = false;
    s->used = false;
    s->halves = 0;
}

void tlb_flush_writes(struct tlb *t)
{
    empty(&t->w);
}

void tlb_retag(struct tlb *t, uint32_t tag)
{
    t->tag = tag;
    empty_code(t->side);
}

static bool bit_get(const uint64_t *map, uint64_t n)
{
    return map[n >> 6 & 15] >> (n & 63) & 1;
}

static void bit_set(uint64_t *map, uint64_t n)
{
    map[n >> 6 & 15] |= 1ull << (n & 63);
}

/* Widens the range to all of every larger leaf it touches. False: the range is
   everything. */
static bool widen(const struct tlb_side *s, uint64_t *first, uint64_t *count)
{
    uint64_t start = align_down(*first, UNIT_PAGES);
    uint64_t end = *first + *count;

    if (s->num_huge > TLB_HUGE)
        return false;
    for (uint64_t u = start; u < end; u += UNIT_PAGES) {
        if (bit_get(s->big, u / UNIT_PAGES)) {
            *first = start;
            end = align_up(end, UNIT_PAGES);
            break;
        }
    }
    for (unsigned n = 0; n < s->num_huge; n++) {
        uint64_t from = s->huge[n].first, to = from + s->huge[n].count;

        if (from < end && *first < to) {
            *first = MIN(*first, from);
            end = MAX(end, to);
        }
    }
    *count = end - *first;
    return true;
}

static void drop_slot(struct tlb *t, unsigned n, uint64_t first, uint64_t count)
{
    if (((page_of(t->r.key[n]) - first) & PAGE_MASK) < count)
        t->r.key[n] = tlb_empty_key(n);
    if (((page_of(t->w.key[n]) - first) & PAGE_MASK) < count)
        t->w.key[n] = tlb_empty_key(n);
}

static void drop_old(struct tlb_half *h, uint64_t first, uint64_t count)
{
    for (unsigned n = 0; n < TLB_OLD; n++) {
        if (((page_of(h->old_key[n]) - first) & PAGE_MASK) < count)
            h->old_key[n] = n ? 0 : 0x1000;
    }
}

bool tlb_drop(struct tlb *t, uint64_t va, uint64_t count)
{
    uint64_t first = page_of(va);

    if (!(t->side->halves & 1 << BIT(va, 55)))
        return true;
    if (count >= 1 << 20 || !widen(t->side, &first, &count)) {
        first = 0;
        count = PAGE_MASK + 1;
    }
    drop_old(&t->r, first, count);
    drop_old(&t->w, first, count);
    drop_spans(&t->r, first, count);
    drop_spans(&t->w, first, count);
    if (count >= TLB_ENTRIES) {
        for (unsigned n = 0; n < TLB_ENTRIES; n++)
            drop_slot(t, n, first, count);
        return false;
    }
    for (uint64_t n = first; n < first + count; n++)
        drop_slot(t, n & (TLB_ENTRIES - 1), first, count);
    return count == 1 && !bit_get(t->side->fetched, first);
}

bool tlb_drop_special(struct tlb *t)
{
    struct tlb_side *s = t->side;
    bool had_context = s->has_context;

    if (s->num_special > TLB_SPECIALS) {
        empty(&t->r);
        empty(&t->w);
    } else {
        for (unsigned n = 0; n < s->num_special; n++) {
            unsigned slot = s->special[n];

            t->r.key[slot] = t->w.key[slot] = tlb_empty_key(slot);
        }
    }
    empty_old(&t->r);
    empty_old(&t->w);
    empty_spans(&t->r);
    empty_spans(&t->w);
    s->num_special = 0;
    s->has_user = s->has_context = false;
    return !had_context;
}

static void note_special(struct tlb_side *s, const struct mmu_result *res,
                         unsigned slot)
{
    s->has_user |= res->is_user;
    s->has_context |= res->in_context;
    if (s->num_special > TLB_SPECIALS)
        return;
    for (unsigned n = 0; n < s->num_special; n++) {
        if (s->special[n] == slot)
            return;
    }
    if (s->num_special < TLB_SPECIALS)
        s->special[s->num_special] = slot;
    s->num_special++;
}

static void note_huge(struct tlb_side *s, uint64_t page, unsigned shift)
{
    uint64_t count = 1ull << (shift - 12);
    uint64_t first = align_down(page, count);

    for (unsigned n = 0; n < MIN(s->num_huge, (unsigned)TLB_HUGE); n++) {
        if (s->huge[n].first == first && s->huge[n].count == count)
            return;
    }
    if (s->num_huge < TLB_HUGE) {
        s->huge[s->num_huge].first = first;
        s->huge[s->num_huge].count = count;
    }
    if (s->num_huge <= TLB_HUGE)
        s->num_huge++;
}

static void note(struct tlb *t, uint64_t va, const struct mmu_result *res)
{
    struct tlb_side *s = t->side;
    uint64_t page = page_of(va);

    s->used = true;
    s->halves |= 1 << BIT(va, 55);
    s->has_global |= res->is_global;
    if (res->leaf_shift > UNIT_SHIFT)
        note_huge(s, page, res->leaf_shift);
    else if (res->leaf_shift > 12)
        bit_set(s->big, page / UNIT_PAGES);
}

static void fill(struct tlb_half *h, uint64_t va, const struct mmu_result *res)
{
    unsigned slot = tlb_slot(va), old;

    if ((h->key[slot] ^ va) >= 4096 && tlb_slot(h->key[slot]) == slot) {
        old = tlb_old_slot(h->key[slot]);
        h->old_key[old] = h->key[slot];
        h->old_add[old] = h->add[slot];
    }
    h->key[slot] = align_down(va, 4096);
    h->add[slot] = (uint64_t)(uintptr_t)res->host - va;
}

void tlb_enter(struct tlb *t, uint64_t va, const struct mmu_result *res,
               bool write)
{
    unsigned slot = tlb_slot(va);

    note(t, va, res);
    if (t->side->keeps_special && (res->is_user || res->in_context))
        note_special(t->side, res, slot);
    fill(&t->r, va, res);
    if (write) {
        fill(&t->w, va, res);
        return;
    }
    /* r and w of a slot may differ in page, but not in what they say of the
       same one */
    if (align_down(va, 4096) == t->w.key[slot])
        t->w.key[slot] = tlb_empty_key(slot);
    drop_old(&t->w, page_of(va), 1);
    drop_spans(&t->w, page_of(va), 1);
}

void tlb_enter_code(struct tlb *t, uint64_t va, const struct mmu_result *res)
{
    note(t, va, res);
    t->side->has_context |= res->in_context;
    *tlb_code_at(t, va) = (struct tlb_code){.key = align_down(va, 4096),
                                            .host = res->host - (va & 4095),
                                            .pa = align_down(res->pa, 4096)};
    bit_set(t->side->fetched, page_of(va));
}
