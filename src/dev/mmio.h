// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The MMIO bus: which device answers at which guest address.
 *
 * A device is one const struct of functions. It embeds struct mmio_dev as its
 * first member `base`, is built whole before mmio_bus_add publishes it, and
 * belongs to the bus afterwards. Any vCPU thread may access; the bus takes the
 * device's lock around read and write, so a device needs none for its
 * registers. What runs on other threads (host input) takes dev->lock itself.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fields.h"
#include "base/log.h"
#include "mem/gmem.h"

struct metric;
struct mmio_dev;

/* Which access widths reach the device; the others, and those not aligned to
   their width, read 0, are dropped, and are counted. */
enum mmio_width { MMIO_8 = 1, MMIO_16 = 2, MMIO_32 = 4, MMIO_64 = 8 };

struct mmio_ops {
    const char *name; /* "rtc" */
    uint64_t size;    /* bytes of address space */
    unsigned widths;  /* enum mmio_width, or-ed */

    /* `reg` is the byte offset into the device; size is 1, 2, 4 or 8. */
    uint64_t (*read)(struct mmio_dev *dev, uint64_t reg, unsigned size);
    void (*write)(struct mmio_dev *dev, uint64_t reg, unsigned size,
                  uint64_t value);
    void (*reset)(struct mmio_dev *dev); /* may be NULL */
    void (*free)(struct mmio_dev *dev);  /* takes half-built devices */

    /* What a snapshot holds of the device, offsets from the device's struct.
       After they were read back, `restored` (may be NULL) refuses values that
       the device cannot have and drives the interrupt line. */
    const struct field *fields;
    size_t num_fields;
    int (*restored)(struct mmio_dev *dev, struct err *e);

    /* Counters of what is missed. With `errors` every miss counts there, and a
       wrong width only there. All may be NULL. */
    struct metric *missed_reads, *missed_writes, *errors;
};

/* The line from a device to the interrupt controller: who makes the machine
   sets it before the device is published. raise == NULL: not connected. */
struct irq_line {
    void (*set)(void *ctx, unsigned intid, bool level); /* any thread */
    void *ctx;                                          /* borrowed */
    unsigned intid;
};

static inline void irq_line_set(const struct irq_line *line, bool level)
{
    if (line->set)
        line->set(line->ctx, line->intid, level);
}

/* Edge-triggered lines: one rising edge, one interrupt. */
static inline void irq_line_pulse(const struct irq_line *line)
{
    irq_line_set(line, true);
    irq_line_set(line, false);
}

struct mmio_dev {
    const struct mmio_ops *ops;
    gpa_t addr; /* set by mmio_bus_add */
    pthread_mutex_t lock;
    struct irq_line irq;
    struct log_limit guest_log;
    uint64_t missed_reads; /* wrong width or register; under lock */
    uint64_t missed_writes;
};

/* For the device's constructor and destructor. */
void mmio_dev_init(struct mmio_dev *dev, const struct mmio_ops *ops);
void mmio_dev_release(struct mmio_dev *dev);

/* For the device's read and write: the register does not exist, or not in this
   direction. Counted, and logged within limits. The read is 0. */
uint64_t mmio_dev_missed_read(struct mmio_dev *dev, uint64_t reg,
                              unsigned size);
void mmio_dev_missed_write(struct mmio_dev *dev, uint64_t reg, unsigned size,
                           uint64_t value);

struct mmio_bus;
struct mmio_bus *mmio_bus_new(struct err *e);
void mmio_bus_free(struct mmio_bus *bus); /* frees the devices, too */

/* Takes ownership of dev, also on failure (overlap, full bus). Before the
   first vCPU runs. */
int mmio_bus_add(struct mmio_bus *bus, gpa_t addr, struct mmio_dev *dev,
                 struct err *e);

/* An access of 1, 2, 4 or 8 bytes. Nobody there: reads 0, writes vanish; both
   are counted and logged within limits. Any thread. */
uint64_t mmio_bus_read(struct mmio_bus *bus, gpa_t addr, unsigned size);
void mmio_bus_write(struct mmio_bus *bus, gpa_t addr, unsigned size,
                    uint64_t value);
void mmio_bus_reset(struct mmio_bus *bus);

/* Accesses that found nobody. Any thread. */
struct mmio_unmapped {
    uint64_t reads;
    uint64_t writes;
};
struct mmio_unmapped mmio_bus_unmapped(struct mmio_bus *bus);
