/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan:
 *  - A value that no peer stored for an hour is pushed once to the 20 closest nodes of each
 *    dialect, if we are among them.
 *  - Pushes are spaced. The pace falls after each `rate limit`, down to a sixteenth, and recovers.
 *    The limiting remote is held back. A value in the second half of a day's TTL is not pushed.
 *  - A new node gets the values that it is now close to, including announcements, from the two
 *    closest others. The list of newcomers is bounded.
 *  - A client's new value is pushed at once; a contact's, in the dialects that the contact does not
 *    speak. A value that reached no node is pushed again. Without a contact this value delays no
 *    other push. The hourly round does not replace a push in dialects that it does not cover.
 */
#include "unit/dht/support.h"

#include "dht/dht_limits.h"
#include "dht/kademlia/distance.h"
#include "dht/kademlia/replicate_plan.h"

static const uint8_t hash_key[16] = "dht-republish-t";
static uint64_t rng = 20261205;
/* A contact: the values that it stores are not fresh. */
static const struct dht_origin someone = {.peer = 77, .net = 7, .is_push = true};
static const struct dht_origin client = {.peer = 78, .net = 8};

struct room {
    uint8_t self[20];
    struct dht_value_store *values;
    struct dht_table *tables[WIRE_DIALECTS];
    struct dht_replicate_plan *republish;
};

static void room_make(struct room *r)
{
    struct dht_value_store_limits limits = {5000, 1u << 24, 5000, 1u << 24};

    for (int i = 0; i < 20; i++)
        r->self[i] = (uint8_t)test_random(&rng);
    r->values = dht_value_store_new(&limits, hash_key, test_random, &rng);
    for (int d = 0; d < WIRE_DIALECTS; d++)
        r->tables[d] = dht_table_new(r->self);
    r->republish = dht_replicate_plan_new(r->self);
}

static void room_free(struct room *r)
{
    dht_value_store_free(&r->values);
    for (int d = 0; d < WIRE_DIALECTS; d++)
        dht_table_free(&r->tables[d]);
    dht_replicate_plan_free(&r->republish);
    assert_int_equal(rt_buf_live(), 0);
}

static struct wire_peer_hop add_node(struct room *r, uint32_t n, uint32_t bits)
{
    struct wire_peer_hop h = test_node(0x0b000001 + (n << 8), n), ping;

    test_key_at(r->self, bits, &rng, h.pubkey_hint);
    assert_int_equal(dht_table_seen(r->tables[WIRE_DIALECT_A], &h, RT_S, &ping), DHT_SEEN_ADDED);
    return h;
}

/* A key with this number of bits in common with us. */
static void add_value_of(struct room *r, const struct dht_origin *origin, uint32_t bits,
                         uint64_t ttl, uint64_t now_s, uint8_t key[32])
{
    struct dht_checked c = {.kind = WIRE_VALUE_SHARE_HEAD, .expires_at = UINT64_MAX};

    do {
        for (int i = 0; i < 32; i++)
            key[i] = (uint8_t)test_random(&rng);
        for (uint32_t i = 0; i < bits / 8; i++)
            key[i] = r->self[i];
        key[bits / 8] = (uint8_t)((r->self[bits / 8] & 0xff00 >> bits % 8) |
                                  (key[bits / 8] & ~(0xff00u >> bits % 8)));
    } while (dht_common_bits(key, r->self) != bits);
    memcpy(c.head.share_id, key, 32);
    assert_int_equal(
        dht_value_store_put(r->values, key, &c, relay_slice_view(key, 32), ttl, origin, now_s), 0);
}

static void add_value(struct room *r, uint32_t bits, uint64_t ttl, uint64_t now_s, uint8_t key[32])
{
    add_value_of(r, &someone, bits, ttl, now_s, key);
}

static bool next(struct room *r, uint64_t now_ns, uint64_t now_s, struct dht_push_plan *out)
{
    bool found = dht_replicate_plan_next(r->republish, r->values, r->tables, now_ns, now_s, out);

    if (found)
        relay_slice_drop(&out->value);
    return found;
}

