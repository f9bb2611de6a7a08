// SPDX-License-Identifier: Apache-2.0
/* The log sink and its line format. */

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/macros.h"
#include "base/metrics.h"

enum {
    LIMIT_LINES = 10,
    LIMIT_S = 5,
    SHORT_BYTES = 2048,   /* of lines that need no memory */
    LONG_BYTES = 1 << 20, /* of any: the rest is cut off */
    CHUNK_BYTES = 4096,   /* what a pipe has room for that polls writable */
    READER_MS = 20        /* how long the rest of a long line may wait */
};

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static char sink_id[65] = "anonymous-instance", sink_module[256];
static struct log_config sink = {
    .id = sink_id, .fd = -1, .level = LOG_INFO}; /* under sink_lock */
static bool sink_is_tty;                         /* under sink_lock */
static atomic_bool raw_terminal;
static atomic_uint_least64_t missed;
static _Thread_local char thread_name[16] = "main";

/* A line on its way out. */
struct line {
    int fd;
    bool is_tty;
    char *text; /* buf, or more */
    size_t len;
    char *more; /* owned; NULL: none was needed */
    char buf[SHORT_BYTES];
};

static const char *const level_names[] = {
    [LOG_OFF] = "OFF",   [LOG_ERROR] = "ERROR", [LOG_WARN] = "WARN",
    [LOG_INFO] = "INFO", [LOG_DEBUG] = "DEBUG", [LOG_TRACE] = "TRACE",
};

/* A signal may hit a thread that holds the lock, and its handler logs, too: who
   does not get the lock in a while goes on without. */
static bool lock_sink(void)
{
    for (int n = 0; n < 1000; n++) {
        if (pthread_mutex_trylock(&sink_lock) == 0)
            return true;
        sched_yield();
    }
    return false;
}

static void unlock_sink(bool locked)
{
    if (locked)
        pthread_mutex_unlock(&sink_lock);
}

void log_configure(const struct log_config *cfg)
{
    bool locked = lock_sink();
    struct log_config next = *cfg;

    if (cfg->id != sink_id)
        snprintf(sink_id, sizeof(sink_id), "%s", cfg->id);
    if (cfg->module && cfg->module != sink_module)
        snprintf(sink_module, sizeof(sink_module), "%s", cfg->module);
    next.id = sink_id;
    next.module = cfg->module ? sink_module : NULL;
    if (next.fd != sink.fd)
        sink_is_tty = next.fd >= 0 && isatty(next.fd);
    sink = next;
    unlock_sink(locked);
}

void log_raw_terminal(bool raw)
{
    atomic_store(&raw_terminal, raw);
}

/* True: the sink is a terminal. */
static bool current(struct log_config *cfg)
{
    bool locked = lock_sink(), is_tty = sink_is_tty;

    *cfg = sink;
    unlock_sink(locked);
    return is_tty;
}

void log_current(struct log_config *cfg)
{
    current(cfg);
}

bool log_enabled(enum log_level level)
{
    struct log_config cfg;

    log_current(&cfg);
    return cfg.fd >= 0 && level <= cfg.level;
}

int log_open(const char *path, struct err *e)
{
    int fd =
        open(path, O_CREAT | O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0666);

    if (fd < 0)
        return err_set(e, -errno,
                       "Failed to open target file: %s (os error %d)",
                       strerror(errno), errno);
    return fd;
}

uint64_t log_missed(void)
{
    return atomic_load_explicit(&missed, memory_order_relaxed);
}

/* The path below src/, where the build may have been started anywhere. */
static const char *below_src(const char *file)
{
    const char *at = strstr(file, "src/"), *last = file;

    for (; at; at = strstr(last, "src/"))
        last = at + 4;
    return last;
}

static bool module_matches(const char *filter, const char *file)
{
    if (strncmp(filter, "squib::", 7) == 0)
        filter += 7;
    for (; *filter && *file && *file != '.'; file++) {
        if (*file == '/' && strncmp(filter, "::", 2) == 0)
            filter += 2;
        else if (*file == *filter)
            filter++;
        else
            return false;
    }
    return *filter == 0;
}

void log_thread_name(const char *name)
{
    snprintf(thread_name, sizeof(thread_name), "%s", name);
#ifdef __APPLE__
    pthread_setname_np(thread_name);
#else
    pthread_setname_np(pthread_self(), thread_name);
#endif
}

