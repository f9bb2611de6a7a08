// SPDX-License-Identifier: Apache-2.0
/* GICv3: registers, the life of interrupts, routing, save and restore. */

#include "accel/soft/gic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accel/soft/sysreg.h"

enum { CPUS = 32, NONE = 1023 };
enum {
    D_CTLR = 0,
    D_IROUTER = 0x6000,
    IGROUPR = 0x80,
    ISENABLER = 0x100,
    ICENABLER = 0x180,
    ISPENDR = 0x200,
    ICPENDR = 0x280,
    ISACTIVER = 0x300,
    ICACTIVER = 0x380,
    IPRIORITYR = 0x400,
    ICFGR = 0xc00,
    R_WAKER = 0x14,
    SGI_BASE = 0x10000
};

struct board {
    struct soft_vm vm;
    struct cpu cpu[CPUS];
};

static struct board *board_new(void)
{
    struct board *b = calloc(1, sizeof(*b));

    b->vm.num_cpus = CPUS;
    b->vm.gic = gic_new(&b->vm);
    assert_non_null(b->vm.gic);
    for (unsigned n = 0; n < CPUS; n++) {
        b->cpu[n].index = n;
        b->cpu[n].vm = &b->vm;
        gic_cpu_reset(&b->cpu[n]);
    }
    return b;
}

static void board_free(struct board *b)
{
    for (unsigned n = 0; n < CPUS; n++)
        gic_cpu_detach(&b->cpu[n]);
    gic_free(b->vm.gic);
    free(b);
}

static uint64_t icc(struct board *b, unsigned cpu, unsigned key)
{
    uint64_t value = 0;

    assert_true(gic_icc_read(&b->cpu[cpu], key, &value));
    return value;
}

static void set_icc(struct board *b, unsigned cpu, unsigned key, uint64_t value)
{
    assert_true(gic_icc_write(&b->cpu[cpu], key, value));
}

static void set_d(struct board *b, uint32_t offset, uint32_t value)
{
    gicd_write(b->vm.gic, offset, 4, value);
}

static void set_r(struct board *b, unsigned cpu, uint32_t offset,
                  uint32_t value)
{
    gicr_write(b->vm.gic, (uint64_t)cpu * GICR_BYTES + offset, 4, value);
}

/* As Linux sets it up: everything in group 1, all CPUs take interrupts. */
static struct board *board_on(void)
{
    struct board *b = board_new();

    for (unsigned n = 1; n < 4; n++)
        set_d(b, IGROUPR + 4 * n, ~0u);
    set_d(b, D_CTLR, 3);
    for (unsigned n = 0; n < CPUS; n++) {
        set_r(b, n, R_WAKER, 0);
        set_r(b, n, SGI_BASE + IGROUPR, ~0u);
        set_icc(b, n, KEY_ICC_PMR_EL1, 0xf8);
        set_icc(b, n, KEY_ICC_IGRPEN0_EL1, 1);
        set_icc(b, n, KEY_ICC_IGRPEN1_EL1, 1);
    }
    return b;
}

static void enable(struct board *b, unsigned intid, unsigned prio)
{
    gicd_write(b->vm.gic, IPRIORITYR + intid, 1, prio);
    set_d(b, ISENABLER + intid / 32 * 4, 1u << intid % 32);
}

static void make_edge(struct board *b, unsigned intid)
{
    uint32_t off = ICFGR + intid / 16 * 4;
    uint32_t old = (uint32_t)gicd_read(b->vm.gic, off, 4);

    set_d(b, off, old | 2u << intid % 16 * 2);
}

#define IRQ(b, n)    ((bool)(b)->cpu[n].irq_line)
#define FIQ(b, n)    ((bool)(b)->cpu[n].fiq_line)
#define IAR(b, n)    icc(b, n, KEY_ICC_IAR1_EL1)
#define EOI(b, n, v) set_icc(b, n, KEY_ICC_EOIR1_EL1, v)