/* Takes all pushes due within these seconds from now, as fast as the plan allows. */
static uint32_t drain(struct room *r, uint64_t from_s, uint64_t for_s, struct dht_push_plan *last)
{
    uint64_t now_ns = from_s * RT_S, end_ns = (from_s + for_s) * RT_S;
    uint32_t count = 0;

    for (uint32_t steps = 0; now_ns < end_ns && steps < 100000; steps++) {
        struct dht_push_plan plan;

        if (next(r, now_ns, NOW_S + now_ns / RT_S, &plan)) {
            *last = plan;
            count++;
            dht_replicate_plan_ended(r->republish, false);
        }
        now_ns = dht_replicate_plan_next_ns(r->republish, r->values, now_ns, NOW_S + now_ns / RT_S);
    }
    return count;
}

static void test_once_an_hour_to_the_closest(void **state)
{
    struct dht_push_plan plan;
    struct room r;
    uint8_t key[32];

    (void)state;
    room_make(&r);
    for (uint32_t i = 0; i < 5; i++)
        (void)add_node(&r, i, i);
    add_value(&r, 3, LIM_VALUE_TTL_MAX_S, NOW_S, key);
    assert_int_equal(drain(&r, 0, LIM_REPUBLISH_S - 1, &plan), 0);
    assert_int_equal(drain(&r, LIM_REPUBLISH_S, 3000, &plan), 1);
    assert_int_equal(plan.count, 5);
    assert_memory_equal(plan.key, key, 32);
    assert_int_equal(plan.ttl_secs, LIM_VALUE_TTL_MAX_S - LIM_REPUBLISH_S);
    assert_int_equal(drain(&r, 2 * LIM_REPUBLISH_S, 3000, &plan), 1);
    room_free(&r);
}

static void test_only_by_the_closest(void **state)
{
    struct dht_push_plan plan;
    struct room r;
    uint8_t key[32];

    (void)state;
    room_make(&r);
    for (uint32_t i = 0; i < DHT_K; i++)
        (void)add_node(&r, i, 0);
    add_value(&r, 0, LIM_VALUE_TTL_MAX_S, NOW_S, key); /* twenty are closer */
    assert_int_equal(drain(&r, LIM_REPUBLISH_S, 3000, &plan), 0);
    add_value(&r, 1, LIM_VALUE_TTL_MAX_S, NOW_S + 2 * LIM_REPUBLISH_S, key);
    assert_int_equal(drain(&r, 3 * LIM_REPUBLISH_S, 3000, &plan), 1);
    assert_memory_equal(plan.key, key, 32);
    room_free(&r);
}

static void test_values_near_their_expiry_are_not_pushed(void **state)
{
    struct dht_push_plan plan;
    struct room r;
    uint8_t key[32];

    (void)state;
    room_make(&r);
    (void)add_node(&r, 0, 0);
    add_value(&r, 3, 0, NOW_S, key); /* a day */
    assert_int_equal(drain(&r, 0, LIM_VALUE_TTL_MIN_S / 2 + 10, &plan), 12);
    assert_int_equal(drain(&r, LIM_VALUE_TTL_MIN_S / 2 + 10, LIM_VALUE_TTL_MIN_S / 2, &plan), 0);
    room_free(&r);
}

static void test_spaced_and_slower_after_rate_limits(void **state)
{
    struct dht_push_plan plan;
    uint64_t now_ns = 2 * LIM_REPUBLISH_S * RT_S, now_s = NOW_S + 2 * LIM_REPUBLISH_S;
    uint64_t space = LIM_REPUBLISH_SPACE_NS;
    struct room r;
    uint8_t key[32];

    (void)state;
    room_make(&r);
    (void)add_node(&r, 0, 0);
    for (uint32_t i = 0; i < 60; i++)
        add_value(&r, 3, LIM_VALUE_TTL_MAX_S, NOW_S, key);
    for (uint32_t i = 0; i < 8; i++) { /* each answers `rate limit` */
        assert_true(next(&r, now_ns, now_s, &plan));
        assert_false(next(&r, now_ns + space - 1, now_s, &plan));
        assert_int_equal(dht_replicate_plan_next_ns(r.republish, r.values, now_ns, now_s),
                         now_ns + space);
        now_ns += space;
        dht_replicate_plan_ended(r.republish, true);
        space = space < 16 * LIM_REPUBLISH_SPACE_NS ? 2 * space : space;
    }
    assert_int_equal(space, 16 * LIM_REPUBLISH_SPACE_NS);
    for (uint32_t i = 0; i < 40; i++) { /* no more rate limits */
        assert_true(next(&r, now_ns, now_s, &plan));
        assert_false(next(&r, now_ns + space - 1, now_s, &plan));
        now_ns += space;
        dht_replicate_plan_ended(r.republish, false);
        space -= (space - LIM_REPUBLISH_SPACE_NS) / 8;
    }
    assert_true(space < 2 * LIM_REPUBLISH_SPACE_NS);
    room_free(&r);
}

