// SPDX-License-Identifier: Apache-2.0
/*
 * The registers of virtio over MMIO (virtio 1.2, 4.2.2). Where the text leaves
 * a choice this is as strict as Firecracker: the status goes through its steps
 * one by one, and each register is taken only in the steps it belongs to.
 *
 * vCPU threads come here under the bus's lock. What concerns the device runs on
 * its worker, which the vCPU waits for, except a notification, which it posts.
 */

#include "dev/virtio_mmio.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "base/heap.h"
#include "base/macros.h"
#include "base/metrics.h"

enum {
    REG_MAGIC = 0x00,
    REG_VERSION = 0x04,
    REG_DEVICE_ID = 0x08,
    REG_VENDOR_ID = 0x0c,
    REG_DEVICE_FEATURES = 0x10,
    REG_DEVICE_FEATURES_SEL = 0x14,
    REG_DRIVER_FEATURES = 0x20,
    REG_DRIVER_FEATURES_SEL = 0x24,
    REG_QUEUE_SEL = 0x30,
    REG_QUEUE_NUM_MAX = 0x34,
    REG_QUEUE_NUM = 0x38,
    REG_QUEUE_READY = 0x44,
    REG_QUEUE_NOTIFY = 0x50,
    REG_INTERRUPT_STATUS = 0x60,
    REG_INTERRUPT_ACK = 0x64,
    REG_STATUS = 0x70,
    REG_QUEUE_DESC = 0x80,  /* low half; the high one follows */
    REG_QUEUE_AVAIL = 0x90, /* likewise */
    REG_QUEUE_USED = 0xa0,  /* likewise */
    REG_CONFIG_GENERATION = 0xfc,
    REG_CONFIG = 0x100
};

enum { MAGIC = 0x74726976 /* "virt" */, VERSION = 2 };

/* 2.1. NEEDS_RESET is the device's word, all others are the driver's. */
enum {
    ACKNOWLEDGE = 1,
    DRIVER = 2,
    DRIVER_OK = 4,
    FEATURES_OK = 8,
    NEEDS_RESET = 64,
    FAILED = 128
};

/* What the driver may write next, and no other thing (3.1.1). */
enum {
    STEP_1 = ACKNOWLEDGE,
    STEP_2 = STEP_1 | DRIVER,
    STEP_3 = STEP_2 | FEATURES_OK,
    STEP_4 = STEP_3 | DRIVER_OK
};

struct kick {
    struct worker_event event;
    struct virtio_mmio *to;
    unsigned queue;
};

struct virtio_mmio {
    struct mmio_dev base;
    struct virtio_dev *dev; /* owned */

    /* The driver's registers: under base.lock. */
    uint32_t device_features_sel;
    uint32_t driver_features_sel;
    uint32_t queue_sel;
    uint8_t activated;

    /* The worker changes them, too. */
    _Atomic uint32_t status;
    _Atomic uint32_t interrupt_status;
    _Atomic uint32_t config_generation; /* goes on over resets */

    struct kick kicks[VIRTIO_MAX_QUEUES];
};

static struct virtio_mmio *to_mmio(struct mmio_dev *dev)
{
    return container_of(dev, struct virtio_mmio, base);
}

/* --- what the device tells the guest: on the worker --- */

static void raise_bits(void *ctx, unsigned bits)
{
    struct virtio_mmio *m = ctx;

    if (bits & VIRTIO_INT_CONFIG)
        atomic_fetch_add(&m->config_generation, 1);
    atomic_fetch_or(&m->interrupt_status, bits);
    metric_inc(&metrics.interrupts.triggers);
    irq_line_pulse(&m->base.irq);
}

/* 2.1.2: set the bit, then send a configuration change notification. */
static void needs_reset(void *ctx)
{
    struct virtio_mmio *m = ctx;

    if (atomic_fetch_or(&m->status, NEEDS_RESET) & DRIVER_OK)
        raise_bits(m, VIRTIO_INT_CONFIG);
}

static void again(void *ctx, unsigned n)
{
    struct virtio_mmio *m = ctx;

    worker_post(m->dev->worker, &m->kicks[n].event);
}

