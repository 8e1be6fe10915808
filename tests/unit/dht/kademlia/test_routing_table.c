/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan:
 *  - A node is added, known again, and found closest, as by a naive sort over random tables
 * (seeded). Membership in the k closest agrees with counting. This relay is never added.
 *  - A bucket takes 20 nodes, at most 2 of one /24 or /40, except loopback.
 *  - A full bucket keeps its nodes while they are alive. A new node waits for one ping and is added
 *    only if the ping fails. A second new node causes no second ping.
 *  - A node whose last dial failed is not returned, and is dropped after the second failure. A node
 * has one address of each transport and loses them one by one. A changed address replaces the old
 * one only if the old one was not confirmed for a while.
 *  - The sample has different nodes and reaches all. The stalest node comes first and can be
 * deferred. Every bucket up to the deepest is refreshed. A filter drops the addresses that it
 * refuses. A held node is held for its time.
 */
#include "unit/dht/support.h"

#include "dht/kademlia/distance.h"
#include "dht/kademlia/routing_table.h"
#include "base/seams.h"

static const uint8_t self_id[20] = {0x5a, 0x11};
static uint64_t rng = 20261126;

static struct wire_peer_hop node_at(uint32_t bits, uint32_t ip)
{
    struct wire_peer_hop h = test_node(ip, 0);

    test_key_at(self_id, bits, &rng, h.pubkey_hint);
    return h;
}

static enum dht_seen see(struct dht_table *t, const struct wire_peer_hop *h, uint64_t now_ns)
{
    struct wire_peer_hop ping;

    return dht_table_seen(t, h, now_ns, &ping);
}

static bool has(const struct dht_table *t, const struct wire_peer_hop *h)
{
    uint8_t id[20];

    rt_node_id(h->pubkey_hint, id);
    return dht_table_has(t, id);
}

static enum dht_failed fail_once(struct dht_table *t, const struct wire_peer_hop *h)
{
    struct wire_peer_hop replaced;

    return dht_table_failed(t, h, &replaced);
}

static void test_added_and_known(void **state)
{
    struct dht_table *t = dht_table_new(self_id);
    struct wire_peer_hop a = node_at(0, 0x0b000001);

    (void)state;
    assert_int_equal(see(t, &a, RT_S), DHT_SEEN_ADDED);
    assert_int_equal(see(t, &a, 2 * RT_S), DHT_SEEN_KNOWN);
    assert_int_equal(dht_table_count(t), 1);
    assert_true(has(t, &a));
    dht_table_free(&t);
    assert_null(t);
}

static void test_this_relay_is_never_added(void **state)
{
    struct wire_peer_hop a = test_node(0x0b000001, 5);
    uint8_t id[20];
    struct dht_table *t;

    (void)state;
    rt_node_id(a.pubkey_hint, id);
    t = dht_table_new(id);
    assert_int_equal(see(t, &a, RT_S), DHT_SEEN_REFUSED);
    assert_int_equal(dht_table_count(t), 0);
    dht_table_free(&t);
}

static void test_two_of_one_network(void **state)
{
    struct dht_table *t = dht_table_new(self_id);
    struct wire_peer_hop h;

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        h = node_at(0, 0x0b000001 + i);
        assert_int_equal(see(t, &h, RT_S), i < 2 ? DHT_SEEN_ADDED : DHT_SEEN_REFUSED);
    }
    h = node_at(1, 0x0b000009); /* another bucket has its own limit */
    assert_int_equal(see(t, &h, RT_S), DHT_SEEN_ADDED);
    for (uint32_t i = 0; i < 4; i++) {
        h = node_at(0, 0);
        h.is_ipv6 = true;
        memcpy(h.ip, "\x20\x01\x0d\xb8\x12\x00", 6);
        h.ip[5] = (uint8_t)i; /* beyond the 40 bits */
        assert_int_equal(see(t, &h, RT_S), i < 2 ? DHT_SEEN_ADDED : DHT_SEEN_REFUSED);
    }
    for (uint32_t i = 0; i < 5; i++) {
        h = node_at(0, 0x7f000001);
        h.port = (uint16_t)(100 + i);
        assert_int_equal(see(t, &h, RT_S), DHT_SEEN_ADDED);
    }
    dht_table_free(&t);
}

/* Fills the bucket of `bits` with nodes of different networks; the first was seen first. */
static void fill(struct dht_table *t, uint32_t bits, uint64_t now_ns, struct wire_peer_hop out[])
{
    for (uint32_t i = 0; i < DHT_K; i++) {
        out[i] = node_at(bits, 0x0b000001 + (i << 8) + (bits << 16));
        assert_int_equal(see(t, &out[i], now_ns + i), DHT_SEEN_ADDED);
    }
}

