/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the bytes the published crate makes and reads (tests/vectors). For each of them
 *  - encoding the fields gives exactly those bytes (where the relay encodes such a message at all),
 *  - decoding and writing out again gives them once more, so that the decoder agrees as well,
 *  - signed bytes, ids and keys are the crate's, and signatures verify where it finds them valid,
 *  - odd forms are accepted or refused as the crate does, but where a relay may decide otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "unit/schemas/codec.h"
#include "unit/schemas/vector_file.h"
#include "wire_announce.h"
#include "wire_dht.h"
#include "wire_envelope.h"
#include "wire_hello.h"
#include "wire_peer.h"
#include "wire_relay.h"
#include "wire_state.h"
#include "wire_value.h"

#define PEERS_MAX 16

static uint8_t out[400 * 1024];

static struct wire_writer start(void)
{
    struct wire_writer w;
    wire_writer_init(&w, out, sizeof out);
    return w;
}

/* A route inside a route is checked and not kept: such a peer, which the lists called "all" hold,
 * is not written as it came. */
static bool has_nested_route(const struct vector *v)
{
    size_t len = strlen(v->name);
    return strcmp(v->name, "via_via") == 0 || (len >= 3 && strcmp(v->name + len - 3, "all") == 0);
}

static void assert_bytes(const struct vector *v, const uint8_t *got, size_t got_len,
                         const uint8_t *want, size_t want_len)
{
    if (got_len != want_len || memcmp(got, want, want_len) != 0)
        fail_msg("%s %s: %zu bytes instead of %zu, or different ones", v->kind, v->name, got_len,
                 want_len);
}

static void assert_written(const struct vector *v, const struct wire_writer *w)
{
    if (has_nested_route(v))
        return;
    assert_bytes(v, w->start, w->pos, v->bytes, v->len);
}

static void assert_field(const struct vector *v, const struct wire_writer *w, const char *key)
{
    size_t len;
    uint8_t *want = vector_bytes(v, key, &len);
    assert_bytes(v, w->start, w->pos, want, len);
    free(want);
}

static void assert_recodes(const struct vector *v, const char *codec)
{
    uint8_t *got;
    size_t len;
    if (codec_recode(codec_by_name(codec), v->bytes, v->len, &got, &len) != RT_ERR_OK)
        fail_msg("%s %s: refused", v->kind, v->name);
    if (!has_nested_route(v))
        assert_bytes(v, got, len, v->bytes, v->len);
    free(got);
}

static struct wire_capabilities capabilities_of(const struct vector *v)
{
    return (struct wire_capabilities){
        vector_bool(v, "dht"),          vector_bool(v, "store"),        vector_bool(v, "relay"),
        vector_bool(v, "content_seed"), vector_bool(v, "mobile_light"),
    };
}

/* Decodes the peers of list `key`; writing them again is checked through the message. */
static size_t peers_of(const struct vector *v, const char *key, struct wire_peer peers[PEERS_MAX])
{
    size_t count = vector_u64(v, key), len;
    assert_true(count <= PEERS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct wire_reader r;
        uint8_t *bytes = vector_bytes(v, vector_element(key, i), &len);
        wire_reader_init(&r, bytes, len);
        wire_read_peer(&r, &peers[i]);
        assert_int_equal(r.err, RT_ERR_OK);
        assert_int_equal(peers[i].raw.len, len);
        free(bytes);
        peers[i].raw = (struct wire_bytes){0};
    }
    return count;
}

/* -- hello -- */

