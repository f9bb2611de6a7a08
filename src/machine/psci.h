// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What a guest can ask of its firmware: PSCI 1.1 (Arm DEN 0022), SMCCC 1.1
 * (DEN 0028), TRNG 1.0 (DEN 0098) and stolen time (DEN 0057), by HVC or SMC
 * alike; and of what Linux calls KVM's services the host's clock. The one in
 * charge of the vCPUs lends functions; everything else is answered here.
 */

#include <stdbool.h>
#include <stdint.h>

enum psci_affinity { PSCI_ON = 0, PSCI_OFF = 1, PSCI_ON_PENDING = 2 };

/* PSCI return codes (DEN 0022, 5.2.2). */
enum psci_status {
    PSCI_SUCCESS = 0,
    PSCI_NOT_SUPPORTED = -1,
    PSCI_INVALID_PARAMETERS = -2,
    PSCI_DENIED = -3,
    PSCI_ALREADY_ON = -4,
    PSCI_STATUS_ON_PENDING = -5,
    PSCI_INTERNAL_FAILURE = -6,
    PSCI_INVALID_ADDRESS = -9
};

/* Any vCPU's thread calls these. */
struct psci_host {
    unsigned vcpus;
    enum psci_affinity (*state)(void *ctx, unsigned index);
    /* PSCI_SUCCESS or the reason why not; `entry` is RAM if is_ram says so. */
    enum psci_status (*power_on)(void *ctx, unsigned index, uint64_t entry,
                                 uint64_t context_id);
    bool (*is_ram)(void *ctx, uint64_t gpa);
    /* Where the stolen time of a vCPU is; 0: nowhere. NULL: there is none. */
    uint64_t (*stolen_time)(void *ctx, unsigned index);
    /* CNTVCT_EL0 of a vCPU, now. NULL: the guest gets no clock of the host. */
    uint64_t (*counter)(void *ctx, unsigned index);
    void *ctx;
};

/* What the caller of psci_call does next. */
enum psci_action {
    PSCI_RETURN,     /* hand regs[0..3] to the guest and go on */
    PSCI_RETURN_WFI, /* the same, after sleeping as WFI does */
    PSCI_POWER_DOWN, /* this vCPU is off */
    PSCI_SYSTEM_OFF,
    PSCI_SYSTEM_RESET
};

/* `caller` is the vCPU. regs: x0 to x7 on the way in, x0 to x3 on the way out.
 */
enum psci_action psci_call(const struct psci_host *host, unsigned caller,
                           uint64_t regs[8]);
