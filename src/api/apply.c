// SPDX-License-Identifier: Apache-2.0
/* Resources into the VM's configuration. */

#include "api/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int machine_config_apply(const struct machine_config *given,
                         struct vm_config *cfg, struct err *e)
{
    struct vm_config next = *cfg; /* borrows the strings */
    int rc;

    next.vcpu_count = given->vcpu_count;
    next.mem_size_mib = given->mem_size_mib;
    next.smt = given->smt;
    next.track_dirty_pages = given->track_dirty_pages;
    next.huge_pages = (enum huge_pages)given->huge_pages;
    rc = vm_config_check_machine(&next, e);
    if (rc < 0)
        return rc;
    if (given->cpu_template != CPU_TEMPLATE_NONE)
        return err_set(e, -ENOTSUP,
                       "the CPU template V1N1 is not there in squib yet: leave "
                       "cpu_template out, or set it to \"None\"");
    *cfg = next;
    return 0;
}

/* O_NONBLOCK: a FIFO nobody writes to must not hold us up. */
static int probe_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

static int check_boot_source(const struct boot_source *given, struct err *e)
{
    int rc = probe_file(given->kernel_image_path);

    if (rc < 0)
        return err_set(e, rc,
                       "The kernel file cannot be opened: %s (os error %d)",
                       strerror(-rc), -rc);
    rc = given->initrd_path ? probe_file(given->initrd_path) : 0;
    if (rc < 0)
        return err_set(e, rc,
                       "The initrd file cannot be opened due to invalid path "
                       "or invalid permissions. %s (os error %d)",
                       strerror(-rc), -rc);
    return vm_config_check_boot_args(given->boot_args, e);
}

int boot_source_apply(const struct boot_source *given, struct vm_config *cfg,
                      struct err *e)
{
    char *kernel = NULL, *initrd = NULL, *args = NULL;
    int rc = check_boot_source(given, e);

    if (rc < 0)
        return rc;
    if (vm_config_set(&kernel, given->kernel_image_path) < 0 ||
        vm_config_set(&initrd, given->initrd_path) < 0 ||
        vm_config_set(&args, given->boot_args) < 0) {
        vm_config_set(&kernel, NULL);
        vm_config_set(&initrd, NULL);
        return err_set(e, -ENOMEM, "out of memory");
    }
    vm_config_set(&cfg->kernel_path, NULL);
    vm_config_set(&cfg->initrd_path, NULL);
    vm_config_set(&cfg->boot_args, NULL);
    cfg->kernel_path = kernel;
    cfg->initrd_path = initrd;
    cfg->boot_args = args;
    return 0;
}
