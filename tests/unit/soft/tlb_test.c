// SPDX-License-Identifier: Apache-2.0
/*
 * What TLBs keep and what drops it: a page is read, its descriptor pointed at
 * another page, and read again. Before the invalidation the old value must come
 * back (or there is no TLB to test), after it the new one.
 */

#include "accel/soft/tlb.h"
#include "board.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define OLD (RAM + 0x10000)
#define NEW (RAM + 0x20000)
enum { ASID = 5, OTHER_ASID = 6 };

struct world {
    struct board *b;
    struct cpu *cpu;
    gpa_t root;
};

static struct world world_new(void)
{
    struct world w = {.b = board_new(), .root = TABLES + 0x1000000};

    w.cpu = w.b->cpu[0];
    for (uint64_t off = 0; off < 0x10000; off += 8) {
        *ram(w.b, OLD + off) = 1;
        *ram(w.b, NEW + off) = 2;
    }
    mmu_on(w.b, w.cpu, w.root | (uint64_t)ASID << 48, w.root + 0x100000);
    return w;
}

static gpa_t root_of(const struct world *w, uint64_t va)
{
    return BIT(va, 55) ? w->root + 0x100000 : w->root;
}

static void point(struct world *w, uint64_t va, gpa_t pa, unsigned level,
                  uint64_t attrs)
{
    map_at(w->b, root_of(w, va), 48, va, pa, level, attrs);
}

/* Reads va with the old mapping, so that it is cached, then changes it. */
static void cache_and_move(struct world *w, uint64_t va, uint64_t attrs)
{
    point(w, va, OLD, 3, D_PLAIN | attrs);
    mmu_flush_all(w->cpu);
    assert_int_equal(load(w->cpu, va), 1);
    point(w, va, NEW, 3, D_PLAIN | attrs);
    assert_int_equal(load(w->cpu, va), 1);
}

static uint64_t va_operand(uint64_t va, uint64_t asid)
{
    return BITS(va, 55, 12) | asid << 48;
}

struct form {
    unsigned crm, op2;
    bool by_va, by_asid;
};
static const struct form forms[] = {
    {7, 0, 0, 0}, {3, 0, 0, 0}, {1, 0, 0, 0}, /* VMALLE1 */
    {7, 1, 1, 1}, {3, 1, 1, 1}, {1, 1, 1, 1}, /* VAE1 */
    {7, 2, 0, 1}, {3, 2, 0, 1}, {1, 2, 0, 1}, /* ASIDE1 */
    {7, 3, 1, 0}, {3, 3, 1, 0}, {1, 3, 1, 0}, /* VAAE1 */
    {7, 5, 1, 1}, {3, 5, 1, 1}, {1, 5, 1, 1}, /* VALE1 */
    {7, 7, 1, 0}, {3, 7, 1, 0}, {1, 7, 1, 0}, /* VAALE1 */
};

static uint64_t form_operand(const struct form *f, uint64_t va, uint64_t asid)
{
    return (f->by_va ? va_operand(va, 0) : 0) | (f->by_asid ? asid << 48 : 0);
}

static void each_tlbi_drops_a_user_page(void **state)
{
    struct world w = world_new();
    uint64_t va = 0x12345000;

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(forms); n++) {
        const struct form *f = &forms[n];
        unsigned key = KEY_TLBI(f->crm, f->op2);

        enter_el(w.cpu, 0);
        cache_and_move(&w, va, D_USER | D_NG);
        if (f->by_va) {
            assert_true(mmu_tlbi(w.cpu, key, form_operand(f, va + 4096, ASID)));
            assert_int_equal(load(w.cpu, va), 1);
        }
        if (f->by_asid) {
            assert_true(mmu_tlbi(w.cpu, key, form_operand(f, va, OTHER_ASID)));
            assert_int_equal(load(w.cpu, va), 1);
        }
        assert_true(mmu_tlbi(w.cpu, key, form_operand(f, va, ASID)));
        assert_int_equal(load(w.cpu, va), 2);
    }
    board_free(w.b);
}

static void each_tlbi_drops_a_kernel_page(void **state)
{
    struct world w = world_new();
    uint64_t va = HIGH | 0x45000;

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(forms); n++) {
        const struct form *f = &forms[n];

        if (f->by_asid && !f->by_va)
            continue; /* global pages stay */
        cache_and_move(&w, va, 0);
        mmu_tlbi(w.cpu, KEY_TLBI(f->crm, f->op2), form_operand(f, va, 99));
        assert_int_equal(load(w.cpu, va), 2);
    }
    cache_and_move(&w, va, 0);
    mmu_tlbi(w.cpu, KEY_TLBI(7, 2), (uint64_t)ASID << 48);
    assert_int_equal(load(w.cpu, va), 1);
    board_free(w.b);
}

