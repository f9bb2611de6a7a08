// SPDX-License-Identifier: Apache-2.0
/* Reads Firecracker's configuration file. */

#include "api/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "api/apply.h"
#include "api/json_lex.h"
#include "base/macros.h"

/* The whole file. What squib cannot do yet is kept as text: asking for it is
   an error, an empty list or null is not. */
struct document {
    struct json_list drives;
    struct boot_source boot_source;
    struct json_span cpu_config;
    struct logger_config logger;
    struct machine_config machine_config;
    struct json_span balloon;
    struct json_span metrics;
    struct json_span mmds_config;
    struct json_list net;
    struct json_span vsock;
    struct json_span entropy;
    struct json_list pmem;
    struct json_span memory_hotplug;
    struct squib_config squib;
    uint64_t given;
};

static const struct json_field any_element = {"", JSON_ANY, .offset = 0};

/* clang-format off */
static const struct json_field document_fields[] = {
#define AT(member) .offset = offsetof(struct document, member)
    {"balloon", JSON_ANY, JSON_NULLABLE, AT(balloon)},
    {"drives", JSON_LIST, JSON_REQUIRED, AT(drives), .element = &any_element},
    {"boot-source", JSON_OBJECT, JSON_REQUIRED, AT(boot_source),
     .object = &boot_source_schema},
    {"cpu-config", JSON_ANY, JSON_NULLABLE, AT(cpu_config)},
    {"logger", JSON_OBJECT, JSON_NULLABLE, AT(logger),
     .object = &logger_config_schema},
    {"machine-config", JSON_OBJECT, JSON_NULLABLE, AT(machine_config),
     .object = &machine_config_schema},
    {"metrics", JSON_ANY, JSON_NULLABLE, AT(metrics)},
    {"mmds-config", JSON_ANY, JSON_NULLABLE, AT(mmds_config)},
    {"network-interfaces", JSON_LIST, 0, AT(net), .element = &any_element},
    {"vsock", JSON_ANY, JSON_NULLABLE, AT(vsock)},
    {"entropy", JSON_ANY, JSON_NULLABLE, AT(entropy)},
    {"pmem", JSON_LIST, 0, AT(pmem), .element = &any_element},
    {"memory-hotplug", JSON_ANY, JSON_NULLABLE, AT(memory_hotplug)},
    {"squib", JSON_OBJECT, JSON_NULLABLE, AT(squib),
     .object = &squib_config_schema},
#undef AT
};

static const struct json_schema document_schema = {
    JSON_SCHEMA(struct document, "VmmConfig", document_fields),
    .tolerant = true};
/* clang-format on */

/* The first feature, in the order Firecracker applies them, that the document
   uses and squib does not have yet. */
static const char *find_missing(const struct document *doc)
{
    const struct {
        bool used;
        const char *name;
    } features[] = {
        {doc->metrics.len, "metrics"},
        {doc->cpu_config.len, "cpu-config"},
        {doc->drives.count, "drives"},
        {doc->net.count, "network-interfaces"},
        {doc->vsock.len, "vsock"},
        {doc->balloon.len, "balloon"},
        {doc->mmds_config.len, "mmds-config"},
        {doc->entropy.len, "entropy"},
        {doc->pmem.count, "pmem"},
        {doc->memory_hotplug.len, "memory-hotplug"},
    };

    for (size_t n = 0; n < ARRAY_LEN(features); n++)
        if (features[n].used)
            return features[n].name;
    return NULL;
}

static bool was_given(const struct document *doc, size_t offset)
{
    return json_given(&document_schema, doc, offset);
}

int config_file_parse(const char *text, size_t len, struct config_file *file,
                      struct err *e)
{
    struct document doc;
    int rc = json_parse(text, len, &document_schema, &doc, e);

    *file = (struct config_file){0};
    if (rc < 0) {
        err_prefix(e, "Configuration for VMM from one single json failed: "
                      "Invalid JSON");
        return rc;
    }
    file->missing = find_missing(&doc);
    file->has_logger = was_given(&doc, offsetof(struct document, logger));
    file->has_machine_config =
        was_given(&doc, offsetof(struct document, machine_config));

    /* The strings change their owner: what was moved is gone from doc. */
    file->boot_source = doc.boot_source;
    file->machine_config = doc.machine_config;
    file->logger = doc.logger;
    file->squib = doc.squib;
    memset(&doc.boot_source, 0, sizeof(doc.boot_source));
    memset(&doc.machine_config, 0, sizeof(doc.machine_config));
    memset(&doc.logger, 0, sizeof(doc.logger));
    memset(&doc.squib, 0, sizeof(doc.squib));
    json_free(&document_schema, &doc);
    return 0;
}

void config_file_release(struct config_file *file)
{
    json_free(&boot_source_schema, &file->boot_source);
    json_free(&machine_config_schema, &file->machine_config);
    json_free(&logger_config_schema, &file->logger);
    json_free(&squib_config_schema, &file->squib);
}

/* ---- the file itself ---- */

static int read_error(struct err *e, int rc, const char *path)
{
    return err_set(e, rc,
                   "Unable to open or read from the configuration file: "
                   "%s (os error %d): %.200s",
                   strerror(-rc), -rc, path);
}

static int read_all(int fd, const char *path, struct buf *text, struct err *e)
{
    char chunk[16384];

    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return read_error(e, -errno, path);
        if (n == 0)
            return 0;
        if (buf_put(text, chunk, (size_t)n) < 0)
            return read_error(e, -ENOMEM, path);
        if (text->len > CONFIG_FILE_MAX)
            return err_set(e, -EFBIG,
                           "Unable to open or read from the configuration "
                           "file: more than %d MiB, is this the right file? "
                           "%.200s",
                           CONFIG_FILE_MAX >> 20, path);
    }
}

int config_file_read(const char *path, struct buf *text, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

    if (fd < 0)
        return read_error(e, -errno, path);
    rc = read_all(fd, path, text, e);
    close(fd);
    if (rc == 0 && !json_is_utf8(text->data, text->len))
        rc = err_set(e, -EILSEQ,
                     "Unable to open or read from the configuration file: "
                     "stream did not contain valid UTF-8: %.200s",
                     path);
    return rc;
}

/* ---- into the configuration ---- */

static int apply(const struct config_file *file, struct vm_config *cfg,
                 struct err *e)
{
    int rc = 0;

    if (file->has_machine_config) {
        rc = machine_config_apply(&file->machine_config, cfg, e);
        if (rc < 0)
            return err_prefix(e, "VM config error"), rc;
    }
    rc = boot_source_apply(&file->boot_source, cfg, e);
    if (rc < 0)
        return err_prefix(e, "Boot source error"), rc;
    if (file->squib.accel && vm_config_set(&cfg->accel, file->squib.accel) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    if (file->missing)
        return err_set(e, -ENOTSUP,
                       "squib does not have `%s` yet: take it out of the file"
                       "%s",
                       file->missing,
                       strcmp(file->missing, "drives") == 0
                           ? " (\"drives\": []) and use an initrd"
                           : "");
    return 0;
}

int config_file_apply(const struct config_file *file, struct vm_config *cfg,
                      struct err *e)
{
    int rc = apply(file, cfg, e);

    if (rc < 0)
        err_prefix(e, "Configuration for VMM from one single json failed");
    return rc;
}
