/* SPDX-License-Identifier: MPL-2.0 */
/* The table of the tcp_tls transport, and the credentials that all its workers share. */
#include "common/error.h"
#include "conn.h"
#include "listen.h"
#include "turn.h"

static struct tls_creds_shared shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const struct relay_transport table;

static int worker_init(const struct relay_host *host, struct relay_worker *w, void **out_state,
                       struct relay_error *err)
{
    struct tls_creds *creds;

    if (plugin_check_host(host, w, "tcp_tls", err) != 0 ||
        tls_creds_share(&shared, host, w, TLS_PRIORITY, &creds, err) != 0)
        return -1;
    *out_state = tls_worker_new(host, &table, &tls_turn_hooks, w, creds);
    return 0;
}

static void worker_fini(void *state)
{
    tls_worker_free(state);
    tls_creds_unshare(&shared);
}

static const struct relay_transport table = {
    .magic = RELAY_TRANSPORT_MAGIC,
    .abi_minor = RELAY_ABI_MINOR,
    .build = RELAY_BUILD_KIND,
    .size = sizeof(struct relay_transport),
    .name = "tcp_tls",
    .schemes = "tcp",
    .worker_init = worker_init,
    .worker_fini = worker_fini,
    .listen = tls_listen,
    .unlisten = tls_unlisten,
    .dial = tls_dial,
    .send = tls_output_send,
    .pause = tls_conn_pause,
    .resume = tls_conn_resume,
    .close = tls_conn_close,
    .peer = tls_conn_peer,
};

const struct relay_transport *relay_transport_v1(void);

__attribute__((visibility("default"))) const struct relay_transport *relay_transport_v1(void)
{
    return &table;
}
