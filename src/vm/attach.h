// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The virtio devices of one microVM: made from its configuration, in
 * Firecracker's order, one slot each; and what can be changed about them while
 * it runs. The owner's thread; the devices work on theirs.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "dev/mmio.h"
#include "dev/rate_limiter.h"
#include "vm/devices.h"

struct attached;

/* Makes them. `ram` is borrowed and outlives them; some add regions to it.
 * NULL: why in *e. */
struct attached *attached_new(const struct vm_devices *cfg, struct gmem *ram,
                              struct err *e);

/* The thread they work on. Borrowed. */
struct worker *attached_worker(const struct attached *a);

/* Bit n: there is a device in slot n. */
uint32_t attached_slots(const struct attached *a);

/* Gives them to the bus, which owns them from then on. `spi` and `ctx` are as
   in struct board_config. Once. */
int attached_publish(struct attached *a, struct mmio_bus *bus,
                     void (*spi)(void *ctx, unsigned intid, bool level),
                     void *ctx, struct err *e);

/* After the bus with what was published was freed; takes NULL. */
void attached_free(struct attached *a);

/* The device of that kind (enum virtio_id) and, for kinds that can be there
   several times, that id; NULL: none. Borrowed, for the functions of its header
   that may be called on any thread. */
struct virtio_dev *attached_find(const struct attached *a, unsigned kind,
                                 const char *id);

/* PATCH /drives. NULL: that stays. The path comes first, and if it fails the
   limiter stays as it is. -ENODEV: no such drive. */
int attached_patch_drive(const struct attached *a, const char *id,
                         const char *path, const struct rate_limit *limit,
                         struct err *e);

/* PATCH /network-interfaces: buckets that were not given stay. -ENODEV: no such
   interface. */
int attached_patch_net(const struct attached *a, const char *id,
                       const struct rate_limit *rx, const struct rate_limit *tx,
                       struct err *e);

/* While they are paused the devices do nothing by themselves: the vCPUs are out
   of the guest before, and get in again afterwards. Any number of times. */
void attached_pause(struct attached *a);
void attached_resume(struct attached *a);

/* PATCH /pmem, likewise. -ENODEV: no such device. */
int attached_patch_pmem(const struct attached *a, const char *id,
                        const struct rate_limit *limit, struct err *e);

/* Everything that was written is on the disks: before a snapshot. */
int attached_sync(const struct attached *a, struct err *e);

struct bucket_config bucket_config_of(const struct token_bucket *b);
