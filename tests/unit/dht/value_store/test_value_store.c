/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan, the table: values are returned as stored, with the remaining time. TTLs are raised or cut
 * to the protocol's bounds. Expired values are neither found nor kept. A stored value is kept in a
 * buffer of its own size. A seeded run of random operations is compared with a naive table. The
 * limits of count, bytes and each peer's share are kept. A full table accepts a value from a
 * smaller network and evicts one of a larger network, but never one of this relay. Values are due
 * in order, an hour after the last store. A walk returns each value of its part of the keys once.
 * Loaded values keep their expiry. The sink is notified of all changes except loading.
 */
#include "unit/dht/support.h"

#include "dht/value_store/value_store.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"

static const uint8_t hash_key[16] = "dht-values-test";
static uint64_t rng = 20261123;

static const uint8_t no_sub[32];
static const struct dht_origin someone = {.peer = 77, .net = 7};
static const struct dht_checked head = {.kind = WIRE_VALUE_SHARE_HEAD, .expires_at = UINT64_MAX};

static struct dht_value_store *values_new(uint32_t count, uint64_t bytes)
{
    struct dht_value_store_limits limits = {count, bytes, count, bytes};

    return dht_value_store_new(&limits, hash_key, test_random, &rng);
}

static struct dht_value_store *values_shared(uint32_t count, uint64_t bytes, uint32_t per_peer)
{
    struct dht_value_store_limits limits = {count, bytes, per_peer, bytes};

    return dht_value_store_new(&limits, hash_key, test_random, &rng);
}

static void key_of(uint32_t n, uint8_t out[32])
{
    memset(out, 0x11, 32);
    memcpy(out, &n, sizeof(n));
}

/* Stores a head that cannot be verified. Its content does not matter here. */
static enum wire_refusal put(struct dht_value_store *v, uint32_t n, const void *bytes, uint32_t len,
                             uint64_t ttl, const struct dht_origin *by, uint64_t now_s)
{
    struct dht_checked c = head;
    uint8_t key[32];

    key_of(n, key);
    memcpy(c.head.share_id, key, 32);
    return dht_value_store_put(v, key, &c, relay_slice_view(bytes, len), ttl, by, now_s);
}

static bool find(struct dht_value_store *v, uint32_t n, uint64_t now_s, struct relay_slice *got,
                 uint64_t *ttl)
{
    uint8_t key[32];

    key_of(n, key);
    return dht_value_store_find(v, key, WIRE_DIALECT_A, now_s, got, ttl);
}

static bool has(struct dht_value_store *v, uint32_t n, uint64_t now_s)
{
    struct relay_slice got;
    uint64_t ttl;
    bool found = find(v, n, now_s, &got, &ttl);

    if (found)
        relay_slice_drop(&got);
    return found;
}

