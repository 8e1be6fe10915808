/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: values through the actor, over simulated sessions.
 *  - Values loaded from disk count for the network that stored them. A manifest is returned by id.
 *  - A peer stores values that its dialects accept, a marked peer all values, our announcer
 *    announcements. A requester gets values that its dialect accepts. A relay's own announcement
 *    counts for the dialects of its session.
 *  - Look-ups collect checked, distinct values. Publishing stores at all nodes found. A node that
 *    answers `rate limit` is held back. An invalid value is not published.
 *  - A new value is pushed again until a node takes it. Waiting look-ups are bounded.
 */
#include "actor_world.h"

#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "dht/dht_private.h"
#include "records.h"
#include "wire_dht.h"
#include "wire_envelope.h"

static void store_own(const struct test_value *v)
{
    struct dht_request *a = actor_ask_as(DHT_STORE, 0x0b000901, 9, v->key, v->bytes, v->len);

    assert_int_equal(a->refusal, WIRE_REFUSAL_NONE);
}

/* Stores as a contact: the value is not fresh, and no look-up follows. */
static void store_as_contact(const struct test_value *v)
{
    struct dht_request *a = actor_ask_as(DHT_STORE, 0x0b000201, 20, v->key, v->bytes, v->len);

    assert_int_equal(a->refusal, WIRE_REFUSAL_NONE);
}

/* Loaded from disk, many keys of one network still have one network's share. */
static void test_loaded_values_make_room_as_stored_ones(void **state)
{
    struct wire_peer p = {.hop = test_node(0x0b000001, 1)};
    static const uint8_t no_sub[32];
    struct test_value v;

    (void)state;
    for (uint8_t i = 0; i < 255; i++) {
        struct dht_origin origin = {.peer = 100u + i, .net = 7};

        test_set(WIRE_VALUE_PROVIDERS, i, &p, 1, NOW_S, &v);
        dht_load_value(world_system, v.key, no_sub, v.bytes, v.len, NOW_S + 100000, 0, &origin);
    }
    test_set(WIRE_VALUE_PROVIDERS, 255, &p, 1, NOW_S, &v);
    store_own(&v);
}

static void test_manifest_by_its_id(void **state)
{
    static const uint8_t empty_list[] = {0x80};
    uint8_t room[4096], id[32], copy[4096];
    struct wire_manifest m = {.version = 1, .seq = 3, .created_at = NOW_S};
    struct wire_writer w;
    struct test_value v;
    struct dht_request *a;
    bool fits;

    (void)state;
    m.communities.raw = m.items.raw = m.recommended_shares.raw =
        (struct wire_bytes){empty_list, sizeof(empty_list)};
    assert_int_equal(wire_manifest_id(&m, room, sizeof(room), id), RT_ERR_OK);
    wire_manifest_key(id, v.key);
    wire_writer_init(&w, v.bytes, sizeof(v.bytes));
    wire_write_manifest(&w, &m);
    v.len = (uint32_t)wire_writer_len(&w, &fits);
    a = actor_ask_as(DHT_MANIFEST, 0x0b000901, 9, id, NULL, 0);
    assert_int_equal(a->refusal, WIRE_REFUSAL_MANIFEST_NOT_FOUND);
    store_own(&v);
    a = actor_ask_as(DHT_MANIFEST, 0x0b000901, 9, id, NULL, 0);
    assert_int_equal(a->refusal, WIRE_REFUSAL_NONE);
    memcpy(copy, a->reply.ptr, a->reply.len);
    assert_non_null(memmem(copy, a->reply.len, v.bytes, v.len));
}

/* -- dialects -- */

#define A WIRE_DIALECT_BIT(WIRE_DIALECT_A)
#define B WIRE_DIALECT_BIT(WIRE_DIALECT_B)
#define C WIRE_DIALECT_BIT(WIRE_DIALECT_C)

static struct dht_request *ask_of(enum dht_op op, enum wire_dialect dialect, uint8_t peer_dialects,
                                  const struct test_value *v)
{
    struct dht_request *a = dht_request_new(op);
    struct sockaddr_storage addr = actor_from(0x0b000901, 50000);
    uint8_t who[32];

    test_key(9, who);
    assert_true(dht_hop_of(&addr, who, &a->origin));
    a->dialect = dialect;
    a->peer_dialects = peer_dialects;
    a->ttl_secs = 86400;
    memcpy(a->key, v->key, 32);
    if (op == DHT_STORE)
        a->payload = rt_slice_copy(v->bytes, v->len);
    return actor_ask(&a->msg);
}

