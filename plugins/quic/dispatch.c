/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: a batch lives within one read. A connection is in at most one of its groups, and
 * nothing frees a connection between its routing and quic_conn_read.
 */
#include "dispatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accept.h"
#include "conn.h"
#include "stateless.h"
#include "closing.h"

#define RUNS_MAX 32u /* gathered before they are given to their connections */

/* The datagrams of a read, as a chain for each connection, in the order they were received. */
struct batch {
    struct quic_datagram runs[RUNS_MAX];
    struct {
        struct relay_conn *conn;
        struct quic_datagram *first, *last;
    } groups[RUNS_MAX];
    unsigned run_count, group_count;
};

/* -- to another worker -- */

static uint32_t size_of(const struct quic_kept *k)
{
    return (uint32_t)(sizeof(*k) + k->d.len);
}

/* This worker's own socket on the address that d came to; NULL: there is none. */
static struct quic_socket *socket_for(struct quic_worker *qw, const struct quic_datagram *d)
{
    for (struct rt_list *n = qw->sockets.next; n != &qw->sockets; n = n->next) {
        struct quic_socket *s = RT_CONTAINER_OF(n, struct quic_socket, node);

        if (memcmp(&s->udp.local, d->local, sizeof(*d->local)) == 0 ||
            (s->udp.is_wildcard && s->udp.local.any.sa_family == d->local->any.sa_family &&
             s->udp.local.v4.sin_port == d->local->v4.sin_port))
            return s;
    }
    return NULL;
}

_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port),
               "a port is in the same place");

/* Runs on the worker it was posted to. state: its struct quic_worker; NULL: the worker ended. */
static void on_posted(void *state, void *arg)
{
    struct quic_worker *qw = state;
    struct quic_kept *k = arg;
    struct quic_socket *s;

    atomic_fetch_sub_explicit(k->charged, size_of(k), memory_order_relaxed);
    if (qw) {
        quic_worker_clock(qw);
        s = socket_for(qw, &k->d);
        if (s)
            quic_dispatch_datagram(s, &k->d);
    }
    free(k);
}

void quic_dispatch_hand_over(struct quic_socket *s, uint16_t to, const struct quic_datagram *d)
{
    struct quic_worker *qw = s->worker;
    _Atomic uint32_t *posted = &qw->shared->posted[to];
    struct quic_kept *k = quic_kept_new(d);
    uint32_t size = size_of(k);

    k->charged = posted;
    if (atomic_fetch_add_explicit(posted, size, memory_order_relaxed) + size <=
            QUIC_POSTED_BYTES_MAX &&
        qw->host->post(to, qw->table->name, on_posted, k)) {
        quic_count(qw, QUIC_COUNTER_POSTED, 1);
        return;
    }
    free(k);
    atomic_fetch_sub_explicit(posted, size, memory_order_relaxed);
    quic_count(qw, QUIC_COUNTER_POSTED_LOST, 1);
}

/* -- on this worker -- */

static void answer_unknown(struct quic_socket *s, const struct quic_datagram *d,
                           const ngtcp2_version_cid *vc)
{
    struct quic_worker *qw = s->worker;
    bool is_short = (d->bytes[0] & 0x80) == 0;
    uint16_t to = vc->dcidlen > 0 ? quic_cid_worker(vc->dcid[0], qw->env.workers) : qw->env.worker;
    struct quic_initial in;

    quic_count(qw, QUIC_COUNTER_UNKNOWN, 1);
    if (!s->accepts && !is_short)
        return;
    if (to != qw->env.worker && (is_short || qw->is_steered))
        quic_dispatch_hand_over(s, to, d);
    else if (is_short)
        quic_stateless_reset(s, d, vc->dcid, vc->dcidlen);
    else if (quic_accept_is_welcome(s, d, &in))
        quic_accept_defer(s, d);
}

/* The connection that is to read one datagram now; NULL: it was answered, deferred or dropped. */
static struct relay_conn *route(struct quic_socket *s, const struct quic_datagram *d)
{
    struct quic_worker *qw = s->worker;
    struct quic_owner *owner;
    ngtcp2_version_cid vc;
    struct relay_conn *c;
    int rv;

