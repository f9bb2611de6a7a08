// SPDX-License-Identifier: Apache-2.0
/* The connections of a vsock device, and who of them is next. */

#include "dev/vsock_mux.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/macros.h"
#include "base/metrics.h"
#include "host/host.h"

/* Ports of ours that clients of the host get: from 2^30, below 2^31. */
enum { FIRST_PORT = 1 << 30 };

/* To poll 1000 idle sockets costs the worker 250 us each time it wakes, for
   whatever device: those that come when there are as many are in a crowd. */
enum { CROWD_FROM = 8 };

/* A listener whose queue is full is asked again. So many at a time. */
enum { RETRY_NS = 10000000, RETRY_MANY = 64, PATH_BYTES = 256 };

struct turn {
    struct link link;
    uint64_t at; /* 0: none */
};

struct vsock_entry {
    struct vsock_conn conn;
    struct vsock_mux *mux;           /* borrowed */
    struct vsock_entry *next_bucket; /* borrowed */
    struct link due, connecting;
    struct turn waiting, owing;
    uint32_t owed; /* up to which byte, while it is in the line for that */
    struct worker_watch watch;
    bool is_crowded; /* the crowd stands for the watch */
    bool in_crowd;
    int crowd_wants; /* while it is in there */
};

#define ENTRY_OF(link, member) container_of(link, struct vsock_entry, member)

/* --- lists --- */

static void list_init(struct link *list)
{
    list->next = list->prev = list;
}

static bool list_is_empty(const struct link *list)
{
    return list->next == list;
}

static void link_append(struct link *list, struct link *l)
{
    if (l->next)
        return;
    l->prev = list->prev;
    l->next = list;
    l->prev->next = l;
    list->prev = l;
}

static void link_remove(struct link *l)
{
    if (!l->next)
        return;
    l->prev->next = l->next;
    l->next->prev = l->prev;
    l->next = l->prev = NULL;
}

/* --- lines --- */

static void line_init(struct vsock_line *line, worker_fn *fn,
                      struct vsock_mux *m)
{
    list_init(&line->list);
    line->timer = (struct worker_timer){.fn = fn, .ctx = m};
}

static void turn_cancel(struct turn *t)
{
    link_remove(&t->link);
    t->at = 0;
}

/* Whoever the timer is set for may have gone: then it is early. */
static void turn_take(struct vsock_mux *m, struct vsock_line *line,
                      struct turn *t, uint64_t at)
{
    link_remove(&t->link);
    link_append(&line->list, &t->link);
    t->at = at;
    if (!line->timer.slot)
        worker_timer_set(m->worker, &line->timer, at);
}

/* Whose turn it is; NULL: nobody's yet, and the timer is set for that. */
static struct turn *turn_next(struct vsock_mux *m, struct vsock_line *line,
                              uint64_t now)
{
    struct turn *t;

    if (list_is_empty(&line->list))
        return NULL;
    t = container_of(line->list.next, struct turn, link);
    if (t->at <= now)
        return t;
    worker_timer_set(m->worker, &line->timer, t->at);
    return NULL;
}

/* --- the table --- */

static struct vsock_entry **bucket(struct vsock_mux *m, uint32_t local_port,
                                   uint32_t guest_port)
{
    uint32_t hash = (local_port ^ guest_port * 0x9e3779b1u) * 0x85ebca6bu;

    return &m->buckets[hash >> 16 & (VSOCK_BUCKETS - 1)];
}

static struct vsock_entry *find(struct vsock_mux *m, uint32_t local_port,
                                uint32_t guest_port)
{
    struct vsock_entry *en = *bucket(m, local_port, guest_port);

    while (en && (en->conn.local_port != local_port ||
                  en->conn.guest_port != guest_port))
        en = en->next_bucket;
    return en;
}

bool vsock_mux_is_full(const struct vsock_mux *m)
{
    return m->num_conns >= VSOCK_MAX_CONNS;
}

static void on_ready(void *ctx, unsigned ready);
static bool is_for_crowd(struct vsock_mux *m);

static bool is_large(const struct vsock_entry *en)
{
    return en->conn.buf_bytes == VSOCK_BUF_LARGE;
}

/* NULL: too many, or out of memory. */
static struct vsock_entry *add(struct vsock_mux *m, uint32_t local_port,
                               uint32_t guest_port)
{
    struct vsock_entry *en, **at = bucket(m, local_port, guest_port);
    uint32_t buf_bytes =
        m->num_large < VSOCK_MAX_LARGE ? VSOCK_BUF_LARGE : VSOCK_BUF_SMALL;

    if (vsock_mux_is_full(m))
        return NULL;
    en = heap_zalloc(sizeof(*en));
    if (!en ||
        vsock_conn_init(&en->conn, local_port, guest_port, buf_bytes) < 0) {
        heap_free(en);
        return NULL;
    }
    en->mux = m;
    en->watch = (struct worker_watch){.fn = on_ready, .ctx = en};
    en->is_crowded = is_for_crowd(m);
    en->next_bucket = *at;
    *at = en;
    m->num_conns++;
    m->num_large += is_large(en);
    metric_inc(&metrics.vsock.conns_added);
    return en;
}

