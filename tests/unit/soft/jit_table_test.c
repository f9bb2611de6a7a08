// SPDX-License-Identifier: Apache-2.0
/* The table of blocks against a list of what it should have. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accel/soft/jit/table.h"

enum { MANY = 20000, TURNS = 200000 };

static uint32_t dice = 1;

static uint32_t throw(void)
{
    dice = dice * 1664525 + 1013904223;
    return dice >> 8;
}

static bool has(const struct jtable *t, uint32_t hash, uint32_t number)
{
    for (uint32_t at = jtable_first(t, hash); t->entry[at].number;
         at = jtable_next(t, at)) {
        if (t->entry[at].hash == hash && t->entry[at].number == number)
            return true;
    }
    return false;
}

static void what_is_added_is_found_while_it_grows(void **state)
{
    struct jtable t;

    (void)state;
    assert_int_equal(jtable_init(&t), 0);
    for (uint32_t n = 1; n <= MANY; n++) {
        assert_true(jtable_make_room(&t));
        jtable_add(&t, n * 0x9e3779b1u, n);
    }
    for (uint32_t n = 1; n <= MANY; n++)
        assert_true(has(&t, n * 0x9e3779b1u, n));
    assert_false(has(&t, 0x9e3779b1u, 2));
    jtable_empty(&t);
    assert_false(has(&t, 0x9e3779b1u, 1));
    jtable_release(&t);
    jtable_release(&t);
}

/* Few hashes, at both ends of the table, so that runs of entries are long and
   some go round its end. */
static uint32_t hash_of(uint32_t number)
{
    return (number % 2 ? 0xfffff000u : 0) + number % 7 * 0x400;
}

static void what_is_dropped_takes_nothing_else_along(void **state)
{
    static bool is_there[400];
    struct jtable t;

    (void)state;
    assert_int_equal(jtable_init(&t), 0);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        uint32_t n = 1 + throw() % 399, look = 1 + throw() % 399;

        assert_true(jtable_make_room(&t));
        if (is_there[n])
            jtable_drop(&t, hash_of(n), n);
        else
            jtable_add(&t, hash_of(n), n);
        is_there[n] = !is_there[n];
        assert_int_equal(has(&t, hash_of(look), look), is_there[look]);
    }
    for (uint32_t n = 1; n < 400; n++)
        assert_int_equal(has(&t, hash_of(n), n), is_there[n]);
    jtable_release(&t);
}

static void to_drop_what_is_not_there_is_nothing(void **state)
{
    struct jtable t;

    (void)state;
    assert_int_equal(jtable_init(&t), 0);
    jtable_add(&t, 5, 1);
    jtable_drop(&t, 5, 2);
    assert_true(has(&t, 5, 1));
    assert_int_equal(t.used, 1);
    jtable_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_is_found_while_it_grows),
        cmocka_unit_test(what_is_dropped_takes_nothing_else_along),
        cmocka_unit_test(to_drop_what_is_not_there_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
