// SPDX-License-Identifier: Apache-2.0
/* The board in the words of the Devicetree Specification and the kernel's
   bindings, node by node in Firecracker's order. */

#include "machine/devtree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libfdt.h>

#include "base/macros.h"
#include "machine/layout.h"

/* Names of nodes for properties that point at them. */
enum {
    PHANDLE_GIC = 1,
    PHANDLE_CLOCK = 2,
    PHANDLE_ITS = 3,
    PHANDLE_L3 = 4000,
    PHANDLE_L2 = 3999, /* of vCPU 0; that of vCPU n is n less */
};

enum { CLOCK_HZ = 24000000 };

/* Of the GIC's interrupt specifier: what kind, and how it is triggered. */
enum { IRQ_SPI = 0, IRQ_PPI = 1 };
enum { IRQ_EDGE_RISING = 1, IRQ_LEVEL_HIGH = 4 };

/* The tree as it is written; once a step has failed the others do nothing. */
struct tree {
    void *fdt;
    int failed; /* libfdt's code, 0 while all is well */
};

static void begin(struct tree *t, const char *name)
{
    if (!t->failed)
        t->failed = fdt_begin_node(t->fdt, name);
}

/* NAME@ADDRESS */
static void begin_at(struct tree *t, const char *name, uint64_t addr)
{
    char full[64];

    snprintf(full, sizeof(full), "%s@%llx", name, (unsigned long long)addr);
    begin(t, full);
}

static void end(struct tree *t)
{
    if (!t->failed)
        t->failed = fdt_end_node(t->fdt);
}

static void bytes(struct tree *t, const char *name, const void *value,
                  size_t len)
{
    if (!t->failed)
        t->failed = fdt_property(t->fdt, name, value, (int)len);
}

static void flag(struct tree *t, const char *name)
{
    bytes(t, name, "", 0);
}

static void text(struct tree *t, const char *name, const char *value)
{
    bytes(t, name, value, strlen(value) + 1);
}

/* A list of strings: those of a literal with NULs in it. */
#define TEXTS(t, name, literal) bytes(t, name, literal, sizeof(literal))

static void cell(struct tree *t, const char *name, uint32_t value)
{
    if (!t->failed)
        t->failed = fdt_property_u32(t->fdt, name, value);
}

static void cell64(struct tree *t, const char *name, uint64_t value)
{
    if (!t->failed)
        t->failed = fdt_property_u64(t->fdt, name, value);
}

/* Up to four 64-bit numbers: addresses and sizes in turn. */
static void cells64(struct tree *t, const char *name, const uint64_t *values,
                    size_t count)
{
    fdt64_t be[4];

    for (size_t n = 0; n < count; n++)
        be[n] = cpu_to_fdt64(values[n]);
    bytes(t, name, be, count * sizeof(be[0]));
}

static void reg(struct tree *t, uint64_t addr, uint64_t size)
{
    const uint64_t values[] = {addr, size};

    cells64(t, "reg", values, ARRAY_LEN(values));
}

/* One interrupt in three cells. */
struct irq {
    uint32_t kind, number, trigger;
};

static void irqs(struct tree *t, const struct irq *list, size_t count)
{
    fdt32_t be[12];
    size_t len = 0;

    for (size_t n = 0; n < count; n++) {
        be[len++] = cpu_to_fdt32(list[n].kind);
        be[len++] = cpu_to_fdt32(list[n].number);
        be[len++] = cpu_to_fdt32(list[n].trigger);
    }
    bytes(t, "interrupts", be, len * sizeof(be[0]));
}

static void irq(struct tree *t, uint32_t kind, uint32_t number,
                uint32_t trigger)
{
    const struct irq one = {kind, number, trigger};

    irqs(t, &one, 1);
}

