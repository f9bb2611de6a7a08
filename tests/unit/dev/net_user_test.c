// SPDX-License-Identifier: Apache-2.0
/* A network without root, from the side of a guest that has no driver: frames
   in, frames out. Only the loopback of this host is used. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/macros.h"
#include "dev/inet.h"
#include "dev/net_backend.h"
#include "dev/worker.h"
#include "host/host.h"

static const uint8_t guest_mac[] = {0x06, 0, 0, 0, 0, 1};
static const uint8_t guest_ip[] = {10, 0, 2, 15};
static const uint8_t gateway_ip[] = {10, 0, 2, 2};

struct net {
    struct worker *w;
    struct net_backend *b;
    _Atomic unsigned told; /* how often `ready` was called */
    uint64_t acked;
    uint8_t gateway_mac[ETH_ADDR];

    /* What the worker's thread is to do. */
    const void *sent;
    size_t len;
    ssize_t rc;
    uint8_t frame[NET_FRAME_MAX];
};

static void on_ready(void *ctx)
{
    ((struct net *)ctx)->told++;
}

static void do_start(void *ctx)
{
    struct net *n = ctx;

    n->rc = n->b->ops->start(n->b, n->acked, NULL);
    n->b->ops->listen(n->b, true);
}

static void do_stop(void *ctx)
{
    struct net *n = ctx;

    n->b->ops->stop(n->b);
}

static void do_send(void *ctx)
{
    struct net *n = ctx;
    uint8_t copy[NET_FRAME_MAX + 10];
    struct iovec iov[2] = {{copy, MIN(n->len, 20u)},
                           {copy + 20, n->len - MIN(n->len, 20u)}};

    memcpy(copy, n->sent, n->len);
    n->rc = n->b->ops->send(n->b, iov, 2);
}

static void do_receive(void *ctx)
{
    struct net *n = ctx;
    struct iovec iov[2] = {{n->frame, 100},
                           {n->frame + 100, sizeof(n->frame) - 100}};

    n->rc = n->b->ops->receive(n->b, iov, 2);
}

static void start(struct net *n, uint64_t acked)
{
    n->acked = acked;
    worker_call(n->w, do_start, n);
    assert_int_equal(n->rc, 0);
}

static int try_to_open(struct net *n, const char *forwards, uint64_t acked)
{
    struct err e = {0};

    memset(n, 0, sizeof(*n));
    n->b = net_user_new(forwards, &e);
    if (!n->b) {
        print_message("# %s\n", e.text);
        return e.code;
    }
    n->w = worker_new("test", NULL);
    assert_non_null(n->w);
    n->b->worker = n->w;
    n->b->ready = on_ready;
    n->b->ctx = n;
    start(n, acked);
    return 0;
}

static void open_net(struct net *n, const char *forwards, uint64_t acked)
{
    assert_int_equal(try_to_open(n, forwards, acked), 0);
}

static void close_net(struct net *n)
{
    worker_call(n->w, do_stop, n);
    worker_free(n->w);
    n->b->ops->free(n->b);
}

static int send_bytes(struct net *n, const void *frame, size_t len)
{
    n->sent = frame;
    n->len = len;
    worker_call(n->w, do_send, n);
    return (int)n->rc;
}

