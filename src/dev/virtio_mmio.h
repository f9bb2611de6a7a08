// SPDX-License-Identifier: Apache-2.0
#pragma once

/* virtio over MMIO (virtio 1.2, 4.2), version 2, as Firecracker shows it. */

#include "base/err.h"
#include "dev/mmio.h"
#include "dev/virtio.h"

/* Takes ownership of dev, also on failure; NULL passes through, its constructor
   has said why. The caller connects irq, an edge line, and gives the result to
   a bus. */
struct mmio_dev *virtio_mmio_new(struct virtio_dev *dev, struct err *e);