static void registers_after_reset_read_as_the_manual_says(void **state)
{
    (void)state;
    static const struct {
        bool is_redist;
        uint32_t offset;
        unsigned size;
        uint64_t value;
    } rows[] = {
        {false, 0x0, 4, 0x50},      /* DS, ARE */
        {false, 0x4, 4, 0x1480003}, /* 1 of N, A3V, IDbits 9, 128 INTIDs */
        {false, 0x8, 4, 0x5b000000},
        {false, 0xffe8, 4, 0x3b}, /* PIDR2: GICv3 */
        {false, 0xfff0, 4, 0x0d},
        {false, 0xfffc, 4, 0xb1},
        {false, ICFGR, 4, 0}, /* not here: the redistributor's */
        {false, ISENABLER, 4, 0},
        {false, D_IROUTER + 8 * 32, 8, 0},
        {false, 0xd00, 4, 0},
        {false, 0x2, 4, 0}, /* unaligned */
        {false, 0x4, 2, 0},
        {false, 0x4, 8, 0},
        {true, 0x0, 4, 0},
        {true, 0x4, 4, 0x5b000000},
        {true, 0x8, 8, 0},
        {true, R_WAKER, 4, 6}, /* asleep, children too */
        {true, 0xffe8, 4, 0x3b},
        {true, 0x70, 8, 0},
        {true, SGI_BASE + ICFGR, 4, 0xaaaaaaaa},
        {true, SGI_BASE + ICFGR + 4, 4, 0},
        {true, GICR_BYTES * 17 + 8, 8, 0x101ull << 32 | 17 << 8},
        {true, GICR_BYTES * 17 + 12, 4, 0x101},
        {true, GICR_BYTES * 31 + 8, 8, 0x10full << 32 | 31 << 8 | 1 << 4},
    };
    struct board *b = board_new();

    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        uint64_t v = rows[n].is_redist
                         ? gicr_read(b->vm.gic, rows[n].offset, rows[n].size)
                         : gicd_read(b->vm.gic, rows[n].offset, rows[n].size);

        if (v != rows[n].value)
            print_message("row %zu, offset %x\n", n, rows[n].offset);
        assert_int_equal(v, rows[n].value);
    }
    board_free(b);
}

static void writable_registers_keep_what_they_may(void **state)
{
    (void)state;
    static const struct {
        uint32_t offset;
        uint32_t write, read;
    } rows[] = {
        {D_CTLR, ~0u, 0x53},
        {IGROUPR + 4, 0x12345678, 0x12345678},
        {IGROUPR, ~0u, 0},
        {ISENABLER + 12, 0xf0, 0xf0},
        {ICENABLER + 12, 0x30, 0xc0},
        {ISENABLER + 12, 0, 0xc0},
        {ISPENDR + 8, 0x5, 0x5},
        {ICPENDR + 8, 0x1, 0x4},
        {ISACTIVER + 8, 0x9, 0x9},
        {ICACTIVER + 8, 0x8, 0x1},
        {IPRIORITYR + 0x20, 0x010713ff, 0x000010f8},
        {IPRIORITYR + 0x80, ~0u, 0},
        {ICFGR + 8, ~0u, 0xaaaaaaaa},
        {0xd04, ~0u, 0},
        {D_IROUTER + 8 * 32, ~0u, 0x80ffffff},
        {D_IROUTER + 8 * 32 + 4, ~0u, 0xff},
        {D_IROUTER + 8 * 128, ~0u, 0},
    };
    struct board *b = board_new();

    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        set_d(b, rows[n].offset, rows[n].write);
        assert_int_equal(gicd_read(b->vm.gic, rows[n].offset, 4), rows[n].read);
    }
    assert_int_equal(gicd_read(b->vm.gic, D_IROUTER + 8 * 32, 8), 0xff80ffffff);
    gicd_write(b->vm.gic, IPRIORITYR + 33, 1, 0xc8);
    assert_int_equal(gicd_read(b->vm.gic, IPRIORITYR + 32, 4), 0xc8f8 & ~0u);
    board_free(b);
}

