// SPDX-License-Identifier: Apache-2.0
/* The transport's registers, with a device that notes what it is asked. */

#include "dev/virtio_mmio.h"

#include <errno.h>

#include "driver.h"

struct toy {
    struct virtio_dev base;
    unsigned activated, notified, resets, freed;
    int refusal;
    uint8_t config[8];
};

static struct driver d;
static struct toy toy;
static struct virtq_chain chain;

static struct toy *to_toy(struct virtio_dev *dev)
{
    return container_of(dev, struct toy, base);
}

static int toy_activate(struct virtio_dev *dev)
{
    to_toy(dev)->activated++;
    return to_toy(dev)->refusal;
}

static void toy_notify(struct virtio_dev *dev, unsigned n)
{
    to_toy(dev)->notified++;
    while (virtio_dev_pop(dev, n, &chain))
        virtq_done(&dev->queues[n], &chain, 0);
    virtio_dev_flush(dev, n);
}

static void toy_reset(struct virtio_dev *dev)
{
    to_toy(dev)->resets++;
}

static void toy_config_read(struct virtio_dev *dev, uint64_t offset, void *buf,
                            unsigned len)
{
    for (unsigned n = 0; n < len && offset + n < 8; n++)
        ((uint8_t *)buf)[n] = to_toy(dev)->config[offset + n];
}

static void toy_config_write(struct virtio_dev *dev, uint64_t offset,
                             const void *buf, unsigned len)
{
    for (unsigned n = 0; n < len && offset + n < 8; n++)
        to_toy(dev)->config[offset + n] = ((const uint8_t *)buf)[n];
}

static void toy_free(struct virtio_dev *dev)
{
    to_toy(dev)->freed++;
}

static const struct virtio_ops toy_ops = {
    .name = "toy",
    .id = VIRTIO_ID_BLOCK,
    .num_queues = 2,
    .activate = toy_activate,
    .notify = toy_notify,
    .reset = toy_reset,
    .config_read = toy_config_read,
    .config_write = toy_config_write,
    .free = toy_free,
};

#define TOY_FEATURES (1ull << 5 | VIRTIO_F_EVENT_IDX)

enum { STATUS = 0x70, GENERATION = 0xfc, INT_STATUS = 0x60, INT_ACK = 0x64 };

static int set_up(void **state)
{
    (void)state;
    driver_init(&d, 8);
    memset(&toy, 0, sizeof(toy));
    virtio_dev_init(&toy.base, &toy_ops, NULL, &d.ram, TOY_FEATURES);
    driver_attach(&d, &toy.base);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    driver_release(&d);
    assert_int_equal(toy.freed, 1);
    return 0;
}

static void it_says_what_it_is(void **state)
{
    (void)state;
    assert_int_equal(rd(&d, 0x00), 0x74726976);
    assert_int_equal(rd(&d, 0x04), 2);
    assert_int_equal(rd(&d, 0x08), 2);
    assert_int_equal(rd(&d, 0x0c), 0);
    assert_int_equal(rd(&d, STATUS), 0);
    wr(&d, 0x30, 1);
    assert_int_equal(rd(&d, 0x34), 256);
    wr(&d, 0x30, 2);
    assert_int_equal(rd(&d, 0x34), 0);
    assert_int_equal(rd(&d, 0x44), 0);
}

static void features_come_in_two_pages(void **state)
{
    (void)state;
    assert_int_equal(rd(&d, 0x10), TOY_FEATURES);
    wr(&d, 0x14, 1);
    assert_int_equal(rd(&d, 0x10), 1); /* VERSION_1 */
    wr(&d, 0x14, 2);
    assert_int_equal(rd(&d, 0x10), 0);
    wr(&d, 0x14, UINT32_MAX);
    assert_int_equal(rd(&d, 0x10), 0);
}

