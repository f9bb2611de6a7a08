// SPDX-License-Identifier: Apache-2.0
#pragma once

/* Only because libuv's header includes it. */