static void free_values(struct dht_value_store **v)
{
    dht_value_store_free(v);
    assert_null(*v);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_found_as_stored_with_time_left(void **state)
{
    struct dht_value_store *v = values_new(10, 1000);
    struct relay_slice got = {0};
    uint64_t ttl = 0;

    (void)state;
    assert_false(find(v, 1, 100, &got, &ttl));
    assert_int_equal(put(v, 1, "abc", 3, 100000, &someone, 100), 0);
    assert_true(find(v, 1, 150, &got, &ttl));
    assert_int_equal(got.len, 3);
    assert_int_equal(ttl, 100000 - 50);
    dht_value_store_free(&v);
    assert_memory_equal(got.ptr, "abc", 3);
    relay_slice_drop(&got);
    assert_int_equal(rt_buf_live(), 0);
}

/* Stores the slice under key 1, drops it and returns the buffer that the store kept. */
static const struct relay_buf *kept_buffer(struct relay_slice value)
{
    struct dht_value_store *v = values_new(10, 1000);
    struct dht_checked c = head;
    const struct relay_buf *kept;
    struct relay_slice got;
    uint8_t key[32];
    uint64_t ttl;

    key_of(1, key);
    assert_int_equal(dht_value_store_put(v, key, &c, value, 100000, &someone, 100), 0);
    assert_true(find(v, 1, 100, &got, &ttl));
    assert_int_equal(got.len, value.len);
    assert_int_equal(got.owner->capacity, value.len);
    assert_memory_equal(got.ptr, value.ptr, value.len);
    kept = got.owner;
    relay_slice_drop(&got);
    relay_slice_drop(&value);
    assert_int_equal(rt_buf_live(), 1);
    free_values(&v);
    return kept;
}

static void test_value_does_not_pin_a_larger_buffer(void **state)
{
    struct relay_buf *frame = rt_buf_new(1000);

    (void)state;
    memset(frame->bytes, 'x', 1000);
    assert_ptr_not_equal(kept_buffer(relay_slice_own(frame, frame->bytes + 100, 50)), frame);
}

static void test_value_in_a_buffer_of_its_size_is_not_copied(void **state)
{
    struct relay_slice value = rt_slice_copy("abc", 3);

    (void)state;
    assert_ptr_equal(kept_buffer(value), value.owner);
}

static void test_ttl_bounds_and_expiry(void **state)
{
    struct dht_value_store *v = values_new(10, 1000);
    struct relay_slice got;
    uint64_t ttl;

    (void)state;
    put(v, 1, "a", 1, 1, &someone, 1000);
    put(v, 2, "b", 1, UINT64_MAX, &someone, 1000);
    assert_true(find(v, 1, 1000, &got, &ttl));
    relay_slice_drop(&got);
    assert_int_equal(ttl, LIM_VALUE_TTL_MIN_S);
    assert_true(find(v, 2, 1000, &got, &ttl));
    relay_slice_drop(&got);
    assert_int_equal(ttl, LIM_VALUE_TTL_MAX_S);
    assert_true(has(v, 1, 999 + LIM_VALUE_TTL_MIN_S));
    assert_false(has(v, 1, 1000 + LIM_VALUE_TTL_MIN_S));
    assert_false(dht_value_store_expire(v, 1000 + LIM_VALUE_TTL_MIN_S + 3600, 100));
    assert_int_equal(dht_value_store_count(v), 1);
    assert_false(dht_value_store_expire(v, 1000 + LIM_VALUE_TTL_MAX_S + 3600, 100));
    assert_int_equal(dht_value_store_count(v), 0);
    assert_int_equal(dht_value_store_bytes(v), 0);
    free_values(&v);
}

static void test_expiry_in_bounded_steps(void **state)
{
    struct dht_value_store *v = values_new(100, 10000);
    uint64_t late = 1000 + LIM_VALUE_TTL_MIN_S + 3600;

    (void)state;
    for (uint32_t i = 0; i < 30; i++)
        put(v, i, "x", 1, 0, &someone, 1000);
    assert_true(dht_value_store_expire(v, late, 10));
    assert_int_equal(dht_value_store_count(v), 20);
    assert_true(dht_value_store_expire(v, late, 19));
    assert_false(dht_value_store_expire(v, late, 19));
    assert_int_equal(dht_value_store_count(v), 0);
    free_values(&v);
}

/* The clock jumps by years, and back: no value expires too early, and all expire in the end. */
static void test_clock_that_jumps(void **state)
{
    struct dht_value_store *v = values_new(10, 1000);

    (void)state;
    put(v, 1, "a", 1, 0, &someone, NOW_S);
    assert_false(dht_value_store_expire(v, NOW_S - 90 * 86400, 10));
    assert_int_equal(dht_value_store_count(v), 1);
    assert_true(has(v, 1, NOW_S));
    dht_value_store_expire(v, NOW_S + 400u * 86400, 10);
    assert_int_equal(dht_value_store_count(v), 0);
    put(v, 2, "a", 1, 0, &someone, NOW_S);
    dht_value_store_expire(v, NOW_S + LIM_VALUE_TTL_MIN_S + 3600, 10);
    assert_int_equal(dht_value_store_count(v), 0);
    free_values(&v);
}

#define NAIVE_KEYS 2000u

static void test_random_operations_against_naive_table(void **state)
{
    static uint64_t expires[NAIVE_KEYS];
    static uint32_t content[NAIVE_KEYS];
    struct dht_value_store *v = values_new(NAIVE_KEYS, 1u << 20);
    uint64_t seed = 20261123, now = NOW_S, ttl;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t n = (uint32_t)test_random(&seed) % NAIVE_KEYS;
        struct relay_slice got;

        now += test_random(&seed) % 60;
        if (test_random(&seed) % 2) {
            uint64_t want = test_random(&seed) % (2 * LIM_VALUE_TTL_MAX_S);

            content[n] = i;
            assert_int_equal(put(v, n, &i, 4, want, &someone, now), 0);
            want = want < LIM_VALUE_TTL_MIN_S ? LIM_VALUE_TTL_MIN_S : want;
            want = want > LIM_VALUE_TTL_MAX_S ? LIM_VALUE_TTL_MAX_S : want;
            expires[n] = now + want;
        } else if (find(v, n, now, &got, &ttl)) {
            assert_int_equal(ttl, expires[n] - now);
            assert_memory_equal(got.ptr, &content[n], 4);
            relay_slice_drop(&got);
        } else {
            assert_true(expires[n] <= now);
        }
        if (i % 1000 == 0)
            dht_value_store_expire(v, now, 1000);
    }
    dht_value_store_expire(v, now + LIM_VALUE_TTL_MAX_S + 7200, NAIVE_KEYS);
    assert_int_equal(dht_value_store_count(v), 0);
    free_values(&v);
}

