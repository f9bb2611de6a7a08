// SPDX-License-Identifier: Apache-2.0
/*
 * vCPU threads. One lock and one condition guard every word of the state that
 * threads share (power, running, what they shall do); guest code runs without
 * it. A request is a flag under the lock, a broadcast for those who sleep and a
 * kick for those who run.
 */

#include "vm/vcpu.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/metrics.h"
#include "host/host.h"
#include "machine/psci.h"

enum phase { PHASE_MADE, PHASE_STARTED, PHASE_STOPPING };

struct vcpu {
    struct vcpus *all; /* borrowed */
    unsigned index;
    pthread_t thread;
    bool has_thread;
    struct accel_vcpu *hw;   /* owned by the thread */
    struct vcpu_state state; /* the thread's, too: for a moment */

    /* Under all->lock. */
    enum psci_affinity power;
    uint64_t entry, context_id; /* of the power-on asked for */
    bool in_guest;              /* its thread may be in vcpu_run */
    uint64_t mmio_exits;        /* written by its thread only */
};

struct vcpus {
    struct vcpus_config cfg;
    struct psci_host psci;
    pthread_mutex_t lock;
    pthread_cond_t changed;

    /* Under lock. */
    enum phase phase;
    bool paused;
    unsigned made;   /* threads that have made their vCPU, or failed to */
    unsigned left;   /* threads that will not run guest code again */
    enum vm_end end; /* VM_RUNNING until the end */
    struct err error;

    struct vcpu vcpu[VM_MAX_VCPUS];
};

static void kick_all(struct vcpus *all)
{
    pthread_cond_broadcast(&all->changed);
    for (unsigned n = 0; n < all->cfg.count; n++) {
        if (all->vcpu[n].hw)
            all->cfg.accel->vcpu_kick(all->vcpu[n].hw);
    }
}

/* The first end counts. */
static void end_all(struct vcpus *all, enum vm_end end, const struct err *why)
{
    bool first;

    pthread_mutex_lock(&all->lock);
    first = all->end == VM_RUNNING;
    if (first) {
        all->end = end;
        if (why)
            all->error = *why;
        kick_all(all);
    }
    pthread_mutex_unlock(&all->lock);
    if (first && all->cfg.on_end)
        all->cfg.on_end(all->cfg.ctx);
}

static enum psci_affinity psci_state(void *ctx, unsigned index)
{
    struct vcpus *all = ctx;
    enum psci_affinity power;

    pthread_mutex_lock(&all->lock);
    power = all->vcpu[index].power;
    pthread_mutex_unlock(&all->lock);
    return power;
}

static enum psci_status psci_power_on(void *ctx, unsigned index, uint64_t entry,
                                      uint64_t context_id)
{
    struct vcpus *all = ctx;
    struct vcpu *v = &all->vcpu[index];
    enum psci_status status = PSCI_SUCCESS;

    pthread_mutex_lock(&all->lock);
    if (v->power == PSCI_ON) {
        status = PSCI_ALREADY_ON;
    } else if (v->power == PSCI_ON_PENDING) {
        status = PSCI_STATUS_ON_PENDING;
    } else {
        v->power = PSCI_ON_PENDING;
        v->entry = entry;
        v->context_id = context_id;
        pthread_cond_broadcast(&all->changed);
    }
    pthread_mutex_unlock(&all->lock);
    return status;
}

static bool psci_is_ram(void *ctx, uint64_t gpa)
{
    struct vcpus *all = ctx;

    return gmem_at(all->cfg.ram, gpa, 4) != NULL;
}

static uint64_t psci_stolen_time(void *ctx, unsigned index)
{
    struct vcpus *all = ctx;

    return pvtime_ask(all->cfg.pvtime, index);
}

/* The thread that asks is the vCPU's own: it is not in guest code. */
static uint64_t psci_counter(void *ctx, unsigned index)
{
    struct vcpus *all = ctx;
    struct vcpu *v = &all->vcpu[index];

    all->cfg.accel->vcpu_get(v->hw, &v->state);
    return v->state.cntvct;
}

static bool must_leave_locked(const struct vcpus *all)
{
    return all->phase == PHASE_STOPPING || all->end != VM_RUNNING;
}

/* Sleeps while the VM is paused or the vCPU off; false: never again. Resets
   the vCPU when it has just been powered on. */
