// SPDX-License-Identifier: Apache-2.0
/* Firmware: PSCI 1.1 (DEN 0022), SMCCC (DEN 0028), TRNG (DEN 0098). */

#include "gic.h"

enum {
    NOT_SUPPORTED = -1,
    INVALID_PARAMETERS = -2,
    ALREADY_ON = -4,
    INVALID_ADDRESS = -9
};
#define S64     0x40000000u
#define VERSION 0x84000000u
#define SUSPEND 0x84000001u
#define CPU_ON  0x84000003u
#define INFO    0x84000004u
#define FEATURE 0x8400000au
#define RESET2  0x84000012u

extern char secondary[];

static void versions(void)
{
    CHECK_EQ(hvc(VERSION, 0, 0, 0), 0x10001);
    CHECK_EQ(smc(VERSION, 0, 0, 0), 0x10001);
    CHECK_EQ(hvc(0x80000000, 0, 0, 0), 0x10001); /* SMCCC 1.1 */
    CHECK_EQ(hvc(0x84000006, 0, 0, 0), 2);       /* no trusted OS */
    CHECK_EQ(hvc(0x84000050, 0, 0, 0), 0x10000); /* TRNG 1.0 */
    CHECK_EQ(hvc(VERSION | S64, 0, 0, 0), NOT_SUPPORTED);
    CHECK_EQ(hvc(0, 0, 0, 0), NOT_SUPPORTED);
    CHECK_EQ(hvc(0x12345678, 0, 0, 0), NOT_SUPPORTED);
    CHECK_EQ(hvc(0x8400001f, 0, 0, 0), NOT_SUPPORTED);
    /* Only the lower half of x0 is looked at. */
    CHECK_EQ(hvc(VERSION | 0xffffffff00000000, 0, 0, 0), 0x10001);
}

static void features_name_what_is_there(void)
{
    static const uint32_t there[] = {
        0x84000000, 0x84000001, 0xc4000001, 0x84000002, 0x84000003,
        0xc4000003, 0x84000004, 0xc4000004, 0x84000006, 0x84000008,
        0x84000009, 0x8400000a, 0x84000012, 0xc4000012, 0x80000000};
    static const uint32_t missing[] = {0x84000005, 0x84000007, 0xc4000008,
                                       0x8400000e, 0x84000013, 0xc4000000,
                                       0x12345678, 0xffffffff, 0};

    for (unsigned n = 0; n < sizeof(there) / 4; n++)
        CHECK_EQ(hvc(FEATURE, there[n], 0, 0), 0);
    for (unsigned n = 0; n < sizeof(missing) / 4; n++)
        CHECK_EQ(hvc(FEATURE, missing[n], 0, 0), NOT_SUPPORTED);
    CHECK_EQ(hvc(0x80000001, 0x80000000, 0, 0), 0);
    CHECK_EQ(hvc(0x80000001, 0x84000001, 0, 0), NOT_SUPPORTED);
}

static volatile uint32_t came, may_go;
static volatile uint64_t context, sctlr, level, daif;

static void note_and_stay(void)
{
    sctlr = READ_SYS(sctlr_el1);
    level = READ_SYS(currentel);
    daif = READ_SYS(daif);
    __atomic_fetch_add(&came, 1, __ATOMIC_SEQ_CST);
    await(&may_go, 1);
    cpu_off();
}

static void await_off(unsigned n)
{
    uint64_t end = counter() + seconds(PATIENCE_S);

    while (hvc(INFO, mpidr_of(n), 0, 0) != 1) {
        if (counter() > end) {
            CHECK(!"the CPU never went off");
            return;
        }
    }
}

static void a_cpu_goes_on_and_off_and_on(void)
{
    unsigned cpus = cpu_count();

    for (unsigned n = 1; n < cpus; n++) {
        for (unsigned again = 0; again < 3; again++) {
            uint64_t id = again == 1 ? CPU_ON : CPU_ON | S64;

            came = may_go = 0;
            CHECK_EQ(hvc(INFO | S64, mpidr_of(n), 0, 0), 1);
            CHECK_EQ(hvc(id, mpidr_of(n), (uint64_t)secondary,
                         (uint64_t)note_and_stay),
                     0);
            if (!wait_for(&came, 1))
                return;
            CHECK_EQ(hvc(INFO, mpidr_of(n), 0, 0), 0);
            CHECK_EQ(hvc(id, mpidr_of(n), (uint64_t)secondary, 0), ALREADY_ON);
            CHECK_EQ(level, 4);
            CHECK_EQ(daif, 0x3c0);
            CHECK_EQ(sctlr & 0x1005, 0); /* MMU and caches are off */
            may_go = 1;
            await_off(n);
        }
    }
}

/* By the vendor's UUID (DEN 0028, 6.2). */
static bool is_kvm(void)
{
    return (uint32_t)hvc(0x8600ff01, 0, 0, 0) == 0xb66fb428;
}

