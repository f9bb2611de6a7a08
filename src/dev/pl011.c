// SPDX-License-Identifier: Apache-2.0
/*
 * PL011 r1p5 (ARM DDI 0183G): the whole register file, 32-byte receive FIFO,
 * character mode, loopback, modem lines, all interrupts on one line.
 *
 * Transmission takes no time: the transmit FIFO is always empty. The line has
 * no speed either, so that the receive timeout (32 bit periods without
 * a new character) is over as soon as a character has come. Not here: DMA,
 * IrDA, parity and framing errors, the integration test registers.
 */

#include "dev/pl011.h"

#include <errno.h>

#include "base/heap.h"
#include "base/macros.h"
#include "base/metrics.h"

/* 3.2, table 3-1. */
enum {
    REG_DR = 0x000,
    REG_RSR = 0x004, /* ECR when written */
    REG_FR = 0x018,
    REG_ILPR = 0x020,
    REG_IBRD = 0x024,
    REG_FBRD = 0x028,
    REG_LCR_H = 0x02c,
    REG_CR = 0x030,
    REG_IFLS = 0x034,
    REG_IMSC = 0x038,
    REG_RIS = 0x03c,
    REG_MIS = 0x040,
    REG_ICR = 0x044,
    REG_DMACR = 0x048,
    REG_ID = 0xfe0
};

/* 3.3.1: errors of a received character; 3.3.2 has them 8 bits lower. */
enum { DR_BE = 1 << 10, DR_OE = 1 << 11, DR_ERRORS = 0xf00 };

/* 3.3.3 */
enum {
    FR_CTS = 1 << 0,
    FR_DSR = 1 << 1,
    FR_DCD = 1 << 2,
    FR_RXFE = 1 << 4,
    FR_RXFF = 1 << 6,
    FR_TXFE = 1 << 7,
    FR_RI = 1 << 8
};

enum { DRAIN_READS = 4 };

enum { LCR_BRK = 1 << 0, LCR_FEN = 1 << 4 }; /* 3.3.7 */

/* 3.3.8 */
enum {
    CR_UARTEN = 1 << 0,
    CR_LBE = 1 << 7,
    CR_TXE = 1 << 8,
    CR_RXE = 1 << 9,
    CR_DTR = 1 << 10,
    CR_RTS = 1 << 11,
    CR_OUT1 = 1 << 12,
    CR_OUT2 = 1 << 13,
    CR_MASK = 0xff87
};

/* 3.3.10 to 3.3.13 */
enum {
    INT_RI = 1 << 0,
    INT_CTS = 1 << 1,
    INT_DCD = 1 << 2,
    INT_DSR = 1 << 3,
    INT_RX = 1 << 4,
    INT_TX = 1 << 5,
    INT_RT = 1 << 6,
    INT_BE = 1 << 9,
    INT_OE = 1 << 10,
    INT_MASK = 0x7ff
};

enum { FIFO_ITEMS = 32 }; /* r1p5; it was 16 until r1p4 */

/* 3.3.15 to 3.3.22: part 0x011 by Arm (0x41), revision 3; a PrimeCell. */
static const uint8_t pl011_id[] = {0x11, 0x10, 0x34, 0x00,
                                   0x0d, 0xf0, 0x05, 0xb1};

struct pl011 {
    struct mmio_dev base;
    struct console *console; /* borrowed; NULL: none */
    struct console_rx rx;
    uint8_t open;     /* the console was told that the receiver is on */
    uint8_t settling; /* it is, but has not taken input yet */
    uint8_t draining; /* reads of FR that still show an empty FIFO */
    uint8_t line;     /* level of the interrupt line */

    uint16_t cr;
    uint16_t imsc, ris;
    uint16_t ibrd;
    uint8_t fbrd, ilpr, lcr_h, ifls, dmacr;
    uint8_t rsr;
    uint8_t overrun; /* the next character that is kept tells of it */
    uint8_t fifo_head, fifo_len;
    uint16_t fifo[FIFO_ITEMS]; /* as DR gives them, with the error bits */
};

static struct pl011 *to_pl011(struct mmio_dev *dev)
{
    return container_of(dev, struct pl011, base);
}

static void update_line(struct pl011 *u)
{
    uint8_t line = (u->ris & u->imsc) != 0;

    if (line == u->line)
        return;
    u->line = line;
    irq_line_set(&u->base.irq, line);
}

