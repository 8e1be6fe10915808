/* SPDX-License-Identifier: MPL-2.0 */
#include "conn.h"

#include <stdlib.h>
#include <string.h>

#include "stateless.h"
#include "tomb.h"

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

static void validated(struct relay_conn *c)
{
    if (c->is_unvalidated)
        c->worker->unvalidated--;
    c->is_unvalidated = false;
}

/* One that went without proving its address leaves its place taken for a while, or a crowd of those
 * who only ever say one thing would never be asked for a proof. */
static void vanished(struct relay_conn *c)
{
    if (c->is_unvalidated)
        c->worker->vanished++;
    validated(c);
}

static void conn_free(struct relay_conn *c)
{
    struct quic_worker *qw = c->worker;

    c->state = QUIC_ENDED;
    vanished(c);
    rt_list_unlink(&c->dirty);
    rt_list_unlink(&c->ready);
    quic_expiries_set(&qw->expiries, &c->expiry, QUIC_NEVER);
    if (c->socket->only == c)
        c->socket->only = NULL;
    quic_engine_fini(&c->engine);
    quic_held_drop(&c->held);
    quic_socket_drop(&c->socket);
    qw->conns--;
    free(c);
}

void quic_conn_discard(struct relay_conn *c)
{
    conn_free(c);
}

/* The last word, and who says it again when I am gone. */
static void say_goodbye(struct relay_conn *c)
{
    struct quic_worker *qw = c->worker;
    bool is_known =
        !c->engine.wants_retry && (c->engine.owes_goodbye || c->engine.end.why == RELAY_END_PEER);
    ngtcp2_path_storage path;
    struct quic_udp_out o;
    size_t n;

    if (!c->engine.conn)
        return;
    ngtcp2_path_storage_zero(&path);
    n = quic_engine_goodbye(&c->engine, &path, qw->out, QUIC_PACKET_MAX, qw->now_ns);
    if (n > 0) {
        o = (struct quic_udp_out){.local = path.path.local.addr,
                                  .remote = path.path.remote.addr,
                                  .remote_len = path.path.remote.addrlen,
                                  .bytes = qw->out,
                                  .len = n,
                                  .segment = n};
        quic_socket_write(c->socket, &o);
    }
    if (is_known && !c->socket->udp.is_connected && (c->socket->refs > 1 || c->socket->accepts))
        quic_tomb_raise(c->socket, &c->engine, &c->owner, qw->out, n);
}

static void count_end(struct relay_conn *c, enum relay_end why)
{
    if (c->state != QUIC_HANDSHAKE)
        return;
    if (why == RELAY_END_HANDSHAKE)
        quic_count(c->worker, QUIC_COUNTER_FAILED, 1);
    else if (why == RELAY_END_PEER || why == RELAY_END_TIMEOUT)
        quic_count(c->worker, QUIC_COUNTER_LEFT, 1);
}

void quic_conn_end(struct relay_conn *c, enum relay_end why, const char *detail)
{
    quic_input_end_train(c->worker);
    if (why == RELAY_END_SYSTEM)
        quic_count(c->worker, QUIC_COUNTER_NO_MEMORY, 1);
    if (c->is_closing)
        why = RELAY_END_LOCAL;
    count_end(c, why);
    say_goodbye(c);
    c->state = QUIC_ENDED;
    if (c->has_user)
        c->worker->host->events->closed(c->user, why, detail);
    conn_free(c);
}

bool quic_conn_reap(struct relay_conn *c)
{
    struct quic_engine *e = &c->engine;

    if (!e->has_ended)
        return false;
    quic_conn_end(c, e->end.why, e->end.detail);
    return true;
}

/* What an address not proven yet may make us keep is the beginning of a hello, not its end. */
static void ask_again(struct relay_conn *c, const union quic_addr *local,
                      const union quic_addr *remote, const uint8_t *p, size_t n)
{
    struct quic_stranger x = {c->socket, local, remote, p, n};
    ngtcp2_pkt_hd hd;

    if (ngtcp2_accept(&hd, p, n) == 0)
        quic_stateless_retry(&x, &hd);
}