static void store_from(uint32_t key, bool is_relay, const struct test_value *v)
{
    struct sockaddr_storage addr = actor_from(0x0b000901, 50000);
    struct dht_request *a = dht_request_new(DHT_STORE);
    uint8_t who[32];

    test_key(key, who);
    assert_true(dht_hop_of(&addr, who, &a->origin));
    a->dialect = WIRE_DIALECT_C;
    a->peer_dialects = A | B | C;
    a->is_relay = is_relay;
    a->ttl_secs = 86400;
    memcpy(a->key, v->key, 32);
    a->payload = rt_slice_copy(v->bytes, v->len);
    a = actor_ask(&a->msg);
    assert_int_equal(a->refusal, WIRE_REFUSAL_NONE);
}

static bool is_taken(const struct test_value *v, enum wire_dialect dialect, uint8_t peer_dialects)
{
    enum wire_refusal r = ask_of(DHT_STORE, dialect, peer_dialects, v)->refusal;

    assert_true(r == WIRE_REFUSAL_NONE || r == WIRE_REFUSAL_STORE_VALUE);
    return r == WIRE_REFUSAL_NONE;
}

static void assert_taken_by(const struct test_value *v, uint8_t dialects)
{
    for (enum wire_dialect d = WIRE_DIALECT_A; d < WIRE_DIALECTS; d++) {
        assert_int_equal(is_taken(v, d, WIRE_DIALECT_BIT(d)),
                         (dialects & WIRE_DIALECT_BIT(d)) != 0);
        assert_true(is_taken(v, d, WIRE_DIALECTS_ALL));
    }
}

static bool is_given(const struct test_value *v, enum wire_dialect d)
{
    struct dht_request *a = ask_of(DHT_FIND_VALUE, d, WIRE_DIALECT_BIT(d), v);

    assert_int_equal(a->refusal, WIRE_REFUSAL_NONE);
    return memmem(a->reply.ptr, a->reply.len, v->bytes, v->len) != NULL;
}

static void assert_given_to(const struct test_value *v, uint8_t dialects)
{
    for (enum wire_dialect d = WIRE_DIALECT_A; d < WIRE_DIALECTS; d++)
        assert_int_equal(is_given(v, d), (dialects & WIRE_DIALECT_BIT(d)) != 0);
}

static void test_stored_and_given_by_dialect(void **state)
{
    struct wire_peer p = {.hop = test_node(0x0b000001, 1)};
    struct test_member m = {.community = 1,
                            .member = 2,
                            .issued_at = world_wall_s(),
                            .expires_at = world_wall_s() + 86400};
    struct test_value providers, members, hint, record, revocation;

    (void)state;
    test_set(WIRE_VALUE_PROVIDERS, 5, &p, 1, world_wall_s(), &providers);
    test_set(WIRE_VALUE_MEMBERS, 5, &p, 1, world_wall_s(), &members);
    test_hint(1, 2, 0, world_wall_s(), &hint);
    test_member_record(&m, &record);
    test_revocation(3, world_wall_s(), &revocation);
    assert_taken_by(&providers, A | B | C);
    assert_taken_by(&members, A);
    assert_taken_by(&hint, B | C);
    assert_taken_by(&record, B | C);
    assert_taken_by(&revocation, C);
    assert_given_to(&providers, A | B | C);
    assert_given_to(&members, A);
    assert_given_to(&hint, B | C);
    assert_given_to(&record, B | C);
    assert_given_to(&revocation, C);
}

/* A STORE by our announcer has no session dialect, only the dialects in which it reached the relay.
 */
static void test_announcements_of_both_forms_by_anybody(void **state)
{
    struct wire_peer addr = {.hop = test_hop(0x0b000201, 9999)};
    struct dht_request *a = dht_request_new(DHT_STORE);
    struct test_value a5, a8;
    struct rt_sign_key k;

    (void)state;
    test_sign_key(7, &k);
    test_announcement_of(&k, &addr, world_wall_s(), false, false, &a5);
    test_announcement_of(&k, &addr, world_wall_s(), true, true, &a8);
    assert_taken_by(&a5, A | B | C);
    assert_taken_by(&a8, A | B | C);
    assert_given_to(&a5, A);
    assert_given_to(&a8, B | C);
    memcpy(a->key, a8.key, 32);
    a->payload = rt_slice_copy(a8.bytes, a8.len);
    a->reached_dialects = B;
    a = actor_ask(&a->msg);
    assert_int_equal(a->refusal, WIRE_REFUSAL_NONE);
    assert_given_to(&a8, B);
}

