// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Places of access in hot code. Each has the number of a struct tlb_span in
 * the TLB's half it looks at, and tests its address against that: five
 * instructions, none of which the load waits for, where the test by slot takes
 * seven. If it fails, the cold part has glue.span look the page up in the
 * arrays and move the span there, and starts the instruction again. A place
 * that goes from page to page too often is noted in cpu->worn, and its block
 * translated once more, in which it uses the arrays.
 *
 * A number is for accesses of one size, and is shared when there are more
 * places than numbers.
 */

#include "accel/soft/jit/tr.h"

/* t_tlb_add by a span, or false: this place has none. Keeps rcx. */
bool t_span_add(struct tr *t, unsigned va, unsigned bytes, bool write);

/* The cold part of all of them, before that of bails and copies. */
void t_span_finish(struct tr *t);

/* What glue.span takes in ecx. */
static inline uint32_t t_span_arg(unsigned number, uint32_t site)
{
    return number | site << 8;
}
