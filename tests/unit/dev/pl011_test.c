// SPDX-License-Identifier: Apache-2.0
/* The PL011 from its driver's side, and from a hostile driver's side. */

#include "dev/pl011.h"

#include "one_device.h"

enum {
    DR = 0x00,
    RSR = 0x04,
    FR = 0x18,
    ILPR = 0x20,
    IBRD = 0x24,
    FBRD = 0x28,
    LCR_H = 0x2c,
    CR = 0x30,
    IFLS = 0x34,
    IMSC = 0x38,
    RIS = 0x3c,
    MIS = 0x40,
    ICR = 0x44,
    DMACR = 0x48
};
enum { RXFE = 0x10, TXFF = 0x20, RXFF = 0x40, TXFE = 0x80 };
enum { RX = 0x10, TX = 0x20, RT = 0x40, BE = 0x200, OE = 0x400 };
enum { ON = 0x301, LOOP = 0x381, FEN = 0x10 };

static const unsigned width = 4;

static struct mmio_dev *make(struct console *c, struct err *e)
{
    return pl011_new(c, e);
}

/* A driver's usual set-up. */
static void open_uart(void)
{
    wr(LCR_H, 0x60 | FEN);
    wr(CR, ON);
    wr(IMSC, RX | RT);
}

static void reset_values_are_those_of_the_manual(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(rd(CR), 0x300);
        assert_int_equal(rd(IFLS), 0x12);
        assert_int_equal(rd(FR) & 0xf8, TXFE | RXFE);
        assert_int_equal(rd(RIS) | rd(MIS) | rd(IMSC) | rd(RSR), 0);
        assert_int_equal(rd(LCR_H) | rd(IBRD) | rd(FBRD) | rd(DMACR), 0);
        for (unsigned reg = ILPR; reg <= DMACR; reg += 4)
            wr(reg, reg == CR ? LOOP : 0xff);
        wr(DR, 'x');
        mmio_bus_reset(g.bus);
        assert_false(g.level);
    }
}

static void it_names_itself_a_primecell_pl011_r1p5(void **state)
{
    (void)state;
    expect_primecell(0x00341011);
}

static void registers_keep_the_bits_they_have(void **state)
{
    static const struct {
        unsigned reg;
        uint64_t mask;
    } regs[] = {{ILPR, 0xff}, {IBRD, 0xffff}, {FBRD, 0x3f},  {LCR_H, 0xff},
                {CR, 0xff87}, {IFLS, 0x3f},   {IMSC, 0x7ff}, {DMACR, 7}};

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(regs); n++) {
        wr(regs[n].reg, 0xffffffff);
        assert_int_equal(rd(regs[n].reg), regs[n].mask);
        wr(regs[n].reg, 0);
        assert_int_equal(rd(regs[n].reg), 0);
    }
}

static void every_width_but_eight_bytes_works(void **state)
{
    (void)state;
    guest_write(&g, DR, 1, 'a');
    guest_write(&g, DR, 2, 'b');
    guest_write(&g, DR, 4, 'c');
    guest_write(&g, DR, 8, 'd');
    assert_string_equal(output(g.console), "abc");
    assert_int_equal(guest_read(&g, 0xfe0, 1), 0x11);
    assert_int_equal(guest_read(&g, FR, 2) & TXFE, TXFE);
    assert_int_equal(guest_read(&g, FR, 8), 0);
    assert_int_equal(g.dev->missed_reads, 1);
    assert_int_equal(g.dev->missed_writes, 1);
}

static void a_write_raises_the_transmit_interrupt_once_cleared(void **state)
{
    (void)state;
    open_uart();
    wr(IMSC, TX);
    assert_false(g.level);
    wr(DR, 'x');
    assert_true(g.level);
    assert_int_equal(rd(MIS), TX);
    assert_int_equal(rd(FR) & TXFF, 0);
    wr(ICR, TX);
    assert_false(g.level);
    wr(DR, 'y');
    assert_true(g.level);
    wr(IMSC, 0);
    assert_false(g.level);
    assert_int_equal(rd(RIS), TX);
}

