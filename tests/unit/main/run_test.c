// SPDX-License-Identifier: Apache-2.0
/* `squib run`: what its options become. */

#include "main/run.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/macros.h"

enum { MAX_WORDS = 14 };

static int parse(struct run_options *run, const char *const *words,
                 struct err *e)
{
    char *argv[MAX_WORDS + 2] = {(char *)(uintptr_t) "run"};
    int argc = 1;

    e->text[0] = 0;
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    return run_parse(run, argc, argv, e);
}

static void a_kernel_is_all_it_takes(void **state)
{
    const char *words[] = {"--kernel", "Image", NULL};
    struct run_options run;
    struct err e;

    (void)state;
    assert_int_equal(parse(&run, words, &e), 0);
    assert_string_equal(run.vm.kernel_path, "Image");
    assert_string_equal(run.vm.boot_args, "console=ttyAMA0 reboot=k panic=1");
    assert_int_equal(run.vm.vcpu_count, 1);
    assert_int_equal(run.vm.mem_size_mib, 512);
    assert_int_equal(run.log_level, LOG_WARN);
    assert_null(run.vm.initrd_path);
    assert_null(run.vm.accel);
    run_release(&run);
}

static void every_option_is_taken(void **state)
{
    const char *words[] = {"-k",           "Image",        "-i",       "rd",
                           "--cpus",       "32",           "--mem=2G", "-a",
                           "quiet",        "--stats",      "--append", "x=y",
                           "--accel=soft", "--boot-timer", NULL};
    struct run_options run;
    struct err e;

    (void)state;
    assert_int_equal(parse(&run, words, &e), 0);
    assert_string_equal(run.vm.initrd_path, "rd");
    assert_string_equal(run.vm.accel, "soft");
    assert_string_equal(run.vm.boot_args,
                        "console=ttyAMA0 reboot=k panic=1 quiet x=y");
    assert_int_equal(run.vm.vcpu_count, 32);
    assert_int_equal(run.vm.mem_size_mib, 2048);
    assert_true(run.stats);
    assert_true(run.vm.boot_timer);
    run_release(&run);
}

static void of_single_options_the_last_one_counts(void **state)
{
    const char *words[] = {"-k", "first", "--cpus=3", "--mem=1G", "--cpus",
                           "2",  "-k",    "Image",    "-m64",     NULL};
    struct run_options run;
    struct err e;

    (void)state;
    assert_int_equal(parse(&run, words, &e), 0);
    assert_string_equal(run.vm.kernel_path, "Image");
    assert_int_equal(run.vm.vcpu_count, 2);
    assert_int_equal(run.vm.mem_size_mib, 64);
    run_release(&run);
}

static void the_boot_timers_line_is_seen_unless_told_otherwise(void **state)
{
    const char *plain[] = {"Image", "--boot-timer", NULL};
    const char *quiet[] = {"Image", "--level=error", "--boot-timer", NULL};
    struct run_options run;
    struct err e;

    (void)state;
    assert_int_equal(parse(&run, plain, &e), 0);
    assert_int_equal(run.log_level, LOG_INFO);
    run_release(&run);
    assert_int_equal(parse(&run, quiet, &e), 0);
    assert_int_equal(run.log_level, LOG_ERROR);
    run_release(&run);
}

static void a_console_of_ones_own_replaces_the_default(void **state)
{
    const char *own[] = {"Image", "--append", "quiet console=ttyS0", NULL};
    const char *other[] = {"Image", "--append", "netconsole=x", NULL};
    struct run_options run;
    struct err e;

    (void)state;
    assert_int_equal(parse(&run, own, &e), 0);
    assert_string_equal(run.vm.boot_args,
                        "reboot=k panic=1 quiet console=ttyS0");
    run_release(&run);
    assert_int_equal(parse(&run, other, &e), 0);
    assert_string_equal(run.vm.boot_args,
                        "console=ttyAMA0 reboot=k panic=1 netconsole=x");
    run_release(&run);
}

