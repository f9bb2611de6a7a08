// SPDX-License-Identifier: Apache-2.0
/* The KVM back end against a real KVM, a few instructions at a time. Runs in
   the emulated host of tests/kvm, or on any arm64 host with /dev/kvm. */

#include "rig.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accel/kvm/kvm.h"
#include "base/macros.h"
#include "host/filemap.h"

#define ROM 0x70000000ull

#define LDR_W1_X0    0xb9400001u /* ldr w1, [x0] */
#define LDR_W1_X3    0xb9400061u /* x3 is 0: nobody is there */
#define STR_W1_X0_4  0xb9000401u /* str w1, [x0, #4] */
#define STR_X1_X0    0xf9000001u /* str x1, [x0] */
#define STRB_W1_X0   0x39000001u
#define LDP_W1_W2_X0 0x29400801u /* ldp w1, w2, [x0] */
#define ADD_X1_1     0x91000421u
#define HVC          0xd4000002u
#define LOOP         0x14000000u /* b . */

static void a_device_is_read_and_written(void **state)
{
    (void)state;
    PROGRAM(LDR_W1_X0, ADD_X1_1, STR_W1_X0_4, STRB_W1_X0, STR_X1_X0, LOOP);
    begin(&kvm_ops, 1);
    kvm_ops.vcpu_reset(rig.vcpu, code, DEVICE);
    run();
    expect(EXIT_MMIO);
    assert_false(rig.exit.is_write);
    assert_int_equal(rig.exit.addr, DEVICE);
    assert_int_equal(rig.exit.size, 4);
    rig.exit.value = 0x11223344;
    run();
    expect(EXIT_MMIO);
    assert_true(rig.exit.is_write);
    assert_int_equal(rig.exit.addr, DEVICE + 4);
    assert_int_equal(rig.exit.value, 0x11223345);
    run();
    expect(EXIT_MMIO);
    assert_int_equal(rig.exit.size, 1);
    assert_int_equal(rig.exit.value, 0x45);
    run();
    expect(EXIT_MMIO);
    assert_int_equal(rig.exit.size, 8);
    assert_int_equal(rig.exit.value, 0x11223345);
}

static void a_kick_that_comes_early_is_not_lost(void **state)
{
    (void)state;
    PROGRAM(LOOP);
    begin(&kvm_ops, 1);
    kvm_ops.vcpu_reset(rig.vcpu, code, 0);
    kvm_ops.vcpu_kick(rig.vcpu);
    run();
    expect(EXIT_KICKED);
}

static void *kicker(void *arg)
{
    usleep(1000u * *(unsigned *)arg);
    kvm_ops.vcpu_kick(rig.vcpu);
    return NULL;
}

static void a_kick_ends_an_endless_loop(void **state)
{
    (void)state;
    PROGRAM(LOOP);
    begin(&kvm_ops, 1);
    kvm_ops.vcpu_reset(rig.vcpu, code, 0);
    for (unsigned ms = 0; ms < 20; ms++) {
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, kicker, &ms), 0);
        run();
        expect(EXIT_KICKED);
        pthread_join(thread, NULL);
    }
}

/* The answer to a read that was on its way arrives although a kick comes in
   between. */
static void a_kick_loses_no_answer(void **state)
{
    struct vcpu_state s;

    (void)state;
    PROGRAM(LDR_W1_X0, LOOP);
    begin(&kvm_ops, 1);
    kvm_ops.vcpu_reset(rig.vcpu, code, DEVICE);
    run();
    expect(EXIT_MMIO);
    rig.exit.value = 77;
    kvm_ops.vcpu_kick(rig.vcpu);
    run();
    expect(EXIT_KICKED);
    assert_int_equal(kvm_ops.vcpu_get(rig.vcpu, &s), 0);
    assert_int_equal(s.x[1], 77);
    assert_int_equal(s.pc, code + 4);
}

