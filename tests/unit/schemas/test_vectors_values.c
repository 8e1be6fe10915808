/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the values, keys and database rows the published crate makes (tests/vectors). For each
 *  - encoding the fields gives exactly those bytes, decoding and writing them out again too,
 *  - signed bytes, ids and keys are the crate's, and signatures verify where it finds them valid.
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
#include "wire_state.h"
#include "wire_value.h"

/* -- values -- */

static void check_share_head(const struct vector *v)
{
    struct wire_share_head h = {0};
    uint8_t key[32], want[32], pubkey[32];
    size_t sig_len;
    uint8_t *sig = vector_bytes(v, "sig", &sig_len);
    if (sig_len != 64) {
        assert_int_equal(wire_share_head_decode(v->bytes, v->len, &h), RT_ERR_BAD_SIGNATURE);
        free(sig);
        return;
    }
    memcpy(h.sig, sig, 64);
    free(sig);
    vector_fixed(v, "share_id", h.share_id, 32);
    vector_fixed(v, "latest_manifest_id", h.latest_manifest_id, 32);
    h.latest_seq = vector_u64(v, "latest_seq");
    h.updated_at = vector_u64(v, "updated_at");

    struct wire_writer w = start();
    wire_write_share_head(&w, &h);
    assert_written(v, &w);
    assert_recodes(v, "share_head");
    w = start();
    wire_write_share_head_signed(&w, &h);
    assert_field(v, &w, "signed");
    vector_fixed(v, "share_pubkey", pubkey, 32);
    assert_int_equal(rt_sign_verify(pubkey, out, w.pos, h.sig), vector_bool(v, "signature_valid"));
    wire_share_head_key(h.share_id, key);
    vector_fixed(v, "key", want, 32);
    assert_memory_equal(key, want, 32);
    assert_int_equal(wire_value_kind(v->bytes, v->len), WIRE_VALUE_SHARE_HEAD);
}

static void check_peer_set(const struct vector *v, bool is_providers)
{
    struct wire_peer peers[PEERS_MAX];
    uint8_t id[32], key[32], want[32];
    size_t count = peers_of(v, "peers", peers);
    struct wire_writer w = start();
    vector_fixed(v, is_providers ? "content_id" : "community_share_id", id, 32);
    if (is_providers)
        wire_write_providers(&w, id, peers, count, vector_u64(v, "updated_at"));
    else
        wire_write_members(&w, id, peers, count, vector_u64(v, "updated_at"));
    assert_written(v, &w);
    assert_recodes(v, v->kind);
    if (is_providers)
        wire_providers_key(id, key);
    else
        wire_members_key(id, key);
    vector_fixed(v, "key", want, 32);
    assert_memory_equal(key, want, 32);
    assert_int_equal(wire_value_kind(v->bytes, v->len),
                     is_providers ? WIRE_VALUE_PROVIDERS : WIRE_VALUE_MEMBERS);
}

static void check_manifest(const struct vector *v)
{
    struct wire_manifest m;
    uint8_t field[64], key[32], id[32];
    assert_recodes(v, "manifest");
    assert_int_equal(wire_value_kind(v->bytes, v->len), WIRE_VALUE_MANIFEST);
    assert_int_equal(wire_manifest_decode(v->bytes, v->len, &m), RT_ERR_OK);
    assert_int_equal(m.seq, vector_u64(v, "seq"));
    assert_int_equal(m.items.count, vector_u64(v, "items"));
    vector_fixed(v, "share_pubkey", field, 32);
    assert_memory_equal(m.share_pubkey, field, 32);
    vector_fixed(v, "share_id", field, 32);
    assert_memory_equal(m.share_id, field, 32);
    assert_int_equal(m.has_signature, !vector_is_null(v, "signature"));
    assert_int_equal(wire_manifest_is_consistent(&m), m.has_signature);

    assert_int_equal(wire_manifest_id(&m, out, WIRE_MANIFEST_ENCODED_MAX(v->len), id), RT_ERR_OK);
    vector_fixed(v, "manifest_id", field, 32);
    assert_memory_equal(id, field, 32);
    wire_manifest_key(id, key);
    vector_fixed(v, "key", field, 32);
    assert_memory_equal(key, field, 32);

    struct wire_writer w = start();
    wire_write_manifest_signed(&w, &m);
    assert_field(v, &w, "signed");
    if (m.has_signature) {
        vector_fixed(v, "signature", field, 64);
        assert_memory_equal(m.signature, field, 64);
        assert_int_equal(rt_sign_verify(m.share_pubkey, out, w.pos, m.signature),
                         vector_bool(v, "signature_valid"));
    }
}

static enum wire_bandwidth bandwidth_of(const char *text)
{
    return strcmp(text, "Low") == 0      ? WIRE_BANDWIDTH_LOW
           : strcmp(text, "Medium") == 0 ? WIRE_BANDWIDTH_MEDIUM
                                         : WIRE_BANDWIDTH_HIGH;
}

