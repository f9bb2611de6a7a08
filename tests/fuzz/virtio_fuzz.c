// SPDX-License-Identifier: Apache-2.0
/* A driver that does whatever the input says: to the registers, the rings and
   the memory of a disk and of an entropy device. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "dev/block.h"
#include "dev/entropy.h"
#include "dev/virtio_mmio.h"
#include "fuzz.h"

#define RAM_AT    0x80000000ull
#define RAM_BYTES 0x20000ull
#define DEVICE_AT 0x0f000000ull

enum { FILE_BYTES = 64 * 512 + 100, QUEUE_SIZE = 8, MAX_STEPS = 400 };

/* Where a polite driver has its rings. */
enum { DESC = 0, AVAIL = 0x1000, USED = 0x2000, DATA = 0x3000 };

struct input {
    const uint8_t *data;
    size_t left;
};

struct machine {
    struct gmem ram;
    struct mmio_bus *bus;
    unsigned device; /* the one that is spoken to */
};

static uint64_t take(struct input *in, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned n = 0; n < bytes && in->left; n++, in->left--)
        value |= (uint64_t)*in->data++ << 8 * n;
    return value;
}

static void write_reg(struct machine *m, unsigned reg, uint32_t value)
{
    mmio_bus_write(m->bus, DEVICE_AT + m->device * 0x1000 + reg, 4, value);
}

/* The way that Linux goes, with all features. */
static void start(struct machine *m)
{
    static const struct {
        unsigned reg;
        uint64_t value;
    } steps[] = {
        {0x70, 0},
        {0x70, 1},
        {0x70, 3},
        {0x24, 0},
        {0x20, ~0u},
        {0x24, 1},
        {0x20, ~0u},
        {0x70, 11},
        {0x30, 0},
        {0x38, QUEUE_SIZE},
        {0x80, RAM_AT + DESC},
        {0x90, RAM_AT + AVAIL},
        {0xa0, RAM_AT + USED},
        {0x44, 1},
        {0x70, 15},
    };

    memset(gmem_at(&m->ram, RAM_AT, DATA), 0, DATA);
    for (unsigned n = 0; n < ARRAY_LEN(steps); n++)
        write_reg(m, steps[n].reg, (uint32_t)steps[n].value);
}

static void poke(struct machine *m, struct input *in)
{
    uint64_t at = take(in, 2) * 2;
    unsigned len = (unsigned)take(in, 1) & 31;

    for (unsigned n = 0; n < len; n++)
        *(uint8_t *)gmem_at(&m->ram, RAM_AT + (at + n) % RAM_BYTES, 1) =
            (uint8_t)take(in, 1);
}

/* A descriptor that makes more sense than one of random bytes. */
static void put_desc(struct machine *m, struct input *in)
{
    uint8_t *desc =
        gmem_at(&m->ram, RAM_AT + DESC + 16 * (take(in, 1) & 7), 16);
    uint64_t addr = RAM_AT + DATA + take(in, 2);
    uint32_t len = (uint32_t)take(in, 2) & 0xfff;
    uint16_t flags = (uint16_t)(take(in, 1) & 7);
    uint16_t next = (uint16_t)(take(in, 1) & 15);

    memcpy(desc, &addr, 8);
    memcpy(desc + 8, &len, 4);
    memcpy(desc + 12, &flags, 2);
    memcpy(desc + 14, &next, 2);
}

static void offer(struct machine *m, struct input *in)
{
    uint16_t *avail = gmem_at(&m->ram, RAM_AT + AVAIL, 64);

    avail[2 + avail[1] % QUEUE_SIZE] = (uint16_t)(take(in, 1) & 15);
    avail[1]++;
    write_reg(m, 0x50, 0);
}

static void step(struct machine *m, struct input *in)
{
    switch (take(in, 1) % 8) {
    case 0:
        write_reg(m, (unsigned)take(in, 1) * 4, (uint32_t)take(in, 4));
        break;
    case 1:
        mmio_bus_read(m->bus,
                      DEVICE_AT + m->device * 0x1000 + (take(in, 2) & 0xfff),
                      1u << (take(in, 1) & 3));
        break;
    case 2:
        mmio_bus_write(m->bus,
                       DEVICE_AT + m->device * 0x1000 + (take(in, 2) & 0xfff),
                       1u << (take(in, 1) & 3), take(in, 8));
        break;
    case 3:
        start(m);
        break;
    case 4:
        poke(m, in);
        break;
    case 5:
        put_desc(m, in);
        break;
    case 6:
        offer(m, in);
        break;
    default:
        m->device = (unsigned)take(in, 1) % 2;
        break;
    }
}

static const char *make_file(void)
{
    static char path[] = "/tmp/virtio-fuzz-XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0 || ftruncate(fd, FILE_BYTES) < 0)
        abort();
    close(fd);
    return path;
}

static void add(struct machine *m, unsigned slot, struct virtio_dev *dev)
{
    struct mmio_dev *mmio = virtio_mmio_new(dev, NULL);

    if (!mmio ||
        mmio_bus_add(m->bus, DEVICE_AT + slot * 0x1000, mmio, NULL) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct log_config quiet = {.fd = -1};
    static const struct limiter_config none;
    static const char *path;
    struct input in = {.data = data, .left = size};
    struct machine m = {.device = 0};
    struct block_config cfg;
    uint8_t kind = (uint8_t)take(&in, 1);

    log_configure(&quiet);
    if (!path)
        path = make_file();
    cfg = (struct block_config){.path = path,
                                .read_only = kind & 1,
                                .writeback = kind & 2,
                                .discard = kind & 4};
    gmem_init(&m.ram);
    m.bus = mmio_bus_new(NULL);
    if (gmem_add(&m.ram, RAM_AT, RAM_BYTES, NULL) < 0 || !m.bus)
        abort();
    add(&m, 0, block_new(&cfg, NULL, &m.ram, NULL));
    add(&m, 1, entropy_new(&none, NULL, &m.ram, NULL));
    for (unsigned n = 0; n < MAX_STEPS && in.left; n++)
        step(&m, &in);
    mmio_bus_free(m.bus);
    gmem_release(&m.ram);
    return 0;
}
