/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan, the value that stays:
 *  - a member's record by issued_at, then announce_seq;
 *  - a share's record by latest_seq, then updated_at; with equal signed bytes, the one with the
 *    texts of the held manifest, else the last write;
 *  - hints and pages by time, but never over our own;
 *  - rotations by sequence; the earliest revocation, for a week.
 * A hint and the CommunityMembers of the same key are both held, for different dialects. A revoked
 * relay's announcements are not returned, and a revocation is reported once.
 */
#include "dht/dht_limits.h"
#include "store.h"

/* Stores both in either order and checks that the winner is held. */
static void assert_wins(const struct test_value *winner, const struct test_value *other)
{
    for (int order = 0; order < 2; order++) {
        struct dht_value_store *v = store_new();

        store_at(v, order ? winner : other, NOW_S);
        store_at(v, order ? other : winner, NOW_S);
        assert_true(store_holds(v, winner));
        assert_int_equal(dht_value_store_count(v), 1);
        store_free(&v);
    }
}

static void test_member_by_time_then_sequence(void **state)
{
    struct test_member m = store_member_at(NOW_S - 60, 9), restarted = store_member_at(NOW_S, 1),
                       next = store_member_at(NOW_S, 2);
    struct test_value a, b, c;

    (void)state;
    test_member_record(&m, &a);
    test_member_record(&restarted, &b);
    test_member_record(&next, &c);
    assert_wins(&b, &a);
    assert_wins(&c, &b);
}

static void test_share_by_sequence_then_time(void **state)
{
    struct test_share s = {.community = 1, .share = 4, .seq = 5, .updated_at = NOW_S - 9};
    struct test_value a, b, c;

    (void)state;
    test_share_record(&s, &a);
    s.updated_at = NOW_S;
    test_share_record(&s, &b);
    s.seq = 6;
    s.updated_at = NOW_S - 99;
    test_share_record(&s, &c);
    assert_wins(&b, &a);
    assert_wins(&c, &b);
}

/* A manifest, and records of its share with the same signed bytes: with the texts of the manifest,
 * with another title, without a title. */
struct texts {
    struct test_value manifest, good, bad, worse;
};

static void make_texts(struct texts *out)
{
    struct test_share s = {.community = 1, .share = 4, .seq = 1, .updated_at = NOW_S};
    struct rt_sign_key k;

    test_sign_key(4, &k);
    test_manifest_with_id(&k, 1, 5, &out->manifest, s.manifest_id);
    s.title = "ttttt";
    test_share_record(&s, &out->good);
    s.title = "ttttu";
    test_share_record(&s, &out->bad);
    s.title = NULL;
    test_share_record(&s, &out->worse);
}

static void test_texts_of_the_held_manifest_stay(void **state)
{
    struct dht_value_store *v = store_new();
    struct texts t;

    (void)state;
    make_texts(&t);
    store_at(v, &t.good, NOW_S);
    store_at(v, &t.bad, NOW_S); /* without the manifest the last write wins */
    assert_true(store_holds(v, &t.bad));
    store_at(v, &t.manifest, NOW_S);
    store_at(v, &t.worse, NOW_S); /* neither has the manifest's texts */
    assert_true(store_holds(v, &t.worse));
    store_at(v, &t.good, NOW_S);
    store_at(v, &t.bad, NOW_S);
    store_at(v, &t.worse, NOW_S);
    assert_true(store_holds(v, &t.good));
    store_free(&v);
}

/* Nodes with different texts must not replace each other's texts endlessly. */
static void test_pushed_texts_replace_only_with_the_manifest(void **state)
{
    struct dht_origin node = {.peer = 5, .net = 5, .is_push = true};
    struct dht_value_store *v = store_new();
    struct texts t;

    (void)state;
    make_texts(&t);
    store_at(v, &t.bad, NOW_S);
    assert_int_equal(store_by(v, &t.good, 86400, &node, NOW_S), 0);
    assert_true(store_holds(v, &t.bad));
    store_at(v, &t.manifest, NOW_S);
    assert_int_equal(store_by(v, &t.worse, 86400, &node, NOW_S), 0);
    assert_true(store_holds(v, &t.bad));
    assert_int_equal(store_by(v, &t.good, 86400, &node, NOW_S), 0);
    assert_true(store_holds(v, &t.good));
    store_free(&v);
}

