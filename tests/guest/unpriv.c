// SPDX-License-Identifier: Apache-2.0
/*
 * LDTR and STTR as kernels copy to and from programs with (Arm ARM, C6.2): in
 * loops beside accesses of EL1's own, up to a page that is not there, with PAN
 * set. What was copied, where it stopped and the registers then must be as if
 * each instruction had been alone.
 */

#include "tables.h"

#define USER   0x800000000ull   /* two pages of EL0's, and none behind */
#define KERNEL (USER + 0x10000) /* a page of EL1's */
#define PAGE   0x1000ull

enum { EC_DATA = 0x25, TRANSLATION_3 = 0x07, PERMISSION_3 = 0x0f, WNR = 0x40 };
enum { ROUNDS = 64 }; /* the loops become hot */

static struct tables t;
/* The pages of USER lie the other way round. */
static uint8_t frames[3][0x1000] __attribute__((aligned(0x1000)));
static uint8_t buffer[0x2000 + 64] __attribute__((aligned(64)));

static struct {
    unsigned count;
    uint64_t far, esr, x[8];
} fault;

/* The first one is noted, and its instruction ends the loop: x10 is the way
   out. */
static bool on_fault(unsigned kind, struct trap_frame *frame)
{
    if (kind >= 8 || READ_SYS(esr_el1) >> 26 != EC_DATA)
        return false;
    fault.count++;
    fault.far = READ_SYS(far_el1);
    fault.esr = READ_SYS(esr_el1) & 0x1ffffff;
    for (unsigned n = 0; n < 8; n++)
        fault.x[n] = frame->x[n];
    frame->elr = frame->x[10];
    return true;
}

static void set_up(void)
{
    tables_reset();
    tables_init(&t, 12, 39);
    tables_identity(&t);
    tables_map(&t, USER, (uint64_t)frames[1], 3, PTE_RAM | PTE_USER);
    tables_map(&t, USER + PAGE, (uint64_t)frames[0], 3, PTE_RAM | PTE_USER);
    tables_map(&t, KERNEL, (uint64_t)frames[2], 3, PTE_RAM);
    mmu_on(&t, 0, 0);
    WRITE_SYS(sctlr_el1, READ_SYS(sctlr_el1) | 1 << 23);    /* SPAN */
    __asm__ volatile("isb\n.inst 0xd500419f" ::: "memory"); /* MSR PAN, #1 */
    for (unsigned n = 0; n < sizeof(buffer); n++)
        buffer[n] = (uint8_t)(n * 7 + n / 256);
    guest_on_trap = on_fault;
}

static void tear_down(void)
{
    guest_on_trap = NULL;
    __asm__ volatile(".inst 0xd500409f" ::: "memory"); /* MSR PAN, #0 */
    mmu_off();
}

/* What lies at a VA of EL0's, by EL1's own. */
static uint8_t *at_user(uint64_t va)
{
    uint64_t offset = va - USER;

    return &frames[offset < PAGE ? 1 : 0][offset % PAGE];
}

static void clear_user(void)
{
    for (unsigned n = 0; n < 2 * PAGE; n++)
        *at_user(USER + n) = 0;
}

/* 32 bytes a turn, each pair stored where the next one is loaded. Returns where
   the destination stood. */
static uint64_t copy_out(uint64_t to, const uint8_t *from, uint64_t bytes)
{
    register uint64_t dst __asm__("x0") = to;
    register uint64_t src __asm__("x1") = (uint64_t)from;
    register uint64_t left __asm__("x2") = bytes;

    fault.count = 0;
    __asm__ volatile("adr x10, 2f\n"
                     "ldp x4, x5, [x1], #16\n"
                     "ldp x6, x7, [x1], #16\n"
                     "1: sttr x4, [x0]\n"
                     "sttr x5, [x0, #8]\n"
                     "add x0, x0, #16\n"
                     "ldp x4, x5, [x1], #16\n"
                     "sttr x6, [x0]\n"
                     "sttr x7, [x0, #8]\n"
                     "add x0, x0, #16\n"
                     "ldp x6, x7, [x1], #16\n"
                     "subs x2, x2, #32\n"
                     "b.ne 1b\n"
                     "2:\n"
                     : "+r"(dst), "+r"(src), "+r"(left)
                     :
                     : "x4", "x5", "x6", "x7", "x10", "memory", "cc");
    return dst;
}

