// SPDX-License-Identifier: Apache-2.0
/* The options of `squib run`, and what they become. */

#include "main/run.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accel/accel.h"
#include "api/mmds_link.h"
#include "api/resources.h"
#include "base/buf.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/macros.h"
#include "host/host.h"
#include "main/args.h"

/* Enough for a distribution's kernel with its initrd. */
enum { DEFAULT_MEM_MIB = 512 };

/* 0 to 2 have a meaning (virtio 1.2, 5.10.4). */
enum { DEFAULT_CID = 3 };

static const char default_console[] = "console=ttyAMA0";
static const char default_args[] = "reboot=k panic=1";

/* Use what is plugged, and so that it can be unplugged again. */
static const char online_memory[] = "memhp_default_state=online_movable";

static const char usage[] =
    "usage: squib run --kernel FILE [options]\n"
    "\n"
    "Boots an arm64 Linux kernel, with its console on this terminal.\n"
    "Ctrl-A x leaves, Ctrl-A h lists the other keys.\n"
    "\n"
    "  -k, --kernel FILE    arm64 kernel: raw Image, or that in gzip or zstd\n"
    "  -i, --initrd FILE    initial RAM disk\n"
    "  -c, --cpus N         virtual CPUs, 1 to 32 [1]\n"
    "  -m, --mem SIZE       memory: 512, 512M, 2G [512M]\n"
    "  -a, --append TEXT    more kernel command line; may come again. Without\n"
    "                       a console= of yours it is console=ttyAMA0\n"
    "  -d, --disk FILE[:OPTIONS]\n"
    "                       a disk, /dev/vda and so on; may come again. Options,\n"
    "                       with commas: ro, root, unsafe, async, discard.\n"
    "                       Without --initrd the first one is the root. A\n"
    "                       name with a colon has one more at its end\n"
    "  -n, --net tap=NAME|user[:FORWARDS][,mac=M][,mtu=N]\n"
    "                       a network interface, eth0 and so on; may come "
    "again.\n"
    "                       tap: a TAP of this host; user: a network that "
    "needs\n"
    "                       no rights, with ports of this host forwarded, such\n"
    "                       as user:tcp=8080:80,udp=53:53\n"
    "      --pmem FILE[:OPTIONS]\n"
    "                       a file as persistent memory, /dev/pmem0 and so on;\n"
    "                       may come again. Options: ro, root\n"
    "      --hotplug-mem SIZE[,now=SIZE]\n"
    "                       memory besides --mem, of which the guest takes as\n"
    "                       much as `now` says; without it, all\n"
    "      --vsock PATH[,cid=N]\n"
    "                       a socket device: programs of the host reach those of\n"
    "                       the guest at PATH, the guest's get to PATH_PORT.\n"
    "                       cid: what the guest is called [3]\n"
    "      --share-metadata FILE\n"
    "                       JSON that the guest reads by HTTP at\n"
    "                       169.254.169.254, as in a cloud; without a --net\n"
    "                       there is a user one then\n"
    "      --rng            an entropy device\n"
    "      --balloon MIB[,OPTIONS]\n"
    "                       takes so much memory from the guest. Options:\n"
    "                       deflate-on-oom, reporting (the guest gives what it\n"
    "                       does not use back by itself, also with 0 MiB)\n"
    "      --accel NAME     what runs the guest: auto, kvm, soft [auto]\n"
    "      --tier NAME      of soft: auto, jit, interp, lockstep [auto]; with\n"
    "                       options: docs/soft-engine.md\n"
    "      --code-mib N     of soft: memory for translated code [64]\n"
    "      --dump-fdt FILE  write the guest's device tree there\n"
    "      --boot-timer     log how long the guest took to boot\n"
    "      --stats          print the engine's counters at the end\n"
    "      --level LEVEL    log to standard error: off, error, warn, info,\n"
    "                       debug [warn; with --boot-timer info]\n"
    "  -h, --help           this text\n";