static void a_level_interrupt_comes_back_while_its_line_is_high(void **state)
{
    (void)state;
    struct board *b = board_on();

    enable(b, 40, 0x80);
    assert_false(IRQ(b, 0));
    gic_spi(b->vm.gic, 40, true);
    assert_true(IRQ(b, 0));
    assert_true(b->cpu[0].attention & ATT_IRQ);
    assert_int_equal(icc(b, 0, KEY_ICC_HPPIR1_EL1), 40);
    assert_int_equal(IAR(b, 0), 40);
    assert_int_equal(icc(b, 0, KEY_ICC_RPR_EL1), 0x80);
    assert_false(IRQ(b, 0));
    assert_int_equal(IAR(b, 0), NONE);
    EOI(b, 0, 40);
    assert_int_equal(icc(b, 0, KEY_ICC_RPR_EL1), 0xff);
    assert_true(IRQ(b, 0));
    gic_spi(b->vm.gic, 40, false);
    assert_false(IRQ(b, 0));
    assert_int_equal(IAR(b, 0), NONE);
    board_free(b);
}

static void a_level_latched_by_software_outlives_the_line(void **state)
{
    (void)state;
    struct board *b = board_on();

    enable(b, 40, 0x80);
    gic_spi(b->vm.gic, 40, true);
    set_d(b, ISPENDR + 4, 1 << 8);
    gic_spi(b->vm.gic, 40, false);
    assert_true(IRQ(b, 0));
    gic_spi(b->vm.gic, 40, true);
    set_d(b, ICPENDR + 4, 1 << 8);
    assert_true(IRQ(b, 0)); /* the line still says so */
    gic_spi(b->vm.gic, 40, false);
    assert_false(IRQ(b, 0));
    board_free(b);
}

static void an_edge_while_active_pends_once_more(void **state)
{
    (void)state;
    struct board *b = board_on();

    make_edge(b, 50);
    enable(b, 50, 0x80);
    gic_spi(b->vm.gic, 50, true);
    gic_spi(b->vm.gic, 50, false);
    assert_int_equal(IAR(b, 0), 50);
    gic_spi(b->vm.gic, 50, true);
    gic_spi(b->vm.gic, 50, false);
    gic_spi(b->vm.gic, 50, true);
    assert_false(IRQ(b, 0)); /* active and pending */
    EOI(b, 0, 50);
    assert_int_equal(IAR(b, 0), 50);
    EOI(b, 0, 50);
    assert_false(IRQ(b, 0)); /* a line that stays high is no edge */
    board_free(b);
}

static void a_higher_group_priority_preempts(void **state)
{
    (void)state;
    struct board *b = board_on();

    enable(b, 40, 0x80);
    enable(b, 41, 0x78);
    enable(b, 42, 0x40);
    set_icc(b, 0, KEY_ICC_BPR1_EL1, 5); /* group priority: bits 7 to 5 */
    gic_spi(b->vm.gic, 40, true);
    assert_int_equal(IAR(b, 0), 40);
    gic_spi(b->vm.gic, 42, true);
    assert_true(IRQ(b, 0));
    assert_int_equal(IAR(b, 0), 42);
    assert_int_equal(icc(b, 0, KEY_ICC_RPR_EL1), 0x40);
    assert_int_equal(icc(b, 0, KEY_ICC_AP1R0_EL1), 1 << 8 | 1 << 16);
    gic_spi(b->vm.gic, 41, true);
    assert_false(IRQ(b, 0)); /* 0x60 does not beat 0x40 */
    gic_spi(b->vm.gic, 42, false);
    EOI(b, 0, 42);
    assert_true(IRQ(b, 0)); /* but 0x80 */
    assert_int_equal(IAR(b, 0), 41);
    assert_int_equal(icc(b, 0, KEY_ICC_RPR_EL1), 0x60);
    board_free(b);
}

