// SPDX-License-Identifier: Apache-2.0
/* Exceptions: what ESR, FAR, ELR and SPSR say, at EL1 and from EL0 (Arm ARM
   D1.3, D17.2.37). */

#include "guest.h"

#define IL           0x2000000ull
#define ESR(ec, iss) ((uint64_t)(ec) << 26 | IL | (iss))

/* Runs one instruction, whose address goes to `at`, at EL1. */
#define TRY(at, insn) \
    __asm__ volatile("adr %0, 77f\n77: " insn : "=&r"(at)::"memory", "cc")

/* A little program of EL0's in the text; the name is its address. */
#define PROGRAM(name, code)                                     \
    extern char name[];                                         \
    __asm__(".pushsection .text\n.balign 64\n" #name ":\n" code \
            "\nsvc #0xff\n.popsection")

/* EL0 did `code` and was stopped by this. */
static void expect_el0(char *code, uint64_t esr, uint64_t elr)
{
    struct trap *t = trap_expect();

    EL0(code);
    CHECK_EQ(t->count, 1);
    CHECK_EQ(t->kind, 8);
    CHECK_EQ(t->esr, esr);
    CHECK_EQ(t->elr, elr);
}

static void an_undefined_instruction_is_ec_0(void)
{
    struct trap *t = trap_expect();
    uint64_t at;

    TRY(at, ".inst 0x00000000");
    CHECK_EQ(t->count, 1);
    CHECK_EQ(t->kind, 4);
    CHECK_EQ(t->esr, 1u << 25);
    CHECK_EQ(t->elr, at);
}

static void all_of_these_are_undefined(void)
{
    struct trap *t = trap_expect();
    uint64_t at;

    TRY(at, ".inst 0x0000ffff");           /* UDF #65535 */
    TRY(at, ".inst 0xd5380f60");           /* op0 3 op1 0 CRn 0 CRm 15 */
    TRY(at, ".inst 0xd53c1000");           /* SCTLR_EL2, and there is no EL2 */
    TRY(at, ".inst 0xd53e1000");           /* SCTLR_EL3 */
    TRY(at, ".inst 0xd4a00001");           /* DCPS1 out of debug state */
    TRY(at, ".inst 0x9ac02800 | 1 << 30"); /* PACGA-like space */
    TRY(at, ".inst 0x04000000");           /* SVE */
    CHECK_EQ(t->count, 7);
    CHECK_EQ(t->esr, ESR(0, 0));
}

static void svc_carries_its_number_and_returns_behind_itself(void)
{
    struct trap *t = trap_expect();
    uint64_t at;

    TRY(at, "svc #0x1234");
    CHECK_EQ(t->esr, ESR(0x15, 0x1234));
    CHECK_EQ(t->elr, at + 4);
}

static void brk_stays_at_itself(void)
{
    struct trap *t = trap_expect();
    uint64_t at;

    TRY(at, "brk #0xfedc");
    CHECK_EQ(t->esr, ESR(0x3c, 0xfedc));
    CHECK_EQ(t->elr, at);
}

static void calls_to_firmware_come_back_with_an_answer(void)
{
    struct trap *t = trap_expect();

    CHECK_EQ(hvc(0x84000000, 1, 2, 3), 0x10001);
    CHECK_EQ(smc(0x84000000, 1, 2, 3), 0x10001);
    CHECK_EQ(hvc(0xdead, 1, 2, 3), -1);
    CHECK_EQ(t->count, 0);
}

PROGRAM(do_nothing, "");
PROGRAM(do_hvc, "hvc #0");
PROGRAM(do_smc, "smc #0");
PROGRAM(do_read_sctlr, "mrs x0, sctlr_el1");
PROGRAM(do_eret, "eret");
PROGRAM(do_brk, "brk #9");
PROGRAM(do_spsel, "msr spsel, #1");

static void el0_has_no_business_with_el1(void)
{
    expect_el0(do_nothing, ESR(0x15, 0xff), (uint64_t)do_nothing + 4);
    expect_el0(do_hvc, ESR(0, 0), (uint64_t)do_hvc);
    expect_el0(do_smc, ESR(0, 0), (uint64_t)do_smc);
    expect_el0(do_read_sctlr, ESR(0, 0), (uint64_t)do_read_sctlr);
    expect_el0(do_eret, ESR(0, 0), (uint64_t)do_eret);
    expect_el0(do_spsel, ESR(0, 0), (uint64_t)do_spsel);
    expect_el0(do_brk, ESR(0x3c, 9), (uint64_t)do_brk);
}