const char *run_usage(void)
{
    return usage;
}

enum option_id {
    OPT_KERNEL = 'k',
    OPT_INITRD = 'i',
    OPT_CPUS = 'c',
    OPT_MEM = 'm',
    OPT_APPEND = 'a',
    OPT_DISK = 'd',
    OPT_NET = 'n',
    OPT_HELP = 'h',
    OPT_ACCEL = 256,
    OPT_TIER,
    OPT_CODE_MIB,
    OPT_DUMP_FDT,
    OPT_BOOT_TIMER,
    OPT_STATS,
    OPT_LEVEL,
    OPT_RNG,
    OPT_SHARE_METADATA,
    OPT_PMEM,
    OPT_HOTPLUG_MEM,
    OPT_BALLOON,
    OPT_VSOCK,
};

static const char short_options[] = ":k:i:c:m:a:d:n:h";
static const struct option long_options[] = {
    {"kernel", required_argument, NULL, OPT_KERNEL},
    {"initrd", required_argument, NULL, OPT_INITRD},
    {"cpus", required_argument, NULL, OPT_CPUS},
    {"mem", required_argument, NULL, OPT_MEM},
    {"append", required_argument, NULL, OPT_APPEND},
    {"disk", required_argument, NULL, OPT_DISK},
    {"net", required_argument, NULL, OPT_NET},
    {"pmem", required_argument, NULL, OPT_PMEM},
    {"hotplug-mem", required_argument, NULL, OPT_HOTPLUG_MEM},
    {"share-metadata", required_argument, NULL, OPT_SHARE_METADATA},
    {"rng", no_argument, NULL, OPT_RNG},
    {"balloon", required_argument, NULL, OPT_BALLOON},
    {"vsock", required_argument, NULL, OPT_VSOCK},
    {"accel", required_argument, NULL, OPT_ACCEL},
    {"tier", required_argument, NULL, OPT_TIER},
    {"code-mib", required_argument, NULL, OPT_CODE_MIB},
    {"dump-fdt", required_argument, NULL, OPT_DUMP_FDT},
    {"boot-timer", no_argument, NULL, OPT_BOOT_TIMER},
    {"stats", no_argument, NULL, OPT_STATS},
    {"level", required_argument, NULL, OPT_LEVEL},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

bool run_parse_size(const char *text, uint64_t *mib)
{
    static const struct {
        const char *suffix;
        uint64_t mib;
    } units[] = {
        {"", 1},       {"M", 1},       {"MB", 1},
        {"MiB", 1},    {"G", 1024},    {"GB", 1024},
        {"GiB", 1024}, {"T", 1048576}, {"TiB", 1048576},
    };
    size_t digits = strspn(text, "0123456789");
    unsigned long long value;
    char number[21]; /* 2^64 has 20 digits */

    if (digits == 0 || digits >= sizeof(number))
        return false;
    memcpy(number, text, digits);
    number[digits] = 0;
    if (!args_number(number, &value))
        return false;
    for (size_t n = 0; n < ARRAY_LEN(units); n++)
        if (strcasecmp(text + digits, units[n].suffix) == 0)
            return !__builtin_mul_overflow(value, units[n].mib, mib);
    return false;
}

static int set_string(char **field, const char *value, struct err *e)
{
    return vm_config_set(field, value) < 0
               ? err_set(e, -ENOMEM, "out of memory")
               : 0;
}

static int set_cpus(struct run_options *run, const char *text, struct err *e)
{
    unsigned long long value;

    if (!args_number(text, &value) || value < 1 || value > VM_MAX_VCPUS)
        return err_set(e, -EINVAL,
                       "--cpus: '%.64s' is not a number of CPUs: give one "
                       "from 1 to %d",
                       text, VM_MAX_VCPUS);
    run->vm.vcpu_count = (unsigned)value;
    return 0;
}

static int set_mem(struct run_options *run, const char *text, struct err *e)
{
    uint64_t mib;

    if (!run_parse_size(text, &mib))
        return err_set(e, -EINVAL,
                       "--mem: '%.64s' is not a size: write it as 512, 512M "
                       "or 2G",
                       text);
    if (mib < 1 || mib > VM_MAX_MEM_MIB)
        return err_set(e, -EINVAL,
                       "--mem: '%.64s' is not possible: give a size from 1M "
                       "to 1022G",
                       text);
    run->vm.mem_size_mib = mib;
    return 0;
}

/* Whether it works here is found out when the guest is to start. */
static int set_accel(struct run_options *run, const char *text, struct err *e)
{
    int rc = accel_check_name(text, e);

    if (rc < 0) {
        err_prefix(e, "--accel");
        return rc;
    }
    return set_string(&run->vm.accel, text, e);
}

static int set_level(struct run_options *run, const char *text, struct err *e)
{
    run->has_log_level = true;
    if (log_level_parse(text, &run->log_level))
        return 0;
    return err_set(e, -EINVAL,
                   "--level: '%.64s' is no log level: try off, error, warn, "
                   "info or debug",
                   text);
}

static int set_balloon(struct run_options *run, const char *text, struct err *e)
{
    struct balloon_config *b = &run->vm.devices.balloon;
    const char *word = text + strcspn(text, ",");
    char size[16];
    uint64_t mib;

    snprintf(size, sizeof(size), "%.*s", (int)MIN(word - text, 15), text);
    if (!run_parse_size(size, &mib) || mib > UINT32_MAX)
        return err_set(e, -EINVAL,
                       "--balloon: '%s' is not a size: write it as 64, 64M or "
                       "1G",
                       size);
    *b = (struct balloon_config){.amount_mib = (uint32_t)mib};
    run->vm.devices.has_balloon = true;
    while (*word) {
        size_t len = strcspn(++word, ",");

        if (len == 14 && strncmp(word, "deflate-on-oom", len) == 0)
            b->deflate_on_oom = true;
        else if (len == 9 && strncmp(word, "reporting", len) == 0)
            b->reporting = true;
        else
            return err_set(e, -EINVAL,
                           "--balloon: '%.*s' is no option of a balloon: try "
                           "deflate-on-oom or reporting",
                           (int)MIN(len, 64u), word);
        word += len;
    }
    return 0;
}

/* Once all of the line is known. */
static int check_balloon(const struct run_options *run, struct err *e)
{
    const struct vm_devices *d = &run->vm.devices;

    if (d->has_balloon && devices_check_balloon(d, d->balloon.amount_mib,
                                                run->vm.mem_size_mib, e) < 0)
        return err_set(e, -EINVAL,
                       "--balloon: %u MiB cannot be taken from a guest of "
                       "%llu MiB: give a smaller size, or more with --mem",
                       d->balloon.amount_mib,
                       (unsigned long long)run->vm.mem_size_mib);
    return 0;
}

/* PATH[,cid=N] */
static int parse_vsock(struct vsock_config *vsock, const char *text,
                       struct err *e)
{
    static const char option[] = ",cid=";
    const char *comma = strrchr(text, ',');
    unsigned long long cid = DEFAULT_CID;
    size_t len = strlen(text);

    if (comma && strncmp(comma, option, strlen(option)) == 0) {
        len = (size_t)(comma - text);
        if (!args_number(comma + strlen(option), &cid) || cid < DEFAULT_CID ||
            cid > UINT32_MAX)
            return err_set(e, -EINVAL,
                           "--vsock: '%.64s' is no CID: give a number from %d "
                           "to %u",
                           comma + strlen(option), DEFAULT_CID, UINT32_MAX);
    }
    if (!len) /* the kernel would make up an address nobody knows */
        return err_set(e, -EINVAL,
                       "--vsock: where? Give the path of a socket to make");
    vsock->uds_path = heap_strdup(text);
    if (!vsock->uds_path)
        return err_set(e, -ENOMEM, "out of memory");
    vsock->uds_path[len] = 0;
    vsock->guest_cid = (uint32_t)cid;
    return 0;
}

/* The socket of a microVM that has ended is still there: a new one for the same
   person takes its place. */
static void remove_stale_socket(const char *path)
{
    struct stat st;
    int fd;

    if (stat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return;
    fd = host_unix_connect(path);
    if (fd >= 0)
        close(fd);
    else if (fd == -ECONNREFUSED)
        unlink(path);
}

static int add_vsock(struct run_options *run, const char *text, struct err *e)
{
    struct vsock_config vsock = {.listener = -1};
    int rc;

    if (run->vm.devices.has_vsock)
        return err_set(e, -EINVAL, "--vsock: there can be only one");
    rc = parse_vsock(&vsock, text, e);
    if (rc < 0)
        return rc;
    remove_stale_socket(vsock.uds_path);
    rc = devices_put_vsock(&run->vm.devices, &vsock, e);
    if (rc == -EADDRINUSE)
        return err_set(e, rc,
                       "--vsock %.128s: %s: remove what is there, or give "
                       "another path",
                       text, strerror(EADDRINUSE));
    if (rc == -ENAMETOOLONG)
        return err_set(e, rc,
                       "--vsock %.128s: this path is too long for a socket: "
                       "give a shorter one, such as /tmp/v.sock",
                       text);
    return rc < 0 ? err_prefix(e, "--vsock %.128s", text), rc : 0;
}

static int append(struct buf *line, const char *text, struct err *e)
{
    if (line->len)
        buf_putc(line, ' ');
    if (buf_puts(line, text) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    return 0;
}

static int take(struct run_options *run, int option, struct buf *line,
                struct err *e)
{
    switch (option) {
    case OPT_KERNEL:
        return set_string(&run->vm.kernel_path, optarg, e);
    case OPT_INITRD:
        return set_string(&run->vm.initrd_path, optarg, e);
    case OPT_CPUS:
        return set_cpus(run, optarg, e);
    case OPT_MEM:
        return set_mem(run, optarg, e);
    case OPT_APPEND:
        return append(line, optarg, e);
    case OPT_DISK:
        return run_add_disk(&run->vm.devices, optarg, e);
    case OPT_PMEM:
        return run_add_pmem(&run->vm.devices, optarg, e);
    case OPT_HOTPLUG_MEM:
        return run_set_hotplug_mem(&run->vm.devices, optarg, e);
    case OPT_SHARE_METADATA:
        run->metadata_path = optarg;
        return 0;
    case OPT_NET:
        return run_add_net(&run->vm.devices, optarg, e);
    case OPT_RNG:
        run->vm.devices.has_entropy = true;
        return 0;
    case OPT_BALLOON:
        return set_balloon(run, optarg, e);
    case OPT_VSOCK:
        return add_vsock(run, optarg, e);
    case OPT_ACCEL:
        return set_accel(run, optarg, e);
    case OPT_TIER:
        return vm_config_set_tier(&run->vm, optarg, e);
    case OPT_CODE_MIB:
        return vm_config_set_code_mib(&run->vm, optarg, e);
    case OPT_DUMP_FDT:
        return set_string(&run->vm.dump_fdt, optarg, e);
    case OPT_LEVEL:
        return set_level(run, optarg, e);
    case OPT_BOOT_TIMER:
        run->vm.boot_timer = true;
        return 0;
    case OPT_STATS:
        run->stats = run->vm.count_insns = true;
        return 0;
    default:
        run->help = true;
        return 0;
    }
}

/* The argument getopt stumbled over. */
static int bad_option(int option, char **argv, struct err *e)
{
    const char *arg = argv[optind - 1];

    if (option == ':')
        return err_set(e, -EINVAL, "%.64s needs a value: see squib run --help",
                       arg);
    /* One that exists was --long=VALUE and takes none. */
    if (optopt && optopt < 256 && !strchr(short_options, optopt))
        return err_set(e, -EINVAL,
                       "there is no option -%c: see squib run --help", optopt);
    return err_set(e, -EINVAL,
                   "there is no option %.64s here: see squib run --help", arg);
}

static int take_all(struct run_options *run, int argc, char **argv,
                    struct buf *line, struct err *e)
{
    int option, rc;

    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, short_options, long_options,
                                 NULL)) != -1) {
        if (option == '?' || option == ':')
            return bad_option(option, argv, e);
        rc = take(run, option, line, e);
        if (rc < 0 || run->help)
            return rc;
    }
    if (optind < argc && !run->vm.kernel_path)
        return set_string(&run->vm.kernel_path, argv[optind++], e);
    if (optind < argc)
        return err_set(e, -EINVAL,
                       "'%.64s' is one argument too many: see squib run "
                       "--help",
                       argv[optind]);
    return 0;
}