static void test_held_remotes_are_left_out(void **state)
{
    struct dht_push_plan plan;
    struct wire_peer_hop a, b;
    struct room r;
    uint8_t key[32];

    (void)state;
    room_make(&r);
    a = add_node(&r, 0, 0);
    b = add_node(&r, 1, 1);
    add_value(&r, 3, LIM_VALUE_TTL_MAX_S, NOW_S, key);
    dht_table_hold(r.tables[WIRE_DIALECT_A], a.pubkey_hint, (LIM_REPUBLISH_S + 60) * RT_S);
    assert_int_equal(drain(&r, LIM_REPUBLISH_S, 3000, &plan), 1);
    assert_int_equal(plan.count, 1);
    assert_true(dht_hop_same(&plan.to[0].hop, &b));
    assert_int_equal(drain(&r, 2 * LIM_REPUBLISH_S, 3000, &plan), 1);
    assert_int_equal(plan.count, 2);
    room_free(&r);
}

/* Twenty nodes and this relay hold values, and a new node joins. It gets the values that it is
 * among the closest to, each from the two closest holders: from us if at most one other is closer.
 */
static void test_newcomer_gets_values_close_to_it(void **state)
{
    static uint8_t keys[300][32];
    uint32_t expected = 0, got = 0;
    struct dht_push_plan plan;
    struct wire_peer_hop newcomer;
    struct room r;
    uint8_t id[20];

    (void)state;
    room_make(&r);
    for (uint32_t i = 0; i < 24; i++)
        (void)add_node(&r, i, i % 5);
    for (uint32_t i = 0; i < 2;
         i++) /* closer than we are to all keys with exactly five bits in common */
        (void)add_node(&r, 50 + i, 5);
    for (uint32_t i = 0; i < 300; i++)
        add_value(&r, i % 8, LIM_VALUE_TTL_MAX_S, NOW_S, keys[i]);
    newcomer = add_node(&r, 99, 3);
    rt_node_id(newcomer.pubkey_hint, id);
    for (uint32_t i = 0; i < 300; i++)
        expected += dht_table_is_among(r.tables[WIRE_DIALECT_A], keys[i], DHT_K, id) &&
                    dht_table_self_is_among(r.tables[WIRE_DIALECT_A], keys[i], 2, id);
    assert_true(expected > 20 && expected < 300);
    dht_replicate_plan_joined(r.republish, &newcomer, WIRE_DIALECT_BIT(WIRE_DIALECT_A));
    for (uint64_t now_ns = RT_S, i = 0; i < 5000 && now_ns < 3000 * RT_S; i++) {
        if (next(&r, now_ns, NOW_S, &plan)) {
            assert_int_equal(plan.count, 1);
            assert_true(dht_hop_same(&plan.to[0].hop, &newcomer));
            assert_true(dht_table_is_among(r.tables[WIRE_DIALECT_A], plan.key, DHT_K, id));
            got++;
            dht_replicate_plan_ended(r.republish, false);
        }
        now_ns = dht_replicate_plan_next_ns(r.republish, r.values, now_ns, NOW_S);
    }
    assert_int_equal(got, expected);
    room_free(&r);
}

