// SPDX-License-Identifier: Apache-2.0
/*
 * virtio net (virtio 1.2, 5.1). Frames are not copied here: the back end reads
 * and writes the guest's buffers.
 *
 * Towards the guest: how long a frame is shows only when it has been received,
 * so as many buffers are taken from the queue as the longest could need
 * (5.1.6.3.1), and those that it did not need stay for the next one. A frame
 * that the rate limiter holds back lies in its buffers meanwhile.
 */

#include "dev/net.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/macros.h"
#include "dev/net_buffers.h"
#include "host/host.h"

enum { RX = 0, TX = 1 };

enum {
    /* Then others have their turn. */
    BATCH_FRAMES = 64,
    BATCH_BYTES = 1 << 20,

    /* Without MRG_RXBUF and without segments to be put together. */
    SMALL_BUFFER = 1526,

    NUM_BUFFERS_AT = 10 /* in the header: 5.1.6 */
};

#define RX_OFFLOADS                                                \
    ((uint64_t)VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | \
     VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_UFO)
#define BIG_FRAMES                                                 \
    ((uint64_t)VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 | \
     VIRTIO_NET_F_GUEST_UFO)
#define TX_OFFLOADS                                         \
    ((uint64_t)VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | \
     VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_UFO)

/* 5.1.4. Of it, what MAC and MTU say is there. */
struct config {
    uint8_t mac[NET_MAC_BYTES];
    uint16_t status;
    uint16_t max_pairs;
    uint16_t mtu;
};
static_assert(sizeof(struct config) == 12, "virtio 1.2, 5.1.4");

/* One direction's limiter. */
struct gate {
    struct rate_limiter limiter;
    struct worker_timer timer;
    struct metric *throttled; /* borrowed from stats */
};

struct nic {
    struct virtio_dev base;
    struct net_backend *backend; /* owned */
    const struct net_detour *detour;
    struct config config;
    struct gate rx_gate, tx_gate;
    struct net_buffers rx;
    uint32_t deferred; /* bytes of a received frame the limiter holds; or 0 */
    bool tx_waiting;   /* for the back end to have room */
    struct virtq_chain chain;
    uint8_t frame[NET_FRAME_MAX]; /* of a detour, or too much of one */
    char *id;                     /* owned; NULL: not in metrics */
    struct net_metrics stats;
    struct metric_device metric_device;
};

static struct nic *to_nic(struct virtio_dev *dev)
{
    return container_of(dev, struct nic, base);
}

static const char *label(const struct nic *n)
{
    return n->backend->label ? n->backend->label : n->backend->ops->name;
}

static bool is_blocked(const struct gate *g)
{
    return g->limiter.blocked_until > host_mono_ns();
}

/* The timer tells when to come again. */
static void wait_for_tokens(struct nic *n, struct gate *g)
{
    metric_inc(g->throttled);
    worker_timer_set(n->base.worker, &g->timer, g->limiter.blocked_until);
}

/* False: none left. */
static bool take_tokens(struct nic *n, struct gate *g, uint64_t bytes)
{
    if (!rate_limiter_limits(&g->limiter) ||
        rate_limiter_take(&g->limiter, bytes, host_mono_ns()))
        return true;
    wait_for_tokens(n, g);
    return false;
}

/* --- to the guest: buffers --- */

static bool is_merging(const struct nic *n)
{
    return virtio_dev_has(&n->base, VIRTIO_NET_F_MRG_RXBUF);
}

/* 5.1.6.3.1: a buffer must be able to take that. */
static uint64_t least_buffer(const struct nic *n)
{
    if (is_merging(n))
        return NET_HDR_BYTES;
    return n->base.acked & BIG_FRAMES ? NET_FRAME_MAX : SMALL_BUFFER;
}

/* One more chain, or one that cannot be used goes back. False: none left. */
static bool gather_one(struct nic *n)
{
    struct virtq_chain *c = &n->chain;

    if (!virtio_dev_pop(&n->base, RX, c))
        return false;
    if (c->num_out || c->in_bytes < least_buffer(n)) {
        metric_inc(&n->stats.rx_fails);
        virtq_push(&n->base.queues[RX], c->head, 0);
        return true;
    }
    if (net_buffers_keep(&n->rx, c))
        return true;
    virtio_dev_broken(&n->base, "the same buffer several times");
    return false;
}

