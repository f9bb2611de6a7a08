// SPDX-License-Identifier: Apache-2.0
#pragma once

/* WFI, WFE and SEV. */

#include "accel/soft/cpu.h"

/* WFI: returns when an interrupt is pending (masked or not), the CPU is kicked
   or posted work arrives. WFE: also when the event register is set, and after
   at most 100 us. Neither raises; trap rules are the caller's. */
void cpu_wfi(struct cpu *cpu);
void cpu_wfe(struct cpu *cpu);
void cpu_sev(struct cpu *cpu); /* sets every CPU's event register */
