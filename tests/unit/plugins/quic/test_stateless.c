/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the stateless answers; the test replaces the socket. Version negotiation swaps the
 * ids, of every length, and names our version and a reserved one; a short datagram gets none. A
 * stateless reset looks like a packet, has the token of the id and is shorter than what it answers,
 * for every length; where it cannot be, there is none. Retry: ngtcp2 reads it, its token is valid,
 * its new id names this worker. Refusals. All are within a rate, which recovers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>

#include <cmocka.h>

#include "quic/stateless.h"
#include "random.h"

#define SECOND_NS UINT64_C(1000000000)
#define RETRY_TAG_BYTES 16u

static struct {
    struct quic_worker worker;
    struct quic_socket socket;
    union quic_addr local, remote;
    uint8_t answer[2048];
    size_t answer_len;
    unsigned answers;
} w;

/* In place of socket.c's. */
bool quic_socket_write(struct quic_socket *s, const struct quic_datagram *d)
{
    assert_ptr_equal(s, &w.socket);
    assert_ptr_equal(d->remote, &w.remote);
    assert_true(d->len <= sizeof(w.answer) && d->segment == d->len);
    memcpy(w.answer, d->bytes, d->len);
    w.answer_len = d->len;
    w.answers++;
    return true;
}

static void give_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)any(256);
}

static int setup(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    w.socket.worker = &w.worker;
    w.worker.env.random = give_random;
    w.worker.env.worker = 2;
    w.worker.env.workers = 3;
    w.worker.env.reset_secret[0] = 1;
    w.worker.retry_secret[0] = 2;
    w.worker.now_ns = 5 * SECOND_NS;
    w.local.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(7000)};
    w.remote.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(27000)};
    return 0;
}

/* One more answer was given. */
static bool is_answered(void)
{
    bool is_one = w.answers == 1;

    assert_true(w.answers <= 1);
    w.answers = 0;
    w.worker.now_ns += SECOND_NS; /* the rate is no matter here */
    return is_one;
}

static struct quic_datagram datagram_of(const uint8_t *bytes, size_t len)
{
    return (struct quic_datagram){&w.local, &w.remote, bytes, len, len, NULL, 0};
}

static void test_versions(void **state)
{
    uint8_t in[NGTCP2_MAX_UDP_PAYLOAD_SIZE] = {0}, dcid[UINT8_MAX], scid[UINT8_MAX];
    struct quic_datagram x = datagram_of(in, sizeof(in)), small = datagram_of(in, sizeof(in) - 1);

    (void)state;
    memset(dcid, 0xdc, sizeof(dcid));
    memset(scid, 0x5c, sizeof(scid));
    for (size_t n = 0; n <= UINT8_MAX; n++) {
        size_t m = UINT8_MAX - n;
        ngtcp2_version_cid vc = {.dcid = dcid, .dcidlen = n, .scid = scid, .scidlen = m};
        const uint8_t *p = w.answer;
        uint32_t grease, ours;

        quic_stateless_versions(&w.socket, &x, &vc);
        assert_true(is_answered());
        assert_true(w.answer_len < sizeof(in));
        assert_int_equal(w.answer_len, 7 + n + m + 8);
        assert_true(p[0] & 0x80);
        assert_memory_equal(p + 1, ((uint8_t[4]){0}), 4);
        assert_int_equal(p[5], m);
        assert_memory_equal(p + 6, scid, m);
        assert_int_equal(p[6 + m], n);
        assert_memory_equal(p + 7 + m, dcid, n);
        memcpy(&grease, p + 7 + m + n, 4);
        memcpy(&ours, p + 11 + m + n, 4);
        assert_int_equal(ntohl(grease) & 0x0f0f0f0f, 0x0a0a0a0a);
        assert_int_equal(ntohl(ours), NGTCP2_PROTO_VER_V1);
        quic_stateless_versions(&w.socket, &small, &vc);
        assert_false(is_answered());
    }
}

static void test_reset(void **state)
{
    uint8_t in[1500] = {0x40, 1, 2, 3, 4, 5, 6, 7, 8}, token[NGTCP2_STATELESS_RESET_TOKENLEN];
    ngtcp2_cid cid;

    (void)state;
    ngtcp2_cid_init(&cid, in + 1, QUIC_CID_BYTES);
    quic_reset_token(w.worker.env.reset_secret, &cid, token);
    for (size_t n = 0; n <= sizeof(in); n++) {
        struct quic_datagram x = datagram_of(in, n);

        quic_stateless_reset(&w.socket, &x, in + 1, QUIC_CID_BYTES);
        if (!is_answered()) {
            assert_true(n < QUIC_CID_BYTES + 21); /* no packet of a peer's is that short */
            continue;
        }
        assert_true(w.answer_len < n);
        assert_true(w.answer_len >= 21); /* a shorter one is not looked at */
        assert_int_equal(w.answer[0] & 0xc0, 0x40);
        assert_memory_equal(w.answer + w.answer_len - sizeof(token), token, sizeof(token));
    }
}

