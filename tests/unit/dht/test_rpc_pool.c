/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: outbound sessions and their calls.
 *  - Calls to one address share one session, one request at a time, in order. No callback runs
 *    inside a start. Authentication alone sends no request. Another key than the expected one fails
 *    only the calls that expect a key.
 *  - An idle session is closed in time, and its end while idle fails no call. A session that ends
 *    during a request, after earlier use, is dialled again, once.
 *  - A call that times out closes its session; the calls after it get another.
 *  - Unreachable, refused, no transport, a dial that fails at once: each has its outcome, on a
 *    later turn.
 *  - Sessions and calls are bounded; the session that is idle longest is evicted. Cancelled calls
 *    get no callback. A stop ends all calls; freeing calls no callback.
 *  - Peers reached and lost are reported, and so are their clocks.
 */
#include "rpc_pool_room.h"

#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"

static void test_one_session_one_request_at_a_time(void **state)
{
    struct wire_peer_hop to = address(1);
    struct call c[3];
    struct dial *d;
    uint8_t key[32];

    (void)state;
    test_key(1, key);
    for (int i = 0; i < 3; i++)
        start(&c[i], &to, (uint16_t)(200 + i));
    assert_int_equal(fake_opened, 1);
    d = fake_to(&to);
    fake_ready(d, key);
    for (int i = 0; i < 3; i++) {
        assert_true(d->has_request);
        assert_int_equal(d->type, 200 + i);
        assert_int_equal(d->len, 3);
        assert_int_equal(c[i].done, 0);
        fake_reply(d, (uint16_t)(300 + i), i == 1 ? WIRE_FLAG_ERROR : 0, "yes", 3);
        assert_int_equal(c[i].done, 1);
        assert_int_equal(c[i].outcome, DHT_CALL_REPLIED);
        assert_int_equal(c[i].type, 300 + i);
        assert_int_equal(c[i].is_error, i == 1);
        assert_memory_equal(c[i].reply, "yes", 3);
        assert_memory_equal(c[i].key, key, 32);
    }
    assert_false(d->has_request);
    assert_int_equal(fake_opened, 1);
    assert_int_equal(reached, 4); /* once dialled, three answers */
    assert_int_equal(rpc_pool_under_way(pool), 0);
}

static void test_authenticating_needs_no_request(void **state)
{
    struct wire_peer_hop to = address(1);
    struct call a, b;
    uint8_t key[32];

    (void)state;
    test_key(1, key);
    start(&a, &to, 0);
    fake_ready(fake_to(&to), key);
    assert_int_equal(a.done, 1);
    assert_int_equal(a.outcome, DHT_CALL_REPLIED);
    assert_memory_equal(a.key, key, 32);
    start(&b, &to, 0); /* the session exists: the end comes on a later turn */
    assert_int_equal(b.done, 0);
    world_pass(2 * RT_MS);
    assert_int_equal(b.done, 1);
    assert_memory_equal(b.key, key, 32);
    assert_int_equal(fake_opened, 1);
}

static void test_another_key_than_wanted(void **state)
{
    struct wire_peer_hop to = address(1), wanted = to;
    struct call any, picky, late;
    uint8_t key[32];

    (void)state;
    test_key(1, key);
    wanted.has_pubkey_hint = true;
    test_key(2, wanted.pubkey_hint);
    start(&picky, &wanted, 200);
    start(&any, &to, 201);
    fake_ready(fake_to(&to), key);
    assert_int_equal(picky.done, 1);
    assert_int_equal(picky.outcome, DHT_CALL_WRONG_KEY);
    assert_memory_equal(picky.key, key, 32);
    assert_int_equal(lost, 1);
    fake_reply(fake_to(&to), 201, 0, "", 0);
    assert_int_equal(any.outcome, DHT_CALL_REPLIED);
    start(&late, &wanted, 200);
    world_pass(2 * RT_MS);
    assert_int_equal(late.outcome, DHT_CALL_WRONG_KEY);
    assert_int_equal(fake_opened, 1);
}

static void test_idle_sessions_end(void **state)
{
    struct wire_peer_hop to = address(1);
    struct call c;
    uint8_t key[32];

    (void)state;
    test_key(1, key);
    start(&c, &to, 0);
    fake_ready(fake_to(&to), key);
    world_pass(LIM_OUTBOUND_IDLE_NS - RT_S);
    assert_int_equal(fake_count, 1);
    world_pass(2 * RT_S);
    assert_int_equal(fake_count, 0);
    start(&c, &to, 0);
    fake_ready(fake_to(&to), key);
    fake_end(fake_to(&to), RT_CONN_END_TRANSPORT, RELAY_END_PEER, 0);
    assert_int_equal(lost, 0);
    assert_int_equal(rpc_pool_sessions(pool), 0);
}

