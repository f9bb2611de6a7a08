// SPDX-License-Identifier: Apache-2.0
/* A guest that sends the MMDS whatever the input says: frames of its own make,
   and segments that make more sense. */

#include <stdlib.h>
#include <string.h>

#include "dev/mmds_tcp.h"
#include "fuzz.h"
#include "input.h"

enum { MAX_STEPS = 200 };

struct link {
    struct mmds_tcp tcp;
    uint64_t now;
    uint32_t seq, ack; /* of the last frame from the MMDS, turned round */
};

static void respond(void *ctx, const char *request, size_t len, struct buf *out)
{
    (void)ctx;
    if (len < 4 || len > MMDS_TCP_REQUEST_MAX ||
        memcmp(request + len - 4, "\r\n\r\n", 4) != 0)
        abort();
    for (unsigned n = 0; n < 400; n++)
        buf_puts(out, "an answer ");
}

/* What goes out is to make sense, whatever came in. */
static void hear(struct link *l)
{
    static uint8_t frame[MMDS_TCP_FRAME_MAX];
    size_t len = mmds_tcp_output(&l->tcp, frame, l->now);
    struct inet in;

    if (!len)
        return;
    if (len > sizeof(frame) || !inet_parse(frame, len, &in) ||
        !inet_is_tcp(&in) || !inet_sum_is_right(frame, &in))
        abort();
    l->ack = inet_get32(frame + in.l4 + 4) + 1;
    l->seq = inet_get32(frame + in.l4 + 8);
}

static void give(struct link *l, const uint8_t *frame, size_t len)
{
    struct inet in;

    if (inet_parse(frame, len, &in) && inet_is_tcp(&in) && in.type == ETH_IP4)
        mmds_tcp_input(&l->tcp, frame, &in, l->now);
}

static void segment(struct link *l, struct input *in)
{
    uint8_t frame[ETH_BYTES + IP4_BYTES + 60 + 255] = {
        [12] = 8, [14] = 0x45, [23] = IP_TCP};
    uint8_t *tcp = frame + ETH_BYTES + IP4_BYTES;
    size_t len = (size_t)take(in, 1), header = 20 + (len & 3) * 4;

    inet_put16(tcp, (uint16_t)take(in, 1));
    inet_put16(tcp + 2, take(in, 1) % 8 ? 80 : 81);
    inet_put32(tcp + 4, l->seq + (uint32_t)take(in, 1) - 128);
    inet_put32(tcp + 8, l->ack + (uint32_t)take(in, 1) - 128);
    tcp[12] = (uint8_t)(header / 4 << 4);
    tcp[13] = (uint8_t)take(in, 1);
    inet_put16(tcp + 14, (uint16_t)take(in, 2));
    for (size_t n = 20; n < header + len; n++)
        tcp[n] =
            take(in, 1) % 4 ? (uint8_t)take(in, 1) : (uint8_t) "\r\n"[n % 2];
    inet_put16(frame + 16, (uint16_t)(IP4_BYTES + header + len));
    give(l, frame, ETH_BYTES + IP4_BYTES + header + len);
}

/* Opens a connection and asks. */
static void polite(struct link *l, struct input *in)
{
    static const char request[] = "GET / HTTP/1.1\r\n\r\n";
    uint8_t frame[100] = {[12] = 8, [14] = 0x45, [23] = IP_TCP};
    uint8_t *tcp = frame + ETH_BYTES + IP4_BYTES;

    inet_put16(tcp, (uint16_t)take(in, 1));
    inet_put16(tcp + 2, 80);
    inet_put32(tcp + 4, l->seq);
    tcp[12] = 0x50;
    tcp[13] = TCP_SYN;
    inet_put16(tcp + 14, (uint16_t)take(in, 2));
    inet_put16(frame + 16, IP4_BYTES + TCP_BYTES);
    give(l, frame, ETH_BYTES + IP4_BYTES + TCP_BYTES);
    hear(l);
    inet_put32(tcp + 4, l->seq);
    inet_put32(tcp + 8, l->ack);
    tcp[13] = TCP_ACK;
    memcpy(tcp + TCP_BYTES, request, sizeof(request) - 1);
    inet_put16(frame + 16, IP4_BYTES + TCP_BYTES + sizeof(request) - 1);
    give(l, frame, ETH_BYTES + IP4_BYTES + TCP_BYTES + sizeof(request) - 1);
}

static void raw(struct link *l, struct input *in)
{
    size_t len = (size_t)take(in, 1);
    uint8_t *frame = malloc(len + 1);

    for (size_t n = 0; n < len; n++)
        frame[n] = (uint8_t)take(in, 1);
    give(l, frame, len);
    free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {.data = data, .left = size};
    struct link *l = calloc(1, sizeof(*l));

    l->tcp.answerer.respond = respond;
    l->now = 1;
    for (unsigned n = 0; n < MAX_STEPS && in.left; n++) {
        switch (take(&in, 1) % 6) {
        case 0:
            raw(l, &in);
            break;
        case 1:
            l->now += take(&in, 2) * 1000000ull;
            break;
        case 2:
            polite(l, &in);
            break;
        case 3:
            segment(l, &in);
            break;
        default:
            hear(l);
            break;
        }
    }
    mmds_tcp_reset(&l->tcp);
    free(l);
    return 0;
}
