// SPDX-License-Identifier: Apache-2.0
/*
 * The slow way of loads and stores: TLB misses, page crossing, devices,
 * watchpoints, alignment checks, faults. An access is cut at the page boundary
 * into one or two parts; all parts are translated before any is made.
 */

#include "accel/soft/mem.h"

#include <string.h>

#include "accel/accel.h"
#include "accel/soft/dry.h"
#include "accel/soft/exc.h"
#include "accel/soft/gic.h"
#include "accel/soft/mmu_priv.h"

enum { ISS_WNR = 1 << 6, ISS_CM = 1 << 8 };
enum { ZVA_BYTES = 64 };

struct part {
    uint64_t va;
    gpa_t pa;      /* when host is NULL */
    uint8_t *host; /* NULL: not RAM */
    unsigned bytes;
};

/* WnR of a read-modify-write: 0 if a read would have taken the same fault. */
static bool read_faults_too(struct cpu *cpu, uint64_t va, unsigned acc,
                            unsigned fsc)
{
    struct mmu_result res;

    mmu_translate(cpu, va, acc & ACC_UNPRIV, cpu->el, &res);
    return res.fault && res.fsc == fsc;
}

static bool abort_at(struct cpu *cpu, const struct insn *i, uint64_t va,
                     unsigned acc, unsigned fsc)
{
    uint32_t iss = fsc;

    if (acc & ACC_CACHE)
        iss |= ISS_CM | ISS_WNR;
    else if (acc & ACC_ATOMIC && fsc == FSC_ALIGNMENT)
        iss |= 0;
    else if (acc & ACC_WRITE &&
             !(acc & ACC_ATOMIC && read_faults_too(cpu, va, acc, fsc)))
        iss |= ISS_WNR;
    exc_data_abort(cpu, i, va, iss);
    return false;
}

/* Translates one part. False: the exception was taken. */
static bool translate(struct cpu *cpu, const struct insn *i, struct part *p,
                      unsigned elem, unsigned acc)
{
    const struct tlb *tlb = dry_tlb(cpu, acc & ACC_UNPRIV);
    struct mmu_result res;

    if (tlb_hit(acc & ACC_WRITE ? &tlb->w : &tlb->r, p->va, 1, &p->host))
        return true;
    mmu_access(cpu, p->va, acc, &res);
    if (res.fault)
        return abort_at(cpu, i, p->va, acc, res.fsc);
    if (res.is_device && p->va & (elem - 1))
        return abort_at(cpu, i, p->va, acc, FSC_ALIGNMENT);
    p->host = res.host;
    p->pa = res.pa;
    if (acc & ACC_WRITE && res.host)
        gmem_mark_dirty(cpu->vm->ram, res.pa, p->bytes);
    return true;
}

static bool watched(struct cpu *cpu, const struct insn *i, uint64_t va,
                    unsigned bytes, unsigned acc)
{
    uint64_t far;

    if (likely(!cpu->mmu->num_watch) ||
        !mmu_watch_hit(cpu, va, bytes, acc, &far))
        return false;
    exc_watchpoint(cpu, i, far,
                   FSC_WATCHPOINT | (acc & ACC_WRITE ? ISS_WNR : 0));
    return true;
}

/* Fills part[2]; returns how many there are, 0 when an exception was taken. */
static unsigned prepare(struct cpu *cpu, const struct insn *i, uint64_t va,
                        unsigned bytes, unsigned elem, unsigned acc,
                        struct part *part)
{
    unsigned room = 4096 - (va & 4095);
    unsigned parts = bytes > room ? 2 : 1;

    if (va & (elem - 1) && (acc & ACC_ALIGNED || mmu_align_all(cpu))) {
        abort_at(cpu, i, va, acc, FSC_ALIGNMENT);
        return 0;
    }
    part[0].va = va;
    part[0].bytes = parts == 2 ? room : bytes;
    part[1].va = va + room;
    part[1].bytes = bytes - part[0].bytes;
    for (unsigned n = 0; n < parts; n++) {
        if (!translate(cpu, i, &part[n], elem, acc))
            return 0;
    }
    return watched(cpu, i, va, bytes, acc) ? 0 : parts;
}

/* ---- RAM ---- */

/* Both copy in units as large as the guest's side is aligned to, up to eight
   bytes, so that each aligned element is one access. */
