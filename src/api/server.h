// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The API's socket and its thread, fc_api: 10 connections, requests in, answers
 * out, in order on each connection. What the requests mean is the caller's: an
 * answer is given at once, on this thread, or later from any thread.
 */

#include <stddef.h>

#include "api/http.h"
#include "base/err.h"

struct server;
struct server_conn;

/* A request whose answer comes later. Embedded in the caller's own; the server
   uses the fields. */
struct server_call {
    struct server_call *next;
    struct server_conn *conn;
};

struct server_config {
    size_t max_body;

    /* On the server's thread. Takes `req`. Appends the answer to `out` and
       returns NULL, or returns the call that will be answered. */
    struct server_call *(*serve)(void *ctx, struct http_request *req,
                                 struct buf *out);
    /* On the server's thread, after server_done: appends the answer to `out`,
       frees the call. */
    void (*finish)(void *ctx, struct server_call *call, struct buf *out);
    void *ctx; /* borrowed */
};

/* Binds the socket: the fd, or a negative errno. The socket is its owner's
   alone (0600). A file that is there is left alone, and the sentence says
   whether somebody listens. */
int server_bind(const char *path, struct err *e);

/* Takes the fd, also on failure. */
struct server *server_new(int fd, const struct server_config *cfg,
                          struct err *e);

/* Writes the answers that are there (waits for slow readers for a second at
   most) and ends the thread. Calls not done by now must not be done later.
   Takes NULL. */
void server_free(struct server *s);

/* Any thread. */
void server_done(struct server *s, struct server_call *call);
