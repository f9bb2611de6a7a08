// SPDX-License-Identifier: Apache-2.0
/*
 * The MMDS's TCP. Not here: segments out of order (they are asked for again),
 * window scaling, time stamps, urgent data, congestion: the guest's own memory
 * is the whole network. Checksums of what the guest sends are not looked at.
 */

#include "dev/mmds_tcp.h"

#include <string.h>

#include "base/macros.h"
#include "base/metrics.h"
#include "host/host.h"

enum { TCP_OPT_MSS = 2, OUR_MSS = 1460, DUP_ACKS = 3 };

/* a is behind b, on the circle of sequence numbers. */
static bool after(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

/* A segment of the guest's. */
struct segment {
    const uint8_t *header;
    size_t header_len;
    uint32_t seq, ack;
    uint8_t flags;
    uint16_t window;
    const uint8_t *data;
    size_t len;
};

static struct segment segment_of(const uint8_t *frame, const struct inet *in)
{
    const uint8_t *tcp = frame + in->l4;

    return (struct segment){
        .header = tcp,
        .header_len = in->data - in->l4,
        .seq = inet_get32(tcp + 4),
        .ack = inet_get32(tcp + 8),
        .flags = tcp[13],
        .window = inet_get16(tcp + 14),
        .data = frame + in->data,
        .len = in->end - in->data,
    };
}

static struct mmds_peer peer_of(const uint8_t *frame, const struct inet *in)
{
    struct mmds_peer peer = {.port = inet_get16(frame + in->l4)};

    memcpy(peer.mac, frame + ETH_ADDR, sizeof(peer.mac));
    memcpy(peer.ip, frame + ETH_BYTES + 12, sizeof(peer.ip));
    return peer;
}

/* ---- ends ---- */

static void queue_reset(struct mmds_tcp *t, const struct mmds_reset *reset)
{
    if (t->num_resets == MMDS_TCP_RESETS)
        return;
    t->resets[(t->first_reset + t->num_resets++) % MMDS_TCP_RESETS] = *reset;
}

/* RFC 9293, 3.10.7.1: to what belongs to no connection. */
static void refuse(struct mmds_tcp *t, const struct mmds_peer *peer,
                   uint16_t local_port, const struct segment *s)
{
    struct mmds_reset reset = {
        .peer = *peer, .local_port = local_port, .flags = TCP_RST};

    if (s->flags & TCP_RST)
        return;
    if (s->flags & TCP_ACK) {
        reset.seq = s->ack;
    } else {
        reset.ack = s->seq + (uint32_t)s->len + !!(s->flags & TCP_SYN) +
                    !!(s->flags & TCP_FIN);
        reset.flags |= TCP_ACK;
    }
    queue_reset(t, &reset);
}

static void destroy(struct mmds_conn *c)
{
    if (!c->used)
        return;
    buf_release(&c->tx);
    c->used = false;
    metric_inc(&metrics.mmds.connections_destroyed);
}

/* Ends it, and says so. */
static void abort_conn(struct mmds_tcp *t, struct mmds_conn *c)
{
    queue_reset(t, &(struct mmds_reset){.peer = c->peer,
                                        .local_port = MMDS_TCP_PORT,
                                        .seq = c->snd_nxt,
                                        .ack = c->rcv_nxt,
                                        .flags = TCP_RST | TCP_ACK});
    destroy(c);
}

void mmds_tcp_reset(struct mmds_tcp *t)
{
    for (unsigned n = 0; n < MMDS_TCP_CONNECTIONS; n++)
        destroy(&t->conns[n]);
    t->num_resets = 0;
}

/* ---- beginnings ---- */

static struct mmds_conn *find(struct mmds_tcp *t, const struct mmds_peer *peer)
{
    for (unsigned n = 0; n < MMDS_TCP_CONNECTIONS; n++) {
        struct mmds_conn *c = &t->conns[n];

        if (c->used && c->peer.port == peer->port &&
            memcmp(c->peer.ip, peer->ip, sizeof(peer->ip)) == 0)
            return c;
    }
    return NULL;
}

/* A free one, or that of a guest that was not heard of for long. */
static struct mmds_conn *find_place(struct mmds_tcp *t, uint64_t now_ns)
{
    struct mmds_conn *oldest = &t->conns[0];

    for (unsigned n = 0; n < MMDS_TCP_CONNECTIONS; n++) {
        struct mmds_conn *c = &t->conns[n];

        if (!c->used)
            return c;
        if (c->seen_ns < oldest->seen_ns)
            oldest = c;
    }
    if (now_ns - oldest->seen_ns < MMDS_TCP_IDLE_NS)
        return NULL;
    abort_conn(t, oldest);
    return oldest;
}

static uint16_t mss_of(const struct segment *s)
{
    uint8_t header[60];
    const uint8_t *option;
    uint16_t mss = 0;

    memcpy(header, s->header, s->header_len);
    option = inet_tcp_option(header, s->header_len, TCP_OPT_MSS, 4);
    if (option)
        mss = inet_get16(option);
    return mss ? MIN(mss, (uint16_t)MMDS_TCP_MSS_MAX) : (uint16_t)MMDS_TCP_MSS;
}

static void open_conn(struct mmds_tcp *t, const struct mmds_peer *peer,
                      const struct segment *s, uint64_t now_ns)
{
    struct mmds_conn *c = find_place(t, now_ns);

    if (!c) {
        metric_inc(&metrics.mmds.rx_accepted_unusual);
        refuse(t, peer, MMDS_TCP_PORT, s);
        return;
    }
    memset(c, 0, sizeof(*c));
    c->used = true;
    c->peer = *peer;
    c->mss = mss_of(s);
    c->irs = s->seq;
    c->rcv_nxt = s->seq + 1;
    host_random(&c->iss, sizeof(c->iss));
    c->snd_una = c->snd_nxt = c->snd_max = c->iss;
    c->tx_seq = c->iss + 1;
    c->snd_wnd = s->window;
    c->seen_ns = now_ns;
    metric_inc(&metrics.mmds.connections_created);
}

/* ---- what was sent ---- */

static uint32_t tx_end(const struct mmds_conn *c)
{
    return c->tx_seq + (uint32_t)c->tx.len;
}

/* An answer that has arrived makes room for the next. */
static void finish_answer(struct mmds_conn *c)
{
    if (!c->tx.len || after(tx_end(c), c->snd_una))
        return;
    c->tx_seq = tx_end(c);
    buf_clear(&c->tx);
}

/* False: this ACK is not one of ours. */
static bool take_ack(struct mmds_conn *c, const struct segment *s,
                     uint64_t now_ns)
{
    if (after(s->ack, c->snd_max))
        return false;
    if (after(s->ack, c->snd_una)) {
        c->established = true;
        c->snd_una = s->ack;
        if (after(c->snd_una, c->snd_nxt))
            c->snd_nxt = c->snd_una;
        c->retries = c->dup_acks = 0;
        c->rto_ns = c->snd_una == c->snd_max ? 0 : now_ns + MMDS_TCP_RTO_NS;
    } else if (s->ack == c->snd_una && c->snd_una != c->snd_max && !s->len &&
               s->window == c->snd_wnd && ++c->dup_acks == DUP_ACKS) {
        c->snd_nxt = c->snd_una;
    }
    if (s->ack == c->snd_una) {
        c->snd_wnd = s->window;
        if (!s->window)
            c->retries = 0; /* it is there, and has no room */
        else
            c->probe = false;
    }
    finish_answer(c);
    return true;
}

/* ---- what comes ---- */

static uint16_t window_of(const struct mmds_conn *c)
{
    return (uint16_t)(sizeof(c->rx) - c->rx_len);
}

/* What is new and in order of it; the rest is asked for again. */
static void take_data(struct mmds_conn *c, const struct segment *s)
{
    size_t old = c->rcv_nxt - s->seq, len;
    bool fin = s->flags & TCP_FIN;

    if (!s->len && !fin) {
        if (s->seq != c->rcv_nxt)
            c->need_ack = true; /* a keep-alive, RFC 9293, 3.8.4 */
        return;
    }
    c->need_ack = true;
    if (after(s->seq, c->rcv_nxt) || old > s->len || c->fin_in)
        return;
    len = MIN(s->len - old, (size_t)window_of(c));
    memcpy(c->rx + c->rx_len, s->data + old, len);
    c->rx_len += len;
    c->rcv_nxt += (uint32_t)len;
    if (fin && old + len == s->len) {
        c->fin_in = true;
        c->rcv_nxt++;
    }
}

/* Takes the first request, if it is whole, and has it answered. */
static bool answer_one(struct mmds_tcp *t, struct mmds_conn *c)
{
    const char *end = memmem(c->rx, c->rx_len, "\r\n\r\n", 4);
    size_t len = end ? (size_t)(end - c->rx) + 4 : 0;

    if (!end)
        return false;
    if (!window_of(c))
        c->need_ack = true; /* it opens again */
    t->answerer.respond(t->answerer.ctx, c->rx, len, &c->tx);
    memmove(c->rx, c->rx + len, c->rx_len - len);
    c->rx_len -= len;
    return true;
}

/* One answer at a time: the next request waits for the last one's to have
   arrived. */
static void answer(struct mmds_tcp *t, struct mmds_conn *c)
{
    if (c->tx.len || c->fin_out)
        return;
    if (!answer_one(t, c)) {
        if (c->fin_in)
            c->fin_out = true;
        else if (!window_of(c))
            abort_conn(t, c); /* this will not become a request */
    } else if (c->tx.failed) {
        abort_conn(t, c);
    }
}

/* RFC 9293, 3.10.7.4, as far as it concerns us. */
static void take_segment(struct mmds_tcp *t, struct mmds_conn *c,
                         const struct segment *s, uint64_t now_ns)
{
    c->seen_ns = now_ns;
    if (s->flags & TCP_RST) {
        if (s->seq - c->rcv_nxt <= window_of(c))
            destroy(c);
        return;
    }
    if (s->flags & TCP_SYN) {
        metric_inc(&metrics.mmds.rx_accepted_unusual);
        if (s->seq == c->irs && !c->established)
            c->snd_nxt = c->iss; /* again */
        else
            c->need_ack = true; /* RFC 5961, 4: who sent this? */
        return;
    }
    if (!(s->flags & TCP_ACK) || !take_ack(c, s, now_ns)) {
        metric_inc(&metrics.mmds.rx_accepted_unusual);
        c->need_ack = c->established;
        if (!c->established)
            refuse(t, &c->peer, MMDS_TCP_PORT, s);
        return;
    }
    if (!c->established)
        return;
    take_data(c, s);
    answer(t, c);
    if (c->used && c->fin_out && c->snd_una == tx_end(c) + 1)
        destroy(c);
}

void mmds_tcp_input(struct mmds_tcp *t, const uint8_t *frame,
                    const struct inet *in, uint64_t now_ns)
{
    struct mmds_peer peer = peer_of(frame, in);
    struct segment s = segment_of(frame, in);
    uint16_t port = inet_get16(frame + in->l4 + 2);
    struct mmds_conn *c = port == MMDS_TCP_PORT ? find(t, &peer) : NULL;

    if (c) {
        memcpy(c->peer.mac, peer.mac, sizeof(peer.mac));
        take_segment(t, c, &s, now_ns);
    } else if (port == MMDS_TCP_PORT &&
               (s.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN) {
        open_conn(t, &peer, &s, now_ns);
    } else {
        metric_inc(&metrics.mmds.rx_accepted_unusual);
        refuse(t, &peer, port, &s);
    }
}

/* ---- sending ---- */

struct outgoing {
    const struct mmds_peer *peer;
    uint16_t local_port;
    uint32_t seq, ack;
    uint8_t flags;
    uint16_t window;
    const void *data;
    size_t len;
};

static size_t build(const struct mmds_tcp *t, uint8_t *frame,
                    const struct outgoing *o)
{
    uint8_t *ip = frame + ETH_BYTES, *tcp = ip + IP4_BYTES;
    size_t header = TCP_BYTES + (o->flags & TCP_SYN ? 4u : 0u);
    struct inet in = {
        .type = ETH_IP4, .proto = IP_TCP, .l4 = ETH_BYTES + IP4_BYTES};
    uint16_t sum;

    memset(frame, 0, ETH_BYTES + IP4_BYTES + header);
    memcpy(frame, o->peer->mac, ETH_ADDR);
    memcpy(frame + ETH_ADDR, t->mac, ETH_ADDR);
    inet_put16(frame + 12, ETH_IP4);
    ip[0] = 0x45;
    inet_put16(ip + 2, (uint16_t)(IP4_BYTES + header + o->len));
    ip[6] = 0x40; /* do not fragment */
    ip[8] = 64;
    ip[9] = IP_TCP;
    memcpy(ip + 12, t->ip, 4);
    memcpy(ip + 16, o->peer->ip, 4);
    sum = (uint16_t)~inet_fold(inet_sum(0, ip, IP4_BYTES));
    memcpy(ip + 10, &sum, 2);
    inet_put16(tcp, o->local_port);
    inet_put16(tcp + 2, o->peer->port);
    inet_put32(tcp + 4, o->seq);
    inet_put32(tcp + 8, o->ack);
    tcp[12] = (uint8_t)(header / 4 << 4);
    tcp[13] = o->flags;
    inet_put16(tcp + 14, o->window);
    if (o->flags & TCP_SYN) {
        tcp[TCP_BYTES] = TCP_OPT_MSS;
        tcp[TCP_BYTES + 1] = 4;
        inet_put16(tcp + TCP_BYTES + 2, OUR_MSS);
    }
    if (o->len)
        memcpy(tcp + header, o->data, o->len);
    in.data = in.l4 + (uint32_t)header;
    in.end = in.data + (uint32_t)o->len;
    inet_set_sum(frame, &in);
    return in.end;
}

static size_t send_reset(struct mmds_tcp *t, uint8_t *frame)
{
    const struct mmds_reset *r = &t->resets[t->first_reset];
    const struct outgoing o = {.peer = &r->peer,
                               .local_port = r->local_port,
                               .seq = r->seq,
                               .ack = r->ack,
                               .flags = r->flags};

    t->first_reset = (t->first_reset + 1) % MMDS_TCP_RESETS;
    t->num_resets--;
    return build(t, frame, &o);
}

/* What was not acknowledged in time is sent again, a few times. */
static void look_at_time(struct mmds_tcp *t, struct mmds_conn *c,
                         uint64_t now_ns)
{
    if (!c->rto_ns || now_ns < c->rto_ns)
        return;
    if (c->retries++ == MMDS_TCP_RETRIES) {
        abort_conn(t, c);
        return;
    }
    c->rto_ns = now_ns + MMDS_TCP_RTO_NS;
    c->snd_nxt = c->snd_una;
    c->probe = !c->snd_wnd;
}

/* How much of the answer may go now, in one piece. */
static size_t sendable(const struct mmds_conn *c)
{
    uint32_t left = tx_end(c) - c->snd_nxt;
    uint32_t edge = c->snd_una + MAX(c->snd_wnd, (uint32_t)c->probe);

    if (!c->tx.len || !after(tx_end(c), c->snd_nxt) || !after(edge, c->snd_nxt))
        return 0;
    return MIN(MIN(left, edge - c->snd_nxt), c->mss);
}

/* Fills in what is to be sent; false: nothing. */
static bool next_segment(struct mmds_conn *c, struct outgoing *o)
{
    size_t len = c->established ? sendable(c) : 0;

    o->flags = TCP_ACK;
    o->seq = c->snd_nxt;
    if (!c->established && c->snd_nxt == c->iss) {
        o->flags |= TCP_SYN;
    } else if (len) {
        o->data = c->tx.data + (c->snd_nxt - c->tx_seq);
        o->len = len;
        if (c->snd_nxt + (uint32_t)len == tx_end(c))
            o->flags |= TCP_PSH;
    } else if (c->fin_out && c->snd_nxt == tx_end(c)) {
        o->flags |= TCP_FIN;
    } else if (!c->need_ack || !c->established) {
        return false;
    }
    return true;
}

static size_t send_conn(struct mmds_tcp *t, struct mmds_conn *c, uint8_t *frame,
                        uint64_t now_ns)
{
    struct outgoing o = {.peer = &c->peer,
                         .local_port = MMDS_TCP_PORT,
                         .ack = c->rcv_nxt,
                         .window = window_of(c)};

    if (!next_segment(c, &o)) {
        if (c->established && after(tx_end(c), c->snd_nxt) && !c->rto_ns)
            c->rto_ns = now_ns + MMDS_TCP_RTO_NS; /* for a closed window */
        return 0;
    }
    c->need_ack = false;
    c->snd_nxt += (uint32_t)o.len + !!(o.flags & (TCP_SYN | TCP_FIN));
    if (after(c->snd_nxt, c->snd_max))
        c->snd_max = c->snd_nxt;
    if (c->snd_una != c->snd_max && !c->rto_ns)
        c->rto_ns = now_ns + MMDS_TCP_RTO_NS;
    return build(t, frame, &o);
}

size_t mmds_tcp_output(struct mmds_tcp *t, uint8_t *frame, uint64_t now_ns)
{
    size_t len = 0;

    for (unsigned n = 0; n < MMDS_TCP_CONNECTIONS && !len; n++) {
        struct mmds_conn *c = &t->conns[t->turn];

        t->turn = (t->turn + 1) % MMDS_TCP_CONNECTIONS;
        if (c->used)
            look_at_time(t, c, now_ns);
        if (c->used)
            len = send_conn(t, c, frame, now_ns);
    }
    return len || !t->num_resets ? len : send_reset(t, frame);
}

uint64_t mmds_tcp_deadline(const struct mmds_tcp *t)
{
    uint64_t next = UINT64_MAX;

    for (unsigned n = 0; n < MMDS_TCP_CONNECTIONS; n++)
        if (t->conns[n].used && t->conns[n].rto_ns)
            next = MIN(next, t->conns[n].rto_ns);
    return next;
}
