// SPDX-License-Identifier: Apache-2.0
/* The software CPU as an accelerator: what accel.h asks for. */

#include "accel/soft/soft.h"

const struct accel_ops soft_ops = {.name = "soft"};
