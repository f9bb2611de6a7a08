// SPDX-License-Identifier: Apache-2.0
#pragma once

/* `squib run`: a microVM for people at a terminal. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vm/config.h"

struct mmds_link;

struct run_options {
    struct vm_config vm;       /* owned */
    uint32_t log_level;        /* enum log_level */
    bool has_log_level;        /* it was asked for */
    const char *metadata_path; /* borrowed from argv; NULL: none */
    struct mmds_link *mmds;    /* owned; for longer than the VM */
    bool stats;
    bool help;
};

/* argv[0] is "run". The sentences name the fix. Whatever comes back, the
   options are to be released. */
int run_parse(struct run_options *run, int argc, char **argv, struct err *e);
void run_release(struct run_options *run);

/* For people: what opens a file later says less plainly what is wrong with it,
   in upstream's words, and may not even name it. `mode` is that of access().
   The others: empty files of --pmem; these, the kernel and the initrd. */
int run_probe(const char *option, const char *path, int mode, struct err *e);
int run_check_pmems(const struct vm_devices *d, struct err *e);
int run_check_files(const struct run_options *run, struct err *e);

const char *run_usage(void);

/* "512", "512M", "512MiB", "2G": in MiB; false if it is none of these. */
bool run_parse_size(const char *text, uint64_t *mib);

/* One more disk or pmem file: the value of a --disk, of a --pmem. */
int run_add_disk(struct vm_devices *d, const char *text, struct err *e);
int run_add_pmem(struct vm_devices *d, const char *text, struct err *e);

/* Where nobody named one: the first disk is the root, else the first pmem. */
void run_choose_root(struct vm_devices *d);

/* The value of --hotplug-mem. */
int run_set_hotplug_mem(struct vm_devices *d, const char *text, struct err *e);

/* Lets the guest read the file of --share-metadata, if there is one. After the
   interfaces. */
int run_share_metadata(struct run_options *run, struct err *e);

/* One more interface: the value of a --net. */
int run_add_net(struct vm_devices *d, const char *text, struct err *e);
