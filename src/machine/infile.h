// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Files an operator names: opened without side effects, and only if they are
 * files. A FIFO or a terminal would make us wait for somebody.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A descriptor of the regular file `path`, or a negative errno. `sentence`
   starts the error: "The kernel file cannot be opened:". */
int infile_open(const char *path, const char *sentence, struct err *e);
void infile_close(int fd); /* takes negative ones */

/* The length of an open file; negative errno if the host cannot tell. */
int64_t infile_bytes(int fd);

/* Reads [at, at + bytes) as far as there is any of it: how much that was, or
   a negative errno. */
int64_t infile_read(int fd, uint64_t at, void *buf, size_t bytes);
