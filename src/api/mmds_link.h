// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The MMDS whole: its store, the key of its tokens, and what the network asks
 * (dev/mmds_tcp.h) when a guest does. One a microVM; the store and the answerer
 * are for any thread.
 */

#include <stddef.h>

#include "api/mmds_store.h"
#include "base/err.h"
#include "vm/config.h"

struct mmds_link;

/* `cfg` is borrowed: its MMDS configuration is read when a guest asks, and does
   not change while one runs. From now on a VM made of it has the MMDS. */
struct mmds_link *mmds_link_new(struct vm_config *cfg, const char *id,
                                size_t limit, struct err *e);
struct mmds_store *mmds_link_store(const struct mmds_link *l);

/* After the VM; takes NULL. */
void mmds_link_free(struct mmds_link *l);
