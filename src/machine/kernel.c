// SPDX-License-Identifier: Apache-2.0
/* Finds an Image's header, then streams the file to where the header says. */

#include "machine/kernel.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/macros.h"
#include "machine/image_kind.h"
#include "machine/infile.h"
#include "machine/layout.h"
#include "machine/unpack.h"

/* No kernel comes near this; it ends what unpacks to terabytes. */
#define IMAGE_MAX_BYTES GIB

#define OPEN_FAILED "The kernel file cannot be opened:"

/* booting.rst, "Call the kernel image". Little-endian. */
struct image_header {
    uint32_t code0;
    uint32_t code1;
    uint64_t text_offset;
    uint64_t image_size;
    uint64_t flags;
    uint64_t reserved[3];
    char magic[4];
    uint32_t pe_offset; /* with an EFI stub */
};
static_assert(sizeof(struct image_header) == 64, "booting.rst: 64 bytes");

enum {
    FLAG_BIG_ENDIAN = 1 << 0,
    OLD_TEXT_OFFSET = 0x80000, /* of kernels that leave image_size 0 */
    TEXT_ALIGN = 4,            /* of an A64 instruction */
    PE_FILE_ALIGN = 512,
    READ_CHUNK = 1 << 20,
};

struct load {
    const char *path;
    struct gmem *ram;
    struct unpack *in;
    struct image_header header;
    gpa_t at;          /* of the image */
    uint64_t room;     /* from there to the device tree */
    uint64_t bytes;    /* loaded so far */
    uint64_t pe_bytes; /* the file's length by its section table; 0: none */
};

static uint32_t get32(const uint8_t *p)
{
    uint32_t value;

    memcpy(&value, p, sizeof(value));
    return value;
}

/* How long the file must be for the sections its PE header lists (Microsoft PE
   format, 3 and 4), or 0. All of the table lies within the head. */
static uint64_t pe_file_bytes(const uint8_t *head, size_t bytes, size_t pe)
{
    uint64_t longest = 0;
    size_t table, count;

    if (pe > bytes || bytes - pe < 24 || memcmp(head + pe, "PE\0\0", 4) != 0)
        return 0;
    count = get32(head + pe + 4) >> 16;
    table = pe + 24 + (get32(head + pe + 20) & 0xffff);
    for (; count && table + 40 <= bytes; count--, table += 40)
        longest = MAX(longest, (uint64_t)get32(head + table + 16) +
                                   get32(head + table + 20));
    return longest;
}

/* How much RAM would do for an image of `bytes`, in MiB. */
static unsigned long long ram_needed_mib(const struct load *l, uint64_t bytes)
{
    uint64_t sum = sat_add64(l->at - DRAM_BASE, bytes);

    return sat_add64(sum, FDT_MAX_SIZE + MIB - 1) / MIB;
}

static int no_room(const struct load *l, uint64_t bytes, struct err *e)
{
    return err_set(e, -E2BIG,
                   "the kernel %s takes %llu KiB of memory and does not fit "
                   "into the guest's %llu MiB of RAM; %llu MiB would do",
                   l->path, (unsigned long long)(bytes / KIB),
                   (unsigned long long)(dram_bytes(l->ram) / MIB),
                   ram_needed_mib(l, bytes));
}

static int too_large(const struct load *l, struct err *e)
{
    return err_set(e, -E2BIG,
                   "the file %s is larger than any arm64 kernel (%llu MiB)",
                   l->path, (unsigned long long)(IMAGE_MAX_BYTES / MIB));
}

static int check_header(const struct load *l, struct err *e)
{
    const struct image_header *h = &l->header;

    if (h->flags & FLAG_BIG_ENDIAN)
        return err_set(e, -ENOEXEC,
                       "%s is a big-endian arm64 Image; the guest is "
                       "little-endian. Build the kernel without "
                       "CONFIG_CPU_BIG_ENDIAN: make ARCH=arm64 Image",
                       l->path);
    if (h->text_offset % TEXT_ALIGN || h->text_offset > IMAGE_MAX_BYTES ||
        h->image_size > IMAGE_MAX_BYTES)
        return err_set(e, -ENOEXEC,
                       "%s has a damaged arm64 Image header: text_offset "
                       "%#llx, image_size %#llx",
                       l->path, (unsigned long long)h->text_offset,
                       (unsigned long long)h->image_size);
    return 0;
}

/* Where the image goes, and how much may follow there. */
static int find_place(struct load *l, struct err *e)
{
    uint64_t ram_bytes = dram_bytes(l->ram);
    gpa_t fdt = fdt_addr(ram_bytes);
    uint64_t offset = l->header.text_offset;

    if (l->header.image_size == 0)
        offset = OLD_TEXT_OFFSET;
    l->at = DRAM_BASE + KERNEL_LOAD_OFFSET + offset;
    l->room = fdt > l->at ? fdt - l->at : 0;
    if (!l->room || l->header.image_size > l->room)
        return no_room(l, MAX(l->header.image_size, KIB), e);
    return 0;
}

