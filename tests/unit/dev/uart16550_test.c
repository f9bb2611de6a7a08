// SPDX-License-Identifier: Apache-2.0
/* The 16550 from its driver's side, and from a hostile driver's side. */

#include "dev/uart16550.h"

#include "one_device.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };
enum { RDA = 1, THRE = 2, DLAB = 0x80, LOOP = 0x10 };

static const unsigned width = 1;

static struct mmio_dev *make(struct console *c, struct err *e)
{
    return uart16550_new(c, e);
}

static void reset_values_are_firecrackers(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(rd(IER), 0);
        assert_int_equal(rd(IIR), 0xc1);
        assert_int_equal(rd(LCR), 3);
        assert_int_equal(rd(MCR), 8);
        assert_int_equal(rd(LSR), 0x60);
        assert_int_equal(rd(MSR), 0xb0);
        assert_int_equal(rd(SCR), 0);
        wr(LCR, DLAB);
        assert_int_equal(rd(DATA), 12);
        assert_int_equal(rd(IER), 0);
        for (unsigned reg = 0; reg < 8; reg++)
            wr(reg, 0xff);
        mmio_bus_reset(g.bus);
    }
}

static void registers_keep_the_bits_they_have(void **state)
{
    (void)state;
    wr(IER, 0xff);
    assert_int_equal(rd(IER), 0x0f);
    wr(MCR, 0xff);
    assert_int_equal(rd(MCR), 0x1f);
    wr(SCR, 0xa5);
    assert_int_equal(rd(SCR), 0xa5);
    wr(LCR, 0xff);
    assert_int_equal(rd(LCR), 0xff);
    wr(DATA, 0x34);
    wr(IER, 0x12);
    assert_int_equal(rd(DATA), 0x34);
    assert_int_equal(rd(IER), 0x12);
    wr(LCR, 3);
    assert_int_equal(rd(IER), 0x0f);
    assert_string_equal(output(g.console), "");
}

static void fcr_is_ignored(void **state)
{
    (void)state;
    wr(IER, RDA);
    type(g.console, "ab");
    wr(IIR, 0x07); /* enable and clear the FIFOs */
    assert_int_equal(rd(DATA), 'a');
    assert_int_equal(rd(DATA), 'b');
}

static void only_single_bytes_get_through(void **state)
{
    (void)state;
    wr(DATA, 'a');
    guest_write(&g, DATA, 2, 'b');
    guest_write(&g, DATA, 4, 'c');
    guest_write(&g, DATA, 8, 'd');
    assert_int_equal(guest_read(&g, LSR - 1, 4), 0);
    assert_string_equal(output(g.console), "a");
    assert_int_equal(g.dev->missed_writes, 3);
    assert_int_equal(g.dev->missed_reads, 1);
}

static void what_cannot_be_written_is_counted(void **state)
{
    (void)state;
    wr(LSR, 0);
    wr(MSR, 0);
    wr(8, 0);
    assert_int_equal(rd(0xfff), 0);
    assert_int_equal(g.dev->missed_writes, 3);
    assert_int_equal(g.dev->missed_reads, 1);
    assert_int_equal(rd(LSR), 0x60);
    assert_int_equal(rd(MSR), 0xb0);
}

static void a_write_pulses_when_its_interrupt_is_on(void **state)
{
    (void)state;
    wr(DATA, 'x');
    assert_int_equal(g.edges, 0);
    wr(IER, THRE);
    assert_int_equal(g.edges, 1); /* it is empty already */
    assert_int_equal(rd(IIR), 0xc2);
    assert_int_equal(rd(IIR), 0xc1);
    wr(IER, THRE);
    assert_int_equal(g.edges, 1); /* it was on */
    wr(DATA, 'y');
    assert_int_equal(g.edges, 2);
    assert_int_equal(rd(IIR), 0xc2);
    assert_false(g.level);
}

static void a_lost_byte_interrupts_all_the_same(void **state)
{
    (void)state;
    for (unsigned n = 0; n < CONSOLE_OUT_BYTES; n++)
        wr(DATA, 'x');
    wr(IER, THRE);
    assert_int_equal(g.edges, 1);
    wr(DATA, 'x');
    assert_int_equal(g.edges, 2);
    assert_int_equal(g.dev->missed_writes, 1);
}

static void input_pulses_and_is_read(void **state)
{
    (void)state;
    wr(IER, RDA);
    type(g.console, "ab");
    assert_int_equal(g.edges, 1);
    assert_int_equal(rd(IIR), 0xc4);
    assert_int_equal(rd(IIR), 0xc1);
    assert_int_equal(rd(LSR), 0x61);
    assert_int_equal(rd(DATA), 'a');
    assert_int_equal(rd(LSR), 0x61);
    assert_int_equal(rd(DATA), 'b');
    assert_int_equal(rd(LSR), 0x60);
    assert_int_equal(rd(DATA), 0);
}

static void input_comes_before_output_in_iir(void **state)
{
    (void)state;
    wr(IER, RDA | THRE);
    type(g.console, "a");
    assert_int_equal(rd(IIR), 0xc4);
    assert_int_equal(rd(IIR), 0xc1); /* one read clears all */
}

