/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a session's life over a fake connection. The handshake in every dialect, and what ends it
 * without a reply: a dialect that is not served, malformed, replayed, another clock, an
 * acknowledgement of another nonce. Then one request in flight: the hold from the frame to the
 * reply, unread replies, eof and a lost connection while idle and while busy. Then the drain: idle
 * sessions close at once, pending requests get their reply, or a refusal at the deadline.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "room.h"
#include "session/refusal_total.h"
#include "session/session_limits.h"
#include "session/session_metrics.h"
#include "wire_dht.h"

static void find_node(struct client *c)
{
    uint8_t target[20] = {1}, payload[WIRE_DHT_SMALL_MAX];

    client_requests(c, WIRE_FIND_NODE, payload,
                    (uint32_t)wire_find_node_encode(target, payload, sizeof(payload)));
}

static void assert_closed_silently(struct client *c)
{
    assert_true(c->conn.is_closed);
    assert_int_equal(c->conn.sent_read, c->conn.sent_len);
    assert_int_equal(room_sessions(), 0);
}

/* -- handshake -- */

static void test_a_handshake_in_every_dialect(void **state)
{
    struct rt_metric *const sessions[WIRE_DIALECTS] = {RT_METRIC_SESSIONS_A, RT_METRIC_SESSIONS_B,
                                                       RT_METRIC_SESSIONS_C};

    (void)state;
    for (int d = WIRE_DIALECT_A; d <= WIRE_DIALECT_C; d++) {
        uint64_t before = rt_metric_get(sessions[d]);
        struct client *c =
            client_ready((uint16_t)(d % ROOM_WORKERS), (uint8_t)(10 + d), (enum wire_dialect)d);

        assert_int_equal(rt_metric_get(sessions[d]), before + 1);
        assert_int_equal(c->conn.idle_ns, LIM_SESSION_IDLE_NS);
        assert_int_equal(room_dht.inbound, d + 1);
        find_node(c);
        assert_int_equal(room_dht.dialect, d);
    }
    assert_int_equal(room_dht.skew_s, 0);
}

static void test_a_dialect_that_is_not_served_is_closed(void **state)
{
    struct client *c;

    (void)state;
    room_restart(NULL, WIRE_DIALECT_BIT(WIRE_DIALECT_A));
    c = client_connect(0, 10, WIRE_DIALECT_B);
    client_hello(c);
    assert_closed_silently(c);
    client_ready(0, 11, WIRE_DIALECT_A);
}

static void test_a_malformed_hello_is_closed(void **state)
{
    struct client *c = client_connect(0, 10, WIRE_DIALECT_A);

    (void)state;
    client_sends(c, "\xff", 1);
    assert_closed_silently(c);
}

static void test_a_replayed_hello_is_closed(void **state)
{
    struct client *first = client_ready(0, 10, WIRE_DIALECT_A);
    struct client *again = client_connect(1, 10, WIRE_DIALECT_A);

    (void)state;
    again->fresh = first->fresh;
    client_hello(again);
    assert_true(again->conn.is_closed);
    assert_int_equal(again->conn.sent_len, 0);
    assert_true(client_is_open(first));
}

static void test_an_ack_of_another_nonce_is_closed(void **state)
{
    struct client *c = client_connect(0, 10, WIRE_DIALECT_A);

    (void)state;
    client_hello(c);
    c->fresh.nonce[31] ^= 1;
    client_ack(c);
    assert_true(c->conn.is_closed);
    assert_false(c->conn.is_authenticated);
}

static void test_the_dht_is_notified_of_another_clock(void **state)
{
    struct client *c = client_connect(0, 10, WIRE_DIALECT_A);
    uint8_t bytes[WIRE_HELLO_MAX];
    struct wire_hello h;

    (void)state;
    handshake_hello(&c->key, &c->fresh, c->dialect, NULL, 1700000000 + 1000 + 3600, &h);
    client_sends(c, bytes, (uint32_t)wire_hello_encode(&h, bytes, sizeof(bytes)));
    assert_closed_silently(c);
    assert_int_equal(room_dht.inbound, 1);
    assert_int_equal(room_dht.skew_s, 3600);
}

/* Anybody can write a time and a key into a hello. */
static void test_another_clock_in_a_forged_hello_is_not_reported(void **state)
{
    struct client *c = client_connect(0, 10, WIRE_DIALECT_A);
    uint8_t bytes[WIRE_HELLO_MAX];
    struct wire_hello h;
    uint64_t before = session_refusal_total(WIRE_REFUSAL_HELLO_SIGNATURE);

    (void)state;
    handshake_hello(&c->key, &c->fresh, c->dialect, NULL, 1700000000 + 1000, &h);
    h.timestamp_unix_secs += 3600;
    client_sends(c, bytes, (uint32_t)wire_hello_encode(&h, bytes, sizeof(bytes)));
    assert_closed_silently(c);
    assert_int_equal(room_dht.inbound, 0);
    assert_int_equal(session_refusal_total(WIRE_REFUSAL_HELLO_SIGNATURE), before + 1);
}

