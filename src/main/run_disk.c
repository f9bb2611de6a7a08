// SPDX-License-Identifier: Apache-2.0
/* `squib run --disk`, `--pmem` and `--hotplug-mem`. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/macros.h"
#include "main/run.h"

/* ---- FILE[:OPTION,OPTION...] ---- */

/* Where the options begin, NULL: there are none. A name with a colon in its
   last part is written with one more at its end. */
static const char *options_of(const char *text)
{
    const char *colon = strrchr(text, ':');

    return colon && !strchr(colon, '/') ? colon + 1 : NULL;
}

static int take_path(char **path, const char *text, struct err *e)
{
    const char *options = options_of(text);

    *path = heap_strdup(text);
    if (!*path)
        return err_set(e, -ENOMEM, "out of memory");
    if (options)
        (*path)[options - 1 - text] = 0;
    return 0;
}

static int make_id(char **id, const char *kind, size_t number, struct err *e)
{
    char text[32];

    snprintf(text, sizeof(text), "%s%zu", kind, number);
    *id = heap_strdup(text);
    return *id ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static bool is_word(const char *word, size_t len, const char *name)
{
    return strlen(name) == len && strncmp(word, name, len) == 0;
}

/* Gives each option to fn. */
static int each_option(const char *text,
                       int (*fn)(void *ctx, const char *word, size_t len,
                                 struct err *e),
                       void *ctx, struct err *e)
{
    const char *word = options_of(text);
    int rc = 0;

    while (rc == 0 && word && *word) {
        size_t len = strcspn(word, ",");

        rc = fn(ctx, word, len, e);
        word = word[len] ? word + len + 1 : NULL;
    }
    return rc;
}

int run_probe(const char *option, const char *path, int mode, struct err *e)
{
    if (!*path)
        return err_set(e, -EINVAL, "%s: which file? Give its name", option);
    if (access(path, mode) < 0)
        return err_set(e, -errno, "%s: %.256s: %s", option, path,
                       strerror(errno));
    return 0;
}

static int probe(const char *option, const char *path, bool read_only,
                 struct err *e)
{
    int rc = run_probe(option, path, read_only ? R_OK : R_OK | W_OK, e);
    struct stat st;

    if (rc < 0)
        return rc;
    if (stat(path, &st) < 0)
        return err_set(e, -errno, "%s: %.256s: %s", option, path,
                       strerror(errno));
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return err_set(e, -EINVAL,
                       "%s: %.256s: neither a file nor a block device", option,
                       path);
    return 0;
}

/* What follows the colon of a name is no option, and what precedes it may be no
   file. */
static int explain_colon(const char *option, const char *text, struct err *e)
{
    if (options_of(text) && access(text, F_OK) == 0)
        err_set(e, e->code,
                "%s: %.256s: a name with a colon is written with one more at "
                "its end",
                option, text);
    return e->code;
}

/* ---- disks ---- */

static int set_disk_option(void *ctx, const char *word, size_t len,
                           struct err *e)
{
    struct drive_config *drive = ctx;

    if (is_word(word, len, "ro"))
        drive->is_read_only = true;
    else if (is_word(word, len, "root"))
        drive->is_root = true;
    else if (is_word(word, len, "discard"))
        drive->discard = true;
    else if (is_word(word, len, "unsafe"))
        drive->cache_type = CACHE_UNSAFE; /* do not wait for the host's disk */
    else if (is_word(word, len, "async"))
        drive->io_engine = IO_ENGINE_ASYNC;
    else
        return err_set(e, -EINVAL,
                       "--disk: '%.*s' is no option of a disk: try ro, root, "
                       "unsafe, async or discard",
                       (int)MIN(len, 64u), word);
    return 0;
}

/* The disks have what a person expects: flushes are obeyed, and pages that lie
   apart are one request. */
int run_add_disk(struct vm_devices *d, const char *text, struct err *e)
{
    struct drive_config drive = {.cache_type = CACHE_WRITEBACK,
                                 .segments = true};
    int rc = make_id(&drive.id, "disk", d->num_drives, e);

    if (rc == 0)
        rc = take_path(&drive.path, text, e);
    if (rc == 0)
        rc = each_option(text, set_disk_option, &drive, e);
    if (rc == 0)
        rc = probe("--disk", drive.path, drive.is_read_only, e);
    if (rc < 0) {
        heap_free(drive.id);
        heap_free(drive.path);
        return explain_colon("--disk", text, e);
    }
    rc = devices_put_drive(d, &drive, e);
    return rc < 0 ? err_prefix(e, "--disk %.128s", text), rc : 0;
}

/* ---- pmem ---- */

static int set_pmem_option(void *ctx, const char *word, size_t len,
                           struct err *e)
{
    struct pmem_config *pmem = ctx;

    if (is_word(word, len, "ro"))
        pmem->is_read_only = true;
    else if (is_word(word, len, "root"))
        pmem->is_root = true;
    else
        return err_set(e, -EINVAL,
                       "--pmem: '%.*s' is no option of persistent memory: try "
                       "ro or root",
                       (int)MIN(len, 64u), word);
    return 0;
}

int run_add_pmem(struct vm_devices *d, const char *text, struct err *e)
{
    struct pmem_config pmem = {.id = NULL};
    int rc = make_id(&pmem.id, "pmem", d->num_pmems, e);

    if (rc == 0)
        rc = take_path(&pmem.path, text, e);
    if (rc == 0)
        rc = each_option(text, set_pmem_option, &pmem, e);
    if (rc == 0)
        rc = probe("--pmem", pmem.path, pmem.is_read_only, e);
    if (rc < 0) {
        heap_free(pmem.id);
        heap_free(pmem.path);
        return explain_colon("--pmem", text, e);
    }
    rc = devices_put_pmem(d, &pmem, e);
    return rc < 0 ? err_prefix(e, "--pmem %.128s", text), rc : 0;
}

int run_check_pmems(const struct vm_devices *d, struct err *e)
{
    for (size_t n = 0; n < d->num_pmems; n++) {
        const char *path = d->pmems[n].path;
        struct stat st;

        if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0)
            return err_set(e, -EINVAL,
                           "--pmem: %.256s: is empty: give it a size, as "
                           "truncate -s 64M does",
                           path);
    }
    return 0;
}

