// SPDX-License-Identifier: Apache-2.0
/* Places an initrd between the kernel and the device tree. */

#include "machine/initrd.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "machine/infile.h"
#include "machine/layout.h"

/* The largest page a guest may use: it frees the initrd by whole pages. */
#define GUEST_PAGE_MAX (64 * KIB)

#define OPEN_FAILED                                                    \
    "The initrd file cannot be opened due to invalid path or invalid " \
    "permissions."
#define NO_ROOM   "Cannot load initrd due to an invalid memory configuration."
#define BAD_IMAGE "Cannot load initrd due to an invalid image:"

static unsigned long long to_mib(uint64_t bytes)
{
    return sat_add64(bytes, MIB - 1) / MIB;
}

int initrd_place(uint64_t ram_bytes, gpa_t kernel_end, uint64_t bytes,
                 gpa_t *at, struct err *e)
{
    gpa_t fdt = fdt_addr(ram_bytes);
    gpa_t like = MAX(DRAM_BASE + INITRD_FALLBACK_OFFSET,
                     align_up(kernel_end + INITRD_KERNEL_GAP, INITRD_GRAIN));
    gpa_t least = align_up(kernel_end, GUEST_PAGE_MAX);
    uint64_t need;

    if (like < fdt && bytes <= fdt - like) {
        *at = like;
        return 0;
    }
    if (bytes <= fdt - DRAM_BASE &&
        align_down(fdt - bytes, GUEST_PAGE_MAX) >= least) {
        *at = align_down(fdt - bytes, GUEST_PAGE_MAX);
        return 0;
    }
    need = sat_add64(least - DRAM_BASE + FDT_MAX_SIZE + GUEST_PAGE_MAX, bytes);
    return err_set(e, -E2BIG,
                   NO_ROOM " The initrd takes %llu MiB, the kernel and what "
                           "lies before it %llu MiB, the device tree 2 MiB, "
                           "the guest has %llu MiB; %llu MiB would do",
                   to_mib(bytes), to_mib(kernel_end - DRAM_BASE),
                   (unsigned long long)(ram_bytes / MIB), to_mib(need));
}

static int load_open(struct gmem *ram, int fd, const char *path,
                     gpa_t kernel_end, struct initrd_info *out, struct err *e)
{
    int64_t bytes = infile_bytes(fd), n;
    void *to;
    int ret;

    if (bytes <= 0)
        return err_set(e, -EINVAL, BAD_IMAGE " %s is empty", path);
    ret = initrd_place(dram_bytes(ram), kernel_end, (uint64_t)bytes,
                       &out->start, e);
    if (ret < 0)
        return ret;
    to = gmem_at(ram, out->start, (uint64_t)bytes);
    if (!to)
        return err_set(e, -EINVAL, NO_ROOM);
    n = infile_read(fd, 0, to, (size_t)bytes);
    if (n < 0)
        return err_set(e, (int)n, BAD_IMAGE " cannot read %s: %s", path,
                       strerror((int)-n));
    if (n < bytes)
        return err_set(e, -EIO, BAD_IMAGE " %s shrank while it was read", path);
    gmem_mark_dirty(ram, out->start, (uint64_t)bytes);
    out->bytes = (uint64_t)bytes;
    return 0;
}

int initrd_load(struct gmem *ram, const char *path, gpa_t kernel_end,
                struct initrd_info *out, struct err *e)
{
    int fd = infile_open(path, OPEN_FAILED, e);
    int ret;

    if (fd < 0)
        return fd;
    ret = load_open(ram, fd, path, kernel_end, out, e);
    infile_close(fd);
    return ret;
}
