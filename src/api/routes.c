// SPDX-License-Identifier: Apache-2.0
/* The routes: what may be asked for, when, and who does it. */

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "api/api_impl.h"
#include "api/cpu_config.h"
#include "api/device_schemas.h"
#include "api/resources.h"
#include "api/utf8.h"
#include "base/heap.h"
#include "base/macros.h"

enum {
    ALWAYS = ROUTE_BEFORE | ROUTE_AFTER,
    HOTPLUG = ROUTE_BEFORE | ROUTE_PCI | ROUTE_LATCH | ROUTE_ID,
    BOOT = ROUTE_BEFORE | ROUTE_LATCH,
    DEVICE = ROUTE_AFTER | ROUTE_UNLOCKED,
};

#define GETS(name) &metrics.get_api_requests.name##_count, NULL
#define PUTS(name)                          \
    &metrics.put_api_requests.name##_count, \
        &metrics.put_api_requests.name##_fails
#define PATCHES(name)                         \
    &metrics.patch_api_requests.name##_count, \
        &metrics.patch_api_requests.name##_fails

/* clang-format off */
const struct route routes[] = {
    {HTTP_GET, "", NULL, ALWAYS, NULL, GETS(instance_info), NULL,
     get_instance},
    {HTTP_GET, "version", NULL, ALWAYS, NULL, GETS(vmm_version), NULL,
     get_version},
    {HTTP_GET, "vm", "config", ALWAYS, NULL, NULL, NULL, NULL, get_vm_config},
    {HTTP_GET, "machine-config", NULL, ALWAYS, NULL, GETS(machine_cfg), NULL,
     get_machine_config},
    {HTTP_GET, "mmds", NULL, ALWAYS, NULL, GETS(mmds), NULL, get_mmds},
    {HTTP_GET, "balloon", "", ALWAYS, NULL, NULL, NULL, NULL, get_balloon},
    {HTTP_GET, "balloon", "statistics", ROUTE_AFTER, NULL, NULL, NULL, NULL,
     get_balloon_statistics},
    {HTTP_GET, "balloon", "hinting/status", ROUTE_AFTER, NULL, NULL, NULL,
     NULL, get_hinting_status},
    {HTTP_GET, "hotplug", "memory", ROUTE_AFTER, NULL, GETS(hotplug_memory),
     NULL, get_memory_hotplug},

    {HTTP_PUT, "machine-config", NULL, BOOT, &machine_config_schema,
     PUTS(machine_cfg), check_machine_config, put_machine_config},
    {HTTP_PUT, "boot-source", NULL, BOOT, &boot_source_schema,
     PUTS(boot_source), NULL, put_boot_source},
    {HTTP_PUT, "cpu-config", NULL, ROUTE_BEFORE, &cpu_config_schema,
     PUTS(cpu_cfg), check_cpu_config, put_cpu_config},
    {HTTP_PUT, "drives", NULL, HOTPLUG, &drive_schema, PUTS(drive),
     check_drive_id, put_drive},
    {HTTP_PUT, "network-interfaces", NULL, HOTPLUG, &net_schema, PUTS(network),
     check_net_id, put_net},
    {HTTP_PUT, "pmem", NULL, HOTPLUG, &pmem_schema, PUTS(pmem), check_pmem_id,
     put_pmem},
    {HTTP_PUT, "vsock", NULL, BOOT, &vsock_schema, PUTS(vsock), check_vsock,
     put_vsock},
    {HTTP_PUT, "entropy", NULL, BOOT, &entropy_schema, NULL, NULL, NULL,
     put_entropy},
    {HTTP_PUT, "serial", NULL, ROUTE_BEFORE, &serial_schema, PUTS(serial),
     NULL, put_serial},
    {HTTP_PUT, "balloon", NULL, BOOT, &balloon_schema, NULL, NULL, NULL,
     put_balloon},
    {HTTP_PUT, "hotplug", "memory", BOOT, &memory_hotplug_schema,
     PUTS(hotplug_memory), NULL, put_memory_hotplug},
    {HTTP_PUT, "mmds", "config", BOOT, &mmds_config_schema, PUTS(mmds),
     check_mmds_config, put_mmds_config},
    {HTTP_PUT, "mmds", "", ALWAYS | ROUTE_RAW, NULL, PUTS(mmds),
     check_mmds_body, put_mmds},
    {HTTP_PUT, "logger", NULL, ROUTE_BEFORE, &logger_config_schema,
     PUTS(logger), NULL, put_logger},
    {HTTP_PUT, "metrics", NULL, ROUTE_BEFORE, &metrics_config_schema,
     PUTS(metrics), NULL, put_metrics},
    {HTTP_PUT, "actions", NULL, ALWAYS | ROUTE_UNLOCKED, &action_schema,
     PUTS(actions), check_action, put_action},
    {HTTP_PUT, "snapshot", "create", ROUTE_AFTER | ROUTE_UNLOCKED,
     &snapshot_create_schema, NULL, NULL, NULL, put_snapshot_create},
    {HTTP_PUT, "snapshot", "load", ROUTE_BEFORE | ROUTE_UNLOCKED,
     &snapshot_load_schema, NULL, NULL, check_snapshot_load,
     put_snapshot_load},

    {HTTP_PATCH, "machine-config", NULL, BOOT, &machine_update_schema,
     PATCHES(machine_cfg), check_machine_update, patch_machine_config},
    {HTTP_PATCH, "mmds", NULL, ALWAYS | ROUTE_RAW, NULL, PATCHES(mmds),
     check_mmds_body, patch_mmds},
    {HTTP_PATCH, "drives", NULL, DEVICE | ROUTE_ID, &drive_update_schema,
     PATCHES(drive), check_drive_update_id, patch_drive},
    {HTTP_PATCH, "network-interfaces", NULL, DEVICE | ROUTE_ID,
     &net_update_schema, PATCHES(network), check_net_update_id, patch_net},
    {HTTP_PATCH, "pmem", NULL, DEVICE | ROUTE_ID, &pmem_update_schema,
     PATCHES(pmem), check_pmem_update_id, patch_pmem},
    {HTTP_PATCH, "balloon", "statistics", DEVICE,
     &balloon_stats_update_schema, NULL, NULL, NULL, patch_balloon_statistics},
    {HTTP_PATCH, "balloon", "hinting/start", DEVICE | ROUTE_NO_BODY,
     &hinting_start_schema, NULL, NULL, NULL, patch_hinting_start},
    {HTTP_PATCH, "balloon", "hinting/stop", DEVICE | ROUTE_NO_BODY, NULL,
     NULL, NULL, NULL, patch_hinting_stop},
    {HTTP_PATCH, "balloon", NULL, DEVICE, &balloon_update_schema, NULL,
     NULL, NULL, patch_balloon},
    {HTTP_PATCH, "hotplug", "memory", DEVICE,
     &memory_hotplug_update_schema, PATCHES(hotplug_memory), NULL,
     patch_memory_hotplug},
    {HTTP_PATCH, "vm", NULL, ROUTE_AFTER | ROUTE_UNLOCKED, &vm_update_schema,
     NULL, NULL, NULL, patch_vm},

    {HTTP_DELETE, "drives", NULL, ROUTE_PCI | ROUTE_ID, NULL, NULL, NULL, NULL,
     delete_device},
    {HTTP_DELETE, "network-interfaces", NULL, ROUTE_PCI | ROUTE_ID, NULL, NULL,
     NULL, NULL, delete_device},
    {HTTP_DELETE, "pmem", NULL, ROUTE_PCI | ROUTE_ID, NULL, NULL, NULL, NULL,
     delete_device},
};
/* clang-format on */

