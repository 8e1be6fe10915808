/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: quic against peers that are not it: noise, other versions, hellos in pieces or without an
 * end, crowds, clients that move, leave, or speak to a relay that knows nothing of them.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "quic/engine_private.h"
#include "quic/worker.h"
#include "quic_peer.h"
#include "quic_tests.h"

#define SETTLE_NS UINT64_C(50000000)
#define SECOND_NS UINT64_C(1000000000)
#define MIB ((size_t)1 << 20)
#define CROWD 100
#define ROUNDS 20u
#define PIECE_BYTES 8400u /* the library keeps one of a stream that came out of order once */
#define MANY (2 * QUIC_UNVALIDATED_MAX)

static int raw_socket(const struct cf_bench *b)
{
    int fd = socket(b->address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    CF_CHECK(fd >= 0);
    CF_CHECK(connect(fd, (const struct sockaddr *)&b->address, b->address_len) == 0);
    return fd;
}

/* The size of the reply to one datagram; -1: no reply. */
static ssize_t ask(struct cf_bench *b, int fd, const void *bytes, size_t n, uint8_t *answer,
                   size_t room)
{
    CF_CHECK(send(fd, bytes, n, 0) == (ssize_t)n);
    cf_for(b, SETTLE_NS / 5);
    return recv(fd, answer, room, 0);
}

void over_quic_garbage(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    uint8_t noise[1500], answer[1500];
    int fd = raw_socket(b);
    struct cf_end *a, *z;

    for (int i = 0; i < 2000; i++) {
        size_t n = 1 + cf_random(b, sizeof(noise));
        ssize_t got;

        for (size_t k = 0; k < n; k++)
            noise[k] = (uint8_t)cf_random(b, 256);
        if (i % 3 == 0 && n > 5) /* the look of version 1 */
            memcpy(noise, (uint8_t[]){0xc0, 0, 0, 0, 1}, 5);
        CF_CHECK(send(fd, noise, n, 0) == (ssize_t)n);
        if (i % 50 == 0)
            cf_for(b, 1000);
        while ((got = recv(fd, answer, sizeof(answer), 0)) >= 0)
            CF_CHECK((size_t)got <= sizeof(noise));
    }
    CF_CHECK(send(fd, noise, 0, 0) == 0);
    cf_for(b, SETTLE_NS);
    CF_CHECK(!b->last_admitted || !b->last_admitted->opened);
    cf_connect(b, &a, &z);
    cf_send(a, 1000);
    cf_until_received(z, 1000);
    close(fd);
    cf_bench_close(b);
}

/* A long packet of another version is answered with ours, a shorter one with nothing. */
static void offer_version(struct cf_bench *b, int fd, uint32_t version)
{
    uint8_t hello[1200] = {0xc0, 0, 0, 0, 0, 4, 1, 2, 3, 4, 3, 7, 8, 9}, answer[1500];
    const uint8_t head[] = {0, 0, 0, 0, 3, 7, 8, 9, 4, 1, 2, 3, 4};
    bool has_ours = false;
    ssize_t n;

    version = htonl(version);
    memcpy(hello + 1, &version, sizeof(version));
    n = ask(b, fd, hello, sizeof(hello), answer, sizeof(answer));
    CF_CHECK(n > (ssize_t)sizeof(head) + 1 && n < (ssize_t)sizeof(hello) && answer[0] & 0x80);
    CF_CHECK(memcmp(answer + 1, head, sizeof(head)) == 0);
    for (ssize_t i = 1 + (ssize_t)sizeof(head); i + 4 <= n; i += 4) {
        has_ours |= memcmp(answer + i, (uint8_t[]){0, 0, 0, 1}, 4) == 0;
        CF_CHECK(memcmp(answer + i, &version, 4) != 0);
    }
    CF_CHECK(has_ours);
    CF_CHECK(ask(b, fd, hello, sizeof(hello) - 1, answer, sizeof(answer)) == -1);
}

void over_quic_versions(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    int fd = raw_socket(b);

    offer_version(b, fd, 0xfaceb00c);
    offer_version(b, fd, NGTCP2_PROTO_VER_V2); /* known to the library, and not ours */
    CF_CHECK(b->admits == 0 && cf_counter(b, "version_negotiations_sent_total") == 2);
    close(fd);
    cf_bench_close(b);
}

/* A key of 1024 bytes that is not wanted, beside one that is; an unknown protocol. */
static void offer_much(struct quic_peer *p)
{
    static const char large[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-FFDHE8192:"
                                "+GROUP-X25519:%DISABLE_TLS13_COMPAT_MODE";
    gnutls_datum_t odd = {(unsigned char *)(uintptr_t) "odd", 3};

    CF_CHECK(gnutls_priority_set_direct(p->engine->tls, large, NULL) == 0);
    CF_CHECK(gnutls_alpn_set_protocols(p->engine->tls, &odd, 1, 0) == 0);
}

void over_quic_two_initials(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_peer p;

    quic_peer_begin(b, &p, &b->address);
    offer_much(&p);
    quic_peer_turn(&p);
    CF_CHECK(p.said >= 2400);
    quic_peer_until_opened(&p);
    quic_peer_send(&p, 5000);
    cf_until_received(cf_until_admitted(b), 5000);
    CF_CHECK(b->admits == 1);
    quic_peer_part(&p);
    cf_bench_close(b);
}

void over_quic_second_half_first(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    uint8_t lost[QUIC_PACKET_MAX];
    ngtcp2_path_storage path;
    struct quic_peer p;

    quic_peer_begin(b, &p, &b->address);
    offer_much(&p);
    ngtcp2_path_storage_zero(&path);
    CF_CHECK(quic_engine_write(p.engine, &path, lost, sizeof(lost),
                               b->subject->driver->now_ns(b->driver)) > 0);
    quic_peer_until_opened(&p);
    CF_CHECK(cf_counter(b, "retries_sent_total") == 1);
    CF_CHECK(cf_counter(b, "retries_answered_total") == 1);
    quic_peer_send(&p, 5000);
    cf_until_received(b->last_admitted, 5000);
    quic_peer_part(&p);
    cf_bench_close(b);
}

void over_quic_nothing_in_common(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_peer p;

    quic_peer_begin(b, &p, &b->address);
    CF_CHECK(gnutls_priority_set_direct(p.engine->tls,
                                        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:"
                                        "+GROUP-SECP521R1:%DISABLE_TLS13_COMPAT_MODE",
                                        NULL) == 0);
    quic_peer_until_ended(&p);
    CF_CHECK(quic_engine_cause(p.engine)->why == RELAY_END_HANDSHAKE);
    cf_until_closed(cf_until_admitted(b));
    CF_CHECK(b->last_admitted->end == RELAY_END_HANDSHAKE && !b->last_admitted->opened);
    CF_CHECK(strlen(b->last_admitted->detail) > 0);
    cf_for(b, SETTLE_NS);
    CF_CHECK(cf_counter(b, "handshakes_failed_total") == 1);
    quic_peer_fini(&p);
    cf_bench_close(b);
}

void over_quic_leaves_early(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_peer p;

    quic_peer_begin(b, &p, &b->address);
    quic_peer_turn(&p);
    cf_until_admitted(b);
    quic_peer_leave(&p);
    cf_until_closed(b->last_admitted);
    CF_CHECK(b->last_admitted->end == RELAY_END_PEER && !b->last_admitted->opened);
    cf_for(b, SETTLE_NS);
    CF_CHECK(cf_counter(b, "handshakes_abandoned_total") == 1);
    CF_CHECK(cf_counter(b, "handshakes_failed_total") == 0);
    quic_peer_fini(&p);
    cf_bench_close(b);
}

static bool has_crowd(void *ctx)
{
    return ((const struct cf_bench *)ctx)->admits == CROWD;
}

/* They say hello, and no more. */
void over_quic_silent_clients(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_peer *crowd = calloc(CROWD, sizeof(*crowd));
    uint64_t start;
    struct cf_end *a, *z;

    CF_CHECK(crowd);
    for (int i = 0; i < CROWD; i++) {
        quic_peer_begin(b, &crowd[i], &b->address);
        quic_peer_turn(&crowd[i]);
    }
    cf_until(b, has_crowd, b, "every hello");
    start = b->subject->driver->now_ns(b->driver);
    cf_connect(b, &a, &z);
    CF_CHECK(b->subject->driver->now_ns(b->driver) - start < SECOND_NS);
    cf_for(b, 2 * SECOND_NS); /* unacknowledged data is sent again, within limits */
    for (int i = 0; i < CROWD; i++) {
        uint8_t bytes[2048];
        ssize_t n;

        while ((n = recv(crowd[i].fd, bytes, sizeof(bytes), 0)) >= 0)
            crowd[i].heard += (uint64_t)n;
        CF_CHECK(crowd[i].heard > 0 && crowd[i].heard <= 3 * crowd[i].said);
        quic_peer_fini(&crowd[i]);
    }
    cf_send(a, 1000);
    cf_until_received(z, 1000);
    free(crowd);
    cf_bench_close(b);
}

static bool are_all_answered(void *ctx)
{
    struct cf_bench *b = ctx;

    return b->admits + cf_counter(b, "retries_sent_total") >= MANY;
}

/* More than the relay waits for: the others have to prove their address first. */
void over_quic_forged_address(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    uint64_t start;
    struct cf_end *a;

    for (unsigned i = 0; i < MANY; i++) {
        struct quic_peer p;

        quic_peer_begin(b, &p, &b->address);
        quic_peer_turn(&p);
        quic_peer_fini(&p);
        if (i % 16 == 0)
            cf_for(b, 1000);
    }
    cf_until(b, are_all_answered, b, "a hello or a Retry for everyone");
    cf_for(b, SETTLE_NS);
    CF_CHECK(b->admits == QUIC_UNVALIDATED_MAX);
    CF_CHECK(cf_counter(b, "retries_sent_total") == MANY - QUIC_UNVALIDATED_MAX);
    start = b->subject->driver->now_ns(b->driver);
    a = cf_dial(b, NULL);
    cf_until_opened(a);
    CF_CHECK(b->subject->driver->now_ns(b->driver) - start < SECOND_NS);
    CF_CHECK(b->admits == QUIC_UNVALIDATED_MAX + 1);
    cf_bench_close(b);
}

void over_quic_other_port(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct sockaddr_storage before, after;
    struct quic_peer p;
    struct cf_end *z;

    quic_peer_begin(b, &p, &b->address);
    quic_peer_until_opened(&p);
    z = cf_until_admitted(b);
    quic_peer_send(&p, 100);
    cf_until_received(z, 100);
    b->subject->transport->peer(z->conn, &before);
    cf_send(z, 8 * MIB);
    for (int i = 1; i <= 3; i++) {
        quic_peer_until_received(&p, i * MIB);
        quic_peer_move(&p);
        quic_peer_send(&p, 1000);
    }
    quic_peer_until_received(&p, z->sent);
    cf_until_received(z, p.sent);
    quic_peer_for(&p, SETTLE_NS);
    b->subject->transport->peer(z->conn, &after);
    CF_CHECK(quic_port_of(&before) != quic_port_of(&after));
    CF_CHECK(htons(quic_port_of(&after)) == p.local.v4.sin_port);
    quic_peer_part(&p);
    cf_bench_close(b);
}

void over_quic_unknown_id(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    uint8_t packet[1200] = {0x40, 1, 2, 3, 4, 5, 6, 7, 8}, first[64], second[64];
    int fd = raw_socket(b);
    ssize_t n;

    n = ask(b, fd, packet, 60, first, sizeof(first));
    CF_CHECK(n >= 21 && n < 60 && (first[0] & 0xc0) == 0x40);
    CF_CHECK(ask(b, fd, packet, 60, second, sizeof(second)) == n);
    CF_CHECK(memcmp(first + n - 16, second + n - 16, 16) == 0); /* the id's token, ... */
    CF_CHECK(memcmp(first, second, (size_t)n) != 0);            /* ... behind chance */
    packet[1]++;
    n = ask(b, fd, packet, 1200, second, sizeof(second));
    CF_CHECK(n > 0 && memcmp(first + 38 - 16, second + n - 16, 16) != 0);
    n = ask(b, fd, packet, 30, second, sizeof(second));
    CF_CHECK(n == -1 || (n >= 21 && n < 30));
    CF_CHECK(ask(b, fd, packet, 21, second, sizeof(second)) == -1);
    close(fd);
    cf_bench_close(b);
}

void over_quic_close_packet(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_peer p;
    struct cf_end *z;

    quic_peer_begin(b, &p, &b->address); /* theirs, as today's clients close: with code 0 */
    quic_peer_until_opened(&p);
    z = cf_until_admitted(b);
    quic_peer_send(&p, 1000);
    cf_until_received(z, 1000);
    quic_peer_leave(&p);
    cf_until_closed(z);
    CF_CHECK(z->end == RELAY_END_PEER && z->received == 1000);
    quic_peer_fini(&p);

    b->last_admitted = NULL;
    quic_peer_begin(b, &p, &b->address); /* ours */
    quic_peer_until_opened(&p);
    z = cf_until_admitted(b);
    cf_until_opened(z);
    cf_close(z, RELAY_CLOSE_ABORT);
    quic_peer_until_ended(&p);
    CF_CHECK(quic_engine_cause(p.engine)->why == RELAY_END_PEER && !p.has_fin);
    quic_peer_fini(&p);
    cf_bench_close(b);
}

void over_quic_acknowledges(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_peer p;
    struct cf_end *z;

    quic_peer_begin(b, &p, &b->address);
    quic_peer_until_opened(&p);
    z = cf_until_admitted(b);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        quic_peer_send(&p, 10);
        cf_until_received(z, 10 * i);
        quic_peer_until_acknowledged(&p);
    }
    quic_peer_part(&p);
    cf_bench_close(b);
}

void over_quic_idle_holds_nothing(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    const struct cf_driver *d = b->subject->driver;
    struct cf_end *a[CROWD], *z[CROWD];
    size_t before;

    for (int i = 0; i < CROWD; i++)
        cf_connect(b, &a[i], &z[i]);
    cf_for(b, 2 * SETTLE_NS);
    before = d->bytes_live(b->driver); /* the charge of the connections alone */
    for (int i = 0; i < CROWD; i++) {
        cf_send(a[i], 300000);
        cf_send(z[i], 3000);
    }
    for (int i = 0; i < CROWD; i++) {
        cf_until_received(z[i], 300000);
        cf_until_received(a[i], 3000);
        cf_until_drained(a[i]);
        cf_until_drained(z[i]);
    }
    cf_for(b, 2 * SETTLE_NS);
    CF_CHECK(d->bytes_live(b->driver) <= before + CROWD * 2 * PIECE_BYTES);
    cf_bench_close(b);
}