static void check_announcement_keys(const struct vector *v, const struct wire_announcement *a)
{
    static const char *const names[] = {"key_before_0", "key_before_1", "key_now_0",
                                        "key_now_1",    "key_after_0",  "key_after_1"};
    uint64_t bucket = wire_rendezvous_bucket(a->issued_at) - 1;
    for (size_t i = 0; i < 6; i++) {
        uint8_t want[32], got[32];
        vector_fixed(v, names[i], want, 32);
        wire_rendezvous_key(bucket + i / 2,
                            wire_rendezvous_slot(a->relay_pubkey, bucket + i / 2, i % 2), got);
        assert_memory_equal(got, want, 32);
        assert_true(wire_announcement_has_key(a, want));
        want[0] ^= 1;
        assert_false(wire_announcement_has_key(a, want));
    }
}

static void check_announcement(const struct vector *v)
{
    struct wire_announcement a = {0};
    struct wire_peer peers[PEERS_MAX];
    static uint8_t addrs[4096];
    struct wire_writer w;
    size_t count = peers_of(v, "addrs", peers);
    wire_writer_init(&w, addrs, sizeof addrs);
    wire_write_peer_list(&w, peers, count);
    a.addrs = (struct wire_list){{addrs, (uint32_t)w.pos}, (uint32_t)count};
    vector_fixed(v, "relay_pubkey", a.relay_pubkey, 32);
    a.capabilities = capabilities_of(v);
    a.max_tunnels = (uint16_t)vector_u64(v, "max_tunnels");
    a.bandwidth_class = bandwidth_of(vector_text(v, "bandwidth_class"));
    a.has_max_bytes_per_tunnel = !vector_is_null(v, "max_bytes_per_tunnel");
    if (a.has_max_bytes_per_tunnel)
        a.max_bytes_per_tunnel = vector_u64(v, "max_bytes_per_tunnel");
    a.issued_at = vector_u64(v, "issued_at");
    a.expires_at = vector_u64(v, "expires_at");
    vector_fixed(v, "signature", a.signature, 64);

    w = start();
    wire_write_announcement(&w, &a);
    assert_written(v, &w);
    assert_recodes(v, "relay_announcement");
    w = start();
    wire_write_announcement_signed(&w, &a);
    assert_field(v, &w, "signed");
    assert_int_equal(wire_announcement_is_valid(&a), strcmp(v->name, "too_long") != 0);
    assert_int_equal(wire_announcement_is_valid(&a) &&
                         rt_sign_verify(a.relay_pubkey, out, w.pos, a.signature),
                     vector_bool(v, "valid"));
    check_announcement_keys(v, &a);
    assert_int_equal(wire_value_kind(v->bytes, v->len), WIRE_VALUE_ANNOUNCEMENT);
}

static void each_value(const struct vector *v, void *ctx)
{
    (void)ctx;
    if (strcmp(v->kind, "share_head") == 0)
        check_share_head(v);
    else if (strcmp(v->kind, "manifest") == 0)
        check_manifest(v);
    else if (strcmp(v->kind, "relay_announcement") == 0)
        check_announcement(v);
    else
        check_peer_set(v, strcmp(v->kind, "providers") == 0);
}

static void test_value(void **state)
{
    (void)state;
    assert_true(vector_file_each("value.txt", each_value, NULL) >= 20);
}

/* -- keys and ids -- */

static void each_key(const struct vector *v, void *ctx)
{
    (void)ctx;
    uint8_t in[32], got[32];
    size_t len = 32;
    bool is_key = strncmp(v->kind, "key_", 4) == 0;
    if (strcmp(v->kind, "key_rendezvous") == 0) {
        wire_rendezvous_key(vector_u64(v, "bucket"), (uint32_t)vector_u64(v, "slot"), got);
    } else if (is_key) {
        vector_fixed(v, "id", in, 32);
        if (strcmp(v->kind, "key_share_head") == 0)
            wire_share_head_key(in, got);
        else if (strcmp(v->kind, "key_manifest") == 0)
            wire_manifest_key(in, got);
        else if (strcmp(v->kind, "key_providers") == 0)
            wire_providers_key(in, got);
        else
            wire_members_key(in, got);
    } else if (strcmp(v->kind, "ed25519_pubkey") == 0) {
        struct rt_sign_key key;
        vector_fixed(v, "seed", in, 32);
        rt_sign_key_from_seed(in, &key);
        memcpy(got, key.public_key, 32);
    } else {
        vector_fixed(v, "pubkey", in, 32);
        if (strcmp(v->kind, "share_id") == 0) {
            wire_share_id(in, got);
        } else if (strcmp(v->kind, "node_id") == 0) {
            rt_node_id(in, got);
            len = 20;
        } else {
            got[0] = (uint8_t)wire_rendezvous_slot(in, vector_u64(v, "bucket"),
                                                   (uint8_t)vector_u64(v, "which"));
            len = 1;
        }
    }
    assert_bytes(v, got, len, v->bytes, v->len);
}

