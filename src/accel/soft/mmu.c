// SPDX-License-Identifier: Apache-2.0
/*
 * Translation regime and TLBs of one CPU: which TLB serves which access, what
 * is entered, and what a change of context drops. Walks are in walk.c,
 * invalidation and its broadcast in mmu_work.c.
 */

#include "accel/soft/mmu.h"

#include <string.h>

#include "accel/soft/dry.h"
#include "accel/soft/exc.h"
#include "accel/soft/mmu_priv.h"
#include "base/heap.h"

enum {
    TCR_T0SZ = 0,
    TCR_EPD0 = 7,
    TCR_TG0 = 14,
    TCR_T1SZ = 16,
    TCR_A1 = 22,
    TCR_EPD1 = 23,
    TCR_TG1 = 30,
    TCR_IPS = 32,
    TCR_AS = 36,
    TCR_TBI0 = 37,
    TCR_HA = 39,
    TCR_HD = 40,
    TCR_HPD0 = 41,
    TCR_E0PD0 = 55
};
enum { MIN_TSZ = 16, MAX_TSZ = 39 };
#define TTBR_BASE BITS(~0ull, 47, 0)

struct mmu *mmu_new(struct cpu *cpu)
{
    struct mmu *m = heap_zalloc(sizeof(*m));

    (void)cpu;
    if (!m)
        return NULL;
    pthread_mutex_init(&m->box.lock, NULL);
    m->kernel = tlb_new();
    m->none = tlb_new();
    m->banks[0].tlb = tlb_new();
    if (!m->kernel || !m->none || !m->banks[0].tlb) {
        mmu_free(m);
        return NULL;
    }
    m->kernel->side->keeps_special = true;
    m->last_tag = 1;
    m->none->tag = mmu_next_tag(m);
    m->kernel->tag = mmu_next_tag(m);
    return m;
}

void mmu_free(struct mmu *m)
{
    if (!m)
        return;
    for (unsigned n = 0; n < TLB_BANKS; n++)
        tlb_free(m->banks[n].tlb);
    tlb_free(m->none);
    tlb_free(m->kernel);
    pthread_mutex_destroy(&m->box.lock);
    heap_free(m);
}

uint32_t mmu_next_tag(struct mmu *m)
{
    if (++m->last_tag == 0)
        m->last_tag = 1;
    return m->last_tag;
}

bool mmu_align_all(const struct cpu *cpu)
{
    return cpu->mmu->align_all;
}

/* ---- banks ---- */

static void bank_forget(struct mmu *m, struct bank *b)
{
    if (b->tlb && b->tlb == m->user)
        tlb_flush(b->tlb, mmu_next_tag(m)); /* stays in use */
    else
        b->is_valid = false;
}

/* The least recently used bank that has, or can get, memory. */
static struct bank *bank_victim(struct mmu *m)
{
    struct bank *best = NULL;

    for (unsigned n = 0; n < TLB_BANKS; n++) {
        struct bank *b = &m->banks[n];

        if (!b->tlb && !(b->tlb = tlb_new()))
            continue;
        if (!b->is_valid)
            return b;
        if (!best || b->used_at < best->used_at)
            best = b;
    }
    return best; /* bank 0 always has memory */
}

static struct tlb *bank_choose(struct mmu *m)
{
    uint64_t ttbr0 = m->ttbr[0] & TTBR_BASE;
    struct bank *b;

    for (unsigned n = 0; n < TLB_BANKS; n++) {
        b = &m->banks[n];
        if (b->is_valid && b->asid == m->asid && b->ttbr0 == ttbr0)
            goto found;
    }
    b = bank_victim(m);
    tlb_flush(b->tlb, mmu_next_tag(m));
    b->is_valid = true;
    b->asid = m->asid;
    b->ttbr0 = ttbr0;
found:
    b->used_at = ++m->clock;
    return b->tlb;
}

static struct tlb *user_tlb(struct mmu *m)
{
    if (!m->user)
        m->user = bank_choose(m);
    return m->user;
}

struct tlb *mmu_no_tlb(const struct cpu *cpu)
{
    return cpu->mmu->none;
}

void mmu_flush_all(struct cpu *cpu)
{
    struct mmu *m = cpu->mmu;

    tlb_flush(m->kernel, mmu_next_tag(m));
    for (unsigned n = 0; n < TLB_BANKS; n++)
        bank_forget(m, &m->banks[n]);
}

static void kernel_drop_special(struct mmu *m)
{
    if (!tlb_drop_special(m->kernel))
        tlb_retag(m->kernel, mmu_next_tag(m));
}

/* ---- context ---- */

/* The granule of TG0, or of TG1 whose encoding differs. Reserved: 4K. */
static unsigned granule_shift(unsigned half, unsigned tg)
{
    static const uint8_t shift[2][4] = {{12, 16, 14, 12}, {12, 14, 12, 16}};

    return shift[half][tg];
}

