// SPDX-License-Identifier: Apache-2.0
/* The network device, between a driver that is polite or not and a host's side
   made here. */

#include "dev/net.h"

#include <errno.h>

#include "base/log.h"
#include "base/metrics.h"
#include "driver.h"
#include "host/host.h"

#define F_VERSION_1 (1ull << 32)
#define F_EVENT_IDX (1ull << 29)

enum { RX, TX };

enum { HDR = NET_HDR_BYTES, ETH = NET_ETH_BYTES };

static const uint8_t my_mac[6] = {6, 0, 0, 0, 0, 1};

/* --- the host's side --- */

static struct host {
    struct net_backend base;
    uint64_t acked;
    bool started, listening, full;
    unsigned freed;
    int start_rc, send_rc, receive_rc;
    unsigned num_sent, num_frames; /* frames to be received */
    uint32_t frame_bytes;          /* of each, with the header */
    uint8_t sent[NET_FRAME_MAX];   /* the last one */
    uint64_t sent_bytes, room;
} host;

static int host_start(struct net_backend *b, uint64_t acked, struct err *e)
{
    struct host *h = (struct host *)b;

    if (h->start_rc < 0)
        return err_set(e, h->start_rc, "no");
    h->acked = acked;
    h->started = true;
    return 0;
}

static void host_stop(struct net_backend *b)
{
    ((struct host *)b)->started = false;
}

static int host_send(struct net_backend *b, const struct iovec *iov, unsigned n)
{
    struct host *h = (struct host *)b;

    assert_true(h->started);
    if (h->full)
        return -EAGAIN;
    if (h->send_rc < 0)
        return h->send_rc;
    h->sent_bytes = iov_read(iov, n, 0, h->sent, sizeof(h->sent));
    h->num_sent++;
    return 0;
}

/* Byte k of a frame is k, plus how many frames are left. */
static ssize_t host_receive(struct net_backend *b, const struct iovec *iov,
                            unsigned n)
{
    static uint8_t frame[NET_FRAME_MAX];
    struct host *h = (struct host *)b;

    assert_true(h->started);
    h->room = 0;
    for (unsigned k = 0; k < n; k++)
        h->room += iov[k].iov_len;
    assert_true(h->room >= NET_FRAME_MAX);
    if (h->receive_rc < 0)
        return h->receive_rc;
    if (!h->num_frames)
        return -EAGAIN;
    for (uint32_t k = 0; k < h->frame_bytes; k++)
        frame[k] = k < HDR ? 0 : (uint8_t)(k + h->num_frames);
    h->num_frames--;
    iov_write(iov, n, 0, frame, h->frame_bytes);
    return (ssize_t)h->frame_bytes;
}

static void host_listen(struct net_backend *b, bool wanted)
{
    ((struct host *)b)->listening = wanted;
}

static void host_free(struct net_backend *b)
{
    ((struct host *)b)->freed++;
}

static const struct net_backend_ops host_ops = {
    .name = "test",
    .features =
        VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4,
    .start = host_start,
    .stop = host_stop,
    .send = host_send,
    .receive = host_receive,
    .listen = host_listen,
    .free = host_free,
};

/* --- the detour --- */

static struct detour {
    unsigned wanted, sent, reset;
    size_t len;
    uint8_t frame[NET_DETOUR_MAX];
    size_t answer; /* bytes of the frame for the guest; 0: none */
} detour;

/* Frames for 02:... */
static bool detour_wants(void *ctx, const uint8_t *head, size_t len)
{
    struct detour *t = ctx;

    assert_in_range(len, ETH, NET_HEAD_BYTES);
    t->wanted++;
    return head[0] == 2;
}

static void detour_send(void *ctx, const uint8_t *frame, size_t len)
{
    struct detour *t = ctx;

    assert_int_equal(frame[0], 2);
    memcpy(t->frame, frame, len);
    t->len = len;
    t->sent++;
}

static size_t detour_receive(void *ctx, uint8_t *frame)
{
    struct detour *t = ctx;
    size_t len = t->answer;

    memset(frame, 0xa5, len);
    t->answer = 0;
    return len;
}

static void detour_reset(void *ctx)
{
    ((struct detour *)ctx)->reset++;
}