/* Many values for a newcomer delay neither a fresh value nor the hourly round. */
static void test_all_three_take_turns(void **state)
{
    uint32_t handed = 0, fresh = 0, due = 0;
    struct wire_peer_hop newcomer;
    struct dht_push_plan plan;
    uint8_t key[32];
    struct room r;

    (void)state;
    room_make(&r);
    for (uint32_t i = 0; i < 100; i++) /* stored by a contact an hour ago: due */
        add_value(&r, 9, LIM_VALUE_TTL_MAX_S, NOW_S, key);
    for (uint32_t i = 0; i < 4; i++)
        add_value_of(&r, &client, 9, LIM_VALUE_TTL_MAX_S, NOW_S + LIM_REPUBLISH_S, key);
    (void)add_node(&r, 1, 0);
    newcomer = add_node(&r, 99, 9);
    dht_replicate_plan_joined(r.republish, &newcomer, WIRE_DIALECT_BIT(WIRE_DIALECT_A));
    for (uint64_t i = 0; i < 12; i++) {
        assert_true(next(&r, (LIM_REPUBLISH_S + i) * RT_S, NOW_S + LIM_REPUBLISH_S, &plan));
        fresh += plan.is_fresh;
        handed += !plan.is_fresh && plan.count == 1;
        due += !plan.is_fresh && plan.count == 2;
        dht_replicate_plan_ended(r.republish, false);
    }
    assert_int_equal(fresh, 4);
    assert_int_equal(handed, 4);
    assert_int_equal(due, 4);
    room_free(&r);
}

static void test_announcements_are_handed_over_but_never_due(void **state)
{
    struct wire_peer addr = {.hop = test_hop(0x0b010203, 7001)};
    struct dht_push_plan plan;
    struct wire_peer_hop newcomer;
    struct rt_sign_key k;
    struct test_value v;
    struct dht_checked c;
    struct room r;

    (void)state;
    room_make(&r);
    test_sign_key(1, &k);
    test_announcement(&k, &addr, 1, NOW_S, 0, 0, &v);
    c = test_checked(&v, NOW_S);
    assert_int_equal(dht_value_store_put(r.values, v.key, &c, relay_slice_view(v.bytes, v.len), 0,
                                         &someone, NOW_S),
                     0);
    newcomer = add_node(&r, 1, 0);
    assert_int_equal(drain(&r, LIM_REPUBLISH_S, 3000, &plan), 0);
    dht_replicate_plan_joined(r.republish, &newcomer, WIRE_DIALECT_BIT(WIRE_DIALECT_A));
    assert_int_equal(drain(&r, 2 * LIM_REPUBLISH_S, 3000, &plan), 1);
    assert_memory_equal(plan.key, v.key, 32);
    room_free(&r);
}

static void test_a_crowd_of_newcomers_is_bounded(void **state)
{
    struct dht_push_plan plan;
    struct room r;
    uint8_t key[32];
    uint32_t count;

    (void)state;
    room_make(&r);
    add_value(&r, 9, LIM_VALUE_TTL_MAX_S, NOW_S, key);
    for (uint32_t i = 0; i < 200; i++) {
        struct wire_peer_hop h = test_node(0x0b000001 + (i << 8), i), ping;

        (void)dht_table_seen(r.tables[WIRE_DIALECT_A], &h, RT_S, &ping);
        dht_replicate_plan_joined(r.republish, &h, WIRE_DIALECT_BIT(WIRE_DIALECT_A));
    }
    count = drain(&r, 1, 1000, &plan);
    assert_true(count <= 64);
    room_free(&r);
}

/* A client's new value is pushed at once to nodes found by a look-up, even if we are not among the
 * closest. After that it is like any other value. */
static void test_fresh_values(void **state)
{
    struct dht_push_plan plan;
    uint8_t keys[3][32];
    struct room r;

    (void)state;
    room_make(&r);
    for (uint32_t i = 0; i < DHT_K; i++)
        (void)add_node(&r, i, 3);
    for (uint32_t i = 0; i < 3; i++)
        add_value_of(&r, &client, i == 0 ? 3 : 0, LIM_VALUE_TTL_MAX_S, NOW_S, keys[i]);
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t now_ns = RT_S + i * LIM_REPUBLISH_SPACE_NS;

        assert_true(next(&r, now_ns, NOW_S + 1, &plan));
        assert_true(plan.is_fresh);
        assert_int_equal(plan.count, 0);
        assert_memory_equal(plan.key, keys[i], 32);
        assert_int_equal(plan.dialects, WIRE_DIALECTS_ALL);
        assert_false(next(&r, now_ns, NOW_S + 1, &plan)); /* within the pace */
        dht_replicate_plan_ended(r.republish, false);
    }
    assert_int_equal(drain(&r, 2, LIM_REPUBLISH_S - 10, &plan), 0);
    room_free(&r);
}

