/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a refused hello is repeated in the remaining dialects, in the order C, B, A, in the same
 * call. A timeout or an unreachable peer causes no further dial. The timeout of the call covers all
 * dials. A call that requires a dialect fails with WRONG_DIALECT if the peer speaks another. One
 * address can have sessions of several dialects. A marked relay speaks the dialects of its marker,
 * except those that it refused.
 */
#include "rpc_pool_room.h"

static void test_refused_hellos_go_through_all_dialects(void **state)
{
    static const enum wire_dialect order[] = {WIRE_DIALECT_B, WIRE_DIALECT_C, WIRE_DIALECT_A};
    struct wire_peer_hop to = address(1);
    struct call c;

    (void)state;
    memset(&c, 0, sizeof(c));
    c.call = (struct rpc_call){.to = to,
                               .dialect = DHT_DIALECT_ANY,
                               .first = WIRE_DIALECT_B,
                               .timeout_ns = 5 * RT_S,
                               .done = on_done};
    rpc_pool_start(pool, &c.call);
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
    assert_int_equal(rpc_pool_sessions(pool), 0);
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
    fake_reply(fake_to(&to), WIRE_PEX_OFFER, 0, "yes", 3);
    assert_int_equal(c.outcome, DHT_CALL_REPLIED);
    assert_int_equal(c.dialect, WIRE_DIALECT_A);
    assert_int_equal(c.dialects, WIRE_DIALECT_BIT(WIRE_DIALECT_A));
    assert_int_equal(reached_dialects, WIRE_DIALECT_BIT(WIRE_DIALECT_A));

    /* Calls of the session's dialect and calls of any dialect use the session. */
    start_in(&again, &to, WIRE_PEX_REQUEST, WIRE_DIALECT_A);
    assert_true(fake_to(&to)->has_request);
    fake_reply(fake_to(&to), WIRE_PEX_OFFER, 0, "yes", 3);
    start(&again, &to, WIRE_PEX_REQUEST);
    fake_reply(fake_to(&to), WIRE_PEX_OFFER, 0, "yes", 3);
    assert_int_equal(again.outcome, DHT_CALL_REPLIED);
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
    assert_int_equal(reached, 1); /* reached in dialect C */

    start(&any, &to, WIRE_FIND_NODE);
    assert_true(fake_to(&to)->has_request);
    fake_reply(fake_to(&to), WIRE_FIND_NODE, 0, "yes", 3);
    assert_int_equal(any.outcome, DHT_CALL_REPLIED);
}

static void test_an_exact_call_tries_no_other_dialect(void **state)
{
    struct wire_peer_hop to = address(1);
    struct call exact, other;

    (void)state;
    memset(&exact, 0, sizeof(exact));
    exact.call = (struct rpc_call){.to = to,
                                   .dialect = WIRE_DIALECT_B,
                                   .is_exact = true,
                                   .timeout_ns = 5 * RT_S,
                                   .done = on_done};
    rpc_pool_start(pool, &exact.call);
    fake_refuse(fake_to(&to));
    assert_int_equal(exact.outcome, DHT_CALL_REFUSED);
    assert_int_equal(fake_opened, 1);

    /* A second call without is_exact allows further dials. */
    rpc_pool_start(pool, &exact.call);
    start_in(&other, &to, WIRE_FIND_NODE, WIRE_DIALECT_B);
    fake_refuse(fake_to(&to));
    assert_int_equal(fake_opened, 3);
    fake_refuse(fake_to(&to));
    fake_refuse(fake_to(&to));
    assert_int_equal(exact.done, 2);
    assert_int_equal(other.outcome, DHT_CALL_REFUSED);
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
    assert_int_equal(rpc_pool_sessions(pool), 0);
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
    fake_reply(fake_to(&to), WIRE_FIND_NODE, 0, "yes", 3);
    assert_int_equal(c.dialects, WIRE_DIALECTS_ALL);

    /* A second session has another dialect. A refused dialect does not count as spoken. */
    start_in(&a, &to, WIRE_FIND_NODE, WIRE_DIALECT_A);
    assert_int_equal(rpc_pool_sessions(pool), 2);
    fake_refuse(fake_dials);
    wire_nonce_mark(fake_dials->hello.nonce, WIRE_DIALECTS_ALL);
    fake_ready(fake_dials, key);
    assert_int_equal(a.outcome, DHT_CALL_WRONG_DIALECT);
    assert_int_equal(a.dialects,
                     WIRE_DIALECT_BIT(WIRE_DIALECT_B) | WIRE_DIALECT_BIT(WIRE_DIALECT_C));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CALLS_TEST(test_refused_hellos_go_through_all_dialects),
        CALLS_TEST(test_the_dialect_that_works_answers),
        CALLS_TEST(test_a_call_of_one_dialect),
        CALLS_TEST(test_an_exact_call_tries_no_other_dialect),
        CALLS_TEST(test_a_silent_or_absent_peer_is_not_dialled_again),
        CALLS_TEST(test_the_time_of_a_call_covers_all_its_dials),
        CALLS_TEST(test_a_marked_relay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
