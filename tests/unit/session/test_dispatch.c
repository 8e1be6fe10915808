/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the handling of each message type.
 *  - Types outside the table, and community types in dialect A, are unsupported. A malformed
 *    payload of any type is refused and the session continues. A malformed envelope closes it.
 *  - Each rate class has its own limit and text.
 *  - Requests for the DHT arrive as the right operation. A reply is sent under the right type, a
 *    refusal as its text, and a stopped DHT as a refusal.
 *  - Requests for content that a relay does not keep are replied to at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "dht/dht_msg.h"
#include "room.h"
#include "wire_dht.h"

#define PAYLOAD_MAX 512u

struct payload {
    uint8_t bytes[PAYLOAD_MAX];
    uint32_t len;
};

static void put_id(struct wire_writer *w, const char *name, const uint8_t *bytes, size_t len)
{
    wire_write_key(w, name);
    wire_write_int_array(w, bytes, len);
}

static void put_uint(struct wire_writer *w, const char *name, uint64_t v)
{
    wire_write_key(w, name);
    wire_write_uint(w, v);
}

static void put_query(struct wire_writer *w)
{
    uint8_t key[32] = {5}, hash[32];

    rt_sha256(key, sizeof(key), hash);
    put_id(w, "community_share_id", hash, 32);
    put_id(w, "community_share_pubkey", key, 32);
}

static const uint8_t id[32] = {9};

/* The payload of a request to the DHT. */
static bool put_dht(struct wire_writer *w, uint8_t *bytes, uint16_t type)
{
    struct wire_store s = {.value = {id, 4}, .ttl_secs = 60};

    switch (type) {
    case WIRE_PEX_OFFER:
        wire_write_pex_offer(w, NULL, 0);
        return true;
    case WIRE_PEX_REQUEST:
        wire_write_pex_request(w, 5);
        return true;
    case WIRE_FIND_NODE:
        w->pos = wire_find_node_encode(id, bytes, PAYLOAD_MAX);
        return true;
    case WIRE_FIND_VALUE:
        w->pos = wire_find_value_encode(id, bytes, PAYLOAD_MAX);
        return true;
    case WIRE_STORE:
        wire_write_store(w, &s);
        return true;
    default:
        return false;
    }
}

/* A map of named fields. */
static bool put_named(struct wire_writer *w, uint16_t type)
{
    switch (type) {
    case WIRE_LIST_PUBLIC_SHARES:
        wire_write_map(w, 1);
        put_uint(w, "max_entries", 10);
        return true;
    case WIRE_GET_COMMUNITY_STATUS:
        wire_write_map(w, 2);
        put_query(w);
        return true;
    case WIRE_LIST_COMMUNITY_PUBLIC_SHARES:
        wire_write_map(w, 3);
        put_query(w);
        put_uint(w, "max_entries", 10);
        return true;
    case WIRE_LIST_COMMUNITY_MEMBERS_PAGE:
    case WIRE_LIST_COMMUNITY_SHARES_PAGE:
    case WIRE_LIST_COMMUNITY_EVENTS:
        wire_write_map(w, 2);
        put_id(w, "community_id", id, 32);
        put_uint(w, "limit", 10);
        return true;
    case WIRE_SEARCH_COMMUNITY_SHARES:
        wire_write_map(w, 3);
        put_id(w, "community_id", id, 32);
        put_uint(w, "limit", 10);
        wire_write_key(w, "query");
        wire_write_text(w, "q", 1);
        return true;
    case WIRE_RELAY_LIST_REQUEST:
        wire_write_map(w, 1);
        put_uint(w, "max_count", 10);
        return true;
    case WIRE_GET_MANIFEST:
        wire_write_map(w, 1);
        put_id(w, "manifest_id", id, 32);
        return true;
    case WIRE_HAVE_CONTENT:
        wire_write_map(w, 1);
        put_id(w, "content_id", id, 32);
        return true;
    default:
        return false;
    }
}

/* A map with the key 0, an id, and perhaps 1, a number. */
static void put_numbered(struct wire_writer *w, bool has_number)
{
    wire_write_map(w, has_number ? 2 : 1);
    wire_write_uint(w, 0);
    wire_write_int_array(w, id, 32);
    if (!has_number)
        return;
    wire_write_uint(w, 1);
    wire_write_uint(w, 7);
}

/* A valid payload of this type. */
static struct payload valid(uint16_t type)
{
    struct payload p = {{0}, 0};
    struct wire_writer w;
    bool fits;

