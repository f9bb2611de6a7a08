// SPDX-License-Identifier: Apache-2.0
/* Device configurations: taking them in, with Firecracker's checks. */

#include "vm/devices.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/macros.h"
#include "host/host.h"
#include "vm/devices_impl.h"

enum { BLOCK_MIB_MIN = 2, SLOT_MIB_MIN = 128, VSOCK_BACKLOG = 128 };

/* ---- release ---- */

static void drive_release(struct drive_config *c)
{
    heap_free(c->id);
    heap_free(c->partuuid);
    heap_free(c->path);
    heap_free(c->socket);
    memset(c, 0, sizeof(*c));
}

static void pmem_release(struct pmem_config *c)
{
    heap_free(c->id);
    heap_free(c->path);
    memset(c, 0, sizeof(*c));
}

static void vsock_release(struct vsock_config *c)
{
    heap_free(c->vsock_id);
    heap_free(c->uds_path);
    memset(c, 0, sizeof(*c));
}

static void mmds_release(struct mmds_config *c)
{
    for (size_t n = 0; n < c->interfaces.count; n++)
        heap_free(c->interfaces.items[n]);
    heap_free(c->interfaces.items);
    heap_free(c->ipv4);
    memset(c, 0, sizeof(*c));
}

static void drop_vsock(struct vm_devices *d)
{
    if (d->has_vsock)
        close(d->vsock.listener);
    d->has_vsock = false;
    vsock_release(&d->vsock);
}

void devices_release(struct vm_devices *d)
{
    for (size_t n = 0; n < d->num_drives; n++)
        drive_release(&d->drives[n]);
    for (size_t n = 0; n < d->num_nets; n++)
        net_release(&d->nets[n]);
    for (size_t n = 0; n < d->num_pmems; n++)
        pmem_release(&d->pmems[n]);
    heap_free(d->drives);
    heap_free(d->nets);
    heap_free(d->pmems);
    drop_vsock(d);
    mmds_release(&d->mmds);
    heap_free(d->serial.out_path);
    memset(d, 0, sizeof(*d));
}

/* ---- rate limits ---- */

static void bucket_normalize(struct token_bucket *b)
{
    if (b->size == 0 || b->refill_time == 0)
        memset(b, 0, sizeof(*b));
}

void rate_limit_normalize(struct rate_limit *limit)
{
    bucket_normalize(&limit->bandwidth);
    bucket_normalize(&limit->ops);
}

void rate_limit_patch(struct rate_limit *limit, const struct rate_limit *given)
{
    if (given->given & RATE_LIMIT_GIVEN_BANDWIDTH)
        limit->bandwidth = given->bandwidth;
    if (given->given & RATE_LIMIT_GIVEN_OPS)
        limit->ops = given->ops;
    rate_limit_normalize(limit);
}

bool rate_limit_is_set(const struct rate_limit *limit)
{
    return limit->bandwidth.size || limit->ops.size;
}

/* ---- lists ---- */

int devices_grow(void **items, size_t count, size_t size, struct err *e)
{
    void *more = heap_realloc(*items, (count + 1) * size);

    if (!more)
        return err_set(e, -ENOMEM, "out of memory");
    memset((char *)more + count * size, 0, size);
    *items = more;
    return 0;
}

/* ---- drives ---- */