static void remove_entry(struct vsock_mux *m, struct vsock_entry *en)
{
    struct vsock_entry **at =
        bucket(m, en->conn.local_port, en->conn.guest_port);

    while (*at != en)
        at = &(*at)->next_bucket;
    *at = en->next_bucket;
    link_remove(&en->due);
    link_remove(&en->connecting);
    turn_cancel(&en->waiting);
    turn_cancel(&en->owing);
    worker_watch_stop(m->worker, &en->watch);
    m->num_large -= is_large(en);
    vsock_conn_release(&en->conn);
    heap_free(en);
    m->num_conns--;
    metric_inc(&metrics.vsock.conns_removed);
}

/* --- doing what a connection has left to be done --- */

static uint64_t crowd_id(const struct vsock_entry *en)
{
    return (uint64_t)en->conn.local_port << 32 | en->conn.guest_port;
}

/* A socket that the connection has closed has left by that. */
static int set_in_crowd(struct vsock_mux *m, struct vsock_entry *en, int wants)
{
    int fd = en->conn.fd, rc;

    if (wants < 0 || fd < 0) {
        if (en->in_crowd && fd >= 0)
            host_crowd_leave(m->crowd.fd, fd);
        en->in_crowd = false;
        return 0;
    }
    if (en->in_crowd && en->crowd_wants == wants)
        return 0;
    rc = host_crowd_set(m->crowd.fd, fd, worker_poll_events((unsigned)wants),
                        crowd_id(en), !en->in_crowd);
    en->in_crowd = rc == 0;
    en->crowd_wants = wants;
    return rc;
}

static void watch(struct vsock_mux *m, struct vsock_entry *en)
{
    int wants = vsock_conn_wants(&en->conn);

    if (en->is_crowded) {
        if (set_in_crowd(m, en, wants) < 0)
            vsock_conn_kill(&en->conn);
        return;
    }
    if (wants < 0) {
        worker_watch_stop(m->worker, &en->watch);
        return;
    }
    en->watch.fd = en->conn.fd;
    if (worker_watch_set(m->worker, &en->watch, (unsigned)wants) < 0)
        vsock_conn_kill(&en->conn);
}

static void keep_deadline(struct vsock_mux *m, struct vsock_entry *en)
{
    if (!en->conn.deadline_ns)
        turn_cancel(&en->waiting);
    else if (en->waiting.at != en->conn.deadline_ns)
        turn_take(m, &m->waiting, &en->waiting, en->conn.deadline_ns);
}

/* A guest that goes on sending hears of its credit soon enough. */
static void keep_owing(struct vsock_mux *m, struct vsock_entry *en)
{
    if (!vsock_conn_owes(&en->conn)) {
        turn_cancel(&en->owing);
        return;
    }
    if (en->owing.at && en->owed == en->conn.fwd_cnt)
        return;
    en->owed = en->conn.fwd_cnt;
    turn_take(m, &m->owing, &en->owing, host_mono_ns() + m->credit_ns);
}

static void settle(struct vsock_mux *m, struct vsock_entry *en)
{
    if (en->conn.over) {
        remove_entry(m, en);
        return;
    }
    watch(m, en);
    keep_deadline(m, en);
    keep_owing(m, en);
    if (en->conn.due)
        link_append(&m->due, &en->due);
}

static void tell_due(struct vsock_mux *m)
{
    if (m->rx_due && vsock_mux_has_due(m))
        m->rx_due(m->ctx);
}

static void on_ready(void *ctx, unsigned ready)
{
    struct vsock_entry *en = ctx;
    struct vsock_mux *m = en->mux;

    vsock_conn_ready(&en->conn, ready);
    settle(m, en);
    tell_due(m);
}

/* Who is served may end others: their ids are not known any more then. */
static void on_crowd(void *ctx, unsigned ready)
{
    struct vsock_mux *m = ctx;
    struct host_ready r[HOST_CROWD_MOST];
    unsigned n = host_crowd_take(m->crowd.fd, r, HOST_CROWD_MOST);

    (void)ready;
    for (unsigned k = 0; k < n; k++) {
        struct vsock_entry *en =
            find(m, (uint32_t)(r[k].id >> 32), (uint32_t)r[k].id);

        if (en)
            on_ready(en, worker_ready_events(r[k].events));
    }
}

