/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: values come back as they were stored, with the time they have left; TTLs are raised and cut
 * to the protocol's bounds; what expires is neither found nor kept; a lower rank changes nothing, a
 * higher one replaces; count and byte limits refuse and free up again; a seeded run of random
 * operations is compared with a naive table. value_check: one good value of each kind passes under
 * its own key only, and is refused when any part of it is not its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/limits.h"
#include "crypto/crypto.h"
#include "dht/values.h"
#include "wire_announce.h"

static const uint8_t hash_key[16] = "dht-values-test";
static const struct dht_rank head = {.kind = WIRE_VALUE_SHARE_HEAD};

static struct dht_values *values_new(uint32_t count, uint64_t bytes)
{
    struct dht_values_limits limits = {count, bytes};

    rt_budget_configure(512u << 20);
    return dht_values_new(&limits, hash_key);
}

static void key_of(uint32_t n, uint8_t out[32])
{
    memset(out, 0x11, 32);
    memcpy(out, &n, sizeof(n));
}

static void test_found_as_stored_with_time_left(void **state)
{
    struct dht_values *v = values_new(10, 1000);
    uint8_t k[32];
    struct relay_slice got = {0};
    uint64_t ttl = 0;

    (void)state;
    key_of(1, k);
    assert_false(dht_values_find(v, k, 100, &got, &ttl));
    assert_int_equal(dht_values_store(v, k, &head, (const uint8_t *)"abc", 3, 100000, 100), 0);
    assert_true(dht_values_find(v, k, 150, &got, &ttl));
    assert_int_equal(got.len, 3);
    assert_memory_equal(got.ptr, "abc", 3);
    assert_int_equal(ttl, 100000 - 50);
    dht_values_free(&v);
    assert_memory_equal(got.ptr, "abc", 3);
    relay_slice_drop(&got);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_ttl_bounds_and_expiry(void **state)
{
    struct dht_values *v = values_new(10, 1000);
    uint8_t k[32], k2[32];
    struct relay_slice got;
    uint64_t ttl;

    (void)state;
    key_of(1, k);
    key_of(2, k2);
    dht_values_store(v, k, &head, (const uint8_t *)"a", 1, 1, 1000);
    dht_values_store(v, k2, &head, (const uint8_t *)"b", 1, UINT64_MAX, 1000);
    assert_true(dht_values_find(v, k, 1000, &got, &ttl));
    relay_slice_drop(&got);
    assert_int_equal(ttl, LIM_VALUE_TTL_MIN_S);
    assert_true(dht_values_find(v, k2, 1000, &got, &ttl));
    relay_slice_drop(&got);
    assert_int_equal(ttl, LIM_VALUE_TTL_MAX_S);
    assert_true(dht_values_find(v, k, 999 + LIM_VALUE_TTL_MIN_S, &got, &ttl));
    relay_slice_drop(&got);
    assert_false(dht_values_find(v, k, 1000 + LIM_VALUE_TTL_MIN_S, &got, &ttl));
    dht_values_expire(v, 1000 + LIM_VALUE_TTL_MIN_S + 3600);
    assert_int_equal(dht_values_count(v), 1);
    dht_values_expire(v, 1000 + LIM_VALUE_TTL_MAX_S + 3600);
    assert_int_equal(dht_values_count(v), 0);
    assert_int_equal(dht_values_bytes(v), 0);
    dht_values_free(&v);
}

static void test_rank_decides(void **state)
{
    struct dht_values *v = values_new(10, 1000);
    struct dht_rank old = {WIRE_VALUE_ANNOUNCEMENT, 5, 0}, newer = {WIRE_VALUE_ANNOUNCEMENT, 6, 0};
    uint8_t k[32];
    struct relay_slice got;
    uint64_t ttl;

    (void)state;
    key_of(1, k);
    dht_values_store(v, k, &newer, (const uint8_t *)"new", 3, 0, 10);
    assert_int_equal(dht_values_store(v, k, &old, (const uint8_t *)"old", 3, 0, 10), 0);
    assert_true(dht_values_find(v, k, 10, &got, &ttl));
    assert_memory_equal(got.ptr, "new", 3);
    relay_slice_drop(&got);
    newer.first = 7;
    dht_values_store(v, k, &newer, (const uint8_t *)"newest", 6, 0, 10);
    assert_true(dht_values_find(v, k, 10, &got, &ttl));
    assert_int_equal(got.len, 6);
    relay_slice_drop(&got);
    /* what has expired ranks below everything */
    assert_int_equal(
        dht_values_store(v, k, &old, (const uint8_t *)"old", 3, 0, 20 + LIM_VALUE_TTL_MIN_S), 0);
    assert_true(dht_values_find(v, k, 20 + LIM_VALUE_TTL_MIN_S, &got, &ttl));
    assert_memory_equal(got.ptr, "old", 3);
    relay_slice_drop(&got);
    dht_values_free(&v);
}

static void test_limits_refuse_and_free_up(void **state)
{
    struct dht_values *v = values_new(3, 100);
    uint8_t k[32], big[101] = {0};

    (void)state;
    key_of(9, k);
    assert_int_equal(dht_values_store(v, k, &head, big, 101, 0, 10), RT_REFUSAL_STORE_FULL);
    for (uint32_t i = 0; i < 3; i++) {
        key_of(i, k);
        assert_int_equal(dht_values_store(v, k, &head, big, 10, 0, 10), 0);
    }
    key_of(3, k);
    assert_int_equal(dht_values_store(v, k, &head, big, 10, 0, 10), RT_REFUSAL_STORE_FULL);
    key_of(0, k);
    assert_int_equal(dht_values_store(v, k, &head, big, 80, 0, 10), 0);
    key_of(1, k);
    assert_int_equal(dht_values_store(v, k, &head, big, 11, 0, 10), RT_REFUSAL_STORE_FULL);
    dht_values_expire(v, 10 + LIM_VALUE_TTL_MIN_S + 3600);
    key_of(3, k);
    assert_int_equal(dht_values_store(v, k, &head, big, 10, 0, 10 + LIM_VALUE_TTL_MIN_S + 3600), 0);
    assert_int_equal(dht_values_count(v), 1);
    dht_values_free(&v);
}

#define NAIVE_KEYS 2000u

static void test_random_operations_against_naive_table(void **state)
{
    static uint64_t expires[NAIVE_KEYS];
    static uint32_t content[NAIVE_KEYS];
    struct dht_values *v = values_new(NAIVE_KEYS, 1u << 20);
    unsigned seed = 20261123;
    uint64_t now = 5000;
    uint8_t k[32];

    (void)state;
    print_message("seed %u\n", seed);
    memset(expires, 0, sizeof(expires));
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t n = (uint32_t)rand_r(&seed) % NAIVE_KEYS;
        struct relay_slice got;
        uint64_t ttl;

        now += (uint32_t)rand_r(&seed) % 60;
        key_of(n, k);
        if (rand_r(&seed) % 2) {
            uint64_t want = (uint32_t)rand_r(&seed) % (2 * LIM_VALUE_TTL_MAX_S);

            content[n] = i;
            assert_int_equal(dht_values_store(v, k, &head, (const uint8_t *)&i, 4, want, now), 0);
            want = want < LIM_VALUE_TTL_MIN_S ? LIM_VALUE_TTL_MIN_S : want;
            want = want > LIM_VALUE_TTL_MAX_S ? LIM_VALUE_TTL_MAX_S : want;
            expires[n] = now + want;
        } else if (dht_values_find(v, k, now, &got, &ttl)) {
            assert_int_equal(ttl, expires[n] - now);
            assert_memory_equal(got.ptr, &content[n], 4);
            relay_slice_drop(&got);
        } else {
            assert_true(expires[n] <= now);
        }
        if (i % 1000 == 0)
            dht_values_expire(v, now);
    }
    dht_values_expire(v, now + LIM_VALUE_TTL_MAX_S + 7200);
    assert_int_equal(dht_values_count(v), 0);
    dht_values_free(&v);
    assert_int_equal(rt_buf_live(), 0);
}