static void test_key(void **state)
{
    (void)state;
    assert_true(vector_file_each("key.txt", each_key, NULL) >= 40);
}

/* -- state database -- */

static struct wire_peer_hop hop_of(const struct vector *v, bool is_via)
{
    struct wire_peer_hop hop = {0};
    size_t len;
    uint8_t *ip = vector_bytes(v, is_via ? "via_ip" : "ip", &len);
    memcpy(hop.ip, ip, len);
    hop.is_ipv6 = len == 16;
    free(ip);
    hop.port = (uint16_t)vector_u64(v, is_via ? "via_port" : "port");
    const char *transport = vector_text(v, is_via ? "via_transport" : "transport");
    hop.transport = strcmp(transport, "tcp") == 0 ? WIRE_TCP : WIRE_QUIC;
    const char *hint = is_via ? "via_hint" : "hint";
    hop.has_pubkey_hint = !vector_is_null(v, hint);
    if (hop.has_pubkey_hint)
        vector_fixed(v, hint, hop.pubkey_hint, 32);
    return hop;
}

static void check_peer(const struct vector *v)
{
    struct wire_peer want = {.hop = hop_of(v, false)}, got;
    want.has_relay_via = !vector_is_null(v, "via");
    if (want.has_relay_via) {
        want.relay_addr = hop_of(v, true);
        want.relay_slot_id = vector_u64(v, "via_slot");
    }
    struct wire_reader r;
    wire_reader_init(&r, v->bytes, v->len);
    wire_read_peer(&r, &got);
    assert_int_equal(r.err, RT_ERR_OK);
    assert_ptr_equal(got.raw.ptr, v->bytes);
    assert_int_equal(got.raw.len, v->len);
    assert_memory_equal(&got.hop, &want.hop, sizeof want.hop);
    assert_memory_equal(&got.relay_addr, &want.relay_addr, sizeof want.relay_addr);
    assert_int_equal(got.has_relay_via, want.has_relay_via);
    assert_int_equal(got.relay_slot_id, want.relay_slot_id);
    struct wire_writer w = start();
    wire_write_peer(&w, &want);
    assert_written(v, &w);
}

static void check_peer_record(const struct vector *v)
{
    struct wire_peer_row row = {0};
    struct wire_reader r;
    size_t len;
    uint8_t *addr = vector_bytes(v, "addr", &len);
    wire_reader_init(&r, addr, len);
    wire_read_peer(&r, &row.addr);
    row.last_seen_unix = vector_u64(v, "last_seen_unix");
    row.has_capabilities = !vector_is_null(v, "capabilities");
    if (row.has_capabilities)
        row.capabilities = capabilities_of(v);
    row.has_capabilities_seen_at = !vector_is_null(v, "capabilities_seen_at");
    if (row.has_capabilities_seen_at)
        row.capabilities_seen_at = vector_u64(v, "capabilities_seen_at");
    row.reputation_score = (int32_t)vector_i64(v, "reputation_score");
    free(addr);
    struct wire_writer w = start();
    wire_write_peer_row(&w, &row);
    assert_written(v, &w);
    assert_recodes(v, "peer_record");
}

static void check_pins(const struct vector *v)
{
    size_t count = vector_u64(v, "pins");
    struct wire_writer w = start();
    wire_write_pins(&w, count);
    for (size_t i = 0; i < count; i++) {
        size_t len;
        uint8_t key[32];
        uint8_t *entry = vector_bytes(v, vector_element("entry", i), &len);
        vector_fixed(v, vector_element("key", i), key, 32);
        wire_write_pin(&w, (struct wire_bytes){entry, (uint32_t)len}, key);
        free(entry);
    }
    assert_written(v, &w);
    assert_recodes(v, v->kind);
}

static void each_state(const struct vector *v, void *ctx)
{
    (void)ctx;
    uint8_t seed[32], got[32];
    if (strcmp(v->kind, "peer") == 0) {
        check_peer(v);
    } else if (strcmp(v->kind, "peer_record") == 0) {
        check_peer_record(v);
    } else if (strcmp(v->kind, "pinned_bootstrap_keys") == 0) {
        check_pins(v);
    } else if (strcmp(v->kind, "node_key") == 0) {
        vector_fixed(v, "seed", seed, 32);
        assert_recodes(v, v->kind);
        assert_int_equal(wire_node_key_decode(v->bytes, v->len, got), RT_ERR_OK);
        assert_memory_equal(got, seed, 32);
    }
}

static void test_state(void **state)
{
    (void)state;
    assert_true(vector_file_each("state.txt", each_state, NULL) >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_state),
    };
    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