static void equal_group_priority_does_not_preempt(void **state)
{
    (void)state;
    struct board *b = board_on();

    enable(b, 40, 0x58);
    enable(b, 41, 0x48);
    set_icc(b, 0, KEY_ICC_BPR1_EL1, 5);
    gic_spi(b->vm.gic, 40, true);
    assert_int_equal(IAR(b, 0), 40);
    gic_spi(b->vm.gic, 41, true);
    assert_false(IRQ(b, 0));
    assert_int_equal(IAR(b, 0), NONE);
    set_icc(b, 0, KEY_ICC_CTLR_EL1, 1); /* CBPR: now BPR0, all bits count */
    assert_int_equal(icc(b, 0, KEY_ICC_BPR1_EL1), 3);
    gic_spi(b->vm.gic, 40, false);
    EOI(b, 0, 40);
    assert_int_equal(IAR(b, 0), 41);
    board_free(b);
}

static void the_mask_hides_what_is_not_above_it(void **state)
{
    (void)state;
    struct board *b = board_on();

    enable(b, 40, 0x80);
    gic_spi(b->vm.gic, 40, true);
    set_icc(b, 0, KEY_ICC_PMR_EL1, 0x80);
    assert_false(IRQ(b, 0));
    assert_int_equal(IAR(b, 0), NONE);
    assert_int_equal(icc(b, 0, KEY_ICC_HPPIR1_EL1), 40);
    set_icc(b, 0, KEY_ICC_PMR_EL1, 0x8f); /* 5 bits: 0x88 */
    assert_int_equal(icc(b, 0, KEY_ICC_PMR_EL1), 0x88);
    assert_true(IRQ(b, 0));
    board_free(b);
}

static void
the_lowest_number_wins_a_tie_and_the_priority_before_it(void **state)
{
    (void)state;
    struct board *b = board_on();

    enable(b, 100, 0x80);
    enable(b, 60, 0x80);
    enable(b, 61, 0x78);
    gic_spi(b->vm.gic, 100, true);
    gic_spi(b->vm.gic, 60, true);
    assert_int_equal(icc(b, 0, KEY_ICC_HPPIR1_EL1), 60);
    gic_spi(b->vm.gic, 61, true);
    assert_int_equal(icc(b, 0, KEY_ICC_HPPIR1_EL1), 61);
    board_free(b);
}

static void with_eoimode_the_end_is_in_two_steps(void **state)
{
    (void)state;
    struct board *b = board_on();

    enable(b, 40, 0x80);
    set_icc(b, 0, KEY_ICC_DIR_EL1, 40); /* ignored: EOImode is 0 */
    set_icc(b, 0, KEY_ICC_CTLR_EL1, 2);
    gic_spi(b->vm.gic, 40, true);
    assert_int_equal(IAR(b, 0), 40);
    EOI(b, 0, 40);
    assert_int_equal(icc(b, 0, KEY_ICC_RPR_EL1), 0xff);
    assert_int_equal(gicd_read(b->vm.gic, ISACTIVER + 4, 4), 1 << 8);
    assert_false(IRQ(b, 0)); /* pending, but active */
    set_icc(b, 0, KEY_ICC_DIR_EL1, 40);
    assert_int_equal(gicd_read(b->vm.gic, ISACTIVER + 4, 4), 0);
    assert_true(IRQ(b, 0));
    board_free(b);
}

static void dir_does_nothing_in_eoimode_0(void **state)
{
    (void)state;
    struct board *b = board_on();

    enable(b, 40, 0x80);
    gic_spi(b->vm.gic, 40, true);
    assert_int_equal(IAR(b, 0), 40);
    set_icc(b, 0, KEY_ICC_DIR_EL1, 40);
    assert_int_equal(gicd_read(b->vm.gic, ISACTIVER + 4, 4), 1 << 8);
    board_free(b);
}

