/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a peer that was dialled enters the tables of its dialects and gets our addresses; it is
 * reported as new once a day. A peer out of scope, and ourselves, do not enter. A contact leaves
 * after two failures, or the table of a dialect that it refuses. A full bucket asks for a ping.
 * Named addresses become candidates; only a peer's own address is probed, and the conventional
 * ports of a peer that came in. A change of scope drops contacts.
 */
#include "part_room.h"

#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "wire_envelope.h"

static uint32_t count_in(enum wire_dialect dialect)
{
    return dht_table_count(room_members.tables[dialect]);
}

static void test_reached_peer_enters_and_gets_our_addresses(void **state)
{
    struct wire_peer_hop h = test_node(0x0b000201, 2);

    (void)state;
    membership_reached(&room_members, &h, WIRE_DIALECT_A, WIRE_DIALECT_BIT(WIRE_DIALECT_A), NULL);
    assert_int_equal(count_in(WIRE_DIALECT_A), 1);
    assert_int_equal(membership_count(&room_members), 1);
    assert_true(membership_has(&room_members, h.pubkey_hint));
    assert_non_null(fake_rpc_to(&h));
    assert_int_equal(fake_rpc_to(&h)->type, WIRE_PEX_OFFER);
    assert_int_equal(room_joined, 1);
    assert_int_equal(room_joined_dialects, WIRE_DIALECT_BIT(WIRE_DIALECT_A));
    membership_reached(&room_members, &h, WIRE_DIALECT_A, WIRE_DIALECT_BIT(WIRE_DIALECT_A), NULL);
    assert_int_equal(room_joined, 1);
    assert_int_equal(fake_rpc_started, 1);
}

static void test_peers_that_do_not_enter(void **state)
{
    struct wire_peer_hop narrow = test_node(0xc0a80105, 3), ours = test_hop(0x0b000301, 7001);

    (void)state;
    membership_reached(&room_members, &narrow, WIRE_DIALECT_C, WIRE_DIALECTS_ALL, NULL);
    ours.has_pubkey_hint = true;
    memcpy(ours.pubkey_hint, room_context.identity->public_key, 32);
    membership_reached(&room_members, &ours, WIRE_DIALECT_C, WIRE_DIALECTS_ALL, NULL);
    assert_int_equal(membership_count(&room_members), 0);
    assert_int_equal(fake_rpc_started, 0);
    assert_false(membership_may_dial(&room_members, &ours)); /* known as ours from now on */
}

static void test_contacts_leave(void **state)
{
    struct wire_peer_hop h = room_add(0x0b000201, 2);

    (void)state;
    assert_int_equal(membership_push_dialect(&room_members, h.pubkey_hint, WIRE_DIALECT_A),
                     WIRE_DIALECT_C);
    membership_lost(&room_members, &h, WIRE_DIALECT_C, DHT_CALL_WRONG_DIALECT);
    assert_int_equal(count_in(WIRE_DIALECT_C), 0);
    assert_int_equal(count_in(WIRE_DIALECT_A), 1);
    assert_int_equal(membership_push_dialect(&room_members, h.pubkey_hint, WIRE_DIALECT_A),
                     WIRE_DIALECT_A);
    for (uint32_t i = 0; i < DHT_FAILURES_MAX; i++) {
        assert_true(membership_has(&room_members, h.pubkey_hint));
        membership_failed(&room_members, &h);
    }
    assert_false(membership_has(&room_members, h.pubkey_hint));
}

/* Keys whose ids share no bit with ours fill one bucket. Its contacts are not seen for a while. */
static void test_full_bucket_asks_for_a_ping(void **state)
{
    uint64_t rng = 1;
    struct wire_peer_hop h;

    (void)state;
    for (uint32_t i = 0; i <= DHT_K; i++) {
        h = test_hop(0x0b000201 + (i << 8), 7001);
        h.has_pubkey_hint = true;
        test_key_at(room_context.self_id, 0, &rng, h.pubkey_hint);
        assert_int_equal(room_pings, 0);
        membership_reached(&room_members, &h, WIRE_DIALECT_C, WIRE_DIALECT_BIT(WIRE_DIALECT_C),
                           NULL);
        world_pass(60 * RT_S);
    }
    assert_int_equal(count_in(WIRE_DIALECT_C), DHT_K);
    assert_int_equal(room_pings, 1);
    assert_true(membership_has(&room_members, room_pinged.pubkey_hint));
}