static void one_character_interrupts_at_once(void **state)
{
    (void)state;
    open_uart();
    assert_false(g.level);
    type(g.console, "a");
    assert_true(g.level);
    assert_int_equal(rd(MIS), RT);
    assert_int_equal(rd(FR) & (RXFE | RXFF), 0);
    assert_int_equal(rd(DR), 'a');
    assert_false(g.level);
    assert_int_equal(rd(FR) & RXFE, RXFE);
    assert_int_equal(rd(DR), 0);
}

static void the_receive_interrupt_follows_its_trigger(void **state)
{
    static const unsigned fills[] = {4, 8, 16, 24, 28};

    (void)state;
    open_uart();
    for (unsigned level = 0; level < 5; level++) {
        wr(IFLS, level << 3);
        for (unsigned n = 1; n < fills[level]; n++)
            type(g.console, "x");
        assert_int_equal(rd(RIS) & RX, 0);
        type(g.console, "x");
        assert_int_equal(rd(RIS) & RX, RX);
        rd(DR);
        assert_int_equal(rd(RIS) & RX, 0);
        assert_int_equal(rd(RIS) & RT, RT);
        while (!(rd(FR) & RXFE))
            rd(DR);
        assert_int_equal(rd(RIS), 0);
    }
}

static void the_fifo_holds_32_and_the_console_the_rest(void **state)
{
    char text[101] = "";

    (void)state;
    for (unsigned n = 0; n < 100; n++)
        text[n] = (char)(' ' + n % 90);
    open_uart();
    type(g.console, text);
    assert_int_equal(rd(FR) & RXFF, RXFF);
    for (unsigned n = 0; n < 100; n++) {
        assert_true(g.level);
        assert_int_equal(rd(DR), (uint8_t)text[n]);
    }
    assert_false(g.level);
    assert_int_equal(rd(RIS) & OE, 0);
}

static void character_mode_holds_one(void **state)
{
    (void)state;
    open_uart();
    wr(LCR_H, 0x60);
    type(g.console, "ab");
    assert_int_equal(rd(FR) & (RXFF | RXFE), RXFF);
    assert_int_equal(rd(RIS), RX | RT);
    assert_int_equal(rd(DR), 'a');
    assert_int_equal(rd(RIS), RX | RT);
    assert_int_equal(rd(DR), 'b');
    assert_int_equal(rd(RIS), 0);
}

static void turning_the_fifo_off_loses_nothing(void **state)
{
    (void)state;
    open_uart();
    type(g.console, "abcd");
    wr(LCR_H, 0x60);
    assert_int_equal(rd(FR) & RXFF, RXFF);
    assert_int_equal(rd(DR), 'a');
    wr(LCR_H, 0x60 | FEN);
    assert_int_equal(rd(DR), 'b');
    assert_int_equal(rd(DR), 'c');
    assert_int_equal(rd(DR), 'd');
}

static void clearing_does_not_lose_what_is_not_read(void **state)
{
    (void)state;
    open_uart();
    type(g.console, "ab");
    rd(DR);
    wr(ICR, 0x7ff);
    assert_true(g.level);
    rd(DR);
    assert_false(g.level);
}

static void a_driver_that_empties_the_fifo_first_loses_no_input(void **state)
{
    (void)state;
    type(g.console, "early");
    wr(IMSC, RX | RT);
    wr(CR, ON);
    rd(FR);
    wr(ICR, RX | RT);
    for (unsigned n = 0; n < 64 && !(rd(FR) & RXFE); n++)
        rd(DR);
    wr(IMSC, RX | RT);
    assert_true(g.level);
    assert_int_equal(rd(DR), 'e');
}

static void a_guest_may_poll(void **state)
{
    (void)state;
    wr(CR, ON);
    assert_int_equal(rd(FR) & RXFE, RXFE);
    type(g.console, "ab");
    assert_int_equal(rd(FR) & RXFE, 0);
    assert_int_equal(rd(DR), 'a');
    assert_int_equal(rd(FR) & RXFE, 0);
    assert_int_equal(rd(DR), 'b');
    assert_int_equal(rd(FR) & RXFE, RXFE);
    assert_false(g.level);
}

