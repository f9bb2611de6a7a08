// SPDX-License-Identifier: Apache-2.0
/*
 * A TAP as the other end of a NIC: an interface of the host's, whose frames
 * come and go through a descriptor, each with a virtio header before it
 * (Linux's Documentation/networking/tuntap).
 */

#include "dev/net_backend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/macros.h"

struct net_tap {
    struct net_backend base;
    int fd; /* owned */
    struct worker_watch watch;
    unsigned events; /* what is waited for */
    char name[IFNAMSIZ];
};

static struct net_tap *to_tap(struct net_backend *b)
{
    return container_of(b, struct net_tap, base);
}

/* --- on the worker --- */

static int wait_for(struct net_tap *t, unsigned events)
{
    t->events = events;
    return worker_watch_set(t->base.worker, &t->watch, events);
}

/* An interface that was taken away says so for ever: then never again. */
static void on_event(void *ctx, unsigned ready)
{
    struct net_tap *t = ctx;

    if (ready & WORKER_HUP && !(ready & (WORKER_IN | WORKER_OUT))) {
        worker_watch_stop(t->base.worker, &t->watch);
        return;
    }
    if (ready & WORKER_OUT)
        wait_for(t, t->events & ~(unsigned)WORKER_OUT);
    t->base.ready(t->base.ctx);
}

/* TUN_F_TSO4 and the like need TUN_F_CSUM. */
static unsigned offload_flags(uint64_t acked)
{
    return !(acked & VIRTIO_NET_F_GUEST_CSUM)
               ? 0u
               : TUN_F_CSUM |
                     (acked & VIRTIO_NET_F_GUEST_TSO4 ? TUN_F_TSO4 : 0u) |
                     (acked & VIRTIO_NET_F_GUEST_TSO6 ? TUN_F_TSO6 : 0u) |
                     (acked & VIRTIO_NET_F_GUEST_UFO ? TUN_F_UFO : 0u);
}