/* For few the worker's poll costs less. */
static bool is_for_crowd(struct vsock_mux *m)
{
    if (m->num_conns < CROWD_FROM || m->crowd.fd < 0)
        return false;
    return m->crowd.slot ||
           worker_watch_set(m->worker, &m->crowd, WORKER_IN) == 0;
}

static void on_deadline(void *ctx)
{
    struct vsock_mux *m = ctx;
    uint64_t now = host_mono_ns();
    struct turn *t;

    while ((t = turn_next(m, &m->waiting, now)) != NULL) {
        struct vsock_entry *en = ENTRY_OF(t, waiting);

        link_remove(&en->connecting);
        vsock_conn_kill(&en->conn);
        settle(m, en);
    }
    tell_due(m);
}

static void on_credit(void *ctx)
{
    struct vsock_mux *m = ctx;
    uint64_t now = host_mono_ns();
    struct turn *t;

    while ((t = turn_next(m, &m->owing, now)) != NULL) {
        struct vsock_entry *en = ENTRY_OF(t, owing);

        vsock_conn_pay(&en->conn);
        settle(m, en);
    }
    tell_due(m);
}

void vsock_mux_idle(struct vsock_mux *m)
{
    struct link *l = m->owing.list.next, *next;

    for (; l != &m->owing.list; l = next) {
        struct vsock_entry *en = ENTRY_OF(l, owing.link);

        next = l->next;
        vsock_conn_idle(&en->conn);
        if (en->conn.due)
            settle(m, en);
    }
}

void vsock_mux_resumed(struct vsock_mux *m)
{
    uint64_t until = host_mono_ns() + VSOCK_TIMEOUT_NS;

    for (struct link *l = m->waiting.list.next; l != &m->waiting.list;
         l = l->next) {
        struct vsock_entry *en = ENTRY_OF(l, waiting.link);

        en->conn.deadline_ns = en->waiting.at = until;
    }
}

/* --- what is no connection --- */

/* A guest that makes more of them than it takes does not get them all. */
static void add_rst(struct vsock_mux *m, uint32_t local_port,
                    uint32_t guest_port)
{
    if (m->num_rsts == VSOCK_MAX_RSTS) {
        log_guest(m->guest_log, "vsock: too many resets for the guest");
        return;
    }
    m->rsts[(m->first_rst + m->num_rsts++) % VSOCK_MAX_RSTS] =
        (struct vsock_rst){local_port, guest_port};
}

static void take_rst(struct vsock_mux *m, struct vsock_packet *p)
{
    const struct vsock_rst *rst = &m->rsts[m->first_rst];

    p->hdr = (struct vsock_header){.src_port = rst->local_port,
                                   .dst_port = rst->guest_port,
                                   .type = VSOCK_TYPE_STREAM,
                                   .op = VSOCK_OP_RST};
    m->first_rst = (m->first_rst + 1) % VSOCK_MAX_RSTS;
    m->num_rsts--;
}

/* --- the guest calls --- */

