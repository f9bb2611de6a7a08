// SPDX-License-Identifier: Apache-2.0
/* The bus finds devices, filters widths and survives what finds nobody. */

#include "dev_fixture.h"

#include <errno.h>
#include <stdio.h>

struct toy {
    struct mmio_dev base;
    uint64_t reg, size, value; /* of the last access */
    unsigned resets;
};

static unsigned toys_freed;

static uint64_t toy_read(struct mmio_dev *dev, uint64_t reg, unsigned size)
{
    struct toy *t = (struct toy *)dev;

    t->reg = reg;
    t->size = size;
    return UINT64_MAX;
}

static void toy_write(struct mmio_dev *dev, uint64_t reg, unsigned size,
                      uint64_t value)
{
    struct toy *t = (struct toy *)dev;

    t->reg = reg;
    t->size = size;
    t->value = value;
}

static void toy_reset(struct mmio_dev *dev)
{
    ((struct toy *)dev)->resets++;
}

static void toy_free(struct mmio_dev *dev)
{
    toys_freed++;
    mmio_dev_release(dev);
    heap_free(dev);
}

static const struct mmio_ops toy_ops = {
    .name = "toy",
    .size = 0x100,
    .widths = MMIO_16 | MMIO_32,
    .read = toy_read,
    .write = toy_write,
    .reset = toy_reset,
    .free = toy_free,
};

static const struct mmio_ops big_ops = {
    .name = "big",
    .size = UINT64_MAX,
    .widths = MMIO_8,
    .read = toy_read,
    .write = toy_write,
    .free = toy_free,
};

static struct toy *toy_new(const struct mmio_ops *ops)
{
    struct toy *t = heap_zalloc(sizeof(*t));

    assert_non_null(t);
    mmio_dev_init(&t->base, ops);
    return t;
}

static struct toy *add(struct mmio_bus *bus, gpa_t addr)
{
    struct toy *t = toy_new(&toy_ops);

    assert_int_equal(mmio_bus_add(bus, addr, &t->base, NULL), 0);
    return t;
}

static void each_device_answers_at_its_own_addresses(void **state)
{
    static const unsigned order[] = {4, 0, 3, 7, 1, 6, 2, 5};
    struct mmio_bus *bus = mmio_bus_new(NULL);
    struct toy *toys[ARRAY_LEN(order)];

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(order); n++)
        toys[order[n]] = add(bus, 0x1000 + 0x100 * order[n]);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned n = 0; n < ARRAY_LEN(order); n++) {
            mmio_bus_write(bus, 0x1000 + 0x100 * n + 0x20, 4, n + round);
            assert_int_equal(toys[n]->reg, 0x20);
            assert_int_equal(toys[n]->value, n + round);
            mmio_bus_read(bus, 0x1000 + 0x100 * n + 0xfe, 2);
            assert_int_equal(toys[n]->reg, 0xfe);
        }
    }
    assert_int_equal(mmio_bus_unmapped(bus).reads, 0);
    mmio_bus_free(bus);
}

static void an_access_to_nobody_reads_zero_and_is_counted(void **state)
{
    static const gpa_t nowhere[] = {0, 0xfff, 0x1100, 0x5000, UINT64_MAX - 3};
    struct mmio_bus *bus = mmio_bus_new(NULL);
    struct mmio_unmapped unmapped;

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(nowhere); n++) {
        assert_int_equal(mmio_bus_read(bus, nowhere[n], 4), 0);
        mmio_bus_write(bus, nowhere[n], 4, 1);
    }
    add(bus, 0x1000);
    for (unsigned n = 0; n < ARRAY_LEN(nowhere); n++) {
        assert_int_equal(mmio_bus_read(bus, nowhere[n], 4), 0);
        mmio_bus_write(bus, nowhere[n], 4, 1);
    }
    unmapped = mmio_bus_unmapped(bus);
    assert_int_equal(unmapped.reads, 2 * ARRAY_LEN(nowhere));
    assert_int_equal(unmapped.writes, 2 * ARRAY_LEN(nowhere));
    mmio_bus_free(bus);
}

static void an_access_over_the_end_of_a_device_finds_nobody(void **state)
{
    struct mmio_bus *bus = mmio_bus_new(NULL);
    struct toy *t = add(bus, 0x1000);

    (void)state;
    add(bus, 0x1100);
    t->reg = 7;
    assert_int_equal(mmio_bus_read(bus, 0x10fe, 4), 0);
    mmio_bus_write(bus, 0x10fd, 4, 1);
    assert_int_equal(t->reg, 7);
    assert_int_equal(mmio_bus_unmapped(bus).reads, 1);
    assert_int_equal(mmio_bus_unmapped(bus).writes, 1);
    mmio_bus_free(bus);
}

