// SPDX-License-Identifier: Apache-2.0
/* The device tree, read back the way a guest reads it. */

#include "machine/devtree.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libfdt.h>

#include "base/macros.h"
#include "machine/layout.h"

static uint8_t tree[FDT_MAX_SIZE];

/* The smallest machine; tests change what they are about. */
static struct devtree_config small_machine(void)
{
    struct devtree_config cfg = {
        .vcpus = 1,
        .ram_bytes = 128 * MIB,
        .bootargs = "console=ttyAMA0",
        .redist_bytes = GICR_REDISTRIBUTOR_SIZE_PER_VCPU,
    };

    for (unsigned n = 0; n < DEVTREE_SEED_BYTES; n++)
        cfg.rng_seed[n] = (uint8_t)(n + 1);
    return cfg;
}

/* Everything the board can hold. */
static struct devtree_config full_machine(void)
{
    static char bootargs[2048];
    struct devtree_config cfg = small_machine();

    memset(bootargs, 'x', sizeof(bootargs) - 1);
    cfg.vcpus = MAX_SUPPORTED_VCPUS;
    cfg.ram_bytes = DRAM_MAX_SIZE;
    cfg.bootargs = bootargs;
    cfg.initrd_start = 0x90000000;
    cfg.initrd_bytes = 0x12345;
    cfg.its_bytes = 0x20000;
    cfg.has_pl011 = cfg.has_uart16550 = true;
    cfg.has_vmgenid = cfg.has_vmclock = true;
    cfg.virtio_slots = UINT32_MAX;
    return cfg;
}

static int build(const struct devtree_config *cfg)
{
    struct err e = {.text = ""};
    int n = devtree_build(cfg, tree, sizeof(tree), &e);

    assert_string_equal(e.text, "");
    assert_true(n > 0);
    assert_int_equal(fdt_check_header(tree), 0);
    return n;
}

static int node(const char *path)
{
    int offset = fdt_path_offset(tree, path);

    if (offset < 0)
        fail_msg("no node %s", path);
    return offset;
}

static bool has_node(const char *path)
{
    return fdt_path_offset(tree, path) >= 0;
}

static const void *prop(const char *path, const char *name, int *len)
{
    const void *p = fdt_getprop(tree, node(path), name, len);

    if (!p)
        fail_msg("%s has no %s", path, name);
    return p;
}

static uint32_t cell(const char *path, const char *name, int n)
{
    int len;
    const fdt32_t *p = prop(path, name, &len);

    assert_true(len >= 4 * (n + 1));
    return fdt32_to_cpu(p[n]);
}

static uint64_t cell64(const char *path, const char *name, int n)
{
    return (uint64_t)cell(path, name, 2 * n) << 32 |
           cell(path, name, 2 * n + 1);
}

static void expect_text(const char *path, const char *name, const char *value,
                        size_t bytes)
{
    int len;
    const char *p = prop(path, name, &len);

    assert_int_equal(len, bytes);
    assert_memory_equal(p, value, bytes);
}

#define EXPECT_TEXT(path, name, value) \
    expect_text(path, name, value, sizeof(value))

static void expect_reg(const char *path, uint64_t addr, uint64_t size)
{
    assert_int_equal(cell64(path, "reg", 0), addr);
    assert_int_equal(cell64(path, "reg", 1), size);
}

/* The n-th interrupt of a node: what INTID the guest makes of it. */
static void expect_irq(const char *path, int n, unsigned intid,
                       unsigned trigger)
{
    uint32_t kind = cell(path, "interrupts", 3 * n);
    uint32_t base = kind == 0 ? 32 : 16;

    assert_in_range(kind, 0, 1);
    assert_int_equal(cell(path, "interrupts", 3 * n + 1) + base, intid);
    assert_int_equal(cell(path, "interrupts", 3 * n + 2), trigger);
}

enum { EDGE = 1, LEVEL = 4 };

static void the_root_says_what_machine_it_is(void **state)
{
    struct devtree_config cfg = small_machine();

    (void)state;
    build(&cfg);
    EXPECT_TEXT("/", "compatible", "linux,dummy-virt");
    assert_int_equal(cell("/", "#address-cells", 0), 2);
    assert_int_equal(cell("/", "#size-cells", 0), 2);
    assert_int_equal(cell("/", "interrupt-parent", 0), 1);
    assert_int_equal(fdt_node_offset_by_phandle(tree, 1),
                     node("/interrupt-controller@8000000"));
}

