// SPDX-License-Identifier: Apache-2.0
/* The interrupt controller as a driver sees it (Arm IHI 0069). */

#include "gic.h"

enum { MAX_SEEN = 16 };

/* What came, in order. */
static volatile uint32_t seen[MAX_SEEN], seen_kind[MAX_SEEN], num_seen;
static void (*on_each)(uint32_t intid);

static bool take_one(unsigned kind, struct trap_frame *frame)
{
    bool is_fiq = kind % 4 == 2;
    uint32_t intid = (uint32_t)(is_fiq ? GET(ICC_IAR0) : GET(ICC_IAR1));

    (void)frame;
    if (num_seen < MAX_SEEN) {
        seen_kind[num_seen] = kind;
        seen[num_seen++] = intid;
    }
    if (intid >= 1020)
        return num_seen < MAX_SEEN;
    if (on_each)
        on_each(intid);
    if (is_fiq)
        SET(ICC_EOIR0, intid);
    else
        SET(ICC_EOIR1, intid);
    return true;
}

static void watch(void)
{
    gic_begin();
    num_seen = 0;
    on_each = NULL;
    guest_on_irq = take_one;
}

static void the_identification_is_a_gicv3s(void)
{
    CHECK_EQ(read32(GICD_BASE + 0xffe8) >> 4 & 15, 3);
    CHECK_EQ(read32(redist(0) + 0xffe8) >> 4 & 15, 3);
    CHECK((read32(GICD_BASE + 4) & 31) >= 2); /* TYPER.ITLinesNumber */
    CHECK_EQ(read64(redist(0) + 8) >> 32, 0); /* affinity */
    CHECK_EQ(READ_SYS(id_aa64pfr0_el1) >> 24 & 15, 1);
    CHECK_EQ(read32(GICD_BASE + CTLR) & 0x50, 0x50); /* DS, ARE */
}

static void every_cpu_has_its_redistributor(void)
{
    unsigned cpus = cpu_count();

    for (unsigned n = 0; n < cpus; n++) {
        uint64_t typer = read64(redist(n) + 8);

        CHECK_EQ(typer >> 32, mpidr_of(n));
        CHECK_EQ(typer >> 4 & 1, n == cpus - 1); /* Last */
        CHECK_EQ(typer >> 8 & 0xffff, n);        /* Processor_Number */
    }
}

static void nothing_pending_reads_1023(void)
{
    gic_begin();
    CHECK_EQ(GET(ICC_IAR1), NONE);
    CHECK_EQ(GET(ICC_HPPIR1), NONE);
    CHECK_EQ(GET(ICC_IAR0), NONE);
    CHECK_EQ(GET(ICC_HPPIR0), NONE);
    CHECK_EQ(GET(ICC_RPR), 0xff);
}

static void an_sgi_to_oneself(void)
{
    watch();
    make_ready(5);
    SET(ICC_SGI1R, 5ull << 24 | 1);
    CHECK(get_bit(ISPENDR, 5));
    CHECK_EQ(GET(ICC_HPPIR1), 5);
    CHECK_EQ(READ_SYS(isr_el1), 0x80);
    CHECK_EQ(num_seen, 0);
    open_up();
    CHECK_EQ(num_seen, 1);
    CHECK_EQ(seen[0], 5);
    CHECK_EQ(seen_kind[0], 5);
    CHECK(!get_bit(ISPENDR, 5));
    CHECK(!get_bit(ISACTIVER, 5));
    CHECK_EQ(READ_SYS(isr_el1), 0);
    done_with(5);
}

static void an_edge_spi_by_software(void)
{
    watch();
    make_ready(SPARE);
    set_bit(ISPENDR, SPARE);
    settle();
    open_up();
    CHECK_EQ(num_seen, 1);
    CHECK_EQ(seen[0], SPARE);
    open_up();
    CHECK_EQ(num_seen, 1);
    /* Taken back before it was taken. */
    set_bit(ISPENDR, SPARE);
    set_bit(ICPENDR, SPARE);
    settle();
    open_up();
    CHECK_EQ(num_seen, 1);
    /* Disabled it stays pending. */
    set_bit(ICENABLER, SPARE);
    set_bit(ISPENDR, SPARE);
    settle();
    open_up();
    CHECK_EQ(num_seen, 1);
    CHECK(get_bit(ISPENDR, SPARE));
    set_bit(ISENABLER, SPARE);
    settle();
    open_up();
    CHECK_EQ(num_seen, 2);
    done_with(SPARE);
}

static void uart_quiet(uint32_t intid)
{
    if (intid == UART)
        write32(UART_BASE + 0x38, 0);
}

