// SPDX-License-Identifier: Apache-2.0
/*
 * What the guest is told about its CPU. It sees the host's, as far as KVM shows
 * it: without SVE, pointer authentication, memory tags and performance
 * counters, which a vCPU gets only when asked for. Hidden here as well is what
 * brings system registers that the list (accel/sysregs.inc) does not have: they
 * would be lost by whoever saves the state. Kernels before 6.7 let nobody
 * change these registers, and show none of these features either.
 */

#include <errno.h>

#include "accel/kvm/kvm_impl.h"
#include "accel/kvm/reg.h"
#include "base/macros.h"

#define FIELD(lo) (0xfull << (lo))

/* Arm ARM, D19.2: the register, and the fields that are cleared. */
static const struct {
    uint16_t key;
    uint64_t hidden;
} id_regs[] = {
    /* ID_AA64PFR1_EL1: GCS (GCSCR_EL1, GCSPR_ELx), THE (RCWMASK_EL1) */
    {SYSREG_KEY(3, 0, 0, 4, 1), FIELD(44) | FIELD(48)},
    /* ID_AA64PFR2_EL1: FPMR */
    {SYSREG_KEY(3, 0, 0, 4, 2), FIELD(32)},
    /* ID_AA64MMFR3_EL1: TCRX (TCR2_EL1), SCTLRX (SCTLR2_EL1), S1PIE, S1POE
       (PIR_EL1, PIRE0_EL1, POR_EL1, POR_EL0), AIE (MAIR2_EL1, AMAIR2_EL1) */
    {SYSREG_KEY(3, 0, 0, 7, 3),
     FIELD(0) | FIELD(4) | FIELD(8) | FIELD(16) | FIELD(24)},
};

void kvm_hide_features(int fd)
{
    for (size_t n = 0; n < ARRAY_LEN(id_regs); n++) {
        uint64_t id = kvm_sysreg_key_id(id_regs[n].key), value = 0;

        if (kvm_reg_get(fd, id, &value) < 0 || !(value & id_regs[n].hidden))
            continue;
        value &= ~id_regs[n].hidden;
        kvm_reg_set(fd, id, &value); /* refused: then it stays visible */
    }
}
