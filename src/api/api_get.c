// SPDX-License-Identifier: Apache-2.0
/* What is read: all of it under the lock, none of it waits. */

#include <errno.h>
#include <string.h>

#include "api/api_impl.h"
#include "api/device_schemas.h"
#include "api/resources.h"
#include "api/version.h"
#include "base/macros.h"

static void put_text(struct buf *b, const char *s)
{
    json_put_string(b, s, strlen(s));
}

int get_instance(struct api *api, struct api_call *call, struct err *e)
{
    static const char *const states[] = {
        [INSTANCE_NOT_STARTED] = "Not started",
        [INSTANCE_RUNNING] = "Running",
        [INSTANCE_PAUSED] = "Paused",
    };

    (void)e;
    buf_puts(&call->answer, "{\"id\":");
    put_text(&call->answer, api->opt.id);
    buf_printf(&call->answer,
               ",\"state\":\"%s\",\"vmm_version\":\"%s\","
               "\"app_name\":\"Firecracker\"}",
               states[api->state], FIRECRACKER_VERSION);
    return 0;
}

int get_version(struct api *api, struct api_call *call, struct err *e)
{
    (void)api;
    (void)e;
    buf_puts(&call->answer,
             "{\"firecracker_version\":\"" FIRECRACKER_VERSION "\"}");
    return 0;
}

/* ---- the configuration ---- */

static void put_machine(struct buf *b, const struct vm_config *cfg)
{
    struct machine_config m = {.vcpu_count = (uint8_t)cfg->vcpu_count,
                               .mem_size_mib = cfg->mem_size_mib,
                               .smt = cfg->smt,
                               .cpu_template = CPU_TEMPLATE_V1N1,
                               .track_dirty_pages = cfg->track_dirty_pages,
                               .huge_pages = cfg->huge_pages};

    json_set_given(&machine_config_schema, &m,
                   offsetof(struct machine_config, cpu_template),
                   cfg->has_v1n1_template);
    json_write(b, &machine_config_schema, &m);
}

static void put_boot(struct buf *b, const struct vm_config *cfg)
{
    struct boot_source s = {.kernel_image_path = cfg->kernel_path,
                            .initrd_path = cfg->initrd_path,
                            .boot_args = cfg->boot_args};

    json_set_given(&boot_source_schema, &s,
                   offsetof(struct boot_source, initrd_path), s.initrd_path);
    json_set_given(&boot_source_schema, &s,
                   offsetof(struct boot_source, boot_args), s.boot_args);
    json_write(b, &boot_source_schema, &s);
}

/* What limits nothing reads as null. */
static void show_limit(const struct json_schema *schema, void *obj,
                       size_t offset)
{
    struct rate_limit *limit = (void *)((char *)obj + offset);

    rate_limit_show(limit);
    json_set_given(schema, obj, offset, rate_limit_is_set(limit));
}

static void put_drive_config(struct buf *b, const struct drive_config *drive)
{
    struct drive_config d = *drive;

    json_set_given(&drive_schema, &d,
                   offsetof(struct drive_config, is_read_only), true);
    json_set_given(&drive_schema, &d, offsetof(struct drive_config, io_engine),
                   true);
    show_limit(&drive_schema, &d, offsetof(struct drive_config, limit));
    json_write(b, &drive_schema, &d);
}

static void put_net_config(struct buf *b, const struct net_config *net)
{
    struct net_config n = *net;

    show_limit(&net_schema, &n, offsetof(struct net_config, rx_limit));
    show_limit(&net_schema, &n, offsetof(struct net_config, tx_limit));
    json_write(b, &net_schema, &n);
}

static void put_entropy_config(struct buf *b, const struct entropy_config *c)
{
    struct entropy_config shown = *c;

    show_limit(&entropy_schema, &shown, offsetof(struct entropy_config, limit));
    json_write(b, &entropy_schema, &shown);
}

static void put_vsock_config(struct buf *b, const struct vsock_config *c)
{
    struct vsock_config shown = *c;

    json_set_given(&vsock_schema, &shown,
                   offsetof(struct vsock_config, vsock_id), false);
    json_write(b, &vsock_schema, &shown);
}

