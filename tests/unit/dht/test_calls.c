/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: calls to one address share one session, one request at a time, in order; nothing is called
 * back from inside a start; authentication alone needs no request; another key than the wanted one
 * is told, and only to who wanted it; an idle session is closed in time, one that ended while it
 * was idle is nobody's fault, one that ends under a request after it was used is dialled anew,
 * once; a call that is not answered in time takes its session with it, and those behind it get
 * another; nobody there, refused, no transport, a dial that fails at once: each its outcome, on a
 * later turn; sessions and calls are bounded, the longest idle session makes room; cancelled calls
 * are never told; stopping ends all; freeing tells nobody; peers reached and lost are reported, and
 * clocks; a refused hello is repeated in the dialects that are left, C, B, A, in the same call, but
 * a timeout is not; a call that wants one dialect is told when the peer speaks another; sessions of
 * several dialects to one address live side by side; a marked relay speaks what its marker says.
 */
#include "fake_dial.h"

#include "base/metric.h"
#include "dht/calls.h"

static struct dht_calls *pool;
static uint32_t reached, lost;
static uint8_t reached_dialects;
static enum dht_outcome lost_why;
static enum wire_dialect lost_dialect;
static int64_t last_skew;
static bool is_starting;

struct call {
    struct dht_call call;
    uint32_t done;
    enum dht_outcome outcome;
    bool has_key, is_error;
    enum wire_dialect dialect;
    uint8_t dialects;
    uint8_t key[32];
    uint16_t type;
    uint32_t len;
    uint8_t answer[64];
};

static void on_reached(void *ctx, const struct wire_peer_hop *hop, enum wire_dialect dialect,
                       uint8_t dialects, const struct wire_hello *hello)
{
    (void)ctx, (void)hello, (void)dialect;
    assert_true(hop->has_pubkey_hint);
    reached++;
    reached_dialects = dialects;
}

static void on_lost(void *ctx, const struct wire_peer_hop *hop, enum wire_dialect dialect,
                    enum dht_outcome why)
{
    (void)ctx, (void)hop;
    lost_why = why;
    lost_dialect = dialect;
    lost++;
}

static void on_skew(void *ctx, const struct wire_peer_hop *hop, int64_t skew_s)
{
    (void)ctx, (void)hop;
    last_skew = skew_s;
}