/* -- space -- */

static void test_limits_refuse_and_free_up(void **state)
{
    static const uint8_t big[101];
    struct dht_value_store *v = values_new(3, 100);
    uint64_t late = 10 + LIM_VALUE_TTL_MIN_S + 3600;

    (void)state;
    assert_int_equal(put(v, 9, big, 101, 0, &someone, 10), WIRE_REFUSAL_STORE_FULL);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(put(v, i, big, 10, 0, &someone, 10), 0);
    assert_int_equal(put(v, 3, big, 10, 0, &someone, 10), WIRE_REFUSAL_STORE_FULL);
    assert_int_equal(put(v, 0, big, 80, 0, &someone, 10), 0);
    assert_int_equal(put(v, 1, big, 11, 0, &someone, 10), WIRE_REFUSAL_STORE_FULL);
    assert_int_equal(dht_value_store_bytes(v), 100);
    dht_value_store_expire(v, late, 10);
    assert_int_equal(put(v, 3, big, 10, 0, &someone, late), 0);
    assert_int_equal(dht_value_store_count(v), 1);
    free_values(&v);
}

static void test_one_peer_has_a_limited_share(void **state)
{
    struct dht_value_store *v = values_shared(100, 100000, 10);
    struct dht_origin other = {.peer = 78, .net = 7}, ours = {0};

    (void)state;
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(put(v, i, "x", 1, 0, &someone, NOW_S), 0);
    assert_int_equal(put(v, 10, "x", 1, 0, &someone, NOW_S), WIRE_REFUSAL_STORE_FULL);
    assert_int_equal(put(v, 3, "y", 1, 0, &someone, NOW_S), 0); /* its own value again */
    assert_int_equal(put(v, 10, "x", 1, 0, &other, NOW_S), 0);
    for (uint32_t i = 20; i < 50; i++)
        assert_int_equal(put(v, i, "x", 1, 0, &ours, NOW_S), 0); /* this relay has no limit */
    /* A value that another peer replaces counts for that peer, so the first has room again. */
    assert_int_equal(put(v, 3, "z", 1, 0, &other, NOW_S), 0);
    assert_int_equal(put(v, 11, "x", 1, 0, &someone, NOW_S), 0);
    free_values(&v);
}

/* Many keys from one network fill the table. Values of other networks evict its values until the
 * networks have equally many. Our own values are never evicted. */
static void test_crowded_network_is_evicted(void **state)
{
    struct dht_value_store *v = values_new(200, 200000);
    uint64_t evicted = rt_metric_get(RT_METRIC_DHT_VALUES_EVICTED);
    struct dht_origin ours = {0};
    uint32_t kept = 0, taken = 0;

    (void)state;
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(put(v, i, "ours", 4, 0, &ours, NOW_S), 0);
    for (uint32_t i = 10; i < 200; i++) {
        struct dht_origin sybil = {.peer = 1000 + i, .net = 666};

        assert_int_equal(put(v, i, "x", 1, 0, &sybil, NOW_S), 0);
    }
    for (uint32_t i = 200; i < 300; i++) {
        struct dht_origin honest = {.peer = i, .net = 7 + i % 5};

        taken += put(v, i, "y", 1, 0, &honest, NOW_S) == WIRE_REFUSAL_NONE;
        assert_true(dht_value_store_count(v) <= 200);
    }
    assert_true(taken >= 95);
    assert_int_equal(rt_metric_get(RT_METRIC_DHT_VALUES_EVICTED), evicted + taken);
    for (uint32_t i = 200; i < 300; i++)
        kept += has(v, i, NOW_S);
    assert_true(kept >= taken - 2);
    for (uint32_t i = 0; i < 10; i++)
        assert_true(has(v, i, NOW_S));
    /* and the crowded network is refused */
    for (uint32_t i = 300; i < 400; i++) {
        struct dht_origin sybil = {.peer = 1000 + i, .net = 666};

        (void)put(v, i, "x", 1, 0, &sybil, NOW_S);
    }
    for (uint32_t i = 200, still = 0; i < 300; i++) {
        still += has(v, i, NOW_S);
        if (i == 299)
            assert_true(still >= kept - 2);
    }
    free_values(&v);
}

