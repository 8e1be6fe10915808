/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: protocol section 4, rules 3 to 6, at one link:
 *  - What a node reads, and in which form.
 *  - Answers are matched by order alone, inline or as a slice, under equal request ids. An
 *    unsolicited frame closes the link.
 *  - The window and the turns. The timers of the queue and of progress.
 *  - Requesters that leave, in four ways. Connections that end, and their waiting requests.
 * test_tunnel_bounds tests the limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "actor/actor_metrics.h"
#include "base/budget.h"
#include "room.h"
#include "tunnel/tunnel_metrics.h"
#include "wire_envelope.h"
#include "wire_limits.h"

static struct peer *node, *asker;

static int begin(void **state)
{
    room_begin(state);
    node = node_new(1, 10);
    asker = peer_new(2, 50);
    return 0;
}

static void request(uint32_t id)
{
    peer_request(asker, node->slot_id, id, 10);
}

static struct rt_addr link_of(const struct peer *n)
{
    return n->link;
}

/* -- rules 3 and 4: the way there and back -- */

static void test_a_node_reads_the_canonical_envelope(void **state)
{
    uint8_t expected[WIRE_LENGTH_BYTES + WIRE_ENVELOPE_HEAD_MAX + 10];
    size_t len = wire_envelope_head(expected, WIRE_GET_CHUNK, 300, 0, 10);

    (void)state;
    memset(expected + len, (uint8_t)300, 10);
    request(300);
    assert_int_equal(node->conn->sent_len, len + 10);
    assert_memory_equal(node->conn->sent, expected, len + 10);
}

static void test_payloads_of_every_size_arrive_whole(void **state)
{
    static const uint32_t sizes[] = {0, 1, 511, 512, 513, 1024, 1025, 70000, 1048000};
    uint32_t id, len;

    (void)state;
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        peer_request(asker, node->slot_id, i + 1, sizes[i]);
        assert_true(node_reads(node, &id, &len));
        assert_int_equal(id, i + 1);
        assert_int_equal(len, sizes[i]);
        node_sends(node, 1, 1);
    }
}

static void test_answers_of_every_size_come_back(void **state)
{
    static const uint32_t sizes[] = {0, 1, 511, 512, 513, 1024, 65536, 65537, LIM_INNER_FRAME_MAX};

    (void)state;
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        request(i + 1);
        node_sends(node, sizes[i], (uint8_t)(i + 40));
        assert_answered(asker, i + 1, sizes[i], (uint8_t)(i + 40));
        assert_int_equal(peer_answer(asker, i + 1)->is_taken, sizes[i] > TUNNEL_INLINE_MIN);
    }
}

static void test_no_memory_for_a_large_answer_is_a_refusal(void **state)
{
    (void)state;
    request(1);
    rt_budget_configure(rt_budget_used() + 100);
    node_sends(node, 60000, 1);
    rt_budget_configure(UINT64_MAX);
    assert_refused(asker, 1, WIRE_REFUSAL_MEMORY);
    request(2);
    node_sends(node, 4, 2);
    assert_answered(asker, 2, 4, 2);
}

/* -- rule 5: order alone -- */

static void test_answers_are_matched_by_order_alone(void **state)
{
    struct peer *others[4];

    (void)state;
    for (uint16_t i = 0; i < 4; i++) {
        others[i] = peer_new(i % 3, (uint8_t)(60 + i));
        peer_request(others[i], node->slot_id, 1, 10);
    }
    for (uint8_t i = 0; i < 4; i++)
        node_sends(node, 10u + i, i);
    for (uint8_t i = 0; i < 4; i++)
        assert_answered(others[i], 1, 10u + i, i);
}

static void test_an_unsolicited_frame_closes(void **state)
{
    uint64_t before = rt_metric_get(RT_METRIC_TUNNEL_UNASKED);

    (void)state;
    request(1);
    node_sends(node, 1, 1);
    assert_false(node->conn->is_closed);
    node_sends(node, 1, 1);
    assert_true(node->conn->is_closed);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNEL_UNASKED), before + 1);
    assert_true(rt_addr_is_none(tunnel_slot_lookup(room_worker(0), node->slot_id)));
}

static void test_a_large_unsolicited_frame_closes(void **state)
{
    (void)state;
    node_sends(node, LIM_INNER_FRAME_MAX + 1, 1);
    assert_true(node->conn->is_closed);
}

/* -- rule 6: window and turns -- */

static void test_four_are_written_and_the_rest_waits(void **state)
{
    (void)state;
    for (uint32_t id = 1; id <= 10; id++)
        request(id);
    for (uint32_t id = 1; id <= LIM_WINDOW_START; id++)
        assert_node_reads(node, id);
    assert_node_reads_nothing(node);
    room_pass(800 * RT_MS);
    node_sends(node, 1, 1);
    assert_node_reads(node, 5);
    assert_node_reads_nothing(node);
}