static void the_fifo_holds_64_and_the_console_the_rest(void **state)
{
    char text[201] = "";

    (void)state;
    for (unsigned n = 0; n < 200; n++)
        text[n] = (char)(' ' + n % 90);
    wr(IER, RDA);
    type(g.console, text);
    assert_int_equal(g.edges, 1);
    for (unsigned n = 0; n < 200; n++) {
        assert_int_equal(rd(LSR), 0x61);
        assert_int_equal(rd(DATA), (uint8_t)text[n]);
    }
    assert_int_equal(g.edges, 4); /* each time the driver had emptied it */
    assert_int_equal(rd(LSR), 0x60);
}

static void a_driver_that_clears_the_data_first_loses_no_input(void **state)
{
    (void)state;
    type(g.console, "early");
    rd(LSR);
    rd(DATA);
    rd(IIR);
    rd(MSR);
    rd(LSR);
    rd(DATA);
    assert_int_equal(g.edges, 0);
    wr(IER, RDA);
    assert_int_equal(g.edges, 1);
    assert_int_equal(rd(DATA), 'e');
}

static void a_guest_may_poll(void **state)
{
    (void)state;
    type(g.console, "ab");
    rd(LSR);
    assert_int_equal(rd(LSR), 0x61);
    assert_int_equal(rd(LSR), 0x61);
    assert_int_equal(rd(DATA), 'a');
    assert_int_equal(rd(LSR), 0x61);
    assert_int_equal(rd(DATA), 'b');
    rd(LSR);
    assert_int_equal(rd(LSR), 0x60);
    assert_int_equal(g.edges, 0);
}

static void enabling_the_interrupt_tells_of_what_is_there(void **state)
{
    (void)state;
    wr(IER, RDA);
    type(g.console, "ab");
    rd(IIR);
    wr(IER, 0);
    assert_int_equal(g.edges, 1);
    wr(IER, RDA);
    assert_int_equal(g.edges, 2);
    assert_int_equal(rd(IIR), 0xc4);
}

static void a_disabled_cause_does_not_pend(void **state)
{
    (void)state;
    wr(IER, RDA | THRE);
    type(g.console, "a");
    wr(IER, 0);
    assert_int_equal(rd(IIR), 0xc1);
}

static void loopback_comes_back_and_stays_inside(void **state)
{
    (void)state;
    wr(IER, RDA);
    wr(MCR, LOOP);
    type(g.console, "z");
    assert_int_equal(rd(LSR), 0x60);
    wr(DATA, 'a');
    assert_string_equal(output(g.console), "");
    assert_int_equal(rd(IIR), 0xc4);
    assert_int_equal(rd(DATA), 'a');
    for (unsigned n = 0; n < 65; n++)
        wr(DATA, n);
    assert_int_equal(g.dev->missed_writes, 1);
    for (unsigned n = 0; n < 64; n++)
        assert_int_equal(rd(DATA), n);
    wr(MCR, 0);
    assert_int_equal(rd(DATA), 'z');
}

static void loopback_carries_the_modem_lines(void **state)
{
    (void)state;
    wr(MCR, LOOP);
    assert_int_equal(rd(MSR), 0);
    wr(MCR, LOOP | 0x0a); /* RTS, OUT2: what probes look for */
    assert_int_equal(rd(MSR), 0x90);
    wr(MCR, LOOP | 0x05);
    assert_int_equal(rd(MSR), 0x60);
}

static void a_break_is_dropped(void **state)
{
    const uint16_t items[] = {CONSOLE_BREAK, 'a'};

    (void)state;
    wr(IER, RDA);
    console_feed(g.console, items, 1);
    assert_int_equal(g.edges, 0);
    console_feed(g.console, items, 2);
    assert_int_equal(rd(DATA), 'a');
    assert_int_equal(rd(LSR), 0x60);
}

static void abuse_is_survived(void **state)
{
    (void)state;
    type(g.console, "input");
    guest_abuses(&g);
    mmio_bus_reset(g.bus);
    assert_int_equal(rd(LSR), 0x60);
}

static void state_survives_a_snapshot(void **state)
{
    (void)state;
    wr(IER, RDA);
    wr(SCR, 0x5a);
    type(g.console, "hello");
    rd(DATA);
    go_through_a_snapshot();
    assert_int_equal(rd(SCR), 0x5a);
    assert_int_equal(rd(IIR), 0xc4);
    assert_int_equal(rd(DATA), 'e');
    type(g.console, "!");
    assert_int_equal(g.edges, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reset_values_are_firecrackers),
        TEST(registers_keep_the_bits_they_have),
        TEST(fcr_is_ignored),
        TEST(only_single_bytes_get_through),
        TEST(what_cannot_be_written_is_counted),
        TEST(a_write_pulses_when_its_interrupt_is_on),
        TEST(a_lost_byte_interrupts_all_the_same),
        TEST(input_pulses_and_is_read),
        TEST(input_comes_before_output_in_iir),
        TEST(the_fifo_holds_64_and_the_console_the_rest),
        TEST(a_driver_that_clears_the_data_first_loses_no_input),
        TEST(a_guest_may_poll),
        TEST(enabling_the_interrupt_tells_of_what_is_there),
        TEST(a_disabled_cause_does_not_pend),
        TEST(loopback_comes_back_and_stays_inside),
        TEST(loopback_carries_the_modem_lines),
        TEST(a_break_is_dropped),
        TEST(abuse_is_survived),
        TEST(state_survives_a_snapshot),
        TEST(a_forged_snapshot_is_refused),
        TEST(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
