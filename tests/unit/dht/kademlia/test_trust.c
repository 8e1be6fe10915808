/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a chain of every length up to the limit is sound, and all its keys are accepted. One more
 * rotation voids the chain, and so does a cycle of any length. Of several rotations of one key the
 * higher sequence counts, then the later time, then the larger key. The losing branch is dropped,
 * also on disk. Two chains can share keys. Records with a wrong signature, from the future,
 * malformed, or of keys in no chain change nothing. A revoked key anywhere voids the chain, before
 * or after rotations arrive, and later rotations do not change that. A configured key follows no
 * chain, and its revocation is reported. Order of records, disk, look-ups and full size are in
 * test_trust_order.c.
 */
#include "unit/dht/trust_support.h"

#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "wire_limits.h"

/* -- chains -- */

static void test_chains_of_every_length(void **state)
{
    struct dht_trust *t = trust_pinned();
    uint64_t refused = rt_metric_get(RT_METRIC_DHT_CHAINS_TOO_LONG);

    (void)state;
    for (uint32_t links = 0; links <= LIM_ROTATIONS_MAX; links++) {
        trust_expect_accepted(t, FIRST(links + 1));
        assert_memory_equal(dht_trust_newest(t, trust_pub(0)), trust_pub(links), 32);
        assert_int_equal(dht_trust_count(t), links + 1);
        assert_int_equal(trust_seen.rows, links);
        assert_int_equal(trust_seen.judged, links); /* each successor is reported once */
        if (links > 0)
            assert_memory_equal(trust_seen.key, trust_pub(links), 32);
        assert_true(trust_note(t, trust_rotation(links, links + 1, 1)));
    }
    trust_expect_void(t, DHT_TRUST_TOO_LONG);
    assert_int_equal(trust_seen.verdict, DHT_TRUST_TOO_LONG);
    assert_int_equal(rt_metric_get(RT_METRIC_DHT_CHAINS_TOO_LONG), refused + 1);
    assert_int_equal(dht_trust_count(t), LIM_ROTATIONS_MAX + 1);
    assert_false(trust_note(t, trust_rotation(17, 18, 1))); /* a key past the end is in no chain */
    assert_true(trust_note(t, trust_rotation(3, 20, 2)));   /* a shorter branch */
    trust_expect_accepted(t, FIRST(4) | BIT(20));
    assert_int_equal(dht_trust_count(t), 5);
    assert_int_equal(trust_seen.rows, 4);
    dht_trust_free(&t);
}

static void test_cycles(void **state)
{
    (void)state;
    for (uint32_t length = 2; length <= LIM_ROTATIONS_MAX + 1; length += 3) {
        for (uint32_t back = 0; back + 1 < length; back += 2) {
            struct dht_trust *t = trust_pinned();

            for (uint32_t i = 0; i + 1 < length; i++)
                assert_true(trust_note(t, trust_rotation(i, i + 1, 1)));
            trust_expect_accepted(t, FIRST(length));
            assert_true(trust_note(t, trust_rotation(length - 1, back, 1)));
            trust_expect_void(t, DHT_TRUST_TOO_LONG);
            assert_true(trust_note(t, trust_rotation(length - 1, TRUST_KEYS - 1, 2)));
            if (length <= LIM_ROTATIONS_MAX) /* a rotation out of the cycle */
                trust_expect_accepted(t, FIRST(length) | BIT(TRUST_KEYS - 1));
            dht_trust_free(&t);
        }
    }
}

static void test_of_several_rotations_one_counts(void **state)
{
    struct dht_trust *t = trust_pinned();
    uint32_t large = memcmp(trust_pub(3), trust_pub(4), 32) > 0 ? 3 : 4, small = 7 - large;

    (void)state;
    assert_true(trust_note(t, trust_rotation(0, 1, 5)));
    assert_true(trust_note(t, trust_rotation(1, 10, 1)));
    assert_true(trust_note(t, trust_revocation(10)));
    assert_int_equal(trust_seen.rows, 3);
    assert_false(trust_note(t, trust_rotation(0, 2, 4))); /* a lower sequence */
    assert_false(trust_note(t, trust_rotation(0, 1, 5))); /* the same */
    trust_expect_void(t, DHT_TRUST_REVOKED);
    assert_true(trust_note(t, trust_rotation(0, 2, 6)));
    trust_expect_accepted(t, BIT(0) | BIT(2));
    assert_int_equal(trust_seen.verdict, DHT_TRUST_SOUND);
    assert_int_equal(dht_trust_count(t), 2); /* 1 and 10 are dropped */
    assert_int_equal(trust_seen.rows, 1);
    assert_false(trust_note(t, trust_revocation(1)));
    assert_true(trust_note(t, trust_rotation_at(0, small, 6, NOW_S + 1)));
    assert_false(trust_note(t, trust_rotation_at(0, 5, 6, NOW_S)));
    assert_true(trust_note(t, trust_rotation_at(0, large, 6, NOW_S + 1)));
    assert_false(trust_note(t, trust_rotation_at(0, small, 6, NOW_S + 1)));
    trust_expect_accepted(t, BIT(0) | BIT(large));
    dht_trust_free(&t);
}

