// SPDX-License-Identifier: Apache-2.0
/* Objects become bytes and come back. */

#include "base/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct thing {
    uint8_t a;
    uint64_t untouched;
    uint16_t b[3];
    uint64_t c;
};

static const struct field fields[] = {
    FIELD(struct thing, c),
    FIELD_ARRAY(struct thing, b),
    FIELD(struct thing, a),
};

static void bytes_are_packed_in_order_and_little_endian(void **state)
{
    static const uint8_t expected[15] = {8, 7, 6, 5, 4, 3, 2,   1,
                                         1, 0, 2, 0, 3, 0, 0xaa};
    const struct thing t = {.a = 0xaa, .b = {1, 2, 3}, .c = 0x0102030405060708};
    uint8_t out[15];

    (void)state;
    assert_int_equal(fields_bytes(fields, 3), 15);
    fields_pack(fields, 3, &t, out);
    assert_memory_equal(out, expected, 15);
}

static void what_was_packed_comes_back(void **state)
{
    const struct thing t = {.a = 1, .b = {4, 5, 6}, .c = UINT64_MAX};
    struct thing back = {.untouched = 7};
    uint8_t bytes[15];

    (void)state;
    fields_pack(fields, 3, &t, bytes);
    fields_unpack(fields, 3, &back, bytes);
    assert_int_equal(back.a, 1);
    assert_int_equal(back.b[2], 6);
    assert_int_equal(back.c, UINT64_MAX);
    assert_int_equal(back.untouched, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_packed_in_order_and_little_endian),
        cmocka_unit_test(what_was_packed_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
