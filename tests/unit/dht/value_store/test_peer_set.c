/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the union of held and new entries, by whole PeerAddr, for both kinds. 8 entries from one
 * storing key: the last of a STORE, and the newest of several STOREs. At most 64 providers or 256
 * members and 64 KiB, the newest. An entry belongs to the key that stored it first, and only this
 * key renews it. updated_at is the larger one and never in the future. The result is canonical, and
 * merging it with itself changes nothing. A seeded run of many storers keeps every limit.
 */
#include "unit/dht/support.h"

#include "dht/value_store/peer_set.h"
#include "dht/dht_limits.h"
#include "wire_limits.h"

struct set {
    enum wire_value_kind kind;
    struct relay_slice value;
    struct dht_set_meta *meta;
};

static void set_free(struct set *s)
{
    relay_slice_drop(&s->value);
    free(s->meta);
}

static void merge(struct set *s, const struct wire_peer *peers, uint32_t count, uint64_t updated_at,
                  uint64_t origin, uint64_t now_s)
{
    static struct test_value v; /* a large set is cut into pieces by the caller */
    struct relay_slice value;
    struct dht_set_meta *meta;

    test_set(s->kind, 5, peers, count, updated_at, &v);
    assert_int_equal(dht_peer_set_merge(s->kind, s->value.owner ? &s->value : NULL, s->meta,
                                        v.bytes, v.len, origin, now_s, &value, &meta),
                     WIRE_REFUSAL_NONE);
    set_free(s);
    s->value = value;
    s->meta = meta;
}

struct listed {
    uint32_t count;
    struct wire_peer at[300];
};

static void list_one(void *ctx, const struct wire_peer *p)
{
    struct listed *l = ctx;

    l->at[l->count++] = *p;
}

static uint64_t list(const struct set *s, struct listed *out)
{
    uint8_t *copy = malloc(s->value.len);
    struct wire_peer_set set;

    assert_non_null(copy);
    memcpy(copy, s->value.ptr, s->value.len);
    assert_int_equal(s->kind == WIRE_VALUE_PROVIDERS
                         ? wire_providers_decode(copy, s->value.len, &set)
                         : wire_members_decode(copy, s->value.len, &set),
                     RT_ERR_OK);
    out->count = 0;
    wire_peers_each(&set.peers, list_one, out);
    assert_int_equal(out->count, s->meta->count);
    free(copy);
    return set.updated_at;
}

static bool is_listed(const struct set *s, const struct wire_peer *p)
{
    static struct listed l;

    list(s, &l);
    for (uint32_t i = 0; i < l.count; i++)
        if (dht_hop_same(&l.at[i].hop, &p->hop) && l.at[i].has_relay_via == p->has_relay_via)
            return true;
    return false;
}

static struct wire_peer peer(uint32_t n)
{
    return (struct wire_peer){.hop = test_node(0x0b000000 + n, n)};
}

static void test_union_of_whole_addresses(void **state)
{
    struct wire_peer a = peer(1), b = peer(2), via = peer(1), keyless = peer(1);
    struct listed l;

    (void)state;
    via.has_relay_via = true;
    via.relay_addr = test_hop(0x0b000009, 7001);
    keyless.hop.has_pubkey_hint = false;
    for (int kind = 0; kind < 2; kind++) {
        struct set s = {.kind = kind ? WIRE_VALUE_PROVIDERS : WIRE_VALUE_MEMBERS};

        via.relay_slot_id = 7;
        merge(&s, &a, 1, NOW_S - 10, 1, NOW_S);
        merge(&s, &b, 1, NOW_S - 20, 2, NOW_S);
        assert_int_equal(list(&s, &l), NOW_S - 10);
        assert_int_equal(l.count, 2);
        merge(&s, &a, 1, NOW_S, 2, NOW_S);
        assert_int_equal(list(&s, &l), NOW_S);
        assert_int_equal(l.count, 2);
        merge(&s, &via, 1, NOW_S, 2, NOW_S);
        merge(&s, &keyless, 1, NOW_S, 2, NOW_S);
        via.relay_slot_id = 8;
        merge(&s, &via, 1, NOW_S, 3, NOW_S);
        list(&s, &l);
        assert_int_equal(l.count, 5);
        set_free(&s);
    }
}

