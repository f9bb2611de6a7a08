// SPDX-License-Identifier: Apache-2.0
#pragma once

/* Driving the GIC (Arm IHI 0069): registers, and what makes one interrupt
   ready to come. Interrupt functions are for the CPU that calls them. */

#include "guest.h"

enum {
    CTLR = 0,
    IGROUPR = 0x80,
    ISENABLER = 0x100,
    ICENABLER = 0x180,
    ISPENDR = 0x200,
    ICPENDR = 0x280,
    ISACTIVER = 0x300,
    ICACTIVER = 0x380,
    IPRIORITYR = 0x400,
    ICFGR = 0xc00,
    IROUTER = 0x6000,
    WAKER = 0x14,
    SGI_FRAME = 0x10000
};
enum { UART = 33, SPARE = 40, SPARE2 = 41, NONE = 1023 };

#define ICC_PMR        s3_0_c4_c6_0
#define ICC_IAR0       s3_0_c12_c8_0
#define ICC_EOIR0      s3_0_c12_c8_1
#define ICC_HPPIR0     s3_0_c12_c8_2
#define ICC_DIR        s3_0_c12_c11_1
#define ICC_RPR        s3_0_c12_c11_3
#define ICC_SGI1R      s3_0_c12_c11_5
#define ICC_IAR1       s3_0_c12_c12_0
#define ICC_EOIR1      s3_0_c12_c12_1
#define ICC_HPPIR1     s3_0_c12_c12_2
#define ICC_BPR1       s3_0_c12_c12_3
#define ICC_CTLR       s3_0_c12_c12_4
#define ICC_SRE        s3_0_c12_c12_5
#define ICC_IGRPEN0    s3_0_c12_c12_6
#define ICC_IGRPEN1    s3_0_c12_c12_7
#define GET(reg)       READ_SYS_(reg)
#define READ_SYS_(reg) READ_SYS(reg)
#define SET(reg, v)   \
    do {              \
        SET_(reg, v); \
        ISB();        \
    } while (0)
#define SET_(reg, v) WRITE_SYS(reg, v)

static inline uint64_t redist(unsigned cpu)
{
    return GICR_BASE + cpu * 0x20000ull;
}

/* The frame that has an interrupt's bit, of this CPU if it is private. */
static inline uint64_t frame_of(unsigned intid)
{
    return intid < 32 ? redist(cpu_index()) + SGI_FRAME : GICD_BASE;
}

static inline void set_bit(unsigned what, unsigned intid)
{
    write32(frame_of(intid) + what + intid / 32 * 4, 1u << intid % 32);
}

static inline bool get_bit(unsigned what, unsigned intid)
{
    return read32(frame_of(intid) + what + intid / 32 * 4) >> intid % 32 & 1;
}

static inline void set_group(unsigned intid, unsigned group)
{
    uint64_t at = frame_of(intid) + IGROUPR + intid / 32 * 4;
    uint32_t bit = 1u << intid % 32;

    write32(at, group ? read32(at) | bit : read32(at) & ~bit);
}

static inline void set_priority(unsigned intid, uint8_t priority)
{
    *(volatile uint8_t *)(frame_of(intid) + IPRIORITYR + intid) = priority;
}

static inline void set_edge(unsigned intid, bool edge)
{
    uint64_t at = frame_of(intid) + ICFGR + intid / 16 * 4;
    uint32_t bit = 2u << intid % 16 * 2;

    write32(at, edge ? read32(at) | bit : read32(at) & ~bit);
}

static inline void settle(void)
{
    DSB();
    ISB();
}

/* Group 1, priority 0xa0, edge for SPIs, to CPU 0, enabled. */
static inline void make_ready(unsigned intid)
{
    set_group(intid, 1);
    set_priority(intid, 0xa0);
    if (intid >= 32) {
        set_edge(intid, true);
        write64(GICD_BASE + IROUTER + intid * 8ull, 0);
    }
    set_bit(ICPENDR, intid);
    set_bit(ICACTIVER, intid);
    set_bit(ISENABLER, intid);
    settle();
}

static inline void done_with(unsigned intid)
{
    set_bit(ICENABLER, intid);
    set_bit(ICPENDR, intid);
    settle();
}

static inline void cpu_interface(void)
{
    uint64_t waker = redist(cpu_index()) + WAKER;

    write32(waker, 0);
    while (read32(waker) & 4)
        ;
    SET(ICC_SRE, 7);
    SET(ICC_PMR, 0xff);
    SET(ICC_BPR1, 0);
    SET(ICC_CTLR, 0);
    SET(ICC_IGRPEN1, 1);
    SET(ICC_IGRPEN0, 1);
}

static inline void gic_begin(void)
{
    write32(GICD_BASE + CTLR, 0x13); /* ARE, both groups */
    cpu_interface();
}

/* A moment with interrupts open. */
static inline void open_up(void)
{
    __asm__ volatile("msr daifclr, #3\nisb\nnop\nnop\nmsr daifset, #3" ::
                         : "memory");
}
