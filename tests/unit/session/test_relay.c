/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: RelayRegister, RelayConnect and RelayStream from the session's side, over the real tunnel
 * room. A registered connection leaves its session; a refused one comes back. A request reaches its
 * node and returns, small and large. A slot that this worker does not know is asked for once: a
 * link of another worker, a temporary slot, or no slot. A link that is gone bounces the request,
 * which finds the next link. Malformed inner envelopes, and requesters that leave, at each stage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "room.h"
#include "session/session_limits.h"
#include "tunnel/tunnel.h"
#include "tunnel/tunnel_metrics.h"
#include "tunnel/tunnel_msg.h"
#include "wire_limits.h"
#include "wire_relay.h"

#define INNER_REQ_ID 300u

static struct wire_relay_registered last_registered;

static void request_register(struct client *c, bool tunnel, uint64_t slot_id)
{
    struct wire_relay_register m = {
        .tunnel = tunnel, .has_slot_id = slot_id != 0, .slot_id = slot_id};
    uint8_t payload[WIRE_RELAY_SMALL_MAX];

    client_requests(c, WIRE_RELAY_REGISTER, payload,
                    (uint32_t)wire_relay_register_encode(&m, payload, sizeof(payload)));
}

static uint64_t read_registered(struct client *c)
{
    struct wire_envelope e = assert_replied(c, WIRE_RELAY_REGISTERED);

    assert_int_equal(wire_relay_registered_decode(e.payload.ptr, e.payload.len, &last_registered),
                     RT_ERR_OK);
    return last_registered.slot_id;
}

/* A client whose connection is a tunnel; returns it and its slot. */
static struct client *node_new(uint16_t worker, uint8_t key, uint64_t *out_slot_id)
{
    struct client *node = client_ready(worker, key, WIRE_DIALECT_A);

    request_register(node, true, 0);
    *out_slot_id = read_registered(node);
    return node;
}

/* A RelayStream with these bytes as its payload. */
static void request_raw(struct client *c, uint64_t slot_id, enum wire_relay_kind kind,
                        const void *inner, uint32_t len)
{
    struct wire_relay_stream m = {.slot_id = slot_id, .stream_id = 4, .kind = kind};
    uint8_t *payload = malloc(WIRE_RELAY_STREAM_HEAD_MAX + len);
    size_t head;

    assert_non_null(payload);
    head = wire_relay_stream_head(payload, &m, len);
    memcpy(payload + head, inner, len);
    client_requests(c, WIRE_RELAY_STREAM, payload, (uint32_t)(head + len));
    free(payload);
}

/* A RelayStream with a request of len bytes for the node. */
static void request_stream(struct client *c, uint64_t slot_id, uint32_t len)
{
    uint8_t *inner = malloc(WIRE_ENVELOPE_HEAD_MAX + len);
    size_t head;

    assert_non_null(inner);
    head = wire_envelope_bare_head(inner, WIRE_GET_CHUNK, INNER_REQ_ID, 0, len);
    memset(inner + head, 7, len);
    request_raw(c, slot_id, WIRE_KIND_CONTENT, inner, (uint32_t)(head + len));
    free(inner);
}

/* The node reads the request and answers it with len bytes. */
static void node_replies(struct client *node, uint32_t request_len, uint32_t len)
{
    struct wire_envelope e = {0};
    uint8_t *frame = calloc(1, len);

    assert_non_null(frame);
    assert_true(client_reads(node, &e));
    assert_int_equal(e.type, WIRE_GET_CHUNK);
    assert_int_equal(e.req_id, INNER_REQ_ID);
    assert_int_equal(e.payload.len, request_len);
    memset(frame, 8, len);
    client_sends(node, frame, len);
    free(frame);
}

static void assert_stream_replied(struct client *c, uint64_t slot_id, const void *bytes,
                                  uint32_t len)
{
    struct wire_envelope e = assert_replied(c, WIRE_RELAY_STREAM);
    struct wire_relay_stream m;

    assert_int_equal(wire_relay_stream_decode(e.payload.ptr, e.payload.len, &m), RT_ERR_OK);
    assert_int_equal(m.slot_id, slot_id);
    assert_int_equal(m.stream_id, 4);
    assert_int_equal(m.payload.len, len);
    assert_memory_equal(m.payload.ptr, bytes, len);
    assert_true(!c->conn.is_held || c->conn.is_closed);
}

