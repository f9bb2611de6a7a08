// SPDX-License-Identifier: Apache-2.0
#pragma once

/* How KVM names the registers of a vCPU (KVM_GET_ONE_REG): made from the one
   list of system registers, with the few exceptions of its interface. */

#include <stdint.h>

#include "accel/vcpu_state.h"

/* KVM's id of a register of the list, in 64 bits. */
uint64_t kvm_sysreg_id(enum sysreg r);

/* Likewise of those that tell what the CPU is. */
uint64_t kvm_idreg_id(enum idreg r);

/* KVM's id by the architecture's encoding (SYSREG_KEY). */
uint64_t kvm_sysreg_key_id(unsigned key);

uint64_t kvm_x_id(unsigned n); /* n up to 30 */
uint64_t kvm_v_id(unsigned n); /* n up to 31; 128 bits */
uint64_t kvm_sp_id(unsigned el);
uint64_t kvm_pc_id(void);
uint64_t kvm_pstate_id(void);
uint64_t kvm_fpsr_id(void); /* 32 bits, as the next */
uint64_t kvm_fpcr_id(void);
uint64_t kvm_counter_id(void); /* the virtual count */

/* Of value and address, 0 or a negative errno: -ENOENT, no such register. */
int kvm_reg_get(int fd, uint64_t id, void *value);
int kvm_reg_set(int fd, uint64_t id, const void *value);
