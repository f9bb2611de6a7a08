// SPDX-License-Identifier: Apache-2.0
/*
 * Register names. A system register's low 16 bits are the architecture's
 * encoding, but for those that KVM keeps among the general registers, and the
 * virtual timer's compare value, which has had the counter's number ever since
 * they were exchanged by mistake (the kernel's asm/kvm.h says so).
 */

#include "accel/kvm/reg.h"

#include "accel/kvm/kvm_impl.h"
#include "base/macros.h"

#define CORE(name, size)                         \
    (KVM_REG_ARM64 | (size) | KVM_REG_ARM_CORE | \
     (offsetof(struct kvm_regs, name) / sizeof(uint32_t)))
#define CORE_U64(name) CORE(name, KVM_REG_SIZE_U64)

#define SYSREG(name, op0, op1, crn, crm, op2) \
    [SYS_##name] = SYSREG_KEY(op0, op1, crn, crm, op2),
static const uint16_t keys[NUM_SYSREGS] = {
#include "accel/sysregs.inc"
};
#undef SYSREG

#define IDREG(name, op0, op1, crn, crm, op2) \
    [ID_##name] = SYSREG_KEY(op0, op1, crn, crm, op2),
static const uint16_t id_keys[NUM_IDREGS] = {
#include "accel/idregs.inc"
};
#undef IDREG

static const struct {
    enum sysreg reg;
    uint64_t id;
} exceptions[] = {
    {SYS_SPSR_EL1, CORE_U64(spsr[KVM_SPSR_EL1])},
    {SYS_ELR_EL1, CORE_U64(elr_el1)},
    {SYS_CNTV_CVAL_EL0, KVM_REG_ARM_TIMER_CVAL},
};

uint64_t kvm_sysreg_key_id(unsigned key)
{
    return KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG | key;
}

uint64_t kvm_sysreg_id(enum sysreg r)
{
    for (size_t n = 0; n < ARRAY_LEN(exceptions); n++) {
        if (exceptions[n].reg == r)
            return exceptions[n].id;
    }
    return kvm_sysreg_key_id(keys[r]);
}

uint64_t kvm_idreg_id(enum idreg r)
{
    return kvm_sysreg_key_id(id_keys[r]);
}

/* The interface counts in words of 32 bits. */
uint64_t kvm_x_id(unsigned n)
{
    return CORE_U64(regs.regs[0]) + n * sizeof(uint64_t) / sizeof(uint32_t);
}

uint64_t kvm_v_id(unsigned n)
{
    return CORE(fp_regs.vregs[0], KVM_REG_SIZE_U128) +
           n * 2 * sizeof(uint64_t) / sizeof(uint32_t);
}

uint64_t kvm_sp_id(unsigned el)
{
    return el ? CORE_U64(sp_el1) : CORE_U64(regs.sp);
}

uint64_t kvm_pc_id(void)
{
    return CORE_U64(regs.pc);
}

uint64_t kvm_pstate_id(void)
{
    return CORE_U64(regs.pstate);
}

uint64_t kvm_fpsr_id(void)
{
    return CORE(fp_regs.fpsr, KVM_REG_SIZE_U32);
}

uint64_t kvm_fpcr_id(void)
{
    return CORE(fp_regs.fpcr, KVM_REG_SIZE_U32);
}

uint64_t kvm_counter_id(void)
{
    return KVM_REG_ARM_TIMER_CNT;
}

int kvm_reg_get(int fd, uint64_t id, void *value)
{
    struct kvm_one_reg reg = {.id = id, .addr = (uintptr_t)value};

    return kvm_ioctl(fd, KVM_GET_ONE_REG, &reg);
}

int kvm_reg_set(int fd, uint64_t id, const void *value)
{
    struct kvm_one_reg reg = {.id = id, .addr = (uintptr_t)value};

    return kvm_ioctl(fd, KVM_SET_ONE_REG, &reg);
}
