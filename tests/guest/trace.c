// SPDX-License-Identifier: Apache-2.0
/* Hot loops that go through calls, and through branches that are always taken
   until they are not: what the callee does with its return address, with flags
   and with its own code must come out as it always does. Each loop goes round
   often enough to be translated as one piece. */

#include "tables.h"

#define ROUNDS 40000u
#define WINDOW 0x4000000000ull
#define PAGE   4096ull
#define ADDR   0xfffffffff000ull
#define MOV(n) (0xd2800000u | (uint32_t)(n) << 5) /* MOV X0, #n */
#define RET    0xd65f03c0u

/* All: x0 rounds, x1 what they like; x0 comes back. Theirs are x2 to x15. */
__asm__(".balign 4096\n"
        "near_and_far: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "1: bl add_near\n"
        "bl add_far\n"
        "bl add_near\n" /* a second place of call */
        "subs x2, x2, #1\n"
        "b.ne 1b\n"
        "ret x15\n"
        "add_near: add x0, x0, #1\n"
        "ret\n"

        "returns_elsewhere: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "1: bl sometimes_skips\n"
        "add x0, x0, #1\n"
        "subs x2, x2, #1\n"
        "b.ne 1b\n"
        "ret x15\n"

        "nested: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "1: bl saves\n"
        "subs x2, x2, #1\n"
        "b.ne 1b\n"
        "ret x15\n"
        "saves: stp x29, x30, [sp, #-16]!\n"
        "bl add_far\n"
        "bl add_near\n"
        "ldp x29, x30, [sp], #16\n"
        "ret\n"

        "changes_what_it_saved: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "1: bl saves_and_may_skip\n"
        "add x0, x0, #1\n"
        "subs x2, x2, #1\n"
        "b.ne 1b\n"
        "ret x15\n"
        "saves_and_may_skip: stp x29, x30, [sp, #-16]!\n"
        "tst x2, #1023\n"
        "b.ne 2f\n"
        "ldr x3, [sp, #8]\n"
        "add x3, x3, #4\n"
        "str x3, [sp, #8]\n"
        "2: ldp x29, x30, [sp], #16\n"
        "ret\n"

        "flags_through: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "1: tst x2, #3\n"
        "bl add_far\n"
        "b.ne 2f\n"
        "add x0, x0, #100\n"
        "2: sub x2, x2, #1\n"
        "cbnz x2, 1b\n"
        "ret x15\n"

        "where_am_i: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "1: bl 2f\n"
        "2: mov x3, x30\n"
        "adr x4, 2b\n"
        "sub x3, x3, x4\n"
        "add x0, x0, x3\n"
        "subs x2, x2, #1\n"
        "b.ne 1b\n"
        "ret x15\n"

        "branches_back: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "b 1f\n"
        "0: cset x3, eq\n" /* what the branch here saw */
        "add x0, x0, x3, lsl #16\n"
        "b 2f\n"
        "1: bl add_far\n"
        "tst x2, #1023\n"
        "b.eq 0b\n"
        "2: subs x2, x2, #1\n"
        "b.ne 1b\n"
        "ret x15\n"

        "calls_and_forgets: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "adr x5, 2f\n"
        "1: bl add_if_x5\n"
        "2: mov x30, x1\n"
        "subs x2, x2, #1\n"
        "b.ne 1b\n"
        "ret x15\n"

        "calls_twice: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "adr x5, 2f\n"
        "1: bl add_if_x5\n"
        "2: bl add_if_x5\n"
        "subs x2, x2, #1\n"
        "b.ne 1b\n"
        "ret x15\n"

        "loads_in_callee: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "1: bl load_far\n"
        "add x0, x0, #1\n"
        "subs x2, x2, #1\n"
        "b.ne 1b\n"
        "ret x15\n"

        /* X30 is as the call in the loop has left it. */
        "link_behind_loop: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "1: bl add_near\n"
        "2: subs x2, x2, #1\n"
        "b.ne 1b\n"
        "adr x3, 2b\n"
        "sub x3, x30, x3\n"
        "add x0, x0, x3\n"
        "ret x15\n"

        /* Bases that are made of x1, at different offsets, on both sides. */
        "stores_by_value: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "1: mov x3, x1\n"
        "str x2, [x1, #16]\n"
        "bl goes_on_with_x3\n"
        "ldr x4, [x1, #24]\n"
        "add x0, x0, x4\n"
        "subs x2, x2, #1\n"
        "b.ne 1b\n"
        "ret x15\n"

        /* Each load's base is what the one before it has loaded. */
        "chain_of_loads: mov x2, x0\n"
        "mov x16, x1\n"
        "mov x0, #0\n"
        "1: ldr x16, [x16]\n"
        "ldr x16, [x16]\n"
        "ldrb w17, [x16, #8]\n"
        "cbz w17, 2f\n"
        "add x0, x0, x17\n"
        "2: subs x2, x2, #1\n"
        "b.ne 1b\n"
        "ret\n"

        "depth: cbz x0, 1f\n"
        "stp x29, x30, [sp, #-16]!\n"
        "sub x0, x0, #1\n"
        "bl depth\n"
        "add x0, x0, #1\n"
        "ldp x29, x30, [sp], #16\n"
        "1: ret\n"

        "calls_x1: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x3, #0\n"
        "1: blr x1\n"
        "add x3, x3, x0\n"
        "subs x2, x2, #1\n"
        "b.ne 1b\n"
        "mov x0, x3\n"
        "ret x15\n"

        ".balign 4096\n"
        "add_far: add x0, x0, #1\n"
        "ret\n"
        "sometimes_skips: tst x2, #1023\n"
        "b.ne 1f\n"
        "add x30, x30, #4\n"
        "1: ret\n"
        "add_if_x5: cmp x30, x5\n"
        "cinc x0, x0, eq\n"
        "ret\n"
        "goes_on_with_x3: add x5, x3, #8\n"
        "ldr x4, [x5, #8]!\n"
        "tbnz x2, #63, 1f\n"
        "add x4, x4, #1\n"
        "str x4, [x5], #8\n"
        "ldr x4, [x3, #16]\n"
        "str x4, [x5]\n"
        "1: ret\n"
        "load_far: ldr x4, [x1]\n"
        "add x0, x0, x4\n"
        "ret\n"
        "far_loop: mov x0, #0\n" /* by B alone, to and fro */
        "2: add x0, x0, #1\n"
        "b 3f\n"
        ".balign 4096\n"
        "3: cmp x0, x1\n"
        "b.eq 4f\n"
        "b 2b\n"
        "4: ret\n"

        /* Taken until x1 rounds are left: by flags, by a register. */
        "by_flags_for_long: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "1: cmp x2, x1\n"
        "b.hi 2f\n"
        "add x0, x0, #100\n"
        "2: bl add_near\n"
        "subs x2, x2, #1\n"
        "b.ne 1b\n"
        "ret x15\n"
        "by_register_for_long: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "1: cmp x2, x1\n"
        "cset x3, ls\n"
        "tst x2, #3\n" /* whose flags outlive it on both ways */
        "cbz x3, 2f\n"
        "add x0, x0, #1000\n"
        "b 2f\n" /* so that the end of the block can be seen */
        "2: b.ne 3f\n"
        "add x0, x0, #100\n"
        "3: sub x2, x2, #1\n"
        "add x0, x0, #1\n"
        "cbnz x2, 1b\n"
        "ret x15\n"

        /* To and fro in one function, as compilers put what is rare: x1 says
           whether the second one is taken, which goes back. */
        "forth_and_back: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "1: tbz x2, #63, 3f\n"
        "add x0, x0, #1000\n"
        "2: add x0, x0, #1\n"
        "subs x2, x2, #1\n"
        "b.ne 1b\n"
        "ret x15\n"
        "3: cbz x1, 2b\n"
        "add x0, x0, #10\n"
        "b 2b\n"

        /* From its start, which is 2, it comes to a branch right ahead of that,
           which is always taken, to a place that it has been in. */
        "comes_before_its_start: mov x15, x30\n"
        "mov x2, x0\n"
        "mov x0, #0\n"
        "mov x4, #0\n"
        "b 2f\n"
        "1: sub x2, x2, #1\n"
        "cbz x2, 3f\n"
        "bl add_near\n"
        "tbz x2, #63, 4f\n"
        "2: add x0, x0, #1\n"
        "4: add x0, x0, #1\n"
        "bl add_far\n"
        "eor x4, x4, #1\n"
        "tbz x4, #0, 5f\n"
        "b 1b\n"
        "5: subs x2, x2, #1\n"
        "b.ne 2b\n"
        "3: ret x15\n"

        /* Where it is not taken it goes on in the next page. */
        ".balign 4096\n"
        "edge_of_page: mov x2, x0\n"
        "mov x0, #0\n"
        "b 1f\n"
        "2: add x0, x0, #1\n"
        "b 1f\n"
        ".space 4096 - 7 * 4\n"
        "1: sub x2, x2, #1\n"
        "cbnz x2, 2b\n"
        "ret\n"

        /* In a page of their own, to be copied: x1 rounds. */
        ".balign 4096\n"
        "caller_page: mov x15, x30\n"
        "mov x2, #0\n"
        "1: bl caller_page + 4096\n"
        "add x2, x2, x0\n"
        "subs x1, x1, #1\n"
        "b.ne 1b\n"
        "mov x0, x2\n"
        "ret x15\n"
        ".balign 4096\n"
        "caller_page_end:\n");