/* --- what goes to the device: on the worker --- */

static void notify(void *ctx)
{
    struct kick *kick = ctx;
    struct virtio_dev *dev = kick->to->dev;

    if (dev->active)
        dev->ops->notify(dev, kick->queue);
}

static int start_queues(struct virtio_dev *dev)
{
    bool event_idx = virtio_dev_has(dev, VIRTIO_F_EVENT_IDX);

    for (unsigned n = 0; n < dev->num_queues; n++) {
        struct virtq *q = &dev->queues[n];

        if (q->ready && virtq_start(q, dev->ram, event_idx) < 0) {
            log_guest(&dev->guest_log, "%s: %s", dev->ops->name, q->broken);
            return -EINVAL;
        }
    }
    return 0;
}

struct activation {
    struct virtio_mmio *m;
    int rc;
};

static void activate(void *ctx)
{
    struct activation *a = ctx;
    struct virtio_dev *dev = a->m->dev;

    a->rc = start_queues(dev);
    if (a->rc == 0 && dev->ops->activate)
        a->rc = dev->ops->activate(dev);
    if (a->rc < 0)
        virtio_dev_count(dev->activate_fails);
    dev->active = a->rc == 0;
}

static void reset_device(void *ctx)
{
    struct virtio_mmio *m = ctx;
    struct virtio_dev *dev = m->dev;

    dev->active = false;
    for (unsigned n = 0; n < dev->num_queues; n++)
        worker_cancel(dev->worker, &m->kicks[n].event);
    if (m->activated && dev->ops->reset)
        dev->ops->reset(dev);
    for (unsigned n = 0; n < dev->num_queues; n++)
        virtq_reset(&dev->queues[n]);
    dev->acked = 0;
}

struct config_access {
    struct virtio_dev *dev;
    uint64_t offset;
    unsigned size;
    uint64_t value;
};

static void read_config(void *ctx)
{
    struct config_access *a = ctx;

    if (a->dev->ops->config_read)
        a->dev->ops->config_read(a->dev, a->offset, &a->value, a->size);
}

static void write_config(void *ctx)
{
    struct config_access *a = ctx;

    if (a->dev->ops->config_write)
        a->dev->ops->config_write(a->dev, a->offset, &a->value, a->size);
}

/* --- the registers: on vCPU threads --- */

/* All bits of `set` are in the status, and none of `clear`. */
static bool in_step(const struct virtio_mmio *m, uint32_t set, uint32_t clear)
{
    return (m->status & (set | clear)) == set;
}

/* The queue the driver has selected, or NULL. */
static struct virtq *selected(struct virtio_mmio *m)
{
    return m->queue_sel < m->dev->num_queues ? &m->dev->queues[m->queue_sel]
                                             : NULL;
}

static uint32_t device_features(const struct virtio_mmio *m)
{
    return m->device_features_sel < 2
               ? (uint32_t)(m->dev->offered >> 32 * m->device_features_sel)
               : 0;
}

static uint64_t read_config_space(struct virtio_mmio *m, uint64_t reg,
                                  unsigned size)
{
    struct config_access a = {
        .dev = m->dev, .offset = reg - REG_CONFIG, .size = size};

    worker_call(m->dev->worker, read_config, &a);
    return a.value;
}

static uint64_t mmio_read(struct mmio_dev *base, uint64_t reg, unsigned size)
{
    struct virtio_mmio *m = to_mmio(base);
    const struct virtq *q = selected(m);

    if (reg >= REG_CONFIG)
        return read_config_space(m, reg, size);
    if (size != 4)
        return mmio_dev_missed_read(base, reg, size);
    switch (reg) {
    case REG_MAGIC:
        return MAGIC;
    case REG_VERSION:
        return VERSION;
    case REG_DEVICE_ID:
        return m->dev->ops->id;
    case REG_VENDOR_ID:
        return 0;
    case REG_DEVICE_FEATURES:
        return device_features(m);
    case REG_QUEUE_NUM_MAX:
        return q ? q->max_size : 0;
    case REG_QUEUE_READY:
        return q ? q->ready : 0;
    case REG_INTERRUPT_STATUS:
        return m->interrupt_status;
    case REG_STATUS:
        return m->status;
    case REG_CONFIG_GENERATION:
        return m->config_generation;
    default:
        return mmio_dev_missed_read(base, reg, size);
    }
}