static void test_two_chains_share_keys(void **state)
{
    struct dht_trust *t = trust_pinned();

    (void)state;
    dht_trust_add(t, trust_pub(2), true);
    assert_true(trust_note(t, trust_rotation(2, 3, 1)));
    assert_true(trust_note(t, trust_rotation(0, 1, 1)));
    assert_true(trust_note(t, trust_rotation(1, 2, 1)));
    trust_expect_accepted(t, FIRST(4));
    assert_int_equal(dht_trust_count(t), 4);
    assert_false(dht_trust_accepts(t, trust_pub(2), trust_pub(1)));
    assert_true(trust_note(t, trust_revocation(3)));
    trust_expect_void(t, DHT_TRUST_REVOKED);
    assert_int_equal(dht_trust_verdict(t, trust_pub(2)), DHT_TRUST_REVOKED);
    assert_true(trust_note(t, trust_rotation(1, 4, 2))); /* the first leaves the second's keys */
    trust_expect_accepted(t, FIRST(2) | BIT(4));
    assert_int_equal(dht_trust_verdict(t, trust_pub(2)), DHT_TRUST_REVOKED);
    assert_int_equal(trust_seen.rows, 4);
    dht_trust_free(&t);
}

/* -- invalid records -- */

static void expect_ignored(struct dht_trust *t, const struct wire_rotation *r)
{
    assert_false(trust_note(t, trust_encode_rotation(r)));
    trust_expect_accepted(t, BIT(0));
}

static void test_rotations_that_do_not_hold(void **state)
{
    struct dht_trust *t = trust_pinned();
    const struct wire_rotation good = trust_signed_rotation(0, 1, 1, NOW_S);
    struct wire_rotation r = good;
    uint8_t identity_point[32] = {1};

    (void)state;
    r.old_key_signature[7] ^= 1;
    expect_ignored(t, &r);
    r = good;
    r.new_key_signature[7] ^= 1;
    expect_ignored(t, &r);
    r = good;
    memcpy(r.new_key_signature, r.old_key_signature, 64); /* only the old key signs */
    expect_ignored(t, &r);
    r = good;
    memcpy(r.old_key_signature, r.new_key_signature, 64); /* only the new key signs */
    expect_ignored(t, &r);
    r = good;
    r.rotation_seq++;
    expect_ignored(t, &r);
    r = good;
    memcpy(r.new_pubkey, trust_pub(2), 32);
    expect_ignored(t, &r);
    r = good; /* a key of small order, for which anyone can sign: strict verification refuses it */
    memcpy(r.new_pubkey, identity_point, 32);
    memset(r.new_key_signature, 0, 64);
    r.new_key_signature[0] = 1;
    expect_ignored(t, &r);
    r = trust_signed_rotation(0, 0, 1, NOW_S);
    expect_ignored(t, &r);
    r = trust_signed_rotation(0, 1, 1, NOW_S + LIM_HELLO_SKEW_S + 1);
    expect_ignored(t, &r);
    r = trust_signed_rotation(2, 1, 1, NOW_S); /* of a key in no chain */
    expect_ignored(t, &r);
    assert_int_equal(trust_seen.rows, 0);
    assert_true(trust_note(t, trust_rotation_at(0, 1, 1, NOW_S + LIM_HELLO_SKEW_S)));
    dht_trust_free(&t);
}

static void test_revocations_that_do_not_hold(void **state)
{
    struct dht_trust *t = trust_pinned();
    struct wire_revocation r = trust_signed_revocation(0, NOW_S);

    (void)state;
    r.signature[0] ^= 1;
    assert_false(trust_note(t, trust_encode_revocation(&r)));
    r = trust_signed_revocation(1, NOW_S); /* by another key than the one it names */
    memcpy(r.pubkey, trust_pub(0), 32);
    assert_false(trust_note(t, trust_encode_revocation(&r)));
    assert_false(trust_note(t, trust_revocation_at(0, NOW_S + LIM_HELLO_SKEW_S + 1)));
    assert_false(trust_note(t, trust_revocation(1)));
    trust_expect_accepted(t, BIT(0));
    assert_int_equal(trust_seen.rows + trust_seen.judged, 0);
    assert_true(trust_note(t, trust_revocation_at(0, 0)));
    trust_expect_void(t, DHT_TRUST_REVOKED);
    dht_trust_free(&t);
}

static void test_bytes_that_are_no_record(void **state)
{
    struct dht_trust *t = trust_pinned();
    struct trust_record r = trust_rotation(0, 1, 1);
    static uint8_t large[LIM_VALUE_MAX + 1];

    (void)state;
    assert_false(dht_trust_note(t, r.bytes, 0, NOW_S));
    for (uint32_t len = 1; len < r.len; len++)
        assert_false(dht_trust_note(t, r.bytes, len, NOW_S));
    memcpy(large, r.bytes, r.len);
    assert_false(dht_trust_note(t, large, sizeof(large), NOW_S));
    for (int i = 0; i < 2000; i++) {
        struct trust_record odd = r;

        odd.bytes[test_random(&trust_rng) % r.len] ^= (uint8_t)(1u << test_random(&trust_rng) % 8);
        (void)trust_note(t, odd); /* the encoding of the map is not signed and may differ */
    }
    assert_int_equal(dht_trust_verdict(t, trust_pub(0)), DHT_TRUST_SOUND);
    for (uint32_t i = 2; i < TRUST_KEYS; i++)
        assert_false(dht_trust_accepts(t, trust_pub(0), trust_pub(i)));
    dht_trust_free(&t);
}

