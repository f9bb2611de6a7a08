// SPDX-License-Identifier: Apache-2.0
/* Checksums and large segments for a stack without offloads. */

#include "dev/net_offload.h"

#include <string.h>

#include "base/macros.h"

/* virtio 1.2, 5.1.6: struct virtio_net_hdr. */
struct net_hdr {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t hdr_len;
    uint16_t gso_size;
    uint16_t csum_start; /* from the frame's beginning, as the next */
    uint16_t csum_offset;
    uint16_t num_buffers;
};
static_assert(sizeof(struct net_hdr) == NET_HDR_BYTES, "virtio 1.2, 5.1.6");

enum { HDR_F_NEEDS_CSUM = 1, HDR_F_DATA_VALID = 2 };
enum {
    HDR_GSO_NONE = 0,
    HDR_GSO_TCPV4 = 1,
    HDR_GSO_TCPV6 = 4,
    HDR_GSO_ECN = 0x80
};

enum { TCP_OPT_MSS = 2, SAFE_MSS = 536 /* RFC 9293, 3.7.1 */ };

/* ---- connections ---- */

static void remember(struct net_offload *o, uint64_t hash, uint16_t mss)
{
    unsigned n = hash % NET_OFFLOAD_FLOWS;

    o->flows[n].tag = (uint32_t)(hash >> 32);
    o->flows[n].mss = mss;
}

static uint16_t recall(const struct net_offload *o, uint64_t hash)
{
    unsigned n = hash % NET_OFFLOAD_FLOWS;

    return o->flows[n].tag == (uint32_t)(hash >> 32) && o->flows[n].mss
               ? o->flows[n].mss
               : SAFE_MSS;
}

/* ---- from the guest ---- */

static bool can_take_large(const struct net_offload *o, const struct inet *in)
{
    uint64_t feature =
        in->type == ETH_IP4 ? VIRTIO_NET_F_GUEST_TSO4 : VIRTIO_NET_F_GUEST_TSO6;

    return o->acked & feature;
}

/* The guest says how large its segments may be: larger, for the stack. */
static bool raise_mss(struct net_offload *o, uint8_t *frame,
                      const struct inet *in)
{
    uint8_t *tcp = frame + in->l4, *mss;
    size_t headers = (in->type == ETH_IP4 ? IP4_BYTES : IP6_BYTES) + TCP_BYTES;

    if (!inet_is_tcp(in) || !(tcp[13] & TCP_SYN) || !can_take_large(o, in))
        return false;
    mss = inet_tcp_option(tcp, in->data - in->l4, TCP_OPT_MSS, 4);
    if (!mss || !inet_get16(mss) || inet_get16(mss) >= o->mtu - headers)
        return false;
    remember(o, inet_flow_hash(frame, in, true), inet_get16(mss));
    inet_put16(mss, (uint16_t)(o->mtu - headers));
    return true;
}

/* What is neither TCP nor UDP: as the header says. */
static bool finish_sum(const struct net_hdr *h, uint8_t *frame, size_t len)
{
    size_t at = (size_t)h->csum_start + h->csum_offset;
    uint16_t sum;

    if (h->csum_start > len || at + 2 > len)
        return false;
    sum = (uint16_t)~inet_fold(
        inet_sum(0, frame + h->csum_start, len - h->csum_start));
    memcpy(frame + at, &sum, 2);
    return true;
}

bool net_offload_from_guest(struct net_offload *o, uint8_t *with_header,
                            size_t len, struct inet *in)
{
    uint8_t *frame = with_header + NET_HDR_BYTES;
    struct net_hdr h;
    bool has_sum, raised;

    if (len < NET_HDR_BYTES)
        return false;
    memcpy(&h, with_header, sizeof(h));
    len -= NET_HDR_BYTES;
    if (!inet_parse(frame, len, in))
        return false;
    has_sum = inet_is_tcp(in) || inet_is_udp(in);
    if ((h.gso_type & ~HDR_GSO_ECN) != HDR_GSO_NONE && !inet_is_tcp(in))
        return false;
    raised = raise_mss(o, frame, in);
    if (has_sum && (raised || h.flags & HDR_F_NEEDS_CSUM))
        inet_set_sum(frame, in);
    else if (h.flags & HDR_F_NEEDS_CSUM)
        return finish_sum(&h, frame, len);
    return true;
}

/* ---- to the guest ---- */

/* The guest's kernel treats it as the segments it stands for, whose checksums
   it would finish if it sent them on. */
static void mark_large(uint8_t *frame, const struct inet *in, uint16_t mss,
                       struct net_hdr *h)
{
    uint16_t sum = inet_fold(inet_pseudo_sum(frame, in));

    memcpy(frame + in->l4 + TCP_SUM, &sum, 2);
    h->flags = HDR_F_NEEDS_CSUM;
    h->gso_type = in->type == ETH_IP4 ? HDR_GSO_TCPV4 : HDR_GSO_TCPV6;
    h->hdr_len = (uint16_t)in->data;
    h->gso_size = mss;
    h->csum_start = (uint16_t)in->l4;
    h->csum_offset = TCP_SUM;
}

void net_offload_to_guest(const struct net_offload *o, uint8_t *frame,
                          const struct inet *in, uint8_t *header)
{
    struct net_hdr h = {.num_buffers = 1};
    uint16_t mss = UINT16_MAX;

    if (inet_is_tcp(in) && can_take_large(o, in))
        mss = recall(o, inet_flow_hash(frame, in, false));
    if (in->end - in->data > mss && !(frame[in->l4 + 13] & TCP_SYN))
        mark_large(frame, in, mss, &h);
    else if ((o->acked & VIRTIO_NET_F_GUEST_CSUM) &&
             (inet_is_tcp(in) || inet_is_udp(in)))
        h.flags = HDR_F_DATA_VALID;
    memcpy(header, &h, sizeof(h));
}
