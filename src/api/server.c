// SPDX-License-Identifier: Apache-2.0
/*
 * The server's thread: one poll() over the listener, a pipe to wake it, and the
 * connections. While a connection has requests to answer or bytes to send it is
 * not read: that bounds what it can make us keep.
 */

#include "api/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/macros.h"
#include "host/host.h"

enum { MAX_CONNS = 10, BACKLOG = SOMAXCONN, LINGER_MS = 1000, NO_FDS_MS = 10 };

#ifndef POLLRDHUP /* Linux alone tells of a half-close before the data */
#define POLLRDHUP 0
#endif
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

struct server_conn {
    int fd; /* owned; -1: free */
    struct http_parser in;
    struct server_call *call; /* in flight, borrowed */
    struct buf out;
    size_t sent;
};

struct server {
    struct server_config cfg;
    int listener; /* owned, as the pipe */
    int wake[2];
    pthread_t thread;
    struct server_conn conns[MAX_CONNS]; /* the thread's */
    bool out_of_fds;                     /* the thread's */

    pthread_mutex_t lock;
    struct server_call *done, **done_end; /* under lock */
    bool stop;                            /* under lock */
};

static const char too_many[] =
    "HTTP/1.1 503\r\nServer: Firecracker API\r\nConnection: close\r\n"
    "Content-Length: 40\r\n\r\n{ \"error\": \"Too many open connections\" }";

/* ---- the socket ---- */

static int make_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd < 0)
        return -errno;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static bool somebody_listens(const struct sockaddr_un *addr)
{
    int fd = make_socket();
    bool yes;

    if (fd < 0)
        return true;
    yes = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 ||
          errno == EAGAIN;
    close(fd);
    return yes;
}

#define CANNOT_RUN "Failed to bind and run the HTTP server: IO error: "

/* Upstream's sentence first: clients look for it. */
static int say_in_use(const struct sockaddr_un *addr, struct err *e)
{
    struct stat st;

    if (stat(addr->sun_path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return err_set(e, -EADDRINUSE,
                       "Failed to open the API socket at: %s. Check that it "
                       "is not already used. (It is not a socket: choose "
                       "another path with --api-sock.)",
                       addr->sun_path);
    if (somebody_listens(addr))
        return err_set(e, -EADDRINUSE,
                       "Failed to open the API socket at: %s. Check that it "
                       "is not already used. (A process listens on it: choose "
                       "another path with --api-sock.)",
                       addr->sun_path);
    return err_set(e, -EADDRINUSE,
                   "Failed to open the API socket at: %s. Check that it is "
                   "not already used. (Nobody listens on it, an earlier "
                   "process left it behind: remove it with `rm %s`.)",
                   addr->sun_path, addr->sun_path);
}

/* Listening follows at once: clients wait for the file and then connect. */
static int bind_private(int fd, const struct sockaddr_un *addr)
{
    mode_t mask = umask(0177); /* no other thread runs yet */
    int rc = bind(fd, (const struct sockaddr *)addr, sizeof(*addr));

    if (rc == 0)
        rc = listen(fd, BACKLOG);
    rc = rc < 0 ? -errno : 0;
    umask(mask);
    return rc;
}

static int cannot_bind(int rc, const char *path, struct err *e)
{
    return err_set(e, rc, CANNOT_RUN "%s (os error %d): %s", strerror(-rc), -rc,
                   *path ? path : "the path is empty");
}

int server_bind(const char *path, struct err *e)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd, rc;

    if (strlen(path) >= sizeof(addr.sun_path))
        return err_set(e, -ENAMETOOLONG,
                       CANNOT_RUN "path must be shorter than SUN_LEN "
                                  "(%.300s: it has %zu bytes, a socket's may "
                                  "have %zu)",
                       path, strlen(path), sizeof(addr.sun_path) - 1);
    strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
    fd = *path ? make_socket() : -ENOENT;
    if (fd < 0)
        return cannot_bind(fd, path, e);
    rc = bind_private(fd, &addr);
    if (rc == 0)
        return fd;
    close(fd);
    if (rc == -EADDRINUSE)
        return say_in_use(&addr, e);
    return cannot_bind(rc, path, e);
}

/* ---- connections ---- */

static void wake(struct server *s)
{
    ssize_t n;

    do
        n = write(s->wake[1], "", 1); /* a full pipe wakes as well */
    while (n < 0 && errno == EINTR);
}

static void drop_requests(struct server_conn *c)
{
    struct http_request *req;

    while ((req = http_next(&c->in)) != NULL)
        http_request_free(req);
}

/* A call in flight keeps the slot until it is done. */
static void conn_close(struct server_conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    http_parser_release(&c->in);
    buf_release(&c->out);
    c->sent = 0;
}

static void conn_write(struct server_conn *c)
{
    while (c->fd >= 0 && c->sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent,
                         MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            conn_close(c);
            return;
        }
        c->sent += (size_t)n;
    }
    c->sent = 0;
    buf_release(&c->out);
}

