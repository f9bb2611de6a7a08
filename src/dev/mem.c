// SPDX-License-Identifier: Apache-2.0
/*
 * virtio memory (virtio 1.2, 5.15). Which blocks are plugged is gmem's to know.
 * A reset of the device changes nothing about them (5.15.5).
 */

#include "dev/mem.h"

#include <errno.h>
#include <string.h>

#include "base/heap.h"
#include "base/macros.h"
#include "base/metrics.h"
#include "host/host.h"

#define F_UNPLUGGED_INACCESSIBLE (1ull << 1)

/* Linux's memory blocks on arm64, so that none is half ours. */
#define ALIGNMENT (128 * MIB)

/* 5.15.4 */
struct config {
    uint64_t block_size;
    uint16_t node_id; /* 0 without VIRTIO_MEM_F_ACPI_PXM */
    uint8_t padding[6];
    uint64_t addr;
    uint64_t region_size;
    uint64_t usable_region_size;
    uint64_t plugged_size;
    uint64_t requested_size;
};
static_assert(sizeof(struct config) == 56, "virtio 1.2, 5.15.4");

/* 5.15.6 */
enum { T_PLUG, T_UNPLUG, T_UNPLUG_ALL, T_STATE };
enum { R_ACK, R_NACK, R_BUSY, R_ERROR };
enum { STATE_PLUGGED, STATE_UNPLUGGED, STATE_MIXED };
struct request {
    uint16_t type;
    uint16_t padding[3];
    uint64_t addr;
    uint16_t nb_blocks;
    uint16_t padding2[3];
};
static_assert(sizeof(struct request) == 24, "virtio 1.2, 5.15.6");
struct answer {
    uint16_t type;
    uint16_t padding[3];
    uint16_t state;
};
static_assert(sizeof(struct answer) == 10, "virtio 1.2, 5.15.6");
enum { TYPE_BYTES = 8 }; /* of a request without a range */

struct mem {
    struct virtio_dev base;
    struct config config;
    uint64_t slot;
    struct virtq_chain chain;
};

static struct mem *to_mem(struct virtio_dev *dev)
{
    return container_of(dev, struct mem, base);
}

/* --- requests --- */

/* 5.15.6.1: whole blocks in the usable region. Returns their bytes, 0: not
   such a range. */
static uint64_t range_of(const struct mem *m, const struct request *r)
{
    uint64_t bytes = r->nb_blocks * m->config.block_size;
    uint64_t offset = r->addr - m->config.addr;

    if (offset % m->config.block_size ||
        offset > m->config.usable_region_size ||
        bytes > m->config.usable_region_size - offset)
        return 0;
    return bytes;
}

static unsigned plug(struct mem *m, const struct request *r)
{
    uint64_t bytes = range_of(m, r);

    if (!bytes || gmem_plugged(m->base.ram, r->addr, bytes))
        return R_ERROR;
    /* The request may have crossed with a change of the size: try later. */
    if (m->config.plugged_size + bytes > m->config.requested_size)
        return R_NACK;
    if (gmem_plug(m->base.ram, r->addr, bytes) < 0)
        return R_ERROR;
    m->config.plugged_size += bytes;
    metric_add(&metrics.memory_hotplug.plug_bytes, bytes);
    return R_ACK;
}

/* It is gone even if the host did not take it back. */
static void give_back(struct mem *m, gpa_t addr, uint64_t bytes)
{
    if (gmem_unplug(m->base.ram, addr, bytes) < 0)
        metric_inc(&metrics.memory_hotplug.unplug_discard_fails);
}

static unsigned unplug(struct mem *m, const struct request *r)
{
    uint64_t bytes = range_of(m, r);

    if (!bytes || gmem_plugged(m->base.ram, r->addr, bytes) != bytes)
        return R_ERROR;
    give_back(m, r->addr, bytes);
    m->config.plugged_size -= bytes;
    metric_add(&metrics.memory_hotplug.unplug_bytes, bytes);
    return R_ACK;
}

static uint64_t usable_for(const struct mem *m, uint64_t requested)
{
    return align_up(requested, m->slot);
}

