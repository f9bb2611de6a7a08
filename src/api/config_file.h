// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Firecracker's configuration file: one JSON object whose keys are the API's
 * resources, and "squib" for what is our own. Unknown keys at the top are
 * ignored, as Firecracker does; inside the objects they are refused.
 */

#include "api/resources.h"
#include "base/buf.h"
#include "vm/config.h"

/* Larger files are refused. */
enum { CONFIG_FILE_MAX = 4 << 20 };

/* What the file says, before any of it is applied. */
struct config_file {
    struct boot_source boot_source;
    struct machine_config machine_config;
    struct logger_config logger;
    struct squib_config squib;
    bool has_machine_config;
    bool has_logger;
    const char *missing; /* a feature it asks for that is not there yet */
};

/* Reads the text, which is the caller's to release, also on failure. A pipe is
   read to its end, as a shell's <(...) needs it. */
int config_file_read(const char *path, struct buf *text, struct err *e);

/* On failure there is nothing to release. */
int config_file_parse(const char *text, size_t len, struct config_file *file,
                      struct err *e);
void config_file_release(struct config_file *file);

/* All but the logger, which is the caller's and comes first. */
int config_file_apply(const struct config_file *file, struct vm_config *cfg,
                      struct err *e);
