// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Guest V registers for emitters. They live in cpu->v[], which is up to date
 * wherever tier 0 or another block can look at it. xmm0 to xmm7 are scratch,
 * dead between instructions; xmm8 to xmm15 are this file's, which keeps recent
 * V registers in them through the block: emitters get them from t_vget* only,
 * and never write them. Tier 0 clobbers them all; behind a bail those are
 * loaded again that are used later.
 *
 * Nothing here may be called in code that is jumped over: what a register
 * holds must not depend on the way taken. V registers are written by t_vstore*
 * only.
 */

#include "accel/soft/jit/tr.h"
#include "accel/soft/jit/x64_vec.h"

/* An xmm register that holds Vn, to be read only, until the end of the
   instruction. The second form: only its low `bits`, with anything above. */
unsigned t_vget(struct tr *t, unsigned n);
unsigned t_vget_part(struct tr *t, unsigned bits, unsigned n);

/* The register that holds the low `bits` of Vn, likewise, or -1. */
int t_vheld(struct tr *t, unsigned bits, unsigned n);

/* xmm = Vn, xmm one of the scratch registers. */
void t_vload(struct tr *t, unsigned xmm, unsigned n);

/* Vn = xmm, all 128 bits. What t_vget gave for Vn before is gone. */
void t_vstore(struct tr *t, unsigned n, unsigned xmm);

/* Scalars, and vectors of 64 bits: `bits` is 32, 64 or 128, and what is above
   them in the xmm register is zero. t_vget_low may give `scratch`, and is read
   only; what t_vload_low makes may be written; for t_vstore_low the caller has
   cleared it. */
unsigned t_vget_low(struct tr *t, unsigned bits, unsigned n, unsigned scratch);
void t_vload_low(struct tr *t, unsigned bits, unsigned xmm, unsigned n);
void t_vstore_low(struct tr *t, unsigned bits, unsigned n, unsigned xmm);

/* Writes to memory what is not there yet: before a call into C. */
void t_vec_flush(struct tr *t);

/* Nothing is held: at the start of a block, and behind a call into C. */
void t_vec_reset(struct tr *t);

/* Behind a call into C, which keeps more registers than it must: for tests
   that nothing is expected in them. */
void t_vec_poison(struct tr *t);

/* At a branch back: are any registers held, and which? They will be wanted.
   Later: what is held is that, with no code emitted in between; and at the end
   of the second pass the code that makes it so again. The last keeps flags. */
bool t_vec_any(const struct tr *t);
void t_vec_hold(struct tr *t, struct tr_vec *held);
void t_vec_resume(struct tr *t, const struct tr_vec *held);
void t_vec_restore(struct tr *t, const struct tr_vec *held);

/* The bails so far of the present instruction will reload all that is held. */
void t_vec_want_all(struct tr *t);

/* In the cold part, behind tier 0: loads again what is wanted. */
void t_vec_reload(struct tr *t, const struct tr_bail *bail);

/* xmm = constant in the low 64 bits, zero above. Clobbers rax. */
void t_vconst(struct tr *t, unsigned xmm, uint64_t low);
