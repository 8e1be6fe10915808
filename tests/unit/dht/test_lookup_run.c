/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a run asks the contacts, then whom they name, and ends with the owner and cookie of its
 * start. A value must be checked and under its key; enough values end the run. Seeds are only used
 * while the table is thin. A node that others named and that does not answer is refused for ten
 * minutes; a contact that does not answer fails. LIM_LOOKUPS_MAX run at once, the next ones wait
 * their turn. A run without a reply ends after LIM_LOOKUP_NS; a stop ends all. What is left at
 * the end is freed with its cookie.
 */
#include "dht/lookup_run.h"
#include "dht/dht_limits.h"
#include "part_room.h"
#include "wire_dht.h"
#include "wire_envelope.h"

static struct lookup_runs runs;
static uint32_t ended, values_found;
static void *ended_owner;
static struct rt_msg *ended_cookie;
static uint32_t seed_count;
static struct wire_peer_hop seed;
static int owner;

static uint32_t get_seeds(void *ctx, enum wire_dialect dialect, struct wire_peer_hop *out)
{
    (void)ctx, (void)dialect;
    *out = seed;
    return seed_count;
}

static void on_done(void *its_owner, struct lookup_run *r)
{
    ended++;
    ended_owner = its_owner;
    ended_cookie = r->request.cookie;
    values_found = r->value_count;
    rt_msg_free(&r->request.cookie);
}

static int begin(void **state)
{
    static const struct lookup_run_callbacks callbacks = {get_seeds, NULL};

    (void)room_begin(state);
    lookup_run_init(&runs, &room_context, &room_members, fake_rpc_pool(), &callbacks);
    ended = values_found = seed_count = 0;
    return 0;
}

static int end(void **state)
{
    fake_rpc_end();
    lookup_run_fini(&runs);
    return room_end(state);
}

static struct rt_msg *start(const uint8_t key[32], uint32_t values_max)
{
    struct rt_msg *cookie = rt_msg_new(DHT_INBOUND, sizeof(*cookie));
    const struct lookup_run_request request = {.dialect = WIRE_DIALECT_C,
                                               .key = key,
                                               .values_max = values_max,
                                               .done = on_done,
                                               .owner = &owner,
                                               .cookie = cookie};

    assert_true(lookup_run_start(&runs, &request));
    return cookie;
}

static void reply(const struct wire_peer_hop *node, const struct test_value *value,
                  const struct wire_peer *peers, uint32_t count)
{
    const struct rpc_call *call = fake_rpc_to(node);
    uint8_t bytes[6000];
    struct wire_writer w;
    bool fits;

    assert_non_null(call);
    wire_writer_init(&w, bytes, sizeof(bytes));
    if (call->type == WIRE_FIND_NODE) {
        wire_write_find_node_reply(&w, peers, count);
    } else {
        struct wire_store s = {.ttl_secs = 100};

        if (value) {
            s.value = (struct wire_bytes){value->bytes, value->len};
            memcpy(s.key, value->key, sizeof(s.key));
        }
        wire_write_find_value_reply(&w, value ? &s : NULL, peers, count);
    }
    fake_rpc_reply(call, node->pubkey_hint, 0, bytes, (uint32_t)wire_writer_len(&w, &fits));
    world_run();
}

static void test_asks_contacts_and_the_nodes_they_name(void **state)
{
    struct wire_peer_hop node = room_add(0x0b000201, 2);
    struct wire_peer named = {.hop = test_node(0x0b000301, 3)};
    const uint8_t target[32] = {1};
    struct rt_msg *cookie = start(target, 0);

    (void)state;
    reply(&node, NULL, &named, 1);
    assert_int_equal(ended, 0);
    assert_true(fake_rpc_to(&named.hop)->is_exact); /* only known by name */
    reply(&named.hop, NULL, NULL, 0);
    assert_int_equal(ended, 1);
    assert_ptr_equal(ended_owner, &owner);
    assert_ptr_equal(ended_cookie, cookie);
}

static void test_values_are_checked_and_end_the_run(void **state)
{
    struct wire_peer_hop nodes[2] = {room_add(0x0b000201, 2), room_add(0x0b000301, 3)};
    struct wire_peer p = {.hop = test_node(0x0b000001, 1)};
    struct test_value good, other;

    (void)state;
    test_set(WIRE_VALUE_PROVIDERS, 5, &p, 1, world_wall_s(), &good);
    test_set(WIRE_VALUE_PROVIDERS, 6, &p, 1, world_wall_s(), &other);
    (void)start(good.key, 1);
    reply(&nodes[0], &other, NULL, 0);
    assert_int_equal(ended, 0);
    reply(&nodes[1], &good, NULL, 0);
    assert_int_equal(ended, 1);
    assert_int_equal(values_found, 1);
}

