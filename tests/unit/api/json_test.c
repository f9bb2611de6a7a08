// SPDX-License-Identifier: Apache-2.0
/* The JSON reader says what serde_json says, where it says it. */

#include "api/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/resources.h"
#include "base/heap.h"
#include "base/macros.h"

struct backend {
    char *path;
    uint32_t type;
    uint64_t given;
};

struct vmm {
    struct json_list drives;
    struct boot_source boot_source;
    struct logger_config logger;
    struct machine_config machine_config;
    struct json_list names;
    uint64_t num;
    uint64_t given;
};

/* clang-format off */
static const char *const backend_types[] = {"File", "Uffd", NULL};
static const struct json_field backend_fields[] = {
    {"backend_path", JSON_PATH, JSON_REQUIRED,
     .offset = offsetof(struct backend, path)},
    {"backend_type", JSON_ENUM, JSON_REQUIRED,
     .offset = offsetof(struct backend, type), .variants = backend_types},
};
static const struct json_schema backend_schema = {
    JSON_SCHEMA(struct backend, "Backend", backend_fields)};

static const struct json_field drive = {
    "", JSON_OBJECT, .object = &boot_source_schema};
static const struct json_field name = {"", JSON_STRING, .offset = 0};
static const struct json_field vmm_fields[] = {
    {"drives", JSON_LIST, JSON_REQUIRED,
     .offset = offsetof(struct vmm, drives), .element = &drive},
    {"boot-source", JSON_OBJECT, JSON_REQUIRED,
     .offset = offsetof(struct vmm, boot_source),
     .object = &boot_source_schema},
    {"logger", JSON_OBJECT, JSON_NULLABLE,
     .offset = offsetof(struct vmm, logger), .object = &logger_config_schema},
    {"machine-config", JSON_OBJECT, JSON_NULLABLE,
     .offset = offsetof(struct vmm, machine_config),
     .object = &machine_config_schema},
    {"names", JSON_LIST, JSON_NULLABLE,
     .offset = offsetof(struct vmm, names), .element = &name},
    {"num", JSON_U64, JSON_NULLABLE, .offset = offsetof(struct vmm, num)},
};
static const struct json_schema vmm_schema = {
    JSON_SCHEMA(struct vmm, "VmmConfig", vmm_fields), .tolerant = true};
/* clang-format on */

#define BOOT    &boot_source_schema
#define MACHINE &machine_config_schema
#define LOGGER  &logger_config_schema
#define BACKEND &backend_schema
#define VMM     &vmm_schema
#define VALUE   NULL

static const struct {
    const struct json_schema *schema;
    const char *text;
    const char *answer;
} cases[] = {
#include "json_cases.inc"
};

union any_object {
    struct backend backend;
    struct vmm vmm;
};

static int read_text(const struct json_schema *schema, const char *text,
                     size_t len, char *answer, size_t size)
{
    union any_object out;
    struct json_span span;
    struct json_reader r;
    int rc;

    json_init(&r, text, len);
    rc = schema ? json_decode(&r, schema, &out) : json_any(&r, &span);
    if (rc == 0) {
        rc = json_end(&r);
        if (schema)
            json_free(schema, &out);
    }
    snprintf(answer, size, "%s", rc < 0 ? json_error(&r) : "ok");
    json_release(&r);
    return rc;
}

static void faults_are_named_and_placed_as_serde_does(void **state)
{
    char answer[400];

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        read_text(cases[n].schema, cases[n].text, strlen(cases[n].text), answer,
                  sizeof(answer));
        if (strcmp(answer, cases[n].answer) != 0)
            fail_msg("case %zu, %s\n  said: %s\n  want: %s", n, cases[n].text,
                     answer, cases[n].answer);
    }
}

/* A text cut short at any byte is refused, or was whole already. */
static void every_cut_of_a_text_is_survived(void **state)
{
    char answer[400];

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        for (size_t len = 0; len < strlen(cases[n].text); len++) {
            char *exact = heap_alloc(len); /* the end is where it seems */

            assert_non_null(exact);
            memcpy(exact, cases[n].text, len);
            read_text(cases[n].schema, exact, len, answer, sizeof(answer));
            heap_free(exact);
        }
    }
}

static void every_failed_allocation_is_survived(void **state)
{
    static const char text[] =
        "{\"drives\": [{\"kernel_image_path\": \"a\"},"
        "{\"kernel_image_path\": \"b\"}], \"names\": [\"x\", \"y\"],"
        "\"x\": [[{}]], \"boot-source\": {\"kernel_image_path\": \"k\"}}";
    char answer[400];
    int rc = -1;
    long n;

    (void)state;
    for (n = 0; rc < 0; n++) {
        heap_fail_after(n);
        rc = read_text(VMM, text, strlen(text), answer, sizeof(answer));
        heap_fail_after(-1);
    }
    assert_true(n > 5);
    assert_string_equal(answer, "ok");
}

static void depth_is_bounded(void **state)
{
    char text[600], answer[200];

    (void)state;
    for (size_t depth = 120; depth < 300; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        read_text(VALUE, text, 2 * depth, answer, sizeof(answer));
        assert_string_equal(answer,
                            depth < JSON_MAX_DEPTH
                                ? "ok"
                                : "recursion limit exceeded at line 1 column "
                                  "128");
    }
}