static void a_global_user_page_goes_whatever_the_asid(void **state)
{
    struct world w = world_new();

    (void)state;
    enter_el(w.cpu, 0);
    cache_and_move(&w, 0x5000, D_USER);
    mmu_tlbi(w.cpu, KEY_TLBI(7, 1), va_operand(0x5000, OTHER_ASID));
    assert_int_equal(load(w.cpu, 0x5000), 2);
    board_free(w.b);
}

static void a_tagged_alias_is_dropped_with_its_page(void **state)
{
    struct world w = world_new();
    uint64_t tagged = 0xab00000000005000ull;

    (void)state;
    set_sys(w.cpu, SYS_TCR_EL1, w.cpu->sys[SYS_TCR_EL1] | 1ull << 37);
    point(&w, 0x5000, OLD, 3, D_PLAIN);
    assert_int_equal(load(w.cpu, tagged), 1);
    point(&w, 0x5000, NEW, 3, D_PLAIN);
    assert_int_equal(load(w.cpu, tagged), 1);
    mmu_tlbi(w.cpu, KEY_TLBI(7, 3), va_operand(0x5000, 0));
    assert_int_equal(load(w.cpu, tagged), 2);
    board_free(w.b);
}

/* One page of a block is invalidated; all of it must go, at any distance. */
static void a_block_goes_whole(void **state)
{
    static const uint64_t other[] = {0x1000, 0x3ff000, 0x1ff000};

    (void)state;
    for (unsigned level = 1; level <= 2; level++) {
        for (unsigned n = 0; n < ARRAY_LEN(other); n++) {
            struct world w = world_new();
            uint64_t va = 0x40000000,
                     far = level == 1 ? other[n] * 100 : other[n] & 0x1fffff;

            *ram(w.b, RAM) = 1;
            point(&w, va, RAM, level, D_PLAIN);
            assert_int_equal(load(w.cpu, va), 1);
            *desc_at(w.b, w.root, 48, va, level) = 0;
            assert_int_equal(load(w.cpu, va), 1);
            mmu_tlbi(w.cpu, KEY_TLBI(7, 3), va_operand(va + far, 0));
            assert_int_equal(load(w.cpu, va), ~0ull);
            board_free(w.b);
        }
    }
}

static void many_huge_leaves_are_still_dropped(void **state)
{
    struct world w = world_new();

    (void)state;
    *ram(w.b, RAM) = 1;
    for (uint64_t n = 0; n < 9; n++) {
        point(&w, n << 30, RAM, 1, D_PLAIN);
        assert_int_equal(load(w.cpu, (n << 30) | n << 12), n ? 0 : 1);
    }
    assert_int_equal(load(w.cpu, 8ull << 30), 1);
    *desc_at(w.b, w.root, 48, 8ull << 30, 1) = 0;
    assert_int_equal(load(w.cpu, 8ull << 30), 1);
    mmu_tlbi(w.cpu, KEY_TLBI(7, 3), va_operand((8ull << 30) + 0x3000, 0));
    assert_int_equal(load(w.cpu, 8ull << 30), ~0ull);
    board_free(w.b);
}

static uint64_t range_operand(uint64_t va, unsigned shift, unsigned scale,
                              unsigned num, uint64_t asid)
{
    return BITS(va >> shift, 36, 0) | (uint64_t)num << 39 |
           (uint64_t)scale << 44 | (uint64_t)(shift / 2 - 5) << 46 | asid << 48;
}

static void ranges_drop_what_is_in_them_and_nothing_else(void **state)
{
    static const struct {
        unsigned scale, num, pages;
    } sizes[] = {{0, 0, 2}, {0, 3, 8}, {1, 0, 64}, {2, 1, 4096}};
    static const unsigned crm[] = {2, 5, 6}, op2[] = {1, 3, 5, 7};
    struct world w = world_new();

    (void)state;
    enter_el(w.cpu, 0);
    for (unsigned c = 0; c < 12; c++) {
        for (unsigned s = 0; s < ARRAY_LEN(sizes); s++) {
            uint64_t first = 0x10000000;
            uint64_t last = first + (sizes[s].pages - 1) * 4096ull;
            uint64_t after = last + 4096;
            unsigned key = KEY_TLBI(crm[c / 4], op2[c % 4]);

            cache_and_move(&w, last, D_USER | D_NG);
            point(&w, after, OLD, 3, D_PLAIN | D_USER | D_NG);
            assert_int_equal(load(w.cpu, after), 1);
            point(&w, after, NEW, 3, D_PLAIN | D_USER | D_NG);
            assert_true(mmu_tlbi(
                w.cpu, key,
                range_operand(first, 12, sizes[s].scale, sizes[s].num, ASID)));
            assert_int_equal(load(w.cpu, last), 2);
            assert_int_equal(load(w.cpu, after), 1);
        }
    }
    board_free(w.b);
}

