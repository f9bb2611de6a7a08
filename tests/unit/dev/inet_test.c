// SPDX-License-Identifier: Apache-2.0
/* Frames: their parts, their checksums, their fragments, their queue. */

#include "dev/inet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "dev/ip_reass.h"
#include "dev/net_offload.h"
#include "dev/net_ring.h"

/* An IPv4 packet with TCP, of a capture: the sums are right. */
static const uint8_t tcp_frame[] = {
    0x52, 0x55, 0x0a, 0x00, 0x02, 0x02, 0x06, 0x00, 0x00, 0x00, 0x00, 0x01,
    0x08, 0x00, 0x45, 0x00, 0x00, 0x2d, 0x12, 0x34, 0x40, 0x00, 0x40, 0x06,
    0x10, 0x81, 0x0a, 0x00, 0x02, 0x0f, 0x0a, 0x00, 0x02, 0x02, 0x9c, 0x40,
    0x00, 0x50, 0x00, 0x00, 0x03, 0xe8, 0x00, 0x00, 0x07, 0xd0, 0x50, 0x18,
    0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 'h',  'e',  'l',  'l',  'o'};

/* As RFC 1071 has it: one's complement, 16 bits at a time. */
static uint16_t slow_sum(const uint8_t *at, size_t len)
{
    uint32_t sum = 0;

    for (size_t n = 0; n < len; n++)
        sum += n % 2 ? at[n] : (uint32_t)at[n] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void a_sum_is_that_of_the_rfc(void **state)
{
    static const uint8_t rfc[] = {0x00, 0x01, 0xf2, 0x03,
                                  0xf4, 0xf5, 0xf6, 0xf7};
    uint8_t data[600];
    uint16_t got;

    (void)state;
    got = inet_fold(inet_sum(0, rfc, sizeof(rfc)));
    assert_int_equal(inet_get16((uint8_t *)&got), 0xddf2);
    srandom(1);
    for (size_t len = 0; len < sizeof(data); len++) {
        for (size_t n = 0; n < len; n++)
            data[n] = random() % 4 ? 0xff : (uint8_t)random();
        got = inet_fold(inet_sum(0, data, len));
        assert_int_equal(inet_get16((uint8_t *)&got), slow_sum(data, len));
    }
}

static void a_whole_packet_has_its_parts(void **state)
{
    uint8_t frame[sizeof(tcp_frame) + 7];
    struct inet in;

    (void)state;
    memcpy(frame, tcp_frame, sizeof(tcp_frame));
    assert_true(inet_parse(frame, sizeof(frame), &in));
    assert_int_equal(in.type, ETH_IP4);
    assert_int_equal(in.l4, 34);
    assert_int_equal(in.data, 54);
    assert_int_equal(in.end, 59); /* padding is none of it */
    assert_true(inet_is_tcp(&in));
    inet_set_sum(frame, &in);
    assert_true(inet_sum_is_right(frame, &in));
    frame[55] ^= 1;
    assert_false(inet_sum_is_right(frame, &in));
}

static void lengths_that_contradict_are_refused(void **state)
{
    struct inet in;
    uint8_t frame[sizeof(tcp_frame)];

    (void)state;
    for (size_t len = 0; len < sizeof(tcp_frame); len++)
        assert_false(inet_parse(tcp_frame, len, &in));
    memcpy(frame, tcp_frame, sizeof(frame));
    frame[14] = 0x44; /* a header of 16 bytes */
    assert_false(inet_parse(frame, sizeof(frame), &in));
    frame[14] = 0x4f; /* longer than the packet */
    assert_false(inet_parse(frame, sizeof(frame), &in));
    frame[14] = 0x45;
    frame[46] = 0x40; /* TCP's of 16 */
    assert_true(inet_parse(frame, sizeof(frame), &in));
    assert_false(inet_is_tcp(&in));
    frame[46] = 0xf0; /* TCP's of 60 */
    assert_true(inet_parse(frame, sizeof(frame), &in));
    assert_false(inet_is_tcp(&in));
}

static void random_frames_stay_within_bounds(void **state)
{
    (void)state;
    srandom(2);
    for (unsigned round = 0; round < 200000; round++) {
        size_t len = (size_t)random() % 80;
        uint8_t *frame = malloc(len + 1); /* what is behind is guarded */
        struct inet in;

        for (size_t n = 0; n < len; n++)
            frame[n] = (uint8_t)random();
        if (len > 15) {
            frame[12] = (uint8_t[]){8, 8, 0x86}[round % 3];
            frame[13] = (uint8_t[]){0, 6, 0xdd}[round % 3];
            frame[14] = (uint8_t)(round % 3 ? 0x60 : 0x40 | random() % 16);
        }
        if (inet_parse(frame, len, &in)) {
            assert_true(in.l4 <= in.data && in.data <= in.end);
            assert_true(in.end <= len);
            if (inet_is_tcp(&in)) {
                inet_tcp_option(frame + in.l4, in.data - in.l4, 2, 4);
                inet_set_sum(frame, &in);
            }
        }
        free(frame);
    }
}

static void an_option_is_found_among_others(void **state)
{
    uint8_t tcp[40] = {[20] = 1, 1, 3, 3, 7, 2, 4, 0x05, 0xb4, 0, 2, 4};

    (void)state;
    assert_ptr_equal(inet_tcp_option(tcp, 40, 2, 4), tcp + 27);
    assert_null(inet_tcp_option(tcp, 28, 2, 4)); /* cut off */
    assert_null(inet_tcp_option(tcp, 40, 4, 2));
    tcp[23] = 0; /* a length of nothing would never end */
    assert_null(inet_tcp_option(tcp, 40, 2, 4));
}

/* ---- fragments ---- */

static struct ip_reass reass;
static uint8_t whole[IP_REASS_FRAME_MAX];

/* Fragment of a packet whose byte n of data is n * 3. */
static uint32_t give(uint16_t id, unsigned from, unsigned len, bool more,
                     uint64_t now_ns)
{
    uint8_t frame[2000];
    struct inet in;

    memcpy(frame, tcp_frame, 34);
    frame[23] = IP_UDP;
    inet_put16(frame + 16, (uint16_t)(20 + len));
    inet_put16(frame + 18, id);
    inet_put16(frame + 20, (uint16_t)(from / 8 | more << 13));
    for (unsigned n = 0; n < len; n++)
        frame[34 + n] = (uint8_t)((from + n) * 3);
    assert_true(inet_parse(frame, 34 + len, &in));
    assert_true(in.is_fragment);
    return ip_reass_add(&reass, frame, &in, now_ns, whole);
}

static void check_whole(uint32_t len, unsigned data)
{
    struct inet in;

    assert_int_equal(len, 34 + data);
    assert_true(inet_parse(whole, len, &in));
    assert_false(in.is_fragment);
    assert_int_equal(inet_fold(inet_sum(0, whole + 14, 20)), 0xffff);
    for (unsigned n = 0; n < data; n++)
        assert_int_equal(whole[34 + n], (uint8_t)(n * 3));
}

static void fragments_in_any_order_make_a_packet(void **state)
{
    (void)state;
    memset(&reass, 0, sizeof(reass));
    assert_int_equal(give(1, 1600, 333, false, 0), 0);
    assert_int_equal(give(1, 800, 800, true, 0), 0);
    assert_int_equal(give(1, 800, 800, true, 0), 0); /* twice */
    check_whole(give(1, 0, 800, true, 0), 1933);
    assert_int_equal(give(1, 0, 800, true, 0), 0); /* it is over */
}

static void holes_and_overlaps_do_no_harm(void **state)
{
    (void)state;
    memset(&reass, 0, sizeof(reass));
    assert_int_equal(give(1, 0, 800, true, 0), 0);
    assert_int_equal(give(1, 808, 100, false, 0), 0); /* 8 are missing */
    assert_int_equal(give(1, 1600, 800, true, 0), 0); /* behind the end */
    assert_int_equal(give(1, 800, 8, true, 0), 0);
    assert_int_equal(give(2, 65528, 100, false, 0), 0);
    assert_int_equal(give(2, 0, 804, true, 0), 0); /* no multiple of 8 */
    assert_int_equal(give(3, 8, 8, false, 0), 0);
    assert_int_equal(give(3, 0, 16, true, 0), 0 + 34 + 16);
}

static void old_and_many_fragments_are_forgotten(void **state)
{
    (void)state;
    memset(&reass, 0, sizeof(reass));
    assert_int_equal(give(1, 0, 800, true, 0), 0);
    assert_int_equal(give(1, 800, 8, false, 31000000000ull), 0);
    for (uint16_t id = 10; id < 200; id++)
        assert_int_equal(give(id, 0, 800, true, 40000000000ull + id), 0);
    assert_int_equal(give(10, 800, 8, false, 40000000300ull), 0);
    check_whole(give(199, 800, 8, false, 40000000300ull), 808);
}

/* ---- the queue ---- */

static void frames_leave_the_ring_as_they_came(void **state)
{
    struct net_ring r;
    uint8_t data[3000], got[3000];
    unsigned in = 0, out = 0;

    (void)state;
    assert_int_equal(net_ring_init(&r, 16384, NULL), 0);
    srandom(3);
    for (unsigned round = 0; round < 100000; round++) {
        struct iovec iov[2] = {{got, 100}, {got + 100, sizeof(got) - 100}};

        if (random() % 5 < 3) {
            size_t len = 1 + in * 37 % (in % 16 ? 400 : 3000);

            memset(data, (int)in, len);
            in +=
                net_ring_push(&r, data, len / 3, data + len / 3, len - len / 3);
        } else {
            ssize_t rc = net_ring_pop(&r, iov, 2);
            size_t len = 1 + out * 37 % (out % 16 ? 400 : 3000);

            if (in == out) {
                assert_int_equal(rc, -EAGAIN);
                continue;
            }
            assert_int_equal(rc, len);
            for (size_t n = 0; n < len; n++)
                assert_int_equal(got[n], (uint8_t)out);
            out++;
        }
    }
    assert_true(in > 10000);
    assert_int_equal(r.count, in - out);
    assert_true(r.used <= r.bytes);
    net_ring_release(&r);
}

static void a_full_ring_takes_nothing(void **state)
{
    struct net_ring r;
    uint8_t data[1024] = {0};
    unsigned n = 0;

    (void)state;
    assert_int_equal(net_ring_init(&r, 8192, NULL), 0);
    assert_false(net_ring_push(&r, data, 1, data, 9000));
    while (net_ring_push(&r, data, 12, data, 1000))
        n++;
    assert_in_range(n, 6, 8);
    assert_int_equal(net_ring_pop(&r, NULL, 0), 1012); /* lost, not stuck */
    assert_true(net_ring_push(&r, data, 12, data, 500));
    net_ring_clear(&r);
    assert_int_equal(net_ring_pop(&r, NULL, 0), -EAGAIN);
    net_ring_release(&r);
}

/* ---- offloads ---- */

static struct net_offload offload;

static size_t with_header(uint8_t *out, uint8_t flags, uint8_t gso)
{
    memset(out, 0, NET_HDR_BYTES);
    out[0] = flags;
    out[1] = gso;
    memcpy(out + NET_HDR_BYTES, tcp_frame, sizeof(tcp_frame));
    return NET_HDR_BYTES + sizeof(tcp_frame);
}

static void a_checksum_left_to_us_is_made(void **state)
{
    uint8_t bytes[100];
    size_t len = with_header(bytes, 1, 0);
    struct inet in;

    (void)state;
    assert_true(net_offload_from_guest(&offload, bytes, len, &in));
    assert_true(inet_sum_is_right(bytes + NET_HDR_BYTES, &in));
    with_header(bytes, 0, 0); /* not asked for: it stays wrong */
    assert_true(net_offload_from_guest(&offload, bytes, len, &in));
    assert_false(inet_sum_is_right(bytes + NET_HDR_BYTES, &in));
}

static void a_checksum_elsewhere_stays_within_the_frame(void **state)
{
    uint8_t bytes[100];
    struct inet in;

    (void)state;
    for (unsigned start = 0; start < 70; start++)
        for (unsigned at = 0; at < 65536; at += at < 70 ? 1 : 9973) {
            size_t len = with_header(bytes, 1, 0);

            bytes[NET_HDR_BYTES + 23] = 132; /* SCTP */
            bytes[6] = (uint8_t)start;
            bytes[8] = (uint8_t)at;
            bytes[9] = (uint8_t)(at >> 8);
            assert_int_equal(net_offload_from_guest(&offload, bytes, len, &in),
                             start + at + 2 <= sizeof(tcp_frame));
        }
}

static void large_segments_are_tcp(void **state)
{
    uint8_t bytes[100];
    size_t len = with_header(bytes, 1, 1);
    struct inet in;

    (void)state;
    assert_true(net_offload_from_guest(&offload, bytes, len, &in));
    bytes[NET_HDR_BYTES + 23] = IP_UDP;
    assert_false(net_offload_from_guest(&offload, bytes, len, &in));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_is_that_of_the_rfc),
        cmocka_unit_test(a_whole_packet_has_its_parts),
        cmocka_unit_test(lengths_that_contradict_are_refused),
        cmocka_unit_test(random_frames_stay_within_bounds),
        cmocka_unit_test(an_option_is_found_among_others),
        cmocka_unit_test(fragments_in_any_order_make_a_packet),
        cmocka_unit_test(holes_and_overlaps_do_no_harm),
        cmocka_unit_test(old_and_many_fragments_are_forgotten),
        cmocka_unit_test(frames_leave_the_ring_as_they_came),
        cmocka_unit_test(a_full_ring_takes_nothing),
        cmocka_unit_test(a_checksum_left_to_us_is_made),
        cmocka_unit_test(a_checksum_elsewhere_stays_within_the_frame),
        cmocka_unit_test(large_segments_are_tcp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
