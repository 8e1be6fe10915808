/* SPDX-License-Identifier: MPL-2.0 */
#include "endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* -- sockets -- */

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct quic_socket *s)
{
    QUIC_INSIST(uv_poll_start(&s->poll, UV_READABLE | (s->is_blocked ? UV_WRITABLE : 0), on_poll) ==
                0);
}

struct quic_socket *quic_socket_new(struct quic_worker *qw, const struct quic_udp *u)
{
    struct quic_socket *s = calloc(1, sizeof(*s));

    if (!s)
        abort();
    s->udp = *u;
    if (uv_poll_init(qw->loop, &s->poll, u->fd) != 0) {
        quic_udp_close(&s->udp);
        free(s);
        return NULL;
    }
    s->worker = qw;
    s->refs = 1;
    rt_list_init(&s->waiting);
    rt_list_init(&s->kept);
    rt_list_init(&s->node);
    rt_list_push_back(&qw->sockets, &s->node);
    qw->socket_count++;
    watch(s);
    return s;
}

static void on_socket_closed(uv_handle_t *h)
{
    free(RT_CONTAINER_OF((uv_poll_t *)h, struct quic_socket, poll));
}

/* A run, or the rest of one, until the kernel takes more. */
struct quic_kept {
    struct rt_list node;
    struct quic_udp_out out;
    union quic_addr local, remote;
    uint8_t bytes[];
};

static struct quic_kept *next_kept(struct quic_socket *s)
{
    struct rt_list *n = rt_list_pop_front(&s->kept);
    struct quic_kept *k;

    if (!n)
        return NULL;
    k = RT_CONTAINER_OF(n, struct quic_kept, node);
    s->kept_bytes -= (uint32_t)k->out.len;
    return k;
}

static void keep(struct quic_socket *s, const struct quic_udp_out *o, size_t done)
{
    size_t n = o->len - done;
    struct quic_kept *k;

    quic_count(s->worker, QUIC_COUNTER_BLOCKED, 1);
    if (!s->is_blocked) {
        s->is_blocked = true;
        watch(s);
    }
    if (s->kept_bytes + n > QUIC_KEPT_BYTES_MAX) {
        quic_count(s->worker, QUIC_COUNTER_KEPT_LOST, 1);
        return;
    }
    k = calloc(1, sizeof(*k) + n);
    if (!k)
        abort();
    memcpy(k->bytes, o->bytes + done, n);
    memcpy(&k->local, o->local, quic_addr_len(o->local));
    memcpy(&k->remote, o->remote, o->remote_len);
    k->out = *o;
    k->out.bytes = k->bytes;
    k->out.len = n;
    k->out.local = &k->local.any;
    k->out.remote = &k->remote.any;
    rt_list_init(&k->node);
    rt_list_push_back(&s->kept, &k->node);
    s->kept_bytes += (uint32_t)n;
}

/* Its last words: once more, and then they are lost like any packet. */
static void empty_kept(struct quic_socket *s)
{
    struct quic_kept *k;
    size_t done;

    while ((k = next_kept(s))) {
        (void)quic_udp_write(&s->udp, &k->out, &done);
        free(k);
    }
}

void quic_socket_drop(struct quic_socket **sp)
{
    struct quic_socket *s = *sp;

    *sp = NULL;
    if (!s || --s->refs > 0)
        return;
    quic_tombs_drop(s->worker, s);
    rt_list_unlink(&s->node);
    s->worker->socket_count--;
    empty_kept(s);
    uv_close((uv_handle_t *)&s->poll, on_socket_closed);
    quic_udp_close(&s->udp);
}

void quic_socket_write(struct quic_socket *s, const struct quic_udp_out *o)
{
    struct quic_worker *qw = s->worker;
    size_t done = 0;

    if (!s->is_blocked) {
        done = o->len;
        (void)quic_udp_write(&s->udp, o, &done); /* what is lost is lost like any packet */
        quic_count(qw, QUIC_COUNTER_WRITES, 1);
        quic_count(qw, QUIC_COUNTER_PACKETS_OUT, (o->len + o->segment - 1) / o->segment);
        quic_count(qw, QUIC_COUNTER_BYTES_OUT, o->len);
    }
    if (done < o->len)
        keep(s, o, done);
}

static void on_writable(struct quic_socket *s)
{
    struct quic_kept *k;
    struct rt_list *n;

    s->is_blocked = false;
    while (!s->is_blocked && (k = next_kept(s))) {
        quic_socket_write(s, &k->out);
        free(k);
    }
    while (!s->is_blocked && (n = rt_list_pop_front(&s->waiting)))
        quic_output_mark(RT_CONTAINER_OF(n, struct relay_conn, dirty));
    watch(s);
}

/* -- handshake packets -- */

static void defer(struct quic_socket *s, const union quic_addr *local,
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

void quic_endpoint_drop_deferred(struct quic_worker *qw)
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
static bool is_welcome(struct quic_socket *s, const union quic_addr *local,
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
             is_welcome(p->socket, &p->local, &p->remote, p->bytes, p->len, &in))
        c = serve(p, &in);
    if (c && c->socket == p->socket)
        quic_conn_packet(c, &p->local, &p->remote, p->ecn, p->bytes, p->len);
    quic_input_end_train(qw);
}

void quic_endpoint_run_deferred(struct quic_worker *qw)
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

/* -- dispatch -- */

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
        quic_handover(s, to, local, remote, ecn, p, n);
        return;
    }
    if (is_short) {
        quic_stateless_reset(&x, vc->dcid, vc->dcidlen);
        return;
    }
    if (is_welcome(s, local, remote, p, n, &in))
        defer(s, local, remote, ecn, p, n);
}

void quic_endpoint_datagram(struct quic_socket *s, const union quic_addr *local,
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
        defer(s, local, remote, ecn, p, n);
    else
        quic_conn_packet(c, local, remote, ecn, p, n);
}

static void on_in(struct quic_socket *s, const struct quic_udp_in *in)
{
    quic_count(s->worker, QUIC_COUNTER_BYTES_IN, in->len);
    for (size_t at = 0; at < in->len; at += in->segment) {
        size_t n = in->len - at < in->segment ? in->len - at : in->segment;

        quic_endpoint_datagram(s, &in->local, &in->remote, in->ecn, in->bytes + at, n);
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

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct quic_socket *s = RT_CONTAINER_OF(poll, struct quic_socket, poll);

    s->refs++;
    quic_worker_clock(s->worker);
    if (events & UV_WRITABLE && s->is_blocked)
        on_writable(s);
    for (int i = 0; i < QUIC_READS_PER_EVENT && read_some(s); i++) {
    }
    if (status < 0 && s->refs > 1)
        watch(s); /* an error that the read has taken; the loop stops watching at one */
    quic_socket_drop(&s);
}
