/* SPDX-License-Identifier: MPL-2.0 */
/* Reading. Reports of an engine become events: at once, or later for input that was held. */
#include <string.h>

#include "conn.h"
#include "stateless.h"

static void on_opened(void *owner)
{
    struct relay_conn *c = owner;

    quic_count(c->worker, QUIC_COUNTER_HANDSHAKES, 1);
    quic_conn_validated(c);
    if (c->state == QUIC_CONN_CLOSING)
        return;
    quic_conn_set_state(c, QUIC_CONN_OPEN);
    c->worker->host->events->opened(c->user);
}

static void raise_data(struct relay_conn *c, size_t n)
{
    quic_engine_consumed(c->engine, n);
    c->is_inside = c->worker->host->events->data(c->user, n);
}

/* -- delivery -- */

static void report_delivery(struct relay_conn *c)
{
    struct quic_delivery *t = c->delivery;
    size_t n = t->filled;

    t->room = t->filled = 0;
    if (n > 0)
        raise_data(c, n);
}

/* Prefetches the destination of the next packet's bytes. */
static void prefetch_next(const struct quic_delivery *t)
{
    if (t->room < QUIC_PACKET_MAX)
        return;
    for (size_t at = 0; at < QUIC_PACKET_MAX; at += QUIC_CACHE_LINE)
        __builtin_prefetch(t->to + at, 1);
}

/* Copies from p to where the host wants it, while it reads: the number of bytes. */
static size_t deliver(struct relay_conn *c, const uint8_t *p, size_t n)
{
    struct quic_delivery *t = c->delivery;
    size_t done = 0;

    while (done < n && quic_conn_is_reading(c)) {
        size_t here;

        if (t->room == 0)
            c->worker->host->events->alloc(c->user, &t->to, &t->room);
        if (!quic_conn_is_reading(c)) {
            t->room = 0;
            break;
        }
        here = n - done < t->room ? n - done : t->room;
        memcpy(t->to, p + done, here);
        done += here;
        t->to += here;
        t->room -= here;
        t->filled += here;
        if (t->room == 0 || !c->is_inside)
            report_delivery(c);
    }
    prefetch_next(t);
    return done;
}

static void note_bytes(struct relay_conn *c, size_t n)
{
    c->unwritten += (uint32_t)n;
    c->received += n;
}

static void on_data(void *owner, const uint8_t *p, size_t n)
{
    struct relay_conn *c = owner;
    size_t done = 0;

    note_bytes(c, n);
    if (c->held.bytes == 0)
        done = deliver(c, p, n);
    if (done == n)
        return;
    if (c->state == QUIC_CONN_CLOSING)
        quic_engine_consumed(c->engine, n - done); /* discarded */
    else if (!quic_held_push(&c->held, c->worker->host->buf_new, p + done, n - done))
        quic_conn_begin_closing(c, RELAY_END_SYSTEM);
}

static void raise_eof(struct relay_conn *c)
{
    c->owes_eof = false;
    if (c->has_eof || c->state != QUIC_CONN_OPEN)
        return;
    c->has_eof = true;
    c->worker->host->events->eof(c->user);
}

/* eof is raised even while the connection is paused; otherwise after the data. */
static void on_fin(void *owner)
{
    struct relay_conn *c = owner;

    report_delivery(c);
    if (c->held.bytes > 0 && !c->is_paused)
        c->owes_eof = true;
    else
        raise_eof(c);
}

static bool on_cid_add(void *owner, const ngtcp2_cid *cid)
{
    struct relay_conn *c = owner;
    struct quic_cid_map *m = &c->worker->cids;

    return quic_cid_map_add(m, quic_cid_hash(m, cid->data, cid->datalen), &c->owner);
}

static void on_cid_remove(void *owner, const ngtcp2_cid *cid)
{
    struct relay_conn *c = owner;
    struct quic_cid_map *m = &c->worker->cids;

    quic_cid_map_remove(m, quic_cid_hash(m, cid->data, cid->datalen), &c->owner);
}

static void on_narrowed(void *owner)
{
    quic_count(((struct relay_conn *)owner)->worker, QUIC_COUNTER_MTU_FALLBACKS, 1);
}

const struct quic_engine_ops quic_conn_engine_ops = {
    .opened = on_opened,
    .data = on_data,
    .fin = on_fin,
    .cid_add = on_cid_add,
    .cid_remove = on_cid_remove,
    .narrowed = on_narrowed,
};

void quic_conn_read(struct relay_conn *c, const struct quic_datagram *d)
{
    struct quic_delivery delivery = {0};

    PLUGIN_INSIST(c->engine && c->state != QUIC_CONN_GONE && !c->delivery);
    c->delivery = &delivery;
    if (quic_engine_read(c->engine, d, c->worker->now_ns))
        c->is_urgent = true;
    report_delivery(c);
    c->delivery = NULL;
    if (quic_engine_wants_retry(c->engine))
        quic_stateless_retry_initial(c->socket, d);
    quic_output_received(c);
    quic_conn_reap(c);
}

/* -- held input -- */

static void deliver_held(struct relay_conn *c)
{
    const struct relay_events *ev = c->worker->host->events;
    size_t total = 0;

    while (c->held.bytes > 0 && quic_conn_is_reading(c)) {
        uint8_t *to;
        size_t cap, got;

        ev->alloc(c->user, &to, &cap);
        if (!quic_conn_is_reading(c))
            break;
        got = quic_held_take(&c->held, to, cap);
        raise_data(c, got);
        total += got;
    }
    if (c->owes_eof && c->held.bytes == 0)
        raise_eof(c);
    note_bytes(c, total);
    quic_output_received(c);
}

void quic_input_run_ready(struct quic_worker *qw)
{
    struct rt_list now, *n;

    rt_list_init(&now);
    while ((n = rt_list_pop_front(&qw->ready)))
        rt_list_push_back(&now, n);
    while ((n = rt_list_pop_front(&now)))
        deliver_held(RT_CONTAINER_OF(n, struct relay_conn, ready));
}
