// SPDX-License-Identifier: Apache-2.0
#pragma once

/* One block of guest instructions into the arena. */

#include "accel/soft/jit/tr.h"

/* Emits at t->c; the caller has filled everything up to `first_exit`. Leaves
   the exits for the cache to keep. False: there was not enough room, and
   nothing of it is to be used. */
bool translate_block(struct tr *t);

/* Has instruction `idx` an emitter, and is it to be tried? */
bool translate_will_try(const struct tr *t, unsigned idx);

/* Does a block set NZCV before it or anybody else reads it? */
bool translate_sets_flags(const struct block *src);

/* Executors by op, with what is UNDEFINED and what traps behind the rows. */
const void *translate_fn_table(void);