static const struct net_detour detour_ops = {.wants = detour_wants,
                                             .send = detour_send,
                                             .receive = detour_receive,
                                             .reset = detour_reset,
                                             .ctx = &detour};

/* --- the machine --- */

static struct driver d;
static struct virtio_dev *dev;
static struct net_metrics *stats;

static struct nic_config nic(void)
{
    struct nic_config cfg = {.backend = &host.base,
                             .has_mac = true,
                             .mtu = 1400,
                             .detour = &detour_ops};

    memcpy(cfg.mac, my_mac, sizeof(my_mac));
    return cfg;
}

static int set_up(void **state)
{
    const struct log_config quiet = {.fd = -1};
    struct nic_config cfg = nic();

    (void)state;
    log_configure(&quiet);
    memset(&host, 0, sizeof(host));
    memset(&detour, 0, sizeof(detour));
    host.base.ops = &host_ops;
    driver_init(&d, 256);
    d.num_queues = 2;
    dev = net_new(&cfg, NULL, &d.ram, NULL);
    driver_attach(&d, dev);
    stats = net_metrics_of(dev);
    driver_start(&d, VIRTIO_NET_F_MRG_RXBUF);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    driver_release(&d);
    assert_int_equal(host.freed, 1);
    assert_false(host.started);
    return 0;
}

/* So many buffers for frames, one descriptor each, the nth at DATA_AT. */
static void offer_buffers(unsigned count, uint32_t bytes)
{
    driver_select(&d, RX);
    for (uint16_t n = 0; n < count; n++) {
        driver_desc(&d, n, DATA_AT + n * bytes, bytes, D_WRITE, 0);
        driver_offer(&d, n);
    }
    driver_notify(&d);
}

static void frames_come(unsigned count, uint32_t bytes)
{
    host.num_frames = count;
    host.frame_bytes = bytes;
    host.base.ready(host.base.ctx);
    driver_select(&d, RX);
}

/* A frame of so many bytes, its header counted, to a first byte of `to`. */
static void offer_frame(uint16_t n, uint32_t bytes, uint8_t to)
{
    uint8_t *frame = at(&d, DATA_AT + 0x80000 + n * 0x100u, HDR + ETH);

    driver_select(&d, TX);
    memset(frame, 0, HDR + ETH);
    frame[HDR] = to;
    memcpy(frame + HDR + 6, my_mac, 6);
    driver_desc(&d, n, DATA_AT + 0x80000 + n * 0x100u, bytes, 0, 0);
    driver_offer(&d, n);
}

static void send_frame(uint32_t bytes, uint8_t to)
{
    offer_frame(0, bytes, to);
    driver_notify(&d);
}

/* --- what it says it is --- */

static void it_offers_what_its_host_can(void **state)
{
    (void)state;
    wr(&d, 0x14, 0);
    assert_int_equal(rd(&d, 0x10),
                     1 | 2 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 15 | F_EVENT_IDX);
    wr(&d, 0x14, 1);
    assert_int_equal(rd(&d, 0x10), 1);
    assert_int_equal(rd(&d, 8), 1);
}

static void config_space_has_address_and_mtu(void **state)
{
    (void)state;
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0x100, 4), 6);
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0x104, 2), 0x100);
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0x10a, 2), 1400);
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0x10a, 1), 1400 & 255);
    assert_int_equal(metric_get(&stats->cfg_fails), 0);
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0x10c, 4), 0);
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0xff8, 8), 0);
    assert_int_equal(metric_get(&stats->cfg_fails), 2);
}

static void the_driver_may_change_its_address_and_nothing_else(void **state)
{
    (void)state;
    mmio_bus_write(d.bus, DEVICE_AT + 0x105, 1, 9);
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0x105, 1), 9);
    mmio_bus_write(d.bus, DEVICE_AT + 0x10a, 2, 9);
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0x10a, 2), 1400);
    mmio_bus_write(d.bus, DEVICE_AT + 0x104, 4, 0);
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0x105, 1), 9);
    assert_int_equal(metric_get(&stats->cfg_fails), 2);
    send_frame(100, 0xff); /* still comes from the address before */
    assert_int_equal(metric_get(&stats->tx_spoofed_mac_count), 1);
}