static bool enter(struct vcpu *v)
{
    struct vcpus *all = v->all;
    bool power_on = false, go;

    pthread_mutex_lock(&all->lock);
    v->in_guest = false;
    pthread_cond_broadcast(&all->changed);
    while (!must_leave_locked(all) &&
           (all->phase == PHASE_MADE || all->paused || v->power == PSCI_OFF))
        pthread_cond_wait(&all->changed, &all->lock);
    go = !must_leave_locked(all);
    if (go) {
        power_on = v->power == PSCI_ON_PENDING;
        v->power = PSCI_ON;
        v->in_guest = true;
    }
    pthread_mutex_unlock(&all->lock);
    if (power_on)
        all->cfg.accel->vcpu_reset(v->hw, v->entry, v->context_id);
    return go;
}

static void power_off(struct vcpu *v)
{
    pthread_mutex_lock(&v->all->lock);
    v->power = PSCI_OFF;
    pthread_mutex_unlock(&v->all->lock);
}

static void answer_mmio(struct vcpu *v, struct vcpu_exit *exit)
{
    struct mmio_bus *bus = v->all->cfg.bus;
    struct vcpu_metrics *m = &metrics.vcpu;
    uint64_t start_ns = host_mono_ns();

    v->mmio_exits++;
    metric_inc(exit->is_write ? &m->exit_mmio_write : &m->exit_mmio_read);
    if (exit->is_write)
        mmio_bus_write(bus, exit->addr, exit->size, exit->value);
    else
        exit->value = mmio_bus_read(bus, exit->addr, exit->size);
    metric_agg_add(exit->is_write ? &m->exit_mmio_write_agg
                                  : &m->exit_mmio_read_agg,
                   (host_mono_ns() - start_ns) / 1000);
}

/* False: this vCPU does not simply go on. */
static bool answer_smccc(struct vcpu *v, struct vcpu_exit *exit)
{
    enum psci_action action = psci_call(&v->all->psci, v->index, exit->smccc);

    exit->wfi_first = action == PSCI_RETURN_WFI;
    switch (action) {
    case PSCI_RETURN:
    case PSCI_RETURN_WFI:
        return true;
    case PSCI_POWER_DOWN:
        power_off(v);
        return false;
    case PSCI_SYSTEM_OFF:
        end_all(v->all, VM_OFF, NULL);
        return false;
    case PSCI_SYSTEM_RESET:
        end_all(v->all, VM_RESET, NULL);
        return false;
    }
    return true;
}

/* False: look at what the others want before running again. */
static bool answer(struct vcpu *v, struct vcpu_exit *exit)
{
    switch (exit->kind) {
    case EXIT_MMIO:
        answer_mmio(v, exit);
        return true;
    case EXIT_SMCCC:
        return answer_smccc(v, exit);
    case EXIT_WFI:
        return true;
    case EXIT_KICKED:
        return false;
    case EXIT_SYSTEM:
        end_all(v->all,
                exit->system_event == SYSTEM_EVENT_OFF ? VM_OFF : VM_RESET,
                NULL);
        return false;
    case EXIT_ERROR:
        metric_inc(&metrics.vcpu.failures);
        err_prefix(&exit->error, "vCPU %u", v->index);
        end_all(v->all, VM_FAILED, &exit->error);
        return false;
    }
    return false;
}

static void run(struct vcpu *v)
{
    struct vcpu_exit exit = {.kind = EXIT_KICKED};

    while (enter(v)) {
        do
            v->all->cfg.accel->vcpu_run(v->hw, &exit);
        while (answer(v, &exit));
    }
}

static bool make(struct vcpu *v)
{
    struct vcpus *all = v->all;
    struct err e = {0};
    struct accel_vcpu *hw = all->cfg.accel->vcpu_new(all->cfg.hw, v->index, &e);

    pthread_mutex_lock(&all->lock);
    v->hw = hw;
    if (!hw && !all->error.code)
        all->error = e;
    all->made++;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
    return hw != NULL;
}

/* The interrupt controller knows all vCPUs: none goes before all have left. */
static void leave(struct vcpu *v)
{
    struct vcpus *all = v->all;
    struct accel_vcpu *hw;

    pthread_mutex_lock(&all->lock);
    all->left++;
    pthread_cond_broadcast(&all->changed);
    while (all->phase != PHASE_STOPPING || all->left < all->made)
        pthread_cond_wait(&all->changed, &all->lock);
    hw = v->hw;
    v->hw = NULL;
    pthread_mutex_unlock(&all->lock);
    all->cfg.accel->vcpu_free(hw);
}

static void *vcpu_thread(void *arg)
{
    struct vcpu *v = arg;
    char name[16];

    snprintf(name, sizeof(name), "fc_vcpu %u", v->index);
    log_thread_name(name);
    if (make(v))
        run(v);
    leave(v);
    return NULL;
}

