/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: ids name their worker, for every number of workers, and use all first bytes. Reset tokens
 * depend on id and secret only. Retry tokens are valid for their address, port, family, id and
 * secret, for ten seconds. A token with a flipped bit, a shorter or longer one and one from the
 * future are rejected. A token of one kind is not valid as another. Of all versions, only version 1
 * is ours; a packet of another version yields its ids.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "quic/token.h"
#include "random.h"

#define SECOND_NS UINT64_C(1000000000)
#define NOW_NS (1000 * SECOND_NS)

static const uint8_t secret[QUIC_SECRET_BYTES] = {1, 2, 3, 4};
static const uint8_t other_secret[QUIC_SECRET_BYTES] = {1, 2, 3, 5};

static ngtcp2_cid cid(uint8_t first, size_t len)
{
    uint8_t bytes[NGTCP2_MAX_CIDLEN];
    ngtcp2_cid out;

    memset(bytes, first, sizeof(bytes));
    ngtcp2_cid_init(&out, bytes, len);
    return out;
}

static struct sockaddr_in v4(const char *text, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

    assert_int_equal(inet_pton(AF_INET, text, &a.sin_addr), 1);
    return a;
}

static void test_steer(void **state)
{
    (void)state;
    for (unsigned workers = 1; workers <= 64; workers++) {
        bool seen[256] = {false};

        for (unsigned first = 0; first < 256; first++) {
            for (unsigned w = 0; w < workers; w++) {
                uint8_t id[QUIC_CID_BYTES] = {(uint8_t)first, 1, 2, 3, 4, 5, 6, 7};

                quic_cid_steer(id, (uint16_t)w, (uint16_t)workers);
                assert_int_equal(quic_cid_worker(id[0], (uint16_t)workers), w);
                assert_memory_equal(id + 1, ((uint8_t[]){1, 2, 3, 4, 5, 6, 7}), 7);
                seen[id[0]] = true;
            }
        }
        for (unsigned i = 0; i < 256 - 256 % workers; i++)
            assert_true(seen[i]);
    }
}

static void test_reset_token(void **state)
{
    uint8_t a[NGTCP2_STATELESS_RESET_TOKENLEN], b[sizeof(a)];
    ngtcp2_cid one = cid(1, QUIC_CID_BYTES), two = cid(2, QUIC_CID_BYTES), longer = cid(1, 9);

    (void)state;
    quic_reset_token(secret, &one, a);
    quic_reset_token(secret, &one, b);
    assert_memory_equal(a, b, sizeof(a));
    quic_reset_token(other_secret, &one, b);
    assert_memory_not_equal(a, b, sizeof(a));
    quic_reset_token(secret, &two, b);
    assert_memory_not_equal(a, b, sizeof(a));
    quic_reset_token(secret, &longer, b);
    assert_memory_not_equal(a, b, sizeof(a));
}

static bool is_good(const uint8_t *token, size_t n, const void *addr, const ngtcp2_cid *rscid,
                    uint64_t now_ns, ngtcp2_cid *out)
{
    return quic_retry_token_check(secret, token, n, addr, rscid, now_ns, out);
}

static void test_retry_token(void **state)
{
    struct sockaddr_in here = v4("127.0.0.1", 27000), port = v4("127.0.0.1", 27001),
                       elsewhere = v4("127.0.0.2", 27000);
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(27000)};
    ngtcp2_cid rscid = cid(3, QUIC_CID_BYTES), wrong = cid(4, QUIC_CID_BYTES), out;
    uint8_t token[QUIC_RETRY_TOKEN_MAX];

    (void)state;
    for (size_t len = NGTCP2_MIN_INITIAL_DCIDLEN; len <= NGTCP2_MAX_CIDLEN; len++) {
        ngtcp2_cid odcid = cid((uint8_t)(16 + len), len);
        size_t n =
            quic_retry_token(secret, (const struct sockaddr *)&here, &odcid, &rscid, NOW_NS, token);

        assert_true(n <= sizeof(token));
        memset(&out, 0, sizeof(out));
        assert_true(is_good(token, n, &here, &rscid, NOW_NS, &out));
        assert_true(ngtcp2_cid_eq(&out, &odcid));
        assert_true(is_good(token, n, &here, &rscid, NOW_NS + 10 * SECOND_NS, &out));
        assert_false(is_good(token, n, &here, &rscid, NOW_NS + 10 * SECOND_NS + 1, &out));
        assert_false(is_good(token, n, &here, &rscid, NOW_NS - 1, &out));
        assert_false(is_good(token, n, &port, &rscid, NOW_NS, &out));
        assert_false(is_good(token, n, &elsewhere, &rscid, NOW_NS, &out));
        assert_false(is_good(token, n, &v6, &rscid, NOW_NS, &out));
        assert_false(is_good(token, n, &here, &wrong, NOW_NS, &out));
        assert_false(quic_retry_token_check(other_secret, token, n, (const struct sockaddr *)&here,
                                            &rscid, NOW_NS, &out));
    }
}

