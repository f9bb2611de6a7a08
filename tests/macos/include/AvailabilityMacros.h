// SPDX-License-Identifier: Apache-2.0
#pragma once

#define MAC_OS_X_VERSION_10_7           1070
#define MAC_OS_X_VERSION_MIN_REQUIRED   130000
#define __MAC_OS_X_VERSION_MIN_REQUIRED 130000
