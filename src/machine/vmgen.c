// SPDX-License-Identifier: Apache-2.0
/* The generation of a VM. */

#include "machine/vmgen.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/macros.h"
#include "host/host.h"
#include "machine/layout.h"

enum { MAGIC = 0x4b4c4356 /* "VCLK" */, VERSION = 1, NO_COUNTER = 255 };

/* There is a generation counter, and an interrupt when it changes. */
#define FLAG_VM_GEN_COUNTER (1ull << 8)
#define FLAG_NOTIFICATION   (1ull << 9)

static_assert(offsetof(struct vmclock, seq_count) == 12, "vmclock ABI");
static_assert(offsetof(struct vmclock, clock_status) == 34, "vmclock ABI");
static_assert(offsetof(struct vmclock, counter_value) == 40, "vmclock ABI");
static_assert(offsetof(struct vmclock, vm_generation_counter) == 104,
              "vmclock ABI");
static_assert(sizeof(struct vmclock) == 112, "vmclock ABI");

static bool new_id(struct gmem *ram)
{
    uint8_t id[VMGENID_SIZE];

    host_random(id, sizeof(id));
    return gmem_write(ram, VMGENID_BASE, id, sizeof(id));
}

bool vmgen_init(struct gmem *ram)
{
    const struct vmclock clock = {
        .magic = MAGIC,
        .size = (uint32_t)VMCLOCK_SIZE,
        .version = VERSION,
        .counter_id = NO_COUNTER,
        .flags = FLAG_VM_GEN_COUNTER | FLAG_NOTIFICATION,
    };

    return new_id(ram) && gmem_write(ram, VMCLOCK_BASE, &clock, sizeof(clock));
}

/* The guest does not run: it finds the count even, and another one. */
static bool next_generation(struct gmem *ram)
{
    struct vmclock clock;

    if (!gmem_read(ram, VMCLOCK_BASE, &clock, sizeof(clock)))
        return false;
    clock.disruption_marker++;
    clock.vm_generation_counter++;
    clock.flags |= FLAG_VM_GEN_COUNTER | FLAG_NOTIFICATION;
    clock.seq_count = (clock.seq_count | 1) + 1;
    return gmem_write(ram, VMCLOCK_BASE, &clock, sizeof(clock));
}

bool vmgen_changed(struct gmem *ram,
                   void (*spi)(void *ctx, unsigned intid, bool level),
                   void *ctx)
{
    static const unsigned spis[] = {VMGENID_SPI, VMCLOCK_SPI};

    if (!new_id(ram) || !next_generation(ram))
        return false;
    for (unsigned n = 0; n < ARRAY_LEN(spis); n++) {
        spi(ctx, SPI_TO_INTID(spis[n]), true);
        spi(ctx, SPI_TO_INTID(spis[n]), false);
    }
    return true;
}
