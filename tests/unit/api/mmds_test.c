// SPDX-License-Identifier: Apache-2.0
/* The MMDS: its data, its tokens, and what a guest's requests come to. */

#include "api/mmds_http.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char data[] =
    "{\"latest\": {\"meta-data\": {\"ami-id\": \"ami-1\", \"n\": 5,"
    "\"list\": [\"x\", {\"y\": 1}], \"a/b\": \"slash\"}}, \"2019\": {},"
    "\"role\": \"{}\"}";

static struct mmds_store *store(void)
{
    struct err e;
    struct mmds_store *m = mmds_new(1000, &e);

    assert_non_null(m);
    assert_int_equal(mmds_put(m, data, sizeof(data) - 1, &e), 0);
    return m;
}

static void expect_get(struct mmds_store *m, const char *path, bool as_json,
                       enum mmds_found want, const char *text)
{
    struct buf b = {0};

    assert_int_equal(mmds_get(m, path, as_json, &b), want);
    assert_string_equal(buf_text(&b), text);
    buf_release(&b);
}

static void values_are_found_by_path(void **state)
{
    struct mmds_store *m = store();

    (void)state;
    expect_get(m, "/", false, MMDS_FOUND, "2019/\nlatest/\nrole");
    expect_get(m, "/latest/", false, MMDS_FOUND, "meta-data/");
    expect_get(m, "//latest///meta-data/ami-id", false, MMDS_FOUND, "ami-1");
    expect_get(m, "/latest/meta-data/ami-id", true, MMDS_FOUND, "\"ami-1\"");
    expect_get(m, "/latest/meta-data/n", false, MMDS_UNSUPPORTED, "");
    expect_get(m, "/latest/meta-data/n", true, MMDS_FOUND, "5");
    expect_get(m, "/latest/meta-data/list/1/y", true, MMDS_FOUND, "1");
    expect_get(m, "/latest/meta-data/list/01", true, MMDS_NOT_FOUND, "");
    expect_get(m, "/latest/meta-data/a~1b", false, MMDS_FOUND, "slash");
    expect_get(m, "/role", false, MMDS_FOUND, "{}");
    expect_get(m, "/role/x", false, MMDS_NOT_FOUND, "");
    mmds_free(m);
}

/* RFC 7396, appendix A. */
static void merging_is_the_rfcs(void **state)
{
    static const char *const cases[][3] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}",
         "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"a\":1,\"e\":null}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    };

    (void)state;
    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        struct err e;
        struct mmds_store *m = mmds_new(1000, &e);
        struct buf b = {0};

        mmds_put(m, cases[n][0], strlen(cases[n][0]), &e);
        assert_int_equal(mmds_patch(m, cases[n][1], strlen(cases[n][1]), &e),
                         0);
        mmds_write(m, &b);
        assert_string_equal(buf_text(&b), cases[n][2]);
        buf_release(&b);
        mmds_free(m);
    }
}

static void what_does_not_fit_changes_nothing(void **state)
{
    struct err e;
    struct mmds_store *m = mmds_new(10, &e);
    struct buf b = {0};

    (void)state;
    assert_int_equal(mmds_patch(m, "{}", 2, &e), -ENODATA);
    assert_int_equal(mmds_put(m, "{ \"a\" : 12345 }", 15, &e), -E2BIG);
    assert_int_equal(mmds_put(m, "{ \"a\" : 1234 }", 14, &e), 0);
    assert_int_equal(mmds_patch(m, "{\"b\":1}", 7, &e), -E2BIG);
    mmds_write(m, &b);
    assert_string_equal(buf_text(&b), "{\"a\":1234}");
    buf_release(&b);
    mmds_free(m);
}