static void test_requesters_take_turns_by_key(void **state)
{
    struct peer *other = peer_new(0, 51);

    (void)state;
    for (uint32_t id = 1; id <= 8; id++)
        request(id);
    peer_request(other, node->slot_id, 100, 10);
    peer_request(other, node->slot_id, 101, 10);
    for (uint32_t id = 1; id <= 4; id++)
        assert_node_reads(node, id);
    room_pass(800 * RT_MS);
    for (int i = 0; i < 4; i++)
        node_sends(node, 1, 1);
    assert_node_reads(node, 100);
    assert_node_reads(node, 5);
    assert_node_reads(node, 101);
    assert_node_reads(node, 6);
}

/* A node on a 512 kbit/s uplink with 8 requesters of 256 KiB keeps its tunnel, and all are served.
 */
static void test_a_slow_uplink_keeps_its_tunnel(void **state)
{
    struct peer *others[8];

    (void)state;
    for (uint8_t i = 0; i < 8; i++) {
        others[i] = peer_new(i % 3, (uint8_t)(60 + i));
        peer_request(others[i], node->slot_id, 1, 10);
    }
    for (uint32_t i = 0; i < 8; i++) {
        for (int part = 0; part < 40; part++) {
            room_pass(100 * RT_MS);
            node_sends_a_byte(node);
        }
        node_sends(node, 256 * 1024, 7);
    }
    assert_false(node->conn->is_closed);
    for (uint32_t i = 0; i < 8; i++)
        assert_answered(others[i], 1, 256 * 1024, 7);
}

/* -- rule 6: the clocks -- */

static void test_thirty_seconds_without_a_byte_end_a_link_that_owes(void **state)
{
    uint64_t before = rt_metric_get(RT_METRIC_TUNNEL_STALLED);

    (void)state;
    room_pass(100 * RT_S);
    for (uint32_t id = 1; id <= 5; id++)
        peer_request_to(asker, link_of(node), node->slot_id, id, 10, room_now + 60 * RT_S);
    room_pass(29 * RT_S);
    node_sends_a_byte(node);
    room_pass(29900 * RT_MS);
    assert_false(node->conn->is_closed);
    room_pass(200 * RT_MS);
    assert_true(node->conn->is_closed);
    assert_int_equal(node->conn->how, RELAY_CLOSE_ABORT);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNEL_STALLED), before + 1);
    for (uint32_t id = 1; id <= 5; id++)
        assert_refused(asker, id, WIRE_REFUSAL_TUNNEL_TIMEOUT);
    assert_true(rt_addr_is_none(tunnel_slot_lookup(room_worker(2), node->slot_id)));
}

static void test_an_idle_link_is_never_closed(void **state)
{
    (void)state;
    request(1);
    node_sends(node, 1, 1);
    room_pass(3600 * RT_S);
    assert_false(node->conn->is_closed);
    request(2);
    room_pass(29 * RT_S);
    assert_false(node->conn->is_closed);
    node_sends(node, 2, 2);
    assert_answered(asker, 2, 2, 2);
}

static void test_a_request_waits_thirty_seconds_at_most(void **state)
{
    uint64_t before = rt_metric_get(RT_METRIC_QUEUE_TIMEOUT);

    (void)state;
    for (uint32_t id = 1; id <= 5; id++)
        request(id);
    room_pass(20 * RT_S);
    node_sends_a_byte(node);
    room_pass(9900 * RT_MS);
    assert_unanswered(asker, 5);
    room_pass(200 * RT_MS);
    assert_refused(asker, 5, WIRE_REFUSAL_QUEUE_TIMEOUT);
    assert_int_equal(rt_metric_get(RT_METRIC_QUEUE_TIMEOUT), before + 1);
    assert_unanswered(asker, 4);
    for (uint32_t id = 1; id <= 4; id++) {
        node_sends(node, 3, 3);
        assert_answered(asker, id, 3, 3);
    }
    assert_false(node->conn->is_closed);
}

static void test_nothing_more_is_written_to_a_silent_node(void **state)
{
    (void)state;
    request(1);
    room_pass(2100 * RT_MS);
    request(2);
    assert_node_reads(node, 1);
    assert_node_reads_nothing(node);
    node_sends_a_byte(node);
    assert_node_reads(node, 2);
}

/* -- rule 6: requesters that leave -- */

