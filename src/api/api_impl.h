// SPDX-License-Identifier: Apache-2.0
#pragma once

/* What the files of the control plane share: a request on its way, the routes,
   and the functions that carry them out. */

#include <pthread.h>

#include "api/api.h"
#include "api/http.h"
#include "api/schema.h"
#include "api/server.h"
#include "base/metrics.h"

struct api_call;

struct api {
    struct api_options opt;
    struct mmds_store *mmds; /* borrowed */
    int listener;            /* owned until the server has it; -1: none */
    struct server *server;   /* owned; NULL until it listens */
    bool boot_specific;      /* no snapshot may be loaded; the owner's */
    uint64_t last_us;        /* fc_api's: what the last call took */

    pthread_mutex_t lock; /* guards *opt.cfg and these */
    enum instance_state state;

    pthread_mutex_t queue_lock;
    struct api_call *queue, **queue_end; /* under queue_lock */
};

enum route_flag {
    ROUTE_BEFORE = 1,    /* allowed before the start */
    ROUTE_AFTER = 2,     /* allowed after it */
    ROUTE_PCI = 4,       /* after it, this is hotplug: PCI is not there */
    ROUTE_LATCH = 8,     /* boot-specific: no snapshot may be loaded after it */
    ROUTE_ID = 16,       /* the next part of the path names the resource */
    ROUTE_UNLOCKED = 32, /* takes long: locks by itself where it must */
    ROUTE_RAW = 64,      /* the body is not decoded by a table */
    ROUTE_NO_BODY = 128, /* a body may be left out, or must */
};

/* One request the API answers. */
struct route {
    enum http_method method;
    const char *name; /* the path's first part */
    const char *sub;  /* the rest of it; NULL: whatever there is */
    unsigned flags;
    const struct json_schema *schema; /* of the body */
    struct metric *count, *fails;     /* may be NULL */

    /* Checks beyond the table, on fc_api. May be NULL. */
    int (*verify)(struct api_call *call, struct err *e);

    /* Carries it out. What is put into call->answer is the body of a 200. */
    int (*run)(struct api *api, struct api_call *call, struct err *e);
};

/* For tests and the compatibility table. */
extern const struct route routes[];
extern const size_t num_routes;

struct api_call {
    struct server_call base;
    struct api_call *next;
    const struct route *route;
    char *id;               /* owned: of the path; or NULL */
    struct buf body;        /* the request's */
    void *given;            /* owned: decoded by route->schema; or NULL */
    const char *deprecated; /* what the log says about that, or NULL */
    uint64_t start_ns;
    int status;
    struct buf answer;
    struct err error;   /* of a fault: for the log */
    struct buf refusal; /* its sentence, where error.text may be too short */
};

/* Finds the route of a request and checks the request as far as it can be
   without the VM. *call is left NULL where there is none. */
int route_request(struct http_request *req, struct api_call *call,
                  struct err *e);

/* With all it owns; takes NULL. */
void call_free(struct api_call *call);

/* Says why in a sentence of any length, which quotes the client. Returns code.
 */
int call_refuse(struct api_call *call, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same of a body that is no JSON or not what was expected. */
int call_refuse_json(struct api_call *call, struct json_reader *r);
int call_refuse_body(struct api_call *call, const char *what);

/* May it be done in this state? */
int route_allowed(const struct route *route, enum instance_state state,
                  struct err *e);

/* The owner's part of a start. The state is Running after it. */
int api_start_vm(struct api *api, struct err *e);

/* The virtio devices of the VM that runs; NULL: there is none. */
struct attached *api_attached(struct api *api);

/* The sentence about a device that is not there, between these two. */
int no_device(const char *prefix, const char *suffix, struct err *e);

typedef int api_run(struct api *api, struct api_call *call, struct err *e);
typedef int api_check(struct api_call *call, struct err *e);

api_run get_instance, get_version, get_vm_config, get_machine_config, get_mmds,
    get_balloon, get_balloon_statistics, get_hinting_status, get_memory_hotplug;
api_run put_machine_config, patch_machine_config, put_boot_source,
    put_cpu_config, put_drive, put_net, put_pmem, put_vsock, put_balloon,
    put_entropy, put_memory_hotplug, put_serial, put_mmds_config;
api_run put_logger, put_metrics, put_mmds, patch_mmds, put_action, patch_vm,
    put_snapshot_create, put_snapshot_load;
api_run patch_drive, patch_net, patch_pmem, patch_balloon,
    patch_balloon_statistics, patch_hinting_start, patch_hinting_stop,
    patch_memory_hotplug, delete_device;

api_check check_machine_config, check_machine_update, check_cpu_config,
    check_drive_id, check_drive_update_id, check_net_id, check_net_update_id,
    check_pmem_id, check_pmem_update_id, check_vsock, check_action,
    check_mmds_config, check_mmds_body, check_snapshot_load;
