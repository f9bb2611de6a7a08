// SPDX-License-Identifier: Apache-2.0
#pragma once

/* Sequence numbers of connections, by inet_flow_hash(): so many that the latest
   are there. In rows, of which the oldest goes. */

#include <stdbool.h>
#include <stdint.h>

enum { FLOW_NOTES = 1024, FLOW_NOTES_ROW = 8 };

struct flow_notes {
    struct {
        uint32_t tag, seq;
    } of[FLOW_NOTES];
    unsigned next;
};

static inline unsigned flow_notes_row(uint64_t hash)
{
    return hash % (FLOW_NOTES / FLOW_NOTES_ROW) * FLOW_NOTES_ROW;
}

static inline bool flow_notes_has(const struct flow_notes *notes, uint64_t hash,
                                  uint32_t seq)
{
    unsigned row = flow_notes_row(hash);

    for (unsigned n = row; n < row + FLOW_NOTES_ROW; n++)
        if (notes->of[n].tag == (uint32_t)(hash >> 32) &&
            notes->of[n].seq == seq)
            return true;
    return false;
}

static inline void flow_notes_add(struct flow_notes *notes, uint64_t hash,
                                  uint32_t seq)
{
    unsigned n = flow_notes_row(hash) + notes->next++ % FLOW_NOTES_ROW;

    notes->of[n].tag = (uint32_t)(hash >> 32);
    notes->of[n].seq = seq;
}