/* True: there is room for a frame, however long it is. */
static bool gather(struct nic *n)
{
    const struct net_buffers *rx = &n->rx;
    bool merging = is_merging(n);

    for (unsigned tries = 0; tries <= VIRTQ_MAX_SIZE; tries++) {
        if (merging ? rx->bytes >= NET_FRAME_MAX : rx->first != rx->end)
            return true;
        if (!gather_one(n))
            return false;
    }
    return false;
}

/* --- to the guest: frames --- */

/* The frame that lies in the buffers becomes the guest's. */
static void deliver(struct nic *n, uint32_t len)
{
    struct net_buffers *rx = &n->rx;
    uint16_t count = net_buffers_count(rx, len);

    iov_write(rx->iov + rx->first_iov, rx->end_iov - rx->first_iov,
              NUM_BUFFERS_AT, &count, sizeof(count));
    net_buffers_return(rx, count, len, &n->base.queues[RX], n->base.ram);
    metric_inc(&n->stats.rx_packets_count);
    metric_add(&n->stats.rx_bytes_count, len);
}

/* False: it has to wait. */
static bool deliver_limited(struct nic *n, uint32_t len)
{
    n->deferred = len;
    if (!take_tokens(n, &n->rx_gate, len))
        return false;
    n->deferred = 0;
    deliver(n, len);
    return true;
}

/* The next frame of the back end, into the buffers. Where one chain has to do,
   what may be too small for any frame gets an end that is thrown away. */
static ssize_t receive_into(struct nic *n)
{
    struct net_buffers *rx = &n->rx;
    struct iovec *iov = rx->iov + rx->first_iov;
    unsigned count = rx->end_iov - rx->first_iov;

    if (!is_merging(n)) {
        count = rx->chains[rx->first].num_iov;
        iov[count++] = (struct iovec){n->frame, sizeof(n->frame)};
    }
    return n->backend->ops->receive(n->backend, iov, count);
}

/* How long the next frame may be. Without merging it lies in one chain. */
static uint64_t room_for_frame(const struct nic *n)
{
    return is_merging(n) ? n->rx.bytes : n->rx.chains[n->rx.first].bytes;
}

/* A frame of the detour's, if there is one. */
static uint32_t take_detour(struct nic *n)
{
    static const uint8_t header[NET_HDR_BYTES];
    struct net_buffers *rx = &n->rx;
    const struct iovec *iov = rx->iov + rx->first_iov;
    unsigned count = rx->end_iov - rx->first_iov;
    size_t len;

    if (!n->detour)
        return 0;
    len = n->detour->receive(n->detour->ctx, n->frame);
    if (!len)
        return 0;
    if (len + NET_HDR_BYTES > room_for_frame(n)) {
        metric_inc(&n->stats.rx_fails);
        return 0;
    }
    iov_write(iov, count, 0, header, sizeof(header));
    iov_write(iov, count, sizeof(header), n->frame, len);
    return (uint32_t)(len + NET_HDR_BYTES);
}

/* What comes of asking for a frame. */
enum rx_next { RX_MORE, RX_WAIT, RX_STOP };

static enum rx_next receive_one(struct nic *n, uint64_t *bytes)
{
    ssize_t len;

    len = take_detour(n);
    if (len) {
        metric_inc(&n->stats.rx_count);
        deliver(n, (uint32_t)len);
        return RX_MORE;
    }
    len = receive_into(n);
    if (len < 0) {
        if (len != -EAGAIN) {
            metric_inc(&n->stats.tap_read_fails);
            log_guest(&n->base.guest_log, "net: cannot read from %s: %s",
                      label(n), strerror((int)-len));
        }
        return RX_WAIT;
    }
    metric_inc(&n->stats.rx_count);
    *bytes += (uint64_t)len;
    if (len < NET_HDR_BYTES || (uint64_t)len > room_for_frame(n)) {
        metric_inc(&n->stats.rx_fails); /* the guest's buffers are too small */
        return RX_MORE;
    }
    return deliver_limited(n, (uint32_t)len) ? RX_MORE : RX_STOP;
}

static enum rx_next next_frame(struct nic *n, uint64_t *bytes)
{
    if (!gather(n)) {
        metric_inc(&n->stats.no_rx_avail_buffer);
        return RX_STOP; /* until the driver offers more */
    }
    return receive_one(n, bytes);
}

