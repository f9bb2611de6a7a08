// SPDX-License-Identifier: Apache-2.0
/* Splits, extends and joins a kernel command line. */

#include "machine/cmdline.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "machine/layout.h"

#define INVALID  "The kernel command line is invalid: "
#define TOO_LONG INVALID "Inserting string would make command line too long."

struct word {
    const char *p;
    size_t len;
};

/* The next word, as the kernel splits them: at spaces outside of quotes. */
static bool next_word(const char **at, struct word *w)
{
    bool in_quotes = false;
    const char *p = *at;

    while (*p == ' ')
        p++;
    w->p = p;
    for (; *p && (in_quotes || *p != ' '); p++)
        if (*p == '"')
            in_quotes = !in_quotes;
    w->len = (size_t)(p - w->p);
    *at = p;
    return w->len > 0;
}

static bool is_word(const struct word *w, const char *s)
{
    return w->len == strlen(s) && memcmp(w->p, s, w->len) == 0;
}

static bool starts(const struct word *w, const char *s)
{
    return w->len >= strlen(s) && memcmp(w->p, s, strlen(s)) == 0;
}

/* The next word that is the kernel's: none from "--" on. */
static bool next_boot_word(const char **at, struct word *w)
{
    return next_word(at, w) && !is_word(w, "--");
}

/* console=NAME, then a number, options or nothing: ttyS0 but not ttySC0. */
static bool names(const struct word *w, const char *name)
{
    size_t len = strlen("console=") + strlen(name);

    if (!starts(w, "console=") || w->len < len ||
        memcmp(w->p + strlen("console="), name, strlen(name)) != 0)
        return false;
    return w->len == len || w->p[len] == ',' ||
           isdigit((unsigned char)w->p[len]);
}

/* Both UARTs have a name for once they are there and one for before that. */
static unsigned console_of(const struct word *w)
{
    if (names(w, "ttyAMA") || names(w, "pl011"))
        return CONSOLE_TTYAMA;
    if (names(w, "ttyS") || names(w, "uart") || names(w, "uart8250"))
        return CONSOLE_TTYS;
    return 0;
}

unsigned cmdline_consoles(const char *line)
{
    unsigned found = 0;
    struct word w;

    while (next_boot_word(&line, &w))
        found |= console_of(&w);
    return found;
}

/* The console to speak to early on, 0 for none. The kernel's /dev/console is
   the last one named, so that one; an earlycon= of the operator's own wins. */
static unsigned early_console(const char *line)
{
    unsigned last = 0;
    struct word w;

    while (next_boot_word(&line, &w)) {
        if (starts(&w, "earlycon="))
            return 0;
        if (console_of(&w))
            last = console_of(&w);
    }
    return last;
}

int cmdline_check(const char *boot_args, struct err *e)
{
    for (const char *p = boot_args; *p; p++)
        if (*p < ' ' || *p > '~')
            return err_set(e, -EINVAL,
                           INVALID
                           "String contains a non-printable ASCII character.");
    if (strlen(boot_args) >= CMDLINE_MAX)
        return err_set(e, -E2BIG, TOO_LONG);
    return 0;
}

/* The line as it grows; more than fits is noticed at the end. */
struct line {
    char *out;
    size_t len;
};

static void add_bytes(struct line *l, const char *p, size_t len)
{
    size_t room = l->len < CMDLINE_MAX ? CMDLINE_MAX - l->len : 0;

    memcpy(l->out + MIN(l->len, CMDLINE_MAX), p, MIN(len, room));
    l->len += len;
}

static void add(struct line *l, const char *word)
{
    if (l->len)
        add_bytes(l, " ", 1);
    add_bytes(l, word, strlen(word));
}

static void add_root(struct line *l, const struct cmdline_root *root)
{
    if (root->partuuid) {
        add(l, "root=PARTUUID=");
        add_bytes(l, root->partuuid, strlen(root->partuuid));
    } else {
        add(l, "root=");
        add_bytes(l, root->device, strlen(root->device));
    }
    add(l, root->read_only ? "ro" : "rw");
}

static void add_earlycon(struct line *l, unsigned console)
{
    char word[64];

    if (!console)
        return;
    if (console == CONSOLE_TTYS)
        snprintf(word, sizeof(word), "earlycon=uart,mmio,0x%08llx",
                 UART16550_BASE);
    else
        snprintf(word, sizeof(word), "earlycon=pl011,mmio32,0x%08llx",
                 PL011_BASE);
    add(l, word);
}

/* Puts the kernel's words into the line as they are spaced; returns what
   follows the "--", which is init's. */
static const char *add_boot_words(struct line *l, const char *args)
{
    const char *first = NULL, *last = NULL;
    struct word w;

    while (next_boot_word(&args, &w)) {
        if (!first)
            first = w.p;
        last = w.p + w.len;
    }
    if (first)
        add_bytes(l, first, (size_t)(last - first));
    while (*args == ' ')
        args++;
    return args;
}

int cmdline_compose(const char *boot_args, const struct cmdline_root *root,
                    bool has_pci, char *out, struct err *e)
{
    const char *args = boot_args ? boot_args : CMDLINE_DEFAULT;
    struct line l = {.out = out};
    const char *init;
    int ret = cmdline_check(args, e);

    out[0] = 0;
    if (ret < 0)
        return ret;
    init = add_boot_words(&l, args);
    if (!has_pci)
        add(&l, "pci=off");
    if (root)
        add_root(&l, root);
    add_earlycon(&l, early_console(args));
    if (*init) {
        add(&l, "--");
        add(&l, init);
    }
    out[MIN(l.len, CMDLINE_MAX - 1)] = 0;
    if (l.len >= CMDLINE_MAX)
        return err_set(e, -E2BIG, TOO_LONG);
    return cmdline_check(out, e); /* partuuid and device are strings as well */
}