/* A cache of 64-byte lines; the prefix is "i-", "d-" or "". */
static void cache_shape(struct tree *t, const char *prefix, uint32_t size,
                        uint32_t ways)
{
    const struct {
        const char *what;
        uint32_t value;
    } shape[] = {
        {"cache-size", size},
        {"cache-line-size", 64},
        {"cache-sets", size / 64 / ways},
    };
    char name[32];

    for (unsigned n = 0; n < ARRAY_LEN(shape); n++) {
        snprintf(name, sizeof(name), "%s%s", prefix, shape[n].what);
        cell(t, name, shape[n].value);
    }
}

/* A cache of its own node, found by its phandle. 0: no next level. */
static void put_cache(struct tree *t, uint32_t level, uint32_t phandle,
                      uint32_t size, uint32_t ways, uint32_t next)
{
    char name[16];

    snprintf(name, sizeof(name), "l%u-cache", level);
    begin(t, name);
    cell(t, "phandle", phandle);
    text(t, "compatible", "cache");
    cell(t, "cache-level", level);
    flag(t, "cache-unified");
    cache_shape(t, "", size, ways);
    if (next)
        cell(t, "next-level-cache", next);
    end(t);
}

/* The caches are those of a server CPU of the Armv8.2 kind: the guest sizes
   tables by them, nothing here behaves like them. */
static void put_cpu(struct tree *t, unsigned index)
{
    uint32_t l2 = PHANDLE_L2 - index;

    begin_at(t, "cpu", mpidr_of(index));
    text(t, "device_type", "cpu");
    text(t, "compatible", "arm,arm-v8");
    text(t, "enable-method", "psci");
    cell64(t, "reg", mpidr_of(index));
    cache_shape(t, "i-", 64 * KIB, 4);
    cache_shape(t, "d-", 64 * KIB, 4);
    cell(t, "next-level-cache", l2);
    put_cache(t, 2, l2, MIB, 8, PHANDLE_L3);
    end(t);
}

static void put_cpus(struct tree *t, const struct devtree_config *cfg)
{
    begin(t, "cpus");
    cell(t, "#address-cells", 2);
    cell(t, "#size-cells", 0);
    for (unsigned n = 0; n < cfg->vcpus; n++)
        put_cpu(t, n);
    put_cache(t, 3, PHANDLE_L3, 32 * MIB, 16, 0);
    end(t);
}

static void put_memory(struct tree *t, const struct devtree_config *cfg)
{
    uint64_t start = SYSTEM_MEM_BASE + SYSTEM_MEM_SIZE;

    begin_at(t, "memory", start);
    text(t, "device_type", "memory");
    reg(t, start, cfg->ram_bytes - SYSTEM_MEM_SIZE);
    end(t);
}

static void put_chosen(struct tree *t, const struct devtree_config *cfg)
{
    begin(t, "chosen");
    text(t, "bootargs", cfg->bootargs);
    if (cfg->initrd_bytes) {
        cell64(t, "linux,initrd-start", cfg->initrd_start);
        cell64(t, "linux,initrd-end", cfg->initrd_start + cfg->initrd_bytes);
    }
    cell(t, "linux,pci-probe-only", 1);
    bytes(t, "rng-seed", cfg->rng_seed, sizeof(cfg->rng_seed));
    end(t);
}

static void put_gic(struct tree *t, const struct devtree_config *cfg)
{
    const uint64_t parts[] = {GICD_BASE, GICD_RESERVED_SIZE, GICR_BASE,
                              cfg->vcpus * cfg->redist_bytes};

    begin_at(t, "interrupt-controller", GICD_BASE);
    cell(t, "phandle", PHANDLE_GIC);
    text(t, "compatible", "arm,gic-v3");
    flag(t, "interrupt-controller");
    cell(t, "#interrupt-cells", 3);
    cells64(t, "reg", parts, ARRAY_LEN(parts));
    if (cfg->redist_bytes != GICR_REDISTRIBUTOR_SIZE_PER_VCPU)
        cell64(t, "redistributor-stride", cfg->redist_bytes);
    cell(t, "#address-cells", 2);
    cell(t, "#size-cells", 2);
    flag(t, "ranges");
    irq(t, IRQ_PPI, GIC_MAINT_PPI, IRQ_LEVEL_HIGH);
    if (cfg->its_bytes) {
        begin_at(t, "msic", MSI_REGION_BASE);
        cell(t, "phandle", PHANDLE_ITS);
        text(t, "compatible", "arm,gic-v3-its");
        flag(t, "msi-controller");
        cell(t, "#msi-cells", 1);
        reg(t, MSI_REGION_BASE, cfg->its_bytes);
        end(t);
    }
    end(t);
}

