// SPDX-License-Identifier: Apache-2.0
/*
 * virtio block (virtio 1.2, 5.2). A request is a chain: 16 bytes of header to
 * read, data to read or to write, one byte of status to write. How the driver
 * cuts that into buffers is its own business (2.7.4).
 */

#include "dev/block.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/macros.h"
#include "dev/block_file.h"
#include "dev/block_request.h"
#include "host/host.h"

#define F_SEG_MAX (1ull << 2)
#define F_RO      (1ull << 5)
#define F_FLUSH   (1ull << 9)
#define F_DISCARD (1ull << 13)

enum {
    ASYNC_DEPTH = 128,
    TELL_BYTES = 256 << 10,        /* moved without a word to the driver */
    SEG_MAX = 126,                 /* two such requests fill a queue */
    DISCARD_MAX_SECTORS = 1 << 22, /* 2 GiB */
    DISCARD_MAX_SEGS = 16
};

/* 5.2.6 */
struct discard_seg {
    uint64_t sector;
    uint32_t num_sectors;
    uint32_t flags;
};
static_assert(sizeof(struct discard_seg) == 16, "virtio 1.2, 5.2.6");

/* 5.2.4; up to where there is something is there. */
struct config {
    uint64_t capacity;
    uint32_t size_max;
    uint32_t seg_max;
    uint8_t other[20];
    uint32_t max_discard_sectors;
    uint32_t max_discard_seg;
    uint32_t discard_sector_alignment;
    uint8_t rest[12];
};
static_assert(offsetof(struct config, seg_max) == 12 &&
                  offsetof(struct config, max_discard_sectors) == 36 &&
                  sizeof(struct config) == 64,
              "virtio 1.2, 5.2.4");

struct block {
    struct virtio_dev base;
    struct block_file file;
    struct rate_limiter limiter;
    struct worker_timer timer;      /* the limiter's */
    struct aio *aio;                /* owned; NULL: Sync */
    struct block_request *requests; /* owned */
    struct block_request *free;     /* borrowed from requests */
    uint64_t untold;                /* bytes asked for since the last flush */
    bool read_only;
    bool starved; /* no free request: go on when one is done */
    char *id;     /* owned; NULL: not in metrics */
    struct block_metrics stats;
    struct metric_device metric_device;
};

static struct block *to_block(struct virtio_dev *dev)
{
    return container_of(dev, struct block, base);
}

/* Whole sectors, all of them on the disk. */
static bool in_bounds(const struct block *b, const struct block_request *r)
{
    uint64_t count = r->bytes / BLOCK_SECTOR;

    return r->bytes % BLOCK_SECTOR == 0 && r->sector <= b->file.sectors &&
           count <= b->file.sectors - r->sector;
}

static bool may_run(const struct block *b, const struct block_request *r)
{
    switch (r->type) {
    case BLOCK_IN:
        return in_bounds(b, r);
    case BLOCK_OUT:
        return !b->read_only && in_bounds(b, r);
    default:
        return true;
    }
}

/* --- the end of a request --- */

static void count(struct block *b, const struct block_request *r)
{
    uint64_t us = (host_mono_ns() - r->start_ns) / 1000;

    if (r->type == BLOCK_IN) {
        metric_inc(&b->stats.read_count);
        metric_add(&b->stats.read_bytes, r->bytes);
        metric_agg_add(&b->stats.read_agg, us);
    } else if (r->type == BLOCK_OUT) {
        metric_inc(&b->stats.write_count);
        metric_add(&b->stats.write_bytes, r->bytes);
        metric_agg_add(&b->stats.write_agg, us);
    } else if (r->type == BLOCK_FLUSH) {
        metric_inc(&b->stats.flush_count);
    }
}

static void finish(struct block *b, struct block_request *r, uint8_t status)
{
    uint32_t written = block_request_written(r, b->base.ram);

    if (status == BLOCK_OK)
        count(b, r);
    else if (status == BLOCK_IOERR)
        metric_inc(&b->stats.execute_fails);
    else
        metric_inc(&b->stats.invalid_reqs_count);
    *r->status = status;
    gmem_written(b->base.ram, r->status_gpa, 1);
    virtq_push(&b->base.queues[0], r->chain.head,
               (status == BLOCK_OK ? written : 0) + 1);
}

