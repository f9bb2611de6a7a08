// SPDX-License-Identifier: Apache-2.0
/* Two views of the same memory. */

#include "host/code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __linux__
/* Both, or an error number. Memory without a file: to perf(1) only such is code
   that /tmp/perf-PID.map tells of, and vm.memfd_noexec does not matter. Of a
   shared mapping mremap(2) makes a second one if it has 0 bytes to move. */
static int map_views(struct host_code *code)
{
    size_t bytes = (size_t)code->bytes;
    void *rw = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    void *rx;

    if (rw == MAP_FAILED)
        return errno;
    code->rw = rw;
    rx = mremap(rw, 0, bytes, MREMAP_MAYMOVE);
    if (rx == MAP_FAILED)
        return errno;
    code->rx = rx;
    return mprotect(rx, bytes, PROT_READ | PROT_EXEC) < 0 ? errno : 0;
}
#else
static int map_file(struct host_code *code, int fd)
{
    size_t bytes = (size_t)code->bytes;
    void *at;

    if (ftruncate(fd, (off_t)bytes) < 0)
        return errno;
    at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return errno;
    code->rw = at;
    at = mmap(NULL, bytes, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return errno;
    code->rx = at;
    return 0;
}

/* Of a file that has no name any more. */
static int map_views(struct host_code *code)
{
    char path[] = "/tmp/squib-code-XXXXXX";
    int fd = mkstemp(path), rc;

    if (fd < 0)
        return errno;
    unlink(path);
    rc = map_file(code, fd);
    close(fd);
    return rc;
}
#endif

int host_code_init(struct host_code *code, uint64_t bytes, struct err *e)
{
    int rc;

    *code = (struct host_code){.bytes = bytes};
    rc = map_views(code);
    if (!rc)
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
