/* SPDX-License-Identifier: MPL-2.0 */
#include "qsim.h"

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#define WINDOW_MAX (1u << 20) /* the engine's: unread bytes a peer can make us hold */
#define GIVE_BYTES 65536u     /* given to the engine at a time, ... */
#define AHEAD_BYTES 262144u   /* ... and as long as it has less */
#define READ_STEP_NS (5 * QSIM_MS)
#define LINGER_NS QSIM_S
#define CLOSING_PTOS 3u

static struct qsim_world *world_of(const struct qsim_end *e)
{
    return e->host->world;
}

/* Eight bytes of a stream at a time. */
static uint64_t word_at(bool is_server, uint64_t i)
{
    return sim_mix(i * 2 + is_server);
}

static uint8_t byte_at(bool is_server, uint64_t i)
{
    return (uint8_t)(word_at(is_server, i / 8) >> (i % 8 * 8));
}

/* -- what the engine tells -- */

static void on_opened(void *owner)
{
    struct qsim_end *e = owner;

    QSIM_CHECK(world_of(e), !e->has_opened && !e->has_closed);
    e->has_opened = true;
}

static void on_data(void *owner, const uint8_t *p, size_t n)
{
    struct qsim_end *e = owner;

    QSIM_CHECK(world_of(e), e->has_opened && !e->has_closed && !e->has_fin && n > 0);
    for (size_t i = 0; i < n; i++) {
        if (p[i] != byte_at(!e->host->is_server, e->received + i))
            qsim_fail(world_of(e), "byte %llu is wrong", (unsigned long long)(e->received + i));
    }
    e->received += n;
    if (e->read_per_s == 0 || e->is_closing) {
        e->read += n;
        quic_engine_consumed(e->engine, n);
    } else if (e->read_at_ns == QSIM_NEVER) {
        e->read_at_ns = world_of(e)->now_ns + READ_STEP_NS;
    }
    QSIM_CHECK(world_of(e), qsim_end_unread(e) <= WINDOW_MAX);
}

static void on_fin(void *owner)
{
    struct qsim_end *e = owner;

    QSIM_CHECK(world_of(e), !e->has_fin);
    e->has_fin = true;
}

static bool on_cid_add(void *owner, const ngtcp2_cid *cid)
{
    struct qsim_end *e = owner;
    struct quic_cid_map *m = &e->host->ids;

    return quic_cid_map_add(m, quic_cid_hash(m, cid->data, cid->datalen), &e->owner);
}

static void on_cid_remove(void *owner, const ngtcp2_cid *cid)
{
    struct qsim_end *e = owner;
    struct quic_cid_map *m = &e->host->ids;

    if (e->owner.kind != QUIC_OWNER_CLOSING)
        quic_cid_map_remove(m, quic_cid_hash(m, cid->data, cid->datalen), &e->owner);
}

static void on_narrowed(void *owner)
{
    ((struct qsim_end *)owner)->narrowings++;
}

const struct quic_engine_ops qsim_engine_ops = {
    .opened = on_opened,
    .data = on_data,
    .fin = on_fin,
    .cid_add = on_cid_add,
    .cid_remove = on_cid_remove,
    .narrowed = on_narrowed,
};

/* -- life -- */

struct qsim_end *qsim_end_new(struct qsim_host *h)
{
    struct qsim_end *e = calloc(1, sizeof(*e));

    RT_INSIST(e && h->end_count < QSIM_ENDS_MAX);
    e->owner.kind = QUIC_OWNER_CONN;
    e->host = h;
    e->read_at_ns = e->linger_ns = e->deadline_ns = QSIM_NEVER;
    h->ends[h->end_count++] = e;
    return e;
}

struct qsim_end *qsim_dial(struct qsim_world *w)
{
    struct qsim_host *h = &w->client;
    struct qsim_end *e = qsim_end_new(h);
    union quic_addr local = h->address, remote = w->server.address;

    h->address.v4.sin_port = htons((uint16_t)(ntohs(h->address.v4.sin_port) + 1));
    e->engine = quic_engine_dial(&h->env, e, &local, &remote, w->now_ns);
    RT_INSIST(e->engine);
    if (h->begun)
        h->begun(e);
    qsim_end_flush(e);
    return e;
}

