/* SPDX-License-Identifier: MPL-2.0 */
/* The table of the quic transport, and what all its workers share. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "conn.h"
#include "tls.h"
#include "turn.h"

#define NS_PER_S UINT64_C(1000000000)

static struct {
    pthread_mutex_t lock;
    struct quic_shared all;
    uint32_t workers; /* that use it */
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const struct relay_transport table;

static int shared_make(const struct relay_host *host, struct relay_worker *w,
                       struct relay_error *err)
{
    uint8_t seed[TLS_SEED_BYTES], serial[TLS_SERIAL_BYTES];
    int rc;

    host->random(w, seed, sizeof(seed));
    host->random(w, serial, sizeof(serial));
    rc = tls_creds_new(seed, serial, host->wall_ns(w) / NS_PER_S, TLS_SIGNER_SODIUM,
                       &shared.all.creds, err);
    explicit_bzero(seed, sizeof(seed));
    if (rc != 0)
        return -1;
    if (gnutls_priority_init(&shared.all.priority, QUIC_PRIORITY, NULL) == 0)
        return 0;
    tls_creds_free(&shared.all.creds);
    snprintf(err->text, sizeof(err->text), "quic: GnuTLS does not know our ciphers");
    return -1;
}

static int shared_ref(const struct relay_host *host, struct relay_worker *w,
                      struct relay_error *err)
{
    int rc = 0;

    pthread_mutex_lock(&shared.lock);
    if (!shared.all.creds)
        rc = shared_make(host, w, err);
    if (rc == 0)
        shared.workers++;
    pthread_mutex_unlock(&shared.lock);
    return rc;
}

static void shared_drop(void)
{
    pthread_mutex_lock(&shared.lock);
    if (--shared.workers == 0) {
        gnutls_priority_deinit(shared.all.priority);
        tls_creds_free(&shared.all.creds);
        memset(&shared.all, 0, sizeof(shared.all));
    }
    pthread_mutex_unlock(&shared.lock);
}

static int worker_init(const struct relay_host *host, struct relay_worker *w, void **out_state,
                       struct relay_error *err)
{
    struct quic_worker *qw;

    if (host->size < sizeof(*host)) {
        snprintf(err->text, sizeof(err->text), "quic: the host's table is older than this plugin");
        return -1;
    }
    if (shared_ref(host, w, err) != 0)
        return -1;
    if (quic_worker_init(host, &table, &quic_turn_hooks, w, &shared.all, &qw, err) != 0) {
        shared_drop();
        return -1;
    }
    *out_state = qw;
    return 0;
}

static void worker_fini(void *state)
{
    quic_worker_fini(state);
    shared_drop();
}

static int listen_on(void *state, const struct relay_listen *spec, struct relay_listener **out,
                     struct sockaddr_storage *out_bound, struct relay_error *err)
{
    return quic_listen(state, spec, out, out_bound, err);
}

static int dial(void *state, const struct sockaddr *addr, socklen_t addr_len, void *user,
                struct relay_conn **out, struct relay_error *err)
{
    return quic_dial(state, addr, addr_len, user, out, err);
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
    .listen = listen_on,
    .unlisten = quic_unlisten,
    .dial = dial,
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
