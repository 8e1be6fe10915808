/* SPDX-License-Identifier: MPL-2.0 */
/* The table of the tcp_tls transport, and the credentials that all its workers share. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "conn.h"
#include "listen.h"

#define NS_PER_S UINT64_C(1000000000)

static struct {
    pthread_mutex_t lock;
    struct tls_creds *creds;
    uint32_t workers; /* that use them */
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const struct relay_transport table;

static int creds_ref(const struct relay_host *host, struct relay_worker *w, struct tls_creds **out,
                     struct relay_error *err)
{
    uint8_t seed[TLS_SEED_BYTES], serial[TLS_SERIAL_BYTES];
    int rc = 0;

    pthread_mutex_lock(&shared.lock);
    if (!shared.creds) {
        host->random(w, seed, sizeof(seed));
        host->random(w, serial, sizeof(serial));
        rc = tls_creds_new(seed, serial, host->wall_ns(w) / NS_PER_S, TLS_SIGNER_SODIUM,
                           &shared.creds, err);
        explicit_bzero(seed, sizeof(seed));
    }
    if (rc == 0) {
        shared.workers++;
        *out = shared.creds;
    }
    pthread_mutex_unlock(&shared.lock);
    return rc;
}

static void creds_drop(void)
{
    pthread_mutex_lock(&shared.lock);
    if (--shared.workers == 0)
        tls_creds_free(&shared.creds);
    pthread_mutex_unlock(&shared.lock);
}

static int worker_init(const struct relay_host *host, struct relay_worker *w, void **out_state,
                       struct relay_error *err)
{
    struct tls_worker *tw;
    struct tls_creds *creds;

    if (host->size < sizeof(*host)) {
        snprintf(err->text, sizeof(err->text),
                 "tcp_tls: the host's table is older than this plugin");
        return -1;
    }
    if (creds_ref(host, w, &creds, err) != 0)
        return -1;
    if (tls_worker_init(host, &table, w, creds, &tw, err) != 0) {
        creds_drop();
        return -1;
    }
    *out_state = tw;
    return 0;
}

static void worker_fini(void *state)
{
    tls_worker_fini(state);
    creds_drop();
}

static int listen_on(void *state, const struct relay_listen *spec, struct relay_listener **out,
                     struct sockaddr_storage *out_bound, struct relay_error *err)
{
    return tls_listen(state, spec, out, out_bound, err);
}

static int dial(void *state, const struct sockaddr *addr, socklen_t addr_len, void *user,
                struct relay_conn **out, struct relay_error *err)
{
    return tls_dial(state, addr, addr_len, user, out, err);
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
    .listen = listen_on,
    .unlisten = tls_unlisten,
    .dial = dial,
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