    quic_count(qw, QUIC_COUNTER_PACKETS_IN, 1);
    rv = quic_packet_ids(d->bytes, d->len, &vc);
    if (rv == NGTCP2_ERR_VERSION_NEGOTIATION && s->accepts)
        quic_stateless_versions(s, d, &vc);
    if (rv != 0)
        return NULL;
    owner = quic_cid_map_find(&qw->cids, quic_cid_hash(&qw->cids, vc.dcid, vc.dcidlen));
    if (!owner && s->udp.is_connected) {
        /* none of its ids: perhaps a stateless reset of its peer */
        return s->only && !quic_conn_is_handshaking(s->only) ? s->only : NULL;
    }
    if (!owner) {
        answer_unknown(s, d, &vc);
        return NULL;
    }
    if (owner->kind == QUIC_OWNER_CLOSING) {
        quic_closing_answer(RT_CONTAINER_OF(owner, struct quic_closing, owner));
        return NULL;
    }
    c = RT_CONTAINER_OF(owner, struct relay_conn, owner);
    if (c->socket != s)
        return NULL;
    if (quic_conn_is_handshaking(c)) {
        quic_accept_defer(s, d);
        return NULL;
    }
    return c;
}

void quic_dispatch_datagram(struct quic_socket *s, const struct quic_datagram *d)
{
    struct relay_conn *c = route(s, d);

    if (c)
        quic_conn_read(c, d);
}

/* -- reading -- */

/* Gives each connection what it has in the batch, which is empty afterwards. */
static void deliver(struct batch *b)
{
    for (unsigned i = 0; i < b->group_count; i++)
        quic_conn_read(b->groups[i].conn, b->groups[i].first);
    b->run_count = b->group_count = 0;
}

/* Adds a run to the chain of its connection. */
static void add_run(struct batch *b, struct relay_conn *c, const struct quic_datagram *d)
{
    struct quic_datagram *run = &b->runs[b->run_count++];
    unsigned i = 0;

    PLUGIN_INSIST(b->run_count <= RUNS_MAX && !d->next);
    *run = *d;
    while (i < b->group_count && b->groups[i].conn != c)
        i++;
    if (i == b->group_count) {
        b->group_count++;
        b->groups[i].conn = c;
        b->groups[i].first = run;
    } else {
        b->groups[i].last->next = run;
    }
    b->groups[i].last = run;
}

/* Adds what one buffer of a read holds: in most cases one run, of one connection. */
static void gather(struct quic_socket *s, const struct quic_datagram *in, struct batch *b)
{
    struct quic_datagram d = *in, run = *in;
    struct relay_conn *of = NULL;

    quic_count(s->worker, QUIC_COUNTER_BYTES_IN, in->len);
    for (size_t at = 0; at < in->len; at += in->segment) {
        struct relay_conn *c;

        if (b->run_count > RUNS_MAX - 2) { /* this run and the next one need room */
            if (of)
                add_run(b, of, &run);
            deliver(b);
            of = NULL;
        }
        d.bytes = in->bytes + at;
        d.len = in->len - at < in->segment ? in->len - at : in->segment;
        c = route(s, &d);
        if (c && c == of) {
            run.len += d.len;
            continue;
        }
        if (of)
            add_run(b, of, &run);
        of = c;
        run = d;
    }
    if (of)
        add_run(b, of, &run);
}

/* A dialled socket has received an ICMP error. */
static void on_unreachable(struct quic_socket *s, int error)
{
    if (s->only && quic_conn_is_handshaking(s->only))
        quic_conn_end(s->only, RELAY_END_REFUSED, strerror(error));
}

/* True: the socket may hold more. */
static bool read_some(struct quic_socket *s)
{
    struct quic_worker *qw = s->worker;
    struct quic_datagram in[QUIC_READ_BATCH];
    struct batch b;
    unsigned count = 0;
    int error = quic_udp_read(&s->udp, qw->in, in, &count);

    b.run_count = b.group_count = 0;
    quic_count(qw, QUIC_COUNTER_READS, 1);
    for (unsigned i = 0; i < count; i++)
        gather(s, &in[i], &b);
    deliver(&b);
    if (error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH)
        on_unreachable(s, error);
    return error ? error != EAGAIN : count == QUIC_READ_BATCH;
}

void quic_dispatch_read(struct quic_socket *s)
{
    for (int i = 0; i < QUIC_READS_PER_EVENT && read_some(s); i++) {
    }
}