/* -- republishing -- */

static void test_due_an_hour_after_the_last_store(void **state)
{
    struct dht_value_store *v = values_new(10, 1000);
    struct dht_value out;
    uint8_t key[32];

    (void)state;
    assert_int_equal(dht_value_store_next_due(v), UINT64_MAX);
    put(v, 1, "a", 1, 0, &someone, NOW_S);
    put(v, 2, "b", 1, 0, &someone, NOW_S + 10);
    put(v, 1, "a", 1, 0, &someone, NOW_S + 20); /* storing it again defers it */
    assert_int_equal(dht_value_store_next_due(v), NOW_S + 10 + LIM_REPUBLISH_S);
    assert_false(dht_value_store_take_due(v, NOW_S + 9 + LIM_REPUBLISH_S, &out));
    assert_true(dht_value_store_take_due(v, NOW_S + 10 + LIM_REPUBLISH_S, &out));
    key_of(2, key);
    assert_memory_equal(out.key, key, 32);
    assert_memory_equal(out.value.ptr, "b", 1);
    relay_slice_drop(&out.value);
    assert_false(dht_value_store_take_due(v, NOW_S + 10 + LIM_REPUBLISH_S, &out));
    assert_true(dht_value_store_take_due(v, NOW_S + 20 + LIM_REPUBLISH_S, &out));
    relay_slice_drop(&out.value);
    assert_int_equal(dht_value_store_next_due(v), NOW_S + 10 + 2 * LIM_REPUBLISH_S);
    free_values(&v);
}

/* A push does not extend the TTL, because nodes would keep a value alive for each other forever. A
 * client's STORE extends it. */
static void test_pushes_extend_no_ttl(void **state)
{
    struct dht_value_store *v = values_new(10, 1000);
    struct dht_origin node = {.peer = 5, .net = 5, .is_push = true};
    struct relay_slice got;
    uint64_t ttl;

    (void)state;
    put(v, 1, "a", 1, 0, &someone, NOW_S);
    put(v, 1, "a", 1, LIM_VALUE_TTL_MAX_S, &node, NOW_S + 100);
    assert_true(find(v, 1, NOW_S + 100, &got, &ttl));
    relay_slice_drop(&got);
    assert_int_equal(ttl, LIM_VALUE_TTL_MIN_S - 100);
    put(v, 1, "a", 1, LIM_VALUE_TTL_MAX_S, &someone, NOW_S + 100);
    assert_true(find(v, 1, NOW_S + 100, &got, &ttl));
    relay_slice_drop(&got);
    assert_int_equal(ttl, LIM_VALUE_TTL_MAX_S);
    free_values(&v);
}

static void test_walk_sees_each_value_once(void **state)
{
    struct dht_value_store *v = values_new(600, 100000);
    uint8_t seen[512] = {0};
    struct dht_value out;
    uint32_t count = 0;

    (void)state;
    for (uint32_t i = 0; i < 512; i++)
        put(v, i, "x", 1, 0, &someone, NOW_S);
    dht_value_store_walk(v, 0x40, 0x7f); /* the first byte of a key is its number's lowest */
    while (dht_value_store_walk_next(v, &out)) {
        uint32_t n;

        memcpy(&n, out.key, sizeof(n));
        assert_true((n & 0xff) >= 0x40 && (n & 0xff) <= 0x7f);
        assert_int_equal(seen[n]++, 0);
        count++;
    }
    assert_int_equal(count, 128);
    assert_false(dht_value_store_walk_next(v, &out));
    dht_value_store_walk(v, 0, 255); /* values dropped meanwhile do not end the walk */
    assert_true(dht_value_store_walk_next(v, &out));
    dht_value_store_expire(v, NOW_S + LIM_VALUE_TTL_MIN_S + 3600, 600);
    assert_false(dht_value_store_walk_next(v, &out));
    free_values(&v);
}