static void the_status_goes_step_by_step(void **state)
{
    static const uint32_t steps[] = {1, 3, 11, 15};

    (void)state;
    for (unsigned have = 0; have < ARRAY_LEN(steps); have++) {
        for (uint32_t value = 1; value < 128; value++) {
            uint32_t want = have ? steps[have - 1] : 0;

            wr(&d, STATUS, 0);
            for (unsigned n = 0; n < have; n++)
                wr(&d, STATUS, steps[n]);
            wr(&d, STATUS, value);
            if (value == steps[have])
                want = value;
            assert_int_equal(rd(&d, STATUS), want);
        }
    }
}

static void failed_may_be_said_any_time(void **state)
{
    (void)state;
    wr(&d, STATUS, 1);
    wr(&d, STATUS, 0x81);
    assert_int_equal(rd(&d, STATUS), 0x81);
    wr(&d, STATUS, 3);
    assert_int_equal(rd(&d, STATUS), 0x81);
    wr(&d, STATUS, 0);
    assert_int_equal(rd(&d, STATUS), 0);
}

static void a_driver_that_does_it_right_gets_a_device(void **state)
{
    (void)state;
    driver_start(&d, 1ull << 5 | VIRTIO_F_VERSION_1);
    assert_int_equal(rd(&d, STATUS), 15);
    assert_int_equal(toy.activated, 1);
    assert_int_equal(toy.notified, 2); /* what is in the queues already */
    assert_true(toy.base.active);
    assert_true(virtio_dev_has(&toy.base, 1ull << 5));
    assert_false(virtio_dev_has(&toy.base, VIRTIO_F_EVENT_IDX));
    assert_int_equal(toy.base.queues[0].size, 8);
}

static void features_not_offered_are_not_taken(void **state)
{
    (void)state;
    driver_start(&d, UINT64_MAX);
    assert_true(toy.base.acked == (TOY_FEATURES | VIRTIO_F_VERSION_1));
}

static void features_are_taken_only_in_their_step(void **state)
{
    (void)state;
    wr(&d, STATUS, 1);
    wr(&d, 0x20, UINT32_MAX);
    assert_int_equal(toy.base.acked, 0);
    wr(&d, STATUS, 3);
    wr(&d, 0x24, 7); /* no such page */
    wr(&d, 0x20, UINT32_MAX);
    assert_int_equal(toy.base.acked, 0);
    wr(&d, STATUS, 11);
    wr(&d, 0x24, 0);
    wr(&d, 0x20, UINT32_MAX);
    assert_int_equal(toy.base.acked, 0);
}

static void queues_are_set_up_only_in_their_step(void **state)
{
    (void)state;
    wr(&d, STATUS, 1);
    wr(&d, STATUS, 3);
    driver_set_queue(&d, 0);
    assert_int_equal(toy.base.queues[0].size, 0);
    driver_start(&d, 0);
    wr(&d, 0x38, 64);
    wr(&d, 0x80, 0);
    assert_int_equal(toy.base.queues[0].size, 8);
    assert_true(toy.base.queues[0].desc == DESC_AT);
    assert_int_equal(rd(&d, 0x44), 1);
}

static void addresses_have_two_halves(void **state)
{
    (void)state;
    wr(&d, STATUS, 1);
    wr(&d, STATUS, 3);
    wr(&d, STATUS, 11);
    for (unsigned reg = 0x80; reg <= 0xa0; reg += 0x10) {
        wr(&d, reg + 4, 0x01234567);
        wr(&d, reg, 0x89abcdef);
    }
    assert_true(toy.base.queues[0].desc == 0x0123456789abcdef);
    assert_true(toy.base.queues[0].avail == 0x0123456789abcdef);
    assert_true(toy.base.queues[0].used == 0x0123456789abcdef);
}