static void nodes_come_in_firecrackers_order(void **state)
{
    static const char *const order[] = {
        "cpus",
        "memory@80200000",
        "chosen",
        "interrupt-controller@8000000",
        "timer",
        "apb-pclk",
        "psci",
        "rtc@40001000",
        "uart@40002000",
        "pl011@e0a0000",
        "virtio_mmio@f000000",
        "virtio_mmio@f003000",
        "vmgenid@801ffff0",
        "ptp@801fe000",
    };
    struct devtree_config cfg = small_machine();
    unsigned n = 0;
    int offset;

    (void)state;
    cfg.has_pl011 = cfg.has_uart16550 = true;
    cfg.has_vmgenid = cfg.has_vmclock = true;
    cfg.virtio_slots = 0x9;
    build(&cfg);
    fdt_for_each_subnode(offset, tree, 0)
    {
        assert_true(n < ARRAY_LEN(order));
        assert_string_equal(fdt_get_name(tree, offset, NULL), order[n++]);
    }
    assert_int_equal(n, ARRAY_LEN(order));
}

static void each_vcpu_has_its_affinity_and_caches(void **state)
{
    struct devtree_config cfg = small_machine();
    char path[64];

    (void)state;
    cfg.vcpus = 32;
    build(&cfg);
    assert_int_equal(cell("/cpus", "#address-cells", 0), 2);
    assert_int_equal(cell("/cpus", "#size-cells", 0), 0);
    for (unsigned n = 0; n < 32; n++) {
        int l2, l3;

        snprintf(path, sizeof(path), "/cpus/cpu@%x", n / 16 << 8 | n % 16);
        EXPECT_TEXT(path, "device_type", "cpu");
        EXPECT_TEXT(path, "compatible", "arm,arm-v8");
        EXPECT_TEXT(path, "enable-method", "psci");
        assert_int_equal(cell64(path, "reg", 0), mpidr_of(n));
        assert_int_equal(cell(path, "d-cache-size", 0),
                         cell(path, "d-cache-sets", 0) * 64 * 4);
        l2 =
            fdt_node_offset_by_phandle(tree, cell(path, "next-level-cache", 0));
        assert_int_equal(fdt_parent_offset(tree, l2), node(path));
        strcat(path, "/l2-cache");
        assert_int_equal(cell(path, "cache-level", 0), 2);
        l3 =
            fdt_node_offset_by_phandle(tree, cell(path, "next-level-cache", 0));
        assert_int_equal(l3, node("/cpus/l3-cache"));
    }
    assert_int_equal(cell("/cpus/l3-cache", "cache-level", 0), 3);
    assert_false(has_node("/cpus/cpu@20"));
}

static void memory_leaves_the_system_metadata_out(void **state)
{
    struct devtree_config cfg = small_machine();

    (void)state;
    build(&cfg);
    EXPECT_TEXT("/memory@80200000", "device_type", "memory");
    expect_reg("/memory@80200000", 0x80200000, 126 * MIB);
    cfg.ram_bytes = DRAM_MAX_SIZE;
    build(&cfg);
    expect_reg("/memory@80200000", 0x80200000, 1022 * GIB - 2 * MIB);
}

static void chosen_has_arguments_and_seed(void **state)
{
    struct devtree_config cfg = small_machine();

    (void)state;
    build(&cfg);
    EXPECT_TEXT("/chosen", "bootargs", "console=ttyAMA0");
    assert_int_equal(cell("/chosen", "linux,pci-probe-only", 0), 1);
    expect_text("/chosen", "rng-seed", (const char *)cfg.rng_seed, 64);
    assert_null(fdt_getprop(tree, node("/chosen"), "linux,initrd-start", NULL));
    assert_null(fdt_getprop(tree, node("/chosen"), "stdout-path", NULL));
}

static void chosen_has_the_initrd_if_there_is_one(void **state)
{
    struct devtree_config cfg = small_machine();

    (void)state;
    cfg.initrd_start = 0x1880000000;
    cfg.initrd_bytes = 12345;
    build(&cfg);
    assert_int_equal(cell64("/chosen", "linux,initrd-start", 0), 0x1880000000);
    assert_int_equal(cell64("/chosen", "linux,initrd-end", 0),
                     0x1880000000 + 12345);
}

static void the_gic_covers_the_live_redistributors(void **state)
{
    const char *path = "/interrupt-controller@8000000";
    struct devtree_config cfg = small_machine();

    (void)state;
    cfg.vcpus = 5;
    build(&cfg);
    EXPECT_TEXT(path, "compatible", "arm,gic-v3");
    assert_int_equal(cell(path, "#interrupt-cells", 0), 3);
    expect_reg(path, GICD_BASE, 0x10000);
    assert_int_equal(cell64(path, "reg", 2), GICR_BASE);
    assert_int_equal(cell64(path, "reg", 3), 5 * 0x20000);
    assert_null(fdt_getprop(tree, node(path), "redistributor-stride", NULL));
    assert_int_equal(fdt_first_subnode(tree, node(path)), -FDT_ERR_NOTFOUND);
    expect_irq(path, 0, 25, LEVEL);

    cfg.redist_bytes = 0x40000;
    cfg.its_bytes = 0x20000;
    build(&cfg);
    assert_int_equal(cell64(path, "redistributor-stride", 0), 0x40000);
    assert_int_equal(cell64(path, "reg", 3), 5 * 0x40000);
    expect_reg("/interrupt-controller@8000000/msic@5000000", MSI_REGION_BASE,
               0x20000);
}