#define LONG "0123456789012345678901234567890123456789"

static void errors_name_the_fix(void **state)
{
    static const struct {
        const char *words[MAX_WORDS];
        const char *want;
    } rows[] = {
        {{NULL},
         "which kernel? Give an arm64 one with --kernel FILE: a raw "
         "Image, or that in gzip or zstd"},
        {{"-k", "k", "--cpus", "0"},
         "--cpus: '0' is not a number of CPUs: give one from 1 to 32"},
        {{"-k", "k", "--cpus", "33"},
         "--cpus: '33' is not a number of CPUs: give one from 1 to 32"},
        {{"-k", "k", "--cpus", "two"},
         "--cpus: 'two' is not a number of CPUs: give one from 1 to 32"},
        {{"-k", "k", "--mem", "0"},
         "--mem: '0' is not possible: give a size from 1M to 1022G"},
        {{"-k", "k", "--mem", "1023G"},
         "--mem: '1023G' is not possible: give a size from 1M to 1022G"},
        {{"-k", "k", "--mem", "12x"},
         "--mem: '12x' is not a size: write it as 512, 512M or 2G"},
        {{"-k", "k", "--level", "loud"},
         "--level: 'loud' is no log level: try off, error, warn, info or "
         "debug"},
        {{"-k", "k", "--tier", "x"},
         "--tier: no tier is called 'x': try auto, jit, interp or lockstep"},
        {{"-k", "k", "--accel", "x"},
         "--accel: no accelerator is called 'x': try auto, kvm or soft"},
        {{"-k", "k", "l"},
         "'l' is one argument too many: see squib run --help"},
        {{"-k"}, "-k needs a value: see squib run --help"},
        {{"--kernel"}, "--kernel needs a value: see squib run --help"},
        {{"--floppy", "x"},
         "there is no option --floppy here: see squib run --help"},
        {{"-k", "k", "--disk", "/no/such/disk:ro"},
         "--disk: /no/such/disk: No such file or directory"},
        {{"-k", "k", "--disk", "/dev/zero:ro,rw"},
         "--disk: 'rw' is no option of a disk: try ro, root, unsafe, async or "
         "discard"},
        {{"-k", "k", "--net", "tap"},
         "--net: 'tap' is no network: try user, user:tcp=8080:80 or tap=NAME"},
        {{"-k", "k", "--net", "mac=06:00:00:00:00:01"},
         "--net: '' is no network: try user, user:tcp=8080:80 or tap=NAME"},
        {{"-k", "k", "--net", "user,mac=06:00"},
         "--net: '06:00' is no MAC address: write it as 06:00:ac:10:00:02"},
        {{"-k", "k", "--net", "user,mac=01:00:00:00:00:01"},
         "--net: 01:00:00:00:00:01 is the address of a group: its first byte "
         "has to be even"},
        {{"-k", "k", "--net", "user,mtu=67"},
         "--net: '67' is no MTU: give a number from 68 to 65535"},
        {{"-k", "k", "--disk", "/dev/zero:ro"},
         "--disk: /dev/zero: neither a file nor a block device"},
        {{"-k", "k", "--pmem", "/no/such/file"},
         "--pmem: /no/such/file: No such file or directory"},
        {{"-k", "k", "--pmem", "/dev/zero:ro,async"},
         "--pmem: 'async' is no option of persistent memory: try ro or root"},
        {{"-k", "k", "--pmem", "/dev/zero:ro"},
         "--pmem: /dev/zero: neither a file nor a block device"},
        {{"-k", "k", "--hotplug-mem", "much"},
         "--hotplug-mem: 'much' is not understood: write it as 2G, or as "
         "2G,now=512M"},
        {{"-k", "k", "--hotplug-mem", "2G,then=1G"},
         "--hotplug-mem: '2G,then=1G' is not understood: write it as 2G, or "
         "as 2G,now=512M"},
        {{"-k", "k", "--hotplug-mem", "1G,now=2G"},
         "--hotplug-mem: '1G,now=2G' is not possible: give a multiple of 128M, "
         "and as `now` at most that, in steps of 2M"},
        {{"-k", "k", "--hotplug-mem", "100M,now=0"},
         "--hotplug-mem 100M,now=0: Total size must not be lower than slot "
         "size (128 MiB)"},
        {{"-k", "k", "--vsock", "v.sock,cid=2"},
         "--vsock: '2' is no CID: give a number from 3 to 4294967295"},
        {{"-k", "k", "--vsock", "v.sock,cid=4294967296"},
         "--vsock: '4294967296' is no CID: give a number from 3 to "
         "4294967295"},
        {{"-k", "k", "--vsock", "/no/such/folder/v.sock"},
         "--vsock /no/such/folder/v.sock: Cannot create backend for vsock "
         "device: Error binding to the host-side Unix socket: No such file or "
         "directory (os error 2)"},
        {{"-k", "k", "--vsock", ""},
         "--vsock: where? Give the path of a socket to make"},
        {{"-k", "k", "--vsock", ",cid=5"},
         "--vsock: where? Give the path of a socket to make"},
        {{"-k", "k", "--vsock", "/"},
         "--vsock /: Address already in use: remove what is there, or give "
         "another path"},
        {{"-k", "k", "--vsock", LONG LONG LONG},
         "--vsock " LONG LONG LONG ": this path is too long for a socket: give "
         "a shorter one, such as /tmp/v.sock"},
        {{"-k", "k", "--disk", ":ro"}, "--disk: which file? Give its name"},
        {{"-k", "k", "--pmem", ""}, "--pmem: which file? Give its name"},
        {{"-k", "k", "--share-metadata", ""},
         "--share-metadata: which file? Give one of JSON"},
        {{"-k", "k", "--balloon", "513"},
         "--balloon: 513 MiB cannot be taken from a guest of 512 MiB: give a "
         "smaller size, or more with --mem"},
        {{"--help=1"},
         "there is no option --help=1 here: see squib run --help"},
        {{"-z"}, "there is no option -z: see squib run --help"},
        {{"-k", "k", "-a", "a\tb"},
         "--append: The kernel command line is invalid: String contains a "
         "non-printable ASCII character."},
    };
    struct run_options run;
    struct err e;

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        assert_true(parse(&run, rows[n].words, &e) < 0);
        assert_string_equal(e.text, rows[n].want);
        run_release(&run);
    }
}

