// SPDX-License-Identifier: Apache-2.0
/* The forwards of a network without root, from text. */

#include "dev/net_forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macros.h"
#include "dev/net_backend.h"

#define USAGE                                                             \
    "write tcp=[ADDRESS:]HOSTPORT:GUESTPORT or udp=..., several of them " \
    "with commas, such as user:tcp=8080:80,udp=127.0.0.1:5353:53"

struct part {
    const char *at;
    size_t len;
};

static int refuse(struct part word, const char *why, struct err *e)
{
    return err_set(e, -EINVAL, "'%.*s' is no forward: %s; " USAGE,
                   (int)MIN(word.len, 64u), word.at, why);
}

/* What stands before the first `end`, which is taken, too; all of it if there
   is none. */
static struct part cut(struct part *rest, char end)
{
    const char *at = memchr(rest->at, end, rest->len);
    struct part out = {rest->at, at ? (size_t)(at - rest->at) : rest->len};
    size_t taken = out.len + (at ? 1 : 0);

    rest->at += taken;
    rest->len -= taken;
    return out;
}

static bool parse_port(struct part text, uint16_t *port)
{
    unsigned value = 0;

    if (!text.len || text.len > 5)
        return false;
    for (size_t n = 0; n < text.len; n++) {
        if (text.at[n] < '0' || text.at[n] > '9')
            return false;
        value = value * 10 + (unsigned)(text.at[n] - '0');
    }
    *port = (uint16_t)value;
    return value >= 1 && value <= UINT16_MAX;
}

static bool parse_address(struct part text, struct in_addr *address)
{
    char copy[INET_ADDRSTRLEN];

    if (text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    return inet_pton(AF_INET, copy, address) == 1;
}

static unsigned count_colons(struct part text)
{
    unsigned count = 0;

    for (size_t n = 0; n < text.len; n++)
        count += text.at[n] == ':';
    return count;
}

static int parse_one(struct part word, struct net_forward *f, struct err *e)
{
    struct part rest = word, proto = cut(&rest, '=');
    unsigned colons = count_colons(rest);

    if (proto.len == 3 && strncmp(proto.at, "udp", 3) == 0)
        f->is_udp = true;
    else if (proto.len != 3 || strncmp(proto.at, "tcp", 3) != 0)
        return refuse(word, "it does not begin with tcp= or udp=", e);
    if (colons < 1 || colons > 2)
        return refuse(word,
                      "it does not name a port of the host and one of "
                      "the guest",
                      e);
    f->host.s_addr = htonl(INADDR_LOOPBACK);
    if (colons == 2 && !parse_address(cut(&rest, ':'), &f->host))
        return refuse(word,
                      "it does not begin with an IPv4 address of this "
                      "host",
                      e);
    if (!parse_port(cut(&rest, ':'), &f->host_port) ||
        !parse_port(rest, &f->guest_port))
        return refuse(word, "ports are numbers from 1 to 65535", e);
    return 0;
}

/* Who listens for TCP at every address leaves none to others. */
static bool clash(const struct net_forward *a, const struct net_forward *b)
{
    bool any = a->host.s_addr == htonl(INADDR_ANY) ||
               b->host.s_addr == htonl(INADDR_ANY);

    return a->is_udp == b->is_udp && a->host_port == b->host_port &&
           (a->host.s_addr == b->host.s_addr || (any && !a->is_udp));
}

static const struct net_forward *find_clash(const struct net_forwards *all,
                                            const struct net_forward *f)
{
    for (unsigned n = 0; n < all->count; n++)
        if (clash(&all->list[n], f))
            return &all->list[n];
    return NULL;
}

static int add(struct net_forwards *out, struct part word, struct err *e)
{
    struct net_forward f = {0};
    int rc = parse_one(word, &f, e);

    if (rc < 0)
        return rc;
    if (find_clash(out, &f))
        return refuse(word, "that port of the host is forwarded already", e);
    if (out->count == NET_FORWARDS_MAX)
        return err_set(e, -EINVAL, "these are too many forwards: at most %d",
                       NET_FORWARDS_MAX);
    out->list[out->count++] = f;
    return 0;
}

int net_forwards_parse(const char *text, struct net_forwards *out,
                       struct err *e)
{
    struct part rest = {text, strlen(text)};
    bool more = rest.len;
    int rc = 0;

    out->count = 0;
    while (more && rc == 0) {
        more = memchr(rest.at, ',', rest.len);
        rc = add(out, cut(&rest, ','), e);
    }
    return rc;
}

/* ---- their ports ---- */

int net_forward_refused(const struct net_forward *f, int code, struct err *e)
{
    char host[INET_ADDRSTRLEN] = "";

    inet_ntop(AF_INET, &f->host, host, sizeof(host));
    return err_set(
        e, -code, "cannot forward port %u of %s (%s) to the guest: %s%s",
        f->host_port, host, f->is_udp ? "udp" : "tcp", strerror(code),
        code == EADDRINUSE ? "; give another port"
        : code == EACCES && f->host_port < 1024
            ? "; ports below 1024 are root's here, give a higher one"
            : "");
}

static int probe(const struct net_forward *f, struct err *e)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(f->host_port),
                             .sin_addr = f->host};
    int fd = socket(AF_INET, f->is_udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    int on = 1, code = 0;

    if (fd < 0)
        return net_forward_refused(f, errno, e);
    if (!f->is_udp) /* what was connected to it does not count */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
        code = errno;
    close(fd);
    return code ? net_forward_refused(f, code, e) : 0;
}

int net_user_check(const char *forwards, struct err *e)
{
    struct net_forwards f;
    int rc = net_forwards_parse(forwards, &f, e);

    for (unsigned n = 0; n < f.count && rc == 0; n++)
        rc = probe(&f.list[n], e);
    if (rc < 0)
        err_prefix(e, "user:%.128s", forwards);
    return rc;
}

int net_user_check_beside(const char *forwards, const char *other,
                          struct err *e)
{
    struct net_forwards mine, theirs;
    int rc = net_forwards_parse(forwards, &mine, e);

    if (rc == 0)
        rc = net_forwards_parse(other, &theirs, e);
    for (unsigned n = 0; rc == 0 && n < mine.count; n++)
        if (find_clash(&theirs, &mine.list[n]))
            rc = net_forward_refused(&mine.list[n], EADDRINUSE, e);
    if (rc < 0)
        err_prefix(e, "user:%.128s", forwards);
    return rc;
}
