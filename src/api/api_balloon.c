// SPDX-License-Identifier: Apache-2.0
/* The balloon of a VM: what it is, what it holds, what it shall do. */

#include <errno.h>
#include <inttypes.h>

#include "api/api_impl.h"
#include "api/device_schemas.h"
#include "base/macros.h"
#include "dev/balloon.h"
#include "vm/attach.h"

#define LOOKING  "Internal VMM error"
#define CHANGING "Balloon update error"

/* NULL: there is none, and `what` begins the sentence that says so. */
static struct virtio_dev *find_balloon(struct api *api, const char *what,
                                       struct err *e)
{
    const struct attached *devices = api_attached(api);
    struct virtio_dev *dev =
        devices ? attached_find(devices, VIRTIO_ID_BALLOON, NULL) : NULL;

    if (!dev)
        no_device(what, "", e);
    return dev;
}

static int prefixed(int rc, const char *what, struct err *e)
{
    return rc < 0 ? err_prefix(e, "%s", what), rc : rc;
}

/* ---- looking: on fc_api ---- */

int get_balloon(struct api *api, struct api_call *call, struct err *e)
{
    const struct vm_devices *d = &api->opt.cfg->devices;

    if (!d->has_balloon && api->state == INSTANCE_NOT_STARTED)
        return err_set(e, -ENODEV,
                       "Balloon config error: No balloon device found.");
    if (!d->has_balloon)
        return no_device(LOOKING, "", e);
    json_write(&call->answer, &balloon_schema, &d->balloon);
    return 0;
}

int get_balloon_statistics(struct api *api, struct api_call *call,
                           struct err *e)
{
    struct virtio_dev *dev = find_balloon(api, LOOKING, e);
    struct buf *b = &call->answer;
    struct balloon_status s;

    if (!dev)
        return -ENODEV;
    if (balloon_status(dev, &s, e) < 0)
        return prefixed(-EINVAL, LOOKING, e);
    buf_printf(b,
               "{\"target_pages\":%" PRIu32 ",\"actual_pages\":%" PRIu32
               ",\"target_mib\":%" PRIu32 ",\"actual_mib\":%" PRIu32,
               s.target_pages, s.actual_pages,
               s.target_pages / BALLOON_PAGES_PER_MIB,
               s.actual_pages / BALLOON_PAGES_PER_MIB);
    for (unsigned tag = 0; tag < BALLOON_NUM_STATS; tag++)
        if (BIT(s.stats.given, tag))
            buf_printf(b, ",\"%s\":%" PRIu64, balloon_stat_names[tag],
                       s.stats.value[tag]);
    buf_putc(b, '}');
    return 0;
}

/* Upstream counts it among the changes, by its error's name. */
int get_hinting_status(struct api *api, struct api_call *call, struct err *e)
{
    struct virtio_dev *dev = find_balloon(api, CHANGING, e);
    struct buf *b = &call->answer;
    struct balloon_hinting h;

    if (!dev)
        return -ENODEV;
    if (balloon_hint_status(dev, &h, e) < 0)
        return prefixed(-EINVAL, CHANGING, e);
    buf_printf(b, "{\"host_cmd\":%" PRIu32 ",\"guest_cmd\":", h.host_cmd);
    if (h.has_guest_cmd)
        buf_printf(b, "%" PRIu32 "}", h.guest_cmd);
    else
        buf_puts(b, "null}");
    return 0;
}

/* ---- changing: on the owner's thread. The lock is only taken for what GETs
   read, for the device's own thread may be busy. ---- */

int patch_balloon(struct api *api, struct api_call *call, struct err *e)
{
    const struct balloon_update *given = call->given;
    struct vm_config *cfg = api->opt.cfg;
    struct virtio_dev *dev = find_balloon(api, CHANGING, e);
    int rc;

    if (!dev)
        return -ENODEV;
    rc = devices_check_balloon(&cfg->devices, given->amount_mib,
                               cfg->mem_size_mib, e);
    if (rc == 0)
        rc = balloon_set_size(dev, given->amount_mib, e);
    if (rc < 0)
        return prefixed(rc, CHANGING, e);
    pthread_mutex_lock(&api->lock);
    cfg->devices.balloon.amount_mib = given->amount_mib;
    pthread_mutex_unlock(&api->lock);
    return 0;
}

int patch_balloon_statistics(struct api *api, struct api_call *call,
                             struct err *e)
{
    const struct balloon_stats_update *given = call->given;
    struct virtio_dev *dev = find_balloon(api, CHANGING, e);

    if (!dev)
        return -ENODEV;
    if (balloon_set_interval(dev, given->stats_interval_s, e) < 0)
        return prefixed(-EINVAL, CHANGING, e);
    pthread_mutex_lock(&api->lock);
    api->opt.cfg->devices.balloon.stats_interval_s = given->stats_interval_s;
    pthread_mutex_unlock(&api->lock);
    return 0;
}

/* The body may be left out: then it is acknowledged. */
int patch_hinting_start(struct api *api, struct api_call *call, struct err *e)
{
    const struct hinting_start *given = call->given;
    struct virtio_dev *dev = find_balloon(api, CHANGING, e);

    if (!dev)
        return -ENODEV;
    return prefixed(
        balloon_hint_start(dev, !given || given->acknowledge_on_stop, e),
        CHANGING, e);
}

int patch_hinting_stop(struct api *api, struct api_call *call, struct err *e)
{
    struct virtio_dev *dev = find_balloon(api, CHANGING, e);

    (void)call;
    if (!dev)
        return -ENODEV;
    return prefixed(balloon_hint_stop(dev, e), CHANGING, e);
}