static void ranges_count_in_their_granule_and_reach_the_kernel(void **state)
{
    struct world w = world_new();
    uint64_t va = 0xffffffff80000000ull;

    (void)state;
    map_at(w.b, w.root + 0x100000, 48, va, OLD, 3, D_PLAIN);
    assert_int_equal(load(w.cpu, va), 1);
    map_at(w.b, w.root + 0x100000, 48, va, NEW, 3, D_PLAIN);
    mmu_tlbi(w.cpu, KEY_TLBI(6, 3), range_operand(va - 0x20000, 12, 0, 0, 0));
    assert_int_equal(load(w.cpu, va), 1);
    mmu_tlbi(w.cpu, KEY_TLBI(6, 3), range_operand(va - 0x10000, 16, 0, 0, 0));
    assert_int_equal(load(w.cpu, va), 2);
    cache_and_move(&w, 0x5000, 0);
    mmu_tlbi(w.cpu, KEY_TLBI(6, 3), 0); /* TG 0 is reserved: all of it */
    assert_int_equal(load(w.cpu, 0x5000), 2);
    board_free(w.b);
}

static void what_is_no_tlbi_is_refused(void **state)
{
    static const unsigned keys[] = {KEY_TLBI(7, 4),
                                    KEY_TLBI(7, 6),
                                    KEY_TLBI(6, 0),
                                    KEY_TLBI(6, 2),
                                    KEY_TLBI(0, 0),
                                    KEY_TLBI(4, 1),
                                    KEY_TLBI(8, 1),
                                    SYSREG_KEY(1, 4, 8, 7, 0),
                                    SYSREG_KEY(1, 6, 8, 7, 0),
                                    SYSREG_KEY(1, 0, 9, 7, 0)};
    struct world w = world_new();

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(keys); n++)
        assert_false(mmu_tlbi(w.cpu, keys[n], 0));
    board_free(w.b);
}

/* Empty slots must not match: the last page, the first, their neighbours. */
static bool was_displaced(const struct tlb_half *h, uint64_t va)
{
    return (h->old_key[tlb_old_slot(va)] ^ va) < 4096;
}

/* Translated code looks for it there without asking anybody. */
static void each_tlbi_drops_a_displaced_page(void **state)
{
    struct world w = world_new();
    uint64_t va = 0x12345000, other = va + ((uint64_t)TLB_ENTRIES << 12);

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(forms); n++) {
        const struct form *f = &forms[n];

        enter_el(w.cpu, 0);
        cache_and_move(&w, va, D_USER | D_NG);
        point(&w, other, NEW, 3, D_PLAIN | D_USER | D_NG);
        assert_int_equal(load(w.cpu, other), 2);
        assert_true(was_displaced(&w.cpu->tlb->r, va));
        assert_true(was_displaced(&w.cpu->tlb->w, va));
        mmu_tlbi(w.cpu, KEY_TLBI(f->crm, f->op2), form_operand(f, va, ASID));
        assert_false(was_displaced(&w.cpu->tlb->r, va));
        assert_false(was_displaced(&w.cpu->tlb->w, va));
        assert_int_equal(load(w.cpu, va), 2);
    }
    board_free(w.b);
}

static void a_page_that_cannot_be_written_is_not_brought_back(void **state)
{
    struct world w = world_new();
    uint64_t va = 0x12345000, other = va + ((uint64_t)TLB_ENTRIES << 12);
    struct mmu_result res;

    (void)state;
    enter_el(w.cpu, 0);
    cache_and_move(&w, va, D_USER | D_NG);
    point(&w, other, NEW, 3, D_PLAIN | D_USER | D_NG);
    load(w.cpu, other);
    assert_true(was_displaced(&w.cpu->tlb->w, va));
    mmu_translate(w.cpu, va, ACC_READ, 0, &res);
    tlb_enter(w.cpu->tlb, va, &res, false);
    assert_false(was_displaced(&w.cpu->tlb->w, va));
    board_free(w.b);
}

/* Three pages from `va` on, as hot code would have found them. */
static struct tlb_span *make_span(struct tlb_half *h, unsigned n, uint64_t va)
{
    struct tlb_span *s = &h->span[n];

    s->first = va;
    s->end = va + 3 * 4096;
    s->room = 3 * 4096 - s->bytes;
    h->span_used[n / 64] |= 1ull << (n & 63);
    return s;
}

