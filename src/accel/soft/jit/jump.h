// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The jump cache: where the translation of a virtual address is. Indirect
 * branches probe `near` in line (t_exit_rax), then glue.probe looks in `far`,
 * which is larger and mixes more of the address, and moves what it finds to
 * `near`; C does the same. An entry holds while the TLB's tag is its own.
 */

#include "accel/soft/cpu.h"

struct jblock;

struct jit_jump {
    uint64_t pc;
    uint32_t tag; /* of the TLB it was found through; 0: empty */
    uint32_t mode;
    const uint8_t *host;
    struct jblock *blk;
};
static_assert(sizeof(struct jit_jump) == 32, "t_exit_rax shifts by 5");

/* Both have the ten bits above the lowest two as they are, which are those of
   the physical address as well. */
enum { JUMP_PAGE_BITS = 10, JUMP_BITS = 12, JUMP_FAR_BITS = 14 };
enum { JUMP_FAR_MIX = 4, JUMP_MASK = (1 << JUMP_BITS) - 1 };
enum { JUMP_FAR_MASK = (1 << JUMP_FAR_BITS) - 1 };
enum { JUMP_FAR_MIXED = JUMP_FAR_MASK & ~((1 << JUMP_PAGE_BITS) - 1) };

struct jit_jumps {
    struct jit_jump near[1 << JUMP_BITS];
    struct jit_jump far[1 << JUMP_FAR_BITS];
};

static inline struct jit_jump *jump_near(struct jit_jumps *jumps, uint64_t pc)
{
    return &jumps->near[pc >> 2 & JUMP_MASK];
}

static inline struct jit_jump *jump_far(struct jit_jumps *jumps, uint64_t pc)
{
    uint64_t slot = pc >> 2;

    return &jumps->far[(slot ^ (slot >> JUMP_FAR_MIX & JUMP_FAR_MIXED)) &
                       JUMP_FAR_MASK];
}

/* Does the entry lead to where the CPU is? */
static inline bool jump_is_for(const struct jit_jump *j, const struct cpu *cpu,
                               uint32_t tag)
{
    return j->pc == cpu->pc && j->tag == tag && j->mode == cpu->mode;
}

/* Empties what leads to the block that begins at pa. */
static inline void jumps_drop_of(struct jit_jump *jump, unsigned count,
                                 gpa_t pa, const struct jblock *b)
{
    enum { STEP = 1 << JUMP_PAGE_BITS };

    for (unsigned n = pa >> 2 & (STEP - 1); n < count; n += STEP) {
        if (jump[n].blk == b)
            jump[n] = (struct jit_jump){0};
    }
}

static inline void jumps_drop(struct jit_jumps *jumps, gpa_t pa,
                              const struct jblock *b)
{
    jumps_drop_of(jumps->near, ARRAY_LEN(jumps->near), pa, b);
    jumps_drop_of(jumps->far, ARRAY_LEN(jumps->far), pa, b);
}