static void a_level_spi_of_a_device(void)
{
    watch();
    make_ready(UART);
    set_edge(UART, false);
    on_each = uart_quiet;
    write32(UART_BASE + 0x30, 0x301); /* on */
    write32(UART_BASE, '\n');
    CHECK(!get_bit(ISPENDR, UART));
    write32(UART_BASE + 0x38, 1 << 5); /* transmit interrupt */
    settle();
    CHECK(get_bit(ISPENDR, UART));
    set_bit(ICPENDR, UART); /* the line is still there */
    CHECK(get_bit(ISPENDR, UART));
    open_up();
    CHECK_EQ(num_seen, 1);
    CHECK_EQ(seen[0], UART);
    CHECK(!get_bit(ISPENDR, UART));
    /* Nobody makes it quiet: it comes again and again. */
    on_each = NULL;
    write32(UART_BASE + 0x38, 1 << 5);
    settle();
    for (unsigned n = 0; n < 3; n++) {
        CHECK_EQ(GET(ICC_IAR1), UART);
        SET(ICC_EOIR1, UART);
    }
    write32(UART_BASE + 0x38, 0);
    settle();
    CHECK_EQ(GET(ICC_IAR1), NONE);
    done_with(UART);
}

static void priorities_decide(void)
{
    watch();
    make_ready(SPARE);
    make_ready(SPARE2);
    make_ready(3);
    set_priority(SPARE, 0x80);
    set_priority(SPARE2, 0x40);
    set_priority(3, 0x80);
    set_bit(ISPENDR, SPARE);
    set_bit(ISPENDR, SPARE2);
    SET(ICC_SGI1R, 3ull << 24 | 1);
    settle();
    CHECK_EQ(GET(ICC_HPPIR1), SPARE2);
    open_up();
    CHECK_EQ(num_seen, 3);
    CHECK_EQ(seen[0], SPARE2);
    CHECK_EQ(seen[1], 3); /* of equals the lowest number */
    CHECK_EQ(seen[2], SPARE);
    done_with(SPARE);
    done_with(SPARE2);
    done_with(3);
}

static void the_mask_keeps_what_is_not_above_it(void)
{
    gic_begin();
    make_ready(SPARE);
    set_priority(SPARE, 0x80);
    set_bit(ISPENDR, SPARE);
    SET(ICC_PMR, 0x80);
    settle();
    CHECK_EQ(GET(ICC_IAR1), NONE);
    CHECK_EQ(READ_SYS(isr_el1), 0);
    SET(ICC_PMR, 0x88);
    CHECK_EQ(READ_SYS(isr_el1), 0x80);
    CHECK_EQ(GET(ICC_IAR1), SPARE);
    CHECK_EQ(GET(ICC_RPR), 0x80);
    SET(ICC_EOIR1, SPARE);
    CHECK_EQ(GET(ICC_RPR), 0xff);
    SET(ICC_PMR, 0xff);
    done_with(SPARE);
}

static uint32_t inner_rpr, outer_rpr;

static void preempt_once(uint32_t intid)
{
    if (intid == SPARE) {
        outer_rpr = (uint32_t)GET(ICC_RPR);
        set_bit(ISPENDR, SPARE2);
        settle();
        uint64_t elr = READ_SYS(elr_el1), spsr = READ_SYS(spsr_el1);
        open_up();
        WRITE_SYS(elr_el1, elr);
        WRITE_SYS(spsr_el1, spsr);
        seen[num_seen++] = 77;
    } else {
        inner_rpr = (uint32_t)GET(ICC_RPR);
    }
}

static void the_more_urgent_interrupts_the_less_urgent(void)
{
    watch();
    make_ready(SPARE);
    make_ready(SPARE2);
    set_priority(SPARE, 0x80);
    set_priority(SPARE2, 0x40);
    on_each = preempt_once;
    set_bit(ISPENDR, SPARE);
    settle();
    open_up();
    CHECK_EQ(num_seen, 3);
    CHECK_EQ(seen[0], SPARE);
    CHECK_EQ(seen[1], SPARE2);
    CHECK_EQ(seen[2], 77);
    CHECK_EQ(outer_rpr, 0x80);
    CHECK_EQ(inner_rpr, 0x40);
    /* In one group of the binary point they wait for each other. */
    num_seen = 0;
    set_priority(SPARE2, 0x78);
    set_priority(SPARE, 0x7f);
    SET(ICC_BPR1, 4); /* group priority is bits 7:5 */
    set_bit(ISPENDR, SPARE);
    settle();
    open_up();
    CHECK_EQ(num_seen, 3);
    CHECK_EQ(seen[0], SPARE);
    CHECK_EQ(seen[1], 77);
    CHECK_EQ(seen[2], SPARE2);
    done_with(SPARE);
    done_with(SPARE2);
    CHECK_EQ(GET(ICC_RPR), 0xff);
}

