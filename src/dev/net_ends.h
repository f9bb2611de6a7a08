// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Connections of a guest that both sides have ended, the host's first.
 * libslirp keeps each of them for 10 to 30 seconds (TIME_WAIT, RFC 9293, 3.6.1)
 * with its socket, so that a guest which makes short ones would soon have all
 * it may have. Nothing is lost between the guest and the library: when each has
 * acknowledged the other's FIN, an RST that seems to be the guest's can end it.
 *
 * On the worker's thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dev/flow_notes.h"
#include "dev/inet.h"

/* More wait for the library's time. */
enum { NET_ENDS_MAX = 64 };

struct net_end {
    uint64_t hash;
    uint32_t seq;  /* behind the guest's FIN */
    uint16_t port; /* of the other side */
    uint16_t len;
    uint8_t frame[ETH_BYTES + 60 + 60]; /* the RST */
};

struct net_ends {
    struct flow_notes fins; /* what acknowledges those of the library */
    struct net_end last;    /* is to be acknowledged, or else has not ended */
    bool has_last;
    struct net_end list[NET_ENDS_MAX];
    unsigned count;
};

/* What the library is about to get, and what it sends. */
void net_ends_from_guest(struct net_ends *e, const uint8_t *frame,
                         const struct inet *in);
void net_ends_to_guest(struct net_ends *e, const uint8_t *frame,
                       const struct inet *in);

/* The next one to be ended, false: there is none. Those to ports that are busy
   stay: something may still be on its way there. */
typedef bool net_port_is_busy(uint16_t port, void *ctx);
bool net_ends_take(struct net_ends *e, net_port_is_busy *is_busy, void *ctx,
                   struct net_end *out);
