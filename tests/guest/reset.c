// SPDX-License-Identifier: Apache-2.0
/* SYSTEM_RESET2 by the last CPU, while the others run. */

#include "guest.h"

static volatile uint32_t tries;

static void reset_by_the_last(unsigned me)
{
    if (me + 1 == cpu_count()) {
        CHECK_EQ(hvc(0xc4000012, 1, 0, 0), -2);
        guest_print("ok the_last_cpu_resets\n");
        guest_print("done %u tests, %u failed\n", 1ull, 0ull);
        hvc(0xc4000012, 0, 0, 0);
        guest_print("# still here\n");
    }
    for (;;)
        tries++;
}

static void the_last_cpu_resets(void)
{
    cpu_run_all(reset_by_the_last);
}

const struct guest_test guest_tests[] = {
    {"the_last_cpu_resets", the_last_cpu_resets},
    {NULL, NULL},
};
