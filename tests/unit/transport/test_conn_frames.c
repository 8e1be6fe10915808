/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: bytes arrive in pieces of any size, and frames are delivered whole. Large frames are
 * assembled in buffers in proportion to the bytes received. An oversized frame ends the connection
 * or is discarded. A held consumer gets nothing until it is released, then everything in order, eof
 * last. Without memory, reading stops and continues later. A frame that finds no memory is
 * discarded, and the next one is delivered.
 */
#include "conn_world.h"
#include "wire_limits.h"

static void test_frames_are_whole_for_all_sizes_of_pieces(void **state)
{
    static const uint32_t lens[] = {1, 300, 0, 5, 70000, 2, 65536, 100000, 1};
    static uint8_t bytes[400000];
    size_t len = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
        len += put_frame(bytes + len, lens[i], (uint8_t)(i * 11));
    for (size_t piece = 1; piece < 200000; piece = piece * 3 + 1) {
        struct relay_conn *c = admit("127.0.0.1");
        struct consumer *k = &consumers[consumer_count - 1];
        bool wants;

        rt_conn_set_frame_max(k->conn, LIM_FRAME_MAX, LIM_FRAME_MAX);
        assert_int_equal(deliver(c, bytes, len, piece, &wants), len);
        assert_false(wants);
        assert_int_equal(k->frames, sizeof(lens) / sizeof(lens[0]));
        for (uint32_t i = 0; i < k->frames; i++) {
            assert_int_equal(k->lens[i], lens[i]);
            if (lens[i])
                assert_int_equal(k->first[i], (uint8_t)(i * 11));
        }
        plugin_closed(c, RELAY_END_PEER);
        assert_int_equal(k->endings, 1);
    }
}

static void test_small_frames_need_no_buffer(void **state)
{
    struct relay_conn *c = admit("127.0.0.1");
    uint8_t bytes[600];
    size_t len = put_frame(bytes, 500, 1);
    bool wants;

    (void)state;
    deliver(c, bytes, 4, 4, &wants);
    assert_true(wants);
    assert_int_equal(rt_buf_live(), 0);
    deliver(c, bytes + 4, len - 4, 500, &wants);
    assert_false(wants);
    assert_int_equal(consumers[0].frames, 1);
    assert_false(consumers[0].was_owned[0]);
    plugin_closed(c, RELAY_END_PEER);
}

static void test_buffers_grow_with_the_bytes_received(void **state)
{
    static uint8_t bytes[1100000];
    struct relay_conn *c = admit("127.0.0.1");
    size_t len = put_frame(bytes, 1000000, 9), at = 0;

    (void)state;
    rt_conn_set_frame_max(consumers[0].conn, LIM_FRAME_MAX, LIM_FRAME_MAX);
    while (at + 1000 < len) {
        at += deliver(c, bytes + at, 1000, 1000, NULL);
        assert_true(rt_budget_used() <= (at < 3300 ? 33000 : 10 * at));
    }
    deliver(c, bytes + at, len - at, 4000, NULL);
    assert_int_equal(consumers[0].frames, 1);
    assert_int_equal(consumers[0].lens[0], 1000000);
    assert_true(consumers[0].was_owned[0]);
    plugin_closed(c, RELAY_END_PEER);
}

/* A chunk of content and its head: a little more than a power of two. */
static void test_a_buffer_more_than_half_is_all_of_it(void **state)
{
    static uint8_t bytes[300000];
    struct relay_conn *c = admit("127.0.0.1");
    size_t len = put_frame(bytes, 262200, 9), at = 0;

    (void)state;
    rt_conn_set_frame_max(consumers[0].conn, LIM_FRAME_MAX, LIM_FRAME_MAX);
    while (at < 30000)
        at += deliver(c, bytes + at, 1000, 1000, NULL);
    assert_in_range(rt_budget_used(), 30000, 36000);
    while (at < 36000)
        at += deliver(c, bytes + at, 1000, 1000, NULL);
    assert_in_range(rt_budget_used(), 262200, 263000);
    deliver(c, bytes + at, len - at, 4000, NULL);
    assert_int_equal(consumers[0].lens[0], 262200);
    plugin_closed(c, RELAY_END_PEER);
}

static void test_oversize_ends_and_too_big_to_keep_is_discarded(void **state)
{
    static uint8_t bytes[200000];
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];
    size_t len;

    (void)state;
    rt_conn_set_frame_max(k->conn, 100000, 1000);
    len = put_frame(bytes, 100000, 1);
    len += put_frame(bytes + len, 7, 3);
    assert_int_equal(deliver(c, bytes, len, 5000, NULL), len);
    assert_int_equal(k->discarded, 1);
    assert_int_equal(k->frames, 1);
    assert_int_equal(k->lens[0], 7);
    assert_int_equal(rt_buf_live(), 0);
    put_frame(bytes, 100001, 1);
    deliver(c, bytes, 4, 4, NULL);
    assert_int_equal(k->endings, 0);
    turn(0);
    assert_int_equal(k->endings, 1);
    assert_int_equal(k->how, RT_CONN_END_OVERSIZE);
    assert_true(c->is_closed);
    plugin_closed(c, RELAY_END_LOCAL);
    assert_int_equal(k->endings, 1);
}

