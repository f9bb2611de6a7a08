// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The process's log and metrics as the API and the configuration file set
   them. The sentences carry no prefix. Any thread. */

#include "api/device_schemas.h"
#include "api/resources.h"

/* On top of what is set; a level that is not given is Info again. */
int logger_apply(const struct logger_config *given, struct err *e);

/* Logs to this file or FIFO from now on. */
int logger_set_path(const char *path, struct err *e);

/* Once a process. */
int metrics_apply(const struct metrics_config *given, const char *id,
                  struct err *e);
