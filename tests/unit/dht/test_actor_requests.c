/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a call to an address that may not be dialled is answered at once, another one with the
 * outcome, the key and the reply of the peer. A look-up that our own store can serve starts no
 * call; else values of the network are added to ours, each once. A sample of peers is limited and
 * leaves one key out. Messages of calls under way are freed at the end.
 */
#include "dht/actor_requests.h"
#include "dht/dht_limits.h"
#include "part_room.h"
#include "wire_dht.h"
#include "wire_envelope.h"

static struct lookup_runs runs;
static struct dht_value_store *values;
static struct actor_requests requests;
static struct rt_actor asker;
static struct rt_msg *reply;

static uint32_t no_seeds(void *ctx, enum wire_dialect dialect, struct wire_peer_hop *out)
{
    (void)ctx, (void)dialect, (void)out;
    return 0;
}

static void on_reply(struct rt_actor *self, struct rt_msg *m)
{
    (void)self;
    rt_msg_free(&reply);
    reply = m;
}

static int begin(void **state)
{
    static const struct lookup_run_callbacks callbacks = {no_seeds, NULL};
    static const struct dht_value_store_limits limits = {1000, 1 << 20, 1000, 1 << 20};

    (void)room_begin(state);
    values = dht_value_store_new(&limits, room_context.hash_key, dht_random, &room_context);
    lookup_run_init(&runs, &room_context, &room_members, fake_rpc_pool(), &callbacks);
    actor_requests_init(&requests, &room_context, &room_members, &runs, values, fake_rpc_pool());
    rt_actor_start(&asker, world_worker(), on_reply);
    return 0;
}

static int end(void **state)
{
    rt_msg_free(&reply);
    rt_actor_stop(&asker);
    fake_rpc_end();
    lookup_run_fini(&runs);
    actor_requests_fini(&requests);
    dht_value_store_free(&values);
    return room_end(state);
}

static void call(const struct wire_peer_hop *to)
{
    struct dht_call_request *m = dht_call_request_new();

    m->to = *to;
    m->dialect = DHT_DIALECT_ANY;
    m->type = WIRE_RELAY_LIST_REQUEST;
    m->timeout_ns = RT_S;
    m->msg.reply_to = rt_actor_addr(&asker);
    actor_requests_call(&requests, m);
    world_run();
}

static void test_calls(void **state)
{
    struct wire_peer_hop node = test_node(0x0b000201, 2);
    struct dht_call_request *m;

    (void)state;
    call(&room_addresses.bound[0]);
    m = (struct dht_call_request *)reply;
    assert_int_equal(m->outcome, DHT_CALL_NO_TRANSPORT);
    rt_msg_free(&reply);
    call(&node);
    assert_null(reply);
    fake_rpc_reply(fake_rpc_to(&node), node.pubkey_hint, WIRE_FLAG_ERROR, "no", 2);
    world_run();
    m = (struct dht_call_request *)reply;
    assert_int_equal(m->outcome, DHT_CALL_REPLIED);
    assert_memory_equal(m->peer_key, node.pubkey_hint, 32);
    assert_true(m->is_error);
    assert_int_equal(m->reply.len, 2);
    call(&node); /* freed at the end */
}

static void put(const struct test_value *v)
{
    const struct dht_origin ours = {.reached = WIRE_DIALECTS_ALL};
    struct dht_checked checked = test_checked(v, world_wall_s());
    struct relay_slice slice = rt_slice_copy(v->bytes, v->len);

    assert_int_equal(
        dht_value_store_put(values, v->key, &checked, slice, 86400, &ours, world_wall_s()),
        WIRE_REFUSAL_NONE);
    relay_slice_drop(&slice);
}

static void look_up(const uint8_t key[32], uint32_t values_max)
{
    struct dht_lookup_request *m = dht_lookup_request_new();

    memcpy(m->key, key, sizeof(m->key));
    m->dialect = WIRE_DIALECT_C;
    m->values_max = values_max;
    m->msg.reply_to = rt_actor_addr(&asker);
    actor_requests_lookup(&requests, m);
    world_run();
}

static void give(const struct wire_peer_hop *node, const struct test_value *v)
{
    struct wire_store s = {.value = {v->bytes, v->len}, .ttl_secs = 100};
    uint8_t bytes[6000];
    struct wire_writer w;
    bool fits;

    memcpy(s.key, v->key, sizeof(s.key));
    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_find_value_reply(&w, &s, NULL, 0);
    fake_rpc_reply(fake_rpc_to(node), node->pubkey_hint, 0, bytes,
                   (uint32_t)wire_writer_len(&w, &fits));
    world_run();
}

static void test_lookups(void **state)
{
    struct wire_peer p[2] = {{.hop = test_node(0x0b000001, 1)}, {.hop = test_node(0x0b000002, 2)}};
    struct wire_peer_hop nodes[2] = {room_add(0x0b000201, 2), room_add(0x0b000301, 3)};
    uint32_t before = fake_rpc_started;
    struct test_value own, other;

    (void)state;
    test_set(WIRE_VALUE_PROVIDERS, 5, &p[0], 1, world_wall_s(), &own);
    test_set(WIRE_VALUE_PROVIDERS, 5, &p[1], 1, world_wall_s(), &other);
    put(&own);
    look_up(own.key, 1);
    assert_int_equal(((struct dht_lookup_request *)reply)->count, 1);
    assert_int_equal(fake_rpc_started, before);
    rt_msg_free(&reply);
    look_up(own.key, 5);
    give(&nodes[0], &own);
    assert_null(reply);
    give(&nodes[1], &other);
    assert_non_null(reply);
    assert_int_equal(((struct dht_lookup_request *)reply)->count, 2);
}

static void test_samples(void **state)
{
    struct dht_peers_request *m = dht_peers_request_new();
    struct wire_peer_hop first = room_add(0x0b000201, 2);

    (void)state;
    (void)room_add(0x0b000301, 3);
    m->dialect = WIRE_DIALECT_B;
    m->max = UINT32_MAX;
    m->has_exclude = true;
    memcpy(m->exclude, first.pubkey_hint, sizeof(m->exclude));
    m->msg.reply_to = rt_actor_addr(&asker);
    actor_requests_peers(&requests, m);
    world_run();
    m = (struct dht_peers_request *)reply;
    assert_int_equal(m->max, DHT_PEERS_MAX);
    assert_int_equal(m->count, 1);
    assert_memory_not_equal(m->peers[0].pubkey_hint, first.pubkey_hint, 32);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_calls),
        TEST(test_lookups),
        TEST(test_samples),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