/* A relay's own announcement counts as reached in the dialects of the relay's session. */
static void test_own_announcement_of_a_relay(void **state)
{
    struct wire_peer addr = {.hop = test_hop(0x0b000201, 9999)};
    struct dht_request *a = dht_request_new(DHT_STORE);
    struct sockaddr_storage from = actor_from(0x0b000901, 50000);
    struct test_value a8;
    struct rt_sign_key k;

    (void)state;
    test_sign_key(7, &k);
    test_announcement_of(&k, &addr, world_wall_s(), true, true, &a8);
    assert_taken_by(&a8, A | B | C);
    assert_given_to(&a8, B | C); /* stored by another peer */
    assert_true(dht_hop_of(&from, k.public_key, &a->origin));
    a->dialect = WIRE_DIALECT_B;
    a->peer_dialects = B;
    a->ttl_secs = 86400;
    memcpy(a->key, a8.key, 32);
    a->payload = rt_slice_copy(a8.bytes, a8.len);
    a = actor_ask(&a->msg);
    assert_int_equal(a->refusal, WIRE_REFUSAL_NONE);
    assert_given_to(&a8, B);
}

/* Answers the session's question with this value under this key (len 0: none) and no peers. */
static void give_value(struct dial *d, const uint8_t key[32], const uint8_t *value, uint32_t len)
{
    struct wire_store s = {.value = {value, len}, .ttl_secs = 100};
    uint8_t bytes[6000];
    struct wire_writer w;
    bool fits;

    assert_int_equal(d->type, WIRE_FIND_VALUE);
    memcpy(s.key, key, 32);
    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_find_value_reply(&w, len ? &s : NULL, NULL, 0);
    fake_reply(d, WIRE_FIND_VALUE, 0, bytes, (uint32_t)wire_writer_len(&w, &fits));
    world_pass(5 * RT_MS);
}

static void test_lookup_collects_checked_distinct_values(void **state)
{
    struct wire_peer p[3] = {{.hop = test_node(0x0b000001, 1)},
                             {.hop = test_node(0x0b000002, 2)},
                             {.hop = test_node(0x0b000003, 3)}};
    struct wire_peer_hop nodes[4];
    struct test_value own, good, other;
    struct dht_lookup_request *a = dht_lookup_request_new();

    (void)state;
    test_set(WIRE_VALUE_PROVIDERS, 5, &p[0], 1, NOW_S, &own);
    test_set(WIRE_VALUE_PROVIDERS, 5, &p[1], 1, NOW_S, &good);
    test_set(WIRE_VALUE_PROVIDERS, 6, &p[2], 1, NOW_S, &other);
    for (uint32_t i = 0; i < 4; i++)
        nodes[i] = actor_add_node(0x0b000201 + (i << 8), 20 + i);
    store_as_contact(&own);
    memcpy(a->key, own.key, 32);
    a->values_max = 10;
    a->msg.reply_to = rt_actor_addr(&actor_asker);
    rt_msg_free(&actor_reply);
    rt_send(world_worker(), dht_addr(world_worker()), &a->msg);
    world_pass(5 * RT_MS);
    for (uint32_t round = 0, asked = 0; asked < 4 && round < 8; round++) {
        struct dial *d = NULL;

        for (uint32_t i = 0; i < 4 && !d; i++)
            if (fake_to(&nodes[i]) && fake_to(&nodes[i])->has_request)
                d = fake_to(&nodes[i]);
        assert_non_null(d);
        if (asked == 0)
            give_value(d, own.key, good.bytes, good.len);
        else if (asked == 1)
            give_value(d, own.key, good.bytes, good.len); /* the same again */
        else if (asked == 2)
            give_value(d, own.key, other.bytes, other.len); /* under a key not its own */
        else
            give_value(d, other.key, other.bytes, other.len); /* a reply to another question */
        asked++;
    }
    world_pass(10 * RT_MS);
    a = (struct dht_lookup_request *)actor_reply;
    assert_non_null(a);
    assert_int_equal(a->count, 2); /* ours and the good one */
    assert_memory_equal(a->values[0].ptr, own.bytes, own.len);
    assert_memory_equal(a->values[1].ptr, good.bytes, good.len);
}

