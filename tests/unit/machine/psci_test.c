// SPDX-License-Identifier: Apache-2.0
/* The firmware calls, as a guest makes them. */

#include "machine/psci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/host.h"

static struct {
    enum psci_affinity state[32];
    uint64_t entry, context_id;
} world;

static enum psci_affinity state_of(void *ctx, unsigned index)
{
    (void)ctx;
    return world.state[index];
}

static enum psci_status power_on(void *ctx, unsigned index, uint64_t entry,
                                 uint64_t context_id)
{
    (void)ctx;
    if (world.state[index] == PSCI_ON)
        return PSCI_ALREADY_ON;
    world.state[index] = PSCI_ON_PENDING;
    world.entry = entry;
    world.context_id = context_id;
    return PSCI_SUCCESS;
}

static bool is_ram(void *ctx, uint64_t gpa)
{
    (void)ctx;
    return gpa >= 0x80000000u && gpa < 0x90000000u;
}

static uint64_t stolen_time(void *ctx, unsigned index)
{
    (void)ctx;
    return index == 3 ? 0x801fff00 : 0;
}

static uint64_t counter(void *ctx, unsigned index)
{
    (void)ctx;
    return 0x123456789abcull + index;
}

static const struct psci_host host = {.vcpus = 32,
                                      .state = state_of,
                                      .power_on = power_on,
                                      .is_ram = is_ram,
                                      .counter = counter,
                                      .stolen_time = stolen_time};

static int reset_world(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 32; n++)
        world.state[n] = n ? PSCI_OFF : PSCI_ON;
    return 0;
}

static int64_t call(uint64_t id, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t regs[8] = {id, a, b, c};

    assert_int_equal(psci_call(&host, 3, regs), PSCI_RETURN);
    return (int64_t)regs[0];
}

static void versions_are_psci_1_1_smccc_1_1_trng_1_0(void **state)
{
    (void)state;
    assert_int_equal(call(0x84000000, 0, 0, 0), 0x10001);
    assert_int_equal(call(0x80000000, 0, 0, 0), 0x10001);
    assert_int_equal(call(0x84000050, 0, 0, 0), 0x10000);
}

static void the_trng_names_its_own_calls_only(void **state)
{
    (void)state;
    assert_int_equal(call(0x84000051, 0x84000050, 0, 0), PSCI_SUCCESS);
    assert_int_equal(call(0x84000051, 0xc4000053, 0, 0), PSCI_SUCCESS);
    assert_int_equal(call(0x84000051, 0x8400005f, 0, 0), PSCI_NOT_SUPPORTED);
    assert_int_equal(call(0x84000051, 0x84000000, 0, 0), PSCI_NOT_SUPPORTED);
}

static void cpu_on_hands_over_entry_and_context(void **state)
{
    (void)state;
    assert_int_equal(call(0xc4000003, 0x101, 0x80001000, 7), PSCI_SUCCESS);
    assert_int_equal(world.state[17], PSCI_ON_PENDING);
    assert_int_equal(world.entry, 0x80001000);
    assert_int_equal(world.context_id, 7);
}

static void cpu_on_refuses_what_the_specification_says(void **state)
{
    (void)state;
    assert_int_equal(call(0xc4000003, 0, 0x80001000, 0), PSCI_ALREADY_ON);
    assert_int_equal(call(0xc4000003, 0x20, 0x80001000, 0),
                     PSCI_INVALID_PARAMETERS);
    assert_int_equal(call(0xc4000003, 1, 0x1000, 0), PSCI_INVALID_ADDRESS);
    assert_int_equal(call(0xc4000003, 1, 0x80001002, 0), PSCI_INVALID_ADDRESS);
}

static void a_32_bit_call_looks_at_32_bits(void **state)
{
    (void)state;
    assert_int_equal(call(0x84000003, 0xffffffff00000001, 0xf00000080001000, 0),
                     PSCI_SUCCESS);
    assert_int_equal(world.state[1], PSCI_ON_PENDING);
    assert_int_equal(world.entry, 0x80001000);
}