static bool span_has(const struct tlb_span *s, uint64_t va)
{
    return va - s->first <= s->room;
}

static void a_span_goes_with_each_of_its_pages(void **state)
{
    struct tlb *t = tlb_new();
    const uint64_t va = 0x10000;

    (void)state;
    for (uint64_t page = 0; page < 5; page++) {
        bool hit = page >= 1 && page <= 3;
        struct tlb_span *r = make_span(&t->r, 5, va);
        struct tlb_span *w = make_span(&t->w, 190, va);
        struct tlb_span *far = make_span(&t->r, 7, va + (1 << 20));

        t->side->used = true;
        t->side->halves = 1;
        assert_true(span_has(r, va) && span_has(w, va + 0x2000));
        tlb_drop(t, va + 4096 * page - 4096, 1);
        assert_int_equal(span_has(r, va), !hit);
        assert_int_equal(span_has(w, va + 0x2000), !hit);
        assert_true(span_has(far, va + (1 << 20)));
    }
    make_span(&t->r, 7, va);
    tlb_flush(t, 2);
    assert_false(span_has(&t->r.span[7], va));
    tlb_free(t);
}

static void flushing_writes_drops_spans_of_writes(void **state)
{
    struct tlb *t = tlb_new();

    (void)state;
    make_span(&t->r, 60, 0x10000);
    make_span(&t->w, 60, 0x10000);
    tlb_flush_writes(t);
    assert_true(span_has(&t->r.span[60], 0x10000));
    assert_false(span_has(&t->w.span[60], 0x10000));
    make_span(&t->w, 60, 0x10000);
    tlb_drop_special(t);
    assert_false(span_has(&t->r.span[60], 0x10000));
    assert_false(span_has(&t->w.span[60], 0x10000));
    tlb_free(t);
}

/* A page that may be read, but not written any more. */
static void a_read_only_page_leaves_spans_of_writes(void **state)
{
    struct tlb *t = tlb_new();
    uint8_t byte = 0;
    struct mmu_result res = {.host = &byte, .leaf_shift = 12};

    (void)state;
    make_span(&t->r, 0, 0x10000);
    make_span(&t->w, 0, 0x10000);
    tlb_enter(t, 0x11000, &res, false);
    assert_true(span_has(&t->r.span[0], 0x10000));
    assert_false(span_has(&t->w.span[0], 0x10000));
    tlb_free(t);
}

static void nothing_hits_in_an_empty_tlb(void **state)
{
    static const uint64_t vas[] = {
        0,         8,     0xff8,      0x1000,         0x1ff8,
        ~0xfffull, ~7ull, ~0x1fffull, 0x800000000000, 0xff7ffffffffff000ull};
    struct world w = world_new();

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(vas); n++) {
        const uint8_t *r;
        uint8_t *p;

        assert_false(mem_hit_r(w.cpu, vas[n], 8, 0, &r));
        assert_false(mem_hit_w(w.cpu, vas[n], 1, 0, &p));
        assert_false(mem_hit_r(w.cpu, vas[n], 1, ACC_UNPRIV, &r));
        assert_int_equal(load(w.cpu, vas[n]), ~0ull);
    }
    board_free(w.b);
}

static void address_spaces_keep_their_entries(void **state)
{
    struct world w = world_new();
    gpa_t roots[20];

    (void)state;
    for (unsigned n = 0; n < 20; n++) {
        roots[n] = new_table(w.b);
        *ram(w.b, OLD + 8 * n) = 100 + n;
        map(w.b, roots[n], 0x5000, OLD, D_PLAIN | D_USER | D_NG);
    }
    enter_el(w.cpu, 0);
    for (unsigned n = 0; n < 20; n++) {
        set_sys(w.cpu, SYS_TTBR0_EL1, roots[n] | (uint64_t)n << 48);
        assert_int_equal(load(w.cpu, 0x5000 + 8 * n), 100 + n);
        *desc_at(w.b, roots[n], 48, 0x5000, 3) = 0;
    }
    for (unsigned n = 4; n < 20; n++) { /* the last 16 are there */
        set_sys(w.cpu, SYS_TTBR0_EL1, roots[n] | (uint64_t)n << 48);
        assert_int_equal(load(w.cpu, 0x5000 + 8 * n), 100 + n);
    }
    set_sys(w.cpu, SYS_TTBR0_EL1, roots[0]); /* its bank went to another */
    assert_int_equal(load(w.cpu, 0x5000), ~0ull);
    enter_el(w.cpu, 0);
    set_sys(w.cpu, SYS_TTBR0_EL1, roots[19] | 19ull << 48);
    mmu_tlbi(w.cpu, KEY_TLBI(7, 2), 18ull << 48); /* not the current one */
    assert_int_equal(load(w.cpu, 0x5000), 100);
    set_sys(w.cpu, SYS_TTBR0_EL1, roots[18] | 18ull << 48);
    assert_int_equal(load(w.cpu, 0x5000), ~0ull);
    board_free(w.b);
}

