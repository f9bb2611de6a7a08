// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Guest memory, and the one door from a guest address to a host pointer.
 *
 * Regions are set up before the first vCPU runs and live until gmem_release.
 * After that any thread may call gmem_at and the dirty functions.
 *
 * Besides plain memory there are files, which may be read-only for the guest
 * and everybody else, and regions whose blocks come and go. What was unplugged
 * is not RAM any more; but a pointer that somebody got before stays good, and
 * leads to bytes that nobody else will see.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct filemap;

typedef uint64_t gpa_t; /* guest physical address */

enum { GMEM_MAX_REGIONS = 48 };

/* Addresses [base, base + bytes) are host[0 .. bytes). */
struct gmem_region {
    gpa_t base;
    uint64_t bytes;
    uint8_t *host;           /* owned, or the file's; lazily backed */
    _Atomic uint64_t *dirty; /* owned; one bit a tracking page; NULL: off */

    struct filemap *file; /* owned; NULL: no file's */
    bool read_only;       /* what the guest writes goes nowhere */

    _Atomic uint64_t *plugged; /* owned; one bit a block; NULL: all is there */
    uint8_t block_shift;
};

struct gmem {
    struct gmem_region regions[GMEM_MAX_REGIONS]; /* by base, no overlap */
    unsigned num_regions;
    unsigned track_shift; /* log2 of the tracking page; 0: off */
    void (*written)(void *ctx, gpa_t gpa, uint64_t len);
    void (*unplugged)(void *ctx, gpa_t gpa, uint64_t len);
    void *ctx; /* borrowed: that of both */
};

/* An empty memory: release is allowed from here on, any number of times. */
void gmem_init(struct gmem *mem);
void gmem_release(struct gmem *mem);

/* Reserves `bytes` of zeroed RAM at `base`, both multiples of the host page;
   -EINVAL on overlap or wrap-around, -ENOMEM if the host will not give it. */
int gmem_add(struct gmem *mem, gpa_t base, uint64_t bytes, struct err *e);

/* A file at `base`, which becomes the region's, also on failure. */
int gmem_add_file(struct gmem *mem, gpa_t base, uint64_t bytes,
                  struct filemap *file, bool read_only, struct err *e);

/* A region that comes and goes by blocks: a power of two of at least a host
   page, of which `base` and `bytes` are multiples. None is plugged. */
int gmem_add_blocks(struct gmem *mem, gpa_t base, uint64_t bytes,
                    uint64_t block_bytes, struct err *e);

/* Whole blocks of such a region come, zeroed, or go, and the host gets their
   memory back. -EINVAL: not whole blocks of one such region; -ENOMEM. What is
   plugged already is zeroed as well. One thread at a time. */
int gmem_plug(struct gmem *mem, gpa_t gpa, uint64_t len);
int gmem_unplug(struct gmem *mem, gpa_t gpa, uint64_t len);

/* For accelerators that cannot keep vCPUs out of what is not plugged: they find
   zeros there, and memory that goes with the next gmem_plug. */
int gmem_open_blocks(struct gmem *mem, struct err *e);

/* How many bytes of these blocks are plugged; 0 if they are not whole ones. */
uint64_t gmem_plugged(const struct gmem *mem, gpa_t gpa, uint64_t len);

/* The first address, a multiple of `align`, in [from, to) with `bytes` behind
   it, up to `to`, that no region has; false: there is none. */
bool gmem_find_gap(const struct gmem *mem, gpa_t from, gpa_t to, uint64_t bytes,
                   uint64_t align, gpa_t *base);

/* The host address of [gpa, gpa + len), or NULL unless every byte of it is
   RAM of one region. len 0: the address must still be inside or at the end.
   To read only, unless gmem_at_rw gave it, which knows what is read-only. */
void *gmem_at(const struct gmem *mem, gpa_t gpa, uint64_t len);
void *gmem_at_rw(const struct gmem *mem, gpa_t gpa, uint64_t len);

/* Somebody other than a vCPU has written [gpa, gpa + len): marks it dirty and
   tells the hook, which an accelerator needs (accel_ops.ram_written). Devices
   call it after they wrote and before they tell the guest. Any thread. */
void gmem_written(struct gmem *mem, gpa_t gpa, uint64_t len);

/* Gives [gpa, gpa + len) back to the host, as far as it consists of whole host
   pages; they read as zero afterwards, and count as written. Pointers into it
   stay good. -EFAULT unless all of it is RAM, which a file is not here. */
int gmem_discard(struct gmem *mem, gpa_t gpa, uint64_t len);

/* NULL: nobody. Set while no other thread uses the memory. */
void gmem_set_hook(struct gmem *mem,
                   void (*written)(void *ctx, gpa_t gpa, uint64_t len),
                   void *ctx);

/* The same for blocks that have gone, before the host gets them back: when it
   returns, no vCPU uses them (accel_ops.ram_unplugged). ctx is written's. */
void gmem_set_unplug_hook(struct gmem *mem,
                          void (*unplugged)(void *ctx, gpa_t gpa,
                                            uint64_t len));

/* Copy to or from the guest; false, and nothing copied, unless all is RAM (of
   one region or of several that abut), and to write: not read-only. A write
   calls gmem_written. */
bool gmem_read(const struct gmem *mem, gpa_t gpa, void *buf, uint64_t len);
bool gmem_write(struct gmem *mem, gpa_t gpa, const void *buf, uint64_t len);

/* Dirty tracking: `page_bytes` a power of two of at least 4 KiB (the seed's
   tracking pages are 2 MiB and 16 KiB), counted from the region's base. Start
   clears; start and stop only while no other thread uses the memory. Mark may
   come from any thread and does nothing while tracking is off. */
int gmem_track_start(struct gmem *mem, uint64_t page_bytes, struct err *e);
void gmem_track_stop(struct gmem *mem);
void gmem_mark_dirty(struct gmem *mem, gpa_t gpa, uint64_t len);

/* True if the tracking page that holds gpa was marked; clears its mark. */
bool gmem_take_dirty(struct gmem *mem, gpa_t gpa);

/* For those who have a region already: whether it is RAM there, and whether
   the bytes at offset and behind it are in the same block. */
static inline bool gmem_region_has(const struct gmem_region *r, uint64_t offset)
{
    return offset < r->bytes &&
           (!r->plugged || (r->plugged[offset >> r->block_shift >> 6] >>
                                (offset >> r->block_shift & 63) &
                            1));
}