static void serve_rx(struct nic *n)
{
    enum rx_next next = RX_MORE;
    unsigned frames = 0;
    uint64_t bytes = 0;

    if (n->deferred && !deliver_limited(n, n->deferred))
        next = RX_STOP;
    while (next == RX_MORE && frames++ < BATCH_FRAMES && bytes < BATCH_BYTES)
        next = next_frame(n, &bytes);
    n->backend->ops->listen(n->backend, next == RX_WAIT);
    virtio_dev_flush(&n->base, RX);
    if (next == RX_MORE)
        virtio_dev_again(&n->base, RX);
}

/* Somebody says that there may be something to do. */
static void wake_rx(struct nic *n)
{
    if (is_blocked(&n->rx_gate)) {
        wait_for_tokens(n, &n->rx_gate);
        n->backend->ops->listen(n->backend, false);
    } else {
        serve_rx(n);
    }
}

/* --- from the guest --- */

/* True: taken. What decides is what is taken. */
static bool take_the_detour(struct nic *n, const uint8_t *head, size_t head_len)
{
    const struct net_detour *d = n->detour;
    uint64_t len;

    if (!d || !d->wants(d->ctx, head, head_len))
        return false;
    len = virtq_read(&n->chain, NET_HDR_BYTES, n->frame, sizeof(n->frame));
    memcpy(n->frame, head, head_len);
    d->send(d->ctx, n->frame, len);
    return true;
}

static bool is_spoofed(const struct nic *n, const uint8_t *head)
{
    return (n->base.offered & VIRTIO_NET_F_MAC) &&
           memcmp(head + NET_MAC_BYTES, n->config.mac, NET_MAC_BYTES) != 0;
}

/* -EAGAIN: not now. */
static int send_to_backend(struct nic *n)
{
    const struct virtq_chain *c = &n->chain;
    uint64_t start = host_mono_ns();
    int rc = n->backend->ops->send(n->backend, c->iov, c->num_out);

    if (rc == -EAGAIN)
        return rc;
    metric_agg_add(&n->stats.tap_write_agg, (host_mono_ns() - start) / 1000);
    if (rc < 0) {
        metric_inc(&n->stats.tap_write_fails);
        log_guest(&n->base.guest_log, "net: cannot write to %s: %s%s", label(n),
                  strerror(-rc), rc == -EIO ? ": is it up?" : "");
        return rc;
    }
    metric_inc(&n->stats.tx_count);
    metric_inc(&n->stats.tx_packets_count);
    metric_add(&n->stats.tx_bytes_count, c->out_bytes);
    return 0;
}

/* False: the chain stays in the queue. */
static bool send_one(struct nic *n, bool *detoured)
{
    const struct virtq_chain *c = &n->chain;
    uint8_t head[NET_HEAD_BYTES];
    size_t head_len;

    if (c->num_in || c->out_bytes < NET_HDR_BYTES + NET_ETH_BYTES ||
        c->out_bytes > NET_FRAME_MAX) {
        metric_inc(&n->stats.tx_malformed_frames);
        return true;
    }
    head_len = virtq_read(c, NET_HDR_BYTES, head, sizeof(head));
    if (take_the_detour(n, head, head_len)) {
        *detoured = true;
        return true;
    }
    if (!take_tokens(n, &n->tx_gate, c->out_bytes))
        return false;
    if (send_to_backend(n) == -EAGAIN) {
        rate_limiter_give_back(&n->tx_gate.limiter, c->out_bytes);
        n->tx_waiting = true;
        return false;
    }
    if (is_spoofed(n, head))
        metric_inc(&n->stats.tx_spoofed_mac_count);
    return true;
}

static void serve_tx(struct nic *n)
{
    struct virtq *q = &n->base.queues[TX];
    unsigned frames = 0;
    uint64_t bytes = 0;
    bool detoured = false;

    n->tx_waiting = false;
    while (frames < BATCH_FRAMES && bytes < BATCH_BYTES &&
           virtio_dev_pop(&n->base, TX, &n->chain)) {
        if (!send_one(n, &detoured)) {
            virtq_unpop(q);
            break;
        }
        virtq_push(q, n->chain.head, 0);
        bytes += n->chain.out_bytes;
        frames++;
    }
    if (!frames)
        metric_inc(&n->stats.no_tx_avail_buffer);
    metric_add(&n->stats.tx_remaining_reqs_count, virtq_waiting(q));
    virtio_dev_flush(&n->base, TX);
    if (frames == BATCH_FRAMES || bytes >= BATCH_BYTES)
        virtio_dev_again(&n->base, TX);
    if (detoured)
        wake_rx(n); /* there may be answers */
}

