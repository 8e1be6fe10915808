/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan, the index: records are added, changed and removed together with their entries. Members
 * expire at the earlier of expires_at and TTL, shares by TTL. A full community evicts a record of
 * its crowded network, from the disk too, and counts it. Loaded records keep their numbers, and
 * numbers never repeat. A seeded run of random operations keeps index and store equal.
 *
 * The disk: a record renewed every minute is written once in twenty minutes, together with others.
 * It is written at once after another change, at a flush, and soon after the clock was set back.
 *
 * Fresh values are taken once per change and hour. Pushes by nodes that speak all accepting
 * dialects, our own values and announcements are not fresh. A value that no node took is taken
 * again after the others, then hourly. This does not delay the hourly round. Networks take turns.
 */
#include "store.h"

#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"

/* -- the index -- */

static struct dht_community *community(struct dht_value_store *v, uint32_t n)
{
    uint8_t id[32];

    test_community(n, id);
    return dht_community_find(dht_value_store_communities(v), id);
}

static void test_records_enter_change_and_leave(void **state)
{
    struct dht_value_store *v = store_new();
    struct test_share s = {.community = 1, .share = 4, .seq = 5, .updated_at = NOW_S};
    struct test_member m = store_member_at(NOW_S, 1);
    struct test_value value;

    (void)state;
    m.expires_at = NOW_S + 7200;
    assert_null(community(v, 1));
    test_member_record(&m, &value);
    store_at(v, &value, NOW_S);
    /* Less than the TTL of a day, and a second STORE does not extend it. */
    assert_int_equal(store_left(v, WIRE_DIALECT_C, &value, NOW_S), 7200);
    store_at(v, &value, NOW_S + 60);
    assert_int_equal(store_left(v, WIRE_DIALECT_C, &value, NOW_S), 7200);
    test_share_record(&s, &value);
    store_at(v, &value, NOW_S);
    assert_int_equal(dht_community_count(community(v, 1), DHT_RECORD_MEMBER), 1);
    assert_int_equal(dht_community_count(community(v, 1), DHT_RECORD_SHARE), 1);
    assert_int_equal(dht_community_last_event(community(v, 1)), 2);
    assert_int_equal(store_disk.last.is.event, 2);
    assert_int_equal(store_disk.mark, LIM_EVENT_MARK_STEP);
    m.announce_seq++;
    test_member_record(&m, &value);
    store_at(v, &value, NOW_S);
    assert_int_equal(dht_community_last_event(community(v, 1)), 3);
    dht_value_store_expire(v, NOW_S + 3 * 3600, 10);
    assert_int_equal(dht_community_count(community(v, 1), DHT_RECORD_MEMBER), 0);
    assert_int_equal(dht_community_count(community(v, 1), DHT_RECORD_SHARE), 1);
    dht_value_store_expire(v, NOW_S + 26 * 3600, 10);
    assert_null(community(v, 1));
    store_free(&v);
}

/* A restart as after kill -9, with the last saved rows and marks. */
static void test_numbers_after_a_restart(void **state)
{
    struct dht_value_store *v = store_new(), *again;
    struct test_member m = store_member_at(NOW_S, 1);
    struct test_value value;
    struct store_row row;
    uint64_t mark, last;
    uint8_t id[32];

    (void)state;
    test_community(1, id);
    test_member_record(&m, &value);
    store_at(v, &value, NOW_S);
    row = store_disk.last;
    for (m.announce_seq = 2; m.announce_seq < 30; m.announce_seq++) {
        test_member_record(&m, &value);
        store_at(v, &value, NOW_S);
    }
    mark = store_disk.mark;
    last = dht_community_last_event(community(v, 1));
    store_free(&v);
    assert_int_equal(last, 29);
    again = store_new();
    dht_communities_load_mark(dht_value_store_communities(again), id, mark, NOW_S + 700000);
    assert_true(dht_value_store_load(again, row.is.key, row.is.sub, row.bytes, row.is.value.len,
                                     row.is.expires_s, row.is.event, &row.is.origin, NOW_S));
    assert_int_equal(dht_community_at(community(again, 1), DHT_RECORD_MEMBER, 0)->event, 1);
    assert_int_equal(store_disk.puts, 0);
    store_at(again, &value, NOW_S);
    assert_true(dht_community_last_event(community(again, 1)) > last);
    store_free(&again);
}

