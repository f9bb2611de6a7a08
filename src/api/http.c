// SPDX-License-Identifier: Apache-2.0
/* The request parser and the response writer. */

#include "api/http.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "api/utf8.h"
#include "base/heap.h"
#include "base/macros.h"

static const char *const methods[] = {
    [HTTP_GET] = "GET",
    [HTTP_PUT] = "PUT",
    [HTTP_PATCH] = "PATCH",
    [HTTP_DELETE] = "DELETE",
};

struct text {
    const char *at; /* borrowed */
    size_t len;
};

const char *http_method_name(enum http_method method)
{
    return methods[method];
}

/* ---- life ---- */

void http_request_free(struct http_request *req)
{
    if (!req)
        return;
    heap_free(req->path);
    buf_release(&req->body);
    heap_free(req);
}

void http_parser_init(struct http_parser *p, size_t max_body)
{
    memset(p, 0, sizeof(*p));
    p->max_body = max_body;
    p->end = &p->first;
}

struct http_request *http_next(struct http_parser *p)
{
    struct http_request *req = p->first;

    if (!req)
        return NULL;
    p->first = req->next;
    req->next = NULL;
    if (!p->first)
        p->end = &p->first;
    return req;
}

static void drop_complete(struct http_parser *p)
{
    struct http_request *req;

    while ((req = http_next(p)) != NULL)
        http_request_free(req);
}

void http_parser_release(struct http_parser *p)
{
    drop_complete(p);
    http_request_free(p->partly);
    p->partly = NULL;
    buf_release(&p->interim);
    buf_release(&p->fault);
}

/* ---- faults ---- */

/* The newline is a raw byte: upstream's bodies are not valid JSON here. */
static int fault(struct http_parser *p, const struct buf *why)
{
    struct buf body = {0};

    buf_puts(&body, "{ \"error\": \"");
    buf_put(&body, buf_text(why), why->len);
    buf_puts(&body, "\nAll previous unanswered requests will be dropped.\" }");
    drop_complete(p);
    buf_clear(&p->fault);
    http_respond(&p->fault, 400, false, buf_text(&body), body.len);
    buf_release(&body);
    return -EPROTO;
}

static int __attribute__((format(printf, 2, 3)))
fail(struct http_parser *p, const char *fmt, ...)
{
    struct buf why = {0};
    va_list ap;
    int rc;

    va_start(ap, fmt);
    buf_vprintf(&why, fmt, ap);
    va_end(ap);
    rc = fault(p, &why);
    buf_release(&why);
    return rc;
}

/* ---- the request line ---- */

static bool text_is(struct text t, const char *s)
{
    return t.len == strlen(s) && memcmp(t.at, s, t.len) == 0;
}

/* Cuts `rest` at its first space; false: there is none. */
static bool cut_word(struct text *rest, struct text *word)
{
    const char *space = memchr(rest->at, ' ', rest->len);

    if (!space)
        return false;
    *word = (struct text){rest->at, (size_t)(space - rest->at)};
    rest->at = space + 1;
    rest->len -= word->len + 1;
    return true;
}

/* The path of `/path` or `http://host/path`; of anything else, nothing. */
static struct text path_of(struct text uri)
{
    static const char scheme[] = "http://";
    const size_t n = sizeof(scheme) - 1;
    const char *slash;

    if (uri.len >= n && memcmp(uri.at, scheme, n) == 0) {
        slash = memchr(uri.at + n, '/', uri.len - n);
        if (!slash)
            return (struct text){"", 0};
        return (struct text){slash, uri.len - (size_t)(slash - uri.at)};
    }
    return *uri.at == '/' ? uri : (struct text){"", 0};
}

static char *copy_text(struct text t)
{
    char *s = heap_alloc(t.len + 1);

    if (!s)
        return NULL;
    memcpy(s, t.at, t.len);
    s[t.len] = 0;
    return s;
}

static int start_request(struct http_parser *p, enum http_method method,
                         struct text uri, bool is_http10)
{
    struct http_request *req = heap_zalloc(sizeof(*req));

    if (!req || !(req->path = copy_text(path_of(uri)))) {
        http_request_free(req);
        return fail(p, "out of memory");
    }
    req->method = method;
    req->is_http10 = is_http10;
    http_request_free(p->partly);
    p->partly = req;
    p->state = HTTP_HEADERS;
    return 0;
}

