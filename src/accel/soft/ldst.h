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

#define BASE (cpu->x[i->rn])

/* The register offset: the low bits of Rm as `type`, shifted by imm. */
#define OFFSET(type) ((uint64_t)(type)cpu->x[i->rm] << i->imm)
