// SPDX-License-Identifier: Apache-2.0
/* Parsing frames, and the Internet's checksum. */

#include "dev/inet.h"

#include <string.h>

#include "base/macros.h"

static bool parse_ip4(const uint8_t *frame, size_t len, struct inet *out)
{
    const uint8_t *ip = frame + ETH_BYTES;
    size_t room = len - ETH_BYTES, header, total;

    if (room < IP4_BYTES || ip[0] >> 4 != 4)
        return false;
    header = (ip[0] & 15u) * 4;
    total = inet_get16(ip + 2);
    if (header < IP4_BYTES || total < header || total > room)
        return false;
    out->is_fragment = inet_get16(ip + 6) & 0x3fff; /* more, or an offset */
    out->proto = ip[9];
    out->l4 = (uint32_t)(ETH_BYTES + header);
    out->end = (uint32_t)(ETH_BYTES + total);
    return true;
}

/* Extension headers are not looked into: they are what is in the packet. */
static bool parse_ip6(const uint8_t *frame, size_t len, struct inet *out)
{
    const uint8_t *ip = frame + ETH_BYTES;
    size_t room = len - ETH_BYTES;

    if (room < IP6_BYTES || ip[0] >> 4 != 6 ||
        inet_get16(ip + 4) > room - IP6_BYTES)
        return false;
    out->proto = ip[6];
    out->l4 = ETH_BYTES + IP6_BYTES;
    out->end = out->l4 + inet_get16(ip + 4);
    return true;
}

/* TCP and UDP headers that make no sense are left for who reads data. */
static void parse_l4(const uint8_t *frame, struct inet *out)
{
    uint32_t room = out->end - out->l4;

    if (out->is_fragment)
        return;
    if (out->proto == IP_UDP && room >= UDP_BYTES) {
        out->data = out->l4 + UDP_BYTES;
    } else if (out->proto == IP_TCP && room >= TCP_BYTES) {
        uint32_t header = (frame[out->l4 + 12] >> 4) * 4u;

        if (header >= TCP_BYTES && header <= room)
            out->data = out->l4 + header;
    }
}

bool inet_parse(const uint8_t *frame, size_t len, struct inet *out)
{
    bool fine;

    *out = (struct inet){0};
    if (len < ETH_BYTES)
        return false;
    out->type = inet_get16(frame + 12);
    switch (out->type) {
    case ETH_ARP:
        out->l4 = out->data = ETH_BYTES;
        out->end = (uint32_t)len;
        return len >= ETH_BYTES + ARP_BYTES;
    case ETH_IP4:
        fine = parse_ip4(frame, len, out);
        break;
    case ETH_IP6:
        fine = parse_ip6(frame, len, out);
        break;
    default:
        return false;
    }
    if (!fine)
        return false;
    out->data = out->l4;
    parse_l4(frame, out);
    return true;
}

/* Words of 32 bits at a time: two 16-bit sums side by side, whose carries meet
   when it is folded (RFC 1071, 2). Memory order serves on both ends. */
uint32_t inet_sum(uint32_t sum, const void *data, size_t len)
{
    const uint8_t *at = data;
    uint64_t a = sum, b = 0;
    uint32_t word[4];

    for (; len >= 16; len -= 16, at += 16) {
        memcpy(word, at, 16);
        a += (uint64_t)word[0] + word[1];
        b += (uint64_t)word[2] + word[3];
    }
    a += b;
    for (; len >= 4; len -= 4, at += 4) {
        memcpy(word, at, 4);
        a += word[0];
    }
    word[0] = 0;
    memcpy(word, at, len);
    a += word[0];
    a = (a & UINT32_MAX) + (a >> 32);
    a = (a & UINT32_MAX) + (a >> 32);
    return (uint32_t)a;
}

uint16_t inet_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)(sum + (sum >> 16));
}

uint32_t inet_pseudo_sum(const uint8_t *frame, const struct inet *in)
{
    const uint8_t *ip = frame + ETH_BYTES;
    uint8_t rest[4] = {0, in->proto};

    inet_put16(rest + 2, (uint16_t)(in->end - in->l4));
    if (in->type == ETH_IP4)
        return inet_sum(inet_sum(0, ip + 12, 8), rest, 4);
    return inet_sum(inet_sum(0, ip + 8, 32), rest, 4);
}

static size_t sum_offset(const struct inet *in)
{
    return in->l4 + (inet_is_tcp(in) ? TCP_SUM : UDP_SUM);
}

void inet_set_sum(uint8_t *frame, const struct inet *in)
{
    uint8_t *at = frame + sum_offset(in);
    uint16_t sum;

    memset(at, 0, 2);
    sum = (uint16_t)~inet_fold(
        inet_sum(inet_pseudo_sum(frame, in), frame + in->l4, in->end - in->l4));
    if (!sum && inet_is_udp(in))
        sum = 0xffff; /* 0 stands for none */
    memcpy(at, &sum, 2);
}

bool inet_sum_is_right(const uint8_t *frame, const struct inet *in)
{
    return inet_fold(inet_sum(inet_pseudo_sum(frame, in), frame + in->l4,
                              in->end - in->l4)) == 0xffff;
}

uint8_t *inet_tcp_option(uint8_t *tcp, size_t header_len, uint8_t kind,
                         uint8_t len)
{
    size_t at = TCP_BYTES;

    while (at < header_len && tcp[at] != 0) {
        size_t size = tcp[at] == 1 ? 1 : at + 1 < header_len ? tcp[at + 1] : 0;

        if (size > header_len - at || size < (tcp[at] == 1 ? 1u : 2u))
            return NULL;
        if (tcp[at] == kind && size == len)
            return tcp + at + 2;
        at += size;
    }
    return NULL;
}

uint64_t inet_flow_hash(const uint8_t *frame, const struct inet *in,
                        bool from_guest)
{
    size_t len = in->type == ETH_IP4 ? 4 : 16;
    const uint8_t *source = frame + ETH_BYTES + (len == 4 ? 12 : 8);
    const uint8_t *port = frame + in->l4;
    const uint8_t *parts[2][2] = {{source, port}, {source + len, port + 2}};
    uint64_t hash = len;

    for (unsigned side = 0; side < 2; side++) {
        const uint8_t **part = parts[side ^ !from_guest];

        for (size_t n = 0; n < len; n += 4)
            hash = (hash ^ inet_get32(part[0] + n)) * 0x9e3779b97f4a7c15u;
        hash = (hash ^ inet_get16(part[1]) ^ hash >> 29) * 0xbf58476d1ce4e5b9u;
    }
    return hash ^ hash >> 32;
}
