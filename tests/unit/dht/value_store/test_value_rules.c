/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan, the value that stays, with real signatures:
 *  - Share heads: without a manifest that proves the share, the last write wins. With one, a head
 * with an invalid signature is refused, the higher (seq, time) stays, and a lower one changes
 * nothing. A manifest that arrives later drops an invalid head and keeps a valid one; so does a
 * loaded one when it is verified. The key stays known while a head or manifest proves it.
 *  - Manifests: the first stays.
 *  - Announcements: the newest of each relay; several under one key are returned in turn, live ones
 *    only. Past 32 or 64 KiB the oldest of the most crowded network is evicted. Each expires at its
 *    expires_at.
 *  - A value of another kind under the same key is never mixed in.
 */
#include "store.h"

#include "dht/dht_limits.h"
#include "wire_limits.h"

static const uint8_t no_sub[32];

static enum wire_refusal store_min_ttl_at(struct dht_value_store *v, const struct test_value *value,
                                          uint64_t now_s)
{
    return store_by(v, value, 0, &store_someone, now_s);
}

static enum wire_refusal store(struct dht_value_store *v, const struct test_value *value)
{
    return store_min_ttl_at(v, value, NOW_S);
}

static bool holds(struct dht_value_store *v, const struct test_value *value)
{
    return store_left(v, WIRE_DIALECT_A, value, NOW_S) > 0;
}

/* A head of the same share with an invalid signature. */
static void false_head(const struct rt_sign_key *share, uint64_t seq, struct test_value *out)
{
    test_head(share, seq, NOW_S, out);
    out->bytes[out->len - 1] ^= 1;
}

static void test_unknown_share_last_write_wins(void **state)
{
    struct dht_value_store *v = store_new();
    struct rt_sign_key k;
    struct test_value high, low, bad;

    (void)state;
    test_sign_key(1, &k);
    test_head(&k, 9, NOW_S, &high);
    test_head(&k, 2, NOW_S, &low);
    false_head(&k, UINT64_MAX, &bad);
    assert_int_equal(store(v, &high), 0);
    assert_int_equal(store(v, &bad), 0);
    assert_true(holds(v, &bad));
    assert_int_equal(store(v, &low), 0); /* an invalid head does not block others */
    assert_true(holds(v, &low));
    store_free(&v);
}

static void test_known_share_verifies_and_keeps_the_higher(void **state)
{
    struct dht_value_store *v = store_new();
    struct rt_sign_key k;
    struct test_value manifest, high, later, low, bad;

    (void)state;
    test_sign_key(1, &k);
    test_manifest(&k, 1, 10, &manifest);
    test_head(&k, 9, NOW_S, &high);
    test_head(&k, 9, NOW_S + 5, &later);
    test_head(&k, 8, NOW_S + 9, &low);
    false_head(&k, 10, &bad);
    assert_int_equal(store(v, &manifest), 0);
    assert_int_equal(store(v, &bad), WIRE_REFUSAL_STORE_VALUE);
    assert_int_equal(store(v, &high), 0);
    assert_int_equal(store(v, &low), 0); /* accepted, without a change */
    assert_true(holds(v, &high));
    assert_int_equal(store(v, &bad), WIRE_REFUSAL_STORE_VALUE);
    assert_int_equal(store(v, &later), 0);
    assert_true(holds(v, &later));
    assert_int_equal(store(v, &high), 0);
    assert_true(holds(v, &later));
    store_free(&v);
}

static void test_manifest_drops_a_false_head(void **state)
{
    struct dht_value_store *v = store_new();
    struct rt_sign_key k;
    struct test_value manifest, good, bad;

    (void)state;
    test_sign_key(1, &k);
    test_manifest(&k, 1, 10, &manifest);
    test_head(&k, 3, NOW_S, &good);
    false_head(&k, 99, &bad);
    assert_int_equal(store(v, &bad), 0);
    assert_int_equal(store(v, &manifest), 0);
    assert_false(holds(v, &bad));
    assert_int_equal(store(v, &good), 0);
    assert_true(holds(v, &good));
    store_free(&v);
    v = store_new();
    assert_int_equal(store(v, &good), 0);
    assert_int_equal(store(v, &manifest), 0);
    assert_true(holds(v, &good));
    assert_int_equal(store(v, &bad), WIRE_REFUSAL_STORE_VALUE);
    store_free(&v);
}