    wire_writer_init(&w, p.bytes, sizeof(p.bytes));
    if (!put_dht(&w, p.bytes, type) && !put_named(&w, type))
        put_numbered(&w, type == WIRE_GET_CHUNK);
    p.len = (uint32_t)wire_writer_len(&w, &fits);
    assert_true(fits);
    return p;
}

static void request(struct client *c, uint16_t type)
{
    struct payload p = valid(type);

    client_requests(c, type, p.bytes, p.len);
}

/* -- types and payloads -- */

static void test_types_outside_the_table_are_unsupported(void **state)
{
    static const uint16_t types[] = {
        0,    1, 99, WIRE_MANIFEST_DATA, WIRE_RELAY_REGISTERED, WIRE_PROVIDERS, WIRE_CHUNK_DATA,
        65535};
    struct client *c = client_ready(0, 10, WIRE_DIALECT_C);

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        client_requests(c, types[i], "", 0);
        assert_refused(c, types[i], "unsupported message type");
    }
    assert_false(c->conn.is_held);
}

static void test_pages_of_communities_need_dialect_b_or_c(void **state)
{
    static const uint16_t types[] = {WIRE_LIST_COMMUNITY_MEMBERS_PAGE,
                                     WIRE_LIST_COMMUNITY_SHARES_PAGE, WIRE_SEARCH_COMMUNITY_SHARES,
                                     WIRE_LIST_COMMUNITY_EVENTS};
    struct client *a = client_ready(0, 10, WIRE_DIALECT_A);
    struct client *b = client_ready(0, 11, WIRE_DIALECT_B);

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        request(a, types[i]);
        assert_refused(a, types[i], "unsupported message type");
        assert_int_equal(room_dht.requests, i);
        request(b, types[i]);
        assert_int_equal(room_dht.requests, i + 1);
        assert_int_equal(room_dht.op, DHT_COMMUNITY_MEMBERS + (int)i);
        assert_int_equal(room_dht.payload_len, valid(types[i]).len);
    }
}

static void test_a_malformed_payload_is_refused(void **state)
{
    static const uint16_t types[] = {
        WIRE_PEX_OFFER,
        WIRE_PEX_REQUEST,
        WIRE_FIND_NODE,
        WIRE_FIND_VALUE,
        WIRE_STORE,
        WIRE_GET_MANIFEST,
        WIRE_LIST_PUBLIC_SHARES,
        WIRE_GET_COMMUNITY_STATUS,
        WIRE_LIST_COMMUNITY_PUBLIC_SHARES,
        WIRE_LIST_COMMUNITY_MEMBERS_PAGE,
        WIRE_LIST_COMMUNITY_SHARES_PAGE,
        WIRE_SEARCH_COMMUNITY_SHARES,
        WIRE_LIST_COMMUNITY_EVENTS,
        WIRE_RELAY_REGISTER,
        WIRE_RELAY_CONNECT,
        WIRE_RELAY_STREAM,
        WIRE_RELAY_LIST_REQUEST,
        WIRE_HAVE_CONTENT,
        WIRE_GET_CHUNK,
        WIRE_GET_CHUNK_HASHES,
    };
    struct client *c = client_ready(0, 10, WIRE_DIALECT_C);
    char text[64];

    (void)state;
    snprintf(text, sizeof(text), "undecodable payload: %s", rt_err_text(RT_ERR_MALFORMED));
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        client_requests(c, types[i], "\xff", 1);
        assert_refused(c, types[i], text);
        assert_false(c->conn.is_held);
    }
    assert_int_equal(room_dht.requests, 0);
}

static void test_a_malformed_envelope_closes(void **state)
{
    struct client *c = client_ready(0, 10, WIRE_DIALECT_A);

    (void)state;
    client_sends(c, "\x01", 1);
    assert_true(c->conn.is_closed);
    assert_nothing_sent(c);
}

/* -- rates -- */

