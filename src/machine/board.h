// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The devices of the board at their places, with their interrupts connected.
 */

#include <stdbool.h>

#include "base/err.h"
#include "dev/boot_timer.h"
#include "dev/console.h"
#include "dev/mmio.h"

struct board_config {
    struct console *console; /* borrowed; NULL: output is dropped */
    bool has_pl011;
    bool has_uart16550;
    bool has_boot_timer;
    struct boot_start start; /* what the boot timer counts from */

    /* An SPI's input line; called on any thread. */
    void (*spi)(void *ctx, unsigned intid, bool level);
    void *ctx; /* borrowed */
};

/* The bus with everything on it; owned by the caller. NULL: why in *e. */
struct mmio_bus *board_new(const struct board_config *cfg, struct err *e);
