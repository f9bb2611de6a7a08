// SPDX-License-Identifier: Apache-2.0
/*
 * The state of a vCPU out of the kernel and into it: the general registers, the
 * lists of system and ID registers, the interrupt controller's CPU interface,
 * the count and the power state. The vCPU does not run meanwhile.
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

/* What a kernel does not have reads as zero, as the architecture says. */
static int get_id(int fd, uint64_t id[NUM_IDREGS])
{
    int rc = 0;

    for (unsigned r = 0; rc == 0 && r < NUM_IDREGS; r++) {
        id[r] = 0;
        rc = kvm_reg_get(fd, kvm_idreg_id(r), &id[r]);
        if (rc == -ENOENT)
            rc = 0;
    }
    return rc;
}

/* Kernels from 6.7 on take what the host can do as well or better, as long as
   no vCPU has run; older ones take only what is there. */
static void set_id(int fd, const uint64_t id[NUM_IDREGS])
{
    for (unsigned r = 0; r < NUM_IDREGS; r++) {
        uint64_t now = 0;

        if (kvm_reg_get(fd, kvm_idreg_id(r), &now) == 0 && now != id[r])
            kvm_reg_set(fd, kvm_idreg_id(r), &id[r]);
    }
}

/* Linux 6.4; older headers lack them. */
#ifndef KVM_CAP_COUNTER_OFFSET
#define KVM_CAP_COUNTER_OFFSET 227
struct kvm_arm_counter_offset {
    __u64 counter_offset;
    __u64 reserved;
};
#define KVM_ARM_SET_COUNTER_OFFSET \
    _IOW(KVMIO, 0xb5, struct kvm_arm_counter_offset)
#endif

static uint64_t host_count(void)
{
    uint64_t count;

    __asm__ volatile("isb\nmrs %0, cntvct_el0" : "=r"(count)::"memory");
    return count;
}

/* Both counts of the VM, of all its vCPUs, go on from here. Kernels before 6.4
   can move the virtual one only. */
int kvm_set_count(struct accel_vcpu *v, uint64_t count)
{
    const struct kvm_arm_counter_offset offset = {.counter_offset =
                                                      host_count() - count};

    if (kvm_ioctl_int(v->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_COUNTER_OFFSET) >
        0)
        return kvm_ioctl(v->vm->fd, KVM_ARM_SET_COUNTER_OFFSET, &offset);
    return kvm_reg_set(v->fd, kvm_counter_id(), &count);
}

int kvm_vcpu_get(struct accel_vcpu *v, struct vcpu_state *out)
{
    struct kvm_mp_state power = {0};
    int rc = move_general(v->fd, out, kvm_reg_get);

    if (rc == 0)
        rc = move_system(v->fd, out, kvm_reg_get);
    if (rc == 0)
        rc = get_id(v->fd, out->id);
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

/* The count before the timers, which are looked at against it. */
int kvm_vcpu_set(struct accel_vcpu *v, const struct vcpu_state *in)
{
    struct vcpu_state s = *in;
    int rc = 0;

    set_id(v->fd, s.id);
    if (v->index == 0)
        rc = kvm_set_count(v, s.cntvct);
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
