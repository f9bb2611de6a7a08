// SPDX-License-Identifier: Apache-2.0
#pragma once

/* For a file that tests one device: each test has a guest to itself, g, with a
   fresh one. The file says how wide its registers are and how it is made. */

#include <errno.h>

#include "dev_fixture.h"

static const unsigned width; /* in bytes */
static struct mmio_dev *make(struct console *c, struct err *e);

static struct guest g;

static inline int set_up(void **state)
{
    struct console *c = console_new(NULL);

    (void)state;
    assert_non_null(c);
    guest_init(&g, c, make(c, NULL));
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    guest_release(&g);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static inline uint64_t rd(unsigned reg)
{
    return guest_read(&g, reg, width);
}

static inline void wr(unsigned reg, uint64_t value)
{
    guest_write(&g, reg, width, value);
}

/* What Arm's peripherals say of themselves. */
static inline void expect_primecell(uint64_t id)
{
    uint64_t periph = 0, cell = 0;

    for (unsigned n = 0; n < 4; n++) {
        periph |= rd(0xfe0 + 4 * n) << 8 * n;
        cell |= rd(0xff0 + 4 * n) << 8 * n;
    }
    assert_int_equal(periph, id);
    assert_int_equal(cell, 0xb105f00d);
}

/* A new device gets the state of the one there was. */
static inline void go_through_a_snapshot(void)
{
    const struct mmio_ops *ops = g.dev->ops;
    uint8_t saved[256];

    assert_true(fields_bytes(ops->fields, ops->num_fields) <= sizeof(saved));
    fields_pack(ops->fields, ops->num_fields, g.dev, saved);
    tear_down(NULL);
    set_up(NULL);
    fields_unpack(ops->fields, ops->num_fields, g.dev, saved);
    if (ops->restored)
        assert_int_equal(ops->restored(g.dev, NULL), 0);
}

/* ---- tests that serve several devices ---- */

static inline void a_forged_snapshot_is_refused(void **state)
{
    const struct mmio_ops *ops = g.dev->ops;
    uint8_t saved[256];
    struct err e;

    (void)state;
    memset(saved, 0xff, sizeof(saved));
    fields_unpack(ops->fields, ops->num_fields, g.dev, saved);
    assert_int_equal(ops->restored(g.dev, &e), -EINVAL);
    mmio_bus_reset(g.bus);
}

static inline void no_memory_is_an_error(void **state)
{
    struct err e;

    (void)state;
    heap_fail_after(0);
    assert_null(make(g.console, &e));
    assert_int_equal(e.code, -ENOMEM);
    heap_fail_after(-1);
}