static void test_full_bucket_pings_before_it_evicts(void **state)
{
    struct dht_table *t = dht_table_new(self_id);
    struct wire_peer_hop in[DHT_K], a = node_at(0, 0x0c000001), b = node_at(0, 0x0c000101), ping;
    uint64_t later = 1000 * RT_S;

    (void)state;
    fill(t, 0, RT_S, in);
    assert_int_equal(see(t, &a, 2 * RT_S), DHT_SEEN_REFUSED); /* all were seen recently */
    assert_int_equal(dht_table_seen(t, &a, later, &ping), DHT_SEEN_WAITS);
    assert_true(dht_hop_same(&ping, &in[0]));
    assert_int_equal(dht_table_seen(t, &b, later, &ping), DHT_SEEN_WAITS);
    assert_int_equal(ping.port, 0);                          /* that ping is under way */
    assert_int_equal(see(t, &in[0], later), DHT_SEEN_KNOWN); /* alive, so it is not replaced */
    assert_false(has(t, &a) || has(t, &b));
    assert_int_equal(dht_table_count(t), DHT_K);
    assert_int_equal(dht_table_seen(t, &a, later + 1, &ping), DHT_SEEN_WAITS);
    assert_true(dht_hop_same(&ping, &in[1])); /* the next one is the oldest now */
    assert_int_equal(dht_table_failed(t, &in[1], &ping), DHT_FAILED_REPLACED);
    assert_true(dht_hop_same(&ping, &a));
    assert_true(has(t, &a));
    assert_false(has(t, &in[1]));
    assert_int_equal(dht_table_count(t), DHT_K);
    dht_table_free(&t);
}

/* The limit of one network applies to the waiting node, too. */
static void test_waiting_node_needs_room_for_its_network(void **state)
{
    struct dht_table *t = dht_table_new(self_id);
    struct wire_peer_hop in[DHT_K], w = node_at(0, 0x0b000a77), second = node_at(0, 0x0b000a78);

    (void)state;
    fill(t, 0, RT_S, in);
    assert_int_equal(see(t, &w, 1000 * RT_S), DHT_SEEN_WAITS);
    assert_int_equal(fail_once(t, &in[5]), DHT_FAILED_REPLACED); /* in[10] and w: two of one net */
    assert_int_equal(see(t, &second, 2000 * RT_S), DHT_SEEN_REFUSED);
    dht_table_free(&t);
}

/* A node that leaves while it waits for a place is not admitted later. */
static void test_waiting_node_leaves(void **state)
{
    struct dht_table *t = dht_table_new(self_id);
    struct wire_peer_hop in[DHT_K], w = node_at(0, 0x0c000001);

    (void)state;
    fill(t, 0, RT_S, in);
    assert_int_equal(see(t, &w, 1000 * RT_S), DHT_SEEN_WAITS);
    assert_false(dht_table_leave(t, w.pubkey_hint));
    for (uint32_t i = 0; i < DHT_FAILURES_MAX; i++)
        assert_int_not_equal(fail_once(t, &in[0]), DHT_FAILED_REPLACED);
    assert_false(has(t, &w));
    assert_int_equal(dht_table_count(t), DHT_K - 1);
    assert_true(dht_table_leave(t, in[1].pubkey_hint));
    dht_table_free(&t);
}

static void test_failing_nodes_are_not_returned(void **state)
{
    struct dht_table *t = dht_table_new(self_id);
    struct wire_peer_hop a = node_at(0, 0x0b000001), b = node_at(0, 0x0b000101), out[DHT_K];

    (void)state;
    see(t, &a, RT_S);
    see(t, &b, RT_S);
    assert_int_equal(dht_table_closest(t, self_id, DHT_K, out), 2);
    assert_int_equal(fail_once(t, &a), DHT_FAILED_KEPT);
    assert_int_equal(dht_table_closest(t, self_id, DHT_K, out), 1);
    assert_true(dht_hop_same(&out[0], &b));
    see(t, &a, 2 * RT_S);
    assert_int_equal(dht_table_closest(t, self_id, DHT_K, out), 2);
    fail_once(t, &a);
    assert_int_equal(fail_once(t, &a), DHT_FAILED_DROPPED);
    assert_false(has(t, &a));
    assert_int_equal(fail_once(t, &a), DHT_FAILED_UNKNOWN);
    b.port++;
    assert_int_equal(fail_once(t, &b), DHT_FAILED_UNKNOWN); /* not at that address */
    dht_table_free(&t);
}

