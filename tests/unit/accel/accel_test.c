// SPDX-License-Identifier: Apache-2.0
/* Choosing an accelerator by name. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "accel/accel.h"
#include "accel/kvm/kvm.h"
#include "accel/soft/soft.h"
#include "base/macros.h"

static void the_software_cpu_can_be_had_everywhere(void **state)
{
    struct err e = {0};

    (void)state;
    assert_ptr_equal(accel_find("soft", &e), &soft_ops);
    assert_int_equal(e.code, 0);
}

static void auto_finds_what_works_and_complains_of_nothing(void **state)
{
    struct err e = {0}, why = {0};
    const struct accel_ops *best =
        kvm_ops.probe(&why) == 0 ? &kvm_ops : &soft_ops;

    (void)state;
    assert_ptr_equal(accel_find("auto", &e), best);
    assert_ptr_equal(accel_find(NULL, &e), best);
    assert_int_equal(e.code, 0);
}

static void a_name_nobody_has_is_an_error(void **state)
{
    struct err e = {0};

    (void)state;
    assert_null(accel_find("warp", &e));
    assert_int_equal(e.code, -EINVAL);
    assert_string_equal(e.text, "no accelerator is called 'warp': try auto, "
                                "kvm or soft");
}

static void a_name_may_be_known_where_it_does_not_work(void **state)
{
    static const char *const known[] = {NULL, "auto", "kvm", "soft"};
    struct err e = {0};

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(known); n++)
        assert_int_equal(accel_check_name(known[n], &e), 0);
    assert_int_equal(accel_check_name("warp", &e), -EINVAL);
}

/* Whoever asks for what does not work here is told, and what would. */
static void an_unusable_kvm_says_why_and_what_to_do(void **state)
{
    struct err e = {0};

    (void)state;
    if (kvm_ops.probe(NULL) == 0)
        skip();
    assert_null(accel_find("kvm", &e));
    assert_true(e.code < 0);
    assert_int_equal(strncmp(e.text, "kvm: ", 5), 0);
    assert_true(strstr(e.text, "--accel soft") || strstr(e.text, "usermod"));
#ifdef __x86_64__
    assert_int_equal(e.code, -ENOTSUP);
    assert_non_null(strstr(e.text, "x86 guests"));
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_software_cpu_can_be_had_everywhere),
        cmocka_unit_test(auto_finds_what_works_and_complains_of_nothing),
        cmocka_unit_test(a_name_nobody_has_is_an_error),
        cmocka_unit_test(a_name_may_be_known_where_it_does_not_work),
        cmocka_unit_test(an_unusable_kvm_says_why_and_what_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
