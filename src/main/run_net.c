// SPDX-License-Identifier: Apache-2.0
/* --net of `squib run`. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/heap.h"
#include "base/macros.h"
#include "dev/net.h"
#include "main/args.h"
#include "main/run.h"

/* What the commas of a --net separate: the host's side, which may have some
   itself, and options. */
struct parts {
    struct buf host;
    struct buf mac;
    uint16_t mtu; /* 0: not given */
};

static int set_mac(struct parts *p, const char *text, struct err *e)
{
    uint8_t mac[NET_MAC_BYTES];

    if (!net_parse_mac(text, mac))
        return err_set(e, -EINVAL,
                       "--net: '%.64s' is no MAC address: write it as "
                       "06:00:ac:10:00:02",
                       text);
    if (mac[0] & 1)
        return err_set(e, -EINVAL,
                       "--net: %s is the address of a group: its first byte "
                       "has to be even",
                       text);
    buf_clear(&p->mac);
    buf_puts(&p->mac, text);
    return 0;
}

static int set_mtu(struct parts *p, const char *text, struct err *e)
{
    unsigned long long value;

    if (!args_number(text, &value) || value < 68 || value > UINT16_MAX)
        return err_set(e, -EINVAL,
                       "--net: '%.64s' is no MTU: give a number from 68 to "
                       "65535",
                       text);
    p->mtu = (uint16_t)value;
    return 0;
}

static int take_word(struct parts *p, const char *word, struct err *e)
{
    if (strncmp(word, "mac=", 4) == 0)
        return set_mac(p, word + 4, e);
    if (strncmp(word, "mtu=", 4) == 0)
        return set_mtu(p, word + 4, e);
    if (p->host.len)
        buf_putc(&p->host, ',');
    buf_puts(&p->host, word);
    return 0;
}

static int split(struct parts *p, const char *text, struct err *e)
{
    char *copy = heap_strdup(text), *rest = copy;
    int rc = 0;

    if (!copy)
        return err_set(e, -ENOMEM, "out of memory");
    while (rc == 0 && rest) {
        char *word = rest;

        rest = strchr(rest, ',');
        if (rest)
            *rest++ = 0;
        rc = take_word(p, word, e);
    }
    heap_free(copy);
    return rc;
}

/* The same one at each start, and another one for each interface: what is at
   the other end remembers it. Locally administered (IEEE 802, 8.2). */
static void make_mac(struct buf *mac, const char *host, size_t index)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *host; host++)
        hash = (hash ^ (uint8_t)*host) * 16777619u;
    hash += (uint32_t)index;
    buf_printf(mac, "06:00:%02x:%02x:%02x:%02x", hash >> 24, hash >> 16 & 0xff,
               hash >> 8 & 0xff, hash & 0xff);
}

/* The API's host_dev_name, or NULL: neither a TAP nor the user network. */
static const char *host_name(const char *host)
{
    if (strncmp(host, "tap=", 4) == 0 && host[4])
        return host + 4;
    if (strcmp(host, "user") == 0 || strncmp(host, "user:", 5) == 0)
        return host;
    return NULL;
}

static int fill(struct net_config *c, struct parts *p, size_t index,
                struct err *e)
{
    const char *host = buf_text(&p->host), *name = host_name(host);
    char id[32];

    if (!name)
        return err_set(e, -EINVAL,
                       "--net: '%.64s' is no network: try user, "
                       "user:tcp=8080:80 or tap=NAME",
                       host);
    if (!p->mac.len)
        make_mac(&p->mac, name, index);
    snprintf(id, sizeof(id), "eth%zu", index);
    c->id = heap_strdup(id);
    c->host_dev_name = heap_strdup(name);
    c->guest_mac = heap_strdup(buf_text(&p->mac));
    c->mtu = p->mtu;
    c->tap_must_exist = true; /* a new one would lead nowhere */
    if (!c->id || !c->host_dev_name || !c->guest_mac || p->host.failed ||
        p->mac.failed)
        return err_set(e, -ENOMEM, "out of memory");
    return 0;
}

int run_add_net(struct vm_devices *d, const char *text, struct err *e)
{
    struct net_config c = {0};
    struct parts p = {0};
    int rc = split(&p, text, e);

    if (rc == 0)
        rc = fill(&c, &p, d->num_nets, e);
    buf_release(&p.host);
    buf_release(&p.mac);
    if (rc < 0) {
        heap_free(c.id);
        heap_free(c.host_dev_name);
        heap_free(c.guest_mac);
        return rc;
    }
    rc = devices_put_net(d, &c, e);
    return rc < 0 ? err_prefix(e, "--net %.64s", text), rc : 0;
}