static void a_name_with_a_colon_is_explained(void **state)
{
    static const char *const options[] = {"--disk", "--pmem"};
    static const char *const names[] = {"run-a:b.img", "run-c:"};
    struct run_options run;
    struct err e;
    char want[128];

    (void)state;
    for (size_t n = 0; n < 4; n++) {
        const char *option = options[n / 2], *name = names[n % 2];
        const char *words[] = {"-k", "k", option, name, NULL};

        close(open(name, O_CREAT | O_WRONLY | O_TRUNC, 0600));
        assert_true(parse(&run, words, &e) < 0);
        snprintf(want, sizeof(want),
                 "%s: %s: a name with a colon is written with one more at its "
                 "end",
                 option, name);
        assert_string_equal(e.text, want);
        run_release(&run);
        unlink(name);
    }
}

static void help_is_there_whatever_follows(void **state)
{
    static const char *const rows[][5] = {
        {"--help", "--disk", "/no/such/disk", NULL},
        {"--help", "--nonsense", NULL},
        {"--balloon", "1G", "--help", NULL},
    };
    struct run_options run;
    struct err e;

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        assert_int_equal(parse(&run, rows[n], &e), 0);
        assert_true(run.help);
        run_release(&run);
    }
}

static void files_that_cannot_be_used_are_named(void **state)
{
    static const struct {
        const char *words[MAX_WORDS];
        const char *want;
    } rows[] = {
        {{"-k", "/no/such/Image"},
         "--kernel: /no/such/Image: No such file or directory"},
        {{"-k", ""}, "--kernel: which file? Give its name"},
        {{"-k", "/dev/null", "-i", "/no/such/rd"},
         "--initrd: /no/such/rd: No such file or directory"},
        {{"-k", "/dev/null", "-i", ""}, "--initrd: which file? Give its name"},
        {{"-k", "/dev/null", "--pmem", "run-empty.img"},
         "--pmem: run-empty.img: is empty: give it a size, as truncate -s 64M "
         "does"},
    };
    struct run_options run;
    struct err e;

    (void)state;
    close(open("run-empty.img", O_CREAT | O_WRONLY | O_TRUNC, 0600));
    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        assert_int_equal(parse(&run, rows[n].words, &e), 0);
        assert_true(run_check_files(&run, &e) < 0);
        assert_string_equal(e.text, rows[n].want);
        run_release(&run);
    }
    unlink("run-empty.img");
}

