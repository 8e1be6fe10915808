/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the engine against itself, in memory. The output of each side is the input of the other:
 * whole, in two pieces split at every place, or byte by byte. Handshake and data are the same each
 * time. Then: both signers; large data both ways; output buffers smaller than a record; sealing in
 * place; invalid bytes at every place of the handshake and in records, which fail with an alert;
 * truncation, which asks for more input inside a record; close_notify; key updates; no memory for
 * output. Random parts print their seed (RELAY_TEST_SEED sets it).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "tcp_tls/tls_engine.h"

#define OUT_MAX (4u << 20)

struct side {
    struct tls_engine engine;
    struct tls_wire wire;
    uint8_t *out;
    size_t out_len, out_max;
};

struct pair {
    struct tls_creds *creds;
    struct side client, server;
};

static uint64_t random_state;

static uint64_t any(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % below;
}

static bool on_write(struct tls_engine *e, const struct iovec *v, int count)
{
    struct side *s = RT_CONTAINER_OF(e, struct side, engine);

    for (int i = 0; i < count; i++) {
        if (s->out_len + v[i].iov_len > s->out_max)
            return false;
        memcpy(s->out + s->out_len, v[i].iov_base, v[i].iov_len);
        s->out_len += v[i].iov_len;
    }
    return true;
}

static void side_init(struct side *s, const struct tls_creds *creds, bool is_server)
{
    s->wire.write = on_write;
    s->out = malloc(OUT_MAX);
    s->out_len = 0;
    s->out_max = OUT_MAX;
    assert_non_null(s->out);
    assert_true(tls_engine_init(&s->engine, creds, is_server, &s->wire));
}

static void pair_init(struct pair *p, enum tls_signer signer)
{
    uint8_t seed[TLS_SEED_BYTES] = {9}, serial[TLS_SERIAL_BYTES] = {1};
    struct relay_error err;

    *p = (struct pair){0};
    assert_int_equal(tls_creds_new(seed, serial, 1770000000, signer, TLS_PRIORITY, &p->creds, &err),
                     0);
    side_init(&p->client, p->creds, false);
    side_init(&p->server, p->creds, true);
}

static void pair_fini(struct pair *p)
{
    tls_engine_fini(&p->client.engine);
    tls_engine_fini(&p->client.engine);
    tls_engine_fini(&p->server.engine);
    free(p->client.out);
    free(p->server.out);
    tls_creds_free(&p->creds);
}

static void feed(struct side *s, const uint8_t *in, size_t len)
{
    s->wire.in = in;
    s->wire.in_len = len;
}

/* One handshake call on `to` with n bytes of from's output at `at`. */
static enum tls_result hand(struct side *to, const struct side *from, size_t at, size_t n)
{
    enum tls_result r;

    feed(to, from->out + at, n);
    r = tls_engine_handshake(&to->engine);
    if (r == TLS_AGAIN)
        assert_int_equal(to->wire.in_len, 0);
    return r;
}

/* Delivers from's output: first `split` bytes, then the rest. */
static enum tls_result hand_split(struct side *to, struct side *from, size_t split)
{
    size_t n = from->out_len;
    enum tls_result r;

    if (split > n)
        split = n;
    r = hand(to, from, 0, split);
    if (split < n) {
        assert_int_equal(r, TLS_AGAIN);
        r = hand(to, from, split, n - split);
    }
    from->out_len = 0;
    return r;
}

static void handshake(struct pair *p, size_t split)
{
    assert_int_equal(tls_engine_handshake(&p->client.engine), TLS_AGAIN);
    assert_int_equal(hand_split(&p->server, &p->client, split), TLS_AGAIN);
    assert_int_equal(hand_split(&p->client, &p->server, split), TLS_DONE);
    assert_int_equal(hand_split(&p->server, &p->client, split), TLS_DONE);
    assert_int_equal(p->server.out_len, 0); /* no tickets */
}