/* All ids that are still his. */
static void drop_ids(struct qsim_end *e)
{
    struct quic_cid_map *m = &e->host->ids;

    for (size_t i = 0; i <= m->mask;) {
        if (m->entries[i].owner == &e->owner) {
            quic_cid_map_remove(m, m->entries[i].hash, &e->owner);
            i = 0; /* others moved, or all did */
        } else {
            i++;
        }
    }
}

void qsim_end_forget(struct qsim_end *e)
{
    quic_engine_free(&e->engine);
    quic_engine_free(&e->engine); /* again, or for the first time */
    if (e->owner.kind == QUIC_OWNER_CLOSING)
        drop_ids(e);
    e->owner.kind = QUIC_OWNER_CONN;
    e->has_closed = true;
}

static void enter_closing(struct qsim_end *e, const ngtcp2_path *path)
{
    e->closing_until_ns = world_of(e)->now_ns + CLOSING_PTOS * quic_engine_pto(e->engine);
    e->owner.kind = QUIC_OWNER_CLOSING;
    memcpy(&e->close_local, path->local.addr, path->local.addrlen);
    memcpy(&e->close_remote, path->remote.addr, path->remote.addrlen);
}

static void write_close(struct qsim_end *e)
{
    e->close_packets++;
    e->bytes_out += e->close_len;
    qsim_transmit(world_of(e), !e->host->is_server, &e->close_local, &e->close_remote,
                  e->close_packet, e->close_len);
}

/* The engine has ended: says so, and goes. */
static void reap(struct qsim_end *e)
{
    bool is_known = quic_engine_has_closing_period(e->engine);
    ngtcp2_path_storage path;

    e->has_closed = true;
    e->closed_ns = world_of(e)->now_ns;
    e->why = *quic_engine_cause(e->engine);
    e->asks_again = quic_engine_wants_retry(e->engine);
    ngtcp2_path_storage_zero(&path);
    e->close_len = quic_engine_write_close(e->engine, &path, e->close_packet,
                                           sizeof(e->close_packet), world_of(e)->now_ns);
    QSIM_CHECK(world_of(e),
               quic_engine_write_close(e->engine, &path, e->close_packet, sizeof(e->close_packet),
                                       world_of(e)->now_ns) == 0);
    if (is_known)
        enter_closing(e, e->close_len ? &path.path : quic_engine_path(e->engine));
    if (e->close_len > 0)
        write_close(e);
    quic_engine_free(&e->engine);
}

/* -- writing -- */

static void give(struct qsim_end *e)
{
    while (e->to_send > 0 && quic_engine_left(e->engine) < AHEAD_BYTES &&
           !quic_engine_has_ended(e->engine)) {
        uint32_t n = e->to_send < GIVE_BYTES ? (uint32_t)e->to_send : GIVE_BYTES;
        struct relay_buf *b = e->host->env.buf_new(n);
        struct relay_vec v = {.count = 1};

        for (uint32_t i = 0; i < n; i++)
            b->bytes[i] = byte_at(e->host->is_server, e->given + i);
        v.slice[0] = relay_slice_own(b, b->bytes, n);
        RT_INSIST(quic_engine_send(e->engine, &v));
        e->given += n;
        e->to_send -= n;
    }
}

static void advance_close(struct qsim_end *e)
{
    if (!e->is_closing && e->to_send == 0 && e->has_opened &&
        (e->closes_itself || (e->answers_fin && e->has_fin))) {
        e->is_closing = true;
        e->read_at_ns = QSIM_NEVER;
        quic_engine_consumed(e->engine, qsim_end_unread(e));
        e->read = e->received;
        quic_engine_finish(e->engine);
    }
    if (!e->is_closing)
        return;
    if (quic_engine_is_finished(e->engine))
        quic_engine_end(e->engine, QUIC_APP_CLOSED);
    else if (e->linger_ns == QSIM_NEVER && quic_engine_is_delivered(e->engine))
        e->linger_ns = world_of(e)->now_ns + LINGER_NS;
}

