// SPDX-License-Identifier: Apache-2.0
/* The HTTP parser, one read at a time. tests/api has the bytes of whole
   exchanges; here are the places where reads end. */

#include "api/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"

/* As a socket gives bytes: never more than there is room for. */
static int feed(struct http_parser *p, const char *text, size_t len)
{
    while (len) {
        size_t room;
        char *at = http_room(p, &room);
        size_t bytes = len < room ? len : room;

        assert_true(room > 0);
        memcpy(at, text, bytes);
        if (http_parse(p, bytes) < 0)
            return -1;
        text += bytes;
        len -= bytes;
    }
    return 0;
}

static int feed_text(struct http_parser *p, const char *text)
{
    return feed(p, text, strlen(text));
}

static void expect_request(struct http_parser *p, enum http_method method,
                           const char *path, const char *body)
{
    struct http_request *req = http_next(p);

    assert_non_null(req);
    assert_int_equal(req->method, method);
    assert_string_equal(req->path, path);
    assert_int_equal(req->has_body, body != NULL);
    if (body)
        assert_string_equal(buf_text(&req->body), body);
    http_request_free(req);
}

static const char two[] = "PUT /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
                          "GET http://host/b HTTP/1.0\r\nX: y\r\n\r\n";

static void reads_may_end_anywhere(void **state)
{
    const size_t len = sizeof(two) - 1;

    (void)state;
    for (size_t at = 1; at < len; at++) {
        struct http_parser p;

        http_parser_init(&p, 100);
        assert_int_equal(feed(&p, two, at), 0);
        assert_int_equal(feed(&p, two + at, len - at), 0);
        expect_request(&p, HTTP_PUT, "/a", "abc");
        expect_request(&p, HTTP_GET, "/b", NULL);
        assert_null(http_next(&p));
        http_parser_release(&p);
    }
}

static void a_line_may_have_1022_bytes(void **state)
{
    char line[1100] = "GET /";
    struct http_parser p;

    (void)state;
    memset(line + 5, 'x', sizeof(line) - 5);
    memcpy(line + 1022 - 9, " HTTP/1.1\r\n\r\n", 13);
    http_parser_init(&p, 100);
    assert_int_equal(feed(&p, line, 1026), 0);
    assert_non_null(p.first);
    http_parser_release(&p);

    memset(line + 5, 'x', sizeof(line) - 5);
    memcpy(line + 1023 - 9, " HTTP/1.1\r\n\r\n", 13);
    http_parser_init(&p, 100);
    assert_int_equal(feed(&p, line, 1027), -1);
    assert_non_null(strstr(buf_text(&p.fault), "Invalid request."));
    http_parser_release(&p);
}

static void what_was_read_with_an_error_is_gone(void **state)
{
    struct http_parser p;

    (void)state;
    http_parser_init(&p, 100);
    assert_int_equal(feed_text(&p, "GET /kept HTTP/1.1\r\n\r\nGE"), 0);
    expect_request(&p, HTTP_GET, "/kept", NULL);
    assert_int_equal(feed_text(&p, "T /x HTTP/9\r\nGET /lost"), -1);
    /* The "GE" of the read before is still there. */
    assert_int_equal(feed_text(&p, "T /next HTTP/1.1\r\n\r\n"), 0);
    expect_request(&p, HTTP_GET, "/next", NULL);
    http_parser_release(&p);
}

static void a_body_at_the_limit_is_taken(void **state)
{
    struct http_parser p;

    (void)state;
    http_parser_init(&p, 3);
    assert_int_equal(
        feed_text(&p, "PUT /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"), 0);
    expect_request(&p, HTTP_PUT, "/a", "abc");
    assert_int_equal(
        feed_text(&p, "PUT /a HTTP/1.1\r\nContent-Length: 4\r\n\r\n"), -1);
    assert_non_null(
        strstr(buf_text(&p.fault),
               "payload with size 4 is larger than the limit of 3"));
    http_parser_release(&p);
}

static void only_204_has_no_length(void **state)
{
    struct buf b = {0};

    (void)state;
    http_respond(&b, 204, true, NULL, 0);
    assert_string_equal(buf_text(&b),
                        "HTTP/1.1 204 \r\nServer: Firecracker API\r\n"
                        "Connection: keep-alive\r\nDeprecation: true\r\n\r\n");
    buf_clear(&b);
    http_respond(&b, 500, false, "", 0);
    assert_string_equal(buf_text(&b),
                        "HTTP/1.1 500 \r\nServer: Firecracker API\r\n"
                        "Connection: keep-alive\r\n"
                        "Content-Type: application/json\r\n"
                        "Content-Length: 0\r\n\r\n");
    buf_release(&b);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    for (long n = 0; n < 40; n++) {
        struct http_parser p;
        struct http_request *req;

        http_parser_init(&p, 100);
        heap_fail_after(n);
        feed_text(&p, two);
        while ((req = http_next(&p)) != NULL)
            http_request_free(req);
        heap_fail_after(-1);
        http_parser_release(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_may_end_anywhere),
        cmocka_unit_test(a_line_may_have_1022_bytes),
        cmocka_unit_test(what_was_read_with_an_error_is_gone),
        cmocka_unit_test(a_body_at_the_limit_is_taken),
        cmocka_unit_test(only_204_has_no_length),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
