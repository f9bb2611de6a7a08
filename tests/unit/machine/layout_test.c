// SPDX-License-Identifier: Apache-2.0
/* The board's numbers. What the compiler checks is tried in tests/board. */

#include "machine/layout.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/macros.h"
#include "host/host.h"

static void the_reserved_redistributor_window_is_96_mib(void **state)
{
    (void)state;
    assert_int_equal(GICR_RESERVED_END - GICR_BASE, 96 * MIB);
}

static void redistributors_of_32_vcpus_fit_under_the_pl011(void **state)
{
    (void)state;
    assert_int_equal(GICR_LIVE_MAX, 4 * MIB);
    assert_true(GICR_LIVE_MAX < GICR_RESERVED_END - GICR_BASE);
}

static void the_pl011_abuts_the_redistributor_window(void **state)
{
    (void)state;
    assert_int_equal(PL011_BASE, GICR_RESERVED_END);
}

static void virtio_mmio_does_not_overlap_the_pl011(void **state)
{
    (void)state;
    assert_true(VIRTIO_MMIO_BASE >= PL011_BASE + PL011_SIZE);
}

static void virtio_mmio_does_not_overlap_dram(void **state)
{
    (void)state;
    assert_true(VIRTIO_MMIO_BASE + VIRTIO_MMIO_SIZE <= DRAM_BASE);
}

static void the_page_geometry_of_apple_silicon_is_the_seeds(void **state)
{
    const struct page_geometry g = PAGE_GEOMETRY_APPLE_SILICON;

    (void)state;
    assert_int_equal(g.host_page, 16 * KIB);
    assert_int_equal(g.hvf_stage2_granule, 16 * KIB);
    assert_int_equal(g.tracking_page_default, 2 * MIB);
    assert_int_equal(g.tracking_page_hot, 16 * KIB);
}

static void the_check_passes_with_32_vcpus(void **state)
{
    struct layout_overlap o = layout_check(MAX_SUPPORTED_VCPUS, 0x20000);
    struct err e = {.code = 0};

    (void)state;
    assert_int_equal(o.kind, LAYOUT_OK);
    assert_int_equal(layout_report(&o, &e), 0);
    assert_int_equal(e.code, 0);
}

static void the_check_fails_if_redistributors_grow_too_large(void **state)
{
    /* 32 of 4 MiB are 128 MiB, more than the 96 reserved */
    struct layout_overlap o = layout_check(MAX_SUPPORTED_VCPUS, 4 * MIB);
    struct err e;

    (void)state;
    assert_int_equal(o.kind, LAYOUT_GICR_OVERLAPS_MMIO);
    assert_int_equal(o.vcpu_count, 32);
    assert_int_equal(o.live_gicr_end, GICR_BASE + 128 * MIB);
    assert_int_equal(o.boundary, PL011_BASE);
    assert_int_equal(layout_report(&o, &e), -EINVAL);
    assert_string_equal(
        e.text, "the interrupt redistributors of 32 vCPUs end at 0x100a0000 "
                "and overlap the devices at 0xe0a0000; use fewer vCPUs");
}

static void the_check_of_no_vcpus_is_trivially_ok(void **state)
{
    (void)state;
    assert_int_equal(layout_check(0, 0x20000).kind, LAYOUT_OK);
    assert_int_equal(layout_check(0, UINT64_MAX).kind, LAYOUT_OK);
}

static void the_check_does_not_overflow_on_huge_redistributors(void **state)
{
    struct layout_overlap o = layout_check(MAX_SUPPORTED_VCPUS, UINT64_MAX);

    (void)state;
    assert_int_equal(o.kind, LAYOUT_GICR_OVERLAPS_MMIO);
    assert_int_equal(o.live_gicr_end, UINT64_MAX);
    assert_int_equal(layout_check(UINT32_MAX, UINT64_MAX).kind,
                     LAYOUT_GICR_OVERLAPS_MMIO);
}

static void the_check_draws_the_line_at_the_last_byte(void **state)
{
    (void)state;
    assert_int_equal(layout_check(1, 96 * MIB).kind, LAYOUT_OK);
    assert_int_equal(layout_check(1, 96 * MIB + 1).kind,
                     LAYOUT_GICR_OVERLAPS_MMIO);
    assert_int_equal(layout_check(768, 0x20000).kind, LAYOUT_OK);
    assert_int_equal(layout_check(769, 0x20000).kind,
                     LAYOUT_GICR_OVERLAPS_MMIO);
}

