// SPDX-License-Identifier: Apache-2.0
/*
 * A network without root: libslirp's stack, which turns the guest's packets
 * into sockets of this process and back. The guest gets 10.0.2.15 by DHCP, the
 * host is its gateway 10.0.2.2, names are resolved by 10.0.2.3; IPv6 is
 * fec0::/64.
 *
 * The library polls: it says which sockets it waits for, and is told what has
 * become of them. Here that is one posted event, `service`: whatever happens
 * (a watch, a timer, a frame from the guest) posts it, so it runs once for many
 * things, and before the worker sleeps again the watches are right.
 *
 * What the library does not bound is bounded here: fragments are put together
 * before it sees them, new connections end when there are too many, what waits
 * for the guest lies in a ring, and when its memory runs away nevertheless it
 * begins anew.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/macros.h"
#include "dev/ip_reass.h"
#include "dev/net_backend.h"
#include "dev/net_ends.h"
#include "dev/net_forward.h"
#include "dev/net_offload.h"
#include "dev/net_ring.h"
#include "dev/slirp_lib.h"
#include "host/host.h"

enum {
    MAX_MTU = 65521, /* the most the library takes */
    LARGE_MTU = 31 << 10,
    PLAIN_MTU = 1500,
    MAX_SOCKETS = 1024,
    MAX_TIMERS = 4,
    CALLERS = 128, /* of a forwarded port, not accepted yet */

    RING_BYTES = 2 << 20,
    RING_ENOUGH = 256 << 10, /* then nothing more is read from sockets */

    SLOW_MS = 499,    /* the library's clock for retransmissions */
    IDLE_MS = 10000,  /* when it has nothing but listening sockets */
    CHECK_EVERY = 512 /* frames or rounds: is its memory within bounds? */
};

/* A window of the library's has at most 65535 bytes. It tells of room in it
   once two segments more would fit: with larger ones a guest that has found it
   full would not hear of that, and would ask, each time after twice as long. */
static_assert(2 * LARGE_MTU + PLAIN_MTU < 65535, "less than a segment is left");

#define NS_PER_MS     1000000ull
#define HEAP_BYTES    (64 * MIB)
#define HEAP_A_SOCKET (512 * KIB) /* its buffers, both ways */

/* A socket the library waits for. */
struct user_poll {
    struct worker_watch watch;
    struct net_user *u;
    int events;     /* SLIRP_POLL_*: wanted */
    unsigned ready; /* WORKER_*: happened */
};

struct user_timer {
    struct worker_timer timer;
    struct net_user *u; /* NULL: free */
    SlirpTimerId id;
    void *cb_opaque;
    bool armed;
};

struct net_user {
    struct net_backend base;
    struct net_forwards forwards;
    struct slirp_lib lib;
    Slirp *slirp; /* owned; NULL only when it could not be made anew */
    uint64_t heap_before;
    unsigned until_check;
    bool started, wanted;
    bool serving;   /* without a worker, what is posted runs at once */
    bool held_back; /* sockets were not read: the ring had enough */

    struct user_poll *polls[MAX_SOCKETS]; /* owned, NULL: not needed yet */
    unsigned num_polls, num_watched;
    unsigned max_sockets, num_sockets; /* not those that listen */
    struct user_timer timers[MAX_TIMERS];
    struct worker_timer tick;
    struct worker_event service;
    struct log_limit guest_log;

    struct flow_notes accepted; /* SYN+ACKs of the guest */
    struct net_ends ends;

    struct net_ring ring; /* frames to the guest */
    struct net_offload offload;
    struct ip_reass *reass;                /* owned */
    uint8_t frame[NET_FRAME_MAX];          /* one from the guest */
    uint8_t whole[IP_REASS_FRAME_MAX + 1]; /* one of its fragments */
};

static struct net_user *to_user(struct net_backend *b)
{
    return container_of(b, struct net_user, base);
}

/* ---- what the library asks for ---- */

