/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the relay's own check accepts the values of the payloads under their keys. A member record
 * has the expected community, member, sequence and times, and a valid signature. A provider list
 * names the provider. An identity depends only on the number of the member.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "dht/value_store/value_check.h"
#include "dht/dht_limits.h"
#include "loadgen/payload.h"
#include "wire_community.h"
#include "wire_dht.h"

#define NOW_S UINT64_C(1770000000)

static const uint8_t community_id[32] = "a community";

/* Decodes a STORE; s->value points into payload. */
static void assert_is_accepted(uint8_t *payload, size_t len, struct wire_store *s,
                               struct dht_checked *out)
{
    assert_true(len > 0 && len <= PAYLOAD_MAX);
    assert_int_equal(wire_store_decode(payload, len, s), RT_ERR_OK);
    assert_int_equal(s->ttl_secs, LIM_VALUE_TTL_MIN_S);
    assert_int_equal(dht_value_check(s->key, s->value.ptr, s->value.len, NOW_S, out),
                     WIRE_REFUSAL_NONE);
}

static void test_member(void **state)
{
    uint8_t payload[PAYLOAD_MAX];
    struct rt_sign_key member;
    struct wire_member_record m;
    struct dht_checked checked;
    struct wire_store s;

    (void)state;
    payload_member_identity(7, &member);
    assert_is_accepted(payload, payload_store_member(community_id, &member, 42, NOW_S, payload), &s,
                       &checked);
    assert_int_equal(checked.kind, WIRE_VALUE_MEMBER_RECORD);
    assert_int_equal(wire_member_record_decode((uint8_t *)(uintptr_t)s.value.ptr, s.value.len, &m),
                     RT_ERR_OK);
    assert_memory_equal(m.community_id, community_id, 32);
    assert_memory_equal(m.member_node_pubkey, member.public_key, 32);
    assert_int_equal(m.announce_seq, 42);
    assert_int_equal(m.status, WIRE_MEMBER_JOINED);
    assert_int_equal(m.issued_at, NOW_S);
    assert_int_equal(m.expires_at, NOW_S + 86400);
    assert_null(m.auth_token.ptr);
}

static void test_providers(void **state)
{
    static const uint8_t content_id[32] = "a content";
    uint8_t payload[PAYLOAD_MAX];
    struct dht_checked checked;
    struct wire_store s;

    (void)state;
    assert_is_accepted(payload, payload_store_providers(content_id, NOW_S, payload), &s, &checked);
    assert_int_equal(checked.kind, WIRE_VALUE_PROVIDERS);
    assert_int_equal(checked.peers, 1);
}

static void test_identities(void **state)
{
    struct rt_sign_key first, again, other;

    (void)state;
    payload_member_identity(256, &first);
    payload_member_identity(256, &again);
    payload_member_identity(1, &other);
    assert_memory_equal(first.public_key, again.public_key, 32);
    assert_memory_not_equal(first.public_key, other.public_key, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_member),
        cmocka_unit_test(test_providers),
        cmocka_unit_test(test_identities),
    };

    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
