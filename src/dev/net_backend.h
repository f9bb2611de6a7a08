// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Where the frames of a NIC (dev/net.h) go on the host: a TAP, or a network
 * stack in this process. A frame is preceded by struct virtio_net_hdr_v1, 12
 * bytes (virtio 1.2, 5.1.6), and asks only for offloads both sides agreed on.
 *
 * A back end embeds struct net_backend as its first member `base`. Constructor
 * and free run on any thread, while no device uses it; all else on the device's
 * worker, one at a time.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"
#include "dev/worker.h"

/* Feature bits of a network device (virtio 1.2, 5.1.3). */
enum {
    VIRTIO_NET_F_CSUM = 1 << 0,
    VIRTIO_NET_F_GUEST_CSUM = 1 << 1,
    VIRTIO_NET_F_MTU = 1 << 3,
    VIRTIO_NET_F_MAC = 1 << 5,
    VIRTIO_NET_F_GUEST_TSO4 = 1 << 7,
    VIRTIO_NET_F_GUEST_TSO6 = 1 << 8,
    VIRTIO_NET_F_GUEST_UFO = 1 << 10,
    VIRTIO_NET_F_HOST_TSO4 = 1 << 11,
    VIRTIO_NET_F_HOST_TSO6 = 1 << 12,
    VIRTIO_NET_F_HOST_UFO = 1 << 14,
    VIRTIO_NET_F_MRG_RXBUF = 1 << 15
};

enum { NET_HDR_BYTES = 12, NET_FRAME_MAX = 65562 /* with its header */ };

struct net_backend;

struct net_backend_ops {
    const char *name; /* "tap" */

    /* The offloads it can do: CSUM, GUEST_CSUM, GUEST_*, HOST_* or-ed. */
    uint64_t features;

    /* The driver is ready and took `acked`: frames may flow, `ready` may be
       called. An error fails the driver's start. stop: neither any more. */
    int (*start)(struct net_backend *b, uint64_t acked, struct err *e);
    void (*stop)(struct net_backend *b);

    /* Sends one frame, header first; the guest may write to it meanwhile. 0, or
       negative errno: -EAGAIN when it should be offered again after `ready`,
       with anything else it is lost. */
    int (*send)(struct net_backend *b, const struct iovec *iov, unsigned n);

    /* Takes the next frame, header first, into at least NET_FRAME_MAX bytes.
       Its length, or -EAGAIN: none now, `ready` will tell. */
    ssize_t (*receive)(struct net_backend *b, const struct iovec *iov,
                       unsigned n);

    /* Whether frames are wanted: while not, `ready` is not called for them. */
    void (*listen)(struct net_backend *b, bool wanted);

    void (*free)(struct net_backend *b); /* stopped before; half-built too */
};

struct net_backend {
    const struct net_backend_ops *ops;
    const char *label;     /* borrowed: "tap0", for the log; NULL: ops->name */
    struct worker *worker; /* borrowed; set by the device before start */

    /* There is a frame to receive, or room to send again. The device's. */
    void (*ready)(void *ctx);
    void *ctx; /* borrowed */
};

/* dev/net_tap.c: a TAP of the host, by name. One that is not there is made if
   `may_make` and this process may, which is told in the log: it has no address,
   and is gone with the process. NULL: why in *e, with the command that makes
   one. Linux. */
struct net_backend *net_tap_new(const char *name, bool may_make, struct err *e);

/* dev/net_user.c: a network of its own behind this process's sockets, no
   rights needed. `forwards`: what follows "user:" in a host_dev_name, such as
   "tcp=8080:80,udp=53:53", or "". NULL: why in *e. check says the same without
   making anything, as far as can be said now. */
struct net_backend *net_user_new(const char *forwards, struct err *e);
int net_user_check(const char *forwards, struct err *e);

/* Do two networks, neither of which need be there yet, want the same port of
   the host? */
int net_user_check_beside(const char *forwards, const char *other,
                          struct err *e);