static void the_asid_may_come_from_ttbr1(void **state)
{
    struct world w = world_new();
    gpa_t ttbr1 = w.root + 0x100000;

    (void)state;
    set_sys(w.cpu, SYS_TCR_EL1, w.cpu->sys[SYS_TCR_EL1] | 1 << 22);
    set_sys(w.cpu, SYS_TTBR1_EL1, ttbr1 | 77ull << 48);
    enter_el(w.cpu, 0);
    cache_and_move(&w, 0x5000, D_USER | D_NG);
    mmu_tlbi(w.cpu, KEY_TLBI(7, 2), (uint64_t)ASID << 48);
    assert_int_equal(load(w.cpu, 0x5000), 1);
    mmu_tlbi(w.cpu, KEY_TLBI(7, 2), 77ull << 48);
    assert_int_equal(load(w.cpu, 0x5000), 2);
    board_free(w.b);
}

static void eight_bit_asids_ignore_the_upper_half(void **state)
{
    struct world w = world_new();

    (void)state;
    set_sys(w.cpu, SYS_TCR_EL1, w.cpu->sys[SYS_TCR_EL1] & ~(1ull << 36));
    enter_el(w.cpu, 0);
    cache_and_move(&w, 0x5000, D_USER | D_NG);
    mmu_tlbi(w.cpu, KEY_TLBI(7, 2), 0x4200ull << 48 | (uint64_t)ASID << 48);
    assert_int_equal(load(w.cpu, 0x5000), 2);
    board_free(w.b);
}

static void a_new_ttbr0_drops_its_half_from_el1_only(void **state)
{
    struct world w = world_new();
    gpa_t root = new_table(w.b);

    (void)state;
    map(w.b, root, 0x5000, NEW, D_PLAIN);
    cache_and_move(&w, HIGH | 0x7000, 0);
    point(&w, 0x5000, OLD, 3, D_PLAIN);
    assert_int_equal(load(w.cpu, 0x5000), 1);
    set_sys(w.cpu, SYS_TTBR0_EL1, root);
    assert_int_equal(load(w.cpu, 0x5000), 2);
    assert_int_equal(load(w.cpu, HIGH | 0x7000), 1);
    board_free(w.b);
}

static void setting_pan_closes_user_pages_to_el1(void **state)
{
    struct world w = world_new();

    (void)state;
    for (unsigned n = 0; n < 100; n++) { /* also more than the list holds */
        point(&w, 0x100000 + 4096ull * n, OLD, 3, D_PLAIN | D_USER);
        point(&w, HIGH | (0x100000 + 4096ull * n), OLD, 3, D_PLAIN | D_USER);
    }
    for (unsigned pages = 1; pages <= 100; pages += 33) {
        w.cpu->pan = 0;
        mmu_context_changed(w.cpu);
        for (unsigned n = 0; n < pages; n++) {
            assert_int_equal(load(w.cpu, 0x100000 + 4096ull * n), 1);
            assert_int_equal(load(w.cpu, HIGH | (0x100000 + 4096ull * n)), 1);
        }
        w.cpu->pan = 1;
        mmu_context_changed(w.cpu);
        for (unsigned n = 0; n < pages; n++) {
            w.cpu->pan = 1;
            mmu_context_changed(w.cpu);
            assert_int_equal(load(w.cpu, 0x100000 + 4096ull * n), ~0ull);
            assert_int_equal(load(w.cpu, HIGH | (0x100000 + 4096ull * n)),
                             ~0ull);
        }
    }
    board_free(w.b);
}

static void
el1_never_sees_through_el0_entries_nor_el0_through_el1s(void **state)
{
    struct world w = world_new();

    (void)state;
    point(&w, 0x5000, OLD, 3, D_PLAIN);
    point(&w, 0x6000, OLD, 3, D_PLAIN | D_USER | D_RO);
    assert_int_equal(load(w.cpu, 0x5000), 1);
    enter_el(w.cpu, 0);
    assert_int_equal(load(w.cpu, 0x5000), ~0ull);
    enter_el(w.cpu, 0);
    assert_int_equal(load(w.cpu, 0x6000), 1);
    assert_false(mem_st64(w.cpu, &(struct insn){.word = 0}, 0x6000, 1));
    assert_int_equal(w.cpu->el, 1);
    assert_int_equal(esr_fsc(w.cpu), 0xf);
    board_free(w.b);
}