/* The next frame in n->frame, behind its header; its length without. */
static size_t next_frame(struct net *n)
{
    for (unsigned tries = 0; tries < 500000; tries++) {
        worker_call(n->w, do_receive, n);
        if (n->rc > 0)
            return (size_t)n->rc - NET_HDR_BYTES;
        assert_int_equal(n->rc, -EAGAIN);
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    fail_msg("no frame came");
    return 0;
}

/* ---- frames ---- */

struct packet {
    uint8_t bytes[NET_FRAME_MAX];
    size_t len; /* with the header */
};

static uint8_t *frame_of(struct packet *p)
{
    return p->bytes + NET_HDR_BYTES;
}

static void begin(struct packet *p, const uint8_t *to, uint16_t type)
{
    static const uint8_t all[ETH_ADDR] = {255, 255, 255, 255, 255, 255};
    uint8_t *f = frame_of(p);

    memset(p->bytes, 0, NET_HDR_BYTES);
    memcpy(f, to ? to : all, ETH_ADDR);
    memcpy(f + ETH_ADDR, guest_mac, ETH_ADDR);
    inet_put16(f + 12, type);
    p->len = NET_HDR_BYTES + ETH_BYTES;
}

static void put(struct packet *p, const void *data, size_t len)
{
    if (len)
        memcpy(p->bytes + p->len, data, len);
    p->len += len;
}

/* The header of an IPv4 packet with so much in it. */
static void put_ip(struct packet *p, const uint8_t *to, uint8_t proto,
                   size_t data)
{
    uint8_t ip[IP4_BYTES] = {0x45, [8] = 64, proto};
    uint16_t sum;

    inet_put16(ip + 2, (uint16_t)(IP4_BYTES + data));
    memcpy(ip + 12, guest_ip, 4);
    memcpy(ip + 16, to, 4);
    sum = (uint16_t)~inet_fold(inet_sum(0, ip, sizeof(ip)));
    memcpy(ip + 10, &sum, 2);
    put(p, ip, sizeof(ip));
}

static void finish(struct packet *p)
{
    struct inet in;

    assert_true(inet_parse(frame_of(p), p->len - NET_HDR_BYTES, &in));
    inet_set_sum(frame_of(p), &in);
}

static void make_udp(struct packet *p, struct net *n, const uint8_t *to,
                     uint16_t from_port, uint16_t port, const void *data,
                     size_t len)
{
    uint8_t udp[UDP_BYTES] = {0};

    begin(p, n->gateway_mac, ETH_IP4);
    put_ip(p, to, IP_UDP, UDP_BYTES + len);
    inet_put16(udp, from_port);
    inet_put16(udp + 2, port);
    inet_put16(udp + 4, (uint16_t)(UDP_BYTES + len));
    put(p, udp, sizeof(udp));
    put(p, data, len);
    finish(p);
}

static void resolve(struct net *n)
{
    struct packet p;
    uint8_t arp[ARP_BYTES] = {0, 1, 8, 0, 6, 4, 0, 1};

    memcpy(arp + 8, guest_mac, ETH_ADDR);
    memcpy(arp + 14, guest_ip, 4);
    memcpy(arp + 24, gateway_ip, 4);
    begin(&p, NULL, ETH_ARP);
    put(&p, arp, sizeof(arp));
    assert_int_equal(send_bytes(n, p.bytes, p.len), 0);
    for (;;) {
        size_t len = next_frame(n);
        const uint8_t *f = n->frame + NET_HDR_BYTES;

        if (inet_get16(f + 12) != ETH_ARP || inet_get16(f + 20) != 2)
            continue;
        assert_true(len >= ETH_BYTES + ARP_BYTES);
        assert_memory_equal(f + 28, gateway_ip, 4);
        memcpy(n->gateway_mac, f + 22, ETH_ADDR);
        return;
    }
}

/* The next packet of that kind to the guest; others are passed over. */
static struct inet next_packet(struct net *n, uint8_t proto)
{
    for (;;) {
        size_t len = next_frame(n);
        struct inet in;

        assert_true(inet_parse(n->frame + NET_HDR_BYTES, len, &in));
        if (in.type == ETH_IP4 && in.proto == proto) {
            if (!(n->frame[0] & 1) && proto != 1)
                assert_true(inet_sum_is_right(n->frame + NET_HDR_BYTES, &in));
            return in;
        }
    }
}

/* ---- the host's side ---- */

static int host_socket(int type, uint16_t *port, bool is_server)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, type, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    if (is_server && type == SOCK_STREAM)
        assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static uint16_t free_port(int type)
{
    uint16_t port;

    close(host_socket(type, &port, false));
    return port;
}

/* Forwards `before`, a free port and `after`, which may be followed by the same
   port of another protocol and `last`. What is free now may be somebody else's
   a moment later: then it is another. */
static uint16_t open_forward(struct net *n, const char *before,
                             const char *after, const char *last,
                             uint64_t acked)
{
    bool is_tcp = *before == 't';

    for (unsigned tries = 0; tries < 100; tries++) {
        uint16_t port = free_port(is_tcp ? SOCK_STREAM : SOCK_DGRAM);
        char text[96], second[8] = "";

        if (last)
            snprintf(second, sizeof(second), "%u", port);
        snprintf(text, sizeof(text), "%s%u%s%s%s", before, port, after, second,
                 last ? last : "");
        if (try_to_open(n, text, acked) == 0)
            return port;
    }
    fail_msg("no port is free");
    return 0;
}

static void connect_to(int fd, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(port),
                            .sin_addr = {htonl(INADDR_LOOPBACK)}};

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
}

/* ---- a guest's TCP, as little of it as goes ---- */

struct tcp {
    uint8_t peer[4];
    uint16_t port, peer_port;
    uint32_t seq, ack;
};

