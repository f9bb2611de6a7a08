// SPDX-License-Identifier: Apache-2.0
/* The queue from the driver's side, and from a hostile driver's side. */

#include "dev/virtq.h"

#include "driver.h"

static struct driver d;
static struct virtq q;
static struct virtq_chain chain;

static int set_up_sized(uint16_t size, bool event_idx)
{
    driver_init(&d, size);
    q = driver_queue(&d);
    return virtq_start(&q, &d.ram, event_idx);
}

static int set_up(void **state)
{
    (void)state;
    return set_up_sized(8, false);
}

static int tear_down(void **state)
{
    (void)state;
    driver_release(&d);
    return 0;
}

static void an_empty_queue_gives_nothing(void **state)
{
    (void)state;
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_EMPTY);
    assert_false(virtq_flush(&q));
}

static void a_queue_not_started_gives_nothing(void **state)
{
    struct virtq idle = driver_queue(&d);

    (void)state;
    driver_desc(&d, 0, DATA_AT, 4, 0, 0);
    driver_offer(&d, 0);
    assert_int_equal(virtq_pop(&idle, &chain), VIRTQ_EMPTY);
    virtq_push(&idle, 0, 0);
    assert_false(virtq_flush(&idle));
}

static void a_chain_comes_as_it_was_offered(void **state)
{
    char text[16] = {0};

    (void)state;
    memcpy(at(&d, DATA_AT, 6), "abcdef", 6);
    memcpy(at(&d, DATA_AT + 0x100, 2), "gh", 2);
    driver_desc(&d, 5, DATA_AT, 6, D_NEXT, 2);
    driver_desc(&d, 2, DATA_AT + 0x100, 2, D_NEXT, 7);
    driver_desc(&d, 7, DATA_AT + 0x200, 10, D_WRITE | D_NEXT, 0);
    driver_desc(&d, 0, DATA_AT + 0x300, 20, D_WRITE, 99);
    driver_offer(&d, 5);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
    assert_int_equal(chain.head, 5);
    assert_int_equal(chain.num_out, 2);
    assert_int_equal(chain.num_in, 2);
    assert_int_equal(chain.out_bytes, 8);
    assert_int_equal(chain.in_bytes, 30);
    assert_int_equal(chain.gpa[3], DATA_AT + 0x300);
    assert_int_equal(virtq_read(&chain, 4, text, sizeof(text)), 4);
    assert_string_equal(text, "efgh");
    assert_int_equal(virtq_write(&chain, 8, "xyz", 3), 3);
    assert_memory_equal(at(&d, DATA_AT + 0x208, 2), "xy", 2);
    assert_memory_equal(at(&d, DATA_AT + 0x300, 1), "z", 1);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_EMPTY);
}

static void what_is_pushed_is_seen_when_flushed(void **state)
{
    (void)state;
    driver_desc(&d, 3, DATA_AT, 4, D_WRITE, 0);
    driver_offer(&d, 3);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
    virtq_done(&q, &chain, 4);
    assert_int_equal(driver_used(&d), 0);
    assert_true(virtq_flush(&q));
    assert_int_equal(driver_used(&d), 1);
    assert_int_equal(driver_used_at(&d, 0).id, 3);
    assert_int_equal(driver_used_at(&d, 0).len, 4);
    assert_false(virtq_flush(&q));
}

static void what_was_written_is_dirty(void **state)
{
    (void)state;
    assert_int_equal(gmem_track_start(&d.ram, 4096, NULL), 0);
    driver_desc(&d, 0, DATA_AT, 4096, D_WRITE | D_NEXT, 1);
    driver_desc(&d, 1, DATA_AT + 0x2000, 4096, D_WRITE, 0);
    driver_offer(&d, 0);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
    virtq_done(&q, &chain, 4097);
    virtq_flush(&q);
    assert_true(gmem_take_dirty(&d.ram, DATA_AT));
    assert_true(gmem_take_dirty(&d.ram, DATA_AT + 0x2000));
    assert_false(gmem_take_dirty(&d.ram, DATA_AT + 0x1000));
    assert_false(gmem_take_dirty(&d.ram, DATA_AT + 0x3000));
    assert_true(gmem_take_dirty(&d.ram, USED_AT));
}

static void a_pop_can_be_taken_back(void **state)
{
    (void)state;
    driver_desc(&d, 1, DATA_AT, 4, 0, 0);
    driver_offer(&d, 1);
    for (unsigned n = 0; n < 3; n++) {
        assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
        assert_int_equal(chain.head, 1);
        virtq_unpop(&q);
    }
}

