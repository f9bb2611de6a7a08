// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The vCPUs of one VM: a thread each, which makes its vCPU, runs it, answers
 * its exits and frees it. vCPU 0 begins powered on, the others wait for PSCI.
 * The functions are for the owner's thread.
 */

#include <stdint.h>

#include "accel/accel.h"
#include "dev/mmio.h"
#include "vm/pvtime.h"
#include "vm/vm.h"

struct vcpus;

struct vcpus_config {
    const struct accel_ops *accel;
    struct accel_vm *hw;    /* borrowed */
    struct mmio_bus *bus;   /* borrowed */
    const struct gmem *ram; /* borrowed */
    struct pvtime *pvtime;  /* borrowed; NULL: no stolen time */
    unsigned count;
    uint64_t entry; /* vCPU 0's PC */
    uint64_t x0;    /* vCPU 0's x0: the device tree */
    vm_end_fn *on_end;
    void *ctx;
};

/* Starts the threads and returns when every vCPU has been made; none runs. */
struct vcpus *vcpus_new(const struct vcpus_config *cfg, struct err *e);
void vcpus_free(struct vcpus *all); /* stops them first; takes NULL */

void vcpus_start(struct vcpus *all);

/* Every vCPU leaves guest code and stays out until resumed; returns when the
   last one has. While paused, their state can be read. Any number of times. */
void vcpus_pause(struct vcpus *all);
void vcpus_resume(struct vcpus *all);

/* Ends the threads and joins them. Any number of times. */
void vcpus_stop(struct vcpus *all);

enum vm_end vcpus_end(struct vcpus *all);

/* Why it ended in VM_FAILED, or "". */
const char *vcpus_end_error(struct vcpus *all);

/* Exits so far, for the statistics. */
uint64_t vcpus_mmio_exits(const struct vcpus *all);
