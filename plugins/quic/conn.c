/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The life of a connection:
 *
 *     NEW ----------> HALF_OPEN ----------> OPEN
 *      |  admitted,    |    |   handshake    | |
 *      |  dialled      |    |   complete     | |
 *      |               |    |                | |
 *      |               |    +---> CLOSING <--+ |   close, or no memory
 *      |               |             |         |
 *      +---> GONE <----+-------------+---------+   the engine has ended
 *   refused
 *
 * NEW -> CLOSING happens, too: the host may close from inside admit. A graceful close waits in
 * CLOSING until all is delivered, then at most QUIC_LINGER_NS for the peer's FIN.
 *
 * Invariant: the host gets `closed` exactly once if the connection left NEW, and nothing after it.
 * is_paused, owes_* and has_eof are orthogonal to the state.
 */
#include "conn.h"

#include <stdlib.h>
#include <string.h>

#include "closing.h"

#define BIT(state) (1u << (state))

void quic_conn_set_state(struct relay_conn *c, enum quic_conn_state to)
{
    static const uint8_t may_follow[] = {
        [QUIC_CONN_NEW] = BIT(QUIC_CONN_HALF_OPEN) | BIT(QUIC_CONN_CLOSING) | BIT(QUIC_CONN_GONE),
        [QUIC_CONN_HALF_OPEN] = BIT(QUIC_CONN_OPEN) | BIT(QUIC_CONN_CLOSING) | BIT(QUIC_CONN_GONE),
        [QUIC_CONN_OPEN] = BIT(QUIC_CONN_CLOSING) | BIT(QUIC_CONN_GONE),
        [QUIC_CONN_CLOSING] = BIT(QUIC_CONN_GONE),
        [QUIC_CONN_GONE] = 0,
    };

    PLUGIN_INSIST(may_follow[c->state] & BIT(to));
    c->state = (uint8_t)to;
}

struct relay_conn *quic_conn_new(struct quic_worker *qw, struct quic_socket *s)
{
    struct relay_conn *c = calloc(1, sizeof(*c));

    if (!c)
        abort();
    c->owner.kind = QUIC_OWNER_CONN;
    c->worker = qw;
    c->socket = s;
    s->refs++;
    rt_list_init(&c->dirty);
    rt_list_init(&c->ready);
    qw->conns++;
    return c;
}

void quic_conn_begin(struct relay_conn *c, void *user)
{
    c->user = user;
    if (c->state == QUIC_CONN_NEW) /* else closed from inside admit */
        quic_conn_set_state(c, QUIC_CONN_HALF_OPEN);
}

void quic_conn_validated(struct relay_conn *c)
{
    if (c->is_unvalidated)
        c->worker->unvalidated--;
    c->is_unvalidated = false;
}

/* A handshake that ends without address validation counts for some time longer. Otherwise many
 * clients that send one packet each would never be asked for a Retry token. */
static void count_abandoned(struct relay_conn *c)
{
    if (c->is_unvalidated)
        c->worker->abandoned++;
    quic_conn_validated(c);
}

static void conn_free(struct relay_conn *c)
{
    struct quic_worker *qw = c->worker;

    PLUGIN_INSIST(c->state == QUIC_CONN_GONE && !c->delivery);
    count_abandoned(c);
    rt_list_unlink(&c->dirty);
    rt_list_unlink(&c->ready);
    quic_expiries_set(&qw->expiries, &c->expiry, QUIC_NEVER);
    if (c->socket->only == c)
        c->socket->only = NULL;
    quic_engine_free(&c->engine);
    quic_held_drop(&c->held);
    quic_socket_drop(&c->socket);
    qw->conns--;
    free(c);
}

void quic_conn_discard(struct relay_conn *c)
{
    quic_conn_set_state(c, QUIC_CONN_GONE);
    conn_free(c);
}

/* Sends CONNECTION_CLOSE where it is due, and keeps the ids for the closing or draining state. */
static void close_engine(struct relay_conn *c)
{
    struct quic_worker *qw = c->worker;
    bool has_period;
    ngtcp2_path_storage path;
    struct quic_datagram o;
    size_t n;

    if (!c->engine)
        return;
    has_period = quic_engine_has_closing_period(c->engine);
    ngtcp2_path_storage_zero(&path);
    n = quic_engine_write_close(c->engine, &path, qw->out, QUIC_PACKET_MAX, qw->now_ns);
    if (n > 0) {
        o = (struct quic_datagram){.local = quic_addr_of(path.path.local.addr),
                                   .remote = quic_addr_of(path.path.remote.addr),
                                   .bytes = qw->out,
                                   .len = n,
                                   .segment = n};
        quic_socket_write(c->socket, &o);
    }
    if (has_period && !c->socket->udp.is_connected && (c->socket->refs > 1 || c->socket->accepts))
        quic_closing_add(c->socket, c->engine, &c->owner, qw->out, n);
}

