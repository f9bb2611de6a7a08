// SPDX-License-Identifier: Apache-2.0
/* Firecracker's command line rules and their sentences. */

#include "main/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

static const struct arg table[] = {
    {"config-file", true, .help = ""},
    {"id", true, .default_value = "anonymous-instance"},
    {"no-api", false, .requires_arg = "config-file"},
    {"no-seccomp", false, .forbids_arg = "seccomp-filter"},
    {"seccomp-filter", true, .forbids_arg = "no-seccomp"},
    {"show-level", false, .help = ""},
};

enum { MAX_WORDS = 8 };

static int parse(struct args *args, const char *const *words, struct err *e)
{
    char *argv[MAX_WORDS + 2] = {(char *)(uintptr_t) "squib"};
    int argc = 1;

    e->text[0] = 0;
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    return args_parse(args, table, ARRAY_LEN(table), argc, argv, e);
}

static void faults_have_firecrackers_sentences(void **state)
{
    static const struct {
        const char *words[MAX_WORDS];
        const char *want;
    } rows[] = {
        {{"--foo"},
         "Found argument 'foo' which wasn't expected, or isn't valid in this "
         "context."},
        {{"foo"},
         "Found argument 'foo' which wasn't expected, or isn't valid in this "
         "context."},
        {{"--id=x"},
         "Found argument 'id=x' which wasn't expected, or isn't valid in this "
         "context."},
        {{"-x"},
         "Found argument '-x' which wasn't expected, or isn't valid in this "
         "context."},
        {{"--id"},
         "The argument 'id' requires a value, but none was supplied."},
        {{"--id", "--show-level"},
         "The argument 'id' requires a value, but none was supplied."},
        {{"--id", "--"},
         "The argument 'id' requires a value, but none was supplied."},
        {{"--id", "a", "--id", "b"},
         "The argument 'id' was provided more than once."},
        {{"--show-level", "--show-level"},
         "The argument 'show-level' was provided more than once."},
        {{"--no-api"}, "Argument 'config-file' required, but not found."},
        {{"--seccomp-filter", "f", "--no-seccomp"},
         "Argument 'seccomp-filter' cannot be used together with argument "
         "'no-seccomp'."},
    };
    struct args args;
    struct err e;

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        assert_true(parse(&args, rows[n].words, &e) < 0);
        assert_string_equal(e.text, rows[n].want);
    }
}

static void values_and_defaults_are_found(void **state)
{
    const char *words[] = {"--config-file", "-x", "--no-api", NULL};
    struct args args;
    struct err e;

    (void)state;
    assert_int_equal(parse(&args, words, &e), 0);
    assert_string_equal(args_get(&args, "config-file"), "-x");
    assert_string_equal(args_get(&args, "id"), "anonymous-instance");
    assert_false(args_has(&args, "id"));
    assert_true(args_has(&args, "no-api"));
    assert_null(args_get(&args, "seccomp-filter"));
}

static void nothing_is_fine(void **state)
{
    const char *words[] = {NULL};
    struct args args;
    struct err e;

    (void)state;
    assert_int_equal(parse(&args, words, &e), 0);
    assert_int_equal(args_parse(&args, table, ARRAY_LEN(table), 0, NULL, &e),
                     0);
}

static void what_follows_two_dashes_is_left_alone(void **state)
{
    const char *words[] = {"--show-level", "--", "--foo", "--help", NULL};
    struct args args;
    struct err e;

    (void)state;
    assert_int_equal(parse(&args, words, &e), 0);
    assert_true(args_has(&args, "show-level"));
    assert_false(args.help);
}

static void help_and_then_version_win(void **state)
{
    const char *help[] = {"--foo", "--version", "--id", "--help", NULL};
    const char *short_help[] = {"foo", "-h", NULL};
    const char *version[] = {"--foo", "--version", NULL};
    struct args args;
    struct err e;

    (void)state;
    assert_int_equal(parse(&args, help, &e), 0);
    assert_true(args.help && !args.version);
    assert_int_equal(parse(&args, short_help, &e), 0);
    assert_true(args.help);
    assert_int_equal(parse(&args, version, &e), 0);
    assert_true(args.version && !args.help);
}

static void numbers_are_plain_decimals(void **state)
{
    static const char *const bad[] = {
        "", "+", "-1", "1x", " 1", "0x1", "1.", "18446744073709551616"};
    unsigned long long value;

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(bad); n++)
        assert_false(args_number(bad[n], &value));
    assert_true(args_number("18446744073709551615", &value));
    assert_true(value == UINT64_MAX);
    assert_true(args_number("+007", &value));
    assert_true(value == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_have_firecrackers_sentences),
        cmocka_unit_test(values_and_defaults_are_found),
        cmocka_unit_test(nothing_is_fine),
        cmocka_unit_test(what_follows_two_dashes_is_left_alone),
        cmocka_unit_test(help_and_then_version_win),
        cmocka_unit_test(numbers_are_plain_decimals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
