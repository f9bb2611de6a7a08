// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * How a guest learns that it is not alone: the VM generation ID (16 random
 * bytes, Microsoft's, with Linux's device tree binding) and the VM clock
 * (Amazon's, the vmclock ABI of Linux), both in the first 2 MiB of RAM. Each
 * restore of a snapshot changes them and raises their interrupts, and the
 * guest makes new random numbers and does not trust its clock.
 */

#include "mem/gmem.h"

/* The structure at VMCLOCK_BASE, which the guest maps. It says that there is a
   generation counter, and nothing of the time. */
struct vmclock {
    uint32_t magic;
    uint32_t size; /* of the page */
    uint16_t version;
    uint8_t counter_id;
    uint8_t time_type;

    /* What follows changes only while the count is odd. */
    uint32_t seq_count;
    uint64_t disruption_marker;
    uint64_t flags;
    uint8_t pad[2];
    uint8_t clock_status;
    uint8_t leap_second_smearing_hint;
    uint16_t tai_offset_sec;
    uint8_t leap_indicator;
    uint8_t counter_period_shift;
    uint64_t counter_value;
    uint64_t counter_period_frac_sec;
    uint64_t counter_period_esterror_rate_frac_sec;
    uint64_t counter_period_maxerror_rate_frac_sec;
    uint64_t time_sec;
    uint64_t time_frac_sec;
    uint64_t time_esterror_nanosec;
    uint64_t time_maxerror_nanosec;
    uint64_t vm_generation_counter;
};

/* For a machine that starts: a new ID, generation 0. False: there is no RAM
   where they belong. */
bool vmgen_init(struct gmem *ram);

/* For one that is restored, before it runs: a new ID, the next generation.
   Then the interrupts, by `spi` as in struct board_config. What is in RAM may
   be a stranger's: it is not relied on. */
bool vmgen_changed(struct gmem *ram,
                   void (*spi)(void *ctx, unsigned intid, bool level),
                   void *ctx);