static uint16_t free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

/* Parses words whose `net` forwards a free port of both protocols. What is free
   may be somebody else's a moment later: then it is another. */
static int parse_forwards(struct run_options *run, const char *const *words,
                          char net[64])
{
    struct err e;
    int rc = -1;

    for (unsigned tries = 0; tries < 100 && rc < 0; tries++) {
        uint16_t port = free_port();

        snprintf(net, 64, "user:tcp=%u:80,udp=%u:53,mtu=9000", port, port);
        rc = parse(run, words, &e);
        if (rc < 0)
            run_release(run);
    }
    return rc;
}

static void interfaces_have_addresses_of_their_own(void **state)
{
    char net[64], mac[18];
    const char *words[] = {"-k",    "Image", "-n",
                           "user",  "-n",    "user,mac=06:00:00:00:00:aB",
                           "--net", net,     NULL};
    const struct net_config *n;
    struct run_options run;
    struct err e;
    int rc = -1;

    (void)state;
    assert_int_equal(parse_forwards(&run, words, net), 0);
    assert_int_equal(run.vm.devices.num_nets, 3);
    n = run.vm.devices.nets;
    assert_string_equal(n[0].id, "eth0");
    assert_string_equal(n[0].host_dev_name, "user");
    assert_string_equal(n[1].guest_mac, "06:00:00:00:00:ab");
    assert_int_equal(n[1].mtu, 0);
    assert_memory_equal(n[2].host_dev_name, net, strlen(net) - 9);
    assert_int_equal(strlen(n[2].host_dev_name), strlen(net) - 9);
    assert_int_equal(n[2].mtu, 9000);
    assert_string_not_equal(n[0].guest_mac, n[2].guest_mac);
    assert_memory_equal(n[0].guest_mac, "06:00:", 6);
    memcpy(mac, n[2].guest_mac, sizeof(mac));
    run_release(&run);
    for (unsigned ms = 0; ms < 60000 && rc < 0; ms++) {
        rc = parse(&run, words, &e);
        if (rc < 0) { /* somebody uses the port for a while */
            run_release(&run);
            usleep(1000);
        }
    }
    assert_int_equal(rc, 0);
    assert_string_equal(run.vm.devices.nets[2].guest_mac, mac);
    run_release(&run);
}

static void a_vsock_has_a_path_and_a_cid(void **state)
{
    static const struct {
        const char *text, *path;
        uint32_t cid;
    } rows[] = {
        {"run-test.sock", "run-test.sock", 3},
        {"run-test.sock,cid=77", "run-test.sock", 77},
        {"run-test,cid=1,cid=5", "run-test,cid=1", 5},
        {"run-test,uid=1", "run-test,uid=1", 3},
    };
    struct run_options run;
    struct err e;

    (void)state;
    for (size_t n = 0; n < 2 * ARRAY_LEN(rows); n++) {
        const char *words[] = {"-k", "Image", "--vsock", rows[n / 2].text,
                               NULL};

        /* the second time the first one's socket is in the way, dead */
        assert_int_equal(parse(&run, words, &e), 0);
        assert_true(run.vm.devices.has_vsock);
        assert_string_equal(run.vm.devices.vsock.uds_path, rows[n / 2].path);
        assert_int_equal(run.vm.devices.vsock.guest_cid, rows[n / 2].cid);
        assert_int_equal(access(rows[n / 2].path, F_OK), 0);
        run_release(&run);
        if (n % 2)
            unlink(rows[n / 2].path);
    }
}

