// SPDX-License-Identifier: Apache-2.0
/*
 * WFI and WFE: sleeping until something happens.
 *
 * Whoever has something for a CPU (gic.c, the poster of work, a kick) first
 * writes it and then looks at run_state, or wakes without looking; the sleeper
 * first writes run_state and then looks for all of that. Both orders are
 * sequentially consistent, so one of the two sees the other. The waker itself
 * remembers a wake that comes before the wait.
 *
 * Before it sleeps a CPU may poll for a while: to be woken by the host takes
 * longer than most of what one CPU asks of another. How long is learnt from
 * how long it was idle the last times, as a CPU that is idle for long must cost
 * nothing; and only while there is a CPU of the host for each that is awake.
 */

#include "accel/soft/idle.h"

#include <sched.h>
#include <stdatomic.h>

#include "accel/soft/alarm.h"
#include "accel/soft/timer.h"
#include "host/host.h"

/* A WFE that goes on waking for nothing: a guest's lock is held elsewhere. It
   spins at first, then lets other threads run, then sleeps. Where the monitor
   is not armed it comes back each time, for the guest to look. */
enum {
    WFE_SPIN_NS = 10 * 1000,
    WFE_YIELD_NS = 100 * 1000,
    WFE_SLEEP_NS = 100 * 1000,
    WFE_PAUSE_NS = 50 * 1000 /* longer between two: they are not one wait */
};

enum {
    POLL_LEAST_NS = 10 * 1000,
    POLL_MOST_NS = 80 * 1000,
    POLL_LOOKS = 64 /* between two at the clock */
};

static bool has_reason_to_run(const struct cpu *cpu)
{
    return cpu->irq_line || cpu->fiq_line ||
           cpu->attention & (ATT_KICK | ATT_WORK | ATT_EXIT);
}

static bool may_poll(const struct soft_vm *vm)
{
    return atomic_load(&vm->num_awake) <= (int)host_cpus();
}

/* Until then, or as long as it may; other threads of the host come first. */
static void poll_until(struct cpu *cpu, uint64_t until_ns)
{
    uint64_t deadline_ns = cpu->timer_deadline_ns;

    until_ns = MIN(until_ns, deadline_ns);
    atomic_store(&cpu->run_state, RUN_POLLING);
    do {
        for (unsigned n = 0; n < POLL_LOOKS; n++) {
            if (has_reason_to_run(cpu))
                return;
            host_spin();
        }
        sched_yield();
    } while (host_mono_ns() < until_ns && may_poll(cpu->vm));
}

/* Until then; true if there may be more to wait for. */
static bool sleep_until(struct cpu *cpu, uint64_t deadline_ns)
{
    bool slept = false;

    atomic_store(&cpu->run_state, RUN_WAITING);
    if (!has_reason_to_run(cpu)) {
        atomic_fetch_sub(&cpu->vm->num_awake, 1);
        host_waker_wait(cpu->waker, deadline_ns);
        atomic_fetch_add(&cpu->vm->num_awake, 1);
        slept = true;
    }
    return slept;
}

static void go_on(struct cpu *cpu)
{
    atomic_store(&cpu->run_state, RUN_GUEST);
    alarm_changed(cpu->vm->alarm, cpu->timer_deadline_ns);
}

/* What polling would have caught makes it longer; the rest makes it shorter. */
static void learn(struct cpu *cpu, uint64_t idle_ns)
{
    if (idle_ns > POLL_MOST_NS)
        cpu->poll_ns = cpu->poll_ns / 2 < POLL_LEAST_NS ? 0 : cpu->poll_ns / 2;
    else if (idle_ns > cpu->poll_ns)
        cpu->poll_ns = MIN(MAX(2 * cpu->poll_ns, POLL_LEAST_NS), POLL_MOST_NS);
}

void cpu_wfi(struct cpu *cpu)
{
    uint64_t start;

    timer_update(cpu);
    if (has_reason_to_run(cpu))
        return;
    start = host_mono_ns();
    if (cpu->poll_ns && may_poll(cpu->vm))
        poll_until(cpu, start + cpu->poll_ns);
    do
        timer_update(cpu);
    while (sleep_until(cpu, cpu->timer_deadline_ns) && !has_reason_to_run(cpu));
    go_on(cpu);
    learn(cpu, host_mono_ns() - start);
}

/* True if the event register was set; clears it. */
static bool take_event(struct cpu *cpu)
{
    return __atomic_exchange_n(&cpu->event, false, __ATOMIC_SEQ_CST);
}

/* Somebody has written what the monitor watches, which is an event (D1.6.1). Of
 * a pair a half is enough: the guest looks again. */
static bool has_lost_monitor(const struct cpu *cpu)
{
    const void *at = (const void *)(uintptr_t)cpu->excl_pa;
    uint64_t value = cpu->excl_val[0];

    switch (cpu->excl_size) {
    case 0:
        return false;
    case 1:
        return __atomic_load_n((const uint8_t *)at, __ATOMIC_ACQUIRE) !=
               (uint8_t)value;
    case 2:
        return __atomic_load_n((const uint16_t *)at, __ATOMIC_ACQUIRE) !=
               (uint16_t)value;
    case 4:
        return __atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE) !=
               (uint32_t)value;
    default:
        return __atomic_load_n((const uint64_t *)at, __ATOMIC_ACQUIRE) != value;
    }
}

/* How long this CPU has been waking and finding nothing. */
static uint64_t wfe_streak_ns(struct cpu *cpu, uint64_t now)
{
    if (now - cpu->wfe_last_ns > WFE_PAUSE_NS)
        cpu->wfe_first_ns = now;
    return now - cpu->wfe_first_ns;
}

static void sleep_in_wfe(struct cpu *cpu, uint64_t until_ns)
{
    uint64_t deadline_ns;

    timer_update(cpu);
    deadline_ns = cpu->timer_deadline_ns;
    __atomic_store_n(&cpu->sleeping_wfe, true, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&cpu->event, __ATOMIC_SEQ_CST)) {
        sleep_until(cpu, MIN(deadline_ns, until_ns));
        go_on(cpu);
    }
    __atomic_store_n(&cpu->sleeping_wfe, false, __ATOMIC_SEQ_CST);
}

static void wait_a_little(struct cpu *cpu, uint64_t streak, uint64_t now)
{
    if (streak >= WFE_YIELD_NS)
        sleep_in_wfe(cpu, now + WFE_SLEEP_NS);
    else if (streak >= WFE_SPIN_NS)
        sched_yield();
    else
        host_spin();
}

/* A wait that was not in vain is over, however soon the next one begins: two
   CPUs that hand a lock to and fro would else sleep each time. */
void cpu_wfe(struct cpu *cpu)
{
    uint64_t now, streak;

    if (take_event(cpu))
        return;
    now = host_mono_ns();
    do {
        if (has_lost_monitor(cpu)) {
            cpu->excl_size = 0;
            cpu->wfe_last_ns = 0;
            return;
        }
        streak = wfe_streak_ns(cpu, now);
        wait_a_little(cpu, streak, now);
        now = host_mono_ns();
        cpu->wfe_last_ns = now;
        if (take_event(cpu)) {
            cpu->wfe_last_ns = 0;
            return;
        }
    } while (cpu->excl_size && streak < WFE_YIELD_NS && !cpu->attention);
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