static void group_0_is_an_fiq_with_registers_of_its_own(void **state)
{
    (void)state;
    struct board *b = board_on();

    set_d(b, IGROUPR + 4, ~(1u << 8));
    enable(b, 40, 0x80);
    gic_spi(b->vm.gic, 40, true);
    assert_true(FIQ(b, 0));
    assert_false(IRQ(b, 0));
    assert_int_equal(IAR(b, 0), NONE);
    assert_int_equal(icc(b, 0, KEY_ICC_HPPIR0_EL1), 40);
    assert_int_equal(icc(b, 0, KEY_ICC_HPPIR1_EL1), NONE);
    assert_int_equal(icc(b, 0, KEY_ICC_IAR0_EL1), 40);
    assert_false(FIQ(b, 0));
    EOI(b, 0, 40); /* the wrong one: neither dropped nor ended */
    assert_int_equal(icc(b, 0, KEY_ICC_RPR_EL1), 0x80);
    gic_spi(b->vm.gic, 40, false);
    set_icc(b, 0, KEY_ICC_EOIR0_EL1, 40);
    assert_int_equal(icc(b, 0, KEY_ICC_RPR_EL1), 0xff);
    gic_spi(b->vm.gic, 40, true);
    set_d(b, D_CTLR, 2); /* group 0 off */
    assert_false(FIQ(b, 0));
    board_free(b);
}

static void enables_of_all_kinds_gate_delivery(void **state)
{
    (void)state;
    struct board *b = board_on();

    enable(b, 40, 0x80);
    gic_spi(b->vm.gic, 40, true);
    assert_true(IRQ(b, 0));
    set_d(b, ICENABLER + 4, 1 << 8);
    assert_false(IRQ(b, 0));
    set_d(b, ISENABLER + 4, 1 << 8);
    set_d(b, D_CTLR, 1);
    assert_false(IRQ(b, 0));
    set_d(b, D_CTLR, 2);
    set_icc(b, 0, KEY_ICC_IGRPEN1_EL1, 0);
    assert_false(IRQ(b, 0));
    set_icc(b, 0, KEY_ICC_IGRPEN1_EL1, 1);
    set_r(b, 0, R_WAKER, 2);
    assert_int_equal(gicr_read(b->vm.gic, R_WAKER, 4), 6);
    assert_false(IRQ(b, 0));
    set_r(b, 0, R_WAKER, 0);
    assert_int_equal(gicr_read(b->vm.gic, R_WAKER, 4), 0);
    assert_true(IRQ(b, 0));
    board_free(b);
}

static void sgis_reach_exactly_the_named_cpus(void **state)
{
    (void)state;
    struct board *b = board_on();

    for (unsigned n = 0; n < CPUS; n++)
        set_r(b, n, SGI_BASE + ISENABLER, 0xffff);
    /* INTID 5 to Aff1 = 1, Aff0 = 0, 3 and 15 */
    set_icc(b, 2, KEY_ICC_SGI1R_EL1, 5ull << 24 | 1 << 16 | 0x8009);
    for (unsigned n = 0; n < CPUS; n++)
        assert_int_equal(IRQ(b, n), n == 16 || n == 19 || n == 31);
    assert_int_equal(IAR(b, 19), 5);
    EOI(b, 19, 5);
    assert_false(IRQ(b, 19));
    assert_true(IRQ(b, 31));
    IAR(b, 16);
    IAR(b, 31);
    EOI(b, 16, 5);
    EOI(b, 31, 5);
    set_icc(b, 20, KEY_ICC_SGI1R_EL1, 7ull << 24 | 1ull << 40);
    for (unsigned n = 0; n < CPUS; n++)
        assert_int_equal(IRQ(b, n), n != 20);
    board_free(b);
}

static void sgis_to_nobody_are_harmless(void **state)
{
    (void)state;
    struct board *b = board_on();

    for (unsigned n = 0; n < CPUS; n++)
        set_r(b, n, SGI_BASE + ISENABLER, 0xffff);
    set_icc(b, 0, KEY_ICC_SGI1R_EL1, 1ull << 44 | 1); /* RS */
    set_icc(b, 0, KEY_ICC_SGI1R_EL1, 2ull << 16 | 1); /* Aff1 = 2 */
    set_icc(b, 0, KEY_ICC_SGI1R_EL1, 1ull << 32 | 1); /* Aff2 = 1 */
    set_icc(b, 0, KEY_ICC_SGI1R_EL1, 1ull << 48 | 1); /* Aff3 = 1 */
    set_icc(b, 0, KEY_ICC_SGI0R_EL1, 1);              /* they are group 1 */
    set_icc(b, 0, KEY_ICC_ASGI1R_EL1, 1);
    for (unsigned n = 0; n < CPUS; n++)
        assert_false(IRQ(b, n) || FIQ(b, n));
    set_r(b, 0, SGI_BASE + IGROUPR, ~1u);
    set_icc(b, 0, KEY_ICC_SGI0R_EL1, 1);
    assert_true(FIQ(b, 0));
    board_free(b);
}

