// SPDX-License-Identifier: Apache-2.0
/* What a microVM may be. */

#include "vm/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/macros.h"

static void the_defaults_are_firecrackers(void **state)
{
    struct vm_config cfg;

    (void)state;
    vm_config_init(&cfg);
    assert_int_equal(cfg.vcpu_count, 1);
    assert_int_equal(cfg.mem_size_mib, 128);
    assert_int_equal(vm_config_check_machine(&cfg, NULL), 0);
    vm_config_release(&cfg);
    vm_config_release(&cfg);
}

static void limits_are_kept(void **state)
{
    static const struct {
        struct vm_config cfg;
        bool good;
    } rows[] = {
        {{.vcpu_count = 1, .mem_size_mib = 1}, true},
        {{.vcpu_count = 32, .mem_size_mib = UINT64_MAX}, true},
        {{.vcpu_count = 0, .mem_size_mib = 1}, false},
        {{.vcpu_count = 33, .mem_size_mib = 1}, false},
        {{.vcpu_count = 1, .mem_size_mib = 0}, false},
        {{.vcpu_count = 1, .mem_size_mib = 2, .smt = true}, false},
        {{.vcpu_count = 1, .mem_size_mib = 2, .huge_pages = HUGE_2M}, true},
        {{.vcpu_count = 1, .mem_size_mib = 3, .huge_pages = HUGE_2M}, false},
        {{.vcpu_count = 1, .mem_size_mib = 3, .huge_pages = HUGE_TRANSPARENT},
         false},
    };
    struct err e;

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(rows); n++)
        assert_int_equal(vm_config_check_machine(&rows[n].cfg, &e) == 0,
                         rows[n].good);
}

static void memory_is_capped_at_what_the_board_can_hold(void **state)
{
    struct vm_config cfg = {.mem_size_mib = UINT64_MAX};

    (void)state;
    assert_true(vm_config_ram_bytes(&cfg) == 1022 * GIB);
    cfg.mem_size_mib = 3;
    assert_true(vm_config_ram_bytes(&cfg) == 3 * MIB);
}

static void a_command_line_is_short_and_printable(void **state)
{
    char line[VM_CMDLINE_MAX + 1];
    struct err e;

    (void)state;
    assert_int_equal(vm_config_check_boot_args(NULL, &e), 0);
    assert_int_equal(vm_config_check_boot_args(" ~", &e), 0);
    assert_int_equal(vm_config_check_boot_args("a\tb", &e), -EINVAL);
    assert_non_null(strstr(e.text, "a non-printable ASCII character."));
    assert_int_equal(vm_config_check_boot_args("a\x7f", &e), -EINVAL);
    assert_int_equal(vm_config_check_boot_args("\xc3\xa4", &e), -EINVAL);
    memset(line, 'x', sizeof(line));
    line[VM_CMDLINE_MAX] = 0;
    assert_int_equal(vm_config_check_boot_args(line, &e), -EINVAL);
    assert_non_null(strstr(e.text, "make command line too long."));
    line[VM_CMDLINE_MAX - 1] = 0;
    assert_int_equal(vm_config_check_boot_args(line, &e), 0);
}

static void a_string_is_replaced_or_kept(void **state)
{
    char *field = NULL;

    (void)state;
    assert_int_equal(vm_config_set(&field, "one"), 0);
    heap_fail_after(0);
    assert_true(vm_config_set(&field, "two") < 0);
    heap_fail_after(-1);
    assert_string_equal(field, "one");
    assert_int_equal(vm_config_set(&field, NULL), 0);
    assert_null(field);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_firecrackers),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(memory_is_capped_at_what_the_board_can_hold),
        cmocka_unit_test(a_command_line_is_short_and_printable),
        cmocka_unit_test(a_string_is_replaced_or_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
