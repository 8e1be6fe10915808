/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the values that crate 0.6.0 makes (tests/vectors/version2.txt), as in
 * test_vectors_values.c. For each value
 *  - encoding the fields gives exactly those bytes, and so does encoding the decoded value;
 *  - signed bytes and keys equal the crate's;
 *  - signatures verify and structural rules hold if and only if the crate finds the value valid.
 * Announcements are signed over 5 or 8 capability fields and sent with 5 or 8. Each verifies over
 * the signed form only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "unit/schemas/vector_check.h"
#include "wire_announce.h"
#include "wire_community.h"
#include "wire_value.h"

static void assert_key(const struct vector *v, const uint8_t key[32])
{
    uint8_t want[32];
    vector_fixed(v, "key", want, 32);
    assert_bytes(v, key, 32, want, 32);
}

/* The writer holds the signed bytes. */
static bool is_signature_by(const struct wire_writer *w, const uint8_t pubkey[32],
                            const uint8_t sig[64])
{
    return rt_sign_verify(pubkey, out, w->pos, sig);
}

/* A text or bytes that may be null. The caller frees them with the other fields of the vector. */
static uint8_t *optional_field(const struct vector *v, const char *key, struct wire_bytes *field)
{
    size_t len;
    if (vector_is_null(v, key))
        return NULL;
    uint8_t *bytes = vector_bytes(v, key, &len);
    *field = (struct wire_bytes){bytes, (uint32_t)len};
    return bytes;
}

/* The elements of list `key` as an encoded array. */
static struct wire_list list_of(const struct vector *v, const char *key, uint8_t *buf, size_t cap)
{
    struct wire_writer w;
    bool fits;
    uint32_t count = (uint32_t)vector_u64(v, key);
    wire_writer_init(&w, buf, cap);
    wire_write_array(&w, count);
    for (size_t i = 0; i < count; i++) {
        size_t len;
        uint8_t *bytes = vector_bytes(v, vector_element(key, i), &len);
        wire_write_raw(&w, bytes, len);
        free(bytes);
    }
    size_t len = wire_writer_len(&w, &fits);
    assert_true(fits);
    return (struct wire_list){{buf, (uint32_t)len}, count};
}

/* -- records of communities -- */

static void check_member_record(const struct vector *v)
{
    struct wire_member_record x = {0};
    uint8_t key[32];
    vector_fixed(v, "community_id", x.community_id, 32);
    vector_fixed(v, "member_node_pubkey", x.member_node_pubkey, 32);
    x.announce_seq = vector_u64(v, "announce_seq");
    x.status =
        strcmp(vector_text(v, "status"), "joined") == 0 ? WIRE_MEMBER_JOINED : WIRE_MEMBER_LEFT;
    x.issued_at = vector_u64(v, "issued_at");
    x.expires_at = vector_u64(v, "expires_at");
    vector_fixed(v, "signature", x.signature, 64);
    uint8_t *token = optional_field(v, "auth_token", &x.auth_token);

    struct wire_writer w = start();
    wire_write_member_record(&w, &x);
    assert_written(v, &w);
    w = start();
    wire_write_member_record_signed(&w, &x);
    assert_field(v, &w, "signed");
    assert_int_equal(is_signature_by(&w, x.member_node_pubkey, x.signature),
                     vector_bool(v, "signature_valid"));
    assert_int_equal(wire_member_record_is_valid(&x),
                     strcmp(v->name, "joined_with_empty_token") != 0);
    wire_member_record_key(x.community_id, x.member_node_pubkey, key);
    assert_key(v, key);
    assert_int_equal(wire_value_kind(v->bytes, v->len), WIRE_VALUE_MEMBER_RECORD);
    free(token);
}

static void check_membership_token(const struct vector *v)
{
    struct wire_membership_token x = {0};
    uint8_t pubkey[32];
    vector_fixed(v, "community_share_id", x.community_share_id, 32);
    vector_fixed(v, "member_node_pubkey", x.member_node_pubkey, 32);
    x.issued_at = vector_u64(v, "issued_at");
    x.expires_at = vector_u64(v, "expires_at");
    vector_fixed(v, "signature", x.signature, 64);

    struct wire_writer w = start();
    wire_write_membership_token(&w, &x);
    assert_written(v, &w);
    w = start();
    wire_write_membership_token_signed(&w, &x);
    assert_field(v, &w, "signed");
    vector_fixed(v, "community_pubkey", pubkey, 32);
    assert_int_equal(is_signature_by(&w, pubkey, x.signature), vector_bool(v, "signature_valid"));
}

