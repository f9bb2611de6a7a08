// SPDX-License-Identifier: Apache-2.0
/* Reads Firecracker's configuration file. */

#include "api/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "api/apply.h"
#include "api/cpu_config.h"
#include "api/device_schemas.h"
#include "api/json_lex.h"
#include "api/jvalue.h"
#include "api/logger.h"
#include "api/resources.h"
#include "base/heap.h"
#include "base/macros.h"

/* The whole file. */
struct document {
    struct json_list drives;
    struct boot_source boot_source;
    struct json_span cpu_config;
    struct logger_config logger;
    struct machine_config machine_config;
    struct balloon_config balloon;
    struct metrics_config metrics;
    struct mmds_config mmds;
    struct json_list nets;
    struct vsock_config vsock;
    struct entropy_config entropy;
    struct json_list pmems;
    struct memory_hotplug_config memory_hotplug;
    struct squib_config squib;
    uint64_t given;
};

static const struct json_field drive_element = {"", JSON_OBJECT,
                                                .object = &drive_schema};
static const struct json_field net_element = {"", JSON_OBJECT,
                                              .object = &net_schema};
static const struct json_field pmem_element = {"", JSON_OBJECT,
                                               .object = &pmem_schema};

/* clang-format off */
#define AT(member) .offset = offsetof(struct document, member)
#define OBJECT(name, member, schema) \
    {name, JSON_OBJECT, JSON_NULLABLE, AT(member), .object = &(schema)}
static const struct json_field document_fields[] = {
    OBJECT("balloon", balloon, balloon_schema),
    {"drives", JSON_LIST, JSON_REQUIRED, AT(drives),
     .element = &drive_element},
    {"boot-source", JSON_OBJECT, JSON_REQUIRED, AT(boot_source),
     .object = &boot_source_schema},
    {"cpu-config", JSON_ANY, JSON_NULLABLE, AT(cpu_config)},
    OBJECT("logger", logger, logger_config_schema),
    OBJECT("machine-config", machine_config, machine_config_schema),
    OBJECT("metrics", metrics, metrics_config_schema),
    OBJECT("mmds-config", mmds, mmds_config_schema),
    {"network-interfaces", JSON_LIST, 0, AT(nets), .element = &net_element},
    OBJECT("vsock", vsock, vsock_schema),
    OBJECT("entropy", entropy, entropy_schema),
    {"pmem", JSON_LIST, 0, AT(pmems), .element = &pmem_element},
    OBJECT("memory-hotplug", memory_hotplug, memory_hotplug_schema),
    OBJECT("squib", squib, squib_config_schema),
};
#undef OBJECT
#undef AT

static const struct json_schema document_schema = {
    JSON_SCHEMA(struct document, "VmmConfig", document_fields),
    .tolerant = true};
/* clang-format on */

struct config_file {
    struct buf text; /* what spans point into */
    struct document doc;
};

static bool was_given(const struct config_file *file, size_t offset)
{
    return json_given(&document_schema, &file->doc, offset);
}
#define GIVEN(member) was_given(file, offsetof(struct document, member))

struct config_file *config_file_parse(const char *text, size_t len,
                                      struct err *e)
{
    struct config_file *file = heap_zalloc(sizeof(*file));
    int rc;

    if (!file || buf_put(&file->text, text, len) < 0) {
        err_set(e, -ENOMEM, "out of memory");
        heap_free(file);
        return NULL;
    }
    rc =
        json_parse(buf_text(&file->text), len, &document_schema, &file->doc, e);
    if (rc == 0)
        return file;
    err_prefix(e, "Configuration for VMM from one single json failed: "
                  "Invalid JSON");
    buf_release(&file->text);
    heap_free(file);
    return NULL;
}

void config_file_free(struct config_file *file)
{
    if (!file)
        return;
    json_free(&document_schema, &file->doc);
    buf_release(&file->text);
    heap_free(file);
}

/* ---- the file itself ---- */

static int read_error(struct err *e, int rc, const char *what, const char *path)
{
    return err_set(e, rc,
                   "Unable to open or read from the %s file: "
                   "%s (os error %d): %.200s",
                   what, strerror(-rc), -rc, path);
}

static int read_all(int fd, const char *what, const char *path,
                    struct buf *text, struct err *e)
{
    char chunk[16384];

    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return read_error(e, -errno, what, path);
        if (n == 0)
            return 0;
        if (buf_put(text, chunk, (size_t)n) < 0)
            return read_error(e, -ENOMEM, what, path);
        if (text->len > CONFIG_FILE_MAX)
            return err_set(e, -EFBIG,
                           "Unable to open or read from the %s file: more "
                           "than %d MiB, is this the right file? %.200s",
                           what, CONFIG_FILE_MAX >> 20, path);
    }
}

int config_file_read_as(const char *path, const char *what, struct buf *text,
                        struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

    if (fd < 0)
        return read_error(e, -errno, what, path);
    rc = read_all(fd, what, path, text, e);
    close(fd);
    if (rc == 0 && !json_is_utf8(text->data, text->len))
        rc = err_set(e, -EILSEQ,
                     "Unable to open or read from the %s file: stream did not "
                     "contain valid UTF-8: %.200s",
                     what, path);
    return rc;
}

