/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: tcp_tls against peers that are not it. What a stranger sends or leaves out before and after
 * the TLS handshake, how it ends, and what TLS it is shown. The accepted end is a cf_end, so the
 * laws are watched here too.
 */
#include "tcp_tls_tests.h"

#include <string.h>

#include <gnutls/x509.h>

#include "raw_peer.h"

#define SETTLE_NS UINT64_C(100000000)
#define SECOND_NS UINT64_C(1000000000)
#define MIB ((size_t)1 << 20)

void tls_silent_peer(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct raw_peer p;
    struct cf_end *z;

    raw_connect(b, &p);
    z = cf_until_admitted(b);
    cf_for(b, SETTLE_NS);
    CF_CHECK(!z->opened && !z->closed);
    cf_close(z, RELAY_CLOSE_GRACEFUL); /* the host's deadline */
    cf_until_closed(z);
    CF_CHECK(z->end == RELAY_END_LOCAL);
    raw_close(&p);
    cf_bench_close(b);
}

/* n bytes instead of a ClientHello: how the other end ends. */
static enum relay_end end_after(struct cf_bench *b, const void *bytes, size_t n, bool is_cut)
{
    struct raw_peer p;
    struct cf_end *z;

    b->last_admitted = NULL;
    raw_connect(b, &p);
    z = cf_until_admitted(b);
    raw_write(b, &p, bytes, n);
    if (is_cut)
        raw_half_close(&p);
    cf_until_closed(z);
    CF_CHECK(!z->opened);
    raw_close(&p);
    return z->end;
}

void tls_garbage(void **state)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const uint8_t zeros[64], huge[] = {22, 3, 1, 0xff, 0xff, 1, 0xff, 0xff, 0xff};
    static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 40};
    struct cf_bench *b = cf_bench_open(*state);
    uint8_t noise[4096];

    CF_CHECK(end_after(b, http, sizeof(http), false) == RELAY_END_HANDSHAKE);
    CF_CHECK(end_after(b, zeros, sizeof(zeros), false) == RELAY_END_HANDSHAKE);
    CF_CHECK(end_after(b, huge, sizeof(huge), false) == RELAY_END_HANDSHAKE);
    CF_CHECK(end_after(b, alert, sizeof(alert), false) == RELAY_END_HANDSHAKE);
    cf_for(b, SETTLE_NS / 10);
    CF_CHECK(cf_counter(b, "handshakes_failed_not_tls_total") == 4);
    for (int i = 0; i < 200; i++) {
        enum relay_end end;

        for (size_t k = 0; k < sizeof(noise); k++)
            noise[k] = (uint8_t)cf_random(b, 256);
        if (i % 2) /* the look of a handshake record */
            memcpy(noise, (uint8_t[]){22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, 11);
        end = end_after(b, noise, 600 + cf_random(b, sizeof(noise) - 600), true);
        CF_CHECK(end == RELAY_END_HANDSHAKE || end == RELAY_END_PEER);
    }
    cf_bench_close(b);
}

void tls_leaves_early(void **state)
{
    static const uint8_t half[] = {22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};
    struct cf_bench *b = cf_bench_open(*state);
    struct raw_peer p;
    struct cf_end *z;

    CF_CHECK(end_after(b, "", 0, true) == RELAY_END_PEER);
    CF_CHECK(end_after(b, half, sizeof(half), true) == RELAY_END_PEER);
    b->last_admitted = NULL;
    raw_connect(b, &p);
    z = cf_until_admitted(b);
    raw_reset(&p);
    cf_until_closed(z);
    CF_CHECK(z->end == RELAY_END_PEER);
    cf_for(b, SETTLE_NS / 10);
    CF_CHECK(cf_counter(b, "handshakes_abandoned_total") == 3);
    cf_bench_close(b);
}

void tls_old_version(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct raw_peer p;

    raw_connect(b, &p);
    CF_CHECK(!raw_handshake(b, &p, "NORMAL:-VERS-ALL:+VERS-TLS1.2"));
    CF_CHECK(gnutls_alert_get(p.session) == GNUTLS_A_PROTOCOL_VERSION ||
             gnutls_alert_get(p.session) == GNUTLS_A_HANDSHAKE_FAILURE);
    cf_until_closed(cf_until_admitted(b));
    CF_CHECK(b->last_admitted->end == RELAY_END_HANDSHAKE);
    CF_CHECK(strlen(b->last_admitted->detail) > 0);
    raw_close(&p);
    cf_bench_close(b);
}