/* The texts of one signed record do not matter for another one. */
static void test_texts_of_another_record_do_not_count(void **state)
{
    struct test_share s = {.community = 1, .share = 4, .seq = 1, .updated_at = NOW_S};
    struct dht_value_store *v = store_new();
    struct test_value first, other;

    (void)state;
    test_share_record(&s, &first);
    s.manifest_id[3] = 1;
    test_share_record(&s, &other);
    store_at(v, &first, NOW_S);
    store_at(v, &other, NOW_S);
    assert_true(store_holds(v, &first));
    store_free(&v);
}

static void test_hints_and_pages_by_time_and_never_over_ours(void **state)
{
    static const struct dht_origin ours = {0};
    struct test_value old, newer;

    (void)state;
    for (enum wire_value_kind kind = WIRE_VALUE_COMMUNITY_HINT; kind <= WIRE_VALUE_SHARES_PAGE;
         kind++) {
        struct dht_value_store *v = store_new();

        if (kind == WIRE_VALUE_COMMUNITY_HINT) {
            test_hint(1, 2, 0, NOW_S - 1, &old);
            test_hint(1, 2, 0, NOW_S, &newer);
        } else {
            test_page(kind, 1, 0, 1, NOW_S - 1, &old);
            test_page(kind, 1, 0, 1, NOW_S, &newer);
        }
        assert_wins(&newer, &old);
        assert_int_equal(store_by(v, &old, 86400, &ours, NOW_S), 0);
        store_at(v, &newer, NOW_S);
        assert_true(store_holds(v, &old));
        assert_int_equal(store_by(v, &newer, 86400, &ours, NOW_S), 0);
        assert_true(store_holds(v, &newer));
        store_free(&v);
    }
}

static void test_rotation_by_sequence(void **state)
{
    struct dht_value_store *v = store_new();
    struct test_value a, b, c;

    (void)state;
    test_rotation(2, 3, 1, NOW_S, &a);
    test_rotation(2, 4, 2, NOW_S - 9, &b);
    test_rotation(2, 5, 2, NOW_S, &c);
    assert_wins(&b, &a);
    store_at(v, &b, NOW_S);
    store_at(v, &c, NOW_S); /* with the same sequence the first stays */
    assert_true(store_holds(v, &b));
    store_free(&v);
}

static void test_earliest_revocation_for_a_week(void **state)
{
    struct dht_origin node = {.peer = 5, .net = 5, .is_push = true};
    struct dht_value_store *v = store_new();
    struct test_value early, late;

    (void)state;
    test_revocation(2, NOW_S - 9, &early);
    test_revocation(2, NOW_S, &late);
    assert_wins(&early, &late);
    store_at(v, &early, NOW_S);
    assert_int_equal(store_left(v, WIRE_DIALECT_C, &early, NOW_S), LIM_VALUE_TTL_MAX_S);
    assert_int_equal(store_by(v, &late, 86400, &node, NOW_S + 1000), 0);
    assert_int_equal(store_left(v, WIRE_DIALECT_C, &early, NOW_S + 1000),
                     LIM_VALUE_TTL_MAX_S - 1000);
    store_at(v, &late, NOW_S + 1000);
    assert_int_equal(store_left(v, WIRE_DIALECT_C, &early, NOW_S + 1000), LIM_VALUE_TTL_MAX_S);
    store_free(&v);
}