/* 5.15.6.3: now, and only now, the usable region may shrink. */
static unsigned unplug_all(struct mem *m)
{
    uint64_t usable = usable_for(m, m->config.requested_size);

    if (m->config.plugged_size)
        give_back(m, m->config.addr, m->config.region_size);
    m->config.plugged_size = 0;
    if (m->config.usable_region_size != usable) {
        m->config.usable_region_size = usable;
        virtio_dev_config_changed(&m->base);
    }
    return R_ACK;
}

static unsigned state(struct mem *m, const struct request *r, uint16_t *found)
{
    uint64_t bytes = range_of(m, r), plugged;

    if (!bytes)
        return R_ERROR;
    plugged = gmem_plugged(m->base.ram, r->addr, bytes);
    *found = plugged == bytes ? STATE_PLUGGED
             : plugged        ? STATE_MIXED
                              : STATE_UNPLUGGED;
    return R_ACK;
}

/* How often it was asked for, and not done, and how long that took. */
static void account(struct metric *count, struct metric *fails,
                    struct metric_agg *agg, unsigned type, uint64_t start_ns)
{
    metric_inc(count);
    if (type != R_ACK)
        metric_inc(fails);
    metric_agg_add(agg, (host_mono_ns() - start_ns) / 1000);
}

static struct answer handle(struct mem *m, const struct request *r)
{
    struct memory_hotplug_metrics *s = &metrics.memory_hotplug;
    uint64_t start_ns = host_mono_ns();
    struct answer a = {.type = R_ERROR};

    switch (r->type) {
    case T_PLUG:
        a.type = (uint16_t)plug(m, r);
        account(&s->plug_count, &s->plug_fails, &s->plug_agg, a.type, start_ns);
        break;
    case T_UNPLUG:
        a.type = (uint16_t)unplug(m, r);
        account(&s->unplug_count, &s->unplug_fails, &s->unplug_agg, a.type,
                start_ns);
        break;
    case T_UNPLUG_ALL:
        a.type = (uint16_t)unplug_all(m);
        account(&s->unplug_all_count, &s->unplug_all_fails, &s->unplug_all_agg,
                a.type, start_ns);
        break;
    case T_STATE:
        a.type = (uint16_t)state(m, r, &a.state);
        account(&s->state_count, &s->state_fails, &s->state_agg, a.type,
                start_ns);
        break;
    default:
        metric_inc(&s->queue_event_fails);
        log_guest(&m->base.guest_log, "mem: a request of unknown type %u",
                  r->type);
        break;
    }
    return a;
}

/* What is missing of a range is zeros, which no range has. */
static bool serve_one(struct mem *m)
{
    const struct virtq_chain *c = &m->chain;
    struct request r = {0};
    struct answer a;

    if (!virtio_dev_pop(&m->base, 0, &m->chain))
        return false;
    if (virtq_read(c, 0, &r, sizeof(r)) < TYPE_BYTES ||
        c->in_bytes < sizeof(a)) {
        metric_inc(&metrics.memory_hotplug.queue_event_fails);
        log_guest(&m->base.guest_log, "mem: a request of the wrong shape");
        virtq_push(&m->base.queues[0], c->head, 0);
        return true;
    }
    a = handle(m, &r);
    virtq_write(c, 0, &a, sizeof(a));
    virtq_done(&m->base.queues[0], c, sizeof(a));
    return true;
}

/* A request may take a while: a few, then others have their turn. */
static void mem_notify(struct virtio_dev *dev, unsigned n)
{
    enum { IN_A_ROW = 16 };
    unsigned served = 0;

    (void)n;
    metric_inc(&metrics.memory_hotplug.queue_event_count);
    while (served < IN_A_ROW && serve_one(to_mem(dev)))
        served++;
    virtio_dev_flush(dev, 0);
    if (served == IN_A_ROW)
        virtio_dev_again(dev, 0);
}

