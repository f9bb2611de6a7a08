// SPDX-License-Identifier: Apache-2.0
#pragma once

/* A device alone on a bus, and what a driver does to it: the rings of queue n
   at n * RINGS of the RAM, from DATA on the buffers. */

#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "dev/virtio_mmio.h"

#define RAM_AT    0x80000000ull
#define RAM_BYTES 0x40000ull
#define DEVICE_AT 0x0f000000ull

enum { DESC = 0, AVAIL = 0x800, USED = 0xc00, RINGS = 0x1000, DATA = 0x4000 };
enum { QUEUE_SIZE = 16 };

struct rings {
    struct gmem ram;
    struct mmio_bus *bus;
};

static inline void write_reg(struct rings *r, unsigned reg, uint64_t value)
{
    mmio_bus_write(r->bus, DEVICE_AT + reg, 4, (uint32_t)value);
}

static inline void *ram(struct rings *r, uint64_t offset, uint64_t len)
{
    return gmem_at(&r->ram, RAM_AT + offset, len);
}

/* Before a device is made with r->ram. */
static inline void rings_init(struct rings *r)
{
    gmem_init(&r->ram);
    r->bus = mmio_bus_new(NULL);
    if (gmem_add(&r->ram, RAM_AT, RAM_BYTES, NULL) < 0 || !r->bus)
        abort();
}

static inline void rings_attach(struct rings *r, struct virtio_dev *dev)
{
    struct mmio_dev *mmio = virtio_mmio_new(dev, NULL);

    if (!mmio || mmio_bus_add(r->bus, DEVICE_AT, mmio, NULL) < 0)
        abort();
}

/* The way that Linux goes. */
static inline void rings_start(struct rings *r, unsigned queues,
                               uint32_t features)
{
    const uint32_t steps[][2] = {{0x70, 0}, {0x70, 1},        {0x70, 3},
                                 {0x24, 0}, {0x20, features}, {0x24, 1},
                                 {0x20, 1}, {0x70, 11}};

    memset(ram(r, 0, DATA), 0, DATA);
    for (unsigned n = 0; n < ARRAY_LEN(steps); n++)
        write_reg(r, steps[n][0], steps[n][1]);
    for (unsigned q = 0; q < queues; q++) {
        write_reg(r, 0x30, q);
        write_reg(r, 0x38, QUEUE_SIZE);
        write_reg(r, 0x80, RAM_AT + q * RINGS + DESC);
        write_reg(r, 0x90, RAM_AT + q * RINGS + AVAIL);
        write_reg(r, 0xa0, RAM_AT + q * RINGS + USED);
        write_reg(r, 0x44, 1);
    }
    write_reg(r, 0x70, 15);
}

static inline void put_desc(struct rings *r, unsigned queue, unsigned n,
                            uint64_t addr, uint32_t len, uint16_t flags,
                            uint16_t next)
{
    uint8_t *desc = ram(r, queue * RINGS + DESC + 16 * (n % QUEUE_SIZE), 16);

    memcpy(desc, &addr, 8);
    memcpy(desc + 8, &len, 4);
    memcpy(desc + 12, &flags, 2);
    memcpy(desc + 14, &next, 2);
}

static inline void offer(struct rings *r, unsigned queue, unsigned head)
{
    uint16_t *avail = ram(r, queue * RINGS + AVAIL, 64);

    avail[2 + avail[1] % QUEUE_SIZE] = (uint16_t)head;
    avail[1]++;
    write_reg(r, 0x50, queue);
}
