// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The software CPU as an accelerator. */

#include "accel/accel.h"

extern const struct accel_ops soft_ops;