static void test_seeds_while_the_table_is_thin(void **state)
{
    const uint8_t target[32] = {1};

    (void)state;
    assert_false(lookup_run_has_seed(&runs, WIRE_DIALECT_C));
    seed = test_node(0x0b000201, 2);
    seed_count = 1;
    assert_true(lookup_run_has_seed(&runs, WIRE_DIALECT_C));
    (void)start(target, 0);
    assert_non_null(fake_rpc_to(&seed));
    reply(&seed, NULL, NULL, 0);
    for (uint32_t i = 0; i < 200; i++)
        (void)room_add(0x0c000001 + (i << 8), 100 + i);
    assert_true(dht_table_count(room_members.tables[WIRE_DIALECT_C]) >= DHT_K);
    (void)start(target, 0);
    assert_null(fake_rpc_to(&seed));
}

static void test_nodes_that_do_not_answer(void **state)
{
    struct wire_peer_hop node = room_add(0x0b000201, 2);
    struct wire_peer named = {.hop = test_node(0x0b000301, 3)};
    const uint8_t target[32] = {1};

    (void)state;
    (void)start(target, 0);
    reply(&node, NULL, &named, 1);
    fake_rpc_fail(fake_rpc_to(&named.hop), DHT_CALL_TIMEOUT);
    world_run();
    assert_int_equal(ended, 1);
    assert_true(dht_probe_queue_is_refused(room_members.probe, &named.hop, world_now_ns));
    for (uint32_t i = 0; i < DHT_FAILURES_MAX; i++) {
        (void)start(target, 0);
        reply(&node, NULL, &named, 1); /* the named node is not asked again */
        assert_int_equal(ended, 2 + i);
    }
    assert_true(membership_has(&room_members, node.pubkey_hint));
    (void)start(target, 0);
    fake_rpc_fail(fake_rpc_to(&node), DHT_CALL_TIMEOUT);
    world_run();
    assert_true(membership_has(&room_members, node.pubkey_hint)); /* its first failure */
    assert_false(dht_probe_queue_is_refused(room_members.probe, &node, world_now_ns));
}

static void test_waiting_runs_take_their_turn(void **state)
{
    struct wire_peer_hop node = room_add(0x0b000201, 2);
    uint8_t target[32] = {0};

    (void)state;
    for (uint32_t i = 0; i <= LIM_LOOKUPS_MAX; i++) {
        target[0] = (uint8_t)i;
        (void)start(target, 0);
    }
    assert_int_equal(runs.active_count, LIM_LOOKUPS_MAX);
    assert_int_equal(runs.waiting_count, 1);
    reply(&node, NULL, NULL, 0);
    assert_int_equal(ended, 1);
    assert_int_equal(runs.active_count, LIM_LOOKUPS_MAX);
    assert_int_equal(runs.waiting_count, 0);
    assert_int_equal(fake_rpc_count(), LIM_LOOKUPS_MAX);
}

static void test_deadline_and_stop(void **state)
{
    const uint8_t target[32] = {1};
    const struct lookup_run_request request = {.key = target, .done = on_done};

    (void)state;
    (void)room_add(0x0b000201, 2);
    (void)start(target, 0);
    world_pass(LIM_LOOKUP_NS - RT_S);
    assert_int_equal(ended, 0);
    world_pass(2 * RT_S);
    assert_int_equal(ended, 1);
    assert_int_equal(fake_rpc_count(), 0); /* called off */
    (void)start(target, 0);
    room_context.is_stopped = true;
    fake_rpc_fail(fake_rpc_of(WIRE_FIND_NODE), DHT_CALL_BUSY);
    world_run();
    assert_int_equal(ended, 2);
    assert_false(lookup_run_start(&runs, &request));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_asks_contacts_and_the_nodes_they_name),
        TEST(test_values_are_checked_and_end_the_run),
        TEST(test_seeds_while_the_table_is_thin),
        TEST(test_nodes_that_do_not_answer),
        TEST(test_waiting_runs_take_their_turn),
        TEST(test_deadline_and_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
