// SPDX-License-Identifier: Apache-2.0
/* Hardware breakpoints, and what links them to a context. */

#include "accel/soft/step.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "accel/soft/mmu.h"

enum { AT = 0x1000, OTHER = 0x2000, PROCESS = 0x12345 };
enum { E = 1, EL1 = 1 << 1, EL0 = 2 << 1, SECURE = 2 << 14 };
enum { LINKED = 1 << 20, CONTEXT = 2 << 20, LINKED_CONTEXT = 3 << 20 };

static struct soft_vm vm;
static struct cpu *cpu;

static int set_up(void **state)
{
    (void)state;
    vm = (struct soft_vm){.num_cpus = 1};
    cpu = calloc(1, sizeof(*cpu));
    vm.cpus[0] = cpu;
    cpu->vm = &vm;
    cpu->mmu = mmu_new(cpu);
    mmu_reset(cpu);
    cpu->sys[SYS_OSLSR_EL1] = 8;
    cpu->sys[SYS_MDSCR_EL1] = 1 << 15;
    cpu->sys[SYS_CONTEXTIDR_EL1] = PROCESS;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mmu_free(cpu->mmu);
    free(cpu);
    return 0;
}

static void put(unsigned n, uint64_t value, uint64_t control)
{
    cpu->sys[SYS_DBGBVR0_EL1 + n] = value;
    cpu->sys[SYS_DBGBCR0_EL1 + n] = control;
    step_changed(cpu);
}

/* At pc, as EL0 or EL1. It goes back to EL0 then. */
static bool stops(uint64_t pc, unsigned el)
{
    bool stopped;

    cpu->pc = pc;
    cpu->el = el;
    cpu->daif = 0;
    stopped = step_before(cpu);
    assert_true(!stopped ||
                cpu->sys[SYS_ESR_EL1] >> 26 == (el ? 0x31u : 0x30u));
    cpu->el = 0;
    return stopped;
}

static void an_address_stops_at_the_levels_it_names(void **state)
{
    (void)state;
    put(3, AT, E | EL0);
    assert_true(stops(AT, 0));
    assert_false(stops(OTHER, 0));
    assert_false(stops(AT, 1));
    cpu->sys[SYS_MDSCR_EL1] |= 1 << 13; /* KDE */
    put(3, AT, E | EL1);
    assert_true(stops(AT, 1));
    assert_false(stops(AT, 0));
    put(3, AT, E | EL0 | SECURE);
    assert_false(stops(AT, 0));
    put(3, AT, EL0);
    assert_false(stops(AT, 0));
}

static void an_address_may_be_linked_to_a_context(void **state)
{
    (void)state;
    put(0, AT, E | EL0 | LINKED | 5 << 16);
    assert_false(stops(AT, 0)); /* 5 is off */
    put(5, PROCESS, E | LINKED_CONTEXT);
    assert_true(stops(AT, 0));
    assert_false(stops(OTHER, 0));
    cpu->sys[SYS_CONTEXTIDR_EL1]++;
    assert_false(stops(AT, 0));
    put(5, PROCESS + 1, E | CONTEXT << 2); /* of another kind */
    assert_false(stops(AT, 0));
}

static void a_context_stops_everywhere(void **state)
{
    (void)state;
    put(4, PROCESS, E | EL0 | CONTEXT);
    assert_true(stops(AT, 0));
    assert_true(stops(OTHER, 0));
    cpu->sys[SYS_CONTEXTIDR_EL1]++;
    assert_false(stops(AT, 0));
}

static void only_the_last_two_know_contexts(void **state)
{
    (void)state;
    put(3, PROCESS, E | EL0 | CONTEXT);
    assert_false(stops(AT, 0));
    put(3, PROCESS, E | LINKED_CONTEXT);
    put(0, AT, E | EL0 | LINKED | 3 << 16);
    assert_false(stops(AT, 0));
    for (unsigned n = 6; n < 16; n++)
        assert_false(step_link_matches(cpu, n));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_address_stops_at_the_levels_it_names),
        CASE(an_address_may_be_linked_to_a_context),
        CASE(a_context_stops_everywhere),
        CASE(only_the_last_two_know_contexts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