/* Character mode (3.3.7, FEN) is a FIFO of one. */
static unsigned fifo_depth(const struct pl011 *u)
{
    return u->lcr_h & LCR_FEN ? FIFO_ITEMS : 1;
}

/* The fill that raises the receive interrupt: 3.3.9. */
static unsigned rx_trigger(const struct pl011 *u)
{
    static const uint8_t eighths[] = {1, 2, 4, 6, 7, 7, 7, 7};

    if (!(u->lcr_h & LCR_FEN))
        return 1;
    return eighths[BITS(u->ifls, 5, 3)] * FIFO_ITEMS / 8u;
}

/* Full: the character is lost and the overrun is noted (3.3.1, OE). */
static void fifo_push(struct pl011 *u, uint16_t item)
{
    if (u->fifo_len >= fifo_depth(u)) {
        u->overrun = 1;
        u->ris |= INT_OE;
        return;
    }
    if (u->overrun)
        item |= DR_OE;
    u->overrun = 0;
    u->fifo[(u->fifo_head + u->fifo_len) % FIFO_ITEMS] = item;
    u->fifo_len++;
    u->ris |= INT_RT;
    if (item & DR_BE)
        u->ris |= INT_BE;
    if (u->fifo_len >= rx_trigger(u))
        u->ris |= INT_RX;
}

static uint16_t fifo_pop(struct pl011 *u)
{
    uint16_t item;

    if (u->fifo_len == 0)
        return 0;
    item = u->fifo[u->fifo_head];
    u->fifo_head = (uint8_t)((u->fifo_head + 1u) % FIFO_ITEMS);
    u->fifo_len--;
    if (u->fifo_len == 0)
        u->ris &= (uint16_t)~INT_RT;
    if (u->fifo_len < rx_trigger(u))
        u->ris &= (uint16_t)~INT_RX;
    return item;
}

/* Whether characters come in from outside: 3.3.8. */
static bool receiver_on(const struct pl011 *u)
{
    return (u->cr & CR_UARTEN) && (u->cr & CR_RXE) && !(u->cr & CR_LBE);
}

static bool receiver_has_irq(const struct pl011 *u)
{
    return u->imsc & (INT_RX | INT_RT);
}

/* A guest without receive interrupts may be reading by polling; then input is
   shown in FR but stays in the console until it reads DR. A driver that throws
   away what it finds in the FIFO while it starts up loses nothing that way. */
static bool receiver_polled(const struct pl011 *u)
{
    return receiver_on(u) && !receiver_has_irq(u);
}

/* Tells the console when the guest has turned the receiver on or off. */
static void update_open(struct pl011 *u)
{
    bool on = receiver_on(u) && receiver_has_irq(u);

    if (on && !u->open) {
        u->open = u->settling = 1;
        console_open(u->console, &u->rx);
    } else if (!on && u->open) {
        u->open = u->settling = 0;
        console_close(u->console, &u->rx);
    }
}

static void take_input(struct pl011 *u)
{
    uint16_t items[FIFO_ITEMS];
    unsigned room = fifo_depth(u) - MIN(u->fifo_len, fifo_depth(u));
    size_t count = console_take(u->console, &u->rx, items, room);

    for (size_t n = 0; n < count; n++)
        fifo_push(u, items[n] == CONSOLE_BREAK ? DR_BE : items[n]);
}

/* Drivers turn the receiver on, look at FR, clear all interrupts, empty the
   FIFO until FR shows it empty, and only then mean it. So input waits in the
   console until another register is written, and is not thrown away. */
static void settle(struct pl011 *u, uint64_t reg)
{
    if (!u->settling || reg == REG_CR || reg == REG_ICR)
        return;
    u->settling = 0;
    take_input(u);
}

/* On the host's thread. */
static void input_arrived(void *ctx)
{
    struct pl011 *u = ctx;

    pthread_mutex_lock(&u->base.lock);
    if (u->open) {
        u->settling = 0;
        take_input(u);
        update_line(u);
    }
    pthread_mutex_unlock(&u->base.lock);
}

static uint64_t read_dr(struct pl011 *u)
{
    uint16_t item;

    if (u->fifo_len == 0 && receiver_polled(u))
        take_input(u);
    item = fifo_pop(u);
    u->rsr = (uint8_t)(item >> 8);
    if (u->open && !u->settling)
        take_input(u);
    return item;
}

