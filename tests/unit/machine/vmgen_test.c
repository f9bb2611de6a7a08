// SPDX-License-Identifier: Apache-2.0
/* The generation of a VM, as its guest finds it. */

#include "machine/vmgen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "machine/layout.h"

static struct gmem ram;
static unsigned raised[96];

static int set_up(void **state)
{
    (void)state;
    memset(raised, 0, sizeof(raised));
    gmem_init(&ram);
    return gmem_add(&ram, DRAM_BASE, 4 * MIB, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    gmem_release(&ram);
    return 0;
}

static void raise_spi(void *ctx, unsigned intid, bool level)
{
    (void)ctx;
    raised[intid] += level;
}

static const uint8_t *id(void)
{
    return gmem_at(&ram, 0x801ffff0, 16);
}

static uint64_t clock_field(unsigned offset, unsigned width)
{
    uint64_t value = 0;

    assert_true(gmem_read(&ram, 0x801fe000 + offset, &value, width));
    return value;
}

static void a_new_machine_has_an_id_and_generation_0(void **state)
{
    static const uint8_t zeros[16];

    (void)state;
    assert_true(vmgen_init(&ram));
    assert_memory_not_equal(id(), zeros, 16);
    assert_int_equal(clock_field(0, 4), 0x4b4c4356);
    assert_int_equal(clock_field(4, 4), 0x1000);
    assert_int_equal(clock_field(8, 2), 1);
    assert_int_equal(clock_field(10, 1), 255);
    assert_int_equal(clock_field(12, 4), 0);
    assert_int_equal(clock_field(16, 8), 0);
    assert_int_equal(clock_field(24, 8), 1 << 8 | 1 << 9);
    assert_int_equal(clock_field(34, 1), 0);
    assert_int_equal(clock_field(104, 8), 0);
}

static void each_restore_is_another_generation(void **state)
{
    uint8_t before[16];

    (void)state;
    vmgen_init(&ram);
    for (unsigned n = 1; n < 4; n++) {
        memcpy(before, id(), 16);
        assert_true(vmgen_changed(&ram, raise_spi, NULL));
        assert_memory_not_equal(id(), before, 16);
        assert_int_equal(clock_field(12, 4), 2 * n);
        assert_int_equal(clock_field(16, 8), n);
        assert_int_equal(clock_field(104, 8), n);
        assert_int_equal(raised[36], n);
        assert_int_equal(raised[37], n);
    }
}

/* Whoever wrote the snapshot, the guest must not wait for an even count. */
static void an_odd_count_becomes_even(void **state)
{
    const uint32_t odd[] = {7, UINT32_MAX};

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(odd); n++) {
        vmgen_init(&ram);
        gmem_write(&ram, 0x801fe00c, &odd[n], 4);
        assert_true(vmgen_changed(&ram, raise_spi, NULL));
        assert_int_equal(clock_field(12, 4), (uint32_t)(odd[n] + 1));
    }
}

static void without_memory_there_is_none(void **state)
{
    (void)state;
    gmem_release(&ram);
    assert_false(vmgen_init(&ram));
    assert_false(vmgen_changed(&ram, raise_spi, NULL));
    assert_int_equal(raised[36] + raised[37], 0);
}

static void stolen_times_lie_between_the_two(void **state)
{
    (void)state;
    assert_int_equal(pvtime_addr(1, 0), 0x801fff80);
    assert_int_equal(pvtime_addr(2, 1), 0x801fff80);
    assert_int_equal(pvtime_addr(2, 0), 0x801fff40);
    assert_int_equal(pvtime_addr(32, 31), 0x801fff80);
    assert_true(pvtime_addr(32, 0) >= 0x801ff000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_machine_has_an_id_and_generation_0),
        TEST(each_restore_is_another_generation),
        TEST(an_odd_count_becomes_even),
        TEST(without_memory_there_is_none),
        TEST(stolen_times_lie_between_the_two),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
