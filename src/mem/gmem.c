// SPDX-License-Identifier: Apache-2.0
/* Guest memory: regions of reserved host memory, and bits for what changed. */

#include "mem/gmem.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/heap.h"
#include "base/macros.h"
#include "host/filemap.h"
#include "host/host.h"

enum { MIN_TRACK_SHIFT = 12, WORD_BITS = 64 };

#define ALLOW_BYTES (128 * MIB)

typedef _Atomic uint64_t bit_word;

void gmem_init(struct gmem *mem)
{
    *mem = (struct gmem){.num_regions = 0};
}

static void region_release(struct gmem_region *r)
{
    if (r->file)
        filemap_free(r->file);
    else
        host_unreserve(r->host, r->bytes);
    heap_free(r->plugged);
    heap_free(r->dirty);
}

void gmem_release(struct gmem *mem)
{
    gmem_track_stop(mem);
    for (unsigned n = 0; n < mem->num_regions; n++)
        region_release(&mem->regions[n]);
    gmem_init(mem);
}

/* The words of a bitmap of one bit a page, the last one in part. */
static uint64_t bit_words(uint64_t bytes, unsigned shift)
{
    uint64_t pages = ((bytes - 1) >> shift) + 1;

    return (pages - 1) / WORD_BITS + 1;
}

static bit_word *bits_new(uint64_t bytes, unsigned shift, const char *what,
                          struct err *e)
{
    uint64_t words = bit_words(bytes, shift);
    bit_word *bits = NULL;

    if (words <= SIZE_MAX / sizeof(*bits))
        bits = heap_calloc((size_t)words, sizeof(*bits));
    if (!bits)
        err_set(e, -ENOMEM, "out of memory for the %s bits of %llu MiB", what,
                (unsigned long long)(bytes >> 20));
    return bits;
}

static bit_word *dirty_new(uint64_t bytes, unsigned shift, struct err *e)
{
    return bits_new(bytes, shift, "dirty", e);
}

static int check_range(gpa_t base, uint64_t bytes, struct err *e)
{
    uint64_t page = host_page_bytes();
    uint64_t end;

    if (!bytes || base % page || bytes % page)
        return err_set(e, -EINVAL,
                       "a memory region of %#llx bytes at %#llx does not "
                       "consist of whole host pages of %llu bytes",
                       (unsigned long long)bytes, (unsigned long long)base,
                       (unsigned long long)page);
    if (__builtin_add_overflow(base, bytes, &end))
        return err_set(e, -EINVAL,
                       "a memory region of %#llx bytes at %#llx wraps around "
                       "the end of the address space",
                       (unsigned long long)bytes, (unsigned long long)base);
    return 0;
}

/* Where the new region belongs in the table, or an error. */
static int find_place(const struct gmem *mem, gpa_t base, uint64_t bytes,
                      struct err *e)
{
    unsigned n = 0;

    if (mem->num_regions == GMEM_MAX_REGIONS)
        return err_set(e, -ENOSPC, "there are already %d memory regions",
                       GMEM_MAX_REGIONS);
    while (n < mem->num_regions && mem->regions[n].base < base)
        n++;
    if ((n && base - mem->regions[n - 1].base < mem->regions[n - 1].bytes) ||
        (n < mem->num_regions && mem->regions[n].base - base < bytes))
        return err_set(e, -EINVAL,
                       "a memory region of %#llx bytes at %#llx overlaps "
                       "another one",
                       (unsigned long long)bytes, (unsigned long long)base);
    return (int)n;
}

/* Takes what the region owns, also on failure. */
static int insert(struct gmem *mem, struct gmem_region *r, struct err *e)
{
    int ret = check_range(r->base, r->bytes, e);
    unsigned place;

    if (ret == 0)
        ret = find_place(mem, r->base, r->bytes, e);
    if (ret < 0)
        goto fail;
    place = (unsigned)ret;
    if (mem->track_shift) {
        r->dirty = dirty_new(r->bytes, mem->track_shift, e);
        ret = r->dirty ? 0 : -ENOMEM;
        if (ret < 0)
            goto fail;
    }
    memmove(&mem->regions[place + 1], &mem->regions[place],
            (mem->num_regions - place) * sizeof(*r));
    mem->regions[place] = *r;
    mem->num_regions++;
    return 0;

fail:
    region_release(r);
    return ret;
}

static int no_memory(const struct gmem_region *r, struct err *e)
{
    err_prefix(e, "cannot give the guest %llu MiB of memory",
               (unsigned long long)(r->bytes >> 20));
    return -ENOMEM;
}

/* Before anything of that size is asked of the host. */
static int may_add(const struct gmem *mem, gpa_t base, uint64_t bytes,
                   struct err *e)
{
    int ret = check_range(base, bytes, e);

