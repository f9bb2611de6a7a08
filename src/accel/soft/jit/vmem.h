// SPDX-License-Identifier: Apache-2.0
#pragma once

/* What the emitters of loads and stores of V registers share. */

#include "accel/soft/jit/jit.h"
#include "accel/soft/jit/simd.h"

/* Between Vn and [rdx + disp], 1 << log2 bytes; a load zeroes the rest of Vn.
   Loads clobber X0 and rcx. */
void vmem_load(struct tr *t, unsigned n, unsigned log2, int32_t disp);
void vmem_store(struct tr *t, unsigned n, unsigned log2, int32_t disp);

/* rax = base register + disp; bails if that is a misaligned SP. */
void vmem_base(struct tr *t, const struct insn *i, int32_t disp);
