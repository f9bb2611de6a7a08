// SPDX-License-Identifier: Apache-2.0
/*
 * virtio balloon. A guest can name millions of pages in one chain, so a chain
 * is worked on in slices, and the worker does other things between them.
 */

#include "dev/balloon.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/metrics.h"
#include "host/host.h"

/* virtio 1.2, 5.5.3. */
#define F_STATS_VQ       (1ull << 1)
#define F_DEFLATE_ON_OOM (1ull << 2)
#define F_FREE_PAGE_HINT (1ull << 3)
#define F_REPORTING      (1ull << 5)

enum { PFN_SHIFT = 12 };

/* How much is done for a queue before others have their turn. */
enum {
    SLICE_PFNS = 1024,
    SLICE_PIECES = 64,
    PIECE_BYTES = 64 << 20 /* of one range */
};

/* What a queue is for. */
enum role { INFLATE, DEFLATE, STATS, HINT, REPORT, NUM_ROLES };

/* 5.5.4, without poison_val: Firecracker's config space ends there. */
struct config {
    uint32_t num_pages;
    uint32_t actual;
    uint32_t hint_cmd_id;
};
static_assert(sizeof(struct config) == 12, "12 bytes");

/* A chain that is being worked on, and how far. */
struct walk {
    bool busy;
    unsigned range;  /* of a chain of ranges: the one that is next */
    uint64_t offset; /* into that range, or into the chain's bytes */
    struct virtq_chain chain;
};

struct balloon {
    struct virtio_dev base;
    struct worker_timer timer;
    enum role roles[NUM_ROLES]; /* of each queue, once the driver chose */
    unsigned queue_of[NUM_ROLES];
    struct walk walks[NUM_ROLES];
    uint32_t pfns[SLICE_PFNS];
    uint16_t stats_head; /* the buffer we keep until new ones are wanted */
    bool has_stats_head;
    bool served;       /* a notification was for something */
    bool acknowledge;  /* of the run of hints */
    uint32_t last_run; /* its number; each has its own */

    /* The worker changes these, others read them. */
    pthread_mutex_t lock;
    struct config config;
    struct balloon_stats stats;
    struct balloon_hinting hinting;
    uint16_t interval_s;
};

static struct balloon *to_balloon(struct virtio_dev *dev)
{
    return container_of(dev, struct balloon, base);
}

/* --- chains --- */

/* The chain to go on with; false: there is none. */
static bool next_chain(struct balloon *b, enum role role)
{
    struct walk *w = &b->walks[role];

    if (!w->busy) {
        if (!virtio_dev_pop(&b->base, b->queue_of[role], &w->chain))
            return false;
        w->busy = true;
        w->range = 0;
        w->offset = 0;
    }
    b->served = b->base.active;
    return b->base.active;
}

static void end_chain(struct balloon *b, enum role role)
{
    struct walk *w = &b->walks[role];

    virtq_push(&b->base.queues[b->queue_of[role]], w->chain.head, 0);
    w->busy = false;
}

/* --- inflate --- */

/* Shell's sort: the library's may ask for memory. */
static void sort(uint32_t *v, unsigned count)
{
    static const unsigned gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};

    for (unsigned g = 0; g < ARRAY_LEN(gaps); g++) {
        unsigned gap = gaps[g];

        for (unsigned n = gap; n < count; n++) {
            uint32_t x = v[n];
            unsigned at = n;

            for (; at >= gap && v[at - gap] > x; at -= gap)
                v[at] = v[at - gap];
            v[at] = x;
        }
    }
}

/* Sorted pages, a run of neighbours at a time. */
static void discard_pages(struct balloon *b, const uint32_t *pfns,
                          unsigned count)
{
    unsigned first = 0;

    for (unsigned n = 1; n <= count; n++) {
        gpa_t from = (gpa_t)pfns[first] << PFN_SHIFT;
        uint64_t pages;

        if (n < count && pfns[n] - pfns[n - 1] <= 1)
            continue;
        pages = (uint64_t)pfns[n - 1] - pfns[first] + 1;
        if (gmem_discard(b->base.ram, from, pages << PFN_SHIFT) < 0)
            metric_inc(&metrics.balloon.event_fails);
        first = n;
    }
}