static void test_each_rate_class_has_its_limit_and_text(void **state)
{
    static const struct session_rates rates = {.dht_per_minute = 2,
                                               .fetch_per_minute = 2,
                                               .community_per_minute = 2,
                                               .relay_per_minute = 2,
                                               .relay_burst = 2};
    static const struct {
        uint16_t type;
        const char *text;
    } classes[] = {
        {WIRE_FIND_NODE, "dht rate limit exceeded"},
        {WIRE_HAVE_CONTENT, "fetch rate limit exceeded"},
        {WIRE_LIST_COMMUNITY_EVENTS, "community request rate limit exceeded"},
        {WIRE_RELAY_LIST_REQUEST, "relay rate limit exceeded"},
    };
    struct client *c, *other;
    struct wire_envelope e;

    (void)state;
    room_restart(&rates, 7);
    c = client_ready(0, 10, WIRE_DIALECT_C);
    other = client_ready(1, 11, WIRE_DIALECT_C);
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        for (int n = 0; n < 2; n++) {
            request(c, classes[i].type);
            assert_true(client_reads(c, &e));
            assert_int_equal(e.flags, WIRE_FLAG_RESPONSE);
        }
        request(c, classes[i].type);
        assert_refused(c, classes[i].type, classes[i].text);
        request(other, classes[i].type);
        assert_true(client_reads(other, &e));
        assert_int_equal(e.flags, WIRE_FLAG_RESPONSE);
    }
    room_pass(60 * RT_S);
    request(c, WIRE_FIND_NODE);
    assert_replied(c, WIRE_FIND_NODE);
}

/* -- the DHT -- */

static void test_requests_reach_the_dht_and_replies_have_their_type(void **state)
{
    static const struct {
        uint16_t type, reply;
        int op;
    } cases[] = {
        {WIRE_FIND_NODE, WIRE_FIND_NODE, DHT_FIND_NODE},
        {WIRE_FIND_VALUE, WIRE_FIND_VALUE, DHT_FIND_VALUE},
        {WIRE_STORE, WIRE_STORE, DHT_STORE},
        {WIRE_GET_MANIFEST, WIRE_MANIFEST_DATA, DHT_MANIFEST},
        {WIRE_PEX_REQUEST, WIRE_PEX_OFFER, DHT_PEX_REQUEST},
        {WIRE_LIST_COMMUNITY_MEMBERS_PAGE, WIRE_COMMUNITY_MEMBERS_PAGE, DHT_COMMUNITY_MEMBERS},
        {WIRE_LIST_COMMUNITY_SHARES_PAGE, WIRE_COMMUNITY_SHARES_PAGE, DHT_COMMUNITY_SHARES},
        {WIRE_SEARCH_COMMUNITY_SHARES, WIRE_COMMUNITY_SEARCH_RESULTS, DHT_COMMUNITY_SEARCH},
        {WIRE_LIST_COMMUNITY_EVENTS, WIRE_COMMUNITY_EVENTS, DHT_COMMUNITY_EVENTS},
    };
    struct client *c = client_ready(1, 10, WIRE_DIALECT_C);

    (void)state;
    room_dht.has_reply = true;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wire_envelope e;

        request(c, cases[i].type);
        assert_int_equal(room_dht.op, cases[i].op);
        e = assert_replied(c, cases[i].reply);
        assert_int_equal(e.payload.len, 6);
        assert_memory_equal(e.payload.ptr, "answer", 6);
    }
}

static void test_a_reply_without_an_answer_is_empty(void **state)
{
    struct client *c = client_ready(1, 10, WIRE_DIALECT_A);

    (void)state;
    request(c, WIRE_STORE);
    assert_int_equal(room_dht.payload_len, 4);
    assert_int_equal(assert_replied(c, WIRE_STORE).payload.len, 0);
    request(c, WIRE_PEX_OFFER);
    assert_int_equal(assert_replied(c, WIRE_PEX_OFFER).payload.len, 0);
}

static void test_a_refusal_of_the_dht_is_its_text(void **state)
{
    struct client *c = client_ready(1, 10, WIRE_DIALECT_A);

    (void)state;
    room_dht.refusal = WIRE_REFUSAL_MANIFEST_NOT_FOUND;
    request(c, WIRE_GET_MANIFEST);
    assert_refused(c, WIRE_GET_MANIFEST, "manifest not found");
    room_dht.refusal = WIRE_REFUSAL_STORE_VALUE;
    request(c, WIRE_STORE);
    assert_refused(c, WIRE_STORE, "dht value is not valid for its key");
}

static void test_a_bounced_request_is_refused(void **state)
{
    struct client *c = client_ready(1, 10, WIRE_DIALECT_A);

    (void)state;
    room_dht_stop();
    request(c, WIRE_FIND_NODE);
    assert_refused(c, WIRE_FIND_NODE, "relay is shutting down");
    request(c, WIRE_RELAY_LIST_REQUEST);
    assert_refused(c, WIRE_RELAY_LIST_REQUEST, "relay is shutting down");
    assert_false(c->conn.is_held);
}