/* ISS of EC 0x18 (ISS encoding for MSR, MRS, System instruction). */
#define SYS_ISS(op0, op1, crn, crm, op2, rt, read)                       \
    ((op0) << 20 | (op2) << 17 | (op1) << 14 | (crn) << 10 | (rt) << 5 | \
     (crm) << 1 | (read))

PROGRAM(do_ctr, "mrs x3, ctr_el0");
PROGRAM(do_zva, "dc zva, x7");
PROGRAM(do_cvau, "dc cvau, x9");
PROGRAM(do_daif, "msr daif, x4");
PROGRAM(do_daifset, "msr daifset, #2");
PROGRAM(do_cntvct, "mrs x5, cntvct_el0");
PROGRAM(do_cntp_ctl, "msr cntp_ctl_el0, x6");

static void el0_is_trapped_where_the_kernel_wants_it(void)
{
    uint64_t sctlr = READ_SYS(sctlr_el1);

    WRITE_SYS(sctlr_el1,
              sctlr & ~(1ull << 9 | 1ull << 14 | 1ull << 15 | 1ull << 26));
    WRITE_SYS(cntkctl_el1, 0);
    ISB();
    expect_el0(do_ctr, ESR(0x18, SYS_ISS(3, 3, 0, 0, 1, 3, 1)),
               (uint64_t)do_ctr);
    expect_el0(do_zva, ESR(0x18, SYS_ISS(1, 3, 7, 4, 1, 7, 0)),
               (uint64_t)do_zva);
    expect_el0(do_cvau, ESR(0x18, SYS_ISS(1, 3, 7, 11, 1, 9, 0)),
               (uint64_t)do_cvau);
    expect_el0(do_daif, ESR(0x18, SYS_ISS(3, 3, 4, 2, 1, 4, 0)),
               (uint64_t)do_daif);
    /* MSR (immediate) is a system instruction with Rt 31 (C5.2.6). */
    expect_el0(do_daifset, ESR(0x18, SYS_ISS(0, 3, 4, 2, 6, 31, 0)),
               (uint64_t)do_daifset);
    expect_el0(do_cntvct, ESR(0x18, SYS_ISS(3, 3, 14, 0, 2, 5, 1)),
               (uint64_t)do_cntvct);
    expect_el0(do_cntp_ctl, ESR(0x18, SYS_ISS(3, 3, 14, 2, 1, 6, 0)),
               (uint64_t)do_cntp_ctl);
    WRITE_SYS(sctlr_el1, sctlr | 1 << 15 | 1 << 9);
    WRITE_SYS(cntkctl_el1, 2);
    ISB();
    expect_el0(do_ctr, ESR(0x15, 0xff), (uint64_t)do_ctr + 8);
    expect_el0(do_daif, ESR(0x15, 0xff), (uint64_t)do_daif + 8);
    expect_el0(do_cntvct, ESR(0x15, 0xff), (uint64_t)do_cntvct + 8);
    WRITE_SYS(sctlr_el1, sctlr);
    ISB();
}

PROGRAM(do_wfi, "wfi");
PROGRAM(do_wfe, "wfe\nwfe");
PROGRAM(do_sevl_wfe, "sevl\nwfe");

static void waiting_can_be_trapped(void)
{
    uint64_t sctlr = READ_SYS(sctlr_el1);

    WRITE_SYS(sctlr_el1, sctlr & ~(1ull << 16 | 1ull << 18));
    ISB();
    expect_el0(do_wfi, ESR(1, 0x1e00000), (uint64_t)do_wfi);
    /* The ERET here was an event, which the first WFE consumes (D1.6.1). */
    expect_el0(do_wfe, ESR(1, 0x1e00001), (uint64_t)do_wfe + 4);
    /* An event is there: WFE would not wait, and then it is not trapped. */
    expect_el0(do_sevl_wfe, ESR(0x15, 0xff), (uint64_t)do_sevl_wfe + 12);
    WRITE_SYS(sctlr_el1, sctlr);
    ISB();
}

