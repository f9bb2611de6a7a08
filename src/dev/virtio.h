// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * A virtio device: one const struct of functions, and what it shares with the
 * transport that shows it to the guest (virtio_mmio.h).
 *
 * A device embeds struct virtio_dev as its first member `base`. All its
 * functions run on the VM's worker (worker.h), one at a time, so a device needs
 * no lock; only the constructor and `free` run elsewhere, while there is no
 * transport yet or any more. Others who want something of a device (the API)
 * go there by worker_call.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"
#include "dev/virtq.h"
#include "dev/worker.h"

enum { VIRTIO_MAX_QUEUES = 8 };

enum virtio_id {
    VIRTIO_ID_NET = 1,
    VIRTIO_ID_BLOCK = 2,
    VIRTIO_ID_ENTROPY = 4,
    VIRTIO_ID_BALLOON = 5,
    VIRTIO_ID_VSOCK = 19,
    VIRTIO_ID_MEM = 24,
    VIRTIO_ID_PMEM = 27
};

/* Feature bits of every device (virtio 1.2, 6). */
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX     (1ull << 29)
#define VIRTIO_F_VERSION_1     (1ull << 32)

/* Bits of the interrupt status. */
enum { VIRTIO_INT_USED = 1, VIRTIO_INT_CONFIG = 2 };

struct virtio_dev;

struct virtio_ops {
    const char *name; /* "block" */
    enum virtio_id id;
    unsigned num_queues; /* of VIRTQ_MAX_SIZE each; at most, see virtio_dev */

    /* The driver has set up everything: dev->acked and the queues that are
       ready hold (virtq_start was done). An error asks for a reset. Then the
       queues are notified once, in case something is in them already. */
    int (*activate)(struct virtio_dev *dev); /* may be NULL */

    /* There is something in queue n. Only while active. */
    void (*notify)(struct virtio_dev *dev, unsigned n);

    /* Back to the start: when it returns nothing of the device touches guest
       memory or queues any more. Only after an activate that succeeded. May be
       NULL. */
    void (*reset)(struct virtio_dev *dev);

    /* The VM goes on after a pause; then all queues are notified. Only while
       active. May be NULL. */
    void (*resumed)(struct virtio_dev *dev);

    /* Config space; the transport has zeroed buf, and the device leaves alone
       what it has not got. Both may be NULL. Any offset, any length. */
    void (*config_read)(struct virtio_dev *dev, uint64_t offset, void *buf,
                        unsigned len);
    void (*config_write)(struct virtio_dev *dev, uint64_t offset,
                         const void *buf, unsigned len);

    void (*free)(struct virtio_dev *dev); /* takes half-built devices */
};

struct virtio_dev {
    const struct virtio_ops *ops;
    struct worker *worker; /* borrowed; NULL: all on the caller's thread */
    struct gmem *ram;      /* borrowed */
    uint64_t offered;      /* by the constructor; VERSION_1 comes by itself */
    uint64_t acked;        /* features the driver took; a subset of offered */
    unsigned num_queues;   /* the ops' number; a constructor may lower it */
    bool active;           /* between activate and reset, and not broken */
    struct virtq queues[VIRTIO_MAX_QUEUES];
    struct log_limit guest_log;

    /* Where it counts what goes wrong in any device: a driver that cannot be
       served, a config space that is not there or not the driver's to write, a
       ring that is broken. The constructor's; NULL: it does not. */
    struct metric *activate_fails, *cfg_fails, *event_fails;

    /* The transport's; NULL without one. Any thread. */
    void (*raise)(void *ctx, unsigned bits);
    void (*needs_reset)(void *ctx);
    void (*again)(void *ctx, unsigned n);
    void *transport; /* borrowed */
};

/* For constructors and destructors. worker and ram are borrowed. */
void virtio_dev_init(struct virtio_dev *dev, const struct virtio_ops *ops,
                     struct worker *worker, struct gmem *ram, uint64_t offered);
void virtio_dev_release(struct virtio_dev *dev);

static inline void virtio_dev_count(struct metric *m)
{
    if (m)
        metric_inc(m);
}

/* True if the driver took this feature (a mask). */
static inline bool virtio_dev_has(const struct virtio_dev *dev, uint64_t mask)
{
    return (dev->acked & mask) == mask;
}

/* Shows the driver what was pushed to queue n, with one interrupt if it wants
   one. Once per batch, not per chain. */
void virtio_dev_flush(struct virtio_dev *dev, unsigned n);

/* The next chain of queue n; a broken ring stops the device (virtio_dev_broken)
   and reads as empty. */
bool virtio_dev_pop(struct virtio_dev *dev, unsigned n,
                    struct virtq_chain *chain);

/* notify will be called again for queue n, after what else the worker has to
   do. For devices that stop in the middle so as not to starve others. */
void virtio_dev_again(struct virtio_dev *dev, unsigned n);

/* The VM goes on after a pause: the device does what that means to it, and then
   looks at all its queues. On the worker. */
void virtio_dev_resumed(struct virtio_dev *dev);

/* The config space has changed: new generation, config interrupt. */
void virtio_dev_config_changed(struct virtio_dev *dev);

/* The guest broke the rules: logged, the device stops until it is reset, and
   the driver is told (DEVICE_NEEDS_RESET). */
void virtio_dev_broken(struct virtio_dev *dev, const char *why);