static void the_host_learns_what_was_acked(void **state)
{
    (void)state;
    driver_start(&d, VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_GUEST_CSUM |
                         VIRTIO_NET_F_MAC | VIRTIO_NET_F_GUEST_UFO);
    assert_true(host.started);
    assert_int_equal(host.acked, VIRTIO_NET_F_GUEST_CSUM);
    assert_int_equal(detour.reset, 1);
    wr(&d, 0x70, 0);
    assert_false(host.started);
    assert_int_equal(detour.reset, 2);
}

static void a_host_that_fails_stops_the_driver(void **state)
{
    (void)state;
    host.start_rc = -EIO;
    driver_start(&d, 0);
    assert_int_equal(rd(&d, 0x70), 15 | 64);
    assert_int_equal(metric_get(&stats->activate_fails), 1);
    host.base.ready(host.base.ctx);
    assert_int_equal(metric_get(&stats->rx_tap_event_count), 0);
}

/* --- from the guest --- */

static void a_frame_reaches_the_host(void **state)
{
    (void)state;
    *(uint8_t *)at(&d, DATA_AT, 1) = 77;
    offer_frame(0, 64, 0xff);
    driver_desc(&d, 0, DATA_AT + 0x80000, 64, D_NEXT, 1);
    driver_desc(&d, 1, DATA_AT, 1, 0, 0);
    driver_notify(&d);
    assert_int_equal(host.num_sent, 1);
    assert_int_equal(host.sent_bytes, 65);
    assert_int_equal(host.sent[HDR], 0xff);
    assert_int_equal(host.sent[64], 77);
    assert_int_equal(driver_used(&d), 1);
    assert_int_equal(driver_used_at(&d, 0).len, 0);
    assert_int_equal(d.interrupts, 1);
    assert_int_equal(metric_get(&stats->tx_packets_count), 1);
    assert_int_equal(metric_get(&stats->tx_count), 1);
    assert_int_equal(metric_get(&stats->tx_bytes_count), 65);
    assert_int_equal(metric_get(&stats->tx_spoofed_mac_count), 0);
    assert_int_equal(metric_get(&stats->tx_queue_event_count), 2);
}

static void many_frames_make_one_interrupt(void **state)
{
    (void)state;
    for (uint16_t n = 0; n < 40; n++)
        offer_frame(n, 100, 0xff);
    driver_notify(&d);
    assert_int_equal(host.num_sent, 40);
    assert_int_equal(driver_used(&d), 40);
    assert_int_equal(d.interrupts, 1);
    assert_int_equal(metric_get(&stats->no_tx_avail_buffer), 1); /* start */
    driver_notify(&d);
    assert_int_equal(metric_get(&stats->no_tx_avail_buffer), 2);
    assert_int_equal(d.interrupts, 1);
}

static void a_full_queue_is_sent_in_turns(void **state)
{
    (void)state;
    for (uint16_t n = 0; n < 256; n++)
        offer_frame(n, 100, 0xff);
    driver_notify(&d);
    assert_int_equal(host.num_sent, 256);
    assert_in_range(d.interrupts, 4, 5);
    assert_int_equal(metric_get(&stats->tx_remaining_reqs_count),
                     192 + 128 + 64);
}

static void frames_that_cannot_be_are_returned(void **state)
{
    static const struct {
        uint32_t len;
        uint16_t flags;
    } bad[] = {{0, 0},  {HDR - 1, 0},           {HDR, 0}, {HDR + ETH - 1, 0},
               {64, 2}, {NET_FRAME_MAX + 1, 0}, {0, 2}};

    (void)state;
    driver_select(&d, TX);
    for (uint16_t n = 0; n < ARRAY_LEN(bad); n++) {
        driver_desc(&d, n, DATA_AT, bad[n].len, bad[n].flags, 0);
        driver_offer(&d, n);
    }
    offer_frame(ARRAY_LEN(bad), HDR + ETH, 0xff);
    driver_notify(&d);
    assert_int_equal(driver_used(&d), ARRAY_LEN(bad) + 1);
    assert_int_equal(metric_get(&stats->tx_malformed_frames), ARRAY_LEN(bad));
    assert_int_equal(host.num_sent, 1);
    assert_int_equal(host.sent_bytes, HDR + ETH);
}

