// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * HTTP/1.x as Firecracker's server speaks it, byte for byte: requests out of
 * what was read, in pieces as they come, and responses into bytes. No I/O.
 *
 * Bytes are read into http_room, at most 1024 less what is kept of a line that
 * is not complete; no line is longer than that. What upstream does after an
 * error is kept, too: the bytes read last are gone, what the parser was in (a
 * header, say) it stays in.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum http_method { HTTP_GET, HTTP_PUT, HTTP_PATCH, HTTP_DELETE };

enum { HTTP_READ_MAX = 1024 };

struct http_request {
    enum http_method method;
    bool is_http10;
    char *path; /* owned; "" where upstream finds none */
    bool has_body;
    struct buf body;
    struct http_request *next;

    /* What the headers said. */
    uint32_t content_length;
    bool expects_continue;
};

void http_request_free(struct http_request *req); /* takes NULL; not the next */

enum http_state { HTTP_LINE, HTTP_HEADERS, HTTP_BODY };

struct http_parser {
    size_t max_body;
    enum http_state state;
    char room[HTTP_READ_MAX];
    size_t kept;                 /* of a line whose end has not come */
    struct http_request *partly; /* owned */
    uint32_t body_left;
    struct http_request *first, **end; /* owned: complete ones, in order */
    struct buf interim;                /* responses of 100, to be sent now */
    struct buf fault;                  /* a whole response that says why */
};

void http_parser_init(struct http_parser *p, size_t max_body);
void http_parser_release(struct http_parser *p);

/* Where to put at least one byte. */
char *http_room(struct http_parser *p, size_t *bytes);

/* So many bytes were put there: 0, or -EPROTO: the requests of these bytes are
   dropped and `fault` is to be sent. */
int http_parse(struct http_parser *p, size_t bytes);

/* The next complete request, the caller's from now on; NULL: none. */
struct http_request *http_next(struct http_parser *p);

const char *http_method_name(enum http_method method); /* "GET" */

/* Appends a response; body NULL: none, which is right for 204 alone. */
void http_respond(struct buf *out, int status, bool deprecated,
                  const char *body, size_t len);
