// SPDX-License-Identifier: Apache-2.0
/* Setting up the log and the metrics. */

#include "api/logger.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/metrics.h"

/* Another thread may be writing to the old file: its descriptor stays, and
   becomes the new file's. */
int logger_set_path(const char *path, struct err *e)
{
    int fd = log_open(path, e);
    struct log_config cfg;

    if (fd < 0)
        return fd;
    log_current(&cfg);
    if (cfg.fd > STDERR_FILENO) {
        dup2(fd, cfg.fd);
        close(fd);
    } else {
        cfg.fd = fd;
        log_configure(&cfg);
    }
    return 0;
}

static bool given_at(const struct logger_config *given, size_t offset)
{
    return json_given(&logger_config_schema, given, offset);
}

int logger_apply(const struct logger_config *given, struct err *e)
{
    struct log_config cfg;
    int rc = 0;

    if (given->log_path)
        rc = logger_set_path(given->log_path, e);
    if (rc < 0)
        return rc;
    log_current(&cfg);
    cfg.level = (enum log_level)given->level;
    if (given_at(given, offsetof(struct logger_config, show_level)))
        cfg.show_level = given->show_level;
    if (given_at(given, offsetof(struct logger_config, show_log_origin)))
        cfg.show_origin = given->show_log_origin;
    if (given->module)
        cfg.module = given->module;
    log_configure(&cfg);
    return 0;
}

int metrics_apply(const struct metrics_config *given, const char *id,
                  struct err *e)
{
    struct buf properties = {0};
    int rc;

    buf_put(&properties, given->properties.at ? given->properties.at : "",
            given->properties.len);
    rc = metrics_open(given->path, given->emit_id ? id : NULL,
                      properties.len ? buf_text(&properties) : NULL, e);
    buf_release(&properties);
    return rc;
}
