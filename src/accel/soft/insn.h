// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * A decoded instruction, and how the functions that execute one are written.
 *
 * isa/ *.a64 is the list of all A64 instructions this CPU has. tools/gen-a64.py
 * makes from it the decoder, the printer's tables and the prototypes of the
 * functions below (isa_gen.h). A row NAME needs a function EXEC(NAME); a row
 * with an `sf` field is split into NAME_w and NAME_x.
 *
 * An executor gets the CPU and its record and returns the record to go on with:
 *   return NEXT;            the following instruction
 *   return cpu_jump(...);   NULL, after cpu->pc was set: the block ends
 *   return exc_...(...);    NULL, after the exception was taken
 * Memory functions that return false have already done the latter.
 */

#include <stdint.h>

struct cpu;
struct insn;

typedef const struct insn *exec_fn(struct cpu *cpu, const struct insn *i);

/* The register numbers are ready for cpu->x[]: where the encoding's 31 means
   the zero register, a source says REG_ZERO and a destination REG_SINK; where
   it means SP it says REG_SP. For V registers they are 0 to 31. */
struct insn {
    exec_fn *fn;
    uint64_t imm;  /* what the row's imm= made of the word; else 0 */
    uint32_t word; /* the instruction itself */
    uint8_t rd, rn, rm, ra;
    uint16_t op; /* enum a64_op; NUM_A64_OPS for what is not in the list */
    uint16_t pad;
    int32_t off; /* in records of translated code: from cpu->page_base */
};

enum { REG_SP = 31, REG_ZERO = 32, REG_SINK = 33 };

#define EXEC(name) \
    const struct insn *op_##name(struct cpu *cpu, const struct insn *i)
#define NEXT (i + 1)

/* A field of the instruction word, for what the record does not hold. */
#define FIELD(i, hi, lo) ((uint32_t)BITS((i)->word, hi, lo))