static void a_receiver_that_is_off_takes_nothing(void **state)
{
    (void)state;
    type(g.console, "a");
    assert_int_equal(rd(FR) & RXFE, RXFE); /* UARTEN is clear */
    assert_int_equal(rd(DR), 0);
    open_uart();
    assert_int_equal(rd(DR), 'a');
    wr(CR, 0x101);
    type(g.console, "b");
    assert_int_equal(rd(FR) & RXFE, RXFE);
    wr(CR, ON);
    wr(IMSC, RX | RT);
    assert_int_equal(rd(DR), 'b');
}

static void loopback_comes_back_and_stays_inside(void **state)
{
    (void)state;
    open_uart();
    wr(CR, LOOP);
    type(g.console, "z");
    wr(DR, 'a');
    assert_string_equal(output(g.console), "");
    assert_int_equal(rd(DR), 'a');
    assert_int_equal(rd(FR) & RXFE, RXFE);
    wr(CR, ON);
    wr(DR, 'b');
    assert_string_equal(output(g.console), "b");
    assert_int_equal(rd(DR), 'z');
}

static void loopback_carries_the_modem_lines(void **state)
{
    (void)state;
    assert_int_equal(rd(FR) & 0x107, 0x007);
    wr(CR, LOOP | 0xf << 10);
    assert_int_equal(rd(FR) & 0x107, 0x107);
    assert_int_equal(rd(RIS) & 0xf, 0x1); /* only RI is new */
    wr(ICR, 0xf);
    wr(CR, LOOP | 0x5 << 10); /* DTR, OUT1 */
    assert_int_equal(rd(FR) & 0x107, 0x006);
    assert_int_equal(rd(RIS) & 0xf, 0x3);
}

static void an_overrun_is_told_by_the_next_character(void **state)
{
    (void)state;
    wr(LCR_H, FEN);
    wr(CR, LOOP);
    for (unsigned n = 0; n < 33; n++)
        wr(DR, n);
    assert_int_equal(rd(RIS) & OE, OE);
    assert_int_equal(rd(DR), 0);
    wr(DR, 99);
    for (unsigned n = 1; n < 32; n++)
        assert_int_equal(rd(DR), n);
    assert_int_equal(rd(DR), 0x800 | 99);
    assert_int_equal(rd(RSR), 8);
    wr(RSR, 0);
    assert_int_equal(rd(RSR), 0);
}

static void a_break_is_an_error_of_its_character(void **state)
{
    const uint16_t items[] = {'a', CONSOLE_BREAK, 'b'};

    (void)state;
    open_uart();
    console_feed(g.console, items, 3);
    assert_int_equal(rd(RIS) & BE, BE);
    assert_int_equal(rd(DR), 'a');
    assert_int_equal(rd(DR), 0x400);
    assert_int_equal(rd(RSR), 4);
    assert_int_equal(rd(DR), 'b');
    assert_int_equal(rd(RSR), 0);
    wr(ICR, BE);
    assert_int_equal(rd(RIS), 0);
}

static void a_break_in_loopback_comes_back(void **state)
{
    (void)state;
    wr(CR, LOOP);
    wr(LCR_H, 1);
    assert_int_equal(rd(DR), 0x400);
}

static void lost_output_is_counted(void **state)
{
    (void)state;
    for (unsigned n = 0; n < CONSOLE_OUT_BYTES + 5; n++)
        wr(DR, 'x');
    assert_int_equal(g.dev->missed_writes, 5);
    assert_int_equal(console_lost(g.console), 5);
}

enum { STREAM = 100000 };

static void *feed_stream(void *arg)
{
    uint16_t items[100];

    for (unsigned fed = 0; fed < STREAM;) {
        for (unsigned n = 0; n < 100; n++)
            items[n] = (uint16_t)((fed + n) % 251);
        fed += (unsigned)console_feed(arg, items, MIN(100, STREAM - fed));
    }
    return NULL;
}

static void *drain_stream(void *arg)
{
    uint8_t buf[64];

    for (unsigned got = 0; got < STREAM;) {
        size_t count = console_drain(arg, buf, sizeof(buf));

        for (size_t n = 0; n < count; n++, got++) {
            if (buf[n] != got % 251)
                return arg;
        }
    }
    return NULL;
}

