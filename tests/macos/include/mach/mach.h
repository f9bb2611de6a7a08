// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

/* Only because libuv's header names them. */
typedef uint32_t mach_port_t;
