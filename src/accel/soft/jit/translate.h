// SPDX-License-Identifier: Apache-2.0
#pragma once

/* One block of guest instructions into the arena. */

#include "accel/soft/jit/tr.h"

/* Emits at t->c; the caller has filled everything up to `first_exit` and made
   sure of room (translate_room). Leaves the exits for the cache to keep. */
void translate_block(struct tr *t);

/* The most bytes that a block of `count` instructions takes, emitted twice. */
static inline uint64_t translate_room(unsigned count)
{
    return (uint64_t)(2 * count + 2) * TR_INSN_BYTES;
}

/* Has instruction `idx` an emitter, and is it to be tried? */
bool translate_will_try(const struct tr *t, unsigned idx);

/* Does a block set NZCV before it or anybody else reads it? */
bool translate_sets_flags(const struct block *src);

/* Executors by op, with what is UNDEFINED and what traps behind the rows. */
const void *translate_fn_table(void);