/* What there is no room for is lost, as on a wire. */
static ssize_t send_packet(const void *buf, size_t len, void *opaque)
{
    struct net_user *u = opaque;
    uint8_t start[NET_HDR_BYTES + ETH_BYTES + 60 + 60];
    uint8_t *frame = start + NET_HDR_BYTES;
    size_t copied = MIN(len, sizeof(start) - NET_HDR_BYTES);
    struct inet in;

    if (!u->started)
        return (ssize_t)len;
    memcpy(frame, buf, copied);
    if (!inet_parse(buf, len, &in))
        in = (struct inet){0};
    net_ends_to_guest(&u->ends, buf, &in);
    net_offload_to_guest(&u->offload, frame, &in, start);
    if (!net_ring_push(&u->ring, start, NET_HDR_BYTES + copied,
                       (const uint8_t *)buf + copied, len - copied))
        log_guest(&u->guest_log,
                  "user network: the guest takes no frames, one is lost");
    return (ssize_t)len;
}

static void guest_error(const char *text, void *opaque)
{
    struct net_user *u = opaque;

    log_guest(&u->guest_log, "user network: %.200s", text);
}

static int64_t clock_get_ns(void *opaque)
{
    (void)opaque;
    return (int64_t)host_mono_ns();
}

static void timer_fired(void *ctx)
{
    struct user_timer *t = ctx;

    t->armed = false;
    t->u->lib.handle_timer(t->u->slirp, t->id, t->cb_opaque);
    worker_post(t->u->base.worker, &t->u->service);
}

static void *timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
    struct net_user *u = opaque;

    for (unsigned n = 0; n < MAX_TIMERS; n++) {
        struct user_timer *t = &u->timers[n];

        if (t->u)
            continue;
        *t = (struct user_timer){.timer = {.fn = timer_fired, .ctx = t},
                                 .u = u,
                                 .id = id,
                                 .cb_opaque = cb_opaque};
        return t;
    }
    return NULL;
}

static void timer_free(void *timer, void *opaque)
{
    struct user_timer *t = timer;
    struct net_user *u = opaque;

    if (!t)
        return;
    if (u->started)
        worker_timer_stop(u->base.worker, &t->timer);
    t->u = NULL;
}

static void timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
    struct user_timer *t = timer;
    struct net_user *u = opaque;

    if (!t)
        return;
    t->armed = true;
    t->timer.deadline_ns = (uint64_t)MAX(expire_ms, 0) * NS_PER_MS;
    if (u->started)
        worker_timer_set(u->base.worker, &t->timer, t->timer.deadline_ns);
}

static void socket_came(int fd, void *opaque)
{
    (void)fd;
    ((struct net_user *)opaque)->num_sockets++;
}

static void socket_went(int fd, void *opaque)
{
    struct net_user *u = opaque;

    (void)fd;
    u->num_sockets -= u->num_sockets > 0;
}

/* There is room again in a buffer: the next round will see it. */
static void notify(void *opaque)
{
    struct net_user *u = opaque;

    if (u->started)
        worker_post(u->base.worker, &u->service);
}

static const SlirpCb callbacks = {
    .send_packet = send_packet,
    .guest_error = guest_error,
    .clock_get_ns = clock_get_ns,
    .timer_free = timer_free,
    .timer_mod = timer_mod,
    .register_poll_fd = socket_came,
    .unregister_poll_fd = socket_went,
    .notify = notify,
    .timer_new_opaque = timer_new,
};

/* ---- making the stack ---- */

static struct in_addr ip4(unsigned last)
{
    return (struct in_addr){htonl(0x0a000200u | last)};
}

static struct in6_addr ip6(uint8_t last)
{
    return (struct in6_addr){.s6_addr = {[0] = 0xfe, [1] = 0xc0, [15] = last}};
}

static int add_forward(struct net_user *u, const struct net_forward *f,
                       struct err *e)
{
    errno = EADDRINUSE;
    if (u->lib.add_hostfwd(u->slirp, f->is_udp, f->host, f->host_port, ip4(15),
                           f->guest_port) == 0)
        return 0;
    return net_forward_refused(f, errno, e);
}

