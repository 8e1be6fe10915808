/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: cases that the vectors do not cover.
 *  - Heads for payloads that are sent separately: exact bytes, longest sizes, the frame length. One
 *    piece equals the parts.
 *  - The fast decoder of the canonical form and the general one agree, at all limits of integers.
 *  - Payload and text limits. A failed decoding does not change the struct of the caller.
 *  - Peers: both addresses or none, ports above 65535, routes nested up to the depth limit.
 *  - Lists: the callback gets each peer. A NULL callback checks the shape only.
 *  - State rows: limits of the signed score; a seed of the wrong length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire_dht.h"
#include "wire_envelope.h"
#include "wire_hello.h"
#include "wire_limits.h"
#include "wire_peer.h"
#include "wire_relay.h"
#include "wire_state.h"

static const uint64_t borders[] = {
    0, 23, 24, 255, 256, 65535, 65536, UINT32_MAX, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX,
};
#define BORDERS (sizeof borders / sizeof *borders)

/* -- heads -- */

static void test_envelope_head(void **state)
{
    (void)state;
    static const char want[] = "\0\0\0\x24\xa4\x64type\x19\x01\xc5\x66req_id\x07\x65"
                               "flags\x03\x67payload\x45";
    uint8_t head[WIRE_LENGTH_BYTES + WIRE_ENVELOPE_HEAD_MAX];
    size_t len = wire_envelope_head(head, WIRE_RELAY_STREAM, 7, 3, 5);
    assert_int_equal(len, sizeof want - 1);
    assert_memory_equal(head + 4, want + 4, len - 4);
    assert_int_equal(wire_length_read(head), len - 4 + 5);

    len = wire_envelope_head(head, UINT16_MAX, UINT32_MAX, UINT16_MAX, UINT32_MAX);
    assert_in_range(len, 1, sizeof head);
    wire_length_write(head, 0x01020304);
    assert_memory_equal(head, "\1\2\3\4", 4);
    assert_int_equal(wire_length_read(head), 0x01020304);
}

static void test_stream_frame_head(void **state)
{
    (void)state;
    struct wire_relay_stream longest = {UINT64_MAX, UINT32_MAX, WIRE_KIND_CONTENT, {NULL, 0}};
    uint8_t head[WIRE_RELAY_STREAM_HEAD_MAX];
    assert_int_equal(wire_relay_stream_head(head, &longest, 65536), WIRE_RELAY_STREAM_HEAD_MAX);
    assert_true(LIM_INNER_FRAME_MAX + WIRE_RELAY_STREAM_HEAD_MAX == LIM_PAYLOAD_MAX);

    for (size_t i = 0; i < BORDERS; i++) {
        struct wire_relay_stream m = {
            borders[i], (uint32_t)borders[i], (enum wire_relay_kind)(i % 2), {NULL, 0}};
        uint32_t payload_len = (uint32_t)(borders[i] % LIM_INNER_FRAME_MAX);
        uint8_t whole[WIRE_RELAY_FRAME_HEAD_MAX], parts[WIRE_RELAY_FRAME_HEAD_MAX];
        size_t whole_len =
            wire_relay_stream_frame_head(whole, (uint32_t)borders[i], 1, &m, payload_len);
        size_t stream_len = wire_relay_stream_head(head, &m, payload_len);
        size_t len = wire_envelope_head(parts, WIRE_RELAY_STREAM, (uint32_t)borders[i], 1,
                                        (uint32_t)stream_len + payload_len);
        memcpy(parts + len, head, stream_len);
        assert_int_equal(whole_len, len + stream_len);
        assert_memory_equal(whole, parts, whole_len);
    }
}

/* -- quick way and general way -- */

/* The same map without its count: what the quick way does not know. */
static size_t make_indefinite(uint8_t *buf, size_t len)
{
    buf[0] = 0xbf;
    buf[len] = 0xff;
    return len + 1;
}

