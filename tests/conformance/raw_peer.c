/* SPDX-License-Identifier: MPL-2.0 */
#include "raw_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define TURN_NS UINT64_C(1000000)
#define TURNS_MAX 20000

/* Lets the other side work; fails the test when it has taken too long. */
static void turn(struct cf_bench *b, int *turns)
{
    if (++*turns > TURNS_MAX)
        cf_fail("the raw peer timed out");
    cf_for(b, TURN_NS);
}

static void raw_connect_to(struct raw_peer *p, const struct sockaddr_storage *addr, socklen_t len)
{
    *p = (struct raw_peer){.fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    CF_CHECK(p->fd >= 0);
    CF_CHECK(connect(p->fd, (const struct sockaddr *)addr, len) == 0);
    CF_CHECK(fcntl(p->fd, F_SETFL, O_NONBLOCK) == 0);
}

void raw_connect(struct cf_bench *b, struct raw_peer *p)
{
    raw_connect_to(p, &b->address, b->address_len);
}

bool raw_handshake(struct cf_bench *b, struct raw_peer *p, const char *priority)
{
    int rc, turns = 0;

    CF_CHECK(gnutls_init(&p->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) == 0);
    CF_CHECK(gnutls_priority_set_direct(p->session, priority, NULL) == 0);
    CF_CHECK(gnutls_certificate_allocate_credentials(&p->creds) == 0);
    CF_CHECK(gnutls_credentials_set(p->session, GNUTLS_CRD_CERTIFICATE, p->creds) == 0);
    gnutls_transport_set_int(p->session, p->fd);
    while ((rc = gnutls_handshake(p->session)) < 0 && !gnutls_error_is_fatal(rc))
        turn(b, &turns);
    return rc == 0;
}

struct cf_end *raw_open(struct cf_bench *b, struct raw_peer *p)
{
    b->last_admitted = NULL;
    raw_connect(b, p);
    CF_CHECK(raw_handshake(b, p, RAW_PRIORITY));
    cf_until_opened(cf_until_admitted(b));
    return b->last_admitted;
}

void raw_write(struct cf_bench *b, struct raw_peer *p, const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    int turns = 0;

    while (n > 0) {
        ssize_t k = send(p->fd, at, n, MSG_NOSIGNAL);

        if (k < 0 && errno != EAGAIN)
            return; /* the other side has had enough: that is for the test to see there */
        if (k < 0) {
            turn(b, &turns);
            continue;
        }
        at += k;
        n -= (size_t)k;
    }
}

void raw_send(struct cf_bench *b, struct raw_peer *p, size_t n, size_t record)
{
    uint8_t bytes[16384];
    int turns = 0;

    CF_CHECK(record > 0 && record <= sizeof(bytes));
    while (n > 0) {
        size_t part = n < record ? n : record;
        ssize_t rc;

        for (size_t i = 0; i < part; i++)
            bytes[i] = cf_byte(1, p->sent + i);
        while ((rc = gnutls_record_send(p->session, bytes, part)) == GNUTLS_E_AGAIN)
            turn(b, &turns);
        CF_CHECK(rc == (ssize_t)part);
        p->sent += part;
        n -= part;
    }
}

ssize_t raw_next(struct cf_bench *b, struct raw_peer *p)
{
    uint8_t bytes[16384];
    int turns = 0;
    ssize_t n;

    while ((n = gnutls_record_recv(p->session, bytes, sizeof(bytes))) == GNUTLS_E_AGAIN)
        turn(b, &turns);
    for (ssize_t i = 0; i < n; i++)
        CF_CHECK(bytes[i] == cf_byte(2, p->received + (uint64_t)i));
    if (n > 0)
        p->received += (uint64_t)n;
    return n;
}

void raw_receive(struct cf_bench *b, struct raw_peer *p, size_t n)
{
    uint64_t goal = p->received + n;

    while (p->received < goal) {
        ssize_t rc = raw_next(b, p);

        if (rc <= 0)
            cf_fail("the raw peer got %zd instead of data", rc);
    }
    CF_CHECK(p->received == goal);
}

void raw_no_delay(struct raw_peer *p)
{
    int one = 1;

    CF_CHECK(setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
}

void raw_half_close(struct raw_peer *p)
{
    CF_CHECK(shutdown(p->fd, SHUT_WR) == 0);
}

void raw_reset(struct raw_peer *p)
{
    struct linger l = {.l_onoff = 1};

    CF_CHECK(setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)) == 0);
    raw_close(p);
}

void raw_close(struct raw_peer *p)
{
    if (p->session)
        gnutls_deinit(p->session);
    if (p->creds)
        gnutls_certificate_free_credentials(p->creds);
    if (p->fd >= 0)
        close(p->fd);
    *p = (struct raw_peer){.fd = -1};
}
