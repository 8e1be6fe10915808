/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: two sides exchange the three hellos and agree on a session secret. Then every check is made
 * to fail alone, by the smallest change that fails only this check: version, clock (both sides of
 * the limit), echo present or missing, signature, each signed field, ack of another key or nonce,
 * server of another key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "session/handshake.h"
#include "wire_limits.h"

#define NOW UINT64_C(1700000000)

static struct rt_sign_key client, server;
static struct handshake_fresh client_fresh, server_fresh;

static int setup(void **state)
{
    uint8_t seed[32];

    (void)state;
    if (rt_crypto_init() != RT_ERR_OK)
        return -1;
    memset(seed, 1, 32);
    rt_sign_key_from_seed(seed, &client);
    memset(seed, 2, 32);
    rt_sign_key_from_seed(seed, &server);
    memset(&client_fresh, 3, sizeof(client_fresh));
    memset(&server_fresh, 4, sizeof(server_fresh));
    return 0;
}

static struct wire_hello client_hello(void)
{
    struct wire_hello h;

    handshake_hello(&client, &client_fresh, WIRE_DIALECT_A, NULL, NOW, &h);
    return h;
}

static struct wire_hello server_hello(void)
{
    struct wire_hello h;

    handshake_hello(&server, &server_fresh, WIRE_DIALECT_A, client_fresh.nonce, NOW, &h);
    return h;
}

static struct wire_hello client_ack(void)
{
    struct wire_hello h;

    handshake_hello(&client, &client_fresh, WIRE_DIALECT_A, server_fresh.nonce, NOW, &h);
    return h;
}

static void test_three_hellos_and_a_secret(void **state)
{
    struct wire_hello hello = client_hello(), reply = server_hello(), ack = client_ack();
    uint8_t a[32], b[32];

    (void)state;
    assert_int_equal(handshake_check_shape(&hello, false), WIRE_REFUSAL_NONE);
    assert_int_equal(handshake_check_signature(&hello), WIRE_REFUSAL_NONE);
    assert_int_equal(handshake_check_shape(&reply, true), WIRE_REFUSAL_NONE);
    assert_int_equal(handshake_check_signature(&reply), WIRE_REFUSAL_NONE);
    assert_int_equal(handshake_check_server(&reply, client_fresh.nonce, server.public_key),
                     WIRE_REFUSAL_NONE);
    assert_int_equal(handshake_check_server(&reply, client_fresh.nonce, NULL), WIRE_REFUSAL_NONE);
    assert_int_equal(handshake_check_signature(&ack), WIRE_REFUSAL_NONE);
    assert_int_equal(handshake_check_ack(&ack, hello.node_pubkey, hello.nonce, server_fresh.nonce),
                     WIRE_REFUSAL_NONE);
    assert_true(reply.capabilities.dht && reply.capabilities.relay);
    assert_false(reply.capabilities.store || reply.capabilities.content_seed ||
                 reply.capabilities.mobile_light);
    assert_true(handshake_session_secret(client_fresh.ephemeral_secret, reply.ephemeral_pubkey,
                                         hello.nonce, reply.nonce, a));
    assert_true(handshake_session_secret(server_fresh.ephemeral_secret, hello.ephemeral_pubkey,
                                         hello.nonce, reply.nonce, b));
    assert_memory_equal(a, b, 32);
}

