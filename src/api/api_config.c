// SPDX-License-Identifier: Apache-2.0
/* What is configured before the start: machine, boot source, devices. */

#include <errno.h>
#include <string.h>

#include "api/api_impl.h"
#include "api/apply.h"
#include "api/cpu_config.h"
#include "api/device_schemas.h"
#include "api/resources.h"
#include "base/heap.h"
#include "base/macros.h"

#define GIVEN(type, schema, obj, member) \
    json_given(&(schema), obj, offsetof(struct type, member))

/* ---- machine-config ---- */

int check_machine_config(struct api_call *call, struct err *e)
{
    (void)e;
    if (GIVEN(machine_config, machine_config_schema, call->given, cpu_template))
        call->deprecated =
            "PUT /machine-config: cpu_template field is deprecated.";
    return 0;
}

int check_machine_update(struct api_call *call, struct err *e)
{
    const struct machine_config *given = call->given;

    if (!given->given)
        return err_set(e, -EINVAL, "Empty PATCH request.");
    if (GIVEN(machine_config, machine_update_schema, given, cpu_template))
        call->deprecated =
            "PATCH /machine-config: cpu_template field is deprecated.";
    return 0;
}

/* A copy that shares the strings: what is checked before it is kept. */
static int keep_machine(struct api *api, const struct vm_config *next,
                        struct err *e)
{
    struct vm_config *cfg = api->opt.cfg;
    int rc = vm_config_check_machine(next, e);

    if (rc == 0 && cfg->devices.has_balloon &&
        next->mem_size_mib < cfg->devices.balloon.amount_mib)
        rc = err_set(e, -EINVAL,
                     "The memory size (MiB) is smaller than the previously "
                     "set balloon device target size.");
    if (rc < 0) {
        err_prefix(e, "Machine config error");
        return rc;
    }
    *cfg = *next;
    return 0;
}

static void set_template(struct vm_config *cfg, uint32_t given)
{
    cfg->has_v1n1_template = given == CPU_TEMPLATE_V1N1;
    cfg->has_custom_template = false;
}

int put_machine_config(struct api *api, struct api_call *call, struct err *e)
{
    const struct machine_config *given = call->given;
    struct vm_config next = *api->opt.cfg;

    next.vcpu_count = given->vcpu_count;
    next.mem_size_mib = given->mem_size_mib;
    next.smt = given->smt;
    next.track_dirty_pages = given->track_dirty_pages;
    next.huge_pages = (enum huge_pages)given->huge_pages;
    if (GIVEN(machine_config, machine_config_schema, given, cpu_template))
        set_template(&next, given->cpu_template);
    return keep_machine(api, &next, e);
}

int patch_machine_config(struct api *api, struct api_call *call, struct err *e)
{
    const struct machine_config *given = call->given;
    struct vm_config next = *api->opt.cfg;
#define UPDATED(member) \
    GIVEN(machine_config, machine_update_schema, given, member)

    if (UPDATED(vcpu_count))
        next.vcpu_count = given->vcpu_count;
    if (UPDATED(mem_size_mib))
        next.mem_size_mib = given->mem_size_mib;
    if (UPDATED(smt))
        next.smt = given->smt;
    if (UPDATED(track_dirty_pages))
        next.track_dirty_pages = given->track_dirty_pages;
    if (UPDATED(huge_pages))
        next.huge_pages = (enum huge_pages)given->huge_pages;
    if (UPDATED(cpu_template))
        set_template(&next, given->cpu_template);
#undef UPDATED
    return keep_machine(api, &next, e);
}

/* ---- boot-source, cpu-config ---- */

int put_boot_source(struct api *api, struct api_call *call, struct err *e)
{
    int rc = boot_source_apply(call->given, api->opt.cfg, e);

    if (rc < 0)
        err_prefix(e, "Boot source error");
    return rc;
}

int check_cpu_config(struct api_call *call, struct err *e)
{
    int rc = cpu_config_check(call->given, e);

    return rc < 0 ? call_refuse_body(call, e->text) : 0;
}

/* There is one template, whether it has a name or is the operator's own: each
   takes the other's place. */