static void test_fin_drops_a_waiting_request(void **state)
{
    struct peer *leaver = peer_new(0, 51);

    (void)state;
    for (uint32_t id = 1; id <= 4; id++)
        request(id);
    peer_request(leaver, node->slot_id, 9, 10);
    peer_cancel(leaver, link_of(node), false);
    assert_refused(leaver, 9, WIRE_REFUSAL_CANCELLED);
    for (int i = 0; i < 4; i++)
        node_sends(node, 1, 1);
    assert_int_equal(node_count_unread(node), 4);
}

static void test_fin_leaves_a_written_request(void **state)
{
    (void)state;
    request(1);
    peer_cancel(asker, link_of(node), false);
    assert_unanswered(asker, 1);
    node_sends(node, 4, 8);
    assert_answered(asker, 1, 4, 8);
}

static void test_a_dead_requesters_waiting_request_is_dropped(void **state)
{
    struct peer *leaver = peer_new(0, 51);

    (void)state;
    for (uint32_t id = 1; id <= 4; id++)
        request(id);
    peer_request(leaver, node->slot_id, 9, 2000);
    peer_cancel(leaver, link_of(node), true);
    assert_int_equal(leaver->answer_count, 0);
    for (int i = 0; i < 4; i++)
        node_sends(node, 1, 1);
    assert_int_equal(node_count_unread(node), 4);
}

static void test_a_dead_requesters_answer_is_discarded(void **state)
{
    struct peer *leaver = peer_new(0, 51);
    uint64_t before = rt_metric_get(RT_METRIC_TUNNEL_TOMBSTONED);

    (void)state;
    peer_request(leaver, node->slot_id, 9, 10);
    request(1);
    peer_cancel(leaver, link_of(node), true);
    node_sends(node, 100000, 1);
    assert_unanswered(asker, 1);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNEL_TOMBSTONED), before + 1);
    node_sends(node, 4, 2);
    assert_answered(asker, 1, 4, 2);
    assert_int_equal(leaver->answer_count, 0);
    assert_false(node->conn->is_closed);
}

static void test_a_tombstone_still_owes_and_its_link_may_go(void **state)
{
    struct peer *leaver = peer_new(0, 51);
    uint64_t stale = rt_metric_get(RT_METRIC_MSG_STALE);

    (void)state;
    peer_request(leaver, node->slot_id, 9, 10);
    request(1);
    peer_cancel(leaver, link_of(node), true);
    room_pass(31 * RT_S);
    assert_true(node->conn->is_closed);
    assert_refused(asker, 1, WIRE_REFUSAL_TUNNEL_TIMEOUT);
    assert_int_equal(rt_metric_get(RT_METRIC_MSG_STALE), stale);
}

/* -- rule 6: a connection that goes -- */

static void test_written_requests_fail_at_once_when_the_node_leaves(void **state)
{
    (void)state;
    for (uint32_t id = 1; id <= 6; id++)
        request(id);
    node_loses_connection(node, RT_CONN_END_TRANSPORT);
    for (uint32_t id = 1; id <= 6; id++)
        assert_refused(asker, id, WIRE_REFUSAL_TUNNEL_CLOSED);
}

static void test_waiting_requests_move_with_the_time_they_have_left(void **state)
{
    struct peer *newer = node_new(2, 10);
    struct rt_addr front = tunnel_slot_lookup(room_worker(0), node->slot_id);

    (void)state;
    assert_true(rt_addr_equal(front, link_of(newer)));
    for (uint32_t id = 1; id <= 7; id++)
        peer_request_to(asker, front, node->slot_id, id, id == 6 ? 3000 : 10, room_now + 5 * RT_S);
    room_pass(1 * RT_S);
    node_loses_connection(newer, RT_CONN_END_TRANSPORT);
    for (uint32_t id = 1; id <= 4; id++)
        assert_refused(asker, id, WIRE_REFUSAL_TUNNEL_CLOSED);
    for (uint32_t id = 5; id <= 7; id++)
        assert_node_reads(node, id);
    node_sends(node, 2, 5);
    assert_answered(asker, 5, 2, 5);
}

static void test_a_moved_request_keeps_its_deadline(void **state)
{
    struct peer *newer = node_new(2, 10);

    (void)state;
    for (uint32_t id = 1; id <= 4; id++)
        peer_request_to(asker, link_of(node), node->slot_id, id, 10, room_now + 30 * RT_S);
    for (uint32_t id = 5; id <= 9; id++)
        peer_request_to(asker, link_of(newer), node->slot_id, id, 10, room_now + 5 * RT_S);
    room_pass(1 * RT_S);
    node_loses_connection(newer, RT_CONN_END_TRANSPORT);
    assert_unanswered(asker, 9);
    room_pass(3900 * RT_MS);
    assert_unanswered(asker, 9);
    room_pass(200 * RT_MS);
    assert_refused(asker, 9, WIRE_REFUSAL_QUEUE_TIMEOUT);
}

