// SPDX-License-Identifier: Apache-2.0
/*
 * The program as Firecracker's. What goes wrong is logged (to standard output,
 * unless told otherwise) and said on standard error, as upstream does; where
 * upstream prints a Rust structure there, we print the sentence.
 */

#include "main/firecracker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accel/accel.h"
#include "api/api.h"
#include "api/config_file.h"
#include "api/logger.h"
#include "api/mmds_link.h"
#include "api/version.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/metrics.h"
#include "host/host.h"
#include "main/args.h"
#include "main/fatal.h"
#include "main/session.h"

enum { ID_MAX = 64 };

/* clang-format off */
static const struct arg table[] = {
    {"accel", true, .default_value = "auto",
     .help = "What runs the guest: auto, kvm or soft. (squib)"},
    {"api-sock", true, .default_value = "/run/firecracker.socket",
     .help = "Path to unix domain socket used by the API."},
    {"boot-timer", false,
     .help = "Whether or not to load boot timer device for logging elapsed "
             "time since InstanceStart command."},
    {"code-mib", true,
     .help = "Memory for translated code, of all vCPUs, in MiB. (squib)"},
    {"config-file", true,
     .help = "Path to a file that contains the microVM configuration in JSON "
             "format."},
    {"describe-snapshot", true,
     .help = "Print the data format version of the provided snapshot state "
             "file."},
    {"dump-fdt", true,
     .help = "Write the guest's device tree to this file. (squib)"},
    {"enable-pci", false, .help = "Enables PCIe support."},
    {"http-api-max-payload-size", true, .default_value = "51200",
     .help = "Http API request payload max size, in bytes."},
    {"id", true, .default_value = "anonymous-instance",
     .help = "MicroVM unique identifier."},
    {"level", true, .help = "Set the logger level."},
    {"log-path", true,
     .help = "Path to a fifo or a file used for configuring the logger on "
             "startup."},
    {"metadata", true,
     .help = "Path to a file that contains metadata in JSON format to add to "
             "the mmds."},
    {"metrics-path", true,
     .help = "Path to a fifo or a file used for configuring the metrics on "
             "startup."},
    {"mmds-size-limit", true, .help = "Mmds data store limit, in bytes."},
    {"module", true, .help = "Set the logger module filter."},
    {"no-api", false, .requires_arg = "config-file",
     .help = "Optional parameter which allows starting and using a microVM "
             "without an active API socket."},
    {"no-seccomp", false, .forbids_arg = "seccomp-filter",
     .help = "Optional parameter which allows starting and using a microVM "
             "without seccomp filtering. Not recommended."},
    {"parent-cpu-time-us", true,
     .help = "Parent process CPU time (wall clock, microseconds). This "
             "parameter is optional."},
    {"seccomp-filter", true, .forbids_arg = "no-seccomp",
     .help = "Optional parameter which allows specifying the path to a custom "
             "seccomp filter. For advanced users."},
    {"show-level", false,
     .help = "Whether or not to output the level in the logs."},
    {"show-log-origin", false,
     .help = "Whether or not to include the file path and line number of the "
             "log's origin."},
    {"snapshot-version", false,
     .help = "Print the supported data format version."},
    {"start-time-cpu-us", true,
     .help = "Process start CPU time (wall clock, microseconds). This "
             "parameter is optional."},
    {"start-time-us", true,
     .help = "Process start time (wall clock, microseconds). This parameter "
             "is optional."},
    {"stats", false,
     .help = "Print the engine's counters to standard error at the end. "
             "(squib)"},
    {"tier", true,
     .help = "How the software CPU works: auto, jit, interp or lockstep, with "
             "options (docs/soft-engine.md). (squib)"},
    {"version", false, .help = "Print the binary version number."},
};

/* Flags whose function does not exist yet: to ignore them would be a lie. */
static const struct {
    const char *flag;
    const char *hint;
} unsupported[] = {
    {"describe-snapshot", "there are no snapshots"},
    {"snapshot-version", "there are no snapshots"},
    {"enable-pci", "devices are on virtio-mmio only"},
    {"seccomp-filter", "there is no seccomp filtering"},
};

static const char *const numbers[] = {
    "start-time-us", "start-time-cpu-us", "parent-cpu-time-us"};
static const char *const sizes[] = {
    "http-api-max-payload-size", "mmds-size-limit"};
/* clang-format on */

/* ---- saying what is wrong ---- */

static int fail(enum exit_code code, const struct err *e)
{
    log_error("%s", e->text);
    fprintf(stderr, "Error: %s\n", e->text);
    log_error("Firecracker exiting with error. exit_code=%d", code);
    return (int)code;
}

