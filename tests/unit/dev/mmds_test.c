// SPDX-License-Identifier: Apache-2.0
/* The metadata service's TCP, against a guest that has one, too, or means ill.
 */

#include "dev/mmds_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/macros.h"
#include "dev/mmds_tcp.h"

#define SECOND 1000000000ull

static const uint8_t guest_mac[] = {2, 0, 0, 0, 0, 1};
static const uint8_t guest_ip[] = {10, 9, 8, 7};
static const uint8_t mmds_ip[] = {169, 254, 169, 254};
static const uint8_t mmds_mac[] = {6, 1, 0x23, 0x45, 0x67, 1};

static struct mmds_tcp *tcp;
static uint64_t now;
static char asked[MMDS_TCP_REQUEST_MAX + 1]; /* the last request */
static unsigned num_asked;
static size_t answer_len; /* of each answer: byte n is n * 7 */

static void respond(void *ctx, const char *request, size_t len, struct buf *out)
{
    (void)ctx;
    memcpy(asked, request, len);
    asked[len] = 0;
    num_asked++;
    for (size_t n = 0; n < answer_len; n++)
        buf_putc(out, (char)(n * 7));
}

static int set_up(void **state)
{
    (void)state;
    tcp = heap_zalloc(sizeof(*tcp));
    tcp->answerer.respond = respond;
    memcpy(tcp->mac, mmds_mac, sizeof(mmds_mac));
    memcpy(tcp->ip, mmds_ip, sizeof(mmds_ip));
    now = SECOND;
    num_asked = 0;
    answer_len = 100;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mmds_tcp_reset(tcp);
    heap_free(tcp);
    return 0;
}

/* ---- a guest ---- */

struct guest {
    uint16_t port, to;
    uint32_t seq, ack;
    uint16_t window;
};

static size_t make(uint8_t *frame, const struct guest *g, uint8_t flags,
                   uint16_t mss, const void *data, size_t len)
{
    size_t header = TCP_BYTES + (mss ? 4u : 0u);
    uint8_t *ip = frame + ETH_BYTES, *t = ip + IP4_BYTES;

    memset(frame, 0, ETH_BYTES + IP4_BYTES + header);
    memcpy(frame, mmds_mac, ETH_ADDR);
    memcpy(frame + ETH_ADDR, guest_mac, ETH_ADDR);
    inet_put16(frame + 12, ETH_IP4);
    ip[0] = 0x45;
    inet_put16(ip + 2, (uint16_t)(IP4_BYTES + header + len));
    ip[9] = IP_TCP;
    memcpy(ip + 12, guest_ip, 4);
    memcpy(ip + 16, mmds_ip, 4);
    inet_put16(t, g->port);
    inet_put16(t + 2, g->to);
    inet_put32(t + 4, g->seq);
    inet_put32(t + 8, g->ack);
    t[12] = (uint8_t)(header / 4 << 4);
    t[13] = flags;
    inet_put16(t + 14, g->window);
    if (mss) {
        t[20] = 2;
        t[21] = 4;
        inet_put16(t + 22, mss);
    }
    if (len)
        memcpy(t + header, data, len);
    return ETH_BYTES + IP4_BYTES + header + len;
}

static void say(struct guest *g, uint8_t flags, uint16_t mss, const void *data,
                size_t len)
{
    uint8_t frame[4000];
    size_t bytes = make(frame, g, flags, mss, data, len);
    struct inet in;

    assert_true(inet_parse(frame, bytes, &in));
    mmds_tcp_input(tcp, frame, &in, now);
    g->seq += (uint32_t)len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
}

/* What comes back. */
struct heard {
    bool any;
    uint8_t flags;
    uint32_t seq, ack;
    uint16_t window, port;
    size_t len;
    uint8_t data[MMDS_TCP_MSS_MAX];
    uint16_t mss;
};
static struct heard heard;

static bool hear(void)
{
    static uint8_t frame[MMDS_TCP_FRAME_MAX];
    size_t len = mmds_tcp_output(tcp, frame, now);
    struct inet in;
    uint8_t *t, *mss;

    heard.any = len;
    if (!len)
        return false;
    assert_true(inet_parse(frame, len, &in));
    assert_true(inet_is_tcp(&in));
    assert_true(inet_sum_is_right(frame, &in));
    assert_memory_equal(frame, guest_mac, ETH_ADDR);
    assert_memory_equal(frame + ETH_ADDR, mmds_mac, ETH_ADDR);
    assert_memory_equal(frame + 26, mmds_ip, 4);
    t = frame + in.l4;
    mss = inet_tcp_option(t, in.data - in.l4, 2, 4);
    heard.flags = t[13];
    heard.seq = inet_get32(t + 4);
    heard.ack = inet_get32(t + 8);
    heard.window = inet_get16(t + 14);
    heard.port = inet_get16(t + 2);
    heard.mss = mss ? inet_get16(mss) : 0;
    heard.len = in.end - in.data;
    memcpy(heard.data, frame + in.data, heard.len);
    return true;
}

