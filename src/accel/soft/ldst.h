// SPDX-License-Identifier: Apache-2.0
#pragma once

/* What the executors of loads and stores share: base registers and offsets. */

#include "accel/soft/exc.h"
#include "accel/soft/mem.h"

/* CheckSPAlignment(): a misaligned SP as base faults where SCTLR_EL1.SA (EL1)
   or SA0 (EL0) says so. */
static inline bool base_faults(const struct cpu *cpu, const struct insn *i)
{
    if (likely(i->rn != REG_SP || !(cpu->x[REG_SP] & 15)))
        return false;
    return BIT(cpu->sys[SYS_SCTLR_EL1], cpu->el ? 3 : 4);
}

/* The register offset: extended by option, shifted by the size if S is set. */
static inline uint64_t reg_offset(const struct cpu *cpu, const struct insn *i,
                                  unsigned size_log2)
{
    uint64_t x = cpu->x[i->rm];

    switch (FIELD(i, 15, 13)) {
    case 2:
        x = (uint32_t)x;
        break;
    case 6:
        x = (uint64_t)(int32_t)x;
        break;
    default:
        break;
    }
    return FIELD(i, 12, 12) ? x << size_log2 : x;
}

#define BASE (cpu->x[i->rn])
