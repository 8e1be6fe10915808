/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <string.h>

#include "common/error.h"
#include "conn.h"

int quic_dial(void *state, const struct sockaddr *addr, socklen_t len, void *user,
              struct relay_conn **out, struct relay_error *err)
{
    struct quic_worker *qw = state;
    struct relay_conn *c;
    struct quic_socket *s;
    union quic_addr remote;
    struct quic_udp u;
    int error = quic_udp_connect(&u, addr, len);

    if (error != 0)
        return plugin_error_set(err, "quic", "cannot dial", addr, len, error);
    s = quic_socket_new(qw, &u);
    if (!s)
        return plugin_error_set(err, "quic", "cannot dial", addr, len, ENOMEM);
    c = quic_conn_new(qw, s);
    s->only = c;
    quic_socket_drop(&s); /* the connection's from here on */
    memcpy(&remote, addr, len < sizeof(remote) ? len : sizeof(remote));
    c->engine =
        quic_engine_dial(&qw->env, c, &c->socket->udp.local, &remote, quic_worker_clock(qw));
    if (!c->engine) {
        quic_conn_discard(c);
        return plugin_error_set(err, "quic", "cannot dial", addr, len, ENOMEM);
    }
    quic_count(qw, QUIC_COUNTER_DIALLED, 1);
    quic_conn_begin(c, user);
    quic_output_mark(c);
    *out = c;
    return 0;
}
