// SPDX-License-Identifier: Apache-2.0
/* Regular files, read at offsets. */

#include "machine/infile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"

/* Some hosts refuse single reads beyond 2 GiB. */
enum { READ_MAX = 1 << 30 };

static const char *kind_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a directory";
    case S_IFIFO:
        return "a pipe (write what comes out of it to a file first)";
    case S_IFSOCK:
        return "a socket";
    default:
        return "a device";
    }
}

static int refuse_errno(const char *sentence, int number, struct err *e)
{
    return err_set(e, -number, "%s %s (os error %d)", sentence,
                   strerror(number), number);
}

static int refuse_kind(const char *path, const char *sentence, mode_t mode,
                       struct err *e)
{
    return err_set(e, S_ISDIR(mode) ? -EISDIR : -EINVAL, "%s %s is %s",
                   sentence, path, kind_of(mode));
}

int infile_open(const char *path, const char *sentence, struct err *e)
{
    struct stat st;
    int fd;

    /* Before open, which does things to some devices; and after, because the
       name may have come to mean another file. */
    if (stat(path, &st) < 0)
        return refuse_errno(sentence, errno, e);
    if (!S_ISREG(st.st_mode))
        return refuse_kind(path, sentence, st.st_mode, e);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return refuse_errno(sentence, errno, e);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return refuse_kind(path, sentence, st.st_mode, e);
    }
    return fd;
}

void infile_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

int64_t infile_bytes(int fd)
{
    struct stat st;

    return fstat(fd, &st) < 0 ? -errno : (int64_t)st.st_size;
}

int64_t infile_read(int fd, uint64_t at, void *buf, size_t bytes)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t n = pread(fd, (char *)buf + done, MIN(bytes - done, READ_MAX),
                          (off_t)(at + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (int64_t)done;
}