static void test_one_address_of_each_transport(void **state)
{
    struct dht_table *t = dht_table_new(self_id);
    struct wire_peer_hop tcp = node_at(0, 0x0b000001), quic = tcp, out[DHT_K];

    (void)state;
    quic.transport = WIRE_QUIC;
    quic.port = 7000;
    see(t, &quic, RT_S);
    assert_int_equal(see(t, &tcp, RT_S), DHT_SEEN_KNOWN);
    assert_int_equal(dht_table_closest(t, self_id, DHT_K, out), 1);
    assert_int_equal(out[0].transport, WIRE_TCP);
    fail_once(t, &tcp);
    assert_int_equal(fail_once(t, &tcp), DHT_FAILED_KEPT); /* the other is left */
    assert_int_equal(dht_table_closest(t, self_id, DHT_K, out), 1);
    assert_int_equal(out[0].transport, WIRE_QUIC);
    fail_once(t, &quic);
    assert_int_equal(fail_once(t, &quic), DHT_FAILED_DROPPED);
    dht_table_free(&t);
}

static void test_address_moves_when_the_old_is_stale(void **state)
{
    struct dht_table *t = dht_table_new(self_id);
    struct wire_peer_hop a = node_at(0, 0x0b000001), moved = a, out[DHT_K];

    (void)state;
    moved.ip[3] = 9;
    see(t, &a, RT_S);
    see(t, &moved, 100 * RT_S);
    dht_table_closest(t, self_id, 1, out);
    assert_true(dht_hop_same(&out[0], &a));
    see(t, &moved, 2000 * RT_S);
    dht_table_closest(t, self_id, 1, out);
    assert_true(dht_hop_same(&out[0], &moved));
    dht_table_free(&t);
}

/* -- against a naive table -- */

#define NODES 300u

static const uint8_t *sort_target;

static int by_distance(const void *a, const void *b)
{
    uint8_t x[20], y[20];

    rt_node_id(((const struct wire_peer_hop *)a)->pubkey_hint, x);
    rt_node_id(((const struct wire_peer_hop *)b)->pubkey_hint, y);
    return dht_closer(sort_target, x, y);
}

static void test_closest_and_among_agree_with_sorting(void **state)
{
    static struct wire_peer_hop in[NODES];
    struct dht_table *t = dht_table_new(self_id);
    uint64_t seed = 20261127;
    uint32_t count = 0;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint32_t i = 0; i < NODES; i++) {
        in[count] = test_node(0x0b000001 + (i << 8), (uint32_t)test_random(&seed));
        count += see(t, &in[count], RT_S) == DHT_SEEN_ADDED;
    }
    for (uint32_t n = 0; n < 500; n++) {
        uint32_t max = 1 + (uint32_t)test_random(&seed) % DHT_K, closer_than_us = 0;
        uint8_t target[20], id[20];
        struct wire_peer_hop out[DHT_K];

        for (int i = 0; i < 20; i++)
            target[i] = (uint8_t)test_random(&seed);
        if (n % 3 == 0) /* near to us, where buckets are deep */
            memcpy(target, self_id, n % 7);
        sort_target = target;
        qsort(in, count, sizeof(in[0]), by_distance);
        assert_int_equal(dht_table_closest(t, target, max, out), max);
        for (uint32_t i = 0; i < max; i++)
            assert_true(dht_hop_same(&out[i], &in[i]));
        for (uint32_t i = 0; i < count; i++) {
            rt_node_id(in[i].pubkey_hint, id);
            closer_than_us += dht_closer(target, id, self_id) < 0;
        }
        assert_int_equal(dht_table_self_is_among(t, target, max, NULL), closer_than_us < max);
        rt_node_id(in[0].pubkey_hint, id);
        if (closer_than_us > 0)
            assert_int_equal(dht_table_self_is_among(t, target, max, id), closer_than_us - 1 < max);
        for (uint32_t i = 0; i < DHT_K; i++) {
            rt_node_id(in[i].pubkey_hint, id);
            assert_int_equal(dht_table_is_among(t, target, max, id),
                             i + (closer_than_us <= i) < max);
        }
        if (dht_common_bits(self_id, target) < dht_table_reach(t, max))
            assert_true(closer_than_us >= max);
    }
    dht_table_free(&t);
}