static bool is_listening(int fd)
{
    int value = 0;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 &&
           value;
}

/* The library listens with room for one that it has not accepted yet. Others
   that call at the same time would try again after a second, and after more. */
static int make_room(int fd, int events, void *opaque)
{
    (void)events;
    (void)opaque;
    if (is_listening(fd))
        listen(fd, CALLERS);
    return -1;
}

static void make_room_for_callers(struct net_user *u)
{
    uint32_t ms = UINT32_MAX;

    if (u->forwards.count)
        u->lib.fill(u->slirp, &ms, make_room, u);
}

static void close_stack(struct net_user *u)
{
    if (u->slirp)
        u->lib.cleanup(u->slirp);
    u->slirp = NULL;
    u->num_sockets = 0;
    memset(u->offload.flows, 0, sizeof(u->offload.flows));
    memset(&u->accepted, 0, sizeof(u->accepted));
    memset(&u->ends, 0, sizeof(u->ends));
}

static int open_stack(struct net_user *u, size_t mtu, struct err *e)
{
    const SlirpConfig cfg = {
        .version = 4,
        .in_enabled = true,
        .vnetwork = ip4(0),
        .vnetmask = {htonl(0xffffff00u)},
        .vhost = ip4(2),
        .vnameserver = ip4(3),
        .vdhcp_start = ip4(15),
        .in6_enabled = true,
        .vprefix_addr6 = ip6(0),
        .vprefix_len = 64,
        .vhost6 = ip6(2),
        .vnameserver6 = ip6(3),
        .if_mtu = mtu,
        .if_mru = MAX_MTU,
    };
    int rc = 0;

    u->heap_before = host_heap_bytes();
    u->offload.mtu = mtu;
    u->slirp = u->lib.open(&cfg, &callbacks, u);
    if (!u->slirp)
        return err_set(e, -EIO, "libslirp gave no network");
    for (unsigned n = 0; n < u->forwards.count && rc == 0; n++)
        rc = add_forward(u, &u->forwards.list[n], e);
    make_room_for_callers(u);
    return rc;
}

/* Its memory belongs to what the guest does with it, by ways that only the
   library knows: segments with gaps between them, packets for nobody. */
static void check_memory(struct net_user *u)
{
    uint64_t limit = HEAP_BYTES + u->num_sockets * HEAP_A_SOCKET;
    struct err e;

    if (u->until_check--)
        return;
    u->until_check = CHECK_EVERY;
    if (host_heap_bytes() < u->heap_before + limit)
        return;
    log_guest(&u->guest_log,
              "user network: it used too much memory and begins anew, all "
              "connections end");
    close_stack(u);
    if (open_stack(u, u->offload.mtu, &e) < 0)
        log_error("user network: %s", e.text);
}

/* ---- polling ---- */

static void became_ready(void *ctx, unsigned ready)
{
    struct user_poll *p = ctx;

    p->ready |= ready;
    worker_post(p->u->base.worker, &p->u->service);
}

static struct user_poll *next_poll(struct net_user *u)
{
    struct user_poll *p;

    if (u->num_polls == MAX_SOCKETS)
        return NULL;
    p = u->polls[u->num_polls];
    if (p)
        return p;
    p = heap_zalloc(sizeof(*p));
    if (!p)
        return NULL;
    p->watch = (struct worker_watch){.fn = became_ready, .ctx = p};
    p->u = u;
    u->polls[u->num_polls] = p;
    return p;
}

static bool has_enough(const struct net_user *u)
{
    return u->ring.used >= RING_ENOUGH;
}

/* While the guest has enough to read, and while there are enough connections,
   nobody is to be woken for more. */
