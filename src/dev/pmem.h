// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The virtio pmem device (virtio 1.2, 5.19): a file as persistent memory. The
 * guest reads and writes it with loads and stores; the device itself only
 * flushes, on a thread of its own.
 */

#include <stdbool.h>

#include "base/err.h"
#include "base/metrics.h"
#include "dev/rate_limiter.h"
#include "dev/virtio.h"

struct pmem_setup {
    const char *id;   /* in metrics and the log; borrowed for the call */
    const char *path; /* likewise */
    bool read_only;   /* what the guest writes goes nowhere */
    gpa_t from, to;   /* somewhere in here, 2 MiB aligned, the memory lies */
    struct limiter_config limiter; /* bytes of a flush: the file's length */
};

/* Maps the file and adds it to `ram`, which keeps it when the device is gone.
   NULL: why in *e, in Firecracker's words. */
struct virtio_dev *pmem_new(const struct pmem_setup *cfg, struct worker *worker,
                            struct gmem *ram, struct err *e);

/* As rate_limiter_update: NULL stays. Any thread. */
void pmem_set_limiter(struct virtio_dev *dev, const struct bucket_config *bytes,
                      const struct bucket_config *ops);

/* Writes everything to the file and waits for it. Any thread. */
int pmem_sync(struct virtio_dev *dev, struct err *e);

struct pmem_metrics *pmem_metrics_of(struct virtio_dev *dev);