/* Rows edited to another key are refused, because the index would have one record twice. */
static void test_row_under_another_key_is_refused(void **state)
{
    struct dht_value_store *v = store_new();
    struct test_member m = store_member_at(NOW_S, 1);
    struct test_value value;
    uint8_t key[32], sub[32] = {0};

    (void)state;
    test_member_record(&m, &value);
    memcpy(key, value.key, 32);
    key[0] ^= 1;
    assert_false(dht_value_store_load(v, key, sub, value.bytes, value.len, NOW_S + 99, 1,
                                      &store_someone, NOW_S));
    assert_true(dht_value_store_load(v, value.key, sub, value.bytes, value.len, NOW_S + 99, 1,
                                     &store_someone, NOW_S));
    store_free(&v);
}

/* A damaged number is replaced with a new one and not saved again. */
static void test_damaged_event_number_from_disk(void **state)
{
    struct dht_value_store *v = store_new();
    struct test_share s = {.community = 1, .share = 4, .seq = 5, .updated_at = NOW_S};
    struct test_value value;
    static const uint8_t sub[32];

    (void)state;
    test_share_record(&s, &value);
    assert_true(dht_value_store_load(v, value.key, sub, value.bytes, value.len, NOW_S + 9999,
                                     UINT64_MAX, &store_someone, NOW_S));
    for (s.seq = 6; s.seq < 9; s.seq++) {
        test_share_record(&s, &value);
        store_at(v, &value, NOW_S);
    }
    dht_value_store_flush(v);
    assert_int_equal(store_disk.last.is.event, 4);
    assert_int_equal(store_disk.mark, LIM_EVENT_MARK_STEP);
    store_free(&v);
}

/* One network fills the community. A newcomer of another network evicts one of its records. */
static void test_full_community_evicts(void **state)
{
    struct dht_value_store *v = store_new_of(2 * LIM_COMMUNITY_RECORDS);
    uint64_t evicted = rt_metric_get(RT_METRIC_COMMUNITY_RECORDS_EVICTED);
    struct dht_origin other = {.peer = 78, .net = 8};
    struct test_value value;

    (void)state;
    for (uint32_t i = 0; i < LIM_COMMUNITY_RECORDS; i++) {
        struct dht_checked c = {.kind = WIRE_VALUE_MEMBER_RECORD, .expires_at = UINT64_MAX};

        memcpy(c.subject, &i, sizeof(i));
        test_community(1, c.community_id);
        rt_sha256(&i, sizeof(i), value.key);
        assert_int_equal(dht_value_store_put(v, value.key, &c, relay_slice_view(value.key, 32),
                                             86400, &store_someone, NOW_S),
                         0);
    }
    test_member_record(
        &(struct test_member){
            .community = 1, .member = 2, .issued_at = NOW_S, .expires_at = NOW_S + 86400},
        &value);
    assert_int_equal(store_by(v, &value, 86400, &other, NOW_S), WIRE_REFUSAL_NONE);
    assert_int_equal(dht_value_store_count(v), LIM_COMMUNITY_RECORDS);
    assert_int_equal(dht_community_count(community(v, 1), DHT_RECORD_MEMBER),
                     LIM_COMMUNITY_RECORDS);
    assert_true(store_holds(v, &value));
    assert_int_equal(store_disk.drops, 1);
    assert_int_equal(rt_metric_get(RT_METRIC_COMMUNITY_RECORDS_EVICTED), evicted + 1);
    store_free(&v);
}

/* -- the index and the store hold the same -- */

#define RANDOM_COMMUNITIES 3u

static void assert_same(struct dht_value_store *v)
{
    uint32_t in_store = 0, in_index = 0;
    struct dht_value value;

    dht_value_store_walk(v, 0, 255);
    while (dht_value_store_walk_next(v, &value)) {
        in_store++;
        assert_true(value.event > 0);
    }
    for (uint32_t n = 0; n < RANDOM_COMMUNITIES; n++) {
        struct dht_community *k = community(v, n);

        for (int kind = 0; k && kind < DHT_RECORD_KINDS; kind++)
            in_index += dht_community_count(k, (enum dht_record_kind)kind);
    }
    assert_int_equal(in_store, in_index);
    assert_int_equal(in_store, dht_value_store_count(v));
}