static void check_hello(const struct vector *v)
{
    struct wire_hello h = {0};
    vector_fixed(v, "node_pubkey", h.node_pubkey, 32);
    h.capabilities = capabilities_of(v);
    vector_fixed(v, "nonce", h.nonce, 32);
    h.has_echoed_nonce = !vector_is_null(v, "echoed_nonce");
    if (h.has_echoed_nonce)
        vector_fixed(v, "echoed_nonce", h.echoed_nonce, 32);
    h.timestamp_unix_secs = vector_u64(v, "timestamp");
    h.protocol_version = (uint16_t)vector_u64(v, "version");
    vector_fixed(v, "ephemeral_pubkey", h.ephemeral_pubkey, 32);
    vector_fixed(v, "signature", h.signature, 64);

    struct wire_writer w = start();
    w.pos = wire_hello_encode(&h, out, WIRE_HELLO_MAX);
    assert_written(v, &w);
    w.pos = wire_hello_signed(&h, out, WIRE_HELLO_MAX);
    assert_field(v, &w, "signed");
    assert_true(rt_sign_verify(h.node_pubkey, out, w.pos, h.signature));
    assert_recodes(v, "hello");

    uint8_t seed[32], sig[64];
    struct rt_sign_key key;
    vector_fixed(v, "seed", seed, 32);
    rt_sign_key_from_seed(seed, &key);
    rt_sign(&key, out, w.pos, sig);
    assert_memory_equal(key.public_key, h.node_pubkey, 32);
    assert_memory_equal(sig, h.signature, 64);
}

static void check_session_secret(const struct vector *v)
{
    uint8_t mine[32], theirs[32], theirs_public[32], ikm[96], secret[32];
    vector_fixed(v, "client_eph_secret", mine, 32);
    vector_fixed(v, "server_eph_secret", theirs, 32);
    rt_kx_public(theirs, theirs_public);
    assert_true(rt_kx_shared(mine, theirs_public, ikm));
    vector_fixed(v, "client_nonce", ikm + 32, 32);
    vector_fixed(v, "server_nonce", ikm + 64, 32);
    rt_blake3_derive_key("scp2p-handshake-session-secret-v1", ikm, sizeof ikm, secret);
    assert_bytes(v, secret, 32, v->bytes, v->len);
}

static void each_hello(const struct vector *v, void *ctx)
{
    (void)ctx;
    if (strcmp(v->kind, "hello") == 0)
        check_hello(v);
    else
        check_session_secret(v);
}

static void test_hello(void **state)
{
    (void)state;
    assert_true(vector_file_each("hello.txt", each_hello, NULL) >= 8);
}

/* -- envelope -- */

static void each_envelope(const struct vector *v, void *ctx)
{
    (void)ctx;
    size_t len;
    uint8_t *payload = vector_bytes(v, "payload", &len);
    struct wire_writer w = start();
    w.pos = wire_envelope_bare_head(out, (uint16_t)vector_u64(v, "type"),
                                    (uint32_t)vector_u64(v, "req_id"),
                                    (uint16_t)vector_u64(v, "flags"), (uint32_t)len);
    wire_write_raw(&w, payload, len);
    assert_written(v, &w);
    assert_recodes(v, "envelope");
    free(payload);
}

static void test_envelope(void **state)
{
    (void)state;
    assert_true(vector_file_each("envelope.txt", each_envelope, NULL) >= 8);
}

/* -- payloads: encoders of the relay's own -- */

static bool encode_tunnel_message(const struct vector *v, struct wire_writer *w)
{
    struct wire_relay_register reg = {0};
    struct wire_relay_registered done = {0};
    struct wire_relay_stream stream = {0};
    switch (vector_u64(v, "type")) {
    case 450:
        reg.has_slot_id = !vector_is_null(v, "relay_slot_id");
        reg.slot_id = reg.has_slot_id ? vector_u64(v, "relay_slot_id") : 0;
        reg.tunnel = vector_bool(v, "tunnel");
        w->pos = wire_relay_register_encode(&reg, out, WIRE_RELAY_SMALL_MAX);
        return true;
    case 451:
        done.slot_id = vector_u64(v, "relay_slot_id");
        done.expires_at = vector_u64(v, "expires_at");
        w->pos = wire_relay_registered_encode(&done, out, WIRE_RELAY_SMALL_MAX);
        return true;
    case 452:
        w->pos =
            wire_relay_connect_encode(vector_u64(v, "relay_slot_id"), out, WIRE_RELAY_SMALL_MAX);
        return true;
    case 453: {
        size_t len;
        uint8_t *payload = vector_bytes(v, "payload", &len);
        stream.slot_id = vector_u64(v, "relay_slot_id");
        stream.stream_id = (uint32_t)vector_u64(v, "stream_id");
        stream.kind = strcmp(vector_text(v, "relay_kind"), "content") == 0 ? WIRE_KIND_CONTENT
                                                                           : WIRE_KIND_CONTROL;
        w->pos = wire_relay_stream_head(out, &stream, (uint32_t)len);
        wire_write_raw(w, payload, len);
        free(payload);
        return true;
    }
    }
    return false;
}

