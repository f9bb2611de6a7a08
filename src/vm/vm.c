// SPDX-License-Identifier: Apache-2.0
/* Building a microVM from its configuration, starting it, ending it. */

#include "vm/vm.h"

#include <errno.h>
#include <stdio.h>

#include "accel/accel.h"
#include "base/heap.h"
#include "base/macros.h"
#include "host/host.h"
#include "machine/board.h"
#include "machine/cmdline.h"
#include "machine/devtree.h"
#include "machine/initrd.h"
#include "machine/kernel.h"
#include "machine/layout.h"
#include "machine/vmgen.h"
#include "vm/attach.h"
#include "vm/pvtime.h"
#include "vm/vcpu.h"

struct vm {
    const struct accel_ops *accel;
    struct accel_vm *hw; /* owned */
    struct gmem ram;
    struct mmio_bus *bus;      /* owned */
    struct attached *attached; /* owned; the virtio devices on the bus */
    struct vcpus *vcpus;       /* owned; NULL until started */
    struct pvtime *pvtime;     /* owned */
    struct kernel_info kernel;
    struct initrd_info initrd;
    char cmdline[CMDLINE_MAX];
    unsigned consoles; /* enum cmdline_console, or-ed */
    gpa_t fdt;
    unsigned vcpu_count;
    bool paused;
    vm_end_fn *on_end;
    void *ctx; /* borrowed: on_end's */
};

static void raise_spi(void *ctx, unsigned intid, bool level)
{
    struct vm *vm = ctx;

    vm->accel->spi(vm->hw, intid, level);
}

/* On any thread that writes to memory and is no vCPU. */
static void ram_written(void *ctx, gpa_t gpa, uint64_t len)
{
    struct vm *vm = ctx;

    vm->accel->ram_written(vm->hw, gpa, len);
}

static void ram_unplugged(void *ctx, gpa_t gpa, uint64_t len)
{
    struct vm *vm = ctx;

    vm->accel->ram_unplugged(vm->hw, gpa, len);
}

/* The redistributors must fit before anybody makes an interrupt controller. */
static int find_accel(struct vm *vm, const struct vm_config *cfg, struct err *e)
{
    struct layout_overlap overlap;

    vm->accel = accel_find(cfg->accel, e);
    if (!vm->accel)
        return -ENODEV;
    overlap = layout_check(cfg->vcpu_count, vm->accel->redist_bytes());
    return layout_report(&overlap, e);
}

/* The names of the steps in Firecracker's errors. Returns rc. */
static int name_step(const struct vm_config *cfg, int rc, const char *step,
                     struct err *e)
{
    if (rc < 0 && cfg->upstream_texts)
        err_prefix(e, "%s", step);
    return rc;
}

#define KERNEL_STEP                                                         \
    "System configuration error: Cannot load kernel due to invalid memory " \
    "configuration or invalid kernel image"

static int load_kernel(struct vm *vm, const struct vm_config *cfg,
                       struct err *e)
{
    int rc = kernel_load(&vm->ram, cfg->kernel_path, &vm->kernel, e);

    if (rc == -ENOEXEC)
        name_step(cfg, rc,
                  "Kernel Loader: failed to load PE kernel image: PE Kernel "
                  "Loader: invalid Image magic number",
                  e);
    return name_step(cfg, rc, KERNEL_STEP, e);
}

static int check_template(const struct vm_config *cfg, struct err *e)
{
    if (cfg->has_v1n1_template || cfg->has_custom_template)
        return err_set(e, -ENOTSUP,
                       "squib does not have CPU templates yet: leave "
                       "cpu_template and cpu-config out");
    return 0;
}

static int load_images(struct vm *vm, const struct vm_config *cfg,
                       struct err *e)
{
    int rc = gmem_add(&vm->ram, DRAM_BASE, vm_config_ram_bytes(cfg), e);

    if (rc == -ENOMEM && cfg->upstream_texts)
        err_set(e, rc, "Cannot create mmap region: Out of memory (os error %d)",
                ENOMEM);
    name_step(cfg, rc, "Invalid Memory Configuration", e);
    if (rc == 0)
        rc = check_template(cfg, e);
    if (rc == 0)
        rc = load_kernel(vm, cfg, e);
    if (rc == 0 && cfg->initrd_path)
        rc = name_step(cfg,
                       initrd_load(&vm->ram, cfg->initrd_path, vm->kernel.end,
                                   &vm->initrd, e),
                       "Error with initrd initialization", e);
    return rc;
}