static void the_longest_frame_there_is_is_sent(void **state)
{
    (void)state;
    offer_frame(0, NET_FRAME_MAX, 0xff);
    driver_notify(&d);
    assert_int_equal(host.sent_bytes, NET_FRAME_MAX);
}

static void a_stranger_s_address_is_counted_and_sent(void **state)
{
    (void)state;
    offer_frame(0, 64, 0xff);
    *(uint8_t *)at(&d, DATA_AT + 0x80000 + HDR + 11, 1) = 99;
    driver_notify(&d);
    assert_int_equal(metric_get(&stats->tx_spoofed_mac_count), 1);
    assert_int_equal(host.num_sent, 1);
}

static void a_host_that_refuses_a_frame_is_counted(void **state)
{
    (void)state;
    host.send_rc = -EIO;
    send_frame(64, 0xff);
    assert_int_equal(driver_used(&d), 1);
    assert_int_equal(metric_get(&stats->tap_write_fails), 1);
    assert_int_equal(metric_get(&stats->tx_packets_count), 0);
}

static void a_host_without_room_is_asked_again(void **state)
{
    (void)state;
    host.full = true;
    offer_frame(0, 64, 0xff);
    offer_frame(1, 65, 0xff);
    driver_notify(&d);
    assert_int_equal(driver_used(&d), 0);
    host.full = false;
    host.base.ready(host.base.ctx);
    driver_select(&d, TX);
    assert_int_equal(driver_used(&d), 2);
    assert_int_equal(host.num_sent, 2);
    assert_int_equal(host.sent_bytes, 65);
}

/* --- to the guest --- */

static void expect_frame(gpa_t where, uint32_t skip, uint32_t len,
                         unsigned left)
{
    const uint8_t *bytes = at(&d, where, len);

    for (uint32_t k = 0; k < len; k++)
        assert_int_equal(bytes[k], (uint8_t)(k + skip + left));
}

static void a_frame_reaches_the_guest(void **state)
{
    (void)state;
    offer_buffers(50, 1600);
    assert_true(host.listening);
    frames_come(1, 100);
    assert_int_equal(driver_used(&d), 1);
    assert_int_equal(driver_used_at(&d, 0).id, 0);
    assert_int_equal(driver_used_at(&d, 0).len, 100);
    assert_int_equal(get16(&d, DATA_AT + 10), 1);
    expect_frame(DATA_AT + HDR, HDR, 100 - HDR, 1);
    assert_int_equal(d.interrupts, 1);
    assert_int_equal(metric_get(&stats->rx_packets_count), 1);
    assert_int_equal(metric_get(&stats->rx_count), 1);
    assert_int_equal(metric_get(&stats->rx_bytes_count), 100);
    assert_int_equal(metric_get(&stats->rx_tap_event_count), 1);
    assert_int_equal(metric_get(&stats->rx_queue_event_count), 2);
}

static void a_long_frame_takes_several_buffers(void **state)
{
    (void)state;
    offer_buffers(50, 1600);
    frames_come(2, 3300);
    assert_int_equal(driver_used(&d), 6);
    assert_int_equal(get16(&d, DATA_AT + 10), 3);
    for (unsigned n = 0; n < 6; n++) {
        assert_int_equal(driver_used_at(&d, n).id, n);
        assert_int_equal(driver_used_at(&d, n).len, n % 3 < 2 ? 1600 : 100);
    }
    expect_frame(DATA_AT + HDR, HDR, 3300 - HDR, 2);
    assert_int_equal(get16(&d, DATA_AT + 3 * 1600 + 10), 3);
    expect_frame(DATA_AT + 3 * 1600 + HDR, HDR, 3300 - HDR, 1);
    assert_int_equal(d.interrupts, 1);
}

static void frames_wait_for_room_for_the_longest(void **state)
{
    (void)state;
    offer_buffers(40, 1600); /* 64000: one could be longer */
    assert_false(host.listening);
    frames_come(1, 100);
    assert_int_equal(driver_used(&d), 0);
    assert_true(metric_get(&stats->no_rx_avail_buffer) > 0);
    driver_desc(&d, 40, DATA_AT + 64000, 1562, D_WRITE, 0);
    driver_offer(&d, 40);
    driver_notify(&d);
    assert_int_equal(driver_used(&d), 1);
    assert_int_equal(host.room, NET_FRAME_MAX);
    assert_false(host.listening);
}

