// SPDX-License-Identifier: Apache-2.0
/*
 * A vCPU: making it, running it, and what its exits mean. The power of
 * secondary CPUs, PSCI and idling are the kernel's.
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel/kvm/kvm_impl.h"
#include "accel/kvm/reg.h"
#include "base/macros.h"

/* Brings a vCPU out of the guest; nobody else uses it. */
#define KICK_SIGNAL SIGRTMIN

#define MPIDR_EL1 SYSREG_KEY(3, 0, 0, 0, 5)

enum { PSCI_1_1 = 0x10001 };

/* ---- making ---- */

static int init(struct accel_vcpu *v)
{
    struct kvm_vcpu_init init = {0};
    int rc = kvm_ioctl(v->vm->fd, KVM_ARM_PREFERRED_TARGET, &init);

    if (rc < 0)
        return rc;
    init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
    if (v->index)
        init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
    return kvm_ioctl(v->fd, KVM_ARM_VCPU_INIT, &init);
}

/* MPIDR_EL1 as the interrupt controller's attributes spell it. */
static int learn_affinity(struct accel_vcpu *v)
{
    uint64_t mpidr = 0;
    int rc = kvm_reg_get(v->fd, kvm_sysreg_key_id(MPIDR_EL1), &mpidr);

    v->affinity = (uint32_t)(BITS(mpidr, 39, 32) << 24 | BITS(mpidr, 23, 0));
    return rc;
}

/* Newer kernels have newer firmware; our guests are promised 1.1, here as
   under the other back ends. Older ones have no such register. */
static int pin_psci(struct accel_vcpu *v)
{
    uint64_t version = 0;
    int rc = kvm_reg_get(v->fd, KVM_REG_ARM_PSCI_VERSION, &version);

    if (rc < 0 || version <= PSCI_1_1)
        return 0;
    version = PSCI_1_1;
    return kvm_reg_set(v->fd, KVM_REG_ARM_PSCI_VERSION, &version);
}

int kvm_vcpu_make(struct accel_vm *vm, unsigned index, struct err *e)
{
    struct accel_vcpu *v = &vm->vcpus[index];
    int rc = kvm_ioctl_int(vm->fd, KVM_CREATE_VCPU, index);

    if (rc >= 0) {
        v->fd = rc;
        rc = init(v);
    }
    if (rc == 0)
        rc = pin_psci(v);
    if (rc == 0)
        rc = learn_affinity(v);
    if (rc < 0)
        return err_set(e, rc, "kvm: cannot make vCPU %u: %s (os error %d)",
                       index, strerror(-rc), -rc);
    kvm_hide_features(v->fd);
    if (index == 0) /* the kernel's own start is the VM's of one count only */
        kvm_set_count(v, 0);
    return 0;
}

void kvm_vcpu_close(struct accel_vcpu *v)
{
    if (v->fd >= 0)
        close(v->fd);
    v->fd = -1;
}

static void on_kick(int number)
{
    (void)number; /* that it came was all */
}

