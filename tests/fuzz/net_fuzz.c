// SPDX-License-Identifier: Apache-2.0
/* The network device between a driver and a host that do whatever the input
   says: buffers, frames, limits and resets, in any order. */

#include <errno.h>

#include "base/log.h"
#include "dev/net.h"
#include "fuzz.h"
#include "input.h"
#include "rings.h"

enum { RX, TX, QUEUES, MAX_STEPS = 300 };

struct host {
    struct net_backend base;
    bool started;
    int send_rc, receive_rc;
    unsigned num_frames;
    uint32_t frame_bytes;
};

struct machine {
    struct rings rings;
    struct virtio_dev *dev;
    struct host host;
    uint8_t wanted;      /* frames to an address that begins so are detoured */
    size_t answer_bytes; /* of one from the detour; 0: none */
};

/* --- the host's side: as its header promises, whatever the guest does --- */

static int host_start(struct net_backend *b, uint64_t acked, struct err *e)
{
    (void)acked;
    (void)e;
    ((struct host *)b)->started = true;
    return 0;
}

static void host_stop(struct net_backend *b)
{
    ((struct host *)b)->started = false;
}

static int host_send(struct net_backend *b, const struct iovec *iov, unsigned n)
{
    static uint8_t frame[NET_FRAME_MAX];
    struct host *h = (struct host *)b;

    if (!h->started ||
        iov_read(iov, n, 0, frame, sizeof(frame)) < NET_HDR_BYTES)
        abort();
    return h->send_rc;
}

static ssize_t host_receive(struct net_backend *b, const struct iovec *iov,
                            unsigned n)
{
    static const uint8_t frame[NET_FRAME_MAX];
    struct host *h = (struct host *)b;
    uint64_t room = 0;

    for (unsigned k = 0; k < n; k++)
        room += iov[k].iov_len;
    if (!h->started || room < NET_FRAME_MAX)
        abort();
    if (h->receive_rc < 0)
        return h->receive_rc;
    if (!h->num_frames)
        return -EAGAIN;
    h->num_frames--;
    return (ssize_t)iov_write(iov, n, 0, frame, h->frame_bytes);
}

static void host_listen(struct net_backend *b, bool wanted)
{
    (void)b;
    (void)wanted;
}

static void host_free(struct net_backend *b)
{
    if (((struct host *)b)->started)
        abort();
}

static const struct net_backend_ops host_ops = {
    .name = "test",
    .features = VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4,
    .start = host_start,
    .stop = host_stop,
    .send = host_send,
    .receive = host_receive,
    .listen = host_listen,
    .free = host_free,
};

/* --- the detour --- */

static bool detour_wants(void *ctx, const uint8_t *head, size_t len)
{
    struct machine *m = ctx;

    if (len < NET_ETH_BYTES || len > NET_HEAD_BYTES)
        abort();
    return head[0] == m->wanted;
}

static void detour_send(void *ctx, const uint8_t *frame, size_t len)
{
    struct machine *m = ctx;

    if (len < NET_ETH_BYTES || len > NET_DETOUR_MAX || frame[0] != m->wanted)
        abort();
    m->answer_bytes = m->answer_bytes ? m->answer_bytes : len;
}

static size_t detour_receive(void *ctx, uint8_t *frame)
{
    struct machine *m = ctx;
    size_t len = m->answer_bytes;

    memset(frame, 1, len);
    m->answer_bytes = 0;
    return len;
}

/* --- what the input asks for --- */

static void offer_room(struct machine *m, struct input *in)
{
    unsigned n = (unsigned)take(in, 1), more = n / QUEUE_SIZE % 4;

    for (unsigned k = 0; k <= more; k++)
        put_desc(&m->rings, RX, n + k, RAM_AT + DATA + take(in, 2),
                 (uint32_t)take(in, 2), k < more ? 3 : 2,
                 (uint16_t)((n + k + 1) % QUEUE_SIZE));
    offer(&m->rings, RX, n % QUEUE_SIZE);
}

