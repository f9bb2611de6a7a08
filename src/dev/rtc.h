// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The Arm PrimeCell clock, Linux's rtc-pl031. */

#include "base/err.h"
#include "dev/mmio.h"

struct mmio_dev *rtc_new(struct err *e); /* give it to a bus */
