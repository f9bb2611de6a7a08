// SPDX-License-Identifier: Apache-2.0
/*
 * virtio pmem (virtio 1.2, 5.19). Requests that are there at the same time are
 * answered by one flush. One that comes while the file is being flushed waits
 * for the next: it may be about something written since.
 */

#include "dev/pmem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/macros.h"
#include "dev/aio.h"
#include "host/filemap.h"
#include "host/host.h"

/* 5.19.6: le32 type; the answer is le32 ret. */
enum { T_FLUSH = 0, RET_OK = 0, REQUEST_BYTES = 4, ANSWER_BYTES = 4 };
#define RET_FAILED (~0u)

#define ALIGNMENT (2 * MIB)

/* 5.19.4 */
struct config {
    uint64_t start;
    uint64_t size;
};
static_assert(sizeof(struct config) == 16, "virtio 1.2, 5.19.4");

/* Who waits for a flush, and where the answer goes. */
struct waiter {
    uint16_t head;
    uint8_t *answer;
    gpa_t gpa;
};

struct pmem {
    struct virtio_dev base;
    struct config config;
    struct filemap *map; /* borrowed from ram */
    uint64_t file_bytes;
    struct rate_limiter limiter;
    struct worker_timer timer;
    struct aio *aio; /* owned */
    struct aio_job job;
    bool flushing;
    struct waiter waiters[VIRTQ_MAX_SIZE];
    unsigned num_waiters;
    struct virtq_chain chain;
    struct worker_event lost; /* pages of the file */
    char *id;                 /* owned */
    struct pmem_metrics stats;
    struct metric_device metric_device;
    bool has_metrics;
};

static struct pmem *to_pmem(struct virtio_dev *dev)
{
    return container_of(dev, struct pmem, base);
}

/* --- requests --- */

static void answer(struct pmem *p, const struct waiter *w, uint32_t ret)
{
    memcpy(w->answer, &ret, sizeof(ret));
    gmem_written(p->base.ram, w->gpa, sizeof(ret));
    virtq_push(&p->base.queues[0], w->head, ANSWER_BYTES);
}

/* The answer has to be in one piece: the driver's always is. */
static bool parse(struct pmem *p, struct waiter *w, uint32_t *type)
{
    const struct virtq_chain *c = &p->chain;

    if (virtq_read(c, 0, type, REQUEST_BYTES) != REQUEST_BYTES || !c->num_in ||
        c->iov[c->num_out].iov_len < ANSWER_BYTES)
        return false;
    *w = (struct waiter){.head = c->head,
                         .answer = c->iov[c->num_out].iov_base,
                         .gpa = c->gpa[c->num_out]};
    return true;
}

/* False: there is nothing in the queue. */
static bool take_one(struct pmem *p)
{
    struct waiter *w = &p->waiters[p->num_waiters];
    uint32_t type;

    if (!virtio_dev_pop(&p->base, 0, &p->chain))
        return false;
    if (!parse(p, w, &type)) {
        metric_inc(&p->stats.event_fails);
        log_guest(&p->base.guest_log, "pmem: a request of the wrong shape");
        virtq_push(&p->base.queues[0], p->chain.head, 0);
    } else if (type != T_FLUSH) {
        metric_inc(&p->stats.event_fails);
        log_guest(&p->base.guest_log, "pmem: a request of an unknown type");
        answer(p, w, RET_FAILED);
    } else {
        p->num_waiters++;
    }
    return true;
}

/* Takes what is there: at most a queue full, then others have their turn. */
static void take_all(struct pmem *p)
{
    unsigned taken = 0;

    while (p->num_waiters < VIRTQ_MAX_SIZE && taken < VIRTQ_MAX_SIZE &&
           take_one(p))
        taken++;
    if (taken == VIRTQ_MAX_SIZE)
        virtio_dev_again(&p->base, 0);
}

static bool may_flush(struct pmem *p)
{
    uint64_t now = host_mono_ns();

    if (p->limiter.blocked_until <= now &&
        rate_limiter_take(&p->limiter, p->file_bytes, now))
        return true;
    metric_inc(&p->stats.rate_limiter_throttled_events);
    worker_timer_set(p->base.worker, &p->timer, p->limiter.blocked_until);
    return false;
}

static void serve(struct pmem *p)
{
    if (p->flushing)
        return;
    take_all(p);
    virtio_dev_flush(&p->base, 0);
    if (!p->num_waiters || !may_flush(p))
        return;
    p->flushing = true;
    aio_submit(p->aio, &p->job);
    aio_start(p->aio);
    if (!p->base.worker)
        aio_drain(p->aio);
}

