// SPDX-License-Identifier: Apache-2.0
/* What is done: to the process, and to the VM that runs. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "api/api_impl.h"
#include "api/device_schemas.h"
#include "api/logger.h"
#include "api/resources.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/macros.h"
#include "dev/virtio.h"
#include "host/host.h"
#include "vm/attach.h"

/* ---- logger, metrics ---- */

int put_logger(struct api *api, struct api_call *call, struct err *e)
{
    int rc = logger_apply(call->given, e);

    (void)api;
    if (rc < 0)
        err_prefix(e, "Logger error");
    return rc;
}

int put_metrics(struct api *api, struct api_call *call, struct err *e)
{
    int rc = metrics_apply(call->given, api->opt.id, e);

    if (rc < 0)
        err_prefix(e, "Metrics error");
    return rc;
}

/* ---- actions ---- */

int check_action(struct api_call *call, struct err *e)
{
    if (((struct action_body *)call->given)->type == ACTION_CTRL_ALT_DEL)
        return err_set(e, -ENOTSUP,
                       "SendCtrlAltDel does not supported on aarch64.");
    return 0;
}

static int start_instance(struct api *api, struct err *e)
{
    int rc;

    if (api->state != INSTANCE_NOT_STARTED)
        return err_set(e, -EPERM,
                       "The requested operation is not supported after "
                       "starting the microVM.");
    if (!api->opt.cfg->kernel_path)
        rc = err_set(e, -ENOENT,
                     "Cannot start microvm without kernel configuration.");
    else
        rc = api_start_vm(api, e);
    if (rc < 0)
        err_prefix(e, "Start microvm error");
    return rc;
}

static int flush_metrics(struct api *api, struct err *e)
{
    if (api->state == INSTANCE_NOT_STARTED)
        return err_set(e, -EPERM,
                       "The requested operation is not supported before "
                       "starting the microVM.");
    metrics_flush();
    return 0;
}

int put_action(struct api *api, struct api_call *call, struct err *e)
{
    const struct action_body *body = call->given;

    if (body->type == ACTION_FLUSH_METRICS)
        return flush_metrics(api, e);
    return start_instance(api, e);
}

/* ---- pause and resume ---- */

static void set_state(struct api *api, enum instance_state state)
{
    pthread_mutex_lock(&api->lock);
    api->state = state;
    pthread_mutex_unlock(&api->lock);
}

int patch_vm(struct api *api, struct api_call *call, struct err *e)
{
    const struct vm_update *u = call->given;
    const struct api_owner *owner = &api->opt.owner;
    bool pause = u->state == VM_STATE_PAUSED;
    uint64_t start_ns = host_mono_ns(), us;

    (void)e;
    if (pause)
        owner->pause(owner->ctx);
    else
        owner->resume(owner->ctx);
    set_state(api, pause ? INSTANCE_PAUSED : INSTANCE_RUNNING);
    us = (host_mono_ns() - start_ns) / 1000;
    metric_set(pause ? &metrics.latencies_us.vmm_pause_vm
                     : &metrics.latencies_us.vmm_resume_vm,
               us);
    log_info("'%s vm' VMM action took %" PRIu64 " us.",
             pause ? "pause" : "resume", us);
    return 0;
}

/* ---- snapshots ---- */

int put_snapshot_create(struct api *api, struct api_call *call, struct err *e)
{
    (void)call;
    if (api->state != INSTANCE_PAUSED)
        return err_set(e, -EPERM,
                       "Create snapshot error: Cannot save the microVM state: "
                       "Operation not allowed: save/restore unavailable while "
                       "running");
    return err_set(e, -ENOTSUP,
                   "Create snapshot error: squib does not have snapshots yet");
}

int check_snapshot_load(struct api_call *call, struct err *e)
{
    const struct snapshot_load *given = call->given;
    bool diff = json_given(&snapshot_load_schema, given,
                           offsetof(struct snapshot_load, enable_diff));

    if (given->mem_path && given->backend.path)
        return call_refuse_body(call, "too many fields: either `mem_backend` "
                                      "or `mem_file_path` exclusively is "
                                      "required");
    if (!given->mem_path && !given->backend.path)
        return call_refuse_body(call, "missing field: either `mem_backend` or "
                                      "`mem_file_path` is required");
    if (given->clock_realtime)
        return err_set(e, -EINVAL,
                       "clock_realtime is not supported on aarch64.");
    if (given->mem_path || diff)
        call->deprecated = "PUT /snapshot/load: mem_file_path and "
                           "enable_diff_snapshots fields are deprecated.";
    return 0;
}

