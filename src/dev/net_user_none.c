// SPDX-License-Identifier: Apache-2.0
/* For hosts where squib was built without libslirp's header. */

#include <errno.h>
#include <stddef.h>

#include "dev/net_backend.h"

struct net_backend *net_user_new(const char *forwards, struct err *e)
{
    err_set(e, -ENOTSUP,
            "user:%.128s: this squib was built without libslirp: install its "
            "development files (Debian: apt-get install libslirp-dev) and "
            "build it again",
            forwards);
    return NULL;
}
