// SPDX-License-Identifier: Apache-2.0
/* The devices that are memory: a file and blocks, between a driver that does
   whatever the input says, an owner that asks for more or less, and a host that
   cuts the file short. The first byte says which of them is driven. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "dev/mem.h"
#include "dev/pmem.h"
#include "fuzz.h"
#include "input.h"
#include "rings.h"

#define FAR_FROM   0x8000000000ull
#define FAR_TO     0x8040000000ull
#define BLOCK      (2 * MIB)
#define TOTAL      (256 * MIB)
#define FILE_BYTES (3 * MIB + 77)

enum { MAX_STEPS = 300 };

struct machine {
    struct rings rings;
    struct worker *worker;
    struct virtio_dev *pmem, *mem;
    bool drives_mem;
};

static char path[64];
static int file;

/* Where something interesting is: RAM, the file, the blocks, their edges. */
static gpa_t somewhere(const struct machine *m, struct input *in)
{
    gpa_t at = take(in, 2);
    gpa_t pmem = m->rings.ram.regions[1].base;
    gpa_t blocks = m->rings.ram.regions[2].base;

    switch (take(in, 1) % 8) {
    case 0:
        return pmem + at;
    case 1:
        return pmem + FILE_BYTES - 0x8000 + at;
    case 2:
        return pmem + 4 * MIB - 0x8000 + at;
    case 3:
        return blocks + (at & 0xff) * BLOCK;
    case 4:
        return blocks + (at & 0xff) * BLOCK - 8 + (at >> 8 & 15);
    case 5:
        return RAM_AT + RAM_BYTES - 16 + (at & 31);
    default:
        return RAM_AT + DATA + at;
    }
}

/* A request as it should be, but for what it says. */
static void ask(struct machine *m, struct input *in)
{
    uint16_t request[12] = {(uint16_t)(take(in, 1) % 6)};
    gpa_t addr = somewhere(m, in);
    uint32_t len = m->drives_mem ? sizeof(request) : 4;

    memcpy(&request[4], &addr, 8);
    request[8] = (uint16_t)(take(in, 1) % 140);
    memcpy(ram(&m->rings, DATA, sizeof(request)), request, sizeof(request));
    put_desc(&m->rings, 0, 0, RAM_AT + DATA, len, 1, 1);
    put_desc(&m->rings, 0, 1, somewhere(m, in), m->drives_mem ? 10 : 4, 2, 0);
    offer(&m->rings, 0, 0);
}

static void send_nonsense(struct machine *m, struct input *in)
{
    unsigned n = (unsigned)take(in, 1);

    put_desc(&m->rings, 0, n, somewhere(m, in), (uint32_t)take(in, 2),
             (uint16_t)(take(in, 1) & 7), (uint16_t)(take(in, 1) & 31));
    offer(&m->rings, 0, n & 31);
}

static void touch(struct machine *m, struct input *in)
{
    uint8_t bytes[64];
    gpa_t at = somewhere(m, in);
    unsigned len = (unsigned)take(in, 1) & 63;

    if (!gmem_read(&m->rings.ram, at, bytes, len))
        return;
    bytes[0]++;
    gmem_write(&m->rings.ram, at, bytes, len);
}

static void ask_as_owner(struct machine *m, struct input *in)
{
    const struct bucket_config some = {.size = 1, .refill_time_ms = 1};
    const struct bucket_config none = {.size = 0};
    unsigned what = (unsigned)take(in, 1);

    if (what % 4 == 0)
        pmem_set_limiter(m->pmem, &none, what & 4 ? &some : &none);
    else if (what % 4 == 1)
        mem_status(m->mem);
    else
        mem_request(m->mem, what * BLOCK, NULL);
}

static void cut_file(struct input *in)
{
    static const off_t sizes[] = {0, 1, 4096, MIB, FILE_BYTES, FILE_BYTES};

    if (ftruncate(file, sizes[take(in, 1) % ARRAY_LEN(sizes)]) < 0)
        abort();
}

static void do_other(struct machine *m, struct input *in)
{
    switch (take(in, 1) % 8) {
    case 0:
        write_reg(&m->rings, (unsigned)take(in, 1) * 4, take(in, 4));
        break;
    case 1:
        mmio_bus_read(m->rings.bus, DEVICE_AT + 0x100 + (take(in, 1) & 63), 4);
        break;
    case 2:
        cut_file(in);
        break;
    case 3:
        ask_as_owner(m, in);
        break;
    default:
        rings_start(&m->rings, 1, m->drives_mem ? 2 : 0);
        break;
    }
}

static void step(struct machine *m, struct input *in)
{
    unsigned what = (unsigned)take(in, 1);

    switch (what % 8) {
    case 0:
        send_nonsense(m, in);
        break;
    case 1:
        touch(m, in);
        break;
    case 2:
    case 3:
        do_other(m, in);
        break;
    default:
        ask(m, in);
        break;
    }
    if (what & 8)
        worker_step(m->worker);
}

static void make(struct machine *m, unsigned kind)
{
    const struct pmem_setup pmem = {.id = "p",
                                    .path = path,
                                    .read_only = kind & 2,
                                    .from = FAR_FROM,
                                    .to = FAR_TO};
    const struct mem_setup mem = {.total = TOTAL,
                                  .slot = TOTAL / 2,
                                  .block = BLOCK,
                                  .requested = kind & 4 ? TOTAL : 0,
                                  .from = FAR_FROM,
                                  .to = FAR_TO};

    rings_init(&m->rings);
    m->worker = worker_new_stepped(NULL);
    if (!m->worker || ftruncate(file, FILE_BYTES) < 0)
        abort();
    m->pmem = pmem_new(&pmem, m->worker, &m->rings.ram, NULL);
    m->mem = mem_new(&mem, m->worker, &m->rings.ram, NULL);
    if (!m->pmem || !m->mem)
        abort();
    m->drives_mem = kind & 1;
    rings_attach(&m->rings, m->drives_mem ? m->mem : m->pmem);
    rings_start(&m->rings, 1, m->drives_mem ? 2 : 0);
}

static void remove_file(void)
{
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct log_config quiet = {.fd = -1};
    struct input in = {.data = data, .left = size};
    struct machine m;
    struct virtio_dev *other;

    log_configure(&quiet);
    if (!path[0]) {
        snprintf(path, sizeof(path), "/tmp/memory-fuzz-XXXXXX");
        file = mkstemp(path);
        if (file < 0)
            abort();
        atexit(remove_file);
    }
    make(&m, (unsigned)take(&in, 1));
    for (unsigned n = 0; n < MAX_STEPS && in.left; n++)
        step(&m, &in);
    other = m.drives_mem ? m.pmem : m.mem;
    mmio_bus_free(m.rings.bus);
    other->ops->free(other);
    gmem_release(&m.rings.ram);
    worker_free(m.worker);
    return 0;
}
