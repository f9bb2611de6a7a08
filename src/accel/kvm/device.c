// SPDX-License-Identifier: Apache-2.0
/* /dev/kvm: open, and of the one API version that there has been since 2007. */

#include "accel/kvm/device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int kvm_device_cannot_open(const char *path, int error, struct err *e)
{
    switch (error) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
        return err_set(
            e, -error,
            "kvm: this host has no %s: %s (os error %d). Its kernel has no KVM "
            "(modprobe kvm), or was not booted in EL2, as in a virtual machine "
            "without nesting; or this is a container that was not given the "
            "device. Use --accel soft (or auto)",
            path, strerror(error), error);
    case EACCES:
    case EPERM:
        return err_set(
            e, -error,
            "kvm: you may not use %s: %s (os error %d). Become a member of its "
            "group (sudo usermod -aG kvm $USER, then log in again), or get "
            "access for now: sudo setfacl -m u:$USER:rw %s",
            path, strerror(error), error, path);
    default:
        return err_set(e, -error, "kvm: cannot open %s: %s (os error %d)", path,
                       strerror(error), error);
    }
}

int kvm_device_open_at(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CLOEXEC), version;

    if (fd < 0)
        return kvm_device_cannot_open(path, errno, e);
    version = ioctl(fd, KVM_GET_API_VERSION, 0);
    if (version == KVM_API_VERSION)
        return fd;
    close(fd);
    if (version < 0)
        return err_set(e, -ENOTTY,
                       "kvm: %s is not Linux's KVM device: use --accel soft "
                       "(or auto), or find out who made it",
                       path);
    return err_set(e, -ENOTSUP,
                   "kvm: %s speaks version %d of its interface, and squib "
                   "speaks %d: boot a kernel of this century, or use --accel "
                   "soft (or auto)",
                   path, version, KVM_API_VERSION);
}