static void a_token_is_good_for_its_time_and_its_microvm(void **state)
{
    struct mmds_tokens *a = mmds_tokens_new("a"), *b = mmds_tokens_new("b");
    char text[MMDS_TOKEN_MAX + 1];
    size_t len;

    (void)state;
    mmds_token_make(a, 10, 5000, text);
    len = strlen(text);
    assert_true(mmds_token_is_valid(a, text, len, 5000));
    assert_true(mmds_token_is_valid(a, text, len, 14999));
    assert_false(mmds_token_is_valid(a, text, len, 15000));
    assert_false(mmds_token_is_valid(b, text, len, 5000));
    assert_false(mmds_token_is_valid(a, text, len - 1, 5000));
    text[len / 2] = text[len / 2] == 'A' ? 'B' : 'A';
    assert_false(mmds_token_is_valid(a, text, len, 5000));
    text[0] = '*';
    assert_false(mmds_token_is_valid(a, text, len, 5000));
    mmds_tokens_free(a);
    mmds_tokens_free(b);
}

struct guest {
    struct mmds_service s;
    struct mmds_tokens *tokens;
    struct buf out;
};

static void guest_init(struct guest *g, enum mmds_version version)
{
    memset(g, 0, sizeof(*g));
    g->tokens = mmds_tokens_new("x");
    g->s.store = store();
    g->s.tokens = g->tokens;
    g->s.version = version;
}

static void guest_release(struct guest *g)
{
    mmds_free(g->s.store);
    mmds_tokens_free(g->tokens);
    buf_release(&g->out);
}

/* The response's status and body: "404 text". */
static const char *ask(struct guest *g, const char *request)
{
    static char answer[600];
    const char *body;

    buf_clear(&g->out);
    mmds_respond(&g->s, request, strlen(request), 1000, &g->out);
    body = strstr(buf_text(&g->out), "\r\n\r\n");
    assert_non_null(body);
    snprintf(answer, sizeof(answer), "%.3s %s", buf_text(&g->out) + 9,
             body + 4);
    return answer;
}

static void requests_have_upstreams_answers(void **state)
{
    static const char *const cases[][2] = {
        {"GET /latest/meta-data/ami-id HTTP/1.1\r\n\r\n", "200 ami-1"},
        {"GET /latest/meta-data HTTP/1.0\r\nAccept: */*\r\n\r\n",
         "200 a/b\nami-id\nlist\nn"},
        {"GET /role HTTP/1.1\r\nAccept: application/json\r\n\r\n",
         "200 \"{}\""},
        {"GET /none HTTP/1.1\r\n\r\n", "404 Resource not found: /none."},
        {"GET //a//b HTTP/1.1\r\n\r\n", "404 Resource not found: //a//b."},
        {"GET /latest/meta-data/n HTTP/1.1\r\n\r\n",
         "501 Cannot retrieve value. The value has an unsupported type."},
        {"GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
         "400 Invalid request."},
        {"GET http://h HTTP/1.1\r\n\r\n", "400 Invalid URI."},
        {"PUT http://h HTTP/1.1\r\n\r\n", "400 Invalid URI."},
        {"PATCH http:// HTTP/1.1\r\n\r\n", "400 Invalid URI."},
        {"nonsense", "400 Invalid request."},
        {"PATCH / HTTP/1.1\r\n\r\n", "405 Not allowed HTTP method."},
        {"POST / HTTP/1.1\r\n\r\n", "501 Unsupported HTTP method."},
        {"GET / HTTP/2.0\r\n\r\n", "501 Unsupported HTTP version."},
        {"GET / HTTP/3\r\n\r\n", "400 Invalid request."},
        {"GET  HTTP/1.1\r\n\r\n", "400 Invalid request."},
        {"PATCH  HTTP/1.1\r\n\r\n", "400 Empty URI not allowed."},
        {"GET /\xff HTTP/1.1\r\n\r\n", "400 Cannot parse URI as UTF-8."},
        {"GET / HTTP/1.1\r\nA\r\n\r\n",
         "400 Header is incorrectly formatted. Key: A"},
        {"GET / HTTP/1.1\r\nA: \xff\r\n\r\n", "400 Invalid request."},
        {"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
         "400 Invalid value. Key:Content-Length; Value: x"},
        {"PUT /latest/x HTTP/1.1\r\n\r\n",
         "404 Resource not found: /latest/x."},
        {"PUT /latest/x HTTP/1.1\r\nx-forwarded-FOR: me\r\n\r\n",
         "400 Invalid header. Reason: Unsupported header name. Key: "
         "x-forwarded-FOR"},
        {"PUT /latest/api/token HTTP/1.1\r\n\r\n",
         "400 Token time to live value not found. Use "
         "`X-metadata-token-ttl-seconds` or "
         "`X-aws-ec2-metadata-token-ttl-seconds` header to specify the "
         "token's lifetime."},
        {"PUT /latest/api/token HTTP/1.1\r\n"
         "X-metadata-token-ttl-seconds: 0\r\n\r\n",
         "400 Invalid time to live value provided for token: 0. Please provide "
         "a value between 1 and 21600."},
        {"PUT /latest/api/token HTTP/1.1\r\n"
         "X-metadata-token-ttl-seconds: ten\r\n\r\n",
         "400 Invalid header. Reason: Invalid value. "
         "Key:X-metadata-token-ttl-seconds; Value: ten"},
    };
    struct guest g;

    (void)state;
    guest_init(&g, MMDS_V1);
    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++)
        assert_string_equal(ask(&g, cases[n][0]), cases[n][1]);
    ask(&g, "DELETE / HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(buf_text(&g.out), "\r\nAllow: GET, PUT\r\n"));
    assert_int_equal(strncmp(buf_text(&g.out), "HTTP/1.0 405 \r\n", 15), 0);
    assert_non_null(strstr(buf_text(&g.out), "\r\nContent-Type: text/plain"));
    ask(&g, "POST /some/where HTTP/1.0\r\n\r\n");
    assert_int_equal(strncmp(buf_text(&g.out), "HTTP/1.1 501 \r\n", 15), 0);
    assert_non_null(
        strstr(buf_text(&g.out), "\r\nContent-Type: application/json"));
    guest_release(&g);
}

