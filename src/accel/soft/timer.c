// SPDX-License-Identifier: Apache-2.0
/* The generic timer. */

#include "accel/soft/timer.h"

#include <stdatomic.h>

#include "accel/soft/alarm.h"
#include "accel/soft/gic.h"
#include "accel/soft/sysreg.h"
#include "host/host.h"

enum { CTL_ENABLE = 1, CTL_IMASK = 2, CTL_ISTATUS = 4 };

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
