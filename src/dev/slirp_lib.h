// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * libslirp, loaded when the first network asks for it: with what it needs it
 * would cost every microVM more memory than all of squib takes before a start.
 */

#include <slirp/libslirp.h>

#include "base/err.h"

struct slirp_lib {
    Slirp *(*open)(const SlirpConfig *cfg, const SlirpCb *callbacks,
                   void *opaque);
    void (*cleanup)(Slirp *slirp);
    void (*fill)(Slirp *slirp, uint32_t *timeout, SlirpAddPollCb add_poll,
                 void *opaque);
    void (*poll)(Slirp *slirp, int select_error, SlirpGetREventsCb get_revents,
                 void *opaque);
    void (*input)(Slirp *slirp, const uint8_t *pkt, int pkt_len);
    int (*add_hostfwd)(Slirp *slirp, int is_udp, struct in_addr host_addr,
                       int host_port, struct in_addr guest_addr,
                       int guest_port);
    void (*handle_timer)(Slirp *slirp, SlirpTimerId id, void *cb_opaque);
};

/* It stays loaded. -ENOENT: it is not there, and what to install. */
int slirp_lib_load(struct slirp_lib *lib, struct err *e);
