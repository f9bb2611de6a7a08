// SPDX-License-Identifier: Apache-2.0
/* What the translator leaves to tier 0, asked of the emitters themselves. */

#include <errno.h>

#include "accel/soft/decode.h"
#include "accel/soft/jit/translate.h"
#include "base/heap.h"

enum { PROBE_BYTES = 16 * TR_INSN_BYTES };

struct probe {
    struct tr t;
    uint64_t number; /* of a generator that repeats itself */
    struct block *block;
    uint8_t *code;
};

static uint32_t random_word(struct probe *p)
{
    p->number = p->number * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(p->number >> 32);
}

static void probe_free(struct probe *p)
{
    if (!p)
        return;
    heap_free(p->block);
    heap_free(p->code);
    heap_free(p);
}

static struct probe *probe_new(unsigned features)
{
    struct probe *p = heap_zalloc(sizeof(*p));

    if (!p)
        return NULL;
    p->number = 1;
    p->block = heap_zalloc(sizeof(*p->block) + 2 * sizeof(struct insn));
    p->code = heap_zalloc(PROBE_BYTES);
    if (!p->block || !p->code) {
        probe_free(p);
        return NULL;
    }
    p->t.features = features;
    return p;
}

/* Is tier 0 called for this word? Nothing of the code is ever run. */
static bool is_refused(struct probe *p, uint32_t word, uint32_t mode)
{
    const uint8_t *at = p->code; /* of nothing */
    struct glue glue = {at, at, at,       at,       at, at,
                        at, at, {at, at}, {at, at}, at, at};
    unsigned features = p->t.features;
    struct trace_part part;
    uint8_t bytes[4] = {(uint8_t)word, (uint8_t)(word >> 8),
                        (uint8_t)(word >> 16), (uint8_t)(word >> 24)};

    translate_fn_table();
    block_decode(p->block, 0, bytes, mode, 1);
    part = trace_start(p->block);
    p->t = (struct tr){
        .c = {.p = p->code, .base = p->code, .limit = p->code + PROBE_BYTES},
        .glue = &glue,
        .regs = &tr_regs_usual,
        .features = features,
        .mode = mode,
        .src = p->block,
        .parts = &part,
        .num_parts = 1};
    translate_block(&p->t);
    return p->t.num_fallbacks > 0;
}

enum { TRIES = 400 };

static enum jit_coverage of_row(struct probe *p, const struct a64_row *row,
                                uint32_t mode)
{
    unsigned seen = 0, refused = 0;

    for (unsigned n = 0; n < TRIES; n++) {
        uint32_t word = (random_word(p) & ~row->mask) | row->value;

        if (a64_find(word) != row)
            continue;
        seen++;
        refused += is_refused(p, word, mode);
    }
    return !refused          ? JIT_COVERS_ALL
           : refused == seen ? JIT_COVERS_NONE
                             : JIT_COVERS_SOME;
}

int jit_coverage(unsigned features, enum jit_coverage *of_op)
{
    struct probe *p = probe_new(features);

    if (!p)
        return -ENOMEM;
    for (unsigned op = 0; op < NUM_A64_OPS; op++)
        of_op[op] =
            of_row(p, &a64_rows[op], MODE_EL1 | MODE_FP | MODE_FP_PLAIN);
    probe_free(p);
    return 0;
}
