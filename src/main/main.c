// SPDX-License-Identifier: Apache-2.0
/* The squib program: Firecracker's command line, or `squib run` for people. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "host/host.h"
#include "main/fatal.h"
#include "main/firecracker.h"
#include "main/run.h"
#include "main/session.h"

/* People read sentences, not a log: it goes to standard error, quietly. */
static int run_guest(const struct run_options *run, struct err *e)
{
    struct session_options opt = {.any_input = true, .stats = run->stats};
    const struct log_config log = {.id = "squib",
                                   .fd = STDERR_FILENO,
                                   .level = (enum log_level)run->log_level,
                                   .show_level = true};
    int rc;

    log_configure(&log);
    fatal_install(STDIN_FILENO);
    rc = run_check_files(run, e);
    return rc < 0 ? rc : session_run(&run->vm, &opt, e);
}

static int run_main(int argc, char **argv)
{
    struct run_options run;
    struct err e = {0};
    int rc = run_parse(&run, argc, argv, &e), code = EXIT_OK;

    if (rc == 0 && run.help)
        fputs(run_usage(), stdout);
    else if (rc == 0)
        rc = run_guest(&run, &e);
    else
        code = EXIT_ARG_PARSING;
    if (rc < 0)
        fprintf(stderr, "squib run: %s\n", e.text);
    if (rc < 0 && code == EXIT_OK)
        code = EXIT_GENERIC;
    run_release(&run);
    return code;
}

/* What was closed would be the next file we open, and the console would write
   into it. */
static void fill_standard_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    fill_standard_streams();
    host_raise_file_limit(); /* a vsock connection is a descriptor */
    if (argc > 1 && strcmp(argv[1], "run") == 0)
        return run_main(argc - 1, argv + 1);
    return firecracker_main(argc, argv);
}