static int put_head(const struct log_config *cfg, char *buf, size_t size,
                    enum log_level level, const char *file, int line)
{
    struct timespec now;
    struct tm tm;
    char when[32], origin[64] = "";

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    if (cfg->show_origin)
        snprintf(origin, sizeof(origin), ":src/%.40s:%d", below_src(file),
                 line);
    return snprintf(buf, size, "%s.%09ld [%s:%s%s%s%s] ", when, now.tv_nsec,
                    cfg->id, thread_name, cfg->show_level ? ":" : "",
                    cfg->show_level ? level_names[level] : "", origin);
}

static bool put_chunk(int fd, const char *from, size_t len, int wait_ms)
{
    struct pollfd sink_fd = {.fd = fd, .events = POLLOUT};

    return poll(&sink_fd, 1, wait_ms) == 1 &&
           !(sink_fd.revents & (POLLERR | POLLNVAL)) &&
           write(fd, from, len) == (ssize_t)len;
}

/* A full or dead sink loses the line, never stops the guest: a pipe that polls
   writable has room for a chunk (PIPE_BUF), and one without a reader is not
   written to, so that no SIGPIPE comes of it. */
static void put_line(const struct line *l)
{
    size_t at = 0;

    while (at < l->len) {
        size_t part = MIN(l->len - at, (size_t)CHUNK_BYTES);

        if (!put_chunk(l->fd, l->text + at, part, at ? READER_MS : 0))
            break;
        at += part;
    }
    if (at < l->len)
        atomic_fetch_add_explicit(&missed, 1, memory_order_relaxed);
}

/* What does not fit gets memory of its own, or is cut off. */
__attribute__((format(printf, 3, 0))) static void
put_message(struct line *l, size_t head, const char *fmt, va_list ap)
{
    size_t room = sizeof(l->buf) - head - 2; /* for the end of the line */
    va_list again;
    int n;

    va_copy(again, ap);
    n = vsnprintf(l->buf + head, room, fmt, ap);
    l->len = head + (n < 0 ? 0 : MIN((size_t)n, room - 1));
    if (n >= (int)room) {
        size_t bytes = MIN((size_t)n + 1, (size_t)LONG_BYTES);

        l->more = heap_alloc(head + bytes + 2);
        if (l->more) {
            memcpy(l->more, l->buf, head);
            vsnprintf(l->more + head, bytes, fmt, again);
            l->text = l->more;
            l->len = head + bytes - 1;
        }
    }
    va_end(again);
}

static void end_line(struct line *l)
{
    if (l->is_tty && atomic_load(&raw_terminal))
        l->text[l->len++] = '\r';
    l->text[l->len++] = '\n';
}

void log_at(enum log_level level, const char *file, int line, const char *fmt,
            ...)
{
    struct log_config cfg;
    struct line l;
    va_list ap;
    bool locked;
    int n;

    l.is_tty = current(&cfg);
    if (cfg.fd < 0 || level > cfg.level ||
        (cfg.module && !module_matches(cfg.module, below_src(file))))
        return;
    l.fd = cfg.fd;
    l.text = l.buf;
    l.more = NULL;
    n = put_head(&cfg, l.buf, sizeof(l.buf) / 2, level, file, line);
    va_start(ap, fmt);
    put_message(&l, n < 0 ? 0 : MIN((size_t)n, sizeof(l.buf) / 2 - 1), fmt, ap);
    va_end(ap);
    end_line(&l);
    locked = lock_sink(); /* no line in the middle of a long one */
    put_line(&l);
    unlock_sink(locked);
    heap_free(l.more);
}

bool log_limit_take(struct log_limit *limit)
{
    struct timespec ts;
    uint64_t now;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    now = (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
    if (now - limit->window_start_ns >= LIMIT_S * 1000000000ull) {
        if (limit->suppressed)
            log_warn("%u messages were suppressed due to rate limiting",
                     limit->suppressed);
        *limit = (struct log_limit){.window_start_ns = now};
    }
    if (limit->in_window >= LIMIT_LINES) {
        limit->suppressed++;
        metric_inc(&metrics.logger.rate_limited_log_count);
        return false;
    }
    limit->in_window++;
    return true;
}
