// SPDX-License-Identifier: Apache-2.0
/* Hotpluggable memory of a VM that runs: how much there is, how much the guest
   shall have. Neither touches the configuration. */

#include <errno.h>

#include "api/api_impl.h"
#include "api/device_schemas.h"
#include "base/macros.h"
#include "dev/mem.h"
#include "vm/attach.h"

static struct virtio_dev *find_mem(struct api *api, const char *what,
                                   struct err *e)
{
    const struct attached *devices = api_attached(api);
    struct virtio_dev *dev =
        devices ? attached_find(devices, VIRTIO_ID_MEM, NULL) : NULL;

    if (!dev)
        no_device(what, "", e);
    return dev;
}

int get_memory_hotplug(struct api *api, struct api_call *call, struct err *e)
{
    struct virtio_dev *dev = find_mem(api, "Internal VMM error", e);
    struct mem_status s;

    if (!dev)
        return -ENODEV;
    s = mem_status(dev);
    buf_printf(&call->answer,
               "{\"block_size_mib\":%llu,\"total_size_mib\":%llu"
               ",\"slot_size_mib\":%llu,\"plugged_size_mib\":%llu"
               ",\"requested_size_mib\":%llu}",
               s.block / MIB, s.total / MIB, s.slot / MIB, s.plugged / MIB,
               s.requested / MIB);
    return 0;
}

#define CHANGING "Memory hotplug update error"

int patch_memory_hotplug(struct api *api, struct api_call *call, struct err *e)
{
    const struct memory_hotplug_update *given = call->given;
    struct virtio_dev *dev = find_mem(api, CHANGING, e);
    int rc;

    if (!dev)
        return -ENODEV;
    rc = mem_request(dev, given->requested_mib * MIB, e);
    return rc < 0 ? err_prefix(e, CHANGING), rc : 0;
}