static void finish_io(struct block *b, struct block_request *r, int rc)
{
    if (rc < 0)
        log_guest(&b->base.guest_log,
                  "block: %s of %" PRIu64 " bytes at sector %" PRIu64 ": %s",
                  r->type == BLOCK_IN    ? "read"
                  : r->type == BLOCK_OUT ? "write"
                                         : "flush",
                  r->bytes, r->sector, strerror(-rc));
    finish(b, r, (uint8_t)(rc < 0 ? BLOCK_IOERR : BLOCK_OK));
}

/* --- carrying it out --- */

/* 5.2.6: the driver's buffer is 20 bytes. Half an ID would be another's. */
static void get_id(struct block *b, struct block_request *r)
{
    if (r->bytes < sizeof(b->file.id)) {
        finish(b, r, BLOCK_IOERR);
        return;
    }
    r->bytes = virtq_write(&r->chain, 0, b->file.id, sizeof(b->file.id));
    finish(b, r, BLOCK_OK);
}

static int discard_one(struct block *b, const struct discard_seg *seg)
{
    if (seg->sector > b->file.sectors ||
        seg->num_sectors > b->file.sectors - seg->sector ||
        seg->num_sectors > DISCARD_MAX_SECTORS)
        return BLOCK_IOERR;
    if (seg->flags)
        return BLOCK_UNSUPP; /* 5.2.6.2: unmap is for WRITE_ZEROES */
    if (!seg->num_sectors)
        return BLOCK_OK;
    switch (host_punch_hole(b->file.fd, seg->sector * BLOCK_SECTOR,
                            (uint64_t)seg->num_sectors * BLOCK_SECTOR)) {
    case 0:
        return BLOCK_OK;
    case -EOPNOTSUPP:
        return BLOCK_UNSUPP;
    default:
        return BLOCK_IOERR;
    }
}

static void discard(struct block *b, struct block_request *r)
{
    uint64_t segs = r->bytes / sizeof(struct discard_seg);
    int status = BLOCK_OK;

    if (!virtio_dev_has(&b->base, F_DISCARD)) {
        finish(b, r, BLOCK_UNSUPP);
        return;
    }
    if (b->read_only || r->bytes % sizeof(struct discard_seg) ||
        segs > DISCARD_MAX_SEGS)
        status = BLOCK_IOERR;
    for (uint64_t n = 0; n < segs && status == BLOCK_OK; n++) {
        struct discard_seg seg;

        virtq_read(&r->chain, n * sizeof(seg), &seg, sizeof(seg));
        status = discard_one(b, &seg);
    }
    finish(b, r, (uint8_t)status);
}

static void run_sync(struct block *b, struct block_request *r)
{
    uint64_t offset = r->sector * BLOCK_SECTOR;
    int rc;

    if (r->type == BLOCK_IN)
        rc = block_file_read(&b->file, r->iov, r->num_iov, offset, 0);
    else if (r->type == BLOCK_OUT)
        rc = block_file_write(&b->file, r->iov, r->num_iov, offset, 0);
    else
        rc = fsync(b->file.fd) < 0 ? -errno : 0;
    finish_io(b, r, rc);
}

static void run_async(struct block *b, struct block_request *r)
{
    b->free = r->next_free;
    r->job = (struct aio_job){
        .op = r->type == BLOCK_IN    ? AIO_READ
              : r->type == BLOCK_OUT ? AIO_WRITE
                                     : AIO_FLUSH,
        .fd = b->file.fd,
        .iov = r->iov,
        .num_iov = r->num_iov,
        .offset = r->sector * BLOCK_SECTOR,
        .cached = b->file.regular,
    };
    aio_submit(b->aio, &r->job);
}

