// SPDX-License-Identifier: Apache-2.0
/* Runs the random programs of generate.py. Prints for each how many exceptions
   it had and a hash of all that can be seen of it: the registers at each
   exception and at the end, and memory. Tiers must agree on every line. */

#include "tables.h"

#define WINDOW 0x4000000000ull
#define PAGE   4096ull

enum {
    NUM_PAGES = 8,
    HOLE = 3, /* no page there */
    READ_ONLY = 2,
    NUM_BASES = 64,
    NUM_SAVED = 100, /* words; generate.py: Text.save */
    NUM_DATA = 1536,
    RAM_USED = 16 << 20,
    UART_PAGE = UART_BASE & ~(PAGE - 1),
};

typedef void program_fn(uint64_t rounds, const uint64_t *bases, uint64_t *saved,
                        uint64_t seed);

/* Of generate.py. */
extern program_fn *const trace_programs[];
extern const uint64_t trace_rounds;
extern uint64_t trace_data[NUM_DATA];

static _Alignas(4096) uint64_t pages[NUM_PAGES][512];
static uint64_t bases[NUM_BASES], saved[NUM_SAVED];
static uint64_t traps, hash;

static void mix(uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
    hash ^= hash >> 29;
}

static void mix_words(const uint64_t *words, size_t count)
{
    for (size_t n = 0; n < count; n++)
        mix(words[n]);
}

/* Every access that faults is noted and stepped over. */
static bool on_trap(unsigned kind, struct trap_frame *frame)
{
    mix(kind);
    mix(READ_SYS(esr_el1));
    mix(READ_SYS(far_el1));
    mix(frame->elr);
    mix(frame->spsr);
    mix_words(frame->x, 31);
    frame->elr += 4;
    traps++;
    return true;
}

/* Pages that are neighbours lie apart, so that no host access can go over the
   end of one. Nothing else is mapped but the guest itself and its console: a
   pointer that a program made by chance faults, in every tier. */
static void map(void)
{
    static const uint8_t place[NUM_PAGES] = {3, 0, 2, 5, 6, 1, 4, 7};
    static struct tables tables;

    tables_reset();
    tables_init(&tables, 12, 40);
    for (uint64_t at = RAM_BASE; at < RAM_BASE + RAM_USED; at += 2 << 20)
        tables_map(&tables, at, at, 2, PTE_RAM);
    tables_map(&tables, UART_PAGE, UART_PAGE, 3,
               PTE_DEVICE | PTE_AF | PTE_PXN | PTE_UXN);
    for (unsigned n = 0; n < NUM_PAGES; n++)
        if (n != HOLE)
            tables_map(&tables, WINDOW + n * PAGE, (uint64_t)pages[place[n]], 3,
                       PTE_RAM | (n == READ_ONLY ? PTE_RO : 0));
    mmu_on(&tables, 0, 0);
}

/* Two of three lie where all that a program adds to them is mapped; the others
   where a page ends, the next being another, read-only or none. */
static void choose_bases(void)
{
    static const uint64_t rare[] = {4 * PAGE + 35, 1 * PAGE + 4096 - 24,
                                    2 * PAGE + 128, 2 * PAGE + 4096 - 40,
                                    4096 - 13};
    unsigned first_rare = NUM_BASES - sizeof(rare) / sizeof(*rare);

    for (unsigned n = 0; n < NUM_BASES; n++) {
        uint64_t page = n % 3 ? 0 : 4 * PAGE;

        if (n >= first_rare)
            bases[n] = WINDOW + rare[n - first_rare];
        else if (n >= 46)
            bases[n] = WINDOW + page + 4096 - 8 * (n - 44);
        else
            bases[n] = WINDOW + page + 512 + n * 40;
    }
}

static uint64_t next(uint64_t *random)
{
    *random = *random * 6364136223846793005ull + 1;
    return *random;
}

/* Some words of data are 0, as pointers are. Gives what is left to chance. */
static uint64_t fill_memory(unsigned number)
{
    uint64_t random = 0x243f6a8885a308d3ull * (number + 1);

    for (unsigned n = 0; n < NUM_PAGES; n++)
        for (unsigned k = 0; k < 512; k++)
            pages[n][k] = next(&random);
    for (unsigned n = 0; n < NUM_DATA; n++)
        trace_data[n] = n % 5 ? next(&random) : 0;
    for (unsigned n = 0; n < NUM_SAVED; n++)
        saved[n] = 0;
    return next(&random) | 1;
}

static void run(unsigned number)
{
    uint64_t seed = fill_memory(number);

    traps = 0;
    hash = 1;
    trace_programs[number](trace_rounds, bases, saved, seed);
    mix_words(saved, NUM_SAVED);
    mix_words(pages[0], sizeof(pages) / 8);
    mix_words(trace_data, NUM_DATA);
    guest_print("program %d traps %d hash %x\n", (uint64_t)number, traps, hash);
}

static void run_all(void)
{
    map();
    choose_bases();
    WRITE_SYS(cpacr_el1, 3ull << 20); /* FPEN */
    ISB();
    WRITE_SYS(tpidr_el0, 0x123456789abcdef);
    guest_on_trap = on_trap;
    for (unsigned n = 0; trace_programs[n]; n++)
        run(n);
    guest_on_trap = NULL;
    mmu_off();
}

const struct guest_test guest_tests[] = {{"traces", run_all}, {0}};
