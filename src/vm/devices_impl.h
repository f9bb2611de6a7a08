// SPDX-License-Identifier: Apache-2.0
#pragma once

/* What the files of vm/devices.h share. */

#include "vm/devices.h"

/* Room for one more item at the end of a list; the item is zeroed. */
int devices_grow(void **items, size_t count, size_t size, struct err *e);

/* Frees what it owns; zeros. */
void net_release(struct net_config *c);