static void write_dr(struct pl011 *u, uint8_t byte)
{
    if (u->cr & CR_LBE)
        fifo_push(u, byte); /* loopback, 3.3.8: what goes out comes in */
    else if (!console_put(u->console, byte))
        u->base.missed_writes++;
    u->ris |= INT_TX; /* it has already left */
}

/* The modem's lines: its own are always ready, looped they are our outputs
   (3.3.8, LBE). */
static unsigned modem_lines(const struct pl011 *u)
{
    if (!(u->cr & CR_LBE))
        return FR_CTS | FR_DSR | FR_DCD;
    return (u->cr & CR_RTS ? FR_CTS : 0u) | (u->cr & CR_DTR ? FR_DSR : 0u) |
           (u->cr & CR_OUT1 ? FR_DCD : 0u) | (u->cr & CR_OUT2 ? FR_RI : 0u);
}

static uint64_t read_fr(struct pl011 *u)
{
    unsigned fr = FR_TXFE | modem_lines(u);

    if (u->draining) {
        u->draining--;
        return fr | FR_RXFE;
    }
    if (u->fifo_len >= fifo_depth(u))
        fr |= FR_RXFF;
    if (u->fifo_len == 0 &&
        !(receiver_polled(u) && console_has_input(u->console, &u->rx)))
        fr |= FR_RXFE;
    return fr;
}

static void write_cr(struct pl011 *u, uint16_t value)
{
    unsigned before = modem_lines(u), changed;

    u->cr = value & CR_MASK;
    changed = before ^ modem_lines(u);
    u->ris |= (uint16_t)((changed & FR_CTS ? INT_CTS : 0) |
                         (changed & FR_DSR ? INT_DSR : 0) |
                         (changed & FR_DCD ? INT_DCD : 0) |
                         (changed & FR_RI ? INT_RI : 0));
    update_open(u);
}

static void write_lcr_h(struct pl011 *u, uint8_t value)
{
    uint8_t risen = value & (uint8_t)~u->lcr_h;

    u->lcr_h = value;
    if ((risen & LCR_BRK) && (u->cr & CR_LBE))
        fifo_push(u, DR_BE);
    if (u->open && !u->settling)
        take_input(u); /* the FIFO may have become deeper */
}

static void write_imsc(struct pl011 *u, uint16_t value)
{
    u->imsc = value & INT_MASK;
    update_open(u);
}

/* What is still in the FIFO has its timeout again, at once: a driver that
   reads first and clears then misses no character. One that clears both
   receive interrupts is starting, and will now empty the FIFO of what it takes
   for line noise. Here it is what somebody typed ahead, so for a moment the
   FIFO looks empty: until the driver writes something else, or, for a guest
   that polls, a few reads long. */
static void write_icr(struct pl011 *u, uint16_t value)
{
    u->ris &= (uint16_t)~value;
    if (u->fifo_len > 0)
        u->ris |= INT_RT;
    if ((value & INT_RX) && (value & INT_RT))
        u->draining = DRAIN_READS;
}

static uint64_t read_reg(struct pl011 *u, uint64_t reg, unsigned size)
{
    switch (reg) {
    case REG_DR:
        return read_dr(u);
    case REG_RSR:
        return u->rsr;
    case REG_FR:
        return read_fr(u);
    case REG_ILPR:
        return u->ilpr;
    case REG_IBRD:
        return u->ibrd;
    case REG_FBRD:
        return u->fbrd;
    case REG_LCR_H:
        return u->lcr_h;
    case REG_CR:
        return u->cr;
    case REG_IFLS:
        return u->ifls;
    case REG_IMSC:
        return u->imsc;
    case REG_RIS:
        return u->ris;
    case REG_MIS:
        return u->ris & u->imsc;
    case REG_DMACR:
        return u->dmacr;
    default:
        if (reg >= REG_ID && reg % 4 == 0)
            return pl011_id[(reg - REG_ID) / 4];
        return mmio_dev_missed_read(&u->base, reg, size);
    }
}

static uint64_t pl011_read(struct mmio_dev *dev, uint64_t reg, unsigned size)
{
    struct pl011 *u = to_pl011(dev);
    uint64_t value = read_reg(u, reg, size);

    update_line(u);
    return value;
}

