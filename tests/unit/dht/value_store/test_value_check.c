/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan, kinds that are maps: a valid value of each kind passes under its own key, and under no
 * other. With one bit flipped (seeded) the value is refused or has the same meaning. A manifest's
 * id is recomputed, and its signature is distinguished from its id. An announcement passes at the
 * keys of its own bucket and of the neighbours, but not with a changed field, from the future, or
 * after its end. Values of no kind, empty ones and ones above 64 KiB are refused. A check changes
 * no byte of the value, not even of one that decoding would compact.
 */
#include "unit/dht/support.h"
#include "wire_limits.h"

static enum wire_refusal check_at(const struct test_value *v, uint64_t now_s)
{
    struct dht_checked c;

    return dht_value_check(v->key, v->bytes, v->len, now_s, &c);
}

static void refused_elsewhere(struct test_value *v)
{
    assert_int_equal(check_at(v, NOW_S), WIRE_REFUSAL_NONE);
    for (int i = 0; i < 32; i += 31) {
        v->key[i] ^= 1;
        assert_int_equal(check_at(v, NOW_S), WIRE_REFUSAL_STORE_VALUE);
        v->key[i] ^= 1;
    }
}

static void make(int kind, struct test_value *v)
{
    struct wire_peer p = {.hop = test_node(0x0b010203, 1)};
    struct rt_sign_key k;

    test_sign_key(1, &k);
    switch (kind) {
    case WIRE_VALUE_SHARE_HEAD:
        test_head(&k, 7, NOW_S, v);
        break;
    case WIRE_VALUE_MANIFEST:
        test_manifest(&k, 7, 30, v);
        break;
    case WIRE_VALUE_ANNOUNCEMENT:
        test_announcement(&k, &p, 1, NOW_S, 0, 0, v);
        break;
    default:
        test_set((enum wire_value_kind)kind, 5, &p, 1, NOW_S, v);
    }
}

static void test_each_kind_under_its_own_key_only(void **state)
{
    struct test_value v;

    (void)state;
    for (int kind = 0; kind <= WIRE_VALUE_MEMBERS; kind++) {
        make(kind, &v);
        assert_int_equal(test_checked(&v, NOW_S).kind, kind);
        refused_elsewhere(&v);
    }
}

static void test_providers_are_not_members(void **state)
{
    struct test_value a, b;

    (void)state;
    make(WIRE_VALUE_PROVIDERS, &a);
    make(WIRE_VALUE_MEMBERS, &b);
    memcpy(a.key, b.key, 32);
    assert_int_equal(check_at(&a, NOW_S), WIRE_REFUSAL_STORE_VALUE);
}

/* Encodes the value again, as decoded. */
static uint32_t canonical(int kind, const struct test_value *v, uint8_t *out, size_t cap)
{
    struct wire_announcement a;
    struct wire_manifest m;
    uint8_t copy[sizeof(v->bytes)];
    struct wire_writer w;
    bool fits;

    memcpy(copy, v->bytes, v->len);
    wire_writer_init(&w, out, cap);
    if (kind == WIRE_VALUE_MANIFEST) {
        assert_int_equal(wire_manifest_decode(copy, v->len, &m), RT_ERR_OK);
        wire_write_manifest(&w, &m);
    } else {
        assert_int_equal(wire_announcement_decode(copy, v->len, &a), RT_ERR_OK);
        wire_write_announcement(&w, &a);
    }
    return (uint32_t)wire_writer_len(&w, &fits);
}

/* In manifests and announcements every byte is hashed or signed. With one bit flipped (seeded) they
 * are refused. If the bit is in the name of an optional key, they have the same meaning. */
static void test_changed_bits_are_refused_or_mean_nothing(void **state)
{
    static const int kinds[] = {WIRE_VALUE_MANIFEST, WIRE_VALUE_ANNOUNCEMENT};
    uint64_t rng = 20261123;
    struct test_value v;
    uint8_t same[sizeof(v.bytes)];
    uint32_t refused = 0;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng);
    for (uint32_t n = 0; n < 1000; n++) {
        int kind = kinds[n % 2];
        uint32_t at;

        make(kind, &v);
        at = (uint32_t)(test_random(&rng) % (8 * v.len));
        v.bytes[at / 8] ^= (uint8_t)(1u << at % 8);
        if (check_at(&v, NOW_S) != WIRE_REFUSAL_NONE) {
            refused++;
            continue;
        }
        at = canonical(kind, &v, same, sizeof(same));
        make(kind, &v);
        assert_int_equal(at, v.len);
        assert_memory_equal(same, v.bytes, at);
    }
    assert_true(refused > 900);
}

static void test_manifest_proves_its_share(void **state)
{
    struct rt_sign_key k, other;
    struct test_value v;
    struct dht_checked c;
    uint8_t share_id[32];

    (void)state;
    test_sign_key(3, &k);
    test_manifest(&k, 4, 10, &v);
    c = test_checked(&v, NOW_S);
    assert_true(c.is_proven);
    wire_share_id(k.public_key, share_id);
    assert_memory_equal(c.share_id, share_id, 32);
    assert_memory_equal(c.share_pubkey, k.public_key, 32);
    assert_int_equal(dht_value_read(v.key, c.sub, v.bytes, v.len, &c), WIRE_REFUSAL_NONE);
    assert_false(c.is_proven);
    test_sign_key(4, &other);
    test_manifest_by(&k, &other, 4, 10, &v); /* accepted, but proves nothing */
    assert_false(test_checked(&v, NOW_S).is_proven);
}

