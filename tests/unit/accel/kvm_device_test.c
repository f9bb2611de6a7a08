// SPDX-License-Identifier: Apache-2.0
/* What somebody is told for whom /dev/kvm does not open. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/kvm/device.h"

static void says(const struct err *e, const char *what)
{
    if (!strstr(e->text, what))
        fail_msg("no '%s' in: %s", what, e->text);
}

static void a_missing_device_says_what_may_be_missing(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(kvm_device_open_at("/nowhere/kvm", &e), -ENOENT);
    says(&e, "kvm: this host has no /nowhere/kvm: No such file or directory "
             "(os error 2)");
    says(&e, "modprobe kvm");
    says(&e, "--accel soft");
}

static void another_file_is_no_kvm_device(void **state)
{
    char path[] = "/tmp/squib-kvm-XXXXXX";
    int fd = mkstemp(path);
    struct err e = {0};

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(kvm_device_open_at(path, &e), -ENOTTY);
    says(&e, "is not Linux's KVM device");
    unlink(path);
    assert_int_equal(kvm_device_open_at("/dev/null", &e), -ENOTTY);
    says(&e, "/dev/null");
}

/* By the number, because the tests may run as root, who is refused nothing. */
static void no_permission_says_how_to_get_it(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(kvm_device_cannot_open("/dev/kvm", EACCES, &e), -EACCES);
    says(&e, "you may not use /dev/kvm: Permission denied (os error 13)");
    says(&e, "sudo usermod -aG kvm $USER");
    says(&e, "sudo setfacl -m u:$USER:rw /dev/kvm");
}

static void other_troubles_are_named(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(kvm_device_cannot_open("/dev/kvm", EMFILE, &e), -EMFILE);
    assert_string_equal(e.text, "kvm: cannot open /dev/kvm: Too many open "
                                "files (os error 24)");
    assert_int_equal(kvm_device_cannot_open("/dev/kvm", ENODEV, &e), -ENODEV);
    says(&e, "not booted in EL2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_device_says_what_may_be_missing),
        cmocka_unit_test(another_file_is_no_kvm_device),
        cmocka_unit_test(no_permission_says_how_to_get_it),
        cmocka_unit_test(other_troubles_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