static void test_padding_of_addresses(void **state)
{
    struct sockaddr_in a = v4("127.0.0.1", 27000), b = a;
    ngtcp2_cid odcid = cid(1, 8), rscid = cid(2, 8), out;
    uint8_t token[QUIC_RETRY_TOKEN_MAX];
    size_t n;

    (void)state;
    memset(b.sin_zero, 0x55, sizeof(b.sin_zero)); /* these bytes do not count */
    n = quic_retry_token(secret, (const struct sockaddr *)&a, &odcid, &rscid, NOW_NS, token);
    assert_true(is_good(token, n, &b, &rscid, NOW_NS, &out));
}

static void test_spoilt_retry_token(void **state)
{
    struct sockaddr_in here = v4("127.0.0.1", 27000);
    ngtcp2_cid odcid = cid(1, 20), rscid = cid(2, 8), out;
    uint8_t token[QUIC_RETRY_TOKEN_MAX + 32] = {0};
    size_t n =
        quic_retry_token(secret, (const struct sockaddr *)&here, &odcid, &rscid, NOW_NS, token);

    (void)state;
    for (size_t bit = 0; bit < 8 * n; bit++) {
        token[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(is_good(token, n, &here, &rscid, NOW_NS, &out));
        token[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < sizeof(token); len++)
        assert_int_equal(is_good(token, len, &here, &rscid, NOW_NS, &out), len == n);
    for (unsigned i = 0; i < 10000; i++) {
        for (size_t k = 0; k < sizeof(token); k++)
            token[k] = (uint8_t)any(256);
        assert_false(is_good(token, any(sizeof(token) + 1), &here, &rscid, NOW_NS, &out));
    }
}

/* Version and ids of a long header; the packet is as long as a client's first one. */
static int ids_of(uint32_t version, ngtcp2_version_cid *out)
{
    static uint8_t packet[NGTCP2_MAX_UDP_PAYLOAD_SIZE] = {0xc0, 0, 0, 0, 0, 2, 8, 9, 1, 7};

    version = htonl(version);
    memcpy(packet + 1, &version, sizeof(version));
    return quic_packet_ids(packet, sizeof(packet), out);
}

static void test_versions(void **state)
{
    const uint32_t others[] = {NGTCP2_PROTO_VER_V2, 0xff00001d, 0x1a2a3a4a, 2, UINT32_MAX};
    const uint8_t short_header[1 + QUIC_CID_BYTES] = {0x40, 5};
    ngtcp2_version_cid vc;

    (void)state;
    assert_int_equal(ids_of(NGTCP2_PROTO_VER_V1, &vc), 0);
    assert_int_equal(ids_of(0, &vc), 0); /* a version negotiation packet */
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        memset(&vc, 0, sizeof(vc));
        assert_int_equal(ids_of(others[i], &vc), NGTCP2_ERR_VERSION_NEGOTIATION);
        assert_int_equal(vc.version, others[i]);
        assert_int_equal(vc.dcidlen, 2);
        assert_memory_equal(vc.dcid, ((uint8_t[]){8, 9}), 2);
        assert_int_equal(vc.scidlen, 1);
        assert_int_equal(vc.scid[0], 7);
    }
    assert_int_equal(quic_packet_ids(short_header, sizeof(short_header), &vc), 0);
    assert_int_equal(vc.dcid[0], 5);
    assert_int_equal(quic_packet_ids(short_header, sizeof(short_header) - 1, &vc),
                     NGTCP2_ERR_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steer),
        cmocka_unit_test(test_reset_token),
        cmocka_unit_test(test_retry_token),
        cmocka_unit_test(test_padding_of_addresses),
        cmocka_unit_test(test_spoilt_retry_token),
        cmocka_unit_test(test_versions),
    };

    random_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