static void make_tcp(struct packet *p, struct net *n, const struct tcp *t,
                     uint8_t flags, uint16_t mss, const void *data, size_t len)
{
    uint8_t tcp[TCP_BYTES + 4] = {0};
    size_t header = TCP_BYTES + (mss ? 4u : 0u);

    begin(p, n->gateway_mac, ETH_IP4);
    put_ip(p, t->peer, IP_TCP, header + len);
    inet_put16(tcp, t->port);
    inet_put16(tcp + 2, t->peer_port);
    inet_put32(tcp + 4, t->seq);
    inet_put32(tcp + 8, t->ack);
    tcp[12] = (uint8_t)(header / 4 << 4);
    tcp[13] = flags;
    inet_put16(tcp + 14, 65535);
    if (mss) {
        tcp[20] = 2;
        tcp[21] = 4;
        inet_put16(tcp + 22, mss);
    }
    put(p, tcp, header);
    put(p, data, len);
    finish(p);
}

static void send_tcp(struct net *n, struct tcp *t, uint8_t flags, uint16_t mss,
                     const void *data, size_t len)
{
    static struct packet p;

    make_tcp(&p, n, t, flags, mss, data, len);
    assert_int_equal(send_bytes(n, p.bytes, p.len), 0);
    t->seq += (uint32_t)len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
}

static const uint8_t *next_tcp(struct net *n, struct tcp *t, struct inet *in)
{
    const uint8_t *f = n->frame + NET_HDR_BYTES;

    *in = next_packet(n, IP_TCP);
    assert_int_equal(inet_get16(f + in->l4 + 2), t->port);
    return f + in->l4;
}

static void dial(struct net *n, struct tcp *t, uint16_t port)
{
    struct inet in;
    const uint8_t *tcp;

    *t = (struct tcp){.port = 40000, .peer_port = port, .seq = 1000};
    memcpy(t->peer, gateway_ip, 4);
    send_tcp(n, t, TCP_SYN, 1460, NULL, 0);
    tcp = next_tcp(n, t, &in);
    assert_int_equal(tcp[13], TCP_SYN | TCP_ACK);
    assert_int_equal(inet_get32(tcp + 8), t->seq);
    t->ack = inet_get32(tcp + 4) + 1;
    send_tcp(n, t, TCP_ACK, 0, NULL, 0);
}

static const uint64_t takes_large =
    VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4;

/* A guest, at *t, has called the server, whose end this gives. */
static int open_stream(struct net *n, struct tcp *t, uint64_t acked, int server,
                       uint16_t port)
{
    open_net(n, "", acked);
    resolve(n);
    dial(n, t, port);
    return accept(server, NULL, NULL);
}

/* ---- tests ---- */

static struct net net;

static void an_address_is_given_by_dhcp(void **state)
{
    uint8_t request[300] = {1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78};
    static const uint8_t options[] = {99, 130, 83, 99, 53, 1, 1, 255};
    static const uint8_t all[] = {255, 255, 255, 255};
    struct packet p;
    struct inet in;

    (void)state;
    open_net(&net, "", 0);
    memcpy(request + 28, guest_mac, ETH_ADDR);
    memcpy(request + 236, options, sizeof(options));
    make_udp(&p, &net, all, 68, 67, request, sizeof(request));
    assert_int_equal(send_bytes(&net, p.bytes, p.len), 0);
    in = next_packet(&net, IP_UDP);
    assert_true(in.end - in.data > 240);
    assert_memory_equal(net.frame + NET_HDR_BYTES + in.data + 16, guest_ip, 4);
    close_net(&net);
}

