/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a table of the kinds that a peer may store, for unmarked peers of each dialect and for
 * marked ones. The form of an announcement is the one with a valid signature, however many fields
 * were sent, and sub determines the form later. The newest announcement of a relay in each form is
 * held under one key. Each dialect gets its form. Dialects B and C get relays reached in the
 * dialect before relays never reached, and no relays reached only in other dialects. Each form has
 * separate limits under a key. An announcement from disk has the form that sub determines.
 */
#include "store.h"

#include "dht/dht_limits.h"

#define A WIRE_DIALECT_BIT(WIRE_DIALECT_A)
#define B WIRE_DIALECT_BIT(WIRE_DIALECT_B)
#define C WIRE_DIALECT_BIT(WIRE_DIALECT_C)

static enum wire_refusal store_later(struct dht_value_store *v, const struct test_value *value,
                                     const struct dht_origin *by)
{
    return store_by(v, value, 0, by, NOW_S + 60);
}

/* True: a look-up in this dialect now returns this value. */
static bool is_given(struct dht_value_store *v, enum wire_dialect dialect,
                     const struct test_value *value)
{
    return store_left(v, dialect, value, NOW_S + 60) > 0;
}

static uint32_t count_all(const struct dht_value_store *v, enum wire_dialect dialect,
                          const uint8_t key[32])
{
    struct relay_slice all[100];
    uint32_t count = dht_value_store_find_all(v, key, dialect, 100, NOW_S + 60, all);

    for (uint32_t i = 0; i < count; i++)
        relay_slice_drop(&all[i]);
    return count;
}

/* -- kinds that a peer may store -- */

static void test_kinds_that_a_peer_may_store(void **state)
{
    static const struct {
        enum wire_value_kind kind;
        uint8_t dialects; /* of unmarked peers that may */
    } table[] = {
        {WIRE_VALUE_SHARE_HEAD, A | B | C},
        {WIRE_VALUE_PROVIDERS, A | B | C},
        {WIRE_VALUE_MANIFEST, A | B | C},
        {WIRE_VALUE_ANNOUNCEMENT, A | B | C},
        {WIRE_VALUE_MEMBERS, A},
        {WIRE_VALUE_MEMBER_RECORD, B | C},
        {WIRE_VALUE_SHARE_RECORD, B | C},
        {WIRE_VALUE_COMMUNITY_HINT, B | C},
        {WIRE_VALUE_MEMBERS_PAGE, B | C},
        {WIRE_VALUE_SHARES_PAGE, B | C},
        {WIRE_VALUE_ROTATION, C},
        {WIRE_VALUE_REVOCATION, C},
        {WIRE_VALUE_NONE, 0},
    };

    (void)state;
    assert_int_equal(sizeof(table) / sizeof(table[0]), WIRE_VALUE_NONE + 1);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        for (enum wire_dialect d = WIRE_DIALECT_A; d < WIRE_DIALECTS; d++)
            assert_int_equal(dht_value_may_store(table[i].kind, WIRE_DIALECT_BIT(d)),
                             (table[i].dialects & WIRE_DIALECT_BIT(d)) != 0);
        assert_int_equal(dht_value_may_store(table[i].kind, WIRE_DIALECTS_ALL),
                         table[i].kind != WIRE_VALUE_NONE);
    }
}

/* -- the form of an announcement -- */

static void test_form_is_the_signed_one(void **state)
{
    struct wire_peer p = {.hop = test_hop(0x0b010203, 7001)};
    struct dht_checked c, read;
    struct rt_sign_key k;
    struct test_value v;

    (void)state;
    test_sign_key(5, &k);
    for (int form = 0; form < 4; form++) {
        test_announcement_of(&k, &p, NOW_S, form & 1, form & 2, &v);
        c = test_checked(&v, NOW_S);
        assert_int_equal(c.has_community_fields, form & 1);
        assert_memory_equal(c.subject, k.public_key, 32);
        assert_int_equal(memcmp(c.sub, k.public_key, 32) == 0, !(form & 1));
        assert_int_equal(dht_value_read(v.key, c.sub, v.bytes, v.len, &read), WIRE_REFUSAL_NONE);
        assert_int_equal(read.has_community_fields, form & 1);
        c.sub[7] ^= 1;
        assert_int_equal(dht_value_read(v.key, c.sub, v.bytes, v.len, &read),
                         WIRE_REFUSAL_STORE_VALUE);
        v.bytes[v.len - 1] ^= 1; /* the signature's end */
        assert_int_equal(dht_value_check(v.key, v.bytes, v.len, NOW_S, &c),
                         WIRE_REFUSAL_STORE_VALUE);
    }
}