static void a_read_entry_gives_no_right_to_write(void **state)
{
    struct world w = world_new();

    (void)state;
    point(&w, 0x5000, OLD, 3, D_PLAIN | D_RO);
    assert_int_equal(load(w.cpu, 0x5000), 1);
    assert_false(mem_st64(w.cpu, &(struct insn){.word = 0}, 0x5000, 9));
    assert_int_equal(*ram(w.b, OLD), 1);
    board_free(w.b);
}

static void writes_are_marked_again_after_a_restart(void **state)
{
    struct world w = world_new();
    struct insn i = {.word = 0};

    (void)state;
    point(&w, 0x5000, OLD, 3, D_PLAIN);
    assert_int_equal(load(w.cpu, 0x5000), 1); /* writable without a mark */
    assert_int_equal(gmem_track_start(&w.b->ram, 4096, NULL), 0);
    mmu_dirty_restart(&w.b->vm);
    mmu_do_work(w.cpu);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(load(w.cpu, 0x5000), round ? round - 1 : 1);
        assert_false(gmem_take_dirty(&w.b->ram, OLD));
        assert_true(mem_st64(w.cpu, &i, 0x5000, round));
        assert_true(gmem_take_dirty(&w.b->ram, OLD));
        mmu_dirty_restart(&w.b->vm);
        mmu_do_work(w.cpu);
    }
    board_free(w.b);
}

/* ---- code ---- */

static uint32_t fetch(struct cpu *cpu, uint64_t va)
{
    const uint8_t *host;
    gpa_t pa;

    assert_true(mmu_fetch(cpu, va, &pa, &host));
    return mmu_code_hold(cpu->vm, pa);
}

static void code_generations_move_only_where_code_was(void **state)
{
    struct world w = world_new();
    uint32_t gen, tag;

    (void)state;
    point(&w, 0x5000, OLD, 3, D_PLAIN);
    mmu_code_changed(w.cpu, OLD);
    assert_int_equal(mmu_code_gen(&w.b->vm, OLD), 0);
    gen = fetch(w.cpu, 0x5000);
    tag = w.cpu->tlb->tag;
    mmu_code_changed(w.cpu, NEW); /* never fetched: nobody need know */
    assert_int_equal(w.cpu->tlb->tag, tag);
    mmu_code_changed(w.cpu, OLD + 64);
    assert_int_not_equal(w.cpu->tlb->tag, tag);
    assert_int_not_equal(mmu_code_gen(&w.b->vm, OLD), gen);
    gen = fetch(w.cpu, 0x5000);
    mmu_code_changed_all(w.cpu, false);
    assert_int_not_equal(mmu_code_gen(&w.b->vm, OLD), gen);
    gen = fetch(w.cpu, 0x5000);
    tag = w.cpu->tlb->tag;
    mmu_ram_written(&w.b->vm, OLD - 4096, 4097);
    mmu_do_work(w.cpu);
    assert_int_not_equal(mmu_code_gen(&w.b->vm, OLD), gen);
    assert_int_not_equal(w.cpu->tlb->tag, tag);
    mmu_code_changed(w.cpu, DEVICE); /* not RAM: nothing happens */
    board_free(w.b);
}

static void
a_device_that_writes_again_where_code_was_disturbs_nobody(void **state)
{
    struct world w = world_new();
    uint32_t gen, tag;

    (void)state;
    point(&w, 0x5000, OLD, 3, D_PLAIN);
    gen = fetch(w.cpu, 0x5000);
    mmu_ram_written(&w.b->vm, OLD, 64);
    assert_int_not_equal(mmu_code_gen(&w.b->vm, OLD), gen);
    mmu_do_work(w.cpu);
    gen = mmu_code_gen(&w.b->vm, OLD);
    tag = w.cpu->tlb->tag;
    mmu_ram_written(&w.b->vm, OLD, 64);
    mmu_do_work(w.cpu);
    assert_int_equal(w.cpu->tlb->tag, tag);
    assert_int_equal(mmu_code_gen(&w.b->vm, OLD), gen);
    /* ... but instruction caches that are cleaned must become so. */
    mmu_code_changed(w.cpu, OLD);
    assert_int_not_equal(w.cpu->tlb->tag, tag);
    assert_int_equal(fetch(w.cpu, 0x5000), gen + 1);
    tag = w.cpu->tlb->tag;
    mmu_ram_written(&w.b->vm, OLD, 64);
    mmu_do_work(w.cpu);
    assert_int_not_equal(w.cpu->tlb->tag, tag);
    assert_int_equal(mmu_code_gen(&w.b->vm, OLD), gen + 2);
    board_free(w.b);
}

