// SPDX-License-Identifier: Apache-2.0
/* The configuration of a microVM and its limits. */

#include "vm/config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "accel/accel.h"
#include "base/heap.h"
#include "base/macros.h"

enum { DEFAULT_VCPUS = 1, DEFAULT_MEM_MIB = 128 };

void vm_config_init(struct vm_config *cfg)
{
    *cfg = (struct vm_config){.vcpu_count = DEFAULT_VCPUS,
                              .mem_size_mib = DEFAULT_MEM_MIB};
}

void vm_config_release(struct vm_config *cfg)
{
    heap_free(cfg->kernel_path);
    heap_free(cfg->initrd_path);
    heap_free(cfg->boot_args);
    heap_free(cfg->accel);
    heap_free(cfg->tier);
    heap_free(cfg->dump_fdt);
    devices_release(&cfg->devices);
    *cfg = (struct vm_config){0};
}

int vm_config_set(char **field, const char *value)
{
    char *copy = value ? heap_strdup(value) : NULL;

    if (value && !copy)
        return -ENOMEM;
    heap_free(*field);
    *field = copy;
    return 0;
}

/* The order of the checks is Firecracker's, so that two faults at once give
   the same text. */
int vm_config_check_machine(const struct vm_config *cfg, struct err *e)
{
    bool even = cfg->huge_pages != HUGE_NONE; /* 2 MiB pages */

    if (cfg->smt)
        return err_set(e, -EINVAL,
                       "Enabling simultaneous multithreading is not supported "
                       "on aarch64.");
    if (cfg->vcpu_count == 0 || cfg->vcpu_count > VM_MAX_VCPUS)
        return err_set(e, -EINVAL,
                       "The number of vCPUs must be greater than 0, less than "
                       "%d and must be 1 or an even number if SMT is enabled.",
                       VM_MAX_VCPUS);
    if (cfg->mem_size_mib == 0 || (even && cfg->mem_size_mib % 2))
        return err_set(e, -EINVAL,
                       "The memory size (MiB) is either 0, or not a multiple "
                       "of the configured page size.");
    return 0;
}

int vm_config_check_boot_args(const char *args, struct err *e)
{
    if (!args)
        return 0;
    for (const char *c = args; *c; c++)
        if (*c < ' ' || *c > '~')
            return err_set(e, -EINVAL,
                           "The kernel command line is invalid: String "
                           "contains a non-printable ASCII character.");
    if (strlen(args) >= VM_CMDLINE_MAX)
        return err_set(e, -EINVAL,
                       "The kernel command line is invalid: Inserting string "
                       "would make command line too long.");
    return 0;
}

uint64_t vm_config_ram_bytes(const struct vm_config *cfg)
{
    return MIN(cfg->mem_size_mib, (uint64_t)VM_MAX_MEM_MIB) * MIB;
}

int vm_config_set_tier(struct vm_config *cfg, const char *text, struct err *e)
{
    int rc = accel_check_tier(text, e);

    if (rc < 0) {
        err_prefix(e, "--tier");
        return rc;
    }
    rc = vm_config_set(&cfg->tier, text);
    return rc < 0 ? err_set(e, rc, "out of memory") : 0;
}

int vm_config_set_code_mib(struct vm_config *cfg, const char *text,
                           struct err *e)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (end == text || *end || n < 1 || n > 4096)
        return err_set(
            e, -EINVAL,
            "--code-mib: the memory for translated code is 1 to 4096 "
            "MiB, not '%.32s'",
            text);
    cfg->code_mib = n;
    return 0;
}
