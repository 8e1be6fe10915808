/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Reading. Invariant: after a delivery the wire's input is empty, or kept in the stash of a paused
 * connection, or the connection has ended. data is raised only while tls_conn_is_reading.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "conn.h"
#include "socket.h"

void tls_input_ready(struct relay_conn *c)
{
    if (rt_list_empty(&c->ready))
        rt_list_push_back(&c->worker->ready, &c->ready);
    tls_worker_kick(c->worker);
}

void tls_input_queue_handshake(struct relay_conn *c)
{
    if (rt_list_empty(&c->handshake))
        rt_list_push_back(&c->worker->handshakes, &c->handshake);
    tls_worker_kick(c->worker);
}

/* recv() into the scratch, with counters; retries when interrupted. */
static ssize_t receive(struct relay_conn *c)
{
    struct tls_worker *tw = c->worker;
    ssize_t n;

    do {
        n = recv(c->fd, tw->scratch, TLS_SCRATCH_BYTES, 0);
    } while (n < 0 && errno == EINTR);
    tls_count(tw, TLS_COUNTER_READS, 1);
    if (n > 0)
        tls_count(tw, TLS_COUNTER_BYTES_IN, (uint64_t)n);
    return n;
}

static void raise_eof(struct relay_conn *c)
{
    if (c->has_eof || !tls_conn_is_open(c))
        return;
    c->has_eof = true;
    c->worker->host->events->eof(c->user);
}

/* Decrypts records to dst. Returns the bytes; *out_result: why it stopped, TLS_DONE: dst is full.
 */
static size_t open_records(struct relay_conn *c, uint8_t *dst, size_t cap,
                           enum tls_result *out_result)
{
    size_t got = 0;

    *out_result = TLS_DONE;
    while (got < cap) {
        ssize_t n = tls_engine_open(&c->engine, dst + got, cap - got);

        if (n < 0) {
            *out_result = (enum tls_result)n;
            break;
        }
        got += (size_t)n;
        tls_count(c->worker, TLS_COUNTER_RECORDS_IN, 1);
    }
    return got;
}

/* Keeps ciphertext during a pause; from: the slice that holds it, NULL: the scratch. */
static void keep(struct relay_conn *c, const struct relay_slice *from)
{
    struct tls_wire *wire = &c->worker->wire;
    struct relay_buf *b;

    if (wire->in_len == 0 || !tls_conn_is_open(c))
        return;
    if (from) {
        c->stash = relay_slice_sub(*from, (uint32_t)(wire->in - from->ptr), (uint32_t)wire->in_len);
        return;
    }
    b = c->worker->host->buf_new(wire->in_len);
    if (!b) {
        tls_conn_no_memory(c);
        return;
    }
    memcpy(b->bytes, wire->in, wire->in_len);
    c->stash = relay_slice_own(b, b->bytes, (uint32_t)wire->in_len);
}

static void on_invalid_record(struct relay_conn *c)
{
    const char *why = tls_engine_error_text(&c->engine);

    tls_output_write_alert(c);
    tls_conn_end(c, RELAY_END_PROTOCOL, why);
}

/* Decrypts n bytes at p and delivers the plaintext, while the host reads. */
static void deliver(struct relay_conn *c, const uint8_t *p, size_t n,
                    const struct relay_slice *from)
{
    const struct relay_events *ev = c->worker->host->events;
    enum tls_result result = TLS_DONE;

    c->worker->wire.in = p;
    c->worker->wire.in_len = n;
    while (result == TLS_DONE && tls_conn_is_reading(c)) {
        uint8_t *dst;
        size_t cap, got;

        ev->alloc(c->user, &dst, &cap);
        if (!tls_conn_is_reading(c))
            break;
        got = open_records(c, dst, cap, &result);
        if (got > 0)
            c->is_inside = ev->data(c->user, got);
    }
    if (result == TLS_FAILED && (tls_conn_is_open(c) || c->state == TLS_CONN_CLOSING)) {
        on_invalid_record(c);
    } else if (result == TLS_EOF) {
        c->has_close_notify = true;
        raise_eof(c);
    } else {
        keep(c, from);
    }
}

static void on_input_end(struct relay_conn *c, ssize_t n, int error)
{
    if (n < 0 && error == EAGAIN && c->state != TLS_CONN_BROKEN)
        return;
    if (c->state == TLS_CONN_BROKEN) {
        tls_conn_end_errno(c, c->error);
    } else if (n < 0) {
        tls_conn_end_errno(c, error);
    } else {
        c->has_fin = true;
        raise_eof(c);
    }
}

static void read_open(struct relay_conn *c)
{
    int reads = 0;

    c->is_inside = false;
    while (tls_conn_is_reading(c) && !c->has_close_notify && reads++ < TLS_READS_PER_EVENT) {
        ssize_t n = receive(c);

        if (n <= 0) {
            on_input_end(c, n, errno);
            break;
        }
        deliver(c, c->worker->scratch, (size_t)n, NULL);
        if ((size_t)n < TLS_SCRATCH_BYTES && c->state != TLS_CONN_BROKEN)
            break;
    }
}

/* Runs after every delivery. */
static void finish_read(struct relay_conn *c)
{
    if (c->state == TLS_CONN_GONE)
        return;
    if (c->state == TLS_CONN_BROKEN) {
        if (tls_conn_is_reading(c) && !c->has_close_notify)
            tls_input_ready(c);
        else
            tls_conn_end_errno(c, c->error);
        return;
    }
    if (c->state == TLS_CONN_OPEN && !c->has_fin &&
        (c->is_inside || tls_engine_is_mid_record(&c->engine)))
        tls_socket_quickack(c->fd);
    tls_conn_watch(c);
}