static void spis_go_where_irouter_says(void **state)
{
    (void)state;
    struct board *b = board_on();

    enable(b, 40, 0x80);
    gic_spi(b->vm.gic, 40, true);
    assert_true(IRQ(b, 0));
    gicd_write(b->vm.gic, D_IROUTER + 8 * 40, 8, 0x101);
    assert_false(IRQ(b, 0));
    assert_true(IRQ(b, 17));
    gicd_write(b->vm.gic, D_IROUTER + 8 * 40, 8, 0x100000101); /* nobody */
    assert_false(IRQ(b, 17));
    set_icc(b, 0, KEY_ICC_IGRPEN1_EL1, 0);
    gicd_write(b->vm.gic, D_IROUTER + 8 * 40, 8, 1u << 31); /* any */
    assert_false(IRQ(b, 0));
    assert_true(IRQ(b, 1));
    assert_int_equal(IAR(b, 2), NONE);
    assert_int_equal(IAR(b, 1), 40);
    board_free(b);
}

static void an_interrupt_ended_elsewhere_can_come_again(void **state)
{
    (void)state;
    struct board *b = board_on();

    enable(b, 40, 0x80);
    gic_spi(b->vm.gic, 40, true);
    assert_int_equal(IAR(b, 0), 40);
    gicd_write(b->vm.gic, D_IROUTER + 8 * 40, 8, 3);
    assert_false(IRQ(b, 3));
    EOI(b, 0, 40);
    assert_true(IRQ(b, 3));
    assert_false(IRQ(b, 0));
    board_free(b);
}

static void ppis_are_of_one_cpu(void **state)
{
    (void)state;
    struct board *b = board_on();

    for (unsigned n = 0; n < CPUS; n++)
        set_r(b, n, SGI_BASE + ISENABLER, 1u << 27);
    gic_ppi(&b->cpu[9], 27, true);
    for (unsigned n = 0; n < CPUS; n++)
        assert_int_equal(IRQ(b, n), n == 9);
    assert_int_equal(
        gicr_read(b->vm.gic, 9 * GICR_BYTES + SGI_BASE + ISPENDR, 4), 1 << 27);
    gic_ppi(&b->cpu[9], 27, false);
    assert_false(IRQ(b, 9));
    board_free(b);
}

static void binary_points_and_fixed_bits_are_held_in_range(void **state)
{
    (void)state;
    struct board *b = board_new();

    set_icc(b, 0, KEY_ICC_BPR0_EL1, 0);
    set_icc(b, 0, KEY_ICC_BPR1_EL1, 0);
    assert_int_equal(icc(b, 0, KEY_ICC_BPR0_EL1), 2);
    assert_int_equal(icc(b, 0, KEY_ICC_BPR1_EL1), 3);
    set_icc(b, 0, KEY_ICC_CTLR_EL1, ~0ull);
    assert_int_equal(icc(b, 0, KEY_ICC_CTLR_EL1), 0x8403);
    set_icc(b, 0, KEY_ICC_SRE_EL1, 0);
    assert_int_equal(icc(b, 0, KEY_ICC_SRE_EL1), 7);
    set_icc(b, 0, KEY_ICC_BPR0_EL1, 7);
    assert_int_equal(icc(b, 0, KEY_ICC_BPR1_EL1), 7);
    board_free(b);
}

static void directions_are_one_way(void **state)
{
    (void)state;
    struct board *b = board_new();
    uint64_t v;

    assert_false(gic_icc_read(&b->cpu[0], KEY_ICC_EOIR1_EL1, &v));
    assert_false(gic_icc_write(&b->cpu[0], KEY_ICC_IAR1_EL1, 0));
    assert_false(gic_icc_read(&b->cpu[0], KEY_MIDR_EL1, &v));
    board_free(b);
}