/* A load that fails leaves no process behind, as upstream: who asked for it has
   the answer, and starts another one. */
int put_snapshot_load(struct api *api, struct api_call *call, struct err *e)
{
    const struct api_owner *owner = &api->opt.owner;

    (void)call;
    if (api->boot_specific)
        return err_set(e, -EPERM,
                       "Load snapshot error: Loading a microVM snapshot not "
                       "allowed after configuring boot-specific resources.");
    owner->give_up(owner->ctx);
    return err_set(e, -ENOTSUP,
                   "Load snapshot error: Failed to restore from snapshot: "
                   "squib does not have snapshots yet");
}

/* ---- devices of a VM that runs: their thread may be busy, so the lock is only
   taken for what GETs read ---- */

struct attached *api_attached(struct api *api)
{
    const struct api_owner *owner = &api->opt.owner;

    return owner->attached ? owner->attached(owner->ctx) : NULL;
}

int no_device(const char *prefix, const char *suffix, struct err *e)
{
    return err_set(e, -ENODEV,
                   "%s: Failed perform action on device: Device not found%s",
                   prefix, suffix);
}

#define DRIVE_PREFIX "Drive config error: Unable to patch the block device"
#define DRIVE_SUFFIX " Please verify the request arguments."

int patch_drive(struct api *api, struct api_call *call, struct err *e)
{
    const struct drive_update *given = call->given;
    const struct attached *devices = api_attached(api);
    struct err why;
    int rc;

    if (!devices || !attached_find(devices, VIRTIO_ID_BLOCK, given->id))
        return no_device(DRIVE_PREFIX, DRIVE_SUFFIX, e);
    /* An empty one is for vhost-user drives. */
    if (!given->path && !json_given(&drive_update_schema, given,
                                    offsetof(struct drive_update, limit)))
        return err_set(e, -EINVAL,
                       DRIVE_PREFIX ": Block: Running method expected "
                                    "different backend." DRIVE_SUFFIX);
    if (attached_patch_drive(devices, given->id, given->path, &given->limit,
                             &why) < 0)
        return err_set(e, -EINVAL, DRIVE_PREFIX ": Block: %.800s" DRIVE_SUFFIX,
                       why.text);
    pthread_mutex_lock(&api->lock);
    rc = devices_patch_drive(&api->opt.cfg->devices, given->id, given->path,
                             &given->limit, e);
    pthread_mutex_unlock(&api->lock);
    return rc;
}

int patch_net(struct api *api, struct api_call *call, struct err *e)
{
    const struct net_update *given = call->given;
    const struct attached *devices = api_attached(api);
    int rc;

    if (!devices || attached_patch_net(devices, given->id, &given->rx_limit,
                                       &given->tx_limit, NULL) < 0)
        return no_device("Network config error: Unable to update the network "
                         "device",
                         "", e);
    pthread_mutex_lock(&api->lock);
    rc = devices_patch_net(&api->opt.cfg->devices, given->id, &given->rx_limit,
                           &given->tx_limit, e);
    pthread_mutex_unlock(&api->lock);
    return rc;
}

int patch_pmem(struct api *api, struct api_call *call, struct err *e)
{
    const struct pmem_update *given = call->given;
    const struct attached *devices = api_attached(api);
    int rc;

    if (!devices ||
        attached_patch_pmem(devices, given->id, &given->limit, NULL) < 0)
        return no_device("Pmem config error: Unable to update the pmem device",
                         "", e);
    pthread_mutex_lock(&api->lock);
    rc =
        devices_patch_pmem(&api->opt.cfg->devices, given->id, &given->limit, e);
    pthread_mutex_unlock(&api->lock);
    return rc;
}

/* Never reached: without PCI the state's check has refused. */
int delete_device(struct api *api, struct api_call *call, struct err *e)
{
    (void)api;
    (void)call;
    return err_set(e, -ENODEV, "PCI is not enabled");
}