/* Stores the record with a random number and sequence from a random network. */
static void store_random(struct dht_value_store *v, uint64_t *seed, uint64_t now_s)
{
    uint32_t number = (uint32_t)(test_random(seed) % 200);
    struct dht_origin by = {.peer = 100 + number, .net = test_random(seed) % 5};
    struct dht_checked c = {.kind = number % 3 ? WIRE_VALUE_MEMBER_RECORD : WIRE_VALUE_SHARE_RECORD,
                            .first = test_random(seed) % 50,
                            .content = test_random(seed) % 2,
                            .expires_at = now_s + 3600 + test_random(seed) % 86400};
    uint8_t key[32];

    test_community(number % RANDOM_COMMUNITIES, c.community_id);
    memcpy(c.subject, &number, sizeof(number));
    rt_sha256(&number, sizeof(number), key);
    (void)dht_value_store_put(v, key, &c,
                              relay_slice_view(key, 1 + (uint32_t)(test_random(seed) % 32)), 86400,
                              &by, now_s);
}

static void test_random_operations_keep_index_and_store_equal(void **state)
{
    uint64_t seed = 20261201, now_s = NOW_S, evicted = rt_metric_get(RT_METRIC_DHT_VALUES_EVICTED);
    struct dht_value_store *v = store_new_of(100);

    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint32_t i = 0; i < 20000; i++) {
        now_s += test_random(&seed) % 60;
        store_random(v, &seed, now_s);
        if (i % 100 == 0) {
            dht_value_store_expire(v, now_s, 30);
            (void)dht_value_store_save_due(v, now_s, 30);
            assert_same(v);
        }
    }
    assert_true(rt_metric_get(RT_METRIC_DHT_VALUES_EVICTED) > evicted);
    while (dht_value_store_expire(v, now_s + LIM_VALUE_TTL_MAX_S, 30))
        assert_same(v);
    assert_int_equal(dht_value_store_count(v), 0);
    assert_int_equal(dht_communities_count(dht_value_store_communities(v)), 0);
    store_free(&v);
}

/* -- the disk -- */

static void store_member(struct dht_value_store *v, uint64_t seq, enum wire_member_status status,
                         uint64_t now_s)
{
    struct test_member m = store_member_at(now_s, seq);
    struct test_value value;

    m.expires_at = now_s + 86400;
    m.status = status;
    test_member_record(&m, &value);
    store_at(v, &value, now_s);
}

static void test_renewed_record_is_written_every_twenty_minutes(void **state)
{
    uint64_t deferred = rt_metric_get(RT_METRIC_DHT_SAVES_DEFERRED);
    struct dht_value_store *v = store_new();

    (void)state;
    store_member(v, 1, WIRE_MEMBER_JOINED, NOW_S);
    assert_int_equal(store_disk.puts, 1);
    for (uint32_t minute = 1; minute < 60; minute++) {
        store_member(v, 1 + minute, WIRE_MEMBER_JOINED, NOW_S + 60 * minute);
        assert_false(dht_value_store_save_due(v, NOW_S + 60 * minute, 10));
    }
    assert_int_equal(store_disk.puts, 3);
    assert_int_equal(rt_metric_get(RT_METRIC_DHT_SAVES_DEFERRED), deferred + 59);
    store_free(&v);
}

static void test_other_content_is_written_at_once(void **state)
{
    struct dht_value_store *v = store_new();

    (void)state;
    store_member(v, 1, WIRE_MEMBER_JOINED, NOW_S);
    store_member(v, 2, WIRE_MEMBER_JOINED, NOW_S + 1);
    assert_int_equal(store_disk.puts, 1);
    store_member(v, 3, WIRE_MEMBER_LEFT, NOW_S + 2);
    assert_int_equal(store_disk.puts, 2);
    dht_value_store_flush(v); /* no write is deferred any more */
    assert_int_equal(store_disk.puts, 2);
    store_member(v, 4, WIRE_MEMBER_LEFT, NOW_S + 3);
    dht_value_store_flush(v);
    assert_int_equal(store_disk.puts, 3);
    assert_int_equal(store_disk.last.is.event, 4);
    assert_int_equal(store_disk.last.is.expires_s, NOW_S + 3 + 86400);
    store_free(&v);
}