/* The signal need do nothing, but it has to be handled to interrupt. */
static void take_signal(void)
{
    struct sigaction act = {.sa_handler = on_kick, .sa_flags = SA_RESTART};
    sigset_t set;

    sigaction(KICK_SIGNAL, &act, NULL);
    sigemptyset(&set);
    sigaddset(&set, KICK_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

struct accel_vcpu *kvm_vcpu_new(struct accel_vm *vm, unsigned index,
                                struct err *e)
{
    struct accel_vcpu *v = &vm->vcpus[index];
    void *run =
        mmap(NULL, vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);

    if (run == MAP_FAILED) {
        err_set(e, -errno, "kvm: cannot map vCPU %u: %s (os error %d)", index,
                strerror(errno), errno);
        return NULL;
    }
    v->run = run;
    v->thread = pthread_self();
    take_signal();
    return v;
}

void kvm_vcpu_free(struct accel_vcpu *v)
{
    if (!v)
        return;
    if (v->run)
        munmap(v->run, v->vm->run_bytes);
    v->run = NULL;
    kvm_vcpu_close(v);
}

/* The kernel looks at the flag before it enters the guest, and a signal that
   comes later brings it out: no kick is lost between the two. */
static void want_exit(struct accel_vcpu *v, uint8_t value)
{
    __atomic_store_n(&v->run->immediate_exit, value, __ATOMIC_SEQ_CST);
}

/* A read that was not answered would be by the next run, which would step over
   an instruction. */
static void forget_mmio(struct accel_vcpu *v)
{
    if (!v->run || v->run->exit_reason != KVM_EXIT_MMIO)
        return;
    want_exit(v, 1);
    if (ioctl(v->fd, KVM_RUN, 0) < 0)
        want_exit(v, 0);
    v->is_read = false;
}

void kvm_vcpu_reset(struct accel_vcpu *v, uint64_t pc, uint64_t x0)
{
    int rc;

    forget_mmio(v);
    rc = init(v);
    if (rc == 0)
        rc = kvm_set_pc_x0(v, pc, x0);
    check(rc == 0); /* it was done before, and nothing can be different */
}

/* ---- leaving the guest ---- */

void kvm_vcpu_kick(struct accel_vcpu *v)
{
    want_exit(v, 1);
    pthread_kill(v->thread, KICK_SIGNAL);
}

static void exit_kicked(struct accel_vcpu *v, struct vcpu_exit *exit)
{
    want_exit(v, 0);
    v->counts[COUNT_kvm_kicks]++;
    exit->kind = EXIT_KICKED;
}

static void exit_mmio(struct accel_vcpu *v, struct vcpu_exit *exit)
{
    const struct kvm_run *run = v->run;

    exit->kind = EXIT_MMIO;
    exit->addr = run->mmio.phys_addr;
    exit->size = (uint8_t)MIN(run->mmio.len, sizeof(run->mmio.data));
    exit->is_write = run->mmio.is_write;
    exit->value = 0;
    if (exit->is_write)
        memcpy(&exit->value, run->mmio.data, exit->size);
    v->is_read = !exit->is_write;
    v->counts[exit->is_write ? COUNT_kvm_mmio_writes : COUNT_kvm_mmio_reads]++;
}

static void exit_system(struct accel_vcpu *v, struct vcpu_exit *exit)
{
    uint32_t type = v->run->system_event.type;

    v->counts[COUNT_kvm_system_events]++;
    switch (type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
    case KVM_SYSTEM_EVENT_RESET:
        exit->kind = EXIT_SYSTEM;
        exit->system_event = type == KVM_SYSTEM_EVENT_RESET ? SYSTEM_EVENT_RESET
                                                            : SYSTEM_EVENT_OFF;
        return;
    default:
        exit->kind = EXIT_ERROR;
        err_set(&exit->error, -EIO,
                "Received KVM_SYSTEM_EVENT signal type: %u: kvm: that is no "
                "event squib knows of",
                type);
    }
}

/* The first words are upstream's. */
static void exit_undecoded(struct accel_vcpu *v, struct vcpu_exit *exit,
                           const char *where)
{
    v->counts[COUNT_kvm_undecoded]++;
    exit->kind = EXIT_ERROR;
    err_set(&exit->error, -ENOSYS,
            "Received ENOSYS error because KVM failed to emulate an "
            "instruction: the guest's at PC %#" PRIx64 " accesses %s, which is "
            "no memory, in a way that the hardware does not describe (two "
            "registers at once, a vector register, or an address register that "
            "changes): drivers use plain loads and stores; --accel soft runs "
            "the others as well",
            kvm_pc(v), where);
}

static void exit_nisv(struct accel_vcpu *v, struct vcpu_exit *exit)
{
    char where[32];

    snprintf(where, sizeof(where), "%#llx",
             (unsigned long long)v->run->arm_nisv.fault_ipa);
    exit_undecoded(v, exit, where);
}

static void exit_failed(struct vcpu_exit *exit, const struct kvm_run *run)
{
    uint64_t why = run->fail_entry.hardware_entry_failure_reason;

    exit->kind = EXIT_ERROR;
    if (why & KVM_EXIT_FAIL_ENTRY_CPU_UNSUPPORTED)
        err_set(&exit->error, -EIO,
                "kvm: host CPU %u cannot run this guest, which was made on "
                "another kind of CPU: bind squib to CPUs of one kind (taskset)",
                run->fail_entry.cpu);
    else
        err_set(&exit->error, -EIO,
                "kvm: the hardware did not enter the guest on host CPU %u "
                "(KVM_EXIT_FAIL_ENTRY, reason %#" PRIx64 ")",
                run->fail_entry.cpu, why);
}

static void exit_by_reason(struct accel_vcpu *v, struct vcpu_exit *exit)
{
    const struct kvm_run *run = v->run;

    switch (run->exit_reason) {
    case KVM_EXIT_MMIO:
        exit_mmio(v, exit);
        return;
    case KVM_EXIT_SYSTEM_EVENT:
        exit_system(v, exit);
        return;
    case KVM_EXIT_ARM_NISV:
        exit_nisv(v, exit);
        return;
    case KVM_EXIT_INTR:
        exit_kicked(v, exit);
        return;
    case KVM_EXIT_FAIL_ENTRY:
        exit_failed(exit, run);
        return;
    case KVM_EXIT_INTERNAL_ERROR:
        exit->kind = EXIT_ERROR;
        err_set(&exit->error, -EIO,
                "kvm: the kernel cannot go on with the guest "
                "(KVM_EXIT_INTERNAL_ERROR, suberror %u) at PC %#" PRIx64,
                run->internal.suberror, kvm_pc(v));
        return;
    default:
        exit->kind = EXIT_ERROR;
        err_set(&exit->error, -EIO,
                "kvm: the guest was left for a reason squib does not know (%u) "
                "at PC %#" PRIx64,
                run->exit_reason, kvm_pc(v));
    }
}

/* A file that became shorter leaves its pages to us, as it does to those whom
   a signal tells (host/filemap.h); of other reasons we know nothing. */
static void exit_fault(struct accel_vcpu *v, struct vcpu_exit *exit)
{
    v->counts[COUNT_kvm_faults]++;
    exit->kind = EXIT_KICKED;
    if (kvm_memory_mend(v))
        return;
    exit->kind = EXIT_ERROR;
    err_set(&exit->error, -EFAULT,
            "kvm: the host did not give the memory that the guest wants to "
            "use at PC %#" PRIx64 " (KVM_RUN: %s, os error %d): it has none "
            "left, or the disk of a pmem file is full or broken",
            kvm_pc(v), strerror(EFAULT), EFAULT);
}

static void exit_by_error(struct accel_vcpu *v, struct vcpu_exit *exit,
                          int error)
{
    switch (error) {
    case EINTR:
    case EAGAIN:
        exit_kicked(v, exit);
        return;
    case ENOSYS: /* of kernels before 5.5 */
        exit_undecoded(v, exit, "an address");
        return;
    case EFAULT:
        exit_fault(v, exit);
        return;
    default:
        exit->kind = EXIT_ERROR;
        err_set(&exit->error, -error,
                "kvm: cannot run the guest: %s (os error %d)", strerror(error),
                error);
    }
}

void kvm_vcpu_run(struct accel_vcpu *v, struct vcpu_exit *exit)
{
    if (v->is_read)
        memcpy(v->run->mmio.data, &exit->value, sizeof(v->run->mmio.data));
    v->is_read = false;
    if (ioctl(v->fd, KVM_RUN, 0) < 0)
        exit_by_error(v, exit, errno);
    else
        exit_by_reason(v, exit);
}