static void write_packets(struct qsim_end *e)
{
    size_t total = 0, quantum = quic_engine_quantum(e->engine);
    uint8_t bytes[QUIC_PACKET_MAX];

    while (total < quantum) {
        ngtcp2_path_storage path;
        union quic_addr local, remote;
        size_t n;

        ngtcp2_path_storage_zero(&path);
        n = quic_engine_write(e->engine, &path, bytes, sizeof(bytes), world_of(e)->now_ns);
        if (n == 0)
            break;
        memset(&local, 0, sizeof(local));
        memset(&remote, 0, sizeof(remote));
        memcpy(&local, path.path.local.addr, path.path.local.addrlen);
        memcpy(&remote, path.path.remote.addr, path.path.remote.addrlen);
        e->packets_out++;
        e->bytes_out += n;
        total += n;
        if (!qsim_transmit(world_of(e), !e->host->is_server, &local, &remote, bytes, n))
            quic_engine_refused(e->engine, n, world_of(e)->now_ns);
    }
    if (total > 0 && !quic_engine_has_ended(e->engine))
        quic_engine_wrote(e->engine, world_of(e)->now_ns);
}

void qsim_end_flush(struct qsim_end *e)
{
    if (!e->engine)
        return;
    give(e);
    advance_close(e);
    if (!quic_engine_has_ended(e->engine))
        write_packets(e);
    if (quic_engine_has_ended(e->engine))
        reap(e);
    e->not_before_ns = world_of(e)->now_ns + 1; /* others have their turn, as in the plugin */
}

void qsim_end_packet(struct qsim_end *e, const union quic_addr *local,
                     const union quic_addr *remote, const uint8_t *p, size_t n)
{
    const struct quic_datagram d = {
        .local = local, .remote = remote, .bytes = p, .len = n, .segment = n};

    e->packets_in++;
    e->bytes_in += n;
    if (e->owner.kind == QUIC_OWNER_CLOSING) {
        e->late_packets++;
        if (e->close_len > 0 && (e->late_packets & (e->late_packets - 1)) == 0)
            write_close(e); /* at a falling rate */
        return;
    }
    if (!e->engine)
        return;
    quic_engine_read(e->engine, &d, world_of(e)->now_ns);
    qsim_end_flush(e);
}

/* -- time -- */

uint64_t qsim_end_wake(const struct qsim_end *e)
{
    uint64_t at;

    if (e->owner.kind == QUIC_OWNER_CLOSING)
        return e->closing_until_ns;
    if (!e->engine)
        return QSIM_NEVER;
    at = quic_engine_expiry(e->engine);
    at = e->read_at_ns < at ? e->read_at_ns : at;
    at = e->linger_ns < at ? e->linger_ns : at;
    at = e->deadline_ns < at ? e->deadline_ns : at;
    return at < e->not_before_ns ? e->not_before_ns : at;
}

static void read_some(struct qsim_end *e)
{
    uint64_t n = e->read_per_s / (QSIM_S / READ_STEP_NS);

    if (n > qsim_end_unread(e))
        n = qsim_end_unread(e);
    e->read += n;
    quic_engine_consumed(e->engine, n);
    e->read_at_ns = qsim_end_unread(e) ? world_of(e)->now_ns + READ_STEP_NS : QSIM_NEVER;
}

void qsim_end_wake_up(struct qsim_end *e)
{
    uint64_t now = world_of(e)->now_ns;

    if (e->owner.kind == QUIC_OWNER_CLOSING) {
        qsim_end_forget(e);
        return;
    }
    if (quic_engine_expiry(e->engine) <= now)
        quic_engine_expire(e->engine, now);
    if (e->read_at_ns <= now)
        read_some(e);
    if (e->linger_ns <= now || (e->deadline_ns <= now && !e->has_opened))
        quic_engine_end(e->engine, e->linger_ns <= now ? QUIC_APP_CLOSED : QUIC_APP_ABORTED);
    if (e->deadline_ns <= now)
        e->deadline_ns = QSIM_NEVER;
    qsim_end_flush(e);
}

/* -- verbs -- */

void qsim_send(struct qsim_end *e, uint64_t n)
{
    e->to_send += n;
    qsim_end_flush(e);
}

void qsim_end_close(struct qsim_end *e, bool is_abort)
{
    if (!e->engine)
        return;
    if (is_abort)
        quic_engine_end(e->engine, QUIC_APP_ABORTED);
    else
        e->closes_itself = true;
    qsim_end_flush(e);
}