/* Some pages of the chain; how many at most were looked at. */
static unsigned inflate_some(struct balloon *b, struct walk *w, unsigned most)
{
    const struct virtq_chain *c = &w->chain;
    uint64_t left = (c->out_bytes - w->offset) / sizeof(b->pfns[0]);
    unsigned count = (unsigned)MIN(left, most);

    if (w->offset == 0 &&
        (c->in_bytes || !c->out_bytes || c->out_bytes % sizeof(b->pfns[0])))
        metric_inc(&metrics.balloon.event_fails);
    virtq_read(c, w->offset, b->pfns, count * sizeof(b->pfns[0]));
    w->offset += count * sizeof(b->pfns[0]);
    sort(b->pfns, count);
    discard_pages(b, b->pfns, count);
    if (count == left)
        end_chain(b, INFLATE);
    return MAX(count, 1u);
}

/* True: that was not all. */
static bool inflate(struct balloon *b)
{
    unsigned left = SLICE_PFNS;

    while (left && next_chain(b, INFLATE))
        left -= inflate_some(b, &b->walks[INFLATE], left);
    return !left;
}

/* --- deflate: what the guest takes back is there as soon as it is touched ---
 */

static bool deflate(struct balloon *b)
{
    unsigned left = VIRTQ_MAX_SIZE;

    while (left && next_chain(b, DEFLATE)) {
        end_chain(b, DEFLATE);
        left--;
    }
    return !left;
}

/* --- statistics: one buffer goes back and forth (5.5.6.3) --- */

static void note_stats(struct balloon *b, const struct virtq_chain *c)
{
    struct balloon_stats stats = b->stats;
    int unknown = balloon_stats_read(&stats, c);

    if (unknown < 0)
        metric_inc(&metrics.balloon.stats_update_fails);
    else if (unknown)
        log_debug("balloon: %d statistics with tags that are not known",
                  unknown);
    pthread_mutex_lock(&b->lock);
    b->stats = stats;
    pthread_mutex_unlock(&b->lock);
}

static void return_stats_buffer(struct balloon *b)
{
    if (b->has_stats_head)
        virtq_push(&b->base.queues[b->queue_of[STATS]], b->stats_head, 0);
    b->has_stats_head = false;
}

/* The guest gets its buffer, and fills it again. */
static void ask_for_stats(struct balloon *b)
{
    if (!b->has_stats_head)
        return;
    return_stats_buffer(b);
    virtio_dev_flush(&b->base, b->queue_of[STATS]);
}

static bool take_stats(struct balloon *b)
{
    struct walk *w = &b->walks[STATS];
    unsigned left = VIRTQ_MAX_SIZE;

    while (left && next_chain(b, STATS)) {
        return_stats_buffer(b); /* a driver that gives two gets one back */
        note_stats(b, &w->chain);
        b->stats_head = w->chain.head;
        b->has_stats_head = true;
        w->busy = false;
        left--;
    }
    return !left;
}

static void set_timer(struct balloon *b)
{
    if (b->interval_s)
        worker_timer_set(b->base.worker, &b->timer,
                         host_mono_ns() + b->interval_s * 1000000000ull);
}

static void on_timer(void *ctx)
{
    struct balloon *b = ctx;

    ask_for_stats(b);
    set_timer(b);
}

/* --- ranges of free pages: hints and reports --- */

/* How ranges of one kind are counted: each once, in however many pieces. */
struct range_metrics {
    struct metric *ranges, *freed, *fails;
};

/* The next piece of the chain's ranges; false: that was the last. */
static bool discard_piece(struct balloon *b, struct walk *w,
                          const struct range_metrics *m)
{
    const struct virtq_chain *c = &w->chain;
    unsigned n = c->num_out + w->range;
    uint64_t bytes;

    if (w->range == c->num_in)
        return false;
    bytes = MIN(c->iov[n].iov_len - w->offset, (uint64_t)PIECE_BYTES);
    if (w->offset == 0)
        metric_inc(m->ranges);
    if (gmem_discard(b->base.ram, c->gpa[n] + w->offset, bytes) < 0)
        metric_inc(m->fails);
    else
        metric_add(m->freed, bytes);
    w->offset += bytes;
    if (w->offset >= c->iov[n].iov_len) {
        w->range++;
        w->offset = 0;
    }
    return true;
}

static bool take_reports(struct balloon *b)
{
    static const struct range_metrics counted = {
        .ranges = &metrics.balloon.free_page_report_count,
        .freed = &metrics.balloon.free_page_report_freed,
        .fails = &metrics.balloon.free_page_report_fails,
    };
    unsigned left = SLICE_PIECES;

    for (; left && next_chain(b, REPORT); left--)
        if (!discard_piece(b, &b->walks[REPORT], &counted))
            end_chain(b, REPORT);
    return !left;
}

