// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "accel/soft/cpu.h"
#include "accel/soft/interp.h"
#include "accel/soft/jit/jit.h"
#include "accel/soft/mmu.h"
#include "accel/soft/soft.h"
#include "base/heap.h"
#include "host/host.h"

enum { PAGE = 4096, PAGE_SHIFT = 12, MAX_EXTENTS = A64RUN_MAX_AREAS + 1 };
enum { WATCHDOG_MS = 50, WATCHDOG_TICKS = 40 };

#define RAM_BASE    0x40000000ull
#define RAM_BYTES   (1ull << 30)
#define VECTOR_PA   RAM_BASE
#define TABLES_PA   (RAM_BASE + PAGE)
#define DATA_PA     (RAM_BASE + 16 * MIB)
#define HVC_0       0xd4000002u
#define DEFAULT_MAX 1000000ull

/* Descriptor bits, VMSAv8-64 stage 1 (Arm ARM D8.3). */
enum {
    DESC_TABLE = 3,
    DESC_PAGE = 3,
    DESC_USER = 1 << 6,
    DESC_READ_ONLY = 1 << 7,
    DESC_INNER = 3 << 8,
    DESC_AF = 1 << 10
};
#define DESC_PXN (1ull << 53)
#define DESC_UXN (1ull << 54)
#define DESC_PA  0x0000fffffffff000ull

/* TCR_EL1: 48 bits both halves, 4 KiB, write-back, TBI0 as under Linux. */
#define TCR                                                                \
    (16 | 16ull << 16 | 5ull << 8 | 3ull << 12 | 5ull << 24 | 3ull << 28 | \
     2ull << 30 | 2ull << 32 | 1ull << 37)
/* SCTLR_EL1: RES1 bits, and M C SA SA0 I DZE UCT nTWE SPAN UCI: EL0 sees what
   it sees under Linux, but WFI traps instead of sleeping. */
#define SCTLR                                                           \
    (0x30d00800ull | 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 12 | 1 << 14 | \
     1 << 15 | 1 << 18 | 1 << 23 | 1 << 26)

/* Pages [first, last] by number, so that the top of the space can be said. */
struct extent {
    uint64_t first, last;
    uint32_t perms;
    uint32_t zero; /* where padding would be: a layout is compared as bytes */
};

struct layout {
    uint32_t el;
    uint32_t count;
    struct extent extent[MAX_EXTENTS];
};

struct machine {
    struct gmem ram;
    struct accel_vm *vm;     /* owned */
    struct accel_vcpu *vcpu; /* owned; the same as cpu */
    struct cpu *cpu;
    struct vcpu_state fresh; /* registers as every run starts with */
    struct layout layout;    /* what the tables say now */
    uint64_t tables_used;    /* bytes after TABLES_PA */
    uint64_t data_used;      /* bytes after DATA_PA */
    uint64_t vbar;

    pthread_t watchdog;
    _Atomic uint64_t serial; /* odd: a run is going on */
    _Atomic bool stop;
};

static void *at(struct machine *m, uint64_t pa, uint64_t len)
{
    void *p = gmem_at(&m->ram, pa, len);

    check(p);
    return p;
}

/* A run that sleeps or spins in exceptions without end is ended by a kick. */
static void *watchdog_main(void *arg)
{
    const struct timespec nap = {.tv_nsec = WATCHDOG_MS * 1000000};
    struct machine *m = arg;
    uint64_t seen = 0;
    unsigned ticks = 0;

    while (!m->stop) {
        nanosleep(&nap, NULL);
        ticks = m->serial == seen && (seen & 1) ? ticks + 1 : 0;
        seen = m->serial;
        if (ticks >= WATCHDOG_TICKS)
            soft_ops.vcpu_kick(m->vcpu);
    }
    return NULL;
}

static void make_fresh_state(struct machine *m)
{
    uint64_t *sys = m->fresh.sys;

    soft_ops.vcpu_get(m->vcpu, &m->fresh);
    sys[SYS_TTBR0_EL1] = TABLES_PA;
    sys[SYS_TTBR1_EL1] = TABLES_PA + PAGE;
    sys[SYS_TCR_EL1] = TCR;
    sys[SYS_SCTLR_EL1] = SCTLR;
    sys[SYS_MAIR_EL1] = 0xff; /* attribute 0: normal, write-back */
    sys[SYS_CPACR_EL1] = 3 << 20;
    sys[SYS_CNTKCTL_EL1] = 1 << 1; /* EL0VCTEN */
}

