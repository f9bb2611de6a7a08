// SPDX-License-Identifier: Apache-2.0
/*
 * What snapshots are built on: a machine of two CPUs, in the middle of
 * interrupts, is taken apart into the registers of the three lists
 * (sysregs.inc, idregs.inc, gicregs.inc) and goes on in another one, of any
 * back end.
 */

#include "rig.h"

#include <errno.h>

#include "accel/kvm/kvm.h"
#include "accel/soft/soft.h"

enum { CPUS = 2, GIC_WORDS = 160, TIMER = 27, SPI = 50, GUEST_BYTES = 0x2b0 };

#define VECTORS (RAM + 0x100800) /* see PROGRAM of rig.h */

#define ADD_X1_1       0x91000421u
#define ADD_X1_X1_X2   0x8b020021u
#define SUB_X2_1       0xd1000442u
#define CBNZ_X2_BACK_2 0xb5ffffc2u /* cbnz x2, . - 8 */
#define STR_X1_X0      0xf9000001u /* str x1, [x0] */
#define LOOP           0x14000000u /* b . */

/* Tells the device at x0 of every interrupt, and counts in x19. The timer comes
   every 1024th of a second. Copied to VECTORS; nothing in it knows where it is.
 */
__asm__(".pushsection .rodata\n"
        ".balign 2048\n"
        "guest_code:\n"
        "mov x20, x0\n"
        "adr x1, guest_code\n"
        "msr vbar_el1, x1\n"
        "mov x1, #7\n"
        "msr S3_0_C12_C12_5, x1\n" /* ICC_SRE_EL1 */
        "isb\n"
        "mov x1, #0xf0\n"
        "msr S3_0_C4_C6_0, x1\n" /* ICC_PMR_EL1 */
        "mov x1, #1\n"
        "msr S3_0_C12_C12_7, x1\n" /* ICC_IGRPEN1_EL1 */
        "mrs x21, cntfrq_el0\n"
        "lsr x21, x21, #10\n"
        "mrs x2, cntvct_el0\n"
        "add x2, x2, x21\n"
        "msr cntv_cval_el0, x2\n"
        "msr cntv_ctl_el0, x1\n"
        "isb\n"
        "msr daifclr, #2\n"
        "1: add x19, x19, #1\n"
        "b 1b\n"
        ".balign 128\n"
        ".skip 0x200\n" /* the vector of an IRQ at EL1h is at 0x280 */
        "mrs x1, S3_0_C12_C12_0\n" /* ICC_IAR1_EL1 */
        "cmp x1, #27\n"
        "b.ne 2f\n"
        "mrs x2, cntvct_el0\n"
        "add x2, x2, x21\n"
        "msr cntv_cval_el0, x2\n"
        "isb\n"
        "2: str w1, [x20]\n"
        "msr S3_0_C12_C12_1, x1\n" /* ICC_EOIR1_EL1 */
        "eret\n"
        ".org guest_code + 0x2b0\n"
        ".popsection\n");
extern const char guest_code[GUEST_BYTES];

struct machine {
    struct vcpu_state vcpu[CPUS];
    uint64_t dist[GIC_WORDS];
    uint64_t redist[CPUS][GIC_WORDS];
};

static struct accel_vcpu *vcpus[CPUS];

/* ---- the whole state, by the lists ---- */

