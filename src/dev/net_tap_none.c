// SPDX-License-Identifier: Apache-2.0
/* Hosts other than Linux have no TAPs. */

#include <errno.h>
#include <stddef.h>

#include "dev/net_backend.h"

struct net_backend *net_tap_new(const char *name, bool may_make, struct err *e)
{
    (void)may_make;
    err_set(e, -ENOTSUP,
            "Open tap device failed: this host has no TAP devices, such as "
            "%.32s: use the host_dev_name user:",
            name);
    return NULL;
}