const size_t num_routes = ARRAY_LEN(routes);

/* ---- states ---- */

int route_allowed(const struct route *route, enum instance_state state,
                  struct err *e)
{
    if (state == INSTANCE_NOT_STARTED && !(route->flags & ROUTE_BEFORE))
        return err_set(e, -EPERM,
                       "The requested operation is not supported before "
                       "starting the microVM.");
    if (state != INSTANCE_NOT_STARTED && (route->flags & ROUTE_PCI))
        return err_set(e, -ENODEV, "PCI is not enabled");
    if (state != INSTANCE_NOT_STARTED && !(route->flags & ROUTE_AFTER))
        return err_set(e, -EPERM,
                       "The requested operation is not supported after "
                       "starting the microVM.");
    return 0;
}

/* ---- refusals ---- */

int call_refuse(struct api_call *call, int code, const char *fmt, ...)
{
    va_list ap;

    buf_clear(&call->refusal);
    va_start(ap, fmt);
    buf_vprintf(&call->refusal, fmt, ap);
    va_end(ap);
    if (call->refusal.failed)
        buf_release(&call->refusal);
    return err_set(&call->error, code, "%.900s",
                   call->refusal.len ? buf_text(&call->refusal)
                                     : "out of memory");
}

int call_refuse_body(struct api_call *call, const char *what)
{
    return call_refuse(call, -EINVAL,
                       "An error occurred when deserializing the json body of "
                       "a request: %s.",
                       what);
}