static void version_two_wants_a_token(void **state)
{
    char request[300], token[100];
    struct guest g;

    (void)state;
    guest_init(&g, MMDS_V2);
    assert_string_equal(
        ask(&g, "GET /role HTTP/1.1\r\n\r\n"),
        "401 No MMDS token provided. Use `X-metadata-token` or "
        "`X-aws-ec2-metadata-token` header to specify the session token.");
    assert_string_equal(
        ask(&g, "GET /role HTTP/1.1\r\nX-metadata-token: bad\r\n\r\n"),
        "401 MMDS token not valid.");
    snprintf(token, sizeof(token), "%s",
             ask(&g, "PUT /latest/api/token HTTP/1.1\r\n"
                     "x-AWS-ec2-metadata-token-ttl-seconds: 60\r\n\r\n") +
                 4);
    assert_non_null(strstr(buf_text(&g.out),
                           "\r\nx-AWS-ec2-metadata-token-ttl-seconds: 60\r\n"));
    assert_non_null(strstr(buf_text(&g.out), "Content-Type: text/plain\r\n"));
    snprintf(request, sizeof(request),
             "GET /role HTTP/1.1\r\nX-aws-ec2-metadata-token: %s\r\n\r\n",
             token);
    assert_string_equal(ask(&g, request), "200 {}");
    guest_release(&g);
}

static void imds_compat_changes_the_body_alone(void **state)
{
    struct guest g;

    (void)state;
    guest_init(&g, MMDS_V1);
    g.s.imds_compat = true;
    assert_string_equal(ask(&g, "GET /role HTTP/1.1\r\n"
                                "Accept: application/json\r\n\r\n"),
                        "200 {}");
    assert_non_null(
        strstr(buf_text(&g.out), "Content-Type: application/json\r\n"));
    guest_release(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_by_path),
        cmocka_unit_test(merging_is_the_rfcs),
        cmocka_unit_test(what_does_not_fit_changes_nothing),
        cmocka_unit_test(a_token_is_good_for_its_time_and_its_microvm),
        cmocka_unit_test(requests_have_upstreams_answers),
        cmocka_unit_test(version_two_wants_a_token),
        cmocka_unit_test(imds_compat_changes_the_body_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