/* The same from EL0's memory, by words and halves of them. */
static uint64_t copy_in(uint8_t *to, uint64_t from, uint64_t bytes)
{
    register uint64_t dst __asm__("x0") = (uint64_t)to;
    register uint64_t src __asm__("x1") = from;
    register uint64_t left __asm__("x2") = bytes;

    fault.count = 0;
    __asm__ volatile("adr x10, 2f\n"
                     "1: ldtr x4, [x1]\n"
                     "ldtr w5, [x1, #8]\n"
                     "ldtrh w6, [x1, #12]\n"
                     "ldtrsb x7, [x1, #14]\n"
                     "ldtrb w3, [x1, #15]\n"
                     "stp x4, xzr, [x0]\n"
                     "str w5, [x0, #8]\n"
                     "strh w6, [x0, #12]\n"
                     "strb w7, [x0, #14]\n"
                     "strb w3, [x0, #15]\n"
                     "add x1, x1, #16\n"
                     "add x0, x0, #16\n"
                     "subs x2, x2, #16\n"
                     "b.ne 1b\n"
                     "2:\n"
                     : "+r"(dst), "+r"(src), "+r"(left)
                     :
                     : "x3", "x4", "x5", "x6", "x7", "x10", "memory", "cc");
    return src;
}

static void copies_out_cross_pages_at_any_place(void)
{
    set_up();
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t to = USER + PAGE - 96 + round;

        clear_user();
        CHECK_EQ(copy_out(to, buffer + round % 8, 192), to + 192);
        CHECK_EQ(fault.count, 0);
        for (unsigned n = 0; n < 192; n++)
            CHECK_EQ(*at_user(to + n), buffer[round % 8 + n]);
        CHECK_EQ(*at_user(to - 1), 0);
        CHECK_EQ(*at_user(to + 192), 0);
    }
    tear_down();
}

static void copies_in_cross_pages_at_any_place(void)
{
    static uint8_t to[192 + 16];

    set_up();
    for (unsigned n = 0; n < 2 * PAGE; n++)
        *at_user(USER + n) = buffer[n];
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t from = USER + PAGE - 96 + round;

        CHECK_EQ(copy_in(to, from, 192), from + 192);
        CHECK_EQ(fault.count, 0);
        for (unsigned n = 0; n < 192; n++)
            CHECK_EQ(to[n], *at_user(from + n));
    }
    tear_down();
}

/* What is stored is all that lies before the end, but for a word across it. */
static void a_copy_out_stops_where_nothing_is_mapped(void)
{
    const uint64_t end = USER + 2 * PAGE;

    set_up();
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t to = end - 256 - round, whole = (end - to) / 8 * 8;

        clear_user();
        copy_out(to, buffer, 512);
        CHECK_EQ(fault.count, 1);
        CHECK_EQ(fault.far, end);
        CHECK_EQ(fault.esr & 0x7f, WNR | TRANSLATION_3);
        CHECK_EQ(fault.x[0], to + whole / 16 * 16);
        for (unsigned n = 0; n < whole; n++)
            CHECK_EQ(*at_user(to + n), buffer[n]);
        for (uint64_t va = to + whole; va < end; va++)
            CHECK_EQ(*at_user(va), 0);
    }
    tear_down();
}