static void assert_answered(struct client *c, uint64_t slot_id, uint32_t len)
{
    uint8_t *expected = malloc(len);

    assert_non_null(expected);
    memset(expected, 8, len);
    assert_stream_replied(c, slot_id, expected, len);
    free(expected);
}

/* The worker's view of the slot becomes this link or none. Later updates of a link are ignored. */
static void set_view(uint16_t worker, uint64_t slot_id, uint32_t count, struct rt_addr link)
{
    /* The view is the first actor of a worker. */
    struct rt_addr view = {.index = 0, .generation = 1, .worker = worker};
    struct slots_update *u = rt_msg_new(SLOTS_UPDATE, sizeof(*u));

    u->slot_id = slot_id;
    u->version = UINT64_MAX;
    u->count = count;
    u->links[0] = link;
    rt_send(room_worker(worker), view, &u->msg);
    room_run();
}

/* -- registering -- */

static void test_a_registered_connection_leaves_its_session(void **state)
{
    uint64_t slot_id;
    struct client *node = node_new(1, 20, &slot_id);

    (void)state;
    assert_int_not_equal(slot_id, 0);
    assert_true(last_registered.expires_at > 1700000000);
    assert_int_equal(room_sessions(), 0);
    assert_true(client_is_open(node) && !node->conn.is_held);
    assert_int_equal(node->conn.idle_ns, 0);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNELS), 1);
}

static void test_a_refused_registration_gives_the_connection_back(void **state)
{
    struct client *c = client_ready(1, 20, WIRE_DIALECT_A);

    (void)state;
    request_register(c, true, 99);
    assert_refused(c, WIRE_RELAY_REGISTER, "relay slot not found");
    assert_int_equal(room_sessions(), 1);
    request_register(c, true, 0);
    read_registered(c);
    assert_int_equal(room_sessions(), 0);
}

static void test_a_registration_under_way_ends_with_the_drain(void **state)
{
    struct client *c = client_ready(1, 20, WIRE_DIALECT_A);

    (void)state;
    room_run_only(1);
    request_register(c, true, 0);
    assert_true(c->conn.is_held);
    room_drain();
    assert_int_equal(room_sessions(), 1);
    room_pass(LIM_SHUTDOWN_NS + RT_MS);
    assert_refused(c, WIRE_RELAY_REGISTER, "relay is shutting down");
    assert_true(c->conn.is_closed);
    assert_int_equal(room_sessions(), 0);
    room_run_only(-1);
    room_run();
    assert_int_equal(room_drained(), 2);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNELS), 0);
}

static void test_a_connection_lost_while_registering_ends_the_session(void **state)
{
    struct client *c = client_ready(1, 20, WIRE_DIALECT_A);

    (void)state;
    room_run_only(1);
    request_register(c, true, 0);
    client_loses_connection(c);
    assert_int_equal(room_sessions(), 0);
    room_run_only(-1);
    room_run();
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNELS), 0);
}

static void test_eof_while_registering_closes_after_the_reply(void **state)
{
    struct client *c = client_ready(1, 20, WIRE_DIALECT_A);
    struct client *refused = client_ready(1, 21, WIRE_DIALECT_A);

    (void)state;
    room_run_only(1);
    request_register(c, true, 0);
    request_register(refused, true, 99);
    client_eof(c);
    client_eof(refused);
    room_run_only(-1);
    room_run();
    read_registered(c);
    assert_refused(refused, WIRE_RELAY_REGISTER, "relay slot not found");
    assert_true(c->conn.is_closed && refused->conn.is_closed);
    assert_int_equal(room_sessions(), 0);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNELS), 0);
}

/* -- requests -- */

static void test_requests_reach_the_node_and_return(void **state)
{
    static const uint32_t sizes[] = {0,     10,     TUNNEL_INLINE_MAX, TUNNEL_INLINE_MAX + 1,
                                     70000, 1000000};
    uint64_t slot_id;
    struct client *node = node_new(1, 20, &slot_id);

    (void)state;
    for (uint16_t worker = 0; worker < ROOM_WORKERS; worker++) {
        struct client *c = client_ready(worker, (uint8_t)(30 + worker), WIRE_DIALECT_C);

        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            request_stream(c, slot_id, sizes[i]);
            assert_true(c->conn.is_held);
            node_replies(node, sizes[i], sizes[i] + 1);
            assert_answered(c, slot_id, sizes[i] + 1);
        }
    }
}

