// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Exit codes, and what is done about signals that end the process
 * (Firecracker's FcExitCode). SIGINT and SIGTERM keep their default action
 * here: whoever makes the terminal raw looks after those.
 */

enum exit_code {
    EXIT_OK = 0,
    EXIT_GENERIC = 1,
    EXIT_UNEXPECTED = 2,
    EXIT_SIGSYS = 148,
    EXIT_SIGBUS = 149,
    EXIT_SIGSEGV = 150,
    EXIT_SIGXFSZ = 151,
    EXIT_BAD_CONFIGURATION = 152,
    EXIT_ARG_PARSING = 153,
    EXIT_SIGXCPU = 154,
    EXIT_SIGHUP = 156,
    EXIT_SIGILL = 157,
};

/* Remembers how the terminal on `fd` is set now (not one: fine) and puts it
   back so before a signal ends the process. */
void fatal_install(int fd);
