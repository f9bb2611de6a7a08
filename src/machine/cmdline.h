// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The kernel's command line: what the operator gave and what the machine adds,
 * put before a "--" word, after which everything is init's.
 */

#include <stdbool.h>

#include "base/err.h"

enum { CMDLINE_MAX = 2048 }; /* bytes, with the NUL */

/* What a guest gets whose operator says nothing. It names no console. */
#define CMDLINE_DEFAULT                                                  \
    "reboot=k panic=1 nomodule 8250.nr_uarts=0 i8042.noaux i8042.nomux " \
    "i8042.dumbkbd swiotlb=noforce"

/* The root file system; all strings are borrowed for the call. */
struct cmdline_root {
    const char *device;   /* "/dev/vda" */
    const char *partuuid; /* or NULL; goes before `device` */
    bool read_only;
};

/* Which UARTs a line names by console=: any number of these. */
enum cmdline_console {
    CONSOLE_TTYAMA = 1, /* the PL011 */
    CONSOLE_TTYS = 2    /* the 16550 */
};
unsigned cmdline_consoles(const char *line);

/* What can be said about an operator's line alone: printable, not too long.
   The sentence is Firecracker's, without its "Boot source error: ". */
int cmdline_check(const char *boot_args, struct err *e);

/*
 * Writes the whole line to `out`, CMDLINE_MAX bytes. To boot_args (NULL: the
 * default) are added, in this order: pci=off unless has_pci, root= and ro or rw
 * if `root` is not NULL, and earlycon= for the UART that the last console=
 * names, unless there is an earlycon= already.
 */
int cmdline_compose(const char *boot_args, const struct cmdline_root *root,
                    bool has_pci, char *out, struct err *e);