static void test_a_malformed_inner_envelope_is_refused(void **state)
{
    uint64_t slot_id;
    struct client *node = node_new(1, 20, &slot_id);
    struct client *c = client_ready(1, 30, WIRE_DIALECT_A);
    char text[96];

    (void)state;
    snprintf(text, sizeof(text), "relay tunnel: bad inner envelope: %s",
             rt_err_text(RT_ERR_MALFORMED));
    request_raw(c, slot_id, WIRE_KIND_CONTENT, "\x01", 1);
    assert_refused(c, WIRE_RELAY_STREAM, text);
    assert_nothing_sent(node);
    request_stream(c, slot_id, 10);
    node_replies(node, 10, 3);
    assert_answered(c, slot_id, 3);
}

static void test_a_requester_that_leaves_withdraws_its_request(void **state)
{
    uint64_t slot_id;
    struct client *node = node_new(1, 20, &slot_id);
    struct client *c = client_ready(0, 30, WIRE_DIALECT_A);

    (void)state;
    request_stream(c, slot_id, 10);
    client_loses_connection(c);
    assert_int_equal(room_sessions(), 0);
    node_replies(node, 10, 3);
    assert_nothing_sent(c);
    assert_true(client_is_open(node));
}

static void test_an_eof_waits_for_a_written_request(void **state)
{
    uint64_t slot_id;
    struct client *node = node_new(1, 20, &slot_id);
    struct client *c = client_ready(0, 30, WIRE_DIALECT_A);

    (void)state;
    request_stream(c, slot_id, 10);
    client_eof(c);
    assert_true(client_is_open(c));
    node_replies(node, 10, 3);
    assert_answered(c, slot_id, 3);
    assert_true(c->conn.is_closed);
}

static void test_a_node_that_closes_refuses_its_written_requests(void **state)
{
    uint64_t slot_id;
    struct client *node = node_new(1, 20, &slot_id);
    struct client *c = client_ready(0, 30, WIRE_DIALECT_A);

    (void)state;
    request_stream(c, slot_id, 10);
    client_eof(node);
    assert_refused(c, WIRE_RELAY_STREAM, "relay tunnel: closed");
}

/* -- slots that this worker does not know -- */

static void test_an_unknown_slot_is_refused(void **state)
{
    struct client *c = client_ready(1, 30, WIRE_DIALECT_A);

    (void)state;
    request_stream(c, 99, 10);
    assert_refused(c, WIRE_RELAY_STREAM, "relay slot not found");
    request_raw(c, 99, WIRE_KIND_CONTENT, "\x01", 1);
    assert_refused(c, WIRE_RELAY_STREAM, "relay slot not found");
}

static void test_a_slot_miss_is_asked_for_and_forwarded(void **state)
{
    static const uint32_t sizes[] = {10, 5000, 70000};
    uint64_t slot_id;
    struct client *node = node_new(1, 20, &slot_id);
    struct client *c = client_ready(0, 30, WIRE_DIALECT_A);
    char text[96];

    (void)state;
    set_view(0, slot_id, 0, (struct rt_addr){0});
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        request_stream(c, slot_id, sizes[i]);
        node_replies(node, sizes[i], 3);
        assert_answered(c, slot_id, 3);
    }
    snprintf(text, sizeof(text), "relay tunnel: bad inner envelope: %s",
             rt_err_text(RT_ERR_MALFORMED));
    request_raw(c, slot_id, WIRE_KIND_CONTENT, "\x01", 1);
    assert_refused(c, WIRE_RELAY_STREAM, text);
}

static void test_a_bounced_request_finds_the_next_link(void **state)
{
    uint64_t slot_id;
    struct client *node = node_new(1, 20, &slot_id);
    struct client *c = client_ready(0, 30, WIRE_DIALECT_A);
    struct rt_addr gone = {.index = 1000, .generation = 1, .worker = 1};

    (void)state;
    set_view(0, slot_id, 1, gone);
    request_stream(c, slot_id, 10);
    node_replies(node, 10, 3);
    assert_answered(c, slot_id, 3);
    client_eof(node);
    request_stream(c, slot_id, 10);
    assert_refused(c, WIRE_RELAY_STREAM, "relay slot not found");
}

