// SPDX-License-Identifier: Apache-2.0
/*
 * The 16550A subset of Firecracker (TI PC16550D, 8.0, for the names): one-byte
 * registers without gaps, a receive FIFO of 64 bytes that is always on, FCR
 * ignored, a transmitter that is always empty, interrupts as edges. Reading
 * IIR clears all that pends. Not here: line errors, break, modem interrupts.
 */

#include "dev/uart16550.h"

#include <errno.h>

#include "base/heap.h"
#include "base/macros.h"
#include "base/metrics.h"

enum {
    REG_DATA = 0, /* RBR, THR; divisor's low byte with DLAB */
    REG_IER = 1,  /* divisor's high byte with DLAB */
    REG_IIR = 2,  /* FCR when written */
    REG_LCR = 3,
    REG_MCR = 4,
    REG_LSR = 5,
    REG_MSR = 6,
    REG_SCR = 7
};

enum { IER_RDA = 1 << 0, IER_THRE = 1 << 1, IER_MASK = 0x0f };
enum { IIR_NONE = 1, IIR_THRE = 2, IIR_RDA = 4, IIR_FIFO = 0xc0 };
enum { LCR_8N1 = 0x03, LCR_DLAB = 1 << 7 };
enum { LSR_DR = 1 << 0, LSR_IDLE = 0x60 /* THRE and TEMT */ };
enum { MSR_READY = 0xb0 /* DCD, DSR, CTS */ };

enum {
    MCR_DTR = 1 << 0,
    MCR_RTS = 1 << 1,
    MCR_OUT1 = 1 << 2,
    MCR_OUT2 = 1 << 3,
    MCR_LOOP = 1 << 4,
    MCR_MASK = 0x1f
};

enum { FIFO_BYTES = 64, DIVISOR_9600 = 12 };

struct uart16550 {
    struct mmio_dev base;
    struct console *console; /* borrowed; NULL: none */
    struct console_rx rx;
    uint8_t open;  /* the console was told that the receiver is on */
    uint8_t polls; /* reads of LSR in a row, up to 2 */

    uint8_t pending; /* of IER's bits: what IIR has not told yet */
    uint8_t ier, lcr, mcr, scr;
    uint16_t divisor;
    uint8_t fifo_head, fifo_len;
    uint8_t fifo[FIFO_BYTES];
};

static struct uart16550 *to_uart(struct mmio_dev *dev)
{
    return container_of(dev, struct uart16550, base);
}

static void raise(struct uart16550 *u, uint8_t cause)
{
    if (!(u->ier & cause))
        return;
    u->pending |= cause;
    irq_line_pulse(&u->base.irq);
}

static bool fifo_push(struct uart16550 *u, uint8_t byte)
{
    if (u->fifo_len >= FIFO_BYTES)
        return false;
    u->fifo[(u->fifo_head + u->fifo_len) % FIFO_BYTES] = byte;
    u->fifo_len++;
    return true;
}

static uint8_t fifo_pop(struct uart16550 *u)
{
    uint8_t byte = u->fifo[u->fifo_head];

    u->fifo_head = (uint8_t)((u->fifo_head + 1u) % FIFO_BYTES);
    u->fifo_len--;
    return byte;
}

/* A break cannot be told in this subset: it is dropped. */
static void take_input(struct uart16550 *u)
{
    uint16_t items[FIFO_BYTES];
    size_t room = (size_t)(FIFO_BYTES - u->fifo_len), count;
    bool came = false;

    count = console_take(u->console, &u->rx, items, room);
    for (size_t n = 0; n < count; n++)
        came |= items[n] != CONSOLE_BREAK && fifo_push(u, (uint8_t)items[n]);
    if (came)
        raise(u, IER_RDA);
}

/* The receiver is open while its interrupt is enabled, and in loopback it is
   connected to our own transmitter. */
static void update_open(struct uart16550 *u)
{
    bool on = (u->ier & IER_RDA) && !(u->mcr & MCR_LOOP);

    if (on && !u->open) {
        u->open = 1;
        console_open(u->console, &u->rx);
        take_input(u);
    } else if (!on && u->open) {
        u->open = 0;
        console_close(u->console, &u->rx);
    }
}