static void pl011_write(struct mmio_dev *dev, uint64_t reg, unsigned size,
                        uint64_t value)
{
    struct pl011 *u = to_pl011(dev);

    switch (reg) {
    case REG_DR:
        write_dr(u, (uint8_t)value);
        break;
    case REG_RSR:
        u->rsr = 0;
        break;
    case REG_ILPR:
        u->ilpr = (uint8_t)value;
        break;
    case REG_IBRD:
        u->ibrd = (uint16_t)value;
        break;
    case REG_FBRD:
        u->fbrd = value & 0x3f;
        break;
    case REG_LCR_H:
        write_lcr_h(u, (uint8_t)value);
        break;
    case REG_CR:
        write_cr(u, (uint16_t)value);
        break;
    case REG_IFLS:
        u->ifls = value & 0x3f;
        break;
    case REG_IMSC:
        write_imsc(u, (uint16_t)value);
        break;
    case REG_ICR:
        write_icr(u, (uint16_t)value);
        break;
    case REG_DMACR:
        u->dmacr = value & 7;
        break;
    default:
        mmio_dev_missed_write(dev, reg, size, value);
        break;
    }
    if (reg != REG_CR && reg != REG_ICR)
        u->draining = 0;
    settle(u, reg);
    update_line(u);
}

/* The reset values of table 3-1. */
static void pl011_reset(struct mmio_dev *dev)
{
    struct pl011 *u = to_pl011(dev);

    u->cr = CR_TXE | CR_RXE;
    u->ifls = 0x12;
    u->imsc = u->ris = u->ibrd = 0;
    u->fbrd = u->ilpr = u->lcr_h = u->dmacr = u->rsr = 0;
    u->overrun = u->fifo_head = u->fifo_len = u->draining = 0;
    update_open(u);
    update_line(u);
}

/* A snapshot is a stranger's: what indexes must be in range. */
static int pl011_restored(struct mmio_dev *dev, struct err *e)
{
    struct pl011 *u = to_pl011(dev);

    if (u->fifo_head >= FIFO_ITEMS || u->fifo_len > FIFO_ITEMS)
        return err_set(e, -EINVAL, "pl011: impossible FIFO of %u at %u",
                       u->fifo_len, u->fifo_head);
    u->cr &= CR_MASK;
    u->imsc &= INT_MASK;
    u->ris &= INT_MASK;
    update_open(u);
    update_line(u);
    return 0;
}

static void pl011_free(struct mmio_dev *dev)
{
    struct pl011 *u;

    if (!dev)
        return;
    u = to_pl011(dev);
    console_detach(u->console, &u->rx);
    mmio_dev_release(dev);
    heap_free(u);
}

static const struct field pl011_fields[] = {
    FIELD(struct pl011, cr),       FIELD(struct pl011, imsc),
    FIELD(struct pl011, ris),      FIELD(struct pl011, ibrd),
    FIELD(struct pl011, fbrd),     FIELD(struct pl011, ilpr),
    FIELD(struct pl011, lcr_h),    FIELD(struct pl011, ifls),
    FIELD(struct pl011, dmacr),    FIELD(struct pl011, rsr),
    FIELD(struct pl011, overrun),  FIELD(struct pl011, fifo_head),
    FIELD(struct pl011, fifo_len), FIELD_ARRAY(struct pl011, fifo),
};

static const struct mmio_ops pl011_ops = {
    .name = "pl011",
    .size = 0x1000,
    .widths = MMIO_8 | MMIO_16 | MMIO_32,
    .read = pl011_read,
    .write = pl011_write,
    .reset = pl011_reset,
    .free = pl011_free,
    .fields = pl011_fields,
    .num_fields = ARRAY_LEN(pl011_fields),
    .restored = pl011_restored,
    .missed_reads = &metrics.uart.missed_read_count,
    .missed_writes = &metrics.uart.missed_write_count,
};

struct mmio_dev *pl011_new(struct console *console, struct err *e)
{
    struct pl011 *u = heap_zalloc(sizeof(*u));

    if (!u) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    mmio_dev_init(&u->base, &pl011_ops);
    u->console = console;
    u->rx = (struct console_rx){.arrived = input_arrived, .ctx = u};
    pl011_reset(&u->base);
    console_attach(console, &u->rx);
    return &u->base;
}