int call_refuse_json(struct api_call *call, struct json_reader *r)
{
    return call_refuse_body(call, json_error(r));
}

/* ---- paths ---- */

/* A path without its slashes at the front and one at the end: its first part,
   and what comes after that. */
struct path {
    char *first; /* owned: both are in it */
    const char *rest;
};

static int split_path(const char *text, struct path *path)
{
    size_t len;
    char *slash;

    text += strspn(text, "/");
    path->first = heap_strdup(text);
    if (!path->first)
        return -ENOMEM;
    len = strlen(path->first);
    if (len && path->first[len - 1] == '/')
        path->first[len - 1] = 0;
    slash = strchr(path->first, '/');
    path->rest = "";
    if (slash) {
        *slash = 0;
        path->rest = slash + 1;
    }
    return 0;
}

/* Does the rest of the path begin with the parts of `sub`? What follows them
   is of no interest, as upstream has it. */
static bool begins_with(const char *rest, const char *sub)
{
    size_t len = strlen(sub);

    if (!*sub)
        return !*rest;
    return strncmp(rest, sub, len) == 0 && (!rest[len] || rest[len] == '/');
}

static const struct route *find_route(enum http_method method,
                                      const struct path *path)
{
    for (size_t n = 0; n < num_routes; n++) {
        const struct route *r = &routes[n];

        if (r->method == method && strcmp(r->name, path->first) == 0 &&
            (!r->sub || begins_with(path->rest, r->sub)))
            return r;
    }
    return NULL;
}

/* These have routes of their own, and do not fall through to the balloon's. */
static bool is_hinting(const struct path *path)
{
    return strcmp(path->first, "balloon") == 0 &&
           begins_with(path->rest, "hinting");
}

/* The first part of the rest. */
static int part_len(const char *rest)
{
    return (int)strcspn(rest, "/");
}

/* Why there is no route, in the words of who would have parsed it. */
static int no_route(struct api_call *call, enum http_method method,
                    const struct path *path)
{
    const char *name = http_method_name(method), *rest = path->rest;

    if (is_hinting(path) && method != HTTP_PUT) {
        rest += strlen("hinting");
        rest += *rest == '/';
        return call_refuse(call, -ENOENT,
                           "Unrecognized %s request path `/hinting/%.*s`.",
                           name, part_len(rest), rest);
    }
    if ((method == HTTP_GET && strcmp(path->first, "balloon") == 0) ||
        (method == HTTP_PUT && strcmp(path->first, "mmds") == 0)) {
        if (method == HTTP_PUT)
            metric_inc(&metrics.put_api_requests.mmds_count);
        return call_refuse(call, -ENOENT,
                           "Unrecognized %s request path `%.*s`.", name,
                           part_len(rest), rest);
    }
    if (method == HTTP_PUT && strcmp(path->first, "snapshot") == 0) {
        if (!*rest)
            return call_refuse(call, -ENOENT,
                               "Missing snapshot operation type.");
        return call_refuse(call, -ENOENT,
                           "Invalid request method and/or path: PUT "
                           "/snapshot/%.*s.",
                           part_len(rest), rest);
    }
    return call_refuse(call, -ENOENT,
                       "Invalid request method and/or path: %s %s.", name,
                       path->first);
}

/* ---- bodies ---- */