static void test_used_session_that_ends_is_dialled_once_more(void **state)
{
    struct wire_peer_hop to = address(1);
    struct call c[3];
    uint8_t key[32];

    (void)state;
    test_key(1, key);
    start(&c[0], &to, 200);
    fake_ready(fake_to(&to), key);
    fake_reply(fake_to(&to), 200, 0, "", 0);
    start(&c[1], &to, 201);
    start(&c[2], &to, 202);
    fake_end(fake_to(&to), RT_CONN_END_TRANSPORT, RELAY_END_PEER, 0);
    assert_int_equal(fake_opened, 2);
    assert_int_equal(lost, 0);
    fake_ready(fake_to(&to), key);
    assert_int_equal(fake_to(&to)->type, 201);
    fake_reply(fake_to(&to), 201, 0, "", 0);
    assert_int_equal(c[1].outcome, DHT_CALL_REPLIED);
    fake_end(fake_to(&to), RT_CONN_END_TRANSPORT, RELAY_END_PEER,
             0); /* under the third's request */
    assert_int_equal(fake_opened, 3);
    fake_ready(fake_to(&to), key);
    fake_end(fake_to(&to), RT_CONN_END_TRANSPORT, RELAY_END_PEER, 0); /* and again: enough */
    assert_int_equal(c[2].done, 1);
    assert_int_equal(c[2].outcome, DHT_CALL_REFUSED);
    assert_int_equal(lost, 1);
    assert_int_equal(fake_opened, 3);
}

static void test_timeout_takes_the_session_with_it(void **state)
{
    struct wire_peer_hop to = address(1);
    struct call slow, behind;
    uint8_t key[32];

    (void)state;
    test_key(1, key);
    start(&slow, &to, 200);
    fake_ready(fake_to(&to), key);
    world_pass(3 * RT_S);
    start(&behind, &to, 201);
    world_pass(3 * RT_S);
    assert_int_equal(slow.done, 1);
    assert_int_equal(slow.outcome, DHT_CALL_TIMEOUT);
    assert_true(slow.has_key); /* it had authenticated: the pool has reported it */
    assert_int_equal(lost, 1);
    assert_int_equal(fake_opened, 2);
    assert_int_equal(behind.done, 0);
    fake_ready(fake_to(&to), key);
    fake_reply(fake_to(&to), 201, 0, "", 0);
    assert_int_equal(behind.outcome, DHT_CALL_REPLIED);
}

static void test_silence_before_the_handshake(void **state)
{
    struct wire_peer_hop to = address(1);
    struct call c;

    (void)state;
    start(&c, &to, 200);
    world_pass(6 * RT_S);
    assert_int_equal(c.outcome, DHT_CALL_TIMEOUT);
    assert_false(c.has_key);
    assert_int_equal(lost, 1);
    assert_int_equal(fake_count, 0);
}

static void test_each_failure_has_its_outcome(void **state)
{
    struct wire_peer_hop to = address(1), quic = to;
    struct call c;

    (void)state;
    start(&c, &to, 200);
    fake_end(fake_to(&to), RT_CONN_END_TRANSPORT, RELAY_END_REFUSED, 0);
    assert_int_equal(c.outcome, DHT_CALL_UNREACHABLE);
    start(&c, &to, 200);
    fake_end(fake_to(&to), RT_CONN_END_TRANSPORT, RELAY_END_PEER, 0);
    assert_int_equal(c.outcome, DHT_CALL_REFUSED);
    start(&c, &to, 200);
    fake_end(fake_to(&to), RT_CONN_END_HANDSHAKE_TIMEOUT, RELAY_END_LOCAL, 0);
    assert_int_equal(c.outcome, DHT_CALL_TIMEOUT);
    start(&c, &to, 200);
    fake_end(fake_to(&to), RT_CONN_END_TRANSPORT, RELAY_END_LOCAL, -4000);
    assert_int_equal(c.outcome, DHT_CALL_REFUSED);
    assert_int_equal(last_skew, -4000);
    assert_int_equal(lost, 4);
    fake_fails = true;
    start(&c, &to, 200);
    assert_int_equal(c.done, 0);
    world_pass(2 * RT_MS);
    assert_int_equal(c.outcome, DHT_CALL_UNREACHABLE);
    quic.transport = WIRE_QUIC;
    start(&c, &quic, 200);
    world_pass(2 * RT_MS);
    assert_int_equal(c.outcome, DHT_CALL_NO_TRANSPORT);
}

