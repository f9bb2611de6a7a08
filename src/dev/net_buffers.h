// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The buffers that a network device has taken from its receive queue and not
 * given back yet, in order: a frame lies in the first of them. A copy of the
 * queue's descriptors, so nothing of it changes when the guest writes there.
 */

#include <sys/uio.h>

#include "dev/virtq.h"

/* As many buffers as the queue can hold at a time, and as many places to spare
   before they are moved to the front. */
enum { NET_BUFFERS_MAX = 2 * VIRTQ_MAX_SIZE };

struct net_chain {
    uint16_t head;
    uint16_t num_iov;
    uint64_t bytes;
};

/* The iovs [first_iov, end_iov) are those of the chains [first, end). */
struct net_buffers {
    struct iovec
        iov[NET_BUFFERS_MAX + 1]; /* one more for who reads into them */
    gpa_t gpa[NET_BUFFERS_MAX];
    unsigned first_iov, end_iov;
    struct net_chain chains[NET_BUFFERS_MAX];
    unsigned first, end;
    uint64_t bytes;
};

void net_buffers_reset(struct net_buffers *b);

/* False: there cannot be so many buffers in one queue. */
bool net_buffers_keep(struct net_buffers *b, const struct virtq_chain *c);

/* How many of the chains a frame of so many bytes lies in; it fits. */
uint16_t net_buffers_count(const struct net_buffers *b, uint64_t len);

/* So many go back to the queue, with their first `len` bytes written. */
void net_buffers_return(struct net_buffers *b, unsigned count, uint32_t len,
                        struct virtq *q, struct gmem *ram);