/* -- value_check -- */

static uint8_t scratch[DHT_SCRATCH_BYTES];

static enum rt_refusal check(const uint8_t key[32], const struct wire_writer *w)
{
    struct dht_rank rank;
    bool fits;
    size_t len = wire_writer_len(w, &fits);

    assert_true(fits);
    return dht_value_check(key, w->start, (uint32_t)len, scratch, &rank);
}

static void test_head_under_its_own_key_only(void **state)
{
    struct wire_share_head h = {.share_id = {1}, .latest_seq = 3};
    uint8_t buf[512], key[32];
    struct wire_writer w;

    (void)state;
    wire_writer_init(&w, buf, sizeof(buf));
    wire_write_share_head(&w, &h);
    wire_share_head_key(h.share_id, key);
    assert_int_equal(check(key, &w), RT_REFUSAL_NONE);
    key[0] ^= 1;
    assert_int_equal(check(key, &w), RT_REFUSAL_STORE_VALUE);
}

static void test_peer_sets_under_their_own_keys_only(void **state)
{
    struct wire_peer p = {.hop = {.port = 7001, .transport = WIRE_TCP}};
    uint8_t buf[512], key[32], id[32] = {7};
    struct wire_writer w;

    (void)state;
    wire_writer_init(&w, buf, sizeof(buf));
    wire_write_providers(&w, id, &p, 1, 99);
    wire_providers_key(id, key);
    assert_int_equal(check(key, &w), RT_REFUSAL_NONE);
    wire_members_key(id, key);
    assert_int_equal(check(key, &w), RT_REFUSAL_STORE_VALUE);
    wire_writer_init(&w, buf, sizeof(buf));
    wire_write_members(&w, id, &p, 1, 99);
    assert_int_equal(check(key, &w), RT_REFUSAL_NONE);
}

