// SPDX-License-Identifier: Apache-2.0
/* Fragments of IPv4 packets. Overlaps are allowed: what comes last stays. */

#include "dev/ip_reass.h"

#include <string.h>

#include "base/macros.h"

enum { UNIT = 8 };
#define LIFE_NS (30 * 1000000000ull)

static void key_of(const uint8_t *ip, uint8_t *key)
{
    memcpy(key, ip + 12, 8); /* the addresses */
    key[8] = ip[9];
    memcpy(key + 9, ip + 4, 2);
}

/* Its packet, a free one, or the oldest in their place. */
static struct ip_reass_packet *find(struct ip_reass *r, const uint8_t *ip,
                                    uint64_t now_ns)
{
    struct ip_reass_packet *oldest = &r->packets[0];
    uint8_t key[sizeof(oldest->key)];

    key_of(ip, key);
    for (unsigned n = 0; n < IP_REASS_PACKETS; n++) {
        struct ip_reass_packet *p = &r->packets[n];

        if (p->used && now_ns - p->since_ns > LIFE_NS)
            p->used = false;
        if (p->used && memcmp(p->key, key, sizeof(key)) == 0)
            return p;
        if (oldest->used && (!p->used || p->since_ns < oldest->since_ns))
            oldest = p;
    }
    oldest->used = true;
    memcpy(oldest->key, key, sizeof(key));
    oldest->header_len = oldest->end = oldest->top = oldest->have = 0;
    oldest->since_ns = now_ns;
    memset(oldest->units, 0, sizeof(oldest->units));
    return oldest;
}

static void mark(struct ip_reass_packet *p, uint32_t from, uint32_t to)
{
    for (uint32_t unit = from / UNIT; unit < (to + UNIT - 1) / UNIT; unit++) {
        uint8_t bit = (uint8_t)(1 << unit % 8);

        p->have += !(p->units[unit / 8] & bit);
        p->units[unit / 8] |= bit;
    }
}

static uint32_t finish(struct ip_reass_packet *p, uint8_t *out)
{
    uint8_t *ip = out + ETH_BYTES;
    uint32_t ip_len = p->header_len - ETH_BYTES;
    uint16_t sum;

    p->used = false;
    if (ip_len + p->end > UINT16_MAX)
        return 0;
    memcpy(out, p->header, p->header_len);
    memcpy(out + p->header_len, p->data, p->end);
    inet_put16(ip + 2, (uint16_t)(ip_len + p->end));
    memset(ip + 6, 0, 2); /* no fragment any more */
    memset(ip + 10, 0, 2);
    sum = (uint16_t)~inet_fold(inet_sum(0, ip, ip_len));
    memcpy(ip + 10, &sum, 2);
    return p->header_len + p->end;
}

uint32_t ip_reass_add(struct ip_reass *r, const uint8_t *frame,
                      const struct inet *in, uint64_t now_ns, uint8_t *out)
{
    const uint8_t *ip = frame + ETH_BYTES;
    uint16_t flags = inet_get16(ip + 6);
    uint32_t from = (flags & 0x1fffu) * UNIT, len = in->end - in->l4;
    bool more = flags & 0x2000;
    struct ip_reass_packet *p;

    if (from + len > IP_REASS_DATA || !len || (more && len % UNIT))
        return 0;
    p = find(r, ip, now_ns);
    if (!more)
        p->end = from + len;
    if (!from) {
        p->header_len = in->l4;
        memcpy(p->header, frame, in->l4);
    }
    memcpy(p->data + from, ip + in->l4 - ETH_BYTES, len);
    mark(p, from, from + len);
    p->top = MAX(p->top, from + len);
    if (!p->header_len || p->top != p->end ||
        p->have != (p->end + UNIT - 1) / UNIT)
        return 0;
    return finish(p, out);
}
