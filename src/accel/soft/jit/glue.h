// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The code that all blocks of an arena share: the way in and the ways out. */

#include "accel/soft/jit/tr.h"

/* Emits it at the start of the buffer, for blocks with these registers, and
   says where each part is. */
void glue_make(struct x64 *c, struct glue *glue, const struct tr_regs *regs,
               unsigned features);

/* glue_span.c's part of that, and what it shares. */
void glue_make_span(struct x64 *c, bool write);
void glue_make_wait(struct x64 *c, struct glue *glue); /* glue_wait.c's */
void glue_push(struct x64 *c, unsigned reg);
void glue_pop(struct x64 *c, unsigned reg);

/* What glue.enter returns: 0, go on at cpu->pc; n, exit n - 1 wants a link. */
typedef uint32_t glue_enter_fn(struct cpu *cpu, const uint8_t *host);

/* What it calls in C, through struct cpu. Of a failed test of the TLB: 0 if
   the page of va has been entered, so that the test is to be made again. */
typedef unsigned jit_fill_fn(struct cpu *cpu, uint64_t va, unsigned write);

/* Of a bail: executes the instruction that `at` tells of, as its executor does.
   There are its word and its offset from cpu->page_base. */
enum { GLUE_INSN_BYTES = 8 };
typedef const struct insn *jit_miss_fn(struct cpu *cpu, const uint8_t *at);