static void test_waiting_requests_leave_a_silent_link(void **state)
{
    struct peer *newer = node_new(2, 10);

    (void)state;
    for (uint32_t id = 1; id <= 6; id++)
        peer_request(asker, node->slot_id, id, 10);
    assert_int_equal(node_count_unread(newer), 4);
    room_pass(2100 * RT_MS);
    assert_node_reads(node, 5);
    assert_node_reads(node, 6);
    request(7);
    assert_node_reads(node, 7);
    peer_request_to(asker, link_of(newer), node->slot_id, 8, 10, room_now + 30 * RT_S);
    assert_node_reads(node, 8);
    for (uint32_t id = 5; id <= 8; id++)
        node_sends(node, 1, (uint8_t)id);
    for (uint32_t id = 1; id <= 4; id++)
        node_sends(newer, 1, (uint8_t)id);
    for (uint32_t id = 1; id <= 8; id++)
        assert_answered(asker, id, 1, (uint8_t)id);
}

static void test_two_silent_links_end_in_time_and_answer_all(void **state)
{
    struct peer *newer = node_new(2, 10);

    (void)state;
    for (uint32_t id = 1; id <= 20; id++)
        peer_request(asker, node->slot_id, id, 10);
    room_pass(70 * RT_S);
    assert_true(node->conn->is_closed && newer->conn->is_closed);
    for (uint32_t id = 1; id <= 20; id++)
        assert_non_null(peer_answer(asker, id));
}

static void test_a_cancel_follows_a_moved_request(void **state)
{
    struct peer *newer = node_new(2, 10), *leaver = peer_new(0, 51);

    (void)state;
    for (uint32_t id = 1; id <= 4; id++)
        peer_request(asker, node->slot_id, id, 10);
    for (uint32_t id = 5; id <= 8; id++)
        peer_request_to(asker, link_of(node), node->slot_id, id, 10, room_now + 30 * RT_S);
    peer_request(leaver, node->slot_id, 9, 10);
    room_pass(1 * RT_S);
    node_sends_a_byte(node);
    room_pass(1100 * RT_MS);
    peer_cancel(leaver, link_of(newer), false);
    assert_refused(leaver, 9, WIRE_REFUSAL_CANCELLED);
}

static void test_a_request_to_a_link_that_has_gone_bounces(void **state)
{
    struct rt_addr gone = link_of(node);

    (void)state;
    node_closes(node);
    peer_request_to(asker, gone, node->slot_id, 1, 10, room_now + 30 * RT_S);
    assert_true(peer_answer(asker, 1)->is_bounced);
}

static void test_fin_of_the_node_closes_its_link(void **state)
{
    (void)state;
    request(1);
    node_closes(node);
    assert_true(node->conn->is_closed);
    assert_int_equal(node->conn->how, RELAY_CLOSE_GRACEFUL);
    assert_refused(asker, 1, WIRE_REFUSAL_TUNNEL_CLOSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, room_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_node_reads_the_canonical_envelope),
        TEST(test_payloads_of_every_size_arrive_whole),
        TEST(test_answers_of_every_size_come_back),
        TEST(test_no_memory_for_a_large_answer_is_a_refusal),
        TEST(test_answers_are_matched_by_order_alone),
        TEST(test_an_unsolicited_frame_closes),
        TEST(test_a_large_unsolicited_frame_closes),
        TEST(test_four_are_written_and_the_rest_waits),
        TEST(test_requesters_take_turns_by_key),
        TEST(test_a_slow_uplink_keeps_its_tunnel),
        TEST(test_thirty_seconds_without_a_byte_end_a_link_that_owes),
        TEST(test_an_idle_link_is_never_closed),
        TEST(test_a_request_waits_thirty_seconds_at_most),
        TEST(test_nothing_more_is_written_to_a_silent_node),
        TEST(test_fin_drops_a_waiting_request),
        TEST(test_fin_leaves_a_written_request),
        TEST(test_a_dead_requesters_waiting_request_is_dropped),
        TEST(test_a_dead_requesters_answer_is_discarded),
        TEST(test_a_tombstone_still_owes_and_its_link_may_go),
        TEST(test_written_requests_fail_at_once_when_the_node_leaves),
        TEST(test_waiting_requests_move_with_the_time_they_have_left),
        TEST(test_a_moved_request_keeps_its_deadline),
        TEST(test_waiting_requests_leave_a_silent_link),
        TEST(test_two_silent_links_end_in_time_and_answer_all),
        TEST(test_a_cancel_follows_a_moved_request),
        TEST(test_a_request_to_a_link_that_has_gone_bounces),
        TEST(test_fin_of_the_node_closes_its_link),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