static void test_each_dialect_gets_its_form(void **state)
{
    struct wire_peer p = {.hop = test_hop(0x0b010203, 7001)};
    struct dht_value_store *v = store_new();
    struct test_value a5, a8, newer8;
    struct rt_sign_key k;

    (void)state;
    test_sign_key(5, &k);
    test_announcement_of(&k, &p, NOW_S, false, false, &a5);
    test_announcement_of(&k, &p, NOW_S, true, true, &a8);
    test_announcement_of(&k, &p, NOW_S + 1, true, true, &newer8);
    assert_int_equal(store_later(v, &a8, &store_someone), 0);
    assert_false(is_given(v, WIRE_DIALECT_A, &a8));
    assert_int_equal(store_later(v, &a5, &store_someone), 0);
    assert_int_equal(store_later(v, &newer8, &store_someone), 0);
    assert_int_equal(store_later(v, &a8, &store_someone), 0); /* accepted, without a change */
    assert_int_equal(dht_value_store_count(v), 2);
    for (int i = 0; i < 3; i++) {
        assert_true(is_given(v, WIRE_DIALECT_A, &a5));
        assert_true(is_given(v, WIRE_DIALECT_B, &newer8));
        assert_true(is_given(v, WIRE_DIALECT_C, &newer8));
    }
    for (enum wire_dialect d = WIRE_DIALECT_A; d < WIRE_DIALECTS; d++)
        assert_int_equal(count_all(v, d, a5.key), 1);
    store_free(&v);
}

static void test_values_go_to_dialects_that_accept_them(void **state)
{
    struct wire_peer p = {.hop = test_node(0x0b000001, 1)};
    struct dht_value_store *v = store_new();
    struct test_value members, providers;

    (void)state;
    test_set(WIRE_VALUE_MEMBERS, 5, &p, 1, NOW_S, &members);
    test_set(WIRE_VALUE_PROVIDERS, 5, &p, 1, NOW_S, &providers);
    assert_int_equal(store_later(v, &members, &store_someone), 0);
    assert_int_equal(store_later(v, &providers, &store_someone), 0);
    for (enum wire_dialect d = WIRE_DIALECT_A; d < WIRE_DIALECTS; d++) {
        assert_int_equal(is_given(v, d, &members), d == WIRE_DIALECT_A);
        assert_true(is_given(v, d, &providers));
    }
    store_free(&v);
}

/* -- relays under one key -- */

#define SLOT_TRIES 4000u

/* Makes an announcement of the first relay from number `n` with this DHT key (NULL: any). Returns
 * the next number. */
static uint32_t announce(uint32_t n, uint32_t ip, const uint8_t *key, bool is_form_8,
                         struct test_value *out)
{
    for (; n < SLOT_TRIES; n++) {
        struct wire_peer p = {.hop = test_hop(ip + (n << 8), 7001)};
        struct rt_sign_key k;

        test_sign_key(n, &k);
        test_announcement_of(&k, &p, NOW_S, is_form_8, is_form_8, out);
        if (!key || memcmp(key, out->key, 32) == 0)
            return n + 1;
    }
    fail_msg("no relay with that key");
    return 0;
}

static void test_relays_reached_in_the_dialect_come_first(void **state)
{
    static const uint8_t reached[5] = {B, C, 0, B | C, A};
    struct dht_value_store *v = store_new();
    struct test_value a[5];
    struct dht_origin by = store_someone;

    (void)state;
    for (uint32_t i = 0, n = 0; i < 5; i++) {
        n = announce(n, 0x0b000001, i ? a[0].key : NULL, true, &a[i]);
        by.reached = reached[i];
        assert_int_equal(store_later(v, &a[i], &by), 0);
    }
    for (int turn = 0; turn < 4; turn++) {
        uint32_t given_to_b = 0, given_to_c = 0;

        for (uint32_t i = 0; i < 5; i++) {
            given_to_b |= is_given(v, WIRE_DIALECT_B, &a[i]) << i;
            given_to_c |= is_given(v, WIRE_DIALECT_C, &a[i]) << i;
        }
        assert_int_equal(given_to_b & ~(1u << 0 | 1u << 3), 0);
        assert_int_equal(given_to_c & ~(1u << 1 | 1u << 3), 0);
    }
    assert_int_equal(count_all(v, WIRE_DIALECT_B, a[0].key), 3); /* those two, and a[2] */
    assert_int_equal(count_all(v, WIRE_DIALECT_C, a[0].key), 3);
    assert_int_equal(count_all(v, WIRE_DIALECT_A, a[0].key), 0);
    store_free(&v);
}