void tls_parameters(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    const gnutls_datum_t *chain;
    gnutls_datum_t alpn;
    unsigned int count = 0, bits;
    gnutls_x509_crt_t crt;
    struct raw_peer p;

    raw_connect(b, &p);
    CF_CHECK(raw_handshake(b, &p,
                           RAW_PRIORITY ":-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:"
                                        "+AES-128-GCM"));
    CF_CHECK(gnutls_protocol_get_version(p.session) == GNUTLS_TLS1_3);
    CF_CHECK(gnutls_cipher_get(p.session) == GNUTLS_CIPHER_AES_128_GCM);
    CF_CHECK(gnutls_group_get(p.session) == GNUTLS_GROUP_X25519);
    CF_CHECK(gnutls_sign_algorithm_get(p.session) == GNUTLS_SIGN_EDDSA_ED25519);
    CF_CHECK(gnutls_alpn_get_selected_protocol(p.session, &alpn) < 0);
    chain = gnutls_certificate_get_peers(p.session, &count);
    CF_CHECK(chain && count == 1 && gnutls_x509_crt_init(&crt) == 0);
    CF_CHECK(gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) == 0);
    CF_CHECK(gnutls_x509_crt_get_pk_algorithm(crt, &bits) == GNUTLS_PK_EDDSA_ED25519);
    CF_CHECK(gnutls_x509_crt_check_hostname(crt, "localhost"));
    gnutls_x509_crt_deinit(crt);
    cf_for(b, SETTLE_NS);
    CF_CHECK(!(gnutls_session_get_flags(p.session) & GNUTLS_SFLAGS_SESSION_TICKET));
    raw_close(&p);

    raw_connect(b, &p); /* P-256 and ChaCha20 alone will do, too */
    CF_CHECK(raw_handshake(b, &p,
                           RAW_PRIORITY ":-GROUP-ALL:+GROUP-SECP256R1:-CIPHER-ALL:"
                                        "+CHACHA20-POLY1305"));
    raw_close(&p);
    cf_bench_close(b);
}

void tls_split_everywhere(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct raw_peer p;
    struct cf_end *z;

    z = raw_open(b, &p);
    raw_no_delay(&p);
    raw_send(b, &p, 3000, 1);
    raw_send(b, &p, 300000, 777);
    cf_until_received(z, p.sent);
    cf_send(z, 300000);
    raw_receive(b, &p, 300000);
    raw_close(&p);
    cf_bench_close(b);
}

/* The peer of today's clients: FIN without close_notify, and then it waits for its answer. */
void tls_half_close(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct raw_peer p;
    struct cf_end *z = raw_open(b, &p);

    raw_send(b, &p, 500, 500);
    raw_half_close(&p);
    cf_until_eof(z);
    cf_until_received(z, 500);
    cf_for(b, SETTLE_NS);
    CF_CHECK(!z->closed);
    cf_send(z, 3 * MIB);
    cf_close(z, RELAY_CLOSE_GRACEFUL);
    raw_receive(b, &p, 3 * MIB);
    CF_CHECK(raw_next(b, &p) == 0); /* close_notify */
    cf_until_closed(z);
    CF_CHECK(z->end == RELAY_END_LOCAL);
    raw_close(&p);
    cf_bench_close(b);
}

