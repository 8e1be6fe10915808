/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the limits of a link: oversize answers (rule 7 of protocol section 4), the queue and which
 * keys are served meanwhile, nodes that do not read, and the memory reserved for answers through
 * every event of a written request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/budget.h"
#include "room.h"
#include "tunnel/tunnel_metrics.h"
#include "wire_limits.h"
#include "tunnel/tables/pending.h"

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

/* -- rule 7: sizes -- */

static void test_an_oversize_answer_is_refused_and_the_tunnel_stays(void **state)
{
    (void)state;
    assert_int_equal(node->conn->frame_max, LIM_FRAME_MAX);
    assert_int_equal(node->conn->keep_max, LIM_INNER_FRAME_MAX);
    request(1);
    request(2);
    node_sends(node, LIM_INNER_FRAME_MAX + 1, 1);
    assert_refused(asker, 1, WIRE_REFUSAL_ANSWER_TOO_LARGE);
    node_sends(node, 5, 2);
    assert_answered(asker, 2, 5, 2);
    assert_false(node->conn->is_closed);
}

static void test_an_oversize_answer_for_a_dead_requester(void **state)
{
    struct peer *leaver = peer_new(0, 51);

    (void)state;
    peer_request(leaver, node->slot_id, 9, 10);
    peer_cancel(leaver, link_of(node), true);
    node_sends(node, LIM_FRAME_MAX, 1);
    assert_false(node->conn->is_closed);
    request(1);
    node_sends(node, 5, 2);
    assert_answered(asker, 1, 5, 2);
}

static void test_a_frame_over_two_mib_ends_the_link(void **state)
{
    (void)state;
    request(1);
    node_sends(node, LIM_FRAME_MAX + 1, 1);
    assert_refused(asker, 1, WIRE_REFUSAL_TUNNEL_CLOSED);
}

/* -- limits -- */

static void test_a_greedy_key_is_refused_and_others_are_served(void **state)
{
    struct peer *honest = peer_new(0, 51);
    uint64_t before = rt_metric_get(RT_METRIC_QUEUE_FULL);
    uint32_t last = LIM_WINDOW_START + LIM_QUEUED_PER_KEY + 1;

    (void)state;
    for (uint32_t id = 1; id <= last; id++)
        request(id);
    assert_refused(asker, last, WIRE_REFUSAL_QUEUE_FULL);
    assert_unanswered(asker, last - 1);
    assert_int_equal(rt_metric_get(RT_METRIC_QUEUE_FULL), before + 1);
    peer_request(honest, node->slot_id, 1000, 10);
    for (int i = 0; i < 5; i++)
        node_sends(node, 6, 6);
    assert_answered(asker, 4, 6, 6);
    node_sends(node, 6, 6);
    assert_answered(honest, 1000, 6, 6);
}

static void test_a_full_queue_evicts_from_the_largest_key(void **state)
{
    struct peer *crowd[9], *honest = peer_new(0, 99);
    uint32_t refused = 0;

    (void)state;
    for (uint8_t i = 0; i < 9; i++) {
        crowd[i] = peer_new(i % 3, (uint8_t)(60 + i));
        for (uint32_t id = 1; id <= LIM_QUEUED_PER_KEY; id++)
            peer_request(crowd[i], node->slot_id, id, 10);
    }
    peer_request(honest, node->slot_id, 1, 10);
    for (uint32_t i = 0; i < 9; i++)
        refused += crowd[i]->answer_count;
    assert_int_equal(refused,
                     9 * LIM_QUEUED_PER_KEY + 1 - LIM_QUEUED_PER_TUNNEL - LIM_WINDOW_START);
    for (int i = 0; i < 20 && !peer_answer(honest, 1); i++)
        node_sends(node, 6, 6);
    assert_answered(honest, 1, 6, 6);
}

/* -- back-pressure -- */