static int parse_line(struct http_parser *p, struct text line)
{
    struct text method, uri;
    size_t m = 0;

    if (!cut_word(&line, &method) || !cut_word(&line, &uri))
        return fail(p, "Invalid request.");
    while (m < ARRAY_LEN(methods) && !text_is(method, methods[m]))
        m++;
    if (m == ARRAY_LEN(methods))
        return fail(p, "Invalid HTTP Method: Unsupported HTTP method.");
    if (uri.len == 0)
        return fail(p, "Invalid URI: Empty URI not allowed.");
    if (!utf8_is_valid(uri.at, uri.len))
        return fail(p, "Invalid URI: Cannot parse URI as UTF-8.");
    if (!text_is(line, "HTTP/1.1") && !text_is(line, "HTTP/1.0"))
        return fail(p, "Invalid HTTP Version: Unsupported HTTP version.");
    return start_request(p, (enum http_method)m, uri,
                         text_is(line, "HTTP/1.0"));
}

/* ---- headers ---- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct text trim(struct text t)
{
    while (t.len && is_space(t.at[0])) {
        t.at++;
        t.len--;
    }
    while (t.len && is_space(t.at[t.len - 1]))
        t.len--;
    return t;
}

static bool name_is(struct text t, const char *name)
{
    return t.len == strlen(name) && strncasecmp(t.at, name, t.len) == 0;
}

/* As Rust's parse::<u32>(): a plus sign is fine, spaces are not. */
static bool parse_u32(struct text t, uint32_t *out)
{
    uint64_t value = 0;
    size_t n = t.len && t.at[0] == '+';

    if (n == t.len)
        return false;
    for (; n < t.len; n++) {
        if (t.at[n] < '0' || t.at[n] > '9')
            return false;
        value = value * 10 + (uint64_t)(t.at[n] - '0');
        if (value > UINT32_MAX)
            return false;
    }
    *out = (uint32_t)value;
    return true;
}

static int bad_value(struct http_parser *p, struct text name, struct text value)
{
    struct buf why = {0};
    int rc;

    buf_puts(&why, "Invalid header. Reason: Invalid value. Key:");
    buf_put(&why, name.at, name.len);
    buf_puts(&why, "; Value:");
    buf_put(&why, value.at, value.len);
    rc = fault(p, &why);
    buf_release(&why);
    return rc;
}

static bool contains(struct text t, const char *word)
{
    return memmem(t.at, t.len, word, strlen(word)) != NULL;
}

/* We send nothing but identity: a client that forbids it is turned away. */
static int parse_accept_encoding(struct http_parser *p, struct text value)
{
    const struct text name = {"Accept-Encoding", 15};
    struct text rest = value;

    if (value.len == 0)
        return fail(p, "Invalid request.");
    for (;;) {
        const char *comma = memchr(rest.at, ',', rest.len);
        struct text one = {rest.at,
                           comma ? (size_t)(comma - rest.at) : rest.len};
        struct text word = trim(one);

        if (text_is(word, "identity;q=0") ||
            (text_is(word, "*;q=0") && !contains(value, "identity")))
            return bad_value(p, name, one);
        if (!comma)
            return 0;
        rest.at = comma + 1;
        rest.len -= one.len + 1;
    }
}

/* The few headers that mean something; values that are not known and headers
   that are not known are passed over. */
static int parse_known(struct http_parser *p, struct text name,
                       struct text value)
{
    struct text key = trim(name), word = trim(value);

    if (name_is(key, "content-length")) {
        if (!parse_u32(word, &p->partly->content_length))
            return bad_value(p, name, value);
    } else if (name_is(key, "expect")) {
        if (text_is(word, "100-continue"))
            p->partly->expects_continue = true;
    } else if (name_is(key, "accept-encoding")) {
        return parse_accept_encoding(p, word);
    }
    return 0;
}

