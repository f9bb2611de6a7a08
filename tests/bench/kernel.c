// SPDX-License-Identifier: Apache-2.0
/* What programs ask of their kernel: calls, context switches, processes. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "bench.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t call_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0)
        sum += syscall(SYS_getppid) > 0;
    return sum;
}

/* The clock is read without entering the kernel, where it can be. */
static uint64_t clock_run(uint64_t n)
{
    struct timespec was = {0}, t;
    uint64_t steps = 0;

    for (uint64_t i = 0; i < n; i++) {
        clock_gettime(CLOCK_MONOTONIC, &t);
        steps += t.tv_sec > was.tv_sec ||
                 (t.tv_sec == was.tv_sec && t.tv_nsec >= was.tv_nsec);
        was = t;
    }
    return steps; /* n, where the clock never goes back */
}

static int to_echo[2], from_echo[2];

static void pipes_open(void)
{
    if (pipe(to_echo) < 0 || pipe(from_echo) < 0)
        bench_die("pipe");
}

/* Sends every byte back, plus one; zero ends it. */
static void echo(void)
{
    uint8_t byte;

    while (read(to_echo[0], &byte, 1) == 1 && byte != 0) {
        byte++;
        if (write(from_echo[1], &byte, 1) != 1)
            return;
    }
}

static uint64_t ping(uint64_t n)
{
    uint64_t sum = 0;
    uint8_t byte;

    while (n-- > 0) {
        byte = (uint8_t)(1 + n % 200);
        if (write(to_echo[1], &byte, 1) != 1 ||
            read(from_echo[0], &byte, 1) != 1)
            bench_die("pipe");
        sum += byte;
    }
    byte = 0;
    if (write(to_echo[1], &byte, 1) != 1)
        bench_die("pipe");
    return sum;
}

static void *echo_thread(void *unused)
{
    (void)unused;
    bench_pin(0);
    echo();
    return NULL;
}

static uint64_t threads_run(uint64_t n)
{
    pthread_t thread;
    uint64_t sum;

    pipes_open();
    if (pthread_create(&thread, NULL, echo_thread, NULL) != 0)
        bench_die("pthread_create");
    sum = ping(n);
    pthread_join(thread, NULL);
    return sum;
}

static uint64_t ping_process(uint64_t n, unsigned cpu)
{
    uint64_t sum;
    pid_t child;

    pipes_open();
    child = fork();
    if (child < 0)
        bench_die("fork");
    if (child == 0) {
        bench_pin(cpu);
        echo();
        _exit(0);
    }
    sum = ping(n);
    waitpid(child, NULL, 0);
    return sum;
}

static uint64_t processes_run(uint64_t n)
{
    return ping_process(n, 0);
}

static uint64_t across_run(uint64_t n)
{
    return ping_process(n, 1);
}

static uint64_t fork_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        pid_t child = fork();
        int status;

        if (child < 0)
            bench_die("fork");
        if (child == 0)
            _exit((int)(n % 100));
        if (waitpid(child, &status, 0) == child)
            sum += (uint64_t)WEXITSTATUS(status);
    }
    return sum;
}

static uint64_t exec_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        pid_t child = fork();
        int status;

        if (child < 0)
            bench_die("fork");
        if (child == 0) {
            execl("/proc/self/exe", "bench", "--nothing", (char *)NULL);
            _exit(1);
        }
        if (waitpid(child, &status, 0) == child)
            sum += (uint64_t)WEXITSTATUS(status);
    }
    return sum;
}

#define KERNEL "kernel"

const struct row kernel_rows[] = {
    {"getppid", KERNEL, "the smallest system call", 150000, NULL, call_run},
    {"clock", KERNEL, "clock_gettime", 400000, NULL, clock_run},
    {"pipe_threads", KERNEL, "ping-pong between threads of one CPU", 3000, NULL,
     threads_run},
    {"pipe_procs", KERNEL, "ping-pong between processes of one CPU", 3000, NULL,
     processes_run},
    {"pipe_cpus", KERNEL, "ping-pong between two CPUs", 1000, NULL, across_run},
    {"fork", KERNEL, "fork, exit, wait", 150, NULL, fork_run},
    {"fork_exec", KERNEL, "fork, exec of a static program, wait", 40, NULL,
     exec_run},
    {0},
};
