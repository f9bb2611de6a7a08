// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What runs guest instructions. A back end knows CPUs, RAM and the lines into
 * the interrupt controller; it knows no device, no API and no snapshot file.
 *
 * The GICv3 and the generic timer are the back end's in all three (KVM and
 * Hypervisor.framework bring theirs, soft has its own). PSCI is the machine's
 * unless the back end sets has_psci (KVM), then it never exits with SMCCC and
 * reports EXIT_SYSTEM instead; its secondary vCPUs are run from the start and
 * wait inside for their power.
 *
 * Threads: a vCPU is made and run by one thread; only vcpu_kick, spi and, while
 * the vCPU is not running, get/set may come from another.
 * Errors: negative errno, the sentence in *e.
 */

#include <stdbool.h>
#include <stdint.h>

#include "accel/vcpu_state.h"
#include "base/err.h"
#include "mem/gmem.h"

struct accel_vm;   /* each back end defines its own */
struct accel_vcpu; /* likewise */

enum exit_kind {
    EXIT_MMIO,   /* answer a read in `value`, then run again */
    EXIT_SMCCC,  /* HVC or SMC: args in smccc[0..7], answer in smccc[0..3] */
    EXIT_WFI,    /* idle; only from back ends that do not sleep themselves */
    EXIT_KICKED, /* vcpu_kick, or a signal */
    EXIT_SYSTEM, /* the guest asked to stop: system_event says how */
    EXIT_ERROR,  /* the back end cannot go on: the sentence is in error */
};

enum system_event { SYSTEM_EVENT_OFF = 1, SYSTEM_EVENT_RESET = 2 };

struct vcpu_exit {
    enum exit_kind kind;
    bool is_write;
    uint8_t size; /* 1, 2, 4 or 8 bytes */
    gpa_t addr;
    uint64_t value;
    uint64_t smccc[8]; /* x0 to x7 */
    bool is_smc;       /* SMC rather than HVC */
    enum system_event system_event;
    bool wfi_first; /* set with an SMCCC answer: sleep as WFI before going on */
    struct err error;
};

/* Where the board wants the interrupt controller. */
struct accel_config {
    unsigned vcpus;
    struct gmem *ram; /* borrowed, whole before vm_new */
    gpa_t gicd_base;
    gpa_t gicr_base;
    gpa_t msi_base;

    /* For soft; zero is the default of each. */
    const char *tier;       /* "interp", "jit", or NULL: jit where it runs */
    uint64_t code_bytes;    /* the translations' limit, of all vCPUs together */
    unsigned mask_features; /* host features not to use: enum jit_feature */
    bool count_insns;       /* exact counters, at some cost */
    bool eager;             /* translate what runs for the first time, too */
};

struct accel_ops {
    const char *name;
    bool has_psci;

    int (*probe)(struct err *e);    /* 0: it runs on this host, now */
    uint64_t (*redist_bytes)(void); /* of one GIC redistributor */

    struct accel_vm *(*vm_new)(const struct accel_config *cfg, struct err *e);
    void (*vm_free)(struct accel_vm *vm); /* after its vCPUs; takes NULL */

    /* The level of an SPI's input line, INTID 32 and up. Any thread. */
    void (*spi)(struct accel_vm *vm, unsigned intid, bool level);

    /* Memory was written behind the vCPUs' backs (DMA, a loaded snapshot):
       forget what was made of the code in it. Any thread. */
    void (*ram_written)(struct accel_vm *vm, gpa_t gpa, uint64_t len);

    /* Blocks of a region have gone (gmem_unplug), whose memory is about to be
       given back: when this returns no vCPU uses them. Not on a vCPU's thread
       inside vcpu_run. NULL: vCPUs may go on reaching what is not plugged. */
    void (*ram_unplugged)(struct accel_vm *vm, gpa_t gpa, uint64_t len);

    /* For back ends that do not mark what vCPUs write in the memory's dirty
       bits as they go (both NULL: they do): begin or end to keep a log, while
       no vCPU runs, and mark what was written since the last time. */
    int (*dirty_log)(struct accel_vm *vm, bool on, struct err *e);
    int (*dirty_collect)(struct accel_vm *vm, struct err *e);

    /* vcpu_new on the thread that will run it. A new vCPU is in reset:
       EL1h, DAIF masked, MMU off, MPIDR Aff0 = index. */
    struct accel_vcpu *(*vcpu_new)(struct accel_vm *vm, unsigned index,
                                   struct err *e);
    void (*vcpu_free)(struct accel_vcpu *vcpu); /* takes NULL */
    void (*vcpu_run)(struct accel_vcpu *vcpu, struct vcpu_exit *exit);

    /* The vCPU leaves vcpu_run soon, or at once when next run. Any thread. */
    void (*vcpu_kick)(struct accel_vcpu *vcpu);

    /* Back to reset, then pc and x0 as given: power on (PSCI CPU_ON). */
    void (*vcpu_reset)(struct accel_vcpu *vcpu, uint64_t pc, uint64_t x0);
    int (*vcpu_get)(struct accel_vcpu *vcpu, struct vcpu_state *out);
    int (*vcpu_set)(struct accel_vcpu *vcpu, const struct vcpu_state *in);

    /* Distributor and redistributors by architectural offset: save and restore
       through one register at a time, 32 or 64 bits, `cpu` for GICR. Which and
       in which order: accel/gicregs.inc. */
    int (*gic_get)(struct accel_vm *vm, enum gic_space space, unsigned cpu,
                   uint32_t offset, uint64_t *value);
    int (*gic_set)(struct accel_vm *vm, enum gic_space space, unsigned cpu,
                   uint32_t offset, uint64_t value);

    /* Counters for people and the bench: name and value, one at a time until
       NULL comes back. Approximate while vCPUs run. May be NULL. */
    const char *(*stat)(struct accel_vm *vm, unsigned index, uint64_t *value);
};

/* By name; NULL or "auto": the first of the table in accel.c that probes well.
   Unknown names and back ends that do not run here: NULL and why in *e. */
const struct accel_ops *accel_find(const char *name, struct err *e);

/* Is there one of that name, whether it works here or not? */
int accel_check_name(const char *name, struct err *e);

/* Is it a tier of soft that this build has (accel_config.tier)? */
int accel_check_tier(const char *tier, struct err *e);