static int begin(void **state)
{
    static const struct dht_calls_hooks hooks = {on_reached, on_lost, on_skew, NULL};
    static struct rt_sign_key identity;

    (void)state;
    world_begin();
    test_sign_key(1, &identity);
    reached = lost = 0;
    last_skew = 0;
    pool = dht_calls_new(world_worker(), &identity, &hooks);
    dht_calls_set_transport(pool, WIRE_TCP, &world_transport, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    dht_calls_free(&pool);
    world_end();
    return 0;
}

static void on_done(struct dht_call *c, const struct dht_call_end *e)
{
    struct call *call = (struct call *)c;

    assert_false(is_starting);
    call->done++;
    call->outcome = e->outcome;
    call->has_key = e->key != NULL;
    if (e->key) {
        memcpy(call->key, e->key, 32);
        call->dialect = e->dialect;
        call->dialects = e->peer_dialects;
    }
    if (!e->answer)
        return;
    call->type = e->answer->type;
    call->is_error = e->answer->flags & WIRE_FLAG_ERROR;
    call->len = e->answer->payload.len;
    memcpy(call->answer, e->answer->payload.ptr, call->len);
}

static void start_in(struct call *c, const struct wire_peer_hop *to, uint16_t type,
                     enum wire_dialect dialect)
{
    memset(c, 0, sizeof(*c));
    c->call.dialect = dialect;
    c->call.first = WIRE_DIALECT_C;
    c->call.to = *to;
    c->call.type = type;
    c->call.timeout_ns = 5 * RT_S;
    c->call.done = on_done;
    if (type)
        c->call.payload = rt_slice_copy("ask", 3);
    is_starting = true;
    dht_calls_start(pool, &c->call);
    is_starting = false;
}

static void start(struct call *c, const struct wire_peer_hop *to, uint16_t type)
{
    start_in(c, to, type, DHT_DIALECT_ANY);
}

static struct wire_peer_hop address(uint32_t n)
{
    return test_hop(0x0b000001 + (n << 8), 7001);
}

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
        fake_answer(d, (uint16_t)(300 + i), i == 1 ? WIRE_FLAG_ERROR : 0, "yes", 3);
        assert_int_equal(c[i].done, 1);
        assert_int_equal(c[i].outcome, DHT_CALL_ANSWERED);
        assert_int_equal(c[i].type, 300 + i);
        assert_int_equal(c[i].is_error, i == 1);
        assert_memory_equal(c[i].answer, "yes", 3);
        assert_memory_equal(c[i].key, key, 32);
    }
    assert_false(d->has_request);
    assert_int_equal(fake_opened, 1);
    assert_int_equal(reached, 4); /* once dialled, three answers */
    assert_int_equal(dht_calls_under_way(pool), 0);
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
    assert_int_equal(a.outcome, DHT_CALL_ANSWERED);
    assert_memory_equal(a.key, key, 32);
    start(&b, &to, 0); /* it stands already: told on a later turn */
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
    fake_answer(fake_to(&to), 201, 0, "", 0);
    assert_int_equal(any.outcome, DHT_CALL_ANSWERED);
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
    assert_int_equal(dht_calls_sessions(pool), 0);
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
    fake_answer(fake_to(&to), 200, 0, "", 0);
    start(&c[1], &to, 201);
    start(&c[2], &to, 202);
    fake_end(fake_to(&to), RT_CONN_END_TRANSPORT, RELAY_END_PEER, 0);
    assert_int_equal(fake_opened, 2);
    assert_int_equal(lost, 0);
    fake_ready(fake_to(&to), key);
    assert_int_equal(fake_to(&to)->type, 201);
    fake_answer(fake_to(&to), 201, 0, "", 0);
    assert_int_equal(c[1].outcome, DHT_CALL_ANSWERED);
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
    assert_true(slow.has_key); /* it had authenticated: the pool has told of it */
    assert_int_equal(lost, 1);
    assert_int_equal(fake_opened, 2);
    assert_int_equal(behind.done, 0);
    fake_ready(fake_to(&to), key);
    fake_answer(fake_to(&to), 201, 0, "", 0);
    assert_int_equal(behind.outcome, DHT_CALL_ANSWERED);
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
    assert_int_equal(dht_calls_under_way(pool), LIM_CALLS_MAX);
    for (uint32_t i = 0; i < LIM_CALLS_MAX; i++)
        assert_int_equal(c[i].done, 0);
    world_pass(10 * RT_S);
    for (uint32_t i = 0; i < LIM_CALLS_MAX; i++)
        assert_int_equal(c[i].done, 1);
}

static void test_cancelled_calls_are_never_told(void **state)
{
    struct wire_peer_hop to = address(1);
    struct call in_flight, behind;
    uint8_t key[32];

    (void)state;
    test_key(1, key);
    start(&in_flight, &to, 200);
    start(&behind, &to, 201);
    fake_ready(fake_to(&to), key);
    dht_calls_cancel(&in_flight.call); /* its answer cannot be told from the next: a new session */
    assert_int_equal(fake_opened, 2);
    fake_ready(fake_to(&to), key);
    assert_int_equal(fake_to(&to)->type, 201);
    dht_calls_cancel(&behind.call);
    world_pass(10 * RT_S);
    assert_int_equal(in_flight.done + behind.done, 0);
    assert_int_equal(dht_calls_under_way(pool), 0);
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
    dht_calls_stop(pool);
    assert_int_equal(fake_count, 0);
    start(&c[2], &a, 200);
    world_pass(2 * RT_MS);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(c[i].done, 1);
        assert_int_equal(c[i].outcome, DHT_CALL_BUSY);
    }
    assert_int_equal(fake_opened, 2);
}

