/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Writing. Invariant: a connection with something to write is on the worker's dirty list, or on the
 * waiting list of its blocked socket; else its expiry is set.
 */
#include <string.h>

#include "conn.h"

/* Packets for one system call: of one path and one size, the last may be shorter. */
struct run {
    ngtcp2_path_storage path;
    size_t at, len, segment; /* in worker->out */
    uint32_t count, max;     /* packets, and their limit */
};

void quic_output_mark(struct relay_conn *c)
{
    if (rt_list_empty(&c->dirty))
        rt_list_push_back(&c->worker->dirty, &c->dirty);
    quic_worker_kick(c->worker);
}

void quic_conn_arm(struct relay_conn *c)
{
    struct quic_worker *qw = c->worker;
    uint64_t at = quic_engine_expiry(c->engine);

    if (c->linger_ns && c->linger_ns < at)
        at = c->linger_ns;
    if (at <= qw->now_ns)
        at = qw->now_ns + 1; /* other connections come first */
    quic_expiries_set(&qw->expiries, &c->expiry, at);
    quic_worker_arm(qw);
}

/*
 * True if the acknowledgement may wait. Alone it costs a packet and a system call; a reply that
 * follows soon carries it. In a long message one acknowledgement covers several packets: half of
 * what a sender has in flight in slow start. It must not wait while the library may have more to
 * send: our own data is unsent, or was acknowledged in part or lost.
 */
static bool may_ack_wait(const struct relay_conn *c)
{
    const struct quic_engine *e = c->engine;
    uint64_t most = QUIC_ACK_FIRST_BYTES + c->received / 4;
    bool is_settled = !quic_engine_has_unsent(e) &&
                      (quic_engine_left(e) == 0 || quic_engine_in_flight(e) == c->in_flight);

    return c->unwritten < (most < QUIC_ACK_BYTES ? most : QUIC_ACK_BYTES) && is_settled &&
           c->state == QUIC_CONN_OPEN && !c->owes_sent && rt_list_empty(&c->dirty);
}

static void arm_by(struct relay_conn *c, uint64_t at_ns)
{
    quic_expiries_hasten(&c->worker->expiries, &c->expiry, at_ns);
    quic_worker_arm(c->worker);
}

void quic_output_timer_changed(struct relay_conn *c)
{
    uint64_t at = quic_engine_expiry(c->engine), soon = c->worker->now_ns + QUIC_ACK_ONE_NS;

    arm_by(c, at > soon ? at : soon); /* keeps the delay of a pending acknowledgement */
}

static void raise_sent(struct relay_conn *c)
{
    uint64_t left = quic_engine_left(c->engine);

    if (c->state != QUIC_CONN_OPEN || (!c->owes_sent && left >= c->reported_left))
        return;
    c->owes_sent = false;
    c->reported_left = left;
    c->worker->host->events->sent(c->user, left);
}

void quic_output_received(struct relay_conn *c)
{
    if (!may_ack_wait(c)) {
        quic_output_mark(c);
        return;
    }
    arm_by(c, c->worker->now_ns +
                  (c->is_urgent || c->unwritten > QUIC_PACKET_MAX ? QUIC_ACK_NS : QUIC_ACK_ONE_NS));
    raise_sent(c);
}

static void write_run(struct relay_conn *c, struct run *r)
{
    struct quic_worker *qw = c->worker;
    struct quic_datagram o = {
        .local = quic_addr_of(r->path.path.local.addr),
        .remote = quic_addr_of(r->path.path.remote.addr),
        .bytes = qw->out + r->at,
        .len = r->len,
        .segment = r->segment,
    };

    if (r->len > 0 && !quic_socket_write(c->socket, &o))
        quic_engine_refused(c->engine, r->segment, qw->now_ns);
    r->at += r->len;
    r->len = r->count = 0;
}

static bool is_same_path(const ngtcp2_path_storage *a, const ngtcp2_path_storage *b)
{
    return memcmp(&a->remote_addrbuf, &b->remote_addrbuf, sizeof(a->remote_addrbuf)) == 0 &&
           memcmp(&a->local_addrbuf, &b->local_addrbuf, sizeof(a->local_addrbuf)) == 0;
}

