// SPDX-License-Identifier: Apache-2.0
/* What a network device receives into. */

#include "dev/net_buffers.h"

#include <string.h>

#include "base/macros.h"

void net_buffers_reset(struct net_buffers *b)
{
    b->first = b->end = b->first_iov = b->end_iov = 0;
    b->bytes = 0;
}

/* To the front, where there is room for as many as there can be. */
static void compact(struct net_buffers *b)
{
    unsigned iovs = b->end_iov - b->first_iov;
    unsigned chains = b->end - b->first;

    memmove(b->iov, b->iov + b->first_iov, iovs * sizeof(*b->iov));
    memmove(b->gpa, b->gpa + b->first_iov, iovs * sizeof(*b->gpa));
    memmove(b->chains, b->chains + b->first, chains * sizeof(*b->chains));
    b->first_iov = b->first = 0;
    b->end_iov = iovs;
    b->end = chains;
}

bool net_buffers_keep(struct net_buffers *b, const struct virtq_chain *c)
{
    if (b->end_iov - b->first_iov + c->num_in > VIRTQ_MAX_SIZE)
        return false;
    if (b->end_iov + c->num_in > NET_BUFFERS_MAX || b->end == NET_BUFFERS_MAX)
        compact(b);
    memcpy(b->iov + b->end_iov, c->iov, c->num_in * sizeof(*b->iov));
    memcpy(b->gpa + b->end_iov, c->gpa, c->num_in * sizeof(*b->gpa));
    b->end_iov += c->num_in;
    b->chains[b->end++] = (struct net_chain){
        .head = c->head, .num_iov = (uint16_t)c->num_in, .bytes = c->in_bytes};
    b->bytes += c->in_bytes;
    return true;
}

uint16_t net_buffers_count(const struct net_buffers *b, uint64_t len)
{
    uint64_t have = 0;
    uint16_t count = 0;

    while (have < len)
        have += b->chains[b->first + count++].bytes;
    return count;
}

/* The first chain, with its first `len` bytes written. */
static void return_one(struct net_buffers *b, uint32_t len, struct virtq *q,
                       struct gmem *ram)
{
    const struct net_chain *chain = &b->chains[b->first++];
    uint64_t left = len;

    for (unsigned k = 0; k < chain->num_iov; k++, b->first_iov++) {
        uint64_t part = MIN(left, b->iov[b->first_iov].iov_len);

        if (part)
            gmem_written(ram, b->gpa[b->first_iov], part);
        left -= part;
    }
    b->bytes -= chain->bytes;
    virtq_push(q, chain->head, len);
}

void net_buffers_return(struct net_buffers *b, unsigned count, uint32_t len,
                        struct virtq *q, struct gmem *ram)
{
    for (; count; count--) {
        uint32_t part = (uint32_t)MIN(len, b->chains[b->first].bytes);

        return_one(b, part, q, ram);
        len -= part;
    }
}