/* On the host's thread. */
static void input_arrived(void *ctx)
{
    struct uart16550 *u = ctx;

    pthread_mutex_lock(&u->base.lock);
    if (u->open)
        take_input(u);
    pthread_mutex_unlock(&u->base.lock);
}

/*
 * A guest without receive interrupts may be reading by polling: it reads LSR
 * again and again. Drivers that start up read LSR once, and then the data to
 * throw it away. So input is shown from the second LSR in a row on, and stays
 * in the console until the data are read.
 */
static bool polled_input(struct uart16550 *u)
{
    return u->fifo_len == 0 && u->polls >= 2 && !(u->ier & IER_RDA) &&
           !(u->mcr & MCR_LOOP) && console_has_input(u->console, &u->rx);
}

static uint8_t read_data(struct uart16550 *u)
{
    uint8_t byte = 0;

    if (polled_input(u))
        take_input(u);
    if (u->fifo_len > 0)
        byte = fifo_pop(u);
    if (u->fifo_len == 0) {
        u->pending &= (uint8_t)~IER_RDA;
        if (u->open)
            take_input(u);
    }
    return byte;
}

/* Told even when the byte was lost: the guest must not wait for the host. */
static void write_data(struct uart16550 *u, uint8_t byte)
{
    if (u->mcr & MCR_LOOP) {
        if (fifo_push(u, byte))
            raise(u, IER_RDA);
        else
            u->base.missed_writes++;
    } else if (!console_put(u->console, byte)) {
        u->base.missed_writes++;
    }
    raise(u, IER_THRE);
}

/* Input is the more urgent one of two causes (PC16550D, table IV). */
static uint8_t read_iir(struct uart16550 *u)
{
    uint8_t cause = u->pending & IER_RDA    ? IIR_RDA
                    : u->pending & IER_THRE ? IIR_THRE
                                            : IIR_NONE;

    u->pending = 0;
    return cause | IIR_FIFO;
}

static void write_ier(struct uart16550 *u, uint8_t value)
{
    uint8_t risen = value & (uint8_t)~u->ier;

    u->ier = value & IER_MASK;
    u->pending &= u->ier;
    if ((risen & IER_RDA) && u->fifo_len > 0)
        raise(u, IER_RDA);
    if (risen & IER_THRE)
        raise(u, IER_THRE); /* it is empty already */
    update_open(u);
}

/* Looped, the modem's lines are our own outputs. */
static uint8_t read_msr(const struct uart16550 *u)
{
    unsigned m = u->mcr;

    if (!(m & MCR_LOOP))
        return MSR_READY;
    return (uint8_t)((m & MCR_RTS ? 1u << 4 : 0) | (m & MCR_DTR ? 1u << 5 : 0) |
                     (m & MCR_OUT1 ? 1u << 6 : 0) |
                     (m & MCR_OUT2 ? 1u << 7 : 0));
}

static uint8_t read_lsr(struct uart16550 *u)
{
    if (u->polls < 2)
        u->polls++;
    return u->fifo_len > 0 || polled_input(u) ? LSR_IDLE | LSR_DR : LSR_IDLE;
}

static uint64_t read_reg(struct uart16550 *u, uint64_t reg, unsigned size)
{
    bool dlab = u->lcr & LCR_DLAB;

    switch (reg) {
    case REG_DATA:
        return dlab ? (u->divisor & 0xff) : read_data(u);
    case REG_IER:
        return dlab ? u->divisor >> 8 : u->ier;
    case REG_IIR:
        return read_iir(u);
    case REG_LCR:
        return u->lcr;
    case REG_MCR:
        return u->mcr;
    case REG_LSR:
        return read_lsr(u);
    case REG_MSR:
        return read_msr(u);
    case REG_SCR:
        return u->scr;
    default:
        return mmio_dev_missed_read(&u->base, reg, size);
    }
}

