// SPDX-License-Identifier: Apache-2.0
/* The MMIO bus: a sorted array, searched by halving, with the device of the
   last access tried first. It does not change once vCPUs run. */

#include "dev/mmio.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "base/heap.h"
#include "base/macros.h"
#include "base/metrics.h"

enum { MAX_DEVS = 128 };

struct mmio_bus {
    struct mmio_dev *devs[MAX_DEVS]; /* owned; by address, no overlap */
    unsigned num_devs;
    _Atomic(struct mmio_dev *) last; /* borrowed from devs; a guess */

    pthread_mutex_t lock; /* for what follows */
    struct mmio_unmapped unmapped;
    struct log_limit guest_log;
};

void mmio_dev_init(struct mmio_dev *dev, const struct mmio_ops *ops)
{
    *dev = (struct mmio_dev){.ops = ops};
    pthread_mutex_init(&dev->lock, NULL);
}

void mmio_dev_release(struct mmio_dev *dev)
{
    pthread_mutex_destroy(&dev->lock);
}

static void count(struct metric *m)
{
    if (m)
        metric_inc(m);
}

static uint64_t drop_read(struct mmio_dev *dev, uint64_t reg, unsigned size)
{
    dev->missed_reads++;
    log_guest(&dev->guest_log, "%s: %u-byte read of %#" PRIx64 " is 0",
              dev->ops->name, size, reg);
    return 0;
}

static void drop_write(struct mmio_dev *dev, uint64_t reg, unsigned size,
                       uint64_t value)
{
    dev->missed_writes++;
    log_guest(&dev->guest_log,
              "%s: %u-byte write of %#" PRIx64 " to %#" PRIx64 " ignored",
              dev->ops->name, size, value, reg);
}

uint64_t mmio_dev_missed_read(struct mmio_dev *dev, uint64_t reg, unsigned size)
{
    count(dev->ops->missed_reads);
    count(dev->ops->errors);
    return drop_read(dev, reg, size);
}

void mmio_dev_missed_write(struct mmio_dev *dev, uint64_t reg, unsigned size,
                           uint64_t value)
{
    count(dev->ops->missed_writes);
    count(dev->ops->errors);
    drop_write(dev, reg, size, value);
}

static uint64_t wrong_read(struct mmio_dev *dev, uint64_t reg, unsigned size)
{
    count(dev->ops->errors ? dev->ops->errors : dev->ops->missed_reads);
    return drop_read(dev, reg, size);
}

static void wrong_write(struct mmio_dev *dev, uint64_t reg, unsigned size,
                        uint64_t value)
{
    count(dev->ops->errors ? dev->ops->errors : dev->ops->missed_writes);
    drop_write(dev, reg, size, value);
}

struct mmio_bus *mmio_bus_new(struct err *e)
{
    struct mmio_bus *bus = heap_zalloc(sizeof(*bus));

    if (!bus) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&bus->lock, NULL);
    return bus;
}

void mmio_bus_free(struct mmio_bus *bus)
{
    if (!bus)
        return;
    for (unsigned n = 0; n < bus->num_devs; n++)
        bus->devs[n]->ops->free(bus->devs[n]);
    pthread_mutex_destroy(&bus->lock);
    heap_free(bus);
}