typedef uint64_t code_fn(uint64_t x0, uint64_t x1);
extern code_fn near_and_far, returns_elsewhere, nested, changes_what_it_saved;
extern code_fn flags_through, where_am_i, loads_in_callee, depth, far_loop;
extern code_fn calls_x1, branches_back, calls_and_forgets, calls_twice;
extern code_fn by_flags_for_long, by_register_for_long;
extern code_fn forth_and_back, comes_before_its_start, edge_of_page;
extern code_fn link_behind_loop, stores_by_value, chain_of_loads;
extern char caller_page[];

static uint32_t pages[3][1024] __attribute__((aligned(4096)));
static struct tables tables;

static void publish(const volatile void *at)
{
    __asm__ volatile("dc cvau, %0\ndsb ish\nic ivau, %0\ndsb ish\nisb" ::"r"(at)
                     : "memory");
}

static void callees_near_and_far(void)
{
    CHECK_EQ(near_and_far(ROUNDS, 0), 3 * ROUNDS);
}

/* Where the low bits of what is left to do are 0 it does not come back to the
   next instruction but to the one behind that. */
static void a_callee_returns_elsewhere(void)
{
    CHECK_EQ(returns_elsewhere(ROUNDS, 0), ROUNDS - ROUNDS / 1024);
}