static void the_gateway_answers_arp_and_the_device_is_told(void **state)
{
    (void)state;
    open_net(&net, "", 0);
    resolve(&net);
    for (unsigned ms = 0; ms < 60000 && !net.told; ms++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_true(net.told);
    close_net(&net);
}

static void udp_reaches_the_host_and_its_answer_the_guest(void **state)
{
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    struct packet p;
    struct inet in;
    uint16_t port;
    int fd = host_socket(SOCK_DGRAM, &port, true);
    char got[16];

    (void)state;
    open_net(&net, "", VIRTIO_NET_F_GUEST_CSUM);
    resolve(&net);
    make_udp(&p, &net, gateway_ip, 5000, port, "to you", 6);
    assert_int_equal(send_bytes(&net, p.bytes, p.len), 0);
    assert_int_equal(recvfrom(fd, got, 16, 0, (struct sockaddr *)&from, &len),
                     6);
    assert_memory_equal(got, "to you", 6);
    assert_int_equal(
        sendto(fd, "and back", 8, 0, (struct sockaddr *)&from, len), 8);
    in = next_packet(&net, IP_UDP);
    assert_int_equal(net.frame[0], 2); /* the checksum is right */
    assert_int_equal(in.end - in.data, 8);
    assert_memory_equal(net.frame + NET_HDR_BYTES + in.data, "and back", 8);
    close_net(&net);
    close(fd);
}

static void fragments_reach_the_host_as_one_datagram(void **state)
{
    static uint8_t data[20000], got[20001];
    static struct packet whole, part;
    uint16_t port;
    int fd = host_socket(SOCK_DGRAM, &port, true);
    size_t total, step = 1480;

    (void)state;
    for (size_t n = 0; n < sizeof(data); n++)
        data[n] = (uint8_t)(n * 7 + n / 256);
    open_net(&net, "", 0);
    resolve(&net);
    make_udp(&whole, &net, gateway_ip, 5000, port, data, sizeof(data));
    total = whole.len - NET_HDR_BYTES - ETH_BYTES - IP4_BYTES;
    for (size_t at = 0; at < total; at += step) {
        size_t len = MIN(step, total - at);
        uint8_t *ip = frame_of(&part) + ETH_BYTES;
        uint16_t sum;

        begin(&part, net.gateway_mac, ETH_IP4);
        put_ip(&part, gateway_ip, IP_UDP, len);
        inet_put16(ip + 6, (uint16_t)(at / 8 | (at + len < total) << 13));
        memset(ip + 10, 0, 2);
        sum = (uint16_t)~inet_fold(inet_sum(0, ip, IP4_BYTES));
        memcpy(ip + 10, &sum, 2);
        put(&part, frame_of(&whole) + ETH_BYTES + IP4_BYTES + at, len);
        assert_int_equal(send_bytes(&net, part.bytes, part.len), 0);
    }
    assert_int_equal(recv(fd, got, sizeof(got), 0), sizeof(data));
    assert_memory_equal(got, data, sizeof(data));
    close_net(&net);
    close(fd);
}

static void tcp_goes_both_ways_and_ends(void **state)
{
    uint16_t port;
    int server = host_socket(SOCK_STREAM, &port, true), fd;
    struct inet in;
    struct tcp t;
    const uint8_t *tcp;
    char got[16];

    (void)state;
    fd = open_stream(&net, &t, 0, server, port);
    assert_true(fd >= 0);
    send_tcp(&net, &t, TCP_ACK | TCP_PSH, 0, "question", 8);
    assert_int_equal(recv(fd, got, sizeof(got), 0), 8);
    assert_memory_equal(got, "question", 8);
    assert_int_equal(send(fd, "answer", 6, 0), 6);
    do
        tcp = next_tcp(&net, &t, &in);
    while (in.data == in.end);
    assert_int_equal(in.end - in.data, 6);
    assert_memory_equal(net.frame + NET_HDR_BYTES + in.data, "answer", 6);
    assert_int_equal(inet_get32(tcp + 4), t.ack);
    t.ack += 6;
    send_tcp(&net, &t, TCP_ACK | TCP_FIN, 0, NULL, 0);
    assert_int_equal(recv(fd, got, sizeof(got), 0), 0);
    close(fd);
    do
        tcp = next_tcp(&net, &t, &in);
    while (!(tcp[13] & TCP_FIN));
    close_net(&net);
    close(server);
}

/* Whatever it has sent, in a packet that has this flag. */
static struct inet until(struct tcp *t, uint8_t flag)
{
    struct inet in;
    const uint8_t *tcp;

    do
        tcp = next_tcp(&net, t, &in);
    while (!(tcp[13] & flag));
    t->ack = inet_get32(tcp + 4) + (in.end - in.data) +
             !!(tcp[13] & (TCP_FIN | TCP_SYN));
    return in;
}

/* The library would keep each of them, with its socket, for 10 s and more. */
static void connections_the_host_ended_first_take_no_room(void **state)
{
    struct rlimit old, few;
    uint16_t port, ignored;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = 80; /* so that it is 40 connections */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    port = open_forward(&net, "tcp=", ":22", NULL, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    resolve(&net);
    for (unsigned n = 0; n < 200; n++) {
        struct tcp t = {.port = 22, .seq = 5000};
        int fd = host_socket(SOCK_STREAM, &ignored, false);
        struct inet in;

        connect_to(fd, port);
        in = until(&t, TCP_SYN);
        t.peer_port = inet_get16(net.frame + NET_HDR_BYTES + in.l4);
        memcpy(t.peer, gateway_ip, 4);
        send_tcp(&net, &t, TCP_SYN | TCP_ACK, 1460, NULL, 0);
        close(fd);
        until(&t, TCP_FIN);
        send_tcp(&net, &t, TCP_ACK | TCP_FIN, 0, NULL, 0);
    }
    close_net(&net);
}

/* It is told when there is room again, however long that takes. */
static void a_guest_need_not_ask_for_room(void **state)
{
    static uint8_t data[8192], got[65536];
    uint16_t port;
    int server = host_socket(SOCK_STREAM, &port, true), fd;
    uint32_t room = 65535;
    struct tcp t;

    (void)state;
    fd = open_stream(&net, &t, takes_large, server, port);
    while (room >= 1460) {
        const uint8_t *tcp;
        struct inet in;

        send_tcp(&net, &t, TCP_ACK, 0, data, MIN(room, sizeof(data)));
        do
            tcp = next_tcp(&net, &t, &in);
        while (inet_get32(tcp + 8) != t.seq);
        room = inet_get16(tcp + 14);
    }
    for (unsigned tries = 0; room < 32768; tries++) {
        const uint8_t *f = net.frame + NET_HDR_BYTES;
        struct inet in;

        assert_true(tries < 500000);
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        while (recv(fd, got, sizeof(got), MSG_DONTWAIT) > 0)
            ;
        worker_call(net.w, do_receive, &net);
        if (net.rc > 0 && inet_parse(f, (size_t)net.rc - NET_HDR_BYTES, &in) &&
            inet_is_tcp(&in))
            room = inet_get16(f + in.l4 + 14);
    }
    close(fd);
    close(server);
    close_net(&net);
}

static void a_connection_that_is_refused_is_reset(void **state)
{
    uint16_t port;
    int fd = host_socket(SOCK_STREAM, &port, false); /* does not listen */
    struct inet in;
    struct tcp t = {.port = 40000, .peer_port = port, .seq = 1000};

    (void)state;
    open_net(&net, "", 0);
    resolve(&net);
    memcpy(t.peer, gateway_ip, 4);
    send_tcp(&net, &t, TCP_SYN, 1460, NULL, 0);
    assert_true(next_tcp(&net, &t, &in)[13] & TCP_RST);
    close_net(&net);
    close(fd);
}

/* The checksum is left to us, the segment is larger than any MTU. */
static void a_large_segment_from_the_guest_arrives(void **state)
{
    static uint8_t data[60000], got[sizeof(data)];
    static struct packet p;
    uint16_t port;
    int server = host_socket(SOCK_STREAM, &port, true), fd;
    struct tcp t;

    (void)state;
    for (size_t n = 0; n < sizeof(data); n++)
        data[n] = (uint8_t)(n * 13 + n / 256);
    fd = open_stream(&net, &t, VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4,
                     server, port);
    make_tcp(&p, &net, &t, TCP_ACK, 0, data, sizeof(data));
    memset(frame_of(&p) + ETH_BYTES + IP4_BYTES + TCP_SUM, 0x5a, 2);
    p.bytes[0] = 1;
    p.bytes[1] = 1;
    assert_int_equal(send_bytes(&net, p.bytes, p.len), 0);
    assert_int_equal(recv(fd, got, sizeof(got), MSG_WAITALL), sizeof(got));
    assert_memory_equal(got, data, sizeof(data));
    close(fd);
    close(server);
    close_net(&net);
}

static void a_guest_that_can_gets_large_segments(void **state)
{
    static uint8_t data[30000];
    uint16_t port;
    int server = host_socket(SOCK_STREAM, &port, true), fd;
    size_t had = 0, largest = 0;
    struct inet in;
    struct tcp t;

    (void)state;
    fd = open_stream(&net, &t, takes_large, server, port);
    assert_int_equal(send(fd, data, sizeof(data), 0), sizeof(data));
    while (had < sizeof(data)) {
        next_tcp(&net, &t, &in);
        if (in.end - in.data > 1460) {
            assert_int_equal(net.frame[0], 1); /* NEEDS_CSUM */
            assert_int_equal(net.frame[1], 1); /* TCPV4 */
            assert_int_equal(net.frame[2] | net.frame[3] << 8, in.data);
            assert_int_equal(net.frame[4] | net.frame[5] << 8, 1460);
        }
        largest = MAX(largest, in.end - in.data);
        had += in.end - in.data;
        t.ack += in.end - in.data;
        send_tcp(&net, &t, TCP_ACK, 0, NULL, 0);
    }
    assert_true(largest > 1460);
    close(fd);
    close(server);
    close_net(&net);
}

static void a_guest_that_cannot_gets_small_ones(void **state)
{
    static uint8_t data[30000];
    uint16_t port;
    int server = host_socket(SOCK_STREAM, &port, true), fd;
    size_t had = 0;
    struct inet in;
    struct tcp t;

    (void)state;
    fd = open_stream(&net, &t, 0, server, port);
    assert_int_equal(send(fd, data, sizeof(data), 0), sizeof(data));
    while (had < sizeof(data)) {
        next_tcp(&net, &t, &in);
        assert_in_range(in.end - in.data, 0, 1460);
        assert_int_equal(net.frame[1], 0);
        had += in.end - in.data;
        t.ack += in.end - in.data;
        send_tcp(&net, &t, TCP_ACK, 0, NULL, 0);
    }
    close(fd);
    close(server);
    close_net(&net);
}

static void a_forwarded_tcp_port_leads_to_the_guest(void **state)
{
    uint16_t port, ignored;
    int fd = host_socket(SOCK_STREAM, &ignored, false);
    const uint8_t *tcp;
    char got[8];
    struct inet in;
    struct tcp t = {.port = 22, .seq = 5000};

    (void)state;
    port = open_forward(&net, "tcp=127.0.0.1:", ":22", NULL,
                        VIRTIO_NET_F_GUEST_TSO4);
    resolve(&net);
    connect_to(fd, port);
    tcp = next_tcp(&net, &t, &in);
    assert_int_equal(tcp[13], TCP_SYN);
    t.peer_port = inet_get16(tcp);
    t.ack = inet_get32(tcp + 4) + 1;
    memcpy(t.peer, gateway_ip, 4);
    send_tcp(&net, &t, TCP_SYN | TCP_ACK, 1460, NULL, 0);
    send_tcp(&net, &t, TCP_ACK, 0, "hello", 5);
    assert_int_equal(recv(fd, got, sizeof(got), 0), 5);
    assert_memory_equal(got, "hello", 5);
    close(fd);
    close_net(&net);
}

/* Nobody accepts them meanwhile: without room they would not be connected
   however long one waits. */
static void many_may_call_a_forwarded_port_at_once(void **state)
{
    enum { MANY = 50 };
    struct pollfd calls[MANY];
    uint16_t port;

    (void)state;
    port = open_forward(&net, "tcp=", ":80", NULL, 0);
    worker_call(net.w, do_stop, &net);
    for (unsigned n = 0; n < MANY; n++) {
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        connect(fd, (struct sockaddr *)&a, sizeof(a));
        calls[n] = (struct pollfd){.fd = fd, .events = POLLOUT};
    }
    for (unsigned n = 0; n < MANY; n++) {
        assert_int_equal(poll(&calls[n], 1, 10000), 1);
        assert_int_equal(calls[n].revents, POLLOUT);
    }
    for (unsigned n = 0; n < MANY; n++)
        close(calls[n].fd);
    close_net(&net);
}

/* libslirp 4.7 would lose what it has sent before. */
static void a_guest_may_accept_a_connection_twice(void **state)
{
    uint16_t port, ignored;
    int fd = host_socket(SOCK_STREAM, &ignored, false);
    const uint8_t *tcp;
    struct inet in;
    struct tcp t = {.port = 22, .seq = 5000};

    (void)state;
    port = open_forward(&net, "tcp=", ":22", NULL, VIRTIO_NET_F_GUEST_TSO4);
    resolve(&net);
    connect_to(fd, port);
    tcp = next_tcp(&net, &t, &in);
    t.peer_port = inet_get16(tcp);
    t.ack = inet_get32(tcp + 4) + 1;
    memcpy(t.peer, gateway_ip, 4);
    send_tcp(&net, &t, TCP_SYN | TCP_ACK, 1460, NULL, 0);
    assert_int_equal(send(fd, "first", 5, 0), 5);
    while (next_tcp(&net, &t, &in), in.end == in.data)
        ;
    t.seq--;
    send_tcp(&net, &t, TCP_SYN | TCP_ACK, 1460, NULL, 0);
    tcp = next_tcp(&net, &t, &in);
    assert_int_equal(tcp[13], TCP_ACK);
    assert_int_equal(inet_get32(tcp + 4), t.ack);
    assert_int_equal(inet_get32(tcp + 8), t.seq);
    assert_int_equal(inet_get16(tcp), t.peer_port);
    tcp = next_tcp(&net, &t, &in); /* again, after a second or two */
    assert_int_equal(inet_get32(tcp + 4), t.ack);
    assert_int_equal(in.end - in.data, 5);
    close(fd);
    close_net(&net);
}

static void a_forwarded_udp_port_leads_to_the_guest(void **state)
{
    uint16_t port, ignored;
    int fd = host_socket(SOCK_DGRAM, &ignored, false);
    struct inet in;

    (void)state;
    port = open_forward(&net, "udp=", ":53", NULL, 0);
    resolve(&net);
    connect_to(fd, port);
    assert_int_equal(send(fd, "name?", 5, 0), 5);
    in = next_packet(&net, IP_UDP);
    assert_int_equal(inet_get16(net.frame + NET_HDR_BYTES + in.l4 + 2), 53);
    assert_memory_equal(net.frame + NET_HDR_BYTES + in.data, "name?", 5);
    close(fd);
    close_net(&net);
}

/* More than can be open at once; each was one for a while. */
static void connections_come_and_go_without_end(void **state)
{
    uint16_t port;
    int fd = host_socket(SOCK_STREAM, &port, false); /* does not listen */
    struct inet in;

    (void)state;
    open_net(&net, "", 0);
    resolve(&net);
    for (unsigned n = 0; n < 1500; n++) {
        struct tcp t = {.port = (uint16_t)(2000 + n), .peer_port = port};

        memcpy(t.peer, gateway_ip, 4);
        send_tcp(&net, &t, TCP_SYN, 1460, NULL, 0);
        assert_true(next_tcp(&net, &t, &in)[13] & TCP_RST);
    }
    close_net(&net);
    close(fd);
}

/* Fewer than there are descriptors, so that others find some. */
static void a_guest_cannot_open_connections_without_end(void **state)
{
    uint16_t port;
    int fd = host_socket(SOCK_DGRAM, &port, true), last;
    struct packet p;

    (void)state;
    open_net(&net, "", 0);
    resolve(&net);
    for (unsigned n = 0; n < 3000; n++) {
        make_udp(&p, &net, gateway_ip, (uint16_t)(2000 + n), port, "x", 1);
        send_bytes(&net, p.bytes, p.len);
    }
    last = dup(fd);
    assert_in_range(last, 200, 1100);
    close(last);
    close_net(&net);
    close(fd);
}

static void a_port_that_is_taken_is_named(void **state)
{
    uint16_t port;
    int server = host_socket(SOCK_STREAM, &port, true);
    struct err e = {0};
    char text[64], want[64];

    (void)state;
    snprintf(text, sizeof(text), "tcp=%u:80", port);
    snprintf(want, sizeof(want), "port %u of 127.0.0.1 (tcp)", port);
    assert_null(net_user_new(text, &e));
    assert_int_equal(e.code, -EADDRINUSE);
    assert_non_null(strstr(e.text, want));
    assert_non_null(strstr(e.text, "in use"));
    close(server);
}

static void a_stopped_network_starts_again(void **state)
{
    (void)state;
    open_net(&net, "", VIRTIO_NET_F_GUEST_TSO4);
    for (unsigned n = 0; n < 4; n++) {
        resolve(&net);
        worker_call(net.w, do_stop, &net);
        do_receive(&net);
        assert_int_equal(net.rc, -EAGAIN);
        start(&net, n % 2 ? VIRTIO_NET_F_GUEST_TSO4 : 0);
    }
    resolve(&net);
    close_net(&net);
}

/* What a guest that reads nothing makes the host keep is bounded. */
static void a_guest_that_reads_nothing_loses_frames_and_no_more(void **state)
{
    static uint8_t data[8000];
    uint16_t port, ignored;
    int fd = host_socket(SOCK_DGRAM, &ignored, false);
    struct packet p;
    unsigned got = 0;

    (void)state;
    port = open_forward(&net, "udp=", ":53", NULL, VIRTIO_NET_F_GUEST_TSO4);
    resolve(&net);
    connect_to(fd, port);
    for (unsigned n = 0; n < 2000; n++)
        assert_true(send(fd, data, sizeof(data), 0) == sizeof(data));
    /* it still hears the guest: ARP is asked and answered */
    begin(&p, NULL, ETH_ARP);
    put(&p, data, ARP_BYTES);
    assert_int_equal(send_bytes(&net, p.bytes, p.len), 0);
    for (;;) {
        worker_call(net.w, do_receive, &net);
        if (net.rc < 0)
            break;
        got++;
    }
    assert_in_range(got, 1, (2 << 20) / sizeof(data));
    close(fd);
    close_net(&net);
}

/* Of many intervals of 500 ms the first that took less than 10 ms of a CPU:
   what was before may have an end, and others disturb. */
static bool becomes_idle(void)
{
    for (unsigned n = 0; n < 50; n++) {
        uint64_t before = host_process_cpu_ns();

        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
        if (host_process_cpu_ns() - before < 10000000)
            return true;
    }
    return false;
}

static void an_idle_network_takes_no_time(void **state)
{
    uint16_t port;
    int server = host_socket(SOCK_STREAM, &port, true);
    struct tcp t;

    (void)state;
    open_forward(&net, "tcp=", ":80,udp=", ":53", 0);
    resolve(&net);
    dial(&net, &t, port); /* a connection does nothing, too */
    assert_true(becomes_idle());
    close(server);
    close_net(&net);
}

static void frames_that_make_no_sense_are_dropped(void **state)
{
    static struct packet p;

    (void)state;
    open_net(&net, "", VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4);
    for (size_t len = 0; len < 70; len++) {
        memset(p.bytes, (int)len, sizeof(p.bytes));
        assert_true(send_bytes(&net, p.bytes, len) < 0);
    }
    assert_int_equal(send_bytes(&net, p.bytes, NET_FRAME_MAX + 1), -EMSGSIZE);
    srandom(1);
    for (unsigned n = 0; n < 20000; n++) {
        size_t len = 12 + (size_t)random() % 100;

        for (size_t k = 0; k < len; k++)
            p.bytes[k] = (uint8_t)random();
        if (n % 2) {
            static const uint16_t types[] = {ETH_ARP, ETH_IP4, ETH_IP6};

            memset(p.bytes, 0, NET_HDR_BYTES);
            inet_put16(p.bytes + 24, types[n / 2 % 3]);
            p.bytes[26] = n / 2 % 3 == 1 ? 0x45 : 0x60;
            inet_put16(p.bytes + 28, (uint16_t)(len - 26));
            p.bytes[35] = 2; /* neither TCP nor UDP: nobody is called */
            p.bytes[32] = 59;
        }
        send_bytes(&net, p.bytes, len);
    }
    resolve(&net);
    close_net(&net);
}

static void without_memory_there_is_an_error(void **state)
{
    struct err e = {0};
    long n = 0;

    (void)state;
    for (;; n++) {
        struct net_backend *b;

        heap_fail_after(n);
        b = net_user_new("", &e);
        heap_fail_after(-1);
        if (b) {
            b->ops->free(b);
            break;
        }
        assert_non_null(strstr(e.text, "memory"));
    }
    assert_true(n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_given_by_dhcp),
        cmocka_unit_test(the_gateway_answers_arp_and_the_device_is_told),
        cmocka_unit_test(udp_reaches_the_host_and_its_answer_the_guest),
        cmocka_unit_test(fragments_reach_the_host_as_one_datagram),
        cmocka_unit_test(tcp_goes_both_ways_and_ends),
        cmocka_unit_test(connections_the_host_ended_first_take_no_room),
        cmocka_unit_test(a_guest_need_not_ask_for_room),
        cmocka_unit_test(a_connection_that_is_refused_is_reset),
        cmocka_unit_test(a_large_segment_from_the_guest_arrives),
        cmocka_unit_test(a_guest_that_can_gets_large_segments),
        cmocka_unit_test(a_guest_that_cannot_gets_small_ones),
        cmocka_unit_test(a_forwarded_tcp_port_leads_to_the_guest),
        cmocka_unit_test(many_may_call_a_forwarded_port_at_once),
        cmocka_unit_test(a_guest_may_accept_a_connection_twice),
        cmocka_unit_test(a_forwarded_udp_port_leads_to_the_guest),
        cmocka_unit_test(connections_come_and_go_without_end),
        cmocka_unit_test(a_guest_cannot_open_connections_without_end),
        cmocka_unit_test(a_port_that_is_taken_is_named),
        cmocka_unit_test(a_stopped_network_starts_again),
        cmocka_unit_test(a_guest_that_reads_nothing_loses_frames_and_no_more),
        cmocka_unit_test(an_idle_network_takes_no_time),
        cmocka_unit_test(frames_that_make_no_sense_are_dropped),
        cmocka_unit_test(without_memory_there_is_an_error),
    };

    log_configure(&(struct log_config){.fd = -1});
    return cmocka_run_group_tests(tests, NULL, NULL);
}