static void test_deferred_writes_in_bounded_steps(void **state)
{
    struct dht_value_store *v = store_new();
    struct test_value value;

    (void)state;
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 10; i++) {
            struct test_member m = store_member_at(NOW_S + round, 1);

            m.member = 10 + i;
            test_member_record(&m, &value);
            store_at(v, &value, NOW_S + round);
        }
    }
    assert_int_equal(store_disk.puts, 10);
    assert_false(dht_value_store_save_due(v, NOW_S + 2 * LIM_VALUE_SAVE_S - 1, 6));
    assert_true(dht_value_store_save_due(v, NOW_S + 2 * LIM_VALUE_SAVE_S, 6));
    assert_int_equal(store_disk.puts, 16);
    assert_false(dht_value_store_save_due(v, NOW_S + 2 * LIM_VALUE_SAVE_S, 6));
    assert_int_equal(store_disk.puts, 20);
    store_free(&v);
}

static void test_deferred_writes_do_not_wait_for_a_clock_set_back(void **state)
{
    struct dht_value_store *v = store_new();

    (void)state;
    store_member(v, 1, WIRE_MEMBER_JOINED, NOW_S);
    store_member(v, 2, WIRE_MEMBER_JOINED, NOW_S + 1);
    assert_false(dht_value_store_save_due(v, NOW_S - 10 * LIM_VALUE_SAVE_S, 1));
    assert_int_equal(store_disk.puts, 2);
    store_free(&v);
}

/* -- fresh values -- */

static bool take_fresh(struct dht_value_store *v, const struct test_value *expected, uint64_t now_s)
{
    struct dht_value out;
    bool is_same;

    if (!dht_value_store_take_fresh(v, now_s, &out))
        return false;
    is_same = out.value.len == expected->len &&
              memcmp(out.value.ptr, expected->bytes, expected->len) == 0;
    assert_int_equal(out.dialects, wire_value_dialects(out.kind, false));
    relay_slice_drop(&out.value);
    return is_same;
}

static void test_fresh_once_per_change_and_hour(void **state)
{
    struct test_share s = {.community = 1, .share = 4, .seq = 1, .updated_at = NOW_S};
    struct dht_value_store *v = store_new();
    struct test_value a, b;

    (void)state;
    test_share_record(&s, &a);
    s.seq = 2;
    test_share_record(&s, &b);
    assert_false(dht_value_store_next_fresh(v, NOW_S));
    store_at(v, &a, NOW_S);
    assert_true(dht_value_store_next_fresh(v, NOW_S));
    assert_true(take_fresh(v, &a, NOW_S + 10));
    assert_false(dht_value_store_next_fresh(v, NOW_S));
    assert_int_equal(dht_value_store_next_due(v), NOW_S + 10 + LIM_REPUBLISH_S);
    store_at(v, &a, NOW_S + 20); /* the same again is not new */
    store_at(v, &b, NOW_S + 30); /* this change has to wait */
    assert_false(dht_value_store_next_fresh(v, NOW_S));
    (void)dht_value_store_save_due(v, NOW_S + 9 + LIM_REPUBLISH_S, 10);
    assert_false(dht_value_store_next_fresh(v, NOW_S));
    (void)dht_value_store_save_due(v, NOW_S + 10 + LIM_REPUBLISH_S, 10);
    assert_true(take_fresh(v, &b, NOW_S + 10 + LIM_REPUBLISH_S));
    assert_false(take_fresh(v, &b, NOW_S + 10 + 3 * LIM_REPUBLISH_S));
    store_free(&v);
}

/* A network that stores many values does not delay those of another. A value moves to the network
 * that stores a newer version. */
static void test_fresh_values_in_turn(void **state)
{
    const struct dht_origin many = {.peer = 5, .net = 5}, other = {.peer = 6, .net = 6};
    struct test_share s = {.community = 1, .seq = 1, .updated_at = NOW_S};
    struct dht_value_store *v = store_new();
    struct test_value value[10], one, moved;

    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        s.share = 10 + i;
        test_share_record(&s, &value[i]);
        assert_int_equal(store_by(v, &value[i], 86400, &many, NOW_S), 0);
    }
    s.share = 30;
    test_share_record(&s, &one);
    assert_int_equal(store_by(v, &one, 86400, &other, NOW_S), 0);
    s.share = 19;
    s.seq = 2;
    test_share_record(&s, &moved);
    assert_true(take_fresh(v, &value[0], NOW_S));
    assert_int_equal(store_by(v, &moved, 86400, &other, NOW_S), 0);
    assert_true(take_fresh(v, &one, NOW_S));
    assert_true(take_fresh(v, &value[1], NOW_S));
    assert_true(take_fresh(v, &moved, NOW_S));
    for (uint32_t i = 2; i < 9; i++)
        assert_true(take_fresh(v, &value[i], NOW_S));
    assert_false(dht_value_store_next_fresh(v, NOW_S));
    assert_int_equal(store_by(v, &one, 86400, &many, NOW_S), 0);
    store_free(&v);
}

