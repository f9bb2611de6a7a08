// SPDX-License-Identifier: Apache-2.0
#pragma once

/* A virtio driver of the tests' own, polite or hostile: RAM, queues in it, and
   a device behind its transport on a bus. What follows is about the queue that
   is selected, the first one to begin with. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/macros.h"
#include "dev/mmio.h"
#include "dev/virtio_mmio.h"
#include "dev/virtq.h"
#include "dev/worker.h"

/* RAM with nothing before and after it. Rings first, those of the queue n at
   n * RING_BYTES, then room for data. */
#define RAM_AT    0x80000000ull
#define RAM_BYTES 0x100000ull
#define RAM_END   (RAM_AT + RAM_BYTES)
#define DESC_AT   RAM_AT
#define AVAIL_AT  (RAM_AT + 0x2000)
#define USED_AT   (RAM_AT + 0x3000)
#define DATA_AT   (RAM_AT + 0x10000)
#define DEVICE_AT 0x0f000000ull

enum { RING_BYTES = 0x4000, DRIVER_MAX_QUEUES = 4 };

enum { D_NEXT = 1, D_WRITE = 2, D_INDIRECT = 4 };

struct driver {
    struct gmem ram;
    struct mmio_bus *bus;
    struct mmio_dev *mmio;
    struct worker *worker; /* the device's */
    uint16_t size;
    unsigned queue; /* selected */
    unsigned num_queues;
    uint16_t avail_idx, avail_idxs[DRIVER_MAX_QUEUES];
    _Atomic unsigned interrupts;
};

static inline void *at(struct driver *d, gpa_t gpa, uint64_t len)
{
    void *host = gmem_at(&d->ram, gpa, len);

    assert_non_null(host);
    return host;
}

static inline void put16(struct driver *d, gpa_t gpa, uint16_t value)
{
    __atomic_store_n((uint16_t *)at(d, gpa, 2), value, __ATOMIC_SEQ_CST);
}

static inline uint16_t get16(struct driver *d, gpa_t gpa)
{
    return __atomic_load_n((uint16_t *)at(d, gpa, 2), __ATOMIC_SEQ_CST);
}

static inline void driver_init(struct driver *d, uint16_t size)
{
    memset(d, 0, sizeof(*d));
    d->size = size;
    d->num_queues = 1;
    gmem_init(&d->ram);
    assert_int_equal(gmem_add(&d->ram, RAM_AT, RAM_BYTES, NULL), 0);
}

static inline void driver_release(struct driver *d)
{
    mmio_bus_free(d->bus);
    gmem_release(&d->ram);
}

static inline void driver_select(struct driver *d, unsigned queue)
{
    d->avail_idxs[d->queue] = d->avail_idx;
    d->avail_idx = d->avail_idxs[queue];
    d->queue = queue;
}

/* A ring's address, given that of the first queue's. */
static inline gpa_t ring(const struct driver *d, gpa_t first)
{
    return first + RING_BYTES * d->queue;
}

static inline void driver_desc(struct driver *d, uint16_t n, gpa_t addr,
                               uint32_t len, uint16_t flags, uint16_t next)
{
    uint8_t *desc = at(d, ring(d, DESC_AT) + 16u * n, 16);

    memcpy(desc, &addr, 8);
    memcpy(desc + 8, &len, 4);
    memcpy(desc + 12, &flags, 2);
    memcpy(desc + 14, &next, 2);
}

/* Into the available ring, without a notification. */
static inline void driver_offer(struct driver *d, uint16_t head)
{
    put16(d, ring(d, AVAIL_AT) + 4 + 2u * (d->avail_idx % d->size), head);
    put16(d, ring(d, AVAIL_AT) + 2, ++d->avail_idx);
}

static inline uint16_t driver_used(struct driver *d)
{
    return get16(d, ring(d, USED_AT) + 2);
}

struct used {
    uint32_t id, len;
};

static inline struct used driver_used_at(struct driver *d, unsigned n)
{
    struct used u;

    memcpy(&u, at(d, ring(d, USED_AT) + 4 + 8u * (n % d->size), 8), 8);
    return u;
}