static void the_guest_powers_off_and_resets(void **state)
{
    (void)state;
    PROGRAM(HVC);
    begin(&kvm_ops, 1);
    kvm_ops.vcpu_reset(rig.vcpu, code, 0x84000008);
    run();
    expect(EXIT_SYSTEM);
    assert_int_equal(rig.exit.system_event, SYSTEM_EVENT_OFF);
    kvm_ops.vcpu_reset(rig.vcpu, code, 0x84000009);
    run();
    expect(EXIT_SYSTEM);
    assert_int_equal(rig.exit.system_event, SYSTEM_EVENT_RESET);
}

static void what_is_not_decoded_is_named(void **state)
{
    char pc[32];

    (void)state;
    PROGRAM(ADD_X1_1, LDP_W1_W2_X0);
    begin(&kvm_ops, 1);
    kvm_ops.vcpu_reset(rig.vcpu, code, DEVICE + 0xfe0);
    run();
    expect(EXIT_ERROR);
    assert_non_null(strstr(rig.exit.error.text,
                           "Received ENOSYS error because KVM failed to "
                           "emulate an instruction"));
    snprintf(pc, sizeof(pc), "PC %#llx ", (unsigned long long)code + 4);
    assert_non_null(strstr(rig.exit.error.text, pc));
    assert_non_null(strstr(rig.exit.error.text, "0xe0a0fe0"));
}

/* Values that no two registers share, as far as the architecture lets them
   be kept. */
static void fill(struct vcpu_state *s)
{
    for (unsigned n = 0; n < 31; n++)
        s->x[n] = 0x0102030405060708ull * (n + 1);
    for (unsigned n = 0; n < 32; n++) {
        s->v[n][0] = 0x1112131415161718ull + n;
        s->v[n][1] = 0x2122232425262728ull - n;
    }
    s->sp_el0 = 0x1000;
    s->sp_el1 = 0x2000;
    s->pc = code + 8;
    s->pstate = 0x600003c5;
    s->fpcr = 0x00c00000;
    s->fpsr = 0x08000001;
    s->sys[SYS_TTBR0_EL1] = 0x80123000;
    s->sys[SYS_TTBR1_EL1] = 0x80456000;
    s->sys[SYS_SPSR_EL1] = 0x3c4;
    s->sys[SYS_ELR_EL1] = 0x80001234;
    s->sys[SYS_ESR_EL1] = 0x96000004;
    s->sys[SYS_FAR_EL1] = 0xdeadbeef;
    s->sys[SYS_MAIR_EL1] = 0xff440c0400;
    s->sys[SYS_VBAR_EL1] = 0x80000800;
    s->sys[SYS_TPIDR_EL0] = 1;
    s->sys[SYS_TPIDRRO_EL0] = 2;
    s->sys[SYS_TPIDR_EL1] = 3;
    s->sys[SYS_CONTEXTIDR_EL1] = 4;
    s->sys[SYS_CNTV_CVAL_EL0] = 0x123456789abc;
    s->sys[SYS_CNTP_CVAL_EL0] = 0x56789abcdef0;
    s->sys[SYS_CNTV_CTL_EL0] = 2;
    s->sys[SYS_DBGBVR0_EL1] = 0x80001000;
    s->icc[ICC_PMR] = 0xf0;
    s->icc[ICC_IGRPEN1] = 1;
    s->icc[ICC_BPR1] = 3;
    s->icc[ICC_CTLR] |= 2; /* EOImode */
    s->icc[ICC_AP1R0] = 0x10;
}

