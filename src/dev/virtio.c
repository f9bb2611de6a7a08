// SPDX-License-Identifier: Apache-2.0
/* What all virtio devices do alike. */

#include "dev/virtio.h"

#include "base/macros.h"

void virtio_dev_init(struct virtio_dev *dev, const struct virtio_ops *ops,
                     struct worker *worker, struct gmem *ram, uint64_t offered)
{
    *dev = (struct virtio_dev){.ops = ops,
                               .worker = worker,
                               .ram = ram,
                               .num_queues = ops->num_queues,
                               .offered = offered | VIRTIO_F_VERSION_1};
    check(ops->num_queues <= VIRTIO_MAX_QUEUES);
    for (unsigned n = 0; n < ops->num_queues; n++)
        dev->queues[n].max_size = VIRTQ_MAX_SIZE;
}

void virtio_dev_release(struct virtio_dev *dev)
{
    dev->active = false;
}

void virtio_dev_flush(struct virtio_dev *dev, unsigned n)
{
    if (virtq_flush(&dev->queues[n]) && dev->raise)
        dev->raise(dev->transport, VIRTIO_INT_USED);
}

bool virtio_dev_pop(struct virtio_dev *dev, unsigned n,
                    struct virtq_chain *chain)
{
    enum virtq_got got;

    if (!dev->active)
        return false;
    got = virtq_pop(&dev->queues[n], chain);
    if (got == VIRTQ_BROKEN)
        virtio_dev_broken(dev, dev->queues[n].broken);
    return got == VIRTQ_CHAIN;
}

void virtio_dev_again(struct virtio_dev *dev, unsigned n)
{
    if (dev->again)
        dev->again(dev->transport, n);
}

void virtio_dev_resumed(struct virtio_dev *dev)
{
    if (!dev->active)
        return;
    if (dev->ops->resumed)
        dev->ops->resumed(dev);
    for (unsigned n = 0; n < dev->num_queues; n++)
        virtio_dev_again(dev, n);
}

void virtio_dev_config_changed(struct virtio_dev *dev)
{
    if (dev->raise)
        dev->raise(dev->transport, VIRTIO_INT_CONFIG);
}

void virtio_dev_broken(struct virtio_dev *dev, const char *why)
{
    log_guest(&dev->guest_log, "%s: the guest's driver offers %s",
              dev->ops->name, why);
    virtio_dev_count(dev->event_fails);
    dev->active = false;
    if (dev->needs_reset)
        dev->needs_reset(dev->transport);
}