static void set_hint_command(struct balloon *b, uint32_t cmd)
{
    pthread_mutex_lock(&b->lock);
    b->hinting.host_cmd = cmd;
    b->config.hint_cmd_id = cmd;
    pthread_mutex_unlock(&b->lock);
    virtio_dev_config_changed(&b->base);
}

/* 5.5.6.5: the number of the run begins it, STOP ends it. */
static void take_command(struct balloon *b, uint32_t cmd)
{
    pthread_mutex_lock(&b->lock);
    b->hinting.guest_cmd = cmd;
    b->hinting.has_guest_cmd = true;
    pthread_mutex_unlock(&b->lock);
    if (cmd == BALLOON_HINT_STOP && b->acknowledge &&
        b->hinting.host_cmd >= BALLOON_HINT_FIRST)
        set_hint_command(b, BALLOON_HINT_DONE);
}

static void take_hint_head(struct balloon *b, struct walk *w)
{
    uint32_t cmd;

    if (!w->chain.out_bytes || w->range || w->offset)
        return;
    if (virtq_read(&w->chain, 0, &cmd, sizeof(cmd)) == sizeof(cmd))
        take_command(b, cmd);
    else
        metric_inc(&metrics.balloon.free_page_hint_fails);
}

/* Pages of a run that is over may be in use again. */
static bool in_run(const struct balloon *b)
{
    return b->hinting.has_guest_cmd &&
           b->hinting.host_cmd >= BALLOON_HINT_FIRST &&
           b->hinting.guest_cmd == b->hinting.host_cmd;
}

static bool take_hints(struct balloon *b)
{
    static const struct range_metrics counted = {
        .ranges = &metrics.balloon.free_page_hint_count,
        .freed = &metrics.balloon.free_page_hint_freed,
        .fails = &metrics.balloon.free_page_hint_fails,
    };
    struct walk *w = &b->walks[HINT];
    unsigned left = SLICE_PIECES;

    for (; left && next_chain(b, HINT); left--) {
        take_hint_head(b, w);
        if (!in_run(b) || !discard_piece(b, w, &counted))
            end_chain(b, HINT);
    }
    return !left;
}

/* --- the device --- */

/* Which queue is which: those of features that were not taken do not exist, and
   the others close up (as Linux has it; the text counts otherwise). */
static void assign_roles(struct balloon *b)
{
    static const uint64_t needs[NUM_ROLES] = {[STATS] = F_STATS_VQ,
                                              [HINT] = F_FREE_PAGE_HINT,
                                              [REPORT] = F_REPORTING};
    unsigned n = 0;

    for (unsigned role = 0; role < NUM_ROLES; role++) {
        b->queue_of[role] = VIRTIO_MAX_QUEUES;
        if (!virtio_dev_has(&b->base, needs[role]))
            continue;
        b->roles[n] = (enum role)role;
        b->queue_of[role] = n++;
    }
    while (n < NUM_ROLES)
        b->roles[n++] = NUM_ROLES;
}

static int balloon_activate(struct virtio_dev *dev)
{
    struct balloon *b = to_balloon(dev);

    assign_roles(b);
    if (b->queue_of[STATS] < VIRTIO_MAX_QUEUES)
        set_timer(b);
    return 0;
}

static void balloon_notify(struct virtio_dev *dev, unsigned n)
{
    static const struct {
        bool (*serve)(struct balloon *);
        struct metric *count; /* of notifications; NULL: see range_metrics */
    } all[NUM_ROLES] = {
        [INFLATE] = {inflate, &metrics.balloon.inflate_count},
        [DEFLATE] = {deflate, &metrics.balloon.deflate_count},
        [STATS] = {take_stats, &metrics.balloon.stats_updates_count},
        [HINT] = {take_hints, NULL},
        [REPORT] = {take_reports, NULL},
    };
    struct balloon *b = to_balloon(dev);
    enum role role = b->roles[n];
    bool more;

    if (role == NUM_ROLES)
        return;
    b->served = false;
    more = all[role].serve(b);
    virtio_dev_flush(dev, n);
    if (b->served)
        virtio_dev_count(all[role].count);
    if (more)
        virtio_dev_again(dev, n);
}

static void stop_timer(void *ctx)
{
    struct balloon *b = ctx;

    worker_timer_stop(b->base.worker, &b->timer);
}

