// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What a translation is made of: one straight run of instructions, or, where it
 * is hot, a trace of several, each reached from the end of the one before by B
 * or BL, by a RET to behind a BL of the same trace, or by a conditional branch
 * that was always taken so far.
 *
 * Offsets count from the start of the first part's page, whose virtual address
 * is cpu->page_base all the while: page_base moves on the ways out alone.
 * Another page is entered only while the TLB's tag and page_base are those
 * under which its parts were last compared with memory (struct tr_slot). Parts
 * of a page that was entered before need no such test, that of the start
 * neither: the tag moves in C alone, and no instruction of a trace does there
 * what another part would have to notice (trace_may_have).
 */

#include "accel/soft/block.h"

struct jit_cache;

enum { TRACE_MAX_PARTS = 24, TRACE_MAX_INSNS = 128 };
static_assert((int)TRACE_MAX_INSNS >= (int)BLOCK_MAX_INSNS, "or one block");

enum trace_way {
    TRACE_START,
    TRACE_JUMP,       /* B or BL */
    TRACE_TAKEN,      /* a conditional branch; if it is not, that is left */
    TRACE_RETURN,     /* RET, and X30 is what a BL of the trace wrote */
    TRACE_MAY_RETURN, /* RET, but something wrote X30 since: it is compared */
};

struct trace_part {
    int32_t off;         /* of its first instruction */
    int32_t top;         /* the highest offset of the parts before it */
    uint16_t first, end; /* instructions */
    uint8_t way;         /* enum trace_way: how it is reached */
    bool is_new_page;    /* and that must be tested ahead of it */
    gpa_t pa;
};

struct trace {
    unsigned num;
    struct trace_part part[TRACE_MAX_PARTS];
    uint64_t room[(sizeof(struct block) +
                   (TRACE_MAX_INSNS + 1) * sizeof(struct insn)) /
                  8];
};

/* Its instructions, the n-th as if at 4 * n. */
static inline struct block *trace_block(struct trace *trace)
{
    return (struct block *)(void *)trace->room;
}

static inline const struct block *trace_insns(const struct trace *trace)
{
    return (const struct block *)(const void *)trace->room;
}
static_assert(sizeof(struct block) % 8 == 0, "all of its room is there");

/* The block alone. */
struct trace_part trace_start(const struct block *start);

/* The block at cpu->pc, whose bytes are at host, and what it leads to, as far
   as the cache knows. False: that is no more than itself. */
bool trace_build(struct trace *trace, struct cpu *cpu, struct jit_cache *cache,
                 const struct block *start, const uint8_t *host);

/* Can the instruction be executed twice with one outcome, and without a look at
   what other CPUs ask for? */
bool trace_may_have(const struct insn *i);

/* The same but that others may be looked at behind it. */
bool trace_is_plain(const struct insn *i);

/* A branch that may be taken or not. */
bool trace_is_conditional(const struct insn *i);

static inline int32_t trace_page(int32_t off)
{
    return off & ~4095;
}
