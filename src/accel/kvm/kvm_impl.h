// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What the files of the KVM back end share. The VM and all its vCPUs are made
 * on one thread, in order, since the interrupt controller can only be set up
 * when it knows all of them; vcpu_new then binds one to the thread that runs
 * it.
 */

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel/accel.h"

/* Why vcpu_run came back, counted. */
#define KVM_COUNTS(X)  \
    X(kvm_mmio_reads)  \
    X(kvm_mmio_writes) \
    X(kvm_kicks) X(kvm_undecoded) X(kvm_system_events) X(kvm_faults)

#define AS_ENUM(name) COUNT_##name,
enum kvm_count { KVM_COUNTS(AS_ENUM) NUM_KVM_COUNTS };
#undef AS_ENUM

struct accel_vcpu {
    struct accel_vm *vm; /* borrowed */
    unsigned index;
    int fd;              /* owned; -1: gone */
    uint32_t affinity;   /* Aff3 to Aff0, a byte each */
    struct kvm_run *run; /* shared with the kernel; NULL before vcpu_new */
    pthread_t thread;    /* that runs it */
    bool is_read;        /* the last exit waits for a value */
    uint64_t lost_seen;  /* memory.c's, of the last EFAULT; 0: none */
    uint64_t counts[NUM_KVM_COUNTS];
};

/* What the kernel was told about a region of memory. */
struct kvm_slot {
    gpa_t base;
    uint64_t bytes; /* 0: not in use */
    uint8_t *host;
    uint32_t flags;
};

struct accel_vm {
    int fd, gic;      /* owned; -1: not there */
    size_t run_bytes; /* of struct kvm_run and what follows it */
    unsigned ipa_bits;
    struct gmem *ram; /* borrowed */
    bool log_dirty;
    struct kvm_slot slots[GMEM_MAX_REGIONS];
    unsigned num_vcpus;
    struct accel_vcpu vcpus[];
};

/* ioctl(2), again after a signal: what it returned, or a negative errno. */
int kvm_ioctl(int fd, unsigned long request, const void *arg);
int kvm_ioctl_int(int fd, unsigned long request, unsigned long arg);

/* An empty VM of the size asked for, and the size it got; its fd. */
int kvm_vm_create(int kvm, unsigned *ipa_bits, struct err *e);

/* kvm.c: /dev/kvm of a kernel that can do what we need; its fd. */
int kvm_open(struct err *e);

/* vm.c */
struct accel_vm *kvm_vm_new(const struct accel_config *cfg, struct err *e);
void kvm_vm_free(struct accel_vm *vm);
const char *kvm_stat(struct accel_vm *vm, unsigned index, uint64_t *value);

/* memory.c: tells the kernel what has changed in the regions of the memory. */
int kvm_memory_sync(struct accel_vm *vm, struct err *e);
bool kvm_memory_mend(struct accel_vcpu *v); /* after EFAULT: try again? */
int kvm_dirty_log(struct accel_vm *vm, bool on, struct err *e);
int kvm_dirty_collect(struct accel_vm *vm, struct err *e);

/* vcpu.c. kvm_vcpu_make is a part of kvm_vm_new, and close of its undoing. */
int kvm_vcpu_make(struct accel_vm *vm, unsigned index, struct err *e);
void kvm_vcpu_close(struct accel_vcpu *v);
struct accel_vcpu *kvm_vcpu_new(struct accel_vm *vm, unsigned index,
                                struct err *e);
void kvm_vcpu_free(struct accel_vcpu *v);
void kvm_vcpu_run(struct accel_vcpu *v, struct vcpu_exit *exit);
void kvm_vcpu_kick(struct accel_vcpu *v);
void kvm_vcpu_reset(struct accel_vcpu *v, uint64_t pc, uint64_t x0);

/* features.c: hides what the list of registers does not cover. */
void kvm_hide_features(int fd);

/* state.c */
int kvm_vcpu_get(struct accel_vcpu *v, struct vcpu_state *out);
int kvm_vcpu_set(struct accel_vcpu *v, const struct vcpu_state *in);
int kvm_set_count(struct accel_vcpu *v, uint64_t count);
int kvm_set_pc_x0(struct accel_vcpu *v, uint64_t pc, uint64_t x0);
uint64_t kvm_pc(struct accel_vcpu *v); /* 0 when it cannot be had */

/* gic.c */
int kvm_gic_new(struct accel_vm *vm, const struct accel_config *cfg,
                struct err *e);
uint64_t kvm_redist_bytes(void);
void kvm_spi(struct accel_vm *vm, unsigned intid, bool level);
int kvm_gic_get(struct accel_vm *vm, enum gic_space space, unsigned cpu,
                uint32_t offset, uint64_t *value);
int kvm_gic_set(struct accel_vm *vm, enum gic_space space, unsigned cpu,
                uint32_t offset, uint64_t value);
int kvm_icc_get(struct accel_vcpu *v, uint64_t icc[NUM_ICC_REGS]);
int kvm_icc_set(struct accel_vcpu *v, const uint64_t icc[NUM_ICC_REGS]);
