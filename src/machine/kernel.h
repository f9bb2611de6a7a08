// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The kernel: an arm64 Image (Linux, Documentation/arm64/booting.rst), plain
 * or packed by gzip or zstd, from a file into guest memory.
 */

#include <stdint.h>

#include "base/err.h"
#include "mem/gmem.h"

struct kernel_info {
    gpa_t entry;          /* where the first vCPU starts */
    gpa_t end;            /* the first byte that is free again, after the bss */
    uint64_t image_bytes; /* unpacked */
};

/* Loads the kernel to its place in `ram`, whose DRAM starts at DRAM_BASE, and
   fills *out. -ENOEXEC: not an Image (the sentence says what it is and which
   command helps), -E2BIG: more than the RAM holds; or the host's errno. */
int kernel_load(struct gmem *ram, const char *path, struct kernel_info *out,
                struct err *e);