static void test_private_addresses_stay_inside_values(void **state)
{
    struct set s = {.kind = WIRE_VALUE_PROVIDERS};
    struct wire_peer p = {.hop = test_node(0xc0a80105, 1)};

    (void)state;
    merge(&s, &p, 1, NOW_S, 1, NOW_S);
    assert_true(is_listed(&s, &p));
    set_free(&s);
}

static void test_eight_from_one_key(void **state)
{
    struct set s = {.kind = WIRE_VALUE_PROVIDERS};
    struct wire_peer many[20], other = peer(99), again = peer(50);
    struct listed l;

    (void)state;
    for (uint32_t i = 0; i < 20; i++)
        many[i] = peer(i);
    merge(&s, &other, 1, NOW_S, 2, NOW_S);
    merge(&s, many, 20, NOW_S, 1, NOW_S);
    list(&s, &l);
    assert_int_equal(l.count, 9);
    for (uint32_t i = 0; i < 20; i++) /* clients append themselves */
        assert_int_equal(is_listed(&s, &many[i]), i >= 12);
    merge(&s, &again, 1, NOW_S + 1, 1,
          NOW_S + 1); /* evicts the oldest of this key, none of another */
    list(&s, &l);
    assert_int_equal(l.count, 9);
    assert_true(is_listed(&s, &again));
    assert_true(is_listed(&s, &other));
    assert_false(is_listed(&s, &many[12]));
    set_free(&s);
}

/* A client that finds several providers behind one relay asks the first of them. */
static void test_newest_comes_first(void **state)
{
    struct set s = {.kind = WIRE_VALUE_PROVIDERS};
    struct wire_peer p[4] = {peer(1), peer(2), peer(3), peer(4)};
    static const uint32_t order[] = {2, 3, 1, 0};
    struct listed l;

    (void)state;
    merge(&s, &p[0], 1, NOW_S - 20, 1, NOW_S);
    merge(&s, &p[2], 1, NOW_S - 5, 2, NOW_S);
    merge(&s, &p[1], 1, NOW_S - 10, 3, NOW_S);
    merge(&s, &p[3], 1, NOW_S - 9, 4, NOW_S);
    for (int i = 0; i < 3; i++) { /* and stays the first after other merges */
        list(&s, &l);
        assert_int_equal(l.count, 4);
        for (uint32_t k = 0; k < 4; k++)
            assert_true(dht_hop_same(&l.at[k].hop, &p[order[k]].hop));
        merge(&s, &p[0], 1, NOW_S - 20, 1, NOW_S);
    }
    merge(&s, &p[0], 1, NOW_S - 5, 1,
          NOW_S); /* of two with the same time, the incoming one is newer */
    list(&s, &l);
    assert_true(dht_hop_same(&l.at[0].hop, &p[0].hop));
    set_free(&s);
}

static void test_this_relay_has_no_share(void **state)
{
    struct set s = {.kind = WIRE_VALUE_PROVIDERS};
    struct wire_peer many[20];
    struct listed l;

    (void)state;
    for (uint32_t i = 0; i < 20; i++)
        many[i] = peer(i);
    merge(&s, many, 20, NOW_S, 0, NOW_S);
    list(&s, &l);
    assert_int_equal(l.count, 20);
    set_free(&s);
}

static void fill(struct set *s, uint32_t from, uint32_t count, uint64_t at)
{
    for (uint32_t i = from; i < from + count; i++) {
        struct wire_peer p = peer(i);

        merge(s, &p, 1, at + i, 1000 + i, at + i);
    }
}

static void test_bounded_in_all_newest_stay(void **state)
{
    static const uint32_t max[] = {LIM_PROVIDERS_MAX, LIM_MEMBERS_MAX};
    static struct listed l;

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct set s = {.kind = kind == 0 ? WIRE_VALUE_PROVIDERS : WIRE_VALUE_MEMBERS};

        fill(&s, 0, max[kind] + 10, NOW_S);
        list(&s, &l);
        assert_int_equal(l.count, max[kind]);
        assert_true(s.value.len <= LIM_VALUE_MAX);
        for (uint32_t i = 0; i < max[kind] + 10; i++) {
            struct wire_peer p = peer(i);

            if (i < 12 || i > max[kind])
                assert_int_equal(is_listed(&s, &p), i >= 10);
        }
        set_free(&s);
    }
}

