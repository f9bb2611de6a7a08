// SPDX-License-Identifier: Apache-2.0
/* Split virtqueues (virtio 1.2, 2.7): descriptors in, used elements out. */

#include "dev/virtq.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/macros.h"

/* 2.7.5: the descriptor table. */
struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};
static_assert(sizeof(struct desc) == 16, "virtio 1.2, 2.7.5");
enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

/* 2.7.6 and 2.7.8: flags, idx, then `size` entries, then the event index. */
enum {
    AVAIL_FLAGS = 0,
    AVAIL_IDX = 2,
    AVAIL_RING = 4,
    AVAIL_ENTRY = 2,
    AVAIL_NO_INTERRUPT = 1,
    USED_FLAGS = 0,
    USED_IDX = 2,
    USED_RING = 4,
    USED_ENTRY = 8,
    USED_NO_NOTIFY = 1,
    EVENT_BYTES = 2
};

static uint16_t get16(const uint8_t *at)
{
    return __atomic_load_n((const uint16_t *)(const void *)at,
                           __ATOMIC_RELAXED);
}

/* After all that was written before. */
static void put16(uint8_t *at, uint16_t value)
{
    __atomic_store_n((uint16_t *)(void *)at, value, __ATOMIC_RELEASE);
}

static uint64_t get64(const uint8_t *at)
{
    return __atomic_load_n((const uint64_t *)(const void *)at,
                           __ATOMIC_RELAXED);
}

static uint64_t avail_bytes(uint16_t size)
{
    return AVAIL_RING + AVAIL_ENTRY * (uint64_t)size + EVENT_BYTES;
}

static uint64_t used_bytes(uint16_t size)
{
    return USED_RING + USED_ENTRY * (uint64_t)size + EVENT_BYTES;
}

/* The event indices stand behind the other side's ring (2.7.7.1, 2.7.10). */
static const uint8_t *used_event_at(const struct virtq *q)
{
    return q->avail_at + AVAIL_RING + AVAIL_ENTRY * (size_t)q->size;
}

static uint8_t *avail_event_at(const struct virtq *q)
{
    return q->used_at + USED_RING + USED_ENTRY * (size_t)q->size;
}

void virtq_reset(struct virtq *q)
{
    *q = (struct virtq){.max_size = q->max_size};
}

static int refuse(struct virtq *q, const char *why)
{
    q->broken = why;
    return -EINVAL;
}

int virtq_start(struct virtq *q, struct gmem *ram, bool event_idx)
{
    q->ram = NULL;
    if (!q->size || q->size > q->max_size || (q->size & (q->size - 1)))
        return refuse(q, "a queue's size is not possible");
    if (q->desc % 16 || q->avail % 2 || q->used % 4)
        return refuse(q, "a queue's ring is not aligned");
    q->desc_at = gmem_at(ram, q->desc, sizeof(struct desc) * q->size);
    q->avail_at = gmem_at(ram, q->avail, avail_bytes(q->size));
    q->used_at = gmem_at_rw(ram, q->used, used_bytes(q->size));
    if (!q->desc_at || !q->avail_at || !q->used_at)
        return refuse(q, "a queue's ring is not in RAM");
    q->ram = ram;
    q->event_idx = event_idx;
    q->listening = true;
    q->published = q->next_used;
    q->broken = NULL;
    return 0;
}

/* The ring is ours to write; the guest does not run code from there, so the
   dirty bits are all there is to tell. */
static void put_used16(struct virtq *q, uint8_t *at, uint16_t value)
{
    put16(at, value);
    gmem_mark_dirty(q->ram, q->used + (uint64_t)(at - q->used_at), 2);
}

/* 2.7.10: "notify me when you have offered this many". */
static void listen(struct virtq *q)
{
    if (q->event_idx)
        put_used16(q, avail_event_at(q), q->next_avail);
    else if (!q->listening)
        put_used16(q, q->used_at + USED_FLAGS, 0);
    q->listening = true;
}

/* With event indices not listening is what happens by itself. */
static void listen_no_more(struct virtq *q)
{
    if (q->listening && !q->event_idx)
        put_used16(q, q->used_at + USED_FLAGS, USED_NO_NOTIFY);
    q->listening = false;
}

static uint16_t offered(const struct virtq *q)
{
    const uint8_t *at = q->avail_at + AVAIL_IDX;

    /* the entries after the index */
    return (uint16_t)(__atomic_load_n((const uint16_t *)(const void *)at,
                                      __ATOMIC_ACQUIRE) -
                      q->next_avail);
}

/* Asks for a notification first, then looks once more: what comes between the
   two would be seen by nobody (2.7.13.3.1). */
static bool is_empty(struct virtq *q)
{
    if (offered(q))
        return false;
    listen(q);
    atomic_thread_fence(memory_order_seq_cst);
    return offered(q) == 0;
}

static struct desc desc_copy(const struct virtq *q, uint16_t index)
{
    const uint8_t *at = q->desc_at + sizeof(struct desc) * index;
    uint64_t words[2] = {get64(at), get64(at + 8)};
    struct desc d;

    memcpy(&d, words, sizeof(d));
    return d;
}

