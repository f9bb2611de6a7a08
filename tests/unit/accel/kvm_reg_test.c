// SPDX-License-Identifier: Apache-2.0
/* KVM's names of registers. The numbers are those of the kernel's
   Documentation/virt/kvm/api.rst and of the Arm ARM's encodings. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accel/kvm/kvm.h"
#include "accel/kvm/reg.h"

static void general_registers_count_in_words(void **state)
{
    (void)state;
    assert_int_equal(kvm_x_id(0), 0x6030000000100000);
    assert_int_equal(kvm_x_id(1), 0x6030000000100002);
    assert_int_equal(kvm_x_id(30), 0x603000000010003c);
    assert_int_equal(kvm_sp_id(0), 0x603000000010003e);
    assert_int_equal(kvm_pc_id(), 0x6030000000100040);
    assert_int_equal(kvm_pstate_id(), 0x6030000000100042);
    assert_int_equal(kvm_sp_id(1), 0x6030000000100044);
    assert_int_equal(kvm_v_id(0), 0x6040000000100054);
    assert_int_equal(kvm_v_id(31), 0x60400000001000d0);
    assert_int_equal(kvm_fpsr_id(), 0x60200000001000d4);
    assert_int_equal(kvm_fpcr_id(), 0x60200000001000d5);
}

static void system_registers_have_the_architectures_encoding(void **state)
{
    (void)state;
    assert_int_equal(kvm_sysreg_id(SYS_SCTLR_EL1), 0x603000000013c080);
    assert_int_equal(kvm_sysreg_id(SYS_TTBR1_EL1), 0x603000000013c101);
    assert_int_equal(kvm_sysreg_id(SYS_VBAR_EL1), 0x603000000013c600);
    assert_int_equal(kvm_sysreg_id(SYS_TPIDR_EL0), 0x603000000013de82);
    assert_int_equal(kvm_sysreg_id(SYS_CNTV_CTL_EL0), 0x603000000013df19);
    assert_int_equal(kvm_sysreg_id(SYS_CNTP_CVAL_EL0), 0x603000000013df12);
    assert_int_equal(kvm_sysreg_id(SYS_DBGBVR0_EL1), 0x6030000000138004);
    assert_int_equal(kvm_sysreg_key_id(SYSREG_KEY(3, 0, 0, 0, 5)),
                     0x603000000013c005);
}

static void what_the_cpu_is_has_names_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(kvm_idreg_id(ID_MIDR_EL1), 0x603000000013c000);
    assert_int_equal(kvm_idreg_id(ID_ID_AA64PFR0_EL1), 0x603000000013c020);
    assert_int_equal(kvm_idreg_id(ID_ID_AA64MMFR2_EL1), 0x603000000013c03a);
    assert_int_equal(kvm_idreg_id(ID_CTR_EL0), 0x603000000013d801);
    for (unsigned a = 0; a < NUM_IDREGS; a++) {
        for (unsigned b = 0; b < NUM_SYSREGS; b++)
            assert_int_not_equal(kvm_idreg_id(a), kvm_sysreg_id(b));
    }
}

static void the_exceptions_are_where_the_kernel_has_them(void **state)
{
    (void)state;
    assert_int_equal(kvm_sysreg_id(SYS_ELR_EL1), 0x6030000000100046);
    assert_int_equal(kvm_sysreg_id(SYS_SPSR_EL1), 0x6030000000100048);
    assert_int_equal(kvm_sysreg_id(SYS_CNTV_CVAL_EL0), 0x603000000013df02);
    assert_int_equal(kvm_counter_id(), 0x603000000013df1a);
}

static void no_two_registers_have_one_name(void **state)
{
    (void)state;
    for (unsigned a = 0; a < NUM_SYSREGS; a++) {
        assert_int_not_equal(kvm_sysreg_id(a), kvm_counter_id());
        for (unsigned b = 0; b < a; b++)
            assert_int_not_equal(kvm_sysreg_id(a), kvm_sysreg_id(b));
    }
}

static void a_redistributor_has_two_frames(void **state)
{
    (void)state;
    assert_int_equal(kvm_ops.redist_bytes(), 0x20000);
    assert_true(kvm_ops.has_psci);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(general_registers_count_in_words),
        cmocka_unit_test(system_registers_have_the_architectures_encoding),
        cmocka_unit_test(what_the_cpu_is_has_names_of_its_own),
        cmocka_unit_test(the_exceptions_are_where_the_kernel_has_them),
        cmocka_unit_test(no_two_registers_have_one_name),
        cmocka_unit_test(a_redistributor_has_two_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
