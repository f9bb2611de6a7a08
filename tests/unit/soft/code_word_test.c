// SPDX-License-Identifier: Apache-2.0
/* Words of code compared with memory that another thread writes. */

#include "accel/soft/code_word.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#define MOV(n) (0xd2800000u | (uint32_t)(n) << 5) /* MOV X0, #n */

enum { COMPARES = 1 << 24 };

static _Alignas(64) uint32_t code[2];
static atomic_bool writes, stop;

/* 7 and 8: the low byte of the second is that of MOV X0, #0, and what is above
   it is another in both. */
static void *writer(void *arg)
{
    (void)arg;
    atomic_store(&writes, true);
    while (!atomic_load(&stop)) {
        __atomic_store_n(code, MOV(7), __ATOMIC_RELAXED);
        __atomic_store_n(code, MOV(8), __ATOMIC_RELAXED);
    }
    return NULL;
}

static void a_word_that_never_was_there_is_never_found(void **state)
{
    static const uint32_t words[2] = {MOV(0), 0xd65f03c0};
    unsigned found = 0;
    pthread_t thread;

    (void)state;
    code[0] = MOV(8);
    code[1] = words[1];
    assert_int_equal(pthread_create(&thread, NULL, writer, NULL), 0);
    while (!atomic_load(&writes))
        sched_yield();
    for (unsigned n = 0; n < COMPARES; n++)
        found += code_same_words(words, (const uint8_t *)code, 2) > 0;
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(found, 0);
}

static void the_first_word_that_differs_is_told(void **state)
{
    static const uint32_t memory[4] = {MOV(1), MOV(2), MOV(3), MOV(4)};
    static const uint32_t words[4] = {MOV(1), MOV(2), MOV(9), MOV(4)};
    const uint8_t *host = (const uint8_t *)memory;

    (void)state;
    assert_int_equal(code_same_words(words, host, 4), 2);
    assert_int_equal(code_same_words(words, host, 2), 2);
    assert_int_equal(code_same_words(words + 3, host + 12, 1), 1);
    assert_int_equal(code_same_words(words + 3, host, 1), 0);
    assert_int_equal(code_same_words(words, host, 0), 0);
    assert_int_equal(code_word(host + 8), MOV(3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_that_never_was_there_is_never_found),
        cmocka_unit_test(the_first_word_that_differs_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