static const struct {
    const char *name;
    enum gic_space space;
    uint32_t offset, bytes, count;
} gicregs[] = {
#define GICREG(name, space, offset, bytes, count) \
    {#name, space, offset, bytes, count},
#include "accel/gicregs.inc"
#undef GICREG
};

typedef void word_fn(unsigned cpu, enum gic_space space, uint32_t offset,
                     uint64_t *value, const char *name);

static void read_word(unsigned cpu, enum gic_space space, uint32_t offset,
                      uint64_t *value, const char *name)
{
    if (rig.ops->gic_get(rig.vm, space, cpu, offset, value) < 0)
        fail_msg("%s of %s (%#x) is not read", name, rig.ops->name, offset);
}

static void write_word(unsigned cpu, enum gic_space space, uint32_t offset,
                       uint64_t *value, const char *name)
{
    if (rig.ops->gic_set(rig.vm, space, cpu, offset, *value) < 0)
        fail_msg("%s of %s (%#x) is not written", name, rig.ops->name, offset);
}

static void each_word(enum gic_space space, unsigned cpu, uint64_t *words,
                      word_fn *fn)
{
    size_t at = 0;

    for (size_t n = 0; n < ARRAY_LEN(gicregs); n++) {
        for (uint32_t i = 0; gicregs[n].space == space && i < gicregs[n].count;
             i++) {
            assert_true(at < GIC_WORDS);
            fn(cpu, space, gicregs[n].offset + i * gicregs[n].bytes,
               &words[at++], gicregs[n].name);
        }
    }
}

static void each_gic_word(struct machine *m, word_fn *fn)
{
    each_word(GIC_DIST, 0, m->dist, fn);
    for (unsigned n = 0; n < CPUS; n++)
        each_word(GIC_REDIST, n, m->redist[n], fn);
}

static void save(struct machine *m)
{
    memset(m, 0, sizeof(*m));
    for (unsigned n = 0; n < CPUS; n++)
        assert_int_equal(rig.ops->vcpu_get(vcpus[n], &m->vcpu[n]), 0);
    each_gic_word(m, read_word);
}

static void load(struct machine *m)
{
    each_gic_word(m, write_word);
    for (unsigned n = 0; n < CPUS; n++)
        assert_int_equal(rig.ops->vcpu_set(vcpus[n], &m->vcpu[n]), 0);
}

/* ---- two CPUs ---- */

static void begin_two(const struct accel_ops *ops)
{
    begin(ops, CPUS);
    vcpus[0] = rig.vcpu;
    vcpus[1] = ops->vcpu_new(rig.vm, 1, NULL);
    assert_non_null(vcpus[1]);
}

static void end_two(void)
{
    rig.ops->vcpu_free(vcpus[1]);
    end();
}

static void set_word(unsigned cpu, enum gic_space space, uint32_t offset,
                     uint64_t value)
{
    write_word(cpu, space, offset, &value, "register");
}

/* As a guest's driver would: group 1 for all that comes, to CPU 0. */
static void set_up_gic(void)
{
    set_word(0, GIC_DIST, 0x0000, 0x12);             /* CTLR: ARE, group 1 */
    set_word(0, GIC_DIST, 0x0084, 1u << (SPI - 32)); /* IGROUPR1 */
    set_word(0, GIC_DIST, 0x0430, 0x80800080);       /* IPRIORITYR, 48.. */
    set_word(0, GIC_DIST, 0x0c0c, 2u << (SPI - 48) * 2); /* ICFGR3: edge */
    set_word(0, GIC_DIST, 0x0104, 1u << (SPI - 32));     /* ISENABLER1 */
    for (unsigned n = 0; n < CPUS; n++) {
        set_word(n, GIC_REDIST, 0x00014, 0); /* WAKER */
        set_word(n, GIC_REDIST, 0x10080, 1u << TIMER);
        set_word(n, GIC_REDIST, 0x10418, 0xa0a0a0a0);
        set_word(n, GIC_REDIST, 0x10100, 1u << TIMER);
    }
}

/* The next interrupt that a CPU tells of, of which it is in the middle. */
static unsigned next_interrupt(unsigned cpu)
{
    do
        rig.ops->vcpu_run(vcpus[cpu], &rig.exit);
    while (rig.exit.kind == EXIT_WFI);
    expect(EXIT_MMIO);
    assert_true(rig.exit.is_write);
    assert_int_equal(rig.exit.addr, DEVICE + cpu * 4);
    return (unsigned)rig.exit.value;
}

/* What was begun is ended: the store is behind the CPU then. */
static void stop(unsigned cpu)
{
    rig.ops->vcpu_kick(vcpus[cpu]);
    rig.ops->vcpu_run(vcpus[cpu], &rig.exit);
    expect(EXIT_KICKED);
}

static void begin_guest(const struct accel_ops *ops)
{
    assert_true(gmem_write(&rig.ram, VECTORS, guest_code, GUEST_BYTES));
    begin_two(ops);
    for (unsigned n = 0; n < CPUS; n++)
        ops->vcpu_reset(vcpus[n], VECTORS, DEVICE + n * 4);
    set_up_gic();
    for (unsigned n = 0; n < 3; n++) {
        assert_int_equal(next_interrupt(0), TIMER);
        assert_int_equal(next_interrupt(1), TIMER);
    }
    ops->spi(rig.vm, SPI, true); /* while CPU 0 is busy with its timer */
    ops->spi(rig.vm, SPI, false);
    stop(0);
    stop(1);
}

/* ---- what is compared ---- */

/* ISTATUS is the timer's, and BAS of the software CPU's breakpoints is all ones
   whatever is in it. */
static uint64_t kept_bits(unsigned reg)
{
    if (reg == SYS_CNTV_CTL_EL0 || reg == SYS_CNTP_CTL_EL0)
        return ~4ull;
    if (reg >= SYS_DBGBCR0_EL1 && reg <= SYS_DBGBCR5_EL1)
        return ~0x1e0ull;
    return ~0ull;
}

static void same_vcpu(const struct vcpu_state *a, const struct vcpu_state *b)
{
    assert_memory_equal(a->x, b->x, sizeof(a->x));
    assert_memory_equal(a->v, b->v, sizeof(a->v));
    assert_int_equal(a->pc, b->pc);
    assert_int_equal(a->pstate, b->pstate);
    assert_int_equal(a->sp_el0, b->sp_el0);
    assert_int_equal(a->sp_el1, b->sp_el1);
    assert_int_equal(a->fpcr, b->fpcr);
    assert_int_equal(a->fpsr, b->fpsr);
    for (unsigned n = 0; n < NUM_SYSREGS; n++) {
        if ((a->sys[n] ^ b->sys[n]) & kept_bits(n))
            fail_msg("register %u: %#llx, not %#llx", n,
                     (unsigned long long)b->sys[n],
                     (unsigned long long)a->sys[n]);
    }
    assert_memory_equal(a->icc, b->icc, sizeof(a->icc[0]) * NUM_ICC_REGS);
    assert_true(a->cntvct <= b->cntvct);
    assert_int_equal(a->powered_off, b->powered_off);
    assert_memory_equal(a->id, b->id, sizeof(a->id));
}

static void same_machine(const struct machine *a, const struct machine *b)
{
    for (unsigned n = 0; n < CPUS; n++)
        same_vcpu(&a->vcpu[n], &b->vcpu[n]);
    assert_memory_equal(a->dist, b->dist, sizeof(a->dist));
    assert_memory_equal(a->redist, b->redist, sizeof(a->redist));
}

/* The timer's interrupts are active in both, and the device's one pends. */
static void is_in_the_middle(void)
{
    uint64_t value;

    for (unsigned n = 0; n < CPUS; n++) {
        read_word(n, GIC_REDIST, 0x10300, &value, "GICR_ISACTIVER0");
        assert_int_equal(value, 1u << TIMER);
    }
    read_word(0, GIC_DIST, 0x0204, &value, "GICD_ISPENDR1");
    assert_int_equal(value, 1u << (SPI - 32));
}

static void go_on(const struct machine *m)
{
    assert_int_equal(next_interrupt(0), SPI);
    for (unsigned n = 0; n < 3; n++) {
        assert_int_equal(next_interrupt(0), TIMER);
        assert_int_equal(next_interrupt(1), TIMER);
    }
    for (unsigned n = 0; n < CPUS; n++) {
        struct vcpu_state now;

        stop(n);
        assert_int_equal(rig.ops->vcpu_get(vcpus[n], &now), 0);
        assert_true(now.x[19] >= m->vcpu[n].x[19]);
        assert_int_equal(now.x[20], DEVICE + n * 4);
        assert_in_range(now.cntvct, m->vcpu[n].cntvct,
                        m->vcpu[n].cntvct + (1ull << 50));
    }
}

/* A machine that is built anew of what was saved, on the same memory, is the
   same machine, and goes on. */
static void save_and_go_on(const struct accel_ops *from,
                           const struct accel_ops *to)
{
    static struct machine was, is;

    begin_guest(from);
    is_in_the_middle();
    save(&was);
    end_two();
    begin_two(to);
    load(&was);
    is_in_the_middle();
    if (from == to) {
        save(&is);
        same_machine(&was, &is);
    }
    go_on(&was);
    end_two();
}

static void a_kvm_machine_goes_on_under_kvm(void **state)
{
    (void)state;
    save_and_go_on(&kvm_ops, &kvm_ops);
}

static void a_soft_machine_goes_on_under_soft(void **state)
{
    (void)state;
    save_and_go_on(&soft_ops, &soft_ops);
}

static void a_soft_machine_goes_on_under_kvm(void **state)
{
    (void)state;
    save_and_go_on(&soft_ops, &kvm_ops);
}

static void a_kvm_machine_goes_on_under_soft(void **state)
{
    (void)state;
    save_and_go_on(&kvm_ops, &soft_ops);
}

/* ---- what the guest is told of its CPU ---- */

/* It is there, and what a host may refuse to change is as before or changed. */
static void the_identity_of_the_cpu_is_a_part_of_its_state(void **state)
{
    struct vcpu_state s, want, got;
    const uint64_t atomics = 0xfull << 20; /* ID_AA64ISAR0_EL1.Atomic */

    (void)state;
    begin(&kvm_ops, 1);
    assert_int_equal(kvm_ops.vcpu_get(rig.vcpu, &s), 0);
    assert_int_not_equal(s.id[ID_MIDR_EL1], 0);
    assert_int_not_equal(s.id[ID_CTR_EL0], 0);
    assert_int_not_equal(s.id[ID_ID_AA64PFR0_EL1] >> 4 & 15, 0); /* EL1 */
    assert_int_equal(s.id[ID_ID_AA64PFR0_EL1] >> 24 & 15, 1);    /* GIC */
    assert_int_equal(s.id[ID_ID_AA64MMFR3_EL1] & 0xf0f0fff, 0);  /* hidden */
    assert_int_equal(kvm_ops.vcpu_set(rig.vcpu, &s), 0);
    want = s;
    want.id[ID_ID_AA64ISAR0_EL1] &= ~atomics;
    want.id[ID_MIDR_EL1] ^= 1;
    assert_int_equal(kvm_ops.vcpu_set(rig.vcpu, &want), 0);
    assert_int_equal(kvm_ops.vcpu_get(rig.vcpu, &got), 0);
    assert_true(got.id[ID_ID_AA64ISAR0_EL1] == s.id[ID_ID_AA64ISAR0_EL1] ||
                got.id[ID_ID_AA64ISAR0_EL1] == want.id[ID_ID_AA64ISAR0_EL1]);
    got.id[ID_ID_AA64ISAR0_EL1] = s.id[ID_ID_AA64ISAR0_EL1];
    got.id[ID_MIDR_EL1] = s.id[ID_MIDR_EL1];
    assert_memory_equal(got.id, s.id, sizeof(s.id));
}

/* ---- plain code, without an interrupt controller ---- */

/* Adds up, tells a device, adds up, tells it again; and moves in between. */
static void move_between(const struct accel_ops *from,
                         const struct accel_ops *to)
{
    struct vcpu_state s;

    PROGRAM(ADD_X1_X1_X2, SUB_X2_1, CBNZ_X2_BACK_2, STR_X1_X0, ADD_X1_1,
            STR_X1_X0, LOOP);
    begin(from, 1);
    from->vcpu_reset(rig.vcpu, code, DEVICE);
    assert_int_equal(from->vcpu_get(rig.vcpu, &s), 0);
    s.x[1] = 5;
    s.x[2] = 100;
    assert_int_equal(from->vcpu_set(rig.vcpu, &s), 0);
    run();
    expect(EXIT_MMIO);
    assert_int_equal(rig.exit.value, 5055);
    from->vcpu_kick(rig.vcpu); /* what was begun is ended */
    run();
    expect(EXIT_KICKED);
    assert_int_equal(from->vcpu_get(rig.vcpu, &s), 0);
    assert_int_equal(s.pc, code + 16);
    end();
    begin(to, 1);
    s.icc[ICC_CTLR] &= 3;
    assert_int_equal(to->vcpu_set(rig.vcpu, &s), 0);
    run();
    expect(EXIT_MMIO);
    assert_int_equal(rig.exit.addr, DEVICE);
    assert_int_equal(rig.exit.value, 5056);
}

static void a_state_moves_from_soft_to_kvm(void **state)
{
    (void)state;
    move_between(&soft_ops, &kvm_ops);
}

static void a_state_moves_from_kvm_to_soft(void **state)
{
    (void)state;
    move_between(&kvm_ops, &soft_ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_kvm_machine_goes_on_under_kvm),
        TEST(a_soft_machine_goes_on_under_soft),
        TEST(a_soft_machine_goes_on_under_kvm),
        TEST(a_kvm_machine_goes_on_under_soft),
        TEST(the_identity_of_the_cpu_is_a_part_of_its_state),
        TEST(a_state_moves_from_soft_to_kvm),
        TEST(a_state_moves_from_kvm_to_soft),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