    return ret < 0 ? ret : find_place(mem, base, bytes, e);
}

int gmem_add(struct gmem *mem, gpa_t base, uint64_t bytes, struct err *e)
{
    struct gmem_region r = {.base = base, .bytes = bytes};
    int ret = may_add(mem, base, bytes, e);

    if (ret < 0)
        return ret;
    r.host = host_reserve(bytes, e);
    return r.host ? insert(mem, &r, e) : no_memory(&r, e);
}

int gmem_add_file(struct gmem *mem, gpa_t base, uint64_t bytes,
                  struct filemap *file, bool read_only, struct err *e)
{
    struct gmem_region r = {.base = base,
                            .bytes = bytes,
                            .host = filemap_at(file),
                            .file = file,
                            .read_only = read_only};

    return insert(mem, &r, e);
}

int gmem_add_blocks(struct gmem *mem, gpa_t base, uint64_t bytes,
                    uint64_t block_bytes, struct err *e)
{
    struct gmem_region r = {.base = base, .bytes = bytes};
    int ret = may_add(mem, base, bytes, e);

    if (ret < 0)
        return ret;
    if (block_bytes < host_page_bytes() || block_bytes & (block_bytes - 1) ||
        (base | bytes) & (block_bytes - 1))
        return err_set(e, -EINVAL,
                       "a memory region of %#llx bytes at %#llx does not "
                       "consist of blocks of %llu bytes",
                       (unsigned long long)bytes, (unsigned long long)base,
                       (unsigned long long)block_bytes);
    r.block_shift = (uint8_t)__builtin_ctzll(block_bytes);
    r.plugged = bits_new(bytes, r.block_shift, "block", e);
    if (!r.plugged)
        return -ENOMEM;
    r.host = host_reserve_nothing(bytes, e);
    if (r.host)
        return insert(mem, &r, e);
    heap_free(r.plugged);
    return no_memory(&r, e);
}

/* The regions are sorted: each that is in the way moves us behind it. */
bool gmem_find_gap(const struct gmem *mem, gpa_t from, gpa_t to, uint64_t bytes,
                   uint64_t align, gpa_t *base)
{
    gpa_t at = align_up(from, align);

    for (unsigned n = 0; n < mem->num_regions; n++) {
        const struct gmem_region *r = &mem->regions[n];

        if (r->base < sat_add64(at, bytes) && at < r->base + r->bytes)
            at = align_up(r->base + r->bytes, align);
    }
    *base = at;
    return at <= to && bytes <= to - at;
}

/* The region that holds gpa, or NULL. */
static const struct gmem_region *region_of(const struct gmem *mem, gpa_t gpa)
{
    for (unsigned n = 0; n < mem->num_regions; n++)
        if (gpa - mem->regions[n].base < mem->regions[n].bytes)
            return &mem->regions[n];
    return NULL;
}

/* How much of [offset, offset + len), which lies in the region, is there. */
static uint64_t plugged_part(const struct gmem_region *r, uint64_t offset,
                             uint64_t len)
{
    uint64_t block = 1ull << r->block_shift, end = offset;

    if (!r->plugged)
        return len;
    while (end - offset < len && gmem_region_has(r, end))
        end = align_down(end, block) + block;
    return MIN(end - offset, len);
}

void *gmem_at(const struct gmem *mem, gpa_t gpa, uint64_t len)
{
    for (unsigned n = 0; n < mem->num_regions; n++) {
        const struct gmem_region *r = &mem->regions[n];
        uint64_t offset = gpa - r->base;

        /* gpa below base makes a huge offset, so one test serves both ends */
        if (offset < r->bytes && len <= r->bytes - offset)
            return plugged_part(r, offset, len) == len ? r->host + offset
                                                       : NULL;
        if (offset == r->bytes && len == 0)
            return r->host + offset;
    }
    return NULL;
}

void *gmem_at_rw(const struct gmem *mem, gpa_t gpa, uint64_t len)
{
    const struct gmem_region *r = region_of(mem, gpa);

    return r && r->read_only ? NULL : gmem_at(mem, gpa, len);
}

/* The next part of [gpa, gpa + len) that lies in one region: how much of it,
   0 at the first byte that is not RAM. */
static uint64_t part_at(const struct gmem *mem, gpa_t gpa, uint64_t len,
                        uint8_t **host)
{
    const struct gmem_region *r = region_of(mem, gpa);

    if (!r)
        return 0;
    *host = r->host + (gpa - r->base);
    return plugged_part(r, gpa - r->base, MIN(len, r->bytes - (gpa - r->base)));
}

static bool is_read_only(const struct gmem *mem, gpa_t gpa)
{
    const struct gmem_region *r = region_of(mem, gpa);

    return r && r->read_only;
}