static void send_frame(struct machine *m, struct input *in)
{
    unsigned n = (unsigned)take(in, 1) % QUEUE_SIZE;
    uint64_t where = DATA + take(in, 2);

    *(uint8_t *)ram(&m->rings, where + NET_HDR_BYTES, 1) = (uint8_t)take(in, 1);
    put_desc(&m->rings, TX, n, RAM_AT + where, (uint32_t)take(in, 2), 0, 0);
    offer(&m->rings, TX, n);
}

/* Anything, anywhere, on any queue. */
static void send_nonsense(struct machine *m, struct input *in)
{
    unsigned queue = take(in, 1) % QUEUES, n = (unsigned)take(in, 1);

    put_desc(&m->rings, queue, n, RAM_AT - 64 + take(in, 3),
             (uint32_t)take(in, 3), (uint16_t)(take(in, 1) & 7),
             (uint16_t)(take(in, 1) & 31));
    offer(&m->rings, queue, n & 31);
}

static void frames_come(struct machine *m, struct input *in)
{
    static const int rcs[] = {0, 0, 0, -EAGAIN, -EIO};

    m->host.num_frames = (unsigned)take(in, 1);
    m->host.frame_bytes = (uint32_t)take(in, 3) % (NET_FRAME_MAX + 1);
    m->host.receive_rc = rcs[take(in, 1) % ARRAY_LEN(rcs)];
    m->host.send_rc = rcs[take(in, 1) % ARRAY_LEN(rcs)];
    m->host.base.ready(m->host.base.ctx);
}

static void set_limits(struct machine *m, struct input *in)
{
    struct bucket_config b = {.size = take(in, 3),
                              .one_time_burst = take(in, 2),
                              .refill_time_ms = take(in, 1)};
    unsigned which = (unsigned)take(in, 1);
    const struct net_limits limits = {.rx_bytes = which & 1 ? &b : NULL,
                                      .rx_ops = which & 2 ? &b : NULL,
                                      .tx_bytes = which & 4 ? &b : NULL,
                                      .tx_ops = which & 8 ? &b : NULL};

    net_set_limits(m->dev, &limits);
}

static void detour_comes(struct machine *m, struct input *in)
{
    m->wanted = (uint8_t)take(in, 1);
    m->answer_bytes = take(in, 2) % (NET_DETOUR_MAX + 1);
    net_detour_ready(m->dev);
}

static void start(struct machine *m, struct input *in)
{
    rings_start(&m->rings, QUEUES, (uint32_t)take(in, 4));
}

static void use_registers(struct machine *m, struct input *in)
{
    uint64_t reg = take(in, 2) & 0x1ff;
    unsigned size = 1u << (take(in, 1) & 3);

    mmio_bus_read(m->rings.bus, DEVICE_AT + reg, size);
    mmio_bus_write(m->rings.bus, DEVICE_AT + reg, size, take(in, 8));
}

static void step(struct machine *m, struct input *in)
{
    static void (*const steps[])(struct machine *, struct input *) = {
        offer_room,  send_frame, send_nonsense, frames_come,
        frames_come, set_limits, detour_comes,  start,
        offer_room,  send_frame, use_registers};

    steps[take(in, 1) % ARRAY_LEN(steps)](m, in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct log_config quiet = {.fd = -1};
    struct input in = {.data = data, .left = size};
    struct machine m = {.host = {.base = {.ops = &host_ops}}};
    const struct net_detour detour = {.wants = detour_wants,
                                      .send = detour_send,
                                      .receive = detour_receive,
                                      .ctx = &m};
    const struct nic_config cfg = {.backend = &m.host.base,
                                   .has_mac = true,
                                   .mac = {6},
                                   .mtu = 1500,
                                   .detour = &detour};

    log_configure(&quiet);
    rings_init(&m.rings);
    m.dev = net_new(&cfg, NULL, &m.rings.ram, NULL);
    if (!m.dev)
        abort();
    rings_attach(&m.rings, m.dev);
    start(&m, &in);
    for (unsigned n = 0; n < MAX_STEPS && in.left; n++)
        step(&m, &in);
    mmio_bus_free(m.rings.bus);
    gmem_release(&m.rings.ram);
    return 0;
}
