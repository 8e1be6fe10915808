/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: each deadline ends exactly its connections, under a virtual clock. The limit of half-open
 * connections evicts the oldest one of the same prefix. The limit of a prefix counts live
 * connections. Under memory pressure the reader that has stalled longest is closed. Closing is
 * silent and bounded. A shutdown notifies every consumer.
 */
#include <string.h>

#include "conn_world.h"
#include "transport/transport_limits.h"
#include "transport/transport_metrics.h"

static void test_handshake_deadline(void **state)
{
    struct relay_conn *a = admit("127.0.0.1"), *b = admit("127.0.0.1");

    (void)state;
    rt_conn_events.opened(a->user);
    turn(LIM_HANDSHAKE_NS - 10 * RT_MS);
    rt_conn_authenticated(consumers[1].conn, 300 * RT_S);
    assert_int_equal(consumers[0].endings, 0);
    turn(20 * RT_MS);
    assert_int_equal(consumers[0].endings, 1);
    assert_int_equal(consumers[0].how, RT_CONN_END_HANDSHAKE_TIMEOUT);
    turn(250 * RT_S);
    assert_int_equal(consumers[1].endings, 0);
    turn(51 * RT_S);
    assert_int_equal(consumers[1].endings, 1);
    assert_int_equal(consumers[1].how, RT_CONN_END_IDLE_TIMEOUT);
    plugin_closed(a, RELAY_END_LOCAL);
    plugin_closed(b, RELAY_END_LOCAL);
}

static void test_frame_deadline_and_idle_restart(void **state)
{
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];
    uint8_t bytes[200];
    size_t len = put_frame(bytes, 100, 1);

    (void)state;
    rt_conn_authenticated(k->conn, 60 * RT_S);
    for (int i = 0; i < 5; i++) {
        turn(59 * RT_S);
        deliver(c, bytes, len, len, NULL);
    }
    assert_int_equal(k->endings, 0);
    deliver(c, bytes, 50, 50, NULL);
    turn(LIM_FRAME_NS - RT_S);
    deliver(c, bytes + 50, 10, 10, NULL);
    assert_int_equal(k->endings, 0);
    turn(2 * RT_S);
    assert_int_equal(k->endings, 1);
    assert_int_equal(k->how, RT_CONN_END_FRAME_TIMEOUT);
    plugin_closed(c, RELAY_END_LOCAL);
}

static void test_send_deadline_is_by_size(void **state)
{
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];
    struct relay_vec v = {.count = 1};

    (void)state;
    rt_conn_authenticated(k->conn, 0);
    c->keeps_output = true;
    v.slice[0] = relay_slice_own(rt_buf_new(1u << 20), NULL, 1u << 20);
    v.slice[0].ptr = v.slice[0].owner->bytes;
    rt_conn_send(k->conn, &v);
    assert_int_equal(rt_conn_unsent(k->conn), 1u << 20);
    rt_conn_events.sent(c->user, 1000);
    turn(59 * RT_S);
    assert_int_equal(k->endings, 0);
    turn(2 * RT_S);
    assert_int_equal(k->endings, 1);
    assert_int_equal(k->how, RT_CONN_END_SEND_TIMEOUT);
    plugin_closed(c, RELAY_END_LOCAL);
}

static void test_drained_output_has_no_deadline(void **state)
{
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];
    struct relay_slice body = relay_slice_view("abc", 3);

    (void)state;
    rt_conn_authenticated(k->conn, 0);
    rt_conn_send2(k->conn, "head", 4, &body);
    assert_int_equal(c->sent_bytes, 7);
    rt_conn_events.sent(c->user, 0);
    assert_int_equal(k->drains, 1);
    turn(1000 * RT_S);
    assert_int_equal(k->endings, 0);
    plugin_closed(c, RELAY_END_PEER);
}