static void with_eoimode_1_it_is_active_until_dir(void)
{
    gic_begin();
    SET(ICC_CTLR, 2);
    make_ready(SPARE);
    set_bit(ISPENDR, SPARE);
    settle();
    CHECK_EQ(GET(ICC_IAR1), SPARE);
    CHECK(get_bit(ISACTIVER, SPARE));
    SET(ICC_EOIR1, SPARE);
    CHECK_EQ(GET(ICC_RPR), 0xff);
    CHECK(get_bit(ISACTIVER, SPARE));
    set_bit(ISPENDR, SPARE);
    settle();
    CHECK_EQ(GET(ICC_IAR1), NONE);
    SET(ICC_DIR, SPARE);
    CHECK(!get_bit(ISACTIVER, SPARE));
    CHECK_EQ(GET(ICC_IAR1), SPARE);
    SET(ICC_EOIR1, SPARE);
    SET(ICC_DIR, SPARE);
    SET(ICC_CTLR, 0);
    done_with(SPARE);
}

static void group_0_is_a_fiq(void)
{
    watch();
    make_ready(SPARE);
    set_group(SPARE, 0);
    set_bit(ISPENDR, SPARE);
    settle();
    CHECK_EQ(READ_SYS(isr_el1), 0x40);
    CHECK_EQ(GET(ICC_IAR1), NONE);
    CHECK_EQ(GET(ICC_HPPIR0), SPARE);
    open_up();
    CHECK_EQ(num_seen, 1);
    CHECK_EQ(seen[0], SPARE);
    CHECK_EQ(seen_kind[0], 6);
    set_group(SPARE, 1);
    done_with(SPARE);
}

static void groups_have_their_switches(void)
{
    gic_begin();
    make_ready(SPARE);
    set_bit(ISPENDR, SPARE);
    SET(ICC_IGRPEN1, 0);
    CHECK_EQ(READ_SYS(isr_el1), 0);
    SET(ICC_IGRPEN1, 1);
    CHECK_EQ(READ_SYS(isr_el1), 0x80);
    write32(GICD_BASE + CTLR, 0x11);
    settle();
    CHECK_EQ(READ_SYS(isr_el1), 0);
    write32(GICD_BASE + CTLR, 0x13);
    settle();
    CHECK_EQ(READ_SYS(isr_el1), 0x80);
    done_with(SPARE);
}

static volatile uint32_t el0_went_on;

static bool leave_el0(unsigned kind, struct trap_frame *frame)
{
    bool ok = take_one(kind, frame);

    el0_went_on = frame->x[0] != 0;
    frame->x[0] = 0;
    return ok;
}

extern char el0_loop[];
__asm__(".pushsection .text\nel0_loop: cbnz x0, el0_loop\nsvc #0xff\n"
        ".popsection");

static void an_interrupt_comes_in_the_middle_of_el0(void)
{
    watch();
    guest_on_irq = leave_el0;
    make_ready(SPARE);
    set_bit(ISPENDR, SPARE);
    settle();
    el0_run((uint64_t)el0_loop, el0_stack(), 0, 1);
    CHECK_EQ(num_seen, 1);
    CHECK_EQ(seen_kind[0], 9);
    CHECK_EQ(el0_went_on, 1);
    done_with(SPARE);
}

/* ---- several CPUs ---- */

static volatile uint32_t got[32], ready, stop;

static bool count_irq(unsigned kind, struct trap_frame *frame)
{
    uint32_t intid = (uint32_t)GET(ICC_IAR1);

    (void)kind;
    (void)frame;
    if (intid >= 1020)
        return true;
    SET(ICC_EOIR1, intid);
    __atomic_fetch_add(&got[cpu_index()], 1, __ATOMIC_SEQ_CST);
    return true;
}

static void sleeper(void)
{
    cpu_interface();
    make_ready(1);
    make_ready(2);
    __asm__ volatile("msr daifclr, #3" ::: "memory");
    __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
    while (!stop)
        __asm__ volatile("wfi" ::: "memory");
    __asm__ volatile("msr daifset, #3" ::: "memory");
    __atomic_fetch_sub(&ready, 1, __ATOMIC_SEQ_CST);
    cpu_off();
}

static unsigned start_sleepers(void)
{
    unsigned cpus = cpu_count();
    struct wait w = {0};

    gic_begin();
    guest_on_irq = count_irq;
    stop = ready = 0;
    for (unsigned n = 0; n < 32; n++)
        got[n] = 0;
    make_ready(1);
    make_ready(2);
    for (unsigned n = 1; n < cpus; n++) {
        while (cpu_start(n, sleeper) == -4)
            keep_waiting(&w);
    }
    wait_for(&ready, cpus - 1);
    return cpus;
}

