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

#include "base/macros.h"

enum { LIMIT_LINES = 10, LIMIT_S = 5, LINE_MAX_BYTES = 2048 };

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static char sink_id[65] = "anonymous-instance", sink_module[256];
static struct log_config sink = {
    .id = sink_id, .fd = -1, .level = LOG_INFO}; /* under sink_lock */
static atomic_uint_least64_t missed;
static _Thread_local char thread_name[16] = "main";

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
    sink = next;
    unlock_sink(locked);
}

void log_current(struct log_config *cfg)
{
    bool locked = lock_sink();

    *cfg = sink;
    unlock_sink(locked);
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

/* A full or dead sink loses the line, never stops the guest: a pipe that polls
   writable has room for any line (PIPE_BUF), and one without a reader is not
   written to, so that no SIGPIPE comes of it. */
static void put_line(int fd, const char *line, size_t len)
{
    struct pollfd sink_fd = {.fd = fd, .events = POLLOUT};

    static_assert(LINE_MAX_BYTES <= 4096, "a line is written whole");
    if (poll(&sink_fd, 1, 0) != 1 || (sink_fd.revents & (POLLERR | POLLNVAL)) ||
        write(fd, line, len) < 0)
        atomic_fetch_add_explicit(&missed, 1, memory_order_relaxed);
}

void log_at(enum log_level level, const char *file, int line, const char *fmt,
            ...)
{
    char buf[LINE_MAX_BYTES];
    struct log_config cfg;
    va_list ap;
    size_t len;
    int n;

    log_current(&cfg);
    if (cfg.fd < 0 || level > cfg.level ||
        (cfg.module && !module_matches(cfg.module, below_src(file))))
        return;
    n = put_head(&cfg, buf, sizeof(buf), level, file, line);
    len = n < 0 ? 0 : MIN((size_t)n, sizeof(buf) - 2);
    va_start(ap, fmt);
    n = vsnprintf(buf + len, sizeof(buf) - len - 1, fmt, ap);
    va_end(ap);
    len += n < 0 ? 0 : MIN((size_t)n, sizeof(buf) - len - 2);
    buf[len++] = '\n';
    put_line(cfg.fd, buf, len);
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
        return false;
    }
    limit->in_window++;
    return true;
}