int config_file_read(const char *path, struct buf *text, struct err *e)
{
    return config_file_read_as(path, "configuration", text, e);
}

/* ---- into the configuration ---- */

static int prefixed(int rc, const char *prefix, struct err *e)
{
    if (rc < 0)
        err_prefix(e, "%s", prefix);
    return rc;
}

static int parse_cpu_config(const struct buf *text, struct vm_config *cfg,
                            struct err *e)
{
    struct cpu_config cpu;
    int rc = json_parse(buf_text(text), text->len, &cpu_config_schema, &cpu, e);

    if (rc == 0) {
        rc = cpu_config_check(&cpu, e);
        cfg->has_custom_template = !cpu_config_is_empty(&cpu);
        cfg->has_v1n1_template = false;
        json_free(&cpu_config_schema, &cpu);
    }
    return prefixed(rc, "Invalid JSON", e);
}

static int read_cpu_config(const char *path, struct buf *text, struct err *e)
{
    int rc = config_file_read_as(path, "CPU template", text, e);

    if (rc < 0)
        err_set(e, rc, "File operation error: %s (os error %d): %.200s",
                strerror(-rc), -rc, path);
    return rc;
}

/* The object itself, or a string with the path of a file that holds it. */
static int apply_cpu_config(const struct json_span *given,
                            struct vm_config *cfg, struct err *e)
{
    struct jvalue value;
    struct buf text = {0};
    int rc = jvalue_parse(&value, given->at, given->len, e);

    if (rc < 0)
        return rc;
    if (value.kind == JV_STRING)
        rc = read_cpu_config(buf_text(&value.text), &text, e);
    else
        jvalue_write(&text, &value);
    if (rc == 0)
        rc = parse_cpu_config(&text, cfg, e);
    buf_release(&text);
    jvalue_release(&value);
    return rc;
}

static int apply_process(struct config_file *file, const char *id,
                         struct err *e)
{
    int rc = 0;

    if (GIVEN(logger))
        rc = prefixed(logger_apply(&file->doc.logger, e), "Logger error", e);
    if (rc == 0 && GIVEN(metrics))
        rc = prefixed(metrics_apply(&file->doc.metrics, id, e), "Metrics error",
                      e);
    return rc;
}

static int apply_machine(struct config_file *file, struct vm_config *cfg,
                         struct err *e)
{
    struct document *doc = &file->doc;
    int rc = 0;

    if (GIVEN(machine_config))
        rc = prefixed(machine_config_apply(&doc->machine_config, cfg, e),
                      "VM config error", e);
    if (rc == 0 && GIVEN(cpu_config))
        rc = apply_cpu_config(&doc->cpu_config, cfg, e);
    if (rc == 0)
        rc = prefixed(boot_source_apply(&doc->boot_source, cfg, e),
                      "Boot source error", e);
    if (rc == 0 && doc->squib.accel &&
        vm_config_set(&cfg->accel, doc->squib.accel) < 0)
        rc = err_set(e, -ENOMEM, "out of memory");
    return rc;
}

static int apply_lists(struct document *doc, struct vm_devices *d,
                       struct err *e)
{
    struct drive_config *drives = doc->drives.items;
    struct net_config *nets = doc->nets.items;
    int rc = 0;

    for (size_t n = 0; rc == 0 && n < doc->drives.count; n++)
        rc = prefixed(devices_put_drive(d, &drives[n], e), "Block device error",
                      e);
    for (size_t n = 0; rc == 0 && n < doc->nets.count; n++)
        rc = prefixed(devices_put_net(d, &nets[n], e), "Network device error",
                      e);
    return rc;
}

static int apply_devices(struct config_file *file, struct vm_config *cfg,
                         struct err *e)
{
    struct document *doc = &file->doc;
    struct vm_devices *d = &cfg->devices;
    struct pmem_config *pmems = doc->pmems.items;
    int rc = apply_lists(doc, d, e);

    if (rc == 0 && GIVEN(vsock))
        rc = prefixed(devices_put_vsock(d, &doc->vsock, e),
                      "Vsock device error", e);
    if (rc == 0 && GIVEN(balloon))
        rc = prefixed(
            devices_put_balloon(d, &doc->balloon, cfg->mem_size_mib, e),
            "Balloon device error", e);
    if (rc == 0 && GIVEN(mmds))
        rc = prefixed(devices_put_mmds(d, &doc->mmds, e), "MMDS config error",
                      e);
    if (rc == 0 && GIVEN(entropy))
        rc = prefixed(devices_put_entropy(d, &doc->entropy, e),
                      "Entropy device error", e);
    for (size_t n = 0; rc == 0 && n < doc->pmems.count; n++)
        rc =
            prefixed(devices_put_pmem(d, &pmems[n], e), "Pmem device error", e);
    if (rc == 0 && GIVEN(memory_hotplug))
        rc = prefixed(devices_put_memory_hotplug(d, &doc->memory_hotplug, e),
                      "Memory hotplug config error", e);
    return rc;
}

int config_file_apply(struct config_file *file, struct vm_config *cfg,
                      const char *id, struct err *e)
{
    int rc = apply_process(file, id, e);

    if (rc == 0)
        rc = apply_machine(file, cfg, e);
    if (rc == 0)
        rc = apply_devices(file, cfg, e);
    return prefixed(rc, "Configuration for VMM from one single json failed", e);
}