static bool fits(const struct run *r, const ngtcp2_path_storage *path, size_t n)
{
    return r->count < r->max && n <= r->segment && is_same_path(&r->path, path);
}

/* An MTU probe is written alone: if it is too long, the system refuses the whole run. */
static void begin_run(struct relay_conn *c, struct run *r, const ngtcp2_path_storage *path,
                      size_t n)
{
    ngtcp2_path_copy(&r->path.path, &path->path);
    r->segment = n;
    r->max = n > quic_engine_path_max(c->engine) ? 1 : QUIC_SEGMENTS_MAX;
}

/* Writes packets while there are some and the pace allows, 64 KiB at most. True: maybe more. */
static bool write_packets(struct relay_conn *c)
{
    struct quic_worker *qw = c->worker;
    size_t quantum = quic_engine_quantum(c->engine), total = 0;
    ngtcp2_path_storage path;
    struct run r = {0};
    bool is_more = true;

    memset(&path, 0, sizeof(path)); /* is_same_path compares the unused bytes, too */
    r.path = path;
    ngtcp2_path_storage_zero(&path);
    ngtcp2_path_storage_zero(&r.path);
    if (quantum > QUIC_UDP_MAX - QUIC_PACKET_MAX)
        quantum = QUIC_UDP_MAX - QUIC_PACKET_MAX;
    while (total < quantum && !c->socket->is_blocked) {
        size_t n =
            quic_engine_write(c->engine, &path, qw->out + total, QUIC_PACKET_MAX, qw->now_ns);
        if (n == 0) {
            is_more = false;
            break;
        }
        if (!fits(&r, &path, n)) {
            write_run(c, &r);
            begin_run(c, &r, &path, n);
        }
        if (n < r.segment)
            r.max = 0; /* a shorter packet ends the run */
        r.count++;
        r.len += n;
        total += n;
    }
    write_run(c, &r);
    c->unpaced += (uint32_t)total;
    if (c->unpaced > QUIC_BURST_BYTES && !quic_engine_has_ended(c->engine)) {
        quic_engine_wrote(c->engine, qw->now_ns);
        c->unpaced = 0;
    }
    return is_more;
}

/* A graceful close: after all is delivered, the peer has QUIC_LINGER_NS to send its FIN. */
static void advance_close(struct relay_conn *c)
{
    struct quic_worker *qw = c->worker;

    if (c->closing_for == RELAY_END_SYSTEM)
        quic_engine_abort(c->engine, RELAY_END_SYSTEM, "no memory for its buffers");
    else if (c->is_aborted)
        quic_engine_end(c->engine, QUIC_APP_ABORTED);
    else if (quic_engine_is_finished(c->engine))
        quic_engine_end(c->engine, QUIC_APP_CLOSED);
    else if (!c->linger_ns && quic_engine_is_delivered(c->engine))
        c->linger_ns = qw->now_ns + QUIC_LINGER_NS;
}

void quic_conn_flush(struct relay_conn *c)
{
    bool is_more = true;

    c->unwritten = 0;
    c->is_urgent = false;
    if (c->state == QUIC_CONN_CLOSING)
        advance_close(c);
    if (quic_conn_reap(c))
        return;
    for (int i = 0; is_more && i < QUIC_RUNS_PER_FLUSH && !c->socket->is_blocked; i++) {
        is_more = write_packets(c) && quic_engine_expiry(c->engine) <= c->worker->now_ns;
    }
    if (quic_conn_reap(c))
        return;
    if (c->socket->is_blocked && rt_list_empty(&c->dirty))
        rt_list_push_back(&c->socket->waiting, &c->dirty);
    else if (is_more)
        quic_output_mark(c);
    c->in_flight = quic_engine_in_flight(c->engine);
    quic_conn_arm(c);
    raise_sent(c);
}

void quic_output_run_dirty(struct quic_worker *qw)
{
    struct rt_list now, *n;

    rt_list_init(&now);
    while ((n = rt_list_pop_front(&qw->dirty)))
        rt_list_push_back(&now, n);
    while ((n = rt_list_pop_front(&now)))
        quic_conn_flush(RT_CONTAINER_OF(n, struct relay_conn, dirty));
}
