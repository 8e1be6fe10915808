/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a publication stores the value here, looks up the closest nodes in each of its dialects and
 * sends each node one STORE; the message goes back with the number of nodes that took it. A node
 * that answers `rate limit` is held back. An invalid value is not published, and without a look-up
 * the message goes back at once. A new value of another storer is pushed by the plan, not before
 * the start. What is left at the end is freed with its message.
 */
#include "dht/replicate.h"
#include "dht/dht_limits.h"
#include "part_room.h"
#include "wire_dht.h"
#include "wire_envelope.h"

static struct lookup_runs runs;
static struct dht_value_store *values;
static struct replicate pushes;
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
    reply = m;
}

static int begin(void **state)
{
    static const struct lookup_run_callbacks callbacks = {no_seeds, NULL};
    static const struct dht_value_store_limits limits = {1000, 1 << 20, 1000, 1 << 20};

    (void)room_begin(state);
    values = dht_value_store_new(&limits, room_context.hash_key, dht_random, &room_context);
    lookup_run_init(&runs, &room_context, &room_members, fake_rpc_pool(), &callbacks);
    replicate_init(&pushes, &room_context, &room_members, &runs, values, fake_rpc_pool());
    rt_actor_start(&asker, world_worker(), on_reply);
    return 0;
}

static int end(void **state)
{
    rt_msg_free(&reply);
    rt_actor_stop(&asker);
    replicate_stop(&pushes);
    fake_rpc_end();
    lookup_run_fini(&runs);
    replicate_fini(&pushes);
    dht_value_store_free(&values);
    return room_end(state);
}

static void make_value(uint8_t id, struct test_value *out)
{
    struct wire_peer p = {.hop = test_node(0x0b000001, 1)};

    test_set(WIRE_VALUE_PROVIDERS, id, &p, 1, world_wall_s(), out);
}

static void publish(const uint8_t key[32], const void *value, uint32_t len)
{
    struct dht_publish_request *m = dht_publish_request_new();

    m->dialects = WIRE_DIALECT_BIT(WIRE_DIALECT_A) | WIRE_DIALECT_BIT(WIRE_DIALECT_C);
    memcpy(m->key, key, 32);
    m->value = rt_slice_copy(value, len);
    m->ttl_secs = 86400;
    m->msg.reply_to = rt_actor_addr(&asker);
    replicate_publish(&pushes, m);
    world_run();
}

/* All look-ups end: no node knows another one. Returns their number. */
static uint32_t end_lookups(void)
{
    uint32_t count = 0;

    for (; fake_rpc_of(WIRE_FIND_NODE); count++) {
        const struct rpc_call *call = fake_rpc_of(WIRE_FIND_NODE);
        uint8_t bytes[64], key[32];
        struct wire_writer w;
        bool fits;

        test_key(call->to.ip[2], key); /* 11.0.n.1 has key n */
        wire_writer_init(&w, bytes, sizeof(bytes));
        wire_write_find_node_reply(&w, NULL, 0);
        fake_rpc_reply(call, key, 0, bytes, (uint32_t)wire_writer_len(&w, &fits));
        world_run();
    }
    return count;
}

static void test_publication_is_stored_at_each_node_once(void **state)
{
    struct wire_peer_hop nodes[2] = {room_add(0x0b000201, 2), room_add(0x0b000301, 3)};
    struct dht_publish_request *m;
    struct test_value v;

    (void)state;
    make_value(5, &v);
    publish(v.key, v.bytes, v.len);
    assert_int_equal(dht_value_store_count(values), 1);
    assert_int_equal(end_lookups(), 4); /* two nodes in two dialects */
    assert_int_equal(fake_rpc_count(), 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(fake_rpc_to(&nodes[i])->type, WIRE_STORE);
        assert_int_equal(fake_rpc_to(&nodes[i])->dialect, WIRE_DIALECT_C); /* takes all values */
    }
    assert_null(reply);
    fake_rpc_reply(fake_rpc_to(&nodes[0]), nodes[0].pubkey_hint, 0, "", 0);
    fake_rpc_reply(fake_rpc_to(&nodes[1]), nodes[1].pubkey_hint, WIRE_FLAG_ERROR,
                   "dht rate limit exceeded", 23);
    world_run();
    m = (struct dht_publish_request *)reply;
    assert_non_null(m);
    assert_int_equal(m->refusal, WIRE_REFUSAL_NONE);
    assert_int_equal(m->stored, 1);
    assert_true(
        dht_table_is_held(room_members.tables[WIRE_DIALECT_C], nodes[1].pubkey_hint, world_now_ns));
    assert_false(
        dht_table_is_held(room_members.tables[WIRE_DIALECT_C], nodes[0].pubkey_hint, world_now_ns));
}

static void test_not_published(void **state)
{
    const uint8_t key[32] = {1};
    struct test_value v;

    (void)state;
    publish(key, "x", 1);
    assert_int_equal(((struct dht_publish_request *)reply)->refusal, WIRE_REFUSAL_STORE_VALUE);
    rt_msg_free(&reply);
    room_context.is_stopped = true; /* no look-up begins */
    make_value(5, &v);
    publish(v.key, v.bytes, v.len);
    assert_int_equal(((struct dht_publish_request *)reply)->refusal, WIRE_REFUSAL_NONE);
    assert_int_equal(((struct dht_publish_request *)reply)->stored, 0);
    assert_int_equal(fake_rpc_started, 0);
}

static void test_new_value_is_pushed_by_the_plan(void **state)
{
    const struct dht_origin stranger = {.peer = 100, .net = 7, .unreached = WIRE_DIALECTS_ALL};
    struct wire_peer_hop node = room_add(0x0b000201, 2);
    struct dht_checked checked;
    struct relay_slice slice;
    struct test_value v;

    (void)state;
    make_value(5, &v);
    checked = test_checked(&v, world_wall_s());
    slice = rt_slice_copy(v.bytes, v.len);
    assert_int_equal(
        dht_value_store_put(values, v.key, &checked, slice, 86400, &stranger, world_wall_s()),
        WIRE_REFUSAL_NONE);
    relay_slice_drop(&slice);
    room_context.is_started = false;
    replicate_due(&pushes);
    assert_int_equal(fake_rpc_count(), 0);
    room_context.is_started = true;
    replicate_due(&pushes);
    assert_int_equal(pushes.scheduled, 1);
    assert_true(end_lookups() > 0);
    assert_int_equal(fake_rpc_to(&node)->type, WIRE_STORE);
    assert_int_equal(pushes.scheduled, 1);
    fake_rpc_reply(fake_rpc_to(&node), node.pubkey_hint, 0, "", 0);
    assert_int_equal(pushes.scheduled, 0);
    assert_null(reply);
}

static void test_the_rest_is_freed(void **state)
{
    struct test_value v;

    (void)state;
    (void)room_add(0x0b000201, 2);
    make_value(5, &v);
    publish(v.key, v.bytes, v.len);
    (void)end_lookups();
    assert_int_equal(fake_rpc_count(), 1); /* a push */
    make_value(6, &v);
    publish(v.key, v.bytes, v.len); /* a publication whose look-ups are under way */
    assert_null(reply);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_publication_is_stored_at_each_node_once),
        TEST(test_not_published),
        TEST(test_new_value_is_pushed_by_the_plan),
        TEST(test_the_rest_is_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