/* Upstream logs the backslashes as they stand here. Somebody who types `squib
   start` has another program in mind. */
static int fail_args(int argc, char **argv, const struct err *e)
{
    const char *word = argc > 1 ? argv[1] : "-";

    log_error("Arguments parsing error: %s \\n\\nFor more information try "
              "--help.",
              e->text);
    fprintf(stderr,
            "Error: Arguments parsing error: %s\n\nFor more information try "
            "--help.\n",
            e->text);
    if (*word != '-')
        fprintf(stderr,
                "There is no command `squib %s`; there is `squib run`, see "
                "`squib run --help`.\n",
                word);
    log_error("Firecracker exiting with error. exit_code=%d", EXIT_ARG_PARSING);
    return EXIT_ARG_PARSING;
}

/* ---- flags ---- */

static void print_version(void)
{
    printf("Firecracker v%s\n\nsquib v%s\n", FIRECRACKER_VERSION,
           SQUIB_VERSION);
}

static void print_help(void)
{
    print_version();
    printf("\nusage: squib [--api-sock PATH] [options]\n"
           "       squib --no-api --config-file FILE [options]\n"
           "       squib run --kernel FILE [options]   (see squib run "
           "--help)\n\noptions:\n");
    args_print_help(stdout, table, ARRAY_LEN(table));
}

static bool is_id_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || c == '-' || (unsigned char)c >= 0x80;
}

static int check_id(const char *id, struct err *e)
{
    size_t len = strlen(id);

    if (len < 1 || len > ID_MAX)
        return err_set(e, -EINVAL,
                       "Invalid instance ID: InvalidLen(%zu, 1, %d)", len,
                       ID_MAX);
    for (size_t n = 0; n < len; n++)
        if (!is_id_char(id[n]))
            return err_set(e, -EINVAL,
                           "Invalid instance ID: InvalidChar('%c', %zu)", id[n],
                           n);
    return 0;
}

static int check_numbers(const struct args *args, const char *const *names,
                         size_t count, const char *type, struct err *e)
{
    unsigned long long value;

    for (size_t n = 0; n < count; n++) {
        const char *text = args_get(args, names[n]);

        if (text && !args_number(text, &value))
            return err_set(e, -EINVAL,
                           "'%s' parameter expected to be of '%s' type.",
                           names[n], type);
    }
    return 0;
}

static int check_supported(const struct args *args, struct err *e)
{
    for (size_t n = 0; n < ARRAY_LEN(unsupported); n++)
        if (args_has(args, unsupported[n].flag))
            return err_set(e, -ENOTSUP,
                           "squib does not have --%s yet: %s. Leave it out.",
                           unsupported[n].flag, unsupported[n].hint);
    return 0;
}

/* ---- the log ---- */

static int set_log(const struct args *args, enum exit_code *code, struct err *e)
{
    const char *level = args_get(args, "level");
    struct log_config cfg;
    uint32_t value = LOG_INFO;

    if (level && !log_level_parse(level, &value)) {
        *code = EXIT_BAD_CONFIGURATION;
        return err_set(e, -EINVAL,
                       "Invalid value for logger level: Failed to parse "
                       "string to level filter: %.64s.Possible values: "
                       "[Error, Warning, Info, Debug]",
                       level);
    }
    if (args_has(args, "log-path")) {
        int rc = logger_set_path(args_get(args, "log-path"), e);

        if (rc < 0)
            return err_prefix(e, "Could not initialize logger"), rc;
    }
    log_current(&cfg);
    cfg.level = (enum log_level)value;
    cfg.show_level = args_has(args, "show-level");
    cfg.show_origin = args_has(args, "show-log-origin");
    cfg.module = args_get(args, "module");
    log_configure(&cfg);
    return 0;
}

static int set_metrics(const struct args *args, struct err *e)
{
    const char *path = args_get(args, "metrics-path");
    int rc = path ? metrics_open(path, NULL, NULL, e) : 0;

    if (rc < 0)
        err_prefix(e, "Could not initialize metrics");
    return rc;
}

static uint64_t number(const struct args *args, const char *name)
{
    const char *text = args_get(args, name);
    unsigned long long value = 0;

    if (text)
        args_number(text, &value); /* was checked */
    return value;
}

/* The jailer says when the process began; only then can it be said how long
   it took. */
static void note_startup(const struct args *args)
{
    uint64_t us = host_mono_ns() / 1000, cpu = host_process_cpu_ns() / 1000;

    if (args_has(args, "start-time-us"))
        metric_set(&metrics.api_server.process_startup_time_us,
                   us - MIN(us, number(args, "start-time-us")));
    if (args_has(args, "start-time-cpu-us"))
        metric_set(&metrics.api_server.process_startup_time_cpu_us,
                   cpu - MIN(cpu, number(args, "start-time-cpu-us")) +
                       number(args, "parent-cpu-time-us"));
}