/* -- disk -- */

struct disk {
    uint32_t puts, drops;
    uint64_t expires_s;
};

static void on_put(void *ctx, const struct dht_value *value)
{
    struct disk *d = ctx;

    d->puts++;
    d->expires_s = value->expires_s;
}

static void on_drop(void *ctx, const uint8_t key[32], const uint8_t sub[32])
{
    (void)key, (void)sub;
    ((struct disk *)ctx)->drops++;
}

static void test_sink_is_notified_of_changes_only(void **state)
{
    struct dht_value_store *v = values_new(1, 1000);
    struct dht_origin other = {.peer = 78, .net = 9};
    struct disk d = {0};
    struct dht_value_store_sink sink = {.put = on_put, .drop = on_drop, .ctx = &d};

    (void)state;
    dht_value_store_set_sink(v, &sink);
    put(v, 1, "a", 1, 0, &someone, NOW_S);
    assert_int_equal(d.puts, 1);
    put(v, 1, "a", 1, 0, &someone, NOW_S + 3600); /* the expiry moves by an hour at most */
    assert_int_equal(d.puts, 1);
    put(v, 1, "a", 1, 0, &someone, NOW_S + 3601);
    assert_int_equal(d.puts, 2);
    assert_int_equal(d.expires_s, NOW_S + 3601 + LIM_VALUE_TTL_MIN_S);
    put(v, 1, "b", 1, 0, &other, NOW_S + 3602);
    assert_int_equal(d.puts, 3);
    assert_int_equal(d.drops, 0);
    dht_value_store_expire(v, NOW_S + LIM_VALUE_TTL_MAX_S, 10); /* the disk's expiry is the same */
    assert_int_equal(d.drops, 0);
    free_values(&v);
}

static void test_loaded_as_it_was(void **state)
{
    struct dht_value_store *v = values_new(2, 10000);
    struct disk d = {0};
    struct dht_value_store_sink sink = {.put = on_put, .drop = on_drop, .ctx = &d};
    struct rt_sign_key k;
    struct test_value value;
    struct relay_slice got;
    uint64_t ttl;

    (void)state;
    dht_value_store_set_sink(v, &sink);
    test_sign_key(1, &k);
    test_head(&k, 1, NOW_S, &value);
    assert_false(dht_value_store_load(v, value.key, no_sub, value.bytes, value.len, NOW_S, 0,
                                      &someone, NOW_S));
    assert_false(
        dht_value_store_load(v, value.key, no_sub, value.bytes, 5, NOW_S + 9, 0, &someone, NOW_S));
    assert_true(dht_value_store_load(v, value.key, no_sub, value.bytes, value.len, NOW_S + 9, 0,
                                     &someone, NOW_S));
    assert_false(dht_value_store_load(v, value.key, no_sub, value.bytes, value.len, NOW_S + 9, 0,
                                      &someone, NOW_S));
    assert_true(dht_value_store_find(v, value.key, WIRE_DIALECT_A, NOW_S + 1, &got, &ttl));
    assert_int_equal(ttl, 8);
    assert_memory_equal(got.ptr, value.bytes, value.len);
    relay_slice_drop(&got);
    assert_int_equal(d.puts + d.drops, 0);
    assert_false(dht_value_store_find(v, value.key, WIRE_DIALECT_A, NOW_S + 9, &got, &ttl));
    free_values(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_as_stored_with_time_left),
        cmocka_unit_test(test_value_does_not_pin_a_larger_buffer),
        cmocka_unit_test(test_value_in_a_buffer_of_its_size_is_not_copied),
        cmocka_unit_test(test_ttl_bounds_and_expiry),
        cmocka_unit_test(test_expiry_in_bounded_steps),
        cmocka_unit_test(test_clock_that_jumps),
        cmocka_unit_test(test_random_operations_against_naive_table),
        cmocka_unit_test(test_limits_refuse_and_free_up),
        cmocka_unit_test(test_one_peer_has_a_limited_share),
        cmocka_unit_test(test_crowded_network_is_evicted),
        cmocka_unit_test(test_due_an_hour_after_the_last_store),
        cmocka_unit_test(test_pushes_extend_no_ttl),
        cmocka_unit_test(test_walk_sees_each_value_once),
        cmocka_unit_test(test_sink_is_notified_of_changes_only),
        cmocka_unit_test(test_loaded_as_it_was),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
