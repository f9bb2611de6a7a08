// SPDX-License-Identifier: Apache-2.0
#pragma once

/* What mmu.c, walk.c, watch.c and mmu_work.c share: the MMU of one CPU. */

#include <pthread.h>

#include "accel/soft/tlb.h"

enum { MMU_MAX_CPUS = 32, MMU_MAX_WATCH = 4, MMU_RING = 32 };
enum { PA_BITS = 40 }; /* ID_AA64MMFR0_EL1.PARange = 0b0010 */

enum fault_code { /* ISS.DFSC, IFSC; the level is added */
                  FSC_ADDRESS_SIZE = 0x00,
                  FSC_TRANSLATION = 0x04,
                  FSC_ACCESS_FLAG = 0x08,
                  FSC_PERMISSION = 0x0c,
                  FSC_EXTERNAL = 0x10,
                  FSC_EXTERNAL_WALK = 0x14,
                  FSC_ALIGNMENT = 0x21,
                  FSC_WATCHPOINT = 0x22,
                  FSC_EXCLUSIVE =
                      0x35 /* unsupported exclusive or atomic access */
};

enum sctlr_bits { SCTLR_M = 0, SCTLR_A = 1, SCTLR_C = 2, SCTLR_WXN = 19 };

/* What TCR_EL1 and a TTBR say about one half of the address space. */
struct va_half {
    uint64_t base;
    bool is_disabled; /* EPD */
    bool bad_base;    /* above the output size */
    bool tbi, hpd, e0pd;
    uint8_t va_bits;
    uint8_t page_shift; /* of the granule: 12, 14, 16 */
    uint8_t level;      /* where walks start */
};

/* The unprivileged TLB of one address space. */
struct bank {
    struct tlb *tlb; /* owned; NULL until first used */
    uint64_t ttbr0;
    uint64_t used_at;
    uint16_t asid;
    bool is_valid;
};

enum work_kind { WORK_ALL, WORK_ASID, WORK_PAGES };
struct work {
    enum work_kind kind;
    bool any_asid;
    uint16_t asid;
    uint64_t va;
    uint64_t count; /* pages of 4 KiB */
};

/* What other CPUs want this one to forget. `posted` counts requests and `done`
   those fulfilled; mmu_work.c has the protocol. */
struct mailbox {
    pthread_mutex_t lock; /* guards ring to posted */
    struct work ring[MMU_RING];
    unsigned num;
    bool all, code, writes; /* flush all, retag, flush W */
    _Atomic uint64_t posted;
    _Atomic uint64_t done;
};

struct mmu {
    struct tlb *kernel; /* owned: privileged accesses */
    struct tlb *none;   /* owned: always empty, stands for a bank to choose */
    struct tlb *user;   /* one of the banks', or NULL: not chosen yet */
    struct bank banks[TLB_BANKS];
    uint64_t clock;
    uint32_t last_tag;

    /* The registers as they were when what follows was made of them. */
    bool seen;
    uint64_t sctlr, tcr, ttbr[2], mair;
    bool is_on, align_all, wxn, ha, hd;
    uint8_t out_bits;
    uint16_t asid;
    struct va_half half[2];
    const struct gmem_region *region; /* of the last table */

    unsigned num_watch; /* enabled watchpoints, by number */
    uint8_t watch[MMU_MAX_WATCH];

    struct mailbox box;
    uint64_t wait_for[MMU_MAX_CPUS];
};

uint32_t mmu_next_tag(struct mmu *m);
void mmu_do(struct cpu *cpu, const struct work *work);
void mmu_retag_all(struct mmu *m);
void mmu_flush_writes(struct mmu *m);

/* The host address of `bytes` of RAM at pa, or NULL. */
uint8_t *mmu_ram(struct cpu *cpu, gpa_t pa, uint64_t bytes);

/* Whether a watchpoint looks at any byte of the page of va. */
bool mmu_page_watched(const struct cpu *cpu, uint64_t va);

/* Whether this access is made with EL0's permissions. */
static inline bool mmu_is_unpriv(const struct cpu *cpu, unsigned acc)
{
    return cpu->el == 0 || (acc & ACC_UNPRIV && !cpu->uao);
}