static void write_vectors(struct machine *m)
{
    for (unsigned offset = 0; offset < 0x800; offset += 0x80) {
        const uint32_t hvc = HVC_0;

        memcpy(at(m, VECTOR_PA + offset, 4), &hvc, 4);
    }
}

struct machine *machine_new(const char *tier, struct err *e)
{
    struct machine *m = heap_zalloc(sizeof(*m));
    struct accel_config cfg = {.vcpus = 1,
                               .gicd_base = 0x08000000,
                               .gicr_base = 0x080a0000,
                               .msi_base = 0x05000000,
                               .tier = tier,
                               .count_insns = true,
                               .eager = true};

    if (!m) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    gmem_init(&m->ram);
    cfg.ram = &m->ram;
    if (gmem_add(&m->ram, RAM_BASE, RAM_BYTES, e) < 0)
        goto fail;
    m->vm = soft_ops.vm_new(&cfg, e);
    if (!m->vm)
        goto fail;
    m->vcpu = soft_ops.vcpu_new(m->vm, 0, e);
    if (!m->vcpu)
        goto fail;
    m->cpu = (struct cpu *)(void *)m->vcpu;
    write_vectors(m);
    make_fresh_state(m);
    if (pthread_create(&m->watchdog, NULL, watchdog_main, m)) {
        err_set(e, -EAGAIN, "cannot start a thread");
        goto fail;
    }
    return m;

fail:
    soft_ops.vcpu_free(m->vcpu);
    soft_ops.vm_free(m->vm);
    gmem_release(&m->ram);
    heap_free(m);
    return NULL;
}

void machine_free(struct machine *m)
{
    if (!m)
        return;
    m->stop = true;
    pthread_join(m->watchdog, NULL);
    soft_ops.vcpu_free(m->vcpu);
    soft_ops.vm_free(m->vm);
    gmem_release(&m->ram);
    heap_free(m);
}

/* The level-3 descriptor for va, its tables made on the way; NULL when the
   room for tables is used up. */
static uint64_t *descriptor(struct machine *m, uint64_t va)
{
    uint64_t pa = va >> 63 ? TABLES_PA + PAGE : TABLES_PA;

    for (unsigned shift = 39;; shift -= 9) {
        uint64_t *table = at(m, pa, PAGE);
        uint64_t *entry = &table[va >> shift & 511];

        if (shift == PAGE_SHIFT)
            return entry;
        if (!*entry) {
            if (TABLES_PA + m->tables_used + PAGE > DATA_PA)
                return NULL;
            *entry = (TABLES_PA + m->tables_used) | DESC_TABLE;
            memset(at(m, TABLES_PA + m->tables_used, PAGE), 0, PAGE);
            m->tables_used += PAGE;
        }
        pa = *entry & DESC_PA;
    }
}

/* EL0 pages are read-only and never executable to EL1, as under Linux. */
static uint64_t page_attributes(uint32_t perms, uint32_t el)
{
    uint64_t d = DESC_PAGE | DESC_INNER | DESC_AF;

    if (!(perms & A64RUN_W))
        d |= DESC_READ_ONLY;
    if (el == 1)
        return d | DESC_UXN | (perms & A64RUN_X ? 0 : DESC_PXN);
    if (perms & (A64RUN_R | A64RUN_W))
        d |= DESC_USER;
    return d | DESC_PXN | (perms & A64RUN_X ? 0 : DESC_UXN);
}

/* Pages that two extents share get the permissions of both. */
static uint32_t perms_at(const struct layout *l, uint64_t page)
{
    uint32_t perms = 0;

    for (unsigned n = 0; n < l->count; n++)
        if (page >= l->extent[n].first && page <= l->extent[n].last)
            perms |= l->extent[n].perms;
    return perms;
}

static int map_page(struct machine *m, uint64_t page, uint64_t attributes)
{
    uint64_t *d = descriptor(m, page << PAGE_SHIFT);

    if (!d)
        return -ENOSPC;
    if (*d)
        return 0;
    if (m->data_used + PAGE > RAM_BYTES - (DATA_PA - RAM_BASE))
        return -ENOSPC;
    *d = (DATA_PA + m->data_used) | attributes;
    m->data_used += PAGE;
    return 0;
}

