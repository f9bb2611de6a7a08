// SPDX-License-Identifier: Apache-2.0
/* --share-metadata of `squib run`. */

#include <errno.h>
#include <string.h>

#include "api/config_file.h"
#include "api/mmds_link.h"
#include "base/buf.h"
#include "base/heap.h"
#include "base/macros.h"
#include "main/run.h"

enum { METADATA_MAX = 16 << 20 };

static int fill_store(struct run_options *run, struct err *e)
{
    const char *path = run->metadata_path;
    struct buf text = {0};
    int rc;

    if (!*path)
        return err_set(e, -EINVAL,
                       "--share-metadata: which file? Give one of JSON");
    rc = config_file_read_as(path, "metadata", &text, e);
    if (rc == 0) {
        rc = mmds_put(mmds_link_store(run->mmds), buf_text(&text), text.len, e);
        if (rc == -E2BIG)
            err_set(e, rc, "%.256s: this is more metadata than 16 MiB", path);
        else if (rc < 0)
            err_prefix(e, "%.256s is not valid JSON", path);
    }
    buf_release(&text);
    return rc < 0 ? err_prefix(e, "--share-metadata"), rc : 0;
}

/* Every interface leads to it: all are listed. */
static int list_nets(const struct vm_devices *d, struct text_list *list)
{
    list->items = heap_calloc(d->num_nets, sizeof(*list->items));
    if (!list->items)
        return -ENOMEM;
    for (; list->count < d->num_nets; list->count++) {
        list->items[list->count] = heap_strdup(d->nets[list->count].id);
        if (!list->items[list->count])
            return -ENOMEM;
    }
    return 0;
}

/* Any client may read it without a token, and may have one. */
static int configure(struct vm_devices *d, struct err *e)
{
    struct mmds_config cfg = {.version = MMDS_V1};

    if (list_nets(d, &cfg.interfaces) < 0) {
        for (size_t n = 0; n < cfg.interfaces.count; n++)
            heap_free(cfg.interfaces.items[n]);
        heap_free(cfg.interfaces.items);
        return err_set(e, -ENOMEM, "out of memory");
    }
    return devices_put_mmds(d, &cfg, e);
}

int run_share_metadata(struct run_options *run, struct err *e)
{
    struct vm_devices *d = &run->vm.devices;
    int rc = 0;

    if (!run->metadata_path)
        return 0;
    run->mmds = mmds_link_new(&run->vm, "squib", METADATA_MAX, e);
    if (!run->mmds)
        return -ENOMEM;
    rc = fill_store(run, e);
    if (rc == 0 && !d->num_nets)
        rc = run_add_net(d, "user", e);
    return rc < 0 ? rc : configure(d, e);
}