static void test_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < BORDERS; i++) {
        uint8_t buf[128];
        struct wire_envelope e[2];
        struct wire_relay_stream m[2], in = {borders[i],
                                             (uint32_t)borders[BORDERS - 1 - i],
                                             (enum wire_relay_kind)(i % 2),
                                             {NULL, 0}};
        size_t len = wire_envelope_bare_head(buf, (uint16_t)borders[i], (uint32_t)borders[i],
                                             (uint16_t)borders[BORDERS - 1 - i], 2);
        memcpy(buf + len, "ab", 2);
        len += 2;
        assert_int_equal(wire_envelope_decode(buf, len, &e[0]), RT_ERR_OK);
        len = make_indefinite(buf, len);
        assert_int_equal(wire_envelope_decode(buf, len, &e[1]), RT_ERR_OK);
        for (int way = 0; way < 2; way++) {
            assert_int_equal(e[way].type, (uint16_t)borders[i]);
            assert_int_equal(e[way].req_id, (uint32_t)borders[i]);
            assert_int_equal(e[way].flags, (uint16_t)borders[BORDERS - 1 - i]);
            assert_int_equal(e[way].payload.len, 2);
            assert_memory_equal(e[way].payload.ptr, "ab", 2);
        }

        len = wire_relay_stream_head(buf, &in, 2);
        memcpy(buf + len, "cd", 2);
        len += 2;
        assert_int_equal(wire_relay_stream_decode(buf, len, &m[0]), RT_ERR_OK);
        len = make_indefinite(buf, len);
        assert_int_equal(wire_relay_stream_decode(buf, len, &m[1]), RT_ERR_OK);
        for (int way = 0; way < 2; way++) {
            assert_true(m[way].slot_id == in.slot_id);
            assert_int_equal(m[way].stream_id, in.stream_id);
            assert_int_equal(m[way].kind, in.kind);
            assert_memory_equal(m[way].payload.ptr, "cd", 2);
        }
    }
}

/* The canonical form, so that the quick way sees them first. */
static void test_numbers_too_large(void **state)
{
    (void)state;
    uint8_t stream[] = "\xa4\x6drelay_slot_id\x01\x69stream_id\x1b\0\0\0\1\0\0\0\0\x64kind\x67"
                       "control\x67payload\x40";
    uint8_t type[] = "\xa4\x64type\x1a\0\1\0\0\x66req_id\x01\x65"
                     "flags\x01\x67payload\x40";
    uint8_t req_id[] = "\xa4\x64type\x01\x66req_id\x1b\0\0\0\1\0\0\0\0\x65"
                       "flags\x01\x67payload\x40";
    uint8_t flags[] = "\xa4\x64type\x01\x66req_id\x01\x65"
                      "flags\x1a\0\1\0\0\x67payload\x40";
    struct wire_relay_stream m;
    struct wire_envelope e;
    assert_int_equal(wire_relay_stream_decode(stream, sizeof stream - 1, &m), RT_ERR_MALFORMED);
    assert_int_equal(wire_envelope_decode(type, sizeof type - 1, &e), RT_ERR_MALFORMED);
    assert_int_equal(wire_envelope_decode(req_id, sizeof req_id - 1, &e), RT_ERR_MALFORMED);
    assert_int_equal(wire_envelope_decode(flags, sizeof flags - 1, &e), RT_ERR_MALFORMED);
}

/* -- limits -- */

static void test_payload_limit(void **state)
{
    (void)state;
    uint8_t *buf = malloc(LIM_PAYLOAD_MAX + 200);
    struct wire_envelope e = {.type = 9};
    for (uint32_t over = 0; over < 2; over++) {
        rt_err want = over ? RT_ERR_TOO_LARGE : RT_ERR_OK;
        size_t len = wire_envelope_bare_head(buf, 1, 2, 3, LIM_PAYLOAD_MAX + over);
        memset(buf + len, 0, LIM_PAYLOAD_MAX + over);
        len += LIM_PAYLOAD_MAX + over;
        e.type = 9;
        assert_int_equal(wire_envelope_decode(buf, len, &e), want);
        assert_int_equal(e.type, over ? 9 : 1);
        len = make_indefinite(buf, len);
        assert_int_equal(wire_envelope_decode(buf, len, &e), want);
        assert_int_equal(wire_envelope_decode(buf, LIM_PAYLOAD_MAX, &e), RT_ERR_TRUNCATED);

        struct wire_relay_stream m = {0};
        len = wire_relay_stream_head(buf, &m, LIM_PAYLOAD_MAX + over);
        memset(buf + len, 0, LIM_PAYLOAD_MAX + over);
        assert_int_equal(wire_relay_stream_decode(buf, len + LIM_PAYLOAD_MAX + over, &m), want);
    }
    free(buf);
}

static void test_null_input(void **state)
{
    (void)state;
    struct wire_envelope e;
    struct wire_relay_stream m;
    struct wire_hello h;
    assert_int_equal(wire_envelope_decode(NULL, 0, &e), RT_ERR_TRUNCATED);
    assert_int_equal(wire_relay_stream_decode(NULL, 0, &m), RT_ERR_TRUNCATED);
    assert_int_equal(wire_hello_decode(NULL, 0, &h), RT_ERR_TRUNCATED);
}

