// SPDX-License-Identifier: Apache-2.0
/*
 * The I/O thread: a list of posted events, some timers, and a poll. The poster
 * pays for a system call only when the thread sleeps.
 */

#include "dev/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/macros.h"
#include "host/host.h"

struct worker {
    char name[16];
    pthread_t thread;
    bool has_thread;
    bool stepped;           /* there is none: worker_step stands for it */
    struct host_event wake; /* fds[0] */

    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t called;
    struct worker_event *first;
    struct worker_event **last; /* where the next one is hung */
    bool sleeping;
    bool quit;
    bool paused; /* written by the thread itself */

    /* The thread's own. fds and watches have the same indices. */
    struct pollfd *fds;            /* owned */
    struct worker_watch **watches; /* owned; each borrowed; NULL: stopped */
    unsigned num_fds, cap_fds;
    bool any_stopped;
    struct worker_timer **timers; /* owned; each borrowed */
    unsigned num_timers, cap_timers;
};

static bool on_thread(const struct worker *w)
{
    return !w || w->stepped || pthread_equal(pthread_self(), w->thread);
}

/* Room for one more in an array; the new pointer, or NULL. */
static void *grow(void *array, unsigned count, unsigned *cap, size_t bytes)
{
    unsigned more = *cap ? *cap * 2 : 8;
    void *bigger;

    if (count < *cap)
        return array;
    bigger = heap_realloc(array, more * bytes);
    if (bigger)
        *cap = more;
    return bigger;
}

/* --- events --- */

void worker_post(struct worker *w, struct worker_event *event)
{
    bool wake;

    if (!w) {
        event->fn(event->ctx);
        return;
    }
    pthread_mutex_lock(&w->lock);
    if (event->posted) {
        pthread_mutex_unlock(&w->lock);
        return;
    }
    event->posted = true;
    event->next = NULL;
    *w->last = event;
    w->last = &event->next;
    wake = w->sleeping;
    w->sleeping = false;
    pthread_mutex_unlock(&w->lock);
    if (wake)
        host_event_signal(&w->wake);
}

void worker_cancel(struct worker *w, struct worker_event *event)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    for (struct worker_event **at = &w->first; *at; at = &(*at)->next) {
        if (*at != event)
            continue;
        *at = event->next;
        if (!*at)
            w->last = at;
        break;
    }
    event->posted = false;
    pthread_mutex_unlock(&w->lock);
}

static worker_fn serve_call;

/* What is to be served next, where it hangs; NULL: nothing. */
static struct worker_event **next_event_locked(struct worker *w)
{
    struct worker_event **at = &w->first;

    while (w->paused && *at && (*at)->fn != serve_call)
        at = &(*at)->next;
    return *at ? at : NULL;
}

static struct worker_event *take_event(struct worker *w)
{
    struct worker_event **at, *event = NULL;

    pthread_mutex_lock(&w->lock);
    at = next_event_locked(w);
    if (at) {
        event = *at;
        *at = event->next;
        if (!*at)
            w->last = at;
        event->posted = false;
    }
    pthread_mutex_unlock(&w->lock);
    return event;
}

struct call {
    struct worker_event event;
    struct worker *worker;
    worker_fn *fn;
    void *ctx;
    bool done; /* under the worker's lock */
};

static void serve_call(void *ctx)
{
    struct call *call = ctx;
    struct worker *w = call->worker;

    call->fn(call->ctx);
    pthread_mutex_lock(&w->lock);
    call->done = true; /* the call is gone once the lock is free */
    pthread_cond_broadcast(&w->called);
    pthread_mutex_unlock(&w->lock);
}