static void expect(uint8_t flags, size_t len)
{
    assert_true(hear());
    assert_int_equal(heard.flags, flags);
    assert_int_equal(heard.len, len);
}

static struct guest dial(uint16_t port, uint16_t mss)
{
    struct guest g = {
        .port = port, .to = 80, .seq = 0xfffffff0, .window = 65535};

    say(&g, TCP_SYN, mss, NULL, 0);
    expect(TCP_SYN | TCP_ACK, 0);
    assert_int_equal(heard.ack, g.seq);
    assert_int_equal(heard.mss, 1460);
    g.ack = heard.seq + 1;
    say(&g, TCP_ACK, 0, NULL, 0);
    return g;
}

static const char request[] = "GET / HTTP/1.1\r\n\r\n";

static void ask(struct guest *g)
{
    say(g, TCP_ACK | TCP_PSH, 0, request, strlen(request));
}

/* Reads an answer, acknowledging each segment. */
static void read_answer(struct guest *g, size_t mss)
{
    size_t had = 0;

    while (had < answer_len) {
        assert_true(hear());
        assert_int_equal(heard.seq, g->ack);
        assert_in_range(heard.len, 1, mss);
        for (size_t n = 0; n < heard.len; n++)
            assert_int_equal(heard.data[n], (uint8_t)((had + n) * 7));
        had += heard.len;
        g->ack += (uint32_t)heard.len;
        say(g, TCP_ACK, 0, NULL, 0);
    }
    assert_int_equal(had, answer_len);
}

/* ---- polite guests ---- */

static void a_request_is_answered(void **state)
{
    struct guest g = dial(1000, 1460);

    (void)state;
    ask(&g);
    assert_string_equal(asked, request);
    read_answer(&g, 1460);
    assert_false(hear());
    say(&g, TCP_ACK | TCP_FIN, 0, NULL, 0);
    expect(TCP_ACK | TCP_FIN, 0);
    assert_int_equal(heard.ack, g.seq);
    g.ack = heard.seq + 1;
    say(&g, TCP_ACK, 0, NULL, 0);
    assert_false(hear());
    assert_false(tcp->conns[0].used);
}

static void several_requests_use_one_connection(void **state)
{
    struct guest g = dial(1000, 1460);
    char both[64];

    (void)state;
    for (unsigned n = 0; n < 5; n++) {
        ask(&g);
        read_answer(&g, 1460);
    }
    assert_int_equal(num_asked, 5);
    memcpy(both, request, sizeof(request));
    memcpy(both + strlen(request), request, sizeof(request));
    say(&g, TCP_ACK, 0, both, 2 * strlen(request));
    assert_int_equal(num_asked, 6); /* the next when this has arrived */
    read_answer(&g, 1460);
    assert_int_equal(num_asked, 7);
    read_answer(&g, 1460);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    struct guest g = dial(1000, 1460);

    (void)state;
    for (size_t n = 0; n < strlen(request); n++) {
        assert_int_equal(num_asked, 0);
        say(&g, TCP_ACK, 0, request + n, 1);
        if (n + 1 < strlen(request))
            expect(TCP_ACK, 0);
        assert_int_equal(heard.window, 2500 - (n < 17 ? n + 1 : 17));
    }
    assert_int_equal(num_asked, 1);
}

static void a_long_answer_comes_in_segments_of_the_guests_size(void **state)
{
    static const uint16_t sizes[] = {0, 100, 536, 1460, 9000, 65495, 1};

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(sizes); n++) {
        struct guest g = dial((uint16_t)(1000 + n), sizes[n]);

        answer_len = sizes[n] == 1 ? 300 : 200000;
        ask(&g);
        read_answer(&g, sizes[n] ? MIN(sizes[n], (uint16_t)MMDS_TCP_MSS_MAX)
                                 : MMDS_TCP_MSS);
        say(&g, TCP_RST, 0, NULL, 0);
        assert_false(tcp->conns[0].used);
    }
}