static void test_held_consumer_gets_nothing_until_released(void **state)
{
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];
    uint8_t bytes[2000];
    size_t len = 0, at;

    (void)state;
    k->holds = true;
    for (uint8_t i = 0; i < 5; i++)
        len += put_frame(bytes + len, 100, i);
    at = deliver(c, bytes, len - 50, len, NULL);
    assert_int_equal(at, len - 50);
    assert_int_equal(k->frames, 1);
    assert_true(c->is_paused);
    rt_conn_events.eof(c->user);
    assert_int_equal(k->eofs, 0);
    for (uint32_t i = 2; i <= 4; i++) {
        rt_conn_release(k->conn);
        assert_int_equal(k->frames, i - 1);
        turn(0);
        assert_int_equal(k->frames, i);
        assert_int_equal(k->first[i - 1], i - 1);
    }
    assert_int_equal(k->eofs, 0);
    rt_conn_release(k->conn);
    turn(0);
    assert_false(c->is_paused);
    assert_int_equal(k->frames, 4);
    /* data that the transport held during the pause precede the eof, which it reported earlier */
    assert_int_equal(k->eofs, 0);
    assert_int_equal(deliver(c, bytes + at, 50, 50, NULL), 50);
    assert_int_equal(k->frames, 5);
    rt_conn_release(k->conn);
    turn(15 * RT_MS);
    assert_int_equal(k->eofs, 0);
    turn(15 * RT_MS);
    assert_int_equal(k->eofs, 1);
    assert_int_equal(k->frames_at_eof, 5);
    plugin_closed(c, RELAY_END_PEER);
}

static void test_hold_without_more_data_costs_no_pause(void **state)
{
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];
    uint8_t bytes[200];
    size_t len = put_frame(bytes, 100, 1);

    (void)state;
    k->holds = true;
    for (int i = 0; i < 3; i++) {
        deliver(c, bytes, len, len, NULL);
        rt_conn_release(k->conn);
        turn(0);
    }
    assert_int_equal(k->frames, 3);
    assert_int_equal(c->pauses, 0);
    plugin_closed(c, RELAY_END_PEER);
}

/* Takes so much that frames find none, and what a pause holds back still does. */
static size_t take_frames_share(void)
{
    size_t n = rt_budget_max() - rt_budget_max() / 10 - rt_budget_used();

    assert_true(rt_budget_take(n));
    return n;
}

static void test_reading_stops_without_memory_and_continues(void **state)
{
    static uint8_t bytes[300000];
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];
    size_t len = put_frame(bytes, 200000, 5), at;
    size_t hog;

    (void)state;
    rt_conn_set_frame_max(k->conn, LIM_FRAME_MAX, LIM_FRAME_MAX);
    rt_conn_authenticated(k->conn, 0);
    at = deliver(c, bytes, 20000, 1000, NULL);
    hog = take_frames_share();
    at += deliver(c, bytes + at, len - at, 1000, NULL);
    assert_true(at < len);
    assert_true(c->is_paused);
    turn(200 * RT_MS);
    assert_true(c->is_paused);
    rt_budget_give(hog);
    turn(200 * RT_MS);
    assert_false(c->is_paused);
    deliver(c, bytes + at, len - at, 1000, NULL);
    assert_int_equal(k->frames, 1);
    plugin_closed(c, RELAY_END_PEER);
}

static void test_frame_without_memory_is_discarded(void **state)
{
    static uint8_t bytes[300000];
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];
    size_t len = put_frame(bytes, 200000, 5), at, hog;

    (void)state;
    rt_conn_set_frame_max(k->conn, LIM_FRAME_MAX, LIM_FRAME_MAX);
    rt_conn_authenticated(k->conn, 0);
    /* in its middle, after a second of waiting */
    at = deliver(c, bytes, 20000, 1000, NULL);
    hog = take_frames_share();
    at += deliver(c, bytes + at, len - at, 1000, NULL);
    assert_true(c->is_paused);
    for (int i = 0; i < 100; i++)
        turn(20 * RT_MS);
    assert_false(c->is_paused);
    at += deliver(c, bytes + at, len - at, 1000, NULL);
    assert_int_equal(at, len);
    assert_int_equal(k->discarded, 1);
    assert_int_equal(k->lens[0], 200000);
    /* from its beginning, at once */
    assert_int_equal(deliver(c, bytes, len, 1000, NULL), len);
    assert_int_equal(k->discarded, 2);
    /* in its middle, at once, when a pause would cost what is not there */
    rt_budget_give(hog);
    at = deliver(c, bytes, 20000, 1000, NULL);
    hog = rt_budget_max() - rt_budget_used();
    assert_true(rt_budget_take(hog));
    at += deliver(c, bytes + at, len - at, 1000, NULL);
    assert_int_equal(at, len);
    assert_int_equal(k->discarded, 3);
    rt_budget_give(hog);
    deliver(c, bytes, len, 1000, NULL);
    assert_int_equal(k->frames, 1);
    assert_int_equal(k->endings, 0);
    plugin_closed(c, RELAY_END_PEER);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_frames_are_whole_for_all_sizes_of_pieces),
        T(test_small_frames_need_no_buffer),
        T(test_buffers_grow_with_the_bytes_received),
        T(test_a_buffer_more_than_half_is_all_of_it),
        T(test_oversize_ends_and_too_big_to_keep_is_discarded),
        T(test_held_consumer_gets_nothing_until_released),
        T(test_hold_without_more_data_costs_no_pause),
        T(test_reading_stops_without_memory_and_continues),
        T(test_frame_without_memory_is_discarded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
