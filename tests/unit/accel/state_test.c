// SPDX-License-Identifier: Apache-2.0
/* The lists of what a machine's state is (accel/idregs.inc, accel/gicregs.inc),
   under the back end that is everywhere. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accel/soft/soft.h"
#include "base/macros.h"

enum { CPUS = 2 };

static const struct {
    enum gic_space space;
    uint32_t offset, bytes, count;
} gicregs[] = {
#define GICREG(name, space, offset, bytes, count) {space, offset, bytes, count},
#include "accel/gicregs.inc"
#undef GICREG
};

static struct gmem ram;
static struct accel_vm *vm;

static int set_up(void **state)
{
    struct accel_config cfg = {.vcpus = CPUS, .ram = &ram};

    (void)state;
    gmem_init(&ram);
    if (gmem_add(&ram, 0x80000000, MIB, NULL) < 0)
        return -1;
    vm = soft_ops.vm_new(&cfg, NULL);
    return vm ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    soft_ops.vm_free(vm);
    gmem_release(&ram);
    return 0;
}

static void the_cpu_says_what_it_is(void **state)
{
    struct accel_vcpu *v = soft_ops.vcpu_new(vm, 0, NULL);
    struct vcpu_state s;

    (void)state;
    assert_non_null(v);
    for (unsigned n = 0; n < NUM_IDREGS; n++)
        s.id[n] = 0x5a5a5a5a5a5a5a5a;
    assert_int_equal(soft_ops.vcpu_get(v, &s), 0);
    assert_int_equal(s.id[ID_MIDR_EL1], 0x000f5b10);
    assert_int_equal(s.id[ID_ID_AA64PFR0_EL1] & 0xff, 0x11);
    assert_int_equal(s.id[ID_ID_AA64MMFR3_EL1], 0);
    assert_int_equal(s.id[ID_CTR_EL0], 0x9444c004);
    s.id[ID_MIDR_EL1] = 1; /* it is what it is */
    assert_int_equal(soft_ops.vcpu_set(v, &s), 0);
    assert_int_equal(soft_ops.vcpu_get(v, &s), 0);
    assert_int_equal(s.id[ID_MIDR_EL1], 0x000f5b10);
    soft_ops.vcpu_free(v);
}

static void each_register_of_the_gic_is_read_and_written(void **state)
{
    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(gicregs); n++) {
        for (uint32_t i = 0; i < gicregs[n].count; i++) {
            uint32_t offset = gicregs[n].offset + i * gicregs[n].bytes;
            uint64_t value, again;

            assert_int_equal(soft_ops.gic_get(vm, gicregs[n].space, CPUS - 1,
                                              offset, &value),
                             0);
            assert_int_equal(
                soft_ops.gic_set(vm, gicregs[n].space, CPUS - 1, offset, value),
                0);
            assert_int_equal(soft_ops.gic_get(vm, gicregs[n].space, CPUS - 1,
                                              offset, &again),
                             0);
            assert_int_equal(value, again);
        }
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_cpu_says_what_it_is),
        TEST(each_register_of_the_gic_is_read_and_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