static ngtcp2_pkt_hd first_packet(size_t dcid_len, size_t scid_len)
{
    ngtcp2_pkt_hd hd = {.version = NGTCP2_PROTO_VER_V1, .type = NGTCP2_PKT_INITIAL};
    uint8_t bytes[NGTCP2_MAX_CIDLEN];

    give_random(NULL, bytes, sizeof(bytes));
    ngtcp2_cid_init(&hd.dcid, bytes, dcid_len);
    give_random(NULL, bytes, sizeof(bytes));
    ngtcp2_cid_init(&hd.scid, bytes, scid_len);
    return hd;
}

static void test_retry(void **state)
{
    uint8_t in[1200] = {0xc0};
    struct quic_datagram x = datagram_of(in, sizeof(in));

    (void)state;
    for (size_t n = NGTCP2_MIN_INITIAL_DCIDLEN; n <= NGTCP2_MAX_CIDLEN; n++) {
        ngtcp2_pkt_hd hd = first_packet(n, NGTCP2_MAX_CIDLEN - n), got;
        uint64_t then = w.worker.now_ns;
        const uint8_t *token;
        ngtcp2_ssize head;
        ngtcp2_cid odcid;
        size_t token_len;

        quic_stateless_retry(&w.socket, &x, &hd);
        assert_true(is_answered());
        assert_true(w.answer_len < sizeof(in));
        head = ngtcp2_pkt_decode_hd_long(&got, w.answer, w.answer_len);
        assert_true(head > 0);
        assert_int_equal(got.type, NGTCP2_PKT_RETRY);
        assert_true(ngtcp2_cid_eq(&got.dcid, &hd.scid));
        assert_int_equal(got.scid.datalen, QUIC_CID_BYTES);
        assert_int_equal(quic_cid_worker(got.scid.data[0], 3), 2);
        token = w.answer + head;
        token_len = w.answer_len - (size_t)head - RETRY_TAG_BYTES;
        assert_true(quic_retry_token_check(w.worker.retry_secret, token, token_len, &w.remote.any,
                                           &got.scid, then, &odcid));
        assert_true(ngtcp2_cid_eq(&odcid, &hd.dcid));
    }
}

static void test_close(void **state)
{
    uint8_t in[1200] = {0xc0};
    struct quic_datagram x = datagram_of(in, sizeof(in));
    ngtcp2_pkt_hd hd = first_packet(NGTCP2_MAX_CIDLEN, NGTCP2_MAX_CIDLEN), got;

    (void)state;
    quic_stateless_close(&w.socket, &x, &hd, NGTCP2_CONNECTION_REFUSED);
    assert_true(is_answered());
    assert_true(w.answer_len < sizeof(in));
    assert_true(ngtcp2_pkt_decode_hd_long(&got, w.answer, w.answer_len) > 0);
    assert_int_equal(got.type, NGTCP2_PKT_INITIAL);
    assert_true(ngtcp2_cid_eq(&got.dcid, &hd.scid) && ngtcp2_cid_eq(&got.scid, &hd.dcid));
}

static unsigned resets(unsigned asked)
{
    uint8_t in[60] = {0x40};
    struct quic_datagram x = datagram_of(in, sizeof(in));

    w.answers = 0;
    for (unsigned i = 0; i < asked; i++)
        quic_stateless_reset(&w.socket, &x, in + 1, QUIC_CID_BYTES);
    return w.answers;
}

static void test_rate(void **state)
{
    (void)state;
    assert_int_equal(resets(3 * QUIC_STATELESS_BURST), QUIC_STATELESS_BURST);
    assert_int_equal(w.worker.counters.counted[QUIC_COUNTER_STATELESS_LIMITED],
                     2 * QUIC_STATELESS_BURST);
    assert_int_equal(resets(1), 0);
    w.worker.now_ns += SECOND_NS / 10;
    assert_int_equal(resets(QUIC_STATELESS_BURST), QUIC_STATELESS_PER_S / 10);
    for (int i = 0; i < 1000; i++) { /* small steps add up, too */
        w.worker.now_ns += SECOND_NS / 1000;
        resets(QUIC_STATELESS_PER_S / 1000 * 2);
    }
    assert_true(w.worker.counters.counted[QUIC_COUNTER_RESETS] <=
                QUIC_STATELESS_BURST + QUIC_STATELESS_PER_S * 11 / 10);
    assert_true(w.worker.counters.counted[QUIC_COUNTER_RESETS] + 2 >=
                QUIC_STATELESS_BURST + QUIC_STATELESS_PER_S * 11 / 10);
    w.worker.now_ns += 1000000 * SECOND_NS;
    assert_int_equal(resets(3 * QUIC_STATELESS_BURST), QUIC_STATELESS_BURST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_versions, setup), cmocka_unit_test_setup(test_reset, setup),
        cmocka_unit_test_setup(test_retry, setup),    cmocka_unit_test_setup(test_close, setup),
        cmocka_unit_test_setup(test_rate, setup),
    };

    random_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