/* Answers what can be answered, up to one whose answer comes later. */
static void conn_serve(struct server *s, struct server_conn *c)
{
    struct http_request *req;

    while (!c->call && (req = http_next(&c->in)) != NULL) {
        c->call = s->cfg.serve(s->cfg.ctx, req, &c->out);
        if (c->call)
            c->call->conn = c;
    }
    if (c->out.failed)
        conn_close(c);
    conn_write(c);
}

static void conn_read_failed(struct server_conn *c, int error)
{
    struct buf text = {0};

    buf_printf(&text, "%s (os error %d)", strerror(error), error);
    http_respond(&c->out, 500, false, buf_text(&text), text.len);
    buf_release(&text);
    conn_write(c);
    conn_close(c);
}

static void conn_read(struct server *s, struct server_conn *c)
{
    size_t room;
    char *at = http_room(&c->in, &room);
    ssize_t n = recv(c->fd, at, room, 0);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n < 0) {
        conn_read_failed(c, errno);
        return;
    }
    if (n == 0) {
        conn_close(c);
        return;
    }
    if (http_parse(&c->in, (size_t)n) < 0) {
        buf_put(&c->out, buf_text(&c->in.fault), c->in.fault.len);
        drop_requests(c);
    }
    buf_put(&c->out, buf_text(&c->in.interim), c->in.interim.len);
    buf_clear(&c->in.interim);
    conn_serve(s, c);
}

/* A half-close is handled before what came with it, as upstream does: what was
   not read by then is neither done nor answered. */
static void conn_event(struct server *s, struct server_conn *c, int events)
{
    if (c->fd < 0 || !events)
        return;
    if (events & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) {
        conn_close(c);
        return;
    }
    if (events & POLLOUT) {
        conn_write(c);
        conn_serve(s, c);
    }
    if (c->fd >= 0 && (events & POLLIN))
        conn_read(s, c);
}

static struct server_conn *free_slot(struct server *s)
{
    for (size_t n = 0; n < MAX_CONNS; n++)
        if (s->conns[n].fd < 0 && !s->conns[n].call)
            return &s->conns[n];
    return NULL;
}

static void accept_one(struct server *s)
{
    int fd = accept(s->listener, NULL, NULL);
    struct server_conn *c;
    ssize_t n;

    s->out_of_fds = fd < 0 && (errno == EMFILE || errno == ENFILE);
    if (fd < 0)
        return;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    c = free_slot(s);
    if (!c) {
        n = send(fd, too_many, sizeof(too_many) - 1, MSG_NOSIGNAL);
        (void)n; /* it fits a new socket's buffer, or nobody is there */
        close(fd);
        return;
    }
    memset(c, 0, sizeof(*c));
    c->fd = fd;
    http_parser_init(&c->in, s->cfg.max_body);
}

/* ---- the thread ---- */

static struct server_call *take_done(struct server *s, bool *stop)
{
    struct server_call *done;

    pthread_mutex_lock(&s->lock);
    done = s->done;
    s->done = NULL;
    s->done_end = &s->done;
    *stop = s->stop;
    pthread_mutex_unlock(&s->lock);
    return done;
}