static int add_poll(int fd, int events, void *opaque)
{
    struct net_user *u = opaque;
    struct user_poll *p;

    if (has_enough(u)) {
        u->held_back = true;
        events &= SLIRP_POLL_OUT | SLIRP_POLL_ERR;
    }
    if (!(events & (SLIRP_POLL_IN | SLIRP_POLL_OUT)) ||
        (u->num_sockets >= u->max_sockets && is_listening(fd)))
        return -1;
    p = next_poll(u);
    if (!p)
        return -1;
    p->watch.fd = fd;
    p->events = events;
    p->ready = 0;
    if (worker_watch_set(u->base.worker, &p->watch,
                         (events & SLIRP_POLL_IN ? WORKER_IN : 0u) |
                             (events & SLIRP_POLL_OUT ? WORKER_OUT : 0u)) < 0)
        return -1;
    return (int)u->num_polls++;
}

/* An error shows when the socket is used; as one of a socket it would write to
   it would count as its end. */
static int get_revents(int index, void *opaque)
{
    struct net_user *u = opaque;
    const struct user_poll *p = u->polls[index];
    int events = 0;

    if (p->ready & WORKER_IN && !has_enough(u))
        events |= SLIRP_POLL_IN;
    if (p->ready & WORKER_OUT)
        events |= SLIRP_POLL_OUT;
    if (p->ready & WORKER_HUP)
        events |= p->events & SLIRP_POLL_IN ? SLIRP_POLL_HUP : SLIRP_POLL_ERR;
    return events;
}

/* How long may the worker sleep? The library would wake up each second. */
static void set_tick(struct net_user *u, uint32_t asked_ms)
{
    uint32_t ms = asked_ms;

    if (ms >= SLOW_MS)
        ms = u->num_sockets || u->ring.count ? SLOW_MS : IDLE_MS;
    if (!u->num_polls && !u->num_sockets && !u->ring.count)
        worker_timer_stop(u->base.worker, &u->tick);
    else
        worker_timer_set(u->base.worker, &u->tick,
                         host_mono_ns() + ms * NS_PER_MS);
}

static void watch_again(struct net_user *u)
{
    uint32_t ms = UINT32_MAX;
    unsigned before = u->num_watched;

    u->num_polls = 0;
    u->held_back = false;
    u->lib.fill(u->slirp, &ms, add_poll, u);
    u->num_watched = u->num_polls;
    for (unsigned n = u->num_polls; n < before; n++)
        worker_watch_stop(u->base.worker, &u->polls[n]->watch);
    set_tick(u, ms);
}

static uint16_t peer_port(int fd)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);

    if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
        return 0;
    return ntohs(peer.ss_family == AF_INET6
                     ? ((struct sockaddr_in6 *)&peer)->sin6_port
                     : ((struct sockaddr_in *)&peer)->sin_port);
}

/* Is there something that the host has not taken yet? Not all may be watched.
 */
static bool is_behind(uint16_t port, void *opaque)
{
    const struct net_user *u = opaque;

    for (unsigned n = 0; n < u->num_polls; n++)
        if (u->polls[n]->events & SLIRP_POLL_OUT &&
            peer_port(u->polls[n]->watch.fd) == port)
            return true;
    return u->num_polls == MAX_SOCKETS;
}

static void drop_ended(struct net_user *u)
{
    struct net_end end;
    bool any = false;

    while (net_ends_take(&u->ends, is_behind, u, &end)) {
        u->lib.input(u->slirp, end.frame, end.len);
        any = true;
    }
    if (any)
        watch_again(u);
}

static void serve(void *ctx)
{
    struct net_user *u = ctx;

    if (!u->started || !u->slirp || u->serving)
        return;
    u->serving = true;
    u->lib.poll(u->slirp, 0, get_revents, u);
    check_memory(u);
    if (u->slirp) {
        watch_again(u);
        drop_ended(u);
    }
    if (u->ring.count && u->wanted)
        u->base.ready(u->base.ctx);
    u->serving = false;
}

/* ---- frames from the guest ---- */

static ssize_t gather(struct net_user *u, const struct iovec *iov, unsigned n)
{
    size_t len = 0;

    for (unsigned k = 0; k < n; k++) {
        if (iov[k].iov_len > sizeof(u->frame) - len)
            return -EMSGSIZE;
        memcpy(u->frame + len, iov[k].iov_base, iov[k].iov_len);
        len += iov[k].iov_len;
    }
    return (ssize_t)len;
}

