// SPDX-License-Identifier: Apache-2.0
/* Firecracker's command line parser. */

#include "main/args.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"

static bool has_prefix(const char *arg)
{
    return strncmp(arg, "--", 2) == 0;
}

static bool is_among(const char *what, int argc, char *const argv[])
{
    for (int n = 0; n < argc; n++)
        if (strcmp(argv[n], what) == 0)
            return true;
    return false;
}

/* The same, of `--name`. */
static bool is_named(const char *name, int argc, char *const argv[])
{
    for (int n = 0; n < argc; n++)
        if (has_prefix(argv[n]) && strcmp(argv[n] + 2, name) == 0)
            return true;
    return false;
}

static size_t find(const struct args *args, const char *name)
{
    size_t n = 0;

    while (n < args->count && strcmp(args->table[n].name, name) != 0)
        n++;
    return n;
}

static int unexpected(const char *arg, struct err *e)
{
    return err_set(e, -EINVAL,
                   "Found argument '%.200s' which wasn't expected, or isn't "
                   "valid in this context.",
                   arg);
}

static int populate(struct args *args, int argc, char *const argv[],
                    struct err *e)
{
    for (int n = 0; n < argc; n++) {
        const char *name = argv[n] + 2;
        size_t at;

        if (!has_prefix(argv[n]))
            return unexpected(argv[n], e);
        at = find(args, name);
        if (at == args->count)
            return unexpected(name, e);
        if (args->values[at])
            return err_set(e, -EINVAL,
                           "The argument '%s' was provided more than once.",
                           name);
        if (!args->table[at].takes_value) {
            args->values[at] = "";
            continue;
        }
        if (n + 1 == argc || has_prefix(argv[n + 1]))
            return err_set(e, -EINVAL,
                           "The argument '%s' requires a value, but none was "
                           "supplied.",
                           name);
        args->values[at] = argv[++n];
    }
    return 0;
}

/* In the order of the table. Like upstream, `--x` counts as given wherever it
   stands. */
static int check_relations(const struct args *args, int argc,
                           char *const argv[], struct err *e)
{
    for (size_t n = 0; n < args->count; n++) {
        const struct arg *arg = &args->table[n];

        if (!args->values[n])
            continue;
        if (arg->requires_arg && !is_named(arg->requires_arg, argc, argv))
            return err_set(e, -EINVAL, "Argument '%s' required, but not found.",
                           arg->requires_arg);
        if (arg->forbids_arg && is_named(arg->forbids_arg, argc, argv))
            return err_set(e, -EINVAL,
                           "Argument '%s' cannot be used together with "
                           "argument '%s'.",
                           arg->forbids_arg, arg->name);
    }
    return 0;
}

int args_parse(struct args *args, const struct arg *table, size_t count,
               int argc, char *const argv[], struct err *e)
{
    int end = 1, rc;

    check(count <= ARGS_MAX);
    *args = (struct args){.table = table, .count = count};
    if (argc < 1)
        return 0;
    while (end < argc && strcmp(argv[end], "--") != 0)
        end++;
    argv++;
    argc = end - 1;
    args->help = is_among("--help", argc, argv) || is_among("-h", argc, argv);
    args->version = !args->help && is_among("--version", argc, argv);
    if (args->help || args->version)
        return 0;
    rc = populate(args, argc, argv, e);
    return rc < 0 ? rc : check_relations(args, argc, argv, e);
}

const char *args_get(const struct args *args, const char *name)
{
    size_t n = find(args, name);

    check(n < args->count);
    return args->values[n] ? args->values[n] : args->table[n].default_value;
}

bool args_has(const struct args *args, const char *name)
{
    size_t n = find(args, name);

    check(n < args->count);
    return args->values[n];
}

void args_print_help(FILE *out, const struct arg *table, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        const struct arg *arg = &table[n];

        fprintf(out, "  --%s", arg->name);
        if (arg->takes_value)
            fprintf(out, " <%s>", arg->name);
        fprintf(out, "\n      %s", arg->help);
        if (arg->default_value)
            fprintf(out, " [default: %s]", arg->default_value);
        fputc('\n', out);
    }
}

bool args_number(const char *text, unsigned long long *out)
{
    unsigned long long value = 0;

    if (*text == '+')
        text++;
    if (!*text)
        return false;
    for (; *text; text++)
        if (*text < '0' || *text > '9' ||
            __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (unsigned)(*text - '0'), &value))
            return false;
    *out = value;
    return true;
}
