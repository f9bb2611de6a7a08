// SPDX-License-Identifier: Apache-2.0
/* Software step and hardware breakpoints. */

#include "accel/soft/step.h"

#include "accel/soft/exc.h"

enum { MDSCR_SS = 0, MDSCR_KDE = 13, MDSCR_MDE = 15, NUM_BREAKPOINTS = 6 };

/* Debug exceptions are enabled at `el` with PSTATE.D as `masked` (D2.3). */
static bool debug_enabled(const struct cpu *cpu, unsigned el, bool masked)
{
    if (BIT(cpu->sys[SYS_OSLSR_EL1], 1))
        return false;
    return el == 0 || (BIT(cpu->sys[SYS_MDSCR_EL1], MDSCR_KDE) && !masked);
}

static bool enabled_now(const struct cpu *cpu)
{
    return debug_enabled(cpu, cpu->el, cpu->daif & 8);
}

static bool any_breakpoint(const struct cpu *cpu)
{
    if (!BIT(cpu->sys[SYS_MDSCR_EL1], MDSCR_MDE))
        return false;
    for (unsigned n = 0; n < NUM_BREAKPOINTS; n++) {
        if (BIT(cpu->sys[SYS_DBGBCR0_EL1 + n], 0))
            return true;
    }
    return false;
}

void step_changed(struct cpu *cpu)
{
    if (BIT(cpu->sys[SYS_MDSCR_EL1], MDSCR_SS) || any_breakpoint(cpu))
        cpu_attend(cpu, ATT_STEP);
}

bool step_keeps_ss(const struct cpu *cpu, uint64_t spsr)
{
    return BIT(cpu->sys[SYS_MDSCR_EL1], MDSCR_SS) && !enabled_now(cpu) &&
           debug_enabled(cpu, BITS(spsr, 3, 2), BIT(spsr, 9));
}

/* Address matches only (BT = 0b000x), linked to a context or not: a linked
   context that does not match is not looked at, which debuggers do not use.
   PMC selects the levels: bit 0 EL1, bit 1 EL0. */
static bool breakpoint_hits(const struct cpu *cpu, unsigned n)
{
    uint64_t bcr = cpu->sys[SYS_DBGBCR0_EL1 + n];
    uint64_t bvr = cpu->sys[SYS_DBGBVR0_EL1 + n];
    unsigned bt = BITS(bcr, 23, 20);

    if (!BIT(bcr, 0) || bt > 1 || !BIT(bcr, cpu->el ? 1 : 2))
        return false;
    if (bt == 1 &&
        cpu->sys[SYS_CONTEXTIDR_EL1] !=
            cpu->sys[SYS_DBGBVR0_EL1 + BITS(bcr, 19, 16) % NUM_BREAKPOINTS])
        return false;
    return sext64(bvr & ~3ull, 53) == sext64(cpu->pc, 53);
}

bool step_is_active(const struct cpu *cpu)
{
    return (BIT(cpu->sys[SYS_MDSCR_EL1], MDSCR_SS) || any_breakpoint(cpu)) &&
           enabled_now(cpu);
}

bool step_before(struct cpu *cpu)
{
    uint64_t mdscr = cpu->sys[SYS_MDSCR_EL1];

    if (!enabled_now(cpu))
        return false;
    if (BIT(mdscr, MDSCR_SS) && !cpu->ss) {
        exc_step(cpu, false, false);
        return true;
    }
    if (!BIT(mdscr, MDSCR_MDE))
        return false;
    for (unsigned n = 0; n < NUM_BREAKPOINTS; n++) {
        if (breakpoint_hits(cpu, n)) {
            exc_breakpoint(cpu);
            return true;
        }
    }
    return false;
}

void step_after(struct cpu *cpu, bool was_load_exclusive)
{
    cpu->ss = 0;
    if (BIT(cpu->sys[SYS_MDSCR_EL1], MDSCR_SS) && enabled_now(cpu))
        exc_step(cpu, true, was_load_exclusive);
}
