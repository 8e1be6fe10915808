/* SPDX-License-Identifier: MPL-2.0 */
#include "turn.h"

#include "accept.h"
#include "conn.h"
#include "dispatch.h"
#include "closing.h"

static void run_end_of_turn(struct quic_worker *qw)
{
    quic_worker_clock(qw);
    quic_input_run_ready(qw);
    quic_output_run_dirty(qw);
    quic_accept_run_deferred(qw);
    quic_output_run_dirty(qw);
}

static void run_timer(struct quic_worker *qw)
{
    struct quic_expiry *m;

    quic_closing_expire(qw);
    while ((m = quic_expiries_pop(&qw->expiries, qw->now_ns)))
        quic_conn_expire(RT_CONTAINER_OF(m, struct relay_conn, expiry));
}

static void on_socket_closed(struct quic_socket *s)
{
    quic_closing_drop_of(s->worker, s);
}

const struct quic_hooks quic_turn_hooks = {
    .engine = &quic_conn_engine_ops,
    .end_of_turn = run_end_of_turn,
    .timer = run_timer,
    .stop = quic_accept_drop_deferred,
    .socket_readable = quic_dispatch_read,
    .socket_closed = on_socket_closed,
};
