// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Stolen time (Arm DEN 0057): how long each vCPU wanted to run and did not,
 * because its thread waited for a CPU of the host or the VM was paused. The
 * guest reads it in its memory, where a timer on the I/O thread writes it:
 * while the guest computes, its vCPUs' threads do not come out. Nothing of this
 * costs anything until a guest asks for it, and little while it is idle.
 */

#include "dev/worker.h"
#include "mem/gmem.h"

struct pvtime;

/* Both are borrowed. NULL: out of memory. */
struct pvtime *pvtime_new(struct gmem *ram, unsigned vcpus,
                          struct worker *worker, struct err *e);

/* When neither a vCPU's thread nor the worker runs any more. Takes NULL. */
void pvtime_free(struct pvtime *p);

/* A vCPU asks where its time is: 0 if it has none. On its own thread. */
gpa_t pvtime_ask(struct pvtime *p, unsigned vcpu);

/* The vCPUs have stopped, are about to go on. One thread at a time. */
void pvtime_pause(struct pvtime *p);
void pvtime_resume(struct pvtime *p);
