// SPDX-License-Identifier: Apache-2.0
/* Which connections have ended, read from their packets. */

#include "dev/net_ends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { GUEST_SEQ = 5000, HOST_SEQ = 9000, TCP_AT = ETH_BYTES + IP4_BYTES };

static struct net_ends ends;
static uint8_t frame[TCP_AT + TCP_BYTES + 4];

/* A packet without data from one port to the other. */
static struct inet make(uint16_t from, uint16_t to, uint8_t flags, uint32_t seq,
                        uint32_t ack)
{
    uint8_t *ip = frame + ETH_BYTES, *tcp = frame + TCP_AT;
    struct inet in;

    memset(frame, 0, sizeof(frame));
    inet_put16(frame + 12, ETH_IP4);
    ip[0] = 0x45;
    inet_put16(ip + 2, sizeof(frame) - ETH_BYTES);
    ip[9] = IP_TCP;
    inet_put16(tcp, from);
    inet_put16(tcp + 2, to);
    inet_put32(tcp + 4, seq);
    inet_put32(tcp + 8, ack);
    tcp[12] = (TCP_BYTES + 4) / 4 << 4;
    tcp[13] = flags;
    assert_true(inet_parse(frame, sizeof(frame), &in));
    return in;
}

static void guest_sends(uint16_t port, uint8_t flags, uint32_t seq,
                        uint32_t ack)
{
    struct inet in = make(port, 80, flags, seq, ack);

    net_ends_from_guest(&ends, frame, &in);
}

static void guest_gets(uint16_t port, uint8_t flags, uint32_t seq, uint32_t ack)
{
    struct inet in = make(80, port, flags, seq, ack);

    net_ends_to_guest(&ends, frame, &in);
}

static void end_by_host(uint16_t port)
{
    guest_gets(port, TCP_FIN | TCP_ACK, HOST_SEQ, GUEST_SEQ);
    guest_sends(port, TCP_FIN | TCP_ACK, GUEST_SEQ, HOST_SEQ + 1);
    guest_gets(port, TCP_ACK, HOST_SEQ + 1, GUEST_SEQ + 1);
}

static bool busy;

static bool is_busy(uint16_t port, void *ctx)
{
    (void)ctx;
    assert_int_equal(port, 80);
    return busy;
}

static bool take(struct net_end *out)
{
    return net_ends_take(&ends, is_busy, NULL, out);
}

static void what_both_have_ended_is_reset_once(void **state)
{
    struct net_end out;
    struct inet in;

    (void)state;
    end_by_host(4000);
    assert_true(take(&out));
    assert_true(inet_parse(out.frame, out.len, &in));
    assert_true(inet_sum_is_right(out.frame, &in));
    assert_int_equal(inet_get16(out.frame + TCP_AT), 4000);
    assert_int_equal(inet_get32(out.frame + TCP_AT + 4), GUEST_SEQ + 1);
    assert_int_equal(out.frame[TCP_AT + 13], TCP_RST | TCP_ACK);
    assert_false(take(&out));
}

static void half_an_end_is_none(void **state)
{
    struct net_end out;

    (void)state;
    memset(&ends, 0, sizeof(ends));
    guest_gets(4000, TCP_FIN | TCP_ACK, HOST_SEQ, GUEST_SEQ); /* one side */
    guest_sends(4000, TCP_ACK, GUEST_SEQ, HOST_SEQ + 1);
    guest_gets(4000, TCP_ACK, HOST_SEQ + 1, GUEST_SEQ);
    guest_sends(4001, TCP_FIN | TCP_ACK, GUEST_SEQ, HOST_SEQ); /* the guest */
    guest_gets(4001, TCP_ACK, HOST_SEQ, GUEST_SEQ + 1);
    guest_gets(4002, TCP_FIN | TCP_ACK, HOST_SEQ, GUEST_SEQ); /* not heard */
    guest_sends(4002, TCP_FIN | TCP_ACK, GUEST_SEQ, HOST_SEQ);
    guest_gets(4002, TCP_ACK, HOST_SEQ + 1, GUEST_SEQ + 1);
    guest_gets(4003, TCP_FIN | TCP_ACK, HOST_SEQ, GUEST_SEQ); /* a gap */
    guest_sends(4003, TCP_FIN | TCP_ACK, GUEST_SEQ + 9, HOST_SEQ + 1);
    guest_gets(4003, TCP_ACK, HOST_SEQ + 1, GUEST_SEQ);
    assert_false(take(&out));
}

static void who_has_something_on_its_way_waits(void **state)
{
    struct net_end out;

    (void)state;
    end_by_host(4000);
    busy = true;
    assert_false(take(&out));
    busy = false;
    assert_true(take(&out));
}

static void ports_that_are_used_anew_are_left_alone(void **state)
{
    struct net_end out;

    (void)state;
    end_by_host(4000);
    end_by_host(4001);
    guest_sends(4000, TCP_SYN, GUEST_SEQ + 1000, 0);
    assert_true(take(&out));
    assert_int_equal(inet_get16(out.frame + TCP_AT), 4001);
    assert_false(take(&out));
}

static void there_is_an_end_to_how_many_are_kept(void **state)
{
    struct net_end out;
    unsigned n = 0;

    (void)state;
    for (uint16_t port = 1000; port < 1000 + 2 * NET_ENDS_MAX; port++)
        end_by_host(port);
    while (take(&out))
        n++;
    assert_int_equal(n, NET_ENDS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_both_have_ended_is_reset_once),
        cmocka_unit_test(half_an_end_is_none),
        cmocka_unit_test(who_has_something_on_its_way_waits),
        cmocka_unit_test(ports_that_are_used_anew_are_left_alone),
        cmocka_unit_test(there_is_an_end_to_how_many_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