/* What is ignored has no depth, and takes no stack either. */
static void ignored_values_may_be_deep(void **state)
{
    enum { DEPTH = 200000 };
    static const char head[] = "{\"x\": ";
    static const char tail[] =
        ", \"drives\": [], \"boot-source\": {\"kernel_image_path\": \"k\"}}";
    char *text = heap_alloc(2 * DEPTH + 200), answer[200];
    size_t len = strlen(head);

    (void)state;
    assert_non_null(text);
    memcpy(text, head, len);
    memset(text + len, '[', DEPTH);
    memset(text + len + DEPTH, ']', DEPTH);
    len += 2 * DEPTH;
    memcpy(text + len, tail, strlen(tail));
    len += strlen(tail);
    assert_int_equal(read_text(VMM, text, len, answer, sizeof(answer)), 0);
    heap_free(text);
}

static void values_arrive_in_the_struct(void **state)
{
    static const char text[] =
        "{\"vcpu_count\": 4, \"mem_size_mib\": 18446744073709551615,"
        "\"track_dirty_pages\": true, \"huge_pages\": \"Transparent\"}";
    struct machine_config m;
    struct err e;

    (void)state;
    assert_int_equal(
        json_parse(text, strlen(text), &machine_config_schema, &m, &e), 0);
    assert_int_equal(m.vcpu_count, 4);
    assert_true(m.mem_size_mib == UINT64_MAX);
    assert_false(m.smt);
    assert_true(m.track_dirty_pages);
    assert_int_equal(m.huge_pages, 1);
    assert_int_equal(m.cpu_template, CPU_TEMPLATE_NONE);
    assert_false(json_given(&machine_config_schema, &m,
                            offsetof(struct machine_config, cpu_template)));
    json_free(&machine_config_schema, &m);
}

static void strings_are_unescaped(void **state)
{
    static const char text[] =
        "{\"kernel_image_path\": \"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\n\","
        "\"boot_args\": null}";
    struct boot_source b;
    struct err e;

    (void)state;
    assert_int_equal(
        json_parse(text, strlen(text), &boot_source_schema, &b, &e), 0);
    assert_string_equal(b.kernel_image_path,
                        "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n");
    assert_null(b.boot_args);
    json_free(&boot_source_schema, &b);
}

static void a_string_with_a_nul_is_refused(void **state)
{
    static const char text[] = "{\"kernel_image_path\": \"a\\u0000b\"}";
    struct boot_source b;
    struct err e;

    (void)state;
    assert_true(json_parse(text, strlen(text), &boot_source_schema, &b, &e) <
                0);
    assert_string_equal(e.text, "NUL character in the value of "
                                "`kernel_image_path` at line 1 column 32");
}

static void a_long_text_keeps_its_place(void **state)
{
    char text[3000] = "{\"kernel_image_path\": \"k\", \"";
    struct boot_source b;
    struct err e;
    size_t len = strlen(text);

    (void)state;
    memset(text + len, 'y', 2500);
    memcpy(text + len + 2500, "\": 1}", 6);
    assert_true(json_parse(text, strlen(text), &boot_source_schema, &b, &e) <
                0);
    assert_true(strlen(e.text) < sizeof(e.text) - 190);
    assert_non_null(strstr(e.text, "... at line 1 column 2529"));
}

static void objects_are_written_compact(void **state)
{
    struct machine_config m = {.vcpu_count = 2,
                               .mem_size_mib = 1024,
                               .cpu_template = CPU_TEMPLATE_NONE};
    char path[] = "/a\"\\\x01\n\x7f", args[] = "console=ttyS0";
    struct boot_source b = {.kernel_image_path = path, .boot_args = args};
    struct buf out = {0};

    (void)state;
    b.given = 1 | 4;
    json_write(&out, &machine_config_schema, &m);
    assert_string_equal(buf_text(&out),
                        "{\"vcpu_count\":2,\"mem_size_mib\":1024,"
                        "\"smt\":false,\"track_dirty_pages\":false,"
                        "\"huge_pages\":\"None\"}");
    buf_clear(&out);
    json_write(&out, &boot_source_schema, &b);
    assert_string_equal(buf_text(&out),
                        "{\"kernel_image_path\":\"/a\\\"\\\\\\u0001\\n\x7f\","
                        "\"initrd_path\":null,"
                        "\"boot_args\":\"console=ttyS0\"}");
    buf_release(&out);
}

static void doubles_are_written_with_the_fewest_digits(void **state)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0.0, "0.0"},       {-0.0, "-0.0"},
        {1, "1.0"},         {-1.5, "-1.5"},
        {0.1, "0.1"},       {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},    {0.00001, "0.00001"},
        {0.000001, "1e-6"}, {1.25e-7, "1.25e-7"},
        {1e300, "1e+300"},  {123.456, "123.456"},
        {5e-324, "5e-324"},
    };
    struct buf out = {0};

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        buf_clear(&out);
        json_put_double(&out, rows[n].value);
        assert_string_equal(buf_text(&out), rows[n].text);
    }
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_named_and_placed_as_serde_does),
        cmocka_unit_test(every_cut_of_a_text_is_survived),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(ignored_values_may_be_deep),
        cmocka_unit_test(values_arrive_in_the_struct),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(a_string_with_a_nul_is_refused),
        cmocka_unit_test(a_long_text_keeps_its_place),
        cmocka_unit_test(objects_are_written_compact),
        cmocka_unit_test(doubles_are_written_with_the_fewest_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