/* The interfaces are those that see the MMDS now. */
static bool put_mmds_now(struct buf *b, const struct vm_devices *d)
{
    const char *ipv4 = d->mmds.ipv4 ? d->mmds.ipv4 : MMDS_DEFAULT_IPV4;
    bool any = false;

    for (size_t n = 0; d->has_mmds && n < d->num_nets; n++) {
        if (!d->nets[n].has_mmds)
            continue;
        if (!any)
            buf_printf(b, "{\"version\":\"%s\",\"network_interfaces\":[",
                       d->mmds.version == MMDS_V1 ? "V1" : "V2");
        else
            buf_putc(b, ',');
        put_text(b, d->nets[n].id);
        any = true;
    }
    if (any)
        buf_printf(b, "],\"ipv4_address\":\"%s\",\"imds_compat\":%s}", ipv4,
                   d->mmds.imds_compat ? "true" : "false");
    return any;
}

static void put_devices(struct buf *b, const struct vm_devices *d)
{
    buf_puts(b, "\"drives\":[");
    for (size_t n = 0; n < d->num_drives; n++) {
        buf_puts(b, n ? "," : "");
        put_drive_config(b, &d->drives[n]);
    }
    buf_puts(b, "],\"network-interfaces\":[");
    for (size_t n = 0; n < d->num_nets; n++) {
        buf_puts(b, n ? "," : "");
        put_net_config(b, &d->nets[n]);
    }
    buf_puts(b, "],\"pmem\":[");
    for (size_t n = 0; n < d->num_pmems; n++) {
        buf_puts(b, n ? "," : "");
        json_write(b, &pmem_schema, &d->pmems[n]);
    }
    buf_puts(b, "],\"balloon\":");
    if (d->has_balloon)
        json_write(b, &balloon_schema, &d->balloon);
    else
        buf_puts(b, "null");
    buf_puts(b, ",\"vsock\":");
    if (d->has_vsock)
        put_vsock_config(b, &d->vsock);
    else
        buf_puts(b, "null");
    buf_puts(b, ",\"entropy\":");
    if (d->has_entropy)
        put_entropy_config(b, &d->entropy);
    else
        buf_puts(b, "null");
    buf_puts(b, ",\"memory-hotplug\":");
    if (d->has_memory_hotplug)
        json_write(b, &memory_hotplug_schema, &d->memory_hotplug);
    else
        buf_puts(b, "null");
    buf_puts(b, ",\"mmds-config\":");
    if (!put_mmds_now(b, d))
        buf_puts(b, "null");
}

/* Keys as upstream's; cpu-config, logger and metrics are never shown. */
int get_vm_config(struct api *api, struct api_call *call, struct err *e)
{
    const struct vm_config *cfg = api->opt.cfg;
    struct buf *b = &call->answer;

    (void)e;
    buf_puts(b, "{\"boot-source\":");
    put_boot(b, cfg);
    buf_puts(b, ",\"machine-config\":");
    put_machine(b, cfg);
    buf_putc(b, ',');
    put_devices(b, &cfg->devices);
    buf_puts(b, ",\"cpu-config\":null,\"logger\":null,\"metrics\":null}");
    return 0;
}

int get_machine_config(struct api *api, struct api_call *call, struct err *e)
{
    (void)e;
    put_machine(&call->answer, api->opt.cfg);
    return 0;
}

/* After the start the store is the guest's: without a NIC that sees it there is
   none. */
static bool has_mmds(const struct api *api)
{
    const struct vm_devices *d = &api->opt.cfg->devices;

    if (api->state == INSTANCE_NOT_STARTED)
        return true;
    for (size_t n = 0; n < d->num_nets; n++)
        if (d->nets[n].has_mmds)
            return true;
    return false;
}

static int no_mmds(struct err *e)
{
    return err_set(e, -ENODATA,
                   "MMDS error: The MMDS data store is not initialized.");
}

int get_mmds(struct api *api, struct api_call *call, struct err *e)
{
    if (!has_mmds(api))
        return no_mmds(e);
    mmds_write(api->mmds, &call->answer);
    return 0;
}

int put_mmds(struct api *api, struct api_call *call, struct err *e)
{
    if (!has_mmds(api))
        return no_mmds(e);
    return mmds_put(api->mmds, buf_text(&call->body), call->body.len, e);
}

int patch_mmds(struct api *api, struct api_call *call, struct err *e)
{
    if (!has_mmds(api))
        return no_mmds(e);
    return mmds_patch(api->mmds, buf_text(&call->body), call->body.len, e);
}

/* Any value will do, but it must be one: as it is decided before the state is
   looked at. */
int check_mmds_body(struct api_call *call, struct err *e)
{
    struct json_reader r;
    struct json_span span;
    int rc;

    (void)e;
    json_init(&r, buf_text(&call->body), call->body.len);
    rc = json_any(&r, &span);
    if (rc == 0)
        rc = json_end(&r);
    if (rc < 0)
        call_refuse_json(call, &r);
    json_release(&r);
    return rc;
}
