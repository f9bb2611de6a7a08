// SPDX-License-Identifier: Apache-2.0
#pragma once

/* Linux's KVM as an accelerator; where there is none for arm64 guests, the
   same name and the reason why not. */

#include "accel/accel.h"

extern const struct accel_ops kvm_ops;