static void pmem_notify(struct virtio_dev *dev, unsigned n)
{
    struct pmem *p = to_pmem(dev);

    (void)n;
    metric_inc(&p->stats.queue_event_count);
    serve(p);
}

static void on_tokens(void *ctx)
{
    struct pmem *p = ctx;

    metric_inc(&p->stats.rate_limiter_event_count);
    if (p->base.active)
        serve(p);
}

/* On a thread of the engine's. */
static int64_t sync_file(void *ctx)
{
    const struct pmem *p = ctx;

    return filemap_sync(p->map);
}

static void on_done(void *ctx, struct aio_job *job)
{
    struct pmem *p = ctx;

    p->flushing = false;
    if (job->result < 0) {
        metric_inc(&p->stats.event_fails);
        log_error("pmem %s: the file cannot be flushed: %s", p->id,
                  strerror((int)-job->result));
    }
    for (unsigned n = 0; n < p->num_waiters; n++)
        answer(p, &p->waiters[n], job->result < 0 ? RET_FAILED : RET_OK);
    p->num_waiters = 0;
}

static void on_idle(void *ctx)
{
    struct pmem *p = ctx;

    virtio_dev_flush(&p->base, 0);
    if (p->base.active)
        serve(p);
}

static void pmem_reset(struct virtio_dev *dev)
{
    struct pmem *p = to_pmem(dev);

    worker_timer_stop(dev->worker, &p->timer);
    dev->active = false;
    aio_drain(p->aio);
    p->num_waiters = 0;
}

static void pmem_config_read(struct virtio_dev *dev, uint64_t offset, void *buf,
                             unsigned len)
{
    struct pmem *p = to_pmem(dev);

    if (offset < sizeof(p->config))
        memcpy(buf, (const uint8_t *)&p->config + offset,
               MIN(len, sizeof(p->config) - offset));
    else
        metric_inc(&p->stats.cfg_fails);
}

/* --- a file that does not hold what it said --- */

/* In the handler of a signal, on a thread that was about to touch guest memory
   and so holds no lock. */
static void note_lost(void *ctx)
{
    struct pmem *p = ctx;

    worker_post(p->base.worker, &p->lost);
}

static void tell_lost(void *ctx)
{
    struct pmem *p = ctx;

    metric_inc(&p->stats.event_fails);
    log_guest(&p->base.guest_log,
              "pmem %s: the file became shorter, its disk is full or broken: "
              "%llu pages are the guest's memory only, and flushes fail",
              p->id, (unsigned long long)filemap_lost(p->map));
}

/* --- making and changing it --- */

static void stop(void *ctx)
{
    struct pmem *p = ctx;

    if (p->map)
        filemap_on_lost(p->map, NULL, NULL);
    worker_timer_stop(p->base.worker, &p->timer);
    aio_free(p->aio);
    p->aio = NULL;
    worker_cancel(p->base.worker, &p->lost);
}

static void pmem_free(struct virtio_dev *dev)
{
    struct pmem *p;

    if (!dev)
        return;
    p = to_pmem(dev);
    worker_call(dev->worker, stop, p);
    virtio_dev_release(dev);
    if (p->has_metrics)
        metrics_remove_device(&p->metric_device);
    heap_free(p->id);
    heap_free(p);
}

static const struct virtio_ops pmem_ops = {
    .name = "pmem",
    .id = VIRTIO_ID_PMEM,
    .num_queues = 1,
    .notify = pmem_notify,
    .reset = pmem_reset,
    .config_read = pmem_config_read,
    .free = pmem_free,
};

static int refuse(struct err *e, int code, const char *path)
{
    return err_set(e, code,
                   "Error accessing backing file: %s (os error %d) %.200s",
                   strerror(-code), -code, path);
}

/* Its length: O_NONBLOCK, a FIFO nobody writes to must not hold us up. */
static int open_file(const char *path, bool read_only, uint64_t *bytes,
                     struct err *e)
{
    int fd =
        open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    off_t end;
    int rc = 0;

    if (fd < 0)
        return refuse(e, -errno, path);
    if (fstat(fd, &st) < 0 || (end = lseek(fd, 0, SEEK_END)) < 0)
        rc = refuse(e, -errno, path);
    else if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        rc = err_set(e, -EINVAL,
                     "Error accessing backing file: neither a file nor a "
                     "block device: %.200s",
                     path);
    else if (end == 0)
        rc = err_set(e, -EINVAL, "Error backing file size is 0");
    else
        *bytes = (uint64_t)end;
    if (rc < 0)
        close(fd);
    return rc < 0 ? rc : fd;
}