static bool is_ram(const struct gmem *mem, gpa_t gpa, uint64_t len, bool write)
{
    uint8_t *host;

    if (len == 0)
        return gmem_at(mem, gpa, 0) != NULL;
    while (len) {
        uint64_t part = part_at(mem, gpa, len, &host);

        if (!part || (write && is_read_only(mem, gpa)))
            return false;
        gpa += part;
        len -= part;
    }
    return true;
}

bool gmem_read(const struct gmem *mem, gpa_t gpa, void *buf, uint64_t len)
{
    uint8_t *to = buf, *host;

    if (!is_ram(mem, gpa, len, false))
        return false;
    while (len) {
        uint64_t part = part_at(mem, gpa, len, &host);

        memcpy(to, host, (size_t)part);
        to += part;
        gpa += part;
        len -= part;
    }
    return true;
}

bool gmem_write(struct gmem *mem, gpa_t gpa, const void *buf, uint64_t len)
{
    const uint8_t *from = buf;
    uint8_t *host;

    if (!is_ram(mem, gpa, len, true))
        return false;
    while (len) {
        uint64_t part = part_at(mem, gpa, len, &host);

        memcpy(host, from, (size_t)part);
        gmem_written(mem, gpa, part);
        from += part;
        gpa += part;
        len -= part;
    }
    return true;
}

/* All bitmaps or none: a failed start leaves the tracking as it was. */
int gmem_track_start(struct gmem *mem, uint64_t page_bytes, struct err *e)
{
    bit_word *fresh[GMEM_MAX_REGIONS] = {NULL};
    unsigned shift;

    if (page_bytes < 1u << MIN_TRACK_SHIFT || page_bytes & (page_bytes - 1))
        return err_set(e, -EINVAL,
                       "a tracking page of %llu bytes is not a power of two "
                       "of at least 4096",
                       (unsigned long long)page_bytes);
    shift = (unsigned)__builtin_ctzll(page_bytes);
    for (unsigned n = 0; n < mem->num_regions; n++) {
        fresh[n] = dirty_new(mem->regions[n].bytes, shift, e);
        if (fresh[n])
            continue;
        while (n)
            heap_free(fresh[--n]);
        return -ENOMEM;
    }
    gmem_track_stop(mem);
    for (unsigned n = 0; n < mem->num_regions; n++)
        mem->regions[n].dirty = fresh[n];
    mem->track_shift = shift;
    return 0;
}

void gmem_track_stop(struct gmem *mem)
{
    for (unsigned n = 0; n < mem->num_regions; n++) {
        heap_free(mem->regions[n].dirty);
        mem->regions[n].dirty = NULL;
    }
    mem->track_shift = 0;
}

/*
 * Sets bits first..last. The read-modify-write is not skipped when the bits
 * are set already: it is also the barrier that puts the data written before it
 * in front of a taker's clearing of the bit.
 */
static void mark_pages(bit_word *dirty, uint64_t first, uint64_t last)
{
    while (first <= last) {
        uint64_t word = first / WORD_BITS;
        uint64_t stop = MIN(last, word * WORD_BITS + WORD_BITS - 1);
        uint64_t bits = ~0ull >> (WORD_BITS - 1 - (stop - first));

        atomic_fetch_or(&dirty[word], bits << (first % WORD_BITS));
        first = stop + 1;
    }
}

void gmem_mark_dirty(struct gmem *mem, gpa_t gpa, uint64_t len)
{
    gpa_t last = sat_add64(gpa, len - 1);

    if (!mem->track_shift || !len)
        return;
    for (unsigned n = 0; n < mem->num_regions; n++) {
        const struct gmem_region *r = &mem->regions[n];
        gpa_t from = MAX(gpa, r->base);
        gpa_t to = MIN(last, r->base + (r->bytes - 1));

        if (from <= to)
            mark_pages(r->dirty, (from - r->base) >> mem->track_shift,
                       (to - r->base) >> mem->track_shift);
    }
}

void gmem_set_hook(struct gmem *mem,
                   void (*written)(void *ctx, gpa_t gpa, uint64_t len),
                   void *ctx)
{
    mem->written = written;
    mem->ctx = ctx;
}

void gmem_set_unplug_hook(struct gmem *mem,
                          void (*unplugged)(void *ctx, gpa_t gpa, uint64_t len))
{
    mem->unplugged = unplugged;
}

void gmem_written(struct gmem *mem, gpa_t gpa, uint64_t len)
{
    if (!len)
        return;
    gmem_mark_dirty(mem, gpa, len);
    if (mem->written)
        mem->written(mem->ctx, gpa, len);
}