static bool encode_dht_message(const struct vector *v, struct wire_writer *w)
{
    struct wire_peer peers[PEERS_MAX];
    struct wire_store store = {0};
    uint8_t key[32];
    size_t len;
    switch (vector_u64(v, "type")) {
    case 100:
        len = peers_of(v, "peers", peers);
        wire_write_pex_offer(w, peers, len);
        return true;
    case 101:
        wire_write_pex_request(w, (uint8_t)vector_u64(v, "max_peers"));
        return true;
    case 200:
        vector_fixed(v, "target", key, 20);
        w->pos = wire_find_node_encode(key, out, WIRE_DHT_SMALL_MAX);
        return true;
    case 201:
        vector_fixed(v, "key", key, 32);
        w->pos = wire_find_value_encode(key, out, WIRE_DHT_SMALL_MAX);
        return true;
    case 202: {
        vector_fixed(v, "key", store.key, 32);
        uint8_t *value = vector_bytes(v, "value", &len);
        store.value = (struct wire_bytes){value, (uint32_t)len};
        store.ttl_secs = vector_u64(v, "ttl_secs");
        wire_write_store(w, &store);
        free(value);
        return true;
    }
    case 498:
        vector_fixed(v, "content_id", key, 32);
        len = peers_of(v, "providers", peers);
        wire_write_providers(w, key, peers, len, vector_u64(v, "updated_at"));
        return true;
    }
    return false;
}

static bool encode_content_message(const struct vector *v, struct wire_writer *w)
{
    uint8_t id[32];
    size_t len;
    switch (vector_u64(v, "type")) {
    case 401: {
        vector_fixed(v, "manifest_id", id, 32);
        uint8_t *bytes = vector_bytes(v, "bytes", &len);
        wire_write_manifest_data(w, id, (struct wire_bytes){bytes, (uint32_t)len});
        free(bytes);
        return true;
    }
    case 403:
        if (vector_u64(v, "shares") > 0)
            return false;
        wire_write_public_share_list_empty(w);
        return true;
    case 405:
        if (vector_bool(v, "joined"))
            return false;
        vector_fixed(v, "community_share_id", id, 32);
        wire_write_community_status_not_joined(w, id);
        return true;
    case 407:
        if (vector_u64(v, "shares") > 0)
            return false;
        vector_fixed(v, "community_share_id", id, 32);
        wire_write_community_share_list_empty(w, id);
        return true;
    case 460:
        wire_write_relay_list_request(w, (uint16_t)vector_u64(v, "max_count"));
        return true;
    }
    return false;
}

static void check_payload(const struct vector *v)
{
    struct wire_writer w = start();
    if (encode_tunnel_message(v, &w) || encode_dht_message(v, &w) || encode_content_message(v, &w))
        assert_written(v, &w);

    /* What is decoded but not kept whole is not written again. */
    const struct codec *c = codec_by_type((int)vector_u64(v, "type"));
    if (c == NULL || strstr(v->name, "community_public_shares_") != NULL) {
        uint8_t *got = NULL;
        size_t len;
        if (c != NULL)
            assert_int_equal(codec_recode(c, v->bytes, v->len, &got, &len), RT_ERR_OK);
        free(got);
        return;
    }
    assert_recodes(v, c->name);
}

