// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The initrd: its place in RAM, and the way there. What it holds is the
 * guest's business.
 */

#include <stdint.h>

#include "base/err.h"
#include "mem/gmem.h"

struct initrd_info {
    gpa_t start;
    uint64_t bytes;
};

/* Where `bytes` go in `ram_bytes` of RAM when the kernel ends at kernel_end:
   256 MiB into DRAM or 16 MiB behind the kernel, whichever is further; in a
   guest too small for that, right below the device tree. -E2BIG, with the
   amount of RAM that would do, when they do not fit. */
int initrd_place(uint64_t ram_bytes, gpa_t kernel_end, uint64_t bytes,
                 gpa_t *at, struct err *e);

/* Loads the file to that place. */
int initrd_load(struct gmem *ram, const char *path, gpa_t kernel_end,
                struct initrd_info *out, struct err *e);
