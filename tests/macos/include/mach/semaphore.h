// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mach/mach.h>

typedef mach_port_t semaphore_t;
