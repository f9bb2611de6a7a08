// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Puts fragments of IPv4 packets together again (RFC 791, 3.2), for a few
 * packets at a time: a guest that begins more of them loses the oldest. So what
 * comes after it never sees a fragment, and fragments use a bounded memory.
 */

#include <stdint.h>

#include "dev/inet.h"

enum {
    IP_REASS_PACKETS = 4,
    IP_REASS_DATA = 65536, /* after the header */
    IP_REASS_FRAME_MAX = ETH_BYTES + 65535
};

struct ip_reass_packet {
    bool used;
    uint8_t key[11]; /* addresses, protocol, identification */
    uint8_t header[ETH_BYTES + 60];
    uint32_t header_len; /* 0: the first fragment has not come */
    uint32_t end;        /* of the data; 0: the last one has not */
    uint32_t top;        /* where the data that came ends */
    uint32_t have;       /* units of 8 bytes that came */
    uint64_t since_ns;
    uint8_t units[IP_REASS_DATA / 8 / 8]; /* a bit each */
    uint8_t data[IP_REASS_DATA];
};

struct ip_reass {
    struct ip_reass_packet packets[IP_REASS_PACKETS];
};

/* Takes a frame for which inet_parse says is_fragment. The length of the whole
   frame, put into `out` (IP_REASS_FRAME_MAX bytes), when that was the last one
   missing; else 0. */
uint32_t ip_reass_add(struct ip_reass *r, const uint8_t *frame,
                      const struct inet *in, uint64_t now_ns, uint8_t *out);