static void test_what_is_not_fresh(void **state)
{
    static const struct dht_origin ours = {0}, node = {.peer = 5, .net = 5, .is_push = true};
    struct wire_peer p = {.hop = test_hop(0x0b010203, 7001)};
    struct dht_value_store *v = store_new();
    struct dht_value out;
    struct test_value value;
    struct rt_sign_key k;

    (void)state;
    test_sign_key(6, &k);
    test_announcement_of(&k, &p, NOW_S, true, true, &value);
    store_at(v, &value, NOW_S);
    test_manifest(&k, 1, 5, &value);
    assert_int_equal(store_by(v, &value, 86400, &ours, NOW_S), 0);
    test_manifest(&k, 2, 5, &value);
    assert_int_equal(store_by(v, &value, 86400, &node, NOW_S), 0);
    assert_false(dht_value_store_next_fresh(v, NOW_S));
    test_manifest(&k, 3, 5, &value);
    store_at(v, &value, NOW_S);
    assert_true(dht_value_store_next_fresh(v, NOW_S));
    dht_value_store_expire(v, NOW_S + 30 * 3600, 10); /* a dropped value is not fresh */
    assert_false(dht_value_store_take_fresh(v, NOW_S + 30 * 3600, &out));
    store_free(&v);
}

/* Repeated STOREs of a client extend the TTL here, but not the TTL of the pushed copies. */
static void test_fresh_again_when_copies_have_expired(void **state)
{
    struct test_share s = {.community = 1, .share = 4, .seq = 1, .updated_at = NOW_S};
    struct dht_value_store *v = store_new();
    struct test_value value;

    (void)state;
    test_share_record(&s, &value);
    store_at(v, &value, NOW_S);
    assert_true(take_fresh(v, &value, NOW_S + 10));
    store_at(v, &value, NOW_S + 86400 - 10);
    store_at(v, &value, NOW_S + 86400 + 10); /* copies may be pushed a little later */
    (void)dht_value_store_save_due(v, NOW_S + 86400 + 10, 10);
    assert_false(dht_value_store_next_fresh(v, NOW_S + 86400 + 10));
    store_at(v, &value, NOW_S + 86400 + 120);
    assert_true(take_fresh(v, &value, NOW_S + 86400 + 130));
    (void)dht_value_store_save_due(v, NOW_S + 86400 + 130 + LIM_REPUBLISH_S, 10);
    store_at(v, &value, NOW_S + 2 * 86400);
    assert_false(dht_value_store_next_fresh(v, NOW_S + 2 * 86400));
    store_free(&v);
}

/* A push by a node that does not speak all accepting dialects does not defer our own push. */
static void test_pushes_of_one_dialect(void **state)
{
    const struct dht_origin node = {.peer = 5, .net = 5, .is_push = true},
                            of_b = {.peer = 6,
                                    .net = 6,
                                    .is_push = true,
                                    .unreached = WIRE_DIALECT_BIT(WIRE_DIALECT_C)},
                            of_c = {.peer = 7,
                                    .net = 7,
                                    .is_push = true,
                                    .unreached = WIRE_DIALECT_BIT(WIRE_DIALECT_A)};
    struct test_share s = {.community = 1, .share = 4, .seq = 1, .updated_at = NOW_S};
    struct dht_value_store *v = store_new();
    struct test_value value;

    (void)state;
    test_share_record(&s, &value); /* accepted in B and C */
    assert_int_equal(store_by(v, &value, 86400, &of_b, NOW_S), 0);
    assert_true(take_fresh(v, &value, NOW_S + 1));
    assert_int_equal(store_by(v, &value, 86400, &of_b, NOW_S + 100), 0);
    assert_false(dht_value_store_next_fresh(v, NOW_S));
    assert_int_equal(dht_value_store_next_due(v), NOW_S + 1 + LIM_REPUBLISH_S);
    assert_int_equal(store_by(v, &value, 86400, &node, NOW_S + 200), 0);
    assert_int_equal(dht_value_store_next_due(v), NOW_S + 200 + LIM_REPUBLISH_S);
    test_revocation(9, NOW_S, &value); /* accepted in C */
    assert_int_equal(store_by(v, &value, 86400, &of_c, NOW_S + 300), 0);
    assert_false(dht_value_store_next_fresh(v, NOW_S));
    store_free(&v);
}

