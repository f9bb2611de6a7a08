/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The records of a64run, in binary: docs/a64run.md describes every field. The
 * oracles of tests/isa read and write the same. Little-endian, no padding.
 */

#include <stdint.h>

enum {
    A64RUN_IN_MAGIC = 0x49343641,  /* "A64I" */
    A64RUN_OUT_MAGIC = 0x4f343641, /* "A64O" */
    A64RUN_MAX_AREAS = 4,
    A64RUN_MAX_BYTES = 64 << 20 /* of code, and of one area */
};

enum a64run_perm { A64RUN_R = 1, A64RUN_W = 2, A64RUN_X = 4 };

enum a64run_cause {
    CAUSE_END = 0,   /* arrived at the byte after the code */
    CAUSE_LIMIT = 1, /* executed max_insns, or ran too long */
    CAUSE_UNDEFINED = 2,
    CAUSE_SVC = 3,
    CAUSE_HVC = 4,
    CAUSE_SMC = 5,
    CAUSE_BRK = 6,
    CAUSE_DATA_ABORT = 7,
    CAUSE_INSN_ABORT = 8,
    CAUSE_PC_ALIGN = 9,
    CAUSE_SP_ALIGN = 10,
    CAUSE_SYSREG = 11,
    CAUSE_FP_ACCESS = 12,
    CAUSE_WFX = 13,
    CAUSE_DEBUG = 14, /* breakpoint, watchpoint, step */
    CAUSE_ILLEGAL = 15,
    CAUSE_MMIO = 16, /* left the RAM with the MMU off */
    CAUSE_OTHER = 17,
    CAUSE_BAD_RECORD = 18, /* not run */
    CAUSE_NO_OPINION = 19, /* an oracle cannot say */
    NUM_CAUSES
};

struct a64run_area {
    uint64_t va;
    uint32_t bytes;
    uint32_t perms; /* enum a64run_perm; 0: read and write */
};

struct a64run_in {
    uint32_t magic;
    uint32_t size; /* of the record with all that follows it */
    uint64_t id;   /* echoed */
    uint64_t x[31];
    uint64_t sp;
    uint64_t v[32][2];
    uint64_t code_va;   /* where the code lies and where it is entered */
    uint64_t max_insns; /* 0: 1,000,000 */
    uint32_t code_bytes;
    uint32_t nzcv; /* N Z C V in bits 31:28 */
    uint32_t fpcr;
    uint32_t fpsr;
    uint32_t el; /* 0 or 1 */
    uint32_t num_areas;
    struct a64run_area areas[A64RUN_MAX_AREAS];
    /* the code, then each area's bytes, each padded to a multiple of 8 */
};

struct a64run_out {
    uint32_t magic;
    uint32_t size;
    uint64_t id;
    uint64_t x[31];
    uint64_t sp;
    uint64_t v[32][2];
    uint64_t pc;
    uint64_t pstate; /* as SPSR_EL1 */
    uint64_t esr;
    uint64_t far;
    uint64_t insns;
    uint32_t cause; /* enum a64run_cause */
    uint32_t fpcr;
    uint32_t fpsr;
    uint32_t num_areas;
    /* each area's bytes, padded to a multiple of 8 */
};

#define A64RUN_PAD(n) (((uint64_t)(n) + 7) & ~7ull)

#ifdef __cplusplus
static_assert(sizeof(struct a64run_in) == 888, "as documented");
static_assert(sizeof(struct a64run_out) == 840, "as documented");
#else
_Static_assert(sizeof(struct a64run_in) == 888, "as documented");
_Static_assert(sizeof(struct a64run_out) == 840, "as documented");
#endif
