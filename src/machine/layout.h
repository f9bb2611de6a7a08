// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The board: where everything lies in guest physical memory, and which
 * interrupt belongs to it. One board for every guest, sized for 32 vCPUs, so
 * that a clash breaks the build and not the boot. docs/board.md is this file
 * as a table. "Cell" is the number in the device tree: INTID minus 32 for SPIs.
 */

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct gmem;

#define MAX_SUPPORTED_VCPUS 32u

/* The GIC's MSI frame. Hypervisor.framework takes over the interrupt
   controller's addresses only once all three of its parts have a place. */
#define MSI_REGION_BASE          0x05000000ull
#define MSI_REGION_RESERVED_SIZE 0x01000000ull

#define GICD_BASE          0x08000000ull
#define GICD_RESERVED_SIZE 0x00010000ull

/* Room for system devices that live below the redistributors. */
#define LEGACY_MMIO_BASE 0x08010000ull
#define LEGACY_MMIO_END  0x080A0000ull

/* The redistributors: live are [GICR_BASE, GICR_BASE + vCPUs * what the
   accelerator says one takes); reserved is everything up to the PL011. */
#define GICR_BASE         0x080A0000ull
#define GICR_RESERVED_END 0x0E0A0000ull

/* The least that a redistributor takes: two frames of 64 KiB
   (Arm IHI 0069, 12.10). */
#define GICR_REDISTRIBUTOR_SIZE_PER_VCPU 0x00020000ull
#define GICR_LIVE_MAX                    (MAX_SUPPORTED_VCPUS * GICR_REDISTRIBUTOR_SIZE_PER_VCPU)

#define PL011_BASE 0x0E0A0000ull
#define PL011_SIZE 0x1000ull

#define VIRTIO_MMIO_BASE   0x0F000000ull
#define VIRTIO_MMIO_STRIDE 0x1000ull
#define VIRTIO_MMIO_SLOTS  32u
#define VIRTIO_MMIO_SIZE   (VIRTIO_MMIO_SLOTS * VIRTIO_MMIO_STRIDE)

/* At Firecracker's own addresses, for kernels and tools that know them. */
#define BOOT_TIMER_BASE 0x40000000ull
#define BOOT_TIMER_SIZE 0x1000ull
#define RTC_BASE        0x40001000ull
#define RTC_SIZE        0x1000ull
#define UART16550_BASE  0x40002000ull
#define UART16550_SIZE  0x1000ull

#define DRAM_BASE     0x80000000ull
#define DRAM_MAX_SIZE 0x00FF80000000ull /* 1022 GiB, as Firecracker */
#define DRAM_MAX_END  (DRAM_BASE + DRAM_MAX_SIZE)

/* Behind it all, 512 GiB: files as memory, and memory that comes and goes, each
   where the one before it ends. DRAM of more than 510 GiB takes its part. The
   end is that of the CPU's physical addresses (40 bits). */
#define FAR_MEM_BASE 0x8000000000ull
#define FAR_MEM_SIZE 0x8000000000ull

/* The first 2 MiB of DRAM belong to paravirtual devices: RAM, but not in the
   device tree's memory node. Carved from its top, in this order. */
#define SYSTEM_MEM_BASE DRAM_BASE
#define SYSTEM_MEM_SIZE 0x00200000ull
#define VMGENID_BASE    0x801FFFF0ull
#define VMGENID_SIZE    0x10ull
#define VMCLOCK_BASE    0x801FE000ull
#define VMCLOCK_SIZE    0x1000ull
#define PVTIME_END      0x801FFFC0ull /* below vmgenid, see pvtime_addr */
#define PVTIME_STRIDE   0x40ull

/* The kernel: DRAM_BASE + KERNEL_LOAD_OFFSET + its own text_offset. */
#define KERNEL_LOAD_OFFSET 0x00200000ull

/* Where the initrd likes to be; machine/initrd.c places by need when the RAM is
   too small for that. */
#define INITRD_FALLBACK_OFFSET 0x10000000ull
#define INITRD_KERNEL_GAP      0x01000000ull /* at least, after the kernel */
#define INITRD_GRAIN           0x00200000ull

/* The device tree: 2 MiB at most, says the boot protocol. */
#define FDT_MAX_SIZE 0x00200000ull

/* Shared peripheral interrupts, by cell. 0 to 15 are the system's. */
#define PL011_SPI          1u  /* level-high */
#define UART16550_SPI      2u  /* edge-rising */
#define RTC_SPI            3u  /* kept for the alarm, which does not exist */
#define VMGENID_SPI        4u  /* edge-rising */
#define VMCLOCK_SPI        5u  /* edge-rising */
#define VIRTIO_MMIO_SPI    16u /* slot n: 16 + n, edge-rising */
#define NUM_BOARD_SPIS     48u
#define SPI_TO_INTID(cell) ((cell) + 32u)

/* Private peripheral interrupts, by cell: INTID minus 16. */
#define TIMER_SECURE_PPI   13u
#define TIMER_PHYS_PPI     14u
#define TIMER_VIRT_PPI     11u
#define TIMER_HYP_PPI      10u
#define GIC_MAINT_PPI      9u
#define PPI_TO_INTID(cell) ((cell) + 16u)