/* The tree is built in place: what did not fit would not fit the guest. */
static int describe(struct vm *vm, const struct vm_config *cfg, struct err *e)
{
    struct devtree_config tree = {
        .vcpus = cfg->vcpu_count,
        .ram_bytes = vm_config_ram_bytes(cfg),
        .redist_bytes = vm->accel->redist_bytes(),
        .bootargs = vm->cmdline,
        .initrd_start = vm->initrd.start,
        .initrd_bytes = vm->initrd.bytes,
        .has_pl011 = vm->consoles & CONSOLE_TTYAMA,
        .has_uart16550 = vm->consoles & CONSOLE_TTYS,
        .virtio_slots = attached_slots(vm->attached),
        .has_vmgenid = true,
        .has_vmclock = true,
    };
    void *at;
    int bytes;

    vm->fdt = fdt_addr(tree.ram_bytes);
    at = gmem_at(&vm->ram, vm->fdt, FDT_MAX_SIZE);
    if (!at)
        return err_set(e, -E2BIG,
                       "the guest's memory is too small for its device tree");
    host_random(tree.rng_seed, sizeof(tree.rng_seed));
    bytes = devtree_build(&tree, at, FDT_MAX_SIZE, e);
    if (bytes < 0 || !cfg->dump_fdt)
        return bytes;
    return devtree_dump(cfg->dump_fdt, at, (size_t)bytes, e);
}

static int make_machine(struct vm *vm, const struct vm_config *cfg,
                        struct console *console, struct err *e)
{
    struct accel_config hw = {.vcpus = cfg->vcpu_count,
                              .ram = &vm->ram,
                              .gicd_base = GICD_BASE,
                              .gicr_base = GICR_BASE,
                              .msi_base = MSI_REGION_BASE,
                              .tier = cfg->tier,
                              .code_bytes = cfg->code_mib * MIB,
                              .count_insns = cfg->count_insns};
    struct board_config board = {
        .console = console,
        .has_pl011 = vm->consoles & CONSOLE_TTYAMA,
        .has_uart16550 = vm->consoles & CONSOLE_TTYS,
        .has_boot_timer = cfg->boot_timer,
        .start = {.mono_ns = host_mono_ns(), .cpu_ns = host_process_cpu_ns()},
        .spi = raise_spi,
        .ctx = vm,
    };

    vm->hw = vm->accel->vm_new(&hw, e);
    if (!vm->hw)
        return -EIO;
    gmem_set_hook(&vm->ram, ram_written, vm);
    if (vm->accel->ram_unplugged)
        gmem_set_unplug_hook(&vm->ram, ram_unplugged);
    else if (gmem_open_blocks(&vm->ram, e) < 0)
        return -ENOMEM;
    vm->bus = board_new(&board, e);
    return vm->bus ? attached_publish(vm->attached, vm->bus, raise_spi, vm, e)
                   : -ENOMEM;
}

static int attach(struct vm *vm, const struct vm_config *cfg, struct err *e)
{
    vm->attached = attached_new(&cfg->devices, &vm->ram, e);
    return vm->attached ? 0 : -EIO;
}

/* What the guest finds in the first 2 MiB of its memory. */
static int make_metadata(struct vm *vm, struct err *e)
{
    if (!vmgen_init(&vm->ram))
        return err_set(e, -E2BIG,
                       "the guest's memory is too small for its metadata: it "
                       "begins with 2 MiB of that");
    vm->pvtime =
        pvtime_new(&vm->ram, vm->vcpu_count, attached_worker(vm->attached), e);
    return vm->pvtime ? 0 : -ENOMEM;
}

/* At the start it has another name than when it was configured. */
static int name_bad_cmdline(int rc, struct err *e)
{
    return err_set(e, rc, "Invalid kernel command line: %s",
                   rc == -E2BIG
                       ? "Inserting string would make command line too long."
                       : "String contains a non-printable ASCII character.");
}

