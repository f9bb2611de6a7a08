// SPDX-License-Identifier: Apache-2.0
/*
 * TLBI and IC, and telling other CPUs of them.
 *
 * A request is put into the mailbox of each other CPU (post), which does it
 * before its next block (mmu_do_work), and the CPU that asked waits for that at
 * its DSB (mmu_sync). A CPU outside guest code need not be waited for: it does
 * what was posted before it enters. That rests on the order of two pairs, all
 * sequentially consistent:
 *     post:   posted = n       ; read run_state    (in mmu_sync)
 *     enter:  run_state = GUEST; read posted       (in mmu_do_work)
 * so that either the poster sees GUEST and waits, or the other sees the post.
 * A CPU that waits does its own mail meanwhile: two CPUs at their DSBs do not
 * wait for each other for ever.
 */

#include <sched.h>

#include "accel/soft/mmu_priv.h"

/* ---- doing ---- */

void mmu_retag_all(struct mmu *m)
{
    tlb_retag(m->kernel, mmu_next_tag(m));
    for (unsigned n = 0; n < TLB_BANKS; n++) {
        if (m->banks[n].tlb)
            tlb_retag(m->banks[n].tlb, mmu_next_tag(m));
    }
}

void mmu_flush_writes(struct mmu *m)
{
    tlb_flush_writes(m->kernel);
    for (unsigned n = 0; n < TLB_BANKS; n++) {
        if (m->banks[n].tlb)
            tlb_flush_writes(m->banks[n].tlb);
    }
}

static void drop_pages(struct mmu *m, struct tlb *t, const struct work *work)
{
    if (!tlb_drop(t, work->va, work->count))
        tlb_retag(t, mmu_next_tag(m));
}

static void do_asid(struct mmu *m, uint16_t asid)
{
    for (unsigned n = 0; n < TLB_BANKS; n++) {
        struct bank *b = &m->banks[n];

        if (!b->is_valid || b->asid != asid)
            continue;
        if (b->tlb == m->user)
            tlb_flush(b->tlb, mmu_next_tag(m));
        else
            b->is_valid = false;
    }
    if (m->kernel->side->has_context && !tlb_drop_special(m->kernel))
        tlb_retag(m->kernel, mmu_next_tag(m));
}

static void do_pages(struct mmu *m, const struct work *work)
{
    drop_pages(m, m->kernel, work);
    for (unsigned n = 0; n < TLB_BANKS; n++) {
        struct bank *b = &m->banks[n];

        if (b->is_valid && (work->any_asid || b->asid == work->asid ||
                            b->tlb->side->has_global))
            drop_pages(m, b->tlb, work);
    }
}

void mmu_do(struct cpu *cpu, const struct work *work)
{
    switch (work->kind) {
    case WORK_ALL:
        mmu_flush_all(cpu);
        break;
    case WORK_ASID:
        do_asid(cpu->mmu, work->asid);
        break;
    case WORK_PAGES:
        do_pages(cpu->mmu, work);
        break;
    }
}

/* ---- the mailbox ---- */

enum { POST_ALL = 1, POST_CODE = 2, POST_WRITES = 4 };

/* Any thread. `work` may be NULL; returns the number to wait for. */
static uint64_t post(struct cpu *to, const struct work *work, unsigned flags)
{
    struct mailbox *box = &to->mmu->box;
    uint64_t posted;

    pthread_mutex_lock(&box->lock);
    box->all |= (flags & POST_ALL) != 0;
    box->code |= (flags & POST_CODE) != 0;
    box->writes |= (flags & POST_WRITES) != 0;
    if (work && (work->kind == WORK_ALL || box->num == MMU_RING))
        box->all = true;
    else if (work && !box->all)
        box->ring[box->num++] = *work;
    posted = atomic_fetch_add(&box->posted, 1) + 1;
    pthread_mutex_unlock(&box->lock);
    cpu_attend(to, ATT_WORK);
    return posted;
}

static struct cpu *other_cpu(const struct cpu *cpu, unsigned n)
{
    struct cpu *to = cpu->vm->cpus[n];

    return to && to != cpu && to->mmu ? to : NULL;
}

static void post_others(struct cpu *cpu, const struct work *work,
                        unsigned flags)
{
    struct mmu *m = cpu->mmu;

    for (unsigned n = 0; n < cpu->vm->num_cpus; n++) {
        struct cpu *to = other_cpu(cpu, n);

        if (!to)
            continue;
        m->wait_for[n] = post(to, work, flags);
        cpu->wait_mask |= 1u << n;
    }
}

