// SPDX-License-Identifier: Apache-2.0
#pragma once

/* What the options of a tier add to the translator: tier.h. */

#include <stdio.h>

#include "accel/soft/jit/cache.h"

/* Leaves vcpu_run with EXIT_ERROR and the sentence. */
void debug_stop(struct cpu *cpu, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* b is about to run: false if memory says something else. Then either the
   CPU stops with a report, or b is forgotten and looked up again. */
bool debug_verify(struct cpu *cpu, struct jit_cache *cache, struct jblock *b,
                  const uint8_t *host);

/* /tmp/perf-PID.map, where perf(1) looks for names of generated code; NULL:
   it cannot be written. A flushed arena's lines stay in it. */
FILE *perf_map_open(void);
void perf_map_add(FILE *map, const struct jit_cache *cache,
                  const struct jblock *b, uint64_t va);

/* Runs blocks by both tiers and compares; returns when vcpu_run must be left.
 */
struct lockstep; /* owned by the CPU's jit; borrows its cache */
struct lockstep *lockstep_new(struct cpu *cpu, struct jit_cache *cache);
void lockstep_free(struct lockstep *ls); /* takes NULL */
void lockstep_run(struct lockstep *ls);
