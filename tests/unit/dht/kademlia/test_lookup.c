/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: three at a time, closest first, addresses without a key last, TCP before QUIC. Candidates
 * are equal by IP, port and transport. A look-up stops after 20 answers, when the 20 closest have
 * been asked, when three answers in a row name nothing new and the three closest have been asked,
 * and after 60 dials, but not for three dead nodes. The key that answers determines a candidate's
 * place. One node at two addresses counts once. A node that names unreachable addresses is
 * distrusted. At most four nodes of one public network count. Endless lists of closer peers end. In
 * random networks (seeded) with dead nodes, the closest nodes are found, in few hops.
 */
#include "unit/dht/support.h"

#include "dht/dht_limits.h"
#include "dht/kademlia/distance.h"
#include "dht/kademlia/lookup.h"
#include "dht/kademlia/routing_table.h"

static const uint8_t target[20];
static uint64_t rng = 20261128;

/* A node with this number of bits in common with the target, in its own network. */
static struct wire_peer_hop node_at(uint32_t bits, uint32_t n)
{
    struct wire_peer_hop h = test_hop(0x0b000001 + (n << 8), 7001);

    h.has_pubkey_hint = true;
    test_key_at(target, bits, &rng, h.pubkey_hint);
    return h;
}

static bool next(struct dht_lookup *l, uint32_t *c, struct wire_peer_hop *h)
{
    return dht_lookup_next(l, c, h);
}

static void reply(struct dht_lookup *l, uint32_t c, const uint8_t key[32],
                  const struct wire_peer_hop *peers, uint32_t count)
{
    dht_lookup_answered(l, c, key);
    for (uint32_t i = 0; i < count; i++)
        dht_lookup_add(l, &peers[i], c);
    dht_lookup_reply_ends(l, c);
}

static void test_three_at_a_time_closest_first(void **state)
{
    struct dht_lookup *l = dht_lookup_new(target, false);
    struct wire_peer_hop in[6], keyless = test_hop(0x0c000001, 7001), h;
    uint32_t c[3], d;

    (void)state;
    dht_lookup_add(l, &keyless, DHT_LOOKUP_SEED);
    for (uint32_t i = 0; i < 6; i++) {
        in[i] = node_at(i, i);
        assert_true(dht_lookup_add(l, &in[i], DHT_LOOKUP_SEED));
        assert_false(dht_lookup_add(l, &in[i], DHT_LOOKUP_SEED));
    }
    for (uint32_t i = 0; i < DHT_ALPHA; i++) {
        assert_true(next(l, &c[i], &h));
        assert_true(dht_hop_same(&h, &in[5 - i]));
    }
    assert_false(next(l, &d, &h));
    assert_false(dht_lookup_is_done(l));
    dht_lookup_failed(l, c[0]);
    assert_true(next(l, &d, &h));
    assert_true(dht_hop_same(&h, &in[2]));
    dht_lookup_failed(l, d);
    dht_lookup_failed(l, c[1]);
    dht_lookup_failed(l, c[2]); /* dead nodes do not end the look-up */
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(next(l, &d, &h));
        assert_true(dht_hop_same(&h, &in[1 - i]));
    }
    assert_true(next(l, &d, &h));
    assert_true(dht_hop_same(&h, &keyless)); /* the last one */
    dht_lookup_free(&l);
    assert_null(l);
}

static void test_tcp_before_quic_and_keys_are_news(void **state)
{
    struct dht_lookup *l = dht_lookup_new(target, false);
    struct wire_peer_hop tcp = node_at(3, 1), quic = tcp, bare = tcp, h;
    uint32_t c;

    (void)state;
    quic.transport = WIRE_QUIC;
    bare.has_pubkey_hint = false;
    assert_true(dht_lookup_add(l, &quic, DHT_LOOKUP_SEED));
    assert_true(dht_lookup_add(l, &bare, DHT_LOOKUP_SEED));
    assert_true(dht_lookup_add(l, &tcp, DHT_LOOKUP_SEED)); /* the same address, with its key */
    assert_false(dht_lookup_add(l, &bare, DHT_LOOKUP_SEED));
    assert_true(next(l, &c, &h));
    assert_int_equal(h.transport, WIRE_TCP);
    reply(l, c, tcp.pubkey_hint, NULL, 0);
    assert_false(next(l, &c, &h)); /* the same node by its other address */
    assert_true(dht_lookup_is_done(l));
    assert_int_equal(dht_lookup_replies(l), 1);
    dht_lookup_free(&l);
}