static void every_interrupt_decodes_to_its_intid(void **state)
{
    struct devtree_config cfg = full_machine();
    char path[64];

    (void)state;
    build(&cfg);
    expect_irq("/timer", 0, 29, LEVEL);
    expect_irq("/timer", 1, 30, LEVEL);
    expect_irq("/timer", 2, 27, LEVEL);
    expect_irq("/timer", 3, 26, LEVEL);
    expect_irq("/pl011@e0a0000", 0, 33, LEVEL);
    expect_irq("/uart@40002000", 0, 34, EDGE);
    expect_irq("/vmgenid@801ffff0", 0, 36, EDGE);
    expect_irq("/ptp@801fe000", 0, 37, EDGE);
    for (unsigned n = 0; n < 32; n++) {
        snprintf(path, sizeof(path), "/virtio_mmio@%x", 0xf000000 + n * 4096);
        expect_irq(path, 0, 48 + n, EDGE);
        expect_reg(path, 0xf000000 + n * 4096, 4096);
        EXPECT_TEXT(path, "compatible", "virtio,mmio");
        assert_int_equal(cell(path, "interrupt-parent", 0), 1);
        assert_non_null(fdt_getprop(tree, node(path), "dma-coherent", NULL));
    }
}

/* No interrupt number is given twice, and none is left out of these tests. */
static void no_two_devices_share_an_interrupt(void **state)
{
    struct devtree_config cfg = full_machine();
    bool seen[256] = {false};
    unsigned nodes = 0;
    int offset;

    (void)state;
    build(&cfg);
    for (offset = 0; offset >= 0; offset = fdt_next_node(tree, offset, NULL)) {
        int len;
        const fdt32_t *p = fdt_getprop(tree, offset, "interrupts", &len);

        if (!p)
            continue;
        nodes++;
        assert_int_equal(len % 12, 0);
        for (int n = 0; n < len / 4; n += 3) {
            uint32_t intid =
                fdt32_to_cpu(p[n + 1]) + (fdt32_to_cpu(p[n]) ? 16 : 32);

            assert_in_range(intid, 16, 79);
            assert_false(seen[intid]);
            seen[intid] = true;
        }
    }
    assert_int_equal(nodes, 32 + 6);
}

static void only_uarts_that_are_named_are_there(void **state)
{
    struct devtree_config cfg = small_machine();

    (void)state;
    build(&cfg);
    assert_false(has_node("/pl011@e0a0000"));
    assert_false(has_node("/uart@40002000"));
    cfg.has_pl011 = true;
    build(&cfg);
    assert_false(has_node("/uart@40002000"));
    EXPECT_TEXT("/pl011@e0a0000", "compatible", "arm,pl011\0arm,primecell");
    EXPECT_TEXT("/pl011@e0a0000", "clock-names", "uartclk\0apb_pclk");
    expect_reg("/pl011@e0a0000", PL011_BASE, 4096);
    assert_int_equal(cell("/pl011@e0a0000", "clocks", 0), 2);
    assert_int_equal(cell("/pl011@e0a0000", "clocks", 1), 2);
    cfg.has_pl011 = false;
    cfg.has_uart16550 = true;
    build(&cfg);
    assert_false(has_node("/pl011@e0a0000"));
    EXPECT_TEXT("/uart@40002000", "compatible", "ns16550a");
    expect_reg("/uart@40002000", UART16550_BASE, 4096);
}

static void firmware_clock_and_rtc_are_described(void **state)
{
    struct devtree_config cfg = small_machine();

    (void)state;
    build(&cfg);
    EXPECT_TEXT("/psci", "compatible", "arm,psci-1.0\0arm,psci-0.2");
    EXPECT_TEXT("/psci", "method", "hvc");
    EXPECT_TEXT("/timer", "compatible", "arm,armv8-timer");
    assert_non_null(fdt_getprop(tree, node("/timer"), "always-on", NULL));
    EXPECT_TEXT("/apb-pclk", "compatible", "fixed-clock");
    assert_int_equal(cell("/apb-pclk", "clock-frequency", 0), 24000000);
    assert_int_equal(cell("/apb-pclk", "phandle", 0), 2);
    EXPECT_TEXT("/rtc@40001000", "compatible", "arm,pl031\0arm,primecell");
    expect_reg("/rtc@40001000", RTC_BASE, 4096);
    assert_null(fdt_getprop(tree, node("/rtc@40001000"), "interrupts", NULL));
}