/* -EAGAIN: later. */
static int connect_host(struct vsock_mux *m, struct vsock_entry *en)
{
    char path[PATH_BYTES];
    int fd;

    if (snprintf(path, sizeof(path), "%s_%" PRIu32, m->path,
                 en->conn.local_port) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    fd = host_unix_connect(path);
    if (fd < 0)
        return fd;
    vsock_conn_connected(&en->conn, fd);
    return 0;
}

static void retry_later(struct vsock_mux *m, struct vsock_entry *en)
{
    if (list_is_empty(&m->connecting))
        worker_timer_set(m->worker, &m->retry, host_mono_ns() + RETRY_NS);
    link_append(&m->connecting, &en->connecting);
}

static void try_connect(struct vsock_mux *m, struct vsock_entry *en)
{
    int rc = connect_host(m, en);

    if (rc == -EAGAIN) {
        retry_later(m, en);
    } else if (rc < 0) { /* nobody is there */
        add_rst(m, en->conn.local_port, en->conn.guest_port);
        en->conn.over = true;
    }
    settle(m, en);
}

/* The longest waiting first. */
static void on_retry(void *ctx)
{
    struct vsock_mux *m = ctx;
    struct link again;

    list_init(&again);
    for (unsigned n = 0; n < RETRY_MANY && !list_is_empty(&m->connecting);
         n++) {
        struct vsock_entry *en = ENTRY_OF(m->connecting.next, connecting);

        link_remove(&en->connecting);
        link_append(&again, &en->connecting);
    }
    while (!list_is_empty(&again)) {
        struct vsock_entry *en = ENTRY_OF(again.next, connecting);

        link_remove(&en->connecting);
        try_connect(m, en);
    }
    if (!list_is_empty(&m->connecting))
        worker_timer_set(m->worker, &m->retry, host_mono_ns() + RETRY_NS);
    tell_due(m);
}

static void take_request(struct vsock_mux *m, const struct vsock_header *hdr)
{
    struct vsock_entry *en = add(m, hdr->dst_port, hdr->src_port);

    if (!en) {
        add_rst(m, hdr->dst_port, hdr->src_port);
        return;
    }
    vsock_conn_asked(&en->conn, hdr);
    try_connect(m, en);
}

void vsock_mux_take(struct vsock_mux *m, const struct vsock_packet *p)
{
    const struct vsock_header *hdr = &p->hdr;
    struct vsock_entry *en;

    metric_inc(&metrics.vsock.tx_packets_count);
    if (hdr->dst_cid != VSOCK_HOST_CID)
        return;
    if (hdr->type != VSOCK_TYPE_STREAM) {
        add_rst(m, hdr->dst_port, hdr->src_port);
        return;
    }
    en = find(m, hdr->dst_port, hdr->src_port);
    if (en) {
        vsock_conn_take(&en->conn, p);
        settle(m, en);
    } else if (hdr->op == VSOCK_OP_REQUEST) {
        take_request(m, hdr);
    } else if (hdr->op != VSOCK_OP_RST) {
        add_rst(m, hdr->dst_port, hdr->src_port);
    }
}

/* --- the host calls --- */

/* There are fewer connections than ports. */
static uint32_t next_port(struct vsock_mux *m, uint32_t guest_port)
{
    do {
        m->last_port++;
        if (m->last_port < FIRST_PORT || m->last_port >= 2u * FIRST_PORT)
            m->last_port = FIRST_PORT;
    } while (find(m, m->last_port, guest_port));
    return m->last_port;
}

void vsock_mux_ask(struct vsock_mux *m, int fd, uint32_t guest_port)
{
    struct vsock_entry *en = NULL;

    if (!vsock_mux_is_full(m))
        en = add(m, next_port(m, guest_port), guest_port);
    if (!en) {
        close(fd);
        return;
    }
    vsock_conn_ask(&en->conn, fd);
    settle(m, en);
    tell_due(m);
}

/* --- to the guest --- */

bool vsock_mux_has_due(const struct vsock_mux *m)
{
    return m->num_rsts || !list_is_empty(&m->due);
}

/* Each connection once at most: those that cannot go on stay in the list. */
static bool give_conn(struct vsock_mux *m, struct vsock_packet *p)
{
    bool given = false;

    for (unsigned n = m->num_conns; n && !given && !list_is_empty(&m->due);
         n--) {
        struct vsock_entry *en = ENTRY_OF(m->due.next, due);

        link_remove(&en->due);
        given = vsock_conn_give(&en->conn, p);
        p->hdr.src_port = en->conn.local_port;
        p->hdr.dst_port = en->conn.guest_port;
        settle(m, en);
    }
    return given;
}

bool vsock_mux_give(struct vsock_mux *m, struct vsock_packet *p)
{
    bool given = m->num_rsts > 0;

    if (given)
        take_rst(m, p);
    else
        given = give_conn(m, p);
    if (given)
        metric_inc(&metrics.vsock.rx_packets_count);
    return given;
}

/* --- life --- */

int vsock_mux_init(struct vsock_mux *m, struct worker *worker, const char *path,
                   uint64_t credit_ns, struct log_limit *guest_log)
{
    m->worker = worker;
    m->credit_ns = credit_ns;
    m->guest_log = guest_log;
    m->last_port = FIRST_PORT - 1;
    list_init(&m->due);
    list_init(&m->connecting);
    line_init(&m->waiting, on_deadline, m);
    line_init(&m->owing, on_credit, m);
    m->crowd = (struct worker_watch){
        .fd = host_crowd_open(), .fn = on_crowd, .ctx = m};
    m->retry = (struct worker_timer){.fn = on_retry, .ctx = m};
    m->path = heap_strdup(path);
    return m->path ? 0 : -ENOMEM;
}

void vsock_mux_reset(struct vsock_mux *m)
{
    for (unsigned n = 0; n < VSOCK_BUCKETS; n++)
        while (m->buckets[n])
            remove_entry(m, m->buckets[n]);
    m->num_rsts = 0;
    worker_timer_stop(m->worker, &m->waiting.timer);
    worker_timer_stop(m->worker, &m->owing.timer);
    worker_timer_stop(m->worker, &m->retry);
    worker_watch_stop(m->worker, &m->crowd);
}

void vsock_mux_release(struct vsock_mux *m)
{
    vsock_mux_reset(m);
    if (m->crowd.fd >= 0)
        close(m->crowd.fd);
    m->crowd.fd = -1;
    heap_free(m->path);
    m->path = NULL;
}
