// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Accesses near each other share one test of the TLB, if it is known how far
 * their base registers are apart: the first tests the range of all, the others
 * go by the addend it found. The addend stays in rdx, or in cpu->addend where
 * something else uses rdx.
 *
 * A run is the instructions from the first of the first group to the last of
 * the last, groups overlapping as they like. It goes on with its trace, but not
 * over what may call C, because an addend holds until then. Where a test in it
 * fails, because the range crosses a page or what is there is no RAM, control
 * goes to the same instruction in a copy out of line, in which each access has
 * a test of its own, and comes back behind the run. All bails of a run are such
 * tests, and an emitter makes them before it touches V registers.
 *
 * With jit_cache_allow_splits a block has no copies at first: where such a test
 * fails for good the run is split, that is, the block is left for tier 0, which
 * goes on at this instruction. If that happens to a block again and again, it
 * is translated with copies.
 */

#include "accel/soft/jit/tr.h"

/* How a load or store of one base register goes; `bytes` 0: it is none. */
enum t_index { T_OFF, T_POST, T_PRE };
struct t_access {
    uint16_t op;
    uint8_t bytes; /* of all it accesses */
    uint8_t index; /* enum t_index */
    bool write, pair;
    bool is_v;   /* of V registers: it does not load its base */
    bool unpriv; /* LDTR and STTR: by cpu->tlb_unpriv */
};

/* The tables of the emitter files, ended by bytes == 0. */
extern const struct t_access jit_mem_accesses[];
extern const struct t_access jit_vmem_accesses[];
extern const struct t_access jit_unpriv_accesses[];
extern const uint16_t jit_mem_indexed[]; /* t_is_indexed, ended by 0 */
extern const uint16_t jit_vmem_indexed[];
const struct t_access *t_access(unsigned op);

/* Where an access is: host address va + rdx + disp. va + base is the base
   register's value. */
struct t_place {
    unsigned va;
    int32_t disp, base;
};

/* The place at rn's value + off, tested or known; SP's alignment as well. va
   may be rax; clobbers rcx, rdx, flags. */
struct t_place t_place(struct tr *t, const struct insn *i, int32_t off,
                       unsigned bytes, bool write);

/* The test of those with `unpriv`: rdx = what to add to va. */
void t_unpriv_add(struct tr *t, unsigned va, unsigned bytes, bool write);

/* rn = its value + imm, after the access. */
void t_write_back(struct tr *t, const struct insn *i, const struct t_place *p,
                  int32_t imm);

/* Before and behind each instruction; the end of a run that cannot go on. */
void t_run_begin(struct tr *t);
void t_run_end(struct tr *t);
void t_run_cut(struct tr *t);

/* A bail within a run; one of a test of the TLB, whose place may be NULL, to be
   written where it returns. */
void t_run_bail(struct tr *t, uint8_t *place);
uint8_t **t_run_test(struct tr *t, uint8_t *place, bool write);

/* In the cold part, without copies: the tests of one instruction, from place k
   of the run on, lead here or to where they are made again. Returns the place
   of the next one; the present instruction is that one, and the last exit is
   for leaving. */
unsigned t_split(struct tr *t, const struct tr_run *run, unsigned k);

/* With copies: before the present instruction of a copy, and behind it. */
void t_copy_begin(struct tr *t, const struct tr_run *run);
void t_copy_insn(struct tr *t, const struct tr_run *run);