static void a_callee_that_calls(void)
{
    CHECK_EQ(nested(ROUNDS, 0), 2 * ROUNDS);
}

static void a_saved_return_address_is_changed(void)
{
    CHECK_EQ(changes_what_it_saved(ROUNDS, 0), ROUNDS - ROUNDS / 1024);
}

static void flags_outlive_a_call(void)
{
    CHECK_EQ(flags_through(ROUNDS, 0), ROUNDS + 100 * (ROUNDS / 4));
}

static void a_call_of_the_next_instruction(void)
{
    CHECK_EQ(where_am_i(ROUNDS, 0), 0);
}

/* Backward, but not to the loop's start: once in 1024 rounds. */
static void flags_go_along_a_branch_back(void)
{
    CHECK_EQ(branches_back(ROUNDS, 0), ROUNDS + (ROUNDS / 1024 << 16));
}

/* The callee counts the rounds in which its return address is right. */
static void a_return_address_is_written_in_each_round(void)
{
    CHECK_EQ(calls_and_forgets(ROUNDS, 0), ROUNDS);
    CHECK_EQ(calls_twice(ROUNDS, 0), ROUNDS);
}

static void recursion_comes_all_the_way_back(void)
{
    for (unsigned n = 0; n < ROUNDS / 8; n++)
        CHECK_EQ(depth(n & 15, 0), n & 15);
}