/* ---- the process and its microVM ---- */

struct process {
    const struct args *args;
    struct vm_config cfg;
    struct session *session; /* owned, as the API */
    struct api *api;
    struct mmds_link *mmds;      /* owned; guests of the session ask it */
    struct buf config, metadata; /* files that the arguments name */
    bool plain;                  /* the error's sentence says it all */
};

static int start_vm(void *ctx, struct err *e)
{
    struct process *p = ctx;

    return session_start(p->session, &p->cfg, e);
}

static void pause_vm(void *ctx)
{
    struct process *p = ctx;

    session_pause(p->session);
}

static void resume_vm(void *ctx)
{
    struct process *p = ctx;

    session_resume(p->session);
}

static struct attached *devices_of_vm(void *ctx)
{
    struct process *p = ctx;

    return session_attached(p->session);
}

static void give_up(void *ctx)
{
    struct process *p = ctx;
    const struct err why = {.code = -EIO, .text = "Loading snapshot failed."};

    session_give_up(p->session, &why);
}

static void wake(void *ctx)
{
    struct process *p = ctx;

    session_wake(p->session);
}

static void on_wake(void *ctx)
{
    struct process *p = ctx;

    api_work(p->api);
}

static int make_process(struct process *p, const struct args *args,
                        struct err *e)
{
    const struct session_options session = {
        .stats = args_has(args, "stats"), .on_wake = on_wake, .ctx = p};
    struct api_options api = {
        .id = args_get(args, "id"),
        .cfg = &p->cfg,
        .owner = {.start = start_vm,
                  .pause = pause_vm,
                  .resume = resume_vm,
                  .attached = devices_of_vm,
                  .give_up = give_up,
                  .wake = wake,
                  .ctx = p},
        .max_body = number(args, "http-api-max-payload-size"),
    };

    *p = (struct process){.args = args};
    vm_config_init(&p->cfg);
    p->cfg.boot_timer = args_has(args, "boot-timer");
    p->cfg.upstream_texts = true;
    p->session = session_new(&session, e);
    if (!p->session)
        return -ENOMEM;
    p->mmds = mmds_link_new(&p->cfg, api.id,
                            args_has(args, "mmds-size-limit")
                                ? number(args, "mmds-size-limit")
                                : api.max_body,
                            e);
    if (!p->mmds)
        return -ENOMEM;
    api.mmds = mmds_link_store(p->mmds);
    p->api = api_new(&api, e);
    return p->api ? 0 : -ENOMEM;
}

/* The API's thread ends before what it reads goes. */
static void release_process(struct process *p)
{
    api_free(p->api);
    session_free(p->session);
    mmds_link_free(p->mmds);
    buf_release(&p->config);
    buf_release(&p->metadata);
    vm_config_release(&p->cfg);
}

/* ---- from files ---- */

/* Before the socket is there: what cannot be read leaves none behind. */
static int read_files(struct process *p, struct err *e)
{
    const char *config = args_get(p->args, "config-file"),
               *metadata = args_get(p->args, "metadata");
    int rc = config ? config_file_read(config, &p->config, e) : 0;

    if (rc == 0 && metadata)
        rc = config_file_read_as(metadata, "mmds content", &p->metadata, e);
    p->plain = rc < 0;
    return rc;
}

static int add_metadata(struct process *p, struct err *e)
{
    const struct buf *text = &p->metadata;
    int rc;

    if (!args_has(p->args, "metadata"))
        return 0;
    rc = mmds_put(mmds_link_store(p->mmds), buf_text(text), text->len, e);
    if (rc == -E2BIG)
        err_set(e, rc,
                "Populating MMDS from file failed: The MMDS patch request "
                "doesn't fit.");
    else if (rc == -EINVAL)
        err_prefix(e, "MMDS error: metadata provided not valid json");
    else if (rc == 0)
        log_info("Successfully added metadata to mmds from file");
    p->plain = rc < 0;
    return rc;
}

static int apply_file(struct process *p, struct config_file *file,
                      struct err *e)
{
    int rc = config_file_apply(file, &p->cfg, args_get(p->args, "id"), e);

    if (rc == 0 && args_has(p->args, "accel"))
        rc = vm_config_set(&p->cfg.accel, args_get(p->args, "accel"));
    return rc == -ENOMEM ? err_set(e, rc, "out of memory") : rc;
}

