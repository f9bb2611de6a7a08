// SPDX-License-Identifier: Apache-2.0
/*
 * The queues of the virtio socket device. Packets of the guest go to the
 * connections one by one, straight from its memory; packets for it are made by
 * the connections in the room that it offers.
 */

#include "dev/vsock.h"

#include <errno.h>
#include <string.h>

#include "base/heap.h"
#include "base/macros.h"
#include "base/metrics.h"
#include "dev/vsock_host.h"
#include "dev/vsock_mux.h"
#include "host/host.h"

#define F_IN_ORDER (1ull << 35)

enum { RXQ = 0, TXQ = 1, EVQ = 2, NUM_QUEUES = 3 };

/* How long the guest may have to wait for a little credit. */
enum { CREDIT_NS = 1000000 };

/* Nobody waits for a packet's buffers to come back, but to take them costs the
   guest an interrupt and a thread's turn: it gets them back by many, or when
   they have been here for long. Of a small queue it never lacks more than an
   eighth. */
enum { TX_KEPT = 32, TX_KEPT_SHARE = 8, TX_NS = 1000000 };

/* Others have their turn after so many packets. */
enum { IN_A_ROW = VIRTQ_MAX_SIZE };

/* 5.10.6.7 */
struct event {
    uint32_t id;
};
static_assert(sizeof(struct event) == 4, "virtio 1.2, 5.10.6.7");
enum { EVENT_TRANSPORT_RESET = 0 };

struct vsock {
    struct virtio_dev base;
    uint64_t guest_cid;
    struct vsock_mux mux;
    struct vsock_host host;
    struct worker_event rx_due;
    struct worker_timer tx_due;
    unsigned tx_kept;         /* descriptors of packets not yet given back */
    unsigned tx_most;         /* so many are */
    uint64_t tx_ns;           /* so long, at most */
    struct vsock_state state; /* last_port is the mux's */

    struct virtq_chain chain;
    struct vsock_packet packet;
};

static struct vsock *to_vsock(struct virtio_dev *dev)
{
    return container_of(dev, struct vsock, base);
}

/* --- to the guest --- */

/* False: no room, or nothing to put there. */
static bool give_one(struct vsock *v)
{
    struct virtq *q = &v->base.queues[RXQ];

    if (!vsock_mux_has_due(&v->mux) ||
        !virtio_dev_pop(&v->base, RXQ, &v->chain))
        return false;
    if (!vsock_packet_offer(&v->packet, &v->chain)) {
        metric_inc(&metrics.vsock.rx_queue_event_fails);
        virtq_push(q, v->chain.head, 0);
        return true;
    }
    if (!vsock_mux_give(&v->mux, &v->packet)) {
        virtq_unpop(q);
        return false;
    }
    v->packet.hdr.src_cid = VSOCK_HOST_CID;
    v->packet.hdr.dst_cid = v->guest_cid;
    virtq_done(q, &v->chain, vsock_packet_write(&v->packet, &v->chain));
    return true;
}

static void serve_rx(struct vsock *v)
{
    unsigned served = 0;

    if (v->state.gated || v->state.reset_due || !v->base.active)
        return;
    while (served < IN_A_ROW && give_one(v))
        served++;
    virtio_dev_flush(&v->base, RXQ);
    if (served == IN_A_ROW)
        worker_post(v->base.worker, &v->rx_due);
}

static void on_rx_due(void *ctx)
{
    serve_rx(ctx);
}

/* From within the mux: once for all that becomes due meanwhile. */
static void post_rx(void *ctx)
{
    struct vsock *v = ctx;

    worker_post(v->base.worker, &v->rx_due);
}

/* --- from the guest --- */

static bool take_one(struct vsock *v)
{
    if (!virtio_dev_pop(&v->base, TXQ, &v->chain))
        return false;
    if (vsock_packet_read(&v->packet, &v->chain))
        vsock_mux_take(&v->mux, &v->packet);
    else
        metric_inc(&metrics.vsock.tx_queue_event_fails);
    virtq_push(&v->base.queues[TXQ], v->chain.head, 0);
    v->tx_kept += v->chain.num_out + v->chain.num_in;
    return true;
}

