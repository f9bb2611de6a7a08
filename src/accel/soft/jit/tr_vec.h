// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Guest V registers for emitters. They live in cpu->v[], which is always up to
 * date between instructions. xmm0 to xmm7 are scratch, dead between
 * instructions; xmm8 to xmm15 are this file's, to keep recent V registers in:
 * emitters get them from t_vget only, and never write them.
 */

#include "accel/soft/jit/tr.h"
#include "accel/soft/jit/x64_vec.h"

/* An xmm register that holds Vn, to be read only, until the next t_vget but
   three or the end of the instruction. */
unsigned t_vget(struct tr *t, unsigned n);

/* xmm = Vn, xmm one of the scratch registers. */
void t_vload(struct tr *t, unsigned xmm, unsigned n);

/* Vn = xmm, all 128 bits. */
void t_vstore(struct tr *t, unsigned n, unsigned xmm);

/* Scalars, and vectors of 64 bits: `bits` is 32, 64 or 128, and what is above
   them in the xmm register is zero. t_vget_low may give `scratch`, and is read
   only; what t_vload_low makes may be written; for t_vstore_low the caller has
   cleared it. */
unsigned t_vget_low(struct tr *t, unsigned bits, unsigned n, unsigned scratch);
void t_vload_low(struct tr *t, unsigned bits, unsigned xmm, unsigned n);
void t_vstore_low(struct tr *t, unsigned bits, unsigned n, unsigned xmm);

/* xmm = constant in the low 64 bits, zero above. Clobbers rax. */
void t_vconst(struct tr *t, unsigned xmm, uint64_t low);