/* The guest echoes; two threads of the host are at the other ends. */
static void a_stream_from_another_thread_arrives_in_order(void **state)
{
    pthread_t feeder, drainer;
    void *wrong;

    (void)state;
    open_uart();
    pthread_create(&feeder, NULL, feed_stream, g.console);
    pthread_create(&drainer, NULL, drain_stream, g.console);
    for (unsigned got = 0; got < STREAM;) {
        uint64_t item;

        if (rd(FR) & RXFE)
            continue;
        item = rd(DR);
        assert_int_equal(item, got++ % 251);
        wr(DR, item);
    }
    pthread_join(feeder, NULL);
    pthread_join(drainer, &wrong);
    assert_null(wrong);
}

/* As Linux starts: receiver on, RX and RT cleared, what FR shows thrown away,
   interrupts enabled. Both with and without interrupts on before. */
static void what_was_typed_ahead_survives_the_drivers_start(void **state)
{
    (void)state;
    for (int early = 0; early < 2; early++) {
        wr(LCR_H, 0x60 | FEN);
        type(g.console, "ahead");
        wr(CR, ON);
        wr(IMSC, early ? RX | RT : 0);
        wr(ICR, 0x7f0);
        for (int n = 0; n < 64 && !(rd(FR) & RXFE); n++)
            rd(DR);
        wr(IMSC, RX | RT);
        assert_true(g.level);
        for (const char *c = "ahead"; *c; c++)
            assert_int_equal(rd(DR), *c);
        assert_true(rd(FR) & RXFE);
        wr(CR, 0);
    }
}

/* ... and a guest that only polls sees it nonetheless. */
static void input_is_not_hidden_for_long(void **state)
{
    (void)state;
    wr(CR, ON);
    wr(ICR, 0x7ff);
    type(g.console, "x");
    for (int n = 0; n < 10 && rd(FR) & RXFE; n++)
        ;
    assert_false(rd(FR) & RXFE);
    assert_int_equal(rd(DR), 'x');
}

static void abuse_is_survived(void **state)
{
    (void)state;
    type(g.console, "input");
    guest_abuses(&g);
    mmio_bus_reset(g.bus);
    open_uart();
    assert_true(g.dev->missed_reads > 0);
}

static void state_survives_a_snapshot(void **state)
{
    (void)state;
    open_uart();
    type(g.console, "hello");
    rd(DR);
    go_through_a_snapshot();
    assert_true(g.level);
    assert_int_equal(rd(DR), 'e');
    type(g.console, "!");
    assert_int_equal(rd(DR), 'l');
    rd(DR);
    rd(DR);
    assert_int_equal(rd(DR), '!');
}

static void without_a_console_output_vanishes(void **state)
{
    (void)state;
    tear_down(NULL);
    guest_init(&g, NULL, pl011_new(NULL, NULL));
    open_uart();
    wr(DR, 'x');
    assert_int_equal(rd(DR), 0);
    assert_int_equal(g.dev->missed_writes, 0);
    tear_down(NULL);
    set_up(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reset_values_are_those_of_the_manual),
        TEST(it_names_itself_a_primecell_pl011_r1p5),
        TEST(registers_keep_the_bits_they_have),
        TEST(every_width_but_eight_bytes_works),
        TEST(a_write_raises_the_transmit_interrupt_once_cleared),
        TEST(one_character_interrupts_at_once),
        TEST(the_receive_interrupt_follows_its_trigger),
        TEST(the_fifo_holds_32_and_the_console_the_rest),
        TEST(character_mode_holds_one),
        TEST(turning_the_fifo_off_loses_nothing),
        TEST(clearing_does_not_lose_what_is_not_read),
        TEST(a_driver_that_empties_the_fifo_first_loses_no_input),
        TEST(a_guest_may_poll),
        TEST(a_receiver_that_is_off_takes_nothing),
        TEST(loopback_comes_back_and_stays_inside),
        TEST(loopback_carries_the_modem_lines),
        TEST(an_overrun_is_told_by_the_next_character),
        TEST(a_break_is_an_error_of_its_character),
        TEST(a_break_in_loopback_comes_back),
        TEST(lost_output_is_counted),
        TEST(a_stream_from_another_thread_arrives_in_order),
        TEST(what_was_typed_ahead_survives_the_drivers_start),
        TEST(input_is_not_hidden_for_long),
        TEST(abuse_is_survived),
        TEST(state_survives_a_snapshot),
        TEST(a_forged_snapshot_is_refused),
        TEST(without_a_console_output_vanishes),
        TEST(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
