// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's GICv3 (Documentation/virt/kvm/devices/arm-vgic-v3.rst), as large
 * as the software one, and its registers one at a time for save and restore.
 */

#include <errno.h>
#include <string.h>

#include "accel/kvm/kvm_impl.h"
#include "base/macros.h"

enum { NUM_INTIDS = 128 }; /* with the 32 that each CPU has for itself */

static int set_attr(int gic, uint32_t group, uint64_t attr, const void *value)
{
    const struct kvm_device_attr a = {
        .group = group, .attr = attr, .addr = (uintptr_t)value};

    return kvm_ioctl(gic, KVM_SET_DEVICE_ATTR, &a);
}

static int get_attr(int gic, uint32_t group, uint64_t attr, void *value)
{
    const struct kvm_device_attr a = {
        .group = group, .attr = attr, .addr = (uintptr_t)value};

    return kvm_ioctl(gic, KVM_GET_DEVICE_ATTR, &a);
}

uint64_t kvm_redist_bytes(void)
{
    return 2 * 64 * KIB; /* KVM_VGIC_V3_REDIST_SIZE, whatever the host has */
}

static int place(struct accel_vm *vm, const struct accel_config *cfg)
{
    const uint32_t intids = NUM_INTIDS;
    const uint64_t gicd = cfg->gicd_base, gicr = cfg->gicr_base;
    int rc = set_attr(vm->gic, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &intids);

    if (rc == 0)
        rc = set_attr(vm->gic, KVM_DEV_ARM_VGIC_GRP_ADDR,
                      KVM_VGIC_V3_ADDR_TYPE_DIST, &gicd);
    if (rc == 0)
        rc = set_attr(vm->gic, KVM_DEV_ARM_VGIC_GRP_ADDR,
                      KVM_VGIC_V3_ADDR_TYPE_REDIST, &gicr);
    if (rc == 0)
        rc = set_attr(vm->gic, KVM_DEV_ARM_VGIC_GRP_CTRL,
                      KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
    return rc;
}

int kvm_gic_new(struct accel_vm *vm, const struct accel_config *cfg,
                struct err *e)
{
    struct kvm_create_device gic = {.type = KVM_DEV_TYPE_ARM_VGIC_V3};
    int rc = kvm_ioctl(vm->fd, KVM_CREATE_DEVICE, &gic);

    if (rc == 0) {
        vm->gic = (int)gic.fd;
        rc = place(vm, cfg);
    }
    if (rc < 0)
        return err_set(e, rc,
                       "kvm: cannot set up the GICv3 at %#llx and %#llx: %s "
                       "(os error %d)",
                       (unsigned long long)cfg->gicd_base,
                       (unsigned long long)cfg->gicr_base, strerror(-rc), -rc);
    return 0;
}

void kvm_spi(struct accel_vm *vm, unsigned intid, bool level)
{
    const struct kvm_irq_level line = {
        .irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | intid,
        .level = level};

    kvm_ioctl(vm->fd, KVM_IRQ_LINE, &line);
}

/* ---- save and restore ---- */

enum { /* Arm IHI 0069, 12.8 and 12.10 */
       ISENABLER = 0x100,
       ICENABLER = 0x180,
       ISPENDR = 0x200,
       ICPENDR = 0x280,
       ISACTIVER = 0x300,
       ICACTIVER = 0x380,
       GICD_IROUTER = 0x6000,
       GICD_IROUTER_END = 0x8000,
       GICR_TYPER = 0x8,
       GICR_PROPBASER = 0x70,
       GICR_PENDBASER = 0x78,
       SGI_BASE = 0x10000,
};

/* One register of the distributor or of a redistributor. */
struct place {
    int gic;
    uint32_t group;
    uint64_t affinity; /* in the attribute's upper half */
    uint32_t base;     /* of the frame with one bit an interrupt */
};

static int find(struct accel_vm *vm, enum gic_space space, unsigned cpu,
                struct place *at)
{
    *at =
        (struct place){.gic = vm->gic, .group = KVM_DEV_ARM_VGIC_GRP_DIST_REGS};
    if (space == GIC_DIST)
        return 0;
    if (cpu >= vm->num_vcpus)
        return -EINVAL;
    at->group = KVM_DEV_ARM_VGIC_GRP_REDIST_REGS;
    at->affinity = (uint64_t)vm->vcpus[cpu].affinity
                   << KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT;
    at->base = SGI_BASE;
    return 0;
}

/* The kernel has every register in words of 32 bits. */
static bool is_wide(enum gic_space space, uint32_t offset)
{
    if (space == GIC_DIST)
        return offset >= GICD_IROUTER && offset < GICD_IROUTER_END;
    return offset == GICR_TYPER || offset == GICR_PROPBASER ||
           offset == GICR_PENDBASER;
}

static int read_word(const struct place *at, uint32_t offset, uint32_t *value)
{
    int rc = get_attr(at->gic, at->group, at->affinity | offset, value);

    return rc == -ENXIO ? -EINVAL : rc;
}

static int write_word(const struct place *at, uint32_t offset, uint32_t value)
{
    int rc = set_attr(at->gic, at->group, at->affinity | offset, &value);

    return rc == -ENXIO ? -EINVAL : rc;
}

/* Which of the pairs of registers that set and clear the same bits `offset`
   is in: the set one's class, or 0; *clears for the other one. */
static uint32_t class_of(const struct place *at, uint32_t offset, bool *clears)
{
    uint32_t class = (offset - at->base) & ~0x7fu;

    *clears = false;
    switch (class) {
    case ICENABLER:
    case ICPENDR:
    case ICACTIVER:
        *clears = true;
        return class - (ICENABLER - ISENABLER);
    case ISENABLER:
    case ISPENDR:
    case ISACTIVER:
        return class;
    default:
        return 0;
    }
}

int kvm_gic_get(struct accel_vm *vm, enum gic_space space, unsigned cpu,
                uint32_t offset, uint64_t *value)
{
    struct place at;
    uint32_t low = 0, high = 0;
    bool clears;
    int rc = find(vm, space, cpu, &at);

    if (rc < 0)
        return rc;
    class_of(&at, offset, &clears);
    if (clears)
        offset -= ICENABLER - ISENABLER;
    rc = read_word(&at, offset, &low);
    if (rc == 0 && is_wide(space, offset))
        rc = read_word(&at, offset + 4, &high);
    *value = (uint64_t)high << 32 | low;
    return rc;
}

/* The kernel's GICx_IS* only set bits; ours have the whole state, but for
   ISPENDR, which is the kernel's latch as a whole already. */
int kvm_gic_set(struct accel_vm *vm, enum gic_space space, unsigned cpu,
                uint32_t offset, uint64_t value)
{
    struct place at;
    uint32_t class;
    bool clears;
    int rc = find(vm, space, cpu, &at);

    if (rc < 0)
        return rc;
    class = class_of(&at, offset, &clears);
    if (clears)
        return 0;
    if (class == ISENABLER || class == ISACTIVER)
        rc =
            write_word(&at, offset + (ICENABLER - ISENABLER), ~(uint32_t)value);
    if (rc == 0)
        rc = write_word(&at, offset, (uint32_t)value);
    if (rc == 0 && is_wide(space, offset))
        rc = write_word(&at, offset + 4, (uint32_t)(value >> 32));
    return rc;
}

/* ---- the CPU interface's registers ---- */

static const uint16_t icc_keys[NUM_ICC_REGS] = {
    [ICC_PMR] = SYSREG_KEY(3, 0, 4, 6, 0),
    [ICC_BPR0] = SYSREG_KEY(3, 0, 12, 8, 3),
    [ICC_BPR1] = SYSREG_KEY(3, 0, 12, 12, 3),
    [ICC_CTLR] = SYSREG_KEY(3, 0, 12, 12, 4),
    [ICC_IGRPEN0] = SYSREG_KEY(3, 0, 12, 12, 6),
    [ICC_IGRPEN1] = SYSREG_KEY(3, 0, 12, 12, 7),
    [ICC_AP0R0] = SYSREG_KEY(3, 0, 12, 8, 4),
    [ICC_AP1R0] = SYSREG_KEY(3, 0, 12, 9, 0),
    [ICC_SRE] = SYSREG_KEY(3, 0, 12, 12, 5),
};

enum { CTLR_WRITABLE = 3 }; /* EOImode and CBPR; the rest is the host's */

static uint64_t icc_attr(const struct accel_vcpu *v, enum icc_reg r)
{
    return (uint64_t)v->affinity << KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT |
           icc_keys[r];
}

int kvm_icc_get(struct accel_vcpu *v, uint64_t icc[NUM_ICC_REGS])
{
    int rc = 0;

    for (unsigned r = 0; rc == 0 && r < NUM_ICC_REGS; r++)
        rc = get_attr(v->vm->gic, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
                      icc_attr(v, r), &icc[r]);
    return rc;
}

int kvm_icc_set(struct accel_vcpu *v, const uint64_t icc[NUM_ICC_REGS])
{
    uint64_t now[NUM_ICC_REGS];
    int rc = kvm_icc_get(v, now);

    for (unsigned r = 0; rc == 0 && r < NUM_ICC_REGS; r++) {
        uint64_t value = icc[r];

        if (r == ICC_SRE) /* always on, and the kernel wants to hear so */
            value = now[r];
        if (r == ICC_CTLR)
            value =
                (now[r] & ~(uint64_t)CTLR_WRITABLE) | (value & CTLR_WRITABLE);
        rc = set_attr(v->vm->gic, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
                      icc_attr(v, r), &value);
    }
    return rc;
}