static int map_file(struct pmem *p, const struct pmem_setup *cfg, int fd,
                    struct err *e)
{
    uint64_t bytes = align_up(p->file_bytes, ALIGNMENT);
    gpa_t base;

    if (!gmem_find_gap(p->base.ram, cfg->from, cfg->to, bytes, ALIGNMENT,
                       &base))
        return err_set(e, -ENOSPC,
                       "there is no room in the guest's address space for "
                       "%llu MiB: %.200s",
                       (unsigned long long)(bytes / MIB), cfg->path);
    p->config = (struct config){.start = base, .size = bytes};
    p->map = filemap_new(fd, p->file_bytes, bytes, cfg->read_only, e);
    if (!p->map)
        return -EIO;
    if (gmem_add_file(p->base.ram, base, bytes, p->map, cfg->read_only, e) ==
        0) {
        filemap_on_lost(p->map, note_lost, p);
        return 0;
    }
    p->map = NULL;
    return -EIO;
}

static int open_map(struct pmem *p, const struct pmem_setup *cfg, struct err *e)
{
    int fd = open_file(cfg->path, cfg->read_only, &p->file_bytes, e);
    int rc;

    if (fd < 0)
        return fd;
    rc = map_file(p, cfg, fd, e);
    close(fd);
    return rc;
}

struct engine_start {
    struct pmem *p;
    struct err *e;
};

static void open_engine(void *ctx)
{
    struct engine_start *s = ctx;
    const struct aio_hooks hooks = {
        .done = on_done, .idle = on_idle, .ctx = s->p};

    s->p->aio = aio_new(s->p->base.worker, 1, true, &hooks, s->e);
}

static void register_metrics(struct pmem *p)
{
    p->metric_device = (struct metric_device){
        .kind = METRIC_DEVICES_pmem, .id = p->id, .counters = &p->stats};
    metrics_add_device(&p->metric_device);
    p->has_metrics = true;
}

struct virtio_dev *pmem_new(const struct pmem_setup *cfg, struct worker *worker,
                            struct gmem *ram, struct err *e)
{
    struct pmem *p = heap_zalloc(sizeof(*p));
    struct engine_start start = {.p = p, .e = e};

    if (!p) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    virtio_dev_init(&p->base, &pmem_ops, worker, ram, 0);
    p->base.activate_fails = &p->stats.activate_fails;
    p->base.cfg_fails = &p->stats.cfg_fails;
    p->base.event_fails = &p->stats.event_fails;
    p->timer = (struct worker_timer){.fn = on_tokens, .ctx = p};
    p->lost = (struct worker_event){.fn = tell_lost, .ctx = p};
    p->job = (struct aio_job){.op = AIO_CALL, .call = sync_file, .ctx = p};
    rate_limiter_init(&p->limiter, &cfg->limiter, host_mono_ns());
    p->id = heap_strdup(cfg->id);
    if (!p->id) {
        err_set(e, -ENOMEM, "out of memory");
        goto fail;
    }
    worker_call(worker, open_engine, &start);
    if (!p->aio || open_map(p, cfg, e) < 0)
        goto fail;
    register_metrics(p);
    return &p->base;

fail:
    pmem_free(&p->base);
    return NULL;
}

struct change {
    struct pmem *p;
    const struct bucket_config *bytes, *ops;
};

static void change_limiter(void *ctx)
{
    struct change *c = ctx;

    rate_limiter_update(&c->p->limiter, c->bytes, c->ops, host_mono_ns());
}

void pmem_set_limiter(struct virtio_dev *dev, const struct bucket_config *bytes,
                      const struct bucket_config *ops)
{
    struct change c = {.p = to_pmem(dev), .bytes = bytes, .ops = ops};

    worker_call(dev->worker, change_limiter, &c);
}

int pmem_sync(struct virtio_dev *dev, struct err *e)
{
    const struct pmem *p = to_pmem(dev);
    int rc = filemap_sync(p->map);

    return rc < 0 ? err_set(e, rc, "cannot write pmem %s back: %s", p->id,
                            strerror(-rc))
                  : 0;
}

struct pmem_metrics *pmem_metrics_of(struct virtio_dev *dev)
{
    return &to_pmem(dev)->stats;
}