static void end_sleepers(unsigned cpus)
{
    struct wait w = {0};

    stop = 1;
    settle();
    while (ready) {
        SET(ICC_SGI1R, 1ull << 40 | 1ull << 24);
        wait_ns(100000);
        keep_waiting(&w);
    }
    for (unsigned n = 1; n < cpus; n++) {
        while (hvc(0xc4000004, mpidr_of(n), 0, 0) == 0)
            keep_waiting(&w);
    }
}

static void an_sgi_reaches_exactly_whom_it_names(void)
{
    unsigned cpus = start_sleepers();

    for (unsigned to = 1; to < cpus; to++) {
        uint64_t affinity = mpidr_of(to);

        SET(ICC_SGI1R,
            2ull << 24 | (affinity >> 8) << 16 | 1ull << (affinity & 15));
        wait_for(&got[to], 1);
    }
    wait_ns(1000000);
    for (unsigned n = 1; n < cpus; n++)
        CHECK_EQ(got[n], 1);
    CHECK_EQ(got[0], 0);
    end_sleepers(cpus);
}

static void an_sgi_to_all_others_spares_the_sender(void)
{
    unsigned cpus = start_sleepers();

    SET(ICC_SGI1R, 1ull << 40 | 2ull << 24);
    for (unsigned n = 1; n < cpus; n++)
        wait_for(&got[n], 1);
    open_up();
    CHECK_EQ(got[0], 0);
    end_sleepers(cpus);
}

static void a_list_of_targets(void)
{
    unsigned cpus = start_sleepers();
    unsigned first = cpus < 16 ? cpus : 16;

    SET(ICC_SGI1R, 2ull << 24 | 0xaaaa); /* the odd ones of Aff1 0 */
    for (unsigned n = 1; n < first; n += 2)
        wait_for(&got[n], 1);
    wait_ns(1000000);
    for (unsigned n = 1; n < cpus; n++)
        CHECK_EQ(got[n], n < 16 && n % 2 == 1);
    end_sleepers(cpus);
}

static void an_spi_goes_where_it_is_routed(void)
{
    unsigned cpus = start_sleepers();

    make_ready(SPARE);
    for (unsigned to = 1; to < cpus; to++) {
        write64(GICD_BASE + IROUTER + SPARE * 8, mpidr_of(to));
        CHECK_EQ(read64(GICD_BASE + IROUTER + SPARE * 8), mpidr_of(to));
        set_bit(ISPENDR, SPARE);
        wait_for(&got[to], 1);
    }
    wait_ns(1000000);
    for (unsigned n = 1; n < cpus; n++)
        CHECK_EQ(got[n], 1);
    /* To a CPU that is not there: it stays where it is. */
    write64(GICD_BASE + IROUTER + SPARE * 8, 0xff00ffff00ull);
    set_bit(ISPENDR, SPARE);
    wait_ns(1000000);
    CHECK(get_bit(ISPENDR, SPARE));
    done_with(SPARE);
    end_sleepers(cpus);
}

static void a_storm_of_sgis_loses_no_last_one(void)
{
    unsigned cpus = start_sleepers();
    enum { ROUNDS = 300 };

    for (unsigned round = 0; round < ROUNDS && cpus > 1; round++) {
        unsigned to = 1 + round % (cpus - 1);
        uint64_t affinity = mpidr_of(to);
        uint32_t before = got[to];

        SET(ICC_SGI1R,
            2ull << 24 | (affinity >> 8) << 16 | 1ull << (affinity & 15));
        if (!wait_for(&got[to], before + 1))
            break;
    }
    end_sleepers(cpus);
}

#define TEST(fn) \
    {            \
#fn, fn  \
    }
const struct guest_test guest_tests[] = {
    TEST(the_identification_is_a_gicv3s),
    TEST(every_cpu_has_its_redistributor),
    TEST(nothing_pending_reads_1023),
    TEST(an_sgi_to_oneself),
    TEST(an_edge_spi_by_software),
    TEST(a_level_spi_of_a_device),
    TEST(priorities_decide),
    TEST(the_mask_keeps_what_is_not_above_it),
    TEST(the_more_urgent_interrupts_the_less_urgent),
    TEST(with_eoimode_1_it_is_active_until_dir),
    TEST(group_0_is_a_fiq),
    TEST(groups_have_their_switches),
    TEST(an_interrupt_comes_in_the_middle_of_el0),
    TEST(an_sgi_reaches_exactly_whom_it_names),
    TEST(an_sgi_to_all_others_spares_the_sender),
    TEST(a_list_of_targets),
    TEST(an_spi_goes_where_it_is_routed),
    TEST(a_storm_of_sgis_loses_no_last_one),
    {NULL, NULL},
};
