// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The Firecracker whose API this is. Our own version is SQUIB_VERSION, from
   the build. */
#define FIRECRACKER_VERSION "1.17.0-dev"