static void test_named_addresses_are_candidates(void **state)
{
    struct wire_peer own = {.hop = test_node(0x0b000201, 2)},
                     other = {.hop = test_node(0x0c000001, 3)},
                     narrow = {.hop = test_node(0xc0a80105, 4)},
                     ours = {.hop = test_hop(0x0b0000fe, 7001)};
    struct wire_peer_hop from = own.hop, out;

    (void)state;
    from.port = 50000;
    membership_offered(&room_members, &from, WIRE_DIALECT_C, &other);
    membership_offered(&room_members, &from, WIRE_DIALECT_C, &narrow);
    assert_int_equal(dht_peers_count(room_members.peers), 1);
    assert_int_equal(dht_probe_queue_waiting(room_members.probe), 0);
    assert_int_equal(room_probes, 0);
    membership_offered(&room_members, &from, WIRE_DIALECT_C, &own);
    assert_int_equal(dht_probe_queue_waiting(room_members.probe), 1);
    assert_int_equal(room_probes, 1);
    ours.hop.has_pubkey_hint = true;
    memcpy(ours.hop.pubkey_hint, room_context.identity->public_key, 32);
    assert_false(membership_heard(&room_members, &ours, &out));
    assert_int_equal(room_named, 1);
    other.has_relay_via = true;
    assert_false(membership_heard(&room_members, &other, &out));
    assert_int_equal(membership_count(&room_members), 0);
}

static void test_private_addresses_are_not_dialled_on_a_word(void **state)
{
    struct wire_peer private = {.hop = test_node(0xc0a80105, 4)};
    struct wire_peer_hop bootstrap = test_hop(0x0a000001, 7001), from = private.hop, out;
    struct dht_inbound in = {.from = private.hop,
                             .dialect = WIRE_DIALECT_A,
                             .peer_dialects = WIRE_DIALECT_BIT(WIRE_DIALECT_A)};
    uint64_t before = rt_metric_get(RT_METRIC_DHT_PRIVATE_REFUSED);

    (void)state;
    room_addresses.bound[0] = test_hop(0xc0a80101, 7001);
    assert_true(self_address_refresh(&room_self));
    from.port = 50000;
    assert_false(membership_heard(&room_members, &private, &out));
    membership_offered(&room_members, &from, WIRE_DIALECT_C, &private);
    membership_inbound(&room_members, &in);
    assert_int_equal(dht_probe_queue_waiting(room_members.probe), 0);
    assert_int_equal(dht_peers_count(room_members.peers), 0);
    assert_int_equal(rt_metric_get(RT_METRIC_DHT_PRIVATE_REFUSED), before + 2);
    self_address_bootstrapped(&room_self, &bootstrap);
    assert_true(membership_heard(&room_members, &private, &out));
    membership_inbound(&room_members, &in);
    assert_int_equal(dht_probe_queue_waiting(room_members.probe), 1);
    assert_int_equal(rt_metric_get(RT_METRIC_DHT_PRIVATE_REFUSED), before + 2);
}

/* The pool has no transport for QUIC. */
static void test_inbound_peer_is_probed(void **state)
{
    struct dht_inbound in = {.from = test_node(0x0b000201, 2),
                             .dialect = WIRE_DIALECT_A,
                             .peer_dialects = WIRE_DIALECT_BIT(WIRE_DIALECT_A)};
    struct wire_peer_hop hop;
    enum wire_dialect first;

    (void)state;
    in.from.port = 0;
    membership_inbound(&room_members, &in);
    assert_int_equal(room_probes, 1);
    assert_int_equal(dht_probe_queue_waiting(room_members.probe), 1);
    assert_true(dht_probe_queue_next(room_members.probe, world_now_ns, &hop, &first));
    assert_int_equal(hop.port, 7001);
    assert_int_equal(first, WIRE_DIALECT_A);
}

static void test_new_scope_drops_contacts(void **state)
{
    struct wire_peer_hop h = room_add(0x0b000201, 2);

    (void)state;
    room_addresses.bound[0] = h; /* the address is ours now */
    assert_true(self_address_refresh(&room_self));
    membership_rescope(&room_members);
    assert_int_equal(membership_count(&room_members), 0);
    assert_int_equal(dht_peers_count(room_members.peers), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, room_begin, room_end)
    const struct CMUnitTest tests[] = {
        TEST(test_reached_peer_enters_and_gets_our_addresses),
        TEST(test_peers_that_do_not_enter),
        TEST(test_contacts_leave),
        TEST(test_full_bucket_asks_for_a_ping),
        TEST(test_named_addresses_are_candidates),
        TEST(test_private_addresses_are_not_dialled_on_a_word),
        TEST(test_inbound_peer_is_probed),
        TEST(test_new_scope_drops_contacts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
