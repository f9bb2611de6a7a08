// SPDX-License-Identifier: Apache-2.0
/* Printing and writing metrics. */

#include "base/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/macros.h"

struct metrics metrics;

enum kind { KIND_INC, KIND_STORE, KIND_AGG };

struct field {
    const char *name;
    enum kind kind;
};

struct group {
    const char *name;
    const struct field *fields;
    size_t num_fields;
    void *counters; /* NULL: of devices */
    enum metric_devices kind;
    bool has_sum;
};

/* The groups' fields, once more from the list. */
#define GROUP(name)        static const struct field name##_fields[] = {
#define DEVICES(name)      GROUP(name)
#define DEVICES_ONLY(name) GROUP(name)
#define INC(field)         {#field, KIND_INC},
#define STORE(field)       {#field, KIND_STORE},
#define AGG(field)         {#field, KIND_AGG},
#define END(name) \
    }             \
    ;
#include "base/metrics.inc"

#define FIELDS(name) \
    .fields = name##_fields, .num_fields = ARRAY_LEN(name##_fields)
static const struct group groups[] = {
#define GROUP(group) \
    {.name = #group, FIELDS(group), .counters = &metrics.group},
#define DEVICES(group)               \
    {.name = #group,                 \
     FIELDS(group),                  \
     .kind = METRIC_DEVICES_##group, \
     .has_sum = true},
#define DEVICES_ONLY(group) \
    {.name = #group, FIELDS(group), .kind = METRIC_DEVICES_##group},
#define INC(name)
#define STORE(name)
#define AGG(name)
#define END(name)
#include "base/metrics.inc"
};

static struct {
    pthread_mutex_t lock;
    int fd;   /* -1: no sink */
    char *id; /* owned, as properties */
    char *properties;
    struct metric_device *devices; /* borrowed */
    struct buf line; /* kept: a signal's handler shall find it large enough */
    size_t sent;     /* of it; less than all: the rest is still due */
    uint64_t log_missed; /* already in logger.missed_log_count */
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

void metric_agg_add(struct metric_agg *agg, uint64_t us)
{
    uint64_t least = atomic_load_explicit(&agg->least, memory_order_relaxed);
    uint64_t most = atomic_load_explicit(&agg->most, memory_order_relaxed);

    while ((least == 0 || us < least) &&
           !atomic_compare_exchange_weak(&agg->least, &least, us))
        ;
    while (us > most && !atomic_compare_exchange_weak(&agg->most, &most, us))
        ;
    atomic_fetch_add_explicit(&agg->sum, us, memory_order_relaxed);
}

/* ---- devices ---- */

void metrics_add_device(struct metric_device *device)
{
    struct metric_device **at = &sink.devices;

    pthread_mutex_lock(&sink.lock);
    while (*at)
        at = &(*at)->next;
    device->next = NULL;
    *at = device;
    pthread_mutex_unlock(&sink.lock);
}

void metrics_remove_device(struct metric_device *device)
{
    struct metric_device **at = &sink.devices;

    pthread_mutex_lock(&sink.lock);
    while (*at && *at != device)
        at = &(*at)->next;
    if (*at)
        *at = device->next;
    pthread_mutex_unlock(&sink.lock);
}

/* ---- printing ---- */

static size_t field_bytes(const struct field *f)
{
    return f->kind == KIND_AGG ? sizeof(struct metric_agg)
                               : sizeof(struct metric);
}

/* A struct of metrics has no holes, so that a walk needs no offsets. */
static_assert(sizeof(struct metric) % 8 == 0 &&
                  sizeof(struct metric_agg) % 8 == 0 &&
                  _Alignof(struct metric) == 8,
              "metrics lie one behind the other");

static uint64_t shown_value(const struct field *f, const struct metric *m)
{
    return f->kind == KIND_INC ? m->shown - m->flushed : m->shown;
}

static void print_agg(struct buf *b, uint64_t least, uint64_t most,
                      uint64_t sum)
{
    buf_printf(b,
               "{\"min_us\":%" PRIu64 ",\"max_us\":%" PRIu64
               ",\"sum_us\":%" PRIu64 "}",
               least, most, sum);
}

static void print_field(struct buf *b, const struct field *f, char *counter)
{
    const struct metric_agg *agg = (const void *)counter;
    struct metric *m = (void *)counter;

    buf_printf(b, "\"%s\":", f->name);
    if (f->kind == KIND_AGG)
        print_agg(b, atomic_load(&agg->least), atomic_load(&agg->most),
                  atomic_load(&agg->sum));
    else {
        m->shown = metric_get(m);
        buf_printf(b, "%" PRIu64, shown_value(f, m));
    }
}

static void print_group(struct buf *b, const struct group *g, void *counters)
{
    char *at = counters;

    buf_putc(b, '{');
    for (size_t n = 0; n < g->num_fields; n++) {
        if (n)
            buf_putc(b, ',');
        print_field(b, &g->fields[n], at);
        at += field_bytes(&g->fields[n]);
    }
    buf_putc(b, '}');
}

/* The sum has no least and most: upstream's has none either. */
static void print_sum(struct buf *b, const struct group *g)
{
    size_t at = 0;

    buf_printf(b, ",\"%s\":{", g->name);
    for (size_t n = 0; n < g->num_fields; n++) {
        const struct field *f = &g->fields[n];
        uint64_t sum = 0;

        for (struct metric_device *d = sink.devices; d; d = d->next) {
            const char *counter = (const char *)d->counters + at;

            if (d->kind != g->kind)
                continue;
            sum += f->kind == KIND_AGG
                       ? atomic_load(
                             &((const struct metric_agg *)(const void *)counter)
                                  ->sum)
                       : shown_value(f, (const void *)counter);
        }
        buf_printf(b, "%s\"%s\":", n ? "," : "", f->name);
        if (f->kind == KIND_AGG)
            print_agg(b, 0, 0, sum);
        else
            buf_printf(b, "%" PRIu64, sum);
        at += field_bytes(f);
    }
    buf_putc(b, '}');
}

static void print_devices(struct buf *b, const struct group *g)
{
    for (struct metric_device *d = sink.devices; d; d = d->next) {
        if (d->kind != g->kind)
            continue;
        buf_printf(b, ",\"%s_%s\":", g->name, d->id);
        print_group(b, g, d->counters);
    }
    if (g->has_sum)
        print_sum(b, g);
}

static void print_locked(struct buf *b)
{
    uint64_t missed = log_missed();
    struct timespec now;

    metric_add(&metrics.logger.missed_log_count, missed - sink.log_missed);
    sink.log_missed = missed;
    clock_gettime(CLOCK_REALTIME, &now);
    buf_printf(b, "{\"utc_timestamp_ms\":%llu",
               (unsigned long long)now.tv_sec * 1000 +
                   (unsigned long long)now.tv_nsec / 1000000);
    if (sink.id)
        buf_printf(b, ",\"id\":\"%s\"", sink.id);
    if (sink.properties)
        buf_printf(b, ",\"properties\":%s", sink.properties);
    for (size_t n = 0; n < ARRAY_LEN(groups); n++) {
        const struct group *g = &groups[n];

        if (!g->counters) {
            print_devices(b, g);
            continue;
        }
        buf_printf(b, ",\"%s\":", g->name);
        print_group(b, g, g->counters);
    }
    buf_putc(b, '}');
}

/* ---- writing ---- */

static void mark_group(const struct group *g, void *counters)
{
    char *at = counters;

    for (size_t n = 0; n < g->num_fields; n++) {
        struct metric *m = (void *)at;

        if (g->fields[n].kind == KIND_INC)
            m->flushed = m->shown;
        at += field_bytes(&g->fields[n]);
    }
}

static void mark_flushed(void)
{
    for (size_t n = 0; n < ARRAY_LEN(groups); n++) {
        if (groups[n].counters)
            mark_group(&groups[n], groups[n].counters);
        for (struct metric_device *d = sink.devices; d; d = d->next)
            if (!groups[n].counters && d->kind == groups[n].kind)
                mark_group(&groups[n], d->counters);
    }
}

/* Writes of sink.line what has not gone out, as far as there is room. True: all
   of it has. */
static bool write_rest(void)
{
    const struct buf *b = &sink.line;
    struct pollfd fd = {.fd = sink.fd, .events = POLLOUT};

    while (sink.sent < b->len) {
        ssize_t n;

        if (poll(&fd, 1, 0) != 1 || (fd.revents & (POLLERR | POLLNVAL)))
            return false;
        n = write(sink.fd, b->data + sink.sent, b->len - sink.sent);
        if (n < 0 && errno != EINTR)
            return false;
        sink.sent += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* A line is longer than a pipe takes in one piece. One that was begun is
   finished before anything else goes out; what cannot be begun is lost, and is
   in the next line. */
static int flush_locked(void)
{
    struct buf *b = &sink.line;

    if (sink.fd < 0)
        return 0;
    if (!write_rest()) {
        metric_inc(&metrics.logger.missed_metrics_count);
        return -EAGAIN;
    }
    buf_clear(b);
    sink.sent = 0;
    print_locked(b);
    buf_putc(b, '\n');
    if (b->failed) {
        buf_clear(b);
        metric_inc(&metrics.logger.metrics_fails);
        return -ENOMEM;
    }
    write_rest();
    if (sink.sent) {
        mark_flushed();
        return 0;
    }
    buf_clear(b);
    metric_inc(&metrics.logger.missed_metrics_count);
    return -EAGAIN;
}

int metrics_flush(void)
{
    int rc;

    pthread_mutex_lock(&sink.lock);
    rc = flush_locked();
    pthread_mutex_unlock(&sink.lock);
    return rc;
}

void metrics_flush_fatal(void)
{
    if (pthread_mutex_trylock(&sink.lock) != 0)
        return;
    flush_locked();
    pthread_mutex_unlock(&sink.lock);
}

int metrics_open(const char *path, const char *id, const char *properties,
                 struct err *e)
{
    int fd, rc = 0;

    pthread_mutex_lock(&sink.lock);
    if (sink.fd >= 0) {
        rc = err_set(e, -EALREADY,
                     "Cannot initialize the metrics system due to bad user "
                     "input: Reinitialization of metrics not allowed.");
        goto out;
    }
    fd = log_open(path, e);
    if (fd < 0) {
        rc = err_set(e, fd,
                     "Cannot initialize the metrics system due to bad user "
                     "input: %s (os error %d)",
                     strerror(-fd), -fd);
        goto out;
    }
    sink.id = id ? heap_strdup(id) : NULL;
    sink.properties = properties ? heap_strdup(properties) : NULL;
    print_locked(&sink.line);
    sink.sent = sink.line.len;
    sink.fd = fd;
out:
    pthread_mutex_unlock(&sink.lock);
    return rc;
}
