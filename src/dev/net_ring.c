// SPDX-License-Identifier: Apache-2.0
/*
 * A frame lies in one piece behind its length. One that does not fit before the
 * end goes to the beginning, and a mark stays where it would have been.
 */

#include "dev/net_ring.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "host/host.h"

enum { LENGTH = 8 }; /* and what frames are aligned to */

static const uint32_t wrap_mark = UINT32_MAX;

int net_ring_init(struct net_ring *r, size_t bytes, struct err *e)
{
    *r = (struct net_ring){.bytes = bytes};
    r->at = host_reserve(bytes, e);
    return r->at ? 0 : -ENOMEM;
}

void net_ring_release(struct net_ring *r)
{
    host_unreserve(r->at, r->bytes);
    *r = (struct net_ring){0};
}

void net_ring_clear(struct net_ring *r)
{
    r->head = r->tail = r->used = 0;
    r->count = 0;
}

/* Room for `need` bytes in one piece at the tail, if need be after a step to
   the beginning. The tail never meets the head: that would be an empty ring. */
static bool make_room(struct net_ring *r, size_t need)
{
    if (!r->count)
        net_ring_clear(r);
    if (r->tail < r->head)
        return r->head - r->tail > need;
    if (r->bytes - r->tail >= need)
        return r->tail + need < r->bytes || r->head;
    if (r->head <= need)
        return false;
    memcpy(r->at + r->tail, &wrap_mark, sizeof(wrap_mark));
    r->tail = 0;
    return true;
}

bool net_ring_push(struct net_ring *r, const void *first, size_t first_len,
                   const void *second, size_t second_len)
{
    size_t len = first_len + second_len;
    size_t need = LENGTH + align_up(len, LENGTH);
    uint32_t stored = (uint32_t)len;
    uint8_t *to;

    if (!make_room(r, need))
        return false;
    to = r->at + r->tail;
    memcpy(to, &stored, sizeof(stored));
    memcpy(to + LENGTH, first, first_len);
    memcpy(to + LENGTH + first_len, second, second_len);
    r->tail += need;
    if (r->tail == r->bytes)
        r->tail = 0;
    r->used += need;
    r->count++;
    return true;
}

static uint32_t length_at(const struct net_ring *r, size_t at)
{
    uint32_t len;

    memcpy(&len, r->at + at, sizeof(len));
    return len;
}

ssize_t net_ring_pop(struct net_ring *r, const struct iovec *iov, unsigned n)
{
    const uint8_t *from;
    size_t len, left;

    if (!r->count)
        return -EAGAIN;
    if (length_at(r, r->head) == wrap_mark)
        r->head = 0;
    len = left = length_at(r, r->head);
    from = r->at + r->head + LENGTH;
    for (unsigned k = 0; k < n && left; k++) {
        size_t part = MIN(left, iov[k].iov_len);

        memcpy(iov[k].iov_base, from, part);
        from += part;
        left -= part;
    }
    r->head += LENGTH + align_up(len, LENGTH);
    if (r->head == r->bytes)
        r->head = 0;
    r->used -= LENGTH + align_up(len, LENGTH);
    r->count--;
    return (ssize_t)len;
}