/* A contact's value is pushed at once in the accepting dialects that the contact does not speak. */
static void test_values_of_one_dialect(void **state)
{
    const struct dht_origin node = {
        .peer = 78, .net = 8, .is_push = true, .unreached = WIRE_DIALECT_BIT(WIRE_DIALECT_B)};
    struct wire_peer_hop ping, b = test_node(0x0c000001, 900);
    struct dht_push_plan plan;
    uint8_t key[32];
    struct room r;

    (void)state;
    room_make(&r);
    assert_int_equal(dht_table_seen(r.tables[WIRE_DIALECT_B], &b, RT_S, &ping), DHT_SEEN_ADDED);
    add_value_of(&r, &node, 0, LIM_VALUE_TTL_MAX_S, NOW_S, key);
    assert_true(next(&r, RT_S, NOW_S + 1, &plan));
    assert_true(plan.is_fresh);
    assert_memory_equal(plan.key, key, 32);
    assert_int_equal(plan.dialects, node.unreached);
    room_free(&r);
}

/* Without a contact nothing is planned, and values wait until they expire. */
static void test_fresh_values_wait_for_a_contact(void **state)
{
    struct dht_push_plan plan;
    uint8_t keys[200][32];
    uint32_t count = 0;
    uint64_t begin_s = 1 + 3 * LIM_REPUBLISH_S;
    struct room r;

    (void)state;
    room_make(&r);
    for (uint32_t i = 0; i < 200; i++)
        add_value_of(&r, &client, 0, LIM_VALUE_TTL_MAX_S, NOW_S, keys[i]);
    assert_int_equal(drain(&r, 1, 3 * LIM_REPUBLISH_S, &plan), 0);
    for (uint32_t i = 0; i < DHT_K; i++)
        (void)add_node(&r, i, 3); /* all closer to the values than this relay */
    for (uint64_t ms = 0; ms < LIM_PUSH_AGAIN_S * 1000; ms += 10)
        if (next(&r, begin_s * RT_S + ms * RT_MS, NOW_S + begin_s + ms / 1000, &plan))
            count += plan.is_fresh && plan.is_owed;
    assert_int_equal(count, 200);
    assert_false(dht_value_store_next_fresh(r.values, NOW_S + begin_s + LIM_PUSH_AGAIN_S));
    room_free(&r);
}

/* Sets up a fresh value that waits until the hourly round. */
static void begin_hour_of_a_fresh_value(struct room *r, uint32_t bits, uint8_t key[32])
{
    room_make(r);
    for (uint32_t i = 0; i < DHT_K; i++)
        (void)add_node(r, i, 3);
    add_value_of(r, &client, bits, LIM_VALUE_TTL_MAX_S, NOW_S, key);
    assert_true(dht_value_store_next_due(r->values) == NOW_S + LIM_REPUBLISH_S);
}

static bool next_in_an_hour(struct room *r, struct dht_push_plan *out)
{
    return next(r, LIM_REPUBLISH_S * RT_S, NOW_S + LIM_REPUBLISH_S, out);
}

static void test_round_that_plans_nothing_leaves_a_fresh_value(void **state)
{
    struct dht_push_plan plan;
    uint8_t key[32];
    struct room r;

    (void)state;
    begin_hour_of_a_fresh_value(&r, 0, key); /* we are not among the closest */
    assert_true(next_in_an_hour(&r, &plan));
    assert_true(plan.is_fresh && plan.is_owed);
    room_free(&r);
    begin_hour_of_a_fresh_value(&r, 9, key); /* the round has no contacts of B and C */
    assert_true(next_in_an_hour(&r, &plan));
    assert_false(plan.is_fresh || plan.is_owed);
    assert_true(dht_value_store_next_fresh(r.values, NOW_S + LIM_REPUBLISH_S));
    room_free(&r);
}

