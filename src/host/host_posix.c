// SPDX-License-Identifier: Apache-2.0
/* Clocks, memory and random bytes, where POSIX hosts agree or nearly so. */

#include "host/host.h"

#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef __APPLE__
#include <sys/random.h>
#endif

#include "base/macros.h"

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t host_wall_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

uint64_t host_wall_s(void)
{
    return host_wall_ns() / 1000000000u;
}

uint64_t host_mono_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t host_process_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t host_page_bytes(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

static pthread_once_t cpus_once = PTHREAD_ONCE_INIT;
static unsigned num_cpus;

static void count_cpus(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
#ifdef __linux__
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        count = CPU_COUNT(&set);
#endif
    num_cpus = count > 0 ? (unsigned)count : 1;
}

unsigned host_cpus(void)
{
    pthread_once(&cpus_once, count_cpus);
    return num_cpus;
}

#ifdef __linux__
int host_thread_open(void)
{
    return open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
}
#else
int host_thread_open(void)
{
    return -1;
}
#endif

void host_thread_read(int fd, struct host_thread_times *times)
{
    char text[80], *end;
    ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
    uint64_t ran;

    if (len <= 0)
        return;
    text[len] = 0;
    ran = strtoull(text, &end, 10);
    if (*end != ' ')
        return;
    times->ran_ns = ran;
    times->waited_ns = strtoull(end, NULL, 10);
}

void host_thread_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

void host_random(void *buf, size_t bytes)
{
#ifdef __APPLE__
    arc4random_buf(buf, bytes);
#else
    char *p = buf;

    while (bytes) {
        ssize_t n = getrandom(p, bytes, 0);

        if (n < 0 && errno == EINTR)
            continue;
        check(n > 0);
        p += n;
        bytes -= (size_t)n;
    }
#endif
}

static void *map(uint64_t bytes, int prot)
{
    errno = ENOMEM;
    return bytes <= SIZE_MAX
               ? mmap(NULL, (size_t)bytes, prot,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
               : MAP_FAILED;
}

/* A hypervisor can use the host's huge pages for a guest only where guest and
   host address lie alike in them: large areas begin with one. */
#define HUGE_PAGE (2 * MIB)

static void *map_aligned(uint64_t bytes, int prot)
{
    uint64_t more = sat_add64(bytes, HUGE_PAGE), head;
    char *p = map(more, prot);

    if (p == MAP_FAILED)
        return p;
    head = align_up((uintptr_t)p, HUGE_PAGE) - (uintptr_t)p;
    if (head)
        munmap(p, (size_t)head);
    munmap(p + head + bytes, (size_t)(HUGE_PAGE - head));
    return p + head;
}

static void *reserve(uint64_t bytes, int prot, struct err *e)
{
    bool is_large = bytes >= 8 * HUGE_PAGE && bytes % host_page_bytes() == 0;
    void *p = is_large ? map_aligned(bytes, prot) : map(bytes, prot);

    if (p == MAP_FAILED) {
        int code = -errno;

        err_set(e, code, "cannot reserve %llu MiB of address space: %s",
                (unsigned long long)(bytes >> 20), strerror(-code));
        return NULL;
    }
    return p;
}

void *host_reserve(uint64_t bytes, struct err *e)
{
    return reserve(bytes, PROT_READ | PROT_WRITE, e);
}

static void populate(void *p, uint64_t bytes, bool is_written)
{
#ifdef MADV_POPULATE_WRITE
    madvise(p, (size_t)bytes,
            is_written ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
#else
    (void)p;
    (void)bytes;
    (void)is_written;
#endif
}

void host_back_ahead(void *p, uint64_t bytes, uint64_t used, uint64_t *backed,
                     bool is_written)
{
    const uint64_t piece = 256 * KIB, near = 16 * KIB;

    if (used + near <= *backed || bytes - *backed < piece)
        return;
    populate((char *)p + *backed, piece, is_written);
    *backed += piece;
}

void *host_reserve_nothing(uint64_t bytes, struct err *e)
{
    return reserve(bytes, PROT_NONE, e);
}

int host_allow(void *p, uint64_t bytes)
{
    return mprotect(p, (size_t)bytes, PROT_READ | PROT_WRITE) < 0 ? -errno : 0;
}

void host_unreserve(void *p, uint64_t bytes)
{
    if (p)
        munmap(p, (size_t)bytes);
}

int host_discard(void *p, uint64_t bytes)
{
    /* A fresh mapping in place: on Darwin MADV_DONTNEED would keep the data,
       and on Linux it would bring back that of a file. */
    void *again =
        mmap(p, (size_t)bytes, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

    return again == MAP_FAILED ? -errno : 0;
}

#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 33)
#define HAVE_MALLINFO2
#endif
#endif

uint64_t host_heap_bytes(void)
{
#ifdef HAVE_MALLINFO2
    struct mallinfo2 info = mallinfo2();

    return (uint64_t)info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}
