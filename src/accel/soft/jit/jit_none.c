// SPDX-License-Identifier: Apache-2.0
/* Hosts without a translator: tier 0 does it all. */

#include "accel/soft/jit/jit.h"

#include <stddef.h>

#include "isa_gen.h"

unsigned jit_host_features(void)
{
    return 0;
}

bool jit_is_here(void)
{
    return false;
}

struct jit *jit_new(struct cpu *cpu, uint64_t bytes, unsigned features)
{
    (void)cpu;
    (void)bytes;
    (void)features;
    return NULL;
}

void jit_free(struct jit *jit)
{
    (void)jit;
}

void jit_run(struct cpu *cpu, uint64_t max_insns)
{
    (void)cpu;
    (void)max_insns;
    BUG("there is no translator here");
}

void jit_flush(struct jit *jit)
{
    (void)jit;
}

void jit_count_insns(struct jit *jit, bool on)
{
    (void)jit;
    (void)on;
}

int jit_set_tier(struct cpu *cpu, const struct tier *tier)
{
    (void)cpu;
    (void)tier;
    return 0;
}

uint64_t jit_fallbacks(const struct jit *jit, unsigned op)
{
    (void)jit;
    (void)op;
    return 0;
}

int jit_coverage(unsigned features, enum jit_coverage *of_op)
{
    (void)features;
    for (unsigned op = 0; op < NUM_A64_OPS; op++)
        of_op[op] = JIT_COVERS_NONE;
    return 0;
}

const char *jit_stat(const struct jit *jit, unsigned index, uint64_t *value)
{
    (void)jit;
    (void)index;
    (void)value;
    return NULL;
}