static unsigned unit_at(const uint8_t *p, unsigned left)
{
    unsigned both = (unsigned)((uintptr_t)p & 7) | left | 8;

    return both & -both;
}

void mem_copy_in(void *buf, const uint8_t *guest, unsigned bytes)
{
    uint8_t *to = buf;

    for (unsigned n = 0, unit; n < bytes; n += unit) {
        const void *p = guest + n;
        uint64_t v;

        unit = unit_at(p, bytes - n);
        if (unit == 8)
            v = __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED);
        else if (unit == 4)
            v = __atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED);
        else if (unit == 2)
            v = __atomic_load_n((const uint16_t *)p, __ATOMIC_RELAXED);
        else
            v = __atomic_load_n((const uint8_t *)p, __ATOMIC_RELAXED);
        memcpy(to + n, &v, unit);
    }
}

void mem_copy_out(uint8_t *guest, const void *buf, unsigned bytes)
{
    const uint8_t *from = buf;

    for (unsigned n = 0, unit; n < bytes; n += unit) {
        void *p = guest + n;
        uint64_t v = 0;

        unit = unit_at(p, bytes - n);
        memcpy(&v, from + n, unit);
        if (unit == 8)
            __atomic_store_n((uint64_t *)p, v, __ATOMIC_RELAXED);
        else if (unit == 4)
            __atomic_store_n((uint32_t *)p, (uint32_t)v, __ATOMIC_RELAXED);
        else if (unit == 2)
            __atomic_store_n((uint16_t *)p, (uint16_t)v, __ATOMIC_RELAXED);
        else
            __atomic_store_n((uint8_t *)p, (uint8_t)v, __ATOMIC_RELAXED);
    }
}

/* ---- devices ---- */

/* The interrupt controller is inside the engine. */
static bool gic_access(struct cpu *cpu, gpa_t pa, unsigned size, bool is_write,
                       uint64_t *value)
{
    const struct soft_vm *vm = cpu->vm;
    uint64_t dist = pa - vm->gicd_base, redist = pa - vm->gicr_base;

    if (!vm->gic)
        return false;
    if (dist < GICD_BYTES) {
        if (is_write)
            gicd_write(vm->gic, (uint32_t)dist, size, *value);
        else
            *value = gicd_read(vm->gic, (uint32_t)dist, size);
        return true;
    }
    if (redist < (uint64_t)vm->num_cpus * GICR_BYTES) {
        if (is_write)
            gicr_write(vm->gic, redist, size, *value);
        else
            *value = gicr_read(vm->gic, redist, size);
        return true;
    }
    return false;
}

/* Leaves the CPU with the access; the instruction is executed again when the
   answer is there. */
static bool leave_with(struct cpu *cpu, const struct insn *i, gpa_t pa,
                       unsigned size, bool is_write, uint64_t value)
{
    struct mmio_log *m = &cpu->mmio;

    check(m->cursor < MMIO_LOG_MAX);
    m->answered = m->cursor;
    m->log[m->cursor].addr = pa;
    m->log[m->cursor].size = size;
    m->log[m->cursor].is_write = is_write;
    m->waiting = true;
    cpu->exit->kind = EXIT_MMIO;
    cpu->exit->addr = pa;
    cpu->exit->size = size;
    cpu->exit->is_write = is_write;
    cpu->exit->value = value;
    cpu->exit_pending = true;
    cpu->pc = cpu_pc(cpu, i);
    cpu_attend(cpu, ATT_EXIT);
    return false;
}

/* One access to what is not RAM. An answer is taken only if the question is
   the same: other CPUs may have changed the tables since. */
static bool device_access(struct cpu *cpu, const struct insn *i, gpa_t pa,
                          unsigned size, bool is_write, uint64_t *value)
{
    struct mmio_log *m = &cpu->mmio;
    unsigned n = m->cursor;

    if (unlikely(cpu->dry != NULL)) {
        cpu->dry->abandoned = true;
        return false;
    }
    if (gic_access(cpu, pa, size, is_write, value))
        return true;
    if (n >= m->answered || m->log[n].addr != pa || m->log[n].size != size ||
        m->log[n].is_write != is_write)
        return leave_with(cpu, i, pa, size, is_write, *value);
    if (!is_write)
        *value = m->log[n].value;
    m->cursor++;
    return true;
}

