// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The virtio entropy device (virtio 1.2, 5.4): the host's random bytes. */

#include "base/err.h"
#include "dev/rate_limiter.h"
#include "dev/virtio.h"

/* A request gets no more than this at a time. */
enum { ENTROPY_MAX_BYTES = 64 * 1024 };

/* worker and ram are borrowed. NULL: why in *e. */
struct virtio_dev *entropy_new(const struct limiter_config *limiter,
                               struct worker *worker, struct gmem *ram,
                               struct err *e);

/* rate_limiter_update. Any thread. */
void entropy_set_limiter(struct virtio_dev *dev,
                         const struct bucket_config *bytes,
                         const struct bucket_config *ops);

#define ENTROPY_STATS(S)                                                 \
    S(activate_fails)                                                    \
    S(entropy_event_fails)                                               \
    S(entropy_event_count)                                               \
    S(entropy_bytes) S(host_rng_fails) S(entropy_rate_limiter_throttled) \
        S(rate_limiter_event_count)
#define ENTROPY_STAT_MEMBER(name) uint64_t name;
struct entropy_stats {
    ENTROPY_STATS(ENTROPY_STAT_MEMBER)
};

/* Since the beginning. Any thread. */
struct entropy_stats entropy_stats(struct virtio_dev *dev);
