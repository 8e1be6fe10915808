/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "conn.h"

struct relay_listener {
    struct quic_socket *socket;
};

static void warn_small_buffer(struct quic_worker *qw, const struct quic_udp *u)
{
    int bytes = quic_udp_buffer(u);
    char text[160];

    if (bytes >= QUIC_SOCKET_BUFFER ||
        atomic_exchange_explicit(&qw->shared->has_warned, true, memory_order_relaxed))
        return;
    snprintf(text, sizeof(text),
             "quic: UDP receive buffer too small, packets may be lost under load: size_kib=%d "
             "wanted_kib=%d; raise net.core.rmem_max",
             bytes / 1024, QUIC_SOCKET_BUFFER / 1024);
    qw->host->log(RELAY_LOG_WARN, text);
}

static const struct sockaddr *spec_addr(const struct relay_listen *spec, const struct quic_udp *u,
                                        socklen_t *out_len)
{
    *out_len = spec->fd < 0 ? spec->addr_len : quic_addr_len(&u->local);
    return spec->fd < 0 ? spec->addr : &u->local.any;
}

int quic_listen(void *state, const struct relay_listen *spec, struct relay_listener **out,
                struct sockaddr_storage *out_bound, struct relay_error *err)
{
    struct quic_worker *qw = state;
    const struct sockaddr *addr;
    struct quic_socket *s = NULL;
    struct relay_listener *l;
    struct quic_udp u;
    socklen_t len;
    int error;

    if (spec->fd >= 0)
        error = quic_udp_inherit(&u, spec->fd);
    else
        error = quic_udp_bind(&u, spec->addr, spec->addr_len, spec->count > 1, spec->index == 0);
    addr = spec_addr(spec, &u, &len);
    if (error == 0) {
        s = quic_socket_new(qw, &u);
        error = s ? 0 : ENOMEM;
    }
    if (error != 0)
        return plugin_error_set(err, "quic", "cannot listen on", addr, len, error);
    warn_small_buffer(qw, &u);
    if (spec->count > 1)
        qw->is_steered = quic_udp_steer(&u, spec->count) && spec->count == qw->env.workers;
    l = calloc(1, sizeof(*l));
    if (!l)
        abort();
    s->accepts = true;
    l->socket = s;
    qw->listeners++;
    memset(out_bound, 0, sizeof(*out_bound));
    memcpy(out_bound, &s->udp.local, sizeof(s->udp.local));
    *out = l;
    return 0;
}

void quic_unlisten(struct relay_listener *l)
{
    struct quic_worker *qw = l->socket->worker;

    qw->listeners--;
    l->socket->accepts = false;
    quic_socket_drop(&l->socket);
    free(l);
}
