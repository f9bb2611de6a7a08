// SPDX-License-Identifier: Apache-2.0
/* Errors keep their code and grow a prefix. */

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_prefix_goes_before_the_sentence(void **state)
{
    struct err e;

    (void)state;
    assert_int_equal(err_set(&e, -5, "disk %d is gone", 3), -5);
    assert_int_equal(err_prefix(&e, "cannot boot"), -5);
    assert_string_equal(e.text, "cannot boot: disk 3 is gone");
}

static void a_null_err_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, -7, "nobody listens"), -7);
}

static void a_long_prefix_is_cut_not_overrun(void **state)
{
    struct err e;
    char longer[2000];

    (void)state;
    for (size_t n = 0; n < sizeof(longer); n++)
        longer[n] = 'x';
    longer[sizeof(longer) - 1] = 0;
    err_set(&e, -1, "tail");
    err_prefix(&e, "%s", longer);
    assert_int_equal(e.text[sizeof(e.text) - 1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prefix_goes_before_the_sentence),
        cmocka_unit_test(a_null_err_is_allowed),
        cmocka_unit_test(a_long_prefix_is_cut_not_overrun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