/* A part on a device, by elements of at most eight bytes; by bytes where a
   mapping as Normal memory let an element be unaligned. */
static bool device_part(struct cpu *cpu, const struct insn *i,
                        const struct part *p, uint8_t *buf, unsigned elem,
                        bool is_write)
{
    unsigned size = MIN(elem, 8u);
    uint64_t value;

    if ((p->va | p->bytes) & (size - 1))
        size = 1;
    for (unsigned n = 0; n < p->bytes; n += size) {
        value = 0;
        if (is_write)
            memcpy(&value, buf + n, size);
        if (!device_access(cpu, i, p->pa + n, size, is_write, &value))
            return false;
        if (!is_write)
            memcpy(buf + n, &value, size);
    }
    return true;
}

/* ---- the whole ---- */

bool mem_read_slow(struct cpu *cpu, const struct insn *i, uint64_t va,
                   void *buf, unsigned bytes, unsigned elem, unsigned acc)
{
    uint8_t *to = buf;
    struct part part[2];
    unsigned parts = prepare(cpu, i, va, bytes, elem, acc, part);

    for (unsigned n = 0; n < parts; n++) {
        if (part[n].host)
            mem_copy_in(to, part[n].host, part[n].bytes);
        else if (!device_part(cpu, i, &part[n], to, elem, false))
            return false;
        to += part[n].bytes;
    }
    return parts != 0;
}

/* Devices first: an instruction that leaves for one and is executed again must
   not have stored anything that others may have changed since. */
bool mem_write_slow(struct cpu *cpu, const struct insn *i, uint64_t va,
                    const void *buf, unsigned bytes, unsigned elem,
                    unsigned acc)
{
    uint8_t from[ZVA_BYTES];
    struct part part[2];
    unsigned parts = prepare(cpu, i, va, bytes, elem, acc | ACC_WRITE, part);

    memcpy(from, buf, bytes);
    for (unsigned n = 0; n < parts; n++) {
        uint8_t *p = from + (n ? part[0].bytes : 0);

        if (!part[n].host && !device_part(cpu, i, &part[n], p, elem, true))
            return false;
    }
    for (unsigned n = 0; cpu->dry && n < parts; n++) {
        if (!dry_note(cpu->dry, part[n].host, part[n].bytes))
            return false;
    }
    for (unsigned n = 0; n < parts; n++) {
        if (part[n].host)
            mem_copy_out(part[n].host, from + (n ? part[0].bytes : 0),
                         part[n].bytes);
    }
    return parts != 0;
}

void *mem_atomic_slow(struct cpu *cpu, const struct insn *i, uint64_t va,
                      unsigned bytes, unsigned acc)
{
    struct part part[2];

    if (!prepare(cpu, i, va, bytes, bytes, acc | ACC_ALIGNED, part))
        return NULL;
    if (!part[0].host)
        abort_at(cpu, i, va, acc, FSC_EXCLUSIVE);
    else if (cpu->dry && acc & ACC_WRITE &&
             !dry_note(cpu->dry, part[0].host, bytes))
        return NULL;
    return part[0].host;
}

bool mem_zero_block(struct cpu *cpu, const struct insn *i, uint64_t va)
{
    static const uint8_t zero[ZVA_BYTES];
    uint64_t block = align_down(va, ZVA_BYTES);
    struct mmu_result res;
    uint8_t *p;

    if (likely(mem_hit_w(cpu, block, ZVA_BYTES, 0, &p))) {
        memset(p, 0, ZVA_BYTES);
        return true;
    }
    mmu_access(cpu, va, ACC_WRITE, &res);
    if (res.fault)
        return abort_at(cpu, i, va, ACC_WRITE, res.fsc);
    if (res.is_device)
        return abort_at(cpu, i, va, ACC_WRITE, FSC_ALIGNMENT);
    return mem_write_slow(cpu, i, block, zero, ZVA_BYTES, 8, ACC_WRITE);
}

/* EL0 needs read permission, EL1 none; PAN does not apply (D8.4.3). */
bool mem_cache_op(struct cpu *cpu, const struct insn *i, uint64_t va)
{
    struct mmu_result res;
    const uint8_t *p;

    if (mem_hit_r(cpu, va, 1, 0, &p))
        return true;
    mmu_access(cpu, va, ACC_CACHE, &res);
    return !res.fault || abort_at(cpu, i, va, ACC_CACHE, res.fsc);
}