static void a_queue_that_cannot_be_asks_for_a_reset(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 3; n++) {
        wr(&d, STATUS, 0);
        wr(&d, STATUS, 1);
        wr(&d, STATUS, 3);
        wr(&d, STATUS, 11);
        driver_set_queue(&d, 0);
        if (n == 0)
            wr(&d, 0x38, 0x10008); /* not 8 */
        else if (n == 1)
            wr(&d, 0x84, 0xffffffff);
        else
            wr(&d, 0xa0, 3);
        d.interrupts = 0;
        wr(&d, STATUS, 15);
        assert_int_equal(rd(&d, STATUS), 15 | 64);
        assert_int_equal(rd(&d, INT_STATUS), 2);
        assert_int_equal(d.interrupts, 1);
        assert_int_equal(toy.activated, 0);
        driver_notify(&d);
        assert_int_equal(toy.notified, 0);
    }
}

static void a_device_that_refuses_asks_for_a_reset(void **state)
{
    (void)state;
    toy.refusal = -EIO;
    driver_start(&d, 0);
    assert_int_equal(rd(&d, STATUS), 15 | 64);
    assert_false(toy.base.active);
    toy.refusal = 0;
    driver_start(&d, 0);
    assert_int_equal(rd(&d, STATUS), 15);
}

static void a_notification_reaches_the_device(void **state)
{
    (void)state;
    driver_notify(&d); /* too early */
    assert_int_equal(toy.notified, 0);
    driver_start(&d, 0);
    toy.notified = 0;
    driver_desc(&d, 0, DATA_AT, 4, D_WRITE, 0);
    driver_offer(&d, 0);
    driver_notify(&d);
    wr(&d, 0x50, 2); /* no such queue */
    wr(&d, 0x50, UINT32_MAX);
    assert_int_equal(toy.notified, 1);
    assert_int_equal(driver_used(&d), 1);
}

static void a_batch_is_one_interrupt(void **state)
{
    (void)state;
    driver_start(&d, 0);
    for (uint16_t n = 0; n < 8; n++) {
        driver_desc(&d, n, DATA_AT, 4, D_WRITE, 0);
        driver_offer(&d, n);
    }
    driver_notify(&d);
    assert_int_equal(driver_used(&d), 8);
    assert_int_equal(d.interrupts, 1);
    assert_int_equal(rd(&d, INT_STATUS), 1);
    wr(&d, INT_ACK, 1);
    assert_int_equal(rd(&d, INT_STATUS), 0);
}

static void each_batch_is_an_edge_even_if_the_last_was_not_acked(void **state)
{
    (void)state;
    driver_start(&d, 0);
    driver_desc(&d, 0, DATA_AT, 4, D_WRITE, 0);
    for (unsigned n = 1; n <= 5; n++) {
        driver_offer(&d, 0);
        driver_notify(&d);
        assert_int_equal(d.interrupts, n);
    }
}

static void a_broken_ring_asks_for_a_reset_and_a_reset_mends_it(void **state)
{
    (void)state;
    driver_start(&d, 0);
    driver_offer(&d, 99);
    driver_notify(&d);
    assert_int_equal(rd(&d, STATUS), 15 | 64);
    assert_int_equal(rd(&d, INT_STATUS), 2);
    assert_int_equal(d.interrupts, 1);
    toy.notified = 0;
    driver_notify(&d);
    assert_int_equal(toy.notified, 0);
    driver_start(&d, 0);
    assert_int_equal(toy.resets, 1);
    assert_int_equal(rd(&d, STATUS), 15);
    assert_int_equal(rd(&d, INT_STATUS), 0);
    driver_desc(&d, 0, DATA_AT, 4, D_WRITE, 0);
    driver_offer(&d, 0);
    driver_notify(&d);
    assert_int_equal(driver_used(&d), 1);
}

static void interrupts_are_not_acked_before_driver_ok(void **state)
{
    (void)state;
    virtio_dev_config_changed(&toy.base);
    wr(&d, INT_ACK, 2);
    assert_int_equal(rd(&d, INT_STATUS), 2);
}

static void the_generation_goes_on_over_resets(void **state)
{
    uint32_t first = rd(&d, GENERATION);

    (void)state;
    virtio_dev_config_changed(&toy.base);
    assert_int_equal(rd(&d, GENERATION), first + 1);
    wr(&d, STATUS, 0);
    assert_int_equal(rd(&d, GENERATION), first + 1);
    virtio_dev_config_changed(&toy.base);
    assert_int_equal(rd(&d, GENERATION), first + 2);
    assert_int_equal(d.interrupts, 2);
}