static void the_largest_machine_fits(void **state)
{
    struct devtree_config cfg = full_machine();

    (void)state;
    assert_in_range(build(&cfg), 1, FDT_MAX_SIZE / 16);
}

static void a_buffer_of_any_size_is_respected(void **state)
{
    struct devtree_config cfg = full_machine();
    int whole = build(&cfg);
    struct err e;

    (void)state;
    for (int size = 0; size < whole; size += 97) {
        memset(tree, 0xee, (size_t)whole + 100);
        assert_int_equal(devtree_build(&cfg, tree, (size_t)size, &e), -ENOSPC);
        assert_non_null(strstr(e.text, "cannot write the device tree: "));
        for (int n = size; n < whole + 100; n++)
            assert_int_equal(tree[n], 0xee);
    }
}

static void impossible_machines_are_refused(void **state)
{
    struct devtree_config cfg = small_machine();
    struct err e;

    (void)state;
    cfg.vcpus = 0;
    assert_int_equal(devtree_build(&cfg, tree, sizeof(tree), &e), -EINVAL);
    cfg.vcpus = 33;
    assert_int_equal(devtree_build(&cfg, tree, sizeof(tree), &e), -EINVAL);
    assert_string_equal(e.text, "a machine of 33 vCPUs: 1 to 32 can be");
    cfg.vcpus = 32;
    cfg.redist_bytes = 4 * MIB;
    assert_int_equal(devtree_build(&cfg, tree, sizeof(tree), &e), -EINVAL);
    assert_non_null(strstr(e.text, "overlap the devices at 0xe0a0000"));
    cfg = small_machine();
    cfg.ram_bytes = 2 * MIB;
    assert_int_equal(devtree_build(&cfg, tree, sizeof(tree), &e), -EINVAL);
    cfg.ram_bytes = DRAM_MAX_SIZE + 1;
    assert_int_equal(devtree_build(&cfg, tree, sizeof(tree), &e), -EINVAL);
}

/* dtc's complaints about the tree as it was last built. */
static void expect_dtc_content(int bytes)
{
    char path[] = "/tmp/squib-devtree-XXXXXX", command[200], said[4000];
    int fd = mkstemp(path);
    size_t n;
    FILE *f;

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(devtree_dump(path, tree, (size_t)bytes, NULL), 0);
    snprintf(command, sizeof(command),
             "dtc -I dtb -O dts %s 2>&1 >/dev/null; echo $?", path);
    f = popen(command, "r");
    assert_non_null(f);
    n = fread(said, 1, sizeof(said) - 1, f);
    said[n] = 0;
    pclose(f);
    unlink(path);
    assert_string_equal(said, "0\n");
}

static void dtc_reads_every_machine_without_a_warning(void **state)
{
    struct devtree_config cfg = small_machine();

    (void)state;
    if (system("command -v dtc >/dev/null 2>&1") != 0)
        skip();
    expect_dtc_content(build(&cfg));
    cfg.has_pl011 = true;
    cfg.initrd_start = 0x84000000;
    cfg.initrd_bytes = 1000;
    expect_dtc_content(build(&cfg));
    cfg = full_machine();
    expect_dtc_content(build(&cfg));
    cfg.its_bytes = 0;
    cfg.redist_bytes = 0x40000;
    expect_dtc_content(build(&cfg));
}

static void a_dump_that_cannot_be_written_is_an_error(void **state)
{
    struct err e;

    (void)state;
    assert_int_equal(devtree_dump("/tmp/no/such/folder/x", "x", 1, &e),
                     -ENOENT);
    assert_non_null(strstr(e.text, "cannot create /tmp/no/such/folder/x"));
    if (access("/dev/full", W_OK) == 0)
        assert_int_equal(devtree_dump("/dev/full", tree, 100, &e), -EIO);
}

#define TEST(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_root_says_what_machine_it_is),
        TEST(nodes_come_in_firecrackers_order),
        TEST(each_vcpu_has_its_affinity_and_caches),
        TEST(memory_leaves_the_system_metadata_out),
        TEST(chosen_has_arguments_and_seed),
        TEST(chosen_has_the_initrd_if_there_is_one),
        TEST(the_gic_covers_the_live_redistributors),
        TEST(every_interrupt_decodes_to_its_intid),
        TEST(no_two_devices_share_an_interrupt),
        TEST(only_uarts_that_are_named_are_there),
        TEST(firmware_clock_and_rtc_are_described),
        TEST(the_largest_machine_fits),
        TEST(a_buffer_of_any_size_is_respected),
        TEST(impossible_machines_are_refused),
        TEST(dtc_reads_every_machine_without_a_warning),
        TEST(a_dump_that_cannot_be_written_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