static void run(struct block *b, struct block_request *r)
{
    switch (r->type) {
    case BLOCK_IN:
    case BLOCK_OUT:
    case BLOCK_FLUSH:
        if (!may_run(b, r))
            finish_io(b, r, -EINVAL);
        else if (b->aio)
            run_async(b, r);
        else
            run_sync(b, r);
        break;
    case BLOCK_GET_ID:
        get_id(b, r);
        break;
    case BLOCK_DISCARD:
        discard(b, r);
        break;
    default:
        finish(b, r, BLOCK_UNSUPP);
        break;
    }
}

/* A part of a transfer is finished here and now; there is no more of it at the
   end of a file, which is an error then. */
static int complete(struct block *b, struct block_request *r)
{
    const struct aio_job *job = &r->job;
    uint64_t done;

    if (job->result < 0 && job->result != -EINTR && job->result != -EAGAIN)
        return (int)job->result;
    done = job->result > 0 ? (uint64_t)job->result : 0;
    if (job->op == AIO_FLUSH)
        return job->result < 0 && fsync(job->fd) < 0 ? -errno : 0;
    if (done == r->bytes)
        return 0;
    return job->op == AIO_READ
               ? block_file_read(&b->file, job->iov, job->num_iov, job->offset,
                                 done)
               : block_file_write(&b->file, job->iov, job->num_iov, job->offset,
                                  done);
}

/* --- the queue --- */

static void wait_for_tokens(struct block *b)
{
    metric_inc(&b->stats.rate_limiter_throttled_events);
    worker_timer_set(b->base.worker, &b->timer, b->limiter.blocked_until);
}

/* One chain: false if there is none, or none that may run now. */
static bool serve_one(struct block *b)
{
    struct virtq *q = &b->base.queues[0];
    struct block_request *r = b->free;
    uint64_t now;

    b->starved = !r;
    if (!r) {
        metric_inc(&b->stats.io_engine_throttled_events);
        return false;
    }
    if (!virtio_dev_pop(&b->base, 0, &r->chain))
        return false;
    metric_add(&b->stats.remaining_reqs_count, virtq_waiting(q));
    if (!block_request_parse(r)) {
        metric_inc(&b->stats.invalid_reqs_count);
        virtq_push(q, r->chain.head, 0);
        return true;
    }
    now = host_mono_ns();
    if (!rate_limiter_take(&b->limiter, r->type <= BLOCK_OUT ? r->bytes : 0,
                           now)) {
        virtq_unpop(q);
        wait_for_tokens(b);
        return false;
    }
    r->start_ns = now;
    b->untold += r->bytes;
    run(b, r);
    return true;
}

static void tell(struct block *b)
{
    b->untold = 0;
    virtio_dev_flush(&b->base, 0);
}

/* To copy as much takes the host longer than an interrupt takes the guest: it
   is told of what is done, and has its next requests ready when we are through
   with the others. */
static void tell_of_much(struct block *b)
{
    if (b->untold < TELL_BYTES)
        return;
    if (b->aio)
        aio_start(b->aio);
    tell(b);
}

/* At most a queue full, then others have their turn. What is done at once makes
   room for more. */
static void serve(struct block *b)
{
    unsigned served = 0;

    do {
        for (; served < VIRTQ_MAX_SIZE && serve_one(b); served++)
            tell_of_much(b);
        if (b->aio)
            aio_start(b->aio);
    } while (b->starved && b->free && served < VIRTQ_MAX_SIZE);
    if (!served && !b->starved && !b->limiter.blocked_until)
        metric_inc(&b->stats.no_avail_buffer);
    tell(b);
    if (served == VIRTQ_MAX_SIZE)
        virtio_dev_again(&b->base, 0);
}

static void block_notify(struct virtio_dev *dev, unsigned n)
{
    struct block *b = to_block(dev);

    (void)n;
    metric_inc(&b->stats.queue_event_count);
    if (b->limiter.blocked_until > host_mono_ns())
        wait_for_tokens(b);
    else
        serve(b);
}

static void serve_again(void *ctx)
{
    struct block *b = ctx;

    if (b->base.active)
        serve(b);
}

