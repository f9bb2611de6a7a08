// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * VMSAv8-64 stage 1 at EL1&0: table walks, the TLBs, and their invalidation.
 *
 * A TLB is two direct-mapped halves, reads and writes, each an array of keys
 * and one of addends. An access hits when key XOR va <= 4096 - size, which
 * tests page, permission and page crossing at once; its host address is va +
 * addend, so that the address does not wait for the test. Only plain RAM pages
 * are entered: device pages, watched pages, pages not yet marked dirty while
 * tracking (writes), pages that PAN forbids always go the slow way, as does
 * everything while the MMU is off (memory is Device then) or SCTLR_EL1.A is
 * set.
 *
 * A CPU has one TLB for privileged accesses and TLB_BANKS for unprivileged
 * ones, keyed by ASID and TTBR0, so that a context switch moves a pointer.
 */

#include "accel/soft/cpu.h"

enum { TLB_BITS = 10, TLB_ENTRIES = 1 << TLB_BITS, TLB_BANKS = 16 };
enum { TLB_OLD = 64, TLB_SPANS = 192 };

/* Neighbouring pages with one addend, as a place in hot translated code came
   upon them in the arrays: it tests its address against these alone, so that
   neither the test nor the addend waits for a slot's number (tr_span.c). Each
   is for accesses of one size. */
struct tlb_span {
    uint64_t first; /* VA of its first byte */
    uint64_t room;  /* accesses start at first + 0 to room */
    uint64_t add;
    uint64_t end;   /* VA behind its last byte */
    uint32_t bytes; /* of an access */
    uint32_t wear;  /* how often it was moved too soon */
};
enum { TLB_SPAN_WORN = 32 };

/* The numbers of those for accesses of up to so many bytes. */
enum { TLB_SPAN_SIZES = 8 };
extern const struct tlb_span_size {
    uint16_t bytes, first, count;
} tlb_span_sizes[TLB_SPAN_SIZES];

struct tlb_half {
    uint64_t key[TLB_ENTRIES]; /* VA of the page, tag bits and all; or
                                  tlb_empty_key */
    uint64_t add[TLB_ENTRIES]; /* the page's host address less its VA */

    /* Pages that others have displaced, by another hash: translated code
       brings them back without leaving (glue.c), so that two hot pages of one
       slot cost little. */
    uint64_t old_key[TLB_OLD];
    uint64_t old_add[TLB_OLD];

    struct tlb_span span[TLB_SPANS];
    uint64_t span_used[TLB_SPANS / 64]; /* bits of those not empty */
};

static inline unsigned tlb_slot(uint64_t va)
{
    return va >> 12 & (TLB_ENTRIES - 1);
}

/* Other pages of one slot differ from bit 22 on. */
static inline unsigned tlb_old_slot(uint64_t va)
{
    return (va >> 12 ^ va >> 22) & (TLB_OLD - 1);
}

/* If `bytes` at va hit, *p is their host address. */
static inline bool tlb_hit(const struct tlb_half *h, uint64_t va,
                           unsigned bytes, uint8_t **p)
{
    unsigned slot = tlb_slot(va);

    if ((h->key[slot] ^ va) > 4096 - bytes)
        return false;
    *p = (uint8_t *)(uintptr_t)(va + h->add[slot]);
    return true;
}

/* What an empty slot holds: the page of a neighbouring slot, so that no VA
   that leads here can match. One constant for all would match somebody. */
static inline uint64_t tlb_empty_key(unsigned slot)
{
    return slot & 1 ? 0 : 0x1000;
}

struct tlb {
    struct tlb_half r, w;

    /* Changes whenever code seen through this TLB may have moved or changed:
       the jump caches of the interpreter compare it. Never 0, never reused on
       one CPU. */
    uint32_t tag;

    struct tlb_side *side; /* owned: see tlb.h */
};

enum mem_access {
    ACC_READ = 0,
    ACC_WRITE = 1,
    ACC_EXEC = 2,
    ACC_UNPRIV = 4,  /* LDTR, STTR: as if at EL0 */
    ACC_ALIGNED = 8, /* exclusive, atomic, acquire or release: must be aligned
                        to its size, whatever SCTLR_EL1.A says */
    ACC_CACHE = 16,  /* cache maintenance by VA: ISS.CM */
    ACC_ATOMIC = 32, /* with ACC_WRITE, a read-modify-write: an abort that a
                        read would take as well is reported as a read's */
    ACC_AT = 64,     /* address translation instruction: nothing is updated */
    ACC_AT_PAN = 128 /* AT S1E1RP, S1E1WP: PSTATE.PAN applies */
};