static void test_hello_signature_length(void **state)
{
    (void)state;
    uint8_t buf[WIRE_HELLO_MAX + 8];
    struct wire_hello h = {.protocol_version = 1}, got;
    size_t len = wire_hello_encode(&h, buf, WIRE_HELLO_MAX);
    assert_int_equal(buf[len - 66], 0x98); /* the signature's array: all zeros, one byte each */
    buf[len - 65] = 63;
    assert_int_equal(wire_hello_decode(buf, len - 1, &got), RT_ERR_BAD_SIGNATURE);
    wire_hello_encode(&h, buf, WIRE_HELLO_MAX);
    buf[len - 65] = 65;
    buf[len] = 0;
    assert_int_equal(wire_hello_decode(buf, len + 1, &got), RT_ERR_BAD_SIGNATURE);
    buf[len - 66] = 0x40;
    assert_int_equal(wire_hello_decode(buf, len - 65, &got), RT_ERR_BAD_SIGNATURE);
}

static void test_hello_size(void **state)
{
    (void)state;
    uint8_t buf[WIRE_HELLO_MAX];
    struct wire_hello h;
    memset(&h, 0xff, sizeof h);
    h.capabilities =
        (struct wire_capabilities){true, true, true, true, true, true, true, true, true};
    h.has_echoed_nonce = true;
    assert_in_range(wire_hello_encode(&h, buf, sizeof buf), 500, sizeof buf);
    assert_in_range(wire_hello_signed(&h, buf, sizeof buf), 300, sizeof buf);
}

/* -- peers -- */

static rt_err read_peer(const char *bytes, size_t len, struct wire_peer *out)
{
    uint8_t *copy = malloc(len);
    struct wire_reader r;
    memcpy(copy, bytes, len);
    wire_reader_init(&r, copy, len);
    wire_read_peer(&r, out);
    out->raw = (struct wire_bytes){0};
    free(copy);
    return r.err;
}
#define READ_PEER(literal, out) read_peer("" literal, sizeof(literal) - 1, out)
#define PORT_TCP "\x64port\x18\x50\x69transport\x63tcp"

static void test_peer(void **state)
{
    (void)state;
    struct wire_peer p;
    assert_int_equal(READ_PEER("\xa3\x62ip\xa1\x62V4\x84\x01\x02\x03\x04" PORT_TCP, &p), RT_ERR_OK);
    assert_memory_equal(p.hop.ip, "\1\2\3\4", 4);
    assert_int_equal(p.hop.port, 80);
    assert_int_equal(p.hop.transport, WIRE_TCP);
    assert_false(p.hop.is_ipv6 || p.hop.has_pubkey_hint || p.has_relay_via);

    assert_int_equal(READ_PEER("\xa3\x62ip\xa0" PORT_TCP, &p), RT_ERR_MALFORMED);
    assert_int_equal(READ_PEER("\xa3\x62ip\xa2\x62V4\x44wxyz\x62V6\x50"
                               "0123456789abcdef" PORT_TCP,
                               &p),
                     RT_ERR_MALFORMED);
    assert_int_equal(READ_PEER("\xa3\x62ip\xa1\x62V6\x44wxyz" PORT_TCP, &p), RT_ERR_MALFORMED);
    assert_int_equal(READ_PEER("\xa3\x62ip\xa1\x62V4\x44wxyz\x64port\x1a\0\1\0\0\x69transport\x63"
                               "tcp",
                               &p),
                     RT_ERR_MALFORMED);
    assert_int_equal(READ_PEER("\xa3\x62ip\xa1\x62V4\x44wxyz\x64port\x01\x69transport\x63udp", &p),
                     RT_ERR_MALFORMED);
    assert_int_equal(p.hop.port, 0);
}

/* A peer whose route leads through a peer whose route ... `routes` times. */
static size_t write_chain(uint8_t *buf, size_t cap, int routes)
{
    struct wire_writer w;
    wire_writer_init(&w, buf, cap);
    for (int i = 0; i <= routes; i++) {
        wire_write_map(&w, i < routes ? 4 : 3);
        wire_write_key(&w, "ip");
        wire_write_map(&w, 1);
        wire_write_key(&w, "V4");
        wire_write_bytes(&w, (const uint8_t *)"\1\2\3\4", 4);
        wire_write_key(&w, "port");
        wire_write_uint(&w, (uint64_t)i);
        wire_write_key(&w, "transport");
        wire_write_key(&w, "quic");
        if (i < routes) {
            wire_write_key(&w, "relay_via");
            wire_write_map(&w, 2);
            wire_write_key(&w, "slot_id");
            wire_write_uint(&w, 7);
            wire_write_key(&w, "relay_addr");
        }
    }
    return w.pos;
}