void mmu_do_work(struct cpu *cpu)
{
    struct mailbox *box = &cpu->mmu->box;
    struct work ring[MMU_RING];
    bool all, code, writes;
    unsigned num;
    uint64_t posted;

    if (likely(atomic_load(&box->posted) == atomic_load(&box->done)))
        return;
    pthread_mutex_lock(&box->lock);
    num = box->all ? 0 : box->num;
    for (unsigned n = 0; n < num; n++)
        ring[n] = box->ring[n];
    all = box->all;
    code = box->code;
    writes = box->writes;
    box->num = 0;
    box->all = box->code = box->writes = false;
    posted = atomic_load(&box->posted);
    pthread_mutex_unlock(&box->lock);

    if (all)
        mmu_flush_all(cpu);
    for (unsigned n = 0; n < num; n++)
        mmu_do(cpu, &ring[n]);
    if (code) {
        cpu->code_changed = true;
        mmu_retag_all(cpu->mmu);
    }
    if (writes)
        mmu_flush_writes(cpu->mmu);
    atomic_store(&box->done, posted);
}

static bool has_done(const struct cpu *to, uint64_t posted)
{
    return atomic_load(&to->mmu->box.done) >= posted ||
           atomic_load(&to->run_state) != RUN_GUEST;
}

void mmu_sync(struct cpu *cpu)
{
    struct mmu *m = cpu->mmu;

    while (cpu->wait_mask) {
        for (uint32_t left = cpu->wait_mask; left; left &= left - 1) {
            unsigned n = (unsigned)__builtin_ctz(left);
            const struct cpu *to = other_cpu(cpu, n);

            if (!to || has_done(to, m->wait_for[n]))
                cpu->wait_mask &= ~(1u << n);
        }
        if (!cpu->wait_mask)
            return;
        mmu_do_work(cpu);
        sched_yield();
    }
}

void mmu_dirty_restart(struct soft_vm *vm)
{
    for (unsigned n = 0; n < vm->num_cpus; n++) {
        if (vm->cpus[n])
            post(vm->cpus[n], NULL, POST_WRITES);
    }
}

/* ---- TLBI ---- */

enum { TLBI_ALL, TLBI_VA, TLBI_ASID, TLBI_VAA, TLBI_VAL = 5, TLBI_VAAL = 7 };

static uint16_t operand_asid(const struct cpu *cpu, uint64_t operand)
{
    uint16_t asid = operand >> 48;

    return BIT(cpu->mmu->tcr, 36) ? asid : asid & 0xff; /* TCR_EL1.AS */
}

/* The range forms: (NUM + 1) * 2^(5 * SCALE + 1) granules from BaseADDR. */
static void read_range(uint64_t operand, struct work *work)
{
    static const uint8_t shift[4] = {0, 12, 14, 16};
    unsigned tg = BITS(operand, 47, 46);
    unsigned scale = BITS(operand, 45, 44), num = BITS(operand, 43, 39);

    if (!tg) { /* reserved */
        work->kind = WORK_ALL;
        return;
    }
    work->va = (uint64_t)sext64(operand, 37) << shift[tg];
    work->count = (num + 1ull) << (5 * scale + 1) << (shift[tg] - 12);
}

/* One page of the operand's address; a larger granule's page is marked as a
   larger leaf in the TLB and goes whole. */
static void read_page(uint64_t operand, struct work *work)
{
    work->va = (uint64_t)sext64(operand, 44) << 12;
    work->count = 1;
}

/* CRm says where to: 0 this CPU, 1 others as well, -1 no TLBI; and whether it
   is a range. */
static int tlbi_scope(unsigned crm, bool *is_range)
{
    *is_range = crm == 2 || crm == 5 || crm == 6;
    switch (crm) {
    case 1: /* outer shareable */
    case 2:
    case 3: /* inner shareable */
    case 5:
        return 1;
    case 6:
    case 7:
        return 0;
    default:
        return -1;
    }
}

bool mmu_tlbi(struct cpu *cpu, unsigned key, uint64_t operand)
{
    unsigned op2 = key & 7;
    struct work work = {.kind = WORK_PAGES};
    bool is_range;
    int scope = tlbi_scope(key >> 3 & 15, &is_range);

    if (key >> 7 != SYSREG_KEY(1, 0, 8, 0, 0) >> 7 || scope < 0)
        return false;
    if (op2 == 4 || op2 == 6 ||
        (is_range && (op2 == TLBI_ALL || op2 == TLBI_ASID)))
        return false;
    work.asid = operand_asid(cpu, operand);
    work.any_asid = op2 == TLBI_VAA || op2 == TLBI_VAAL;
    if (op2 == TLBI_ALL)
        work.kind = WORK_ALL;
    else if (op2 == TLBI_ASID)
        work.kind = WORK_ASID;
    else if (is_range)
        read_range(operand, &work);
    else
        read_page(operand, &work);
    mmu_do(cpu, &work);
    if (scope == 1)
        post_others(cpu, &work, 0);
    return true;
}

/* ---- code ---- */

