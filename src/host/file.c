// SPDX-License-Identifier: Apache-2.0
/* What hosts do differently with files. */

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "host/host.h"

#ifdef __linux__
int host_punch_hole(int fd, uint64_t offset, uint64_t bytes)
{
    int rc;

    do {
        rc = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                       (off_t)offset, (off_t)bytes);
    } while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}
#else
int host_punch_hole(int fd, uint64_t offset, uint64_t bytes)
{
    (void)fd;
    (void)offset;
    (void)bytes;
    return -EOPNOTSUPP;
}
#endif

void host_raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}
