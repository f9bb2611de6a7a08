// SPDX-License-Identifier: Apache-2.0
#pragma once

#define TCP_NODELAY 0x01