static void test_ends_after_twenty_answers(void **state)
{
    struct dht_lookup *l = dht_lookup_new(target, false);
    struct wire_peer_hop h, more;
    uint32_t c, asked = 0;

    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        more = node_at(0, i);
        dht_lookup_add(l, &more, DHT_LOOKUP_SEED);
    }
    while (next(l, &c, &h)) {
        more = node_at(1 + asked / 4, 100 + asked); /* always a closer one */
        asked++;
        reply(l, c, h.pubkey_hint, &more, 1);
    }
    assert_true(dht_lookup_is_done(l));
    assert_int_equal(dht_lookup_replies(l), DHT_K);
    assert_int_equal(asked, DHT_K);
    dht_lookup_free(&l);
}

/* Ten candidates and none new: after three such answers the three closest are enough, except in a
 * thorough look-up. */
static void test_ends_when_answers_name_nothing_new(void **state)
{
    (void)state;
    for (int is_thorough = 0; is_thorough < 2; is_thorough++) {
        struct dht_lookup *l = dht_lookup_new(target, is_thorough);
        struct wire_peer_hop h;
        uint32_t c, asked = 0;

        for (uint32_t i = 0; i < 10; i++) {
            h = node_at(i, i);
            dht_lookup_add(l, &h, DHT_LOOKUP_SEED);
        }
        for (; next(l, &c, &h); asked++)
            reply(l, c, h.pubkey_hint, NULL, 0);
        assert_int_equal(asked, is_thorough ? 10 : DHT_ALPHA);
        assert_true(dht_lookup_is_done(l));
        dht_lookup_free(&l);
    }
}

static void test_dead_nodes_cost_a_bounded_number_of_dials(void **state)
{
    struct dht_lookup *l = dht_lookup_new(target, false);
    struct wire_peer_hop h;
    uint32_t c, asked = 0;

    (void)state;
    for (uint32_t i = 0; i < 120; i++) {
        h = node_at(i % 8, i);
        dht_lookup_add(l, &h, DHT_LOOKUP_SEED);
    }
    for (; next(l, &c, &h); asked++)
        dht_lookup_failed(l, c);
    assert_int_equal(asked, LIM_LOOKUP_ASKED_MAX);
    assert_true(dht_lookup_is_done(l));
    dht_lookup_free(&l);
}

/* A node is named with a very close key, but answers with another one. */
static void test_the_key_that_answers_counts(void **state)
{
    struct dht_lookup *l = dht_lookup_new(target, false);
    struct wire_peer_hop liar = node_at(9, 1), honest = node_at(2, 2), out[2], h;
    uint8_t real[32];
    uint32_t c;

    (void)state;
    test_key_at(target, 0, &rng, real);
    dht_lookup_add(l, &liar, DHT_LOOKUP_SEED);
    dht_lookup_add(l, &honest, DHT_LOOKUP_SEED);
    assert_true(next(l, &c, &h));
    assert_true(dht_hop_same(&h, &liar));
    reply(l, c, real, NULL, 0);
    assert_true(next(l, &c, &h));
    reply(l, c, honest.pubkey_hint, NULL, 0);
    assert_int_equal(dht_lookup_closest(l, 2, false, out), 2);
    assert_true(dht_hop_same(&out[0], &honest));
    assert_memory_equal(out[1].pubkey_hint, real, 32);
    dht_lookup_free(&l);
}

static void test_one_node_at_two_addresses_counts_once(void **state)
{
    struct dht_lookup *l = dht_lookup_new(target, false);
    struct wire_peer_hop a = node_at(4, 1), b = node_at(3, 2), out[4], h;
    uint32_t c, d;

    (void)state;
    dht_lookup_add(l, &a, DHT_LOOKUP_SEED);
    dht_lookup_add(l, &b, DHT_LOOKUP_SEED);
    assert_true(next(l, &c, &h));
    assert_true(next(l, &d, &h));
    reply(l, c, a.pubkey_hint, NULL, 0);
    reply(l, d, a.pubkey_hint, NULL, 0); /* the same node at the other address */
    assert_int_equal(dht_lookup_replies(l), 1);
    assert_int_equal(dht_lookup_closest(l, 4, false, out), 1);
    dht_lookup_free(&l);
}

/* A node names forty unreachable addresses. Three are dialled, and the rest only if an honest node
 * names them, too. */
