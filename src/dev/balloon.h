// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The virtio balloon (virtio 1.2, 5.5): memory that the guest lends to the
 * host. What it hands over is given back to the host's kernel. With statistics,
 * free page hinting and free page reporting if they were asked for.
 *
 * It counts in metrics.balloon. The functions below may be called on any
 * thread; those that only look never wait for the worker.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "dev/balloon_stats.h"
#include "dev/virtio.h"

enum { BALLOON_PAGES_PER_MIB = 256 };

struct balloon_options {
    uint32_t amount_mib;       /* what the guest shall hand over */
    bool deflate_on_oom;       /* it may take it back rather than kill */
    uint16_t stats_interval_s; /* 0: no statistics */
    bool hinting, reporting;
};

/* worker and ram are borrowed. NULL: why in *e. */
struct virtio_dev *balloon_new(const struct balloon_options *opt,
                               struct worker *worker, struct gmem *ram,
                               struct err *e);

/* -EAGAIN: the guest's driver does not run; -ERANGE: too much. */
int balloon_set_size(struct virtio_dev *dev, uint32_t mib, struct err *e);

/* Statistics are there or not from the beginning: -EINVAL for a change of
   that. They are asked for at once, then at the new interval. */
int balloon_set_interval(struct virtio_dev *dev, uint16_t seconds,
                         struct err *e);

struct balloon_status {
    uint32_t target_pages, actual_pages; /* of 4 KiB */
    struct balloon_stats stats;
};

/* -EINVAL: there are no statistics. */
int balloon_status(struct virtio_dev *dev, struct balloon_status *out,
                   struct err *e);

/* What the device has asked for last, and what the guest has last said that it
   works on. The numbers of runs begin at 2. */
enum { BALLOON_HINT_STOP = 0, BALLOON_HINT_DONE = 1, BALLOON_HINT_FIRST = 2 };

struct balloon_hinting {
    uint32_t host_cmd;
    uint32_t guest_cmd;
    bool has_guest_cmd;
};

/* All three: -EINVAL if there is no hinting. The first two: -EAGAIN if the
   guest's driver does not run. `acknowledge`: a guest that has hinted at all it
   has is told that it may use it again; else it waits for the stop. */
int balloon_hint_start(struct virtio_dev *dev, bool acknowledge, struct err *e);
int balloon_hint_stop(struct virtio_dev *dev, struct err *e);
int balloon_hint_status(struct virtio_dev *dev, struct balloon_hinting *out,
                        struct err *e);