static uint64_t uart16550_read(struct mmio_dev *dev, uint64_t reg,
                               unsigned size)
{
    struct uart16550 *u = to_uart(dev);
    uint64_t value = read_reg(u, reg, size);

    if (reg != REG_LSR)
        u->polls = 0;
    return value;
}

static void uart16550_write(struct mmio_dev *dev, uint64_t reg, unsigned size,
                            uint64_t value)
{
    struct uart16550 *u = to_uart(dev);
    uint8_t byte = (uint8_t)value;
    bool dlab = u->lcr & LCR_DLAB;

    u->polls = 0;
    switch (reg) {
    case REG_DATA:
        if (dlab)
            u->divisor = (uint16_t)((u->divisor & 0xff00) | byte);
        else
            write_data(u, byte);
        break;
    case REG_IER:
        if (dlab)
            u->divisor = (uint16_t)((u->divisor & 0xff) | byte << 8);
        else
            write_ier(u, byte);
        break;
    case REG_IIR:
        break; /* FCR */
    case REG_LCR:
        u->lcr = byte;
        break;
    case REG_MCR:
        u->mcr = byte & MCR_MASK;
        update_open(u);
        break;
    case REG_SCR:
        u->scr = byte;
        break;
    default: /* LSR and MSR cannot be written, either */
        mmio_dev_missed_write(dev, reg, size, value);
        break;
    }
}

static void uart16550_reset(struct mmio_dev *dev)
{
    struct uart16550 *u = to_uart(dev);

    u->ier = u->pending = u->scr = u->polls = 0;
    u->lcr = LCR_8N1;
    u->mcr = MCR_OUT2;
    u->divisor = DIVISOR_9600;
    u->fifo_head = u->fifo_len = 0;
    update_open(u);
}

/* A snapshot is a stranger's: what indexes must be in range. */
static int uart16550_restored(struct mmio_dev *dev, struct err *e)
{
    struct uart16550 *u = to_uart(dev);

    if (u->fifo_head >= FIFO_BYTES || u->fifo_len > FIFO_BYTES)
        return err_set(e, -EINVAL, "uart16550: impossible FIFO of %u at %u",
                       u->fifo_len, u->fifo_head);
    u->ier &= IER_MASK;
    u->mcr &= MCR_MASK;
    u->pending &= u->ier;
    update_open(u);
    return 0;
}

static void uart16550_free(struct mmio_dev *dev)
{
    struct uart16550 *u;

    if (!dev)
        return;
    u = to_uart(dev);
    console_detach(u->console, &u->rx);
    mmio_dev_release(dev);
    heap_free(u);
}

static const struct field uart16550_fields[] = {
    FIELD(struct uart16550, pending),    FIELD(struct uart16550, ier),
    FIELD(struct uart16550, lcr),        FIELD(struct uart16550, mcr),
    FIELD(struct uart16550, scr),        FIELD(struct uart16550, divisor),
    FIELD(struct uart16550, fifo_head),  FIELD(struct uart16550, fifo_len),
    FIELD_ARRAY(struct uart16550, fifo),
};

static const struct mmio_ops uart16550_ops = {
    .name = "uart16550",
    .size = 0x1000,
    .widths = MMIO_8,
    .read = uart16550_read,
    .write = uart16550_write,
    .reset = uart16550_reset,
    .free = uart16550_free,
    .fields = uart16550_fields,
    .num_fields = ARRAY_LEN(uart16550_fields),
    .restored = uart16550_restored,
    .missed_reads = &metrics.uart.missed_read_count,
    .missed_writes = &metrics.uart.missed_write_count,
};

struct mmio_dev *uart16550_new(struct console *console, struct err *e)
{
    struct uart16550 *u = heap_zalloc(sizeof(*u));

    if (!u) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    mmio_dev_init(&u->base, &uart16550_ops);
    u->console = console;
    u->rx = (struct console_rx){.arrived = input_arrived, .ctx = u};
    uart16550_reset(&u->base);
    console_attach(console, &u->rx);
    return &u->base;
}