/* Far enough that all indices wrap around 2^16. */
static void the_indices_wrap_around(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 70000; n++) {
        driver_desc(&d, n % 8, DATA_AT, 4, D_WRITE, 0);
        driver_offer(&d, n % 8);
        assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
        assert_int_equal(chain.head, n % 8);
        virtq_done(&q, &chain, n % 5);
        assert_true(virtq_flush(&q));
        assert_int_equal(driver_used_at(&d, n).len, n % 5);
    }
    assert_int_equal(driver_used(&d), (uint16_t)70000);
}

static void a_full_queue_is_not_too_much(void **state)
{
    (void)state;
    for (uint16_t n = 0; n < 8; n++) {
        driver_desc(&d, n, DATA_AT, 4, 0, 0);
        driver_offer(&d, n);
    }
    for (unsigned n = 0; n < 8; n++)
        assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_EMPTY);
}

static void a_chain_may_have_all_descriptors(void **state)
{
    (void)state;
    for (uint16_t n = 0; n < 8; n++)
        driver_desc(&d, n, DATA_AT, 4, n < 7 ? D_NEXT : 0, n + 1);
    driver_offer(&d, 0);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
    assert_int_equal(chain.num_out, 8);
}

static void a_buffer_may_end_where_ram_ends(void **state)
{
    (void)state;
    driver_desc(&d, 0, RAM_END - 16, 16, D_NEXT, 1);
    driver_desc(&d, 1, RAM_AT, (uint32_t)RAM_BYTES, D_WRITE, 0);
    driver_offer(&d, 0);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
    assert_int_equal(chain.in_bytes, RAM_BYTES);
}

static void a_buffer_may_be_empty(void **state)
{
    (void)state;
    driver_desc(&d, 0, DATA_AT, 0, D_NEXT, 1);
    driver_desc(&d, 1, DATA_AT, 3, 0, 0);
    driver_offer(&d, 0);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
    assert_int_equal(chain.out_bytes, 3);
}

/* --- suppression --- */

static void the_driver_can_refuse_interrupts(void **state)
{
    (void)state;
    put16(&d, AVAIL_AT, 1); /* VIRTQ_AVAIL_F_NO_INTERRUPT */
    driver_desc(&d, 0, DATA_AT, 4, 0, 0);
    driver_offer(&d, 0);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
    virtq_push(&q, chain.head, 0);
    assert_false(virtq_flush(&q));
    assert_int_equal(driver_used(&d), 1);
}

static void no_notification_is_wanted_while_there_is_work(void **state)
{
    (void)state;
    driver_desc(&d, 0, DATA_AT, 4, 0, 0);
    driver_offer(&d, 0);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
    assert_int_equal(get16(&d, USED_AT), 1); /* VIRTQ_USED_F_NO_NOTIFY */
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_EMPTY);
    assert_int_equal(get16(&d, USED_AT), 0);
}

static void with_event_indices_the_device_asks_for_the_next(void **state)
{
    (void)state;
    driver_release(&d);
    assert_int_equal(set_up_sized(8, true), 0);
    for (unsigned n = 0; n < 3; n++) {
        driver_desc(&d, 0, DATA_AT, 4, 0, 0);
        driver_offer(&d, 0);
    }
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
    assert_int_equal(driver_avail_event(&d), 0);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_EMPTY);
    assert_int_equal(driver_avail_event(&d), 3);
    assert_int_equal(get16(&d, USED_AT), 0); /* the flag has no meaning */
}

static void with_event_indices_the_driver_says_when(void **state)
{
    /* used_event, chains in the batch, interrupt? from index 0 */
    static const struct {
        uint16_t event, batch;
        bool wants;
    } rows[] = {{0, 1, true},  {1, 1, false}, {1, 2, true}, {7, 8, true},
                {8, 8, false}, {0, 8, true},  {3, 8, true}, {0xffff, 8, false}};

    (void)state;
    for (unsigned r = 0; r < ARRAY_LEN(rows); r++) {
        driver_release(&d);
        assert_int_equal(set_up_sized(8, true), 0);
        driver_used_event(&d, rows[r].event);
        put16(&d, AVAIL_AT, 1); /* no meaning, either */
        for (unsigned n = 0; n < rows[r].batch; n++) {
            driver_desc(&d, 0, DATA_AT, 4, 0, 0);
            driver_offer(&d, 0);
            assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
            virtq_push(&q, 0, 0);
        }
        assert_int_equal(virtq_flush(&q), rows[r].wants);
    }
}