static unsigned output_bits(unsigned ips)
{
    static const uint8_t bits[8] = {32, 36, 40, 42, 44, 48, 48, 48};

    return MIN(bits[ips], (unsigned)PA_BITS);
}

/* D8.2.4: out of range sizes behave as the nearest one there is. */
static void half_read(struct mmu *m, unsigned n)
{
    struct va_half *h = &m->half[n];
    uint64_t tcr = m->tcr;
    unsigned tsz = (unsigned)(tcr >> (n ? TCR_T1SZ : TCR_T0SZ) & 0x3f);
    unsigned tg = (unsigned)(tcr >> (n ? TCR_TG1 : TCR_TG0) & 3);
    unsigned stride, levels, top_bits;

    tsz = MAX(MIN(tsz, (unsigned)MAX_TSZ), (unsigned)MIN_TSZ);
    h->va_bits = 64 - tsz;
    h->page_shift = granule_shift(n, tg);
    h->is_disabled = BIT(m->tcr, n ? TCR_EPD1 : TCR_EPD0);
    h->tbi = BIT(m->tcr, TCR_TBI0 + n);
    h->hpd = BIT(m->tcr, TCR_HPD0 + n);
    h->e0pd = BIT(m->tcr, TCR_E0PD0 + n);
    stride = h->page_shift - 3;
    levels = (h->va_bits - h->page_shift + stride - 1) / stride;
    h->level = 4 - levels;
    top_bits = h->va_bits - h->page_shift - (levels - 1) * stride;
    h->base = m->ttbr[n] & TTBR_BASE & ~0ull << (top_bits + 3);
    h->bad_base = h->base >> m->out_bits != 0;
}

static uint16_t asid_of(const struct mmu *m)
{
    uint16_t asid = m->ttbr[BIT(m->tcr, TCR_A1)] >> 48;

    return BIT(m->tcr, TCR_AS) ? asid : asid & 0xff;
}

/* A TTBR changed and nothing else: entries of its half go, unless they belong
   to an ASID or a bank and stay with it. TTBR1's base hardly ever moves. */
static void ttbr_changed(struct mmu *m, const uint64_t old[2], uint16_t asid)
{
    if ((old[1] ^ m->ttbr[1]) & TTBR_BASE) {
        tlb_flush(m->kernel, mmu_next_tag(m));
        for (unsigned n = 0; n < TLB_BANKS; n++)
            m->banks[n].is_valid = false;
        m->user = NULL;
        return;
    }
    if (asid == m->asid && !((old[0] ^ m->ttbr[0]) & TTBR_BASE))
        return;
    if (m->kernel->side->has_context)
        kernel_drop_special(m);
    m->user = NULL;
}

static void registers_changed(struct cpu *cpu)
{
    struct mmu *m = cpu->mmu;
    const uint64_t *sys = cpu->sys;
    uint64_t old[2] = {m->ttbr[0], m->ttbr[1]};
    uint16_t asid = m->asid;
    bool same = m->seen && m->sctlr == sys[SYS_SCTLR_EL1] &&
                m->tcr == sys[SYS_TCR_EL1] && m->mair == sys[SYS_MAIR_EL1];

    m->seen = true;
    m->sctlr = sys[SYS_SCTLR_EL1];
    m->tcr = sys[SYS_TCR_EL1];
    m->mair = sys[SYS_MAIR_EL1];
    m->ttbr[0] = sys[SYS_TTBR0_EL1];
    m->ttbr[1] = sys[SYS_TTBR1_EL1];
    m->is_on = BIT(m->sctlr, SCTLR_M);
    m->align_all = BIT(m->sctlr, SCTLR_A);
    m->wxn = BIT(m->sctlr, SCTLR_WXN);
    m->ha = BIT(m->tcr, TCR_HA);
    m->hd = m->ha && BIT(m->tcr, TCR_HD);
    m->out_bits = output_bits(BITS(m->tcr, TCR_IPS + 2, TCR_IPS));
    m->asid = asid_of(m);
    half_read(m, 0);
    half_read(m, 1);
    if (same) {
        ttbr_changed(m, old, asid);
        return;
    }
    m->user = NULL;
    mmu_flush_all(cpu);
}

void mmu_context_changed(struct cpu *cpu)
{
    struct mmu *m = cpu->mmu;
    const uint64_t *sys = cpu->sys;

    if (unlikely(((m->sctlr ^ sys[SYS_SCTLR_EL1]) |
                  (m->tcr ^ sys[SYS_TCR_EL1]) | (m->mair ^ sys[SYS_MAIR_EL1]) |
                  (m->ttbr[0] ^ sys[SYS_TTBR0_EL1]) |
                  (m->ttbr[1] ^ sys[SYS_TTBR1_EL1])) != 0 ||
                 !m->seen))
        registers_changed(cpu);
    if (cpu->el == 0) {
        cpu->tlb = cpu->tlb_unpriv = user_tlb(m);
        return;
    }
    if (cpu->pan && m->kernel->side->has_user)
        kernel_drop_special(m);
    cpu->tlb = m->kernel;
    if (cpu->uao)
        cpu->tlb_unpriv = m->kernel;
    else
        cpu->tlb_unpriv = m->user ? m->user : m->none;
}

