// SPDX-License-Identifier: Apache-2.0
/*
 * PL031 clock (ARM DDI 0224C, 3.3): the host's wall time in seconds, plus what
 * the guest has set it off by. The alarm registers hold their values, but the
 * alarm never rings and the interrupt line stays low.
 */

#include "dev/rtc.h"

#include <errno.h>

#include "base/heap.h"
#include "base/macros.h"
#include "base/metrics.h"
#include "host/host.h"

enum {
    RTC_DR = 0x00,   /* the time; read only */
    RTC_MR = 0x04,   /* when the alarm would ring */
    RTC_LR = 0x08,   /* sets the time */
    RTC_CR = 0x0c,   /* bit 0: started; it cannot be stopped */
    RTC_IMSC = 0x10, /* bit 0: alarm interrupt enabled */
    RTC_RIS = 0x14,
    RTC_MIS = 0x18,
    RTC_ICR = 0x1c, /* write only */
    RTC_ID = 0xfe0
};

/* 3.3.9 and 3.3.10: part 0x031 by Arm (0x41), revision 0; a PrimeCell. */
static const uint8_t rtc_id[] = {0x31, 0x10, 0x04, 0x00,
                                 0x0d, 0xf0, 0x05, 0xb1};

struct rtc {
    struct mmio_dev base;
    uint32_t offset; /* what the guest added to our clock, modulo 2^32 */
    uint32_t match, load;
    uint32_t mask;
};

static struct rtc *to_rtc(struct mmio_dev *dev)
{
    return container_of(dev, struct rtc, base);
}

static uint64_t rtc_read(struct mmio_dev *dev, uint64_t reg, unsigned size)
{
    struct rtc *rtc = to_rtc(dev);

    switch (reg) {
    case RTC_DR:
        return (uint32_t)host_wall_s() + rtc->offset;
    case RTC_MR:
        return rtc->match;
    case RTC_LR:
        return rtc->load;
    case RTC_CR:
        return 1;
    case RTC_IMSC:
        return rtc->mask;
    case RTC_RIS:
    case RTC_MIS:
        return 0;
    default:
        if (reg >= RTC_ID)
            return rtc_id[(reg - RTC_ID) / 4];
        return mmio_dev_missed_read(dev, reg, size);
    }
}

static void rtc_write(struct mmio_dev *dev, uint64_t reg, unsigned size,
                      uint64_t value)
{
    struct rtc *rtc = to_rtc(dev);

    switch (reg) {
    case RTC_MR:
        rtc->match = (uint32_t)value;
        break;
    case RTC_LR:
        rtc->load = (uint32_t)value;
        rtc->offset = rtc->load - (uint32_t)host_wall_s();
        break;
    case RTC_IMSC:
        rtc->mask = value & 1;
        break;
    case RTC_CR:
    case RTC_ICR:
        break; /* already started; nothing pends */
    default:
        mmio_dev_missed_write(dev, reg, size, value);
        break;
    }
}

static void rtc_free(struct mmio_dev *dev)
{
    if (!dev)
        return;
    mmio_dev_release(dev);
    heap_free(to_rtc(dev));
}

static const struct field rtc_fields[] = {
    FIELD(struct rtc, offset),
    FIELD(struct rtc, match),
    FIELD(struct rtc, load),
    FIELD(struct rtc, mask),
};

/* No reset: the clock of a board runs on when the board is reset. */
static const struct mmio_ops rtc_ops = {
    .name = "rtc",
    .size = 0x1000,
    .widths = MMIO_32, /* the bus turns away every other width */
    .read = rtc_read,
    .write = rtc_write,
    .free = rtc_free,
    .fields = rtc_fields,
    .num_fields = ARRAY_LEN(rtc_fields),
    .missed_reads = &metrics.rtc.missed_read_count,
    .missed_writes = &metrics.rtc.missed_write_count,
    .errors = &metrics.rtc.error_count,
};

struct mmio_dev *rtc_new(struct err *e)
{
    struct rtc *rtc = heap_zalloc(sizeof(*rtc));

    if (!rtc) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    mmio_dev_init(&rtc->base, &rtc_ops);
    return &rtc->base;
}