int put_cpu_config(struct api *api, struct api_call *call, struct err *e)
{
    struct vm_config *cfg = api->opt.cfg;

    (void)e;
    cfg->has_custom_template = !cpu_config_is_empty(call->given);
    cfg->has_v1n1_template = false;
    return 0;
}

/* ---- devices ---- */

static int same_id(const char *in_path, const char *in_body, struct err *e)
{
    if (strcmp(in_path, in_body) == 0)
        return 0;
    return err_set(e, -EINVAL,
                   "The id from the path does not match the id from the body!");
}

static int same_net_id(struct api_call *call, const char *in_body)
{
    if (strcmp(call->id, in_body) == 0)
        return 0;
    return call_refuse(call, -EINVAL,
                       "The id from the path [%s] does not match the id from "
                       "the body [%s]!",
                       call->id, in_body);
}

int check_drive_id(struct api_call *call, struct err *e)
{
    return same_id(call->id, ((struct drive_config *)call->given)->id, e);
}

int check_drive_update_id(struct api_call *call, struct err *e)
{
    return same_id(call->id, ((struct drive_update *)call->given)->id, e);
}

int check_pmem_id(struct api_call *call, struct err *e)
{
    return same_id(call->id, ((struct pmem_config *)call->given)->id, e);
}

int check_pmem_update_id(struct api_call *call, struct err *e)
{
    return same_id(call->id, ((struct pmem_update *)call->given)->id, e);
}

int check_net_id(struct api_call *call, struct err *e)
{
    (void)e;
    return same_net_id(call, ((struct net_config *)call->given)->id);
}

int check_net_update_id(struct api_call *call, struct err *e)
{
    (void)e;
    return same_net_id(call, ((struct net_update *)call->given)->id);
}

int check_vsock(struct api_call *call, struct err *e)
{
    (void)e;
    if (((struct vsock_config *)call->given)->vsock_id)
        call->deprecated = "PUT /vsock: vsock_id field is deprecated.";
    return 0;
}

int check_mmds_config(struct api_call *call, struct err *e)
{
    (void)e;
    if (((struct mmds_config *)call->given)->version == MMDS_V1)
        call->deprecated =
            "PUT /mmds/config: V1 is deprecated. Use V2 instead.";
    return 0;
}

static int prefixed(int rc, const char *prefix, struct err *e)
{
    if (rc < 0)
        err_prefix(e, "%s", prefix);
    return rc;
}

int put_drive(struct api *api, struct api_call *call, struct err *e)
{
    return prefixed(devices_put_drive(&api->opt.cfg->devices, call->given, e),
                    "Drive config error", e);
}

int put_net(struct api *api, struct api_call *call, struct err *e)
{
    return prefixed(devices_put_net(&api->opt.cfg->devices, call->given, e),
                    "Network config error", e);
}

int put_pmem(struct api *api, struct api_call *call, struct err *e)
{
    return prefixed(devices_put_pmem(&api->opt.cfg->devices, call->given, e),
                    "Pmem config error", e);
}

int put_vsock(struct api *api, struct api_call *call, struct err *e)
{
    return prefixed(devices_put_vsock(&api->opt.cfg->devices, call->given, e),
                    "Vsock config error", e);
}

int put_balloon(struct api *api, struct api_call *call, struct err *e)
{
    struct vm_config *cfg = api->opt.cfg;

    return prefixed(
        devices_put_balloon(&cfg->devices, call->given, cfg->mem_size_mib, e),
        "Balloon config error", e);
}

int put_entropy(struct api *api, struct api_call *call, struct err *e)
{
    return prefixed(devices_put_entropy(&api->opt.cfg->devices, call->given, e),
                    "Entropy config error", e);
}

int put_memory_hotplug(struct api *api, struct api_call *call, struct err *e)
{
    return prefixed(
        devices_put_memory_hotplug(&api->opt.cfg->devices, call->given, e),
        "Memory hotplug config error", e);
}

int put_serial(struct api *api, struct api_call *call, struct err *e)
{
    return devices_put_serial(&api->opt.cfg->devices, call->given, e);
}

/* Three Ms, as upstream. */
int put_mmds_config(struct api *api, struct api_call *call, struct err *e)
{
    return prefixed(devices_put_mmds(&api->opt.cfg->devices, call->given, e),
                    "MMMDS config error", e);
}
