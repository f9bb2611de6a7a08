// SPDX-License-Identifier: Apache-2.0
/* A chain becomes a request of a disk. */

#include "dev/block_request.h"

#include "base/macros.h"

struct header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};
static_assert(sizeof(struct header) == 16, "virtio 1.2, 5.2.6");

/* Cuts the status, which is the last writable byte, off the chain. */
static bool take_status(struct block_request *r)
{
    struct virtq_chain *c = &r->chain;

    while (c->num_in) {
        unsigned last = c->num_out + c->num_in - 1;

        if (c->iov[last].iov_len) {
            size_t at = --c->iov[last].iov_len;

            r->status = (uint8_t *)c->iov[last].iov_base + at;
            r->status_gpa = c->gpa[last] + at;
            c->in_bytes--;
            return true;
        }
        c->num_in--;
    }
    return false;
}

/* The readable part behind the header. */
static void take_data_out(struct block_request *r)
{
    struct virtq_chain *c = &r->chain;
    uint64_t skip = sizeof(struct header);
    unsigned n = 0;

    while (n < c->num_out && skip >= c->iov[n].iov_len) {
        skip -= c->iov[n].iov_len;
        c->iov[n++].iov_len = 0;
    }
    if (n < c->num_out) {
        c->iov[n].iov_base = (uint8_t *)c->iov[n].iov_base + skip;
        c->iov[n].iov_len -= skip;
        c->gpa[n] += skip;
    }
    r->iov = &c->iov[n];
    r->num_iov = c->num_out - n;
    r->bytes = c->out_bytes - sizeof(struct header);
}

static void take_data_in(struct block_request *r)
{
    r->iov = &r->chain.iov[r->chain.num_out];
    r->num_iov = r->chain.num_in;
    r->bytes = r->chain.in_bytes;
}

bool block_request_parse(struct block_request *r)
{
    struct header h;

    if (virtq_read(&r->chain, 0, &h, sizeof(h)) != sizeof(h) || !take_status(r))
        return false;
    r->type = h.type;
    r->sector = h.sector;
    if (h.type == BLOCK_IN || h.type == BLOCK_GET_ID)
        take_data_in(r);
    else
        take_data_out(r);
    return true;
}

uint32_t block_request_written(const struct block_request *r, struct gmem *ram)
{
    if (r->type != BLOCK_IN && r->type != BLOCK_GET_ID)
        return 0;
    for (unsigned n = 0; n < r->num_iov; n++)
        gmem_written(ram, r->chain.gpa[r->chain.num_out + n],
                     r->iov[n].iov_len);
    return (uint32_t)MIN(r->bytes, UINT32_MAX - 1);
}