/* The manifest of one share proves nothing about another share. */
static void test_shares_do_not_mix(void **state)
{
    struct dht_value_store *v = store_new();
    struct rt_sign_key a, b;
    struct test_value manifest, bad;

    (void)state;
    test_sign_key(1, &a);
    test_sign_key(2, &b);
    test_manifest(&a, 1, 10, &manifest);
    false_head(&b, 4, &bad);
    assert_int_equal(store(v, &manifest), 0);
    assert_int_equal(store(v, &bad), 0);
    assert_true(holds(v, &bad));
    store_free(&v);
}

static void test_manifest_of_another_signer_proves_nothing(void **state)
{
    struct dht_value_store *v = store_new();
    struct rt_sign_key a, b;
    struct test_value manifest, good, bad;

    (void)state;
    test_sign_key(1, &a);
    test_sign_key(2, &b);
    test_manifest_by(&a, &b, 1, 10, &manifest);
    test_head(&a, 3, NOW_S, &good);
    false_head(&a, 99, &bad);
    assert_int_equal(store(v, &manifest), 0);
    assert_int_equal(store(v, &bad), 0);
    assert_int_equal(store(v, &good), 0);
    assert_true(holds(v, &good));
    store_free(&v);
}

/* A verified head keeps the key known after the manifest is dropped. */
static void test_key_outlives_its_manifest(void **state)
{
    struct dht_value_store *v = store_new();
    uint64_t later = NOW_S + LIM_VALUE_TTL_MIN_S - 100, end = NOW_S + LIM_VALUE_TTL_MIN_S + 3600;
    struct rt_sign_key k;
    struct test_value manifest, good, bad;
    struct relay_slice got;
    uint64_t ttl;

    (void)state;
    test_sign_key(1, &k);
    test_manifest(&k, 1, 10, &manifest);
    test_head(&k, 3, NOW_S, &good);
    false_head(&k, 99, &bad);
    assert_int_equal(store(v, &manifest), 0);
    assert_int_equal(store_min_ttl_at(v, &good, later), 0);
    dht_value_store_expire(v, end, 10);
    assert_false(dht_value_store_find(v, manifest.key, WIRE_DIALECT_A, end, &got, &ttl));
    assert_int_equal(store_min_ttl_at(v, &bad, end), WIRE_REFUSAL_STORE_VALUE);
    dht_value_store_expire(v, end + LIM_VALUE_TTL_MIN_S, 10);
    assert_int_equal(store_min_ttl_at(v, &bad, end + LIM_VALUE_TTL_MIN_S),
                     0); /* the key is not known any more */
    store_free(&v);
}

static void test_loaded_manifest_proves_after_verification(void **state)
{
    struct dht_value_store *v = store_new();
    struct rt_sign_key k;
    struct test_value manifest, bad, forged;

    (void)state;
    test_sign_key(1, &k);
    test_manifest(&k, 1, 10, &manifest);
    test_manifest(&k, 2, 10, &forged);
    false_head(&k, 99, &bad);
    forged.key[0] ^= 1; /* a changed row */
    assert_true(dht_value_store_load(v, manifest.key, no_sub, manifest.bytes, manifest.len,
                                     NOW_S + 9, 0, &store_someone, NOW_S));
    assert_true(dht_value_store_load(v, forged.key, no_sub, forged.bytes, forged.len, NOW_S + 9, 0,
                                     &store_someone, NOW_S));
    assert_true(dht_value_store_load(v, bad.key, no_sub, bad.bytes, bad.len, NOW_S + 9, 0,
                                     &store_someone, NOW_S));
    assert_true(dht_value_store_prove(v, 1, NOW_S));
    assert_false(dht_value_store_prove(v, 5, NOW_S));
    assert_false(holds(v, &bad));
    assert_false(holds(v, &forged));
    assert_true(holds(v, &manifest));
    assert_int_equal(store(v, &bad), WIRE_REFUSAL_STORE_VALUE);
    store_free(&v);
}

static void test_manifest_stays_the_first(void **state)
{
    struct dht_value_store *v = store_new();
    struct rt_sign_key k;
    struct test_value manifest;
    struct relay_slice a, b;
    uint64_t ttl;

    (void)state;
    test_sign_key(1, &k);
    test_manifest(&k, 1, 10, &manifest);
    assert_int_equal(store(v, &manifest), 0);
    assert_true(dht_value_store_find(v, manifest.key, WIRE_DIALECT_A, NOW_S, &a, &ttl));
    assert_int_equal(store_min_ttl_at(v, &manifest, NOW_S + 500), 0);
    assert_true(dht_value_store_find(v, manifest.key, WIRE_DIALECT_A, NOW_S + 500, &b, &ttl));
    assert_ptr_equal(a.ptr, b.ptr);
    assert_int_equal(ttl, LIM_VALUE_TTL_MIN_S); /* its life is */
    relay_slice_drop(&a);
    relay_slice_drop(&b);
    store_free(&v);
}

