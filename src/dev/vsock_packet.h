// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * A packet of virtio vsock (virtio 1.2, 5.10.6) as it lies in a chain of
 * buffers: the header copied, the payload where the guest has it.
 */

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "dev/virtq.h"

enum { VSOCK_MAX_PAYLOAD = 65536 };

/* The host's end of every connection. */
#define VSOCK_HOST_CID 2ull

enum { VSOCK_TYPE_STREAM = 1 };

enum vsock_op {
    VSOCK_OP_REQUEST = 1,
    VSOCK_OP_RESPONSE = 2,
    VSOCK_OP_RST = 3,
    VSOCK_OP_SHUTDOWN = 4,
    VSOCK_OP_RW = 5,
    VSOCK_OP_CREDIT_UPDATE = 6,
    VSOCK_OP_CREDIT_REQUEST = 7
};

/* Flags of VSOCK_OP_SHUTDOWN: what its sender will not do any more. */
enum { VSOCK_NO_RECEIVE = 1, VSOCK_NO_SEND = 2, VSOCK_NOTHING = 3 };

struct vsock_header {
    uint64_t src_cid, dst_cid;
    uint32_t src_port, dst_port;
    uint32_t len;
    uint16_t type;
    uint16_t op;
    uint32_t flags;
    uint32_t buf_alloc;
    uint32_t fwd_cnt;
} __attribute__((packed));
static_assert(sizeof(struct vsock_header) == 44, "virtio 1.2, 5.10.6");

/* From the guest: data is the payload, hdr.len bytes of it. To the guest: data
   is the room for one, `room` bytes of it, and `part` scratch for as much of it
   as is used. */
struct vsock_packet {
    struct vsock_header hdr;
    uint32_t room;
    unsigned num_data;
    struct iovec data[VIRTQ_MAX_SIZE];
    struct iovec part[VIRTQ_MAX_SIZE];
};

/* From a chain that the guest sends; false: it holds no packet. */
bool vsock_packet_read(struct vsock_packet *p, const struct virtq_chain *chain);

/* Room in a chain that the guest offers; false: not even for a header. */
bool vsock_packet_offer(struct vsock_packet *p,
                        const struct virtq_chain *chain);

/* The header to where it belongs; the bytes of the packet. */
uint32_t vsock_packet_write(const struct vsock_packet *p,
                            const struct virtq_chain *chain);

/* The first `len` bytes of `count` vectors behind `skip` others: into `to`,
   which has room for as many; how many vectors they are. */
unsigned iov_cut(struct iovec *to, const struct iovec *iov, unsigned count,
                 uint64_t skip, uint64_t len);