static void wake_tx(struct nic *n)
{
    if (is_blocked(&n->tx_gate))
        wait_for_tokens(n, &n->tx_gate);
    else
        serve_tx(n);
}

/* --- what happens --- */

static void net_notify(struct virtio_dev *dev, unsigned queue)
{
    struct nic *n = to_nic(dev);

    if (queue == RX) {
        metric_inc(&n->stats.rx_queue_event_count);
        wake_rx(n);
    } else {
        metric_inc(&n->stats.tx_queue_event_count);
        wake_tx(n);
    }
}

static void on_ready(void *ctx)
{
    struct nic *n = ctx;

    if (!n->base.active) {
        n->backend->ops->listen(n->backend, false);
        return;
    }
    metric_inc(&n->stats.rx_tap_event_count);
    if (n->tx_waiting)
        wake_tx(n);
    if (n->base.active)
        wake_rx(n);
}

void net_detour_ready(struct virtio_dev *dev)
{
    if (dev->active)
        wake_rx(to_nic(dev));
}

static void on_rx_tokens(void *ctx)
{
    struct nic *n = ctx;

    metric_inc(&n->stats.rx_event_rate_limiter_count);
    if (n->base.active)
        serve_rx(n);
}

static void on_tx_tokens(void *ctx)
{
    struct nic *n = ctx;

    metric_inc(&n->stats.tx_rate_limiter_event_count);
    if (n->base.active)
        serve_tx(n);
}

/* A timer that was set once needs no memory to be set again. */
static int prepare_timer(struct worker *w, struct worker_timer *t)
{
    int rc = worker_timer_set(w, t, UINT64_MAX);

    worker_timer_stop(w, t);
    return rc;
}