/* Nothing a guest does may break anything: run with sanitizers. */

static uint64_t seed;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static const unsigned icc_keys[] = {
    KEY_ICC_PMR_EL1,  KEY_ICC_IAR0_EL1,    KEY_ICC_EOIR0_EL1,
    KEY_ICC_BPR0_EL1, KEY_ICC_AP0R0_EL1,   KEY_ICC_AP1R0_EL1,
    KEY_ICC_DIR_EL1,  KEY_ICC_SGI1R_EL1,   KEY_ICC_SGI0R_EL1,
    KEY_ICC_IAR1_EL1, KEY_ICC_EOIR1_EL1,   KEY_ICC_BPR1_EL1,
    KEY_ICC_CTLR_EL1, KEY_ICC_SRE_EL1,     KEY_ICC_IGRPEN0_EL1,
    KEY_ICC_RPR_EL1,  KEY_ICC_IGRPEN1_EL1, KEY_ICC_HPPIR1_EL1,
};

static void one_random_act(struct board *b)
{
    static const unsigned sizes[] = {1, 2, 4, 4, 4, 8, 3};
    struct cpu *cpu = &b->cpu[rnd() % CPUS];
    unsigned size = sizes[rnd() % ARRAY_LEN(sizes)];
    unsigned key = icc_keys[rnd() % ARRAY_LEN(icc_keys)];
    uint64_t value = rnd() & rnd();

    switch (rnd() % 8) {
    case 0:
        gicd_write(b->vm.gic, (uint32_t)rnd() % 0xe00, size, value);
        break;
    case 1:
        gicd_write(b->vm.gic, 0x6000 + (uint32_t)rnd() % 0x480, size,
                   rnd() % 2 ? value : value & 0x8000010f);
        break;
    case 2:
        gicr_write(b->vm.gic, rnd() % (GICR_BYTES * (CPUS + 1)), size, value);
        break;
    case 3:
        gicr_write(b->vm.gic,
                   cpu->index * GICR_BYTES + SGI_BASE + rnd() % 0x320 * 4, 4,
                   value);
        break;
    case 4:
        gic_spi(b->vm.gic, (unsigned)rnd() % 140, rnd() % 2);
        break;
    case 5:
        gic_ppi(cpu, (unsigned)rnd() % 40, rnd() % 2);
        break;
    case 6:
        gic_icc_write(cpu, key, rnd() % 2 ? value : value & 0x7f);
        break;
    default:
        gic_icc_read(cpu, key, &value);
    }
}

static void random_acts(struct board *b, unsigned n)
{
    while (n--)
        one_random_act(b);
}

/* Every offset that save and restore know, from one GIC into another. */
static void copy_state(struct board *to, struct board *from)
{
    uint64_t v, regs[16];

    for (unsigned n = 0; n < CPUS; n++) {
        gic_cpu_state_get(&from->cpu[n], regs);
        gic_cpu_state_set(&to->cpu[n], regs);
        for (uint32_t off = 0; off < GICR_BYTES; off += 4) {
            if (!gic_state_get(from->vm.gic, GIC_REDIST, n, off, &v))
                assert_int_equal(
                    gic_state_set(to->vm.gic, GIC_REDIST, n, off, v), 0);
        }
    }
    for (uint32_t off = 0; off < GICD_BYTES; off += 4) {
        if (!gic_state_get(from->vm.gic, GIC_DIST, 0, off, &v))
            assert_int_equal(gic_state_set(to->vm.gic, GIC_DIST, 0, off, v), 0);
    }
}

