// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The PC's serial port, Linux's ttyS: what Firecracker's kernels expect. */

#include "base/err.h"
#include "dev/console.h"
#include "dev/mmio.h"

/* `console` is borrowed, outlives the device and may be NULL. The caller
   connects dev->irq, an edge line, and gives the device to a bus. */
struct mmio_dev *uart16550_new(struct console *console, struct err *e);
