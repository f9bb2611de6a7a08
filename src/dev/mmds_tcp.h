// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * As much TCP over IPv4 (RFC 9293) as the MMDS needs: it is called and never
 * calls, takes short requests and gives answers of any length, one after the
 * other on a connection that lasts as long as the guest likes. Everything it
 * keeps is bounded. The time is the caller's: any clock that does not go back.
 * One thread at a time.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "dev/inet.h"

enum {
    MMDS_TCP_PORT = 80,
    MMDS_TCP_CONNECTIONS = 30,
    MMDS_TCP_RESETS = 100,       /* that wait to be sent */
    MMDS_TCP_REQUEST_MAX = 2500, /* longer ones are reset */
    MMDS_TCP_MSS = 536,          /* for who does not say */
    MMDS_TCP_MSS_MAX = 8960,
    MMDS_TCP_RETRIES = 15
};

#define MMDS_TCP_RTO_NS  1200000000ull
#define MMDS_TCP_IDLE_NS 40000000000ull /* then somebody else may have it */

/* Who knows the answers. `request` ends with an empty line; the answer is
   appended to `out`. On the worker of the NIC that was asked. */
struct mmds_answerer {
    void (*respond)(void *ctx, const char *request, size_t len,
                    struct buf *out);
    void *ctx; /* borrowed */
};

struct mmds_peer {
    uint8_t mac[ETH_ADDR];
    uint8_t ip[4];
    uint16_t port;
};

struct mmds_reset {
    struct mmds_peer peer;
    uint16_t local_port;
    uint32_t seq, ack;
    uint8_t flags;
};

struct mmds_conn {
    bool used;
    bool established;
    bool fin_in;  /* the guest has nothing more to say */
    bool fin_out; /* nor have we, after what is in tx */
    bool need_ack;
    bool probe; /* one byte may go where the guest's window is closed */
    struct mmds_peer peer;
    uint16_t mss;
    uint32_t irs, rcv_nxt; /* RFC 9293, 3.3.1, as the next */
    uint32_t iss, snd_una, snd_nxt;
    uint32_t snd_max; /* snd_nxt, before something was sent again */
    uint32_t snd_wnd;
    unsigned retries, dup_acks;
    uint64_t seen_ns; /* when the guest was heard of */
    uint64_t rto_ns;  /* when to send again; 0: nothing is under way */
    size_t rx_len;
    char rx[MMDS_TCP_REQUEST_MAX];
    struct buf tx;   /* an answer */
    uint32_t tx_seq; /* of its first byte */
};

struct mmds_tcp {
    struct mmds_answerer answerer;
    uint8_t mac[ETH_ADDR], ip[4]; /* ours */
    struct mmds_conn conns[MMDS_TCP_CONNECTIONS];
    unsigned turn; /* who may send next */
    struct mmds_reset resets[MMDS_TCP_RESETS];
    unsigned first_reset, num_resets;
};

/* An all-zero one with answerer, mac and ip set is ready. reset ends all
   connections without a word, and is its destructor as well. */
void mmds_tcp_reset(struct mmds_tcp *t);

/* A TCP packet that was sent to us. */
void mmds_tcp_input(struct mmds_tcp *t, const uint8_t *frame,
                    const struct inet *in, uint64_t now_ns);

/* The next frame to send, or 0: none now. At most MMDS_TCP_FRAME_MAX bytes. */
enum {
    MMDS_TCP_FRAME_MAX = ETH_BYTES + IP4_BYTES + TCP_BYTES + MMDS_TCP_MSS_MAX
};
size_t mmds_tcp_output(struct mmds_tcp *t, uint8_t *frame, uint64_t now_ns);

/* When there may be one by itself; UINT64_MAX: not. */
uint64_t mmds_tcp_deadline(const struct mmds_tcp *t);
