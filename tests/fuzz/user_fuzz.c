// SPDX-License-Identifier: Apache-2.0
/*
 * The network without root: forwards that are any text, and frames that are
 * anything. It runs where there is no network but a loopback of its own, so
 * that nobody is called; where the host gives no such place only what stands
 * before the library is driven.
 */

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "dev/ip_reass.h"
#include "dev/net_backend.h"
#include "dev/net_forward.h"
#include "dev/net_offload.h"
#include "fuzz.h"
#include "input.h"

enum { MAX_STEPS = 64 };

static const uint64_t acked[] = {0, VIRTIO_NET_F_GUEST_CSUM,
                                 NET_OFFLOAD_FEATURES};

static bool is_alone(void)
{
    static int alone = -1;

    if (alone < 0)
        alone = unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ||
                unshare(CLONE_NEWNET) == 0;
    return alone;
}

/* The headers of something that the stack knows, the rest as it comes. */
static size_t make_frame(struct input *in, uint8_t *frame)
{
    static const uint8_t start[][40] = {
        {[12] = 8, [13] = 6, [15] = 1, 8, 0, 6, 4, 0, 1, [38] = 10, 0},
        {[12] = 8,
         [14] = 0x45,
         [22] = 64,
         IP_TCP,
         [26] = 10,
         0,
         2,
         15,
         10,
         0,
         2,
         2,
         0,
         9,
         0,
         80},
        {[12] = 8,
         [14] = 0x45,
         [22] = 64,
         IP_UDP,
         [26] = 10,
         0,
         2,
         15,
         10,
         0,
         2,
         3,
         0,
         68,
         0,
         67},
        {[12] = 8,
         [14] = 0x45,
         [22] = 64,
         1,
         [26] = 10,
         0,
         2,
         15,
         10,
         0,
         2,
         2,
         8},
        {[12] = 0x86, 0xdd, 0x60, [20] = 58, 255, 0xfe, 0x80, [37] = 1},
    };
    unsigned kind = (unsigned)take(in, 1) % 6;
    size_t len = (size_t)take(in, 1) + (take(in, 1) & 1 ? 1000 : 0), n = 0;
    uint16_t sum;

    memset(frame, 0, NET_HDR_BYTES + 2000);
    frame[0] = (uint8_t)take(in, 1) & 1;
    frame[1] = (uint8_t)take(in, 1) & 7;
    frame += NET_HDR_BYTES;
    if (kind < 5) {
        memcpy(frame, start[kind], sizeof(start[kind]));
        n = 38;
        len += n;
        inet_put16(frame + (kind == 4 ? 18 : 16),
                   (uint16_t)(len - (kind == 4 ? 54u : 14u)));
        if (kind >= 1 && kind <= 3)
            inet_put16(frame + 20,
                       (uint16_t)(take(in, 1) & 3 ? 0 : take(in, 2)));
    }
    for (; n < len && in->left; n++)
        frame[n] = (uint8_t)take(in, 1);
    if (kind >= 1 && kind <= 3) {
        sum = (uint16_t)~inet_fold(inet_sum(0, frame + 14, 20));
        memcpy(frame + 24, &sum, 2);
    }
    return NET_HDR_BYTES + len;
}

static void drive(struct net_backend *b, struct input *in)
{
    static uint8_t frame[NET_FRAME_MAX];
    struct iovec iov = {frame, sizeof(frame)};

    if (b->ops->start(b, acked[take(in, 1) % 3], NULL) < 0)
        return;
    b->ops->listen(b, true);
    for (unsigned n = 0; n < MAX_STEPS && in->left; n++) {
        iov.iov_len = make_frame(in, frame);
        b->ops->send(b, &iov, 1);
        iov.iov_len = sizeof(frame);
        while (take(in, 1) & 1 && b->ops->receive(b, &iov, 1) >= 0)
            ;
    }
    b->ops->stop(b);
}

/* Without the library: what looks at frames before it does. */
static void drive_parts(struct input *in)
{
    static uint8_t frame[NET_FRAME_MAX], whole[IP_REASS_FRAME_MAX];
    static struct net_offload offload;
    static struct ip_reass reass;
    struct inet parts;

    offload.acked = acked[take(in, 1) % 3];
    offload.mtu = 65521;
    for (unsigned n = 0; n < MAX_STEPS && in->left; n++) {
        size_t len = make_frame(in, frame);

        if (!net_offload_from_guest(&offload, frame, len, &parts))
            continue;
        if (parts.is_fragment)
            ip_reass_add(&reass, frame + NET_HDR_BYTES, &parts, n, whole);
        else
            net_offload_to_guest(&offload, frame + NET_HDR_BYTES, &parts,
                                 whole);
    }
}

static void on_ready(void *ctx)
{
    (void)ctx;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct log_config quiet = {.fd = -1};
    struct input in = {.data = data, .left = size};
    struct net_forwards forwards;
    struct net_backend *b;
    char text[256];

    log_configure(&quiet);
    if (size < sizeof(text)) {
        memcpy(text, data, size);
        text[size] = 0;
        net_forwards_parse(text, &forwards, NULL);
    }
    drive_parts(&in);
    in = (struct input){.data = data, .left = size};
    b = is_alone() ? net_user_new("", NULL) : NULL;
    if (!b)
        return 0;
    b->ready = on_ready;
    drive(b, &in);
    b->ops->free(b);
    return 0;
}
