// SPDX-License-Identifier: Apache-2.0
/* From configured devices to devices in slots. */

#include "vm/attach.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/heap.h"
#include "base/macros.h"
#include "dev/balloon.h"
#include "dev/block.h"
#include "dev/entropy.h"
#include "dev/mem.h"
#include "dev/mmds_net.h"
#include "dev/net.h"
#include "dev/pmem.h"
#include "dev/virtio_mmio.h"
#include "dev/vsock.h"
#include "machine/layout.h"

struct slot {
    struct virtio_dev *dev; /* owned until published */
    char *id;               /* owned; NULL: there is only one of its kind */
};

struct attached {
    struct worker *worker; /* owned */
    struct gmem *ram;      /* borrowed */
    struct slot slots[VIRTIO_MMIO_SLOTS];
    unsigned num_slots;
    bool published;
    struct mmds_net *mmds[VIRTIO_MMIO_SLOTS]; /* owned, of NICs */
    unsigned num_mmds;
};

/* Takes ownership of dev, also on failure; NULL passes through. */
static int add(struct attached *a, struct virtio_dev *dev, const char *id,
               struct err *e)
{
    struct slot slot = {.dev = dev};

    if (!dev)
        return -EIO;
    if (a->num_slots == VIRTIO_MMIO_SLOTS) {
        dev->ops->free(dev);
        return err_set(e, -ENOSPC,
                       "Could not allocate GSI: The requested resource is not "
                       "available.");
    }
    slot.id = id ? heap_strdup(id) : NULL;
    if (id && !slot.id) {
        dev->ops->free(dev);
        return err_set(e, -ENOMEM, "out of memory");
    }
    a->slots[a->num_slots++] = slot;
    return 0;
}

struct bucket_config bucket_config_of(const struct token_bucket *b)
{
    return (struct bucket_config){.size = b->size,
                                  .one_time_burst = b->one_time_burst,
                                  .refill_time_ms = b->refill_time};
}

static struct limiter_config limiter_config_of(const struct rate_limit *limit)
{
    return (struct limiter_config){.bandwidth =
                                       bucket_config_of(&limit->bandwidth),
                                   .ops = bucket_config_of(&limit->ops)};
}

static int add_drive(struct attached *a, const struct drive_config *d,
                     struct err *e)
{
    const struct block_config cfg = {
        .id = d->id,
        .path = d->path,
        .read_only = d->is_read_only,
        .writeback = d->cache_type == CACHE_WRITEBACK,
        .async = d->io_engine == IO_ENGINE_ASYNC,
        .discard = d->discard,
        .segments = d->segments,
        .limiter = limiter_config_of(&d->limit),
    };

    return add(a, block_new(&cfg, a->worker, a->ram, e), d->id, e);
}

/* NULL, and no error: this NIC has none. It lives as long as `a`. */
static int make_mmds(struct attached *a, const struct net_config *c,
                     const struct vm_devices *d, struct mmds_net **out,
                     struct err *e)
{
    const char *text = d->mmds.ipv4 ? d->mmds.ipv4 : MMDS_DEFAULT_IPV4;
    uint8_t ip[4];

    *out = NULL;
    if (!c->has_mmds || !d->mmds_answerer ||
        a->num_mmds == ARRAY_LEN(a->mmds) || inet_pton(AF_INET, text, ip) != 1)
        return 0;
    *out = mmds_net_new(ip, d->mmds_answerer, a->worker, e);
    if (!*out)
        return -ENOMEM;
    a->mmds[a->num_mmds++] = *out;
    return 0;
}

static int add_net(struct attached *a, const struct net_config *c,
                   const struct vm_devices *d, struct err *e)
{
    struct mmds_net *mmds;
    struct nic_config cfg = {
        .id = c->id,
        .mtu = c->mtu,
        .rx = limiter_config_of(&c->rx_limit),
        .tx = limiter_config_of(&c->tx_limit),
    };
    int rc = make_mmds(a, c, d, &mmds, e);

    if (rc < 0)
        return rc;
    cfg.has_mac = c->guest_mac && net_parse_mac(c->guest_mac, cfg.mac);
    cfg.detour = mmds ? mmds_net_detour(mmds) : NULL;
    cfg.backend = devices_take_net(c, e);
    rc = add(a, net_new(&cfg, a->worker, a->ram, e), c->id, e);
    if (rc == 0 && mmds)
        mmds_net_set_nic(mmds, a->slots[a->num_slots - 1].dev);
    return rc;
}