static void a_header_may_be_cut_in_pieces(void **state)
{
    (void)state;
    driver_select(&d, RX);
    driver_desc(&d, 0, DATA_AT, 3, D_WRITE | D_NEXT, 1);
    driver_desc(&d, 1, DATA_AT + 100, 0, D_WRITE | D_NEXT, 2);
    driver_desc(&d, 2, DATA_AT + 3, 8, D_WRITE | D_NEXT, 3);
    driver_desc(&d, 3, DATA_AT + 11, 70000, D_WRITE, 0);
    driver_offer(&d, 0);
    driver_notify(&d);
    frames_come(1, 60000);
    assert_int_equal(driver_used_at(&d, 0).len, 60000);
    assert_int_equal(get16(&d, DATA_AT + 10), 1);
    expect_frame(DATA_AT + HDR, HDR, 60000 - HDR, 1);
}

static void without_merging_each_frame_has_one_chain(void **state)
{
    (void)state;
    driver_start(&d, 0);
    offer_buffers(4, 1600);
    frames_come(2, 1600);
    assert_int_equal(driver_used(&d), 2);
    assert_int_equal(get16(&d, DATA_AT + 10), 1);
    expect_frame(DATA_AT + HDR, HDR, 1600 - HDR, 2);
    expect_frame(DATA_AT + 1600 + HDR, HDR, 1600 - HDR, 1);
    frames_come(1, 1601); /* does not fit, and goes nowhere */
    assert_int_equal(driver_used(&d), 2);
    assert_int_equal(metric_get(&stats->rx_fails), 1);
    assert_int_equal(*(uint8_t *)at(&d, DATA_AT + 3 * 1600, 1), 0);
    frames_come(1, 60);
    assert_int_equal(driver_used_at(&d, 2).len, 60);
}

static void without_merging_long_frames_need_long_buffers(void **state)
{
    (void)state;
    driver_start(&d, VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4);
    offer_buffers(2, NET_FRAME_MAX - 1);
    assert_int_equal(driver_used(&d), 2);
    assert_int_equal(driver_used_at(&d, 1).len, 0);
    assert_int_equal(metric_get(&stats->rx_fails), 2);
    offer_buffers(2, NET_FRAME_MAX);
    frames_come(1, NET_FRAME_MAX);
    assert_int_equal(driver_used_at(&d, 2).len, NET_FRAME_MAX);
}

static void buffers_that_cannot_be_are_returned(void **state)
{
    (void)state;
    driver_select(&d, RX);
    driver_desc(&d, 0, DATA_AT, 64, 0, 0);
    driver_offer(&d, 0);
    driver_desc(&d, 1, DATA_AT, HDR - 1, D_WRITE, 0);
    driver_offer(&d, 1);
    driver_desc(&d, 2, DATA_AT, 64, D_NEXT, 3);
    driver_desc(&d, 3, DATA_AT, 70000, D_WRITE, 0);
    driver_offer(&d, 2);
    driver_notify(&d);
    assert_int_equal(driver_used(&d), 3);
    assert_int_equal(metric_get(&stats->rx_fails), 3);
    assert_int_equal(rd(&d, 0x70), 15);
}

/* Each chain is good by itself; what they have between them no queue has. */
static void the_same_buffers_over_and_over_stop_it(void **state)
{
    (void)state;
    driver_select(&d, RX);
    for (uint16_t n = 0; n < 255; n++)
        driver_desc(&d, n, DATA_AT, 1, D_WRITE | D_NEXT, (uint16_t)(n + 1));
    driver_desc(&d, 255, DATA_AT, 1, D_WRITE, 0);
    for (uint16_t n = 0; n < 2; n++)
        driver_offer(&d, 0);
    driver_notify(&d);
    assert_int_equal(rd(&d, 0x70), 15 | 64);
    assert_int_equal(driver_used(&d), 0);
    assert_false(host.listening);
    host.base.ready(host.base.ctx);
    assert_int_equal(metric_get(&stats->rx_tap_event_count), 0);
}

