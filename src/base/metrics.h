// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Firecracker's metrics: counters that anybody may bump from any thread, and
 * one line of JSON with all of them, now and then. The list is metrics.inc.
 *
 * The process has one set, as it has one log. A device has a struct of its own
 * (block_metrics and so on) and registers it under its id.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct metric {
    atomic_uint_least64_t value;
    uint64_t shown;   /* as it was printed last */
    uint64_t flushed; /* as it was when a line went out last */
};

struct metric_agg {
    atomic_uint_least64_t least, most, sum; /* us */
};

#define GROUP(name)        struct name##_metrics {
#define DEVICES(name)      struct name##_metrics {
#define DEVICES_ONLY(name) struct name##_metrics {
#define INC(name)          struct metric name;
#define STORE(name)        struct metric name;
#define AGG(name)          struct metric_agg name;
#define END(name) \
    }             \
    ;
#include "base/metrics.inc"

struct metrics {
#define GROUP(name) struct name##_metrics name;
#define DEVICES(name)
#define DEVICES_ONLY(name)
#define INC(name)
#define STORE(name)
#define AGG(name)
#define END(name)
#include "base/metrics.inc"
};

extern struct metrics metrics;

static inline void metric_add(struct metric *m, uint64_t n)
{
    atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

static inline void metric_inc(struct metric *m)
{
    metric_add(m, 1);
}

static inline void metric_set(struct metric *m, uint64_t value)
{
    atomic_store_explicit(&m->value, value, memory_order_relaxed);
}

static inline uint64_t metric_get(const struct metric *m)
{
    return atomic_load_explicit(&m->value, memory_order_relaxed);
}

/* Notes a time that something took. */
void metric_agg_add(struct metric_agg *agg, uint64_t us);

enum metric_devices {
#define GROUP(name)
#define DEVICES(name)      METRIC_DEVICES_##name,
#define DEVICES_ONLY(name) METRIC_DEVICES_##name,
#define INC(name)
#define STORE(name)
#define AGG(name)
#define END(name)
#include "base/metrics.inc"
};

/* A device's counters: embedded in the device, which sets the three. */
struct metric_device {
    enum metric_devices kind;
    const char *id; /* borrowed, as `counters` */
    void *counters; /* struct block_metrics and so on, by kind */
    struct metric_device *next;
};

void metrics_add_device(struct metric_device *device);
void metrics_remove_device(struct metric_device *device);

/* Opens the file or FIFO that lines go to and starts it. `id` is printed if it
   is not NULL, `properties` (an object as JSON) too; both are copied. Once. */
int metrics_open(const char *path, const char *id, const char *properties,
                 struct err *e);

/* Writes a line: 0, also when there is no sink; -EAGAIN and it was lost. What
   was lost is in the next line's counters. A pipe that takes only the beginning
   of a line gets its end with the next. */
int metrics_flush(void);

/* The same in a handler of a signal: gives up if the lock is held. */
void metrics_flush_fatal(void);