/* A place in the upper half that no extent touches. */
static uint64_t free_vbar(const struct layout *l)
{
    uint64_t page = 0xffffa5a5a5a5aull;

    for (unsigned n = 0; n < l->count; n++) {
        if (page >= l->extent[n].first && page <= l->extent[n].last) {
            page -= 0x1000000;
            n = 0;
        }
    }
    return page << PAGE_SHIFT;
}

static int build_tables(struct machine *m)
{
    const struct layout *l = &m->layout;
    uint64_t *vectors;

    memset(at(m, TABLES_PA, 2 * PAGE), 0, 2 * PAGE);
    m->tables_used = 2 * PAGE;
    m->data_used = 0;
    for (unsigned n = 0; n < l->count; n++) {
        const struct extent *x = &l->extent[n];

        for (uint64_t page = x->first; page <= x->last; page++) {
            uint32_t perms = perms_at(l, page);

            if (map_page(m, page, page_attributes(perms, l->el)) < 0)
                return -ENOSPC;
        }
    }
    m->vbar = free_vbar(l);
    vectors = descriptor(m, m->vbar);
    if (!vectors)
        return -ENOSPC;
    *vectors = VECTOR_PA | DESC_PAGE | DESC_INNER | DESC_AF | DESC_READ_ONLY |
               DESC_UXN;
    return 0;
}

static int add_extent(struct layout *l, uint64_t va, uint64_t bytes,
                      uint32_t perms, struct err *e)
{
    uint64_t last = va + bytes - 1;

    if (bytes == 0)
        return 0;
    if ((va >> 48 != 0 && va >> 48 != 0xffff) || last < va ||
        last >> 48 != va >> 48)
        return err_set(e, -EINVAL, "%#llx+%#llx is no 48-bit address range",
                       (unsigned long long)va, (unsigned long long)bytes);
    l->extent[l->count++] = (struct extent){
        .first = va >> PAGE_SHIFT,
        .last = last >> PAGE_SHIFT,
        .perms = perms,
    };
    return 0;
}

static int check_request(const struct a64run_in *in, struct err *e)
{
    if (in->el > 1)
        return err_set(e, -EINVAL, "EL%u: there is EL0 and EL1", in->el);
    if (in->code_va & 3)
        return err_set(e, -EINVAL, "the code is not at a multiple of 4");
    if (in->num_areas > A64RUN_MAX_AREAS)
        return err_set(e, -EINVAL, "%u areas, at most %u", in->num_areas,
                       (unsigned)A64RUN_MAX_AREAS);
    if (in->code_bytes > A64RUN_MAX_BYTES)
        return err_set(e, -EINVAL, "%u bytes of code, at most %u",
                       in->code_bytes, (unsigned)A64RUN_MAX_BYTES);
    for (unsigned n = 0; n < in->num_areas; n++) {
        if (in->areas[n].bytes > A64RUN_MAX_BYTES)
            return err_set(e, -EINVAL, "area %u has %u bytes, at most %u", n,
                           in->areas[n].bytes, (unsigned)A64RUN_MAX_BYTES);
        if (in->areas[n].perms > 7)
            return err_set(e, -EINVAL, "area %u has permissions %#x", n,
                           in->areas[n].perms);
    }
    return 0;
}

/* The word after the code is part of it: that is where a run ends. */
static int make_layout(const struct a64run_in *in, struct layout *l,
                       struct err *e)
{
    int r = add_extent(l, in->code_va, (uint64_t)in->code_bytes + 4,
                       A64RUN_R | A64RUN_X, e);

    l->el = in->el;
    for (unsigned n = 0; n < in->num_areas && !r; n++) {
        const struct a64run_area *a = &in->areas[n];

        r = add_extent(l, a->va, a->bytes,
                       a->perms ? a->perms : A64RUN_R | A64RUN_W, e);
    }
    return r;
}

static int set_layout(struct machine *m, const struct a64run_in *in,
                      struct err *e)
{
    struct layout l;
    int r;

