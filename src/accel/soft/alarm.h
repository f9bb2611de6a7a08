// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * One thread a VM that tells running CPUs when their timer is due. Who sleeps
 * in WFI looks at the time by itself.
 */

#include "accel/soft/cpu.h"

/* NULL: no thread or no memory. */
struct alarm *alarm_new(struct soft_vm *vm);
void alarm_free(struct alarm *a); /* takes NULL; before the vCPUs' memory */

/* cpu->timer_deadline_ns is new, or the CPU has begun to run. Any thread. */
void alarm_changed(struct alarm *a, uint64_t deadline_ns);

/* Around making and freeing a CPU of the VM. */
void alarm_lock(struct alarm *a);
void alarm_unlock(struct alarm *a);