static void test_a_node_that_does_not_read_is_written_a_bounded_amount(void **state)
{
    (void)state;
    node->conn->keeps_output = true;
    for (uint32_t id = 1; id <= 4; id++)
        peer_request(asker, node->slot_id, id, 200 * 1024);
    assert_int_equal(node_count_unread(node), 2);
    node_sends_a_byte(node);
    assert_int_equal(node_count_unread(node), 0);
    node_drains(node);
    assert_int_equal(node_count_unread(node), 2);
}

/* -- memory -- */

static void test_nothing_is_written_without_memory_for_its_answer(void **state)
{
    (void)state;
    rt_budget_configure(PENDING_RESERVE_MIN + 100);
    request(1);
    request(2);
    assert_node_reads(node, 1);
    assert_node_reads_nothing(node);
    assert_int_equal(rt_budget_used(), PENDING_RESERVE_MIN);
    node_sends(node, 5, 1);
    assert_answered(asker, 1, 5, 1);
    assert_node_reads(node, 2);
    node_sends(node, 5, 2);
    assert_int_equal(rt_budget_used(), 0);
}

/* Or a budget full of reservations would leave no memory to receive what they are for. */
static void test_an_answer_uses_its_reserved_memory(void **state)
{
    uint32_t len = 200 * 1024;

    (void)state;
    for (uint32_t id = 1; id <= 8; id++) {
        request(id);
        node_sends(node, len + 20000, 1);
    }
    node_count_unread(node);
    request(9);
    request(10);
    rt_budget_configure(rt_budget_used() + 1000);
    request(11);
    assert_int_equal(node_count_unread(node), 2);
    for (uint8_t id = 9; id <= 11; id++) {
        node_sends(node, len, id);
        assert_answered(asker, id, len, id);
    }
}

static void test_memory_is_requested_again_until_the_deadline(void **state)
{
    (void)state;
    rt_budget_configure(100);
    request(3);
    room_pass(1 * RT_S);
    assert_node_reads_nothing(node);
    rt_budget_configure(UINT64_MAX);
    room_pass(50 * RT_MS);
    assert_node_reads(node, 3);
    node_sends(node, 5, 3);
    rt_budget_configure(100);
    request(1);
    peer_request_to(asker, link_of(node), node->slot_id, 2, 10, room_now + 60 * RT_S);
    room_pass(30 * RT_S + 10 * RT_MS);
    assert_node_reads_nothing(node);
    assert_refused(asker, 1, WIRE_REFUSAL_QUEUE_TIMEOUT);
    assert_unanswered(asker, 2);
    rt_budget_configure(UINT64_MAX);
    room_pass(50 * RT_MS);
    assert_node_reads(node, 2);
    node_sends(node, 5, 2);
    assert_answered(asker, 2, 5, 2);
}

static void test_reservations_are_always_released(void **state)
{
    struct peer *leaver = peer_new(0, 51);

    (void)state;
    request(1);
    peer_request(leaver, node->slot_id, 9, 10);
    request(2);
    request(3);
    assert_int_equal(rt_budget_used(), 4 * PENDING_RESERVE_MIN);
    peer_cancel(leaver, link_of(node), true);
    node_sends(node, 5, 1);
    node_sends(node, 5, 1);
    node_sends(node, LIM_FRAME_MAX, 1);
    assert_int_equal(rt_budget_used(), PENDING_RESERVE_MIN);
    node_loses_connection(node, RT_CONN_END_MEMORY);
    assert_int_equal(rt_budget_used(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, room_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_oversize_answer_is_refused_and_the_tunnel_stays),
        TEST(test_an_oversize_answer_for_a_dead_requester),
        TEST(test_a_frame_over_two_mib_ends_the_link),
        TEST(test_a_greedy_key_is_refused_and_others_are_served),
        TEST(test_a_full_queue_evicts_from_the_largest_key),
        TEST(test_a_node_that_does_not_read_is_written_a_bounded_amount),
        TEST(test_nothing_is_written_without_memory_for_its_answer),
        TEST(test_an_answer_uses_its_reserved_memory),
        TEST(test_memory_is_requested_again_until_the_deadline),
        TEST(test_reservations_are_always_released),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
