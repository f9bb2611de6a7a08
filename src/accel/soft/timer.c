// SPDX-License-Identifier: Apache-2.0
/* The generic timer, and sleeping until something happens. */

#include "accel/soft/timer.h"

#include <sched.h>
#include <stdatomic.h>

#include "accel/soft/alarm.h"
#include "accel/soft/gic.h"
#include "accel/soft/sysreg.h"
#include "host/host.h"

enum { CTL_ENABLE = 1, CTL_IMASK = 2, CTL_ISTATUS = 4 };

/* A WFE that goes on waking for nothing: a guest's lock is held elsewhere. It
   spins at first, then lets other threads run, then sleeps. */
enum {
    WFE_SPIN_NS = 10 * 1000,
    WFE_YIELD_NS = 100 * 1000,
    WFE_SLEEP_NS = 100 * 1000,
    WFE_PAUSE_NS = 50 * 1000 /* longer between two: they are not one wait */
};

uint64_t timer_count(const struct cpu *cpu)
{
    return host_mono_ns() - cpu->vm->cntvoff_ns;
}

/* ENABLE and the condition: CNTx_CTL.ISTATUS */
static bool is_met(uint64_t ctl, uint64_t cval, uint64_t now)
{
    return ctl & CTL_ENABLE && now >= cval;
}

static bool ctl_and_cval(unsigned key, enum sysreg *ctl, enum sysreg *cval)
{
    switch (key) {
    case KEY_CNTP_CTL_EL0:
    case KEY_CNTP_CVAL_EL0:
    case KEY_CNTP_TVAL_EL0:
        *ctl = SYS_CNTP_CTL_EL0;
        *cval = SYS_CNTP_CVAL_EL0;
        return true;
    case KEY_CNTV_CTL_EL0:
    case KEY_CNTV_CVAL_EL0:
    case KEY_CNTV_TVAL_EL0:
        *ctl = SYS_CNTV_CTL_EL0;
        *cval = SYS_CNTV_CVAL_EL0;
        return true;
    default:
        return false;
    }
}

bool timer_read(struct cpu *cpu, unsigned key, uint64_t *value)
{
    uint64_t now = timer_count(cpu);
    enum sysreg ctl, cval;

    if (!ctl_and_cval(key, &ctl, &cval))
        return false;
    switch (key) {
    case KEY_CNTP_CTL_EL0:
    case KEY_CNTV_CTL_EL0:
        *value = cpu->sys[ctl];
        if (is_met(cpu->sys[ctl], cpu->sys[cval], now))
            *value |= CTL_ISTATUS;
        break;
    case KEY_CNTP_TVAL_EL0:
    case KEY_CNTV_TVAL_EL0:
        *value = (uint32_t)(cpu->sys[cval] - now);
        break;
    default:
        *value = cpu->sys[cval];
    }
    return true;
}

bool timer_write(struct cpu *cpu, unsigned key, uint64_t value)
{
    enum sysreg ctl, cval;

    if (!ctl_and_cval(key, &ctl, &cval))
        return false;
    switch (key) {
    case KEY_CNTP_CTL_EL0:
    case KEY_CNTV_CTL_EL0:
        cpu->sys[ctl] = value & (CTL_ENABLE | CTL_IMASK);
        break;
    case KEY_CNTP_TVAL_EL0:
    case KEY_CNTV_TVAL_EL0:
        cpu->sys[cval] = timer_count(cpu) + (uint64_t)sext64(value, 32);
        break;
    default:
        cpu->sys[cval] = value;
    }
    timer_update(cpu);
    return true;
}

/* Drives one timer's line; returns when it will next change by itself. */
static uint64_t update_one(struct cpu *cpu, enum sysreg ctl, enum sysreg cval,
                           unsigned intid, uint64_t now)
{
    uint64_t c = cpu->sys[ctl];
    bool met = is_met(c, cpu->sys[cval], now);

    gic_ppi(cpu, intid, met && !(c & CTL_IMASK));
    if (met || c & CTL_IMASK || !(c & CTL_ENABLE))
        return UINT64_MAX;
    return sat_add64(cpu->sys[cval], cpu->vm->cntvoff_ns);
}