PROGRAM(do_fp, "fmov d0, #1.0");
PROGRAM(do_ldr_q, "ldr q0, [sp, #-16]");

static void floating_point_is_trapped_by_cpacr(void)
{
    struct trap *t = trap_expect();
    uint64_t at;

    WRITE_SYS(cpacr_el1, 0);
    ISB();
    TRY(at, "fmov d0, #1.0");
    CHECK_EQ(t->esr, ESR(7, 0x1e00000));
    CHECK_EQ(t->elr, at);
    TRY(at, "mrs x9, fpcr");
    CHECK_EQ(t->count, 2);
    CHECK_EQ(t->esr, ESR(7, 0x1e00000));
    expect_el0(do_fp, ESR(7, 0x1e00000), (uint64_t)do_fp);
    WRITE_SYS(cpacr_el1, 1 << 20);
    ISB();
    t = trap_expect();
    TRY(at, "fmov d0, #1.0");
    CHECK_EQ(t->count, 0);
    expect_el0(do_ldr_q, ESR(7, 0x1e00000), (uint64_t)do_ldr_q);
    WRITE_SYS(cpacr_el1, 3 << 20);
    ISB();
    expect_el0(do_ldr_q, ESR(0x15, 0xff), (uint64_t)do_ldr_q + 8);
}

/* ---- alignment ---- */

static char room[64] __attribute__((aligned(64)));

static void device_memory_wants_alignment(void)
{
    struct trap *t = trap_expect();
    uint64_t at, odd = (uint64_t)room + 1;

    /* With the MMU off all data accesses are to Device memory (D8.2.11). */
    __asm__ volatile("adr %0, 1f\n1: ldr x9, [%1]"
                     : "=&r"(at)
                     : "r"(odd)
                     : "x9", "memory");
    CHECK_EQ(t->esr, ESR(0x25, 0x21));
    CHECK_EQ(t->far, odd);
    CHECK_EQ(t->elr, at);
    __asm__ volatile("adr %0, 1f\n1: strh w9, [%1]"
                     : "=&r"(at)
                     : "r"(odd)
                     : "x9", "memory");
    CHECK_EQ(t->esr, ESR(0x25, 0x61));
    CHECK_EQ(t->far, odd);
    CHECK_EQ(t->elr, at);
    CHECK_EQ(t->count, 2);
    __asm__ volatile("ldrb w9, [%0]" ::"r"(odd) : "x9", "memory");
    CHECK_EQ(t->count, 2);
}

PROGRAM(do_unaligned, "add x1, x0, #2\nldr w2, [x1]");

static void an_abort_of_el0_has_the_lower_class(void)
{
    struct trap *t = trap_expect();

    el0_run((uint64_t)do_unaligned, el0_stack(), 0, (uint64_t)room);
    CHECK_EQ(t->esr, ESR(0x24, 0x21));
    CHECK_EQ(t->far, room + 2);
    CHECK_EQ(t->elr, do_unaligned + 4);
}

PROGRAM(do_bad_sp, "ldr x0, [sp]");

static void a_crooked_stack_pointer_is_its_own_class(void)
{
    uint64_t sctlr = READ_SYS(sctlr_el1), at;
    struct trap *t = trap_expect();

    WRITE_SYS(sctlr_el1, sctlr | 3 << 3); /* SA, SA0 */
    ISB();
    el0_run((uint64_t)do_bad_sp, el0_stack() - 8, 0, 0);
    CHECK_EQ(t->esr, ESR(0x26, 0));
    CHECK_EQ(t->elr, do_bad_sp);
    CHECK_EQ(t->kind, 8);
    /* At EL1 with SP_EL0, so that the handler has a stack. */
    WRITE_SYS(sp_el0, el0_stack() - 8);
    __asm__ volatile("msr spsel, #0\n"
                     "adr %0, 1f\n"
                     "1: ldr x9, [sp]\n"
                     "msr spsel, #1"
                     : "=r"(at)::"x9", "memory");
    CHECK_EQ(t->esr, ESR(0x26, 0));
    CHECK_EQ(t->kind, 0);
    CHECK_EQ(t->elr, at);
    CHECK_EQ(t->count, 2);
    WRITE_SYS(sctlr_el1, sctlr & ~(3ull << 3));
    ISB();
    el0_run((uint64_t)do_bad_sp, el0_stack() - 8, 0, 0);
    CHECK_EQ(t->esr, ESR(0x15, 0xff));
    WRITE_SYS(sctlr_el1, sctlr);
    ISB();
}