static void no_more_is_sent_than_the_window_takes(void **state)
{
    struct guest g = dial(1000, 1000);

    (void)state;
    answer_len = 10000;
    g.window = 2500;
    ask(&g);
    expect(TCP_ACK, 1000);
    expect(TCP_ACK, 1000);
    expect(TCP_ACK, 500);
    assert_false(hear());
    g.ack += 2500;
    g.window = 0;
    say(&g, TCP_ACK, 0, NULL, 0);
    assert_false(hear());
    assert_true(mmds_tcp_deadline(tcp) < now + 2 * SECOND);
    for (unsigned n = 0; n < 40; n++) { /* it asks, and does not give up */
        now += 2 * SECOND;
        expect(TCP_ACK, 1);
        assert_int_equal(heard.seq, g.ack);
        assert_false(hear());
        say(&g, TCP_ACK, 0, NULL, 0);
    }
    g.window = 60000;
    say(&g, TCP_ACK, 0, NULL, 0);
    expect(TCP_ACK, 1000);
}

static void a_half_closed_connection_is_answered_and_closed(void **state)
{
    struct guest g = dial(1000, 1460);

    (void)state;
    say(&g, TCP_ACK | TCP_FIN, 0, request, strlen(request));
    assert_int_equal(num_asked, 1);
    expect(TCP_ACK | TCP_PSH, 100);
    g.ack += 100;
    say(&g, TCP_ACK, 0, NULL, 0);
    expect(TCP_ACK | TCP_FIN, 0);
}

/* ---- losses ---- */

static void what_is_lost_is_sent_again_and_then_given_up(void **state)
{
    struct guest g = dial(1000, 60);
    uint64_t start;

    (void)state;
    ask(&g);
    start = now;
    expect(TCP_ACK, 60);
    expect(TCP_ACK | TCP_PSH, 40);
    for (unsigned n = 0; n < MMDS_TCP_RETRIES; n++) {
        assert_false(hear());
        assert_int_equal(mmds_tcp_deadline(tcp), now + MMDS_TCP_RTO_NS);
        now = mmds_tcp_deadline(tcp);
        expect(TCP_ACK, 60);
        assert_int_equal(heard.seq, g.ack);
        expect(TCP_ACK | TCP_PSH, 40);
    }
    now = mmds_tcp_deadline(tcp);
    assert_int_equal(now - start, (MMDS_TCP_RETRIES + 1) * MMDS_TCP_RTO_NS);
    expect(TCP_RST | TCP_ACK, 0);
    assert_false(tcp->conns[0].used);
    assert_int_equal(mmds_tcp_deadline(tcp), UINT64_MAX);
}

static void a_syn_that_comes_twice_is_answered_twice(void **state)
{
    struct guest g = {.port = 1000, .to = 80, .seq = 5, .window = 1000}, again;

    (void)state;
    again = g;
    say(&g, TCP_SYN, 0, NULL, 0);
    expect(TCP_SYN | TCP_ACK, 0);
    g.ack = heard.seq + 1;
    say(&again, TCP_SYN, 0, NULL, 0);
    expect(TCP_SYN | TCP_ACK, 0);
    assert_int_equal(heard.seq + 1, g.ack);
    say(&g, TCP_ACK, 0, NULL, 0);
    ask(&g);
    read_answer(&g, 536);
    again.seq = 777777; /* another one, on the same port */
    say(&again, TCP_SYN, 0, NULL, 0);
    expect(TCP_ACK, 0);
}

static void duplicates_and_gaps_are_sorted_out(void **state)
{
    struct guest g = dial(1000, 1460), h;

    (void)state;
    h = g;
    h.seq += 5;
    say(&h, TCP_ACK, 0, request + 5, 4); /* out of order */
    expect(TCP_ACK, 0);
    assert_int_equal(heard.ack, g.seq);
    h = g;
    say(&g, TCP_ACK, 0, request, 10);
    expect(TCP_ACK, 0);
    say(&h, TCP_ACK, 0, request, 10); /* again */
    expect(TCP_ACK, 0);
    assert_int_equal(heard.ack, g.seq);
    h.seq = g.seq - 4; /* some of it again */
    say(&h, TCP_ACK, 0, request + 6, strlen(request) - 6);
    assert_int_equal(num_asked, 1);
    assert_string_equal(asked, request);
}

static void three_duplicate_acks_bring_what_was_lost(void **state)
{
    struct guest g = dial(1000, 1000);

    (void)state;
    answer_len = 3000;
    ask(&g);
    while (hear())
        ;
    say(&g, TCP_ACK, 0, NULL, 0);
    say(&g, TCP_ACK, 0, NULL, 0);
    assert_false(hear());
    say(&g, TCP_ACK, 0, NULL, 0);
    expect(TCP_ACK, 1000);
    assert_int_equal(heard.seq, g.ack);
}