static void finish_calls(struct server *s, struct server_call *done)
{
    while (done) {
        struct server_call *call = done;
        struct server_conn *c = call->conn;

        done = call->next;
        c->call = NULL;
        s->cfg.finish(s->cfg.ctx, call, &c->out);
        if (c->fd < 0)
            buf_release(&c->out);
        else
            conn_serve(s, c);
    }
}

static short wanted(const struct server_conn *c)
{
    if (c->out.len)
        return POLLOUT | POLLRDHUP;
    return c->call ? POLLRDHUP : POLLIN | POLLRDHUP;
}

static void poll_once(struct server *s)
{
    struct pollfd fds[MAX_CONNS + 2];
    char drain[64];

    fds[0] = (struct pollfd){.fd = s->wake[0], .events = POLLIN};
    fds[1] = (struct pollfd){.fd = s->out_of_fds ? -1 : s->listener,
                             .events = POLLIN};
    for (size_t n = 0; n < MAX_CONNS; n++)
        fds[n + 2] = (struct pollfd){.fd = s->conns[n].fd,
                                     .events = wanted(&s->conns[n])};
    if (poll(fds, ARRAY_LEN(fds), s->out_of_fds ? NO_FDS_MS : -1) < 0)
        return;
    s->out_of_fds = false;
    if (fds[0].revents)
        while (read(s->wake[0], drain, sizeof(drain)) > 0)
            ;
    for (size_t n = 0; n < MAX_CONNS; n++)
        conn_event(s, &s->conns[n], fds[n + 2].revents);
    if (fds[1].revents)
        accept_one(s);
}

/* The last answers go out, as far as their readers take them in time. */
static void say_goodbye(struct server *s)
{
    uint64_t end = host_mono_ns() + LINGER_MS * 1000000ull;

    for (size_t n = 0; n < MAX_CONNS; n++) {
        struct server_conn *c = &s->conns[n];

        while (c->fd >= 0 && c->out.len && host_mono_ns() < end) {
            struct pollfd fd = {.fd = c->fd, .events = POLLOUT};

            poll(&fd, 1, 10);
            conn_write(c);
        }
        conn_close(c);
    }
}

static void *server_thread(void *arg)
{
    struct server *s = arg;
    bool stop;

    log_thread_name("fc_api");
    for (;;) {
        finish_calls(s, take_done(s, &stop));
        if (stop)
            break;
        poll_once(s);
    }
    say_goodbye(s);
    return NULL;
}

void server_done(struct server *s, struct server_call *call)
{
    call->next = NULL;
    pthread_mutex_lock(&s->lock);
    *s->done_end = call;
    s->done_end = &call->next;
    pthread_mutex_unlock(&s->lock);
    wake(s);
}

/* ---- life ---- */

static void release(struct server *s)
{
    close(s->listener);
    close(s->wake[0]);
    close(s->wake[1]);
    pthread_mutex_destroy(&s->lock);
    heap_free(s);
}

static int make_pipe(int fds[2])
{
    if (pipe(fds) < 0)
        return -errno;
    for (int n = 0; n < 2; n++) {
        fcntl(fds[n], F_SETFD, FD_CLOEXEC);
        fcntl(fds[n], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

struct server *server_new(int fd, const struct server_config *cfg,
                          struct err *e)
{
    struct server *s = heap_zalloc(sizeof(*s));
    int rc;

    if (!s || make_pipe(s->wake) < 0) {
        heap_free(s);
        close(fd);
        err_set(e, -ENOMEM,
                "cannot make the API's server: out of memory or "
                "file descriptors");
        return NULL;
    }
    s->cfg = *cfg;
    s->listener = fd;
    s->done_end = &s->done;
    pthread_mutex_init(&s->lock, NULL);
    for (size_t n = 0; n < MAX_CONNS; n++)
        s->conns[n].fd = -1;
    rc = host_thread_start(&s->thread, server_thread, s);
    if (rc < 0) {
        err_set(e, rc, "cannot start the API's thread: %s", strerror(-rc));
        release(s);
        return NULL;
    }
    return s;
}

void server_free(struct server *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_mutex_unlock(&s->lock);
    wake(s);
    pthread_join(s->thread, NULL);
    release(s);
}
