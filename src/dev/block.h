// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The virtio block device (virtio 1.2, 5.2) over a file or a host's block
 * device. It offers what Firecracker's does, and DISCARD when asked for.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "dev/rate_limiter.h"
#include "dev/virtio.h"

struct block_config {
    const char *path; /* borrowed for the call */
    bool read_only;
    bool writeback; /* offer FLUSH; else the host's cache is all there is */
    bool async;     /* several requests at a time (dev/aio.h) */
    bool discard;   /* offer DISCARD: the guest may punch holes */
    struct limiter_config limiter;
};

/* worker and ram are borrowed. NULL: why in *e. */
struct virtio_dev *block_new(const struct block_config *cfg,
                             struct worker *worker, struct gmem *ram,
                             struct err *e);

/* Whether block_new would find its file: what can be said before there is a
   VM. The sentence begins as Firecracker's, "Virtio backend error: ". */
int block_check(const struct block_config *cfg, struct err *e);

/* Another file in place of the old one, or the same one again: the guest is
   told the new size. On failure the old one stays. Any thread. */
int block_set_path(struct virtio_dev *dev, const char *path, struct err *e);

/* rate_limiter_update. Any thread. */
void block_set_limiter(struct virtio_dev *dev,
                       const struct bucket_config *bytes,
                       const struct bucket_config *ops);

/* What was written is on the disk when this returns, also with Unsafe: for
   snapshots. Any thread. */
int block_sync(struct virtio_dev *dev, struct err *e);

/* One list of the counters, which metrics print under these names. */
#define BLOCK_STATS(S)                                                \
    S(activate_fails)                                                 \
    S(event_fails)                                                    \
    S(execute_fails)                                                  \
    S(invalid_reqs_count) S(flush_count) S(queue_event_count)         \
        S(rate_limiter_event_count) S(update_count) S(update_fails)   \
            S(read_bytes) S(write_bytes) S(read_count) S(write_count) \
                S(rate_limiter_throttled_events) S(io_engine_throttled_events)
#define BLOCK_STAT_MEMBER(name) uint64_t name;
struct block_stats {
    BLOCK_STATS(BLOCK_STAT_MEMBER)
};

/* Since the beginning. Any thread. */
struct block_stats block_stats(struct virtio_dev *dev);
