// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The flattened device tree: what the guest's kernel is told of the board.
 * (Not fdt.h: that name is libfdt's.)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mem/gmem.h"

enum { DEVTREE_SEED_BYTES = 64 };

struct devtree_config {
    unsigned vcpus;
    uint64_t ram_bytes;    /* from DRAM_BASE on, system metadata included */
    const char *bootargs;  /* borrowed for the call */
    gpa_t initrd_start;    /* of use if initrd_bytes is not 0 */
    uint64_t initrd_bytes; /* 0: none */
    uint64_t redist_bytes; /* of one GIC redistributor */
    uint64_t its_bytes;    /* an ITS at MSI_REGION_BASE; 0: none */
    bool has_pl011;
    bool has_uart16550;
    bool has_vmgenid;
    bool has_vmclock;
    uint32_t virtio_slots; /* bit n: there is a device in slot n */
    uint8_t rng_seed[DEVTREE_SEED_BYTES];
};

/* Writes the tree to buf, which is at most FDT_MAX_SIZE large: its length, or
   -EINVAL (a machine the board has no room for) or -ENOSPC. */
int devtree_build(const struct devtree_config *cfg, void *buf, size_t size,
                  struct err *e);

/* Writes a built tree to a file, for people and dtc. */
int devtree_dump(const char *path, const void *tree, size_t bytes,
                 struct err *e);
