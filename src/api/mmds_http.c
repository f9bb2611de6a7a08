// SPDX-License-Identifier: Apache-2.0
/* The guest's requests to the MMDS. */

#include "api/mmds_http.h"

#include <string.h>
#include <strings.h>

#include "api/http.h"
#include "api/utf8.h"
#include "base/macros.h"
#include "base/metrics.h"

struct text {
    const char *at; /* borrowed from the request; NULL: not there */
    size_t len;
};

struct query {
    int method; /* enum http_method */
    bool is_http10;
    struct text uri;
    bool wants_json;
    struct text token;
    struct text ttl, ttl_name;
    struct text forwarded; /* the name of X-Forwarded-For, as it was written */
    uint32_t content_length;
};

struct reply {
    int status;
    const char *type;
    struct buf body;
    struct text ttl, ttl_name; /* echoed */
    bool allow;
};

static const char bad_request[] = "Invalid request.";

enum { LINE_MIN = sizeof("GET / HTTP/1.1") - 1 };

static void answer(struct reply *r, int status, const char *text)
{
    r->status = status;
    r->type = "text/plain";
    buf_clear(&r->body);
    buf_puts(&r->body, text);
}

/* What is no request is refused by the parser itself: in HTTP/1.1, whatever was
   asked, and with the type it gives all its responses. */
static bool refuse(struct query *q, struct reply *r, int status,
                   const char *text)
{
    q->is_http10 = false;
    answer(r, status, text);
    r->type = "application/json";
    return false;
}

/* ---- parsing ---- */

static bool text_is(struct text t, const char *s)
{
    return t.len == strlen(s) && memcmp(t.at, s, t.len) == 0;
}

static bool name_is(struct text t, const char *s)
{
    return t.len == strlen(s) && strncasecmp(t.at, s, t.len) == 0;
}

static struct text trim(struct text t)
{
    while (t.len && (*t.at == ' ' || (*t.at >= '\t' && *t.at <= '\r'))) {
        t.at++;
        t.len--;
    }
    while (t.len && (t.at[t.len - 1] == ' ' ||
                     (t.at[t.len - 1] >= '\t' && t.at[t.len - 1] <= '\r')))
        t.len--;
    return t;
}

/* Up to `end`, which is taken, too; false: it is not there. */
static bool cut(struct text *rest, const char *end, struct text *out)
{
    const char *at = memmem(rest->at, rest->len, end, strlen(end));

    if (!at)
        return false;
    *out = (struct text){rest->at, (size_t)(at - rest->at)};
    rest->len -= out->len + strlen(end);
    rest->at = at + strlen(end);
    return true;
}

static bool parse_u32(struct text t, uint32_t *out)
{
    uint64_t value = 0;
    size_t n = t.len && *t.at == '+';

    if (n == t.len)
        return false;
    for (; n < t.len; n++) {
        if (t.at[n] < '0' || t.at[n] > '9' || value > UINT32_MAX)
            return false;
        value = value * 10 + (uint64_t)(t.at[n] - '0');
    }
    *out = (uint32_t)value;
    return value <= UINT32_MAX;
}

static bool parse_header(struct query *q, struct text line, struct reply *r)
{
    struct text name, value = line;

    if (!cut(&value, ":", &name)) {
        refuse(q, r, 400, "Header is incorrectly formatted. Key: ");
        buf_put(&r->body, line.at, line.len);
        return false;
    }
    if (name_is(trim(name), "content-length")) {
        if (!parse_u32(trim(value), &q->content_length)) {
            refuse(q, r, 400, "Invalid value. Key:");
            buf_put(&r->body, name.at, name.len);
            buf_puts(&r->body, "; Value:");
            buf_put(&r->body, value.at, value.len);
            return false;
        }
    } else if (name_is(trim(name), "accept")) {
        q->wants_json = text_is(trim(value), "application/json");
    } else if (name_is(name, "x-metadata-token") ||
               name_is(name, "x-aws-ec2-metadata-token")) {
        q->token = trim(value);
    } else if (name_is(name, "x-metadata-token-ttl-seconds") ||
               name_is(name, "x-aws-ec2-metadata-token-ttl-seconds")) {
        q->ttl = trim(value);
        q->ttl_name = name;
    } else if (name_is(name, "x-forwarded-for")) {
        q->forwarded = name;
    }
    return true;
}

