// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The virtio memory device (virtio 1.2, 5.15): memory that the guest takes and
 * gives back block by block, as much as it is asked to have. What is not
 * plugged is not there: nobody can reach it, and the host has its pages.
 */

#include <stdint.h>

#include "base/err.h"
#include "dev/virtio.h"

struct mem_setup {
    uint64_t total; /* bytes; a multiple of slot */
    uint64_t slot;  /* in these the part grows that may be plugged; of block */
    uint64_t block; /* what comes and goes; a power of two */
    uint64_t requested; /* at the beginning; a multiple of block */
    gpa_t from, to;     /* somewhere in here, the memory lies */
};

struct mem_status {
    uint64_t total, slot, block;
    uint64_t plugged, requested;
};

/* Adds its region to `ram`, which keeps it when the device is gone. */
struct virtio_dev *mem_new(const struct mem_setup *cfg, struct worker *worker,
                           struct gmem *ram, struct err *e);

/* How much the guest shall have; it will see to it in its own time. -EINVAL: a
   size that cannot be. Any thread. */
int mem_request(struct virtio_dev *dev, uint64_t bytes, struct err *e);

struct mem_status mem_status(struct virtio_dev *dev); /* any thread */