static void on_tokens(void *ctx)
{
    struct block *b = ctx;

    metric_inc(&b->stats.rate_limiter_event_count);
    serve_again(b);
}

static void on_done(void *ctx, struct aio_job *job)
{
    struct block *b = ctx;
    struct block_request *r = container_of(job, struct block_request, job);

    finish_io(b, r, complete(b, r));
    r->next_free = b->free;
    b->free = r;
}

static void on_idle(void *ctx)
{
    struct block *b = ctx;

    virtio_dev_flush(&b->base, 0);
    if (b->starved)
        serve_again(b);
}

static void block_reset(struct virtio_dev *dev)
{
    struct block *b = to_block(dev);

    worker_timer_stop(dev->worker, &b->timer);
    if (b->aio)
        aio_drain(b->aio);
    b->starved = false;
}

static uint64_t config_bytes(const struct virtio_dev *dev)
{
    return dev->offered & F_DISCARD   ? sizeof(struct config)
           : dev->offered & F_SEG_MAX ? offsetof(struct config, other)
                                      : sizeof(uint64_t);
}

static void block_config_read(struct virtio_dev *dev, uint64_t offset,
                              void *buf, unsigned len)
{
    struct block *b = to_block(dev);
    const struct config config = {
        .capacity = b->file.sectors,
        .seg_max = dev->offered & F_SEG_MAX ? SEG_MAX : 0,
        .max_discard_sectors = DISCARD_MAX_SECTORS,
        .max_discard_seg = DISCARD_MAX_SEGS,
        .discard_sector_alignment = 4096 / BLOCK_SECTOR,
    };
    uint64_t size = config_bytes(dev);

    if (offset < size)
        memcpy(buf, (const uint8_t *)&config + offset, MIN(len, size - offset));
    else
        metric_inc(&b->stats.cfg_fails);
}

/* --- making and changing it --- */

/* Not before the worker is out of it: the transport has reset us. */
static void close_engine(void *ctx)
{
    struct block *b = ctx;

    worker_timer_stop(b->base.worker, &b->timer);
    aio_free(b->aio);
    b->aio = NULL;
}

static void block_free(struct virtio_dev *dev)
{
    struct block *b;

    if (!dev)
        return;
    b = to_block(dev);
    worker_call(dev->worker, close_engine, b);
    block_file_close(&b->file);
    virtio_dev_release(dev);
    if (b->id)
        metrics_remove_device(&b->metric_device);
    heap_free(b->id);
    heap_free(b->requests);
    heap_free(b);
}

static const struct virtio_ops block_ops = {
    .name = "block",
    .id = VIRTIO_ID_BLOCK,
    .num_queues = 1,
    .notify = block_notify,
    .reset = block_reset,
    .config_read = block_config_read,
    .free = block_free,
};

static uint64_t features(const struct block_config *cfg)
{
    return VIRTIO_F_EVENT_IDX | (cfg->read_only ? F_RO : 0) |
           (cfg->writeback ? F_FLUSH : 0) | (cfg->segments ? F_SEG_MAX : 0) |
           (cfg->discard && !cfg->read_only ? F_DISCARD : 0);
}

/* Nothing is allocated while requests run. */
static int make_requests(struct block *b, unsigned num)
{
    b->requests = heap_calloc(num, sizeof(*b->requests));
    if (!b->requests)
        return -ENOMEM;
    for (unsigned n = 0; n < num; n++) {
        b->requests[n].next_free = b->free;
        b->free = &b->requests[n];
    }
    return 0;
}

struct engine_start {
    struct block *b;
    struct err *e;
    int rc;
};

static void open_engine(void *ctx)
{
    struct engine_start *s = ctx;
    const struct aio_hooks hooks = {
        .done = on_done, .idle = on_idle, .ctx = s->b};

    s->b->aio = aio_new(s->b->base.worker, ASYNC_DEPTH, false, &hooks, s->e);
    s->rc = s->b->aio ? 0 : -EIO;
}

