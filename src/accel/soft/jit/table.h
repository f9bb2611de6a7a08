// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Blocks by what they are looked up by: a hash of that, and the number of the
 * block. Open addressing, so that a look touches one line of the host's cache
 * and, where the hash is the same, the block.
 */

#include <stdbool.h>
#include <stdint.h>

struct jtable_entry {
    uint32_t hash;
    uint32_t number; /* 0: empty */
};

struct jtable {
    struct jtable_entry *entry; /* owned: 1 << bits of them */
    unsigned bits;
    uint32_t used;
};

int jtable_init(struct jtable *t); /* -ENOMEM */
void jtable_release(struct jtable *t);
void jtable_empty(struct jtable *t);

/* Makes room for one more. False: no memory, and what is there is full. */
bool jtable_make_room(struct jtable *t);

/* There is room; several may have one hash. */
void jtable_add(struct jtable *t, uint32_t hash, uint32_t number);
void jtable_drop(struct jtable *t, uint32_t hash, uint32_t number);

/* Where a look for the hash begins, and where it goes on behind a place. It
   ends at a place whose number is 0. */
static inline uint32_t jtable_first(const struct jtable *t, uint32_t hash)
{
    return hash >> (32 - t->bits);
}

static inline uint32_t jtable_next(const struct jtable *t, uint32_t at)
{
    return (at + 1) & ((1u << t->bits) - 1);
}