static void test_publish_stores_at_all_and_leaves_the_limited_alone(void **state)
{
    struct wire_peer p = {.hop = test_node(0x0b000001, 1)};
    struct dht_publish_request *a = dht_publish_request_new();
    struct wire_peer_hop nodes[2] = {actor_add_node(0x0b000201, 20),
                                     actor_add_node(0x0b000301, 21)};
    struct test_value v;

    (void)state;
    a->dialects = WIRE_DIALECT_BIT(WIRE_DIALECT_A);
    test_set(WIRE_VALUE_PROVIDERS, 5, &p, 1, NOW_S, &v);
    memcpy(a->key, v.key, 32);
    a->value = rt_slice_copy(v.bytes, v.len);
    a->ttl_secs = 86400;
    a->msg.reply_to = rt_actor_addr(&actor_asker);
    rt_msg_free(&actor_reply);
    rt_send(world_worker(), dht_addr(world_worker()), &a->msg);
    for (uint32_t step = 0; step < 10 && !actor_reply; step++) {
        world_pass(5 * RT_MS);
        for (uint32_t i = 0; i < 2; i++) {
            struct dial *d = fake_to(&nodes[i]);

            if (!d || !d->has_request)
                continue;
            if (d->type == WIRE_FIND_NODE) {
                uint8_t bytes[64];
                struct wire_writer w;
                bool fits;

                wire_writer_init(&w, bytes, sizeof(bytes));
                wire_write_find_node_reply(&w, NULL, 0);
                fake_reply(d, WIRE_FIND_NODE, 0, bytes, (uint32_t)wire_writer_len(&w, &fits));
            } else if (i == 0) {
                assert_int_equal(d->type, WIRE_STORE);
                fake_reply(d, WIRE_STORE, 0, "", 0);
            } else {
                fake_reply(d, WIRE_STORE, WIRE_FLAG_ERROR, "dht rate limit exceeded", 23);
            }
        }
    }
    a = (struct dht_publish_request *)actor_reply;
    assert_non_null(a);
    assert_int_equal(a->refusal, WIRE_REFUSAL_NONE);
    assert_int_equal(a->stored, 1);
}

static bool is_asked(const struct wire_peer_hop *node)
{
    const struct dial *d = fake_to(node);

    return d && d->has_request;
}

/* A STORE by a relay is a push, even if the relay is not a contact: the relay looks up the key. */
static void test_values_of_relays_are_not_fresh(void **state)
{
    struct wire_peer_hop node = actor_add_node(0x0b000201, 20);
    struct wire_peer p = {.hop = test_node(0x0b000001, 1)};
    struct test_value v;

    (void)state;
    test_set(WIRE_VALUE_PROVIDERS, 5, &p, 1, world_wall_s(), &v);
    store_from(9, true, &v);
    world_pass(RT_S);
    assert_false(is_asked(&node));
    test_set(WIRE_VALUE_PROVIDERS, 6, &p, 1, world_wall_s(), &v);
    store_from(9, false, &v);
    world_pass(RT_S);
    assert_true(is_asked(&node));
}

struct pushes {
    struct wire_peer_hop nodes[2];
    uint32_t limited, stored;
    uint64_t at_ns[3];
};

/* Both nodes do what they are asked, but for the first, which takes no store. */
static void serve(struct pushes *p)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct dial *d = fake_to(&p->nodes[i]);

        if (d && !d->is_ready)
            fake_ready(d, p->nodes[i].pubkey_hint);
        if (!d || !d->has_request)
            continue;
        if (d->type != WIRE_STORE) { /* pings, and look-ups of our own */
            fake_reply(d, d->type, WIRE_FLAG_ERROR, "", 0);
        } else if (i == 0) {
            p->limited++;
            fake_reply(d, WIRE_STORE, WIRE_FLAG_ERROR, "dht rate limit exceeded", 23);
        } else {
            assert_true(p->stored < 3);
            p->at_ns[p->stored++] = world_now_ns;
            fake_reply(d, WIRE_STORE, 0, "", 0);
        }
    }
}

/* An hour after they were stored three values go to both nodes, a quarter of a second apart. The
 * first node says `rate limit`: the others go to the second alone, at half the pace. */
static void test_republishing_slows_down_after_a_rate_limit(void **state)
{
    struct pushes r = {.nodes = {actor_add_node(0x0b000201, 20), actor_add_node(0x0b000301, 21)}};
    struct wire_peer p = {.hop = test_node(0x0b000001, 1)};
    struct test_value v;

    (void)state;
    for (uint8_t i = 0; i < 3; i++) {
        test_set(WIRE_VALUE_PROVIDERS, i, &p, 1, NOW_S, &v);
        store_as_contact(&v);
    }
    for (uint32_t i = 0; i < LIM_REPUBLISH_S - 5; i++) {
        world_pass(RT_S);
        serve(&r);
    }
    assert_int_equal(r.stored, 0);
    for (uint32_t i = 0; i < 2000 && r.stored < 3; i++) {
        world_pass(10 * RT_MS);
        serve(&r);
    }
    assert_int_equal(r.stored, 3);
    assert_int_equal(r.limited, 1);
    assert_true(r.at_ns[2] - r.at_ns[1] >= 400 * RT_MS && r.at_ns[2] - r.at_ns[1] < RT_S);
}