static void other_widths_do_not_reach_the_device(void **state)
{
    struct mmio_bus *bus = mmio_bus_new(NULL);
    struct toy *t = add(bus, 0x1000);

    (void)state;
    t->reg = 7;
    for (unsigned size = 0; size <= 16; size++) {
        if (size == 2 || size == 4)
            continue;
        assert_int_equal(mmio_bus_read(bus, 0x1000, size), 0);
        mmio_bus_write(bus, 0x1000, size, 1);
    }
    assert_int_equal(mmio_bus_read(bus, 0x1002, 4), 0); /* not aligned */
    mmio_bus_write(bus, 0x1001, 2, 1);
    assert_int_equal(t->reg, 7);
    assert_int_equal(t->base.missed_reads, 16);
    assert_int_equal(t->base.missed_writes, 16);
    mmio_bus_free(bus);
}

static void values_are_cut_to_the_width(void **state)
{
    struct mmio_bus *bus = mmio_bus_new(NULL);
    struct toy *t = add(bus, 0x1000);

    (void)state;
    assert_int_equal(mmio_bus_read(bus, 0x1000, 2), 0xffff);
    assert_int_equal(mmio_bus_read(bus, 0x1000, 4), 0xffffffff);
    mmio_bus_write(bus, 0x1000, 2, 0x123456789abcdef0);
    assert_int_equal(t->value, 0xdef0);
    mmio_bus_free(bus);
}

static void overlaps_are_refused_and_freed(void **state)
{
    static const gpa_t bad[] = {0x1000, 0xf01, 0x10ff, 0x1080};
    struct mmio_bus *bus = mmio_bus_new(NULL);
    struct err e;

    (void)state;
    add(bus, 0x1000);
    toys_freed = 0;
    for (unsigned n = 0; n < ARRAY_LEN(bad); n++) {
        struct toy *t = toy_new(&toy_ops);

        assert_int_equal(mmio_bus_add(bus, bad[n], &t->base, &e), -EINVAL);
        assert_int_equal(toys_freed, n + 1);
        assert_non_null(strstr(e.text, "overlaps toy"));
    }
    add(bus, 0xf00);
    add(bus, 0x1100);
    mmio_bus_free(bus);
}

static void a_device_that_wraps_around_is_refused(void **state)
{
    struct mmio_bus *bus = mmio_bus_new(NULL);
    struct toy *t = toy_new(&big_ops);

    (void)state;
    assert_int_equal(mmio_bus_add(bus, 2, &t->base, NULL), -EINVAL);
    t = toy_new(&toy_ops);
    assert_int_equal(mmio_bus_add(bus, UINT64_MAX - 0xfe, &t->base, NULL),
                     -EINVAL);
    t = toy_new(&toy_ops);
    assert_int_equal(mmio_bus_add(bus, UINT64_MAX - 0xff, &t->base, NULL), 0);
    mmio_bus_write(bus, UINT64_MAX - 3, 4, 5);
    assert_int_equal(t->value, 5);
    mmio_bus_free(bus);
}

static void a_full_bus_refuses_and_frees(void **state)
{
    struct mmio_bus *bus = mmio_bus_new(NULL);
    unsigned added = 0;
    int ret = 0;

    (void)state;
    toys_freed = 0;
    while (ret == 0 && added < 1000) {
        struct toy *t = toy_new(&toy_ops);

        ret = mmio_bus_add(bus, 0x100ull * added, &t->base, NULL);
        added += ret == 0;
    }
    assert_int_equal(ret, -EINVAL);
    assert_in_range(added, 40, 999);
    assert_int_equal(toys_freed, 1);
    mmio_bus_free(bus);
    assert_int_equal(toys_freed, added + 1);
}

static void reset_reaches_every_device(void **state)
{
    struct mmio_bus *bus = mmio_bus_new(NULL);
    struct toy *first = add(bus, 0x1000), *second = add(bus, 0x2000);

    (void)state;
    mmio_bus_reset(bus);
    assert_int_equal(first->resets, 1);
    assert_int_equal(second->resets, 1);
    mmio_bus_free(bus);
}

static void no_memory_is_an_error(void **state)
{
    struct err e;

    (void)state;
    heap_fail_after(0);
    assert_null(mmio_bus_new(&e));
    assert_int_equal(e.code, -ENOMEM);
    heap_fail_after(-1);
    mmio_bus_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_device_answers_at_its_own_addresses),
        cmocka_unit_test(an_access_to_nobody_reads_zero_and_is_counted),
        cmocka_unit_test(an_access_over_the_end_of_a_device_finds_nobody),
        cmocka_unit_test(other_widths_do_not_reach_the_device),
        cmocka_unit_test(values_are_cut_to_the_width),
        cmocka_unit_test(overlaps_are_refused_and_freed),
        cmocka_unit_test(a_device_that_wraps_around_is_refused),
        cmocka_unit_test(a_full_bus_refuses_and_frees),
        cmocka_unit_test(reset_reaches_every_device),
        cmocka_unit_test(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