/* A word that begins so. */
static bool names(const char *line, const char *what)
{
    const char *at = line;

    while ((at = strstr(at, what)) != NULL) {
        if (at == line || at[-1] == ' ')
            return true;
        at++;
    }
    return false;
}

static int compose_args(struct run_options *run, const struct buf *appended,
                        struct err *e)
{
    const char *more = buf_text(appended);
    struct buf line = {0};
    int rc;

    if (!names(more, "console="))
        buf_printf(&line, "%s ", default_console);
    if (run->vm.devices.has_memory_hotplug &&
        !names(more, "memhp_default_state="))
        buf_printf(&line, "%s ", online_memory);
    buf_printf(&line, "%s%s%s", default_args, *more ? " " : "", more);
    rc = line.failed ? err_set(e, -ENOMEM, "out of memory")
                     : set_string(&run->vm.boot_args, buf_text(&line), e);
    if (rc == 0) {
        rc = vm_config_check_boot_args(run->vm.boot_args, e);
        if (rc < 0)
            err_prefix(e, "--append");
    }
    buf_release(&line);
    return rc;
}

int run_parse(struct run_options *run, int argc, char **argv, struct err *e)
{
    struct buf appended = {0};
    int rc;

    *run = (struct run_options){.log_level = LOG_WARN};
    vm_config_init(&run->vm);
    run->vm.mem_size_mib = DEFAULT_MEM_MIB;
    rc = take_all(run, argc, argv, &appended, e);
    if (rc == 0 && !run->help && !run->vm.kernel_path)
        rc = err_set(e, -EINVAL,
                     "which kernel? Give an arm64 one with --kernel FILE: a "
                     "raw Image, or that in gzip or zstd");
    if (rc == 0 && !run->help)
        rc = compose_args(run, &appended, e);
    if (rc == 0 && !run->help)
        rc = check_balloon(run, e);
    if (rc == 0 && !run->help)
        rc = run_share_metadata(run, e);
    if (run->vm.boot_timer && !run->has_log_level)
        run->log_level = LOG_INFO; /* that of its line */
    if (rc == 0 && !run->help && !run->vm.initrd_path &&
        !names(run->vm.boot_args, "root="))
        run_choose_root(&run->vm.devices);
    buf_release(&appended);
    return rc;
}

int run_check_files(const struct run_options *run, struct err *e)
{
    int rc = run_probe("--kernel", run->vm.kernel_path, R_OK, e);

    if (rc == 0 && run->vm.initrd_path)
        rc = run_probe("--initrd", run->vm.initrd_path, R_OK, e);
    return rc < 0 ? rc : run_check_pmems(&run->vm.devices, e);
}

void run_release(struct run_options *run)
{
    mmds_link_free(run->mmds);
    vm_config_release(&run->vm);
}