static int start_from_file(struct process *p, struct config_file *file,
                           struct err *e)
{
    int rc = apply_file(p, file, e);

    if (rc < 0)
        return rc;
    rc = api_start_instance(p->api, e);
    if (rc < 0) {
        err_prefix(e, "Could not Start MicroVM from one single json");
        return rc;
    }
    log_info("Successfully started microvm that was configured from one "
             "single json");
    return 0;
}

static int start_configured(struct process *p, struct err *e)
{
    struct config_file *file =
        config_file_parse(buf_text(&p->config), p->config.len, e);
    int rc;

    buf_release(&p->config);
    rc = file ? start_from_file(p, file, e) : -EINVAL;
    if (rc < 0)
        err_prefix(e, "Failed to build MicroVM from Json");
    config_file_free(file);
    return rc;
}

/* ---- running ---- */

/* Who names an accelerator or a tier learns now that it does not work here, and
   not when the first guest is to start. */
static int set_engine(struct process *p, struct err *e)
{
    if (args_has(p->args, "accel") &&
        !accel_find(args_get(p->args, "accel"), e))
        return -ENODEV;
    return vm_config_set_tier(&p->cfg, args_get(p->args, "tier"), e);
}

static int set_own_flags(struct process *p, struct err *e)
{
    int rc = set_engine(p, e);

    if (rc == 0 && args_has(p->args, "code-mib"))
        rc = vm_config_set_code_mib(&p->cfg, args_get(p->args, "code-mib"), e);
    p->plain = rc < 0;
    if (rc < 0)
        return rc;
    rc = vm_config_set(&p->cfg.dump_fdt, args_get(p->args, "dump-fdt"));
    if (rc == 0)
        rc = vm_config_set(&p->cfg.accel, args_get(p->args, "accel"));
    p->cfg.count_insns = args_has(p->args, "stats");
    return rc < 0 ? err_set(e, rc, "out of memory") : 0;
}

static int serve(struct process *p, struct err *e)
{
    int rc = set_own_flags(p, e);

    if (rc == 0)
        rc = read_files(p, e);
    if (rc == 0 && !args_has(p->args, "no-api"))
        rc = api_listen(p->api, args_get(p->args, "api-sock"), e);
    note_startup(p->args);
    if (rc == 0)
        rc = add_metadata(p, e);
    if (rc == 0 && args_has(p->args, "config-file"))
        rc = start_configured(p, e);
    if (rc == 0)
        rc = api_serve(p->api, e);
    return rc < 0 ? rc : session_wait(p->session, e);
}

static int run_process(const struct args *args, struct err *e)
{
    struct process p;
    int rc = make_process(&p, args, e);

    if (rc == 0)
        rc = serve(&p, e);
    if (rc < 0 && !p.plain)
        err_prefix(e, "%s",
                   args_has(args, "no-api") ? "RunWithoutApiError error"
                                            : "RunWithApiError error");
    metrics_flush(); /* while the devices are there to be counted */
    release_process(&p);
    return rc;
}

static int run(const struct args *args, enum exit_code *code, struct err *e)
{
    const char *id = args_get(args, "id");
    struct log_config cfg;
    int rc = check_id(id, e);

    if (rc < 0)
        return rc;
    log_current(&cfg);
    cfg.id = id;
    log_configure(&cfg);
    rc = set_log(args, code, e);
    if (rc < 0)
        return rc;
    log_info("Running Firecracker v%s", FIRECRACKER_VERSION);
    fatal_install(STDIN_FILENO);
    rc = check_numbers(args, numbers, ARRAY_LEN(numbers), "u64", e);
    if (rc == 0)
        rc = check_numbers(args, sizes, ARRAY_LEN(sizes), "usize", e);
    if (rc == 0)
        rc = check_supported(args, e);
    if (rc == 0)
        rc = set_metrics(args, e);
    return rc < 0 ? rc : run_process(args, e);
}

int firecracker_main(int argc, char **argv)
{
    enum exit_code code = EXIT_GENERIC;
    struct args args;
    struct err e = {0};

    log_configure(&(struct log_config){
        .id = "anonymous-instance", .fd = STDOUT_FILENO, .level = LOG_INFO});
    if (args_parse(&args, table, ARRAY_LEN(table), argc, argv, &e) < 0)
        return fail_args(argc, argv, &e);
    if (args.help || args.version || args_has(&args, "version")) {
        if (args.help)
            print_help();
        else
            print_version();
        return EXIT_OK;
    }
    if (run(&args, &code, &e) < 0)
        return fail(code, &e);
    log_info("Firecracker exiting successfully. exit_code=0");
    return EXIT_OK;
}