/* -- announcements -- */

#define SLOT_TRIES 4000u

/* Relay n's announcement under `key`, which is taken from the first one. */
static bool announce(uint32_t n, uint32_t ip, uint64_t issued_at, const uint8_t *key, uint32_t fat,
                     struct test_value *out)
{
    struct wire_peer p[12];
    struct rt_sign_key k;

    for (uint32_t i = 0; i < 12; i++)
        p[i] = (struct wire_peer){.hop = test_node(ip, 9)};
    test_sign_key(n, &k);
    for (uint8_t which = 0; which < 2; which++) {
        test_announcement(&k, p, fat, issued_at, which, 0, out);
        if (!key || memcmp(key, out->key, 32) == 0)
            return true;
    }
    return false;
}

static void test_one_announcement_per_relay_the_newest(void **state)
{
    struct dht_value_store *v = store_new();
    struct test_value old, newer;

    (void)state;
    assert_true(announce(1, 0x0b000001, NOW_S, NULL, 1, &old));
    assert_true(announce(1, 0x0b000001, NOW_S + 60, old.key, 2, &newer));
    assert_int_equal(store(v, &newer), 0);
    assert_int_equal(store(v, &old), 0);
    assert_true(holds(v, &newer));
    assert_int_equal(dht_value_store_count(v), 1);
    store_free(&v);
}

static void test_announcements_in_turn(void **state)
{
    struct dht_value_store *v = store_new();
    struct test_value a[5];
    uint32_t seen[5] = {0}, count = 0;
    struct relay_slice all[10];

    (void)state;
    assert_true(announce(0, 0x0b000001, NOW_S, NULL, 1, &a[0]));
    for (uint32_t n = 1; count < 4 && n < SLOT_TRIES; n++)
        count += announce(n, 0x0b000001 + (n << 8), NOW_S, a[0].key, 1, &a[count + 1]);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(store(v, &a[i]), 0);
    for (uint32_t served = 0; served < 15; served++) {
        uint32_t which = 0;
        struct relay_slice got;
        uint64_t ttl;

        assert_true(dht_value_store_find(v, a[0].key, WIRE_DIALECT_A, NOW_S, &got, &ttl));
        while (which < 5 &&
               (got.len != a[which].len || memcmp(got.ptr, a[which].bytes, got.len) != 0))
            which++;
        assert_true(which < 5);
        assert_int_equal(seen[which]++, served / 5);
        relay_slice_drop(&got);
    }
    assert_int_equal(dht_value_store_find_all(v, a[0].key, WIRE_DIALECT_A, 10, NOW_S, all), 5);
    for (uint32_t i = 0; i < 5; i++)
        relay_slice_drop(&all[i]);
    assert_int_equal(dht_value_store_find_all(v, a[0].key, WIRE_DIALECT_A, 3, NOW_S, all), 3);
    for (uint32_t i = 0; i < 3; i++)
        relay_slice_drop(&all[i]);
    store_free(&v);
}

/* A client that asks several nodes for one key gets several relays. */
static void test_each_node_begins_with_another_announcement(void **state)
{
    bool is_first[5] = {false};
    struct test_value a[5];
    uint32_t count = 0, firsts = 0;

    (void)state;
    assert_true(announce(0, 0x0b000001, NOW_S, NULL, 1, &a[0]));
    for (uint32_t n = 1; count < 4 && n < SLOT_TRIES; n++)
        count += announce(n, 0x0b000001 + (n << 8), NOW_S, a[0].key, 1, &a[count + 1]);
    for (int node = 0; node < 20; node++) {
        struct dht_value_store *v = store_new();
        struct relay_slice got;
        uint64_t ttl;

        for (uint32_t i = 0; i < 5; i++)
            assert_int_equal(store(v, &a[i]), 0);
        assert_true(dht_value_store_find(v, a[0].key, WIRE_DIALECT_A, NOW_S, &got, &ttl));
        for (uint32_t i = 0; i < 5; i++) {
            if (got.len == a[i].len && memcmp(got.ptr, a[i].bytes, got.len) == 0 && !is_first[i])
                is_first[i] = ++firsts > 0;
        }
        relay_slice_drop(&got);
        store_free(&v);
    }
    assert_true(firsts >= 4);
}