/* from sends n bytes in records; `to` reads them in reads of at most `cap`. */
static void say(struct side *from, struct side *to, size_t n, size_t record, size_t cap)
{
    uint8_t *plain = malloc(n), *got = malloc(cap);
    size_t at = 0;
    ssize_t k;

    assert_true(plain && got);
    for (size_t i = 0; i < n; i++)
        plain[i] = (uint8_t)any(256);
    for (size_t i = 0; i < n; i += record)
        assert_true(tls_engine_seal(&from->engine, plain + i, n - i < record ? n - i : record));
    feed(to, from->out, from->out_len);
    while ((k = tls_engine_open(&to->engine, got, cap)) > 0) {
        assert_true(at + (size_t)k <= n);
        assert_memory_equal(got, plain + at, (size_t)k);
        at += (size_t)k;
    }
    assert_int_equal(k, TLS_AGAIN);
    assert_int_equal(at, n);
    assert_false(tls_engine_pending(&to->engine));
    assert_false(tls_engine_is_mid_record(&to->engine));
    from->out_len = 0;
    free(plain);
    free(got);
}

static void test_handshake_and_data(void **state)
{
    (void)state;
    for (int signer = TLS_SIGNER_SODIUM; signer <= TLS_SIGNER_GNUTLS; signer++) {
        struct pair p;

        pair_init(&p, (enum tls_signer)signer);
        assert_true(tls_engine_begun(&p.server.engine));
        handshake(&p, SIZE_MAX);
        for (int i = 0; i < 50; i++) {
            size_t record = 1 + any(TLS_RECORD_MAX), cap = 1 + any(40000);

            say(&p.client, &p.server, 1 + any(200000), record, cap);
            say(&p.server, &p.client, 1 + any(200000), TLS_RECORD_MAX, cap);
        }
        say(&p.client, &p.server, 1, 1, 1);
        say(&p.server, &p.client, 2u << 20, TLS_RECORD_MAX, 1u << 20);
        pair_fini(&p);
    }
}

static void test_split_everywhere(void **state)
{
    (void)state;
    /* the longest flight is below 1.5 KB; past its end the split does nothing */
    for (size_t split = 1; split < 1500; split += split < 64 ? 1 : 13) {
        struct pair p;

        pair_init(&p, TLS_SIGNER_SODIUM);
        handshake(&p, split);
        say(&p.client, &p.server, 100, 100, 100);
        pair_fini(&p);
    }
}

static void test_byte_by_byte(void **state)
{
    static const uint8_t word[] = "byte by byte";
    uint8_t got[sizeof(word)];
    ssize_t k = TLS_AGAIN;
    struct pair p;
    enum tls_result r = TLS_AGAIN;

    (void)state;
    pair_init(&p, TLS_SIGNER_SODIUM);
    tls_engine_handshake(&p.client.engine);
    for (size_t i = 0; i < p.client.out_len; i++)
        assert_int_equal(hand(&p.server, &p.client, i, 1), TLS_AGAIN);
    p.client.out_len = 0;
    for (size_t i = 0; i < p.server.out_len; i++) {
        assert_int_equal(r, TLS_AGAIN);
        r = hand(&p.client, &p.server, i, 1);
    }
    assert_int_equal(r, TLS_DONE);
    r = TLS_AGAIN;
    for (size_t i = 0; i < p.client.out_len; i++) {
        assert_int_equal(r, TLS_AGAIN);
        r = hand(&p.server, &p.client, i, 1);
    }
    assert_int_equal(r, TLS_DONE);
    p.client.out_len = 0;
    assert_true(tls_engine_seal(&p.client.engine, word, sizeof(word)));
    for (size_t i = 0; i < p.client.out_len; i++) {
        assert_int_equal(k, TLS_AGAIN);
        feed(&p.server, p.client.out + i, 1);
        k = tls_engine_open(&p.server.engine, got, sizeof(got));
        assert_int_equal(tls_engine_is_mid_record(&p.server.engine), i + 1 < p.client.out_len);
    }
    assert_int_equal(k, sizeof(word));
    assert_memory_equal(got, word, sizeof(word));
    pair_fini(&p);
}