static void test_node_that_names_unreachable_addresses_is_distrusted(void **state)
{
    struct dht_lookup *l = dht_lookup_new(target, false);
    struct wire_peer_hop seeds[2] = {node_at(1, 1), node_at(0, 2)}, h, lies[40], good[2];
    uint32_t c, d, dead = 0, alive = 0;

    (void)state;
    for (uint32_t i = 0; i < 40; i++)
        lies[i] = node_at(10, 100 + i);
    good[0] = node_at(5, 500);
    good[1] = lies[20];
    dht_lookup_add(l, &seeds[0], DHT_LOOKUP_SEED);
    dht_lookup_add(l, &seeds[1], DHT_LOOKUP_SEED);
    assert_true(next(l, &c, &h));
    assert_true(next(l, &d, &h));
    reply(l, c, seeds[0].pubkey_hint, lies, 40);
    reply(l, d, seeds[1].pubkey_hint, good, 2);
    while (next(l, &c, &h)) {
        if (dht_hop_same(&h, &good[0]) || dht_hop_same(&h, &good[1])) {
            alive++;
            reply(l, c, h.pubkey_hint, NULL, 0);
        } else {
            dead++;
            dht_lookup_failed(l, c);
        }
    }
    assert_int_equal(alive, 2);
    assert_int_equal(dead, LIM_LOOKUP_LIES_MAX);
    assert_true(dht_lookup_is_done(l));
    dht_lookup_free(&l);
}

/* Thirty nodes of one /24 closest to the target: four of them count, the others are never asked. */
static void test_no_network_surrounds_a_target(void **state)
{
    struct dht_lookup *l = dht_lookup_new(target, false);
    struct wire_peer_hop h, out[2 * DHT_K];
    uint32_t c, crowd = 0, others = 0, count;

    (void)state;
    for (uint32_t i = 0; i < 30; i++) {
        h = node_at(8, 1);
        h.ip[3] = (uint8_t)i;
        dht_lookup_add(l, &h, DHT_LOOKUP_SEED);
        h = node_at(i % 4, 100 + i);
        dht_lookup_add(l, &h, DHT_LOOKUP_SEED);
    }
    while (next(l, &c, &h)) {
        struct wire_peer_hop more = node_at(3, 1000 + crowd + others);

        if (h.ip[2] == 1)
            crowd++;
        else
            others++;
        reply(l, c, h.pubkey_hint, &more, 1);
    }
    assert_int_equal(crowd, DHT_LOOKUP_NET_MAX);
    assert_true(others >= 10);
    count = dht_lookup_closest(l, 2 * DHT_K, true, out);
    for (uint32_t i = crowd = 0; i < count; i++)
        crowd += out[i].ip[2] == 1;
    assert_int_equal(crowd, DHT_LOOKUP_NET_MAX);
    dht_lookup_free(&l);
}

/* Every node names twenty closer ones, and all of them answer. */
static void test_endless_closer_peers_end(void **state)
{
    struct dht_lookup *l = dht_lookup_new(target, false);
    struct wire_peer_hop h = node_at(0, 1), more[DHT_K];
    uint32_t c, asked = 0;

    (void)state;
    dht_lookup_add(l, &h, DHT_LOOKUP_SEED);
    for (; next(l, &c, &h); asked++) {
        for (uint32_t i = 0; i < DHT_K; i++) {
            more[i] = test_hop(0x0b000001 + ((asked * DHT_K + i) << 8), 7001);
            more[i].has_pubkey_hint = true; /* a claim that is never checked */
            for (uint32_t b = 0; b < 32; b++)
                more[i].pubkey_hint[b] = (uint8_t)test_random(&rng);
        }
        reply(l, c, h.pubkey_hint, more, DHT_K);
    }
    assert_true(asked <= LIM_LOOKUP_ASKED_MAX);
    assert_true(dht_lookup_is_done(l));
    dht_lookup_free(&l);
}

/* -- whole networks -- */

#define NET_MAX 600u

struct network {
    uint32_t count;
    struct wire_peer_hop hops[NET_MAX];
    struct dht_table *tables[NET_MAX];
    bool is_dead[NET_MAX];
};

static uint32_t number_of(const struct wire_peer_hop *h)
{
    return (((uint32_t)h->ip[0] - 0x0b) << 16 | (uint32_t)h->ip[1] << 8 | h->ip[2]);
}