/*
 * Whether the peer waits for what the packet is answered. A probe asks whether the path carries it,
 * for which there is time. Another that is long and brings nothing follows a lost one, or is the
 * challenge of a path.
 */
static bool wants_answer(uint8_t ecn, size_t n, bool is_probe, bool has_data)
{
    return (!is_probe && n > QUIC_CONTROL_BYTES && !has_data) ||
           (ecn & NGTCP2_ECN_MASK) == NGTCP2_ECN_CE;
}

void quic_conn_packet(struct relay_conn *c, const union quic_addr *local,
                      const union quic_addr *remote, uint8_t ecn, const uint8_t *p, size_t n)
{
    struct quic_worker *qw = c->worker;
    ngtcp2_pkt_info pi = {.ecn = ecn};
    ngtcp2_path path = {
        .local = {(ngtcp2_sockaddr *)(uintptr_t)local, quic_addr_len(&local->any)},
        .remote = {(ngtcp2_sockaddr *)(uintptr_t)remote, quic_addr_len(&remote->any)},
    };
    bool is_probe = n > c->longest; /* longer than any before */
    bool was_open = c->state == QUIC_OPEN;
    uint64_t had = c->came;

    if (qw->train.conn != c) {
        quic_input_end_train(qw);
        qw->train.conn = c;
        if (!ngtcp2_path_eq(&path, quic_engine_path(&c->engine)))
            c->is_urgent = true;
    }
    quic_engine_read(&c->engine, &path, &pi, p, n, qw->now_ns);
    if (c->engine.wants_retry)
        ask_again(c, local, remote, p, n);
    if (quic_conn_reap(c))
        return;
    if (is_probe)
        c->longest = (uint32_t)n;
    if (wants_answer(ecn, n, is_probe, c->came > had))
        c->is_urgent = true;
    if (!was_open && c->state == QUIC_OPEN) {
        validated(c);
        c->is_urgent = true; /* it is to be told that the handshake is done */
    }
}

void quic_conn_expire(struct relay_conn *c)
{
    struct quic_worker *qw = c->worker;

    if (quic_engine_expiry(&c->engine) <= qw->now_ns)
        quic_engine_expire(&c->engine, qw->now_ns);
    if (quic_conn_reap(c))
        return;
    if (c->linger_ns && c->linger_ns <= qw->now_ns)
        quic_engine_end(&c->engine, QUIC_APP_CLOSED);
    quic_conn_flush(c);
}

/* -- verbs -- */

void quic_conn_send(struct relay_conn *c, struct relay_vec *v)
{
    if (c->is_closing || c->is_broken || c->state == QUIC_ENDED) {
        relay_vec_drop(v);
        return;
    }
    if (!quic_engine_send(&c->engine, v))
        c->is_broken = true;
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

void quic_conn_close(struct relay_conn *c, enum relay_close how)
{
    if (how == RELAY_CLOSE_ABORT || c->state == QUIC_HANDSHAKE)
        c->is_aborted = true;
    if (!c->is_closing) {
        c->is_closing = true;
        rt_list_unlink(&c->ready);
        quic_engine_consumed(&c->engine, c->held.bytes);
        quic_held_drop(&c->held);
        quic_engine_finish(&c->engine);
    }
    quic_output_mark(c);
}

void quic_conn_peer(const struct relay_conn *c, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (c->engine.conn) {
        const ngtcp2_addr *a = &quic_engine_path(&c->engine)->remote;

        memcpy(out, a->addr, a->addrlen);
    }
}

void quic_conn_keep_alive(struct relay_conn *c, uint64_t interval_ns)
{
    quic_engine_keep_alive(&c->engine, interval_ns);
    quic_output_timer_changed(c);
}