static void test_seal_in_place(void **state)
{
    uint8_t plain[1000], got[1000];
    struct pair p;

    (void)state;
    pair_init(&p, TLS_SIGNER_SODIUM);
    handshake(&p, SIZE_MAX);
    memset(plain, 0x5a, sizeof(plain));
    memcpy(p.client.out, plain, sizeof(plain)); /* the place of the record */
    assert_true(tls_engine_seal(&p.client.engine, p.client.out, sizeof(plain)));
    assert_int_equal(p.client.out_len, sizeof(plain) + TLS_RECORD_OVERHEAD);
    feed(&p.server, p.client.out, p.client.out_len);
    assert_int_equal(tls_engine_open(&p.server.engine, got, sizeof(got)), sizeof(plain));
    assert_memory_equal(got, plain, sizeof(plain));
    pair_fini(&p);
}

/* Changes one byte of flight `flight` (0: client's first) at a random place. */
static void spoil(unsigned flight)
{
    struct pair p;
    struct side *from, *to;
    enum tls_result r;

    pair_init(&p, TLS_SIGNER_SODIUM);
    tls_engine_handshake(&p.client.engine);
    if (flight >= 1)
        hand_split(&p.server, &p.client, SIZE_MAX);
    if (flight >= 2)
        hand_split(&p.client, &p.server, SIZE_MAX);
    from = flight == 1 ? &p.server : &p.client;
    to = flight == 1 ? &p.client : &p.server;
    from->out[any(from->out_len)] ^= (uint8_t)(1 + any(255));
    r = hand_split(to, from, SIZE_MAX);
    if (r == TLS_FAILED) {
        assert_int_not_equal(to->engine.error, 0);
        assert_non_null(tls_engine_error_text(&to->engine));
        assert_true(tls_engine_failure(&to->engine) <= TLS_FAILURE_OTHER);
    }
    if (flight == 2) /* nothing of a Finished may be changed, but for its plaintext header */
        assert_true(r != TLS_DONE || from->out[0] != 0);
    pair_fini(&p);
}

static void test_garbage(void **state)
{
    static const char http[] = "GET / HTTP/1.1\r\n\r\n";
    struct pair p;

    (void)state;
    pair_init(&p, TLS_SIGNER_SODIUM);
    feed(&p.server, (const uint8_t *)http, sizeof(http));
    assert_int_equal(tls_engine_handshake(&p.server.engine), TLS_FAILED);
    assert_int_equal(tls_engine_failure(&p.server.engine), TLS_FAILURE_NOT_TLS);
    pair_fini(&p);
    for (unsigned i = 0; i < 300; i++)
        spoil(i % 3);
}

static void test_spoilt_record(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        uint8_t plain[500] = {0}, got[500];
        struct pair p;
        ssize_t k;

        pair_init(&p, TLS_SIGNER_SODIUM);
        handshake(&p, SIZE_MAX);
        assert_true(tls_engine_seal(&p.client.engine, plain, sizeof(plain)));
        p.client.out[5 + any(p.client.out_len - 5)] ^= (uint8_t)(1 + any(255));
        feed(&p.server, p.client.out, p.client.out_len);
        k = tls_engine_open(&p.server.engine, got, sizeof(got));
        assert_int_equal(k, TLS_FAILED);
        assert_true(p.server.out_len > 0); /* an alert */
        feed(&p.client, p.server.out, p.server.out_len);
        assert_int_equal(tls_engine_open(&p.client.engine, got, sizeof(got)), TLS_FAILED);
        assert_int_equal(tls_engine_failure(&p.client.engine), TLS_FAILURE_ALERT);
        assert_non_null(tls_engine_error_text(&p.client.engine));
        pair_fini(&p);
    }
}

