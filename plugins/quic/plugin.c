/* SPDX-License-Identifier: MPL-2.0 */
/* The table of the quic transport, and what all its workers share. */
#include "common/error.h"
#include "conn.h"
#include "tls.h"
#include "turn.h"

static struct tls_creds_shared creds = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct quic_shared shared;

static const struct relay_transport table;

static int worker_init(const struct relay_host *host, struct relay_worker *w, void **out_state,
                       struct relay_error *err)
{
    struct tls_creds *c;
    struct quic_worker *qw;

    if (plugin_check_host(host, w, "quic", err) != 0 ||
        tls_creds_share(&creds, host, w, QUIC_PRIORITY, &c, err) != 0)
        return -1;
    if (quic_worker_init(host, &table, &quic_turn_hooks, w, c, &shared, &qw, err) != 0) {
        tls_creds_unshare(&creds);
        return -1;
    }
    *out_state = qw;
    return 0;
}

static void worker_fini(void *state)
{
    quic_worker_fini(state);
    tls_creds_unshare(&creds);
}

static const struct relay_transport table = {
    .magic = RELAY_TRANSPORT_MAGIC,
    .abi_minor = RELAY_ABI_MINOR,
    .build = RELAY_BUILD_KIND,
    .size = sizeof(struct relay_transport),
    .name = "quic",
    .schemes = "quic",
    .worker_init = worker_init,
    .worker_fini = worker_fini,
    .listen = quic_listen,
    .unlisten = quic_unlisten,
    .dial = quic_dial,
    .send = quic_conn_send,
    .pause = quic_conn_pause,
    .resume = quic_conn_resume,
    .close = quic_conn_close,
    .peer = quic_conn_peer,
    .keep_alive = quic_conn_keep_alive,
};

const struct relay_transport *relay_transport_v1(void);

__attribute__((visibility("default"))) const struct relay_transport *relay_transport_v1(void)
{
    return &table;
}