static int add_balloon(struct attached *a, const struct balloon_config *c,
                       struct err *e)
{
    const struct balloon_options opt = {
        .amount_mib = c->amount_mib,
        .deflate_on_oom = c->deflate_on_oom,
        .stats_interval_s = c->stats_interval_s,
        .hinting = c->hinting,
        .reporting = c->reporting,
    };

    return add(a, balloon_new(&opt, a->worker, a->ram, e), NULL, e);
}

static int add_vsock(struct attached *a, const struct vsock_config *cfg,
                     struct err *e)
{
    const struct vsock_options opt = {.guest_cid = cfg->guest_cid,
                                      .path = cfg->uds_path,
                                      .listener = cfg->listener};

    return add(a, vsock_new(&opt, a->worker, a->ram, e), NULL, e);
}

static int add_pmem(struct attached *a, const struct pmem_config *c,
                    struct err *e)
{
    const struct pmem_setup cfg = {
        .id = c->id,
        .path = c->path,
        .read_only = c->is_read_only,
        .from = FAR_MEM_BASE,
        .to = FAR_MEM_BASE + FAR_MEM_SIZE,
        .limiter = limiter_config_of(&c->limit),
    };
    struct virtio_dev *dev = pmem_new(&cfg, a->worker, a->ram, e);

    if (!dev)
        err_prefix(e, "Cannot create pmem device");
    return add(a, dev, c->id, e);
}

static int add_mem(struct attached *a, const struct memory_hotplug_config *c,
                   struct err *e)
{
    const struct mem_setup cfg = {
        .total = c->total_mib * MIB,
        .slot = c->slot_mib * MIB,
        .block = c->block_mib * MIB,
        .requested = c->requested_mib * MIB,
        .from = FAR_MEM_BASE,
        .to = FAR_MEM_BASE + FAR_MEM_SIZE,
    };

    return add(a, mem_new(&cfg, a->worker, a->ram, e), NULL, e);
}

/* Firecracker's order: balloon, block with the root first, net, pmem, vsock,
   entropy, memory. */
static int add_all(struct attached *a, const struct vm_devices *cfg,
                   struct err *e)
{
    int rc = cfg->has_balloon ? add_balloon(a, &cfg->balloon, e) : 0;

    for (size_t n = 0; n < cfg->num_drives && rc == 0; n++)
        rc = add_drive(a, &cfg->drives[n], e);
    for (size_t n = 0; n < cfg->num_nets && rc == 0; n++)
        rc = add_net(a, &cfg->nets[n], cfg, e);
    for (size_t n = 0; n < cfg->num_pmems && rc == 0; n++)
        rc = add_pmem(a, &cfg->pmems[n], e);
    if (rc == 0 && cfg->has_vsock)
        rc = add_vsock(a, &cfg->vsock, e);
    if (rc == 0 && cfg->has_entropy) {
        struct limiter_config limiter = limiter_config_of(&cfg->entropy.limit);

        rc = add(a, entropy_new(&limiter, a->worker, a->ram, e), NULL, e);
    }
    if (rc == 0 && cfg->has_memory_hotplug)
        rc = add_mem(a, &cfg->memory_hotplug, e);
    return rc;
}

struct attached *attached_new(const struct vm_devices *cfg, struct gmem *ram,
                              struct err *e)
{
    struct attached *a = heap_zalloc(sizeof(*a));

    if (!a) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    a->ram = ram;
    a->worker = worker_new("squib_io", e);
    if (!a->worker || add_all(a, cfg, e) < 0) {
        attached_free(a);
        return NULL;
    }
    return a;
}

struct worker *attached_worker(const struct attached *a)
{
    return a->worker;
}

uint32_t attached_slots(const struct attached *a)
{
    return (uint32_t)((1ull << a->num_slots) - 1);
}

int attached_publish(struct attached *a, struct mmio_bus *bus,
                     void (*spi)(void *ctx, unsigned intid, bool level),
                     void *ctx, struct err *e)
{
    unsigned n = 0;
    int rc = 0;

    for (; n < a->num_slots && rc == 0; n++) {
        struct mmio_dev *mmio = virtio_mmio_new(a->slots[n].dev, e);

        if (!mmio) {
            rc = -ENOMEM;
            continue;
        }
        mmio->irq = (struct irq_line){
            .set = spi, .ctx = ctx, .intid = SPI_TO_INTID(VIRTIO_MMIO_SPI + n)};
        rc = mmio_bus_add(bus, virtio_mmio_addr(n), mmio, e);
    }
    /* What was not reached is still ours to free. */
    for (; n < a->num_slots; n++)
        a->slots[n].dev->ops->free(a->slots[n].dev);
    a->published = true;
    return rc;
}