/* Bits that were not offered are not taken. */
static void ack_features(struct virtio_mmio *m, uint32_t bits)
{
    struct virtio_dev *dev = m->dev;
    uint64_t page;

    if (m->driver_features_sel > 1)
        return;
    page = (uint64_t)bits << 32 * m->driver_features_sel;
    if (page & ~dev->offered)
        log_guest(&m->base.guest_log,
                  "%s: features %#" PRIx64 " taken but not offered",
                  dev->ops->name, page & ~dev->offered);
    dev->acked &= ~(0xffffffffull << 32 * m->driver_features_sel);
    dev->acked |= page & dev->offered;
}

static void run_device(struct virtio_mmio *m)
{
    struct activation a = {.m = m};

    worker_call(m->dev->worker, activate, &a);
    if (a.rc < 0) {
        needs_reset(m);
        return;
    }
    m->activated = true;
    for (unsigned n = 0; n < m->dev->num_queues; n++)
        worker_post(m->dev->worker, &m->kicks[n].event);
}

/* 4.2.2.1: everything but the config generation starts anew. */
static void reset_all(struct virtio_mmio *m)
{
    worker_call(m->dev->worker, reset_device, m);
    m->activated = false;
    m->device_features_sel = m->driver_features_sel = m->queue_sel = 0;
    m->interrupt_status = 0;
    m->status = 0;
}

static void set_status(struct virtio_mmio *m, uint32_t value)
{
    uint32_t old = m->status;

    if (value == 0) {
        reset_all(m);
    } else if ((value == STEP_1 && old == 0) ||
               (value == STEP_2 && old == STEP_1) ||
               (value == STEP_3 && old == STEP_2)) {
        m->status = value;
    } else if (value == STEP_4 && old == STEP_3) {
        m->status = value;
        run_device(m);
    } else if (value & FAILED) {
        atomic_fetch_or(&m->status, FAILED);
    } else if (value != old) {
        log_guest(&m->base.guest_log,
                  "%s: the driver's status may not go from %#x to %#x",
                  m->dev->ops->name, old, value);
    }
}

static void set_half(gpa_t *addr, bool high, uint32_t value)
{
    if (high)
        *addr = (*addr & 0xffffffffu) | (uint64_t)value << 32;
    else
        *addr = (*addr & ~0xffffffffull) | value;
}

/* False: there is no such register. */
static bool set_queue(struct virtq *q, uint64_t reg, uint32_t value)
{
    switch (reg) {
    case REG_QUEUE_NUM:
        q->size = (uint16_t)MIN(value, 0xffffu); /* too large stays so */
        return true;
    case REG_QUEUE_READY:
        q->ready = value == 1;
        return true;
    case REG_QUEUE_DESC:
    case REG_QUEUE_DESC + 4:
        set_half(&q->desc, reg & 4, value);
        return true;
    case REG_QUEUE_AVAIL:
    case REG_QUEUE_AVAIL + 4:
        set_half(&q->avail, reg & 4, value);
        return true;
    case REG_QUEUE_USED:
    case REG_QUEUE_USED + 4:
        set_half(&q->used, reg & 4, value);
        return true;
    default:
        return false;
    }
}

/* The queues' registers, between FEATURES_OK and DRIVER_OK. Linux says "not
   ready" once more after it has reset a device: true, and nothing to tell. */
static void write_queue(struct virtio_mmio *m, uint64_t reg, uint32_t value)
{
    struct virtq *q = selected(m), none = {0};

    if (reg == REG_QUEUE_READY && value == 0 && m->status == 0)
        return;
    if (!in_step(m, FEATURES_OK, DRIVER_OK | FAILED) ||
        !set_queue(q ? q : &none, reg, value))
        mmio_dev_missed_write(&m->base, reg, 4, value);
}

