// SPDX-License-Identifier: Apache-2.0
#pragma once

/* What a guest says of its memory (virtio 1.2, 5.5.6.3): numbers with tags. */

#include <stdint.h>

#include "dev/virtq.h"

enum { BALLOON_NUM_STATS = 16 };

struct balloon_stats {
    uint64_t value[BALLOON_NUM_STATS]; /* by tag */
    uint16_t given;                    /* bit n: value[n] is known */
};

/* The name of a tag, as Firecracker shows it. */
extern const char *const balloon_stat_names[BALLOON_NUM_STATS];

/* Takes in what is in the readable part of a chain; what is known already and
   does not come again stays. How many entries had a tag that does not exist;
   -EINVAL if there is half an entry at the end. */
int balloon_stats_read(struct balloon_stats *stats,
                       const struct virtq_chain *chain);
