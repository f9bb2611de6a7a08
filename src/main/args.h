// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The command line by Firecracker's rules: `--name value`, never --name=value;
 * a value does not begin with `--`; nothing may come twice; what follows a
 * lone `--` is left alone; --help and then --version win over everything.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

struct arg {
    const char *name; /* without its dashes */
    bool takes_value;
    const char *requires_arg; /* or NULL, as all below */
    const char *forbids_arg;
    const char *default_value;
    const char *help;
};

enum { ARGS_MAX = 40 };

struct args {
    const struct arg *table; /* borrowed; values point into argv */
    size_t count;
    const char *values[ARGS_MAX]; /* "" for a flag that is there */
    bool help;
    bool version;
};

/* -EINVAL with Firecracker's sentence. */
int args_parse(struct args *args, const struct arg *table, size_t count,
               int argc, char *const argv[], struct err *e);

/* The value, the default, or NULL. */
const char *args_get(const struct args *args, const char *name);
bool args_has(const struct args *args, const char *name);

void args_print_help(FILE *out, const struct arg *table, size_t count);

/* A decimal number as Rust's parse::<u64>() reads it. */
bool args_number(const char *text, unsigned long long *out);