static void test_the_list_of_relays(void **state)
{
    struct client *c = client_ready(1, 10, WIRE_DIALECT_A);
    struct wire_envelope e;

    (void)state;
    room_dht.has_reply = true;
    request(c, WIRE_RELAY_LIST_REQUEST);
    e = assert_replied(c, WIRE_RELAY_LIST_RESPONSE);
    assert_memory_equal(e.payload.ptr, "answer", 6);
    room_dht.refusal = WIRE_REFUSAL_MEMORY;
    room_dht.has_reply = false;
    request(c, WIRE_RELAY_LIST_REQUEST);
    assert_refused(c, WIRE_RELAY_LIST_REQUEST, "relay is short of memory, rate limit exceeded");
}

/* -- communities -- */

/* Whether the reply is "joined". */
static bool is_joined(struct client *c)
{
    static const uint8_t key[32] = {5};
    uint8_t hash[32], joined[PAYLOAD_MAX];
    struct wire_envelope e;
    struct wire_writer w;

    rt_sha256(key, sizeof(key), hash);
    wire_writer_init(&w, joined, sizeof(joined));
    wire_write_community_status_joined(&w, hash);
    request(c, WIRE_GET_COMMUNITY_STATUS);
    e = assert_replied(c, WIRE_COMMUNITY_STATUS);
    return e.payload.len == w.pos && memcmp(e.payload.ptr, joined, w.pos) == 0;
}

static void test_community_status_depends_on_the_dialect(void **state)
{
    struct client *a = client_ready(1, 10, WIRE_DIALECT_A);
    struct client *c = client_ready(1, 11, WIRE_DIALECT_C);

    (void)state;
    room_dht.is_joined = true;
    assert_false(is_joined(a));
    assert_int_equal(room_dht.requests, 0);
    assert_true(is_joined(c));
    assert_int_equal(room_dht.op, DHT_COMMUNITY_STATUS);
    room_dht.is_joined = false;
    assert_false(is_joined(c));
}

static void test_a_community_id_must_be_the_hash_of_its_key(void **state)
{
    struct client *c = client_ready(1, 10, WIRE_DIALECT_C);
    struct payload p = valid(WIRE_GET_COMMUNITY_STATUS);

    (void)state;
    p.bytes[p.len - 1] = 1;
    client_requests(c, WIRE_GET_COMMUNITY_STATUS, p.bytes, p.len);
    assert_refused(c, WIRE_GET_COMMUNITY_STATUS,
                   wire_refusal_info(WIRE_REFUSAL_COMMUNITY_MISMATCH)->text);
    assert_int_equal(room_dht.requests, 0);
}

/* -- content -- */

static void test_content_is_not_kept_here(void **state)
{
    struct client *c = client_ready(1, 10, WIRE_DIALECT_A);

    (void)state;
    request(c, WIRE_HAVE_CONTENT);
    assert_int_equal(assert_replied(c, WIRE_HAVE_CONTENT).payload.len, 0);
    request(c, WIRE_GET_CHUNK);
    assert_refused(c, WIRE_GET_CHUNK, "chunk not found");
    request(c, WIRE_GET_CHUNK_HASHES);
    assert_refused(c, WIRE_GET_CHUNK_HASHES, "chunk hashes not found");
    request(c, WIRE_LIST_PUBLIC_SHARES);
    assert_true(assert_replied(c, WIRE_PUBLIC_SHARE_LIST).payload.len > 0);
    request(c, WIRE_LIST_COMMUNITY_PUBLIC_SHARES);
    assert_true(assert_replied(c, WIRE_COMMUNITY_PUBLIC_SHARE_LIST).payload.len > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, room_begin, room_end)
    const struct CMUnitTest tests[] = {
        TEST(test_types_outside_the_table_are_unsupported),
        TEST(test_pages_of_communities_need_dialect_b_or_c),
        TEST(test_a_malformed_payload_is_refused),
        TEST(test_a_malformed_envelope_closes),
        TEST(test_each_rate_class_has_its_limit_and_text),
        TEST(test_requests_reach_the_dht_and_replies_have_their_type),
        TEST(test_a_reply_without_an_answer_is_empty),
        TEST(test_a_refusal_of_the_dht_is_its_text),
        TEST(test_a_bounced_request_is_refused),
        TEST(test_the_list_of_relays),
        TEST(test_community_status_depends_on_the_dialect),
        TEST(test_a_community_id_must_be_the_hash_of_its_key),
        TEST(test_content_is_not_kept_here),
    };

    return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