static void buffers_outside_ram_stop_it(void **state)
{
    (void)state;
    for (unsigned queue = RX; queue <= TX; queue++) {
        driver_start(&d, VIRTIO_NET_F_MRG_RXBUF);
        driver_select(&d, queue);
        driver_desc(&d, 0, RAM_END - 64, 65,
                    (uint16_t)(queue == RX ? D_WRITE : 0), 0);
        driver_offer(&d, 0);
        driver_notify(&d);
        assert_int_equal(rd(&d, 0x70), 15 | 64);
        assert_int_equal(driver_used(&d), 0);
        assert_int_equal(host.num_sent, 0);
    }
}

static void more_chains_than_places_stop_it(void **state)
{
    (void)state;
    for (unsigned queue = RX; queue <= TX; queue++) {
        driver_start(&d, VIRTIO_NET_F_MRG_RXBUF);
        driver_select(&d, queue);
        put16(&d, ring(&d, AVAIL_AT) + 2, 257);
        driver_notify(&d);
        assert_int_equal(rd(&d, 0x70), 15 | 64);
    }
}

static void buffers_are_kept_from_frame_to_frame(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        offer_buffers(50, 1600);
        frames_come(50, 1000 + round);
        offer_buffers(50, 1600);
        frames_come(0, 0);
        while (metric_get(&stats->rx_packets_count) % 50)
            frames_come(1, 1000 + round);
        assert_int_equal(rd(&d, 0x70), 15);
        driver_start(&d, VIRTIO_NET_F_MRG_RXBUF);
    }
    assert_int_equal(metric_get(&stats->rx_fails), 0);
}

/* With the ring always full, the places for buffers go round. */
static void frames_come_for_a_long_time(void **state)
{
    uint16_t used = 0, offered = 256;

    (void)state;
    offer_buffers(256, 1600);
    for (unsigned n = 1; n <= 1000; n++) {
        frames_come(1, 1650);
        assert_int_equal(driver_used(&d), 2 * n);
        assert_int_equal(metric_get(&stats->rx_bytes_count), 1650 * n);
        for (; used != driver_used(&d); used++, offered++) {
            assert_int_equal(driver_used_at(&d, used).id, used % 256);
            driver_offer(&d, offered % 256);
        }
    }
    assert_int_equal(rd(&d, 0x70), 15);
}

static void a_read_that_fails_is_counted(void **state)
{
    (void)state;
    offer_buffers(50, 1600);
    host.receive_rc = -EIO;
    frames_come(1, 100);
    assert_int_equal(metric_get(&stats->tap_read_fails), 1);
    assert_int_equal(driver_used(&d), 0);
    assert_true(host.listening);
}

/* --- the detour --- */

static void some_frames_take_the_detour(void **state)
{
    (void)state;
    send_frame(100, 2);
    assert_int_equal(detour.sent, 1);
    assert_int_equal(detour.len, 100 - HDR);
    assert_memory_equal(detour.frame + 6, my_mac, 6);
    assert_int_equal(host.num_sent, 0);
    assert_int_equal(driver_used(&d), 1);
    assert_int_equal(metric_get(&stats->tx_packets_count), 0);
    send_frame(100, 3);
    assert_int_equal(detour.wanted, 2);
    assert_int_equal(detour.sent, 1);
    assert_int_equal(host.num_sent, 1);
}

static void what_comes_back_on_it_is_a_frame(void **state)
{
    (void)state;
    offer_buffers(50, 1600);
    memset(at(&d, DATA_AT, HDR), 0x77, HDR);
    detour.answer = 2000;
    send_frame(100, 2);
    driver_select(&d, RX);
    assert_int_equal(driver_used(&d), 2);
    assert_int_equal(driver_used_at(&d, 1).len, 2000 + HDR - 1600);
    for (unsigned n = 0; n < 10; n++)
        assert_int_equal(*(uint8_t *)at(&d, DATA_AT + n, 1), 0);
    assert_int_equal(get16(&d, DATA_AT + 10), 2);
    assert_int_equal(*(uint8_t *)at(&d, DATA_AT + HDR, 1), 0xa5);
    assert_int_equal(*(uint8_t *)at(&d, DATA_AT + HDR + 1999, 1), 0xa5);
    detour.answer = 60;
    net_detour_ready(dev);
    assert_int_equal(driver_used(&d), 3);
}