/* The guest has what it lent again: whoever drives the device next begins with
   an empty balloon. What it shall hand over stays. */
static void balloon_reset(struct virtio_dev *dev)
{
    struct balloon *b = to_balloon(dev);

    stop_timer(b);
    for (unsigned role = 0; role < NUM_ROLES; role++)
        b->walks[role].busy = false;
    b->has_stats_head = false;
    pthread_mutex_lock(&b->lock);
    b->config.actual = 0;
    b->config.hint_cmd_id = BALLOON_HINT_STOP;
    b->hinting = (struct balloon_hinting){0};
    b->stats = (struct balloon_stats){0};
    pthread_mutex_unlock(&b->lock);
}

/* A run of hints does not outlive a pause: what was hinted at may be used. As
   upstream, "done" is said whether there was one or not. */
static void balloon_resumed(struct virtio_dev *dev)
{
    struct balloon *b = to_balloon(dev);

    if (dev->offered & F_FREE_PAGE_HINT)
        set_hint_command(b, BALLOON_HINT_DONE);
}

static void balloon_config_read(struct virtio_dev *dev, uint64_t offset,
                                void *buf, unsigned len)
{
    struct balloon *b = to_balloon(dev);

    if (offset >= sizeof(b->config))
        return;
    memcpy(buf, (const uint8_t *)&b->config + offset,
           MIN(len, sizeof(b->config) - offset));
}

/* Only `actual` is the driver's. */
static void balloon_config_write(struct virtio_dev *dev, uint64_t offset,
                                 const void *buf, unsigned len)
{
    struct balloon *b = to_balloon(dev);
    uint64_t first = offsetof(struct config, actual);
    const uint8_t *bytes = buf;

    pthread_mutex_lock(&b->lock);
    for (unsigned n = 0; n < len; n++)
        if (offset + n - first < sizeof(b->config.actual))
            ((uint8_t *)&b->config)[offset + n] = bytes[n];
    pthread_mutex_unlock(&b->lock);
}

static void balloon_free(struct virtio_dev *dev)
{
    struct balloon *b;

    if (!dev)
        return;
    b = to_balloon(dev);
    worker_call(dev->worker, stop_timer, b);
    virtio_dev_release(dev);
    pthread_mutex_destroy(&b->lock);
    heap_free(b);
}

static const struct virtio_ops balloon_ops = {
    .name = "balloon",
    .id = VIRTIO_ID_BALLOON,
    .num_queues = NUM_ROLES,
    .activate = balloon_activate,
    .notify = balloon_notify,
    .reset = balloon_reset,
    .resumed = balloon_resumed,
    .config_read = balloon_config_read,
    .config_write = balloon_config_write,
    .free = balloon_free,
};

/* --- from outside --- */

static int pages_of(uint32_t mib, uint32_t *pages, struct err *e)
{
    if (__builtin_mul_overflow(mib, (uint32_t)BALLOON_PAGES_PER_MIB, pages))
        return err_set(e, -ERANGE, "Requested memory should be less than %uMiB",
                       UINT32_MAX / BALLOON_PAGES_PER_MIB);
    return 0;
}

struct virtio_dev *balloon_new(const struct balloon_options *opt,
                               struct worker *worker, struct gmem *ram,
                               struct err *e)
{
    const uint64_t offered = (opt->deflate_on_oom ? F_DEFLATE_ON_OOM : 0) |
                             (opt->stats_interval_s ? F_STATS_VQ : 0) |
                             (opt->hinting ? F_FREE_PAGE_HINT : 0) |
                             (opt->reporting ? F_REPORTING : 0);
    struct balloon *b;
    uint32_t pages;

    if (pages_of(opt->amount_mib, &pages, e) < 0)
        return NULL;
    b = heap_zalloc(sizeof(*b));
    if (!b) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    virtio_dev_init(&b->base, &balloon_ops, worker, ram, offered);
    b->base.activate_fails = &metrics.balloon.activate_fails;
    b->base.event_fails = &metrics.balloon.event_fails;
    b->base.num_queues =
        2u + (opt->stats_interval_s != 0) + opt->hinting + opt->reporting;
    b->timer = (struct worker_timer){.fn = on_timer, .ctx = b};
    b->config.num_pages = pages;
    b->interval_s = opt->stats_interval_s;
    pthread_mutex_init(&b->lock, NULL);
    return &b->base;
}