struct mmu_result {
    gpa_t pa;
    uint8_t *host;      /* the byte at pa, or NULL: not RAM */
    bool fault;         /* the access aborts, and fsc says why */
    uint8_t fsc;        /* fault status code of the abort (ISS bits 5:0) */
    bool is_device;     /* MAIR says device: alignment is mandatory */
    bool writable;      /* for fills of the write array */
    bool is_user;       /* unprivileged accesses may read it */
    bool in_context;    /* TTBR0's half, or nG: belongs to the ASID */
    bool is_global;     /* nG is 0 */
    uint8_t leaf_shift; /* log2 of the leaf's size */
    uint8_t attr;       /* MAIR attribute byte */
    uint8_t shareability;
};

struct mmu *mmu_new(struct cpu *cpu);
void mmu_free(struct mmu *mmu);
void mmu_reset(struct cpu *cpu);

/* Walks the tables for one access at `va`, `acc` as above, as `el`. Updates the
   access flag and dirty state where TCR_EL1.HA and HD say so. Never raises. */
void mmu_translate(struct cpu *cpu, uint64_t va, unsigned acc, unsigned el,
                   struct mmu_result *out);

/* The physical address to fetch code from at va for the present EL, or false
   after the instruction abort was taken. */
bool mmu_fetch(struct cpu *cpu, uint64_t va, gpa_t *pa, const uint8_t **host);

/* The same of code that may not run at all: false, and no abort. */
bool mmu_fetch_quietly(struct cpu *cpu, uint64_t va, gpa_t *pa,
                       const uint8_t **host);

/* One access by a load or store that lies inside a page, for the present EL;
   enters what may be entered into the TLBs. */
void mmu_access(struct cpu *cpu, uint64_t va, unsigned acc,
                struct mmu_result *out);

/* Whether a watchpoint fires for the bytes, and the address to report. */
bool mmu_watch_hit(const struct cpu *cpu, uint64_t va, unsigned bytes,
                   unsigned acc, uint64_t *far);

/* SCTLR_EL1.A at the present EL's regime. */
bool mmu_align_all(const struct cpu *cpu);

/* After SCTLR_EL1, TCR_EL1, TTBRn_EL1, MAIR_EL1, PAN, UAO or EL changed:
   choose the banks, drop what no longer holds. Cheap when only PSTATE did. */
void mmu_context_changed(struct cpu *cpu);

/* A write to a watchpoint or breakpoint register, MDSCR_EL1 or OSLAR_EL1. */
void mmu_debug_changed(struct cpu *cpu);

/* One that is always empty. */
struct tlb *mmu_no_tlb(const struct cpu *cpu);

/* Every TLB of this CPU is emptied. */
void mmu_flush_all(struct cpu *cpu);

/* TLBI and its operand (Arm ARM C5.5): the key is SYSREG_KEY of the SYS
   instruction. Inner- and outer-shareable forms are posted to the other CPUs
   and waited for in mmu_sync. False: no such TLBI. */
bool mmu_tlbi(struct cpu *cpu, unsigned key, uint64_t operand);

/* IC IALLU, IALLUIS, IVAU: code may have changed. Posted like TLBI. */
void mmu_code_changed_all(struct cpu *cpu, bool broadcast);
void mmu_code_changed(struct cpu *cpu, gpa_t pa);

/* DSB: returns when every running CPU has done what this one posted. Does the
   own posted work while waiting. */
void mmu_sync(struct cpu *cpu);

/* Does the work others posted (attention says ATT_WORK, or before entering
   guest code). */
void mmu_do_work(struct cpu *cpu);

/* AT S1E1R and friends: the value for PAR_EL1. key as for TLBI. */
uint64_t mmu_at(struct cpu *cpu, unsigned key, uint64_t va);

/* RAM was written behind the CPUs' backs: code made of it is checked again at
   its next use. Any thread; does not wait. */
void mmu_ram_written(struct soft_vm *vm, gpa_t gpa, uint64_t len);

/* Some RAM is RAM no more (gmem_unplug): when it returns every CPU has
   forgotten all it knew of where things are. Not on the thread of a running
   CPU. */
void mmu_ram_gone(struct soft_vm *vm);

/* The generation of the code in the page at pa: block caches compare it. hold:
   by a CPU that is about to read code there, or to run what it has; it is told
   when somebody writes there from then on. */
uint32_t mmu_code_gen(const struct soft_vm *vm, gpa_t pa);
uint32_t mmu_code_hold(const struct soft_vm *vm, gpa_t pa);

/* After dirty bits were started or taken: every CPU marks the pages it writes
   from now on. The vCPUs must be outside vcpu_run. Any thread. */
void mmu_dirty_restart(struct soft_vm *vm);