static void test_sessions_are_bounded_and_idle_ones_make_room(void **state)
{
    static struct call c[LIM_OUTBOUND_MAX + 2];
    uint64_t dropped = rt_metric_get(RT_METRIC_DHT_CALLS_DROPPED);
    struct wire_peer_hop to;
    uint8_t key[32];

    (void)state;
    test_key(1, key);
    for (uint32_t i = 0; i < LIM_OUTBOUND_MAX; i++) {
        to = address(i);
        start(&c[i], &to, 0);
    }
    to = address(1000);
    start(&c[LIM_OUTBOUND_MAX], &to, 0);
    world_pass(2 * RT_MS);
    assert_int_equal(c[LIM_OUTBOUND_MAX].outcome, DHT_CALL_BUSY);
    assert_int_equal(rt_metric_get(RT_METRIC_DHT_CALLS_DROPPED), dropped + 1);
    for (uint32_t i = 0; i < 2; i++) {
        to = address(i);
        fake_ready(fake_to(&to), key);
    }
    to = address(1000);
    start(&c[LIM_OUTBOUND_MAX + 1], &to, 0);
    assert_non_null(fake_to(&to));
    to = address(0); /* the one idle longest */
    assert_null(fake_to(&to));
    assert_int_equal(fake_count, LIM_OUTBOUND_MAX);
}

static void test_calls_are_bounded(void **state)
{
    static struct call c[LIM_CALLS_MAX + 1];
    uint64_t dropped = rt_metric_get(RT_METRIC_DHT_CALLS_DROPPED);
    struct wire_peer_hop to = address(1);

    (void)state;
    for (uint32_t i = 0; i <= LIM_CALLS_MAX; i++)
        start(&c[i], &to, 200);
    world_pass(2 * RT_MS);
    assert_int_equal(c[LIM_CALLS_MAX].outcome, DHT_CALL_BUSY);
    assert_int_equal(c[LIM_CALLS_MAX].done, 1);
    assert_int_equal(rt_metric_get(RT_METRIC_DHT_CALLS_DROPPED), dropped + 1);
    assert_int_equal(rpc_pool_under_way(pool), LIM_CALLS_MAX);
    for (uint32_t i = 0; i < LIM_CALLS_MAX; i++)
        assert_int_equal(c[i].done, 0);
    world_pass(10 * RT_S);
    for (uint32_t i = 0; i < LIM_CALLS_MAX; i++)
        assert_int_equal(c[i].done, 1);
}

static void test_cancelled_calls_get_no_callback(void **state)
{
    struct wire_peer_hop to = address(1);
    struct call in_flight, behind;
    uint8_t key[32];

    (void)state;
    test_key(1, key);
    start(&in_flight, &to, 200);
    start(&behind, &to, 201);
    fake_ready(fake_to(&to), key);
    rpc_pool_cancel(&in_flight.call); /* its reply could be taken for the next one: a new session */
    assert_int_equal(fake_opened, 2);
    fake_ready(fake_to(&to), key);
    assert_int_equal(fake_to(&to)->type, 201);
    rpc_pool_cancel(&behind.call);
    world_pass(10 * RT_S);
    assert_int_equal(in_flight.done + behind.done, 0);
    assert_int_equal(rpc_pool_under_way(pool), 0);
}

static void test_stopping_ends_all(void **state)
{
    struct wire_peer_hop a = address(1), b = address(2);
    struct call c[3];
    uint8_t key[32];

    (void)state;
    test_key(1, key);
    start(&c[0], &a, 200);
    start(&c[1], &b, 200);
    fake_ready(fake_to(&a), key);
    rpc_pool_stop(pool);
    assert_int_equal(fake_count, 0);
    start(&c[2], &a, 200);
    world_pass(2 * RT_MS);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(c[i].done, 1);
        assert_int_equal(c[i].outcome, DHT_CALL_BUSY);
    }
    assert_int_equal(fake_opened, 2);
}

static void test_freeing_calls_no_callback(void **state)
{
    struct wire_peer_hop a = address(1);
    struct call c[2];

    (void)state;
    start(&c[0], &a, 200);
    fake_fails = true;
    a = address(2);
    start(&c[1], &a, 200);
    rpc_pool_free(&pool);
    assert_int_equal(c[0].done + c[1].done, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {

        CALLS_TEST(test_one_session_one_request_at_a_time),
        CALLS_TEST(test_authenticating_needs_no_request),
        CALLS_TEST(test_another_key_than_wanted),
        CALLS_TEST(test_idle_sessions_end),
        CALLS_TEST(test_used_session_that_ends_is_dialled_once_more),
        CALLS_TEST(test_timeout_takes_the_session_with_it),
        CALLS_TEST(test_silence_before_the_handshake),
        CALLS_TEST(test_each_failure_has_its_outcome),
        CALLS_TEST(test_sessions_are_bounded_and_idle_ones_make_room),
        CALLS_TEST(test_calls_are_bounded),
        CALLS_TEST(test_cancelled_calls_get_no_callback),
        CALLS_TEST(test_stopping_ends_all),
        CALLS_TEST(test_freeing_calls_no_callback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