/* Clients store the entries that they hold again and again. This does not renew the entries. */
static void test_only_its_storer_renews_an_entry(void **state)
{
    struct set s = {.kind = WIRE_VALUE_PROVIDERS};
    struct wire_peer first = peer(0), second = peer(1);

    (void)state;
    merge(&s, &first, 1, NOW_S, 1, NOW_S);
    merge(&s, &second, 1, NOW_S, 2, NOW_S);
    merge(&s, &first, 1, NOW_S + 5000, 9, NOW_S + 5000); /* another storer: no effect */
    merge(&s, &second, 1, NOW_S + 5000, 2, NOW_S + 5000);
    fill(&s, 10, LIM_PROVIDERS_MAX - 1, NOW_S + 100);
    assert_false(is_listed(&s, &first));
    assert_true(is_listed(&s, &second));
    set_free(&s);
}

static void test_times_in_the_future_count_as_now(void **state)
{
    struct set s = {.kind = WIRE_VALUE_PROVIDERS};
    struct wire_peer bad = peer(0);
    struct listed l;

    (void)state;
    merge(&s, &bad, 1, UINT64_MAX, 1, NOW_S);
    assert_int_equal(list(&s, &l), NOW_S);
    fill(&s, 10, LIM_PROVIDERS_MAX, NOW_S + 1);
    assert_false(is_listed(&s, &bad));
    set_free(&s);
}

static void test_merged_with_itself_is_the_same(void **state)
{
    struct set s = {.kind = WIRE_VALUE_MEMBERS};
    struct relay_slice value;
    struct dht_set_meta *meta;

    (void)state;
    fill(&s, 0, 40, NOW_S);
    assert_int_equal(dht_peer_set_merge(s.kind, &s.value, s.meta, s.value.ptr, s.value.len, 5,
                                        NOW_S + 100, &value, &meta),
                     WIRE_REFUSAL_NONE);
    assert_int_equal(value.len, s.value.len);
    assert_memory_equal(value.ptr, s.value.ptr, value.len);
    relay_slice_drop(&value);
    free(meta);
    meta = dht_peer_set_loaded(40);
    assert_non_null(meta);
    assert_int_equal(meta->count, 40);
    assert_int_equal(meta->at[39].origin, DHT_ORIGIN_LOADED);
    free(meta);
    set_free(&s);
}

static void test_bounds_hold_under_many_storers(void **state)
{
    static struct listed l;
    struct set s = {.kind = WIRE_VALUE_PROVIDERS};
    uint64_t seed = 20261125;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint32_t step = 0; step < 2000; step++) {
        uint64_t origin = 2 + test_random(&seed) % 12, now = NOW_S + step;
        uint32_t count = (uint32_t)(test_random(&seed) % 20), own[16] = {0};
        struct wire_peer peers[20];

        for (uint32_t i = 0; i < count; i++)
            peers[i] = peer((uint32_t)test_random(&seed) % 200);
        merge(&s, peers, count, now - test_random(&seed) % 1000, origin, now);
        list(&s, &l);
        assert_true(l.count <= LIM_PROVIDERS_MAX && s.value.len <= LIM_VALUE_MAX);
        for (uint32_t i = 0; i < l.count; i++) {
            assert_true(++own[s.meta->at[i].origin] <= LIM_SET_PER_PEER);
            assert_true(i == 0 || s.meta->at[i - 1].time_s >= s.meta->at[i].time_s);
            for (uint32_t k = 0; k < i; k++)
                assert_false(dht_hop_same(&l.at[i].hop, &l.at[k].hop));
        }
    }
    set_free(&s);
    assert_int_equal(rt_buf_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_union_of_whole_addresses),
        cmocka_unit_test(test_private_addresses_stay_inside_values),
        cmocka_unit_test(test_eight_from_one_key),
        cmocka_unit_test(test_newest_comes_first),
        cmocka_unit_test(test_this_relay_has_no_share),
        cmocka_unit_test(test_bounded_in_all_newest_stay),
        cmocka_unit_test(test_only_its_storer_renews_an_entry),
        cmocka_unit_test(test_times_in_the_future_count_as_now),
        cmocka_unit_test(test_merged_with_itself_is_the_same),
        cmocka_unit_test(test_bounds_hold_under_many_storers),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
