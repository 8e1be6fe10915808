/* SPDX-License-Identifier: MPL-2.0 */
#include "dispatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accept.h"
#include "conn.h"
#include "stateless.h"
#include "tomb.h"

/* -- to another worker -- */

static uint32_t size_of(const struct quic_packet *p)
{
    return (uint32_t)sizeof(*p) + p->len;
}

/* On the worker it is for; state: its struct quic_worker, NULL: gone. */
static void on_posted(void *state, void *arg)
{
    struct quic_worker *qw = state;
    struct quic_packet *p = arg;
    struct rt_list *n;

    if (qw) {
        atomic_fetch_sub_explicit(&qw->shared->posted[qw->env.worker], size_of(p),
                                  memory_order_relaxed);
        quic_worker_clock(qw);
        for (n = qw->sockets.next; n != &qw->sockets; n = n->next) {
            struct quic_socket *s = RT_CONTAINER_OF(n, struct quic_socket, node);

            /* its own socket on the same address */
            if (memcmp(&s->udp.local, &p->local, sizeof(p->local)) == 0 ||
                (s->udp.is_wildcard && s->udp.local.any.sa_family == p->local.any.sa_family &&
                 s->udp.local.v4.sin_port == p->local.v4.sin_port)) {
                quic_dispatch_datagram(s, &p->local, &p->remote, p->ecn, p->bytes, p->len);
                break;
            }
        }
        quic_input_end_train(qw);
    }
    free(p);
}

_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port),
               "a port is in the same place");

void quic_dispatch_hand_over(struct quic_socket *s, uint16_t to, const union quic_addr *local,
                             const union quic_addr *remote, uint8_t ecn, const uint8_t *p, size_t n)
{
    struct quic_worker *qw = s->worker;
    _Atomic uint32_t *posted = &qw->shared->posted[to];
    struct quic_packet *packet = malloc(sizeof(*packet) + n);
    uint32_t size;

    if (!packet)
        abort();
    *packet =
        (struct quic_packet){.local = *local, .remote = *remote, .ecn = ecn, .len = (uint32_t)n};
    memcpy(packet->bytes, p, n);
    size = size_of(packet);
    if (atomic_fetch_add_explicit(posted, size, memory_order_relaxed) + size <=
            QUIC_POSTED_BYTES_MAX &&
        qw->host->post(to, qw->table->name, on_posted, packet)) {
        quic_count(qw, QUIC_COUNTER_POSTED, 1);
        return;
    }
    free(packet);
    atomic_fetch_sub_explicit(posted, size, memory_order_relaxed);
    quic_count(qw, QUIC_COUNTER_POSTED_LOST, 1);
}

/* -- on this worker -- */

static void to_nobody(struct quic_socket *s, const union quic_addr *local,
                      const union quic_addr *remote, uint8_t ecn, const uint8_t *p, size_t n,
                      const ngtcp2_version_cid *vc)
{
    struct quic_worker *qw = s->worker;
    struct quic_stranger x = {s, local, remote, p, n};
    bool is_short = (p[0] & 0x80) == 0;
    uint16_t to = vc->dcidlen > 0 ? quic_cid_worker(vc->dcid[0], qw->env.workers) : qw->env.worker;
    struct quic_initial in;

    quic_count(qw, QUIC_COUNTER_UNKNOWN, 1);
    if (!s->accepts && !is_short)
        return;
    if (to != qw->env.worker && (is_short || qw->is_steered)) {
        quic_dispatch_hand_over(s, to, local, remote, ecn, p, n);
        return;
    }
    if (is_short) {
        quic_stateless_reset(&x, vc->dcid, vc->dcidlen);
        return;
    }
    if (quic_accept_is_welcome(s, local, remote, p, n, &in))
        quic_accept_defer(s, local, remote, ecn, p, n);
}

void quic_dispatch_datagram(struct quic_socket *s, const union quic_addr *local,
                            const union quic_addr *remote, uint8_t ecn, const uint8_t *p, size_t n)
{
    struct quic_worker *qw = s->worker;
    struct quic_stranger x = {s, local, remote, p, n};
    struct quic_owner *owner;
    ngtcp2_version_cid vc;
    struct relay_conn *c;
    int rv;

    quic_count(qw, QUIC_COUNTER_PACKETS_IN, 1);
    rv = ngtcp2_pkt_decode_version_cid(&vc, p, n, QUIC_CID_BYTES);
    if (rv == NGTCP2_ERR_VERSION_NEGOTIATION && s->accepts)
        quic_stateless_versions(&x, &vc);
    if (rv != 0)
        return;
    owner = quic_cid_map_find(&qw->cids, quic_cid_hash(&qw->cids, vc.dcid, vc.dcidlen));
    if (!owner && s->udp.is_connected) {
        /* none of its ids: perhaps its peer has forgotten it, and says so */
        if (s->only && s->only->state == QUIC_OPEN)
            quic_conn_packet(s->only, local, remote, ecn, p, n);
        return;
    }
    if (!owner) {
        to_nobody(s, local, remote, ecn, p, n, &vc);
        return;
    }
    if (owner->kind == QUIC_OWNER_TOMB) {
        quic_tomb_answer(RT_CONTAINER_OF(owner, struct quic_tomb, owner));
        return;
    }
    c = RT_CONTAINER_OF(owner, struct relay_conn, owner);
    if (c->socket != s)
        return;
    if (c->state == QUIC_HANDSHAKE)
        quic_accept_defer(s, local, remote, ecn, p, n);
    else
        quic_conn_packet(c, local, remote, ecn, p, n);
}

static void on_in(struct quic_socket *s, const struct quic_udp_in *in)
{
    quic_count(s->worker, QUIC_COUNTER_BYTES_IN, in->len);
    for (size_t at = 0; at < in->len; at += in->segment) {
        size_t n = in->len - at < in->segment ? in->len - at : in->segment;

        quic_dispatch_datagram(s, &in->local, &in->remote, in->ecn, in->bytes + at, n);
    }
}

/* A dialled socket hears that nobody is there. */
static void on_unreachable(struct quic_socket *s, int error)
{
    if (s->only && s->only->state == QUIC_HANDSHAKE)
        quic_conn_end(s->only, RELAY_END_REFUSED, strerror(error));
}

/* True: the socket may hold more. */
static bool read_some(struct quic_socket *s)
{
    struct quic_worker *qw = s->worker;
    struct quic_udp_in in[QUIC_READ_BATCH];
    unsigned count = 0;
    int error = quic_udp_read(&s->udp, qw->in, in, &count);

    quic_count(qw, QUIC_COUNTER_READS, 1);
    for (unsigned i = 0; i < count; i++)
        on_in(s, &in[i]);
    quic_input_end_train(qw);
    if (error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH)
        on_unreachable(s, error);
    return error ? error != EAGAIN : count == QUIC_READ_BATCH;
}

void quic_dispatch_read(struct quic_socket *s)
{
    for (int i = 0; i < QUIC_READS_PER_EVENT && read_some(s); i++) {
    }
}