static int register_metrics(struct block *b, const char *id, struct err *e)
{
    if (!id)
        return 0;
    b->id = heap_strdup(id);
    if (!b->id)
        return err_set(e, -ENOMEM, "out of memory");
    b->metric_device = (struct metric_device){
        .kind = METRIC_DEVICES_block, .id = b->id, .counters = &b->stats};
    metrics_add_device(&b->metric_device);
    return 0;
}

struct virtio_dev *block_new(const struct block_config *cfg,
                             struct worker *worker, struct gmem *ram,
                             struct err *e)
{
    struct block *b = heap_zalloc(sizeof(*b));
    struct engine_start start = {.b = b, .e = e};

    if (!b) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    virtio_dev_init(&b->base, &block_ops, worker, ram, features(cfg));
    b->base.activate_fails = &b->stats.activate_fails;
    b->base.cfg_fails = &b->stats.cfg_fails;
    b->base.event_fails = &b->stats.event_fails;
    b->read_only = cfg->read_only;
    b->timer = (struct worker_timer){.fn = on_tokens, .ctx = b};
    b->file.fd = -1;
    rate_limiter_init(&b->limiter, &cfg->limiter, host_mono_ns());
    if (block_file_open(&b->file, cfg->path, cfg->read_only, e) < 0)
        goto fail;
    if (make_requests(b, cfg->async ? ASYNC_DEPTH : 1) < 0) {
        err_set(e, -ENOMEM, "out of memory");
        goto fail;
    }
    if (cfg->async)
        worker_call(worker, open_engine, &start);
    if (start.rc < 0 || register_metrics(b, cfg->id, e) < 0)
        goto fail;
    return &b->base;

fail:
    block_free(&b->base);
    return NULL;
}

int block_check(const struct block_config *cfg, struct err *e)
{
    struct block_file f;
    int rc = block_file_open(&f, cfg->path, cfg->read_only, e);

    if (rc == 0)
        block_file_close(&f);
    return rc;
}

struct change {
    struct block *b;
    struct block_file file; /* the new one, then the old one */
    const struct bucket_config *bytes, *ops;
    int rc;
};

static void swap_file(void *ctx)
{
    struct change *c = ctx;
    struct block_file old = c->b->file;

    if (c->b->aio)
        aio_drain(c->b->aio);
    c->b->file = c->file;
    c->file = old;
    metric_inc(&c->b->stats.update_count);
    virtio_dev_config_changed(&c->b->base);
}

static void count_failed_update(void *ctx)
{
    struct change *c = ctx;

    metric_inc(&c->b->stats.update_fails);
}

int block_set_path(struct virtio_dev *dev, const char *path, struct err *e)
{
    struct change c = {.b = to_block(dev)};
    int rc = block_file_open(&c.file, path, c.b->read_only, e);

    worker_call(dev->worker, rc < 0 ? count_failed_update : swap_file, &c);
    block_file_close(&c.file);
    return rc;
}

static void change_limiter(void *ctx)
{
    struct change *c = ctx;

    rate_limiter_update(&c->b->limiter, c->bytes, c->ops, host_mono_ns());
}

void block_set_limiter(struct virtio_dev *dev,
                       const struct bucket_config *bytes,
                       const struct bucket_config *ops)
{
    struct change c = {.b = to_block(dev), .bytes = bytes, .ops = ops};

    worker_call(dev->worker, change_limiter, &c);
}

static void sync_file(void *ctx)
{
    struct change *c = ctx;

    if (c->b->aio)
        aio_drain(c->b->aio);
    c->rc = !c->b->read_only && fsync(c->b->file.fd) < 0 ? -errno : 0;
}

int block_sync(struct virtio_dev *dev, struct err *e)
{
    struct change c = {.b = to_block(dev)};

    worker_call(dev->worker, sync_file, &c);
    return c.rc < 0 ? err_set(e, c.rc, "cannot write a disk back: %s",
                              strerror(-c.rc))
                    : 0;
}

struct block_metrics *block_metrics_of(struct virtio_dev *dev)
{
    return &to_block(dev)->stats;
}