static void there_is_one_vsock(void **state)
{
    const char *words[] = {"-k",      "Image",      "--vsock", "run-test.sock",
                           "--vsock", "other.sock", NULL};
    struct run_options run;
    struct err e;

    (void)state;
    assert_true(parse(&run, words, &e) < 0);
    assert_string_equal(e.text, "--vsock: there can be only one");
    run_release(&run);
    unlink("run-test.sock");
}

static void disks_have_options_and_an_order(void **state)
{
    const char *words[] = {
        "-k",     "Image",         "-d", "disk-a.img:ro,async",
        "--disk", "./disk-b.img:", "-d", "disk-c.img:discard,unsafe,root",
        NULL};
    struct run_options run;
    const struct drive_config *d;
    struct err e;

    (void)state;
    for (char name = 'a'; name <= 'c'; name++) {
        char path[] = "disk-x.img";

        path[5] = name;
        close(open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600));
    }
    assert_int_equal(parse(&run, words, &e), 0);
    assert_int_equal(run.vm.devices.num_drives, 3);
    d = run.vm.devices.drives;
    assert_string_equal(d[0].path, "disk-c.img");
    assert_true(d[0].is_root && d[0].discard && !d[0].is_read_only);
    assert_int_equal(d[0].cache_type, CACHE_UNSAFE);
    assert_string_equal(d[1].path, "disk-a.img");
    assert_true(!d[1].is_root && d[1].is_read_only);
    assert_int_equal(d[1].io_engine, IO_ENGINE_ASYNC);
    assert_int_equal(d[1].cache_type, CACHE_WRITEBACK);
    assert_string_equal(d[2].path, "./disk-b.img");
    run_release(&run);
    for (char name = 'a'; name <= 'c'; name++) {
        char path[] = "disk-x.img";

        path[5] = name;
        unlink(path);
    }
}

static void make_files(const char *const *names)
{
    for (; *names; names++)
        close(open(*names, O_CREAT | O_WRONLY | O_TRUNC, 0600));
}

static void remove_files(const char *const *names)
{
    for (; *names; names++)
        unlink(*names);
}

static void pmem_files_have_options_and_may_be_the_root(void **state)
{
    static const char *const files[] = {"pmem-a.img", "pmem-b.img", NULL};
    static const struct {
        const char *words[MAX_WORDS];
        int pmem_root, drive_root; /* which one, -1: none */
    } rows[] = {
        {{"-k", "k", "--pmem", "pmem-a.img:ro", "--pmem", "pmem-b.img"}, 0, -1},
        {{"-k", "k", "--pmem", "pmem-a.img:ro", "--pmem", "pmem-b.img:root"},
         1,
         -1},
        {{"-k", "k", "--pmem", "pmem-a.img:ro", "-d", "pmem-b.img"}, -1, 0},
        {{"-k", "k", "--pmem", "pmem-a.img:ro,root", "-d", "pmem-b.img"},
         0,
         -1},
        {{"-k", "k", "-i", "i", "--pmem", "pmem-a.img:ro"}, -1, -1},
        {{"-k", "k", "--append", "root=/x", "--pmem", "pmem-a.img:ro"}, -1, -1},
    };
    struct run_options run;
    struct err e;

    (void)state;
    make_files(files);
    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        const struct vm_devices *d = &run.vm.devices;

        assert_int_equal(parse(&run, rows[n].words, &e), 0);
        assert_string_equal(d->pmems[0].id, "pmem0");
        assert_string_equal(d->pmems[0].path, "pmem-a.img");
        assert_true(d->pmems[0].is_read_only);
        for (size_t k = 0; k < d->num_pmems; k++)
            assert_int_equal(d->pmems[k].is_root, (int)k == rows[n].pmem_root);
        for (size_t k = 0; k < d->num_drives; k++)
            assert_int_equal(d->drives[k].is_root,
                             (int)k == rows[n].drive_root);
        run_release(&run);
    }
    remove_files(files);
}