/* After close: discards input, so that closing the socket does not reset the connection. */
static void discard(struct relay_conn *c)
{
    for (int i = 0; i < TLS_READS_PER_EVENT; i++) {
        ssize_t n = recv(c->fd, c->worker->scratch, TLS_SCRATCH_BYTES, MSG_TRUNC);

        if (n > 0)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (c->state == TLS_CONN_LINGERING)
            tls_conn_end(c, RELAY_END_LOCAL, NULL);
        else if (n < 0)
            tls_conn_end_errno(c, errno);
        if (c->state == TLS_CONN_GONE)
            return;
        c->has_fin = true;
        tls_conn_watch(c);
        return;
    }
}

void tls_input_readable(struct relay_conn *c, int events)
{
    if (c->state == TLS_CONN_HANDSHAKE) {
        tls_input_queue_handshake(c);
        return;
    }
    if (tls_conn_is_closing(c)) {
        discard(c);
        return;
    }
    if (!rt_list_empty(&c->ready))
        return; /* resumed in this turn: held input comes first */
    if (c->is_paused) {
        c->is_muted = true;
        if (events & UV_DISCONNECT)
            raise_eof(c);
        if (c->state != TLS_CONN_GONE)
            tls_conn_watch(c);
        return;
    }
    read_open(c);
    finish_read(c);
}

static void run_ready(struct relay_conn *c)
{
    struct relay_slice stash = relay_slice_take(&c->stash);

    if (!tls_conn_is_reading(c))
        c->stash = relay_slice_take(&stash); /* paused again */
    else if (!c->has_close_notify)
        deliver(c, stash.ptr, stash.len, &stash);
    relay_slice_drop(&stash);
    if (c->state == TLS_CONN_BROKEN)
        read_open(c);
    finish_read(c);
}

void tls_input_run_ready(struct tls_worker *tw)
{
    struct rt_list now, *n;

    rt_list_init(&now);
    while ((n = rt_list_pop_front(&tw->ready)))
        rt_list_push_back(&now, n);
    while ((n = rt_list_pop_front(&now)))
        run_ready(RT_CONTAINER_OF(n, struct relay_conn, ready));
}

static void count_failure(struct relay_conn *c)
{
    static const enum tls_counter counter[] = {
        [TLS_FAILURE_NOT_TLS] = TLS_COUNTER_FAILED_NOT_TLS,
        [TLS_FAILURE_NO_COMMON] = TLS_COUNTER_FAILED_NO_COMMON,
        [TLS_FAILURE_ALERT] = TLS_COUNTER_FAILED_ALERT,
        [TLS_FAILURE_OTHER] = TLS_COUNTER_FAILED_OTHER,
    };

    tls_count(c->worker, counter[tls_engine_failure(&c->engine)], 1);
}

static void on_handshake_done(struct relay_conn *c)
{
    struct tls_worker *tw = c->worker;

    tls_count(tw, TLS_COUNTER_HANDSHAKES, 1);
    tls_conn_set_state(c, TLS_CONN_OPEN);
    /* a client's first message may wait for the acknowledgement of its Finished */
    c->is_inside = c->is_server;
    tw->host->events->opened(c->user);
    deliver(c, tw->wire.in, tw->wire.in_len, NULL);
    finish_read(c);
}

/* False: no handshake input. */
static bool receive_handshake(struct relay_conn *c)
{
    struct tls_worker *tw = c->worker;
    ssize_t n = receive(c);

    tw->wire.in = tw->scratch;
    tw->wire.in_len = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return true;
    if (n < 0 && errno == EAGAIN)
        return !c->is_server && !tls_engine_begun(&c->engine);
    if (n < 0)
        tls_conn_end_errno(c, errno);
    else
        tls_conn_end(c, RELAY_END_PEER, "closed during the TLS handshake");
    return false;
}

static void run_handshake(struct relay_conn *c)
{
    struct tls_worker *tw = c->worker;

    if (!receive_handshake(c))
        return;
    if (!tls_engine_begun(&c->engine) &&
        !tls_engine_init(&c->engine, tw->creds, c->is_server, &tw->wire)) {
        tls_conn_no_memory(c);
        return;
    }
    switch (tls_engine_handshake(&c->engine)) {
    case TLS_DONE:
        on_handshake_done(c);
        break;
    case TLS_AGAIN:
        if (!c->out.buf)
            tls_socket_quickack(c->fd);
        break;
    default:
        count_failure(c);
        tls_output_write_alert(c);
        tls_conn_end(c, RELAY_END_HANDSHAKE, tls_engine_error_text(&c->engine));
        break;
    }
}

void tls_input_run_handshakes(struct tls_worker *tw)
{
    uint64_t until;
    struct rt_list *n;

    if (rt_list_empty(&tw->handshakes))
        return;
    until = uv_hrtime() + TLS_HANDSHAKE_TURN_NS;
    do {
        n = rt_list_pop_front(&tw->handshakes);
        run_handshake(RT_CONTAINER_OF(n, struct relay_conn, handshake));
    } while (!rt_list_empty(&tw->handshakes) && uv_hrtime() < until);
}