static void affinity_info_works_in_both_widths_and_for_groups(void **state)
{
    (void)state;
    assert_int_equal(call(0xc4000004, 0, 0, 0), PSCI_ON);
    assert_int_equal(call(0x84000004, 1, 0, 0), PSCI_OFF);
    assert_int_equal(call(0xc4000004, 0, 1, 0), PSCI_ON);
    assert_int_equal(call(0xc4000004, 0x100, 1, 0), PSCI_OFF);
    assert_int_equal(call(0xc4000004, 0x55, 0, 0), PSCI_INVALID_PARAMETERS);
    assert_int_equal(call(0xc4000004, 0, 4, 0), PSCI_INVALID_PARAMETERS);
}

static void the_machine_stops_or_resets(void **state)
{
    uint64_t off[8] = {0x84000008}, reset[8] = {0x84000009},
             reset2[8] = {0xc4000012}, cpu_off[8] = {0x84000002},
             suspend[8] = {0xc4000001};

    (void)state;
    assert_int_equal(psci_call(&host, 3, off), PSCI_SYSTEM_OFF);
    assert_int_equal(psci_call(&host, 3, reset), PSCI_SYSTEM_RESET);
    assert_int_equal(psci_call(&host, 3, reset2), PSCI_SYSTEM_RESET);
    assert_int_equal(psci_call(&host, 3, cpu_off), PSCI_POWER_DOWN);
    assert_int_equal(psci_call(&host, 3, suspend), PSCI_RETURN_WFI);
    assert_int_equal(call(0xc4000012, 1, 0, 0), PSCI_INVALID_PARAMETERS);
}

static void features_tell_what_there_is(void **state)
{
    static const uint32_t there[] = {0x84000000, 0x84000001, 0xc4000001,
                                     0x84000003, 0xc4000003, 0x84000008,
                                     0x8400000a, 0xc4000012, 0x80000000};

    (void)state;
    for (size_t n = 0; n < sizeof(there) / sizeof(there[0]); n++)
        assert_int_equal(call(0x8400000a, there[n], 0, 0), PSCI_SUCCESS);
    assert_int_equal(call(0x8400000a, 0x84000005, 0, 0), PSCI_NOT_SUPPORTED);
    assert_int_equal(call(0x8400000a, 0xc4000000, 0, 0), PSCI_NOT_SUPPORTED);
    assert_int_equal(call(0x80000001, 0x80008000, 0, 0), 1);
    assert_int_equal(call(0x80000001, 0x80000002, 0, 0), PSCI_NOT_SUPPORTED);
}

static void what_does_not_exist_is_not_supported(void **state)
{
    (void)state;
    assert_int_equal(call(0x84000005, 0, 0, 0), PSCI_NOT_SUPPORTED);
    assert_int_equal(call(0xffffffffffffffff, 0, 0, 0), PSCI_NOT_SUPPORTED);
    assert_int_equal(call(0, 0, 0, 0), PSCI_NOT_SUPPORTED);
}

static void random_bits_are_no_more_than_asked_for(void **state)
{
    (void)state;
    for (uint64_t bits = 1; bits <= 192; bits++) {
        uint64_t regs[8] = {0xc4000053, bits};

        assert_int_equal(psci_call(&host, 3, regs), PSCI_RETURN);
        assert_int_equal(regs[0], 0);
        if (bits < 64)
            assert_int_equal(regs[3] >> bits, 0);
        if (bits <= 64)
            assert_int_equal(regs[2] | regs[1], 0);
    }
    assert_int_equal(call(0xc4000053, 193, 0, 0), PSCI_INVALID_PARAMETERS);
    assert_int_equal(call(0x84000053, 97, 0, 0), PSCI_INVALID_PARAMETERS);
    assert_int_equal(call(0x84000053, 0, 0, 0), PSCI_INVALID_PARAMETERS);
}

