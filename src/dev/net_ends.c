// SPDX-License-Identifier: Apache-2.0
/* Which connections have ended, read from what passes by. */

#include "dev/net_ends.h"

#include <string.h>

/* The RST to a guest's last packet, which is empty: behind its FIN. */
static void keep_last(struct net_ends *e, uint64_t hash, const uint8_t *frame,
                      const struct inet *in)
{
    struct net_end *end = &e->last;
    uint8_t *tcp = end->frame + in->l4;

    memcpy(end->frame, frame, in->end);
    end->hash = hash;
    end->seq = inet_get32(tcp + 4) + 1;
    end->port = inet_get16(tcp + 2);
    end->len = (uint16_t)in->end;
    inet_put32(tcp + 4, end->seq);
    tcp[13] = TCP_RST | TCP_ACK;
    memset(tcp + TCP_BYTES, 1, in->data - in->l4 - TCP_BYTES); /* no options */
    inet_set_sum(end->frame, in);
    e->has_last = true;
}

/* The guest begins a connection with the same ports. */
static void forget(struct net_ends *e, uint64_t hash)
{
    for (unsigned n = 0; n < e->count; n++)
        if (e->list[n].hash == hash)
            e->list[n--] = e->list[--e->count];
}

void net_ends_from_guest(struct net_ends *e, const uint8_t *frame,
                         const struct inet *in)
{
    const uint8_t *tcp = frame + in->l4;
    uint64_t hash;

    e->has_last = false;
    if (!inet_is_tcp(in) || !(tcp[13] & (TCP_SYN | TCP_FIN)))
        return;
    hash = inet_flow_hash(frame, in, true);
    if (tcp[13] & TCP_SYN)
        forget(e, hash);
    else if (in->data == in->end && in->end <= sizeof(e->last.frame) &&
             (tcp[13] & (TCP_ACK | TCP_RST)) == TCP_ACK &&
             flow_notes_has(&e->fins, hash, inet_get32(tcp + 8)))
        keep_last(e, hash, frame, in);
}

void net_ends_to_guest(struct net_ends *e, const uint8_t *frame,
                       const struct inet *in)
{
    const uint8_t *tcp = frame + in->l4;
    uint64_t hash;
    uint32_t end;

    if (!inet_is_tcp(in) || (!(tcp[13] & TCP_FIN) && !e->has_last))
        return;
    hash = inet_flow_hash(frame, in, false);
    end = inet_get32(tcp + 4) + (in->end - in->data) + 1;
    if (tcp[13] & TCP_FIN && !flow_notes_has(&e->fins, hash, end))
        flow_notes_add(&e->fins, hash, end);
    if (!e->has_last || hash != e->last.hash ||
        (tcp[13] & (TCP_ACK | TCP_RST | TCP_SYN)) != TCP_ACK ||
        inet_get32(tcp + 8) != e->last.seq)
        return;
    e->has_last = false;
    if (e->count < NET_ENDS_MAX)
        e->list[e->count++] = e->last;
}

bool net_ends_take(struct net_ends *e, net_port_is_busy *is_busy, void *ctx,
                   struct net_end *out)
{
    for (unsigned n = 0; n < e->count; n++) {
        if (is_busy(e->list[n].port, ctx))
            continue;
        *out = e->list[n];
        e->list[n] = e->list[--e->count];
        return true;
    }
    return false;
}
