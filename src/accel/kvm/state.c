// SPDX-License-Identifier: Apache-2.0
/*
 * The state of a vCPU out of the kernel and into it: the general registers, the
 * one list of system registers, the interrupt controller's CPU interface, the
 * count and the power state. The vCPU does not run meanwhile.
 */

#include <errno.h>

#include "accel/kvm/kvm_impl.h"
#include "accel/kvm/reg.h"
#include "base/macros.h"

typedef int reg_fn(int fd, uint64_t id, void *value);

static int reg_put(int fd, uint64_t id, void *value)
{
    return kvm_reg_set(fd, id, value);
}

/* Both ways with one list: `move` reads them all or writes them all. */
static int move_general(int fd, struct vcpu_state *s, reg_fn *move)
{
    int rc = 0;

    for (unsigned n = 0; rc == 0 && n < ARRAY_LEN(s->x); n++)
        rc = move(fd, kvm_x_id(n), &s->x[n]);
    for (unsigned n = 0; rc == 0 && n < ARRAY_LEN(s->v); n++)
        rc = move(fd, kvm_v_id(n), s->v[n]);
    if (rc == 0)
        rc = move(fd, kvm_pstate_id(), &s->pstate);
    if (rc == 0)
        rc = move(fd, kvm_sp_id(0), &s->sp_el0);
    if (rc == 0)
        rc = move(fd, kvm_sp_id(1), &s->sp_el1);
    if (rc == 0)
        rc = move(fd, kvm_pc_id(), &s->pc);
    if (rc == 0)
        rc = move(fd, kvm_fpcr_id(), &s->fpcr);
    return rc < 0 ? rc : move(fd, kvm_fpsr_id(), &s->fpsr);
}

/* A kernel does not give all of the list away, and what it lacks reads as
   zero: DBGCLAIMCLR_EL1, and before 6.4 the physical timer's two registers,
   which Linux as a guest does not use. */
static int move_system(int fd, struct vcpu_state *s, reg_fn *move)
{
    int rc = 0;

    for (unsigned r = 0; rc == 0 && r < NUM_SYSREGS; r++) {
        rc = move(fd, kvm_sysreg_id(r), &s->sys[r]);
        if (rc == -ENOENT) {
            s->sys[r] = 0;
            rc = 0;
        }
    }
    return rc;
}

int kvm_vcpu_get(struct accel_vcpu *v, struct vcpu_state *out)
{
    struct kvm_mp_state power = {0};
    int rc = move_general(v->fd, out, kvm_reg_get);

    if (rc == 0)
        rc = move_system(v->fd, out, kvm_reg_get);
    if (rc == 0)
        rc = kvm_icc_get(v, out->icc);
    if (rc == 0)
        rc = kvm_reg_get(v->fd, kvm_counter_id(), &out->cntvct);
    if (rc == 0)
        rc = kvm_ioctl(v->fd, KVM_GET_MP_STATE, &power);
    out->powered_off = power.mp_state == KVM_MP_STATE_STOPPED;
    return rc;
}

static int set_power(struct accel_vcpu *v, bool off)
{
    const struct kvm_mp_state power = {.mp_state = off ? KVM_MP_STATE_STOPPED
                                                       : KVM_MP_STATE_RUNNABLE};

    return kvm_ioctl(v->fd, KVM_SET_MP_STATE, &power);
}

/* The kernel has one count a VM: writing it through any vCPU moves all. Before
   the timers, which are looked at against it. */
int kvm_vcpu_set(struct accel_vcpu *v, const struct vcpu_state *in)
{
    struct vcpu_state s = *in;
    int rc = 0;

    if (v->index == 0)
        rc = kvm_reg_set(v->fd, kvm_counter_id(), &s.cntvct);
    if (rc == 0)
        rc = move_general(v->fd, &s, reg_put);
    if (rc == 0)
        rc = move_system(v->fd, &s, reg_put);
    if (rc == 0)
        rc = kvm_icc_set(v, s.icc);
    if (rc == 0)
        rc = set_power(v, s.powered_off);
    return rc;
}

int kvm_set_pc_x0(struct accel_vcpu *v, uint64_t pc, uint64_t x0)
{
    int rc = kvm_reg_set(v->fd, kvm_pc_id(), &pc);

    if (rc == 0)
        rc = kvm_reg_set(v->fd, kvm_x_id(0), &x0);
    return rc < 0 ? rc : set_power(v, false);
}

uint64_t kvm_pc(struct accel_vcpu *v)
{
    uint64_t pc = 0;

    return kvm_reg_get(v->fd, kvm_pc_id(), &pc) < 0 ? 0 : pc;
}