static int activate(struct nic *n, struct err *e)
{
    uint64_t offloads = n->base.acked & (RX_OFFLOADS | TX_OFFLOADS);

    if (prepare_timer(n->base.worker, &n->rx_gate.timer) < 0 ||
        prepare_timer(n->base.worker, &n->tx_gate.timer) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    return n->backend->ops->start(n->backend, offloads, e);
}

static int net_activate(struct virtio_dev *dev)
{
    struct nic *n = to_nic(dev);
    struct err e;
    int rc = activate(n, &e);

    if (rc < 0)
        log_error("net: %s", e.text);
    return rc;
}

static void stop_timers(void *ctx)
{
    struct nic *n = ctx;

    worker_timer_stop(n->base.worker, &n->rx_gate.timer);
    worker_timer_stop(n->base.worker, &n->tx_gate.timer);
}

static void net_reset(struct virtio_dev *dev)
{
    struct nic *n = to_nic(dev);

    n->backend->ops->stop(n->backend);
    if (n->detour && n->detour->reset)
        n->detour->reset(n->detour->ctx);
    stop_timers(n);
    net_buffers_reset(&n->rx);
    n->deferred = 0;
    n->tx_waiting = false;
}

/* --- config space --- */

static void net_config_read(struct virtio_dev *dev, uint64_t offset, void *buf,
                            unsigned len)
{
    struct nic *n = to_nic(dev);

    if (offset < sizeof(n->config))
        memcpy(buf, (const uint8_t *)&n->config + offset,
               MIN(len, sizeof(n->config) - offset));
    else
        metric_inc(&n->stats.cfg_fails);
}

/* The driver may give itself another address, which is not the one of a
   stranger then. */
static void net_config_write(struct virtio_dev *dev, uint64_t offset,
                             const void *buf, unsigned len)
{
    struct nic *n = to_nic(dev);

    if (offset <= NET_MAC_BYTES && len <= NET_MAC_BYTES - offset)
        memcpy(n->config.mac + offset, buf, len);
    else
        metric_inc(&n->stats.cfg_fails);
}

/* --- making and changing it --- */

static void net_free(struct virtio_dev *dev)
{
    struct nic *n;

    if (!dev)
        return;
    n = to_nic(dev);
    worker_call(dev->worker, stop_timers, n);
    n->backend->ops->free(n->backend);
    virtio_dev_release(dev);
    if (n->id)
        metrics_remove_device(&n->metric_device);
    heap_free(n->id);
    heap_free(n);
}

static const struct virtio_ops net_ops = {
    .name = "net",
    .id = VIRTIO_ID_NET,
    .num_queues = 2,
    .activate = net_activate,
    .notify = net_notify,
    .reset = net_reset,
    .config_read = net_config_read,
    .config_write = net_config_write,
    .free = net_free,
};

static uint64_t features(const struct nic_config *cfg)
{
    return VIRTIO_F_EVENT_IDX | VIRTIO_NET_F_MRG_RXBUF |
           (cfg->backend->ops->features & (RX_OFFLOADS | TX_OFFLOADS)) |
           (cfg->has_mac ? VIRTIO_NET_F_MAC : 0u) |
           (cfg->mtu ? VIRTIO_NET_F_MTU : 0u);
}

static void gate_init(struct gate *g, const struct limiter_config *cfg,
                      worker_fn *on_tokens, struct nic *n)
{
    rate_limiter_init(&g->limiter, cfg, host_mono_ns());
    g->timer = (struct worker_timer){.fn = on_tokens, .ctx = n};
}

struct virtio_dev *net_new(const struct nic_config *cfg, struct worker *worker,
                           struct gmem *ram, struct err *e)
{
    struct nic *n;
    char *id;

    if (!cfg->backend)
        return NULL;
    n = heap_zalloc(sizeof(*n));
    id = cfg->id ? heap_strdup(cfg->id) : NULL;
    if (!n || (cfg->id && !id)) {
        cfg->backend->ops->free(cfg->backend);
        heap_free(n);
        heap_free(id);
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    virtio_dev_init(&n->base, &net_ops, worker, ram, features(cfg));
    n->base.activate_fails = &n->stats.activate_fails;
    n->base.event_fails = &n->stats.event_fails;
    n->backend = cfg->backend;
    n->backend->worker = worker;
    n->backend->ready = on_ready;
    n->backend->ctx = n;
    n->detour = cfg->detour;
    n->config.mtu = cfg->mtu;
    memcpy(n->config.mac, cfg->mac, sizeof(n->config.mac));
    gate_init(&n->rx_gate, &cfg->rx, on_rx_tokens, n);
    gate_init(&n->tx_gate, &cfg->tx, on_tx_tokens, n);
    n->rx_gate.throttled = &n->stats.rx_rate_limiter_throttled;
    n->tx_gate.throttled = &n->stats.tx_rate_limiter_throttled;
    n->id = id;
    n->metric_device = (struct metric_device){
        .kind = METRIC_DEVICES_net, .id = id, .counters = &n->stats};
    if (id)
        metrics_add_device(&n->metric_device);
    return &n->base;
}

struct change {
    struct nic *n;
    const struct net_limits *limits;
};

static void change_limits(void *ctx)
{
    struct change *c = ctx;
    const struct net_limits *l = c->limits;
    uint64_t now = host_mono_ns();

    rate_limiter_update(&c->n->rx_gate.limiter, l->rx_bytes, l->rx_ops, now);
    rate_limiter_update(&c->n->tx_gate.limiter, l->tx_bytes, l->tx_ops, now);
}

void net_set_limits(struct virtio_dev *dev, const struct net_limits *limits)
{
    struct change c = {.n = to_nic(dev), .limits = limits};

    worker_call(dev->worker, change_limits, &c);
}

bool net_parse_mac(const char *text, uint8_t mac[NET_MAC_BYTES])
{
    for (unsigned k = 0; k < NET_MAC_BYTES; k++, text += 3) {
        if (!isxdigit((unsigned char)text[0]) ||
            !isxdigit((unsigned char)text[1]) ||
            text[2] != (k + 1 < NET_MAC_BYTES ? ':' : 0))
            return false;
        mac[k] = (uint8_t)strtoul(text, NULL, 16);
    }
    return true;
}

struct net_metrics *net_metrics_of(struct virtio_dev *dev)
{
    return &to_nic(dev)->stats;
}
