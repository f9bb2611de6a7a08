// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * A file as a stream of bytes, unpacked on the way if it is gzip or zstd. The
 * reader says how much it wants, so a small file that unpacks to terabytes
 * costs no more than that.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct unpack; /* owned by its maker */

/* `fd` is borrowed and read from its start. NULL: cannot read, no memory. */
struct unpack *unpack_new(int fd, struct err *e);
void unpack_free(struct unpack *u);

/* "gzip" or "zstd", or NULL for a file that is taken as it is. */
const char *unpack_format(const struct unpack *u);

/* The next bytes: fewer than asked for only at the end, then none. Negative
   errno: unreadable, corrupt or cut off. */
int64_t unpack_read(struct unpack *u, void *buf, size_t bytes, struct err *e);