/* Each table has seen a random part of the network. */
static void network_make(struct network *n, uint32_t count, uint64_t *seed)
{
    uint8_t id[20];

    n->count = count;
    for (uint32_t i = 0; i < count; i++) {
        n->hops[i] = test_node(0x0b000001 + (i << 8), (uint32_t)test_random(seed));
        n->is_dead[i] = false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct wire_peer_hop ping;

        rt_node_id(n->hops[i].pubkey_hint, id);
        n->tables[i] = dht_table_new(id);
        for (uint32_t k = 0; k < 300; k++)
            (void)dht_table_seen(n->tables[i], &n->hops[test_random(seed) % count], RT_S, &ping);
        for (uint32_t k = 0; k < count;
             k++) { /* and its neighbours, as after a look-up of its own id */
            uint8_t other[20];

            rt_node_id(n->hops[k].pubkey_hint, other);
            if (dht_common_bits(id, other) >= 5)
                (void)dht_table_seen(n->tables[i], &n->hops[k], RT_S, &ping);
        }
    }
}

static void network_free(struct network *n)
{
    for (uint32_t i = 0; i < n->count; i++)
        dht_table_free(&n->tables[i]);
}

/* Looks up `wanted` from `from`. True: the closest live node was found. */
static bool look_up(struct network *n, uint32_t from, const uint8_t wanted[20], uint32_t *out_hops)
{
    struct dht_lookup *l = dht_lookup_new(wanted, false);
    struct wire_peer_hop h, peers[DHT_K], out;
    uint32_t c, count = dht_table_closest(n->tables[from], wanted, DHT_K, peers), best = from;
    uint8_t a[20], b[20];
    bool found;

    for (uint32_t i = 0; i < count; i++)
        dht_lookup_add(l, &peers[i], DHT_LOOKUP_SEED);
    while (next(l, &c, &h)) {
        uint32_t at = number_of(&h);

        if (n->is_dead[at]) {
            dht_lookup_failed(l, c);
            continue;
        }
        count = dht_table_closest(n->tables[at], wanted, DHT_K, peers);
        reply(l, c, h.pubkey_hint, peers, count);
    }
    for (uint32_t i = 0; i < n->count; i++) {
        rt_node_id(n->hops[i].pubkey_hint, a);
        rt_node_id(n->hops[best].pubkey_hint, b);
        if (i != from && !n->is_dead[i] && (best == from || dht_closer(wanted, a, b) < 0))
            best = i;
    }
    found = dht_lookup_closest(l, 1, false, &out) == 1 && number_of(&out) == best;
    *out_hops = dht_lookup_hops(l);
    dht_lookup_free(&l);
    return found;
}

static void test_finds_the_closest_of_a_network(void **state)
{
    static const uint32_t dead_percent[] = {0, 20, 40};
    static struct network n;
    uint64_t seed = 20261129;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    network_make(&n, 600, &seed);
    for (uint32_t d = 0; d < 3; d++) {
        uint32_t found = 0, hops, hops_max = 0;

        for (uint32_t i = 1; i < n.count; i++)
            n.is_dead[i] = test_random(&seed) % 100 < dead_percent[d];
        for (uint32_t i = 0; i < 300; i++) {
            uint8_t wanted[20];

            for (int b = 0; b < 20; b++)
                wanted[b] = (uint8_t)test_random(&seed);
            found += look_up(&n, 0, wanted, &hops);
            hops_max = hops > hops_max ? hops : hops_max;
        }
        print_message("%u %% dead: %u of 300 found, at most %u hops\n", dead_percent[d], found,
                      hops_max);
        assert_true(found >= (d < 2 ? 298 : 290));
        assert_true(hops_max <= 8);
    }
    network_free(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_at_a_time_closest_first),
        cmocka_unit_test(test_tcp_before_quic_and_keys_are_news),
        cmocka_unit_test(test_ends_after_twenty_answers),
        cmocka_unit_test(test_ends_when_answers_name_nothing_new),
        cmocka_unit_test(test_dead_nodes_cost_a_bounded_number_of_dials),
        cmocka_unit_test(test_the_key_that_answers_counts),
        cmocka_unit_test(test_one_node_at_two_addresses_counts_once),
        cmocka_unit_test(test_node_that_names_unreachable_addresses_is_distrusted),
        cmocka_unit_test(test_no_network_surrounds_a_target),
        cmocka_unit_test(test_endless_closer_peers_end),
        cmocka_unit_test(test_finds_the_closest_of_a_network),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
