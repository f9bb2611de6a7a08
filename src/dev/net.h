// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The virtio network device (virtio 1.2, 5.1): one pair of queues, no control
 * queue. Where its frames go on the host is a back end's affair
 * (dev/net_backend.h); what squib itself answers takes a detour before it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/metrics.h"
#include "dev/net_backend.h"
#include "dev/rate_limiter.h"
#include "dev/virtio.h"

enum {
    NET_MAC_BYTES = 6,
    NET_ETH_BYTES = 14,  /* destination, source, EtherType */
    NET_HEAD_BYTES = 42, /* what a detour decides by: Ethernet and ARP */
    NET_DETOUR_MAX = NET_FRAME_MAX - NET_HDR_BYTES
};

/*
 * A network stack of squib's own that some frames of the guest go to, such as
 * the MMDS's: they do not reach the back end, and no rate limiter counts them,
 * nor the frames it sends. All on the device's worker, one at a time. Frames
 * begin with the Ethernet header; there is no virtio header before them.
 *
 * Its user keeps it as long as the device lives. Checksums of a frame from the
 * guest may be left out and its TCP segments may be as long as a frame can be:
 * the guest believes that a TAP would see to that.
 */
struct net_detour {
    /* Is a frame that begins so for us? len: NET_ETH_BYTES to NET_HEAD_BYTES,
       less than the latter only if that is all of it. */
    bool (*wants)(void *ctx, const uint8_t *head, size_t len);

    /* That frame, whole, with the same beginning; a copy, gone afterwards.
       What it is answered is asked for before the device waits again. */
    void (*send)(void *ctx, const uint8_t *frame, size_t len);

    /* The next frame for the guest, NET_DETOUR_MAX bytes at most: its length,
       or 0: none. Only called when there is room for it in the guest. */
    size_t (*receive)(void *ctx, uint8_t *frame);

    /* The driver has gone: whatever was under way is over. May be NULL. */
    void (*reset)(void *ctx);

    void *ctx; /* borrowed */
};

struct nic_config {
    const char *id;              /* in metrics; NULL: not there. Borrowed for
                                    the call */
    struct net_backend *backend; /* the device's from now on, on failure too;
                                    NULL: why is in *e already */
    bool has_mac;
    uint8_t mac[NET_MAC_BYTES];
    uint16_t mtu; /* 0: the guest's own choice */
    struct limiter_config rx, tx;
    const struct net_detour *detour; /* borrowed; NULL: none */
};

/* worker and ram are borrowed. NULL: why in *e. */
struct virtio_dev *net_new(const struct nic_config *cfg, struct worker *worker,
                           struct gmem *ram, struct err *e);

/* rate_limiter_update; NULL: that bucket stays as it is. Any thread. */
struct net_limits {
    const struct bucket_config *rx_bytes, *rx_ops, *tx_bytes, *tx_ops;
};
void net_set_limits(struct virtio_dev *dev, const struct net_limits *limits);

/* The detour has a frame for the guest that no frame of the guest's brought
   about, say after a timer. On the worker, and not from the detour's send. */
void net_detour_ready(struct virtio_dev *dev);

/* "06:00:AC:10:00:02": false if it is none. */
bool net_parse_mac(const char *text, uint8_t mac[NET_MAC_BYTES]);

/* Borrowed; any thread may read them (metric_get). */
struct net_metrics *net_metrics_of(struct virtio_dev *dev);
