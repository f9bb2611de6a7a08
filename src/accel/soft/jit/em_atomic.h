// SPDX-License-Identifier: Apache-2.0
#pragma once

/* What the emitters of exclusives and atomics share. */

#include "accel/soft/jit/tr.h"

/* rdx = host address of the aligned location of 1 << log2 bytes at [rn], or
   bail. */
void atomic_location(struct tr *t, const struct insn *i, unsigned log2,
                     bool write);

/* The monitor watches `bytes`; 0: it is open. */
void atomic_monitor(struct tr *t, unsigned bytes);

/* Two jumps taken unless it watches `bytes` at rdx. */
void atomic_if_not_mine(struct tr *t, unsigned bytes, uint8_t *places[2]);
