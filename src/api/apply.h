// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * From a resource as it was given to what the VM shall be, with Firecracker's
 * checks in Firecracker's order. The sentences carry no prefix: the API and
 * the config file each put their own. On failure the configuration is left as
 * it was.
 */

#include "api/resources.h"
#include "vm/config.h"

int machine_config_apply(const struct machine_config *given,
                         struct vm_config *cfg, struct err *e);

/* Opens the kernel and the initrd, to find out now whether that works. */
int boot_source_apply(const struct boot_source *given, struct vm_config *cfg,
                      struct err *e);