static void what_is_set_comes_back(void **state)
{
    struct vcpu_state before, want, got;

    (void)state;
    begin(&kvm_ops, 2);
    assert_int_equal(kvm_ops.vcpu_get(rig.vcpu, &before), 0);
    want = before;
    fill(&want);
    assert_int_equal(kvm_ops.vcpu_set(rig.vcpu, &want), 0);
    assert_int_equal(kvm_ops.vcpu_get(rig.vcpu, &got), 0);
    for (unsigned n = 0; n < 31; n++)
        assert_int_equal(got.x[n], want.x[n]);
    assert_memory_equal(got.v, want.v, sizeof(want.v));
    assert_int_equal(got.sp_el0, want.sp_el0);
    assert_int_equal(got.sp_el1, want.sp_el1);
    assert_int_equal(got.pc, want.pc);
    assert_int_equal(got.pstate, want.pstate);
    assert_int_equal(got.fpcr, want.fpcr);
    assert_int_equal(got.fpsr, want.fpsr);
    for (unsigned n = 0; n < NUM_SYSREGS; n++) {
        uint64_t mask = n == SYS_CNTV_CTL_EL0 || n == SYS_CNTP_CTL_EL0
                            ? ~4ull /* ISTATUS is the timer's */
                            : ~0ull;

        if (n == SYS_CNTP_CVAL_EL0 && !got.sys[n])
            continue; /* kernels before 6.4 do not give it away */
        if ((got.sys[n] ^ want.sys[n]) & mask)
            fail_msg("register %u of the list: %#llx, not %#llx", n,
                     (unsigned long long)got.sys[n],
                     (unsigned long long)want.sys[n]);
    }
    for (unsigned n = 0; n < NUM_ICC_REGS; n++)
        assert_int_equal(got.icc[n], want.icc[n]);
    assert_false(got.powered_off);
}

static void the_count_goes_on_from_what_was_set(void **state)
{
    struct vcpu_state s;
    const uint64_t then = 1ull << 50;

    (void)state;
    begin(&kvm_ops, 1);
    assert_int_equal(kvm_ops.vcpu_get(rig.vcpu, &s), 0);
    assert_true(s.cntvct < 1ull << 40);
    s.cntvct = then;
    assert_int_equal(kvm_ops.vcpu_set(rig.vcpu, &s), 0);
    assert_int_equal(kvm_ops.vcpu_get(rig.vcpu, &s), 0);
    assert_in_range(s.cntvct, then, then + (1ull << 40));
}

static void secondary_cpus_are_off_until_they_are_set_on(void **state)
{
    struct accel_vcpu *second;
    struct vcpu_state s;

    (void)state;
    begin(&kvm_ops, 2);
    second = kvm_ops.vcpu_new(rig.vm, 1, NULL);
    assert_non_null(second);
    assert_int_equal(kvm_ops.vcpu_get(second, &s), 0);
    assert_true(s.powered_off);
    s.powered_off = false;
    assert_int_equal(kvm_ops.vcpu_set(second, &s), 0);
    assert_int_equal(kvm_ops.vcpu_get(second, &s), 0);
    assert_false(s.powered_off);
    kvm_ops.vcpu_free(second);
}

static void what_vcpus_write_is_marked_and_nothing_else(void **state)
{
    struct err e = {0};

    (void)state;
    PROGRAM(STR_X1_X0, LDR_W1_X3);
    assert_int_equal(gmem_track_start(&rig.ram, 4096, &e), 0);
    begin(&kvm_ops, 1);
    assert_int_equal(kvm_ops.dirty_log(rig.vm, true, &e), 0);
    for (unsigned page = 1; page < 200; page += 66) {
        kvm_ops.vcpu_reset(rig.vcpu, code, RAM + page * 4096 + 8);
        run();
        expect(EXIT_MMIO);
        assert_int_equal(kvm_ops.dirty_collect(rig.vm, &e), 0);
        for (unsigned n = 0; n < RAM_BYTES / 4096; n++)
            assert_int_equal(gmem_take_dirty(&rig.ram, RAM + n * 4096),
                             n == page);
    }
    assert_int_equal(kvm_ops.dirty_log(rig.vm, false, &e), 0);
    kvm_ops.vcpu_reset(rig.vcpu, code, RAM + 0x5000);
    run();
    expect(EXIT_MMIO);
    assert_int_equal(kvm_ops.dirty_collect(rig.vm, &e), 0);
    assert_false(gmem_take_dirty(&rig.ram, RAM + 0x5000));
}

