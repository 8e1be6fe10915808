/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the messages that the published crates make and read (tests/vectors). For each message
 *  - encoding the fields gives exactly those bytes, if the relay encodes such a message at all;
 *  - encoding the decoded message gives the same bytes;
 *  - the bytes that a hello's signature covers equal the crate's, and the signature verifies;
 *  - odd forms are accepted or rejected as by the crate, except where a relay may differ.
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
#include "unit/schemas/vector_check.h"
#include "wire_announce.h"
#include "wire_browse.h"
#include "wire_dht.h"
#include "wire_envelope.h"
#include "wire_relay.h"
#include "wire_value.h"

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
        if (vector_has(v, "name") && !vector_is_null(v, "name"))
            return false;
        vector_fixed(v, "community_share_id", id, 32);
        if (vector_bool(v, "joined"))
            wire_write_community_status_joined(w, id);
        else
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

/* -- payloads: answers about communities -- */

static uint8_t *text_element(const struct vector *v, const char *key, size_t i,
                             struct wire_bytes *text)
{
    size_t len;
    if (vector_is_null(v, vector_element(key, i)))
        return NULL;
    uint8_t *bytes = vector_bytes(v, vector_element(key, i), &len);
    *text = (struct wire_bytes){bytes, (uint32_t)len};
    return bytes;
}

/* By type: entry i of a 413, hit i of a 415, or event i of a 417. */
static void write_share(const struct vector *v, size_t i, struct wire_writer *w)
{
    struct wire_share_record share = {0};
    uint64_t type = vector_u64(v, "type");
    vector_fixed(v, vector_element("share_id", i), share.share_id, 32);
    share.latest_seq = vector_u64(v, vector_element("latest_seq", i));
    uint8_t *title = text_element(v, "title", i, &share.title), *description = NULL;
    if (type == 417) {
        wire_write_events_reply_share(w, &share);
        free(title);
        return;
    }
    description = text_element(v, "description", i, &share.description);
    vector_fixed(v, vector_element("share_pubkey", i), share.share_pubkey, 32);
    share.updated_at = vector_u64(v, vector_element("updated_at", i));
    if (type == 413)
        wire_write_shares_reply_entry(w, &share);
    else
        wire_write_search_reply_hit(w, &share, (uint32_t)vector_u64(v, vector_element("score", i)));
    free(title);
    free(description);
}

static void write_member(const struct vector *v, size_t i, struct wire_writer *w)
{
    uint8_t key[32];
    bool is_event = vector_u64(v, "type") == 417;
    const char *word = vector_text(v, vector_element(is_event ? "event" : "status", i));
    enum wire_member_status status =
        strcmp(word, "joined") == 0 ? WIRE_MEMBER_JOINED : WIRE_MEMBER_LEFT;
    uint64_t seq = vector_u64(v, vector_element("announce_seq", i));
    vector_fixed(v, vector_element("member_node_pubkey", i), key, 32);
    if (is_event)
        wire_write_events_reply_member(w, key, status, seq);
    else
        wire_write_members_reply_entry(w, key, status, seq);
}

static bool encode_community_reply(const struct vector *v, struct wire_writer *w)
{
    static void (*const heads[])(struct wire_writer * w, const uint8_t community_id[32],
                                 uint32_t count, bool has_cursor) = {
        wire_write_members_reply_head,
        wire_write_shares_reply_head,
        wire_write_search_reply_head,
        wire_write_events_reply_head,
    };
    uint64_t type = vector_u64(v, "type");
    uint8_t id[32];
    if (type < 411 || type > 417 || type % 2 == 0)
        return false;
    vector_fixed(v, "community_id", id, 32);
    uint32_t count = (uint32_t)vector_u64(v, "entries");
    bool has_cursor = !vector_is_null(v, "next_cursor");
    heads[(type - 411) / 2](w, id, count, has_cursor);
    for (size_t i = 0; i < count; i++) {
        if (type == 411 || vector_has(v, vector_element("member_node_pubkey", i)))
            write_member(v, i, w);
        else
            write_share(v, i, w);
    }
    if (has_cursor) {
        size_t len;
        uint8_t *cursor = vector_bytes(v, "next_cursor", &len);
        wire_write_reply_cursor(w, (const char *)cursor, len);
        free(cursor);
    }
    return true;
}

static void check_payload(const struct vector *v)
{
    struct wire_writer w = start();
    if (encode_tunnel_message(v, &w) || encode_dht_message(v, &w) ||
        encode_content_message(v, &w) || encode_community_reply(v, &w))
        assert_written(v, &w);

    /* Fields that are decoded but not kept whole are not encoded again. */
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

static void check_reply(const struct vector *v)
{
    struct wire_peer peers[PEERS_MAX];
    struct wire_writer w = start();
    size_t count = peers_of(v, "peers", peers);
    if (vector_u64(v, "type") == 200) {
        wire_write_find_node_reply(&w, peers, count);
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
    wire_write_find_value_reply(&w, value != NULL ? &store : NULL, peers, count);
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
        check_reply(v);
}

static void test_payload(void **state)
{
    (void)state;
    assert_true(vector_file_each("payload.txt", each_payload, NULL) >= 60);
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
    } else if (vector_has(v, "canonical") && strcmp(v->name, "peer_via_chain") != 0) {
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

/* -- messages of crate 0.6.0 -- */

/* Checks the decoded fields of a request. */
static void check_browse_request(const struct vector *v)
{
    static rt_err (*const decoders[])(uint8_t * buf, size_t len,
                                      struct wire_browse_request * out) = {
        wire_community_members_request_decode,
        wire_community_shares_request_decode,
        wire_community_search_request_decode,
        wire_community_events_request_decode,
    };
    struct wire_browse_request x;
    uint8_t id[32];
    size_t len;
    uint64_t type = vector_u64(v, "type");
    assert_int_equal(decoders[(type - 410) / 2](v->bytes, v->len, &x), RT_ERR_OK);
    vector_fixed(v, "community_id", id, 32);
    assert_memory_equal(x.community_id, id, 32);
    assert_int_equal(x.limit, vector_u64(v, "limit"));
    assert_int_equal(x.cursor.ptr == NULL, vector_is_null(v, "cursor"));
    if (x.cursor.ptr != NULL) {
        uint8_t *cursor = vector_bytes(v, "cursor", &len);
        assert_bytes(v, x.cursor.ptr, x.cursor.len, cursor, len);
        free(cursor);
    }
    assert_int_equal(x.has_since, type == 412 && !vector_is_null(v, "since_unix"));
    if (x.has_since)
        assert_int_equal(x.since_unix, vector_u64(v, "since_unix"));
    if (type == 414) {
        uint8_t *query = vector_bytes(v, "query", &len);
        assert_bytes(v, x.query.ptr, x.query.len, query, len);
        free(query);
    }
}

static void each_of_version2(const struct vector *v, void *ctx)
{
    if (strcmp(v->kind, "hello") == 0) {
        check_hello(v);
    } else if (strcmp(v->kind, "payload") == 0) {
        uint64_t type = vector_u64(v, "type");
        check_payload(v);
        if (type >= 410 && type % 2 == 0)
            check_browse_request(v);
    } else if (strcmp(v->kind, "accept") == 0 || strcmp(v->kind, "reject") == 0) {
        each_odd_form(v, ctx);
    }
}

static void test_version2(void **state)
{
    (void)state;
    assert_true(vector_file_each("version2.txt", each_of_version2, NULL) >= 120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello),    cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_payload),  cmocka_unit_test(test_odd_forms),
        cmocka_unit_test(test_version2),
    };
    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
