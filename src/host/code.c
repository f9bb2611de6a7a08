// SPDX-License-Identifier: Apache-2.0
/* Two views of one anonymous memory file. */

#include "host/code.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A file without a name, or a negative errno. */
static int open_unnamed(void)
{
#ifdef __linux__
    int fd = memfd_create("squib-code", MFD_CLOEXEC);
#else
    char path[] = "/tmp/squib-code-XXXXXX";
    int fd = mkstemp(path);

    if (fd >= 0)
        unlink(path);
#endif
    return fd < 0 ? -errno : fd;
}

int host_code_init(struct host_code *code, uint64_t bytes, struct err *e)
{
    int fd = open_unnamed();
    void *rw = MAP_FAILED, *rx = MAP_FAILED;
    int rc;

    *code = (struct host_code){.bytes = bytes};
    if (fd < 0)
        return err_set(e, fd, "cannot make memory for code: %s", strerror(-fd));
    if (ftruncate(fd, (off_t)bytes) == 0) {
        rw = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                  0);
        rx =
            mmap(NULL, (size_t)bytes, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    }
    rc = errno;
    close(fd);
    code->rw = rw == MAP_FAILED ? NULL : rw;
    code->rx = rx == MAP_FAILED ? NULL : rx;
    if (code->rw && code->rx)
        return 0;
    host_code_release(code);
    return err_set(e, -rc, "cannot map memory for code: %s", strerror(rc));
}

void host_code_release(struct host_code *code)
{
    if (code->rw)
        munmap(code->rw, (size_t)code->bytes);
    if (code->rx)
        munmap(code->rx, (size_t)code->bytes);
    code->rw = code->rx = NULL;
}

void host_code_discard(struct host_code *code, uint64_t from)
{
#ifdef __linux__
    madvise(code->rw + from, (size_t)(code->bytes - from), MADV_REMOVE);
#else
    (void)code;
    (void)from;
#endif
}