/* ---- limits ---- */

static void a_request_that_is_too_long_is_reset(void **state)
{
    char long_one[MMDS_TCP_REQUEST_MAX + 100];
    struct guest g = dial(1000, 1460);

    (void)state;
    memset(long_one, 'x', sizeof(long_one));
    say(&g, TCP_ACK, 0, long_one, sizeof(long_one));
    expect(TCP_RST | TCP_ACK, 0);
    assert_false(tcp->conns[0].used);
    g = dial(1001, 1460);
    memcpy(long_one + MMDS_TCP_REQUEST_MAX - 4, "\r\n\r\n", 4);
    say(&g, TCP_ACK, 0, long_one, MMDS_TCP_REQUEST_MAX);
    assert_int_equal(num_asked, 1);
    assert_int_equal(strlen(asked), MMDS_TCP_REQUEST_MAX);
}

static void there_are_thirty_connections_and_idle_ones_make_room(void **state)
{
    struct guest g[31];

    (void)state;
    for (unsigned n = 0; n < 30; n++) {
        now += 1000;
        g[n] = dial((uint16_t)(1000 + n), 0);
    }
    g[30] = (struct guest){.port = 2000, .to = 80, .seq = 1, .window = 100};
    say(&g[30], TCP_SYN, 0, NULL, 0);
    expect(TCP_RST | TCP_ACK, 0);
    assert_int_equal(heard.port, 2000);
    assert_int_equal(heard.ack, 2);
    now += MMDS_TCP_IDLE_NS - 5000;
    ask(&g[0]); /* this one is not idle */
    read_answer(&g[0], 536);
    now += 5000;
    g[30].seq = 1;
    say(&g[30], TCP_SYN, 0, NULL, 0);
    expect(TCP_SYN | TCP_ACK, 0);
    expect(TCP_RST | TCP_ACK, 0);
    assert_int_equal(heard.port, 1001);
}

static void resets_are_bounded(void **state)
{
    unsigned count = 0;

    (void)state;
    for (unsigned n = 0; n < 1000; n++) {
        struct guest g = {.port = (uint16_t)n, .to = 81, .ack = n};

        say(&g, n % 2 ? TCP_SYN : TCP_ACK, 0, NULL, 0);
    }
    while (hear()) {
        assert_int_equal(heard.flags, count % 2 ? TCP_RST | TCP_ACK : TCP_RST);
        assert_int_equal(heard.port, count++);
    }
    assert_int_equal(count, MMDS_TCP_RESETS);
}

static void a_reset_is_not_answered(void **state)
{
    struct guest g = {.port = 9, .to = 80};

    (void)state;
    say(&g, TCP_RST, 0, NULL, 0);
    say(&g, TCP_RST | TCP_ACK, 0, NULL, 0);
    assert_false(hear());
    g = dial(1000, 0);
    g.seq += 70000; /* not within the window: somebody guesses */
    say(&g, TCP_RST, 0, NULL, 0);
    assert_true(tcp->conns[0].used);
}

/* Whatever comes, each call ends, and what goes out is well-formed. */
static void random_segments_do_no_harm(void **state)
{
    static const uint8_t flags[] = {
        TCP_SYN, TCP_ACK, TCP_ACK | TCP_FIN, TCP_RST, TCP_ACK | TCP_PSH,
        0,       255};
    uint32_t base = 0;

    (void)state;
    answer_len = 5000;
    srandom(1);
    for (unsigned n = 0; n < 300000; n++) {
        struct guest g = {
            .port = (uint16_t)(random() % 40),
            .to = random() % 50 ? 80 : 81,
            .seq = (uint32_t)(random() % 60),
            .ack = base + (random() % 2 ? 1u : (uint32_t)random() % 3000),
            .window = (uint16_t)(random() % 3 ? random() : 0)};
        size_t len = random() % 3 ? 0 : (size_t)random() % 28;

        say(&g, flags[random() % 7], (uint16_t)(random() % 2 * random()),
            "\r\n\r\nGET /\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n", len);
        now += (uint64_t)random() % SECOND;
        for (unsigned k = 0; k < 5 && hear(); k++)
            if (heard.flags & TCP_SYN || random() % 8 == 0)
                base = heard.seq;
    }
    assert_true(num_asked > 0);
}

/* ---- on the link ---- */

