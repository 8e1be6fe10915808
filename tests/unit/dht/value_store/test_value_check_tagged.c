/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan, kinds with a tag: a valid value of each passes under its own key, and under no other. With
 * one bit flipped (seeded) the value is refused or decodes to the same fields, except for unsigned
 * texts. A value issued more than 300 s ahead is refused. A member's record must expire after its
 * time of issue, and in the future. A token must name the record's community and member. A hint and
 * a page respect their bounds. A rotation needs two different keys. The check returns the fields by
 * which the store compares values. The content hash of a record does not depend on sequence and
 * time, but on status and texts.
 */
#include "unit/dht/records.h"
#include "wire_limits.h"

static enum wire_refusal check_at(const struct test_value *v, uint64_t now_s)
{
    struct dht_checked c;

    return dht_value_check(v->key, v->bytes, v->len, now_s, &c);
}

static const struct test_member member = {.community = 1,
                                          .member = 2,
                                          .announce_seq = 3,
                                          .issued_at = NOW_S,
                                          .expires_at = NOW_S + 86400};
static const struct test_share share = {.community = 1,
                                        .share = 4,
                                        .seq = 5,
                                        .updated_at = NOW_S,
                                        .title = "a title",
                                        .manifest_id = {9}};

static void make(enum wire_value_kind kind, uint64_t at_s, struct test_value *v)
{
    struct test_member m = member;
    struct test_share s = share;

    m.issued_at = s.updated_at = at_s;
    m.expires_at = at_s + 86400;
    switch (kind) {
    case WIRE_VALUE_MEMBER_RECORD:
        test_member_record(&m, v);
        break;
    case WIRE_VALUE_SHARE_RECORD:
        test_share_record(&s, v);
        break;
    case WIRE_VALUE_COMMUNITY_HINT:
        test_hint(1, 2, 1, at_s, v);
        break;
    case WIRE_VALUE_ROTATION:
        test_rotation(2, 3, 1, at_s, v);
        break;
    case WIRE_VALUE_REVOCATION:
        test_revocation(2, at_s, v);
        break;
    default:
        test_page(kind, 1, 0, 1, at_s, v);
    }
}

#define EACH_KIND(kind)                                                                            \
    for (enum wire_value_kind kind = WIRE_VALUE_MEMBER_RECORD; kind < WIRE_VALUE_NONE; kind++)

static void test_each_kind_under_its_own_key_only(void **state)
{
    struct test_value v;

    (void)state;
    EACH_KIND(kind)
    {
        struct dht_checked c, read;

        make(kind, NOW_S, &v);
        c = test_checked(&v, NOW_S);
        assert_int_equal(c.kind, kind);
        assert_memory_equal(c.sub, dht_value_sub(kind), 32);
        assert_int_equal(dht_value_read(v.key, c.sub, v.bytes, v.len, &read), WIRE_REFUSAL_NONE);
        assert_memory_equal(&c, &read, sizeof(c));
        v.key[31] ^= 1;
        assert_int_equal(check_at(&v, NOW_S), WIRE_REFUSAL_STORE_VALUE);
        assert_int_equal(dht_value_read(v.key, c.sub, v.bytes, v.len, &read),
                         WIRE_REFUSAL_STORE_VALUE);
    }
}

static void test_changed_bits_are_refused(void **state)
{
    static const enum wire_value_kind signed_whole[] = {WIRE_VALUE_MEMBER_RECORD,
                                                        WIRE_VALUE_ROTATION, WIRE_VALUE_REVOCATION};
    uint64_t rng = 20261130;
    uint32_t refused = 0;
    struct test_value v;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng);
    for (uint32_t n = 0; n < 600; n++) {
        struct dht_checked was, is;
        uint32_t at;

        make(signed_whole[n % 3], NOW_S, &v);
        was = test_checked(&v, NOW_S);
        at = (uint32_t)(test_random(&rng) % (8 * v.len));
        v.bytes[at / 8] ^= (uint8_t)(1u << at % 8);
        if (dht_value_check(v.key, v.bytes, v.len, NOW_S, &is) != WIRE_REFUSAL_NONE)
            refused++;
        else
            assert_memory_equal(&was, &is, sizeof(was)); /* another form of the same number */
    }
    assert_true(refused > 540);
    make(WIRE_VALUE_SHARE_RECORD, NOW_S, &v);
    *(uint8_t *)memmem(v.bytes, v.len, "a title", 7) ^= 1; /* texts are not signed */
    assert_int_equal(check_at(&v, NOW_S), WIRE_REFUSAL_NONE);
}

static void test_nothing_is_issued_far_ahead(void **state)
{
    struct test_value v;

    (void)state;
    EACH_KIND(kind)
    {
        make(kind, NOW_S + LIM_HELLO_SKEW_S, &v);
        assert_int_equal(check_at(&v, NOW_S), WIRE_REFUSAL_NONE);
        make(kind, NOW_S + LIM_HELLO_SKEW_S + 1, &v);
        assert_int_equal(check_at(&v, NOW_S), WIRE_REFUSAL_STORE_VALUE);
    }
}