void mmu_reset(struct cpu *cpu)
{
    struct mmu *m = cpu->mmu;

    mmu_flush_all(cpu);
    m->seen = false;
    m->region = NULL;
    mmu_context_changed(cpu);
    mmu_debug_changed(cpu);
}

/* ---- accesses ---- */

/* The TLB that serves this access at the present EL; a bank is chosen when it
   is first needed, since Linux passes through contexts it never uses. */
static struct tlb *tlb_for(struct cpu *cpu, unsigned acc)
{
    struct tlb **unpriv = cpu->dry ? &cpu->dry->tlb_unpriv : &cpu->tlb_unpriv;

    if (cpu->el == 1 && !mmu_is_unpriv(cpu, acc))
        return cpu->mmu->kernel;
    if (cpu->el == 1)
        *unpriv = user_tlb(cpu->mmu);
    return *unpriv;
}

static bool is_tracked(const struct mmu *m)
{
    return m->region->dirty != NULL;
}

/* Marks what a write entry hides from then on. */
static bool enter_writable(struct cpu *cpu, unsigned acc,
                           const struct mmu_result *res)
{
    if (!res->writable)
        return false;
    if (!(acc & ACC_WRITE))
        return !is_tracked(cpu->mmu);
    gmem_mark_dirty(cpu->vm->ram, align_down(res->pa, 4096), 4096);
    return true;
}

void mmu_access(struct cpu *cpu, uint64_t va, unsigned acc,
                struct mmu_result *out)
{
    struct mmu *m = cpu->mmu;

    mmu_translate(cpu, va, acc, cpu->el, out);
    if (out->fault || !out->host || out->is_device || acc & ACC_CACHE ||
        m->align_all || (m->num_watch && mmu_page_watched(cpu, va)))
        return;
    tlb_enter(tlb_for(cpu, acc), va, out, enter_writable(cpu, acc, out));
}

/* The TLB has it not. */
static bool fetch_anew(struct cpu *cpu, uint64_t va, struct mmu_result *res)
{
    mmu_translate(cpu, va, ACC_EXEC, cpu->el, res);
    if (!res->fault && !res->host) {
        res->fault = true;
        res->fsc = FSC_EXTERNAL;
    }
    if (!res->fault)
        tlb_enter_code(cpu->tlb, va, res);
    return !res->fault;
}

/* False: *res says why. */
static inline bool fetch(struct cpu *cpu, uint64_t va, gpa_t *pa,
                         const uint8_t **host, struct mmu_result *res)
{
    const struct tlb_code *c = tlb_code_at(cpu->tlb, va);

    if (unlikely((c->key ^ va) >= 4096) && !fetch_anew(cpu, va, res))
        return false;
    *pa = c->pa | (va & 4095);
    *host = c->host + (va & 4095);
    return true;
}

bool mmu_fetch_quietly(struct cpu *cpu, uint64_t va, gpa_t *pa,
                       const uint8_t **host)
{
    struct mmu_result res;

    return fetch(cpu, va, pa, host, &res);
}

bool mmu_fetch(struct cpu *cpu, uint64_t va, gpa_t *pa, const uint8_t **host)
{
    struct mmu_result res;

    if (fetch(cpu, va, pa, host, &res))
        return true;
    exc_insn_abort(cpu, va, res.fsc);
    return false;
}

/* ---- AT ---- */

#define AT_KEY(crm, op2) SYSREG_KEY(1, 0, 7, crm, op2)

static uint64_t par_of(const struct mmu_result *res)
{
    uint64_t sh = res->shareability;

    if (res->fault)
        return 1u << 11 | (uint64_t)res->fsc << 1 | 1;
    if (res->is_device || res->attr == 0x44)
        sh = 2; /* outer shareable, whatever the descriptor says */
    return (uint64_t)res->attr << 56 |
           (res->pa & BITS(~0ull, 47, 0) & ~0xfffull) | 1u << 11 | sh << 7;
}

uint64_t mmu_at(struct cpu *cpu, unsigned key, uint64_t va)
{
    struct mmu_result res;
    unsigned acc = ACC_AT, el = 1;

    switch (key) {
    case AT_KEY(8, 0): /* S1E1R */
        break;
    case AT_KEY(8, 1): /* S1E1W */
        acc |= ACC_WRITE;
        break;
    case AT_KEY(8, 2): /* S1E0R */
        el = 0;
        break;
    case AT_KEY(8, 3): /* S1E0W */
        el = 0;
        acc |= ACC_WRITE;
        break;
    case AT_KEY(9, 0): /* S1E1RP */
        acc |= ACC_AT_PAN;
        break;
    case AT_KEY(9, 1): /* S1E1WP */
        acc |= ACC_AT_PAN | ACC_WRITE;
        break;
    default:
        break;
    }
    mmu_translate(cpu, va, acc, el, &res);
    return par_of(&res);
}
