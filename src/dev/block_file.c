// SPDX-License-Identifier: Apache-2.0
/* The file behind a disk. It may shrink, fill up or vanish at any time. */

#include "dev/block_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"

static int refuse(struct err *e, int code, const char *path)
{
    return err_set(e, code,
                   "Virtio backend error: Error manipulating the backing "
                   "file: %s (os error %d) %.600s",
                   strerror(-code), -code, path);
}

/* 5.2.6: the device's serial number. Firecracker's is made of what the file is
   known by, and so is the same in every run. */
static void make_id(struct block_file *f, const struct stat *st)
{
    char text[3 * 20 + 1];

    snprintf(text, sizeof(text), "%llu%llu%llu", (unsigned long long)st->st_dev,
             (unsigned long long)st->st_rdev, (unsigned long long)st->st_ino);
    memset(f->id, 0, sizeof(f->id));
    memcpy(f->id, text, MIN(strlen(text), sizeof(f->id)));
}

static int inspect(struct block_file *f, const char *path, struct err *e)
{
    struct stat st;
    off_t bytes;

    if (fstat(f->fd, &st) < 0)
        return refuse(e, -errno, path);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return err_set(e, -EINVAL,
                       "Virtio backend error: Error manipulating the backing "
                       "file: neither a file nor a block device: %.256s",
                       path);
    bytes = lseek(f->fd, 0, SEEK_END); /* knows block devices, too */
    if (bytes < 0)
        return refuse(e, -errno, path);
    if (bytes % BLOCK_SECTOR)
        log_warn("Disk size %llu is not a multiple of sector size %d; the "
                 "remainder will not be visible to the guest.",
                 (unsigned long long)bytes, BLOCK_SECTOR);
    f->regular = S_ISREG(st.st_mode);
    f->sectors = (uint64_t)bytes / BLOCK_SECTOR;
    make_id(f, &st);
    return 0;
}

/* O_NONBLOCK: a FIFO nobody writes to must not hold us up. */
int block_file_open(struct block_file *f, const char *path, bool read_only,
                    struct err *e)
{
    int rc;

    *f = (struct block_file){.fd = -1};
    f->fd =
        open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
    if (f->fd < 0)
        return refuse(e, -errno, path);
    rc = inspect(f, path, e);
    if (rc < 0)
        block_file_close(f);
    return rc;
}

void block_file_close(struct block_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

/* One iovec, from `skip` on. */
static int transfer_one(int fd, bool write, const struct iovec *iov,
                        uint64_t offset, uint64_t skip)
{
    while (skip < iov->iov_len) {
        char *at = (char *)iov->iov_base + skip;
        size_t len = iov->iov_len - skip;
        ssize_t n = write ? pwrite(fd, at, len, (off_t)(offset + skip))
                          : pread(fd, at, len, (off_t)(offset + skip));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        skip += (uint64_t)n;
    }
    return 0;
}

static int transfer_rest(int fd, bool write, const struct iovec *iov,
                         unsigned num_iov, uint64_t offset, uint64_t skip)
{
    int rc = 0;

    for (unsigned n = 0; n < num_iov && rc == 0; n++) {
        if (skip < iov[n].iov_len)
            rc = transfer_one(fd, write, &iov[n], offset, skip);
        offset += iov[n].iov_len;
        skip -= MIN(skip, iov[n].iov_len);
    }
    return rc;
}

static uint64_t total(const struct iovec *iov, unsigned num_iov)
{
    uint64_t bytes = 0;

    for (unsigned n = 0; n < num_iov; n++)
        bytes += iov[n].iov_len;
    return bytes;
}

/* All at once is what nearly always works; the rest piece by piece. */
static int transfer(int fd, bool write, const struct iovec *iov,
                    unsigned num_iov, uint64_t offset, uint64_t skip)
{
    ssize_t n = 0;

    if (!skip && num_iov) {
        n = write ? pwritev(fd, iov, (int)num_iov, (off_t)offset)
                  : preadv(fd, iov, (int)num_iov, (off_t)offset);
        if (n < 0 && errno != EINTR)
            return -errno;
        skip = n > 0 ? (uint64_t)n : 0;
        if (skip == total(iov, num_iov))
            return 0;
    }
    return transfer_rest(fd, write, iov, num_iov, offset, skip);
}

int block_file_read(const struct block_file *f, const struct iovec *iov,
                    unsigned num_iov, uint64_t offset, uint64_t skip)
{
    return transfer(f->fd, false, iov, num_iov, offset, skip);
}

int block_file_write(const struct block_file *f, const struct iovec *iov,
                     unsigned num_iov, uint64_t offset, uint64_t skip)
{
    return transfer(f->fd, true, iov, num_iov, offset, skip);
}