static void test_dialects(void **state)
{
    static const struct {
        uint16_t version;
        bool has_community_fields;
        enum wire_refusal refusal;
        enum wire_dialect dialect;
    } cases[] = {
        {0, false, WIRE_REFUSAL_HELLO_VERSION, WIRE_DIALECTS},
        {0, true, WIRE_REFUSAL_HELLO_VERSION, WIRE_DIALECTS},
        {1, false, WIRE_REFUSAL_NONE, WIRE_DIALECT_A},
        {1, true, WIRE_REFUSAL_NONE, WIRE_DIALECT_B},
        {2, false, WIRE_REFUSAL_HELLO_VERSION, WIRE_DIALECTS},
        {2, true, WIRE_REFUSAL_NONE, WIRE_DIALECT_C},
        {3, false, WIRE_REFUSAL_NONE, WIRE_DIALECT_C},
        {UINT16_MAX, true, WIRE_REFUSAL_NONE, WIRE_DIALECT_C},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum wire_dialect d = WIRE_DIALECTS;
        struct wire_hello h = client_hello();

        h.protocol_version = cases[i].version;
        h.capabilities.has_community_fields = cases[i].has_community_fields;
        assert_int_equal(handshake_choose_dialect(&h, &d), cases[i].refusal);
        assert_int_equal(d, cases[i].dialect);
        if (d != WIRE_DIALECTS)
            assert_true(h.capabilities.has_community_fields == (d != WIRE_DIALECT_A));
    }
}

/* A hello verifies only in the form of its dialect. A later hello must have the version of the
 * session. */
static void test_hello_of_each_dialect(void **state)
{
    (void)state;
    for (enum wire_dialect d = WIRE_DIALECT_A; d < WIRE_DIALECTS; d++) {
        struct wire_hello h;

        handshake_hello(&client, &client_fresh, d, NULL, NOW, &h);
        assert_int_equal(h.protocol_version, d == WIRE_DIALECT_C ? 2 : 1);
        assert_true(h.capabilities.community_search == (d != WIRE_DIALECT_A));
        assert_int_equal(handshake_check_signature(&h), WIRE_REFUSAL_NONE);
        for (enum wire_dialect other = WIRE_DIALECT_A; other < WIRE_DIALECTS; other++) {
            struct wire_hello copy = h;
            bool same_version = wire_dialect_version(other) == wire_dialect_version(d);

            assert_int_equal(handshake_check_dialect(&copy, other),
                             same_version ? WIRE_REFUSAL_NONE : WIRE_REFUSAL_HELLO_VERSION);
            if (same_version)
                assert_int_equal(handshake_check_signature(&copy),
                                 other == d ? WIRE_REFUSAL_NONE : WIRE_REFUSAL_HELLO_SIGNATURE);
        }
    }
}

static void test_marked_nonce(void **state)
{
    uint8_t nonce[32];

    (void)state;
    memset(nonce, 7, sizeof(nonce));
    assert_int_equal(wire_nonce_dialects(nonce), 0);
    for (uint8_t set = 1; set <= WIRE_DIALECTS_ALL; set++) {
        wire_nonce_mark(nonce, set);
        assert_int_equal(wire_nonce_dialects(nonce), set);
        for (size_t i = WIRE_NONCE_MARK_BYTES; i < sizeof(nonce); i++)
            assert_int_equal(nonce[i], 7);
    }
    nonce[6] |= 0x80; /* a flag does not change the set */
    assert_int_equal(wire_nonce_dialects(nonce), WIRE_DIALECTS_ALL);
    nonce[6] = 2; /* a later format version does not either */
    assert_int_equal(wire_nonce_dialects(nonce), WIRE_DIALECTS_ALL);
    nonce[6] = 0;
    assert_int_equal(wire_nonce_dialects(nonce), 0);
    nonce[6] = 1;
    nonce[0] ^= 1;
    assert_int_equal(wire_nonce_dialects(nonce), 0);
}

static void test_clock_both_ways(void **state)
{
    struct wire_hello h = client_hello();

    (void)state;
    assert_int_equal(handshake_check_clock(&h, NOW + LIM_HELLO_SKEW_S), WIRE_REFUSAL_NONE);
    assert_int_equal(handshake_check_clock(&h, NOW - LIM_HELLO_SKEW_S), WIRE_REFUSAL_NONE);
    assert_int_equal(handshake_check_clock(&h, NOW + LIM_HELLO_SKEW_S + 1),
                     WIRE_REFUSAL_HELLO_CLOCK);
    assert_int_equal(handshake_check_clock(&h, NOW - LIM_HELLO_SKEW_S - 1),
                     WIRE_REFUSAL_HELLO_CLOCK);
    h.timestamp_unix_secs = UINT64_MAX;
    assert_int_equal(handshake_check_clock(&h, NOW), WIRE_REFUSAL_HELLO_CLOCK);
    h.timestamp_unix_secs = 0;
    assert_int_equal(handshake_check_clock(&h, NOW), WIRE_REFUSAL_HELLO_CLOCK);
}

