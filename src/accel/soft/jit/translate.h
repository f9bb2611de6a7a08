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

/* Executors by op, with what is UNDEFINED and what traps behind the rows. */
const void *translate_fn_table(void);