static int open_drive(const struct drive_config *c, struct err *e)
{
    int flags = c->is_read_only ? O_RDONLY : O_RDWR, fd;

    fd = open(c->path, flags | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(e, -errno,
                       "Unable to create the virtio block device: Virtio "
                       "backend error: Error manipulating the backing file: "
                       "%s (os error %d) %.600s",
                       strerror(errno), errno, c->path);
    close(fd);
    return 0;
}

enum { DRIVE_PATH_BITS = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 };

static int check_drive(const struct drive_config *c, struct err *e)
{
    if (c->path && !c->socket)
        return open_drive(c, e);
    if (c->socket && !(c->given & DRIVE_PATH_BITS))
        return err_set(e, -ENOTSUP,
                       "Unable to create the virtio block device: Vhost user "
                       "backend error: squib has no vhost-user drives yet: "
                       "use path_on_host");
    return err_set(e, -EINVAL,
                   "Unable to create the virtio block device: Invalid block "
                   "config.");
}

static size_t find_drive(const struct vm_devices *d, const char *id)
{
    size_t n = 0;

    while (n < d->num_drives && strcmp(d->drives[n].id, id) != 0)
        n++;
    return n;
}

static bool pmem_is_root(const struct vm_devices *d)
{
    for (size_t n = 0; n < d->num_pmems; n++)
        if (d->pmems[n].is_root)
            return true;
    return false;
}

static bool drive_is_root(const struct vm_devices *d)
{
    return d->num_drives && d->drives[0].is_root;
}

/* The root drive goes first: the guest shall see it as /dev/vda. */
static int place_drive(struct vm_devices *d, struct drive_config *given,
                       size_t at, struct err *e)
{
    struct drive_config drive = *given;

    if (at == d->num_drives) {
        int rc = devices_grow((void **)&d->drives, at, sizeof(drive), e);

        if (rc < 0)
            return rc;
        d->num_drives++;
        if (drive.is_root) {
            memmove(d->drives + 1, d->drives, at * sizeof(drive));
            at = 0;
        }
    } else {
        drive_release(&d->drives[at]);
        if (drive.is_root && at != 0) {
            d->drives[at] = d->drives[0];
            at = 0;
        }
    }
    d->drives[at] = drive;
    memset(given, 0, sizeof(*given));
    return 0;
}

int devices_put_drive(struct vm_devices *d, struct drive_config *given,
                      struct err *e)
{
    size_t at = find_drive(d, given->id);
    int rc;

    if (given->is_root && (pmem_is_root(d) || (drive_is_root(d) && at != 0)))
        rc = err_set(e, -EEXIST, "A root block device already exists!");
    else
        rc = check_drive(given, e);
    rate_limit_normalize(&given->limit);
    if (rc == 0)
        rc = place_drive(d, given, at, e);
    drive_release(given);
    return rc;
}

int devices_patch_drive(struct vm_devices *d, const char *id, const char *path,
                        const struct rate_limit *limit, struct err *e)
{
    size_t at = find_drive(d, id);
    struct drive_config *drive = &d->drives[at];
    char *copy = NULL;

    if (at == d->num_drives)
        return err_set(e, -ENODEV, "Device not found");
    if (path) {
        copy = heap_strdup(path);
        if (!copy)
            return err_set(e, -ENOMEM, "out of memory");
        heap_free(drive->path);
        drive->path = copy;
    }
    rate_limit_patch(&drive->limit, limit);
    return 0;
}

/* ---- persistent memory ---- */

static int check_pmem(const struct vm_devices *d, const struct pmem_config *c,
                      struct err *e)
{
    if (!c->is_root)
        return 0;
    if (drive_is_root(d))
        return err_set(e, -EEXIST,
                       "Attempt to add pmem as a root device while the root "
                       "device defined as a block device");
    for (size_t n = 0; n < d->num_pmems; n++)
        if (d->pmems[n].is_root && strcmp(d->pmems[n].id, c->id) != 0)
            return err_set(e, -EEXIST, "A root pmem device already exist");
    return 0;
}

int devices_put_pmem(struct vm_devices *d, struct pmem_config *given,
                     struct err *e)
{
    int rc = check_pmem(d, given, e);
    size_t at = 0;

    while (at < d->num_pmems && strcmp(d->pmems[at].id, given->id) != 0)
        at++;
    if (rc == 0 && at == d->num_pmems) {
        rc = devices_grow((void **)&d->pmems, at, sizeof(*given), e);
        d->num_pmems += rc == 0;
    }
    if (rc == 0) {
        pmem_release(&d->pmems[at]);
        d->pmems[at] = *given;
        memset(given, 0, sizeof(*given));
    }
    pmem_release(given);
    return rc;
}

int devices_patch_pmem(struct vm_devices *d, const char *id,
                       const struct rate_limit *limit, struct err *e)
{
    for (size_t n = 0; n < d->num_pmems; n++) {
        if (strcmp(d->pmems[n].id, id) != 0)
            continue;
        rate_limit_patch(&d->pmems[n].limit, limit);
        d->pmems[n].limit.given |= limit->given;
        d->pmems[n].given |= limit->given ? PMEM_GIVEN_LIMIT : 0;
        return 0;
    }
    return err_set(e, -ENODEV, "Device not found");
}

/* ---- vsock ---- */

#define CANNOT_BIND                                          \
    "Cannot create backend for vsock device: Error binding " \
    "to the host-side Unix socket: "

int devices_put_vsock(struct vm_devices *d, struct vsock_config *given,
                      struct err *e)
{
    int fd;

    if (d->has_vsock)
        unlink(d->vsock.uds_path);
    drop_vsock(d);
    fd = host_unix_listen(given->uds_path, VSOCK_BACKLOG);
    if (fd < 0) {
        vsock_release(given);
        if (fd == -ENAMETOOLONG)
            return err_set(e, fd,
                           CANNOT_BIND "path must be shorter than "
                                       "SUN_LEN");
        return err_set(e, fd, CANNOT_BIND "%s (os error %d)", strerror(-fd),
                       -fd);
    }
    d->vsock = *given;
    d->vsock.listener = fd;
    d->has_vsock = true;
    memset(given, 0, sizeof(*given));
    return 0;
}

/* ---- the others ---- */

int devices_check_balloon(const struct vm_devices *d, uint32_t amount_mib,
                          uint64_t mem_size_mib, struct err *e)
{
    uint64_t most = sat_add64(
        mem_size_mib, d->has_memory_hotplug ? d->memory_hotplug.total_mib : 0);

    if (amount_mib > most)
        return err_set(e, -ERANGE, "Amount of pages requested is too large.");
    return 0;
}

int devices_put_balloon(struct vm_devices *d, struct balloon_config *given,
                        uint64_t mem_size_mib, struct err *e)
{
    int rc = devices_check_balloon(d, given->amount_mib, mem_size_mib, e);

    if (rc < 0)
        return rc;
    d->balloon = *given;
    d->has_balloon = true;
    return 0;
}

int devices_put_entropy(struct vm_devices *d, struct entropy_config *given,
                        struct err *e)
{
    (void)e;
    rate_limit_normalize(&given->limit);
    d->entropy = *given;
    d->has_entropy = true;
    return 0;
}

int devices_put_memory_hotplug(struct vm_devices *d,
                               struct memory_hotplug_config *c, struct err *e)
{
    if (c->block_mib < BLOCK_MIB_MIN)
        return err_set(e, -EINVAL, "Block size must not be lower than 2 MiB");
    if (c->block_mib & (c->block_mib - 1))
        return err_set(e, -EINVAL, "Block size must be a power of 2");
    if (c->slot_mib < SLOT_MIB_MIN)
        return err_set(e, -EINVAL, "Slot size must not be lower than 128 MiB");
    if (c->slot_mib % c->block_mib)
        return err_set(e, -EINVAL,
                       "Slot size must be a multiple of block size (%u MiB)",
                       c->block_mib);
    if (c->total_mib < c->slot_mib)
        return err_set(e, -EINVAL,
                       "Total size must not be lower than slot size (%u MiB)",
                       c->slot_mib);
    if (c->total_mib % c->slot_mib)
        return err_set(e, -EINVAL,
                       "Total size must be a multiple of slot size (%u MiB)",
                       c->slot_mib);
    d->memory_hotplug = *c;
    d->has_memory_hotplug = true;
    return 0;
}

/* 169.254.1.0 to 169.254.254.255: RFC 3927, 2.1. */
static bool is_link_local(const char *text)
{
    struct in_addr addr;
    uint32_t host;

    if (inet_pton(AF_INET, text, &addr) != 1)
        return false;
    host = ntohl(addr.s_addr);
    return host >= 0xa9fe0100 && host <= 0xa9fefeff;
}

static bool has_net(const struct vm_devices *d, const char *id)
{
    for (size_t n = 0; n < d->num_nets; n++)
        if (strcmp(d->nets[n].id, id) == 0)
            return true;
    return false;
}

static bool lists(const struct text_list *list, const char *id)
{
    for (size_t n = 0; n < list->count; n++)
        if (strcmp(list->items[n], id) == 0)
            return true;
    return false;
}

static int check_mmds(const struct vm_devices *d, const struct mmds_config *c,
                      struct err *e)
{
    if (c->ipv4 && !is_link_local(c->ipv4))
        return err_set(e, -EINVAL, "The MMDS IPv4 address is not link local.");
    if (c->interfaces.count == 0)
        return err_set(e, -EINVAL,
                       "The list of network interface IDs that allow "
                       "forwarding MMDS requests is empty.");
    for (size_t n = 0; n < c->interfaces.count; n++)
        if (!has_net(d, c->interfaces.items[n]))
            return err_set(e, -ENOENT,
                           "The list of network interface IDs provided "
                           "contains at least one ID that does not correspond "
                           "to any existing network interface.");
    return 0;
}

int devices_put_mmds(struct vm_devices *d, struct mmds_config *given,
                     struct err *e)
{
    int rc = check_mmds(d, given, e);

    if (rc < 0) {
        mmds_release(given);
        return rc;
    }
    mmds_release(&d->mmds);
    d->mmds = *given;
    d->has_mmds = true;
    memset(given, 0, sizeof(*given));
    for (size_t n = 0; n < d->num_nets; n++)
        d->nets[n].has_mmds = lists(&d->mmds.interfaces, d->nets[n].id);
    return 0;
}

int devices_put_serial(struct vm_devices *d, struct serial_config *given,
                       struct err *e)
{
    (void)e;
    heap_free(d->serial.out_path);
    bucket_normalize(&given->limit);
    d->serial = *given;
    memset(given, 0, sizeof(*given));
    return 0;
}