static void test_peer_routes(void **state)
{
    (void)state;
    static uint8_t buf[65536];
    for (int routes = 0; routes < 300; routes++) {
        struct wire_peer p;
        struct wire_reader r;
        size_t len = write_chain(buf, sizeof buf, routes);
        wire_reader_init(&r, buf, len);
        wire_read_peer(&r, &p);
        /* 2 levels a route, 2 for the last address */
        rt_err want = 2 * routes + 2 <= (int)LIM_CBOR_DEPTH_MAX ? RT_ERR_OK : RT_ERR_TOO_LARGE;
        assert_int_equal(r.err, want);
        if (want != RT_ERR_OK)
            continue;
        assert_int_equal(p.raw.len, len);
        assert_int_equal(p.has_relay_via, routes > 0);
        assert_int_equal(p.relay_addr.port, routes > 0);
        assert_true(p.relay_slot_id == (routes > 0 ? 7 : 0));
    }
}

static void sum_ports(void *ctx, const struct wire_peer *p)
{
    *(uint32_t *)ctx += p->hop.port;
}

static void test_peer_lists(void **state)
{
    (void)state;
    struct wire_peer peers[3] = {
        {.hop = {.port = 1}}, {.hop = {.port = 10}}, {.hop = {.port = 100}}};
    uint8_t buf[1024];
    uint32_t sum = 0;
    struct wire_writer w;
    wire_writer_init(&w, buf, sizeof buf);
    wire_write_pex_offer(&w, peers, 3);
    assert_int_equal(wire_pex_offer_decode(buf, w.pos, sum_ports, &sum), RT_ERR_OK);
    assert_int_equal(sum, 111);
    assert_int_equal(wire_pex_offer_decode(buf, w.pos, NULL, NULL), RT_ERR_OK);
    sum = 0; /* the last one is cut: the others were handed out */
    assert_int_equal(wire_pex_offer_decode(buf, w.pos - 1, sum_ports, &sum), RT_ERR_TRUNCATED);
    assert_int_equal(sum, 11);

    struct wire_store value = {.ttl_secs = 5};
    wire_writer_init(&w, buf, sizeof buf);
    wire_write_find_value_reply(&w, NULL, peers, 3);
    sum = 0;
    assert_int_equal(wire_find_value_reply_decode(buf, w.pos, &value, sum_ports, &sum), RT_ERR_OK);
    assert_null(value.value.ptr);
    assert_int_equal(sum, 111);
    value.value = (struct wire_bytes){(const uint8_t *)"", 0};
    wire_writer_init(&w, buf, sizeof buf);
    wire_write_find_value_reply(&w, &value, peers, 3);
    memset(&value, 0, sizeof value);
    assert_int_equal(wire_find_value_reply_decode(buf, w.pos, &value, NULL, NULL), RT_ERR_OK);
    assert_non_null(value.value.ptr); /* an empty value is one all the same */
    assert_int_equal(value.value.len, 0);
}

/* -- state -- */

static void test_state_rows(void **state)
{
    (void)state;
    static const int32_t scores[] = {0, -1, INT32_MIN, INT32_MAX};
    uint8_t buf[512], seed[32];
    for (size_t i = 0; i < 4; i++) {
        struct wire_peer_row row = {.reputation_score = scores[i]}, got;
        struct wire_writer w;
        wire_writer_init(&w, buf, sizeof buf);
        wire_write_peer_row(&w, &row);
        assert_int_equal(wire_peer_row_decode(buf, w.pos, &got), RT_ERR_OK);
        assert_int_equal(got.reputation_score, scores[i]);
        if (scores[i] == INT32_MIN) {
            buf[w.pos - 4] = 0x80; /* one below */
            assert_int_equal(wire_peer_row_decode(buf, w.pos, &got), RT_ERR_MALFORMED);
        }
    }
    memset(buf, 1, sizeof buf);
    for (uint8_t len = 31; len <= 33; len++) {
        buf[0] = 0x98;
        buf[1] = len;
        assert_int_equal(wire_node_key_decode(buf, len + 2u, seed),
                         len == 32 ? RT_ERR_OK : RT_ERR_MALFORMED);
    }
    memset(seed, 0xff, sizeof seed);
    assert_int_equal(wire_node_key_encode(seed, buf, sizeof buf), WIRE_NODE_KEY_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_envelope_head),
        cmocka_unit_test(test_stream_frame_head),
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_numbers_too_large),
        cmocka_unit_test(test_payload_limit),
        cmocka_unit_test(test_null_input),
        cmocka_unit_test(test_hello_signature_length),
        cmocka_unit_test(test_hello_size),
        cmocka_unit_test(test_peer),
        cmocka_unit_test(test_peer_routes),
        cmocka_unit_test(test_peer_lists),
        cmocka_unit_test(test_state_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
