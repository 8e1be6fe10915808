/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: deferred_count and deferred_bytes are those of the deferred list, and each packet on
 * it counts its socket. A packet of a new client is deferred only after its address is validated or
 * while fewer than QUIC_UNVALIDATED_MAX handshakes are not.
 */
#include "accept.h"

#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "stateless.h"

/* -- handshake packets -- */

void quic_accept_defer(struct quic_socket *s, const struct quic_datagram *d)
{
    struct quic_worker *qw = s->worker;
    struct quic_kept *k;

    if (qw->deferred_count >= QUIC_DEFERRED_MAX ||
        qw->deferred_bytes + d->len > QUIC_DEFERRED_BYTES_MAX) {
        quic_count(qw, QUIC_COUNTER_DEFERRED_LOST, 1);
        return;
    }
    k = quic_kept_new(d);
    k->socket = s;
    s->refs++;
    rt_list_push_back(&qw->deferred, &k->node);
    qw->deferred_count++;
    qw->deferred_bytes += (uint32_t)d->len;
    quic_worker_kick(qw);
}

static struct quic_kept *next_deferred(struct quic_worker *qw)
{
    struct quic_kept *k = quic_kept_pop(&qw->deferred);

    if (!k)
        return NULL;
    PLUGIN_INSIST(qw->deferred_count > 0 && qw->deferred_bytes >= k->d.len);
    qw->deferred_count--;
    qw->deferred_bytes -= (uint32_t)k->d.len;
    return k;
}

static void drop(struct quic_kept *k)
{
    quic_socket_drop(&k->socket);
    free(k);
}

void quic_accept_drop_deferred(struct quic_worker *qw)
{
    struct quic_kept *k;

    while ((k = next_deferred(qw)))
        drop(k);
}

/* -- new connections -- */

/* Begins a connection for its first packet. NULL: the host refuses it, or memory is out. */
static struct relay_conn *serve(struct quic_socket *s, const struct quic_datagram *d,
                                const struct quic_initial *in)
{
    struct quic_worker *qw = s->worker;
    struct relay_conn *c = quic_conn_new(qw, s);
    void *user = qw->host->events->admit(qw->w, qw->table, c, &d->remote->any);

    if (!user) {
        quic_count(qw, QUIC_COUNTER_REFUSED, 1);
        quic_conn_discard(c);
        quic_stateless_close(s, d, &in->hd, NGTCP2_CONNECTION_REFUSED);
        return NULL;
    }
    quic_conn_begin(c, user);
    quic_count(qw, QUIC_COUNTER_ACCEPTED, 1);
    if (in->has_token) {
        quic_count(qw, QUIC_COUNTER_VALIDATED, 1);
    } else {
        c->is_unvalidated = true;
        qw->unvalidated++;
    }
    c->engine = quic_engine_serve(&qw->env, c, in, d, qw->now_ns);
    if (!c->engine) {
        quic_conn_end(c, RELAY_END_SYSTEM, "no memory for a connection");
        return NULL;
    }
    return c;
}

/* True if new clients must validate their addresses (Retry) at this moment. */
static bool must_validate(struct quic_worker *qw)
{
    uint32_t share = QUIC_UNVALIDATED_MAX / qw->env.workers, max = share ? share : 1;
    uint64_t each_ns = QUIC_ABANDONED_NS / max;
    uint64_t expired = (qw->now_ns - qw->abandoned_at_ns) / each_ns;

    qw->abandoned_at_ns += expired * each_ns;
    qw->abandoned -= expired < qw->abandoned ? (uint32_t)expired : qw->abandoned;
    return qw->always_retry || qw->unvalidated + qw->abandoned >= max;
}

bool quic_accept_is_welcome(struct quic_socket *s, const struct quic_datagram *d,
                            struct quic_initial *in)
{
    struct quic_worker *qw = s->worker;

    if (ngtcp2_accept(&in->hd, d->bytes, d->len) != 0)
        return false;
    in->odcid = in->hd.dcid;
    in->has_token = false;
    if (in->hd.tokenlen > 0) {
        in->has_token =
            quic_retry_token_check(qw->retry_secret, in->hd.token, in->hd.tokenlen, &d->remote->any,
                                   &in->hd.dcid, qw->now_ns, &in->odcid);
    }
    if (!in->has_token && must_validate(qw)) {
        quic_stateless_retry(s, d, &in->hd);
        return false;
    }
    return true;
}

static void run_deferred(struct quic_worker *qw, const struct quic_kept *k)
{
    struct quic_owner *owner;
    struct quic_initial in;
    ngtcp2_version_cid vc;
    struct relay_conn *c = NULL;

    if (quic_packet_ids(k->d.bytes, k->d.len, &vc) != 0)
        return;
    owner = quic_cid_map_find(&qw->cids, quic_cid_hash(&qw->cids, vc.dcid, vc.dcidlen));
    if (owner && owner->kind == QUIC_OWNER_CONN)
        c = RT_CONTAINER_OF(owner, struct relay_conn, owner);
    else if (!owner && k->socket->accepts && quic_accept_is_welcome(k->socket, &k->d, &in))
        c = serve(k->socket, &k->d, &in);
    if (c && c->socket == k->socket)
        quic_conn_read(c, &k->d);
}

void quic_accept_run_deferred(struct quic_worker *qw)
{
    uint64_t start;
    struct quic_kept *k;

    if (rt_list_empty(&qw->deferred))
        return;
    start = quic_worker_clock(qw);
    while (quic_worker_clock(qw) - start < QUIC_HANDSHAKE_TURN_NS && (k = next_deferred(qw))) {
        run_deferred(qw, k);
        drop(k);
    }
}