static void check_share_record(const struct vector *v)
{
    struct wire_share_record x = {0};
    uint8_t key[32];
    vector_fixed(v, "community_id", x.community_id, 32);
    vector_fixed(v, "share_id", x.share_id, 32);
    vector_fixed(v, "share_pubkey", x.share_pubkey, 32);
    vector_fixed(v, "latest_manifest_id", x.latest_manifest_id, 32);
    x.latest_seq = vector_u64(v, "latest_seq");
    x.updated_at = vector_u64(v, "updated_at");
    vector_fixed(v, "signature", x.signature, 64);
    uint8_t *title = optional_field(v, "title", &x.title);
    uint8_t *description = optional_field(v, "description", &x.description);

    struct wire_writer w = start();
    wire_write_share_record(&w, &x);
    assert_written(v, &w);
    w = start();
    wire_write_share_record_signed(&w, &x);
    assert_field(v, &w, "signed");
    bool is_signed = is_signature_by(&w, x.share_pubkey, x.signature);
    assert_int_equal(is_signed, vector_bool(v, "signature_valid"));
    assert_int_equal(is_signed && wire_share_record_is_valid(&x), vector_bool(v, "valid"));
    wire_share_record_key(x.community_id, x.share_id, key);
    assert_key(v, key);
    assert_int_equal(wire_value_kind(v->bytes, v->len), WIRE_VALUE_SHARE_RECORD);
    free(title);
    free(description);
}

/* -- hints and pages -- */

static void check_hint(const struct vector *v)
{
    static uint8_t sample[4096], index[4096];
    struct wire_community_hint x = {0};
    uint8_t key[32];
    vector_fixed(v, "community_id", x.community_id, 32);
    x.member_count_estimate = vector_u64(v, "member_count_estimate");
    x.sample_members = list_of(v, "sample_members", sample, sizeof sample);
    x.index_peers = list_of(v, "index_peers", index, sizeof index);
    x.updated_at = vector_u64(v, "updated_at");

    struct wire_writer w = start();
    wire_write_community_hint(&w, &x);
    assert_written(v, &w);
    assert_int_equal(wire_community_hint_is_valid(&x), strncmp(v->name, "too_many", 8) != 0);
    wire_members_key(x.community_id, key);
    assert_key(v, key);
    assert_int_equal(wire_value_kind(v->bytes, v->len), WIRE_VALUE_COMMUNITY_HINT);
}

static void check_page(const struct vector *v, bool has_members)
{
    static uint8_t entries[4096];
    struct wire_community_page x = {0};
    uint8_t key[32];
    vector_fixed(v, "community_id", x.community_id, 32);
    x.bucket = vector_u64(v, "bucket");
    x.page_no = (uint16_t)vector_u64(v, "page_no");
    x.total_pages = (uint16_t)vector_u64(v, "total_pages");
    x.entries = list_of(v, "entries", entries, sizeof entries);
    x.built_at = vector_u64(v, "built_at");

    struct wire_writer w = start();
    if (has_members)
        wire_write_members_page(&w, &x);
    else
        wire_write_shares_page(&w, &x);
    assert_written(v, &w);
    assert_int_equal(wire_community_page_is_valid(&x), x.page_no < x.total_pages);
    assert_int_equal(x.built_at / WIRE_PAGE_BUCKET_S, x.bucket);
    if (has_members)
        wire_members_page_key(x.community_id, x.bucket, x.page_no, key);
    else
        wire_shares_page_key(x.community_id, x.bucket, x.page_no, key);
    assert_key(v, key);
    assert_int_equal(wire_value_kind(v->bytes, v->len),
                     has_members ? WIRE_VALUE_MEMBERS_PAGE : WIRE_VALUE_SHARES_PAGE);
}

/* -- rotations and revocations -- */

static enum wire_subject_kind subject_of(const struct vector *v)
{
    return strcmp(vector_text(v, "subject_kind"), "node") == 0 ? WIRE_SUBJECT_NODE
                                                               : WIRE_SUBJECT_SHARE_PUBLISHER;
}