static void test_close_is_silent_and_bounded(void **state)
{
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];

    (void)state;
    rt_conn_close(k->conn, RELAY_CLOSE_GRACEFUL);
    assert_true(c->is_closed);
    assert_int_equal(c->how, RELAY_CLOSE_GRACEFUL);
    turn(LIM_SEND_NS_PER_MIB + RT_S);
    assert_int_equal(c->how, RELAY_CLOSE_ABORT);
    plugin_closed(c, RELAY_END_LOCAL);
    assert_int_equal(k->endings, 0);
}

static void test_half_open_cap_evicts_own_prefix_first(void **state)
{
    struct relay_conn *crowd[4], *honest, *late;
    uint64_t before = rt_metric_get(RT_METRIC_EVICTED_HALF_OPEN);

    (void)state;
    teardown(NULL);
    setup_with(5, 50);
    honest = admit("192.0.2.9");
    for (int i = 0; i < 4; i++)
        crowd[i] = admit("198.51.100.1");
    late = admit("198.51.100.1");
    turn(0);
    assert_int_equal(consumers[0].endings, 0);
    assert_int_equal(consumers[1].endings, 1);
    assert_int_equal(consumers[1].how, RT_CONN_END_EVICTED);
    assert_int_equal(consumers[2].endings, 0);
    assert_int_equal(rt_metric_get(RT_METRIC_EVICTED_HALF_OPEN), before + 1);
    rt_conn_authenticated(consumers[0].conn, 0);
    plugin_closed(honest, RELAY_END_PEER);
    for (int i = 0; i < 4; i++)
        plugin_closed(crowd[i], RELAY_END_PEER);
    plugin_closed(late, RELAY_END_PEER);
}

static void test_prefix_limit_counts_live_connections(void **state)
{
    struct relay_conn *c[3];
    uint64_t before = rt_metric_get(RT_METRIC_REFUSED_PREFIX);

    (void)state;
    teardown(NULL);
    setup_with(100, 2);
    c[0] = admit("203.0.113.5");
    c[1] = admit("203.0.113.5");
    assert_null(admit("203.0.113.5"));
    assert_int_equal(rt_metric_get(RT_METRIC_REFUSED_PREFIX), before + 1);
    c[2] = admit("203.0.113.6");
    assert_non_null(c[2]);
    plugin_closed(c[0], RELAY_END_PEER);
    c[0] = admit("203.0.113.5");
    assert_non_null(c[0]);
    for (int i = 0; i < 3; i++)
        plugin_closed(c[i], RELAY_END_PEER);
    for (int i = 0; i < 3; i++)
        c[i] = admit("127.0.0.1");
    for (int i = 0; i < 3; i++) {
        assert_non_null(c[i]);
        plugin_closed(c[i], RELAY_END_PEER);
    }
}

static void test_pressed_memory_closes_the_longest_stalled(void **state)
{
    struct relay_conn *slow[3];
    size_t hog;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        struct relay_vec v = {.count = 1};

        slow[i] = admit("127.0.0.1");
        rt_conn_authenticated(consumers[i].conn, 0);
        slow[i]->keeps_output = true;
        v.slice[0] = relay_slice_own(rt_buf_new(4u << 20), NULL, 4u << 20);
        v.slice[0].ptr = v.slice[0].owner->bytes;
        rt_conn_send(consumers[i].conn, &v);
        turn(RT_MS);
        rt_conn_events.sent(slow[i]->user, 4u << 20);
    }
    rt_conn_events.sent(slow[0]->user, 3u << 20); /* progress: now slow[1] is the longest stalled */
    hog = rt_budget_max() - rt_budget_used();
    assert_true(rt_budget_take(hog));
    turn(400 * RT_MS); /* nothing has moved for a round trip or so, which is no stalling */
    assert_int_equal(consumers[1].endings, 0);
    rt_conn_events.sent(slow[0]->user, 2u << 20);
    rt_conn_events.sent(slow[2]->user, 2u << 20);
    turn(200 * RT_MS);
    assert_int_equal(consumers[1].endings, 1);
    assert_int_equal(consumers[1].how, RT_CONN_END_MEMORY);
    assert_int_equal(consumers[0].endings, 0);
    assert_int_equal(consumers[2].endings, 0);
    rt_budget_give(hog);
    for (int i = 0; i < 3; i++)
        plugin_closed(slow[i], RELAY_END_LOCAL);
}