static void test_freeing_tells_nobody(void **state)
{
    struct wire_peer_hop a = address(1);
    struct call c[2];

    (void)state;
    start(&c[0], &a, 200);
    fake_fails = true;
    a = address(2);
    start(&c[1], &a, 200);
    dht_calls_free(&pool);
    assert_int_equal(c[0].done + c[1].done, 0);
}

/* -- dialects -- */

static void test_refused_hellos_go_through_all_dialects(void **state)
{
    static const enum wire_dialect order[] = {WIRE_DIALECT_B, WIRE_DIALECT_C, WIRE_DIALECT_A};
    struct wire_peer_hop to = address(1);
    struct call c;

    (void)state;
    memset(&c, 0, sizeof(c));
    c.call = (struct dht_call){.to = to,
                               .dialect = DHT_DIALECT_ANY,
                               .first = WIRE_DIALECT_B,
                               .timeout_ns = 5 * RT_S,
                               .done = on_done};
    dht_calls_start(pool, &c.call);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(fake_opened, i + 1);
        assert_int_equal(fake_to(&to)->dialect, order[i]);
        assert_int_equal(c.done, 0);
        fake_refuse(fake_to(&to));
    }
    assert_int_equal(fake_opened, 3);
    assert_int_equal(c.done, 1);
    assert_int_equal(c.outcome, DHT_CALL_REFUSED);
    assert_int_equal(lost_why, DHT_CALL_REFUSED);
    assert_int_equal(dht_calls_sessions(pool), 0);
}

static void test_the_dialect_that_works_answers(void **state)
{
    struct wire_peer_hop to = address(1);
    uint8_t key[32] = {1};
    struct call c, again;

    (void)state;
    start(&c, &to, WIRE_PEX_REQUEST);
    fake_refuse(fake_to(&to));
    fake_refuse(fake_to(&to));
    assert_int_equal(fake_to(&to)->dialect, WIRE_DIALECT_A);
    fake_ready(fake_to(&to), key);
    fake_answer(fake_to(&to), WIRE_PEX_OFFER, 0, "yes", 3);
    assert_int_equal(c.outcome, DHT_CALL_ANSWERED);
    assert_int_equal(c.dialect, WIRE_DIALECT_A);
    assert_int_equal(c.dialects, WIRE_DIALECT_BIT(WIRE_DIALECT_A));
    assert_int_equal(reached_dialects, WIRE_DIALECT_BIT(WIRE_DIALECT_A));

    /* The session is found by calls of its dialect, and by those of any. */
    start_in(&again, &to, WIRE_PEX_REQUEST, WIRE_DIALECT_A);
    assert_true(fake_to(&to)->has_request);
    fake_answer(fake_to(&to), WIRE_PEX_OFFER, 0, "yes", 3);
    start(&again, &to, WIRE_PEX_REQUEST);
    fake_answer(fake_to(&to), WIRE_PEX_OFFER, 0, "yes", 3);
    assert_int_equal(again.outcome, DHT_CALL_ANSWERED);
    assert_int_equal(fake_opened, 3);
}

static void test_a_call_of_one_dialect(void **state)
{
    struct wire_peer_hop to = address(1);
    uint8_t key[32] = {1};
    struct call a, any;

    (void)state;
    start_in(&a, &to, WIRE_FIND_NODE, WIRE_DIALECT_A);
    assert_int_equal(fake_to(&to)->dialect, WIRE_DIALECT_A);
    fake_refuse(fake_to(&to));
    assert_int_equal(fake_to(&to)->dialect, WIRE_DIALECT_C);
    fake_ready(fake_to(&to), key);
    assert_int_equal(a.done, 1);
    assert_int_equal(a.outcome, DHT_CALL_WRONG_DIALECT);
    assert_int_equal(a.dialect, WIRE_DIALECT_C);
    assert_int_equal(lost_why, DHT_CALL_WRONG_DIALECT);
    assert_int_equal(lost_dialect, WIRE_DIALECT_A);
    assert_int_equal(reached, 1); /* it is there, in dialect C */

    start(&any, &to, WIRE_FIND_NODE);
    assert_true(fake_to(&to)->has_request);
    fake_answer(fake_to(&to), WIRE_FIND_NODE, 0, "yes", 3);
    assert_int_equal(any.outcome, DHT_CALL_ANSWERED);
}