static void check_rotation(const struct vector *v)
{
    struct wire_rotation x = {.subject_kind = subject_of(v)};
    uint8_t key[32];
    vector_fixed(v, "old_pubkey", x.old_pubkey, 32);
    vector_fixed(v, "new_pubkey", x.new_pubkey, 32);
    x.rotation_seq = vector_u64(v, "rotation_seq");
    x.issued_at = vector_u64(v, "issued_at");
    vector_fixed(v, "old_key_signature", x.old_key_signature, 64);
    vector_fixed(v, "new_key_signature", x.new_key_signature, 64);

    struct wire_writer w = start();
    wire_write_rotation(&w, &x);
    assert_written(v, &w);
    w = start();
    wire_write_rotation_signed(&w, &x);
    assert_field(v, &w, "signed");
    assert_int_equal(is_signature_by(&w, x.old_pubkey, x.old_key_signature) &&
                         is_signature_by(&w, x.new_pubkey, x.new_key_signature),
                     vector_bool(v, "signature_valid"));
    assert_int_equal(wire_rotation_is_valid(&x), strcmp(v->name, "same_key") != 0);
    wire_rotation_key(x.old_pubkey, key);
    assert_key(v, key);
    assert_int_equal(wire_value_kind(v->bytes, v->len), WIRE_VALUE_ROTATION);
}

static enum wire_revocation_reason reason_of(const struct vector *v)
{
    static const char *const words[] = {"unspecified", "compromised", "superseded", "retired"};
    int reason = 0;
    while (strcmp(words[reason], vector_text(v, "reason")) != 0)
        reason++;
    return (enum wire_revocation_reason)reason;
}

static void check_revocation(const struct vector *v)
{
    struct wire_revocation x = {.subject_kind = subject_of(v), .reason = reason_of(v)};
    uint8_t key[32];
    vector_fixed(v, "pubkey", x.pubkey, 32);
    x.issued_at = vector_u64(v, "issued_at");
    vector_fixed(v, "signature", x.signature, 64);

    struct wire_writer w = start();
    wire_write_revocation(&w, &x);
    assert_written(v, &w);
    w = start();
    wire_write_revocation_signed(&w, &x);
    assert_field(v, &w, "signed");
    assert_int_equal(is_signature_by(&w, x.pubkey, x.signature), vector_bool(v, "signature_valid"));
    wire_revocation_key(x.pubkey, key);
    assert_key(v, key);
    assert_int_equal(wire_value_kind(v->bytes, v->len), WIRE_VALUE_REVOCATION);
}

/* -- announcements -- */

static void check_announcement_form(const struct vector *v)
{
    struct wire_announcement a;
    assert_recodes(v, "relay_announcement");
    assert_int_equal(wire_announcement_decode(v->bytes, v->len, &a), RT_ERR_OK);
    const char *sent = strstr(v->name, "sent_");
    assert_non_null(sent);
    assert_int_equal(a.capabilities.has_community_fields, strcmp(sent, "sent_8") == 0);
    assert_true(wire_announcement_is_valid(&a));

    for (int is_8 = 0; is_8 <= 1; is_8++) {
        struct wire_writer w = start();
        a.capabilities.has_community_fields = is_8;
        wire_write_announcement_signed(&w, &a);
        assert_field(v, &w, is_8 ? "signed_8" : "signed_5");
        assert_int_equal(is_signature_by(&w, a.relay_pubkey, a.signature),
                         vector_bool(v, is_8 ? "valid_8" : "valid_5"));
    }
    assert_int_not_equal(vector_bool(v, "valid_5"), vector_bool(v, "valid_8"));
}

/* -- the table -- */

static void check_members_page(const struct vector *v)
{
    check_page(v, true);
}

static void check_shares_page(const struct vector *v)
{
    check_page(v, false);
}

static const struct {
    const char *kind;
    void (*check)(const struct vector *v);
    size_t at_least;
} kinds[] = {
    {"member_record", check_member_record, 7}, {"membership_token", check_membership_token, 1},
    {"share_record", check_share_record, 6},   {"community_hint", check_hint, 6},
    {"members_page", check_members_page, 3},   {"shares_page", check_shares_page, 2},
    {"rotation", check_rotation, 4},           {"revocation", check_revocation, 5},
};
#define KINDS (sizeof kinds / sizeof *kinds)
static size_t counts[KINDS], form_count;

static void each(const struct vector *v, void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < KINDS; i++) {
        if (strcmp(v->kind, kinds[i].kind) != 0)
            continue;
        kinds[i].check(v);
        assert_recodes(v, v->kind);
        counts[i]++;
    }
    if (strcmp(v->kind, "announcement_form") == 0) {
        check_announcement_form(v);
        form_count++;
    }
}

static void test_version2_values(void **state)
{
    (void)state;
    vector_file_each("version2.txt", each, NULL);
    for (size_t i = 0; i < KINDS; i++)
        assert_true(counts[i] >= kinds[i].at_least);
    assert_int_equal(form_count, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_version2_values)};
    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