static void test_announcements_expire_at_their_time(void **state)
{
    struct dht_value_store *v = store_new();
    struct test_value a;
    struct relay_slice got;
    uint64_t ttl;

    (void)state;
    assert_true(announce(1, 0x0b000001, NOW_S, NULL, 1, &a));
    assert_int_equal(store(v, &a), 0);
    assert_true(
        dht_value_store_find(v, a.key, WIRE_DIALECT_A, NOW_S + LIM_ANNOUNCEMENT_S - 1, &got, &ttl));
    relay_slice_drop(&got);
    assert_int_equal(ttl, 1);
    assert_false(
        dht_value_store_find(v, a.key, WIRE_DIALECT_A, NOW_S + LIM_ANNOUNCEMENT_S, &got, &ttl));
    store_free(&v);
}

static uint32_t bytes_under(const struct dht_value_store *v, const uint8_t key[32],
                            uint32_t *out_count)
{
    struct relay_slice all[64];
    uint32_t bytes = 0,
             count = dht_value_store_find_all(v, key, WIRE_DIALECT_A, 64, NOW_S + 60, all);

    for (uint32_t i = 0; i < count; i++) {
        bytes += all[i].len;
        relay_slice_drop(&all[i]);
    }
    *out_count = count;
    return bytes;
}

/* 200 relays of one /24, and then 40 of different networks, are stored under one key. */
static void crowd(uint32_t fat, uint32_t *out_count, uint32_t *out_bytes, uint32_t *out_honest)
{
    struct dht_value_store *v = store_new();
    struct test_value first, a;
    uint32_t stored = 0, honest = 0;

    assert_true(announce(0, 0x0c000001, NOW_S, NULL, 1, &first));
    assert_int_equal(store(v, &first), 0);
    for (uint32_t n = 1; stored < 200 && n < SLOT_TRIES; n++) {
        if (!announce(n, 0x0b000001, NOW_S + n % 50, first.key, fat, &a))
            continue;
        stored++;
        (void)store_min_ttl_at(v, &a, NOW_S + 60);
        *out_bytes = bytes_under(v, first.key, out_count);
        assert_true(*out_count <= LIM_ANNOUNCEMENTS_PER_KEY);
        assert_true(*out_bytes <= LIM_ANNOUNCEMENT_BYTES_PER_KEY);
    }

    for (uint32_t n = SLOT_TRIES, tried = 0; tried < 20; n++) {
        if (!announce(n, 0x0d000001 + (n << 8), NOW_S, first.key, fat, &a))
            continue;
        tried++;
        honest += store_min_ttl_at(v, &a, NOW_S + 60) == WIRE_REFUSAL_NONE;
    }
    *out_bytes = bytes_under(v, first.key, out_count);
    *out_honest = honest;
    store_free(&v);
}

static void test_announcements_bounded_and_shared_by_network(void **state)
{
    uint32_t count, bytes, honest;

    (void)state;
    crowd(1, &count, &bytes, &honest);
    assert_int_equal(count, LIM_ANNOUNCEMENTS_PER_KEY);
    assert_int_equal(honest, 20);
    crowd(12, &count, &bytes, &honest);
    assert_true(bytes <= LIM_ANNOUNCEMENT_BYTES_PER_KEY);
    assert_int_equal(honest, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_share_last_write_wins),
        cmocka_unit_test(test_known_share_verifies_and_keeps_the_higher),
        cmocka_unit_test(test_manifest_drops_a_false_head),
        cmocka_unit_test(test_shares_do_not_mix),
        cmocka_unit_test(test_manifest_of_another_signer_proves_nothing),
        cmocka_unit_test(test_key_outlives_its_manifest),
        cmocka_unit_test(test_loaded_manifest_proves_after_verification),
        cmocka_unit_test(test_manifest_stays_the_first),
        cmocka_unit_test(test_one_announcement_per_relay_the_newest),
        cmocka_unit_test(test_announcements_in_turn),
        cmocka_unit_test(test_each_node_begins_with_another_announcement),
        cmocka_unit_test(test_announcements_expire_at_their_time),
        cmocka_unit_test(test_announcements_bounded_and_shared_by_network),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
