// SPDX-License-Identifier: Apache-2.0
/* The tables of the API's resources. */

#include "api/resources.h"

#include <strings.h>

#include "base/log.h"
#include "base/macros.h"
#include "vm/config.h"

/* clang-format off */
static const struct json_field boot_source_fields[] = {
#define AT(member) .offset = offsetof(struct boot_source, member)
    {"kernel_image_path", JSON_STRING, JSON_REQUIRED, AT(kernel_image_path)},
    {"initrd_path", JSON_STRING, JSON_NULLABLE, AT(initrd_path)},
    {"boot_args", JSON_STRING, JSON_NULLABLE, AT(boot_args)},
#undef AT
};

const struct json_schema boot_source_schema = {
    JSON_SCHEMA(struct boot_source, "BootSourceConfig", boot_source_fields)};

static const char *const cpu_templates[] = {
    [CPU_TEMPLATE_V1N1] = "V1N1", [CPU_TEMPLATE_NONE] = "None", NULL};

static const char *const huge_page_names[] = {
    [HUGE_NONE] = "None", [HUGE_TRANSPARENT] = "Transparent",
    [HUGE_2M] = "2M", NULL};

/* What `huge_pages` is in the objects of PUT and GET is an Option in PATCH. */
#define AT(member) .offset = offsetof(struct machine_config, member)
#define MACHINE_FIELDS(required, optional)                                  \
    {"vcpu_count", JSON_U8, required, AT(vcpu_count)},                       \
    {"mem_size_mib", JSON_USIZE, required, AT(mem_size_mib)},                \
    {"smt", JSON_BOOL, optional, AT(smt)},                                   \
    {"cpu_template", JSON_ENUM, JSON_NULLABLE | JSON_OMIT, AT(cpu_template), \
     .variants = cpu_templates, .value = CPU_TEMPLATE_NONE},                 \
    {"track_dirty_pages", JSON_BOOL, optional, AT(track_dirty_pages)},       \
    {"huge_pages", JSON_ENUM, optional, AT(huge_pages),                      \
     .variants = huge_page_names, .value = HUGE_NONE}

static const struct json_field machine_config_fields[] = {
    MACHINE_FIELDS(JSON_REQUIRED, 0)};
static const struct json_field machine_update_fields[] = {
    MACHINE_FIELDS(JSON_NULLABLE, JSON_NULLABLE)};
#undef MACHINE_FIELDS
#undef AT

const struct json_schema machine_config_schema = {
    JSON_SCHEMA(struct machine_config, "MachineConfig", machine_config_fields)};
const struct json_schema machine_update_schema = {
    JSON_SCHEMA(struct machine_config, "MachineConfigUpdate",
                machine_update_fields)};

static const struct json_field logger_config_fields[] = {
#define AT(member) .offset = offsetof(struct logger_config, member)
    {"log_path", JSON_PATH, JSON_NULLABLE, AT(log_path)},
    {"level", JSON_WORD, JSON_NULLABLE, AT(level), .value = LOG_INFO,
     .word = log_level_parse, .complaint = "Invalid LevelFilter"},
    {"show_level", JSON_BOOL, JSON_NULLABLE, AT(show_level)},
    {"show_log_origin", JSON_BOOL, JSON_NULLABLE, AT(show_log_origin)},
    {"module", JSON_STRING, JSON_NULLABLE, AT(module)},
#undef AT
};

const struct json_schema logger_config_schema = {
    JSON_SCHEMA(struct logger_config, "LoggerConfig", logger_config_fields)};

static const struct json_field squib_config_fields[] = {
    {"accel", JSON_STRING, JSON_NULLABLE,
     .offset = offsetof(struct squib_config, accel)},
};

const struct json_schema squib_config_schema = {
    JSON_SCHEMA(struct squib_config, "SquibConfig", squib_config_fields)};
/* clang-format on */

bool log_level_parse(const char *text, uint32_t *level)
{
    static const struct {
        const char *name;
        enum log_level level;
    } words[] = {
        {"off", LOG_OFF},      {"error", LOG_ERROR}, {"warn", LOG_WARN},
        {"warning", LOG_WARN}, {"info", LOG_INFO},   {"debug", LOG_DEBUG},
        {"trace", LOG_TRACE},
    };

    for (size_t n = 0; n < ARRAY_LEN(words); n++) {
        if (strcasecmp(text, words[n].name) == 0) {
            *level = words[n].level;
            return true;
        }
    }
    return false;
}
