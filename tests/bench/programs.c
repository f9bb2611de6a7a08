// SPDX-License-Identifier: Apache-2.0
/*
 * Programs of a distribution. BENCH_ZSTD, BENCH_PYTHON and BENCH_CC1 say where
 * they are, BENCH_SOURCE what there is to compile; in a guest they are where
 * Debian has them. The compiler is one for arm64 everywhere.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_BYTES = 3 << 20 };

static int input = -1, middle = -1, output = -1;

static const char *place(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value ? value : otherwise;
}

/* Runs a program from one file to another. */
static void filter(int from, int to, char *const argv[])
{
    pid_t child = fork();
    int status = 0;

    if (child < 0)
        bench_die("fork");
    if (child == 0) {
        lseek(from, 0, SEEK_SET);
        if (ftruncate(to, 0) < 0 || lseek(to, 0, SEEK_SET) < 0 ||
            dup2(from, 0) < 0 || dup2(to, 1) < 0)
            _exit(1);
        execvp(argv[0], argv);
        _exit(127);
    }
    if (waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "%s: status %#x\n", argv[0], (unsigned)status);
        exit(1);
    }
}

static uint64_t hash_file(int fd)
{
    struct stat st;
    uint64_t hash;
    void *p;

    if (fstat(fd, &st) < 0 || st.st_size == 0)
        return 0;
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        bench_die("mmap");
    hash = bench_hash(p, (size_t)st.st_size);
    munmap(p, (size_t)st.st_size);
    return hash;
}

static void files_setup(void)
{
    input = memfd_create("input", 0);
    middle = memfd_create("middle", 0);
    output = memfd_create("output", 0);
    if (input < 0 || middle < 0 || output < 0)
        bench_die("memfd_create");
}

/* Something like text: words of a small set, some of them rare. */
static void text_setup(void)
{
    char *text = bench_memory(TEXT_BYTES);
    size_t n = 0;

    files_setup();
    while (n < TEXT_BYTES) {
        uint64_t r = bench_random() >> 20;
        uint64_t word = (r & 0xff) * (r >> 8 & 0xff) / 64;
        size_t letters = 2 + word % 7;

        for (size_t i = 0; i < letters && n < TEXT_BYTES; i++)
            text[n++] = (char)('a' + (word * (i + 3) / 5 + i) % 26);
        if (n < TEXT_BYTES)
            text[n++] = r >> 16 & 15 ? ' ' : '\n';
    }
    if (write(input, text, TEXT_BYTES) != TEXT_BYTES)
        bench_die("memfd");
}

static uint64_t zstd_run(uint64_t n)
{
    char *zstd = strdupa(place("BENCH_ZSTD", "/usr/bin/zstd"));
    char *pack[] = {zstd, "-q", "-c", "-3", "--single-thread", NULL};
    char *unpack[] = {zstd, "-q", "-d", "-c", NULL};

    while (n-- > 0) {
        filter(input, middle, pack);
        filter(middle, output, unpack);
    }
    return hash_file(output);
}

static char script[] =
    "import sys\n"
    "class Account:\n"
    "    def __init__(self, name):\n"
    "        self.name, self.sum = name, 0\n"
    "    def add(self, amount):\n"
    "        self.sum = (self.sum * 31 + amount) % 1000003\n"
    "        return self\n"
    "accounts = {}\n"
    "for n in range(int(sys.argv[1])):\n"
    "    name = 'account-%d' % (n * 7919 % 997)\n"
    "    if name not in accounts:\n"
    "        accounts[name] = Account(name)\n"
    "    accounts[name].add(n)\n"
    "rows = sorted(accounts.values(), key=lambda a: (a.sum, a.name))\n"
    "text = ','.join(f'{a.name}={a.sum / 8:.3f}' for a in rows)\n"
    "print(sum(ord(c) * (i % 97) for i, c in enumerate(text)))\n";

static uint64_t python_run(uint64_t n)
{
    char *python = strdupa(place("BENCH_PYTHON", "/usr/bin/python3.11"));
    char turns[24];
    char *argv[] = {python, "-E", "-S", "-c", script, turns, NULL};

    snprintf(turns, sizeof(turns), "%llu", (unsigned long long)n * 1000);
    filter(input, output, argv);
    return hash_file(output);
}

static uint64_t compile_run(uint64_t n)
{
    char *compiler =
        strdupa(place("BENCH_CC1", "/usr/lib/gcc/aarch64-linux-gnu/12/cc1"));
    char *source = strdupa(place("BENCH_SOURCE", "/source.i"));
    char *argv[] = {compiler, "-quiet",     "-fpreprocessed",
                    "-O2",    "-fno-ident", source,
                    "-o",     "-",          NULL};

    while (n-- > 0)
        filter(input, output, argv);
    return hash_file(output);
}

#define PROGRAMS "programs"

const struct row program_rows[] = {
    {"zstd", PROGRAMS, "zstd of 3 MiB of text, and back", 1, text_setup,
     zstd_run},
    {"python", PROGRAMS, "a Python program: objects, a dictionary, strings", 80,
     files_setup, python_run},
    {"gcc", PROGRAMS, "GCC 12 compiles a file at -O2", 1, files_setup,
     compile_run},
    {0},
};
