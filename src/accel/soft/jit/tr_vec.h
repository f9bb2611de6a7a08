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

/* xmm = Vn with only the lowest 64 (32) bits kept, the rest zero. */
void t_vload_d(struct tr *t, unsigned xmm, unsigned n);
void t_vload_s(struct tr *t, unsigned xmm, unsigned n);

/* xmm = constant in the low 64 bits, zero above. Clobbers rax. */
void t_vconst(struct tr *t, unsigned xmm, uint64_t low);