static void test_reached_is_kept_until_replaced(void **state)
{
    struct wire_peer p = {.hop = test_hop(0x0b010203, 7001)};
    struct dht_origin reached = {.peer = 78, .net = 8, .reached = B};
    struct dht_value_store *v = store_new();
    struct test_value old, newer;
    struct rt_sign_key k;

    (void)state;
    test_sign_key(5, &k);
    test_announcement_of(&k, &p, NOW_S, true, true, &old);
    test_announcement_of(&k, &p, NOW_S + 1, true, true, &newer);
    assert_int_equal(store_later(v, &old, &store_someone), 0);
    assert_true(is_given(v, WIRE_DIALECT_C, &old)); /* never reached */
    assert_int_equal(store_later(v, &old, &reached), 0);
    assert_false(is_given(v, WIRE_DIALECT_C, &old));
    assert_true(is_given(v, WIRE_DIALECT_B, &old));
    assert_int_equal(store_later(v, &newer, &store_someone), 0);
    assert_false(is_given(v, WIRE_DIALECT_C, &newer));
    reached.reached = C;
    assert_int_equal(store_later(v, &old, &reached), 0); /* not newer, but reached in a dialect */
    assert_true(is_given(v, WIRE_DIALECT_C, &newer));
    assert_false(is_given(v, WIRE_DIALECT_B, &newer));
    store_free(&v);
}

static void test_limits_of_each_form(void **state)
{
    struct dht_value_store *v = store_new();
    struct test_value a5, a8;
    uint32_t n = announce(0, 0x0b000001, NULL, false, &a5);
    uint8_t key[32];

    (void)state;
    memcpy(key, a5.key, 32);
    for (uint32_t i = 0; i < LIM_ANNOUNCEMENTS_PER_KEY + 3; i++) {
        (void)announce(n, 0x0b000001, key, true, &a8);
        n = announce(n, 0x0b000001, key, false, &a5);
        (void)store_later(v, &a8, &store_someone);
        if (i < 5)
            assert_int_equal(store_later(v, &a5, &store_someone), 0);
    }
    assert_int_equal(count_all(v, WIRE_DIALECT_A, key), 5);
    assert_int_equal(count_all(v, WIRE_DIALECT_C, key), LIM_ANNOUNCEMENTS_PER_KEY);
    store_free(&v);
}

/* -- disk -- */

struct row {
    uint8_t sub[32];
    struct test_value value;
};

static void on_put(void *ctx, const struct dht_value *value)
{
    struct row *r = ctx;

    memcpy(r->sub, value->sub, 32);
    memcpy(r->value.key, value->key, 32);
    memcpy(r->value.bytes, value->value.ptr, value->value.len);
    r->value.len = value->value.len;
}

static void test_loaded_with_the_form_it_had(void **state)
{
    struct wire_peer p = {.hop = test_hop(0x0b010203, 7001)};
    struct dht_value_store *v = store_new(), *again = store_new();
    struct row row;
    struct dht_value_store_sink sink = {.put = on_put, .ctx = &row};
    struct test_value a5, a8;
    struct rt_sign_key k;

    (void)state;
    test_sign_key(5, &k);
    dht_value_store_set_sink(v, &sink);
    test_announcement_of(&k, &p, NOW_S, true, false, &a8); /* the bytes do not determine the form */
    test_announcement_of(&k, &p, NOW_S, false, false, &a5);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_later(v, i ? &a5 : &a8, &store_someone), 0);
        assert_true(dht_value_store_load(again, row.value.key, row.sub, row.value.bytes,
                                         row.value.len, NOW_S + 5000, 0, &store_someone, NOW_S));
    }
    assert_true(is_given(again, WIRE_DIALECT_A, &a5));
    assert_true(is_given(again, WIRE_DIALECT_B, &a8));
    assert_int_equal(dht_value_store_count(again), 2);
    dht_value_store_free(&v);
    store_free(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_that_a_peer_may_store),
        cmocka_unit_test(test_form_is_the_signed_one),
        cmocka_unit_test(test_each_dialect_gets_its_form),
        cmocka_unit_test(test_values_go_to_dialects_that_accept_them),
        cmocka_unit_test(test_relays_reached_in_the_dialect_come_first),
        cmocka_unit_test(test_reached_is_kept_until_replaced),
        cmocka_unit_test(test_limits_of_each_form),
        cmocka_unit_test(test_loaded_with_the_form_it_had),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