/* -- shutdown -- */

static struct {
    struct rt_actor actor;
    uint32_t replies, left;
} closer;

static void on_all_closed(struct rt_actor *self, struct rt_msg *m)
{
    (void)self;
    closer.replies++;
    closer.left = RT_MSG_CAST(m, struct rt_conn_close_all, RT_CONN_ALL_CLOSED)->left;
    rt_msg_free(&m);
}

static void request_close_all(void)
{
    struct rt_conn_close_all *m = rt_msg_new(RT_CONN_CLOSE_ALL, sizeof(*m));

    m->msg.reply_to = rt_actor_addr(&closer.actor);
    rt_send(worker, rt_conn_control_addr(worker), &m->msg);
    turn(0);
}

static void close_all(void)
{
    memset(&closer, 0, sizeof(closer));
    rt_actor_start(&closer.actor, worker, on_all_closed);
    request_close_all();
}

static void test_close_all_without_connections_replies_at_once(void **state)
{
    (void)state;
    close_all();
    assert_int_equal(closer.replies, 1);
    assert_int_equal(closer.left, 0);
    rt_actor_stop(&closer.actor);
}

static void test_close_all_ends_at_its_deadline(void **state)
{
    struct relay_conn *a = admit("127.0.0.1"), *b = admit("127.0.0.2");

    (void)state;
    close_all();
    plugin_closed(b, RELAY_END_LOCAL);
    turn(LIM_CLOSE_ALL_NS - RT_MS);
    assert_int_equal(closer.replies, 0);
    turn(2 * RT_MS);
    assert_int_equal(closer.replies, 1);
    assert_int_equal(closer.left, 1);
    plugin_closed(a, RELAY_END_LOCAL);
    rt_actor_stop(&closer.actor);
}

static void test_a_second_close_all_gets_its_reply_at_once(void **state)
{
    struct relay_conn *a = admit("127.0.0.1");

    (void)state;
    close_all();
    assert_int_equal(closer.replies, 0);
    request_close_all();
    assert_int_equal(closer.replies, 1);
    assert_int_equal(closer.left, 1);
    plugin_closed(a, RELAY_END_LOCAL);
    turn(0);
    assert_int_equal(closer.replies, 2);
    assert_int_equal(closer.left, 0);
    rt_actor_stop(&closer.actor);
}

static void test_close_all_notifies_every_consumer_first(void **state)
{
    struct relay_conn *a = admit("127.0.0.1"), *b = admit("127.0.0.2");

    (void)state;
    rt_conn_authenticated(consumers[0].conn, 0);
    close_all();
    assert_int_equal(consumers[0].how, RT_CONN_END_SHUTDOWN);
    assert_int_equal(consumers[1].how, RT_CONN_END_SHUTDOWN);
    assert_int_equal(a->how, RELAY_CLOSE_GRACEFUL);
    plugin_closed(a, RELAY_END_LOCAL);
    turn(0);
    assert_int_equal(closer.replies, 0);
    plugin_closed(b, RELAY_END_LOCAL);
    turn(0);
    assert_int_equal(closer.replies, 1);
    assert_int_equal(closer.left, 0);
    rt_actor_stop(&closer.actor);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_handshake_deadline),
        T(test_frame_deadline_and_idle_restart),
        T(test_send_deadline_is_by_size),
        T(test_drained_output_has_no_deadline),
        T(test_close_is_silent_and_bounded),
        T(test_half_open_cap_evicts_own_prefix_first),
        T(test_prefix_limit_counts_live_connections),
        T(test_pressed_memory_closes_the_longest_stalled),
        T(test_close_all_without_connections_replies_at_once),
        T(test_close_all_ends_at_its_deadline),
        T(test_a_second_close_all_gets_its_reply_at_once),
        T(test_close_all_notifies_every_consumer_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