static void every_number_is_the_seeds(void **state)
{
    (void)state;
    assert_int_equal(MSI_REGION_BASE, 0x05000000);
    assert_int_equal(GICD_BASE, 0x08000000);
    assert_int_equal(GICD_RESERVED_SIZE, 0x10000);
    assert_int_equal(GICR_BASE, 0x080a0000);
    assert_int_equal(PL011_BASE, 0x0e0a0000);
    assert_int_equal(PL011_SIZE, 0x1000);
    assert_int_equal(VIRTIO_MMIO_BASE, 0x0f000000);
    assert_int_equal(VIRTIO_MMIO_SIZE, 0x20000);
    assert_int_equal(DRAM_BASE, 0x80000000);
    assert_int_equal(DRAM_MAX_END, 0x10000000000);
    assert_int_equal(DRAM_MAX_SIZE, 1022 * GIB);
    assert_int_equal(KERNEL_LOAD_OFFSET, 2 * MIB);
    assert_int_equal(INITRD_FALLBACK_OFFSET, 256 * MIB);
    assert_int_equal(FDT_MAX_SIZE, 2 * MIB);
    assert_int_equal(GICR_REDISTRIBUTOR_SIZE_PER_VCPU, 128 * KIB);
    assert_int_equal(MAX_SUPPORTED_VCPUS, 32);
}

static void the_frozen_record_says_what_the_constants_say(void **state)
{
    const struct memory_layout *l = &MEMORY_LAYOUT;

    (void)state;
    assert_int_equal(l->gicd_base, GICD_BASE);
    assert_int_equal(l->gicr_base, GICR_BASE);
    assert_int_equal(l->pl011_base, PL011_BASE);
    assert_int_equal(l->virtio_mmio_base, VIRTIO_MMIO_BASE);
    assert_int_equal(l->virtio_mmio_stride, 4096);
    assert_int_equal(l->virtio_mmio_slots, 32);
    assert_int_equal(l->dram_base, DRAM_BASE);
    assert_int_equal(l->page_geometry.host_page, 16 * KIB);
}

static void the_hosts_page_geometry_never_tracks_less_than_a_page(void **state)
{
    struct page_geometry g = page_geometry_host();

    (void)state;
    assert_int_equal(g.host_page, host_page_bytes());
    assert_true(g.tracking_page_hot >= g.host_page);
    assert_int_equal(g.tracking_page_default % g.tracking_page_hot, 0);
}

static void interrupts_have_their_documented_intids(void **state)
{
    (void)state;
    assert_int_equal(SPI_TO_INTID(PL011_SPI), 33);
    assert_int_equal(SPI_TO_INTID(UART16550_SPI), 34);
    assert_int_equal(SPI_TO_INTID(VIRTIO_MMIO_SPI), 48);
    assert_int_equal(SPI_TO_INTID(VIRTIO_MMIO_SPI + VIRTIO_MMIO_SLOTS - 1), 79);
    assert_int_equal(PPI_TO_INTID(TIMER_VIRT_PPI), 27);
    assert_int_equal(PPI_TO_INTID(TIMER_PHYS_PPI), 30);
    assert_int_equal(PPI_TO_INTID(GIC_MAINT_PPI), 25);
}

static void affinities_come_in_groups_of_sixteen(void **state)
{
    (void)state;
    assert_int_equal(mpidr_of(0), 0);
    assert_int_equal(mpidr_of(15), 15);
    assert_int_equal(mpidr_of(16), 0x100);
    assert_int_equal(mpidr_of(31), 0x10f);
}

static void the_device_tree_has_the_last_two_mib(void **state)
{
    (void)state;
    assert_int_equal(fdt_addr(128 * MIB), DRAM_BASE + 126 * MIB);
    assert_int_equal(fdt_addr(DRAM_MAX_SIZE), DRAM_MAX_END - 2 * MIB);
    assert_int_equal(fdt_addr(2 * MIB), DRAM_BASE);
    assert_int_equal(fdt_addr(0), DRAM_BASE);
    assert_int_equal(fdt_addr(64 * MIB + 5) % 8, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reserved_redistributor_window_is_96_mib),
        cmocka_unit_test(redistributors_of_32_vcpus_fit_under_the_pl011),
        cmocka_unit_test(the_pl011_abuts_the_redistributor_window),
        cmocka_unit_test(virtio_mmio_does_not_overlap_the_pl011),
        cmocka_unit_test(virtio_mmio_does_not_overlap_dram),
        cmocka_unit_test(the_page_geometry_of_apple_silicon_is_the_seeds),
        cmocka_unit_test(the_check_passes_with_32_vcpus),
        cmocka_unit_test(the_check_fails_if_redistributors_grow_too_large),
        cmocka_unit_test(the_check_of_no_vcpus_is_trivially_ok),
        cmocka_unit_test(the_check_does_not_overflow_on_huge_redistributors),
        cmocka_unit_test(the_check_draws_the_line_at_the_last_byte),
        cmocka_unit_test(every_number_is_the_seeds),
        cmocka_unit_test(the_frozen_record_says_what_the_constants_say),
        cmocka_unit_test(the_hosts_page_geometry_never_tracks_less_than_a_page),
        cmocka_unit_test(interrupts_have_their_documented_intids),
        cmocka_unit_test(affinities_come_in_groups_of_sixteen),
        cmocka_unit_test(the_device_tree_has_the_last_two_mib),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
