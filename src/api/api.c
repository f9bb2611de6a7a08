// SPDX-License-Identifier: Apache-2.0
/* The control plane between its two threads: from a request to its answer. */

#include "api/api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/api_impl.h"
#include "api/device_schemas.h"
#include "api/utf8.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/macros.h"
#include "host/host.h"

/* ---- calls ---- */

void call_free(struct api_call *call)
{
    if (!call)
        return;
    if (call->given)
        json_free(call->route->schema, call->given);
    heap_free(call->given);
    heap_free(call->id);
    buf_release(&call->body);
    buf_release(&call->answer);
    buf_release(&call->refusal);
    heap_free(call);
}

static const char *why(const struct api_call *call)
{
    return call->refusal.len ? buf_text(&call->refusal) : call->error.text;
}

static void put_fault(struct api_call *call, int rc)
{
    call->status = rc == -E2BIG ? 413 : 400;
    buf_clear(&call->answer);
    buf_puts(&call->answer, "{\"fault_message\":");
    json_put_string(&call->answer, why(call), strlen(why(call)));
    buf_putc(&call->answer, '}');
}

static void put_outcome(struct api_call *call, int rc)
{
    if (rc < 0)
        put_fault(call, rc);
    else
        call->status = call->answer.len ? 200 : 204;
}

/* ---- the log, in the words its readers look for ---- */

static const char *debug_name(enum http_method method)
{
    static const char *const names[] = {[HTTP_GET] = "Get",
                                        [HTTP_PUT] = "Put",
                                        [HTTP_PATCH] = "Patch",
                                        [HTTP_DELETE] = "Delete"};

    return names[method];
}

/* What the guest may read, and what is long, is not written down. */
static void log_request(const struct http_request *req)
{
    struct buf b = {0};

    buf_printf(&b, "%s request on ", debug_name(req->method));
    utf8_put_debug(&b, req->path, strlen(req->path));
    if (req->has_body && strcmp(req->path, "/cpu-config") == 0 &&
        !log_enabled(LOG_DEBUG)) {
        buf_puts(&b, ". To view the CPU template received by the API, "
                     "configure log-level to DEBUG");
    } else if (req->has_body && strcmp(req->path, "/mmds") != 0) {
        buf_puts(&b, " with body ");
        if (utf8_is_valid(buf_text(&req->body), req->body.len))
            utf8_put_debug(&b, buf_text(&req->body), req->body.len);
        else
            buf_puts(&b, "\"inconvertible to UTF-8\"");
    }
    log_info("The API server received a %s.", buf_text(&b));
    buf_release(&b);
}

static void log_outcome(const struct api_call *call)
{
    switch (call->status) {
    case 200:
        log_info("The request was executed successfully. Status code: 200 "
                 "OK.");
        break;
    case 204:
        log_info("The request was executed successfully. Status code: 204 No "
                 "Content.");
        break;
    case 413:
        log_error("Received Error. Status code: 413 Payload too large. "
                  "Message: %s",
                  why(call));
        break;
    default:
        log_error("Received Error. Status code: 400 Bad Request. Message: %s",
                  why(call));
        break;
    }
}

/* The long ones are counted and said. */
static void note_latency(const struct api_call *call, uint64_t us)
{
    struct metric *metric = NULL;
    const char *name = NULL;

    if (!call->route || !call->given)
        return;
    if (call->route->schema == &vm_update_schema) {
        const struct vm_update *u = call->given;

        name = u->state == VM_STATE_PAUSED ? "pause vm" : "resume vm";
        metric = u->state == VM_STATE_PAUSED ? &metrics.latencies_us.pause_vm
                                             : &metrics.latencies_us.resume_vm;
    } else if (call->route->schema == &snapshot_load_schema) {
        name = "load snapshot";
        metric = &metrics.latencies_us.load_snapshot;
    } else if (call->route->schema == &snapshot_create_schema) {
        const struct snapshot_create *c = call->given;

        name = c->type ? "create full snapshot" : "create diff snapshot";
        metric = c->type ? &metrics.latencies_us.full_create_snapshot
                         : &metrics.latencies_us.diff_create_snapshot;
    }
    if (!name)
        return;
    metric_set(metric, us);
    log_info("'%s' API request took %" PRIu64 " us.", name, us);
}

/* ---- fc_api ---- */

static void respond(struct api *api, struct api_call *call, struct buf *out)
{
    bool has_body = call->status != 204;

    api->last_us = (host_mono_ns() - call->start_ns) / 1000;
    if (call->answer.failed)
        http_respond(out, 500, call->deprecated, "", 0);
    else
        http_respond(out, call->status, call->deprecated,
                     has_body ? buf_text(&call->answer) : NULL,
                     call->answer.len);
    log_debug("Total previous API call duration: %" PRIu64 " us.",
              api->last_us);
}

