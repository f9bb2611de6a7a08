// SPDX-License-Identifier: Apache-2.0
/* Stolen time, from what the host says of the vCPUs' threads. */

#include "vm/pvtime.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/heap.h"
#include "base/macros.h"
#include "host/host.h"
#include "machine/layout.h"
#include "vm/config.h"

/* DEN 0057, 3.2.2. */
struct stolen {
    uint32_t revision;
    uint32_t attributes;
    uint64_t ns;
};
static_assert(sizeof(struct stolen) <= PVTIME_STRIDE, "a slot is 64 bytes");

/* The pause between two looks, which grows while nobody runs. */
#define LOOK_MIN_NS (100ull * 1000000)
#define LOOK_MAX_NS (32 * LOOK_MIN_NS)

/* A thread that ran for less since the last look was idle. */
enum { IDLE_NS = 2000000 };

struct thread {
    _Atomic bool asked; /* set by the vCPU's thread; then all is the worker's */
    int fd;             /* owned; -1: the host does not say */
    uint64_t ran_ns, waited_ns; /* at the last look */
    uint64_t paused_ns;         /* of all pauses: up to then */
    uint64_t stolen_ns;         /* what the guest reads */
};

struct pvtime {
    struct gmem *ram;      /* borrowed */
    struct worker *worker; /* borrowed */
    unsigned vcpus;
    struct worker_event start;
    struct worker_timer timer;
    uint64_t look_ns;
    uint64_t paused_at;         /* 0: it is not paused */
    _Atomic uint64_t paused_ns; /* all pauses together */
    struct thread threads[VM_MAX_VCPUS];
};

static gpa_t slot_of(const struct pvtime *p, unsigned vcpu)
{
    return pvtime_addr(p->vcpus, vcpu);
}

/* One store, as the guest reads it with one load. */
static void show(struct pvtime *p, unsigned vcpu)
{
    gpa_t at = slot_of(p, vcpu) + offsetof(struct stolen, ns);
    uint64_t *host = gmem_at(p->ram, at, sizeof(*host));

    __atomic_store_n(host, p->threads[vcpu].stolen_ns, __ATOMIC_RELAXED);
    gmem_written(p->ram, at, sizeof(*host));
}

/* True: it has run. */
static bool look_at(struct pvtime *p, unsigned vcpu)
{
    struct thread *t = &p->threads[vcpu];
    struct host_thread_times now = {t->ran_ns, t->waited_ns};
    uint64_t paused_ns = p->paused_ns - t->paused_ns;
    bool ran;

    if (t->fd >= 0)
        host_thread_read(t->fd, &now);
    ran = now.ran_ns - t->ran_ns > IDLE_NS;
    if (now.waited_ns != t->waited_ns || paused_ns) {
        t->stolen_ns += now.waited_ns - t->waited_ns + paused_ns;
        show(p, vcpu);
    }
    t->ran_ns = now.ran_ns;
    t->waited_ns = now.waited_ns;
    t->paused_ns += paused_ns;
    return ran;
}

static void look(void *ctx)
{
    struct pvtime *p = ctx;
    bool any = false;

    for (unsigned n = 0; n < p->vcpus; n++)
        if (p->threads[n].asked)
            any |= look_at(p, n);
    p->look_ns = any ? LOOK_MIN_NS : MIN(2 * p->look_ns, LOOK_MAX_NS);
    worker_timer_set(p->worker, &p->timer, host_mono_ns() + p->look_ns);
}

static void begin(void *ctx)
{
    struct pvtime *p = ctx;

    p->look_ns = LOOK_MIN_NS;
    worker_timer_set(p->worker, &p->timer, host_mono_ns() + p->look_ns);
}

struct pvtime *pvtime_new(struct gmem *ram, unsigned vcpus,
                          struct worker *worker, struct err *e)
{
    struct pvtime *p = heap_zalloc(sizeof(*p));

    check(vcpus <= VM_MAX_VCPUS);
    if (!p) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    p->ram = ram;
    p->worker = worker;
    p->vcpus = vcpus;
    p->start = (struct worker_event){.fn = begin, .ctx = p};
    p->timer = (struct worker_timer){.fn = look, .ctx = p};
    for (unsigned n = 0; n < VM_MAX_VCPUS; n++)
        p->threads[n].fd = -1;
    return p;
}

void pvtime_free(struct pvtime *p)
{
    if (!p)
        return;
    for (unsigned n = 0; n < p->vcpus; n++)
        host_thread_close(p->threads[n].fd);
    heap_free(p);
}

/* The second question of the same vCPU finds its time where it was: a guest
   that starts another kernel asks again. */
gpa_t pvtime_ask(struct pvtime *p, unsigned vcpu)
{
    const struct stolen zero = {0};
    struct host_thread_times now = {0};
    struct thread *t;

    if (vcpu >= p->vcpus)
        return 0;
    t = &p->threads[vcpu];
    if (t->asked)
        return slot_of(p, vcpu);
    if (!gmem_write(p->ram, slot_of(p, vcpu), &zero, sizeof(zero)))
        return 0;
    t->fd = host_thread_open();
    if (t->fd >= 0)
        host_thread_read(t->fd, &now);
    t->ran_ns = now.ran_ns;
    t->waited_ns = now.waited_ns;
    t->paused_ns = p->paused_ns; /* what was before it asked is not its own */
    t->asked = true;             /* and the worker may look */
    worker_post(p->worker, &p->start);
    return slot_of(p, vcpu);
}

void pvtime_pause(struct pvtime *p)
{
    if (!p->paused_at)
        p->paused_at = host_mono_ns();
}

void pvtime_resume(struct pvtime *p)
{
    if (p->paused_at)
        p->paused_ns += host_mono_ns() - p->paused_at;
    p->paused_at = 0;
}