static void requests_that_make_no_sense(void)
{
    unsigned cpus = cpu_count();
    uint64_t entry = (uint64_t)secondary;

    CHECK_EQ(hvc(CPU_ON, mpidr_of(0), entry, 0), ALREADY_ON);
    CHECK_EQ(hvc(CPU_ON, mpidr_of(cpus), entry, 0), INVALID_PARAMETERS);
    CHECK_EQ(hvc(CPU_ON | S64, 0xff00ffffff, entry, 0), INVALID_PARAMETERS);
    CHECK_EQ(hvc(CPU_ON | S64, 1ull << 31, entry, 0), INVALID_PARAMETERS);
    CHECK_EQ(hvc(INFO, mpidr_of(cpus), 0, 0), INVALID_PARAMETERS);
    CHECK_EQ(hvc(INFO, 0, 4, 0), INVALID_PARAMETERS);
    CHECK_EQ(hvc(INFO, 0, 0, 0), 0);
    CHECK_EQ(hvc(INFO, 0, 1, 0), 0);
    CHECK_EQ(hvc(RESET2, 1, 0, 0), INVALID_PARAMETERS);
    if (!is_kvm()) /* who resets for the vendor's reasons, too */
        CHECK_EQ(hvc(RESET2 | S64, 0x80000000, 0, 0), INVALID_PARAMETERS);
    if (cpus < 2 || is_kvm()) /* which looks at no address */
        return;
    CHECK_EQ(hvc(CPU_ON | S64, mpidr_of(1), UART_BASE, 0), INVALID_ADDRESS);
    CHECK_EQ(hvc(CPU_ON | S64, mpidr_of(1), NO_DEVICE, 0), INVALID_ADDRESS);
    CHECK_EQ(hvc(CPU_ON | S64, mpidr_of(1), -4096, 0), INVALID_ADDRESS);
    CHECK_EQ(hvc(INFO, mpidr_of(1), 0, 0), 1);
}

static volatile uint32_t ids_wrong;

static void check_id(unsigned me)
{
    if ((READ_SYS(mpidr_el1) & 0xff00ffffff) != mpidr_of(me) ||
        !(READ_SYS(mpidr_el1) >> 31 & 1))
        __atomic_fetch_add(&ids_wrong, 1, __ATOMIC_SEQ_CST);
}

static void all_at_once_many_times(void)
{
    ids_wrong = 0;
    for (unsigned n = 0; n < 20; n++)
        cpu_run_all(check_id);
    CHECK_EQ(ids_wrong, 0);
}

static bool never_mind(unsigned kind, struct trap_frame *frame)
{
    (void)kind;
    (void)frame;
    WRITE_SYS(cntv_ctl_el0, 0);
    SET(ICC_EOIR1, GET(ICC_IAR1));
    return true;
}

static void suspend_is_a_nap(void)
{
    uint64_t start, keep;

    gic_begin();
    make_ready(27);
    guest_on_irq = never_mind;
    for (unsigned n = 0; n < 4; n++) {
        start = counter();
        WRITE_SYS(cntv_cval_el0, start + 1000000);
        WRITE_SYS(cntv_ctl_el0, 1);
        __asm__ volatile("mov x19, #77" ::: "x19");
        CHECK_EQ(hvc(n & 1 ? SUSPEND : SUSPEND | S64, n < 2 ? 0 : 0x10000,
                     (uint64_t)secondary, 0),
                 0);
        __asm__ volatile("mov %0, x19" : "=r"(keep));
        CHECK(counter() - start >= 1000000);
        open_up();
        CHECK_EQ(GET(ICC_IAR1), 1023);
    }
}

static void random_numbers_of_every_width(void)
{
    register uint64_t x0 __asm__("x0");
    register uint64_t x1 __asm__("x1");
    register uint64_t x2 __asm__("x2");
    register uint64_t x3 __asm__("x3");
    uint64_t a, b, c;

    CHECK_EQ(hvc(0x84000051, 0x84000053, 0, 0), 0);
    CHECK_EQ(hvc(0x84000051, 0xc4000053, 0, 0), 0);
    CHECK_EQ(hvc(0xc4000053, 0, 0, 0), INVALID_PARAMETERS);
    CHECK_EQ(hvc(0xc4000053, 193, 0, 0), INVALID_PARAMETERS);
    CHECK_EQ(hvc(0x84000053, 97, 0, 0), INVALID_PARAMETERS);
    x0 = 0xc4000053, x1 = 192, x2 = 0, x3 = 0;
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3));
    a = x1, b = x2, c = x3;
    CHECK_EQ(x0, 0);
    CHECK(a && b && c && a != b && b != c);
    x0 = 0xc4000053, x1 = 5, x2 = 9, x3 = 9;
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3));
    a = x1, b = x2, c = x3;
    CHECK(c < 32);
    CHECK_EQ(a | b, 0);
}

#define TEST(fn) \
    {            \
#fn, fn  \
    }
const struct guest_test guest_tests[] = {
    TEST(versions),
    TEST(features_name_what_is_there),
    TEST(a_cpu_goes_on_and_off_and_on),
    TEST(requests_that_make_no_sense),
    TEST(all_at_once_many_times),
    TEST(suspend_is_a_nap),
    TEST(random_numbers_of_every_width),
    {NULL, NULL},
};
