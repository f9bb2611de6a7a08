// SPDX-License-Identifier: Apache-2.0
#pragma once

/* A register that a guest's init writes when it has come up: the log then says
   how long the boot took. */

#include <stdint.h>

#include "base/err.h"
#include "dev/mmio.h"

/* When the boot began: host_mono_ns() and host_process_cpu_ns() of then. */
struct boot_start {
    uint64_t mono_ns;
    uint64_t cpu_ns;
};

struct mmio_dev *boot_timer_new(struct boot_start start, struct err *e);
