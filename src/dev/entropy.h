// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The virtio entropy device (virtio 1.2, 5.4): the host's random bytes. It
   counts in metrics.entropy. */

#include "base/err.h"
#include "dev/rate_limiter.h"
#include "dev/virtio.h"

/* A request gets no more than this at a time. */
enum { ENTROPY_MAX_BYTES = 64 * 1024 };

/* worker and ram are borrowed. NULL: why in *e. */
struct virtio_dev *entropy_new(const struct limiter_config *limiter,
                               struct worker *worker, struct gmem *ram,
                               struct err *e);
