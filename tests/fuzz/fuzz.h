// SPDX-License-Identifier: Apache-2.0
#pragma once

/* What a fuzz target is: libFuzzer feeds it, or replay.c its corpus. */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