/* 5.15.3.1: a driver that wants to read what is not there is not for us. */
static int mem_activate(struct virtio_dev *dev)
{
    if (virtio_dev_has(dev, F_UNPLUGGED_INACCESSIBLE))
        return 0;
    log_guest(&dev->guest_log, "mem: the driver does not have "
                               "VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE");
    return -EINVAL;
}

static void mem_config_read(struct virtio_dev *dev, uint64_t offset, void *buf,
                            unsigned len)
{
    const struct mem *m = to_mem(dev);

    if (offset < sizeof(m->config))
        memcpy(buf, (const uint8_t *)&m->config + offset,
               MIN(len, sizeof(m->config) - offset));
}

static void mem_free(struct virtio_dev *dev)
{
    if (!dev)
        return;
    virtio_dev_release(dev);
    heap_free(to_mem(dev));
}

static const struct virtio_ops mem_ops = {
    .name = "mem",
    .id = VIRTIO_ID_MEM,
    .num_queues = 1,
    .activate = mem_activate,
    .notify = mem_notify,
    .config_read = mem_config_read,
    .free = mem_free,
};

/* --- making and changing it --- */

static int add_region(struct mem *m, const struct mem_setup *cfg, struct err *e)
{
    gpa_t base;

    if (!gmem_find_gap(m->base.ram, cfg->from, cfg->to, cfg->total,
                       MAX(cfg->block, ALIGNMENT), &base))
        return err_set(e, -ENOSPC,
                       "there is no room in the guest's address space for "
                       "%llu MiB of hotpluggable memory",
                       (unsigned long long)(cfg->total / MIB));
    m->config.addr = base;
    return gmem_add_blocks(m->base.ram, base, cfg->total, cfg->block, e);
}

struct virtio_dev *mem_new(const struct mem_setup *cfg, struct worker *worker,
                           struct gmem *ram, struct err *e)
{
    struct mem *m = heap_zalloc(sizeof(*m));

    if (!m) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    virtio_dev_init(&m->base, &mem_ops, worker, ram, F_UNPLUGGED_INACCESSIBLE);
    m->base.activate_fails = &metrics.memory_hotplug.activate_fails;
    m->base.event_fails = &metrics.memory_hotplug.queue_event_fails;
    m->slot = cfg->slot;
    m->config = (struct config){
        .block_size = cfg->block,
        .region_size = cfg->total,
        .usable_region_size = usable_for(m, cfg->requested),
        .requested_size = cfg->requested,
    };
    if (add_region(m, cfg, e) < 0) {
        mem_free(&m->base);
        return NULL;
    }
    return &m->base;
}

struct change {
    struct mem *m;
    uint64_t bytes;
    struct mem_status status;
};

static void change_request(void *ctx)
{
    const struct change *c = ctx;
    struct config *config = &c->m->config;

    config->requested_size = c->bytes;
    config->usable_region_size =
        MAX(config->usable_region_size, usable_for(c->m, c->bytes));
    virtio_dev_config_changed(&c->m->base);
}

/* region and block never change: any thread may look at them. */
int mem_request(struct virtio_dev *dev, uint64_t bytes, struct err *e)
{
    struct change c = {.m = to_mem(dev), .bytes = bytes};
    const struct config *config = &c.m->config;

    if (bytes > config->region_size || bytes % config->block_size)
        return err_set(e, -EINVAL,
                       "Size %llu is invalid: it must be a multiple of block "
                       "size and less than the total size: at most %llu MiB in "
                       "steps of %llu MiB",
                       (unsigned long long)bytes,
                       (unsigned long long)(config->region_size / MIB),
                       (unsigned long long)(config->block_size / MIB));
    worker_call(dev->worker, change_request, &c);
    return 0;
}

static void read_status(void *ctx)
{
    struct change *c = ctx;
    const struct config *config = &c->m->config;

    c->status = (struct mem_status){.total = config->region_size,
                                    .slot = c->m->slot,
                                    .block = config->block_size,
                                    .plugged = config->plugged_size,
                                    .requested = config->requested_size};
}

struct mem_status mem_status(struct virtio_dev *dev)
{
    struct change c = {.m = to_mem(dev)};

    worker_call(dev->worker, read_status, &c);
    return c.status;
}
