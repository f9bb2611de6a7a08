// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What lies in an Ethernet frame: Ethernet II, ARP (RFC 826), IPv4 (RFC 791),
 * IPv6 (RFC 8200), TCP (RFC 9293), UDP (RFC 768). Offsets into bytes that the
 * caller owns and nobody else writes to.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ETH_BYTES = 14,
    ETH_ADDR = 6,
    ETH_IP4 = 0x0800,
    ETH_ARP = 0x0806,
    ETH_IP6 = 0x86dd,
    ARP_BYTES = 28,
    IP4_BYTES = 20, /* without options */
    IP6_BYTES = 40,
    TCP_BYTES = 20, /* without options */
    UDP_BYTES = 8,
    IP_TCP = 6,
    IP_UDP = 17,
    TCP_SUM = 16, /* where the checksum is */
    UDP_SUM = 6
};

enum {
    TCP_FIN = 1,
    TCP_SYN = 2,
    TCP_RST = 4,
    TCP_PSH = 8,
    TCP_ACK = 16,
    TCP_URG = 32
};

/* The parts of a frame that makes sense; offsets from the frame's start. */
struct inet {
    uint16_t type;    /* ETH_* */
    bool is_fragment; /* IPv4: the first, the last or one in between */
    uint8_t proto;    /* IP_*, or what else is in the packet */
    uint32_t l4;      /* where the packet's data begins */
    uint32_t end;     /* where it ends: padding may follow */
    uint32_t data; /* TCP and UDP, when whole: behind their header; else l4 */
};

/* False: this is no ARP, IPv4 or IPv6, or its lengths contradict each other. */
bool inet_parse(const uint8_t *frame, size_t len, struct inet *out);

static inline bool inet_is_tcp(const struct inet *in)
{
    return in->proto == IP_TCP && in->data > in->l4;
}

static inline bool inet_is_udp(const struct inet *in)
{
    return in->proto == IP_UDP && in->data > in->l4;
}

/* Adds to a checksum's sum (RFC 1071). All parts but the last have an even
   length. */
uint32_t inet_sum(uint32_t sum, const void *data, size_t len);

/* The sum, folded, not inverted; stored as it is, on a little-endian host. */
uint16_t inet_fold(uint32_t sum);

/* The sum of the pseudo header of a TCP or UDP packet. */
uint32_t inet_pseudo_sum(const uint8_t *frame, const struct inet *in);

/* Puts the right checksum into a whole TCP or UDP packet. */
void inet_set_sum(uint8_t *frame, const struct inet *in);

/* Is the one that is there right? */
bool inet_sum_is_right(const uint8_t *frame, const struct inet *in);

/* The TCP option of this kind and length, in the header at `tcp` with its
   options: its value. NULL: there is none. */
uint8_t *inet_tcp_option(uint8_t *tcp, size_t header_len, uint8_t kind,
                         uint8_t len);

/* A number for the connection of a TCP packet, the same for both directions. */
uint64_t inet_flow_hash(const uint8_t *frame, const struct inet *in,
                        bool from_guest);

static inline uint16_t inet_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t inet_get32(const uint8_t *at)
{
    return (uint32_t)inet_get16(at) << 16 | inet_get16(at + 2);
}

static inline void inet_put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void inet_put32(uint8_t *at, uint32_t value)
{
    inet_put16(at, (uint16_t)(value >> 16));
    inet_put16(at + 2, (uint16_t)value);
}
