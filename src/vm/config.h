// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What a microVM shall be, before it exists: filled by the config file, by
 * `squib run`, later by the API. Strings are owned by the config.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vm/devices.h"

enum {
    VM_MAX_VCPUS = 32,
    VM_MAX_MEM_MIB = 1022 * 1024,
    VM_CMDLINE_MAX = 2048 /* with its NUL */
};

enum huge_pages { HUGE_NONE, HUGE_TRANSPARENT, HUGE_2M };

struct vm_config {
    char *kernel_path;
    char *initrd_path; /* NULL: none */
    char *boot_args;   /* NULL: Firecracker's default */
    unsigned vcpu_count;
    uint64_t mem_size_mib;
    bool smt;
    bool track_dirty_pages;
    enum huge_pages huge_pages;
    char *accel;       /* NULL: auto */
    char *tier;        /* of the soft accelerator; NULL: auto */
    uint64_t code_mib; /* for its translations; 0: its default */
    bool count_insns;  /* its counters are exact */
    char *dump_fdt;    /* NULL, or the file the device tree is written to */
    bool boot_timer;
    bool has_v1n1_template;   /* the CPU template of this name */
    bool has_custom_template; /* one of the operator's own, not an empty one */
    struct vm_devices devices;

    /* Errors of a start begin as Firecracker's do: for its clients, not for
       people at a terminal. */
    bool upstream_texts;
};

/* Firecracker's defaults: 1 vCPU, 128 MiB. */
void vm_config_init(struct vm_config *cfg);
void vm_config_release(struct vm_config *cfg); /* any number of times */

/* Replaces an owned string by a copy of `value` (NULL: none); -ENOMEM. */
int vm_config_set(char **field, const char *value);

/* From a person's text: a tier of the software CPU, with options. */
int vm_config_set_tier(struct vm_config *cfg, const char *text, struct err *e);

/* From a person's text: 1 to 4096 MiB. */
int vm_config_set_code_mib(struct vm_config *cfg, const char *text,
                           struct err *e);

/* Limits, with Firecracker's sentences: -EINVAL. Any memory size above zero is
   accepted, as upstream does; vm_config_ram_bytes caps it at 1022 GiB. */
int vm_config_check_machine(const struct vm_config *cfg, struct err *e);
int vm_config_check_boot_args(const char *args, struct err *e); /* NULL: fine */

/* What the guest gets. */
uint64_t vm_config_ram_bytes(const struct vm_config *cfg);