    memset(&l, 0, sizeof(l)); /* it is compared as bytes */
    r = check_request(in, e);
    if (!r)
        r = make_layout(in, &l, e);
    if (r || !memcmp(&l, &m->layout, sizeof(l)))
        return r;
    m->layout = l;
    r = build_tables(m);
    if (r < 0) {
        memset(&m->layout, 0, sizeof(m->layout));
        return err_set(e, r, "the memory areas do not fit");
    }
    m->fresh.sys[SYS_VBAR_EL1] = m->vbar;
    mmu_flush_all(m->cpu);
    return 0;
}

/* Host memory of mapped [va, va + *len), *len cut at the end of its page. */
static uint8_t *host_of(struct machine *m, uint64_t va, uint64_t *len)
{
    const uint64_t *d = descriptor(m, va);
    uint64_t offset = va & (PAGE - 1);

    check(d && *d);
    *len = MIN(*len, PAGE - offset);
    return at(m, (*d & DESC_PA) + offset, *len);
}

static void copy_in(struct machine *m, uint64_t va, const uint8_t *buf,
                    uint64_t bytes)
{
    while (bytes) {
        uint64_t len = bytes;

        memcpy(host_of(m, va, &len), buf, len);
        va += len, buf += len, bytes -= len;
    }
}

static void copy_out(struct machine *m, uint64_t va, uint8_t *buf,
                     uint64_t bytes)
{
    while (bytes) {
        uint64_t len = bytes;
        const uint8_t *p = host_of(m, va, &len);

        memcpy(buf, p, len);
        va += len, buf += len, bytes -= len;
    }
}

static void fill_memory(struct machine *m, const struct run_request *req)
{
    memset(at(m, DATA_PA, m->data_used), 0, m->data_used);
    copy_in(m, req->in.code_va, req->code, req->in.code_bytes);
    for (unsigned n = 0; n < req->in.num_areas; n++)
        copy_in(m, req->in.areas[n].va, req->area[n], req->in.areas[n].bytes);
    mmu_ram_written((struct soft_vm *)(void *)m->vm, DATA_PA, m->data_used);
}

/* EL1 code may have left anything behind; EL0 code cannot. */
static void set_registers(struct machine *m, const struct a64run_in *in)
{
    struct cpu *cpu = m->cpu;

    if (in->el || m->cpu->sys[SYS_VBAR_EL1] != m->vbar)
        soft_ops.vcpu_set(m->vcpu, &m->fresh);
    else
        memcpy(cpu->sys, m->fresh.sys, sizeof(cpu->sys));
    cpu->fp.fpcr = in->fpcr & FPCR_MASK;
    cpu->fp.fpsr = in->fpsr & FPSR_MASK;
    cpu_set_pstate(cpu, (in->nzcv & 0xf0000000u) | (in->el ? 0x3c5 : 0));
    memcpy(cpu->x, in->x, sizeof(in->x));
    cpu_sp_set(cpu, 0, 0);
    cpu_sp_set(cpu, 1, 0);
    cpu_sp_set(cpu, in->el, in->sp);
    memcpy(cpu->v, in->v, sizeof(in->v));
    cpu->pc = in->code_va;
    cpu->excl_size = 0;
    cpu->event = false;
}

static enum a64run_cause cause_of(uint64_t esr)
{
    switch (esr >> 26) {
    case 0x00:
        return CAUSE_UNDEFINED;
    case 0x01:
        return CAUSE_WFX;
    case 0x07:
        return CAUSE_FP_ACCESS;
    case 0x0e:
        return CAUSE_ILLEGAL;
    case 0x15:
        return CAUSE_SVC;
    case 0x18:
        return CAUSE_SYSREG;
    case 0x20:
    case 0x21:
        return CAUSE_INSN_ABORT;
    case 0x22:
        return CAUSE_PC_ALIGN;
    case 0x24:
    case 0x25:
        return CAUSE_DATA_ABORT;
    case 0x26:
        return CAUSE_SP_ALIGN;
    case 0x30:
    case 0x31:
    case 0x32:
    case 0x33:
    case 0x34:
    case 0x35:
        return CAUSE_DEBUG;
    case 0x3c:
        return CAUSE_BRK;
    default:
        return CAUSE_OTHER;
    }
}