void tls_close_notify(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    uint64_t start;
    struct raw_peer p;
    struct cf_end *z;

    z = raw_open(b, &p); /* ours first: the peer hears it and its own FIN ends the wait at once */
    cf_send(z, 1000);
    cf_close(z, RELAY_CLOSE_GRACEFUL);
    raw_send(b, &p, 100, 100); /* input in between must not reset the connection */
    raw_receive(b, &p, 1000);
    CF_CHECK(raw_next(b, &p) == 0);
    start = b->subject->driver->now_ns(b->driver);
    raw_close(&p);
    cf_until_closed(z);
    CF_CHECK(b->subject->driver->now_ns(b->driver) - start < SECOND_NS / 2);

    z = raw_open(b, &p); /* theirs first, with a close_notify and no FIN */
    CF_CHECK(gnutls_bye(p.session, GNUTLS_SHUT_WR) == 0);
    cf_until_eof(z);
    cf_send(z, 1000);
    cf_close(z, RELAY_CLOSE_GRACEFUL);
    raw_receive(b, &p, 1000);
    CF_CHECK(raw_next(b, &p) == 0);
    raw_close(&p);
    cf_until_closed(z);

    z = raw_open(b, &p); /* a peer that stays is left after a second */
    cf_close(z, RELAY_CLOSE_GRACEFUL);
    start = b->subject->driver->now_ns(b->driver);
    cf_until_closed(z);
    CF_CHECK(b->subject->driver->now_ns(b->driver) - start > SECOND_NS / 2);
    raw_close(&p);
    cf_bench_close(b);
}

void tls_reset(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct raw_peer p;
    struct cf_end *z;

    z = raw_open(b, &p); /* input before the reset is still read */
    raw_no_delay(&p);
    raw_send(b, &p, 50000, 5000);
    raw_reset(&p);
    cf_until_closed(z);
    CF_CHECK(z->received == 50000 && z->end == RELAY_END_PEER);

    z = raw_open(b, &p); /* a paused end hears it too */
    cf_pause(z);
    raw_send(b, &p, 5000, 5000);
    raw_reset(&p);
    cf_until_closed(z);
    CF_CHECK(z->received == 0 && z->end == RELAY_END_PEER);

    z = raw_open(b, &p); /* ... also after eof */
    cf_pause(z);
    raw_half_close(&p);
    cf_until_eof(z);
    cf_for(b, SETTLE_NS);
    raw_reset(&p);
    cf_until_closed(z);
    CF_CHECK(z->end == RELAY_END_PEER);

    z = raw_open(b, &p); /* ... and one that has much to send */
    cf_send(z, 20 * MIB);
    cf_for(b, SETTLE_NS);
    raw_reset(&p);
    cf_until_closed(z);
    CF_CHECK(z->end == RELAY_END_PEER);
    cf_bench_close(b);
}

void tls_garbage_later(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    uint8_t noise[200] = {23, 3, 3, 0, 190};
    struct raw_peer p;
    struct cf_end *z = raw_open(b, &p);

    raw_send(b, &p, 100, 100);
    cf_until_received(z, 100);
    raw_write(b, &p, noise, sizeof(noise));
    cf_until_closed(z);
    CF_CHECK(z->end == RELAY_END_PROTOCOL && z->received == 100 && strlen(z->detail) > 0);
    raw_close(&p);
    cf_bench_close(b);
}

/* Key updates ask us to write of our own accord, between and in front of what is queued. */
void tls_key_update(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct raw_peer p;
    struct cf_end *z = raw_open(b, &p);

    cf_send(z, 8 * MIB);
    cf_for(b, SETTLE_NS);
    for (int i = 0; i < 3; i++) {
        CF_CHECK(gnutls_session_key_update(p.session, GNUTLS_KU_PEER) == 0);
        raw_send(b, &p, 1000, 100);
        cf_until_received(z, p.sent);
        cf_send(z, 1000);
    }
    raw_receive(b, &p, 8 * MIB + 3000);
    cf_bench_close(b);
    raw_close(&p);
}

/* A client with Nagle's algorithm writes a message in two pieces: the second waits until the first
 * is acknowledged, 40 ms unless we say that we wait for the rest. */
void tls_quick_acknowledgement(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    uint64_t start;
    struct raw_peer p;
    struct cf_end *z = raw_open(b, &p);

    z->inside = CF_INSIDE_ALWAYS;
    cf_for(b, SETTLE_NS);
    start = b->subject->driver->now_ns(b->driver);
    for (int i = 0; i < 20; i++) {
        raw_send(b, &p, 304, 300);
        cf_until_received(z, p.sent);
        cf_send(z, 100);
        raw_receive(b, &p, 100);
    }
    CF_CHECK(b->subject->driver->now_ns(b->driver) - start < 20 * SECOND_NS / 50);
    raw_close(&p);
    cf_bench_close(b);
}
