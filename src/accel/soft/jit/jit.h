// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Tier 1: blocks of guest instructions translated to x86-64, one code arena a
 * CPU. docs/soft-engine.md describes the machine registers, the block layout
 * and the protocol at the borders.
 *
 * What is here belongs to the CPU's own thread. An arena for each CPU means
 * that code is translated once per CPU that runs it; in return nothing in it
 * is ever changed under a running CPU, and there is no lock.
 */

#include <stdbool.h>
#include <stdint.h>

#include "accel/soft/cpu.h"

/* What is to be found in the host's CPU; tests mask it. */
enum jit_feature {
    JIT_LZCNT = 1,
    JIT_SSE42 = 2,
    JIT_AVX2 = 4, /* and AVX: VEX encodings, 256 bits */
    JIT_FMA = 8,
    JIT_AES = 16,
    JIT_SHA = 32,
    JIT_PCLMUL = 64,
    JIT_AVX512 = 128,   /* F, VL, BW, DQ */
    JIT_POISON = 256,   /* for tests: tier 0 leaves rubbish in V registers */
    JIT_ONE_PASS = 512, /* a loop leaves its block after each turn */
    JIT_BMI = 1024,     /* BMI1 and BMI2 */
    JIT_SMP = 4096,     /* there are other vCPUs */
    JIT_BITALG = 2048,  /* of AVX-512: counts of a byte's bits */
    JIT_ALL = 0xff | JIT_BMI | JIT_BITALG
};
unsigned jit_host_features(void);

/* Whether this build has a translator for its host. */
bool jit_is_here(void);

/* bytes: of code that this CPU may have, beside what is in vm->jit_pool; the
   arena grows as it is used. NULL: no memory, or the host gives no executable
   pages. */
struct jit *jit_new(struct cpu *cpu, uint64_t bytes, unsigned features);
void jit_free(struct jit *jit);

/* Like interp_run, with translated code where it pays. */
void jit_run(struct cpu *cpu, uint64_t max_insns);

/* Forgets all translations. */
void jit_flush(struct jit *jit);

/* Blocks translated from now on count their instructions in cpu->insns. */
void jit_count_insns(struct jit *jit, bool on);

/* The options that a tier was chosen with. */
int jit_set_tier(struct cpu *cpu, const struct tier *tier);

/* How often tier 0 executed an op for translated code. */
uint64_t jit_fallbacks(const struct jit *jit, unsigned op);

/* Of each op, how much translated code does on a host with these features at
   EL1, FPCR being zero: of_op has NUM_A64_OPS entries. -ENOMEM. */
enum jit_coverage { JIT_COVERS_ALL, JIT_COVERS_SOME, JIT_COVERS_NONE };
int jit_coverage(unsigned features, enum jit_coverage *of_op);

/* Counters, by name, until NULL: blocks, bytes, links, flushes... */
const char *jit_stat(const struct jit *jit, unsigned index, uint64_t *value);