/* NULL, or what is wrong with it. */
static const char *add_desc(const struct virtq *q, struct virtq_chain *chain,
                            const struct desc *d)
{
    unsigned n = chain->num_out + chain->num_in;
    void *host = d->flags & DESC_WRITE ? gmem_at_rw(q->ram, d->addr, d->len)
                                       : gmem_at(q->ram, d->addr, d->len);

    if (d->flags & DESC_INDIRECT)
        return "an indirect descriptor, which was not negotiated";
    if (!host)
        return "a buffer that is not in RAM";
    if (!(d->flags & DESC_WRITE) && chain->num_in)
        return "a readable buffer behind a writable one";
    chain->iov[n] = (struct iovec){.iov_base = host, .iov_len = d->len};
    chain->gpa[n] = d->addr;
    if (d->flags & DESC_WRITE) {
        chain->num_in++;
        chain->in_bytes += d->len;
    } else {
        chain->num_out++;
        chain->out_bytes += d->len;
    }
    return NULL;
}

/* A chain has no more descriptors than the queue, or it loops. */
static const char *walk(const struct virtq *q, struct virtq_chain *chain)
{
    uint16_t index = chain->head;
    const char *wrong;

    for (unsigned n = 0; n < q->size; n++) {
        struct desc d;

        if (index >= q->size)
            return "a descriptor that does not exist";
        d = desc_copy(q, index);
        wrong = add_desc(q, chain, &d);
        if (wrong || !(d.flags & DESC_NEXT))
            return wrong;
        index = d.next;
    }
    return "a chain that loops";
}

unsigned virtq_waiting(const struct virtq *q)
{
    return q->ram ? offered(q) : 0;
}

enum virtq_got virtq_pop(struct virtq *q, struct virtq_chain *chain)
{
    size_t slot;

    if (q->broken)
        return VIRTQ_BROKEN;
    if (!q->ram || is_empty(q))
        return VIRTQ_EMPTY;
    if (offered(q) > q->size) {
        q->broken = "more chains offered than the queue has places";
        return VIRTQ_BROKEN;
    }
    listen_no_more(q);
    slot = q->next_avail & (q->size - 1u);
    chain->head = get16(q->avail_at + AVAIL_RING + AVAIL_ENTRY * slot);
    chain->num_out = chain->num_in = 0;
    chain->out_bytes = chain->in_bytes = 0;
    q->broken = walk(q, chain);
    if (q->broken)
        return VIRTQ_BROKEN;
    q->next_avail++;
    return VIRTQ_CHAIN;
}

void virtq_unpop(struct virtq *q)
{
    q->next_avail--;
}

void virtq_push(struct virtq *q, uint16_t head, uint32_t len)
{
    uint64_t offset = USED_RING + USED_ENTRY * (q->next_used & (q->size - 1u));
    uint32_t entry[2] = {head, len};

    if (q->broken || !q->ram)
        return;
    memcpy(q->used_at + offset, entry, sizeof(entry));
    gmem_mark_dirty(q->ram, q->used + offset, sizeof(entry));
    q->next_used++;
}

void virtq_done(struct virtq *q, const struct virtq_chain *chain, uint32_t len)
{
    uint64_t left = len;
    unsigned end = chain->num_out + chain->num_in;

    for (unsigned n = chain->num_out; n < end && left && q->ram; n++) {
        uint64_t part = MIN(left, chain->iov[n].iov_len);

        gmem_written(q->ram, chain->gpa[n], part);
        left -= part;
    }
    virtq_push(q, chain->head, len);
}

/* 2.7.7.2: with event indices, if used_event is among those just shown. */
static bool wants_interrupt(const struct virtq *q, uint16_t old, uint16_t now)
{
    if (!q->event_idx)
        return !(get16(q->avail_at + AVAIL_FLAGS) & AVAIL_NO_INTERRUPT);
    return (uint16_t)(now - get16(used_event_at(q)) - 1) <
           (uint16_t)(now - old);
}

bool virtq_flush(struct virtq *q)
{
    uint16_t old = q->published;

    if (q->broken || !q->ram || old == q->next_used)
        return false;
    put_used16(q, q->used_at + USED_IDX, q->next_used);
    q->published = q->next_used;
    atomic_thread_fence(memory_order_seq_cst); /* the index before the event */
    return wants_interrupt(q, old, q->next_used);
}

/* Moves bytes of iov[first .. first + count), `skip` into them. */
static uint64_t move(const struct iovec *iov, unsigned count, uint64_t skip,
                     void *to, const void *from, uint64_t len)
{
    uint64_t moved = 0;

    for (unsigned n = 0; n < count && moved < len; n++) {
        uint64_t part;
        uint8_t *at;

        if (skip >= iov[n].iov_len) {
            skip -= iov[n].iov_len;
            continue;
        }
        part = MIN(iov[n].iov_len - skip, len - moved);
        at = (uint8_t *)iov[n].iov_base + skip;
        if (to)
            memcpy((uint8_t *)to + moved, at, part);
        else
            memcpy(at, (const uint8_t *)from + moved, part);
        moved += part;
        skip = 0;
    }
    return moved;
}

uint64_t iov_read(const struct iovec *iov, unsigned count, uint64_t skip,
                  void *buf, uint64_t len)
{
    return move(iov, count, skip, buf, NULL, len);
}

uint64_t iov_write(const struct iovec *iov, unsigned count, uint64_t skip,
                   const void *buf, uint64_t len)
{
    return move(iov, count, skip, NULL, buf, len);
}

uint64_t virtq_read(const struct virtq_chain *chain, uint64_t skip, void *buf,
                    uint64_t len)
{
    return iov_read(chain->iov, chain->num_out, skip, buf, len);
}

uint64_t virtq_write(const struct virtq_chain *chain, uint64_t skip,
                     const void *buf, uint64_t len)
{
    return iov_write(chain->iov + chain->num_out, chain->num_in, skip, buf,
                     len);
}