static void give_tx_back(void *ctx)
{
    struct vsock *v = ctx;

    worker_timer_stop(v->base.worker, &v->tx_due);
    v->tx_kept = 0;
    virtio_dev_flush(&v->base, TXQ);
}

static void keep_tx(struct vsock *v)
{
    unsigned share = v->base.queues[TXQ].size / TX_KEPT_SHARE;

    if (v->tx_kept >= MIN(v->tx_most, share))
        give_tx_back(v);
    else if (v->tx_kept && !v->tx_due.slot)
        worker_timer_set(v->base.worker, &v->tx_due, host_mono_ns() + v->tx_ns);
}

static void serve_tx(struct vsock *v)
{
    unsigned served = 0;

    while (served < IN_A_ROW && take_one(v))
        served++;
    keep_tx(v);
    if (served < IN_A_ROW)
        vsock_mux_idle(&v->mux);
    if (served == IN_A_ROW)
        virtio_dev_again(&v->base, TXQ);
    serve_rx(v);
}

/* --- events --- */

/* All that were ever offered, modulo 2^16. */
static uint16_t events_offered(const struct vsock *v)
{
    const struct virtq *q = &v->base.queues[EVQ];

    return (uint16_t)(q->next_avail + virtq_waiting(q));
}

static void send_reset_event(struct vsock *v)
{
    const struct event event = {.id = EVENT_TRANSPORT_RESET};
    struct virtq *q = &v->base.queues[EVQ];

    if (!virtio_dev_pop(&v->base, EVQ, &v->chain))
        return; /* when there is room */
    if (virtq_write(&v->chain, 0, &event, sizeof(event)) != sizeof(event)) {
        metric_inc(&metrics.vsock.ev_queue_event_fails);
        virtq_push(q, v->chain.head, 0);
        return;
    }
    virtq_done(q, &v->chain, sizeof(event));
    v->state.reset_due = false;
    v->state.gated = true;
    v->state.gate = events_offered(v);
}

static void serve_events(struct vsock *v)
{
    unsigned tries = 0;

    while (v->state.reset_due && v->base.active &&
           virtq_waiting(&v->base.queues[EVQ]) && tries++ < IN_A_ROW)
        send_reset_event(v);
    virtio_dev_flush(&v->base, EVQ);
    /* It gives the event's buffer back when it has dealt with the event. */
    if (v->state.gated && events_offered(v) != v->state.gate)
        v->state.gated = false;
    serve_rx(v);
}

static void transport_reset(void *ctx)
{
    struct vsock *v = ctx;

    vsock_host_stop(&v->host);
    vsock_mux_reset(&v->mux);
    give_tx_back(v);
    if (!v->base.active)
        return;
    v->state.reset_due = true;
    v->state.gated = false;
    serve_events(v);
    vsock_host_start(&v->host);
}

void vsock_transport_reset(struct virtio_dev *dev)
{
    worker_call(dev->worker, transport_reset, to_vsock(dev));
}

const struct field vsock_fields[] = {
    FIELD(struct vsock_state, last_port),
    FIELD(struct vsock_state, reset_due),
    FIELD(struct vsock_state, gated),
    FIELD(struct vsock_state, gate),
};
const unsigned num_vsock_fields = ARRAY_LEN(vsock_fields);

struct state_access {
    struct vsock *v;
    struct vsock_state *state;
};

static void get_state(void *ctx)
{
    const struct state_access *a = ctx;

    *a->state = a->v->state;
    a->state->last_port = a->v->mux.last_port;
}

void vsock_get_state(struct virtio_dev *dev, struct vsock_state *state)
{
    struct state_access a = {.v = to_vsock(dev), .state = state};

    worker_call(dev->worker, get_state, &a);
}

static void set_state(void *ctx)
{
    const struct state_access *a = ctx;

    a->v->state = *a->state;
    a->v->mux.last_port = a->state->last_port;
}

void vsock_set_state(struct virtio_dev *dev, const struct vsock_state *state)
{
    struct vsock_state copy = *state;
    struct state_access a = {.v = to_vsock(dev), .state = &copy};

    worker_call(dev->worker, set_state, &a);
}

/* --- the device --- */

