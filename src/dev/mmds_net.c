// SPDX-License-Identifier: Apache-2.0
/* The metadata service on the link: ARP, and what is TCP for mmds_tcp.c. */

#include "dev/mmds_net.h"

#include <errno.h>
#include <string.h>

#include "base/heap.h"
#include "base/macros.h"
#include "base/metrics.h"
#include "host/host.h"

static const uint8_t our_mac[ETH_ADDR] = {0x06, 0x01, 0x23, 0x45, 0x67, 0x01};

/* Where they are in an ARP frame (RFC 826). */
enum {
    ARP_OP = ETH_BYTES + 6,
    ARP_SENDER_MAC = ETH_BYTES + 8,
    ARP_SENDER_IP = ETH_BYTES + 14,
    ARP_TARGET_MAC = ETH_BYTES + 18,
    ARP_TARGET_IP = ETH_BYTES + 24,
    ARP_FRAME = ETH_BYTES + ARP_BYTES,
    ARP_REQUEST = 1,
    ARP_REPLY = 2
};
static_assert((int)ARP_FRAME == (int)NET_HEAD_BYTES, "what wants() is shown");

struct mmds_net {
    struct net_detour detour;
    struct mmds_tcp tcp;
    struct worker *worker; /* borrowed, as the NIC */
    struct virtio_dev *nic;
    struct worker_timer timer;
    bool has_question; /* of ARP; the last one is answered */
    uint8_t question[ARP_FRAME];
};

static bool is_question(const uint8_t *frame)
{
    static const uint8_t ethernet_ip4[] = {0, 1, 8, 0, 6, 4, 0, ARP_REQUEST};

    return memcmp(frame + ETH_BYTES, ethernet_ip4, sizeof(ethernet_ip4)) == 0;
}

/* Whatever names our address is for us, of use or not: none of it is the
   host's. */
static bool wants(void *ctx, const uint8_t *head, size_t len)
{
    const struct mmds_net *m = ctx;

    switch (inet_get16(head + 12)) {
    case ETH_ARP:
        return len >= ARP_FRAME &&
               memcmp(head + ARP_TARGET_IP, m->tcp.ip, 4) == 0;
    case ETH_IP4:
        return len >= ETH_BYTES + IP4_BYTES &&
               memcmp(head + ETH_BYTES + 16, m->tcp.ip, 4) == 0;
    default:
        return false;
    }
}

/* A question, or IP whose TCP, if it has some, is all there. */
static bool is_sound(const uint8_t *frame, size_t len, struct inet *in)
{
    if (!inet_parse(frame, len, in))
        return false;
    if (in->type == ETH_ARP)
        return is_question(frame);
    return in->proto != IP_TCP || inet_is_tcp(in);
}

static void take(void *ctx, const uint8_t *frame, size_t len)
{
    struct mmds_net *m = ctx;
    struct inet in;

    metric_inc(&metrics.mmds.rx_accepted);
    if (!is_sound(frame, len, &in)) {
        metric_inc(&metrics.mmds.rx_accepted_err);
    } else if (in.type == ETH_ARP) {
        memcpy(m->question, frame, sizeof(m->question));
        m->has_question = true;
        metric_inc(&metrics.mmds.rx_count);
    } else if (inet_is_tcp(&in)) {
        mmds_tcp_input(&m->tcp, frame, &in, host_mono_ns());
        metric_inc(&metrics.mmds.rx_count);
    } else {
        metric_inc(&metrics.mmds.rx_accepted_unusual);
    }
}

static size_t answer_question(struct mmds_net *m, uint8_t *frame)
{
    const uint8_t *q = m->question;

    m->has_question = false;
    memcpy(frame, q, ARP_FRAME);
    memcpy(frame, q + ETH_ADDR, ETH_ADDR);
    memcpy(frame + ETH_ADDR, our_mac, ETH_ADDR);
    frame[ARP_OP + 1] = ARP_REPLY;
    memcpy(frame + ARP_SENDER_MAC, our_mac, ETH_ADDR);
    memcpy(frame + ARP_SENDER_IP, q + ARP_TARGET_IP, 4);
    memcpy(frame + ARP_TARGET_MAC, q + ARP_SENDER_MAC, ETH_ADDR);
    memcpy(frame + ARP_TARGET_IP, q + ARP_SENDER_IP, 4);
    return ARP_FRAME;
}

static void set_timer(struct mmds_net *m)
{
    uint64_t deadline = mmds_tcp_deadline(&m->tcp);

    if (deadline == UINT64_MAX)
        worker_timer_stop(m->worker, &m->timer);
    else if (worker_timer_set(m->worker, &m->timer, deadline) < 0)
        metric_inc(&metrics.mmds.tx_errors);
}

static size_t give(void *ctx, uint8_t *frame)
{
    struct mmds_net *m = ctx;
    size_t len = m->has_question
                     ? answer_question(m, frame)
                     : mmds_tcp_output(&m->tcp, frame, host_mono_ns());

    if (!len) {
        set_timer(m);
        return 0;
    }
    metric_inc(&metrics.mmds.tx_count);
    metric_inc(&metrics.mmds.tx_frames);
    metric_add(&metrics.mmds.tx_bytes, len);
    return len;
}

/* It asks for frames, which sets the timer again. */
static void on_time(void *ctx)
{
    struct mmds_net *m = ctx;

    if (m->nic)
        net_detour_ready(m->nic);
}

static void reset(void *ctx)
{
    struct mmds_net *m = ctx;

    worker_timer_stop(m->worker, &m->timer);
    mmds_tcp_reset(&m->tcp);
    m->has_question = false;
}

struct mmds_net *mmds_net_new(const uint8_t ip[4],
                              const struct mmds_answerer *answerer,
                              struct worker *worker, struct err *e)
{
    struct mmds_net *m = heap_zalloc(sizeof(*m));

    if (!m) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    m->detour = (struct net_detour){.wants = wants,
                                    .send = take,
                                    .receive = give,
                                    .reset = reset,
                                    .ctx = m};
    m->tcp.answerer = *answerer;
    memcpy(m->tcp.mac, our_mac, sizeof(our_mac));
    memcpy(m->tcp.ip, ip, 4);
    m->worker = worker;
    m->timer = (struct worker_timer){.fn = on_time, .ctx = m};
    return m;
}

const struct net_detour *mmds_net_detour(const struct mmds_net *m)
{
    return &m->detour;
}

void mmds_net_set_nic(struct mmds_net *m, struct virtio_dev *nic)
{
    m->nic = nic;
}

void mmds_net_free(struct mmds_net *m)
{
    if (!m)
        return;
    worker_call(m->worker, reset, m);
    heap_free(m);
}