static int unpack_failed(const struct load *l, int code, struct err *e)
{
    err_prefix(e, "cannot load the kernel %s", l->path);
    return code;
}

/* Reads the head: an error that explains it unless it is an Image's. */
static int read_head(struct load *l, uint8_t *head, struct err *e)
{
    int64_t n = unpack_read(l->in, head, IMAGE_HEAD_BYTES, e);
    const char *packed = unpack_format(l->in);

    if (n < 0)
        return unpack_failed(l, (int)n, e);
    if (n == 0)
        return err_set(e, -ENOEXEC, "the kernel file %s is empty%s%s", l->path,
                       packed ? " once unpacked by " : "",
                       packed ? packed : "");
    if (n >= (int64_t)sizeof(l->header))
        memcpy(&l->header, head, sizeof(l->header));
    if (memcmp(l->header.magic, "ARM\x64", 4) != 0)
        return image_explain(l->path, head, (size_t)n, packed, e);
    if (memcmp(head, "MZ", 2) == 0)
        l->pe_bytes = pe_file_bytes(head, (size_t)n, l->header.pe_offset);
    l->bytes = (uint64_t)n;
    return 0;
}

/* One more byte than there is room for tells "fits" from "does not". */
static int check_end(struct load *l, struct err *e)
{
    uint8_t more;
    int64_t n = unpack_read(l->in, &more, 1, e);

    if (n < 0)
        return unpack_failed(l, (int)n, e);
    if (n == 0)
        return 0;
    return l->bytes >= IMAGE_MAX_BYTES ? too_large(l, e)
                                       : no_room(l, l->bytes + 1, e);
}

static int read_rest(struct load *l, const uint8_t *head, struct err *e)
{
    uint64_t limit = MIN(l->room, IMAGE_MAX_BYTES);

    if (l->bytes > limit)
        return no_room(l, l->bytes, e);
    if (!gmem_write(l->ram, l->at, head, l->bytes))
        return no_room(l, l->bytes, e);
    while (l->bytes < limit) {
        size_t want = (size_t)MIN(limit - l->bytes, (uint64_t)READ_CHUNK);
        void *to = gmem_at(l->ram, l->at + l->bytes, want);
        int64_t n;

        if (!to)
            return no_room(l, l->bytes + want, e);
        n = unpack_read(l->in, to, want, e);
        if (n < 0)
            return unpack_failed(l, (int)n, e);
        gmem_mark_dirty(l->ram, l->at + l->bytes, (uint64_t)n);
        l->bytes += (uint64_t)n;
        if ((size_t)n < want)
            return 0;
    }
    return check_end(l, e);
}

static int check_whole(const struct load *l, struct err *e)
{
    /* objcopy may leave the last section's padding out */
    if (l->bytes + PE_FILE_ALIGN > l->pe_bytes)
        return 0;
    return err_set(e, -ENOEXEC,
                   "the kernel %s is cut off: its header speaks of %llu bytes, "
                   "there are %llu; copy or download it again",
                   l->path, (unsigned long long)l->pe_bytes,
                   (unsigned long long)l->bytes);
}

static int load_image(struct load *l, struct err *e)
{
    uint8_t head[IMAGE_HEAD_BYTES];
    int ret = read_head(l, head, e);

    if (ret == 0)
        ret = check_header(l, e);
    if (ret == 0)
        ret = find_place(l, e);
    if (ret == 0)
        ret = read_rest(l, head, e);
    if (ret == 0)
        ret = check_whole(l, e);
    return ret;
}

static int load_open(struct load *l, int fd, struct err *e)
{
    int ret;

    if (infile_bytes(fd) > (int64_t)IMAGE_MAX_BYTES)
        return too_large(l, e);
    l->in = unpack_new(fd, e);
    if (!l->in) {
        err_prefix(e, "cannot load the kernel %s", l->path);
        return -EIO;
    }
    ret = load_image(l, e);
    unpack_free(l->in);
    return ret;
}

int kernel_load(struct gmem *ram, const char *path, struct kernel_info *out,
                struct err *e)
{
    struct load l = {.path = path, .ram = ram};
    int fd = infile_open(path, OPEN_FAILED, e);
    int ret;

    if (fd < 0)
        return fd;
    ret = load_open(&l, fd, e);
    infile_close(fd);
    if (ret < 0)
        return ret;
    *out = (struct kernel_info){
        .entry = l.at,
        .end = l.at + MAX(l.bytes, l.header.image_size),
        .image_bytes = l.bytes,
    };
    return 0;
}