/* Would it open a connection, or might it? */
static bool may_open(const uint8_t *frame, const struct inet *in)
{
    if (in->type == ETH_ARP)
        return false;
    return !inet_is_tcp(in) ||
           (frame[in->l4 + 13] & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* An ACK of a SYN+ACK, which becomes it in place. */
static void send_ack(struct net_user *u, uint8_t *frame, struct inet *in)
{
    size_t len = in->type == ETH_IP4 ? 4 : 16;
    uint8_t *ip = frame + ETH_BYTES, *tcp = frame + in->l4, swap[16];
    uint8_t *source = ip + (len == 4 ? 12 : 8);
    uint32_t seq = inet_get32(tcp + 4);

    memcpy(swap, frame, ETH_ADDR);
    memcpy(frame, frame + ETH_ADDR, ETH_ADDR);
    memcpy(frame + ETH_ADDR, swap, ETH_ADDR);
    memcpy(swap, source, len);
    memcpy(source, source + len, len);
    memcpy(source + len, swap, len);
    memcpy(swap, tcp, 2);
    memcpy(tcp, tcp + 2, 2);
    memcpy(tcp + 2, swap, 2);
    memcpy(tcp + 4, tcp + 8, 4);
    inet_put32(tcp + 8, seq + 1);
    tcp[13] = TCP_ACK;
    memset(tcp + TCP_BYTES, 1, in->data - in->l4 - TCP_BYTES); /* no options */
    inet_set_sum(frame, in);
    send_packet(frame, in->end, u);
}

/* A guest with too much to do says a second time that it takes a connection. If
   the library hears that, it forgets what it has sent since the first time, and
   the connection hangs; so it is answered here. */
static bool repeats_syn_ack(struct net_user *u, uint8_t *frame, struct inet *in)
{
    uint64_t hash;
    uint32_t seq;

    if (!inet_is_tcp(in) || in->data != in->end ||
        (frame[in->l4 + 13] & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) !=
            (TCP_SYN | TCP_ACK))
        return false;
    hash = inet_flow_hash(frame, in, true);
    seq = inet_get32(frame + in->l4 + 4);
    if (flow_notes_has(&u->accepted, hash, seq)) {
        send_ack(u, frame, in);
        return true;
    }
    flow_notes_add(&u->accepted, hash, seq);
    return false;
}

static void input(struct net_user *u, uint8_t *frame, struct inet *in)
{
    if (repeats_syn_ack(u, frame, in))
        return;
    if (u->num_sockets >= u->max_sockets && may_open(frame, in)) {
        log_guest(&u->guest_log,
                  "user network: the guest has %u connections, that is all",
                  u->num_sockets);
        return;
    }
    net_ends_from_guest(&u->ends, frame, in);
    u->lib.input(u->slirp, frame, (int)in->end);
}

static int user_send(struct net_backend *b, const struct iovec *iov, unsigned n)
{
    struct net_user *u = to_user(b);
    uint8_t *frame = u->frame + NET_HDR_BYTES;
    ssize_t len = gather(u, iov, n);
    struct inet in;

    if (len < 0)
        return (int)len;
    if (!u->started || !u->slirp)
        return -ENETDOWN;
    if (!net_offload_from_guest(&u->offload, u->frame, (size_t)len, &in))
        return -EINVAL;
    if (in.is_fragment) {
        uint32_t whole =
            ip_reass_add(u->reass, frame, &in, host_mono_ns(), u->whole);

        if (!whole || !inet_parse(u->whole, whole, &in))
            return 0;
        frame = u->whole;
    }
    input(u, frame, &in);
    check_memory(u);
    worker_post(u->base.worker, &u->service);
    return 0;
}

/* ---- frames to the guest ---- */

static ssize_t user_receive(struct net_backend *b, const struct iovec *iov,
                            unsigned n)
{
    struct net_user *u = to_user(b);
    ssize_t len = net_ring_pop(&u->ring, iov, n);

    if (u->held_back && u->ring.used < RING_ENOUGH / 2) {
        u->held_back = false;
        worker_post(u->base.worker, &u->service);
    }
    return len;
}

static void user_listen(struct net_backend *b, bool wanted)
{
    struct net_user *u = to_user(b);

    if (wanted && !u->wanted && u->ring.count)
        worker_post(u->base.worker, &u->service);
    u->wanted = wanted;
}

/* ---- start and end ---- */

/* A driver that takes no large frames gets a stack that makes none. */
static int user_start(struct net_backend *b, uint64_t acked, struct err *e)
{
    struct net_user *u = to_user(b);
    size_t mtu = acked & VIRTIO_NET_F_GUEST_TSO4 ? LARGE_MTU : PLAIN_MTU;
    int rc = 0;

    if (!u->slirp || u->offload.mtu != mtu) {
        close_stack(u);
        rc = open_stack(u, mtu, e);
    }
    if (rc < 0)
        return rc;
    u->offload.acked = acked;
    u->started = true;
    for (unsigned n = 0; n < MAX_TIMERS; n++)
        if (u->timers[n].u && u->timers[n].armed)
            worker_timer_set(u->base.worker, &u->timers[n].timer,
                             u->timers[n].timer.deadline_ns);
    worker_post(u->base.worker, &u->service);
    return 0;
}

static void user_stop(struct net_backend *b)
{
    struct net_user *u = to_user(b);

    u->started = u->wanted = false;
    worker_cancel(u->base.worker, &u->service);
    worker_timer_stop(u->base.worker, &u->tick);
    for (unsigned n = 0; n < MAX_TIMERS; n++)
        if (u->timers[n].u)
            worker_timer_stop(u->base.worker, &u->timers[n].timer);
    for (unsigned n = 0; n < u->num_watched; n++)
        worker_watch_stop(u->base.worker, &u->polls[n]->watch);
    u->num_watched = u->num_polls = 0;
    net_ring_clear(&u->ring);
}

static void user_free(struct net_backend *b)
{
    struct net_user *u = to_user(b);

    close_stack(u);
    for (unsigned n = 0; n < MAX_SOCKETS; n++)
        heap_free(u->polls[n]);
    net_ring_release(&u->ring);
    heap_free(u->reass);
    heap_free(u);
}

static const struct net_backend_ops user_ops = {
    .name = "user",
    .features = NET_OFFLOAD_FEATURES,
    .start = user_start,
    .stop = user_stop,
    .send = user_send,
    .receive = user_receive,
    .listen = user_listen,
    .free = user_free,
};

/* Half of what the process may open is for others. */
static unsigned max_sockets(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return MAX_SOCKETS / 4;
    return (unsigned)MIN(limit.rlim_cur / 2, (rlim_t)MAX_SOCKETS);
}

static int make(struct net_user *u, const char *forwards, struct err *e)
{
    int rc = net_forwards_parse(forwards, &u->forwards, e);

    if (rc == 0)
        rc = slirp_lib_load(&u->lib, e);
    if (rc == 0)
        rc = net_ring_init(&u->ring, RING_BYTES, e);
    if (rc < 0)
        return rc;
    u->reass = heap_zalloc(sizeof(*u->reass));
    if (!u->reass)
        return err_set(e, -ENOMEM, "out of memory");
    return open_stack(u, LARGE_MTU, e);
}

struct net_backend *net_user_new(const char *forwards, struct err *e)
{
    struct net_user *u = heap_zalloc(sizeof(*u));

    if (!u) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    u->base.ops = &user_ops;
    u->max_sockets = max_sockets();
    u->service = (struct worker_event){.fn = serve, .ctx = u};
    u->tick = (struct worker_timer){.fn = serve, .ctx = u};
    if (make(u, forwards, e) < 0) {
        err_prefix(e, "user:%.128s", forwards);
        user_free(&u->base);
        return NULL;
    }
    return &u->base;
}