static void branches_to_and_fro(void)
{
    CHECK_EQ(far_loop(0, ROUNDS), ROUNDS);
}

/* The load of the callee faults in every round, and is stepped over. */
static void a_callee_that_faults(void)
{
    static uint64_t one = 1;
    struct trap *trap;

    CHECK_EQ(loads_in_callee(ROUNDS, (uint64_t)&one), 2 * ROUNDS);
    trap = trap_expect();
    loads_in_callee(100, 1ull << 50); /* no address */
    CHECK_EQ(trap->count, 100);
    CHECK_EQ(loads_in_callee(ROUNDS, (uint64_t)&one), 2 * ROUNDS);
}

static void put_caller(uint32_t *page)
{
    for (unsigned n = 0; n < 1024; n++) {
        page[n] = ((const uint32_t *)(const void *)caller_page)[n];
        if (n % 16 == 15)
            publish(page + n);
    }
}

static void put_callee(uint32_t *page, unsigned answer)
{
    page[0] = MOV(answer);
    page[1] = RET;
    publish(page);
}

static uint64_t call(const void *at, uint64_t rounds)
{
    return ((code_fn *)(uintptr_t)at)(0, rounds);
}

/* In the other page, while the loop is not running but translated. */
static void a_callee_is_written_anew(void)
{
    put_caller(pages[0]);
    for (unsigned n = 1; n < 8; n++) {
        put_callee(pages[1], n);
        CHECK_EQ(call(pages[0], ROUNDS), n * ROUNDS);
        CHECK_EQ(call(pages[0], 10), n * 10);
    }
}

static void set_page(uint64_t va, const void *page)
{
    uint64_t arg = va >> 12 & 0xfffffffffff;

    *(volatile uint64_t *)tables_entry(&tables, va, 3) =
        ((uint64_t)page & ADDR) | PTE_RAM | 3;
    __asm__ volatile("dsb ishst\ntlbi vae1is, %0\ndsb ish\nisb" ::"r"(arg)
                     : "memory");
}

/* The same physical pages, in other places; another page in that place. */
static void a_callee_is_mapped_anew(void)
{
    put_caller(pages[0]);
    put_callee(pages[1], 1);
    put_callee(pages[2], 2);
    tables_init(&tables, 12, 39);
    tables_identity(&tables);
    tables_map(&tables, WINDOW, (uint64_t)pages[0], 3, PTE_RAM);
    tables_map(&tables, WINDOW + PAGE, (uint64_t)pages[1], 3, PTE_RAM);
    mmu_on(&tables, 0, 0);
    for (unsigned n = 0; n < 12; n++) {
        unsigned which = 1 + (n & 1);

        set_page(WINDOW + PAGE, pages[which]);
        CHECK_EQ(call((void *)WINDOW, ROUNDS), which * ROUNDS);
        CHECK_EQ(call(pages[0], 100), 100);
    }
    mmu_off();
}

static void a_callee_by_its_address(void)
{
    put_callee(pages[1], 3);
    put_callee(pages[2], 5);
    for (unsigned n = 0; n < 6; n++)
        CHECK_EQ(calls_x1(ROUNDS, (uint64_t)pages[1 + (n & 1)]),
                 (n & 1 ? 5 : 3) * (uint64_t)ROUNDS);
}