static bool parse_line(struct query *q, struct text line, struct reply *r)
{
    struct text method;

    if (line.len < LINE_MIN || !cut(&line, " ", &method) ||
        !cut(&line, " ", &q->uri))
        return refuse(q, r, 400, bad_request);
    for (q->method = HTTP_GET; q->method <= HTTP_DELETE; q->method++)
        if (text_is(method, http_method_name((enum http_method)q->method)))
            break;
    if (q->method > HTTP_DELETE)
        return refuse(q, r, 501, "Unsupported HTTP method.");
    if (!q->uri.len)
        return refuse(q, r, 400, "Empty URI not allowed.");
    if (!utf8_is_valid(q->uri.at, q->uri.len))
        return refuse(q, r, 400, "Cannot parse URI as UTF-8.");
    q->is_http10 = text_is(line, "HTTP/1.0");
    if (!q->is_http10 && !text_is(line, "HTTP/1.1"))
        return refuse(q, r, 501, "Unsupported HTTP version.");
    return true;
}

static bool parse(struct query *q, const char *request, size_t len,
                  struct reply *r)
{
    struct text rest = {request, len}, line;

    if (!memmem(request, len, "\r\n\r\n", 4) || !cut(&rest, "\r\n", &line))
        return refuse(q, r, 400, bad_request);
    if (!parse_line(q, line, r))
        return false;
    if (!utf8_is_valid(rest.at, rest.len))
        return refuse(q, r, 400, bad_request);
    while (cut(&rest, "\r\n", &line) && line.len)
        if (!parse_header(q, line, r))
            return false;
    if (q->content_length != rest.len ||
        (q->method == HTTP_GET && q->content_length))
        return refuse(q, r, 400, bad_request);
    return true;
}

/* ---- answering ---- */

/* The path in a URI; nothing, where there is none. */
static struct text path_of(struct text uri)
{
    static const char scheme[] = "http://";
    const size_t n = sizeof(scheme) - 1;

    if (uri.len >= n && memcmp(uri.at, scheme, n) == 0) {
        const char *slash = memchr(uri.at + n, '/', uri.len - n);

        uri.len = slash ? uri.len - (size_t)(slash - uri.at) : 0;
        uri.at = slash ? slash : "";
    }
    return uri;
}

/* With slashes in a row made one. */
static void put_path(struct buf *b, struct text path)
{
    for (size_t n = 0; n < path.len; n++)
        if (path.at[n] != '/' || n == 0 || path.at[n - 1] != '/')
            buf_putc(b, path.at[n]);
}

/* It is named as it was asked for. */
static void not_found(struct reply *r, const struct query *q)
{
    answer(r, 404, "Resource not found: ");
    buf_put(&r->body, q->uri.at, q->uri.len);
    buf_putc(&r->body, '.');
}

static void make_token(const struct mmds_service *s, const struct query *q,
                       uint64_t now_ms, struct reply *r)
{
    char token[MMDS_TOKEN_MAX + 1];
    uint32_t ttl;

    if (!q->ttl.at) {
        answer(r, 400,
               "Token time to live value not found. Use "
               "`X-metadata-token-ttl-seconds` or "
               "`X-aws-ec2-metadata-token-ttl-seconds` header to specify the "
               "token's lifetime.");
        return;
    }
    if (!parse_u32(q->ttl, &ttl)) {
        answer(r, 400, "Invalid header. Reason: Invalid value. Key:");
        buf_put(&r->body, q->ttl_name.at, q->ttl_name.len);
        buf_puts(&r->body, "; Value: ");
        buf_put(&r->body, q->ttl.at, q->ttl.len);
        return;
    }
    if (ttl < 1 || ttl > MMDS_TTL_MAX_S) {
        answer(r, 400, "Invalid time to live value provided for token: ");
        buf_printf(&r->body, "%u. Please provide a value between 1 and %d.",
                   ttl, MMDS_TTL_MAX_S);
        return;
    }
    mmds_token_make(s->tokens, ttl, now_ms, token);
    answer(r, 200, token);
    r->ttl = q->ttl;
    r->ttl_name = q->ttl_name;
}