static void test_head_signature(void **state)
{
    struct rt_sign_key k, other;
    struct test_value v;
    struct dht_checked c;

    (void)state;
    test_sign_key(3, &k);
    test_sign_key(4, &other);
    test_head(&k, 4, NOW_S, &v);
    c = test_checked(&v, NOW_S);
    assert_true(dht_head_verify(&c.head, k.public_key));
    assert_false(dht_head_verify(&c.head, other.public_key));
    c.head.latest_seq++;
    assert_false(dht_head_verify(&c.head, k.public_key));
}

static void test_announcement_at_neighbouring_buckets(void **state)
{
    struct wire_peer p = {.hop = test_hop(0x0b010203, 7001)};
    struct rt_sign_key k;
    struct test_value v;

    (void)state;
    test_sign_key(5, &k);
    for (uint8_t which = 0; which < 2; which++) {
        for (int64_t later = -2; later <= 2; later++) {
            test_announcement(&k, &p, 1, NOW_S, which, later * 3600, &v);
            assert_int_equal(check_at(&v, NOW_S), later >= -1 && later <= 1
                                                      ? WIRE_REFUSAL_NONE
                                                      : WIRE_REFUSAL_STORE_VALUE);
        }
    }
}

static void test_announcement_in_its_time_only(void **state)
{
    struct wire_peer p = {.hop = test_hop(0x0b010203, 7001)};
    struct rt_sign_key k;
    struct test_value v;

    (void)state;
    test_sign_key(5, &k);
    test_announcement(&k, &p, 1, NOW_S, 0, 0, &v);
    assert_int_equal(check_at(&v, NOW_S + LIM_ANNOUNCEMENT_S - 1), WIRE_REFUSAL_NONE);
    assert_int_equal(check_at(&v, NOW_S + LIM_ANNOUNCEMENT_S), WIRE_REFUSAL_STORE_VALUE);
    assert_int_equal(check_at(&v, NOW_S - LIM_HELLO_SKEW_S), WIRE_REFUSAL_NONE);
    assert_int_equal(check_at(&v, NOW_S - LIM_HELLO_SKEW_S - 1), WIRE_REFUSAL_STORE_VALUE);
}

static void test_announcement_without_direct_address(void **state)
{
    struct wire_peer p = {.hop = test_hop(0x0b010203, 7001), .has_relay_via = true};
    struct rt_sign_key k;
    struct test_value v;

    (void)state;
    p.relay_addr = test_hop(0x0b010204, 7001);
    test_sign_key(5, &k);
    test_announcement(&k, &p, 1, NOW_S, 0, 0, &v);
    assert_int_equal(check_at(&v, NOW_S), WIRE_REFUSAL_STORE_VALUE);
    test_announcement(&k, &p, 0, NOW_S, 0, 0, &v);
    assert_int_equal(check_at(&v, NOW_S), WIRE_REFUSAL_STORE_VALUE);
}

/* Decoding joins the chunks of an indefinite-length text in place. */
static void split_title(struct test_value *v)
{
    static const uint8_t whole[] = {0x65, 't', 't', 't', 't', 't'},
                         chunks[] = {0x7f, 0x61, 't', 0x64, 't', 't', 't', 't', 0xff};
    uint8_t *at = memmem(v->bytes, v->len, whole, sizeof(whole));
    uint32_t rest;

    assert_non_null(at);
    rest = v->len - (uint32_t)(at - v->bytes) - sizeof(whole);
    memmove(at + sizeof(chunks), at + sizeof(whole), rest);
    memcpy(at, chunks, sizeof(chunks));
    v->len += sizeof(chunks) - sizeof(whole);
}

static void test_check_changes_no_byte(void **state)
{
    struct test_value v, was;
    struct rt_sign_key k;

    (void)state;
    test_sign_key(1, &k);
    test_manifest(&k, 7, 5, &v);
    split_title(&v);
    for (int kind = 0; kind <= WIRE_VALUE_MEMBERS; kind++) {
        struct dht_checked c, read;

        if (kind != WIRE_VALUE_MANIFEST)
            make(kind, &v);
        was = v;
        c = test_checked(&v, NOW_S);
        assert_int_equal(dht_value_read(v.key, c.sub, v.bytes, v.len, &read), WIRE_REFUSAL_NONE);
        assert_memory_equal(&v, &was, sizeof(v));
    }
}

static void test_anything_else_is_refused(void **state)
{
    static uint8_t big[LIM_VALUE_MAX + 1];
    uint8_t key[32] = {0};
    struct dht_checked c;

    (void)state;
    assert_int_equal(dht_value_check(key, big, 0, NOW_S, &c), WIRE_REFUSAL_STORE_VALUE);
    assert_int_equal(dht_value_check(key, big, 1, NOW_S, &c), WIRE_REFUSAL_STORE_VALUE);
    assert_int_equal(dht_value_check(key, (const uint8_t *)"\xa0", 1, NOW_S, &c),
                     WIRE_REFUSAL_STORE_VALUE);
    assert_int_equal(dht_value_check(key, big, sizeof(big), NOW_S, &c), WIRE_REFUSAL_STORE_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_under_its_own_key_only),
        cmocka_unit_test(test_providers_are_not_members),
        cmocka_unit_test(test_changed_bits_are_refused_or_mean_nothing),
        cmocka_unit_test(test_manifest_proves_its_share),
        cmocka_unit_test(test_head_signature),
        cmocka_unit_test(test_announcement_at_neighbouring_buckets),
        cmocka_unit_test(test_announcement_in_its_time_only),
        cmocka_unit_test(test_announcement_without_direct_address),
        cmocka_unit_test(test_check_changes_no_byte),
        cmocka_unit_test(test_anything_else_is_refused),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
