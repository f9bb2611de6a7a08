// SPDX-License-Identifier: Apache-2.0
#pragma once

/* A device on a bus, as a guest sees it, and an interrupt line that notes what
   happens to it. For all tests of this folder. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/macros.h"
#include "dev/console.h"
#include "dev/mmio.h"

enum { DEV_AT = 0x10000 };

struct guest {
    struct mmio_bus *bus;
    struct mmio_dev *dev;
    struct console *console;
    bool level;
    unsigned edges; /* rising */
};

static inline void guest_irq(void *ctx, unsigned intid, bool level)
{
    struct guest *g = ctx;

    assert_int_equal(intid, 33);
    g->edges += level && !g->level;
    g->level = level;
}

/* `dev` is already made; the guest owns it and the console. */
static inline void guest_init(struct guest *g, struct console *console,
                              struct mmio_dev *dev)
{
    *g = (struct guest){.console = console, .dev = dev};
    assert_non_null(dev);
    dev->irq = (struct irq_line){.set = guest_irq, .ctx = g, .intid = 33};
    g->bus = mmio_bus_new(NULL);
    assert_non_null(g->bus);
    assert_int_equal(mmio_bus_add(g->bus, DEV_AT, dev, NULL), 0);
}

static inline void guest_release(struct guest *g)
{
    mmio_bus_free(g->bus);
    console_free(g->console);
}

static inline uint64_t guest_read(struct guest *g, unsigned reg, unsigned size)
{
    return mmio_bus_read(g->bus, DEV_AT + reg, size);
}

static inline void guest_write(struct guest *g, unsigned reg, unsigned size,
                               uint64_t value)
{
    mmio_bus_write(g->bus, DEV_AT + reg, size, value);
}

/* Types into the console; all of it must fit. */
static inline void type(struct console *c, const char *text)
{
    uint16_t items[CONSOLE_IN_ITEMS];
    size_t count = strlen(text);

    for (size_t n = 0; n < count; n++)
        items[n] = (uint8_t)text[n];
    assert_int_equal(console_feed(c, items, count), count);
}

/* What came out of the console, at most 255 bytes of it. */
static inline const char *output(struct console *c)
{
    static char text[256];

    text[console_drain(c, (uint8_t *)text, sizeof(text) - 1)] = 0;
    return text;
}

/* Each access that a guest can make, and some that only a fool would: the
   device must survive them. */
static inline void guest_abuses(struct guest *g)
{
    static const uint64_t values[] = {0, 1, 0x55, UINT64_MAX};

    for (unsigned v = 0; v < ARRAY_LEN(values); v++) {
        for (unsigned reg = 0; reg < 0x1000; reg++) {
            for (unsigned size = 0; size <= 16; size++) {
                guest_write(g, reg, size, values[v]);
                guest_read(g, reg, size);
            }
        }
    }
}