/* --- hostile drivers --- */

static void expect_broken(void)
{
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_BROKEN);
    assert_non_null(q.broken);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_BROKEN); /* for good */
    virtq_push(&q, 0, 0);
    assert_false(virtq_flush(&q));
    assert_int_equal(driver_used(&d), 0);
}

static void a_chain_that_loops_is_refused(void **state)
{
    (void)state;
    driver_desc(&d, 0, DATA_AT, 16, D_NEXT, 1);
    driver_desc(&d, 1, DATA_AT, 16, D_NEXT, 0);
    driver_offer(&d, 0);
    expect_broken();
}

static void a_descriptor_that_is_its_own_next_is_refused(void **state)
{
    (void)state;
    driver_desc(&d, 4, DATA_AT, 16, D_WRITE | D_NEXT, 4);
    driver_offer(&d, 4);
    expect_broken();
}

static void a_head_outside_the_table_is_refused(void **state)
{
    (void)state;
    driver_offer(&d, 8);
    expect_broken();
}

static void a_next_outside_the_table_is_refused(void **state)
{
    (void)state;
    driver_desc(&d, 0, DATA_AT, 16, D_NEXT, 0xffff);
    driver_offer(&d, 0);
    expect_broken();
}

static void more_chains_than_places_are_refused(void **state)
{
    (void)state;
    driver_desc(&d, 0, DATA_AT, 16, 0, 0);
    put16(&d, AVAIL_AT + 2, 9);
    expect_broken();
}

static void an_index_that_goes_back_is_refused(void **state)
{
    (void)state;
    put16(&d, AVAIL_AT + 2, 0xffff);
    expect_broken();
}

static void an_indirect_table_is_refused(void **state)
{
    (void)state;
    driver_desc(&d, 0, DATA_AT, 16, D_INDIRECT, 0);
    driver_offer(&d, 0);
    expect_broken();
}

static void readable_behind_writable_is_refused(void **state)
{
    (void)state;
    driver_desc(&d, 0, DATA_AT, 16, D_WRITE | D_NEXT, 1);
    driver_desc(&d, 1, DATA_AT, 16, 0, 0);
    driver_offer(&d, 0);
    expect_broken();
}

static void buffers_outside_ram_are_refused(void **state)
{
    static const struct {
        gpa_t addr;
        uint32_t len;
    } rows[] = {
        {RAM_END - 16, 17},       {RAM_END, 1},        {RAM_END + 1, 0},
        {RAM_AT - 1, 2},          {RAM_AT - 1, 0},     {0, 1},
        {UINT64_MAX, 1},          {UINT64_MAX - 3, 8}, {RAM_AT, UINT32_MAX},
        {UINT64_MAX, UINT32_MAX}, {1ull << 63, 4096},  {RAM_AT, RAM_BYTES + 1}};

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        driver_release(&d);
        assert_int_equal(set_up_sized(8, false), 0);
        driver_desc(&d, 0, rows[n].addr, rows[n].len, D_WRITE, 0);
        driver_offer(&d, 0);
        expect_broken();
    }
}

static void a_descriptor_changed_after_the_check_changes_nothing(void **state)
{
    (void)state;
    driver_desc(&d, 0, DATA_AT, 16, D_WRITE, 0);
    driver_offer(&d, 0);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_CHAIN);
    driver_desc(&d, 0, UINT64_MAX, UINT32_MAX, D_INDIRECT, 0xffff);
    assert_int_equal(virtq_write(&chain, 0, "0123456789abcdefgh", 18), 16);
    virtq_done(&q, &chain, 18);
    assert_true(virtq_flush(&q));
    assert_int_equal(driver_used_at(&d, 0).id, 0);
}