static void memory_can_be_plugged_and_linux_uses_it(void **state)
{
    const char *words[] = {"-k", "k", "--hotplug-mem", "2G,now=512M", NULL};
    const char *all[] = {"-k",   "k",        "--hotplug-mem",
                         "256M", "--append", "memhp_default_state=offline",
                         NULL};
    struct run_options run;
    struct err e;

    (void)state;
    assert_int_equal(parse(&run, words, &e), 0);
    assert_int_equal(run.vm.devices.memory_hotplug.total_mib, 2048);
    assert_int_equal(run.vm.devices.memory_hotplug.requested_mib, 512);
    assert_non_null(
        strstr(run.vm.boot_args, "memhp_default_state=online_movable"));
    run_release(&run);
    assert_int_equal(parse(&run, all, &e), 0);
    assert_int_equal(run.vm.devices.memory_hotplug.requested_mib, 256);
    assert_null(strstr(run.vm.boot_args, "online_movable"));
    run_release(&run);
}

static void sizes_have_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t mib;
    } good[] = {
        {"512", 512},    {"512M", 512},
        {"512m", 512},   {"512MiB", 512},
        {"2G", 2048},    {"2GiB", 2048},
        {"1T", 1048576}, {"18446744073709551615", UINT64_MAX},
    };
    static const char *const bad[] = {"",
                                      "G",
                                      "-1",
                                      "1.5G",
                                      "512K",
                                      "1 G",
                                      "18446744073709551616",
                                      "18446744073709551615G",
                                      "99999999999999999999999",
                                      "0x10"};
    uint64_t mib;

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(good); n++) {
        assert_true(run_parse_size(good[n].text, &mib));
        assert_true(mib == good[n].mib);
    }
    for (size_t n = 0; n < ARRAY_LEN(bad); n++)
        assert_false(run_parse_size(bad[n], &mib));
}

static void every_failed_allocation_is_survived(void **state)
{
    const char *words[] = {"-k", "Image", "-i", "rd", "-a", "quiet", NULL};
    struct run_options run;
    struct err e;
    int rc = -1;
    long n;

    (void)state;
    for (n = 0; rc < 0; n++) {
        heap_fail_after(n);
        rc = parse(&run, words, &e);
        heap_fail_after(-1);
        run_release(&run);
    }
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kernel_is_all_it_takes),
        cmocka_unit_test(every_option_is_taken),
        cmocka_unit_test(of_single_options_the_last_one_counts),
        cmocka_unit_test(the_boot_timers_line_is_seen_unless_told_otherwise),
        cmocka_unit_test(a_console_of_ones_own_replaces_the_default),
        cmocka_unit_test(errors_name_the_fix),
        cmocka_unit_test(a_name_with_a_colon_is_explained),
        cmocka_unit_test(help_is_there_whatever_follows),
        cmocka_unit_test(files_that_cannot_be_used_are_named),
        cmocka_unit_test(disks_have_options_and_an_order),
        cmocka_unit_test(pmem_files_have_options_and_may_be_the_root),
        cmocka_unit_test(memory_can_be_plugged_and_linux_uses_it),
        cmocka_unit_test(interfaces_have_addresses_of_their_own),
        cmocka_unit_test(a_vsock_has_a_path_and_a_cid),
        cmocka_unit_test(there_is_one_vsock),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
