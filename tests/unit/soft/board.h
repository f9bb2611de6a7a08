// SPDX-License-Identifier: Apache-2.0
#pragma once

/* For the tests of the MMU and of loads and stores: RAM, CPUs, and tables built
   by hand. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accel/accel.h"
#include "accel/soft/decode.h"
#include "accel/soft/mem.h"

#define RAM                0x80000000ull
#define RAM_BYTES          0x4000000ull
#define TABLES             (RAM + 0x2000000) /* where tables are taken from */
#define DEVICE             0x09000000ull
#define HIGH               0xffff000000000000ull
#define KEY_TLBI(crm, op2) SYSREG_KEY(1, 0, 8, crm, op2)

/* Descriptor bits. */
#define D_USER   (1ull << 6)
#define D_RO     (1ull << 7)
#define D_AF     (1ull << 10)
#define D_NG     (1ull << 11)
#define D_DBM    (1ull << 51)
#define D_PXN    (1ull << 53)
#define D_UXN    (1ull << 54)
#define D_DEVICE (1ull << 2) /* MAIR index 1 */
#define D_PLAIN  (D_AF | 3ull << 8)

enum { MAX_BOARD_CPUS = 3 };

struct board {
    struct soft_vm vm;
    struct gmem ram;
    struct cpu *cpu[MAX_BOARD_CPUS];
    struct vcpu_exit exit;
    gpa_t next_table;
    unsigned granule; /* page shift */
};

static struct cpu *board_cpu(struct board *b, unsigned index)
{
    struct cpu *cpu = calloc(1, sizeof(*cpu));

    cpu->vm = &b->vm;
    cpu->index = index;
    cpu->el = 1;
    cpu->spsel = 1;
    cpu->exit = &b->exit;
    cpu->sys[SYS_MAIR_EL1] = 0x00ff; /* 0: write-back, 1: nGnRnE */
    cpu->mmu = mmu_new(cpu);
    assert_non_null(cpu->mmu);
    mmu_reset(cpu);
    b->vm.cpus[index] = cpu;
    return cpu;
}

static struct board *board_new(void)
{
    struct board *b = calloc(1, sizeof(*b));

    gmem_init(&b->ram);
    assert_int_equal(gmem_add(&b->ram, RAM, RAM_BYTES, NULL), 0);
    b->vm.ram = &b->ram;
    pthread_mutex_init(&b->vm.cpus_lock, NULL);
    b->vm.num_cpus = MAX_BOARD_CPUS;
    b->vm.gicd_base = 0x3fff0000;
    b->vm.gicr_base = 0x3f000000;
    b->vm.code_gen[0] = calloc(RAM_BYTES / 4096, sizeof(uint32_t));
    b->granule = 12;
    b->next_table = TABLES;
    b->cpu[0] = board_cpu(b, 0);
    return b;
}

static void board_free(struct board *b)
{
    for (unsigned n = 0; n < MAX_BOARD_CPUS; n++) {
        if (b->cpu[n])
            mmu_free(b->cpu[n]->mmu);
        free(b->cpu[n]);
    }
    for (unsigned n = 0; n < GMEM_MAX_REGIONS; n++)
        free((void *)(uintptr_t)b->vm.code_gen[n]);
    gmem_release(&b->ram);
    free(b);
}

static uint64_t *ram(struct board *b, gpa_t pa)
{
    uint64_t *p = gmem_at(&b->ram, pa, 8);

    assert_non_null(p);
    return p;
}

static gpa_t new_table(struct board *b)
{
    gpa_t pa = b->next_table;

    b->next_table += 1ull << b->granule;
    return pa;
}

/* Where the walk of an address space of `bits` starts. */
static unsigned start_level(const struct board *b, unsigned bits)
{
    unsigned stride = b->granule - 3;

    return 4 - (bits - b->granule + stride - 1) / stride;
}

static unsigned level_shift(const struct board *b, unsigned level)
{
    return b->granule + (3 - level) * (b->granule - 3);
}

/* The descriptor of va at `level`, tables above it made where missing. */
static uint64_t *desc_at(struct board *b, gpa_t root, unsigned bits,
                         uint64_t va, unsigned level)
{
    gpa_t table = root;
    uint64_t low = va & ((1ull << bits) - 1);

    for (unsigned l = start_level(b, bits);; l++) {
        unsigned shift = level_shift(b, l);
        uint64_t index = low >> shift;
        uint64_t *d;

        if (l != start_level(b, bits))
            index &= (1ull << (b->granule - 3)) - 1;
        d = ram(b, table + 8 * index);
        if (l == level)
            return d;
        if (!(*d & 1))
            *d = new_table(b) | 3;
        table = *d & 0xffffffffffffull & ~0ull << b->granule;
    }
}

static void map_at(struct board *b, gpa_t root, unsigned bits, uint64_t va,
                   gpa_t pa, unsigned level, uint64_t attrs)
{
    *desc_at(b, root, bits, va, level) = pa | attrs | (level == 3 ? 3 : 1);
}

/* Both halves of 48 bits, granule b->granule, MMU on: the usual case. */
static void mmu_on(struct board *b, struct cpu *cpu, gpa_t root0, gpa_t root1)
{
    static const uint64_t tg0[] = {[12] = 0, [14] = 2, [16] = 1};
    static const uint64_t tg1[] = {[12] = 2, [14] = 1, [16] = 3};

    cpu->sys[SYS_TTBR0_EL1] = root0;
    cpu->sys[SYS_TTBR1_EL1] = root1;
    cpu->sys[SYS_TCR_EL1] = 16 | 16 << 16 | tg0[b->granule] << 14 |
                            tg1[b->granule] << 30 | 2ull << 32 | 1ull << 36;
    cpu->sys[SYS_SCTLR_EL1] = 1 | 1 << 2 | 1 << 12;
    mmu_context_changed(cpu);
}

static inline void map(struct board *b, gpa_t root, uint64_t va, gpa_t pa,
                       uint64_t attrs)
{
    map_at(b, root, 48, va, pa, 3, attrs);
}

static inline void enter_el(struct cpu *cpu, unsigned el)
{
    cpu->el = el;
    mmu_context_changed(cpu);
}

/* Sets a register the MMU reads. */
static inline void set_sys(struct cpu *cpu, enum sysreg reg, uint64_t value)
{
    cpu->sys[reg] = value;
    mmu_context_changed(cpu);
}

/* One load through the TLBs; the value when it went through, else ~0. */
static inline uint64_t load(struct cpu *cpu, uint64_t va)
{
    struct insn i = {.word = 0};
    uint64_t v;

    return mem_ld64(cpu, &i, va, &v) ? v : ~0ull;
}

static inline unsigned esr_fsc(const struct cpu *cpu)
{
    return cpu->sys[SYS_ESR_EL1] & 0x3f;
}

static inline unsigned esr_ec(const struct cpu *cpu)
{
    return (unsigned)(cpu->sys[SYS_ESR_EL1] >> 26);
}