static void the_config_space_has_any_width(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 8; n++)
        toy.config[n] = (uint8_t)(n + 1);
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0x100, 1), 1);
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0x102, 2), 0x0403);
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0x104, 4), 0x08070605);
    assert_true(mmio_bus_read(d.bus, DEVICE_AT + 0x100, 8) ==
                0x0807060504030201);
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0x108, 8), 0);
    assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT + 0xff8, 8), 0);
}

static void the_config_space_is_written_by_a_driver_only(void **state)
{
    (void)state;
    wr(&d, 0x100, 0x11223344);
    assert_int_equal(toy.config[0], 0);
    wr(&d, STATUS, 1);
    wr(&d, STATUS, 3);
    wr(&d, 0x100, 0x11223344);
    assert_int_equal(toy.config[0], 0x44);
    wr(&d, STATUS, 0x80);
    wr(&d, 0x100, 0);
    assert_int_equal(toy.config[0], 0x44);
}

static void registers_are_four_bytes_wide(void **state)
{
    (void)state;
    for (unsigned size = 1; size <= 8; size *= 2) {
        if (size == 4)
            continue;
        assert_int_equal(mmio_bus_read(d.bus, DEVICE_AT, size), 0);
        mmio_bus_write(d.bus, DEVICE_AT + STATUS, size, 1);
        assert_int_equal(rd(&d, STATUS), 0);
    }
}

/* Anything anywhere, in every state: nothing may break but the device. */
static void any_access_is_survived(void **state)
{
    uint64_t seed = 88172645463325252ull;

    (void)state;
    for (unsigned n = 0; n < 200000; n++) {
        static const unsigned sizes[] = {1, 2, 4, 4, 4, 4, 8};
        unsigned reg, size;

        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        reg = seed & 0x3ff;
        size = sizes[(seed >> 16) % ARRAY_LEN(sizes)];
        if (seed >> 63)
            mmio_bus_read(d.bus, DEVICE_AT + reg, size);
        else
            mmio_bus_write(d.bus, DEVICE_AT + (reg & ~3u), size, seed >> 40);
        if (n % 64 == 0)
            driver_start(&d, seed);
    }
}

static void no_memory_frees_the_device(void **state)
{
    struct toy other = {.base = {.ops = &toy_ops}};
    struct err e;

    (void)state;
    heap_fail_after(0);
    assert_null(virtio_mmio_new(&other.base, &e));
    heap_fail_after(-1);
    assert_int_equal(e.code, -ENOMEM);
    assert_int_equal(other.freed, 1);
    assert_null(virtio_mmio_new(NULL, &e));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_says_what_it_is),
        TEST(features_come_in_two_pages),
        TEST(the_status_goes_step_by_step),
        TEST(failed_may_be_said_any_time),
        TEST(a_driver_that_does_it_right_gets_a_device),
        TEST(features_not_offered_are_not_taken),
        TEST(features_are_taken_only_in_their_step),
        TEST(queues_are_set_up_only_in_their_step),
        TEST(addresses_have_two_halves),
        TEST(a_queue_that_cannot_be_asks_for_a_reset),
        TEST(a_device_that_refuses_asks_for_a_reset),
        TEST(a_notification_reaches_the_device),
        TEST(a_batch_is_one_interrupt),
        TEST(each_batch_is_an_edge_even_if_the_last_was_not_acked),
        TEST(a_broken_ring_asks_for_a_reset_and_a_reset_mends_it),
        TEST(interrupts_are_not_acked_before_driver_ok),
        TEST(the_generation_goes_on_over_resets),
        TEST(the_config_space_has_any_width),
        TEST(the_config_space_is_written_by_a_driver_only),
        TEST(registers_are_four_bytes_wide),
        TEST(any_access_is_survived),
        TEST(no_memory_frees_the_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