static void a_write_to_read_only_memory_leaves_as_mmio(void **state)
{
    (void)state;
    PROGRAM(LDR_W1_X0, STR_W1_X0_4, LDR_W1_X0, HVC);
    assert_int_equal(gmem_add(&rig.ram, ROM, MIB, NULL), 0);
    gmem_write(&rig.ram, ROM, "\x2a\0\0\0\1\2\3\4", 8);
    rig.ram.regions[0].read_only = true;
    begin(&kvm_ops, 1);
    kvm_ops.vcpu_reset(rig.vcpu, code, ROM);
    run();
    expect(EXIT_MMIO);
    assert_true(rig.exit.is_write);
    assert_int_equal(rig.exit.addr, ROM + 4);
    assert_int_equal(rig.exit.value, 0x2a);
    assert_memory_equal(gmem_at(&rig.ram, ROM + 4, 4), "\1\2\3\4", 4);
}

static void set_gic(enum gic_space space, uint32_t offset, uint64_t value)
{
    assert_int_equal(kvm_ops.gic_set(rig.vm, space, 1, offset, value), 0);
}

static uint64_t get_gic(enum gic_space space, uint32_t offset)
{
    uint64_t value = 0;

    assert_int_equal(kvm_ops.gic_get(rig.vm, space, 1, offset, &value), 0);
    return value;
}

static void the_gic_keeps_its_registers(void **state)
{
    (void)state;
    begin(&kvm_ops, 2);
    set_gic(GIC_DIST, 0, 2);                 /* GICD_CTLR: group 1 */
    set_gic(GIC_DIST, 0x84, 0xffffffff);     /* IGROUPR1 */
    set_gic(GIC_DIST, 0x104, 0xf0f0);        /* ISENABLER1 */
    set_gic(GIC_DIST, 0x420, 0x10203040);    /* IPRIORITYR8 */
    set_gic(GIC_DIST, 0xc08, 0xaaaaaaaa);    /* ICFGR2 */
    set_gic(GIC_DIST, 0x6000 + 40 * 8, 1);   /* IROUTER40 */
    set_gic(GIC_REDIST, 0x10100, 0x8000000); /* ISENABLER0 */
    assert_int_equal(get_gic(GIC_DIST, 0) & 2, 2);
    assert_int_equal(get_gic(GIC_DIST, 0x104), 0xf0f0);
    assert_int_equal(get_gic(GIC_DIST, 0x184), 0xf0f0); /* ICENABLER1 */
    assert_int_equal(get_gic(GIC_DIST, 0x420), 0x10203040);
    assert_int_equal(get_gic(GIC_DIST, 0xc08), 0xaaaaaaaa);
    assert_int_equal(get_gic(GIC_DIST, 0x6000 + 40 * 8), 1);
    assert_int_equal(get_gic(GIC_REDIST, 0x10100) & 0x8000000, 0x8000000);
    /* The whole state, not only bits to set */
    set_gic(GIC_DIST, 0x104, 0x30);
    set_gic(GIC_DIST, 0x184, 0xffffffff);
    assert_int_equal(get_gic(GIC_DIST, 0x104), 0x30);
    set_gic(GIC_DIST, 0x304, 0xf); /* ISACTIVER1 */
    set_gic(GIC_DIST, 0x304, 0x3);
    assert_int_equal(get_gic(GIC_DIST, 0x304), 0x3);
    set_gic(GIC_DIST, 0x204, 0xf); /* ISPENDR1 */
    set_gic(GIC_DIST, 0x204, 0x4);
    assert_int_equal(get_gic(GIC_DIST, 0x204), 0x4);
    /* GICR_TYPER: the second and last one */
    assert_int_equal(get_gic(GIC_REDIST, 8) >> 32, 1);
    assert_int_equal(get_gic(GIC_REDIST, 8) & 0x10, 0x10);
}