static void put_timer(struct tree *t)
{
    static const struct irq ppis[] = {
        {IRQ_PPI, TIMER_SECURE_PPI, IRQ_LEVEL_HIGH},
        {IRQ_PPI, TIMER_PHYS_PPI, IRQ_LEVEL_HIGH},
        {IRQ_PPI, TIMER_VIRT_PPI, IRQ_LEVEL_HIGH},
        {IRQ_PPI, TIMER_HYP_PPI, IRQ_LEVEL_HIGH},
    };

    begin(t, "timer");
    text(t, "compatible", "arm,armv8-timer");
    flag(t, "always-on");
    irqs(t, ppis, ARRAY_LEN(ppis));
    end(t);
}

static void put_clock(struct tree *t)
{
    begin(t, "apb-pclk");
    cell(t, "phandle", PHANDLE_CLOCK);
    text(t, "compatible", "fixed-clock");
    cell(t, "#clock-cells", 0);
    cell(t, "clock-frequency", CLOCK_HZ);
    text(t, "clock-output-names", "clk24mhz");
    end(t);
}

static void put_psci(struct tree *t)
{
    begin(t, "psci");
    TEXTS(t, "compatible", "arm,psci-1.0\0arm,psci-0.2");
    text(t, "method", "hvc");
    end(t);
}

static void put_rtc(struct tree *t)
{
    begin_at(t, "rtc", RTC_BASE);
    TEXTS(t, "compatible", "arm,pl031\0arm,primecell");
    reg(t, RTC_BASE, RTC_SIZE);
    cell(t, "clocks", PHANDLE_CLOCK);
    text(t, "clock-names", "apb_pclk");
    end(t);
}

static void put_uart16550(struct tree *t)
{
    begin_at(t, "uart", UART16550_BASE);
    text(t, "compatible", "ns16550a");
    reg(t, UART16550_BASE, UART16550_SIZE);
    cell(t, "clocks", PHANDLE_CLOCK);
    text(t, "clock-names", "apb_pclk");
    irq(t, IRQ_SPI, UART16550_SPI, IRQ_EDGE_RISING);
    end(t);
}

static void put_pl011(struct tree *t)
{
    const fdt32_t clocks[] = {cpu_to_fdt32(PHANDLE_CLOCK),
                              cpu_to_fdt32(PHANDLE_CLOCK)};

    begin_at(t, "pl011", PL011_BASE);
    TEXTS(t, "compatible", "arm,pl011\0arm,primecell");
    reg(t, PL011_BASE, PL011_SIZE);
    bytes(t, "clocks", clocks, sizeof(clocks));
    TEXTS(t, "clock-names", "uartclk\0apb_pclk");
    irq(t, IRQ_SPI, PL011_SPI, IRQ_LEVEL_HIGH);
    end(t);
}

static void put_virtio(struct tree *t, unsigned slot)
{
    begin_at(t, "virtio_mmio", virtio_mmio_addr(slot));
    flag(t, "dma-coherent");
    text(t, "compatible", "virtio,mmio");
    reg(t, virtio_mmio_addr(slot), VIRTIO_MMIO_STRIDE);
    irq(t, IRQ_SPI, VIRTIO_MMIO_SPI + slot, IRQ_EDGE_RISING);
    cell(t, "interrupt-parent", PHANDLE_GIC);
    end(t);
}