static int vsock_activate(struct virtio_dev *dev)
{
    struct vsock *v = to_vsock(dev);

    for (unsigned n = 0; n < NUM_QUEUES; n++)
        if (!dev->queues[n].ram) {
            log_guest(&dev->guest_log, "vsock: there is no queue %u", n);
            return -EINVAL;
        }
    return vsock_host_start(&v->host) < 0 ? -ENOMEM : 0;
}

static void vsock_notify(struct virtio_dev *dev, unsigned n)
{
    struct vsock *v = to_vsock(dev);

    if (n == TXQ) {
        metric_inc(&metrics.vsock.tx_queue_event_count);
        serve_tx(v);
    } else if (n == RXQ) {
        metric_inc(&metrics.vsock.rx_queue_event_count);
        serve_rx(v);
    } else {
        serve_events(v);
    }
}

/* Clients of the host wait outside until the driver is back. */
static void stop(void *ctx)
{
    struct vsock *v = ctx;

    vsock_host_stop(&v->host);
    vsock_mux_reset(&v->mux);
    worker_cancel(v->base.worker, &v->rx_due);
    worker_timer_stop(v->base.worker, &v->tx_due);
    v->tx_kept = 0;
}

static void vsock_reset(struct virtio_dev *dev)
{
    struct vsock *v = to_vsock(dev);

    stop(v);
    v->state = (struct vsock_state){0};
}

static void vsock_resumed(struct virtio_dev *dev)
{
    vsock_mux_resumed(&to_vsock(dev)->mux);
}

/* 5.10.4: the guest's CID, and nothing else. */
static void vsock_config_read(struct virtio_dev *dev, uint64_t offset,
                              void *buf, unsigned len)
{
    const struct vsock *v = to_vsock(dev);

    if (offset + len > sizeof(v->guest_cid))
        metric_inc(&metrics.vsock.cfg_fails);
    if (offset < sizeof(v->guest_cid))
        memcpy(buf, (const uint8_t *)&v->guest_cid + offset,
               MIN(len, sizeof(v->guest_cid) - offset));
}

static void vsock_free(struct virtio_dev *dev)
{
    struct vsock *v;

    if (!dev)
        return;
    v = to_vsock(dev);
    worker_call(dev->worker, stop, v);
    vsock_mux_release(&v->mux);
    virtio_dev_release(dev);
    heap_free(v);
}

static const struct virtio_ops vsock_ops = {
    .name = "vsock",
    .id = VIRTIO_ID_VSOCK,
    .num_queues = NUM_QUEUES,
    .activate = vsock_activate,
    .notify = vsock_notify,
    .reset = vsock_reset,
    .resumed = vsock_resumed,
    .config_read = vsock_config_read,
    .free = vsock_free,
};

static bool is_full(void *ctx)
{
    return vsock_mux_is_full(&((struct vsock *)ctx)->mux);
}

static void ask(void *ctx, int fd, uint32_t port)
{
    vsock_mux_ask(&((struct vsock *)ctx)->mux, fd, port);
}

struct virtio_dev *vsock_new(const struct vsock_options *opt,
                             struct worker *worker, struct gmem *ram,
                             struct err *e)
{
    struct vsock *v = heap_zalloc(sizeof(*v));

    if (!v) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    virtio_dev_init(&v->base, &vsock_ops, worker, ram,
                    VIRTIO_F_EVENT_IDX | F_IN_ORDER);
    v->base.activate_fails = &metrics.vsock.activate_fails;
    v->guest_cid = opt->guest_cid;
    v->rx_due = (struct worker_event){.fn = on_rx_due, .ctx = v};
    v->tx_due = (struct worker_timer){.fn = give_tx_back, .ctx = v};
    v->tx_most = opt->tx_kept ? opt->tx_kept : TX_KEPT;
    v->tx_ns = opt->tx_ns ? opt->tx_ns : TX_NS;
    vsock_host_init(&v->host, worker, opt->listener);
    v->host.is_full = is_full;
    v->host.ask = ask;
    v->mux.rx_due = post_rx;
    v->host.ctx = v->mux.ctx = v;
    if (vsock_mux_init(&v->mux, worker, opt->path,
                       opt->credit_ns ? opt->credit_ns : CREDIT_NS,
                       &v->base.guest_log) < 0) {
        err_set(e, -ENOMEM, "out of memory");
        vsock_free(&v->base);
        return NULL;
    }
    return &v->base;
}