/* What the operator gave, and where the root file system is. */
static int compose(struct vm *vm, const struct vm_config *cfg, struct err *e)
{
    const struct vm_devices *d = &cfg->devices;
    struct cmdline_root root = {.device = NULL};
    char pmem[32];
    int rc;

    if (d->num_drives && d->drives[0].is_root)
        root = (struct cmdline_root){.device = "/dev/vda",
                                     .partuuid = d->drives[0].partuuid,
                                     .read_only = d->drives[0].is_read_only};
    for (size_t n = 0; n < d->num_pmems; n++) {
        if (!d->pmems[n].is_root)
            continue;
        snprintf(pmem, sizeof(pmem), "/dev/pmem%zu", n);
        root = (struct cmdline_root){.device = pmem,
                                     .read_only = d->pmems[n].is_read_only};
    }
    rc = cmdline_compose(cfg->boot_args, root.device ? &root : NULL, false,
                         vm->cmdline, e);
    if (rc < 0)
        return cfg->upstream_texts ? name_bad_cmdline(rc, e) : rc;
    vm->consoles = cmdline_consoles(vm->cmdline);
    return 0;
}

struct vm *vm_new(const struct vm_config *cfg, struct console *console,
                  vm_end_fn *on_end, void *ctx, struct err *e)
{
    struct vm *vm = heap_zalloc(sizeof(*vm));

    if (!vm) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    gmem_init(&vm->ram);
    vm->vcpu_count = cfg->vcpu_count;
    vm->on_end = on_end;
    vm->ctx = ctx;
    if (compose(vm, cfg, e) < 0 || find_accel(vm, cfg, e) < 0 ||
        load_images(vm, cfg, e) < 0 || attach(vm, cfg, e) < 0 ||
        make_metadata(vm, e) < 0 || describe(vm, cfg, e) < 0 ||
        make_machine(vm, cfg, console, e) < 0)
        goto fail;
    return vm;

fail:
    vm_free(vm);
    return NULL;
}

void vm_free(struct vm *vm)
{
    if (!vm)
        return;
    vcpus_free(vm->vcpus);
    if (vm->paused)
        attached_resume(vm->attached); /* what was under way may end */
    mmio_bus_free(vm->bus);
    attached_free(vm->attached);
    pvtime_free(vm->pvtime);
    if (vm->hw)
        vm->accel->vm_free(vm->hw);
    gmem_release(&vm->ram);
    heap_free(vm);
}

int vm_start(struct vm *vm, struct err *e)
{
    struct vcpus_config cfg = {.accel = vm->accel,
                               .hw = vm->hw,
                               .bus = vm->bus,
                               .ram = &vm->ram,
                               .pvtime = vm->pvtime,
                               .count = vm->vcpu_count,
                               .entry = vm->kernel.entry,
                               .x0 = vm->fdt,
                               .on_end = vm->on_end,
                               .ctx = vm->ctx};

    check(!vm->vcpus);
    vm->vcpus = vcpus_new(&cfg, e);
    if (!vm->vcpus)
        return -EIO;
    vcpus_start(vm->vcpus);
    return 0;
}

void vm_stop(struct vm *vm)
{
    if (vm->vcpus)
        vcpus_stop(vm->vcpus);
}

struct attached *vm_attached(const struct vm *vm)
{
    return vm->attached;
}

void vm_pause(struct vm *vm)
{
    if (!vm->vcpus)
        return;
    vcpus_pause(vm->vcpus);
    pvtime_pause(vm->pvtime);
    attached_pause(vm->attached);
    vm->paused = true;
}

void vm_resume(struct vm *vm)
{
    if (!vm->paused)
        return;
    vm->paused = false;
    attached_resume(vm->attached);
    pvtime_resume(vm->pvtime);
    vcpus_resume(vm->vcpus);
}

void vm_new_generation(struct vm *vm)
{
    vmgen_changed(&vm->ram, raise_spi, vm);
}

enum vm_end vm_end(const struct vm *vm)
{
    return vm->vcpus ? vcpus_end(vm->vcpus) : VM_RUNNING;
}

const char *vm_end_error(const struct vm *vm)
{
    return vm->vcpus ? vcpus_end_error(vm->vcpus) : "";
}

const char *vm_stat(const struct vm *vm, unsigned index, uint64_t *value)
{
    if (index == 0) {
        *value = vm->vcpus ? vcpus_mmio_exits(vm->vcpus) : 0;
        return "mmio_exits";
    }
    return vm->accel->stat ? vm->accel->stat(vm->hw, index - 1, value) : NULL;
}