static void run_locked(struct api *api, struct api_call *call)
{
    struct err *e = &call->error;
    int rc;

    pthread_mutex_lock(&api->lock);
    rc = route_allowed(call->route, api->state, e);
    if (rc == 0)
        rc = call->route->run(api, call, e);
    pthread_mutex_unlock(&api->lock);
    put_outcome(call, rc);
    log_outcome(call);
}

static void enqueue(struct api *api, struct api_call *call)
{
    pthread_mutex_lock(&api->queue_lock);
    *api->queue_end = call;
    api->queue_end = &call->next;
    pthread_mutex_unlock(&api->queue_lock);
    api->opt.owner.wake(api->opt.owner.ctx);
}

static struct server_call *answer_now(struct api *api, struct api_call *call,
                                      struct buf *out)
{
    respond(api, call, out);
    call_free(call);
    return NULL;
}

static struct server_call *serve(void *ctx, struct http_request *req,
                                 struct buf *out)
{
    struct api *api = ctx;
    struct api_call *call = heap_zalloc(sizeof(*call));
    int rc;

    if (!call) {
        http_request_free(req);
        http_respond(out, 500, false, "", 0);
        return NULL;
    }
    call->start_ns = host_mono_ns();
    log_request(req);
    rc = route_request(req, call, &call->error);
    http_request_free(req);
    if (rc < 0) {
        put_fault(call, -EINVAL);
        call->deprecated = NULL;
        log_outcome(call);
        return answer_now(api, call, out);
    }
    if (call->deprecated) {
        log_warn("%s", call->deprecated);
        metric_inc(&metrics.deprecated_api.deprecated_http_api_calls);
    }
    if (call->route->method == HTTP_GET) {
        run_locked(api, call);
        return answer_now(api, call, out);
    }
    enqueue(api, call);
    return &call->base;
}

static void finish(void *ctx, struct server_call *base, struct buf *out)
{
    struct api *api = ctx;
    struct api_call *call = container_of(base, struct api_call, base);

    note_latency(call, (host_mono_ns() - call->start_ns) / 1000);
    log_outcome(call);
    respond(api, call, out);
    call_free(call);
}

/* ---- the owner's thread ---- */

static struct api_call *dequeue(struct api *api)
{
    struct api_call *call;

    pthread_mutex_lock(&api->queue_lock);
    call = api->queue;
    if (call) {
        api->queue = call->next;
        if (!api->queue)
            api->queue_end = &api->queue;
    }
    pthread_mutex_unlock(&api->queue_lock);
    return call;
}

/* The owner alone changes the state: it may read it without the lock. */
static int run_call(struct api *api, struct api_call *call, struct err *e)
{
    const struct route *r = call->route;
    int rc = route_allowed(r, api->state, e);

    if (rc < 0)
        return rc;
    if (r->flags & ROUTE_LATCH)
        api->boot_specific = true;
    if (!(r->flags & ROUTE_UNLOCKED))
        pthread_mutex_lock(&api->lock);
    rc = r->run(api, call, e);
    if (!(r->flags & ROUTE_UNLOCKED))
        pthread_mutex_unlock(&api->lock);
    return rc;
}

void api_work(struct api *api)
{
    struct api_call *call;

    while ((call = dequeue(api)) != NULL) {
        put_outcome(call, run_call(api, call, &call->error));
        server_done(api->server, &call->base);
    }
}

int api_start_vm(struct api *api, struct err *e)
{
    int rc = api->opt.owner.start(api->opt.owner.ctx, e);

    if (rc < 0)
        return rc;
    pthread_mutex_lock(&api->lock);
    api->state = INSTANCE_RUNNING;
    pthread_mutex_unlock(&api->lock);
    metrics_flush();
    return 0;
}

int api_start_instance(struct api *api, struct err *e)
{
    return api_start_vm(api, e);
}

/* ---- life ---- */

struct api *api_new(const struct api_options *options, struct err *e)
{
    struct api *api = heap_zalloc(sizeof(*api));

    if (!api) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    api->opt = *options;
    api->listener = -1;
    api->queue_end = &api->queue;
    api->mmds = options->mmds;
    pthread_mutex_init(&api->lock, NULL);
    pthread_mutex_init(&api->queue_lock, NULL);
    return api;
}

int api_listen(struct api *api, const char *path, struct err *e)
{
    api->listener = server_bind(path, e);
    return MIN(api->listener, 0);
}

int api_serve(struct api *api, struct err *e)
{
    const struct server_config cfg = {.max_body = api->opt.max_body,
                                      .serve = serve,
                                      .finish = finish,
                                      .ctx = api};
    int fd = api->listener;

    if (fd < 0)
        return 0;
    api->listener = -1;
    api->server = server_new(fd, &cfg, e);
    return api->server ? 0 : -EIO;
}

void api_free(struct api *api)
{
    struct api_call *call;

    if (!api)
        return;
    server_free(api->server);
    if (api->listener >= 0)
        close(api->listener);
    while ((call = dequeue(api)) != NULL)
        call_free(call);
    pthread_mutex_destroy(&api->lock);
    pthread_mutex_destroy(&api->queue_lock);
    heap_free(api);
}