void attached_free(struct attached *a)
{
    if (!a)
        return;
    for (unsigned n = 0; n < a->num_slots; n++) {
        if (!a->published)
            a->slots[n].dev->ops->free(a->slots[n].dev);
        heap_free(a->slots[n].id);
    }
    for (unsigned n = 0; n < a->num_mmds; n++)
        mmds_net_free(a->mmds[n]);
    worker_free(a->worker);
    heap_free(a);
}

struct virtio_dev *attached_find(const struct attached *a, unsigned kind,
                                 const char *id)
{
    for (unsigned n = 0; n < a->num_slots; n++) {
        const struct slot *s = &a->slots[n];

        if (s->dev->ops->id == kind &&
            (!s->id || (id && strcmp(s->id, id) == 0)))
            return s->dev;
    }
    return NULL;
}

/* A bucket that was not given stays. */
struct patch {
    struct limiter_config cfg;
    const struct bucket_config *bytes, *ops; /* of cfg, or NULL */
};

static void patch_init(struct patch *p, const struct rate_limit *limit)
{
    p->cfg = limiter_config_of(limit);
    p->bytes =
        limit->given & RATE_LIMIT_GIVEN_BANDWIDTH ? &p->cfg.bandwidth : NULL;
    p->ops = limit->given & RATE_LIMIT_GIVEN_OPS ? &p->cfg.ops : NULL;
}

static void patch_limiter(struct virtio_dev *dev,
                          const struct rate_limit *limit)
{
    struct patch p;

    patch_init(&p, limit);
    block_set_limiter(dev, p.bytes, p.ops);
}

int attached_patch_drive(const struct attached *a, const char *id,
                         const char *path, const struct rate_limit *limit,
                         struct err *e)
{
    struct virtio_dev *dev = attached_find(a, VIRTIO_ID_BLOCK, id);
    int rc;

    if (!dev)
        return err_set(e, -ENODEV, "there is no drive with the id %.64s", id);
    rc = path ? block_set_path(dev, path, e) : 0;
    if (rc == 0 && limit)
        patch_limiter(dev, limit);
    return rc;
}

int attached_patch_net(const struct attached *a, const char *id,
                       const struct rate_limit *rx, const struct rate_limit *tx,
                       struct err *e)
{
    struct virtio_dev *dev = attached_find(a, VIRTIO_ID_NET, id);
    struct patch r, t;

    if (!dev)
        return err_set(e, -ENODEV, "there is no interface with the id %.64s",
                       id);
    patch_init(&r, rx);
    patch_init(&t, tx);
    net_set_limits(dev, &(struct net_limits){.rx_bytes = r.bytes,
                                             .rx_ops = r.ops,
                                             .tx_bytes = t.bytes,
                                             .tx_ops = t.ops});
    return 0;
}

static void resume_all(void *ctx)
{
    struct attached *a = ctx;

    for (unsigned n = 0; n < a->num_slots; n++)
        virtio_dev_resumed(a->slots[n].dev);
}

void attached_pause(struct attached *a)
{
    worker_pause(a->worker, true);
}

void attached_resume(struct attached *a)
{
    worker_call(a->worker, resume_all, a);
    worker_pause(a->worker, false);
}

int attached_patch_pmem(const struct attached *a, const char *id,
                        const struct rate_limit *limit, struct err *e)
{
    struct virtio_dev *dev = attached_find(a, VIRTIO_ID_PMEM, id);
    struct patch p;

    if (!dev)
        return err_set(e, -ENODEV, "there is no pmem device with the id %.64s",
                       id);
    patch_init(&p, limit);
    pmem_set_limiter(dev, p.bytes, p.ops);
    return 0;
}

int attached_sync(const struct attached *a, struct err *e)
{
    int rc = 0;

    for (unsigned n = 0; n < a->num_slots && rc == 0; n++) {
        struct virtio_dev *dev = a->slots[n].dev;

        if (dev->ops->id == VIRTIO_ID_BLOCK)
            rc = block_sync(dev, e);
        else if (dev->ops->id == VIRTIO_ID_PMEM)
            rc = pmem_sync(dev, e);
    }
    return rc;
}