static void registers_that_are_not_there_hold_nothing(void **state)
{
    uint64_t value = 0;

    (void)state;
    begin(&kvm_ops, 1);
    kvm_ops.gic_get(rig.vm, GIC_DIST, 0, 0xfff0000, &value);
    assert_int_equal(value, 0);
    assert_int_equal(kvm_ops.gic_set(rig.vm, GIC_REDIST, 1, 0, 0), -EINVAL);
    assert_int_equal(kvm_ops.gic_get(rig.vm, GIC_REDIST, 1, 0, &value),
                     -EINVAL);
}

static void an_interrupt_of_a_device_is_pending(void **state)
{
    (void)state;
    begin(&kvm_ops, 2);
    set_gic(GIC_DIST, 0xc0c, 0xaaaaaaaa); /* INTID 48 to 63: edges */
    kvm_ops.spi(rig.vm, 50, true);
    kvm_ops.spi(rig.vm, 50, false);
    assert_int_equal(get_gic(GIC_DIST, 0x204), 1u << (50 - 32));
}

/* What becomes of a guest whose file became shorter: the same as under soft. */
static void a_file_that_became_shorter_does_not_end_the_guest(void **state)
{
    FILE *file = tmpfile();
    struct filemap *map;

    (void)state;
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), MIB), 0);
    map = filemap_new(fileno(file), MIB, MIB, false, NULL);
    assert_non_null(map);
    assert_int_equal(gmem_add_file(&rig.ram, ROM, MIB, map, false, NULL), 0);
    PROGRAM(LDR_W1_X0, ADD_X1_1, STR_W1_X0_4, LDR_W1_X3);
    begin(&kvm_ops, 1);
    assert_int_equal(ftruncate(fileno(file), 4096), 0);
    for (unsigned at = 0; at < 3; at++) {
        kvm_ops.vcpu_reset(rig.vcpu, code, ROM + at * 0x10000);
        do
            run();
        while (rig.exit.kind == EXIT_KICKED);
        expect(EXIT_MMIO);
        assert_int_equal(rig.exit.addr, 0);
        assert_int_equal(
            *(uint32_t *)gmem_at(&rig.ram, ROM + at * 0x10000 + 4, 4), 1);
    }
    assert_true(filemap_lost(map) > 0);
    assert_int_equal(filemap_sync(map), -EIO);
    fclose(file);
}

static void memory_out_of_reach_is_refused(void **state)
{
    struct accel_config cfg = config(1);
    struct err e = {0};

    (void)state;
    assert_int_equal(gmem_add(&rig.ram, 1ull << 40, MIB, NULL), 0);
    assert_null(kvm_ops.vm_new(&cfg, &e));
    assert_int_equal(e.code, -E2BIG);
    assert_non_null(strstr(e.text, "addresses of 40 bits"));
}

static void a_machine_has_thirty_two_cpus(void **state)
{
    (void)state;
    begin(&kvm_ops, 32);
    assert_int_equal(kvm_ops.gic_set(rig.vm, GIC_REDIST, 31, 0x10100, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_device_is_read_and_written),
        TEST(a_kick_that_comes_early_is_not_lost),
        TEST(a_kick_ends_an_endless_loop),
        TEST(a_kick_loses_no_answer),
        TEST(the_guest_powers_off_and_resets),
        TEST(what_is_not_decoded_is_named),
        TEST(what_is_set_comes_back),
        TEST(the_count_goes_on_from_what_was_set),
        TEST(secondary_cpus_are_off_until_they_are_set_on),
        TEST(what_vcpus_write_is_marked_and_nothing_else),
        TEST(a_write_to_read_only_memory_leaves_as_mmio),
        TEST(the_gic_keeps_its_registers),
        TEST(registers_that_are_not_there_hold_nothing),
        TEST(an_interrupt_of_a_device_is_pending),
        TEST(a_file_that_became_shorter_does_not_end_the_guest),
        TEST(memory_out_of_reach_is_refused),
        TEST(a_machine_has_thirty_two_cpus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
