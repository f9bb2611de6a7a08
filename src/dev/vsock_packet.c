// SPDX-License-Identifier: Apache-2.0
/* virtio vsock packets in their chains. How the driver cuts one into buffers is
   its own business (virtio 1.2, 2.7.4). */

#include "dev/vsock_packet.h"

#include "base/macros.h"

unsigned iov_cut(struct iovec *to, const struct iovec *iov, unsigned count,
                 uint64_t skip, uint64_t len)
{
    unsigned used = 0;

    for (unsigned n = 0; n < count && len; n++) {
        uint64_t part;

        if (skip >= iov[n].iov_len) {
            skip -= iov[n].iov_len;
            continue;
        }
        part = MIN(iov[n].iov_len - skip, len);
        to[used++] = (struct iovec){
            .iov_base = (uint8_t *)iov[n].iov_base + skip, .iov_len = part};
        len -= part;
        skip = 0;
    }
    return used;
}

bool vsock_packet_read(struct vsock_packet *p, const struct virtq_chain *chain)
{
    if (chain->num_in ||
        virtq_read(chain, 0, &p->hdr, sizeof(p->hdr)) != sizeof(p->hdr))
        return false;
    if (p->hdr.len > VSOCK_MAX_PAYLOAD ||
        p->hdr.len > chain->out_bytes - sizeof(p->hdr))
        return false;
    p->num_data = iov_cut(p->data, chain->iov, chain->num_out, sizeof(p->hdr),
                          p->hdr.len);
    return true;
}

bool vsock_packet_offer(struct vsock_packet *p, const struct virtq_chain *chain)
{
    if (chain->num_out || chain->in_bytes < sizeof(p->hdr))
        return false;
    p->room = (uint32_t)MIN(chain->in_bytes - sizeof(p->hdr),
                            (uint64_t)VSOCK_MAX_PAYLOAD);
    p->num_data =
        iov_cut(p->data, chain->iov, chain->num_in, sizeof(p->hdr), p->room);
    return true;
}

uint32_t vsock_packet_write(const struct vsock_packet *p,
                            const struct virtq_chain *chain)
{
    virtq_write(chain, 0, &p->hdr, sizeof(p->hdr));
    return (uint32_t)sizeof(p->hdr) + p->hdr.len;
}