static int parse_header(struct http_parser *p, struct text line)
{
    struct utf8_fault where;
    const char *colon;
    struct text name;

    if (!utf8_check(line.at, line.len, &where))
        return where.bytes
                   ? fail(p,
                          "Invalid header. Reason: Header contains invalid "
                          "characters. Key: invalid utf-8 sequence of %u bytes "
                          "from index %zu",
                          where.bytes, where.at)
                   : fail(p,
                          "Invalid header. Reason: Header contains invalid "
                          "characters. Key: incomplete utf-8 byte sequence "
                          "from index %zu",
                          where.at);
    colon = memchr(line.at, ':', line.len);
    if (!colon) {
        struct buf why = {0};
        int rc;

        buf_puts(&why, "Invalid header. Reason: Header is incorrectly "
                       "formatted. Key: ");
        buf_put(&why, line.at, line.len);
        rc = fault(p, &why);
        buf_release(&why);
        return rc;
    }
    name = (struct text){line.at, (size_t)(colon - line.at)};
    return parse_known(p, name,
                       (struct text){colon + 1, line.len - name.len - 1});
}

static void finish_request(struct http_parser *p)
{
    *p->end = p->partly;
    p->end = &p->partly->next;
    p->partly = NULL;
    p->state = HTTP_LINE;
}

static int end_headers(struct http_parser *p)
{
    struct http_request *req = p->partly;

    if (req->content_length == 0) {
        finish_request(p);
        return 0;
    }
    if (req->content_length > p->max_body)
        return fail(p,
                    "Request payload with size %u is larger than the limit of "
                    "%zu allowed by server.",
                    req->content_length, p->max_body);
    if (req->expects_continue)
        buf_printf(&p->interim,
                   "HTTP/1.%d 100 \r\nServer: Firecracker API\r\n"
                   "Connection: keep-alive\r\n\r\n",
                   req->is_http10 ? 0 : 1);
    req->has_body = true;
    p->body_left = req->content_length;
    p->state = HTTP_BODY;
    return 0;
}

/* ---- bytes ---- */

char *http_room(struct http_parser *p, size_t *bytes)
{
    *bytes = sizeof(p->room) - p->kept;
    return p->room + p->kept;
}

static int too_long(struct http_parser *p)
{
    struct buf why = {0};
    int rc;

    if (p->state == HTTP_LINE)
        return fail(p, "Invalid request.");
    buf_puts(&why, "Invalid header. Reason: Invalid content length. Header: ");
    utf8_put_lossy(&why, p->room, sizeof(p->room));
    rc = fault(p, &why);
    buf_release(&why);
    return rc;
}

/* One line from *at on; 1: there was one, 0: wait for more. */
static int take_line(struct http_parser *p, size_t *at, size_t end)
{
    const char *eol = memmem(p->room + *at, end - *at, "\r\n", 2);
    struct text line = {p->room + *at, 0};
    int rc;

    if (!eol) {
        if (*at == 0 && end == sizeof(p->room))
            return too_long(p);
        p->kept = end - *at;
        memmove(p->room, p->room + *at, p->kept);
        return 0;
    }
    line.len = (size_t)(eol - line.at);
    *at += line.len + 2;
    if (p->state == HTTP_LINE)
        rc = parse_line(p, line);
    else
        rc = line.len ? parse_header(p, line) : end_headers(p);
    return rc < 0 ? rc : 1;
}

static int take_body(struct http_parser *p, size_t *at, size_t end)
{
    size_t bytes = MIN(end - *at, p->body_left);

    if (buf_put(&p->partly->body, p->room + *at, bytes) < 0)
        return fail(p, "out of memory");
    *at += bytes;
    p->body_left -= (uint32_t)bytes;
    if (p->body_left) {
        p->kept = 0;
        return 0;
    }
    finish_request(p);
    return 1;
}

int http_parse(struct http_parser *p, size_t bytes)
{
    size_t at = 0, end = p->kept + bytes;
    int rc;

    check(end <= sizeof(p->room));
    do
        rc = p->state == HTTP_BODY ? take_body(p, &at, end)
                                   : take_line(p, &at, end);
    while (rc > 0);
    return rc;
}

/* ---- responses ---- */

/* The space after the code stands where a reason would. */
void http_respond(struct buf *out, int status, bool deprecated,
                  const char *body, size_t len)
{
    buf_printf(out,
               "HTTP/1.1 %d \r\nServer: Firecracker API\r\n"
               "Connection: keep-alive\r\n%s",
               status, deprecated ? "Deprecation: true\r\n" : "");
    if (body)
        buf_printf(out,
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                   len);
    buf_puts(out, "\r\n");
    if (body)
        buf_put(out, body, len);
}
