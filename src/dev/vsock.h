// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The virtio socket device (virtio 1.2, 5.10): streams between programs of the
 * guest and Unix sockets of the host, with Firecracker's protocol on them. See
 * docs/vsock.md.
 *
 * vsock.c: the queues. vsock_packet.h: packets in chains. vsock_mux.h: all
 * connections. vsock_conn.h: one. vsock_host.h: clients of the host.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fields.h"
#include "dev/virtio.h"

struct vsock_options {
    uint32_t guest_cid;
    const char *path; /* of the host's socket; borrowed for the call */
    int listener;     /* bound there; borrowed, does not block */

    /* 0: as usual. How long little credit may be owed to the guest, and its
       packets be kept, of how many descriptors at most. */
    uint64_t credit_ns, tx_ns;
    unsigned tx_kept;
};

/* worker and ram are borrowed. NULL: why in *e. */
struct virtio_dev *vsock_new(const struct vsock_options *opt,
                             struct worker *worker, struct gmem *ram,
                             struct err *e);

/* What a snapshot holds of the device besides its queues. */
struct vsock_state {
    uint32_t last_port; /* of ours, given to the last client of the host */
    uint8_t reset_due;  /* the guest is to be told of the reset */
    uint8_t gated;      /* it was; nothing is sent until it has understood */
    uint16_t gate;      /* then it offers more events than these */
};

extern const struct field vsock_fields[];
extern const unsigned num_vsock_fields;

/* Any thread. */
void vsock_get_state(struct virtio_dev *dev, struct vsock_state *state);
void vsock_set_state(struct virtio_dev *dev, const struct vsock_state *state);

/* Before a snapshot: all connections end, and the guest is told by an event
   that they have (5.10.6.7). Until it has taken note it is sent nothing. The
   sockets it listens on stay. Any thread. */
void vsock_transport_reset(struct virtio_dev *dev);
