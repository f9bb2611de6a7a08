// SPDX-License-Identifier: Apache-2.0
/* Kernel command lines as operators write them. */

#include "machine/cmdline.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

#define UART  " earlycon=uart,mmio,0x40002000"
#define PL011 " earlycon=pl011,mmio32,0x0e0a0000"

static void expect(const char *args, const struct cmdline_root *root,
                   const char *line)
{
    char out[CMDLINE_MAX];
    struct err e = {.code = 0};

    assert_int_equal(cmdline_compose(args, root, false, out, &e), 0);
    assert_string_equal(out, line);
}

static void without_arguments_there_are_firecrackers(void **state)
{
    (void)state;
    expect(NULL, NULL,
           "reboot=k panic=1 nomodule 8250.nr_uarts=0 i8042.noaux "
           "i8042.nomux i8042.dumbkbd swiotlb=noforce pci=off");
    expect("", NULL, "pci=off");
    expect("   ", NULL, "pci=off");
}

static void with_pci_there_is_no_pci_off(void **state)
{
    char out[CMDLINE_MAX];

    (void)state;
    assert_int_equal(cmdline_compose("panic=1", NULL, true, out, NULL), 0);
    assert_string_equal(out, "panic=1");
    assert_int_equal(cmdline_compose("", NULL, true, out, NULL), 0);
    assert_string_equal(out, "");
}

static void the_root_drive_is_named(void **state)
{
    const struct cmdline_root rw = {"/dev/vda", NULL, false};
    const struct cmdline_root ro = {"/dev/vda", NULL, true};
    const struct cmdline_root part = {"/dev/vda", "0eaa91a0-01", false};

    (void)state;
    expect("panic=1", &rw, "panic=1 pci=off root=/dev/vda rw");
    expect("panic=1", &ro, "panic=1 pci=off root=/dev/vda ro");
    expect("panic=1", &part, "panic=1 pci=off root=PARTUUID=0eaa91a0-01 rw");
}

static void a_console_is_spoken_to_early(void **state)
{
    (void)state;
    expect("console=ttyS0", NULL, "console=ttyS0 pci=off" UART);
    expect("console=ttyS0,115200n8 a", NULL,
           "console=ttyS0,115200n8 a pci=off" UART);
    expect("console=ttyAMA0", NULL, "console=ttyAMA0 pci=off" PL011);
    expect("console=tty0", NULL, "console=tty0 pci=off");
    expect("console=hvc0 console=", NULL, "console=hvc0 console= pci=off");
}

static void of_two_consoles_the_last_one_is_spoken_to(void **state)
{
    (void)state;
    expect("console=ttyS0 console=ttyAMA0", NULL,
           "console=ttyS0 console=ttyAMA0 pci=off" PL011);
    expect("console=ttyAMA0 console=ttyS0 console=hvc0", NULL,
           "console=ttyAMA0 console=ttyS0 console=hvc0 pci=off" UART);
}

static void an_earlycon_of_the_operators_own_is_left_alone(void **state)
{
    (void)state;
    expect("console=ttyS0 earlycon=uart8250,mmio,0x1000", NULL,
           "console=ttyS0 earlycon=uart8250,mmio,0x1000 pci=off");
    expect("earlycon console=ttyS0", NULL,
           "earlycon console=ttyS0 pci=off" UART);
}

static void what_belongs_to_init_stays_behind(void **state)
{
    const struct cmdline_root rw = {"/dev/vda", NULL, false};

    (void)state;
    expect("console=ttyS0 -- single x", &rw,
           "console=ttyS0 pci=off root=/dev/vda rw" UART " -- single x");
    expect("a -- b -- c", NULL, "a pci=off -- b -- c");
    expect("-- b", NULL, "pci=off -- b");
    expect("a --", NULL, "a pci=off");
    expect("a -- ", NULL, "a pci=off");
    expect("a --b", NULL, "a --b pci=off");
    expect("a -- console=ttyS0", NULL, "a pci=off -- console=ttyS0");
}

static void quotes_and_spaces_are_kept(void **state)
{
    (void)state;
    expect("  a   b  ", NULL, "a   b pci=off");
    expect("x=\"a -- b\" c", NULL, "x=\"a -- b\" c pci=off");
    expect("x=\"console=ttyS0", NULL, "x=\"console=ttyS0 pci=off");
    expect("x=\" console=ttyS0 \" -- y", NULL,
           "x=\" console=ttyS0 \" pci=off -- y");
}