static void test_echo_where_it_belongs(void **state)
{
    struct wire_hello hello = client_hello(), ack = client_ack();

    (void)state;
    assert_int_equal(handshake_check_shape(&hello, true), WIRE_REFUSAL_ACK_MISMATCH);
    assert_int_equal(handshake_check_shape(&ack, false), WIRE_REFUSAL_HELLO_MALFORMED);
}

static void test_signature_covers_every_field(void **state)
{
    struct wire_hello h;

    (void)state;
#define BREAKS(change)                                                                             \
    do {                                                                                           \
        h = client_ack();                                                                          \
        assert_int_equal(handshake_check_signature(&h), WIRE_REFUSAL_NONE);                        \
        change;                                                                                    \
        assert_int_equal(handshake_check_signature(&h), WIRE_REFUSAL_HELLO_SIGNATURE);             \
    } while (0)
    BREAKS(h.node_pubkey[0] ^= 1);
    BREAKS(h.capabilities.store = true);
    BREAKS(h.nonce[31] ^= 0x80);
    BREAKS(h.echoed_nonce[5] ^= 1);
    BREAKS(h.has_echoed_nonce = false);
    BREAKS(h.timestamp_unix_secs++);
    BREAKS(h.protocol_version = 2);
    BREAKS(h.ephemeral_pubkey[7] ^= 4);
    BREAKS(h.signature[63] ^= 1);
#undef BREAKS
}

static void test_ack_of_another(void **state)
{
    struct wire_hello ack = client_ack();
    uint8_t other[32] = {9};

    (void)state;
    assert_int_equal(handshake_check_ack(&ack, other, client_fresh.nonce, server_fresh.nonce),
                     WIRE_REFUSAL_ACK_MISMATCH);
    assert_int_equal(handshake_check_ack(&ack, client.public_key, other, server_fresh.nonce),
                     WIRE_REFUSAL_ACK_MISMATCH);
    assert_int_equal(handshake_check_ack(&ack, client.public_key, client_fresh.nonce, other),
                     WIRE_REFUSAL_ACK_MISMATCH);
    ack.has_echoed_nonce = false;
    assert_int_equal(
        handshake_check_ack(&ack, client.public_key, client_fresh.nonce, server_fresh.nonce),
        WIRE_REFUSAL_ACK_MISMATCH);
}

static void test_server_of_another_key(void **state)
{
    struct wire_hello h = server_hello();

    (void)state;
    assert_int_equal(handshake_check_server(&h, client_fresh.nonce, client.public_key),
                     WIRE_REFUSAL_SERVER_KEY);
    assert_int_equal(handshake_check_server(&h, server_fresh.nonce, NULL),
                     WIRE_REFUSAL_ACK_MISMATCH);
}

static void test_small_order_ephemeral_gives_no_secret(void **state)
{
    uint8_t zero[32] = {0}, out[32];

    (void)state;
    assert_false(handshake_session_secret(client_fresh.ephemeral_secret, zero, client_fresh.nonce,
                                          server_fresh.nonce, out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_hellos_and_a_secret),
        cmocka_unit_test(test_dialects),
        cmocka_unit_test(test_hello_of_each_dialect),
        cmocka_unit_test(test_marked_nonce),
        cmocka_unit_test(test_clock_both_ways),
        cmocka_unit_test(test_echo_where_it_belongs),
        cmocka_unit_test(test_signature_covers_every_field),
        cmocka_unit_test(test_ack_of_another),
        cmocka_unit_test(test_server_of_another_key),
        cmocka_unit_test(test_small_order_ephemeral_gives_no_secret),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