/* A change that somebody asked for, on its way to the worker. */
struct change {
    struct balloon *balloon;
    uint32_t value;
    bool acknowledge;
    int rc;
    struct err *e;
};

static int check_active(const struct balloon *b, struct err *e)
{
    if (b->base.active)
        return 0;
    return err_set(e, -EAGAIN, "Device not activated yet.");
}

static void change_size(void *ctx)
{
    struct change *c = ctx;
    struct balloon *b = c->balloon;

    c->rc = check_active(b, c->e);
    if (c->rc < 0)
        return;
    pthread_mutex_lock(&b->lock);
    b->config.num_pages = c->value;
    pthread_mutex_unlock(&b->lock);
    virtio_dev_config_changed(&b->base);
}

int balloon_set_size(struct virtio_dev *dev, uint32_t mib, struct err *e)
{
    struct change c = {.balloon = to_balloon(dev), .e = e};
    int rc = pages_of(mib, &c.value, e);

    if (rc < 0)
        return rc;
    worker_call(dev->worker, change_size, &c);
    return c.rc;
}

static void change_interval(void *ctx)
{
    struct change *c = ctx;
    struct balloon *b = c->balloon;

    pthread_mutex_lock(&b->lock);
    b->interval_s = (uint16_t)c->value;
    pthread_mutex_unlock(&b->lock);
    if (!b->base.active)
        return;
    ask_for_stats(b);
    set_timer(b);
}

int balloon_set_interval(struct virtio_dev *dev, uint16_t seconds,
                         struct err *e)
{
    struct change c = {.balloon = to_balloon(dev), .value = seconds};
    uint16_t now;

    pthread_mutex_lock(&c.balloon->lock);
    now = c.balloon->interval_s;
    pthread_mutex_unlock(&c.balloon->lock);
    if (now == seconds)
        return 0;
    if (!now || !seconds)
        return err_set(e, -EINVAL,
                       "Statistics cannot be enabled/disabled after "
                       "activation.");
    worker_call(dev->worker, change_interval, &c);
    return 0;
}

int balloon_status(struct virtio_dev *dev, struct balloon_status *out,
                   struct err *e)
{
    struct balloon *b = to_balloon(dev);

    if (!(dev->offered & F_STATS_VQ))
        return err_set(e, -EINVAL,
                       "Received stats query when stats are disabled.");
    pthread_mutex_lock(&b->lock);
    out->target_pages = b->config.num_pages;
    out->actual_pages = b->config.actual;
    out->stats = b->stats;
    pthread_mutex_unlock(&b->lock);
    return 0;
}

static int check_hinting(const struct virtio_dev *dev, struct err *e)
{
    if (dev->offered & F_FREE_PAGE_HINT)
        return 0;
    return err_set(e, -EINVAL, "Attempting to use hinting when not enabled");
}

static void start_hinting(void *ctx)
{
    struct change *c = ctx;
    struct balloon *b = c->balloon;

    c->rc = check_active(b, c->e);
    if (c->rc < 0)
        return;
    b->acknowledge = c->acknowledge;
    b->last_run = MAX(b->last_run + 1, (uint32_t)BALLOON_HINT_FIRST);
    set_hint_command(b, b->last_run);
}

static void stop_hinting(void *ctx)
{
    struct change *c = ctx;

    c->rc = check_active(c->balloon, c->e);
    if (c->rc == 0)
        set_hint_command(c->balloon, BALLOON_HINT_DONE);
}

int balloon_hint_start(struct virtio_dev *dev, bool acknowledge, struct err *e)
{
    struct change c = {
        .balloon = to_balloon(dev), .acknowledge = acknowledge, .e = e};

    if (check_hinting(dev, e) < 0)
        return -EINVAL;
    worker_call(dev->worker, start_hinting, &c);
    return c.rc;
}

int balloon_hint_stop(struct virtio_dev *dev, struct err *e)
{
    struct change c = {.balloon = to_balloon(dev), .e = e};

    if (check_hinting(dev, e) < 0)
        return -EINVAL;
    worker_call(dev->worker, stop_hinting, &c);
    return c.rc;
}

int balloon_hint_status(struct virtio_dev *dev, struct balloon_hinting *out,
                        struct err *e)
{
    struct balloon *b = to_balloon(dev);

    if (check_hinting(dev, e) < 0)
        return -EINVAL;
    pthread_mutex_lock(&b->lock);
    *out = b->hinting;
    pthread_mutex_unlock(&b->lock);
    return 0;
}