static int tap_start(struct net_backend *b, uint64_t acked, struct err *e)
{
    struct net_tap *t = to_tap(b);
    unsigned long flags = offload_flags(acked);

    if (ioctl(t->fd, TUNSETOFFLOAD, flags) < 0 &&
        ioctl(t->fd, TUNSETOFFLOAD, flags & ~(unsigned long)TUN_F_UFO) < 0)
        return err_set(e, -errno,
                       "Error while setting the offload flags: %s (os error "
                       "%d) of %s",
                       strerror(errno), errno, t->name);
    if (wait_for(t, WORKER_IN) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    return 0;
}

static void tap_stop(struct net_backend *b)
{
    worker_watch_stop(b->worker, &to_tap(b)->watch);
}

static int tap_send(struct net_backend *b, const struct iovec *iov, unsigned n)
{
    struct net_tap *t = to_tap(b);

    if (writev(t->fd, iov, (int)n) >= 0)
        return 0;
    if (errno != EAGAIN)
        return -errno;
    if (t->watch.slot)
        wait_for(t, t->events | WORKER_OUT);
    return -EAGAIN;
}

static ssize_t tap_receive(struct net_backend *b, const struct iovec *iov,
                           unsigned n)
{
    ssize_t len = readv(to_tap(b)->fd, iov, (int)n);

    return len < 0 ? -errno : len;
}

static void tap_listen(struct net_backend *b, bool wanted)
{
    struct net_tap *t = to_tap(b);
    unsigned events =
        (t->events & ~(unsigned)WORKER_IN) | (wanted ? WORKER_IN : 0u);

    if (events != t->events && t->watch.slot)
        wait_for(t, events);
}

static void tap_free(struct net_backend *b)
{
    struct net_tap *t;

    if (!b)
        return;
    t = to_tap(b);
    if (t->fd >= 0)
        close(t->fd);
    heap_free(t);
}

static const struct net_backend_ops tap_ops = {
    .name = "tap",
    .features = (uint64_t)VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM |
                VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 |
                VIRTIO_NET_F_GUEST_UFO | VIRTIO_NET_F_HOST_TSO4 |
                VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_UFO,
    .start = tap_start,
    .stop = tap_stop,
    .send = tap_send,
    .receive = tap_receive,
    .listen = tap_listen,
    .free = tap_free,
};

/* --- opening it --- */

/* A command that makes a TAP of that name. */
#define MAKE_IT \
    "sudo ip tuntap add dev %s mode tap user $USER && sudo ip link set %s up"

static int no_tun(int code, struct err *e)
{
    return err_set(e, -code, "Couldn't open /dev/net/tun: %s (os error %d). %s",
                   strerror(code), code,
                   code == EACCES || code == EPERM
                       ? "Let your user read and write it: sudo chmod 666 "
                         "/dev/net/tun"
                       : "Load the host's driver: sudo modprobe tun; give it "
                         "to a container with --device /dev/net/tun");
}

/* What Firecracker says, and then what to do about it. */
static int refuse(const char *name, bool is_there, int code, struct err *e)
{
    char advice[192];

    if (!is_there)
        snprintf(advice, sizeof(advice),
                 "There is no interface %s; to make it: " MAKE_IT, name, name,
                 name);
    else if (code == EBUSY)
        snprintf(advice, sizeof(advice),
                 "Somebody else has %s open; to make another TAP: " MAKE_IT,
                 name, "NAME", "NAME");
    else if (code == EPERM)
        snprintf(advice, sizeof(advice),
                 "%s is another user's; after sudo ip link del %s: " MAKE_IT,
                 name, name, name, name);
    else
        snprintf(advice, sizeof(advice),
                 "%s has to be a TAP with one queue; to make one: " MAKE_IT,
                 name, "NAME", "NAME");
    return err_set(e, -code,
                   "Error while creating ifreq structure: %s (os error %d). "
                   "Invalid TUN/TAP Backend provided by %s. Check our "
                   "documentation on setting up the network devices. %s",
                   strerror(code), code, name, advice);
}

static int join(struct net_tap *t, bool may_make, struct err *e)
{
    bool is_there = if_nametoindex(t->name) != 0;
    struct ifreq req = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int header = NET_HDR_BYTES;

    if (!is_there && !may_make)
        return refuse(t->name, false, ENODEV, e);
    memcpy(req.ifr_name, t->name, sizeof(t->name));
    if (ioctl(t->fd, TUNSETIFF, &req) < 0)
        return refuse(t->name, is_there, errno, e);
    if (!is_there)
        log_warn("There was no interface %s, so it was made: with no address, "
                 "and only for as long as this process lasts. " MAKE_IT
                 " makes one that stays.",
                 t->name, t->name, t->name);
    if (ioctl(t->fd, TUNSETVNETHDRSZ, &header) < 0)
        return err_set(e, -errno,
                       "Error while setting size of the vnet header: %s (os "
                       "error %d)",
                       strerror(errno), errno);
    return 0;
}

static int open_tap(struct net_tap *t, const char *name, bool may_make,
                    struct err *e)
{
    size_t len = strlen(name);
    int rc;

    if (!len || len >= sizeof(t->name))
        return err_set(e, -EINVAL,
                       "Invalid interface name: '%.64s': it has 1 to %zu bytes",
                       name, sizeof(t->name) - 1);
    memcpy(t->name, name, len);
    t->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    rc = t->fd < 0 ? no_tun(errno, e) : join(t, may_make, e);
    t->watch.fd = t->fd;
    return rc;
}

struct net_backend *net_tap_new(const char *name, bool may_make, struct err *e)
{
    struct net_tap *t = heap_zalloc(sizeof(*t));

    if (!t) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    t->base.ops = &tap_ops;
    t->base.label = t->name;
    t->fd = -1;
    t->watch = (struct worker_watch){.fd = -1, .fn = on_event, .ctx = t};
    if (open_tap(t, name, may_make, e) < 0) {
        err_prefix(e, "Open tap device failed");
        tap_free(&t->base);
        return NULL;
    }
    return &t->base;
}
