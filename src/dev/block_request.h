// SPDX-License-Identifier: Apache-2.0
#pragma once

/* A request of a disk: 16 bytes of header to read, data to read or to write,
   one byte of status to write (virtio 1.2, 5.2.6). How the driver cuts that
   into buffers is its own business (2.7.4). */

#include "dev/aio.h"
#include "dev/virtq.h"

enum {
    BLOCK_IN = 0,
    BLOCK_OUT = 1,
    BLOCK_FLUSH = 4,
    BLOCK_GET_ID = 8,
    BLOCK_DISCARD = 11
};
enum { BLOCK_OK = 0, BLOCK_IOERR = 1, BLOCK_UNSUPP = 2 };

struct block_request {
    struct aio_job job;
    struct virtq_chain chain;
    uint32_t type;
    uint64_t sector;

    /* The data, out of the chain: without header and status. */
    struct iovec *iov;
    unsigned num_iov;
    uint64_t bytes;

    uint64_t start_ns; /* of what takes time */
    uint8_t *status;   /* in guest memory */
    gpa_t status_gpa;
    struct block_request *next_free;
};

/* Of r->chain; false: this is no request. */
bool block_request_parse(struct block_request *r);

/* What the guest sees in its memory: also after an error, as a part may have
   been read before it. Its length. */
uint32_t block_request_written(const struct block_request *r, struct gmem *ram);
