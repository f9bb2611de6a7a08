// SPDX-License-Identifier: Apache-2.0
/* Is there a KVM that can run our guests, and the table of what it does. */

#include "accel/kvm/kvm.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "accel/kvm/device.h"
#include "accel/kvm/kvm_impl.h"
#include "base/macros.h"

#define DEVICE "/dev/kvm"

int kvm_ioctl_int(int fd, unsigned long request, unsigned long arg)
{
    int rc;

    do
        rc = ioctl(fd, request, arg);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : rc;
}

int kvm_ioctl(int fd, unsigned long request, const void *arg)
{
    return kvm_ioctl_int(fd, request, (uintptr_t)arg);
}

/* What a kernel has to be able to do. All of it is in Linux 4.14. Who has none
   of it hears why also when `auto` goes on: hence not ENOTSUP, which is for
   hosts of another kind. */
static const struct {
    int number;
    const char *name;
} needed[] = {
    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    {KVM_CAP_ONE_REG, "KVM_CAP_ONE_REG"},
    {KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE"},
    {KVM_CAP_DEVICE_CTRL, "KVM_CAP_DEVICE_CTRL"},
    {KVM_CAP_ARM_PSCI_0_2, "KVM_CAP_ARM_PSCI_0_2"},
    {KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
    {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
};

static int check_host(int kvm, struct err *e)
{
    for (size_t n = 0; n < ARRAY_LEN(needed); n++) {
        if (kvm_ioctl_int(kvm, KVM_CHECK_EXTENSION,
                          (unsigned long)needed[n].number) <= 0)
            return err_set(e, -ENODEV,
                           "kvm: this host's kernel lacks %s: squib needs "
                           "Linux 4.14 or later; until then use --accel soft",
                           needed[n].name);
    }
    return 0;
}

/* Hosts with a GICv2, as the Raspberry Pi 4 is one, cannot give their guests a
   GICv3, and our board has no other. */
static int check_gic(int vm, struct err *e)
{
    struct kvm_create_device gic = {.type = KVM_DEV_TYPE_ARM_VGIC_V3,
                                    .flags = KVM_CREATE_DEVICE_TEST};

    if (kvm_ioctl(vm, KVM_CREATE_DEVICE, &gic) >= 0)
        return 0;
    gic.type = KVM_DEV_TYPE_ARM_VGIC_V2;
    if (kvm_ioctl(vm, KVM_CREATE_DEVICE, &gic) >= 0)
        return err_set(e, -ENODEV,
                       "kvm: this host's interrupt controller is a GICv2, and "
                       "KVM can give guests no other; squib's board has a "
                       "GICv3: use --accel soft (or auto)");
    return err_set(e, -ENODEV,
                   "kvm: this host's KVM has no interrupt controller for "
                   "guests (KVM_DEV_TYPE_ARM_VGIC_V3): use --accel soft (or "
                   "auto)");
}

static int kvm_probe(struct err *e)
{
    int kvm = kvm_device_open_at(DEVICE, e), vm, rc;

    if (kvm < 0)
        return kvm;
    rc = check_host(kvm, e);
    if (rc == 0) {
        unsigned ipa_bits;

        vm = kvm_vm_create(kvm, &ipa_bits, e);
        rc = vm < 0 ? vm : check_gic(vm, e);
        if (vm >= 0)
            close(vm);
    }
    close(kvm);
    return rc;
}

int kvm_open(struct err *e)
{
    int kvm = kvm_device_open_at(DEVICE, e);
    int rc = kvm < 0 ? kvm : check_host(kvm, e);

    if (kvm >= 0 && rc < 0)
        close(kvm);
    return rc < 0 ? rc : kvm;
}

/* The kernel keeps the caches of instructions coherent with its tables, and
   the guest with its own writes, as on any Arm machine. */
static void kvm_ram_written(struct accel_vm *vm, gpa_t gpa, uint64_t len)
{
    (void)vm;
    (void)gpa;
    (void)len;
}

const struct accel_ops kvm_ops = {
    .name = "kvm",
    .has_psci = true,
    .probe = kvm_probe,
    .redist_bytes = kvm_redist_bytes,
    .vm_new = kvm_vm_new,
    .vm_free = kvm_vm_free,
    .spi = kvm_spi,
    .ram_written = kvm_ram_written,
    .dirty_log = kvm_dirty_log,
    .dirty_collect = kvm_dirty_collect,
    .vcpu_new = kvm_vcpu_new,
    .vcpu_free = kvm_vcpu_free,
    .vcpu_run = kvm_vcpu_run,
    .vcpu_kick = kvm_vcpu_kick,
    .vcpu_reset = kvm_vcpu_reset,
    .vcpu_get = kvm_vcpu_get,
    .vcpu_set = kvm_vcpu_set,
    .gic_get = kvm_gic_get,
    .gic_set = kvm_gic_set,
    .stat = kvm_stat,
};