/* -- temporary slots -- */

static void test_a_temporary_slot_returns_its_requesters_payload(void **state)
{
    struct client *owner = client_ready(0, 20, WIRE_DIALECT_A);
    struct client *c = client_ready(1, 30, WIRE_DIALECT_A);
    uint8_t payload[WIRE_RELAY_SMALL_MAX];
    uint64_t slot_id;

    (void)state;
    request_register(owner, false, 0);
    slot_id = read_registered(owner);
    assert_int_equal(room_sessions(), 2);
    client_requests(c, WIRE_RELAY_CONNECT, payload,
                    (uint32_t)wire_relay_connect_encode(slot_id, payload, sizeof(payload)));
    assert_int_equal(assert_replied(c, WIRE_RELAY_CONNECT).payload.len, 0);
    request_raw(c, slot_id, WIRE_KIND_CONTROL, "\xff any", 5);
    assert_stream_replied(c, slot_id, "\xff any", 5);
    request_raw(c, slot_id, WIRE_KIND_CONTENT, "x", 1);
    assert_refused(c, WIRE_RELAY_STREAM, "relay slot has no tunnel for content");
}

static void test_a_control_payload_has_a_limit(void **state)
{
    struct client *owner = client_ready(0, 20, WIRE_DIALECT_A);
    struct client *c = client_ready(1, 30, WIRE_DIALECT_A);
    uint8_t small[WIRE_RELAY_SMALL_MAX];
    uint8_t *large = calloc(1, LIM_CONTROL_PAYLOAD_MAX + 1);
    uint64_t slot_id;

    (void)state;
    assert_non_null(large);
    request_register(owner, false, 0);
    slot_id = read_registered(owner);
    client_requests(c, WIRE_RELAY_CONNECT, small,
                    (uint32_t)wire_relay_connect_encode(slot_id, small, sizeof(small)));
    assert_replied(c, WIRE_RELAY_CONNECT);
    request_raw(c, slot_id, WIRE_KIND_CONTROL, large, LIM_CONTROL_PAYLOAD_MAX);
    assert_stream_replied(c, slot_id, large, LIM_CONTROL_PAYLOAD_MAX);
    request_raw(c, slot_id, WIRE_KIND_CONTROL, large, LIM_CONTROL_PAYLOAD_MAX + 1);
    assert_refused(c, WIRE_RELAY_STREAM, "relay control payload too large");
    free(large);
}

static void test_connecting_to_an_unknown_slot_is_refused(void **state)
{
    struct client *c = client_ready(1, 30, WIRE_DIALECT_A);
    uint8_t payload[WIRE_RELAY_SMALL_MAX];

    (void)state;
    client_requests(c, WIRE_RELAY_CONNECT, payload,
                    (uint32_t)wire_relay_connect_encode(99, payload, sizeof(payload)));
    assert_refused(c, WIRE_RELAY_CONNECT, "relay slot not found");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, room_begin, room_end)
    const struct CMUnitTest tests[] = {
        TEST(test_a_registered_connection_leaves_its_session),
        TEST(test_a_refused_registration_gives_the_connection_back),
        TEST(test_a_registration_under_way_ends_with_the_drain),
        TEST(test_a_connection_lost_while_registering_ends_the_session),
        TEST(test_eof_while_registering_closes_after_the_reply),
        TEST(test_requests_reach_the_node_and_return),
        TEST(test_a_malformed_inner_envelope_is_refused),
        TEST(test_a_requester_that_leaves_withdraws_its_request),
        TEST(test_an_eof_waits_for_a_written_request),
        TEST(test_a_node_that_closes_refuses_its_written_requests),
        TEST(test_an_unknown_slot_is_refused),
        TEST(test_a_slot_miss_is_asked_for_and_forwarded),
        TEST(test_a_bounced_request_finds_the_next_link),
        TEST(test_a_temporary_slot_returns_its_requesters_payload),
        TEST(test_a_control_payload_has_a_limit),
        TEST(test_connecting_to_an_unknown_slot_is_refused),
    };

    return cmocka_run_group_tests_name("relay requests", tests, NULL, NULL);
}