void timer_update(struct cpu *cpu)
{
    uint64_t now = timer_count(cpu);
    uint64_t phys = update_one(cpu, SYS_CNTP_CTL_EL0, SYS_CNTP_CVAL_EL0,
                               TIMER_PHYS_INTID, now);
    uint64_t virt = update_one(cpu, SYS_CNTV_CTL_EL0, SYS_CNTV_CVAL_EL0,
                               TIMER_VIRT_INTID, now);

    cpu->timer_deadline_ns = MIN(phys, virt);
    alarm_changed(cpu->vm->alarm, cpu->timer_deadline_ns);
}

/*
 * Sleeping. Whoever has something for a CPU (gic.c, the poster of work, a kick)
 * first writes it and then looks at run_state, or wakes without looking; the
 * sleeper first writes run_state and then looks for all of that. Both orders
 * are sequentially consistent, so one of the two sees the other. The waker
 * itself remembers a wake that comes before the wait.
 */
static bool has_reason_to_run(const struct cpu *cpu)
{
    return cpu->irq_line || cpu->fiq_line ||
           cpu->attention & (ATT_KICK | ATT_WORK | ATT_EXIT);
}

/* Until then; true if there may be more to wait for. */
static bool sleep_until(struct cpu *cpu, uint64_t deadline_ns)
{
    bool slept = false;

    atomic_store(&cpu->run_state, RUN_WAITING);
    if (!has_reason_to_run(cpu)) {
        host_waker_wait(cpu->waker, deadline_ns);
        slept = true;
    }
    atomic_store(&cpu->run_state, RUN_GUEST);
    alarm_changed(cpu->vm->alarm, cpu->timer_deadline_ns);
    return slept;
}

void cpu_wfi(struct cpu *cpu)
{
    do
        timer_update(cpu);
    while (sleep_until(cpu, cpu->timer_deadline_ns) && !has_reason_to_run(cpu));
}

/* True if the event register was set; clears it. */
static bool take_event(struct cpu *cpu)
{
    return __atomic_exchange_n(&cpu->event, false, __ATOMIC_SEQ_CST);
}

/* How long this CPU has been waking and finding nothing. */
static uint64_t wfe_streak_ns(struct cpu *cpu, uint64_t now)
{
    if (now - cpu->wfe_last_ns > WFE_PAUSE_NS)
        cpu->wfe_first_ns = now;
    return now - cpu->wfe_first_ns;
}

void cpu_wfe(struct cpu *cpu)
{
    uint64_t now = host_mono_ns();
    uint64_t streak = wfe_streak_ns(cpu, now);

    if (!take_event(cpu)) {
        if (streak >= WFE_YIELD_NS) {
            timer_update(cpu);
            __atomic_store_n(&cpu->sleeping_wfe, true, __ATOMIC_SEQ_CST);
            if (!take_event(cpu))
                sleep_until(cpu,
                            MIN(cpu->timer_deadline_ns, now + WFE_SLEEP_NS));
            __atomic_store_n(&cpu->sleeping_wfe, false, __ATOMIC_SEQ_CST);
        } else if (streak >= WFE_SPIN_NS) {
            sched_yield();
        }
        take_event(cpu);
    }
    cpu->wfe_last_ns = host_mono_ns();
}

void cpu_sev(struct cpu *cpu)
{
    struct soft_vm *vm = cpu->vm;

    for (unsigned n = 0; n < vm->num_cpus; n++) {
        struct cpu *other = __atomic_load_n(&vm->cpus[n], __ATOMIC_ACQUIRE);

        if (!other)
            continue;
        __atomic_store_n(&other->event, true, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&other->sleeping_wfe, __ATOMIC_SEQ_CST))
            host_waker_wake(other->waker);
    }
}