/* No clash, ever. The first four are the design's own. */
static_assert(GICR_BASE + GICR_LIVE_MAX <= GICR_RESERVED_END,
              "GICR live region for 32 vCPUs overflows the reserved GICR "
              "window");
static_assert(PL011_BASE == GICR_RESERVED_END,
              "PL011 must abut the GICR reservation");
static_assert(VIRTIO_MMIO_BASE >= PL011_BASE + PL011_SIZE,
              "virtio-MMIO base must sit above PL011");
static_assert(VIRTIO_MMIO_BASE + VIRTIO_MMIO_SIZE <= DRAM_BASE,
              "virtio-MMIO region overlaps DRAM");

static_assert(MSI_REGION_BASE + MSI_REGION_RESERVED_SIZE <= GICD_BASE &&
                  GICD_BASE + GICD_RESERVED_SIZE <= LEGACY_MMIO_BASE &&
                  LEGACY_MMIO_END <= GICR_BASE,
              "what lies below the redistributors overlaps");
static_assert(VIRTIO_MMIO_BASE + VIRTIO_MMIO_SIZE <= BOOT_TIMER_BASE &&
                  UART16550_BASE + UART16550_SIZE <= DRAM_BASE,
              "Firecracker's small devices overlap virtio-MMIO or DRAM");
static_assert(VIRTIO_MMIO_SPI + VIRTIO_MMIO_SLOTS == NUM_BOARD_SPIS,
              "the virtio slots have the last SPIs");
static_assert(PVTIME_END <= VMGENID_BASE &&
                  PVTIME_END - MAX_SUPPORTED_VCPUS * PVTIME_STRIDE >=
                      VMCLOCK_BASE + VMCLOCK_SIZE,
              "stolen times lie between the VM clock and the generation ID");
static_assert(FAR_MEM_BASE + FAR_MEM_SIZE == 1ull << 40 &&
                  DRAM_MAX_END <= FAR_MEM_BASE + FAR_MEM_SIZE,
              "the CPU has 40 bits of physical address");
static_assert(SYSTEM_MEM_SIZE == KERNEL_LOAD_OFFSET,
              "the kernel follows the system metadata");

/* Three sizes that are never to be confused. */
struct page_geometry {
    uint64_t host_page;             /* what the host maps */
    uint64_t hvf_stage2_granule;    /* what a hypervisor maps for the guest */
    uint64_t tracking_page_default; /* what a dirty bit stands for */
    uint64_t tracking_page_hot;     /* likewise, where much is written */
};

#define PAGE_GEOMETRY_APPLE_SILICON                              \
    {                                                            \
        .host_page = 16 * 1024, .hvf_stage2_granule = 16 * 1024, \
        .tracking_page_default = 2 * 1024 * 1024,                \
        .tracking_page_hot = 16 * 1024,                          \
    }

/* That of the machine this runs on. */
struct page_geometry page_geometry_host(void);

/* The whole layout as one record. There is exactly one. */
struct memory_layout {
    uint64_t gicd_base;
    uint64_t gicr_base;
    uint64_t pl011_base;
    uint64_t virtio_mmio_base;
    uint64_t virtio_mmio_stride;
    uint32_t virtio_mmio_slots;
    uint64_t dram_base;
    struct page_geometry page_geometry;
};
extern const struct memory_layout MEMORY_LAYOUT;

/* Whether the live redistributors stay within their window. */
struct layout_overlap {
    enum { LAYOUT_OK, LAYOUT_GICR_OVERLAPS_MMIO } kind;
    uint32_t vcpu_count;    /* of the question asked */
    uint64_t live_gicr_end; /* saturated, never wrapped */
    uint64_t boundary;      /* what it must not cross */
};

/* To be asked before the interrupt controller is made: the static assertions
   know the usual size of a redistributor, this one the host's. */
struct layout_overlap layout_check(uint32_t vcpus, uint64_t redist_bytes);

/* The answer for a person: 0, or -EINVAL and the sentence. */
int layout_report(const struct layout_overlap *overlap, struct err *e);

/* MPIDR_EL1's affinity of vCPU `index`: an SGI names its targets by a list of
   16 CPUs within one Aff0 group (GICD_TYPER.RSS is 0), so there are groups. */
static inline uint64_t mpidr_of(unsigned index)
{
    return (uint64_t)(index / 16) << 8 | index % 16;
}

/* Stolen time of a vCPU: those of all lie together at the end of what the other
   two have left. */
static inline uint64_t pvtime_addr(unsigned vcpus, unsigned index)
{
    return PVTIME_END - (vcpus - index) * PVTIME_STRIDE;
}

static inline uint64_t virtio_mmio_addr(unsigned slot)
{
    return VIRTIO_MMIO_BASE + slot * VIRTIO_MMIO_STRIDE;
}

/* How much of the guest's memory is the region at DRAM_BASE. */
uint64_t dram_bytes(const struct gmem *ram);

/* The device tree's place: the last 2 MiB of RAM, or its start if that is all
   there is (as Firecracker; nothing else will fit then). */
static inline uint64_t fdt_addr(uint64_t ram_bytes)
{
    if (ram_bytes <= FDT_MAX_SIZE)
        return DRAM_BASE;
    return (DRAM_BASE + ram_bytes - FDT_MAX_SIZE) & ~7ull;
}