static bool align_down_hook(unsigned kind, struct trap_frame *frame)
{
    (void)kind;
    if (READ_SYS(esr_el1) >> 26 != 0x22)
        return false;
    frame->elr &= ~3ull;
    return true;
}

static void a_branch_to_an_odd_address_is_a_pc_alignment_fault(void)
{
    struct trap *t = trap_expect();
    uint64_t target;

    guest_on_trap = align_down_hook;
    __asm__ volatile("adr %0, 1f\n"
                     "add x10, %0, #2\n"
                     "br x10\n"
                     "1:\n"
                     : "=&r"(target)::"x10", "memory");
    CHECK_EQ(t->count, 1);
    CHECK_EQ(t->esr, ESR(0x22, 0));
    CHECK_EQ(t->elr, target + 2);
    CHECK_EQ(t->far, target + 2);
}

/* ---- PSTATE over exceptions and returns ---- */

static void flags_survive_an_exception(void)
{
    uint64_t nzcv;

    trap_expect();
    __asm__ volatile("mov x9, #0xa0000000\n"
                     "msr nzcv, x9\n"
                     "svc #0\n"
                     "mrs %0, nzcv"
                     : "=r"(nzcv)::"x9", "cc", "memory");
    CHECK_EQ(nzcv, 0xa0000000);
}

static uint64_t seen_daif, seen_pan, seen_sel;

static bool look_around(unsigned kind, struct trap_frame *frame)
{
    (void)kind;
    (void)frame;
    seen_daif = READ_SYS(daif);
    seen_pan = READ_SYS(s3_0_c4_c2_3);
    seen_sel = READ_SYS(spsel);
    return EC(READ_SYS(esr_el1)) == 0x15;
}

static void an_exception_masks_what_it_should(void)
{
    struct trap *t = trap_expect();
    uint64_t sctlr = READ_SYS(sctlr_el1);

    guest_on_trap = look_around;
    WRITE_SYS(sctlr_el1, sctlr & ~(1ull << 23)); /* SPAN = 0: PAN is set */
    ISB();
    __asm__ volatile("msr daifclr, #8\nsvc #0\nmsr daifset, #8" ::: "memory");
    CHECK_EQ(seen_daif, 0x3c0);
    CHECK_EQ(seen_sel, 1);
    CHECK_EQ(seen_pan, 1 << 22);
    CHECK_EQ(t->spsr & 0x3ff, 0x1c5);
    CHECK_EQ(t->spsr >> 22 & 1, 0);
    CHECK_EQ(READ_SYS(s3_0_c4_c2_3), 0);
    WRITE_SYS(sctlr_el1, sctlr | 1 << 23);
    ISB();
    __asm__ volatile("svc #0" ::: "memory");
    CHECK_EQ(seen_pan, 0);
    WRITE_SYS(sctlr_el1, sctlr);
    ISB();
}

static bool clear_il(unsigned kind, struct trap_frame *frame)
{
    (void)kind;
    frame->spsr &= ~(1ull << 20);
    return EC(READ_SYS(esr_el1)) == 0xe;
}

/* Returns to the next line with this SPSR; where that was. */
static uint64_t eret_with(uint64_t spsr)
{
    uint64_t target;

    __asm__ volatile("adr %0, 1f\n"
                     "msr elr_el1, %0\n"
                     "msr spsr_el1, %1\n"
                     "eret\n"
                     "1:\n"
                     : "=&r"(target)
                     : "r"(spsr)
                     : "memory", "cc");
    return target;
}

