// SPDX-License-Identifier: Apache-2.0
/*
 * Runs the rows of the benchmark and prints for each
 *
 *   bench ROW NANOSECONDS CHECKSUM
 *
 * As a program:            bench [--scale PERCENT] [--rounds N] [ROW...]
 * As a guest's first one:  the kernel's words bench.rows=ROW,ROW...,
 *                          bench.scale=PERCENT, bench.rounds=N; it says how
 *                          long the boot took and powers off at the end.
 *
 * Every row runs in a process of its own, so that none finds the heap, the
 * page tables or the seed another one left.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "bench.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct row *const all_rows[] = {
    integer_rows, call_rows,   memory_rows,  string_rows,
    float_rows,   vector_rows, crypto_rows,  kernel_rows,
    fault_rows,   thread_rows, program_rows,
};

enum { NUM_LISTS = sizeof(all_rows) / sizeof(all_rows[0]) };

static uint64_t random_state = 88172645463325252u;
static uint8_t *arena;
static size_t arena_used;

uint64_t bench_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

void bench_fill(void *to, size_t bytes)
{
    uint8_t *p = to;

    for (size_t n = 0; n < bytes; n++)
        p[n] = (uint8_t)(bench_random() >> 24);
}

void *bench_memory(size_t bytes)
{
    uint8_t *p;

    if (!arena) {
        arena = mmap(NULL, BENCH_ARENA, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (arena == MAP_FAILED)
            bench_die("mmap");
    }
    bytes = (bytes + 63) & ~(size_t)63;
    if (arena_used + bytes > BENCH_ARENA)
        bench_die("the arena is too small");
    p = arena + arena_used;
    arena_used += bytes;
    memset(p, 0, bytes);
    return p;
}

uint64_t bench_hash(const void *data, size_t bytes)
{
    const uint8_t *p = data;
    uint64_t hash = 14695981039346656037u;

    for (size_t n = 0; n < bytes; n++)
        hash = (hash ^ p[n]) * 1099511628211u;
    return hash;
}

void bench_die(const char *what)
{
    perror(what);
    exit(1);
}

int bench_cpu(unsigned nth)
{
    static cpu_set_t may;
    static unsigned count;
    int cpu = -1;

    if (count == 0) {
        if (sched_getaffinity(0, sizeof(may), &may) < 0)
            bench_die("sched_getaffinity");
        count = (unsigned)CPU_COUNT(&may);
    }
    nth %= count;
    do
        while (!CPU_ISSET(++cpu, &may))
            ;
    while (nth-- > 0);
    return cpu;
}

void bench_pin(unsigned nth)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(bench_cpu(nth), &one);
    if (sched_setaffinity(0, sizeof(one), &one) < 0)
        bench_die("sched_setaffinity");
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void row_time(const struct row *row, unsigned scale)
{
    uint64_t work = row->work * scale / 100;
    uint64_t start, end, sum;

    bench_pin(0);
    if (row->setup)
        row->setup();
    start = now_ns();
    sum = row->run(work ? work : 1);
    end = now_ns();
    printf("bench %s %" PRIu64 " %016" PRIx64 "\n", row->name, end - start,
           sum);
    fflush(stdout);
}

static int row_run(const struct row *row, unsigned scale)
{
    int status = 0;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child < 0)
        bench_die("fork");
    if (child == 0) {
        row_time(row, scale);
        _exit(0);
    }
    if (waitpid(child, &status, 0) < 0 || status != 0) {
        printf("bench %s failed %d\n", row->name, status);
        return -1;
    }
    return 0;
}

static const struct row *row_find(const char *name)
{
    for (size_t n = 0; n < NUM_LISTS; n++)
        for (const struct row *row = all_rows[n]; row->name; row++)
            if (strcmp(row->name, name) == 0)
                return row;
    return NULL;
}

static int run_named(const char *name, unsigned scale, unsigned rounds)
{
    const struct row *row = row_find(name);
    int rc = 0;

    if (!row) {
        printf("bench %s unknown\n", name);
        return -1;
    }
    while (rounds-- > 0)
        rc |= row_run(row, scale);
    return rc;
}

static void list_rows(void)
{
    for (size_t n = 0; n < NUM_LISTS; n++)
        for (const struct row *row = all_rows[n]; row->name; row++)
            printf("%s\t%s\t%s\n", row->name, row->group, row->what);
}

/* The value of a word of the kernel command line, cut out in place. */
static char *word(char *line, const char *name)
{
    char *p = strstr(line, name);
    char *copy;

    if (!p)
        return NULL;
    p += strlen(name);
    copy = strndup(p, strcspn(p, " \n"));
    return copy;
}

static void guest_setup(void)
{
    mkdir("/proc", 0755);
    mkdir("/dev", 0755);
    mkdir("/tmp", 0777);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    mount("tmp", "/tmp", "tmpfs", 0, NULL);
}

static void guest_rows(char *line)
{
    char *rows = word(line, "bench.rows=");
    char *scale = word(line, "bench.scale=");
    char *rounds = word(line, "bench.rounds=");
    char *rest = rows;
    char *name;

    while (rows && (name = strsep(&rest, ",")) != NULL)
        if (*name)
            run_named(name, scale ? (unsigned)atoi(scale) : 100,
                      rounds ? (unsigned)atoi(rounds) : 1);
    free(rounds);
    free(scale);
    free(rows);
}

/* The first process of a guest: no shell, so that the time to here is the
   kernel's alone. */
static void guest_main(void)
{
    char line[4096] = "";
    struct timespec t;
    int fd;

    clock_gettime(CLOCK_BOOTTIME, &t);
    printf("bench-init %lld\n",
           (long long)t.tv_sec * 1000000000 + (long long)t.tv_nsec);
    fflush(stdout);
    guest_setup();
    fd = open("/proc/cmdline", O_RDONLY);
    if (fd >= 0) {
        if (read(fd, line, sizeof(line) - 1) < 0)
            perror("/proc/cmdline");
        close(fd);
    }
    guest_rows(line);
    printf("bench-end\n");
    fflush(stdout);
    reboot(RB_POWER_OFF);
}

int main(int argc, char **argv)
{
    unsigned scale = 100;
    unsigned rounds = 1;
    int rc = 0;
    int n = 1;

    if (argc > 1 && strcmp(argv[1], "--nothing") == 0)
        return 7; /* what the exec row starts */
    if (getpid() == 1) {
        guest_main();
        return 0;
    }
    for (; n + 1 < argc && argv[n][0] == '-'; n += 2) {
        if (strcmp(argv[n], "--scale") == 0)
            scale = (unsigned)atoi(argv[n + 1]);
        else if (strcmp(argv[n], "--rounds") == 0)
            rounds = (unsigned)atoi(argv[n + 1]);
    }
    if (n >= argc || argv[n][0] == '-') {
        list_rows();
        return 0;
    }
    for (; n < argc; n++)
        rc |= run_named(argv[n], scale, rounds);
    return rc ? 1 : 0;
}