static void test_a_silent_or_absent_peer_is_not_dialled_again(void **state)
{
    struct wire_peer_hop to = address(1);
    struct call c;

    (void)state;
    start(&c, &to, WIRE_FIND_NODE);
    world_pass(6 * RT_S);
    assert_int_equal(c.outcome, DHT_CALL_TIMEOUT);
    start(&c, &to, WIRE_FIND_NODE);
    fake_end(fake_to(&to), RT_CONN_END_TRANSPORT, RELAY_END_REFUSED, 0);
    assert_int_equal(c.outcome, DHT_CALL_UNREACHABLE);
    start(&c, &to, WIRE_FIND_NODE);
    fake_end(fake_to(&to), RT_CONN_END_HANDSHAKE_TIMEOUT, RELAY_END_LOCAL, 0);
    assert_int_equal(c.outcome, DHT_CALL_TIMEOUT);
    assert_int_equal(fake_opened, 3);
}

static void test_the_time_of_a_call_covers_all_its_dials(void **state)
{
    struct wire_peer_hop to = address(1);
    struct call c;

    (void)state;
    start(&c, &to, WIRE_FIND_NODE);
    world_pass(3 * RT_S);
    fake_refuse(fake_to(&to));
    world_pass(RT_S);
    fake_refuse(fake_to(&to));
    assert_int_equal(c.done, 0);
    world_pass(RT_S + RT_MS);
    assert_int_equal(c.done, 1);
    assert_int_equal(c.outcome, DHT_CALL_TIMEOUT);
    assert_int_equal(dht_calls_sessions(pool), 0);
}

static void test_a_marked_relay(void **state)
{
    struct wire_peer_hop to = address(1);
    uint8_t key[32] = {1};
    struct call c, a;

    (void)state;
    start_in(&c, &to, WIRE_FIND_NODE, WIRE_DIALECT_C);
    wire_nonce_mark(fake_to(&to)->hello.nonce, WIRE_DIALECTS_ALL);
    fake_ready(fake_to(&to), key);
    assert_int_equal(reached_dialects, WIRE_DIALECTS_ALL);
    fake_answer(fake_to(&to), WIRE_FIND_NODE, 0, "yes", 3);
    assert_int_equal(c.dialects, WIRE_DIALECTS_ALL);

    /* A session of another dialect stands beside it. What the relay refuses it does not speak. */
    start_in(&a, &to, WIRE_FIND_NODE, WIRE_DIALECT_A);
    assert_int_equal(dht_calls_sessions(pool), 2);
    fake_refuse(fake_dials);
    wire_nonce_mark(fake_dials->hello.nonce, WIRE_DIALECTS_ALL);
    fake_ready(fake_dials, key);
    assert_int_equal(a.outcome, DHT_CALL_WRONG_DIALECT);
    assert_int_equal(a.dialects,
                     WIRE_DIALECT_BIT(WIRE_DIALECT_B) | WIRE_DIALECT_BIT(WIRE_DIALECT_C));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_refused_hellos_go_through_all_dialects),
        TEST(test_the_dialect_that_works_answers),
        TEST(test_a_call_of_one_dialect),
        TEST(test_a_silent_or_absent_peer_is_not_dialled_again),
        TEST(test_the_time_of_a_call_covers_all_its_dials),
        TEST(test_a_marked_relay),

        TEST(test_one_session_one_request_at_a_time),
        TEST(test_authenticating_needs_no_request),
        TEST(test_another_key_than_wanted),
        TEST(test_idle_sessions_end),
        TEST(test_used_session_that_ends_is_dialled_once_more),
        TEST(test_timeout_takes_the_session_with_it),
        TEST(test_silence_before_the_handshake),
        TEST(test_each_failure_has_its_outcome),
        TEST(test_sessions_are_bounded_and_idle_ones_make_room),
        TEST(test_calls_are_bounded),
        TEST(test_cancelled_calls_are_never_told),
        TEST(test_stopping_ends_all),
        TEST(test_freeing_tells_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