static void an_illegal_return_is_reported_at_its_target(void)
{
    /* EL2h, EL1 with M[1], a legal mode with IL set, AArch32 Supervisor, and
       AArch32 User, which a CPU may have (ID_AA64PFR0_EL1.EL0 is then 2) */
    static const uint64_t bad[] = {0x3c9, 0x3c6, 0x1003c5, 0x3d3, 0x3d0};
    bool has_aarch32 = (READ_SYS(id_aa64pfr0_el1) & 15) == 2;

    guest_on_trap = clear_il;
    for (unsigned n = 0; n < (has_aarch32 ? 4 : 5); n++) {
        struct trap *t = trap_expect();
        uint64_t target = eret_with(bad[n] | 0x60000000);

        CHECK_EQ(t->count, 1);
        CHECK_EQ(t->esr, ESR(0xe, 0));
        CHECK_EQ(t->elr, target);
        CHECK_EQ(t->spsr & 0xf0100000, 0x60100000);
        CHECK_EQ(t->spsr & 0xf, 5); /* the mode did not change */
    }
}

static bool nest(unsigned kind, struct trap_frame *frame)
{
    static unsigned depth;

    (void)kind;
    (void)frame;
    if (EC(READ_SYS(esr_el1)) != 0x15)
        return false;
    if (++depth < 8)
        __asm__ volatile("svc #1" ::: "memory");
    depth--;
    return true;
}

static void exceptions_nest(void)
{
    struct trap *t = trap_expect();
    uint64_t x19;

    guest_on_trap = nest;
    __asm__ volatile("mov x19, #0x5a\nsvc #0\nmov %0, x19"
                     : "=r"(x19)::"x19", "memory");
    CHECK_EQ(t->count, 8);
    CHECK_EQ(x19, 0x5a);
}

/* ---- debug exceptions ---- */

#define MDSCR_SS  1u
#define MDSCR_KDE (1u << 13)
#define MDSCR_MDE (1u << 15)

PROGRAM(stepped, "nop\nadd x0, x0, #1\nldxr x1, [sp]\nclrex");

static void software_step_stops_behind_one_instruction(void)
{
    struct trap *t = trap_expect();
    uint64_t at = (uint64_t)stepped;

    WRITE_SYS(oslar_el1, 0);
    WRITE_SYS(mdscr_el1, MDSCR_SS);
    ISB();
    for (unsigned n = 0; n < 4; n++, at += 4) {
        el0_run(at, el0_stack() - 16, 1 << 21, 41);
        /* ISV, EX for a load exclusive, IFSC */
        CHECK_EQ(t->esr, ESR(0x32, 0x1000022 | (n == 2) << 6));
        CHECK_EQ(t->elr, at + 4);
        CHECK_EQ(t->spsr >> 21 & 1, 0);
    }
    /* SVC is executed, and its exception comes first. */
    el0_run(at, el0_stack(), 1 << 21, 0);
    CHECK_EQ(t->esr, ESR(0x15, 0xff));
    /* SS of PSTATE clear: nothing is executed at all (D2.11). */
    CHECK_EQ(el0_run((uint64_t)stepped + 4, el0_stack(), 0, 41), 41);
    CHECK_EQ(t->esr, ESR(0x32, 0x22));
    CHECK_EQ(t->elr, stepped + 4);
    WRITE_SYS(mdscr_el1, 0);
    ISB();
}

static void a_breakpoint_stops_before_its_instruction(void)
{
    struct trap *t = trap_expect();

    WRITE_SYS(oslar_el1, 0);
    WRITE_SYS(dbgbvr0_el1, (uint64_t)stepped + 4);
    WRITE_SYS(dbgbcr0_el1, 0x1e0 | 2 << 1 | 1); /* EL0 */
    WRITE_SYS(mdscr_el1, MDSCR_MDE);
    ISB();
    CHECK_EQ(el0_run((uint64_t)stepped, el0_stack(), 0, 41), 41);
    CHECK_EQ(t->esr, ESR(0x30, 0x22));
    CHECK_EQ(t->elr, stepped + 4);
    /* Masked by the OS lock, by MDE, and by its own enable. */
    WRITE_SYS(oslar_el1, 1);
    ISB();
    CHECK_EQ(el0_run((uint64_t)stepped, el0_stack() - 16, 0, 41), 42);
    WRITE_SYS(oslar_el1, 0);
    WRITE_SYS(dbgbcr0_el1, 0x1e0 | 2 << 1);
    ISB();
    CHECK_EQ(el0_run((uint64_t)stepped, el0_stack() - 16, 0, 41), 42);
    WRITE_SYS(mdscr_el1, 0);
    ISB();
}

