// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The I/O thread: where a VM's devices do their work. One thread a VM, so a
 * device needs no lock: everything of it but the transport's registers belongs
 * to this thread. Others post events (never waits) or call (waits).
 *
 * A worker of NULL is allowed everywhere but in watches and timers: what is
 * posted or called then runs at once, on the caller's thread. Tests use that.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct worker;

/* Starts the thread. `name`: 15 bytes at most, copied. */
struct worker *worker_new(const char *name, struct err *e);

/* The same without a thread, for tests: everything runs in worker_step, which
   serves once what is due and does not wait. On one thread. */
struct worker *worker_new_stepped(struct err *e);
void worker_step(struct worker *w);

/* Ends the thread and waits for it. Events not served yet are dropped. */
void worker_free(struct worker *w);

typedef void worker_fn(void *ctx);

/* Runs fn on the worker's thread and waits for it; at once when this already
   is the worker's thread. What was posted before runs before. */
void worker_call(struct worker *w, worker_fn *fn, void *ctx);

/* While it is paused only calls are served: events, timers and descriptors wait
   until it goes on. Any number of times; nothing else runs any more when it
   returns. */
void worker_pause(struct worker *w, bool paused);

/* Something that happens: embedded in its owner, a zeroed one with fn and ctx
   set. Posting it again before it was served does nothing. */
struct worker_event {
    worker_fn *fn;
    void *ctx;                 /* borrowed */
    struct worker_event *next; /* the worker's, as all that follows */
    bool posted;
};

/* Any thread; never blocks for long. */
void worker_post(struct worker *w, struct worker_event *event);

/* Forgets a posted event; it is not running when this returns. Worker's thread,
   or any if nobody can post it any more and the worker thread is gone. */
void worker_cancel(struct worker *w, struct worker_event *event);

/* All that follows: on the worker's thread only (worker_call brings you there),
   or on any while w is NULL. */

/* A point in time, host_mono_ns(). Set again: moved. Fires once. */
struct worker_timer {
    worker_fn *fn;
    void *ctx;
    uint64_t deadline_ns; /* of use while armed; the worker's */
    unsigned slot;        /* the worker's: 1 + index, 0: not armed */
};
int worker_timer_set(struct worker *w, struct worker_timer *t,
                     uint64_t deadline_ns); /* -ENOMEM */
void worker_timer_stop(struct worker *w, struct worker_timer *t);

enum { WORKER_IN = 1, WORKER_OUT = 2, WORKER_HUP = 4 };

/* These as poll(2) names them. */
short worker_poll_events(unsigned events);
unsigned worker_ready_events(short revents);

/* A descriptor to wait for. fn gets what is ready; HUP, which stands for errors
   as well, is always told. Level-triggered: an event nobody serves comes
   again. fd, fn and ctx are set by the owner, whose the fd stays. */
struct worker_watch {
    int fd;
    void (*fn)(void *ctx, unsigned ready);
    void *ctx;
    unsigned slot; /* the worker's: 1 + index, 0: not watched */
};

/* Begins, or changes, what is waited for: WORKER_IN and _OUT or-ed; 0 keeps
   only HUP. The fd may be another one than before. -ENOMEM at the beginning,
   changes cannot fail. */
int worker_watch_set(struct worker *w, struct worker_watch *watch,
                     unsigned events);

/* Ends it; fn is not called any more. Before the fd is closed. */
void worker_watch_stop(struct worker *w, struct worker_watch *watch);
