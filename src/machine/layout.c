// SPDX-License-Identifier: Apache-2.0
/* The layout as a record, and the check that needs numbers of the host. */

#include "machine/layout.h"

#include <errno.h>

#include "base/err.h"
#include "base/macros.h"
#include "host/host.h"
#include "mem/gmem.h"

const struct memory_layout MEMORY_LAYOUT = {
    .gicd_base = GICD_BASE,
    .gicr_base = GICR_BASE,
    .pl011_base = PL011_BASE,
    .virtio_mmio_base = VIRTIO_MMIO_BASE,
    .virtio_mmio_stride = VIRTIO_MMIO_STRIDE,
    .virtio_mmio_slots = VIRTIO_MMIO_SLOTS,
    .dram_base = DRAM_BASE,
    .page_geometry = PAGE_GEOMETRY_APPLE_SILICON,
};

struct page_geometry page_geometry_host(void)
{
    struct page_geometry g = PAGE_GEOMETRY_APPLE_SILICON;

    /* Hypervisors map guest memory in pages of the host; a dirty bit cannot
       stand for less than one of them. */
    g.host_page = host_page_bytes();
    g.hvf_stage2_granule = g.host_page;
    g.tracking_page_hot = MAX(g.tracking_page_hot, g.host_page);
    return g;
}

struct layout_overlap layout_check(uint32_t vcpus, uint64_t redist_bytes)
{
    struct layout_overlap o = {
        .kind = LAYOUT_OK,
        .vcpu_count = vcpus,
        .live_gicr_end = sat_add64(GICR_BASE, sat_mul64(vcpus, redist_bytes)),
        .boundary = PL011_BASE,
    };

    if (o.live_gicr_end > o.boundary)
        o.kind = LAYOUT_GICR_OVERLAPS_MMIO;
    return o;
}

int layout_report(const struct layout_overlap *overlap, struct err *e)
{
    if (overlap->kind == LAYOUT_OK)
        return 0;
    return err_set(e, -EINVAL,
                   "the interrupt redistributors of %u vCPUs end at %#llx and "
                   "overlap the devices at %#llx; use fewer vCPUs",
                   overlap->vcpu_count,
                   (unsigned long long)overlap->live_gicr_end,
                   (unsigned long long)overlap->boundary);
}

uint64_t dram_bytes(const struct gmem *ram)
{
    for (unsigned n = 0; n < ram->num_regions; n++)
        if (ram->regions[n].base == DRAM_BASE)
            return ram->regions[n].bytes;
    return 0;
}
