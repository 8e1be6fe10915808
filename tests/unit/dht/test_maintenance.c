/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a contact not heard of for five minutes is pinged, and its reply brings candidates;
 * without a reply it is pinged once more. Probes dial what is queued, in the
 * dialect of the queue, not before the start nor after the stop. The first tick with a seed looks
 * ourselves up in each dialect, later ticks after a quarter of an hour,
 * or when the thin table has grown. Candidates of the database
 * are tried while there are few contacts.
 */
#include "dht/maintenance.h"
#include "dht/dht_limits.h"
#include "part_room.h"
#include "wire_envelope.h"

static struct lookup_runs runs;
static struct maintenance upkeep;

static uint32_t no_seeds(void *ctx, enum wire_dialect dialect, struct wire_peer_hop *out)
{
    (void)ctx, (void)dialect, (void)out;
    return 0;
}

static int begin(void **state)
{
    static const struct lookup_run_callbacks callbacks = {no_seeds, NULL};

    (void)room_begin(state);
    lookup_run_init(&runs, &room_context, &room_members, fake_rpc_pool(), &callbacks);
    maintenance_init(&upkeep, &room_context, &room_members, &runs, fake_rpc_pool());
    return 0;
}

static int end(void **state)
{
    maintenance_stop(&upkeep);
    fake_rpc_end();
    lookup_run_fini(&runs);
    return room_end(state);
}

static void fail_all_of(uint16_t type)
{
    while (fake_rpc_of(type))
        fake_rpc_fail(fake_rpc_of(type), DHT_CALL_BUSY);
    world_run();
}

static uint32_t count_of(uint16_t type)
{
    uint32_t count = 0;

    for (; fake_rpc_of(type); count++)
        fake_rpc_fail(fake_rpc_of(type), DHT_CALL_BUSY);
    return count;
}

static void test_stale_contacts_are_pinged(void **state)
{
    struct wire_peer_hop node = room_add(0x0b000201, 2);
    struct wire_peer named = {.hop = test_node(0x0b000301, 3)};
    uint8_t bytes[512];
    struct wire_writer w;
    bool fits;

    (void)state;
    maintenance_tick(&upkeep, 1);
    assert_null(fake_rpc_of(WIRE_PEX_REQUEST));
    fail_all_of(WIRE_FIND_NODE);
    world_pass(301 * RT_S);
    maintenance_tick(&upkeep, 2);
    assert_non_null(fake_rpc_of(WIRE_PEX_REQUEST));
    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_pex_offer(&w, &named, 1);
    fake_rpc_reply(fake_rpc_of(WIRE_PEX_REQUEST), node.pubkey_hint, 0, bytes,
                   (uint32_t)wire_writer_len(&w, &fits));
    assert_int_equal(dht_peers_count(room_members.peers), 2);
}

static void test_pings_are_repeated_once(void **state)
{
    struct wire_peer_hop node = room_add(0x0b000201, 2);

    (void)state;
    maintenance_ping(&upkeep, WIRE_DIALECT_C, &node);
    assert_int_equal(count_of(WIRE_PEX_REQUEST), 2);
    room_context.is_stopped = true;
    maintenance_ping(&upkeep, WIRE_DIALECT_C, &node);
    assert_int_equal(count_of(WIRE_PEX_REQUEST), 1);
}

static void offer(const struct wire_peer_hop *hop)
{
    assert_true(dht_probe_queue_offer(room_members.probe, hop, WIRE_DIALECT_B, world_now_ns));
}

static void test_probes(void **state)
{
    struct wire_peer_hop hops[2] = {test_node(0x0b000201, 2), test_node(0x0b000202, 3)};

    (void)state;
    offer(&hops[0]);
    offer(&hops[1]);
    room_context.is_started = false;
    maintenance_probe(&upkeep);
    assert_int_equal(fake_rpc_started, 0);
    room_context.is_started = true;
    maintenance_probe(&upkeep);
    assert_int_equal(fake_rpc_started, 1); /* one at a time per network */
    assert_int_equal(fake_rpc_to(&hops[0])->first, WIRE_DIALECT_B);
    assert_false(fake_rpc_to(&hops[0])->to.has_pubkey_hint);
    assert_int_equal(fake_rpc_to(&hops[0])->type, 0);
    fake_rpc_fail(fake_rpc_to(&hops[0]), DHT_CALL_UNREACHABLE);
    world_pass(RT_S);
    assert_true(dht_probe_queue_is_refused(room_members.probe, &hops[0], world_now_ns));
    assert_non_null(fake_rpc_to(&hops[1]));
    room_context.is_stopped = true;
    fake_rpc_fail(fake_rpc_to(&hops[1]), DHT_CALL_UNREACHABLE);
    assert_int_equal(fake_rpc_count(), 0);
}

static void test_looks_ourselves_up(void **state)
{
    uint64_t began_ns;

    (void)state;
    maintenance_tick(&upkeep, 1);
    assert_int_equal(fake_rpc_started, 0); /* no seed */
    (void)room_add(0x0b000201, 2);
    maintenance_tick(&upkeep, 2);
    assert_int_equal(count_of(WIRE_FIND_NODE), WIRE_DIALECTS);
    began_ns = runs.self[WIRE_DIALECT_A].began_ns;
    assert_int_equal(began_ns, world_now_ns);
    world_pass(60 * RT_S);
    maintenance_tick(&upkeep, 3); /* it may refresh a bucket */
    fail_all_of(WIRE_FIND_NODE);
    assert_int_equal(runs.self[WIRE_DIALECT_A].began_ns, began_ns);
    (void)room_add(0x0b000301, 3);
    maintenance_tick(&upkeep, 4); /* the table is thin and grows */
    fail_all_of(WIRE_FIND_NODE);
    began_ns = runs.self[WIRE_DIALECT_A].began_ns;
    assert_int_equal(began_ns, world_now_ns);
    world_pass(900 * RT_S);
    maintenance_tick(&upkeep, 5);
    fail_all_of(WIRE_FIND_NODE);
    assert_int_equal(runs.self[WIRE_DIALECT_A].began_ns, world_now_ns);
}

static void test_candidates_are_tried(void **state)
{
    struct wire_peer p = {.hop = test_node(0x0b000201, 2)};
    struct wire_peer_hop hop;

    (void)state;
    assert_true(membership_add_candidate(&room_members, WIRE_DIALECT_A, &p, &hop));
    maintenance_tick(&upkeep, 1);
    assert_non_null(fake_rpc_to(&hop));
    assert_int_equal(fake_rpc_to(&hop)->first, WIRE_DIALECT_A);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_stale_contacts_are_pinged), TEST(test_pings_are_repeated_once), TEST(test_probes),
        TEST(test_looks_ourselves_up),        TEST(test_candidates_are_tried),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