/* Upstream looks at this before it looks at the path. */
static int check_has_body(const struct http_request *req,
                          const struct path *path, struct err *e)
{
    switch (req->method) {
    case HTTP_GET:
        if (req->has_body)
            return err_set(e, -EINVAL, "GET request cannot have a body.");
        return 0;
    case HTTP_PUT:
        if (!req->has_body)
            return err_set(e, -EINVAL, "Empty PUT request.");
        return 0;
    case HTTP_PATCH:
        if (!req->has_body && !is_hinting(path))
            return err_set(e, -EINVAL, "Empty PATCH request.");
        return 0;
    case HTTP_DELETE:
        if (req->has_body)
            return err_set(e, -EINVAL, "Empty Delete request.");
        return 0;
    }
    return 0;
}

/* Alphanumeric in Unicode's sense: the C library knows what is, if its locale
   does; without one everything beyond ASCII that is not a control, a space or
   punctuation of Latin-1 counts. */
static bool is_id_char(unsigned c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
               (c >= 'A' && c <= 'Z') || c == '_';
    if (c < 0xc0)
        return c == 0xaa || c == 0xb5 || c == 0xba;
    return c != 0xd7 && c != 0xf7 && !(c >= 0x2000 && c <= 0x206f) &&
           !(c >= 0x2190 && c <= 0x2bff) && !(c >= 0x3000 && c <= 0x3004) &&
           !(c >= 0xe000 && c <= 0xf8ff) && c < 0x1f000;
}

static int check_id(const char *id, size_t len, struct err *e)
{
    if (len == 0)
        return err_set(e, -EINVAL, "The ID cannot be empty.");
    while (len) {
        size_t bytes;

        if (!is_id_char(utf8_decode(id, &bytes)))
            return err_set(e, -EINVAL,
                           "API Resource IDs can only contain alphanumeric "
                           "characters and underscores.");
        id += bytes;
        len -= bytes;
    }
    return 0;
}

static int take_id(struct api_call *call, const char *rest, struct err *e)
{
    size_t len = strcspn(rest, "/");
    int rc = check_id(rest, len, e);

    if (rc < 0)
        return rc;
    call->id = heap_alloc(len + 1);
    if (!call->id)
        return err_set(e, -ENOMEM, "out of memory");
    memcpy(call->id, rest, len);
    call->id[len] = 0;
    return 0;
}

static int take_body(struct api_call *call, struct http_request *req,
                     struct err *e)
{
    const struct route *r = call->route;
    struct json_reader reader;
    int rc;

    call->body = req->body;
    memset(&req->body, 0, sizeof(req->body));
    if (!r->schema)
        return 0;
    if (!req->has_body && (r->flags & ROUTE_NO_BODY))
        return 0;
    call->given = heap_zalloc(r->schema->size);
    if (!call->given)
        return err_set(e, -ENOMEM, "out of memory");
    json_init(&reader, buf_text(&call->body), call->body.len);
    rc = json_decode_all(&reader, r->schema, call->given);
    if (rc < 0) {
        heap_free(call->given);
        call->given = NULL;
        call_refuse_json(call, &reader);
    }
    json_release(&reader);
    return rc;
}

static int parse_request(struct http_request *req, const struct path *path,
                         struct api_call *call, struct err *e)
{
    const struct route *r;
    int rc = check_has_body(req, path, e);

    if (rc < 0)
        return rc;
    r = find_route(req->method, path);
    if (!r || (!r->sub && is_hinting(path)))
        return no_route(call, req->method, path);
    call->route = r;
    if (r->count)
        metric_inc(r->count);
    if (r->flags & ROUTE_ID)
        rc = take_id(call, path->rest, e);
    if (rc == 0)
        rc = take_body(call, req, e);
    if (rc == 0 && r->verify)
        rc = r->verify(call, e);
    if (rc < 0 && r->fails)
        metric_inc(r->fails);
    return rc;
}

int route_request(struct http_request *req, struct api_call *call,
                  struct err *e)
{
    struct path path;
    int rc;

    if (split_path(req->path, &path) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    rc = parse_request(req, &path, call, e);
    heap_free(path.first);
    return rc;
}