static void test_sample_is_of_different_nodes(void **state)
{
    struct dht_table *t = dht_table_new(self_id);
    struct wire_peer_hop in[DHT_K], out[DHT_K];
    uint32_t hit[DHT_K] = {0};

    (void)state;
    fill(t, 0, RT_S, in);
    for (uint32_t n = 0; n < 400; n++) {
        uint32_t count = dht_table_sample(t, 5, in[3].pubkey_hint, test_random, &rng, out);

        assert_int_equal(count, 5);
        for (uint32_t i = 0; i < count; i++)
            for (uint32_t k = 0; k < DHT_K; k++)
                hit[k] += dht_hop_same(&out[i], &in[k]);
        for (uint32_t i = 1; i < count; i++)
            for (uint32_t k = 0; k < i; k++)
                assert_false(dht_hop_same(&out[i], &out[k]));
    }
    for (uint32_t k = 0; k < DHT_K; k++)
        assert_int_equal(hit[k] > 50, k != 3);
    assert_int_equal(dht_table_sample(t, DHT_K, NULL, test_random, &rng, out), DHT_K);
    dht_table_free(&t);
}

static void test_stalest_first(void **state)
{
    struct dht_table *t = dht_table_new(self_id);
    struct wire_peer_hop a = node_at(0, 0x0b000001), b = node_at(1, 0x0b000101), out;

    (void)state;
    assert_false(dht_table_stalest(t, UINT64_MAX, &out));
    see(t, &a, 10 * RT_S);
    see(t, &b, 20 * RT_S);
    assert_false(dht_table_stalest(t, 10 * RT_S, &out));
    assert_true(dht_table_stalest(t, 11 * RT_S, &out));
    assert_true(dht_hop_same(&out, &a));
    dht_table_touch(t, a.pubkey_hint);
    assert_true(dht_table_stalest(t, 30 * RT_S, &out));
    assert_true(dht_hop_same(&out, &b));
    see(t, &b, 40 * RT_S);
    assert_true(dht_table_stalest(t, 30 * RT_S, &out));
    assert_true(dht_hop_same(&out, &a));
    dht_table_free(&t);
}

static void test_every_bucket_is_refreshed(void **state)
{
    struct dht_table *t = dht_table_new(self_id);
    struct wire_peer_hop deep = node_at(9, 0x0b000001);
    uint8_t random[20], target[20];
    bool seen[10] = {false};

    (void)state;
    for (int i = 0; i < 20; i++)
        random[i] = (uint8_t)test_random(&rng);
    assert_false(dht_table_refresh(t, 5, random, target));
    see(t, &deep, RT_S);
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t bits;

        assert_true(dht_table_refresh(t, 5, random, target));
        bits = dht_common_bits(self_id, target);
        assert_true(bits <= 9 && !seen[bits]);
        seen[bits] = true;
        dht_table_looked_up(t, target, 100);
    }
    assert_false(dht_table_refresh(t, 5, random, target));
    assert_true(dht_table_refresh(t, 101, random, target));
    dht_table_free(&t);
}

static bool is_even(void *ctx, const struct wire_peer_hop *h)
{
    (void)ctx;
    return h->ip[2] % 2 == 0;
}

static void test_filter_and_hold(void **state)
{
    struct dht_table *t = dht_table_new(self_id);
    struct wire_peer_hop in[DHT_K];

    (void)state;
    fill(t, 0, RT_S, in);
    dht_table_filter(t, is_even, NULL);
    assert_int_equal(dht_table_count(t), DHT_K / 2);
    assert_true(has(t, &in[0]));
    assert_false(has(t, &in[1]));
    assert_false(dht_table_is_held(t, in[0].pubkey_hint, 0));
    dht_table_hold(t, in[0].pubkey_hint, 100);
    assert_true(dht_table_is_held(t, in[0].pubkey_hint, 99));
    assert_false(dht_table_is_held(t, in[0].pubkey_hint, 100));
    assert_false(dht_table_is_held(t, in[1].pubkey_hint, 0));
    dht_table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_added_and_known),
        cmocka_unit_test(test_this_relay_is_never_added),
        cmocka_unit_test(test_two_of_one_network),
        cmocka_unit_test(test_full_bucket_pings_before_it_evicts),
        cmocka_unit_test(test_waiting_node_leaves),
        cmocka_unit_test(test_waiting_node_needs_room_for_its_network),
        cmocka_unit_test(test_failing_nodes_are_not_returned),
        cmocka_unit_test(test_one_address_of_each_transport),
        cmocka_unit_test(test_address_moves_when_the_old_is_stale),
        cmocka_unit_test(test_closest_and_among_agree_with_sorting),
        cmocka_unit_test(test_sample_is_of_different_nodes),
        cmocka_unit_test(test_stalest_first),
        cmocka_unit_test(test_every_bucket_is_refreshed),
        cmocka_unit_test(test_filter_and_hold),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