static void without_merging_the_detour_has_one_chain(void **state)
{
    (void)state;
    driver_start(&d, 0);
    offer_buffers(4, 1600);
    detour.answer = 1600 - HDR + 1; /* goes nowhere */
    net_detour_ready(dev);
    assert_int_equal(driver_used(&d), 0);
    assert_int_equal(metric_get(&stats->rx_fails), 1);
    detour.answer = 1600 - HDR;
    net_detour_ready(dev);
    assert_int_equal(driver_used(&d), 1);
    assert_int_equal(driver_used_at(&d, 0).len, 1600);
    assert_int_equal(get16(&d, DATA_AT + 10), 1);
}

static void the_detour_is_free(void **state)
{
    const struct bucket_config one = {.size = 1, .refill_time_ms = 1000000};
    const struct net_limits limits = {.rx_ops = &one, .tx_ops = &one};

    (void)state;
    net_set_limits(dev, &limits);
    offer_buffers(50, 1600);
    for (unsigned n = 0; n < 5; n++) {
        detour.answer = 60;
        send_frame(100, 2);
    }
    driver_select(&d, RX);
    assert_int_equal(driver_used(&d), 5);
    assert_int_equal(metric_get(&stats->tx_rate_limiter_throttled), 0);
    send_frame(100, 3);
    assert_int_equal(host.num_sent, 1);
}

/* --- limits --- */

static void a_limit_holds_frames_of_the_guest_back(void **state)
{
    const struct bucket_config bytes = {.size = 250, .refill_time_ms = 1000000};
    const struct net_limits limits = {.tx_bytes = &bytes};

    (void)state;
    net_set_limits(dev, &limits);
    for (uint16_t n = 0; n < 4; n++)
        offer_frame(n, 100, 0xff);
    driver_notify(&d);
    assert_int_equal(host.num_sent, 2);
    assert_int_equal(driver_used(&d), 2);
    assert_int_equal(metric_get(&stats->tx_rate_limiter_throttled), 1);
    assert_int_equal(metric_get(&stats->tx_remaining_reqs_count), 2);
    driver_notify(&d);
    assert_int_equal(host.num_sent, 2);
    assert_int_equal(metric_get(&stats->tx_rate_limiter_throttled), 2);
}

/* It has been read by then, and waits in the guest's memory. */
static void a_limit_holds_frames_for_the_guest_back(void **state)
{
    const struct bucket_config ops = {.size = 2, .refill_time_ms = 1000000};
    const struct net_limits limits = {.rx_ops = &ops};

    (void)state;
    net_set_limits(dev, &limits);
    offer_buffers(50, 1600);
    frames_come(5, 100);
    assert_int_equal(host.num_frames, 2);
    assert_int_equal(driver_used(&d), 2);
    assert_int_equal(metric_get(&stats->rx_rate_limiter_throttled), 1);
    assert_false(host.listening);
    frames_come(2, 100);
    assert_int_equal(driver_used(&d), 2);
    assert_int_equal(host.num_frames, 2);
    assert_int_equal(metric_get(&stats->rx_packets_count), 2);
}

static void waiting_for_room_costs_no_tokens(void **state)
{
    const struct bucket_config ops = {.size = 1, .refill_time_ms = 1000000};
    const struct net_limits limits = {.tx_ops = &ops};

    (void)state;
    net_set_limits(dev, &limits);
    host.full = true;
    send_frame(100, 0xff);
    host.base.ready(host.base.ctx);
    host.full = false;
    host.base.ready(host.base.ctx);
    assert_int_equal(host.num_sent, 1);
}

/* --- on a worker, with its clock --- */

