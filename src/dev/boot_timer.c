// SPDX-License-Identifier: Apache-2.0
/* The boot timer: a byte of 123 at its first address stops the watch. */

#include "dev/boot_timer.h"

#include <errno.h>
#include <inttypes.h>

#include "base/heap.h"
#include "base/macros.h"
#include "host/host.h"

enum { BOOT_DONE = 123 };

struct boot_timer {
    struct mmio_dev base;
    struct boot_start start;
};

static struct boot_timer *to_boot_timer(struct mmio_dev *dev)
{
    return container_of(dev, struct boot_timer, base);
}

static uint64_t us_since(uint64_t now_ns, uint64_t start_ns)
{
    return now_ns > start_ns ? (now_ns - start_ns) / 1000 : 0;
}

/* Clients parse this line: its wording and widths are Firecracker's. */
static void log_boot_time(struct boot_timer *t)
{
    uint64_t us = us_since(host_mono_ns(), t->start.mono_ns);
    uint64_t cpu_us = us_since(host_process_cpu_ns(), t->start.cpu_ns);

    log_info("Guest-boot-time = %6" PRIu64 " us %" PRIu64 " ms, %6" PRIu64
             " CPU us %" PRIu64 " CPU ms",
             us, us / 1000, cpu_us, cpu_us / 1000);
}

static uint64_t boot_timer_read(struct mmio_dev *dev, uint64_t reg,
                                unsigned size)
{
    return mmio_dev_missed_read(dev, reg, size);
}

static void boot_timer_write(struct mmio_dev *dev, uint64_t reg, unsigned size,
                             uint64_t value)
{
    if (reg != 0 || value != BOOT_DONE)
        mmio_dev_missed_write(dev, reg, size, value);
    else if (log_limit_take(&dev->guest_log))
        log_boot_time(to_boot_timer(dev));
}

static void boot_timer_free(struct mmio_dev *dev)
{
    if (!dev)
        return;
    mmio_dev_release(dev);
    heap_free(to_boot_timer(dev));
}

/* Nothing to save: a restored machine does not boot. */
static const struct mmio_ops boot_timer_ops = {
    .name = "boot-timer",
    .size = 0x1000,
    .widths = MMIO_8,
    .read = boot_timer_read,
    .write = boot_timer_write,
    .free = boot_timer_free,
};

struct mmio_dev *boot_timer_new(struct boot_start start, struct err *e)
{
    struct boot_timer *t = heap_zalloc(sizeof(*t));

    if (!t) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    mmio_dev_init(&t->base, &boot_timer_ops);
    t->start = start;
    return &t->base;
}