static void test_manifest_id_is_recomputed(void **state)
{
    struct wire_manifest m = {.version = 1, .seq = 4, .share_pubkey = {2}};
    uint8_t buf[1024], room[2048], id[32], key[32];
    struct wire_writer w;

    (void)state;
    assert_int_equal(wire_manifest_id(&m, room, sizeof(room), id), RT_ERR_OK);
    wire_manifest_key(id, key);
    wire_writer_init(&w, buf, sizeof(buf));
    wire_write_manifest(&w, &m);
    assert_int_equal(check(key, &w), RT_REFUSAL_NONE);
    m.seq = 5;
    wire_writer_init(&w, buf, sizeof(buf));
    wire_write_manifest(&w, &m);
    assert_int_equal(check(key, &w), RT_REFUSAL_STORE_VALUE);
}

static void announcement(struct wire_announcement *a, const struct rt_sign_key *k, uint8_t *list,
                         size_t cap)
{
    struct wire_peer p = {.hop = {.port = 7001, .transport = WIRE_TCP}};
    uint8_t covered[1024];
    struct wire_writer w;
    bool fits;
    size_t len;

    wire_writer_init(&w, list, cap);
    wire_write_array(&w, 1);
    wire_write_peer(&w, &p);
    memset(a, 0, sizeof(*a));
    memcpy(a->relay_pubkey, k->public_key, 32);
    a->addrs.raw = (struct wire_bytes){list, (uint32_t)wire_writer_len(&w, &fits)};
    a->addrs.count = 1;
    a->capabilities.relay = true;
    a->issued_at = 1700000000;
    a->expires_at = a->issued_at + 6 * 3600;
    wire_writer_init(&w, covered, sizeof(covered));
    wire_write_announcement_signed(&w, a);
    len = wire_writer_len(&w, &fits);
    rt_sign(k, covered, len, a->signature);
}

static void test_announcement_signed_and_at_its_slots(void **state)
{
    struct wire_announcement a;
    struct rt_sign_key k;
    uint8_t list[256], buf[1024], key[32], seed[32] = {5};
    uint64_t bucket = wire_rendezvous_bucket(1700000000);
    struct wire_writer w;

    (void)state;
    assert_int_equal(rt_crypto_init(), RT_ERR_OK);
    rt_sign_key_from_seed(seed, &k);
    announcement(&a, &k, list, sizeof(list));
    wire_rendezvous_key(bucket, wire_rendezvous_slot(k.public_key, bucket, 0), key);
    wire_writer_init(&w, buf, sizeof(buf));
    wire_write_announcement(&w, &a);
    assert_int_equal(check(key, &w), RT_REFUSAL_NONE);
    wire_rendezvous_key(bucket + 5, wire_rendezvous_slot(k.public_key, bucket + 5, 0), key);
    assert_int_equal(check(key, &w), RT_REFUSAL_STORE_VALUE);
    wire_rendezvous_key(bucket, wire_rendezvous_slot(k.public_key, bucket, 0), key);
    a.max_tunnels++;
    wire_writer_init(&w, buf, sizeof(buf));
    wire_write_announcement(&w, &a);
    assert_int_equal(check(key, &w), RT_REFUSAL_STORE_VALUE);
}

static void test_anything_else_is_refused(void **state)
{
    static uint8_t big[LIM_VALUE_MAX + 1];
    uint8_t key[32] = {0};
    struct dht_rank rank;

    (void)state;
    assert_int_equal(dht_value_check(key, big, 0, scratch, &rank), RT_REFUSAL_STORE_VALUE);
    assert_int_equal(dht_value_check(key, big, 1, scratch, &rank), RT_REFUSAL_STORE_VALUE);
    assert_int_equal(dht_value_check(key, (const uint8_t *)"\xa0", 1, scratch, &rank),
                     RT_REFUSAL_STORE_VALUE);
    assert_int_equal(dht_value_check(key, big, sizeof(big), scratch, &rank),
                     RT_REFUSAL_STORE_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_as_stored_with_time_left),
        cmocka_unit_test(test_ttl_bounds_and_expiry),
        cmocka_unit_test(test_rank_decides),
        cmocka_unit_test(test_limits_refuse_and_free_up),
        cmocka_unit_test(test_random_operations_against_naive_table),
        cmocka_unit_test(test_head_under_its_own_key_only),
        cmocka_unit_test(test_peer_sets_under_their_own_keys_only),
        cmocka_unit_test(test_manifest_id_is_recomputed),
        cmocka_unit_test(test_announcement_signed_and_at_its_slots),
        cmocka_unit_test(test_anything_else_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
