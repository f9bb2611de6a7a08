// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What a file is that is not an arm64 Image, and what to do about it.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Bytes of the file's start that are worth having for this. */
enum { IMAGE_HEAD_BYTES = 4096 };

/* Names what `head` is the start of and the command that makes an Image of it;
   -ENOEXEC. `packed`: how the file was compressed ("gzip", "zstd"), or NULL. */
int image_explain(const char *path, const uint8_t *head, size_t bytes,
                  const char *packed, struct err *e);
