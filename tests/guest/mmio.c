// SPDX-License-Identifier: Apache-2.0
/* Every form of access to a device, addresses where nobody is, and FP and SIMD
   registers over exceptions. */

#include "tables.h"

#define PL011_ID (UART_BASE + 0xfe0) /* 0x11 0x10 0x34 0x00 0x0d ... */
#define RTC_ID   0x40001fe0ull       /* 0x31 0x10 0x04 0x00 0x0d ... */
#define ACR      (UART_BASE + 0x24)  /* IBRD, FBRD: two plain registers */

static void plain_loads_of_a_device(void)
{
    uint64_t v, base = PL011_ID;

    CHECK_EQ(read32(PL011_ID), 0x11);
    CHECK_EQ(*(volatile uint8_t *)PL011_ID, 0x11);
    CHECK_EQ(*(volatile uint16_t *)PL011_ID, 0x11);
    __asm__ volatile("ldrsw %0, [%1]" : "=r"(v) : "r"(base));
    CHECK_EQ(v, 0x11);
    __asm__ volatile("ldr %w0, [%1], #4" : "=&r"(v), "+r"(base));
    CHECK_EQ(v, 0x11);
    CHECK_EQ(base, PL011_ID + 4);
    __asm__ volatile("ldr %w0, [%1, #-4]!" : "=&r"(v), "+r"(base));
    CHECK_EQ(v, 0x11);
    CHECK_EQ(base, PL011_ID);
    __asm__ volatile("ldar %w0, [%1]" : "=r"(v) : "r"(base));
    CHECK_EQ(v, 0x11);
    __asm__ volatile("ldr %w0, [%1, %2, lsl #2]"
                     : "=r"(v)
                     : "r"(base), "r"(4ull));
    CHECK_EQ(v, 0x0d);
}

static void pairs_are_two_accesses(void)
{
    uint64_t a, b, base = PL011_ID;

    __asm__ volatile("ldp %w0, %w1, [%2]" : "=&r"(a), "=&r"(b) : "r"(base));
    CHECK_EQ(a, 0x11);
    CHECK_EQ(b, 0x10);
    __asm__ volatile("ldp %w0, %w1, [%2], #8" : "=&r"(a), "=&r"(b), "+r"(base));
    CHECK_EQ(a, 0x11);
    CHECK_EQ(base, PL011_ID + 8);
    __asm__ volatile("ldpsw %0, %1, [%2]" : "=&r"(a), "=&r"(b) : "r"(base));
    CHECK_EQ(a, 0x34);
    CHECK_EQ(b, 0);
    /* The base may be one of the two. */
    a = PL011_ID;
    __asm__ volatile("ldp w9, %w0, [%0]" : "+r"(a)::"x9");
    CHECK_EQ(a, 0x10);
    __asm__ volatile("stp %w0, %w1, [%2]" ::"r"(0x12), "r"(0x21), "r"(ACR)
                     : "memory");
    CHECK_EQ(read32(ACR), 0x12);
    CHECK_EQ(read32(ACR + 4), 0x21);
    /* 64-bit registers of the GIC, by halves and by pairs */
    CHECK_EQ(read64(GICR_BASE + 8) & 0xffffffff, read32(GICR_BASE + 8));
    write64(GICD_BASE + 0x6000 + 40 * 8, 0x1);
    write64(GICD_BASE + 0x6000 + 41 * 8, 0x2);
    __asm__ volatile("ldp %0, %1, [%2]"
                     : "=&r"(a), "=&r"(b)
                     : "r"(GICD_BASE + 0x6000 + 40 * 8));
    CHECK_EQ(a, 1);
    CHECK_EQ(b, 2);
}

static void vector_registers_reach_devices(void)
{
    uint64_t lo, hi;

    __asm__ volatile("ldr s0, [%1]\nfmov %w0, s0" : "=r"(lo) : "r"(PL011_ID));
    CHECK_EQ(lo, 0x11);
    __asm__ volatile("ldp s0, s1, [%2]\nfmov %w0, s0\nfmov %w1, s1"
                     : "=&r"(lo), "=&r"(hi)
                     : "r"(PL011_ID + 4));
    CHECK_EQ(lo, 0x10);
    CHECK_EQ(hi, 0x34);
    __asm__ volatile("movi v0.2d, #0\n"
                     "ld1 {v0.s}[1], [%2]\n"
                     "fmov %0, d0\nmov %1, v0.d[1]"
                     : "=r"(lo), "=r"(hi)
                     : "r"(PL011_ID));
    CHECK_EQ(lo, 0x1100000000);
    CHECK_EQ(hi, 0);
    __asm__ volatile("fmov s0, %w0\nstr s0, [%1]" ::"r"(0x33), "r"(ACR)
                     : "memory");
    CHECK_EQ(read32(ACR), 0x33);
    /* 64 accesses of a byte each, none of them twice. */
    __asm__ volatile("ld4 {v0.16b-v3.16b}, [%0]\n"
                     "st4 {v0.16b-v3.16b}, [%1]" ::"r"(NO_DEVICE),
                     "r"(NO_DEVICE + 64)
                     : "memory");
}