static void test_member_expires(void **state)
{
    struct test_member m = member;
    struct test_value v;
    struct dht_checked c;

    (void)state;
    test_member_record(&m, &v);
    assert_int_equal(check_at(&v, m.expires_at - 1), WIRE_REFUSAL_NONE);
    assert_int_equal(check_at(&v, m.expires_at), WIRE_REFUSAL_STORE_VALUE);
    assert_int_equal(
        dht_value_read(v.key, dht_value_sub(WIRE_VALUE_MEMBER_RECORD), v.bytes, v.len, &c),
        WIRE_REFUSAL_NONE);
    m.expires_at = m.issued_at;
    test_member_record(&m, &v);
    assert_int_equal(check_at(&v, m.expires_at - 10), WIRE_REFUSAL_STORE_VALUE);
}

static void test_token_names_the_same(void **state)
{
    struct test_member m = member;
    struct test_value v;

    (void)state;
    m.of_token = m.community;
    test_member_record(&m, &v);
    assert_int_equal(check_at(&v, NOW_S), WIRE_REFUSAL_NONE);
    m.of_token = m.community + 1;
    test_member_record(&m, &v);
    assert_int_equal(check_at(&v, NOW_S), WIRE_REFUSAL_STORE_VALUE);
}

static void test_bounds_of_hints_and_pages(void **state)
{
    struct test_value v;

    (void)state;
    test_hint(1, 16, 8, NOW_S, &v);
    assert_int_equal(check_at(&v, NOW_S), WIRE_REFUSAL_NONE);
    test_hint(1, 17, 8, NOW_S, &v);
    assert_int_equal(check_at(&v, NOW_S), WIRE_REFUSAL_STORE_VALUE);
    test_hint(1, 16, 9, NOW_S, &v);
    assert_int_equal(check_at(&v, NOW_S), WIRE_REFUSAL_STORE_VALUE);
    test_page(WIRE_VALUE_MEMBERS_PAGE, 1, 1, 1, NOW_S, &v);
    assert_int_equal(check_at(&v, NOW_S), WIRE_REFUSAL_STORE_VALUE);
    test_page(WIRE_VALUE_SHARES_PAGE, 1, 1, 2, NOW_S, &v);
    assert_int_equal(check_at(&v, NOW_S), WIRE_REFUSAL_NONE);
}

static void test_rotation_needs_two_keys(void **state)
{
    struct test_value v;

    (void)state;
    test_rotation(2, 2, 1, NOW_S, &v);
    assert_int_equal(check_at(&v, NOW_S), WIRE_REFUSAL_STORE_VALUE);
}

static void test_fields_of_a_checked_value(void **state)
{
    struct rt_sign_key k;
    struct test_value v;
    struct dht_checked c;
    uint8_t id[32];

    (void)state;
    make(WIRE_VALUE_MEMBER_RECORD, NOW_S, &v);
    c = test_checked(&v, NOW_S);
    test_community(1, id);
    test_sign_key(2, &k);
    assert_memory_equal(c.community_id, id, 32);
    assert_memory_equal(c.subject, k.public_key, 32);
    assert_true(c.first == NOW_S && c.second == 3 && c.expires_at == NOW_S + 86400);
    make(WIRE_VALUE_SHARE_RECORD, NOW_S, &v);
    c = test_checked(&v, NOW_S);
    assert_memory_equal(c.community_id, id, 32);
    test_community(4, id); /* a share id, made in the same way */
    assert_memory_equal(c.subject, id, 32);
    assert_true(c.first == 5 && c.second == NOW_S && c.expires_at == UINT64_MAX);
    assert_int_equal(c.manifest_id[0], 9);
    make(WIRE_VALUE_REVOCATION, NOW_S, &v);
    c = test_checked(&v, NOW_S);
    assert_memory_equal(c.subject, k.public_key, 32);
    assert_int_equal(c.first, NOW_S);
}

static uint64_t content_of_member(const struct test_member *m)
{
    struct test_value v;

    test_member_record(m, &v);
    return test_checked(&v, NOW_S).content;
}

static uint64_t content_of_share(const struct test_share *s)
{
    struct test_value v;

    test_share_record(s, &v);
    return test_checked(&v, NOW_S).content;
}

static void test_content_without_sequence_and_times(void **state)
{
    struct test_member m = member;
    struct test_share s = share;

    (void)state;
    m.announce_seq++;
    m.issued_at++;
    m.expires_at++;
    assert_true(content_of_member(&m) == content_of_member(&member));
    m.status = WIRE_MEMBER_LEFT;
    assert_true(content_of_member(&m) != content_of_member(&member));
    m.status = WIRE_MEMBER_JOINED;
    m.of_token = m.community;
    assert_true(content_of_member(&m) != content_of_member(&member));
    s.seq++;
    s.updated_at++;
    assert_true(content_of_share(&s) == content_of_share(&share));
    s.title = "another";
    assert_true(content_of_share(&s) != content_of_share(&share));
    s = share;
    s.manifest_id[0]++;
    assert_true(content_of_share(&s) != content_of_share(&share));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_under_its_own_key_only),
        cmocka_unit_test(test_changed_bits_are_refused),
        cmocka_unit_test(test_nothing_is_issued_far_ahead),
        cmocka_unit_test(test_member_expires),
        cmocka_unit_test(test_token_names_the_same),
        cmocka_unit_test(test_bounds_of_hints_and_pages),
        cmocka_unit_test(test_rotation_needs_two_keys),
        cmocka_unit_test(test_fields_of_a_checked_value),
        cmocka_unit_test(test_content_without_sequence_and_times),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
