// SPDX-License-Identifier: Apache-2.0
/* A virtual machine of the kernel's: made whole, or not at all. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "accel/kvm/kvm_impl.h"
#include "base/heap.h"
#include "base/macros.h"

/* What a kernel without KVM_CAP_ARM_VM_IPA_SIZE has, and all that our board
   needs: 1 TiB. Some hosts have less. */
enum { IPA_BITS = 40 };

static int cannot(struct err *e, int rc, const char *what)
{
    return err_set(e, rc, "kvm: cannot %s: %s (os error %d)", what,
                   strerror(-rc), -rc);
}

int kvm_vm_create(int kvm, unsigned *ipa_bits, struct err *e)
{
    int most = kvm_ioctl_int(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);
    int fd;

    *ipa_bits = most > 0 ? MIN((unsigned)most, IPA_BITS) : IPA_BITS;
    fd = kvm_ioctl_int(kvm, KVM_CREATE_VM,
                       most > 0 ? KVM_VM_TYPE_ARM_IPA_SIZE(*ipa_bits) : 0);
    return fd < 0 ? cannot(e, fd, "make a virtual machine") : fd;
}

/* So that an access which the kernel cannot decode comes to us, with its
   address. Older kernels say only ENOSYS. */
static void ask_for_undecoded(int fd)
{
    const struct kvm_enable_cap cap = {.cap = KVM_CAP_ARM_NISV_TO_USER};

    kvm_ioctl(fd, KVM_ENABLE_CAP, &cap);
}

static int check_count(int kvm, unsigned vcpus, struct err *e)
{
    int most = kvm_ioctl_int(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);

    if (most > 0 && vcpus > (unsigned)most)
        return err_set(e, -E2BIG,
                       "kvm: this host's KVM has at most %d vCPUs in a "
                       "machine, not %u: use fewer",
                       most, vcpus);
    return 0;
}

static int open_vm(struct accel_vm *vm, int kvm, struct err *e)
{
    int bytes = kvm_ioctl_int(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    int rc = check_count(kvm, vm->num_vcpus, e);

    if (rc < 0)
        return rc;
    if (bytes < (int)sizeof(struct kvm_run))
        return err_set(e, -EIO,
                       "kvm: the host's kernel is stranger than we "
                       "can handle: its struct kvm_run is too small");
    vm->run_bytes = (size_t)bytes;
    vm->fd = kvm_vm_create(kvm, &vm->ipa_bits, e);
    if (vm->fd < 0)
        return vm->fd;
    ask_for_undecoded(vm->fd);
    return 0;
}

static struct accel_vm *alloc(const struct accel_config *cfg)
{
    struct accel_vm *vm =
        heap_zalloc(sizeof(*vm) + cfg->vcpus * sizeof(vm->vcpus[0]));

    if (!vm)
        return NULL;
    vm->fd = -1;
    vm->gic = -1;
    vm->ram = cfg->ram;
    vm->num_vcpus = cfg->vcpus;
    for (unsigned n = 0; n < cfg->vcpus; n++) {
        vm->vcpus[n].vm = vm;
        vm->vcpus[n].index = n;
        vm->vcpus[n].fd = -1;
    }
    return vm;
}

struct accel_vm *kvm_vm_new(const struct accel_config *cfg, struct err *e)
{
    struct accel_vm *vm = alloc(cfg);
    int kvm, rc;

    if (!vm) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    kvm = kvm_open(e);
    rc = kvm < 0 ? kvm : open_vm(vm, kvm, e);
    if (kvm >= 0)
        close(kvm);
    if (rc == 0)
        rc = kvm_memory_sync(vm, e);
    for (unsigned n = 0; rc == 0 && n < vm->num_vcpus; n++)
        rc = kvm_vcpu_make(vm, n, e);
    if (rc == 0)
        rc = kvm_gic_new(vm, cfg, e);
    if (rc == 0)
        return vm;
    kvm_vm_free(vm);
    return NULL;
}

void kvm_vm_free(struct accel_vm *vm)
{
    if (!vm)
        return;
    for (unsigned n = 0; n < vm->num_vcpus; n++)
        kvm_vcpu_close(&vm->vcpus[n]);
    if (vm->gic >= 0)
        close(vm->gic);
    if (vm->fd >= 0)
        close(vm->fd);
    heap_free(vm);
}

#define AS_NAME(name) #name,
static const char *const count_names[NUM_KVM_COUNTS] = {KVM_COUNTS(AS_NAME)};
#undef AS_NAME

const char *kvm_stat(struct accel_vm *vm, unsigned index, uint64_t *value)
{
    if (index >= NUM_KVM_COUNTS)
        return NULL;
    *value = 0;
    for (unsigned n = 0; n < vm->num_vcpus; n++)
        *value += vm->vcpus[n].counts[index];
    return count_names[index];
}