void run_choose_root(struct vm_devices *d)
{
    for (size_t n = 0; n < d->num_pmems; n++)
        if (d->pmems[n].is_root)
            return;
    if (d->num_drives)
        d->drives[0].is_root = true;
    else if (d->num_pmems)
        d->pmems[0].is_root = true;
}

/* ---- memory that can be plugged ---- */

enum { BLOCK_MIB = 2, SLOT_MIB = 128 };

static bool parse_hotplug(const char *text, uint64_t *total, uint64_t *now)
{
    static const char key[] = ",now=";
    const char *more = strchr(text, ',');
    char first[32];
    size_t len = more ? (size_t)(more - text) : strlen(text);

    if (len >= sizeof(first))
        return false;
    memcpy(first, text, len);
    first[len] = 0;
    if (!run_parse_size(first, total))
        return false;
    *now = *total;
    return !more || (strncmp(more, key, strlen(key)) == 0 &&
                     run_parse_size(more + strlen(key), now));
}

int run_set_hotplug_mem(struct vm_devices *d, const char *text, struct err *e)
{
    struct memory_hotplug_config c = {.block_mib = BLOCK_MIB,
                                      .slot_mib = SLOT_MIB};
    uint64_t total, now;
    int rc;

    if (!parse_hotplug(text, &total, &now))
        return err_set(e, -EINVAL,
                       "--hotplug-mem: '%.64s' is not understood: write it as "
                       "2G, or as 2G,now=512M",
                       text);
    if (total > UINT32_MAX || now > total || now % BLOCK_MIB)
        return err_set(e, -EINVAL,
                       "--hotplug-mem: '%.64s' is not possible: give a "
                       "multiple of %dM, and as `now` at most that, in steps "
                       "of %dM",
                       text, SLOT_MIB, BLOCK_MIB);
    c.total_mib = (uint32_t)total;
    c.requested_mib = (uint32_t)now;
    rc = devices_put_memory_hotplug(d, &c, e);
    return rc < 0 ? err_prefix(e, "--hotplug-mem %.64s", text), rc : 0;
}
