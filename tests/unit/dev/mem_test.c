// SPDX-License-Identifier: Apache-2.0
/* The memory device: blocks that come and go. */

#include "dev/mem.h"

#include <errno.h>

#include "base/metrics.h"
#include "driver.h"

#define FAR_FROM     0x8000000000ull
#define FAR_TO       0x8100000000ull
#define BLOCK        (2 * MIB)
#define SLOT         (128 * MIB)
#define TOTAL        (512 * MIB)
#define INACCESSIBLE 2
#define ANSWER_AT    (DATA_AT + 0x1000)

enum { PLUG, UNPLUG, UNPLUG_ALL, STATE };
enum { ACK, NACK, BUSY, ERROR };
enum { PLUGGED, UNPLUGGED, MIXED };
enum { CFG_USABLE = 32, CFG_PLUGGED = 40, CFG_REQUESTED = 48 };

static struct driver d;
static struct virtio_dev *dev;

static const struct mem_setup usual = {.total = TOTAL,
                                       .slot = SLOT,
                                       .block = BLOCK,
                                       .from = FAR_FROM,
                                       .to = FAR_TO};

static int set_up(void **state)
{
    (void)state;
    memset(&metrics.memory_hotplug, 0, sizeof(metrics.memory_hotplug));
    driver_init(&d, 16);
    dev = mem_new(&usual, NULL, &d.ram, NULL);
    driver_attach(&d, dev);
    driver_start(&d, INACCESSIBLE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    heap_fail_after(-1);
    driver_release(&d);
    return 0;
}

static uint64_t config64(unsigned offset)
{
    return rd(&d, 0x100 + offset) | (uint64_t)rd(&d, 0x104 + offset) << 32;
}

/* The type of the answer; its state goes to *state_out. */
static unsigned ask_state(unsigned type, uint64_t addr, unsigned blocks,
                          unsigned *state_out)
{
    uint16_t words[12] = {(uint16_t)type};
    uint16_t used = driver_used(&d), answer[5];

    memcpy(&words[4], &addr, 8);
    words[8] = (uint16_t)blocks;
    memcpy(at(&d, DATA_AT, 24), words, 24);
    memset(at(&d, ANSWER_AT, 10), 0x5a, 10);
    driver_desc(&d, 0, DATA_AT, 24, D_NEXT, 1);
    driver_desc(&d, 1, ANSWER_AT, 10, D_WRITE, 0);
    driver_offer(&d, 0);
    driver_notify(&d);
    assert_int_equal(driver_used(&d), (uint16_t)(used + 1));
    assert_int_equal(driver_used_at(&d, used).len, 10);
    memcpy(answer, at(&d, ANSWER_AT, 10), 10);
    if (state_out)
        *state_out = answer[4];
    return answer[0];
}

static unsigned ask(unsigned type, uint64_t addr, unsigned blocks)
{
    return ask_state(type, addr, blocks, NULL);
}

static unsigned state_at(uint64_t addr, unsigned blocks)
{
    unsigned state;

    assert_int_equal(ask_state(STATE, addr, blocks, &state), ACK);
    return state;
}

static void request(uint64_t bytes)
{
    assert_int_equal(mem_request(dev, bytes, NULL), 0);
}

static void its_config_says_what_there_is(void **state)
{
    (void)state;
    assert_int_equal(config64(0), BLOCK);
    assert_int_equal(config64(8), 0); /* node */
    assert_int_equal(config64(16), FAR_FROM);
    assert_int_equal(config64(24), TOTAL);
    assert_int_equal(config64(CFG_USABLE), 0);
    assert_int_equal(config64(CFG_PLUGGED), 0);
    assert_int_equal(config64(CFG_REQUESTED), 0);
    assert_int_equal(config64(56), 0);
    assert_null(gmem_at(&d.ram, FAR_FROM, 1));
}

static void what_is_requested_may_be_plugged_and_no_more(void **state)
{
    struct mem_status s;

    (void)state;
    request(8 * MIB);
    assert_true(d.interrupts >= 1);
    assert_int_equal(config64(CFG_REQUESTED), 8 * MIB);
    assert_int_equal(config64(CFG_USABLE), SLOT);
    assert_int_equal(ask(PLUG, FAR_FROM + 64 * MIB, 3), ACK);
    assert_int_equal(config64(CFG_PLUGGED), 6 * MIB);
    assert_non_null(gmem_at(&d.ram, FAR_FROM + 64 * MIB, 6 * MIB));
    assert_int_equal(ask(PLUG, FAR_FROM, 2), NACK);
    assert_int_equal(ask(PLUG, FAR_FROM, 1), ACK);
    s = mem_status(dev);
    assert_int_equal(s.plugged, 8 * MIB);
    assert_int_equal(s.requested, 8 * MIB);
    assert_int_equal(s.total, TOTAL);
    assert_int_equal(s.slot, SLOT);
    assert_int_equal(s.block, BLOCK);
    assert_int_equal(metric_get(&metrics.memory_hotplug.plug_count), 3);
    assert_int_equal(metric_get(&metrics.memory_hotplug.plug_fails), 1);
    assert_int_equal(metric_get(&metrics.memory_hotplug.plug_bytes), 8 * MIB);
}

static void what_was_unplugged_is_gone(void **state)
{
    (void)state;
    request(TOTAL);
    assert_int_equal(ask(PLUG, FAR_FROM, 4), ACK);
    assert_true(gmem_write(&d.ram, FAR_FROM, "squib", 5));
    assert_int_equal(ask(UNPLUG, FAR_FROM, 2), ACK);
    assert_null(gmem_at(&d.ram, FAR_FROM, 1));
    assert_non_null(gmem_at(&d.ram, FAR_FROM + 4 * MIB, 4 * MIB));
    assert_int_equal(config64(CFG_PLUGGED), 4 * MIB);
    assert_int_equal(state_at(FAR_FROM, 2), UNPLUGGED);
    assert_int_equal(state_at(FAR_FROM, 3), MIXED);
    assert_int_equal(state_at(FAR_FROM + 4 * MIB, 2), PLUGGED);
    assert_int_equal(ask(PLUG, FAR_FROM, 1), ACK);
    assert_int_equal(*(char *)gmem_at(&d.ram, FAR_FROM, 1), 0);
}

static void ranges_that_make_no_sense_are_errors(void **state)
{
    static const struct {
        uint64_t addr;
        unsigned blocks;
    } bad[] = {
        {FAR_FROM, 0},
        {FAR_FROM + MIB, 1},
        {FAR_FROM + 1, 1},
        {FAR_FROM - BLOCK, 1},
        {FAR_FROM + SLOT, 1},         /* not usable yet */
        {FAR_FROM + SLOT - BLOCK, 2}, /* likewise, in part */
        {FAR_FROM, 65535},
        {0, 1},
        {UINT64_MAX - BLOCK + 1, 1},
        {RAM_AT, 1},
    };

    (void)state;
    request(SLOT);
    for (unsigned n = 0; n < ARRAY_LEN(bad); n++)
        for (unsigned type = PLUG; type <= STATE; type++)
            if (type != UNPLUG_ALL)
                assert_int_equal(ask(type, bad[n].addr, bad[n].blocks), ERROR);
    assert_int_equal(config64(CFG_PLUGGED), 0);
    assert_int_equal(ask(PLUG, FAR_FROM + SLOT - BLOCK, 1), ACK);
    assert_int_equal(metric_get(&metrics.memory_hotplug.state_fails),
                     ARRAY_LEN(bad));
}

static void blocks_come_once_and_go_once(void **state)
{
    (void)state;
    request(TOTAL);
    assert_int_equal(ask(UNPLUG, FAR_FROM, 1), ERROR);
    assert_int_equal(ask(PLUG, FAR_FROM + BLOCK, 1), ACK);
    assert_int_equal(ask(PLUG, FAR_FROM + BLOCK, 1), ERROR);
    assert_int_equal(ask(PLUG, FAR_FROM, 3), ERROR); /* one is there */
    assert_int_equal(ask(UNPLUG, FAR_FROM, 2), ERROR);
    assert_int_equal(config64(CFG_PLUGGED), BLOCK);
    assert_int_equal(ask(UNPLUG, FAR_FROM + BLOCK, 1), ACK);
    assert_int_equal(ask(UNPLUG, FAR_FROM + BLOCK, 1), ERROR);
}

static void only_unplug_all_shrinks_what_is_usable(void **state)
{
    unsigned told;

    (void)state;
    request(TOTAL);
    assert_int_equal(config64(CFG_USABLE), TOTAL);
    assert_int_equal(ask(PLUG, FAR_FROM + TOTAL - BLOCK, 1), ACK);
    assert_int_equal(ask(PLUG, FAR_FROM, 3), ACK);
    request(2 * MIB);
    assert_int_equal(config64(CFG_USABLE), TOTAL);
    assert_int_equal(ask(STATE, FAR_FROM + TOTAL - BLOCK, 1), ACK);
    told = d.interrupts;
    assert_int_equal(ask(UNPLUG_ALL, 0, 0), ACK);
    assert_int_equal(config64(CFG_USABLE), SLOT);
    assert_int_equal(config64(CFG_PLUGGED), 0);
    assert_null(gmem_at(&d.ram, FAR_FROM, 1));
    assert_null(gmem_at(&d.ram, FAR_FROM + TOTAL - BLOCK, 1));
    assert_true(d.interrupts >= told + 1);
    assert_int_equal(ask(STATE, FAR_FROM + TOTAL - BLOCK, 1), ERROR);
    assert_int_equal(ask(PLUG, FAR_FROM, 1), ACK);
}

static void impossible_sizes_are_refused(void **state)
{
    struct err e;

    (void)state;
    assert_int_equal(mem_request(dev, TOTAL + BLOCK, &e), -EINVAL);
    assert_int_equal(mem_request(dev, MIB, &e), -EINVAL);
    assert_non_null(strstr(e.text, "Size 1048576 is invalid: it must be a "
                                   "multiple of block size and less than the "
                                   "total size"));
    assert_int_equal(config64(CFG_REQUESTED), 0);
    request(TOTAL);
    request(0);
}

static void a_reset_changes_nothing_about_the_memory(void **state)
{
    (void)state;
    request(TOTAL);
    assert_int_equal(ask(PLUG, FAR_FROM, 1), ACK);
    assert_true(gmem_write(&d.ram, FAR_FROM, "squib", 5));
    driver_start(&d, INACCESSIBLE);
    assert_int_equal(config64(CFG_PLUGGED), BLOCK);
    assert_int_equal(*(char *)gmem_at(&d.ram, FAR_FROM, 1), 's');
}

static void a_driver_that_reads_what_is_not_there_is_turned_away(void **state)
{
    (void)state;
    driver_start(&d, 0);
    assert_int_equal(rd(&d, 0x70) & 64, 64);
    assert_int_equal(metric_get(&metrics.memory_hotplug.activate_fails), 1);
}

static void requests_of_another_type_or_shape_fail(void **state)
{
    (void)state;
    request(TOTAL);
    assert_int_equal(ask(4, FAR_FROM, 1), ERROR);
    assert_int_equal(ask(0xffff, FAR_FROM, 1), ERROR);
    driver_desc(&d, 0, DATA_AT, 7, D_NEXT, 1);
    driver_desc(&d, 1, ANSWER_AT, 10, D_WRITE, 0);
    driver_offer(&d, 0);
    driver_notify(&d);
    assert_int_equal(driver_used_at(&d, 2).len, 0);
    driver_desc(&d, 0, DATA_AT, 24, D_NEXT, 1);
    driver_desc(&d, 1, ANSWER_AT, 9, D_WRITE, 0);
    driver_offer(&d, 0);
    driver_notify(&d);
    assert_int_equal(driver_used_at(&d, 3).len, 0);
    assert_int_equal(metric_get(&metrics.memory_hotplug.queue_event_fails), 4);
}

/* A request in pieces, and one that ends with its range missing. */
static void a_request_may_come_in_pieces(void **state)
{
    uint16_t answer;
    uint64_t addr = FAR_FROM;

    (void)state;
    request(TOTAL);
    memset(at(&d, DATA_AT, 24), 0, 24);
    memcpy(at(&d, DATA_AT + 8, 8), &addr, 8);
    *(uint8_t *)at(&d, DATA_AT + 16, 1) = 1;
    driver_desc(&d, 0, DATA_AT, 11, D_NEXT, 1);
    driver_desc(&d, 1, DATA_AT + 11, 13, D_NEXT, 2);
    driver_desc(&d, 2, ANSWER_AT, 1, D_WRITE | D_NEXT, 3);
    driver_desc(&d, 3, ANSWER_AT + 1, 9, D_WRITE, 0);
    driver_offer(&d, 0);
    driver_notify(&d);
    memcpy(&answer, at(&d, ANSWER_AT, 2), 2);
    assert_int_equal(answer, ACK);
    assert_non_null(gmem_at(&d.ram, FAR_FROM, BLOCK));
    driver_desc(&d, 0, DATA_AT, 16, D_NEXT, 2);
    driver_offer(&d, 0);
    driver_notify(&d);
    memcpy(&answer, at(&d, ANSWER_AT, 2), 2);
    assert_int_equal(answer, ERROR);
}

/* Where its own answer would go, is unplugged by the request. */
static void an_answer_into_memory_that_just_went_harms_nobody(void **state)
{
    (void)state;
    request(TOTAL);
    assert_int_equal(ask(PLUG, FAR_FROM, 1), ACK);
    memset(at(&d, DATA_AT, 24), 0, 24);
    *(uint8_t *)at(&d, DATA_AT, 1) = UNPLUG_ALL;
    driver_desc(&d, 0, DATA_AT, 24, D_NEXT, 1);
    driver_desc(&d, 1, FAR_FROM, 10, D_WRITE, 0);
    driver_offer(&d, 0);
    driver_notify(&d);
    assert_int_equal(driver_used(&d), 2);
    assert_int_equal(config64(CFG_PLUGGED), 0);
    assert_int_equal(ask(PLUG, FAR_FROM, 1), ACK);
    assert_int_equal(*(char *)gmem_at(&d.ram, FAR_FROM, 1), 0);
}

static void where_there_is_no_room_or_memory_there_is_no_device(void **state)
{
    struct mem_setup cfg = usual;
    struct virtio_dev *made = NULL;
    struct err e;

    (void)state;
    cfg.total = FAR_TO - FAR_FROM;
    assert_null(mem_new(&cfg, NULL, &d.ram, &e));
    assert_int_equal(e.code, -ENOSPC);
    for (long n = 0; n < 10 && !made; n++) {
        heap_fail_after(n);
        made = mem_new(&usual, NULL, &d.ram, &e);
        heap_fail_after(-1);
        assert_int_equal(d.ram.num_regions, made ? 3 : 2);
    }
    assert_non_null(made);
    made->ops->free(made);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(its_config_says_what_there_is),
        TEST(what_is_requested_may_be_plugged_and_no_more),
        TEST(what_was_unplugged_is_gone),
        TEST(ranges_that_make_no_sense_are_errors),
        TEST(blocks_come_once_and_go_once),
        TEST(only_unplug_all_shrinks_what_is_usable),
        TEST(impossible_sizes_are_refused),
        TEST(a_reset_changes_nothing_about_the_memory),
        TEST(a_driver_that_reads_what_is_not_there_is_turned_away),
        TEST(requests_of_another_type_or_shape_fail),
        TEST(a_request_may_come_in_pieces),
        TEST(an_answer_into_memory_that_just_went_harms_nobody),
        TEST(where_there_is_no_room_or_memory_there_is_no_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
