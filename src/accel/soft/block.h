// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Decoded blocks of one CPU: straight runs of instructions within one 4 KiB
 * page, found by physical address and mode. A conditional branch does not end
 * a block (not taken, it falls through to the next record); what may change
 * the meaning of later instructions does.
 *
 * Code may be stale only until the next IC IVAU or IALLU of its page (Arm ARM
 * B2.4.4): a block remembers the page's generation and, when that has moved,
 * compares its words with memory again.
 */

#include <stdint.h>

#include "accel/soft/cpu.h"

enum { BLOCK_MAX_INSNS = 64 };
enum { BLOCK_ARENA_BYTES = 16 << 20, BLOCK_ARENA_SMALL = 2 << 20 };

struct block {
    struct block *next; /* in its hash chain */
    gpa_t pa;
    uint32_t mode;
    uint32_t gen;
    uint16_t heat;  /* what other tiers make of it: 0 when decoded */
    uint16_t times; /* likewise */
    uint32_t count; /* instructions; insn[count] leads to what follows */
    struct insn insn[];
};

struct block_cache; /* owned by its CPU's interpreter */

/* NULL: out of memory. */
struct block_cache *block_cache_new(void);
void block_cache_free(struct block_cache *cache);

/* Uses no more than BLOCK_ARENA_SMALL of its arena, again and again: for blocks
   that are run once or twice. */
void block_cache_stay_small(struct block_cache *cache);

/* The block at `pa` (host: where its bytes are; *gen: the page's generation)
   for `mode`, decoded if need be, valid until the next call. */
struct block *block_get(struct block_cache *cache, gpa_t pa,
                        const uint8_t *host, uint32_t gen, uint32_t mode);

/* A counter that changes whenever blocks handed out earlier were dropped. */
uint32_t block_epoch(const struct block_cache *cache);

/* Decodes up to `max` instructions into blk, which has room for max + 1. */
void block_decode(struct block *blk, gpa_t pa, const uint8_t *host,
                  uint32_t mode, unsigned max);
