// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The Arm PrimeCell UART, Linux's ttyAMA. */

#include "base/err.h"
#include "dev/console.h"
#include "dev/mmio.h"

/* `console` is borrowed, outlives the device and may be NULL. The caller
   connects dev->irq, a level line, and gives the device to a bus. */
struct mmio_dev *pl011_new(struct console *console, struct err *e);
