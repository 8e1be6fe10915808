/* SPDX-License-Identifier: MPL-2.0 */
#include "quic_peer.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "quic/tls.h"

#define PACING_NS UINT64_C(10000000) /* the longest delay by pacing that a peer waits for */
#define TURN_NS UINT64_C(1000000)

static void on_opened(void *owner)
{
    ((struct quic_peer *)owner)->has_opened = true;
}

static void on_data(void *owner, const uint8_t *bytes, size_t n)
{
    struct quic_peer *p = owner;

    for (size_t i = 0; i < n; i++)
        CF_CHECK(bytes[i] == cf_byte(2, p->received + i));
    p->received += n;
    quic_engine_consumed(p->engine, n);
}

static void on_fin(void *owner)
{
    ((struct quic_peer *)owner)->has_fin = true;
}

static bool on_cid_add(void *owner, const ngtcp2_cid *cid)
{
    (void)owner, (void)cid;
    return true;
}

static void on_cid_remove(void *owner, const ngtcp2_cid *cid)
{
    (void)owner, (void)cid;
}

static void give_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    CF_CHECK(getrandom(out, len, 0) == (ssize_t)len);
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

static void on_narrowed(void *owner)
{
    (void)owner;
}

static void open_socket(struct quic_peer *p)
{
    socklen_t len = sizeof(p->local);

    p->fd = socket(p->remote.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CF_CHECK(p->fd >= 0);
    CF_CHECK(connect(p->fd, &p->remote.any, quic_addr_len(&p->remote)) == 0);
    CF_CHECK(getsockname(p->fd, &p->local.any, &len) == 0);
}

void quic_peer_begin(struct cf_bench *b, struct quic_peer *p, const struct sockaddr_storage *server)
{
    static const struct quic_engine_ops ops = {on_opened,  on_data,       on_fin,
                                               on_cid_add, on_cid_remove, on_narrowed};
    const uint8_t seed[TLS_SEED_BYTES] = {9}, serial[TLS_SERIAL_BYTES] = {1};
    struct relay_error err;

    memset(p, 0, sizeof(*p));
    p->bench = b;
    memcpy(&p->remote, server, sizeof(p->remote));
    open_socket(p);
    CF_CHECK(tls_creds_new(seed, serial, 1770000000, TLS_SIGNER_SODIUM, QUIC_PRIORITY, &p->creds,
                           &err) == 0);
    p->env = (struct quic_env){.ops = &ops,
                               .creds = p->creds,
                               .buf_new = b->host->buf_new,
                               .random = give_random,
                               .workers = 1};
    p->engine = quic_engine_dial(&p->env, p, &p->local, &p->remote, now_ns());
    CF_CHECK(p->engine);
}

void quic_peer_fini(struct quic_peer *p)
{
    quic_engine_free(&p->engine);
    tls_creds_free(&p->creds);
    close(p->fd);
}

void quic_peer_move(struct quic_peer *p)
{
    close(p->fd);
    open_socket(p);
}

/* The path it believes in is its first one: a translator has moved it, not itself. */
static void read_packet(struct quic_peer *p, const uint8_t *bytes, size_t n)
{
    const ngtcp2_path *path = quic_engine_path(p->engine);
    struct quic_datagram d = {.local = quic_addr_of(path->local.addr),
                              .remote = quic_addr_of(path->remote.addr),
                              .bytes = bytes,
                              .len = n,
                              .segment = n};

    quic_engine_read(p->engine, &d, now_ns());
}

static void read_all(struct quic_peer *p)
{
    uint8_t bytes[2048];
    ssize_t n;

    while (!p->is_deaf && (n = recv(p->fd, bytes, sizeof(bytes), 0)) >= 0) {
        p->heard += (uint64_t)n;
        read_packet(p, bytes, (size_t)n);
    }
}

static void say(struct quic_peer *p, const uint8_t *bytes, size_t n)
{
    if (n > 0 && p->loses > 0)
        p->loses--;
    else if (n > 0 && send(p->fd, bytes, n, 0) == (ssize_t)n)
        p->said += n;
}

void quic_peer_turn(struct quic_peer *p)
{
    uint8_t bytes[QUIC_PACKET_MAX];
    size_t n, total = 0;

    read_all(p);
    if (quic_engine_expiry(p->engine) <= now_ns())
        quic_engine_expire(p->engine, now_ns());
    do {
        ngtcp2_path_storage path;

        ngtcp2_path_storage_zero(&path);
        n = quic_engine_write(p->engine, &path, bytes, sizeof(bytes), now_ns());
        say(p, bytes, n);
        total += n;
    } while (n > 0 && total < quic_engine_quantum(p->engine));
    if (total > 0 && !quic_engine_has_ended(p->engine))
        quic_engine_wrote(p->engine, now_ns());
}

void quic_peer_send(struct quic_peer *p, size_t n)
{
    struct relay_buf *buf = p->bench->host->buf_new(n);
    struct relay_vec v = {.count = 1};

    CF_CHECK(buf);
    for (size_t i = 0; i < n; i++)
        buf->bytes[i] = cf_byte(1, p->sent + i);
    p->sent += n;
    v.slice[0] = relay_slice_own(buf, buf->bytes, (uint32_t)n);
    CF_CHECK(quic_engine_send(p->engine, &v));
    /* Pacing may delay the packet, and callers that wait at the other end do not turn the peer. */
    for (uint64_t until_ns = now_ns() + PACING_NS; now_ns() < until_ns;) {
        quic_peer_turn(p);
        if (!quic_engine_has_unsent(p->engine))
            break;
    }
}

void quic_peer_leave(struct quic_peer *p)
{
    uint8_t bytes[QUIC_PACKET_MAX];
    ngtcp2_path_storage path;

    ngtcp2_path_storage_zero(&path);
    quic_engine_end(p->engine, QUIC_APP_CLOSED);
    say(p, bytes, quic_engine_write_close(p->engine, &path, bytes, sizeof(bytes), now_ns()));
}

void quic_peer_part(struct quic_peer *p)
{
    quic_peer_leave(p);
    quic_peer_fini(p);
}

/* -- waits -- */

struct wait {
    struct quic_peer *peer;
    uint64_t bytes, until_ns;
};

static bool has_opened(void *ctx)
{
    struct wait *w = ctx;

    quic_peer_turn(w->peer);
    if (quic_engine_has_ended(w->peer->engine))
        cf_fail("the peer's engine ended: %s", quic_engine_cause(w->peer->engine)->detail);
    return w->peer->has_opened;
}

static bool has_received(void *ctx)
{
    struct wait *w = ctx;

    quic_peer_turn(w->peer);
    if (quic_engine_has_ended(w->peer->engine))
        cf_fail("the peer's engine ended: %s", quic_engine_cause(w->peer->engine)->detail);
    return w->peer->received >= w->bytes;
}

static bool is_acknowledged(void *ctx)
{
    struct quic_peer *p = ((struct wait *)ctx)->peer;

    quic_peer_turn(p);
    return quic_engine_left(p->engine) == 0;
}

static bool has_ended(void *ctx)
{
    struct wait *w = ctx;

    quic_peer_turn(w->peer);
    return quic_engine_has_ended(w->peer->engine);
}

static bool has_passed(void *ctx)
{
    struct wait *w = ctx;

    quic_peer_turn(w->peer);
    return now_ns() >= w->until_ns;
}

static void until(struct quic_peer *p, bool (*done)(void *ctx), struct wait *w, const char *what)
{
    w->peer = p;
    while (!done(w)) {
        cf_for(p->bench, TURN_NS);
        if (now_ns() >= w->until_ns)
            cf_fail("timed out: %s", what);
    }
}

void quic_peer_until_opened(struct quic_peer *p)
{
    struct wait w = {.until_ns = now_ns() + CF_WAIT_NS};

    until(p, has_opened, &w, "the peer's handshake");
}

void quic_peer_until_received(struct quic_peer *p, uint64_t bytes)
{
    struct wait w = {.bytes = bytes, .until_ns = now_ns() + CF_WAIT_NS};

    until(p, has_received, &w, "the peer's bytes");
}

void quic_peer_until_acknowledged(struct quic_peer *p)
{
    struct wait w = {.until_ns = now_ns() + CF_WAIT_NS};

    until(p, is_acknowledged, &w, "what it sent to be acknowledged");
}

void quic_peer_until_ended(struct quic_peer *p)
{
    struct wait w = {.until_ns = now_ns() + CF_WAIT_NS};

    until(p, has_ended, &w, "the peer's end");
}

void quic_peer_for(struct quic_peer *p, uint64_t ns)
{
    struct wait w = {.peer = p, .until_ns = now_ns() + ns};

    while (!has_passed(&w))
        cf_for(p->bench, TURN_NS);
}
