// SPDX-License-Identifier: Apache-2.0
/* virtio entropy: fills what the guest offers, up to a limit. */

#include "dev/entropy.h"

#include <errno.h>

#include "base/heap.h"
#include "base/macros.h"
#include "base/metrics.h"
#include "host/host.h"

struct entropy {
    struct virtio_dev base;
    struct rate_limiter limiter;
    struct worker_timer timer;
    struct virtq_chain chain;
};

static struct entropy *to_entropy(struct virtio_dev *dev)
{
    return container_of(dev, struct entropy, base);
}

/* How many bytes were filled in. */
static uint32_t fill(struct entropy *rng)
{
    const struct virtq_chain *c = &rng->chain;
    uint32_t filled = 0;

    for (unsigned n = 0; n < c->num_in; n++) {
        const struct iovec *iov = &c->iov[c->num_out + n];
        uint64_t room = ENTROPY_MAX_BYTES - filled;
        uint32_t part = (uint32_t)MIN(iov->iov_len, room);

        host_random(iov->iov_base, part);
        filled += part;
    }
    return filled;
}

static bool serve_one(struct entropy *rng)
{
    struct virtq *q = &rng->base.queues[0];
    const struct virtq_chain *c = &rng->chain;
    uint32_t filled;

    if (!virtio_dev_pop(&rng->base, 0, &rng->chain))
        return false;
    metric_inc(&metrics.entropy.entropy_event_count);
    if (!c->in_bytes) {
        metric_inc(&metrics.entropy.entropy_event_fails);
        virtq_push(q, c->head, 0);
        return true;
    }
    if (!rate_limiter_take(&rng->limiter,
                           MIN(c->in_bytes, (uint64_t)ENTROPY_MAX_BYTES),
                           host_mono_ns())) {
        metric_inc(&metrics.entropy.entropy_rate_limiter_throttled);
        virtq_unpop(q);
        worker_timer_set(rng->base.worker, &rng->timer,
                         rng->limiter.blocked_until);
        return false;
    }
    filled = fill(rng);
    metric_add(&metrics.entropy.entropy_bytes, filled);
    virtq_done(q, c, filled);
    return true;
}

/* At most a queue full, then others have their turn. */
static void entropy_notify(struct virtio_dev *dev, unsigned n)
{
    unsigned served = 0;

    (void)n;
    while (served < VIRTQ_MAX_SIZE && serve_one(to_entropy(dev)))
        served++;
    virtio_dev_flush(dev, 0);
    if (served == VIRTQ_MAX_SIZE)
        virtio_dev_again(dev, 0);
}

static void on_tokens(void *ctx)
{
    struct entropy *rng = ctx;

    metric_inc(&metrics.entropy.rate_limiter_event_count);
    if (rng->base.active)
        entropy_notify(&rng->base, 0);
}

static void stop_timer(void *ctx)
{
    struct entropy *rng = ctx;

    worker_timer_stop(rng->base.worker, &rng->timer);
}

static void entropy_reset(struct virtio_dev *dev)
{
    stop_timer(to_entropy(dev));
}

static void entropy_free(struct virtio_dev *dev)
{
    if (!dev)
        return;
    worker_call(dev->worker, stop_timer, to_entropy(dev));
    virtio_dev_release(dev);
    heap_free(to_entropy(dev));
}

static const struct virtio_ops entropy_ops = {
    .name = "entropy",
    .id = VIRTIO_ID_ENTROPY,
    .num_queues = 1,
    .notify = entropy_notify,
    .reset = entropy_reset,
    .free = entropy_free,
};

struct virtio_dev *entropy_new(const struct limiter_config *limiter,
                               struct worker *worker, struct gmem *ram,
                               struct err *e)
{
    struct entropy *rng = heap_zalloc(sizeof(*rng));

    if (!rng) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    virtio_dev_init(&rng->base, &entropy_ops, worker, ram, 0);
    rng->base.activate_fails = &metrics.entropy.activate_fails;
    rng->base.event_fails = &metrics.entropy.entropy_event_fails;
    rate_limiter_init(&rng->limiter, limiter, host_mono_ns());
    rng->timer = (struct worker_timer){.fn = on_tokens, .ctx = rng};
    return &rng->base;
}