static void count_end(struct relay_conn *c, enum relay_end why)
{
    if (c->state != QUIC_CONN_HALF_OPEN)
        return;
    if (why == RELAY_END_HANDSHAKE)
        quic_count(c->worker, QUIC_COUNTER_FAILED, 1);
    else if (why == RELAY_END_PEER || why == RELAY_END_TIMEOUT)
        quic_count(c->worker, QUIC_COUNTER_LEFT, 1);
}

void quic_conn_end(struct relay_conn *c, enum relay_end why, const char *detail)
{
    PLUGIN_INSIST(c->state != QUIC_CONN_NEW && !c->delivery);
    if (why == RELAY_END_SYSTEM)
        quic_count(c->worker, QUIC_COUNTER_NO_MEMORY, 1);
    if (c->state == QUIC_CONN_CLOSING && c->closing_for == RELAY_END_LOCAL)
        why = RELAY_END_LOCAL;
    count_end(c, why);
    close_engine(c);
    quic_conn_set_state(c, QUIC_CONN_GONE);
    c->worker->host->events->closed(c->user, why, detail);
    conn_free(c);
}

bool quic_conn_reap(struct relay_conn *c)
{
    const struct quic_end *end;

    if (!quic_engine_has_ended(c->engine))
        return false;
    end = quic_engine_cause(c->engine);
    quic_conn_end(c, end->why, end->detail);
    return true;
}

void quic_conn_expire(struct relay_conn *c)
{
    struct quic_worker *qw = c->worker;

    if (quic_engine_expiry(c->engine) <= qw->now_ns)
        quic_engine_expire(c->engine, qw->now_ns);
    if (quic_conn_reap(c))
        return;
    if (c->linger_ns && c->linger_ns <= qw->now_ns)
        quic_engine_end(c->engine, QUIC_APP_CLOSED);
    quic_conn_flush(c);
}

/* -- verbs -- */

void quic_conn_send(struct relay_conn *c, struct relay_vec *v)
{
    if (c->state != QUIC_CONN_HALF_OPEN && c->state != QUIC_CONN_OPEN) {
        relay_vec_drop(v);
        return;
    }
    if (!quic_engine_send(c->engine, v))
        quic_conn_begin_closing(c, RELAY_END_SYSTEM);
    c->owes_sent = true;
    quic_output_mark(c);
}

void quic_conn_pause(struct relay_conn *c)
{
    c->is_paused = true;
}

void quic_conn_resume(struct relay_conn *c)
{
    c->is_paused = false;
    if (c->held.bytes == 0 && !c->owes_eof)
        return;
    if (rt_list_empty(&c->ready))
        rt_list_push_back(&c->worker->ready, &c->ready);
    quic_worker_kick(c->worker);
}

void quic_conn_begin_closing(struct relay_conn *c, enum relay_end why)
{
    quic_conn_set_state(c, QUIC_CONN_CLOSING);
    c->closing_for = (uint8_t)why;
    rt_list_unlink(&c->ready);
    if (c->engine) {
        quic_engine_consumed(c->engine, c->held.bytes);
        quic_engine_finish(c->engine);
    }
    quic_held_drop(&c->held);
}

void quic_conn_close(struct relay_conn *c, enum relay_close how)
{
    if (c->state == QUIC_CONN_GONE)
        return;
    if (how == RELAY_CLOSE_ABORT || c->state == QUIC_CONN_NEW || c->state == QUIC_CONN_HALF_OPEN)
        c->is_aborted = true;
    if (c->state != QUIC_CONN_CLOSING)
        quic_conn_begin_closing(c, RELAY_END_LOCAL);
    quic_output_mark(c);
}

void quic_conn_peer(const struct relay_conn *c, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (c->engine) {
        const ngtcp2_addr *a = &quic_engine_path(c->engine)->remote;

        memcpy(out, a->addr, a->addrlen);
    }
}

void quic_conn_keep_alive(struct relay_conn *c, uint64_t interval_ns)
{
    quic_engine_keep_alive(c->engine, interval_ns);
    quic_output_timer_changed(c);
}
