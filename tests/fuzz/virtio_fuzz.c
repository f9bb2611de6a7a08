// SPDX-License-Identifier: Apache-2.0
/* A driver that does whatever the input says: to the registers, the rings and
   the memory of a disk, an entropy device and a balloon. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "dev/balloon.h"
#include "dev/block.h"
#include "dev/entropy.h"
#include "dev/virtio_mmio.h"
#include "fuzz.h"
#include "input.h"

#define RAM_AT    0x80000000ull
#define RAM_BYTES 0x20000ull
#define DEVICE_AT 0x0f000000ull

enum { DISK, ENTROPY, BALLOON, NUM_DEVICES };
enum { QUEUES = 5 }; /* of the device that has most */
enum { FILE_BYTES = 64 * 512 + 100, QUEUE_SIZE = 8, MAX_STEPS = 400 };

/* Where a polite driver has its rings. */
enum { DESC = 0, AVAIL = 0x1000, USED = 0x2000, DATA = 0x3000 };

struct machine {
    struct gmem ram;
    struct mmio_bus *bus;
    struct virtio_dev *balloon;
    unsigned device; /* the one that is spoken to */
    unsigned queue;  /* and its queue that is notified */
};

static void write_reg(struct machine *m, unsigned reg, uint32_t value)
{
    mmio_bus_write(m->bus, DEVICE_AT + m->device * 0x1000 + reg, 4, value);
}

struct write {
    unsigned reg;
    uint64_t value;
};

/* The way that Linux goes, with all features. All queues have the same rings.
 */
static void start(struct machine *m)
{
    static const struct write steps[] = {
        {0x70, 0},   {0x70, 1}, {0x70, 3},   {0x24, 0},
        {0x20, ~0u}, {0x24, 1}, {0x20, ~0u}, {0x70, 11},
    };
    static const struct write queue[] = {
        {0x38, QUEUE_SIZE},
        {0x80, RAM_AT + DESC},
        {0x90, RAM_AT + AVAIL},
        {0xa0, RAM_AT + USED},
        {0x44, 1},
    };

    memset(gmem_at(&m->ram, RAM_AT, DATA), 0, DATA);
    for (unsigned n = 0; n < ARRAY_LEN(steps); n++)
        write_reg(m, steps[n].reg, (uint32_t)steps[n].value);
    for (unsigned q = 0; q < QUEUES; q++) {
        write_reg(m, 0x30, q);
        for (unsigned n = 0; n < ARRAY_LEN(queue); n++)
            write_reg(m, queue[n].reg, (uint32_t)queue[n].value);
    }
    write_reg(m, 0x70, 15);
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
    write_reg(m, 0x50, m->queue);
}

/* What its owner may ask of the balloon meanwhile. */
static void ask_balloon(struct machine *m, unsigned what)
{
    struct balloon_hinting h;
    struct balloon_status s;

    switch (what) {
    case 0:
        balloon_set_size(m->balloon, 7, NULL);
        balloon_status(m->balloon, &s, NULL);
        break;
    case 1:
        balloon_set_interval(m->balloon, 3, NULL);
        balloon_set_interval(m->balloon, 1, NULL);
        break;
    case 2:
        balloon_hint_start(m->balloon, true, NULL);
        break;
    default:
        balloon_hint_status(m->balloon, &h, NULL);
        virtio_dev_resumed(m->balloon);
        break;
    }
}

static void turn_to(struct machine *m, unsigned what)
{
    m->device = what % NUM_DEVICES;
    m->queue = what / NUM_DEVICES % QUEUES;
    if (what >= 128)
        ask_balloon(m, what % 4);
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
        turn_to(m, (unsigned)take(in, 1));
        break;
    }
}

static char file_path[] = "/tmp/virtio-fuzz-XXXXXX";

static void remove_file(void)
{
    unlink(file_path);
}

static const char *make_file(void)
{
    int fd = mkstemp(file_path);

    if (fd < 0 || ftruncate(fd, FILE_BYTES) < 0)
        abort();
    close(fd);
    atexit(remove_file);
    return file_path;
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
    static const struct balloon_options balloon = {.amount_mib = 1,
                                                   .stats_interval_s = 1,
                                                   .hinting = true,
                                                   .reporting = true};
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
    add(&m, DISK, block_new(&cfg, NULL, &m.ram, NULL));
    add(&m, ENTROPY, entropy_new(&none, NULL, &m.ram, NULL));
    m.balloon = balloon_new(&balloon, NULL, &m.ram, NULL);
    add(&m, BALLOON, m.balloon);
    for (unsigned n = 0; n < MAX_STEPS && in.left; n++)
        step(&m, &in);
    mmio_bus_free(m.bus);
    gmem_release(&m.ram);
    return 0;
}