/* Where the run stopped, and why. */
static void read_cause(struct machine *m, const struct a64run_in *in,
                       const struct vcpu_exit *exit, struct a64run_out *out)
{
    const struct cpu *cpu = m->cpu;
    uint64_t end = in->code_va + in->code_bytes;
    bool vectored = cpu->el == 1 && cpu->pc - m->vbar < 0x804;

    out->pc = cpu->pc;
    out->pstate = cpu_pstate(cpu);
    if (vectored) {
        if (exit->kind == EXIT_SMCCC && out->insns)
            out->insns--; /* the vector's own HVC */
        out->pc = cpu->sys[SYS_ELR_EL1];
        out->pstate = cpu->sys[SYS_SPSR_EL1];
        out->esr = cpu->sys[SYS_ESR_EL1];
        out->far = cpu->sys[SYS_FAR_EL1];
        out->cause = cause_of(out->esr);
        if (out->pc == end && out->cause == CAUSE_UNDEFINED && out->insns)
            out->insns--; /* the word after the code */
    } else if (exit->kind == EXIT_MMIO) {
        out->far = exit->addr;
        out->cause = CAUSE_MMIO;
        return;
    } else if (exit->kind == EXIT_SMCCC) {
        out->cause = exit->is_smc ? CAUSE_SMC : CAUSE_HVC;
        return;
    } else {
        out->cause = CAUSE_LIMIT;
    }
    if (out->pc == end &&
        (out->cause == CAUSE_LIMIT || out->cause == CAUSE_UNDEFINED)) {
        out->cause = CAUSE_END;
        out->esr = 0;
    }
}

static void read_registers(struct machine *m, struct a64run_out *out)
{
    const struct cpu *cpu = m->cpu;

    memcpy(out->x, cpu->x, sizeof(out->x));
    out->sp = cpu_sp_get(cpu, (out->pstate & 0x1f) == 5);
    memcpy(out->v, cpu->v, sizeof(out->v));
    out->fpcr = cpu->fp.fpcr;
    out->fpsr = cpu->fp.fpsr;
}

static void run(struct machine *m, uint64_t max, struct vcpu_exit *exit)
{
    struct cpu *cpu = m->cpu;

    memset(exit, 0, sizeof(*exit));
    cpu->exit = exit;
    atomic_fetch_and(&cpu->attention, ~(uint32_t)(ATT_KICK | ATT_EXIT));
    m->serial++;
    atomic_store(&cpu->run_state, RUN_GUEST);
    mmu_do_work(cpu);
    if (cpu->jit)
        jit_run(cpu, UINT64_MAX); /* the watchdog is its limit */
    else
        interp_run(cpu, max);
    atomic_store(&cpu->run_state, RUN_STOPPED);
    m->serial++;
    cpu->smccc_waiting = false;
    memset(&cpu->mmio, 0, sizeof(cpu->mmio));
    cpu->exit_pending = false;
}

static int read_areas(struct machine *m, const struct a64run_in *in,
                      struct run_result *res)
{
    for (unsigned n = 0; n < in->num_areas; n++) {
        res->area[n] = heap_alloc(in->areas[n].bytes + 1ull);
        if (!res->area[n])
            return -ENOMEM;
        copy_out(m, in->areas[n].va, res->area[n], in->areas[n].bytes);
    }
    return 0;
}

int machine_run(struct machine *m, const struct run_request *req,
                struct run_result *res, struct err *e)
{
    const struct a64run_in *in = &req->in;
    struct vcpu_exit exit;
    uint64_t before;

    memset(res, 0, sizeof(*res));
    res->out.magic = A64RUN_OUT_MAGIC;
    res->out.id = in->id;
    if (set_layout(m, in, e) < 0) {
        res->out.cause = CAUSE_BAD_RECORD;
        return 0;
    }
    fill_memory(m, req);
    set_registers(m, in);
    before = m->cpu->insns;
    run(m, in->max_insns ? in->max_insns : DEFAULT_MAX, &exit);
    res->out.insns = m->cpu->insns - before;
    read_cause(m, in, &exit, &res->out);
    read_registers(m, &res->out);
    res->out.num_areas = in->num_areas;
    return read_areas(m, in, res);
}

void run_release(struct run_result *res)
{
    for (unsigned n = 0; n < A64RUN_MAX_AREAS; n++) {
        heap_free(res->area[n]);
        res->area[n] = NULL;
    }
}