static void put_vmgenid(struct tree *t)
{
    begin_at(t, "vmgenid", VMGENID_BASE);
    text(t, "compatible", "microsoft,vmgenid");
    reg(t, VMGENID_BASE, VMGENID_SIZE);
    irq(t, IRQ_SPI, VMGENID_SPI, IRQ_EDGE_RISING);
    end(t);
}

static void put_vmclock(struct tree *t)
{
    begin_at(t, "ptp", VMCLOCK_BASE);
    text(t, "compatible", "amazon,vmclock");
    reg(t, VMCLOCK_BASE, VMCLOCK_SIZE);
    irq(t, IRQ_SPI, VMCLOCK_SPI, IRQ_EDGE_RISING);
    end(t);
}

static void put_devices(struct tree *t, const struct devtree_config *cfg)
{
    put_rtc(t);
    if (cfg->has_uart16550)
        put_uart16550(t);
    if (cfg->has_pl011)
        put_pl011(t);
    for (unsigned n = 0; n < VIRTIO_MMIO_SLOTS; n++)
        if (BIT(cfg->virtio_slots, n))
            put_virtio(t, n);
    if (cfg->has_vmgenid)
        put_vmgenid(t);
    if (cfg->has_vmclock)
        put_vmclock(t);
}

static void put_root(struct tree *t, const struct devtree_config *cfg)
{
    begin(t, "");
    text(t, "compatible", "linux,dummy-virt");
    cell(t, "#address-cells", 2);
    cell(t, "#size-cells", 2);
    cell(t, "interrupt-parent", PHANDLE_GIC);
    put_cpus(t, cfg);
    put_memory(t, cfg);
    put_chosen(t, cfg);
    put_gic(t, cfg);
    put_timer(t);
    put_clock(t);
    put_psci(t);
    put_devices(t, cfg);
    end(t);
}

static int check_config(const struct devtree_config *cfg, struct err *e)
{
    struct layout_overlap overlap = layout_check(cfg->vcpus, cfg->redist_bytes);

    if (cfg->vcpus == 0 || cfg->vcpus > MAX_SUPPORTED_VCPUS)
        return err_set(e, -EINVAL, "a machine of %u vCPUs: 1 to %u can be",
                       cfg->vcpus, MAX_SUPPORTED_VCPUS);
    if (cfg->ram_bytes <= SYSTEM_MEM_SIZE || cfg->ram_bytes > DRAM_MAX_SIZE)
        return err_set(e, -EINVAL,
                       "%llu MiB of RAM: more than 2 and at most %llu can be",
                       (unsigned long long)(cfg->ram_bytes / MIB),
                       (unsigned long long)(DRAM_MAX_SIZE / MIB));
    return layout_report(&overlap, e);
}

int devtree_build(const struct devtree_config *cfg, void *buf, size_t size,
                  struct err *e)
{
    struct tree t = {.fdt = buf};
    int ret = check_config(cfg, e);

    if (ret < 0)
        return ret;
    t.failed = fdt_create(buf, (int)MIN(size, FDT_MAX_SIZE));
    if (!t.failed)
        t.failed = fdt_finish_reservemap(buf);
    put_root(&t, cfg);
    if (!t.failed)
        t.failed = fdt_finish(buf);
    if (t.failed)
        return err_set(e, -ENOSPC, "cannot write the device tree: %s",
                       fdt_strerror(t.failed));
    return (int)fdt_totalsize(buf);
}

int devtree_dump(const char *path, const void *tree, size_t bytes,
                 struct err *e)
{
    FILE *f = fopen(path, "wbe");
    size_t written;

    if (!f)
        return err_set(e, -errno, "cannot create %s for the device tree: %s",
                       path, strerror(errno));
    written = fwrite(tree, 1, bytes, f);
    if (fclose(f) != 0 || written < bytes)
        return err_set(e, -EIO, "cannot write the device tree to %s: %s", path,
                       strerror(errno));
    return 0;
}