static void it_answers_arp_for_its_address(void **state)
{
    struct mmds_net *m = mmds_net_new(mmds_ip, &tcp->answerer, NULL, NULL);
    const struct net_detour *d = mmds_net_detour(m);
    uint8_t frame[NET_FRAME_MAX] = {[12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 1};

    (void)state;
    memset(frame, 0xff, ETH_ADDR);
    memcpy(frame + 6, guest_mac, 6);
    memcpy(frame + 22, guest_mac, 6);
    memcpy(frame + 28, guest_ip, 4);
    memcpy(frame + 38, guest_ip, 4);
    assert_false(d->wants(d->ctx, frame, 42));
    memcpy(frame + 38, mmds_ip, 4);
    assert_true(d->wants(d->ctx, frame, 42));
    assert_false(d->wants(d->ctx, frame, 41));
    d->send(d->ctx, frame, 42);
    memset(frame, 0, sizeof(frame));
    assert_int_equal(d->receive(d->ctx, frame), 42);
    assert_memory_equal(frame, guest_mac, 6);
    assert_memory_equal(frame + 6, mmds_mac, 6);
    assert_int_equal(frame[21], 2);
    assert_memory_equal(frame + 22, mmds_mac, 6);
    assert_memory_equal(frame + 28, mmds_ip, 4);
    assert_memory_equal(frame + 38, guest_ip, 4);
    assert_int_equal(d->receive(d->ctx, frame), 0);
    mmds_net_free(m);
}

static void other_frames_are_not_its_own(void **state)
{
    struct mmds_net *m = mmds_net_new(mmds_ip, &tcp->answerer, NULL, NULL);
    const struct net_detour *d = mmds_net_detour(m);
    struct guest g = {.port = 1, .to = 80, .window = 1000};
    uint8_t frame[NET_FRAME_MAX];
    size_t len = make(frame, &g, TCP_SYN, 0, NULL, 0);

    (void)state;
    assert_true(d->wants(d->ctx, frame, 42));
    frame[33] ^= 1;
    assert_false(d->wants(d->ctx, frame, 42));
    frame[33] ^= 1;
    assert_false(d->wants(d->ctx, frame, 33));
    frame[23] = IP_UDP; /* for it, but nothing it knows */
    d->send(d->ctx, frame, len);
    d->send(d->ctx, frame, 20);
    assert_int_equal(d->receive(d->ctx, frame), 0);
    mmds_net_free(m);
}

/* An answer to a question nobody asked, and a packet that is not TCP's. */
static void what_is_of_no_use_to_it_is_taken_and_counted(void **state)
{
    struct mmds_net *m = mmds_net_new(mmds_ip, &tcp->answerer, NULL, NULL);
    const struct net_detour *d = mmds_net_detour(m);
    struct guest g = {.port = 1, .to = 80, .window = 1000};
    uint8_t frame[NET_FRAME_MAX] = {[12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 2};
    uint64_t bad = metric_get(&metrics.mmds.rx_accepted_err);
    uint64_t unusual = metric_get(&metrics.mmds.rx_accepted_unusual);
    size_t len;

    (void)state;
    memcpy(frame + 38, mmds_ip, 4);
    assert_true(d->wants(d->ctx, frame, 42));
    d->send(d->ctx, frame, 42);
    assert_int_equal(d->receive(d->ctx, frame), 0);
    assert_true(metric_get(&metrics.mmds.rx_accepted_err) == bad + 1);
    len = make(frame, &g, TCP_SYN, 0, NULL, 0);
    frame[23] = IP_UDP;
    d->send(d->ctx, frame, len);
    assert_int_equal(d->receive(d->ctx, frame), 0);
    assert_true(metric_get(&metrics.mmds.rx_accepted_err) == bad + 1);
    assert_true(metric_get(&metrics.mmds.rx_accepted_unusual) == unusual + 1);
    mmds_net_free(m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_answered),
        TEST(several_requests_use_one_connection),
        TEST(a_request_may_come_byte_by_byte),
        TEST(a_long_answer_comes_in_segments_of_the_guests_size),
        TEST(no_more_is_sent_than_the_window_takes),
        TEST(a_half_closed_connection_is_answered_and_closed),
        TEST(what_is_lost_is_sent_again_and_then_given_up),
        TEST(a_syn_that_comes_twice_is_answered_twice),
        TEST(duplicates_and_gaps_are_sorted_out),
        TEST(three_duplicate_acks_bring_what_was_lost),
        TEST(a_request_that_is_too_long_is_reset),
        TEST(there_are_thirty_connections_and_idle_ones_make_room),
        TEST(resets_are_bounded),
        TEST(a_reset_is_not_answered),
        TEST(random_segments_do_no_harm),
        TEST(it_answers_arp_for_its_address),
        TEST(other_frames_are_not_its_own),
        TEST(what_is_of_no_use_to_it_is_taken_and_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
