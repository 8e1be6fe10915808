/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: values that crate 0.6.0 made or judged (tests/vectors/version2.txt) go through the store's
 * check. The check agrees with the crate on every value that is not expired or issued more than
 * 300 s ahead, and refuses the others. Announcements have the form that the crates verify.
 */
#include "unit/dht/support.h"

#include "unit/schemas/vector_file.h"
#include "wire_limits.h"

#define AT_S UINT64_C(1700000100) /* the vectors' time is 100 s before */

static bool is_tagged(const struct vector *v)
{
    static const char *const kinds[] = {"member_record", "share_record", "community_hint",
                                        "members_page",  "shares_page",  "rotation",
                                        "revocation"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(v->kind, kinds[i]) == 0)
            return true;
    return false;
}

static bool is_in_time(const struct vector *v)
{
    static const char *const issued[] = {"issued_at", "updated_at", "built_at"};

    for (size_t i = 0; i < sizeof(issued) / sizeof(issued[0]); i++)
        if (vector_has(v, issued[i]) && vector_u64(v, issued[i]) > AT_S + LIM_HELLO_SKEW_S)
            return false;
    return !vector_has(v, "expires_at") || vector_u64(v, "expires_at") > AT_S;
}

static uint64_t number(const struct vector *v, const char *key)
{
    return vector_has(v, key) ? vector_u64(v, key) : 0;
}

static bool is_within_bounds(const struct vector *v)
{
    if (vector_has(v, "auth_token") && strcmp(vector_text(v, "auth_token"), "-") == 0)
        return false; /* a token of no bytes does not decode */
    return number(v, "sample_members") <= 16 && number(v, "index_peers") <= 8 &&
           (!vector_has(v, "page_no") || number(v, "page_no") < number(v, "total_pages"));
}

static bool is_valid_for_the_crate(const struct vector *v)
{
    return is_within_bounds(v) && (!vector_has(v, "valid") || vector_bool(v, "valid")) &&
           (!vector_has(v, "signature_valid") || vector_bool(v, "signature_valid"));
}

struct tally {
    uint32_t taken, refused;
};

static void check_tagged(const struct vector *v, void *ctx)
{
    struct tally *t = ctx;
    struct dht_checked c;
    uint8_t key[32];
    bool is_taken;

    if (!is_tagged(v))
        return;
    vector_fixed(v, "key", key, sizeof(key));
    is_taken = dht_value_check(key, v->bytes, (uint32_t)v->len, AT_S, &c) == WIRE_REFUSAL_NONE;
    if (is_taken != (is_valid_for_the_crate(v) && is_in_time(v)))
        fail_msg("%s %s is %s", v->kind, v->name, is_taken ? "taken" : "refused");
    t->taken += is_taken;
    t->refused += !is_taken;
}

static void test_tagged_values_as_the_crate_judges_them(void **state)
{
    struct tally t = {0};

    (void)state;
    (void)vector_file_each("version2.txt", check_tagged, &t);
    print_message("%u taken, %u refused\n", t.taken, t.refused);
    assert_true(t.taken >= 12 && t.refused >= 10);
}

static void check_form(const struct vector *v, void *ctx)
{
    struct wire_announcement a;
    struct dht_checked c;
    uint8_t key[32], *copy;
    uint64_t bucket;

    if (strcmp(v->kind, "announcement_form") != 0)
        return;
    copy = malloc(v->len);
    assert_non_null(copy);
    memcpy(copy, v->bytes, v->len);
    assert_int_equal(wire_announcement_decode(copy, v->len, &a), RT_ERR_OK);
    bucket = wire_rendezvous_bucket(a.issued_at);
    wire_rendezvous_key(bucket, wire_rendezvous_slot(a.relay_pubkey, bucket, 0), key);
    assert_int_equal(dht_value_check(key, v->bytes, (uint32_t)v->len, a.issued_at, &c),
                     WIRE_REFUSAL_NONE);
    assert_int_equal(c.has_community_fields, vector_bool(v, "valid_8"));
    assert_int_equal(!c.has_community_fields, vector_bool(v, "valid_5"));
    ++*(uint32_t *)ctx;
    free(copy);
}

static void test_announcements_have_the_form_the_crates_verify(void **state)
{
    uint32_t count = 0;

    (void)state;
    (void)vector_file_each("version2.txt", check_form, &count);
    assert_int_equal(count, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tagged_values_as_the_crate_judges_them),
        cmocka_unit_test(test_announcements_have_the_form_the_crates_verify),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