static void a_copy_in_stops_where_nothing_is_mapped(void)
{
    static uint8_t to[512 + 16];
    const uint64_t end = USER + 2 * PAGE;

    set_up();
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t from = end - 256 - 16 * (round % 4);

        copy_in(to, from, 512);
        CHECK_EQ(fault.count, 1);
        CHECK_EQ(fault.far, end);
        CHECK_EQ(fault.esr & 0x7f, TRANSLATION_3);
        CHECK_EQ(fault.x[1], end);
        CHECK_EQ(fault.x[2], 512 - (end - from));
    }
    tear_down();
}

/* Both ways, side by side off one register: one is EL0's access, one is EL1's,
   and neither tells what the other may. */
static uint64_t load_both(uint64_t va, bool unprivileged_first)
{
    register uint64_t base __asm__("x1") = va;
    register uint64_t value __asm__("x4") = 0;

    fault.count = 0;
    if (unprivileged_first)
        __asm__ volatile("adr x10, 2f\n"
                         "ldtr x4, [x1]\n"
                         "ldr x5, [x1, #8]\n"
                         "ldtr x6, [x1, #16]\n"
                         "2:\n"
                         : "+r"(base), "+r"(value)::"x5", "x6", "x10",
                           "memory");
    else
        __asm__ volatile("adr x10, 2f\n"
                         "ldr x4, [x1]\n"
                         "ldtr x5, [x1, #8]\n"
                         "ldr x6, [x1, #16]\n"
                         "2:\n"
                         : "+r"(base), "+r"(value)::"x5", "x6", "x10",
                           "memory");
    return value;
}

static void accesses_of_both_kinds_keep_apart(void)
{
    set_up();
    for (unsigned n = 0; n < 64; n++)
        *at_user(USER + n) = frames[2][n] = 0x5a;
    for (unsigned round = 0; round < ROUNDS; round++) {
        CHECK_EQ(load_both(USER, true), 0x5a5a5a5a5a5a5a5a);
        CHECK_EQ(fault.count, 1);
        CHECK_EQ(fault.far, USER + 8);
        CHECK_EQ(fault.esr & 0x7f, PERMISSION_3);
        CHECK_EQ(load_both(KERNEL, false), 0x5a5a5a5a5a5a5a5a);
        CHECK_EQ(fault.count, 1);
        CHECK_EQ(fault.far, KERNEL + 8);
        CHECK_EQ(fault.esr & 0x7f, PERMISSION_3);
        CHECK_EQ(load_both(USER, false), 0);
        CHECK_EQ(fault.far, USER);
        CHECK_EQ(load_both(KERNEL, true), 0);
        CHECK_EQ(fault.far, KERNEL);
    }
    tear_down();
}

/* A page that loses its right to be written between two copies. */
static void a_page_taken_away_is_noticed(void)
{
    set_up();
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t to = USER + 8 * (round % 4);

        CHECK_EQ(copy_out(to, buffer, 256), to + 256);
        CHECK_EQ(fault.count, 0);
        tables_map(&t, USER, (uint64_t)frames[1], 3,
                   PTE_RAM | PTE_USER | PTE_RO);
        tlbi_all();
        copy_out(to, buffer, 256);
        CHECK_EQ(fault.count, 1);
        CHECK_EQ(fault.far, to);
        CHECK_EQ(fault.esr & 0x7f, WNR | PERMISSION_3);
        tables_map(&t, USER, (uint64_t)frames[1], 3, PTE_RAM | PTE_USER);
        tlbi_all();
    }
    tear_down();
}

#define TEST(fn) \
    {            \
#fn, fn  \
    }
const struct guest_test guest_tests[] = {
    TEST(copies_out_cross_pages_at_any_place),
    TEST(copies_in_cross_pages_at_any_place),
    TEST(a_copy_out_stops_where_nothing_is_mapped),
    TEST(a_copy_in_stops_where_nothing_is_mapped),
    TEST(accesses_of_both_kinds_keep_apart),
    TEST(a_page_taken_away_is_noticed),
    {NULL, NULL},
};