static void tlbi_of_code_moves_the_tag_and_of_data_does_not(void **state)
{
    struct world w = world_new();
    uint32_t tag;

    (void)state;
    point(&w, 0x5000, OLD, 3, D_PLAIN);
    point(&w, 0x6000, OLD, 3, D_PLAIN);
    fetch(w.cpu, 0x5000);
    load(w.cpu, 0x6000);
    tag = w.cpu->tlb->tag;
    mmu_tlbi(w.cpu, KEY_TLBI(7, 3), va_operand(0x6000, 0));
    assert_int_equal(w.cpu->tlb->tag, tag);
    mmu_tlbi(w.cpu, KEY_TLBI(7, 3), va_operand(0x5000, 0));
    assert_int_not_equal(w.cpu->tlb->tag, tag);
    point(&w, 0x5000, NEW, 3, D_PLAIN);
    fetch(w.cpu, 0x5000);
    assert_int_equal(mmu_code_gen(&w.b->vm, NEW), 1);
    board_free(w.b);
}

/* ---- other CPUs ---- */

static struct cpu *second_cpu(struct world *w, unsigned index)
{
    struct cpu *cpu = w->b->cpu[index] = board_cpu(w->b, index);

    mmu_on(w->b, cpu, w->root | (uint64_t)ASID << 48, w->root + 0x100000);
    return cpu;
}

static void broadcasts_reach_a_stopped_cpu_before_it_runs(void **state)
{
    struct world w = world_new();
    struct cpu *two = second_cpu(&w, 1);

    (void)state;
    for (unsigned times = 1; times <= 100; times += 33) {
        point(&w, 0x5000, OLD, 3, D_PLAIN);
        mmu_flush_all(two);
        assert_int_equal(load(two, 0x5000), 1);
        point(&w, 0x5000, NEW, 3, D_PLAIN);
        for (unsigned n = 0; n < times; n++) /* 34 and more overflow */
            mmu_tlbi(w.cpu, KEY_TLBI(3, 3), va_operand(0x5000 + (n << 12), 0));
        mmu_sync(w.cpu); /* does not wait for a stopped one */
        assert_int_equal(load(two, 0x5000), 1);
        assert_int_not_equal(two->attention & ATT_WORK, 0);
        mmu_do_work(two);
        assert_int_equal(load(two, 0x5000), 2);
    }
    board_free(w.b);
}

static void local_forms_stay_local(void **state)
{
    struct world w = world_new();
    struct cpu *two = second_cpu(&w, 1);

    (void)state;
    point(&w, 0x5000, OLD, 3, D_PLAIN);
    load(two, 0x5000);
    point(&w, 0x5000, NEW, 3, D_PLAIN);
    mmu_tlbi(w.cpu, KEY_TLBI(7, 0), 0);
    mmu_do_work(two);
    assert_int_equal(load(two, 0x5000), 1);
    mmu_tlbi(w.cpu, KEY_TLBI(3, 0), 0);
    mmu_do_work(two);
    assert_int_equal(load(two, 0x5000), 2);
    board_free(w.b);
}

enum { ROUNDS = 3000 };
static _Atomic unsigned finished;

/* A CPU that invalidates and waits, in and out of guest code, and does what
   the others ask for. */
static void *cpu_thread(void *arg)
{
    struct cpu *cpu = arg;

    for (unsigned n = 0; n < ROUNDS; n++) {
        atomic_store(&cpu->run_state, RUN_GUEST);
        mmu_do_work(cpu);
        mmu_tlbi(cpu, KEY_TLBI(3, n % 8 == 0 ? 0 : 3), n);
        if (n % 3 == 0)
            mmu_code_changed_all(cpu, true);
        mmu_sync(cpu);
        mmu_do_work(cpu);
        if (n % 5 == 0)
            atomic_store(&cpu->run_state, RUN_WAITING);
    }
    atomic_fetch_add(&finished, 1);
    while (atomic_load(&finished) < MAX_BOARD_CPUS) {
        mmu_do_work(cpu);
        sched_yield();
    }
    atomic_store(&cpu->run_state, RUN_STOPPED);
    return NULL;
}

static void cpus_that_wait_for_each_other_all_go_on(void **state)
{
    struct world w = world_new();
    pthread_t thread[MAX_BOARD_CPUS];

    (void)state;
    for (unsigned n = 1; n < MAX_BOARD_CPUS; n++)
        second_cpu(&w, n);
    for (unsigned n = 0; n < MAX_BOARD_CPUS; n++)
        assert_int_equal(
            pthread_create(&thread[n], NULL, cpu_thread, w.b->cpu[n]), 0);
    for (unsigned n = 0; n < MAX_BOARD_CPUS; n++)
        pthread_join(thread[n], NULL);
    assert_int_equal(finished, MAX_BOARD_CPUS);
    board_free(w.b);
}

