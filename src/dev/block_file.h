// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The file behind a disk: opening it, and I/O that is whole or an error. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

enum { BLOCK_SECTOR = 512, BLOCK_ID_BYTES = 20 };

struct block_file {
    int fd;       /* owned; -1: none */
    bool regular; /* no block device */
    uint64_t sectors;
    char id[BLOCK_ID_BYTES]; /* what GET_ID says; NUL-padded, not terminated */
};

/* A regular file or a block device. */
int block_file_open(struct block_file *f, const char *path, bool read_only,
                    struct err *e);
void block_file_close(struct block_file *f);

/* All of iov but the first `skip` bytes, at offset + skip: 0 or a negative
   errno; -EIO where the file has ended. */
int block_file_read(const struct block_file *f, const struct iovec *iov,
                    unsigned num_iov, uint64_t offset, uint64_t skip);
int block_file_write(const struct block_file *f, const struct iovec *iov,
                     unsigned num_iov, uint64_t offset, uint64_t skip);
