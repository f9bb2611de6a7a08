// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * From an instruction word to a record, and to text. Pure functions; the
 * tables are generated from isa/ (tools/gen-a64.py).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel/soft/insn.h"
#include "isa_gen.h"

struct a64_field {
    const char *name; /* NULL: the end */
    uint8_t shift, width;
};

/* How a register slot of the record is filled: 0 is no such field. */
enum a64_slot_kind { SLOT_NONE, SLOT_RAW, SLOT_ZERO, SLOT_SINK, SLOT_SP };
enum a64_flags { A64_END = 1, A64_FP = 2 };

struct a64_row {
    const char *name;
    const char *feat; /* "" or as in FEAT_xxx */
    uint32_t mask, value;
    unsigned flags;
    struct {
        uint8_t shift, kind;
    } slot[4]; /* rd rn rm ra */
    exec_fn *fn;
    uint64_t (*imm)(uint32_t word, uint32_t offset);
    bool (*where)(uint32_t word);
    const struct a64_field *fields;
};

extern const struct a64_row a64_rows[];
extern const uint16_t a64_candidates[];
extern const uint32_t a64_bucket[2048];

/* What stands in insn.op, and is executed, for words that are no instruction
   and for FP instructions while they trap. */
enum { A64_OP_UNDEFINED = NUM_A64_OPS, A64_OP_FP_TRAP };
exec_fn a64_undefined, a64_fp_trap;

/* The row of an instruction, or NULL: UNDEFINED. */
const struct a64_row *a64_find(uint32_t word);

/* Fills the record for `word`, `offset` bytes into its block; fp_on: CPACR_EL1
   allows FP at the present EL. True if the block ends after it. */
bool a64_decode(uint32_t word, uint32_t offset, bool fp_on, struct insn *out);

/* B.cond, CBZ, CBNZ, TBZ or TBNZ: it writes nothing but the PC. */
bool a64_is_cond_branch(const struct insn *i);

/* "ADD_imm_x x0, sp, sh=0, imm12=0x10": the row's name and every field. */
void a64_print(uint32_t word, char *buf, size_t size);

/* DecodeBitMasks (Arm ARM, shared pseudocode): false if reserved. */
bool a64_bit_masks(unsigned immn, unsigned imms, unsigned immr, bool is_imm,
                   unsigned width, uint64_t *wmask, uint64_t *tmask);
