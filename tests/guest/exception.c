// SPDX-License-Identifier: Apache-2.0
/* Exceptions: what ESR, FAR, ELR and SPSR say, at EL1 and from EL0. */

#include "guest.h"

#define EC(esr)  ((esr) >> 26)
#define ISS(esr) ((esr)&0x1ffffff)

static void an_undefined_instruction_is_ec_0(void)
{
    struct trap *t = trap_expect();
    uint64_t at;

    __asm__ volatile("adr %0, 1f\n1: .inst 0x00000000" : "=r"(at));
    CHECK_EQ(t->count, 1);
    CHECK_EQ(t->kind, 4);
    CHECK_EQ(t->esr, 1u << 25);
    CHECK_EQ(t->elr, at);
}

static void svc_carries_its_number_and_returns_behind_itself(void)
{
    struct trap *t = trap_expect();
    uint64_t at;

    __asm__ volatile("adr %0, 1f\n1: svc #0x1234" : "=r"(at));
    CHECK_EQ(EC(t->esr), 0x15);
    CHECK_EQ(ISS(t->esr), 0x1234);
    CHECK_EQ(t->elr, at + 4);
}

static void brk_stays_at_itself(void)
{
    struct trap *t = trap_expect();
    uint64_t at;

    __asm__ volatile("adr %0, 1f\n1: brk #7" : "=r"(at));
    CHECK_EQ(EC(t->esr), 0x3c);
    CHECK_EQ(ISS(t->esr), 7);
    CHECK_EQ(t->elr, at);
}

static void a_branch_to_an_odd_address_is_a_pc_alignment_fault(void)
{
    struct trap *t = trap_expect();
    uint64_t back;

    /* The handler steps to target + 4, which is misaligned as well: a fault
       there, too, so the hook goes home instead. */
    (void)back;
    __asm__ volatile("adr x9, 1f\n"
                     "add x10, x9, #2\n"
                     "br x10\n"
                     "1:\n" ::
                         : "x9", "x10", "memory");
    CHECK(t->count >= 1);
    CHECK_EQ(EC(t->esr), 0x22);
}

static bool align_down_hook(unsigned kind, struct trap_frame *frame)
{
    (void)kind;
    if (READ_SYS(esr_el1) >> 26 != 0x22)
        return false;
    frame->elr &= ~3ull;
    return true;
}

static void pc_alignment(void)
{
    guest_on_trap = align_down_hook;
    a_branch_to_an_odd_address_is_a_pc_alignment_fault();
}

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

const struct guest_test guest_tests[] = {
    {"an undefined instruction is EC 0", an_undefined_instruction_is_ec_0},
    {"SVC carries its number and returns behind itself",
     svc_carries_its_number_and_returns_behind_itself},
    {"BRK stays at itself", brk_stays_at_itself},
    {"a branch to an odd address is a PC alignment fault", pc_alignment},
    {"flags survive an exception", flags_survive_an_exception},
    {NULL, NULL},
};