PROGRAM(watched, "ldr x1, [x0]\nstr w1, [x0, #8]\nldp x1, x2, [x0, #16]");

static void expect_watch(uint64_t bas_lsc, uint64_t addr, uint64_t esr,
                         uint64_t elr)
{
    struct trap *t = trap_expect();

    WRITE_SYS(dbgwvr1_el1, addr & ~7ull);
    WRITE_SYS(dbgwcr1_el1, bas_lsc | 2 << 1 | 1);
    ISB();
    el0_run((uint64_t)watched, el0_stack(), 0, (uint64_t)room);
    CHECK_EQ(t->esr, esr);
    CHECK_EQ(t->elr, elr);
    if (EC(esr) == 0x34)
        CHECK(t->far >= (addr & ~7ull) - 8 && t->far <= addr + 8);
}

static void a_watchpoint_stops_at_loads_and_stores(void)
{
    uint64_t room0 = (uint64_t)room, end = (uint64_t)watched + 16;
    enum { LOAD = 1 << 3, STORE = 2 << 3, ALL = 0xff << 5, BYTE9 = 2 << 5 };

    WRITE_SYS(oslar_el1, 0);
    WRITE_SYS(mdscr_el1, MDSCR_MDE);
    ISB();
    expect_watch(ALL | LOAD, room0, ESR(0x34, 0x22), (uint64_t)watched);
    expect_watch(ALL | STORE, room0, ESR(0x15, 0xff), end);
    expect_watch(BYTE9 | STORE, room0 + 8, ESR(0x34, 0x62),
                 (uint64_t)watched + 4);
    expect_watch(0xf0 << 5 | STORE, room0 + 8, ESR(0x15, 0xff), end);
    expect_watch(ALL | LOAD, room0 + 24, ESR(0x34, 0x22),
                 (uint64_t)watched + 8);
    WRITE_SYS(dbgwcr1_el1, 0);
    WRITE_SYS(mdscr_el1, 0);
    ISB();
}

static void registers_survive(void)
{
    uint64_t bad = 1;

    trap_expect();
    __asm__ volatile("mov x0, #100\nmov x1, #101\nmov x8, #108\n"
                     "mov x18, #118\nmov x28, #128\nmov x30, #130\n"
                     "svc #0\n"
                     "mov x9, #101\ncmp x0, #100\nccmp x1, x9, #0, eq\n"
                     "mov x9, #108\nccmp x8, x9, #0, eq\n"
                     "mov x9, #118\nccmp x18, x9, #0, eq\n"
                     "mov x9, #128\nccmp x28, x9, #0, eq\n"
                     "mov x9, #130\nccmp x30, x9, #0, eq\n"
                     "cset %0, ne"
                     : "=r"(bad)::"x0", "x1", "x8", "x9", "x18", "x28", "x30",
                       "cc", "memory");
    CHECK_EQ(bad, 0);
}

#define TEST(fn) \
    {            \
#fn, fn  \
    }
const struct guest_test guest_tests[] = {
    TEST(an_undefined_instruction_is_ec_0),
    TEST(all_of_these_are_undefined),
    TEST(svc_carries_its_number_and_returns_behind_itself),
    TEST(brk_stays_at_itself),
    TEST(calls_to_firmware_come_back_with_an_answer),
    TEST(el0_has_no_business_with_el1),
    TEST(el0_is_trapped_where_the_kernel_wants_it),
    TEST(waiting_can_be_trapped),
    TEST(floating_point_is_trapped_by_cpacr),
    TEST(device_memory_wants_alignment),
    TEST(an_abort_of_el0_has_the_lower_class),
    TEST(a_crooked_stack_pointer_is_its_own_class),
    TEST(a_branch_to_an_odd_address_is_a_pc_alignment_fault),
    TEST(flags_survive_an_exception),
    TEST(an_exception_masks_what_it_should),
    TEST(an_illegal_return_is_reported_at_its_target),
    TEST(exceptions_nest),
    TEST(software_step_stops_behind_one_instruction),
    TEST(a_breakpoint_stops_before_its_instruction),
    TEST(a_watchpoint_stops_at_loads_and_stores),
    TEST(registers_survive),
    {NULL, NULL},
};
