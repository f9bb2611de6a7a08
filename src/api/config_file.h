// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Firecracker's configuration file: one JSON object whose keys are the API's
 * resources, and "squib" for what is our own. Unknown keys at the top are
 * ignored, as Firecracker does; inside the objects they are refused.
 */

#include "base/buf.h"
#include "vm/config.h"

/* Larger files are refused. */
enum { CONFIG_FILE_MAX = 4 << 20 };

struct config_file; /* what the file says, before any of it is applied */

/* Reads the text, which is the caller's to release, also on failure. A pipe is
   read to its end, as a shell's <(...) needs it. */
int config_file_read(const char *path, struct buf *text, struct err *e);

/* The same of another file, which the sentence calls "the WHAT file". */
int config_file_read_as(const char *path, const char *what, struct buf *text,
                        struct err *e);

/* NULL on failure. */
struct config_file *config_file_parse(const char *text, size_t len,
                                      struct err *e);
void config_file_free(struct config_file *file); /* takes NULL */

/* All of it, logger and metrics first; moves what devices own out of the file.
   `id` is the instance's, for the metrics. */
int config_file_apply(struct config_file *file, struct vm_config *cfg,
                      const char *id, struct err *e);