static void an_output_byte_is_written_once(void)
{
    /* If an access were repeated, the line would read otherwise. */
    static const char text[] = "every byte once\n";

    for (unsigned n = 0; n + 1 < sizeof(text); n++) {
        if (n % 3 == 0)
            __asm__ volatile("strb %w0, [%1]" ::"r"(text[n]), "r"(UART_BASE)
                             : "memory");
        else if (n % 3 == 1)
            __asm__ volatile("stp %w0, wzr, [%1]" ::"r"(text[n]), "r"(UART_BASE)
                             : "memory");
        else
            __asm__ volatile("fmov s0, %w0\nstr s0, [%1]" ::"r"(text[n]),
                             "r"(UART_BASE)
                             : "memory");
    }
}

static void nobody_answers_with_zero(void)
{
    static const uint64_t nowhere[] = {
        NO_DEVICE,    0x10,         0x05000000,         UART_BASE + 0x1000,
        0x0f000000,   0x50000000,   RAM_BASE - 8,       RAM_BASE + (128 << 20),
        0x4000000000, 0x8000000000, (1ull << 40) - 4096};
    struct trap *t = trap_expect();

    for (unsigned n = 0; n < sizeof(nowhere) / 8; n++) {
        uint64_t at = nowhere[n], a, b;

        write64(at, ~0ull);
        write32(at, 5);
        *(volatile uint8_t *)at = 7;
        CHECK_EQ(read64(at), 0);
        CHECK_EQ(read32(at), 0);
        CHECK_EQ(*(volatile uint16_t *)at, 0);
        CHECK_EQ(*(volatile uint8_t *)at, 0);
        __asm__ volatile("ldp %0, %1, [%2]"
                         : "=&r"(a), "=&r"(b)
                         : "r"(at)
                         : "memory");
        CHECK_EQ(a | (n == 6 ? 0 : b), 0);
    }
    CHECK_EQ(t->count, 0);
}

/* MMU off and an address of more bits than the bus has (D8.2.11). */
static void too_wide_an_address_is_an_address_size_fault(void)
{
    struct trap *t = trap_expect();
    uint64_t at = 1ull << 40;

    __asm__ volatile("ldr x9, [%0]" ::"r"(at) : "x9", "memory");
    CHECK_EQ(t->count, 1);
    CHECK_EQ(t->esr, 0x96000000);
    CHECK_EQ(t->far, at);
}

static bool come_back(unsigned kind, struct trap_frame *frame)
{
    (void)kind;
    frame->elr = frame->x[30];
    return true;
}

/* An abort, or whatever a device answers decodes to: an exception each time. */
static void there_is_no_code_in_devices(void)
{
    static const uint64_t places[] = {UART_BASE, GICD_BASE, NO_DEVICE,
                                      RAM_BASE + (128 << 20)};

    guest_on_trap = come_back;
    for (unsigned n = 0; n < 4; n++) {
        struct trap *t = trap_expect();

        __asm__ volatile("blr %0" ::"r"(places[n]) : "x30", "memory");
        CHECK_EQ(t->count, 1);
        CHECK(EC(t->esr) == 0x21 || EC(t->esr) == 0);
        CHECK_EQ(t->elr, places[n]);
    }
}

/* Atomics on a device: done, or aborted as unsupported (FSC 0x35). */
static void atomics_on_a_device_do_no_harm(void)
{
    struct trap *t = trap_expect();

    __asm__ volatile("ldadd w9, w10, [%0]" ::"r"(ACR) : "x9", "x10", "memory");
    if (t->count)
        CHECK_EQ(t->esr & 0xfc00003f, 0x94000035);
    t = trap_expect();
    __asm__ volatile("ldxr w9, [%0]\nstxr w10, w9, [%0]" ::"r"(ACR)
                     : "x9", "x10", "memory");
    if (t->count)
        CHECK_EQ(t->esr & 0xfc00003f, 0x94000035);
}

/* The last bytes of RAM and what comes behind: memory by its attributes. */
static void an_access_over_the_end_of_ram(void)
{
    uint64_t end = RAM_BASE + (128 << 20), v;
    struct trap *t;

    mmu_plain();
    t = trap_expect();
    write64(end - 8, 0x1122334455667788);
    __asm__ volatile("ldr %0, [%1]" : "=r"(v) : "r"(end - 4) : "memory");
    CHECK_EQ(v, 0x11223344);
    __asm__ volatile("str %0, [%1]" ::"r"(~0ull), "r"(end - 4) : "memory");
    CHECK_EQ(read64(end - 8), 0xffffffff55667788);
    __asm__ volatile("ldr q0, [%1]\nfmov %0, d0"
                     : "=r"(v)
                     : "r"(end - 8)
                     : "memory");
    CHECK_EQ(v, 0xffffffff55667788);
    CHECK_EQ(t->count, 0);
    mmu_off();
}