struct reader {
    struct cpu *cpu;
    _Atomic bool stop;
    _Atomic uint64_t seen; /* the last generation it read */
};

static void *reader_thread(void *arg)
{
    struct reader *r = arg;

    atomic_store(&r->cpu->run_state, RUN_GUEST);
    while (!atomic_load(&r->stop)) {
        mmu_do_work(r->cpu);
        atomic_store(&r->seen, load(r->cpu, 0x5000));
    }
    atomic_store(&r->cpu->run_state, RUN_STOPPED);
    return NULL;
}

/* The promise of a DSB: once it is over, nobody reads the old page. The reader
   may store a value it read before, hence the wait for two more. */
static void after_the_dsb_a_running_cpu_reads_the_new_page(void **state)
{
    struct world w = world_new();
    struct reader r = {.cpu = second_cpu(&w, 1)};
    pthread_t thread;

    (void)state;
    point(&w, 0x5000, OLD, 3, D_PLAIN);
    assert_int_equal(pthread_create(&thread, NULL, reader_thread, &r), 0);
    while (atomic_load(&r.seen) != 1)
        sched_yield();
    for (unsigned n = 0; n < 500; n++) {
        gpa_t page = n & 1 ? OLD : NEW;

        __atomic_store_n(desc_at(w.b, w.root, 48, 0x5000, 3),
                         page | D_PLAIN | 3, __ATOMIC_SEQ_CST);
        mmu_tlbi(w.cpu, KEY_TLBI(3, 3), va_operand(0x5000, 0));
        mmu_sync(w.cpu);
        atomic_store(&r.seen, 0);
        while (!atomic_load(&r.seen))
            sched_yield();
        atomic_store(&r.seen, 0);
        while (!atomic_load(&r.seen))
            sched_yield();
        assert_int_equal(atomic_load(&r.seen), n & 1 ? 1 : 2);
    }
    atomic_store(&r.stop, true);
    pthread_join(thread, NULL);
    board_free(w.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_tlbi_drops_a_user_page),
        cmocka_unit_test(each_tlbi_drops_a_kernel_page),
        cmocka_unit_test(each_tlbi_drops_a_displaced_page),
        cmocka_unit_test(a_page_that_cannot_be_written_is_not_brought_back),
        cmocka_unit_test(a_global_user_page_goes_whatever_the_asid),
        cmocka_unit_test(a_tagged_alias_is_dropped_with_its_page),
        cmocka_unit_test(a_block_goes_whole),
        cmocka_unit_test(many_huge_leaves_are_still_dropped),
        cmocka_unit_test(ranges_drop_what_is_in_them_and_nothing_else),
        cmocka_unit_test(ranges_count_in_their_granule_and_reach_the_kernel),
        cmocka_unit_test(what_is_no_tlbi_is_refused),
        cmocka_unit_test(a_span_goes_with_each_of_its_pages),
        cmocka_unit_test(flushing_writes_drops_spans_of_writes),
        cmocka_unit_test(a_read_only_page_leaves_spans_of_writes),
        cmocka_unit_test(nothing_hits_in_an_empty_tlb),
        cmocka_unit_test(address_spaces_keep_their_entries),
        cmocka_unit_test(the_asid_may_come_from_ttbr1),
        cmocka_unit_test(eight_bit_asids_ignore_the_upper_half),
        cmocka_unit_test(a_new_ttbr0_drops_its_half_from_el1_only),
        cmocka_unit_test(setting_pan_closes_user_pages_to_el1),
        cmocka_unit_test(
            el1_never_sees_through_el0_entries_nor_el0_through_el1s),
        cmocka_unit_test(a_read_entry_gives_no_right_to_write),
        cmocka_unit_test(writes_are_marked_again_after_a_restart),
        cmocka_unit_test(code_generations_move_only_where_code_was),
        cmocka_unit_test(
            a_device_that_writes_again_where_code_was_disturbs_nobody),
        cmocka_unit_test(tlbi_of_code_moves_the_tag_and_of_data_does_not),
        cmocka_unit_test(broadcasts_reach_a_stopped_cpu_before_it_runs),
        cmocka_unit_test(local_forms_stay_local),
        cmocka_unit_test(cpus_that_wait_for_each_other_all_go_on),
        cmocka_unit_test(after_the_dsb_a_running_cpu_reads_the_new_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