static int discard_part(struct gmem *mem, gpa_t gpa, uint8_t *host,
                        uint64_t len)
{
    uint64_t page = host_page_bytes();
    uint64_t first = align_up((uintptr_t)host, page);
    uint64_t end = align_down((uintptr_t)host + len, page);
    uint64_t skip = first - (uintptr_t)host;
    int rc;

    if (first >= end)
        return 0;
    rc = host_discard(host + skip, end - first);
    if (rc == 0)
        gmem_written(mem, gpa + skip, end - first);
    return rc;
}

int gmem_discard(struct gmem *mem, gpa_t gpa, uint64_t len)
{
    uint8_t *host;
    int rc = 0;

    if (!is_ram(mem, gpa, len, true))
        return -EFAULT;
    while (len && rc == 0) {
        uint64_t part = part_at(mem, gpa, len, &host);

        if (region_of(mem, gpa)->file)
            return -EFAULT;
        rc = discard_part(mem, gpa, host, part);
        gpa += part;
        len -= part;
    }
    return rc;
}

bool gmem_take_dirty(struct gmem *mem, gpa_t gpa)
{
    const struct gmem_region *r = region_of(mem, gpa);
    uint64_t page, bit;

    if (!r || !r->dirty)
        return false;
    page = (gpa - r->base) >> mem->track_shift;
    bit = 1ull << (page % WORD_BITS);
    return atomic_fetch_and(&r->dirty[page / WORD_BITS], ~bit) & bit;
}

/* ---- blocks ---- */

static const struct gmem_region *blocks_at(const struct gmem *mem, gpa_t gpa,
                                           uint64_t len)
{
    const struct gmem_region *r = region_of(mem, gpa);
    uint64_t offset, mask;

    if (!r || !r->plugged || !len)
        return NULL;
    offset = gpa - r->base;
    mask = (1ull << r->block_shift) - 1;
    return !((offset | len) & mask) && len <= r->bytes - offset ? r : NULL;
}

int gmem_open_blocks(struct gmem *mem, struct err *e)
{
    for (unsigned n = 0; n < mem->num_regions; n++) {
        const struct gmem_region *r = &mem->regions[n];
        int rc = r->plugged ? host_allow(r->host, r->bytes) : 0;

        if (rc < 0)
            return err_set(e, rc, "cannot reserve %llu MiB to be plugged: %s",
                           (unsigned long long)(r->bytes >> 20), strerror(-rc));
    }
    return 0;
}

uint64_t gmem_plugged(const struct gmem *mem, gpa_t gpa, uint64_t len)
{
    const struct gmem_region *r = blocks_at(mem, gpa, len);
    uint64_t bytes = 0, block;

    if (!r)
        return 0;
    block = 1ull << r->block_shift;
    for (uint64_t at = gpa - r->base; len; at += block, len -= block)
        bytes += gmem_region_has(r, at) ? block : 0;
    return bytes;
}

static void set_blocks(const struct gmem_region *r, uint64_t offset,
                       uint64_t len, bool plugged)
{
    for (uint64_t n = offset >> r->block_shift;
         n < (offset + len) >> r->block_shift; n++) {
        uint64_t bit = 1ull << n % WORD_BITS;

        if (plugged)
            atomic_fetch_or(&r->plugged[n / WORD_BITS], bit);
        else
            atomic_fetch_and(&r->plugged[n / WORD_BITS], ~bit);
    }
}

/* In large pieces, or the guest could cut the mapping into more parts than a
   process may have. */
static int allow_around(const struct gmem_region *r, uint64_t offset,
                        uint64_t len)
{
    uint64_t first = align_down(offset, ALLOW_BYTES);
    uint64_t end = MIN(align_up(offset + len, ALLOW_BYTES), r->bytes);

    return host_allow(r->host + first, end - first);
}

int gmem_plug(struct gmem *mem, gpa_t gpa, uint64_t len)
{
    const struct gmem_region *r = blocks_at(mem, gpa, len);
    uint64_t offset;

    if (!r)
        return -EINVAL;
    offset = gpa - r->base;
    if (allow_around(r, offset, len) < 0 ||
        host_discard(r->host + offset, len) < 0)
        return -ENOMEM;
    set_blocks(r, offset, len, true);
    gmem_mark_dirty(mem, gpa, len); /* no code can have been made of it */
    return 0;
}

/* No door leads there any more, then no vCPU is there any more, then the host
   gets it back. A device may still write to it: see the head of gmem.h. */
int gmem_unplug(struct gmem *mem, gpa_t gpa, uint64_t len)
{
    const struct gmem_region *r = blocks_at(mem, gpa, len);

    if (!r)
        return -EINVAL;
    set_blocks(r, gpa - r->base, len, false);
    if (mem->unplugged)
        mem->unplugged(mem->ctx, gpa, len);
    return host_discard(r->host + (gpa - r->base), len);
}
