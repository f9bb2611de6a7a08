// SPDX-License-Identifier: Apache-2.0
/* The configuration file: what it may say, and what is said when it errs. */

#include "api/config_file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/macros.h"

#define BOOT   "\"boot-source\": {\"kernel_image_path\": \"/dev/null\"}"
#define FAILED "Configuration for VMM from one single json failed: "

/* Parses and applies; the sentence, or "" when all went well. */
static const char *load(const char *text, struct vm_config *cfg)
{
    static struct err e;
    struct config_file *file;
    int rc = -EINVAL;

    e.text[0] = 0;
    vm_config_init(cfg);
    file = config_file_parse(text, strlen(text), &e);
    if (file)
        rc = config_file_apply(file, cfg, "id", &e);
    config_file_free(file);
    assert_true((rc < 0) == (e.text[0] != 0));
    return e.text;
}

static void expect_answer(const char *text, const char *want)
{
    struct vm_config cfg;
    const char *got = load(text, &cfg);

    if (strcmp(got, want) != 0)
        fail_msg("%s\n  said: %s\n  want: %s", text, got, want);
    vm_config_release(&cfg);
}

static void a_whole_file_is_taken(void **state)
{
    struct vm_config cfg;
    const char *got = load(
        "{\"boot-source\": {\"kernel_image_path\": \"/dev/null\","
        "\"initrd_path\": \"/dev/null\", \"boot_args\": \"console=ttyS0\"},"
        "\"machine-config\": {\"vcpu_count\": 8, \"mem_size_mib\": 512,"
        "\"track_dirty_pages\": true}, \"drives\": [],"
        "\"network-interfaces\": [], \"vsock\": null,"
        "\"squib\": {\"accel\": \"soft\"}, \"whatever\": {\"a\": 1}}",
        &cfg);

    (void)state;
    assert_string_equal(got, "");
    assert_string_equal(cfg.kernel_path, "/dev/null");
    assert_string_equal(cfg.initrd_path, "/dev/null");
    assert_string_equal(cfg.boot_args, "console=ttyS0");
    assert_string_equal(cfg.accel, "soft");
    assert_int_equal(cfg.vcpu_count, 8);
    assert_int_equal(cfg.mem_size_mib, 512);
    assert_true(cfg.track_dirty_pages);
    vm_config_release(&cfg);
}

static void defaults_are_firecrackers(void **state)
{
    struct vm_config cfg;

    (void)state;
    assert_string_equal(load("{\"drives\": [], " BOOT "}", &cfg), "");
    assert_int_equal(cfg.vcpu_count, 1);
    assert_int_equal(cfg.mem_size_mib, 128);
    assert_null(cfg.initrd_path);
    assert_null(cfg.boot_args);
    assert_null(cfg.accel);
    vm_config_release(&cfg);
}

static void limits_have_firecrackers_texts(void **state)
{
    (void)state;
#define MACHINE(body) \
    "{\"drives\": [], " BOOT ", \"machine-config\": {" body "}}"
    static const char vcpus[] = FAILED
        "VM config error: The number of vCPUs must be greater than 0, less "
        "than 32 and must be 1 or an even number if SMT is enabled.";
    static const char mem[] =
        FAILED "VM config error: The memory size (MiB) is either 0, or not a "
               "multiple of the configured page size.";

    expect_answer(MACHINE("\"vcpu_count\": 0, \"mem_size_mib\": 1"), vcpus);
    expect_answer(MACHINE("\"vcpu_count\": 33, \"mem_size_mib\": 1"), vcpus);
    expect_answer(MACHINE("\"vcpu_count\": 32, \"mem_size_mib\": 1"), "");
    expect_answer(MACHINE("\"vcpu_count\": 1, \"mem_size_mib\": 0"), mem);
    expect_answer(MACHINE("\"vcpu_count\": 1, \"mem_size_mib\": 3,"
                          "\"huge_pages\": \"2M\""),
                  mem);
    expect_answer(
        MACHINE("\"vcpu_count\": 1, \"mem_size_mib\": 2, \"smt\": true"),
        FAILED "VM config error: Enabling simultaneous multithreading is "
               "not supported on aarch64.");
    expect_answer(MACHINE("\"vcpu_count\": 1, \"mem_size_mib\": 2,"
                          "\"cpu_template\": \"V1N1\""),
                  FAILED
                  "VM config error: the CPU template V1N1 is not there in "
                  "squib yet: leave cpu_template out, or set it to \"None\"");
}

static void faults_come_with_their_place(void **state)
{
    (void)state;
    expect_answer(
        "{\"drives\": []}",
        FAILED "Invalid JSON: missing field `boot-source` at line 1 column 14");
    expect_answer("{\n  " BOOT "\n}", FAILED
                  "Invalid JSON: missing field `drives` at line 3 column 1");
    expect_answer(
        "{\"drives\": [], \"boot-source\": {\"kernel\": 1}}", FAILED
        "Invalid JSON: unknown field `kernel`, expected one of "
        "`kernel_image_path`, `initrd_path`, `boot_args` at line 1 column "
        "39");
    expect_answer(
        "{\"drives\": [], \"squib\": {\"fast\": 1}}",
        FAILED "Invalid JSON: unknown field `fast`, expected `accel` at line 1 "
               "column 31");
    expect_answer("", FAILED
                  "Invalid JSON: EOF while parsing a value at line 1 column 0");
    expect_answer("kernel: foo",
                  FAILED "Invalid JSON: expected value at line 1 column 1");
}