static void check_answer(const struct vector *v)
{
    struct wire_peer peers[PEERS_MAX];
    struct wire_writer w = start();
    size_t count = peers_of(v, "peers", peers);
    if (vector_u64(v, "type") == 200) {
        wire_write_find_node_answer(&w, peers, count);
        assert_written(v, &w);
        assert_recodes(v, "find_node_answer");
        return;
    }
    struct wire_store store = {0};
    uint8_t *value = NULL;
    size_t len;
    if (!vector_is_null(v, "value")) {
        value = vector_bytes(v, "value", &len);
        store.value = (struct wire_bytes){value, (uint32_t)len};
        vector_fixed(v, "key", store.key, 32);
        store.ttl_secs = vector_u64(v, "ttl_secs");
    }
    wire_write_find_value_answer(&w, value != NULL ? &store : NULL, peers, count);
    assert_written(v, &w);
    assert_recodes(v, "find_value_answer");
    free(value);
}

static void each_payload(const struct vector *v, void *ctx)
{
    (void)ctx;
    if (strcmp(v->kind, "payload") == 0)
        check_payload(v);
    else
        check_answer(v);
}

static void test_payload(void **state)
{
    (void)state;
    assert_true(vector_file_each("payload.txt", each_payload, NULL) >= 60);
}

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

/* -- odd forms -- */

static const struct codec *codec_of(const struct vector *v)
{
    const char *what = vector_text(v, "what");
    return strcmp(what, "payload") == 0 ? codec_by_type((int)vector_u64(v, "type"))
                                        : codec_by_name(what);
}

static void check_accepted_envelope(const struct vector *v, uint8_t *encoded, size_t len)
{
    struct wire_envelope e;
    size_t payload_len;
    uint8_t *payload = vector_bytes(v, "payload", &payload_len);
    assert_int_equal(wire_envelope_decode(encoded, len, &e), RT_ERR_OK);
    assert_int_equal(e.type, vector_u64(v, "type"));
    assert_int_equal(e.req_id, vector_u64(v, "req_id"));
    assert_int_equal(e.flags, vector_u64(v, "flags"));
    assert_bytes(v, e.payload.ptr, e.payload.len, payload, payload_len);
    free(payload);
}

static void check_accepted(const struct vector *v, const struct codec *c, uint8_t *got, size_t len)
{
    struct wire_writer w = start();
    if (strcmp(c->name, "envelope") == 0) {
        check_accepted_envelope(v, got, len);
    } else if (strcmp(c->name, "hello") == 0) {
        struct wire_hello h;
        assert_int_equal(wire_hello_decode(got, len, &h), RT_ERR_OK);
        w.pos = wire_hello_signed(&h, out, WIRE_HELLO_MAX);
        assert_field(v, &w, "signed");
    } else if (strcmp(c->name, "manifest") == 0) {
        struct wire_manifest m;
        assert_int_equal(wire_manifest_decode(got, len, &m), RT_ERR_OK);
        assert_int_equal(wire_manifest_id(&m, out, sizeof out, out), RT_ERR_OK);
        w.pos = 32;
        assert_field(v, &w, "manifest_id");
    } else if (strcmp(vector_text(v, "what"), "payload") == 0 &&
               strcmp(v->name, "peer_via_chain") != 0) {
        w = (struct wire_writer){got, got + len, len};
        assert_field(v, &w, "canonical");
    }
}

static void each_odd_form(const struct vector *v, void *ctx)
{
    (void)ctx;
    const struct codec *c = codec_of(v);
    uint8_t *got;
    size_t len;
    bool may_differ = vector_bool(v, "may_differ");
    bool is_accept = strcmp(v->kind, "accept") == 0;
    assert_non_null(c);
    rt_err err = codec_recode(c, v->bytes, v->len, &got, &len);
    if (!may_differ && (err == RT_ERR_OK) != is_accept)
        fail_msg("%s %s: error %d", v->kind, v->name, err);
    if (err != RT_ERR_OK)
        return;
    if (is_accept)
        check_accepted(v, c, got, len);
    free(got);
}

static void test_odd_forms(void **state)
{
    (void)state;
    assert_true(vector_file_each("decode.txt", each_odd_form, NULL) >= 90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello),     cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_payload),   cmocka_unit_test(test_value),
        cmocka_unit_test(test_key),       cmocka_unit_test(test_state),
        cmocka_unit_test(test_odd_forms),
    };
    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
