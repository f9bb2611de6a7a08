// SPDX-License-Identifier: Apache-2.0
/* Devices, addresses and interrupts, put together. */

#include "machine/board.h"

#include <errno.h>

#include "dev/pl011.h"
#include "dev/rtc.h"
#include "dev/uart16550.h"
#include "machine/layout.h"

/* `dev` NULL: its constructor has failed and said why. spi 0: no interrupt. */
static int add(struct mmio_bus *bus, const struct board_config *cfg,
               struct mmio_dev *dev, gpa_t addr, unsigned spi, struct err *e)
{
    if (!dev)
        return -ENOMEM;
    if (spi)
        dev->irq = (struct irq_line){
            .set = cfg->spi, .ctx = cfg->ctx, .intid = SPI_TO_INTID(spi)};
    return mmio_bus_add(bus, addr, dev, e);
}

static int add_all(struct mmio_bus *bus, const struct board_config *cfg,
                   struct err *e)
{
    int rc = add(bus, cfg, rtc_new(e), RTC_BASE, 0, e);

    if (rc == 0 && cfg->has_pl011)
        rc =
            add(bus, cfg, pl011_new(cfg->console, e), PL011_BASE, PL011_SPI, e);
    if (rc == 0 && cfg->has_uart16550)
        rc = add(bus, cfg, uart16550_new(cfg->console, e), UART16550_BASE,
                 UART16550_SPI, e);
    if (rc == 0 && cfg->has_boot_timer)
        rc =
            add(bus, cfg, boot_timer_new(cfg->start, e), BOOT_TIMER_BASE, 0, e);
    return rc;
}

struct mmio_bus *board_new(const struct board_config *cfg, struct err *e)
{
    struct mmio_bus *bus = mmio_bus_new(e);

    if (bus && add_all(bus, cfg, e) < 0) {
        mmio_bus_free(bus);
        return NULL;
    }
    return bus;
}
