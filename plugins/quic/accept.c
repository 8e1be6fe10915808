/* SPDX-License-Identifier: MPL-2.0 */
#include "accept.h"

#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "stateless.h"

/* -- handshake packets -- */

void quic_accept_defer(struct quic_socket *s, const union quic_addr *local,
                       const union quic_addr *remote, uint8_t ecn, const uint8_t *p, size_t n)
{
    struct quic_worker *qw = s->worker;
    struct quic_packet *packet;

    if (qw->deferred_count >= QUIC_DEFERRED_MAX ||
        qw->deferred_bytes + n > QUIC_DEFERRED_BYTES_MAX) {
        quic_count(qw, QUIC_COUNTER_DEFERRED_LOST, 1);
        return;
    }
    packet = malloc(sizeof(*packet) + n);
    if (!packet)
        abort();
    *packet = (struct quic_packet){
        .socket = s, .local = *local, .remote = *remote, .ecn = ecn, .len = (uint32_t)n};
    memcpy(packet->bytes, p, n);
    s->refs++;
    rt_list_init(&packet->node);
    rt_list_push_back(&qw->deferred, &packet->node);
    qw->deferred_count++;
    qw->deferred_bytes += (uint32_t)n;
    quic_worker_kick(qw);
}

static struct quic_packet *next_deferred(struct quic_worker *qw)
{
    struct rt_list *n = rt_list_pop_front(&qw->deferred);
    struct quic_packet *p;

    if (!n)
        return NULL;
    p = RT_CONTAINER_OF(n, struct quic_packet, node);
    qw->deferred_count--;
    qw->deferred_bytes -= p->len;
    return p;
}

void quic_accept_drop_deferred(struct quic_worker *qw)
{
    struct quic_packet *p;

    while ((p = next_deferred(qw))) {
        quic_socket_drop(&p->socket);
        free(p);
    }
}

/* -- new connections -- */

/* Starts a connection for a first packet that may have one. NULL: it may not. */
static struct relay_conn *serve(const struct quic_packet *p, const struct quic_initial *in)
{
    struct quic_socket *s = p->socket;
    struct quic_worker *qw = s->worker;
    ngtcp2_path path = {
        .local = {(ngtcp2_sockaddr *)&p->local, quic_addr_len(&p->local.any)},
        .remote = {(ngtcp2_sockaddr *)&p->remote, quic_addr_len(&p->remote.any)},
    };
    struct quic_stranger x = {s, &p->local, &p->remote, p->bytes, p->len};
    struct relay_conn *c = quic_conn_new(qw, s);

    c->user = qw->host->events->admit(qw->w, qw->table, c, &p->remote.any);
    if (!c->user) {
        quic_count(qw, QUIC_COUNTER_REFUSED, 1);
        quic_conn_discard(c);
        quic_stateless_close(&x, &in->hd, NGTCP2_CONNECTION_REFUSED);
        return NULL;
    }
    c->has_user = true;
    quic_count(qw, QUIC_COUNTER_ACCEPTED, 1);
    if (in->has_token) {
        quic_count(qw, QUIC_COUNTER_VALIDATED, 1);
    } else {
        c->is_unvalidated = true;
        qw->unvalidated++;
    }
    if (!quic_engine_serve(&c->engine, &qw->env, in, &path, qw->now_ns)) {
        quic_conn_end(c, RELAY_END_SYSTEM, "no memory for a connection");
        return NULL;
    }
    return c;
}

/* Whether strangers have to prove their addresses now. */
static bool is_crowded(struct quic_worker *qw)
{
    uint32_t share = QUIC_UNVALIDATED_MAX / qw->env.workers, max = share ? share : 1;
    uint64_t each_ns = QUIC_VANISHED_NS / max;
    uint64_t forgotten = (qw->now_ns - qw->vanished_at_ns) / each_ns;

    qw->vanished_at_ns += forgotten * each_ns;
    qw->vanished -= forgotten < qw->vanished ? (uint32_t)forgotten : qw->vanished;
    return qw->always_retry || qw->unvalidated + qw->vanished >= max;
}

/*
 * Whether a packet that belongs to no connection may begin one. False: it was answered, or is
 * nothing. The answer needs no memory, so it is given at once.
 */
bool quic_accept_is_welcome(struct quic_socket *s, const union quic_addr *local,
                            const union quic_addr *remote, const uint8_t *p, size_t n,
                            struct quic_initial *in)
{
    struct quic_worker *qw = s->worker;
    struct quic_stranger x = {s, local, remote, p, n};

    if (ngtcp2_accept(&in->hd, p, n) != 0)
        return false;
    in->odcid = in->hd.dcid;
    in->has_token = false;
    if (in->hd.tokenlen > 0) {
        in->has_token = quic_retry_token_check(qw->retry_secret, in->hd.token, in->hd.tokenlen,
                                               &remote->any, &in->hd.dcid, qw->now_ns, &in->odcid);
    }
    if (!in->has_token && is_crowded(qw)) {
        quic_stateless_retry(&x, &in->hd);
        return false;
    }
    return true;
}

static void run_deferred(struct quic_worker *qw, struct quic_packet *p)
{
    struct quic_owner *owner;
    struct quic_initial in;
    ngtcp2_version_cid vc;
    struct relay_conn *c = NULL;

    if (ngtcp2_pkt_decode_version_cid(&vc, p->bytes, p->len, QUIC_CID_BYTES) != 0)
        return;
    owner = quic_cid_map_find(&qw->cids, quic_cid_hash(&qw->cids, vc.dcid, vc.dcidlen));
    if (owner && owner->kind == QUIC_OWNER_CONN)
        c = RT_CONTAINER_OF(owner, struct relay_conn, owner);
    else if (!owner && p->socket->accepts &&
             quic_accept_is_welcome(p->socket, &p->local, &p->remote, p->bytes, p->len, &in))
        c = serve(p, &in);
    if (c && c->socket == p->socket)
        quic_conn_packet(c, &p->local, &p->remote, p->ecn, p->bytes, p->len);
    quic_input_end_train(qw);
}

void quic_accept_run_deferred(struct quic_worker *qw)
{
    uint64_t start;
    struct quic_packet *p;

    if (rt_list_empty(&qw->deferred))
        return;
    start = quic_worker_clock(qw);
    while (quic_worker_clock(qw) - start < QUIC_HANDSHAKE_TURN_NS && (p = next_deferred(qw))) {
        run_deferred(qw, p);
        quic_socket_drop(&p->socket);
        free(p);
    }
}