/* -- new values that reach no node at first -- */

/* The node answers look-ups with no other node, and accepts a STORE if is_willing. Returns the
 * number of STOREs. */
static uint32_t serve_node(const struct wire_peer_hop *node, bool is_willing)
{
    struct dial *d = fake_to(node);
    uint8_t bytes[64];
    struct wire_writer w;
    bool fits;

    if (d && !d->is_ready)
        fake_ready(d, node->pubkey_hint);
    if (!d || !d->has_request)
        return 0;
    if (d->type == WIRE_STORE) {
        fake_reply(d, WIRE_STORE, is_willing ? 0 : WIRE_FLAG_ERROR, "", 0);
        return 1;
    }
    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_find_node_reply(&w, NULL, 0);
    fake_reply(d, d->type, d->type == WIRE_FIND_NODE ? 0 : WIRE_FLAG_ERROR, bytes,
               (uint32_t)wire_writer_len(&w, &fits));
    return 0;
}

static uint32_t serve_for(const struct wire_peer_hop *node, bool is_willing, uint64_t secs)
{
    uint32_t stores = 0;

    for (uint64_t i = 0; i < 4 * secs; i++) {
        world_pass(RT_S / 4);
        stores += serve_node(node, is_willing);
    }
    return stores;
}

/* A client stores before there is a contact. The first contact at first refuses the STORE. */
static void test_new_value_is_pushed_until_a_node_takes_it(void **state)
{
    uint64_t unreached = rt_metric_get(RT_METRIC_DHT_UNREACHED);
    struct wire_peer p = {.hop = test_node(0x0b000001, 1)};
    struct wire_peer_hop node;
    struct test_value v;

    (void)state;
    test_set(WIRE_VALUE_PROVIDERS, 5, &p, 1, NOW_S, &v);
    store_own(&v);
    world_pass(600 * RT_S);
    node = actor_add_node(0x0b000201, 20);
    for (uint64_t i = 0; i < LIM_PUSH_AGAIN_S + 10; i++)
        if (rt_metric_get(RT_METRIC_DHT_UNREACHED) == unreached)
            (void)serve_for(&node, false, 1);
    assert_int_equal(rt_metric_get(RT_METRIC_DHT_UNREACHED), unreached + 1);
    assert_int_equal(serve_for(&node, true, LIM_PUSH_AGAIN_S + 10), 1);
    assert_int_equal(rt_metric_get(RT_METRIC_DHT_UNREACHED), unreached + 1);
}

static void test_false_values_are_not_published(void **state)
{
    struct dht_publish_request *a = dht_publish_request_new();

    (void)state;
    a->value = rt_slice_copy("x", 1);
    a = actor_ask(&a->msg);
    assert_int_equal(a->refusal, WIRE_REFUSAL_STORE_VALUE);
    assert_int_equal(a->stored, 0);
}

static void test_lookups_are_bounded(void **state)
{
    uint64_t dropped = rt_metric_get(RT_METRIC_DHT_LOOKUPS_DROPPED);
    struct dht_lookup_request *a;

    (void)state;
    actor_add_node(0x0b000201, 2);
    for (uint32_t i = 0; i <= LIM_LOOKUPS_MAX + LIM_LOOKUPS_QUEUED; i++) {
        assert_int_equal(rt_metric_get(RT_METRIC_DHT_LOOKUPS_DROPPED), dropped);
        a = dht_lookup_request_new();
        memcpy(a->key, &i, sizeof(i));
        a->values_max = 1;
        a = actor_ask(&a->msg);
    }
    assert_non_null(a); /* at once */
    assert_int_equal(a->count, 0);
    assert_int_equal(rt_metric_get(RT_METRIC_DHT_LOOKUPS_DROPPED), dropped + 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, actor_begin, actor_end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_loaded_values_make_room_as_stored_ones,
                                        actor_begin_with_a_small_store, actor_end),
        TEST(test_manifest_by_its_id),
        TEST(test_stored_and_given_by_dialect),
        TEST(test_announcements_of_both_forms_by_anybody),
        TEST(test_own_announcement_of_a_relay),
        TEST(test_lookup_collects_checked_distinct_values),
        TEST(test_publish_stores_at_all_and_leaves_the_limited_alone),
        TEST(test_values_of_relays_are_not_fresh),
        TEST(test_republishing_slows_down_after_a_rate_limit),
        TEST(test_new_value_is_pushed_until_a_node_takes_it),
        TEST(test_lookups_are_bounded),
        TEST(test_false_values_are_not_published),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