static void devices_are_taken_as_the_api_takes_them(void **state)
{
    struct vm_config cfg;

    (void)state;
    assert_string_equal(
        load("{\"drives\": [{\"drive_id\": \"a\", \"is_root_device\": false,"
             "\"path_on_host\": \"/dev/null\"}, {\"drive_id\": \"b\","
             "\"is_root_device\": true, \"path_on_host\": \"/dev/null\"}],"
             "\"network-interfaces\": [{\"iface_id\": \"n\","
             "\"host_dev_name\": \"user\"}], \"mmds-config\":"
             "{\"network_interfaces\": [\"n\"]}, \"entropy\": {},"
             "\"balloon\": {\"amount_mib\": 1, \"deflate_on_oom\": true},"
             "\"unheard of\": [], " BOOT "}",
             &cfg),
        "");
    assert_int_equal(cfg.devices.num_drives, 2);
    assert_string_equal(cfg.devices.drives[0].id, "b");
    assert_true(cfg.devices.nets[0].has_mmds);
    assert_true(cfg.devices.has_entropy && cfg.devices.has_balloon);
    vm_config_release(&cfg);
}

static void devices_that_cannot_be_are_named(void **state)
{
    (void)state;
    expect_answer("{\"drives\": [{\"drive_id\": \"a\", \"is_root_device\":"
                  "false}], " BOOT "}",
                  FAILED "Block device error: Unable to create the virtio "
                         "block device: Invalid block config.");
    expect_answer("{\"drives\": [{}], " BOOT "}",
                  FAILED "Invalid JSON: missing field `drive_id` at line 1 "
                         "column 14");
    expect_answer("{\"drives\": [], \"mmds-config\": "
                  "{\"network_interfaces\": [\"n\"]}, " BOOT "}",
                  FAILED "MMDS config error: The list of network interface IDs "
                         "provided contains at least one ID that does not "
                         "correspond to any existing network interface.");
    expect_answer("{\"drives\": [], \"balloon\": {\"amount_mib\": 129,"
                  "\"deflate_on_oom\": true}, " BOOT "}",
                  FAILED "Balloon device error: Amount of pages requested is "
                         "too large.");
}

static void files_that_cannot_be_opened_are_named(void **state)
{
    (void)state;
    expect_answer(
        "{\"drives\": [], \"boot-source\": {\"kernel_image_path\": \"\"}}",
        FAILED "Boot source error: The kernel file cannot be opened: No "
               "such file or directory (os error 2)");
    expect_answer("{\"drives\": [], \"boot-source\": {\"kernel_image_path\": "
                  "\"/dev/null\", \"initrd_path\": \"/nowhere/initrd\"}}",
                  FAILED
                  "Boot source error: The initrd file cannot be opened due to "
                  "invalid path or invalid permissions. No such file or "
                  "directory (os error 2)");
}

static void a_command_line_has_2047_bytes(void **state)
{
    char text[3000], args[2100];

    (void)state;
    memset(args, 'a', sizeof(args));
    for (int len = 2047; len <= 2048; len++) {
        snprintf(text, sizeof(text),
                 "{\"drives\": [], \"boot-source\": {\"kernel_image_path\": "
                 "\"/dev/null\", \"boot_args\": \"%.*s\"}}",
                 len, args);
        expect_answer(text, len == 2047 ? ""
                                        : FAILED
                                "Boot source error: The kernel command line "
                                "is invalid: Inserting string would make "
                                "command line too long.");
    }
    expect_answer("{\"drives\": [], \"boot-source\": {\"kernel_image_path\": "
                  "\"/dev/null\", \"boot_args\": \"a\\nb\"}}",
                  FAILED
                  "Boot source error: The kernel command line is invalid: "
                  "String contains a non-printable ASCII character.");
}

static void every_failed_allocation_is_survived(void **state)
{
    static const char text[] =
        "{\"boot-source\": {\"kernel_image_path\": \"/dev/null\","
        "\"initrd_path\": \"/dev/null\", \"boot_args\": \"x\"},"
        "\"drives\": [], \"squib\": {\"accel\": \"soft\"},"
        "\"machine-config\": {\"vcpu_count\": 1, \"mem_size_mib\": 1}}";
    struct vm_config cfg;
    bool good = false;
    long n;

    (void)state;
    for (n = 0; !good; n++) {
        heap_fail_after(n);
        good = !*load(text, &cfg);
        heap_fail_after(-1);
        vm_config_release(&cfg);
    }
    assert_true(n > 5);
}

static void a_file_must_be_readable_text(void **state)
{
    struct buf text = {0};
    struct err e;

    (void)state;
    assert_true(config_file_read("/nowhere/vm.json", &text, &e) < 0);
    assert_string_equal(e.text, "Unable to open or read from the "
                                "configuration file: No such file or "
                                "directory (os error 2): /nowhere/vm.json");
    assert_true(config_file_read("/", &text, &e) < 0);
    assert_non_null(strstr(e.text, "Is a directory"));
    assert_true(config_file_read("/dev/zero", &text, &e) < 0);
    assert_non_null(strstr(e.text, "more than 4 MiB"));
    buf_release(&text);
    assert_int_equal(config_file_read("/dev/null", &text, &e), 0);
    assert_int_equal(text.len, 0);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_is_taken),
        cmocka_unit_test(defaults_are_firecrackers),
        cmocka_unit_test(limits_have_firecrackers_texts),
        cmocka_unit_test(faults_come_with_their_place),
        cmocka_unit_test(devices_are_taken_as_the_api_takes_them),
        cmocka_unit_test(devices_that_cannot_be_are_named),
        cmocka_unit_test(files_that_cannot_be_opened_are_named),
        cmocka_unit_test(a_command_line_has_2047_bytes),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(a_file_must_be_readable_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