/* -- revocation -- */

static void test_a_revoked_key_anywhere_voids_the_chain(void **state)
{
    (void)state;
    for (uint32_t revoked = 0; revoked < 5; revoked++) {
        struct dht_trust *after = trust_pinned(), *before;

        for (uint32_t i = 0; i < 4; i++)
            assert_true(trust_note(after, trust_rotation(i, i + 1, 1)));
        assert_true(trust_note(after, trust_revocation(revoked)));
        trust_expect_void(after, DHT_TRUST_REVOKED);
        assert_memory_equal(trust_seen.root, trust_pub(0), 32);
        assert_memory_equal(trust_seen.key, trust_pub(revoked), 32);
        assert_int_equal(trust_seen.judged, 5);
        assert_true(
            trust_note(after, trust_rotation(4, 5, 1))); /* void already: nothing to report */
        assert_int_equal(trust_seen.judged, 5);
        dht_trust_free(&after);

        before = trust_pinned();
        for (uint32_t i = 0; i < 5; i++) {
            if (i == revoked)
                assert_true(trust_note(before, trust_revocation(revoked)));
            if (i < 4)
                assert_true(trust_note(before, trust_rotation(i, i + 1, 1)));
        }
        trust_expect_void(before, DHT_TRUST_REVOKED);
        assert_memory_equal(trust_seen.key, trust_pub(revoked), 32);
        assert_int_equal(trust_seen.judged, revoked + 1);
        dht_trust_free(&before);
    }
}

static void test_rotation_with_a_stolen_key_after_the_revocation(void **state)
{
    struct dht_trust *t = trust_pinned();

    (void)state;
    assert_true(trust_note(t, trust_rotation(0, 1, 1)));
    assert_true(trust_note(t, trust_revocation(1))); /* the owner's */
    assert_true(trust_note(t, trust_rotation_at(1, 2, UINT64_MAX, NOW_S + 10)));
    trust_expect_void(t, DHT_TRUST_REVOKED);
    assert_true(trust_note(t, trust_rotation(2, 3, 1)));
    trust_expect_void(t, DHT_TRUST_REVOKED);
    assert_true(trust_note(t, trust_revocation_at(1, NOW_S - 10))); /* the earliest stays */
    assert_false(trust_note(t, trust_revocation_at(1, NOW_S)));
    trust_expect_void(t, DHT_TRUST_REVOKED);
    dht_trust_free(&t);
}

static void test_written_keys(void **state)
{
    struct dht_trust *t = trust_empty();

    (void)state;
    dht_trust_add(t, trust_pub(0), false);
    dht_trust_begin(t);
    assert_true(trust_note(t, trust_rotation(0, 1, 1)));
    trust_expect_accepted(t, BIT(0));
    assert_int_equal(dht_trust_count(t), 1);
    assert_int_equal(trust_seen.judged, 0);
    assert_true(trust_note(t, trust_revocation(0)));
    assert_int_equal(trust_seen.judged, 1);
    assert_int_equal(trust_seen.verdict, DHT_TRUST_REVOKED);
    dht_trust_add(t, trust_pub(0), true); /* pinned for another entry, too: follows its chain */
    assert_int_equal(dht_trust_count(t), 2);
    dht_trust_add(t, trust_pub(0), false);
    assert_int_equal(dht_trust_count(t), 2);
    dht_trust_free(&t);
}

static void test_a_key_that_is_no_root(void **state)
{
    struct dht_trust *t = trust_pinned();

    (void)state;
    assert_true(trust_note(t, trust_rotation(0, 1, 1)));
    assert_false(dht_trust_accepts(t, trust_pub(1), trust_pub(1)));
    assert_int_equal(dht_trust_verdict(t, trust_pub(1)), DHT_TRUST_SOUND);
    assert_ptr_equal(dht_trust_newest(t, trust_pub(1)), trust_pub(1));
    dht_trust_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains_of_every_length),
        cmocka_unit_test(test_cycles),
        cmocka_unit_test(test_of_several_rotations_one_counts),
        cmocka_unit_test(test_two_chains_share_keys),
        cmocka_unit_test(test_rotations_that_do_not_hold),
        cmocka_unit_test(test_revocations_that_do_not_hold),
        cmocka_unit_test(test_bytes_that_are_no_record),
        cmocka_unit_test(test_a_revoked_key_anywhere_voids_the_chain),
        cmocka_unit_test(test_rotation_with_a_stolen_key_after_the_revocation),
        cmocka_unit_test(test_written_keys),
        cmocka_unit_test(test_a_key_that_is_no_root),
    };

    return cmocka_run_group_tests(tests, trust_setup, NULL);
}
