// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Ports of the host that lead into a guest: what a person writes behind
 * "user:", such as "tcp=8080:80,udp=127.0.0.1:5353:53".
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { NET_FORWARDS_MAX = 64 };

struct net_forward {
    bool is_udp;
    struct in_addr host; /* where the host listens */
    uint16_t host_port, guest_port;
};

struct net_forwards {
    struct net_forward list[NET_FORWARDS_MAX];
    unsigned count;
};

/* Without an address the host listens on its loopback. -EINVAL: what is wrong,
   and what to write. */
int net_forwards_parse(const char *text, struct net_forwards *out,
                       struct err *e);

/* What stands in the way of this one: the host's port is taken, or may not be.
   Returns -code. */
int net_forward_refused(const struct net_forward *f, int code, struct err *e);
