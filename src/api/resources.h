// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The resources of Firecracker's API that exist so far, as structs and as the
 * tables that read and write them. The API and the config file share them.
 */

#include <stdbool.h>
#include <stdint.h>

#include "api/schema.h"

struct boot_source {
    char *kernel_image_path;
    char *initrd_path;
    char *boot_args;
    uint64_t given;
};
extern const struct json_schema boot_source_schema;

enum cpu_template { CPU_TEMPLATE_V1N1, CPU_TEMPLATE_NONE };

struct machine_config {
    uint8_t vcpu_count;
    uint64_t mem_size_mib;
    bool smt;
    uint32_t cpu_template; /* enum cpu_template */
    bool track_dirty_pages;
    uint32_t huge_pages; /* enum huge_pages */
    uint64_t given;
};
extern const struct json_schema machine_config_schema;

/* The same for PATCH: all of it may be left out. */
extern const struct json_schema machine_update_schema;

struct logger_config {
    char *log_path;
    uint32_t level; /* enum log_level */
    bool show_level;
    bool show_log_origin;
    char *module;
    uint64_t given;
};
extern const struct json_schema logger_config_schema;

/* What stands under the key "squib": our own settings. */
struct squib_config {
    char *accel;
    uint64_t given;
};
extern const struct json_schema squib_config_schema;

/* Off, Trace, Debug, Info, Warn or Warning, Error, in any case. */
bool log_level_parse(const char *text, uint32_t *level);