static void test_nothing_in_common(void **state)
{
    gnutls_priority_t other;
    struct pair p;

    (void)state;
    pair_init(&p, TLS_SIGNER_SODIUM);
    assert_int_equal(gnutls_priority_init(&other,
                                          "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:"
                                          "+GROUP-SECP521R1",
                                          NULL),
                     0);
    assert_int_equal(gnutls_priority_set(p.client.engine.session, other), 0);
    tls_engine_handshake(&p.client.engine);
    assert_int_equal(hand_split(&p.server, &p.client, SIZE_MAX), TLS_FAILED);
    assert_int_equal(tls_engine_failure(&p.server.engine), TLS_FAILURE_NO_COMMON);
    pair_fini(&p);
    gnutls_priority_deinit(other);
}

static void test_close_notify(void **state)
{
    uint8_t got[10];
    struct pair p;

    (void)state;
    pair_init(&p, TLS_SIGNER_SODIUM);
    handshake(&p, SIZE_MAX);
    assert_true(tls_engine_seal(&p.client.engine, (const uint8_t *)"last", 4));
    assert_true(tls_engine_close_notify(&p.client.engine));
    feed(&p.server, p.client.out, p.client.out_len);
    assert_int_equal(tls_engine_open(&p.server.engine, got, sizeof(got)), 4);
    assert_int_equal(tls_engine_open(&p.server.engine, got, sizeof(got)), TLS_EOF);
    say(&p.server, &p.client, 1000, 1000, 1000); /* the other half is still open */
    assert_true(tls_engine_close_notify(&p.server.engine));
    pair_fini(&p);
}

static void test_key_update(void **state)
{
    uint8_t plain[1000], got[1000];
    struct pair p;

    (void)state;
    pair_init(&p, TLS_SIGNER_SODIUM);
    handshake(&p, SIZE_MAX);
    assert_int_equal(gnutls_session_key_update(p.client.engine.session, GNUTLS_KU_PEER), 0);
    assert_true(tls_engine_seal(&p.client.engine, (const uint8_t *)"new", 3));
    feed(&p.server, p.client.out, p.client.out_len);
    /* the update is passed over, and what follows it is found in the same call */
    assert_int_equal(tls_engine_open(&p.server.engine, got, sizeof(got)), 3);
    p.client.out_len = 0;
    /* the server's own update, as it was asked for, goes before its next record: in place, too */
    memset(plain, 0x5a, sizeof(plain));
    memcpy(p.server.out, plain, sizeof(plain));
    assert_true(tls_engine_seal(&p.server.engine, p.server.out, sizeof(plain)));
    assert_true(p.server.out_len > sizeof(plain) + TLS_RECORD_OVERHEAD);
    feed(&p.client, p.server.out, p.server.out_len);
    assert_int_equal(tls_engine_open(&p.client.engine, got, sizeof(got)), sizeof(plain));
    assert_memory_equal(got, plain, sizeof(plain));
    p.server.out_len = 0;
    say(&p.server, &p.client, 1000, 100, 1000);
    pair_fini(&p);
}

static void test_no_memory(void **state)
{
    uint8_t plain[100] = {0};
    struct pair p;

    (void)state;
    pair_init(&p, TLS_SIGNER_SODIUM);
    handshake(&p, SIZE_MAX);
    p.client.out_max = 50;
    assert_false(tls_engine_seal(&p.client.engine, plain, sizeof(plain)));
    assert_int_not_equal(p.client.engine.error, 0);
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake_and_data),
        cmocka_unit_test(test_split_everywhere),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_seal_in_place),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_spoilt_record),
        cmocka_unit_test(test_nothing_in_common),
        cmocka_unit_test(test_close_notify),
        cmocka_unit_test(test_key_update),
        cmocka_unit_test(test_no_memory),
    };
    const char *text = getenv("RELAY_TEST_SEED");

    random_state = (text ? strtoull(text, NULL, 0) : 0x5eedu) | 1;
    printf("seed %llu\n", (unsigned long long)random_state);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
