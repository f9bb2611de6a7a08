// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The offloads of a NIC (virtio 1.2, 5.1.6) in front of a network stack that
 * has none, but takes and gives packets of up to 64 KiB. What the guest left
 * undone is done; and so that the stack makes large segments, the guest's offer
 * of a segment size is made larger on its way, and remembered: what comes back
 * larger tells the guest's kernel what size it stands for. One thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/inet.h"
#include "dev/net_backend.h"

enum {
    NET_OFFLOAD_FEATURES = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM |
                           VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 |
                           VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6,
    NET_OFFLOAD_FLOWS = 1024
};

struct net_offload {
    uint64_t acked; /* features the driver took */
    size_t mtu;     /* of the stack's packets */
    struct {
        uint32_t tag;
        uint16_t mss;           /* the guest's, of that connection */
    } flows[NET_OFFLOAD_FLOWS]; /* by a hash: the last one stays */
};

/* A frame from the guest, behind its header: does what the header asks for and
   what is said above. False: it makes no sense. */
bool net_offload_from_guest(struct net_offload *o, uint8_t *with_header,
                            size_t len, struct inet *in);

/* The header for a frame to the guest. `frame` is its beginning up to in->data
   at least, which may be changed. */
void net_offload_to_guest(const struct net_offload *o, uint8_t *frame,
                          const struct inet *in, uint8_t *header);