static void consoles_are_found_by_name(void **state)
{
    static const struct {
        const char *line;
        unsigned consoles;
    } cases[] = {
        {"", 0},
        {"console=ttyS0", CONSOLE_TTYS},
        {"a console=ttyS b", CONSOLE_TTYS},
        {"console=ttyS1,9600", CONSOLE_TTYS},
        {"console=uart8250,mmio,0x40002000", CONSOLE_TTYS},
        {"console=uart,mmio,0x40002000", CONSOLE_TTYS},
        {"console=ttyAMA0", CONSOLE_TTYAMA},
        {"console=pl011,0xe0a0000", CONSOLE_TTYAMA},
        {"console=ttyS0 console=ttyAMA0", CONSOLE_TTYS | CONSOLE_TTYAMA},
        {"console=ttySAC0", 0},
        {"console=ttyAM", 0},
        {"console=hvc0 console=tty1", 0},
        {"xconsole=ttyS0 console", 0},
        {"-- console=ttyS0", 0},
    };

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++)
        assert_int_equal(cmdline_consoles(cases[n].line), cases[n].consoles);
}

static void the_line_may_have_2047_bytes(void **state)
{
    char args[3000], out[CMDLINE_MAX];
    size_t extra = strlen(" pci=off");
    struct err e;

    (void)state;
    memset(args, 'x', sizeof(args));
    args[CMDLINE_MAX - 1 - extra] = 0;
    assert_int_equal(cmdline_compose(args, NULL, false, out, &e), 0);
    assert_int_equal(strlen(out), CMDLINE_MAX - 1);
    args[CMDLINE_MAX - 1 - extra] = 'x';
    args[CMDLINE_MAX - extra] = 0;
    assert_int_equal(cmdline_compose(args, NULL, false, out, &e), -E2BIG);
    assert_string_equal(e.text,
                        "The kernel command line is invalid: Inserting string "
                        "would make command line too long.");
    assert_int_equal(cmdline_check(args, &e), 0);
    args[CMDLINE_MAX - extra] = 'x';
    args[CMDLINE_MAX - 1] = 0;
    assert_int_equal(cmdline_check(args, &e), 0);
    args[CMDLINE_MAX - 1] = 'x';
    args[CMDLINE_MAX] = 0;
    assert_int_equal(cmdline_check(args, &e), -E2BIG);
    args[CMDLINE_MAX] = 'x';
    args[sizeof(args) - 1] = 0;
    assert_int_equal(cmdline_compose(args, NULL, true, out, &e), -E2BIG);
}

static void every_part_counts_towards_the_limit(void **state)
{
    char uuid[CMDLINE_MAX + 5], args[CMDLINE_MAX], out[CMDLINE_MAX];
    const struct cmdline_root root = {NULL, uuid, false};

    (void)state;
    memset(uuid, 'u', sizeof(uuid));
    uuid[sizeof(uuid) - 1] = 0;
    assert_int_equal(cmdline_compose("a -- b", &root, false, out, NULL),
                     -E2BIG);
    memset(args, 'x', sizeof(args));
    memcpy(args, "a -- ", 5);
    args[CMDLINE_MAX - 4] = 0;
    assert_int_equal(cmdline_compose(args, NULL, false, out, NULL), -E2BIG);
    args[CMDLINE_MAX - 1 - 8] = 0;
    assert_int_equal(cmdline_compose(args, NULL, false, out, NULL), 0);
}

static void what_cannot_be_printed_is_refused(void **state)
{
    static const char *const bad[] = {"a\nb", "tab\t", "\x7f", "caf\xc3\xa9",
                                      "\x01"};
    const struct cmdline_root root = {"/dev/\n", NULL, false};
    char out[CMDLINE_MAX];
    struct err e;

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(bad); n++) {
        assert_int_equal(cmdline_check(bad[n], &e), -EINVAL);
        assert_string_equal(e.text, "The kernel command line is invalid: "
                                    "String contains a non-printable ASCII "
                                    "character.");
        assert_int_equal(cmdline_compose(bad[n], NULL, false, out, &e),
                         -EINVAL);
    }
    assert_int_equal(cmdline_compose("a", &root, false, out, &e), -EINVAL);
}

#define TEST(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_arguments_there_are_firecrackers),
        TEST(with_pci_there_is_no_pci_off),
        TEST(the_root_drive_is_named),
        TEST(a_console_is_spoken_to_early),
        TEST(of_two_consoles_the_last_one_is_spoken_to),
        TEST(an_earlycon_of_the_operators_own_is_left_alone),
        TEST(what_belongs_to_init_stays_behind),
        TEST(quotes_and_spaces_are_kept),
        TEST(consoles_are_found_by_name),
        TEST(the_line_may_have_2047_bytes),
        TEST(every_part_counts_towards_the_limit),
        TEST(what_cannot_be_printed_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
