// SPDX-License-Identifier: Apache-2.0
/* Software step and hardware breakpoints. */

#include "accel/soft/step.h"

#include "accel/soft/exc.h"

enum { MDSCR_SS = 0, MDSCR_KDE = 13, MDSCR_MDE = 15 };

/* As ID_AA64DFR0_EL1 has it: the last two compare contexts, too (CTX_CMPs). */
enum { NUM_BREAKPOINTS = 6, FIRST_CONTEXT = 4 };

/* DBGBCR<n>_EL1 */
enum { BCR_E = 0, BCR_PMC = 1, BCR_SSC = 14, BCR_LBN = 16, BCR_BT = 20 };
enum { BT_ADDRESS, BT_LINKED_ADDRESS, BT_CONTEXT, BT_LINKED_CONTEXT };

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
        if (BIT(cpu->sys[SYS_DBGBCR0_EL1 + n], BCR_E))
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

static unsigned type_of(uint64_t bcr)
{
    return BITS(bcr, BCR_BT + 3, BCR_BT);
}

static bool address_matches(const struct cpu *cpu, unsigned n)
{
    uint64_t bvr = cpu->sys[SYS_DBGBVR0_EL1 + n];

    return sext64(bvr & ~3ull, 53) == sext64(cpu->pc, 53);
}

static bool context_matches(const struct cpu *cpu, unsigned n)
{
    return n >= FIRST_CONTEXT && (uint32_t)cpu->sys[SYS_CONTEXTIDR_EL1] ==
                                     (uint32_t)cpu->sys[SYS_DBGBVR0_EL1 + n];
}

bool step_link_matches(const struct cpu *cpu, unsigned n)
{
    uint64_t bcr = n < NUM_BREAKPOINTS ? cpu->sys[SYS_DBGBCR0_EL1 + n] : 0;

    return BIT(bcr, BCR_E) && type_of(bcr) == BT_LINKED_CONTEXT &&
           context_matches(cpu, n);
}

/* PMC selects the levels: bit 0 EL1, bit 1 EL0. All is Non-secure. */
static bool breakpoint_hits(const struct cpu *cpu, unsigned n)
{
    uint64_t bcr = cpu->sys[SYS_DBGBCR0_EL1 + n];

    if (!BIT(bcr, BCR_E) || !BIT(bcr, BCR_PMC + (cpu->el ? 0 : 1)) ||
        BITS(bcr, BCR_SSC + 1, BCR_SSC) >= 2)
        return false;
    switch (type_of(bcr)) {
    case BT_ADDRESS:
        return address_matches(cpu, n);
    case BT_LINKED_ADDRESS:
        return address_matches(cpu, n) &&
               step_link_matches(cpu, BITS(bcr, BCR_LBN + 3, BCR_LBN));
    case BT_CONTEXT:
        return context_matches(cpu, n);
    default:
        return false;
    }
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