/* ---- FP and SIMD ---- */

/* clang-format off */
#define EACH_V(X)                                                     \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)     \
    X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) \
    X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
/* clang-format on */

static void fill_vectors(uint64_t from)
{
#define FILL(n)                                     \
    __asm__ volatile("fmov d" #n ", %0\nfmov v" #n  \
                     ".d[1], %1" ::"r"(from + (n)), \
                     "r"(~(from + (n))));
    EACH_V(FILL)
}

static unsigned bad_vectors(uint64_t from)
{
    unsigned bad = 0;
    uint64_t lo, hi;

#define LOOK(n)                                               \
    __asm__ volatile("fmov %0, d" #n "\nmov %1, v" #n ".d[1]" \
                     : "=r"(lo), "=r"(hi));                   \
    bad += lo != from + (n) || hi != ~(from + (n));
    EACH_V(LOOK)
    return bad;
}

static volatile uint32_t vectors_lost;

static void vectors_on_each(unsigned me)
{
    uint64_t from = 0x1111000000ull * (me + 1);

    fill_vectors(from);
    WRITE_SYS(fpcr, (me % 4ull) << 22);
    WRITE_SYS(fpsr, 0x08000001);
    for (unsigned n = 0; n < 50; n++)
        __asm__ volatile("svc #3" ::: "memory");
    if (bad_vectors(from) || READ_SYS(fpcr) != (me % 4ull) << 22 ||
        READ_SYS(fpsr) != 0x08000001)
        __atomic_fetch_add(&vectors_lost, 1, __ATOMIC_SEQ_CST);
    WRITE_SYS(fpcr, 0);
    WRITE_SYS(fpsr, 0);
}

static void vectors_survive_exceptions_on_every_cpu(void)
{
    vectors_lost = 0;
    trap_expect();
    cpu_run_all(vectors_on_each);
    CHECK_EQ(vectors_lost, 0);
}

/* Turned off and on again, the registers are what they were. */
static void vectors_survive_a_trap(void)
{
    struct trap *t = trap_expect();

    fill_vectors(7);
    for (unsigned n = 0; n < 10; n++) {
        WRITE_SYS(cpacr_el1, 0);
        ISB();
        __asm__ volatile("fmov d0, xzr" ::: "memory");
        WRITE_SYS(cpacr_el1, 3 << 20);
        ISB();
    }
    CHECK_EQ(t->count, 10);
    CHECK_EQ(bad_vectors(7), 0);
}

static void arithmetic_heeds_the_rounding_mode(void)
{
    static const uint64_t third[] = {0x3fd5555555555555, 0x3fd5555555555556,
                                     0x3fd5555555555555, 0x3fd5555555555555};
    uint64_t r;

    for (uint64_t mode = 0; mode < 4; mode++) {
        WRITE_SYS(fpcr, mode << 22);
        WRITE_SYS(fpsr, 0);
        __asm__ volatile("fmov d0, #1.0\nfmov d1, #3.0\nfdiv d0, d0, d1\n"
                         "fmov %0, d0"
                         : "=r"(r));
        CHECK_EQ(r, third[mode]);
        CHECK_EQ(READ_SYS(fpsr), 0x10); /* IXC */
    }
    WRITE_SYS(fpcr, 0);
    WRITE_SYS(fpsr, 0);
    __asm__ volatile("fmov d0, #1.0\nfmov d1, xzr\nfdiv d0, d0, d1\nfmov %0, d0"
                     : "=r"(r));
    CHECK_EQ(r, 0x7ff0000000000000);
    CHECK_EQ(READ_SYS(fpsr), 2); /* DZC */
}

#define TEST(fn) \
    {            \
#fn, fn  \
    }
const struct guest_test guest_tests[] = {
    TEST(plain_loads_of_a_device),
    TEST(pairs_are_two_accesses),
    TEST(vector_registers_reach_devices),
    TEST(an_output_byte_is_written_once),
    TEST(nobody_answers_with_zero),
    TEST(too_wide_an_address_is_an_address_size_fault),
    TEST(there_is_no_code_in_devices),
    TEST(atomics_on_a_device_do_no_harm),
    TEST(an_access_over_the_end_of_ram),
    TEST(vectors_survive_exceptions_on_every_cpu),
    TEST(vectors_survive_a_trap),
    TEST(arithmetic_heeds_the_rounding_mode),
    {NULL, NULL},
};