/* The index of the first device above `addr`. */
static unsigned first_above(const struct mmio_bus *bus, gpa_t addr)
{
    unsigned low = 0, high = bus->num_devs;

    while (low < high) {
        unsigned mid = (low + high) / 2;

        if (bus->devs[mid]->addr <= addr)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static gpa_t last_byte(const struct mmio_dev *dev)
{
    return dev->addr + (dev->ops->size - 1);
}

static int refuse(struct mmio_dev *dev, gpa_t addr, struct err *e,
                  const char *why, const char *whom)
{
    err_set(e, -EINVAL, "cannot place device %s at %#" PRIx64 ": %s%s",
            dev->ops->name, addr, why, whom);
    dev->ops->free(dev);
    return -EINVAL;
}

int mmio_bus_add(struct mmio_bus *bus, gpa_t addr, struct mmio_dev *dev,
                 struct err *e)
{
    unsigned at = first_above(bus, addr);

    if (bus->num_devs == MAX_DEVS)
        return refuse(dev, addr, e, "the bus is full", "");
    if (dev->ops->size == 0 || addr + (dev->ops->size - 1) < addr)
        return refuse(dev, addr, e, "no such address space", "");
    dev->addr = addr;
    if (at > 0 && last_byte(bus->devs[at - 1]) >= addr)
        return refuse(dev, addr, e, "overlaps ", bus->devs[at - 1]->ops->name);
    if (at < bus->num_devs && last_byte(dev) >= bus->devs[at]->addr)
        return refuse(dev, addr, e, "overlaps ", bus->devs[at]->ops->name);
    memmove(&bus->devs[at + 1], &bus->devs[at],
            (bus->num_devs - at) * sizeof(bus->devs[0]));
    bus->devs[at] = dev;
    bus->num_devs++;
    return 0;
}

static bool covers(const struct mmio_dev *dev, gpa_t addr, unsigned size)
{
    uint64_t reg = addr - dev->addr;

    return addr >= dev->addr && reg < dev->ops->size &&
           size <= dev->ops->size - reg;
}

/* Who answers to all of [addr, addr + size), or NULL. */
static struct mmio_dev *find_dev(struct mmio_bus *bus, gpa_t addr,
                                 unsigned size)
{
    struct mmio_dev *dev =
        atomic_load_explicit(&bus->last, memory_order_relaxed);
    unsigned at;

    if (dev && covers(dev, addr, size))
        return dev;
    at = first_above(bus, addr);
    if (at == 0 || !covers(bus->devs[at - 1], addr, size))
        return NULL;
    dev = bus->devs[at - 1];
    atomic_store_explicit(&bus->last, dev, memory_order_relaxed);
    return dev;
}

static uint64_t size_mask(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (1ull << size * 8) - 1;
}

static bool takes(const struct mmio_dev *dev, uint64_t reg, unsigned size)
{
    return (size & (size - 1)) == 0 && (dev->ops->widths & size) &&
           (reg & (size - 1)) == 0;
}

static void count_unmapped(struct mmio_bus *bus, uint64_t *counter,
                           const char *what, gpa_t addr, unsigned size)
{
    pthread_mutex_lock(&bus->lock);
    ++*counter;
    log_guest(&bus->guest_log, "%u-byte %s %#" PRIx64 ": no device there", size,
              what, addr);
    pthread_mutex_unlock(&bus->lock);
}

uint64_t mmio_bus_read(struct mmio_bus *bus, gpa_t addr, unsigned size)
{
    struct mmio_dev *dev = find_dev(bus, addr, size);
    uint64_t reg, value;

    if (!dev) {
        count_unmapped(bus, &bus->unmapped.reads, "read of", addr, size);
        return 0;
    }
    reg = addr - dev->addr;
    pthread_mutex_lock(&dev->lock);
    value = takes(dev, reg, size) ? dev->ops->read(dev, reg, size)
                                  : wrong_read(dev, reg, size);
    pthread_mutex_unlock(&dev->lock);
    return value & size_mask(size);
}

void mmio_bus_write(struct mmio_bus *bus, gpa_t addr, unsigned size,
                    uint64_t value)
{
    struct mmio_dev *dev = find_dev(bus, addr, size);
    uint64_t reg;

    if (!dev) {
        count_unmapped(bus, &bus->unmapped.writes, "write to", addr, size);
        return;
    }
    reg = addr - dev->addr;
    value &= size_mask(size);
    pthread_mutex_lock(&dev->lock);
    if (takes(dev, reg, size))
        dev->ops->write(dev, reg, size, value);
    else
        wrong_write(dev, reg, size, value);
    pthread_mutex_unlock(&dev->lock);
}

void mmio_bus_reset(struct mmio_bus *bus)
{
    for (unsigned n = 0; n < bus->num_devs; n++) {
        struct mmio_dev *dev = bus->devs[n];

        if (!dev->ops->reset)
            continue;
        pthread_mutex_lock(&dev->lock);
        dev->ops->reset(dev);
        pthread_mutex_unlock(&dev->lock);
    }
}

struct mmio_unmapped mmio_bus_unmapped(struct mmio_bus *bus)
{
    struct mmio_unmapped unmapped;

    pthread_mutex_lock(&bus->lock);
    unmapped = bus->unmapped;
    pthread_mutex_unlock(&bus->lock);
    return unmapped;
}