static int start_thread(struct vcpu *v, struct err *e)
{
    int rc = host_thread_start(&v->thread, vcpu_thread, v);

    if (rc < 0)
        return err_set(e, rc, "cannot start the thread of vCPU %u: %s",
                       v->index, strerror(-rc));
    v->has_thread = true;
    return 0;
}

/* Who has PSCI decides who is on. */
static enum psci_affinity power_at_start(const struct vcpus_config *cfg,
                                         unsigned index)
{
    if (index == 0)
        return PSCI_ON_PENDING;
    return cfg->accel->has_psci ? PSCI_ON : PSCI_OFF;
}

static struct vcpus *vcpus_alloc(const struct vcpus_config *cfg)
{
    struct vcpus *all = heap_zalloc(sizeof(*all));

    if (!all)
        return NULL;
    all->cfg = *cfg;
    all->psci =
        (struct psci_host){.vcpus = cfg->count,
                           .state = psci_state,
                           .power_on = psci_power_on,
                           .is_ram = psci_is_ram,
                           .stolen_time = cfg->pvtime ? psci_stolen_time : NULL,
                           .counter = psci_counter,
                           .ctx = all};
    pthread_mutex_init(&all->lock, NULL);
    pthread_cond_init(&all->changed, NULL);
    for (unsigned n = 0; n < cfg->count; n++) {
        all->vcpu[n].all = all;
        all->vcpu[n].index = n;
        all->vcpu[n].power = power_at_start(cfg, n);
    }
    all->vcpu[0].entry = cfg->entry;
    all->vcpu[0].context_id = cfg->x0;
    return all;
}

struct vcpus *vcpus_new(const struct vcpus_config *cfg, struct err *e)
{
    struct vcpus *all;

    check(cfg->count >= 1 && cfg->count <= VM_MAX_VCPUS);
    all = vcpus_alloc(cfg);
    if (!all) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    for (unsigned n = 0; n < cfg->count; n++) {
        if (start_thread(&all->vcpu[n], e) < 0)
            goto fail;
    }
    pthread_mutex_lock(&all->lock);
    while (all->made < cfg->count)
        pthread_cond_wait(&all->changed, &all->lock);
    pthread_mutex_unlock(&all->lock);
    if (all->error.code) {
        err_set(e, all->error.code, "%s", all->error.text);
        goto fail;
    }
    return all;

fail:
    vcpus_free(all);
    return NULL;
}

void vcpus_free(struct vcpus *all)
{
    if (!all)
        return;
    vcpus_stop(all);
    pthread_cond_destroy(&all->changed);
    pthread_mutex_destroy(&all->lock);
    heap_free(all);
}

static void set_phase(struct vcpus *all, enum phase phase)
{
    pthread_mutex_lock(&all->lock);
    all->phase = phase;
    kick_all(all);
    pthread_mutex_unlock(&all->lock);
}

void vcpus_start(struct vcpus *all)
{
    set_phase(all, PHASE_STARTED);
}

static bool any_in_guest_locked(const struct vcpus *all)
{
    for (unsigned n = 0; n < all->cfg.count; n++) {
        if (all->vcpu[n].in_guest)
            return true;
    }
    return false;
}

void vcpus_pause(struct vcpus *all)
{
    pthread_mutex_lock(&all->lock);
    all->paused = true;
    kick_all(all);
    while (any_in_guest_locked(all))
        pthread_cond_wait(&all->changed, &all->lock);
    pthread_mutex_unlock(&all->lock);
}

void vcpus_resume(struct vcpus *all)
{
    pthread_mutex_lock(&all->lock);
    all->paused = false;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
}

void vcpus_stop(struct vcpus *all)
{
    set_phase(all, PHASE_STOPPING);
    for (unsigned n = 0; n < all->cfg.count; n++) {
        if (all->vcpu[n].has_thread)
            pthread_join(all->vcpu[n].thread, NULL);
        all->vcpu[n].has_thread = false;
    }
}

enum vm_end vcpus_end(struct vcpus *all)
{
    enum vm_end end;

    pthread_mutex_lock(&all->lock);
    end = all->end;
    if (end == VM_RUNNING && all->phase == PHASE_STOPPING)
        end = VM_STOPPED;
    pthread_mutex_unlock(&all->lock);
    return end;
}

const char *vcpus_end_error(struct vcpus *all)
{
    return all->error.text;
}

uint64_t vcpus_mmio_exits(const struct vcpus *all)
{
    uint64_t sum = 0;

    for (unsigned n = 0; n < all->cfg.count; n++)
        sum += all->vcpu[n].mmio_exits;
    return sum;
}