/* What the driver wants to be told of, with event indices. */
static inline void driver_used_event(struct driver *d, uint16_t idx)
{
    put16(d, ring(d, AVAIL_AT) + 4 + 2u * d->size, idx);
}

static inline uint16_t driver_avail_event(struct driver *d)
{
    return get16(d, ring(d, USED_AT) + 4 + 8u * d->size);
}

/* The same rings, for a queue without a transport. */
static inline struct virtq driver_queue(const struct driver *d)
{
    return (struct virtq){.max_size = VIRTQ_MAX_SIZE,
                          .size = d->size,
                          .ready = 1,
                          .desc = ring(d, DESC_AT),
                          .avail = ring(d, AVAIL_AT),
                          .used = ring(d, USED_AT)};
}

/* --- through the transport --- */

static inline uint32_t rd(struct driver *d, unsigned reg)
{
    return (uint32_t)mmio_bus_read(d->bus, DEVICE_AT + reg, 4);
}

static inline void wr(struct driver *d, unsigned reg, uint32_t value)
{
    mmio_bus_write(d->bus, DEVICE_AT + reg, 4, value);
}

static inline void driver_irq(void *ctx, unsigned intid, bool level)
{
    struct driver *d = ctx;

    (void)intid;
    d->interrupts += level;
}

static inline void driver_attach(struct driver *d, struct virtio_dev *dev)
{
    assert_non_null(dev);
    d->worker = dev->worker;
    d->mmio = virtio_mmio_new(dev, NULL);
    assert_non_null(d->mmio);
    d->mmio->irq = (struct irq_line){.set = driver_irq, .ctx = d, .intid = 48};
    d->bus = mmio_bus_new(NULL);
    assert_non_null(d->bus);
    assert_int_equal(mmio_bus_add(d->bus, DEVICE_AT, d->mmio, NULL), 0);
}

static inline void driver_set_queue(struct driver *d, unsigned n)
{
    driver_select(d, n);
    wr(d, 0x30, n);
    wr(d, 0x38, d->size);
    wr(d, 0x80, (uint32_t)ring(d, DESC_AT));
    wr(d, 0x84, (uint32_t)(ring(d, DESC_AT) >> 32));
    wr(d, 0x90, (uint32_t)ring(d, AVAIL_AT));
    wr(d, 0x94, (uint32_t)(ring(d, AVAIL_AT) >> 32));
    wr(d, 0xa0, (uint32_t)ring(d, USED_AT));
    wr(d, 0xa4, (uint32_t)(ring(d, USED_AT) >> 32));
    wr(d, 0x44, 1);
}

static inline void driver_settled(void *ctx)
{
    (void)ctx;
}

/* The way from reset to DRIVER_OK, with empty queues; 0 is selected. The device
   has looked at them when this returns, as it does unasked at its start: later
   it finds what a test offers only when the test notifies it. */
static inline void driver_start(struct driver *d, uint64_t features)
{
    wr(d, 0x70, 0);
    wr(d, 0x70, 1);
    wr(d, 0x70, 3);
    for (unsigned page = 0; page < 2; page++) {
        wr(d, 0x24, page);
        wr(d, 0x20, (uint32_t)(features >> 32 * page));
    }
    wr(d, 0x70, 11);
    for (unsigned n = d->num_queues; n-- > 0;) {
        driver_set_queue(d, n);
        d->avail_idx = 0;
        put16(d, ring(d, AVAIL_AT), 0);
        put16(d, ring(d, AVAIL_AT) + 2, 0);
        put16(d, ring(d, USED_AT), 0);
        put16(d, ring(d, USED_AT) + 2, 0);
    }
    wr(d, 0x70, 15);
    worker_call(d->worker, driver_settled, NULL);
}

static inline void driver_notify(struct driver *d)
{
    wr(d, 0x50, d->queue);
}

/* Until so many chains came back, for devices that work on other threads, and
   the device no longer looks for more. */
static inline void driver_wait(struct driver *d, uint16_t used)
{
    for (unsigned ms = 0; ms < 60000 && driver_used(d) != used; ms++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(driver_used(d), used);
    worker_call(d->worker, driver_settled, NULL);
}