static void assert_same_answers(struct board *a, struct board *b)
{
    for (uint32_t off = 0; off < GICD_BYTES; off += 4)
        assert_int_equal(gicd_read(a->vm.gic, off, 4),
                         gicd_read(b->vm.gic, off, 4));
    for (uint32_t off = 0; off < CPUS * GICR_BYTES; off += 4)
        assert_int_equal(gicr_read(a->vm.gic, off, 4),
                         gicr_read(b->vm.gic, off, 4));
    for (unsigned n = 0; n < CPUS; n++) {
        assert_int_equal(IRQ(a, n), IRQ(b, n));
        assert_int_equal(FIQ(a, n), FIQ(b, n));
        for (size_t k = 0; k < ARRAY_LEN(icc_keys); k++) {
            uint64_t va = 0, vb = 0;

            assert_int_equal(gic_icc_read(&a->cpu[n], icc_keys[k], &va),
                             gic_icc_read(&b->cpu[n], icc_keys[k], &vb));
            assert_int_equal(va, vb);
        }
    }
}

static void drive_lines(struct board *to, uint64_t lines_seed)
{
    uint64_t keep = seed;

    seed = lines_seed;
    for (unsigned intid = 32; intid < GIC_INTIDS; intid++)
        gic_spi(to->vm.gic, intid, rnd() % 2);
    for (unsigned n = 0; n < CPUS; n++) {
        for (unsigned intid = 16; intid < 32; intid++)
            gic_ppi(&to->cpu[n], intid, rnd() % 2);
    }
    seed = keep;
}

static void a_restored_gic_answers_like_the_saved_one(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 12; round++) {
        struct board *a = board_on(), *b = board_new();

        seed = 0x1234567 + round;
        random_acts(a, 3000);
        drive_lines(a, round + 1);
        drive_lines(b, round + 1);
        copy_state(b, a);
        assert_same_answers(a, b);
        random_acts(a, 100);
        board_free(a);
        board_free(b);
    }
}

static void no_such_register_cannot_be_saved(void **state)
{
    (void)state;
    struct board *b = board_new();
    uint64_t v;

    assert_int_equal(gic_state_get(b->vm.gic, GIC_DIST, 0, 0x5000, &v), -22);
    assert_int_equal(gic_state_get(b->vm.gic, GIC_DIST, 0, 1, &v), -22);
    assert_int_equal(gic_state_get(b->vm.gic, GIC_REDIST, CPUS, 0, &v), -22);
    assert_int_equal(gic_state_set(b->vm.gic, GIC_REDIST, 0, 0x20000, 0), -22);
    board_free(b);
}

static void a_detached_cpu_is_left_alone(void **state)
{
    (void)state;
    struct board *b = board_on();

    enable(b, 40, 0x80);
    gic_cpu_detach(&b->cpu[0]);
    gic_spi(b->vm.gic, 40, true);
    assert_false(IRQ(b, 0));
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_after_reset_read_as_the_manual_says),
        cmocka_unit_test(writable_registers_keep_what_they_may),
        cmocka_unit_test(a_level_interrupt_comes_back_while_its_line_is_high),
        cmocka_unit_test(a_level_latched_by_software_outlives_the_line),
        cmocka_unit_test(an_edge_while_active_pends_once_more),
        cmocka_unit_test(a_higher_group_priority_preempts),
        cmocka_unit_test(equal_group_priority_does_not_preempt),
        cmocka_unit_test(the_mask_hides_what_is_not_above_it),
        cmocka_unit_test(
            the_lowest_number_wins_a_tie_and_the_priority_before_it),
        cmocka_unit_test(with_eoimode_the_end_is_in_two_steps),
        cmocka_unit_test(dir_does_nothing_in_eoimode_0),
        cmocka_unit_test(group_0_is_an_fiq_with_registers_of_its_own),
        cmocka_unit_test(enables_of_all_kinds_gate_delivery),
        cmocka_unit_test(sgis_reach_exactly_the_named_cpus),
        cmocka_unit_test(sgis_to_nobody_are_harmless),
        cmocka_unit_test(spis_go_where_irouter_says),
        cmocka_unit_test(an_interrupt_ended_elsewhere_can_come_again),
        cmocka_unit_test(ppis_are_of_one_cpu),
        cmocka_unit_test(binary_points_and_fixed_bits_are_held_in_range),
        cmocka_unit_test(directions_are_one_way),
        cmocka_unit_test(a_restored_gic_answers_like_the_saved_one),
        cmocka_unit_test(no_such_register_cannot_be_saved),
        cmocka_unit_test(a_detached_cpu_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