static void test_round_counts_as_the_push_of_a_fresh_value(void **state)
{
    uint64_t again_s = LIM_REPUBLISH_S + LIM_PUSH_AGAIN_S;
    struct wire_peer_hop ping, ours = test_node(0x0c000001, 900);
    struct dht_push_plan plan;
    uint8_t key[32];
    struct room r;

    (void)state;
    begin_hour_of_a_fresh_value(&r, 9, key);
    for (int d = WIRE_DIALECT_B; d < WIRE_DIALECTS; d++)
        (void)dht_table_seen(r.tables[d], &ours, RT_S, &ping);
    assert_true(next_in_an_hour(&r, &plan));
    assert_true(plan.count > 0 && plan.is_owed && !plan.is_fresh);
    assert_false(dht_value_store_next_fresh(r.values, NOW_S + LIM_REPUBLISH_S));
    dht_value_store_unreached(r.values, plan.key, plan.sub, true, NOW_S + LIM_REPUBLISH_S);
    assert_false(dht_value_store_next_fresh(r.values, NOW_S + again_s - 1));
    assert_true(next(&r, again_s * RT_S, NOW_S + again_s, &plan));
    assert_true(plan.is_fresh);
    room_free(&r);
}

/* A value is pushed to the closest nodes of each dialect that accepts it. A node of several
 * dialects gets the value once, over C. */
static void test_each_dialect_has_its_closest(void **state)
{
    struct dht_push_plan plan;
    uint32_t of[WIRE_DIALECTS] = {0};
    struct wire_peer_hop ping, ours = test_node(0x0c000001, 900), c = test_node(0x0c000101, 901);
    struct room r;
    uint8_t key[32];

    (void)state;
    room_make(&r);
    for (uint32_t i = 0; i < 3; i++)
        (void)add_node(&r, i, i); /* A */
    for (int d = 0; d < WIRE_DIALECTS; d++)
        assert_int_equal(dht_table_seen(r.tables[d], &ours, RT_S, &ping), DHT_SEEN_ADDED);
    assert_int_equal(dht_table_seen(r.tables[WIRE_DIALECT_C], &c, RT_S, &ping), DHT_SEEN_ADDED);
    add_value(&r, 3, LIM_VALUE_TTL_MAX_S, NOW_S, key);
    assert_int_equal(drain(&r, LIM_REPUBLISH_S, 3000, &plan), 1);
    assert_int_equal(plan.count, 5);
    for (uint32_t i = 0; i < plan.count; i++) {
        of[plan.to[i].dialect]++;
        if (dht_hop_same(&plan.to[i].hop, &ours) || dht_hop_same(&plan.to[i].hop, &c))
            assert_int_equal(plan.to[i].dialect, WIRE_DIALECT_C);
    }
    assert_int_equal(of[WIRE_DIALECT_A], 3);
    assert_int_equal(of[WIRE_DIALECT_B], 0);
    assert_int_equal(of[WIRE_DIALECT_C], 2);
    room_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once_an_hour_to_the_closest),
        cmocka_unit_test(test_only_by_the_closest),
        cmocka_unit_test(test_values_near_their_expiry_are_not_pushed),
        cmocka_unit_test(test_spaced_and_slower_after_rate_limits),
        cmocka_unit_test(test_held_remotes_are_left_out),
        cmocka_unit_test(test_newcomer_gets_values_close_to_it),
        cmocka_unit_test(test_all_three_take_turns),
        cmocka_unit_test(test_announcements_are_handed_over_but_never_due),
        cmocka_unit_test(test_a_crowd_of_newcomers_is_bounded),
        cmocka_unit_test(test_fresh_values),
        cmocka_unit_test(test_values_of_one_dialect),
        cmocka_unit_test(test_fresh_values_wait_for_a_contact),
        cmocka_unit_test(test_round_that_plans_nothing_leaves_a_fresh_value),
        cmocka_unit_test(test_round_counts_as_the_push_of_a_fresh_value),
        cmocka_unit_test(test_each_dialect_has_its_closest),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