void worker_call(struct worker *w, worker_fn *fn, void *ctx)
{
    struct call call = {.worker = w, .fn = fn, .ctx = ctx};

    if (on_thread(w)) {
        fn(ctx);
        return;
    }
    call.event = (struct worker_event){.fn = serve_call, .ctx = &call};
    worker_post(w, &call.event);
    pthread_mutex_lock(&w->lock);
    while (!call.done)
        pthread_cond_wait(&w->called, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

struct pausing {
    struct worker *worker;
    bool paused;
};

static void set_paused(void *ctx)
{
    struct pausing *p = ctx;

    pthread_mutex_lock(&p->worker->lock);
    p->worker->paused = p->paused;
    pthread_mutex_unlock(&p->worker->lock);
}

void worker_pause(struct worker *w, bool paused)
{
    struct pausing p = {.worker = w, .paused = paused};

    if (w)
        worker_call(w, set_paused, &p);
}

/* --- timers --- */

int worker_timer_set(struct worker *w, struct worker_timer *t,
                     uint64_t deadline_ns)
{
    struct worker_timer **timers;

    t->deadline_ns = deadline_ns;
    if (!w || t->slot)
        return 0;
    timers = grow(w->timers, w->num_timers, &w->cap_timers, sizeof(*timers));
    if (!timers)
        return -ENOMEM;
    w->timers = timers;
    timers[w->num_timers++] = t;
    t->slot = w->num_timers;
    return 0;
}

void worker_timer_stop(struct worker *w, struct worker_timer *t)
{
    struct worker_timer *moved;

    if (!w || !t->slot)
        return;
    moved = w->timers[--w->num_timers];
    w->timers[t->slot - 1] = moved;
    moved->slot = t->slot;
    t->slot = 0;
}

static uint64_t next_deadline(const struct worker *w)
{
    uint64_t next = UINT64_MAX;

    for (unsigned n = 0; n < w->num_timers; n++)
        next = MIN(next, w->timers[n]->deadline_ns);
    return next;
}

static struct worker_timer *due_timer(const struct worker *w, uint64_t now)
{
    for (unsigned n = 0; n < w->num_timers; n++)
        if (w->timers[n]->deadline_ns <= now)
            return w->timers[n];
    return NULL;
}

/* A timer that fires may set and stop any, so each search begins anew; one that
   sets itself into the past comes again, but not before the descriptors. */
static void serve_timers(struct worker *w)
{
    unsigned budget = w->num_timers;
    uint64_t now = budget ? host_mono_ns() : 0;
    struct worker_timer *t;

    while (budget-- && (t = due_timer(w, now)) != NULL) {
        worker_timer_stop(w, t);
        t->fn(t->ctx);
    }
}

/* --- descriptors --- */

short worker_poll_events(unsigned events)
{
    return (short)((events & WORKER_IN ? POLLIN : 0) |
                   (events & WORKER_OUT ? POLLOUT : 0));
}

unsigned worker_ready_events(short revents)
{
    return (revents & POLLIN ? WORKER_IN : 0u) |
           (revents & POLLOUT ? WORKER_OUT : 0u) |
           (revents & (POLLHUP | POLLERR | POLLNVAL) ? WORKER_HUP : 0u);
}

static int add_fd(struct worker *w, struct worker_watch *watch, int fd,
                  unsigned events)
{
    unsigned cap = w->cap_fds;
    struct pollfd *fds = grow(w->fds, w->num_fds, &cap, sizeof(*fds));
    struct worker_watch **watches;

    if (!fds)
        return -ENOMEM;
    w->fds = fds;
    watches = grow(w->watches, w->num_fds, &w->cap_fds, sizeof(*watches));
    if (!watches)
        return -ENOMEM;
    w->watches = watches;
    fds[w->num_fds] =
        (struct pollfd){.fd = fd, .events = worker_poll_events(events)};
    watches[w->num_fds++] = watch;
    return 0;
}

int worker_watch_set(struct worker *w, struct worker_watch *watch,
                     unsigned events)
{
    if (!w)
        return 0;
    if (watch->slot) {
        struct pollfd *fd = &w->fds[watch->slot - 1];

        if (fd->fd != watch->fd)
            fd->revents = 0; /* those were the other one's */
        fd->fd = watch->fd;
        fd->events = worker_poll_events(events);
        return 0;
    }
    if (add_fd(w, watch, watch->fd, events) < 0)
        return -ENOMEM;
    watch->slot = w->num_fds;
    return 0;
}

/* The place is given free later: somebody may be walking along. */
void worker_watch_stop(struct worker *w, struct worker_watch *watch)
{
    if (!w || !watch->slot)
        return;
    w->watches[watch->slot - 1] = NULL;
    w->fds[watch->slot - 1].fd = -1;
    w->any_stopped = true;
    watch->slot = 0;
}

static void close_gaps(struct worker *w)
{
    unsigned kept = 1;

    for (unsigned n = 1; n < w->num_fds; n++) {
        if (!w->watches[n])
            continue;
        w->watches[kept] = w->watches[n];
        w->fds[kept++] = w->fds[n];
        w->watches[kept - 1]->slot = kept;
    }
    w->num_fds = kept;
    w->any_stopped = false;
}

static void serve_fds(struct worker *w, unsigned ready)
{
    unsigned count = w->num_fds; /* what comes new has not been polled */

    if (ready && w->fds[0].revents) {
        host_event_drain(&w->wake);
        ready--;
    }
    for (unsigned n = 1; n < count && ready; n++) {
        struct worker_watch *watch = w->watches[n];
        unsigned events = worker_ready_events(w->fds[n].revents);

        if (!w->fds[n].revents)
            continue;
        ready--;
        w->fds[n].revents = 0;
        if (watch && events)
            watch->fn(watch->ctx, events);
    }
    if (w->any_stopped)
        close_gaps(w);
}

/* --- the thread --- */

/* True if there is nothing posted and the next post will signal. */
static bool fall_asleep(struct worker *w, bool *quit)
{
    bool sleeping;

    pthread_mutex_lock(&w->lock);
    *quit = w->quit;
    sleeping = !next_event_locked(w) && !w->quit;
    w->sleeping = sleeping;
    pthread_mutex_unlock(&w->lock);
    return sleeping;
}

static void wake_up(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    w->sleeping = false;
    pthread_mutex_unlock(&w->lock);
}

/* As many as there are now, so that they cannot starve the descriptors. */
static void serve_events(struct worker *w)
{
    enum { IN_A_ROW = 64 };
    struct worker_event *event;

    for (unsigned n = 0; n < IN_A_ROW && (event = take_event(w)); n++)
        event->fn(event->ctx);
}

static void *worker_main(void *ctx)
{
    struct worker *w = ctx;
    bool quit = false;

    log_thread_name(w->name);
    while (!quit) {
        bool asleep;

        serve_events(w);
        if (!w->paused)
            serve_timers(w);
        asleep = fall_asleep(w, &quit);
        if (!asleep && (w->num_fds == 1 || w->paused))
            continue;
        if (w->paused)
            serve_fds(w, host_poll(w->fds, 1, UINT64_MAX));
        else
            serve_fds(w, host_poll(w->fds, w->num_fds,
                                   asleep ? next_deadline(w) : 0));
        if (asleep)
            wake_up(w);
    }
    return NULL;
}

static int start_thread(struct worker *w, struct err *e)
{
    int rc = host_thread_start(&w->thread, worker_main, w);

    if (rc < 0)
        return err_set(e, rc, "cannot start the I/O thread: %s", strerror(-rc));
    w->has_thread = true;
    return 0;
}

static struct worker *make(const char *name, bool stepped, struct err *e)
{
    struct worker *w = heap_zalloc(sizeof(*w));

    if (!w) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    snprintf(w->name, sizeof(w->name), "%s", name);
    w->stepped = stepped;
    w->last = &w->first;
    w->wake = (struct host_event){-1, -1};
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->called, NULL);
    if (host_event_open(&w->wake, e) < 0)
        goto fail;
    if (add_fd(w, NULL, w->wake.rd, WORKER_IN) < 0) {
        err_set(e, -ENOMEM, "out of memory");
        goto fail;
    }
    if (!stepped && start_thread(w, e) < 0)
        goto fail;
    return w;

fail:
    worker_free(w);
    return NULL;
}

struct worker *worker_new(const char *name, struct err *e)
{
    return make(name, false, e);
}

struct worker *worker_new_stepped(struct err *e)
{
    return make("", true, e);
}

void worker_step(struct worker *w)
{
    serve_events(w);
    serve_timers(w);
    serve_fds(w, host_poll(w->fds, w->num_fds, 0));
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    if (w->has_thread) {
        pthread_mutex_lock(&w->lock);
        w->quit = true;
        pthread_mutex_unlock(&w->lock);
        host_event_signal(&w->wake);
        pthread_join(w->thread, NULL);
    }
    host_event_close(&w->wake);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->called);
    heap_free(w->fds);
    heap_free(w->watches);
    heap_free(w->timers);
    heap_free(w);
}