static void a_branch_is_no_longer_taken(void)
{
    uint64_t last = ROUNDS / 4;

    for (unsigned n = 0; n < 2; n++) {
        CHECK_EQ(by_flags_for_long(ROUNDS, last), ROUNDS + 100 * last);
        CHECK_EQ(by_register_for_long(ROUNDS, last),
                 ROUNDS + 100 * (ROUNDS / 4) + 1000 * last);
    }
}

static void branches_taken_forth_and_back(void)
{
    for (unsigned n = 0; n < 4; n++)
        CHECK_EQ(forth_and_back(ROUNDS, n & 1),
                 (n & 1 ? 11 : 1) * (uint64_t)ROUNDS);
}

/* Three of it by 2, then three by 1 and 4, for each two rounds. */
static void a_loop_that_comes_before_its_start(void)
{
    CHECK_EQ(comes_before_its_start(2 * ROUNDS, 0), 6 * ROUNDS);
    CHECK_EQ(comes_before_its_start(2 * ROUNDS, 0), 6 * ROUNDS);
}

static void a_branch_at_the_end_of_a_page(void)
{
    CHECK_EQ(edge_of_page(ROUNDS, 0), ROUNDS - 1);
    CHECK_EQ(edge_of_page(ROUNDS / 2, 0), ROUNDS / 2 - 1);
}

static void the_link_behind_a_loop(void)
{
    CHECK_EQ(link_behind_loop(ROUNDS, 0), ROUNDS);
}

/* In one page, then from each place at which some of it is in the next. */
static void accesses_off_copies_of_a_base(void)
{
    const uint64_t sum = ROUNDS * (ROUNDS + 1ull) / 2 + ROUNDS;

    CHECK_EQ(stores_by_value(ROUNDS, (uint64_t)pages[0]), sum);
    for (unsigned n = 8; n <= 40; n += 8)
        CHECK_EQ(stores_by_value(ROUNDS, (uint64_t)pages[1] - n), sum);
}

/* A ring of an odd number, through all pages, which are unknown each time. */
static void loads_off_what_was_loaded(void)
{
    struct node {
        uint64_t next;
        uint64_t value;
    };
    enum { NODES = 7, TIMES = 400, EACH = 14 * NODES };
    uint64_t at[NODES];

    for (unsigned n = 0; n < NODES; n++)
        at[n] = (uint64_t)pages[n % 3] + 64 * n;
    for (unsigned n = 0; n < NODES; n++)
        *(struct node *)at[n] =
            (struct node){.next = at[(n + 1) % NODES], .value = n};
    for (unsigned n = 0; n < TIMES; n++) {
        tlbi_all();
        CHECK_EQ(chain_of_loads(EACH, at[n % NODES]),
                 14 * (NODES - 1) * NODES / 2);
    }
}

#define TEST(fn) \
    {            \
#fn, fn  \
    }
const struct guest_test guest_tests[] = {
    TEST(callees_near_and_far),
    TEST(a_callee_returns_elsewhere),
    TEST(a_callee_that_calls),
    TEST(a_saved_return_address_is_changed),
    TEST(flags_outlive_a_call),
    TEST(a_call_of_the_next_instruction),
    TEST(flags_go_along_a_branch_back),
    TEST(a_return_address_is_written_in_each_round),
    TEST(recursion_comes_all_the_way_back),
    TEST(branches_to_and_fro),
    TEST(a_callee_that_faults),
    TEST(a_callee_is_written_anew),
    TEST(a_callee_is_mapped_anew),
    TEST(a_callee_by_its_address),
    TEST(a_branch_is_no_longer_taken),
    TEST(branches_taken_forth_and_back),
    TEST(a_loop_that_comes_before_its_start),
    TEST(a_branch_at_the_end_of_a_page),
    TEST(the_link_behind_a_loop),
    TEST(accesses_off_copies_of_a_base),
    TEST(loads_off_what_was_loaded),
    {NULL, NULL},
};