static void unreached(struct dht_value_store *v, const struct test_value *value, uint64_t now_s)
{
    static const uint8_t no_sub[32];

    dht_value_store_unreached(v, value->key, no_sub, true, now_s);
}

static void test_unreached_values_are_fresh_again(void **state)
{
    uint64_t count = rt_metric_get(RT_METRIC_DHT_UNREACHED), again_s = NOW_S + LIM_PUSH_AGAIN_S;
    struct test_share s = {.community = 1, .share = 4, .seq = 1, .updated_at = NOW_S};
    struct dht_value_store *v = store_new();
    struct test_value a, b;

    (void)state;
    test_share_record(&s, &a);
    s.share = 5;
    test_share_record(&s, &b);
    store_at(v, &a, NOW_S);
    assert_true(take_fresh(v, &a, NOW_S));
    unreached(v, &a, NOW_S);
    assert_false(dht_value_store_next_fresh(v, again_s - 1));
    store_at(v, &b, again_s);
    assert_true(take_fresh(v, &b, again_s)); /* new ones first, once each */
    assert_true(take_fresh(v, &a, again_s));
    unreached(v, &a, again_s); /* the second retry waits for an hour */
    assert_int_equal(dht_value_store_next_due(v), NOW_S + LIM_REPUBLISH_S);
    (void)dht_value_store_save_due(v, again_s + LIM_REPUBLISH_S - 1, 10);
    assert_false(dht_value_store_next_fresh(v, again_s + LIM_REPUBLISH_S - 1));
    assert_true(take_fresh(v, &a, again_s + LIM_REPUBLISH_S));
    assert_false(dht_value_store_next_fresh(v, again_s + 5 * LIM_REPUBLISH_S)); /* a node took it */
    assert_int_equal(rt_metric_get(RT_METRIC_DHT_UNREACHED), count + 2);
    dht_value_store_expire(v, NOW_S + 30 * 3600, 10);
    unreached(v, &a, NOW_S + 30 * 3600); /* it has expired meanwhile */
    store_free(&v);
}

static void test_round_does_not_take_freshness(void **state)
{
    struct test_share s = {.community = 1, .share = 4, .seq = 5, .updated_at = NOW_S};
    struct dht_value_store *v = store_new();
    struct test_value value;
    struct dht_value out;

    (void)state;
    test_share_record(&s, &value);
    store_at(v, &value, NOW_S);
    assert_true(dht_value_store_take_due(v, NOW_S + LIM_REPUBLISH_S, &out));
    assert_true(dht_value_store_next_fresh(v, NOW_S + LIM_REPUBLISH_S));
    assert_true(dht_value_store_pushing(v, &out, NOW_S + LIM_REPUBLISH_S));
    assert_false(dht_value_store_next_fresh(v, NOW_S + LIM_REPUBLISH_S));
    assert_false(dht_value_store_pushing(v, &out, NOW_S + LIM_REPUBLISH_S));
    relay_slice_drop(&out.value);
    store_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_enter_change_and_leave),
        cmocka_unit_test(test_numbers_after_a_restart),
        cmocka_unit_test(test_row_under_another_key_is_refused),
        cmocka_unit_test(test_damaged_event_number_from_disk),
        cmocka_unit_test(test_full_community_evicts),
        cmocka_unit_test(test_random_operations_keep_index_and_store_equal),
        cmocka_unit_test(test_renewed_record_is_written_every_twenty_minutes),
        cmocka_unit_test(test_other_content_is_written_at_once),
        cmocka_unit_test(test_deferred_writes_in_bounded_steps),
        cmocka_unit_test(test_deferred_writes_do_not_wait_for_a_clock_set_back),
        cmocka_unit_test(test_fresh_once_per_change_and_hour),
        cmocka_unit_test(test_fresh_values_in_turn),
        cmocka_unit_test(test_what_is_not_fresh),
        cmocka_unit_test(test_fresh_again_when_copies_have_expired),
        cmocka_unit_test(test_pushes_of_one_dialect),
        cmocka_unit_test(test_unreached_values_are_fresh_again),
        cmocka_unit_test(test_round_does_not_take_freshness),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