static _Atomic uint32_t *code_gen_at(const struct soft_vm *vm, gpa_t pa)
{
    for (unsigned n = 0; n < vm->ram->num_regions; n++) {
        uint64_t off = pa - vm->ram->regions[n].base;

        if (off < vm->ram->regions[n].bytes)
            return vm->code_gen[n] ? &vm->code_gen[n][off >> 12] : NULL;
    }
    return NULL;
}

/* A page's word: its generation, and whether a CPU may have something of that
   generation. Only a CPU sets the mark, and to clear it is to begin another
   generation: without it, no code there is of the present one. */
enum { CODE_HELD = 1, CODE_GEN = 2 };

uint32_t mmu_code_gen(const struct soft_vm *vm, gpa_t pa)
{
    const _Atomic uint32_t *word = code_gen_at(vm, pa);

    return atomic_load(&vm->code_gen_all) +
           (word ? atomic_load(word) / CODE_GEN : 0);
}

uint32_t mmu_code_hold(const struct soft_vm *vm, gpa_t pa)
{
    _Atomic uint32_t *word = code_gen_at(vm, pa);
    uint32_t old = word ? atomic_load(word) : CODE_HELD;

    while (!(old & CODE_HELD)) {
        uint32_t held = MAX(old, (uint32_t)CODE_GEN) | CODE_HELD;

        if (atomic_compare_exchange_weak(word, &old, held))
            old = held;
    }
    return atomic_load(&vm->code_gen_all) + old / CODE_GEN;
}

/* The next generation, unless no bit of `if_any` is in the word. A writer
   stored the bytes before it reads the word, and a CPU sets the mark before it
   reads the bytes: one of the two sees the other. The mark goes. */
static bool bump(const struct soft_vm *vm, gpa_t pa, uint32_t if_any)
{
    _Atomic uint32_t *word = code_gen_at(vm, pa);
    uint32_t old = word ? atomic_load(word) : 0, next;

    do {
        if (!(old & if_any))
            return false;
        next = (old | CODE_HELD) + 1;
    } while (!atomic_compare_exchange_weak(word, &old,
                                           MAX(next, (uint32_t)CODE_GEN)));
    return true;
}

void mmu_code_changed_all(struct cpu *cpu, bool broadcast)
{
    atomic_fetch_add(&cpu->vm->code_gen_all, 1);
    cpu->code_changed = true;
    mmu_retag_all(cpu->mmu);
    if (broadcast)
        post_others(cpu, NULL, POST_CODE);
}

void mmu_code_changed(struct cpu *cpu, gpa_t pa)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (!bump(cpu->vm, pa, UINT32_MAX)) /* no code was ever there */
        return;
    cpu->code_changed = true;
    mmu_retag_all(cpu->mmu);
    post_others(cpu, NULL, POST_CODE);
}

/* For threads that are no CPU's. posted: NULL, or the numbers to wait for. */
static void post_all(struct soft_vm *vm, unsigned flags, uint64_t *posted)
{
    pthread_mutex_lock(&vm->cpus_lock);
    for (unsigned n = 0; n < vm->num_cpus; n++) {
        uint64_t number = vm->cpus[n] ? post(vm->cpus[n], NULL, flags) : 0;

        if (posted)
            posted[n] = number;
    }
    pthread_mutex_unlock(&vm->cpus_lock);
}

void mmu_ram_written(struct soft_vm *vm, gpa_t gpa, uint64_t len)
{
    enum { EACH_PAGE_BELOW = 16 << 20 };
    bool any = false;

    if (!len)
        return;
    atomic_thread_fence(memory_order_seq_cst);
    if (len >= EACH_PAGE_BELOW) {
        atomic_fetch_add(&vm->code_gen_all, 1);
        any = true;
    } else {
        gpa_t last = gpa + len - 1;

        for (gpa_t pa = align_down(gpa, 4096); pa <= last; pa += 4096)
            any |= bump(vm, pa, CODE_HELD);
    }
    if (any)
        post_all(vm, POST_CODE, NULL);
}

/* Whether CPU n has done what was posted, or is gone. */
static bool is_done(struct soft_vm *vm, unsigned n, uint64_t posted)
{
    bool done;

    pthread_mutex_lock(&vm->cpus_lock);
    done = !vm->cpus[n] || has_done(vm->cpus[n], posted);
    pthread_mutex_unlock(&vm->cpus_lock);
    return done;
}

void mmu_ram_gone(struct soft_vm *vm)
{
    uint64_t posted[MMU_MAX_CPUS] = {0};

    atomic_fetch_add(&vm->code_gen_all, 1);
    post_all(vm, POST_ALL | POST_CODE, posted);
    for (unsigned n = 0; n < vm->num_cpus; n++) {
        while (!is_done(vm, n, posted[n]))
            sched_yield();
    }
}
