// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * FPSR's cumulative flags while translated code runs: they gather in the host's
 * own, and go into cpu->fp.fpsr when somebody asks. Tier 0 uses no host FP, so
 * what is in the host's flags inside jit_run is the guest's.
 */

#include "accel/soft/cpu.h"

#if defined(__x86_64__)

#include <xmmintrin.h>

/* Before the first translated code: rounding to nearest, nothing raised, no
   traps, no flushing. */
static inline void fpsr_enter(void)
{
    _mm_setcsr(0x1f80);
}

/* IE, DE, ZE, OE, UE, PE in bits 0 to 5; the Arm has no flag for DE as such:
   IDC is about flushed operands. */
static inline void fpsr_gather(struct cpu *cpu)
{
    uint32_t host, flags;

    if (!cpu->jit)
        return;
    host = _mm_getcsr();
    if (!(host & 0x3f))
        return;
    flags =
        (host & 1) | (host >> 1 & (FPSR_DZC | FPSR_OFC | FPSR_UFC | FPSR_IXC));
    cpu->fp.fpsr |= flags;
    _mm_setcsr(host & ~0x3fu);
}

#else

static inline void fpsr_enter(void)
{
}

static inline void fpsr_gather(struct cpu *cpu)
{
    (void)cpu;
}

#endif
