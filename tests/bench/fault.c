// SPDX-License-Identifier: Apache-2.0
/* Page faults and changes of mappings. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "bench.h"

#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 1024 };

static uint8_t *map_pages(int flags, int fd)
{
    uint8_t *p = mmap(NULL, PAGE * PAGES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | flags, fd, 0);

    if (p == MAP_FAILED)
        bench_die("mmap");
    /* A page each, also where the kernel would like larger ones. */
    madvise(p, PAGE * PAGES, MADV_NOHUGEPAGE);
    return p;
}

static uint64_t anon_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        uint8_t *p = map_pages(MAP_ANONYMOUS, -1);

        for (size_t i = 0; i < PAGES; i++)
            sum += ++p[i * PAGE];
        munmap(p, PAGE * PAGES);
    }
    return sum;
}

static int file = -1;

static void cow_setup(void)
{
    static uint8_t page[PAGE];

    file = memfd_create("bench", 0);
    if (file < 0)
        bench_die("memfd_create");
    for (size_t n = 0; n < PAGES; n++) {
        page[0] = (uint8_t)n;
        if (write(file, page, PAGE) != PAGE)
            bench_die("memfd");
    }
}

/* Each page is read, then written, which copies it. */
static uint64_t cow_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        uint8_t *p = map_pages(0, file);

        for (size_t i = 0; i < PAGES; i++) {
            uint8_t was = *(volatile uint8_t *)(p + i * PAGE);

            p[i * PAGE] = (uint8_t)(was + 1);
            sum += p[i * PAGE];
        }
        munmap(p, PAGE * PAGES);
    }
    return sum;
}

static uint8_t *page;

static void protect_setup(void)
{
    page = bench_memory(PAGE * 4);
    page += -(uintptr_t)page % PAGE;
}

static uint64_t protect_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        page[n % PAGE]++;
        mprotect(page, PAGE, PROT_READ);
        sum += page[n % 64];
        mprotect(page, PAGE, PROT_READ | PROT_WRITE);
    }
    return sum;
}

#define FAULT "faults"

const struct row fault_rows[] = {
    {"fault_new", FAULT, "first touch of fresh pages", 8, NULL, anon_run},
    {"fault_copy", FAULT, "read, then copy on write", 6, cow_setup, cow_run},
    {"mprotect", FAULT, "one page read-only and back", 4000, protect_setup,
     protect_run},
    {0},
};
