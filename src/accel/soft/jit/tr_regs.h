// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Which guest registers live in which of the machine's. One assignment holds
 * for a whole arena, so that a link between blocks is a bare jump. The usual
 * one is a constant; tests draw others, so that nothing rests on it unseen.
 */

#include <stdint.h>

#include "accel/soft/insn.h"

struct tr_regs {
    int8_t pinned[REG_SINK + 1]; /* by guest register; -1: cpu->x[] */
    uint8_t vec_flip; /* slot r of tr_vec.c is xmm8 + (r ^ vec_flip) */
};

extern const struct tr_regs tr_regs_usual;

/* An assignment by this seed: up to ten of x0 to x30 and SP, anywhere. */
void tr_regs_draw(struct tr_regs *regs, uint64_t seed);

/* The guest register that lives in host register `reg`, or -1. */
int tr_regs_guest(const struct tr_regs *regs, unsigned reg);