static void stolen_time_is_announced_and_found(void **state)
{
    uint64_t none[8] = {0xc5000021}, features[8] = {0x80000001, 0xc5000020};
    const struct psci_host poor = {.vcpus = 1, .is_ram = is_ram};

    (void)state;
    assert_int_equal(call(0x80000001, 0xc5000020, 0, 0), 0);
    assert_int_equal(call(0xc5000020, 0xc5000020, 0, 0), 0);
    assert_int_equal(call(0xc5000020, 0xc5000021, 0, 0), 0);
    assert_int_equal(call(0xc5000020, 0xc5000022, 0, 0), PSCI_NOT_SUPPORTED);
    assert_int_equal(call(0xc5000020, 0x85000021, 0, 0), PSCI_NOT_SUPPORTED);
    assert_int_equal(call(0x85000020, 0xc5000021, 0, 0), PSCI_NOT_SUPPORTED);
    assert_int_equal(call(0xc5000021, 0, 0, 0), 0x801fff00);
    psci_call(&host, 4, none);
    assert_int_equal((int64_t)none[0], PSCI_NOT_SUPPORTED);
    none[0] = 0xc5000021;
    psci_call(&poor, 3, none);
    assert_int_equal((int64_t)none[0], PSCI_NOT_SUPPORTED);
    psci_call(&poor, 3, features);
    assert_int_equal((int64_t)features[0], PSCI_NOT_SUPPORTED);
}

static void linux_finds_the_hosts_clock(void **state)
{
    static const uint64_t uid[4] = {0xb66fb428, 0xe911c52e, 0x564bcaa9,
                                    0x743a004d};
    const struct psci_host poor = {.vcpus = 1, .is_ram = is_ram};
    uint64_t regs[8] = {0x8600ff01}, before = host_wall_ns(), now;

    (void)state;
    psci_call(&host, 3, regs);
    assert_memory_equal(regs, uid, sizeof(uid));
    assert_int_equal(call(0x86000000, 0, 0, 0), 3);
    for (unsigned which = 0; which < 2; which++) {
        regs[0] = 0x86000001;
        regs[1] = which;
        psci_call(&host, 3, regs);
        now = regs[0] << 32 | regs[1];
        assert_in_range(now, before, before + 60000000000);
        assert_int_equal(regs[2] << 32 | regs[3], 0x123456789abf);
    }
    assert_int_equal(call(0x86000001, 2, 0, 0), PSCI_NOT_SUPPORTED);
    for (uint64_t id = 0x86000000; id < 0x86000002; id++) {
        regs[0] = id;
        psci_call(&poor, 0, regs);
        assert_int_equal((int64_t)regs[0], PSCI_NOT_SUPPORTED);
    }
    regs[0] = 0x8600ff01;
    psci_call(&poor, 0, regs);
    assert_int_equal((int64_t)regs[0], PSCI_NOT_SUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_psci_1_1_smccc_1_1_trng_1_0),
        cmocka_unit_test(the_trng_names_its_own_calls_only),
        cmocka_unit_test_setup(cpu_on_hands_over_entry_and_context,
                               reset_world),
        cmocka_unit_test_setup(cpu_on_refuses_what_the_specification_says,
                               reset_world),
        cmocka_unit_test_setup(a_32_bit_call_looks_at_32_bits, reset_world),
        cmocka_unit_test_setup(
            affinity_info_works_in_both_widths_and_for_groups, reset_world),
        cmocka_unit_test(the_machine_stops_or_resets),
        cmocka_unit_test(features_tell_what_there_is),
        cmocka_unit_test(what_does_not_exist_is_not_supported),
        cmocka_unit_test(random_bits_are_no_more_than_asked_for),
        cmocka_unit_test_setup(stolen_time_is_announced_and_found, reset_world),
        cmocka_unit_test(linux_finds_the_hosts_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
