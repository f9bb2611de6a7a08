// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * A microVM from its making to its end. All functions are for one owner
 * thread; the vCPUs run on threads of their own. Two VMs in one process work.
 */

#include <stdint.h>

#include "base/err.h"
#include "vm/config.h"

struct attached;
struct console;
struct vm;

/* How a VM came to its end. */
enum vm_end {
    VM_RUNNING,
    VM_OFF,     /* PSCI SYSTEM_OFF */
    VM_RESET,   /* PSCI SYSTEM_RESET: the process ends, too */
    VM_STOPPED, /* vm_stop */
    VM_FAILED   /* a vCPU could not go on: vm_end_error says why */
};

/* Called once, on a vCPU's thread or on vm_stop's, when the end has come; the
   other vCPUs may still run: it only tells the owner to call vm_stop. */
typedef void vm_end_fn(void *ctx);

/* Builds the machine: memory, kernel, initrd, device tree, devices. Nothing
   runs yet. `console` is borrowed and may be NULL: output is dropped. */
struct vm *vm_new(const struct vm_config *cfg, struct console *console,
                  vm_end_fn *on_end, void *ctx, struct err *e);

/* Stops what runs, waits for the threads; takes NULL and half-built VMs. */
void vm_free(struct vm *vm);

/* Starts the vCPU threads. Once. */
int vm_start(struct vm *vm, struct err *e);

/* Makes all vCPUs leave and joins them. Any number of times. */
void vm_stop(struct vm *vm);

/* No vCPU runs guest code when vm_pause returns, until vm_resume. Any number of
   times. Input from the host is kept for the guest. */
void vm_pause(struct vm *vm);
void vm_resume(struct vm *vm);

/* The guest is told that it is another one from now on: after a restore, while
   it is paused. */
void vm_new_generation(struct vm *vm);

/* The virtio devices, for changes while it runs (vm/attach.h). Borrowed. */
struct attached *vm_attached(const struct vm *vm);

enum vm_end vm_end(const struct vm *vm);

/* VM_FAILED: the sentence, else "". Borrowed from vm. */
const char *vm_end_error(const struct vm *vm);

/* Counters for people and the bench: the index-th name and value, NULL after
   the last. Exact when the VM has stopped. */
const char *vm_stat(const struct vm *vm, unsigned index, uint64_t *value);