static void answer_put(const struct mmds_service *s, const struct query *q,
                       const struct buf *path, uint64_t now_ms, struct reply *r)
{
    if (q->forwarded.at) {
        answer(r, 400,
               "Invalid header. Reason: Unsupported header name. "
               "Key: ");
        buf_put(&r->body, q->forwarded.at, q->forwarded.len);
        return;
    }
    if (strcmp(buf_text(path), "/latest/api/token") == 0)
        make_token(s, q, now_ms, r);
    else
        not_found(r, q);
}

/* V1 counts bad tokens, V2 turns them away. */
static bool may_read(const struct mmds_service *s, const struct query *q,
                     uint64_t now_ms, struct reply *r)
{
    bool is_v2 = s->version == MMDS_V2;

    if (!q->token.at) {
        metric_inc(&metrics.mmds.rx_no_token);
        if (is_v2)
            answer(r, 401,
                   "No MMDS token provided. Use `X-metadata-token` or "
                   "`X-aws-ec2-metadata-token` header to specify the session "
                   "token.");
        return !is_v2;
    }
    if (mmds_token_is_valid(s->tokens, q->token.at, q->token.len, now_ms))
        return true;
    metric_inc(&metrics.mmds.rx_invalid_token);
    if (is_v2)
        answer(r, 401, "MMDS token not valid.");
    return !is_v2;
}

static void answer_get(const struct mmds_service *s, const struct query *q,
                       const struct buf *path, uint64_t now_ms, struct reply *r)
{
    if (!may_read(s, q, now_ms, r))
        return;
    answer(r, 200, "");
    if (q->wants_json)
        r->type = "application/json";
    switch (mmds_get(s->store, buf_text(path), q->wants_json && !s->imds_compat,
                     &r->body)) {
    case MMDS_FOUND:
        break;
    case MMDS_NOT_FOUND:
        not_found(r, q);
        break;
    case MMDS_UNSUPPORTED:
        answer(r, 501,
               "Cannot retrieve value. The value has an unsupported type.");
        break;
    }
}

static void write_reply(const struct query *q, const struct reply *r,
                        struct buf *out)
{
    buf_printf(out,
               "HTTP/1.%d %d \r\nServer: Firecracker API\r\n"
               "Connection: keep-alive\r\n%s",
               q->is_http10 ? 0 : 1, r->status,
               r->allow ? "Allow: GET, PUT\r\n" : "");
    if (r->ttl.at) {
        buf_put(out, r->ttl_name.at, r->ttl_name.len);
        buf_puts(out, ": ");
        buf_put(out, r->ttl.at, r->ttl.len);
        buf_puts(out, "\r\n");
    }
    buf_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", r->type,
               r->body.len);
    buf_put(out, buf_text(&r->body), r->body.len);
}

void mmds_respond(const struct mmds_service *s, const char *request, size_t len,
                  uint64_t now_ms, struct buf *out)
{
    struct query q = {0};
    struct reply r = {0};
    struct buf path = {0};

    if (parse(&q, request, len, &r)) {
        q.uri = path_of(q.uri);
        put_path(&path, q.uri);
        if (!path.len) {
            answer(&r, 400, "Invalid URI.");
        } else if (q.method == HTTP_GET) {
            answer_get(s, &q, &path, now_ms, &r);
        } else if (q.method == HTTP_PUT) {
            answer_put(s, &q, &path, now_ms, &r);
        } else {
            answer(&r, 405, "Not allowed HTTP method.");
            r.allow = true;
        }
    }
    write_reply(&q, &r, out);
    buf_release(&path);
    buf_release(&r.body);
}