static void held_frames_go_on_by_themselves(void **state)
{
    const struct bucket_config ops = {.size = 2, .refill_time_ms = 100};
    struct worker *w = worker_new("test", NULL);
    const struct net_limits limits = {.tx_ops = &ops};
    struct nic_config cfg = nic();
    uint64_t start;

    (void)state;
    driver_release(&d);
    host.freed = 0;
    driver_init(&d, 256);
    d.num_queues = 2;
    dev = net_new(&cfg, w, &d.ram, NULL);
    driver_attach(&d, dev);
    driver_start(&d, VIRTIO_NET_F_MRG_RXBUF);
    net_set_limits(dev, &limits);
    start = host_mono_ns();
    for (uint16_t n = 0; n < 6; n++)
        offer_frame(n, 100, 0xff);
    driver_notify(&d);
    driver_wait(&d, 6);
    assert_true(host_mono_ns() - start > 190000000);
    assert_true(metric_get(&net_metrics_of(dev)->tx_rate_limiter_event_count) >=
                1);
    mmio_bus_free(d.bus);
    worker_free(w);
    d.bus = mmio_bus_new(NULL);
}

/* --- making one --- */

static void every_failed_allocation_is_survived(void **state)
{
    struct nic_config cfg = nic();
    struct virtio_dev *made = NULL;
    struct err e;

    (void)state;
    cfg.id = "eth0";
    for (long n = 0; !made; n++) {
        host.freed = 0;
        heap_fail_after(n);
        made = net_new(&cfg, NULL, &d.ram, &e);
        heap_fail_after(-1);
        assert_int_equal(host.freed, made ? 0 : 1);
    }
    made->ops->free(made);
    cfg.backend = NULL;
    assert_null(net_new(&cfg, NULL, &d.ram, &e));
    host.freed = 0;
}

static void addresses_are_read(void **state)
{
    static const char *const bad[] = {
        "",
        "06:00:ac:10:00",
        "06:00:ac:10:00:0g",
        "06:00:ac:10:00:02:",
        "06:00:ac:10:00:02:03",
        "6:0:ac:10:0:2",
        "06-00-ac-10-00-02",
        "06:00:ac:10:00: 2",
        "06:00:ac:10:00:2",
    };
    uint8_t mac[6];

    (void)state;
    assert_true(net_parse_mac("06:00:aC:10:00:02", mac));
    assert_memory_equal(mac, "\x06\x00\xac\x10\x00\x02", 6);
    for (unsigned n = 0; n < ARRAY_LEN(bad); n++)
        assert_false(net_parse_mac(bad[n], mac));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_offers_what_its_host_can),
        TEST(config_space_has_address_and_mtu),
        TEST(the_driver_may_change_its_address_and_nothing_else),
        TEST(the_host_learns_what_was_acked),
        TEST(a_host_that_fails_stops_the_driver),
        TEST(a_frame_reaches_the_host),
        TEST(many_frames_make_one_interrupt),
        TEST(a_full_queue_is_sent_in_turns),
        TEST(frames_that_cannot_be_are_returned),
        TEST(the_longest_frame_there_is_is_sent),
        TEST(a_stranger_s_address_is_counted_and_sent),
        TEST(a_host_that_refuses_a_frame_is_counted),
        TEST(a_host_without_room_is_asked_again),
        TEST(a_frame_reaches_the_guest),
        TEST(a_long_frame_takes_several_buffers),
        TEST(frames_wait_for_room_for_the_longest),
        TEST(a_header_may_be_cut_in_pieces),
        TEST(without_merging_each_frame_has_one_chain),
        TEST(without_merging_long_frames_need_long_buffers),
        TEST(buffers_that_cannot_be_are_returned),
        TEST(the_same_buffers_over_and_over_stop_it),
        TEST(buffers_outside_ram_stop_it),
        TEST(more_chains_than_places_stop_it),
        TEST(buffers_are_kept_from_frame_to_frame),
        TEST(frames_come_for_a_long_time),
        TEST(a_read_that_fails_is_counted),
        TEST(some_frames_take_the_detour),
        TEST(what_comes_back_on_it_is_a_frame),
        TEST(without_merging_the_detour_has_one_chain),
        TEST(the_detour_is_free),
        TEST(a_limit_holds_frames_of_the_guest_back),
        TEST(a_limit_holds_frames_for_the_guest_back),
        TEST(waiting_for_room_costs_no_tokens),
        TEST(held_frames_go_on_by_themselves),
        TEST(every_failed_allocation_is_survived),
        TEST(addresses_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