static void test_pushed_revocation_keeps_its_ttl(void **state)
{
    struct dht_origin node = {.peer = 5, .net = 5, .is_push = true};
    struct dht_value_store *v = store_new();
    struct test_value r;

    (void)state;
    test_revocation(2, NOW_S, &r);
    assert_int_equal(store_by(v, &r, 100000, &node, NOW_S), 0);
    assert_int_equal(store_left(v, WIRE_DIALECT_C, &r, NOW_S), 100000);
    store_free(&v);
}

static void test_revoked_relay_is_not_returned(void **state)
{
    struct wire_peer p = {.hop = test_hop(0x0b010203, 7001)};
    struct dht_value_store *v = store_new();
    struct test_value a, r, earlier;
    struct relay_slice all[2];
    struct dht_value walked;
    struct rt_sign_key k;

    (void)state;
    test_sign_key(6, &k);
    test_announcement_of(&k, &p, NOW_S, true, true, &a);
    test_revocation(6, NOW_S, &r);
    test_revocation(6, NOW_S - 1, &earlier);
    store_at(v, &a, NOW_S);
    assert_true(store_holds(v, &a));
    store_at(v, &r, NOW_S);
    assert_int_equal(store_disk.revocations, 1);
    assert_true(dht_value_store_is_revoked(v, k.public_key, NOW_S));
    assert_false(store_holds(v, &a));
    assert_int_equal(dht_value_store_find_all(v, a.key, WIRE_DIALECT_C, 2, NOW_S, all), 0);
    dht_value_store_walk(v, 0, 255);
    while (dht_value_store_walk_next(v, &walked))
        assert_int_equal(walked.is_revoked, walked.kind == WIRE_VALUE_ANNOUNCEMENT);
    store_at(v, &r, NOW_S);
    assert_int_equal(store_disk.revocations, 1);
    store_at(v, &earlier, NOW_S);
    assert_int_equal(store_disk.revocations, 2);
    dht_value_store_expire(v, NOW_S + LIM_VALUE_TTL_MAX_S + 7200, 10);
    assert_false(dht_value_store_is_revoked(v, k.public_key, NOW_S));
    store_free(&v);
}

static void test_hint_beside_members(void **state)
{
    struct wire_peer p = {.hop = test_node(0x0b000001, 1)};
    struct dht_value_store *v = store_new();
    struct test_value hint, members;
    struct wire_writer w;
    uint8_t id[32];
    bool fits;

    (void)state;
    test_hint(1, 2, 0, NOW_S, &hint);
    test_community(1, id);
    wire_members_key(id, members.key);
    wire_writer_init(&w, members.bytes, sizeof(members.bytes));
    wire_write_members(&w, id, &p, 1, NOW_S);
    members.len = (uint32_t)wire_writer_len(&w, &fits);
    store_at(v, &hint, NOW_S);
    store_at(v, &members, NOW_S);
    store_at(v, &hint, NOW_S);
    assert_int_equal(dht_value_store_count(v), 2);
    assert_true(store_left(v, WIRE_DIALECT_A, &members, NOW_S) > 0);
    assert_true(store_left(v, WIRE_DIALECT_B, &hint, NOW_S) > 0);
    assert_true(store_left(v, WIRE_DIALECT_C, &hint, NOW_S) > 0);
    store_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_member_by_time_then_sequence),
        cmocka_unit_test(test_share_by_sequence_then_time),
        cmocka_unit_test(test_texts_of_the_held_manifest_stay),
        cmocka_unit_test(test_pushed_texts_replace_only_with_the_manifest),
        cmocka_unit_test(test_texts_of_another_record_do_not_count),
        cmocka_unit_test(test_hints_and_pages_by_time_and_never_over_ours),
        cmocka_unit_test(test_rotation_by_sequence),
        cmocka_unit_test(test_earliest_revocation_for_a_week),
        cmocka_unit_test(test_pushed_revocation_keeps_its_ttl),
        cmocka_unit_test(test_revoked_relay_is_not_returned),
        cmocka_unit_test(test_hint_beside_members),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
