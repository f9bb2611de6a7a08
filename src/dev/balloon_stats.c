// SPDX-License-Identifier: Apache-2.0
/* Reads the guest's memory statistics. */

#include "dev/balloon_stats.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "base/macros.h"

/* virtio 1.2, 5.5.6.3: the tags, in their order. */
const char *const balloon_stat_names[BALLOON_NUM_STATS] = {
    "swap_in",          "swap_out",    "major_faults",
    "minor_faults",     "free_memory", "total_memory",
    "available_memory", "disk_caches", "hugetlb_allocations",
    "hugetlb_failures", "oom_kill",    "alloc_stall",
    "async_scan",       "direct_scan", "async_reclaim",
    "direct_reclaim",
};

struct entry {
    uint16_t tag;
    uint64_t value;
} __attribute__((packed));
static_assert(sizeof(struct entry) == 10, "virtio 1.2, 5.5.6.3: 10 bytes");

/* A buffer has an entry for each tag. A longer one is read no further than
   this, for there is nothing to learn from it. */
enum { MAX_ENTRIES = 4 * BALLOON_NUM_STATS };

int balloon_stats_read(struct balloon_stats *stats,
                       const struct virtq_chain *chain)
{
    uint64_t bytes = MIN(chain->out_bytes, MAX_ENTRIES * sizeof(struct entry));
    int unknown = 0;

    for (uint64_t at = 0; at < bytes; at += sizeof(struct entry)) {
        struct entry got;

        if (virtq_read(chain, at, &got, sizeof(got)) < sizeof(got))
            return -EINVAL;
        if (got.tag < BALLOON_NUM_STATS) {
            stats->value[got.tag] = got.value;
            stats->given |= (uint16_t)(1u << got.tag);
        } else {
            unknown++;
        }
    }
    return unknown;
}
