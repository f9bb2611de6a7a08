// SPDX-License-Identifier: Apache-2.0
/* The log sink and its line format. */

#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/macros.h"

enum { LIMIT_LINES = 10, LIMIT_S = 5 };

static struct log_config sink = {
    .id = "anonymous-instance", .fd = -1, .level = LOG_INFO};
static _Thread_local char thread_name[16] = "main";

static const char *const level_names[] = {
    [LOG_OFF] = "OFF",   [LOG_ERROR] = "ERROR", [LOG_WARN] = "WARN",
    [LOG_INFO] = "INFO", [LOG_DEBUG] = "DEBUG", [LOG_TRACE] = "TRACE",
};

void log_configure(const struct log_config *cfg)
{
    sink = *cfg;
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

static int put_head(char *buf, size_t size, enum log_level level,
                    const char *file, int line)
{
    struct timespec now;
    struct tm tm;
    char when[32], origin[64] = "";

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    if (sink.show_origin)
        snprintf(origin, sizeof(origin), ":%.40s:%d", file, line);
    return snprintf(buf, size, "%s.%09ld [%s:%s%s%s%s] ", when, now.tv_nsec,
                    sink.id, thread_name, sink.show_level ? ":" : "",
                    sink.show_level ? level_names[level] : "", origin);
}

void log_at(enum log_level level, const char *file, int line, const char *fmt,
            ...)
{
    char buf[2048];
    va_list ap;
    size_t len;
    int n;

    if (sink.fd < 0 || level > sink.level)
        return;
    n = put_head(buf, sizeof(buf), level, file, line);
    len = n < 0 ? 0 : MIN((size_t)n, sizeof(buf) - 2);
    va_start(ap, fmt);
    n = vsnprintf(buf + len, sizeof(buf) - len - 1, fmt, ap);
    va_end(ap);
    len += n < 0 ? 0 : MIN((size_t)n, sizeof(buf) - len - 2);
    buf[len++] = '\n';
    if (write(sink.fd, buf, len) < 0)
        return; /* a full or dead sink loses the line, never stops the guest */
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
