// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The virtio block device (virtio 1.2, 5.2) over a file or a host's block
 * device. It offers what Firecracker's does, and DISCARD when asked for.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/metrics.h"
#include "dev/rate_limiter.h"
#include "dev/virtio.h"

struct block_config {
    const char *id;   /* in metrics; NULL: not there. Borrowed for the call */
    const char *path; /* likewise */
    bool read_only;
    bool writeback; /* offer FLUSH; else the host's cache is all there is */
    bool async;     /* several requests at a time (dev/aio.h) */
    bool segments;  /* offer SEG_MAX: requests of many buffers */
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

/* Borrowed; any thread may read them (metric_get). */
struct block_metrics *block_metrics_of(struct virtio_dev *dev);
