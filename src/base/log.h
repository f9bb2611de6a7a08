// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The log: one sink, Firecracker's line format
 *     YYYY-MM-DDTHH:MM:SS.nnnnnnnnn [ID:THREAD[:LEVEL][:FILE:LINE]] message
 * Any thread may log; a line is written whole or lost, never blocks. (One of
 * more than 4 KiB to a pipe whose reader sleeps may be cut.)
 * A function that returns an error does not log it. base/, mem/ and
 * accel/soft/ do not log.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum log_level { LOG_OFF, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

/* Any thread may set it up. The strings are copied: 64 bytes of the id, 255 of
   the module. fd < 0: nothing is written. A module is a source file's path
   below src/, without its ending; only those that begin with `module` log
   (NULL: all). It may be spelt with slashes or, as upstream's are, with double
   colons. */
struct log_config {
    const char *id;
    int fd;
    enum log_level level;
    bool show_level;
    bool show_origin;
    const char *module;
};
void log_configure(const struct log_config *cfg);

/* As it is set up now: the strings last until it is set up again. */
void log_current(struct log_config *cfg);

/* Would a line of this level be written, from a module that may log? */
bool log_enabled(enum log_level level);

/* Opens a file or FIFO to log to: the fd, which is the caller's, or a negative
   errno. An existing file is overwritten from its start, not cut. */
int log_open(const char *path, struct err *e);

/* A terminal that we write to does not begin a new line by itself now. Also in
   handlers of signals. */
void log_raw_terminal(bool raw);

/* Lines lost because the sink was full or gone. */
uint64_t log_missed(void);

/* Names the calling thread, in log lines and for the host. `name` is copied:
   15 bytes of it at most. */
void log_thread_name(const char *name);

void log_at(enum log_level level, const char *file, int line, const char *fmt,
            ...) __attribute__((format(printf, 4, 5)));

#define log_error(...) log_at(LOG_ERROR, __FILE__, __LINE__, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __FILE__, __LINE__, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __FILE__, __LINE__, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __FILE__, __LINE__, __VA_ARGS__)

/* Whatever a guest can provoke goes through one of these, a member of the
   device: 10 lines in 5 s, then one that counts the suppressed. */
struct log_limit {
    uint64_t window_start_ns;
    uint32_t in_window;
    uint32_t suppressed;
};

/* True if the line may be written now. Call under the device's own lock. */
bool log_limit_take(struct log_limit *limit);

#define log_guest(limit, ...)      \
    do {                           \
        if (log_limit_take(limit)) \
            log_warn(__VA_ARGS__); \
    } while (0)
