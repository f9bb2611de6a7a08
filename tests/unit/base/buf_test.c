// SPDX-License-Identifier: Apache-2.0
/* Buffers grow, end in NUL, and remember that memory ran out. */

#include "base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"

static void an_empty_one_has_a_text(void **state)
{
    struct buf b = {0};

    (void)state;
    assert_string_equal(buf_text(&b), "");
    buf_release(&b);
    buf_release(&b);
}

static void puts_follow_each_other(void **state)
{
    struct buf b = {0};

    (void)state;
    buf_puts(&b, "one");
    buf_putc(&b, ' ');
    buf_printf(&b, "%d%s", 2, "!");
    buf_put(&b, "xyz", 2);
    assert_string_equal(buf_text(&b), "one 2!xy");
    assert_int_equal(b.len, 8);
    buf_clear(&b);
    assert_string_equal(buf_text(&b), "");
    buf_release(&b);
}

static void it_grows_over_every_boundary(void **state)
{
    struct buf b = {0};

    (void)state;
    for (size_t n = 0; n < 5000; n++) {
        assert_int_equal(buf_putc(&b, (char)('a' + n % 26)), 0);
        assert_int_equal(b.len, n + 1);
        assert_int_equal(strlen(buf_text(&b)), n + 1);
    }
    buf_release(&b);
}

static void after_a_failure_nothing_is_put(void **state)
{
    struct buf b = {0};

    (void)state;
    buf_puts(&b, "kept");
    heap_fail_after(0);
    assert_int_equal(buf_printf(&b, "%2000s", ""), -ENOMEM);
    heap_fail_after(-1);
    assert_true(b.failed);
    assert_int_equal(buf_puts(&b, "x"), -ENOMEM);
    assert_string_equal(buf_text(&b), "kept");
    buf_clear(&b);
    assert_int_equal(buf_puts(&b, "again"), 0);
    assert_string_equal(buf_text(&b), "again");
    buf_release(&b);
}

static void a_length_that_overflows_is_refused(void **state)
{
    struct buf b = {0};

    (void)state;
    assert_int_equal(buf_put(&b, "", SIZE_MAX), -ENOMEM);
    assert_true(b.failed);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_has_a_text),
        cmocka_unit_test(puts_follow_each_other),
        cmocka_unit_test(it_grows_over_every_boundary),
        cmocka_unit_test(after_a_failure_nothing_is_put),
        cmocka_unit_test(a_length_that_overflows_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
