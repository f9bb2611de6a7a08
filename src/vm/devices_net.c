// SPDX-License-Identifier: Apache-2.0
/* Network interfaces, from what was asked for to the host's side of them. */

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/heap.h"
#include "base/macros.h"
#include "dev/net.h"
#include "vm/devices_impl.h"

enum { MTU_MIN = 68 };

struct net_opened {
    struct net_backend *backend; /* owned; NULL: a device has taken it */
};

static void close_backend(struct net_config *c)
{
    struct net_backend *b = c->opened ? c->opened->backend : NULL;

    if (b)
        b->ops->free(b);
    heap_free(c->opened);
    c->opened = NULL;
}

void net_release(struct net_config *c)
{
    close_backend(c);
    heap_free(c->id);
    heap_free(c->host_dev_name);
    heap_free(c->guest_mac);
    memset(c, 0, sizeof(*c));
}

/* ---- the host's side ---- */

/* "user" or "user:...": what follows the colon, or NULL: it is a TAP. */
static const char *user_forwards(const char *host_dev_name)
{
    static const char user[] = "user";
    size_t len = sizeof(user) - 1;

    if (strncmp(host_dev_name, user, len) != 0)
        return NULL;
    if (host_dev_name[len] == ':')
        return host_dev_name + len + 1;
    return host_dev_name[len] ? NULL : "";
}

static struct net_backend *open_backend(const struct net_config *c,
                                        struct err *e)
{
    const char *forwards = user_forwards(c->host_dev_name);

    return forwards ? net_user_new(forwards, e)
                    : net_tap_new(c->host_dev_name, !c->tap_must_exist, e);
}

/* Of a network without root that is to be put beside those of the list. */
static int check_user(const struct vm_devices *d, const char *forwards,
                      struct err *e)
{
    int rc = net_user_check(forwards, e);

    for (size_t n = 0; n < d->num_nets && rc == 0; n++) {
        const char *other = user_forwards(d->nets[n].host_dev_name);

        if (other)
            rc = net_user_check_beside(forwards, other, e);
    }
    return rc;
}

/* Opens what can be opened before the start; a network without root, which
   takes memory, is only looked at. */
static int open_early(const struct vm_devices *d, struct net_config *c,
                      struct err *e)
{
    const char *forwards = user_forwards(c->host_dev_name);

    c->opened = heap_zalloc(sizeof(*c->opened));
    if (!c->opened)
        return err_set(e, -ENOMEM, "out of memory");
    if (forwards)
        return check_user(d, forwards, e);
    c->opened->backend = open_backend(c, e);
    return c->opened->backend ? 0 : -EIO;
}

struct net_backend *devices_take_net(const struct net_config *c, struct err *e)
{
    struct net_backend *b = c->opened ? c->opened->backend : NULL;

    if (!b)
        return open_backend(c, e);
    c->opened->backend = NULL;
    return b;
}

/* ---- the list ---- */

static size_t find_net(const struct vm_devices *d, const char *id)
{
    size_t n = 0;

    while (n < d->num_nets && strcmp(d->nets[n].id, id) != 0)
        n++;
    return n;
}

static int check_mac(const struct vm_devices *d, const struct net_config *c,
                     struct err *e)
{
    for (size_t n = 0; c->guest_mac && n < d->num_nets; n++) {
        const struct net_config *o = &d->nets[n];

        if (o->guest_mac && strcmp(o->guest_mac, c->guest_mac) == 0 &&
            strcmp(o->id, c->id) != 0)
            return err_set(e, -EADDRINUSE,
                           "The MAC address is already in use: %s",
                           c->guest_mac);
    }
    return 0;
}

/* Makes what the device will need. */
static int prepare(const struct vm_devices *d, struct net_config *c,
                   struct err *e)
{
    enum { MTU_BIT = 1 << 3 };
    int rc = open_early(d, c, e);

    if (rc == 0 && (c->given & MTU_BIT) && c->mtu < MTU_MIN)
        rc = err_set(e, -ERANGE, "MTU %u is out of range [68, 65535]", c->mtu);
    if (rc < 0)
        err_prefix(e, "Could not create the network device");
    return rc;
}

static void drop_net(struct vm_devices *d, const char *id)
{
    size_t at = find_net(d, id);

    if (at == d->num_nets)
        return;
    net_release(&d->nets[at]);
    d->nets[at] = d->nets[--d->num_nets]; /* the order changes, as upstream */
}

/* The old interface of this name is gone even if the new one cannot be made:
   that is what upstream does, and the new one may want the same TAP. */
int devices_put_net(struct vm_devices *d, struct net_config *given,
                    struct err *e)
{
    int rc;

    rate_limit_normalize(&given->rx_limit);
    rate_limit_normalize(&given->tx_limit);
    for (char *c = given->guest_mac; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    rc = check_mac(d, given, e);
    if (rc == 0) {
        drop_net(d, given->id);
        rc = prepare(d, given, e);
    }
    if (rc == 0)
        rc = devices_grow((void **)&d->nets, d->num_nets, sizeof(*given), e);
    if (rc == 0) {
        d->nets[d->num_nets++] = *given;
        memset(given, 0, sizeof(*given));
    }
    net_release(given);
    return rc;
}

int devices_patch_net(struct vm_devices *d, const char *id,
                      const struct rate_limit *rx, const struct rate_limit *tx,
                      struct err *e)
{
    size_t at = find_net(d, id);

    if (at == d->num_nets)
        return err_set(e, -ENODEV, "Device not found");
    rate_limit_patch(&d->nets[at].rx_limit, rx);
    rate_limit_patch(&d->nets[at].tx_limit, tx);
    return 0;
}
