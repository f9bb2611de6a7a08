// SPDX-License-Identifier: Apache-2.0
/* Two views of the same memory. */

#include "host/code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Either way: both, or an error number. */

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

/* A file without a name, or -1. */
static int open_unnamed(void)
{
#ifdef __linux__
    return memfd_create("squib-code", MFD_CLOEXEC);
#else
    char path[] = "/tmp/squib-code-XXXXXX";
    int fd = mkstemp(path);

    if (fd >= 0)
        unlink(path);
    return fd;
#endif
}

static int map_unnamed(struct host_code *code)
{
    int fd = open_unnamed(), rc;

    if (fd < 0)
        return errno;
    rc = map_file(code, fd);
    close(fd);
    return rc;
}

#ifdef __linux__
/* Memory without a file: to perf(1) only such is code that /tmp/perf-PID.map
   tells of, and vm.memfd_noexec does not matter. Of a shared mapping mremap(2)
   makes a second one if it has 0 bytes to move. */
static int map_memory(struct host_code *code)
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

/* Those who stand in for Linux (gVisor, qemu-user) may not know of the 0. */
static int map_views(struct host_code *code)
{
    if (map_memory(code) == 0)
        return 0;
    host_code_release(code);
    return map_unnamed(code);
}
#else
static int map_views(struct host_code *code)
{
    return map_unnamed(code);
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