static void rings_that_cannot_be_are_refused(void **state)
{
    static const struct {
        uint16_t size;
        gpa_t desc, avail, used;
    } rows[] = {
        {0, DESC_AT, AVAIL_AT, USED_AT},
        {3, DESC_AT, AVAIL_AT, USED_AT},
        {512, DESC_AT, AVAIL_AT, USED_AT},
        {0xffff, DESC_AT, AVAIL_AT, USED_AT},
        {8, DESC_AT + 8, AVAIL_AT, USED_AT},
        {8, DESC_AT, AVAIL_AT + 1, USED_AT},
        {8, DESC_AT, AVAIL_AT, USED_AT + 2},
        {8, 0, AVAIL_AT, USED_AT},
        {8, DESC_AT, 0, USED_AT},
        {8, DESC_AT, AVAIL_AT, 0},
        {8, RAM_END - 8 * 16 + 16, AVAIL_AT, USED_AT},
        {8, DESC_AT, RAM_END - 20, USED_AT},
        {8, DESC_AT, AVAIL_AT, RAM_END - 68},
        {8, UINT64_MAX - 15, AVAIL_AT, USED_AT},
        {8, DESC_AT, UINT64_MAX - 1, USED_AT},
        {8, DESC_AT, AVAIL_AT, UINT64_MAX - 3},
    };

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        struct virtq bad = {.max_size = VIRTQ_MAX_SIZE,
                            .size = rows[n].size,
                            .desc = rows[n].desc,
                            .avail = rows[n].avail,
                            .used = rows[n].used};

        assert_true(virtq_start(&bad, &d.ram, true) < 0);
        assert_non_null(bad.broken);
        assert_int_equal(virtq_pop(&bad, &chain), VIRTQ_BROKEN);
    }
}

static void rings_may_end_where_ram_ends(void **state)
{
    struct virtq last = driver_queue(&d);

    (void)state;
    last.used = RAM_END - 72; /* 4 + 8 * 8 + 2, and 2 for the alignment */
    assert_int_equal(virtq_start(&last, &d.ram, true), 0);
    last.avail = RAM_END - 22;
    assert_int_equal(virtq_start(&last, &d.ram, true), 0);
    last.desc = RAM_END - 128;
    assert_int_equal(virtq_start(&last, &d.ram, true), 0);
}

/* Rings that lie on top of each other harm only the guest. */
static void rings_on_top_of_each_other_do_no_harm(void **state)
{
    struct virtq mad = driver_queue(&d);

    (void)state;
    mad.avail = mad.used = mad.desc;
    assert_int_equal(virtq_start(&mad, &d.ram, true), 0);
    for (unsigned n = 0; n < 100; n++) {
        put16(&d, DESC_AT + 2, (uint16_t)n);
        if (virtq_pop(&mad, &chain) == VIRTQ_CHAIN)
            virtq_done(&mad, &chain, 64);
        virtq_flush(&mad);
    }
}

static void a_reset_queue_is_as_new(void **state)
{
    (void)state;
    driver_offer(&d, 99);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_BROKEN);
    virtq_reset(&q);
    assert_int_equal(q.max_size, VIRTQ_MAX_SIZE);
    assert_int_equal(q.size, 0);
    assert_null(q.broken);
    assert_int_equal(virtq_pop(&q, &chain), VIRTQ_EMPTY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_queue_gives_nothing),
        TEST(a_queue_not_started_gives_nothing),
        TEST(a_chain_comes_as_it_was_offered),
        TEST(what_is_pushed_is_seen_when_flushed),
        TEST(what_was_written_is_dirty),
        TEST(a_pop_can_be_taken_back),
        TEST(the_indices_wrap_around),
        TEST(a_full_queue_is_not_too_much),
        TEST(a_chain_may_have_all_descriptors),
        TEST(a_buffer_may_end_where_ram_ends),
        TEST(a_buffer_may_be_empty),
        TEST(the_driver_can_refuse_interrupts),
        TEST(no_notification_is_wanted_while_there_is_work),
        TEST(with_event_indices_the_device_asks_for_the_next),
        TEST(with_event_indices_the_driver_says_when),
        TEST(a_chain_that_loops_is_refused),
        TEST(a_descriptor_that_is_its_own_next_is_refused),
        TEST(a_head_outside_the_table_is_refused),
        TEST(a_next_outside_the_table_is_refused),
        TEST(more_chains_than_places_are_refused),
        TEST(an_index_that_goes_back_is_refused),
        TEST(an_indirect_table_is_refused),
        TEST(readable_behind_writable_is_refused),
        TEST(buffers_outside_ram_are_refused),
        TEST(a_descriptor_changed_after_the_check_changes_nothing),
        TEST(rings_that_cannot_be_are_refused),
        TEST(rings_may_end_where_ram_ends),
        TEST(rings_on_top_of_each_other_do_no_harm),
        TEST(a_reset_queue_is_as_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