static void write_config_space(struct virtio_mmio *m, uint64_t reg,
                               unsigned size, uint64_t value)
{
    struct config_access a = {.dev = m->dev,
                              .offset = reg - REG_CONFIG,
                              .size = size,
                              .value = value};

    if (in_step(m, DRIVER, FAILED) && m->dev->ops->config_write) {
        worker_call(m->dev->worker, write_config, &a);
        return;
    }
    if (!m->dev->ops->config_write)
        virtio_dev_count(m->dev->cfg_fails);
    mmio_dev_missed_write(&m->base, reg, size, value);
}

static void write_register(struct virtio_mmio *m, uint64_t reg, uint32_t value)
{
    switch (reg) {
    case REG_DEVICE_FEATURES_SEL:
        m->device_features_sel = value;
        break;
    case REG_DRIVER_FEATURES:
        if (in_step(m, DRIVER, FEATURES_OK | FAILED))
            ack_features(m, value);
        else
            mmio_dev_missed_write(&m->base, reg, 4, value);
        break;
    case REG_DRIVER_FEATURES_SEL:
        m->driver_features_sel = value;
        break;
    case REG_QUEUE_SEL:
        m->queue_sel = value;
        break;
    case REG_QUEUE_NOTIFY:
        if (m->activated && value < m->dev->num_queues)
            worker_post(m->dev->worker, &m->kicks[value].event);
        break;
    case REG_INTERRUPT_ACK:
        if (in_step(m, DRIVER_OK, 0))
            atomic_fetch_and(&m->interrupt_status, ~value);
        break;
    case REG_STATUS:
        set_status(m, value);
        break;
    default:
        write_queue(m, reg, value);
        break;
    }
}

static void mmio_write(struct mmio_dev *base, uint64_t reg, unsigned size,
                       uint64_t value)
{
    struct virtio_mmio *m = to_mmio(base);

    if (reg >= REG_CONFIG)
        write_config_space(m, reg, size, value);
    else if (size != 4)
        mmio_dev_missed_write(base, reg, size, value);
    else
        write_register(m, reg, (uint32_t)value);
}

static void mmio_reset(struct mmio_dev *base)
{
    reset_all(to_mmio(base));
}

static void mmio_free(struct mmio_dev *base)
{
    struct virtio_mmio *m;

    if (!base)
        return;
    m = to_mmio(base);
    worker_call(m->dev->worker, reset_device, m);
    m->dev->ops->free(m->dev);
    mmio_dev_release(base);
    heap_free(m);
}

static const struct field mmio_fields[] = {
    FIELD(struct virtio_mmio, device_features_sel),
    FIELD(struct virtio_mmio, driver_features_sel),
    FIELD(struct virtio_mmio, queue_sel),
    FIELD(struct virtio_mmio, activated),
    FIELD(struct virtio_mmio, status),
    FIELD(struct virtio_mmio, interrupt_status),
    FIELD(struct virtio_mmio, config_generation),
};

static const struct mmio_ops mmio_ops = {
    .name = "virtio",
    .size = 0x1000,
    .widths = MMIO_8 | MMIO_16 | MMIO_32 | MMIO_64,
    .read = mmio_read,
    .write = mmio_write,
    .reset = mmio_reset,
    .free = mmio_free,
    .fields = mmio_fields,
    .num_fields = ARRAY_LEN(mmio_fields),
};

struct mmio_dev *virtio_mmio_new(struct virtio_dev *dev, struct err *e)
{
    struct virtio_mmio *m;

    if (!dev)
        return NULL;
    m = heap_zalloc(sizeof(*m));
    if (!m) {
        dev->ops->free(dev);
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    mmio_dev_init(&m->base, &mmio_ops);
    m->dev = dev;
    for (unsigned n = 0; n < VIRTIO_MAX_QUEUES; n++) {
        struct kick *kick = &m->kicks[n];

        *kick = (struct kick){.to = m, .queue = n};
        kick->event = (struct worker_event){.fn = notify, .ctx = kick};
    }
    dev->raise = raise_bits;
    dev->needs_reset = needs_reset;
    dev->again = again;
    dev->transport = m;
    return &m->base;
}
