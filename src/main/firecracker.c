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

#include "api/config_file.h"
#include "api/version.h"
#include "base/log.h"
#include "base/macros.h"
#include "main/args.h"
#include "main/fatal.h"
#include "main/session.h"

enum { ID_MAX = 64 };

/* clang-format off */
static const struct arg table[] = {
    {"accel", true, .default_value = "auto",
     .help = "What runs the guest: auto or soft. (squib)"},
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
     .help = "How the software CPU works: auto, jit or interp. (squib)"},
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
    {"metadata", "there is no MMDS"},
    {"metrics-path", "there are no metrics"},
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
    printf("\nusage: squib --no-api --config-file FILE [options]\n"
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
    if (!args_has(args, "no-api"))
        return err_set(e, -ENOTSUP,
                       "squib does not serve the API yet: run it as `squib "
                       "--no-api --config-file FILE`, or try `squib run "
                       "--help`");
    return 0;
}

/* ---- the log ---- */

static struct log_config log_settings = {
    .id = "anonymous-instance", .fd = STDOUT_FILENO, .level = LOG_INFO};

static int set_log_path(const char *path, struct err *e)
{
    int fd = log_open(path, e);

    if (fd < 0) {
        err_prefix(e, "Could not initialize logger");
        return fd;
    }
    if (log_settings.fd != STDOUT_FILENO)
        close(log_settings.fd);
    log_settings.fd = fd;
    return 0;
}

static int set_log(const struct args *args, enum exit_code *code, struct err *e)
{
    const char *level = args_get(args, "level");
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
        int rc = set_log_path(args_get(args, "log-path"), e);

        if (rc < 0)
            return rc;
    }
    log_settings.level = (enum log_level)value;
    log_settings.show_level = args_has(args, "show-level");
    log_settings.show_origin = args_has(args, "show-log-origin");
    log_settings.module = args_get(args, "module");
    log_configure(&log_settings);
    return 0;
}

/* The config file's logger, on top of the flags'. The path is opened again,
   the module's text must live on: it is the file's until the end. */
static int set_log_from_file(const struct config_file *file, struct err *e)
{
    const struct logger_config *given = &file->logger;
    const struct json_schema *schema = &logger_config_schema;
#define GIVEN(member) \
    json_given(schema, given, offsetof(struct logger_config, member))

    if (!file->has_logger)
        return 0;
    if (GIVEN(log_path)) {
        int rc = set_log_path(given->log_path, e);

        if (rc < 0)
            return rc;
    }
    log_settings.level = (enum log_level)given->level;
    if (GIVEN(show_level))
        log_settings.show_level = given->show_level;
    if (GIVEN(show_log_origin))
        log_settings.show_origin = given->show_log_origin;
    if (GIVEN(module))
        log_settings.module = given->module;
#undef GIVEN
    log_configure(&log_settings);
    return 0;
}

/* ---- running ---- */

static int read_config(const char *path, struct config_file *file,
                       struct err *e)
{
    struct buf text = {0};
    int rc = config_file_read(path, &text, e);

    if (rc == 0) {
        rc = config_file_parse(buf_text(&text), text.len, file, e);
        if (rc < 0)
            err_prefix(e, "RunWithoutApiError error: Failed to build MicroVM "
                          "from Json");
    }
    buf_release(&text);
    return rc;
}

static int configure(struct vm_config *cfg, const struct config_file *file,
                     const struct args *args, struct err *e)
{
    int rc = set_log_from_file(file, e);

    if (rc == 0)
        rc = config_file_apply(file, cfg, e);
    if (rc < 0)
        return rc;
    cfg->boot_timer = args_has(args, "boot-timer");
    if (args_has(args, "accel"))
        rc = vm_config_set(&cfg->accel, args_get(args, "accel"));
    if (rc == 0)
        rc = vm_config_set(&cfg->tier, args_get(args, "tier"));
    if (rc == 0 && args_has(args, "code-mib")) {
        rc = vm_config_set_code_mib(cfg, args_get(args, "code-mib"), e);
        if (rc < 0)
            return rc;
    }
    cfg->count_insns = args_has(args, "stats");
    if (rc == 0)
        rc = vm_config_set(&cfg->dump_fdt, args_get(args, "dump-fdt"));
    return rc < 0 ? err_set(e, rc, "out of memory") : 0;
}

static void on_started(void)
{
    log_info("Successfully started microvm that was configured from one "
             "single json");
}

static int run_without_api(const struct args *args, struct err *e)
{
    struct session_options opt = {.stats = args_has(args, "stats"),
                                  .on_started = on_started};
    struct config_file file;
    struct vm_config cfg;
    int rc = read_config(args_get(args, "config-file"), &file, e);

    if (rc < 0)
        return rc;
    vm_config_init(&cfg);
    rc = configure(&cfg, &file, args, e);
    if (rc == 0) {
        rc = session_run(&cfg, &opt, e);
        if (rc < 0 && !opt.started)
            err_prefix(e, "Could not Start MicroVM from one single json");
    }
    if (rc < 0)
        err_prefix(e, "RunWithoutApiError error%s",
                   opt.started ? "" : ": Failed to build MicroVM from Json");
    vm_config_release(&cfg);
    log_settings.module = NULL;
    log_configure(&log_settings);
    config_file_release(&file);
    return rc;
}

static int run(const struct args *args, enum exit_code *code, struct err *e)
{
    int rc = check_id(args_get(args, "id"), e);

    if (rc < 0)
        return rc;
    log_settings.id = args_get(args, "id");
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
    return rc < 0 ? rc : run_without_api(args, e);
}

int firecracker_main(int argc, char **argv)
{
    enum exit_code code = EXIT_GENERIC;
    struct args args;
    struct err e = {0};

    log_configure(&log_settings);
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