static void test_another_clock_in_an_ack_is_reported_if_it_is_signed(void **state)
{
    struct client *c;
    uint8_t bytes[WIRE_HELLO_MAX];
    struct wire_hello h;

    (void)state;
    for (int forged = 1; forged >= 0; forged--) {
        c = client_connect(0, (uint8_t)(10 + forged), WIRE_DIALECT_A);
        client_hello(c);
        client_reads_hello(c);
        handshake_hello(&c->key, &c->fresh, c->dialect, c->server_nonce, 1700000000 + 1000, &h);
        h.timestamp_unix_secs -= 3600;
        if (!forged)
            handshake_hello(&c->key, &c->fresh, c->dialect, c->server_nonce,
                            1700000000 + 1000 - 3600, &h);
        client_sends(c, bytes, (uint32_t)wire_hello_encode(&h, bytes, sizeof(bytes)));
        assert_true(c->conn.is_closed);
        assert_int_equal(room_dht.inbound, !forged);
    }
    assert_int_equal(room_dht.skew_s, -3600);
}

/* -- one request in flight -- */

static void test_the_connection_is_held_until_the_reply(void **state)
{
    struct client *c = client_ready(1, 10, WIRE_DIALECT_A);

    (void)state;
    room_dht.is_silent = true;
    find_node(c);
    assert_true(c->conn.is_held);
    assert_nothing_sent(c);
    room_dht_reply();
    assert_false(c->conn.is_held);
    assert_replied(c, WIRE_FIND_NODE);
    assert_nothing_sent(c);
}

static void test_unread_replies_stop_the_reading_of_requests(void **state)
{
    struct client *c = client_ready(1, 10, WIRE_DIALECT_A);

    (void)state;
    c->conn.unsent = LIM_UNREAD_REPLIES + 1;
    find_node(c);
    assert_replied(c, WIRE_FIND_NODE);
    assert_true(c->conn.is_held);
    client_drains(c);
    assert_false(c->conn.is_held);
    find_node(c);
    assert_replied(c, WIRE_FIND_NODE);
}

static void test_eof_closes_an_idle_session(void **state)
{
    struct client *c = client_ready(1, 10, WIRE_DIALECT_A);

    (void)state;
    client_eof(c);
    assert_closed_silently(c);
    assert_int_equal(c->conn.how, RELAY_CLOSE_GRACEFUL);
}

static void test_eof_closes_a_busy_session_after_the_reply(void **state)
{
    struct client *c = client_ready(1, 10, WIRE_DIALECT_A);

    (void)state;
    room_dht.is_silent = true;
    find_node(c);
    client_eof(c);
    assert_true(client_is_open(c));
    room_dht_reply();
    assert_replied(c, WIRE_FIND_NODE);
    assert_closed_silently(c);
}

static void test_a_reply_to_a_lost_connection_is_dropped(void **state)
{
    struct client *c = client_ready(1, 10, WIRE_DIALECT_A);

    (void)state;
    room_dht.is_silent = room_dht.has_reply = true;
    find_node(c);
    client_loses_connection(c);
    assert_int_equal(room_sessions(), 0);
    room_dht_reply();
    assert_nothing_sent(c);
}

/* -- shutdown -- */

static void test_a_drain_without_sessions_ends_at_once(void **state)
{
    (void)state;
    room_drain();
    assert_int_equal(room_drained(), ROOM_WORKERS);
    assert_null(client_connect(0, 10, WIRE_DIALECT_A));
}

static void test_a_drain_closes_idle_sessions_and_waits_for_busy_ones(void **state)
{
    struct client *idle = client_ready(1, 10, WIRE_DIALECT_A);
    struct client *early = client_connect(1, 11, WIRE_DIALECT_A);
    struct client *busy = client_ready(1, 12, WIRE_DIALECT_A);

    (void)state;
    room_dht.is_silent = true;
    find_node(busy);
    room_drain();
    assert_true(idle->conn.is_closed && early->conn.is_closed);
    assert_true(client_is_open(busy));
    assert_int_equal(room_drained(), 1);
    room_dht_reply();
    assert_replied(busy, WIRE_FIND_NODE);
    assert_true(busy->conn.is_closed);
    assert_int_equal(room_drained(), 2);
}

static void test_a_pending_request_is_refused_at_the_deadline(void **state)
{
    struct client *busy = client_ready(1, 12, WIRE_DIALECT_A);

    (void)state;
    room_dht.is_silent = true;
    find_node(busy);
    room_drain();
    room_pass(LIM_SHUTDOWN_NS - RT_MS);
    assert_true(client_is_open(busy));
    room_pass(2 * RT_MS);
    assert_refused(busy, WIRE_FIND_NODE, "relay is shutting down");
    assert_true(busy->conn.is_closed);
    assert_int_equal(room_drained(), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, room_begin, room_end)
    const struct CMUnitTest tests[] = {
        TEST(test_a_handshake_in_every_dialect),
        TEST(test_a_dialect_that_is_not_served_is_closed),
        TEST(test_a_malformed_hello_is_closed),
        TEST(test_a_replayed_hello_is_closed),
        TEST(test_an_ack_of_another_nonce_is_closed),
        TEST(test_the_dht_is_notified_of_another_clock),
        TEST(test_another_clock_in_a_forged_hello_is_not_reported),
        TEST(test_another_clock_in_an_ack_is_reported_if_it_is_signed),
        TEST(test_the_connection_is_held_until_the_reply),
        TEST(test_unread_replies_stop_the_reading_of_requests),
        TEST(test_eof_closes_an_idle_session),
        TEST(test_eof_closes_a_busy_session_after_the_reply),
        TEST(test_a_reply_to_a_lost_connection_is_dropped),
        TEST(test_a_drain_without_sessions_ends_at_once),
        TEST(test_a_drain_closes_idle_sessions_and_waits_for_busy_ones),
        TEST(test_a_pending_request_is_refused_at_the_deadline),
    };

    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
